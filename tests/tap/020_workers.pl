# The launcher follows what happens to databases, and blocks none of it.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);
use CrmTest;

my $node = crm_node('main');
my $worker_of = "SELECT count(*) = 1 FROM crm.worker_status WHERE process = 'worker' AND database = current_database()";

is($node->safe_psql('postgres', "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'crm launcher'"),
	'1', 'a launcher runs without any database that has the extension');

crm_database($node, 'shop');
ok(wait_until($node, 'shop', $worker_of, 'worker of shop'), 'CREATE EXTENSION brings a worker');
crm_database($node, 'twin');
ok(wait_until($node, 'twin', $worker_of, 'worker of twin'), 'a second database has its own');
is($node->safe_psql('shop', "SELECT state FROM crm.doctor() WHERE finding = 'worker of this database'"), 'ok', 'doctor sees it');

# a rolled back CREATE EXTENSION leaves no worker
$node->safe_psql('postgres', 'BEGIN; CREATE EXTENSION crm; ROLLBACK');
is($node->safe_psql('shop', "SELECT count(*) FROM crm.worker_status WHERE database = 'postgres'"), '0', 'a rolled back one brings none');

# jobs run, as crm_owner, and a failing one stops no other
$node->safe_psql('shop', q{
	SET ROLE crm_owner;
	CREATE TABLE crm.probe (who text);
	INSERT INTO crm.job (job, statement, every, next_run_at) VALUES
		('probe.fail', 'SELECT (1 / 0)::bigint', '1 second', crm.core_now()),
		('probe.run', 'WITH w AS (INSERT INTO crm.probe VALUES (current_user) RETURNING 1) SELECT 0::bigint FROM w', '1 second', crm.core_now())});
ok(wait_until($node, 'shop', 'SELECT count(*) >= 2 FROM crm.probe', 'the job'), 'a job runs beside a failing one');
is($node->safe_psql('shop', 'SELECT DISTINCT who FROM crm.probe'), 'crm_owner', 'as crm_owner');
ok(wait_until($node, 'shop', "SELECT failures > 0 AND last_error = 'division by zero' FROM crm.job WHERE job = 'probe.fail'", 'noted failure'), 'the failure is noted');
is($node->safe_psql('shop', q{SET ROLE crm_admin; SELECT failures > 0, last_error, last_run_at IS NOT NULL FROM crm.job_status WHERE job = 'probe.fail'}), 't|division by zero|t', 'for whoever looks after the house to see');
# one that is woken at its moment and fails there waits longer and longer, too: its moment is past for ever
$node->safe_psql('shop', q{
	SET ROLE crm_owner;
	INSERT INTO crm.job (job, statement, wake_statement, every, next_run_at) VALUES ('probe.moment',
		'WITH w AS (INSERT INTO crm.probe VALUES (''moment'') RETURNING 1)
		 SELECT 0 / (SELECT (count(*) = 0)::int FROM crm.probe WHERE who = ''moment'')::bigint FROM w', 'SELECT 10::bigint', '1 hour', crm.core_now())});
ok(wait_until($node, 'shop', "SELECT failures >= 3 FROM crm.job WHERE job = 'probe.moment'", 'its third failure'), 'a job that fails at its moment is tried again');
cmp_ok($node->safe_psql('shop', "SELECT failures FROM crm.job WHERE job = 'probe.moment'"), '<=', 4, 'after a pause each time');
# so does a daily job whose time has come; nobody is told thrice
$node->safe_psql('shop', q{
	SET ROLE crm_owner;
	INSERT INTO crm.job (job, statement, every, at_local, next_run_at) VALUES ('probe.daily',
		'SELECT (1 / (SELECT (count(*) > 0)::int FROM crm.probe WHERE who = ''mended''))::bigint - 1', '1 day', '04:00', crm.core_now() - interval '1 hour')});
ok(wait_until($node, 'shop', "SELECT failures >= 5 FROM crm.job WHERE job = 'probe.daily'", 'its fifth failure'), 'a daily job that fails is tried again');
# it now waits 16 s, whatever the jobs' list says, which is read anew every 5 s
my $failed_daily = q{SELECT failures FROM crm.job WHERE job = 'probe.daily'};
# (a busy machine may be told of the fifth late, and then see the sixth; one that forgot the pause would have failed twice more)
cmp_ok($node->safe_psql('shop', "DO 'BEGIN PERFORM pg_sleep(11); END'; $failed_daily"), '<=', 6, 'after pauses of 1, 2, 4, 8 and more seconds');
is($node->safe_psql('shop', q{SELECT count(*), min(detail ->> 'error') FROM crm.alert WHERE kind = 'worker.job' AND key = 'probe.daily'}), '1|22012', 'one alert says so');
$node->safe_psql('shop', q{INSERT INTO crm.probe VALUES ('mended')});
ok(wait_until($node, 'shop', q{SELECT failures = 0 AND last_error IS NULL AND next_run_at > crm.core_now() FROM crm.job WHERE job = 'probe.daily'}, 'the run that is good'),
	'mended, it runs, and next tomorrow');
is($node->safe_psql('shop', q{SELECT closed_at IS NOT NULL FROM crm.alert WHERE kind = 'worker.job' AND key = 'probe.daily'}), 't', 'which closes the alert');
# switched off, a job runs no more, though the worker reads the list of jobs every few seconds only
$node->safe_psql('shop', q{SET ROLE crm_owner; INSERT INTO crm.job (job, statement, every, next_run_at)
	SELECT 'probe.' || n, format('WITH w AS (INSERT INTO crm.probe VALUES (%L) RETURNING 1) SELECT 0::bigint FROM w', n), '20 ms', crm.core_now() FROM unnest('{off,on}'::text[]) n});
my $runs = q{SELECT count(*) FROM crm.probe WHERE who = '%s'};
ok(wait_until($node, 'shop', sprintf("SELECT (%s) > 2", sprintf($runs, 'off')), 'runs'), 'two jobs run');
my ($off, $on) = split /\|/, $node->safe_psql('shop', "UPDATE crm.job SET is_active = false WHERE job = 'probe.off'; SELECT (" . sprintf($runs, 'off') . '), (' . sprintf($runs, 'on') . ')');
ok(wait_until($node, 'shop', sprintf("SELECT (%s) > $on + 20", sprintf($runs, 'on')), 'more runs'), 'the other goes on');
cmp_ok($node->safe_psql('shop', sprintf($runs, 'off')), '<=', $off + 1, 'the one that was switched off does not, but for the run that was under way');
$node->safe_psql('shop', "DELETE FROM crm.job WHERE job LIKE 'probe.%'; DROP TABLE crm.probe");

# one that takes two seconds, again and again, does not begin shortly before the moment of another
$node->safe_psql('shop', q{SET ROLE crm_owner; CREATE TABLE crm.moment (at timestamptz); CREATE TABLE crm.probe (at timestamptz, late interval); CREATE TABLE crm.begun (at timestamptz);
	INSERT INTO crm.job (job, statement, wake_statement, every, next_run_at) VALUES
	('way.slow', 'WITH b AS (INSERT INTO crm.begun VALUES (now())), s AS MATERIALIZED (SELECT pg_sleep(2)) SELECT count(*) FROM s', NULL, '1 second', crm.core_now()),
	('way.moment', 'WITH d AS (DELETE FROM crm.moment m WHERE m.at <= clock_timestamp() RETURNING m.at), w AS (INSERT INTO crm.probe SELECT d.at, clock_timestamp() - d.at FROM d) SELECT 0::bigint',
	 'SELECT coalesce(ceil(extract(epoch FROM min(m.at) - clock_timestamp()) * 1000), 86400000)::bigint FROM crm.moment m', '5 seconds', crm.core_now())});
ok(wait_until($node, 'shop', q{SELECT last_run_at IS NOT NULL FROM crm.job WHERE job = 'way.slow'}, 'the slow job'), 'a slow job runs');
$node->safe_psql('shop', q{INSERT INTO crm.moment SELECT clock_timestamp() + n * interval '6.3 s' FROM generate_series(2, 4) n});
ok(wait_until($node, 'shop', 'SELECT count(*) = 3 FROM crm.probe', 'three moments'), 'moments come while a slow job goes on');
my $late = $node->safe_psql('shop', 'SELECT extract(epoch FROM max(late)) FROM crm.probe');
note("$late s late at most");
is($node->safe_psql('shop', q{SELECT count(*) FROM crm.begun b JOIN crm.probe p ON b.at > p.at - interval '1.2 s' AND b.at < p.at}), '0', 'and it never begins shortly before one');
$node->safe_psql('shop', "DELETE FROM crm.job WHERE job LIKE 'way.%'; DROP TABLE crm.probe, crm.moment, crm.begun");

# the kill switch
$node->safe_psql('postgres', 'ALTER SYSTEM SET crm.worker_enabled = off');
$node->reload;
$node->safe_psql('postgres', 'ALTER SYSTEM RESET crm.worker_enabled');
$node->reload;
ok(wait_until($node, 'shop', $worker_of, 'worker after reload'), 'SIGHUP is followed');

# statements that a connected worker would block
for my $case (['CREATE DATABASE copy TEMPLATE shop', 'CREATE DATABASE ... TEMPLATE'],
	['ALTER DATABASE twin RENAME TO other', 'ALTER DATABASE ... RENAME'],
	['DROP DATABASE other', 'DROP DATABASE'], ['DROP DATABASE copy WITH (FORCE)', 'DROP DATABASE ... FORCE'])
{
	my ($statement, $name) = @$case;
	my ($code, $out, $err) = $node->psql('postgres', $statement);
	is($code, 0, "$name is not blocked") or diag($err);
}

# the extension goes, the worker goes
$node->safe_psql('shop', "SELECT crm.uninstall('shop')");
$node->safe_psql('shop', 'DROP EXTENSION crm');
ok(wait_until($node, 'postgres', "SELECT count(*) = 0 FROM pg_stat_activity WHERE backend_type = 'crm worker' AND datname = 'shop'", 'worker to leave'),
	'DROP EXTENSION makes the worker leave');
$node->safe_psql('shop', 'CREATE EXTENSION crm');
$node->safe_psql('shop', 'SELECT count(*) FROM crm.install()');
ok(wait_until($node, 'shop', $worker_of, 'worker again'), 'and CREATE EXTENSION brings it back');

# a killed worker: the server restarts itself, the worker comes back
my $pid = $node->safe_psql('shop', "SELECT pid FROM crm.worker_status WHERE process = 'worker' AND database = 'shop'");
kill 'KILL', $pid;
ok($node->poll_query_until('shop', "SELECT count(*) = 1 FROM crm.worker_status WHERE process = 'worker' AND database = 'shop' AND pid <> $pid"),
	'kill -9 of the worker: it is back');
$node->stop('immediate');
$node->start;
ok(wait_until($node, 'shop', $worker_of, 'worker after crash'), 'kill of the whole server: it is back');

# without preload: everything says what is missing, nothing fails
$node->append_conf('postgresql.conf', "shared_preload_libraries = ''");
$node->restart;
is($node->safe_psql('shop', "SELECT remedy FROM crm.doctor() WHERE finding = 'preload'"),
	q{postgresql.conf: shared_preload_libraries = 'crm', then restart}, 'doctor prints the line to add');
is($node->safe_psql('shop', 'SELECT count(*) FROM crm.worker_status'), '0', 'the view is empty');
$node->safe_psql('shop', 'SELECT crm._worker_wake()');
pass('a wake without workers is nothing');

done_testing();
