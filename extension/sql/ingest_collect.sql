-- ingest_collect: what a page or an app gathered, in one call.  Each event is a record of its own, kept raw by itself;
-- they are stored together, so that their persons are locked in one order and what they cause happens once.

CREATE FUNCTION crm._ingest_collected(payload bytea) RETURNS bytea[]
    LANGUAGE plpgsql STABLE AS
$$
DECLARE
    events json;
BEGIN
    events := convert_from(payload, 'UTF8')::json -> 'events';
    IF json_typeof(events) = 'array' AND json_array_length(events) BETWEEN 1 AND 100 THEN
        RETURN ARRAY(SELECT convert_to(e.value::text, 'UTF8') FROM json_array_elements(events) WITH ORDINALITY e ORDER BY e.ordinality);
    END IF;
    RAISE EXCEPTION 'these are no events' USING ERRCODE = 'RM200', COLUMN = 'events', HINT = 'Send {"events": [...]} with 1 to 100 of them.';
EXCEPTION WHEN data_exception OR statement_too_complex THEN        -- or brackets within brackets, without end
    RAISE EXCEPTION 'this is no JSON in UTF-8' USING ERRCODE = 'RM200', COLUMN = 'events', HINT = 'Send {"events": [...]} with 1 to 100 of them.';
END
$$;
COMMENT ON FUNCTION crm._ingest_collected(bytea) IS
    'the events of a call of crm.ingest_collect(), as they were written; RM200';

-- One that cannot be stored with the others is found by trying each by itself.
CREATE FUNCTION crm._ingest_try_all(input crm.ingest_input) RETURNS crm.intake_result[]
    LANGUAGE plpgsql AS
$$
DECLARE
    results crm.intake_result[] := '{}';
    one crm.ingest_input := input;
    state text;
BEGIN
    BEGIN
        RETURN ARRAY(SELECT crm._ingest_answer(o) FROM unnest(crm._ingest_take(input)) o
                     WHERE o.outcome IS DISTINCT FROM 'end' AND o.outcome IS DISTINCT FROM 'moved' ORDER BY o.chunk);
    EXCEPTION WHEN OTHERS THEN
        GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE;
        IF crm._ingest_failure_kind(state) = 'moment' THEN
            RAISE;
        END IF;
    END;
    one.max_facts := 1;
    FOR i IN 1 .. cardinality(input.payloads) LOOP
        one.payloads := input.payloads[i:i]; one.inbox_ids := input.inbox_ids[i:i]; one.first_lines := input.first_lines[i:i];
        results := results || crm._ingest_try(one);
    END LOOP;
    RETURN results;
END
$$;
COMMENT ON FUNCTION crm._ingest_try_all(crm.ingest_input) IS
    'stores records that came together, each answered as by crm._ingest_try(), in their order; raises only what '
    'passes by itself (deadlock, shutdown)';

-- Settings as those of crm._ingest_single().
CREATE FUNCTION crm._ingest_many(entity text, source text, payloads bytea[]) RETURNS crm.intake_result[]
    LANGUAGE plpgsql SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET jit = off AS
$$
DECLARE
    origin record;
    fault crm.intake_result;
    input crm.ingest_input;
    results crm.intake_result[];
    taken crm.intake_result[];
    places int[];
BEGIN
    PERFORM crm._require_schema();
    SELECT o.* INTO origin FROM crm._ingest_origin(entity, source) o;
    fault := crm._ingest_admission(origin);
    IF fault.status IS NULL THEN
        fault := crm._ingest_unsigned(origin, NULL, NULL);
    END IF;
    IF fault.status IS NOT NULL THEN
        RETURN array_fill(fault, ARRAY[cardinality(payloads)]);
    END IF;
    results := ARRAY(SELECT crm._ingest_payload_fault(p, origin.single_bytes) FROM unnest(payloads) WITH ORDINALITY u (p, n) ORDER BY u.n);
    places := ARRAY(SELECT n FROM generate_subscripts(results, 1) n WHERE (results[n]).status IS NULL ORDER BY n);
    IF cardinality(places) = 0 THEN
        RETURN results;
    END IF;
    input := crm._ingest_input(origin, entity, ARRAY(SELECT payloads[n] FROM unnest(places) WITH ORDINALITY u (n, i) ORDER BY u.i),
                               ARRAY(SELECT crm._new_id() FROM unnest(places)));
    PERFORM crm._ingest_keep(input, NULL);
    taken := crm._ingest_try_all(input);
    FOR i IN 1 .. cardinality(places) LOOP
        taken[i].inbox_id := input.inbox_ids[i];
        PERFORM crm._ingest_settle(input, taken[i]);
        results[places[i]] := taken[i];
    END LOOP;
    PERFORM crm._worker_wake();
    RETURN results;
END
$$;
COMMENT ON FUNCTION crm._ingest_many(text, text, bytea[]) IS
    'takes records of a source that came in one call: each raw in an inbox row of its own, all stored together; an '
    'answer each, in their order';

CREATE FUNCTION crm.ingest_collect(source text, payload bytea) RETURNS jsonb
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
BEGIN
    RETURN (SELECT jsonb_build_object('taken', count(*) FILTER (WHERE r.status < 400),
                       'refused', coalesce(jsonb_agg(jsonb_build_object('index', r.n - 1, 'code', r.code,
                                           'field', r.field, 'remedy', r.remedy) ORDER BY r.n)
                                           FILTER (WHERE r.status >= 400), '[]'))
            FROM unnest(crm._ingest_many('event', source, crm._ingest_collected(payload)))
                 WITH ORDINALITY r (status, code, field, remedy, inbox_id, external_id, fact_id, customer_id, n));
END
$$;
COMMENT ON FUNCTION crm.ingest_collect(text, bytea) IS
    'takes {"events": [...]}, 1 to 100 events as a page or an app gathered them, each kept raw by itself, all '
    'stored together; how many were taken, and of the others index, code, field and remedy; give events an '
    'external_id, and a call that is sent again changes nothing; RM200, 42501 for a key of another source';
GRANT EXECUTE ON FUNCTION crm.ingest_collect(text, bytea) TO crm_till, crm_steward, crm_headquarters, crm_admin;
