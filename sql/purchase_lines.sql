-- purchase_lines: what every record bought, packed, kept by increments; product and category conditions answered from it.
\set VERBOSITY terse
SET client_min_messages = warning;
SET datestyle = 'ISO';
SET timezone = 'UTC';
SELECT count(*) > 0 AS installed FROM crm.install();
SET crm.core_clock = '2026-06-30T12:00:00+08:00';
SELECT setseed(0.42) IS NOT NULL AS seeded;

-- 1. a chunk: entries, hostile bytes
SELECT * FROM crm._purchase_line_entries('\x0102d08c01d08c010504c413000209c08db701c701');
SELECT count(*) FROM crm._purchase_line_entries('\x0100');
SELECT * FROM crm._purchase_line_entries('');
SELECT * FROM crm._purchase_line_entries('\x0103d08c01d08c010504c413');
DO $$
DECLARE
    good bytea := '\x0102d08c01d08c010504c413000209c08db701c701';
BEGIN
    FOR b IN 0 .. length(good) * 8 - 1 LOOP
        BEGIN
            PERFORM count(*) FROM crm._purchase_line_entries(set_bit(good, b, 1 - get_bit(good, b)));
        EXCEPTION WHEN SQLSTATE 'RM402' THEN
            NULL;
        END;
    END LOOP;
END $$;
SELECT crm._purchase_lines_add('{1,2}', '{2026-01-01}', '{1}', '{1}', '{1}', '{1}');
SELECT crm._purchase_lines_add('{1}', '{2026-01-01}', '{NULL}', '{1}', '{1}', '{1}');
SELECT crm._purchase_lines_add('{1}', '{infinity}', '{1}', '{1}', '{1}', '{1}');
SELECT crm._purchase_lines_add('{1}', '{2026-01-01}', '{-1}', '{1}', '{1}', '{1}');
SELECT crm._purchase_lines_add('{9}', '{2026-01-01}', '{1}', '{1}', '{1}', '{9223372036854775807}');
SELECT crm._purchase_lines_add('{9,9}', '{2026-01-01,2026-01-02}', '{1,1}', '{1,1}', '{1,1}', '{5,1}');
SELECT crm._purchase_lines_add('{9}', '{2026-01-01}', '{1}', '{-1}', '{-1}', '{-9223372036854775807}');
SELECT crm._purchase_lines_add('{9,9}', '{2026-01-01,2026-01-02}', '{1,1}', '{-1,-1}', '{-1,-1}', '{-5,-1}');
DELETE FROM crm.purchase_line_chunk WHERE source_record_id = 9;
SELECT crm._purchase_lines_measure(NULL, 'count', false, '-infinity', 'infinity', '2026-06-30', NULL, 2) AS none,
       crm._purchase_lines_measure('{}', 'average', false, '-infinity', 'infinity', '2026-06-30', '{}', 2) AS absent,
       crm._purchase_lines_measure(ARRAY['\x0102d08c01d08c010504c413000209c08db701c701'::bytea, NULL], 'sum', true, '-infinity', 'infinity', '2026-06-30', '{7}', 2) AS quantity,
       crm._purchase_lines_measure(ARRAY['\x0102d08c01d08c010504c413000209c08db701c701'::bytea], 'average', false, '-infinity', 'infinity', '2026-06-30', '{5,7,-3,2147483647}', 2) AS average;
SELECT crm._purchase_lines_measure(ARRAY['\x01ff'::bytea], 'count', false, '-infinity', 'infinity', '2026-06-30', NULL, 2);
SELECT crm._purchase_lines_collect_final('\x01');
SELECT crm._purchase_lines_collect(1, '\x01ff', ARRAY[ROW(ARRAY[ROW('count', '-infinity', 'infinity', 1, '>', '{0}', false)::crm.purchase_question], false, NULL)::crm.purchase_line_question], '2026-06-30', 2);

BEGIN;
-- 2. orders, revisions, cancellations, refunds of orders and of lines, moved ones, in any order: kept is what is recomputed
INSERT INTO crm.source (source_id, code, name, kind, created_at) VALUES (9510, 'lines', 'lines', 'pos', '2026-01-01');
INSERT INTO crm.source_record (source_record_id, source_id, kind, external_id, is_history, received_at)
SELECT 951000 + g, 9510, 'member', 'm' || g, false, '2026-01-01' FROM generate_series(1, 60) g;
INSERT INTO crm.customer (customer_id, status, registered_at, registered_on, updated_at)
SELECT 951500 + g, 'active', '2026-01-01', '2026-01-01', '2026-01-01' FROM generate_series(1, 40) g;
INSERT INTO crm.membership (source_record_id, valid_from, customer_id)
SELECT 951000 + g, '2026-01-01', 951500 + 1 + (g - 1) % 40 FROM generate_series(1, 60) g;
CREATE FUNCTION pg_temp.bought(no int, record int, day date, status text, version int) RETURNS crm.order_fact LANGUAGE plpgsql AS $$
BEGIN
    RETURN ROW(no, 9510, 'O' || no, 951000 + record, 951500 + 1 + (record - 1) % 40, NULL, 'store', CASE WHEN random() < 0.05 THEN 'cancellation' ELSE 'sale' END, status,
        day + time '10:00', day + time '10:00', day, NULL, 0, NULL,
        ARRAY(SELECT ROW('L' || l, CASE WHEN random() < 0.9 THEN 'lp' || (random() * 12)::int END, 'name', 'lc' || (random() * 3)::int,
                         round((random() * 4 - 0.4)::numeric, (random() * 7)::int), round((random() * 90)::numeric, 2), NULL)::crm.order_line_fact
              FROM generate_series(1, (random() * 5)::int) l),
        version::text, false, sha256(convert_to(no || random()::text, 'UTF8')), '2026-01-01', 1, no)::crm.order_fact;
END $$;
CREATE FUNCTION pg_temp.returned(no int, of_order int, line text) RETURNS crm.refund_fact LANGUAGE plpgsql AS $$
BEGIN
    RETURN ROW(no, 9510, 'R' || no, 'O' || of_order, line, 951001, NULL, CASE WHEN random() < 0.5 THEN 100000 ELSE round((random() * 60)::numeric, 2) + 1 END,
        '2026-06-20', '2026-06-20', NULL, NULL, NULL, false, sha256(convert_to(no || random()::text, 'UTF8')), '2026-06-20', 1, no)::crm.refund_fact;
END $$;
DO $$
DECLARE
    differences bigint := 0;
BEGIN
    FOR step IN 1 .. 400 LOOP
        IF random() < 0.45 THEN         -- one order, new or known, often backdated, now and then of another record
            PERFORM crm._purchase_store_orders(ARRAY[pg_temp.bought((random() * 150)::int, 1 + (random() * 58)::int, date '2026-06-29' - (random() * random() * 300)::int,
                CASE WHEN random() < 0.15 THEN 'cancelled' ELSE 'paid' END, step)]);
        ELSIF random() < 0.3 THEN       -- many at once
            PERFORM crm._purchase_store_orders(ARRAY(SELECT pg_temp.bought(n, 1 + (random() * 58)::int, date '2026-06-29' - (random() * 200)::int, 'paid', step)
                                                     FROM (SELECT DISTINCT (random() * 150)::int AS n FROM generate_series(1, 20)) x));
        ELSE                            -- refunds, before and after their orders; one that is known may name another order
            PERFORM crm._purchase_store_refunds(ARRAY(SELECT pg_temp.returned(n, (random() * 150)::int, CASE WHEN random() < 0.6 THEN 'L' || (1 + random() * 3)::int END)
                                                      FROM (SELECT DISTINCT (random() * 90)::int AS n FROM generate_series(1, 1 + (random() * 3)::int)) x));
        END IF;
        IF step % 40 = 0 THEN
            differences := differences + (SELECT count(*) FROM crm.purchase_check() c WHERE c.what ~ ' (record 951|refund R|of order O)');
        END IF;
    END LOOP;
    RAISE WARNING 'differences %, lines %', differences, (SELECT count(*) > 150 FROM crm.purchased_item i WHERE i.source_record_id BETWEEN 951001 AND 951060);
END $$;
-- made anew: the same entries
CREATE TEMP TABLE kept AS SELECT source_record_id, e.* FROM crm.purchase_line_chunk, crm._purchase_line_entries(lines) e;
SELECT crm._purchase_lines_rebuild() > 40 AS rebuilt;
SELECT count(*) FROM (TABLE kept EXCEPT ALL SELECT source_record_id, e.* FROM crm.purchase_line_chunk, crm._purchase_line_entries(lines) e) x;
-- a record with many pairs a day and over months is cut into chunks, whatever comes first
SELECT count(*) FROM crm._purchase_store_orders(ARRAY(SELECT ROW(g, 9510, 'B' || g, 951060, 951520, NULL, 'store', 'sale', 'paid', d, d, d::date, NULL, 0, NULL,
    ARRAY(SELECT ROW('L' || l, 'bp' || l, 'n', 'lc1', 1, 1, NULL)::crm.order_line_fact FROM generate_series(1, 300) l), NULL, false, sha256(convert_to('B' || g, 'UTF8')), '2026-01-01', 1, 1)::crm.order_fact
    FROM generate_series(1, 6) g, LATERAL (SELECT timestamptz '2026-03-01' + (g * 7 % 6) * interval '20 days' AS d) x));
SELECT count(*) > 20 AS chunks, max(octet_length(lines)) < 4000 AS are_small FROM crm.purchase_line_chunk WHERE source_record_id = 951060;
SELECT c.* FROM crm.purchase_check() c WHERE c.what ~ ' record 951';

-- 3. what rules find: packed (no weekday), of one person, and in the rows themselves (every weekday named)
ANALYZE crm.customer, crm.membership, crm.source_record, crm.customer_order, crm.order_item, crm.product, crm.purchase_line_chunk;
DO $$
DECLARE
    rule jsonb;
    rows jsonb;
    found bigint[];
    n int := 0;
    tests jsonb[] := ARRAY['{}', '{"product": "lp3"}', '{"product": ["lp1", "lp2"]}', '{"category": "lc2"}', '{"category": ["lc0", "lc1"], "product": "lp5"}',
        '{"product": {"op": "missing"}}', '{"category": {"op": "<>", "value": "lc1"}}', '{"category": {"op": "missing"}}', '{"product": {"op": "not_in", "value": ["lp1", "lp4"]}}'];
    asked jsonb[] := ARRAY['{}', '{"measure": "never"}', '{"measure": "count", "op": ">=", "value": 2}', '{"measure": "count", "op": "=", "value": 0}',
        '{"measure": "sum", "field": "amount", "op": ">", "value": 80.5}', '{"measure": "sum", "field": "quantity", "op": "<=", "value": 6.25}',
        '{"measure": "average", "field": "amount", "op": ">=", "value": 45}', '{"measure": "average", "field": "quantity", "op": "missing"}',
        '{"measure": "last", "op": "<=", "value": 40}', '{"measure": "first", "op": "between", "value": [20, 120]}', '{"measure": "last", "op": "missing"}'];
    spans jsonb[] := ARRAY['{}', '{"days": 60}', '{"days": [30, 120]}', '{"since": "2026-03-01", "until": "2026-05-31"}'];
BEGIN
    FOR t IN 1 .. cardinality(tests) LOOP FOR a IN 1 .. cardinality(asked) LOOP FOR s IN 1 .. cardinality(spans) LOOP
        CONTINUE WHEN (t + a + s) % 3 > 0;
        rule := '{"kind": "item"}' || CASE WHEN tests[t] = '{}' THEN '{}'::jsonb ELSE jsonb_build_object('where', tests[t]) END || asked[a] || spans[s];
        rows := rule || '{"weekdays": [1, 2, 3, 4, 5, 6, 7]}';
        found := ARRAY(SELECT crm.rule_select(rows));
        IF found <> ARRAY(SELECT crm.rule_select(rule))
           OR found <> crm._rule_fit(rule, ARRAY(SELECT c.customer_id FROM crm.customer c WHERE c.status = 'active' ORDER BY 1), crm.core_now())
           OR EXISTS (SELECT FROM unnest(crm._rule_fit_sets(jsonb_build_array(rule, rows), ARRAY(SELECT c.customer_id FROM crm.customer c WHERE c.status = 'active'), crm.core_now())) f
                      WHERE crm.bitmap_array(f) <> found) THEN
            RAISE WARNING 'not the same: %', rule;
        END IF;
        n := n + 1;
    END LOOP; END LOOP; END LOOP;
    RAISE WARNING '% rules', n;
END $$;
SELECT crm._rule_statement('{"kind": "item", "where": {"category": "lc1"}}', 'everybody') ~ 'purchase_line_chunk' AS is_packed,
       crm._rule_statement('{"kind": "item", "where": {"store": "S01"}}', 'everybody') ~ 'purchase_line_chunk' AS of_a_store,
       crm._rule_statement('{"kind": "item", "measure": "max", "field": "amount", "value": 3}', 'persons') ~ 'purchase_line_chunk' AS largest;
-- two of them and a purchase condition in one statement
SELECT crm.value_refresh('2026-06-30') > 0 AS kept_by_person;
SELECT cardinality(ARRAY(SELECT crm.rule_select('{"all": [{"kind": "item", "where": {"product": "lp1"}}, {"not": {"kind": "item", "where": {"product": "lp2"}}}, {"kind": "purchase", "measure": "count", "op": ">", "value": 0}]}')))
     = (SELECT count(*) FROM (SELECT m.customer_id FROM crm.purchased_item i JOIN crm.membership m USING (source_record_id) JOIN crm.product p USING (product_id)
        GROUP BY 1 HAVING bool_or(p.code = 'lp1') AND NOT bool_or(p.code = 'lp2')) x
        WHERE EXISTS (SELECT FROM crm.membership m JOIN crm.purchase_chunk c USING (source_record_id) WHERE m.customer_id = x.customer_id
                      AND crm.purchase_order_days(c.history, '-infinity', 'infinity', '2026-06-30') > 0)) AS same;
-- whom the next days move: never fewer than those whose answer changes
DO $$
DECLARE
    rule jsonb := '{"kind": "item", "where": {"category": "lc1"}, "days": 30, "measure": "count", "op": ">=", "value": 2}';
    moment timestamptz := '2026-05-01 12:00+08';
    missed int := 0;
    moved int := 0;
    was crm.bitmap := crm._rule_set(rule, moment);
    is_now crm.bitmap;
BEGIN
    FOR d IN 1 .. 40 LOOP
        is_now := crm._rule_set(rule, moment + d * interval '1 day');
        moved := moved + crm.bitmap_count((was OPERATOR(crm.-) is_now) OPERATOR(crm.|) (is_now OPERATOR(crm.-) was))::int;
        missed := missed + crm.bitmap_count(((was OPERATOR(crm.-) is_now) OPERATOR(crm.|) (is_now OPERATOR(crm.-) was))
                  OPERATOR(crm.-) crm.bitmap(crm._rule_moved(rule, moment + (d - 1) * interval '1 day', moment + d * interval '1 day')))::int;
        was := is_now;
    END LOOP;
    RAISE WARNING 'moved %, missed %', moved > 5, missed;
END $$;
-- a record that goes to another person takes what it bought with it
UPDATE crm.membership SET customer_id = 951540 WHERE source_record_id = 951060;
SELECT crm.rule_matches('{"kind": "item", "where": {"product": "bp7"}}', 951520) AS left_behind, crm.rule_matches('{"kind": "item", "where": {"product": "bp7"}, "measure": "count", "op": "=", "value": 6}', 951540) AS taken;
-- split among workers, and as a window: the same
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
SET max_parallel_workers_per_gather = 4;
ALTER TABLE crm.purchase_line_chunk SET (parallel_workers = 4);
SELECT ARRAY[
    ROW(ARRAY[ROW('count', '-infinity', '2026-06-30', 1, '>', '{0}', false)::crm.purchase_question], false, ARRAY(SELECT product_id FROM crm.product WHERE code ~ 'lp[1-3]'))::crm.purchase_line_question,
    ROW(ARRAY[ROW('sum', '2026-01-01', '2026-06-30', 1, '>', '{300}', false)::crm.purchase_question], false, NULL)::crm.purchase_line_question,
    ROW(ARRAY[ROW('last', '-infinity', '2026-06-30', 1, '<=', '{90}', true)::crm.purchase_question], true, NULL)::crm.purchase_line_question] AS asked \gset
SELECT count(*) FROM (
    SELECT crm._purchase_lines_collect(source_record_id, lines, :'asked', '2026-06-30', 2) AS sets FROM crm.purchase_line_chunk) p,
   (SELECT crm._purchase_lines_collect(source_record_id, lines, :'asked', '2026-06-30', 2) AS sets FROM (SELECT * FROM crm.purchase_line_chunk OFFSET 0) x) s,
   (SELECT crm._purchase_lines_collect(source_record_id, lines, :'asked', '2026-06-30', 2) OVER (ORDER BY source_record_id, from_day, from_product ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS sets
    FROM crm.purchase_line_chunk ORDER BY source_record_id DESC, from_day DESC, from_product DESC LIMIT 1) w
WHERE p.sets::text = s.sets::text AND w.sets::text = s.sets::text AND crm.bitmap_count(s.sets[1]) > 3 AND crm.bitmap_count(s.sets[2]) > 3 AND crm.bitmap_count(s.sets[3]) > 0;
ALTER TABLE crm.purchase_line_chunk RESET (parallel_workers);
ROLLBACK;
