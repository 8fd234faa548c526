# Six sessions register, revise and attach over a few phones, cards and WeChat accounts at once,
# so that persons meet, part and become hubs under each other's hands: no deadlock, no error, and in the
# end what a computation from nothing gives.
use strict;
use warnings;
use utf8;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use CrmTest;

my $node = crm_node('race');
crm_database($node, 'shop');
$node->safe_psql('shop', q{
	INSERT INTO crm.source (source_id, code, name, kind, created_at) VALUES
		(901, 'race_pos', 'till', 'pos', crm.core_now()), (902, 'race_mini', 'mini', 'mini_program', crm.core_now());
	CREATE SCHEMA race;
	CREATE FUNCTION race.idv(kind text, value text) RETURNS crm.identifier_value LANGUAGE sql AS
		$$ SELECT ROW(crm._identity_kind(kind), '', value, 'x', NULL, true)::crm.identifier_value $$;
	-- the i-th of endless facts about 120 records, 60 phones, 90 cards, 70 unionids and openids
	CREATE FUNCTION race.fact(i int, n int) RETURNS crm.member_fact LANGUAGE sql AS $$
		SELECT ROW(n, 901 + h % 2, 'M' || h / 2 % 60, 'member', NULL, 'store', '2026-01-01 00:00Z'::timestamptz + h % 900 * interval '1 hour', '2026-01-01',
			ARRAY[race.idv('phone', '+8613738' || 460000 + h / 7 % 60)]
			|| CASE WHEN h / 11 % 3 = 0 THEN race.idv('member_card', 'C' || h / 13 % 90) END
			|| CASE WHEN h / 17 % 3 = 0 THEN race.idv('unionid', 'u' || h / 19 % 70) END
			|| CASE WHEN h / 17 % 3 = 1 THEN race.idv('openid', 'o' || h / 19 % 70) END,
			(ARRAY['王伟', '李娜', NULL, NULL])[1 + h / 23 % 4], NULL, NULL, (ARRAY['1980-01-02', NULL, NULL])[1 + h / 29 % 3]::date, false,
			NULL, NULL, NULL, NULL, NULL, NULL, NULL, false, convert_to('h' || i, 'UTF8'), crm.core_now(), NULL, NULL)::crm.member_fact
		FROM (SELECT hashint4(i) & 1073741823 AS h) x $$;
	CREATE FUNCTION race.ref(i int) RETURNS crm.record_ref[] LANGUAGE sql AS $$
		SELECT ARRAY[ROW(1, 901, 'member', 'M' || i % 70, NULL, NULL, 'store', crm.core_now(), false, crm.core_now(), NULL, NULL)::crm.record_ref,
			ROW(2, 901, 'receipt', 'Q' || i % 500, ARRAY[race.idv('phone', '+8613738' || 460000 + i % 60)], NULL, 'store', crm.core_now(), false,
				crm.core_now(), NULL, NULL)::crm.record_ref] $$;
	-- an order in the mini-program: what names its buyer, the strongest first
	CREATE FUNCTION race.buyer(i int) RETURNS crm.record_ref[] LANGUAGE sql AS $$
		SELECT ARRAY[ROW(1, 902, 'receipt', 'R' || i % 500, ARRAY[race.idv('unionid', 'u' || i % 60), race.idv('openid', 'o' || i % 60),
			race.idv('phone', '+8613738' || 460000 + i % 60)], NULL, 'mini', crm.core_now(), false, crm.core_now(), NULL, NULL)::crm.record_ref] $$;
	UPDATE crm.identifier_kind SET max_records = 6 WHERE code = 'phone';
	UPDATE crm.room_setting s SET value = v.value FROM (VALUES ('identity.person_records', '10'::jsonb), ('identity.merges_per_hour', '5')) v(name, value)
	WHERE s.name = v.name});

my $script = $node->basedir . '/race.sql';
append_to_file($script, <<'SQL');
\set i random(1, 100000000)
SELECT count(*) FROM crm._identity_store_members(ARRAY[race.fact(:i, 1), race.fact(:i + 1, 2), race.fact(:i + 2, 3)]);
SELECT count(*) FROM crm._identity_store_members(ARRAY[race.fact(:i + 3, 1)]);
SELECT count(*) FROM crm._identity_attach(race.ref(:i));
SELECT count(*) FROM crm._identity_attach(race.buyer(:i));
SQL
$node->command_ok(['pgbench', '-n', '-c', '6', '-j', '2', '-t', '30', '-f', $script, 'shop'], 'every call succeeds');
is(join(' ', slurp_file($node->logfile) =~ /(deadlock detected|could not settle)/g), '', 'nobody was in a deadlock, nobody gave up');
is($node->safe_psql('shop', 'SELECT * FROM crm.identity_check()'), '', 'the persons are those of a new computation');
my $moves = $node->safe_psql('shop', "SELECT string_agg(DISTINCT kind, ' ' ORDER BY kind) FROM crm.merge_journal");
like($moves, qr/attach .*merge split/, 'persons met, joined and parted meanwhile');
is($node->safe_psql('shop', q{
	SELECT count(*) FROM crm.membership a JOIN crm.membership b ON a.source_record_id = b.source_record_id
	AND a.valid_from < b.valid_from AND a.valid_to > b.valid_from}), '0', 'no record belonged to two persons at a time');
done_testing();
