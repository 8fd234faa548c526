# Every connector, end to end against a player of the vendors: the request as the vendor wants it and signed as it
# asks, what its answers mean told apart, access tokens fetched once.
use strict;
use warnings;
use IPC::Run qw(start);
use JSON::PP;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time usleep);
use CrmTest;

my $out = "$PostgreSQL::Test::Utils::tmp_check/vendors.ndjson";
my ($in, $said, $err) = ('', '', '');
my $vendors = start(['/usr/bin/python3', "$ENV{CRM_TOP}/tests/receiver/vendor.py", $out], \$in, \$said, \$err);
END { local $?; $vendors->kill_kill if $vendors }
$vendors->pump until $said =~ /^(\d+) (\d+)\n/;
my ($http, $smtp) = ($1, $2);
my $no = 0;

sub received { my ($vendor) = @_; return -e $out ? grep { $_->{vendor} eq $vendor } map { decode_json($_) } split /\n/, slurp_file($out) : () }
sub answers { my ($vendor, @codes) = @_; my $told = encode_json({ vendor => $vendor, answers => \@codes }); system('curl', '-s', '-o', '/dev/null', '-d', $told, "http://127.0.0.1:$http/control") == 0 or die; return }

my $node = crm_node('main', conf => "crm.core_clock = '2026-06-30T11:00:00+08:00'\n");
crm_database($node, 'shop');
crm_shop($node, 'shop');
like(member($node, 'shop', 'M1', '13912345601', ', "email": "zhang.wei@163.com", "openid": "oWX1", "openid_app": "wxapp", "wecom_id": "wm1"'), qr/^201/, 'a member is there');
my $person = $node->safe_psql('shop', 'SELECT max(customer_id) FROM crm.customer');

sub connect_vendor
{
	my ($connector, $channel, $kind, $parameters, $secrets) = @_;
	my $url = $connector eq 'smtp' ? "smtp://127.0.0.1:$smtp" : "http://127.0.0.1:$http";
	$node->safe_psql('shop', qq{
		SELECT crm.outbox_connect('$connector', '$connector', '$url', '$parameters', '$secrets', '{"is_private_allowed": true, "timeout_ms": 10000}');
		INSERT INTO crm.channel (channel, name_zh, name_en, identifier_kind, endpoint) VALUES ('$channel', '$channel', '$channel', $kind, '$connector')
			ON CONFLICT (channel) DO UPDATE SET endpoint = excluded.endpoint});
	return;
}

sub message
{
	my ($channel, $body) = @_;
	my $id = "$person-vendor" . ++$no;
	$node->safe_psql('shop', "SELECT crm._outbox_put($person, '$id', '$channel', NULL, NULL, false, \$b\$$body\$b\$, crm.core_now(), NULL)");
	return $id;
}

# What happened to a message, once as much has happened as is wanted.
sub wait_for
{
	my ($id, $wanted, $told) = @_;
	my $happened = '';
	for (1 .. 1800)
	{
		$happened = $node->safe_psql('shop', "SELECT string_agg(" . ($told ? 'kind' : "concat_ws(' ', kind, detail)") . ", ', ' ORDER BY at, outbox_event_id) FROM crm.outbox_event WHERE message_id = '$id'");
		last if $happened eq $wanted || split(/, /, $happened) > split(/, /, $wanted);
		usleep(100_000);
	}
	is($happened, $wanted, $told // $wanted);
	return;
}
sub due_in { my ($id) = @_; return $node->safe_psql('shop', "SELECT due_at - crm.core_now() FROM crm.outbox_queue WHERE message_id = '$id'") }
sub well { $node->safe_psql('shop', 'UPDATE crm.endpoint SET failures = 0, broken_until = NULL; SELECT crm._worker_wake()'); return }

# 1. Aliyun
connect_vendor('aliyun_sms', 'sms', 1, '{"sign_name": "示例店", "access_key_id": "testId"}', '{"access_key_secret": "testSecret"}');
my $sms = '{"text": "张伟您好，券码A&B\"1", "template": "SMS_71390007", "params": {"name": "张伟", "code": "A&B\"1"}}';
my $id = message('sms', $sms);
wait_for($id, 'sent');
my ($got) = received('aliyun');
ok($got->{valid}, 'Aliyun finds the signature valid');
is_deeply([@$got{qw(to id template sign)}], ['13912345601', $id, 'SMS_71390007', "\x{793a}\x{4f8b}\x{5e97}"], 'number, our id, template and signature');
is_deeply($got->{params}, { name => "\x{5f20}\x{4f1f}", code => 'A&B"1' }, 'values as they were');
answers('aliyun', 'isv.MOBILE_NUMBER_ILLEGAL');
wait_for(message('sms', $sms), 'rejected status 200 isv.MOBILE_NUMBER_ILLEGAL, dead status 200 isv.MOBILE_NUMBER_ILLEGAL');
is($node->safe_psql('shop', "SELECT failures FROM crm.endpoint WHERE endpoint = 'aliyun_sms'"), '0', 'a wrong number is no fault of the endpoint');
answers('aliyun', 'isv.BUSINESS_LIMIT_CONTROL');
wait_for($id = message('sms', $sms), 'failed status 200 isv.BUSINESS_LIMIT_CONTROL');
is(due_in($id), '01:00:00', 'a number that has had enough is asked again in an hour');
answers('aliyun', 'isv.AMOUNT_NOT_ENOUGH');
wait_for($id = message('sms', $sms), 'failed status 200 isv.AMOUNT_NOT_ENOUGH');
is(due_in($id), '00:05:00', 'a purse that is empty after 300 s');
answers('aliyun', 'http429');
wait_for($id = message('sms', $sms), 'failed status 429 http429');
is(due_in($id), '00:05:00', '429: the message after 300 s');
is($node->safe_psql('shop', "SELECT broken_until > clock_timestamp() + interval '100 s' FROM crm.endpoint WHERE endpoint = 'aliyun_sms'"), 't', 'the endpoint rests as long as it asked');
well();
answers('aliyun', 'hang');
wait_for(message('sms', $sms), 'unknown, dead', 'silence may have arrived: no second text message, a person decides');
well();

# 2. Tencent
connect_vendor('tencent_sms', 'sms', 1, '{"app_id": "1400006666", "sign_name": "示例店", "region": "ap-guangzhou", "secret_id": "tencentId"}', '{"secret_key": "tencentKey"}');
$sms = '{"text": "张伟您好", "template": "1110", "params": ["张伟", "5"]}';
wait_for($id = message('sms', $sms), 'sent');
($got) = received('tencent');
ok($got->{valid}, 'Tencent finds the signature valid');
is_deeply([@$got{qw(to id template region)}, $got->{params}], ['+8613912345601', $id, '1110', 'ap-guangzhou', ["\x{5f20}\x{4f1f}", '5']], 'number, our id, template, values in their order');
answers('tencent', 'FailedOperation.PhoneNumberInBlacklist', 'LimitExceeded.PhoneNumberDailyLimit', 'RequestLimitExceeded');
wait_for(message('sms', $sms), 'rejected status 200 FailedOperation.PhoneNumberInBlacklist, dead status 200 FailedOperation.PhoneNumberInBlacklist');
wait_for($id = message('sms', $sms), 'failed status 200 LimitExceeded.PhoneNumberDailyLimit');
is(due_in($id), '1 day', 'a number that has had its day waits a day');
wait_for($id = message('sms', $sms), 'failed status 200 RequestLimitExceeded');
is($node->safe_psql('shop', "SELECT broken_until > clock_timestamp() FROM crm.endpoint WHERE endpoint = 'tencent_sms'"), 't', 'too many requests: the endpoint rests');

# 3. WeChat: tokens
connect_vendor('wechat_subscribe', 'wechat', 4, '{"app_id": "wxapp", "page": "pages/index"}', '{"app_secret": "s&crét"}');
my $wechat = '{"text": "x", "template": "tpl", "params": {"thing1": {"value": "张伟"}}}';
my @ids = map { message('wechat', $wechat) } 1 .. 6;
wait_for($_, 'sent') for @ids;
is(scalar(received('wechat_token')), 1, 'six messages at once fetch one token');
ok((received('wechat_token'))[0]{valid}, 'with id and secret as they are, percent-encoded');
is(scalar(grep { $_->{valid} } received('wechat')), 6, 'which all of them carry');
is((received('wechat'))[0]{body}{data}{thing1}{value}, "\x{5f20}\x{4f1f}", 'with their values');
is($node->safe_psql('shop', "SELECT count(*) FROM crm.endpoint_token WHERE position('token' IN encode(token_sealed, 'escape')) > 0"), '0', 'the token is kept sealed');
system('curl', '-s', '-o', '/dev/null', '-d', '', "http://127.0.0.1:$http/expire") == 0 or die;
@ids = map { "$person-expired$_" } 1 .. 3;
$node->safe_psql('shop', join '; ', 'BEGIN', (map { "SELECT crm._outbox_put($person, '$_', 'wechat', NULL, NULL, false, '$wechat', crm.core_now(), NULL)" } @ids), 'COMMIT');
wait_for($_, 'sent') for @ids;
is(scalar(received('wechat_token')), 2, 'a token that three hear has expired is fetched anew once');
is(scalar(received('wechat')), 12, 'and each goes once more');
answers('wechat', '40001', '40001');
wait_for($id = message('wechat', $wechat), 'failed status 200 40001');
is(due_in($id), '00:05:00', 'expired twice: tried again later');
answers('wechat', '43101');
wait_for(message('wechat', $wechat), 'rejected status 200 43101, dead status 200 43101');
$node->safe_psql('shop', 'DELETE FROM crm.endpoint_token');
answers('wechat_token', '40013');
wait_for($id = message('wechat', $wechat), 'failed no access token: status 200 40013');
is(due_in($id), '00:05:00', 'no token: nothing left, tried again');

# 4. WeCom: to customers, and its robot
connect_vendor('wecom', 'wecom', 6, '{"corp_id": "corp", "sender": "guide1"}', '{"corp_secret": "corps"}');
wait_for($id = message('wecom', '{"text": "您好"}'), 'sent');
is((received('wecom'))[0]{to}, 'wm1', 'to the customer\'s id there');
answers('wecom', 'fail');
wait_for(message('wecom', '{"text": "您好"}'), 'rejected status 200 0, dead status 200 0');
connect_vendor('wecom_robot', 'staff', 1, '{}', '{"key": "k"}');
wait_for(message('staff', '{"text": "报表\"好了\""}'), 'sent');
is((received('wecom_robot'))[0]{text}, "\x{62a5}\x{8868}\"\x{597d}\x{4e86}\"", 'quotes arrive as they were');

# 5. DingTalk and Feishu
connect_vendor('dingtalk_robot', 'staff', 1, '{}', '{"access_token": "ding/token", "secret": "SECding"}');
wait_for(message('staff', '{"text": "告警"}'), 'sent');
ok((received('dingtalk'))[0]{valid}, 'DingTalk finds signature and token valid');
answers('dingtalk', '130101');
wait_for($id = message('staff', '{"text": "告警"}'), 'failed status 200 130101');
is(due_in($id), '00:10:00', 'a robot that was too busy is left alone for ten minutes');
connect_vendor('feishu_robot', 'staff', 1, '{}', '{"hook": "abc", "secret": "feishuSecret"}');
wait_for(message('staff', '{"text": "告警"}'), 'sent');
($got) = received('feishu');
ok($got->{valid}, 'Feishu finds the signature valid');
is($got->{path}, '/open-apis/bot/v2/hook/abc', 'at its hook');
answers('feishu', '19021');
wait_for(message('staff', '{"text": "告警"}'), 'failed status 200 19021');

# ... a flow's word to the customer and to staff, in the tools each works with, and what came of it written back (R40)
$node->safe_psql('shop', q{
	SELECT crm.outbox_define_template('here', 'wecom', '{{name}}您好，您看过的还在');
	SELECT crm.campaign_create('told', 'browse', '{"channels": ["wecom"], "template": "here", "coupon_type": null, "holdout_percent": 0, "quiet": null, "steps": [{}], "goal": null, "late_hours": null,
		"notices": [{"text": "{{name}} {{phone}} 在看商品", "endpoint": "wecom_robot"}, {"text": "{{name}} 在看商品", "endpoint": "dingtalk_robot"}]}');
	SELECT crm.campaign_start('told')});
$node->safe_psql('shop', "SELECT crm.outbox_set_consent($person, 'wecom', 'yes', 'asked')");
well();
is($node->safe_psql('shop', q{SELECT r.code FROM crm.ingest_event('pos', convert_to('{"external_id": "V1", "member_external_id": "M1", "type": "product_view", "occurred_at": "2026-06-30T11:00:00+08:00", "object_id": "P1"}', 'UTF8')) r}),
	'created', 'a customer looks at a product');
wait_until($node, 'shop', "SELECT count(*) = 3 FROM crm.outbox_event e JOIN crm.outbox o USING (customer_id, message_id) WHERE e.kind = 'sent' AND o.body ->> 'flow' = 'told'", 'word to the customer and to two of staff');
is((received('wecom'))[-1]{body}{text}{content}, "\x{5f20}\x{4f1f}\x{60a8}\x{597d}\x{ff0c}\x{60a8}\x{770b}\x{8fc7}\x{7684}\x{8fd8}\x{5728}", 'the customer hears of it in WeCom');
is((received('wecom_robot'))[-1]{text}, "\x{5f20}** 139****5601 \x{5728}\x{770b}\x{5546}\x{54c1}", 'staff in WeCom, the name and the phone masked');
is((received('dingtalk'))[-1]{text}, "\x{5f20}** \x{5728}\x{770b}\x{5546}\x{54c1}", 'and in DingTalk');
is($node->safe_psql('shop', q{SELECT string_agg(DISTINCT o.body ->> 'type', ' ') FROM crm.outbox o WHERE o.channel = 'notice'}), 'staff.notify', 'the topic of what staff hears');
my $told = $node->safe_psql('shop', q{SELECT message_id FROM crm.outbox WHERE channel = 'wecom' AND body ->> 'flow' = 'told'});
is($node->safe_psql('shop', "SELECT crm.outbox_receipt('$told', '$_') ->> 'kind'"), $_, "the receipt is written back: $_") for qw(delivered opened);
is($node->safe_psql('shop', "SELECT crm.outbox_receipt(message_id, 'delivered') ->> 'kind' FROM crm.outbox WHERE channel = 'notice' AND endpoint = 'dingtalk_robot'"), 'delivered', 'and that of a notice');
is($node->safe_psql('shop', q{SELECT concat_ws(' ', f -> 'delivered', f -> 'opened') FROM crm.campaign_results('told') r, LATERAL (SELECT r -> 'funnel' AS f) x}), '1 1', 'the flow counts it');

# 6. e-mail
connect_vendor('smtp', 'email', 2, '{"from": "shop@chain.example"}', '{}');
my $mail = '{"text": "张伟您好\n.\n第二行", "subject": "生日快乐\r\nBcc: all@example.com", "html": "<p>张伟</p>"}';
wait_for($id = message('email', $mail), 'sent');
($got) = received('smtp');
is_deeply([@$got{qw(sender to header_to)}], ['MAIL FROM:<shop@chain.example>', 'RCPT TO:<zhang.wei@163.com>', 'zhang.wei@163.com'], 'from the shop to the customer alone');
like($got->{text}, qr/^\x{5f20}\x{4f1f}\x{60a8}\x{597d}\n\.\n\x{7b2c}/, 'the text, a lonely dot included');
is($got->{html}, "<p>\x{5f20}\x{4f1f}</p>", 'and the HTML');
is($got->{id}, "<$id\@chain.example>", 'under its id');
is_deeply([grep { /bcc/ } @{ $got->{headers} }], [], 'a subject adds no header');
answers('smtp', '550', '451', 'drop');
wait_for(message('email', $mail), 'rejected RCPT failed: 550, dead RCPT failed: 550');
wait_for($id = message('email', $mail), 'failed RCPT failed: 451');
is(due_in($id), '00:05:00', 'greylisted: again in 300 s');
wait_for(message('email', $mail), 'unknown, dead', 'a connection that breaks after the content: it may have arrived, no second mail');

# 7. a name that leads nowhere: nothing left, tried again, and others go on meanwhile
$node->safe_psql('shop', q{SELECT crm.outbox_connect('feishu_robot', 'feishu_robot', 'https://nobody.invalid', '{}', '{"hook": "abc", "secret": "feishuSecret"}')});
$id = message('staff', '{"text": "x"}');
wait_for(message('wecom', '{"text": "您好"}'), 'sent');
wait_for($id, 'failed', 'a name that cannot be resolved is a failure, and no silence');
is(due_in($id), '00:05:00', 'tried again in 300 s');

# 8. nothing of a secret is anywhere in clear
is($node->safe_psql('shop', "SELECT count(*) FROM crm.endpoint e WHERE to_jsonb(e)::text ~ 'testSecret|corps|SECding'"), '0', 'secrets are sealed');
is($node->safe_psql('shop', "SELECT count(*) FROM crm.outbox_event e WHERE e.detail ~ 'testSecret|corps|SECding|token\\+'"), '0', 'and in no event');
# the test's own statements are in it, too
unlike(join("\n", grep { !/540_connectors/ } split /\n/, slurp_file($node->logfile)), qr/testSecret|SECding|token\+\d/, 'nor does the sender log one');

# 9. a secret from a file: no statement holds it, whatever is logged
my $folder = $node->data_dir . '/crm_secrets';
mkdir $folder, 0700 or die;
append_to_file("$folder/$_->[0]", "$_->[1]\n") for ['robot', 'fileSecret'], ['open', 'seenByAll'], ['empty', ''];
chmod 0600, "$folder/robot", "$folder/empty" or die;
chmod 0644, "$folder/open" or die;
$node->append_conf('postgresql.conf', 'log_statement = all');
$node->reload;
sub from_file
{
	my ($name) = @_;
	my ($status, $out, $err) = $node->psql('shop', qq{SELECT crm.outbox_connect('robot_file', 'feishu_robot', 'https://nobody.invalid', '{}', '{"hook": "abc", "secret": {"file": "$name"}}')});
	return $err;
}
is(from_file('robot'), '', 'a secret is read from a file of the folder');
is($node->safe_psql('shop', q{SELECT crm._outbox_endpoint_given(parameters, secrets_sealed) ->> 'endpoint.secret' = convert_from('\x66696c65536563726574', 'UTF8') FROM crm.endpoint WHERE endpoint = 'robot_file'}), 't', 'and is the endpoint\'s');
like(from_file('open'), qr/everybody may read it/, 'not one that everybody may read');
like(from_file('empty'), qr/empty/, 'nor an empty one');
like(from_file($_), qr/cannot be used/, "nor one outside of it: $_") for '../PG_VERSION', '.', '/etc/passwd', 'none';
unlike(slurp_file($node->logfile), qr/fileSecret|seenByAll/, 'the log of all statements has it nowhere');
is($node->safe_psql('shop', "SELECT string_agg(what, ', ') FROM crm.outbox_check()"), '', 'no message is lost');
done_testing();
