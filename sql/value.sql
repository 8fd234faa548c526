-- value: tiers by preset, their boundaries, changes by age, scores, and increments that equal a full recomputation.
\set VERBOSITY terse
SET client_min_messages = warning;
SET datestyle = 'ISO';
SET timezone = 'UTC';
-- superuser: sees every person
SELECT set_config('crm.access_claims', '{"actor": "regress", "role": "crm_headquarters", "stores": [], "all": true}', false) <> '' AS claims;

-- 1. the preset has a tier for every state; read literally, the four tiers of the source text have not
SELECT kind, tiers FROM crm.value_tier_check() ORDER BY kind, tiers;
SELECT kind, count(*) > 0 AS found FROM crm._value_tier_check('[
    {"tier": "S", "conditions": [{"metric": "orders", "days": 30, "op": ">=", "value": 2}, {"metric": "net", "days": 30, "op": ">", "value": 300}]},
    {"tier": "A", "conditions": [{"metric": "orders", "days": 90, "op": ">=", "value": 3}]},
    {"tier": "B", "conditions": [{"metric": "orders", "op": ">=", "value": 1}, {"metric": "orders", "op": "<=", "value": 2}, {"metric": "last_days", "op": ">", "value": 60}]},
    {"tier": "C", "conditions": [{"metric": "last_days", "op": ">", "value": 180}]}]', 2) GROUP BY kind ORDER BY kind;
SELECT example FROM crm._value_tier_check('[{"tier": "x", "conditions": [{"metric": "last_days", "op": "<=", "value": 10}]}, {"tier": "y", "conditions": [{"metric": "first_days", "op": ">", "value": 10}]}]', 2)
WHERE kind = 'gap';
SELECT kind, tiers FROM crm._value_tier_check('[{"tier": "all", "conditions": []}, {"tier": "never", "conditions": []}]', 2) ORDER BY 1;
-- what lies between two measures: a last order that is the first, orders of a window that are all there are
SELECT kind, example FROM crm._value_tier_check('[{"tier": "a", "conditions": [{"metric": "last_days", "op": "<=", "value": 24}]}, {"tier": "b", "conditions": [{"metric": "first_days", "op": "<=", "value": 4}]},
    {"tier": "c", "conditions": [{"metric": "orders", "op": "<", "value": 1}]}]', 2) WHERE kind = 'gap';
SELECT kind, example FROM crm._value_tier_check('[{"tier": "a", "conditions": [{"metric": "orders", "days": 30, "op": "<=", "value": 3}]}, {"tier": "b", "conditions": [{"metric": "orders", "op": "<=", "value": 2}]}]', 2) WHERE kind = 'gap';
-- random rules against random histories: who has no tier is a gap that was told, and nobody has a tier that was said to be unreachable
DO $$
DECLARE
    rules jsonb;
    conditions jsonb;
    metric text;
    told record;
    reached text[];
    history crm.purchase_history;
    missed int := 0;
    denied int := 0;
    gaps int := 0;
    met int := 0;
BEGIN
    PERFORM setseed(0.3);
    FOR i IN 1 .. 120 LOOP
        rules := '[]';
        FOR j IN 1 .. 1 + (random() * 3)::int LOOP
            conditions := '[]';
            FOR k IN 1 .. (random() * 2.4)::int LOOP
                metric := (ARRAY['orders', 'net', 'last_days', 'first_days'])[1 + (random() * 3)::int];
                conditions := conditions || jsonb_build_array(jsonb_build_object('metric', metric, 'op', (ARRAY['<', '<=', '>', '>=', '='])[1 + (random() * 4)::int],
                    'value', CASE metric WHEN 'orders' THEN (random() * 4)::int WHEN 'net' THEN (random() * 50)::int ELSE (random() * 60)::int END)
                    || CASE WHEN metric IN ('orders', 'net') AND random() < 0.6 THEN jsonb_build_object('days', (ARRAY[7, 30, 60])[1 + (random() * 2)::int]) ELSE '{}' END);
            END LOOP;
            rules := rules || jsonb_build_array(jsonb_build_object('tier', 't' || j, 'conditions', conditions));
        END LOOP;
        SELECT bool_or(kind = 'gap') AS has_gap, array_agg(tiers[1]) FILTER (WHERE kind = 'unreachable') AS unreachable INTO told FROM crm._value_tier_check(rules, 2);
        reached := '{}';
        FOR person IN 1 .. 100 LOOP
            SELECT crm.purchase_history(array_agg(d ORDER BY d), array_agg(d ORDER BY d), array_agg(a)) INTO history
            FROM (SELECT date '2026-06-30' - (random() * random() * 75)::int AS d, (random() * 3000)::bigint - CASE WHEN random() < 0.15 THEN 2000 ELSE 0 END AS a FROM generate_series(1, (random() * 5)::int + person * 0)) x;
            reached := reached || (crm._value_state(rules, 2, CASE WHEN history IS NOT NULL THEN ARRAY[history] END, '2026-06-30')).tier;
        END LOOP;
        missed := missed + (('-' = ANY (reached)) AND NOT coalesce(told.has_gap, false))::int;
        denied := denied + coalesce(told.unreachable && reached, false)::int;
        gaps := gaps + coalesce(told.has_gap, false)::int;
        met := met + ('-' = ANY (reached))::int;
    END LOOP;
    RAISE WARNING 'gaps missed %, tiers denied %; gaps there were %, most of them met %', missed, denied, gaps > 15, met > gaps * 0.8;
END $$;
-- rules that cannot be read
SELECT * FROM crm._value_tier_check('{}', 2);
SELECT * FROM crm._value_tier_check('[1]', 2);
SELECT * FROM crm._value_tier_check('[{"tier": "x"}]', 2);
SELECT * FROM crm._value_tier_check('[{"tier": "x", "conditions": [{"metric": "weight", "op": ">", "value": 1}]}]', 2);
SELECT * FROM crm._value_tier_check('[{"tier": "x", "conditions": [{"metric": "net", "op": ">", "value": 1.005}]}]', 2);
SELECT * FROM crm._value_tier_check('[{"tier": "x", "conditions": [{"metric": "orders", "op": ">", "value": 1e30}]}]', 2);
SELECT * FROM crm._value_tier_check('[{"tier": "x", "conditions": [{"metric": "last_days", "days": 3, "op": ">", "value": 1}]}]', 2);
SELECT crm.value_tier_check('no such set');

-- 2. boundaries of the preset: ages of purchases in days, with amounts
CREATE FUNCTION pg_temp.tier(purchases text, OUT tier text, OUT next_in int) LANGUAGE sql AS $$
    SELECT (x.s).tier, (x.s).next_change_on - date '2026-06-30' FROM (
        SELECT crm._value_state(crm._value_rules('retail_sabc'), 2, (
            SELECT ARRAY[crm.purchase_history(array_agg(date '2026-06-30' - split_part(p, ':', 1)::int), array_agg(date '2026-06-30' - split_part(p, ':', 1)::int),
                                              array_agg((coalesce(nullif(split_part(p, ':', 2), ''), '100')::numeric * 100)::bigint))]
            FROM unnest(string_to_array(purchases, ' ')) p), '2026-06-30') AS s) x $$;
SELECT what, t.* FROM (VALUES
    (1, '30:150 0:150.01', 'S: the 30th day counts, 300.01'), (2, '30:150 0:150', '300.00 is not S'), (3, '31:150 0:150.01', '31 days old: not in 30'),
    (4, '5:150 5:150.01', 'two orders of one day are one'), (5, '30:400', 'one order is not S'),
    (6, '90 60 31', 'A: three in 90, the 90th counts'), (7, '91 60 31', '91: D'), (8, '120 100 95', 'three ever, none in 90: D'),
    (9, '60', 'N at 60'), (10, '61', 'B at 61'), (11, '180', 'B at 180'), (12, '181', 'C at 181'), (13, '300 180', 'B with two'), (14, '300 200 180', 'D with three at 180'),
    (15, '300 200 181', 'C with three at 181'), (16, '', 'P'), (17, '10:-5', 'a day below zero is no purchase'), (18, '10:100 10:-100', 'refunded whole: P')) v (no, purchases, what),
    pg_temp.tier(v.purchases) t ORDER BY v.no;
-- an order dated ahead counts from its day; a refund known later takes the tier back on its day
SELECT (crm._value_state(crm._value_rules('retail_sabc'), 2, ARRAY['{2026-07-10 2026-07-10 100}']::crm.purchase_history[], '2026-06-30')).*;
SELECT (crm._value_state(crm._value_rules('retail_sabc'), 2, ARRAY['{2026-06-01 2026-06-01 40000; 2026-06-01 2026-07-05 -40000; 2026-06-15 2026-06-15 500}']::crm.purchase_history[], '2026-06-30')).*;
SELECT crm._value_state(crm._value_rules('retail_sabc'), 2, NULL, '2026-06-30'), crm._value_state(NULL, 2, NULL, '2026-06-30') IS NULL AS unknown;
-- next_change_on is exact: day by day nothing changes before it, and on it the tier does
SELECT count(*) AS tried, count(*) FILTER (WHERE before_next <> 1) AS changed_before, count(*) FILTER (WHERE next_tier = tier) AS same_on_it
FROM (SELECT g, setseed(g / 1000.0) FROM generate_series(1, 200) g OFFSET 0) seed,
LATERAL (SELECT ARRAY[crm.purchase_history(array_agg(d), array_agg(d + (random() < 0.2)::int * (random() * 40)::int), array_agg((random() * 30000 - 4000)::bigint))] AS chunks
         FROM (SELECT date '2026-06-30' - (random() * random() * 250)::int + (random() < 0.1)::int * 50 AS d FROM generate_series(0, (g % 9))) x) h,
LATERAL (SELECT (s).tier, (s).next_change_on FROM (SELECT crm._value_state(crm._value_rules('retail_sabc'), 2, h.chunks, '2026-06-30') AS s) y) now_,
LATERAL (SELECT count(DISTINCT (crm._value_state(crm._value_rules('retail_sabc'), 2, h.chunks, d::date)).tier) AS before_next
         FROM generate_series('2026-06-30', coalesce(now_.next_change_on - 1, '2027-12-31'), interval '1 day') d) walked,
LATERAL (SELECT (crm._value_state(crm._value_rules('retail_sabc'), 2, h.chunks, now_.next_change_on)).tier AS next_tier) then_;

-- 3. kept by increments; everything below is undone at the end
BEGIN;
SET LOCAL crm.core_clock = '2026-06-30T12:00:00+08:00';
INSERT INTO crm.source (source_id, code, name, kind, created_at) VALUES (9501, 'value_till', 'till', 'pos', '2026-01-01');
INSERT INTO crm.source_record (source_record_id, source_id, kind, external_id, is_history, received_at)
SELECT 950100 + g, 9501, 'member', 'm' || g, false, '2026-01-01' FROM generate_series(1, 99) g;
INSERT INTO crm.customer (customer_id, status, registered_at, registered_on, updated_at)
SELECT 950200 + g, 'active', '2026-01-01', '2026-01-01', '2026-01-01' FROM generate_series(1, 80) g;
-- persons 1 to 19 have two records
INSERT INTO crm.membership (source_record_id, valid_from, customer_id)
SELECT 950100 + g, '2026-01-01', 950200 + CASE WHEN g > 80 THEN g - 80 ELSE g END FROM generate_series(1, 99) g;
CREATE FUNCTION pg_temp.make_order(ordinal int, no text, record int, day date, amount numeric, status text DEFAULT 'paid') RETURNS crm.order_fact
LANGUAGE sql AS $$
    SELECT ROW(ordinal, 9501, no, 950100 + record, 950200 + CASE WHEN record > 80 THEN record - 80 ELSE record END, NULL, 'store', 'sale', status,
               day + time '02:00', day + time '02:05', day, amount, 0, NULL, '{}', NULL, false,
               sha256(convert_to(concat_ws('|', no, record, day, amount, status), 'UTF8')), day + time '03:00', 1, ordinal)::crm.order_fact $$;
CREATE FUNCTION pg_temp.store(facts crm.order_fact[], is_history boolean DEFAULT false) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM crm._value_on_facts(ARRAY(SELECT DISTINCT o.customer_id FROM crm._purchase_store_orders(facts) o WHERE o.customer_id IS NOT NULL), 'order', is_history);
END $$;
SELECT crm._value_on_facts('{}', 'order', false), crm._value_on_facts('{950201,950202}', 'event', false);
SELECT crm._value_on_facts('{950201,950202}', 'member', false);
SELECT customer_id - 950200 AS person, tier, next_change_on, order_days FROM crm.customer_value WHERE customer_id > 950200 ORDER BY 1;
SELECT pg_temp.store(ARRAY[pg_temp.make_order(1, 'A1', 1, '2026-06-10', 200), pg_temp.make_order(2, 'A2', 81, '2026-06-20', 100.01), pg_temp.make_order(3, 'A3', 2, '2026-06-20', 50)]);
SELECT customer_id - 950200 AS person, tier, tier_since, next_change_on, order_days, net_minor, first_day, last_day FROM crm.customer_value WHERE customer_id > 950200 ORDER BY 1;
SELECT customer_id - 950200 AS person, from_tier, to_tier, changed_on, cause FROM crm.tier_change WHERE customer_id > 950200 ORDER BY change_id;
-- a refund demotes in the same commit
SELECT crm._value_on_facts(array_agg(o.customer_id), 'refund', false)
FROM crm._purchase_store_refunds(ARRAY[ROW(1, 9501, 'R1', 'A2', NULL, 950181, 950201, 0.01, '2026-06-30', '2026-06-30', NULL, NULL, NULL, false, '\x01', '2026-06-30', 1, 1)::crm.refund_fact]) o;
SELECT tier, net_minor FROM crm.customer_value WHERE customer_id = 950201;
SELECT crm.value_tier(950201, '2026-06-29') AS the_day_before, crm.value_tier(950201) AS today;
-- age: moved on the very day, whenever the job runs
SET LOCAL crm.core_clock = '2027-01-15T12:00:00+08:00';
SELECT crm._value_age(), crm._value_age(), crm._value_age(), crm._value_age();
SELECT customer_id - 950200 AS person, from_tier, to_tier, changed_on, cause FROM crm.tier_change WHERE customer_id > 950200 AND cause = 'age' ORDER BY customer_id, change_id;
SELECT customer_id - 950200 AS person, tier, tier_since, next_change_on FROM crm.customer_value WHERE customer_id > 950200 ORDER BY 1;
SET LOCAL crm.core_clock = '2026-06-30T12:00:00+08:00';
-- merge: the survivor has both histories; the other's row goes, its changes stay
UPDATE crm.membership SET valid_to = '2026-06-30' WHERE source_record_id = 950102;
INSERT INTO crm.membership (source_record_id, valid_from, customer_id) VALUES (950102, '2026-06-30', 950201);
UPDATE crm.customer SET status = 'merged', merged_into = 950201 WHERE customer_id = 950202;
SELECT crm._value_on_membership(950201, 950202, '{950102}', 'merge');
SELECT customer_id - 950200 AS person, tier, order_days, net_minor FROM crm.customer_value WHERE customer_id > 950200 ORDER BY 1;
SELECT to_tier, cause FROM crm.tier_change WHERE customer_id = 950201 ORDER BY change_id DESC LIMIT 1;

-- 4. many at once are marked and drained; random orders, revisions, refunds, backdated: increments equal a recomputation
SELECT pg_temp.store((SELECT array_agg(pg_temp.make_order(g, 'B' || g, g, '2026-05-01', 10 * g)) FROM generate_series(3, 60) g), true);
SELECT count(*) AS marked, min(cause) AS cause FROM crm.value_dirty;
SELECT crm._value_drain() AS left_over;
SELECT count(*) AS marked FROM crm.value_dirty;
SELECT to_tier, cause, count(*) FROM crm.tier_change WHERE customer_id BETWEEN 950203 AND 950260 GROUP BY 1, 2 ORDER BY 1, 2;
DO $$
DECLARE
    what float8;
    no int;
BEGIN
    PERFORM setseed(0.42);
    FOR step IN 1 .. 600 LOOP
        PERFORM set_config('crm.core_clock', to_char(timestamp '2026-01-01 04:00' + step * interval '8 hours', 'YYYY-MM-DD HH24:MI') || '+00', true);
        what := random();
        no := (random() * 200)::int;
        IF what < 0.6 THEN      -- a new order or a revision of one, now and then backdated, unpaid, or of another record
            PERFORM pg_temp.store(ARRAY[pg_temp.make_order(1, 'P' || no, 3 + (no % 60) + (random() < 0.1)::int,
                (timestamp '2026-01-01' + step * interval '8 hours')::date - (random() < 0.3)::int * (random() * 60)::int, round((random() * 400)::numeric, 2),
                CASE WHEN random() < 0.15 THEN 'cancelled' ELSE 'paid' END)]);
        ELSIF what < 0.85 THEN  -- a refund, sometimes of an order still to come
            PERFORM crm._value_on_facts(array_remove(array_agg(o.customer_id), NULL), 'refund', false)
            FROM crm._purchase_store_refunds(ARRAY[ROW(1, 9501, 'Q' || (random() * 80)::int, 'P' || no, NULL, 950170, NULL, round((random() * 200)::numeric, 2),
                timestamp '2026-01-01' + step * interval '8 hours', (timestamp '2026-01-01' + step * interval '8 hours')::date, NULL, NULL, NULL, false,
                decode(md5(step::text), 'hex'), '2026-06-30', 1, 1)::crm.refund_fact]) o;
        ELSE
            PERFORM crm._value_age();
        END IF;
    END LOOP;
END $$;
SELECT count(*) > 250 AS orders_and_revisions, count(*) FILTER (WHERE NOT is_current) > 60 AS revisions FROM crm.customer_order WHERE source_id = 9501;
SELECT count(*) FILTER (WHERE purchase_day IS NOT NULL) > 30 AS applied, count(*) FILTER (WHERE purchase_day IS NULL) > 0 AS waiting_or_old FROM crm.refund WHERE source_id = 9501;
SELECT * FROM crm.purchase_check();
SELECT what, expected, found FROM crm._value_check() WHERE found <> 'none';
SELECT count(*) AS kept, (SELECT count(DISTINCT tier) FROM crm.customer_value) AS tiers FROM crm.customer_value;
-- who bought before the day came is looked at too early, never too late; the job moves the day on and nobody waits
SELECT count(*) FILTER (WHERE look_on < next_change_on) > 0 AS early, count(*) FILTER (WHERE (look_on <= next_change_on) IS FALSE OR look_on IS NULL AND next_change_on IS NOT NULL) AS late
FROM crm.customer_value;
SET LOCAL crm.core_clock = '2026-07-20T12:00:00+08:00';
SELECT crm._value_age();
SELECT count(*) FILTER (WHERE look_on <= '2026-07-20') AS waiting, count(*) FILTER (WHERE next_change_on <= '2026-07-20') AS behind FROM crm.customer_value;
-- who bought last on some days, found from the orders, is whoever's row says so
SELECT count(*) > 20 AS some, count(*) FILTER (WHERE b.last_day IS DISTINCT FROM v.last_day) AS differ
FROM crm._value_last_bought('2026-03-01', '2026-06-15') b
FULL JOIN (SELECT DISTINCT v.customer_id, v.last_day FROM crm.customer_value v JOIN crm.membership m USING (customer_id) JOIN crm.customer_order o USING (source_record_id)
           WHERE v.last_day > '2026-03-01' AND v.last_day <= '2026-06-15') v USING (customer_id);
-- and how many did before, by one look at everybody, is what a count says; no more are named than are wanted
SELECT count(*) > 10 AS days, count(DISTINCT s.earlier) > 10 AS telling,
       count(*) FILTER (WHERE s.earlier <> (SELECT count(*) FROM crm.customer_value v WHERE v.last_day < d) OR s.persons <> (SELECT array_agg(v.customer_id ORDER BY v.customer_id) FROM crm.customer_value v WHERE v.last_day = d)) AS differ
FROM (SELECT DISTINCT v.last_day AS d FROM crm.customer_value v WHERE v.last_day IS NOT NULL) x, LATERAL (SELECT w.earlier, ARRAY(SELECT p FROM unnest(w.persons) p ORDER BY p) AS persons FROM crm._value_silent(d, 1000000) w) s;
SELECT * FROM crm._value_silent('-infinity', 10);
SELECT cardinality(s.persons) AS wanted, s.earlier > 0 AS earlier FROM (SELECT v.last_day AS d FROM crm.customer_value v GROUP BY 1 HAVING count(*) > 1 ORDER BY 1 DESC NULLS LAST LIMIT 1) x, LATERAL crm._value_silent(d, 1) s;
CREATE TEMP TABLE aged AS SELECT customer_id, tier, next_change_on, order_days, net_minor, first_day, last_day FROM crm.customer_value;
SELECT crm.value_refresh() >= 80 AS refreshed;
SELECT count(*) AS differ FROM (SELECT * FROM aged EXCEPT SELECT customer_id, tier, next_change_on, order_days, net_minor, first_day, last_day FROM crm.customer_value) d;
-- each change continues where the one before ended, and the last is what is kept
SELECT count(*) AS broken FROM (SELECT from_tier, lag(to_tier) OVER w AS before_, row_number() OVER w AS n FROM crm.tier_change
    WHERE customer_id > 950202 WINDOW w AS (PARTITION BY customer_id ORDER BY change_id)) c WHERE n > 1 AND from_tier IS DISTINCT FROM before_;
SELECT count(*) AS broken FROM crm.customer_value v, LATERAL (SELECT to_tier FROM crm.tier_change t WHERE t.customer_id = v.customer_id ORDER BY change_id DESC LIMIT 1) l
WHERE v.tier <> l.to_tier;
-- the check finds what was changed by hand
UPDATE crm.customer_value SET tier = 'S', net_minor = net_minor + 1 WHERE customer_id = 950230;
SELECT what, found <> expected AS differs FROM crm._value_check() WHERE found <> 'none';

ROLLBACK;

-- 5. scores: ties together, n-tiles, thresholds; cut points; the daily run once a day
SELECT crm._value_cuts('{1,1,1,2,3}', 5), crm._value_cuts('{}', 5), crm._value_cuts('{5,1,4,2,3}', 5), crm._value_cuts('{7,7,7}', 3);
SELECT p, crm._value_score(p, crm._value_cuts('{1,1,1,2,3}', 5)) AS score FROM unnest('{0,1,2,3,4}'::bigint[]) p;
SELECT crm._value_cuts('{1}', 1);
SELECT crm.value_rfm('none', '2026-06-29');
-- over random values with ties: the score is ceil(5 x the share of values that are not above)
SELECT count(*) AS tried, count(*) FILTER (WHERE crm._value_score(v, cuts) <> (5 * not_above + n - 1) / n) AS wrong
FROM (SELECT setseed(0.5)) seed,
LATERAL (SELECT array_agg(v) AS vs, crm._value_cuts(array_agg(v), 5) AS cuts FROM (SELECT (random() * random() * 40)::bigint AS v FROM generate_series(1, 777)) x) a,
LATERAL (SELECT v, count(*) OVER (ORDER BY v) AS not_above, count(*) OVER () AS n FROM unnest(vs) v) r;

BEGIN;
SET LOCAL crm.core_clock = '2026-06-30T12:00:00+08:00';
INSERT INTO crm.source (source_id, code, name, kind, created_at) VALUES (9501, 'value_till', 'till', 'pos', '2026-01-01');
INSERT INTO crm.source_record (source_record_id, source_id, kind, external_id, is_history, received_at)
SELECT 950100 + g, 9501, 'member', 'm' || g, false, '2026-01-01' FROM generate_series(1, 11) g;
INSERT INTO crm.customer (customer_id, status, registered_at, registered_on, updated_at)
SELECT 950200 + g, 'active', '2026-01-01', '2026-01-01', '2026-01-01' FROM generate_series(1, 11) g;
INSERT INTO crm.membership (source_record_id, valid_from, customer_id) SELECT 950100 + g, '2026-01-01', 950200 + g FROM generate_series(1, 11) g;
-- persons 1 to 6 bought once, 7 and 8 twice, 9 three times, 10 five times, 11 never
INSERT INTO crm.purchase_chunk (source_record_id, from_day, history)
SELECT 950100 + g, '-infinity', crm.purchase_history(array_agg(d), array_agg(d), array_agg((g * 1000)::bigint))
FROM unnest('{1,1,1,1,1,1,2,2,3,5}'::int[]) WITH ORDINALITY n (times, g), generate_series(1, n.times) k,
     LATERAL (SELECT date '2026-06-29' - g::int * 10 - k AS d) x GROUP BY g;
SELECT crm.value_refresh('2026-06-29');
CREATE FUNCTION pg_temp.scores(model text, as_of date) RETURNS TABLE (person bigint, rfm text, recency_days int, order_days int, net numeric) LANGUAGE sql AS $$
    SELECT customer_id - 950200, concat(r, f, m), recency_days, order_days, net FROM crm.value_rfm(model, as_of) WHERE customer_id > 950200 ORDER BY 1 $$;
SELECT * FROM pg_temp.scores('quintile', '2026-06-29');
SELECT * FROM pg_temp.scores('ntile', '2026-06-29');
SELECT * FROM pg_temp.scores('retail_threshold', '2026-06-29');
SELECT * FROM pg_temp.scores('quintile', '2026-04-30');
UPDATE crm.rfm_model SET is_live = false WHERE NOT is_active;
SELECT crm._value_daily() > 0 AS more, (SELECT count(*) FROM crm.customer_value WHERE r IS NOT NULL) AS scored;
SELECT crm._value_daily();
SELECT crm._value_daily(), (SELECT count(*) FROM crm.rfm_run) AS runs;
SELECT customer_id - 950200 AS person, concat(r, f, m) AS rfm FROM crm.customer_value WHERE r IS NOT NULL ORDER BY 1;
SELECT dimension, score, lower_bound, upper_bound, person_count FROM crm.rfm_cut ORDER BY 1, 2;
-- the next day one person buys: only changed scores are new rows
UPDATE crm.purchase_chunk SET history = crm._purchase_add(history, '{2026-06-30}', '{2026-06-30}', '{500000}') WHERE source_record_id = 950106;
SET LOCAL crm.core_clock = '2026-07-01T12:00:00+08:00';
SELECT crm._value_daily() > 0, crm._value_daily();
SELECT as_of, customer_id - 950200 AS person, concat(r, f, m) AS rfm FROM crm.rfm_score WHERE as_of = '2026-06-30' ORDER BY customer_id;
SELECT count(*) AS wrong FROM crm.value_rfm('quintile', '2026-06-30') s JOIN crm.customer_value v USING (customer_id) WHERE (s.r, s.f, s.m) IS DISTINCT FROM (v.r, v.f, v.m);
SELECT crm._value_compute('{950206}', '2026-07-01', 'order');
SELECT jsonb_pretty(crm.value_explain(950206, '2026-07-01'));
SELECT crm.value_explain(950211, '2026-05-01') -> 'tier' AS tier, crm.value_explain(950211, '2026-05-01') -> 'rfm' AS rfm;
-- shares and transitions
SELECT * FROM crm.value_tier_shares('2026-07-01');
SELECT * FROM crm.value_tier_transitions('2026-04-30', '2026-07-01');
-- between any two days, whichever comes first: who was where on the one and is where on the other, as shares have it
SELECT count(*) AS pairs, sum(x.wrong) AS wrong, count(*) FILTER (WHERE x.moved) > 5 AS telling
FROM (SELECT (SELECT count(*) FROM (SELECT t.to_tier AS tier, sum(t.persons) AS n FROM crm.value_tier_transitions(a.day, b.day) t GROUP BY 1) s FULL JOIN crm.value_tier_shares(b.day) h USING (tier) WHERE coalesce(s.n, 0) <> coalesce(h.persons, 0))
             + (SELECT count(*) FROM (SELECT t.from_tier AS tier, sum(t.persons) AS n FROM crm.value_tier_transitions(a.day, b.day) t GROUP BY 1) s FULL JOIN crm.value_tier_shares(a.day) h USING (tier)
                WHERE tier <> 'new' AND a.day <= b.day AND coalesce(s.n, 0) <> coalesce(h.persons, 0)) AS wrong,
             EXISTS (SELECT FROM crm.value_tier_transitions(a.day, b.day) t WHERE t.from_tier <> t.to_tier) AS moved
      FROM unnest('{2025-12-31,2026-03-15,2026-05-31,2026-06-30,2026-07-01}'::date[]) a (day), unnest('{2025-12-31,2026-03-15,2026-05-31,2026-06-30,2026-07-01}'::date[]) b (day)) x;
-- a manager's own tiers: refused with a gap, else everybody is computed anew
SAVEPOINT defined;
SELECT crm.value_define_tiers('mine', 'mine', '[{"tier": "big", "conditions": [{"metric": "net", "op": ">", "value": 100}]}]');
ROLLBACK TO defined;
SELECT crm.value_define_tiers('mine', 'mine', '[{"tier": "big", "name_zh": "大", "conditions": [{"metric": "net", "op": ">", "value": 300}]}, {"tier": "small", "conditions": []}]', true, 'key-1');
SELECT crm.value_define_tiers('mine', 'mine', '[{"tier": "big", "name_zh": "大", "conditions": [{"metric": "net", "op": ">", "value": 300}]}, {"tier": "small", "conditions": []}]', true, 'key-1');
SELECT crm._value_drain();
SELECT tier, count(*) FROM crm.customer_value WHERE customer_id > 950200 GROUP BY 1 ORDER BY 1;
SELECT DISTINCT cause, tier_set FROM crm.tier_change WHERE to_tier IN ('big', 'small');
SELECT crm.value_define_rfm('mine', 'threshold', NULL, '{"r": [30], "f": [2], "m": [10000]}', '{"r": 3, "f": 1, "m": 1}');
SELECT crm._value_daily() > 0, crm._value_daily();
SELECT customer_id - 950200 AS person, concat(r, f, m) AS rfm, crm.value_explain(customer_id, '2026-07-01') #> '{rfm,total}' AS total FROM crm.customer_value WHERE customer_id > 950207 ORDER BY 1;
SAVEPOINT defined;
SELECT crm.value_define_rfm('bad', 'threshold', NULL, '{"r": [30]}');
ROLLBACK TO defined;
-- erased and exported
SELECT jsonb_path_query_array(crm._value_on_export(950206), '$.tier_changes[*].to') AS tiers;
SELECT crm._value_on_erase(950206);
SELECT (SELECT count(*) FROM crm.customer_value WHERE customer_id = 950206) AS values, (SELECT count(*) FROM crm.tier_change WHERE customer_id = 950206) AS changes;
ROLLBACK;
-- where rows may not be read past the planner, a statement says the same
BEGIN ISOLATION LEVEL REPEATABLE READ;
INSERT INTO crm.customer_value (customer_id, tier, tier_since, order_days, net_minor, last_day, as_of, updated_at) SELECT 959900 + g, 'B', '1990-01-09', 1, 1, date '1990-01-01' + g / 2, '1990-01-09', crm.core_now() FROM generate_series(0, 7) g;
SELECT * FROM crm._value_silent('1990-01-03', 5);
SELECT cardinality(s.persons) AS wanted FROM crm._value_silent('1990-01-03', 1) s;
ROLLBACK;
