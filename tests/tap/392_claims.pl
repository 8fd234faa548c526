# Two hundred sessions claim one of twenty coupons each at the same time: exactly twenty get one, the others hear that all are gone.
# Forty sessions draw on a pool of twenty codes: each code is given once; crowds that share the last of them do not wait for each other.  Thirty-two sessions redeem one coupon: one order has it.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use CrmTest;

my $node = crm_node('claims');
$node->append_conf('postgresql.conf', 'max_connections = 250');
$node->restart;
crm_database($node, 'shop');
$node->safe_psql('shop', q{
	SELECT crm.loyalty_set_claims('welcome_5', true, 20, 1);
	INSERT INTO crm.customer (customer_id, status, registered_at, registered_on, updated_at)
	SELECT 970000 + g, 'active', '2026-01-01', '2026-01-01', '2026-01-01' FROM generate_series(1, 200) g});
$node->safe_psql('shop', 'CREATE TABLE gone (n int)');
my $script = $node->basedir . '/claim.sql';
# a DO block takes no parameters: the session's number goes through a setting
append_to_file($script, <<'SQL');
SELECT set_config('claim.person', (970001 + :client_id)::text, false);
DO $$ BEGIN
	PERFORM crm.loyalty_claim(current_setting('claim.person')::bigint, 'welcome_5');
EXCEPTION WHEN SQLSTATE 'RM611' THEN
	INSERT INTO gone VALUES (1);
END $$;
SQL
$node->command_ok(['pgbench', '-n', '-c', '200', '-j', '2', '-t', '1', '-f', $script, 'shop'], 'every call is answered');
is($node->safe_psql('shop', q{SELECT count(*), count(DISTINCT customer_id) FROM crm.coupon WHERE coupon_type = 'welcome_5'}), '20|20', 'twenty coupons, a person one');
is($node->safe_psql('shop', 'SELECT count(*) FROM gone'), '180', 'the others hear that all are gone');
is($node->safe_psql('shop', q{SELECT claimed FROM crm.coupon_type WHERE coupon_type = 'welcome_5'}), '20', 'and that is what was counted');

$node->safe_psql('shop', q{
	SELECT crm.loyalty_define_coupon('printed', '{"kind": "amount", "value": 5, "is_pooled": true}');
	SELECT crm.loyalty_load_codes('printed', ARRAY(SELECT 'CODE-' || g FROM generate_series(1001, 1020) g));
	TRUNCATE gone});
append_to_file("$script.pool", <<'SQL');
SELECT set_config('claim.person', (970001 + :client_id)::text, false);
DO $$ BEGIN
	PERFORM crm._loyalty_issue(current_setting('claim.person')::bigint, 'printed', NULL, NULL);
EXCEPTION WHEN SQLSTATE 'RM613' THEN
	INSERT INTO gone VALUES (1);
END $$;
SQL
$node->command_ok(['pgbench', '-n', '-c', '40', '-j', '2', '-t', '1', '-f', "$script.pool", 'shop'], 'every call on the pool is answered');
is($node->safe_psql('shop', q{SELECT count(*), count(DISTINCT code) FROM crm.coupon WHERE coupon_type = 'printed'}), '20|20', 'twenty codes, each once');
unlike(slurp_file($node->logfile), qr/deadlock detected/, 'and nobody waited for who waits');
is($node->safe_psql('shop', 'SELECT count(*) FROM gone'), '20', 'the others hear that the pool is empty');

# eight crowds of six on twenty codes, some all at once, some one by one, each in one transaction: three crowds have theirs
$node->safe_psql('shop', q{
	SELECT crm.loyalty_load_codes('printed', ARRAY(SELECT 'MORE-' || g FROM generate_series(1001, 1020) g));
	TRUNCATE gone});
my $crowd = <<'SQL';
SELECT set_config('claim.person', (970001 + 6 * :client_id)::text, false);
DO $$ DECLARE
	first bigint := current_setting('claim.person');
BEGIN
	PERFORM TAKE;
EXCEPTION WHEN SQLSTATE 'RM613' THEN
	INSERT INTO gone VALUES (1);
END $$;
SQL
append_to_file("$script.together", $crowd =~ s/TAKE/crm._loyalty_issue_all(ARRAY(SELECT generate_series(first, first + 5)), 'printed', NULL, NULL, NULL)/r);
append_to_file("$script.singly", $crowd =~ s/TAKE/crm._loyalty_issue(g, 'printed', NULL, NULL) FROM generate_series(first, first + 5) g/r);
$node->command_ok(['pgbench', '-n', '-c', '8', '-j', '2', '-t', '1', '-f', "$script.together", '-f', "$script.singly", 'shop'], 'every crowd is answered');
is($node->safe_psql('shop', q{SELECT count(*), count(DISTINCT code), count(DISTINCT customer_id) FROM crm.coupon WHERE coupon_type = 'printed' AND code LIKE 'MORE%'}), '18|18|18', 'three crowds have a code each');
is($node->safe_psql('shop', 'SELECT count(*) FROM gone'), '5', 'the others hear that there are not so many');
is($node->safe_psql('shop', q{SELECT count(*) FROM crm.coupon_pool_code p FULL JOIN crm.coupon c USING (customer_id, coupon_id)
	WHERE coalesce(p.coupon_type, c.coupon_type) = 'printed' AND (p.code IS DISTINCT FROM c.code) AND p.coupon_id IS NOT NULL}), '0', 'coupons and codes agree');
unlike(slurp_file($node->logfile), qr/deadlock detected/, 'and no crowd waited for who waits');

$node->safe_psql('shop', q{
	INSERT INTO crm.source (source_id, code, name, kind, created_at) VALUES (970, 'claim_till', 'till', 'pos', '2026-01-01');
	TRUNCATE gone;
	CREATE TABLE one AS SELECT c.code FROM crm.coupon c WHERE c.coupon_type = 'welcome_5' LIMIT 1});
append_to_file("$script.one", <<'SQL');
SELECT set_config('claim.number', :client_id::text, false);
DO $$ BEGIN
	PERFORM crm.loyalty_redeem((SELECT code FROM one), 'claim_till', 'order-' || current_setting('claim.number'), NULL, 50);
EXCEPTION WHEN SQLSTATE 'RM602' THEN
	INSERT INTO gone VALUES (1);
END $$;
SQL
$node->command_ok(['pgbench', '-n', '-c', '32', '-j', '2', '-t', '1', '-f', "$script.one", 'shop'], 'every redemption is answered');
is($node->safe_psql('shop', q{SELECT count(*) FROM crm.external_key WHERE kind = 7 AND source_id = 970}), '1', 'one order has the coupon');
is($node->safe_psql('shop', 'SELECT count(*) FROM gone'), '31', 'the others hear that it is used');
is($node->safe_psql('shop', 'SELECT count(*) FROM crm.loyalty_check()'), '0', 'coupons and their keys agree');
done_testing();
