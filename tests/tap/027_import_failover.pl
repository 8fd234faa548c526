# The primary dies in the middle of an import.  The standby, promoted, goes on where the last commit was: each line is there once.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use CrmTest;

my ($lines, $phones) = (24000, 900);
my $primary = crm_node('primary', streaming => 1, conf => "crm.core_clock = '2026-06-30T11:00:00+08:00'\n");
crm_database($primary, 'shop');
crm_shop($primary, 'shop');
my $standby = crm_standby($primary);

my $file = "$PostgreSQL::Test::Utils::tmp_check/import_failover.ndjson";
open(my $out, '>', $file) or die $!;
printf $out '{"external_id": "I%d", "phone": "1385678%04d", "ordered_at": "2026-06-%02dT10:00:00+08:00", "store_code": "S0%d", "items": [{"product_code": "P1", "quantity": 1, "unit_price": "10.00"}]}' . "\n",
	$_, $_ % $phones, 1 + $_ % 28, 1 + $_ % 3 for 1 .. $lines;
close $out;
my $key = $primary->safe_psql('shop', "SELECT crm.access_create_key('imports', 'crm_steward')");
my $url = start_web('shop', $primary, $standby);
my $send = "curl -s -X POST '$url/api/v1/imports?source=pos&entity=order&format=ndjson&history=true' -H 'Authorization: Bearer $key' -H 'Content-Type: application/x-ndjson' -T $file";
my ($batch) = qx($send) =~ /"batch_id": ?(\d+)/ or die 'the import was not taken';
wait_until($primary, 'shop', 'SELECT count(*) > 0 FROM crm.customer_order', 'the first piece');
$primary->stop('immediate');
my $had = $standby->safe_psql('shop', 'SELECT count(*) FROM crm.customer_order');
cmp_ok($had, '>', 0, "the standby has what was committed: $had lines");
cmp_ok($had, '<', $lines, 'and the import was not through');
$standby->promote;
wait_until($standby, 'shop', "SELECT state = 'done' FROM crm.batch WHERE batch_id = $batch", 'the import to go on');
is($standby->safe_psql('shop', 'SELECT count(*) || $$ $$ || count(DISTINCT external_id) || $$ $$ || sum(amount) FROM crm.customer_order WHERE is_current'),
	"$lines $lines ${lines}0.00", 'every line is there once, with its money');
is($standby->safe_psql('shop', 'SELECT count(*) FROM crm.customer_order WHERE NOT is_current'), '0', 'none was taken twice');
is($standby->safe_psql('shop', "SELECT (counts ->> 'created')::int FROM crm.batch WHERE batch_id = $batch"), $lines, 'and the report counts each');
is($standby->safe_psql('shop', "SELECT count(*) FROM crm.customer WHERE status = 'active'"), $phones, 'every phone is one person');
my ($again) = qx($send) =~ /"batch_id": ?(\d+)/ or die 'the second import was not taken';
wait_until($standby, 'shop', "SELECT state = 'done' FROM crm.batch WHERE batch_id = $again", 'the file once more');
is($standby->safe_psql('shop', "SELECT (counts ->> 'unchanged')::int FROM crm.batch WHERE batch_id = $again"), $lines, 'the file sent again changes nothing');
$standby->safe_psql('shop', 'SELECT count(*) FROM crm.worker_run_jobs()');
is($standby->safe_psql('shop', 'SELECT * FROM crm.check()'), '', 'check() finds no drift');
done_testing();
