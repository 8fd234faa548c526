-- The matrix of doc/rights.md and the database's privileges are the same, cell by cell, and
-- nobody has what the matrix does not speak of.
BEGIN;
\ir rights.sql
CREATE TEMP TABLE readable AS
    SELECT DISTINCT f.object, f.role FROM rights_found f
    WHERE f.kind = 'rows' AND f.cell <> '-' AND EXISTS (SELECT FROM pg_class c WHERE c.oid = f.object::regclass AND c.relkind = 'v');
SELECT plan(8 + (SELECT count(*)::int FROM rights_found) + (SELECT count(*)::int FROM rights_role) + (SELECT count(*)::int FROM readable));

-- A view runs the functions in it as its reader: whoever may read one must be able to.
CREATE FUNCTION pg_temp.reads(reader text, relation text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    PERFORM set_config('role', reader, true);
    EXECUTE 'SELECT count(*) FROM (SELECT * FROM ' || relation || ' LIMIT 1) r';
    PERFORM set_config('role', 'none', true);
    RETURN 'reads';
EXCEPTION WHEN OTHERS THEN
    RETURN SQLERRM;
END $$;
SELECT is(pg_temp.reads(r.role, r.object), 'reads', format('%s reads %s', r.role, r.object)) FROM readable r ORDER BY r.object, r.role;

SELECT cmp_ok((SELECT count(*) FROM rights_cell)::int, '>', 900, 'the page was read');
SELECT is(f.cell, c.cell, format('%s %s for %s', f.kind, f.object, f.role))
FROM rights_found f LEFT JOIN rights_cell c USING (kind, object, role) ORDER BY f.kind, f.object, f.role;
SELECT is_empty('SELECT DISTINCT kind, object FROM rights_cell EXCEPT SELECT kind, object FROM rights_found',
    'the page names nothing that is not there');

-- Writing: nobody, nowhere.
SELECT is_empty(format($q$
    SELECT c.oid::regclass, p.privilege FROM pg_class c,
           unnest('{INSERT,UPDATE,DELETE,TRUNCATE,REFERENCES,TRIGGER}'::text[]) p(privilege)
    WHERE c.relnamespace = 'crm'::regnamespace AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
      AND has_table_privilege(%L, c.oid, p.privilege)$q$, role), format('%s writes no table', role))
FROM rights_role ORDER BY position;
SELECT is_empty($q$
    SELECT c.oid::regclass, r.role FROM pg_class c, rights_role r
    WHERE c.relnamespace = 'crm'::regnamespace AND c.relkind = 'S' AND has_sequence_privilege(r.role, c.oid, 'USAGE,SELECT,UPDATE')$q$,
    'nobody uses a sequence');
SELECT is_empty($q$
    SELECT c.oid::regclass, r.role FROM pg_class c, rights_role r
    WHERE c.relnamespace = 'crm'::regnamespace AND c.relispartition AND has_any_column_privilege(r.role, c.oid, 'SELECT')$q$,
    'nobody reads a partition past its table');
SELECT is_empty($q$
    SELECT a.attrelid::regclass, a.attname FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
    WHERE c.relnamespace = 'crm'::regnamespace AND a.attacl IS NOT NULL$q$,
    'no column has grants of its own');
SELECT is_empty($q$
    SELECT p.oid::regprocedure, r.role FROM pg_proc p, rights_role r
    WHERE p.pronamespace = 'crm'::regnamespace AND p.proname ~ '^_' AND has_function_privilege(r.role, p.oid, 'EXECUTE')
      AND r.role <> 'crm_owner'$q$,
    'helpers are for crm_owner alone');
SELECT is_empty($q$
    SELECT m.roleid::regrole, m.member::regrole FROM pg_auth_members m
    WHERE m.roleid = 'crm_owner'::regrole OR (m.member::regrole::text ~ '^crm_' AND m.member <> 'crm_gateway'::regrole)$q$,
    'nobody becomes crm_owner, and no role of crm is a member of another but the gateway');
SELECT is_empty($q$
    SELECT rolname FROM pg_roles WHERE rolname ~ '^crm_' AND
        (rolsuper OR rolbypassrls OR rolcreaterole OR rolcreatedb OR rolreplication
         OR rolcanlogin <> (rolname = 'crm_gateway') OR (rolname = 'crm_gateway' AND rolinherit))$q$,
    'roles have no powers; only the gateway logs in, and inherits nothing');
SELECT * FROM finish();
ROLLBACK;
