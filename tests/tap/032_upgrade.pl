# A release follows another: the code is exchanged, the tables follow, data and what a DBA made stay; the catalog is then that of
# a fresh installation.  The two releases are made up by tests/upgrade/make-releases.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use CrmTest;

my $node = crm_node('upgrade', conf => "crm.core_clock = '2026-06-30T12:00:00+08:00'\n");
sub installed
{
	my ($name, $version) = @_;
	$node->safe_psql('postgres', "CREATE DATABASE $name");
	$node->safe_psql($name, "CREATE EXTENSION crm VERSION '$version'; SELECT count(*) FROM crm.install()");
	return;
}

# What an installation consists of; function bodies by their text, rights by name.
my %catalog = (
	functions => q{SELECT p.oid::regprocedure, pg_get_function_result(p.oid), pg_get_function_arguments(p.oid), p.prokind, p.provolatile, p.prosecdef,
		p.proconfig, md5(p.prosrc), p.proowner::regrole, (SELECT string_agg(a.grantee::regrole || ' ' || a.privilege_type, ',' ORDER BY 1) FROM aclexplode(p.proacl) a
		WHERE a.grantee <> 0 AND a.grantee::regrole::text <> 'dba_reads'), obj_description(p.oid) FROM pg_proc p WHERE p.pronamespace = 'crm'::regnamespace ORDER BY 1::text},
	types => q{SELECT t.typname, t.typtype, (SELECT string_agg(a.attname || ' ' || format_type(a.atttypid, a.atttypmod), ',' ORDER BY a.attnum)
		FROM pg_attribute a WHERE a.attrelid = t.typrelid AND a.attnum > 0 AND NOT a.attisdropped) FROM pg_type t WHERE t.typnamespace = 'crm'::regnamespace AND t.typtype IN ('c', 'b', 'd')
		AND t.typname !~ '^_' AND t.typname !~ '_20' ORDER BY 1},
	operators => q{SELECT oid::regoperator, oprcode FROM pg_operator WHERE oprnamespace = 'crm'::regnamespace ORDER BY 1::text},
	casts => q{SELECT castsource::regtype, casttarget::regtype, castfunc::regprocedure FROM pg_cast WHERE castsource::regtype::text ~ '^crm\.' OR casttarget::regtype::text ~ '^crm\.' ORDER BY 1::text, 2::text},
	aggregates => q{SELECT aggfnoid, aggtransfn, agginitval FROM pg_aggregate WHERE aggfnoid::text ~ '^crm\.' ORDER BY 1::text},
	members => q{SELECT pg_describe_object(classid, objid, 0) FROM pg_depend WHERE deptype = 'e' AND refobjid = (SELECT oid FROM pg_extension WHERE extname = 'crm') ORDER BY 1},
	columns => q{SELECT c.relname, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
		WHERE c.relnamespace = 'crm'::regnamespace AND c.relkind IN ('r', 'p', 'v') AND a.attnum > 0 AND NOT a.attisdropped AND c.relname !~ '_20' ORDER BY 1, 2},
	policies => q{SELECT tablename, policyname, roles, cmd, qual, with_check FROM pg_policies WHERE schemaname = 'crm' AND policyname <> 'dba_policy' ORDER BY 1, 2},
	migrations => q{SELECT migration_no, room, title FROM crm.migration ORDER BY 1});

installed('shop', '0.1.1');
crm_shop($node, 'shop');
for my $n (1 .. 5)
{
	member($node, 'shop', "M$n", sprintf('138%08d', 12340000 + $n));
	order($node, 'shop', "O$n", sprintf('138%08d', 12340000 + $n), "2026-06-0${n}T12:00:00+08:00", "${n}0.50");
}
$node->safe_psql('shop', q{CREATE INDEX dba_index ON crm.customer (city); CREATE ROLE dba_reads;
	CREATE POLICY dba_policy ON crm.store TO dba_reads USING (crm.upgrade_stays(store_id)); GRANT EXECUTE ON FUNCTION crm.doctor() TO dba_reads});
my $keyed = q{SELECT (r).status || ' ' || (r).code FROM crm.ingest_order('pos', convert_to('{"external_id": "K1", "phone": "13812340005", "ordered_at": "2026-06-02T12:00:00+08:00", "amount": "5.00"}', 'UTF8'), 'order-k1') r};
my $stored = $node->safe_psql('shop', $keyed);
is($node->safe_psql('shop', q{SELECT crm.upgrade_spend(5, 'spend-1')}), '{"spent": 5}', 'a till asks, and does not hear the answer');
# the made-up releases have one library, and with it one number: what was kept is of the one before
$node->safe_psql('shop', "UPDATE crm.idempotency SET release = '0.1.1'");
my $persons = 'SELECT customer_id, tier, net_minor, phone_masked FROM crm.person ORDER BY 1';
my $before = $node->safe_psql('shop', $persons);
like($node->safe_psql('shop', q{SELECT crm.upgrade_gone() || crm.upgrade_total(1)}), qr/x, y11/, 'the release before is at work');

# of sessions that go on through an upgrade, each entry notices: a session that was told that all fits is told otherwise, and again that it does
my $till = $node->background_psql('shop', on_error_stop => 0);
my %entry = (
	'of definitions' => q{SELECT crm.ingest_define_source('late', 'late', 'pos', '{}')},
	'of who signs in' => q{SELECT role FROM crm.access_authenticate('{"kind": "none"}')},
	'of one order' => q{SELECT (crm.ingest_order('pos', convert_to('{"external_id": "L1", "ordered_at": "2026-06-10T12:00:00+08:00", "amount": "1.00"}', 'UTF8'))).status},
	'of many events' => q{SELECT crm.ingest_collect('pos', convert_to('{"events": [{"external_id": "L2", "type": "page_view", "occurred_at": "2026-06-10T12:00:00+08:00"}]}', 'UTF8')) ->> 'taken'});
sub refused
{
	my ($entry) = @_;
	my ($out, $failed) = $till->query("BEGIN; $entry{$entry}; ROLLBACK");
	my $err = $till->{stderr};
	$till->{stderr} = '';
	return $err =~ /older than its code/ ? 'older' : $err =~ /ERROR/ ? $err : 'taken';
}
is(refused($_), 'taken', "$_: the entry takes what comes") for sort keys %entry;
$node->safe_psql('shop', 'ALTER EXTENSION crm UPDATE TO \'0.1.2\'');
is(refused($_), 'older', "$_: until install() has run, the entry refuses") for sort keys %entry;
$till->query("BEGIN; SELECT count(*) FROM crm.install(); $entry{'of who signs in'}; ROLLBACK");
is(refused($_), 'older', "$_: an install() that was rolled back changes nothing") for sort keys %entry;
is($node->safe_psql('shop', 'SELECT title FROM crm.install()'), 'motto', 'install() brings the tables up to the code');
is(refused($_), 'taken', "$_: the entry takes again what comes") for sort keys %entry;
$till->quit;

installed('fresh', '0.1.2');
for my $what (sort keys %catalog)
{
	my ($upgraded, $fresh) = map { $node->safe_psql($_, $catalog{$what}) } qw(shop fresh);
	ok($upgraded eq $fresh, "$what are those of a fresh installation") or do
	{
		my %fresh = map { $_ => 1 } split /\n/, $fresh;
		my %upgraded = map { $_ => 1 } split /\n/, $upgraded;
		diag(join "\n", (map { "upgraded only: $_" } grep { !$fresh{$_} } keys %upgraded), (map { "fresh only: $_" } grep { !$upgraded{$_} } keys %fresh));
	};
}
cmp_ok($node->safe_psql('fresh', 'SELECT count(*) FROM pg_proc WHERE pronamespace = \'crm\'::regnamespace'), '>', 1000, 'which are many');

# what was asked before is asked again: it is answered as it was, whatever arguments the function has now
is($node->safe_psql('shop', q{SELECT crm.upgrade_spend(5, idempotency_key => 'spend-1')}), '{"spent": 5}', 'a key from before is answered as it was, though the function takes more now');
is($node->safe_psql('shop', $keyed), $stored, 'so is an order\'s');
is($node->safe_psql('shop', q{SELECT crm.upgrade_spend(6, idempotency_key => 'spend-2')}), '{"again": true, "spent": 6}', 'keys of now are kept');
like(($node->psql('shop', q{SELECT crm.upgrade_spend(7, idempotency_key => 'spend-2')}))[2], qr/used for another call/, 'and refused to another call');
like(($node->psql('shop', q{SELECT crm.event_define_type('fell', 'x', 'x', '{}', 'spend-1')}))[2], qr/used for another call/, 'as are those from before to another function');
is($node->safe_psql('shop', $persons), $before, 'persons are as they were');
is($node->safe_psql('shop', q{SELECT count(*) FROM pg_class WHERE relname = 'dba_index'}), '1', 'so is a DBA\'s index');
is($node->safe_psql('shop', q{SELECT qual FROM pg_policies WHERE policyname = 'dba_policy'}), 'crm.upgrade_stays(store_id)', 'and policy');
is($node->safe_psql('shop', q{SELECT has_function_privilege('dba_reads', 'crm.doctor()', 'EXECUTE')}), 't', 'and grant');
is($node->safe_psql('shop', q{SELECT has_function_privilege('crm_clerk', 'crm.upgrade_stays(int)', 'EXECUTE'), has_function_privilege('crm_manager', 'crm.upgrade_stays(int)', 'EXECUTE')}),
	'f|t', 'rights on what stayed are the new release\'s');
order($node, 'shop', 'O9', '13812340001', '2026-06-20T12:00:00+08:00', '99.00');
like($node->safe_psql('shop', 'SELECT net_minor FROM crm.person ORDER BY customer_id LIMIT 1'), qr/10950/, 'and orders go on');
is($node->safe_psql('shop', 'SELECT count(*) FROM crm.check()'), '0', 'nothing drifted');
done_testing();
