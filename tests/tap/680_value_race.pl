# Six sessions sell to, refund, correct, merge and part forty persons and drain values and refresh segments meanwhile: the
# drain locks no person, so whatever it writes over must be what it read.  After each round nothing differs from what is
# computed from nothing.
#   CRM_SEEDS=200 tests/bin/tap tests/tap/680_value_race.pl     so many rounds
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use CrmTest;

my $rounds = $ENV{CRM_SEEDS} // 8;
my $node = crm_node('values', conf => "crm.worker_enabled = off\ncrm.core_clock = '2026-06-30T11:00:00+08:00'\n");
crm_database($node, 'shop');
crm_shop($node, 'shop');
$node->safe_psql('shop', q{
	CREATE SCHEMA race;
	CREATE FUNCTION race.person(i int) RETURNS bigint LANGUAGE sql AS
		$$ SELECT x.customer_id FROM (SELECT c.customer_id, row_number() OVER (ORDER BY c.customer_id) - 1 AS n, count(*) OVER () AS persons FROM crm.customer c WHERE c.status = 'active') x
		   WHERE x.n = i % x.persons $$;
	CREATE FUNCTION race.json(VARIADIC facts text[]) RETURNS bytea LANGUAGE sql AS $$ SELECT convert_to(jsonb_object(facts)::text, 'UTF8') $$;
	-- an order of the last two years, or a correction of one
	CREATE FUNCTION race.order(i int) RETURNS crm.intake_result LANGUAGE sql AS $$
		SELECT r FROM crm.ingest_order('pos', race.json('external_id', 'O' || i, 'phone', '1381234' || 1000 + i % 40, 'store_code', 'S0' || 1 + i % 3,
			'ordered_at', (timestamptz '2024-07-01 12:00+08' + i * 7919 % 720 * interval '1 day')::text, 'amount', (1 + i * 31 % 900)::text, 'source_version', clock_timestamp()::text)) r $$;
	-- an order of a file for one of four persons, whose value is left to the drain: the person is locked and marked, as intake does
	CREATE FUNCTION race.import(i int) RETURNS text LANGUAGE plpgsql AS $$
		DECLARE
			record bigint := (SELECT r.source_record_id FROM crm.source_record r WHERE r.external_id = 'M' || i % 4 AND r.kind = 'member');
			person bigint;
			day timestamptz := timestamptz '2024-07-01 12:00+08' + i % 10007 * 7919 % 720 * interval '1 day';
			outcome text;
		BEGIN
			LOOP
				person := (SELECT m.customer_id FROM crm.membership m WHERE m.source_record_id = record AND m.valid_to = 'infinity');
				PERFORM FROM crm.customer c WHERE c.customer_id = person FOR NO KEY UPDATE;
				EXIT WHEN person = (SELECT m.customer_id FROM crm.membership m WHERE m.source_record_id = record AND m.valid_to = 'infinity');
			END LOOP;
			outcome := (SELECT o.outcome FROM crm.source s, crm._purchase_store_orders(ARRAY[ROW(1, s.source_id, 'I' || i, record, person, NULL, 'store', 'sale', 'paid', day, day, (day AT TIME ZONE 'Asia/Shanghai')::date,
				1 + i % 700, 0, NULL, ARRAY[]::crm.order_line_fact[], NULL, false, sha256(convert_to(i::text, 'UTF8')), clock_timestamp(), 1, 1)::crm.order_fact]) o WHERE s.code = 'pos');
			PERFORM crm._value_mark(ARRAY[person], 'order'), crm._segment_mark(ARRAY[person], 'order');
			RETURN outcome;
		END $$;
	CREATE FUNCTION race.refund(i int) RETURNS crm.intake_result LANGUAGE sql AS $$
		SELECT r FROM crm.ingest_refund('pos', race.json('external_id', 'R' || i, 'order_external_id', 'O' || i, 'amount', '1', 'refunded_at', '2026-06-30T10:00:00+08:00')) r $$;
	-- what a person may be refused for is no fault: two who may not meet, a merge that was undone meanwhile
	CREATE FUNCTION race.merge(a int, b int) RETURNS text LANGUAGE plpgsql AS $$
		BEGIN
			IF race.person(a) = race.person(b) THEN RETURN 'same'; END IF;
			PERFORM crm.identity_merge(race.person(a), race.person(b), 'race');
			RETURN 'merged';
		EXCEPTION WHEN OTHERS THEN
			IF SQLSTATE LIKE 'RM%' OR SQLSTATE = 'P0002' THEN RETURN SQLSTATE; END IF;
			RAISE;
		END $$;
	CREATE FUNCTION race.part(i int) RETURNS text LANGUAGE plpgsql AS $$
		BEGIN
			PERFORM crm.identity_unmerge(j.journal_id, 'race') FROM (SELECT m.journal_id FROM crm.merge_journal m WHERE m.kind = 'merge' ORDER BY m.journal_id DESC OFFSET i % 3 LIMIT 1) j;
			RETURN 'parted';
		EXCEPTION WHEN OTHERS THEN
			IF SQLSTATE LIKE 'RM%' OR SQLSTATE = 'P0002' THEN RETURN SQLSTATE; END IF;
			RAISE;
		END $$;
	SELECT count((crm.ingest_member('pos', race.json('external_id', 'M' || i, 'phone', '1381234' || 1000 + i, 'registered_at', '2024-01-01T10:00:00+08:00', 'store_code', 'S01'))).status) FROM generate_series(0, 39) i;
	SELECT count((race.order(i)).status) FROM generate_series(1, 200) i;
	SELECT crm._value_age(), crm._value_drain(), crm._segment_refresh()});

my %scripts = (
	till => q{
		\set i random(1, 600)
		SELECT (race.order(:i)).status;
		SELECT (race.refund(:i)).status;
		SELECT (race.order(:i + 600)).status;
	},
	import => q{
		\set i random(1, 1000000)
		SELECT race.import(:i);
		SELECT race.import(:i + 1);
	},
	people => q{
		\set a random(0, 39)
		\set b random(0, 39)
		SELECT race.merge(:a, :b);
		SELECT race.part(:a);
	},
	drain => q{
		SELECT crm._value_drain();
		SELECT crm._segment_refresh();
	});
append_to_file($node->basedir . "/$_.sql", $scripts{$_}) for keys %scripts;
sub scripts { return map { ('-f', $node->basedir . "/$_.sql") } @_ }
is($node->safe_psql('shop', 'SELECT crm._value_is_direct()'), 't', 'the drain goes along the indexes');
# in rounds, for what the drain misses once is mended by the next order of the same person; in every second only a file's orders come meanwhile
my ($failed, @wrong) = (0);
local %ENV = (%ENV, PGHOST => $node->host, PGPORT => $node->port);
for my $round (1 .. $rounds)
{
	$failed += !run_log(['pgbench', '-n', '-c', '6', '-j', '2', '-t', '10', '--max-tries=50', scripts($round % 2 ? qw(till import people drain drain) : qw(import drain)), 'shop']);
	$node->poll_query_until('shop', 'SELECT crm._value_drain() = 0') or die 'marks do not end';
	push @wrong, map { "round $round: $_" } split /\n/, $node->safe_psql('shop', 'SELECT * FROM crm._value_check()');
}
is($failed, 0, 'every call succeeds');
is(join("\n", @wrong), '', 'values are those of a new computation after each round');
is(join(' ', slurp_file($node->logfile) =~ /(deadlock detected|PANIC|TRAP|terminated by signal)/g), '', 'nobody was in a deadlock, nobody fell');
is($node->safe_psql('shop', "SELECT count(DISTINCT kind) FROM crm.merge_journal WHERE kind IN ('merge', 'unmerge')"), '2', 'persons met and parted meanwhile');
is($node->safe_psql('shop', 'SELECT count(*) FROM crm.value_dirty'), '0', 'no mark is left');
$node->safe_psql('shop', 'SELECT crm._value_age()');
$node->safe_psql('shop', 'SELECT crm._segment_refresh()') for 1 .. 3;
is($node->safe_psql('shop', 'SELECT * FROM crm.purchase_check()'), '', 'histories are right, too');
is($node->safe_psql('shop', 'SELECT * FROM crm.segment_check()'), '', 'so are segments');
is($node->safe_psql('shop', 'SELECT * FROM crm.check()'), '', 'and all else');
done_testing();
