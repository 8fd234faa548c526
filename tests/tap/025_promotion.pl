# A standby is silent.  Its primary dies in the middle of intake: promoted, it has every order that was acknowledged
# and takes the next ones, its workers go on with the keys, and sending waits for a person.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(usleep);
use CrmTest;

my $primary = crm_node('primary', streaming => 1, conf => "crm.core_clock = '2026-06-30T11:00:00+08:00'\n");
crm_database($primary, 'shop');
crm_shop($primary, 'shop');
start_receiver($primary, 'shop');
$primary->safe_psql('shop', q{SELECT crm.campaign_edit('welcome', '{"holdout_percent": 0}'), crm.campaign_start('welcome')});
my $hash = $primary->safe_psql('shop', "SELECT crm._keyed_hash('phone', '+8613800138000')");
my $standby = crm_standby($primary);

is($standby->safe_psql('shop', 'SELECT count(*) FROM crm.worker_status'), '0', 'a standby has no launcher');
is($standby->safe_psql('shop', "SELECT state FROM crm.doctor() WHERE finding = 'worker of this database'"), 'ok', 'and doctor finds that right');
is($standby->safe_psql('shop', "SELECT crm._keyed_hash('phone', '+8613800138000')"), $hash, 'the keys came with the base backup');

# two tills before a gateway that goes to whichever server takes writes
my @tills = start_tills($primary, 'shop', start_web('shop', $primary, $standby), ['1', '2']);
wait_until($primary, 'shop', 'SELECT count(*) >= 20 FROM crm.customer_order', 'orders');
wait_until($primary, 'shop', "SELECT count(*) >= 10 FROM crm.outbox_event WHERE kind = 'sent'", 'messages');
is($standby->safe_psql('shop', 'SELECT count(*) >= 20 FROM crm.customer_order'), 't', 'the standby has what the primary acknowledged');

$primary->stop('immediate');
my %before;
$before{$_->{id}}++ for all_that_come();    # also what was on its way
$standby->promote;
wait_until($standby, 'shop', "SELECT count(*) = 1 FROM crm.worker_status WHERE process = 'worker' AND database = 'shop'", 'worker');
pass('promoted, its worker starts');
my $had = $standby->safe_psql('shop', 'SELECT count(*) FROM crm.customer_order');
wait_until($standby, 'shop', "SELECT count(*) >= $had + 20 FROM crm.customer_order", 'orders after the promotion');
let_tills_end();
ok($_->finish, 'a till got all its answers') for @tills;

my @answers = answers_of('1', '2');
is(join(', ', map { "$_->[0] $_->[1]" } grep { $_->[1] !~ /^20[01]$/ } @answers), '', 'each order was answered 201, or 200 when it had been stored before');
my $ids = join ',', map { "('$_->[0]')" } @answers;
is($standby->safe_psql('shop', "SELECT count(*) FROM (VALUES $ids) a (id) WHERE (SELECT count(*) FROM crm.customer_order o WHERE o.external_id = a.id AND o.is_current) <> 1"),
	'0', 'every acknowledged order is there once, of before and after: ' . scalar(@answers));
is($standby->safe_psql('shop', q{SELECT count(*) FROM crm.customer c WHERE c.status = 'active' AND
	(SELECT count(*) FROM crm.occurrence q JOIN crm.flow f USING (flow_id) WHERE q.customer_id = c.customer_id AND f.code = 'welcome' AND q.outcome = 'sent') <> 1}),
	'0', 'every new person was welcomed once');
is($standby->safe_psql('shop', "SELECT state FROM crm.doctor() WHERE finding = 'keys'"), 'ok', 'the keys are right');
$standby->safe_psql('shop', 'SELECT count(*) FROM crm.worker_run_jobs()');
is($standby->safe_psql('shop', 'SELECT * FROM crm.check()'), '', 'check() finds no drift');

# what left is unknown to nobody here, but after a new timeline only a person knows that
wait_until($standby, 'shop', "SELECT count(*) = 1 FROM crm.alert WHERE kind = 'outbox.paused' AND closed_at IS NULL", 'the alert');
usleep(1_500_000);
my %during;
$during{$_->{id}}++ for requests_of();
is_deeply(\%during, \%before, 'nothing leaves, though messages wait');
cmp_ok($standby->safe_psql('shop', 'SELECT count(*) FROM crm.outbox_queue'), '>=', 20, 'they do');
like($standby->safe_psql('shop', 'SELECT crm.outbox_resume()'), qr/timeline 1 became 2.*"resumed": false/s, 'outbox_resume() shows why');
$standby->safe_psql('shop', 'SELECT crm.outbox_resume(true)');
$standby->safe_psql('shop', 'UPDATE crm.outbox_queue SET lease_until = clock_timestamp() WHERE lease_until IS NOT NULL');
for my $minute (6, 12)
{
	clock($standby, sprintf('2026-06-30T11:%02d:00+08:00', $minute));
	wait_until($standby, 'shop', 'SELECT count(*) = 0 FROM crm.outbox_queue WHERE due_at <= crm.core_now()', 'the queue to drain');
}
my %after;
$after{$_->{id}}++ for requests_of();
is_deeply([sort keys %after], [sort split /\n/, $standby->safe_psql('shop', 'SELECT message_id FROM crm.outbox')], 'confirmed, every message arrives, under the id that was decided');
my @again = grep { $after{$_} > 1 } keys %after;
cmp_ok(scalar(@again), '<=', 32, 'and only what was on its way at that moment came again: ' . scalar(@again));
done_testing();
