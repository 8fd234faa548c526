-- owner: a clerk takes whom nobody looks after, managers give persons away, a leaver's persons move in one call; a merge keeps both and the latest counts.
\set VERBOSITY terse
SET client_min_messages = warning;
SET datestyle = 'ISO';
SET timezone = 'Asia/Shanghai';
BEGIN;
SET LOCAL crm.core_clock = '2026-03-31T12:00:00+08:00';
SELECT set_config('crm.access_claims', '{"actor": "regress", "role": "crm_headquarters", "stores": [], "all": true}', true) <> '' AS claims;
SELECT crm.access_define_region('owner_r', 'r') > 0 AS region, crm.access_define_store('owner_s1', 'one', 'owner_r') AS s1, crm.access_define_store('owner_s2', 'two', 'owner_r') AS s2 \gset
SELECT crm.access_define_staff('owner_a', 'a', 'crm_clerk', ARRAY['store:owner_s1']) AS a, crm.access_define_staff('owner_b', 'b', 'crm_clerk', ARRAY['store:owner_s1']) AS b,
       crm.access_define_staff('owner_c', 'c', 'crm_clerk', ARRAY['store:owner_s2']) AS c, crm.access_define_staff('owner_m', 'm', 'crm_store_manager', ARRAY['store:owner_s1']) AS m \gset
INSERT INTO crm.source (source_id, code, name, kind, created_at) VALUES (9604, 'owner_till', 'till', 'pos', '2026-01-01');
CREATE TEMP TABLE people AS
SELECT n, (crm.ingest_member('owner_till', convert_to(format('{"external_id": "OM%s", "name": "李%s", "phone": "1386724180%s", "store_code": "owner_s%s"}', n, substr('一二三四五六', n, 1), n, 1 + n / 5), 'UTF8'))).customer_id AS id
FROM generate_series(1, 6) n;
CREATE FUNCTION pg_temp.p(n int) RETURNS bigint LANGUAGE sql AS $$ SELECT id FROM people WHERE people.n = p.n $$;
\i sql/shared/try_remedy.sql
CREATE FUNCTION pg_temp.act(code text, staff int, role text, store int) RETURNS boolean LANGUAGE sql AS $$
    SELECT set_config('crm.access_claims', json_build_object('actor', code, 'staff_id', staff, 'role', role, 'stores', ARRAY[store], 'all', false)::text, true) <> ''
$$;
CREATE FUNCTION pg_temp.owner(n int) RETURNS text LANGUAGE sql AS $$
    SELECT concat_ws(' ', j #>> '{owner,staff}', CASE WHEN (j #>> '{owner,is_me}')::boolean THEN 'me' END, CASE WHEN (j #>> '{owner,has_left}')::boolean THEN 'left' END,
                     'and ' || nullif((SELECT string_agg(o ->> 'staff', ' ') FROM jsonb_array_elements(j -> 'others') o), ''))
    FROM crm.sales_owner(pg_temp.p(n)) j
$$;

-- 1. a clerk takes whom nobody looks after, once for a key, and gives up; not for others, not from others
SELECT pg_temp.act('owner_a', :a, 'crm_clerk', :s1);
SELECT pg_temp.owner(1) AS nobody;
SELECT crm.sales_set_owner(pg_temp.p(1), 'owner_a', 'my neighbour', 'o1') = crm.sales_set_owner(pg_temp.p(1), 'owner_a', 'my neighbour', 'o1') AS replayed, pg_temp.owner(1) AS mine;
-- a word that has moved to another member is another call
SAVEPOINT moved;
SELECT pg_temp.try(format('crm.sales_set_owner(%s, NULL, %L, %L)', pg_temp.p(1), 'owner_a', 'o2')) ~ '^.RM' AS refused,
    pg_temp.try(format('crm.sales_set_owner(%s, %L, NULL, %L)', pg_temp.p(1), 'owner_a', 'o2')) ~ '^RM101' AS not_the_same;
ROLLBACK TO moved;
SELECT pg_temp.try(format('crm.sales_set_owner(%s, %L)', pg_temp.p(2), 'owner_b')) AS for_another, pg_temp.try(format('crm.sales_set_owner(%s, %L)', pg_temp.p(6), 'owner_a')) AS out_of_scope,
       pg_temp.try('crm.sales_set_owner(NULL, ''owner_a'')') AS none, pg_temp.try(format('crm.sales_set_owner(%s, %L)', pg_temp.p(2), 'nobody')) AS unknown;
SELECT crm.sales_set_owner(pg_temp.p(2), 'owner_a') #>> '{owner,staff}' AS second;
SELECT pg_temp.act('owner_b', :b, 'crm_clerk', :s1);
SELECT pg_temp.try(format('crm.sales_set_owner(%s, %L)', pg_temp.p(1), 'owner_b')) AS taken, pg_temp.try(format('crm.sales_set_owner(%s, NULL)', pg_temp.p(1))) AS not_mine_to_give_up,
       pg_temp.owner(1) AS seen;
SELECT crm.sales_set_owner(pg_temp.p(3), 'owner_b') #>> '{owner,staff}' AS third, crm.sales_set_owner(pg_temp.p(4), 'owner_b') #>> '{owner,staff}' AS fourth;
SELECT crm.sales_set_owner(pg_temp.p(4), NULL) ->> 'owner' AS given_up;
SELECT count(*) AS tries FROM crm.audit WHERE action = 'owner' AND object_id = pg_temp.p(4);

-- 2. a manager gives within the scope, to somebody who sees the person
SELECT pg_temp.act('owner_m', :m, 'crm_store_manager', :s1);
SELECT pg_temp.try(format('crm.sales_set_owner(%s, %L)', pg_temp.p(2), 'owner_c')) AS does_not_see, crm.sales_set_owner(pg_temp.p(2), 'owner_b', 'ill') #>> '{owner,staff}' AS given,
       pg_temp.try(format('crm.sales_set_owner(%s, %L)', pg_temp.p(6), 'owner_b')) AS out_of_scope;

-- 3. lists: all, what is due today, who was not heard of; a clerk's own only
SELECT pg_temp.act('owner_b', :b, 'crm_clerk', :s1);
SELECT crm.sales_task_create(pg_temp.p(3), 'call', '2026-03-31') ->> 'due_at' AS due;
SELECT l AS list, (SELECT string_agg(concat_ws(' ', j ->> 'name', j ->> 'next_title', j ->> 'last_on'), ', ' ORDER BY j ->> 'next_title' NULLS LAST) FROM crm.sales_owned(l) j) AS persons FROM unnest('{all,due,quiet}'::text[]) l;
SELECT pg_temp.try('(SELECT count(*) FROM crm.sales_owned(''all'', ''owner_a''))') AS another, pg_temp.try('(SELECT count(*) FROM crm.sales_owned(''x''))') AS no_list,
       (SELECT count(*) FROM crm.sales_owned('all', NULL, (SELECT j -> 'cursor' FROM crm.sales_owned('all', NULL, NULL, 1) j))) AS after_the_first;
SET LOCAL crm.core_clock = '2026-06-30T12:00:00+08:00';
SELECT count(*) AS quiet FROM crm.sales_owned('quiet');
-- since when is a day of the chain, wherever the session is: on the last day before nobody has been quiet for so long
SELECT set_config('crm.core_clock', to_char(date '2026-03-30' + (crm._setting('sales.quiet_days') #>> '{}')::int, 'YYYY-MM-DD') || 'T12:00:00+08:00', true) > '' AS day_before;
SET LOCAL timezone = 'Pacific/Honolulu';
SELECT count(*) AS quiet_yet FROM crm.sales_owned('quiet');
SET LOCAL timezone = 'Asia/Shanghai';
SET LOCAL crm.core_clock = '2026-03-31T12:00:00+08:00';

-- 4. merged: the latest counts, the other is told; the next who is given the person is the only one
SELECT set_config('crm.access_claims', '{"actor": "regress", "role": "crm_headquarters", "stores": [], "all": true}', true) <> '' AS claims;
SELECT crm.identity_merge(pg_temp.p(3), pg_temp.p(1), 'one') ->> 'records' AS merged, pg_temp.owner(3) AS both, pg_temp.owner(1) AS same;
SELECT (SELECT count(*) FROM crm.sales_owned('all', 'owner_a')) AS of_a, (SELECT count(*) FROM crm.sales_owned('all', 'owner_b')) AS of_b;

-- managers of both stores are told, once: of the two owners, and of two stores that speak with one customer within days
CREATE FUNCTION pg_temp.told() RETURNS TABLE (key text, store text, title text, role name, up name) LANGUAGE sql STABLE AS $$
    SELECT regexp_replace(t.task_key, '^overlap:\d+:\d+:\d+:', ''), s.code, t.title, t.role, t.escalate_to
    FROM crm.task t LEFT JOIN crm.store s USING (store_id) WHERE t.task_key LIKE 'overlap:%' AND t.state = 'open' ORDER BY t.title, s.code $$;
SELECT * FROM pg_temp.told();
CREATE FUNCTION pg_temp.note(id text, member text, staff text, store text, at timestamptz) RETURNS int LANGUAGE sql AS $$
    SELECT (crm.ingest_interaction('owner_till', convert_to(jsonb_build_object('external_id', id, 'member_external_id', member, 'occurred_at', at, 'channel', 'call', 'direction', 'out',
        'staff_code', staff, 'store_code', store, 'body', id)::text, 'UTF8'))).status $$;
SELECT pg_temp.note('n1', 'OM4', 'owner_a', 'owner_s1', '2026-03-20T10:00:00+08:00') AS first, pg_temp.note('n2', 'OM4', 'owner_b', 'owner_s1', '2026-03-21T10:00:00+08:00') AS same_store,
       pg_temp.note('n3', 'OM4', 'owner_c', 'owner_s2', '2026-03-30T10:00:00+08:00') AS later_than_days;
SELECT count(*) AS told FROM pg_temp.told() WHERE title LIKE '%c%';
SELECT pg_temp.note('n4', 'OM4', 'owner_a', 'owner_s1', '2026-03-31T09:00:00+08:00') AS meets, pg_temp.note('n4', 'OM4', 'owner_a', 'owner_s1', '2026-03-31T09:00:00+08:00') AS again,
       pg_temp.note('n5', 'OM4', 'owner_c', 'owner_s2', '2026-03-31T10:00:00+08:00') AS answers;
SELECT * FROM pg_temp.told();
SELECT pg_temp.act('owner_m', :m, 'crm_store_manager', :s1);
SELECT j ->> 'title' AS title, j ->> 'body' AS body FROM crm.sales_tasks('store') j WHERE j ->> 'title' LIKE '两人%' ORDER BY 1;
SELECT set_config('crm.access_claims', '{"actor": "regress", "role": "crm_headquarters", "stores": [], "all": true}', true) <> '' AS claims;

-- 5. who leaves hands over in one call, as far as the caller and the heir see; the trail says so
SELECT crm.access_staff_left('owner_b');
SELECT pg_temp.owner(2) AS still;
SELECT j ->> 'staff' AS staff, j ->> 'owned' AS owned, j ->> 'has_left' AS has_left FROM crm.sales_staff() j WHERE j ->> 'staff' LIKE 'owner%' ORDER BY 1;
SELECT pg_temp.act('owner_m', :m, 'crm_store_manager', :s1);
SELECT crm.sales_reassign('owner_b', 'owner_c', 'left') - 'tasks' AS heir_does_not_see;
SELECT crm.sales_reassign('owner_b', 'owner_a', 'left') - 'tasks' AS moved, crm.sales_reassign('owner_b', 'owner_a', 'left') - 'tasks' AS again, pg_temp.owner(3) AS merged_one, pg_temp.owner(2) AS second;
SELECT a.action, a.field, a.old_value, a.new_value, a.reason FROM crm.audit a WHERE a.action IN ('owner', 'reassign') AND a.actor IN ('owner_a', 'owner_b', 'owner_m') ORDER BY a.audited_at, a.audit_id;

-- 6. exported and erased
SELECT jsonb_array_length(crm._sales_on_export(pg_temp.p(3)) -> 'owners') AS exported;
SELECT set_config('crm.access_claims', '{"actor": "regress", "role": "crm_headquarters", "stores": [], "all": true}', true) <> '' AS claims;
SELECT crm.access_erase(pg_temp.p(2), 'asked for it') IS NOT NULL AS erased;
SELECT count(*) FILTER (WHERE until IS NULL) AS now, count(*) FILTER (WHERE reason <> '') AS said FROM crm.person_owner WHERE customer_id = pg_temp.p(2);
SELECT pg_temp.try(format('crm.sales_set_owner(%s, %L)', pg_temp.p(2), 'owner_a')) AS erased;
ROLLBACK;
