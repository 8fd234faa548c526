-- report_group: what a night adds up by stores is what plain statements give; before the first night completeness and paths are counted.
\set VERBOSITY terse
SET client_min_messages = warning;
SET datestyle = 'ISO';
SET timezone = 'Asia/Shanghai';
BEGIN;
SET LOCAL crm.core_clock = '2026-06-30T12:00:00+08:00';
SELECT set_config('crm.access_claims', '{"actor": "regress", "role": "crm_headquarters", "stores": [], "all": true}', true) <> '' AS claims;
SELECT crm.access_define_region('gr_r', 'r') > 0 AS region, crm.access_define_store('gr_1', 'one', 'gr_r') AS s1, crm.access_define_store('gr_2', 'two', 'gr_r') AS s2 \gset
SELECT crm.access_define_staff('gr_m', 'm', 'crm_store_manager', ARRAY['store:gr_1']) AS m \gset
SELECT crm.ingest_define_source('gr_till', 'till', 'pos', '{}') > 0 AS till;
SELECT count(*) AS products FROM generate_series(1, 5) n, crm.ingest_product('gr_till', convert_to(json_build_object('external_id', 'GP' || n, 'name', 'p' || n, 'category_code', 'gr_c' || n % 3, 'category_name', 'kind ' || n % 3)::text, 'UTF8')) r WHERE r.status < 300;
-- thirty persons, two stores, three channels; person n has n % 4 orders, forty days apart, of two products each
SELECT count(*) AS persons FROM generate_series(1, 30) n, crm.ingest_member('gr_till', convert_to((jsonb_build_object('external_id', 'G' || n, 'name', '王' || n, 'store_code', 'gr_' || (1 + n % 2),
    'channel', (ARRAY['store', 'wechat', 'shop'])[1 + n % 3], 'registered_at', (date '2025-09-01' + n * 3) || 'T10:00:00+08:00')
    || CASE WHEN n % 2 = 0 THEN jsonb_build_object('phone', '1371100' || lpad(n::text, 4, '0')) ELSE '{}' END || CASE WHEN n % 5 = 0 THEN jsonb_build_object('birthday', '1990-01-01', 'consent_sms', 'yes') ELSE '{}' END)::text, 'UTF8')) r WHERE r.status = 201;
SELECT count(*) AS orders FROM generate_series(1, 30) n, generate_series(1, n % 4) k, crm.ingest_order('gr_till', convert_to(json_build_object('external_id', 'GO' || n || '.' || k, 'member_external_id', 'G' || n,
    'store_code', 'gr_' || (1 + (n + k) % 2), 'ordered_at', (date '2025-09-01' + n * 3 + k * (30 + n % 3)) || 'T11:00:00+08:00', 'amount', 60,
    'items', json_build_array(json_build_object('product_code', 'GP' || (1 + (n + k) % 5), 'quantity', 1, 'unit_price', 20), json_build_object('product_code', 'GP' || (1 + (n * k) % 5), 'quantity', 2, 'unit_price', 20)))::text, 'UTF8')) r WHERE r.status = 201;
SELECT crm.identity_merge((SELECT min(c.customer_id) FROM crm.customer c WHERE c.home_store_id = :s1), (SELECT max(c.customer_id) FROM crm.customer c WHERE c.home_store_id = :s1), 'one') IS NOT NULL AS merged;
-- messages and coupons of some, one of each too old
INSERT INTO crm.outbox_event (customer_id, message_id, at, outbox_event_id, kind)
SELECT c.customer_id, 'gr' || c.customer_id, CASE WHEN c.no = 1 THEN '2026-01-01'::timestamptz ELSE '2026-06-20' END, 1, 'sent' FROM (SELECT x.customer_id, row_number() OVER (ORDER BY x.customer_id) AS no FROM crm.customer x WHERE x.home_store_id = :s2) c WHERE c.no <= 9
UNION ALL SELECT c.customer_id, 'gr' || c.customer_id, '2026-06-21', 1 + k, CASE k WHEN 3 THEN 'clicked' ELSE 'opened' END FROM (SELECT x.customer_id, row_number() OVER (ORDER BY x.customer_id) AS no FROM crm.customer x WHERE x.home_store_id = :s2) c, generate_series(1, 3) k WHERE c.no IN (2, 3, 4) AND k <= c.no - 1;
-- a notice to staff about somebody is no message of theirs; what a merged id had is the person's
INSERT INTO crm.outbox_event (customer_id, message_id, at, outbox_event_id, kind)
SELECT max(c.customer_id), 'gr_notice', '2026-06-20'::timestamptz, 1, 'sent' FROM crm.customer c WHERE c.home_store_id = :s2 AND c.status = 'active'
UNION ALL SELECT c.customer_id, 'gr_merged', '2026-06-20', 1, 'sent' FROM crm.customer c JOIN crm.customer t ON t.customer_id = c.merged_into WHERE t.scope_store_ids && ARRAY[:s1];
INSERT INTO crm.outbox (customer_id, message_id, channel, endpoint, is_marketing, body, due_at, created_at)
SELECT DISTINCT e.customer_id, e.message_id, CASE e.message_id WHEN 'gr_notice' THEN 'notice' ELSE 'sms' END, 'x', true, '{}'::jsonb, '2026-01-01'::timestamptz, '2026-01-01'::timestamptz FROM crm.outbox_event e WHERE e.message_id LIKE 'gr%';
INSERT INTO crm.coupon (customer_id, coupon_id, code, coupon_type, value, state, issued_at, valid_until, redeemed_at)
SELECT c.customer_id, c.customer_id, 'gr' || c.customer_id, (SELECT min(t.coupon_type) FROM crm.coupon_type t), 5, CASE WHEN c.no % 3 = 0 THEN 'redeemed' ELSE 'issued' END, CASE WHEN c.no = 1 THEN '2026-01-01'::timestamptz ELSE '2026-06-20' END, '2026-08-01', CASE WHEN c.no % 3 = 0 THEN '2026-06-22'::timestamptz END
FROM (SELECT x.customer_id, row_number() OVER (ORDER BY x.customer_id) AS no FROM crm.customer x WHERE x.home_store_id = :s2) c;

-- 1. before the first night: completeness and paths are counted, the rest is empty
SELECT g.generation FROM crm.report_group_progress g;
CREATE TEMP TABLE fields AS SELECT p.store, f.* FROM (VALUES ('gr_1'), ('gr_2')) p (store), crm.report_completeness(p.store) f;
CREATE TEMP TABLE ways AS SELECT * FROM crm.report_paths();
SELECT count(*) AS ways, sum(persons) AS persons FROM ways;
SELECT (SELECT count(*) FROM crm.report_origins('gr_1')) AS origins, (SELECT count(*) FROM crm.report_mix('gr_1')) AS mix;
-- each way opens who went it, before the first night and after; a store's its own
CREATE FUNCTION pg_temp.walkers(path text[], store text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    n bigint := 0; last bigint := 0; page int;
BEGIN
    LOOP        -- in pages of two
        SELECT count(*), max((j ->> 'customer_id')::bigint) INTO page, last FROM crm.report_persons('path', to_json(path)::text, store, NULL, last, 2) j;
        n := n + page;
        EXIT WHEN page < 2;
    END LOOP;
    RETURN n;
END $$;
SELECT count(*) AS ways, count(*) FILTER (WHERE w.persons <> pg_temp.walkers(w.path, NULL)) AS disagree FROM ways w WHERE w.path::text LIKE '{gr%';

-- 2. after it the same, kept; in one piece or, with half already there, in two
SELECT crm._report_groups_job() AS left_over;
SELECT (SELECT count(*) FROM (TABLE fields EXCEPT SELECT p.store, f.* FROM (VALUES ('gr_1'), ('gr_2')) p (store), crm.report_completeness(p.store) f) d) AS fields_differ,
       (SELECT count(*) FROM (TABLE ways EXCEPT SELECT * FROM crm.report_paths()) d) AS ways_differ, (SELECT count(*) FROM crm.report_paths('2025-07-01', '2026-06-30')) AS kept_span,
       (SELECT count(*) FROM crm.report_paths('2025-10-01', '2026-06-30')) > 0 AS another_span;
SELECT count(*) AS ways, count(*) FILTER (WHERE w.persons <> pg_temp.walkers(w.path, NULL)) AS disagree, sum(pg_temp.walkers(w.path, 'gr_1')) > 0 AS of_one, sum(pg_temp.walkers(w.path, 'gr_1')) < sum(w.persons) AS not_all FROM ways w WHERE w.path::text LIKE '{gr%';
-- every number of a night and its persons agree, in the region and each store; of messages and coupons there are as many or more
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
    SELECT 'origin', o.channel, o.persons FROM crm.report_origins(store, region) o
    UNION ALL SELECT 'field', 'any_tag', f.filled FROM crm.report_completeness(store, region) f WHERE f.field = 'any_tag'
    UNION ALL SELECT 'mix', coalesce(m.tier, '') || '.' || m.category, m.persons FROM crm.report_mix(store, region) m WHERE m.tier IS NOT NULL OR m.store = $1
$$;
SELECT p.scope, x.what, count(*) AS figures, sum(x.n) AS counted, count(*) FILTER (WHERE x.n <> pg_temp.behind(x.what, x.key, p.store, p.region)) AS disagree
FROM (VALUES ('region', NULL, 'gr_r'), ('one', 'gr_1', NULL), ('two', 'gr_2', NULL)) p(scope, store, region), pg_temp.numbers(p.store, p.region) x GROUP BY 1, 2 ORDER BY 1, 2;
SELECT r.key, sum(g.persons) AS counted, pg_temp.behind('reached', r.key, NULL, 'gr_r') AS persons FROM (VALUES ('message', 'sent'), ('message', 'opened'), ('message', 'clicked'), ('coupon', 'issued'), ('coupon', 'redeemed')) r (what, key)
JOIN crm.report_group g ON g.what = r.what AND g.a = r.key AND g.stores && ARRAY[:s1, :s2] GROUP BY r.what, r.key ORDER BY r.what DESC, 2 DESC;
SELECT pg_temp.behind('offer', 'issued.' || min(k.coupon_type), NULL, 'gr_r') AS holders, pg_temp.behind('field', 'incomplete', NULL, 'gr_r') AS incomplete FROM crm.coupon k WHERE k.code LIKE 'gr%';
SELECT count(*) AS cells, sum(x.n) AS persons FROM (SELECT pg_temp.behind('field', 'incomplete', NULL, 'gr_r') AS n) x, (SELECT count(*) AS n FROM crm.customer c LEFT JOIN crm.customer_private p USING (customer_id) WHERE c.status = 'active' AND c.scope_store_ids && ARRAY[:s1, :s2]
    AND (c.name_masked = '' OR c.phone_masked = '' OR p.birthday IS NULL OR NOT EXISTS (SELECT FROM crm.person_consent k WHERE k.customer_id = c.customer_id))) y WHERE x.n = y.n;
-- of a large set pages are read off its pieces, of stores with few persons off these: the same persons, page after page
SELECT count(*) AS sets, count(*) FILTER (WHERE x.looked <> x.read OR x.looked <> x.there OR x.looked <> x.paged) AS differ, count(*) FILTER (WHERE cardinality(x.looked) > 2) > 5 AS are_several
FROM (SELECT ARRAY(SELECT * FROM crm._report_behind_set(k.what, k.key, t.any_of, s.stores, 0, 1000)) AS looked, ARRAY(SELECT * FROM crm._report_behind_set(k.what, k.key, t.any_of, s.stores, 0, 1000, 0)) AS read,
             ARRAY(SELECT * FROM crm._report_set_there(crm._report_set(k.what, k.key, t.any_of), coalesce(s.stores, ARRAY(SELECT x.store_id FROM crm.store x)), 0, 1000)) AS there,
             ARRAY(WITH RECURSIVE page AS (SELECT 0::bigint AS id UNION ALL (SELECT n.id FROM page p, LATERAL (SELECT b AS id FROM crm._report_behind_set(k.what, k.key, t.any_of, s.stores, p.id, 1, 0) b) n)) SELECT p.id FROM page p WHERE p.id > 0 ORDER BY 1) AS paged
      FROM (SELECT DISTINCT k.what, k.key FROM crm.report_group_set k) k, (VALUES (NULL::int[]), (ARRAY[:s2])) s (stores), (VALUES (NULL::text[]), (ARRAY['tier.B', 'tier.C', 'tier.D'])) t (any_of)) x;
SELECT count(*) AS sets, count(DISTINCT k.generation) AS generations FROM crm.report_path_set k WHERE k.path LIKE '{gr%';
-- after an upgrade the numbers of the last night have no sets yet: their persons are looked for
SAVEPOINT without;
DELETE FROM crm.report_path_set;
SELECT count(*) AS ways, count(*) FILTER (WHERE w.persons <> pg_temp.walkers(w.path, NULL)) AS disagree, pg_temp.walkers('{gr_none}', NULL) AS of_none FROM ways w WHERE w.path::text LIKE '{gr%';
ROLLBACK TO without;
-- who was merged since is listed no more, who was erased is in no set
SAVEPOINT walked;
SELECT w.path AS way FROM ways w WHERE w.path::text LIKE '{gr%' ORDER BY w.persons DESC, w.path LIMIT 1 \gset
SELECT (j ->> 'customer_id')::bigint AS walker FROM crm.report_persons('path', to_json(:'way'::text[])::text) j ORDER BY 1 LIMIT 1 \gset
SELECT crm.bitmap_has(crm.bitmap_union(k.ids), :walker) AS is_kept FROM crm.report_path_set k WHERE k.path = :'way';
SELECT crm._report_on_erase(:walker);
SELECT crm.bitmap_has(crm.bitmap_union(k.ids), :walker) AS is_kept FROM crm.report_path_set k WHERE k.path = :'way';
-- nor does the next night put it back
SELECT set_config('crm.access_claims', '{"actor": "regress", "role": "crm_headquarters", "stores": [], "all": true}', true) <> '' AS claims, crm.access_erase(:walker, 'asked') IS NOT NULL AS erased;
SELECT crm._report_groups_job() AS left_over;
SELECT count(*) > 0 AS kept, count(*) FILTER (WHERE crm.bitmap_has(k.ids, :walker)) AS with_who_was_erased FROM crm.report_path_set k;
SELECT count(*) > 0 AS kept, count(*) FILTER (WHERE crm.bitmap_has(k.ids, :walker)) AS with_who_was_erased FROM crm.report_group_set k;
ROLLBACK TO walked;
SELECT * FROM fields WHERE store = 'gr_1' ORDER BY field;
SELECT o.channel, o.persons, o.share FROM crm.report_origins(NULL, 'gr_r') o;
SELECT (SELECT sum(o.persons) FROM crm.report_origins(NULL, 'gr_r') o) = (SELECT count(*) FROM crm.customer c WHERE c.status = 'active' AND c.scope_store_ids && ARRAY[:s1, :s2]) AS everybody_once;
CREATE FUNCTION pg_temp.lines() RETURNS TABLE (store text, tier text, category text, customer_id bigint, amount numeric) LANGUAGE sql AS $$
    SELECT s.code, coalesce(v.tier, 'P'), coalesce(k.code, '-'), m.customer_id, i.amount
    FROM crm.customer_order o JOIN crm.membership m ON m.source_record_id = o.source_record_id AND m.valid_to = 'infinity' JOIN crm.order_item i ON i.source_record_id = o.source_record_id AND i.order_id = o.order_id AND i.revision = o.revision
    JOIN crm.store s ON s.store_id = o.store_id LEFT JOIN crm.product p ON p.product_id = i.product_id LEFT JOIN crm.product_category k ON k.category_id = p.category_id LEFT JOIN crm.customer_value v ON v.customer_id = m.customer_id
    WHERE o.is_current AND o.business_day BETWEEN '2025-07-01' AND '2026-06-30' AND s.code LIKE 'gr\_%'
$$;
SELECT count(*) AS cells, count(*) FILTER (WHERE concat_ws(' ', x.store, x.category, x.persons, x.amount) NOT IN (
           SELECT concat_ws(' ', l.store, l.category, count(DISTINCT l.customer_id), sum(l.amount)) FROM pg_temp.lines() l GROUP BY l.store, l.category)) AS differ FROM crm.report_mix(NULL, 'gr_r') x WHERE x.store IS NOT NULL;
SELECT count(*) AS cells, count(*) FILTER (WHERE concat_ws(' ', x.tier, x.category, x.persons, x.amount) NOT IN (
           SELECT concat_ws(' ', l.tier, l.category, count(DISTINCT l.customer_id), sum(l.amount)) FROM pg_temp.lines() l WHERE l.store = 'gr_1' GROUP BY l.tier, l.category)) AS differ FROM crm.report_mix('gr_1') x WHERE x.store IS NULL;
-- days between two order days, by the level held since December, before and since; plain statements over orders say the same
UPDATE crm.level SET is_active = true;
INSERT INTO crm.member_level (customer_id, level, position, since, keep_until)
SELECT c.customer_id, CASE WHEN c.no % 2 = 0 THEN 'ambassador' ELSE 'fan' END, 10, '2025-12-01T00:00:00+08:00', 'infinity' FROM (SELECT x.customer_id, row_number() OVER (ORDER BY x.customer_id) AS no FROM crm.customer x WHERE x.status = 'active' AND x.home_store_id IN (:s1, :s2)) c WHERE c.no % 3 > 0;
SELECT crm._value_drain() AS left_over \g /dev/null
SELECT crm._report_groups_job() AS left_over;
CREATE FUNCTION pg_temp.gaps(stores int[]) RETURNS TABLE (level text, since boolean, days int) LANGUAGE sql AS $$
    SELECT d.level, d.day >= '2025-12-01', d.days FROM (
        SELECT o.business_day AS day, o.business_day - lag(o.business_day) OVER (PARTITION BY m.customer_id ORDER BY o.business_day) AS days, coalesce(l.level, '-') AS level
        FROM (SELECT DISTINCT source_record_id, business_day FROM crm.customer_order WHERE is_current AND business_day IS NOT NULL) o JOIN crm.membership m ON m.source_record_id = o.source_record_id AND m.valid_to = 'infinity'
        JOIN crm.customer c ON c.customer_id = m.customer_id AND c.scope_store_ids && stores LEFT JOIN crm.member_level l ON l.customer_id = m.customer_id) d WHERE d.days > 0 AND d.day > date '2026-06-30' - 365 $$;
SELECT i.*, (SELECT round(avg(g.days) FILTER (WHERE g.since OR i.level IS NULL), 1) = i.mean_days AND count(*) FILTER (WHERE g.since OR i.level IS NULL) = i.gaps AND count(*) FILTER (WHERE NOT g.since AND i.level IS NOT NULL) = i.gaps_before
             AND round(avg(g.days) FILTER (WHERE NOT g.since AND i.level IS NOT NULL), 1) IS NOT DISTINCT FROM i.mean_days_before FROM pg_temp.gaps(ARRAY[:s1, :s2]) g WHERE g.level = coalesce(i.level, '-')) AS counted_too FROM crm.report_intervals(NULL, 'gr_r') i;
SELECT sum(i.gaps + i.gaps_before) = (SELECT count(*) FROM pg_temp.gaps(ARRAY[:s1])) AS of_a_store FROM crm.report_intervals('gr_1') i;
SELECT g.a, sum(g.persons) AS n FROM crm.report_group g WHERE g.what IN ('message', 'coupon') AND g.stores && ARRAY[:s1, :s2] GROUP BY g.what, g.a ORDER BY g.what, g.a;
SELECT m.kind, count(*) AS told FROM crm.message_outcome m WHERE m.message_id IN ('gr_notice', 'gr_merged') GROUP BY m.kind;
-- pieces: what comes of ids up to one and behind it is what comes of all
SELECT c.customer_id AS middle FROM crm.customer c ORDER BY c.customer_id OFFSET (SELECT count(*) / 2 FROM crm.customer) LIMIT 1 \gset
CREATE TEMP TABLE whole AS SELECT what, a, b, stores, persons, amount FROM crm.report_group;
INSERT INTO crm.report_group (generation, what, a, b, stores, persons, amount)
SELECT 3, g.what, g.a, g.b, g.stores, sum(g.persons), sum(g.amount) FROM (VALUES (0::bigint, :middle::bigint), (:middle, 9223372036854775807)) p (lo, hi), LATERAL (
    SELECT * FROM crm._report_group_persons(3, p.lo, p.hi) UNION ALL SELECT * FROM crm._report_group_bought(3, p.lo, p.hi, '2026-06-30') UNION ALL SELECT * FROM crm._report_group_paths(3, p.lo, p.hi, '2026-06-30') UNION ALL SELECT * FROM crm._report_group_gaps(p.lo, p.hi, '2026-06-30') UNION ALL SELECT * FROM crm._report_group_reached(3, p.lo, p.hi, '2026-04-02T00:00:00+08:00')
    UNION ALL SELECT * FROM crm._report_group_care(p.lo, p.hi, '2026-06-30') UNION ALL SELECT * FROM crm._report_group_lost(3, p.lo, p.hi, '2026-06-30') UNION ALL SELECT * FROM crm._report_group_leads(3, p.lo, p.hi, '2026-06-30') UNION ALL SELECT * FROM crm._report_group_offers(3, p.lo, p.hi, '2026-06-30')) g GROUP BY g.what, g.a, g.b, g.stores;
SELECT crm._report_group_finish(3, '2026-06-30') IS NOT NULL AS finished;
SELECT count(*) AS cells, (SELECT count(*) FROM (TABLE whole EXCEPT SELECT what, a, b, stores, persons, amount FROM crm.report_group) d) AS differ FROM crm.report_group;
SELECT count(DISTINCT k.from_id) AS pieces, (SELECT count(*) FILTER (WHERE w.persons <> pg_temp.walkers(w.path, NULL)) FROM ways w WHERE w.path::text LIKE '{gr%') AS disagree FROM crm.report_path_set k;

-- 3. who sees what
SELECT set_config('crm.access_claims', json_build_object('actor', 'gr_m', 'staff_id', :m, 'role', 'crm_store_manager', 'stores', ARRAY[:s1], 'all', false)::text, true) <> '' AS manager;
SELECT DISTINCT store FROM crm.report_mix() ORDER BY 1;
SELECT sum(persons) AS mine FROM crm.report_origins();
SAVEPOINT a;
SELECT crm.report_mix('gr_2');
ROLLBACK TO a;
SELECT crm.report_origins('gr_2');
ROLLBACK;
