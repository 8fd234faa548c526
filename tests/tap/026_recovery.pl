# A server is recovered to a moment of this morning: it has what was there at that moment and nothing of later, an import that
# was under way goes on, and sending waits for a person, since messages of after that moment have left already.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(usleep);
use CrmTest;

my $lines = 12000;

sub newcomer
{
	my ($node, $id, $phone) = @_;
	return $node->safe_psql('shop', qq{SELECT r.status || ' ' || r.code FROM crm.ingest_member('pos', convert_to('{"external_id": "$id",
		"phone": "$phone", "store_code": "S01", "registered_at": "2026-06-30T11:00:00+08:00", "consent_sms": "yes"}', 'UTF8')) r});
}

my $old = crm_node('old', archiving => 1, streaming => 1, conf => "crm.core_clock = '2026-06-30T11:00:00+08:00'\n");
crm_database($old, 'shop');
crm_shop($old, 'shop');
start_receiver($old, 'shop');
$old->safe_psql('shop', q{SELECT crm.campaign_edit('welcome', '{"holdout_percent": 0}'), crm.campaign_start('welcome')});
$old->backup('base');

# before the moment: orders, a welcome that left, and an import that is not through
like(newcomer($old, "W$_", "1391234000$_"), qr/^201/, "member W$_ comes") for 1 .. 3;
order($old, 'shop', "O$_", '13912340001', "2026-06-30T10:0$_:00+08:00", "$_.00") for 1 .. 5;
wait_until($old, 'shop', "SELECT count(*) = 3 FROM crm.outbox_event WHERE kind = 'sent'", 'three welcomes');
my @before = map { $_->{id} } requests_of();
my $file = "$PostgreSQL::Test::Utils::tmp_check/recovery.ndjson";
open(my $out, '>', $file) or die $!;
printf $out '{"external_id": "I%d", "phone": "1385678%04d", "ordered_at": "2026-06-20T10:00:00+08:00", "store_code": "S01", "items": [{"product_code": "P1", "quantity": 1, "unit_price": "10.00"}]}' . "\n",
	$_, $_ % 400 for 1 .. $lines;
close $out;
my $key = $old->safe_psql('shop', "SELECT crm.access_create_key('imports', 'crm_steward')");
my $url = start_web('shop', $old);
my ($batch) = qx(curl -s -X POST '$url/api/v1/imports?source=pos&entity=order&format=ndjson&history=true' -H 'Authorization: Bearer $key' -H 'Content-Type: application/x-ndjson' -T $file)
	=~ /"batch_id": ?(\d+)/ or die 'the import was not taken';
wait_until($old, 'shop', "SELECT count(*) > 0 FROM crm.customer_order WHERE external_id LIKE 'I%'", 'the first piece of the import');
$old->safe_psql('shop', "SELECT pg_create_restore_point('noon')");
my $applied = $old->safe_psql('shop', "SELECT state FROM crm.batch WHERE batch_id = $batch");
note("the import was $applied at the moment");

# after it: what the recovery takes back
wait_until($old, 'shop', "SELECT state = 'done' FROM crm.batch WHERE batch_id = $batch", 'the import on the old server');
like(newcomer($old, 'L1', '13912349999'), qr/^201/, 'a member who comes later');
order($old, 'shop', 'LATE', '13912340001', '2026-06-30T10:30:00+08:00', '77.00');
wait_until($old, 'shop', "SELECT count(*) = 4 FROM crm.outbox_event WHERE kind = 'sent'", 'his welcome');
my $segment = $old->safe_psql('shop', 'SELECT pg_walfile_name(pg_switch_wal())');
wait_until($old, 'postgres', "SELECT last_archived_wal >= '$segment' FROM pg_stat_archiver", 'the archive');
$old->stop;

my $new = PostgreSQL::Test::Cluster->new('new');
$new->init_from_backup($old, 'base', has_restoring => 1, standby => 0);
$new->append_conf('postgresql.conf', "recovery_target_name = 'noon'\nrecovery_target_action = 'promote'\narchive_mode = off");
$new->start;
wait_until($new, 'postgres', 'SELECT NOT pg_is_in_recovery()', 'the end of recovery');

is($new->safe_psql('shop', "SELECT count(*) FROM crm.customer_order WHERE external_id LIKE 'O%'"), '5', 'the orders of before are there');
is($new->safe_psql('shop', "SELECT count(*) FROM crm.customer_order WHERE external_id = 'LATE'"), '0', 'that of later is not');
is($new->safe_psql('shop', "SELECT state FROM crm.doctor() WHERE finding = 'keys'"), 'ok', 'the keys are those of the data');
wait_until($new, 'shop', "SELECT state = 'done' FROM crm.batch WHERE batch_id = $batch", 'the import to go on');
is($new->safe_psql('shop', "SELECT count(*) || ' ' || count(DISTINCT external_id) || ' ' || sum(amount) FROM crm.customer_order WHERE external_id LIKE 'I%'"),
	"$lines $lines ${lines}0.00", 'it is through: each line once, with its money');
wait_until($new, 'shop', "SELECT count(*) = 1 FROM crm.alert WHERE kind = 'outbox.paused' AND closed_at IS NULL", 'the alert');

# the till sends again what it was never sure of; its member is welcomed, but the message waits
like(order($new, 'shop', 'LATE', '13912340001', '2026-06-30T10:30:00+08:00', '77.00'), qr/^201 created/, 'the till delivers again what was lost');
like(newcomer($new, 'L1', '13912349999'), qr/^201/, 'and so does the source of the member');
wait_until($new, 'shop', 'SELECT count(*) = 1 FROM crm.outbox_queue', 'his welcome to be decided');
usleep(1_500_000);
is(scalar(requests_of()), 4, 'nothing leaves, though it waits');
like($new->safe_psql('shop', 'SELECT crm.outbox_resume()'), qr/timeline 1 became \d.*"resumed": false/s, 'outbox_resume() says why');
$new->safe_psql('shop', 'SELECT crm.outbox_resume(true)');
wait_until($new, 'shop', 'SELECT count(*) = 0 FROM crm.outbox_queue', 'it to leave');
my %count;
$count{$_->{id}}++ for requests_of();
is(scalar(grep { $count{$_} != 1 } @before), 0, 'what had left before the moment did not leave again');
$new->safe_psql('shop', 'SELECT count(*) FROM crm.worker_run_jobs()');
is($new->safe_psql('shop', 'SELECT * FROM crm.check()'), '', 'check() finds no drift');
done_testing();
