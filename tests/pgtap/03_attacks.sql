-- What a person with an ordinary SQL login tries to see more than theirs.  Each attack is one that
-- works against some way of doing row rights.
BEGIN;
\ir fixture.sql
SELECT plan(45);
-- a clerk of store 1, as Zhang: persons 1 and 6 are theirs
\set clerk 'crm_test_clerk_store'
ANALYZE crm.customer; ANALYZE crm.customer_private; ANALYZE crm.identifier;
CREATE TABLE public.loot (n bigint); GRANT ALL ON public.loot TO PUBLIC;
CREATE SCHEMA own AUTHORIZATION :clerk;

SET SESSION AUTHORIZATION :clerk;
SELECT is((SELECT string_agg(customer_id::text, ' ' ORDER BY customer_id) FROM crm.customer), '101 106', 'a clerk has two persons');

-- forging who one is
SELECT throws_ok($$SET crm.access_claims = '{"actor":"x","role":"crm_headquarters","stores":[901,902],"all":true}'$$, '42501', NULL, 'SET claims');
SELECT throws_ok($$SELECT set_config('crm.access_claims', '{"actor":"x","role":"crm_headquarters","stores":[902],"all":true}', true)$$, '42501', NULL, 'set_config claims');
SELECT throws_ok($$ALTER ROLE crm_test_clerk_store SET crm.access_claims = '{}'$$, '42501', NULL, 'claims as a default of one''s role');
SELECT throws_ok($$SET ROLE crm_headquarters$$, '42501', NULL, 'another role');
SELECT throws_ok($$SET ROLE crm_owner$$, '42501', NULL, 'the owner');
SELECT throws_ok($$SET row_security = off; SELECT count(*) FROM crm.customer$$, '42501', NULL, 'row security off');
SELECT throws_ok($$SET session_replication_role = replica$$, '42501', NULL, 'replication role');
SELECT lives_ok($$SET request.jwt.claims = '{"role":"crm_headquarters","stores":[902]}'$$, 'claims of another product mean nothing');
SELECT is((SELECT count(*) FROM crm.customer), 2::bigint, 'and show nothing more');
SELECT throws_ok($$SELECT * FROM crm.access_authenticate('{"kind":"jwt","claims":{"sub":"T-crm_headquarters-all"}}')$$, '42501', NULL, 'authenticate is the gateway''s');
SELECT lives_ok($$RESET ALL$$, 'RESET ALL');
SELECT is((SELECT count(*) FROM crm.customer), 2::bigint, 'leaves the same rows');

-- reading past the policies
SELECT throws_ok($$SELECT row_to_json(p) FROM crm.customer_private p$$, '42501', NULL, 'row_to_json of clear values');
SELECT throws_ok($$SELECT count(*) FROM crm.customer_private$$, '42501', NULL, 'their number');
SELECT throws_ok($$SELECT value_sealed FROM crm.identifier$$, '42501', NULL, 'identifiers');
SELECT throws_ok($$SELECT payload FROM crm.inbox$$, '42501', NULL, 'the raw inbox');
SELECT throws_ok($$SELECT * FROM crm.inbox_default$$, '42501', NULL, 'a partition');
SELECT throws_ok($$SELECT * FROM crm.event_default$$, '42501', NULL, 'a partition of a table one may read');
SELECT throws_ok($$SELECT body FROM crm.interaction$$, '42501', NULL, 'notes');
SELECT throws_ok($$SELECT body FROM crm.outbox$$, '42501', NULL, 'messages');
SELECT throws_ok($$SELECT password FROM crm.staff$$, '42501', NULL, 'password hashes');
SELECT throws_ok($$SELECT crm._decrypt('phone', '\x00')$$, '42501', NULL, 'decryption');
SELECT throws_ok($$SELECT crm._keyed_hash('phone', '13800000002')$$, '42501', NULL, 'the hash oracle');
SELECT throws_ok($$SELECT crm._access_clear_field(102, 'phone')$$, '42501', NULL, 'a helper');
SELECT throws_ok($$SELECT crm._audit('x', 'y', 1)$$, '42501', NULL, 'a forged entry in the trail');
SELECT is((SELECT string_agg(row_to_json(c)->>'customer_id', ' ' ORDER BY c.customer_id) FROM crm.customer c), '101 106', 'row_to_json of customers');
SELECT is((SELECT string_agg(customer_id::text, ' ' ORDER BY customer_id) FROM crm.person), '101 106', 'the view of persons');
SELECT is((SELECT count(*) FROM crm.customer WHERE customer_id = 102), 0::bigint, 'by key');
SELECT is((SELECT count(*) FROM crm.customer c FULL JOIN crm.customer_value v USING (customer_id)), 2::bigint, 'by join');
SELECT is((SELECT count(*) FROM pg_stats WHERE schemaname = 'crm' AND tablename IN ('customer', 'customer_private', 'identifier')), 0::bigint, 'statistics of the columns');
SELECT throws_ok($$CREATE TRIGGER t AFTER INSERT ON crm.customer EXECUTE FUNCTION suppress_redundant_updates_trigger()$$, '42501', NULL, 'a trigger');
SELECT throws_ok($$CREATE TABLE crm.mine (n int)$$, '42501', NULL, 'a table in the schema');
SELECT throws_ok($$CREATE TABLE own.t (c bigint REFERENCES crm.customer)$$, '42501', NULL, 'a foreign key that tells what exists');
SELECT throws_ok($$UPDATE crm.customer SET scope_store_ids = '{901}'$$, '42501', NULL, 'moving a person into one''s store');
SELECT throws_ok($$SELECT FROM crm.customer FOR UPDATE$$, '42501', NULL, 'locking');

-- a function that is called before the policy, if the planner believes it is cheap
CREATE FUNCTION pg_temp.leak(who bigint) RETURNS boolean LANGUAGE plpgsql COST 0.0000001 AS
    $$ BEGIN INSERT INTO public.loot VALUES (who); RETURN true; END $$;
SELECT is((SELECT count(*) FROM crm.customer WHERE pg_temp.leak(customer_id)), 2::bigint, 'a cheap predicate');
SELECT is((SELECT string_agg(n::text, ' ' ORDER BY n) FROM public.loot), '101 106', 'saw the rows it may see');
-- an error that happens only for a row one may not see
SELECT lives_ok($$SELECT count(*) FROM crm.customer WHERE 1 / (customer_id - 102) >= 0$$, 'division by another store''s key');
SELECT lives_ok($$SELECT count(*) FROM crm.customer_value WHERE ('x' || customer_id)::text = 'y' OR 1 / (customer_id - 102) >= 0$$, 'the same through a person''s value');
RESET SESSION AUTHORIZATION;

-- a definer function cannot switch: what a hole in one could do ends there
CREATE FUNCTION public.hole() RETURNS text LANGUAGE sql SECURITY DEFINER AS $$ SELECT set_config('role', 'crm_headquarters', true) $$;
ALTER FUNCTION public.hole() OWNER TO crm_owner;
SET SESSION AUTHORIZATION :clerk;
SELECT throws_ok($$SELECT public.hole()$$, '42501', NULL, 'switching role inside a definer function');
RESET SESSION AUTHORIZATION;

-- one connection of the gateway, one prepared statement, one person after the other
CREATE FUNCTION pg_temp.become(who text) RETURNS void LANGUAGE sql AS $$
    SELECT set_config('role', 'none', true);
    SELECT set_config('crm.access_claims', a.claims, true), set_config('role', a.role, true)
    FROM crm.access_authenticate(jsonb_build_object('kind', 'jwt', 'claims', jsonb_build_object('sub', who))::text) a;
$$;
CREATE TABLE public.answers (who text, n bigint);
GRANT ALL ON public.answers TO PUBLIC;
PREPARE census(text) AS INSERT INTO public.answers SELECT $1, count(*) FROM crm.customer_value;
SET LOCAL plan_cache_mode = force_generic_plan;
SELECT pg_temp.become('T-crm_clerk-store');        EXECUTE census('clerk 1');
SELECT pg_temp.become('T-crm_clerk-group');        EXECUTE census('clerk 2');
SELECT pg_temp.become('T-crm_headquarters-none');  EXECUTE census('headquarters');
SELECT pg_temp.become('T-crm_clerk-none');         EXECUTE census('clerk 3');
SELECT pg_temp.become('T-crm_clerk-store');        EXECUTE census('clerk 1 again');
RESET ROLE;
SET LOCAL crm.access_claims = '';
SELECT is((SELECT string_agg(who || ': ' || n, ', ') FROM public.answers), 'clerk 1: 2, clerk 2: 3, headquarters: 6, clerk 3: 0, clerk 1 again: 2', 'a prepared statement asks anew who asks');
-- parallel workers know the claims
SELECT set_config(CASE WHEN current_setting('server_version_num')::int >= 160000 THEN 'debug_parallel_query' ELSE 'force_parallel_mode' END, 'on', true);
SET LOCAL parallel_setup_cost = 0; SET LOCAL parallel_tuple_cost = 0; SET LOCAL min_parallel_table_scan_size = 0;
SELECT is(pg_temp.ask('T-crm_clerk-store', way, 'SELECT count(*)::text FROM crm.customer'), '2', 'in parallel by ' || way) FROM unnest('{http,login}'::text[]) way;

-- damaged claims are an error, never the rights of somebody else
SET LOCAL crm.access_claims = '{"actor":"x","role":"crm_clerk","stores":"all"}';
SELECT throws_ok($$SELECT crm.access_store_ids()$$, '28000', NULL, 'damaged claims');
SELECT * FROM finish();
ROLLBACK;
