-- purchase: the packed history as a type, and how orders, refunds and products keep it.
\set VERBOSITY terse
SET client_min_messages = warning;
SET datestyle = 'ISO';
SET timezone = 'UTC';

-- 1. the type: text form, order, equal days added up
SELECT '{2026-06-30 2026-06-30 12800; 2026-06-01 2026-06-01 500; 2026-06-30 2026-07-02 -800}'::crm.purchase_history;
SELECT ' { } '::crm.purchase_history, '{2026-06-30 2026-06-30 5; 2026-06-30 2026-06-30 -5}'::crm.purchase_history;
SELECT crm.purchase_history('{2026-06-02,2026-06-01,2026-06-02}', '{2026-06-02,2026-06-01,2026-06-02}', '{100,200,50}');
SELECT * FROM crm.purchase_entries('{2026-06-30 2026-06-30 12800; 2026-06-30 2026-07-02 -800}');
SELECT crm.purchase_entry_count('{2026-06-30 2026-06-30 12800; 2026-06-30 2026-07-02 -800}');
-- hostile text
SELECT '{2026-06-30 2026-06-30}'::crm.purchase_history;
SELECT 'x'::crm.purchase_history;
SELECT '{2026-06-31 2026-06-30 1}'::crm.purchase_history;
SELECT '{2026-06-30 2026-06-30 99999999999999999999}'::crm.purchase_history;
SELECT '{2026-06-30 2026-06-30 9223372036854775807; 2026-06-29 2026-06-29 9223372036854775807}'::crm.purchase_history;
SELECT '{infinity infinity 1}'::crm.purchase_history;
SELECT crm.purchase_history(array_agg(d), array_agg(d), array_agg(1::bigint))
FROM (SELECT '2020-01-01'::date + g AS d FROM generate_series(1, 129) g) x;
SELECT crm.purchase_history('{2026-06-02}', '{2026-06-02}', '{1,2}');
SELECT crm.purchase_history('{2026-06-02}', '{NULL}', '{1}');
-- hostile bytes: any flipped bit is refused or still a history that prints; nothing else
SELECT encode('{2026-06-30 2026-06-30 12800; 2026-06-30 2026-07-02 -800}'::crm.purchase_history::bytea, 'hex');
SELECT ''::bytea::crm.purchase_history;
SELECT '\x0200000000000000000000000000000000000000'::bytea::crm.purchase_history;
SELECT ('{2026-06-30 2026-06-30 1}'::crm.purchase_history::bytea || '\x00')::crm.purchase_history;
DO $$
DECLARE
    good bytea := '{2026-06-01 2026-06-01 12800; 2026-06-30 2026-07-02 -800}'::crm.purchase_history::bytea;
    refused int := 0;
    taken int := 0;
BEGIN
    FOR b IN 0 .. length(good) * 8 - 1 LOOP
        BEGIN
            PERFORM set_bit(good, b, 1 - get_bit(good, b))::crm.purchase_history::text;
            taken := taken + 1;
        EXCEPTION WHEN SQLSTATE 'RM402' THEN
            refused := refused + 1;
        END;
    END LOOP;
    FOR cut IN 0 .. length(good) - 1 LOOP
        BEGIN
            PERFORM substr(good, 1, cut)::crm.purchase_history;
            RAISE EXCEPTION 'a history cut at % was taken', cut;
        EXCEPTION WHEN SQLSTATE 'RM402' THEN
            refused := refused + 1;
        END;
    END LOOP;
    RAISE WARNING 'refused %, taken %', refused, taken;
END $$;

-- 2. questions, as of any date
CREATE TEMP VIEW h AS SELECT '{2026-06-01 2026-06-01 10000; 2026-06-30 2026-06-30 12800; 2026-06-30 2026-07-02 -12800; 2026-07-05 2026-07-05 700}'::crm.purchase_history AS history;
SELECT d::date AS as_of, crm.purchase_order_days(history, '-infinity', 'infinity', d::date) AS days, crm.purchase_net(history, '-infinity', 'infinity', d::date) AS net,
       crm.purchase_first_day(history, d::date) AS first_day, crm.purchase_last_day(history, d::date) AS last_day
FROM h, unnest('{2026-05-31,2026-06-01,2026-06-30,2026-07-01,2026-07-02,2026-07-05}'::date[]) d;
SELECT crm.purchase_order_days(history, '2026-06-02', '2026-06-30', '2026-07-01') AS days, crm.purchase_net(history, '2026-06-02', '2026-06-30', '2026-07-01') AS net FROM h;
-- two chunks on one day count once; the whole day's net decides
SELECT crm.purchase_order_days(c, '-infinity', 'infinity', 'infinity') AS days, crm.purchase_net(c, '-infinity', 'infinity', 'infinity') AS net,
       crm.purchase_last_day(c, 'infinity') AS last_day
FROM (SELECT ARRAY['{2026-06-30 2026-06-30 100; 2026-07-01 2026-07-01 50}', NULL, '{2026-06-30 2026-06-30 30; 2026-07-01 2026-07-03 -60}']::crm.purchase_history[] AS c) x;
SELECT crm.purchase_order_days('{}'::crm.purchase_history[], '-infinity', 'infinity', 'infinity'), crm.purchase_last_day('{}'::crm.purchase_history[], 'infinity');
SELECT crm.purchase_net(crm.purchase_combine(history), '-infinity', 'infinity', 'infinity') FROM (SELECT history FROM h UNION ALL SELECT history FROM h) x;
SELECT crm.purchase_combine(history) IS NULL AS none FROM h WHERE false;

-- 3. orders and refunds; everything below is undone at the end
BEGIN;
INSERT INTO crm.source (source_id, code, name, kind, created_at) VALUES (9401, 'purchase_till', 'till', 'pos', '2026-01-01');
INSERT INTO crm.source_record (source_record_id, source_id, kind, external_id, is_history, received_at)
SELECT 940100 + g, 9401, 'member', 'm' || g, false, '2026-01-01' FROM generate_series(1, 20) g;
INSERT INTO crm.customer (customer_id, status, registered_at, registered_on, updated_at)
SELECT 940200 + g, 'active', '2026-01-01', '2026-01-01', '2026-01-01' FROM generate_series(1, 20) g;
INSERT INTO crm.membership (source_record_id, valid_from, customer_id)
SELECT 940100 + g, '2026-01-01', 940200 + g FROM generate_series(1, 20) g WHERE g <> 9;
CREATE FUNCTION pg_temp.make_order(ordinal int, no text, member int, day date, amount numeric, status text DEFAULT 'paid', version text DEFAULT NULL,
                                   kind text DEFAULT 'sale', lines crm.order_line_fact[] DEFAULT '{}') RETURNS crm.order_fact
LANGUAGE sql AS $$
    SELECT ROW(ordinal, 9401, no, 940100 + member, CASE WHEN member <> 9 THEN 940200 + member END, NULL, 'store', kind, status,
               day + time '10:00', day + time '10:05', day, amount, 0, NULL, lines, version, false,
               sha256(convert_to(concat_ws('|', no, member, day, amount, status, version, kind, lines), 'UTF8')), day + time '10:06', 1, ordinal)::crm.order_fact $$;
CREATE FUNCTION pg_temp.make_refund(ordinal int, no text, of_order text, day date, amount numeric, member int DEFAULT 9, version text DEFAULT NULL,
                                    line_key text DEFAULT NULL) RETURNS crm.refund_fact
LANGUAGE sql AS $$
    SELECT ROW(ordinal, 9401, no, of_order, line_key, 940100 + member, CASE WHEN member <> 9 THEN 940200 + member END, amount, day + time '11:00', day,
               NULL, 'test', version, false, sha256(convert_to(concat_ws('|', no, of_order, day, amount, version), 'UTF8')), day + time '11:01', 1, ordinal)::crm.refund_fact $$;
CREATE FUNCTION pg_temp.histories() RETURNS TABLE (member bigint, from_day date, history crm.purchase_history) LANGUAGE sql AS $$
    SELECT p.source_record_id - 940100, p.from_day, p.history FROM crm.purchase_chunk p WHERE p.source_record_id BETWEEN 940101 AND 940120 ORDER BY 1, 2 $$;
CREATE FUNCTION pg_temp.outcomes(crm.fact_outcome[]) RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(format('%s %s %s', ordinal, outcome, coalesce((customer_id - 940200)::text, 'nobody')), ', ' ORDER BY ordinal, outcome) FROM unnest($1) $$;

-- lines: exact, rounded once half away from zero; unknown products are entered; amount from the lines
SELECT pg_temp.outcomes(array_agg(o)) FROM crm._purchase_store_orders(ARRAY[
    pg_temp.make_order(1, 'A1', 1, '2026-06-01', NULL, lines => ARRAY[
        ROW('1', 'regress-milk', 'Milk', 'regress-dairy', 3, 1.115, NULL), ROW('2', 'regress-cake', NULL, 'regress-cake', 1, 10.005, NULL),
        ROW(NULL, NULL, 'Paper bag', NULL, -1, 0.125, NULL), ROW(NULL, 'regress-milk', 'Milk', NULL, 1, 9.99, 8.50)]::crm.order_line_fact[]),
    pg_temp.make_order(2, 'A2', 2, '2026-06-02', 100)]) o;
SELECT i.line_no, i.line_key, p.code, p.name, c.code AS category, i.description, i.quantity, i.unit_price, i.amount
FROM crm.order_item i LEFT JOIN crm.product p USING (product_id) LEFT JOIN crm.product_category c USING (category_id)
WHERE i.source_record_id = 940101 ORDER BY i.line_no;
SELECT external_id, revision, is_current, status, business_day, amount, line_count FROM crm.customer_order WHERE source_id = 9401 ORDER BY 1, 2;
SELECT * FROM pg_temp.histories();
-- products described later; what is left out stays
SELECT ordinal, outcome, customer_id FROM crm._purchase_store_products(ARRAY[
    ROW(1, 'regress-milk', 'Whole milk', 'regress-dairy', 'Dairy', 9.99, 20), ROW(2, 'regress-tea', 'Tea', NULL, NULL, 20, NULL)]::crm.product_fact[]);
SELECT ordinal, outcome FROM crm._purchase_store_products(ARRAY[
    ROW(1, 'regress-milk', 'Whole milk', NULL, NULL, NULL, NULL), ROW(2, 'regress-tea', 'Green tea', NULL, NULL, NULL, 60)]::crm.product_fact[]);
SELECT p.code, p.name, c.name AS category, p.list_price, p.refill_days FROM crm.product p LEFT JOIN crm.product_category c USING (category_id)
WHERE p.code LIKE 'regress-%' ORDER BY 1;

-- twice delivered: nothing; changed: a revision beside the old one, old entry out, new one in
SELECT pg_temp.outcomes(array_agg(o)) FROM crm._purchase_store_orders(ARRAY[
    pg_temp.make_order(1, 'A2', 2, '2026-06-02', 100), pg_temp.make_order(2, 'A3', 2, '2026-06-02', 50)]) o;
SELECT pg_temp.outcomes(array_agg(o)) FROM crm._purchase_store_orders(ARRAY[pg_temp.make_order(1, 'A2', 2, '2026-06-03', 90)]) o;
SELECT * FROM pg_temp.histories() WHERE member = 2;
-- the source's version decides; an older one is kept but not current, and once only
SELECT pg_temp.outcomes(array_agg(o)) FROM crm._purchase_store_orders(ARRAY[
    pg_temp.make_order(1, 'A4', 3, '2026-06-01', 10, version => '9'), pg_temp.make_order(2, 'A4', 3, '2026-06-02', 20, version => '10'),
    pg_temp.make_order(3, 'A4', 3, '2026-06-03', 30, version => '8'), pg_temp.make_order(4, 'A4', 3, '2026-06-03', 30, version => '8'),
    pg_temp.make_order(5, 'A4', 3, '2026-06-02', 20, version => '10')]) o;
SELECT external_id, revision, is_current, business_day, amount, source_version FROM crm.customer_order WHERE source_id = 9401 AND external_id IN ('A2', 'A4') ORDER BY 1, 2;
SELECT * FROM pg_temp.histories() WHERE member = 3;
-- unpaid counts once it is paid; cancelled nets to zero; an adjustment is no purchase
SELECT pg_temp.outcomes(array_agg(o)) FROM crm._purchase_store_orders(ARRAY[
    pg_temp.make_order(1, 'B1', 4, '2026-06-01', 10, 'unpaid'), pg_temp.make_order(2, 'B2', 4, '2026-06-02', 20),
    pg_temp.make_order(3, 'B3', 4, '2026-06-03', 30, kind => 'adjustment'), pg_temp.make_order(4, 'B4', 4, '2026-06-04', -5, kind => 'cancellation')]) o;
SELECT * FROM pg_temp.histories() WHERE member = 4;
SELECT pg_temp.outcomes(array_agg(o)) FROM crm._purchase_store_orders(ARRAY[
    pg_temp.make_order(1, 'B1', 4, '2026-06-05', 10), pg_temp.make_order(2, 'B2', 4, '2026-06-02', 20, 'cancelled')]) o;
SELECT * FROM pg_temp.histories() WHERE member = 4;

-- refunds: part, line, rest; known from their own day; twice delivered
SELECT pg_temp.outcomes(array_agg(o)) FROM crm._purchase_store_orders(ARRAY[pg_temp.make_order(1, 'C1', 5, '2026-06-01', 100)]) o;
SELECT pg_temp.outcomes(array_agg(o)) FROM crm._purchase_store_refunds(ARRAY[
    pg_temp.make_refund(1, 'R1', 'C1', '2026-06-10', 30), pg_temp.make_refund(2, 'R2', 'C1', '2026-06-12', 70, line_key => '1'),
    pg_temp.make_refund(3, 'R1', 'C1', '2026-06-10', 30)]) o;
SELECT * FROM pg_temp.histories() WHERE member = 5;
SELECT d::date, crm.purchase_order_days(crm._purchase_history(940205), '-infinity', 'infinity', d::date) AS order_days,
       crm.purchase_net(crm._purchase_history(940205), '-infinity', 'infinity', d::date) AS net
FROM unnest('{2026-06-09,2026-06-10,2026-06-12}'::date[]) d;
-- a changed refund; then its order moves to another day, is cancelled, and comes back: refunds follow
SELECT pg_temp.outcomes(array_agg(o)) FROM crm._purchase_store_refunds(ARRAY[pg_temp.make_refund(1, 'R2', 'C1', '2026-06-11', 20)]) o;
SELECT * FROM pg_temp.histories() WHERE member = 5;
SELECT pg_temp.outcomes(array_agg(o)) FROM crm._purchase_store_orders(ARRAY[pg_temp.make_order(1, 'C1', 5, '2026-06-02', 100)]) o;
SELECT * FROM pg_temp.histories() WHERE member = 5;
SELECT pg_temp.outcomes(array_agg(o)) FROM crm._purchase_store_orders(ARRAY[pg_temp.make_order(1, 'C1', 5, '2026-06-02', 100, 'cancelled')]) o;
SELECT * FROM pg_temp.histories() WHERE member = 5;
SELECT pg_temp.outcomes(array_agg(o)) FROM crm._purchase_store_orders(ARRAY[pg_temp.make_order(1, 'C1', 5, '2026-06-02', 100)]) o;
SELECT * FROM pg_temp.histories() WHERE member = 5;
-- a refund before its order waits, and is applied by the order whatever the order's record
SELECT pg_temp.outcomes(array_agg(o)) FROM crm._purchase_store_refunds(ARRAY[
    pg_temp.make_refund(1, 'R3', 'D1', '2026-06-20', 15), pg_temp.make_refund(2, 'R4', 'D1', '2026-06-21', 5)]) o;
SELECT revision FROM crm.external_key WHERE source_id = 9401 AND kind = 2 AND external_id = 'D1';
SELECT * FROM pg_temp.histories() WHERE member IN (6, 9);
SELECT pg_temp.outcomes(array_agg(o)) FROM crm._purchase_store_orders(ARRAY[pg_temp.make_order(1, 'D1', 6, '2026-06-19', 40)]) o;
SELECT * FROM pg_temp.histories() WHERE member IN (6, 9);
SELECT external_id, revision, is_current, source_record_id - 940100 AS member, purchase_day FROM crm.refund WHERE source_id = 9401 AND external_id IN ('R3', 'R4') ORDER BY 1, 2;
SELECT pg_temp.outcomes(array_agg(o)) FROM crm._purchase_store_refunds(ARRAY[pg_temp.make_refund(1, 'R3', 'D1', '2026-06-20', 15)]) o;
-- a refund that names no order nets its own day, and is no purchase
SELECT pg_temp.outcomes(array_agg(o)) FROM crm._purchase_store_refunds(ARRAY[pg_temp.make_refund(1, 'R5', NULL, '2026-06-25', 7, 6)]) o;
SELECT crm.purchase_last_day(crm._purchase_history(940206), 'infinity') AS last_day, crm.purchase_net(crm._purchase_history(940206), '-infinity', 'infinity', 'infinity') AS net;
-- a receipt of nobody that turns out to be a member's: its order and refund move, and the person it left is named
SELECT pg_temp.outcomes(array_agg(o)) FROM crm._purchase_store_orders(ARRAY[pg_temp.make_order(1, 'E1', 7, '2026-06-01', 60)]) o;
SELECT pg_temp.outcomes(array_agg(o)) FROM crm._purchase_store_refunds(ARRAY[pg_temp.make_refund(1, 'R6', 'E1', '2026-06-03', 10)]) o;
SELECT pg_temp.outcomes(array_agg(o)) FROM crm._purchase_store_orders(ARRAY[pg_temp.make_order(1, 'E1', 8, '2026-06-01', 60)]) o;
SELECT * FROM pg_temp.histories() WHERE member IN (7, 8);
-- more than the order came to is taken, and told until it is mended: by the refund, by the order, by its being cancelled; history tells nobody
CREATE VIEW pg_temp.told AS SELECT key, detail, closed_at IS NULL AS is_open FROM crm.alert WHERE kind = 'purchase.refund' ORDER BY alert_id;
SELECT pg_temp.outcomes(array_agg(o)) FROM crm._purchase_store_orders(ARRAY[pg_temp.make_order(1, 'X1', 7, '2026-06-01', 50), pg_temp.make_order(2, 'X2', 7, '2026-06-01', 50)]) o;
SELECT pg_temp.outcomes(array_agg(o)) FROM crm._purchase_store_refunds(ARRAY[pg_temp.make_refund(1, 'XR1', 'X1', '2026-06-03', 50), pg_temp.make_refund(2, 'XR2', 'X1', '2026-06-04', 0.01)]) o;
SELECT * FROM pg_temp.told;
SELECT pg_temp.outcomes(array_agg(o)) FROM crm._purchase_store_orders(ARRAY[pg_temp.make_order(1, 'X1', 7, '2026-06-01', 60)]) o;
SELECT key, is_open FROM pg_temp.told;
SELECT pg_temp.outcomes(array_agg(o)) FROM crm._purchase_store_refunds(ARRAY[pg_temp.make_refund(1, 'XR2', 'X1', '2026-06-04', 70)]) o;
SELECT pg_temp.outcomes(array_agg(o)) FROM crm._purchase_store_refunds(ARRAY[pg_temp.make_refund(1, 'XR2', 'X2', '2026-06-04', 50)]) o;
SELECT key, detail, is_open FROM pg_temp.told;
SELECT pg_temp.outcomes(array_agg(o)) FROM crm._purchase_store_orders(ARRAY[pg_temp.make_order(1, 'X2', 7, '2026-06-01', 49)]) o;
SELECT pg_temp.outcomes(array_agg(o)) FROM crm._purchase_store_orders(ARRAY[pg_temp.make_order(1, 'X2', 7, '2026-06-01', 49, 'cancelled')]) o;
SELECT key, is_open FROM pg_temp.told;
SELECT pg_temp.outcomes(array_agg(o)) FROM crm._purchase_store_orders(ARRAY[pg_temp.make_order(1, 'XOLD', 7, '2026-06-01', 4)]) o;
SELECT pg_temp.outcomes(array_agg(o)) FROM crm._purchase_store_refunds(ARRAY[jsonb_populate_record(pg_temp.make_refund(1, 'XROLD', 'XOLD', '2026-06-04', 9), '{"is_history": true}')]) o;
SELECT count(*) AS of_history FROM pg_temp.told WHERE key LIKE '%XOLD';
-- refunds that came first are held against the order when it comes; twenty open ones are enough
SELECT count(*) FROM crm._purchase_store_refunds((SELECT array_agg(f) FROM (SELECT (pg_temp.make_refund(g, 'XH' || g, 'XO' || g, '2026-06-04', 5)) AS f FROM generate_series(1, 25) g) r)) o;
SELECT count(*) FROM crm._purchase_store_orders((SELECT array_agg(pg_temp.make_order(g, 'XO' || g, 7, '2026-06-01', 4)) FROM generate_series(1, 25) g)) o;
SELECT is_open, count(*) FROM pg_temp.told GROUP BY 1;
DELETE FROM crm.alert WHERE kind = 'purchase.refund';
-- empty and null
SELECT count(*) FROM crm._purchase_store_orders('{}'), crm._purchase_store_refunds('{}'), crm._purchase_store_products('{}');
SELECT * FROM crm.purchase_check();

-- 4. long histories: 300 days one by one at the end, then backdated entries; each chunk holds its days
SELECT count(*) FROM generate_series(1, 300) g, crm._purchase_store_orders(ARRAY[pg_temp.make_order(1, 'F' || g, 10, '2025-01-01'::date + 2 * g, g)]) o;
SELECT count(*) FROM crm._purchase_store_orders((SELECT array_agg(pg_temp.make_order(g, 'G' || g, 10, '2025-01-02'::date + 2 * g, g)) FROM generate_series(1, 100) g)) o;
SELECT from_day, crm.purchase_entry_count(history) AS entries, crm.purchase_first_day(history, 'infinity') AS first_day, crm.purchase_last_day(history, 'infinity') AS last_day
FROM pg_temp.histories() WHERE member = 10;
-- one day refunded on 300 days: exact in sum, the oldest folded
SELECT count(*) FROM crm._purchase_store_orders(ARRAY[pg_temp.make_order(1, 'H1', 11, '2025-01-01', 1000)]) o;
SELECT count(*) FROM crm._purchase_store_refunds((SELECT array_agg(pg_temp.make_refund(g, 'HR' || g, 'H1', '2025-01-01'::date + g, 1)) FROM generate_series(1, 300) g)) o;
SELECT crm.purchase_entry_count(history) AS entries, crm.purchase_net(history, '-infinity', 'infinity', 'infinity') AS net,
       crm.purchase_net(history, '-infinity', 'infinity', '2025-10-20') AS net_before_the_last_days FROM pg_temp.histories() WHERE member = 11;
SELECT count(*) AS drift FROM crm.purchase_check();

-- one by one or in a batch: the same rows and the same histories
INSERT INTO crm.source (source_id, code, name, kind, created_at) VALUES (9402, 'purchase_batch', 'batch', 'pos', '2026-01-01');
CREATE TEMP TABLE random_fact AS
SELECT g AS no, ROW(g, s, 'S' || (g % 90), 940112 + g % 3 + CASE s WHEN 9401 THEN 0 ELSE 3 END, NULL, NULL, CASE WHEN g % 4 = 0 THEN 'web' END,
           (ARRAY['sale', 'sale', NULL, 'adjustment', 'cancellation'])[1 + g % 5], (ARRAY['paid', NULL, 'unpaid', 'completed', 'cancelled'])[1 + g % 7 % 5],
           d + time '10:00', CASE WHEN g % 3 > 0 THEN d + time '23:30' END, CASE WHEN g % 6 > 0 THEN d END, CASE WHEN g % 2 = 0 THEN g * 1.005 END, g % 2,
           CASE WHEN g % 10 = 0 THEN 'C' || g END,
           CASE WHEN g % 8 > 0 THEN (SELECT array_agg(ROW(NULL, CASE WHEN k <> 2 THEN 'regress-' || (g + k) % 5 END, 'thing', NULL, k, 0.335 * k,
                                                       CASE WHEN k = 3 THEN 1 END)::crm.order_line_fact) FROM generate_series(1, g % 8) k) END,
           CASE WHEN g % 5 = 0 THEN (g % 4)::text END, g % 11 = 0, sha256(convert_to(g::text, 'UTF8')), d + time '12:00', g, g)::crm.order_fact AS fact, s AS source
FROM generate_series(1, 120) g, unnest('{9401,9402}'::int[]) s, LATERAL (SELECT date '2026-01-01' + g AS d) x;
SELECT count(*) FROM random_fact r, LATERAL crm._purchase_store_orders(ARRAY[r.fact]) o WHERE r.source = 9401;
SELECT count(*) FROM (SELECT array_agg(fact ORDER BY no) AS facts FROM random_fact WHERE source = 9402) r, crm._purchase_store_orders(r.facts) o;
WITH stored AS (
    SELECT o.source_id, to_jsonb(o) - '{source_id,source_record_id,order_id}'::text[] || jsonb_build_object('items', (
        SELECT jsonb_agg(to_jsonb(i) - '{source_record_id,order_id}'::text[] ORDER BY i.line_no) FROM crm.order_item i
        WHERE i.source_record_id = o.source_record_id AND i.order_id = o.order_id AND i.revision = o.revision)) AS row_
    FROM crm.customer_order o WHERE o.source_record_id BETWEEN 940112 AND 940117)
SELECT (SELECT count(*) FROM stored WHERE source_id = 9402) AS stored,
       (SELECT count(*) FROM (SELECT row_ FROM stored WHERE source_id = 9401 EXCEPT SELECT row_ FROM stored WHERE source_id = 9402) d) AS differ;
SELECT count(*) AS histories, count(*) FILTER (WHERE a.history::text <> b.history::text) AS differ
FROM pg_temp.histories() a JOIN pg_temp.histories() b ON b.member = a.member + 3 WHERE a.member BETWEEN 12 AND 14;
SELECT count(*) AS drift FROM crm.purchase_check();

-- 5. the check finds what does not fit, and the export holds orders with their lines
UPDATE crm.purchase_chunk SET history = '{2026-06-01 2026-06-01 1}' WHERE source_record_id = 940101;
SELECT * FROM crm.purchase_check();
SELECT c.room, c.what FROM crm.check() c WHERE c.room = 'purchase';
SELECT jsonb_pretty(crm._purchase_on_export(940201));
SELECT room, what FROM crm.purchase_check() WHERE what LIKE 'refund%';
ROLLBACK;

-- rows and histories, a window function, and a person with a million orders
SELECT ('{2026-06-30 2026-06-30 12800; 2026-06-30 2026-07-02 -800}'::crm.purchase_history)::crm.purchase_entry[];
SELECT crm.purchase_entry_array('{2026-06-30 2026-06-30 5}'), crm.purchase_entry_array('{}'), crm.purchase_entry_array(NULL);
SELECT (ARRAY[ROW('2026-06-30', '2026-06-30', 5), ROW('2026-06-29', '2026-06-30', 7), ROW('2026-06-30', '2026-06-30', 1)]::crm.purchase_entry[])::crm.purchase_history;
SELECT crm.purchase_remove(crm.purchase_add('{2026-06-30 2026-06-30 12800}', ARRAY[ROW('2026-07-01', '2026-07-01', 5)]::crm.purchase_entry[]),
                           ARRAY[ROW('2026-06-30', '2026-06-30', 12800)]::crm.purchase_entry[]);
SELECT crm.purchase_add('{2026-06-30 2026-06-30 12800}', '{}'), crm.purchase_add(NULL, ARRAY[ROW('2026-07-01', '2026-07-01', 5)]::crm.purchase_entry[]), crm.purchase_add(NULL, NULL);
SELECT crm.purchase_add(NULL, array_agg(ROW(date '2026-07-01' + g, date '2026-07-01' + g, 5)::crm.purchase_entry)) FROM generate_series(1, 129) g;
CREATE TEMP TABLE heavy AS SELECT g, crm.purchase_history(array_agg(d), array_agg(d), array_agg((i + 1)::bigint)) AS history
FROM generate_series(0, 9999) g, generate_series(0, 99) i, LATERAL (SELECT date '2000-01-01' + g * 100 + i AS d) x WHERE g < 9999 OR i < 50 GROUP BY g;
SELECT cardinality(h) AS chunks, crm.purchase_order_days(h, '-infinity', 'infinity', 'infinity') AS days, crm.purchase_net(h, '2000-01-01', '2000-01-10', '2000-01-05') AS as_of,
       (crm.purchase_summary(h, '-infinity', 'infinity', 'infinity')).*
FROM (SELECT crm.purchase_combine(history ORDER BY g DESC) AS h FROM heavy) x;
SELECT max(cardinality(w.h)) AS most, bool_and(crm.purchase_order_days(w.h, '-infinity', 'infinity', 'infinity') = 100 * cardinality(w.h)) AS whole
FROM (SELECT g, crm.purchase_combine(history) OVER (ORDER BY g ROWS 40 PRECEDING) AS h FROM heavy WHERE g < 200) w;
