# Real input: every line of UCI Online Retail goes in through nginx and the gateway, as an import with a mapping; the
# server is killed while the worker applies it; the totals come out to the penny, and the same file again changes nothing.
use strict;
use warnings;
use JSON::PP;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use CrmTest;

my $data = "$ENV{CRM_SHARED}/data/value/online_retail/online_retail.csv.gz";
plan skip_all => "UCI Online Retail is not there ($data)" unless -r $data;

my $node = crm_node('retail', conf => "max_wal_size = 4GB\nshared_buffers = 512MB\n");
crm_database($node, 'shop');
open my $mapping, '<', "$ENV{CRM_TOP}/tests/bench/online_retail.mapping.json" or die $!;
my $spec = do { local $/; <$mapping> };
$node->safe_psql('shop', qq{
	SELECT crm.ingest_define_source('uci', 'UCI Online Retail', 'pos', '{"time_zone": "Europe/London", "currency": "GBP"}');
	SELECT crm.ingest_define_mapping('uci', 'order_line', \$spec\$$spec\$spec\$)});

my $url = start_web('shop', $node);
my $key = $node->safe_psql('shop', "SELECT crm.access_create_key('imports', 'crm_steward')");
my $folder = $PostgreSQL::Test::Utils::tmp_check;
system("gzip -dc '$data' > $folder/online_retail.csv") == 0 or die 'no file';

# Sends the file through nginx and the gateway; returns the batch.
sub upload
{
	my $answer = qx(curl -s -X POST '$url/api/v1/imports?source=uci&entity=order_line&format=csv&history=true' -H 'Authorization: Bearer $key' -H 'Content-Type: text/csv' -T $folder/online_retail.csv);
	return $answer =~ /"batch_id": ?(\d+)/ ? $1 : die "the import was not taken: $answer";
}

# The import's report, as whoever sent it reads it.
sub report
{
	my ($import) = @_;
	return decode_json(qx(curl -s '$url/api/v1/imports/$import' -H 'Authorization: Bearer $key'));
}

my $batch = upload();
wait_until($node, 'shop', "SELECT next_chunk > 40 FROM crm.batch WHERE batch_id = $batch AND state = 'applying'", 'the worker');
$node->stop('immediate');
$node->start;
wait_until($node, 'shop', "SELECT state = 'done' FROM crm.batch WHERE batch_id = $batch", 'the end of the import');

my $totals = q{
	SELECT count(*) || ' orders, ' || count(*) FILTER (WHERE kind = 'cancellation') || ' cancellations, ' || count(*) FILTER (WHERE kind = 'adjustment')
		|| ' adjustments, ' || sum(line_count) || ' lines, ' || sum(amount) FROM crm.customer_order WHERE is_current};
my $report = report($batch);
is_deeply($report->{lines}, {sale => 532618, cancellation => 9288, adjustment => 3, without_person => 135080}, 'the report says what the lines became');
is($report->{line_count}, 532618 + 9288 + 3, 'all of them');
is_deeply($report->{counts}, {facts => 25900, created => 25900}, 'and how many orders they are');
is($node->safe_psql('shop', $totals), '25900 orders, 3836 cancellations, 3 adjustments, 541909 lines, 9747747.93', 'orders and money');
is($node->safe_psql('shop', 'SELECT count(*) || \' \' || sum(amount) FROM crm.order_item'), '541909 9747747.93', 'lines, rounded once each');
is($node->safe_psql('shop', q{SELECT count(*) FROM crm.customer WHERE status = 'active'}), '4372', 'persons');
is($node->safe_psql('shop', q{
		SELECT sum(o.amount) FROM crm.customer_order o
		JOIN crm.membership m ON m.source_record_id = o.source_record_id AND m.valid_to = 'infinity'}), '8300065.81', 'money of persons');
is($node->safe_psql('shop', q{
		SELECT count(DISTINCT i.order_id) || ' ' || count(*) || ' ' || sum(i.amount) || ' ' || count(DISTINCT m.customer_id)
		FROM crm.customer_order o JOIN crm.order_item i USING (source_record_id, order_id, revision)
		JOIN crm.membership m ON m.source_record_id = o.source_record_id AND m.valid_to = 'infinity'
		WHERE o.kind = 'sale' AND i.quantity > 0 AND i.unit_price > 0}), '18532 397884 8911407.90 4338', 'purchases, their lines, money and buyers');
is($node->safe_psql('shop', q{
		SELECT count(*) FILTER (WHERE n = 1) || ' ' || count(*) FILTER (WHERE n > 1) FROM (
			SELECT m.customer_id, count(DISTINCT i.order_id) AS n
			FROM crm.customer_order o JOIN crm.order_item i USING (source_record_id, order_id, revision)
			JOIN crm.membership m ON m.source_record_id = o.source_record_id AND m.valid_to = 'infinity'
			WHERE o.kind = 'sale' AND i.quantity > 0 AND i.unit_price > 0 GROUP BY 1) p}), '1493 2845', 'buyers of one order, and of several');
is($node->safe_psql('shop', q{SELECT count(*) FROM crm.outbox}), '0', 'history starts no flow');

$batch = upload();
wait_until($node, 'shop', "SELECT state = 'done' FROM crm.batch WHERE batch_id = $batch", 'the second import');
is_deeply(report($batch)->{counts}, {facts => 25900, unchanged => 25900}, 'the same file again changes nothing');
is($node->safe_psql('shop', $totals), '25900 orders, 3836 cancellations, 3 adjustments, 541909 lines, 9747747.93', 'and adds nothing');
is($node->safe_psql('shop', 'SELECT * FROM crm.check()'), '', 'check() finds no drift');
$node->stop;
done_testing();
