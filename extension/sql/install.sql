-- install: code belongs to the extension, data to the user.

CREATE FUNCTION crm._migrations_missing() RETURNS int[]
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, crm, pg_temp AS
$$
BEGIN
    IF to_regclass('crm.migration') IS NULL THEN
        RETURN ARRAY(SELECT s.migration_no FROM crm._migration() s ORDER BY 1);
    END IF;
    RETURN ARRAY(SELECT s.migration_no FROM crm._migration() s
        WHERE NOT EXISTS (SELECT FROM crm.migration m WHERE m.migration_no = s.migration_no) ORDER BY 1);
END
$$;
COMMENT ON FUNCTION crm._migrations_missing() IS
    'the migrations of the code that this database does not have, in their order: a number tells a room and an '
    'order, not a time, so one below the newest may still be to come';

CREATE FUNCTION crm.install() RETURNS TABLE (migration_no int, room text, title text)
    LANGUAGE plpgsql SET search_path = pg_catalog, crm, pg_temp AS
$$
DECLARE
    step record;
    missing int[];
BEGIN
    -- the login as well: who came by SET ROLE alone may not go on as crm_owner
    IF NOT (SELECT bool_and(rolsuper) FROM pg_roles WHERE rolname IN (current_user, session_user)) THEN
        RAISE EXCEPTION 'only a superuser can install the tables of crm'
            USING ERRCODE = 'insufficient_privilege', HINT = 'Run it as postgres, or as another superuser.';
    END IF;
    PERFORM crm._require_library();
    PERFORM set_config('role', 'crm_owner', true);
    IF to_regclass('crm.migration') IS NULL THEN
        -- the only place: tables that came with a dump need the keys they were written under
        PERFORM crm._make_keys();
        CREATE TABLE crm.migration (
            migration_no int PRIMARY KEY,
            room text NOT NULL,
            title text NOT NULL,
            version crm.version NOT NULL,
            applied_at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp());
    END IF;
    LOCK TABLE crm.migration IN EXCLUSIVE MODE;
    missing := crm._migrations_missing();
    FOR step IN SELECT * FROM crm._migration() s WHERE s.migration_no = ANY (missing) ORDER BY s.migration_no LOOP
        EXECUTE step.statements;
        INSERT INTO crm.migration (migration_no, room, title, version)
        VALUES (step.migration_no, step.room, step.title, crm._code_version());
        migration_no := step.migration_no; room := step.room; title := step.title;
        RETURN NEXT;
    END LOOP;
    -- partitions of now and the days to come: nothing that arrives meanwhile lands in a default one
    PERFORM crm._access_partitions();
    IF missing <> '{}' THEN
        PERFORM crm._worker_first_nights();
    END IF;
    PERFORM set_config('role', 'none', true);
    PERFORM crm._validate_sql_functions();
END
$$;
COMMENT ON FUNCTION crm.install() IS
    'makes or updates the tables of crm as ordinary tables owned by crm_owner; returns the migrations it applied, '
    'none when up to date; superuser only (42501)';

CREATE FUNCTION crm._code_version() RETURNS crm.version
    LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$ SELECT '@CRM_VERSION@'::crm.version $$;
COMMENT ON FUNCTION crm._code_version() IS 'the version of the code';

CREATE FUNCTION crm._core_library_version() RETURNS text
    LANGUAGE c STABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'crm_core_library_version';
COMMENT ON FUNCTION crm._core_library_version() IS
    'the version of the library that the server runs: that of its last start, where crm is preloaded';

CREATE FUNCTION crm._require_library() RETURNS void
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, crm, pg_temp AS
$$
BEGIN
    IF crm._core_library_version() <> crm._code_version() THEN
        RAISE EXCEPTION 'the server runs the library of crm %, the code is of %', crm._core_library_version(), crm._code_version()
            USING ERRCODE = 'RM001', HINT = 'Restart the server; it then loads the library that is installed.';
    END IF;
END
$$;
COMMENT ON FUNCTION crm._require_library() IS
    'RM001 when the library that the server runs is of another release than the code';

-- String bodies may precede their tables; here each is parsed against the tables that are there now.
CREATE FUNCTION crm._validate_sql_functions() RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, crm, pg_temp AS
$$
DECLARE
    candidate record;
BEGIN
    FOR candidate IN
        SELECT p.oid FROM pg_proc p JOIN pg_language l ON l.oid = p.prolang
        WHERE p.pronamespace = 'crm'::regnamespace AND l.lanname = 'sql' AND p.prosqlbody IS NULL
    LOOP
        PERFORM fmgr_sql_validator(candidate.oid);
    END LOOP;
END
$$;
COMMENT ON FUNCTION crm._validate_sql_functions() IS 'checks every SQL function of crm against the installed tables';

CREATE FUNCTION crm.uninstall(confirm text DEFAULT '') RETURNS int
    LANGUAGE plpgsql SET search_path = pg_catalog, crm, pg_temp SET client_min_messages = warning AS
$$
DECLARE
    relation record;
    dropped int := 0;
BEGIN
    IF NOT (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) THEN
        RAISE EXCEPTION 'only a superuser can uninstall the tables of crm'
            USING ERRCODE = 'insufficient_privilege', HINT = 'Run it as postgres, or as another superuser.';
    END IF;
    IF confirm IS DISTINCT FROM current_database() THEN
        RAISE EXCEPTION 'cannot drop the customers'' data without confirmation'
            USING ERRCODE = 'invalid_parameter_value', COLUMN = 'confirm',
                  HINT = format('Run SELECT crm.uninstall(%L); to drop every table of crm in this database.', current_database());
    END IF;
    FOR relation IN
        SELECT c.oid, c.relkind FROM pg_class c
        WHERE c.relnamespace = 'crm'::regnamespace AND c.relkind IN ('r', 'p', 'v', 'm', 'S', 'f')
          AND NOT c.relispartition
          AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = c.oid AND d.classid = 'pg_class'::regclass AND d.deptype = 'e')
        ORDER BY c.relkind = 'v' DESC, c.oid DESC
    LOOP
        CONTINUE WHEN NOT EXISTS (SELECT FROM pg_class WHERE oid = relation.oid);
        EXECUTE format('DROP %s %s CASCADE',
            CASE relation.relkind WHEN 'v' THEN 'VIEW' WHEN 'm' THEN 'MATERIALIZED VIEW' WHEN 'S' THEN 'SEQUENCE'
                 WHEN 'f' THEN 'FOREIGN TABLE' ELSE 'TABLE' END,
            relation.oid::regclass);
        dropped := dropped + 1;
    END LOOP;
    RETURN dropped;
END
$$;
COMMENT ON FUNCTION crm.uninstall(text) IS
    'drops every table of crm with all data; takes the name of the database as confirmation (22023 otherwise); '
    'roles stay, they are the cluster''s; afterwards DROP EXTENSION crm works';

CREATE FUNCTION crm._compare_schema() RETURNS void
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, crm, pg_temp AS
$$
BEGIN
    PERFORM crm._require_library();
    IF crm._migrations_missing() = '{}' THEN
        RETURN;
    END IF;
    RAISE EXCEPTION '%', CASE WHEN to_regclass('crm.migration') IS NULL THEN 'crm has no tables in this database yet'
        ELSE 'the tables of crm are older than its code' END
        USING ERRCODE = 'RM001', HINT = 'Run SELECT crm.install();';
END
$$;
COMMENT ON FUNCTION crm._compare_schema() IS
    'compares the tables and the library with the code: RM001 with the remedy when crm.install() has to run, or the '
    'server to be restarted';

-- Every entry into the product asks this: code newer than the tables or the library says what to do.
CREATE FUNCTION crm._require_schema() RETURNS void
    LANGUAGE c STABLE AS 'MODULE_PATHNAME', 'crm_core_require_schema';
COMMENT ON FUNCTION crm._require_schema() IS
    'RM001 with the remedy when crm.install() has to run, or the server to be restarted; that all fits is '
    'remembered in the session until functions change, so each entry can ask';
