-- own_everywhere: a house that has added columns to every table is answered as before: whatever takes a row whole names the columns it means.
\set VERBOSITY terse
SET client_min_messages = warning;
BEGIN;
SET LOCAL crm.core_clock = '2026-06-30T12:00:00+08:00';
SELECT set_config('crm.access_claims', '{"actor": "regress", "role": "crm_headquarters", "stores": [], "all": true}', true) <> '' AS claims;
SELECT crm.outbox_define_template('own_text', 'sms', '{{name}}，您好，退订回T') ->> 'template' AS text;
SELECT crm.sales_define_pipeline('own_pipe', '{"name_zh": "团购", "stages": [{"stage": "ask", "name_zh": "询价"}, {"stage": "won", "name_zh": "成交", "outcome": "won"}, {"stage": "lost", "name_zh": "丢单", "outcome": "lost"}]}') ->> 'pipeline' AS pipeline;
CREATE TEMP TABLE before AS SELECT crm._campaign_texts_kept('{"template": "own_text"}') AS texts;
DO $$
DECLARE
    relation regclass;
BEGIN
    FOR relation IN SELECT k.oid FROM pg_class k WHERE k.relnamespace = 'crm'::regnamespace AND k.relkind IN ('r', 'p') AND NOT k.relispartition ORDER BY k.relname LOOP
        EXECUTE format('ALTER TABLE %s ADD COLUMN own_gone int, ADD COLUMN own_note text NOT NULL DEFAULT ''note''', relation);
        EXECUTE format('ALTER TABLE %s DROP COLUMN own_gone', relation);
    END LOOP;
END $$;

-- 1. every question that needs no argument
CREATE TEMP TABLE asked (question text, state text);
DO $$
DECLARE
    question text;
BEGIN
    FOR question IN SELECT p.oid::regproc FROM pg_proc p JOIN pg_language l ON l.oid = p.prolang
                    WHERE p.pronamespace = 'crm'::regnamespace AND l.lanname IN ('sql', 'plpgsql') AND p.prokind = 'f' AND p.pronargs = p.pronargdefaults
                      AND p.prorettype <> ALL (ARRAY['trigger', 'event_trigger']::regtype[]) AND (p.provolatile <> 'v' OR p.proname LIKE '%\_job') AND p.proname NOT LIKE '%check%' ORDER BY 1 LOOP
        BEGIN
            EXECUTE format('SELECT count(*) FROM (SELECT %s()) q', question);
            INSERT INTO asked VALUES (question, '00000');
        EXCEPTION WHEN OTHERS THEN
            INSERT INTO asked VALUES (question, SQLSTATE || ' ' || SQLERRM);
        END;
    END LOOP;
END $$;
SELECT count(*) > 100 AS many, count(*) FILTER (WHERE state = '00000') > 90 AS answered FROM asked;
SELECT question, state FROM asked WHERE state ~ '^(42|XX)' AND state !~ '^42501' ORDER BY 1;
-- 2. and some that need one
SELECT count(*) AS stopped FROM crm._campaign_stopped('{}');
SELECT count(*) AS entered FROM crm._report_entered('2026-06-01', '2026-06-30', NULL);
-- 3. what is told is taken back: a pipeline, the texts of a version
SELECT crm.sales_define_pipeline('own_again', crm._sales_pipeline('own_pipe') - '{pipeline,warnings}'::text[]) ->> 'pipeline' AS taken;
SELECT crm._campaign_texts_kept('{"template": "own_text"}') = b.texts AS the_same FROM before b;
SELECT crm._campaign_say_again('own', jsonb_set(b.texts, '{0,own_note}', '"kept by a release of before"')) IS NOT NULL AS said FROM before b;
ROLLBACK;
