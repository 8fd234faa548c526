-- ingest_code: a store's code that customers scan with their own phones.  Nobody is signed in, so nothing is told:
-- who is known already gets the same answer, and neither a name nor a refusal to be written to is changed by it.

CREATE FUNCTION crm.ingest_make_store_code(store text DEFAULT NULL, days int DEFAULT NULL, channel text DEFAULT 'store') RETURNS jsonb
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
DECLARE
    most int := (crm._setting('ingest.store_code_days') #>> '{}')::int;
    wanted text := coalesce(store, crm._ingest_console_store());
    place record;
    code text := translate(encode(crm._random_bytes(18), 'base64'), '+/', '-_');
    until timestamptz;
BEGIN
    SELECT s.store_id, s.code, s.name INTO place FROM crm.store s
    WHERE s.code = wanted AND (crm._actor_role() = 'crm_headquarters' OR s.store_id = ANY (crm.access_store_ids()));
    IF place.store_id IS NULL THEN
        RAISE EXCEPTION 'there is no such store in your scope' USING ERRCODE = 'no_data_found', COLUMN = 'store', HINT = 'Name a store of yours.';
    ELSIF coalesce(days, 1) NOT BETWEEN 1 AND most THEN
        RAISE EXCEPTION 'a code cannot be valid so long' USING ERRCODE = 'invalid_parameter_value', COLUMN = 'days',
            HINT = format('Give 1 to %s days.', most);
    ELSIF coalesce(channel, '') !~ '^[a-z_]{1,20}$' THEN
        RAISE EXCEPTION 'a code is shown on a channel' USING ERRCODE = 'invalid_parameter_value', COLUMN = 'channel',
            HINT = 'Give store, wechat, miniprogram, douyin or another in small letters.';
    END IF;
    until := crm.core_now() + make_interval(days => coalesce(days, most));
    INSERT INTO crm.store_code (code_hash, store_id, channel, made_by, made_at, expires_at, hour_starts)
    VALUES (crm._sha256(convert_to(code, 'UTF8')), place.store_id, channel, crm._actor(), crm.core_now(), until, crm.core_now());
    PERFORM crm._audit('store_code', 'store', place.store_id, NULL, NULL, until::text);
    RETURN jsonb_build_object('code', code, 'store', place.code, 'store_name', place.name, 'channel', channel, 'expires_at', until);
END
$$;
COMMENT ON FUNCTION crm.ingest_make_store_code(text, int, text) IS
    'a new code by which customers enrol themselves in a store of the caller (default the only one), by way of a '
    'channel (store, wechat ...), valid 1 to ingest.store_code_days days; shown this once, audited; P0002, 22023';

CREATE FUNCTION crm.ingest_end_store_codes(store text) RETURNS bigint
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
DECLARE
    ended bigint;
BEGIN
    UPDATE crm.store_code c SET ended_at = crm.core_now()
    FROM crm.store s
    WHERE s.store_id = c.store_id AND s.code = ingest_end_store_codes.store AND c.ended_at IS NULL AND c.expires_at > crm.core_now()
      AND (crm._actor_role() = 'crm_headquarters' OR s.store_id = ANY (crm.access_store_ids()));
    GET DIAGNOSTICS ended = ROW_COUNT;
    PERFORM crm._audit('store_code', 'store', (SELECT s.store_id FROM crm.store s WHERE s.code = ingest_end_store_codes.store), NULL, NULL, 'ended');
    RETURN ended;
END
$$;
COMMENT ON FUNCTION crm.ingest_end_store_codes(text) IS
    'ends every code of a store of the caller''s at once; how many; audited';

CREATE FUNCTION crm._ingest_open_code(code text) RETURNS record
    LANGUAGE plpgsql AS
$$
DECLARE
    found record;
BEGIN
    SELECT c.* INTO found FROM crm.store_code c
    WHERE c.code_hash = crm._sha256(convert_to(coalesce(code, ''), 'UTF8')) AND c.ended_at IS NULL AND c.expires_at > crm.core_now();
    IF found.store_id IS NULL THEN
        RAISE EXCEPTION 'this code is not valid any more' USING ERRCODE = 'no_data_found', COLUMN = 'code', HINT = 'Ask in the store for a new one.';
    END IF;
    RETURN found;
END
$$;
COMMENT ON FUNCTION crm._ingest_open_code(text) IS 'the row of a store''s code that is valid now; P0002';

CREATE FUNCTION crm.ingest_store_of_code(code text) RETURNS jsonb
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
DECLARE
    place record := crm._ingest_open_code(code);
BEGIN
    RETURN (SELECT jsonb_build_object('store_name', s.name, 'city', s.city, 'needs_check', crm._ingest_needs_check())
        FROM crm.store s WHERE s.store_id = place.store_id);
END
$$;
COMMENT ON FUNCTION crm.ingest_store_of_code(text) IS
    'name and city of the store whose code it is, and whether a phone is sent a code to prove itself, for whoever '
    'holds the code; P0002 when it is not valid any more';

CREATE FUNCTION crm.ingest_enrol_by_code(code text, name text, phone text, birthday text DEFAULT NULL,
                                         consents text[] DEFAULT '{}', user_agent text DEFAULT '',
                                         sms_code text DEFAULT NULL) RETURNS jsonb
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
DECLARE
    place record := crm._ingest_open_code(code);
    store text := (SELECT s.code FROM crm.store s WHERE s.store_id = place.store_id);
    number text := crm._ingest_own_phone(phone);
    id text;
    is_known boolean;
    answer jsonb;
    channel text;
    used int;
    shown text := format('store code of %s, the customer''s own phone: %s', store, left(coalesce(user_agent, ''), 200));
BEGIN
    IF coalesce(btrim(name), '') = '' OR length(name) > 100 THEN
        RAISE EXCEPTION 'a member needs a name' USING ERRCODE = 'invalid_parameter_value', COLUMN = 'name', HINT = 'Give 1 to 100 characters.';
    END IF;
    PERFORM crm._ingest_require_birthday(birthday);
    answer := CASE WHEN crm._ingest_needs_check() THEN crm._ingest_spend_check(number, sms_code) END;
    IF answer IS NOT NULL THEN
        RETURN answer;
    END IF;
    UPDATE crm.store_code c SET hour_starts = CASE WHEN c.hour_starts > crm.core_now() - interval '1 hour' THEN c.hour_starts ELSE crm.core_now() END,
           hour_count = CASE WHEN c.hour_starts > crm.core_now() - interval '1 hour' THEN c.hour_count + 1 ELSE 1 END, enrolled = c.enrolled + 1
    WHERE c.code_hash = place.code_hash RETURNING c.hour_count INTO used;
    IF used > (crm._setting('ingest.store_code_hourly') #>> '{}')::int THEN
        RAISE EXCEPTION 'this code was used too often within an hour' USING ERRCODE = 'RM110', HINT = 'Try again later, or ask in the store.';
    END IF;
    id := 'phone:' || encode(crm._identity_hash(1::smallint, '', number), 'hex');
    is_known := EXISTS (SELECT FROM crm.identifier i WHERE i.kind = 1
            AND i.value_hash = crm._identity_hash(1::smallint, '', number) AND i.customer_id IS NOT NULL);
    -- a phone that is known says who it is better than whoever holds the code: only the consents are taken then
    IF NOT is_known THEN
        -- the consents are of the record itself, so that a welcome finds them; their evidence is added
        answer := crm._ingest_note_enrolment(crm._ingest_console('member', jsonb_build_object('external_id', id, 'name', btrim(name), 'phone', number,
            'birthday', nullif(btrim(birthday), ''), 'registered_at', crm.core_now(), 'store_code', store, 'channel', place.channel)
            || coalesce((SELECT jsonb_object_agg('consent_' || c, 'yes') FROM unnest(consents) c
                            WHERE c IN ('sms', 'wechat', 'email')), '{}'), NULL), store, 'qr');
        UPDATE crm.consent k SET evidence = shown WHERE k.source_record_id = (answer ->> 'fact_id')::bigint;
    ELSE
        FOREACH channel IN ARRAY coalesce(consents, '{}') LOOP
            CONTINUE WHEN channel NOT IN ('sms', 'wechat', 'email');
            CONTINUE WHEN crm._outbox_consent((SELECT i.customer_id FROM crm.identifier i WHERE i.kind = 1
                        AND i.value_hash = crm._identity_hash(1::smallint, '', number)), channel) = 'no';
            PERFORM crm._ingest_console('consent', jsonb_build_object('phone', number, 'channel', channel,
                    'state', 'yes', 'occurred_at', crm.core_now(), 'evidence', shown), NULL);
        END LOOP;
    END IF;
    RETURN '{"outcome": "enrolled"}';
END
$$;
COMMENT ON FUNCTION crm.ingest_enrol_by_code(text, text, text, text, text[], text, text) IS
    'a customer registers by a store''s code with their own phone: name, phone, birthday, channels agreed to, kept '
    'with the code and the phone''s browser as evidence; the answer is the same whether the phone was known or not, '
    'a known one keeps its name and a no; sms_code is what the phone was sent, where it is asked for: a wrong one '
    'is answered {status 422, field check}, and counts; P0002 for a code that ended, RM110 beyond '
    'ingest.store_code_hourly an hour, 22023 names the field';

GRANT EXECUTE ON FUNCTION crm.ingest_make_store_code(text, int, text) TO crm_clerk, crm_store_manager, crm_manager, crm_headquarters;
GRANT EXECUTE ON FUNCTION crm.ingest_end_store_codes(text) TO crm_store_manager, crm_manager, crm_headquarters;
GRANT EXECUTE ON FUNCTION crm.ingest_store_of_code(text), crm.ingest_enrol_by_code(text, text, text, text, text[], text, text) TO crm_gateway;
