-- ingest_list: fields that columns become, mappings kept aside for one import, imports listed.
\set VERBOSITY terse
SET client_min_messages = warning;
BEGIN;
SET LOCAL crm.core_clock = '2026-03-31T12:00:00+08:00';
SELECT crm.ingest_define_source('il_a', 'a', 'spreadsheet', '{}') > 0 AS a, crm.ingest_define_source('il_b', 'b', 'spreadsheet', '{}') > 0 AS b;

-- 1. fields: what is required is what an empty record is refused for
SELECT string_agg(j ->> 'field', ' ' ORDER BY j ->> 'field') AS required FROM crm.ingest_fields('member') j WHERE (j ->> 'is_required')::boolean;
SELECT crm.ingest_define_field('member', 'il_size', 'text', '尺码', 'size');
SELECT j FROM crm.ingest_fields('member') j WHERE j ->> 'field' LIKE 'custom.il%';
WITH needed AS (
    SELECT e.entity, f ->> 'field' AS field FROM unnest('{member,order,refund,event,interaction,product,consent,coupon}'::text[]) e(entity), crm.ingest_fields(e.entity) f
    WHERE (f ->> 'is_required')::boolean),
sample AS (     -- every required field but one
    SELECT n.entity, n.field, (SELECT jsonb_object_agg(o.field, CASE WHEN o.field ~ '_at$' THEN '2026-03-01T10:00:00+08:00' WHEN o.field = 'amount' THEN '1'
                                                                     WHEN o.field = 'channel' THEN 'sms' WHEN o.field = 'state' THEN 'yes' WHEN o.field = 'type' THEN 'page_view' ELSE 'x' END)
                               FROM needed o WHERE o.entity = n.entity AND o.field <> n.field) AS record FROM needed n)
SELECT s.entity, s.field, t ->> 'code' AS code, t ->> 'field' AS named
FROM sample s, crm.ingest_test_mapping('il_a', s.entity, NULL, convert_to(coalesce(s.record, '{}')::text, 'UTF8')) t ORDER BY 1, 2;
SELECT count(*) AS fields FROM crm.ingest_fields('order_line') j WHERE j ->> 'field' = 'items';
SELECT crm.ingest_fields('pigeon');

ROLLBACK;
BEGIN;
SET LOCAL crm.core_clock = '2026-03-31T12:00:00+08:00';
SELECT crm.ingest_define_source('il_a', 'a', 'spreadsheet', '{}') > 0 AS a, crm.ingest_define_source('il_b', 'b', 'spreadsheet', '{}') > 0 AS b;

-- 2. a mapping for one import leaves the current one as it was; the same again is the same version
SELECT crm.ingest_mapping('il_a', 'member') AS none;
SELECT crm.ingest_define_mapping('il_a', 'member', '{"fields": {"external_id": "id"}}') AS live;
SELECT crm.ingest_define_mapping('il_a', 'member', '{"fields": {"external_id": "no", "name": "who"}}', false) AS aside;
SELECT crm.ingest_mapping('il_a', 'member') ->> 'version' AS still, crm.ingest_mapping('il_a', 'member') -> 'mapping' AS mapping;
SELECT crm.ingest_define_mapping('il_a', 'member', '{"fields": {"external_id": "no", "name": "who"}}', false) AS same, crm.ingest_define_mapping('il_a', 'member', '{"fields": {"external_id": "id"}}', false) AS live_again;
SELECT crm.ingest_define_mapping('il_a', 'member', '{"fields": {"external_id": "no", "name": "who"}}') AS now_live;
SELECT crm.ingest_mapping('il_a', 'member') ->> 'version' AS version;

-- 3. imports: newest first, in pages; a till sees its own; given up before anything is applied
SELECT crm.ingest_bulk_begin('il_a', 'member', 'csv', 'utf8', '{"mapping_version": 2, "dry_run": true, "lenient": true}') AS one \gset
SELECT crm.ingest_bulk_append(:one, 0, convert_to(E'no,who\nA1,王芳\n,李雷\n', 'UTF8')) AS chunks;
SELECT crm.ingest_bulk_commit(:one, (SELECT byte_count FROM crm.batch WHERE batch_id = :one)) ->> 'state' AS state;
SELECT crm.ingest_bulk_begin('il_b', 'member', 'csv') AS two \gset
SELECT j ->> 'source' AS source, j ->> 'state' AS state, j ->> 'mapping_version' AS mapping FROM crm.ingest_jobs(NULL, 2) j;
SELECT (j ->> 'batch_id')::bigint = :one AS next FROM crm.ingest_jobs(:two, 1) j;
SELECT crm._ingest_validate() AS read, crm._ingest_validate() AS judged;
SELECT j ->> 'state' AS state, j -> 'counts' AS counts FROM crm.ingest_job(:one) j;
SELECT j FROM crm.ingest_preview(:one) j;
SELECT crm.ingest_bulk_abort(:one) ->> 'state' AS given_up, (SELECT count(*) FROM crm.external_key k JOIN crm.source s USING (source_id) WHERE s.code = 'il_a') AS stored;
SELECT set_config('crm.access_claims', '{"actor": "key", "role": "crm_till", "stores": [], "all": false, "source": "il_b"}', true) <> '' AS till;
SELECT j ->> 'source' AS source FROM crm.ingest_jobs() j;
-- 6. who is erased leaves the raw file too, and only they, wherever their line stands
SELECT set_config('crm.access_claims', '', true) = '' AS nobody_in_particular;
SELECT crm.ingest_bulk_begin('il_b', 'member', 'csv') AS file \gset
SELECT crm.ingest_bulk_append(:file, 0, convert_to(E'external_id,name,note\nQ1,王芳,"a\nb"\n="Q2",李雷,5" cake\nQ3,韩梅,c\n', 'UTF8')) AS chunks;
SELECT crm.ingest_bulk_commit(:file, (SELECT t.byte_count FROM crm.batch t WHERE t.batch_id = :file)) ->> 'state' AS state;
SELECT count(*) > 0 AS ran FROM crm.worker_run_jobs();
SELECT crm.access_erase(m.customer_id, 'asked for') IS NOT NULL AS erased FROM crm.source_record r JOIN crm.membership m USING (source_record_id) JOIN crm.source s USING (source_id) WHERE s.code = 'il_b' AND r.external_id = 'Q2';
SELECT convert_from(i.payload, 'UTF8') AS raw FROM crm.inbox i WHERE i.batch_id = :file;

-- 7. a file whose first record is none is refused with what is wrong with it
\i sql/shared/try_remedy.sql
SELECT pg_temp.try(call) AS option FROM (VALUES (1, $$crm.ingest_bulk_begin('console', 'member', 'csv', 'utf8', '{"history": "once"}')$$), (2, $$crm.ingest_bulk_begin('console', 'member', 'csv', 'utf8', '{"mapping_version": true}')$$)) v (n, call) ORDER BY n;
SELECT n, pg_temp.try(format('crm.ingest_bulk_append(crm.ingest_bulk_begin(%L, %L, %L), 0, %L)', 'il_a', 'member', 'csv', payload)) AS answer
FROM (VALUES (0, '\x0a0a'::bytea), (1, '\x0a0d0a20'::bytea), (2, '\xfffe69006400'::bytea), (3, convert_to('编号,姓名', 'GBK') || '\x0a'::bytea), (4, convert_to(E'\n\nid,name\n', 'UTF8'))) v(n, payload) ORDER BY n;
ROLLBACK;
