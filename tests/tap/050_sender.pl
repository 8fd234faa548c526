# Messages leave once, signed, whatever the receiver does; what is killed in between leaves again with
# its id; after a failover sending waits for a person.
use strict;
use warnings;
use IPC::Run qw(start);
use JSON::PP;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time usleep);
use CrmTest;

my $receiver = "$ENV{CRM_TOP}/build/crm_receiver";
system("make -s -C $ENV{CRM_TOP} PG_CONFIG=$ENV{PG_CONFIG} receiver") == 0 or die 'no receiver' unless -x $receiver;
my $folder = $PostgreSQL::Test::Utils::tmp_check;
my %running;
END { local $?; $_->{process}->kill_kill for values %running }
my $no = 0;

# Starts a receiver, defines an endpoint and a channel of its name; returns the secret.
sub endpoint
{
	my ($node, $name, %option) = @_;
	my $secret = 'whsec_' . ($option{secret} // 'MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw');
	my ($in, $out, $err) = ('', '', '');
	my $id = "$name" . ++$no;
	my @command = ($receiver, '--port', 0, '--secret', $secret, '--out', "$folder/$name.ndjson");
	push @command, '--misbehave', $option{misbehave} if $option{misbehave};
	push @command, '--tls', $option{tls} if $option{tls};
	$running{$name}{process}->kill_kill if $running{$name};
	$running{$name} = { process => start(\@command, \$in, \$out, \$err), out => "$folder/$name.ndjson", node => $node };
	$running{$name}{process}->pump until $out =~ /^(\d+)\n/;
	my $url = ($option{tls} ? 'https' : 'http') . "://127.0.0.1:$1/";
	my $private = $option{public} ? 'false' : 'true';
	my $timeout = $option{timeout} // 15000;
	$node->safe_psql('shop', qq{
		SELECT crm.outbox_define_endpoint('$name', '$url', '$secret', '{"is_private_allowed": $private, "timeout_ms": $timeout}');
		INSERT INTO crm.channel (channel, name_zh, name_en, identifier_kind, endpoint) VALUES ('$name', '$name', '$name', 1, '$name')
			ON CONFLICT (channel) DO UPDATE SET endpoint = excluded.endpoint});
	return $secret;
}

# What a receiver got: a list of requests.
sub received
{
	my ($name) = @_;
	return () unless -e $running{$name}{out};
	return map { decode_json($_) } split /\n/, slurp_file($running{$name}{out});
}

sub wait_for_requests
{
	my ($name, $count) = @_;
	for (1 .. 1800)
	{
		my @got = received($name);
		return @got if @got >= $count;
		usleep(100_000);
	}
	diag($running{$name}{node}->safe_psql('shop', "SELECT * FROM (SELECT * FROM crm.outbox_event ORDER BY outbox_event_id DESC LIMIT 5) e; SELECT * FROM crm.outbox_queue"));
	die "waited in vain for $count requests at $name";
}

# A message on a channel; returns its id.
sub message
{
	my ($node, $channel) = @_;
	my $id = $node->safe_psql('shop', 'SELECT max(customer_id) FROM crm.customer') . '-test' . ++$no;
	$node->safe_psql('shop', "SELECT crm._outbox_put(split_part('$id', '-', 1)::bigint, '$id', '$channel', NULL, NULL, false,
		'{\"text\": \"你好\"}', crm.core_now(), NULL)");
	return $id;
}

sub events
{
	my ($node, $id) = @_;
	return $node->safe_psql('shop', "SELECT string_agg(concat_ws(' ', kind, http_status), ', ' ORDER BY at, outbox_event_id) FROM crm.outbox_event WHERE message_id = '$id'");
}

sub wait_for_events
{
	my ($node, $id, $wanted) = @_;
	ok($node->poll_query_until('shop', "SELECT string_agg(concat_ws(' ', kind, http_status), ', ' ORDER BY at, outbox_event_id) FROM crm.outbox_event WHERE message_id = '$id'", $wanted),
		"$wanted");
	return;
}

my $node = crm_node('main', streaming => 1, conf => "crm.core_clock = '2026-06-30T11:00:00+08:00'\n");
crm_database($node, 'shop');
crm_shop($node, 'shop');
like(member($node, 'shop', 'M1', '13912345601'), qr/^201/, 'a member is there');

# 1. a message leaves, signed
is(qx($receiver --verify whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw msg_p5jXN8AQM9LWM0D4loKWxJek 1614265330 'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=' '{"test": 2432232314}'),
	"valid\n", 'the receiver finds the standard\'s own vector valid');
is(qx($receiver --verify whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw msg_p5jXN8AQM9LWM0D4loKWxJek 1614265330 'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=' '{"test": 2432232315}'),
	"invalid\n", 'and not with another body');
is($node->safe_psql('shop', q{SELECT encode(crm._hmac(decode('MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw', 'base64'), convert_to('msg_p5jXN8AQM9LWM0D4loKWxJek.1614265330.{"test": 2432232314}', 'UTF8')), 'base64')}),
	'g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=', 'as the server\'s HMAC does');
is(qx($receiver --verify whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw msg_p5jXN8AQM9LWM0D4loKWxJek 1614265330 'v1,v48jdbgvh29KJz2Qc+ghw8G6vG3nAKnujWBg8oM/62A=' ''), "valid\n", 'nor does an empty body differ from the library of the standard');
is($node->safe_psql('shop', q{SELECT encode(crm._hmac(decode('MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw', 'base64'), convert_to('msg_p5jXN8AQM9LWM0D4loKWxJek.1614265330.', 'UTF8')), 'base64')}),
	'v48jdbgvh29KJz2Qc+ghw8G6vG3nAKnujWBg8oM/62A=', 'on either side');
endpoint($node, 'good');
ok(wait_until($node, 'shop', "SELECT count(*) = 1 FROM crm.worker_status WHERE process = 'sender' AND database = 'shop'", 'sender'), 'an endpoint brings a sender');
my $id = message($node, 'good');
my ($got) = wait_for_requests('good', 1);
is($got->{id}, $id, 'the message arrives under its id');
ok($got->{valid}, 'validly signed');
is($got->{body}{to}, '+8613912345601', 'to the address in clear');
is($got->{body}{text}, "\x{4f60}\x{597d}", 'with its text');
wait_for_events($node, $id, 'sent 200');
is($node->safe_psql('shop', 'SELECT count(*) FROM crm.outbox_queue'), '0', 'and leaves the queue');

# 2. a secret that changes: both sign, then the new one alone
my $new = $node->safe_psql('shop', "SELECT crm.outbox_rotate_secret('good')");
message($node, 'good');
my @two = wait_for_requests('good', 2);
ok($two[1]{valid}, 'the receiver that knows the old secret is content');
$node->safe_psql('shop', "SELECT crm.outbox_rotate_secret('good', true)");
message($node, 'good');
ok(!(wait_for_requests('good', 3))[2]{valid}, 'until the change is finished');
endpoint($node, 'good', secret => substr($new, 6));
message($node, 'good');
ok((wait_for_requests('good', 4))[3]{valid}, 'one that knows the new one is content then');

# 3. a hanging endpoint delays no other
endpoint($node, 'hang', misbehave => 'hang', timeout => 40000);
message($node, 'hang') for 1 .. 10;
wait_for_requests('hang', 8);
my $begin = time;
message($node, 'good');
wait_for_requests('good', 5);
cmp_ok(time - $begin, '<', 20, 'a message leaves at once while others hang');
is(scalar(received('hang')), 8, 'of the hanging endpoint\'s messages no more than max_concurrency are under way');

# 4. bad manners
endpoint($node, 'redirect', misbehave => 'redirect');
$id = message($node, 'redirect');
wait_for_events($node, $id, 'failed 302');
is_deeply([map { $_->{path} } received('redirect')], ['/'], 'a redirect is not followed');
is($node->safe_psql('shop', "SELECT due_at - crm.core_now() FROM crm.outbox_queue WHERE message_id = '$id'"), '00:05:00', 'but tried again after 300 s');

endpoint($node, 'closed_network', public => 1);
$id = message($node, 'closed_network');
wait_for_events($node, $id, 'refused, dead');
is(scalar(received('closed_network')), 0, 'a private address is not spoken to without leave');
is($node->safe_psql('shop', "SELECT reason FROM crm.dead_letter WHERE message_id = '$id'"), 'private address; the endpoint does not allow them', 'and the dead letter says so');

endpoint($node, 'busy', misbehave => '503');
$id = message($node, 'busy');
wait_for_events($node, $id, 'failed 503');
is($node->safe_psql('shop', "SELECT due_at - crm.core_now() FROM crm.outbox_queue WHERE message_id = '$id'"), '00:15:00', 'Retry-After is obeyed');

endpoint($node, 'gone', misbehave => '410');
$id = message($node, 'gone');
wait_for_events($node, $id, 'gone 410');
is($node->safe_psql('shop', "SELECT is_active FROM crm.endpoint WHERE endpoint = 'gone'"), 'f', '410 switches the endpoint off');
is($node->safe_psql('shop', "SELECT count(*) FROM crm.alert WHERE kind = 'outbox.gone' AND closed_at IS NULL"), '1', 'with an alert');

endpoint($node, 'huge', misbehave => 'huge');
wait_for_events($node, message($node, 'huge'), 'sent 200');
endpoint($node, 'drip', misbehave => 'drip', timeout => 1500);
wait_for_events($node, message($node, 'drip'), 'unknown');
endpoint($node, 'mute', misbehave => 'close:1');
$id = message($node, 'mute');
wait_for_events($node, $id, 'unknown');
system("openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=127.0.0.1 -keyout $folder/tls.key -out $folder/tls.crt 2>/dev/null && cat $folder/tls.crt $folder/tls.key > $folder/tls.pem") == 0 or die 'no certificate';
endpoint($node, 'stranger', tls => "$folder/tls.pem");
$id = message($node, 'stranger');
wait_for_events($node, $id, 'failed');
is(scalar(received('stranger')), 0, 'a certificate that nobody vouches for gets nothing');

# 5. three retries, one dead letter, one alert, a replay
endpoint($node, 'broken', misbehave => '500:8');
my @ids = (message($node, 'broken'), message($node, 'broken'));
wait_for_events($node, $_, 'failed 500') for @ids;
for my $minute (6, 12, 18)
{
	clock($node, sprintf('2026-06-30T11:%02d:00+08:00', $minute));
	my $count = 2 * ($minute / 6 + 1);
	wait_for_requests('broken', $count);
	$node->poll_query_until('shop', "SELECT count(*) = $count FROM crm.outbox_event WHERE kind = 'failed' AND message_id IN ('$ids[0]', '$ids[1]')");
}
is(events($node, $ids[0]), 'failed 500, failed 500, failed 500, failed 500, dead', 'four attempts, then a dead letter');
is($node->safe_psql('shop', "SELECT count(*) FROM crm.alert WHERE kind = 'outbox.dead' AND key = 'broken'"), '1', 'two dead letters, one alert');
clock($node, '2026-06-30T11:30:00+08:00');
$node->safe_psql('shop', "SELECT crm.outbox_replay('$ids[0]')");
wait_for_requests('broken', 9);
ok($node->poll_query_until('shop', "SELECT array_agg(concat_ws(' ', kind, http_status) ORDER BY kind) = '{replayed,sent 200}' FROM crm.outbox_event WHERE message_id = '$ids[0]' AND at = '2026-06-30T11:30:00+08:00'"),
	'a replay leaves with the same id');
is((received('broken'))[8]{id}, $ids[0], 'as the receiver sees');
is($node->safe_psql('shop', "SELECT count(*) FROM crm.alert WHERE kind = 'outbox.dead' AND key = 'broken' AND closed_at IS NULL"), '0', 'success closes the alert');
is((received('mute'))[1]{id}, (received('mute'))[0]{id}, 'what had no answer was repeated with its id');

# 6. killed in the middle: it leaves again with the same id
endpoint($node, 'killed', misbehave => 'hang:1', timeout => 40000);
$id = message($node, 'killed');
wait_for_requests('killed', 1);
my $pid = $node->safe_psql('shop', "SELECT pid FROM crm.worker_status WHERE process = 'sender' AND database = 'shop'");
kill 'KILL', $pid;
ok($node->poll_query_until('shop', "SELECT count(*) = 1 FROM crm.worker_status WHERE process = 'sender' AND database = 'shop' AND pid <> $pid"), 'a killed sender is back');
is($node->safe_psql('shop', "SELECT attempt FROM crm.outbox_queue WHERE message_id = '$id'"), '1', 'the attempt was committed before the request');
is($node->safe_psql('shop', "SELECT lease_until > clock_timestamp() FROM crm.outbox_queue WHERE message_id = '$id'"), 't', 'and its lease still runs');
# the lease ends
$node->safe_psql('shop', "UPDATE crm.outbox_queue SET lease_until = clock_timestamp() WHERE message_id = '$id'; SELECT crm._worker_wake()");
wait_for_events($node, $id, 'lost, sent 200');
is_deeply([map { $_->{id} } received('killed')], [$id, $id], 'it left twice, both times under its id');
is($node->safe_psql('shop', "SELECT string_agg(what, ', ') FROM crm.outbox_check()"), '', 'no message is lost');

# 7. nobody waits for a slow receiver
$node->safe_psql('postgres', 'CREATE DATABASE other TEMPLATE shop');
ok($node->poll_query_until('postgres', "SELECT count(*) = 1 FROM pg_stat_activity WHERE backend_type = 'crm sender' AND datname = 'other'"), 'a copy has its own sender');
ok($node->poll_query_until('other', 'SELECT paused_reason IS NOT NULL FROM crm.sending_state'), 'which waits: the original sends these messages');
$node->safe_psql('other', 'SELECT crm.outbox_resume(true)');
my $before = scalar received('hang');
$node->safe_psql('other', "UPDATE crm.outbox_queue SET lease_until = NULL, due_at = 'epoch' WHERE endpoint = 'hang'; UPDATE crm.endpoint SET broken_until = NULL; SELECT crm._worker_wake()");
wait_for_requests('hang', $before + 1);
$begin = time;
$node->safe_psql('postgres', 'DROP DATABASE other WITH (FORCE)');
cmp_ok(time - $begin, '<', 20, 'DROP DATABASE during a slow request returns at once');

# 8. a failover: sending waits for a person
$node->backup('base');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($node, 'base', has_streaming => 1);
$standby->start;
$node->wait_for_catchup($standby);
$node->stop('immediate');
$standby->promote;
ok($standby->poll_query_until('shop', "SELECT count(*) = 1 FROM crm.worker_status WHERE process = 'sender' AND database = 'shop'"), 'promoted, a sender starts');
my $held = scalar received('good');
$id = message($standby, 'good');
ok($standby->poll_query_until('shop', "SELECT count(*) = 1 FROM crm.alert WHERE kind = 'outbox.paused' AND closed_at IS NULL"), 'and opens an alert');
usleep(1_500_000);
is(scalar(received('good')), $held, 'but sends nothing');
like($standby->safe_psql('shop', 'SELECT crm.outbox_resume()'), qr/timeline 1 became 2.*"resumed": false/s, 'what waits and why is shown');
$standby->safe_psql('shop', 'SELECT crm.outbox_resume(true)');
wait_for_requests('good', $held + 1);
wait_for_events($standby, $id, 'sent 200');
is($standby->safe_psql('shop', "SELECT count(*) FROM crm.alert WHERE kind = 'outbox.paused' AND closed_at IS NULL"), '0', 'confirmed, it goes on');

# 9. the extension goes during a slow request
$standby->safe_psql('shop', "UPDATE crm.outbox_queue SET lease_until = NULL, due_at = 'epoch' WHERE endpoint = 'hang'; UPDATE crm.endpoint SET broken_until = NULL; SELECT crm._worker_wake()");
$before = scalar received('hang');
$standby->poll_query_until('shop', "SELECT count(*) > 0 FROM crm.outbox_queue WHERE endpoint = 'hang' AND lease_until > clock_timestamp()");
$begin = time;
$standby->safe_psql('shop', "SELECT crm.uninstall('shop')");
$standby->safe_psql('shop', 'DROP EXTENSION crm');
cmp_ok(time - $begin, '<', 20, 'DROP EXTENSION during a slow request returns at once');
ok($standby->poll_query_until('postgres', "SELECT count(*) = 0 FROM pg_stat_activity WHERE backend_type = 'crm sender'"), 'and the sender leaves');

done_testing();
