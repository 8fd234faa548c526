-- campaign_together: a moment that means thousands of persons enters them a thousand to a row, and fires for a row in each run: each once, none
-- before the moment, whatever is paused, merged or behind meanwhile.
\set VERBOSITY terse
SET client_min_messages = warning;
SET datestyle = 'ISO';
SET timezone = 'Asia/Shanghai';
BEGIN;
SET LOCAL crm.core_clock = '2026-06-30T08:59:59+08:00';
SELECT set_config('crm.access_claims', '{"actor": "regress", "role": "crm_headquarters", "stores": [], "all": true}', true) <> '' AS claims;
INSERT INTO crm.source (source_id, code, name, kind, created_at, last_received_at) VALUES (9665, 'crowd_till', '收银', 'pos', '2026-01-01', '2026-06-30');
INSERT INTO crm.customer (customer_id, status, registered_at, registered_on, updated_at) SELECT 9665000 + g, 'active', '2026-01-01', '2026-01-01', '2026-01-01' FROM generate_series(1, 2300) g;
INSERT INTO crm.source_record (source_record_id, source_id, kind, external_id, is_history, received_at) SELECT 9675000 + g, 9665, 'member', 'm' || g, true, '2026-01-02' FROM generate_series(1, 2300) g;
INSERT INTO crm.membership (source_record_id, valid_from, customer_id) SELECT 9675000 + g, '2026-01-02', 9665000 + g FROM generate_series(1, 2300) g;
INSERT INTO crm.customer_value (customer_id, tier, tier_since, order_days, net_minor, last_day, as_of, updated_at)
SELECT 9665000 + g, 'B', '2026-01-01', 1, 100, '2026-05-31', '2026-06-30', '2026-06-30' FROM generate_series(1, 2300) g;
ANALYZE crm.customer, crm.membership, crm.customer_value;
INSERT INTO crm.flow (flow_id, code, name_zh, name_en, trigger, state, active_from, spec, watermark)
VALUES (9665, 'crowd', '众', 'crowd', 'schedule', 'active', '2026-06-01', '{"schedule": "0 9 * * *", "who": {"kind": "value", "field": "tier", "value": ["B"]}, "key": "day", "coupon_type": "wake_up_90", "holdout_percent": 10, "offer_days": 1, "cap_days": 1, "cap_messages": 9}', '2026-06-29T12:00:00+08:00');
INSERT INTO crm.flow_version (flow_id, version, spec, changed_by, changed_at) SELECT 9665, 1, f.spec, 'regress', '2026-06-01' FROM crm.flow f WHERE f.flow_id = 9665;
CREATE FUNCTION pg_temp.stand(OUT row_sizes int[], OUT fired bigint, OUT persons bigint, OUT coupons bigint, OUT waiting bigint) LANGUAGE sql AS $$
    SELECT ARRAY(SELECT cardinality(s.persons) FROM crm.enrolment_set s WHERE s.flow_id = 9665 ORDER BY s.enrolment_set_id),
           (SELECT count(*) FROM crm.occurrence o WHERE o.flow_id = 9665), (SELECT count(DISTINCT o.customer_id) FROM crm.occurrence o WHERE o.flow_id = 9665),
           (SELECT count(*) FROM crm.coupon c WHERE c.flow_id = 9665), (SELECT count(*) FROM crm.enrolment e WHERE e.flow_id = 9665) $$;

-- 1. a second before: nobody; at the moment all of them, who are fired for in the runs after it
SELECT crm._campaign_due() AS left_over, s.* FROM pg_temp.stand() s;
SET LOCAL crm.core_clock = '2026-06-30T09:00:00+08:00';
SELECT crm._campaign_due() > 0 AS has_more;
SELECT * FROM pg_temp.stand();
SELECT crm.campaign_explain(9665001, 'crowd') -> 'under_way' AS waits, crm.campaign_explain(9665001, 'crowd') -> 'fired' AS fired;
-- 2. a pause leaves them where they are; an edit does not change those who have entered
SELECT crm.campaign_pause('crowd') ->> 'state' AS state;
SELECT crm._campaign_due() AS left_over, crm._campaign_help() AS helped, s.row_sizes, s.fired FROM pg_temp.stand() s;
SELECT crm.campaign_start('crowd') ->> 'state' AS state, crm.campaign_edit('crowd', '{"holdout_percent": 0}') ->> 'state' AS edited;
-- 3. merged while they wait: one whose survivor waits, too, and one whose survivor does not
UPDATE crm.customer SET status = 'merged', merged_into = 9665002 WHERE customer_id = 9665001;
UPDATE crm.membership SET customer_id = 9665002 WHERE customer_id = 9665001;
INSERT INTO crm.customer (customer_id, status, registered_at, registered_on, updated_at) VALUES (9664001, 'active', '2026-01-01', '2026-01-01', '2026-01-01');
UPDATE crm.customer SET status = 'merged', merged_into = 9664001 WHERE customer_id = 9665003;
UPDATE crm.membership SET customer_id = 9664001 WHERE customer_id = 9665003;
-- 4. the job and a helper take a row each; what is left over is nothing
SELECT crm._campaign_due() AS has_more;
SELECT crm._campaign_help() AS has_more;
SELECT crm._campaign_due() AS left_over;
SELECT * FROM pg_temp.stand();
SELECT count(*) FILTER (WHERE o.customer_id IN (9665001, 9665003)) AS of_the_merged, count(*) FILTER (WHERE o.customer_id IN (9665002, 9664001)) AS of_the_survivors,
       count(*) FILTER (WHERE (o.arm = 'control') <> (crm._campaign_bucket('holdout', 'crowd', o.customer_id) < 1000)) AS in_the_wrong_arm, min(o.flow_version) AS version, max(o.due_at) AS due
FROM crm.occurrence o WHERE o.flow_id = 9665;
SELECT crm._campaign_due() AS left_over, s.fired FROM pg_temp.stand() s;
-- 5. a stop takes them away
SET LOCAL crm.core_clock = '2026-07-01T09:00:00+08:00';
SELECT crm._campaign_due() > 0 AS has_more;
SELECT crm.campaign_stop('crowd') ->> 'state' AS state;
SELECT crm._campaign_due() AS left_over, s.row_sizes, s.fired FROM pg_temp.stand() s;
-- 6. while a source is behind each waits for themselves; a few are fired for in the run that enters them
UPDATE crm.flow SET state = 'active', epoch = 9, watermark = '2026-07-02T08:00:00+08:00', spec = spec || '{"ago": 32}' WHERE flow_id = 9665;
INSERT INTO crm.flow_version (flow_id, version, spec, changed_by, changed_at) SELECT 9665, 9, f.spec, 'regress', '2026-07-02' FROM crm.flow f WHERE f.flow_id = 9665;
UPDATE crm.flow SET version = 9 WHERE flow_id = 9665;
UPDATE crm.source SET last_received_at = '2026-07-02T08:00:00+08:00' WHERE source_id = 9665;
UPDATE crm.customer_value SET tier = 'A' WHERE customer_id > 9665010 AND customer_id < 9668000;
SET LOCAL crm.core_clock = '2026-07-02T09:00:00+08:00';
DELETE FROM crm.coupon WHERE flow_id = 9665;
DELETE FROM crm.occurrence WHERE flow_id = 9665;
SELECT crm._campaign_due() AS left_over, s.* FROM pg_temp.stand() s;
SELECT * FROM pg_temp.stand();
UPDATE crm.source SET last_received_at = '2026-06-30' WHERE source_id = 9665;
SET LOCAL crm.core_clock = '2026-07-03T09:00:00+08:00';
SELECT crm._campaign_due() AS left_over;
SELECT * FROM pg_temp.stand();
SELECT crm._campaign_due() AS left_over;
SELECT min(e.due_at) AS looked_at_again FROM crm.enrolment e WHERE e.flow_id = 9665;
UPDATE crm.source SET last_received_at = '2026-07-03' WHERE source_id = 9665;
SET LOCAL crm.core_clock = '2026-07-03T09:10:00+08:00';
SELECT crm._campaign_due() AS left_over;
SELECT * FROM pg_temp.stand();
ROLLBACK;
