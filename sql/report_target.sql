-- report_target: goals of the chain, regions, stores, roles and people with what was done of them; who may set and see which; the indicators of sales and service.
\set VERBOSITY terse
SET client_min_messages = warning;
SET datestyle = 'ISO';
SET timezone = 'Asia/Shanghai';
BEGIN;
SET LOCAL crm.core_clock = '2026-06-16T12:00:00+08:00';
SELECT set_config('crm.access_claims', '{"actor": "regress", "role": "crm_headquarters", "stores": [], "all": true}', true) <> '' AS claims;
SELECT crm.access_define_region('ta_e', 'east') > 0 AS e, crm.access_define_region('ta_w', 'west') > 0 AS w, crm.access_define_store('ta_1', 'one', 'ta_e') AS s1, crm.access_define_store('ta_2', 'two', 'ta_e') AS s2, crm.access_define_store('ta_3', 'three', 'ta_w') AS s3 \gset
SELECT crm.access_define_staff('ta_a', 'a', 'crm_clerk', '{store:ta_1}') AS a, crm.access_define_staff('ta_b', 'b', 'crm_clerk', '{store:ta_2}') AS b, crm.access_define_staff('ta_d', 'd', 'crm_service', '{region:ta_e}') AS d,
       crm.access_define_staff('ta_m1', 'm1', 'crm_store_manager', '{store:ta_1}') AS m1, crm.access_define_staff('ta_me', 'me', 'crm_manager', '{region:ta_e}') AS me \gset
SELECT crm.ingest_define_source('ta_till', 'till', 'pos', '{"channel": "store"}') > 0 AS till;
\i sql/shared/try_remedy.sql
CREATE FUNCTION pg_temp.act(code text, staff int, role text, stores int[]) RETURNS boolean LANGUAGE sql AS $$
    SELECT set_config('crm.access_claims', json_build_object('actor', code, 'staff_id', staff, 'role', role, 'stores', stores, 'all', stores IS NULL)::text, true) <> ''
$$;
CREATE FUNCTION pg_temp.hq() RETURNS boolean LANGUAGE sql AS $$ SELECT set_config('crm.access_claims', '{"actor": "regress", "role": "crm_headquarters", "stores": [], "all": true}', true) <> '' $$;
-- sales: T1 twice in store one, T2 in both stores of the east on one day, T3 in the west; one order in May
SELECT count(*) AS orders FROM (VALUES ('T1', 1, 'ta_1', date '2026-06-02', 100), ('T1', 2, 'ta_1', '2026-06-10', 60), ('T2', 3, 'ta_1', '2026-06-05', 40), ('T2', 4, 'ta_2', '2026-06-05', 50), ('T3', 5, 'ta_3', '2026-06-07', 30), ('T3', 6, 'ta_3', '2026-05-07', 500)) o (who, n, store, day, amount),
    crm.ingest_order('ta_till', convert_to(json_build_object('external_id', 'TO' || o.n, 'member_external_id', o.who, 'store_code', o.store, 'ordered_at', o.day || 'T11:00:00+08:00', 'amount', o.amount,
        'items', json_build_array(json_build_object('product_code', 'TP', 'quantity', 1, 'unit_price', o.amount)))::text, 'UTF8')) r WHERE r.status = 201;
-- work: a enrols two, b one; tickets answered after 30 and 90 minutes, one not at all and overdue; a deal won
SELECT pg_temp.act('ta_a', :a, 'crm_clerk', ARRAY[:s1]);
SELECT (crm.ingest_enrol('郑一', '138 1234 6601') ->> 'customer_id')::bigint AS c1, (crm.ingest_enrol('郑二', '138 1234 6602') ->> 'customer_id')::bigint AS c2 \gset
SELECT crm.sales_deal_open(:c1, 'leads', '蛋糕', 100) ->> 'deal_id' AS deal \gset
SELECT pg_temp.act('ta_b', :b, 'crm_clerk', ARRAY[:s2]);
SELECT (crm.ingest_enrol('郑三', '138 1234 6603') ->> 'customer_id')::bigint AS c3 \gset
SELECT pg_temp.act('ta_d', :d, 'crm_service', ARRAY[:s1, :s2]);
SET LOCAL crm.core_clock = '2026-06-15T09:00:00+08:00';
SELECT crm.service_open(:c1, 'membership', '积分', 'wechat', 'ta_1') ->> 'ticket_id' AS t1, crm.service_open(:c2, 'membership', '积分', 'wechat', 'ta_1') ->> 'ticket_id' AS t2, crm.service_open(:c3, 'membership', '积分', 'wechat', 'ta_2') ->> 'ticket_id' AS t3 \gset
SET LOCAL crm.core_clock = '2026-06-15T09:30:00+08:00';
SELECT crm.service_answer(:c1, :t1, '已查') ->> 'state' AS answered;
SET LOCAL crm.core_clock = '2026-06-15T10:30:00+08:00';
SELECT crm.service_answer(:c2, :t2, '已查') ->> 'state' AS answered;
SELECT crm.service_resolve(:c2, :t2, '已补') ->> 'state' AS settled, crm.service_rate(:c2, :t2, 4) ->> 'stars' AS stars;
SET LOCAL crm.core_clock = '2026-06-16T12:00:00+08:00';
SELECT pg_temp.act('ta_a', :a, 'crm_clerk', ARRAY[:s1]);
SELECT crm.sales_deal_move(:c1, :deal, 'customer') ->> 'outcome' AS won;

-- 1. headquarters sets goals of every kind of place; again is another goal, none takes it away
SELECT pg_temp.hq();
SELECT crm.report_set_target('net', 1000), crm.report_set_target('net', 400, region => 'ta_e'), crm.report_set_target('buyers', 2, store => 'ta_1', starts_on => '2026-06-30'), crm.report_set_target('net', 900, 'quarter', store => 'ta_3');
SELECT crm.report_set_target('enrolled', 4, role => 'clerk'), crm.report_set_target('enrolled', 1, staff => 'ta_b'), crm.report_set_target('answer_minutes', 60, region => 'ta_e'), crm.report_set_target('answered_in_time', 0.9, role => 'service'), crm.report_set_target('deals_won', 1, 'week', staff => 'ta_a');
SELECT crm.report_set_target('net', 300, region => 'ta_e') ->> 'goal' AS changed, crm.report_set_target('orders', 10) ->> 'goal' AS set_it, crm.report_set_target('orders', NULL) ->> 'goal' AS taken_away;
SELECT concat_ws(' ', j ->> 'place', j ->> 'code', j ->> 'metric', j ->> 'unit', j ->> 'starts_on', j ->> 'goal', j ->> 'value', j ->> 'share', j ->> 'due', j ->> 'is_reached', j ->> 'is_on_track') AS target
FROM crm.report_targets() j WHERE coalesce(j ->> 'code', '') LIKE 'ta%';
SELECT j ->> 'value' = crm.report_metrics('2026-06-01', '2026-06-16') ->> 'net' AS as_the_board_says FROM crm.report_targets() j WHERE j ->> 'place' = 'chain';
SELECT (SELECT r.net FROM crm.report_stores('2026-04-01', '2026-06-16') r WHERE r.store_code = 'ta_3') AS of_the_store, (SELECT count(*) FROM crm.report_targets('2026-05-20') j WHERE j ->> 'code' LIKE 'ta%') AS of_may;
SELECT pg_temp.try(c) AS fault FROM (VALUES (1, $$crm.report_set_target('colour', 1)$$), (2, $$crm.report_set_target('net', 0)$$), (3, $$crm.report_set_target('net', 1, 'year')$$), (4, $$crm.report_set_target('net', 1, staff => 'ta_a')$$), (5, $$crm.report_set_target('net', 1, role => 'clerk')$$),
    (6, $$crm.report_set_target('notes', 1, role => 'till')$$), (7, $$crm.report_set_target('notes', 1, store => 'nowhere')$$), (8, $$crm.report_set_target('notes', 1, starts_on => 'infinity')$$), (9, $$crm.report_set_target(NULL, 1)$$)) v (n, c) ORDER BY n;

-- 2. a manager sets and sees those of their stores; a clerk sees their own
SELECT pg_temp.act('ta_m1', :m1, 'crm_store_manager', ARRAY[:s1]);
SELECT crm.report_set_target('notes', 5, staff => 'ta_a') ->> 'place' AS own_staff, pg_temp.try($$crm.report_set_target('notes', 5, staff => 'ta_b')$$) AS not_theirs, pg_temp.try($$crm.report_set_target('net', 5, region => 'ta_e')$$) AS not_whole, pg_temp.try($$crm.report_set_target('net', 5)$$) AS not_the_chain;
SELECT concat_ws(' ', j ->> 'place', j ->> 'code', j ->> 'metric') AS mine FROM crm.report_targets() j;
SELECT pg_temp.act('ta_me', :me, 'crm_manager', ARRAY[:s1, :s2]);
SELECT count(*) FILTER (WHERE j ->> 'place' = 'region') AS of_the_region, count(*) FILTER (WHERE j ->> 'code' = 'ta_3') AS of_the_west, count(*) FILTER (WHERE j ->> 'place' = 'chain') AS of_the_chain FROM crm.report_targets() j;
SELECT pg_temp.act('ta_b', :b, 'crm_clerk', ARRAY[:s2]);
SELECT concat_ws(' ', j ->> 'metric', j ->> 'goal', j ->> 'value', j ->> 'is_reached') AS own FROM crm.report_my_targets() j;

-- 3. the indicators of sales and service, of the chain and a store
SELECT w.* FROM crm._report_work_indicators(NULL, '2026-06-01', '2026-07-01') w;
SELECT w.* FROM crm._report_work_indicators(ARRAY[:s2], '2026-06-01', '2026-07-01') w;
SELECT count(*) AS twelve, count(DISTINCT i.indicator) AS different FROM crm._report_indicators(NULL, '2026-06-01', '2026-06-30') i;
ROLLBACK;
