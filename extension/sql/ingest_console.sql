-- ingest_console: what staff write on the pages.  It takes the way of every delivery (raw inbox, parser,
-- consequences, one commit); here only the payload is made, for a page knows persons, not source records.

CREATE FUNCTION crm._ingest_console_store() RETURNS text
    LANGUAGE plpgsql STABLE AS
$$
DECLARE
    stores int[] := crm.access_store_ids();
BEGIN
    RETURN CASE WHEN cardinality(stores) = 1 THEN (SELECT s.code FROM crm.store s WHERE s.store_id = stores[1]) END;
END
$$;
COMMENT ON FUNCTION crm._ingest_console_store() IS 'the store of who works in exactly one; null otherwise';

-- A page shows what a call answers; a refusal of intake is a fault of the field that it names.
CREATE FUNCTION crm._ingest_console(entity text, payload jsonb, idempotency_key text) RETURNS jsonb
    LANGUAGE plpgsql AS
$$
DECLARE
    result crm.intake_result := crm._ingest_single(entity, 'console', convert_to(jsonb_strip_nulls(payload)::text, 'UTF8'), idempotency_key, NULL);
BEGIN
    IF result.code = 'suppressed' THEN
        RAISE EXCEPTION 'this names a person who was erased'
            USING ERRCODE = 'RM301', HINT = 'Nothing may be kept under these identifiers: do not enter them again.';
    ELSIF result.status NOT IN (200, 201) THEN
        RAISE EXCEPTION 'this was not taken (%)', result.code
            USING ERRCODE = 'invalid_parameter_value', COLUMN = coalesce(result.field, ''),
                HINT = coalesce(result.remedy, 'Look at the fields again.');
    END IF;
    RETURN jsonb_build_object('outcome', result.code, 'customer_id', result.customer_id, 'fact_id', result.fact_id);
END
$$;
COMMENT ON FUNCTION crm._ingest_console(text, jsonb, text) IS
    'takes one record of the source console; {outcome, customer_id, fact_id}; 22023 with field and remedy when it '
    'is refused, RM301 when it names an erased person';

CREATE FUNCTION crm.ingest_note(customer_id bigint, body text, channel text DEFAULT 'store', outcome text DEFAULT NULL, next_on date DEFAULT NULL,
                                mentions text[] DEFAULT NULL, idempotency_key text DEFAULT NULL) RETURNS jsonb
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
#variable_conflict use_variable
DECLARE
    answer jsonb := crm._idempotency_claim(idempotency_key, 'ingest_note', convert_to(
        jsonb_build_array(customer_id, body, channel, coalesce(outcome, E'\x1e'), next_on, nullif(mentions, '{}'))::text, 'UTF8'));
    person bigint := crm._identity_not_erased(customer_id);
    store_code text := crm._ingest_console_store();
    record record;
BEGIN
    IF answer IS NOT NULL THEN
        RETURN answer;
    END IF;
    IF coalesce(btrim(body), '') = '' OR length(body) > 4000 THEN
        RAISE EXCEPTION 'a note needs 1 to 4000 characters'
            USING ERRCODE = 'invalid_parameter_value', COLUMN = 'body', HINT = 'Say what was spoken about.';
    ELSIF channel IS NULL OR channel !~ '^[a-z_]{1,20}$' THEN
        RAISE EXCEPTION 'a note needs its channel'
            USING ERRCODE = 'invalid_parameter_value', COLUMN = 'channel', HINT = 'Give call, store, wechat or sms.';
    END IF;
    PERFORM crm._sales_day_to_come(next_on, (SELECT s.store_id FROM crm.store s WHERE s.code = store_code), 'next_on');
    -- on the record that says most about the person
    SELECT r.external_id, s.code INTO record
    FROM crm.membership m JOIN crm.source_record r ON r.source_record_id = m.source_record_id JOIN crm.source s ON s.source_id = r.source_id
    WHERE m.customer_id = person AND m.valid_to = 'infinity' AND r.kind IN ('member', 'follower', 'visitor')
    ORDER BY r.kind <> 'member', r.source_record_id LIMIT 1;
    IF record.external_id IS NULL THEN
        RAISE EXCEPTION 'only receipts are known of this person'
            USING ERRCODE = 'invalid_parameter_value', COLUMN = 'customer_id', HINT = 'Enrol the customer first, then note it.';
    END IF;
    -- its id and moment are made here: what a retry repeats is the call, not the payload
    answer := crm._ingest_console('interaction', jsonb_build_object(
        'external_id', 'note:' || crm._new_id(), 'occurred_at', crm.core_now(), 'channel', channel, 'direction', 'out',
        'member_external_id', record.external_id, 'member_source', record.code, 'store_code', store_code,
        'staff_code', (SELECT t.code FROM crm.staff t WHERE t.staff_id = crm._actor_staff()),
        'body', btrim(body), 'outcome', outcome, 'next_on', next_on), NULL);
    PERFORM crm._sales_mention(person, (answer ->> 'fact_id')::bigint, mentions, btrim(body));
    PERFORM crm._idempotency_store(idempotency_key, answer);
    RETURN answer;
END
$$;
COMMENT ON FUNCTION crm.ingest_note(bigint, text, text, text, date, text[], text) IS
    'keeps a note about a person, in the name of who calls; next_on (a local day of the store, not before today) '
    'makes a follow-up for them; mentions (staff codes, at most 10) puts it into the lists of colleagues who see '
    'the person; {outcome, customer_id, fact_id}; P0002 for a person out of scope, RM301 for an erased one, 22023 '
    'names the field';

CREATE FUNCTION crm._ingest_note_enrolment(answer jsonb, store text, way text) RETURNS jsonb
    LANGUAGE plpgsql AS
$$
BEGIN
    INSERT INTO crm.member_enrolment (source_record_id, store_id, staff_id, way, enrolled_at)
    SELECT (answer ->> 'fact_id')::bigint, (SELECT s.store_id FROM crm.store s WHERE s.code = store), crm._actor_staff(), way, crm.core_now()
    ON CONFLICT DO NOTHING;
    IF way = 'counter' THEN
        PERFORM crm._sales_enrolled((answer ->> 'customer_id')::bigint);
    END IF;
    RETURN answer;
END
$$;
COMMENT ON FUNCTION crm._ingest_note_enrolment(jsonb, text, text) IS
    'notes who enrolled a record first, in which store and how; the answer as it was';

-- A till that sends an impossible birthday is not stopped by it, the record is kept without; who types one is still
-- there to mend it.
CREATE FUNCTION crm._ingest_require_birthday(birthday text) RETURNS void
    LANGUAGE plpgsql STABLE AS
$$
DECLARE
    read crm.birthday_parts := crm.identity_birthday(birthday);
BEGIN
    IF btrim(birthday) <> '' AND (read.reason <> '' OR read.birthday > crm._local_day(crm.core_now(), crm._setting('core.time_zone') #>> '{}')) THEN
        RAISE EXCEPTION 'the birthday cannot be' USING ERRCODE = 'invalid_parameter_value', COLUMN = 'birthday',
            HINT = 'Give a day from 1900 to today, as 1990-05-01.';
    END IF;
END
$$;
COMMENT ON FUNCTION crm._ingest_require_birthday(text) IS
    '22023 naming the field for a birthday, as somebody typed it, that is no day, lies before 1900 or in the '
    'future; null and empty: none was given';

CREATE FUNCTION crm.ingest_enrol(name text, phone text, birthday text DEFAULT NULL, consents text[] DEFAULT '{}',
                                 fields jsonb DEFAULT '{}', idempotency_key text DEFAULT NULL)
    RETURNS jsonb
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
DECLARE
    number crm.phone_parts := crm.identity_phone(phone);
    id text;
    entered jsonb;
BEGIN
    IF coalesce(btrim(name), '') = '' OR length(name) > 100 THEN
        RAISE EXCEPTION 'a member needs a name'
            USING ERRCODE = 'invalid_parameter_value', COLUMN = 'name', HINT = 'Give 1 to 100 characters.';
    ELSIF number.number IS NULL OR NOT number.is_key THEN
        RAISE EXCEPTION 'this is no phone number of one person'
            USING ERRCODE = 'invalid_parameter_value', COLUMN = 'phone', HINT = 'Give a mobile number, for example 138 1234 5678.';
    ELSIF jsonb_typeof(coalesce(fields, '{}')) <> 'object' THEN
        RAISE EXCEPTION 'further fields are an object' USING ERRCODE = 'invalid_parameter_value', COLUMN = 'fields',
            HINT = 'As {"sex": "f", "custom.diet": ["素食"]}.';
    END IF;
    entered := crm._ingest_hold_to_form(coalesce(fields, '{}') || jsonb_build_object('name', name, 'phone', phone,
                'birthday', coalesce(birthday, fields ->> 'birthday')));
    PERFORM crm._ingest_require_birthday(entered ->> 'birthday');
    -- the same phone at the counter is the same record, however it is written: who types it twice changes nothing
    id := 'phone:' || encode(crm._identity_hash(1::smallint, '', number.number), 'hex');
    RETURN crm._ingest_note_enrolment(crm._ingest_console('member', entered || jsonb_build_object(
        'external_id', id, 'name', btrim(name), 'phone', number.number,
        'registered_at', coalesce((SELECT r.registered_at FROM crm.source s
                                   JOIN crm.external_key k ON k.source_id = s.source_id AND k.kind = 1 AND k.external_id = id
                                   JOIN crm.source_record r ON r.source_record_id = k.source_record_id
                                   WHERE s.code = 'console'), crm.core_now()), 'store_code', crm._ingest_console_store(), 'channel', 'store')
        || coalesce((SELECT jsonb_object_agg('consent_' || c, 'yes') FROM unnest(consents) c
                    WHERE c IN ('sms', 'wechat', 'email')), '{}'), idempotency_key),
        crm._ingest_console_store(), 'counter');
END
$$;
COMMENT ON FUNCTION crm.ingest_enrol(text, text, text, text[], jsonb, text) IS
    'registers a customer at the counter, in the caller''s form: name, phone, birthday (as people write it), '
    'channels agreed to (sms, wechat, email), what else the form asks for (fields, by name); looked after by the '
    'caller when sales.enroller_owns says so; the same phone again is the same record; {outcome, customer_id}; '
    '22023 names the field, RM301 for the phone of an erased person';

GRANT EXECUTE ON FUNCTION crm.ingest_note(bigint, text, text, text, date, text[], text), crm.ingest_enrol(text, text, text, text[], jsonb, text)
    TO crm_clerk, crm_store_manager, crm_manager, crm_service, crm_headquarters;
