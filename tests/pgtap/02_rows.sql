-- Which rows each member of staff really sees in each table, over HTTP and as a SQL login: every
-- role in every kind of scope, held against the matrix and the meaning of "in a store".
BEGIN;
\ir rights.sql
\ir fixture.sql
CREATE TEMP TABLE shown AS
    SELECT c.object, CASE
        WHEN EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = c.object::regclass AND a.attname = 'customer_id') THEN 'person'
        ELSE 'fact' END AS kind
    FROM (SELECT DISTINCT object FROM rights_cell WHERE kind = 'rows' AND cell IN ('own', 'all', 'invoker')) c
    WHERE EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = c.object::regclass AND a.attname IN ('customer_id', 'source_record_id'));
CREATE FUNCTION pg_temp.expected(m member, s shown) RETURNS text LANGUAGE sql AS $$
    SELECT CASE (SELECT cell FROM rights_cell WHERE kind = 'rows' AND object = s.object AND role = m.role)
        WHEN '-' THEN 'denied'
        ELSE (SELECT coalesce(string_agg(p.n::text, ' ' ORDER BY p.n), 'nobody') FROM person p
              WHERE m.role = ANY (crm._access_wide_roles())
                 OR CASE s.kind WHEN 'person' THEN p.stores && m.stores ELSE 900 + p.store_no = ANY (m.stores) END) END
$$;
CREATE FUNCTION pg_temp.seen(m member, s shown, way text) RETURNS text LANGUAGE sql AS $$
    SELECT pg_temp.ask(m.code, way, format(
        'SELECT coalesce(string_agg(DISTINCT n::text, '' ''), ''nobody'') FROM (SELECT %s AS n FROM %s) t WHERE n BETWEEN 1 AND 6',
        CASE s.kind WHEN 'person' THEN 'customer_id - 100' ELSE 'source_record_id - 1000' END, s.object))
$$;

SELECT plan((SELECT count(*)::int * 2 FROM member, shown) + 1
            + (SELECT count(*)::int * 2 FROM member));

SELECT cmp_ok((SELECT count(*) FROM shown)::int, '>=', 14, 'tables that show persons');
SELECT is(pg_temp.seen(m, s, way), pg_temp.expected(m, s), format('%s sees of %s by %s', m.code, s.object, way))
FROM member m, shown s, unnest('{http,login}'::text[]) way
ORDER BY m.staff_id, s.object, way;

-- the same stores that the policies use
SELECT is(CASE WHEN m.role IN ('crm_admin', 'crm_reader') THEN
              replace(pg_temp.ask(m.code, way, 'SELECT crm.access_store_ids()::text'), 'denied', 'none')
          ELSE pg_temp.ask(m.code, way, $q$SELECT coalesce(string_agg(s::text, ' ' ORDER BY s), 'none')
                 FROM unnest(crm.access_store_ids()) s WHERE s BETWEEN 901 AND 904$q$) END,
          CASE WHEN m.role IN ('crm_admin', 'crm_reader') THEN 'none'
               WHEN m.role = ANY (crm._access_wide_roles()) THEN '901 902 903 904'
               ELSE coalesce(nullif(array_to_string(m.stores, ' '), ''), 'none') END,
          format('stores of %s by %s', m.code, way))
FROM member m, unnest('{http,login}'::text[]) way ORDER BY m.staff_id, way;
SELECT * FROM finish();
ROLLBACK;
