# Dump, restore into a server that knows neither roles nor keys, and get the same answers; sending waits for a
# person.  Uninstalled, nothing is left of it.
use strict;
use warnings;
use utf8;
use File::Copy;
use Time::HiRes qw(usleep);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use CrmTest;

# A member of just now, whom the flow welcomes.
sub newcomer
{
	my ($node, $id, $phone) = @_;
	return $node->safe_psql('shop', qq{SELECT r.status || ' ' || r.code FROM crm.ingest_member('pos', convert_to('{"external_id": "$id",
		"phone": "$phone", "store_code": "S01", "registered_at": "2026-06-30T12:00:00+08:00", "consent_sms": "yes"}', 'UTF8')) r});
}

# What a database is made of, but for what PostgreSQL itself brings: a line an object.  The grant on the parameter
# crm.access_claims is the cluster's, as the roles are; PostgreSQL forgets to strike its note of it (pg_init_privs).
sub objects
{
	my ($node, $database) = @_;
	return $node->safe_psql($database, q{
		SELECT 'object ' || o.type || ' ' || o.identity
		FROM (SELECT DISTINCT d.classid, d.objid FROM pg_depend d
			UNION SELECT 'pg_class'::regclass, oid FROM pg_class UNION SELECT 'pg_type'::regclass, oid FROM pg_type
			UNION SELECT 'pg_proc'::regclass, oid FROM pg_proc UNION SELECT 'pg_operator'::regclass, oid FROM pg_operator
			UNION SELECT 'pg_opclass'::regclass, oid FROM pg_opclass UNION SELECT 'pg_cast'::regclass, oid FROM pg_cast
			UNION SELECT 'pg_namespace'::regclass, oid FROM pg_namespace WHERE nspname !~ '^pg_temp|^pg_toast_temp'
			UNION SELECT 'pg_policy'::regclass, oid FROM pg_policy UNION SELECT 'pg_trigger'::regclass, oid FROM pg_trigger
			UNION SELECT 'pg_extension'::regclass, oid FROM pg_extension UNION SELECT 'pg_event_trigger'::regclass, oid FROM pg_event_trigger
			UNION SELECT 'pg_default_acl'::regclass, oid FROM pg_default_acl UNION SELECT 'pg_statistic_ext'::regclass, oid FROM pg_statistic_ext) d
		CROSS JOIN LATERAL pg_identify_object(d.classid, d.objid, 0) o
		WHERE d.objid >= 16384 AND o.identity IS NOT NULL
		UNION ALL SELECT 'comment on ' || classoid::regclass || ' ' || objoid FROM pg_description WHERE objoid >= 16384
		UNION ALL SELECT 'grants on ' || classoid::regclass || ' ' || objoid FROM pg_init_privs
			WHERE objoid >= 16384 AND classoid <> 'pg_parameter_acl'::regclass
		UNION ALL SELECT 'dependence on ' || refclassid::regclass || ' ' || pg_describe_object(refclassid, refobjid, 0) FROM pg_shdepend
			WHERE dbid = (SELECT oid FROM pg_database WHERE datname = current_database())
		UNION ALL SELECT 'setting ' || array_to_string(setconfig, ',') FROM pg_db_role_setting
			WHERE setdatabase = (SELECT oid FROM pg_database WHERE datname = current_database())
		ORDER BY 1});
}

my $old = crm_node('old', conf => "crm.core_clock = '2026-06-30T12:00:00+08:00'\n");
crm_database($old, 'shop');
crm_shop($old, 'shop');
for my $n (1 .. 30)
{
	member($old, 'shop', "M$n", sprintf('138%08d', 12340000 + $n), $n == 7 ? ', "email": "seven@example.com"' : '');
	order($old, 'shop', "O$n-$_", sprintf('138%08d', 12340000 + $n), sprintf('2026-%02d-%02dT12:00:00+08:00', 1 + $n % 6, 1 + ($n + 5 * $_) % 28), "$_$n.50") for 1 .. 3;
}
$old->safe_psql('shop', "SELECT (crm.ingest_refund('pos', convert_to('{\"external_id\": \"R1\", \"order_external_id\": \"O3-2\", \"amount\": \"5.00\", \"refunded_at\": \"2026-06-20T10:00:00+08:00\"}', 'UTF8'))).status");
# one message leaves before the dump, one waits in it
start_receiver($old, 'shop');
$old->safe_psql('shop', q{SELECT crm.campaign_edit('welcome', '{"holdout_percent": 0}'), crm.campaign_start('welcome')});
like(newcomer($old, 'W1', '13912340001'), qr/^201/, 'a new member');
wait_until($old, 'shop', "SELECT count(*) = 1 FROM crm.outbox_event WHERE kind = 'sent'", 'the welcome');
$old->append_conf('postgresql.conf', 'crm.worker_enabled = off');
$old->restart;
like(newcomer($old, 'W2', '13912340002'), qr/^201/, 'another, whose welcome has not left yet');
$old->safe_psql('shop', 'SELECT * FROM crm.worker_run_jobs()');

# what a DBA added of their own
$old->safe_psql('shop', q{
	CREATE ROLE auditor_of_the_house;
	CREATE INDEX dba_index ON crm.customer (city, registered_on);
	CREATE POLICY dba_policy ON crm.customer FOR SELECT TO auditor_of_the_house USING (city = '上海');
	GRANT SELECT ON crm.customer TO auditor_of_the_house});

my $seals = $old->safe_psql('shop', 'SELECT count(*) FROM crm.audit_seal');    # the new server seals on
my %question = (
	persons => 'SELECT * FROM crm.person ORDER BY customer_id',
	values => 'SELECT crm.value_explain(customer_id, NULL) FROM crm.person ORDER BY customer_id LIMIT 5',
	history => 'SELECT * FROM crm.purchase_chunk ORDER BY 1, 2',
	phone => "SELECT crm._decrypt('phone', phone_sealed) FROM crm.customer_private ORDER BY customer_id",
	endpoint => "SELECT crm._decrypt('endpoint', secret_sealed) FROM crm.endpoint",
	queue => 'SELECT q.*, o.body FROM crm.outbox_queue q JOIN crm.outbox o USING (customer_id, message_id)',
	sent => 'SELECT * FROM crm.outbox_event ORDER BY 1, 2, 4',
	occurrences => 'SELECT * FROM crm.occurrence ORDER BY customer_id, flow_id',
	audit => "SELECT * FROM crm.access_verify_audit() ORDER BY seal_no LIMIT $seals",
	lookup => "SELECT crm.identity_lookup('phone', '138 1234 0007', '')",
	rfm => "SELECT * FROM crm.value_rfm((SELECT model FROM crm.rfm_model WHERE is_active), '2026-06-30') ORDER BY 1",
	tables => "SELECT relname FROM pg_class WHERE relnamespace = 'crm'::regnamespace AND relkind = 'r' AND NOT relispartition ORDER BY 1");
my %answer = map { $_ => $old->safe_psql('shop', $question{$_}) } keys %question;

my $dump = "$PostgreSQL::Test::Utils::tmp_check/shop.dump";
$old->command_ok(['pg_dump', '-Fc', '-f', $dump, $old->connstr('shop')], 'pg_dump');

my $new = crm_node('new', conf => "crm.core_clock = '2026-06-30T12:00:00+08:00'\n");
is($new->safe_psql('postgres', "SELECT count(*) FROM pg_roles WHERE rolname LIKE 'crm%'"), '0', 'the fresh server has no role of crm');
$new->safe_psql('postgres', 'CREATE DATABASE shop');
$new->safe_psql('postgres', 'CREATE ROLE auditor_of_the_house');
$new->command_ok(['pg_restore', '--exit-on-error', '-d', $new->connstr('shop'), $dump], 'pg_restore, without a single error');
is($new->safe_psql('shop', 'SELECT count(*) FROM crm.install()'), '0', 'install() finds everything there');

is($new->safe_psql('shop', "SELECT state FROM crm.doctor() WHERE finding = 'keys'"), 'missing', 'doctor finds that the keys are missing');
my ($status, $out, $err) = $new->psql('shop', q{SELECT crm.ingest_member('pos', convert_to('{"external_id": "X1", "name": "x", "phone": "13812349999"}', 'UTF8'))});
like($err . $out, qr/key file/, 'nothing is taken before the keys of this data are in place');
ok(!-e $new->data_dir . '/crm_keys', 'and none are made up');
copy($old->data_dir . '/crm_keys', $new->data_dir . '/crm_keys') or die $!;
$new->reload;
ok(wait_until($new, 'shop', "SELECT state = 'ok' FROM crm.doctor() WHERE finding = 'keys'", 'keys'), 'with the key file it is content');

is($new->safe_psql('shop', $question{$_}), $answer{$_}, "the same answer: $_") for sort keys %question;
is($new->safe_psql('shop', 'SELECT * FROM crm.check()'), '', 'check() finds no drift');
is($new->safe_psql('shop', "SELECT count(*) FROM pg_indexes WHERE indexname = 'dba_index'"), '1', 'a DBA\'s own index survived');
is($new->safe_psql('shop', "SELECT count(*) FROM pg_policies WHERE policyname = 'dba_policy'"), '1', 'and policy');

like(order($new, 'shop', 'O1-1', '13812340001', '2026-02-07T12:00:00+08:00', '11.50'), qr/^200 unchanged/, 'a replayed order changes nothing');
like(order($new, 'shop', 'NEW-1', '13812340001', '2026-06-30T11:00:00+08:00', '20.00'), qr/^201 created/, 'a new one is taken');

# sending waits: what may have left after the dump would leave again
wait_until($new, 'shop', "SELECT count(*) = 1 FROM crm.alert WHERE kind = 'outbox.paused' AND closed_at IS NULL", 'the alert');
like(newcomer($new, 'W3', '13912340003'), qr/^201/, 'a member who comes after the restore');
usleep(1_500_000);
is(scalar(requests_of()), 1, 'sending waits');
like($new->safe_psql('shop', 'SELECT crm.outbox_resume()'), qr/another server.*"resumed": false/s, 'outbox_resume() says why');
$new->safe_psql('shop', 'SELECT crm.outbox_resume(true)');
wait_until($new, 'shop', 'SELECT count(*) = 0 FROM crm.outbox_queue', 'the messages to leave');
my @arrived = requests_of();
is_deeply([sort map { $_->{id} } @arrived], [sort split /\n/, $new->safe_psql('shop', 'SELECT message_id FROM crm.outbox')], 'confirmed, each message leaves once');
is(scalar(grep { !$_->{valid} } @arrived), 0, 'signed with the secret of before');

# it goes only with its data, and then wholly
like(($new->psql('shop', 'DROP EXTENSION crm'))[2], qr/other objects depend on it/, 'DROP EXTENSION is refused while there is data');
like(($new->psql('shop', 'SELECT crm.uninstall()'))[2], qr/without confirmation/, 'uninstall() wants a confirmation');
$new->safe_psql('shop', "SELECT crm.uninstall('shop')");
$new->safe_psql('shop', 'DROP EXTENSION crm');
wait_until($new, 'postgres', "SELECT count(*) = 0 FROM pg_stat_activity WHERE datname = 'shop' AND backend_type LIKE 'crm%'", 'worker and sender to leave');
is(objects($new, 'shop'), '', 'then nothing is left in the database');
done_testing();
