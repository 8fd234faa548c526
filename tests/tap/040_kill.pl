# kill -9 at random points under load, of worker, sender, backends, the whole server and the gateway, while tills
# deliver over HTTP: every acknowledged order is there once, every flow fired once, every message leaves and none
# without its id.  CRM_KILLS says how many kills (20 here, 200 by hand), CRM_SEED which.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(usleep);
use CrmTest;

my $kills = $ENV{CRM_KILLS} // 20;
srand($ENV{CRM_SEED} // 7);
my $node = crm_node('main', conf => "crm.core_clock = '2026-06-30T11:00:00+08:00'\nfsync = on\n");
crm_database($node, 'shop');
crm_shop($node, 'shop');
start_receiver($node, 'shop');
$node->safe_psql('shop', q{SELECT crm.campaign_edit('welcome', '{"holdout_percent": 0}'), crm.campaign_start('welcome')});
my @tills = start_tills($node, 'shop', start_web('shop', $node), ['1', '2']);

# One answer, or nothing while the server is down: psql by the shell, for a write to a server that has
# just been killed must not end the test.
sub ask
{
	my ($query) = @_;
	my $answer = `psql -X -q -A -t -d '@{[$node->connstr('postgres')]}' -c "$query" 2>/dev/null </dev/null`;
	chomp $answer;
	return $answer;
}

sub wait_for_server
{
	for (1 .. 1200)
	{
		return if ask('SELECT 1') eq '1';
		usleep(100_000);
	}
	die 'the server did not come back';
}

sub strike
{
	my ($what) = @_;
	if ($what eq 'server')
	{
		$node->stop('immediate');
		$node->start;
		return 1;
	}
	return kill_gateway() if $what eq 'gateway';
	my %type = (worker => 'crm worker', sender => 'crm sender', backend => 'client backend');
	my $pid = ask("SELECT pid FROM pg_stat_activity WHERE backend_type = '$type{$what}' AND pid <> pg_backend_pid() ORDER BY random() LIMIT 1");
	return unless $pid =~ /^\d+$/ && kill('KILL', $pid);
	wait_for_server();
	return 1;
}

my %killed;
for (my $left = $kills; $left > 0;)
{
	usleep(150_000 + int(rand(600_000)));
	my $what = (qw(worker sender backend server gateway))[int(rand(5))];
	next unless strike($what);
	$killed{$what}++;
	$left--;
}
let_tills_end();
ok($_->finish, 'a till got all its answers') for @tills;
note(join ', ', map { "$_: $killed{$_}" } sort keys %killed);

my @answers = answers_of('1', '2');
cmp_ok(scalar(@answers), '>', $kills / 2, 'orders were taken all the while: ' . scalar(@answers));
is(join(', ', map { "$_->[0] $_->[1]" } grep { $_->[1] !~ /^20[01]$/ } @answers), '', 'each was answered 201, or 200 when it had been stored before the kill');
my $ids = join ',', map { "('$_->[0]')" } @answers;
is($node->safe_psql('shop', "SELECT count(*) FROM (VALUES $ids) a (id) WHERE (SELECT count(*) FROM crm.customer_order o WHERE o.external_id = a.id AND o.is_current) <> 1"),
	'0', 'every acknowledged order is there once');
is($node->safe_psql('shop', 'SELECT count(*) FROM crm.customer_order'), scalar(@answers), 'and no other');
$node->safe_psql('shop', 'SELECT count(*) FROM crm.worker_run_jobs()');
is($node->safe_psql('shop', 'SELECT * FROM crm.check()'), '', 'what is kept by increments agrees with a recomputation');
is($node->safe_psql('shop', q{SELECT count(*) FROM crm.customer c WHERE c.status = 'active' AND
	(SELECT count(*) FROM crm.occurrence q JOIN crm.flow f USING (flow_id) WHERE q.customer_id = c.customer_id AND f.code = 'welcome' AND q.outcome = 'sent') <> 1}),
	'0', 'every new person was welcomed once');
is($node->safe_psql('shop', q{SELECT count(*) || ' ' || count(DISTINCT (flow_id, customer_id, occurrence_key)) FROM crm.outbox}),
	join(' ', (scalar @answers) x 2), 'with one message each');
is($node->safe_psql('shop', q{SELECT count(*) FROM crm.outbox WHERE message_id IS NULL OR split_part(message_id, '-', 1) <> customer_id::text}), '0', 'which has its id');

# the leases of killed senders end (here at once), refused attempts are due five minutes later
$node->safe_psql('shop', 'UPDATE crm.outbox_queue SET lease_until = clock_timestamp() WHERE lease_until IS NOT NULL');
for my $minute (6, 12, 18, 24)
{
	clock($node, sprintf('2026-06-30T11:%02d:00+08:00', $minute));
	wait_until($node, 'shop', 'SELECT count(*) = 0 FROM crm.outbox_queue WHERE due_at <= crm.core_now()', 'the queue to drain');
}
my %arrived;
$arrived{$_->{id} // ''}++ for requests_of();
my %sent = map { $_ => 1 } split /\n/, $node->safe_psql('shop', 'SELECT message_id FROM crm.outbox');
is(join(', ', grep { !$sent{$_} } keys %arrived), '', 'nothing arrived without an id that was decided');
is(join(', ', grep { !$arrived{$_} } keys %sent), '', 'every message arrived, ' . scalar(grep { $_ > 1 } values %arrived) . ' of ' . scalar(keys %sent) . ' again with their id');
done_testing();
