-- report_board: value map, transitions, the persons behind each number, what is stuck, scorecards.
\set VERBOSITY terse
SET client_min_messages = warning;
SET datestyle = 'ISO';
SET timezone = 'Asia/Shanghai';
BEGIN;
SET LOCAL crm.core_clock = '2026-06-30T12:00:00+08:00';
SELECT set_config('crm.access_claims', '{"actor": "regress", "role": "crm_headquarters", "stores": [], "all": true}', true) <> '' AS claims;
SELECT crm.access_define_region('bo_r', 'r') > 0 AS region, crm.access_define_store('bo_1', 'one', 'bo_r') AS s1, crm.access_define_store('bo_2', 'two', 'bo_r') AS s2 \gset
SELECT crm.access_define_staff('bo_e1', 'e one', 'crm_clerk', ARRAY['store:bo_1']) AS e1, crm.access_define_staff('bo_e2', 'e two', 'crm_clerk', ARRAY['store:bo_1']) AS e2,
       crm.access_define_staff('bo_m', 'm', 'crm_store_manager', ARRAY['store:bo_1']) AS m \gset
SELECT crm.ingest_define_source('bo_till', 'till', 'pos', '{}') > 0 AS till;
-- twelve persons, six a store; person n has n % 5 orders, a month apart, from the day of registering; the last is today's neighbour for 4, 9
SELECT count(*) AS persons FROM generate_series(1, 12) n, crm.ingest_member('bo_till', convert_to(json_build_object('external_id', 'B' || n, 'name', '王' || n,
    'phone', '1371000' || lpad(n::text, 4, '0'), 'store_code', 'bo_' || (1 + n % 2), 'registered_at', (date '2025-09-01' + n * 10) || 'T10:00:00+08:00')::text, 'UTF8')) r WHERE r.status = 201;
SELECT count(*) AS orders FROM generate_series(1, 12) n, generate_series(0, n % 5 - 1) k, crm.ingest_order('bo_till', convert_to(json_build_object('external_id', 'BO' || n || '.' || k, 'member_external_id', 'B' || n,
    'store_code', 'bo_' || (1 + n % 2), 'ordered_at', (date '2025-09-01' + n * 10 + k * 28 + CASE WHEN n % 5 = 4 AND k = 3 THEN 120 ELSE 0 END) || 'T11:00:00+08:00', 'amount', 50 + n,
    'items', json_build_array(json_build_object('product_code', 'P1', 'quantity', 1, 'unit_price', 50 + n)))::text, 'UTF8')) r WHERE r.status = 201;
SELECT crm._value_score_all(model, '2026-06-30') IS NOT NULL AS scored FROM crm.rfm_model WHERE is_active;
UPDATE crm.customer_value v SET r = s.r, f = s.f, m = s.m FROM crm.value_rfm() s WHERE s.customer_id = v.customer_id;

-- 1. every number and its persons agree, in the chain, a region, a store
CREATE FUNCTION pg_temp.behind(what text, key text, store text, region text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    n bigint := 0; last bigint := 0; page int;
BEGIN
    LOOP        -- in pages of two
        SELECT count(*), max((j ->> 'customer_id')::bigint) INTO page, last FROM crm.report_persons(what, key, store, region, last, 2) j;
        n := n + page;
        EXIT WHEN page < 2;
    END LOOP;
    RETURN n;
END $$;
CREATE FUNCTION pg_temp.numbers(store text, region text) RETURNS TABLE (what text, key text, n bigint) LANGUAGE sql AS $$
    SELECT 'active', '', (crm.report_health(store, region) ->> 'active_30d')::bigint
    UNION ALL SELECT 'tier', t.key, t.value::bigint FROM jsonb_each_text(crm.report_health(store, region) -> 'tiers') t
    UNION ALL SELECT 'funnel', t.key, t.value::bigint FROM jsonb_each_text(crm.report_health(store, region) -> 'funnel') t
    UNION ALL SELECT 'rfm', m.r || '.' || m.f, m.persons FROM crm.report_value_map(store, region) m
    UNION ALL SELECT 'transition', m.from_tier || '.' || m.to_tier, m.persons FROM crm.report_transitions(90, store, region) m
    UNION ALL SELECT 'transition', m.from_tier || '.' || m.to_tier || '.200', m.persons FROM crm.report_transitions(200, store, region) m
    UNION ALL SELECT 'persons', '', x.persons FROM crm.report_stores('2026-01-01', '2026-06-30') x WHERE x.store_code = store
    UNION ALL SELECT 'span', b.figure || '.2025-11-01.2026-01-31', (m ->> b.name)::bigint FROM crm.report_metrics('2025-11-01', '2026-01-31', store, region) m,
        (VALUES ('buyers', 'buyers'), ('repeat', 'repeat_buyers'), ('before', 'buyers_before'), ('lost', 'lost')) b (figure, name)
    UNION ALL SELECT 'span', format('%s.%s.%s', b.figure, t.starts_on, (t.starts_on + interval '1 month')::date - 1), b.n FROM crm.report_trend('2025-09-01', '2026-06-30', 'month', store, region) t,
        LATERAL (VALUES ('buyers', t.buyers), ('new', t.new_buyers), ('registered', t.registered)) b (figure, n)
    UNION ALL SELECT 'frequency', f.orders || '.2025-09-01.2026-06-30', f.persons FROM crm.report_frequency('2025-09-01', '2026-06-30', store, region) f
    UNION ALL SELECT 'indicator', format('%s.%s.2026-01-01.2026-01-31', i.indicator, b.part), b.n FROM crm._report_indicators(crm._report_scope(store, region), '2026-01-01', '2026-01-31') i,
        LATERAL (VALUES ('of', i.denominator), ('met', i.numerator)) b (part, n) WHERE i.indicator IN ('repurchase', 'dormancy', 'first_order', 'redemption')
    UNION ALL SELECT 'indicator', 'active.met.2026-01-01.2026-01-31', i.value FROM crm._report_indicators(crm._report_scope(store, region), '2026-01-01', '2026-01-31') i WHERE i.indicator = 'active'
    UNION ALL SELECT 'cohort', to_char(c.cohort, 'YYYY-MM') || '.' || c.period, c.retained FROM crm.report_retention('2025-07-01', '2026-06-30', 'month', false, store, region) c
$$;
SELECT p.scope, count(*) AS figures, sum(x.n) AS counted, count(*) FILTER (WHERE x.n <> pg_temp.behind(x.what, x.key, p.store, p.region)) AS disagree,
       count(*) FILTER (WHERE x.n <> (crm.report_persons_count(x.what, x.key, p.store, p.region) ->> 'counted')::bigint) AS are_told_otherwise
FROM (VALUES ('region', NULL, 'bo_r'), ('one', 'bo_1', NULL), ('two', 'bo_2', NULL)) p(scope, store, region), pg_temp.numbers(p.store, p.region) x GROUP BY p.scope ORDER BY p.scope;
SELECT x.what, string_agg(x.key || ' ' || x.n, ', ' ORDER BY x.key) AS numbers FROM pg_temp.numbers(NULL, 'bo_r') x WHERE x.what IN ('active', 'tier', 'funnel', 'transition', 'indicator') AND x.key NOT LIKE '%.200' GROUP BY x.what ORDER BY x.what;

-- what flows did is the same, added up by the worker or counted now, in the chain, a region, a store; nothing was added up yet
DELETE FROM crm.report_flow; UPDATE crm.report_flow_progress SET until = '-infinity';
INSERT INTO crm.occurrence (customer_id, flow_id, epoch, occurrence_key, fired_at, due_at, arm, outcome, message_id, flow_version)
SELECT c.customer_id, f.flow_id, 0, 'bo' || k, crm.core_now() - k * interval '40 minutes', crm.core_now(), CASE WHEN k = 2 THEN 'control' ELSE 'treatment' END, 'sent', CASE WHEN k = 1 THEN 'bo' || c.customer_id END, 1
FROM crm.customer c, (SELECT min(x.flow_id) AS flow_id FROM crm.flow x) f, generate_series(0, 3) k WHERE c.scope_store_ids && ARRAY[:s1, :s2];
CREATE FUNCTION pg_temp.flows() RETURNS TABLE (place text, counted jsonb) LANGUAGE sql AS $$
    SELECT p.place, jsonb_agg(j - 'state' ORDER BY j ->> 'flow') FROM (VALUES ('region', NULL, 'bo_r'), ('one', 'bo_1', NULL), ('two', 'bo_2', NULL), ('chain', NULL, NULL)) p (place, store, region),
        jsonb_array_elements(crm.report_health(p.store, p.region) -> 'flows') j WHERE (j ->> 'treated')::int + (j ->> 'redeemed')::int > 0 GROUP BY p.place
$$;
CREATE TEMP TABLE live AS SELECT * FROM pg_temp.flows();
SELECT place, counted -> 0 ->> 'treated' AS treated, counted -> 0 ->> 'control' AS control, counted -> 0 ->> 'sent' AS sent FROM live WHERE place <> 'chain' ORDER BY place;
SELECT crm._report_flows_job() AS left_over, crm._report_flows_job() AS again;
SELECT count(*) > 0 AS kept, (SELECT count(*) FROM (TABLE live EXCEPT SELECT * FROM pg_temp.flows()) d) AS differ FROM crm.report_flow WHERE treated > 0;
-- what became of its messages
INSERT INTO crm.outbox_event (customer_id, message_id, at, outbox_event_id, kind)
SELECT c.customer_id, 'bo' || c.customer_id, crm.core_now(), k.no, k.kind FROM (SELECT x.customer_id, row_number() OVER (ORDER BY x.customer_id) AS no FROM crm.customer x WHERE x.home_store_id IN (:s1, :s2)) c, unnest('{sent,delivered,opened,clicked}'::text[]) WITH ORDINALITY k (kind, no) WHERE c.no % 5 >= k.no AND (k.no <> 2 OR c.no > 5);
SELECT f.figure, (crm._campaign_funnel(x.flow_id, NULL, 0, 9223372036854775807) ->> f.figure)::bigint AS counted, pg_temp.behind('flow', x.code || '.' || f.figure, NULL, NULL) AS listed, pg_temp.behind('flow', x.code || '.' || f.figure, 'bo_1', NULL) AS of_one
FROM (SELECT y.flow_id, y.code FROM crm.flow y ORDER BY y.flow_id LIMIT 1) x, unnest('{delivered,opened,clicked}'::text[]) WITH ORDINALITY f (figure, no) ORDER BY f.no;
-- of who was merged since, what a flow did stays where the person is, in the numbers as in the pages behind them
SAVEPOINT before;
SELECT count(crm.identity_merge(p.ids[1], p.ids[g], 'one')) AS merged FROM (SELECT array_agg(c.customer_id ORDER BY c.customer_id) AS ids FROM crm.customer c WHERE c.home_store_id = :s1) p, generate_series(2, 4) g;
SELECT f.code AS flow FROM crm.flow f ORDER BY f.flow_id LIMIT 1 \gset
UPDATE crm.report_flow_progress SET until = '-infinity', done_to = 0; DELETE FROM crm.report_flow;
SELECT l.place, l.counted = f.counted AS same, pg_temp.behind('flow', :'flow' || '.sent', CASE l.place WHEN 'one' THEN 'bo_1' ELSE 'bo_2' END, NULL) AS persons FROM live l JOIN pg_temp.flows() f USING (place) WHERE l.place IN ('one', 'two') ORDER BY 1;
-- by what the flow did or by who the stores' persons are, the same persons; the latter where the former were a long walk
SELECT count(*) AS pages, count(*) FILTER (WHERE t.there = t.reached) AS same, sum(cardinality(t.reached)) AS persons FROM crm.flow f, unnest('{treated,control,sent,redeemed}'::text[]) g, (VALUES (ARRAY[:s1]), (ARRAY[:s2]), (ARRAY[:s1, :s2])) p (stores),
    LATERAL (SELECT crm._report_reached_there(p.stores, f.flow_id, g, 0, 4) AS there, crm._report_reached(p.stores, f.flow_id, g, 0, 4) AS reached) t WHERE f.code = :'flow';
INSERT INTO crm.report_flow (generation, piece, flow_id, stores, treated, control, sent, redeemed)
SELECT p.generation, 0, (SELECT f.flow_id FROM crm.flow f WHERE f.code = :'flow'), v.stores, 20000, v.n, 0, 0 FROM crm.report_flow_progress p, (VALUES (ARRAY[:s2], 20000), (ARRAY[:s1], 10)) v (stores, n);
SELECT g AS figure, crm._report_is_seldom(ARRAY[:s1], f.flow_id, g, 50) AS one, crm._report_is_seldom(ARRAY[:s2], f.flow_id, g, 50) AS two, crm._report_is_seldom(NULL, f.flow_id, g, 50) AS chain
FROM crm.flow f, unnest('{treated,control,sent,redeemed}'::text[]) WITH ORDINALITY u (g, n) WHERE f.code = :'flow' ORDER BY n;
SELECT pg_temp.behind('flow', :'flow' || '.control', 'bo_1', NULL) AS one, pg_temp.behind('flow', :'flow' || '.control', 'bo_2', NULL) AS two;
ROLLBACK TO before;
-- who was erased since, or is another store's by now, is counted, and ends no list: those behind are listed still, in pages of two
SELECT array_agg(c.customer_id ORDER BY c.customer_id) AS ids FROM crm.customer c JOIN crm.customer_value v ON v.customer_id = c.customer_id AND v.order_days > 0 WHERE c.home_store_id = :s1 \gset
SELECT crm.access_erase((:'ids'::bigint[])[1], 'asked') IS NOT NULL AS erased, crm.access_erase((:'ids'::bigint[])[4], 'asked') IS NOT NULL AS erased_too;
UPDATE crm.customer c SET scope_store_ids = ARRAY[:s2] WHERE c.customer_id = (:'ids'::bigint[])[2];
CREATE FUNCTION pg_temp.buyers() RETURNS TABLE (told bigint, listed bigint, first_pages text) LANGUAGE sql AS $$
    SELECT (crm.report_metrics('2025-09-01', '2026-06-30', 'bo_1') ->> 'buyers')::bigint, pg_temp.behind('span', 'buyers.2025-09-01.2026-06-30', 'bo_1', NULL),
           (SELECT string_agg(n || ': ' || (SELECT count(*) FROM crm.report_persons('span', 'buyers.2025-09-01.2026-06-30', 'bo_1', NULL, 0, n)), ', ' ORDER BY n) FROM unnest('{1,2,3,50,500}'::int[]) n)
$$;
SELECT * FROM pg_temp.buyers();
SELECT crm.report_persons_count('span', 'buyers.2025-09-01.2026-06-30', 'bo_1') - 'most' AS told;
SELECT set_config('crm.access_claims', json_build_object('actor', 'bo_m', 'staff_id', :m, 'role', 'crm_store_manager', 'stores', ARRAY[:s1], 'all', false)::text, true) <> '' AS manager;
SELECT * FROM pg_temp.buyers();
SELECT crm.report_persons_count('span', 'buyers.2025-09-01.2026-06-30', 'bo_1') - 'most' AS told;
ROLLBACK TO before;

-- 2. what is shown of a person; the other store's are not a manager's
SELECT j - 'customer_id' AS person FROM crm.report_persons('tier', 'P', 'bo_1', NULL, 0, 1) j;
SELECT set_config('crm.access_claims', json_build_object('actor', 'bo_m', 'staff_id', :m, 'role', 'crm_store_manager', 'stores', ARRAY[:s1], 'all', false)::text, true) <> '' AS manager;
SELECT count(*) AS mine, count(*) FILTER (WHERE j ->> 'store' <> 'one') AS others FROM crm.report_persons('funnel', 'registered') j;
CREATE FUNCTION pg_temp.try(call text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    answer text; field text;
BEGIN
    EXECUTE 'SELECT count(*) FROM ' || call INTO answer;
    RETURN answer;
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS field = COLUMN_NAME;
    RETURN concat_ws(' ', SQLSTATE, nullif(field, ''));
END $$;
SELECT call, pg_temp.try(call) AS answer FROM (VALUES (1, $$crm.report_persons('active', '', 'bo_2')$$), (2, $$crm.report_persons('nothing')$$), (3, $$crm.report_persons(NULL)$$), (4, $$crm.report_persons('rfm', '5.x')$$),
    (5, $$crm.report_persons('cohort', '2026-13.1')$$), (6, $$crm.report_persons('cohort', '2026-01.999')$$), (7, $$crm.report_persons('rfm', '99.99')$$), (8, $$crm.report_persons('transition', 'A.B.9999')$$), (9, $$crm.report_persons('tier', repeat('x', 100))$$),
    (10, $$crm.report_persons('active', '', NULL, NULL, NULL, -5)$$), (11, $$crm.report_transitions(0)$$), (12, $$crm.report_transitions(NULL)$$), (13, $$crm.report_scorecard('2026-06-30', '2026-06-01')$$), (14, $$crm.report_scorecard(NULL, NULL)$$),
    (15, $$crm.report_scorecard('2020-01-01', 'infinity')$$), (16, $$crm.report_value_map('bo_2')$$), (17, $$crm.report_exceptions('bo_2')$$),
    (18, $$crm.report_persons('span', 'buyers.2026-02-30.2026-03-01')$$), (19, $$crm.report_persons('span', 'buyers.2026-03-02.2026-03-01')$$), (20, $$crm.report_persons('span', 'money.2026-03-01.2026-03-01')$$), (21, $$crm.report_persons('frequency', '21.2026-03-01.2026-03-01')$$),
    (22, $$crm.report_persons('indicator', 'luck.met.2026-03-01.2026-03-31')$$), (23, $$crm.report_persons('indicator', 'active.met')$$), (24, $$crm.report_persons('path', 'tea')$$), (25, $$crm.report_persons('path', '{"a": 1}')$$), (26, $$crm.report_persons('path', '[null, {}]')$$),
    (27, $$crm.report_persons('manager', 'persons.nobody')$$), (28, $$crm.report_persons('manager', 'riches.bo_m')$$), (29, $$crm.report_persons('persons', 'x')$$),
    (30, $$crm.report_persons('indicator', 'redemption.of.0001-01-01.9999-12-31')$$), (31, $$crm.report_persons('span', 'buyers.0001-01-01.9999-12-31')$$), (32, $$crm.report_persons('indicator', 'first_order.of.0001-01-01.0001-01-31')$$)) v(n, call) ORDER BY n;

-- 3. a clerk enrols three, one of whom was known by the till; notes; one follow-up done, one overdue
SELECT set_config('crm.access_claims', json_build_object('actor', 'bo_e1', 'staff_id', :e1, 'role', 'crm_clerk', 'stores', ARRAY[:s1], 'all', false)::text, true) <> '' AS clerk;
SELECT crm.ingest_enrol('李雷', '13720000001', '1990-05-01', ARRAY['sms']) ->> 'outcome' AS full, crm.ingest_enrol('韩梅', '13720000002') ->> 'outcome' AS bare, crm.ingest_enrol('王2', '13710000002') ->> 'outcome' AS known;
SELECT (crm.ingest_enrol('李雷', '13720000001', '1990-05-01', ARRAY['sms']) ->> 'customer_id')::bigint AS lilei \gset
SELECT crm.ingest_note(:lilei, 'a', 'store', NULL, '2026-07-01') ->> 'outcome' AS note;
SET LOCAL crm.core_clock = '2026-07-01T15:00:00+08:00';
SELECT crm.ingest_note(:lilei, 'b', 'call', NULL, '2026-07-02') ->> 'outcome' AS note;
SET LOCAL crm.core_clock = '2026-07-10T12:00:00+08:00';
SELECT set_config('crm.access_claims', json_build_object('actor', 'bo_m', 'staff_id', :m, 'role', 'crm_store_manager', 'stores', ARRAY[:s1], 'all', false)::text, true) <> '' AS manager;
SELECT j FROM crm.report_scorecard('2026-06-01', '2026-07-31') j;
CREATE FUNCTION pg_temp.as_role(role text, store int) RETURNS text LANGUAGE sql AS $$
    SELECT set_config('crm.access_claims', json_build_object('actor', 'bo_m', 'role', role, 'stores', CASE WHEN role IN ('crm_manager', 'crm_store_manager') THEN ARRAY[store] ELSE '{}' END, 'all', role NOT IN ('crm_manager', 'crm_store_manager'))::text, true) <> ''
$$;
-- each number of a line opens its persons: of what was entered once a person, once; completeness those who miss something
CREATE FUNCTION pg_temp.line(j jsonb) RETURNS TABLE (figure text, told bigint, listed bigint) LANGUAGE sql AS $$
    SELECT f.figure, (j ->> f.figure)::bigint, pg_temp.behind('scorecard', format('%s.2026-06-01.2026-07-31.%s.%s', f.figure, CASE WHEN j ->> 'store' IS NULL THEN 'nowhere' ELSE 'store' END, coalesce(j ->> 'staff', '')), j ->> 'store', NULL)
    FROM unnest('{enrolled,duplicates,notes,due,in_time,overdue,incomplete}'::text[]) f (figure)
$$;
SELECT j ->> 'staff' AS staff, string_agg(format('%s %s %s', l.figure, l.told, l.listed), ', ' ORDER BY l.figure) AS told_and_listed FROM crm.report_scorecard('2026-06-01', '2026-07-31') j, pg_temp.line(j) l GROUP BY 1 ORDER BY 1;
-- what was done in a store is the store's, though its person be another's by now: to whom sees both
SAVEPOINT moved;
UPDATE crm.customer c SET scope_store_ids = ARRAY[:s2] WHERE c.customer_id = :lilei;
SELECT pg_temp.behind('scorecard', 'enrolled.2026-06-01.2026-07-31.store.bo_e1', 'bo_1', NULL) AS of_the_store;
SELECT set_config('crm.access_claims', '{"actor": "regress", "role": "crm_headquarters", "stores": [], "all": true}', true) <> '' AS headquarters;
SELECT pg_temp.behind('scorecard', 'enrolled.2026-06-01.2026-07-31.store.bo_e1', 'bo_1', NULL) AS of_the_chain;
-- the longest codes there are, and longer ones
SELECT pg_temp.try(format('crm.report_persons(''flow'', %L)', repeat('f', 63) || '.sent')) AS flow, pg_temp.try(format('crm.report_persons(''path'', %L)', to_json(array_fill(repeat('"', 200), '{3}')))) AS path,
       pg_temp.try(format('crm.report_persons(''path'', %L)', repeat('[', 100000) || repeat(']', 100000))) AS deep;
-- what is no path is said to be none, whatever is wrong with it
SELECT key, pg_temp.try(format('crm.report_persons(''path'', %L)', key)) AS answer FROM unnest(ARRAY['["\u0000"]', '["\ud800"]', '[1e999999]', '[tea]', '["a', '[]x]', '[null, {}]', '["{a}"]']) WITH ORDINALITY k (key, n) ORDER BY n;
ROLLBACK TO moved;
-- nobody's own, of a member of staff who is none, of a store that is not the caller's, of rows without a store
SELECT key, pg_temp.try(format('crm.report_persons(''scorecard'', %L)', key)) AS answer FROM unnest(ARRAY['enrolled.2026-06-01.2026-07-31.store.', 'enrolled.2026-06-01.2026-07-31.store.nobody', 'enrolled.2026-06-01.2026-07-31.store.bo_e2',
    'enrolled.2026-06-01.2026-07-31.nowhere.bo_e1', 'enrolled.2026-06-31.2026-07-31.store.bo_e1', 'enrolled.2026-07-31.2026-06-01.store.bo_e1', 'enrolled.2020-06-01.2026-07-31.store.bo_e1', 'smiles.2026-06-01.2026-07-31.store.bo_e1']) WITH ORDINALITY k (key, n) ORDER BY n;
-- who may not ask for a figure may not ask for its persons
SELECT v.role, pg_temp.as_role(v.role, :s1) AS role_is, pg_temp.try($$crm.report_persons('scorecard', 'enrolled.2026-06-01.2026-07-31.store.bo_e1')$$) AS scorecard, pg_temp.try($$crm.report_persons('manager', 'persons.bo_m')$$) AS manager,
       pg_temp.try($$crm.report_persons('path', '["x"]')$$) AS path, pg_temp.try($$crm.report_persons('persons')$$) AS persons, pg_temp.try($$crm.report_persons_count('path', '["x"]')$$) AS path_count, pg_temp.try($$crm.report_persons_count('persons', 'x')$$) AS no_key, pg_temp.try($$crm.report_persons_count('persons', '', 'bo_2')$$) AS of_two
FROM unnest('{crm_marketer,crm_analyst,crm_manager,crm_store_manager}'::text[]) WITH ORDINALITY v (role, n) ORDER BY n;
-- added up by a night, the days since counted, it is the same
CREATE TEMP TABLE scored AS SELECT j FROM crm.report_scorecard('2026-06-01', '2026-07-31') j;
SET LOCAL crm.core_clock = '2026-07-01T12:00:00+08:00';
DO $$ BEGIN WHILE crm._report_entered_job() > 0 LOOP END LOOP; END $$;
SET LOCAL crm.core_clock = '2026-07-10T12:00:00+08:00';
SELECT p.kept_to, (SELECT count(*) > 0 FROM crm.report_entered) AS is_kept, (SELECT count(*) FROM (TABLE scored EXCEPT SELECT j FROM crm.report_scorecard('2026-06-01', '2026-07-31') j) d) AS differ FROM crm.report_entered_progress p;
DO $$ BEGIN WHILE crm._report_entered_job() > 0 LOOP END LOOP; END $$;
SELECT p.kept_to - p.kept_from AS days, (SELECT count(*) FROM (TABLE scored EXCEPT SELECT j FROM crm.report_scorecard('2026-06-01', '2026-07-31') j) d) AS differ FROM crm.report_entered_progress p;
SELECT count(*) AS before_what_is_kept FROM crm.report_scorecard('2024-01-01', '2024-12-31');
SELECT j FROM crm.report_exceptions() j;
SELECT j FROM crm.sales_staff() j;
SELECT crm.sales_reassign('bo_e1', 'bo_e2', 'left') AS moved;
SELECT j ->> 'staff' AS staff, j ->> 'open_tasks' AS open, j ->> 'customers' AS customers FROM crm.sales_staff() j;
ROLLBACK;
