-- ingest_check: a phone that enrols itself is sent a code and gives it back.  Nothing is told of who is known; codes
-- are kept as keyed hashes; a wrong one is answered, not raised, so that the try counts.
--
-- Locks: one a phone (advisory, to the end of the transaction), so that parallel asks count one after the other.

CREATE FUNCTION crm._ingest_needs_check() RETURNS boolean
    LANGUAGE plpgsql STABLE AS
$$
BEGIN
    RETURN CASE crm._setting('ingest.join_check') #>> '{}' WHEN 'always' THEN true WHEN 'never' THEN false
           ELSE EXISTS (SELECT FROM crm.channel c WHERE c.channel = 'sms' AND c.endpoint IS NOT NULL) END;
END
$$;
COMMENT ON FUNCTION crm._ingest_needs_check() IS 'whether a phone that enrols itself is asked for a code';

CREATE FUNCTION crm._ingest_own_phone(phone text) RETURNS text
    LANGUAGE plpgsql IMMUTABLE AS
$$
DECLARE
    number crm.phone_parts := crm.identity_phone(phone);
BEGIN
    IF number.number IS NULL OR NOT number.is_key THEN
        RAISE EXCEPTION 'this is no phone number of one person' USING ERRCODE = 'invalid_parameter_value',
            COLUMN = 'phone', HINT = 'Give a mobile number, for example 138 1234 5678.';
    END IF;
    RETURN number.number;
END
$$;
COMMENT ON FUNCTION crm._ingest_own_phone(text) IS
    'the number of a phone that is one person''s; 22023 naming the field otherwise';

CREATE FUNCTION crm._ingest_check_hash(phone_hash bytea, id bigint, code text) RETURNS bytea
    LANGUAGE plpgsql STABLE AS
$$
BEGIN
    RETURN crm._keyed_hash('join_check', phone_hash || int8send(id) || convert_to(code, 'UTF8'));
END
$$;
COMMENT ON FUNCTION crm._ingest_check_hash(bytea, bigint, text) IS
    'a code as it is kept: of one phone and one time of asking';

CREATE FUNCTION crm._ingest_limit_checks(phone_hash bytea, client_hash bytea) RETURNS void
    LANGUAGE plpgsql AS
$$
#variable_conflict use_column
DECLARE
    moment timestamptz := crm.core_now();
    asked record;
BEGIN
    SELECT count(*) AS hour, max(c.made_at) AS last INTO asked FROM crm.join_check c
    WHERE c.phone_hash = _ingest_limit_checks.phone_hash AND c.made_at > moment - interval '1 hour';
    IF asked.last > moment - interval '1 minute' OR asked.hour >= (crm._setting('ingest.join_check_phone_hourly') #>> '{}')::int
       OR (SELECT count(*) FROM crm.join_check c WHERE c.client_hash = _ingest_limit_checks.client_hash AND c.made_at > moment - interval '1 hour')
          >= (crm._setting('ingest.join_check_client_hourly') #>> '{}')::int THEN
        RAISE EXCEPTION 'codes were asked for too often' USING ERRCODE = 'RM110', HINT = 'Wait a minute, or ask in the store.';
    END IF;
END
$$;
COMMENT ON FUNCTION crm._ingest_limit_checks(bytea, bytea) IS
    'RM110 for a second code within a minute, beyond ingest.join_check_phone_hourly of a phone or '
    'ingest.join_check_client_hourly of a network address';

CREATE FUNCTION crm.ingest_send_check(code text, phone text, client text DEFAULT '') RETURNS jsonb
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
DECLARE
    place record := crm._ingest_open_code(code);
    number text := crm._ingest_own_phone(phone);
    phone_hash bytea := crm._identity_hash(1::smallint, '', number);
    client_hash bytea := crm._keyed_hash('client', convert_to(coalesce(client, ''), 'UTF8'));
    id bigint := crm._new_id();
    drawn bytea := crm._random_bytes(4);
    secret text := lpad((((get_byte(drawn, 0) << 24)::bigint + (get_byte(drawn, 1) << 16) + (get_byte(drawn, 2) << 8)
                    + get_byte(drawn, 3)) & 4294967295) % 1000000 || '', 6, '0');
    life int := (crm._setting('ingest.join_check_seconds') #>> '{}')::int;
    given jsonb := jsonb_build_object('code', secret, 'minutes', ceil(life / 60.0)::int);
    until timestamptz := crm.core_now() + make_interval(secs => life);
BEGIN
    IF NOT crm._ingest_needs_check() THEN
        RETURN '{"outcome": "not_needed"}';
    END IF;
    PERFORM pg_advisory_xact_lock(hashtextextended('join_check' || encode(phone_hash, 'hex'), 0));
    PERFORM crm._ingest_limit_checks(phone_hash, client_hash);
    INSERT INTO crm.join_check (phone_hash, join_check_id, client_hash, code_hash, made_at, expires_at)
    VALUES (phone_hash, id, client_hash, crm._ingest_check_hash(phone_hash, id, secret), crm.core_now(), until);
    PERFORM crm._outbox_put_guest(id, id || '-check', 'sms', 'phone', number, phone_hash,
        jsonb_build_object('text', crm._outbox_fill_text((SELECT t.body FROM crm.template t
                    WHERE t.template = 'join_check' AND t.channel = 'sms' ORDER BY t.language DESC LIMIT 1), given))
        || coalesce(crm._outbox_dress('join_check', 'sms', given), '{}'), until);
    RETURN jsonb_build_object('outcome', 'sent', 'seconds', life);
END
$$;
COMMENT ON FUNCTION crm.ingest_send_check(text, text, text) IS
    'sends a phone that enrols by a store''s code six digits, valid ingest.join_check_seconds; {outcome sent, '
    'seconds} or not_needed, alike whether the phone is known or not; client: the network address, counted; P0002 '
    'for a code that ended, 22023 for no phone of one person, RM110 when asked too often, RM701 when no endpoint '
    'carries text messages';
GRANT EXECUTE ON FUNCTION crm.ingest_send_check(text, text, text) TO crm_gateway;

-- Null: it is right and spent.  The newest code alone counts; the try is counted before the code is looked at.
CREATE FUNCTION crm._ingest_spend_check(number text, secret text) RETURNS jsonb
    LANGUAGE plpgsql AS
$$
#variable_conflict use_column
DECLARE
    hash bytea := crm._identity_hash(1::smallint, '', number);
    kept record;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended('join_check' || encode(hash, 'hex'), 0));
    UPDATE crm.join_check c SET tries = c.tries + 1
    WHERE c.phone_hash = hash AND c.join_check_id = (SELECT max(n.join_check_id) FROM crm.join_check n WHERE n.phone_hash = hash)
      AND c.used_at IS NULL AND c.expires_at > crm.core_now() AND c.tries < (crm._setting('ingest.join_check_tries') #>> '{}')::int
    RETURNING c.join_check_id, c.code_hash INTO kept;
    IF kept.code_hash = crm._ingest_check_hash(hash, kept.join_check_id, regexp_replace(coalesce(secret, ''), '\s', '', 'g')) THEN
        UPDATE crm.join_check c SET used_at = crm.core_now() WHERE c.phone_hash = hash AND c.join_check_id = kept.join_check_id;
        RETURN NULL;
    END IF;
    RETURN jsonb_build_object('status', 422,
                              'code', '22023', 'field', 'check', 'detail',
                              'this is not the code that the phone was sent, or it has ended',
                              'remedy', 'Type the six digits of the newest message, or ask for another.');
END
$$;
COMMENT ON FUNCTION crm._ingest_spend_check(text, text) IS
    'takes the code that a phone was sent, once; null when it is right, else what to answer: wrong, none asked for, '
    'ended, tried too often, alike';

CREATE FUNCTION crm._ingest_forget_checks() RETURNS bigint
    LANGUAGE plpgsql AS
$$
BEGIN
    DELETE FROM crm.join_check c WHERE c.made_at < crm.core_now() - interval '1 day';
    RETURN 0;
END
$$;
COMMENT ON FUNCTION crm._ingest_forget_checks() IS
    'job: forgets codes that were asked for more than a day ago; 0: nothing is left';
