-- campaign_reason: why somebody fell silent, by tags that rules keep, and what a flow says to each; a pair rule as a flow.
\set VERBOSITY terse
SET client_min_messages = warning;
SET datestyle = 'ISO';
SET timezone = 'Asia/Shanghai';
BEGIN;
SET LOCAL crm.core_clock = '2026-06-30T09:00:00+08:00';
SELECT set_config('crm.access_claims', '{"actor": "regress", "role": "crm_headquarters", "stores": [], "all": true}', true) <> '' AS claims;
SELECT crm.access_define_region('REAS', '区') > 0 AS region, crm.access_define_store('REAS1', '一店', 'REAS', '上海') > 0 AS store,
       crm.ingest_define_source('reas_till', '收银', 'pos', '{"channel": "store"}') > 0 AS source, crm.access_define_staff('REAS-OWNER', '店长', 'crm_store_manager', '{store:REAS1}') > 0 AS owner;
SELECT length(crm.outbox_define_endpoint('reas_end', 'http://127.0.0.1:9/', NULL, '{"is_private_allowed": true}')) AS secret_length;
SELECT crm.outbox_set_channel('sms', 'reas_end');
\i sql/shared/try_said.sql
SET LOCAL world.till = 'reas_till';
SET LOCAL world.store = 'REAS1';
SET LOCAL world.phones = '135';
\i sql/shared/flow_world.sql
-- orders on days before the last one, which lies so many days before 1 July; so many of them at a discount
CREATE FUNCTION pg_temp.bought(member text, last int, orders int, discounted int) RETURNS bigint LANGUAGE sql AS $$
    SELECT count(pg_temp.send('order', jsonb_build_object('external_id', concat_ws('-', 'R', member, n), 'member_external_id', member, 'ordered_at', date '2026-07-01' - last - n || 'T12:00:00+08:00', 'store_code', 'REAS1',
        'amount', '50.00', 'discount', CASE WHEN n < discounted THEN '5.00' ELSE '0' END))) FROM generate_series(0, orders - 1) n $$;
SELECT count(pg_temp.member(m)) AS members FROM unnest('{half,less,stars_2,stars_3,stars_old,complained,both,early,said_no,moved}'::text[]) m WHERE m <> 'said_no';
SELECT pg_temp.member('said_no', more => '{"consent_sms": "no"}') AS said_no;
SELECT m AS member, pg_temp.bought(m, last, orders, discounted) AS orders
FROM (VALUES ('half', 91, 4, 2), ('less', 91, 3, 1), ('stars_2', 91, 2, 0), ('stars_3', 91, 2, 0), ('stars_old', 91, 2, 0), ('complained', 91, 2, 0), ('both', 91, 2, 1), ('early', 90, 2, 1), ('said_no', 91, 2, 2), ('moved', 91, 2, 0)) v (m, last, orders, discounted);
-- 180 days before 1 July is 2 January: that day counts, the day before does not
SELECT pg_temp.event('stars_2', 'rating', '2026-01-02T12:00:00+08:00', 'order', '{"stars": 2}') AS two, pg_temp.event('stars_3', 'rating', '2026-06-01T12:00:00+08:00', 'order', '{"stars": 3}') AS three,
       pg_temp.event('stars_old', 'review_post', '2026-01-01T12:00:00+08:00', 'order', '{"stars": 1}') AS old, pg_temp.event('both', 'rating', '2026-06-01T12:00:00+08:00', 'order', '{"stars": 1}') AS both,
       pg_temp.send('interaction', '{"external_id": "I1", "occurred_at": "2026-05-01T12:00:00+08:00", "channel": "phone", "member_external_id": "complained", "outcome": "complaint", "body": "x"}') AS complaint;
SET LOCAL crm.core_clock = '2026-07-01T09:30:00+08:00';
CREATE FUNCTION pg_temp.reasons() RETURNS TABLE (person text, reason text) LANGUAGE plpgsql AS $$
BEGIN
    WHILE crm._value_drain() > 0 LOOP NULL; END LOOP;
    WHILE crm._segment_refresh() > 0 LOOP NULL; END LOOP;
    RETURN QUERY SELECT pg_temp.label(t.customer_id), string_agg(t.tag, ',') FROM crm.person_tag t
                 WHERE t.tag = ANY ('{价格敏感,服务不满,自然遗忘}') AND t.until > crm.core_now() AND pg_temp.label(t.customer_id) IS NOT NULL GROUP BY 1 ORDER BY 2, 1;
END $$;
-- 1. one reason each: half of the orders; two stars within 180 days, a complaint; else forgotten; nobody before day 91
SELECT * FROM pg_temp.reasons();
-- 2. the flow says something else to each, and does something else
SELECT crm.campaign_create('reason', 'silence_reason', '{"holdout_percent": 0, "cap_messages": 99}') ->> 'state' AS state;
SET LOCAL crm.core_clock = '2026-06-30T23:00:00+08:00';
SELECT crm.campaign_start('reason') ->> 'state' AS state;
SET LOCAL crm.core_clock = '2026-07-01T10:00:00+08:00';
SELECT pg_temp.work() AS rounds;
SELECT f.person, o.variant, f.outcome, f.reason, k.coupon_type, (SELECT t.title FROM crm.task t WHERE t.customer_id = o.customer_id AND t.kind = 'flow') AS task, left(m.body ->> 'text', 14) AS said
FROM pg_temp.fired f JOIN crm.occurrence o ON pg_temp.label(o.customer_id) = f.person AND o.occurrence_key = f.key LEFT JOIN crm.coupon k ON k.customer_id = o.customer_id LEFT JOIN crm.outbox m ON m.customer_id = o.customer_id
WHERE f.flow = 'reason' ORDER BY f.person;
-- 3. what changes takes the tag along: a purchase ends the silence, a complaint told of later changes its reason
SELECT pg_temp.bought('half', 0, 1, 0) AS bought, pg_temp.send('interaction', '{"external_id": "I2", "occurred_at": "2026-06-20T12:00:00+08:00", "channel": "phone", "member_external_id": "moved", "outcome": "complaint", "body": "x"}') AS complaint;
SELECT * FROM pg_temp.reasons() WHERE person IN ('half', 'moved');
SELECT room, what FROM crm.segment_check() c (what, expected, found), (VALUES ('segment')) r (room) WHERE what LIKE '%tag:%';
-- 4. a pair as a flow: a week after the machine; not on the sixth day, not with beans at home already, not who said no
CREATE FUNCTION pg_temp.goods(member text, day date, category text) RETURNS text LANGUAGE sql AS $$
    SELECT pg_temp.send('order', jsonb_build_object('external_id', concat_ws('-', 'G', member, day, category), 'member_external_id', member, 'ordered_at', day || 'T12:00:00+08:00', 'store_code', 'REAS1', 'amount', '50.00',
        'items', jsonb_build_array(jsonb_build_object('product_code', 'reas_' || category, 'category_code', category, 'quantity', 1, 'unit_price', '50.00')))) $$;
SELECT count(pg_temp.member(m)) AS members FROM unnest('{c_in,c_out,c_beans}'::text[]) m;
SELECT pg_temp.member('c_no', more => '{"consent_sms": "no"}') AS said_no;
SET LOCAL crm.core_clock = '2026-07-10T09:00:00+08:00';
SELECT count(pg_temp.goods(m, day, category)) AS orders FROM (VALUES ('c_in', date '2026-07-03', 'coffee_machine'), ('c_out', '2026-07-04', 'coffee_machine'), ('c_beans', '2026-07-03', 'coffee_machine'), ('c_beans', '2026-07-05', 'coffee'), ('c_no', '2026-07-03', 'coffee_machine')) v (m, day, category);
SELECT crm.campaign_create('pair', 'refill_45', '{"holdout_percent": 0, "cap_messages": 99, "offer_days": 0, "ago": 7, "template": "recall", "coupon_type": "wake_up_90",
    "who": {"kind": "item", "measure": "last", "where": {"category": "coffee_machine"}, "op": "=", "value": 7}, "except": {"kind": "item", "where": {"category": "coffee"}, "days": 7}}') ->> 'state' AS state, crm.campaign_start('pair') ->> 'state' AS started;
SET LOCAL crm.core_clock = '2026-07-10T10:00:00+08:00';
SELECT pg_temp.work() AS rounds;
SELECT f.person, f.outcome, f.reason, k.coupon_type FROM pg_temp.fired f LEFT JOIN crm.coupon k ON pg_temp.label(k.customer_id) = f.person WHERE f.flow = 'pair' ORDER BY f.person;
-- the clerk is told of the pair, too: headquarters' rule first; what is at home already is not suggested
SELECT m AS person, crm._report_suggestion(pg_temp.person(m)) ->> 'category' AS suggested, crm._report_suggestion(pg_temp.person(m)) ->> 'reason_zh' AS reason FROM unnest('{c_in,c_beans}'::text[]) m;
ROLLBACK;
