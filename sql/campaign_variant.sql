-- campaign_variant: texts and offers side by side in one flow: who gets which is fixed, kept for ever, written down with the arm,
-- and what each achieved is told with its interval; a draw that is no chance raises the alarm.
\set VERBOSITY terse
SET client_min_messages = warning;
SET datestyle = 'ISO';
SET timezone = 'Asia/Shanghai';
BEGIN;
SET LOCAL crm.core_clock = '2026-06-30T12:00:00+08:00';
SELECT set_config('crm.access_claims', '{"actor": "regress", "role": "crm_headquarters", "stores": [], "all": true}', true) <> '' AS claims;
\i sql/shared/try_said.sql
SELECT length(crm.outbox_define_endpoint('var_end', 'https://receiver.example/')) AS secret_length, crm.outbox_set_channel('sms', 'var_end');
-- a thousand persons with a phone each, and a yes; every fourth is a woman
INSERT INTO crm.source (source_id, code, name, kind, created_at) VALUES (9595, 'var_till', 'till', 'pos', '2026-01-01');
CREATE TEMP TABLE one AS SELECT 9595000 + g AS id, 9596000 + g AS record, g FROM generate_series(1, 1000) g;
INSERT INTO crm.customer (customer_id, status, registered_at, registered_on, updated_at, sex) SELECT id, 'active', '2026-01-01', '2026-01-01', '2026-01-01', CASE WHEN g % 4 = 0 THEN 'f' ELSE 'm' END FROM one;
INSERT INTO crm.customer_private (customer_id, name) SELECT id, '王' || g FROM one;
INSERT INTO crm.source_record (source_record_id, source_id, kind, external_id, is_history, received_at) SELECT record, 9595, 'member', 'm' || g, false, '2026-01-01' FROM one;
INSERT INTO crm.membership (source_record_id, valid_from, customer_id) SELECT record, '2026-01-01', id FROM one;
INSERT INTO crm.identifier (kind, value_hash, customer_id, value_sealed, masked, first_seen_at, last_seen_at)
SELECT 1, crm._identity_hash(1::smallint, '', 'v' || g), id, '\x00', '', '2026-01-01', '2026-01-01' FROM one;
INSERT INTO crm.record_identifier (source_record_id, kind, value_hash, first_seen_at, last_seen_at) SELECT record, 1, crm._identity_hash(1::smallint, '', 'v' || g), '2026-01-01', '2026-01-01' FROM one;
INSERT INTO crm.consent (source_record_id, channel, occurred_at, consent_id, state, is_history) SELECT record, 'sms', '2026-01-02', crm._new_id(), 'yes', false FROM one;
ANALYZE crm.customer, crm.membership, crm.record_identifier, crm.identifier, crm.consent;
SELECT t.template, crm.outbox_define_template(t.template, 'sms', t.body) ->> 'segments' AS segments
FROM (VALUES ('var_warm', '{{name}}，想念您，{{coupon_code}}。退订回T'), ('var_brisk', '{{name}}，限时{{coupon_code}}。退订回T'), ('var_lady', '{{name}}女士，专属{{coupon_code}}。退订回T')) t (template, body);

-- 1. what is no list of variants is refused with its reason
SELECT crm.campaign_create('var', 'browse', '{"channels": ["sms"], "holdout_percent": 10, "cap_messages": 99, "offer_days": 0, "goal": null, "late_hours": null, "quiet": null}') ->> 'state' AS state;
SELECT n, pg_temp.try(format('crm.campaign_edit(%L, %L) ->> %L', 'var', jsonb_build_object('variants', v), 'version')) AS answer
FROM (VALUES (1, '[]'::jsonb), (2, '[{"variant": "a"}]'), (3, '"a"'), (4, '[{"variant": "A"}, {"variant": "b"}]'), (5, '[{"variant": "a"}, {"variant": "a"}]'), (6, '[{"variant": "a", "weight": -1}, {"variant": "b"}]'),
    (7, '[{"variant": "a", "weight": 0}, {"variant": "b", "weight": 0}]'), (8, '[{"variant": "a", "channels": ["email"]}, {"variant": "b"}]'), (9, '[{"variant": "a", "template": "none"}, {"variant": "b"}]'),
    (10, '[{"variant": "a", "coupon_type": "none"}, {"variant": "b"}]'), (11, '[{"variant": "a", "who": {"kind": "horoscope"}}, {"variant": "b"}]'), (12, '[7, {"variant": "b"}]'),
    (13, '[{"variant": "a", "who": {"kind": "person", "field": "sex", "value": "f"}}, {"variant": "b", "who": {}}]'), (14, '[{"variant": "a", "gifts": [{"points": 0}]}, {"variant": "b"}]')) c (n, v) ORDER BY n;
SELECT (crm.campaign_edit('var', '{"variants": [{"variant": "brisk", "weight": 3, "template": "var_brisk", "coupon_type": "wake_up_90"}, {"variant": "warm", "weight": 1, "template": "var_warm", "coupon_type": "welcome_5"},
    {"variant": "lady", "who": {"kind": "person", "field": "sex", "value": "f"}, "template": "var_lady", "coupon_type": "back_80"}]}') ->> 'version')::int - 1 AS edits;
SELECT x ->> 'template' AS template, x ->> 'variant' AS variant FROM crm.campaign_texts('var') x;

-- 2. ranges of buckets by weight, a rule before them; the same alone and in a set
SELECT variant, from_bucket, to_bucket, share FROM crm._campaign_shares((SELECT spec FROM crm.flow WHERE code = 'var'));
UPDATE crm.flow SET state = 'active', active_from = '2026-01-01' WHERE code = 'var';
CREATE FUNCTION pg_temp.flow() RETURNS crm.flow_row LANGUAGE plpgsql AS $$
DECLARE
    flow crm.flow_row := crm._campaign_flow('var');
BEGIN
    flow.spec := crm._campaign_step_spec(flow.spec, 1, crm.core_now());
    RETURN flow;
END $$;
CREATE FUNCTION pg_temp.fire(ids bigint[], key text) RETURNS bigint LANGUAGE sql AS $$
    SELECT crm._campaign_fire_all(pg_temp.flow(), ids, array_fill(key, ARRAY[cardinality(ids)]), crm.core_now(), 'infinity', 1) $$;
SELECT pg_temp.fire(ARRAY(SELECT id FROM one WHERE g <= 900), 'k1') AS decided;
SELECT count(DISTINCT crm._campaign_fire(pg_temp.flow(), id, 'k1', crm.core_now(), 'infinity', 1)) AS outcomes FROM one WHERE g > 900;
CREATE VIEW pg_temp.seen AS
    SELECT p.g, p.id, o.occurrence_key AS key, o.arm, o.variant, o.outcome, m.body ->> 'text' AS said, k.coupon_type FROM one p JOIN crm.occurrence o ON o.customer_id = p.id JOIN crm.flow f ON f.flow_id = o.flow_id AND f.code = 'var'
    LEFT JOIN crm.outbox m ON m.customer_id = o.customer_id AND m.message_id = o.message_id LEFT JOIN crm.coupon k ON k.customer_id = o.customer_id AND k.coupon_id = o.coupon_id;
SELECT arm, count(*) = 1000 - (SELECT count(*) FROM pg_temp.seen x WHERE x.arm <> s.arm) AS all_of_them, count(variant) = CASE arm WHEN 'treatment' THEN count(*) ELSE 0 END AS has_variant FROM pg_temp.seen s GROUP BY arm ORDER BY 1;
SELECT count(*) FILTER (WHERE variant <> CASE WHEN g % 4 = 0 THEN 'lady' WHEN crm._campaign_bucket('variant', 'var', id) < 7500 THEN 'brisk' ELSE 'warm' END) AS wrong_variant,
       count(*) FILTER (WHERE coupon_type <> CASE variant WHEN 'lady' THEN 'back_80' WHEN 'brisk' THEN 'wake_up_90' ELSE 'welcome_5' END) AS wrong_offer,
       count(*) FILTER (WHERE said !~ CASE variant WHEN 'lady' THEN '女士' WHEN 'brisk' THEN '限时' ELSE '想念' END) AS wrong_text, count(*) FILTER (WHERE said IS NULL) AS unsaid
FROM pg_temp.seen WHERE arm = 'treatment';
SELECT min(id) AS somebody FROM pg_temp.seen WHERE variant = 'warm' \gset
SELECT x -> 'now' ->> 'variant' AS now, x -> 'fired' -> 0 ->> 'variant' AS fired FROM crm.campaign_explain(:somebody, 'var') x;

-- 3. kept for ever: other weights move nobody who was drawn; a merge keeps the survivor's; a variant that is gone is drawn anew
SET LOCAL crm.core_clock = '2026-07-20T12:00:00+08:00';
SELECT crm.campaign_edit('var', '{"variants": [{"variant": "brisk", "weight": 1, "template": "var_brisk"}, {"variant": "warm", "weight": 9, "template": "var_warm"}]}') ->> 'state' AS state;
SELECT pg_temp.fire(ARRAY(SELECT id FROM one WHERE g <= 400), 'k2') AS decided;
SELECT count(*) FILTER (WHERE a.variant <> b.variant) AS moved, count(*) > 100 AS many FROM pg_temp.seen a JOIN pg_temp.seen b USING (id) WHERE a.key = 'k1' AND b.key = 'k2' AND a.variant <> 'lady';
SELECT count(*) FILTER (WHERE b.variant <> CASE WHEN crm._campaign_bucket('variant', 'var', id) < 1000 THEN 'brisk' ELSE 'warm' END) AS ladies_drawn_wrong
FROM pg_temp.seen a JOIN pg_temp.seen b USING (id) WHERE a.key = 'k1' AND b.key = 'k2' AND a.variant = 'lady';
SELECT min(id) FILTER (WHERE variant = 'warm') AS warm_one, min(id) FILTER (WHERE variant = 'brisk') AS brisk_one FROM pg_temp.seen WHERE key = 'k1' AND g BETWEEN 500 AND 600 AND g % 4 <> 0 \gset
SELECT crm.identity_merge(:warm_one, :brisk_one, 'one person') IS NOT NULL AS merged;
SELECT pg_temp.fire(ARRAY[:warm_one]::bigint[], 'k3') AS decided;
SELECT variant AS the_survivors FROM pg_temp.seen WHERE id = :warm_one AND key = 'k3';
SELECT crm.campaign_edit('var', '{"variants": [{"variant": "brisk", "template": "var_brisk"}, {"variant": "new", "template": "var_lady"}]}') ->> 'state' AS state;
SELECT count(*) FILTER (WHERE given[1] <> CASE WHEN key = 'k1' AND variant = 'warm' AND crm._campaign_bucket('variant', 'var', id) >= 5000 THEN 'new' ELSE 'brisk' END) AS drawn_wrong, count(*) > 100 AS many
FROM pg_temp.seen, LATERAL (SELECT crm._campaign_variants(pg_temp.flow(), ARRAY[id]) AS given) v WHERE key = 'k1' AND variant IN ('warm', 'brisk') AND id NOT IN (:warm_one, :brisk_one) AND g > 400;

-- 4. what each achieved: those who were assigned, by their first variant; orders of 20 % of brisk, 60 % of warm, 10 % of control
INSERT INTO crm.customer_order (source_record_id, order_id, source_id, external_id, status, ordered_at, paid_at, business_day, amount, line_count, is_history, received_at)
SELECT o.record, 9597000 + o.g, 9595, 'o' || o.g, 'paid', '2026-07-02', '2026-07-02', '2026-07-02', 10, 0, false, '2026-07-02'
FROM one o JOIN pg_temp.seen s ON s.id = o.id AND s.key = 'k1'
WHERE CASE WHEN s.arm = 'control' THEN o.g % 10 = 0 WHEN s.variant = 'brisk' THEN o.g % 5 = 0 WHEN s.variant = 'warm' THEN o.g % 5 < 3 ELSE false END;
CREATE TEMP TABLE told AS SELECT crm.campaign_results('var') AS r;
CREATE TEMP TABLE counted AS
    SELECT coalesce(s.variant, s.arm) AS part, count(*) AS persons, count(o.order_id) AS ordered
    FROM pg_temp.seen s LEFT JOIN crm.customer_order o ON o.source_record_id = 9596000 + s.g
    WHERE s.key = 'k1' AND s.id <> :brisk_one GROUP BY 1;
SELECT v ->> 'variant' AS variant, v -> 'is_drawn' AS is_drawn, (v ->> 'persons')::int = c.persons AS persons, (v ->> 'ordered')::int = c.ordered AS ordered, (v ->> 'revenue')::numeric = 10 * c.ordered AS revenue,
       (v #>> '{funnel,sent}')::int AS nobody_was_sent_yet, v #>> '{against_control,verdict}' AS against_control, v #> '{against_best,best}' AS best, v #> '{against_best,is_effect}' AS is_effect
FROM told, jsonb_array_elements(r -> 'variants') v LEFT JOIN counted c ON c.part = v ->> 'variant' WHERE v ->> 'persons' <> '0' ORDER BY 1;
-- the difference of two shares and its interval, by the formula once more
SELECT v #> '{against_control,lift_points}' = to_jsonb(round(100 * (w.ordered::numeric / w.persons - c.ordered::numeric / c.persons), 2)) AS points,
       v #> '{against_control,lift_interval}' = (SELECT jsonb_agg(round(100 * i, 2)) FROM unnest(crm._campaign_interval(w.ordered, w.persons, c.ordered, c.persons)) i) AS interval
FROM told, jsonb_array_elements(r -> 'variants') v JOIN counted w ON w.part = v ->> 'variant', counted c WHERE c.part = 'control' AND v ->> 'variant' = 'warm';
-- how many were to be expected: three to one of those who were drawn under that version
SELECT (v ->> 'expected')::numeric = round((SELECT sum(persons) FROM counted WHERE part IN ('brisk', 'warm')) * CASE v ->> 'variant' WHEN 'brisk' THEN 0.75 ELSE 0.25 END, 1) AS expected
FROM told, jsonb_array_elements(r -> 'variants') v WHERE v ->> 'variant' IN ('brisk', 'warm');
SELECT r -> 'variant_ratio' AS ratio FROM told;
SELECT jsonb_array_length(crm.campaign_results('welcome') -> 'variants') AS none;

-- 5. the alarm: published critical values, and a draw that somebody meddled with
SELECT crm._campaign_is_uneven('{500,500}', '{500,500}') AS even, crm._campaign_is_uneven('{552,448}', '{500,500}') AS below, crm._campaign_is_uneven('{553,447}', '{500,500}') AS above,
       crm._campaign_is_uneven('{348,326,326}', '{333.3,333.3,333.4}') AS three_even, crm._campaign_is_uneven('{400,300,300}', '{333.3,333.3,333.4}') AS three_not, crm._campaign_is_uneven('{}', '{}') AS nobody;
UPDATE crm.occurrence o SET variant = 'brisk' WHERE o.variant = 'warm' AND o.occurrence_key = 'k1' AND o.customer_id % 2 = 0;
SELECT crm.campaign_results('var') -> 'variant_ratio' AS ratio;

-- 6. a step of its own variants; a shadow run is decided and told nobody; the next channel says what the first would have said
SELECT crm.campaign_edit('var', '{"variants": null, "steps": [{"variants": [{"variant": "brisk", "template": "var_brisk"}, {"variant": "new", "template": "var_lady"}]}, {"after_hours": 1, "template": "var_warm"}]}') ->> 'state' AS state;
SELECT pg_temp.try($$crm.campaign_edit('var', '{"steps": [{"variants": [{"variant": "brisk"}]}]}') ->> 'state'$$) AS one_alone;
SELECT crm.outbox_define_template('var_lady', 'wechat', '微信：{{coupon_code}}') ->> 'channel' AS channel, crm.outbox_define_template('var_brisk', 'wechat', '限时微信：{{coupon_code}}') ->> 'channel' AS other,
       crm.outbox_define_template('browse', 'wechat', '看看') ->> 'channel' AS third, crm.outbox_define_template('var_warm', 'wechat', '想念') ->> 'channel' AS fourth, crm.outbox_set_channel('wechat', 'var_end');
SELECT crm.campaign_edit('var', '{"channels": ["sms", "wechat"]}') ->> 'state' AS state;
SELECT pg_temp.fire(ARRAY(SELECT id FROM one WHERE g BETWEEN 700 AND 800), 'k4') AS decided;
SELECT variant, count(*) FILTER (WHERE said !~ CASE variant WHEN 'brisk' THEN '限时' ELSE '女士' END) AS wrong FROM pg_temp.seen WHERE key = 'k4' AND arm = 'treatment' GROUP BY 1 ORDER BY 1;
SELECT min(id) AS fails FROM pg_temp.seen WHERE key = 'k4' AND variant = 'new' \gset
INSERT INTO crm.identifier (kind, value_hash, customer_id, value_sealed, masked, first_seen_at, last_seen_at) SELECT 4, crm._identity_hash(4::smallint, '', 'w'), :fails, '\x00', '', '2026-01-01', '2026-01-01';
INSERT INTO crm.record_identifier (source_record_id, kind, value_hash, first_seen_at, last_seen_at) SELECT :fails + 1000, 4, crm._identity_hash(4::smallint, '', 'w'), '2026-01-01', '2026-01-01';
INSERT INTO crm.consent (source_record_id, channel, occurred_at, consent_id, state, is_history) SELECT :fails + 1000, 'wechat', '2026-01-02', crm._new_id(), 'yes', false;
SELECT crm.outbox_receipt(o.message_id, 'undelivered') ->> 'kind' AS kind FROM crm.occurrence o WHERE o.customer_id = :fails AND o.occurrence_key = 'k4';
SELECT crm._campaign_fallback() AS more;
SELECT o.channel, o.body ->> 'text' ~ '^微信' AS same_variant FROM crm.outbox o WHERE o.customer_id = :fails AND o.channel = 'wechat';
SELECT * FROM crm.campaign_check();
ROLLBACK;
