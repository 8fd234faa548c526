-- report_trial: a limited offer handed to chosen persons, and what those who held it say of it, under whatever record; nobody else's word counts.
\set VERBOSITY terse
SET client_min_messages = warning;
SET datestyle = 'ISO';
SET timezone = 'Asia/Shanghai';
BEGIN;
SET LOCAL crm.core_clock = '2026-06-29T12:00:00+08:00';
SELECT set_config('crm.access_claims', '{"actor": "regress", "role": "crm_headquarters", "stores": [], "all": true}', true) <> '' AS claims;
SELECT crm.access_define_region('tr_r', 'r') > 0 AS region, crm.access_define_store('tr_1', 'one', 'tr_r') AS s1, crm.access_define_store('tr_2', 'two', 'tr_r') AS s2 \gset
SELECT crm.ingest_define_source('tr_till', 'till', 'pos', '{"channel": "store"}') > 0 AS till, crm.ingest_define_source('tr_app', 'app', 'mini_program', '{"channel": "wechat"}') > 0 AS app;
SELECT count(*) AS persons FROM generate_series(1, 6) n, crm.ingest_member('tr_till', convert_to(json_build_object('external_id', 'R' || n, 'name', '钱' || n, 'phone', '1373344000' || n, 'store_code', 'tr_' || (1 + n % 2), 'registered_at', '2026-01-01T10:00:00+08:00')::text, 'UTF8')) r WHERE r.status = 201;
CREATE FUNCTION pg_temp.of(no text) RETURNS bigint LANGUAGE sql AS $$ SELECT crm._identity_current(m.customer_id) FROM crm.source_record r JOIN crm.membership m USING (source_record_id) WHERE r.external_id = no AND m.valid_to = 'infinity' $$;
CREATE FUNCTION pg_temp.says(no text, phone text, properties jsonb, minutes int DEFAULT 0) RETURNS text LANGUAGE sql AS $$
    SELECT (crm.ingest_event('tr_app', convert_to(jsonb_build_object('external_id', no, 'type', 'feedback', 'occurred_at', crm.core_now() - minutes * interval '1 minute', 'phone', phone, 'properties', properties)::text, 'UTF8'))).code $$;

-- 1. three places: the fourth gets none; two of three use it
SELECT crm.loyalty_define_coupon('tr_soap', '{"name_zh": "新品试用", "name_en": "trial", "kind": "amount", "value": 10, "valid_days": 30, "rank": 10}') IS NOT NULL AS offer, crm.loyalty_set_claims('tr_soap', true, 3) IS NOT NULL AS limited;
SELECT crm.loyalty_claim(pg_temp.of('R1'), 'tr_soap') ->> 'code' AS c1, crm.loyalty_claim(pg_temp.of('R2'), 'tr_soap') ->> 'code' AS c2, crm.loyalty_claim(pg_temp.of('R3'), 'tr_soap') ->> 'code' AS c3 \gset
SAVEPOINT a;
SELECT crm.loyalty_claim(pg_temp.of('R4'), 'tr_soap') IS NULL AS too_late;
ROLLBACK TO a;
UPDATE crm.coupon SET state = 'redeemed', redeemed_at = crm.core_now() WHERE code IN (:'c1', :'c2');

-- 2. holders speak, R1 twice; R3 without having used it; R2 from an account of another phone that is joined later; R4 never held one; R5's word is about something else
SELECT pg_temp.says('f1', '13733440001', '{"offer": "tr_soap", "stars": 3, "text": "味道太重", "topic": "quality"}') AS f1, pg_temp.says('f1b', '13733440001', '{"offer": "tr_soap", "text": "瓶子难开"}', 5) AS again, pg_temp.says('f3', '13733440003', '{"offer": "tr_soap", "stars": 5, "text": "包装好看"}') AS f3,
       pg_temp.says('f2', '13733440099', '{"offer": "tr_soap", "stars": 4, "text": "想要小瓶装", "topic": "suggestion"}') AS f2, pg_temp.says('f4', '13733440004', '{"offer": "tr_soap", "stars": 1, "text": "没试过"}') AS f4, pg_temp.says('f5', '13733440005', '{"stars": 2, "text": "排队"}') AS f5;
SELECT (crm.report_trial('tr_soap') ->> 'answered')::int AS answered, crm.report_trial('tr_soap') ->> 'issued' AS before_the_night;
SELECT crm.identity_merge(pg_temp.of('R2'), max(c.customer_id), 'one person') IS NOT NULL AS merged FROM crm.customer c;
SELECT crm._report_groups_job() AS left_over;
SELECT j - '{topics,words,name_zh,name_en,as_of}'::text[] AS trial FROM crm.report_trial('tr_soap') j;
SELECT t ->> 'topic' AS topic, t ->> 'persons' AS persons, t ->> 'stars' AS stars FROM jsonb_array_elements(crm.report_trial('tr_soap') -> 'topics') t;
SELECT w ->> 'name' AS name, w ->> 'stars' AS stars, w ->> 'text' AS said, w ->> 'has_used' AS used FROM jsonb_array_elements(crm.report_trial('tr_soap') -> 'words') w;
SELECT j ->> 'issued' AS issued, j ->> 'answered' AS answered FROM crm.report_trial('tr_soap', 'tr_1') j;
-- each number opens whom it counts: of R2 the person of today
SELECT p.store, f.figure, (crm.report_trial('tr_soap', p.store) ->> f.figure)::bigint AS counted,
       (SELECT count(*) FROM crm.report_persons(CASE f.figure WHEN 'answered' THEN 'answered' ELSE 'offer' END, CASE f.figure WHEN 'answered' THEN '' ELSE f.figure || '.' END || 'tr_soap', p.store) j) AS listed
FROM (VALUES (NULL::text), ('tr_1'), ('tr_2')) p (store), unnest('{issued,redeemed,answered}'::text[]) WITH ORDINALITY f (figure, no) ORDER BY p.store NULLS FIRST, f.no;
SELECT crm.report_trial('tr_none');
ROLLBACK;
