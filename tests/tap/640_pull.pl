# A till's database is read on a schedule, by the worker alone: rows behind the watermark become orders of their persons, those
# that name nobody can be asked for, and a server that dies in between reads no row twice into effect.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use CrmTest;

my $node = crm_node('main', conf => "crm.core_clock = '2026-06-30T12:00:00+08:00'\n");
crm_database($node, 'shop');
crm_shop($node, 'shop');
$node->safe_psql('shop', q{
	CREATE SCHEMA till;
	CREATE TABLE till.sale (external_id text PRIMARY KEY, ordered_at timestamptz, phone text, amount numeric, updated_at timestamptz);
	CREATE ROLE till_reader NOLOGIN;
	GRANT crm_steward TO till_reader;
	GRANT USAGE ON SCHEMA till TO till_reader;
	GRANT SELECT ON till.sale TO till_reader;
	INSERT INTO till.sale SELECT 'P' || i, '2026-06-30 11:00+08', CASE WHEN i % 4 > 0 THEN '1391111' || lpad((i % 10)::text, 4, '0') END, i, '2026-06-30 11:50+08' FROM generate_series(1, 40) i;
	SET ROLE till_reader;
	SELECT crm.ingest_define_pull('pos', 'order', 'till.sale', 'updated_at', '10 seconds')});
wait_until($node, 'shop', q{SELECT count(*) = 40 FROM crm.customer_order}, 'the worker to read the till');
is($node->safe_psql('shop', q{SELECT sum(amount), count(*) FILTER (WHERE m.customer_id IS NULL), count(DISTINCT m.customer_id)
	FROM crm.customer_order o LEFT JOIN crm.membership m ON m.source_record_id = o.source_record_id AND m.valid_to = 'infinity'}), '820.00|10|10', 'with its money, its persons, and what is nobody\'s');
is($node->safe_psql('shop', q{SELECT count(*), sum((j ->> 'amount')::numeric) FROM crm.ingest_unmatched('pos') j}), '10|220.00', 'which can be asked for');

# the next rows, and the server dies
$node->safe_psql('shop', q{INSERT INTO till.sale VALUES ('P41', '2026-06-30 12:00+08', '13911110001', 41, '2026-06-30 11:59+08')});
$node->stop('immediate');
$node->append_conf('postgresql.conf', "crm.core_clock = '2026-06-30T12:00:30+08:00'\n");
$node->start;
wait_until($node, 'shop', q{SELECT count(*) = 41 FROM crm.customer_order}, 'the row that came meanwhile');
is($node->safe_psql('shop', q{SELECT count(*), sum(amount), max(revision) FROM crm.customer_order}), '41|861.00|1', 'each row once, though the overlap was read again');
is($node->safe_psql('shop', 'SELECT * FROM crm.ingest_check()'), '', 'nothing is out of line');
done_testing();
