-- No function tells a clerk of a person outside the clerk's stores: every public function with a
-- customer_id or message_id that a role of scopes may execute is called for a person of another store, and must
-- refuse or show nothing.  A new function is called as soon as it is there.
BEGIN;
\ir fixture.sql
CREATE TEMP TABLE callable AS
    SELECT p.oid::regprocedure AS signature, p.proname, format('SELECT count(*) || coalesce(string_agg(to_jsonb(t)::text, '' ''), '''')
        FROM (SELECT crm.%I(%s) AS t) q WHERE t IS NOT NULL', p.proname, (
            SELECT string_agg(CASE
                WHEN p.proargnames[i] = 'customer_id' THEN '%1$s::bigint'
                WHEN p.proargnames[i] = 'message_id' THEN '%2$L::text'
                WHEN p.proargnames[i] IN ('task_id', 'ticket_id', 'deal_id') THEN '(6400 + %1$s)::bigint'
                WHEN p.proargnames[i] = 'reason' THEN quote_literal('test case') || '::text'
                WHEN p.proargnames[i] = 'fields' THEN quote_literal('{name}') || '::text[]'
                WHEN p.proargnames[i] = 'channel' THEN quote_literal('sms') || '::text'
                WHEN p.proargnames[i] = 'state' THEN quote_literal('no') || '::text'
                WHEN p.proargnames[i] = 'flow' THEN quote_literal('welcome') || '::text'
                ELSE 'NULL::' || format_type(p.proargtypes[i - 1], NULL) END, ', ' ORDER BY i)
            FROM generate_series(1, p.pronargs) i)) AS query
    FROM pg_proc p
    WHERE p.pronamespace = 'crm'::regnamespace AND p.proname !~ '^_' AND p.prokind = 'f'
      AND p.proargnames[1:p.pronargs] && '{customer_id,message_id}'::text[];
CREATE TEMP TABLE trial AS
    SELECT c.*, m.code, m.role FROM callable c, member m
    WHERE m.scope = 'store' AND m.role IN ('crm_clerk', 'crm_store_manager', 'crm_manager', 'crm_service')
      AND has_function_privilege(m.role, c.signature, 'EXECUTE');
SELECT plan(1 + (SELECT count(*)::int FROM trial) * 3);
SELECT cmp_ok((SELECT count(*)::int FROM trial), '>', 10, 'functions to try');
SELECT matches(pg_temp.ask(t.code, way, format(t.query, 102, '102-AAAAAAAA')), '^(denied|error (P0002|22023|42501)|0$)', format('%s by %s asks %s of another store''s person', t.code, way, t.proname))
FROM trial t, unnest('{http,login}'::text[]) way ORDER BY t.code, t.proname, way;
-- and it is the person that is refused, not the call
SELECT doesnt_match(coalesce(pg_temp.ask(t.code, 'http', format(t.query, 101, '101-AAAAAAAA')), ''), '^(denied|error (P0002|42501))', format('%s asks %s of their own', t.code, t.proname))
FROM trial t ORDER BY t.code, t.proname;
SELECT * FROM finish();
ROLLBACK;
