-- ingest_reject: what was refused is tried again after a rule was mended, or dismissed; what the
-- house could not store is tried again by itself; and what became of a call can be asked.

-- The parser's input that holds the raw lines of rejects of one inbox row, under today's mapping.
CREATE FUNCTION crm._ingest_reject_input(reject_ids bigint[]) RETURNS crm.ingest_input
    LANGUAGE plpgsql STABLE AS
$$
DECLARE
    r record;
    b record;
    raw record;
    input crm.ingest_input;
    ids bigint[];
BEGIN
    SELECT j.received_at, j.inbox_id, j.batch_id, j.source_id, j.entity INTO r FROM crm.reject j WHERE j.reject_id = reject_ids[1];
    SELECT i.payload, i.first_line, i.chunk_no INTO raw FROM crm.inbox i WHERE i.received_at = r.received_at AND i.inbox_id = r.inbox_id;
    IF NOT FOUND THEN
        RETURN NULL;
    END IF;
    IF r.batch_id IS NULL THEN
        input.format := 'json'; input.encoding := 'utf8'; input.is_history := false;
    ELSE
        SELECT t.* INTO b FROM crm.batch t WHERE t.batch_id = r.batch_id;
        input.format := b.format; input.encoding := b.encoding; input.header := b.header; input.is_history := b.is_history;
        input.has_header := b.has_header AND raw.chunk_no = 0;
        ids := ARRAY(SELECT DISTINCT crm._ingest_hash(j.external_id) FROM crm.reject j
                WHERE j.reject_id = ANY (reject_ids) AND j.external_id IS NOT NULL);
        IF r.entity = 'order_line' AND cardinality(ids) > 0 THEN
            input := crm._ingest_gathered_input(b, ids);
        END IF;
    END IF;
    IF input.payloads IS NULL THEN
        input.payloads := ARRAY[raw.payload]; input.inbox_ids := ARRAY[r.inbox_id]; input.first_lines := ARRAY[raw.first_line];
        input.only_ids := NULL; input.is_gathered := false;
        IF r.batch_id IS NOT NULL THEN
            input.only_lines := ARRAY(SELECT j.line_no::bigint FROM crm.reject j WHERE j.reject_id = ANY (reject_ids));
        END IF;
    END IF;
    input.source_id := r.source_id; input.entity := r.entity; input.received_at := r.received_at;
    input.spec := (SELECT m.spec FROM crm.mapping m WHERE m.source_id = r.source_id AND m.entity = r.entity AND m.is_current);
    input.max_facts := 100000;
    RETURN input;
END
$$;
COMMENT ON FUNCTION crm._ingest_reject_input(bigint[]) IS
    'the raw lines of rejects of one inbox row, to be parsed with the current mapping; null when the raw payload is '
    'past its retention';

-- What a new try came to.  The other faulty lines of an order go with it.
CREATE FUNCTION crm._ingest_settle_rejects(reject_ids bigint[], outcomes crm.ingest_outcome[]) RETURNS bigint
    LANGUAGE plpgsql AS
$$
DECLARE
    resolved bigint;
BEGIN
    UPDATE crm.reject j SET code = o.code, field = o.field, remedy = o.remedy, attempts = j.attempts + 1, state = 'open', next_attempt_at = NULL
    FROM unnest(outcomes) o
    WHERE j.reject_id = ANY (reject_ids) AND o.code IS NOT NULL
      AND CASE WHEN j.entity = 'order_line' AND j.external_id IS NOT NULL THEN o.external_id = j.external_id
               ELSE j.batch_id IS NULL OR o.line_no = j.line_no END;
    UPDATE crm.reject j SET state = 'resolved', resolved_at = crm.core_now(), attempts = j.attempts + 1, next_attempt_at = NULL
    FROM unnest(outcomes) o
    WHERE j.reject_id = ANY (reject_ids) AND o.code IS NULL AND o.outcome NOT IN ('end', 'moved')
      AND CASE WHEN j.entity = 'order_line' AND j.external_id IS NOT NULL THEN o.external_id = j.external_id
               ELSE j.batch_id IS NULL OR o.line_no = j.line_no END;
    GET DIAGNOSTICS resolved = ROW_COUNT;
    RETURN resolved;
END
$$;
COMMENT ON FUNCTION crm._ingest_settle_rejects(bigint[], crm.ingest_outcome[]) IS
    'rejects after another try: resolved, or open with what is wrong now; how many are resolved';

-- Another failure of the house: later, at growing intervals; one alert a source.
CREATE FUNCTION crm._ingest_fail_rejects(reject_ids bigint[], state text, message text) RETURNS void
    LANGUAGE plpgsql AS
$$
DECLARE
    worst record;
BEGIN
    IF crm._ingest_failure_kind(state) = 'data' THEN
        UPDATE crm.reject j SET code = _ingest_fail_rejects.state, field = NULL, attempts = j.attempts + 1, state = 'open', next_attempt_at = NULL,
            remedy = CASE WHEN _ingest_fail_rejects.state LIKE 'RM%' THEN message
                ELSE 'The record contradicts what is stored; look at its ids and references.' END
        WHERE j.reject_id = ANY (reject_ids);
        RETURN;
    END IF;
    UPDATE crm.reject j SET attempts = j.attempts + 1, state = 'retry',
        next_attempt_at = crm.core_now() + least((crm._setting('ingest.retry_seconds') #>> '{}')::int
                * 2 ^ least(j.attempts - 1, 16), 86400) * interval '1 second'
    WHERE j.reject_id = ANY (reject_ids);
    SELECT s.code, max(j.attempts) AS attempts INTO worst FROM crm.reject j JOIN crm.source s USING (source_id)
    WHERE j.reject_id = ANY (reject_ids) GROUP BY s.code ORDER BY 2 DESC LIMIT 1;
    IF worst.attempts >= (crm._setting('ingest.alert_failures') #>> '{}')::int THEN
        PERFORM crm._alert('ingest.retry', worst.code, jsonb_build_object('error', _ingest_fail_rejects.state, 'failures', worst.attempts));
    END IF;
END
$$;
COMMENT ON FUNCTION crm._ingest_fail_rejects(bigint[], text, text) IS
    'rejects whose new try raised: open when it was their own fault, else tried again; one alert after '
    'ingest.alert_failures in a row';

CREATE FUNCTION crm._ingest_redo(reject_ids bigint[]) RETURNS bigint
    LANGUAGE plpgsql AS
$$
DECLARE
    piece record;
    input crm.ingest_input;
    resolved bigint := 0;
    state text;
    message text;
BEGIN
    FOR piece IN
        SELECT array_agg(j.reject_id ORDER BY j.line_no) AS ids FROM crm.reject j WHERE j.reject_id = ANY (reject_ids)
        GROUP BY j.inbox_id, CASE WHEN j.entity = 'order_line' THEN coalesce(j.external_id, j.line_no::text) END
        ORDER BY min(j.reject_id)
    LOOP
        input := crm._ingest_reject_input(piece.ids);
        IF input.source_id IS NULL THEN
            UPDATE crm.reject j SET state = 'dismissed', resolved_at = crm.core_now(), next_attempt_at = NULL WHERE j.reject_id = ANY (piece.ids);
            CONTINUE;
        END IF;
        BEGIN
            resolved := resolved + crm._ingest_settle_rejects(piece.ids, crm._ingest_take(input));
        EXCEPTION WHEN OTHERS THEN
            GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT;
            IF state LIKE '57%' OR state IN ('40001', '40P01') THEN
                RAISE;
            ELSIF cardinality(piece.ids) > 1 THEN
                resolved := resolved + (SELECT coalesce(sum(crm._ingest_redo(ARRAY[i])), 0) FROM unnest(piece.ids) i);
            ELSE
                PERFORM crm._ingest_fail_rejects(piece.ids, state, message);
            END IF;
        END;
    END LOOP;
    RETURN resolved;
END
$$;
COMMENT ON FUNCTION crm._ingest_redo(bigint[]) IS
    'tries rejects again from their raw payloads, each inbox row in a subtransaction of its own; how many are '
    'resolved';

CREATE FUNCTION crm.ingest_reprocess(source text, row_limit int DEFAULT 1000) RETURNS bigint
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
DECLARE
    id int := crm._ingest_source_id(source);
    ids bigint[];
    resolved bigint;
BEGIN
    -- the least tried first, so that repeating the call reaches all
    ids := ARRAY(SELECT j.reject_id FROM crm.reject j WHERE j.source_id = id AND j.state IN ('open', 'retry')
                 ORDER BY j.attempts, j.reject_id LIMIT least(greatest(coalesce(row_limit, 1000), 0), 10000) FOR UPDATE SKIP LOCKED);
    resolved := crm._ingest_redo(ids);
    PERFORM crm._audit('reprocess', 'source', id, NULL, cardinality(ids)::text, resolved::text);
    PERFORM crm._worker_wake();
    RETURN resolved;
END
$$;
COMMENT ON FUNCTION crm.ingest_reprocess(text, int) IS
    'tries the rejects of a source again, after a mapping, store or option was mended, up to row_limit of them, '
    'those least tried first; how many are resolved; repeat it until it returns 0';
GRANT EXECUTE ON FUNCTION crm.ingest_reprocess(text, int) TO crm_steward, crm_admin;

CREATE FUNCTION crm.ingest_dismiss(reject_ids bigint[], reason text) RETURNS bigint
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
DECLARE
    dismissed bigint[];
BEGIN
    PERFORM crm._access_check_reason(reason, 'say why these records are given up', 'The reason is kept beside the records.');
    WITH gone AS (
        UPDATE crm.reject j SET state = 'dismissed', resolved_at = crm.core_now(), next_attempt_at = NULL
        WHERE j.reject_id = ANY (reject_ids) AND j.state IN ('open', 'retry')
          AND j.source_id = (SELECT s.source_id FROM crm.source s WHERE s.source_id = j.source_id
                  AND s.code = coalesce(crm._actor_claim('source'), s.code))
        RETURNING j.reject_id)
    SELECT coalesce(array_agg(g.reject_id ORDER BY g.reject_id), '{}') INTO dismissed FROM gone g;
    PERFORM crm._audit('dismiss', 'reject', j, NULL, NULL, NULL, reason)
        FROM unnest(dismissed) j;      -- what was given up, not whatever was asked for
    RETURN cardinality(dismissed);
END
$$;
COMMENT ON FUNCTION crm.ingest_dismiss(bigint[], text) IS
    'gives rejects up, with a reason for the trail; how many; 22023 without a reason';
GRANT EXECUTE ON FUNCTION crm.ingest_dismiss(bigint[], text) TO crm_steward, crm_admin;

CREATE FUNCTION crm.ingest_rejects(source text DEFAULT NULL, after bigint DEFAULT 0, row_limit int DEFAULT 100,
                                   entity text DEFAULT NULL, code text DEFAULT NULL, field text DEFAULT NULL)
    RETURNS SETOF jsonb
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
BEGIN
    -- the page is chosen before its rows are made: of a long list making them all costs ten times as much
    RETURN QUERY
    SELECT jsonb_build_object('reject_id', j.reject_id, 'source', j.source, 'entity', j.entity, 'external_id', j.external_id,
               'batch_id', j.batch_id, 'line', j.line_no, 'inbox_id', j.inbox_id, 'code', j.code, 'field', j.field,
               'remedy', j.remedy, 'state', j.state, 'attempts', j.attempts,
               'rejected_at', j.rejected_at, 'next_attempt_at', j.next_attempt_at)
    FROM (SELECT s.code AS source, r.* FROM crm.reject r JOIN crm.source s USING (source_id)
          WHERE r.state IN ('open', 'retry') AND r.reject_id > coalesce(after, 0)
            AND s.code = coalesce(ingest_rejects.source, crm._actor_claim('source'), s.code)
            AND s.code = coalesce(crm._actor_claim('source'), s.code)
            AND r.entity = coalesce(ingest_rejects.entity, r.entity) AND r.code = coalesce(ingest_rejects.code, r.code)
            AND coalesce(r.field, '') = coalesce(ingest_rejects.field, r.field, '')
          ORDER BY r.reject_id LIMIT least(greatest(coalesce(row_limit, 100), 0), 500)) j
    ORDER BY j.reject_id;
END
$$;
COMMENT ON FUNCTION crm.ingest_rejects(text, bigint, int, text, text, text) IS
    'open rejects behind an id, of one source, of one reason (entity, code, field; an empty field: none): what is '
    'wrong with which record and what to do';
GRANT EXECUTE ON FUNCTION crm.ingest_rejects(text, bigint, int, text, text, text) TO crm_steward, crm_admin, crm_headquarters;

CREATE FUNCTION crm._ingest_retry() RETURNS bigint
    LANGUAGE plpgsql AS
$$
DECLARE
    ids bigint[] := ARRAY(SELECT j.reject_id FROM crm.reject j WHERE j.state = 'retry' AND j.next_attempt_at <= crm.core_now()
                          ORDER BY j.next_attempt_at LIMIT 100 FOR UPDATE SKIP LOCKED);
BEGIN
    IF cardinality(ids) = 0 THEN
        RETURN 0;
    END IF;
    PERFORM crm._ingest_redo(ids);
    PERFORM crm._alert_close('ingest.retry', s.code) FROM crm.source s
    WHERE NOT EXISTS (SELECT FROM crm.reject j WHERE j.source_id = s.source_id AND j.state = 'retry');
    RETURN cardinality(ids) / 100;
END
$$;
COMMENT ON FUNCTION crm._ingest_retry() IS
    'job: tries again what the house could not store; success closes the source''s alert';

CREATE FUNCTION crm.ingest_status(key text) RETURNS jsonb
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
DECLARE
    claimed text := crm._actor_claim('source');
    raw record;
    stored record;
    refused record;
BEGIN
    SELECT i.received_at, i.inbox_id, i.source_id, i.entity, i.external_id, i.idempotency_key, s.code AS source INTO raw
    FROM crm.inbox i JOIN crm.source s USING (source_id)
    WHERE i.batch_id IS NULL AND s.code = coalesce(claimed, s.code)
      AND (i.idempotency_key = key OR i.external_id = key OR (key ~ '^[0-9]{1,15}$' AND i.inbox_id = key::bigint))
    ORDER BY i.idempotency_key = key DESC NULLS LAST, i.received_at DESC, i.inbox_id DESC LIMIT 1;
    IF raw.inbox_id IS NULL THEN
        SELECT k.received_at, k.inbox_id, s.code AS source, k.source_id, k.external_id,
               (ARRAY['member', 'order', 'refund', 'event', 'interaction', 'coupon', 'redemption'])[k.kind] AS entity INTO raw
        FROM crm.external_key k JOIN crm.source s USING (source_id)
        WHERE k.external_id = key AND k.kind BETWEEN 1 AND 6 AND s.code = coalesce(claimed, s.code)
            ORDER BY k.received_at DESC, k.fact_id DESC LIMIT 1;
        IF NOT FOUND THEN
            RETURN jsonb_build_object('state', 'unknown', 'remedy', 'Nothing of this key has arrived: send it again.');
        END IF;
    END IF;
    SELECT j.state, j.code, j.field, j.remedy, j.next_attempt_at INTO refused FROM crm.reject j
    WHERE j.inbox_id = raw.inbox_id AND j.received_at = raw.received_at AND (j.batch_id IS NULL OR j.external_id = raw.external_id)
    ORDER BY j.reject_id DESC LIMIT 1;
    SELECT k.fact_id, k.revision, m.customer_id INTO stored
    FROM crm.external_key k LEFT JOIN crm.membership m ON m.source_record_id = k.source_record_id AND m.valid_to = 'infinity'
    WHERE k.source_id = raw.source_id AND k.kind = crm._ingest_key_kind(raw.entity) AND k.external_id = raw.external_id;
    RETURN jsonb_strip_nulls(jsonb_build_object(
        'state', CASE refused.state WHEN 'open' THEN 'rejected' WHEN 'retry' THEN 'waiting' WHEN 'dismissed' THEN 'dismissed' ELSE 'stored' END,
        'source', raw.source, 'entity', raw.entity, 'external_id', raw.external_id, 'inbox_id', raw.inbox_id, 'received_at', raw.received_at,
        'fact_id', stored.fact_id, 'revision', stored.revision, 'customer_id', stored.customer_id,
        'code', refused.code, 'field', refused.field, 'remedy', refused.remedy, 'next_attempt_at', refused.next_attempt_at));
END
$$;
COMMENT ON FUNCTION crm.ingest_status(text) IS
    'what became of a call, by its idempotency key, inbox id or external id: stored, waiting, rejected (with code, '
    'field, remedy), dismissed or unknown';
GRANT EXECUTE ON FUNCTION crm.ingest_status(text) TO crm_till, crm_steward, crm_headquarters, crm_admin;

-- Orders that were taken and belong to nobody: no member was named, and no identifier led to one.
CREATE FUNCTION crm.ingest_unmatched(source text, after bigint DEFAULT 0, row_limit int DEFAULT 100) RETURNS SETOF jsonb
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
DECLARE
    origin int := crm._ingest_source_id(source);
BEGIN
    RETURN QUERY
    SELECT jsonb_build_object('record_id', r.source_record_id::text, 'external_id', o.external_id, 'ordered_at', o.ordered_at, 'store_code', s.code,
               'channel', o.channel, 'kind', o.kind, 'status', o.status, 'amount', o.amount::text, 'lines', l.lines)
    FROM crm.source_record r
    JOIN crm.customer_order o ON o.source_record_id = r.source_record_id AND o.is_current
    LEFT JOIN crm.store s ON s.store_id = o.store_id
    CROSS JOIN LATERAL (SELECT coalesce(jsonb_agg(jsonb_build_object('product_code', p.code, 'text', i.description, 'quantity', i.quantity::text,
                                                                     'amount', i.amount::text) ORDER BY i.line_no), '[]') AS lines
                        FROM crm.order_item i LEFT JOIN crm.product p ON p.product_id = i.product_id
                        WHERE i.source_record_id = o.source_record_id AND i.order_id = o.order_id AND i.revision = o.revision) l
    WHERE r.source_id = origin AND r.kind = 'receipt' AND r.source_record_id > coalesce(after, 0)
      AND r.external_id NOT LIKE 'receipt:erased:%'     -- an erased member's: no delivery can name them
      AND NOT EXISTS (SELECT FROM crm.membership m WHERE m.source_record_id = r.source_record_id AND m.valid_to = 'infinity')
    ORDER BY r.source_record_id LIMIT greatest(least(coalesce(row_limit, 100), 500), 0);
END
$$;
COMMENT ON FUNCTION crm.ingest_unmatched(text, bigint, int) IS
    'orders of a source that belong to nobody (those of erased members apart), with their lines, by record_id '
    'behind "after", at most 500: they count in the chain''s sales and join a person when a later delivery names '
    'one; RM210';
GRANT EXECUTE ON FUNCTION crm.ingest_unmatched(text, bigint, int) TO crm_steward, crm_headquarters, crm_admin;
