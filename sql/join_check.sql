-- join_check: a phone that enrols itself gives back the digits it was sent: few tries, a short life, few in an hour, kept as hashes.
\set VERBOSITY terse
SET client_min_messages = warning;
SET datestyle = 'ISO';
SET timezone = 'Asia/Shanghai';
BEGIN;
SET LOCAL crm.core_clock = '2026-03-31T12:00:00+08:00';
SELECT set_config('crm.access_claims', '{"actor": "regress", "role": "crm_headquarters", "stores": [], "all": true}', true) <> '' AS claims;
SELECT crm.access_define_region('check_r', 'r') > 0 AS region, crm.access_define_store('check_s1', 'one', 'check_r', '上海') > 0 AS s1;
SELECT j ->> 'code' AS code FROM crm.ingest_make_store_code('check_s1', 30) j \gset
\i sql/shared/try_remedy.sql
-- 1. where nothing carries text messages, nothing is asked for; where it must be, that is a fault
UPDATE crm.channel SET endpoint = NULL WHERE channel = 'sms';
SELECT crm.ingest_send_check(:'code', '13812340277') AS not_needed, crm.ingest_store_of_code(:'code') -> 'needs_check' AS needs_check;
UPDATE crm.room_setting SET value = '"always"' WHERE name = 'ingest.join_check';
SELECT pg_temp.try(format('crm.ingest_send_check(%L, %L)', :'code', '13812340277')) AS nothing_carries_it;
UPDATE crm.room_setting SET value = '"auto"' WHERE name = 'ingest.join_check';
SELECT crm.outbox_define_endpoint('check_post', 'http://127.0.0.1:9/', options => '{"is_private_allowed": true}') IS NOT NULL AS endpoint, crm.outbox_set_channel('sms', 'check_post') IS NOT NULL AS channel;
SELECT crm.ingest_store_of_code(:'code') -> 'needs_check' AS needs_check;

-- 2. sent: nothing in clear anywhere, neither the digits nor the phone; the sender has both
SELECT crm.ingest_send_check(:'code', '138 1234 0277', '203.0.113.7') AS sent;
SELECT o.body, o.is_marketing, o.expires_at - o.created_at AS life, crm._identity_current(o.customer_id) AS person FROM crm.outbox o JOIN crm.outbox_guest g USING (message_id);
CREATE TEMP TABLE claimed AS SELECT * FROM crm._outbox_claim(10, 60000, 0);
SELECT c.attempt, c.body::jsonb - 'id' - 'text' AS body, regexp_replace(c.body::jsonb ->> 'text', '\d{6}', '######') AS said FROM claimed c;
SELECT substring(c.body::jsonb ->> 'text' FROM '\d{6}') AS digits FROM claimed c \gset
SELECT count(*) AS in_clear FROM crm.join_check j, crm.outbox_guest g, crm.outbox o
WHERE j::text LIKE '%' || :'digits' || '%' OR g::text LIKE '%' || :'digits' || '%' OR o::text LIKE '%' || :'digits' || '%' OR g::text LIKE '%13812340277%' OR j::text LIKE '%13812340277%';

-- 3. wrong, missing, of another phone: answered alike and counted, nobody is enrolled; right: once
CREATE FUNCTION pg_temp.join(phone text, digits text) RETURNS text LANGUAGE sql AS $$
    SELECT concat_ws(' ', j ->> 'status', j ->> 'field', j ->> 'outcome') FROM crm.ingest_enrol_by_code(current_setting('check.code'), '赵云', phone, NULL, '{}', '', digits) j $$;
SELECT set_config('check.code', :'code', true) <> '' AS set;
SELECT lpad(((:'digits')::int + 1) % 1000000 || '', 6, '0') AS wrong \gset
SELECT pg_temp.join('13812340277', :'wrong') AS wrong, pg_temp.join('13812340277', NULL) AS missing, pg_temp.join('13812340278', :'digits') AS another_phone;
SELECT (SELECT count(*) FROM crm.member_enrolment WHERE way = 'qr') AS enrolled, (SELECT tries FROM crm.join_check) AS tries;
SELECT pg_temp.join('13812340277', ' ' || :'digits') AS right_one, pg_temp.join('13812340277', :'digits') AS spent;
SELECT count(*) AS enrolled FROM crm.member_enrolment WHERE way = 'qr';

-- 4. five tries; then even the right one is not taken, and the next code is
SELECT pg_temp.try(format('crm.ingest_send_check(%L, %L)', :'code', '13812340277')) AS within_a_minute;
SET LOCAL crm.core_clock = '2026-03-31T12:02:00+08:00';
SELECT crm.ingest_send_check(:'code', '13812340277') ->> 'outcome' AS again;
SELECT substring(c.body::jsonb ->> 'text' FROM '\d{6}') AS digits FROM crm._outbox_claim(10, 60000, 0) c \gset
SELECT lpad(((:'digits')::int + 1) % 1000000 || '', 6, '0') AS wrong \gset
SELECT n, pg_temp.join('13812340277', CASE WHEN n = 6 THEN :'digits' ELSE :'wrong' END) AS answer FROM generate_series(1, 6) n;
-- 5. it ends by itself; expired ones are not sent
SET LOCAL crm.core_clock = '2026-03-31T12:04:00+08:00';
SELECT crm.ingest_send_check(:'code', '13812340279') ->> 'outcome' AS sent;
SELECT substring(c.body::jsonb ->> 'text' FROM '\d{6}') AS digits FROM crm._outbox_claim(10, 60000, 0) c \gset
SELECT crm.ingest_send_check(:'code', '13812340281') ->> 'outcome' AS not_claimed_in_time;
SET LOCAL crm.core_clock = '2026-03-31T12:09:01+08:00';
SELECT pg_temp.join('13812340279', :'digits') AS too_late, (SELECT count(*) FROM crm._outbox_claim(10, 60000, 0)) AS leaves;
SELECT e.kind, e.detail FROM crm.outbox_event e ORDER BY e.outbox_event_id DESC LIMIT 1;
-- 6. few in an hour for a phone, for an address; other codes and phones are refused as ever
SELECT pg_temp.try('crm.ingest_send_check(''guess'', ''13812340277'')') AS guessed, pg_temp.try(format('crm.ingest_send_check(%L, %L)', :'code', '62781234')) AS no_phone, pg_temp.try('crm.ingest_send_check(NULL, NULL)') AS none;
UPDATE crm.room_setting SET value = '3' WHERE name = 'ingest.join_check_phone_hourly';
UPDATE crm.room_setting SET value = '2' WHERE name = 'ingest.join_check_client_hourly';
SELECT crm.ingest_send_check(:'code', '13812340277', '203.0.113.8') ->> 'outcome' AS third;
SET LOCAL crm.core_clock = '2026-03-31T12:11:00+08:00';
SELECT pg_temp.try(format('crm.ingest_send_check(%L, %L, %L)', :'code', '13812340277', '203.0.113.9')) AS fourth_of_the_phone,
       crm.ingest_send_check(:'code', '13812340282', '203.0.113.8') ->> 'outcome' AS second_of_the_address,
       pg_temp.try(format('crm.ingest_send_check(%L, %L, %L)', :'code', '13812340283', '203.0.113.8')) AS third_of_the_address;
-- 7. forgotten
SET LOCAL crm.core_clock = '2026-04-02T12:00:00+08:00';
SELECT crm._ingest_forget_checks(), crm._outbox_forget_guests();
SELECT (SELECT count(*) FROM crm.join_check) AS checks, (SELECT count(*) FROM crm.outbox_guest) AS guests;
-- 8. its words are the house's: they hold the code; no other template may
SELECT crm.outbox_define_template('join_check', 'sms', '验证码{{code}}') ->> 'template' AS written, pg_temp.try('crm.outbox_define_template(''join_check'', ''sms'', ''您好'')') AS without, pg_temp.try('crm.outbox_define_template(''another'', ''sms'', ''{{code}}退订'')') AS elsewhere;
ROLLBACK;
