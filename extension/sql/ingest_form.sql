-- ingest_form: the form in which a role registers customers.  Pages draw it, and the enrolment holds to it.

CREATE FUNCTION crm._ingest_form_fields() RETURNS TABLE (field text, type text, options jsonb, name_zh text, name_en text)
    LANGUAGE plpgsql STABLE AS
$$
BEGIN
    RETURN QUERY
    SELECT f.field, f.type, f.options::jsonb, NULL::text, NULL::text
    FROM (VALUES (1, 'phone', 'text', NULL), (2, 'name', 'text', NULL), (3, 'birthday', 'date', NULL),
                 (4, 'sex', 'option', '["f", "m"]'), (5, 'email', 'text', NULL),
                 (6, 'member_card', 'text', NULL), (7, 'city', 'text', NULL), (8, 'address', 'text', NULL),
                         (9, 'note', 'text', NULL)) f (n, field, type, options) ORDER BY f.n;
    RETURN QUERY
    SELECT 'custom.' || c.code, c.type, c.options, c.name_zh, c.name_en FROM crm.custom_field c
        WHERE c.entity = 'member' AND NOT c.is_derived ORDER BY c.code;
END
$$;
COMMENT ON FUNCTION crm._ingest_form_fields() IS
    'what a form may ask for: fields of members, custom ones last (computed ones not), with type, options, and the '
    'names of custom ones';

CREATE FUNCTION crm._ingest_form_role(role text) RETURNS name
    LANGUAGE plpgsql STABLE AS
$$
DECLARE
    wanted name := 'crm_' || coalesce(role, substr(crm._actor_role(), 5));
BEGIN
    IF wanted NOT IN ('crm_clerk', 'crm_store_manager', 'crm_manager', 'crm_service', 'crm_headquarters') THEN
        RAISE EXCEPTION 'this role registers nobody' USING ERRCODE = 'invalid_parameter_value', COLUMN = 'role',
            HINT = 'Give clerk, store_manager, manager, service or headquarters.';
    END IF;
    RETURN wanted;
END
$$;
COMMENT ON FUNCTION crm._ingest_form_role(text) IS
    'a role that registers customers (null: the actor''s); 22023 for another';

CREATE FUNCTION crm._ingest_first_form() RETURNS jsonb
    LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
$$ SELECT '[{"field": "phone", "is_required": true}, {"field": "name", "is_required": true}, {"field": "birthday", "is_required": false}]'::jsonb $$;
COMMENT ON FUNCTION crm._ingest_first_form() IS 'the form that every role begins with';

CREATE FUNCTION crm._ingest_form(role name) RETURNS jsonb
    LANGUAGE plpgsql STABLE AS
$$
BEGIN
    RETURN (SELECT coalesce(jsonb_agg(g.value ORDER BY g.n), '[]')
            FROM jsonb_array_elements(coalesce((SELECT f.fields FROM crm.entry_form f WHERE f.role = _ingest_form.role
                                               ORDER BY f.version DESC LIMIT 1),
                                               crm._ingest_first_form())) WITH ORDINALITY g (value, n)
            WHERE EXISTS (SELECT FROM crm._ingest_form_fields() k WHERE k.field = g.value ->> 'field'));
END
$$;
COMMENT ON FUNCTION crm._ingest_form(name) IS
    'the fields of a role''s form in their order, without those that are no longer offered; phone, name and '
    'birthday until somebody said otherwise';

CREATE FUNCTION crm.ingest_entry_form(role text DEFAULT NULL) RETURNS jsonb
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
DECLARE
    whose name := crm._ingest_form_role(role);
BEGIN
    IF whose <> crm._actor_role() AND crm._actor_role() IN ('crm_clerk', 'crm_store_manager', 'crm_manager', 'crm_service') THEN
        RAISE EXCEPTION 'this is another role''s form' USING ERRCODE = 'insufficient_privilege', HINT = 'Leave the role out.';
    END IF;
    RETURN jsonb_build_object('role', substr(whose, 5),
        'version', coalesce((SELECT max(f.version) FROM crm.entry_form f WHERE f.role = whose), 0),
        'fields', (SELECT coalesce(jsonb_agg(jsonb_strip_nulls(to_jsonb(k))
                   || jsonb_build_object('is_required', g.value -> 'is_required') ORDER BY g.n), '[]')
                   FROM jsonb_array_elements(crm._ingest_form(whose)) WITH ORDINALITY g (value, n)
                       JOIN crm._ingest_form_fields() k ON k.field = g.value ->> 'field'));
END
$$;
COMMENT ON FUNCTION crm.ingest_entry_form(text) IS
    'the form in which a role (null: the caller''s) registers customers: role, version (0: nobody changed it), '
    'fields in their order with type, options, is_required, names of custom ones; 22023 for a role that registers '
    'nobody, 42501 for another''s';

CREATE FUNCTION crm.ingest_entry_forms(role text) RETURNS jsonb
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
DECLARE
    whose name := crm._ingest_form_role(role);
BEGIN
    RETURN crm.ingest_entry_form(role) || jsonb_build_object(
        'known', (SELECT jsonb_agg(jsonb_strip_nulls(to_jsonb(k))) FROM crm._ingest_form_fields() k),
        'versions', (SELECT coalesce(jsonb_agg(jsonb_build_object('version', v.version, 'fields', v.fields,
                     'changed_by', v.changed_by, 'changed_at', v.changed_at) ORDER BY v.version DESC), '[]')
                     FROM (SELECT f.version, f.fields, f.changed_by, f.changed_at FROM crm.entry_form f WHERE f.role = whose
                           UNION ALL SELECT 0, crm._ingest_first_form(), NULL, NULL ORDER BY 1 DESC LIMIT 20) v));
END
$$;
COMMENT ON FUNCTION crm.ingest_entry_forms(text) IS
    'a role''s form for whoever changes it: as crm.ingest_entry_form(), with every field it may ask for and its '
    'versions, the newest 20 (0: as it began); 22023';

CREATE FUNCTION crm._ingest_form_fault(fields jsonb) RETURNS text
    LANGUAGE plpgsql STABLE AS
$$
DECLARE
    list jsonb := CASE jsonb_typeof(fields) WHEN 'array' THEN fields ELSE '[]' END;
BEGIN
    RETURN (SELECT f.fault FROM (VALUES
        (1, jsonb_array_length(list) BETWEEN 2 AND 40, 'a form is a list of 2 to 40 fields'),
        (2, NOT EXISTS (SELECT FROM jsonb_array_elements(list) g WHERE jsonb_typeof(g) <> 'object'
            OR NOT EXISTS (SELECT FROM crm._ingest_form_fields() k WHERE k.field = g ->> 'field')),
            'a field is one of crm._ingest_form_fields()'),
        (3, NOT EXISTS (SELECT FROM jsonb_array_elements(list) g
                WHERE jsonb_typeof(g -> 'is_required') IS DISTINCT FROM 'boolean'), 'is_required is true or false'),
        (4, (SELECT count(*) = count(DISTINCT g ->> 'field') FROM jsonb_array_elements(list) g), 'a field stands in a form once'),
        (5, list @> '[{"field": "phone", "is_required": true}, {"field": "name", "is_required": true}]',
                'phone and name are always asked for')) f (n, is_good, fault)
        WHERE NOT f.is_good ORDER BY f.n LIMIT 1);
END
$$;
COMMENT ON FUNCTION crm._ingest_form_fault(jsonb) IS 'what is wrong with the fields of a form; null: nothing';

CREATE FUNCTION crm.ingest_define_entry_form(role text, fields jsonb, idempotency_key text DEFAULT NULL) RETURNS jsonb
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
#variable_conflict use_variable
DECLARE
    answer jsonb := crm._idempotency_claim(idempotency_key,
            'ingest_define_entry_form', crm._sha256(convert_to(jsonb_build_array(role, fields)::text, 'UTF8')));
    whose name := crm._ingest_form_role(role);
    fault text := crm._ingest_form_fault(fields);
BEGIN
    IF answer IS NOT NULL THEN
        RETURN answer;
    END IF;
    IF fault IS NOT NULL THEN
        RAISE EXCEPTION 'this is no form: %', fault USING ERRCODE = 'invalid_parameter_value', COLUMN = 'fields',
            HINT = 'As [{"field": "phone", "is_required": true}, {"field": "name", "is_required": true}, {"field": "custom.diet", "is_required": false}].';
    END IF;
    LOCK TABLE crm.entry_form IN SHARE ROW EXCLUSIVE MODE;      -- versions are given out one after the other
    INSERT INTO crm.entry_form (role, version, fields, changed_by, changed_at)
    SELECT whose, coalesce(max(f.version), 0) + 1,
           (SELECT jsonb_agg(jsonb_build_object('field', g.value -> 'field', 'is_required', g.value -> 'is_required')
                   ORDER BY g.n) FROM jsonb_array_elements(fields) WITH ORDINALITY g (value, n)),
           crm._actor(), crm.core_now() FROM crm.entry_form f WHERE f.role = whose;
    PERFORM crm._audit('define', 'entry_form', NULL, 'fields', NULL, left(fields::text, 500), whose::text);
    answer := crm.ingest_entry_form(role);
    PERFORM crm._idempotency_store(idempotency_key, answer);
    RETURN answer;
END
$$;
COMMENT ON FUNCTION crm.ingest_define_entry_form(text, jsonb, text) IS
    'says what a role enters when it registers a customer: fields in their order, each with is_required; phone and '
    'name always; at once, as a new version (an older one is given again to take it back); answers as '
    'crm.ingest_entry_form(); 22023; audited';

CREATE FUNCTION crm._ingest_form_kept(whose name) RETURNS jsonb
    LANGUAGE plpgsql STABLE AS
$$
BEGIN
    RETURN (SELECT jsonb_agg(jsonb_build_object('version', v.version,
            'content', jsonb_build_object('fields', v.fields), 'changed_by', v.changed_by, 'changed_at', v.changed_at,
            'back_to', v.back_to) ORDER BY v.version DESC)
            FROM (SELECT f.version, f.fields, f.changed_by, f.changed_at, f.back_to FROM crm.entry_form f
                WHERE f.role = whose UNION ALL SELECT 0, crm._ingest_first_form(), NULL, NULL, NULL) v);
END
$$;
COMMENT ON FUNCTION crm._ingest_form_kept(name) IS
    'the versions of a role''s form (0: as it began), as crm._versions_told() takes them';

CREATE FUNCTION crm.ingest_form_versions(role text, against int DEFAULT NULL) RETURNS SETOF jsonb
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
BEGIN
    RETURN QUERY SELECT crm._versions_told(crm._ingest_form_kept(crm._ingest_form_role(role)), against);
END
$$;
COMMENT ON FUNCTION crm.ingest_form_versions(text, int) IS
    'the versions of a role''s form, the newest first (0: as it began): content, changed_by and changed_at, '
    'back_to, is_current, changes against the version before or against a given one; P0002, 22023';

CREATE FUNCTION crm.ingest_revert_form(role text, version int, idempotency_key text DEFAULT NULL) RETURNS jsonb
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
DECLARE
    answer jsonb := crm._idempotency_claim(idempotency_key,
            'ingest_revert_form', crm._sha256(convert_to(jsonb_build_array(role, version)::text, 'UTF8')));
    whose name := crm._ingest_form_role(role);
    wanted jsonb := crm._version_wanted(crm._ingest_form_kept(whose), version);
BEGIN
    IF answer IS NOT NULL THEN
        RETURN answer;
    END IF;
    -- a field that is offered no more is left out, as it is of the form that holds
    answer := crm.ingest_define_entry_form(role, (SELECT jsonb_agg(g.value ORDER BY g.n)
                FROM jsonb_array_elements(wanted -> 'fields') WITH ORDINALITY g (value, n)
                                                  WHERE EXISTS (SELECT FROM crm._ingest_form_fields() k WHERE k.field = g.value ->> 'field')));
    UPDATE crm.entry_form f SET back_to = ingest_revert_form.version WHERE f.role = whose AND f.version = (answer ->> 'version')::int;
    PERFORM crm._idempotency_store(idempotency_key, answer);
    RETURN answer;
END
$$;
COMMENT ON FUNCTION crm.ingest_revert_form(text, int, text) IS
    'gives a role the form of an earlier version (0: as it began), at once, as a new one; a field that is offered '
    'no more is left out; answers as crm.ingest_entry_form(); P0002, 22023; audited';
GRANT EXECUTE ON FUNCTION crm.ingest_form_versions(text, int), crm.ingest_revert_form(text, int, text) TO crm_headquarters, crm_steward;

CREATE FUNCTION crm._ingest_hold_to_form(given jsonb) RETURNS jsonb
    LANGUAGE plpgsql STABLE AS
$$
DECLARE
    form jsonb := crm._ingest_form(crm._actor_role());
    -- what was left empty was not given
    said jsonb := (SELECT coalesce(jsonb_object_agg(g.key, g.value), '{}') FROM jsonb_each(given) g
            WHERE g.value NOT IN ('null', '""', '[]') AND btrim(g.value #>> '{}') <> '');
    wrong text;
BEGIN
    SELECT g.key INTO wrong FROM jsonb_each(said) g WHERE NOT EXISTS (SELECT FROM jsonb_array_elements(form) f WHERE f ->> 'field' = g.key) LIMIT 1;
    IF wrong IS NOT NULL THEN
        RAISE EXCEPTION 'your form does not ask for "%"', left(wrong, 100) USING ERRCODE = 'invalid_parameter_value',
            COLUMN = wrong, HINT = 'Leave the field out, or ask headquarters to add it to the form.';
    END IF;
    SELECT f.value ->> 'field' INTO wrong FROM jsonb_array_elements(form) WITH ORDINALITY f (value, n)
    WHERE (f.value ->> 'is_required')::boolean AND NOT said ? (f.value ->> 'field') ORDER BY f.n LIMIT 1;
    IF wrong IS NOT NULL THEN
        RAISE EXCEPTION 'the form needs "%"', wrong USING ERRCODE = 'invalid_parameter_value', COLUMN = wrong, HINT = 'Fill in the field.';
    END IF;
    RETURN said;
END
$$;
COMMENT ON FUNCTION crm._ingest_hold_to_form(jsonb) IS
    'what was entered in the actor''s form, without what was left empty; 22023 names a field that the form does not '
    'have, or one it needs and that is empty';

GRANT EXECUTE ON FUNCTION crm.ingest_entry_form(text) TO crm_clerk, crm_store_manager, crm_manager, crm_service, crm_headquarters;
GRANT EXECUTE ON FUNCTION crm.ingest_entry_forms(text), crm.ingest_define_entry_form(text, jsonb, text) TO crm_headquarters, crm_steward;
