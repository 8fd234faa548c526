-- privileges: what must hold in every installation, on a plain running server.  The matrix itself,
-- cell by cell, is doc/rights.md and tests/pgtap.
SET client_min_messages = warning;
SELECT count(*) >= 0 AS installed FROM crm.install();

-- roles without powers; one logs in, and inherits nothing
SELECT rolname, rolsuper OR rolbypassrls OR rolcreaterole OR rolcreatedb OR rolreplication AS has_power, rolcanlogin, rolinherit
FROM pg_roles WHERE rolname ~ '^crm_' AND rolname !~ '^crm_test' ORDER BY rolname COLLATE "C";
SELECT m.roleid::regrole AS role, m.member::regrole AS given_to, m.admin_option FROM pg_auth_members m
WHERE m.member::regrole::text ~ '^crm_' AND m.member::regrole::text !~ '^crm_test' ORDER BY m.roleid::regrole::text COLLATE "C";
-- who may say on whose behalf they act
SELECT a.grantee::regrole AS may_set_claims, a.privilege_type
FROM pg_parameter_acl p, aclexplode(p.paracl) a WHERE p.parname = 'crm.access_claims' AND a.grantee <> 10 ORDER BY a.grantee::regrole::text COLLATE "C";

-- nothing below may ever list a row
SELECT c.oid::regclass AS writable, a.grantee::regrole, a.privilege_type
FROM pg_class c, aclexplode(c.relacl) a
WHERE c.relnamespace = 'crm'::regnamespace AND a.grantee <> c.relowner AND a.privilege_type <> 'SELECT';
SELECT p.oid::regprocedure AS public_may_execute FROM pg_proc p
WHERE p.pronamespace = 'crm'::regnamespace
  AND (p.proacl IS NULL OR EXISTS (SELECT FROM aclexplode(p.proacl) a WHERE a.grantee = 0));
SELECT c.oid::regclass AS readable_without_row_security FROM pg_class c
WHERE c.relnamespace = 'crm'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relrowsecurity
  AND EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname IN ('customer_id', 'source_record_id') AND a.attnotnull)
  AND EXISTS (SELECT FROM aclexplode(c.relacl) a WHERE a.grantee <> c.relowner);
SELECT c.oid::regclass AS secret_with_grants FROM pg_class c
WHERE c.oid = ANY (ARRAY['crm.customer_private', 'crm.source_record_private', 'crm.identifier', 'crm.record_identifier', 'crm.inbox',
        'crm.interaction', 'crm.outbox', 'crm.staff', 'crm.session', 'crm.signin_link', 'crm.api_key', 'crm.audit', 'crm.endpoint',
        'crm.source', 'crm.suppression']::regclass[])
  AND (NOT c.relrowsecurity OR EXISTS (SELECT FROM aclexplode(c.relacl) a WHERE a.grantee <> c.relowner));
SELECT p.oid::regprocedure AS definer_without_search_path FROM pg_proc p
WHERE p.pronamespace = 'crm'::regnamespace AND p.prosecdef
  AND (p.proowner <> 'crm_owner'::regrole OR NOT coalesce(p.proconfig @> ARRAY['search_path=pg_catalog, crm, pg_temp'], false));
SELECT c.oid::regclass AS forced_on_the_owner FROM pg_class c WHERE c.relnamespace = 'crm'::regnamespace AND c.relforcerowsecurity;
