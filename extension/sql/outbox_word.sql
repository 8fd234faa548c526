-- outbox_word: what a person says to staff about being written to. One word holds for all of the person's records,
-- with who noted it, where, and what the person was shown; who noted it by mistake takes it back.
--
-- Locks: the person with all records and identifiers (crm._access_lock_person), so that who merges, moves or erases
-- them just now waits.

-- A till whose clock is ahead may have told of a moment to come (ingest.future_hours): what is said now comes after
-- it all the same.
CREATE FUNCTION crm._outbox_word_at(person bigint, channels text[]) RETURNS timestamptz
    LANGUAGE plpgsql STABLE AS
$$
BEGIN
    RETURN (SELECT greatest(crm.core_now(), max(c.occurred_at) + interval '1 microsecond')
            FROM crm.membership m JOIN crm.consent c ON c.source_record_id = m.source_record_id AND c.channel = ANY (channels)
            WHERE m.customer_id = person AND m.valid_to = 'infinity');
END
$$;
COMMENT ON FUNCTION crm._outbox_word_at(bigint, text[]) IS
    'the moment of what a person says now of some channels: this one, or the first after what was told of later ones';

CREATE FUNCTION crm._outbox_open_addresses(person bigint, channel text) RETURNS jsonb
    LANGUAGE plpgsql AS
$$
#variable_conflict use_variable
DECLARE
    opened jsonb;
BEGIN
    WITH gone AS (
        DELETE FROM crm.opt_out o WHERE o.channel = _outbox_open_addresses.channel AND o.address_hash = ANY (crm._outbox_addresses(person, channel))
        RETURNING o.address_hash, o.at, o.evidence)
    SELECT jsonb_agg(jsonb_build_object('address', encode(g.address_hash, 'hex'), 'at', g.at, 'evidence', g.evidence)) INTO opened FROM gone g;
    RETURN opened;
END
$$;
COMMENT ON FUNCTION crm._outbox_open_addresses(bigint, text) IS
    'ends what a person''s addresses of a channel opted out of: what it was, or null';

CREATE FUNCTION crm._outbox_changed(person bigint) RETURNS void
    LANGUAGE plpgsql AS
$$
BEGIN
    PERFORM crm._outbox_keep_consents(ARRAY[person]);
    PERFORM crm._consequence_facts(ARRAY[person], 'consent', false);       -- segments and rules that ask for consent
END
$$;
COMMENT ON FUNCTION crm._outbox_changed(bigint) IS 'keeps what a person said anew, and tells the rooms';

CREATE FUNCTION crm._outbox_say(person bigint, channels text[], state text, evidence text) RETURNS bigint
    LANGUAGE plpgsql AS
$$
#variable_conflict use_variable
DECLARE
    word bigint := crm._new_id();
    at timestamptz := crm._outbox_word_at(person, channels);
    stores int[] := crm.access_store_ids();
    store int := CASE WHEN cardinality(stores) = 1 THEN stores[1] END;
    one text;
    opened jsonb;
BEGIN
    FOREACH one IN ARRAY channels LOOP
        opened := CASE WHEN state = 'yes' THEN crm._outbox_open_addresses(person, one) END;
        PERFORM crm._audit('consent', 'customer', person, one,
            (SELECT k.state FROM crm.person_consent k WHERE k.customer_id = person AND k.channel = one), state,
            'word ' || word);
        INSERT INTO crm.consent (source_record_id, channel, occurred_at, consent_id, state, evidence, is_history, word_id, noted_by, store_id, opened)
        SELECT m.source_record_id, one, at, crm._new_id(), state, coalesce(evidence, ''), false, word, crm._actor(), store, opened
        FROM crm.membership m WHERE m.customer_id = person AND m.valid_to = 'infinity';
    END LOOP;
    PERFORM crm._outbox_changed(person);
    RETURN word;
END
$$;
COMMENT ON FUNCTION crm._outbox_say(bigint, text[], text, text) IS
    'keeps a word of a person who is locked, for all of their records: its word_id; a yes opens addresses that had '
    'opted out; audited, a row a channel, with the word''s id: what was said lies with the consent, where erasing '
    'empties it';

CREATE FUNCTION crm._outbox_require_word(channels text[], state text, evidence text, needs_evidence boolean, field text) RETURNS void
    LANGUAGE plpgsql STABLE AS
$$
DECLARE
    unknown text := (SELECT min(coalesce(c.channel, '')) FROM unnest(channels) c (channel)
                     WHERE NOT EXISTS (SELECT FROM crm.consent_channel ch WHERE ch.channel = c.channel));
BEGIN
    IF state IS NULL OR state NOT IN ('yes', 'no') THEN
        RAISE EXCEPTION 'consent is yes or no' USING ERRCODE = 'invalid_parameter_value', COLUMN = 'state', HINT = 'Send yes or no.';
    ELSIF unknown IS NOT NULL OR cardinality(channels) = 0 THEN
        RAISE EXCEPTION 'there is no channel "%"', coalesce(unknown, '') USING ERRCODE = 'invalid_parameter_value', COLUMN = field,
            HINT = format('There are %s.', (SELECT string_agg(ch.channel, ', ' ORDER BY ch.channel) FROM crm.consent_channel ch));
    ELSIF needs_evidence AND coalesce(btrim(evidence), '') = '' THEN
        RAISE EXCEPTION 'a yes needs its evidence' USING ERRCODE = 'invalid_parameter_value', COLUMN = 'evidence',
            HINT = 'Say what the customer was shown or told, and agreed to.';
    ELSIF length(evidence) > 500 THEN
        RAISE EXCEPTION 'the evidence is too long' USING ERRCODE = 'invalid_parameter_value', COLUMN = 'evidence',
            HINT = 'Give at most 500 characters.';
    END IF;
END
$$;
COMMENT ON FUNCTION crm._outbox_require_word(text[], text, text, boolean, text) IS
    '22023 with the field (field: that of the channels) for a word that is not yes or no, of a channel there is '
    'not, of none, or without the evidence it needs';

CREATE FUNCTION crm.outbox_set_consent(customer_id bigint, channel text, state text, evidence text, idempotency_key text DEFAULT NULL) RETURNS jsonb
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
#variable_conflict use_column
DECLARE
    answer jsonb := crm._idempotency_claim(idempotency_key, 'outbox_set_consent',
        crm._sha256(convert_to(jsonb_build_array(customer_id, channel, state)::text, 'UTF8')));
    person bigint;
BEGIN
    IF answer IS NOT NULL THEN
        RETURN answer;
    END IF;
    person := crm._access_require_person(outbox_set_consent.customer_id);
    -- beside what reaches a person: where they are may be kept
    PERFORM crm._outbox_require_word(ARRAY[channel], state, evidence, false, 'channel');
    PERFORM crm._access_lock_person(person);
    person := crm._access_require_person(person);
    PERFORM crm._outbox_say(person, ARRAY[channel], state, evidence);
    answer := jsonb_build_object('customer_id', person, 'channel', channel, 'state', CASE
            WHEN channel = 'location' THEN state ELSE crm._outbox_consent(person, channel) END);
    PERFORM crm._idempotency_store(idempotency_key, answer);
    RETURN answer;
END
$$;
COMMENT ON FUNCTION crm.outbox_set_consent(bigint, text, text, text, text) IS
    'what a person said about a channel, yes or no, with its evidence; a yes reopens an address that had opted out; '
    'P0002 outside of the caller''s scope';
GRANT EXECUTE ON FUNCTION crm.outbox_set_consent(bigint, text, text, text, text) TO crm_clerk, crm_store_manager,
    crm_manager, crm_service, crm_headquarters;

CREATE FUNCTION crm.outbox_say(customer_id bigint, channels text[], state text, evidence text DEFAULT NULL,
                               idempotency_key text DEFAULT NULL) RETURNS jsonb
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
#variable_conflict use_column
DECLARE
    answer jsonb := crm._idempotency_claim(idempotency_key, 'outbox_say',
        crm._sha256(convert_to(jsonb_build_array(customer_id, channels, state, evidence)::text, 'UTF8')));
    -- nothing at all: every channel that carries messages; a yes is said of a channel by its name
    meant text[] := CASE WHEN channels IS NULL AND state = 'no' THEN ARRAY(SELECT ch.channel FROM crm.channel ch ORDER BY 1)
                         ELSE ARRAY(SELECT DISTINCT c FROM unnest(channels) c ORDER BY 1) END;
    person bigint;
    word bigint;
BEGIN
    IF answer IS NOT NULL THEN
        RETURN answer;
    END IF;
    person := crm._identity_not_erased(outbox_say.customer_id);
    PERFORM crm._outbox_require_word(meant, state, evidence, state = 'yes', 'channels');
    PERFORM crm._access_lock_person(person);
    person := crm._identity_not_erased(person);
    word := crm._outbox_say(person, meant, state, btrim(evidence));
    answer := jsonb_build_object('customer_id', person, 'word_id', word, 'state', state, 'consents', crm._outbox_words(person));
    PERFORM crm._idempotency_store(idempotency_key, answer);
    RETURN answer;
END
$$;
COMMENT ON FUNCTION crm.outbox_say(bigint, text[], text, text, text) IS
    'what a person says to staff: no more by some channels (null: by none at all), or yes, which needs its evidence '
    '(what they were shown or told); holds for all of their records from this moment, whatever a clock that is '
    'ahead has told; {customer_id, word_id, state, consents}; 22023 names the field, P0002 outside of the caller''s '
    'scope, RM301 for an erased person; audited';

CREATE FUNCTION crm.outbox_unsay(customer_id bigint, word_id bigint, idempotency_key text DEFAULT NULL) RETURNS jsonb
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
#variable_conflict use_column
DECLARE
    answer jsonb := crm._idempotency_claim(idempotency_key, 'outbox_unsay', convert_to(jsonb_build_array(customer_id, word_id)::text, 'UTF8'));
    person bigint;
    records bigint[];
    said record;
BEGIN
    IF answer IS NOT NULL THEN
        RETURN answer;
    END IF;
    person := crm._access_require_person(outbox_unsay.customer_id);
    PERFORM crm._access_lock_person(person);
    person := crm._access_require_person(person);
    records := ARRAY(SELECT m.source_record_id FROM crm.membership m WHERE m.customer_id = person AND m.valid_to = 'infinity');
    -- by whom it was noted, within the hour, and nothing else was said of it since
    SELECT array_agg(DISTINCT c.channel) AS channels, min(c.occurred_at) AS at, min(c.state) AS state,
           jsonb_object_agg(c.channel, c.opened) FILTER (WHERE c.opened IS NOT NULL) AS opened INTO said
    FROM crm.consent c WHERE c.source_record_id = ANY (records) AND c.word_id = outbox_unsay.word_id
        AND c.noted_by = crm._actor() AND c.occurred_at > crm.core_now() - interval '1 hour';
    IF said.channels IS NULL OR EXISTS (SELECT FROM crm.consent c WHERE c.source_record_id = ANY (records)
            AND c.channel = ANY (said.channels) AND c.occurred_at > said.at) THEN
        RAISE EXCEPTION 'this is not to be taken back any more' USING ERRCODE = 'RM703', COLUMN = 'word_id',
            HINT = 'Who noted it takes it back within an hour, unless something else was said since: note what the customer says now.';
    END IF;
    DELETE FROM crm.consent c WHERE c.source_record_id = ANY (records) AND c.word_id = outbox_unsay.word_id AND c.channel = ANY (said.channels);
    INSERT INTO crm.opt_out (channel, address_hash, at, evidence)
    SELECT k.channel, decode(o ->> 'address', 'hex'), (o ->> 'at')::timestamptz, o ->> 'evidence'
    FROM jsonb_each(said.opened) k (channel, addresses), jsonb_array_elements(k.addresses) o ON CONFLICT DO NOTHING;
    PERFORM crm._audit('consent_undone', 'customer', person, c.channel, said.state, NULL) FROM unnest(said.channels) c (channel);
    PERFORM crm._outbox_changed(person);
    answer := jsonb_build_object('customer_id', person, 'consents', crm._outbox_words(person));
    PERFORM crm._idempotency_store(idempotency_key, answer);
    RETURN answer;
END
$$;
COMMENT ON FUNCTION crm.outbox_unsay(bigint, bigint, text) IS
    'takes back what the caller noted by mistake within the hour (word_id of crm.outbox_say()): it is as if it had '
    'not been said, addresses that it opened are closed again; {customer_id, consents}; RM703 not theirs, too late, '
    'or something else was said since; P0002; audited';
GRANT EXECUTE ON FUNCTION crm.outbox_say(bigint, text[], text, text, text), crm.outbox_unsay(bigint, bigint, text)
    TO crm_clerk, crm_store_manager, crm_manager, crm_service, crm_headquarters;

CREATE FUNCTION crm._outbox_words(person bigint) RETURNS jsonb
    LANGUAGE plpgsql STABLE SET plan_cache_mode = force_generic_plan SET enable_seqscan = off AS
$$
BEGIN
    RETURN (
        WITH record AS MATERIALIZED (SELECT m.source_record_id FROM crm.membership m WHERE m.customer_id = person AND m.valid_to = 'infinity'),
        address AS MATERIALIZED (
            SELECT DISTINCT ch.channel, ri.value_hash
            FROM record r JOIN crm.record_identifier ri ON ri.source_record_id = r.source_record_id AND ri.ended_at IS NULL
            JOIN crm.channel ch ON ch.identifier_kind = ri.kind
            JOIN crm.identifier i ON i.kind = ri.kind AND i.value_hash = ri.value_hash AND NOT i.is_blocked AND i.value_sealed IS NOT NULL),
        word AS (
            (SELECT DISTINCT ON (c.source_record_id, c.channel) c.channel, c.state, c.occurred_at, c.evidence,
             c.noted_by, c.store_id, c.source_record_id
             FROM record r CROSS JOIN LATERAL (SELECT x.* FROM crm.consent x WHERE x.source_record_id = r.source_record_id OFFSET 0) c
             ORDER BY c.source_record_id, c.channel, c.occurred_at DESC, c.consent_id DESC)
            UNION ALL
            SELECT a.channel, 'no', o.at, o.evidence, NULL, NULL, NULL FROM address a
                JOIN crm.opt_out o ON o.channel = a.channel AND o.address_hash = a.value_hash),
        -- of what is in force a single no decides, else the newest
        decided AS (SELECT DISTINCT ON (w.channel) w.* FROM word w ORDER BY w.channel, w.state = 'no' DESC, w.occurred_at DESC)
        SELECT jsonb_agg(jsonb_strip_nulls(jsonb_build_object('channel', ch.channel, 'name_zh', ch.name_zh,
                'name_en', ch.name_en, 'state', coalesce(d.state, 'unknown'), 'since', d.occurred_at,
                'way', CASE WHEN d.state IS NULL THEN NULL WHEN d.noted_by IS NOT NULL THEN 'said'
                    WHEN d.source_record_id IS NULL THEN 'stop' ELSE 'record' END,
                'source', s.code, 'source_name', s.name, 'store_name', t.name,
                    'noted_by', coalesce(f.name, d.noted_by), 'evidence', CASE
                    WHEN d.source_record_id IS NOT NULL THEN nullif(d.evidence, '') END,
                'is_reachable', EXISTS (SELECT FROM address a WHERE a.channel = ch.channel)))
                    ORDER BY array_position('{sms,wechat,email}', ch.channel), ch.channel)
        FROM crm.consent_channel ch LEFT JOIN decided d ON d.channel = ch.channel
        LEFT JOIN crm.source_record r ON d.noted_by IS NULL AND r.source_record_id = d.source_record_id
            LEFT JOIN crm.source s ON s.source_id = r.source_id
        LEFT JOIN crm.store t ON t.store_id = coalesce(d.store_id, r.store_id) LEFT JOIN crm.staff f ON f.code = d.noted_by);
END
$$;
COMMENT ON FUNCTION crm._outbox_words(bigint) IS
    'of each channel what a person said last (yes, no, unknown, as the gate reads it), since when, how it came '
    '(said: noted by staff; stop: an address that opted out; record: with a record), its source, store, who noted '
    'it and the evidence; whether the person has an address there';
