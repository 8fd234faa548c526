-- campaign: the three flows fire for those just inside their line, never twice, through one gate, and nothing for history.
\set VERBOSITY terse
SET client_min_messages = warning;
SET datestyle = 'ISO';
SET timezone = 'Asia/Shanghai';
BEGIN;
SET LOCAL crm.core_clock = '2026-06-30T09:00:00+08:00';
SELECT set_config('crm.access_claims', '{"actor": "regress", "role": "crm_headquarters", "stores": [], "all": true}', true) <> '' AS claims;
SELECT crm.access_define_region('FLOW', '区') > 0 AS region, crm.access_define_store('FLOW1', '一店', 'FLOW', '上海') > 0 AS store,
       crm.access_define_store('FLOW2', '二店', 'FLOW', '乌鲁木齐', 'Asia/Urumqi') > 0 AS store_two_hours_west;
SELECT crm.ingest_define_source('flow_till', '收银', 'pos', '{"channel": "store"}') > 0 AS source;
\i sql/shared/try_said.sql
CREATE FUNCTION pg_temp.member(id text, phone text, more jsonb DEFAULT '{}') RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    r crm.intake_result := crm.ingest_member('flow_till', convert_to((jsonb_build_object('external_id', id, 'phone', phone, 'name', '张' || id,
        'store_code', 'FLOW1', 'registered_at', crm.core_now(), 'consent_sms', 'yes') || more)::text, 'UTF8'));
BEGIN
    RETURN concat_ws(' ', r.code, r.field);
END $$;
CREATE FUNCTION pg_temp.purchase(id text, member text, day text, amount text DEFAULT '100.00') RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    r crm.intake_result := crm.ingest_order('flow_till', convert_to(jsonb_build_object('external_id', id, 'member_external_id', member,
        'ordered_at', day || 'T10:00:00+08:00', 'store_code', 'FLOW1', 'amount', amount)::text, 'UTF8'));
BEGIN
    RETURN concat_ws(' ', r.code, r.field);
END $$;
CREATE FUNCTION pg_temp.person(member text) RETURNS bigint LANGUAGE sql AS $$
    SELECT m.customer_id FROM crm.source_record r JOIN crm.source s USING (source_id) JOIN crm.membership m USING (source_record_id)
    WHERE s.code = 'flow_till' AND r.external_id = member AND m.valid_to = 'infinity' $$;
-- a person's label: the members that are the person, or were
CREATE FUNCTION pg_temp.label(person bigint) RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(DISTINCT r.external_id, '+' ORDER BY r.external_id) FROM crm.membership m JOIN crm.source_record r USING (source_record_id)
    WHERE m.customer_id = person AND r.kind = 'member' $$;
CREATE VIEW pg_temp.fired AS
    SELECT f.code AS flow, pg_temp.label(o.customer_id) AS person, o.occurrence_key AS key, o.arm, o.outcome, o.due_at,
           (SELECT d.step || ': ' || d.reason FROM crm.decision d
            WHERE d.customer_id = o.customer_id AND d.flow_id = o.flow_id AND d.occurrence_key = o.occurrence_key AND d.result <> 'pass') AS reason,
           o.message_id IS NOT NULL AS has_message, o.coupon_id IS NOT NULL AS has_coupon
    FROM crm.occurrence o JOIN crm.flow f USING (flow_id);

-- the three as they ship: what the presets say
SELECT f.code, f.state, x.days, x.at, x.backlog_per_day AS backlog, x.holdout_percent AS holdout, x.offer_days AS offer, x.cap_messages || ' in ' || x.cap_days AS cap, (x.quiet ->> 'from') || '-' || (x.quiet ->> 'to') AS quiet, x.goal, c.value AS coupon, c.valid_days
FROM crm.flow f, jsonb_to_record(f.spec) x(days int, at text, backlog_per_day int, holdout_percent int, offer_days int, cap_messages int, cap_days int, quiet jsonb, goal text, coupon_type text), crm.coupon_type c
WHERE f.flow_id <= 3 AND c.coupon_type = x.coupon_type ORDER BY f.flow_id;
-- 1. a flow starts complete: what is missing or wrong names its field
SELECT pg_temp.try($$crm.campaign_start('welcome')$$) AS without_endpoint;
SELECT length(crm.outbox_define_endpoint('flow_end', 'http://127.0.0.1:9/', NULL, '{"is_private_allowed": true}')) AS secret_length;
SELECT crm.outbox_set_channel('sms', 'flow_end');
SELECT changes, pg_temp.try(format('crm.campaign_edit(%L, %L) ->> %L', flow, changes, 'version')) AS answer
FROM (VALUES (1, 'welcome', '{"channels": []}'), (2, 'welcome', '{"channels": "sms"}'), (3, 'welcome', '{"channels": ["pigeon"]}'), (4, 'welcome', '{"template": "none"}'),
    (5, 'welcome', '{"coupon_type": "none"}'), (6, 'welcome', '{"holdout_percent": 100}'), (7, 'welcome', '{"holdout_percent": "ten"}'), (8, 'welcome', '{"cap_days": 0}'),
    (9, 'welcome', '{"cap_messages": 1.5}'), (10, 'welcome', '{"offer_days": null}'), (11, 'welcome', '{"quiet": {"from": "21:00"}}'), (12, 'welcome', '{"quiet": {"from": "24:00", "to": "08:00"}}'),
    (13, 'silence_30', '{"days": 0}'), (14, 'silence_30', '{"backlog_per_day": -1}'), (15, 'birthday', '{"at": "10"}'), (16, 'welcome', '{"exclude_tiers": "S"}'),
    (17, 'welcome', '{"goal": "visit"}'), (18, 'welcome', '{"colour": "red"}'), (19, 'welcome', '[]'), (20, 'none', '{}'), (21, 'birthday', '{"channels": ["email"]}')) c (n, flow, changes)
ORDER BY n;
INSERT INTO crm.template (template, channel, body) VALUES ('flow_bad', 'sms', '{{name}} {{ valid_until }} {{points}}');
SELECT pg_temp.try($$crm.campaign_edit('welcome', '{"template": "flow_bad", "channels": ["sms"]}')$$) AS unknown_variables;
SELECT flow, crm.campaign_edit(flow, '{"holdout_percent": 0, "coupon_type": null, "cap_messages": 9}', flow || '-1') -> 'version' AS version FROM unnest('{welcome,silence_30,birthday}'::text[]) flow;
SELECT crm.campaign_edit('welcome', '{"holdout_percent": 0, "coupon_type": null, "cap_messages": 9}', 'welcome-1') -> 'version' AS replayed;
SELECT crm.campaign_edit('welcome', '{"coupon_type": "welcome_5"}') -> 'version' AS version,
       crm.campaign_edit('silence_30', '{"coupon_type": "wake_up_90"}') -> 'version' AS version, crm.campaign_edit('birthday', '{"coupon_type": "birthday_shipping"}') -> 'version' AS version;
SELECT version, changed_by, spec ->> 'holdout_percent' AS holdout FROM crm.flow_version WHERE flow_id = 1 ORDER BY version;

-- 2. welcome: the first record of a person, with consent and an address; nothing from before the start
SELECT pg_temp.member('before', '13912340001') AS before_the_start;
SELECT pg_temp.try($$crm.campaign_pause('welcome')$$) AS pause_a_draft;
SET LOCAL crm.core_clock = '2026-06-30T09:30:00+08:00';
SELECT crm.campaign_start('welcome', 'start-1') ->> 'state' AS state;
SELECT pg_temp.member('before', '13912340001', '{"name": "李"}') AS before_once_more, pg_temp.member('w1', '13912340002') AS new_one,
       pg_temp.member('no', '13912340003', '{"consent_sms": "no"}') AS refuses, pg_temp.member('silent', '13912340004', '{"consent_sms": null}') AS said_nothing,
       pg_temp.member('mute', NULL) AS without_phone, pg_temp.member('land', '021-62345678') AS landline;
SELECT pg_temp.member('w1', '13912340002', '{"nickname": "x"}') AS changed, pg_temp.member('w1b', '13912340002', '{"name": "张w1"}') AS second_record;
SELECT person, key, arm, outcome, reason, has_message, has_coupon FROM pg_temp.fired WHERE flow = 'welcome' ORDER BY person;
SELECT o.body ->> 'text' ~ '^张w1您好，欢迎加入！送您5元券，2026-07-30前有效，券码[0-9A-Z-]+。退订回T$' AS text, o.due_at, o.expires_at, c.valid_until
FROM crm.outbox o JOIN crm.coupon c USING (customer_id, flow_id, occurrence_key) WHERE o.customer_id = pg_temp.person('w1');
-- the gate's steps, in their order
SELECT s.step, s.result, s.reason FROM crm.decision d, crm._campaign_steps(d.step, d.result, d.reason, d.reach) s WHERE d.customer_id = pg_temp.person('w1');
-- history welcomes nobody
SELECT crm._campaign_on_facts(ARRAY[pg_temp.person('before')], 'member', true), crm._campaign_on_facts('{}', 'member', false);
SELECT count(*) AS welcomed FROM pg_temp.fired WHERE flow = 'welcome' AND outcome IN ('sent', 'held');
-- a name is text, whatever it holds
SELECT pg_temp.member('odd', '13912340005', '{"name": "{{coupon_code}}"}');
SELECT o.body ->> 'text' LIKE '{{coupon\_code}}您好%' AS name_stays FROM crm.outbox o WHERE o.customer_id = pg_temp.person('odd');

-- 3. quiet hours: 21:00 to 08:00, held to 08:00 of the person's zone
SELECT at, crm._outbox_quiet_until(crm._campaign_quiet(ROW(f.*)::crm.flow_row, zone), at) AS until
FROM crm.flow f, (VALUES ('Asia/Shanghai', timestamptz '2026-06-30T20:59:59+08:00'), ('Asia/Shanghai', '2026-06-30T21:00:00+08:00'), ('Asia/Shanghai', '2026-07-01T00:00:00+08:00'),
    ('Asia/Shanghai', '2026-07-01T07:59:59+08:00'), ('Asia/Shanghai', '2026-07-01T08:00:00+08:00'), ('Asia/Urumqi', '2026-06-30T22:30:00+08:00'), ('Asia/Urumqi', '2026-06-30T23:30:00+08:00')) v (zone, at)
WHERE f.code = 'welcome' ORDER BY zone, at;
SET LOCAL crm.core_clock = '2026-06-30T22:30:00+08:00';
SELECT pg_temp.member('night', '13912340006'), pg_temp.member('west', '13912340007', '{"store_code": "FLOW2"}');
SELECT person, outcome, due_at, reason FROM pg_temp.fired WHERE person IN ('night', 'west') ORDER BY 1;
SELECT pg_temp.label(customer_id) AS due_now FROM crm._outbox_due(100) WHERE customer_id IN (pg_temp.person('night'), pg_temp.person('west'));
SET LOCAL crm.core_clock = '2026-06-30T12:00:00+08:00';

-- 4. pause and stop: paused, nothing fires and what waits stays; stopped, what waits is cancelled with its coupon
SELECT crm.campaign_pause('welcome') ->> 'state' AS state;
SELECT count(*) > 0 AS waiting, bool_and(q.due_at = 'infinity') AS held FROM crm.outbox_queue q JOIN crm.outbox o USING (customer_id, message_id) WHERE o.flow_id = 1;
SELECT pg_temp.member('paused', '13912340008');
SELECT count(*) AS fired FROM pg_temp.fired WHERE person = 'paused';
SELECT pg_temp.try($$crm.campaign_start('none')$$), pg_temp.try($$crm.campaign_stop('birthday')$$);
SELECT crm.campaign_start('welcome') ->> 'state' AS state;
SELECT bool_and(q.due_at = greatest(o.due_at, crm.core_now())) AS goes_on FROM crm.outbox_queue q JOIN crm.outbox o USING (customer_id, message_id) WHERE o.flow_id = 1;
SELECT pg_temp.member('paused', '13912340008', '{"nickname": "back"}');
SELECT outcome FROM pg_temp.fired WHERE person = 'paused';
SELECT count(*) AS waiting FROM crm.outbox_queue q JOIN crm.outbox o USING (customer_id, message_id) WHERE o.flow_id = 1;
SELECT crm.campaign_stop('welcome') ->> 'state' AS state;
SELECT (SELECT count(*) FROM crm.outbox_queue q JOIN crm.outbox o USING (customer_id, message_id) WHERE o.flow_id = 1) AS waiting,
       (SELECT count(*) FROM crm.outbox_event e WHERE e.detail = 'flow stopped') AS cancelled,
       (SELECT count(*) FROM crm.coupon c WHERE c.flow_id = 1 AND c.state = 'void') AS withdrawn,
       (SELECT coalesce(sum(cardinality(c.sent_at)), 0) FROM crm.contact_cap c) AS counted;
SELECT pg_temp.try($$crm.campaign_pause('welcome')$$) AS pause_a_stopped_one;
SELECT crm.campaign_start('welcome') ->> 'state' AS state;

-- 5. silence: thirty local days to the day; those past it are counted, enter when confirmed, a few a day
SELECT count(*) FILTER (WHERE m = 'created') AS members, count(*) FILTER (WHERE o = 'created') AS orders
FROM (SELECT pg_temp.member(id, '1391234' || phone, jsonb_build_object('consent_sms', consent)) AS m, pg_temp.purchase('P' || id, id, day) AS o
      FROM (VALUES ('s29', '1029', 'yes', '2026-06-01'), ('s30', '1030', 'yes', '2026-05-31'), ('s31', '1031', 'yes', '2026-05-30'), ('s60', '1060', 'yes', '2026-05-01'),
                   ('s90', '1090', 'yes', '2026-04-01'), ('s30no', '1130', 'no', '2026-05-31'), ('s30refund', '1230', 'yes', '2026-05-31')) v (id, phone, consent, day) OFFSET 0) made;
SELECT crm.campaign_preview('silence_30') - 'examples' AS preview;
SELECT jsonb_array_length(crm.campaign_preview('silence_30') -> 'examples') AS examples;
SET LOCAL datestyle = 'German';
SELECT crm.campaign_preview('silence_30') -> 'outcomes' AS outcomes_whatever_the_style;
SET LOCAL datestyle = 'ISO';
SELECT crm.campaign_start('silence_30') - 'spec' - 'name_zh' - 'name_en' AS started;
SELECT crm._campaign_due() AS more;
SELECT person, key, outcome, reason, has_coupon FROM pg_temp.fired WHERE flow = 'silence_30' ORDER BY person;
SELECT crm._campaign_due() AS more, count(*) AS still FROM pg_temp.fired WHERE flow = 'silence_30';
-- a session that writes days otherwise knows the key: a part of the money given back cancels nothing, and who was fired for is known
SAVEPOINT written_otherwise;
SET LOCAL datestyle = 'German';
SELECT (crm.ingest_refund('flow_till', convert_to('{"external_id": "Rpart", "order_external_id": "Ps30", "amount": "1.00", "refunded_at": "2026-06-30T11:00:00+08:00"}', 'UTF8'))).code;
SELECT count(*) AS still_waits FROM crm.outbox_queue q JOIN crm.outbox o USING (customer_id, message_id) WHERE q.customer_id = pg_temp.person('s30') AND o.flow_id = 2;
SELECT crm.campaign_explain(pg_temp.person('s30'), 'silence_30') -> 'now' ->> 'would_be' AS would_be, crm._campaign_period('{"ago": 1}', '2026-03-01T10:00:00+08:00', 'Asia/Shanghai') AS period;
ROLLBACK TO written_otherwise;
SELECT crm._campaign_backlog() AS unconfirmed, count(*) AS still FROM pg_temp.fired WHERE flow = 'silence_30';
SELECT crm.campaign_edit('silence_30', '{"backlog_per_day": 2}') ->> 'backlog_waiting' AS waiting;
SELECT crm.campaign_confirm_backlog('silence_30', 'confirm-1') ->> 'confirmed' AS confirmed, crm.campaign_confirm_backlog('silence_30', 'confirm-1') ->> 'confirmed' AS replayed;
SELECT pg_temp.purchase('Pagain', 's60', '2026-06-30') AS buys_meanwhile;
SELECT crm._campaign_backlog() AS more, crm._campaign_backlog() AS no_more_today;
SELECT person, key, outcome, reason FROM pg_temp.fired WHERE flow = 'silence_30' AND key < '2026-05-31' ORDER BY key DESC;
SET LOCAL crm.core_clock = '2026-07-01T00:00:30+08:00';
SELECT crm._campaign_backlog(), crm._campaign_due() AS more;
SELECT person, key, outcome, due_at FROM pg_temp.fired WHERE flow = 'silence_30' AND person IN ('s90', 's29') ORDER BY key DESC;
-- who buys is not asked to come back: what waits is cancelled in the order's commit; an order loaded as history fires and cancels nothing
SELECT pg_temp.purchase('Ps29b', 's29', '2026-07-01') AS buys;
SELECT e.kind, e.detail FROM crm.outbox_event e WHERE e.customer_id = pg_temp.person('s29') ORDER BY e.outbox_event_id;
SELECT state FROM crm.coupon WHERE customer_id = pg_temp.person('s29') AND flow_id = 2;
SELECT (crm.ingest_refund('flow_till', convert_to('{"external_id": "R0", "order_external_id": "Ps30refund", "amount": "100.00", "refunded_at": "2026-06-30T20:00:00+08:00"}', 'UTF8'))).code;
SELECT e.kind, e.detail FROM crm.outbox_event e JOIN crm.outbox o USING (customer_id, message_id) WHERE e.customer_id = pg_temp.person('s30refund') AND o.flow_id = 2;

-- 6. a refund that takes the last purchase back opens no older key
SELECT pg_temp.member('back', '13912342000'), pg_temp.purchase('Pback1', 'back', '2026-06-05'), pg_temp.purchase('Pback2', 'back', '2026-06-20');
SELECT (crm.ingest_refund('flow_till', convert_to('{"external_id": "R1", "order_external_id": "Pback2", "amount": "100.00", "refunded_at": "2026-07-01T00:00:00+08:00"}', 'UTF8'))).code;
SELECT last_day FROM crm.customer_value WHERE customer_id = pg_temp.person('back');
SET LOCAL crm.core_clock = '2026-07-05T09:00:00+08:00';
SELECT crm._campaign_due() AS more, count(*) AS fired FROM pg_temp.fired WHERE flow = 'silence_30' AND person = 'back';
-- a source that is behind, or a value still to be computed: silence is not trusted, the window waits
SELECT pg_temp.member('late', '13912342001'), pg_temp.purchase('Plate', 'late', '2026-06-06');
UPDATE crm.source SET last_received_at = '2026-07-04T12:00:00+08:00' WHERE code = 'flow_till';
SET LOCAL crm.core_clock = '2026-07-06T15:00:00+08:00';
SELECT crm._campaign_due() AS more, count(*) AS fired FROM pg_temp.fired WHERE person = 'late' AND flow = 'silence_30';
UPDATE crm.source SET last_received_at = crm.core_now() WHERE code = 'flow_till';
INSERT INTO crm.value_dirty (customer_id, marked_at, mark_id, cause) VALUES (pg_temp.person('late'), crm.core_now(), -1, 'order');
SELECT crm._campaign_due() AS more, count(*) AS fired FROM pg_temp.fired WHERE person = 'late' AND flow = 'silence_30';
DELETE FROM crm.value_dirty WHERE customer_id = pg_temp.person('late');
SELECT crm._campaign_due() AS more;
SELECT key, outcome, due_at FROM pg_temp.fired WHERE person = 'late' AND flow = 'silence_30';

-- 7. birthdays: 10:00 of the zone, late until midnight, then missed; 29 February on the 28th
SELECT count(*) FILTER (WHERE pg_temp.member(id, '1391234' || phone, jsonb_build_object('birthday', birthday, 'store_code', store)) = 'created') AS members
FROM (VALUES ('b0707', '3001', '1990-07-07', 'FLOW1'), ('b0708', '3002', '1990-07-08', 'FLOW1'), ('b0707w', '3003', '1991-07-07', 'FLOW2'), ('b0228', '3004', '1992-02-29', 'FLOW1'), ('b0301', '3005', '1992-03-01', 'FLOW1')) v (id, phone, birthday, store);
SELECT crm.campaign_edit('birthday', '{"cap_messages": 99}') ->> 'state' AS state, crm.campaign_start('birthday') ->> 'state' AS started;
SET LOCAL crm.core_clock = '2026-07-07T09:59:59+08:00';
SELECT crm._campaign_due() AS more, count(*) AS too_early FROM pg_temp.fired WHERE flow = 'birthday';
SET LOCAL crm.core_clock = '2026-07-07T10:00:00+08:00';
SELECT crm._campaign_due() AS more;
SELECT person, key, outcome, due_at FROM pg_temp.fired WHERE flow = 'birthday' ORDER BY person;
SET LOCAL crm.core_clock = '2026-07-07T12:00:00+08:00';
SELECT crm._campaign_due() AS more, crm._campaign_due() AS again;
SELECT person, key, outcome, due_at FROM pg_temp.fired WHERE flow = 'birthday' ORDER BY person;
SET LOCAL crm.core_clock = '2026-07-09T00:00:00+08:00';
SELECT crm._campaign_due() AS more;
SELECT person, key, outcome, reason FROM pg_temp.fired WHERE flow = 'birthday' AND person = 'b0708';
SELECT array_agg(d ORDER BY d) AS days, crm._campaign_birthday_md(d)
FROM (VALUES (date '2027-02-28'), ('2028-02-28'), ('2028-02-29'), ('2027-03-01')) v (d) GROUP BY 2 ORDER BY 1;
SET LOCAL crm.core_clock = '2027-02-28T10:00:00+08:00';
UPDATE crm.flow SET watermark = '2027-02-27T00:00:00Z' WHERE code = 'birthday';
SELECT crm._campaign_due() >= 0 AS done;
SELECT person, key, outcome FROM pg_temp.fired WHERE flow = 'birthday' AND key = '2027' ORDER BY person;
SET LOCAL crm.core_clock = '2026-07-09T12:00:00+08:00';
UPDATE crm.flow SET watermark = '2026-07-08T00:00:00Z' WHERE code = 'birthday';

-- 8. caps: a person, an address (a family's phone gets one), seven rolling days; the first flow wins
SELECT crm.campaign_edit('welcome', '{"cap_messages": 1, "coupon_type": null}') ->> 'version' > '1' AS edited;
SELECT pg_temp.member('mum', '13912344001', '{"name": "王芳", "sex": "f", "birthday": "1985-03-03"}'),
       pg_temp.member('son', '13912344001', '{"name": "王小明", "sex": "m", "birthday": "2010-04-04"}');
SELECT pg_temp.person('mum') <> pg_temp.person('son') AS two_persons;
SELECT person, outcome, reason FROM pg_temp.fired WHERE person IN ('mum', 'son') ORDER BY person;
SELECT days, crm._campaign_cap(ROW(f.*)::crm.flow_row, ARRAY[pg_temp.person('mum')], 'sms', NULL, crm.core_now() + days, 'Asia/Shanghai') AS stopped_by
FROM crm.flow f, (VALUES (interval '6 days 23:59:59'), ('7 days')) v (days) WHERE f.code = 'welcome' ORDER BY days;
-- an equal or better offer
SELECT crm._loyalty_issue(pg_temp.person('b0301'), 'wake_up_90', NULL, NULL) > 0 AS holds_a_better_one;
SELECT crm.campaign_edit('silence_30', '{"exclude_tiers": ["N"]}') ->> 'state' AS state;
SELECT step ->> 'step' AS step, step ->> 'result' AS result, step ->> 'reason' AS reason
FROM jsonb_array_elements(crm.campaign_explain(pg_temp.person('b0301'), 'birthday') -> 'now' -> 'steps') step WHERE step ->> 'result' <> 'pass';
SELECT crm.campaign_explain(pg_temp.person('s29'), 'silence_30') -> 'now' ->> 'would_be' AS excluded_tier;

-- 9. holdout: by a bucket that never changes; both arms are written down; the coupon and message are the treatment's alone
SELECT k, crm._campaign_bucket('holdout', 'welcome', k) AS bucket FROM (VALUES (1::bigint), (2), (1000000), (9007199254740991)) v (k) ORDER BY k;
SELECT round(avg((crm._campaign_bucket('holdout', 'welcome', k) < 1000)::int), 2) AS share_of_ten_percent FROM generate_series(1, 20000) k;
SELECT crm.campaign_edit('welcome', '{"holdout_percent": 50, "cap_messages": 9}') ->> 'state' AS state;
SELECT count(pg_temp.member('h' || g, '139123450' || lpad(g::text, 2, '0'))) AS members FROM generate_series(1, 40) g;
SELECT count(DISTINCT arm) AS arms, bool_and((arm = 'control') = (crm._campaign_bucket('holdout', 'welcome', pg_temp.person(person)) < 5000)) AS by_bucket,
       bool_and((arm = 'treatment') = has_message) AS messages, bool_and(outcome = CASE arm WHEN 'control' THEN 'control' ELSE 'sent' END) AS outcomes
FROM pg_temp.fired WHERE flow = 'welcome' AND person ~ '^h\d+$';
SELECT r -> 'lift_points' AS lift, r ->> 'verdict' ~ '^not enough data: an arm needs 100 persons, the smaller has \d+$' AS verdict,
       (r -> 'treatment' ->> 'persons')::int + (r -> 'control' ->> 'persons')::int = (SELECT count(*) FROM pg_temp.fired WHERE flow = 'welcome' AND arm <> 'none') AS everyone
FROM crm.campaign_results('welcome') r;

-- 10. a merge never fires again, keeps the survivor's arm, and one of two waiting messages goes; neither does a split
SELECT crm.campaign_edit('welcome', '{"holdout_percent": 0}') ->> 'state' AS state;
SELECT pg_temp.member('m1', '13912346001'), pg_temp.member('m2', '13912346002');
SELECT pg_temp.person('m1') AS m1, pg_temp.person('m2') AS m2 \gset
UPDATE crm.occurrence SET arm = 'control' WHERE customer_id = :m2 AND flow_id = 1;
SELECT crm.identity_merge(:m1, :m2, 'the same person') IS NOT NULL AS merged;
SELECT pg_temp.person('m2') = :m1 AS one_person, count(*) AS waiting FROM crm.outbox_queue WHERE customer_id IN (:m1, :m2);
SELECT detail FROM crm.outbox_event WHERE customer_id = :m2 AND kind = 'cancelled';
SELECT crm._campaign_fire(ROW(f.*)::crm.flow_row, :m2, 'once', crm.core_now(), 'infinity', 0) AS again,
       crm._campaign_arm(ROW(f.*)::crm.flow_row, :m1, crm._campaign_ids(:m1)) AS arm FROM crm.flow f WHERE code = 'welcome';
SELECT pg_temp.member('m2', '13912346002', '{"nickname": "after"}'), count(*) AS occurrences FROM crm.occurrence WHERE customer_id IN (:m1, :m2) AND flow_id = 1;
-- m2's record is a person of its own again: what it was told, it was told
INSERT INTO crm.customer (customer_id, status, registered_at, registered_on, updated_at) VALUES (960999, 'active', crm.core_now(), '2026-07-09', crm.core_now());
UPDATE crm.membership m SET valid_to = crm.core_now() + interval '1 s' FROM crm.source_record r
WHERE r.source_record_id = m.source_record_id AND r.external_id = 'm2' AND m.valid_to = 'infinity';
INSERT INTO crm.membership (source_record_id, valid_from, customer_id) SELECT source_record_id, crm.core_now() + interval '1 s', 960999 FROM crm.source_record WHERE external_id = 'm2';
SELECT crm._outbox_keep_consents(ARRAY[:m1, 960999]::bigint[]), crm._campaign_on_membership(:m1, 960999, '{}', 'split');
SELECT crm._campaign_fire(ROW(f.*)::crm.flow_row, 960999, 'once', crm.core_now(), 'infinity', 0) AS split_off FROM crm.flow f WHERE code = 'welcome';
SELECT crm._campaign_fire(ROW(f.*)::crm.flow_row, 960998, 'once', crm.core_now(), 'infinity', 0) AS nobody FROM crm.flow f WHERE code = 'welcome';

-- 11. what is asked and shown
SELECT l ->> 'flow' AS flow, l ->> 'state' AS state, l ->> 'backlog_waiting' AS waiting FROM crm.campaign_list() l;
SELECT crm.campaign_explain(:m1, 'welcome') -> 'now' ->> 'would_be' AS would_be, jsonb_array_length(crm.campaign_explain(:m1, 'welcome') -> 'fired') AS fired;
SELECT pg_temp.try('crm.campaign_explain(960997, $$welcome$$)') AS nobody, pg_temp.try('crm.campaign_preview($$none$$)') AS no_flow, pg_temp.try('crm.campaign_results($$none$$)') AS none;
SELECT jsonb_array_length(crm._campaign_on_export(:m1)) AS exported;
SELECT * FROM crm.campaign_check() UNION ALL SELECT * FROM crm.outbox_check();

-- 12. early, late, and at night
SELECT crm.campaign_edit('silence_30', '{"exclude_tiers": null}') ->> 'state' AS state;
SELECT length(crm.outbox_define_endpoint('flow_end', 'http://127.0.0.1:9/', NULL, '{"is_private_allowed": true, "max_concurrency": 1}')) AS secret_length;
UPDATE crm.outbox_queue SET due_at = CASE WHEN lease_until IS NULL THEN due_at ELSE '2026-08-01' END, lease_until = NULL;
-- a member of years ago, or of the day before the start, whom a source tells of now is not new; one of the day of the start is
SELECT crm._local_day(active_from, 'Asia/Shanghai') AS started_on FROM crm.flow WHERE code = 'welcome';
SELECT pg_temp.member('old', '13912347001', '{"registered_at": "2024-01-01T10:00:00+08:00"}'), pg_temp.member('eve_of', '13912347010', '{"registered_at": "2026-06-29T23:59:59+08:00"}'),
       pg_temp.member('day_of', '13912347011', '{"registered_at": "2026-06-30"}'), pg_temp.member('fresh', '13912347002');
SELECT person, outcome FROM pg_temp.fired WHERE flow = 'welcome' AND person IN ('old', 'eve_of', 'day_of', 'fresh') ORDER BY 1;
-- a birthday found at 22:00 would leave on the day after: missed, without coupon or message
SET LOCAL crm.core_clock = '2026-07-10T22:00:00+08:00';
SELECT pg_temp.member('b0710', '13912347003', '{"birthday": "1990-07-10"}');
SELECT crm._campaign_due() AS more;
SELECT key, arm, outcome, reason, has_message, has_coupon FROM pg_temp.fired WHERE flow = 'birthday' AND person = 'b0710';
-- what an outage carried into the night is not handed out before its end
SET LOCAL crm.core_clock = '2026-07-11T20:50:00+08:00';
SELECT pg_temp.member('eve', '13912347004');
SELECT outcome, due_at FROM pg_temp.fired WHERE flow = 'welcome' AND person = 'eve';
CREATE FUNCTION pg_temp.claimed(member text) RETURNS bigint LANGUAGE sql AS $$
    SELECT count(*) FROM crm._outbox_claim(100, 1000, 1) c WHERE c.customer_id = pg_temp.person(member) $$;
SET LOCAL crm.core_clock = '2026-07-12T03:00:00+08:00';
SELECT pg_temp.claimed('eve') AS claimed;
-- one at a time may be under way, yet none of those that are held was in its way
SELECT count(*) > 1 AS held_with_it, bool_and(q.due_at >= '2026-07-12T08:00:00+08:00') AS all_of_them FROM crm.outbox_queue q;
SELECT q.due_at, q.attempt, q.lease_until FROM crm.outbox_queue q WHERE q.customer_id = pg_temp.person('eve');
SET LOCAL crm.core_clock = '2026-07-12T08:00:00+08:00';
UPDATE crm.outbox_queue q SET due_at = '2026-08-01' WHERE q.customer_id <> pg_temp.person('eve');
SELECT pg_temp.claimed('eve') AS claimed;
-- a pause holds what is under way too: its failure is not followed by another attempt
SELECT crm.campaign_pause('welcome') ->> 'state' AS state;
SELECT crm._outbox_finish(ARRAY[q.customer_id], ARRAY[q.message_id], ARRAY[q.attempt], '{failed}', '{500}', '{0}', '{no}') AS settled
FROM crm.outbox_queue q WHERE q.customer_id = pg_temp.person('eve');
SET LOCAL crm.core_clock = '2026-07-12T12:00:00+08:00';
SELECT pg_temp.claimed('eve') AS claimed_in_the_pause, crm.campaign_start('welcome') ->> 'state' AS state;
UPDATE crm.outbox_queue q SET due_at = '2026-08-01' WHERE q.customer_id <> pg_temp.person('eve');
SELECT pg_temp.claimed('eve') AS claimed;
-- days are those of the person's store: in New York it is the 13th until noon of the 14th in Shanghai
SELECT crm.access_define_store('FLOW3', '纽约店', 'FLOW', 'New York', 'America/New_York') > 0 AS store;
SELECT pg_temp.member('ny', '13912347005', '{"store_code": "FLOW3"}'), (crm.ingest_order('flow_till', convert_to(
    '{"external_id": "Pny", "member_external_id": "ny", "ordered_at": "2026-06-14T12:00:00-04:00", "store_code": "FLOW3", "amount": "50.00"}', 'UTF8'))).code;
SELECT pg_temp.member('sh', '13912347006'), pg_temp.purchase('Psh', 'sh', '2026-06-14');
UPDATE crm.source SET last_received_at = '2026-07-14T12:00:00+08:00' WHERE code = 'flow_till';
SET LOCAL crm.core_clock = '2026-07-14T11:59:59+08:00';
SELECT crm._campaign_due() AS more;
SELECT person, key, due_at FROM pg_temp.fired WHERE flow = 'silence_30' AND person IN ('ny', 'sh');
SET LOCAL crm.core_clock = '2026-07-14T12:00:00+08:00';
SELECT crm._campaign_due() AS more;
SELECT person, key, due_at FROM pg_temp.fired WHERE flow = 'silence_30' AND person IN ('ny', 'sh') ORDER BY 1;
-- an order told of after its silence was due opens it with the next day; one loaded as history, or told of too late, does not
SELECT pg_temp.member('told', '13912347007'), pg_temp.member('loaded', '13912347008'), pg_temp.member('stale', '13912347009');
SELECT pg_temp.purchase('Ptold', 'told', '2026-06-12'), pg_temp.purchase('Ploaded', 'loaded', '2026-06-12'), pg_temp.purchase('Pstale', 'stale', '2026-06-05');
UPDATE crm.customer_order SET is_history = true WHERE external_id = 'Ploaded';
SELECT crm._campaign_due() AS more, count(*) AS fired FROM pg_temp.fired WHERE flow = 'silence_30' AND person IN ('told', 'loaded', 'stale');
UPDATE crm.source SET last_received_at = '2026-07-15T00:00:00+08:00' WHERE code = 'flow_till';
SET LOCAL crm.core_clock = '2026-07-15T09:00:00+08:00';
SELECT crm._campaign_due() AS more, crm._campaign_due() AS again;
SELECT person, key, outcome, due_at FROM pg_temp.fired WHERE flow = 'silence_30' AND person IN ('told', 'loaded', 'stale');
ROLLBACK;
