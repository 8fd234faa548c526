-- Search answers within the scope; the exact look-up answers for any member of the chain, but with a
-- card that holds no phone and no address, on the trail and counted.
BEGIN;
\ir fixture.sql
CREATE FUNCTION pg_temp.searched(asker text, way text, query text) RETURNS text LANGUAGE sql AS $$
    SELECT pg_temp.ask(asker, way, format($q$SELECT coalesce(string_agg((s->>'customer_id')::int - 100 || '', ' ' ORDER BY s->>'customer_id'), 'nobody')
        FROM crm.identity_search(%L) s$q$, query))
$$;
CREATE TEMP TABLE searcher AS
    SELECT m.*, (SELECT coalesce(string_agg(p.n::text, ' ' ORDER BY p.n), 'nobody') FROM person p
                 WHERE m.role = ANY (crm._access_wide_roles()) OR p.stores && m.stores) AS visible
    FROM member m WHERE m.role IN ('crm_clerk', 'crm_store_manager', 'crm_manager', 'crm_service', 'crm_steward', 'crm_headquarters');
SELECT plan((SELECT count(*)::int * 2 FROM searcher) + 22);

SELECT is(pg_temp.searched(code, way, 'zhang'), visible, format('%s searches a name by %s', code, way))
FROM searcher, unnest('{http,login}'::text[]) way ORDER BY code, way;
SELECT is(pg_temp.searched('T-crm_clerk-store', 'http', '0001'), '1', 'the end of a phone of theirs');
SELECT is(pg_temp.searched('T-crm_clerk-store', 'http', '0002'), 'nobody', 'the end of a phone of another store''s person');
SELECT is(pg_temp.searched('T-crm_clerk-store', 'http', 'zhang 0002'), 'nobody', 'with the name');
SELECT is(pg_temp.searched('T-crm_clerk-store', 'http', 'zha 0001'), '1', 'the beginning of a reading with the digits');
SELECT is(pg_temp.searched('T-crm_clerk-store', 'http', 'zha 0002'), 'nobody', 'of another store''s person too');
SELECT is(pg_temp.searched('T-crm_clerk-store', 'http', ''':*|zha'), 'nobody', 'signs of the search''s own language are letters');
SELECT is(pg_temp.searched('T-crm_clerk-store', 'http', '%'), 'nobody', 'a wildcard is a letter');
SELECT is(pg_temp.searched('T-crm_clerk-store', 'http', ''), 'error 22023', 'nothing');
SELECT is(pg_temp.searched('T-crm_marketer-all', 'http', 'zhang'), 'denied', 'a marketer searches nobody');
SELECT is(pg_temp.searched('T-crm_analyst-all', 'http', 'zhang'), 'denied', 'nor an analyst');
SELECT is(pg_temp.searched('T-crm_admin-all', 'http', 'zhang'), 'denied', 'nor an administrator');
SELECT unalike(pg_temp.ask('T-crm_headquarters-all', 'http', $$SELECT string_agg(s::text, ' ') FROM crm.identity_search('zhang') s$$), '%13800000%', 'answers are masked');
SELECT unalike(pg_temp.ask('T-crm_headquarters-all', 'http', $$SELECT string_agg(s::text, ' ') FROM crm.identity_search('zhang') s$$), '%Zhang%', 'names too');

SELECT is(pg_temp.ask('T-crm_clerk-store', 'http', $$SELECT crm.identity_lookup('phone', '138 0000 0002') - 'name'$$),
    '{"matched": "phone", "in_scope": false, "customer_id": 102}', 'the whole number finds any member');
SELECT unalike(pg_temp.ask('T-crm_clerk-store', 'http', $$SELECT crm.identity_lookup('phone', '13800000002')$$), '%138%', 'without the phone');
SELECT is(pg_temp.ask('T-crm_clerk-store', 'http', $$SELECT crm.identity_lookup('phone', '13800000001')->>'in_scope'$$), 'true', 'theirs are said to be theirs');
SELECT is(pg_temp.ask('T-crm_clerk-store', 'http', $$SELECT crm.identity_lookup('phone', '13899999999')->>'customer_id'$$), NULL, 'nobody');
SELECT is((SELECT count(*) FROM crm.audit WHERE action = 'lookup' AND actor = 'T-crm_clerk-store'), 4::bigint, 'each is on the trail, the vain one too');
SELECT is_empty($$SELECT a.* FROM crm.audit a, person p WHERE a::text ~ p.phone OR a::text ~* 'zhang'$$, 'without what was asked for');
SELECT is(pg_temp.ask('T-crm_marketer-all', 'http', $$SELECT crm.identity_lookup('phone', '13800000002')$$), 'denied', 'a marketer looks nobody up');
SELECT is(pg_temp.ask('T-crm_clerk-store', 'http', $$SELECT count(crm.identity_lookup('phone', '1380000000' || n % 9)) FROM generate_series(1, 56) n$$), '56', 'sixty an hour');
SELECT is(pg_temp.ask('T-crm_clerk-store', 'http', $$SELECT crm.identity_lookup('phone', '13800000001')$$), 'error RM110', 'no more');
SELECT * FROM finish();
ROLLBACK;
