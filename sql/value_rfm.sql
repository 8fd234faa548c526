-- value_rfm: scores by every method, names for every cell, increments that equal a full rescore; everything is undone at the end.
\set VERBOSITY terse
SET client_min_messages = warning;
SET datestyle = 'ISO';
SET timezone = 'UTC';
SELECT set_config('crm.access_claims', '{"actor": "regress", "role": "crm_headquarters", "stores": [], "all": true}', false) <> '' AS claims;

-- 1. the shipped maps cover every cell and every segment is reached; maps that do not are refused
SELECT g.segment_map, g.parts, (SELECT count(*) FROM crm.rfm_cell c WHERE c.segment_map = g.segment_map) AS cells, array_agg(DISTINCT k.kind) FILTER (WHERE k.kind <> 'overlap') AS faults
FROM crm.rfm_map g LEFT JOIN LATERAL crm.value_segment_check((SELECT jsonb_agg(u.bounds || jsonb_build_object('segment', u.segment) ORDER BY u.position)
    FROM crm.rfm_map_rule u WHERE u.segment_map = g.segment_map), g.parts) k ON true GROUP BY g.segment_map, g.parts ORDER BY 1;
SELECT kind, r, f, m, segments FROM crm.value_segment_check('[{"segment": "a", "r": [2, 2]}, {"segment": "b", "r": [1, 2], "f": [1, 1]}, {"segment": "c", "r": [2, 2], "f": [1, 1], "m": [1, 1]}]', 2) ORDER BY kind, r, f, m;
SELECT crm.value_define_segments('mine', 'mine', 2, '[{"segment": "a", "r": [2, 2]}]');
SELECT crm.value_define_segments('mine', 'mine', 2, '[{"segment": "a", "r": 2}]');
SELECT crm.value_define_segments('mine', 'mine', 2, '"no rules"');
SELECT crm.value_define_segments('putler11', 'mine', 2, '[{"segment": "all"}]');
-- models and sets that there are not have a code of their own, for HTTP
\set VERBOSITY sqlstate
SELECT crm.value_rfm('none');
SELECT crm.value_segments('none');
SELECT crm.value_score_metrics('none');
SELECT crm.value_tier_check('none');
\set VERBOSITY terse

BEGIN;
SET LOCAL crm.core_clock = '2026-06-30T12:00:00+08:00';
SELECT crm.value_define_segments('mine', 'mine', 5, '[{"segment": "new", "name_zh": "新", "r": [5, 5], "f": [1, 1]}, {"segment": "rest"}]', 'key-1');
UPDATE crm.rfm_model SET segment_map = 'mine' WHERE model = 'ntile';
INSERT INTO crm.source (source_id, code, name, kind, created_at) VALUES (9551, 'rfm_till', 'till', 'pos', '2026-01-01');
INSERT INTO crm.source_record (source_record_id, source_id, kind, external_id, is_history, received_at)
SELECT 955100 + g, 9551, 'member', 'm' || g, false, '2026-01-01' FROM generate_series(1, 240) g;
INSERT INTO crm.customer (customer_id, status, registered_at, registered_on, updated_at, custom)
SELECT 955500 + g, 'active', '2026-01-01', '2026-01-01', '2026-01-01', jsonb_build_object('course', g % 7) FROM generate_series(1, 200) g;
INSERT INTO crm.membership (source_record_id, valid_from, customer_id)
SELECT 955100 + g, '2026-01-01', 955500 + CASE WHEN g > 200 THEN g - 200 ELSE g END FROM generate_series(1, 240) g;
CREATE FUNCTION pg_temp.buy(record int, day date, minor bigint, known date DEFAULT NULL) RETURNS void LANGUAGE sql AS $$
    INSERT INTO crm.purchase_chunk AS p (source_record_id, from_day, history)
    VALUES (955100 + record, '-infinity', crm._purchase_add(NULL, ARRAY[day], ARRAY[coalesce(known, day)], ARRAY[minor]))
    ON CONFLICT (source_record_id, from_day) DO UPDATE SET history = crm._purchase_add(p.history, ARRAY[day], ARRAY[coalesce(known, day)], ARRAY[minor]) $$;
SELECT setseed(0.5);
SELECT count(pg_temp.buy(1 + (random() * 239)::int, '2025-06-01'::date + (random() * 390)::int, 100 + (random() * 9000)::int)) FROM generate_series(1, 900);
SELECT count(pg_temp.buy(g, '2026-05-05', 4200)), count(pg_temp.buy(g, '2026-05-05', -4200, '2026-06-20')) FROM generate_series(150, 160) g;

-- 2. quintiles and equal parts as SQL has them, from kept histories and from plain orders
CREATE VIEW pg_temp.point AS
    SELECT m.customer_id, (s.x).order_days::bigint AS f, (s.x).net_minor AS m, ((s.x).last_day - '2000-01-01'::date)::bigint AS r
    FROM crm.customer m, LATERAL (SELECT crm.purchase_summary(crm._purchase_history(m.customer_id), '-infinity', '2026-06-29', '2026-06-29') AS x) s
    WHERE m.customer_id > 955500 AND (s.x).order_days > 0;
SELECT count(*) AS persons, count(*) FILTER (WHERE (s.r, s.f, s.m) IS DISTINCT FROM (p.r, p.f, p.m)) AS differ FROM crm.value_rfm('quintile', '2026-06-29') s FULL JOIN (
    SELECT customer_id, ceil(5 * cume_dist() OVER (ORDER BY r)) AS r, ceil(5 * cume_dist() OVER (ORDER BY f)) AS f, ceil(5 * cume_dist() OVER (ORDER BY m)) AS m FROM pg_temp.point) p USING (customer_id);
SELECT count(*) AS persons, count(*) FILTER (WHERE (s.r, s.f, s.m) IS DISTINCT FROM (p.r, p.f, p.m)) AS differ FROM crm.value_rfm('ntile', '2026-06-29') s FULL JOIN (
    SELECT customer_id, ntile(5) OVER (ORDER BY r, customer_id) AS r, ntile(5) OVER (ORDER BY f, customer_id) AS f, ntile(5) OVER (ORDER BY m, customer_id) AS m FROM pg_temp.point) p USING (customer_id);
SELECT count(*) AS persons, count(*) FILTER (WHERE (s.r, s.f, s.m) IS DISTINCT FROM (p.r, p.f, p.m)) AS differ FROM crm.value_rfm('nested', '2026-06-29') s FULL JOIN (
    SELECT customer_id, rs AS r, fs AS f, ceil(5 * cume_dist() OVER (PARTITION BY rs, fs ORDER BY m)) AS m FROM (
        SELECT *, ceil(5 * cume_dist() OVER (PARTITION BY rs ORDER BY f)) AS fs FROM (SELECT *, ceil(5 * cume_dist() OVER (ORDER BY r)) AS rs FROM pg_temp.point) a) b) p USING (customer_id);
CREATE TEMP VIEW plain AS SELECT p.source_record_id, e.day, e.amount_minor FROM crm.purchase_chunk p, crm.purchase_entries(p.history) e WHERE e.known_day <= '2026-06-29' AND p.source_record_id > 955100;
SELECT count(*) AS persons, count(*) FILTER (WHERE s.* IS DISTINCT FROM o.*) AS differ
FROM (SELECT customer_id, r, f, m, order_days FROM crm.value_rfm('quintile', '2026-06-29')) s FULL JOIN (
    SELECT x.customer_id, x.r, x.f, x.m, x.order_days FROM (SELECT crm.value_collect(source_record_id, day, amount_minor) AS s FROM plain) a,
        (SELECT crm.value_collect_owners(source_record_id, customer_id) AS s FROM crm.membership) b, LATERAL crm.value_scored(a.s, b.s, NULL, '2026-06-29') x) o USING (customer_id);
-- mean and window; before the first order; the day of a refund; all alike
SELECT r, count(*), bool_and((f = 2) = (order_days > mean_f)) AS f_right, bool_and(recency_days <= 365) AS in_window
FROM (SELECT *, avg(order_days) OVER () AS mean_f FROM crm.value_rfm('box8_mean', '2026-06-29')) s GROUP BY r ORDER BY r;
SELECT count(*) AS before_the_first FROM crm.value_rfm('quintile', '2025-05-31');
SELECT as_of, count(*) FROM (VALUES (date '2026-06-19'), ('2026-06-20')) d (as_of), LATERAL crm.value_rfm('quintile', d.as_of) s WHERE s.customer_id BETWEEN 955650 AND 955660 AND s.recency_days <= 50 GROUP BY as_of ORDER BY 1;
SELECT DISTINCT x.r, x.f, x.m, count(*) OVER () AS alike FROM (SELECT crm.value_collect(955100 + g, '2026-06-01', 5) AS s FROM generate_series(1, 9) g) a,
    (SELECT crm.value_collect_owners(source_record_id, customer_id) AS s FROM crm.membership) b, LATERAL crm.value_scored(a.s, b.s, NULL, '2026-06-29') x;
SELECT segment, count(*) > 0 AS some, bool_and(total = r + f + m) AS weighted FROM crm.value_rfm('ntile', '2026-06-29') GROUP BY 1 ORDER BY 1;
SELECT sum(persons) AS persons, sum(share) BETWEEN 0.999 AND 1.001 AS whole, count(*) AS segments FROM crm.value_segments('quintile', '2026-06-29');
-- a segment of nobody has a share, too
SELECT count(*) FILTER (WHERE persons = 0) > 0 AS some_empty, bool_and(share IS NOT NULL) AS all_shared FROM crm.value_segments('quintile', '2025-06-03');
-- workers or none: the same
CREATE TABLE value_rfm_chunk AS SELECT * FROM crm.purchase_chunk;
ALTER TABLE value_rfm_chunk SET (parallel_workers = 2);
SET LOCAL parallel_setup_cost = 0; SET LOCAL parallel_tuple_cost = 0; SET LOCAL min_parallel_table_scan_size = 0; SET LOCAL enable_material = off;
EXPLAIN (COSTS OFF) SELECT crm.value_collect(source_record_id, history) FROM value_rfm_chunk;
SELECT count(*) AS persons, count(*) FILTER (WHERE (s.r, s.f, s.m) IS DISTINCT FROM (x.r, x.f, x.m)) AS differ FROM (
    SELECT x.* FROM (SELECT crm.value_collect(source_record_id, history) AS s FROM value_rfm_chunk) a,
        (SELECT crm.value_collect_owners(source_record_id, customer_id) AS s FROM crm.membership) b, LATERAL crm.value_scored(a.s, b.s, NULL, '2026-06-29') x) x
FULL JOIN crm.value_rfm('quintile', '2026-06-29') s USING (customer_id);
RESET parallel_setup_cost; RESET parallel_tuple_cost; RESET min_parallel_table_scan_size; RESET enable_material;
-- tickets hold for the statement that collected
SAVEPOINT tickets;
SELECT * FROM crm.value_scored('\x00', '\x00', NULL, '2026-06-29');
ROLLBACK TO tickets;
SELECT * FROM crm.value_scored('\x314b4954010000000100000000000000', '\x314b4954030000000100000000000000', NULL, '2026-06-29');
ROLLBACK TO tickets;
SELECT crm._value_collect_chunk(NULL, 1, NULL);
ROLLBACK TO tickets;
SELECT crm.value_collect(-1, '2026-06-01', 5);
ROLLBACK TO tickets;

-- 3. random days: orders, refunds, late and backdated facts, merges; each night a run. What is shown is a full rescore.
SELECT crm.value_refresh() > 0 AS refreshed;
UPDATE crm.rfm_model SET is_live = model = 'quintile';
CREATE FUNCTION pg_temp.run() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    FOR i IN 1 .. 20 LOOP EXIT WHEN crm._value_daily() = 0; END LOOP;
END $$;
SELECT pg_temp.run();
DO $$
DECLARE
    today date;
    what float8;
    record int;
    wrong bigint;
BEGIN
    FOR day IN 1 .. 12 LOOP
        PERFORM set_config('crm.core_clock', to_char(timestamp '2026-06-30 01:00' + day * interval '1 day', 'YYYY-MM-DD HH24:MI') || '+08', true);
        today := crm._value_today();
        FOR i IN 1 .. 12 LOOP
            what := random();
            record := 1 + (random() * 239)::int;
            IF what < 0.6 THEN
                PERFORM pg_temp.buy(record, today, 100 + (random() * 9000)::int);
            ELSIF what < 0.75 THEN
                PERFORM pg_temp.buy(record, today - (random() * 90)::int, 100 + (random() * 9000)::int, today);
            ELSIF what < 0.9 THEN
                PERFORM pg_temp.buy(record, e.day, -e.amount_minor, today) FROM crm.purchase_chunk p, crm.purchase_entries(p.history) e
                WHERE p.source_record_id = 955100 + record AND e.amount_minor > 0 ORDER BY e.day DESC LIMIT 1;
            ELSE
                UPDATE crm.membership SET customer_id = 955500 + 1 + (random() * 199)::int WHERE source_record_id = 955100 + record;
                PERFORM crm._value_compute(ARRAY(SELECT customer_id FROM crm.customer WHERE customer_id > 955500), today, 'merge');
            END IF;
            IF i % 2 = 0 THEN
                PERFORM crm._value_compute_one((SELECT customer_id FROM crm.membership WHERE source_record_id = 955100 + record), today, 'order');
            ELSE
                PERFORM crm._value_compute(ARRAY(SELECT customer_id FROM crm.membership WHERE source_record_id = 955100 + record), today, 'order');
            END IF;
        END LOOP;
        IF day % 3 <> 0 THEN    -- a missed night is made up for by the next
            PERFORM pg_temp.run();
        END IF;
        SELECT count(*) INTO wrong FROM crm.rfm_model x, crm.customer_value v
        WHERE x.is_active AND v.customer_id > 955500 AND (v.r, v.f, v.m) IS DISTINCT FROM (
            CASE WHEN v.order_days > 0 THEN crm._value_score(v.last_day - '2000-01-01'::date, x.r_cuts) END,
            CASE WHEN v.order_days > 0 THEN crm._value_score(v.order_days, x.f_cuts) END, CASE WHEN v.order_days > 0 THEN crm._value_score(v.net_minor, x.m_cuts) END);
        IF wrong > 0 THEN
            RAISE EXCEPTION 'day %: % persons are not scored by the cut points', day, wrong;
        END IF;
    END LOOP;
END $$;
SET LOCAL crm.core_clock = '2026-07-14T12:00:00+08:00';
SELECT pg_temp.run(), crm._value_daily() AS again;
SELECT count(*) AS persons, count(*) FILTER (WHERE (s.r, s.f, s.m) IS DISTINCT FROM (v.r, v.f, v.m)) AS differ
FROM (SELECT * FROM crm.customer_value WHERE customer_id > 955500) v LEFT JOIN crm.value_rfm('quintile', '2026-07-13') s USING (customer_id);
SELECT count(*) FILTER (WHERE (l.r, l.f, l.m) IS DISTINCT FROM (v.r, v.f, v.m)) AS history_differs
FROM crm.customer_value v LEFT JOIN LATERAL (SELECT * FROM crm.rfm_score s WHERE s.customer_id = v.customer_id AND s.model = 'quintile' ORDER BY as_of DESC LIMIT 1) l ON true WHERE v.customer_id > 955500;
SELECT count(*) AS drift FROM crm._value_check() WHERE what LIKE 'scores%';
UPDATE crm.customer_value SET r = 6 - r WHERE customer_id = (SELECT min(customer_id) FROM crm.customer_value WHERE customer_id > 955500 AND r <> 3);
SELECT count(*) AS drift FROM crm._value_check() WHERE what LIKE 'scores%';
-- weekly: as of the week's last day, whatever day the week begins with
UPDATE crm.room_setting SET value = '7' WHERE name = 'value.week_start_isodow';
SELECT crm._value_run_day('week') AS saturday, crm._value_run_day('day');
UPDATE crm.room_setting SET value = '1' WHERE name = 'value.week_start_isodow';
SELECT crm._value_run_day('week') AS sunday;

-- 4. any numeric metric, several models at once
SELECT crm.ingest_define_field('member', 'course', 'number', '课程', 'course');
SELECT crm.value_define_metrics('school', 'courses', '[{"metric": "custom:course", "weight": 2}, {"metric": "last_days", "better": "low"}]');
SELECT points[1] AS course, min(scores[1]) AS score, max(scores[1]) AS score, bool_and(total = 2 * scores[1] + scores[2]) AS weighted FROM crm.value_score_metrics('school', '2026-07-13') WHERE customer_id > 955500 GROUP BY 1 ORDER BY 1;
SELECT min(points[2]) FILTER (WHERE scores[2] = 5) <= min(points[2]) FILTER (WHERE scores[2] = 1) AS less_is_better FROM crm.value_score_metrics('school', '2026-07-13');
UPDATE crm.metric_model SET is_live = true;
SELECT crm._value_metrics_daily() AS left_over, crm._value_metrics_daily(), crm._value_metrics_daily() AS again;
SELECT model, person_count = (SELECT count(*) FROM crm.metric_score s WHERE s.model = r.model) AS kept FROM crm.metric_run r ORDER BY 1;
-- models that the jobs could never score are refused before they are kept
CREATE FUNCTION pg_temp.try(call text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    code text;
    detail text;
BEGIN
    EXECUTE 'SELECT crm.' || call;
    RETURN 'taken';
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS code = RETURNED_SQLSTATE, detail = PG_EXCEPTION_DETAIL;
    RETURN concat_ws(' ', code, detail);
END $$;
SELECT pg_temp.try(c) AS fault FROM unnest(ARRAY[$$value_define_segments('x', 'x', 2147483647, '[{"segment": "a"}]')$$, $$value_define_segments('x', 'x', NULL, '[{"segment": "a"}]')$$, $$value_define_segments('x', 'x', 1, '[{"segment": "a"}]')$$, $$value_define_rfm('x', 'quintile', 0)$$, $$value_define_rfm('x', 'quintile', 2147483647)$$, $$value_define_rfm('x', 'fixed')$$, $$value_define_rfm('x', NULL)$$,
    $$value_define_rfm('x', 'ntile', parts => 1)$$, $$value_define_rfm('x', 'ntile', every => 'hour')$$, $$value_define_rfm('', 'ntile')$$, $$value_define_rfm('x', 'threshold', cuts => '{"r": 3}')$$,
    $$value_define_rfm('x', 'threshold', cuts => '3')$$, $$value_define_rfm('x', 'threshold', cuts => '{"r": [30, "x"], "f": [2, 3], "m": [1, 2]}')$$, $$value_define_metrics('x', 'x', '[]')$$, $$value_define_metrics('x', 'x', '[{"metric": "net", "days": 0}]')$$,
    $$value_define_metrics('x', 'x', '[{"metric": "net"}]', 40000)$$, $$value_define_metrics('x', 'x', '[{"metric": "net"}]', NULL)$$, $$value_define_metrics(NULL, 'x', '[{"metric": "net"}]')$$,
    $$value_define_metrics('x', 'x', '[{"metric": "events:no_such_event"}]')$$, $$value_define_metrics('x', 'x', '[{"metric": "net"}, {"metric": "custom:no_such_field"}]')$$,
    $$value_define_rfm('x', 'quintile', 36500)$$, $$value_define_metrics('x', 'x', '[{"metric": "net", "days": 36500}]', 10)$$]) WITH ORDINALITY v (c, n) ORDER BY n;
-- a day without end, or before days can be counted, is refused with what to give
SELECT count(*) FILTER (WHERE kind = 'gap') AS gaps, max(r) AS most FROM crm.value_segment_check('[{"segment": "a", "r": [2, 99]}]', 2147483647);
SELECT c AS asked, pg_temp.try(c) AS fault FROM unnest(ARRAY[$$value_rfm(NULL, 'infinity')$$, $$value_rfm(NULL, '-infinity')$$, $$value_rfm(NULL, '4713-01-01 BC')$$, $$value_score_metrics('school', 'infinity')$$]) WITH ORDINALITY v (c, n) ORDER BY n;
SELECT crm.value_define_metrics('bad', 'bad', '[{"metric": "weight"}]');
ROLLBACK;
