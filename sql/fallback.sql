-- fallback: the next channel of a flow when one fails or nobody says that a message arrived, each once; what persons,
-- addresses and endpoints bear; answers that say stop.
\set VERBOSITY terse
SET client_min_messages = warning;
SET timezone = 'Asia/Shanghai';
BEGIN;
SET LOCAL crm.core_clock = '2026-06-30T12:00:00+08:00';
SELECT set_config('crm.access_claims', '{"actor": "regress", "role": "crm_headquarters", "stores": [], "all": true}', true) <> '' AS claims;
\i sql/shared/try_said.sql
-- seven persons, each with an openid, a WeCom id and a phone, and a yes to all; the fifth has no phone
INSERT INTO crm.source (source_id, code, name, kind, created_at) VALUES (9711, 'fallback_till', 'till', 'pos', '2026-01-01');
INSERT INTO crm.customer (customer_id, status, registered_at, registered_on, updated_at) SELECT 971100 + g, 'active', '2026-01-01', '2026-01-01', '2026-01-01' FROM generate_series(1, 7) g;
INSERT INTO crm.source_record (source_record_id, source_id, kind, external_id, is_history, received_at) SELECT 971200 + g, 9711, 'member', 'm' || g, false, '2026-01-01' FROM generate_series(1, 7) g;
INSERT INTO crm.membership (source_record_id, valid_from, customer_id) SELECT 971200 + g, '2026-01-01', 971100 + g FROM generate_series(1, 7) g;
CREATE TEMP TABLE given AS
    SELECT g, k.kind, k.code, CASE k.kind WHEN 1 THEN '+861397110000' || g ELSE k.code || '9711' || g END AS value
    FROM generate_series(1, 7) g, crm.identifier_kind k WHERE k.kind IN (1, 4, 6) AND NOT (g = 5 AND k.kind = 1);
INSERT INTO crm.identifier (kind, value_hash, customer_id, value_sealed, masked, first_seen_at, last_seen_at)
SELECT kind, crm._identity_hash(kind, '', value), 971100 + g, crm._encrypt(code, value), '', '2026-01-01', '2026-01-01' FROM given;
INSERT INTO crm.record_identifier (source_record_id, kind, value_hash, first_seen_at, last_seen_at) SELECT 971200 + g, kind, crm._identity_hash(kind, '', value), '2026-01-01', '2026-01-01' FROM given;
INSERT INTO crm.consent (source_record_id, channel, occurred_at, consent_id, state, is_history)
SELECT 971200 + g, c, '2026-01-02', crm._new_id(), 'yes', false FROM generate_series(1, 7) g, unnest('{wechat,wecom,sms}'::text[]) c;
SELECT count(crm.outbox_define_endpoint(e, 'https://receiver.example/')) AS endpoints, count(crm.outbox_set_channel(substr(e, 10), e)) AS channels FROM unnest('{fallback_wechat,fallback_sms,fallback_wecom}'::text[]) e;
UPDATE crm.flow SET state = 'active', active_from = '2026-01-01', spec = spec || '{"channels": ["wechat", "wecom", "sms"], "holdout_percent": 0}' WHERE code = 'welcome';
UPDATE crm.flow_version v SET spec = f.spec FROM crm.flow f WHERE f.code = 'welcome' AND v.flow_id = f.flow_id AND v.version = f.version;
INSERT INTO crm.template (template, channel, body) VALUES ('welcome', 'wecom', '{{name}}您好，券码{{coupon_code}}');
CREATE FUNCTION pg_temp.fire(person int, key text) RETURNS text LANGUAGE sql AS $$
    SELECT crm._campaign_fire(crm._campaign_flow('welcome'), 971100 + person, key, crm.core_now(), 'infinity', 0) $$;
CREATE FUNCTION pg_temp.finish(person int, outcome text, channel text) RETURNS bigint LANGUAGE sql AS $$
    SELECT sum(crm._outbox_finish(ARRAY[q.customer_id], ARRAY[q.message_id], ARRAY[q.attempt], ARRAY[outcome], ARRAY[0], ARRAY[-1], ARRAY['']))
    FROM crm.outbox_queue q JOIN crm.outbox o USING (customer_id, message_id) WHERE q.customer_id = 971100 + person AND o.channel = finish.channel $$;
CREATE FUNCTION pg_temp.claim() RETURNS TABLE (person bigint, channel text, address text, said text) LANGUAGE sql AS $$
    SELECT customer_id - 971100, body::jsonb ->> 'channel', body::jsonb ->> 'to', regexp_replace(body::jsonb ->> 'text', '[A-Z0-9]+-[A-Z0-9-]+', 'CODE', 'g') FROM crm._outbox_claim(60, 60000, 1) WHERE customer_id BETWEEN 971101 AND 971107 ORDER BY 1, 2 $$;
CREATE FUNCTION pg_temp.story(person int) RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(o.channel || ': ' || (SELECT string_agg(concat_ws(' ', e.kind, regexp_replace(e.detail, '[0-9]+-[0-9a-f]{20,}', 'ID')), ', ' ORDER BY e.outbox_event_id) FROM crm.outbox_event e WHERE e.customer_id = o.customer_id AND e.message_id = o.message_id), '; ' ORDER BY o.created_at, o.body ? 'fallback_of', o.channel DESC)
    FROM crm.outbox o WHERE o.customer_id = 971100 + person $$;

-- 1. refused for good on the first: the next, with the same coupon, once
SELECT pg_temp.fire(1, 'a') AS fired;
SELECT * FROM pg_temp.claim();
SELECT pg_temp.finish(1, 'rejected', 'wechat') AS settled, crm._campaign_fallback() AS left, crm._campaign_fallback() AS nothing_left;
SELECT * FROM pg_temp.claim();
SELECT pg_temp.finish(1, 'rejected', 'wecom') AS settled, crm._campaign_fallback() AS left;
SELECT * FROM pg_temp.claim();
SELECT pg_temp.finish(1, 'rejected', 'sms') AS settled, crm._campaign_fallback() AS left;
SELECT pg_temp.story(1);
SELECT count(*) AS coupons FROM crm.coupon WHERE customer_id = 971101;
-- 2. silence is no failure: it may have arrived, nobody gets it twice
SELECT pg_temp.fire(2, 'a') AS fired;
SELECT channel FROM pg_temp.claim();
SELECT pg_temp.finish(2, 'uncertain', 'wechat') AS settled, crm._campaign_fallback() AS left;
SELECT pg_temp.story(2);
-- nor is an attempt whose process ended before it heard: to a vendor that would not know a repeat it is neither repeated nor followed
UPDATE crm.endpoint SET connector = 'wechat_subscribe' WHERE endpoint = 'fallback_wechat';
SELECT pg_temp.fire(6, 'a') AS fired;
SELECT channel FROM pg_temp.claim();
UPDATE crm.outbox_queue SET lease_until = clock_timestamp() - interval '1 s' WHERE customer_id = 971106;
SELECT count(*) AS no_repeat FROM pg_temp.claim();
SELECT crm._campaign_fallback() AS left, pg_temp.story(6), (SELECT count(*) FROM crm.outbox_queue WHERE customer_id = 971106) AS waiting;
UPDATE crm.endpoint SET connector = 'webhook' WHERE endpoint = 'fallback_wechat';
-- 3. no receipt in time: the next channel; a receipt that comes late cancels it while it waits; undelivered means at once
SELECT crm.outbox_set_limits('wechat', '{"receipt_hours": 24}') - 'name_zh' AS limits;
SELECT pg_temp.fire(3, 'a') AS fired;
SELECT channel FROM pg_temp.claim();
SELECT pg_temp.finish(3, 'sent', 'wechat') AS settled, crm._campaign_fallback() AS left;
SELECT pg_temp.story(3) AS waits_for_a_receipt;
SET LOCAL crm.core_clock = '2026-07-01T12:00:01+08:00';
SELECT crm._campaign_fallback() AS left;
SELECT pg_temp.story(3) AS after_a_day;
SELECT crm.outbox_receipt((SELECT message_id FROM crm.outbox WHERE customer_id = 971103 AND channel = 'wechat'), 'delivered') ->> 'kind' AS late;
SELECT pg_temp.story(3) AS arrived_after_all, (SELECT count(*) FROM crm.outbox_queue WHERE customer_id = 971103) AS waiting, (SELECT state FROM crm.coupon WHERE customer_id = 971103) AS coupon_told_of;
SELECT pg_temp.fire(4, 'a') AS fired;
SELECT channel FROM pg_temp.claim();
SELECT pg_temp.finish(4, 'sent', 'wechat') AS settled;
SELECT crm.outbox_receipt((SELECT message_id FROM crm.outbox WHERE customer_id = 971104 AND channel = 'wechat'), 'undelivered') ->> 'kind' AS told, crm._campaign_fallback() AS left;
SELECT channel FROM pg_temp.claim();
SELECT pg_temp.story(4);
-- a coupon of which nobody was told: the first never left for want of a key, the second is cancelled before it is tried
SAVEPOINT untold;
SELECT pg_temp.fire(7, 'untold') AS fired;
SELECT crm._outbox_bury(ROW(o.*)::crm.message_row, 0, 'no key') FROM crm.outbox o JOIN crm.outbox_queue q USING (customer_id, message_id) WHERE o.customer_id = 971107;
SELECT crm._campaign_fallback() AS left;
SELECT crm._outbox_cancel(w.messages, 'goal reached') FROM crm._outbox_waiting(ARRAY(SELECT ROW(q.customer_id, q.message_id, q.attempt)::crm.queue_ref FROM crm.outbox_queue q WHERE q.customer_id = 971107)) w;
SELECT string_agg(o.channel || ' ' || e.kind, ', ' ORDER BY e.outbox_event_id) AS story, (SELECT k.state FROM crm.coupon k WHERE k.customer_id = 971107 AND k.occurrence_key = 'untold') AS coupon
FROM crm.outbox o JOIN crm.outbox_event e USING (customer_id, message_id) WHERE o.customer_id = 971107 AND o.occurrence_key = 'untold';
ROLLBACK TO SAVEPOINT untold;
-- a pause, a goal, an address that is missing: said, nothing sent
SELECT pg_temp.fire(5, 'a') AS fired;
SELECT channel FROM pg_temp.claim();
UPDATE crm.flow SET spec = spec || '{"channels": ["wechat", "sms"]}' WHERE code = 'welcome';
UPDATE crm.flow_version v SET spec = f.spec FROM crm.flow f WHERE f.code = 'welcome' AND v.flow_id = f.flow_id AND v.version = f.version;
SELECT pg_temp.finish(5, 'rejected', 'wechat') AS settled, crm._campaign_fallback() AS left;
SELECT pg_temp.story(5);

-- 4. four messages a month to a person on WeCom; the month is the chain's
UPDATE crm.flow SET spec = spec - 'coupon_type' || '{"channels": ["wecom"], "cap_messages": 99}' WHERE code = 'welcome';
DELETE FROM crm.contact_cap;
DELETE FROM crm.outbox_queue WHERE customer_id BETWEEN 971101 AND 971105;
SELECT n, pg_temp.fire(2, 'wecom' || n) AS fired FROM generate_series(1, 5) n;
SELECT reason FROM crm.decision WHERE customer_id = 971102 AND occurrence_key = 'wecom5' AND step = 'consent';
SET LOCAL crm.core_clock = '2026-08-01T08:00:00+08:00';
SELECT pg_temp.fire(2, 'wecom6') AS next_month;
-- let go by a person at the vendor: until a receipt it awaits one
UPDATE crm.endpoint SET connector = 'wecom' WHERE endpoint = 'fallback_wecom';
SELECT count(*) AS claimed FROM pg_temp.claim();
SELECT pg_temp.finish(2, 'sent', 'wecom') AS settled;
SELECT crm.outbox_state(max(message_id)) ->> 'state' AS state, crm.outbox_receipt(max(message_id), 'delivered') ->> 'kind' AS receipt FROM crm.outbox WHERE customer_id = 971102 AND occurrence_key = 'wecom6';
SELECT crm.outbox_state(max(message_id)) ->> 'state' AS state FROM crm.outbox WHERE customer_id = 971102 AND occurrence_key = 'wecom6';

-- 5. an address in 24 h; an endpoint in a minute
SELECT crm.outbox_set_limits('sms', '{"address_day_cap": 2}') ->> 'address_day_cap' AS cap;
SELECT crm._outbox_put(971103, '971103-rate' || n, 'sms', NULL, NULL, false, '{"text": "x"}', crm.core_now(), NULL) AS put FROM generate_series(1, 3) n;
SELECT count(*) AS two_of_three FROM pg_temp.claim();
SELECT message_id, due_at - crm.core_now() AS waits FROM crm.outbox_queue WHERE message_id LIKE '971103-rate%' AND lease_until IS NULL;
SELECT crm.outbox_set_limits('sms', '{"address_day_cap": null}') ->> 'address_day_cap' IS NULL AS lifted;
DELETE FROM crm.outbox_queue WHERE customer_id BETWEEN 971101 AND 971105;
SELECT crm.outbox_define_endpoint('fallback_sms', 'https://receiver.example/', NULL, '{"per_minute": 3}') <> '' AS three_a_minute;
SELECT count(crm._outbox_put(971104, '971104-bucket' || n, 'sms', NULL, NULL, false, '{"text": "x"}', crm.core_now(), NULL)) AS put FROM generate_series(1, 7) n;
SELECT count(*) AS leave FROM pg_temp.claim();
SELECT count(*) AS no_more FROM pg_temp.claim();
UPDATE crm.endpoint SET bucket_at = bucket_at - interval '41 s' WHERE endpoint = 'fallback_sms';
SELECT count(*) AS two_after_41_s FROM pg_temp.claim();
UPDATE crm.endpoint SET bucket_at = bucket_at - interval '1 h' WHERE endpoint = 'fallback_sms';
SELECT crm._outbox_allowance('fallback_sms') AS never_more_than_a_minutes;
SELECT n, pg_temp.try(call) AS answer FROM (VALUES (1, $$crm.outbox_set_limits('sms', '{"colour": 1}')$$), (2, $$crm.outbox_set_limits('sms', '{"monthly_cap": 0}')$$), (3, $$crm.outbox_set_limits('sms', '{"monthly_cap": "4"}')$$),
    (4, $$crm.outbox_set_limits('pigeon', '{}')$$), (5, $$crm.outbox_set_limits('sms', NULL)$$), (6, $$crm.outbox_define_endpoint('fallback_sms', 'https://x/', NULL, '{"per_minute": 0}')$$)) c (n, call) ORDER BY n;

-- 6. answers: what says stop closes the channel and takes back what waits
SELECT s, crm._outbox_says_stop(s) AS stops FROM unnest('{TD,ｔｄ,T," stop. ",退订,请退订谢谢,退订！,拒收,TDX,不退,"I will not stop",""}'::text[]) s;
SELECT string_agg(s, ' | ' ORDER BY n) FILTER (WHERE crm._outbox_says_stop(s)) AS stops, string_agg(s, ' | ' ORDER BY n) FILTER (WHERE NOT crm._outbox_says_stop(s)) AS goes_on
FROM unnest('{T退订,TD退订,回T,回复TD退订,"退 订",STOP ALL,Stop sending,please stop,我要退订,请勿再发,别再给我发了,不要再打扰我,停止推送,"T T",不想退订,我不退订,不要停,Tea,"Not now",送到了别忘了发票,下次再发优惠券,"end of the week?",END,别发错了,先别发货}'::text[]) WITH ORDINALITY u (s, n);
SELECT crm._outbox_says_stop(NULL) AS nothing;
DELETE FROM crm.outbox_queue WHERE customer_id BETWEEN 971101 AND 971105;
SELECT crm._outbox_put(971104, '971104-stop', 'sms', NULL, NULL, true, '{"text": "x"}', crm.core_now(), NULL) AS put;
SELECT crm.outbox_inbound('sms', '13971100004', '谢谢') AS thanks, crm.outbox_inbound('sms', '13971100004', 'ＴＤ', 'inbound-1') AS stop, crm.outbox_inbound('sms', '13971100004', 'ＴＤ', 'inbound-1') AS same;
SELECT count(*) AS leave FROM pg_temp.claim();
SELECT pg_temp.try($$crm.outbox_inbound('sms', 'nobody', 'hi')$$), pg_temp.try($$crm.outbox_inbound('pigeon', '13971100004', 'TD')$$);
ROLLBACK;
