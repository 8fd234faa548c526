# Helpers of the TAP tests: a server with crm preloaded, and waiting on what a query says.
package CrmTest;

use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Exporter 'import';
our @EXPORT = qw(crm_node crm_database crm_shop clock wait_until member order);

# A server in test mode with crm preloaded; not started when $start is 0.
sub crm_node
{
	my ($name, %settings) = @_;
	my $node = PostgreSQL::Test::Cluster->new($name);
	$node->init(allows_streaming => $settings{streaming} ? 1 : 0);
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

# Polls until a query says t; dies after 60 seconds, naming what it waited for.
sub wait_until
{
	my ($node, $database, $query, $what) = @_;
	$node->poll_query_until($database, $query) or die "waited in vain for $what";
	return 1;
}

1;
