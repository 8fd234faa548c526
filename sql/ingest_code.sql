-- ingest_code: customers enrol by a store's code with their own phones; nothing is told of who is known.
\set VERBOSITY terse
SET client_min_messages = warning;
SET datestyle = 'ISO';
SET timezone = 'Asia/Shanghai';
BEGIN;
SET LOCAL crm.core_clock = '2026-03-31T12:00:00+08:00';
SELECT set_config('crm.access_claims', '{"actor": "regress", "role": "crm_headquarters", "stores": [], "all": true}', true) <> '' AS claims;
SELECT crm.access_define_region('code_r', 'r') > 0 AS region, crm.access_define_store('code_s1', 'one', 'code_r', '上海') AS s1, crm.access_define_store('code_s2', 'two', 'code_r') AS s2 \gset
SELECT crm.access_define_staff('code_e1', 'e one', 'crm_clerk', ARRAY['store:code_s1']) AS e1 \gset
\i sql/shared/try_remedy.sql
CREATE FUNCTION pg_temp.nobody() RETURNS boolean LANGUAGE sql AS $$ SELECT set_config('crm.access_claims', '{"actor": "crm_gateway", "role": "crm_gateway", "stores": [], "all": false}', true) <> '' $$;
CREATE FUNCTION pg_temp.clerk(staff int, store int) RETURNS boolean LANGUAGE sql AS $$
    SELECT set_config('crm.access_claims', json_build_object('actor', 'code_e1', 'staff_id', staff, 'role', 'crm_clerk', 'stores', ARRAY[store], 'all', false)::text, true) <> '' $$;

-- 1. a clerk makes a code of the own store, of no other
SELECT pg_temp.clerk(:e1, :s1) AS clerk;
SELECT j ->> 'code' AS code, j ->> 'store' AS store, j ->> 'expires_at' AS until, length(j ->> 'code') AS letters FROM crm.ingest_make_store_code(NULL, 1) j \gset
SELECT :'store' AS store, :'until' AS until, :'letters' AS letters, (SELECT count(*) FROM crm.store_code WHERE code_hash::text LIKE '%' || :'code' || '%') AS kept_in_clear;
SELECT call, pg_temp.try(call) AS answer FROM (VALUES (1, $$crm.ingest_make_store_code('code_s2')$$), (2, $$crm.ingest_make_store_code('none')$$), (3, $$crm.ingest_make_store_code(NULL, 0)$$), (4, $$crm.ingest_make_store_code(NULL, 9999)$$), (5, $$crm.ingest_make_store_code(NULL, 2147483647)$$), (6, $$crm.ingest_make_store_code(NULL, -2147483648)$$)) v(n, call) ORDER BY n;

-- 2. a customer with it: a new one, with the evidence; the page knows the store only
SELECT pg_temp.nobody() AS nobody;
SELECT crm.ingest_store_of_code(:'code') AS shown;
SELECT crm.ingest_enrol_by_code(:'code', ' 赵云 ', '138 1234 0177', '1990-05-01', ARRAY['sms', 'pigeon'], 'Phone/1.0') AS answer;
SELECT c.name_masked, c.registered_on, c.home_store_id = :s1 AS here, e.way, e.staff_id IS NULL AS by_nobody, k.channel, k.state, k.evidence
FROM crm.member_enrolment e JOIN crm.membership m USING (source_record_id) JOIN crm.customer c USING (customer_id) JOIN crm.consent k USING (source_record_id) WHERE e.way = 'qr';
-- again, with another name: the same answer, the name stays
SELECT crm.ingest_enrol_by_code(:'code', '张飞', '+86 13812340177', NULL, ARRAY['wechat']) AS answer;
SELECT c.name_masked, (SELECT string_agg(DISTINCT k.channel || ' ' || k.state, ', ' ORDER BY k.channel || ' ' || k.state) FROM crm.membership m JOIN crm.consent k USING (source_record_id) WHERE m.customer_id = c.customer_id) AS consents
FROM crm.member_enrolment e JOIN crm.membership m USING (source_record_id) JOIN crm.customer c USING (customer_id) WHERE e.way = 'qr';
-- who said no is not made to say yes by whoever holds the code
SELECT m.customer_id AS person FROM crm.member_enrolment e JOIN crm.membership m USING (source_record_id) WHERE e.way = 'qr' \gset
SELECT pg_temp.clerk(:e1, :s1) AS clerk;
SELECT crm.outbox_set_consent(:person, 'sms', 'no', 'at the counter') ->> 'state' AS said_no;
SELECT pg_temp.nobody() AS nobody;
SELECT crm.ingest_enrol_by_code(:'code', '张飞', '13812340177', NULL, ARRAY['sms']) AS answer, crm._outbox_consent(:person, 'sms') AS still;

-- 3. what is refused, naming the field; a code that is guessed, that ended, that is abused
SELECT call, pg_temp.try(format(call, :'code')) AS answer FROM (VALUES (1, $$crm.ingest_enrol_by_code(%L, '', '13812340178')$$), (2, $$crm.ingest_enrol_by_code(%L, '李雷', '12345')$$),
    (3, $$crm.ingest_enrol_by_code(%L, NULL, NULL)$$), (4, $$crm.ingest_enrol_by_code(%L, '李雷', '13812340178', 'soon')$$), (5, $$crm.ingest_enrol_by_code('guess', '李雷', '13812340178')$$),
    (11, $$crm.ingest_enrol_by_code(%L, '李雷', '13812340178', '2099-01-01')$$),
    (6, $$crm.ingest_store_of_code(NULL)$$), (7, $$crm.ingest_enrol_by_code(%L, repeat('长', 101), '13812340178')$$)) v(n, call) ORDER BY n;
UPDATE crm.room_setting SET value = '4' WHERE name = 'ingest.store_code_hourly';
SELECT pg_temp.try(format($$crm.ingest_enrol_by_code(%L, '李雷', '13812340179')$$, :'code')) AS the_fourth, pg_temp.try(format($$crm.ingest_enrol_by_code(%L, '李雷', '13812340180')$$, :'code')) AS the_fifth;
SET LOCAL crm.core_clock = '2026-03-31T13:30:00+08:00';
SELECT pg_temp.try(format($$crm.ingest_enrol_by_code(%L, '李雷', '13812340180')$$, :'code')) AS an_hour_later;
SELECT set_config('crm.access_claims', '{"actor": "regress", "role": "crm_headquarters", "stores": [], "all": true}', true) <> '' AS claims;
SELECT crm.ingest_end_store_codes('code_s1') AS ended, crm.ingest_end_store_codes('code_s1') AS twice;
SELECT pg_temp.try(format($$crm.ingest_store_of_code(%L)$$, :'code')) AS gone;
SELECT j ->> 'code' AS code FROM crm.ingest_make_store_code('code_s2', 1) j \gset
SET LOCAL crm.core_clock = '2026-04-02T12:00:00+08:00';
SELECT pg_temp.try(format($$crm.ingest_store_of_code(%L)$$, :'code')) AS a_day_later;
ROLLBACK;
