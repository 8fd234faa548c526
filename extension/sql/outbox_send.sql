-- outbox_send: the sender's side.  A claim is committed before the request leaves, a result after;
-- leases run by the server's real time, due times by the clock of crm.

CREATE FUNCTION crm._outbox_timeline(OUT system_id text, OUT timeline int)
    LANGUAGE plpgsql STABLE AS
$$
BEGIN
    -- the database belongs to it: an older dump restored beside its original, or a copy by TEMPLATE, would send
    -- everything again
    SELECT c.system_identifier || '/' || d.oid INTO system_id FROM pg_control_system() c, pg_database d WHERE d.datname = current_database();
    timeline := ('x' || substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8))::bit(32)::int;
END
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
        PERFORM crm._alert('outbox.paused', 'outbox', '{"remedy": "SELECT crm.outbox_resume();"}');
        RETURN true;
    END IF;
    RETURN known.paused_reason IS NOT NULL;
END
$$;
COMMENT ON FUNCTION crm._outbox_is_paused() IS
    'whether sending waits for a person; notices a new timeline, server or database by itself';

-- What a claim hands out: all that a request needs, the address and the secrets in clear.
CREATE TYPE crm.queue_request AS (customer_id bigint, message_id text, attempt int, endpoint text, url text, secret text, next_secret text,
    timeout_ms int, is_private_allowed boolean, body text, is_plain boolean, due_at timestamptz);
COMMENT ON TYPE crm.queue_request IS
    'a leased message as it leaves; is_plain: a webhook, judged by its status alone; due_at: its place in the queue';

-- Where the last look at an endpoint ended.  The sender remembers it and never walks again over what it has taken: rows
-- that are done stay in the index for as long as any transaction of the server is open.
CREATE TYPE crm.queue_look AS (endpoint text, due_at timestamptz, customer_id bigint, under_way int);
COMMENT ON TYPE crm.queue_look IS
    'a place in the queue of an endpoint, by due_at and customer_id, and how many of its messages are on their way';

-- Nobody moves a row that is locked: where it lies is the shortest way back to it.
CREATE TYPE crm.queue_due AS (customer_id bigint, message_id text, attempt int, due_at timestamptz, place tid);
COMMENT ON TYPE crm.queue_due IS 'a message of the queue that is due and locked, and where its row lies';

CREATE FUNCTION crm._outbox_due(max_messages int, looks crm.queue_look[] DEFAULT NULL) RETURNS SETOF crm.queue_due
    LANGUAGE plpgsql AS
$$
DECLARE
    carrier record;
    room int;
    allowance int;
    found int;
    left_over int := max_messages;
BEGIN
    FOR carrier IN SELECT e.endpoint, e.max_concurrency, coalesce(l.due_at, '-infinity') AS due_at,
        coalesce(l.customer_id, 0) AS customer_id, l.under_way
                   FROM crm.endpoint e LEFT JOIN unnest(looks) l ON l.endpoint = e.endpoint
                   WHERE e.is_active AND (e.broken_until IS NULL OR e.broken_until <= clock_timestamp()) ORDER BY e.endpoint
    LOOP
        room := carrier.max_concurrency - coalesce(carrier.under_way, CASE
                WHEN looks IS NULL THEN crm._outbox_under_way(carrier.endpoint) ELSE 0 END);
        -- a bucket without a bottom is null, and the least of the two
        allowance := crm._outbox_allowance(carrier.endpoint);
        room := least(room, allowance);
        CONTINUE WHEN room <= 0;
        RETURN QUERY
            SELECT q.customer_id, q.message_id, q.attempt, q.due_at, q.ctid FROM crm.outbox_queue q
            WHERE q.endpoint = carrier.endpoint AND q.due_at <= crm.core_now() AND (q.due_at, q.customer_id) >= (carrier.due_at, carrier.customer_id)
              AND (q.lease_until IS NULL OR q.lease_until <= clock_timestamp())
            ORDER BY q.due_at, q.customer_id LIMIT least(room, left_over) FOR UPDATE SKIP LOCKED;
        GET DIAGNOSTICS found = ROW_COUNT;
        IF found > 0 AND allowance IS NOT NULL THEN
            PERFORM crm._outbox_spend(carrier.endpoint, found);
        END IF;
        left_over := left_over - found;
        EXIT WHEN left_over <= 0;
    END LOOP;
END
$$;
COMMENT ON FUNCTION crm._outbox_due(int, crm.queue_look[]) IS
    'locks due messages, endpoint by endpoint, each within its concurrency and from where it was looked at last; '
    'without looks from the beginning, what is under way counted by leases';

CREATE FUNCTION crm._outbox_under_way(endpoint text) RETURNS int
    LANGUAGE plpgsql STABLE AS
$$
BEGIN
    RETURN (SELECT count(*) FROM crm.outbox_queue q WHERE q.endpoint = _outbox_under_way.endpoint AND q.lease_until > clock_timestamp());
END
$$;
COMMENT ON FUNCTION crm._outbox_under_way(text) IS 'how many messages of an endpoint are leased';

CREATE FUNCTION crm._outbox_stopper(message crm.message_row) RETURNS text
    LANGUAGE plpgsql STABLE AS
$$
DECLARE
    person bigint := crm._identity_current(message.customer_id);
    reach record;
BEGIN
    IF message.expires_at <= crm.core_now() THEN
        RETURN 'expired';
    ELSIF message.channel = 'audience' THEN
        -- a list is no message, but who is entered into it agreed to the channel it is for
        RETURN CASE WHEN crm._outbox_consent(person, message.body ->> 'kind') IS DISTINCT FROM 'yes' THEN 'no consent' END;
    ELSIF crm._outbox_is_notice(message) OR crm._outbox_is_guest(message.message_id) THEN
        RETURN NULL;
    END IF;
    SELECT * INTO reach FROM crm._outbox_may_reach(person, message.channel,
        (SELECT ch.identifier_kind FROM crm.channel ch WHERE ch.channel = message.channel), message.address_hash);
    IF NOT reach.is_held THEN
        RETURN 'not reachable: the address was given up';
    ELSIF message.is_marketing AND NOT reach.is_agreed THEN
        RETURN 'no consent';
    END IF;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION crm._outbox_stopper(crm.message_row) IS
    'why a message must not leave now, checked again at the last moment: expired, not reachable, no consent '
    '(opt-outs included); null: it may';

CREATE FUNCTION crm._outbox_body(body jsonb, message_id text, channel text, address text) RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE AS
$$
    -- as text, which costs half of what a jsonb put together and written out does; no message has these members of its own
    SELECT left(body::text, -1) || CASE WHEN body = '{}' THEN '' ELSE ', ' END
           || '"id": ' || to_json(message_id) || ', "type": "customer.send", "channel": ' || to_json(channel)
               || ', "to": ' || coalesce(to_json(address)::text, 'null') || '}'
$$;
COMMENT ON FUNCTION crm._outbox_body(jsonb, text, text, text) IS 'a message as its receiver reads it, the address in clear';

CREATE FUNCTION crm._outbox_is_lost(customer_id bigint, message_id text, attempt int) RETURNS boolean
    LANGUAGE plpgsql STABLE AS
$$
BEGIN
    -- a replay counts its attempts anew
    RETURN NOT EXISTS (SELECT FROM crm.outbox_event e WHERE e.customer_id = _outbox_is_lost.customer_id AND e.message_id = _outbox_is_lost.message_id
                       AND e.attempt = _outbox_is_lost.attempt
                       AND NOT EXISTS (SELECT FROM crm.outbox_event r WHERE r.customer_id = e.customer_id AND r.message_id = e.message_id
                                       AND r.kind = 'replayed' AND r.outbox_event_id > e.outbox_event_id));
END
$$;
COMMENT ON FUNCTION crm._outbox_is_lost(bigint, text, int) IS
    'whether nothing is written of an attempt: whoever made it ended before its result';

-- Whoever decided a message asks again before it leaves: a tag, a tier, a day more may have changed what its rule says.
CREATE FUNCTION crm._outbox_has_waited(message_flow int, created_at timestamptz) RETURNS boolean
    LANGUAGE sql STABLE PARALLEL SAFE AS $$ SELECT $1 IS NOT NULL AND $2 < crm.core_now() - interval '10 seconds' $$;
COMMENT ON FUNCTION crm._outbox_has_waited(int, timestamptz) IS
    'whether the flow of a message is asked again before it leaves: what was decided just now need not be';

CREATE FUNCTION crm._outbox_ask_again(waited crm.queue_ref[]) RETURNS crm.queue_ref[]
    LANGUAGE plpgsql AS
$$
BEGIN
    IF waited IS NULL THEN
        RETURN '{}';
    END IF;
    PERFORM crm._consequence_leave(ARRAY(SELECT w.customer_id FROM unnest(waited) w), ARRAY(SELECT w.message_id FROM unnest(waited) w));
    RETURN ARRAY(SELECT w FROM unnest(waited) w WHERE (SELECT true FROM crm.outbox_queue q
            WHERE q.customer_id = w.customer_id AND q.message_id = w.message_id) IS NULL);
END
$$;
COMMENT ON FUNCTION crm._outbox_ask_again(crm.queue_ref[]) IS
    'messages that waited, locked, are asked about once more; returns those that were cancelled by that';

-- Due messages of a batch that may leave now, leased: expiry, address, consent (opt-outs included) and quiet hours
-- are asked of all at once.  Those it does not answer are taken one by one: crm._outbox_lease() finds why and does
-- what is to be done.
CREATE FUNCTION crm._outbox_lease_ready(due crm.queue_due[], lease_ms int, worker int) RETURNS crm.queue_request[]
    LANGUAGE plpgsql AS
$$
#variable_conflict use_column
DECLARE
    requests crm.queue_request[];
    places tid[];
    waited crm.queue_ref[];
    gone crm.queue_ref[];
    latest int;
    moment timestamptz := crm.core_now();
    most int := (crm._setting('outbox.max_retries'))::int;
BEGIN
    WITH carrier AS MATERIALIZED (
        SELECT e.endpoint, e.url, crm._decrypt('endpoint', e.secret_sealed) AS secret, crm._decrypt('endpoint', e.next_secret_sealed) AS next_secret,
               e.timeout_ms, e.is_private_allowed, c.format = 'webhook' AS is_plain, c.is_repeat_safe
        FROM crm.endpoint e JOIN crm.connector c ON c.connector = e.connector),
    way AS MATERIALIZED (
        SELECT ch.channel, k.kind, k.code FROM crm.channel ch
            JOIN crm.identifier_kind k ON k.kind = ch.identifier_kind WHERE ch.address_day_cap IS NULL)
    SELECT array_agg(ROW(o.customer_id, o.message_id, d.attempt + 1, o.endpoint, e.url, e.secret, e.next_secret, e.timeout_ms, e.is_private_allowed,
                         crm._outbox_body(o.body, o.message_id, o.channel, crm._decrypt(w.code, r.value_sealed)),
                             e.is_plain, d.due_at)::crm.queue_request),
           array_agg(d.place), max(d.attempt),
           array_agg(ROW(o.customer_id, o.message_id, d.attempt)::crm.queue_ref) FILTER (WHERE crm._outbox_has_waited(o.flow_id, o.created_at))
    INTO requests, places, latest, waited
    FROM unnest(due) d JOIN crm.outbox o ON o.customer_id = d.customer_id AND o.message_id = d.message_id
    JOIN way w ON w.channel = o.channel JOIN carrier e ON e.endpoint = o.endpoint
    -- whoever was merged holds nothing under the old id, and is asked for one by one
    CROSS JOIN LATERAL crm._outbox_may_reach(o.customer_id, o.channel, w.kind, o.address_hash) r
    WHERE d.attempt <= most AND (o.expires_at IS NULL OR o.expires_at > moment)
      AND (d.attempt = 0 OR e.is_repeat_safe OR NOT crm._outbox_is_lost(d.customer_id, d.message_id, d.attempt))
      AND r.is_held AND (NOT o.is_marketing OR r.is_agreed) AND (o.quiet IS NULL OR crm._outbox_quiet_until(o.quiet, moment) <= moment);
    gone := crm._outbox_ask_again(waited);
    IF gone <> '{}' THEN
        requests := ARRAY(SELECT r FROM unnest(requests) r
                WHERE NOT EXISTS (SELECT FROM unnest(gone) g WHERE g.customer_id = r.customer_id
                    AND g.message_id = r.message_id));
    END IF;
    -- apart: an update that joins copies what it joins, row by row
    UPDATE crm.outbox_queue q SET attempt = q.attempt + 1, leased_by = worker,
        lease_until = clock_timestamp() + make_interval(secs => lease_ms / 1000.0)
    WHERE q.ctid = ANY (places);
    IF latest > 0 THEN
        PERFORM crm._outbox_note(r.customer_id, r.message_id, 'lost', r.attempt - 1) FROM unnest(requests) r
        WHERE r.attempt > 1 AND crm._outbox_is_lost(r.customer_id, r.message_id, r.attempt - 1);
    END IF;
    RETURN coalesce(requests, '{}');
END
$$;
COMMENT ON FUNCTION crm._outbox_lease_ready(crm.queue_due[], int, int) IS
    'leases those of a batch that may leave now and returns their requests; the others are left as they are; RM003 '
    'or RM004 when the keys do not fit';

-- One message of a claim: cancelled, buried, or leased and handed out.
CREATE FUNCTION crm._outbox_lease(due crm.queue_ref, lease_ms int, worker int) RETURNS crm.queue_request
    LANGUAGE plpgsql AS
$$
#variable_conflict use_column
DECLARE
    message crm.message_row;
    request crm.queue_request;
    stopper text;
    earliest timestamptz;
BEGIN
    SELECT * INTO message FROM crm.outbox o WHERE o.customer_id = due.customer_id AND o.message_id = due.message_id;
    IF crm._outbox_has_waited(message.flow_id, message.created_at) AND crm._outbox_ask_again(ARRAY[due]) <> '{}' THEN
        RETURN NULL;
    END IF;
    IF due.attempt > 0 AND crm._outbox_is_lost(due.customer_id, due.message_id, due.attempt) THEN
        PERFORM crm._outbox_note(due.customer_id, due.message_id, 'lost', due.attempt);
        -- a vendor that would not know a repeat gets none: a person decides
        IF NOT (SELECT c.is_repeat_safe FROM crm.endpoint e JOIN crm.connector c ON c.connector = e.connector
                WHERE e.endpoint = message.endpoint) THEN
            PERFORM crm._outbox_bury(message, due.attempt, 'its process ended: it may have arrived');
            RETURN NULL;
        END IF;
    END IF;
    IF due.attempt > (crm._setting('outbox.max_retries'))::int THEN
        -- every attempt ended without a result, its worker died each time
        PERFORM crm._outbox_bury(message, due.attempt, 'no attempt ever ended');
        RETURN NULL;
    END IF;
    stopper := crm._outbox_stopper(message);
    IF stopper IS NOT NULL THEN
        PERFORM crm._outbox_cancel(ARRAY[due], stopper);
        RETURN NULL;
    END IF;
    -- a retry, a pause or an outage may have carried it into the night
    earliest := greatest(crm._outbox_quiet_until(message.quiet, crm.core_now()), crm._outbox_address_free_at(message.channel, message.address_hash));
    IF earliest > crm.core_now() THEN
        UPDATE crm.outbox_queue q SET due_at = earliest, lease_until = NULL, leased_by = NULL
        WHERE q.customer_id = due.customer_id AND q.message_id = due.message_id;
        RETURN NULL;
    END IF;
    BEGIN
        request := crm._outbox_request(message, due.attempt + 1);
    EXCEPTION WHEN SQLSTATE 'RM003' OR SQLSTATE 'RM004' THEN
        -- a key that is gone stops this message, not those behind it
        PERFORM crm._outbox_bury(message, due.attempt, SQLERRM);
        RETURN NULL;
    END;
    UPDATE crm.outbox_queue q SET attempt = q.attempt + 1, leased_by = worker,
        lease_until = clock_timestamp() + make_interval(secs => lease_ms / 1000.0)
    WHERE q.customer_id = due.customer_id AND q.message_id = due.message_id;
    PERFORM crm._outbox_address_used(message.channel, message.address_hash);
    RETURN request;
END
$$;
COMMENT ON FUNCTION crm._outbox_lease(crm.queue_ref, int, int) IS
    'leases a due message and returns its request; null when it was cancelled (consent, opt-out, address, expiry), '
    'held to the end of quiet hours, or became a dead letter (no attempt ever ended, or one was lost on its way to '
    'a vendor that would not know a repeat)';

CREATE FUNCTION crm._outbox_request(message crm.message_row, attempt int) RETURNS crm.queue_request
    LANGUAGE plpgsql STABLE AS
$$
DECLARE
    request crm.queue_request;
BEGIN
    IF crm._outbox_is_notice(message) THEN
        RETURN crm._outbox_alert_request(message, attempt);
    ELSIF crm._outbox_is_guest(message.message_id) THEN
        RETURN crm._outbox_guest_request(message, attempt);
    END IF;
    SELECT message.customer_id, message.message_id, _outbox_request.attempt, e.endpoint, e.url,
           crm._decrypt('endpoint', e.secret_sealed), crm._decrypt('endpoint', e.next_secret_sealed), e.timeout_ms, e.is_private_allowed,
           crm._outbox_body(message.body, message.message_id, message.channel, crm._decrypt(k.code, i.value_sealed)), c.format = 'webhook', q.due_at
    INTO request
    FROM crm.outbox_queue q, crm.endpoint e JOIN crm.connector c ON c.connector = e.connector, crm.channel ch
    JOIN crm.identifier_kind k ON k.kind = ch.identifier_kind
    JOIN crm.identifier i ON i.kind = k.kind AND i.value_hash = message.address_hash
    WHERE e.endpoint = message.endpoint AND ch.channel = message.channel AND q.customer_id = message.customer_id
        AND q.message_id = message.message_id;
    RETURN request;
END
$$;
COMMENT ON FUNCTION crm._outbox_request(crm.message_row, int) IS
    'what a request needs, the address and the signing secret in clear; RM003 or RM004 when the keys do not fit';

CREATE FUNCTION crm._outbox_lease_all(due crm.queue_due[], lease_ms int, worker int) RETURNS crm.queue_request[]
    LANGUAGE plpgsql AS
$$
DECLARE
    requests crm.queue_request[];
    rest crm.queue_ref;
    request crm.queue_request;
BEGIN
    BEGIN
        requests := crm._outbox_lease_ready(due, lease_ms, worker);
    EXCEPTION WHEN SQLSTATE 'RM003' OR SQLSTATE 'RM004' THEN
        requests := '{}';
    END;
    IF cardinality(requests) < cardinality(due) THEN
        FOR rest IN SELECT d.customer_id, d.message_id, d.attempt FROM unnest(due) d
                    WHERE NOT EXISTS (SELECT FROM unnest(requests) r WHERE r.customer_id = d.customer_id AND r.message_id = d.message_id)
        LOOP
            request := crm._outbox_lease(rest, lease_ms, worker);
            IF request.message_id IS NOT NULL THEN
                requests := requests || request;
            END IF;
        END LOOP;
    END IF;
    RETURN requests;
END
$$;
COMMENT ON FUNCTION crm._outbox_lease_all(crm.queue_due[], int, int) IS
    'leases a batch of due messages that are locked; what may not leave is cancelled, buried or put off';

CREATE FUNCTION crm._outbox_claim(max_messages int, lease_ms int, worker int, looks crm.queue_look[] DEFAULT NULL) RETURNS SETOF crm.queue_request
    LANGUAGE plpgsql SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET jit = off AS
$$
DECLARE
    due crm.queue_due[];
    requests crm.queue_request[];
BEGIN
    IF crm._outbox_is_paused() THEN
        RETURN;
    END IF;
    -- what is cancelled or held takes nobody's place: look further, for a while
    FOR round IN 1 .. 200 LOOP
        due := ARRAY(SELECT d FROM crm._outbox_due(max_messages, looks) d);
        EXIT WHEN due = '{}';
        requests := crm._outbox_lease_all(due, lease_ms, worker);
        EXIT WHEN requests <> '{}';
    END LOOP;
    RETURN QUERY SELECT * FROM unnest(requests);
END
$$;
COMMENT ON FUNCTION crm._outbox_claim(int, int, int, crm.queue_look[]) IS
    'leases due messages from where each endpoint was looked at last (null: from the beginning) and gives what a '
    'request needs, the address in clear; consent, opt-out, address, expiry and quiet hours are checked once more; '
    'nothing while sending is paused';

CREATE FUNCTION crm._outbox_wakes_in() RETURNS bigint
    LANGUAGE plpgsql STABLE SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET jit = off AS
$$
DECLARE
    next_at timestamptz := (SELECT min((SELECT min(q.due_at) FROM crm.outbox_queue q WHERE q.endpoint = e.endpoint))
            FROM crm.endpoint e WHERE e.is_active);
BEGIN
    -- what is due, and was not taken, is leased, or its endpoint rests
    RETURN CASE WHEN next_at <= crm.core_now() THEN 0
                ELSE ceil(extract(epoch FROM least(next_at, crm.core_now() + interval '1 minute') - crm.core_now()) * 1000) END;
END
$$;
COMMENT ON FUNCTION crm._outbox_wakes_in() IS
    'in how many milliseconds time alone makes a message due, a minute at most; 0: something is due already';

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
    PERFORM crm._alert('outbox.dead', message.endpoint, jsonb_build_object('message_id', message.message_id,
        'reason', _outbox_bury.reason, 'remedy', 'Mend the endpoint, then replay: SELECT crm.outbox_replay(message_id).'));
    IF NOT crm._outbox_may_have_arrived(message.customer_id, message.message_id) THEN
        PERFORM crm._outbox_expect(message, true);
    END IF;
END
$$;
COMMENT ON FUNCTION crm._outbox_bury(crm.message_row, int, text) IS
    'a dead letter, which counts against no cap and has its next channel looked for unless it may have arrived, and '
    'one alert an endpoint until it succeeds again';

CREATE FUNCTION crm._outbox_settle(message crm.message_row, attempt int, outcome text, http_status int, retry_after_s int, detail text) RETURNS void
    LANGUAGE plpgsql AS
$$
DECLARE
    pause int := greatest((crm._setting('outbox.retry_seconds'))::int, retry_after_s);
BEGIN
    PERFORM crm._outbox_note(message.customer_id, message.message_id,
        CASE WHEN outcome = 'uncertain' THEN 'unknown' WHEN outcome IN ('later', 'throttled', 'token') THEN 'failed' ELSE outcome END,
        attempt, nullif(http_status, 0), nullif(detail, ''));
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
        PERFORM crm._alert('outbox.gone', message.endpoint, jsonb_build_object(
            'remedy', 'The receiver answered 410 and wants no more. Define the endpoint anew with crm.outbox_define_endpoint(); what waits goes then.'));
    END IF;
END
$$;
COMMENT ON FUNCTION crm._outbox_settle(crm.message_row, int, text, int, int, text) IS
    'what a result other than sent does to a message: tried again after a pause, or a dead letter; and to its '
    'endpoint, which rests when it asks for it';

-- What was sent, the common case, a statement a step; nested loops keep the order in which queue rows are locked.
CREATE FUNCTION crm._outbox_settle_sent(customer_ids bigint[], message_ids text[], attempts int[], http_statuses int[], details text[]) RETURNS bigint
    LANGUAGE plpgsql AS
$$
DECLARE
    settled bigint;
    waited bigint;
    carriers text[];
BEGIN
    WITH result AS MATERIALIZED (
        SELECT o.customer_id, o.message_id, o.endpoint, o.flow_id, r.attempt, r.http_status, r.detail, ch.receipt_hours
        FROM ROWS FROM (unnest(customer_ids), unnest(message_ids), unnest(attempts), unnest(http_statuses),
                unnest(details)) r (customer_id, message_id, attempt, http_status, detail)
        JOIN crm.outbox o ON o.customer_id = r.customer_id AND o.message_id = r.message_id
        LEFT JOIN crm.channel ch ON ch.channel = o.channel),
    done AS (
        DELETE FROM crm.outbox_queue q USING result r WHERE q.customer_id = r.customer_id AND q.message_id = r.message_id
        RETURNING true),
    noted AS (
        INSERT INTO crm.outbox_event (customer_id, message_id, at, outbox_event_id, kind, attempt, http_status, detail)
        SELECT r.customer_id, r.message_id, crm.core_now(), crm._new_id(), 'sent', r.attempt,
            nullif(r.http_status, 0), nullif(r.detail, '') FROM result r),
    expected AS (
        INSERT INTO crm.fallback_due AS f (customer_id, message_id, due_at, has_failed)
        SELECT r.customer_id, r.message_id, crm.core_now() + make_interval(hours => r.receipt_hours), false FROM result r
        WHERE r.flow_id IS NOT NULL AND r.receipt_hours IS NOT NULL
        ON CONFLICT ON CONSTRAINT fallback_due_pkey DO UPDATE SET due_at = least(f.due_at, excluded.due_at), has_failed = excluded.has_failed)
    SELECT count(*), (SELECT count(*) FROM done), array_agg(DISTINCT r.endpoint) INTO settled, waited, carriers FROM result r;
    IF waited < settled THEN
        -- given up meanwhile, and yet it arrived: nobody is to replay it
        DELETE FROM crm.dead_letter d USING ROWS FROM (unnest(customer_ids), unnest(message_ids)) r (customer_id, message_id)
        WHERE d.customer_id = r.customer_id AND d.message_id = r.message_id;
    END IF;
    UPDATE crm.endpoint e SET failures = 0, broken_until = NULL WHERE e.endpoint = ANY (carriers) AND (e.failures > 0 OR e.broken_until IS NOT NULL);
    PERFORM crm._alert_close('outbox.dead', VARIADIC carriers);
    RETURN settled;
END
$$;
COMMENT ON FUNCTION crm._outbox_settle_sent(bigint[], text[], int[], int[], text[]) IS
    'messages that were sent, sorted by person and id: gone from the queue, noted, a receipt expected where the '
    'channel has them; no dead letters any more if they were given up meanwhile; their endpoints are well';

CREATE FUNCTION crm._outbox_finish(customer_ids bigint[], message_ids text[], attempts int[], outcomes text[], http_statuses int[],
                                   retry_after_s int[], details text[]) RETURNS bigint
    LANGUAGE plpgsql SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_hashjoin = off
        SET enable_mergejoin = off SET jit = off AS
$$
DECLARE
    sent record;
    result record;
    message crm.message_row;
    settled bigint;
BEGIN
    SELECT array_agg(r.customer_id ORDER BY r.customer_id, r.message_id) AS customer_ids,
        array_agg(r.message_id ORDER BY r.customer_id, r.message_id) AS message_ids,
           array_agg(r.attempt ORDER BY r.customer_id, r.message_id) AS attempts,
               array_agg(r.http_status ORDER BY r.customer_id, r.message_id) AS http_statuses,
           array_agg(r.detail ORDER BY r.customer_id, r.message_id) AS details INTO sent
    FROM ROWS FROM (unnest(customer_ids), unnest(message_ids), unnest(attempts), unnest(outcomes), unnest(http_statuses), unnest(details))
         r (customer_id, message_id, attempt, outcome, http_status, detail) WHERE r.outcome = 'sent';
    settled := CASE WHEN sent.customer_ids IS NULL THEN 0
                    ELSE crm._outbox_settle_sent(sent.customer_ids, sent.message_ids, sent.attempts, sent.http_statuses, sent.details) END;
    FOR result IN
        SELECT * FROM unnest(customer_ids, message_ids, attempts, outcomes, http_statuses, retry_after_s, details)
            AS r(customer_id, message_id, attempt, outcome, http_status, retry_after, detail)
        WHERE r.outcome <> 'sent' ORDER BY r.customer_id, r.message_id
    LOOP
        -- a later attempt owns the message once this one's lease has ended
        PERFORM FROM crm.outbox_queue q
        WHERE q.customer_id = result.customer_id AND q.message_id = result.message_id AND q.attempt = result.attempt FOR UPDATE;
        CONTINUE WHEN NOT FOUND;
        SELECT * INTO message FROM crm.outbox o WHERE o.customer_id = result.customer_id AND o.message_id = result.message_id;
        PERFORM crm._outbox_settle(message, result.attempt, result.outcome, result.http_status, result.retry_after, result.detail);
        settled := settled + 1;
    END LOOP;
    RETURN settled;
END
$$;
COMMENT ON FUNCTION crm._outbox_finish(bigint[], text[], int[], text[], int[], int[], text[]) IS
    'writes the results of requests (sent, failed, gone, unknown, refused; of vendors also rejected, later, '
    'throttled, uncertain); returns how many counted';

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
        RAISE EXCEPTION 'there is no such message' USING ERRCODE = 'no_data_found', COLUMN = 'message_id',
            HINT = 'Give the webhook-id as it was sent.';
    END IF;
    RETURN message;
END
$$;
COMMENT ON FUNCTION crm._outbox_find(text) IS
    'the message of an id, which leads to its row by the customer id in it; P0002';

CREATE FUNCTION crm.outbox_receipt(message_id text, kind text, detail text DEFAULT '', idempotency_key text DEFAULT NULL) RETURNS jsonb
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
#variable_conflict use_column
DECLARE
    answer jsonb := crm._idempotency_claim(idempotency_key,
            'outbox_receipt', crm._sha256(convert_to(jsonb_build_array(message_id, kind, detail)::text, 'UTF8')));
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
    IF NOT EXISTS (SELECT FROM crm.outbox_event e WHERE e.customer_id = message.customer_id
            AND e.message_id = message.message_id AND e.kind = outbox_receipt.kind) THEN
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
    'what the provider says of a message: delivered, undelivered, opened, clicked; once a kind; P0002 for an '
    'unknown message, 22023 for an unknown kind';
GRANT EXECUTE ON FUNCTION crm.outbox_receipt(text, text, text, text) TO crm_till, crm_admin, crm_steward;

CREATE FUNCTION crm._outbox_state(customer_id bigint, message_id text) RETURNS text
    LANGUAGE plpgsql STABLE AS
$$
#variable_conflict use_column
DECLARE
    message crm.message_row;
BEGIN
    SELECT * INTO message FROM crm.outbox o WHERE o.customer_id = _outbox_state.customer_id AND o.message_id = _outbox_state.message_id;
    RETURN coalesce((SELECT CASE WHEN q.lease_until > clock_timestamp() THEN 'sending' WHEN q.attempt > 0 THEN 'retry' ELSE 'pending' END
                       FROM crm.outbox_queue q WHERE q.customer_id = message.customer_id AND q.message_id = message.message_id),
                      (SELECT 'dead' FROM crm.dead_letter d WHERE d.customer_id = message.customer_id
                          AND d.message_id = message.message_id AND d.replayed_at IS NULL),
                      (SELECT CASE WHEN e.kind = 'sent' AND c.is_confirmed_by_hand
                                        AND NOT EXISTS (SELECT FROM crm.outbox_event r
                                            WHERE r.customer_id = e.customer_id AND r.message_id = e.message_id
                                                          AND r.kind IN ('delivered', 'undelivered', 'opened',
                                                                      'clicked')) THEN 'awaiting_human'
                                                              ELSE e.kind END
                       FROM crm.outbox_event e LEFT JOIN crm.endpoint p ON p.endpoint = message.endpoint
                           LEFT JOIN crm.connector c ON c.connector = p.connector
                       WHERE e.customer_id = message.customer_id AND e.message_id = message.message_id
                         AND e.kind IN ('sent', 'cancelled') ORDER BY e.at DESC, e.outbox_event_id DESC LIMIT 1), 'pending');
END
$$;
COMMENT ON FUNCTION crm._outbox_state(bigint, text) IS
    'how it stands with a message: pending, sending, retry, awaiting_human, sent, cancelled, dead';

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
        'state', crm._outbox_state(message.customer_id, message.message_id),
        'events', (SELECT coalesce(jsonb_agg(jsonb_build_object('at', e.at, 'kind', e.kind, 'attempt', e.attempt,
                                             'http_status', e.http_status, 'detail', e.detail)
                                             ORDER BY e.at, e.outbox_event_id), '[]')
                   FROM crm.outbox_event e WHERE e.customer_id = message.customer_id AND e.message_id = message.message_id));
END
$$;
COMMENT ON FUNCTION crm.outbox_state(text) IS
    'the state of a message and all that happened to it; P0002 when unknown or outside of the caller''s scope';
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
        RAISE EXCEPTION 'message is no dead letter' USING ERRCODE = 'RM702', COLUMN = 'message_id',
            HINT = 'Only dead letters are replayed; see its state.';
    END IF;
    INSERT INTO crm.outbox_queue (customer_id, message_id, endpoint, due_at)
        VALUES (message.customer_id, message.message_id, message.endpoint, crm.core_now());
    UPDATE crm.contact_cap c SET sent_at = array_append(c.sent_at, message.due_at)
    WHERE message.is_marketing AND message.due_at <> ALL (c.sent_at) AND c.cap_key = crm._outbox_cap_key(message.channel, message.address_hash);
    PERFORM crm._outbox_note(message.customer_id, message.message_id, 'replayed', detail => crm._actor());
    PERFORM crm._audit('replay', 'message', message.customer_id, NULL, NULL, message.message_id);
    PERFORM crm._worker_wake_for(crm.core_now());
    answer := jsonb_build_object('message_id', message.message_id, 'state', 'pending');
    PERFORM crm._idempotency_store(idempotency_key, answer);
    RETURN answer;
END
$$;
COMMENT ON FUNCTION crm.outbox_replay(text, text) IS
    'puts a dead letter back into the queue, with its id; RM702 (409) when it is none, P0002 when unknown';
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
        PERFORM crm._alert_close('outbox.paused', 'outbox');
        PERFORM crm._audit('resume', 'outbox', NULL, NULL, known.paused_reason, 'sending');
        PERFORM crm._worker_wake_for('-infinity');
    END IF;
    RETURN jsonb_build_object(
        'was_paused', paused, 'reason', known.paused_reason, 'resumed', paused AND confirm,
        'waiting', (SELECT count(*) FROM crm.outbox_queue),
        'may_repeat', (SELECT count(*) FROM crm.outbox_queue q WHERE q.attempt > 0),
        'newest_message_at', (SELECT max(o.created_at) FROM crm.outbox o),
        'advice', CASE WHEN paused AND NOT confirm
            THEN 'Messages that left after the moment recovered to are unknown here and would leave again with the same id. Ask the receivers, then run crm.outbox_resume(true).'
                END);
END
$$;
COMMENT ON FUNCTION crm.outbox_resume(boolean) IS
    'after a point-in-time recovery, a failover or a restore sending waits: without confirmation shows what waits '
    'and what may repeat, with it goes on';
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
          AND NOT EXISTS (SELECT FROM crm.outbox_event e WHERE e.customer_id = o.customer_id
              AND e.message_id = o.message_id AND e.kind IN ('sent', 'cancelled', 'dead'))
        UNION ALL
        SELECT c.what, c.expected, c.found FROM crm._outbox_check_consents() c;
END
$$;
COMMENT ON FUNCTION crm.outbox_check() IS
    'messages that are neither waiting nor ended, and consents that are not kept as their records say; none: all is '
    'well';
