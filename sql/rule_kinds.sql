-- rule_kinds: life cycle, forecasts, groups, badges, changes of tier, prices: what upper rooms register is answered alike of everybody, of given
-- persons, one by one and in an explanation, and as their rows say; what happened under an id that was merged away counts for the survivor.
\set VERBOSITY terse
SET client_min_messages = warning;
SELECT count(*) > 0 AS installed FROM crm.install();
BEGIN;
SET LOCAL crm.core_clock = '2026-06-30T12:00:00+08:00';
INSERT INTO crm.source (source_id, code, name, kind, created_at) VALUES (9789, 'kinds', 'kinds', 'pos', '2026-01-01');
INSERT INTO crm.customer (customer_id, status, registered_at, registered_on, merged_into, updated_at)
SELECT 978900 + g, CASE WHEN g = 12 THEN 'merged' ELSE 'active' END, '2026-01-01', '2026-01-01', CASE WHEN g = 12 THEN 978901 END, '2026-01-01' FROM generate_series(1, 12) g;
INSERT INTO crm.source_record (source_record_id, source_id, kind, external_id, is_history, received_at) SELECT 978800 + g, 9789, 'member', 'k' || g, false, '2026-01-01' FROM generate_series(1, 12) g;
INSERT INTO crm.membership (source_record_id, valid_from, customer_id) SELECT 978800 + g, '2026-01-01', 978900 + CASE WHEN g = 12 THEN 1 ELSE g END FROM generate_series(1, 12) g;
INSERT INTO crm.customer_stage (customer_id, stage, since, as_of) SELECT 978900 + g, (ARRAY['new', 'growing', 'asleep'])[1 + g % 3], date '2026-06-30' - g * 9, '2026-06-29' FROM generate_series(1, 9) g;
INSERT INTO crm.customer_forecast (customer_id, version, as_of, alive, alive_then, churn, horizon_days, orders, orders_low, orders_high, average_minor, lifetime_minor, next_order_on, updated_at)
SELECT 978900 + g, 1, '2026-06-29', g / 10.0, g / 20.0, CASE WHEN g < 4 THEN 'high' ELSE 'low' END, 90, g / 2.0, 0, g, 5000, CASE WHEN g <> 6 THEN g * 1000 END, CASE WHEN g <> 6 THEN date '2026-06-30' + g - 5 END, '2026-06-29' FROM generate_series(1, 10) g;
INSERT INTO crm.customer_cluster (customer_id, run_id, group_no) SELECT 978900 + g, 1, g % 4 FROM generate_series(1, 11) g;
INSERT INTO crm.tier_change (customer_id, change_id, tier_set, from_tier, to_tier, changed_on, changed_at, cause)
SELECT 978900 + g, 9789000 + g, 'retail_sabc', CASE WHEN g > 4 THEN 'A' END, CASE WHEN g % 2 = 0 THEN 'S' ELSE 'B' END, date '2026-06-30' - g * 5, timestamptz '2026-06-30 10:00+08' - g * interval '5 days', CASE WHEN g % 3 = 0 THEN 'refund' ELSE 'order' END FROM generate_series(1, 12) g;
INSERT INTO crm.customer_order (source_record_id, order_id, source_id, external_id, kind, status, ordered_at, paid_at, business_day, amount, discount, coupon_code, line_count, is_history, received_at)
SELECT 978800 + g, 9789100 + g * 10 + n, 9789, 'k' || g || n, 'sale', 'paid', timestamptz '2026-06-20 10:00+08' - n * interval '9 days', '2026-06-20 10:00+08', date '2026-06-20' - n * 9, 90, CASE WHEN (g + n) % 3 = 0 THEN 10 ELSE 0 END, NULL, 1, false, '2026-06-20'
FROM generate_series(1, 12) g, generate_series(1, 4) n;
INSERT INTO crm.badge (badge, name_zh, name_en, reach) VALUES ('kinds_badge', 'k', 'k', '{}');
INSERT INTO crm.badge_held (source_record_id, badge, earned_at) SELECT 978800 + g, 'kinds_badge', timestamptz '2026-06-01' + g * interval '1 day' FROM generate_series(2, 12, 5) g;
-- each kind: who is found, and that all forms agree; spans of persons, one after the other, too
CREATE TEMP TABLE persons AS SELECT array_agg(c.customer_id ORDER BY c.customer_id) AS ids FROM crm.customer c WHERE c.customer_id BETWEEN 978901 AND 978912;
SELECT r.n, r.rule, f.found, f.found = s.everybody AS of_everybody, f.found = s.given AS of_given, f.found = s.of_spans AS of_spans, f.found = s.explained AS explained
FROM (VALUES (1, '{"kind": "stage", "field": "stage", "value": ["new", "growing"]}'::jsonb), (2, '{"kind": "stage", "field": "stage", "op": "missing"}'), (3, '{"kind": "stage", "field": "since.since", "op": "<=", "value": 27}'),
    (4, '{"kind": "forecast", "field": "churn", "value": "high"}'), (5, '{"kind": "forecast", "field": "alive", "op": "<", "value": 0.35}'), (6, '{"kind": "forecast", "field": "next_order_on.until", "op": "between", "value": [0, 2]}'),
    (7, '{"kind": "forecast", "field": "lifetime_minor", "op": "missing"}'), (8, '{"kind": "forecast", "field": "orders", "op": ">=", "value": 4.5}'), (9, '{"kind": "cluster", "field": "group", "value": 3}'), (10, '{"not": {"kind": "cluster", "field": "group", "op": "present"}}'),
    (11, '{"kind": "tier_change", "where": {"to": "S", "cause": "order"}, "days": 40}'), (12, '{"kind": "tier_change", "measure": "count", "where": {"to": "B"}, "op": ">=", "value": 1}'), (13, '{"kind": "tier_change", "measure": "count", "op": "=", "value": 2}'),
    (14, '{"kind": "tier_change", "measure": "last", "op": ">", "value": 40}'), (15, '{"kind": "discount", "measure": "average", "field": "discounted", "op": ">=", "value": 0.5}'), (16, '{"kind": "discount", "measure": "count", "days": 20, "op": ">", "value": 1}'),
    (17, '{"kind": "discount", "measure": "never", "where": {"discounted": {"op": "=", "value": 1}}, "days": 20}'), (18, '{"kind": "badge", "measure": "ever", "where": {"badge": "kinds_badge"}}'), (19, '{"kind": "badge", "measure": "first", "op": ">=", "value": 26}')) r (n, rule)
     CROSS JOIN persons p
     CROSS JOIN LATERAL (SELECT crm._rule_fit(r.rule, p.ids, crm.core_now()) AS found) x
     CROSS JOIN LATERAL (SELECT array(SELECT i - 978900 FROM unnest(x.found) i ORDER BY 1) AS found) f
     CROSS JOIN LATERAL (SELECT array(SELECT i - 978900 FROM unnest(crm.bitmap_array(crm._rule_set(r.rule, crm.core_now()))) i WHERE i = ANY (p.ids) ORDER BY 1) AS everybody,
                                array(SELECT i - 978900 FROM unnest(crm.bitmap_array((crm._rule_fit_sets(jsonb_build_array(r.rule), p.ids, crm.core_now()))[1])) i ORDER BY 1) AS given,
                                array(SELECT i - 978900 FROM crm._rule_apart_onward(r.rule, crm.core_now(), 978900, 5, '1 hour') o, unnest(p.ids) i WHERE i < 978912 AND crm.bitmap_has(o.apart[2], i) <> (r.rule ? 'not') ORDER BY 1) AS of_spans,
                                array(SELECT i - 978900 FROM unnest(p.ids) i WHERE i < 978912 AND (crm._rule_explain(r.rule, i, crm.core_now()) -> 0 ->> 'is_met')::boolean <> (r.rule ? 'not') ORDER BY 1) AS explained) s
ORDER BY r.n;
ROLLBACK;

-- rows of many keys: walked to along the index of a plain table, read by a statement where there is none, the key is no bigint or the table is in parts; columns that went are no matter
BEGIN;
CREATE TABLE public.rows_plain (gone text, id bigint, word text, number int);
ALTER TABLE public.rows_plain DROP gone;
INSERT INTO public.rows_plain SELECT g % 400, CASE WHEN g % 7 > 0 THEN repeat('w', g % 90) END, g FROM generate_series(1, 3000) g;
CREATE TABLE public.rows_part (LIKE public.rows_plain) PARTITION BY RANGE (id);
CREATE TABLE public.rows_part_1 PARTITION OF public.rows_part FOR VALUES FROM (MINVALUE) TO (200);
CREATE TABLE public.rows_part_2 PARTITION OF public.rows_part FOR VALUES FROM (200) TO (MAXVALUE);
INSERT INTO public.rows_part SELECT * FROM public.rows_plain;
CREATE TABLE public.rows_int AS SELECT id::int AS id, word, number FROM public.rows_plain;
CREATE INDEX ON public.rows_int (id);
CREATE FUNCTION pg_temp.differ(name text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    n bigint;
BEGIN
    EXECUTE format($q$WITH k AS (SELECT array_agg(g::bigint ORDER BY random()) AS ids FROM generate_series(-3, 500, 3) g), a AS (SELECT x.* FROM k, crm._rule_rows(NULL::public.%1$I, 'id', k.ids || 0::bigint || NULL::bigint) x),
        b AS (SELECT x.* FROM public.%1$I x, k WHERE x.id = ANY (k.ids)) SELECT count(*) FROM ((TABLE a EXCEPT ALL TABLE b) UNION ALL (TABLE b EXCEPT ALL TABLE a)) d$q$, name) INTO n;
    RETURN n;
END $$;
SELECT pg_temp.differ('rows_plain') AS without_an_index, pg_temp.differ('rows_part') AS in_parts, pg_temp.differ('rows_int') AS of_another_type;
CREATE INDEX ON public.rows_plain (id, number);
SELECT pg_temp.differ('rows_plain') AS walked;
UPDATE public.rows_plain SET word = 'new' WHERE number % 5 = 0;
DELETE FROM public.rows_plain WHERE number % 11 = 0;
SELECT pg_temp.differ('rows_plain') AS after_writes, count(*) AS rows, count(*) FILTER (WHERE x.word = 'new') AS new FROM crm._rule_rows(NULL::public.rows_plain, 'id', '{5,6,7}') x;
SELECT count(*) AS of_no_keys FROM crm._rule_rows(NULL::public.rows_plain, 'id', NULL);
SELECT count(*) AS by_no_column FROM crm._rule_rows(NULL::public.rows_plain, NULL, '{5}');
ALTER TABLE public.rows_plain ADD since text NOT NULL DEFAULT 'ever', ADD points int DEFAULT 5, ADD note text;
INSERT INTO public.rows_plain SELECT g, 'w', g, 'today', 6 FROM generate_series(1, 20) g;
SELECT pg_temp.differ('rows_plain') AS columns_added_since, count(*) AS rows, count(*) FILTER (WHERE x.since = 'ever' AND x.points = 5) AS of_before
FROM crm._rule_rows(NULL::public.rows_plain, 'id', '{5,6,7}') x;
CREATE TABLE public.rows_child () INHERITS (public.rows_plain);
INSERT INTO public.rows_child SELECT g, 'child', g FROM generate_series(1, 20) g;
SELECT pg_temp.differ('rows_plain') AS inherited_from, count(*) FILTER (WHERE x.word = 'child') AS of_the_child FROM crm._rule_rows(NULL::public.rows_plain, 'id', '{5,6,7}') x;
-- columns of any name, those of statements among them
CREATE TABLE public.rows_named (id bigint, x int, y text);
INSERT INTO public.rows_named SELECT g % 40, g, 'y' FROM generate_series(1, 100) g;
SELECT pg_temp.differ('rows_named') AS x_and_y, sum(r.x) AS x FROM crm._rule_rows(NULL::public.rows_named, 'id', '{5,6}') r;
CREATE INDEX ON public.rows_named (id);
SELECT pg_temp.differ('rows_named') AS x_and_y_walked;
-- a house's own kind of facts, whose columns have names that statements quote: about one, about few and about many as about everybody
CREATE TABLE public.house_visit (note text, "user" bigint, "Minutes" int, x int, y int, place text);
CREATE TABLE public.house_place (code text, v text);
INSERT INTO public.house_place VALUES ('shop', 'ground floor');
GRANT SELECT ON public.house_place TO crm_owner;
INSERT INTO crm.customer (customer_id, status, registered_at, registered_on, updated_at) SELECT g, 'active', '2026-01-01', '2026-01-01', '2026-01-01' FROM generate_series(978951, 978959) g;
INSERT INTO public.house_visit SELECT 'x', 978950 + g % 9 + 1, g % 40 FROM generate_series(1, 90) g;
SELECT crm._rule_source_put('visit', 'rule', 'facts', 'public.house_visit', '{"key": "user", "keyed": "person", "as_of": "now", "facts": [], "name_zh": "到店", "name_en": "visits",
    "columns": {"minutes": {"column": "Minutes", "type": "number"}, "place": {"column": "place", "type": "text", "catalogue": {"relation": "public.house_place", "code": "code"}}}}');
SELECT crm.rule_check('{"kind": "visit", "where": {"place": "shop"}}') IS NOT NULL AS a_place_there_is;
CREATE FUNCTION pg_temp.visits() RETURNS TABLE (everybody text, few text, many text) LANGUAGE plpgsql AS $$
DECLARE
    rule CONSTANT jsonb := '{"kind": "visit", "measure": "max", "field": "minutes", "op": ">", "value": 37}';
    ids CONSTANT bigint[] := ARRAY(SELECT g FROM generate_series(978951, 978959) g);
BEGIN
    RETURN QUERY SELECT crm._rule_set(rule, crm.core_now())::text, crm.bitmap(crm._rule_fit(rule, ids, crm.core_now()))::text, (crm._rule_fit_sets(jsonb_build_array(rule), ids, crm.core_now()))[1]::text;
END $$;
SELECT v.few, v.few = v.everybody AS same, v.many = v.everybody AS same_of_many FROM pg_temp.visits() v;
CREATE INDEX ON public.house_visit ("user");
SELECT v.many = v.everybody AS same_of_many_walked FROM pg_temp.visits() v;
-- whoever asked before asks on when the house changes its table
ALTER TABLE public.house_visit ADD since date DEFAULT '2026-01-01', ALTER "Minutes" TYPE bigint;
SELECT v.many = v.everybody AS same_of_many_of_another_type FROM pg_temp.visits() v;
ALTER TABLE public.house_visit DROP note;
SELECT v.many = v.everybody AS same_of_many_without_a_column FROM pg_temp.visits() v;
ROLLBACK;
