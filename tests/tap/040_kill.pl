# kill -9 at random points under load: every acknowledged order is there once, every flow fired
# once, and no message left without its id.  CRM_KILLS says how many kills (20 here, 200 by hand).
use strict;
use warnings;
use IPC::Run qw(start);
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
$node->safe_psql('shop', q{SELECT crm.outbox_define_endpoint('local', 'http://127.0.0.1:9/', NULL, '{"is_private_allowed": true}'), crm.outbox_set_channel('sms', 'local'), crm.campaign_start('welcome')});

# A till: one order after the other, each acknowledged one written down; a broken connection is
# opened anew and the same order sent again, as a till does.
my @tills;
my $folder = $PostgreSQL::Test::Utils::tmp_check;
for my $till (1 .. 2)
{
	my $script = "$folder/till$till.sh";
	open(my $out, '>', $script) or die $!;
	print $out <<"SH";
n=0
while [ ! -e $folder/enough ]; do
	n=\$((n + 1))
	phone=139$till\$(printf %07d \$((n + 2000000)))
	member="{\\"external_id\\": \\"M$till-\$n\\", \\"phone\\": \\"\$phone\\", \\"store_code\\": \\"S01\\", \\"registered_at\\": \\"2026-06-30T11:00:00+08:00\\"}"
	order="{\\"external_id\\": \\"T$till-\$n\\", \\"phone\\": \\"\$phone\\", \\"ordered_at\\": \\"2026-06-30T10:30:00+08:00\\", \\"store_code\\": \\"S01\\", \\"items\\": [{\\"product_code\\": \\"P1\\", \\"quantity\\": 1, \\"unit_price\\": \\"10.00\\"}]}"
	tries=0
	until psql -X -q -d '@{[$node->connstr('shop')]}' -c "SELECT r.status FROM crm.ingest_member('pos', convert_to('\$member', 'UTF8')) r" >/dev/null 2>&1 && answer=\$(psql -X -q -A -t -d '@{[$node->connstr('shop')]}' -c "SELECT r.status FROM crm.ingest_order('pos', convert_to('\$order', 'UTF8')) r" 2>/dev/null) && [ -n "\$answer" ]; do
		tries=\$((tries + 1))
		[ \$tries -lt 600 ] || exit 1
		sleep 0.1
	done
	echo "T$till-\$n \$answer" >> $folder/acknowledged$till
done
SH
	close $out;
	push @tills, start(['sh', $script], '>', "$folder/till$till.log", '2>&1');
}

# One answer, or nothing while the server is down: psql by the shell, for a write to a server that has
# just been killed must not end the test.
sub ask
{
	my ($query) = @_;
	my $answer = `psql -X -q -A -t -d '@{[$node->connstr('postgres')]}' -c "$query" 2>/dev/null </dev/null`;
	chomp $answer;
	return $answer;
}

my %killed;
for my $round (1 .. $kills)
{
	usleep(150_000 + int(rand(600_000)));
	my $what = (qw(worker sender backend postmaster))[int(rand(4))];
	if ($what eq 'postmaster')
	{
		$node->stop('immediate');
		$node->start;
	}
	else
	{
		my %type = (worker => 'crm worker', sender => 'crm sender', backend => 'client backend');
		my $pid = ask("SELECT pid FROM pg_stat_activity WHERE backend_type = '$type{$what}' AND pid <> pg_backend_pid() LIMIT 1");
		next unless defined $pid && $pid =~ /^\d+$/;
		kill 'KILL', $pid;
		for (1 .. 600)
		{
			last if ask('SELECT 1') eq '1';
			usleep(100_000);
			die 'the server did not come back' if $_ == 600;
		}
	}
	$killed{$what}++;
}
append_to_file("$folder/enough", "\n");
$_->finish for @tills;
note(join ', ', map { "$_: $killed{$_}" } sort keys %killed);

my @acknowledged = map { split /\n/, slurp_file("$folder/acknowledged$_") } 1, 2;
cmp_ok(scalar(@acknowledged), '>', $kills, 'orders were taken all the while: ' . scalar(@acknowledged));
is(scalar(grep { !/ (200|201)$/ } @acknowledged), 0, 'each was answered 201, or 200 when it had been stored before the kill');
my $ids = join ',', map { /^(\S+)/ ? "('$1')" : () } @acknowledged;
is($node->safe_psql('shop', "SELECT count(*) FROM (VALUES $ids) a (id) WHERE (SELECT count(*) FROM crm.customer_order o WHERE o.external_id = a.id AND o.is_current) <> 1"),
	'0', 'every acknowledged order is there once');
$node->safe_psql('shop', 'SELECT count(*) FROM crm.worker_run_jobs()');
is($node->safe_psql('shop', 'SELECT * FROM crm.check()'), '', 'what is kept by increments agrees with a recomputation');
is($node->safe_psql('shop', q{SELECT count(*) FROM crm.customer c WHERE c.status = 'active' AND
	(SELECT count(*) FROM crm.occurrence q JOIN crm.flow f USING (flow_id) WHERE q.customer_id = c.customer_id AND f.code = 'welcome') <> 1}),
	'0', 'every new person was welcomed once');
is($node->safe_psql('shop', 'SELECT count(*) FROM crm.outbox WHERE message_id IS NULL OR split_part(message_id, \'-\', 1) <> customer_id::text'), '0', 'every message has its id');
is($node->safe_psql('shop', 'SELECT count(*) FROM (SELECT flow_id, customer_id, occurrence_key FROM crm.outbox WHERE flow_id IS NOT NULL GROUP BY 1, 2, 3 HAVING count(*) > 1) d'),
	'0', 'and no occurrence has two messages');
done_testing();
