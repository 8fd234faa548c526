-- suggestion: what a clerk is told to suggest, why, and when it is not told again (R136, R190); everything is undone at the end.
\set VERBOSITY terse
SET client_min_messages = warning;
SET datestyle = 'ISO';
SET timezone = 'Asia/Shanghai';
BEGIN;
SET LOCAL crm.core_clock = '2026-06-30T12:00:00+08:00';
SELECT set_config('crm.access_claims', '{"actor": "regress", "role": "crm_headquarters", "stores": [], "all": true}', true) <> '' AS claims;
SELECT crm.access_define_region('SUGG', '区') > 0 AS region, crm.access_define_store('SUGG1', '一店', 'SUGG', '上海') > 0 AS store, crm.ingest_define_source('sugg_till', '收银', 'pos', '{"channel": "store"}') > 0 AS source;
SET LOCAL world.till = 'sugg_till';
SET LOCAL world.store = 'SUGG1';
SET LOCAL world.phones = '137';
\i sql/shared/flow_world.sql
CREATE FUNCTION pg_temp.bought(member text, day date, category text, more jsonb DEFAULT '{}') RETURNS text LANGUAGE sql AS $$
    SELECT pg_temp.send('order', jsonb_build_object('external_id', concat_ws('-', 'O', member, day, category), 'member_external_id', member, 'ordered_at', day || 'T10:00:00+08:00', 'store_code', 'SUGG1', 'amount', '50.00',
        'items', jsonb_build_array(jsonb_build_object('product_code', 'sugg_' || category, 'product_name', category, 'category_code', 'sugg_' || category, 'quantity', 1, 'unit_price', '50.00') || more))) $$;
-- at the counter: the last category, what is suggested and why
CREATE FUNCTION pg_temp.card(member text) RETURNS TABLE (last_category text, suggested text, reason text) LANGUAGE sql AS $$
    SELECT c ->> 'last_category', c #>> '{suggestion,category}', c #>> '{suggestion,reason_en}'
    FROM crm.report_card('phone', '137' || lpad((abs(hashtext(member)) % 100000000)::text, 8, '0')) c $$;
INSERT INTO crm.pair_rule (pair_rule_id, from_category, to_category, reason_zh, reason_en)
VALUES (9701, 'sugg_protein', 'sugg_shaker', '配摇摇杯', 'a shaker goes with it'), (9702, 'sugg_protein', 'sugg_bar', '配能量棒', 'bars go with it');
SELECT count(pg_temp.member(m)) AS members FROM unnest('{pair,owner,gave_back,learned,often,nobody,double,double_2,long_ago}'::text[]) m;
SELECT pg_temp.bought('long_ago', '2025-01-01', 'bar') AS there_are_bars;
-- 1. headquarters' rule first; who owns its goods is told the next; who gave them back is not an owner
SELECT pg_temp.bought('pair', '2026-06-20', 'protein') AS pair, pg_temp.bought('owner', '2026-06-01', 'shaker') AS shaker, pg_temp.bought('owner', '2026-06-20', 'protein') AS owner,
       pg_temp.bought('gave_back', '2026-06-10', 'shaker') AS returned, pg_temp.bought('gave_back', '2026-06-20', 'protein') AS stays, pg_temp.bought('learned', '2026-06-20', 'tea') AS tea;
SELECT pg_temp.send('refund', '{"external_id": "RG", "order_external_id": "O-gave_back-2026-06-10-shaker", "amount": "50.00", "refunded_at": "2026-06-12T10:00:00+08:00", "store_code": "SUGG1"}') AS refunded;
SELECT m AS member, c.* FROM unnest('{pair,owner,gave_back,learned}'::text[]) m, pg_temp.card(m) c;
-- a shaker lasts thirty days where nobody says otherwise: the thirtieth day after it, it is told again
SET LOCAL crm.core_clock = '2026-06-30T23:59:00+08:00';
SELECT suggested FROM pg_temp.card('owner');
SET LOCAL crm.core_clock = '2026-07-01T00:00:00+08:00';
SELECT suggested FROM pg_temp.card('owner');
-- 2. shown three times in thirty days it is enough, and the next one's turn; thirty days after the first it may be told once more
SET LOCAL crm.core_clock = '2026-07-02T09:00:00+08:00';
SELECT pg_temp.bought('often', '2026-06-29', 'protein') AS bought;
SELECT 'SELECT suggested FROM pg_temp.card(''often'')' FROM generate_series(1, 6) \gexec
SELECT * FROM pg_temp.card('often');
SET LOCAL crm.core_clock = '2026-08-01T08:59:59+08:00';
SELECT suggested FROM pg_temp.card('often');
SET LOCAL crm.core_clock = '2026-08-01T09:00:00+08:00';
SELECT suggested FROM pg_temp.card('often');
-- what two records of one person were shown is one person's
SELECT pg_temp.bought('double', '2026-07-20', 'protein') AS bought, pg_temp.bought('double_2', '2026-07-21', 'protein') AS too;
SELECT format('SELECT suggested FROM pg_temp.card(%L)', m) FROM unnest('{double,double,double_2}'::text[]) m \gexec
SELECT (crm.identity_merge(pg_temp.person('double'), pg_temp.person('double_2'), 'one and the same')) IS NOT NULL AS merged;
SELECT suggested FROM pg_temp.card('double_2');
-- 3. learned: twenty-nine who bought coffee at the visit after tea are too few, thirty are enough; what was bought at the same visit follows nothing
SELECT count(pg_temp.member('c' || n)) AS members, count(pg_temp.bought('c' || n, '2026-03-01', 'tea')) + count(pg_temp.bought('c' || n, '2026-03-01', 'honey')) + count(pg_temp.bought('c' || n, '2026-04-01', 'coffee')) FILTER (WHERE n < 30) AS orders FROM generate_series(1, 30) n;
SELECT crm._report_follow() AS left_over;
SELECT * FROM pg_temp.card('learned');
SELECT pg_temp.bought('c30', '2026-07-30', 'coffee') AS the_thirtieth;
SELECT crm._report_follow() AS left_over;
SELECT * FROM pg_temp.card('learned');
-- a year on, those cases are no longer of the last 365 days
SET LOCAL crm.core_clock = '2027-04-02T09:00:00+08:00';
SELECT crm._report_follow() AS left_over;
SELECT * FROM pg_temp.card('learned');
-- 4. who bought nothing is told nothing of
SELECT * FROM pg_temp.card('nobody');
-- 5. a clerk of another store is told the category of what was bought last, not the day nor the product
SELECT crm.access_define_store('SUGG2', '二店', 'SUGG', '上海') AS other_store \gset
SELECT crm.access_define_staff('SUGG-C', '店员', 'crm_clerk', '{store:SUGG2}') AS clerk \gset
SELECT set_config('crm.access_claims', json_build_object('actor', 'SUGG-C', 'staff_id', :clerk, 'role', 'crm_clerk', 'stores', ARRAY[:other_store], 'all', false)::text, true) <> '' AS other_clerk;
SELECT c ->> 'in_scope' AS in_scope, c ->> 'last_category' AS category, c ->> 'last_category_name' AS its_name, c -> 'last_day' AS day, c -> 'last_item' AS item, c #>> '{suggestion,reason_zh}' AS reason
FROM crm.report_card('phone', '137' || lpad((abs(hashtext('pair')) % 100000000)::text, 8, '0')) c;
ROLLBACK;
