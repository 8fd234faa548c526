# Helpers of the TAP tests: a server with crm preloaded, and waiting on what a query says.
package CrmTest;

use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Exporter 'import';
our @EXPORT = qw(crm_node crm_database clock wait_until);

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
