-- identity: those who belong to a person, whose birthdays matter: children, partners, parents, pets.

CREATE FUNCTION crm.identity_relate(customer_id bigint, relation text, name text DEFAULT NULL, birthday date DEFAULT NULL, sex text DEFAULT NULL,
                                    species text DEFAULT NULL, is_birthday_lunar boolean DEFAULT false,
                                            idempotency_key text DEFAULT NULL) RETURNS jsonb
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
DECLARE
    answer jsonb := crm._idempotency_claim(idempotency_key, 'identity_relate',
        convert_to(jsonb_build_array(customer_id, relation, name, birthday, sex, species, nullif(is_birthday_lunar, false))::text, 'UTF8'));
    person bigint := crm._access_require_person(customer_id);
    id bigint := crm._new_id();
BEGIN
    IF answer IS NOT NULL THEN
        RETURN answer;
    END IF;
    IF coalesce(relation, '') NOT IN ('child', 'partner', 'parent', 'pet', 'other') THEN
        RAISE EXCEPTION 'there is no such relation' USING ERRCODE = 'invalid_parameter_value', COLUMN = 'relation',
            HINT = 'Give child, partner, parent, pet or other.';
    ELSIF length(name) > 100 OR length(species) > 100 THEN
        RAISE EXCEPTION 'a related person is described at too great length' USING ERRCODE = 'invalid_parameter_value',
            COLUMN = CASE WHEN length(name) > 100 THEN 'name' ELSE 'species' END, HINT = 'Give at most 100 characters.';
    ELSIF sex NOT IN ('m', 'f') THEN
        RAISE EXCEPTION 'there is no such sex' USING ERRCODE = 'invalid_parameter_value', COLUMN = 'sex', HINT = 'Give m, f or nothing.';
    ELSIF birthday NOT BETWEEN '1900-01-01' AND crm._local_day(crm.core_now(), crm._setting('core.time_zone') #>> '{}') + 400 THEN
        RAISE EXCEPTION 'the birthday cannot be' USING ERRCODE = 'invalid_parameter_value', COLUMN = 'birthday',
            HINT = 'Give a day from 1900 on, an expected one at most a year ahead.';
    END IF;
    INSERT INTO crm.related_person (customer_id, related_id, relation, name, sex, birthday, is_birthday_lunar, species, entered_by, entered_at)
    VALUES (person, id, identity_relate.relation, coalesce(btrim(identity_relate.name), ''), identity_relate.sex,
            identity_relate.birthday, coalesce(identity_relate.is_birthday_lunar, false),
            btrim(identity_relate.species), crm._actor(), crm.core_now());
    PERFORM crm._consequence_facts(ARRAY[person], 'related', false);
    PERFORM crm._audit('edit', 'related_person', person, identity_relate.relation, NULL, NULL, NULL);
    answer := jsonb_build_object('customer_id', person, 'related_id', id);
    PERFORM crm._idempotency_store(idempotency_key, answer);
    RETURN answer;
END
$$;
COMMENT ON FUNCTION crm.identity_relate(bigint, text, text, date, text, text, boolean, text) IS
    'enters who belongs to a person of the actor''s scope: child, partner, parent, pet or other, with name, '
    'birthday (lunar: year, month and day of the Chinese calendar), sex m or f, species of a pet; P0002, 22023 '
    'names the field';

CREATE FUNCTION crm.identity_unrelate(customer_id bigint, related_id bigint) RETURNS boolean
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
DECLARE
    person bigint := crm._access_require_person(customer_id);
    is_gone boolean;
BEGIN
    UPDATE crm.related_person r SET is_current = false
    WHERE r.customer_id = ANY (crm._identity_cluster(person)) AND r.related_id = identity_unrelate.related_id AND r.is_current;
    is_gone := FOUND;
    PERFORM crm._consequence_facts(ARRAY[person], 'related', false);
    PERFORM crm._audit('edit', 'related_person', person, NULL, NULL, NULL, 'ended');
    RETURN is_gone;
END
$$;
COMMENT ON FUNCTION crm.identity_unrelate(bigint, bigint) IS 'ends a relation; whether there was one; P0002';

CREATE FUNCTION crm.identity_related(customer_id bigint) RETURNS SETOF jsonb
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
DECLARE
    person bigint := crm._access_require_person(customer_id);
BEGIN
    RETURN QUERY
    SELECT jsonb_build_object('related_id', r.related_id, 'relation', r.relation, 'name', r.name, 'sex', r.sex,
        'birthday', r.birthday, 'is_birthday_lunar', r.is_birthday_lunar, 'species', r.species)
    FROM crm.related_person r WHERE r.customer_id = ANY (crm._identity_cluster(person)) AND r.is_current ORDER BY r.related_id;
END
$$;
COMMENT ON FUNCTION crm.identity_related(bigint) IS 'who belongs to a person of the actor''s scope; P0002';

GRANT EXECUTE ON FUNCTION crm.identity_relate(bigint, text, text, date, text, text, boolean, text),
    crm.identity_unrelate(bigint, bigint), crm.identity_related(bigint)
    TO crm_clerk, crm_store_manager, crm_manager, crm_service, crm_steward, crm_headquarters;
