-- report_portrait: what a segment is like, told to who may see figures and no person; small groups stay untold, however one asks.
\set VERBOSITY terse
SET client_min_messages = warning;
SET datestyle = 'ISO';
SET timezone = 'Asia/Shanghai';
BEGIN;
SET LOCAL crm.core_clock = '2026-06-30T12:00:00+08:00';
SELECT set_config('crm.access_claims', '{"actor": "regress", "role": "crm_headquarters", "stores": [], "all": true}', true) <> '' AS claims;
SELECT crm.access_define_region('po_r', 'r') > 0 AS region, crm.access_define_store('po_1', 'one', 'po_r') > 0 AS store, crm.ingest_define_source('po_till', 'till', 'pos', '{"channel": "store"}') > 0 AS till;
-- Forty persons: twelve of city a, eight of b, three of c, one of d, the rest of e. Women by the even numbers. Born in 1990, but the first two in 1950. The first 24 are the segment; of them 7 bought cake, 3 milk.
CREATE TEMP TABLE truth AS
SELECT n, CASE WHEN n <= 12 THEN 'po_a' WHEN n <= 20 THEN 'po_b' WHEN n <= 23 THEN 'po_c' WHEN n = 24 THEN 'po_d' ELSE 'po_e' END AS city, CASE WHEN n % 2 = 0 THEN 'F' ELSE 'M' END AS sex,
       CASE WHEN n <= 2 THEN date '1950-05-05' ELSE date '1990-05-05' END AS birthday, n <= 24 AS chosen, CASE WHEN n <= 7 THEN 'po_cake' WHEN n <= 10 THEN 'po_milk' END AS category
FROM generate_series(1, 40) n;
SELECT count(*) AS members FROM truth t, crm.ingest_member('po_till', convert_to(json_build_object('external_id', 'P' || t.n, 'name', '赵' || t.n, 'phone', '1372500' || lpad(t.n::text, 4, '0'),
    'city', t.city, 'sex', t.sex, 'birthday', t.birthday, 'store_code', 'po_1', 'registered_at', '2026-01-01T10:00:00+08:00')::text, 'UTF8')) r WHERE r.status = 201;
SELECT count(*) AS orders FROM truth t, crm.ingest_order('po_till', convert_to(json_build_object('external_id', 'PO' || t.n, 'member_external_id', 'P' || t.n, 'store_code', 'po_1', 'ordered_at', '2026-06-01T10:00:00+08:00', 'amount', 10,
    'items', json_build_array(json_build_object('product_code', t.category || '1', 'category_code', t.category, 'quantity', 1, 'unit_price', 10)))::text, 'UTF8')) r WHERE t.category IS NOT NULL AND r.status = 201;
ALTER TABLE truth ADD customer_id bigint;
UPDATE truth t SET customer_id = m.customer_id FROM crm.source_record s JOIN crm.membership m ON m.source_record_id = s.source_record_id JOIN crm.source u ON u.source_id = s.source_id WHERE u.code = 'po_till' AND s.external_id = 'P' || t.n;
SELECT crm.segment_define_list('po_some', '一些', ARRAY(SELECT customer_id FROM truth WHERE chosen)) ->> 'code' IS NULL AS some,
       crm.segment_define_list('po_few', '几个', ARRAY(SELECT customer_id FROM truth WHERE n <= 4)) ->> 'code' IS NULL AS few,
       crm.segment_define_list('po_nobody', '无人', '{}') ->> 'code' IS NULL AS nobody,
       crm.segment_define_list('po_most', '除三人', ARRAY(SELECT c.customer_id FROM crm.customer c WHERE c.status = 'active' AND c.customer_id NOT IN (SELECT t.customer_id FROM truth t WHERE t.n <= 3))) ->> 'code' IS NULL AS most;

-- 1. as a reader: c and d hold four together, so b goes with them; those of 1950 are two, so all of 1990 go with them and nothing of age is left but the others; milk's three are not told
SELECT set_config('crm.access_claims', '{"actor": "po_reader", "role": "crm_reader", "stores": [], "all": false}', true) <> '' AS reader;
SELECT dimension, key, persons, share FROM crm.report_portrait('po_some') WHERE dimension IN ('all', 'age', 'category', 'channel', 'city', 'sex');
SELECT dimension, name_zh, name_en, persons FROM crm.report_portrait('po_some') WHERE dimension IN ('tier', 'stage');
-- 2. what adds up adds up, and equals a count by hand where it is told
SELECT dimension, sum(persons) AS persons, round(sum(share), 2) AS share FROM crm.report_portrait('po_some') WHERE dimension NOT IN ('all', 'tag', 'category') GROUP BY dimension ORDER BY dimension;
SELECT count(*) AS told, count(*) FILTER (WHERE p.persons <> t.persons) AS wrong FROM crm.report_portrait('po_some') p JOIN (
    SELECT 'city' AS dimension, city AS key, count(*) AS persons FROM truth WHERE chosen GROUP BY city UNION ALL SELECT 'sex', lower(sex), count(*) FROM truth WHERE chosen GROUP BY sex
    UNION ALL SELECT 'category', category, count(*) FROM truth WHERE chosen GROUP BY category) t USING (dimension, key);
-- 3. no row for too few, for nobody, for all but too few; none below the limit for any limit, told or left out together
SELECT s AS segment, (SELECT count(*) FROM crm.report_portrait(s)) AS rows FROM unnest(ARRAY['po_few', 'po_nobody', 'po_most']) s;
SELECT count(*) > 0 AS everybody FROM crm.report_portrait();
CREATE FUNCTION pg_temp.smallest(small int) RETURNS TABLE (small_group int, smallest bigint, rows bigint) LANGUAGE plpgsql AS $$
BEGIN
    UPDATE crm.room_setting SET value = to_jsonb(small) WHERE name = 'report.small_group';
    RETURN QUERY SELECT small, min(p.persons), count(*) FROM crm.report_portrait('po_some') p;
END $$;
SELECT s.small_group, s.smallest >= s.small_group OR s.rows = 0 AS kept, s.rows > 0 AS tells FROM unnest(ARRAY[1, 2, 3, 5, 8, 12, 24, 25]) n, pg_temp.smallest(n) s;
UPDATE crm.room_setting SET value = '5' WHERE name = 'report.small_group';
-- the sets of a night say the same; what changes is told the night after, and when nights fail for two days, as it is
CREATE FUNCTION pg_temp.night() RETURNS bigint LANGUAGE plpgsql AS $$ BEGIN WHILE crm._report_portrait_job() > 0 LOOP END LOOP; RETURN (SELECT count(*) FROM crm.report_portrait_set WHERE is_shown); END $$;
CREATE FUNCTION pg_temp.told() RETURNS SETOF text LANGUAGE sql AS $$ SELECT s.s || p::text FROM unnest(ARRAY['po_some', 'po_few', 'po_most']) s, crm.report_portrait(s) p UNION ALL SELECT p::text FROM crm.report_portrait() p $$;
CREATE FUNCTION pg_temp.in_a() RETURNS bigint LANGUAGE sql AS $$ SELECT persons FROM crm.report_portrait('po_some') WHERE dimension = 'city' AND key = 'po_a' $$;
CREATE TEMP TABLE live AS SELECT * FROM pg_temp.told() t;
SELECT pg_temp.night() > 0 AS kept;
SELECT (SELECT count(*) > 0 FROM live) AS told, (SELECT count(*) FROM (TABLE live EXCEPT ALL SELECT * FROM pg_temp.told()) x) AS gone, (SELECT count(*) FROM (SELECT * FROM pg_temp.told() EXCEPT ALL TABLE live) x) AS new;
UPDATE crm.customer c SET city = 'po_a' FROM truth t WHERE c.customer_id = t.customer_id AND t.city IN ('po_a', 'po_b', 'po_c', 'po_d');
SELECT pg_temp.in_a() AS today, pg_temp.night() > 0 AS already_kept, pg_temp.in_a() AS still;
SET LOCAL crm.core_clock = '2026-07-01T12:00:00+08:00';
SELECT pg_temp.in_a() AS before_the_night;
SELECT pg_temp.night() > 0 AS kept;
SELECT pg_temp.in_a() AS after_it, (SELECT count(*) FROM crm.report_portrait_set WHERE NOT is_shown) AS left_over;
-- who is erased is in none of them any more
SELECT min(customer_id) AS one FROM truth WHERE chosen \gset
SELECT count(*) > 0 AS was_in FROM crm.report_portrait_set k WHERE crm.bitmap_has(k.ids, :one);
SELECT crm._report_on_erase(:one) \g /dev/null
SELECT count(*) AS still_in FROM crm.report_portrait_set k WHERE crm.bitmap_has(k.ids, :one);
-- persons written in two pieces come to the sets that one look finds
SELECT customer_id AS middle FROM truth WHERE n = 20 \gset
SELECT crm._report_portrait_piece('persons', crm._report_today(), 0, :middle), crm._report_portrait_piece('persons', crm._report_today(), :middle, 9223372036854775807) \g /dev/null
CREATE TEMP VIEW pieces AS SELECT k.dimension, k.key, crm.bitmap_array(crm.bitmap_union(k.ids)) AS ids FROM crm.report_portrait_set k WHERE NOT k.is_shown GROUP BY 1, 2;
CREATE TEMP VIEW whole AS SELECT d.dimension, d.key, crm.bitmap_array(d.ids) AS ids FROM crm._report_divided(0, 9223372036854775807) d;
SELECT (SELECT max(n) FROM (SELECT count(*) AS n FROM crm.report_portrait_set k WHERE NOT k.is_shown GROUP BY k.dimension, k.key) c) AS pieces,
       (SELECT count(*) FROM (TABLE pieces EXCEPT TABLE whole) x) AS too_many, (SELECT count(*) FROM (TABLE whole EXCEPT TABLE pieces) x) AS missing;
DELETE FROM crm.report_portrait_set k WHERE NOT k.is_shown;
UPDATE crm.customer c SET city = t.city FROM truth t WHERE c.customer_id = t.customer_id;
SET LOCAL crm.core_clock = '2026-07-03T12:00:00+08:00';
SELECT pg_temp.in_a() AS without_nights;
SET LOCAL crm.core_clock = '2026-06-30T12:00:00+08:00';
-- 4. a reader has the names of segments but not their sizes; the indicators of the chain, of no ratio what it was made of
SELECT j - 'as_of' AS segment FROM crm.report_portraits() j WHERE j ->> 'segment' LIKE 'po_%' ORDER BY j ->> 'segment';
INSERT INTO crm.indicator_snapshot (period, starts_on, store_id, indicator, value, numerator, denominator, frozen_at) VALUES
    ('month', '2026-05-01', 0, 'first_order', 0.5, 2, 4, crm.core_now()), ('month', '2026-05-01', 0, 'repurchase', 0.25, 10, 40, crm.core_now()), ('month', '2026-05-01', 0, 'active', 3, 3, NULL, crm.core_now());
SELECT i ->> 'indicator' AS indicator, i ->> 'value' AS value, i ->> 'numerator' AS numerator, i ->> 'note' AS note FROM jsonb_array_elements(crm.report_indicators('month', '2026-05-01') -> 'indicators') i WHERE i ->> 'indicator' IN ('first_order', 'repurchase', 'active');
SELECT set_config('crm.access_claims', '{"actor": "regress", "role": "crm_headquarters", "stores": [], "all": true}', true) <> '' AS headquarters;
SELECT i ->> 'indicator' AS indicator, i ->> 'value' AS value, i ->> 'numerator' AS numerator, i ->> 'note' AS note FROM jsonb_array_elements(crm.report_indicators('month', '2026-05-01') -> 'indicators') i WHERE i ->> 'indicator' IN ('first_order', 'repurchase', 'active');
-- 5. what does not exist
CREATE FUNCTION pg_temp.try(call text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    answer text;
BEGIN
    EXECUTE 'SELECT count(*) FROM ' || call INTO answer;
    RETURN answer;
EXCEPTION WHEN OTHERS THEN
    RETURN SQLSTATE;
END $$;
SELECT call, pg_temp.try(call) AS answer FROM unnest(ARRAY[$$crm.report_portrait('po_none')$$, $$crm.report_portrait('')$$, $$crm.report_portrait(repeat('x', 100000))$$]) WITH ORDINALITY v(call, n) ORDER BY n;
ROLLBACK;
