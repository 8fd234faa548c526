-- segment_presets: the tags that ship, each with who is just inside and just outside (R45, R47, R48), and segments of tier, recency and basket (R65); everything is undone at the end.
\set VERBOSITY terse
SET client_min_messages = warning;
SET datestyle = 'ISO';
SET timezone = 'Asia/Shanghai';
BEGIN;
SET LOCAL crm.core_clock = '2026-06-30T21:00:00+08:00';
SELECT set_config('crm.access_claims', '{"actor": "regress", "role": "crm_headquarters", "stores": [], "all": true}', true) <> '' AS claims;
SELECT crm.access_define_region('PRES', '区') > 0 AS region, crm.access_define_store('PRES1', '一店', 'PRES', '上海') > 0 AS store,
       crm.ingest_define_source('pres_till', '收银', 'pos', '{"channel": "store"}') > 0 AS source;
SET LOCAL world.till = 'pres_till';
SET LOCAL world.store = 'PRES1';
SET LOCAL world.phones = '136';
\i sql/shared/flow_world.sql
-- the chain is who is told of here
DELETE FROM crm.customer_value;
DELETE FROM crm.basket_cut;
CREATE FUNCTION pg_temp.bought(member text, ago int, amount int DEFAULT 10, category text DEFAULT 'milk') RETURNS text LANGUAGE sql AS $$
    SELECT pg_temp.send('order', jsonb_build_object('external_id', concat_ws('-', 'O', member, ago), 'member_external_id', member, 'ordered_at', date '2026-06-30' - ago || 'T12:00:00+08:00', 'store_code', 'PRES1',
        'amount', amount || '.00', 'items', jsonb_build_array(jsonb_build_object('product_code', 'pres_' || category, 'category_code', category, 'quantity', 1, 'unit_price', amount || '.00')))) $$;
CREATE FUNCTION pg_temp.spoke(member text, ago int) RETURNS text LANGUAGE sql AS $$
    SELECT pg_temp.send('interaction', jsonb_build_object('external_id', concat_ws('-', 'I', member, ago), 'occurred_at', date '2026-06-30' - ago || 'T12:00:00+08:00', 'channel', 'phone', 'member_external_id', member, 'body', 'x')) $$;
CREATE FUNCTION pg_temp.tagged() RETURNS TABLE (tag text, persons text) LANGUAGE plpgsql AS $$
BEGIN
    WHILE crm._value_drain() > 0 LOOP NULL; END LOOP;
    WHILE crm._segment_refresh() > 0 LOOP NULL; END LOOP;
    RETURN QUERY SELECT t.tag, string_agg(pg_temp.label(t.customer_id), ' ' ORDER BY pg_temp.label(t.customer_id)) FROM crm.person_tag t
                 WHERE t.tag = ANY ('{高频客户,喜甜食,活跃,沉睡,高潜}') AND t.until > crm.core_now() AND pg_temp.label(t.customer_id) IS NOT NULL GROUP BY 1 ORDER BY 1;
END $$;
SELECT count(pg_temp.member(m)) AS members FROM unnest('{often,seldom,active,late,asleep,drowsy,cake,b10,b20,b30,b40,b50,b60,b70,b80,three,old,talks,talks_2,talks_15,nothing}'::text[]) m;
-- three times in thirty days, the thirtieth counts; not three times on one day
SELECT count(pg_temp.bought('often', ago)) + count(pg_temp.bought('seldom', ago + 1)) AS orders FROM unnest('{0,10,30}'::int[]) ago;
-- bought 30 days ago and 31, 91 and 90
SELECT count(pg_temp.bought(m, ago)) AS orders FROM (VALUES ('active', 30), ('late', 31), ('asleep', 91), ('drowsy', 90)) v (m, ago);
-- cake once, years ago
SELECT pg_temp.bought('cake', 900, category => 'cake') AS cake;
-- baskets of 10 to 80 sixty days ago; the greatest three times, and 61 days ago; small ones with three talks in fourteen days, with two, with one too long ago
SELECT count(pg_temp.bought('b' || n * 10, 60, n * 10)) AS orders FROM generate_series(1, 8) n;
SELECT count(pg_temp.bought('three', ago, 90)) AS three FROM unnest('{40,50,60}'::int[]) ago;
SELECT pg_temp.bought('old', 61, 90) AS old;
SELECT count(pg_temp.bought(m, 55)) AS small, count(pg_temp.spoke(m, first)) + count(pg_temp.spoke(m, 5)) + count(pg_temp.spoke(m, 1)) FILTER (WHERE m <> 'talks_2') AS talks
FROM (VALUES ('talks', 14), ('talks_2', 14), ('talks_15', 15)) v (m, first);
-- before the first night nobody's basket has a place
SELECT * FROM pg_temp.tagged();
SELECT crm._value_basket_job() AS left_over;
-- 20 buyers: the 15th basket from below is the chain's third quartile, counted without the product
SELECT b.person_count AS buyers, b.cuts[75] AS third_quartile, (SELECT s.basket FROM (SELECT o.amount_minor / o.days AS basket, row_number() OVER (ORDER BY o.amount_minor / o.days) AS place FROM
        (SELECT m.customer_id, sum(o.amount * 100)::bigint AS amount_minor, count(DISTINCT o.business_day) AS days FROM crm.customer_order o JOIN crm.membership m USING (source_record_id)
         WHERE o.is_current AND m.valid_to = 'infinity' AND pg_temp.label(m.customer_id) IS NOT NULL AND o.source_id = (SELECT source_id FROM crm.source WHERE code = 'pres_till') GROUP BY 1) o) s WHERE s.place = ceil(.75 * b.person_count)) AS counted
FROM crm.basket_cut b;
SELECT * FROM pg_temp.tagged();
SELECT x.value -> 'conditions' AS explained FROM crm.rule_explain('{"kind": "basket", "field": "percentile", "op": ">=", "value": 75}', pg_temp.person('b60')) x (value);
-- a second run says the same, and asks nobody anew
SELECT crm._segment_version('{"kind": "basket", "field": "percentile", "op": ">=", "value": 75}') AS was \gset
SET LOCAL crm.core_clock = '2026-06-30T21:05:00+08:00';
SELECT crm._value_basket_job() AS left_over, crm._segment_version('{"kind": "basket", "field": "percentile", "op": ">=", "value": 75}') = :'was' AS stays;
-- what is no longer true goes: a basket that shrinks, a third order, a day, a smaller chain; what becomes true comes at once
SELECT pg_temp.bought('b80', 59, 10) AS shrinks, count(pg_temp.bought('b70', ago, 200)) AS third FROM unnest('{50,51}'::int[]) ago;
SELECT pg_temp.bought('nothing', 0, 500) AS first;
SELECT * FROM pg_temp.tagged() WHERE tag = '高潜';
SET LOCAL crm.core_clock = '2026-07-01T21:00:00+08:00';
SELECT * FROM pg_temp.tagged();
-- tier, recency and basket together: worth much and asleep (was core or active once), often here for little, by the rules' own words and by plain SQL
SELECT count(pg_temp.bought('b10', 100 + n, 300)) AS core_once FROM generate_series(1, 3) n;
SELECT crm.segment_define('dear_asleep', '高价值沉睡客户', '{"all": [{"kind": "basket", "field": "percentile", "op": ">=", "value": 75}, {"kind": "value", "field": "tier", "op": "in", "value": ["B", "C", "D"]}, {"kind": "purchase", "measure": "last", "op": ">", "value": 60}]}') ->> 'segment' AS dear,
       crm.segment_define('often_little', '高频低客单客户', '{"all": [{"kind": "purchase", "measure": "count", "days": 90, "op": ">=", "value": 3}, {"kind": "basket", "field": "percentile", "op": "<", "value": 60}]}') ->> 'segment' AS often;
SELECT count(*) > 0 AS asked FROM pg_temp.tagged();
SELECT s.code, (SELECT string_agg(pg_temp.label(m), ' ' ORDER BY pg_temp.label(m)) FROM crm._segment_members(s.code) m) AS members,
       (SELECT string_agg(pg_temp.label(v.customer_id), ' ' ORDER BY pg_temp.label(v.customer_id)) FROM crm.customer_value v, crm.basket_cut b,
          LATERAL (SELECT count(DISTINCT o.business_day) FILTER (WHERE o.business_day >= date '2026-07-01' - 90) AS days, max(o.business_day) AS last
                   FROM crm.customer_order o JOIN crm.membership m USING (source_record_id) WHERE m.customer_id = v.customer_id AND o.is_current) o
        WHERE CASE s.code WHEN 'dear_asleep' THEN v.net_minor / v.order_days >= b.cuts[75] AND v.tier IN ('B', 'C', 'D') AND o.last < date '2026-07-01' - 60
                          ELSE v.net_minor / v.order_days < b.cuts[60] AND o.days >= 3 END AND v.order_days > 0) AS by_plain_sql
FROM (VALUES ('dear_asleep'), ('often_little')) s (code);
-- 90 to 180 days without any contact (R89): who bought yesterday, looked or was called is no more quiet than who spoke; days move persons in and out by themselves
SELECT count(pg_temp.member(m)) AS members FROM unnest('{q89,q90,q180,q181,q_bought,q_looked,q_asked,q_never}'::text[]) m;
CREATE FUNCTION pg_temp.contact(member text, ago int, way text) RETURNS text LANGUAGE sql AS $$
    SELECT CASE way WHEN 'bought' THEN pg_temp.bought(member, ago - 1) WHEN 'spoke' THEN pg_temp.spoke(member, ago - 1)
                    ELSE pg_temp.event(member, 'product_view', (date '2026-07-01' - ago + time '12:00') AT TIME ZONE 'Asia/Shanghai', 'S') END $$;
SELECT count(pg_temp.contact(m, ago, way)) AS contacts FROM (VALUES ('q89', 89, 'spoke'), ('q90', 90, 'spoke'), ('q180', 180, 'spoke'), ('q181', 181, 'spoke'), ('q_bought', 120, 'spoke'), ('q_bought', 1, 'bought'),
    ('q_looked', 120, 'bought'), ('q_looked', 89, 'looked'), ('q_asked', 180, 'bought'), ('q_asked', 91, 'looked')) c (m, ago, way);
SELECT crm.segment_define('quiet_90_180', '90至180天未互动', '{"all": [
    {"any": [{"kind": "interaction", "days": 180}, {"kind": "purchase", "days": 180}, {"kind": "event", "days": 180}]},
    {"not": {"any": [{"kind": "interaction", "days": 89}, {"kind": "purchase", "days": 89}, {"kind": "event", "days": 89}]}}]}') ->> 'segment' AS quiet,
       crm.segment_define('spoke_90_180', '90至180天未沟通', '{"kind": "interaction", "measure": "last", "op": "between", "value": [90, 180]}') ->> 'segment' AS spoke;
CREATE FUNCTION pg_temp.quiet() RETURNS TABLE (segment text, persons text) LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_temp.tagged();
    RETURN QUERY SELECT s.code, (SELECT string_agg(pg_temp.label(m), ' ' ORDER BY pg_temp.label(m)) FROM crm._segment_members(s.code) m WHERE pg_temp.label(m) ~ '^q') FROM unnest('{quiet_90_180,spoke_90_180}'::text[]) s (code);
END $$;
SELECT * FROM pg_temp.quiet();
SET LOCAL crm.core_clock = '2026-07-02T21:00:00+08:00';
SELECT * FROM pg_temp.quiet();
SELECT pg_temp.send('interaction', '{"external_id": "IQ", "occurred_at": "2026-07-02T20:00:00+08:00", "channel": "wechat", "member_external_id": "q90"}') AS speaks;
SELECT * FROM pg_temp.quiet();
SELECT count(*) AS drift FROM crm.segment_check();
ROLLBACK;
