# A burst: eight tills that had an order every two seconds send without a pause, half of them for new persons, half for
# the same few hundred whose orders an import brings meanwhile.  Nothing is lost, nothing is taken twice, no collision
# reaches a till, and what had to wait drains.  CRM_BURST_MINUTES=10 tests/bin/tap tests/tap/070_burst.pl takes ten times the
# normal day's rate for so many minutes instead.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);
use CrmTest;
use Till;

my ($calm, $burst, $lines, $phones, $pause) = (2, 60, 4000, 300, 0);
if (my $minutes = $ENV{CRM_BURST_MINUTES})
{
	($calm, $burst, $lines, $phones, $pause) = (15, $minutes * 300, 1000 + $minutes * 300, $minutes * 300, 0.12);
	$ENV{PG_TEST_TIMEOUT_DEFAULT} = 900;
}
my $folder = $PostgreSQL::Test::Utils::tmp_check;
my $node = crm_node('main', conf => "crm.core_clock = '2026-06-30T11:00:00+08:00'\n");
crm_database($node, 'shop');
crm_shop($node, 'shop');
start_receiver($node, 'shop');
$node->safe_psql('shop', q{SELECT crm.campaign_edit('welcome', '{"holdout_percent": 0}'), crm.campaign_start('welcome')});
my $url = start_web('shop', $node);
my $key = $node->safe_psql('shop', "SELECT crm.access_create_key('imports', 'crm_steward')");

# the normal day
my @names = map { "N$_" } 1 .. 8;
my $begin = time;
$_->finish or die 'a till gave up' for start_tills($node, 'shop', $url, \@names, count => $calm, pause => 2, phones => $phones);
my $normal = 8 * $calm / (time - $begin);

# the import: orders of the same persons, and among them those that till B1 is about to send
open(my $out, '>', "$folder/orders.ndjson") or die $!;
for my $n (1 .. $lines)
{
	print $out Till::order_of('I1', $n, $phones), "\n";
	print $out Till::order_of('B1', $n, $phones), "\n" if $n <= $burst;
}
close $out;

my @bursting = map { "B$_" } 1 .. 8;
$begin = time;
my @tills = (start_tills($node, 'shop', $url, [@bursting[0 .. 3]], count => $burst, pause => $pause, phones => $phones),
	start_tills($node, 'shop', $url, [@bursting[4 .. 7]], count => $burst, pause => $pause));
my $answer = qx(curl -s -X POST '$url/api/v1/imports?source=pos&entity=order&format=ndjson' -H 'Authorization: Bearer $key' -H 'Content-Type: application/x-ndjson' -T $folder/orders.ndjson);
my ($batch) = $answer =~ /"batch_id": ?(\d+)/ or die "the import was not taken: $answer";
ok($_->finish, 'a till got all its answers') for @tills;
note(sprintf('%.0f orders a second on a normal day, %.0f in the burst', $normal, 8 * $burst / (time - $begin)));
wait_until($node, 'shop', "SELECT state = 'done' FROM crm.batch WHERE batch_id = $batch", 'the import');

my @answers = answers_of(@names, @bursting);
is(scalar(@answers), 8 * ($calm + $burst), 'every order was answered');
is(join(', ', map { "@$_" } grep { $_->[1] !~ /^20[01]$/ || grep { /^5/ } @$_ } @answers), '', 'each 201 or 200, and none was told to come again');
my ($calmest, @waits) = (${[waits_of(@names)]}[-1], waits_of(@bursting));
my $late = $waits[int(.99 * $#waits)];
note("in the burst a till waits $waits[$#waits / 2] ms for an order, one in a hundred $late ms or more, none over $waits[-1] ms");
# (what a machine is slow with for other reasons, it is on a normal day, too)
cmp_ok($late, '<=', 3000 + 5 * $calmest, "ninety-nine in a hundred wait three seconds at most, and five times the longest wait of a normal day ($calmest ms)");
my $collisions = () = slurp_file($node->logfile) =~ /deadlock detected/g;
note("$collisions collisions were sorted out in the house");

my $orders = 8 * ($calm + $burst) + $lines;
is($node->safe_psql('shop', "SELECT count(*) || ' ' || count(DISTINCT external_id) || ' ' || sum(amount) FROM crm.customer_order WHERE is_current"),
	"$orders $orders ${orders}0.00", 'every order is there once, with its money');
is($node->safe_psql('shop', 'SELECT count(*) FROM crm.customer_order WHERE NOT is_current'), '0', 'an order from till and import is one, not a revision');
is($node->safe_psql('shop', "SELECT (counts ->> 'created')::int + coalesce((counts ->> 'unchanged')::int, 0) FROM crm.batch WHERE batch_id = $batch"),
	$lines + $burst, 'the import took every line');
is($node->safe_psql('shop', 'SELECT count(*) FROM crm.reject'), '0', 'nothing was rejected');
is($node->safe_psql('shop', "SELECT count(*) FROM crm.customer WHERE status = 'active'"), $phones + 4 * $burst, 'every phone is one person');

# the backlog
$node->safe_psql('shop', 'SELECT count(*) FROM crm.worker_run_jobs()');
clock($node, '2026-06-30T11:10:00+08:00');
wait_until($node, 'shop', 'SELECT count(*) = 0 FROM crm.outbox_queue', 'the messages to leave');
is($node->safe_psql('shop', 'SELECT * FROM crm.check()'), '', 'check() finds no drift');
is($node->safe_psql('shop', q{SELECT count(*) FROM (SELECT q.customer_id FROM crm.occurrence q JOIN crm.flow f USING (flow_id) WHERE f.code = 'welcome'
	GROUP BY 1 HAVING count(*) > 1) d}), '0', 'nobody was welcomed twice');
is($node->safe_psql('shop', q{SELECT count(*) FROM (SELECT DISTINCT m.customer_id FROM crm.source_record r JOIN crm.membership m USING (source_record_id)
	WHERE r.kind = 'member' AND m.valid_to = 'infinity') p
	WHERE NOT EXISTS (SELECT FROM crm.occurrence q JOIN crm.flow f USING (flow_id) WHERE q.customer_id = p.customer_id AND f.code = 'welcome')}), '0', 'every member was');
my %arrived = map { $_->{id} => 1 } requests_of();
cmp_ok(scalar(keys %arrived), '>=', 4 * $burst, 'who was new was written to');
is_deeply([sort keys %arrived], [sort split /\n/, $node->safe_psql('shop', 'SELECT message_id FROM crm.outbox')], 'every message arrived: ' . scalar(keys %arrived));
is($node->safe_psql('shop', q{SELECT string_agg(concat_ws(' ', kind, key, detail), '; ') FROM crm.alert}), '', 'and nobody had to be called');
done_testing();
