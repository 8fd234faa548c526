-- console: what staff write on the pages: a customer enrolled, a note, who belongs to whom.
\set VERBOSITY terse
SET client_min_messages = warning;
SET datestyle = 'ISO';
SET timezone = 'Asia/Shanghai';
BEGIN;
SET LOCAL crm.core_clock = '2026-03-31T12:00:00+08:00';
SELECT set_config('crm.access_claims', '{"actor": "regress", "role": "crm_headquarters", "stores": [], "all": true}', true) <> '' AS claims;
SELECT crm.access_define_region('cons_r', 'r') > 0 AS region, crm.access_define_store('cons_s1', 'one', 'cons_r') AS s1,
       crm.access_define_store('cons_s2', 'two', 'cons_r') AS s2, crm.access_define_store('cons_s3', 'three', 'cons_r', time_zone => 'America/Los_Angeles') AS s3 \gset
SELECT crm.access_define_staff('cons_e1', 'e one', 'crm_clerk', ARRAY['store:cons_s1']) AS e1,
       crm.access_define_staff('cons_e2', 'e two', 'crm_clerk', ARRAY['store:cons_s2']) AS e2,
       crm.access_define_staff('cons_e3', 'e three', 'crm_clerk', ARRAY['store:cons_s3']) AS e3 \gset
\i sql/shared/try_remedy.sql
CREATE FUNCTION pg_temp.act(code text, staff int, store int) RETURNS boolean LANGUAGE sql AS $$
    SELECT set_config('crm.access_claims', json_build_object('actor', code, 'staff_id', staff, 'role', 'crm_clerk', 'stores', ARRAY[store], 'all', false)::text, true) <> ''
$$;

-- 1. enrolled in the clerk's store, with what they agreed to; typed twice it is one person, nothing changed
SELECT pg_temp.act('cons_e1', :e1, :s1) AS clerk;
SELECT j ->> 'outcome' AS outcome, j ->> 'customer_id' AS person
FROM crm.ingest_enrol(' 王小明 ', '138 1234 0099', '1990-05-01', ARRAY['sms', 'pigeon']) j \gset
SELECT :'outcome' AS outcome, c.name_masked, c.phone_masked, c.registered_on, c.home_store_id = :s1 AS here
FROM crm.customer c WHERE c.customer_id = :person;
SELECT channel, state FROM crm.consent JOIN crm.membership m USING (source_record_id) WHERE m.customer_id = :person ORDER BY channel;
SELECT j ->> 'outcome' AS again, (j ->> 'customer_id')::bigint = :person AS same FROM crm.ingest_enrol('王小明', '+86 138-1234-0099', '1990-05-01', ARRAY['sms']) j;
SELECT call, pg_temp.try(call) AS answer FROM (VALUES
    (1, $$crm.ingest_enrol('', '13812340098')$$), (2, $$crm.ingest_enrol(NULL, '13812340098')$$), (3, $$crm.ingest_enrol('李雷', '12345')$$),
    (4, $$crm.ingest_enrol('李雷', NULL)$$), (5, $$crm.ingest_enrol('李雷', '13800000000')$$), (6, $$crm.ingest_enrol('李雷', '010-62781234')$$),
    (7, $$crm.ingest_enrol('李雷', '13812340098', 'soon')$$), (8, $$crm.ingest_enrol(repeat('长', 101), '13812340098')$$),
    (9, $$crm.ingest_enrol('李雷', '13812340098', '2099-01-01')$$), (10, $$crm.ingest_enrol('李雷', '13812340098', '1990-02-30')$$), (11, $$crm.ingest_enrol('李雷', '13812340098', '1899-01-01')$$)) v(n, call) ORDER BY n;

-- 2. a note says who spoke; a day to call makes a follow-up; a retry of the call is one note
SELECT crm.ingest_note(:person, ' 想要生日蛋糕 ', 'call', 'interested', '2026-04-03', idempotency_key => 'note-1') AS first \gset
SELECT crm.ingest_note(:person, ' 想要生日蛋糕 ', 'call', 'interested', '2026-04-03', idempotency_key => 'note-1') = :'first'::jsonb AS one_note;
SELECT i.channel, i.direction, i.body, i.outcome, i.next_on, i.staff_id = :e1 AS mine FROM crm.interaction i JOIN crm.membership m USING (source_record_id) WHERE m.customer_id = :person;
SELECT t.kind, t.due_at, t.staff_id = :e1 AS mine FROM crm.task t WHERE t.customer_id = :person;
SELECT call, pg_temp.try(format(call, :person)) AS answer FROM (VALUES
    (1, 'crm.ingest_note(%s, '' '')'), (2, 'crm.ingest_note(%s, NULL)'), (3, 'crm.ingest_note(%s, repeat(''x'', 4001))'),
    (4, 'crm.ingest_note(%s, ''x'', ''Pigeon Post'')'), (5, 'crm.ingest_note(%s, ''x'', NULL)'), (6, 'crm.ingest_note(%s + 1, ''x'')'),
    (7, 'crm.ingest_note(NULL, ''x'')'), (8, 'crm.ingest_note(%s, ''x'', ''call'', NULL, ''2026-03-30'')')) v(n, call) ORDER BY n;
SELECT crm.ingest_note(:person, '今天再来', 'store', NULL, '2026-03-31') ->> 'outcome' AS today_is_a_day_to_come;
-- the store's today, at which the follow-up is due by its clock: the chain's has begun already
SELECT pg_temp.act('cons_e3', :e3, :s3) AS clerk;
SELECT j ->> 'customer_id' AS far_off FROM crm.ingest_enrol('陈远', '13812340097') j \gset
SELECT crm.ingest_note(:far_off, '今天再来', 'store', NULL, '2026-03-30') ->> 'outcome' AS today_is_a_day_to_come, pg_temp.try(format('crm.ingest_note(%s, ''x'', ''call'', NULL, ''2026-03-29'')', :far_off)) AS yesterday;
SELECT t.kind, t.due_at FROM crm.task t WHERE t.customer_id = :far_off AND t.kind = 'follow_up';
SELECT pg_temp.act('cons_e1', :e1, :s1) AS clerk;

-- 3. who belongs to them
SELECT (crm.identity_relate(:person, 'child', ' 小小 ', '2021-06-01', 'f') ->> 'related_id')::bigint AS child \gset
SELECT crm.identity_relate(:person, 'pet', 'Mimi', species => 'cat') IS NOT NULL AS pet, crm.identity_relate(:person, 'parent', birthday => '1960-05-20', is_birthday_lunar => true) IS NOT NULL AS lunar;
SELECT j - 'related_id' AS related FROM crm.identity_related(:person) j;
SELECT crm.identity_unrelate(:person, :child) AS ended, crm.identity_unrelate(:person, :child) AS twice, crm.identity_unrelate(:person, NULL) AS nobody;
SELECT j ->> 'name' AS left_over FROM crm.identity_related(:person) j;
SELECT call, pg_temp.try(format(call, :person)) AS answer FROM (VALUES
    (1, 'crm.identity_relate(%s, ''boss'')'), (2, 'crm.identity_relate(%s, NULL)'), (3, 'crm.identity_relate(%s, ''child'', sex => ''x'')'),
    (4, 'crm.identity_relate(%s, ''child'', birthday => ''1800-01-01'')'), (5, 'crm.identity_relate(%s, ''child'', birthday => ''infinity'')'),
    (6, 'crm.identity_relate(NULL, ''child'')'),
    (7, 'crm.identity_relate(%s, ''pet'', species => repeat(''x'', 101))'), (8, 'crm.identity_relate(%s, ''pet'', repeat(''x'', 101))')) v(n, call) ORDER BY n;

-- 4. a clerk of another store sees nobody there
SELECT pg_temp.act('cons_e2', :e2, :s2) AS other_clerk;
SELECT call, pg_temp.try(format(call, :person)) AS answer FROM (VALUES
    (1, 'crm.ingest_note(%s, ''x'')'), (2, 'crm.identity_relate(%s, ''child'')'), (3, 'crm.identity_unrelate(%s, 1)'),
    (4, '(SELECT count(*) FROM crm.identity_related(%s))'), (5, '(SELECT count(*) FROM crm.report_timeline(%s))'), (6, 'crm.report_person(%s)')) v(n, call) ORDER BY n;

-- 5. no note is kept where no record is left that could carry it: a split can leave a person with receipts only
SELECT set_config('crm.access_claims', '{"actor": "regress", "role": "crm_headquarters", "stores": [], "all": true}', true) <> '' AS claims;
INSERT INTO crm.customer (customer_id, status, name_masked, registered_at, registered_on, updated_at, home_store_id, scope_store_ids)
VALUES (960401, 'active', '', '2026-01-01', '2026-01-01', '2026-01-01', :s1, ARRAY[:s1]);
SELECT pg_temp.try('crm.ingest_note(960401, ''x'')') AS answer;

-- 6. erased: neither noted nor enrolled again
SELECT count(*) AS kept_before FROM crm.inbox i JOIN crm.source s USING (source_id)
WHERE s.code = 'console' AND convert_from(i.payload, 'UTF8') LIKE '%13812340099%';
SELECT crm.access_erase(:person, 'asked for it') IS NOT NULL AS erased;
SELECT call, pg_temp.try(format(call, :person)) AS answer FROM (VALUES
    (1, 'crm.ingest_note(%s, ''x'')'), (2, 'crm.ingest_enrol(''王小明'', ''13812340099'')')) v(n, call) ORDER BY n;
SELECT count(*) AS kept_after FROM crm.inbox i JOIN crm.source s USING (source_id)
WHERE s.code = 'console' AND convert_from(i.payload, 'UTF8') LIKE '%13812340099%';
ROLLBACK;
