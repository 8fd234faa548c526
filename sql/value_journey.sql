-- value_journey: stages, nodes, standings with entry, keep and grace, conversions and their alert; everything is undone at the end.
\set VERBOSITY terse
SET client_min_messages = warning;
SET datestyle = 'ISO';
SET timezone = 'UTC';
SELECT set_config('crm.access_claims', '{"actor": "regress", "role": "crm_headquarters", "stores": [], "all": true}', false) <> '' AS claims;
BEGIN;
SET LOCAL crm.core_clock = '2026-07-01T04:00:00+08:00';
INSERT INTO crm.source (source_id, code, name, kind, created_at) VALUES (9571, 'journey_till', 'till', 'pos', '2026-01-01');
INSERT INTO crm.source_record (source_record_id, source_id, kind, external_id, is_history, received_at)
SELECT 957100 + g, 9571, 'member', 'm' || g, false, '2026-01-01' FROM generate_series(1, 9) g;
INSERT INTO crm.customer (customer_id, status, registered_at, registered_on, updated_at)
SELECT 957200 + g, 'active', '2026-01-01', '2026-01-01', '2026-01-01' FROM generate_series(1, 9) g;
INSERT INTO crm.membership (source_record_id, valid_from, customer_id) SELECT 957100 + g, '2026-01-01', 957200 + g FROM generate_series(1, 9) g;
INSERT INTO crm.event (source_record_id, received_at, event_id, source_id, type, occurred_at, business_day, properties, is_history)
SELECT 957100 + g, d + interval '4 hours', g * 10 + 1, 9571, t, d, d, p::jsonb, false FROM (VALUES
    (2, date '2026-05-01', 'page_view', '{}'), (3, '2026-06-15', 'add_to_cart', '{}'), (6, '2026-06-01', 'share', '{}'),
    (7, '2026-06-02', 'review_post', '{"stars": 5}'), (8, '2026-06-03', 'rating', '{"stars": 3}')) v (g, d, t, p);
CREATE FUNCTION pg_temp.buy(person int, days text) RETURNS void LANGUAGE sql AS $$
    INSERT INTO crm.purchase_chunk AS p (source_record_id, from_day, history)
    SELECT 957100 + person, '-infinity', crm.purchase_history(array_agg(d), array_agg(d), array_agg(m)) FROM (
        SELECT split_part(x, ':', 1)::date AS d, split_part(x, ':', 2)::bigint * 100 AS m FROM unnest(string_to_array(days, ' ')) x) y
    ON CONFLICT (source_record_id, from_day) DO UPDATE SET history = excluded.history $$;
-- 1 known, 2 in contact, 3 in the cart, 4 bought, 5 came back late, 6 told others, 7 praised, 8 rated low
SELECT pg_temp.buy(4, '2026-06-20:100'), pg_temp.buy(5, '2026-01-10:100 2026-01-20:100 2026-04-01:100'), pg_temp.buy(6, '2026-05-10:50'), pg_temp.buy(7, '2026-05-10:50'), pg_temp.buy(8, '2026-06-30:50');
SELECT g AS person, crm.value_stage(957200 + g, '2026-06-30') AS stage, crm.value_stage(957200 + g, '2026-02-01') AS in_february FROM generate_series(1, 8) g;
SELECT count(crm._value_journey_job()) AS runs, crm._value_journey_job() AS again FROM generate_series(1, 3);
SELECT customer_id - 957200 AS person, string_agg(node || ' ' || occurred_on, ', ' ORDER BY occurred_on, node) AS nodes FROM crm.journey_event WHERE customer_id > 957200 GROUP BY 1 ORDER BY 1;
SELECT node, reached, persons, due, attained, attainment FROM crm.value_journey('2026-01-01', '2026-06-30');
-- the next night: a first order, an order refunded whole (its nodes go), history of stages
SELECT pg_temp.buy(1, '2026-07-01:30');
UPDATE crm.purchase_chunk SET history = crm._purchase_add(history, '{2026-06-20}', '{2026-07-01}', '{-10000}') WHERE source_record_id = 957104;
SET LOCAL crm.core_clock = '2026-07-02T04:00:00+08:00';
SELECT crm._value_journey_job();
SELECT customer_id - 957200 AS person, string_agg(node, ', ' ORDER BY occurred_on) AS nodes FROM crm.journey_event WHERE customer_id IN (957201, 957204) GROUP BY 1 ORDER BY 1;
SELECT customer_id - 957200 AS person, changed_on, from_stage, to_stage FROM crm.stage_change WHERE customer_id > 957200 AND changed_on > '2026-06-30' ORDER BY 1;
SELECT * FROM crm.value_stage_transitions('2026-06-30', '2026-07-01') WHERE from_stage <> to_stage;
SELECT sum(persons) = (SELECT count(*) FROM crm.customer_stage) AS whole FROM crm.value_stage_transitions('2026-06-30', '2026-07-01');

-- standings: up at once; kept at half; grace of 30 days; down step by step; at once after a refund
SELECT pg_temp.buy(9, '2025-08-01:2100');
CREATE FUNCTION pg_temp.standing(day date, cause text DEFAULT NULL) RETURNS TABLE (rank int, since date, lost_on date) LANGUAGE sql AS $$
    SELECT crm._value_standing(957209, 'member_metal', day, cause); SELECT rank, since, lost_on FROM crm.customer_standing WHERE customer_id = 957209 $$;
SELECT d.day, s.* FROM (VALUES (1, date '2025-08-01'), (2, '2026-08-01'), (3, '2026-08-02'), (4, '2026-08-31'), (5, '2026-09-01')) d (no, day), LATERAL pg_temp.standing(d.day) s ORDER BY d.no;
SELECT pg_temp.buy(9, '2026-09-02:5000');
SELECT * FROM pg_temp.standing('2026-09-02');
SELECT pg_temp.buy(9, '2026-09-02:2600');
SELECT * FROM pg_temp.standing('2026-09-03', 'refund');
SELECT pg_temp.buy(9, '2026-09-02:1500');
SELECT * FROM pg_temp.standing('2026-09-04', 'refund');
SELECT pg_temp.buy(9, '2026-09-02:100');
SELECT * FROM pg_temp.standing('2026-09-05', 'refund');
SELECT e ->> 'standing_set' AS set, e ->> 'rank' AS rank, jsonb_path_query_array(e, '$.changes[*].cause') AS causes FROM jsonb_array_elements(crm.value_standing(957209)) e WHERE e ->> 'standing_set' = 'member_metal';

-- conversions: two months without improvement open one alert, a better month closes it
INSERT INTO crm.customer_value (customer_id, tier, tier_since, order_days, net_minor, as_of, updated_at)
SELECT 957200 + g, 'B', '2026-01-01', 0, 0, '2026-01-01', '2026-01-01' FROM generate_series(1, 9) g;
INSERT INTO crm.tier_change (customer_id, change_id, tier_set, from_tier, to_tier, changed_on, changed_at, cause)
SELECT 957200 + g, g, 'retail_sabc', NULL, 'B', '2026-01-01'::date, '2026-01-01'::timestamptz, 'order' FROM generate_series(1, 9) g;
INSERT INTO crm.tier_change (customer_id, change_id, tier_set, from_tier, to_tier, changed_on, changed_at, cause)
VALUES (957201, 101, 'retail_sabc', 'B', 'A', '2026-04-10', '2026-04-10', 'order'), (957202, 102, 'retail_sabc', 'B', 'A', '2026-04-20', '2026-04-20', 'order'),
    (957203, 103, 'retail_sabc', 'B', 'A', '2026-05-31', '2026-05-31', 'order'), (957204, 104, 'retail_sabc', 'B', 'C', '2026-06-30', '2026-06-30', 'age');
SELECT * FROM crm.value_conversion('B', 'A', 3, '2026-07-02');
SELECT crm._value_improvement_job(), crm._value_improvement_job();
SELECT key, detail ->> 'rates' AS rates FROM crm.alert WHERE kind = 'value.no_improvement' AND closed_at IS NULL;
UPDATE crm.tier_change SET changed_on = '2026-06-01' WHERE change_id IN (102, 103) AND customer_id > 957200;
SELECT crm._value_improvement_job();
SELECT count(*) AS open_ FROM crm.alert WHERE kind = 'value.no_improvement' AND closed_at IS NULL;
SELECT crm._value_on_erase(957209);
SELECT count(*) AS left_over FROM (SELECT customer_id FROM crm.customer_stage UNION ALL SELECT customer_id FROM crm.stage_change UNION ALL SELECT customer_id FROM crm.journey_event
    UNION ALL SELECT customer_id FROM crm.customer_standing UNION ALL SELECT customer_id FROM crm.standing_change) x WHERE customer_id = 957209;
ROLLBACK;
