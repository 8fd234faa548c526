# A standby is silent; promoted, it goes on with the jobs and the keys of its primary.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use CrmTest;

my $primary = crm_node('primary', streaming => 1);
crm_database($primary, 'shop');
$primary->safe_psql('shop', "SELECT crm._keyed_hash('phone', 'x')");
my $hash = $primary->safe_psql('shop', "SELECT crm._keyed_hash('phone', '+8613800138000')");
$primary->backup('base');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($primary, 'base', has_streaming => 1);
$standby->start;
$primary->append_conf('postgresql.conf', "synchronous_standby_names = 'standby'\nsynchronous_commit = remote_apply");
$primary->reload;
$primary->poll_query_until('postgres', "SELECT sync_state = 'sync' FROM pg_stat_replication");

is($standby->safe_psql('shop', 'SELECT count(*) FROM crm.worker_status'), '0', 'a standby has no launcher');
is($standby->safe_psql('shop', "SELECT state FROM crm.doctor() WHERE finding = 'worker of this database'"), 'ok', 'and doctor finds that right');
is($standby->safe_psql('shop', "SELECT crm._keyed_hash('phone', '+8613800138000')"), $hash, 'the keys came with the base backup');

$primary->stop('immediate');
$standby->promote;
ok(wait_until($standby, 'shop', "SELECT count(*) = 1 FROM crm.worker_status WHERE process = 'worker' AND database = 'shop'", 'worker'),
	'promoted, its worker starts');
is($standby->safe_psql('shop', "SELECT state FROM crm.doctor() WHERE finding = 'keys'"), 'ok', 'with the keys');
done_testing();
