-- access: one person: whether the actor sees them, clear values shown (audited) and exported.

CREATE FUNCTION crm._access_sees(customer_id bigint) RETURNS boolean
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
BEGIN
    RETURN EXISTS (
        SELECT FROM crm.customer c
        WHERE c.customer_id = _access_sees.customer_id
          AND (crm._access_sees_all() OR c.scope_store_ids && crm.access_store_ids()));
END
$$;
COMMENT ON FUNCTION crm._access_sees(bigint) IS
    'whether the actor may see this row of crm.customer: the same answer as its policies give, for definer functions';

CREATE FUNCTION crm._access_require_person(asked bigint) RETURNS bigint
    LANGUAGE plpgsql STABLE AS
$$
DECLARE
    person bigint := crm._identity_current(asked);
BEGIN
    IF person IS NULL OR NOT crm._access_sees(person) THEN
        RAISE EXCEPTION 'there is no such person in your scope'
            USING ERRCODE = 'no_data_found', COLUMN = 'customer_id', HINT = 'Look the person up by phone or card, or ask a manager.';
    END IF;
    RETURN person;
END
$$;
COMMENT ON FUNCTION crm._access_require_person(bigint) IS
    'the current id of a person whom the actor may see; P0002 otherwise, alike for none and not yours';

CREATE FUNCTION crm.access_set_field_right(role name, field text, is_clear boolean) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
DECLARE
    roles CONSTANT text[] :=
        '{crm_clerk,crm_store_manager,crm_manager,crm_service,crm_steward,crm_headquarters}';     -- the others never see clear values
    fields CONSTANT text[] := '{name,phone,email,birthday,address,identifiers,note,custom}';
BEGIN
    IF role = ANY (roles) IS NOT TRUE THEN
        RAISE EXCEPTION 'no clear values can be given to role "%"', role USING ERRCODE = 'invalid_parameter_value', COLUMN = 'role',
            HINT = format('Give one of %s.', array_to_string(roles, ', '));
    ELSIF field = ANY (fields) IS NOT TRUE THEN
        RAISE EXCEPTION 'there is no field "%"', field USING ERRCODE = 'invalid_parameter_value', COLUMN = 'field',
            HINT = format('Give one of %s.', array_to_string(fields, ', '));
    END IF;
    PERFORM crm._require_given(is_clear, 'is_clear');
    IF is_clear THEN
        INSERT INTO crm.field_right (role, field)
        VALUES (access_set_field_right.role, access_set_field_right.field)
        ON CONFLICT ON CONSTRAINT field_right_pkey DO NOTHING;
    ELSE
        DELETE FROM crm.field_right f
        WHERE f.role = access_set_field_right.role AND f.field = access_set_field_right.field;
    END IF;
    PERFORM crm._audit('field_right', 'role', NULL, access_set_field_right.field,
                       new_masked => concat_ws(' ', role, CASE WHEN is_clear THEN 'clear' ELSE 'masked' END));
END
$$;
COMMENT ON FUNCTION crm.access_set_field_right(name, text, boolean) IS
    'lets a role see a field in clear through crm.access_unmask(), or no longer; 23514 for roles that never may '
    '(marketer, analyst, admin, till, reader) and for unknown fields';
GRANT EXECUTE ON FUNCTION crm.access_set_field_right(name, text, boolean) TO crm_admin;

CREATE FUNCTION crm._access_clear_field(person bigint, field text) RETURNS jsonb
    LANGUAGE plpgsql STABLE AS
$$
BEGIN
    RETURN CASE field
        WHEN 'identifiers' THEN (
            SELECT jsonb_agg(jsonb_build_object('kind', k.code, 'value', crm._decrypt(k.code, i.value_sealed), 'masked', i.masked)
                             ORDER BY k.rank, i.value_hash)
            FROM crm.identifier i JOIN crm.identifier_kind k ON k.kind = i.kind
            WHERE i.customer_id = person AND k.code NOT IN ('home_name', 'home'))      -- name and address, shown as such
        WHEN 'note' THEN (
            SELECT jsonb_agg(p.note ORDER BY p.source_record_id)
            FROM crm.membership m JOIN LATERAL (
                SELECT q.source_record_id, q.note FROM crm.source_record_private q
                WHERE q.source_record_id = m.source_record_id ORDER BY q.revision DESC LIMIT 1) p ON p.note <> ''
            WHERE m.customer_id = person AND m.valid_to = 'infinity')
        ELSE (
            SELECT CASE field
                WHEN 'name' THEN to_jsonb(p.name)
                WHEN 'phone' THEN to_jsonb(crm._decrypt('phone', p.phone_sealed))
                WHEN 'email' THEN to_jsonb(crm._decrypt('email', p.email_sealed))
                WHEN 'birthday' THEN to_jsonb(p.birthday)
                WHEN 'address' THEN to_jsonb(crm._decrypt('address', p.address_sealed))
                WHEN 'custom' THEN nullif(p.custom, '{}') END
            FROM crm.customer_private p WHERE p.customer_id = person)
    END;
END
$$;
COMMENT ON FUNCTION crm._access_clear_field(bigint, text) IS 'one field of a person in clear; null when there is none';

CREATE FUNCTION crm._access_count_unmask() RETURNS void
    LANGUAGE plpgsql AS
$$
BEGIN
    PERFORM crm._access_require_trail();
    -- the staff row's lock makes parallel calls of one person count one after the other
    PERFORM FROM crm.staff m WHERE m.staff_id = crm._actor_staff() FOR NO KEY UPDATE;
    IF (SELECT count(DISTINCT (a.audited_at, a.object_id)) FROM crm.audit a
        WHERE a.actor = crm._actor() AND a.action = 'unmask' AND a.audited_at > clock_timestamp() - interval '1 hour')
       >= crm._setting('access.unmask_hour_limit')::int THEN
        RAISE EXCEPTION 'too many look-ups or unmaskings within an hour'
            USING ERRCODE = 'RM110', HINT = 'Wait, or ask headquarters for a list.';
    END IF;
END
$$;
COMMENT ON FUNCTION crm._access_count_unmask() IS
    'RM110 when the staff member has unmasked access.unmask_hour_limit times in the last hour';

CREATE FUNCTION crm.access_unmask(customer_id bigint, fields text[], reason text) RETURNS jsonb
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
DECLARE
    person bigint;
    wanted text;
    value jsonb;
    answer jsonb := '{}';
BEGIN
    IF crm._actor_staff() IS NULL THEN
        RAISE EXCEPTION 'only a staff member can see clear values'
            USING ERRCODE = 'insufficient_privilege', HINT = 'Sign in as yourself; keys and shared logins cannot.';
    END IF;
    IF fields IS NULL OR cardinality(fields) = 0 OR cardinality(fields) > 20 THEN
        RAISE EXCEPTION 'no fields were asked for' USING ERRCODE = 'invalid_parameter_value', COLUMN = 'fields',
            HINT = 'Name at least one of name, phone, email, birthday, address, identifiers, note and custom.';
    END IF;
    PERFORM crm._access_check_reason(reason, 'a reason is needed to see clear values', 'Say what the values are needed for; the trail keeps it.');
    FOREACH wanted IN ARRAY fields LOOP
        IF NOT EXISTS (SELECT FROM crm.field_right f WHERE f.role = crm._actor_role() AND f.field = wanted) THEN
            RAISE EXCEPTION 'role % may not see field "%" in clear', crm._actor_role(), coalesce(wanted, '')
                USING ERRCODE = 'insufficient_privilege', COLUMN = 'fields', HINT = 'crm.field_right says which fields a role may see.';
        END IF;
    END LOOP;
    person := crm._access_require_person(access_unmask.customer_id);
    PERFORM crm._access_count_unmask();
    FOREACH wanted IN ARRAY fields LOOP
        value := crm._access_clear_field(person, wanted);
        answer := answer || jsonb_build_object(wanted, value);
        PERFORM crm._audit('unmask', 'customer', person, wanted, reason => access_unmask.reason,
                           new_hash => crm._keyed_hash('audit', convert_to(coalesce(value #>> '{}', ''), 'UTF8')));
    END LOOP;
    RETURN jsonb_build_object('customer_id', person, 'fields', answer);
END
$$;
COMMENT ON FUNCTION crm.access_unmask(bigint, text[], text) IS
    'fields of a person in clear (name, phone, email, birthday, address, identifiers, note, custom: those custom '
    'fields that are sensitive), each put on the trail with the reason; staff only, within scope and '
    'crm.field_right (42501 names the field), RM110 past the hourly limit, 22023 without a reason, P0002 when out '
    'of scope';
GRANT EXECUTE ON FUNCTION crm.access_unmask(bigint, text[], text) TO crm_clerk, crm_store_manager, crm_manager,
    crm_service, crm_steward, crm_headquarters;

CREATE FUNCTION crm.access_export(customer_id bigint) RETURNS jsonb
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
DECLARE
    person bigint := crm._access_require_person(access_export.customer_id);
    answer jsonb;
BEGIN
    answer := jsonb_build_object(
        'customer_id', person, 'exported_at', crm.core_now(),
        'person', (SELECT jsonb_object_agg(f, crm._access_clear_field(person, f))
                   FROM unnest('{name,phone,email,birthday,address,identifiers,note,custom}'::text[]) f),
        'records', (SELECT coalesce(jsonb_agg(jsonb_build_object(
                        'source', s.code, 'external_id', r.external_id, 'kind', r.kind, 'channel', r.channel,
                        'registered_at', r.registered_at, 'custom', r.custom) ORDER BY r.source_record_id), '[]')
                    FROM crm.membership m JOIN crm.source_record r USING (source_record_id)
                    LEFT JOIN crm.source s ON s.source_id = r.source_id
                    WHERE m.customer_id = person AND m.valid_to = 'infinity'),
        'seen_by', (SELECT coalesce(jsonb_agg(jsonb_build_object('at', a.audited_at, 'actor', a.actor, 'action', a.action,
                        'field', a.field, 'reason', a.reason) ORDER BY a.audited_at, a.audit_id), '[]')
                    FROM crm.audit a WHERE a.object_kind = 'customer' AND a.object_id = person),
        'rooms', crm._consequence_export(person));
    PERFORM crm._audit('export', 'customer', person);
    RETURN answer;
END
$$;
COMMENT ON FUNCTION crm.access_export(bigint) IS
    'everything kept about a person, clear values included, for the person who asks for it: person, records, '
    'seen_by (the trail), rooms; audited; P0002 when there is no such person';
GRANT EXECUTE ON FUNCTION crm.access_export(bigint) TO crm_steward, crm_headquarters;
