-- report_behind: who stands behind tags, two audiences together, what is stuck and the stages of a pipeline; what is no figure; who may ask.
\set VERBOSITY terse
SET client_min_messages = warning;
SET datestyle = 'ISO';
SET timezone = 'Asia/Shanghai';
BEGIN;
SET LOCAL crm.core_clock = '2026-06-15T12:00:00+08:00';
CREATE FUNCTION pg_temp.as_role(role text, stores int[], is_all boolean) RETURNS boolean LANGUAGE sql AS $$
    SELECT set_config('crm.access_claims', json_build_object('actor', 'be_x', 'role', role, 'stores', stores, 'all', is_all)::text, true) <> '' $$;
SELECT pg_temp.as_role('crm_headquarters', '{}', true) AS headquarters;
SELECT crm.access_define_region('be_r', 'r') > 0 AS region, crm.access_define_store('be_1', 'one', 'be_r') AS s1, crm.access_define_store('be_2', 'two', 'be_r') AS s2 \gset
SELECT crm.ingest_define_source('be_till', 'till', 'pos', '{}') > 0 AS till;
SELECT count(*) AS persons FROM generate_series(1, 12) n, crm.ingest_member('be_till', convert_to(json_build_object('external_id', 'E' || n, 'name', '王' || n, 'phone', '1372377' || lpad(n::text, 4, '0'), 'store_code', 'be_' || (1 + n % 2),
    'registered_at', '2026-01-05T10:00:00+08:00')::text, 'UTF8')) r WHERE r.status = 201;
CREATE FUNCTION pg_temp.of(n int) RETURNS bigint LANGUAGE sql AS $$ SELECT crm._identity_current(m.customer_id) FROM crm.source_record r JOIN crm.membership m USING (source_record_id) WHERE r.external_id = 'E' || n AND m.valid_to = 'infinity' $$;
CREATE FUNCTION pg_temp.behind(what text, key text, store text DEFAULT NULL, size int DEFAULT 2) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    n bigint := 0; last bigint := 0; page int;
BEGIN
    LOOP
        SELECT count(*), max((j ->> 'customer_id')::bigint) INTO page, last FROM crm.report_persons(what, key, store, NULL, last, size) j;
        n := n + page;
        EXIT WHEN page < size;
    END LOOP;
    RETURN n;
END $$;
CREATE FUNCTION pg_temp.try(call text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    answer text; field text;
BEGIN
    EXECUTE 'SELECT count(*) FROM ' || call INTO answer;
    RETURN answer;
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS field = COLUMN_NAME;
    RETURN concat_ws(' ', SQLSTATE, nullif(field, ''));
END $$;

-- 1. tags: given by hand (once again, and taken back), automatic; as many as the dictionary says; of who was merged since the person of today
SELECT crm.segment_define_tag('be_hand', '手工', 'base', NULL, 'manual') IS NOT NULL AS hand;
SELECT crm.segment_define_tag('be_two', '二店', 'base', '{"kind": "person", "field": "store", "value": "be_2"}', 'automatic') IS NOT NULL AS automatic;
SELECT count(*) AS given FROM generate_series(1, 5) n, LATERAL crm.segment_tag_person(pg_temp.of(n), 'be_hand', NULL, '因为') t;
SELECT crm._segment_refresh() AS left_over;
SELECT t ->> 'tag' AS tag, (t ->> 'persons')::bigint AS persons, pg_temp.behind('tagged', t ->> 'tag') AS listed, pg_temp.behind('tagged', t ->> 'tag', 'be_1') AS of_one, pg_temp.behind('tagged', t ->> 'tag', 'be_2') AS of_two
FROM crm.segment_tags() t WHERE t ->> 'tag' LIKE 'be%' ORDER BY 1;
SAVEPOINT merged;
SELECT crm.identity_merge(pg_temp.of(2), pg_temp.of(12), 'one') IS NOT NULL AS merged, crm.identity_merge(pg_temp.of(11), pg_temp.of(3), 'one') IS NOT NULL AS into_who_has_none;
SELECT pg_temp.behind('tagged', 'be_hand') AS listed, pg_temp.of(3) IN (SELECT (j ->> 'customer_id')::bigint FROM crm.report_persons('tagged', 'be_hand') j) AS as_who_they_are;
ROLLBACK TO merged;

-- 2. two audiences together
SELECT crm.segment_define('be_a', 'a', '{"kind": "person", "field": "store", "value": "be_2"}', 'living') IS NOT NULL AS a, crm.segment_define_list('be_b', 'b', ARRAY(SELECT pg_temp.of(n) FROM generate_series(1, 5) n)) IS NOT NULL AS b;
SELECT crm._segment_refresh() AS left_over;
SELECT (o ->> 'both')::bigint AS in_both, pg_temp.behind('overlap', '["be_a","be_b"]') AS listed, pg_temp.behind('overlap', '["be_b","be_a"]', 'be_2') AS of_two, pg_temp.behind('overlap', '["be_b","be_a"]', 'be_1') AS of_one FROM crm.segment_overlap('{be_a,be_b}') o;

-- 3. a pipeline's stages: here now, too long here, came so far; of deals opened in the days asked for; the board says the same
CREATE FUNCTION pg_temp.deal(n int, store int, opened timestamptz, stages text[], outcome text DEFAULT 'open') RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    deal bigint := crm._new_id();
BEGIN
    INSERT INTO crm.deal (customer_id, deal_id, pipeline, stage, outcome, title, amount, is_important, lead_source, store_id, opened_at, stage_at, touched_at, closed_at, came_stages, came_at)
    VALUES (pg_temp.of(n), deal, 'consult', stages[cardinality(stages)], outcome, 'x', 100, false, 'web', store, opened, opened, opened, CASE WHEN outcome = 'open' THEN 'infinity' ELSE opened END, stages, array_fill(opened, ARRAY[cardinality(stages)]));
    INSERT INTO crm.deal_event (customer_id, deal_id, deal_event_id, at, kind, actor, stage, from_stage)
    SELECT pg_temp.of(n), deal, crm._new_id(), opened, CASE s.no WHEN 1 THEN 'opened' ELSE 'moved' END, 'x', s.stage, stages[s.no - 1] FROM unnest(stages) WITH ORDINALITY s (stage, no);
END $$;
SELECT pg_temp.deal(1, :s2, '2026-06-14T10:00+08', '{lead}'), pg_temp.deal(2, :s1, '2026-02-14T10:00+08', '{lead}'), pg_temp.deal(3, :s2, '2026-05-14T10:00+08', '{lead,proposal}'), pg_temp.deal(4, :s1, '2026-05-14T10:00+08', '{lead,proposal,won}', 'won'),
       pg_temp.deal(5, :s2, '2026-05-14T10:00+08', '{lead,proposal,lost}', 'lost'), pg_temp.deal(6, :s2, '2024-05-14T10:00+08', '{lead,proposal}');
CREATE FUNCTION pg_temp.stages() RETURNS TABLE (figure text, stage text, n bigint) LANGUAGE sql AS $$
    SELECT f.figure, j ->> 'stage', f.n FROM crm.sales_board('consult', '2026-01-01', '2026-06-15') j, LATERAL (VALUES ('here', (j ->> 'deals')::bigint), ('slow', (j ->> 'slow')::bigint), ('reached', (j ->> 'reached')::bigint)) f (figure, n) $$;
SELECT s.figure, sum(s.n) AS counted, count(*) FILTER (WHERE s.n <> pg_temp.behind('pipeline', format('%s.2026-01-01.2026-06-15.consult.%s', s.figure, s.stage))) AS disagree FROM pg_temp.stages() s GROUP BY 1 ORDER BY 1;
SELECT pg_temp.as_role('crm_store_manager', ARRAY[:s2], false) AS manager_of_two;
SELECT s.figure, sum(s.n) AS counted, count(*) FILTER (WHERE s.n <> pg_temp.behind('pipeline', format('%s.2026-01-01.2026-06-15.consult.%s', s.figure, s.stage))) AS disagree FROM pg_temp.stages() s GROUP BY 1 ORDER BY 1;
SELECT pg_temp.as_role('crm_headquarters', '{}', true) AS headquarters;
-- a page of five hundred deals, or tickets, is one: a shorter one would be taken for the last
SAVEPOINT many;
SELECT count(pg_temp.deal(7, :s1, '2026-06-14T10:00+08', '{lead}')) AS opened FROM generate_series(1, 230) n;
SELECT count(*) > 230 AS in_a_page FROM crm.sales_deals('consult', NULL, NULL, NULL, 500) j;
ROLLBACK TO many;

-- 4. what is stuck: of tasks as many persons, or fewer
INSERT INTO crm.task (customer_id, task_id, task_key, kind, store_id, role, title, due_at, state, created_at)
SELECT pg_temp.of(n), crm._new_id(), 'be' || k, CASE n WHEN 1 THEN 'stall' WHEN 2 THEN 'hand' ELSE 'follow_up' END, CASE WHEN n % 2 = 0 THEN :s1 ELSE :s2 END, 'crm_clerk', 'x', '2026-06-10T10:00+08'::timestamptz, 'open', crm.core_now() FROM generate_series(1, 5) n, generate_series(1, 2) k;
SELECT e ->> 'what' AS what, (e ->> 'records')::bigint AS tasks, pg_temp.behind('stuck', e ->> 'what', 'be_1') AS of_one, pg_temp.behind('stuck', e ->> 'what', 'be_2') AS of_two FROM crm.report_exceptions(NULL, 'be_r') e ORDER BY 1;

-- 5. what is no figure, and names nobody; who may not ask for the figure may not ask for its persons
SELECT v.call, pg_temp.try('crm.report_persons(' || v.call || ')') AS answer FROM unnest(ARRAY[$$'origin', 'nowhere'$$, $$'origin', repeat('x', 101)$$, $$'field', 'shoe'$$, $$'mix', 'tea'$$, $$'mix', 'A.'$$, $$'mix', '.none'$$, $$'lost', 'why.x'$$, $$'lost', 'store.be_none'$$,
    $$'lead', 'leads.2026-6.x'$$, $$'lead', 'leads.2026-06.x'$$, $$'reached', ''$$, $$'offer', 'used.x'$$, $$'offer', 'issued.none'$$, $$'answered', 'none'$$, $$'tagged', 'none'$$, $$'overlap', '["be_a"]'$$, $$'overlap', '["be_a","be_none"]'$$, $$'overlap', '["be_a",null]'$$, $$'overlap', '[[]'$$,
    $$'stuck', 'rejects'$$, $$'pipeline', 'here.2026-01-01.2026-06-15.none.lead'$$, $$'pipeline', 'here.2026-06-15.2026-01-01.consult.lead'$$, $$'pipeline', 'here.2026-06-31.2026-07-01.consult.lead'$$, $$'pipeline', 'there.2026-01-01.2026-06-15.consult.lead'$$]) WITH ORDINALITY v (call, no) ORDER BY v.no;
SELECT v.role, pg_temp.as_role(v.role, CASE WHEN v.role = 'crm_store_manager' THEN ARRAY[:s1] ELSE '{}' END, v.role <> 'crm_store_manager') AS is_role, pg_temp.try($$crm.report_persons('tagged', 'be_hand')$$) AS tagged, pg_temp.try($$crm.report_persons('overlap', '["be_a","be_b"]')$$) AS overlap,
       pg_temp.try($$crm.report_persons('stuck', 'overdue')$$) AS stuck, pg_temp.try($$crm.report_persons('pipeline', 'here.2026-01-01.2026-06-15.consult.lead')$$) AS pipeline, pg_temp.try($$crm.report_persons('offer', 'issued.x')$$) AS offer, pg_temp.try($$crm.report_persons('answered', 'x')$$) AS answered,
       pg_temp.try($$crm.report_persons('stuck', 'overdue', 'be_2')$$) AS of_two
FROM unnest('{crm_store_manager,crm_marketer,crm_analyst,crm_headquarters}'::text[]) WITH ORDINALITY v (role, n) ORDER BY n;
ROLLBACK;
