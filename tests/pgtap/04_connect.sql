-- Attacks at the moment of connecting: they need a login that is really there, so this file commits
-- one and takes it away again.
CREATE ROLE crm_test_connect LOGIN IN ROLE crm_clerk;
\setenv PGUSER crm_test_connect
\setenv PGOPTIONS '-c crm.access_claims={"actor":"x","role":"crm_headquarters","stores":[1],"all":true}'
\set at_start `psql -XAtq -c 'SELECT crm.access_store_ids()' 2>&1`
\setenv PGOPTIONS ''
\set becomes `psql -XAtq -c 'SET SESSION AUTHORIZATION crm_gateway' 2>&1`
\set copied `psql -XAtq -c 'COPY crm.customer_private TO STDOUT' 2>&1`
\set plain `psql -XAtq -c 'SELECT crm.access_store_ids()' 2>&1`
\setenv PGUSER crm_gateway
\set no_claims `psql -XAtq -c 'SELECT count(*) FROM crm.customer' 2>&1`
\set reset_claims `psql -XAtq -c "SELECT set_config('crm.access_claims', '{\"actor\":\"x\",\"role\":\"crm_clerk\",\"stores\":[7]}', false), set_config('role', 'crm_clerk', false)" -c 'SELECT crm.access_store_ids()' -c 'RESET ALL' -c 'SELECT crm.access_store_ids()' 2>&1 | tr '\n' ' '`
\setenv PGUSER :USER
DROP ROLE crm_test_connect;
BEGIN;
SELECT plan(6);
SELECT alike(:'at_start'::text, '%permission denied to set parameter "crm.access_claims"%', 'claims among the options of a connection');
SELECT alike(:'becomes'::text, '%permission denied to set session authorization%', 'becoming the gateway');
SELECT alike(:'copied'::text, '%permission denied for table customer_private%', 'COPY of clear values');
SELECT is(:'plain'::text, '{}'::text, 'a login without a staff row sees no store');
SELECT alike(:'no_claims'::text, '%permission denied%', 'the gateway''s login reads nothing before it has switched');
SELECT alike(:'reset_claims'::text, '%{7} {} %', 'claims that are reset leave no store, not the old ones');
SELECT * FROM finish();
ROLLBACK;
