-- sales: tasks are made once for a key, stand in the right lists, are closed by hand or by a note, escalate once, and move from a leaver.
\set VERBOSITY terse
SET client_min_messages = warning;
SET datestyle = 'ISO';
SET timezone = 'Asia/Shanghai';
BEGIN;
SET LOCAL crm.core_clock = '2026-03-31T12:00:00+08:00';
SELECT set_config('crm.access_claims', '{"actor": "regress", "role": "crm_headquarters", "stores": [], "all": true}', true) <> '' AS claims;
SELECT crm.access_define_region('sales_r', 'r') > 0 AS region, crm.access_define_store('sales_s1', 'one', 'sales_r') AS s1,
       crm.access_define_store('sales_s2', 'two', 'sales_r') AS s2 \gset
SELECT crm.access_define_staff('sales_e1', 'e one', 'crm_clerk', ARRAY['store:sales_s1']) AS e1,
       crm.access_define_staff('sales_e2', 'e two', 'crm_clerk', ARRAY['store:sales_s1']) AS e2,
       crm.access_define_staff('sales_e3', 'e three', 'crm_clerk', ARRAY['store:sales_s2']) AS e3 \gset
INSERT INTO crm.customer (customer_id, status, name_masked, registered_at, registered_on, updated_at, home_store_id, scope_store_ids)
SELECT 960300 + g, 'active', '王*' || g, '2026-01-01', '2026-01-01', '2026-01-01', :s1, ARRAY[:s1] FROM generate_series(1, 3) g;
\i sql/shared/try_remedy.sql
CREATE FUNCTION pg_temp.act(code text, staff int, store int) RETURNS boolean LANGUAGE sql AS $$
    SELECT set_config('crm.access_claims', json_build_object('actor', code, 'staff_id', staff, 'role', 'crm_clerk', 'stores', ARRAY[store], 'all', false)::text, true) <> ''
$$;
CREATE FUNCTION pg_temp.list(which text) RETURNS SETOF text LANGUAGE sql AS $$
    SELECT concat_ws(' ', j ->> 'name', j ->> 'kind', j ->> 'title', (j ->> 'due_at')::timestamptz, j ->> 'staff', CASE WHEN (j ->> 'is_overdue')::boolean THEN 'overdue' END, j ->> 'role')
    FROM crm.sales_tasks(which) j
$$;

-- 1. by hand: due at the hour of the setting in the store's zone; a replay is the same task
SELECT pg_temp.act('sales_e1', :e1, :s1);
SELECT crm.sales_task_create(960301, ' 送新品试吃 ', '2026-04-02', NULL, NULL, 'k1') ->> 'due_at' AS due;
SELECT (crm.sales_task_create(960301, ' 送新品试吃 ', '2026-04-02', NULL, NULL, 'k1') ->> 'task_id')::bigint AS task \gset
SELECT (crm.sales_task_create(960302, 'call back', '2026-04-01', 'about the cake', 'sales_e2') ->> 'task_id')::bigint AS other \gset
SELECT pg_temp.list('mine') AS mine;
SELECT pg_temp.list('store') AS store;
SELECT pg_temp.act('sales_e3', :e3, :s2);
SELECT pg_temp.list('mine') AS nothing_here;
SELECT pg_temp.try($$crm.sales_task_create(960301, 'x', '2026-04-02')$$) AS out_of_scope;
SELECT pg_temp.try(format('crm.sales_task_finish(960301, %s, %L)', :task, 'x')) AS not_mine;
SELECT pg_temp.act('sales_e1', :e1, :s1);
SELECT pg_temp.try(c) AS fault FROM (VALUES (1, $$crm.sales_task_create(960301, '  ', '2026-04-02')$$), (2, $$crm.sales_task_create(960301, repeat('x', 201), '2026-04-02')$$),
    (3, $$crm.sales_task_create(960301, 'x', NULL)$$), (4, $$crm.sales_task_create(960301, 'x', 'infinity')$$), (5, $$crm.sales_task_create(960301, 'x', '2026-04-02', NULL, 'nobody')$$),
    (6, $$crm.sales_task_create(NULL, 'x', '2026-04-02')$$), (7, $$(SELECT count(*) FROM crm.sales_tasks('all'))$$), (8, $$crm.sales_task_finish(NULL, NULL, NULL)$$)) v (n, c) ORDER BY n;
-- paging goes on where the page ended
SELECT count(*) FROM crm.sales_tasks('store', NULL, (SELECT j -> 'cursor' FROM crm.sales_tasks('store', NULL, NULL, 1) j));

-- 2. moved, given away, closed; closing twice is once, the other way is refused
SELECT crm.sales_task_change(960301, :task, 'sales_e2', '2026-04-05') - 'task_id' AS changed;
SELECT crm.sales_task_finish(960302, :other, 'bought') ->> 'state' AS state, crm.sales_task_finish(960302, :other, 'bought') ->> 'state' AS again;
SELECT pg_temp.try(format('crm.sales_task_finish(960302, %s, %L, true)', :other, 'x')) AS other_way, pg_temp.try(format('crm.sales_task_change(960302, %s)', :other)) AS closed;
SELECT e.kind, e.actor, e.detail FROM crm.task_event e WHERE e.customer_id BETWEEN 960301 AND 960303 ORDER BY e.task_event_id;

-- taken back within the hour by who closed it: once, not by others, not later, not what a note closed
SELECT crm.sales_task_reopen(960302, :other) ->> 'state' AS state, crm.sales_task_reopen(960302, :other) ->> 'state' AS again, pg_temp.try(format('crm.sales_task_reopen(960302, %s)', :task)) AS no_such;
SELECT crm.sales_task_finish(960302, :other, 'bought') ->> 'state' AS state;
SELECT pg_temp.act('sales_e2', :e2, :s1), pg_temp.try(format('crm.sales_task_reopen(960302, %s)', :other)) AS not_who_closed_it;
SET LOCAL crm.core_clock = '2026-03-31T13:30:00+08:00';
SELECT pg_temp.act('sales_e1', :e1, :s1), pg_temp.try(format('crm.sales_task_reopen(960302, %s)', :other)) AS too_late;
SET LOCAL crm.core_clock = '2026-03-31T12:00:00+08:00';

-- 3. a task has one life for its key; escalation once, to the role named
SELECT crm._sales_task_put(960303, 'flow:x:1', 'flow', 'visit', NULL, crm.core_now(), :s1, NULL, 'crm_clerk', crm.core_now() + interval '1 hour', 'crm_store_manager') IS NULL AS first,
       crm._sales_task_put(960303, 'flow:x:1', 'flow', 'visit', NULL, crm.core_now(), :s1) IS NULL AS second;
SELECT crm._sales_escalate();
SELECT count(*) AS escalated FROM crm.sales_tasks('escalated');
SET LOCAL crm.core_clock = '2026-03-31T13:00:00+08:00';
SELECT crm._sales_escalate(), crm._sales_escalate();
SELECT pg_temp.list('escalated') AS escalated;
SELECT count(*) FROM crm.task_event WHERE kind = 'escalated' AND customer_id = 960303;

-- 4. a note makes the follow-up, the next note closes it; history and repeats make none
SELECT set_config('crm.access_claims', '{"actor": "regress", "role": "crm_headquarters", "stores": [], "all": true}', true) <> '' AS claims;
INSERT INTO crm.source (source_id, code, name, kind, created_at) VALUES (9603, 'sales_till', 'till', 'pos', '2026-01-01');
SELECT (crm.ingest_member('sales_till', convert_to('{"external_id": "SM1", "name": "李娜", "phone": "13867241905", "store_code": "sales_s1"}', 'UTF8'))).customer_id AS person \gset
CREATE FUNCTION pg_temp.note(id text, at text, next_on text) RETURNS text LANGUAGE sql AS $$
    SELECT code FROM crm.ingest_interaction('sales_till', convert_to(json_build_object('external_id', id, 'member_external_id', 'SM1', 'occurred_at', at, 'channel', 'call',
        'direction', 'out', 'store_code', 'sales_s1', 'staff_code', 'sales_e1', 'body', 'hello', 'next_on', next_on)::text, 'UTF8'))
$$;
SELECT pg_temp.note('N1', '2026-03-31T12:30:00+08:00', '2026-04-02'), pg_temp.note('N1', '2026-03-31T12:30:00+08:00', '2026-04-02');
SELECT t.kind, t.state, t.due_at, t.staff_id = :e1 AS writer FROM crm.task t WHERE t.customer_id = :person;
SET LOCAL crm.core_clock = '2026-04-01T10:00:00+08:00';
SELECT pg_temp.note('N2', '2026-04-01T09:00:00+08:00', NULL) AS too_early_to_close_it;
SELECT t.state FROM crm.task t WHERE t.customer_id = :person;
SET LOCAL crm.core_clock = '2026-04-02T10:00:00+08:00';
SELECT pg_temp.note('N3', '2026-04-02T09:30:00+08:00', '2026-04-09');
SELECT t.state, t.outcome, t.due_at FROM crm.task t WHERE t.customer_id = :person ORDER BY t.task_id;

-- a note from the pages: a retry is the same note; after a merge its follow-up is not made again under the other id
SELECT (crm.ingest_member('sales_till', convert_to('{"external_id": "SM2", "name": "李雷", "phone": "13867241906", "store_code": "sales_s1"}', 'UTF8'))).customer_id AS other \gset
SELECT crm.ingest_note(:other, 'one', 'call', NULL, '2026-04-12', idempotency_key => 'note-1') = crm.ingest_note(:other, 'one', 'call', NULL, '2026-04-12', idempotency_key => 'note-1') AS replayed,
       pg_temp.try(format('crm.ingest_note(%s, %L, %L, NULL, %L, idempotency_key => %L)', :other, 'another', 'call', '2026-04-12', 'note-1')) AS other_call;
SELECT crm.identity_merge(:person, :other, 'one') ->> 'records' AS merged, crm.ingest_note(:person, 'two') ->> 'outcome' AS second;
SELECT count(*) AS follow_ups FROM crm.task t WHERE t.customer_id IN (:person, :other) AND t.state = 'open' AND t.due_at = '2026-04-12T10:00:00+08:00';
-- days that are none, and who was erased
SELECT pg_temp.try(format('crm.sales_task_change(%s, %s, NULL, %L)', t.customer_id, t.task_id, d)) AS fault
FROM crm.task t, unnest('{infinity,-infinity,5874897-01-01}'::date[]) d WHERE t.customer_id = :other;
SELECT pg_temp.try($$(SELECT count(*) FROM crm.sales_tasks('store', '5874897-12-31'))$$) AS until;
SELECT (crm.ingest_member('sales_till', convert_to('{"external_id": "SM3", "name": "韩梅", "phone": "13867241907", "store_code": "sales_s1"}', 'UTF8'))).customer_id AS gone \gset
SELECT crm.access_erase(:gone, 'asked for it') ->> 'customer_id' = :'gone' AS erased;
SELECT pg_temp.try(format('crm.ingest_note(%s, %L)', :gone, 'x')) AS note, pg_temp.try(format('crm.sales_task_create(%s, %L, %L)', :gone, 'x', '2026-04-12')) AS task;

-- 5. who leaves hands over; erasing blanks, exporting shows
SELECT crm.sales_reassign('sales_e1', 'sales_e3', 'left') ->> 'tasks' AS who_works_elsewhere_gets;
SELECT crm.sales_reassign('sales_e1', 'sales_e2', 'left');
SELECT pg_temp.try($$crm.sales_reassign('sales_e1', 'sales_e1', 'x')$$), pg_temp.try($$crm.sales_reassign('nobody', 'sales_e1', 'x')$$);
SELECT crm._sales_on_export(:person) #> '{tasks,1}' ->> 'title' AS exported;
SELECT crm._sales_on_erase(:person);
SELECT DISTINCT t.title, t.state FROM crm.task t WHERE t.customer_id = :person ORDER BY 2;
ROLLBACK;
