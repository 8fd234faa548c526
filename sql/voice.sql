-- voice: calls by a machine: agreed to, put into the outbox by a flow, answered with what came of them; moods of texts that others read are asked for by rules.
\set VERBOSITY terse
SET client_min_messages = warning;
SET datestyle = 'ISO';
SET timezone = 'Asia/Shanghai';
BEGIN;
SET LOCAL crm.core_clock = '2026-06-30T09:00:00+08:00';
SELECT set_config('crm.access_claims', '{"actor": "regress", "role": "crm_headquarters", "stores": [], "all": true}', true) <> '' AS claims;
SELECT crm.access_define_region('VOIC', '区') > 0 AS region, crm.access_define_store('VOIC1', '一店', 'VOIC', '上海') > 0 AS store, crm.ingest_define_source('voic_till', '收银', 'pos') > 0 AS source;
SELECT length(crm.outbox_define_endpoint('voic_calls', 'http://127.0.0.1:9/', NULL, '{"is_private_allowed": true}')) > 0 AS endpoint, crm.outbox_set_channel('voice', 'voic_calls');
\i sql/shared/try_remedy.sql
SET LOCAL world.till = 'voic_till';
SET LOCAL world.store = 'VOIC1';
SET LOCAL world.phones = '132';
\i sql/shared/flow_world.sql
CREATE FUNCTION pg_temp.agrees(member text, channel text) RETURNS text LANGUAGE sql AS $$
    SELECT pg_temp.send('consent', jsonb_build_object('member_external_id', member, 'channel', channel, 'state', 'yes', 'occurred_at', crm.core_now(), 'evidence', 'form')) $$;
SELECT n, pg_temp.member(n), CASE n WHEN 'c' THEN 'not asked' ELSE pg_temp.agrees(n, '外呼') END AS agreed FROM unnest('{a,b,c}'::text[]) n;
-- 1. a flow that calls: only who agreed to calls, for text messages alone are no calls
INSERT INTO crm.template (template, channel, body) VALUES ('voic_back', 'voice', '{{name}}您好，您看过的蛋糕今天有优惠');
SELECT crm.campaign_create('voic_back', 'browse', '{"holdout_percent": 0, "cap_messages": 99, "offer_days": 0, "template": "voic_back", "channels": ["voice"]}') IS NOT NULL AS made, crm.campaign_start('voic_back') ->> 'state' AS started;
SET LOCAL crm.core_clock = '2026-06-30T10:00:00+08:00';
SELECT n, pg_temp.event(n, 'product_view', crm.core_now() - interval '30 minutes', 'P1') FROM unnest('{a,b,c}'::text[]) n;
SET LOCAL crm.core_clock = '2026-06-30T13:00:00+08:00';
SELECT pg_temp.work() >= 0 AS worked;
SELECT person, outcome, reason FROM pg_temp.fired WHERE flow = 'voic_back' ORDER BY person;
SELECT pg_temp.label(o.customer_id) AS person, o.channel, o.endpoint, o.body ->> 'text' AS text FROM crm.outbox o WHERE o.channel = 'voice' AND o.endpoint = 'voic_calls' ORDER BY 1;
CREATE FUNCTION pg_temp.message(member text) RETURNS text LANGUAGE sql AS $$ SELECT o.message_id FROM crm.outbox o WHERE o.channel = 'voice' AND o.customer_id = pg_temp.person(member) $$;
-- 2. what came of it: a receipt, a note, a number; once
SELECT crm.ingest_call_result(pg_temp.message('a'), 'reached', '想预订周末的蛋糕', 0.8, 41) - 'message_id' AS told;
SELECT crm.ingest_call_result(pg_temp.message('a'), 'reached', '想预订周末的蛋糕', 0.8, 41) - 'message_id' AS again, crm.ingest_call_result(pg_temp.message('b'), 'no_answer') - 'message_id' AS b;
SELECT pg_temp.label(e.customer_id) AS person, e.kind, e.detail FROM crm.outbox_event e JOIN crm.outbox o USING (customer_id, message_id) WHERE o.channel = 'voice' AND e.kind IN ('delivered', 'undelivered') AND o.endpoint = 'voic_calls' ORDER BY 1;
SELECT t ->> 'kind' AS kind, count(*) FROM crm.report_timeline(pg_temp.person('a'), NULL, 50) t WHERE t::text LIKE '%想预订周末的蛋糕%' OR t::text LIKE '%call_result%' GROUP BY 1 ORDER BY 1;
SELECT i.channel, i.direction, i.outcome, i.body FROM crm.interaction i JOIN crm.membership m USING (source_record_id) WHERE m.customer_id = pg_temp.person('a') AND m.valid_to = 'infinity';
SELECT crm.rule_matches('{"kind": "event", "where": {"type": "call_result", "properties.sentiment": {"op": ">", "value": 0.5}}, "days": 30}', pg_temp.person('a')) AS a_is_glad,
       crm.rule_matches('{"kind": "event", "where": {"type": "call_result", "properties.outcome": "no_answer"}}', pg_temp.person('b')) AS b_not_reached;
-- 3. what others read out of texts
SELECT pg_temp.event('c', 'review_post', crm.core_now() - interval '2 hours', 'P1', '{"stars": 3, "text": "等了一个小时"}'), pg_temp.event('c', 'sentiment', crm.core_now() - interval '1 hour', 'P1', '{"about": "review", "score": -0.7, "label": "angry"}');
SELECT crm.rule_matches('{"kind": "event", "where": {"type": "sentiment", "properties.score": {"op": "<", "value": 0}}, "days": 30}', pg_temp.person('c')) AS c_is_angry,
       crm.rule_matches('{"kind": "event", "where": {"type": "sentiment", "properties.score": {"op": "<", "value": 0}}, "days": 30}', pg_temp.person('a')) AS a_not;
-- 4. refused
SELECT pg_temp.try(format('crm.ingest_call_result(%L, %L, idempotency_key => %L)', pg_temp.message('b'), 'perhaps', 'k1')) AS outcome, pg_temp.try(format('crm.ingest_call_result(%L, %L, NULL, 2, NULL, ''k2'')', pg_temp.message('b'), 'busy')) AS sentiment,
       pg_temp.try('crm.ingest_call_result(''none'', ''busy'')') AS no_message, pg_temp.try(format('crm.ingest_call_result(%L, %L, NULL, NULL, -1, ''k3'')', pg_temp.message('b'), 'busy')) AS seconds;
-- a number that wants no calls
SELECT crm.outbox_opt_out('voice', '132' || lpad((abs(hashtext('a')) % 100000000)::text, 8, '0'), '不要再打') ->> 'closed' AS closed;
SELECT crm._outbox_consent(pg_temp.person('a'), 'voice') AS state, crm._outbox_consent(pg_temp.person('b'), 'voice') AS of_another;
ROLLBACK;
