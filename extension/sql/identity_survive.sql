-- identity, survivorship: which of several values is the person's, by rules that a steward sets;
-- where each value came from, what decided, and the values that were passed over.

CREATE FUNCTION crm.identity_define_golden(field text, criteria text[], reason text) RETURNS jsonb
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
DECLARE
    kept text[];
BEGIN
    PERFORM crm._identity_need_reason(reason);
    SELECT g.criteria INTO kept FROM crm.golden_rule g WHERE g.field = identity_define_golden.field FOR UPDATE;
    IF kept IS NULL THEN
        RAISE EXCEPTION 'there is no field "%"', field
            USING ERRCODE = 'invalid_parameter_value', COLUMN = 'field', HINT = 'Give name, sex, city, birthday, address, phone or email.';
    END IF;
    IF coalesce(cardinality(criteria), 0) = 0 OR cardinality(criteria) > (SELECT count(DISTINCT c) FROM unnest(criteria) c)
       OR NOT criteria <@ '{verified,priority,recent,oldest,frequent,complete}' THEN
        RAISE EXCEPTION 'these are no criteria'
            USING ERRCODE = 'invalid_parameter_value', COLUMN = 'criteria',
                  HINT = 'Give some of verified, priority, recent, oldest, frequent, complete, each once; the first that tells two values apart decides.';
    END IF;
    IF criteria <> kept THEN
        UPDATE crm.golden_rule g SET criteria = identity_define_golden.criteria, changed_at = crm.core_now()
            WHERE g.field = identity_define_golden.field;
        -- everybody is looked at anew, from the first person on
        INSERT INTO crm.identity_progress AS p (job, day, customer_id)
        VALUES ('golden', crm._local_day(crm.core_now(), coalesce(crm._setting('core.time_zone') #>> '{}', 'Asia/Shanghai')), 0)
        ON CONFLICT (job) DO UPDATE SET day = excluded.day, customer_id = 0;
        PERFORM crm._audit('define', 'golden_rule', NULL, field, array_to_string(kept, ','), array_to_string(criteria, ','), reason);
    END IF;
    RETURN jsonb_build_object('field', field, 'criteria', criteria, 'was', kept);
END
$$;
COMMENT ON FUNCTION crm.identity_define_golden(text, text[], text) IS
    'by which criteria, one after the other, a field of the golden record is chosen among the values of a person''s '
    'records; persons follow by the job identity.golden; {field, criteria, was}; audited; 22023 names the field';

-- After a rule has changed: a piece of all persons.
CREATE FUNCTION crm._identity_refresh_all() RETURNS bigint
    LANGUAGE plpgsql AS
$$
DECLARE
    done crm.identity_progress;
    persons bigint[];
BEGIN
    SELECT * INTO done FROM crm.identity_progress p WHERE p.job = 'golden' FOR NO KEY UPDATE;
    IF done.job IS NULL THEN
        RETURN 0;
    END IF;
    persons := ARRAY(
        SELECT c.customer_id FROM crm.customer c
        WHERE c.customer_id > done.customer_id AND c.status NOT IN ('merged', 'erased') ORDER BY c.customer_id LIMIT 500 FOR NO KEY UPDATE);
    IF cardinality(persons) = 0 THEN
        DELETE FROM crm.identity_progress p WHERE p.job = 'golden';
        RETURN 0;
    END IF;
    PERFORM crm._identity_refresh(persons);
    PERFORM crm._consequence_facts(persons, 'member', true);
    UPDATE crm.identity_progress p SET customer_id = persons[cardinality(persons)] WHERE p.job = 'golden';
    RETURN 1;
END
$$;
COMMENT ON FUNCTION crm._identity_refresh_all() IS
    'golden records of the next 500 persons after a rule was changed; 0 when all are done';

-- The values that a person's records hold for the fields, with what criteria look at.
CREATE FUNCTION crm._identity_values(person bigint)
    RETURNS TABLE (field text, shown text, compared text, source_record_id bigint, source text, is_verified boolean, priority int,
                   received_at timestamptz, length int)
    LANGUAGE plpgsql STABLE AS
$$
BEGIN
    RETURN QUERY
    SELECT v.field, v.shown, v.compared, r.source_record_id, s.code, coalesce(v.field = ANY (s.verified_fields), false), coalesce(s.priority, 100),
           coalesce(p.received_at, r.received_at), v.length
    FROM unnest(crm._identity_records_of(person)) f(id)
    JOIN crm.source_record r ON r.source_record_id = f.id
    LEFT JOIN crm.source s ON s.source_id = r.source_id
    LEFT JOIN crm.source_record_private p ON p.source_record_id = r.source_record_id AND p.revision = r.revision
    CROSS JOIN LATERAL (
        SELECT 'name' AS field, crm._identity_mask_name(p.name) AS shown, p.name AS compared, octet_length(p.name) AS length
        WHERE crm._identity_is_full_name(p.name)
        UNION ALL SELECT 'sex', p.sex::text, p.sex::text, 1 WHERE p.sex IS NOT NULL
        UNION ALL SELECT 'city', p.city, p.city, octet_length(p.city) WHERE p.city <> ''
        UNION ALL SELECT 'birthday', '****-**-**', crm._day_text(p.birthday), 0
                  WHERE crm._identity_is_real_birthday(p.birthday)
        UNION ALL SELECT 'address', '****', crm._decrypt('address', p.address_sealed), octet_length(p.address_sealed)
            WHERE p.address_sealed IS NOT NULL
        UNION ALL (SELECT 'phone', i.masked, encode(i.value_hash, 'hex'), octet_length(i.value_hash) FROM crm.record_identifier ri
                   JOIN crm.identifier i ON i.kind = ri.kind AND i.value_hash = ri.value_hash
                   WHERE ri.source_record_id = r.source_record_id AND ri.kind = 1 AND ri.ended_at IS NULL
                   ORDER BY i.is_blocked, ri.last_seen_at DESC, ri.value_hash LIMIT 1)
        UNION ALL (SELECT 'email', i.masked, encode(i.value_hash, 'hex'), octet_length(i.value_hash) FROM crm.record_identifier ri
                   JOIN crm.identifier i ON i.kind = ri.kind AND i.value_hash = ri.value_hash
                   WHERE ri.source_record_id = r.source_record_id AND ri.kind = 2 AND ri.ended_at IS NULL
                   ORDER BY i.is_blocked, ri.last_seen_at DESC, ri.value_hash LIMIT 1)) v;
END
$$;
COMMENT ON FUNCTION crm._identity_values(bigint) IS
    'a row a record and field: the value masked, as it is compared (clear or a hash: not to be shown), and what the '
    'criteria of crm.golden_rule look at';

-- The criterion that tells the chosen value from the last of the others.
CREATE FUNCTION crm._identity_decider(person bigint, asked_field text, chosen bigint, criteria text[]) RETURNS text
    LANGUAGE plpgsql STABLE AS
$$
DECLARE
    criterion text;
    rivals bigint[];
BEGIN
    rivals := ARRAY(SELECT v.source_record_id FROM crm._identity_values(person) v
                    WHERE v.field = asked_field AND v.compared <> (
                        SELECT w.compared FROM crm._identity_values(person) w WHERE w.field = asked_field AND w.source_record_id = chosen));
    IF cardinality(rivals) = 0 THEN
        RETURN 'only value';
    END IF;
    FOREACH criterion IN ARRAY criteria LOOP
        rivals := ARRAY(
            WITH held AS MATERIALIZED (
                SELECT v.*, count(*) OVER (PARTITION BY v.compared) AS frequency FROM crm._identity_values(person) v WHERE v.field = asked_field),
            own AS (SELECT * FROM held h WHERE h.source_record_id = chosen)
            SELECT h.source_record_id FROM held h, own o
            WHERE h.source_record_id = ANY (rivals)
              AND CASE criterion WHEN 'verified' THEN h.is_verified = o.is_verified WHEN 'priority' THEN h.priority = o.priority
                                 WHEN 'frequent' THEN h.frequency = o.frequency WHEN 'complete' THEN h.length = o.length
                                 ELSE h.received_at = o.received_at END);
        IF cardinality(rivals) = 0 THEN
            RETURN criterion;
        END IF;
    END LOOP;
    RETURN 'default order';
END
$$;
COMMENT ON FUNCTION crm._identity_decider(bigint, text, bigint, text[]) IS
    'the criterion by which the value of a record came before all other values; "only value" without any, "default '
    'order" (priority, newest) when no criterion tells them apart';

CREATE FUNCTION crm.identity_golden(customer_id bigint) RETURNS jsonb
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
DECLARE
    person bigint := crm._access_require_person(customer_id);
    origin jsonb := (SELECT p.provenance FROM crm.customer_private p WHERE p.customer_id = person);
BEGIN
    RETURN jsonb_build_object('customer_id', person, 'fields', (
        SELECT coalesce(jsonb_agg(jsonb_build_object(
                   'field', g.field, 'value', own.shown, 'record', own.source_record_id, 'source', own.source, 'criteria', to_jsonb(g.criteria),
                   'decided_by', crm._identity_decider(person, g.field, own.source_record_id, g.criteria),
                   'others', (SELECT coalesce(jsonb_agg(jsonb_build_object('value', v.shown, 'record', v.source_record_id, 'source', v.source)
                                                        ORDER BY v.source_record_id), '[]')
                              FROM crm._identity_values(person) v WHERE v.field = g.field AND v.compared <> own.compared)) ORDER BY g.place), '[]')
        FROM crm.golden_rule g
        CROSS JOIN LATERAL (SELECT * FROM crm._identity_values(person) v
                            WHERE v.field = g.field AND v.source_record_id = (origin ->> g.field)::bigint) own));
END
$$;
COMMENT ON FUNCTION crm.identity_golden(bigint) IS
    'the golden record field by field: value (masked), the record and source it came from, the criteria and the one '
    'that decided, and the other values that are kept; P0002 out of scope';

GRANT EXECUTE ON FUNCTION crm.identity_golden(bigint) TO crm_store_manager, crm_manager, crm_steward, crm_headquarters;
GRANT EXECUTE ON FUNCTION crm.identity_define_golden(text, text[], text) TO crm_steward, crm_headquarters;
