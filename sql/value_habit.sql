-- value_habit: price, refills, hours, next products, paths, groups of persons; everything is undone at the end.
\set VERBOSITY terse
SET client_min_messages = warning;
SET datestyle = 'ISO';
SET timezone = 'UTC';
SELECT set_config('crm.access_claims', '{"actor": "regress", "role": "crm_headquarters", "stores": [], "all": true}', false) <> '' AS claims;
BEGIN;
SET LOCAL crm.core_clock = '2026-07-01T04:00:00+08:00';
INSERT INTO crm.source (source_id, code, name, kind, created_at) VALUES (9581, 'habit_till', 'till', 'pos', '2026-01-01');
INSERT INTO crm.source_record (source_record_id, source_id, kind, external_id, is_history, received_at)
SELECT 958100 + g, 9581, 'member', 'm' || g, false, '2026-01-01' FROM generate_series(1, 40) g;
INSERT INTO crm.customer (customer_id, status, registered_at, registered_on, updated_at)
SELECT 958200 + g, 'active', '2026-01-01', '2026-01-01', '2026-01-01' FROM generate_series(1, 40) g;
INSERT INTO crm.membership (source_record_id, valid_from, customer_id) SELECT 958100 + g, '2026-01-01', 958200 + g FROM generate_series(1, 40) g;
INSERT INTO crm.product_category (category_id, code, name) VALUES (9581, 'h_coffee', 'coffee'), (9582, 'h_filter', 'filters'), (9583, 'h_cake', 'cake');
INSERT INTO crm.product (product_id, code, name, category_id, refill_days, updated_at) VALUES
    (9581, 'h1', 'beans', 9581, 60, '2026-01-01'), (9582, 'h2', 'filters', 9582, NULL, '2026-01-01'), (9583, 'h3', 'cake', 9583, NULL, '2026-01-01');
CREATE FUNCTION pg_temp.buy(person int, product int, day date, quantity numeric DEFAULT 1, discount numeric DEFAULT 0, hour int DEFAULT 9) RETURNS void LANGUAGE sql AS $$
    INSERT INTO crm.customer_order (source_record_id, order_id, source_id, external_id, status, ordered_at, paid_at, business_day, amount, discount, line_count, is_history, received_at)
    SELECT 958100 + person, 95810000 + count(*), 9581, 'o' || count(*), 'paid', day + make_interval(hours => hour - 8), day + make_interval(hours => hour - 8), day, 10 * quantity - buy.discount, buy.discount, 1, false, day
    FROM crm.customer_order WHERE source_id = 9581;
    INSERT INTO crm.order_item (source_record_id, order_id, line_no, product_id, quantity, unit_price, amount)
    SELECT source_record_id, order_id, 1, product, quantity, 10, 10 * quantity FROM crm.customer_order WHERE source_id = 9581 ORDER BY order_id DESC LIMIT 1;
    INSERT INTO crm.purchase_chunk AS p (source_record_id, from_day, history)
    VALUES (958100 + person, '-infinity', crm._purchase_add(NULL, ARRAY[day], ARRAY[day], ARRAY[(1000 * quantity)::bigint]))
    ON CONFLICT (source_record_id, from_day) DO UPDATE SET history = crm._purchase_add(p.history, ARRAY[day], ARRAY[day], ARRAY[(1000 * quantity)::bigint]) $$;
-- 12 buy beans every 20 days and filters; 24 more buy beans once, then cake; 2 buy only filters
SELECT count(pg_temp.buy(g, 9581, d::date)) FROM generate_series(1, 12) g, generate_series('2026-04-01', '2026-05-31', interval '20 days') d;
SELECT count(pg_temp.buy(g, 9582, '2026-04-15')) FROM generate_series(1, 12) g;
SELECT count(pg_temp.buy(g, 9581, '2026-05-01')), count(pg_temp.buy(g, 9583, '2026-05-11')) FROM generate_series(13, 36) g;
SELECT count(pg_temp.buy(g, 9582, '2026-05-01')) FROM generate_series(37, 38) g;
UPDATE crm.room_setting SET value = '5' WHERE name = 'value.pair_min_persons';
SELECT crm._purchase_lines_rebuild();
CREATE FUNCTION pg_temp.learn() RETURNS int LANGUAGE plpgsql AS $$
DECLARE
    pieces int := 1;
BEGIN
    WHILE crm._value_habits_job() > 0 LOOP
        pieces := pieces + 1;
    END LOOP;
    RETURN pieces;
END $$;
SELECT pg_temp.learn() > 3 AS pieces, pg_temp.learn() > 3 AS again;
-- between persons and products, what is counted as pieces come is what their owners count, also when one of them is forgotten
SAVEPOINT counted;
CREATE FUNCTION pg_temp.counted() RETURNS TABLE (product int, persons bigint, owners bigint) LANGUAGE plpgsql AS $$
BEGIN
    WHILE coalesce((SELECT r.persons_to FROM crm.habit_run r), 0) < 9223372036854775807 LOOP
        PERFORM crm._value_habits_job();
    END LOOP;
    RETURN QUERY SELECT y.product_id - 9580, y.persons, (SELECT count(*) FROM crm.habit_owner o WHERE o.product_id = y.product_id) FROM crm.habit_buyers y WHERE y.product_id BETWEEN 9581 AND 9583 ORDER BY 1;
END $$;
SELECT * FROM pg_temp.counted();
SELECT crm._value_on_erase(958201), crm._value_on_erase(958213);
SELECT * FROM pg_temp.counted();
ROLLBACK TO counted;
SELECT (SELECT count(*) FROM crm.habit_run) AS under_way, (SELECT count(*) FROM crm.habit_owner) + (SELECT count(*) FROM crm.habit_gap) + (SELECT count(*) FROM crm.habit_buyers) AS left_over;
SELECT * FROM crm.product_refill;
SELECT from_product_id - 9580 AS f, to_product_id - 9580 AS t, case_count, confidence, lift FROM crm.product_pair ORDER BY 1, 2;
-- own gaps shrunk to everybody's; twice the quantity lasts twice as long; stopped after three intervals; a refunded order is none
SELECT pg_temp.buy(39, 9581, '2026-05-01'), pg_temp.buy(39, 9581, '2026-05-11'), pg_temp.buy(39, 9581, '2026-05-21', 2), pg_temp.buy(40, 9583, '2026-01-01', 1, 0, 20);
SELECT product, last_on, interval_days, due_on, times, is_own, has_stopped FROM crm.value_refills(958239);
SELECT product, interval_days, due_on, has_stopped FROM crm.value_refills(958213);
SELECT product, has_stopped FROM crm.value_refills(958213, '2026-09-01');
INSERT INTO crm.refund (source_record_id, refund_id, source_id, external_id, order_id, amount, refunded_at, refunded_on, purchase_day, is_history, received_at)
SELECT source_record_id, 9581, 9581, 'r1', order_id, 20, '2026-05-22', '2026-05-22', business_day, false, '2026-05-22' FROM crm.customer_order WHERE source_record_id = 958139 ORDER BY business_day DESC LIMIT 1;
SELECT product, last_on, times FROM crm.value_refills(958239);
-- what comes next, and why; nothing owned unless due
SELECT product, because, confidence, lift, persons, reason_en FROM crm.value_next_products(958237);
SELECT product, because, confidence, lift, persons, reason_en FROM crm.value_next_products(958239);
SELECT count(*) AS owns_both FROM crm.value_next_products(958201, '2026-06-05');
SELECT product, because FROM crm.value_next_products(958201, '2026-06-25');
SELECT path, persons, share, median_days FROM crm.value_paths('2026-04-01', '2026-05-31');
SELECT count(*) > 0 AS some, count(*) FILTER (WHERE p.path IS NULL OR (r.persons, r.share, r.median_days) IS DISTINCT FROM (p.persons, p.share, p.median_days)
       OR cardinality(r.names) <> cardinality(r.path)) AS differ
FROM crm.report_paths('2026-04-01', '2026-05-31') r LEFT JOIN crm.value_paths('2026-04-01', '2026-05-31', 3) p USING (path);
-- price and hours, in the store's zone on a day when clocks change
SELECT pg_temp.buy(40, 9581, '2026-03-07', 1, 3, 20), pg_temp.buy(40, 9581, '2026-03-08', 1, 2, 20), pg_temp.buy(40, 9581, '2026-06-09', 1, 0, 21), pg_temp.buy(40, 9581, '2026-06-10', 1, 0, 20);
SELECT crm.value_price_sensitivity(958240), crm.value_price_sensitivity(958240, 30) ->> 'label' AS lately, crm.value_price_sensitivity(958201) ->> 'label' AS other;
-- an order that was given back whole was not bought at a discount, to the person's habit and to rules
SELECT pg_temp.buy(38, 9581, '2026-06-02', 1, 4), pg_temp.buy(38, 9583, '2026-06-03');
CREATE FUNCTION pg_temp.price() RETURNS text LANGUAGE sql AS $$
    SELECT concat_ws(' ', j ->> 'orders', j ->> 'discounted_share', j ->> 'label', crm.rule_matches('{"kind": "discount", "measure": "average", "field": "discounted", "op": ">=", "value": 0.3}', 958238))
    FROM crm.value_price_sensitivity(958238) j $$;
SELECT pg_temp.price();
SAVEPOINT given_back;
INSERT INTO crm.refund (source_record_id, refund_id, source_id, external_id, order_id, amount, refunded_at, refunded_on, purchase_day, is_history, received_at)
SELECT source_record_id, 95812, 9581, 'r2', order_id, 6, '2026-06-05', '2026-06-05', business_day, false, '2026-06-05' FROM crm.customer_order WHERE source_record_id = 958138 AND discount = 4;
SELECT pg_temp.price();
ROLLBACK TO given_back;
SELECT crm.value_best_hour(958240) AS own, crm.value_best_hour(958213) AS thin;
SELECT crm.access_define_region('habit_r', 'east') > 0 AS region, crm.access_define_store('habit_ny', 'New York', 'habit_r', NULL, 'America/New_York') > 0 AS store;
UPDATE crm.customer SET home_store_id = (SELECT store_id FROM crm.store WHERE code = 'habit_ny') WHERE customer_id = 958240;
SELECT crm.value_best_hour(958240) ->> 'hour' AS in_new_york;
-- groups: the same seed gives the same answer
SELECT a #- '{run_id}' = b #- '{run_id}' AS same, jsonb_array_length(a -> 'groups') AS groups, a ->> 'persons' AS persons FROM crm.value_cluster(6, 7) a, crm.value_cluster(6, 7) b;
SELECT (SELECT count(*) FROM crm.customer_cluster) = (SELECT sum(person_count) FROM crm.cluster c WHERE run_id = (SELECT max(run_id) FROM crm.cluster_run)) AS everybody;
SELECT crm.value_name_cluster((SELECT max(run_id) FROM crm.cluster_run), 1, 'once and gone');
SELECT name, centre ->> 'orders' AS orders FROM crm.cluster WHERE name IS NOT NULL;
SAVEPOINT bad;
SELECT crm.value_name_cluster(0, 1, 'none');
ROLLBACK TO bad;
SELECT crm.value_cluster(1);
ROLLBACK TO bad;
SELECT crm.value_cluster(NULL);
ROLLBACK TO bad;
SELECT * FROM crm._value_kmeans('{1,2,3}', 2, 2, 1);
ROLLBACK TO bad;
SELECT * FROM crm._value_kmeans('{1,2,3,NaN}', 2, 2, 1);
ROLLBACK;
