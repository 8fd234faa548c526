-- The text of doc/sql-api.md as the database has it: public functions and what may be read, by rooms, with their comments.
CREATE TEMP TABLE api_role AS
    SELECT r.rolname AS role, substr(r.rolname, 5) AS name FROM pg_roles r
    WHERE r.rolname ~ '^crm_' AND r.rolname NOT IN ('crm_owner', 'crm_gateway');
CREATE TEMP VIEW api_function AS
    SELECT split_part(p.proname, '_', 1) AS room, p.proname AS name, pg_get_function_arguments(p.oid) AS arguments, pg_get_function_result(p.oid) AS result,
           obj_description(p.oid, 'pg_proc') AS comment,
           (SELECT string_agg(r.name, ', ' ORDER BY r.name) FROM api_role r WHERE has_function_privilege(r.role, p.oid, 'EXECUTE')) AS roles
    FROM pg_proc p WHERE p.pronamespace = 'crm'::regnamespace AND p.proname !~ '^_' AND p.prorettype <> 'trigger'::regtype;
CREATE TEMP VIEW api_relation AS
    SELECT c.relname AS name, obj_description(c.oid, 'pg_class') AS comment,
           (SELECT string_agg(a.attname || ' ' || format_type(a.atttypid, a.atttypmod) || coalesce(' (' || col_description(c.oid, a.attnum) || ')', ''), ', ' ORDER BY a.attnum)
            FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped) AS columns,
           (SELECT string_agg(r.name, ', ' ORDER BY r.name) FROM api_role r WHERE has_table_privilege(r.role, c.oid, 'SELECT')) AS roles
    FROM pg_class c WHERE c.relnamespace = 'crm'::regnamespace AND obj_description(c.oid, 'pg_class') IS NOT NULL AND c.relkind IN ('r', 'p', 'v')
      AND NOT c.relispartition;
CREATE TEMP VIEW api_line AS
    SELECT 1 AS part, '' AS room, 0 AS kind, '' AS name, '' AS arguments, E'## To read\n\nRows are those that the reader''s role and scope show (doc/rights.md).' AS line
    UNION ALL
    SELECT 1, '', 1, r.name, '', format(E'- **crm.%s**: %s.\n  Columns: %s.\n  Read by: %s.', r.name, r.comment, r.columns, coalesce(r.roles, 'superusers'))
    FROM api_relation r
    UNION ALL
    SELECT 2, f.room, 0, '', '', E'\n## ' || f.room FROM api_function f GROUP BY f.room
    UNION ALL
    SELECT 2, f.room, 1, f.name, f.arguments, format(E'- **crm.%s**(%s)%s\n  %s.\n  Called by: %s.', f.name, f.arguments, coalesce(' → ' || f.result, ''), rtrim(f.comment, '.'), coalesce(f.roles, 'superusers'))
    FROM api_function f;
