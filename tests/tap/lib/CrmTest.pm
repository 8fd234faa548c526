# Helpers of the TAP tests: a server with crm preloaded, what stands around it (a receiver of messages,
# the gateway, tills that work on their own), and waiting on what a query says.
package CrmTest;

use strict;
use warnings;
use IPC::Run qw(start);
use JSON::PP;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Exporter 'import';
our @EXPORT = qw(crm_node crm_standby crm_database crm_shop clock wait_until member order start_receiver requests_of all_that_come start_web kill_gateway start_tills
	let_tills_end answers_of waits_of);

# of this test alone: all of a run share $tmp_check
my $folder;
INIT { $folder = PostgreSQL::Test::Utils::tempdir('crm') }
my (@processes, @webs);
END
{
	local $?;
	$_->kill_kill for @processes;
	system("$ENV{CRM_TOP}/tests/bin/web", 'stop', $_) for @webs;
}

# A server in test mode with crm preloaded; not started when $start is 0.
sub crm_node
{
	my ($name, %settings) = @_;
	my $node = PostgreSQL::Test::Cluster->new($name);
	$node->init(allows_streaming => $settings{streaming} ? 1 : 0, has_archiving => $settings{archiving} ? 1 : 0);
	$node->append_conf('postgresql.conf', <<"CONF");
shared_preload_libraries = 'crm'
crm.core_test_mode = on
max_worker_processes = 16
timezone = 'UTC'
restart_after_crash = on
CONF
	$node->append_conf('postgresql.conf', $settings{conf}) if $settings{conf};
	$node->start;
	return $node;
}

# A standby that has whatever the primary acknowledges from now on.
sub crm_standby
{
	my ($primary) = @_;
	my $standby = PostgreSQL::Test::Cluster->new('standby');
	$primary->backup('base');
	$standby->init_from_backup($primary, 'base', has_streaming => 1);
	$standby->start;
	$primary->append_conf('postgresql.conf', "synchronous_standby_names = 'standby'\nsynchronous_commit = remote_apply");
	$primary->reload;
	$primary->poll_query_until('postgres', "SELECT sync_state = 'sync' FROM pg_stat_replication");
	return $standby;
}

# A database with the extension and its tables.
sub crm_database
{
	my ($node, $name) = @_;
	$node->safe_psql('postgres', "CREATE DATABASE $name");
	$node->safe_psql($name, 'CREATE EXTENSION crm');
	$node->safe_psql($name, 'SELECT count(*) FROM crm.install()');
	return;
}

# A small chain: two regions, three stores, one till as a source, and products.
sub crm_shop
{
	my ($node, $database) = @_;
	$node->safe_psql($database, q{
		SELECT crm.access_define_region('SH', '上海'), crm.access_define_region('JS', '江苏');
		SELECT crm.access_define_store('S01', '一店', 'SH', '上海'), crm.access_define_store('S02', '二店', 'SH', '上海'),
			crm.access_define_store('S03', '三店', 'JS', '南京');
		SELECT crm.ingest_define_source('pos', '收银', 'pos', '{"channel": "store"}');
		SELECT (crm.ingest_product('pos', convert_to('{"external_id": "P1", "name": "蛋白粉", "category_code": "protein", "category_name": "蛋白", "list_price": "128.00"}', 'UTF8'))).status});
	return;
}

# One member, one order through the single-call intake; returns "status code".
sub member
{
	my ($node, $database, $id, $phone, $more) = @_;
	$more //= '';
	return $node->safe_psql($database, qq{SELECT r.status || ' ' || r.code FROM crm.ingest_member('pos', convert_to('{"external_id": "$id", "phone": "$phone",
		"name": "张伟", "store_code": "S01", "registered_at": "2026-06-01T10:00:00+08:00"$more}', 'UTF8')) r});
}

sub order
{
	my ($node, $database, $id, $phone, $at, $amount) = @_;
	return $node->safe_psql($database, qq{SELECT r.status || ' ' || r.code FROM crm.ingest_order('pos', convert_to('{"external_id": "$id", "phone": "$phone",
		"ordered_at": "$at", "store_code": "S01", "items": [{"product_code": "P1", "quantity": 1, "unit_price": "$amount"}]}', 'UTF8')) r});
}

# Holds the clock of the whole server at a moment ('' lets it run).
sub clock
{
	my ($node, $moment) = @_;
	$node->safe_psql('postgres', "ALTER SYSTEM SET crm.core_clock = '$moment'");
	$node->reload;
	wait_until($node, 'postgres', "SELECT current_setting('crm.core_clock') = '$moment'", 'the clock');
	return;
}

# A receiver of messages that answers 200, and in the database an endpoint and the channel of text
# messages that lead to it.  It outlives the server that sends.
sub start_receiver
{
	my ($node, $database) = @_;
	my ($in, $out, $err) = ('', '', '');
	my $secret = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw';
	push @processes, start(["$ENV{CRM_TOP}/build/crm_receiver", '--port', 0, '--secret', $secret, '--out', "$folder/received.ndjson"],
		\$in, \$out, \$err);
	$processes[-1]->pump until $out =~ /^(\d+)\n/;
	$node->safe_psql($database, qq{SELECT crm.outbox_define_endpoint('local', 'http://127.0.0.1:$1/', '$secret',
		'{"is_private_allowed": true, "timeout_ms": 30000, "max_concurrency": 32}'), crm.outbox_set_channel('sms', 'local')});
	return;
}

# What the receiver got: a list of requests, each with id, valid, body.
sub requests_of
{
	return -e "$folder/received.ndjson" ? map { decode_json($_) } split /\n/, slurp_file("$folder/received.ndjson") : ();
}

# The same once nothing more comes: who sent it is gone, and what was on its way has arrived.
sub all_that_come
{
	my @had = requests_of();
	for (1 .. 60)
	{
		sleep 1;
		my @now = requests_of();
		return @now if @now == @had;
		@had = @now;
	}
	die 'messages come without end';
}

# Gateway and nginx before the node, or before whichever of several takes writes; returns the address.
sub start_web
{
	my ($database, @nodes) = @_;
	my $web = PostgreSQL::Test::Utils::tempdir_short();
	my $port = PostgreSQL::Test::Cluster::get_free_port();
	my $hosts = join ',', map { $_->host } @nodes;
	my $ports = join ',', map { $_->port } @nodes;
	push @webs, $web;
	system("$ENV{CRM_TOP}/tests/bin/web", 'start', $web, $port, $web,
		"host=$hosts port=$ports dbname=$database user=crm_gateway" . (@nodes > 1 ? ' target_session_attrs=read-write' : '')) == 0 or die 'no gateway';
	for (1 .. 1800)
	{
		return "http://127.0.0.1:$port" if qx(curl -s -o /dev/null -w '%{http_code}' -H 'Authorization: Bearer none' http://127.0.0.1:$port/api/v1/me) eq '401';
		select(undef, undef, undef, 0.1);
	}
	die 'the gateway does not answer: ' . slurp_file("$web/gateway.log");
}

# kill -9 of the gateway; what supervises it starts it again.  False when there is none just now.
sub kill_gateway
{
	my $supervisor = slurp_file("$webs[-1]/gateway.pid");
	chomp $supervisor;
	my ($pid) = qx(pgrep -P $supervisor -x crm_gateway) =~ /^(\d+)$/m;
	return defined $pid && kill('KILL', $pid);
}

# Tills beside each other (Till.pm), each with a key of its own; $option: count, pause, phones.
sub start_tills
{
	my ($node, $database, $url, $names, %option) = @_;
	my @tills;
	for my $name (@$names)
	{
		my $key = $node->safe_psql($database, "SELECT crm.access_create_key('till $name', 'crm_till', 'pos', 'S01')");
		push @tills, start([$^X, "-I$ENV{CRM_TOP}/tests/tap/lib", '-MTill', '-e', 'Till::work(@ARGV)', $url, $key, $name, $folder,
			$option{count} // 0, $option{pause} // 0, $option{phones} // 0], '>', "$folder/till-$name.log", '2>&1');
	}
	push @processes, @tills;
	return @tills;
}

# Tells tills without a count that it is enough.
sub let_tills_end
{
	append_to_file("$folder/enough", "\n");
	return;
}

# What the tills were answered: [order, its status, and the answers before that asked to come again].
sub answers_of
{
	return map { [split / /] } map { split /\n/, slurp_file("$folder/till-$_.answers") } @_;
}

# How long tills waited for their orders' answers, in milliseconds, ascending.
sub waits_of
{
	return sort { $a <=> $b } map { split /\n/, slurp_file("$folder/till-$_.waits") } @_;
}

# Polls until a query says t; dies after PG_TEST_TIMEOUT_DEFAULT seconds (tests/bin/tap), naming what it waited for.
sub wait_until
{
	my ($node, $database, $query, $what) = @_;
	$node->poll_query_until($database, $query) or die "waited in vain for $what";
	return 1;
}

1;
