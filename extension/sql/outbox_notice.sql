-- outbox_notice: messages that are about a person but go to others: to staff (a webhook, a group's robot, an e-mail),
-- or to a platform that keeps a list.  No address of the person is read, no cap or quiet hour is asked, and no
-- consent but by a list: that of the channel it is for, again at each claim.  Queue, leases, retries and dead letters
-- are those of every message.

CREATE FUNCTION crm._outbox_is_notice(message crm.message_row) RETURNS boolean
    LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$ SELECT (message).customer_id = 0 OR (message).channel IN ('notice', 'audience') $$;
COMMENT ON FUNCTION crm._outbox_is_notice(crm.message_row) IS
    'whether a message goes to its endpoint''s own reader (an alert, a notice, an entry of a list) and to no '
    'address of a person';

CREATE FUNCTION crm._outbox_reader_fault(endpoint text, address text, OUT field text, OUT remedy text)
    LANGUAGE plpgsql STABLE AS
$$
DECLARE
    carrier record;
BEGIN
    SELECT c.format, c.connector INTO carrier FROM crm.endpoint e JOIN crm.connector c ON c.connector = e.connector
        WHERE e.endpoint = _outbox_reader_fault.endpoint;
    IF carrier.connector IS NULL OR NOT (carrier.format IN ('webhook', 'mail') OR carrier.connector LIKE '%\_robot') THEN
        field := 'endpoint';
        remedy := 'Name an endpoint that is a webhook, a robot of a group, or e-mail: crm.outbox_endpoints().';
    ELSIF (carrier.format = 'mail') IS DISTINCT FROM (address <> '') OR address !~ '^([^[:space:]@<>,;"]{1,64}@[A-Za-z0-9.-]{1,190})?$' THEN
        field := 'address';
        remedy := 'Give one e-mail address where the endpoint is e-mail, nothing elsewhere.';
    END IF;
END
$$;
COMMENT ON FUNCTION crm._outbox_reader_fault(text, text) IS
    'why an endpoint, with an address if it is e-mail, reaches no member of staff, and what would; nulls: it does';

CREATE FUNCTION crm._outbox_require_reader(endpoint text, address text, what text) RETURNS void
    LANGUAGE plpgsql STABLE AS
$$
DECLARE
    wrong record;
BEGIN
    SELECT * INTO wrong FROM crm._outbox_reader_fault(endpoint, address);
    IF wrong.field IS NOT NULL THEN
        RAISE EXCEPTION '%', CASE wrong.field WHEN 'endpoint' THEN 'endpoint takes no ' || what ELSE 'address does not fit the endpoint' END
            USING ERRCODE = 'invalid_parameter_value', COLUMN = wrong.field, HINT = wrong.remedy;
    END IF;
END
$$;
COMMENT ON FUNCTION crm._outbox_require_reader(text, text, text) IS
    '22023 with endpoint or address unless they reach staff; what they are to take, for the message';

CREATE FUNCTION crm._outbox_put_notice(person bigint, message_id text, channel text, endpoint text, body jsonb) RETURNS bigint
    LANGUAGE plpgsql AS
$$
BEGIN
    RETURN CASE WHEN crm._outbox_is_there(person, message_id) THEN 0
        ELSE crm._outbox_put_all(ARRAY[ROW(person, message_id, channel, endpoint, NULL, NULL, false, NULL, body,
        crm.core_now(),
        crm.core_now() + make_interval(hours => (crm._setting('outbox.alert_hours'))::int), NULL, NULL)::crm.message_row]) END;
END
$$;
COMMENT ON FUNCTION crm._outbox_put_notice(bigint, text, text, text, jsonb) IS
    'a message about a person (channel notice, for staff, or audience, for a platform) to an endpoint, to leave at '
    'once and for outbox.alert_hours; erased with the person; 0 when one of that id is there';

CREATE FUNCTION crm.outbox_reach_staff(staff text, endpoint text, address text DEFAULT '', idempotency_key text DEFAULT NULL) RETURNS jsonb
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
DECLARE
    answer jsonb := crm._idempotency_claim(idempotency_key,
            'outbox_reach_staff', crm._sha256(convert_to(jsonb_build_array(staff, endpoint, address)::text, 'UTF8')));
    who int := (SELECT f.staff_id FROM crm.staff f WHERE f.code = staff AND f.left_at IS NULL);
BEGIN
    IF answer IS NOT NULL THEN
        RETURN answer;
    END IF;
    IF who IS NULL THEN
        RAISE EXCEPTION 'there is no member of staff "%"', staff USING ERRCODE = 'no_data_found', COLUMN = 'staff',
            HINT = 'crm.access_staff() lists who works here.';
    END IF;
    DELETE FROM crm.staff_endpoint s WHERE s.staff_id = who;
    IF endpoint IS NOT NULL THEN
        PERFORM crm._outbox_require_reader(endpoint, address, 'notices');
        INSERT INTO crm.staff_endpoint (staff_id, endpoint, address, defined_at)
            VALUES (who, outbox_reach_staff.endpoint, coalesce(outbox_reach_staff.address, ''), crm.core_now());
    END IF;
    PERFORM crm._audit('define', 'staff_endpoint', who, 'endpoint', NULL, coalesce(endpoint, 'none'), staff);
    answer := jsonb_build_object('staff', staff, 'endpoint', endpoint, 'address', coalesce(address, ''));
    PERFORM crm._idempotency_store(idempotency_key, answer);
    RETURN answer;
END
$$;
COMMENT ON FUNCTION crm.outbox_reach_staff(text, text, text, text) IS
    'where notices of flows reach a member of staff (code): a webhook, a robot, or e-mail with the address; a null '
    'endpoint: nowhere; P0002 nobody of that code, 22023 names what does not fit; audited';
GRANT EXECUTE ON FUNCTION crm.outbox_reach_staff(text, text, text, text) TO crm_admin, crm_headquarters;

CREATE FUNCTION crm.outbox_staff_reach() RETURNS SETOF jsonb
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
BEGIN
    RETURN QUERY SELECT jsonb_build_object('staff', f.code, 'name', f.name, 'endpoint', s.endpoint, 'address', s.address, 'defined_at', s.defined_at)
                 FROM crm.staff_endpoint s JOIN crm.staff f USING (staff_id) WHERE f.left_at IS NULL ORDER BY f.code;
END
$$;
COMMENT ON FUNCTION crm.outbox_staff_reach() IS 'members of staff whom notices of flows reach, and where';
GRANT EXECUTE ON FUNCTION crm.outbox_staff_reach() TO crm_admin, crm_headquarters, crm_marketer;
