-- versions: fields, forms, flows and charts change without a restart; each change is kept with who made it and when, is laid beside
-- another, and taken back, as a new version.
\set VERBOSITY terse
SET client_min_messages = warning;
SET datestyle = 'ISO';
SET timezone = 'Asia/Shanghai';
BEGIN;
SET LOCAL crm.core_clock = '2026-04-01T10:00:00+08:00';
SELECT crm.access_define_region('vers', 'r') > 0 AS region, crm.access_define_store('vers_s', 's', 'vers') AS s1 \gset
SELECT crm.access_define_staff('vers_a', '王芳', 'crm_headquarters', '{all}') AS a, crm.access_define_staff('vers_b', '李雷', 'crm_headquarters', '{all}') AS b, crm.access_define_staff('vers_c', 'c', 'crm_clerk', '{store:vers_s}') AS c \gset
CREATE FUNCTION pg_temp.act(code text, staff int) RETURNS boolean LANGUAGE sql AS $$
    SELECT set_config('crm.access_claims', json_build_object('actor', code, 'staff_id', staff, 'role', 'crm_headquarters', 'stores', '{}'::int[], 'all', true)::text, true) <> ''
$$;
\i sql/shared/try_remedy.sql
-- version, who, when, what it took back, and what it changed
CREATE FUNCTION pg_temp.told(r jsonb) RETURNS text LANGUAGE sql AS $$
    SELECT concat_ws(' | ', concat_ws(' ', r ->> 'version', CASE WHEN (r ->> 'is_current')::boolean THEN 'now' END), r ->> 'changed_by_name', (r ->> 'changed_at')::timestamptz, 'back to ' || (r ->> 'back_to'),
        (SELECT string_agg(concat(c ->> 'path', ': ', coalesce(c ->> 'was', '-'), ' > ', coalesce(c ->> 'became', '-')), '; ' ORDER BY n) FROM jsonb_array_elements(r -> 'changes') WITH ORDINALITY x (c, n)))
$$;
SELECT c.* FROM crm._version_changes('{"a": 1, "b": {"c": [1, 2], "d": null}, "l": [{"x": 1}, {"x": 2}], "same": {"z": 1}}', '{"a": 1, "b": {"c": [2], "e": 1}, "l": [{"x": 1}, {"x": 3}, {"x": 4}], "same": {"z": 1}}') c;

-- 1. a field: made, changed by another, taken back; the same again is no version; its type stays
SELECT pg_temp.act('vers_a', :a) AS a;
SELECT j - 'field' AS made FROM crm.ingest_set_field('vers_shoe', '{"type": "option", "name_zh": "鞋码", "options": ["38", "39"]}') j;
SET LOCAL crm.core_clock = '2026-04-02T10:00:00+08:00';
SELECT pg_temp.act('vers_b', :b) AS b;
SELECT j ->> 'version' AS version FROM crm.ingest_set_field('vers_shoe', '{"type": "option", "name_zh": "鞋子尺码", "name_en": "shoe size", "options": ["38", "39", "40"]}', 'vers-1') j;
SELECT j ->> 'version' AS again FROM crm.ingest_set_field('vers_shoe', '{"type": "option", "name_zh": "鞋子尺码", "name_en": "shoe size", "options": ["38", "39", "40"]}', 'vers-1') j;
SELECT j ->> 'version' AS same FROM crm.ingest_set_field('vers_shoe', '{"type": "option", "name_zh": "鞋子尺码", "name_en": "shoe size", "options": ["38", "39", "40"]}') j;
SELECT j ->> 'version' AS version, j -> 'options' AS options FROM crm.ingest_custom_fields() j WHERE j ->> 'field' = 'vers_shoe';
SET LOCAL crm.core_clock = '2026-04-03T10:00:00+08:00';
SELECT j ->> 'name_zh' AS name, j -> 'options' AS options, j ->> 'version' AS version FROM crm.ingest_revert_field('vers_shoe', 1) j;
SELECT pg_temp.told(v) AS field FROM crm.ingest_field_versions('vers_shoe') v;
SELECT pg_temp.told(v) AS beside_the_second FROM crm.ingest_field_versions('vers_shoe', 2) v;
SELECT v.call, pg_temp.try(v.call) AS fault FROM (VALUES (1, $$crm.ingest_set_field('vers_shoe', '{"type": "text", "name_zh": "x"}')$$), (2, $$crm.ingest_set_field('Shoe', '{"type": "text", "name_zh": "x"}')$$), (3, $$crm.ingest_set_field('vers_x', '{"type": "text"}')$$),
    (4, $$crm.ingest_set_field('vers_x', '{"type": "text", "name_zh": "x", "colour": 1}')$$), (5, $$crm.ingest_set_field('vers_x', '[]')$$), (6, $$crm.ingest_set_field('vers_x', NULL)$$), (7, $$crm.ingest_set_field('vers_x', '{"type": "option", "name_zh": "x", "options": [1]}')$$),
    (8, $$crm.ingest_set_field('vers_x', '{"type": "option", "name_zh": "x", "options": []}')$$), (9, $$crm.ingest_set_field('vers_x', '{"type": "text", "name_zh": "x", "is_sensitive": "yes"}')$$), (10, $$crm.ingest_revert_field('vers_shoe', 9)$$), (11, $$crm.ingest_revert_field('vers_none', 1)$$),
    (12, $$crm.ingest_revert_field('vers_shoe', NULL)$$), (13, $$(SELECT count(*) FROM crm.ingest_field_versions('vers_shoe', 7))$$), (14, $$(SELECT count(*) FROM crm.ingest_field_versions(NULL))$$)) v (n, call) ORDER BY v.n;

-- 2. a form that asks for it: taken back as it began
SELECT j ->> 'version' AS version FROM crm.ingest_define_entry_form('clerk', '[{"field": "phone", "is_required": true}, {"field": "name", "is_required": true}, {"field": "custom.vers_shoe", "is_required": true}]') j;
SELECT j ->> 'version' AS version, (SELECT string_agg(f ->> 'field', ' ' ORDER BY n) FROM jsonb_array_elements(j -> 'fields') WITH ORDINALITY x (f, n)) AS fields FROM crm.ingest_revert_form('clerk', 0) j;
SELECT pg_temp.told(v) AS form FROM crm.ingest_form_versions('clerk') v;
SELECT pg_temp.try($$crm.ingest_revert_form('clerk', 99)$$) AS none, pg_temp.try($$crm.ingest_revert_form('marketer', 0)$$) AS nobodys;

-- 3. a flow: values and texts together; what one hand writes soon after is of one version; a version is taken back with its texts
SELECT pg_temp.act('vers_a', :a) AS a;
SELECT j ->> 'version' AS version FROM crm.campaign_create('vers_flow', 'win_back', '{"channels": ["sms"]}') j;
SET LOCAL crm.core_clock = '2026-04-04T10:00:00+08:00';
SELECT j ->> 'version' AS version FROM crm.campaign_edit('vers_flow', '{"holdout_percent": 20}') j;
SELECT crm.campaign_write_text('vers_flow', 1, 'sms', '{{name}}，第一版，退订回T') ->> 'template' AS template, crm.campaign_write_text('vers_flow', 2, 'sms', '{{name}}，第二波，退订回T') ->> 'template' AS second;
SET LOCAL crm.core_clock = '2026-04-05T10:00:00+08:00';
SELECT pg_temp.act('vers_b', :b) AS b;
SELECT crm.campaign_write_text('vers_flow', 1, 'sms', '{{name}}，另一版，退订回T') ->> 'template' AS template;
SELECT crm.campaign_edit('vers_flow', '{"holdout_percent": 0, "who": {"kind": "purchase", "measure": "count", "op": ">=", "value": 3}}') ->> 'version' AS version;
SELECT pg_temp.told(v) AS flow FROM crm.campaign_versions('vers_flow') v;
SELECT max(v.version) - 2 AS before FROM crm.flow_version v JOIN crm.flow f USING (flow_id) WHERE f.code = 'vers_flow' \gset
SELECT j -> 'spec' -> 'holdout_percent' AS holdout, j ->> 'version' AS version FROM crm.campaign_revert('vers_flow', :before, 'vers-2') j;
SELECT j ->> 'version' AS replayed FROM crm.campaign_revert('vers_flow', :before, 'vers-2') j;
SELECT t ->> 'body' AS said FROM crm.campaign_texts('vers_flow') t WHERE t ->> 'step' IN ('1', '2') ORDER BY t ->> 'step';
SELECT pg_temp.told(v) AS beside_it FROM crm.campaign_versions('vers_flow', :before) v WHERE (v ->> 'is_current')::boolean;
SELECT pg_temp.try($$crm.campaign_revert('vers_flow', 99)$$) AS no_version, pg_temp.try($$crm.campaign_revert('vers_none', 1)$$) AS no_flow;
-- a text that others send stays theirs
SELECT crm.campaign_revert('vers_flow', 1) -> 'spec' ->> 'template' AS shared;
SELECT count(*) AS not_written FROM crm.template t WHERE t.template = (SELECT f.spec ->> 'template' FROM crm.flow f WHERE f.code = 'vers_flow') AND t.template LIKE 'vers_flow%';

-- 4. a chart: whose it is takes it back, with whom it is shared sees its versions
SELECT (crm.report_save('months', '{"measure": "net", "group": "month", "days": 60}', '{headquarters}') ->> 'report_id')::bigint AS chart \gset
SELECT crm.report_save('months', '{"measure": "net", "group": "month", "days": 60}', '{headquarters}', :chart) ->> 'version' AS same, crm.report_save('<b>', '{"measure": "orders", "group": "month", "days": 60}', '{}', :chart) ->> 'version' AS changed;
SELECT j ->> 'name' AS name, j -> 'spec' ->> 'measure' AS measure, j -> 'roles' AS roles, j ->> 'version' AS version FROM crm.report_revert(:chart, 1) j;
SELECT pg_temp.act('vers_a', :a) AS a;
SELECT pg_temp.told(v) AS chart FROM crm.report_saved_versions(:chart) v;
SELECT pg_temp.try(format('crm.report_revert(%s, 1)', :chart)) AS anothers, pg_temp.try($$(SELECT count(*) FROM crm.report_saved_versions(1))$$) AS none;
SELECT pg_temp.act('vers_b', :b) AS b;
SELECT crm.report_forget(:chart) -> 'is_deleted' AS deleted;
SELECT count(*) AS left_over FROM crm.report_saved_version v WHERE v.report_id = :chart;
ROLLBACK;
