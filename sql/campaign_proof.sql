-- campaign_proof: both arms as assigned, funnel, lift and interval, the alarm of a skewed control group, worth; held out of everything.
\set VERBOSITY terse
SET client_min_messages = warning;
SET datestyle = 'ISO';
SET timezone = 'Asia/Shanghai';
BEGIN;
SET LOCAL crm.core_clock = '2026-06-30T12:00:00+08:00';
SELECT set_config('crm.access_claims', '{"actor": "regress", "role": "crm_headquarters", "stores": [], "all": true}', true) <> '' AS claims;
\i sql/shared/try_remedy.sql

-- 1. the statistics: Newcombe's own example (56 of 70, 48 of 80), Welch by hand, the rule for too little
SELECT array(SELECT round(i, 4) FROM unnest(crm._campaign_interval(56, 70, 48, 80)) i) AS newcombe;
-- two arms of 1, 2, 3 and 1, 1, 1: difference 1, standard error sqrt(1/3), 1.95996 of it
SELECT array(SELECT round(i, 5) FROM unnest(crm._campaign_means(3, 6, 14, 3, 3, 3)) i) AS welch, crm._campaign_means(1, 6, 36, 3, 3, 3) AS too_few, crm._campaign_means(0, 0, 0, 0, 0, 0) AS nobody;
SELECT v.n, crm._campaign_lift(v.tn, v.tx, v.cn, v.cx) AS lift
FROM (VALUES (1, 1000, 200, 99, 20), (2, 1000, 200, 100, 4), (3, 1000, 200, 100, 10), (4, 9000, 1260, 1000, 80), (5, 9000, 720, 1000, 120), (6, 0, 0, 0, 0)) v (n, tn, tx, cn, cx) ORDER BY n;

-- 2. a flow of 1,000 persons, 100 of them control: 200 and 10 ordered within the window
UPDATE crm.flow SET state = 'active' WHERE code = 'welcome';
INSERT INTO crm.source (source_id, code, name, kind, created_at) VALUES (9621, 'proof_till', 'till', 'pos', '2026-01-01');
INSERT INTO crm.customer (customer_id, status, registered_at, registered_on, updated_at)
SELECT 9620000 + g, 'active', '2026-01-01', '2026-01-01', '2026-01-01' FROM generate_series(1, 1000) g;
INSERT INTO crm.membership (source_record_id, valid_from, customer_id) SELECT 9620000 + g, '2026-01-01', 9620000 + g FROM generate_series(1, 1000) g;
INSERT INTO crm.flow_version (flow_id, version, spec, changed_by, changed_at)
SELECT flow_id, 901, spec || '{"holdout_percent": 10}', 'regress', crm.core_now() FROM crm.flow WHERE code = 'welcome';
INSERT INTO crm.occurrence (customer_id, flow_id, epoch, occurrence_key, fired_at, due_at, arm, outcome, message_id, coupon_id, flow_version)
SELECT 9620000 + g, f.flow_id, 0, 'once', '2026-06-01T10:00:00+08:00', '2026-06-01T10:00:00+08:00', CASE WHEN g > 900 THEN 'control' ELSE 'treatment' END,
       CASE WHEN g > 900 THEN 'control' WHEN g > 850 THEN 'cap' ELSE 'sent' END, CASE WHEN g <= 850 THEN 'm' || g END, CASE WHEN g <= 850 THEN 9620000 + g END, 901
FROM generate_series(1, 1000) g, crm.flow f WHERE f.code = 'welcome';
-- orders of 30.00: persons 1 to 200 and 901 to 910 on the last day of the window, 201 to 300 a day late, 301 to 400 the day before
INSERT INTO crm.customer_order (source_record_id, order_id, source_id, external_id, status, ordered_at, paid_at, business_day, amount, line_count, is_history, received_at)
SELECT 9620000 + g, 9620000 + g, 9621, 'P' || g, 'paid', d.day, d.day, d.day, 30, 1, false, d.day
FROM generate_series(1, 1000) g CROSS JOIN LATERAL (SELECT CASE WHEN g <= 200 OR g BETWEEN 901 AND 910 THEN date '2026-06-15' WHEN g <= 300 THEN date '2026-06-16' ELSE date '2026-05-31' END AS day) d
WHERE g <= 400 OR g BETWEEN 901 AND 910;
INSERT INTO crm.refund (source_record_id, refund_id, source_id, external_id, order_id, amount, refunded_at, refunded_on, is_history, received_at)
SELECT 9620000 + g, 9620000 + g, 9621, 'R' || g, 9620000 + g, 30, '2026-06-20', '2026-06-20', false, '2026-06-20' FROM generate_series(191, 200) g;
INSERT INTO crm.outbox (customer_id, message_id, channel, endpoint, flow_id, occurrence_key, is_marketing, body, due_at, created_at)
SELECT o.customer_id, o.message_id, 'sms', 'none', o.flow_id, o.occurrence_key, true, '{}', o.due_at, o.fired_at FROM crm.occurrence o WHERE o.message_id LIKE 'm%' AND o.customer_id > 9620000;
INSERT INTO crm.outbox_event (customer_id, message_id, at, outbox_event_id, kind)
SELECT 9620000 + g, 'm' || g, '2026-06-01T10:00:00+08:00', 9620000 * 10 + g * 10 + k.n, k.kind
FROM generate_series(1, 850) g, (VALUES (1, 'sent', 800), (2, 'delivered', 700), (3, 'opened', 300), (4, 'clicked', 100)) k (n, kind, upto) WHERE g <= k.upto;
INSERT INTO crm.coupon (customer_id, coupon_id, code, coupon_type, flow_id, value, state, issued_at, valid_until)
SELECT 9620000 + g, 9620000 + g, 'c' || g, 'welcome_5', f.flow_id, 5, CASE WHEN g <= 80 THEN 'redeemed' ELSE 'issued' END, '2026-06-01', '2026-07-01'
FROM generate_series(1, 850) g, crm.flow f WHERE f.code = 'welcome';
ANALYZE crm.customer, crm.membership, crm.occurrence, crm.customer_order, crm.refund, crm.outbox, crm.outbox_event, crm.coupon;
SELECT r -> 'funnel' AS funnel, r -> 'treatment' AS treatment, r -> 'control' AS control, r -> 'sample_ratio' AS sample_ratio FROM crm.campaign_results('welcome') r;
SELECT r -> 'lift_points' AS lift, r -> 'lift_interval' AS interval, r -> 'is_effect' AS effect, r ->> 'verdict' AS verdict FROM crm.campaign_results('welcome') r;
-- without a margin no return; with 40 %: (200 - 10 of the 900) of 30, less 10 refunded, per person, against 3 per control; 80 coupons of 5, 800 messages at 0.05
SELECT r -> 'roi' AS roi, r ->> 'worth_says' AS says FROM crm.campaign_results('welcome') r;
SELECT crm.access_set_setting('campaign.margin_percent', '40') AS was;
SELECT r -> 'cost' AS cost, r -> 'revenue' AS revenue, r -> 'incremental_margin' AS margin, r -> 'roi' AS roi, r -> 'recalled' AS recalled, r -> 'cost_per_recalled' AS cost_of_one, r ->> 'worth_says' AS says
FROM crm.campaign_results('welcome') r;
SELECT round((190 * 30.0 / 900 - 3) * 900 + 400, 2) AS gross_gained, round(((190 * 30.0 / 900 - 3) * 900 + 400) * 0.4, 2) AS margin,
       round((((190 * 30.0 / 900 - 3) * 900 + 400) * 0.4 - 440) / 440, 2) AS roi, round((200 / 900.0 - 0.1) * 900, 1) AS recalled, round(440 / ((200 / 900.0 - 0.1) * 900), 2) AS cost_of_one;
-- another window; what is none
-- messages are forgotten, what they came to is not: some of them first, then all; a second on another channel costs, and is nobody more
SAVEPOINT forgotten;
CREATE TEMP TABLE before AS SELECT crm.campaign_results('welcome') AS results;
UPDATE crm.outbox SET created_at = crm.core_now() - interval '402 d' WHERE flow_id IS NOT NULL AND customer_id BETWEEN 9620001 AND 9620300;
SELECT crm._outbox_forget() AS has_more;
SELECT kind, messages, crm.bitmap_count(persons) AS persons FROM crm.outbox_forgotten ORDER BY 1;
SELECT crm.campaign_results('welcome') = results AS the_same FROM before;
INSERT INTO crm.outbox (customer_id, message_id, channel, endpoint, flow_id, occurrence_key, is_marketing, body, due_at, created_at)
SELECT 9620849, 'second', 'sms', 'none', f.flow_id, 'once', true, '{"fallback_of": "m849"}', crm.core_now(), crm.core_now() FROM crm.flow f WHERE f.code = 'welcome';
INSERT INTO crm.outbox_event (customer_id, message_id, at, outbox_event_id, kind) VALUES (9620849, 'second', crm.core_now(), 962000001, 'sent');
UPDATE before SET results = crm.campaign_results('welcome');
UPDATE crm.outbox SET created_at = crm.core_now() - interval '401 d' WHERE customer_id BETWEEN 9620001 AND 9621000;
SELECT crm._outbox_forget() AS has_more;
SELECT crm.campaign_results('welcome') = results AS the_same, results ->> 'sent' AS sent, results #>> '{funnel,sent}' AS persons FROM before;
ROLLBACK TO SAVEPOINT forgotten;
SELECT r -> 'treatment' ->> 'ordered' AS within_15_days, r ->> 'window_days' AS days FROM crm.campaign_results('welcome', 15) r;
SELECT pg_temp.try($$crm.campaign_results('welcome', 0)$$) AS no_days, pg_temp.try($$crm.campaign_results('none')$$) AS no_flow;
-- of a flow that fired often the results of the default window are kept: what would be computed, until the next local day
SAVEPOINT large;
UPDATE crm.room_setting SET value = '1000' WHERE name = 'campaign.results_at_once';
SELECT crm._campaign_results_job() AS few_enough;
UPDATE crm.room_setting SET value = '999' WHERE name = 'campaign.results_at_once';
CREATE TEMP TABLE computed AS SELECT crm.campaign_results('welcome') AS r;
SELECT crm._campaign_results_job() AS kept, crm._campaign_results_job() AS again;
-- added up of any two or three pieces, it is the same; as with those who are merged across the border of two
SELECT count(*) AS cuts, count(*) FILTER (WHERE crm._campaign_tell('welcome', 14, s.sums) = c.r) AS same FROM computed c, (
    SELECT g, crm._campaign_add(crm._campaign_add(crm._campaign_sums(f, 14, 0, 9620000 + g), crm._campaign_sums(f, 14, 9620000 + g, 9620000 + g + 90)), crm._campaign_sums(f, 14, 9620000 + g + 90, 9223372036854775807)) AS sums
    FROM generate_series(-100, 1000, 275) g, (SELECT ROW(x.*)::crm.flow_row AS f FROM crm.flow x WHERE x.code = 'welcome') f) s;
SAVEPOINT merged;
UPDATE crm.customer SET status = 'merged', merged_into = 9620001 WHERE customer_id IN (9620901, 9620500);
UPDATE crm.customer SET status = 'merged', merged_into = 9620950 WHERE customer_id IN (9620003, 9620949);
UPDATE crm.membership SET customer_id = CASE WHEN customer_id IN (9620901, 9620500) THEN 9620001 ELSE 9620950 END WHERE customer_id IN (9620901, 9620500, 9620003, 9620949);
SELECT count(*) FILTER (WHERE s.sums = s.whole) AS same, count(*) AS cuts FROM (
    SELECT crm._campaign_add(crm._campaign_sums(f, 14, 0, 9620000 + g), crm._campaign_sums(f, 14, 9620000 + g, 9223372036854775807)) AS sums, crm._campaign_sums(f, 14, 0, 9223372036854775807) AS whole
    FROM unnest('{2,400,600,920,949}'::int[]) g, (SELECT ROW(x.*)::crm.flow_row AS f FROM crm.flow x WHERE x.code = 'welcome') f) s;
ROLLBACK TO merged;
SELECT k.r - 'as_of' = c.r AS same, k.r ->> 'as_of' AS as_of, c.r ? 'as_of' AS said_before FROM computed c, LATERAL (SELECT crm.campaign_results('welcome') AS r) k;
DELETE FROM crm.occurrence WHERE customer_id = 9620950;
SELECT crm.campaign_results('welcome') -> 'fired' AS kept, crm.campaign_results('welcome', 15) -> 'fired' AS another_window;
UPDATE crm.room_setting SET value = '0' WHERE name = 'campaign.results_at_once';
SET LOCAL crm.core_clock = '2026-07-01T00:00:00+08:00';
SELECT crm._campaign_results_job() AS the_next_day, crm._campaign_results_job() AS again;
SELECT crm.campaign_results('welcome') -> 'fired' AS fired;
ROLLBACK TO large;
-- merged persons count once, with the survivor's arm
UPDATE crm.customer SET status = 'merged', merged_into = 9620001 WHERE customer_id = 9620901;
UPDATE crm.membership SET customer_id = 9620001 WHERE customer_id = 9620901;
SELECT r -> 'control' AS one_less, r -> 'treatment' ->> 'persons' AS treatment FROM crm.campaign_results('welcome') r;
-- a control group that somebody thinned out
DELETE FROM crm.occurrence WHERE arm = 'control' AND customer_id > 9620940;
SELECT r -> 'sample_ratio' AS alarm, r ->> 'verdict' AS verdict, r -> 'needed' AS needed FROM crm.campaign_results('welcome') r;

-- 3. held out of everything: by a bucket of its own, growing only; left out of both arms of a flow; all flows together
SELECT pg_temp.try('crm.campaign_hold_out(51)') AS too_many, pg_temp.try('crm.campaign_hold_out(NULL)') AS none, pg_temp.try($$crm.campaign_hold_out('NaN')$$) AS no_number;
SELECT crm.campaign_hold_out(20) AS held;
SELECT round(avg(crm._campaign_is_held(g, 20)::int), 2) AS a_fifth, bool_and(NOT crm._campaign_is_held(g, 10) OR crm._campaign_is_held(g, 20)) AS stays,
       round(avg((crm._campaign_is_held(g, 20) AND crm._campaign_bucket('holdout', 'welcome', g) < 2000)::int), 2) AS independent FROM generate_series(1, 20000) g;
SELECT crm._campaign_arm(ROW(f.*)::crm.flow_row, p.id, ARRAY[p.id]) AS arm_of_the_held FROM crm.flow f, (SELECT min(g) AS id FROM generate_series(9630000, 9630100) g WHERE crm._campaign_is_held(g, 20)) p WHERE f.code = 'birthday';
SELECT (r -> 'treatment' ->> 'persons')::int = count(*) FILTER (WHERE o.arm = 'treatment') AS treated_fit FROM crm.campaign_results('welcome') r,
       crm.occurrence o WHERE o.customer_id BETWEEN 9620001 AND 9621000 AND NOT crm._campaign_is_held(crm._identity_current(o.customer_id), 20) AND o.customer_id <> 9620901 GROUP BY r;
SET LOCAL crm.core_clock = '2026-07-10T12:00:00+08:00';
INSERT INTO crm.customer_order (source_record_id, order_id, source_id, external_id, status, ordered_at, paid_at, business_day, amount, line_count, is_history, received_at)
SELECT 9620000 + g, 9630000 + g, 9621, 'Q' || g, 'paid', '2026-07-05', '2026-07-05', '2026-07-05', 10, 1, false, '2026-07-05' FROM generate_series(2, 1000, 2) g
WHERE NOT crm._campaign_is_held(9620000 + g, 20) OR g % 8 = 0;
SELECT (r -> 'control' ->> 'persons')::int = n.held AS control_fits, (r -> 'control' ->> 'ordered')::int = n.held_bought AS their_orders_fit, (r -> 'treatment' ->> 'ordered')::int = n.others_bought AS the_others_fit,
       r -> 'is_effect' AS effect, r -> 'sample_ratio' -> 'is_skewed' AS skewed, r ->> 'since' AS since
FROM crm.campaign_held_out() r, (SELECT count(*) FILTER (WHERE h) AS held, count(*) FILTER (WHERE h AND b) AS held_bought, count(*) FILTER (WHERE NOT h AND b) AS others_bought
    FROM (SELECT crm._campaign_is_held(c.customer_id, 20) AS h, x.customer_id IS NOT NULL AS b FROM crm.customer c
          LEFT JOIN (SELECT DISTINCT m.customer_id FROM crm.customer_order o JOIN crm.membership m USING (source_record_id) WHERE o.business_day >= '2026-06-30') x USING (customer_id) WHERE c.status = 'active' AND c.registered_on <= '2026-06-30') x) n;
-- in a large chain as of the last night, until another share is held out
CREATE TEMP TABLE compared AS SELECT crm.campaign_held_out() AS r;
SELECT (SELECT array_agg(a ORDER BY (a).arm) FROM unnest(crm._campaign_arms_add(crm._campaign_held_sums(20, '2026-06-30', 0, 9620500), crm._campaign_held_sums(20, '2026-06-30', 9620500, 9223372036854775807))) a)
     = (SELECT array_agg(a ORDER BY (a).arm) FROM unnest(crm._campaign_held_sums(20, '2026-06-30', 0, 9223372036854775807)) a) AS adds_up;
SELECT crm._campaign_held_job() AS left_over, (SELECT as_of FROM crm.held_out_result) AS small_chain;
UPDATE crm.room_setting SET value = '0' WHERE name = 'campaign.held_at_once';
SELECT crm._campaign_held_job() AS left_over;
SET LOCAL crm.core_clock = '2026-07-11T06:00:00+08:00';
DELETE FROM crm.customer_order o WHERE o.external_id = 'Q2' OR o.external_id = 'Q8';
SELECT k.r - 'as_of' = c.r - 'as_of' AS same, k.r ->> 'as_of' AS as_of FROM compared c, LATERAL (SELECT crm.campaign_held_out() AS r) k;
SET LOCAL crm.core_clock = '2026-07-13T06:00:00+08:00';
SELECT k.r - 'as_of' = c.r - 'as_of' AS same, k.r ->> 'as_of' AS after_two_days FROM compared c, LATERAL (SELECT crm.campaign_held_out() AS r) k;
SELECT crm._campaign_held_job() AS left_over;
SELECT crm.campaign_hold_out(10) ->> 'percent' AS fewer;
SELECT r ->> 'as_of' AS as_of, r ->> 'since' AS since, (r -> 'control' ->> 'ordered')::int AS of_another_beginning FROM crm.campaign_held_out() r;
SELECT crm.campaign_hold_out(0) ->> 'percent' AS nobody;
ROLLBACK;
