-- report_metric: each figure of doc/metrics.md over a fixture that can be counted by hand; everything is undone at the end.
\set VERBOSITY terse
SET client_min_messages = warning;
SET datestyle = 'ISO';
SET timezone = 'UTC';
SELECT set_config('crm.access_claims', '{"actor": "regress", "role": "crm_headquarters", "stores": [], "all": true}', false) <> '' AS claims;
BEGIN;
SET LOCAL crm.core_clock = '2026-07-06T12:00:00+08:00';
-- this fixture alone: other tests' rows, if any are left, do not count
UPDATE crm.customer SET status = 'erased' WHERE status = 'active';
DELETE FROM crm.customer_order; DELETE FROM crm.refund;
SELECT crm.access_define_region('m_region', 'region') > 0 AS region, crm.access_define_store('m_a', 'store A', 'm_region') > 0 AS a, crm.access_define_store('m_b', 'store B', 'm_region', NULL, 'Pacific/Kiritimati') > 0 AS b;
INSERT INTO crm.source (source_id, code, name, kind, created_at) VALUES (9591, 'metric_till', 'till', 'pos', '2026-01-01');
INSERT INTO crm.source_record (source_record_id, source_id, kind, external_id, is_history, received_at)
SELECT 959100 + g, 9591, 'member', 'm' || g, false, '2026-01-01' FROM generate_series(1, 8) g;
INSERT INTO crm.customer (customer_id, status, registered_at, registered_on, updated_at, scope_store_ids, sex, name_masked)
SELECT 959200 + g, 'active', '2026-01-01', '2026-01-01', '2026-01-01', ARRAY[(SELECT store_id FROM crm.store WHERE code = CASE WHEN g < 6 THEN 'm_a' ELSE 'm_b' END)], CASE WHEN g < 3 THEN 'f' END, CASE WHEN g < 5 THEN '王*' ELSE '' END
FROM generate_series(1, 8) g;
INSERT INTO crm.membership (source_record_id, valid_from, customer_id) SELECT 959100 + g, '2026-01-01', 959200 + g FROM generate_series(1, 8) g;
INSERT INTO crm.customer_value (customer_id, tier, tier_since, order_days, net_minor, as_of, updated_at)
SELECT 959200 + g, CASE WHEN g < 3 THEN 'A' WHEN g < 8 THEN 'B' ELSE 'P' END, '2026-01-01', 0, 0, '2026-01-01', '2026-01-01' FROM generate_series(1, 8) g;
-- person, store, days: two orders of one day are one; 4's only June order is refunded whole in July, 5's in part
CREATE TEMP TABLE bought (person int, store text, day date, amount numeric);
INSERT INTO bought VALUES (1, 'm_a', '2026-04-10', 100), (1, 'm_a', '2026-05-11', 50), (1, 'm_a', '2026-06-01', 30), (1, 'm_a', '2026-06-01', 20), (1, 'm_a', '2026-06-20', 50),
    (2, 'm_a', '2026-06-05', 200), (3, 'm_a', '2026-05-02', 80), (4, 'm_a', '2026-05-20', 10), (4, 'm_a', '2026-06-10', 70), (5, 'm_a', '2026-06-30', 100),
    (6, 'm_b', '2026-04-30', 40), (6, 'm_b', '2026-06-15', 60), (7, 'm_b', '2025-06-01', 500), (7, 'm_b', '2026-01-31', 5);
INSERT INTO crm.customer_order (source_record_id, order_id, source_id, external_id, store_id, status, ordered_at, paid_at, business_day, amount, line_count, is_history, received_at)
SELECT 959100 + b.person, 959000 + row_number() OVER (), 9591, 'o' || row_number() OVER (), s.store_id, 'paid', b.day + interval '4 hours', b.day + interval '4 hours', b.day, b.amount, 0, false, b.day
FROM bought b JOIN crm.store s ON s.code = b.store;
INSERT INTO crm.refund (source_record_id, refund_id, source_id, external_id, order_id, amount, refunded_at, refunded_on, purchase_day, is_history, received_at)
SELECT o.source_record_id, o.order_id, 9591, 'r' || o.order_id, o.order_id, CASE WHEN o.amount = 70 THEN 70 ELSE 40 END, '2026-07-02', '2026-07-02', o.business_day, false, '2026-07-02'
FROM crm.customer_order o WHERE o.source_record_id IN (959104, 959105) AND o.business_day >= '2026-06-10';
-- two lines an order, a third of the amount in the category, the rest in none
INSERT INTO crm.product_category (category_id, code, name) VALUES (959001, 'm_cat', 'category');
INSERT INTO crm.product (product_id, code, name, category_id, updated_at) VALUES (959001, 'm_in', 'in', 959001, '2026-01-01'), (959002, 'm_out', 'out', NULL, '2026-01-01');
INSERT INTO crm.order_item (source_record_id, order_id, line_no, product_id, quantity, unit_price, amount)
SELECT o.source_record_id, o.order_id, l, 959000 + l, 1, o.amount * l / 3, o.amount * l / 3 FROM crm.customer_order o, generate_series(1, 2) l WHERE o.source_id = 9591 AND o.amount % 3 = 0;
SELECT crm.report_rebuild() >= 8 AS kept;

-- June: 1 (two days), 2, 5, 6 bought; May: 1, 3, 4; of these 3 and 4 were lost
SELECT jsonb_pretty(crm.report_metrics('2026-06-01', '2026-06-30'));
SELECT crm.report_metrics('2026-06-01', '2026-06-30', 'm_b') - 'tiers' AS store_b;
SELECT crm.report_metrics('2024-06-01', '2024-06-30') - 'tiers' AS before_anything;
SELECT * FROM crm.report_lifecycle('2026-04-15', '2026-06-30');
SELECT * FROM crm.report_lifecycle('2026-06-01', '2026-06-21', 'week');
UPDATE crm.room_setting SET value = '7' WHERE name = 'value.week_start_isodow';
SELECT starts_on, new_persons FROM crm.report_lifecycle('2026-06-01', '2026-06-14', 'week');
UPDATE crm.room_setting SET value = '1' WHERE name = 'value.week_start_isodow';
SELECT * FROM crm.report_retention('2026-04-01', '2026-06-30');
SELECT cohort, period, retained FROM crm.report_retention('2026-04-01', '2026-06-30', 'month', true);
SELECT store_code, persons, buyers, order_days, net, average_order, repurchase_rate, tiers FROM crm.report_stores('2026-06-01', '2026-06-30') WHERE store_code LIKE 'm\_%';
-- of June 30.00 in m_a, and 60.00 in m_b, divide by three
SELECT store_code, category_code, amount::numeric(10, 2) FROM crm.report_store_sales('2026-06-01', '2026-06-30') WHERE store_code LIKE 'm\_%';
-- kept by day each night: the same; an order more, one that went and a day without any are seen the night after, today at once
CREATE FUNCTION pg_temp.night() RETURNS date LANGUAGE plpgsql AS $$ BEGIN WHILE crm._report_sales_job() > 0 LOOP END LOOP; RETURN (SELECT kept_to FROM crm.report_sale_progress); END $$;
CREATE FUNCTION pg_temp.sold() RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(s.store_code || ' ' || s.category_code || ' ' || s.amount::numeric(10, 2), ', ' ORDER BY s.store_code, s.category_code)
    FROM crm.report_store_sales('2026-06-01', '2026-06-30') s WHERE s.store_code LIKE 'm\_%' $$;
CREATE TEMP TABLE sold AS SELECT pg_temp.sold() AS answer;
SELECT pg_temp.night() AS kept_to;
SELECT pg_temp.sold() = answer AS same, (SELECT count(*) > 0 FROM crm.report_sale r WHERE r.day BETWEEN '2026-06-01' AND '2026-06-30') AS is_kept FROM sold;
CREATE TEMP TABLE fact AS SELECT o.* FROM crm.customer_order o WHERE o.source_id = 9591 AND o.amount % 3 = 0 AND o.business_day BETWEEN '2026-06-01' AND '2026-06-29' ORDER BY o.order_id LIMIT 1;
SAVEPOINT kept;
INSERT INTO crm.customer_order SELECT (x).* FROM (SELECT jsonb_populate_record(NULL::crm.customer_order, to_jsonb(f) || '{"order_id": 959199, "external_id": "late"}') AS x FROM fact f) y;
INSERT INTO crm.order_item (source_record_id, order_id, line_no, product_id, quantity, unit_price, amount) SELECT source_record_id, 959199, 1, 959001, 1, 7, 7 FROM fact;
SELECT pg_temp.sold() = answer AS as_of_last_night FROM sold;
SELECT pg_temp.night() IS NOT NULL AS night;
SELECT pg_temp.sold();
UPDATE crm.customer_order o SET is_current = false FROM fact f WHERE o.business_day = f.business_day AND o.is_current;
SELECT pg_temp.night() IS NOT NULL AS night;
SELECT pg_temp.sold(), (SELECT count(*) FROM crm.report_sale r JOIN fact f ON f.business_day = r.day) AS of_the_day;
ROLLBACK TO kept;
-- an order told differently is one order still: of the last days it is seen the night after
SAVEPOINT kept;
SET LOCAL crm.core_clock = '2026-06-07T12:00:00+08:00';
SELECT pg_temp.night() AS kept_to, pg_temp.sold();
SET LOCAL crm.core_clock = '2026-06-08T12:00:00+08:00';
UPDATE crm.order_item i SET amount = i.amount + 1000 FROM fact f WHERE i.source_record_id = f.source_record_id AND i.order_id = f.order_id AND i.line_no = 1;
SELECT pg_temp.night() AS kept_to, pg_temp.sold();
ROLLBACK TO kept;
SELECT * FROM crm.report_completeness('m_a') WHERE field IN ('name', 'sex', 'phone', 'any_tag');

-- funnels: order, window, strictness, exclusions, and the persons of each step
INSERT INTO crm.event (source_record_id, received_at, event_id, source_id, type, occurred_at, business_day, is_history)
SELECT 959100 + person, '2026-06-02'::date + at, 9591000 + row_number() OVER (), 9591, type, '2026-06-02'::date + at, '2026-06-02'::date, false FROM (VALUES
    (1, 'product_view', time '10:00'), (1, 'add_to_cart', '11:00'), (1, 'checkout_start', '12:00'),
    (2, 'product_view', '10:00'), (2, 'checkout_start', '10:30'), (2, 'add_to_cart', '11:00'), (2, 'checkout_start', '13:00'),
    (3, 'add_to_cart', '10:00'), (3, 'product_view', '11:00'),
    (4, 'product_view', '10:00'), (4, 'remove_from_cart', '10:10'), (4, 'add_to_cart', '10:20'),
    (5, 'product_view', '10:00'), (5, 'add_to_cart', '18:00'), (5, 'checkout_start', '18:01')) v (person, type, at);
SELECT * FROM crm.report_funnel('["product_view", "add_to_cart", "checkout_start"]', '2026-06-02', '2026-06-02');
SELECT step, persons FROM crm.report_funnel('["product_view", "add_to_cart", "checkout_start"]', '2026-06-02', '2026-06-02', 0.25);
SELECT step, persons FROM crm.report_funnel('["product_view", "add_to_cart", "checkout_start"]', '2026-06-02', '2026-06-02', 7, true);
SELECT step, persons FROM crm.report_funnel('["product_view", "add_to_cart", "checkout_start"]', '2026-06-02', '2026-06-02', 7, false, '["remove_from_cart"]');
SELECT p - 959200 AS dropped_after_two FROM crm.report_funnel_persons('["product_view", "add_to_cart", "checkout_start"]', '2026-06-02', '2026-06-02', 2, true) p;
SELECT array_agg(p - 959200 ORDER BY p) AS reached_two FROM crm.report_funnel_persons('["product_view", "add_to_cart", "checkout_start"]', '2026-06-02', '2026-06-02', 2) p;
SELECT step, name, persons FROM crm.report_funnel('["registered", "order"]', '2026-01-01', '2026-01-01', 100);
-- an order is one that lasted: 4's of the 10th was given back whole, 5's of the 30th in part; a sale and its cancellation on one day are none
SELECT d.day, f.persons, array(SELECT p - 959200 FROM crm.report_funnel_persons('["order"]', d.day, d.day, 1) p) AS who FROM unnest('{2026-06-01,2026-06-10,2026-06-30}'::date[]) d (day), crm.report_funnel('["order"]', d.day, d.day) f;
SAVEPOINT cancelled;
INSERT INTO crm.customer_order (source_record_id, order_id, source_id, external_id, kind, status, ordered_at, paid_at, business_day, amount, line_count, is_history, received_at)
SELECT source_record_id, 959180, 9591, 'c1', 'cancellation', 'paid', ordered_at, paid_at, business_day, -amount, 0, false, received_at FROM crm.customer_order WHERE source_record_id = 959102 AND source_id = 9591;
SELECT f.persons FROM crm.report_funnel('["order"]', '2026-06-05', '2026-06-05') f;
ROLLBACK TO cancelled;
SAVEPOINT bad;
SELECT * FROM crm.report_funnel('["order"]', '2026-06-02', '2026-06-01');
ROLLBACK TO bad;
SELECT * FROM crm.report_funnel_persons('["order"]', NULL, '2026-06-01', 1);
ROLLBACK TO bad;
SELECT * FROM crm.report_funnel('["no such event"]', '2026-06-02', '2026-06-02');
ROLLBACK TO bad;
SELECT * FROM crm.report_funnel('{}', '2026-06-02', '2026-06-02');
ROLLBACK TO bad;
SELECT crm.report_metrics('2026-06-02', '2026-06-01');
ROLLBACK TO bad;

-- the twelve indicators, frozen: a refund that comes later changes nothing
SELECT count(crm._report_indicators_job()) AS runs FROM crm.store, generate_series(1, 4);
SELECT crm._report_indicators_job() AS again, count(DISTINCT (period, starts_on)) AS periods FROM crm.indicator_snapshot;
SELECT i ->> 'indicator' AS indicator, i -> 'value' AS value, i -> 'numerator' AS numerator, i -> 'denominator' AS denominator, i ->> 'note' AS note
FROM crm.report_indicators('month') r, jsonb_array_elements(r -> 'indicators') i;
SELECT r ->> 'starts_on' AS monday, r ->> 'ends_on' AS sunday FROM crm.report_indicators('week') r;
INSERT INTO crm.refund (source_record_id, refund_id, source_id, external_id, amount, refunded_at, refunded_on, purchase_day, is_history, received_at)
VALUES (959102, 1, 9591, 'late', 200, '2026-07-06', '2026-07-06', '2026-06-05', false, '2026-07-06');
SELECT crm._report_mark(ARRAY[959202]);
SELECT crm._report_indicators_job();
SELECT i -> 'value' AS frozen, (SELECT value FROM crm._report_indicators(NULL, '2026-06-01', '2026-06-30') n WHERE n.indicator = 'active') AS today
FROM crm.report_indicators('month') r, jsonb_array_elements(r -> 'indicators') i WHERE i ->> 'indicator' = 'active';
SELECT i ->> 'indicator' AS indicator, i -> 'value' AS value FROM crm.report_indicators('month', '2026-06-15', 'm_b') r, jsonb_array_elements(r -> 'indicators') i WHERE i ->> 'indicator' IN ('active', 'order_value', 'recall');
SELECT crm.report_indicators('year');
ROLLBACK;
