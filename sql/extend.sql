-- extend: a table of an installation's own is asked by rules, segments and flows like any other, follows its changes, and is taken back; what may not be registered is named.
\set VERBOSITY terse
SET client_min_messages = warning;
SET datestyle = 'ISO';
SET timezone = 'Asia/Shanghai';
BEGIN;
SET LOCAL crm.core_clock = '2026-06-30T12:00:00+08:00';
SELECT set_config('crm.access_claims', '{"actor": "regress", "role": "crm_headquarters", "stores": [], "all": true}', true) <> '' AS claims;
SELECT crm.ingest_define_source('ext_till', 'till', 'pos', '{}') > 0 AS till;
SELECT count(*) AS persons FROM generate_series(1, 6) n, crm.ingest_member('ext_till', convert_to(json_build_object('external_id', 'E' || n, 'phone', '1375550000' || n, 'registered_at', '2026-01-01T10:00:00+08:00')::text, 'UTF8')) r WHERE r.status = 201;
CREATE FUNCTION pg_temp.of(no text) RETURNS bigint LANGUAGE sql AS $$ SELECT m.customer_id FROM crm.source_record r JOIN crm.membership m USING (source_record_id) WHERE r.external_id = no AND m.valid_to = 'infinity' $$;
-- the ERP's own table: invoices of persons, under the id they had then
CREATE SCHEMA erp;
CREATE TABLE erp.invoice (customer_id bigint, paid_at timestamptz, amount numeric, state text, note text);
CREATE TABLE erp.state (code text);
INSERT INTO erp.state VALUES ('open'), ('paid');
INSERT INTO erp.invoice SELECT pg_temp.of('E' || n), timestamptz '2026-06-30T10:00:00+08:00' - n * interval '10 days', 100 * n, CASE WHEN n % 2 = 0 THEN 'paid' ELSE 'open' END, 'x' FROM generate_series(1, 5) n;
CREATE FUNCTION pg_temp.refused(kind text, shape text, relation text, spec jsonb) RETURNS text LANGUAGE plpgsql AS $$
DECLARE told text;
BEGIN
    PERFORM crm.rule_register(kind, shape, relation, spec);
    RETURN 'registered';
EXCEPTION WHEN OTHERS THEN GET STACKED DIAGNOSTICS told = PG_EXCEPTION_DETAIL; RETURN SQLSTATE || ' ' || told;
END $$;

-- 1. what does not fit is named: before it may be read, no plain names, not ours
SELECT pg_temp.refused('own_invoice', 'facts', 'erp.invoice', '{"key": "customer_id", "keyed": "ever", "time": "paid_at", "columns": {}}');
GRANT USAGE ON SCHEMA erp TO crm_owner;
GRANT SELECT ON erp.invoice, erp.state TO crm_owner;
SELECT pg_temp.refused(k, s, r, j::jsonb) AS fault FROM (VALUES (1, 'invoice', 'facts', 'erp.invoice', '{"key": "customer_id", "keyed": "ever", "columns": {}}'), (2, 'own_x', 'history', 'erp.invoice', '{"key": "customer_id", "keyed": "ever", "columns": {}}'),
    (3, 'own_x', 'facts', 'crm.outbox', '{"key": "customer_id", "keyed": "ever", "columns": {}}'), (4, 'own_x', 'facts', 'erp.nothing', '{"key": "customer_id", "keyed": "ever", "columns": {}}'), (5, 'own_x', 'facts', 'erp.invoice', '{"key": "person", "keyed": "ever", "columns": {}}'),
    (6, 'own_x', 'facts', 'erp.invoice; DROP TABLE erp.invoice', '{}'), (7, 'own_x', 'facts', 'erp.invoice', '{"key": "customer_id", "keyed": "ever", "version": "pg_sleep", "columns": {}}'),
    (8, 'own_x', 'facts', 'erp.invoice', '{"key": "customer_id", "keyed": "ever", "columns": {"a": {"column": "amount) OR (true", "type": "number"}}}')) v (n, k, s, r, j) ORDER BY n;

-- 2. registered, it is asked: how many, how much, when, with a value that is checked; of one person, of everybody, explained, listed
SELECT crm.rule_register('own_invoice', 'facts', 'erp.invoice', '{"key": "customer_id", "keyed": "ever", "time": "paid_at", "as_of": "facts", "name_zh": "发票", "name_en": "invoices",
    "columns": {"amount": {"column": "amount", "type": "number"}, "state": {"column": "state", "type": "text", "catalogue": {"relation": "erp.state", "code": "code"}}}}');
SELECT r, crm.rule_count(r::jsonb) AS persons FROM (VALUES (1, '{"kind": "own_invoice"}'), (2, '{"kind": "own_invoice", "where": {"state": "paid"}}'), (3, '{"kind": "own_invoice", "measure": "sum", "field": "amount", "op": ">=", "value": 300}'),
    (4, '{"all": [{"kind": "own_invoice", "days": 30}, {"not": {"kind": "own_invoice", "where": {"state": "paid"}}}]}')) v (n, r) ORDER BY n;
SELECT crm.rule_matches('{"kind": "own_invoice", "days": 30}', pg_temp.of('E3')) AS day_30, crm.rule_matches('{"kind": "own_invoice", "days": 30}', pg_temp.of('E4')) AS day_40, crm.rule_count('{"kind": "own_invoice"}', '2026-05-25') AS in_may;
SELECT j ->> 'kind' AS kind, j ->> 'name_zh' AS name, j -> 'fields' AS fields FROM crm.rule_kinds() j WHERE j ->> 'kind' LIKE 'own%';
SELECT e -> 'is_met' AS met FROM jsonb_array_elements(crm.rule_explain('{"kind": "own_invoice", "where": {"state": "open"}}', pg_temp.of('E1')) -> 'conditions') e;
SAVEPOINT a;
SELECT crm.rule_check('{"kind": "own_invoice", "where": {"state": "lost"}}');
ROLLBACK TO a;

-- 3. a segment follows it: what is announced is looked at in the same commit, through any id of a merged person
SELECT crm.segment_define('ext_paid', '已付款', '{"kind": "own_invoice", "where": {"state": "paid"}}') IS NOT NULL AS segment, crm._segment_refresh() IS NOT NULL AS filled;
SELECT count(*) AS members FROM crm.segment_members('ext_paid');
UPDATE erp.invoice SET state = 'paid' WHERE customer_id = pg_temp.of('E1');
SELECT crm.rule_announce(ARRAY[pg_temp.of('E1')], 'own_invoice');
SELECT crm._segment_refresh() IS NOT NULL AS looked;
SELECT count(*) AS members FROM crm.segment_members('ext_paid');
SELECT pg_temp.of('E2') AS kept, pg_temp.of('E6') AS other \gset
SELECT crm.identity_merge(:other, :kept, 'one person') IS NOT NULL AS merged;
SELECT crm.rule_matches('{"kind": "own_invoice", "where": {"state": "paid"}}', crm._identity_current(:kept)) AS moved_with_them;
SAVEPOINT b;
SELECT crm.rule_announce(ARRAY[1], 'purchase');
ROLLBACK TO b;
SET LOCAL ROLE crm_admin;
SELECT crm.rule_register('own_y', 'facts', 'erp.invoice', '{}');
ROLLBACK TO b;
SET LOCAL ROLE crm_headquarters;
SELECT crm.rule_announce(ARRAY[1], 'own_invoice');
ROLLBACK TO b;

-- a session whose reading of the kinds fails reads them again, and does not go on with those from before
CREATE ROLE ext_reader;
GRANT USAGE ON SCHEMA crm TO ext_reader;
GRANT EXECUTE ON FUNCTION crm._rule_conditions(jsonb) TO ext_reader;
SELECT jsonb_array_length(crm._rule_conditions('{"kind": "own_invoice"}')) AS known;
SELECT crm.rule_register('own_later', 'facts', 'erp.invoice', '{"key": "customer_id", "keyed": "ever", "time": "paid_at", "as_of": "facts", "name_zh": "x", "name_en": "x", "columns": {}}');
SAVEPOINT d;
SET LOCAL ROLE ext_reader;
SELECT crm._rule_conditions('{"kind": "own_later"}');
ROLLBACK TO d;
SELECT jsonb_array_length(crm._rule_conditions('{"kind": "own_later"}')) AS known;
-- what was registered and undone is not known
SELECT crm.rule_register('own_undone', 'facts', 'erp.invoice', '{"key": "customer_id", "keyed": "ever", "time": "paid_at", "as_of": "facts", "name_zh": "x", "name_en": "x", "columns": {}}');
SELECT jsonb_array_length(crm._rule_conditions('{"kind": "own_undone"}')) AS known;
ROLLBACK TO d;
SELECT jsonb_array_length(crm._rule_conditions('{"kind": "own_undone"}')) AS known;
ROLLBACK TO d;

-- 4. taken back, rules that ask it are refused; what the house asks cannot be
SELECT crm.rule_unregister('own_invoice');
SAVEPOINT c;
SELECT crm.rule_count('{"kind": "own_invoice"}');
ROLLBACK TO c;
SELECT crm.rule_unregister('purchase');
ROLLBACK;
