-- campaign_tell: one event, several messages in one transaction, each on its own: a notice to whoever looks after the person, a text
-- message with a coupon, an entry into an advertising list; tags, further flows; places of quotas that come back; schedule and event in one flow.
\set VERBOSITY terse
SET client_min_messages = warning;
SET datestyle = 'ISO';
SET timezone = 'Asia/Shanghai';
BEGIN;
SET LOCAL crm.core_clock = '2026-06-30T09:00:00+08:00';
SELECT set_config('crm.access_claims', '{"actor": "regress", "role": "crm_headquarters", "stores": [], "all": true}', true) <> '' AS claims;
SELECT crm.access_define_region('TELL', '区') > 0 AS region, crm.access_define_store('TELL1', '一店', 'TELL', '上海') > 0 AS store,
       crm.ingest_define_source('tell_till', '收银', 'pos', '{"channel": "store"}') > 0 AS source,
       crm.access_define_staff('TELL-ONE', '顾问甲', 'crm_clerk', '{store:TELL1}') > 0 AS adviser, crm.access_define_staff('TELL-OWNER', '店长', 'crm_store_manager', '{store:TELL1}') > 0 AS owner;
SELECT length(crm.outbox_define_endpoint(e, 'https://receiver.example/' || e)) AS secret_length FROM unnest('{tell_sms,tell_ads,tell_hook}'::text[]) e;
SELECT crm.outbox_connect('tell_mail', 'smtp', 'smtps://mail.example', '{"from": "crm@chain.example"}', '{}') ->> 'connector' AS mail,
       crm.outbox_connect('tell_robot', 'wecom_robot', 'https://qyapi.weixin.qq.com', '{}', '{"key": "k"}') ->> 'connector' AS robot,
       crm.outbox_connect('tell_vendor', 'aliyun_sms', 'https://dysmsapi.aliyuncs.com', '{"sign_name": "x", "access_key_id": "i"}', '{"access_key_secret": "y"}') ->> 'connector' AS vendor;
SELECT crm.outbox_set_channel('sms', 'tell_sms');
\i sql/shared/try_said.sql
SET LOCAL world.till = 'tell_till';
SET LOCAL world.store = 'TELL1';
SET LOCAL world.phones = '137';
\i sql/shared/flow_world.sql

-- 1. where staff are reached
SELECT n, pg_temp.try(call) AS answer FROM (VALUES
    (1, $$crm.outbox_reach_staff('NOBODY', 'tell_hook')$$), (2, $$crm.outbox_reach_staff('TELL-ONE', 'nowhere')$$), (3, $$crm.outbox_reach_staff('TELL-ONE', 'tell_vendor')$$),
    (4, $$crm.outbox_reach_staff('TELL-ONE', 'tell_mail')$$), (5, $$crm.outbox_reach_staff('TELL-ONE', 'tell_hook', 'a@b.example')$$), (6, $$crm.outbox_reach_staff('TELL-ONE', 'tell_mail', E'a@b.example\nBcc: c@d.example')$$),
    (7, $$crm.outbox_reach_staff('TELL-ONE', 'tell_mail', 'one@chain.example', 'reach-1')$$), (8, $$crm.outbox_reach_staff('TELL-ONE', 'tell_mail', 'one@chain.example', 'reach-1')$$),
    (9, $$crm.outbox_reach_staff('TELL-OWNER', 'tell_robot')$$), (10, $$crm.outbox_reach_staff('TELL-OWNER', NULL)$$), (11, $$crm.outbox_reach_staff(NULL, NULL)$$)) c (n, call) ORDER BY n;
SELECT s - 'defined_at' AS reach FROM crm.outbox_staff_reach() s;

-- 2. what a flow may tell, and what is refused with its field
SELECT crm.segment_define_tag(t, t, 'behaviour') IS NOT NULL AS tag FROM unnest('{tell_hot,tell_cold}'::text[]) t;
SELECT crm.campaign_create('tell_main', 'browse', '{"holdout_percent": 0, "cap_messages": 99, "offer_days": 0, "steps": [{}], "late_hours": null, "goal": null, "quiet": null, "coupon_type": "welcome_5", "channels": ["sms"], "template": "welcome"}') ->> 'state' AS state;
SELECT crm.campaign_create('tell_next', 'browse', '{"holdout_percent": 0, "cap_messages": 99, "steps": [{"after_hours": 24}], "late_hours": null, "goal": null, "quiet": null, "channels": ["sms"], "event": {"kind": "event", "types": []}}') ->> 'state' AS state;
SELECT n, pg_temp.try(format('crm.campaign_edit(%L, %L) ->> %L', 'tell_main', changes, 'version')) AS answer FROM (VALUES
    (1, '{"notices": []}'), (2, '{"notices": {}}'), (3, '{"notices": [{"text": "x"}]}'), (4, '{"notices": [{"endpoint": "tell_hook"}]}'), (5, '{"notices": [{"text": "{{coupon_code}}", "endpoint": "tell_hook"}]}'),
    (6, '{"notices": [{"text": "x", "endpoint": "tell_vendor"}]}'), (7, '{"notices": [{"text": "x", "endpoint": "tell_mail"}]}'), (8, '{"notices": [{"text": "x", "to": "moon"}]}'), (9, '{"notices": [{"text": "x", "staff": "NOBODY"}]}'),
    (10, '{"notices": [{"text": "1", "to": "owner"}, {"text": "2", "to": "owner"}, {"text": "3", "to": "owner"}, {"text": "4", "to": "owner"}, {"text": "5", "to": "owner"}, {"text": "6", "to": "owner"}]}'),
    (11, '{"audience": {"list": "a"}}'), (12, '{"audience": {"list": "a", "channel": "sms", "endpoint": "tell_robot"}}'), (13, '{"audience": {"list": "A B", "channel": "sms", "endpoint": "tell_ads"}}'), (14, '{"audience": {"list": "a", "channel": "wechat", "endpoint": "tell_ads"}}'),
    (15, '{"give_tag": "tell_hot"}'), (16, '{"give_tag": {"tag": "活跃"}}'), (17, '{"give_tag": {"tag": "tell_hot", "days": 0}}'), (18, '{"take_tag": "none"}'), (19, '{"enrol": "none"}'), (20, '{"enrol": "welcome"}'), (21, '{"enrol": "tell_main"}'), (22, '{"enrol": 7}'),
    (23, '{"notices": [7]}'), (24, '{"notices": "x"}'), (25, '{"audience": []}'), (26, '{"give_tag": []}')) c (n, changes) ORDER BY n;
SELECT pg_temp.try($$crm.campaign_edit('tell_next', '{"enrol": "tell_main"}') ->> 'version'$$) AS one_way, pg_temp.try($$crm.campaign_edit('tell_main', '{"enrol": "tell_next"}') ->> 'version'$$) AS back_again,
       pg_temp.try($$crm.campaign_edit('tell_main', '{"steps": [{}, {"after_hours": 1, "enrol": "tell_next"}]}') ->> 'version'$$) AS in_a_step;
SELECT crm.campaign_edit('tell_next', '{"enrol": null}') ->> 'version' AS version;

-- 3. one view: five messages and acts in one transaction
SELECT crm.campaign_edit('tell_main', '{"notices": [{"text": "{{name}} {{phone}} {{tier}} 在看商品，{{store}} {{adviser}} 请跟进，上次买了{{last_item}}", "to": "adviser"},
    {"text": "有人在看", "endpoint": "tell_hook"}, {"text": "x", "to": "owner"}, {"text": "x", "to": "region", "endpoint": "tell_robot"}],
    "audience": {"list": "viewers", "channel": "sms", "endpoint": "tell_ads"}, "give_tag": {"tag": "tell_hot", "days": 30}, "take_tag": "tell_cold", "enrol": "tell_next"}') ->> 'version' AS version;
SELECT pg_temp.member(m) AS member FROM unnest('{full,bare,later}'::text[]) m;
SELECT pg_temp.member('quiet', more => '{"consent_sms": "no"}') AS member;
SELECT count(crm.segment_tag_person(pg_temp.person('full'), 'tell_cold')) AS cold, crm.sales_set_owner(pg_temp.person('full'), 'TELL-ONE') IS NOT NULL AS looked_after;
SELECT crm.campaign_start(f) ->> 'state' AS state FROM unnest('{tell_main,tell_next}'::text[]) f;
SET LOCAL crm.core_clock = '2026-06-30T10:00:00+08:00';
SELECT pg_temp.event('full', 'product_view', '2026-06-30T10:00:00+08:00', 'stroller') AS told, pg_temp.work() AS rounds;
SELECT o.channel, o.endpoint, count(DISTINCT o.xmin::text) AS transactions, o.flow_id IS NULL AS about_a_person, o.is_marketing, o.expires_at, q.due_at
FROM crm.outbox o JOIN crm.outbox_queue q USING (customer_id, message_id) WHERE o.customer_id = pg_temp.person('full') GROUP BY o.message_id, o.channel, o.endpoint, o.flow_id, o.is_marketing, o.expires_at, q.due_at ORDER BY 1, 2;
SELECT count(DISTINCT x) AS transactions FROM (SELECT xmin::text AS x FROM crm.outbox WHERE customer_id = pg_temp.person('full') UNION ALL SELECT xmin::text FROM crm.occurrence WHERE customer_id = pg_temp.person('full')
    UNION ALL SELECT xmin::text FROM crm.coupon WHERE customer_id = pg_temp.person('full')) t;
-- each request as it leaves: masked names to staff, a hash to the platform, the address to the person's carrier alone
SELECT c.endpoint, c.body::jsonb - '{id,customer_id,text,hash}'::text[] AS besides, replace(c.body::jsonb ->> 'text', '有效，券码' || coalesce((SELECT k.code FROM crm.coupon k WHERE k.customer_id = pg_temp.person('full')), ''), '...') AS text,
       c.body::jsonb ->> 'hash' = encode(sha256(convert_to((SELECT crm._decrypt('phone', i.value_sealed) FROM crm.identifier i WHERE i.customer_id = pg_temp.person('full') AND i.kind = 1), 'UTF8')), 'hex') AS is_hash
FROM crm._outbox_claim(100, 60000, 1) c WHERE c.customer_id = pg_temp.person('full') ORDER BY c.endpoint;
-- one fails, one is refused for ever, the others arrive: each keeps its own state
SELECT crm._outbox_finish(array_agg(q.customer_id), array_agg(q.message_id), array_agg(q.attempt), array_agg(CASE q.endpoint WHEN 'tell_hook' THEN 'failed' WHEN 'tell_mail' THEN 'rejected' ELSE 'sent' END), array_agg(0), array_agg(-1), array_agg(''::text)) AS settled
FROM crm.outbox_queue q WHERE q.customer_id = pg_temp.person('full');
SELECT a ->> 'act' AS act, a ->> 'target' AS target, a ->> 'state' AS state, a ->> 'reason' AS reason, a ? 'message_id' AS is_sent
FROM jsonb_array_elements(crm.campaign_explain(pg_temp.person('full'), 'tell_main') #> '{fired,0,acts}') a;
SELECT (crm.outbox_state(a.message_id) ->> 'state') = crm._outbox_state(a.customer_id, a.message_id) AS the_same, count(*) FROM crm.occurrence_act a WHERE a.message_id IS NOT NULL GROUP BY 1;
SELECT t ->> 'tag' AS tag, t ->> 'author' AS author, t ->> 'until' AS until FROM crm.segment_person_tags(pg_temp.person('full')) t WHERE t ->> 'tag' LIKE 'tell%';
SELECT f.code, e.occurrence_key ~ '^tell_main:1:\d+$' AS key, e.due_at FROM crm.enrolment e JOIN crm.flow f USING (flow_id) WHERE e.customer_id = pg_temp.person('full');
-- the same event told again does nothing; funnel and caps count the message to the person alone
SELECT pg_temp.event('full', 'product_view', '2026-06-30T10:00:00+08:00', 'stroller') AS told, pg_temp.work() AS rounds;
SELECT count(*) AS acts FROM crm.occurrence_act WHERE customer_id = pg_temp.person('full');
SELECT crm.campaign_results('tell_main') -> 'funnel' AS funnel, crm.campaign_results('tell_main') ->> 'sent' AS sent;
SELECT sum(cardinality(c.sent_at)) AS counted FROM crm.contact_cap c;
-- the next flow goes its way a day later, once; then it is not entered again within its reentry_days
SET LOCAL crm.core_clock = '2026-07-01T10:00:00+08:00';
SELECT pg_temp.work() AS rounds;
SELECT flow, person, key ~ '^tell_main:1:' AS key, outcome, due_at FROM pg_temp.fired WHERE flow LIKE 'tell%' AND person = 'full' ORDER BY due_at;
SELECT crm.campaign_edit('tell_next', '{"reentry_days": 30}') ->> 'version' AS version, crm.campaign_edit('tell_main', '{"coupon_type": null}') ->> 'version' AS without_coupon;
SELECT pg_temp.event('full', 'product_view', '2026-07-01T10:00:00+08:00', 'pram') AS told, pg_temp.work() AS rounds;
SELECT a.target, a.reason, count(*) FROM crm.occurrence_act a WHERE a.customer_id = pg_temp.person('full') AND a.act IN ('enrol', 'take_tag') GROUP BY 1, 2 ORDER BY 1, 2 NULLS FIRST;

-- 4. outside: who said no to the channel is stopped before anything is told; nobody to tell, no owner: said so; control and shadow tell nobody
SELECT pg_temp.event('quiet', 'product_view', '2026-07-01T10:00:00+08:00', 'x') AS told, pg_temp.event('bare', 'product_view', '2026-07-01T10:00:00+08:00', 'x') AS bare, pg_temp.work() AS rounds;
SELECT pg_temp.label(a.customer_id) AS person, a.act, a.target, a.reason, a.message_id IS NOT NULL AS is_sent FROM crm.occurrence_act a WHERE a.customer_id IN (pg_temp.person('quiet'), pg_temp.person('bare')) ORDER BY 1, 2, 3;
SELECT crm.campaign_edit('tell_main', '{"shadow": true}') ->> 'version' AS version;
SELECT pg_temp.event('later', 'product_view', '2026-07-01T10:00:00+08:00', 'x') AS told, pg_temp.work() AS rounds;
SELECT o.outcome, o.epoch, (SELECT count(*) FROM crm.occurrence_act a WHERE a.customer_id = o.customer_id) AS acts, (SELECT count(*) FROM crm.outbox m WHERE m.customer_id = o.customer_id) AS messages FROM crm.occurrence o WHERE o.customer_id = pg_temp.person('later');
SELECT crm.campaign_edit('tell_main', '{"shadow": null, "coupon_type": "welcome_5"}') ->> 'version' AS version;
-- without a message to the person the notice goes whatever was said of channels: a step of its own, due at the same moment, in one commit
SELECT crm.campaign_edit('tell_main', '{"channels": null, "template": null, "coupon_type": null, "notices": null, "audience": {"list": "viewers", "channel": "sms", "endpoint": "tell_ads"}, "give_tag": null, "take_tag": null, "enrol": null,
    "steps": [{"notices": [{"text": "{{name}} 在看", "endpoint": "tell_hook"}]}, {"channels": ["sms"], "template": "welcome", "coupon_type": "welcome_5"}]}') ->> 'version' AS version;
SET LOCAL crm.core_clock = '2026-07-02T10:00:00+08:00';
SELECT pg_temp.event('quiet', 'product_view', '2026-07-02T10:00:00+08:00', 'y') AS told, pg_temp.work() AS rounds;
SELECT key LIKE '%#2' AS second, outcome, reason FROM pg_temp.fired WHERE person = 'quiet' AND due_at >= '2026-07-02' ORDER BY key;
SELECT a.act, a.target, a.reason FROM crm.occurrence_act a WHERE a.customer_id = pg_temp.person('quiet') ORDER BY 1;

-- 5. merged and erased: what was told stays told and is told once; words go with the person
SELECT crm.identity_merge(pg_temp.person('full'), pg_temp.person('bare'), 'one person') IS NOT NULL AS merged;
SELECT count(*) AS rows_of_both, count(DISTINCT a.customer_id) AS ids FROM crm.occurrence_act a JOIN crm.flow f USING (flow_id) WHERE a.customer_id = ANY (crm._identity_cluster(pg_temp.person('full')));
SELECT * FROM crm.campaign_check() UNION ALL SELECT * FROM crm.outbox_check();
CREATE TEMP TABLE gone AS SELECT unnest(crm._identity_cluster(pg_temp.person('full'))) AS id;
SELECT set_config('crm.access_claims', '{"actor": "regress", "role": "crm_admin", "stores": [], "all": true}', true) <> '' AS claims;
SELECT crm.access_erase(min(id), 'asked') IS NOT NULL AS erased FROM gone;
SELECT count(*) AS messages, count(*) FILTER (WHERE o.body <> '{}') AS words_left, count(q.message_id) AS waiting FROM gone JOIN crm.outbox o ON o.customer_id = gone.id LEFT JOIN crm.outbox_queue q USING (customer_id, message_id);
SELECT set_config('crm.access_claims', '{"actor": "regress", "role": "crm_headquarters", "stores": [], "all": true}', true) <> '' AS claims;

-- 6. places of a quota: whose message was cancelled before it was tried gives it back, whose was tried does not
SELECT crm.campaign_create('tell_quota', 'browse', '{"holdout_percent": 0, "cap_messages": 99, "offer_days": 0, "steps": [{}], "late_hours": null, "quiet": null, "coupon_type": "welcome_5", "channels": ["sms"], "template": "welcome", "quota": 2,
    "event": {"kind": "event", "types": ["search"]}}') ->> 'state' AS state, crm.campaign_start('tell_quota') ->> 'state' AS started;
SELECT pg_temp.member(m) AS member FROM unnest('{q1,q2,q3,q4}'::text[]) m;
SET LOCAL crm.core_clock = '2026-07-03T10:00:00+08:00';
SELECT pg_temp.event('q1', 'search', '2026-07-03T10:00:00+08:00', 'x') AS q1, pg_temp.event('q2', 'search', '2026-07-03T10:00:00+08:00', 'x') AS q2, pg_temp.work() AS rounds;
SELECT pg_temp.event('q3', 'search', '2026-07-03T10:00:00+08:00', 'x') AS q3, pg_temp.work() AS rounds;
SELECT person, outcome, reason FROM pg_temp.fired WHERE flow = 'tell_quota' ORDER BY 1;
-- q1 buys meanwhile: the goal cancels the message, and withdraws the coupon
SELECT pg_temp.purchase('q1', '2026-07-03') AS bought, crm._campaign_quotas() AS left_over, (SELECT taken FROM crm.flow_quota JOIN crm.flow USING (flow_id) WHERE code = 'tell_quota') AS taken;
SELECT crm._campaign_quotas() AS again, (SELECT taken FROM crm.flow_quota JOIN crm.flow USING (flow_id) WHERE code = 'tell_quota') AS taken;
-- q2's is on its way when q2 buys: it was tried, so its place is taken
SELECT count(*) AS leased FROM crm._outbox_claim(100, 60000, 1) c WHERE c.customer_id = pg_temp.person('q2');
SELECT crm._outbox_finish(array_agg(q.customer_id), array_agg(q.message_id), array_agg(q.attempt), array_agg('failed'::text), array_agg(500), array_agg(-1), array_agg(''::text)) AS settled FROM crm.outbox_queue q WHERE q.customer_id = pg_temp.person('q2');
SELECT pg_temp.purchase('q2', '2026-07-03') AS bought, crm._campaign_quotas() AS left_over, (SELECT taken FROM crm.flow_quota JOIN crm.flow USING (flow_id) WHERE code = 'tell_quota') AS taken;
SELECT pg_temp.label(p.customer_id) AS person, p.is_open FROM crm.flow_quota_place p JOIN crm.flow USING (flow_id) WHERE code = 'tell_quota';
SELECT pg_temp.event('q4', 'search', '2026-07-03T10:00:00+08:00', 'x') AS q4, pg_temp.work() AS rounds;
SELECT person, outcome, reason FROM pg_temp.fired WHERE flow = 'tell_quota' ORDER BY 1;
SELECT * FROM crm.campaign_check();
UPDATE crm.flow_quota SET taken = taken + 1;
SELECT found FROM crm.campaign_check();
UPDATE crm.flow_quota SET taken = taken - 1;

-- 7. a schedule and an event in one flow: either enters, nobody is on two ways at once
SELECT crm.campaign_create('tell_both', 'silence_60', '{"holdout_percent": 0, "cap_messages": 99, "offer_days": 0, "superseded_by": null, "goal": null, "steps": [{}, {"after_days": 10, "template": "news"}], "reentry_days": 20,
    "event": {"kind": "event", "types": ["favorite"], "who": {"kind": "purchase", "measure": "last", "op": "between", "value": [50, 70]}}}') ->> 'state' AS state;
SELECT pg_temp.try($$crm.campaign_edit('tell_both', '{"event": {"kind": "weather"}}')$$) AS no_kind, pg_temp.try($$crm.campaign_edit('tell_both', '{"event": {"kind": "order", "who": {"kind": "horoscope"}}}')$$) AS no_rule;
SELECT pg_temp.member('both_' || w) AS member, pg_temp.purchase('both_' || w, date '2026-08-01' - days) AS bought FROM (VALUES ('day', 60), ('fact', 55), ('few', 49), ('twice', 58)) v (w, days);
SET LOCAL crm.core_clock = '2026-07-31T11:00:00+08:00';
SELECT pg_temp.work() AS rounds, crm.campaign_start('tell_both') ->> 'state' AS state;
SELECT pg_temp.event('both_' || w, 'favorite', '2026-07-31T11:00:00+08:00', 'x') AS told FROM unnest('{fact,few,twice}'::text[]) w;
SELECT pg_temp.work() AS rounds;
SELECT person, outcome, key !~ '^2026-' AS by_fact, due_at FROM pg_temp.fired WHERE flow = 'tell_both' ORDER BY 1;
SET LOCAL crm.core_clock = '2026-08-01T10:00:00+08:00';
SELECT pg_temp.work() AS rounds;
SET LOCAL crm.core_clock = '2026-08-03T10:00:00+08:00';
SELECT pg_temp.work() AS rounds;
SELECT person, outcome, key, due_at FROM pg_temp.fired WHERE flow = 'tell_both' AND key LIKE '2026%' ORDER BY 1, 2;
SELECT pg_temp.label(e.customer_id) AS person, e.step, e.due_at FROM crm.enrolment e JOIN crm.flow USING (flow_id) WHERE code = 'tell_both' ORDER BY 1;
-- a pause holds what a flow tells others, too, a start lets it go, a stop takes it back; who takes back a consent meanwhile is entered into no list
SAVEPOINT halted;
CREATE FUNCTION pg_temp.told() RETURNS TABLE (channel text, state text, is_held boolean) LANGUAGE sql AS $$
    SELECT o.channel, crm._outbox_state(o.customer_id, o.message_id), q.due_at = 'infinity' FROM crm.occurrence_act a JOIN crm.outbox o USING (customer_id, message_id) LEFT JOIN crm.outbox_queue q USING (customer_id, message_id)
    WHERE a.customer_id = pg_temp.person('q4') ORDER BY 1 $$;
SELECT crm.campaign_edit('tell_main', '{"steps": [{}], "notices": [{"text": "x", "endpoint": "tell_hook"}]}') ->> 'version' AS version;
SELECT pg_temp.event('q4', 'product_view', '2026-08-03T10:00:00+08:00', 'z') AS told, pg_temp.work() AS rounds;
SELECT crm.campaign_pause('tell_main') ->> 'state' AS state;
SELECT * FROM pg_temp.told();
SELECT count(*) AS claimed FROM crm._outbox_claim(100, 60000, 1) c WHERE c.customer_id = pg_temp.person('q4') AND c.endpoint IN ('tell_hook', 'tell_ads');
SELECT crm.campaign_start('tell_main') ->> 'state' AS state;
SELECT * FROM pg_temp.told();
SAVEPOINT waiting;
SELECT crm.campaign_stop('tell_main') ->> 'state' AS state;
SELECT * FROM pg_temp.told();
ROLLBACK TO SAVEPOINT waiting;
SELECT crm.outbox_set_consent(pg_temp.person('q4'), 'sms', 'no', 'said so') ->> 'state' AS consent;
SELECT c.endpoint FROM crm._outbox_claim(100, 60000, 1) c WHERE c.customer_id = pg_temp.person('q4');
SELECT o.channel, crm._outbox_state(o.customer_id, o.message_id) AS state, e.detail FROM crm.occurrence_act a JOIN crm.outbox o USING (customer_id, message_id) LEFT JOIN crm.outbox_event e USING (customer_id, message_id) WHERE a.customer_id = pg_temp.person('q4') ORDER BY 1;
ROLLBACK TO SAVEPOINT halted;
-- 8. steps on the days on which clocks change: days are the calendar's, hours are real; a time that is skipped comes an hour later, one that comes twice the second time
SELECT what, crm._campaign_step_due(jsonb_build_object('steps', jsonb_build_array(step)), 1, since, 'America/New_York') AT TIME ZONE 'America/New_York' AS local, crm._campaign_step_due(jsonb_build_object('steps', jsonb_build_array(step)), 1, since, 'America/New_York') - since AS after
FROM (VALUES (1, 'a day over spring', timestamptz '2026-03-07T10:00:00-05:00', '{"after_days": 1}'::jsonb), (2, '24 hours over spring', '2026-03-07T10:00:00-05:00', '{"after_hours": 24}'), (3, 'skipped', '2026-03-07T10:00:00-05:00', '{"after_days": 1, "at": "02:30"}'),
    (4, 'a day over autumn', '2026-10-31T10:00:00-04:00', '{"after_days": 1}'), (5, 'twice', '2026-10-31T10:00:00-04:00', '{"after_days": 1, "at": "01:30"}'), (6, 'from 29 February', '2028-02-29T10:00:00-05:00', '{"after_days": 366, "at": "10:00"}')) v (n, what, since, step) ORDER BY n;
SELECT has_function_privilege(r, f::regprocedure, 'EXECUTE') AS may, f, string_agg(r::text, ' ' ORDER BY r) AS roles
FROM (SELECT rolname AS r FROM pg_roles WHERE rolname IN ('crm_admin', 'crm_headquarters', 'crm_marketer', 'crm_clerk')) x, unnest('{"crm.outbox_reach_staff(text, text, text, text)",crm.outbox_staff_reach()}'::text[]) f GROUP BY 1, 2 ORDER BY 2, 1;
ROLLBACK;
