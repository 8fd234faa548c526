-- outbox: consent and opt-out, messages leased and settled, retries, dead letters, receipts, the pause after a failover.
\set VERBOSITY terse
SET client_min_messages = warning;
SET datestyle = 'ISO';
SET timezone = 'Asia/Shanghai';
BEGIN;
SET LOCAL crm.core_clock = '2026-06-30T12:00:00+08:00';
SELECT set_config('crm.access_claims', '{"actor": "regress", "role": "crm_headquarters", "stores": [], "all": true}', true) <> '' AS claims;
\i sql/shared/try_said.sql
-- persons 1 to 6 of 9701 on, each with a record and a phone; person 6 has a second record and shares the phone of 5
INSERT INTO crm.source (source_id, code, name, kind, created_at) VALUES (9701, 'outbox_till', 'till', 'pos', '2026-01-01');
INSERT INTO crm.customer (customer_id, status, registered_at, registered_on, updated_at)
SELECT 970100 + g, 'active', '2026-01-01', '2026-01-01', '2026-01-01' FROM generate_series(1, 6) g;
INSERT INTO crm.source_record (source_record_id, source_id, kind, external_id, is_history, received_at)
SELECT 970200 + g, 9701, 'member', 'm' || g, false, '2026-01-01' FROM generate_series(1, 7) g;
INSERT INTO crm.membership (source_record_id, valid_from, customer_id) SELECT 970200 + g, '2026-01-01', 970100 + least(g, 6) FROM generate_series(1, 7) g;
INSERT INTO crm.identifier (kind, value_hash, customer_id, value_sealed, masked, first_seen_at, last_seen_at)
SELECT 1, crm._identity_hash(1::smallint, '', '+8613970000' || g), 970100 + n, crm._encrypt('phone', '+8613970000' || g), '', '2026-01-01', '2026-01-01'
FROM (SELECT lpad(n::text, 3, '0') AS g, n FROM generate_series(1, 5) n) x(g, n);
INSERT INTO crm.record_identifier (source_record_id, kind, value_hash, first_seen_at, last_seen_at)
SELECT 970200 + r, 1, crm._identity_hash(1::smallint, '', '+8613970000' || lpad(p::text, 3, '0')), '2026-01-01', timestamptz '2026-01-01' + (r = 6)::int * interval '1 day'
FROM (VALUES (1, 1), (2, 2), (3, 3), (4, 4), (5, 5), (6, 5), (7, 4)) v (r, p);

-- 1. endpoints and channels
SELECT call, pg_temp.try(call) AS answer FROM (VALUES
    (1, $$crm.outbox_define_endpoint('e', 'ftp://x/')$$), (2, $$crm.outbox_define_endpoint('e', NULL)$$), (3, $$crm.outbox_define_endpoint('', 'https://x/')$$),
    (4, $$crm.outbox_define_endpoint('e', 'https://x/', 'secret')$$), (5, $$crm.outbox_define_endpoint('e', 'https://x/', 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw1')$$),
    (6, $$crm.outbox_define_endpoint('e', 'https://x/', NULL, '{"timeout_ms": 99999}')$$), (7, $$crm.outbox_define_endpoint('e', 'https://x/', NULL, '{"colour": 1}')$$),
    (8, $$crm.outbox_set_channel('sms', 'nowhere')$$), (9, $$crm.outbox_rotate_secret('nowhere')$$),
    (10, $$crm._outbox_put(970101, '970101-a', 'sms', NULL, NULL, false, '{}', crm.core_now(), NULL)$$)) c (n, call) ORDER BY n;
SELECT crm.outbox_define_endpoint('outbox_end', 'https://receiver.example/', 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw') AS given,
       crm.outbox_define_endpoint('outbox_end', 'https://receiver.example/hook', NULL, '{"max_concurrency": 3}') AS kept;
SELECT pg_temp.try($$crm.outbox_set_channel('pigeon', 'outbox_end')$$), crm.outbox_set_channel('sms', 'outbox_end'), crm.outbox_set_channel('email', 'outbox_end');
SELECT pg_temp.try($$crm.outbox_rotate_secret('outbox_end', true)$$) AS nothing_to_finish, crm.outbox_rotate_secret('outbox_end') ~ '^whsec_' AS drawn, crm.outbox_rotate_secret('outbox_end', true) IS NULL AS finished;
SELECT endpoint, url, is_active, dead, paused_reason FROM crm.outbox_status WHERE endpoint = 'outbox_end';

-- 2. consent: of each record the newest, of these the strictest; unknown is no yes; an address that opted out is a no
CREATE FUNCTION pg_temp.say(n int, record int, state text, at timestamptz) RETURNS crm.consent_fact LANGUAGE sql AS $$
    SELECT ROW(n, 970200 + record, NULL, 'sms', state, at, 'form', false)::crm.consent_fact $$;
SELECT crm._outbox_consent(970101, 'sms') AS unknown;
SELECT ordinal, outcome FROM crm._outbox_store_consents(ARRAY[pg_temp.say(1, 1, 'no', '2026-01-01'), pg_temp.say(2, 1, 'yes', '2026-02-01'), pg_temp.say(3, 1, 'yes', '2026-02-01'),
    pg_temp.say(4, 6, 'yes', '2026-02-01'), pg_temp.say(5, 7, 'no', '2026-01-01'), pg_temp.say(6, 2, 'yes', '2026-02-01'), pg_temp.say(7, 3, 'yes', '2026-02-01'), pg_temp.say(8, 5, 'yes', '2026-02-01')]) ORDER BY ordinal;
SELECT ordinal, outcome FROM crm._outbox_store_consents(ARRAY[pg_temp.say(1, 1, 'yes', '2026-02-01')]);
SELECT customer_id - 970100 AS person, channel, state, since, (SELECT count(*) FROM crm.outbox_check() WHERE what LIKE 'consent%') AS drift FROM crm.person_consent WHERE customer_id BETWEEN 970101 AND 970199 ORDER BY 1, 2;
SELECT p AS person, crm._outbox_consent(970100 + p, 'sms') AS consent, crm._outbox_consent(970100 + p, 'email') AS email, cardinality(crm._outbox_addresses(970100 + p, 'sms')) AS addresses
FROM generate_series(1, 6) p;
SELECT crm.outbox_set_consent(970106, 'sms', 'yes', 'said at the counter', 'set-1') - 'customer_id' AS set, crm.outbox_set_consent(970106, 'sms', 'yes', 'said at the counter', 'set-1') - 'customer_id' AS replayed;
SELECT pg_temp.try($$crm.outbox_set_consent(970101, 'sms', 'maybe', '')$$), pg_temp.try($$crm.outbox_set_consent(970101, 'pigeon', 'no', '')$$), pg_temp.try($$crm.outbox_set_consent(970199, 'sms', 'no', '')$$);

-- 3. a message: put once, claimed within the endpoint's concurrency, the address in clear
CREATE FUNCTION pg_temp.put(person int, name text, is_marketing boolean DEFAULT true, due_at timestamptz DEFAULT crm.core_now(), expires_at timestamptz DEFAULT NULL) RETURNS boolean LANGUAGE sql AS $$
    SELECT crm._outbox_put(970100 + person, (970100 + person) || '-' || name, 'sms', NULL, NULL, is_marketing, '{"text": "hello"}', due_at, expires_at) $$;
CREATE FUNCTION pg_temp.claim() RETURNS TABLE (message text, attempt int, "to" text) LANGUAGE sql AS $$
    SELECT message_id, attempt, body::jsonb ->> 'to' FROM crm._outbox_claim(10, 60000, 1) ORDER BY 1 $$;
CREATE FUNCTION pg_temp.finish(message text, attempt int, outcome text, status int DEFAULT 0, retry_after int DEFAULT -1) RETURNS bigint LANGUAGE sql AS $$
    SELECT crm._outbox_finish(ARRAY[split_part(message, '-', 1)::bigint], ARRAY[message], ARRAY[attempt], ARRAY[outcome], ARRAY[status], ARRAY[retry_after], ARRAY['']) $$;
CREATE FUNCTION pg_temp.state(message text) RETURNS text LANGUAGE sql AS $$
    SELECT s ->> 'state' || ': ' || coalesce((SELECT string_agg(concat_ws(' ', e ->> 'kind', e ->> 'http_status', e ->> 'detail'), ', ') FROM jsonb_array_elements(s -> 'events') e), '')
    FROM crm.outbox_state(message) s $$;
SELECT pg_temp.put(1, 'a') AS put, pg_temp.put(1, 'a') AS again, pg_temp.put(2, 'a') AS b, pg_temp.put(3, 'a') AS c, pg_temp.put(5, 'a') AS d, pg_temp.put(1, 'later', true, crm.core_now() + interval '1 h') AS later;
SELECT * FROM pg_temp.claim();
SELECT count(*) AS over_the_limit FROM pg_temp.claim();
SELECT endpoint, waiting, due, sending, tried FROM crm.queue_status WHERE endpoint = 'outbox_end';
SELECT pg_temp.state('970101-a') AS sending, pg_temp.state('970105-a') AS pending;
SELECT pg_temp.finish('970101-a', 1, 'sent', 200) AS settled, pg_temp.finish('970102-a', 1, 'failed', 503, 900) AS retry_after, pg_temp.finish('970103-a', 1, 'unknown') AS no_answer;
SELECT pg_temp.state('970101-a') AS sent, pg_temp.state('970102-a') AS failed, pg_temp.state('970103-a') AS unknown;
SELECT message_id, due_at - crm.core_now() AS due_in, lease_until FROM crm.outbox_queue WHERE message_id IN ('970102-a', '970103-a') ORDER BY 1;
-- a result that comes after its lease, when another attempt owns the message, counts only if it arrived
SELECT * FROM pg_temp.claim();
UPDATE crm.outbox_queue SET lease_until = clock_timestamp() - interval '1 s' WHERE message_id = '970105-a';
SELECT * FROM pg_temp.claim();
SELECT pg_temp.finish('970105-a', 1, 'failed', 500) AS too_late, pg_temp.finish('970105-a', 1, 'sent', 200) AS but_it_arrived;
SELECT pg_temp.state('970105-a'), pg_temp.finish('970105-a', 2, 'failed', 500) AS nobody_waits;
SELECT pg_temp.finish('970199-a', 1, 'sent') AS unknown_message_is_ignored;

-- 4. three retries 300 s apart, then a dead letter and one alert; a replay; success closes the alert
DELETE FROM crm.outbox_queue WHERE endpoint = 'outbox_end';
UPDATE crm.endpoint SET max_concurrency = 20, failures = 0 WHERE endpoint = 'outbox_end';
DO $$
BEGIN
    PERFORM pg_temp.put(2, 'dead'), pg_temp.put(3, 'dead');
    FOR n IN 1 .. 4 LOOP
        PERFORM set_config('crm.core_clock', (timestamptz '2026-06-30T12:00:00+08:00' + (n - 1) * interval '300 s')::text, true);
        PERFORM pg_temp.finish(c.message, c.attempt, 'failed', 500) FROM pg_temp.claim() c WHERE c.message ~ 'dead';
        UPDATE crm.endpoint SET failures = 0, broken_until = NULL WHERE endpoint = 'outbox_end';
    END LOOP;
END $$;
SELECT pg_temp.state('970102-dead');
SELECT kind, key, closed_at IS NULL AS open, detail ->> 'remedy' AS remedy FROM crm.alert WHERE kind LIKE 'outbox.%';
SELECT dead FROM crm.outbox_status WHERE endpoint = 'outbox_end';
SELECT crm.outbox_replay('970102-dead', 'replay-1') ->> 'state' AS replayed, crm.outbox_replay('970102-dead', 'replay-1') ->> 'state' AS same_call;
SELECT pg_temp.try($$crm.outbox_replay('970102-dead')$$) AS no_dead_letter, pg_temp.try($$crm.outbox_replay('970101-none')$$) AS unknown, pg_temp.try($$crm.outbox_replay('x')$$) AS no_id;
SELECT * FROM pg_temp.claim() WHERE message ~ 'dead';
SELECT pg_temp.finish('970102-dead', 1, 'sent', 200) AS settled;
SELECT count(*) AS open_alerts FROM crm.alert WHERE kind = 'outbox.dead' AND closed_at IS NULL;
-- refused (an address that is not allowed) is final; 410 switches the endpoint off; a worker that dies each time ends in a dead letter, too
SELECT pg_temp.put(1, 'private'), pg_temp.put(3, 'gone'), pg_temp.put(5, 'poison');
UPDATE crm.outbox_queue SET attempt = 4 WHERE message_id = '970105-poison';
SELECT * FROM pg_temp.claim() WHERE message ~ 'private|gone|poison';
SELECT pg_temp.finish('970101-private', 1, 'refused'), pg_temp.finish('970103-gone', 1, 'gone', 410);
SELECT pg_temp.state('970101-private') AS private, pg_temp.state('970103-gone') AS gone, pg_temp.state('970105-poison') AS poison;
SELECT is_active FROM crm.endpoint WHERE endpoint = 'outbox_end';
SELECT count(*) AS open FROM crm.alert WHERE kind = 'outbox.gone' AND closed_at IS NULL;
SELECT length(crm.outbox_define_endpoint('outbox_end', 'https://receiver.example/hook')) AS defined_anew;
SELECT is_active, max_concurrency, (SELECT count(*) FROM crm.alert WHERE kind = 'outbox.gone' AND closed_at IS NULL) AS open FROM crm.endpoint WHERE endpoint = 'outbox_end';
-- ten failures in a row: the endpoint rests
UPDATE crm.outbox_queue SET lease_until = NULL WHERE endpoint = 'outbox_end';
SELECT pg_temp.put(1, 'rest'), pg_temp.put(2, 'rest');
UPDATE crm.endpoint SET failures = 9 WHERE endpoint = 'outbox_end';
SELECT pg_temp.finish(message, attempt, 'failed', 500) AS settled FROM pg_temp.claim() WHERE message = '970101-rest';
SELECT failures, broken_until > clock_timestamp() + interval '55 s' AS rests FROM crm.endpoint WHERE endpoint = 'outbox_end';
UPDATE crm.outbox_queue SET lease_until = NULL WHERE endpoint = 'outbox_end';
SELECT count(*) AS claimed FROM pg_temp.claim();
UPDATE crm.endpoint SET failures = 0, broken_until = NULL WHERE endpoint = 'outbox_end';
DELETE FROM crm.outbox_queue WHERE endpoint = 'outbox_end';

-- what a person has had, each message here that of an id: what never went is not counted, what may have arrived is, and so is what goes after all
INSERT INTO crm.outbox (customer_id, message_id, channel, endpoint, is_marketing, body, due_at, created_at)
SELECT 970120 + n, m, 'sms', 'outbox_end', m <> 'bill', CASE m WHEN 'second' THEN '{"fallback_of": "sent", "is_second": true}' WHEN 'next' THEN '{"fallback_of": "dead"}' ELSE '{}' END::jsonb,
       crm.core_now() - CASE m WHEN 'old' THEN interval '8 d' ELSE interval '1 d' END, crm.core_now()
FROM unnest('{waiting,sent,bill,old,cancelled,dead,next,undelivered,uncertain,replayed,buried_again,second,lost}'::text[]) WITH ORDINALITY w (m, n);
INSERT INTO crm.outbox_event (customer_id, message_id, at, outbox_event_id, kind)
SELECT o.customer_id, o.message_id, crm.core_now(), 970130000 + k.n, k.kind
FROM crm.outbox o JOIN (VALUES ('sent', 1, 'sent'), ('cancelled', 2, 'cancelled'), ('dead', 3, 'dead'), ('undelivered', 4, 'sent'), ('undelivered', 5, 'undelivered'), ('uncertain', 6, 'unknown'),
    ('uncertain', 7, 'dead'), ('replayed', 8, 'dead'), ('replayed', 9, 'replayed'), ('buried_again', 10, 'dead'), ('buried_again', 11, 'replayed'), ('buried_again', 12, 'dead'),
    ('lost', 13, 'lost'), ('lost', 14, 'cancelled')) k (m, n, kind) ON k.m = o.message_id
WHERE o.customer_id BETWEEN 970121 AND 970133;
-- and so it is for the flow's cap, a cap of the house, and the month of a channel (which has its notes and its seconds, too)
UPDATE crm.channel SET monthly_cap = 1 WHERE channel = 'sms';
SELECT crm.campaign_set_cap('outbox_week', '{"messages": 1, "days": 7}') ->> 'messages' AS cap;
SELECT o.message_id, h.sent, crm._campaign_house_cap(crm._campaign_flow('welcome'), ARRAY[o.customer_id], 'sms', crm.core_now(), 'UTC') IS NOT NULL AS by_the_house, crm._outbox_month_is_full('sms', ARRAY[o.customer_id]) AS by_the_month
FROM crm.outbox o, LATERAL crm._outbox_had(ARRAY[o.customer_id], crm.core_now() - interval '7 d', 'infinity') h WHERE o.customer_id BETWEEN 970121 AND 970133 ORDER BY o.customer_id;
UPDATE crm.channel SET monthly_cap = NULL WHERE channel = 'sms';
SELECT crm.campaign_set_cap('outbox_week', NULL) ->> 'is_gone' AS gone;
SELECT h.sent AS under_all_ids FROM crm._outbox_had(ARRAY(SELECT generate_series(970121, 970133)), crm.core_now() - interval '7 d', 'infinity') h;
DELETE FROM crm.outbox WHERE customer_id BETWEEN 970121 AND 970133;
DELETE FROM crm.outbox_event WHERE customer_id BETWEEN 970121 AND 970133;

-- what is old is forgotten with what happened to it, unless it still waits; what is not old stays
INSERT INTO crm.outbox (customer_id, message_id, channel, endpoint, is_marketing, body, due_at, created_at)
SELECT 970140 + g, 'm' || g, 'sms', 'outbox_end', true, '{}', crm.core_now() - interval '401 d', crm.core_now() - CASE WHEN g <= 2100 THEN interval '401 d' ELSE interval '400 d' END FROM generate_series(1, 2101) g;
INSERT INTO crm.outbox_event (customer_id, message_id, at, outbox_event_id, kind) SELECT o.customer_id, o.message_id, o.created_at, 970150000 + o.customer_id, 'sent' FROM crm.outbox o WHERE o.message_id ~ '^m[0-9]+$';
INSERT INTO crm.outbox_queue (customer_id, message_id, endpoint, due_at) VALUES (970141, 'm1', 'outbox_end', 'infinity');
INSERT INTO crm.dead_letter (customer_id, message_id, at, reason) VALUES (970142, 'm2', crm.core_now(), 'old');
SELECT crm._outbox_forget() AS has_more, (SELECT count(*) FROM crm.outbox o WHERE o.message_id ~ '^m[0-9]+$') AS before_it;
SELECT crm._outbox_forget() AS has_more;
SELECT (SELECT string_agg(o.message_id, ', ' ORDER BY o.message_id) FROM crm.outbox o WHERE o.message_id ~ '^m[0-9]+$') AS kept, (SELECT count(*) FROM crm.outbox_event e WHERE e.message_id ~ '^m[0-9]+$') AS events,
       (SELECT count(*) FROM crm.dead_letter d WHERE d.reason = 'old') AS letters;
DELETE FROM crm.outbox WHERE message_id ~ '^m[0-9]+$';
DELETE FROM crm.outbox_event WHERE message_id ~ '^m[0-9]+$';
DELETE FROM crm.outbox_queue WHERE message_id = 'm1';

-- 5. at the last moment: opted out, refused, expired, address given up; what is no marketing goes all the same
SELECT pg_temp.put(1, 'stop'), pg_temp.put(1, 'bill', false), pg_temp.put(2, 'no'), pg_temp.put(3, 'late', true, crm.core_now(), crm.core_now() + interval '1 min'), pg_temp.put(5, 'moved', false), pg_temp.put(6, 'family');
INSERT INTO crm.contact_cap (cap_key, sent_at)
VALUES (crm._outbox_cap_key('sms', crm._identity_hash(1::smallint, '', '+8613970000001')), ARRAY[crm.core_now(), crm.core_now() - interval '1 d']);
SELECT crm.outbox_opt_out('sms', '139 7000 0001', 'TD', 'stop-1') AS stopped, crm.outbox_opt_out('sms', '139 7000 0001', 'TD', 'stop-1') AS replayed;
SELECT crm.outbox_opt_out('sms', '+86 139-7000-0001', 'TD') AS again, crm._outbox_consent(970101, 'sms') AS consent;
SELECT cap.sent_at FROM crm.contact_cap cap WHERE cap.cap_key = crm._outbox_cap_key('sms', crm._identity_hash(1::smallint, '', '+8613970000001'));
SELECT pg_temp.try($$crm.outbox_opt_out('sms', 'nobody')$$), pg_temp.try($$crm.outbox_opt_out('pigeon', '13970000001')$$), pg_temp.try($$crm.outbox_opt_out('email', 'a@')$$);
SELECT crm.outbox_set_consent(970102, 'sms', 'no', 'on the phone') ->> 'state' AS state;
UPDATE crm.record_identifier SET ended_at = crm.core_now() WHERE source_record_id = 970205;
SELECT set_config('crm.core_clock', (crm.core_now() + interval '1 min')::text, true) <> '' AS a_minute_later;
SELECT * FROM pg_temp.claim();
SELECT m, pg_temp.state('9701' || m) FROM unnest('{01-stop,01-bill,02-no,03-late,05-moved,06-family}'::text[]) m;
SELECT crm.outbox_set_consent(970101, 'sms', 'yes', 'changed her mind') ->> 'state' AS reopened;

-- an attempt whose process ended may have arrived: who knows a repeat by its id gets one, whoever does not gets none before a person says so;
-- what is cancelled after it counts all the same. A replay counts its attempts anew.
SAVEPOINT lost;
CREATE FUNCTION pg_temp.lose(message text) RETURNS void LANGUAGE sql AS $$ UPDATE crm.outbox_queue SET lease_until = clock_timestamp() - interval '1 s' WHERE message_id = message $$;
SELECT pg_temp.put(3, 'lost'), pg_temp.put(3, 'goal');
SELECT * FROM pg_temp.claim() WHERE message ~ 'lost|goal';
INSERT INTO crm.contact_cap AS c (cap_key, sent_at) VALUES (crm._outbox_cap_key('sms', crm._identity_hash(1::smallint, '', '+8613970000003')), ARRAY[crm.core_now(), crm.core_now()])
ON CONFLICT (cap_key) DO UPDATE SET sent_at = excluded.sent_at;
SELECT pg_temp.lose('970103-lost'), pg_temp.lose('970103-goal');
SELECT crm._outbox_cancel(w.messages, 'goal reached') FROM crm._outbox_waiting(ARRAY[ROW(970103, '970103-goal', 1)::crm.queue_ref]) w;
SELECT pg_temp.state('970103-goal') AS cancelled, cardinality(c.sent_at) AS counted FROM crm.contact_cap c WHERE c.cap_key = crm._outbox_cap_key('sms', crm._identity_hash(1::smallint, '', '+8613970000003'));
SELECT * FROM pg_temp.claim() WHERE message ~ 'lost';
UPDATE crm.endpoint SET connector = 'aliyun_sms' WHERE endpoint = 'outbox_end';
SELECT pg_temp.lose('970103-lost');
SELECT count(*) AS no_repeat FROM pg_temp.claim() WHERE message ~ 'lost';
SELECT pg_temp.state('970103-lost') AS buried, cardinality(c.sent_at) AS counted FROM crm.contact_cap c WHERE c.cap_key = crm._outbox_cap_key('sms', crm._identity_hash(1::smallint, '', '+8613970000003'));
SELECT crm.outbox_replay('970103-lost') ->> 'state' AS replayed;
SELECT * FROM pg_temp.claim() WHERE message ~ 'lost';
SELECT pg_temp.lose('970103-lost');
SELECT count(*) AS no_repeat FROM pg_temp.claim() WHERE message ~ 'lost';
SELECT pg_temp.state('970103-lost') AS buried_again;
-- and when its sender was only slow, what it says counts
SELECT pg_temp.finish('970103-lost', 1, 'sent', 200) AS settled, pg_temp.state('970103-lost') ~ '^sent: ' AS is_sent;
SELECT pg_temp.try($$crm.outbox_replay('970103-lost')$$) AS nothing_to_replay;
-- what failed was answered: it is tried again
SELECT pg_temp.put(3, 'answered');
SELECT pg_temp.finish(message, attempt, 'failed', 500) AS settled FROM pg_temp.claim() WHERE message ~ 'answered';
UPDATE crm.outbox_queue SET due_at = crm.core_now() WHERE message_id = '970103-answered';
SELECT * FROM pg_temp.claim() WHERE message ~ 'answered';
ROLLBACK TO SAVEPOINT lost;

-- 6. receipts, once a kind
SELECT crm.outbox_receipt('970101-a', 'delivered', 'DELIVRD', 'receipt-1') AS receipt, crm.outbox_receipt('970101-a', 'delivered', 'DELIVRD', 'receipt-1') AS replayed, crm.outbox_receipt('970101-a', 'clicked') AS clicked;
SELECT crm.outbox_receipt('970101-a', 'delivered') ->> 'kind' AS repeated;
SELECT pg_temp.state('970101-a');
SELECT pg_temp.try($$crm.outbox_receipt('970101-a', 'eaten')$$), pg_temp.try($$crm.outbox_receipt('970101-none', 'delivered')$$), pg_temp.try($$crm.outbox_receipt(NULL, 'delivered')$$);

-- 7. another timeline or server: sending waits for a person
SELECT crm._outbox_is_paused() AS paused, crm.outbox_resume() ->> 'was_paused' AS was_paused;
UPDATE crm.sending_state SET timeline = timeline + 41;
SELECT crm._outbox_is_paused() AS paused, pg_temp.put(3, 'waits') AS put, (SELECT count(*) FROM pg_temp.claim()) AS claimed;
SELECT kind, detail FROM crm.alert WHERE kind = 'outbox.paused' AND closed_at IS NULL;
SELECT r - 'waiting' - 'newest_message_at' - 'reason' AS shown FROM crm.outbox_resume() r;
SELECT r ->> 'resumed' AS resumed, crm._outbox_is_paused() AS paused FROM crm.outbox_resume(true) r;
SELECT message FROM pg_temp.claim() WHERE message ~ 'waits';
UPDATE crm.sending_state SET system_id = '1';
SELECT crm._outbox_is_paused() AS paused;
SELECT paused_reason, crm.outbox_resume(true) ->> 'resumed' AS resumed FROM crm.sending_state;

-- what the page of channels shows: of whose endpoint each is, how that is, what waits and what died
SAVEPOINT looked;
SELECT pg_temp.put(3, 'seen') IS NOT NULL AS put;
CREATE FUNCTION pg_temp.channels() RETURNS TABLE (channel text, endpoint text, state text, rests boolean, waits bigint, dead bigint) LANGUAGE sql AS $$
    SELECT j ->> 'channel', j ->> 'endpoint', j ->> 'state', j -> 'rests_until' <> 'null', (j ->> 'waiting')::bigint, (j ->> 'dead')::bigint FROM crm.outbox_channels() j
    WHERE j ->> 'channel' IN ('sms', 'email', 'wechat', 'site') ORDER BY 1 $$;
-- both are carried by one endpoint: only text messages wait
SELECT c.*, (SELECT count(*) FROM crm.outbox_queue q WHERE q.endpoint = c.endpoint) AS of_endpoint FROM pg_temp.channels() c;
UPDATE crm.endpoint SET broken_until = clock_timestamp() + interval '1 min' WHERE endpoint = 'outbox_end';
SELECT channel, state, rests FROM pg_temp.channels() WHERE channel = 'sms';
UPDATE crm.endpoint SET is_active = false WHERE endpoint = 'outbox_end';
SELECT channel, state FROM pg_temp.channels() WHERE channel = 'sms';
ROLLBACK TO SAVEPOINT looked;

-- 8. erased: nothing is left of what was said, what waits is cancelled
SELECT pg_temp.put(3, 'erased', false);
SELECT crm._outbox_on_erase(970103);
SELECT count(*) FILTER (WHERE body <> '{}' OR address_hash IS NOT NULL) AS left, count(*) > 0 AS rows FROM crm.outbox WHERE customer_id = 970103;
SELECT pg_temp.state('970103-erased');
SELECT jsonb_array_length(e -> 'consents') AS consents, jsonb_array_length(e -> 'messages') > 0 AS messages FROM crm._outbox_on_export(970101) e;
-- the claim is nobody's but the owner's; a message is seen where its person is
SELECT count(*) AS roles_that_may_claim FROM pg_roles r WHERE r.rolname LIKE 'crm\_%' AND r.rolname <> 'crm_owner' AND has_function_privilege(r.rolname, 'crm._outbox_claim(int, int, int, crm.queue_look[])', 'EXECUTE');
-- the check finds what this test took out of the queue by hand
SELECT what, found FROM crm.outbox_check() WHERE what LIKE 'message 9701%' ORDER BY 1;
ROLLBACK;
