-- ingest: what came of a call that a machine made, as its vendor tells: a receipt of the message, a note on the
-- timeline, a number that rules may ask for.

CREATE FUNCTION crm.ingest_call_result(message_id text, outcome text, said text DEFAULT NULL,
                                       sentiment numeric DEFAULT NULL, seconds int DEFAULT NULL,
                                       idempotency_key text DEFAULT NULL) RETURNS jsonb
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
#variable_conflict use_variable
DECLARE
    answer jsonb := crm._idempotency_claim(coalesce(idempotency_key, 'call:' || message_id),
            'ingest_call_result', crm._sha256(convert_to(jsonb_build_array(message_id, outcome, said, sentiment,
                    seconds)::text, 'UTF8')));
    message crm.message_row;
    record record;
    source text := coalesce(crm._actor_claim('source'), 'console');
    fact jsonb;
    result crm.intake_result;
BEGIN
    IF answer IS NOT NULL THEN
        RETURN answer;
    END IF;
    message := crm._outbox_find(message_id);
    IF message.channel IS DISTINCT FROM 'voice' THEN
        RAISE EXCEPTION 'this message was no call' USING ERRCODE = 'invalid_parameter_value', COLUMN = 'message_id',
            HINT = 'Name a message of the channel voice; others have receipts.';
    ELSIF outcome IS NULL OR outcome NOT IN ('reached', 'refused', 'no_answer', 'busy', 'wrong_number') THEN
        RAISE EXCEPTION 'what came of the call is not told' USING ERRCODE = 'invalid_parameter_value',
            COLUMN = 'outcome', HINT = 'Send reached, refused, no_answer, busy or wrong_number.';
    ELSIF sentiment IS NOT NULL AND NOT sentiment BETWEEN -1 AND 1 THEN
        RAISE EXCEPTION 'a sentiment is a number' USING ERRCODE = 'invalid_parameter_value', COLUMN = 'sentiment',
            HINT = 'Send -1 (bad) to 1 (good).';
    ELSIF seconds < 0 OR length(said) > 4000 THEN
        RAISE EXCEPTION 'the call cannot have been so' USING ERRCODE = 'invalid_parameter_value', COLUMN = CASE
            WHEN seconds < 0 THEN 'seconds' ELSE 'said' END,
            HINT = 'Send seconds from 0, and at most 4000 characters.';
    END IF;
    PERFORM crm.outbox_receipt(message_id, CASE WHEN outcome IN ('reached', 'refused') THEN 'delivered' ELSE 'undelivered' END, outcome);
    SELECT r.external_id, s.code INTO record
    FROM crm.membership m JOIN crm.source_record r ON r.source_record_id = m.source_record_id JOIN crm.source s ON s.source_id = r.source_id
    WHERE m.customer_id = crm._identity_current(message.customer_id) AND m.valid_to = 'infinity' AND r.kind IN ('member', 'follower', 'visitor')
    ORDER BY r.kind <> 'member', r.source_record_id LIMIT 1;
    IF record.external_id IS NOT NULL THEN
        fact := jsonb_build_object('external_id', 'call:' || message_id, 'occurred_at', crm.core_now(),
                'member_external_id', record.external_id, 'member_source', record.code);
        result := crm._ingest_single('interaction', source,
                convert_to(jsonb_strip_nulls(fact
                        || jsonb_build_object('channel', 'call', 'direction', 'out', 'outcome', outcome,
                        'body', nullif(btrim(said), '')))::text, 'UTF8'), NULL, NULL);
        result := crm._ingest_single('event', source, convert_to((fact || jsonb_build_object('type', 'call_result', 'properties',
            jsonb_strip_nulls(jsonb_build_object('message_id', message_id, 'outcome', outcome, 'seconds', seconds,
                            'sentiment', sentiment))))::text, 'UTF8'), NULL, NULL);
    END IF;
    answer := jsonb_build_object('message_id', message_id, 'outcome', outcome,
            'is_noted', record.external_id IS NOT NULL AND result.status IN (200, 201));
    PERFORM crm._idempotency_store(coalesce(idempotency_key, 'call:' || message_id), answer);
    RETURN answer;
END
$$;
COMMENT ON FUNCTION crm.ingest_call_result(text, text, text, numeric, int, text) IS
    'what came of a call of the channel voice (reached, refused, no_answer, busy, wrong_number): its receipt '
    '(unanswered ones go on to the flow''s next channel), a note with what was said, and an event call_result with '
    'the sentiment (-1 to 1) that rules ask for; once a message; P0002, 22023';
GRANT EXECUTE ON FUNCTION crm.ingest_call_result(text, text, text, numeric, int, text) TO crm_till, crm_admin, crm_steward;
