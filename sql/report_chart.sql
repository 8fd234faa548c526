-- report_chart: trends, forecasts, panels, the leaderboard, charts put together and saved, and who sees them.
\set VERBOSITY terse
SET client_min_messages = warning;
SET datestyle = 'ISO';
SET timezone = 'Asia/Shanghai';
BEGIN;
SET LOCAL crm.core_clock = '2026-06-20T12:00:00+08:00';
SELECT set_config('crm.access_claims', '{"actor": "regress", "role": "crm_headquarters", "stores": [], "all": true}', true) <> '' AS claims;
SELECT crm.access_define_region('ch_r', 'north') > 0 AS region, crm.access_define_region('ch_q', 'south') > 0 AS other, crm.access_define_store('ch_1', 'one', 'ch_r') AS s1, crm.access_define_store('ch_2', 'two', 'ch_r') AS s2, crm.access_define_store('ch_3', 'three', 'ch_q') AS s3 \gset
SELECT crm.access_define_staff('ch_a', 'a', 'crm_clerk', ARRAY['store:ch_1']) AS a, crm.access_define_staff('ch_b', 'b', 'crm_clerk', ARRAY['store:ch_1']) AS b, crm.access_define_staff('ch_m', 'm', 'crm_store_manager', ARRAY['store:ch_1']) AS m \gset
SELECT crm.ingest_define_source('ch_till', 'till', 'pos', '{}') > 0 AS till;
SELECT count(*) AS persons FROM generate_series(1, 12) n, crm.ingest_member('ch_till', convert_to(json_build_object('external_id', 'C' || n, 'name', '王' || n, 'phone', '1372200' || lpad(n::text, 4, '0'),
    'store_code', 'ch_' || (1 + n % 3), 'channel', CASE WHEN n % 2 = 0 THEN 'wechat' ELSE 'store' END, 'registered_at', (date '2025-06-05' + n * 20) || 'T10:00:00+08:00')::text, 'UTF8')) r WHERE r.status = 201;
-- each buys monthly from registering on for 100 more each month; in the store where registered, C1 in two stores of one region
SELECT count(*) AS orders FROM generate_series(1, 12) n, generate_series(0, 11) k, crm.ingest_order('ch_till', convert_to(json_build_object('external_id', 'CO' || n || '.' || k, 'member_external_id', 'C' || n,
    'store_code', CASE WHEN n = 3 AND k % 2 = 1 THEN 'ch_2' ELSE 'ch_' || (1 + n % 3) END, 'ordered_at', (date '2025-06-05' + n * 20 + k * 30) || 'T11:00:00+08:00', 'amount', 100 + 10 * k,
    'items', json_build_array(json_build_object('product_code', 'P', 'quantity', 1, 'unit_price', 100 + 10 * k)))::text, 'UTF8')) r WHERE r.status = 201 AND date '2025-06-05' + n * 20 + k * 30 <= '2026-06-20';

-- 1. trends: periods beside the orders themselves
SELECT t.* FROM crm.report_trend('2026-04-10', '2026-06-20', 'month', NULL, 'ch_r') t;
SELECT to_char(o.business_day, 'YYYY-MM') AS month, count(DISTINCT m.customer_id) AS buyers, count(*) AS orders, sum(o.amount) AS net FROM crm.customer_order o JOIN crm.membership m USING (source_record_id) JOIN crm.store s ON s.store_id = o.store_id
WHERE s.code IN ('ch_1', 'ch_2') AND o.business_day >= '2026-04-01' AND m.valid_to = 'infinity' GROUP BY 1 ORDER BY 1;
SELECT count(*) AS weeks, sum(t.orders) AS orders FROM crm.report_trend('2026-06-01', '2026-06-20', 'week', 'ch_3') t;
SELECT f.* FROM crm.report_frequency('2025-06-21', '2026-06-20', 'ch_2') f;

-- 2. what is to be expected: straight lines go on, seasons come again, a wall of noise is as wide as it is; too little is not told
SELECT e.step, round(e.expected::numeric, 1) AS expected, round((e.high - e.low)::numeric, 3) AS width FROM crm._report_expect(ARRAY(SELECT 100.0 FROM generate_series(1, 12)), 2) e;
SELECT e.step, round(e.expected) BETWEEN 212 AND 240 AS grows, e.low < e.expected AND e.expected < e.high AS within FROM crm._report_expect(ARRAY(SELECT 100.0 + 10 * i FROM generate_series(1, 12) i), 2) e;
SELECT e.step, round(e.expected::numeric / (100 + 50 * (CASE WHEN (36 + e.step) % 12 = 1 THEN 1 ELSE 0 END)), 2) AS of_season FROM crm._report_expect(ARRAY(SELECT 100.0 + 50 * (CASE WHEN i % 12 = 1 THEN 1 ELSE 0 END) FROM generate_series(1, 36) i), 3) e;
-- two hundred series of noise around a level that wanders: about nine of ten next months lie between the bounds
SELECT setseed(0.193) IS NOT NULL AS seeded;
CREATE FUNCTION pg_temp.wander(n int, step float8, noise float8) RETURNS float8[] LANGUAGE plpgsql AS $$
DECLARE
    level float8 := 1000; y float8[] := '{}';
BEGIN
    FOR i IN 1 .. n LOOP
        level := level + step * (random() + random() + random() + random() - 2) * 1.732;
        y := y || level + noise * (random() + random() + random() + random() - 2) * 1.732;
    END LOOP;
    RETURN y;
END $$;
SELECT h.step, count(*) FILTER (WHERE y[18 + h.step] BETWEEN h.low AND h.high) BETWEEN 156 AND 197 AS nine_of_ten FROM (SELECT pg_temp.wander(21, 10, 40) AS y FROM generate_series(1, 200)) s, crm._report_expect(y[1:18], 3) h GROUP BY h.step ORDER BY h.step;
SELECT f.starts_on, f.net, f.expected IS NOT NULL AS is_expected, f.low <= f.expected AND f.expected <= f.high AS within FROM crm.report_forecast(2, NULL, 'ch_r') f WHERE f.starts_on >= '2026-04-01';
SET LOCAL crm.core_clock = '2025-11-20T12:00:00+08:00';
SELECT count(f.net) AS past, count(f.expected) AS told FROM crm.report_forecast(3, 'ch_3') f;
SET LOCAL crm.core_clock = '2026-06-20T12:00:00+08:00';

-- 3. panels
SELECT crm._report_groups_job() AS left_over;
SELECT p -> 'result' -> 'net' AS net, p -> 'process' ->> 'completeness' AS complete, p -> 'behaviour' ->> 'messages' AS messages, p -> 'behaviour' -> 'open_rate' AS opened FROM crm.report_panels(NULL, 'ch_r') p;
SELECT (SELECT sum(o.amount) FROM crm.customer_order o JOIN crm.store s USING (store_id) WHERE s.code IN ('ch_1', 'ch_2') AND o.business_day BETWEEN '2026-03-23' AND '2026-06-20') AS net,
       (SELECT sum(o.amount) FROM crm.customer_order o JOIN crm.store s USING (store_id) WHERE s.code IN ('ch_1', 'ch_2') AND o.business_day BETWEEN '2025-12-23' AND '2026-03-22') AS before;

-- 4. the leaderboard: a enrols five completely, one twice; b three bare ones and is not ranked
SELECT set_config('crm.access_claims', json_build_object('actor', 'ch_a', 'staff_id', :a, 'role', 'crm_clerk', 'stores', ARRAY[:s1], 'all', false)::text, true) <> '' AS clerk;
SELECT count(*) AS enrolled FROM generate_series(1, 5) n, crm.ingest_enrol('李' || n, '1373300' || lpad(n::text, 4, '0'), '1990-05-01', ARRAY['sms']) r WHERE r ->> 'outcome' = 'created';
SELECT crm.ingest_enrol('王3', '13722000003') ->> 'outcome' AS known;
SELECT set_config('crm.access_claims', json_build_object('actor', 'ch_b', 'staff_id', :b, 'role', 'crm_clerk', 'stores', ARRAY[:s1], 'all', false)::text, true) <> '' AS clerk;
SELECT count(*) AS enrolled FROM generate_series(1, 3) n, crm.ingest_enrol('赵' || n, '1374400' || lpad(n::text, 4, '0')) r WHERE r ->> 'outcome' = 'created';
SELECT set_config('crm.access_claims', json_build_object('actor', 'ch_m', 'staff_id', :m, 'role', 'crm_store_manager', 'stores', ARRAY[:s1], 'all', false)::text, true) <> '' AS manager;
SELECT l.* FROM crm.report_leaderboard('2026-06-11') l;
SELECT count(*) AS earlier FROM crm.report_leaderboard('2026-05-01');

-- 5. charts: each answers what its figure answers, under the rights of who looks
CREATE FUNCTION pg_temp.draw(spec jsonb) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    field text;
BEGIN
    RETURN (SELECT string_agg(concat(r ->> 'key', '=', r ->> 'value'), ' ') FROM jsonb_array_elements(crm.report_chart(spec) -> 'rows') r);
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS field = COLUMN_NAME;
    RETURN concat_ws(' ', SQLSTATE, nullif(field, ''));
END $$;
CREATE FUNCTION pg_temp.try_groups(pairs text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    RETURN crm._report_tally('\x', '{}', crm._report_kind('groups'), pairs::int[], '{2026-01-01,2026-02-01}', 7)::text;
EXCEPTION WHEN OTHERS THEN
    RETURN SQLSTATE;
END $$;
SELECT v.spec, pg_temp.draw(v.spec) AS managers FROM (VALUES (1, '{"measure": "net", "group": "month", "from": "2026-04-01", "to": "2026-06-20"}'::jsonb), (2, '{"measure": "orders", "group": "store", "days": 90}'),
    (3, '{"measure": "buyers", "group": "store", "days": 90, "store": "ch_2"}')) v (n, spec) ORDER BY v.n;
SELECT set_config('crm.access_claims', '{"actor": "regress", "role": "crm_headquarters", "stores": [], "all": true}', true) <> '' AS claims;
SELECT v.spec, pg_temp.draw(v.spec) AS headquarters FROM (VALUES (1, '{"measure": "orders", "group": "store", "days": 90, "region": "ch_r"}'::jsonb), (2, '{"measure": "buyers", "group": "region", "days": 365, "region": "ch_r"}'),
    (3, '{"measure": "persons", "group": "channel", "region": "ch_r"}'), (4, '{"measure": "net", "group": "category", "store": "ch_3"}'), (5, '{"measure": "buyers", "group": "frequency", "from": "2025-06-21", "to": "2026-06-20", "store": "ch_2"}'),
    (6, '{"measure": "persons", "group": "tier", "store": "ch_3"}'), (7, '{"measure": "average_order", "group": "week", "from": "2026-06-01", "to": "2026-06-14", "store": "ch_2"}'), (8, '{"measure": "registered", "group": "month", "days": 400, "store": "ch_1"}')) v (n, spec) ORDER BY v.n;
SELECT v.spec, pg_temp.draw(v.spec) AS answer FROM (VALUES (1, NULL::jsonb), (2, '[]'), (3, '{}'), (4, '{"measure": "net", "group": "customer_id"}'), (5, '{"measure": "phone", "group": "month", "days": 3}'), (6, '{"measure": "persons", "group": "month", "days": 3}'),
    (7, '{"measure": "net", "group": "month"}'), (8, '{"measure": "net", "group": "month", "days": 0}'), (9, '{"measure": "net", "group": "month", "days": "9"}'), (10, '{"measure": "net", "group": "month", "days": 1.5}'), (11, '{"measure": "net", "group": "day", "days": 3650}'),
    (12, '{"measure": "net", "group": "month", "from": "today", "to": "2026-01-01"}'), (13, '{"measure": "net", "group": "month", "from": "2026-02-30", "to": "2026-03-01"}'), (14, '{"measure": "net", "group": "month", "from": "2026-03-02", "to": "2026-03-01"}'),
    (15, '{"measure": "net", "group": "month", "days": 30, "sql": "1"}'), (16, '{"measure": "net", "group": "month", "days": 30, "chart": "cake"}'), (17, '{"measure": ["net"], "group": "month", "days": 30}'), (18, '{"measure": "net", "group": "month", "days": 30, "store": "nowhere"}'),
    (19, '{"measure": "net", "group": "month", "from": "0001-01-01", "to": "9999-12-31"}'), (20, '{"measure": "net", "group": "store", "days": 30, "store": "ch_1'' OR true --"}'),
    (21, '{"measure": "net", "group": "category", "days": 3650, "store": "ch_3"}'), (22, '{"measure": "orders", "group": "region", "from": "2016-06-23", "to": "2026-06-20", "store": "ch_1"}'), (23, '{"measure": "orders", "group": "region", "from": "2016-06-22", "to": "2026-06-20", "store": "ch_1"}')) v (n, spec) ORDER BY v.n;

-- groups that do not fit together are refused
SELECT pg_temp.try_groups(g) AS refused FROM unnest('{NULL,"{}","{1}","{1,0,2}","{1,-1}","{1,1}","{1,0,1,0}"}'::text[]) g;

-- 6. saved: by who saved them, and the roles they are shared with, each under rights of their own
SELECT crm.report_save('months', '{"measure": "net", "group": "month", "days": 60, "chart": "line"}', '{store_manager,analyst,analyst}', NULL, 'ch-key') - 'report_id' AS saved;
SELECT crm.report_save('months', '{"measure": "net", "group": "month", "days": 60, "chart": "line"}', '{store_manager,analyst,analyst}', NULL, 'ch-key') ->> 'report_id' = (SELECT r.report_id::text FROM crm.report_saved r WHERE r.name = 'months') AS once;
SELECT (crm.report_save('mine', '{"measure": "net", "group": "store", "days": 30}') ->> 'report_id')::bigint AS mine \gset
SELECT j ->> 'name' AS name, j -> 'is_mine' AS mine, j -> 'roles' AS roles FROM crm.report_saved() j;
SELECT set_config('crm.access_claims', json_build_object('actor', 'ch_m', 'staff_id', :m, 'role', 'crm_store_manager', 'stores', ARRAY[:s1], 'all', false)::text, true) <> '' AS manager;
SELECT j ->> 'name' AS name, j -> 'is_mine' AS mine, (SELECT count(*) FROM jsonb_array_elements(crm.report_chart(j -> 'spec') -> 'rows')) AS rows,
       crm.report_chart(j -> 'spec') -> 'rows' = crm.report_chart('{"measure": "net", "group": "month", "days": 60, "store": "ch_1"}') -> 'rows' AS own_store FROM crm.report_saved() j;
CREATE FUNCTION pg_temp.try(call text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    answer text; field text;
BEGIN
    EXECUTE 'SELECT ' || call INTO answer;
    RETURN answer;
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS field = COLUMN_NAME;
    RETURN concat_ws(' ', SQLSTATE, nullif(field, ''));
END $$;
SELECT pg_temp.try(format('crm.report_save(''x'', ''{"measure": "net", "group": "store", "days": 30}'', ''{}'', %s)', :mine)) AS another_s, pg_temp.try(format('crm.report_forget(%s)', :mine)) AS nor_deleted;
SELECT v.call, pg_temp.try(v.call) AS answer FROM (VALUES (1, $$crm.report_save('', '{"measure": "net", "group": "store", "days": 30}')$$), (2, $$crm.report_save(repeat('x', 81), '{"measure": "net", "group": "store", "days": 30}')$$),
    (3, $$crm.report_save(E'a\nb', '{"measure": "net", "group": "store", "days": 30}')$$), (4, $$crm.report_save('x', '{"measure": "net"}')$$), (5, $$crm.report_save('x', '{"measure": "net", "group": "store", "days": 30}', '{clerk}')$$),
    (6, $$crm.report_save('x', '{"measure": "net", "group": "store", "days": 30}', NULL)$$), (7, $$crm.report_save(NULL, NULL)$$), (8, $$crm.report_forget(NULL)$$), (9, $$(SELECT count(*) FROM crm.report_trend('2026-01-01', '2026-06-01', 'year'))$$),
    (10, $$(SELECT count(*) FROM crm.report_trend(NULL, '2026-06-01'))$$), (11, $$(SELECT count(*) FROM crm.report_trend('0001-01-01', '9999-12-31', 'day'))$$), (12, $$(SELECT count(*) FROM crm.report_forecast(0))$$), (13, $$(SELECT count(*) FROM crm.report_forecast(NULL))$$),
    (14, $$(SELECT count(*) FROM crm.report_forecast(3, 'ch_2'))$$), (15, $$crm.report_panels('ch_2')$$), (16, $$(SELECT count(*) FROM crm.report_leaderboard('infinity'))$$), (17, $$(SELECT count(*) FROM crm.report_frequency('2026-06-01', 'infinity'))$$),
    (18, $$(SELECT count(*) FROM crm.report_lifecycle('2026-06-01', '2026-06-20', 'year'))$$), (19, $$(SELECT count(*) FROM crm.report_retention('2026-06-01', '2026-06-20', NULL))$$)) v (n, call) ORDER BY v.n;
SELECT set_config('crm.access_claims', '{"actor": "regress", "role": "crm_headquarters", "stores": [], "all": true}', true) <> '' AS claims;
SELECT crm.report_save('mine too', '{"measure": "orders", "group": "store", "days": 30}', '{}', :mine) ->> 'name' AS renamed, crm.report_forget(:mine) -> 'is_deleted' AS deleted;
SELECT j ->> 'name' AS left_over FROM crm.report_saved() j;
ROLLBACK;
