-- service: a ticket is opened once for what brought it about, goes to who has to take it, keeps its clocks, is settled, opened again and rated;
-- rules ask who has an open one, live and as of a moment; figures by store and topic; nothing of an erased person is left.
\set VERBOSITY terse
SET client_min_messages = warning;
SET datestyle = 'ISO';
SET timezone = 'Asia/Shanghai';
BEGIN;
SET LOCAL crm.core_clock = '2026-03-31T12:00:00+08:00';
SELECT set_config('crm.access_claims', '{"actor": "regress", "role": "crm_headquarters", "stores": [], "all": true}', true) <> '' AS claims;
SELECT crm.access_define_region('serv_r', 'r') > 0 AS region, crm.access_define_store('serv_s1', 'one', 'serv_r') AS s1, crm.access_define_store('serv_s2', 'two', 'serv_r') AS s2 \gset
SELECT crm.access_define_staff('serv_c1', 'c one', 'crm_clerk', ARRAY['store:serv_s1']) AS c1, crm.access_define_staff('serv_c2', 'c two', 'crm_clerk', ARRAY['store:serv_s2']) AS c2,
       crm.access_define_staff('serv_d1', 'd one', 'crm_service', ARRAY['region:serv_r']) AS d1, crm.access_define_staff('serv_d2', 'd two', 'crm_service', ARRAY['region:serv_r']) AS d2,
       crm.access_define_staff('serv_m1', 'm one', 'crm_store_manager', ARRAY['store:serv_s1']) AS m1 \gset
SELECT crm.ingest_define_source('serv_app', 'app', 'mini_program') IS NOT NULL AS source;
\i sql/shared/try_remedy.sql
CREATE FUNCTION pg_temp.act(code text, staff int, role text, store int) RETURNS boolean LANGUAGE sql AS $$
    SELECT set_config('crm.access_claims', json_build_object('actor', code, 'staff_id', staff, 'role', role, 'stores', ARRAY[store], 'all', false)::text, true) <> ''
$$;
CREATE FUNCTION pg_temp.event(no text, type text, properties jsonb, phone text, at timestamptz DEFAULT crm.core_now()) RETURNS text LANGUAGE sql AS $$
    SELECT (crm.ingest_event('serv_app', convert_to(jsonb_build_object('external_id', no, 'type', type, 'occurred_at', at, 'phone', phone, 'properties', properties)::text, 'UTF8'))).code
$$;
CREATE FUNCTION pg_temp.tickets(person bigint) RETURNS SETOF text LANGUAGE sql AS $$
    SELECT concat_ws(' ', t.kind, t.topic, t.state, split_part(t.ticket_key, ':', 1), t.title, f.code, k.role, e.detail ->> 'given_to', CASE WHEN t.is_repeated THEN 'repeated' END)
    FROM crm.ticket t JOIN crm.task k USING (customer_id, task_id) LEFT JOIN crm.staff f USING (staff_id)
    JOIN crm.ticket_event e ON e.customer_id = t.customer_id AND e.ticket_id = t.ticket_id AND e.kind = 'opened'
    WHERE t.customer_id = person ORDER BY t.ticket_id
$$;

-- 1. who takes it: the owner, else the desk with the least to do, by code; seniors when the person came with it so often
SELECT pg_temp.act('serv_c1', :c1, 'crm_clerk', :s1);
SELECT (crm.ingest_enrol('王小明', '138 1234 7701') ->> 'customer_id')::bigint AS a, (crm.ingest_enrol('李雷', '138 1234 7702') ->> 'customer_id')::bigint AS b \gset
SELECT crm.service_open(:a, 'quality', E' 面包里有\n头发 ', 'store', NULL, 'k1') AS one \gset
SELECT :'one'::jsonb ->> 'title' AS title, (:'one'::jsonb ->> 'answer_due_at')::timestamptz AS answer_due, (:'one'::jsonb ->> 'resolve_due_at')::timestamptz AS resolve_due,
       :'one'::jsonb ->> 'name' AS name, crm.service_open(:a, 'quality', E' 面包里有\n头发 ', 'store', NULL, 'k1') = :'one'::jsonb AS replay;
SELECT crm.service_open(:b, 'membership', '积分没到账', 'wechat') ->> 'staff' AS second;
SELECT crm.sales_set_owner(:b, 'serv_c1') IS NOT NULL AS owned;
SELECT crm.service_open(:b, 'membership', '还是没到账', 'wechat') ->> 'staff' AS third, crm.service_open(:b, 'membership', '第三次问了', 'wechat') ->> 'role' AS fourth;
SELECT pg_temp.tickets(:a);
SELECT pg_temp.tickets(:b);
SELECT pg_temp.try(format(c, :a)) AS fault FROM (VALUES (1, 'crm.service_open(%s, ''nothing'', ''x'')'), (2, 'crm.service_open(%s, NULL, ''x'')'), (3, 'crm.service_open(%s, ''quality'', '' '')'),
    (4, 'crm.service_open(%s, ''quality'', repeat(''x'', 4001))'), (5, 'crm.service_open(%s, ''quality'', ''x'', ''Pigeon Post'')'), (6, 'crm.service_open(%s, ''quality'', ''x'', ''store'', ''serv_s2'')'),
    (7, 'crm.service_open(NULL, ''quality'', ''x'')'), (8, 'crm.service_open(%s + 1000000, ''quality'', ''x'')'), (9, '(SELECT count(*) FROM crm.service_tickets(''all''))')) v (n, c) ORDER BY n;

-- 2. its task stands in the lists of who works on it, and ends with the ticket alone; other stores know nothing of it
SELECT pg_temp.act('serv_d1', :d1, 'crm_service', :s1);
SELECT j ->> 'title' AS title, j ->> 'kind' AS kind, (j ->> 'due_at')::timestamptz AS due FROM crm.sales_tasks('mine') j;
SELECT (:'one'::jsonb ->> 'ticket_id')::bigint AS t1 \gset
SELECT pg_temp.try(format('crm.sales_task_finish(%s, %s, %L)', :a, :'one'::jsonb ->> 'task_id', 'done')) AS not_so;
SELECT pg_temp.act('serv_c2', :c2, 'crm_clerk', :s2);
SELECT count(*) AS theirs FROM crm.service_tickets('open');
SELECT pg_temp.act('serv_c1', :c1, 'crm_clerk', :s1);
SELECT j ->> 'title' AS ours, j ->> 'staff' AS staff FROM crm.service_tickets('open') j;
SELECT j ->> 'title' AS mine FROM crm.service_tickets('mine') j;
SELECT j ->> 'title' AS of_a_topic FROM crm.service_tickets('open', 'quality') j;
SELECT j ->> 'title' AS next_page FROM crm.service_tickets('open', NULL, (SELECT j -> 'cursor' FROM crm.service_tickets('open', NULL, NULL, 2) j OFFSET 1), 2) j;
SELECT pg_temp.act('serv_c2', :c2, 'crm_clerk', :s2);
SELECT pg_temp.try(format('crm.service_ticket(%s, %s)', :a, :t1)) AS unseen, pg_temp.try(format('crm.service_resolve(%s, %s, ''x'')', :a, :t1)) AS untouched;

-- 3. answered: that clock stops and the other is due; the customer's turn; settled; rated; opened again, for seniors
SELECT pg_temp.act('serv_d1', :d1, 'crm_service', :s1);
SET LOCAL crm.core_clock = '2026-03-31T14:30:00+08:00';
SELECT j ->> 'title' AS late FROM crm.service_tickets('late') j;
SELECT j ->> 'state' AS state, (j ->> 'answered_at')::timestamptz AS answered, (j ->> 'is_late')::boolean AS late FROM crm.service_answer(:a, :t1, '已致歉，请顾客把照片发来', true, 'k2') j;
SELECT crm.service_answer(:a, :t1, '已致歉，请顾客把照片发来', true, 'k2') ->> 'state' AS replay, (SELECT count(*) FROM crm.ticket_event WHERE ticket_id = :t1) AS events;
SELECT (j ->> 'due_at')::timestamptz AS due_now FROM crm.sales_tasks('mine') j;
SELECT pg_temp.try(format('crm.service_rate(%s, %s, 5)', :a, :t1)) AS too_early;
SELECT crm.service_resolve(:a, :t1, '已退款并送券') ->> 'state' AS state, crm.service_resolve(:a, :t1, 'again') ->> 'state' AS again;
SELECT count(*) AS nothing_left FROM crm.sales_tasks('mine');
SELECT pg_temp.try(format('crm.service_answer(%s, %s, ''x'')', :a, :t1)) AS settled, pg_temp.try(format('crm.service_rate(%s, %s, 6)', :a, :t1)) AS six;
SELECT crm.service_rate(:a, :t1, 2, '等太久') ->> 'stars' AS stars;
SET LOCAL crm.core_clock = '2026-04-02T09:00:00+08:00';
SELECT j ->> 'state' AS state, j ->> 'role' AS role, j ->> 'stars' AS stars, (j ->> 'resolve_due_at')::timestamptz AS due FROM crm.service_reopen(:a, :t1, '退款没到') j;
SELECT pg_temp.try(format(c, :a)) AS nothing FROM (VALUES (1, 'crm.service_reopen(%s, NULL, ''x'')'), (2, 'crm.service_resolve(%s, NULL, ''x'')'), (3, 'crm.service_rate(%s, NULL, 5)')) v (n, c) ORDER BY n;
-- a place in a list that is none
SELECT pg_temp.try(call) AS nowhere FROM (VALUES (1, $$crm.service_tickets('open', NULL, '{"at": "yesterday week", "ticket_id": 1}')$$), (2, $$crm.sales_owned('all', NULL, '{"due": null, "customer_id": "x"}')$$),
    (3, $$crm.sales_tasks('mine', NULL, '{"due_at": "2026-02-30", "task_id": 1}')$$)) v (n, call) ORDER BY n;
SELECT concat_ws(' ', e ->> 'kind', e ->> 'actor', e ->> 'body', e ->> 'given_to', e ->> 'stars') AS life FROM jsonb_array_elements(crm.service_ticket(:a, :t1) -> 'events') e;
SELECT count(*) FILTER (WHERE state = 'open') AS open_tasks, count(*) AS tasks FROM crm.task WHERE customer_id = :a AND kind = 'ticket';
-- past the hour it had to be settled in, the next role up sees it, once
SET LOCAL crm.core_clock = '2026-04-05T09:00:00+08:00';
SELECT crm._sales_escalate(), crm._sales_escalate();
SELECT k.role FROM crm.task k JOIN crm.ticket t USING (customer_id, task_id) WHERE t.ticket_id = :t1;

-- 4. a note with the outcome complaint is one, once; a customer's own words and bad stars are, praise and history are not
SET LOCAL crm.core_clock = '2026-04-06T10:00:00+08:00';
SELECT pg_temp.act('serv_c1', :c1, 'crm_clerk', :s1);
SELECT (crm.ingest_enrol('韩梅梅', '138 1234 7703') ->> 'customer_id')::bigint AS c \gset
SELECT crm.ingest_note(:c, '抱怨排队太久', 'call', 'complaint') ->> 'outcome' AS note, crm.ingest_note(:c, '已回访', 'call', 'reached') ->> 'outcome' AS other;
SELECT set_config('crm.access_claims', '{"actor": "regress", "role": "crm_headquarters", "stores": [], "all": true}', true) <> '' AS claims;
SELECT pg_temp.event('f1', 'feedback', '{"topic": "delivery", "text": "送晚了"}', '13812347703', crm.core_now() - 1 * interval '1 minute') AS topic, pg_temp.event('f2', 'feedback', '{"text": "在吗"}', '13812347703', crm.core_now() - 2 * interval '1 minute') AS plain,
       pg_temp.event('f3', 'feedback', '{"text": "很好吃", "stars": 5}', '13812347703', crm.core_now() - 3 * interval '1 minute') AS praise, pg_temp.event('f4', 'rating', '{"about": "store", "stars": 2}', '13812347703', crm.core_now() - 4 * interval '1 minute') AS bad,
       pg_temp.event('f5', 'review_post', '{"product": "x", "stars": 1}', '13812347703', crm.core_now() - 5 * interval '1 minute') AS review, pg_temp.event('f6', 'rating', '{"stars": 3}', '13812347703', crm.core_now() - 6 * interval '1 minute') AS fair,
       pg_temp.event('f7', 'feedback', '{"topic": 7, "stars": "many", "text": ["no", "text"]}', '13812347703', crm.core_now() - 7 * interval '1 minute') AS strange, pg_temp.event('f1', 'feedback', '{"topic": "delivery", "text": "送晚了"}', '13812347703', crm.core_now() - 1 * interval '1 minute') AS again;
SELECT pg_temp.tickets(:c);

-- 5. rules ask who has an open one: live, and as of a moment
SELECT crm.rule_matches('{"kind": "open_ticket", "where": {"kind": "complaint"}}', :c) AS c, crm.rule_matches('{"kind": "open_ticket", "where": {"kind": "complaint"}}', :b) AS b,
       crm.rule_matches('{"kind": "open_ticket"}', :b) AS b_asks, crm.rule_matches('{"kind": "ticket", "where": {"topic": "quality"}, "days": 30}', :a) AS a_had;
SELECT crm.service_resolve(:a, :t1, '退款已到账') ->> 'state' AS state;
SELECT crm.rule_matches('{"kind": "open_ticket", "where": {"topic": "quality"}}', :a) AS now, crm.rule_matches('{"kind": "open_ticket", "where": {"topic": "quality"}}', :a, '2026-04-05') AS on_the_5th,
       crm.rule_count('{"all": [{"kind": "open_ticket", "where": {"store": "serv_s1"}}]}') AS everybody;
SELECT crm.segment_define('serv_open', '有未决投诉', '{"kind": "open_ticket", "where": {"kind": "complaint"}}') IS NOT NULL AS segment;
SELECT crm._segment_refresh() IS NOT NULL AS filled;
SELECT count(*) AS members FROM crm.segment_members('serv_open');

-- 6. so many customers of a store complain of one topic: one alert, which closes when they are fewer
SELECT pg_temp.event('g' || g, 'feedback', '{"topic": "delivery", "text": "送晚了"}', '1381234771' || g) AS outcome FROM generate_series(1, 4) g;
UPDATE crm.ticket SET store_id = :s1 WHERE topic = 'delivery';
SELECT crm._service_alert(:s1, 'delivery'), crm._service_alert(:s1, 'delivery');
SELECT a.key, a.closed_at, a.detail - 'store_id' AS detail FROM crm.alert a WHERE a.kind = 'service.topic';
SELECT crm._service_watch();
SELECT count(*) AS still_open FROM crm.alert a WHERE a.kind = 'service.topic' AND a.closed_at IS NULL;
SET LOCAL crm.core_clock = '2026-04-20T10:00:00+08:00';
SELECT crm._service_watch();
SELECT a.closed_at FROM crm.alert a WHERE a.kind = 'service.topic';

-- 7. figures: what was late, how fast, right the first time; days since the last purchase
SELECT j FROM crm.service_report('2026-03-31', '2026-04-20', 'topic') j WHERE j ->> 'group' IN ('quality', 'membership');
SELECT j ->> 'group' AS store, j ->> 'tickets' AS tickets FROM crm.service_report('2026-03-31', '2026-04-20') j;
SELECT pg_temp.act('serv_m1', :m1, 'crm_store_manager', :s2);
SELECT count(*) AS of_another_store FROM crm.service_report('2026-03-31', '2026-04-20');
SELECT set_config('crm.access_claims', '{"actor": "regress", "role": "crm_headquarters", "stores": [], "all": true}', true) <> '' AS claims;
SELECT (crm.ingest_order('serv_app', convert_to('{"external_id": "serv_o1", "ordered_at": "2026-04-01T09:00:00+08:00", "phone": "13812347703", "items": [{"product_code": "serv_p", "quantity": 1, "unit_price": "10.00"}]}', 'UTF8'))).code;
SELECT * FROM crm.service_after_purchase('delivery', '2026-03-31', '2026-04-20');
SELECT pg_temp.try(c) AS fault FROM (VALUES (1, $$(SELECT count(*) FROM crm.service_report('2026-04-01', '2026-03-31'))$$), (2, $$(SELECT count(*) FROM crm.service_report(NULL, 'infinity'))$$),
    (3, $$(SELECT count(*) FROM crm.service_report('2026-04-01', '2026-04-02', 'moon'))$$)) v (n, c) ORDER BY n;

-- 8. topics are headquarters' data
SELECT crm.service_define_topic('serv_wifi', '{"name_zh": "无线网", "answer_minutes": 60}') - 'topic' AS topic, crm.service_define_topic('serv_wifi', '{"is_active": false}') ->> 'is_active' AS active;
SELECT pg_temp.try(format('crm.service_define_topic(%L, %L)', t, s)) AS fault FROM (VALUES (1, 'Wi Fi', '{}'), (2, NULL, '{}'), (3, 'serv_x', '{"color": "red"}'), (4, 'serv_x', '{"kind": "love"}'), (5, 'serv_x', '{"answer_minutes": 0}'),
    (6, 'serv_x', '{"answer_minutes": "soon"}'), (7, 'serv_x', '{"resolve_hours": 1.5}'), (8, 'serv_x', '{"name_zh": ""}'), (9, 'other', '{"is_active": false}'), (10, 'serv_x', '[]'), (11, 'serv_x', NULL)) v (n, t, s) ORDER BY n;
SELECT count(*) AS used, bool_or(j ->> 'topic' = 'serv_wifi') AS listed FROM crm.service_topics() j WHERE (j ->> 'is_active')::boolean;

-- 9. a merge shows both persons' tickets under one, an unmerge gives them back; export has them; an erased person's words are gone
SELECT crm.identity_merge(:a, :b, 'serv test') IS NOT NULL AS merged;
SELECT j ->> 'title' AS title, j ->> 'state' AS state FROM crm.service_of_person(:b) j;
SELECT crm.service_ticket(:b, :t1) ->> 'title' AS by_other_id, crm.rule_matches('{"kind": "open_ticket"}', :a) AS open_by_merge;
SELECT jsonb_array_length(crm._service_on_export(:a) -> 'tickets') AS exported;
SELECT crm._service_on_erase(:a);
SELECT DISTINCT t.title, t.body, t.state, (SELECT string_agg(DISTINCT e.body || e.detail, '') FROM crm.ticket_event e WHERE e.customer_id = t.customer_id) AS life FROM crm.ticket t WHERE t.customer_id IN (:a, :b);
SELECT crm.rule_matches('{"kind": "open_ticket"}', :a) AS open;
-- what was told of a record goes with it when persons are parted: the ticket of a note, its task, and the note in a colleague's list
SELECT pg_temp.act('serv_c1', :c1, 'crm_clerk', :s1);
SELECT (crm.ingest_enrol('赵一', '138 1234 7721') ->> 'customer_id')::bigint AS p, (crm.ingest_enrol('钱二', '138 1234 7722') ->> 'customer_id')::bigint AS q \gset
SELECT set_config('crm.access_claims', '{"actor": "regress", "role": "crm_headquarters", "stores": [], "all": true}', true) <> '' AS claims;
SELECT r.external_id AS q_record FROM crm.membership m JOIN crm.source_record r USING (source_record_id) WHERE m.customer_id = :q AND m.valid_to = 'infinity' \gset
SELECT (crm.identity_merge(:p, :q, 'serv test 2') ->> 'customer_id')::bigint AS one \gset
SELECT (crm.ingest_interaction('serv_app', convert_to(jsonb_build_object('external_id', 'q1', 'occurred_at', crm.core_now(), 'channel', 'call', 'direction', 'in', 'member_external_id', :'q_record', 'member_source', 'console',
    'body', '只有钱二知道的事', 'outcome', 'complaint', 'next_on', '2026-04-25')::text, 'UTF8'))).code;
SELECT pg_temp.event('q2', 'feedback', '{"text": "钱二的意见"}', '13812347722') AS feedback;
SELECT crm.service_open(:one, 'other', '合并时当面说的') ->> 'state' AS by_hand;
SELECT string_agg(DISTINCT j ->> 'title', ' ' ORDER BY j ->> 'title') AS of_the_one FROM crm.service_of_person(:one) j;
SELECT crm.identity_unmerge((SELECT max(j.journal_id) FROM crm.merge_journal j WHERE j.kind = 'merge' AND :one IN (j.survivor_id, j.other_id)), 'two after all') IS NOT NULL AS parted;
SELECT CASE t.customer_id WHEN :one THEN 'stayed' ELSE 'went along' END AS ticket, t.title, k.customer_id = t.customer_id AND EXISTS (SELECT FROM crm.ticket_event e WHERE e.customer_id = t.customer_id AND e.ticket_id = t.ticket_id) AS whole
FROM crm.ticket t JOIN crm.task k ON k.task_id = t.task_id WHERE t.title IN ('只有钱二知道的事', '钱二的意见', '合并时当面说的') ORDER BY t.ticket_id;
SELECT CASE t.customer_id WHEN :one THEN 'stayed' ELSE 'went along' END AS follow_up, (SELECT count(*) FROM crm.task_event e WHERE e.customer_id = t.customer_id AND e.task_id = t.task_id) AS events FROM crm.task t WHERE t.customer_id IN (:p, :q) AND t.kind = 'follow_up';
ROLLBACK;
