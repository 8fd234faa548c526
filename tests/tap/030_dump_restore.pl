# Dump, restore into a server that knows neither roles nor keys, and get the same answers.
use strict;
use warnings;
use utf8;
use File::Copy;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use CrmTest;

my $old = crm_node('old', conf => "crm.core_clock = '2026-06-30T12:00:00+08:00'\n");
crm_database($old, 'shop');
crm_shop($old, 'shop');
for my $n (1 .. 30)
{
	member($old, 'shop', "M$n", sprintf('138%08d', 12340000 + $n), $n == 7 ? ', "email": "seven@example.com"' : '');
	order($old, 'shop', "O$n-$_", sprintf('138%08d', 12340000 + $n), sprintf('2026-%02d-%02dT12:00:00+08:00', 1 + $n % 6, 1 + ($n + 5 * $_) % 28), "$_$n.50") for 1 .. 3;
}
$old->safe_psql('shop', "SELECT (crm.ingest_refund('pos', convert_to('{\"external_id\": \"R1\", \"order_external_id\": \"O3-2\", \"amount\": \"5.00\", \"refunded_at\": \"2026-06-20T10:00:00+08:00\"}', 'UTF8'))).status");
$old->safe_psql('shop', 'SELECT * FROM crm.worker_run_jobs()');

# what a DBA added of their own
$old->safe_psql('shop', q{
	CREATE ROLE auditor_of_the_house;
	CREATE INDEX dba_index ON crm.customer (city, registered_on);
	CREATE POLICY dba_policy ON crm.customer FOR SELECT TO auditor_of_the_house USING (city = '上海');
	GRANT SELECT ON crm.customer TO auditor_of_the_house});

my %question = (
	persons => 'SELECT * FROM crm.person ORDER BY customer_id',
	values => 'SELECT crm.value_explain(customer_id, NULL) FROM crm.person ORDER BY customer_id LIMIT 5',
	history => 'SELECT * FROM crm.purchase_chunk ORDER BY 1, 2',
	phone => "SELECT crm._decrypt('phone', phone_sealed) FROM crm.customer_private ORDER BY customer_id",
	lookup => "SELECT crm.identity_lookup('phone', '138 1234 0007', '')",
	rfm => "SELECT * FROM crm.value_rfm((SELECT model FROM crm.rfm_model WHERE is_active), '2026-06-30') ORDER BY 1",
	tables => "SELECT relname FROM pg_class WHERE relnamespace = 'crm'::regnamespace AND relkind = 'r' AND NOT relispartition ORDER BY 1");
my %answer = map { $_ => $old->safe_psql('shop', $question{$_}) } keys %question;

my $dump = "$PostgreSQL::Test::Utils::tmp_check/shop.dump";
$old->command_ok(['pg_dump', '-Fc', '-f', $dump, $old->connstr('shop')], 'pg_dump');

# the workers stay out until the keys of this data are in place: nothing is written under other ones
my $new = crm_node('new', conf => "crm.core_clock = '2026-06-30T12:00:00+08:00'\ncrm.worker_enabled = off\n");
is($new->safe_psql('postgres', "SELECT count(*) FROM pg_roles WHERE rolname LIKE 'crm%'"), '0', 'the fresh server has no role of crm');
$new->safe_psql('postgres', 'CREATE DATABASE shop');
$new->safe_psql('postgres', 'CREATE ROLE auditor_of_the_house');
$new->command_ok(['pg_restore', '--exit-on-error', '-d', $new->connstr('shop'), $dump], 'pg_restore, without a single error');
is($new->safe_psql('shop', 'SELECT count(*) FROM crm.install()'), '0', 'install() finds everything there');

is($new->safe_psql('shop', "SELECT state FROM crm.doctor() WHERE finding = 'keys'"), 'missing', 'doctor finds that the keys do not fit');
copy($old->data_dir . '/crm_keys', $new->data_dir . '/crm_keys') or die $!;
$new->append_conf('postgresql.conf', 'crm.worker_enabled = on');
$new->reload;
ok(wait_until($new, 'shop', "SELECT state = 'ok' FROM crm.doctor() WHERE finding = 'keys'", 'keys'), 'with the key file it is content');

is($new->safe_psql('shop', $question{$_}), $answer{$_}, "the same answer: $_") for sort keys %question;
is($new->safe_psql('shop', 'SELECT * FROM crm.check()'), '', 'check() finds no drift');
is($new->safe_psql('shop', "SELECT count(*) FROM pg_indexes WHERE indexname = 'dba_index'"), '1', 'a DBA\'s own index survived');
is($new->safe_psql('shop', "SELECT count(*) FROM pg_policies WHERE policyname = 'dba_policy'"), '1', 'and policy');

like(order($new, 'shop', 'O1-1', '13812340001', '2026-02-07T12:00:00+08:00', '11.50'), qr/^200 unchanged/, 'a replayed order changes nothing');
like(order($new, 'shop', 'NEW-1', '13812340001', '2026-06-30T11:00:00+08:00', '20.00'), qr/^201 created/, 'a new one is taken');
like($new->safe_psql('shop', 'SELECT paused_reason IS NOT NULL FROM crm.sending_state'), qr/^t?$/, 'sending waits for a person');
like(($new->psql('shop', 'DROP EXTENSION crm'))[2], qr/other objects depend on it/, 'DROP EXTENSION is refused while there is data');
done_testing();
