-- what a person says to staff about being written to: noted for all of their records, told with since when, where from and by whom, taken back by who noted it.
\set VERBOSITY terse
SET client_min_messages = warning;
SET datestyle = 'ISO';
SET timezone = 'Asia/Shanghai';
BEGIN;
SET LOCAL crm.core_clock = '2026-03-31T12:00:00+08:00';
SELECT set_config('crm.access_claims', '{"actor": "regress", "role": "crm_headquarters", "stores": [], "all": true}', true) <> '' AS claims;
SELECT crm.access_define_region('word_r', 'r') > 0 AS region, crm.access_define_store('word_s1', 'one', 'word_r') AS s1, crm.access_define_store('word_s2', 'two', 'word_r') AS s2 \gset
SELECT crm.access_define_staff('word_e1', '店员甲', 'crm_clerk', ARRAY['store:word_s1']) AS e1, crm.access_define_staff('word_e2', '店员乙', 'crm_clerk', ARRAY['store:word_s2']) AS e2,
       crm.access_define_staff('word_e3', '店员丙', 'crm_clerk', ARRAY['store:word_s1']) AS e3,
       crm.ingest_define_source('word_till', '收银', 'pos', '{"channel": "store"}') > 0 AS source, crm.ingest_define_source('word_shop', '网店', 'api', '{"channel": "online"}') > 0 AS shop \gset
\i sql/shared/try_remedy.sql
CREATE FUNCTION pg_temp.act(code text, staff int, store int) RETURNS boolean LANGUAGE sql AS $$
    SELECT set_config('crm.access_claims', json_build_object('actor', code, 'staff_id', staff, 'role', 'crm_clerk', 'stores', ARRAY[store], 'all', false)::text, true) <> ''
$$;
CREATE FUNCTION pg_temp.send(entity text, source text, body jsonb) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    r crm.intake_result;
BEGIN
    EXECUTE format('SELECT * FROM crm.ingest_%s($1, $2)', entity) INTO r USING source, convert_to(body::text, 'UTF8');
    IF r.status >= 300 THEN
        RAISE EXCEPTION 'intake: % % % %', r.status, r.code, r.field, r.remedy;
    END IF;
    RETURN r.customer_id;
END $$;
-- what stands on the page: of the channels of which anything was said
CREATE FUNCTION pg_temp.told(words jsonb) RETURNS SETOF text LANGUAGE sql AS $$
    SELECT concat_ws(' ', w ->> 'channel', w ->> 'state', (w ->> 'since')::timestamptz, w ->> 'way', w ->> 'source', w ->> 'store_name', w ->> 'noted_by', '<' || (w ->> 'evidence') || '>')
    FROM jsonb_array_elements(words) w WHERE w ->> 'state' <> 'unknown' $$;
CREATE FUNCTION pg_temp.words(person bigint) RETURNS SETOF text LANGUAGE sql AS $$ SELECT pg_temp.told(crm.report_person(person) -> 'consent_words') $$;
-- a person of two records, the till's and the shop's; the till's clock is an hour ahead
SELECT pg_temp.send('member', 'word_till', '{"external_id": "A", "phone": "13800138201", "email": "a@example.com", "name": "王小明", "store_code": "word_s1", "registered_at": "2026-01-05T10:00:00+08:00", "consent_sms": "yes"}') AS a,
       pg_temp.send('member', 'word_shop', '{"external_id": "A2", "phone": "13800138201", "name": "王小明", "store_code": "word_s1", "registered_at": "2026-02-05T10:00:00+08:00", "consent_sms": "yes", "consent_email": "yes"}') AS a2,
       pg_temp.send('consent', 'word_till', '{"member_external_id": "A", "channel": "sms", "state": "yes", "occurred_at": "2026-03-31T13:00:00+08:00", "evidence": "till form"}') AS ahead \gset
SELECT :a = :a2 AS one_person;
SELECT pg_temp.words(:a) AS said;
SELECT w ->> 'channel' AS channel, w ->> 'state' AS state, w ->> 'is_reachable' AS is_reachable FROM jsonb_array_elements(crm.report_person(:a) -> 'consent_words') w;
-- what is told is what the gate reads
CREATE FUNCTION pg_temp.agrees(person bigint) RETURNS boolean LANGUAGE sql AS $$
    SELECT bool_and(w ->> 'state' = crm._outbox_consent(person, w ->> 'channel')) FROM jsonb_array_elements(crm.report_person(person) -> 'consent_words') w WHERE w ->> 'channel' <> 'location' $$;

-- 1. no more by one channel: at once, whatever the clock that is ahead has told; what waits does not leave
SELECT crm.outbox_define_endpoint('word_end', 'https://receiver.example/') IS NOT NULL AS endpoint, crm.outbox_set_channel('sms', 'word_end');
SELECT crm._outbox_put(:a, :a || '-word', 'sms', NULL, NULL, true, '{"text": "hello"}', crm.core_now(), NULL) AS waits;
SELECT pg_temp.act('word_e1', :e1, :s1) AS clerk;
SELECT crm.outbox_say(:a, '{sms}', 'no', 'said at the counter', 'say-1') AS said \gset
SELECT crm.outbox_say(:a, '{sms}', 'no', 'said at the counter', 'say-1') = :'said'::jsonb AS once, (SELECT count(*) FROM crm.consent c WHERE c.word_id = (:'said'::jsonb ->> 'word_id')::bigint) AS rows_a_record_each;
SELECT pg_temp.told(:'said'::jsonb -> 'consents') AS said, pg_temp.agrees(:a);
SELECT state FROM crm.person_consent WHERE customer_id = :a AND channel = 'sms';
SELECT count(*) AS leaves FROM crm._outbox_claim(10, 60000, 1) WHERE message_id = :a || '-word';
SELECT e.kind, e.detail FROM crm.outbox_event e WHERE e.message_id = :a || '-word' AND e.kind = 'cancelled';
-- a withdrawal and a yes of days before, told late, change nothing of what was said since
SET LOCAL crm.core_clock = '2026-03-31T12:10:00+08:00';
SELECT pg_temp.send('consent', 'word_till', '{"member_external_id": "A", "channel": "sms", "state": "yes", "occurred_at": "2026-03-30T10:00:00+08:00"}') = :a AS late_yes,
       pg_temp.send('consent', 'word_shop', '{"member_external_id": "A2", "channel": "email", "state": "no", "occurred_at": "2026-01-30T10:00:00+08:00"}') = :a AS late_no, pg_temp.agrees(:a);
SELECT pg_temp.words(:a) AS said;

-- 2. taken back by who noted it: as if it had not been said; not twice, not by another, not after another word, not after an hour
SELECT (:'said'::jsonb ->> 'word_id')::bigint AS word \gset
SELECT pg_temp.act('word_e3', :e3, :s1) AS colleague, pg_temp.try(format('crm.outbox_unsay(%s, %s)', :a, :word)) AS not_theirs;
SELECT pg_temp.act('word_e1', :e1, :s1) AS clerk;
SELECT pg_temp.told(crm.outbox_unsay(:a, :word, 'unsay-1') -> 'consents') AS said, pg_temp.agrees(:a);
SELECT pg_temp.try(format('crm.outbox_unsay(%s, %s, ''unsay-1'')', :a, :word)) LIKE '{%' AS replayed, pg_temp.try(format('crm.outbox_unsay(%s, %s)', :a, :word)) AS twice, pg_temp.try(format('crm.outbox_unsay(%s, NULL)', :a)) AS none;
SELECT (crm.outbox_say(:a, '{email,sms,email}', 'no') ->> 'word_id')::bigint AS word \gset
SELECT crm.outbox_say(:a, '{email}', 'no') ->> 'state' AS said_again;
SELECT pg_temp.try(format('crm.outbox_unsay(%s, %s)', :a, :word)) AS something_since;
SELECT (crm.outbox_say(:a, '{wechat}', 'no') ->> 'word_id')::bigint AS word \gset
SET LOCAL crm.core_clock = '2026-03-31T13:10:01+08:00';
SELECT pg_temp.try(format('crm.outbox_unsay(%s, %s)', :a, :word)) AS too_late;

-- 3. a yes needs what the customer was shown, opens the address that had opted out, and taken back closes it again
SELECT call, pg_temp.try(format(call, :a)) AS answer FROM (VALUES
    (1, 'crm.outbox_say(%s, ''{sms}'', ''yes'')'), (2, 'crm.outbox_say(%s, ''{sms}'', ''yes'', ''  '')'), (3, 'crm.outbox_say(%s, NULL, ''yes'', ''told'')'), (4, 'crm.outbox_say(%s, ''{}'', ''no'')'),
    (5, 'crm.outbox_say(%s, ''{sms,pigeon}'', ''no'')'), (6, 'crm.outbox_say(%s, ''{sms,NULL}'', ''no'')'), (7, 'crm.outbox_say(%s, ''{sms}'', ''maybe'')'), (8, 'crm.outbox_say(%s, ''{sms}'', NULL)'),
    (9, 'crm.outbox_say(%s, ''{sms}'', ''no'', repeat(''x'', 501))'), (10, 'crm.outbox_say(NULL, ''{sms}'', ''no'')'), (11, 'crm.outbox_say(%s + 1000, ''{sms}'', ''no'')')) v(n, call) ORDER BY n;
SELECT crm.outbox_opt_out('sms', '13800138201', 'TD') ->> 'closed' AS closed;
SELECT pg_temp.words(:a) AS said, pg_temp.agrees(:a);
SELECT crm.outbox_say(:a, '{sms}', 'yes', ' 看了门店告示 ') AS said \gset
SELECT pg_temp.told(:'said'::jsonb -> 'consents') AS said, pg_temp.agrees(:a);
SELECT pg_temp.told(crm.outbox_unsay(:a, (:'said'::jsonb ->> 'word_id')::bigint) -> 'consents') AS closed_again, pg_temp.agrees(:a);

-- 4. nothing at all is each channel that carries messages
SELECT crm.outbox_say(:a, '{sms}', 'yes', '看了门店告示') ->> 'state' AS yes;
SELECT crm.outbox_say(:a, NULL, 'no') AS said \gset
SELECT w ->> 'channel' AS channel, w ->> 'state' AS state FROM jsonb_array_elements(:'said'::jsonb -> 'consents') w;
SELECT pg_temp.agrees(:a), crm._outbox_consent(:a, 'sms') AS sms;

-- 5. on the timeline, in the trail with who noted it, in what a person is given of themselves
SELECT (t ->> 'at')::timestamptz AS at, t ->> 'state' AS state, t ->> 'channels' AS channels, t ->> 'way' AS way, t ->> 'noted_by' AS noted_by, t ->> 'evidence' AS evidence
FROM crm.report_timeline(:a, NULL, 50) t WHERE t ->> 'kind' = 'consent';
SELECT set_config('crm.access_claims', '{"actor": "regress", "role": "crm_headquarters", "stores": [], "all": true}', true) <> '' AS headquarters;
SELECT t ->> 'actor' AS actor, t ->> 'action' AS action, t ->> 'field' AS channel, t ->> 'old' AS old, t ->> 'new' AS new, regexp_replace(t ->> 'reason', '[0-9]+', 'n') AS reason
FROM crm.access_audit(act => 'consent', customer_id => :a) t UNION ALL
SELECT t ->> 'actor', t ->> 'action', t ->> 'field', t ->> 'old', t ->> 'new', regexp_replace(t ->> 'reason', '[0-9]+', 'n') FROM crm.access_audit(act => 'consent_undone', customer_id => :a) t;
SELECT actor, field AS channel, new_value AS new, reason, new_hash IS NOT NULL AS whose FROM crm.audit WHERE action = 'opt_out' AND actor = 'word_e1';
SELECT count(*) AS noted FROM jsonb_array_elements(crm._outbox_on_export(:a) -> 'consents') k WHERE k ->> 'noted_by' = 'word_e1';

-- 6. a clerk of another store has no such person; who was merged answers under the old id, and a no of either is one
SELECT pg_temp.act('word_e2', :e2, :s2) AS other, pg_temp.try(format('crm.outbox_say(%s, ''{sms}'', ''no'')', :a)) AS not_theirs, pg_temp.try(format('crm.outbox_unsay(%s, 1)', :a)) AS nor_back;
SELECT set_config('crm.access_claims', '{"actor": "regress", "role": "crm_headquarters", "stores": [], "all": true}', true) <> '' AS headquarters;
SELECT pg_temp.send('member', 'word_till', '{"external_id": "B", "phone": "13800138202", "name": "李小红", "store_code": "word_s1", "registered_at": "2026-01-06T10:00:00+08:00", "consent_sms": "yes", "consent_email": "yes"}') AS b,
       pg_temp.send('member', 'word_till', '{"external_id": "C", "phone": "13800138203", "name": "李小红", "store_code": "word_s1", "registered_at": "2026-01-07T10:00:00+08:00", "consent_sms": "yes"}') AS c \gset
SELECT pg_temp.act('word_e1', :e1, :s1) AS clerk;
SELECT crm.outbox_say(:c, '{sms}', 'no', '打电话来说') ->> 'state' AS said;
SELECT set_config('crm.access_claims', '{"actor": "regress", "role": "crm_headquarters", "stores": [], "all": true}', true) <> '' AS headquarters;
SELECT crm.identity_merge(:b, :c, 'the same, she says') IS NOT NULL AS merged;
SELECT pg_temp.words(:b) AS merged, pg_temp.agrees(:b);
SELECT pg_temp.act('word_e1', :e1, :s1) AS clerk;
SELECT (crm.outbox_say(:c, '{email}', 'no') ->> 'word_id')::bigint AS word \gset
SELECT pg_temp.words(:b) AS under_the_old_id;
SELECT pg_temp.told(crm.outbox_unsay(:b, :word) -> 'consents') AS taken_back;

-- 7. an erased person's words name nobody any more
SELECT set_config('crm.access_claims', '{"actor": "regress", "role": "crm_headquarters", "stores": [], "all": true}', true) <> '' AS headquarters;
SELECT crm.access_erase(:a, 'request 7') IS NOT NULL AS erased;
SELECT (SELECT count(*) FROM crm.consent c JOIN crm.membership m USING (source_record_id) WHERE m.customer_id = :a AND c.evidence <> '') AS evidence_left;
SELECT pg_temp.try(format('crm.outbox_say(%s, ''{sms}'', ''no'')', :a)) AS gone;
SELECT what, expected, found FROM crm.outbox_check() WHERE what LIKE 'consent%';
ROLLBACK;
