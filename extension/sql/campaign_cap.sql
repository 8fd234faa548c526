-- campaign_cap: how many messages a person and an address bear.  A flow's own cap counts all messages of flows: an
-- address's by its counter, a person's in the outbox; caps of the house count a person's messages of a channel, or of
-- flows of a tag, in the outbox.
--
-- Locks: whoever asks holds the person and the address's counter, so that two cannot both be the last one allowed.

CREATE FUNCTION crm._campaign_span(per text, days int, at timestamptz, zone text, OUT after timestamptz, OUT before timestamptz)
    LANGUAGE plpgsql STABLE AS
$$
DECLARE
    shift interval := CASE per WHEN 'week' THEN make_interval(days => (crm._setting('value.week_start_isodow'))::int - 1) ELSE interval '0' END;
    start timestamp;
BEGIN
    IF per IS NULL THEN
        after := at - make_interval(days => days);
        before := 'infinity';
        RETURN;
    END IF;
    start := date_trunc(per, (at AT TIME ZONE zone) - shift) + shift;
    after := start AT TIME ZONE zone - interval '1 microsecond';
    before := (start + ('1 ' || per)::interval) AT TIME ZONE zone;
END
$$;
COMMENT ON FUNCTION crm._campaign_span(text, int, timestamptz, text) IS
    'what lies between counts with a moment: so many rolling days before it and all after, or the day, week (from '
    'value.week_start_isodow) or month it lies in by a zone''s clock';

CREATE FUNCTION crm._campaign_cap_words(spec jsonb) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
$$ SELECT CASE WHEN spec ? 'cap_per' THEN format('%s a %s to this', spec ->> 'cap_messages', spec ->> 'cap_per')
    ELSE format('%s in %s days to this', spec ->> 'cap_messages', spec ->> 'cap_days') END $$;
COMMENT ON FUNCTION crm._campaign_cap_words(jsonb) IS 'a flow''s cap in words, as far as address or person';

CREATE FUNCTION crm._campaign_house_cap(flow crm.flow_row, ids bigint[], channel text, at timestamptz, zone text) RETURNS text
    LANGUAGE plpgsql STABLE AS
$$
DECLARE
    house record;
    span record;
    sent int;
BEGIN
    FOR house IN SELECT * FROM crm.message_cap c
                 WHERE (c.channel IS NULL OR c.channel = _campaign_house_cap.channel)
                     AND (c.tag IS NULL OR c.tag = flow.spec ->> 'tag') ORDER BY c.cap LOOP
        SELECT * INTO span FROM crm._campaign_span(house.per, house.days, at, zone);
        SELECT count(*) INTO sent FROM crm._outbox_counted(ids, span.after, span.before) o LEFT JOIN crm.flow f ON f.flow_id = o.flow_id
        WHERE o.is_marketing AND (house.channel IS NULL OR o.channel = house.channel) AND (house.tag IS NULL OR f.spec ->> 'tag' = house.tag);
        IF sent >= house.messages THEN
            RETURN format('superseded: %s of %s by the cap "%s"', sent, house.messages, house.cap);
        END IF;
    END LOOP;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION crm._campaign_house_cap(crm.flow_row, bigint[], text, timestamptz, text) IS
    'which cap of the house stops a message of a flow on a channel at a moment, by crm._outbox_counted(); null: none';

CREATE FUNCTION crm._campaign_cap_json(cap text) RETURNS jsonb
    LANGUAGE plpgsql STABLE AS
$$
BEGIN
    RETURN (SELECT jsonb_strip_nulls(jsonb_build_object('cap', c.cap, 'messages', c.messages, 'days', c.days,
            'per', c.per, 'channel', c.channel, 'tag', c.tag))
            FROM crm.message_cap c WHERE c.cap = _campaign_cap_json.cap);
END
$$;
COMMENT ON FUNCTION crm._campaign_cap_json(text) IS 'a cap of the house as the API shows it';

CREATE FUNCTION crm.campaign_caps() RETURNS SETOF jsonb
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$ BEGIN RETURN QUERY SELECT crm._campaign_cap_json(c.cap) FROM crm.message_cap c ORDER BY c.cap; END $$;
COMMENT ON FUNCTION crm.campaign_caps() IS 'the caps of the house, which hold for every flow beside its own';
GRANT EXECUTE ON FUNCTION crm.campaign_caps() TO crm_manager, crm_marketer, crm_analyst, crm_headquarters;

CREATE FUNCTION crm.campaign_set_cap(cap text, rule jsonb, idempotency_key text DEFAULT NULL) RETURNS jsonb
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
#variable_conflict use_column
DECLARE
    answer jsonb := crm._idempotency_claim(idempotency_key, 'campaign_set_cap', crm._sha256(convert_to(jsonb_build_array(cap, rule)::text, 'UTF8')));
    wrong text;
BEGIN
    IF answer IS NOT NULL THEN
        RETURN answer;
    END IF;
    SELECT f.field INTO wrong FROM (VALUES
        (1, 'cap', coalesce(cap, '') ~ '^[a-z][a-z0-9_]{0,62}$'),
        (2, 'rule', coalesce(jsonb_typeof(rule), 'object') = 'object' AND NOT EXISTS (
            SELECT FROM jsonb_object_keys(CASE jsonb_typeof(rule) WHEN 'object' THEN rule ELSE '{}' END) k
                WHERE k NOT IN ('messages', 'days', 'per', 'channel', 'tag'))),
        (3, 'messages', rule IS NULL OR coalesce(crm._campaign_whole(rule -> 'messages', 1, 99), false)),
        (4, 'days', rule IS NULL OR (rule ? 'days') <> (rule ? 'per')),
        (5, 'days', NOT coalesce(rule ? 'days', false) OR crm._campaign_whole(rule -> 'days', 1, 366)),
        (6, 'per', NOT coalesce(rule ? 'per', false) OR coalesce(rule ->> 'per' IN ('day', 'week', 'month'), false)),
        (7, 'channel', NOT coalesce(rule ? 'channel', false) OR EXISTS (SELECT FROM crm.channel h WHERE h.channel = rule ->> 'channel')),
        (8, 'tag', NOT coalesce(rule ? 'tag', false) OR coalesce(rule ->> 'tag' ~ '^[a-z][a-z0-9_]{0,31}$', false))) f (n, field, is_good)
    WHERE f.is_good IS NOT TRUE ORDER BY f.n LIMIT 1;
    IF wrong IS NOT NULL THEN
        RAISE EXCEPTION 'this is no cap: %', wrong USING ERRCODE = 'invalid_parameter_value', COLUMN = wrong,
            HINT = 'Give {"messages": 1 to 99, "per": "day", "week" or "month"} or {"messages", "days": 1 to 366}, with a "channel" or a "tag" if it is for that alone; null takes it away.';
    END IF;
    DELETE FROM crm.message_cap c WHERE c.cap = campaign_set_cap.cap;
    IF rule IS NOT NULL THEN
        INSERT INTO crm.message_cap (cap, messages, days, per, channel, tag)
        VALUES (campaign_set_cap.cap, (rule ->> 'messages')::int, (rule ->> 'days')::int, rule ->> 'per', rule ->> 'channel', rule ->> 'tag');
    END IF;
    PERFORM crm._audit('edit', 'message_cap', NULL, 'rule', NULL, rule::text, campaign_set_cap.cap);
    answer := coalesce(crm._campaign_cap_json(campaign_set_cap.cap), jsonb_build_object('cap', campaign_set_cap.cap, 'is_gone', true));
    PERFORM crm._idempotency_store(idempotency_key, answer);
    RETURN answer;
END
$$;
COMMENT ON FUNCTION crm.campaign_set_cap(text, jsonb, text) IS
    'how many messages of flows a person gets in so many rolling days, or a day, week or month of the person''s '
    'zone, of all, of a channel, or of flows of a tag; null takes a cap away; counts what was sent before, too; '
    '22023; audited';
GRANT EXECUTE ON FUNCTION crm.campaign_set_cap(text, jsonb, text) TO crm_marketer, crm_headquarters;
