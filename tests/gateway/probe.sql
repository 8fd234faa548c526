-- A stand-in for the product's functions, so that the gateway is tested as a machine:
-- who authenticates, what a statement may do to it, what an import keeps.
CREATE SCHEMA crm;
CREATE SCHEMA probe;
GRANT USAGE ON SCHEMA crm, probe TO PUBLIC;

-- credential -> claims and role.  The key's secret says which role, for the tests' ease.
CREATE FUNCTION crm.access_authenticate(credential text, OUT claims text, OUT role text)
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
    given jsonb := credential::jsonb;
BEGIN
    role := CASE given->>'kind'
        WHEN 'none' THEN 'crm_gateway'
        WHEN 'jwt' THEN given->'claims'->>'role'
        WHEN 'session' THEN CASE WHEN given->>'value' = 'probe-session' THEN 'crm_clerk' END
        WHEN 'key' THEN CASE given->>'value'
            WHEN 'crm_test_1_clerk' THEN 'crm_clerk'
            WHEN 'crm_test_1_till' THEN 'crm_till'
            WHEN 'crm_test_1_none' THEN 'none'
            WHEN 'crm_test_1_unknown' THEN 'crm_nobody_at_all'
            WHEN 'crm_test_1_super' THEN 'postgres' END END;
    IF given->>'value' = 'crm_test_1_empty' THEN
        RETURN;
    END IF;
    IF role IS NULL THEN
        RAISE EXCEPTION 'credential is not valid'
            USING ERRCODE = 'invalid_authorization_specification', HINT = 'Use another.';
    END IF;
    claims := (given || jsonb_build_object('role', role))::text;
END
$$;

CREATE TABLE probe.thing_state (id bigint PRIMARY KEY, version int NOT NULL, owner name NOT NULL);
INSERT INTO probe.thing_state SELECT n, 1, CASE WHEN n % 2 = 0 THEN 'crm_clerk' ELSE 'crm_till' END
FROM generate_series(1, 100) n;
ALTER TABLE probe.thing_state ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON probe.thing_state USING (owner = current_user);
GRANT SELECT, UPDATE ON probe.thing_state TO crm_clerk, crm_till;

CREATE FUNCTION probe.who() RETURNS jsonb LANGUAGE sql STABLE AS
$$
    SELECT jsonb_build_object('role', current_user, 'claims', nullif(current_setting('crm.access_claims', true), ''),
        'read_only', current_setting('transaction_read_only'), 'timeout', current_setting('statement_timeout'),
        'application_name', current_setting('application_name'), 'pid', pg_backend_pid())
$$;

CREATE FUNCTION probe.thing(id bigint, OUT status int, OUT body text, OUT etag text) RETURNS SETOF record
    LANGUAGE plpgsql STABLE AS
$$
BEGIN
    RETURN QUERY SELECT 200, json_build_object('id', t.id, 'version', t.version)::text, 'v' || t.version
                 FROM probe.thing_state t WHERE t.id = thing.id;
END
$$;

CREATE FUNCTION probe.thing_edit(id bigint, changes jsonb, if_match text,
                                 OUT status int, OUT body text, OUT etag text, OUT code text) RETURNS SETOF record
    LANGUAGE plpgsql AS
$$
DECLARE
    current int;
BEGIN
    SELECT t.version INTO current FROM probe.thing_state t WHERE t.id = thing_edit.id FOR UPDATE;
    IF if_match IS NOT NULL AND if_match <> 'v' || current THEN
        RETURN QUERY SELECT 412, NULL::text, NULL::text, 'version'::text;
        RETURN;
    END IF;
    UPDATE probe.thing_state t SET version = version + 1 WHERE t.id = thing_edit.id;
    RETURN QUERY SELECT 200, changes::text, 'v' || current + 1, NULL::text;
END
$$;

CREATE FUNCTION probe.rows(after int, row_limit int, fail_at int) RETURNS SETOF jsonb
    LANGUAGE sql STABLE AS
$$
    SELECT jsonb_build_object('n', n, 'x', CASE WHEN n = fail_at THEN 1 / (n - fail_at) ELSE 0 END)
    FROM generate_series(after + 1, least(after + row_limit, 250)) n
$$;

CREATE TABLE probe.notes (note text);
GRANT INSERT, SELECT ON probe.notes TO PUBLIC;
CREATE FUNCTION probe.note(note text) RETURNS text LANGUAGE sql VOLATILE AS
    $$ INSERT INTO probe.notes VALUES (note) RETURNING to_jsonb(note)::text $$;

CREATE FUNCTION probe.raise(code text) RETURNS text LANGUAGE plpgsql AS
$$
BEGIN
    EXECUTE 'INSERT INTO probe.notes VALUES ($1)' USING 'raise ' || code;
    RAISE EXCEPTION 'the primary message %', code
        USING ERRCODE = code, DETAIL = 'Failing row contains (secret 13800138000).', HINT = 'the hint',
              COLUMN = 'phone';
END
$$;

-- Fails with a serialization failure the first `times` times it is called.
CREATE SEQUENCE probe.tries;
GRANT USAGE ON SEQUENCE probe.tries TO PUBLIC;
CREATE FUNCTION probe.conflict(times int) RETURNS text LANGUAGE plpgsql AS
$$
BEGIN
    IF nextval('probe.tries') % (times + 1) <> 0 THEN
        RAISE EXCEPTION 'conflict' USING ERRCODE = 'serialization_failure';
    END IF;
    RETURN '{}';
END
$$;

CREATE TABLE probe.parent (id int PRIMARY KEY);
CREATE TABLE probe.child (id int REFERENCES probe.parent DEFERRABLE INITIALLY DEFERRED);
GRANT INSERT ON probe.child TO PUBLIC;
CREATE FUNCTION probe.deferred() RETURNS text LANGUAGE sql VOLATILE AS
    $$ INSERT INTO probe.child VALUES (42) RETURNING '{}' $$;

CREATE FUNCTION probe.intake(payload bytea, OUT status int, OUT code text, OUT field text, OUT remedy text, OUT body text)
    LANGUAGE plpgsql AS
$$
BEGIN
    INSERT INTO probe.notes VALUES ('intake');
    BEGIN
        PERFORM convert_from(payload, 'UTF8')::jsonb;
        status := 200; code := 'created'; body := '{}';
    EXCEPTION WHEN OTHERS THEN
        status := 400; code := SQLSTATE; field := 'phone'; remedy := 'Send JSON.';
    END;
END
$$;

-- What an import keeps: the tests read it as the superuser.
CREATE TABLE probe.batch (batch_id bigserial PRIMARY KEY, what jsonb, state text NOT NULL DEFAULT 'receiving', byte_count bigint);
CREATE TABLE probe.chunk (batch_id bigint, chunk_no int, payload bytea, PRIMARY KEY (batch_id, chunk_no));
ALTER TABLE probe.chunk ALTER payload SET STORAGE EXTERNAL;
CREATE TABLE probe.keep (is_kept boolean NOT NULL DEFAULT true);
INSERT INTO probe.keep VALUES (true);

CREATE FUNCTION crm.ingest_bulk_begin(source text, entity text, format text, encoding text, options jsonb) RETURNS bigint
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
    id bigint;
BEGIN
    IF entity = 'nothing' THEN
        RAISE EXCEPTION 'no such entity' USING ERRCODE = 'RM003', HINT = 'Choose another.', COLUMN = 'entity';
    END IF;
    INSERT INTO probe.batch (what)
    VALUES (jsonb_build_object('source', source, 'entity', entity, 'format', format, 'encoding', encoding) || options)
    RETURNING batch_id INTO id;
    RETURN id;
END
$$;
CREATE FUNCTION crm.ingest_bulk_append(batch_id bigint, chunk_no int, payload bytea) RETURNS int
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
    IF (SELECT is_kept FROM probe.keep) THEN
        INSERT INTO probe.chunk VALUES (batch_id, chunk_no, payload);
    END IF;
    RETURN length(payload);
END
$$;
CREATE FUNCTION crm.ingest_bulk_commit(batch_id bigint, byte_count bigint, content_sha256 bytea, idempotency_key text) RETURNS jsonb
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
    UPDATE probe.batch b SET state = 'accepted', byte_count = ingest_bulk_commit.byte_count
    WHERE b.batch_id = ingest_bulk_commit.batch_id;
    RETURN jsonb_build_object('import_id', batch_id, 'bytes', byte_count);
END
$$;
CREATE FUNCTION crm.ingest_bulk_abort(batch_id bigint) RETURNS jsonb
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
    UPDATE probe.batch b SET state = 'aborted' WHERE b.batch_id = ingest_bulk_abort.batch_id;
    RETURN '{}';
END
$$;
