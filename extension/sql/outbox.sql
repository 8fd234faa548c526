-- outbox: consent, channels, messages as they were decided.

CREATE TYPE crm.consent_fact AS (ordinal int, source_record_id bigint, customer_id bigint, channel text, state text,
    occurred_at timestamptz, evidence text, is_history boolean);

-- Rows of the outbox as values: a function's signature cannot name a table that install() makes later.
CREATE TYPE crm.queue_ref AS (customer_id bigint, message_id text, attempt int);
CREATE TYPE crm.message_row AS (customer_id bigint, message_id text, channel text, endpoint text, flow_id int, occurrence_key text,
    is_marketing boolean, address_hash bytea, body jsonb, due_at timestamptz, expires_at timestamptz, created_at timestamptz, quiet jsonb);
COMMENT ON TYPE crm.message_row IS 'a row of crm.outbox, columns in its order';

CREATE FUNCTION crm._outbox_store_consents(facts crm.consent_fact[]) RETURNS SETOF crm.fact_outcome
    LANGUAGE plpgsql AS
$$
BEGIN
    RETURN QUERY
    WITH given AS (SELECT * FROM unnest(facts)),
    fresh AS (
        INSERT INTO crm.consent (source_record_id, channel, occurred_at, consent_id, state, evidence, is_history)
        SELECT DISTINCT ON (g.source_record_id, g.channel, g.occurred_at, g.state)
               g.source_record_id, g.channel, g.occurred_at, crm._new_id(), g.state, coalesce(g.evidence, ''), coalesce(g.is_history, false)
        FROM given g
        WHERE NOT EXISTS (SELECT FROM crm.consent c WHERE c.source_record_id = g.source_record_id AND c.channel = g.channel
                          AND c.occurred_at = g.occurred_at AND c.state = g.state)
        ORDER BY g.source_record_id, g.channel, g.occurred_at, g.state
        RETURNING consent.source_record_id, consent.channel, consent.occurred_at, consent.state, consent.consent_id)
    SELECT g.ordinal, f.consent_id, g.customer_id, CASE WHEN f.consent_id IS NULL THEN 'unchanged' ELSE 'created' END
    FROM given g LEFT JOIN fresh f USING (source_record_id, channel, occurred_at, state);
    PERFORM crm._outbox_keep_consents(ARRAY(SELECT DISTINCT m.customer_id FROM unnest(facts) g
                                            JOIN crm.membership m ON m.source_record_id = g.source_record_id
                                            WHERE m.valid_to = 'infinity' ORDER BY 1));
END
$$;
COMMENT ON FUNCTION crm._outbox_store_consents(crm.consent_fact[]) IS
    'appends consents to their records; a repeated one (record, channel, moment, state) is unchanged; the caller '
    'calls the consequences';

-- What reaches a person on a channel.  A family's phone answers to the one who took it last
-- (crm.identifier.customer_id), yet it reaches each of them: so it is looked for through the records.
CREATE FUNCTION crm._outbox_reach(customer_id bigint, channel text) RETURNS TABLE (addresses bytea[], consent text)
    LANGUAGE sql STABLE AS
$$
    -- of each record its addresses and what it said last, in one walk over the records; of what they said a single no
    -- is a no. An address of two records is named twice.
    SELECT coalesce(array_agg(x.value_hash ORDER BY x.last_seen_at DESC, x.value_hash) FILTER (WHERE x.value_hash IS NOT NULL), '{}'),
           CASE WHEN bool_or(c.state = 'no' OR (x.value_hash IS NOT NULL AND EXISTS (
                    SELECT FROM crm.opt_out o WHERE o.channel = $2 AND o.address_hash = x.value_hash))) THEN 'no'
                WHEN count(c.state) > 0 THEN 'yes' ELSE 'unknown' END
    FROM crm.membership m
    LEFT JOIN LATERAL (
        SELECT ri.value_hash, ri.last_seen_at
        FROM crm.record_identifier ri JOIN crm.identifier i ON i.kind = ri.kind AND i.value_hash = ri.value_hash
            AND NOT i.is_blocked AND i.value_sealed IS NOT NULL
        WHERE ri.source_record_id = m.source_record_id AND ri.kind = (SELECT ch.identifier_kind FROM crm.channel ch WHERE ch.channel = $2)
          AND ri.ended_at IS NULL) x ON true
    LEFT JOIN LATERAL (SELECT c.state FROM crm.consent c WHERE c.source_record_id = m.source_record_id AND c.channel = $2
                       ORDER BY c.occurred_at DESC, c.consent_id DESC LIMIT 1) c ON true
    WHERE m.customer_id = $1 AND m.valid_to = 'infinity'
$$;
COMMENT ON FUNCTION crm._outbox_reach(bigint, text) IS
    'how a person is reached on a channel: hashes of the identifiers, the newest first (blocked ones, landlines and '
    'hubs, are none), and consent: yes, no or unknown, the strictest of what each of the person''s records said '
    'last; an address that opted out is a no whoever owns it.  Plain SQL, so that queries over many persons take it '
    'in';

-- The same for an address that is known, which costs less: whether it is still one of the person's, and whether it
-- may have marketing.
CREATE FUNCTION crm._outbox_may_reach(customer_id bigint, channel text, identifier_kind smallint, address_hash bytea)
    RETURNS TABLE (is_held boolean, is_agreed boolean, value_sealed bytea)
    LANGUAGE sql STABLE AS
$$
    SELECT coalesce(bool_or(x.value_hash = $4), false),
           count(c.state) > 0 AND NOT coalesce(bool_or(c.state = 'no' OR (x.value_hash IS NOT NULL AND EXISTS (
               SELECT FROM crm.opt_out o WHERE o.channel = $2 AND o.address_hash = x.value_hash))), false),
           (array_agg(x.value_sealed) FILTER (WHERE x.value_hash = $4))[1]
    FROM crm.membership m
    LEFT JOIN LATERAL (
        SELECT ri.value_hash, i.value_sealed
        FROM crm.record_identifier ri JOIN crm.identifier i ON i.kind = ri.kind AND i.value_hash = ri.value_hash
            AND NOT i.is_blocked AND i.value_sealed IS NOT NULL
        WHERE ri.source_record_id = m.source_record_id AND ri.kind = $3 AND ri.ended_at IS NULL) x ON true
    LEFT JOIN LATERAL (SELECT c.state FROM crm.consent c WHERE c.source_record_id = m.source_record_id AND c.channel = $2
                       ORDER BY c.occurred_at DESC, c.consent_id DESC LIMIT 1) c ON true
    WHERE m.customer_id = $1 AND m.valid_to = 'infinity'
$$;
COMMENT ON FUNCTION crm._outbox_may_reach(bigint, text, smallint, bytea) IS
    'what crm._outbox_reach() says of one address of a channel (and the kind of identifier that reaches it): it is '
    'among the person''s, consent is yes, and the address, sealed; plain SQL, too';

CREATE FUNCTION crm._outbox_addresses(customer_id bigint, channel text) RETURNS bytea[]
    LANGUAGE plpgsql STABLE AS
$$ BEGIN RETURN (SELECT r.addresses FROM crm._outbox_reach(customer_id, channel) r); END $$;
COMMENT ON FUNCTION crm._outbox_addresses(bigint, text) IS
    'hashes of the identifiers that reach a person on a channel, the newest first; blocked ones (landlines, hubs) are none';

CREATE FUNCTION crm._outbox_address(customer_id bigint, channel text) RETURNS bytea
    LANGUAGE plpgsql STABLE AS
$$ BEGIN RETURN (crm._outbox_addresses(customer_id, channel))[1]; END $$;
COMMENT ON FUNCTION crm._outbox_address(bigint, text) IS
    'hash of the newest identifier that reaches a person on a channel; null: not reachable';

CREATE FUNCTION crm._outbox_consent(customer_id bigint, channel text) RETURNS text
    LANGUAGE plpgsql STABLE AS
$$ BEGIN RETURN (SELECT r.consent FROM crm._outbox_reach(customer_id, channel) r); END $$;
COMMENT ON FUNCTION crm._outbox_consent(bigint, text) IS
    'yes, no or unknown: the strictest of what each of the person''s records said last; an address that opted out '
    'is a no whoever owns it';

CREATE FUNCTION crm._outbox_note(customer_id bigint, message_id text, kind text, attempt int DEFAULT NULL,
                                 http_status int DEFAULT NULL, detail text DEFAULT NULL) RETURNS void
    LANGUAGE plpgsql AS
$$
BEGIN
    INSERT INTO crm.outbox_event (customer_id, message_id, at, outbox_event_id, kind, attempt, http_status, detail)
    VALUES (customer_id, message_id, crm.core_now(), crm._new_id(), kind, attempt, http_status, detail);
END
$$;
COMMENT ON FUNCTION crm._outbox_note(bigint, text, text, int, int, text) IS 'appends what happened to a message';

CREATE FUNCTION crm._outbox_cap_key(channel text, address_hash bytea) RETURNS bytea
    LANGUAGE sql STABLE PARALLEL SAFE AS $$ SELECT convert_to(channel || ':', 'UTF8') || coalesce(address_hash, ''::bytea) $$;
COMMENT ON FUNCTION crm._outbox_cap_key(text, bytea) IS 'the key of the counter of an address on a channel';

-- Whoever asks holds the person, under whom alone messages are put.
CREATE FUNCTION crm._outbox_counted(persons bigint[], after timestamptz, before timestamptz)
    RETURNS TABLE (channel text, flow_id int, is_marketing boolean, is_second boolean)
    LANGUAGE sql STABLE AS
$$
    SELECT o.channel, o.flow_id, o.is_marketing, o.body ? 'is_second'
    FROM crm.outbox o
    WHERE o.customer_id = ANY ($1) AND o.due_at > $2 AND o.due_at < $3
      -- what may have arrived counts whatever came of it, else what came last
      AND coalesce((SELECT e.kind FROM crm.outbox_event e
                    WHERE e.customer_id = o.customer_id AND e.message_id = o.message_id
                        AND e.kind IN ('cancelled', 'dead', 'undelivered', 'replayed', 'unknown', 'lost')
                    ORDER BY e.kind NOT IN ('unknown', 'lost'), e.outbox_event_id DESC LIMIT 1), 'unknown') IN ('unknown', 'lost', 'replayed')
$$;
COMMENT ON FUNCTION crm._outbox_counted(bigint[], timestamptz, timestamptz) IS
    'messages that the ids of a person have had, or will, between two moments, both left out, as every cap counts '
    'them: what never went counts against none, save what may have arrived; is_second: on the next channel, as '
    'nobody knows whether the first arrived.  Plain SQL, so that queries over many persons take it in';

CREATE FUNCTION crm._outbox_had(persons bigint[], after timestamptz, before timestamptz) RETURNS TABLE (sent bigint)
    LANGUAGE sql STABLE AS
$$ SELECT count(*) FROM crm._outbox_counted($1, $2, $3) c WHERE c.is_marketing AND NOT c.is_second $$;
COMMENT ON FUNCTION crm._outbox_had(bigint[], timestamptz, timestamptz) IS
    'how many messages of flows the ids of a person have had, or will, between two moments, by '
    'crm._outbox_counted(); a second on the next channel is none of its own.  Plain SQL, too';

CREATE FUNCTION crm._outbox_may_have_arrived(customer_id bigint, message_id text) RETURNS boolean
    LANGUAGE plpgsql STABLE AS
$$
BEGIN
    RETURN EXISTS (SELECT FROM crm.outbox_event e WHERE e.customer_id = _outbox_may_have_arrived.customer_id
                   AND e.message_id = _outbox_may_have_arrived.message_id
                   AND e.kind IN ('unknown', 'lost'));
END
$$;
COMMENT ON FUNCTION crm._outbox_may_have_arrived(bigint, text) IS
    'whether nobody can say of an attempt if it arrived: it had no answer, or its process ended before';

CREATE FUNCTION crm._outbox_release(messages crm.queue_ref[]) RETURNS void
    LANGUAGE plpgsql AS
$$
#variable_conflict use_column
DECLARE
    held record;
BEGIN
    FOR held IN
        SELECT k.cap_key, array_agg(o.due_at) AS moments
        FROM unnest(messages) m JOIN crm.outbox o USING (customer_id, message_id),
            LATERAL (SELECT crm._outbox_cap_key(o.channel, o.address_hash) AS cap_key) k
        WHERE o.is_marketing
          AND NOT crm._outbox_may_have_arrived(o.customer_id, o.message_id)
        GROUP BY k.cap_key ORDER BY k.cap_key
    LOOP
        -- one reservation a message, though two may wait for one moment
        UPDATE crm.contact_cap c SET sent_at = ARRAY(
            SELECT s.at FROM (SELECT u.at, row_number() OVER (PARTITION BY u.at) AS n FROM unnest(c.sent_at) u (at)) s
            WHERE s.n > (SELECT count(*) FROM unnest(held.moments) h (at) WHERE h.at = s.at) ORDER BY s.at)
        WHERE c.cap_key = held.cap_key;
    END LOOP;
END
$$;
COMMENT ON FUNCTION crm._outbox_release(crm.queue_ref[]) IS
    'messages that never went count against no cap, save those that may have arrived; counters are locked in their '
    'order';

CREATE FUNCTION crm._outbox_was_tried(customer_id bigint, flow_id int, occurrence_key text) RETURNS boolean
    LANGUAGE plpgsql STABLE AS
$$
#variable_conflict use_column
BEGIN
    RETURN EXISTS (SELECT FROM crm.outbox o JOIN crm.outbox_event e USING (customer_id, message_id)
                   WHERE o.customer_id = ANY (crm._identity_cluster(_outbox_was_tried.customer_id)) AND o.flow_id = _outbox_was_tried.flow_id
                     AND o.occurrence_key = _outbox_was_tried.occurrence_key AND e.attempt > 0);
END
$$;
COMMENT ON FUNCTION crm._outbox_was_tried(bigint, int, text) IS
    'whether any message of an occurrence was tried, on whatever channel, under whatever id of the person';

CREATE FUNCTION crm._outbox_cancel(messages crm.queue_ref[], detail text) RETURNS void
    LANGUAGE plpgsql AS
$$
#variable_conflict use_column
BEGIN
    IF cardinality(messages) = 0 THEN
        RETURN;
    END IF;
    -- an attempt whose lease ended without a word may have arrived
    PERFORM crm._outbox_note(q.customer_id, q.message_id, 'lost', q.attempt)
    FROM unnest(messages) m JOIN crm.outbox_queue q ON q.customer_id = m.customer_id AND q.message_id = m.message_id
    WHERE m.attempt > 0 AND q.lease_until < clock_timestamp() AND crm._outbox_is_lost(q.customer_id, q.message_id, q.attempt);
    DELETE FROM crm.outbox_queue q USING unnest(messages) m
    WHERE q.customer_id = m.customer_id AND q.message_id = m.message_id;
    INSERT INTO crm.outbox_event (customer_id, message_id, at, outbox_event_id, kind, attempt, detail)
    SELECT m.customer_id, m.message_id, crm.core_now(), crm._new_id(), 'cancelled', m.attempt, _outbox_cancel.detail FROM unnest(messages) m;
    PERFORM crm._outbox_release(messages);
    -- nobody was told of a coupon of which no message was ever tried
    PERFORM crm._loyalty_void(k.id, o.flow_id, o.occurrence_key, _outbox_cancel.detail)
    FROM unnest(messages) m JOIN crm.outbox o USING (customer_id, message_id), unnest(crm._identity_cluster(o.customer_id)) k (id)
    WHERE o.flow_id IS NOT NULL AND m.attempt = 0 AND NOT crm._outbox_was_tried(o.customer_id, o.flow_id, o.occurrence_key);
END
$$;
COMMENT ON FUNCTION crm._outbox_cancel(crm.queue_ref[], text) IS
    'takes messages out of the queue for good, with the reason; they count against no cap unless they may have '
    'arrived, and coupons that nobody heard of, on whatever channel, are withdrawn';

-- Rows of the queue that may be cancelled: none that is on its way.
CREATE FUNCTION crm._outbox_waiting(asked crm.queue_ref[], OUT messages crm.queue_ref[])
    LANGUAGE plpgsql AS
$$
BEGIN
    SELECT coalesce(array_agg(w.ref), '{}') INTO messages
    FROM (SELECT ROW(q.customer_id, q.message_id, q.attempt)::crm.queue_ref AS ref
          FROM unnest(asked) a JOIN crm.outbox_queue q ON q.customer_id = a.customer_id AND q.message_id = a.message_id
          WHERE q.lease_until IS NULL OR q.lease_until < clock_timestamp()
          ORDER BY q.customer_id, q.message_id FOR UPDATE OF q) w;
END
$$;
COMMENT ON FUNCTION crm._outbox_waiting(crm.queue_ref[]) IS
    'locks and returns those of some messages of the queue that are not on their way just now';

CREATE FUNCTION crm._outbox_quiet_until(quiet jsonb, at timestamptz) RETURNS timestamptz
    LANGUAGE plpgsql STABLE AS
$$
DECLARE
    local_at timestamp := at AT TIME ZONE (quiet ->> 'zone');
    quiet_from time := quiet ->> 'from';
    quiet_to time := quiet ->> 'to';
    is_quiet boolean := CASE WHEN quiet_from <= quiet_to THEN local_at::time >= quiet_from AND local_at::time < quiet_to
                             ELSE local_at::time >= quiet_from OR local_at::time < quiet_to END;
BEGIN
    IF is_quiet IS NOT TRUE THEN
        RETURN at;
    END IF;
    RETURN (local_at::date + CASE WHEN local_at::time < quiet_to THEN 0 ELSE 1 END + quiet_to) AT TIME ZONE (quiet ->> 'zone');
END
$$;
COMMENT ON FUNCTION crm._outbox_quiet_until(jsonb, timestamptz) IS
    'the moment itself, or the end of the quiet hours ({"from", "to", "zone"}) it falls into; they may cross midnight';

CREATE FUNCTION crm._outbox_hold(messages crm.queue_ref[]) RETURNS void
    LANGUAGE plpgsql AS
$$
BEGIN
    PERFORM FROM unnest(messages) m JOIN crm.outbox_queue q ON q.customer_id = m.customer_id AND q.message_id = m.message_id
    ORDER BY q.customer_id, q.message_id FOR UPDATE OF q;
    UPDATE crm.outbox_queue q SET due_at = 'infinity' FROM unnest(messages) m
    WHERE q.customer_id = m.customer_id AND q.message_id = m.message_id;
END
$$;
COMMENT ON FUNCTION crm._outbox_hold(crm.queue_ref[]) IS
    'keeps messages in the queue; one that is on its way ends, and is not tried again meanwhile';

CREATE FUNCTION crm._outbox_unhold(messages crm.queue_ref[]) RETURNS void
    LANGUAGE plpgsql AS
$$
BEGIN
    UPDATE crm.outbox_queue q SET due_at = greatest(o.due_at, crm.core_now())
    FROM unnest(messages) m JOIN crm.outbox o ON o.customer_id = m.customer_id AND o.message_id = m.message_id
    WHERE q.due_at = 'infinity' AND q.customer_id = o.customer_id AND q.message_id = o.message_id;
    PERFORM crm._worker_wake_for('-infinity');
END
$$;
COMMENT ON FUNCTION crm._outbox_unhold(crm.queue_ref[]) IS
    'lets go what crm._outbox_hold() kept; consent, address and expiry are checked when it leaves';

CREATE FUNCTION crm._outbox_put_all(messages crm.message_row[]) RETURNS bigint
    LANGUAGE plpgsql AS
$$
DECLARE
    put bigint;
BEGIN
    WITH fresh AS (
        INSERT INTO crm.outbox (customer_id, message_id, channel, endpoint, flow_id, occurrence_key, is_marketing,
                address_hash, body, due_at, expires_at, created_at, quiet)
        SELECT m.customer_id, m.message_id, m.channel, m.endpoint, m.flow_id, m.occurrence_key, m.is_marketing,
            m.address_hash, m.body, m.due_at, m.expires_at,
               crm.core_now(), m.quiet
        FROM unnest(messages) m
        RETURNING outbox.customer_id, outbox.message_id, outbox.endpoint, outbox.due_at)
    INSERT INTO crm.outbox_queue (customer_id, message_id, endpoint, due_at) SELECT f.customer_id, f.message_id, f.endpoint, f.due_at FROM fresh f;
    GET DIAGNOSTICS put = ROW_COUNT;
    IF put > 0 THEN
        PERFORM crm._worker_wake_for((SELECT min(m.due_at) FROM unnest(messages) m));
    END IF;
    RETURN put;
END
$$;
COMMENT ON FUNCTION crm._outbox_put_all(crm.message_row[]) IS
    'messages, complete but for created_at, to leave when due and never in their quiet hours; returns how many; of '
    'persons who are locked, and none of an id that is there already: 23505';

CREATE FUNCTION crm._outbox_is_there(customer_id bigint, message_id text) RETURNS boolean
    LANGUAGE plpgsql STABLE AS
$$ BEGIN RETURN EXISTS (SELECT FROM crm.outbox o WHERE o.customer_id = _outbox_is_there.customer_id
        AND o.message_id = _outbox_is_there.message_id); END $$;
COMMENT ON FUNCTION crm._outbox_is_there(bigint, text) IS
    'whether a message of that id was put; whoever asks in order to put it holds the person';

CREATE FUNCTION crm._outbox_put(customer_id bigint, message_id text, channel text, flow_id int, occurrence_key text,
                                is_marketing boolean, body jsonb, due_at timestamptz, expires_at timestamptz,
                                address_hash bytea DEFAULT NULL, quiet jsonb DEFAULT NULL) RETURNS boolean
    LANGUAGE plpgsql AS
$$
DECLARE
    carrier text := (SELECT ch.endpoint FROM crm.channel ch WHERE ch.channel = _outbox_put.channel);
BEGIN
    IF carrier IS NULL THEN
        RAISE EXCEPTION 'no endpoint carries channel "%"', channel
            USING ERRCODE = 'RM701', COLUMN = 'channel', HINT = 'Run SELECT crm.outbox_define_endpoint(...) and crm.outbox_set_channel(...).';
    END IF;
    RETURN NOT crm._outbox_is_there(customer_id, message_id)
        AND crm._outbox_put_all(ARRAY[ROW(customer_id, message_id, channel, carrier, flow_id, occurrence_key,
        is_marketing,
        coalesce(address_hash, crm._outbox_address(customer_id, channel)), body, due_at, expires_at, NULL, quiet)::crm.message_row]) = 1;
END
$$;
COMMENT ON FUNCTION crm._outbox_put(bigint, text, text, int, text, boolean, jsonb, timestamptz, timestamptz, bytea, jsonb) IS
    'a message, to leave when due and never in its quiet hours ({"from", "to", "zone"}), to the address given or '
    'the person''s newest; false when one of that id is there; RM701 when no endpoint carries the channel';

CREATE FUNCTION crm._outbox_count(messages crm.message_row[], most int, days int) RETURNS boolean
    LANGUAGE plpgsql AS
$$
DECLARE
    window_days interval := make_interval(days => days);
    counted bigint;
BEGIN
    INSERT INTO crm.contact_cap AS c (cap_key, sent_at)
    SELECT k.cap_key, ARRAY[m.due_at]
    FROM unnest(messages) m, LATERAL (SELECT crm._outbox_cap_key(m.channel, m.address_hash) AS cap_key) k
    ORDER BY k.cap_key
    ON CONFLICT (cap_key) DO UPDATE
    SET sent_at = array_append(ARRAY(SELECT s FROM unnest(c.sent_at) s WHERE s > excluded.sent_at[1] - interval '31 days'), excluded.sent_at[1])
    -- it may have been filled since it was looked at
    WHERE coalesce((SELECT count(*) FROM unnest(c.sent_at) s WHERE s > excluded.sent_at[1] - window_days) < most, true);
    GET DIAGNOSTICS counted = ROW_COUNT;
    RETURN counted = cardinality(messages);
END
$$;
COMMENT ON FUNCTION crm._outbox_count(crm.message_row[], int, int) IS
    'counts messages, no two of one address, at their addresses; false when one has had the most that a flow''s '
    'rolling days allow: then nothing may stay of it';

CREATE FUNCTION crm._outbox_count_one(channel text, address_hash bytea, at timestamptz) RETURNS void
    LANGUAGE plpgsql AS
$$
BEGIN
    UPDATE crm.contact_cap c SET sent_at = array_append(ARRAY(SELECT s FROM unnest(c.sent_at) s WHERE s > at - interval '31 days'), at)
    WHERE c.cap_key = crm._outbox_cap_key(channel, address_hash);
END
$$;
COMMENT ON FUNCTION crm._outbox_count_one(text, bytea, timestamptz) IS
    'counts a message at its address, whose counter the caller has locked';

CREATE FUNCTION crm._outbox_fault(options jsonb) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
$$
    SELECT CASE WHEN jsonb_typeof(options) <> 'object' THEN 'options'
                ELSE (SELECT o.key FROM jsonb_each_text(options) o
                      WHERE NOT coalesce(CASE o.key WHEN 'is_private_allowed' THEN o.value IN ('true', 'false')
                                                    WHEN 'timeout_ms' THEN o.value ~ '^[0-9]{3,5}$' AND o.value::int BETWEEN 100 AND 50000
                                                    WHEN 'max_concurrency' THEN o.value ~ '^[0-9]{1,2}$' AND o.value::int BETWEEN 1 AND 64
                                                    WHEN 'per_minute' THEN o.value ~ '^[0-9]{1,6}$' AND o.value::int BETWEEN 1 AND 600000 END, false)
                      ORDER BY o.key LIMIT 1) END
$$;
COMMENT ON FUNCTION crm._outbox_fault(jsonb) IS 'the option of an endpoint that is wrong or unknown; null: none';

CREATE FUNCTION crm._outbox_endpoint_put(endpoint text, url text, secret text, options jsonb) RETURNS void
    LANGUAGE plpgsql AS
$$
#variable_conflict use_column
DECLARE
    wrong text := crm._outbox_fault(coalesce(options, '{}'));
BEGIN
    IF coalesce(endpoint, '') = '' OR length(endpoint) > 63 THEN
        RAISE EXCEPTION 'endpoint needs a name' USING ERRCODE = 'invalid_parameter_value', COLUMN = 'endpoint',
            HINT = 'Give a short code, at most 63 characters.';
    ELSIF wrong IS NOT NULL THEN
        RAISE EXCEPTION 'option "%" of an endpoint is wrong', wrong USING ERRCODE = 'invalid_parameter_value', COLUMN = wrong,
            HINT = 'Options are is_private_allowed (true, false), timeout_ms (100 to 50000), max_concurrency (1 to 64), per_minute (1 to 600000).';
    END IF;
    INSERT INTO crm.endpoint AS e (endpoint, url, secret_sealed, is_active, is_private_allowed, timeout_ms, max_concurrency, per_minute)
    VALUES (_outbox_endpoint_put.endpoint, _outbox_endpoint_put.url,
            crm._encrypt('endpoint', coalesce(_outbox_endpoint_put.secret, 'whsec_' || encode(crm._random_bytes(32), 'base64'))), true,
            coalesce((options ->> 'is_private_allowed')::boolean, false), coalesce((options ->> 'timeout_ms')::int, 15000),
            coalesce((options ->> 'max_concurrency')::int, 8), (options ->> 'per_minute')::int)
    ON CONFLICT ON CONSTRAINT endpoint_pkey DO UPDATE
    SET url = excluded.url, secret_sealed = CASE WHEN _outbox_endpoint_put.secret IS NULL THEN e.secret_sealed ELSE excluded.secret_sealed END,
        is_active = true, is_private_allowed = excluded.is_private_allowed, timeout_ms = excluded.timeout_ms,
        max_concurrency = excluded.max_concurrency, per_minute = excluded.per_minute, bucket = NULL, bucket_at = NULL,
            broken_until = NULL, failures = 0;
    PERFORM crm._alert_close('outbox.gone', endpoint);
    PERFORM crm._worker_wake();
END
$$;
COMMENT ON FUNCTION crm._outbox_endpoint_put(text, text, text, jsonb) IS
    'writes an endpoint, of whatever connector; a new one without a secret has one drawn, an old one keeps its own';

CREATE FUNCTION crm.outbox_define_endpoint(endpoint text, url text, secret text DEFAULT NULL, options jsonb DEFAULT '{}') RETURNS text
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
#variable_conflict use_column
BEGIN
    IF url IS NULL OR url !~ '^https?://[^[:space:]]+$' THEN
        RAISE EXCEPTION 'endpoint needs a URL with http or https' USING ERRCODE = 'invalid_parameter_value', COLUMN = 'url',
            HINT = 'Give it as https://host/path.';
    ELSIF secret !~ '^whsec_([A-Za-z0-9+/]{4}){8,21}([A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=|[A-Za-z0-9+/]{4})?$' THEN
        RAISE EXCEPTION 'secret is no Standard Webhooks secret' USING ERRCODE = 'invalid_parameter_value', COLUMN = 'secret',
            HINT = 'Give whsec_ and the base64 of 24 to 64 random bytes, or none to have one drawn.';
    END IF;
    PERFORM crm._outbox_endpoint_put(outbox_define_endpoint.endpoint, outbox_define_endpoint.url, outbox_define_endpoint.secret, options);
    UPDATE crm.endpoint e SET connector = 'webhook', parameters = '{}', secrets_sealed = NULL
    WHERE e.endpoint = outbox_define_endpoint.endpoint AND e.connector <> 'webhook';
    PERFORM crm._audit('define', 'endpoint', NULL, 'url', NULL, outbox_define_endpoint.url, outbox_define_endpoint.endpoint);
    RETURN (SELECT crm._decrypt('endpoint', e.secret_sealed) FROM crm.endpoint e WHERE e.endpoint = outbox_define_endpoint.endpoint);
END
$$;
COMMENT ON FUNCTION crm.outbox_define_endpoint(text, text, text, jsonb) IS
    'makes or changes where messages go as signed webhooks; options is_private_allowed (false), timeout_ms (15000), '
    'max_concurrency (8), per_minute (what the connector bears); returns the signing secret, drawn when none is '
    'given; 22023 for a bad URL or secret';
GRANT EXECUTE ON FUNCTION crm.outbox_define_endpoint(text, text, text, jsonb) TO crm_admin;

CREATE FUNCTION crm.outbox_rotate_secret(endpoint text, is_finished boolean DEFAULT false) RETURNS text
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
#variable_conflict use_column
DECLARE
    drawn text := 'whsec_' || encode(crm._random_bytes(32), 'base64');
BEGIN
    IF is_finished THEN
        drawn := NULL;
        UPDATE crm.endpoint e SET secret_sealed = e.next_secret_sealed, next_secret_sealed = NULL
        WHERE e.endpoint = outbox_rotate_secret.endpoint AND e.next_secret_sealed IS NOT NULL;
    ELSE
        UPDATE crm.endpoint e SET next_secret_sealed = crm._encrypt('endpoint', drawn) WHERE e.endpoint = outbox_rotate_secret.endpoint;
    END IF;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no endpoint "%" whose secret could be changed', endpoint
            USING ERRCODE = 'no_data_found', COLUMN = 'endpoint',
                HINT = 'Define it with crm.outbox_define_endpoint(), or begin with crm.outbox_rotate_secret(endpoint).';
    END IF;
    PERFORM crm._audit('rotate', 'endpoint', NULL, 'secret', NULL, CASE WHEN is_finished THEN 'finished'
        ELSE 'begun' END, outbox_rotate_secret.endpoint);
    RETURN drawn;
END
$$;
COMMENT ON FUNCTION crm.outbox_rotate_secret(text, boolean) IS
    'draws a second secret and returns it: both sign until the receiver knows it; then, with is_finished, only the '
    'new one does (returns null); P0002';
GRANT EXECUTE ON FUNCTION crm.outbox_rotate_secret(text, boolean) TO crm_admin;

CREATE FUNCTION crm.outbox_set_channel(channel text, endpoint text) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
#variable_conflict use_column
BEGIN
    IF NOT EXISTS (SELECT FROM crm.endpoint e WHERE e.endpoint = outbox_set_channel.endpoint) THEN
        RAISE EXCEPTION 'there is no endpoint "%"', endpoint USING ERRCODE = 'no_data_found', COLUMN = 'endpoint',
            HINT = 'Define it with crm.outbox_define_endpoint().';
    END IF;
    UPDATE crm.channel ch SET endpoint = outbox_set_channel.endpoint WHERE ch.channel = outbox_set_channel.channel;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no channel "%"', channel USING ERRCODE = 'no_data_found', COLUMN = 'channel', HINT = 'See crm.channel.';
    END IF;
    PERFORM crm._audit('define', 'channel', NULL, 'endpoint', NULL, outbox_set_channel.endpoint, outbox_set_channel.channel);
END
$$;
COMMENT ON FUNCTION crm.outbox_set_channel(text, text) IS 'the endpoint that carries a channel; P0002 for an unknown one';
GRANT EXECUTE ON FUNCTION crm.outbox_set_channel(text, text) TO crm_admin;

CREATE FUNCTION crm._outbox_normal_address(channel text, address text, OUT kind smallint, OUT value text)
    LANGUAGE plpgsql STABLE AS
$$
#variable_conflict use_column
BEGIN
    SELECT ch.identifier_kind INTO kind FROM crm.channel ch WHERE ch.channel = _outbox_normal_address.channel;
    value := CASE kind WHEN 1 THEN (crm.identity_phone(address)).number
        WHEN 2 THEN (crm.identity_email(address)).address ELSE nullif(btrim(address), '') END;
    IF kind IS NULL OR value IS NULL THEN
        RAISE EXCEPTION 'address does not fit channel "%"', channel USING ERRCODE = 'invalid_parameter_value', COLUMN = 'address',
            HINT = 'Give the phone number, e-mail address or id that the message went to.';
    END IF;
END
$$;
COMMENT ON FUNCTION crm._outbox_normal_address(text, text) IS
    'an address as identifiers are kept; 22023 when it fits no channel';

-- Persons who hold an address, under every id they ever had.
CREATE FUNCTION crm._outbox_holders(kind smallint, address_hash bytea) RETURNS bigint[]
    LANGUAGE plpgsql STABLE AS
$$
BEGIN
    RETURN ARRAY(
        SELECT DISTINCT c.id
        FROM crm.record_identifier ri
        JOIN crm.membership m ON m.source_record_id = ri.source_record_id AND m.valid_to = 'infinity',
             unnest(crm._identity_cluster(m.customer_id)) c (id)
        WHERE ri.kind = _outbox_holders.kind AND ri.value_hash = _outbox_holders.address_hash ORDER BY c.id);
END
$$;
COMMENT ON FUNCTION crm._outbox_holders(smallint, bytea) IS 'all ids of the persons whose records hold or held an address';

CREATE FUNCTION crm.outbox_opt_out(channel text, address text, evidence text DEFAULT '', idempotency_key text DEFAULT NULL,
                                   namespace text DEFAULT '') RETURNS jsonb
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
#variable_conflict use_column
DECLARE
    answer jsonb := crm._idempotency_claim(idempotency_key, 'outbox_opt_out',
        crm._sha256(convert_to(jsonb_build_array(channel, address, namespace)::text, 'UTF8')));
    given record;
    hash bytea;
    waiting crm.queue_ref[];
BEGIN
    IF answer IS NOT NULL THEN
        RETURN answer;
    END IF;
    SELECT * INTO given FROM crm._outbox_normal_address(channel, address);
    hash := crm._identity_hash(given.kind, coalesce(namespace, ''), given.value);
    INSERT INTO crm.opt_out (channel, address_hash, at, evidence)
    VALUES (outbox_opt_out.channel, hash, crm.core_now(), left(coalesce(outbox_opt_out.evidence, ''), 500)) ON CONFLICT DO NOTHING;
    SELECT coalesce(array_agg(w.ref ORDER BY w.customer_id, w.message_id), '{}') INTO waiting
    FROM (SELECT o.customer_id, o.message_id, ROW(q.customer_id, q.message_id, q.attempt)::crm.queue_ref AS ref
          FROM crm.outbox_queue q JOIN crm.outbox o USING (customer_id, message_id)
          WHERE q.customer_id = ANY (crm._outbox_holders(given.kind, hash)) AND o.channel = outbox_opt_out.channel
            AND o.address_hash = hash AND o.is_marketing AND (q.lease_until IS NULL OR q.lease_until < clock_timestamp())
          ORDER BY q.customer_id, q.message_id FOR UPDATE OF q) w;
    PERFORM crm._outbox_cancel(waiting, 'opted out');
    IF crm._actor_staff() IS NOT NULL THEN
        PERFORM crm._audit('opt_out', 'address', NULL, channel, NULL, 'no', nullif(left(evidence, 500), ''), NULL, hash);
    END IF;
    answer := jsonb_build_object('channel', channel, 'closed', true, 'cancelled', cardinality(waiting));
    PERFORM crm._idempotency_store(idempotency_key, answer);
    RETURN answer;
END
$$;
COMMENT ON FUNCTION crm.outbox_opt_out(text, text, text, text, text) IS
    'STOP or 退订: closes a channel for an address (namespace: an openid''s app) at once, whoever owns it; waiting '
    'marketing messages are cancelled; what staff note is audited; 22023 for an address that fits no channel';
GRANT EXECUTE ON FUNCTION crm.outbox_opt_out(text, text, text, text, text) TO crm_till, crm_clerk, crm_store_manager,
    crm_manager, crm_service, crm_steward, crm_marketer, crm_headquarters;

CREATE FUNCTION crm._outbox_on_erase(customer_id bigint) RETURNS void
    LANGUAGE plpgsql AS
$$
DECLARE
    ids bigint[] := crm._identity_cluster(customer_id);
    waiting crm.queue_ref[];
BEGIN
    -- also what is on its way: its result finds no row any more
    SELECT coalesce(array_agg(ROW(q.customer_id, q.message_id, q.attempt)::crm.queue_ref), '{}') INTO waiting
    FROM (SELECT * FROM crm.outbox_queue w WHERE w.customer_id = ANY (ids) ORDER BY w.customer_id, w.message_id FOR UPDATE) q;
    PERFORM crm._outbox_cancel(waiting, 'erased');
    UPDATE crm.outbox o SET body = '{}', address_hash = NULL WHERE o.customer_id = ANY (ids);
    DELETE FROM crm.fallback_due f WHERE f.customer_id = ANY (ids);
    DELETE FROM crm.person_consent k WHERE k.customer_id = ANY (ids);
    -- what was said stays as a fact of nobody; what was written of it may name them
    UPDATE crm.consent c SET evidence = '' FROM crm.membership m
    WHERE m.customer_id = ANY (ids) AND m.valid_to >= 'infinity' AND c.source_record_id = m.source_record_id AND c.evidence <> '';
END
$$;
COMMENT ON FUNCTION crm._outbox_on_erase(bigint) IS
    'empties a person''s messages and the evidence of consents, and cancels what waits';

CREATE FUNCTION crm._outbox_on_export(customer_id bigint) RETURNS jsonb
    LANGUAGE plpgsql STABLE AS
$$
DECLARE
    person bigint := customer_id;
BEGIN
    RETURN jsonb_build_object(
        'consents', (SELECT coalesce(jsonb_agg(jsonb_build_object('channel', c.channel, 'state', c.state,
                     'at', c.occurred_at, 'evidence', c.evidence, 'noted_by', c.noted_by) ORDER BY c.occurred_at),
                     '[]')
                     FROM crm.membership m JOIN crm.consent c USING (source_record_id) WHERE m.customer_id = person AND m.valid_to = 'infinity'),
        'messages', (SELECT coalesce(jsonb_agg(jsonb_build_object('message_id', o.message_id, 'channel', o.channel,
                     'created_at', o.created_at, 'body', o.body) ORDER BY o.created_at), '[]')
                     FROM crm.outbox o WHERE o.customer_id = ANY (crm._identity_cluster(person))));
END
$$;
COMMENT ON FUNCTION crm._outbox_on_export(bigint) IS 'a person''s consents and messages';
