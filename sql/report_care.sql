-- report_care: managers by how their stores' customers are looked after; lost customers by reason, store and first product; leads that came to
-- a store, through whatever record of theirs. What a night adds up is what plain statements give.
\set VERBOSITY terse
SET client_min_messages = warning;
SET datestyle = 'ISO';
SET timezone = 'Asia/Shanghai';
BEGIN;
SET LOCAL crm.core_clock = '2026-06-30T12:00:00+08:00';
SELECT set_config('crm.access_claims', '{"actor": "regress", "role": "crm_headquarters", "stores": [], "all": true}', true) <> '' AS claims;
SELECT crm.access_define_region('ca_e', 'east') > 0 AS e, crm.access_define_region('ca_w', 'west') > 0 AS w, crm.access_define_store('ca_1', 'one', 'ca_e') AS s1, crm.access_define_store('ca_2', 'two', 'ca_e') AS s2, crm.access_define_store('ca_3', 'three', 'ca_w') AS s3 \gset
SELECT crm.access_define_group('ca_g', 'g', '{ca_2,ca_3}') > 0 AS grp;
SELECT crm.access_define_staff('ca_me', 'east', 'crm_manager', '{region:ca_e}') AS me, crm.access_define_staff('ca_mw', 'west', 'crm_manager', '{region:ca_w}') AS mw, crm.access_define_staff('ca_mg', 'both', 'crm_manager', '{group:ca_g,region:ca_e}') AS mg,
       crm.access_define_staff('ca_m1', 'one', 'crm_store_manager', '{store:ca_1}') AS m1, crm.access_define_staff('ca_c1', 'c1', 'crm_clerk', '{store:ca_1}') AS c1, crm.access_define_staff('ca_c2', 'c2', 'crm_clerk', '{store:ca_2}') AS c2,
       crm.access_define_staff('ca_c3', 'c3', 'crm_clerk', '{store:ca_3}') AS c3, crm.access_define_staff('ca_c4', 'gone', 'crm_clerk', '{store:ca_1}') AS c4 \gset
UPDATE crm.staff SET left_at = crm.core_now() WHERE code = 'ca_c4';
SELECT crm.ingest_define_source('ca_till', 'till', 'pos', '{"channel": "store"}') > 0 AS till, crm.ingest_define_source('ca_shop', 'shop', 'shop_platform', '{"channel": "shop"}') > 0 AS shop;
CREATE FUNCTION pg_temp.act(code text, staff int, role text, stores int[]) RETURNS boolean LANGUAGE sql AS $$
    SELECT set_config('crm.access_claims', json_build_object('actor', code, 'staff_id', staff, 'role', role, 'stores', stores, 'all', stores IS NULL)::text, true) <> ''
$$;
CREATE FUNCTION pg_temp.of(no text) RETURNS bigint LANGUAGE sql AS $$ SELECT crm._identity_current(m.customer_id) FROM crm.source_record r JOIN crm.membership m USING (source_record_id) WHERE r.external_id = no AND m.valid_to = 'infinity' $$;
CREATE FUNCTION pg_temp.buys(no text, store text, at timestamptz, product text, source text DEFAULT 'ca_till', discount numeric DEFAULT 0) RETURNS text LANGUAGE sql AS $$
    SELECT r.code FROM crm.ingest_order(source, convert_to(jsonb_strip_nulls(jsonb_build_object('external_id', concat_ws('.', no, product, at::date), 'member_external_id', CASE WHEN source = 'ca_till' THEN no END, 'phone', CASE WHEN source <> 'ca_till' THEN no END,
        'store_code', store, 'ordered_at', at, 'amount', 50, 'discount', discount, 'items', jsonb_build_array(jsonb_build_object('product_code', product, 'product_name', 'the ' || product, 'quantity', 1, 'unit_price', 50))))::text, 'UTF8')) r
$$;
-- twelve persons, four a store, with phones
SELECT count(*) AS persons FROM generate_series(1, 12) n, crm.ingest_member('ca_till', convert_to(json_build_object('external_id', 'C' || n, 'name', '周' || n, 'phone', '137333000' || lpad(n::text, 2, '0'),
    'store_code', 'ca_' || (1 + (n - 1) / 4), 'registered_at', '2025-01-0' || (1 + n % 9) || 'T10:00:00+08:00')::text, 'UTF8')) r WHERE r.status = 201;

-- 1. lost: C1 to C3 bought last in 2025; C1 at discounts, C2 complained, C3 forgot; C4 bought in May; C5 lost in another store than where they began
SELECT pg_temp.buys('C1', 'ca_1', '2025-03-01T10:00:00+08:00', 'ca_cake', discount => 10), pg_temp.buys('C1', 'ca_1', '2025-04-01T10:00:00+08:00', 'ca_milk', discount => 10), pg_temp.buys('C2', 'ca_1', '2025-05-01T10:00:00+08:00', 'ca_milk'),
       pg_temp.buys('C3', 'ca_1', '2025-05-02T10:00:00+08:00', 'ca_cake'), pg_temp.buys('C4', 'ca_1', '2026-05-01T10:00:00+08:00', 'ca_cake'), pg_temp.buys('C5', 'ca_2', '2025-02-01T10:00:00+08:00', 'ca_cake'), pg_temp.buys('C5', 'ca_1', '2025-06-01T10:00:00+08:00', 'ca_milk');
-- the 180th day is not yet lost
SELECT pg_temp.buys('C9', 'ca_3', '2026-01-01T10:00:00+08:00', 'ca_milk') AS day_180, pg_temp.buys('C10', 'ca_3', '2025-12-31T10:00:00+08:00', 'ca_milk') AS day_181;
SELECT crm._value_drain() AS left_over \g /dev/null
SELECT pg_temp.act('ca_c1', :c1, 'crm_clerk', ARRAY[:s1]);
SELECT crm.ingest_note(pg_temp.of('C2'), '抱怨', 'call', 'complaint') ->> 'outcome' AS complained, crm.ingest_note(pg_temp.of('C4'), '回访', 'call', 'reached') ->> 'outcome' AS spoken;
SELECT crm.sales_set_owner(pg_temp.of('C4'), 'ca_c1') IS NOT NULL AS owned;
SELECT set_config('crm.access_claims', '{"actor": "regress", "role": "crm_headquarters", "stores": [], "all": true}', true) <> '' AS claims;
SELECT crm._segment_refresh() IS NOT NULL AS refreshed;
SELECT count(*) AS before_the_first_night FROM crm.report_lost();

-- 2. leads: C6 leaves word online and stands at the counter nine days later; C7 too late; C8 with another phone of a second record, ordered online; C11 twice in a month is one
SELECT crm.ingest_define_source('ca_app', 'app', 'mini_program', '{"channel": "wechat"}') > 0 AS app;
CREATE FUNCTION pg_temp.event(no text, type text, at timestamptz, phone text) RETURNS int LANGUAGE sql AS $$
    SELECT (crm.ingest_event('ca_app', convert_to(json_build_object('external_id', no, 'type', type, 'occurred_at', at, 'phone', phone)::text, 'UTF8'))).status $$;
SELECT pg_temp.event('l6', 'lead_form', '2026-05-01T10:00:00+08:00', '13733300006'), pg_temp.buys('C6', 'ca_2', '2026-05-10T10:00:00+08:00', 'ca_cake'), pg_temp.event('l7', 'lead_form', '2026-04-01T10:00:00+08:00', '13733300007'),
       pg_temp.buys('C7', 'ca_2', '2026-05-02T10:00:00+08:00', 'ca_cake'), pg_temp.event('l8', 'lead_form', '2026-05-20T10:00:00+08:00', '13733399908'), pg_temp.buys('13733399908', NULL, '2026-05-21T10:00:00+08:00', 'ca_milk', 'ca_shop'),
       pg_temp.event('l11', 'lead_form', '2026-06-02T10:00:00+08:00', '13733300011'), pg_temp.event('l11b', 'lead_form', '2026-06-03T10:00:00+08:00', '13733300011'), pg_temp.event('v11', 'store_visit', '2026-06-04T10:00:00+08:00', '13733300011');
SELECT max(c.customer_id) AS second FROM crm.customer c \gset
SELECT crm.identity_merge(pg_temp.of('C8'), :second, 'one person') IS NOT NULL AS merged;
SELECT pg_temp.buys('C8', 'ca_2', '2026-06-18T10:00:00+08:00', 'ca_cake') AS at_the_counter_of_the_other_record;
SELECT pg_temp.act('ca_c3', :c3, 'crm_clerk', ARRAY[:s3]);
SELECT crm.sales_deal_open(pg_temp.of('C12'), 'leads', '婚礼蛋糕', 500, false, 'web') IS NOT NULL AS deal, crm.sales_deal_open(pg_temp.of('C9'), 'leads', '团购', 500, false, 'store') IS NOT NULL AS no_lead;
SELECT set_config('crm.access_claims', '{"actor": "regress", "role": "crm_headquarters", "stores": [], "all": true}', true) <> '' AS claims;

-- 3. a night, then what it says
SELECT crm._report_groups_job() AS left_over;
SELECT l.key, l.persons, l.share, l.spent FROM crm.report_lost('reason', NULL, 'ca_e') l;
SELECT l.key, l.name_zh, l.persons, l.reasons FROM crm.report_lost('store') l WHERE l.key LIKE 'ca%';
SELECT l.key, l.name_zh, l.persons, l.reasons FROM crm.report_lost('product', NULL, 'ca_e') l;
SELECT (SELECT sum(l.persons) FROM crm.report_lost() l) = (SELECT count(*) FROM crm.customer_value v JOIN crm.customer c USING (customer_id) WHERE c.status = 'active' AND v.last_day < date '2026-06-30' - 180) AS everybody_once;
SELECT l.month, l.source, l.name_zh, l.leads, l.visited, l.visit_rate, l.days_to_visit, l.ordered, l.order_rate, l.is_open FROM crm.report_leads(NULL, 'ca_e') l;
SELECT l.month, l.source, l.leads, l.visited FROM crm.report_leads('ca_3') l;
-- each number opens whom it counts, in the region and each store, in pages of two
CREATE FUNCTION pg_temp.behind(what text, key text, store text, region text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    n bigint := 0; last bigint := 0; page int;
BEGIN
    LOOP
        SELECT count(*), max((j ->> 'customer_id')::bigint) INTO page, last FROM crm.report_persons(what, key, store, region, last, 2) j;
        n := n + page;
        EXIT WHEN page < 2;
    END LOOP;
    RETURN n;
END $$;
CREATE FUNCTION pg_temp.numbers(store text, region text) RETURNS TABLE (what text, key text, n bigint) LANGUAGE sql AS $$
    SELECT 'lost', b.by || '.' || l.key, l.persons FROM unnest('{reason,store,product}'::text[]) b (by), crm.report_lost(b.by, store, region, 500) l
    UNION ALL SELECT 'lead', f.figure || '.' || l.month || '.' || l.source, f.n FROM crm.report_leads(store, region) l, LATERAL (VALUES ('leads', l.leads), ('visited', l.visited), ('ordered', l.ordered)) f (figure, n)
$$;
SELECT p.scope, x.what, count(*) AS figures, sum(x.n) AS counted, count(*) FILTER (WHERE x.n <> pg_temp.behind(x.what, x.key, p.store, p.region)) AS disagree
FROM (VALUES ('chain', NULL, NULL), ('region', NULL, 'ca_e'), ('one', 'ca_1', NULL), ('two', 'ca_2', NULL), ('three', 'ca_3', NULL)) p(scope, store, region), pg_temp.numbers(p.store, p.region) x GROUP BY 1, 2 ORDER BY 1, 2;
-- pieces: by halves the same
SELECT c.customer_id AS middle FROM crm.customer c ORDER BY c.customer_id OFFSET (SELECT count(*) / 2 FROM crm.customer) LIMIT 1 \gset
SELECT count(*) AS differ FROM (SELECT f.what, f.a, f.b, f.stores, sum(f.persons) AS persons, sum(f.amount) AS amount FROM (VALUES (0::bigint, :middle::bigint), (:middle, 9223372036854775807)) p (lo, hi), LATERAL (
    SELECT * FROM crm._report_group_care(p.lo, p.hi, '2026-06-30') UNION ALL SELECT * FROM crm._report_group_lost(3, p.lo, p.hi, '2026-06-30') UNION ALL SELECT * FROM crm._report_group_leads(3, p.lo, p.hi, '2026-06-30')) f GROUP BY 1, 2, 3, 4
    EXCEPT SELECT g.what, g.a, g.b, g.stores, g.persons, g.amount FROM crm.report_group g) d;

-- the commonest first products stand by name, the others together
SAVEPOINT c;
UPDATE crm.room_setting SET value = '1' WHERE name = 'report.lost_products';
SELECT crm._report_lost_products((SELECT p.generation FROM crm.report_group_progress p));
SELECT l.key, l.persons, l.reasons FROM crm.report_lost('product', NULL, 'ca_e') l;
SELECT l.key, l.persons FROM crm.report_lost('reason', NULL, 'ca_e') l;
SELECT count(*) FILTER (WHERE l.key = '*') AS together, count(*) FILTER (WHERE l.persons <> pg_temp.behind('lost', 'product.' || l.key, NULL, NULL)) AS disagree FROM crm.report_lost('product', NULL, NULL, 500) l;
ROLLBACK TO c;

-- 4. managers: coverage, owners, clerks who are there, overdue tasks, tiers that moved, complaints
SELECT crm.sales_task_create(pg_temp.of('C5'), '回访', '2026-06-20') IS NOT NULL AS overdue, crm.sales_task_create(pg_temp.of('C6'), '回访', '2026-07-20') IS NOT NULL AS open;
SELECT j ->> 'staff' AS staff, j ->> 'regions' AS regions, j ->> 'stores' AS stores, j ->> 'persons' AS persons, j ->> 'clerks' AS clerks, j ->> 'persons_a_clerk' AS a_clerk, j ->> 'spoken' AS spoken, j ->> 'coverage' AS coverage, j ->> 'owned' AS owned,
       j ->> 'open_tasks' AS tasks, j ->> 'overdue' AS overdue, j ->> 'complaints' AS complaints, j ->> 'complaints_open' AS open FROM crm.report_managers() j WHERE j ->> 'staff' LIKE 'ca%' ORDER BY j ->> 'staff';
SELECT m.code, (SELECT count(*) FROM crm.customer c WHERE c.status = 'active' AND c.scope_store_ids && m.stores) AS persons, (SELECT count(DISTINCT i.customer_id) FROM (SELECT y.customer_id FROM crm.interaction x JOIN crm.membership y USING (source_record_id)
       WHERE y.valid_to = 'infinity' AND x.is_current AND x.business_day > date '2026-06-30' - 90) i JOIN crm.customer c USING (customer_id) WHERE c.scope_store_ids && m.stores) AS spoken
FROM (VALUES ('ca_me', ARRAY[:s1, :s2]), ('ca_mg', ARRAY[:s1, :s2, :s3]), ('ca_mw', ARRAY[:s3])) m (code, stores);
-- C1 fell to another tier since April, C4 came up, C2 and C3 fell before or came from a tier that is not in the order
INSERT INTO crm.tier_change (customer_id, change_id, tier_set, from_tier, to_tier, changed_on, changed_at, cause)
SELECT pg_temp.of(t.no), crm._new_id(), 'retail_sabc', t.was, v.tier, t.day, t.day, 'age' FROM (VALUES ('C1', 'B', date '2026-05-01'), ('C4', 'C', '2026-05-01'), ('C2', 'P', '2026-05-01'), ('C3', 'B', '2026-01-01')) t (no, was, day)
JOIN crm.customer_value v ON v.customer_id = pg_temp.of(t.no) RETURNING from_tier, to_tier;
DELETE FROM crm.tier_change t WHERE t.customer_id = ANY (ARRAY[pg_temp.of('C1'), pg_temp.of('C2'), pg_temp.of('C3'), pg_temp.of('C4')]) AND t.cause <> 'age';
SELECT crm._report_keep(ARRAY(SELECT c.customer_id FROM crm.customer c)) IS NOT NULL AS kept;
DELETE FROM crm.report_mark;
SELECT t.* FROM crm._report_moved_tiers(ARRAY[:s1], 90) t;
SELECT sum(t.persons) FILTER (WHERE array_position('{S,A,N,D,B,C}', t.to_tier) < array_position('{S,A,N,D,B,C}', t.from_tier)) AS better, sum(t.persons) FILTER (WHERE array_position('{S,A,N,D,B,C}', t.to_tier) > array_position('{S,A,N,D,B,C}', t.from_tier)) AS worse
FROM crm.report_transitions(90, 'ca_1') t;
-- each number of a manager opens its persons
SELECT crm._report_groups_job() AS left_over;
SELECT j ->> 'staff' AS staff, string_agg(format('%s %s %s', f.figure, j ->> f.figure, (SELECT count(*) FROM crm.report_persons('manager', f.figure || '.' || (j ->> 'staff')))), ', ' ORDER BY f.n) AS told_and_listed
FROM crm.report_managers() j, unnest('{persons,spoken,owned,overdue,better,worse,complaints}'::text[]) WITH ORDINALITY f (figure, n) WHERE j ->> 'staff' LIKE 'ca%' GROUP BY 1 ORDER BY 1;

-- 5. a manager sees those of their own stores; what is no way to group is named
SELECT pg_temp.act('ca_me', :me, 'crm_manager', ARRAY[:s1, :s2]);
SELECT j ->> 'staff' AS staff FROM crm.report_managers() j ORDER BY 1;
SELECT l.key, l.persons FROM crm.report_lost('store') l;
SELECT m.code, (SELECT count(*) FROM crm.report_persons('manager', 'persons.' || m.code)) AS persons FROM unnest('{ca_me,ca_m1,ca_mg,ca_mw}'::text[]) WITH ORDINALITY m (code, n) ORDER BY n;
SAVEPOINT a;
SELECT crm.report_managers('ca_3');
ROLLBACK TO a;
SELECT crm.report_lost('colour');
ROLLBACK TO a;
SELECT crm.report_leads('ca_3');
ROLLBACK;
