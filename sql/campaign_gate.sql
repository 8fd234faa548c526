-- campaign_gate: caps of calendar and house, the best hour, lunar birthdays, priority, quotas, what flows do besides messages:
-- one just inside, one just outside.
\set VERBOSITY terse
SET client_min_messages = warning;
SET datestyle = 'ISO';
SET timezone = 'Asia/Shanghai';
BEGIN;
SET LOCAL crm.core_clock = '2026-06-30T12:00:00+08:00';
SELECT set_config('crm.access_claims', '{"actor": "regress", "role": "crm_headquarters", "stores": [], "all": true}', true) <> '' AS claims;
SELECT crm.access_define_region('GATE', '区') > 0 AS region, crm.access_define_store('GATE1', '一店', 'GATE', '上海') > 0 AS store, crm.access_define_store('GATE2', '二店', 'GATE', '伦敦', 'Europe/London') > 0 AS store_west;
\i sql/shared/try_said.sql
SELECT length(crm.outbox_define_endpoint('gate_end', 'https://receiver.example/')) AS secret_length, count(crm.outbox_set_channel(c, 'gate_end')) AS channels FROM unnest('{sms,wechat}'::text[]) c GROUP BY 1;
INSERT INTO crm.source (source_id, code, name, kind, created_at) VALUES (9600, 'gate_till', 'till', 'pos', '2026-01-01');
CREATE TEMP TABLE one AS SELECT 9600000 + g AS id, 9601000 + g AS record, g FROM generate_series(1, 60) g;
INSERT INTO crm.customer (customer_id, status, home_store_id, registered_at, registered_on, updated_at)
SELECT id, 'active', (SELECT s.store_id FROM crm.store s WHERE s.code = CASE WHEN g = 2 THEN 'GATE2' ELSE 'GATE1' END), '2026-01-01', '2026-01-01', '2026-01-01' FROM one;
INSERT INTO crm.customer_private (customer_id, name) SELECT id, '王' || g FROM one;
INSERT INTO crm.source_record (source_record_id, source_id, kind, external_id, is_history, received_at) SELECT record, 9600, 'member', 'm' || g, false, '2026-01-01' FROM one;
INSERT INTO crm.membership (source_record_id, valid_from, customer_id) SELECT record, '2026-01-01', id FROM one;
INSERT INTO crm.identifier (kind, value_hash, customer_id, value_sealed, masked, first_seen_at, last_seen_at)
SELECT k, crm._identity_hash(k, '', 'g' || k || g), id, '\x00', '', '2026-01-01', '2026-01-01' FROM one, unnest('{1,4}'::smallint[]) k;
INSERT INTO crm.record_identifier (source_record_id, kind, value_hash, first_seen_at, last_seen_at)
SELECT record, k, crm._identity_hash(k, '', 'g' || k || g), '2026-01-01', '2026-01-01' FROM one, unnest('{1,4}'::smallint[]) k;
INSERT INTO crm.consent (source_record_id, channel, occurred_at, consent_id, state, is_history) SELECT record, c, '2026-01-02', crm._new_id(), 'yes', false FROM one, unnest('{sms,wechat}'::text[]) c;
-- two flows: one of promotions by text message, one of service by WeChat; no holdout, no cap of their own that is near
SELECT crm.campaign_create(f, 'browse', jsonb_build_object('channels', jsonb_build_array(c), 'tag', t, 'holdout_percent', 0, 'cap_messages', 99, 'cap_days', 30, 'goal', NULL, 'late_hours', NULL, 'quiet', NULL)) ->> 'state' AS state
FROM (VALUES ('promo', 'sms', 'promotion'), ('care', 'wechat', 'service')) v (f, c, t);
UPDATE crm.flow SET state = 'active', active_from = '2026-01-01' WHERE code IN ('promo', 'care');
CREATE FUNCTION pg_temp.fire(flow text, person int, at timestamptz, change jsonb DEFAULT '{}', late_at timestamptz DEFAULT 'infinity') RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    chosen crm.flow_row := crm._campaign_flow(flow);
    key text := flow || at;
    together text;
BEGIN
    PERFORM set_config('crm.core_clock', at::text, true);
    chosen.spec := crm._campaign_step_spec(chosen.spec, 1, at) || change;
    -- alone, and undone, in a set: both say the same
    BEGIN
        PERFORM crm._campaign_decide_all(chosen, ARRAY[9600000 + person]::bigint[], ARRAY[key], at, late_at, 1);
        together := (SELECT o.outcome || d.reason || o.due_at FROM crm.occurrence o JOIN crm.decision d USING (customer_id, flow_id, occurrence_key) WHERE o.customer_id = 9600000 + person AND o.occurrence_key = key);
        RAISE EXCEPTION 'undone' USING ERRCODE = 'RM999';
    EXCEPTION WHEN SQLSTATE 'RM999' THEN NULL;
    END;
    PERFORM crm._campaign_fire(chosen, 9600000 + person, key, at, late_at, 1);
    RETURN (SELECT concat_ws(', ', o.outcome, d.reason, CASE WHEN o.due_at > at THEN o.due_at END, CASE WHEN o.outcome || d.reason || o.due_at IS DISTINCT FROM together THEN 'IN A SET: ' || coalesce(together, 'nothing') END)
            FROM crm.occurrence o JOIN crm.decision d USING (customer_id, flow_id, occurrence_key) WHERE o.customer_id = 9600000 + person AND o.occurrence_key = key);
END $$;

-- 1. a flow's cap of the calendar, by the clock of the person's zone: the last second of a day, week, month, and the next one
SELECT n, pg_temp.fire('promo', 1, at, jsonb_build_object('cap_messages', 1, 'cap_per', per)) AS shanghai
FROM (VALUES (1, timestamptz '2026-07-01T12:00:00+08:00', 'day'), (2, '2026-07-01T23:59:59+08:00', 'day'), (3, '2026-07-02T00:00:00+08:00', 'day'), (4, '2026-07-05T23:59:59+08:00', 'week'),
    (5, '2026-07-06T00:00:00+08:00', 'week'), (6, '2026-07-31T23:59:59+08:00', 'month'), (7, '2026-08-01T00:00:00+08:00', 'month')) v (n, at, per) ORDER BY n;
SELECT n, pg_temp.fire('promo', 2, at, '{"cap_messages": 1, "cap_per": "day"}') AS london
FROM (VALUES (1, timestamptz '2026-07-01T23:30:00+08:00'), (2, '2026-07-02T00:30:00+08:00'), (3, '2026-07-02T06:59:59+08:00'), (4, '2026-07-02T07:00:00+08:00')) v (n, at) ORDER BY n;
-- the day that summer time ends has 25 hours
SELECT after + interval '1 microsecond' AS "from", before, before - after - interval '1 microsecond' AS lasts FROM crm._campaign_span('day', NULL, '2026-10-25T12:00:00+00:00', 'Europe/London');
-- what is held over night counts for the day on which it leaves
SELECT pg_temp.fire('promo', 3, '2026-07-01T22:00:00+08:00', '{"cap_messages": 1, "cap_per": "day", "quiet": {"from": "21:00", "to": "08:00"}}') AS held,
       pg_temp.fire('promo', 3, '2026-07-01T23:00:00+08:00', '{"cap_messages": 1, "cap_per": "day"}') AS tonight, pg_temp.fire('promo', 3, '2026-07-02T12:00:00+08:00', '{"cap_messages": 1, "cap_per": "day"}') AS tomorrow;

-- 2. caps of the house: of a channel, of a tag, of all; rolling or of the calendar; other flows and channels go on
SELECT n, pg_temp.try(format('crm.campaign_set_cap(%L, %L)', cap, rule)) AS answer
FROM (VALUES (1, 'x', '{"messages": 1}'::jsonb), (2, 'x', '{"messages": 1, "days": 1, "per": "day"}'), (3, 'x', '{"messages": 0, "days": 1}'), (4, 'x', '{"messages": 1, "days": 367}'), (5, 'x', '{"messages": 1, "per": "year"}'),
    (6, 'x', '{"messages": 1, "per": "day", "channel": "pigeon"}'), (7, 'x', '{"messages": 1, "per": "day", "tag": "?"}'), (8, 'x', '{"messages": 1, "per": "day", "colour": 1}'), (9, 'X', '{"messages": 1, "per": "day"}'), (10, 'x', '[]'),
    (11, 'promo_week', '{"messages": 2, "days": 7, "tag": "promotion"}'), (12, 'sms_month', '{"messages": 3, "per": "month", "channel": "sms"}')) v (n, cap, rule) ORDER BY n;
SELECT crm.campaign_set_cap('promo_week', '{"messages": 2, "days": 7, "tag": "promotion"}', 'cap-1') ->> 'cap' AS cap, crm.campaign_set_cap('promo_week', '{"messages": 2, "days": 7, "tag": "promotion"}', 'cap-1') ->> 'cap' AS replayed;
SELECT * FROM crm.campaign_caps();
SELECT n, flow, pg_temp.fire(flow, 4, at) AS said
FROM (VALUES (1, 'promo', timestamptz '2026-07-01T12:00:00+08:00'), (2, 'promo', '2026-07-02T12:00:00+08:00'), (3, 'promo', '2026-07-03T12:00:00+08:00'), (4, 'care', '2026-07-03T12:00:00+08:00'),
    (5, 'promo', '2026-07-08T11:59:59+08:00'), (6, 'promo', '2026-07-08T12:00:01+08:00'), (7, 'promo', '2026-07-31T23:59:59+08:00'), (8, 'promo', '2026-08-01T00:00:00+08:00')) v (n, flow, at) ORDER BY n;
-- what was cancelled gives its place back
SELECT pg_temp.fire('promo', 5, '2026-07-01T12:00:00+08:00') AS first, pg_temp.fire('promo', 5, '2026-07-01T13:00:00+08:00') AS second;
SELECT crm._outbox_cancel(w.messages, 'test') FROM crm._outbox_waiting(ARRAY(SELECT ROW(q.customer_id, q.message_id, q.attempt)::crm.queue_ref FROM crm.outbox_queue q WHERE q.customer_id = 9600005)) w;
SELECT pg_temp.fire('promo', 5, '2026-07-01T14:00:00+08:00') AS again;
SELECT crm.campaign_set_cap(c, NULL) AS gone FROM unnest('{promo_week,sms_month}'::text[]) c;

-- 3. the best hour: the person's of a year's facts, else the flow's; quiet hours win over it, the end of the occasion over both
INSERT INTO crm.event (event_id, source_id, source_record_id, type, occurred_at, business_day, received_at, is_history, properties)
SELECT 9602000 + g * 100 + d, 9600, record, 'product_view', '2026-06-01T00:00:00+08:00'::timestamptz + d * interval '1 day' + make_interval(hours => hour, mins => 20), '2026-06-01'::date + d, '2026-06-30', false, '{}'
FROM one JOIN (VALUES (11, 19), (12, 19), (13, 23), (15, 19)) h (person, hour) ON g = person, generate_series(1, CASE WHEN g = 15 THEN 4 ELSE 5 END) d;
SELECT n, what, pg_temp.fire('promo', person, at, jsonb_build_object('best_hour', best) || quiet, late) AS said
FROM (VALUES (1, 'later today', 11, timestamptz '2026-07-01T12:00:00+08:00', '10:00', '{}'::jsonb, timestamptz 'infinity'), (2, 'in the hour', 11, '2026-07-02T19:40:00+08:00', '10:00', '{}', 'infinity'),
    (3, 'tomorrow', 11, '2026-07-03T20:00:00+08:00', '10:00', '{}', 'infinity'), (4, 'its day would be over', 12, '2026-07-03T20:00:00+08:00', '10:00', '{}', '2026-07-04T00:00:00+08:00'),
    (5, 'in quiet hours', 13, '2026-07-01T12:00:00+08:00', '10:00', '{"quiet": {"from": "21:00", "to": "08:00"}}', 'infinity'), (6, 'the flow''s', 14, '2026-07-01T12:00:00+08:00', '18:30', '{}', 'infinity'),
    (7, 'none is known', 14, '2026-07-02T12:00:00+08:00', 'due', '{}', 'infinity'), (8, 'too few facts', 15, '2026-07-01T12:00:00+08:00', '18:30', '{}', 'infinity')) v (n, what, person, at, best, quiet, late) ORDER BY n;

-- 4. lunar birthdays: days of the lunar year as the Hong Kong Observatory tells them; 29 February and short months
SELECT day, crm._campaign_lunar_md(day) AS lunar FROM unnest('{2026-02-16,2026-02-17,2026-06-19,2025-07-24,2025-07-25,2025-08-22,2025-08-23,1899-12-31,infinity}'::date[]) day;
UPDATE crm.customer_private SET birthday = CASE customer_id - 9600000 WHEN 21 THEN date '1990-05-05' WHEN 22 THEN '1990-05-06' WHEN 23 THEN '1990-05-05' WHEN 24 THEN '1990-06-19' END,
    is_birthday_lunar = customer_id IN (9600021, 9600022), birthday_md = CASE customer_id - 9600000 WHEN 23 THEN 505 WHEN 24 THEN 619 END WHERE customer_id BETWEEN 9600021 AND 9600024;
UPDATE crm.flow SET state = 'active', active_from = '2026-01-01', watermark = '2026-06-18T00:00:00Z', spec = spec - 'coupon_type' || '{"holdout_percent": 0, "cap_messages": 99}' WHERE code = 'birthday';
CREATE FUNCTION pg_temp.born(at timestamptz) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    PERFORM set_config('crm.core_clock', at::text, true), crm._campaign_birthday_day(crm._campaign_flow('birthday'), 'Asia/Shanghai', crm._local_day(at, 'Asia/Shanghai'), 0);
    RETURN (SELECT string_agg(o.customer_id - 9600000 || ' ' || o.outcome, ', ' ORDER BY o.customer_id) FROM crm.occurrence o WHERE o.flow_id = 3 AND o.customer_id BETWEEN 9600021 AND 9600024);
END $$;
SELECT pg_temp.born('2026-06-19T09:59:59+08:00') AS too_early;
SELECT pg_temp.born('2026-06-19T10:00:00+08:00') AS dragon_boat;
SELECT pg_temp.born('2026-06-19T10:00:05+08:00') AS once_more;
SELECT pg_temp.born('2026-06-20T10:00:00+08:00') AS day_after;
SELECT cardinality(crm._campaign_born(ROW(f.*)::crm.flow_row, '2026-06-19')) AS both, (SELECT count(*) FROM unnest(crm._campaign_born(pg_temp.without, '2026-06-19')) b WHERE b = 9600021) AS lunar_off
FROM crm.flow f, LATERAL (SELECT ROW(f.flow_id, f.code, f.name_zh, f.name_en, f.trigger, f.state, f.active_from, f.epoch, f.version, f.spec || '{"lunar": false}', f.watermark)::crm.flow_row AS without) pg_temp WHERE f.code = 'birthday';

-- 5. of two flows due in one minute the one of higher priority has the place; it waits for all of the higher one
SELECT crm.campaign_create(f, 'solar_term', jsonb_build_object('channels', jsonb_build_array('sms'), 'calendar', NULL, 'schedule', '0 11 * * *', 'holdout_percent', 0, 'priority', p,
    'who', jsonb_build_object('kind', 'person', 'field', 'registered_on', 'value', '2026-01-01'))) ->> 'state' AS state FROM (VALUES ('z_low', 1), ('z_high', 9)) v (f, p);
UPDATE crm.flow SET state = 'stopped' WHERE state = 'active' AND code NOT LIKE 'z\_%';
SET LOCAL crm.core_clock = '2026-09-01T10:00:00+08:00';
SELECT count(crm.campaign_start(f)) AS started FROM unnest('{z_low,z_high}'::text[]) f;
SET LOCAL crm.core_clock = '2026-09-01T11:00:00+08:00';
DELETE FROM crm.value_dirty;
SELECT crm._campaign_due() AS more;
SELECT f.code, o.outcome, d.reason, count(*) FROM crm.occurrence o JOIN crm.flow f USING (flow_id) JOIN crm.decision d USING (customer_id, flow_id, occurrence_key)
WHERE f.code LIKE 'z\_%' AND o.customer_id BETWEEN 9600030 AND 9600060 GROUP BY 1, 2, 3 ORDER BY 1;
UPDATE crm.flow SET state = 'stopped' WHERE code LIKE 'z\_%';

-- 6. a quota: the first so many that the gate lets through, exactly; one by one, in a set, across calls; a shadow takes no place
SELECT pg_temp.try($$crm.campaign_edit('promo', '{"quota": 0}')$$) AS zero, pg_temp.try($$crm.campaign_edit('promo', '{"quota": "many"}')$$) AS many;
UPDATE crm.flow SET state = 'active' WHERE code = 'promo';
SET LOCAL crm.core_clock = '2026-10-01T12:00:00+08:00';
CREATE FUNCTION pg_temp.many(from_person int, to_person int, key text, change jsonb) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    chosen crm.flow_row := crm._campaign_flow('promo');
    ids bigint[] := ARRAY(SELECT 9600000 + g FROM generate_series(from_person, to_person) g);
BEGIN
    chosen.spec := crm._campaign_step_spec(chosen.spec, 1, crm.core_now()) || change;
    PERFORM crm._campaign_fire_all(chosen, ids, array_fill(key, ARRAY[cardinality(ids)]), crm.core_now(), 'infinity', chosen.epoch);
    RETURN (SELECT string_agg(x.said, ', ' ORDER BY x.said) FROM (SELECT o.outcome || ' ' || d.reason || ': ' || count(*) AS said FROM crm.occurrence o JOIN crm.decision d USING (customer_id, flow_id, occurrence_key)
            WHERE o.occurrence_key = key AND o.customer_id = ANY (ids) GROUP BY o.outcome, d.reason) x);
END $$;
SELECT pg_temp.many(30, 33, 'q-shadow', '{"quota": 20, "shadow": true}') AS shadow;
SELECT coalesce(sum(taken), 0) AS taken FROM crm.flow_quota;
SELECT pg_temp.many(30, 32, 'q', '{"quota": 20}') AS first_three;
SELECT pg_temp.many(33, 45, 'q', '{"quota": 20}') AS thirteen_more;
SELECT pg_temp.many(46, 60, 'q', '{"quota": 20}') AS four_left;
SELECT taken FROM crm.flow_quota;
SELECT pg_temp.many(30, 60, 'q', '{"quota": 20}') AS nobody_twice;
SELECT taken FROM crm.flow_quota;
SELECT pg_temp.many(1, 1, 'q', '{"quota": 20}') AS alone;
SELECT pg_temp.many(1, 9, 'q2', '{"quota": 30, "variants": [{"variant": "a"}, {"variant": "b"}]}') AS with_variants;
SELECT taken FROM crm.flow_quota;

-- 7. gifts with the occurrence, once: points that live a year, a ticket, a further coupon; tasks for whoever is meant
SELECT crm.access_define_staff('GATE-OWNER', '店长', 'crm_store_manager', '{store:GATE1}') > 0 AS owner, crm.access_define_staff('GATE-REGION', '区域', 'crm_manager', '{region:GATE}') > 0 AS region,
       crm.access_define_staff('GATE-ONE', '顾问', 'crm_clerk', '{store:GATE1}') > 0 AS one;
SELECT pg_temp.try($$crm.campaign_edit('promo', '{"gifts": [{"points": 0}]}')$$) AS no_points, pg_temp.try($$crm.campaign_edit('promo', '{"task": {"title": "x", "to": "moon"}}')$$) AS to_nobody,
       pg_temp.try($$crm.campaign_edit('promo', '{"task": {"title": "x", "staff": "NOBODY"}}')$$) AS no_staff;
SELECT pg_temp.many(30, 36, 'gift', '{"gifts": [{"points": 88, "valid_days": 365}, {"coupon": "welcome_5"}]}') AS given;
SELECT pg_temp.many(30, 36, 'gift', '{"gifts": [{"points": 88, "valid_days": 365}, {"coupon": "welcome_5"}]}') AS repeated;
SELECT count(*) AS persons, min(b.available) AS least, max(b.available) AS most FROM crm.points_balance b WHERE b.customer_id BETWEEN 9600030 AND 9600036;
SELECT DISTINCT l.cause_kind, l.cause_key, l.expires_at FROM crm.points_lot l WHERE l.source_record_id BETWEEN 9601030 AND 9601036;
SELECT coupon_type, count(*) FROM crm.coupon WHERE customer_id BETWEEN 9600030 AND 9600036 GROUP BY 1;
SELECT (crm.campaign_results('promo') -> 'cost' ->> 'points')::numeric AS points_cost;
UPDATE crm.customer SET scope_store_ids = ARRAY[home_store_id] WHERE customer_id = 9600045;
SELECT crm.sales_set_owner(9600045, 'GATE-ONE') IS NOT NULL AS looked_after;
SELECT pg_temp.many(40 + n, 40 + n, 'task', jsonb_build_object('task', task)) AS said
FROM (VALUES (0, '{"title": "回访"}'::jsonb), (1, '{"title": "回访", "to": "owner"}'), (2, '{"title": "回访", "to": "region", "hours": 4}'), (3, '{"title": "回访", "to": "headquarters"}'), (4, '{"title": "回访", "staff": "GATE-ONE"}'), (5, '{"title": "回访", "to": "adviser"}'), (6, '{"title": "回访", "to": "adviser"}')) v (n, task) ORDER BY n;
SELECT t.customer_id - 9600000 AS person, s.code AS store, f.code AS staff, t.role, t.due_at FROM crm.task t LEFT JOIN crm.store s USING (store_id) LEFT JOIN crm.staff f USING (staff_id) WHERE t.customer_id BETWEEN 9600040 AND 9600046 ORDER BY 1;
SELECT * FROM crm.campaign_check();
ROLLBACK;
