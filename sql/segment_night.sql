-- segment_night: living segments over what changes by no fact follow it: stages, forecasts, groups, RFM segments and scores of a night, points that
-- somebody was given; RFM segments and scores over other metrics as rules ask them; before anybody was counted.
\set VERBOSITY terse
SET client_min_messages = warning;
SET datestyle = 'ISO';
SET timezone = 'UTC';
SELECT set_config('crm.access_claims', '{"actor": "regress", "role": "crm_headquarters", "stores": [], "all": true}', false) <> '' AS claims;
BEGIN;
SET LOCAL crm.core_clock = '2026-06-10T12:00:00+08:00';
-- this fixture's persons and segments alone
UPDATE crm.customer SET status = 'erased' WHERE status = 'active';
DELETE FROM crm.customer_value; DELETE FROM crm.segment_mark; DELETE FROM crm.metric_score; DELETE FROM crm.metric_run; DELETE FROM crm.forecast_model; DELETE FROM crm.customer_forecast;
UPDATE crm.segment SET is_active = false;
INSERT INTO crm.customer (customer_id, status, registered_at, registered_on, updated_at) SELECT 9888200 + g, 'active', '2026-01-01', '2026-01-01', '2026-01-01' FROM generate_series(1, 12) g;
INSERT INTO crm.membership (source_record_id, valid_from, customer_id) SELECT 9888100 + g, '2026-01-01', 9888200 + g FROM generate_series(1, 12) g;
CREATE FUNCTION pg_temp.bought(person int, days date[], amount int) RETURNS void LANGUAGE sql AS $$
    INSERT INTO crm.purchase_chunk AS p (source_record_id, from_day, history)
    SELECT 9888100 + person, '-infinity', crm._purchase_add(NULL, days, days, array_fill(amount * 100::bigint, ARRAY[cardinality(days)]))
    ON CONFLICT (source_record_id, from_day) DO UPDATE SET history = crm._purchase_add(p.history, days, days, array_fill(amount * 100::bigint, ARRAY[cardinality(days)])) $$;
SELECT count(pg_temp.bought(g, ARRAY[date '2026-05-01' + g], 10 * g)) FROM generate_series(1, 8) g;
SELECT crm._value_compute(ARRAY(SELECT 9888200 + g FROM generate_series(1, 12) g), '2026-06-10', 'history');
UPDATE crm.metric_model SET is_live = model = 'retail_basket';
CREATE FUNCTION pg_temp.night(moment timestamptz) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    PERFORM set_config('crm.core_clock', moment::text, true);
    WHILE crm._value_daily() > 0 LOOP END LOOP;
    WHILE crm._value_metrics_daily() > 0 LOOP END LOOP;
    WHILE crm._value_journey_job() > 0 LOOP END LOOP;
    RETURN (crm.value_cluster(2, 1) ->> 'persons') || ' in groups';
END $$;
CREATE FUNCTION pg_temp.forecast(version int, high int[]) RETURNS void LANGUAGE sql AS $$
    INSERT INTO crm.customer_forecast (customer_id, version, as_of, alive, alive_then, churn, horizon_days, orders, orders_low, orders_high, updated_at)
    SELECT 9888200 + g, 1, '2026-06-01', 0.5, 0.5, CASE WHEN g = ANY (high) THEN 'high' ELSE 'low' END, 365, 1, 0, 2, '2026-06-01' FROM generate_series(1, 8) g
    ON CONFLICT (customer_id) DO UPDATE SET churn = excluded.churn;
    INSERT INTO crm.forecast_model (version, as_of, model, status, spend_status, person_count, fitted_at, finished_at) VALUES (forecast.version, '2026-06-01', 'mbgnbd', 'converged', 'converged', 8, '2026-06-01', '2026-06-01') $$;
SELECT pg_temp.night('2026-06-10T12:00:00+08:00'), pg_temp.forecast(1, '{1,2}');
SELECT crm.segment_define(s.code, s.code, s.rule::jsonb) IS NOT NULL AS made FROM (VALUES
    ('n_stage', '{"kind": "stage", "field": "stage", "value": "loyalty"}'), ('n_churn', '{"kind": "forecast", "field": "churn", "value": "high"}'), ('n_group', '{"kind": "cluster", "field": "group", "value": 1}'),
    ('n_rfm', '{"kind": "rfm", "field": "segment", "value": ["champions", "loyal"]}'), ('n_total', '{"kind": "rfm", "field": "total", "op": ">=", "value": 12}'),
    ('n_score', '{"kind": "metric", "measure": "max", "field": "total", "where": {"model": "retail_basket"}, "op": ">=", "value": 12}'),
    ('n_points', '{"kind": "points", "field": "available", "op": ">=", "value": 100}'), ('n_bought', '{"kind": "purchase"}')) s (code, rule);
SELECT s.code, s.is_announced FROM crm.segment s WHERE s.code LIKE 'n\_%' ORDER BY 1;
-- who is in, as kept and as asked anew
CREATE FUNCTION pg_temp.kept() RETURNS TABLE (segment text, members bigint[], is_right boolean) LANGUAGE plpgsql AS $$
BEGIN
    WHILE crm._segment_refresh() > 0 LOOP END LOOP;
    RETURN QUERY SELECT s.code, ARRAY(SELECT m - 9888200 FROM crm._segment_members(s.code) m ORDER BY 1), crm.bitmap_equal(crm._segment_ids(s.segment_id), crm._rule_set(s.rule, crm.core_now()))
    FROM crm.segment s WHERE s.code LIKE 'n\_%' ORDER BY 1;
END $$;
SELECT k.*, m.persons AS of_all_scored FROM pg_temp.kept() k CROSS JOIN (SELECT count(*) AS persons FROM crm.person_rfm) m;
-- one night on: 7 and 8 bought again and again, 1 is now lost, who was in danger is another; and 3 was given points
SELECT count(pg_temp.bought(g, '{2026-06-10,2026-06-11}', 500)) FROM generate_series(7, 8) g;
SELECT pg_temp.night('2026-06-12T12:00:00+08:00'), pg_temp.forecast(2, '{2,3}');
INSERT INTO crm.points_balance (customer_id, available, pending, earned, updated_at) VALUES (9888203, 150, 0, 150, '2026-06-12');
SELECT * FROM pg_temp.kept();
-- nothing new: nobody is asked again
CREATE TEMP TABLE filled AS SELECT s.code, s.filled_at FROM crm.segment s WHERE s.code LIKE 'n\_%';
SELECT set_config('crm.core_clock', '2026-06-12T12:30:00+08:00', true) <> '' AS half_an_hour_on;
SELECT count(*) FILTER (WHERE NOT k.is_right) AS wrong FROM pg_temp.kept() k;
SELECT f.code AS asked_again FROM filled f JOIN crm.segment s USING (code) WHERE s.filled_at <> f.filled_at ORDER BY 1;
-- other names of cells are seen at once
SELECT crm.value_define_segments('putler11', 'all are champions', 5, '[{"segment": "champions"}]') IS NOT NULL AS renamed;
SELECT k.segment, k.members, k.is_right FROM pg_temp.kept() k WHERE k.segment = 'n_rfm';
SELECT v ->> 'code' AS segment FROM crm.rule_values('rfm', 'segment') v;
-- who has no number any more scores 0: the orders of a year ago are none
SELECT pg_temp.night('2027-06-12T12:00:00+08:00');
SELECT customer_id - 9888200 AS person, as_of, total FROM crm.person_metric WHERE model = 'retail_basket' ORDER BY 1;

-- before the table of persons was counted first, as many are taken for there as have ordinals
UPDATE pg_class SET reltuples = -1 WHERE oid = 'crm.customer'::regclass;
SELECT crm._segment_everybody() = greatest(1000, (SELECT q.last_value FROM crm.segment_ordinal_seq q)) AS as_many_as_have_ordinals;
ROLLBACK;
