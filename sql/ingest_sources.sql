-- ingest_sources: eight sources at once, each with its own names for things, its own faults and figures; the custom fields that
-- ship; what rules can ask about without anybody changing a table.
\set VERBOSITY terse
SET client_min_messages = warning;
SET datestyle = 'ISO';
BEGIN;
SET LOCAL crm.core_clock = '2026-03-31T12:00:00+08:00';

-- 1. eight sources; source k calls the id "id_k", the phone "tel_k", and sends k records more than it should: each of those has no id
CREATE TEMP TABLE truth AS SELECT k, 'is_' || k AS source, (ARRAY['pos','mini_program','shop_platform','official_account','wecom','spreadsheet','api','pull'])[k] AS kind, 10 AS good, k AS bad FROM generate_series(1, 8) k;
SELECT count(crm.ingest_define_source(t.source, 'source ' || t.k, t.kind, '{"channel": "store"}')) AS sources FROM truth t;
SELECT count(crm.ingest_define_mapping(t.source, 'member', jsonb_build_object('fields', jsonb_build_object('external_id', 'id_' || t.k, 'phone', 'tel_' || t.k, 'name', 'who')))) AS mappings FROM truth t;
SELECT count(*) FILTER (WHERE r.status = 201) AS taken, count(*) FILTER (WHERE r.status = 422) AS refused
FROM truth t, generate_series(1, t.good + t.bad) n, crm.ingest_member(t.source, convert_to(jsonb_strip_nulls(jsonb_build_object('id_' || t.k, CASE WHEN n <= t.good THEN 'R' || n END,
    'tel_' || t.k, '137' || lpad((t.k * 1000 + n)::text, 8, '0'), 'who', '钱' || n))::text, 'UTF8')) r;
SELECT crm._ingest_watch() >= 0 AS watched;
SELECT s.source, s.received_today = t.good + t.bad AS received, s.rejected_today = t.bad AS rejected, s.open_rejects = t.bad AS open, s.success_percent = round(100.0 * t.good / (t.good + t.bad), 2) AS percent,
       crm.core_now() - s.last_received_at AS behind FROM truth t JOIN crm.source_status s USING (source) ORDER BY 1;
-- another source's names are not this one's
SELECT r.status, r.code, r.field FROM crm.ingest_member('is_1', '{"id_2": "X1", "tel_2": "13700009999", "who": "孙"}') r;
-- a day later the second source alone is behind
SET LOCAL crm.core_clock = '2026-04-02T12:00:00+08:00';
SELECT count(*) FILTER (WHERE r.status = 201) AS taken FROM truth t, crm.ingest_member(t.source, convert_to(jsonb_build_object('id_' || t.k, 'late', 'tel_' || t.k, '137' || lpad((t.k * 1000 + 500)::text, 8, '0'), 'who', '周')::text, 'UTF8')) r WHERE t.k <> 2;
SELECT crm._ingest_watch() >= 0 AS watched;
SELECT s.source, crm.core_now() - s.last_received_at AS behind FROM crm.source_status s JOIN truth t USING (source) WHERE s.is_silent ORDER BY 1;

-- 2. fields that ship: typed, an option must be one, what is computed is refused
SELECT f.code, f.name_zh, f.type, f.is_derived, j IS NOT NULL AS a_column_may_become FROM crm.custom_field f LEFT JOIN crm.ingest_fields('member') j ON j ->> 'field' = 'custom.' || f.code ORDER BY 1;
SELECT crm.ingest_define_source('is_9', 'fields', 'api') > 0 AS source;
SELECT r.status, r.code, r.field FROM (VALUES (1, '{"external_id": "F1", "name": "吴", "custom.constitution": "气虚质", "custom.allergens": ["花生", "芒果"], "custom.referrer_id": "R1", "custom.diet": ["低糖"]}'),
    (2, '{"external_id": "F2", "name": "吴", "custom.constitution": "铁质"}'), (3, '{"external_id": "F2", "name": "吴", "custom.points": 5}'), (4, '{"external_id": "F2", "name": "吴", "custom.last_category": "cake"}')) v(n, body),
    crm.ingest_member('is_9', convert_to(v.body, 'UTF8')) r ORDER BY v.n;
-- sensitive ones lie with the clear values, and are shown to whom a right says, on the trail
SELECT c.custom, p.custom AS sensitive FROM crm.customer c JOIN crm.customer_private p USING (customer_id) WHERE p.custom ? 'constitution';

-- 3. at least twenty attributes in rules, and one that was defined a moment ago
SELECT crm.ingest_define_field('member', 'is_shoe', 'number', '鞋码', 'shoe size');
SELECT r.status FROM crm.ingest_member('is_9', '{"external_id": "F1", "name": "吴", "custom.is_shoe": 38, "custom.constitution": "气虚质"}') r;
SELECT crm.rule_count('{"all": [{"kind": "person", "field": "custom.is_shoe", "op": ">=", "value": 38}, {"kind": "sensitive", "field": "custom.constitution", "value": "气虚质"}]}') AS persons;
SELECT crm.rule_check('{"kind": "person", "field": "custom.constitution", "value": "气虚质"}');
ROLLBACK;
BEGIN;
SET LOCAL crm.core_clock = '2026-03-31T12:00:00+08:00';
SELECT set_config('crm.access_claims', '{"actor": "regress", "role": "crm_headquarters", "stores": [], "all": true}', true) <> '' AS claims;
SELECT crm.ingest_define_source('is_9', 'fields', 'api') > 0 AS source, crm.access_define_staff('is_hq', 'hq', 'crm_headquarters', ARRAY['all']) AS hq \gset
SELECT customer_id AS one FROM crm.ingest_member('is_9', '{"external_id": "F1", "name": "吴", "phone": "13700000901", "custom.allergens": ["花生"], "custom.diet": ["低糖"]}') \gset
SELECT customer_id AS two FROM crm.ingest_member('is_9', '{"external_id": "F2", "name": "吴", "phone": "13700000902", "custom.referrer_id": "R2"}') \gset
SELECT set_config('crm.access_claims', json_build_object('actor', 'is_hq', 'staff_id', :hq, 'role', 'crm_headquarters', 'stores', '{}'::int[], 'all', true)::text, true) <> '' AS claims;
SELECT crm.access_unmask(:one, '{custom}', 'allergy at the counter') -> 'fields' AS shown, crm.report_person(:one) -> 'custom' AS plain;
SELECT crm.access_set_field_right('crm_headquarters', 'custom', false);
SELECT crm.access_unmask(:one, '{custom}', 'again');
ROLLBACK;
BEGIN;
SET LOCAL crm.core_clock = '2026-03-31T12:00:00+08:00';
SELECT set_config('crm.access_claims', '{"actor": "regress", "role": "crm_headquarters", "stores": [], "all": true}', true) <> '' AS claims;
SELECT crm.ingest_define_source('is_9', 'fields', 'api') > 0 AS source;
SELECT customer_id AS one FROM crm.ingest_member('is_9', '{"external_id": "F1", "name": "吴", "phone": "13700000901", "custom.allergens": ["花生"], "custom.diet": ["低糖"]}') \gset
SELECT customer_id AS two FROM crm.ingest_member('is_9', '{"external_id": "F2", "name": "郑", "phone": "13700000902", "custom.diet": ["清淡"]}') \gset
-- a merge lays one person's over the other's, in both places; what is declared sensitive later moves, and back
SELECT crm.identity_merge(:one, :two, 'one person') IS NOT NULL AS merged;
CREATE FUNCTION pg_temp.both(person bigint) RETURNS text LANGUAGE sql AS $$ SELECT c.custom::text || ' ' || p.custom::text FROM crm.customer c JOIN crm.customer_private p USING (customer_id) WHERE c.customer_id = person $$;
SELECT pg_temp.both(:one);
SELECT crm.ingest_define_field('member', 'diet', 'multi_option', '饮食习惯', 'diet', '["清淡", "低糖"]', false, true);
SELECT pg_temp.both(:one);
SELECT crm.ingest_define_field('member', 'diet', 'multi_option', '饮食习惯', 'diet', '["清淡", "低糖"]', false, false),
       crm.ingest_define_field('member', 'allergens', 'multi_option', '过敏源', 'allergens', '["花生"]', false, false);
SELECT pg_temp.both(:one);
ROLLBACK;
BEGIN;
SELECT count(*) >= 20 AS enough FROM crm.rule_kinds() k, jsonb_object_keys(k -> 'fields') f;
ROLLBACK;
BEGIN;
-- 4. what a source and a field cannot be: the field is named, the remedy said
CREATE FUNCTION pg_temp.try(call text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    field text; remedy text;
BEGIN
    EXECUTE 'SELECT ' || call;
    RETURN 'done';
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS field = COLUMN_NAME, remedy = PG_EXCEPTION_HINT;
    RETURN concat_ws(' | ', SQLSTATE, field, CASE WHEN remedy = '' THEN 'no remedy' END);
END $$;
SELECT call, pg_temp.try('crm.ingest_define_source(' || call || ')') AS answer FROM unnest(ARRAY[$$NULL, 'n', 'pos'$$, $$'a b', 'n', 'pos'$$, $$'a', ' ', 'pos'$$, $$'a', 'n', NULL$$, $$'a', 'n', 'fax'$$, $$'a', 'n', 'pos', NULL$$,
    $$'a', 'n', 'pos', '[]'$$, $$'a', 'n', 'pos', '{"colour": 1}'$$, $$'a', 'n', 'pos', '{"priority": "high"}'$$, $$'a', 'n', 'pos', '{"priority": 1e9}'$$, $$'a', 'n', 'pos', '{"is_active": "perhaps"}'$$,
    $$'a', 'n', 'pos', '{"currency": "yuan"}'$$, $$'a', 'n', 'pos', '{"time_zone": "Mars/Phobos"}'$$, $$'a', 'n', 'pos', '{"time_zone": null}'$$, $$'a', 'n', 'pos', '{"channel": {}}'$$, $$'a', 'n', 'pos', '{"verified_fields": "name"}'$$,
    $$'a', 'n', 'pos', '{"verified_fields": ["shoe"]}'$$, $$'a', 'n', 'pos', '{"signing_secret": "short"}'$$, $$'a', 'n', 'pos', '{"raw_retention_days": -1}'$$,
    $$'a', 'n', 'pos', '{"signing_secret": null, "priority": 5, "verified_fields": [], "raw_retention_days": 0}'$$]) WITH ORDINALITY v(call, n) ORDER BY n;
SELECT call, pg_temp.try('crm.ingest_define_field(' || call || ')') AS answer FROM unnest(ARRAY[$$'order', 'a', 'text', 'a', 'a'$$, $$'member', 'A', 'text', 'a', 'a'$$, $$'member', 'a', 'text', '', 'a'$$, $$'member', 'a', 'text', 'a', NULL$$,
    $$'member', 'a', 'blob', 'a', 'a'$$, $$'member', 'a', NULL, 'a', 'a'$$, $$'member', 'a', 'option', 'a', 'a'$$, $$'member', 'a', 'text', 'a', 'a', '["x"]'$$, $$'member', 'diet', 'text', 'a', 'a'$$]) WITH ORDINALITY v(call, n) ORDER BY n;
ROLLBACK;
BEGIN;
-- 5. consents one by one, what was refused in pages, keys without their secrets
SET LOCAL crm.core_clock = '2026-03-31T12:00:00+08:00';
SELECT set_config('crm.access_claims', '{"actor": "regress", "role": "crm_headquarters", "stores": [], "all": true}', true) <> '' AS claims;
SELECT crm.ingest_define_source('is_9', 'consents', 'api') > 0 AS source;
SELECT r.code FROM crm.ingest_member('is_9', '{"external_id": "F1", "name": "冯", "phone": "13700000911"}') r;
SELECT v.n, r.status, r.code, r.field FROM (VALUES (1, '{"member_external_id": "F1", "channel": "sms", "state": "yes", "occurred_at": "2026-03-01T10:00:00+08:00"}'), (2, '{"member_external_id": "F1", "channel": "sms", "state": "yes", "occurred_at": "2026-03-01T10:00:00+08:00"}'),
    (3, '{"member_external_id": "F1", "channel": "sms", "state": "no", "occurred_at": "2026-03-02T10:00:00+08:00"}'), (4, '{"member_external_id": "F1", "channel": "pigeon", "state": "no", "occurred_at": "2026-03-02T10:00:00+08:00"}'),
    (5, '{"member_external_id": "F1", "channel": "sms", "state": "perhaps", "occurred_at": "2026-03-02T10:00:00+08:00"}'), (6, '{"channel": "sms", "state": "no", "occurred_at": "2026-03-02T10:00:00+08:00"}'), (7, '{'), (8, '')) v(n, body),
    LATERAL (SELECT i.* FROM crm.ingest_consent('is_9', convert_to(v.body, 'UTF8')) i OFFSET 0) r ORDER BY v.n;
SELECT crm._outbox_consent((SELECT m.customer_id FROM crm.membership m JOIN crm.source_record s USING (source_record_id) WHERE s.external_id = 'F1' AND s.source_id = (SELECT u.source_id FROM crm.source u WHERE u.code = 'is_9')), 'sms') AS at_last;
SELECT (crm.ingest_consent('is_9', NULL)).status AS nothing;
CREATE TEMP TABLE refused AS SELECT j, (j ->> 'reject_id')::bigint AS id FROM crm.ingest_rejects('is_9') j;
SELECT count(*) AS refused, count(DISTINCT j ->> 'code') AS kinds, bool_and(j ->> 'remedy' <> '') AS with_remedy FROM refused;
SELECT (SELECT count(*) FROM crm.ingest_rejects('is_9', 0, 2)) AS page, (SELECT count(*) FROM crm.ingest_rejects('is_9', (SELECT min(id) FROM refused))) = (SELECT count(*) - 1 FROM refused) AS goes_on,
       (SELECT count(*) FROM crm.ingest_rejects('is_none')) AS nobodys, (SELECT count(*) FROM crm.ingest_rejects('is_9', NULL, NULL)) = (SELECT count(*) FROM refused) AS nulls;
SELECT count(*) > 3 AS several_reasons, count(*) FILTER (WHERE g.records <> (SELECT count(*) FROM crm.ingest_rejects(g.source, 0, 500, g.entity, g.code, coalesce(g.field, '')))) AS disagree, sum(g.records) = (SELECT count(*) FROM refused) AS all_of_them FROM crm.reject_status g WHERE g.source = 'is_9';
SELECT crm.access_create_key('is till', 'crm_till', 'is_9') AS secret \gset
SELECT k ->> 'name' AS name, k ->> 'role' AS role, k ->> 'source' AS source, k ->> 'revoked_at' AS revoked, strpos(k::text, split_part(:'secret', '_', 4)) AS tells_secret FROM crm.access_keys() k WHERE k ->> 'name' = 'is till';
ROLLBACK;
