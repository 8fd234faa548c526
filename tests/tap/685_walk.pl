# Walks along an index while it changes under them: leaves split, emptied, deleted and not yet used again, entries of one key
# in one posting list, dead ones, rows known to be seen by all.  What a walk finds is what a scan of the table finds by the same snapshot.
#   CRM_SEEDS=200 tests/bin/tap tests/tap/685_walk.pl     so many rounds of the race
use strict;
use warnings;
use IPC::Run qw(start finish);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use CrmTest;

my $rounds = $ENV{CRM_SEEDS} // 3;
my $node = crm_node('walk', conf => "crm.worker_enabled = off\nautovacuum = off\njit = off\n");
crm_database($node, 'shop');
$node->safe_psql('shop', q{
	CREATE EXTENSION pageinspect;
	CREATE SCHEMA race;
	CREATE FUNCTION race.pages(index text, kind text) RETURNS bigint LANGUAGE sql AS $$
		SELECT count(*) FROM generate_series(1, pg_relation_size(index::regclass) / 8192 - 1) b, bt_page_stats(index, b) s WHERE s.type = kind $$;
	CREATE FUNCTION race.customers(ids bigint[]) RETURNS void LANGUAGE sql AS $$
		INSERT INTO crm.customer (customer_id, status, registered_at, registered_on, updated_at) SELECT k, 'active', '2026-01-01', '2026-01-01', '2026-01-01' FROM unnest(ids) k $$;
	CREATE FUNCTION race.series(low int, high int, step int) RETURNS bigint[] LANGUAGE sql AS $$ SELECT array_agg(g::bigint) FROM generate_series(low, high, step) g $$;
	-- records that a walk and a scan of the table do not both find
	CREATE FUNCTION race.different(low int, step int, n int) RETURNS bigint LANGUAGE sql STABLE SET enable_nestloop = off SET enable_indexscan = off SET enable_indexonlyscan = off SET enable_bitmapscan = off AS $$
		WITH given AS MATERIALIZED (SELECT race.series(low, low + step * (n - 1), step) AS ids),
			walked AS (SELECT unnest((crm._rule_records(g.ids)).ids) AS record FROM given g),
			scanned AS (SELECT m.source_record_id FROM given g, unnest(g.ids) k JOIN crm.membership m ON m.customer_id = k WHERE m.valid_to = 'infinity')
		SELECT count(*) FROM ((TABLE walked EXCEPT ALL TABLE scanned) UNION ALL (TABLE scanned EXCEPT ALL TABLE walked)) d $$;
	-- whole rows likewise, of which nothing is read from the index alone and no leaf stays pinned
	CREATE FUNCTION race.different_rows(low int, step int, n int) RETURNS bigint LANGUAGE sql STABLE SET enable_nestloop = off SET enable_indexscan = off SET enable_indexonlyscan = off SET enable_bitmapscan = off AS $$
		WITH given AS MATERIALIZED (SELECT race.series(low, low + step * (n - 1), step) AS ids),
			walked AS (SELECT x.* FROM given g, crm._rule_rows(NULL::crm.membership, 'customer_id', g.ids) x),
			scanned AS (SELECT m.* FROM given g, unnest(g.ids) k JOIN crm.membership m ON m.customer_id = k)
		SELECT count(*) FROM ((TABLE walked EXCEPT ALL TABLE scanned) UNION ALL (TABLE scanned EXCEPT ALL TABLE walked)) d $$;
	CREATE FUNCTION race.compare(low int, step int, n int) RETURNS void LANGUAGE plpgsql AS $$
		DECLARE
			wrong bigint := race.different(low, step, n);
			wrong_rows bigint := race.different_rows(low, step, n);
		BEGIN
			IF wrong + wrong_rows > 0 THEN RAISE EXCEPTION 'a walk from % by % over % keys differs in % records, % rows', low, step, n, wrong, wrong_rows; END IF;
		END $$;
	CREATE SEQUENCE race.record;
	CREATE FUNCTION race.fill(low int, high int, step int) RETURNS void LANGUAGE sql AS $$
		INSERT INTO crm.membership (source_record_id, valid_from, customer_id) SELECT nextval('race.record'), '2026-01-01', g FROM generate_series(low, high, step) g $$;
	SELECT race.customers(race.series(10, 2000000, 10));
	DELETE FROM crm.customer WHERE customer_id BETWEEN 500000 AND 1200000});
my ($height) = $node->safe_psql('shop', q{SELECT fastlevel FROM bt_metap('crm.customer_pkey')});
cmp_ok($height, '>=', 2, 'the index of persons has inner pages besides its root');

# A claim that waits for a person near the beginning stands with copies of the pages above: meanwhile leaves to its right are
# deleted, for what was on them nobody sees, others are split, and persons that it sees are taken away.
my %in = (holder => '', claim => '');
my %out = (holder => '', claim => '');
my ($holder, $claim) = map { my $who = $_; start(['psql', '-XAtq', '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr('shop'), '-f', '-'], '<', \$in{$who}, '>', \$out{$who}, '2>&1') } qw(holder claim);
$in{holder} .= "BEGIN; SELECT 'held' FROM crm.customer WHERE customer_id = 30030 FOR UPDATE;\n";
$holder->pump until $out{holder} =~ /held/;
$in{claim} .= "SELECT 'claimed', cardinality(c.held), md5(c.held::text) FROM crm._value_claim(race.series(0, 2000000, 77) || race.series(0, 2000000, 70), true) c (held, active);\n";
$claim->pump_nb;
wait_until($node, 'shop', "SELECT count(*) = 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%claimed%' AND pid <> pg_backend_pid()", 'the claim to wait');
$node->safe_psql('shop', $_) for 'VACUUM crm.customer', 'SELECT race.customers(race.series(1300001, 1500001, 10) || race.series(1300002, 1500002, 10) || race.series(40001, 60001, 10))',
	'DELETE FROM crm.customer WHERE customer_id BETWEEN 1600000 AND 1700000';
my $deleted = $node->safe_psql('shop', q{SELECT race.pages('crm.customer_pkey', 'd')});
cmp_ok($deleted, '>', 50, 'leaves were deleted meanwhile');
$node->safe_psql('shop', $_) for 'VACUUM crm.customer', 'SELECT race.customers(race.series(1300003, 1500003, 10) || race.series(1300004, 1500004, 10))';
is($node->safe_psql('shop', q{SELECT race.pages('crm.customer_pkey', 'd')}), $deleted, 'none of them is used again while the claim goes on');
$in{holder} .= "COMMIT;\n\\q\n";
finish($holder);
$in{claim} .= "\\q\n";
finish($claim);
my $expected = $node->safe_psql('shop', q{SELECT 'claimed', count(*), md5(array_agg(c.customer_id ORDER BY c.customer_id)::text) FROM crm.customer c WHERE c.customer_id % 10 = 0 AND (c.customer_id % 77 = 0 OR c.customer_id % 70 = 0)});
is($out{claim}, "$expected\n", 'the claim holds whom it saw and who is still there');

# several versions of each row that somebody still sees: their entries share posting lists
$node->safe_psql('shop', q{SELECT race.fill(1, 20000, 2), race.fill(1, 20000, 4), race.fill(1, 20000, 4)});
my %index = (
	covering => 'CREATE INDEX membership_customer ON crm.membership (customer_id, valid_to) INCLUDE (source_record_id)',
	plain => 'CREATE INDEX membership_customer ON crm.membership (customer_id, valid_to, source_record_id)');
my %scripts = (
	read => q{
		\set low random(1, 20000)
		\set step random(1, 300)
		\set n random(1, 400)
		SELECT race.compare(:low, 1, :n * 5);
		SELECT race.compare(:low, 8, :n);
		SELECT race.compare(:low, :step, :n);
	},
	write => q{
		\set low random(1, 20000)
		\set high :low + random(1, 1500)
		SELECT race.fill(:low, :high, 1 + :high % 3);
		UPDATE crm.membership SET valid_from = valid_from + interval '1 minute' WHERE customer_id BETWEEN :low AND :low + 150;
		\set low random(1, 20000)
		UPDATE crm.membership SET valid_to = '2026-02-01' WHERE customer_id BETWEEN :low AND :low + 50 AND valid_to = 'infinity';
		DELETE FROM crm.membership WHERE customer_id BETWEEN :low AND :low + 1200;
	},
	vacuum => q{
		VACUUM (TRUNCATE off) crm.membership;
	});
append_to_file($node->basedir . "/$_.sql", $scripts{$_}) for keys %scripts;
local %ENV = (%ENV, PGHOST => $node->host, PGPORT => $node->port);
for my $kind (sort keys %index)
{
	$node->safe_psql('shop', "DROP INDEX crm.membership_customer; $index{$kind}");
	my $failed = 0;
	for my $round (1 .. $rounds)
	{
		$failed += !run_log(['pgbench', '-n', '-c', '5', '-j', '2', '-t', '40', '--max-tries=50', (map { ('-f', $node->basedir . "/$_") } 'read.sql@5', 'write.sql@3', 'vacuum.sql@2'), 'shop']);
	}
	is($failed, 0, "$kind index: walks find what scans do while others write and vacuum");
	my ($seer_in, $seer_out) = ("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 'seen', count(*) FROM crm.membership;\n", '');
	my $seer = start(['psql', '-XAtq', '-d', $node->connstr('shop'), '-f', '-'], '<', \$seer_in, '>', \$seer_out, '2>&1');
	$seer->pump until $seer_out =~ /seen/;
	$node->safe_psql('shop', q{UPDATE crm.membership SET valid_from = valid_from + interval '1 hour' WHERE customer_id < 8000}) for 1 .. 6;
	cmp_ok($node->safe_psql('shop', q{SELECT count(*) FROM generate_series(1, pg_relation_size('crm.membership_customer') / 8192 - 1) b, bt_page_stats('crm.membership_customer', b) s,
		LATERAL (SELECT i.tids FROM bt_page_items('crm.membership_customer', b) i WHERE s.type = 'l') i WHERE cardinality(i.tids) > 1}), '>', 100, 'there are posting lists') if $kind eq 'plain';
	my $all = 'SELECT race.different(1, 1, 20001) + race.different_rows(1, 1, 20001), race.different(1, 8, 2500) + race.different_rows(1, 8, 2500), race.different(5, 911, 22) + race.different_rows(5, 911, 22)';
	is($node->safe_psql('shop', $all), '0|0|0', "$kind index: nothing differs while old versions are kept");
	$seer_in .= "COMMIT;\n\\q\n";
	finish($seer);
	is($node->safe_psql('shop', $all), '0|0|0', "$kind index: nor when they are dead");
	is($node->safe_psql('shop', $all), '0|0|0', "$kind index: nor when walks have marked them");
	cmp_ok($node->safe_psql('shop', q{SELECT sum(s.dead_items) FROM generate_series(1, pg_relation_size('crm.membership_customer') / 8192 - 1) b, bt_page_stats('crm.membership_customer', b) s WHERE s.type = 'l'}), '>', 100,
		"$kind index: they were marked");
	$node->safe_psql('shop', $_) for 'DELETE FROM crm.membership WHERE customer_id BETWEEN 3000 AND 15000', 'VACUUM crm.membership';
	cmp_ok($node->safe_psql('shop', q{SELECT race.pages('crm.membership_customer', 'd')}), '>', 5, "$kind index: leaves were deleted");
	is($node->safe_psql('shop', $all), '0|0|0', "$kind index: nor past deleted leaves");
	$node->safe_psql('shop', 'SELECT race.fill(1, 20000, 1)');
	is($node->safe_psql('shop', $all), '0|0|0', "$kind index: nor when their place is filled again");
}
# no index to walk, or one in the other order: a statement answers
$node->safe_psql('shop', 'DROP INDEX crm.membership_customer');
is($node->safe_psql('shop', 'SELECT race.different(1, 8, 2500)'), '0', 'without the index nothing differs');
$node->safe_psql('shop', 'CREATE INDEX membership_customer ON crm.membership (customer_id DESC, valid_to) INCLUDE (source_record_id)');
is($node->safe_psql('shop', 'SELECT race.different(1, 8, 2500)'), '0', 'nor with one that descends');
$node->safe_psql('shop', "DROP INDEX crm.membership_customer; CREATE INDEX membership_other ON crm.membership (customer_id); $index{covering}");
is($node->safe_psql('shop', 'SELECT race.different(1, 8, 2500)'), '0', 'nor with an older one that lacks a column');
$node->safe_psql('shop', $_) for 'DELETE FROM crm.membership', 'VACUUM crm.membership';
is($node->safe_psql('shop', 'SELECT race.different(1, 1, 20001), race.different(1, 8, 2500)'), '0|0', 'an index that was emptied has nothing');
$node->safe_psql('shop', 'TRUNCATE crm.membership');
is($node->safe_psql('shop', 'SELECT race.different(1, 1, 20001), race.different(1, 8, 2500)'), '0|0', 'nor has one without a page');
is(join(' ', slurp_file($node->logfile) =~ /(broken promise|PANIC|TRAP|terminated by signal)/g), '', 'nobody fell');
done_testing();
