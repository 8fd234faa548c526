-- ingest_single: one record a call.  The raw payload is kept first; what is wrong with it is
-- answered, never raised, for a raise would roll the inbox row back and lose the reject.

CREATE FUNCTION crm._ingest_note_reject(input crm.ingest_input, result crm.intake_result) RETURNS void
    LANGUAGE plpgsql AS
$$
BEGIN
    INSERT INTO crm.reject (reject_id, received_at, inbox_id, source_id, entity, external_id, code, field, remedy,
            state, rejected_at, next_attempt_at)
    VALUES (crm._new_id(), input.received_at, result.inbox_id, input.source_id, input.entity, result.external_id, result.code, result.field,
            result.remedy, CASE result.status WHEN 202 THEN 'retry' ELSE 'open' END, crm.core_now(),
            CASE result.status WHEN 202 THEN crm.core_now() + (crm._setting('ingest.retry_seconds') #>> '{}')::int * interval '1 second' END);
END
$$;
COMMENT ON FUNCTION crm._ingest_note_reject(crm.ingest_input, crm.intake_result) IS
    'keeps why a single call was refused, or that it is tried again';

CREATE FUNCTION crm._ingest_refuse(status int, code text, field text, remedy text, external_id text DEFAULT NULL) RETURNS crm.intake_result
    LANGUAGE plpgsql IMMUTABLE AS
$$
BEGIN
    RETURN ROW(status, code, field, remedy, NULL, external_id, NULL, NULL)::crm.intake_result;
END
$$;
COMMENT ON FUNCTION crm._ingest_refuse(int, text, text, text, text) IS 'the answer to a call that is not stored';

CREATE FUNCTION crm._ingest_answer(outcome crm.ingest_outcome) RETURNS crm.intake_result
    LANGUAGE plpgsql IMMUTABLE AS
$$
BEGIN
    IF outcome.code IS NOT NULL THEN
        RETURN crm._ingest_refuse(CASE outcome.code WHEN 'RM215' THEN 413 ELSE 422 END, outcome.code, outcome.field,
            outcome.remedy, outcome.external_id);
    END IF;
    RETURN ROW(CASE outcome.outcome WHEN 'created' THEN 201 ELSE 200 END, outcome.outcome, NULL, NULL, NULL,
               outcome.external_id, outcome.fact_id, outcome.customer_id)::crm.intake_result;
END
$$;
COMMENT ON FUNCTION crm._ingest_answer(crm.ingest_outcome) IS
    'what became of a record, as its sender is told: 201, 200, 413, 422';

-- The record stored with its consequences in a subtransaction of its own, or the reason why not.
CREATE FUNCTION crm._ingest_try(input crm.ingest_input) RETURNS crm.intake_result
    LANGUAGE plpgsql AS
$$
DECLARE
    result crm.intake_result;
    outcome crm.ingest_outcome;
    state text;
    message text;
    began_at timestamptz := clock_timestamp();
BEGIN
    FOR attempt IN 1 .. 2 LOOP
    BEGIN
        IF input.entity = 'order' AND attempt = 1 THEN
            outcome := crm._ingest_take_order(input);
        ELSE
            SELECT o.* INTO outcome FROM unnest(crm._ingest_take(input)) o WHERE o.outcome IS DISTINCT FROM 'end'
                AND o.outcome IS DISTINCT FROM 'moved' LIMIT 1;
        END IF;
        PERFORM crm._cost_note('record', input.entity, 1, began_at);
        RETURN crm._ingest_answer(outcome);
    EXCEPTION WHEN OTHERS THEN
        GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT;
        CONTINUE WHEN state = 'RM309' AND attempt = 1;      -- its person moved: the way of many looks again
        CASE crm._ingest_failure_kind(state)
            WHEN 'moment' THEN
                RAISE;
            WHEN 'data' THEN
                result := crm._ingest_refuse(422, state, NULL, CASE WHEN state LIKE 'RM%' THEN message
                    ELSE 'The record contradicts what is stored; look at its ids and references.' END);
            ELSE
                RAISE WARNING 'an intake record could not be stored and is tried again' USING ERRCODE = state, DETAIL = message;
                result := crm._ingest_refuse(202, 'RM217', NULL, 'Nothing to do: the record is kept and tried again.');
        END CASE;
    END;
    EXIT;
    END LOOP;
    result.external_id := crm._ingest_external_id(input.entity, input.payloads[1], input.spec);
    RETURN result;
END
$$;
COMMENT ON FUNCTION crm._ingest_try(crm.ingest_input) IS
    'stores one record: 201, 200, or 422 with code, field and remedy; 202 when the house and not the record is at '
    'fault; raises only what passes by itself (deadlock, shutdown)';

-- Where a call's records come from and how they are read; written out in its caller's statement.
CREATE FUNCTION crm._ingest_origin(entity text, source text) RETURNS TABLE (source_id int, code text, is_active boolean, is_sandbox boolean,
                                                                           signing_secret bytea, spec jsonb, single_bytes int)
    LANGUAGE sql STABLE ROWS 1 AS
$$
    SELECT s.source_id, s.code, s.is_active, s.is_sandbox, s.signing_secret, m.spec,
           (SELECT (r.value #>> '{}')::int FROM crm.room_setting r WHERE r.name = 'ingest.single_bytes')
    FROM crm.source s LEFT JOIN crm.mapping m ON m.source_id = s.source_id AND m.entity = $1 AND m.is_current
    WHERE s.code = coalesce($2, crm._actor_claim('source'))
$$;
COMMENT ON FUNCTION crm._ingest_origin(text, text) IS
    'a source (null: the one of the caller''s key) with its current mapping of an entity; no row when there is none';

CREATE FUNCTION crm._ingest_admission(origin record) RETURNS crm.intake_result
    LANGUAGE plpgsql STABLE AS
$$
DECLARE
    claimed text := crm._actor_claim('source');
BEGIN
    IF origin.code IS NULL THEN
        RETURN crm._ingest_refuse(422, 'RM210', 'source', 'Name a source that is defined.');
    END IF;
    IF claimed IS NOT NULL AND claimed <> origin.code THEN
        RAISE EXCEPTION 'this key delivers for another source' USING ERRCODE = 'insufficient_privilege', COLUMN = 'source',
            HINT = 'Use the key that was made for this source.';
    END IF;
    IF crm._actor_claim('sandbox') = 'true' AND NOT origin.is_sandbox THEN
        RAISE EXCEPTION 'a sandbox key delivers for sandbox sources only' USING ERRCODE = 'insufficient_privilege', COLUMN = 'source',
            HINT = 'Name a sandbox source, or use another key.';
    END IF;
    IF NOT origin.is_active THEN
        RETURN crm._ingest_refuse(422, 'RM210', 'source', 'Activate the source, or deliver for another.');
    END IF;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION crm._ingest_admission(record) IS
    'why nothing of a source is taken from this caller (422); null when it is; 42501 when the key is for another '
    'source';

CREATE FUNCTION crm._ingest_payload_fault(payload bytea, most_bytes int) RETURNS crm.intake_result
    LANGUAGE plpgsql IMMUTABLE AS
$$
BEGIN
    IF coalesce(octet_length(payload), 0) = 0 THEN
        RETURN crm._ingest_refuse(422, 'RM200', NULL, 'Send one JSON object.');
    ELSIF octet_length(payload) > most_bytes THEN
        RETURN crm._ingest_refuse(413, 'RM215', NULL, 'Send one record; many go in as an import.');
    END IF;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION crm._ingest_payload_fault(bytea, int) IS
    'why a payload is not even kept: empty (422) or too large (413); null when it is';

CREATE FUNCTION crm._ingest_unsigned(origin record, payload bytea, signature jsonb) RETURNS crm.intake_result
    LANGUAGE plpgsql STABLE AS
$$
DECLARE
    fault text;
BEGIN
    IF origin.signing_secret IS NULL THEN
        RETURN NULL;
    END IF;
    fault := crm._ingest_signature_fault(crm._decrypt('signing', origin.signing_secret), signature ->> 'webhook-id',
        signature ->> 'webhook-timestamp', signature ->> 'webhook-signature', payload, crm.core_now(),
        (crm._setting('ingest.signature_seconds') #>> '{}')::int);
    RETURN CASE WHEN fault IS NOT NULL THEN crm._ingest_refuse(401, 'RM211', 'webhook-signature', CASE fault
        WHEN 'missing' THEN 'Sign the call: this source does.'
        WHEN 'too_old' THEN 'Sign the call again: it is too old.'
        WHEN 'too_new' THEN 'Set the clock of the sender: the call is of the future.'
        ELSE 'Sign id, timestamp and raw body with the secret of the source.' END) END;
END
$$;
COMMENT ON FUNCTION crm._ingest_unsigned(record, bytea, jsonb) IS
    'why a signature does not hold (401), of a source that signs; null when it does';

CREATE FUNCTION crm._ingest_keep_rows(input crm.ingest_input, key text) RETURNS void
    LANGUAGE plpgsql AS
$$
BEGIN
    INSERT INTO crm.inbox (received_at, inbox_id, source_id, entity, idempotency_key, external_id, payload)
    SELECT input.received_at, u.id, input.source_id, input.entity, key, crm._ingest_external_id(input.entity, u.payload, input.spec), u.payload
    FROM unnest(input.inbox_ids, input.payloads) u (id, payload);
END
$$;
COMMENT ON FUNCTION crm._ingest_keep_rows(crm.ingest_input, text) IS 'writes payloads into the inbox, byte for byte';

-- The raw payloads, before anything else.  While the day has no partition, it may be made while a row is on its way
-- to the default one: then once more.
CREATE FUNCTION crm._ingest_keep(input crm.ingest_input, key text) RETURNS void
    LANGUAGE plpgsql AS
$$
BEGIN
    IF to_regclass('crm.inbox_' || to_char(input.received_at AT TIME ZONE 'UTC', 'YYYYMMDD')) IS NOT NULL THEN
        PERFORM crm._ingest_keep_rows(input, key);
        RETURN;
    END IF;
    BEGIN
        PERFORM crm._ingest_keep_rows(input, key);
    EXCEPTION WHEN check_violation THEN
        PERFORM crm._ingest_keep_rows(input, key);
    END;
END
$$;
COMMENT ON FUNCTION crm._ingest_keep(crm.ingest_input, text) IS
    'keeps the payloads of a call in the inbox, also on a day whose partition may be made at this moment';

CREATE FUNCTION crm._ingest_input(origin record, entity text, payloads bytea[], ids bigint[]) RETURNS crm.ingest_input
    LANGUAGE plpgsql AS
$$
DECLARE
    input crm.ingest_input;
BEGIN
    input.source_id := origin.source_id; input.entity := entity; input.spec := origin.spec;
    input.format := 'json'; input.encoding := 'utf8'; input.is_history := false; input.received_at := crm.core_now();
    input.payloads := payloads; input.inbox_ids := ids; input.max_facts := cardinality(payloads);
    input.first_lines := array_fill(1, ARRAY[cardinality(payloads)]);
    RETURN input;
END
$$;
COMMENT ON FUNCTION crm._ingest_input(record, text, bytea[], bigint[]) IS
    'the parser''s input of records that come by themselves, an inbox row each, under these ids';

-- What is not taken is kept as a reject; of what names an erased person nothing is kept, not even raw.
CREATE FUNCTION crm._ingest_settle(input crm.ingest_input, result crm.intake_result) RETURNS void
    LANGUAGE plpgsql AS
$$
BEGIN
    IF result.code = 'suppressed' THEN
        PERFORM crm._access_blank_lines(input.received_at, result.inbox_id, '{1}');
    END IF;
    IF result.status NOT IN (200, 201) THEN
        PERFORM crm._ingest_note_reject(input, result);
    END IF;
END
$$;
COMMENT ON FUNCTION crm._ingest_settle(crm.ingest_input, crm.intake_result) IS
    'leaves behind what an answer says of a record: a reject, or no payload';

-- The settings reach all that a call causes: its statements touch a handful of rows by key, so their
-- plans are made once, and made for indexes whatever the tables held at that moment.
CREATE FUNCTION crm._ingest_single(entity text, source text, payload bytea, idempotency_key text, signature jsonb) RETURNS crm.intake_result
    LANGUAGE plpgsql SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET jit = off AS
$$
DECLARE
    origin record;
    input crm.ingest_input;
    result crm.intake_result;
    answer jsonb;
    key text := coalesce(idempotency_key, signature ->> 'webhook-id');
BEGIN
    PERFORM crm._require_schema();
    SELECT o.* INTO origin FROM crm._ingest_origin(entity, source) o;
    result := crm._ingest_admission(origin);
    IF result.status IS NULL THEN
        result := crm._ingest_payload_fault(payload, origin.single_bytes);
    END IF;
    IF result.status IS NULL THEN
        result := crm._ingest_unsigned(origin, payload, signature);
    END IF;
    IF result.status IS NOT NULL THEN
        RETURN result;
    END IF;
    IF key IS NOT NULL THEN
        answer := crm._idempotency_claim(key, 'ingest_' || entity, convert_to(origin.code, 'UTF8') || payload);
        IF answer IS NOT NULL THEN
            RETURN jsonb_populate_record(NULL::crm.intake_result, answer);
        END IF;
    END IF;
    input := crm._ingest_input(origin, entity, ARRAY[payload], ARRAY[crm._new_id()]);
    PERFORM crm._ingest_keep(input, key);
    result := crm._ingest_try(input);
    result.inbox_id := input.inbox_ids[1];
    PERFORM crm._ingest_settle(input, result);
    IF key IS NOT NULL THEN
        PERFORM crm._idempotency_store(key, to_jsonb(result));
    END IF;
    PERFORM crm._worker_wake();
    RETURN result;
END
$$;
COMMENT ON FUNCTION crm._ingest_single(text, text, bytea, text, jsonb) IS
    'a single call of intake: raw payload, then the record with all it causes, in one commit';

CREATE FUNCTION crm.ingest_member(source text, payload bytea, idempotency_key text DEFAULT NULL,
                                  signature jsonb DEFAULT NULL) RETURNS crm.intake_result
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
BEGIN
    RETURN crm._ingest_single('member', source, payload, idempotency_key, signature);
END
$$;
COMMENT ON FUNCTION crm.ingest_member(text, bytea, text, jsonb) IS
    'takes a member record of a source as JSON (doc/rooms/ingest.md): 201 created, 200 updated or unchanged, 202 '
    'kept and tried again, 401, 413, 422 with code, field and remedy; data faults are answered, not raised; RM101 '
    'and RM102 for misused idempotency keys, 42501 for a key of another source';
GRANT EXECUTE ON FUNCTION crm.ingest_member(text, bytea, text, jsonb) TO crm_till, crm_steward, crm_headquarters, crm_admin;

CREATE FUNCTION crm.ingest_order(source text, payload bytea, idempotency_key text DEFAULT NULL,
                                 signature jsonb DEFAULT NULL) RETURNS crm.intake_result
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
BEGIN
    RETURN crm._ingest_single('order', source, payload, idempotency_key, signature);
END
$$;
COMMENT ON FUNCTION crm.ingest_order(text, bytea, text, jsonb) IS
    'takes an order with its items as JSON (doc/rooms/ingest.md): 201 created, 200 updated or unchanged, 202 kept '
    'and tried again, 401, 413, 422 with code, field and remedy; data faults are answered, not raised; RM101 and '
    'RM102 for misused idempotency keys, 42501 for a key of another source';
GRANT EXECUTE ON FUNCTION crm.ingest_order(text, bytea, text, jsonb) TO crm_till, crm_steward, crm_headquarters, crm_admin;

CREATE FUNCTION crm.ingest_refund(source text, payload bytea, idempotency_key text DEFAULT NULL,
                                  signature jsonb DEFAULT NULL) RETURNS crm.intake_result
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
BEGIN
    RETURN crm._ingest_single('refund', source, payload, idempotency_key, signature);
END
$$;
COMMENT ON FUNCTION crm.ingest_refund(text, bytea, text, jsonb) IS
    'takes a refund: full, partial or of a line as JSON (doc/rooms/ingest.md): 201 created, 200 updated or '
    'unchanged, 202 kept and tried again, 401, 413, 422 with code, field and remedy; data faults are answered, not '
    'raised; RM101 and RM102 for misused idempotency keys, 42501 for a key of another source';
GRANT EXECUTE ON FUNCTION crm.ingest_refund(text, bytea, text, jsonb) TO crm_till, crm_steward, crm_headquarters, crm_admin;

CREATE FUNCTION crm.ingest_event(source text, payload bytea, idempotency_key text DEFAULT NULL,
                                 signature jsonb DEFAULT NULL) RETURNS crm.intake_result
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
BEGIN
    RETURN crm._ingest_single('event', source, payload, idempotency_key, signature);
END
$$;
COMMENT ON FUNCTION crm.ingest_event(text, bytea, text, jsonb) IS
    'takes a behaviour event as JSON (doc/rooms/ingest.md): 201 created, 200 updated or unchanged, 202 kept and '
    'tried again, 401, 413, 422 with code, field and remedy; data faults are answered, not raised; RM101 and RM102 '
    'for misused idempotency keys, 42501 for a key of another source';
GRANT EXECUTE ON FUNCTION crm.ingest_event(text, bytea, text, jsonb) TO crm_till, crm_steward, crm_headquarters, crm_admin;

CREATE FUNCTION crm.ingest_interaction(source text, payload bytea, idempotency_key text DEFAULT NULL,
                                       signature jsonb DEFAULT NULL) RETURNS crm.intake_result
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
BEGIN
    RETURN crm._ingest_single('interaction', source, payload, idempotency_key, signature);
END
$$;
COMMENT ON FUNCTION crm.ingest_interaction(text, bytea, text, jsonb) IS
    'takes a note, call or message as JSON (doc/rooms/ingest.md): 201 created, 200 updated or unchanged, 202 kept '
    'and tried again, 401, 413, 422 with code, field and remedy; data faults are answered, not raised; RM101 and '
    'RM102 for misused idempotency keys, 42501 for a key of another source';
GRANT EXECUTE ON FUNCTION crm.ingest_interaction(text, bytea, text, jsonb) TO crm_till, crm_steward, crm_headquarters,
    crm_admin, crm_clerk, crm_store_manager, crm_manager, crm_service;

CREATE FUNCTION crm.ingest_product(source text, payload bytea, idempotency_key text DEFAULT NULL,
                                   signature jsonb DEFAULT NULL) RETURNS crm.intake_result
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
BEGIN
    RETURN crm._ingest_single('product', source, payload, idempotency_key, signature);
END
$$;
COMMENT ON FUNCTION crm.ingest_product(text, bytea, text, jsonb) IS
    'takes a product as JSON (doc/rooms/ingest.md): 201 created, 200 updated or unchanged, 202 kept and tried '
    'again, 401, 413, 422 with code, field and remedy; data faults are answered, not raised; RM101 and RM102 for '
    'misused idempotency keys, 42501 for a key of another source';
GRANT EXECUTE ON FUNCTION crm.ingest_product(text, bytea, text, jsonb) TO crm_till, crm_steward, crm_headquarters, crm_admin;

CREATE FUNCTION crm.ingest_consent(source text, payload bytea, idempotency_key text DEFAULT NULL,
                                   signature jsonb DEFAULT NULL) RETURNS crm.intake_result
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
BEGIN
    RETURN crm._ingest_single('consent', source, payload, idempotency_key, signature);
END
$$;
COMMENT ON FUNCTION crm.ingest_consent(text, bytea, text, jsonb) IS
    'takes a consent or its withdrawal as JSON (doc/rooms/ingest.md): 201 created, 200 updated or unchanged, 202 '
    'kept and tried again, 401, 413, 422 with code, field and remedy; data faults are answered, not raised; RM101 '
    'and RM102 for misused idempotency keys, 42501 for a key of another source';
GRANT EXECUTE ON FUNCTION crm.ingest_consent(text, bytea, text, jsonb) TO crm_till, crm_steward, crm_headquarters, crm_admin;
