-- ingest_pull: records read on a schedule from any SQL relation, a foreign table say.
-- A watermark column says what is new.  Rows committed late lie before it, so each run reads an
-- overlap again, and a nightly run the last days; the same again changes nothing.

CREATE FUNCTION crm._ingest_pull_read(schema_name name, relation_name name, watermark_column name, has_zone boolean, zone text,
                                      since timestamptz, run_as name, row_limit int, OUT line text, OUT at timestamptz) RETURNS SETOF record
    LANGUAGE c VOLATILE STRICT AS 'MODULE_PATHNAME', 'crm_ingest_pull_read';
COMMENT ON FUNCTION crm._ingest_pull_read(name, name, name, boolean, text, timestamptz, name, int) IS
    'rows of a relation behind a moment as JSON texts, in their order, about row_limit of them; read as run_as in a '
    'restricted operation';

CREATE FUNCTION crm._ingest_relation(relation text) RETURNS text[]
    LANGUAGE plpgsql STABLE AS
$$
BEGIN
    RETURN parse_ident(relation);
EXCEPTION WHEN invalid_parameter_value THEN
    RAISE EXCEPTION 'this is no name of a relation' USING ERRCODE = 'RM218', COLUMN = 'relation', HINT = 'Name it as schema.relation.';
END
$$;
COMMENT ON FUNCTION crm._ingest_relation(text) IS 'schema and name of a relation; RM218 for what can be no name';

CREATE FUNCTION crm.ingest_define_pull(source text, entity text, relation text, watermark_column text, every interval DEFAULT '5 minutes',
                                       overlap interval DEFAULT '15 minutes', is_active boolean DEFAULT true) RETURNS int
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
DECLARE
    origin int := crm._ingest_source_id(source);
    who name := CASE current_setting('role') WHEN 'none' THEN session_user::name ELSE current_setting('role')::name END;
    parts text[] := crm._ingest_relation(relation);
    id int;
BEGIN
    PERFORM crm._ingest_entity(entity), crm._require_given(is_active, 'is_active');
    IF (SELECT rolsuper FROM pg_roles WHERE rolname = who) THEN
        RAISE EXCEPTION 'a pull does not run as a superuser' USING ERRCODE = 'RM218', COLUMN = 'relation',
            HINT = 'SET ROLE to a role that may read the relation, and has EXECUTE here.';
    END IF;
    IF cardinality(parts) = 2 IS NOT TRUE OR NOT EXISTS (
        SELECT FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_attribute a ON a.attrelid = c.oid
        WHERE n.nspname = parts[1] AND c.relname = parts[2] AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
          AND a.attname = watermark_column AND NOT a.attisdropped AND a.atttypid IN ('timestamptz'::regtype, 'timestamp'::regtype)
          AND has_table_privilege(who, c.oid, 'SELECT')) THEN
        RAISE EXCEPTION 'cannot pull from this relation' USING ERRCODE = 'RM218', COLUMN = 'relation',
            HINT = 'Name it as schema.relation; you need SELECT on it, and its watermark column is a timestamp.';
    END IF;
    IF every >= interval '10 seconds' IS NOT TRUE OR (overlap BETWEEN interval '0' AND interval '7 days') IS NOT TRUE THEN
        RAISE EXCEPTION 'a pull runs every 10 seconds at most, with an overlap of up to 7 days'
            USING ERRCODE = 'invalid_parameter_value', COLUMN = 'every',
            HINT = 'Give an interval of 10 seconds or more, and an overlap from none to 7 days.';
    END IF;
    SELECT p.pull_id INTO id FROM crm.pull p
    WHERE p.source_id = origin AND p.entity = ingest_define_pull.entity AND p.relation_schema = parts[1] AND p.relation_name = parts[2];
    IF id IS NULL THEN
        LOCK TABLE crm.pull IN SHARE ROW EXCLUSIVE MODE;
        SELECT coalesce(max(p.pull_id), 0) + 1 INTO id FROM crm.pull p;
    END IF;
    INSERT INTO crm.pull AS p (pull_id, source_id, entity, relation_schema, relation_name, watermark_column, overlap,
            every, run_as, is_active, next_run_at, next_reconcile_at)
    VALUES (id, origin, entity, parts[1], parts[2], watermark_column, overlap, every, who, is_active, crm.core_now(), crm._worker_next_daily('02:30'))
    ON CONFLICT ON CONSTRAINT pull_pkey DO UPDATE SET watermark_column = excluded.watermark_column, overlap = excluded.overlap,
        every = excluded.every, run_as = excluded.run_as, is_active = excluded.is_active,
            next_run_at = excluded.next_run_at, failures = 0, last_error = NULL;
    PERFORM crm._audit('define', 'pull', id, entity, NULL, relation);
    RETURN id;
END
$$;
COMMENT ON FUNCTION crm.ingest_define_pull(text, text, text, text, interval, interval, boolean) IS
    'reads an entity from schema.relation on a schedule, with the rights of the role that calls this; columns are '
    'the entity''s fields, or those of the source''s mapping; returns pull_id; RM218 when the relation, column or '
    'role will not do';
GRANT EXECUTE ON FUNCTION crm.ingest_define_pull(text, text, text, text, interval, interval, boolean) TO crm_admin, crm_steward;

-- JSON lines become a batch like any other, in chunks of about 256 kB.
CREATE FUNCTION crm._ingest_pull_batch(p record, lines text[]) RETURNS void
    LANGUAGE plpgsql AS
$$
DECLARE
    batch bigint := crm._new_id();
    chunk record;
BEGIN
    INSERT INTO crm.batch (batch_id, source_id, entity, format, encoding, mapping_version, is_history, is_lenient,
            is_dry_run, state, created_by, created_at)
    VALUES (batch, p.source_id, p.entity, 'ndjson', 'utf8',
            (SELECT m.version FROM crm.mapping m WHERE m.source_id = p.source_id AND m.entity = p.entity AND m.is_current),
            false, true, false, 'receiving', 'pull ' || p.pull_id, crm.core_now());
    FOR chunk IN
        SELECT (sized.before / 250000)::int AS no, count(*)::int AS n,
            convert_to(string_agg(sized.line, E'\n' ORDER BY sized.ordinality) || E'\n', 'UTF8') AS payload
        FROM (SELECT l.line, l.ordinality, sum(octet_length(l.line) + 1) OVER (ORDER BY l.ordinality) - octet_length(l.line) AS before
              FROM unnest(lines) WITH ORDINALITY l(line, ordinality)) sized
        GROUP BY 1 ORDER BY 1
    LOOP
        INSERT INTO crm.inbox (received_at, inbox_id, source_id, entity, batch_id, chunk_no, first_line, line_count, payload)
        SELECT b.created_at, crm._new_id(), b.source_id, b.entity, b.batch_id, b.chunk_count, b.line_count + 1, chunk.n, chunk.payload
        FROM crm.batch b WHERE b.batch_id = batch;
        UPDATE crm.batch b SET first_chunk = 0, chunk_count = b.chunk_count + 1, line_count = b.line_count + chunk.n,
            byte_count = b.byte_count + octet_length(chunk.payload)
        WHERE b.batch_id = batch;
    END LOOP;
    UPDATE crm.batch b SET state = 'validating', turn = crm._new_id() WHERE b.batch_id = batch;
END
$$;
COMMENT ON FUNCTION crm._ingest_pull_batch(record, text[]) IS 'keeps pulled lines as a batch that takes the good ones';

CREATE FUNCTION crm._ingest_pull_once(p record) RETURNS void
    LANGUAGE plpgsql AS
$$
DECLARE
    reconciles boolean := NOT p.is_behind AND (p.reconcile_from IS NOT NULL OR p.next_reconcile_at <= crm.core_now());
    since timestamptz := CASE WHEN reconciles THEN coalesce(p.reconcile_from,
            crm.core_now() - (crm._setting('ingest.reconcile_days') #>> '{}')::int * interval '1 day')
                              WHEN p.is_behind THEN coalesce(p.watermark, '-infinity') ELSE coalesce(p.watermark - p.overlap, '-infinity') END;
    lines text[];
    newest timestamptz;
    print bytea;
    is_more boolean;
    has_zone boolean;
BEGIN
    SELECT a.atttypid = 'timestamptz'::regtype INTO has_zone
    FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = p.relation_schema AND c.relname = p.relation_name AND a.attname = p.watermark_column AND NOT a.attisdropped;
    IF has_zone IS NULL THEN
        RAISE EXCEPTION 'the relation or its watermark column is gone' USING ERRCODE = 'RM218', COLUMN = 'relation',
            HINT = 'Bring it back, or define the pull again.';
    END IF;
    SELECT array_agg(r.line ORDER BY r.at), max(r.at) INTO lines, newest
    FROM crm._ingest_pull_read(p.relation_schema, p.relation_name, p.watermark_column::name, has_zone,
        (SELECT s.time_zone FROM crm.source s WHERE s.source_id = p.source_id), since, p.run_as, 10000) r;
    print := crm._sha256(convert_to(coalesce(array_to_string(lines, E'\n'), ''), 'UTF8'));
    is_more := coalesce(cardinality(lines), 0) >= 10000;
    IF lines IS NOT NULL AND print IS DISTINCT FROM p.last_hash THEN
        PERFORM crm._ingest_pull_batch(p, lines);
    END IF;
    UPDATE crm.pull t SET
        watermark = CASE WHEN reconciles THEN t.watermark ELSE greatest(t.watermark, newest) END,
        is_behind = CASE WHEN reconciles THEN false ELSE is_more END,
        reconcile_from = CASE WHEN reconciles AND is_more THEN newest END,
        next_reconcile_at = CASE WHEN reconciles AND NOT is_more THEN crm._worker_next_daily('02:30') ELSE t.next_reconcile_at END,
        last_hash = CASE WHEN reconciles THEN t.last_hash ELSE print END,
        next_run_at = CASE WHEN is_more OR reconciles THEN crm.core_now() ELSE crm.core_now() + t.every END, failures = 0, last_error = NULL
    WHERE t.pull_id = p.pull_id;
    IF p.failures > 0 THEN
        PERFORM crm._alert_close('ingest.pull', p.pull_id::text);
    END IF;
END
$$;
COMMENT ON FUNCTION crm._ingest_pull_once(record) IS
    'reads what is new in a relation, with the overlap, or a stretch of the nightly reconciliation; what was read '
    'the last time too is not kept again';

CREATE FUNCTION crm._ingest_pull() RETURNS bigint
    LANGUAGE plpgsql AS
$$
DECLARE
    p record;
    state text;
    message text;
BEGIN
    SELECT t.* INTO p FROM crm.pull t WHERE t.is_active AND t.next_run_at <= crm.core_now() ORDER BY t.next_run_at,
        t.pull_id LIMIT 1 FOR UPDATE SKIP LOCKED;
    IF NOT FOUND THEN
        RETURN 0;
    END IF;
    BEGIN
        PERFORM crm._ingest_pull_once(p);
    EXCEPTION WHEN OTHERS THEN
        GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT;
        IF state LIKE '57%' THEN
            RAISE;
        END IF;
        UPDATE crm.pull t SET failures = t.failures + 1, last_error = state || ' ' || message,
            next_run_at = crm.core_now() + (crm._setting('ingest.retry_seconds') #>> '{}')::int * interval '1 second'
        WHERE t.pull_id = p.pull_id;
        IF p.failures + 1 >= (crm._setting('ingest.alert_failures') #>> '{}')::int THEN
            PERFORM crm._alert('ingest.pull', p.pull_id::text, jsonb_build_object('error', state, 'failures', p.failures + 1));
        END IF;
    END;
    RETURN 1;
END
$$;
COMMENT ON FUNCTION crm._ingest_pull() IS
    'job: runs one pull that is due; a failure is tried again after ingest.retry_seconds, with one alert after '
    'ingest.alert_failures in a row';
