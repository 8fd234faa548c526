-- gateway: members of a request body, taken by name: absent, empty, null, of another kind, out of range, hostile; what is ready.
\set VERBOSITY terse
SET client_min_messages = warning;
SET datestyle = 'ISO';
SET timezone = 'UTC';
BEGIN;
\i sql/shared/try_remedy.sql
SELECT f, b, pg_temp.try(format('crm.gateway_%s(%L, %L, %L)', f, b, 'x', r)) AS answer
FROM (VALUES
    (1, 'text', '{"x": "a"}', false), (2, 'text', '{"x": 5.50}', false), (3, 'text', '{"x": true}', false), (4, 'text', '{}', false), (5, 'text', '{"x": ""}', false), (6, 'text', '{"x": ""}', true),
    (7, 'text', '{"x": null}', true), (8, 'text', '{"x": {}}', false), (9, 'text', '{"x": ["a"]}', false), (10, 'text', '[]', false), (11, 'text', NULL, false), (12, 'text', '"x"', true), (13, 'text', '{"x": "''; DROP TABLE crm.customer"}', true),
    (20, 'number', '{"x": 59.00}', true), (21, 'number', '{"x": "59.00"}', true), (22, 'number', '{"x": "-0.01"}', true), (23, 'number', '{"x": "1e5"}', true), (24, 'number', '{"x": "NaN"}', true), (25, 'number', '{"x": " 5"}', true),
    (26, 'number', '{"x": "９"}', true), (27, 'number', '{"x": 1e40}', true), (28, 'number', '{}', false),
    (30, 'integer', '{"x": 7}', true), (31, 'integer', '{"x": "7.0"}', true), (32, 'integer', '{"x": 7.5}', true), (33, 'integer', '{"x": 2147483647}', true), (34, 'integer', '{"x": -2147483647}', true), (35, 'integer', '{"x": 2147483648}', true), (36, 'integer', '{}', true),
    (36.01, 'id', '{"x": 7}', true), (36.02, 'id', '{"x": "42"}', true), (36.03, 'id', '{"x": 1.5}', true), (36.04, 'id', '{"x": 1.0}', true), (36.05, 'id', '{"x": -1}', true), (36.06, 'id', '{"x": 9223372036854775808}', true), (36.07, 'id', '{"x": [1]}', false), (36.08, 'id', '{}', false), (36.09, 'id', '{"x": 1e3}', false), (36.091, 'id', '{"x": "7\n"}', true), (36.092, 'id', '{"x": {"id": 7}}', true),
    (36.11, 'ids', '{"x": ["1", 2]}', true), (36.12, 'ids', '{"x": [1.5]}', true), (36.13, 'ids', '{"x": [""]}', true), (36.14, 'ids', '{"x": [null]}', true), (36.15, 'ids', '{"x": ["99999999999999999999"]}', true), (36.16, 'ids', '{"x": []}', true), (36.17, 'ids', '{"x": []}', false), (36.18, 'ids', '{"x": "1"}', false), (36.19, 'ids', NULL, false), (36.191, 'ids', '{"x": [[1]]}', true), (36.192, 'ids', '{"x": [true]}', false), (36.193, 'ids', '{"x": {"0": 1}}', false),
    (36.21, 'time', '{"x": "2026-03-31T10:00:00+08:00"}', true), (36.22, 'time', '{"x": "2026-03-31"}', true), (36.23, 'time', '{"x": "2026-03-31 10:00:00.5Z"}', true), (36.24, 'time', '{"x": "2026-02-30"}', true), (36.25, 'time', '{"x": "2026-03-31T25:00:00Z"}', true), (36.26, 'time', '{"x": "2026-03-31T10:00:00+99:00"}', true),
    (36.27, 'time', '{"x": "infinity"}', true), (36.28, 'time', '{"x": "now"}', true), (36.29, 'time', '{"x": 20260331}', true), (36.31, 'time', '{"x": "0000-01-01"}', true), (36.32, 'time', '{}', false), (36.33, 'time', '{"x": "2026-03-31T.:.:."}', true), (36.34, 'time', '{"x": ["2026-03-31"]}', true),
    (37, 'boolean', '{"x": true}', true), (38, 'boolean', '{"x": "false"}', true), (39, 'boolean', '{"x": "perhaps"}', true), (39.1, 'boolean', '{"x": 1}', false), (39.2, 'boolean', '{}', false), (39.3, 'boolean', '{"x": [true]}', true), (39.4, 'boolean', '{"x": "TRUE"}', true), (39.5, 'boolean', '{"x": null}', true),
    (40, 'date', '{"x": "2026-02-28"}', true), (41, 'date', '{"x": "2028-02-29"}', true), (42, 'date', '{"x": "2026-02-29"}', true), (43, 'date', '{"x": "2026-13-01"}', true), (44, 'date', '{"x": "infinity"}', true), (45, 'date', '{"x": "today"}', true),
    (46, 'date', '{"x": "26-2-1"}', true), (47, 'date', '{"x": 20260228}', true), (48, 'date', '{"x": "0000-01-01"}', true), (49, 'date', '{}', false),
    (50, 'texts', '{"x": ["a", "b"]}', true), (51, 'texts', '{"x": []}', false), (52, 'texts', '{"x": []}', true), (53, 'texts', '{}', false), (54, 'texts', '{"x": null}', false), (55, 'texts', '{"x": null}', true), (56, 'texts', '{"x": "a"}', false),
    (57, 'texts', '{"x": ["a", 5]}', false), (58, 'texts', '{"x": [null]}', false), (59, 'texts', '[]', false), (60, 'texts', NULL, false)) v(n, f, b, r) ORDER BY n;
SELECT pg_temp.try($$crm.gateway_choice('{"state": "closed"}', 'state', '{open,waiting}')$$) AS no_word, pg_temp.try($$crm.gateway_choice('{"state": ["open"]}', 'state', '{open,waiting}')$$) AS no_text,
    crm.gateway_choice('{"state": "open"}', 'state', '{open,waiting}') AS word, crm.gateway_choice('{}', 'state', '{open,waiting}') IS NULL AS absent;
SELECT crm.gateway_date('{"day": "2026-03-31"}', 'day') AS day, crm.gateway_integer('{"n": "-7"}', 'n') AS whole, crm.gateway_texts('{"list": ["a", "中"]}', 'list') AS list;
SELECT crm.gateway_boolean('{"on": "true"}', 'on') AS on, crm.gateway_id('{"id": "000000000000000042"}', 'id') AS id, crm.gateway_ids('{"ids": [7, "7", 42]}', 'ids') AS ids, crm.gateway_time('{"at": "2026-03-31 10:00"}', 'at') AS at,
    num_nulls(crm.gateway_boolean('{}', 'on'), crm.gateway_id('{"id": ""}', 'id'), crm.gateway_ids('{"ids": null}', 'ids'), crm.gateway_time('{"at": null}', 'at')) AS absent,
    num_nulls(crm.gateway_boolean('{}', NULL), crm.gateway_id('{}', NULL), crm.gateway_ids('{}', NULL), crm.gateway_time('{}', NULL)) AS of_no_field;
SELECT length(crm.gateway_text(jsonb_build_object('x', repeat('长', 1000000)), 'x')) AS huge, pg_temp.try(format('crm.gateway_number(%L, ''x'')', jsonb_build_object('x', repeat('9', 100000)))) AS long_number;
SELECT j ->> 'ready' AS ready, j ->> 'schema' = j ->> 'needs' AS level, j ->> 'extension' = (SELECT extversion FROM pg_extension WHERE extname = 'crm') AS version FROM crm.gateway_ready() j;
SAVEPOINT behind;
DELETE FROM crm.migration WHERE migration_no = (SELECT max(migration_no) FROM crm.migration);
SELECT j ->> 'ready' AS ready, (j ->> 'schema')::int < (j ->> 'needs')::int AS behind FROM crm.gateway_ready() j;
ROLLBACK TO behind;
-- one below the newest that came with a later release is applied, too
DROP INDEX crm.flow_backlog_confirmed;
DELETE FROM crm.migration WHERE migration_no = 711;
SELECT crm.gateway_ready() ->> 'ready' AS ready, crm._migrations_missing() AS missing;
SELECT migration_no, room FROM crm.install();
SELECT crm.gateway_ready() ->> 'ready' AS ready, to_regclass('crm.flow_backlog_confirmed') IS NOT NULL AS there;
ROLLBACK;
