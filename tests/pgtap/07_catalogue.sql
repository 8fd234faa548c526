-- The rules every table and function keeps, read from the catalogue: what scale.md of the design asks
-- so that the tables can be spread over machines, and what the rights lean on.
BEGIN;
SELECT plan(24);
CREATE TEMP VIEW tables AS
    SELECT c.oid, c.oid::regclass AS name, c.relrowsecurity,
           EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname = 'source_record_id' AND a.attnotnull) AS has_record,
           EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname = 'customer_id' AND a.attnotnull) AS has_customer,
           (SELECT a.attname FROM pg_index i JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = i.indkey[0]
            WHERE i.indrelid = c.oid AND i.indisprimary) AS first_key
    FROM pg_class c
    WHERE c.relnamespace = 'crm'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition;
-- what a table is spread by: facts by record, person-level rows by customer; the keys of the outside world by themselves
CREATE TEMP VIEW spread AS
    SELECT t.*, CASE WHEN t.name::text = 'crm.external_key' THEN 'source_id'
                     WHEN t.first_key = 'job' THEN NULL   -- how far a job has come, not a person
                     WHEN t.has_record THEN 'source_record_id'
                     WHEN t.has_customer THEN 'customer_id' END AS key
    FROM tables t;
CREATE TEMP VIEW routines AS
    SELECT p.*, p.oid::regprocedure AS signature,
           EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e') AS is_member
    FROM pg_proc p WHERE p.pronamespace = 'crm'::regnamespace;

SELECT cmp_ok((SELECT count(*)::int FROM spread WHERE key IS NOT NULL), '>=', 20, 'facts and person-level tables are there');
SELECT is_empty('SELECT name FROM tables WHERE first_key IS NULL', 'every table has a primary key');
SELECT is_empty('SELECT name, first_key, key FROM spread WHERE key IS NOT NULL AND first_key <> key',
    'facts begin with source_record_id, person-level rows with customer_id');
SELECT is_empty($$
    SELECT s.name, i.indexrelid::regclass FROM spread s JOIN pg_index i ON i.indrelid = s.oid AND i.indisunique
    WHERE s.key IS NOT NULL AND NOT EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = s.oid AND a.attname = s.key AND a.attnum = ANY (i.indkey))$$,
    'a unique index contains the key its table is spread by');
SELECT is_empty($$
    SELECT s.name, a.attname, format_type(a.atttypid, NULL) FROM spread s JOIN pg_attribute a ON a.attrelid = s.oid AND a.attname = s.key
    WHERE s.key IN ('source_record_id', 'customer_id') AND a.atttypid <> 'bigint'::regtype$$, 'these keys are 64-bit');
SELECT is_empty($$SELECT attrelid::regclass, attname FROM pg_attribute a JOIN tables t ON t.oid = a.attrelid WHERE a.attidentity <> ''$$,
    'no identity columns');
SELECT is_empty($$
    SELECT s.name FROM spread s JOIN pg_attrdef d ON d.adrelid = s.oid WHERE s.key IS NOT NULL AND pg_get_expr(d.adbin, d.adrelid) ~ 'nextval|_new_id|now|clock|random'$$,
    'bulk rows have no volatile defaults');
SELECT is_empty($$SELECT tgrelid::regclass, tgname FROM pg_trigger g JOIN pg_class c ON c.oid = g.tgrelid
    WHERE c.relnamespace = 'crm'::regnamespace AND NOT g.tgisinternal$$, 'no triggers');
SELECT is_empty($$SELECT ev_class::regclass, rulename FROM pg_rewrite r JOIN pg_class c ON c.oid = r.ev_class
    WHERE c.relnamespace = 'crm'::regnamespace AND c.relkind <> 'v'$$, 'no rules');
SELECT is_empty($$
    SELECT f.conname, a.name, b.name FROM pg_constraint f JOIN spread a ON a.oid = f.conrelid JOIN spread b ON b.oid = f.confrelid
    WHERE f.contype = 'f' AND b.key IS NOT NULL AND (a.key IS DISTINCT FROM b.key
          OR NOT EXISTS (SELECT FROM pg_attribute x WHERE x.attrelid = a.oid AND x.attname = a.key AND x.attnum = ANY (f.conkey)))$$,
    'foreign keys stay inside a group or point to reference tables');
SELECT is_empty($$SELECT conname FROM pg_constraint f JOIN spread a ON a.oid = f.conrelid WHERE f.contype = 'f' AND f.confrelid = f.conrelid AND a.key IS NOT NULL$$,
    'no table of persons or facts points to itself');
SELECT is_empty($$
    SELECT a.signature FROM routines a JOIN pg_aggregate g ON g.aggfnoid = a.oid
    WHERE (g.aggtranstype = 'internal'::regtype OR g.aggcombinefn = 0 OR a.proparallel <> 's')
      AND a.proname <> '_identity_first'   -- takes the order of its input: records of one person, which lie together
      AND a.proname <> '_rule_streak'      -- wants all days of a person in one place, as the numbered rows did that it stands for
      AND a.proname <> 'identity_components'   -- a forest over all nodes: handing it between processes costs more than building it
    $$,
    'aggregates have a state type of their own, a combine function, and are parallel safe');

-- rights
SELECT is_empty('SELECT name FROM spread WHERE key IS NOT NULL AND NOT relrowsecurity', 'every table of persons or facts has row security');
SELECT is_empty($$
    SELECT c.oid::regclass FROM pg_class c JOIN pg_inherits i ON i.inhrelid = c.oid JOIN pg_class p ON p.oid = i.inhparent
    WHERE c.relnamespace = 'crm'::regnamespace AND c.relkind = 'r' AND c.relacl IS NOT NULL
      AND EXISTS (SELECT FROM aclexplode(c.relacl) a WHERE a.grantee <> c.relowner)$$, 'partitions have no grants');
SELECT is_empty($$
    SELECT polrelid::regclass, polname, pg_get_expr(polqual, polrelid) FROM pg_policy p JOIN pg_class c ON c.oid = p.polrelid
    WHERE c.relnamespace = 'crm'::regnamespace AND polname ~ '^crm_'
      AND pg_get_expr(polqual, polrelid) !~ '^true$|SELECT crm\.access_store_ids\(\)|EXISTS \( SELECT'$$,
    'policies ask for the stores once a statement, in a sub-select');
SELECT is_empty($$
    SELECT polrelid::regclass, polname FROM pg_policy p JOIN pg_class c ON c.oid = p.polrelid
    WHERE c.relnamespace = 'crm'::regnamespace AND polname ~ '^crm_' AND (polcmd <> 'r' OR 0 = ANY (polroles))$$,
    'policies name their roles and let read, nothing else');
SELECT is_empty($$SELECT c.oid::regclass, c.relowner::regrole FROM pg_class c WHERE c.relnamespace = 'crm'::regnamespace
    AND c.relkind IN ('r', 'p', 'v', 'm', 'S') AND c.relowner <> 'crm_owner'::regrole$$, 'tables belong to crm_owner');
SELECT is_empty($$
    SELECT c.oid::regclass FROM pg_class c WHERE c.relnamespace = 'crm'::regnamespace AND c.relkind = 'v'
      AND NOT coalesce(c.reloptions @> '{security_invoker=true}', false)
      AND EXISTS (SELECT FROM pg_depend d JOIN pg_rewrite r ON r.oid = d.objid AND d.classid = 'pg_rewrite'::regclass
                  JOIN spread s ON s.oid = d.refobjid WHERE r.ev_class = c.oid AND s.key IS NOT NULL)
      AND (EXISTS (SELECT FROM aclexplode(c.relacl) a WHERE a.grantee NOT IN (c.relowner, 'crm_admin'::regrole, 'crm_headquarters'::regrole))
           OR EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname IN ('customer_id', 'source_record_id')))$$,
    'a view over persons or facts is read under the reader''s own rights, or holds figures for those who see all');

-- functions
SELECT is_empty($$SELECT signature FROM routines WHERE prosecdef AND is_member
    AND NOT coalesce(proconfig @> ARRAY['search_path=pg_catalog, crm, pg_temp'], false)$$, 'definer functions fix their search_path');
SELECT is_empty($$SELECT signature, proowner::regrole FROM routines WHERE prosecdef AND proowner <> 'crm_owner'::regrole$$,
    'and belong to crm_owner, who is no superuser');
SELECT is_empty($$SELECT signature FROM routines p WHERE is_member AND (p.proacl IS NULL OR EXISTS (SELECT FROM aclexplode(p.proacl) a WHERE a.grantee = 0))$$,
    'PUBLIC executes nothing');
SELECT is_empty($$SELECT signature FROM routines WHERE is_member AND obj_description(oid, 'pg_proc') IS NULL$$, 'every function has a comment');
SELECT is_empty($$
    SELECT signature FROM routines p WHERE is_member AND provolatile = 'i' AND prokind = 'f' AND proname <> '_migration'   -- it holds statements as text
      AND prosrc ~* 'core_now|crm\._setting|current_setting|FROM crm\.|\mnow\(\)'$$, 'functions are labelled truthfully: none that reads says it is immutable');
SELECT is_empty($$SELECT p.proname FROM routines p WHERE p.proname ~ '^_[a-z]+_check$' AND p.pronargs = 0
    AND NOT EXISTS (SELECT FROM routines q WHERE q.proname = ltrim(p.proname, '_') AND q.pronargs = 0)$$, 'what a room can check, crm.check() checks');
SELECT * FROM finish();
ROLLBACK;
