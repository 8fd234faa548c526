-- outbox_limit: what endpoints, persons and addresses bear, and what is done when a channel does not answer.

CREATE FUNCTION crm._outbox_allowance(endpoint text) RETURNS int
    LANGUAGE plpgsql AS
$$
DECLARE
    most int;
    left_over numeric;
BEGIN
    SELECT coalesce(e.per_minute, c.per_minute),
           coalesce(e.bucket, coalesce(e.per_minute, c.per_minute))
             + coalesce(e.per_minute, c.per_minute) * greatest(extract(epoch FROM clock_timestamp() - e.bucket_at), 0) / 60.0
    INTO most, left_over
    FROM crm.endpoint e JOIN crm.connector c ON c.connector = e.connector WHERE e.endpoint = _outbox_allowance.endpoint;
    RETURN CASE WHEN most IS NOT NULL THEN floor(least(coalesce(left_over, most), most)) END;
END
$$;
COMMENT ON FUNCTION crm._outbox_allowance(text) IS
    'how many messages may leave through an endpoint now: a bucket that fills with per_minute a minute and holds as '
    'many; null: no limit';

CREATE FUNCTION crm._outbox_spend(endpoint text, messages int) RETURNS void
    LANGUAGE plpgsql AS
$$
BEGIN
    UPDATE crm.endpoint e
    SET bucket = least(coalesce(e.bucket, l.most) + l.most
            * coalesce(greatest(extract(epoch FROM clock_timestamp() - e.bucket_at), 0), 0) / 60.0,
            l.most) - messages,
        bucket_at = clock_timestamp()
    FROM (SELECT x.endpoint, coalesce(x.per_minute, c.per_minute) AS most FROM crm.endpoint x JOIN crm.connector c ON c.connector = x.connector) l
    WHERE e.endpoint = _outbox_spend.endpoint AND l.endpoint = e.endpoint AND l.most IS NOT NULL AND messages > 0;
END
$$;
COMMENT ON FUNCTION crm._outbox_spend(text, int) IS 'takes messages out of an endpoint''s bucket';

CREATE FUNCTION crm._outbox_address_free_at(channel text, address_hash bytea) RETURNS timestamptz
    LANGUAGE plpgsql STABLE AS
$$
DECLARE
    most int := (SELECT ch.address_day_cap FROM crm.channel ch WHERE ch.channel = _outbox_address_free_at.channel);
    moments timestamptz[];
BEGIN
    IF most IS NULL THEN
        RETURN NULL;
    END IF;
    SELECT ARRAY(SELECT t FROM unnest(r.left_at) t WHERE t > crm.core_now() - interval '24 h' ORDER BY t DESC) INTO moments
    FROM crm.address_rate r WHERE r.channel = _outbox_address_free_at.channel AND r.address_hash = _outbox_address_free_at.address_hash;
    RETURN CASE WHEN coalesce(cardinality(moments), 0) >= most THEN moments[most] + interval '24 h' END;
END
$$;
COMMENT ON FUNCTION crm._outbox_address_free_at(text, bytea) IS
    'when an address may have a message of a channel again by its address_day_cap; null: now';

CREATE FUNCTION crm._outbox_address_used(channel text, address_hash bytea) RETURNS void
    LANGUAGE plpgsql AS
$$
BEGIN
    INSERT INTO crm.address_rate AS r (channel, address_hash, left_at)
    SELECT ch.channel, _outbox_address_used.address_hash, ARRAY[crm.core_now()] FROM crm.channel ch
    WHERE ch.channel = _outbox_address_used.channel AND ch.address_day_cap IS NOT NULL AND _outbox_address_used.address_hash IS NOT NULL
    ON CONFLICT ON CONSTRAINT address_rate_pkey DO UPDATE
    SET left_at = ARRAY(SELECT t FROM unnest(r.left_at) t WHERE t > crm.core_now() - interval '24 h') || crm.core_now();
END
$$;
COMMENT ON FUNCTION crm._outbox_address_used(text, bytea) IS
    'notes that a message goes to an address, on channels that have an address_day_cap';

CREATE FUNCTION crm._outbox_month_is_full(channel text, persons bigint[]) RETURNS boolean
    LANGUAGE plpgsql STABLE AS
$$
DECLARE
    most int := (SELECT ch.monthly_cap FROM crm.channel ch WHERE ch.channel = _outbox_month_is_full.channel);
    zone text := crm._setting('core.time_zone') #>> '{}';
BEGIN
    RETURN most IS NOT NULL AND most <= (
        SELECT count(*) FROM crm._outbox_counted(persons,
                date_trunc('month', crm.core_now() AT TIME ZONE zone) AT TIME ZONE zone - interval '1 microsecond',
                'infinity') c
        WHERE c.channel = _outbox_month_is_full.channel);
END
$$;
COMMENT ON FUNCTION crm._outbox_month_is_full(text, bigint[]) IS
    'whether a person, under all ids, has had as many messages of a channel this calendar month as it allows, by '
    'crm._outbox_counted()';

CREATE FUNCTION crm._outbox_expect(message crm.message_row, has_failed boolean) RETURNS void
    LANGUAGE plpgsql AS
$$
BEGIN
    INSERT INTO crm.fallback_due AS f (customer_id, message_id, due_at, has_failed)
    SELECT message.customer_id, message.message_id, crm.core_now() + CASE
        WHEN _outbox_expect.has_failed THEN interval '0' ELSE make_interval(hours => ch.receipt_hours) END,
        _outbox_expect.has_failed
    FROM crm.channel ch
    WHERE message.flow_id IS NOT NULL AND ch.channel = message.channel AND (_outbox_expect.has_failed OR ch.receipt_hours IS NOT NULL)
    ON CONFLICT ON CONSTRAINT fallback_due_pkey DO UPDATE SET due_at = least(f.due_at, excluded.due_at), has_failed = excluded.has_failed;
END
$$;
COMMENT ON FUNCTION crm._outbox_expect(crm.message_row, boolean) IS
    'a flow''s message that failed has its next channel looked for at once; one that left, after receipt_hours of '
    'its channel without a receipt';

CREATE FUNCTION crm._outbox_arrived(message crm.message_row) RETURNS void
    LANGUAGE plpgsql AS
$$
#variable_conflict use_column
DECLARE
    waiting crm.queue_ref[];
BEGIN
    DELETE FROM crm.fallback_due f WHERE f.customer_id = message.customer_id AND f.message_id = message.message_id;
    SELECT coalesce(array_agg(w.ref), '{}') INTO waiting
    FROM (SELECT ROW(q.customer_id, q.message_id, q.attempt)::crm.queue_ref AS ref
          FROM crm.outbox_queue q JOIN crm.outbox o USING (customer_id, message_id)
          WHERE q.customer_id = message.customer_id AND o.body ->> 'fallback_of' = message.message_id
              AND (q.lease_until IS NULL OR q.lease_until < clock_timestamp())
          ORDER BY q.customer_id, q.message_id FOR UPDATE OF q) w;
    PERFORM crm._outbox_cancel(waiting, 'the first has arrived');
END
$$;
COMMENT ON FUNCTION crm._outbox_arrived(crm.message_row) IS
    'a receipt came: no other channel is tried, and one that waits is cancelled';

CREATE FUNCTION crm.outbox_set_limits(channel text, limits jsonb) RETURNS jsonb
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
#variable_conflict use_column
DECLARE
    wrong text;
BEGIN
    SELECT CASE WHEN jsonb_typeof(limits) IS DISTINCT FROM 'object' THEN 'limits'
                ELSE (SELECT e.key FROM jsonb_each(limits) e
                      WHERE e.key NOT IN ('monthly_cap', 'address_day_cap', 'receipt_hours')
                         OR NOT (jsonb_typeof(e.value) = 'null' OR (e.value::text ~ '^[0-9]{1,4}$' AND e.value::text::int BETWEEN 1 AND 1000))
                      ORDER BY e.key LIMIT 1) END INTO wrong;
    IF wrong IS NOT NULL THEN
        RAISE EXCEPTION 'limit "%" of a channel is wrong', wrong USING ERRCODE = 'invalid_parameter_value', COLUMN = wrong,
            HINT = 'Limits are monthly_cap, address_day_cap, receipt_hours: 1 to 1000, or null for none.';
    END IF;
    UPDATE crm.channel ch SET
        monthly_cap = CASE WHEN limits ? 'monthly_cap' THEN (limits ->> 'monthly_cap')::int ELSE ch.monthly_cap END,
        address_day_cap = CASE WHEN limits ? 'address_day_cap' THEN (limits ->> 'address_day_cap')::int ELSE ch.address_day_cap END,
        receipt_hours = CASE WHEN limits ? 'receipt_hours' THEN (limits ->> 'receipt_hours')::int ELSE ch.receipt_hours END
    WHERE ch.channel = outbox_set_limits.channel;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no channel "%"', channel USING ERRCODE = 'no_data_found', COLUMN = 'channel', HINT = 'See crm.channel.';
    END IF;
    PERFORM crm._audit('define', 'channel', NULL, 'limits', NULL, limits::text, channel);
    RETURN (SELECT to_jsonb(ch) FROM crm.channel ch WHERE ch.channel = outbox_set_limits.channel);
END
$$;
COMMENT ON FUNCTION crm.outbox_set_limits(text, jsonb) IS
    'what a channel bears: monthly_cap (messages a person and calendar month), address_day_cap (an address in 24 '
    'h), receipt_hours (then the flow''s next channel); null lifts one, those not named stay; 22023, P0002';
GRANT EXECUTE ON FUNCTION crm.outbox_set_limits(text, jsonb) TO crm_marketer, crm_headquarters, crm_admin;

CREATE FUNCTION crm.outbox_channels() RETURNS SETOF jsonb
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
BEGIN
    RETURN QUERY
        -- an endpoint may carry several channels: each has what is its own
        WITH waiting AS (SELECT o.channel, count(*) AS messages FROM crm.outbox_queue q JOIN crm.outbox o
                USING (customer_id, message_id) GROUP BY o.channel)
        SELECT jsonb_build_object('channel', ch.channel, 'name_zh', ch.name_zh, 'name_en', ch.name_en,
            'endpoint', ch.endpoint, 'connector', e.connector,
            'state', CASE WHEN ch.identifier_kind IS NULL THEN 'own' WHEN e.endpoint IS NULL THEN 'none'
                WHEN NOT e.is_active THEN 'off' WHEN e.broken_until > clock_timestamp() THEN 'rests' ELSE 'works' END,
            'rests_until', CASE WHEN e.broken_until > clock_timestamp() THEN e.broken_until END,
            'waiting', coalesce(w.messages, 0),
            'dead', (SELECT count(*) FROM crm.dead_letter d JOIN crm.outbox o ON o.customer_id = d.customer_id
                    AND o.message_id = d.message_id WHERE d.replayed_at IS NULL AND o.channel = ch.channel),
            'monthly_cap', ch.monthly_cap, 'address_day_cap', ch.address_day_cap, 'receipt_hours', ch.receipt_hours)
        FROM crm.channel ch LEFT JOIN crm.endpoint e ON e.endpoint = ch.endpoint LEFT JOIN waiting w ON w.channel = ch.channel
        ORDER BY ch.identifier_kind IS NULL, ch.endpoint IS NULL, ch.channel;
END
$$;
COMMENT ON FUNCTION crm.outbox_channels() IS
    'every channel: which endpoint carries it and how that is (works; rests after failures, until when; off; none '
    'carries it; own: needs none), what waits, what died, and its limits';
GRANT EXECUTE ON FUNCTION crm.outbox_channels() TO crm_marketer, crm_headquarters, crm_admin;

CREATE FUNCTION crm._outbox_says_stop(said text) RETURNS boolean
    LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
$$
    -- a keyword alone, with the words people put around it; or a short sentence that asks for it, unless it says that
    -- it does not
    SELECT x.plain ~ '^(请?回复?)?(T|TD|R|N|QX|STOPALL|0000)(退订)?$'
        OR x.plain ~ '^(PLEASE)?(STOP|UNSUBSCRIBE|CANCEL|END|QUIT)(ALL|ME|IT|SENDING|TEXTING|MESSAGES|PLEASE|THANKS)*$'
        OR length(x.plain) <= 30
            AND x.plain ~ '退订|拒收|取消订阅|(不要|不用|别|勿|停止)(再|给我|继续)*(发(?!错|货|票|到)|推送|打扰|骚扰)'
            AND x.plain !~ '不(想|要|会|用|是)?(退订|拒收|取消订阅)|不要停'
    FROM (SELECT upper(regexp_replace(normalize(coalesce(said, ''), NFKC), '[\s.,!?。,!?、]+', '', 'g')) AS plain) x
$$;
COMMENT ON FUNCTION crm._outbox_says_stop(text) IS
    'whether an answer to a message closes the channel: T, TD, R, N, STOP, "stop all", 退订, "T退订", or a short '
    'sentence that asks for it (我要退订, 请勿再发, 别再打扰); full-width letters count as others, spaces and stops '
    'as none';

CREATE FUNCTION crm.outbox_inbound(channel text, address text, said text, idempotency_key text DEFAULT NULL, namespace text DEFAULT '') RETURNS jsonb
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
BEGIN
    IF crm._outbox_says_stop(said) THEN
        RETURN crm.outbox_opt_out(channel, address, left(said, 500), idempotency_key, namespace);
    END IF;
    -- an answer to a channel that is none is a mistake of the caller's, whatever it says
    PERFORM crm._outbox_normal_address(channel, address);
    RETURN jsonb_build_object('channel', channel, 'closed', false);
END
$$;
COMMENT ON FUNCTION crm.outbox_inbound(text, text, text, text, text) IS
    'what a person answered to a message, as the provider tells it: one that says stop (TD, STOP, 退订 ...) closes '
    'the channel before the next send; others change nothing; 22023 for an address that fits no channel';
GRANT EXECUTE ON FUNCTION crm.outbox_inbound(text, text, text, text, text) TO crm_till, crm_admin, crm_steward;
