-- campaign_suggest: whom to give which offer next, from what flows measured against those held out: by the tier of then, for who is in it now.
\set VERBOSITY terse
SET client_min_messages = warning;
SET datestyle = 'ISO';
SET timezone = 'Asia/Shanghai';
BEGIN;
SET LOCAL crm.core_clock = '2026-06-30T12:00:00+08:00';
SELECT set_config('crm.access_claims', '{"actor": "regress", "role": "crm_headquarters", "stores": [], "all": true}', true) <> '' AS claims;
\i sql/shared/try_said.sql
DELETE FROM crm.occurrence;
DELETE FROM crm.customer_value;
SELECT crm.campaign_suggest() AS nothing_yet;
SELECT n, pg_temp.try(format('crm.campaign_suggest(%s)', given)) AS answer FROM (VALUES (1, '0'), (2, 'NULL'), (3, '367'), (4, '14, -1'), (5, '14, ''NaN'''), (6, '14, 1e12')) c (n, given) ORDER BY n;

-- Persons by the flow that was tried on them, their tier on 1 June, their arm, and what each paid within fourteen days.
CREATE TEMP TABLE tried (flow text, tier text, arm text, persons int, ordered int, paid numeric, first_id bigint);
INSERT INTO tried VALUES
    ('welcome', 'B', 'treatment', 900, 200, 30, 9660000), ('welcome', 'B', 'control', 100, 10, 30, 9661000), ('welcome', 'C', 'treatment', 50, 20, 30, 9662000), ('welcome', 'C', 'control', 10, 1, 30, 9663000),
    ('silence_30', 'B', 'treatment', 400, 100, 50, 9664000), ('silence_30', 'B', 'control', 200, 30, 50, 9665000), ('silence_30', 'A', 'treatment', 300, 30, 50, 9666000), ('silence_30', 'A', 'control', 300, 90, 50, 9667000),
    ('birthday', 'S', 'treatment', 300, 30, 40, 9668000), ('birthday', 'S', 'control', 300, 30, 40, 9669000),
    -- who came since: nobody tried anything on them
    (NULL, 'B', NULL, 50, 0, 0, 9670000), (NULL, 'S', NULL, 20, 0, 0, 9671000);
CREATE TEMP TABLE one AS SELECT t.*, t.first_id + g AS id, g FROM tried t, generate_series(1, t.persons) g;
INSERT INTO crm.source (source_id, code, name, kind, created_at) VALUES (9660, 'suggest_till', 'till', 'pos', '2026-01-01');
INSERT INTO crm.customer (customer_id, status, registered_at, registered_on, updated_at) SELECT id, 'active', '2026-01-01', '2026-01-01', '2026-01-01' FROM one;
INSERT INTO crm.membership (source_record_id, valid_from, customer_id) SELECT id, '2026-01-01', id FROM one;
INSERT INTO crm.customer_value (customer_id, tier, tier_since, order_days, net_minor, as_of, updated_at) SELECT id, tier, '2026-05-01', 1, 0, '2026-06-30', '2026-06-30' FROM one;
-- thirty of tier B have risen to A since they were tried: what was measured on them is measured on B, and they are to be had in A
UPDATE crm.customer_value SET tier = 'A', tier_since = '2026-06-20' WHERE customer_id BETWEEN 9660871 AND 9660900;
INSERT INTO crm.tier_change (customer_id, change_id, tier_set, from_tier, to_tier, changed_at, changed_on, cause)
SELECT customer_id, crm._new_id(), 'retail_sabc', 'B', 'A', '2026-06-20T12:00:00+08:00', '2026-06-20', 'order' FROM crm.customer_value WHERE tier = 'A' AND customer_id BETWEEN 9660871 AND 9660900;
INSERT INTO crm.flow_version (flow_id, version, spec, changed_by, changed_at) SELECT flow_id, 901, spec || '{"holdout_percent": 10}', 'regress', crm.core_now() FROM crm.flow;
UPDATE crm.flow SET state = 'active' WHERE code IN ('welcome', 'silence_30', 'birthday');
INSERT INTO crm.occurrence (customer_id, flow_id, epoch, occurrence_key, fired_at, due_at, arm, outcome, message_id, flow_version)
SELECT o.id, f.flow_id, 1, 'x', '2026-06-01T10:00:00+08:00', '2026-06-01T10:00:00+08:00', o.arm, CASE o.arm WHEN 'control' THEN 'control' ELSE 'sent' END, CASE o.arm WHEN 'treatment' THEN 'm' || o.id END, 901
FROM one o JOIN crm.flow f ON f.code = o.flow;
INSERT INTO crm.customer_order (source_record_id, order_id, source_id, external_id, status, ordered_at, paid_at, business_day, amount, line_count, is_history, received_at)
SELECT id, id, 9660, 'P' || id, 'paid', '2026-06-15', '2026-06-15', '2026-06-15', paid, 1, false, '2026-06-15' FROM one WHERE g <= ordered;
-- 800 messages of the welcome at 0.05, to tier B; fifty coupons of 10.00 that silence's persons of tier B redeemed
INSERT INTO crm.outbox (customer_id, message_id, channel, endpoint, flow_id, occurrence_key, is_marketing, body, due_at, created_at)
SELECT o.id, 'm' || o.id, 'sms', 'none', f.flow_id, 'x', true, '{}', '2026-06-01', '2026-06-01' FROM one o JOIN crm.flow f ON f.code = o.flow WHERE o.flow = 'welcome' AND o.tier = 'B' AND o.arm = 'treatment' AND g <= 800;
INSERT INTO crm.outbox_event (customer_id, message_id, at, outbox_event_id, kind) SELECT o.customer_id, o.message_id, '2026-06-01', o.customer_id, 'sent' FROM crm.outbox o WHERE o.customer_id BETWEEN 9660000 AND 9661000;
INSERT INTO crm.coupon (customer_id, coupon_id, code, coupon_type, flow_id, value, state, issued_at, valid_until)
SELECT o.id, o.id, 'c' || o.id, 'welcome_5', f.flow_id, 10, 'redeemed', '2026-06-01', '2026-07-01' FROM one o JOIN crm.flow f ON f.code = o.flow WHERE o.flow = 'silence_30' AND o.tier = 'B' AND o.arm = 'treatment' AND g <= 50;
ANALYZE crm.customer, crm.membership, crm.customer_value, crm.tier_change, crm.occurrence, crm.customer_order, crm.outbox, crm.outbox_event, crm.coupon;
SELECT crm.access_set_setting('campaign.message_cost', '{"sms": 0.05}') IS NOT NULL AS prices;
CREATE FUNCTION pg_temp.told(days int, budget numeric DEFAULT NULL) RETURNS TABLE (rank int, flow text, tier text, measured text, lift text, free int, cost_each numeric, cost numeric, orders numeric, worth numeric, give_to bigint, verdict text) LANGUAGE sql AS $$
    SELECT (i ->> 'rank')::int, i ->> 'flow', i #>> '{who,tier}', concat_ws(':', i #>> '{measured,treatment}', i #>> '{measured,control}'), concat(i ->> 'lift_points', ' ', i ->> 'lift_interval'), (i ->> 'persons')::int,
           (i ->> 'cost_each')::numeric, (i ->> 'cost')::numeric, (i ->> 'expected_orders')::numeric, (i ->> 'expected_worth')::numeric, (i ->> 'give_to')::bigint, i ->> 'verdict'
    FROM jsonb_array_elements(crm.campaign_suggest(days, budget) -> 'items') i $$;
-- 1. without a margin nobody knows what an order is worth
SELECT crm.access_set_setting('campaign.margin_percent', '0') IS NOT NULL AS margin;
SELECT rank, flow, tier, lift, worth, give_to, verdict FROM pg_temp.told(14) WHERE tier = 'B';
-- 2. 40 % of (200 x 30 / 900 less 10 x 30 / 100) is 1.4667 a person, less 40 / 950 for messages: .0421; 40 % of (100 x 50 / 400 less 30 x 50 / 200, and the coupons, 500 / 700 a person, that were taken off what
-- was paid) is 2.2857, less those coupons: .7143.
-- For who is in B and was not reached in 30 days: of the welcome 600 of silence and 50 new ones; of silence 970 and 50.
SELECT crm.access_set_setting('campaign.margin_percent', '40') IS NOT NULL AS margin;
SELECT * FROM pg_temp.told(14);
SELECT i -> 'offer' AS offer, i -> 'needed' AS needed FROM jsonb_array_elements(crm.campaign_suggest() -> 'items') i WHERE i ->> 'flow' = 'welcome';
-- 3. what a budget reaches: ten units are 237 welcomes; a tier gets one offer
SELECT rank, flow, tier, cost_each, give_to FROM pg_temp.told(14, 10) WHERE give_to > 0;
SELECT crm.campaign_suggest(14, 10) ->> 'left' AS left_over, crm.campaign_suggest(14, 0) ->> 'left' AS nothing, (SELECT sum(give_to) FROM pg_temp.told(14, 0)) AS to_nobody;
-- 4. orders of the fifteenth day count for nothing in a window of thirteen
SELECT rank, flow, tier, verdict FROM pg_temp.told(13) ORDER BY rank;
-- 5. who is held out of everything is suggested for nothing; who was reached a month ago is free again
SELECT crm.campaign_hold_out(50) ->> 'percent' AS held;
SELECT flow, tier, free < 600 AS fewer FROM pg_temp.told(14) WHERE flow = 'welcome' AND tier = 'B';
SELECT crm.campaign_hold_out(0) ->> 'percent' AS held;
SET LOCAL crm.core_clock = '2026-07-02T12:00:00+08:00';
SELECT flow, tier, free FROM pg_temp.told(14) WHERE flow = 'welcome' AND tier = 'B';
-- 6. of a flow that was tried in one tier alone the suggestion says what its results say, coupons and all: 40 % of what twenty coupons of 10.00 took off, less the coupons, over 300 persons
INSERT INTO crm.coupon (customer_id, coupon_id, code, coupon_type, flow_id, value, state, issued_at, valid_until)
SELECT o.id, o.id, 'c' || o.id, 'welcome_5', f.flow_id, 10, 'redeemed', '2026-06-01', '2026-07-01' FROM one o JOIN crm.flow f ON f.code = o.flow WHERE o.flow = 'birthday' AND o.arm = 'treatment' AND g <= 20;
SELECT s.free, s.cost_each, s.worth, round(s.free * ((r.said ->> 'incremental_margin')::numeric - (r.said #>> '{cost,total}')::numeric) / (r.said #>> '{treatment,persons}')::numeric, 2) AS by_results
FROM pg_temp.told(14) s, (SELECT crm.campaign_results('birthday', 14) AS said) r WHERE s.flow = 'birthday';
SELECT has_function_privilege(r, 'crm.campaign_suggest(int, numeric)', 'EXECUTE') AS may, string_agg(r::text, ' ' ORDER BY r) AS roles
FROM (SELECT rolname AS r FROM pg_roles WHERE rolname IN ('crm_headquarters', 'crm_marketer', 'crm_analyst', 'crm_manager', 'crm_store_manager', 'crm_clerk', 'crm_till')) x GROUP BY 1 ORDER BY 1;
ROLLBACK;
