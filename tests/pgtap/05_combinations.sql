-- 128 combinations of role, scope and field: who gets which value of whom in clear.  Each asks for
-- six persons over HTTP; what comes back is the value itself or a refusal, never part of a value.
BEGIN;
\ir fixture.sql
CREATE TEMP TABLE combination AS
    SELECT m.*, f.field FROM member m, unnest('{name,phone,address,identifiers}'::text[]) f(field)
    WHERE m.scope <> 'none' AND m.role NOT IN ('crm_admin', 'crm_reader');
CREATE FUNCTION pg_temp.clear_value(p person, field text) RETURNS text LANGUAGE sql AS $$
    SELECT CASE field WHEN 'name' THEN p.name WHEN 'phone' THEN '+86' || p.phone WHEN 'address' THEN 'Secret Road ' || p.n
                      ELSE 'phone +86' || p.phone END
$$;
CREATE FUNCTION pg_temp.expected(c combination) RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(CASE
        WHEN NOT EXISTS (SELECT FROM crm.field_right f WHERE f.role = c.role AND f.field = c.field) THEN 'denied'
        WHEN c.role = ANY (crm._access_wide_roles()) OR p.stores && c.stores THEN pg_temp.clear_value(p, c.field)
        ELSE 'error P0002' END, ', ' ORDER BY p.n) FROM person p
$$;
CREATE FUNCTION pg_temp.answered(c combination) RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(coalesce(pg_temp.ask(c.code, 'http', CASE c.field
        WHEN 'identifiers' THEN format($q$SELECT string_agg((i->>'kind') || ' ' || (i->>'value'), ' ')
            FROM jsonb_array_elements(crm.access_unmask(%s, '{identifiers}', 'complaint 7')->'fields'->'identifiers') i$q$, p.customer_id)
        ELSE format($q$SELECT crm.access_unmask(%s, ARRAY[%L], 'complaint 7')->'fields'->>%L$q$, p.customer_id, c.field, c.field) END),
        'nothing'), ', ' ORDER BY p.n) FROM person p
$$;
SELECT plan(131);
SELECT is((SELECT count(*)::int FROM combination), 128, '128 combinations');
SELECT is(pg_temp.answered(c), pg_temp.expected(c), format('%s as %s of %s', c.field, c.role, c.scope))
FROM combination c ORDER BY c.staff_id, c.field;
-- the trail has each value that was shown, and none that was not
SELECT is((SELECT count(*) FROM crm.audit WHERE action = 'unmask'),
          (SELECT sum((SELECT count(*) FROM regexp_matches(pg_temp.expected(c), '[+0-9A-Za-z ]*(Zhang|Secret|1380)', 'g'))) FROM combination c)::bigint,
          'each shown value is on the trail');
SELECT is_empty($$SELECT a.* FROM crm.audit a, person p WHERE a::text ~ p.phone OR a::text ~ p.name OR a::text ~ 'Secret'$$, 'without the value');
SELECT * FROM finish();
ROLLBACK;
