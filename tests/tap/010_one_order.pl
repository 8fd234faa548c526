# The way of one order, from the POST to the signed message, stop by stop: doc/reading.md walks the
# same stops through the code.
use strict;
use warnings;
use utf8;
use Digest::SHA qw(hmac_sha256);
use IO::Socket::INET;
use JSON::PP;
use MIME::Base64;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use CrmTest;

my $top = $ENV{CRM_TOP};
my $node = crm_node('main', conf => "crm.core_clock = '2026-06-30T11:00:00+08:00'\n");
crm_database($node, 'shop');
crm_shop($node, 'shop');

# a receiver of our own: one request, one answer
my $listener = IO::Socket::INET->new(Listen => 5, LocalAddr => '127.0.0.1', ReuseAddr => 1) or die $!;
my $secret = $node->safe_psql('shop', q{SELECT crm.outbox_define_endpoint('local', 'http://127.0.0.1:} . $listener->sockport . q{/hook', NULL, '{"is_private_allowed": true}')});
$node->safe_psql('shop', "SELECT crm.outbox_set_channel('sms', 'local')");
$node->safe_psql('shop', q{SELECT crm.campaign_edit(f, '{"holdout_percent": 0}'), crm.campaign_start(f) FROM unnest(ARRAY['welcome', 'birthday']) f});
my $key = $node->safe_psql('shop', "SELECT crm.access_create_key('till 1', 'crm_till', 'pos', 'S01')");

# gateway and nginx before the server
my $web = PostgreSQL::Test::Utils::tempdir_short();
my $port = PostgreSQL::Test::Cluster::get_free_port();
system("$top/tests/bin/web", 'start', $web, $port, $node->host, 'host=' . $node->host . ' port=' . $node->port . ' dbname=shop user=crm_gateway') == 0 or die 'no gateway';
END { system("$top/tests/bin/web", 'stop', $web) if $web }

sub post
{
	my ($path, $body) = @_;
	my $answer = '';
	my $file = "$web/body.json";
	open(my $out, '>:encoding(UTF-8)', $file) or die $!;
	print $out $body;
	close $out;
	for (1 .. 600)
	{
		$answer = `curl -s -X POST http://127.0.0.1:$port/api/v1/$path -H 'Authorization: Bearer $key' -H 'Content-Type: application/json' -H 'Idempotency-Key: "one-$path"' -w '\\n%{http_code}' --data-binary \@$file`;
		last if $answer !~ /\n(000|502|503)$/;    # not up yet
		select(undef, undef, undef, 0.1);
	}
	my ($json, $status) = $answer =~ /^(.*)\n(\d+)$/s;
	return ($status, decode_json($json));
}

my $at = sub { $node->safe_psql('shop', shift) };

note('1  POST /api/v1/members, then /orders: nginx, gateway (fcgi/src/dispatch.c), route_table.c');
my ($status, $member) = post('members', '{"external_id": "M1", "name": "张伟", "phone": "138 1234 0056", "birthday": "1990-06-30", "store_code": "S01", "consent_sms": "yes", "registered_at": "2026-06-30T11:00:00+08:00"}');
is($status, 201, 'the member is taken') or diag(explain($member));
my ($order_status, $order) = post('orders', '{"external_id": "T1-1", "ordered_at": "2026-06-30T10:59:00+08:00", "store_code": "S01", "phone": "+86 13812340056", "items": [{"product_code": "P1", "quantity": 3, "unit_price": "128.00"}]}');
is($order_status, 201, 'the order is answered 201: it is committed') or diag(explain($order));

note('2  crm._ingest_keep: the payload is in the raw inbox, byte for byte');
like($at->("SELECT convert_from(payload, 'UTF8') FROM crm.inbox WHERE inbox_id = $order->{inbox_id}"), qr/"unit_price": "128.00"/, 'the inbox holds what came');

note('3  crm._ingest_take: the bytes become a typed fact in C (ingest_parse.c); what cannot is answered by its field, and stays in the inbox');
my ($bad_status, $bad) = post('refunds', '{"external_id": "R1", "order_external_id": "T1-1", "amount": "a lot", "refunded_at": "2026-06-30T10:59:30+08:00"}');
is($bad_status . ' ' . $bad->{errors}[0]{pointer}, '422 /amount', 'a fault names its field') or diag(explain($bad));
is($at->('SELECT count(*) FROM crm.inbox i JOIN crm.reject r USING (received_at, inbox_id)'), '1', 'and the payload is kept, with its reason');

note('4  crm._identity_attach: it hangs on a record, and the record on a person');
my $person = $at->(q{SELECT m.customer_id FROM crm.external_key k JOIN crm.membership m USING (source_record_id) WHERE k.kind = 2 AND k.external_id = 'T1-1' AND m.valid_to = 'infinity'});
is($person, $member->{customer_id}, 'the person is the member, known by the phone however it is written');

note('5  crm._purchase_store_orders: the fact, its lines, the packed history');
is($at->(q{SELECT amount || ' ' || business_day FROM crm.customer_order WHERE external_id = 'T1-1'}), '384.00 2026-06-30', 'an order of 384.00 on its local day');
is($at->("SELECT c.history::text FROM crm.purchase_chunk c JOIN crm.membership m USING (source_record_id) WHERE m.customer_id = $person AND m.valid_to = 'infinity'"), '{2026-06-30 2026-06-30 38400}', 'and in the history, in minor units');

note('6  crm._value_on_facts: totals and tier in the same commit');
is($at->("SELECT tier || ' ' || order_days || ' ' || net_minor FROM crm.customer_value WHERE customer_id = $person"), 'N 1 38400', 'a new customer, one order day');

note('7  crm._campaign_on_facts, crm._campaign_fire: occurrence, coupon and message, each once');
is($at->("SELECT string_agg(f.code || ' ' || o.outcome, ', ' ORDER BY f.code) FROM crm.occurrence o JOIN crm.flow f USING (flow_id) WHERE o.customer_id = $person AND f.code = 'welcome'"), 'welcome sent', 'welcomed');
is($at->("SELECT coupon_type || ' ' || state FROM crm.coupon WHERE customer_id = $person"), 'welcome_5 issued', 'with a coupon');
my $message = $at->("SELECT message_id FROM crm.occurrence WHERE customer_id = $person AND message_id IS NOT NULL");
like($message, qr/^$person-[0-9a-z]+$/, 'and a message whose id leads to the person');

note('8  commit: all of it is there, and the sender is woken (worker_hooks.c)');
is($at->("SELECT count(*) FROM crm.outbox WHERE message_id = '$message'"), '1', 'the message is decided');

note('9  the sender claims, commits the lease, sends (sender_main.c)');
$listener->timeout(180);
my $client = $listener->accept or die "no message came";
my ($head, $body, %header) = ('', '');
$head .= <$client> until $head =~ /\r\n\r\n$/;
$header{lc $1} = $2 while $head =~ /^([\w-]+): (.*)\r$/mg;
read($client, $body, $header{'content-length'});
print $client "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok";
close $client;
is($header{'webhook-id'}, $message, 'the receiver sees the same id');
my ($raw) = $secret =~ /^whsec_(.*)/;
is($header{'webhook-signature'}, 'v1,' . encode_base64(hmac_sha256("$message.$header{'webhook-timestamp'}.$body", decode_base64($raw)), ''), 'signed as Standard Webhooks says');
my $sent = decode_json($body);
is($sent->{to}, '+8613812340056', 'to the clear number, which nobody stored in clear');
like($sent->{text}, qr/张伟.*5元券/, 'with the rendered text');

note('10  crm._outbox_finish: the result is written');
ok(wait_until($node, 'shop', "SELECT count(*) = 1 FROM crm.outbox_event WHERE message_id = '$message' AND kind = 'sent'", 'the result'), 'sent');
is($at->('SELECT count(*) FROM crm.outbox_queue WHERE due_at <= crm.core_now()'), '0', 'nothing is left to do');

note('again: the same POST changes nothing');
my ($again) = post('orders', '{"external_id": "T1-1", "ordered_at": "2026-06-30T10:59:00+08:00", "store_code": "S01", "phone": "+86 13812340056", "items": [{"product_code": "P1", "quantity": 3, "unit_price": "128.00"}]}');
is($again, 201, 'the stored answer');
is($at->("SELECT count(*) FROM crm.customer_order"), '1', 'one order');
is($at->('SELECT * FROM crm.check()'), '', 'and no drift anywhere');
done_testing();
