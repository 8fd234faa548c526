-- purchase_lines: what every record bought, packed, kept by increments; conditions on products, stores, hours and amounts answered from it.
\set VERBOSITY terse
SET client_min_messages = warning;
SET datestyle = 'ISO';
SET timezone = 'UTC';
SELECT count(*) > 0 AS installed FROM crm.install();
SET crm.core_clock = '2026-06-30T12:00:00+08:00';
SELECT setseed(0.42) IS NOT NULL AS seeded;

-- 1. a chunk: entries, hostile bytes
SELECT * FROM crm._purchase_line_entries('\x0202d08c0153d08c01c1250301c4132c04c08db701c701');
SELECT count(*) FROM crm._purchase_line_entries('\x0200');
SELECT * FROM crm._purchase_line_entries('');
SELECT * FROM crm._purchase_line_entries('\x0203d08c0153d08c01c1250301c413');
DO $$
DECLARE
    good bytea := '\x0202d08c0153d08c01c1250301c4132c04c08db701c701';
BEGIN
    FOR b IN 0 .. length(good) * 8 - 1 LOOP
        BEGIN
            PERFORM count(*) FROM crm._purchase_line_entries(set_bit(good, b, 1 - get_bit(good, b)));
        EXCEPTION WHEN SQLSTATE 'RM402' THEN
            NULL;
        END;
    END LOOP;
END $$;
CREATE FUNCTION pg_temp.add(records bigint[], days date[], products int[], lines int[], amounts bigint[], moments timestamptz[] DEFAULT NULL) RETURNS void LANGUAGE sql AS $$
    SELECT crm._purchase_lines_add(records, days, coalesce(moments, array_fill('-infinity'::timestamptz, ARRAY[cardinality(days)])), array_fill(0, ARRAY[cardinality(days)]),
                                   array_fill(0, ARRAY[cardinality(days)]), products, lines, array_fill(1::bigint, ARRAY[cardinality(days)]), amounts) $$;
SELECT pg_temp.add('{1,2}', '{2026-01-01}', '{1}', '{1}', '{1}');
SELECT pg_temp.add('{1}', '{2026-01-01}', '{NULL}', '{1}', '{1}');
SELECT pg_temp.add('{1}', '{infinity}', '{1}', '{1}', '{1}');
SELECT pg_temp.add('{1}', '{2026-01-01}', '{-1}', '{1}', '{1}');
SELECT pg_temp.add('{9,9}', '{2026-01-01,2026-01-02}', '{1,1}', '{1,1}', '{9223372036854775807,1}', '{infinity,4000-01-01 00:00:00.000001+00}');
SELECT e.day, e.moment, e.lines, e.amount_minor FROM crm.purchase_line_chunk c, crm._purchase_line_entries(c.lines) e WHERE c.source_record_id = 9;
SELECT pg_temp.add('{9}', '{2026-01-01}', '{1}', '{1}', '{9223372036854775807}', '{infinity}');
SELECT count(*) FROM crm.purchase_line_chunk c, crm._purchase_line_entries(c.lines) e WHERE c.source_record_id = 9;
SELECT pg_temp.add('{9}', '{2026-01-01}', '{1}', '{-2}', '{9223372036854775807}', '{infinity}');
SELECT e.day, e.moment, e.lines, e.amount_minor FROM crm.purchase_line_chunk c, crm._purchase_line_entries(c.lines) e WHERE c.source_record_id = 9;
DELETE FROM crm.purchase_line_chunk WHERE source_record_id = 9;
CREATE FUNCTION pg_temp.asks(measure text, field text DEFAULT NULL, products int[] DEFAULT NULL, op text DEFAULT '>', amounts numeric[] DEFAULT '{0}', is_turned boolean DEFAULT false,
                             from_day date DEFAULT '-infinity', same text DEFAULT NULL) RETURNS crm.purchase_line_question LANGUAGE sql AS $$
    SELECT ROW(ARRAY[ROW(measure, from_day, 'infinity', 1, op, amounts, is_turned)::crm.purchase_question], field, same, products, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
               NULL, NULL, NULL, NULL)::crm.purchase_line_question $$;
SELECT crm._purchase_lines_measure(NULL, pg_temp.asks('count'), '2026-06-30', 2) AS none,
       crm._purchase_lines_measure('{}', pg_temp.asks('average', 'amount', '{}'), '2026-06-30', 2) AS absent,
       crm._purchase_lines_measure(ARRAY['\x0202d08c0153d08c01c1250301c4132c04c08db701c701'::bytea, NULL], pg_temp.asks('sum', 'quantity', '{7}'), '2026-06-30', 2) AS quantity,
       crm._purchase_lines_measure(ARRAY['\x0202d08c0153d08c01c1250301c4132c04c08db701c701'::bytea], pg_temp.asks('average', 'amount', '{5,7,-3,2147483647}'), '2026-06-30', 2) AS average,
       crm._purchase_lines_measure(ARRAY['\x0202d08c0153d08c01c1250301c4132c04c08db701c701'::bytea], pg_temp.asks('max', 'amount'), '2026-06-30', 2) AS largest,
       crm._purchase_lines_measure(ARRAY['\x0202d08c0153d08c01c1250301c4132c04c08db701c701'::bytea], pg_temp.asks('count', same => 'store'), '2026-06-30', 2) AS of_a_store;
SELECT crm._purchase_lines_measure(ARRAY['\x02ff'::bytea], pg_temp.asks('count'), '2026-06-30', 2);
SELECT crm._purchase_lines_measure('{}', pg_temp.asks('count', 'colour'), '2026-06-30', 2);
SELECT crm._purchase_lines_measure('{}', pg_temp.asks('gaps'), '2026-06-30', 2);
-- the clock of each quarter of an hour of days that have 23, 24 and 25 of them, by eight clocks, as PostgreSQL tells it
CREATE TEMP TABLE quarter AS SELECT m.moment AT TIME ZONE 'UTC' AS moment FROM unnest('{2026-03-08,2026-03-29,2026-04-05,2026-10-04,2026-10-25,2026-11-01,2026-06-30,1991-09-15,2150-03-10}'::date[]) d,
    generate_series(d - interval '14 hours', d + interval '38 hours', interval '15 minutes') m (moment);
SELECT pg_temp.add(array_fill(8::bigint, ARRAY[count(*)::int]), array_agg(q.moment::date), array_fill(1, ARRAY[count(*)::int]), array_fill(1, ARRAY[count(*)::int]),
                   array_fill(1::bigint, ARRAY[count(*)::int]), array_agg(q.moment)) FROM quarter q;
SELECT count(*) AS spans, count(*) FILTER (WHERE x.kept <> x.told) AS differ, sum(x.told) > 2000 AS are_many
FROM (SELECT (SELECT crm._purchase_lines_measure(array_agg(c.lines), ROW(ARRAY[ROW('count', '-infinity', 'infinity', 1, '>', '{0}', false)::crm.purchase_question], NULL, NULL, NULL, NULL, NULL,
                         NULL, NULL, s.from_clock, s.to_clock, z.zone, NULL, NULL, NULL, NULL, NULL, NULL)::crm.purchase_line_question, '2026-06-30', 2)
              FROM crm.purchase_line_chunk c WHERE c.source_record_id = 8) AS kept,
             (SELECT count(*) FROM quarter q, LATERAL (SELECT (q.moment AT TIME ZONE z.zone)::time AS t) t
              WHERE CASE WHEN s.from_clock < s.to_clock THEN t.t >= s.from_clock AND t.t < s.to_clock ELSE t.t >= s.from_clock OR t.t < s.to_clock END) AS told
      FROM unnest('{Asia/Shanghai,Pacific/Pago_Pago,Pacific/Kiritimati,America/New_York,Australia/Lord_Howe,Asia/Kathmandu,Europe/Berlin,America/Santiago}'::text[]) z (zone)
           CROSS JOIN (VALUES (time '01:30', time '02:30'), ('02:00', '03:00'), ('00:00', '00:15'), ('23:30', '01:00')) s (from_clock, to_clock)) x;
DELETE FROM crm.purchase_line_chunk WHERE source_record_id = 8;
-- values of any sign and size, few and many, each once and the most of one and the same
CREATE TEMP TABLE priced AS SELECT n, (CASE i % 5 WHEN 0 THEN i % 7 WHEN 1 THEN -(i % 11) * 300 WHEN 2 THEN hashint8(i % 90) ELSE hashint8extended(i % 150, 7) / 2 END)::bigint AS amount
FROM unnest('{1,2,16,17,60,256,257,900}'::int[]) n, generate_series(1, n) i;
SELECT pg_temp.add(array_agg(n::bigint), array_agg(date '2026-06-01' + (amount % 20)::int), array_agg(1 + abs(amount % 7)::int), array_fill(1, ARRAY[count(*)::int]), array_agg(amount)) FROM priced;
SELECT count(*) AS asked, count(*) FILTER (WHERE crm._purchase_lines_measure(k.chunks, pg_temp.asks('distinct', 'amount'), '2026-06-30', 2) = w.amounts
                                              AND crm._purchase_lines_measure(k.chunks, pg_temp.asks('count', same => 'amount'), '2026-06-30', 2) = w.most) AS same
FROM (SELECT n, count(*) AS amounts, max(times) AS most FROM (SELECT n, amount, count(*) AS times FROM priced GROUP BY 1, 2) x GROUP BY n) w,
     LATERAL (SELECT array_agg(c.lines ORDER BY c.from_day DESC, c.from_key) AS chunks FROM crm.purchase_line_chunk c WHERE c.source_record_id = w.n) k;
DELETE FROM crm.purchase_line_chunk WHERE source_record_id IN (SELECT n FROM priced);
SELECT crm._purchase_lines_collect_final('\x01');
SELECT crm._purchase_lines_collect(1, '\x02ff', ARRAY[pg_temp.asks('count')], '2026-06-30', 2, NULL);

BEGIN;
-- 2. orders, revisions, cancellations, refunds of orders and of lines, moved ones, in any order: kept is what is recomputed
INSERT INTO crm.source (source_id, code, name, kind, created_at) VALUES (9510, 'lines', 'lines', 'pos', '2026-01-01');
INSERT INTO crm.source_record (source_record_id, source_id, kind, external_id, is_history, received_at)
SELECT 951000 + g, 9510, 'member', 'm' || g, false, '2026-01-01' FROM generate_series(1, 60) g;
INSERT INTO crm.customer (customer_id, status, registered_at, registered_on, updated_at)
SELECT 951500 + g, 'active', '2026-01-01', '2026-01-01', '2026-01-01' FROM generate_series(1, 40) g;
INSERT INTO crm.membership (source_record_id, valid_from, customer_id)
SELECT 951000 + g, '2026-01-01', 951500 + 1 + (g - 1) % 40 FROM generate_series(1, 60) g;
INSERT INTO crm.region (region_id, code, name) VALUES (9510, 'lines', 'lines');
INSERT INTO crm.store (store_id, region_id, code, name, time_zone) VALUES (95101, 9510, 'LS1', 'one', 'Asia/Shanghai'), (95102, 9510, 'LS2', 'two', 'Asia/Shanghai'), (95103, 9510, 'LS3', 'three', 'America/New_York');
CREATE FUNCTION pg_temp.bought(no int, record int, day date, status text, version int) RETURNS crm.order_fact LANGUAGE plpgsql AS $$
DECLARE
    at timestamptz := (day + time '00:00') AT TIME ZONE 'Asia/Shanghai' + CASE WHEN random() < 0.5 THEN interval '1 minute' * (random() * 1439)::int ELSE interval '1 day' * random() END;
BEGIN
    RETURN ROW(no, 9510, 'O' || no, 951000 + record, 951500 + 1 + (record - 1) % 40, CASE WHEN random() < 0.8 THEN 95101 + (random() * 2)::int END,
        (ARRAY['store', 'online', '', NULL, 'mini'])[1 + (random() * 4)::int], CASE WHEN random() < 0.05 THEN 'cancellation' ELSE 'sale' END, status,
        at, CASE WHEN random() < 0.9 THEN at END, day, NULL, 0, NULL,
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

-- 3. what rules find: packed, of everybody, of given persons and one by one, and in the rows themselves (the same kind without packed facts)
ANALYZE crm.customer, crm.membership, crm.source_record, crm.customer_order, crm.order_item, crm.product, crm.purchase_line_chunk;
SELECT crm._rule_source_put('item_row', s.room, s.shape, s.relation, s.spec - 'packed') FROM crm.rule_source s WHERE s.kind = 'item';
-- random questions by 8 clocks of the world, as of days with 23, 24 and 25 hours
CREATE TEMP TABLE zone_before AS SELECT s.value FROM crm.room_setting s WHERE s.name = 'core.time_zone';
DO $$
DECLARE
    zones text[] := '{Asia/Shanghai,Pacific/Pago_Pago,Pacific/Kiritimati,America/New_York,Australia/Lord_Howe,Asia/Kathmandu,Europe/Berlin,UTC}';
    moments timestamptz[] := '{2026-06-30 12:00+08,2026-03-08 12:00-04,2026-03-29 12:00+02,2026-04-05 12:00+10,2026-05-01 00:30+08}';
    measures jsonb[] := ARRAY['{}', '{"measure": "never"}', '{"measure": "count", "op": ">=", "value": 2}', '{"measure": "count", "op": "=", "value": 0}',
        '{"measure": "sum", "field": "amount", "op": ">", "value": 80.5}', '{"measure": "sum", "field": "quantity", "op": "<=", "value": 6.25}',
        '{"measure": "average", "field": "amount", "op": ">=", "value": 45}', '{"measure": "average", "field": "quantity", "op": "missing"}',
        '{"measure": "last", "op": "<=", "value": 40}', '{"measure": "first", "op": "between", "value": [20, 120]}', '{"measure": "last", "op": "missing"}',
        '{"measure": "days", "op": ">=", "value": 3}', '{"measure": "days", "op": "<", "value": 2}', '{"measure": "min", "field": "amount", "op": "<", "value": 20}',
        '{"measure": "max", "field": "amount", "op": ">=", "value": 70.5}', '{"measure": "max", "field": "quantity", "op": "not_in", "value": [3, 2.5]}', '{"measure": "min", "field": "quantity", "op": "missing"}',
        '{"measure": "distinct", "field": "product", "op": ">=", "value": 3}', '{"measure": "distinct", "field": "category", "op": "=", "value": 2}',
        '{"measure": "distinct", "field": "store", "op": "<=", "value": 1}', '{"measure": "distinct", "field": "channel", "op": ">", "value": 1}',
        '{"measure": "distinct", "field": "amount", "op": ">=", "value": 4}', '{"measure": "streak", "op": ">=", "value": 2}', '{"measure": "streak", "op": "=", "value": 1}',
        '{"measure": "streak", "same": "store", "op": ">=", "value": 2}', '{"measure": "streak", "same": "category", "op": "<", "value": 1}',
        '{"measure": "count", "same": "product", "op": ">=", "value": 2}', '{"measure": "count", "same": "category", "op": ">=", "value": 3}', '{"measure": "count", "same": "channel", "op": "<=", "value": 2}',
        '{"measure": "baseline", "days": 30, "op": "<=", "value": 0.7}', '{"measure": "baseline", "days": 20, "windows": 5, "at_least": 3, "op": ">", "value": 1}', '{"measure": "baseline", "days": 14, "op": "missing"}'];
    tests jsonb[] := ARRAY['{}', '{}', '{"product": "lp3"}', '{"product": ["lp1", "lp2"]}', '{"category": "lc2"}', '{"category": ["lc0", "lc1"], "product": "lp5"}',
        '{"product": {"op": "missing"}}', '{"category": {"op": "<>", "value": "lc1"}}', '{"category": {"op": "missing"}}', '{"product": {"op": "not_in", "value": ["lp1", "lp4"]}}',
        '{"store": "LS1"}', '{"store": ["LS2", "LS3"], "category": "lc1"}', '{"store": {"op": "missing"}}', '{"store": {"op": "<>", "value": "LS1"}, "channel": "store"}',
        '{"channel": {"op": "starts_with", "value": "o"}}', '{"channel": {"op": "<>", "value": "online"}}', '{"channel": ["mini", "nowhere"]}',
        '{"amount": {"op": ">=", "value": 45.5}}', '{"amount": {"op": "<>", "value": 0}, "quantity": {"op": "between", "value": [0.5, 2]}}', '{"quantity": {"op": "in", "value": [1, 2, 3]}}', '{"amount": {"op": "missing"}}'];
    whens jsonb[] := ARRAY['{}', '{}', '{"days": 60}', '{"days": [30, 120]}', '{"since": "2026-03-01", "until": "2026-05-31"}', '{"hours": 2000}', '{"hours": 30}', '{"weekdays": [6, 7]}',
        '{"at": {"from": "09:00", "to": "17:30"}}', '{"at": {"from": "22:00", "to": "02:00"}}', '{"at": {"from": "01:30", "to": "02:30"}, "weekdays": [7, 1]}', '{"days": 90, "at": {"from": "00:00", "to": "00:01"}}'];
    everybody bigint[] := ARRAY(SELECT c.customer_id FROM crm.customer c WHERE c.status = 'active' ORDER BY 1);
    rule jsonb;
    row_rule jsonb;
    moment timestamptz;
    found bigint[];
    numbers int := 0;
    not_packed int := 0;
    n int := 0;
BEGIN
    FOR z IN 1 .. cardinality(zones) LOOP
        UPDATE crm.room_setting s SET value = to_jsonb(zones[z]) WHERE s.name = 'core.time_zone';
        FOR turn IN 1 .. 40 LOOP
            rule := '{"kind": "item"}' || whens[1 + (random() * (cardinality(whens) - 1))::int] || measures[1 + (random() * (cardinality(measures) - 1))::int];
            IF rule ->> 'measure' = 'baseline' THEN
                rule := rule - '{since,until}'::text[];
            END IF;
            rule := rule || jsonb_build_object('where', tests[1 + (random() * (cardinality(tests) - 1))::int]);
            IF rule -> 'where' = '{}' THEN
                rule := rule - 'where';
            END IF;
            row_rule := rule || '{"kind": "item_row"}';
            moment := moments[1 + (random() * (cardinality(moments) - 1))::int];
            found := crm.bitmap_array(crm._rule_set(row_rule, moment));
            IF found <> crm.bitmap_array(crm._rule_set(rule, moment)) OR found <> crm._rule_fit(rule, everybody, moment) OR found <> crm._rule_fit(row_rule, everybody, moment)
               OR EXISTS (SELECT FROM unnest(crm._rule_fit_sets(jsonb_build_array(rule, row_rule), everybody, moment)) f WHERE crm.bitmap_array(f) <> found) THEN
                RAISE WARNING 'not the same in % as of %: %', zones[z], moment, rule;
            END IF;
            not_packed := not_packed + (crm._rule_statement(rule, 'everybody') !~ 'purchase_line_chunk' OR crm._rule_statement(rule, 'everybody') ~ 'purchased_item')::int;
            numbers := numbers + (cardinality(found) BETWEEN 1 AND cardinality(everybody) - 1)::int;
            n := n + 1;
        END LOOP;
    END LOOP;
    RAISE WARNING '% rules, of many % persons fit and others do not; not packed: %', n, CASE WHEN numbers > 130 THEN 'some' ELSE numbers::text END, not_packed;
END $$;
UPDATE crm.room_setting s SET value = b.value FROM zone_before b WHERE s.name = 'core.time_zone';
SELECT crm._rule_statement('{"kind": "item", "measure": "count", "same": "amount", "value": 3}', 'persons') ~ 'purchased_item' AS of_one_amount;
-- explained with the numbers that rows have
SELECT count(*), count(*) FILTER (WHERE (p.e ->> 'found')::numeric IS DISTINCT FROM (r.e ->> 'found')::numeric) AS differ
FROM crm.customer c CROSS JOIN unnest('{"{\"measure\": \"max\", \"field\": \"amount\", \"value\": 1}","{\"measure\": \"distinct\", \"field\": \"store\", \"value\": 1}","{\"measure\": \"baseline\", \"days\": 40, \"value\": 1}","{\"measure\": \"streak\", \"value\": 1}"}'::jsonb[]) m,
     LATERAL (SELECT crm._rule_explain('{"kind": "item"}' || m, c.customer_id, crm.core_now()) -> 0 AS e) p,
     LATERAL (SELECT crm._rule_explain('{"kind": "item_row"}' || m, c.customer_id, crm.core_now()) -> 0 AS e) r
WHERE c.customer_id BETWEEN 951501 AND 951540;
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
    rules jsonb[] := ARRAY['{"kind": "item", "where": {"category": "lc1"}, "days": 30, "measure": "count", "op": ">=", "value": 2}',
        '{"kind": "item", "where": {"store": "LS1"}, "days": 20, "measure": "distinct", "field": "product", "op": ">=", "value": 2}', '{"kind": "item", "hours": 240, "where": {"channel": "online"}}',
        '{"kind": "item", "measure": "baseline", "days": 20, "op": "<=", "value": 0.7}', '{"kind": "item", "days": 25, "at": {"from": "08:00", "to": "20:00"}, "measure": "max", "field": "amount", "op": ">", "value": 60}'];
    moment timestamptz := '2026-05-01 12:00+08';
    missed int;
    moved int;
    was crm.bitmap;
    is_now crm.bitmap;
BEGIN
    FOR r IN 1 .. cardinality(rules) LOOP
        missed := 0;
        moved := 0;
        was := crm._rule_set(rules[r], moment);
        FOR d IN 1 .. 40 LOOP
            is_now := crm._rule_set(rules[r], moment + d * interval '1 day');
            moved := moved + crm.bitmap_count((was OPERATOR(crm.-) is_now) OPERATOR(crm.|) (is_now OPERATOR(crm.-) was))::int;
            missed := missed + crm.bitmap_count(((was OPERATOR(crm.-) is_now) OPERATOR(crm.|) (is_now OPERATOR(crm.-) was))
                      OPERATOR(crm.-) crm.bitmap((crm._rule_moved_apart(rules[r], moment + (d - 1) * interval '1 day', moment + d * interval '1 day')).persons))::int;
            was := is_now;
        END LOOP;
        RAISE WARNING 'moved %, missed %', moved > 5, missed;
    END LOOP;
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
    pg_temp.asks('count', products => ARRAY(SELECT product_id FROM crm.product WHERE code ~ 'lp[1-3]')), pg_temp.asks('sum', 'amount', amounts => '{300}', from_day => '2026-01-01'),
    pg_temp.asks('last', op => '<=', amounts => '{90}', is_turned => true), pg_temp.asks('distinct', 'product', op => '>', amounts => '{3}'),
    pg_temp.asks('streak', op => '>=', amounts => '{2}'), pg_temp.asks('count', same => 'store', op => '>=', amounts => '{4}'), pg_temp.asks('max', 'amount', op => '<', amounts => '{80}')] AS asked \gset
SELECT count(*) FROM (
    SELECT crm._purchase_lines_collect(source_record_id, lines, :'asked', '2026-06-30', 2, NULL) AS sets FROM crm.purchase_line_chunk) p,
   (SELECT crm._purchase_lines_collect(source_record_id, lines, :'asked', '2026-06-30', 2, NULL) AS sets FROM (SELECT * FROM crm.purchase_line_chunk OFFSET 0) x) s,
   (SELECT crm._purchase_lines_collect(source_record_id, lines, :'asked', '2026-06-30', 2, NULL) OVER (ORDER BY source_record_id, from_day, from_key ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS sets
    FROM crm.purchase_line_chunk ORDER BY source_record_id DESC, from_day DESC, from_key DESC LIMIT 1) w
WHERE p.sets::text = s.sets::text AND w.sets::text = s.sets::text AND crm.bitmap_count(s.sets[1]) > 3 AND crm.bitmap_count(s.sets[2]) > 3 AND crm.bitmap_count(s.sets[3]) > 0
  AND crm.bitmap_count(s.sets[4]) BETWEEN 4 AND 39 AND crm.bitmap_count(s.sets[5]) BETWEEN 1 AND 39 AND crm.bitmap_count(s.sets[6]) BETWEEN 1 AND 39 AND crm.bitmap_count(s.sets[7]) BETWEEN 1 AND 39;
-- who has one chunk is answered as soon as it is read: the same, one after the other and split among workers
SELECT crm.bitmap_array(crm._rule_shared(r.map, '{4,7}'::crm.bitmap)) AS several_records_or_one_of_these FROM (SELECT crm._rule_map(m.record, m.person) AS map FROM (VALUES (1, 11), (2, 12), (3, 11), (4, 13), (5, 14)) m (record, person)) r;
SELECT count(*) FROM (
    SELECT crm._purchase_lines_collect(source_record_id, lines, :'asked', '2026-06-30', 2, NULL) AS sets FROM crm.purchase_line_chunk) p,
   (SELECT crm.bitmap_agg(source_record_id) AS records FROM crm.purchase_line_chunk WHERE from_day > '-infinity') several,
   LATERAL (SELECT crm._purchase_lines_collect(source_record_id, lines, :'asked', '2026-06-30', 2, several.records) AS sets FROM crm.purchase_line_chunk) w,
   LATERAL (SELECT crm._purchase_lines_collect(source_record_id, lines, :'asked', '2026-06-30', 2, several.records) AS sets FROM (SELECT * FROM crm.purchase_line_chunk ORDER BY from_day DESC OFFSET 0) x) o
WHERE p.sets::text = w.sets::text AND p.sets::text = o.sets::text AND crm.bitmap_count(several.records) BETWEEN 1 AND 30;
ALTER TABLE crm.purchase_line_chunk RESET (parallel_workers);
ROLLBACK;
