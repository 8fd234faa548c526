# pg_upgrade carries a database with crm to a new data directory: nothing has to be done but bringing the key file along.
use strict;
use warnings;
use File::Copy;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use CrmTest;

my $clock = "crm.core_clock = '2026-06-30T12:00:00+08:00'\n";
my $old = crm_node('old', conf => $clock);
crm_database($old, 'shop');
crm_shop($old, 'shop');
start_receiver($old, 'shop');
$old->safe_psql('shop', q{SELECT crm.campaign_edit('welcome', '{"holdout_percent": 0}'), crm.campaign_start('welcome')});
for my $n (1 .. 20)
{
	member($old, 'shop', "M$n", sprintf('138%08d', 12340000 + $n));
	order($old, 'shop', "O$n-$_", sprintf('138%08d', 12340000 + $n), sprintf('2026-%02d-%02dT12:00:00+08:00', 1 + $n % 6, 1 + ($n + 5 * $_) % 28), "$_$n.50") for 1 .. 3;
}
$old->safe_psql('shop', 'SELECT count(*) FROM crm.worker_run_jobs()');
$old->safe_psql('shop', 'CREATE INDEX dba_index ON crm.customer (city, registered_on)');
my %question = (
	persons => 'SELECT * FROM crm.person ORDER BY customer_id',
	values => 'SELECT crm.value_explain(customer_id, NULL) FROM crm.person ORDER BY customer_id LIMIT 5',
	history => 'SELECT * FROM crm.purchase_chunk ORDER BY 1, 2',
	phone => "SELECT crm._decrypt('phone', phone_sealed) FROM crm.customer_private ORDER BY customer_id",
	occurrences => 'SELECT * FROM crm.occurrence ORDER BY customer_id, flow_id',
	policies => q{SELECT tablename, policyname, roles, qual FROM pg_policies WHERE schemaname = 'crm' ORDER BY 1, 2},
	grants => q{SELECT relname, coalesce(relacl, acldefault('r', relowner)) FROM pg_class WHERE relnamespace = 'crm'::regnamespace AND relkind IN ('r', 'p', 'v') ORDER BY 1},
	lookup => "SELECT crm.identity_lookup('phone', '138 1234 0007', '') - 'audit_id'");
my %answer = map { $_ => $old->safe_psql('shop', $question{$_}) } keys %question;
$old->stop;

my $new = PostgreSQL::Test::Cluster->new('new');
$new->init;
$new->append_conf('postgresql.conf', "shared_preload_libraries = 'crm'\ncrm.core_test_mode = on\nmax_worker_processes = 16\ntimezone = 'UTC'\n$clock");
my $bin = qx($ENV{PG_CONFIG} --bindir);
chomp $bin;
chdir $PostgreSQL::Test::Utils::tmp_check;
command_ok(['pg_upgrade', '--no-sync', '-b', $bin, '-B', $bin, '-d', $old->data_dir, '-D', $new->data_dir, '-s', $new->host,
	'-p', $old->port, '-P', $new->port], 'pg_upgrade, with crm preloaded in both');
copy($old->data_dir . '/crm_keys', $new->data_dir . '/crm_keys') or die $!;
chmod 0600, $new->data_dir . '/crm_keys';
$new->start;
is($new->safe_psql('shop', "SELECT state FROM crm.doctor() WHERE finding = 'keys'"), 'ok', 'with the key file beside it, doctor finds the keys right');
is($new->safe_psql('shop', 'SELECT count(*) FROM crm.install()'), '0', 'install() finds everything there');
is($new->safe_psql('shop', $question{$_}), $answer{$_}, "the same answer: $_") for sort keys %question;
is($new->safe_psql('shop', 'SELECT * FROM crm.check()'), '', 'check() finds no drift');
is($new->safe_psql('shop', "SELECT count(*) FROM pg_indexes WHERE indexname = 'dba_index'"), '1', 'a DBA\'s own index came along');
like(order($new, 'shop', 'O1-1', '13812340001', '2026-02-07T12:00:00+08:00', '11.50'), qr/^200 unchanged/, 'a replayed order changes nothing');
like(order($new, 'shop', 'NEW-1', '13812340001', '2026-06-30T11:00:00+08:00', '20.00'), qr/^201 created/, 'a new one is taken');
wait_until($new, 'shop', "SELECT count(*) = 1 FROM crm.alert WHERE kind = 'outbox.paused' AND closed_at IS NULL", 'the alert');
like($new->safe_psql('shop', 'SELECT crm.outbox_resume()'), qr/another server.*"resumed": false/s, 'sending waits for a person: the old server may still stand there');
done_testing();
