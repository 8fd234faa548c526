-- doc/sql-api.md says what the database says, and nothing public goes without a word.
BEGIN;
\ir sql_api.sql
\set page `cat doc/sql-api.md`
SELECT plan(4);
SELECT is_empty($$SELECT name FROM api_function WHERE comment IS NULL$$, 'every public function has its comment');
SELECT is_empty($$SELECT c.relname FROM pg_class c WHERE c.relnamespace = 'crm'::regnamespace AND c.relkind = 'v' AND obj_description(c.oid, 'pg_class') IS NULL$$,
    'every view has its comment');
CREATE TEMP TABLE page AS SELECT l.line FROM regexp_split_to_table(:'page', E'\n') l(line) WHERE l.line <> '';
CREATE TEMP TABLE found AS SELECT l.line FROM api_line a, regexp_split_to_table(a.line, E'\n') l(line) WHERE l.line <> '';
SELECT is_empty('SELECT line FROM found EXCEPT SELECT line FROM page', 'the page leaves nothing out (else: tests/bin/with-cluster api tests/bin/sql-api fresh)');
SELECT is_empty('SELECT line FROM page WHERE line ~ ''^(- \*\*crm|## |  )'' EXCEPT SELECT line FROM found', 'and names nothing that is not there');
SELECT * FROM finish();
ROLLBACK;
