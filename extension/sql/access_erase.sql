-- access: a person forgotten for ever, and let back in by their own will.

CREATE FUNCTION crm._access_blank(payload bytea, format text, needles bytea[], line_nos int[], header text DEFAULT '') RETURNS bytea
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'crm_access_blank';
COMMENT ON FUNCTION crm._access_blank(bytea, text, bytea[], int[], text) IS
    'a payload (csv or ndjson: a chunk of records; single: one record) with the records that begin on those lines, '
    'and every record holding a needle as a whole word, overwritten by spaces; null when there is none';

CREATE FUNCTION crm._access_record_hash(source_id int, external_id text) RETURNS bytea
    LANGUAGE c STABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'crm_access_record_hash';
COMMENT ON FUNCTION crm._access_record_hash(int, text) IS
    'how crm.suppression (kind record) knows an erased member id of a source';

CREATE FUNCTION crm._access_needles(record_ids bigint[], persons bigint[]) RETURNS bytea[]
    LANGUAGE plpgsql STABLE AS
$$
BEGIN
    RETURN ARRAY(
        WITH clear AS (
            SELECT k.code, crm._decrypt(k.code, i.value_sealed) AS value
            FROM crm.identifier i JOIN crm.identifier_kind k ON k.kind = i.kind
            WHERE i.customer_id = ANY (persons) AND i.value_sealed IS NOT NULL),
        national AS (   -- telephone numbers are kept as +86...
            SELECT CASE WHEN c.value ~ '^\+861\d{10}$' THEN substr(c.value, 4) ELSE '0' || substr(c.value, 4) END AS value
            FROM clear c WHERE c.code = 'phone' AND c.value ~ '^\+86\d{7,}$'),
        spelled AS (
            SELECT c.value FROM clear c WHERE length(c.value) >= 6
            UNION
            SELECT prefix || substr(c.value, 2) FROM clear c CROSS JOIN unnest('{"",00}'::text[]) prefix
            WHERE c.code = 'phone' AND c.value ~ '^\+'
            UNION
            SELECT prefix || n.value FROM national n CROSS JOIN unnest('{"",+86-,86-}'::text[]) prefix
            UNION
            SELECT regexp_replace(n.value, '^(1\d{2})(\d{4})(\d{4})$', '\1' || dash || '\2' || dash || '\3')
            FROM national n CROSS JOIN unnest('{-," "}'::text[]) dash
            UNION
            SELECT left(n.value, area) || '-' || substr(n.value, area + 1)
            FROM national n CROSS JOIN unnest('{3,4}'::int[]) area WHERE n.value ~ '^0'
            UNION
            SELECT r.external_id FROM crm.source_record r
            WHERE r.source_record_id = ANY (record_ids) AND r.kind <> 'receipt' AND length(r.external_id) >= 6)
        SELECT convert_to(s.value, 'UTF8') FROM spelled s);
END
$$;
COMMENT ON FUNCTION crm._access_needles(bigint[], bigint[]) IS
    'how a person''s long identifiers may be spelled in raw payloads: phone with prefixes and dashes, e-mail, '
    'member ids of 6 characters or more';

CREATE FUNCTION crm._access_blank_inbox(record_ids bigint[], needles bytea[]) RETURNS bigint
    LANGUAGE plpgsql AS
$$
DECLARE
    changed bigint;
BEGIN
    -- The newest revision of each fact is named by external_key; older ones are found by needle.
    WITH named AS (
        SELECT e.received_at, e.inbox_id, array_agg(coalesce(e.line_no, 1)) AS lines
        FROM crm.external_key e WHERE e.source_record_id = ANY (record_ids) AND e.inbox_id IS NOT NULL
        GROUP BY e.received_at, e.inbox_id),
    looked AS (
        SELECT i.received_at, i.inbox_id, crm._access_blank(
                   i.payload, CASE WHEN i.batch_id IS NULL THEN 'single' ELSE b.format END, needles,
                   CASE WHEN n.lines IS NULL THEN '{}'
                        WHEN i.batch_id IS NULL THEN '{1}'
                        ELSE ARRAY(SELECT l - i.first_line + 1 FROM unnest(n.lines) l) END, coalesce(b.header, '')) AS payload
        FROM crm.inbox i
        LEFT JOIN named n ON n.received_at = i.received_at AND n.inbox_id = i.inbox_id
        LEFT JOIN crm.batch b ON b.batch_id = i.batch_id
        WHERE i.source_id IN (SELECT r.source_id FROM crm.source_record r WHERE r.source_record_id = ANY (record_ids)))
    UPDATE crm.inbox i
    SET payload = l.payload,
        external_id = CASE WHEN i.external_id IN (SELECT r.external_id FROM crm.source_record r
                                                  WHERE r.source_record_id = ANY (record_ids)) THEN NULL ELSE i.external_id END
    FROM looked l
    WHERE l.payload IS NOT NULL AND i.received_at = l.received_at AND i.inbox_id = l.inbox_id;
    GET DIAGNOSTICS changed = ROW_COUNT;
    RETURN changed;
END
$$;
COMMENT ON FUNCTION crm._access_blank_inbox(bigint[], bytea[]) IS
    'blanks what the raw inbox holds of these records, in the rows of their sources; the number of rows changed';

CREATE FUNCTION crm._access_blank_lines(received_at timestamptz, inbox_id bigint, lines int[]) RETURNS void
    LANGUAGE plpgsql AS
$$
BEGIN
    UPDATE crm.inbox i
    SET external_id = NULL,
        payload = coalesce(crm._access_blank(
            i.payload, CASE WHEN i.batch_id IS NULL THEN 'single'
                            ELSE (SELECT b.format FROM crm.batch b WHERE b.batch_id = i.batch_id) END, '{}',
            CASE WHEN i.batch_id IS NULL THEN '{1}' ELSE ARRAY(SELECT l - i.first_line + 1 FROM unnest(lines) l) END,
            coalesce((SELECT b.header FROM crm.batch b WHERE b.batch_id = i.batch_id), '')), i.payload)
    WHERE i.received_at = _access_blank_lines.received_at AND i.inbox_id = _access_blank_lines.inbox_id;
END
$$;
COMMENT ON FUNCTION crm._access_blank_lines(timestamptz, bigint, int[]) IS
    'blanks records of an inbox row, by line numbers of the batch (a single call: whole); intake calls it for what '
    'names an erased person';

CREATE FUNCTION crm._access_suppress(record_ids bigint[], persons bigint[]) RETURNS bigint
    LANGUAGE plpgsql AS
$$
DECLARE
    added bigint;
BEGIN
    INSERT INTO crm.suppression (kind, value_hash, erased_at)
    SELECT k.code, i.value_hash, crm.core_now()
    FROM crm.identifier i JOIN crm.identifier_kind k ON k.kind = i.kind WHERE i.customer_id = ANY (persons)
    UNION
    SELECT 'record', crm._access_record_hash(r.source_id, r.external_id), crm.core_now()
    FROM crm.source_record r WHERE r.source_record_id = ANY (record_ids) AND r.kind <> 'receipt'
    ON CONFLICT ON CONSTRAINT suppression_pkey DO NOTHING;
    GET DIAGNOSTICS added = ROW_COUNT;
    RETURN added;
END
$$;
COMMENT ON FUNCTION crm._access_suppress(bigint[], bigint[]) IS
    'puts the identifiers and member ids of an erased person on the suppression list, as keyed hashes; how many were new';

CREATE FUNCTION crm._access_is_suppressed(kind text, value_hash bytea) RETURNS boolean
    LANGUAGE plpgsql STABLE AS
$$
BEGIN
    RETURN EXISTS (SELECT FROM crm.suppression s
                   WHERE s.kind = _access_is_suppressed.kind AND s.value_hash = _access_is_suppressed.value_hash);
END
$$;
COMMENT ON FUNCTION crm._access_is_suppressed(text, bytea) IS
    'whether an identifier (kind = its code) or a member id (kind record) belongs to an erased person and must not '
    'be stored again';

CREATE FUNCTION crm._access_forget(record_ids bigint[], persons bigint[]) RETURNS void
    LANGUAGE plpgsql AS
$$
BEGIN
    UPDATE crm.reject j SET external_id = NULL
    FROM crm.source_record r
    WHERE r.source_record_id = ANY (record_ids) AND r.kind <> 'receipt'
      AND j.source_id = r.source_id AND j.external_id = r.external_id;
    UPDATE crm.batch_error j SET external_id = NULL
    FROM crm.source_record r JOIN crm.batch b ON b.source_id = r.source_id
    WHERE r.source_record_id = ANY (record_ids) AND r.kind <> 'receipt'
      AND j.batch_id = b.batch_id AND j.external_id = r.external_id;
    DELETE FROM crm.external_key e USING crm.source_record r
    WHERE r.source_record_id = ANY (record_ids) AND r.kind <> 'receipt'
      AND e.source_id = r.source_id AND e.kind = 1 AND e.external_id = r.external_id;
    DELETE FROM crm.record_identifier ri WHERE ri.source_record_id = ANY (record_ids);
    DELETE FROM crm.identifier i WHERE i.customer_id = ANY (persons);
    DELETE FROM crm.source_record_private p WHERE p.source_record_id = ANY (record_ids);
    DELETE FROM crm.customer_private p WHERE p.customer_id = ANY (persons);
    UPDATE crm.source_record r
    SET external_id = CASE r.kind WHEN 'receipt' THEN r.external_id ELSE 'erased:' || r.source_record_id END,
        custom = '{}', is_current = false
    WHERE r.source_record_id = ANY (record_ids);
    UPDATE crm.review v SET evidence = '{}' WHERE v.customer_a = ANY (persons) OR v.customer_b = ANY (persons);
    UPDATE crm.merge_journal j SET evidence = '{}' WHERE j.survivor_id = ANY (persons) OR j.other_id = ANY (persons);
    UPDATE crm.customer c
    SET status = 'erased', name_masked = '', phone_masked = '', email_masked = '', sex = NULL, city = '',
        home_store_id = NULL, scope_store_ids = '{}', custom = '{}', row_version = c.row_version + 1,
        updated_at = crm.core_now()
    WHERE c.customer_id = ANY (persons);
END
$$;
COMMENT ON FUNCTION crm._access_forget(bigint[], bigint[]) IS
    'removes every personal value of these records and persons; orders and their sums stay, nameless';

-- The order of intake (member keys, identifiers, persons), so that the two cannot deadlock; what moved
-- while a lock was awaited is looked up again.
CREATE FUNCTION crm._access_lock_person(asked bigint, OUT persons bigint[], OUT record_ids bigint[])
    LANGUAGE plpgsql AS
$$
DECLARE
    locked bigint[];
BEGIN
    LOOP
        persons := crm._identity_cluster(crm._identity_current(asked));
        record_ids := ARRAY(SELECT m.source_record_id FROM crm.membership m
                            WHERE m.customer_id = ANY (persons) AND m.valid_to >= 'infinity' ORDER BY 1);
        EXIT WHEN locked = persons || record_ids;
        PERFORM FROM crm.external_key e WHERE e.kind = 1 AND e.source_record_id = ANY (record_ids)
        ORDER BY e.source_id, e.external_id COLLATE "C" FOR UPDATE;
        PERFORM FROM crm.identifier i WHERE i.customer_id = ANY (persons) ORDER BY i.kind, i.value_hash FOR UPDATE;
        PERFORM FROM crm.customer c WHERE c.customer_id = ANY (persons) ORDER BY c.customer_id FOR UPDATE;
        locked := persons || record_ids;
    END LOOP;
END
$$;
COMMENT ON FUNCTION crm._access_lock_person(bigint) IS
    'locks a person with all ids that ever answered to them, their identifiers and member keys; these persons and '
    'their records';

CREATE FUNCTION crm.access_erase(customer_id bigint, reason text, idempotency_key text DEFAULT NULL) RETURNS jsonb
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
DECLARE
    answer jsonb := crm._idempotency_claim(idempotency_key, 'access_erase',
        convert_to(jsonb_build_array(access_erase.customer_id, reason)::text, 'UTF8'));
    person bigint;
    persons bigint[];
    record_ids bigint[];
    suppressed bigint;
    blanked bigint;
BEGIN
    IF answer IS NOT NULL THEN
        RETURN answer;
    END IF;
    PERFORM crm._access_check_reason(reason, 'a reason is needed to erase a person', 'Name the request, by its number say; no personal values.');
    person := crm._access_require_person(access_erase.customer_id);
    SELECT l.persons, l.record_ids INTO persons, record_ids FROM crm._access_lock_person(person) l;
    -- while the identifiers are still there: first the raw payloads, then the rooms, then the person
    blanked := crm._access_blank_inbox(record_ids, crm._access_needles(record_ids, persons));
    suppressed := crm._access_suppress(record_ids, persons);
    PERFORM crm._consequence_erase(p) FROM unnest(persons) p;
    PERFORM crm._access_forget(record_ids, persons);
    PERFORM crm._audit('erase', 'customer', person, reason => access_erase.reason);
    answer := jsonb_build_object('customer_id', person, 'erased_at', crm.core_now(), 'records', cardinality(record_ids),
                                 'suppressed', suppressed, 'inbox_rows', blanked);
    PERFORM crm._idempotency_store(idempotency_key, answer);
    RETURN answer;
END
$$;
COMMENT ON FUNCTION crm.access_erase(bigint, text, text) IS
    'forgets a person for ever: clear values, identifiers (hashed onto the suppression list, so that the next '
    'export cannot bring them back), raw payloads, what the rooms keep; orders stay without a name; returns counts; '
    'reads the raw inbox of the person''s sources, so seconds on a large one; 22023 without a reason, P0002 when '
    'there is no such person';
GRANT EXECUTE ON FUNCTION crm.access_erase(bigint, text, text) TO crm_steward, crm_headquarters;

CREATE FUNCTION crm.access_readmit(kind text, value text, namespace text, reason text) RETURNS boolean
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
DECLARE
    hash bytea;
BEGIN
    PERFORM crm._access_check_reason(reason, 'a reason is needed to let an erased person come back', 'Say how they asked for it.');
    hash := CASE kind
        WHEN 'record' THEN crm._access_record_hash((SELECT s.source_id FROM crm.source s WHERE s.code = namespace), value)
        ELSE crm._identity_hash(crm._identity_kind(kind), namespace, value) END;
    DELETE FROM crm.suppression s WHERE s.kind = access_readmit.kind AND s.value_hash = hash;
    IF FOUND THEN
        PERFORM crm._audit('readmit', 'suppression', NULL, access_readmit.kind, reason => access_readmit.reason, old_hash => hash);
        RETURN true;
    END IF;
    RETURN false;
END
$$;
COMMENT ON FUNCTION crm.access_readmit(text, text, text, text) IS
    'takes an identifier (kind phone, email ...; value normalised) or a member id (kind record, namespace = code of '
    'the source) off the suppression list when the person comes back by their own will; false when it is not on it; '
    '22023 without a reason; audited';
GRANT EXECUTE ON FUNCTION crm.access_readmit(text, text, text, text) TO crm_steward, crm_headquarters;
