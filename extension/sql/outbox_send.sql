-- outbox_send: the sender's side.  A claim is committed before the request leaves, a result after;
-- leases run by the server's real time, due times by the clock of crm.

CREATE FUNCTION crm._outbox_timeline(OUT system_id text, OUT timeline int)
    LANGUAGE sql STABLE AS
$$
    -- the database belongs to it: an older dump restored beside its original, or a copy by TEMPLATE, would send everything again
    SELECT (pg_control_system()).system_identifier || '/' || (SELECT d.oid FROM pg_database d WHERE d.datname = current_database()),
           ('x' || substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8))::bit(32)::int
$$;
COMMENT ON FUNCTION crm._outbox_timeline() IS 'which database of which server, and which history of it, this is';

CREATE FUNCTION crm._outbox_is_paused() RETURNS boolean
    LANGUAGE plpgsql AS
$$
DECLARE
    here record;
    known crm.sending_state;
BEGIN
    SELECT * INTO known FROM crm.sending_state;
    SELECT * INTO here FROM crm._outbox_timeline();
    IF known.only_row IS NULL THEN
        INSERT INTO crm.sending_state (timeline, system_id) VALUES (here.timeline, here.system_id) ON CONFLICT DO NOTHING;
        RETURN false;
    END IF;
    IF known.paused_reason IS NULL AND (known.timeline <> here.timeline OR known.system_id <> here.system_id) THEN
        UPDATE crm.sending_state SET paused_at = crm.core_now(),
            paused_reason = CASE WHEN known.system_id <> here.system_id THEN 'restored or copied: another server or database'
                                 ELSE format('timeline %s became %s: a failover or a point-in-time recovery', known.timeline, here.timeline) END;
        PERFORM crm._outbox_alert('outbox.paused', 'outbox', '{"remedy": "SELECT crm.outbox_resume();"}');
        RETURN true;
    END IF;
    RETURN known.paused_reason IS NOT NULL;
END
$$;
COMMENT ON FUNCTION crm._outbox_is_paused() IS
    'whether sending waits for a person; notices a new timeline, server or database by itself';

CREATE FUNCTION crm._outbox_due(max_messages int) RETURNS SETOF crm.queue_ref
    LANGUAGE plpgsql AS
$$
DECLARE
    carrier record;
    room int;
    found int;
    left_over int := max_messages;
BEGIN
    FOR carrier IN SELECT e.endpoint, e.max_concurrency FROM crm.endpoint e
                   WHERE e.is_active AND (e.broken_until IS NULL OR e.broken_until <= clock_timestamp()) ORDER BY e.endpoint
    LOOP
        SELECT carrier.max_concurrency - count(*) INTO room FROM crm.outbox_queue q
        WHERE q.endpoint = carrier.endpoint AND q.lease_until > clock_timestamp();
        -- a bucket without a bottom is null, and the least of the two
        room := least(room, crm._outbox_allowance(carrier.endpoint));
        CONTINUE WHEN room <= 0;
        RETURN QUERY
            SELECT q.customer_id, q.message_id, q.attempt FROM crm.outbox_queue q
            WHERE q.endpoint = carrier.endpoint AND q.due_at <= crm.core_now() AND (q.lease_until IS NULL OR q.lease_until <= clock_timestamp())
            ORDER BY q.due_at LIMIT least(room, left_over) FOR UPDATE SKIP LOCKED;
        GET DIAGNOSTICS found = ROW_COUNT;
        PERFORM crm._outbox_spend(carrier.endpoint, found);
        left_over := left_over - found;
        EXIT WHEN left_over <= 0;
    END LOOP;
END
$$;
COMMENT ON FUNCTION crm._outbox_due(int) IS 'locks due messages, endpoint by endpoint, each within its concurrency';

CREATE FUNCTION crm._outbox_stopper(message crm.message_row) RETURNS text
    LANGUAGE plpgsql STABLE AS
$$
DECLARE
    person bigint := crm._identity_current(message.customer_id);
    reach record;
BEGIN
    IF message.expires_at <= crm.core_now() THEN
        RETURN 'expired';
    END IF;
    SELECT * INTO reach FROM crm._outbox_reach(person, message.channel);
    IF message.address_hash IS NULL OR message.address_hash <> ALL (reach.addresses) THEN
        RETURN 'not reachable: the address was given up';
    ELSIF message.is_marketing AND reach.consent <> 'yes' THEN
        RETURN 'no consent';
    END IF;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION crm._outbox_stopper(crm.message_row) IS
    'why a message must not leave now, checked again at the last moment: expired, not reachable, no consent (opt-outs included); null: it may';

CREATE FUNCTION crm._outbox_request(message crm.message_row, attempt int)
    RETURNS TABLE (customer_id bigint, message_id text, attempt_no int, endpoint text, url text, secret text, next_secret text,
                   timeout_ms int, is_private_allowed boolean, body text)
    LANGUAGE plpgsql STABLE AS
$$
#variable_conflict use_column
BEGIN
    RETURN QUERY
        SELECT message.customer_id, message.message_id, _outbox_request.attempt, e.endpoint, e.url,
               crm._decrypt('endpoint', e.secret_sealed), crm._decrypt('endpoint', e.next_secret_sealed), e.timeout_ms, e.is_private_allowed,
               (message.body || jsonb_build_object('id', message.message_id, 'type', 'customer.send', 'channel', message.channel,
                    'to', crm._decrypt(k.code, i.value_sealed)))::text
        FROM crm.endpoint e, crm.channel ch
        JOIN crm.identifier_kind k ON k.kind = ch.identifier_kind
        JOIN crm.identifier i ON i.kind = k.kind AND i.value_hash = message.address_hash
        WHERE e.endpoint = message.endpoint AND ch.channel = message.channel;
END
$$;
COMMENT ON FUNCTION crm._outbox_request(crm.message_row, int) IS
    'what a request needs, the address and the signing secret in clear; RM003 or RM004 when the keys do not fit';

-- One message of a claim: cancelled, buried, or leased and handed out.
CREATE FUNCTION crm._outbox_lease(due crm.queue_ref, lease_ms int, worker int)
    RETURNS TABLE (customer_id bigint, message_id text, attempt_no int, endpoint text, url text, secret text, next_secret text,
                   timeout_ms int, is_private_allowed boolean, body text)
    LANGUAGE plpgsql AS
$$
#variable_conflict use_column
DECLARE
    message crm.message_row;
    stopper text;
    earliest timestamptz;
BEGIN
    SELECT * INTO message FROM crm.outbox o WHERE o.customer_id = due.customer_id AND o.message_id = due.message_id;
    IF due.attempt > (crm._setting('outbox.max_retries'))::int THEN
        -- every attempt ended without a result, its worker died each time
        PERFORM crm._outbox_bury(message, due.attempt, 'no attempt ever ended');
        RETURN;
    END IF;
    stopper := crm._outbox_stopper(message);
    IF stopper IS NOT NULL THEN
        PERFORM crm._outbox_cancel(ARRAY[due], stopper);
        RETURN;
    END IF;
    -- a retry, a pause or an outage may have carried it into the night
    earliest := greatest(crm._outbox_quiet_until(message.quiet, crm.core_now()), crm._outbox_address_free_at(message.channel, message.address_hash));
    IF earliest > crm.core_now() THEN
        UPDATE crm.outbox_queue q SET due_at = earliest, lease_until = NULL, leased_by = NULL
        WHERE q.customer_id = due.customer_id AND q.message_id = due.message_id;
        RETURN;
    END IF;
    BEGIN
        RETURN QUERY SELECT * FROM crm._outbox_request(message, due.attempt + 1);
    EXCEPTION WHEN SQLSTATE 'RM003' OR SQLSTATE 'RM004' THEN
        -- a key that is gone stops this message, not those behind it
        PERFORM crm._outbox_bury(message, due.attempt, SQLERRM);
        RETURN;
    END;
    UPDATE crm.outbox_queue q SET attempt = q.attempt + 1, leased_by = worker,
        lease_until = clock_timestamp() + make_interval(secs => lease_ms / 1000.0)
    WHERE q.customer_id = due.customer_id AND q.message_id = due.message_id;
    PERFORM crm._outbox_address_used(message.channel, message.address_hash);
    PERFORM crm._outbox_note(due.customer_id, due.message_id, 'attempt', due.attempt + 1);
END
$$;
COMMENT ON FUNCTION crm._outbox_lease(crm.queue_ref, int, int) IS
    'leases a due message and returns its request; no row when it was cancelled (consent, opt-out, address, expiry), held to the end of quiet hours, or became a dead letter';

CREATE FUNCTION crm._outbox_claim(max_messages int, lease_ms int, worker int)
    RETURNS TABLE (customer_id bigint, message_id text, attempt int, endpoint text, url text, secret text, next_secret text,
                   timeout_ms int, is_private_allowed boolean, body text)
    LANGUAGE plpgsql SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET jit = off AS
$$
DECLARE
    due crm.queue_ref;
    seen int;
    leased int;
    more int;
BEGIN
    IF crm._outbox_is_paused() THEN
        RETURN;
    END IF;
    -- what is cancelled or held takes nobody's place: look further, for a while
    FOR round IN 1 .. 200 LOOP
        seen := 0; leased := 0;
        FOR due IN SELECT * FROM crm._outbox_due(max_messages) LOOP
            RETURN QUERY SELECT * FROM crm._outbox_lease(due, lease_ms, worker);
            GET DIAGNOSTICS more = ROW_COUNT;
            seen := seen + 1; leased := leased + more;
        END LOOP;
        EXIT WHEN seen = 0 OR leased > 0;
    END LOOP;
END
$$;
COMMENT ON FUNCTION crm._outbox_claim(int, int, int) IS
    'leases due messages and gives what a request needs, the address in clear; consent, opt-out, address, expiry and quiet hours are checked once more; nothing while sending is paused';

CREATE FUNCTION crm._outbox_alert(kind text, key text, detail jsonb) RETURNS void
    LANGUAGE plpgsql AS
$$
BEGIN
    INSERT INTO crm.alert (alert_id, kind, key, opened_at, detail)
    VALUES (crm._new_id(), kind, key, crm.core_now(), detail)
    ON CONFLICT DO NOTHING;
END
$$;
COMMENT ON FUNCTION crm._outbox_alert(text, text, jsonb) IS 'opens an alert; nothing when one of the kind and key is open';

CREATE FUNCTION crm._outbox_bury(message crm.message_row, attempt int, reason text) RETURNS void
    LANGUAGE plpgsql AS
$$
BEGIN
    DELETE FROM crm.outbox_queue q WHERE q.customer_id = message.customer_id AND q.message_id = message.message_id;
    INSERT INTO crm.dead_letter AS d (customer_id, message_id, at, reason)
    VALUES (message.customer_id, message.message_id, crm.core_now(), _outbox_bury.reason)
    ON CONFLICT ON CONSTRAINT dead_letter_pkey DO UPDATE SET at = excluded.at, reason = excluded.reason, replayed_at = NULL;
    PERFORM crm._outbox_note(message.customer_id, message.message_id, 'dead', detail => _outbox_bury.reason);
    PERFORM crm._outbox_release(ARRAY[ROW(message.customer_id, message.message_id, _outbox_bury.attempt)::crm.queue_ref]);
    PERFORM crm._outbox_alert('outbox.dead', message.endpoint, jsonb_build_object('message_id', message.message_id,
        'reason', _outbox_bury.reason, 'remedy', 'Mend the endpoint, then replay: SELECT crm.outbox_replay(message_id).'));
    IF NOT EXISTS (SELECT FROM crm.outbox_event e WHERE e.customer_id = message.customer_id AND e.message_id = message.message_id AND e.kind = 'unknown') THEN
        PERFORM crm._outbox_expect(message, true);
    END IF;
END
$$;
COMMENT ON FUNCTION crm._outbox_bury(crm.message_row, int, text) IS
    'a dead letter, which counts against no cap, and one alert an endpoint until it succeeds again';

CREATE FUNCTION crm._outbox_settle(message crm.message_row, attempt int, outcome text, http_status int, retry_after_s int, detail text) RETURNS void
    LANGUAGE plpgsql AS
$$
DECLARE
    pause int := greatest((crm._setting('outbox.retry_seconds'))::int, retry_after_s);
BEGIN
    PERFORM crm._outbox_note(message.customer_id, message.message_id,
        CASE WHEN outcome = 'uncertain' THEN 'unknown' WHEN outcome IN ('later', 'throttled', 'token') THEN 'failed' ELSE outcome END,
        attempt, nullif(http_status, 0), nullif(detail, ''));
    IF outcome = 'sent' THEN
        DELETE FROM crm.outbox_queue q WHERE q.customer_id = message.customer_id AND q.message_id = message.message_id;
        PERFORM crm._outbox_expect(message, false);
        UPDATE crm.endpoint e SET failures = 0, broken_until = NULL WHERE e.endpoint = message.endpoint AND (e.failures > 0 OR e.broken_until IS NOT NULL);
        UPDATE crm.alert a SET closed_at = crm.core_now() WHERE a.kind = 'outbox.dead' AND a.key = message.endpoint AND a.closed_at IS NULL;
        RETURN;
    END IF;
    -- a vendor that would not know a repeat gets none: a person decides
    IF outcome IN ('refused', 'rejected', 'uncertain') OR attempt > (crm._setting('outbox.max_retries'))::int THEN
        PERFORM crm._outbox_bury(message, attempt, coalesce(nullif(detail, ''), outcome));
    ELSE
        UPDATE crm.outbox_queue q SET lease_until = NULL, leased_by = NULL,
            due_at = CASE WHEN q.due_at = 'infinity' THEN q.due_at ELSE crm.core_now() + make_interval(secs => pause) END
        WHERE q.customer_id = message.customer_id AND q.message_id = message.message_id;
    END IF;
    IF outcome IN ('rejected', 'later') THEN
        RETURN;   -- the message's fault, or its receiver's: the endpoint is well
    END IF;
    UPDATE crm.endpoint e SET failures = e.failures + 1, is_active = e.is_active AND outcome <> 'gone',
        broken_until = CASE WHEN (outcome = 'throttled' OR http_status = 429) AND retry_after_s > 0
                            THEN greatest(e.broken_until, clock_timestamp() + make_interval(secs => retry_after_s))
                            WHEN e.failures + 1 >= (crm._setting('outbox.breaker_failures'))::int
                            THEN clock_timestamp() + make_interval(secs => (crm._setting('outbox.breaker_seconds'))::int) END
    WHERE e.endpoint = message.endpoint;
    IF outcome = 'gone' THEN
        PERFORM crm._outbox_alert('outbox.gone', message.endpoint, jsonb_build_object(
            'remedy', 'The receiver answered 410 and wants no more. Define the endpoint anew with crm.outbox_define_endpoint(); what waits goes then.'));
    END IF;
END
$$;
COMMENT ON FUNCTION crm._outbox_settle(crm.message_row, int, text, int, int, text) IS
    'what a result does to a message: gone from the queue, tried again after a pause, or a dead letter; and to its endpoint, which rests when it asks for it';

CREATE FUNCTION crm._outbox_finish(customer_ids bigint[], message_ids text[], attempts int[], outcomes text[], http_statuses int[],
                                   retry_after_s int[], details text[]) RETURNS bigint
    LANGUAGE plpgsql SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET jit = off AS
$$
DECLARE
    result record;
    message crm.message_row;
    settled bigint := 0;
BEGIN
    FOR result IN
        SELECT * FROM unnest(customer_ids, message_ids, attempts, outcomes, http_statuses, retry_after_s, details)
            AS r(customer_id, message_id, attempt, outcome, http_status, retry_after, detail)
        ORDER BY r.customer_id, r.message_id
    LOOP
        -- a later attempt owns the message once this one's lease has ended
        PERFORM FROM crm.outbox_queue q
        WHERE q.customer_id = result.customer_id AND q.message_id = result.message_id AND q.attempt = result.attempt FOR UPDATE;
        IF NOT FOUND AND result.outcome <> 'sent' THEN
            CONTINUE;
        END IF;
        SELECT * INTO message FROM crm.outbox o WHERE o.customer_id = result.customer_id AND o.message_id = result.message_id;
        CONTINUE WHEN message.message_id IS NULL;
        PERFORM crm._outbox_settle(message, result.attempt, result.outcome, result.http_status, result.retry_after, result.detail);
        settled := settled + 1;
    END LOOP;
    RETURN settled;
END
$$;
COMMENT ON FUNCTION crm._outbox_finish(bigint[], text[], int[], text[], int[], int[], text[]) IS
    'writes the results of requests (sent, failed, gone, unknown, refused; of vendors also rejected, later, throttled, uncertain); returns how many counted';

CREATE FUNCTION crm._outbox_find(message_id text) RETURNS crm.message_row
    LANGUAGE plpgsql STABLE AS
$$
DECLARE
    message crm.message_row;
BEGIN
    IF message_id ~ '^[0-9]{1,18}-' THEN
        SELECT * INTO message FROM crm.outbox o
        WHERE o.customer_id = split_part(_outbox_find.message_id, '-', 1)::bigint AND o.message_id = _outbox_find.message_id;
    END IF;
    IF message.message_id IS NULL THEN
        RAISE EXCEPTION 'there is no such message' USING ERRCODE = 'no_data_found', COLUMN = 'message_id', HINT = 'Give the webhook-id as it was sent.';
    END IF;
    RETURN message;
END
$$;
COMMENT ON FUNCTION crm._outbox_find(text) IS 'the message of an id, which leads to its row by the customer id in it; P0002';

CREATE FUNCTION crm.outbox_receipt(message_id text, kind text, detail text DEFAULT '', idempotency_key text DEFAULT NULL) RETURNS jsonb
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
#variable_conflict use_column
DECLARE
    answer jsonb := crm._idempotency_claim(idempotency_key, 'outbox_receipt', crm._sha256(convert_to(concat_ws(E'\x1f', message_id, kind, detail), 'UTF8')));
    message crm.message_row;
BEGIN
    IF answer IS NOT NULL THEN
        RETURN answer;
    END IF;
    message := crm._outbox_find(outbox_receipt.message_id);
    IF kind IS NULL OR kind NOT IN ('delivered', 'undelivered', 'opened', 'clicked') THEN
        RAISE EXCEPTION 'receipt has an unknown kind' USING ERRCODE = 'invalid_parameter_value', COLUMN = 'kind',
            HINT = 'Send delivered, undelivered, opened or clicked.';
    END IF;
    IF NOT EXISTS (SELECT FROM crm.outbox_event e WHERE e.customer_id = message.customer_id AND e.message_id = message.message_id AND e.kind = outbox_receipt.kind) THEN
        PERFORM crm._outbox_note(message.customer_id, message.message_id, outbox_receipt.kind, detail => left(outbox_receipt.detail, 500));
        IF kind = 'undelivered' THEN
            PERFORM crm._outbox_release(ARRAY[ROW(message.customer_id, message.message_id, 1)::crm.queue_ref]);
            PERFORM crm._outbox_expect(message, true);
        ELSE
            PERFORM crm._outbox_arrived(message);
        END IF;
    END IF;
    answer := jsonb_build_object('message_id', message.message_id, 'kind', outbox_receipt.kind);
    PERFORM crm._idempotency_store(idempotency_key, answer);
    RETURN answer;
END
$$;
COMMENT ON FUNCTION crm.outbox_receipt(text, text, text, text) IS
    'what the provider says of a message: delivered, undelivered, opened, clicked; once a kind; P0002 for an unknown message, 22023 for an unknown kind';
GRANT EXECUTE ON FUNCTION crm.outbox_receipt(text, text, text, text) TO crm_till, crm_admin, crm_steward;

CREATE FUNCTION crm.outbox_state(message_id text) RETURNS jsonb
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
#variable_conflict use_column
DECLARE
    message crm.message_row := crm._outbox_find(message_id);
BEGIN
    PERFORM crm._access_require_person(message.customer_id);
    RETURN jsonb_build_object(
        'message_id', message.message_id, 'channel', message.channel, 'flow', (SELECT f.code FROM crm.flow f WHERE f.flow_id = message.flow_id),
        'created_at', message.created_at, 'due_at', message.due_at,
        'state', coalesce((SELECT CASE WHEN q.lease_until > clock_timestamp() THEN 'sending' WHEN q.attempt > 0 THEN 'retry' ELSE 'pending' END
                           FROM crm.outbox_queue q WHERE q.customer_id = message.customer_id AND q.message_id = message.message_id),
                          (SELECT 'dead' FROM crm.dead_letter d WHERE d.customer_id = message.customer_id AND d.message_id = message.message_id AND d.replayed_at IS NULL),
                          (SELECT CASE WHEN e.kind = 'sent' AND c.is_confirmed_by_hand
                                            AND NOT EXISTS (SELECT FROM crm.outbox_event r WHERE r.customer_id = e.customer_id AND r.message_id = e.message_id
                                                              AND r.kind IN ('delivered', 'undelivered', 'opened', 'clicked')) THEN 'awaiting_human' ELSE e.kind END
                           FROM crm.outbox_event e LEFT JOIN crm.endpoint p ON p.endpoint = message.endpoint LEFT JOIN crm.connector c ON c.connector = p.connector
                           WHERE e.customer_id = message.customer_id AND e.message_id = message.message_id
                             AND e.kind IN ('sent', 'cancelled') ORDER BY e.at DESC, e.outbox_event_id DESC LIMIT 1), 'pending'),
        'events', (SELECT coalesce(jsonb_agg(jsonb_build_object('at', e.at, 'kind', e.kind, 'attempt', e.attempt, 'http_status', e.http_status, 'detail', e.detail)
                                             ORDER BY e.at, e.outbox_event_id), '[]')
                   FROM crm.outbox_event e WHERE e.customer_id = message.customer_id AND e.message_id = message.message_id));
END
$$;
COMMENT ON FUNCTION crm.outbox_state(text) IS 'the state of a message and all that happened to it; P0002 when unknown or outside of the caller''s scope';
GRANT EXECUTE ON FUNCTION crm.outbox_state(text) TO crm_store_manager, crm_manager, crm_service, crm_steward, crm_marketer, crm_headquarters;

CREATE FUNCTION crm.outbox_replay(message_id text, idempotency_key text DEFAULT NULL) RETURNS jsonb
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
#variable_conflict use_column
DECLARE
    answer jsonb := crm._idempotency_claim(idempotency_key, 'outbox_replay', crm._sha256(convert_to(message_id, 'UTF8')));
    message crm.message_row;
BEGIN
    IF answer IS NOT NULL THEN
        RETURN answer;
    END IF;
    message := crm._outbox_find(outbox_replay.message_id);
    UPDATE crm.dead_letter d SET replayed_at = crm.core_now()
    WHERE d.customer_id = message.customer_id AND d.message_id = message.message_id AND d.replayed_at IS NULL;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'message is no dead letter' USING ERRCODE = 'RM702', HINT = 'Only dead letters are replayed; see its state.';
    END IF;
    INSERT INTO crm.outbox_queue (customer_id, message_id, endpoint, due_at) VALUES (message.customer_id, message.message_id, message.endpoint, crm.core_now());
    UPDATE crm.contact_cap c SET sent_at = array_append(c.sent_at, message.due_at)
    WHERE message.is_marketing AND message.due_at <> ALL (c.sent_at)
      AND c.cap_key IN (crm._outbox_cap_key('p', message.customer_id::text, NULL), crm._outbox_cap_key('a', message.channel, message.address_hash));
    PERFORM crm._outbox_note(message.customer_id, message.message_id, 'replayed', detail => crm._actor());
    PERFORM crm._audit('replay', 'message', message.customer_id, NULL, NULL, message.message_id);
    PERFORM crm._worker_wake();
    answer := jsonb_build_object('message_id', message.message_id, 'state', 'pending');
    PERFORM crm._idempotency_store(idempotency_key, answer);
    RETURN answer;
END
$$;
COMMENT ON FUNCTION crm.outbox_replay(text, text) IS 'puts a dead letter back into the queue, with its id; RM702 (409) when it is none, P0002 when unknown';
GRANT EXECUTE ON FUNCTION crm.outbox_replay(text, text) TO crm_admin, crm_steward, crm_marketer, crm_headquarters;

CREATE FUNCTION crm.outbox_resume(confirm boolean DEFAULT false) RETURNS jsonb
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
DECLARE
    paused boolean := crm._outbox_is_paused();
    known crm.sending_state;
    here record;
BEGIN
    SELECT * INTO known FROM crm.sending_state;
    SELECT * INTO here FROM crm._outbox_timeline();
    IF paused AND confirm THEN
        UPDATE crm.sending_state SET timeline = here.timeline, system_id = here.system_id, paused_reason = NULL, paused_at = NULL;
        UPDATE crm.alert a SET closed_at = crm.core_now() WHERE a.kind = 'outbox.paused' AND a.closed_at IS NULL;
        PERFORM crm._audit('resume', 'outbox', NULL, NULL, known.paused_reason, 'sending');
        PERFORM crm._worker_wake();
    END IF;
    RETURN jsonb_build_object(
        'was_paused', paused, 'reason', known.paused_reason, 'resumed', paused AND confirm,
        'waiting', (SELECT count(*) FROM crm.outbox_queue),
        'may_repeat', (SELECT count(*) FROM crm.outbox_queue q WHERE q.attempt > 0),
        'newest_message_at', (SELECT max(o.created_at) FROM crm.outbox o),
        'advice', CASE WHEN paused AND NOT confirm
            THEN 'Messages that left after the moment recovered to are unknown here and would leave again with the same id. Ask the receivers, then run crm.outbox_resume(true).' END);
END
$$;
COMMENT ON FUNCTION crm.outbox_resume(boolean) IS
    'after a point-in-time recovery, a failover or a restore sending waits: without confirmation shows what waits and what may repeat, with it goes on';
GRANT EXECUTE ON FUNCTION crm.outbox_resume(boolean) TO crm_admin;

CREATE FUNCTION crm.outbox_check() RETURNS TABLE (what text, expected text, found text)
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
BEGIN
    RETURN QUERY
        SELECT 'message ' || q.message_id, 'a message for each queued row', 'none'
        FROM crm.outbox_queue q WHERE NOT EXISTS (SELECT FROM crm.outbox o WHERE o.customer_id = q.customer_id AND o.message_id = q.message_id)
        UNION ALL
        SELECT 'message ' || o.message_id, 'queued, sent, cancelled or dead', 'lost'
        FROM crm.outbox o
        WHERE NOT EXISTS (SELECT FROM crm.outbox_queue q WHERE q.customer_id = o.customer_id AND q.message_id = o.message_id)
          AND NOT EXISTS (SELECT FROM crm.outbox_event e WHERE e.customer_id = o.customer_id AND e.message_id = o.message_id AND e.kind IN ('sent', 'cancelled', 'dead'));
END
$$;
COMMENT ON FUNCTION crm.outbox_check() IS 'messages that are neither waiting nor ended; none: all is well';
