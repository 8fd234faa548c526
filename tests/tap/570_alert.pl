# Alerts reach those who look after the chain: a source that sends what cannot be read, an import that fails, an endpoint
# that is dead; by robot and by e-mail, each alert once, though the worker dies in between; no person is written to.
use strict;
use warnings;
use IPC::Run qw(start);
use JSON::PP;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use CrmTest;

my $out = "$PostgreSQL::Test::Utils::tmp_check/alert_vendors.ndjson";
unlink $out;
my ($in, $said, $err) = ('', '', '');
my $vendors = start(['/usr/bin/python3', "$ENV{CRM_TOP}/tests/receiver/vendor.py", $out], \$in, \$said, \$err);
END { local $?; $vendors->kill_kill if $vendors }
$vendors->pump until $said =~ /^(\d+) (\d+)\n/;
my ($http, $smtp) = ($1, $2);
sub received { my ($vendor) = @_; return -e $out ? grep { $_->{vendor} eq $vendor } map { decode_json($_) } split /\n/, slurp_file($out) : () }

my $node = crm_node('main', conf => "crm.core_clock = '2026-06-30T22:30:00+08:00'\n");
crm_database($node, 'shop');
crm_shop($node, 'shop');
$node->safe_psql('shop', qq{
	SELECT crm.outbox_connect('ops_robot', 'dingtalk_robot', 'http://127.0.0.1:$http', '{}', '{"access_token": "robot-token", "secret": "SECrobot"}', '{"is_private_allowed": true}');
	SELECT crm.outbox_connect('ops_mail', 'smtp', 'smtp://127.0.0.1:$smtp', '{"from": "crm\@chain.example"}', '{}', '{"is_private_allowed": true}');
	SELECT crm.outbox_route_alerts('ops_robot', '', '{ingest.%}'), crm.outbox_route_alerts('ops_mail', 'it\@chain.example', '{ingest.rate}')});

# one order of two cannot be read: far below 99.7 %
$node->safe_psql('shop', q{SELECT crm.ingest_order('pos', convert_to('{"external_id": "G1", "ordered_at": "2026-06-30T21:00:00+08:00", "store_code": "S01", "items": [{"product_code": "P1", "quantity": 1, "unit_price": "1"}]}', 'UTF8'))});
$node->safe_psql('shop', q{SELECT crm.ingest_order('pos', convert_to('{"external_id": "G2", "ordered_at": "the day before"}', 'UTF8'))});
$node->safe_psql('shop', q{SELECT crm._ingest_watch()});
wait_until($node, 'shop', q{SELECT count(*) = 2 FROM crm.outbox_event WHERE customer_id = 0 AND kind = 'sent'}, 'the alert to leave twice, in the evening');
my ($robot) = received('dingtalk');
like(encode_json($robot), qr/ingest\.rate.*pos/, 'the robot of the group says which source');
my ($mail) = received('smtp');
like(encode_json($mail), qr/it\@chain\.example/, 'and an e-mail went to who was named');

# the same again, and a worker that dies: nothing more
$node->safe_psql('shop', q{SELECT crm._ingest_watch()});
my $worker = "SELECT pid FROM crm.worker_status WHERE process = 'worker' AND database = 'shop'";
my $pid = $node->safe_psql('shop', $worker);
kill 'KILL', $pid;
wait_until($node, 'shop', "SELECT count(*) > 0 FROM ($worker) w WHERE pid <> $pid", 'a new worker');
$node->safe_psql('shop', q{SELECT crm._ingest_watch(), crm._outbox_alerts(), crm._outbox_alerts()});
is($node->safe_psql('shop', 'SELECT count(*) FROM crm.outbox WHERE customer_id = 0'), '2', 'one alert, two readers, once each');
is(scalar(received('dingtalk')) . ' ' . scalar(received('smtp')), '1 1', 'and so it was heard');
is($node->safe_psql('shop', 'SELECT count(*) FROM crm.outbox WHERE customer_id <> 0'), '0', 'no customer was written to');
is($node->safe_psql('shop', 'SELECT * FROM crm.outbox_check()'), '', 'no message is lost');
done_testing();
