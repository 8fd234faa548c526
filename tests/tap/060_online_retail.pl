# Real input: every line of UCI Online Retail goes in as an import with a mapping; the server is killed
# while the worker applies it; the totals come out to the penny, and the same file again changes nothing.
use strict;
use warnings;
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

# Streams the file in chunks of 256 kB that end at a line's end; returns the batch.
sub upload
{
	my $batch = $node->safe_psql('shop', q{SELECT crm.ingest_bulk_begin('uci', 'order_line', 'csv', 'utf8', '{"history": true}')});
	open my $in, '-|', 'gzip', '-dc', $data or die $!;
	open my $out, '|-', 'psql', '-XqAt', '-o', '/dev/null', '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr('shop') or die $!;
	my ($carried, $no, $bytes) = ('', 0, 0);
	while (read($in, my $piece, 262_144 - length $carried) or length $carried)
	{
		my $chunk = $carried . ($piece // '');
		my $end = rindex($chunk, "\n") + 1;
		$carried = substr($chunk, $end);
		$chunk = substr($chunk, 0, $end);
		last if $end == 0;
		print $out "SELECT crm.ingest_bulk_append($batch, $no, '\\x", unpack('H*', $chunk), "');\n";
		$no++;
		$bytes += length $chunk;
	}
	print $out "SELECT crm.ingest_bulk_commit($batch, $bytes);\n";
	close $out or die 'an upload failed';
	close $in;
	return $batch;
}

my $batch = upload();
wait_until($node, 'shop', "SELECT next_chunk > 40 FROM crm.batch WHERE batch_id = $batch AND state = 'applying'", 'the worker');
$node->stop('immediate');
$node->start;
wait_until($node, 'shop', "SELECT state = 'done' FROM crm.batch WHERE batch_id = $batch", 'the end of the import');

my $totals = q{
	SELECT count(*) || ' orders, ' || count(*) FILTER (WHERE kind = 'cancellation') || ' cancellations, ' || count(*) FILTER (WHERE kind = 'adjustment')
		|| ' adjustments, ' || sum(line_count) || ' lines, ' || sum(amount) FROM crm.customer_order WHERE is_current};
is($node->safe_psql('shop', "SELECT line_count || ' lines, ' || counts FROM crm.batch WHERE batch_id = $batch"),
	'541909 lines, {"facts": 25900, "created": 25900}', 'the report: every line became part of an order');
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
is($node->safe_psql('shop', q{SELECT count(*) FROM crm.outbox}), '0', 'history starts no flow');

$batch = upload();
wait_until($node, 'shop', "SELECT state = 'done' FROM crm.batch WHERE batch_id = $batch", 'the second import');
note($node->safe_psql('shop', "SELECT counts FROM crm.batch WHERE batch_id = $batch"));
is($node->safe_psql('shop', "SELECT counts ->> 'unchanged' FROM crm.batch WHERE batch_id = $batch"), '25900', 'the same file again changes nothing');
is($node->safe_psql('shop', $totals), '25900 orders, 3836 cancellations, 3 adjustments, 541909 lines, 9747747.93', 'and adds nothing');
is($node->safe_psql('shop', 'SELECT count(*) FROM crm.ingest_check()'), '0', 'the room finds nothing wrong');
$node->stop;
done_testing();
