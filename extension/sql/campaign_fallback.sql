-- campaign_fallback: a message that failed, or of which nobody said that it arrived, is followed by one on the
-- flow's next channel: each channel once, and none when the first arrived after all.

CREATE FUNCTION crm._campaign_fall_back(message crm.message_row, has_failed boolean) RETURNS text
    LANGUAGE plpgsql AS
$$
#variable_conflict use_variable
DECLARE
    person bigint := crm._identity_current(message.customer_id);
    ids bigint[] := crm._campaign_ids(person);
    flow crm.flow_row;
    before record;
    rest jsonb;
    reach crm.gate_reach;
    zone text := crm._campaign_zone(person);
    due_at timestamptz;
    next_id text;
    stopper text;
    is_new boolean;
BEGIN
    PERFORM FROM crm.customer c WHERE c.customer_id = person AND c.status = 'active' FOR UPDATE;
    SELECT * INTO flow FROM crm.flow f WHERE f.flow_id = message.flow_id;
    IF NOT FOUND OR flow.state <> 'active' THEN
        RETURN 'flow is not active';
    END IF;
    SELECT o.variant, v.spec INTO before FROM crm.occurrence o LEFT JOIN crm.flow_version v ON v.flow_id = o.flow_id AND v.version = o.flow_version
    WHERE o.customer_id = ANY (ids) AND o.flow_id = message.flow_id AND o.occurrence_key = message.occurrence_key
        AND o.epoch >= 0 ORDER BY o.fired_at DESC LIMIT 1;
    flow := crm._campaign_as_variant(crm._campaign_as_of(flow, before.spec, message.occurrence_key, message.created_at), before.variant);
    -- the channels behind the one that failed, in the flow's order
    SELECT jsonb_agg(c.value ORDER BY c.n) INTO rest
    FROM jsonb_array_elements_text(flow.spec -> 'channels') WITH ORDINALITY c (value, n)
    WHERE c.n > (SELECT max(d.n) FROM jsonb_array_elements_text(flow.spec -> 'channels') WITH ORDINALITY d (value, n)
            WHERE d.value = message.channel);
    IF rest IS NULL OR message.expires_at <= crm.core_now() THEN
        RETURN CASE WHEN rest IS NULL THEN 'no other channel' ELSE 'too late' END;
    END IF;
    stopper := (crm._campaign_stopped_since(flow, ARRAY[person], ARRAY[crm._campaign_own_key(message.occurrence_key)], message.created_at))[1];
    IF stopper IS NOT NULL THEN
        RETURN stopper;
    END IF;
    reach := crm._campaign_channel(jsonb_populate_record(flow,
                jsonb_build_object('spec', flow.spec || jsonb_build_object('channels', rest))), person);
    IF reach.channel IS NULL THEN
        RETURN reach.reason;
    END IF;
    due_at := crm._outbox_quiet_until(crm._campaign_quiet(flow, zone), crm.core_now());
    IF has_failed THEN
        -- its place was given back when it died: it is taken again, if it is still there
        PERFORM crm._campaign_lock_addresses(ARRAY[reach]);
        stopper := crm._campaign_cap(flow, crm._identity_cluster(person), reach.channel, reach.address_hash, due_at, zone);
        IF stopper IS NOT NULL THEN
            RETURN stopper;
        END IF;
    END IF;
    next_id := person || '-' || encode(crm._keyed_hash('message', convert_to(concat_ws(E'\x1f', message.message_id, reach.channel), 'UTF8')), 'hex');
    is_new := crm._outbox_put(person, next_id, reach.channel, flow.flow_id, message.occurrence_key, true,
            crm._campaign_message(flow, person, reach.channel,
                (SELECT ROW(k.customer_id, k.coupon_id, k.code, k.value, k.valid_until)::crm.coupon_ref FROM crm.coupon k
                 WHERE k.customer_id = ANY (ids) AND k.flow_id = flow.flow_id
                         AND k.occurrence_key = message.occurrence_key ORDER BY k.issued_at DESC LIMIT 1), zone,
                     next_id)
            || jsonb_build_object('fallback_of', message.message_id) || CASE WHEN has_failed THEN '{}' ELSE '{"is_second": true}' END::jsonb,
            due_at, message.expires_at, reach.address_hash, crm._campaign_quiet(flow, zone));
    IF is_new THEN
        PERFORM crm._campaign_put_links(flow, ARRAY[person], ARRAY[next_id]);
    END IF;
    IF is_new AND has_failed THEN
        PERFORM crm._outbox_count_one(reach.channel, reach.address_hash, due_at);
    END IF;
    RETURN reach.channel || ' ' || next_id;
END
$$;
COMMENT ON FUNCTION crm._campaign_fall_back(crm.message_row, boolean) IS
    'puts the message of an occurrence on the next channel, of the version it fired under, that reaches the person, '
    'with the same coupon; or says why not: flow, time, goal, consent, cap';

CREATE FUNCTION crm._campaign_fallback() RETURNS bigint
    LANGUAGE plpgsql AS
$$
DECLARE
    due record;
    message crm.message_row;
    done int := 0;
BEGIN
    -- the oldest first, but persons ascending, as everybody locks them
    FOR due IN SELECT o.* FROM (SELECT f.* FROM crm.fallback_due f WHERE f.due_at <= crm.core_now() ORDER BY f.due_at
            LIMIT 200 FOR UPDATE SKIP LOCKED) o
               ORDER BY crm._identity_current(o.customer_id) LOOP
        SELECT * INTO message FROM crm.outbox o WHERE o.customer_id = due.customer_id AND o.message_id = due.message_id;
        IF FOUND THEN
            PERFORM crm._outbox_note(due.customer_id, due.message_id, 'fallback', detail => crm._campaign_fall_back(message, due.has_failed));
        END IF;
        DELETE FROM crm.fallback_due f WHERE f.customer_id = due.customer_id AND f.message_id = due.message_id;
        done := done + 1;
    END LOOP;
    RETURN CASE WHEN done = 200 THEN (SELECT count(*) FROM crm.fallback_due f WHERE f.due_at <= crm.core_now()) ELSE 0 END;
END
$$;
COMMENT ON FUNCTION crm._campaign_fallback() IS
    'job: the next channel for messages that failed or have no receipt in time, 200 at once; what came of it is '
    'noted at the first message';
