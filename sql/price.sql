-- price: prices by quantity proposed from what a customer bought: steps over what they usually buy, never dearer than they had it, never below the floor.
\set VERBOSITY terse
SET client_min_messages = warning;
SET datestyle = 'ISO';
SET timezone = 'Asia/Shanghai';
BEGIN;
SET LOCAL crm.core_clock = '2026-06-30T12:00:00+08:00';
SELECT set_config('crm.access_claims', '{"actor": "regress", "role": "crm_headquarters", "stores": [], "all": true}', true) <> '' AS claims;
\i sql/shared/try_remedy.sql
SELECT crm.ingest_define_source('pric_till', 'till', 'pos') > 0 AS source;
SELECT (crm.ingest_product('pric_till', convert_to(jsonb_build_object('external_id', p, 'name', p, 'category_code', 'pric_c', 'category_name', 'c', 'list_price', l)::text, 'UTF8'))).code FROM (VALUES ('PR-BOX', '10.00'), ('PR-BAG', '4.00'), ('PR-NEW', '20.00')) v (p, l);
SELECT (crm.ingest_member('pric_till', convert_to('{"external_id": "A", "phone": "13312348801", "name": "甲公司"}', 'UTF8'))).customer_id AS a \gset
CREATE FUNCTION pg_temp.buys(no text, day text, product text, quantity numeric, price numeric) RETURNS text LANGUAGE sql AS $$
    SELECT (crm.ingest_order('pric_till', convert_to(jsonb_build_object('external_id', no, 'member_external_id', 'A', 'ordered_at', day || 'T12:00:00+08:00', 'amount', round(quantity * price, 2)::text,
        'items', jsonb_build_array(jsonb_build_object('line_key', '1', 'product_code', product, 'quantity', quantity, 'unit_price', price::text)))::text, 'UTF8'))).code
$$;
CREATE FUNCTION pg_temp.steps(person bigint, product text) RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(concat_ws(' ', s ->> 'from_quantity', s ->> 'price', s ->> 'off_list', CASE WHEN (s ->> 'is_floor')::boolean THEN 'floor' END), ', ') FROM jsonb_array_elements(crm.sales_price_steps(person, product) -> 'steps') s
$$;
-- without a history: one at the list price, and more for less
SELECT pg_temp.steps(:a, 'PR-NEW') AS fresh, crm.sales_price_steps(:a, 'PR-NEW') -> 'history' AS none;
-- usually 40 at 9.50; once 100 at 9.00 and once, long ago, 30 at 5
SELECT pg_temp.buys('1', '2026-01-10', 'PR-BOX', 40, 9.5), pg_temp.buys('2', '2026-02-10', 'PR-BOX', 38, 9.5), pg_temp.buys('3', '2026-03-10', 'PR-BOX', 42, 9.6), pg_temp.buys('4', '2026-04-10', 'PR-BOX', 100, 9.0),
       pg_temp.buys('5', '2023-04-10', 'PR-BOX', 30, 5.0), pg_temp.buys('6', '2026-05-10', 'PR-BAG', 1200, 2.90), pg_temp.buys('7', '2026-06-10', 'PR-BOX', 40, 9.4);
SELECT crm.sales_price_steps(:a, 'PR-BOX') -> 'history' AS history;
SELECT pg_temp.steps(:a, 'PR-BOX') AS box, pg_temp.steps(:a, 'PR-BAG') AS bag_at_the_floor;
-- a refunded one counts no more
SELECT (crm.ingest_refund('pric_till', convert_to('{"external_id": "R4", "order_external_id": "4", "refunded_at": "2026-04-11T12:00:00+08:00", "amount": "900.00"}', 'UTF8'))).code;
SELECT crm.sales_price_steps(:a, 'PR-BOX') #>> '{history,largest_quantity}' AS largest, pg_temp.steps(:a, 'PR-BOX') AS box;
-- the house's own steps
UPDATE crm.room_setting SET value = '[{"times": 1, "off": 0}, {"times": 5, "off": 0.25}]' WHERE name = 'sales.price_steps';
SELECT pg_temp.steps(:a, 'PR-BOX') AS box;
SELECT * FROM crm.sales_price_products(:a);
SELECT q, crm._sales_round_down(q) AS quoted FROM unnest('{0.4,1,9.2,10,11,38,57,120,1001,1500}'::numeric[]) q;
SELECT pg_temp.try(format('crm.sales_price_steps(%s, %L)', :a, 'none')) AS no_product, pg_temp.try('crm.sales_price_steps(1, ''PR-BOX'')') AS nobody;
ROLLBACK;
