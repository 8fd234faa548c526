-- Reads the matrix of doc/rights.md into temporary tables: a row of rights_cell is one cell.
-- Included by the tests that hold the database against it.
\set rights_page `cat doc/rights.md`
CREATE TEMP TABLE rights_role (position int PRIMARY KEY, role name NOT NULL UNIQUE);
CREATE TEMP TABLE rights_cell (kind text, object text, role name, cell text, PRIMARY KEY (kind, object, role));
WITH line AS (
    SELECT row_number() OVER () AS line_no, string_to_array(trim(BOTH '| ' FROM l), '|') AS part
    FROM regexp_split_to_table(:'rights_page', E'\n') l WHERE l ~ '^\| (kind|rows|clear|function) '),
head AS (SELECT part FROM line WHERE btrim(part[1]) = 'kind')
INSERT INTO rights_role SELECT i, ('crm_' || btrim(part[i]))::name FROM head, generate_subscripts(part, 1) i WHERE i > 2;
WITH line AS (
    SELECT string_to_array(trim(BOTH '| ' FROM l), '|') AS part
    FROM regexp_split_to_table(:'rights_page', E'\n') l WHERE l ~ '^\| (rows|clear|function) ')
INSERT INTO rights_cell
SELECT btrim(part[1]), btrim(part[2], ' `'), r.role, btrim(coalesce(part[r.position], '')) FROM line, rights_role r;

-- What the database itself says; the page must say the same.
CREATE TEMP VIEW rights_found AS
    SELECT 'rows' AS kind, c.oid::regclass::text AS object, r.role, CASE
        WHEN NOT has_table_privilege(r.role, c.oid, 'SELECT') THEN '-'
        WHEN c.relkind = 'v' THEN CASE WHEN c.reloptions @> '{security_invoker=true}' THEN 'invoker' ELSE 'definer' END
        WHEN NOT c.relrowsecurity THEN 'open'
        WHEN EXISTS (SELECT FROM pg_policy p WHERE p.polrelid = c.oid AND p.polroles @> ARRAY[r.role::regrole::oid]
                     AND pg_get_expr(p.polqual, p.polrelid) = 'true') THEN 'all'
        WHEN EXISTS (SELECT FROM pg_policy p WHERE p.polrelid = c.oid AND p.polroles @> ARRAY[r.role::regrole::oid]) THEN 'own'
        ELSE 'none' END AS cell
    FROM pg_class c CROSS JOIN rights_role r
    WHERE c.relnamespace = 'crm'::regnamespace AND c.relkind IN ('r', 'p', 'v', 'm', 'f') AND NOT c.relispartition
    UNION ALL
    SELECT 'clear', f.field, r.role, CASE WHEN EXISTS (SELECT FROM crm.field_right x WHERE x.role = r.role AND x.field = f.field)
                                          THEN 'yes' ELSE '-' END
    FROM (SELECT DISTINCT field FROM crm.field_right) f CROSS JOIN rights_role r
    UNION ALL
    SELECT 'function', p.proname, r.role,
           CASE WHEN bool_and(has_function_privilege(r.role, p.oid, 'EXECUTE')) THEN
                    CASE WHEN bool_and(p.prosecdef) THEN 'x' WHEN bool_or(p.prosecdef) THEN 'x i' ELSE 'i' END
                WHEN bool_or(has_function_privilege(r.role, p.oid, 'EXECUTE')) THEN 'some' ELSE '-' END
    FROM pg_proc p CROSS JOIN rights_role r
    WHERE p.pronamespace = 'crm'::regnamespace AND p.proname !~ '^_'
      -- input and output of types are the server's to call
      AND NOT EXISTS (SELECT FROM pg_type t WHERE p.oid IN (t.typinput, t.typoutput, t.typreceive, t.typsend))
    GROUP BY p.proname, r.role;
