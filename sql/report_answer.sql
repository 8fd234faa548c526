-- report_answer: answers are kept by what is asked, of however many stores; in a flood of persons, however few commits told of them, none is made.
\set VERBOSITY terse
SET client_min_messages = warning;
BEGIN;
SET LOCAL crm.core_clock = '2026-06-30T12:00:00+08:00';
SELECT set_config('crm.access_claims', '{"actor": "regress", "role": "crm_headquarters", "stores": [], "all": true}', true) <> '' AS claims;
SELECT crm.access_define_region('an_r', 'r') AS region, crm.access_define_store('an_0', 'none', 'an_r') AS store \gset
DELETE FROM crm.report_answer;
DELETE FROM crm.report_mark;
UPDATE crm.room_setting SET value = '2' WHERE name = 'report.most_places';

-- 1. two thousand stores
INSERT INTO crm.store (store_id, code, name, region_id) SELECT 3000000 + g, 'an_' || g, 'n' || g, :region FROM generate_series(1, 2000) g;
CREATE FUNCTION pg_temp.answer() RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    calls bigint := 0;
BEGIN
    WHILE crm._report_answers_job() > 0 LOOP calls := calls + 1; END LOOP;
    RETURN calls;
END $$;
SELECT pg_temp.answer() = (SELECT count(*) FROM crm._report_standing('2026-06-30') s) AS all_answered, pg_temp.answer() AS again;
SELECT count(*) AS large FROM crm.report_answer a WHERE cardinality(a.stores) > 2000;
SELECT count(*) AS wrong FROM crm.report_answer a WHERE a.question <> crm._report_question(a.kind, a.is_chain, a.stores, a.marks);
SELECT count(*) AS stores, sum(s.persons) AS persons FROM crm.report_stores('2026-04-01', '2026-06-30') s WHERE s.region_code = 'an_r';
SELECT crm.report_health(NULL, 'an_r') ->> 'persons' AS persons;
SELECT count(*) AS differ FROM crm.report_check();

-- 2. the same question has one key, and others have others
SELECT count(DISTINCT q.key) AS keys, count(*) AS questions FROM (VALUES (2, true, '{}'::int[], '{2026-06-30}'::date[]), (3, true, '{}', '{2026-06-30}'), (2, false, '{}', '{2026-06-30}'), (2, false, '{1,2}', '{2026-06-30}'), (2, false, '{12}', '{2026-06-30}'),
    (2, false, '{1,2}', '{}'), (2, false, '{1,2}', '{2026-06-30,2026-07-01}'), (2, false, '{1,2}', '{-infinity}')) v (kind, chain, stores, marks), LATERAL (SELECT crm._report_question(v.kind, v.chain, v.stores, v.marks) AS key) q;
SET LOCAL datestyle = 'German';
SELECT crm._report_question(2, true, '{}', ARRAY[date '30.06.2026']) = (SELECT a.question FROM crm.report_answer a WHERE a.kind = 2 AND a.is_chain) AS whatever_the_style;

-- 3. two commits of fifty thousand persons each are a flood; one alone is none
SELECT crm._report_mark(ARRAY(SELECT g FROM generate_series(-50000, -1) g)) IS NOT NULL AS marked;
SELECT crm._report_is_flood(9223372036854775807) AS flood, crm._report_count_waiting(9223372036854775807, 1000) AS counted;
DELETE FROM crm.report_answer;
SELECT crm._report_mark(ARRAY(SELECT g FROM generate_series(-100000, -50001) g)) IS NOT NULL AS marked;
SELECT crm._report_is_flood(9223372036854775807) AS flood, crm._report_is_flood((SELECT min(m.mark_id) FROM crm.report_mark m)) AS before_it, crm._report_answers_job() AS answered, (SELECT count(*) FROM crm.report_answer) AS kept;
ROLLBACK;
