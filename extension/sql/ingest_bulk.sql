-- ingest_bulk: imports.  A batch is received in chunks, checked whole, accepted or refused in one
-- commit, then applied in pieces by the worker.
--
--   receiving -> validating -> accepted -> applying -> done
--                    |  \-> awaiting_confirmation -> accepted        (dry run)
--                    \-> invalid                                     (a line is bad, all or nothing)
--   aborted: from any state while nothing is stored

CREATE FUNCTION crm.ingest_bulk_begin(source text, entity text, format text, encoding text DEFAULT 'utf8', options jsonb DEFAULT '{}') RETURNS bigint
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
DECLARE
    id int := crm._ingest_source_id(source);
    batch bigint := crm._new_id();
    mapping_entity text;
    wanted int;
    used int;
BEGIN
    PERFORM crm._require_schema();
    PERFORM crm._ingest_entity(entity), crm._require_members(options,
            '{"history": "truth", "lenient": "truth", "dry_run": "truth", "header": "truth", "mapping_version": "whole"}');
    wanted := options ->> 'mapping_version';
    IF format IS NULL OR format NOT IN ('csv', 'ndjson') OR encoding IS NULL OR encoding NOT IN ('utf8', 'gbk') THEN
        RAISE EXCEPTION 'cannot read this format or encoding' USING ERRCODE = 'invalid_parameter_value', COLUMN = 'format',
            HINT = 'The format is csv or ndjson, the encoding utf8 or gbk.';
    END IF;
    IF NOT EXISTS (SELECT FROM crm.source s WHERE s.source_id = id AND s.is_active
                   AND (s.is_sandbox OR crm._actor_claim('sandbox') IS DISTINCT FROM 'true')) THEN
        RAISE EXCEPTION 'this source takes no imports' USING ERRCODE = 'RM210', COLUMN = 'source',
            HINT = 'Activate it, or name another; a sandbox key delivers for sandbox sources only.';
    END IF;
    mapping_entity := CASE WHEN entity IN ('order', 'order_line') THEN CASE format WHEN 'csv' THEN 'order_line' ELSE 'order' END ELSE entity END;
    SELECT m.version INTO used FROM crm.mapping m
    WHERE m.source_id = id AND m.entity = mapping_entity AND CASE WHEN wanted IS NULL THEN m.is_current ELSE m.version = wanted END;
    IF used IS NULL AND wanted IS NOT NULL THEN
        RAISE EXCEPTION 'there is no mapping of this version' USING ERRCODE = 'RM212', COLUMN = 'options',
            HINT = 'crm.ingest_mapping() has those there are.';
    END IF;
    INSERT INTO crm.batch (batch_id, source_id, entity, format, encoding, mapping_version, is_history, is_lenient, is_dry_run, state,
                           has_header, created_by, created_at)
    VALUES (batch, id, mapping_entity, format, encoding, used, coalesce((options ->> 'history')::boolean, false),
            coalesce((options ->> 'lenient')::boolean, false), coalesce((options ->> 'dry_run')::boolean, false), 'receiving',
            format = 'csv' AND coalesce((options ->> 'header')::boolean, true), crm._actor(), crm.core_now());
    RETURN batch;
END
$$;
COMMENT ON FUNCTION crm.ingest_bulk_begin(text, text, text, text, jsonb) IS
    'starts an import of csv or ndjson (utf8, gbk); options: history (fires nothing), lenient (takes the good '
    'lines), dry_run (waits for confirmation), mapping_version, header; returns the batch; RM210, RM212, RM216, '
    '22023';

-- The batch locked for a change, when the caller may touch it and it is in one of the states.
CREATE FUNCTION crm._ingest_own_batch(batch_id bigint, states text[]) RETURNS void
    LANGUAGE plpgsql AS
$$
DECLARE
    found_state text;
    source text;
BEGIN
    SELECT b.state, s.code INTO found_state, source FROM crm.batch b JOIN crm.source s USING (source_id)
    WHERE b.batch_id = _ingest_own_batch.batch_id FOR UPDATE OF b;
    IF found_state IS NULL OR source <> coalesce(crm._actor_claim('source'), source) THEN
        RAISE EXCEPTION 'there is no such import' USING ERRCODE = 'no_data_found', COLUMN = 'batch_id',
            HINT = 'Take the id that beginning the import returned.';
    END IF;
    IF found_state <> ALL (states) THEN
        RAISE EXCEPTION 'the import is %', found_state USING ERRCODE = 'RM213', COLUMN = 'batch_id',
            HINT = format('This call is for an import that is %s.', array_to_string(states, ' or '));
    END IF;
END
$$;
COMMENT ON FUNCTION crm._ingest_own_batch(bigint, text[]) IS
    'locks a batch; P0002 when there is none or it is another source''s, RM213 in another state';

CREATE FUNCTION crm._ingest_refuse_header(payload bytea) RETURNS void
    LANGUAGE plpgsql IMMUTABLE AS
$$
BEGIN
    IF btrim(payload, '\x090a0d20'::bytea) = '' THEN
        RAISE EXCEPTION 'the file is blank' USING ERRCODE = 'RM200', COLUMN = 'payload', HINT = 'Name the columns in the first line.';
    ELSIF substring(payload FROM 1 FOR 2) IN ('\xfffe'::bytea, '\xfeff'::bytea) THEN
        RAISE EXCEPTION 'the file is UTF-16' USING ERRCODE = 'RM201', COLUMN = 'payload',
            HINT = 'Save it as CSV UTF-8; spreadsheets call this one Unicode text.';
    END IF;
    RAISE EXCEPTION 'the header cannot be read' USING ERRCODE = 'RM201', COLUMN = 'payload', HINT = 'Name the right encoding, utf8 or gbk.';
END
$$;
COMMENT ON FUNCTION crm._ingest_refuse_header(bytea) IS
    'says why the first record of a file is none: blank (RM200), UTF-16, or of another encoding (RM201)';

CREATE FUNCTION crm.ingest_bulk_append(batch_id bigint, chunk_no int, payload bytea) RETURNS int
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
DECLARE
    b record;
    lines int;
    first_record text;
BEGIN
    PERFORM crm._ingest_own_batch(batch_id, '{receiving}');
    SELECT * INTO b FROM crm.batch t WHERE t.batch_id = ingest_bulk_append.batch_id;
    IF chunk_no - coalesce(b.first_chunk, chunk_no) BETWEEN 0 AND b.chunk_count - 1 THEN
        RETURN b.chunk_count;       -- sent again because the answer was lost
    END IF;
    IF chunk_no <> coalesce(b.first_chunk, chunk_no) + b.chunk_count THEN
        RAISE EXCEPTION 'chunk % of the import is missing', b.first_chunk + b.chunk_count USING ERRCODE = 'RM214',
            COLUMN = 'chunk_no', HINT = 'Send the chunks in their order.';
    END IF;
    IF octet_length(payload) > 1048576 THEN
        RAISE EXCEPTION 'chunk is larger than 1 MB' USING ERRCODE = 'RM215', COLUMN = 'payload',
            HINT = 'Send chunks of at most 256 kB that end at the end of a record.';
    END IF;
    lines := crm._ingest_lines(payload);
    IF b.chunk_count = 0 AND b.has_header THEN
        first_record := crm._ingest_first_record(payload, b.encoding);
        IF first_record IS NULL OR btrim(payload, '\x090a0d20'::bytea) = '' THEN
            PERFORM crm._ingest_refuse_header(payload);
        END IF;
    END IF;
    INSERT INTO crm.inbox (received_at, inbox_id, source_id, entity, batch_id, chunk_no, first_line, line_count, payload)
    VALUES (b.created_at, crm._new_id(), b.source_id, b.entity, b.batch_id, b.chunk_count, b.line_count + 1, lines, payload);
    UPDATE crm.batch t SET chunk_count = t.chunk_count + 1, first_chunk = coalesce(t.first_chunk, ingest_bulk_append.chunk_no),
        line_count = t.line_count + lines, byte_count = t.byte_count + octet_length(payload), header = coalesce(t.header, first_record)
    WHERE t.batch_id = b.batch_id;
    IF b.chunk_count % 8 = 7 THEN
        PERFORM crm._worker_wake();         -- there is enough to begin reading
    END IF;
    RETURN b.chunk_count + 1;
END
$$;
COMMENT ON FUNCTION crm.ingest_bulk_append(bigint, int, bytea) IS
    'keeps the next chunk of an import (at most 256 kB, ending at a record''s end, numbered one after the other); '
    'the number of chunks so far; a chunk sent twice counts once; RM201, RM213, RM214, RM215';

CREATE FUNCTION crm._ingest_describe(batch_id bigint) RETURNS jsonb
    LANGUAGE plpgsql STABLE AS
$$
BEGIN
    RETURN (SELECT jsonb_build_object('batch_id', b.batch_id, 'source', s.code, 'entity', b.entity, 'format', b.format, 'state', b.state,
                'history', b.is_history, 'lenient', b.is_lenient, 'dry_run', b.is_dry_run, 'mapping_version', b.mapping_version,
                'line_count', b.line_count, 'byte_count', b.byte_count, 'counts', p.counts, 'lines', b.line_kinds,
                'applied', coalesce((SELECT sum(c.value::bigint) FROM jsonb_each_text(p.counts) c
                                     WHERE c.key IN ('created', 'updated', 'replaced', 'stale', 'unchanged', 'suppressed')), 0),
                'progress', p.progress, 'attempts', p.attempts, 'last_error', p.last_error, 'created_by', b.created_by, 'created_at', b.created_at,
                'finished_at', b.finished_at)
            FROM crm.batch b JOIN crm.source s USING (source_id) JOIN crm.import_progress p ON p.batch_id = b.batch_id
            WHERE b.batch_id = _ingest_describe.batch_id);
END
$$;
COMMENT ON FUNCTION crm._ingest_describe(bigint) IS
    'an import as JSON: state, counts, what the lines of orders are, progress from 0 to 1';

-- What makes two uploads the same: where they go and how they are read, besides their bytes.
CREATE FUNCTION crm._ingest_fingerprint(batch_id bigint, content_sha256 bytea) RETURNS bytea
    LANGUAGE plpgsql STABLE AS
$$
BEGIN
    RETURN (SELECT convert_to(concat_ws(' ', b.source_id, b.entity, b.format, b.encoding, b.is_history, b.is_lenient, b.is_dry_run, b.has_header,
                                        b.byte_count), 'UTF8') || coalesce(content_sha256, '\x')
            FROM crm.batch b WHERE b.batch_id = _ingest_fingerprint.batch_id);
END
$$;
COMMENT ON FUNCTION crm._ingest_fingerprint(bigint, bytea) IS 'what the idempotency key of an import stands for';

-- The key is claimed here and not at the beginning: an upload that broke off has used up nothing, and two that
-- run side by side are one import, whichever arrives first.
CREATE FUNCTION crm.ingest_bulk_commit(batch_id bigint, byte_count bigint, content_sha256 bytea DEFAULT NULL,
                                       idempotency_key text DEFAULT NULL) RETURNS jsonb
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
DECLARE
    b record;
    earlier jsonb;
BEGIN
    PERFORM crm._ingest_own_batch(batch_id, '{receiving,validating,invalid,awaiting_confirmation,accepted,applying,done}');
    SELECT * INTO b FROM crm.batch t WHERE t.batch_id = ingest_bulk_commit.batch_id;
    IF ingest_bulk_commit.byte_count IS DISTINCT FROM b.byte_count THEN
        RAISE EXCEPTION 'the import has % bytes, not %', b.byte_count, ingest_bulk_commit.byte_count USING ERRCODE = 'RM214', COLUMN = 'byte_count',
            HINT = 'Send the missing chunks, or abort.';
    END IF;
    IF b.state = 'receiving' THEN
        earlier := crm._idempotency_claim(idempotency_key, 'ingest_bulk', crm._ingest_fingerprint(b.batch_id, content_sha256));
        IF earlier IS NOT NULL THEN
            PERFORM crm.ingest_bulk_abort(b.batch_id);
            RETURN coalesce(crm._ingest_describe((earlier ->> 'batch_id')::bigint), earlier);
        END IF;
        PERFORM crm._idempotency_store(idempotency_key, jsonb_build_object('batch_id', b.batch_id));
        UPDATE crm.batch t SET state = 'validating', turn = crm._new_id() WHERE t.batch_id = b.batch_id;
        PERFORM crm._worker_wake();
    END IF;
    RETURN crm._ingest_describe(batch_id);
END
$$;
COMMENT ON FUNCTION crm.ingest_bulk_commit(bigint, bigint, bytea, text) IS
    'ends an upload of byte_count bytes: from now on the worker checks and applies it; the import as JSON; with an '
    'idempotency key that another upload of the same bytes (content_sha256) has used, that import as it is now, and '
    'this one is aborted; RM101 when the bytes differ, RM214 when bytes are missing, RM213';

CREATE FUNCTION crm.ingest_bulk_confirm(batch_id bigint) RETURNS jsonb
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
BEGIN
    PERFORM crm._ingest_own_batch(batch_id, '{awaiting_confirmation}');
    UPDATE crm.batch t SET state = 'accepted' WHERE t.batch_id = ingest_bulk_confirm.batch_id;
    PERFORM crm._audit('confirm', 'batch', batch_id);
    PERFORM crm._worker_wake();
    RETURN crm._ingest_describe(batch_id);
END
$$;
COMMENT ON FUNCTION crm.ingest_bulk_confirm(bigint) IS
    'applies an import whose dry run was looked at; the import as JSON; RM213 when it waits for no confirmation';

-- A piece that is being stored holds its lane, and at its lane's end the batch: so whoever wants both takes them in
-- that order.
CREATE FUNCTION crm._ingest_lock_lanes(batch_id bigint) RETURNS void
    LANGUAGE plpgsql AS
$$
BEGIN
    PERFORM FROM crm.batch_lane l WHERE l.batch_id = _ingest_lock_lanes.batch_id ORDER BY l.lane_no FOR UPDATE;
END
$$;
COMMENT ON FUNCTION crm._ingest_lock_lanes(bigint) IS
    'waits for the pieces of an import that are being stored, and lets no other begin';

CREATE FUNCTION crm.ingest_bulk_abort(batch_id bigint) RETURNS jsonb
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
BEGIN
    PERFORM crm._ingest_lock_lanes(batch_id);
    PERFORM crm._ingest_own_batch(batch_id, '{receiving,validating,awaiting_confirmation,accepted,applying,invalid,aborted}');
    PERFORM crm._ingest_lock_lanes(batch_id);       -- of an import that was accepted while this call waited for its row
    IF EXISTS (SELECT FROM crm.batch_lane l WHERE l.batch_id = ingest_bulk_abort.batch_id AND l.pieces > 0) THEN
        RAISE EXCEPTION 'a part of the import is stored' USING ERRCODE = 'RM213', COLUMN = 'batch_id',
            HINT = 'Let it go on; what is wrong can be mended by another import.';
    END IF;
    DELETE FROM crm.batch_lane l WHERE l.batch_id = ingest_bulk_abort.batch_id;
    UPDATE crm.batch t SET state = 'aborted', finished_at = crm.core_now() WHERE t.batch_id = ingest_bulk_abort.batch_id AND t.state <> 'aborted';
    RETURN crm._ingest_describe(batch_id);
END
$$;
COMMENT ON FUNCTION crm.ingest_bulk_abort(bigint) IS
    'gives an import up before anything of it is applied; the import as JSON; RM213 once a piece of it is stored';

CREATE FUNCTION crm.ingest_job(batch_id bigint) RETURNS jsonb
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
BEGIN
    IF NOT EXISTS (SELECT FROM crm.batch b JOIN crm.source s USING (source_id)
                   WHERE b.batch_id = ingest_job.batch_id AND s.code = coalesce(crm._actor_claim('source'), s.code)) THEN
        RAISE EXCEPTION 'there is no such import' USING ERRCODE = 'no_data_found', COLUMN = 'batch_id',
            HINT = 'Take the id that beginning the import returned.';
    END IF;
    RETURN crm._ingest_describe(batch_id);
END
$$;
COMMENT ON FUNCTION crm.ingest_job(bigint) IS 'state and progress of an import; P0002 when there is none';

CREATE FUNCTION crm.ingest_errors(batch_id bigint, after int DEFAULT 0, row_limit int DEFAULT 100) RETURNS SETOF jsonb
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
DECLARE
    behind int := coalesce(after, 0);
    most int := least(greatest(coalesce(row_limit, 100), 0), 500);
BEGIN
    PERFORM crm.ingest_job(batch_id);
    RETURN QUERY
    SELECT jsonb_build_object('line', e.line_no, 'external_id', e.external_id, 'code', e.code, 'field', e.field, 'remedy', e.remedy)
    FROM ((SELECT x.line_no, x.external_id, x.code, x.field, x.remedy FROM crm.batch_error x
           WHERE x.batch_id = ingest_errors.batch_id AND x.line_no > behind ORDER BY x.line_no LIMIT most)
          UNION
          (SELECT r.line_no, r.external_id, r.code, r.field, r.remedy FROM crm.reject r
           WHERE r.batch_id = ingest_errors.batch_id AND r.line_no > behind AND r.state <> 'resolved'
             AND NOT EXISTS (SELECT FROM crm.batch_error x WHERE x.batch_id = r.batch_id AND x.line_no = r.line_no) ORDER BY r.line_no LIMIT most)) e
    ORDER BY e.line_no LIMIT most;
END
$$;
COMMENT ON FUNCTION crm.ingest_errors(bigint, int, int) IS
    'the lines of an import that were not taken, by line number behind "after": code, field, remedy; the first '
    'ingest.error_lines of a refused one';

CREATE FUNCTION crm._ingest_key_kind(entity text) RETURNS smallint
    LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
$$
    SELECT (CASE entity WHEN 'member' THEN 1 WHEN 'order' THEN 2 WHEN 'order_line' THEN 2 WHEN 'refund' THEN 3 WHEN 'event' THEN 4
                        WHEN 'interaction' THEN 5 WHEN 'coupon' THEN 6 END)::smallint
$$;
COMMENT ON FUNCTION crm._ingest_key_kind(text) IS
    'the kind of crm.external_key of an entity; null for products and consents';

-- The next chunks of a batch from a place on, for the parser.
CREATE FUNCTION crm._ingest_batch_input(b record, chunks int) RETURNS crm.ingest_input
    LANGUAGE plpgsql STABLE AS
$$
DECLARE
    input crm.ingest_input;
BEGIN
    input.source_id := b.source_id; input.entity := b.entity; input.format := b.format; input.encoding := b.encoding;
    input.header := b.header; input.is_history := b.is_history; input.received_at := b.created_at;
    input.spec := (SELECT m.spec FROM crm.mapping m WHERE m.source_id = b.source_id AND m.entity = b.entity AND m.version = b.mapping_version);
    input.has_header := b.has_header AND b.next_chunk = 0;
    input.start_at := b.next_at;
    input.start_line := b.next_line;
    SELECT array_agg(i.payload ORDER BY i.chunk_no), array_agg(i.inbox_id ORDER BY i.chunk_no), array_agg(i.first_line ORDER BY i.chunk_no)
    INTO input.payloads, input.inbox_ids, input.first_lines
    FROM crm.inbox i
    WHERE i.received_at = b.created_at AND i.batch_id = b.batch_id AND i.chunk_no BETWEEN b.next_chunk AND b.next_chunk + chunks - 1;
    RETURN input;
END
$$;
COMMENT ON FUNCTION crm._ingest_batch_input(record, int) IS 'the parser''s input from where a batch stands';

-- What would become of the rows of an import, a row a record, on request.
CREATE FUNCTION crm.ingest_preview(batch_id bigint, after int DEFAULT 0, row_limit int DEFAULT 100) RETURNS SETOF jsonb
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
DECLARE
    b record;
    input crm.ingest_input;
    most int := least(greatest(coalesce(row_limit, 100), 0), 500);
BEGIN
    PERFORM crm.ingest_job(batch_id);
    SELECT t.* INTO b FROM crm.batch t WHERE t.batch_id = ingest_preview.batch_id;
    SELECT i.chunk_no INTO b.next_chunk FROM crm.inbox i
    WHERE i.received_at = b.created_at AND i.batch_id = b.batch_id AND i.first_line <= coalesce(after, 0)::bigint + 1
        ORDER BY i.chunk_no DESC LIMIT 1;
    b.next_at := 0; b.next_line := 1;
    input := crm._ingest_batch_input(b, 2);
    IF input.payloads IS NULL THEN
        RETURN;
    END IF;
    -- what lies between the beginning of the piece and what is asked for is read, too
    input.max_facts := least(greatest(coalesce(after, 0)::bigint - input.first_lines[1], 0) + most + 2, 2147483647)::int;
    RETURN QUERY
    SELECT jsonb_strip_nulls(jsonb_build_object('line', p.line_no, 'external_id', p.external_id,
        'outcome', CASE WHEN p.code IS NOT NULL THEN 'reject' WHEN k.external_id IS NULL THEN 'create'
                        WHEN k.content_hash = p.content_hash THEN 'unchanged' ELSE 'update' END,
        'code', p.code, 'field', p.field, 'remedy', p.remedy, 'left_out', p.left_out))
    FROM crm._ingest_parse(input) AS p(ordinal int, line_no int, external_id text, content_hash bytea, code text,
                                       field text, remedy text, left_out text[])
    LEFT JOIN crm.external_key k ON k.source_id = b.source_id AND k.kind = crm._ingest_key_kind(b.entity) AND k.external_id = p.external_id
    WHERE (p.ordinal IS NOT NULL OR p.code IS NOT NULL) AND p.line_no > coalesce(after, 0)
    ORDER BY p.line_no LIMIT most;
END
$$;
COMMENT ON FUNCTION crm.ingest_preview(bigint, int, int) IS
    'what an import would do with its records behind line "after": create, update, unchanged or reject, with code, '
    'field and remedy; of a member, too, which fields are left out (left_out: phone, email, national_id, birthday) '
    'because their values cannot be used';

GRANT EXECUTE ON FUNCTION crm.ingest_bulk_begin(text, text, text, text, jsonb), crm.ingest_bulk_append(bigint, int, bytea),
    crm.ingest_bulk_commit(bigint, bigint, bytea, text), crm.ingest_bulk_confirm(bigint), crm.ingest_bulk_abort(bigint), crm.ingest_job(bigint),
    crm.ingest_errors(bigint, int, int), crm.ingest_preview(bigint, int, int)
    TO crm_till, crm_steward, crm_headquarters, crm_admin;
