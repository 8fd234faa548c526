# Two hundred sessions claim one of twenty coupons each at the same time: exactly twenty get one, the others hear that all are gone.
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
done_testing();
