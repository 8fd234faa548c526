-- campaign_chain: flows that enter persons into flows, and what hangs on who is under way; an adviser who left; places of quotas that
-- are gone with what was handed out; whose flow another session holds; what an export says of it.
\set VERBOSITY terse
SET client_min_messages = warning;
SET datestyle = 'ISO';
SET timezone = 'Asia/Shanghai';
BEGIN;
SET LOCAL crm.core_clock = '2026-06-30T09:00:00+08:00';
SELECT set_config('crm.access_claims', '{"actor": "regress", "role": "crm_headquarters", "stores": [], "all": true}', true) <> '' AS claims;
SELECT crm.access_define_region('CHAIN', '区') > 0 AS region, crm.access_define_store('CHAIN1', '一店', 'CHAIN', '上海') > 0 AS store,
       crm.ingest_define_source('chain_till', '收银', 'pos', '{"channel": "store"}') > 0 AS source,
       crm.access_define_staff('CHAIN-ONE', '顾问甲', 'crm_clerk', '{store:CHAIN1}') > 0 AS adviser, crm.access_define_staff('CHAIN-TWO', '顾问乙', 'crm_clerk', '{store:CHAIN1}') > 0 AS other;
SELECT length(crm.outbox_define_endpoint(e, 'https://receiver.example/' || e)) AS secret_length, crm.outbox_set_channel(substr(e, 7), e) IS NOT NULL AS carries FROM unnest('{chain_sms,chain_wechat}'::text[]) e;
SELECT length(crm.outbox_define_endpoint(e, 'https://receiver.example/' || e)) AS secret_length, crm.outbox_reach_staff(s, e) IS NOT NULL AS reached FROM (VALUES ('chain_one', 'CHAIN-ONE'), ('chain_two', 'CHAIN-TWO')) v (e, s);
\i sql/shared/try_said.sql
SET LOCAL world.till = 'chain_till';
SET LOCAL world.store = 'CHAIN1';
SET LOCAL world.phones = '138';
\i sql/shared/flow_world.sql
-- a flow of a fact of its own, without caps, holdout and quiet hours, that sends nothing unless told to
CREATE FUNCTION pg_temp.flow(code text, fact text, more jsonb DEFAULT '{}') RETURNS text LANGUAGE sql AS $$
    SELECT crm.campaign_create(code, 'browse', jsonb_build_object('holdout_percent', 0, 'cap_messages', 99, 'offer_days', 0, 'steps', '[{}]'::jsonb, 'late_hours', NULL, 'goal', NULL, 'quiet', NULL,
        'channels', NULL, 'template', NULL, 'coupon_type', NULL, 'event', jsonb_build_object('kind', 'event', 'types', jsonb_build_array(fact))) || more) ->> 'state' $$;

-- 1. no way leads back, also not by a variant of a step
SELECT pg_temp.flow('chain_a', 'login'), pg_temp.flow('chain_b', 'app_open'), pg_temp.flow('chain_c', 'cart_view');
SELECT crm.campaign_edit('chain_b', '{"steps": [{}, {"after_hours": 1, "variants": [{"variant": "on", "enrol": "chain_c"}, {"variant": "off", "give_tag": null}]}]}') ->> 'version' AS by_a_variant_of_a_step,
       crm.campaign_edit('chain_c', '{"variants": [{"variant": "on", "enrol": "chain_a"}, {"variant": "off"}]}') ->> 'version' AS by_a_variant;
SELECT flow, pg_temp.try(format('crm.campaign_edit(%L, %L) ->> %L', flow, changes, 'version')) AS answer FROM (VALUES
    (1, 'chain_a', '{"enrol": "chain_b"}'), (2, 'chain_a', '{"steps": [{}, {"after_hours": 1, "variants": [{"variant": "on", "enrol": "chain_b"}, {"variant": "off"}]}]}'), (3, 'chain_c', '{"enrol": "chain_c"}'),
    (4, 'chain_b', '{"variants": [{"variant": "on", "enrol": "chain_a"}, {"variant": "off"}]}')) v (n, flow, changes) ORDER BY n;
SELECT p FROM crm._campaign_parts('{"a": 1, "steps": [{"b": 2}, {"variants": [{"c": 3}]}], "variants": [{"d": 4}]}') p ORDER BY p::text;
SELECT crm._campaign_coupon_types('{"coupon_type": "x", "gifts": [{"points": 1}, {"coupon": "y"}], "steps": [{"coupon_type": "x", "variants": [{"coupon_type": "z"}, {"gifts": [{"coupon": "w"}]}]}]}') AS types;

-- 2. sent on by a second step: the key is of the next flow's first step, for its next channel, too; of what brought it about the time line says nothing it does not know
SELECT pg_temp.flow('chain_to', 'favorite', '{"channels": ["wechat", "sms"], "template": "welcome", "coupon_type": "welcome_5", "steps": [{}, {"after_days": 1, "channels": ["sms"], "template": "news"}]}') AS made;
SELECT pg_temp.flow('chain_from', 'search', '{"steps": [{}, {"after_hours": 1, "enrol": "chain_to"}]}') AS made, pg_temp.member('far', more => '{"openid": "o-chain-far", "openid_app": "wx", "consent_wechat": "yes"}') AS member;
SELECT count(crm.campaign_start(f)) AS started FROM unnest('{chain_from,chain_to}'::text[]) f;
SET LOCAL crm.core_clock = '2026-06-30T10:00:00+08:00';
SELECT pg_temp.event('far', 'search', '2026-06-30T10:00:00+08:00', 'x') AS told, pg_temp.work() AS rounds;
SET LOCAL crm.core_clock = '2026-06-30T11:00:00+08:00';
SELECT pg_temp.work() AS rounds;
SELECT pg_temp.work() AS rounds;
SELECT regexp_replace(key, ':1:[0-9]+', ':1:FACT') AS key, outcome FROM pg_temp.fired WHERE flow = 'chain_to';
SELECT o.channel, count(*) AS leased FROM crm._outbox_claim(100, 60000, 1) c JOIN crm.outbox o USING (customer_id, message_id) WHERE c.customer_id = pg_temp.person('far') GROUP BY 1;
-- merged while it is on its way: the next channel of whoever the person is now, and the same coupon
SELECT pg_temp.member('near') AS member, crm.identity_merge(pg_temp.person('near'), pg_temp.person('far'), 'one person') IS NOT NULL AS merged;
SELECT crm._outbox_finish(array_agg(q.customer_id), array_agg(q.message_id), array_agg(q.attempt), array_agg('rejected'::text), array_agg(0), array_agg(-1), array_agg(''::text)) AS settled, crm._campaign_fallback() AS left_over
FROM crm.outbox_queue q WHERE q.customer_id = ANY (crm._identity_cluster(pg_temp.person('far'))) AND q.attempt > 0;
SELECT o.channel, o.customer_id = pg_temp.person('near') AS under_the_survivor, o.body ? 'fallback_of' AS is_next, o.body ->> 'text' LIKE '%' || k.code || '%' AS says_the_code, k.customer_id = pg_temp.person('near') AS coupon_moved
FROM crm.outbox o JOIN crm.coupon k ON k.customer_id = ANY (crm._identity_cluster(pg_temp.person('near'))) WHERE o.customer_id = ANY (crm._identity_cluster(pg_temp.person('near'))) ORDER BY 3;
SELECT t ->> 'kind' AS kind, coalesce(t ->> 'flow', t ->> 'coupon_type') AS what, regexp_replace(t ->> 'cause', ':[0-9]+', ':FACT', 'g') AS cause FROM crm.report_timeline(pg_temp.person('far')) t
WHERE t ->> 'kind' IN ('flow', 'coupon') ORDER BY 1, 2, 3;

-- 3. who stands among many that a moment entered is under way; a flow with facts of its own gives each a row
SELECT crm.campaign_create('chain_day', 'blank_schedule', '{"schedule": "0 12 * * *", "key": "day", "task": {"title": "call"}, "holdout_percent": 0}') ->> 'state' AS made, pg_temp.flow('chain_on', 'login', '{"enrol": "chain_day"}') AS on_to_it,
       crm.campaign_create('chain_both', 'blank_schedule', '{"schedule": "0 12 * * *", "key": "day", "task": {"title": "call"}, "holdout_percent": 0, "event": {"kind": "event", "types": ["favorite"]}}') ->> 'state' AS with_facts;
SELECT count(crm.campaign_start(f)) AS started FROM unnest('{chain_day,chain_on,chain_both}'::text[]) f;
SELECT f.code, crm._campaign_is_at_once(f.spec) AS together FROM crm.flow f WHERE f.code IN ('chain_day', 'chain_both', 'chain_b') ORDER BY 1;
SELECT pg_temp.member('day') AS member;
SET LOCAL crm.core_clock = '2026-06-30T12:00:00+08:00';
SELECT f.code, crm._campaign_schedule(ROW(f.*)::crm.flow_row) AS many FROM crm.flow f WHERE f.code IN ('chain_day', 'chain_both') ORDER BY 1;
SELECT f.code, (SELECT sum(cardinality(s.persons)) FROM crm.enrolment_set s WHERE s.flow_id = f.flow_id) >= 2 AS together, (SELECT count(*) FROM crm.enrolment e WHERE e.flow_id = f.flow_id AND e.customer_id = pg_temp.person('day')) AS alone
FROM crm.flow f WHERE f.code IN ('chain_day', 'chain_both') ORDER BY 1;
SELECT pg_temp.event('day', 'favorite', '2026-06-30T12:00:00+08:00', 'x') AS told, (SELECT count(*) FROM crm.enrolment e JOIN crm.flow f USING (flow_id) WHERE f.code = 'chain_both' AND e.customer_id = pg_temp.person('day')) AS ways,
       pg_temp.event('day', 'login', '2026-06-30T12:00:00+08:00', 'x') AS sent_on;
SELECT crm._campaign_enrolled(ROW(f.*)::crm.flow_row) AS more FROM crm.flow f WHERE f.code = 'chain_on';
SELECT a.target, a.reason FROM crm.occurrence_act a WHERE a.customer_id = pg_temp.person('day');
SELECT pg_temp.work() AS rounds;
SELECT flow, outcome, count(*) FROM pg_temp.fired WHERE person = 'day' GROUP BY 1, 2 ORDER BY 1;

-- 4. an adviser who left is told nothing, whoever else a merge brought is; nobody's name is said
SELECT pg_temp.flow('chain_ask', 'coupon_view', '{"notices": [{"text": "{{adviser}}", "to": "adviser"}], "task": {"title": "call", "to": "adviser"}}') AS made, crm.campaign_start('chain_ask') ->> 'state' AS started;
SELECT pg_temp.member(m) AS member, crm.sales_set_owner(pg_temp.person(m), s) IS NOT NULL AS looked_after FROM (VALUES ('asks', 'CHAIN-ONE'), ('double', 'CHAIN-TWO'), ('asks_too', 'CHAIN-ONE')) v (m, s);
SELECT crm.identity_merge(pg_temp.person('asks'), pg_temp.person('double'), 'one person') IS NOT NULL AS merged;
UPDATE crm.staff SET left_at = crm.core_now() WHERE code = 'CHAIN-ONE';
SELECT pg_temp.event(m, 'coupon_view', '2026-06-30T12:00:00+08:00', 'x') AS told FROM unnest('{asks,asks_too}'::text[]) m;
SELECT pg_temp.work() AS rounds;
SELECT pg_temp.label(a.customer_id) AS person, a.reason, o.endpoint, o.body ->> 'text' AS text, f.code AS task_of FROM crm.occurrence_act a LEFT JOIN crm.outbox o USING (customer_id, message_id)
JOIN crm.task t ON t.customer_id = a.customer_id AND t.title = 'call' LEFT JOIN crm.staff f ON f.staff_id = t.staff_id WHERE a.act = 'notice' ORDER BY 1;

-- 5. a place of a quota comes back with its message, but not what was handed out at once; while nothing became of messages nobody is locked
SELECT pg_temp.flow('chain_gift', 'checkout_start', '{"channels": ["sms"], "template": "browse", "goal": "order", "quota": 1, "gifts": [{"points": 10}]}') AS gift, pg_temp.flow('chain_plain', 'payment_failed', '{"channels": ["sms"], "template": "browse", "goal": "order", "quota": 1}') AS plain;
SELECT count(crm.campaign_start(f)) AS started FROM unnest('{chain_gift,chain_plain}'::text[]) f;
SELECT pg_temp.member('buyer') AS member, pg_temp.event('buyer', 'checkout_start', '2026-06-30T12:00:00+08:00', 'x') AS gift, pg_temp.event('buyer', 'payment_failed', '2026-06-30T12:00:00+08:00', 'x') AS plain, pg_temp.work() AS rounds;
CREATE TEMP TABLE places AS TABLE crm.flow_quota;
DELETE FROM crm.flow_quota;
INSERT INTO crm.flow_quota SELECT * FROM places;        -- rows that nobody has locked yet
SELECT crm._campaign_quotas() AS left_over;
SELECT count(*) FILTER (WHERE q.xmax <> 0) AS locked FROM crm.flow_quota q;
SELECT pg_temp.purchase('buyer', '2026-06-30') AS bought, crm._campaign_quotas() AS left_over;
SELECT f.code, q.taken, (SELECT count(*) FROM crm.outbox_queue w JOIN crm.outbox o USING (customer_id, message_id) WHERE o.flow_id = f.flow_id) AS waiting FROM crm.flow_quota q JOIN crm.flow f USING (flow_id) ORDER BY 1;
SELECT * FROM crm.campaign_check();

-- 6. what an export of the person says
SELECT e ->> 'flow' AS flow, e -> 'acts' #>> '{0,act}' AS act, e -> 'acts' #>> '{0,target}' AS target, e -> 'acts' #>> '{0,reason}' AS reason FROM jsonb_array_elements(crm._campaign_on_export(pg_temp.person('day'))) e WHERE e ->> 'flow' = 'chain_on'
UNION ALL SELECT e ->> 'flow', e -> 'acts' #>> '{0,act}', e -> 'acts' #>> '{0,target}', e -> 'acts' #>> '{0,reason}' FROM jsonb_array_elements(crm._campaign_on_export(pg_temp.person('double'))) e;
ROLLBACK;
