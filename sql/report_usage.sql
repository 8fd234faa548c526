-- report_usage: how much of the staff uses the system, by periods; who does not; and which functions nobody calls.
\set VERBOSITY terse
SET client_min_messages = warning;
SET datestyle = 'ISO';
SET timezone = 'Asia/Shanghai';
BEGIN;
SET LOCAL crm.core_clock = '2026-06-30T12:00:00+08:00';
SELECT set_config('crm.access_claims', '{"actor": "regress", "role": "crm_headquarters", "stores": [], "all": true}', true) <> '' AS claims;
SELECT crm.access_define_region('us_r', 'r') > 0 AS region, crm.access_define_store('us_1', 'one', 'us_r') AS s1, crm.access_define_store('us_2', 'two', 'us_r') AS s2 \gset
SELECT crm.access_define_staff('us_a', 'a', 'crm_clerk', '{store:us_1}') AS a, crm.access_define_staff('us_b', 'b', 'crm_clerk', '{store:us_1}') AS b, crm.access_define_staff('us_c', 'c', 'crm_clerk', '{store:us_2}') AS c,
       crm.access_define_staff('us_gone', 'gone', 'crm_clerk', '{region:us_r}') AS gone, crm.access_define_staff('us_m', 'm', 'crm_store_manager', '{store:us_1}') AS m \gset
UPDATE crm.staff SET created_at = CASE code WHEN 'us_b' THEN timestamptz '2026-06-22T09:00:00+08:00' ELSE '2026-01-05T09:00:00+08:00' END WHERE code LIKE 'us\_%';
UPDATE crm.staff SET left_at = '2026-06-10T18:00:00+08:00' WHERE code = 'us_gone';
CREATE FUNCTION pg_temp.act(code text, staff int, role text, stores int[]) RETURNS boolean LANGUAGE sql AS $$
    SELECT set_config('crm.access_claims', json_build_object('actor', code, 'staff_id', staff, 'role', role, 'stores', stores, 'all', stores IS NULL)::text, true) <> ''
$$;
-- a: signs in on three days of two weeks, and at a quarter to midnight of the chain; b: never; c: a note yesterday; gone: in May
INSERT INTO crm.session (session_hash, staff_id, user_agent, created_at, expires_at)
SELECT convert_to('us' || n, 'UTF8'), s, '', at, at + interval '12 hours' FROM (VALUES (1, :a, timestamptz '2026-06-15T09:00:00+08:00'), (2, :a, '2026-06-15T21:00:00+08:00'), (3, :a, '2026-06-21T23:45:00+08:00'), (4, :a, '2026-06-23T09:00:00+08:00'), (5, :gone, '2026-05-20T09:00:00+08:00')) v (n, s, at);
SET LOCAL crm.core_clock = '2026-06-29T10:00:00+08:00';
SELECT pg_temp.act('us_c', :c, 'crm_clerk', ARRAY[:s2]);
SELECT crm.ingest_note((crm.ingest_enrol('吴一', '138 1234 9901') ->> 'customer_id')::bigint, '来访') ->> 'outcome' AS noted;
SET LOCAL crm.core_clock = '2026-06-30T12:00:00+08:00';
SELECT set_config('crm.access_claims', '{"actor": "regress", "role": "crm_headquarters", "stores": [], "all": true}', true) <> '' AS claims;
DELETE FROM crm.audit WHERE staff_id IN (:a, :b, :c, :gone);    -- of real time, whatever the clock says

-- 1. counted from the facts, and the same when nights have added them up
CREATE TEMP TABLE live AS SELECT 'week' AS unit, u.* FROM crm.report_usage('week', 4, 'clerk', NULL, 'us_r') u;
TABLE live;
DO $$ BEGIN WHILE crm._report_staff_job() > 0 LOOP END LOOP; END $$;
SELECT p.kept_to, crm._report_staff_job() AS nothing_left FROM crm.report_staff_day_progress p;
SELECT count(*) AS differ FROM (TABLE live EXCEPT SELECT 'week', u.* FROM crm.report_usage('week', 4, 'clerk', NULL, 'us_r') u) d;
SELECT * FROM crm.report_usage('quarter', 3, 'clerk', NULL, 'us_r');
SELECT * FROM crm.report_usage('month', 2, 'clerk', 'us_1');
SELECT u.staff, u.active, u.share FROM crm.report_usage('week', 1, 'marketer') u;
SELECT * FROM crm.report_staff_use(30, 'clerk', NULL, 'us_r');

-- 2. a note that comes late for a day of the last three is seen by the next night; today is counted live
SET LOCAL crm.core_clock = '2026-07-01T12:00:00+08:00';
INSERT INTO crm.session (session_hash, staff_id, user_agent, created_at, expires_at) SELECT convert_to('us' || n, 'UTF8'), :b, '', at, at + interval '12 hours' FROM (VALUES (6, timestamptz '2026-06-28T09:00:00+08:00'), (7, '2026-07-01T09:00:00+08:00')) v (n, at);
SELECT u.active_days, u.last_on FROM crm.report_staff_use(30, 'clerk', 'us_1') u WHERE u.staff = 'us_b';
SELECT crm._report_staff_job() AS left_over;
SELECT u.active_days, u.last_on FROM crm.report_staff_use(30, 'clerk', 'us_1') u WHERE u.staff = 'us_b';

-- 3. a store's manager sees the store's
SELECT pg_temp.act('us_m', :m, 'crm_store_manager', ARRAY[:s1]);
SELECT u.staff FROM crm.report_staff_use() u ORDER BY 1;
SELECT u.starts_on, u.staff, u.active FROM crm.report_usage('week', 1) u;
SAVEPOINT a;
SELECT crm.report_usage('week', 1, 'clerk', 'us_2');
ROLLBACK TO a;
SELECT crm.report_usage('year');
ROLLBACK TO a;
SELECT crm.report_usage('week', 1, 'till');
ROLLBACK TO a;
SELECT crm.report_staff_use(30, NULL);
ROLLBACK TO a;

-- 4. what gateways tell adds up, by day and role; what is no function any more is forgotten, what nobody calls is named
SELECT set_config('crm.access_claims', '{"actor": "regress", "role": "crm_headquarters", "stores": [], "all": true}', true) <> '' AS claims;
SELECT crm.report_count_calls('{"operations": [{"operation": "us_find", "tag": "Persons", "summary": "find"}, {"operation": "us_never", "tag": "Persons", "summary": "never"}], "calls": []}') IS NOT NULL AS told;
SELECT crm.report_count_calls('{"calls": [{"operation": "us_find", "role": "clerk", "calls": 3}, {"operation": "us_find", "role": "manager", "calls": 1}]}') IS NOT NULL AS told, crm.report_count_calls('{"operations": [], "calls": [{"operation": "us_find", "role": "clerk", "calls": 4}]}') IS NOT NULL AS again;
SELECT f.* FROM crm.report_functions() f;
SET LOCAL crm.core_clock = '2026-10-30T12:00:00+08:00';
SELECT f.operation, f.calls, f.roles, f.last_on, f.is_unused FROM crm.report_functions(90) f;
SELECT crm.report_count_calls('{"operations": [{"operation": "us_find", "tag": "People", "summary": "find"}]}') IS NOT NULL AS told;
SELECT f.operation, f.tag, f.calls FROM crm.report_functions(200) f;
SET LOCAL crm.core_clock = '2027-10-30T12:00:00+08:00';
SELECT crm.report_count_calls('{"operations": [{"operation": "us_find", "tag": "People", "summary": "find"}]}') IS NOT NULL AS told;
SELECT count(*) AS left FROM crm.operation_day;
ROLLBACK;
