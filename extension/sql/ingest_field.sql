-- ingest_field: custom fields, without DDL and without a restart.  Each definition is a version; an older one is
-- taken back.

CREATE FUNCTION crm._ingest_keep_field(entity text, code text, back_to int) RETURNS void
    LANGUAGE plpgsql AS
$$
#variable_conflict use_variable
DECLARE
    definition jsonb := (SELECT to_jsonb(f) - '{entity,code}'::text[] FROM crm.custom_field f
            WHERE f.entity = _ingest_keep_field.entity AND f.code = _ingest_keep_field.code);
BEGIN
    INSERT INTO crm.custom_field_version (entity, code, version, definition, back_to, changed_by, changed_at)
    SELECT entity, code, coalesce(n.version, 0) + 1, definition, _ingest_keep_field.back_to, crm._actor(), crm.core_now()
    FROM (SELECT 1) one LEFT JOIN LATERAL (SELECT v.version, v.definition FROM crm.custom_field_version v
                                           WHERE v.entity = _ingest_keep_field.entity
                                           AND v.code = _ingest_keep_field.code
                                           ORDER BY v.version DESC LIMIT 1) n ON true
    WHERE n.definition IS DISTINCT FROM definition;
END
$$;
COMMENT ON FUNCTION crm._ingest_keep_field(text, text, int) IS
    'keeps a custom field as it is now as its next version, if it is another than the last; the caller holds its row';

CREATE FUNCTION crm.ingest_define_field(entity text, code text, type text, name_zh text, name_en text, options jsonb DEFAULT NULL,
                                        is_derived boolean DEFAULT false, is_sensitive boolean DEFAULT false) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
DECLARE
    was_sensitive boolean := coalesce((SELECT f.is_sensitive FROM crm.custom_field f
                                       WHERE f.entity = ingest_define_field.entity AND f.code = ingest_define_field.code), is_sensitive);
BEGIN
    IF entity IS DISTINCT FROM 'member' THEN
        RAISE EXCEPTION 'only members have custom fields' USING ERRCODE = 'invalid_parameter_value', COLUMN = 'entity',
            HINT = 'Give member.';
    END IF;
    IF coalesce(code, '') !~ '^[a-z][a-z0-9_]{0,39}$' THEN
        RAISE EXCEPTION 'the code of a field cannot be used' USING ERRCODE = 'invalid_parameter_value',
            COLUMN = 'code', HINT = 'Give 1 to 40 lower-case letters, digits and _, a letter first.';
    ELSIF coalesce(name_zh, '') = '' OR coalesce(name_en, '') = '' THEN
        RAISE EXCEPTION 'a field needs both names' USING ERRCODE = 'invalid_parameter_value', COLUMN = CASE
            WHEN coalesce(name_zh, '') = '' THEN 'name_zh' ELSE 'name_en' END,
            HINT = 'Say what it holds, in Chinese and in English.';
    ELSIF type IS NULL OR type NOT IN ('text', 'number', 'date', 'bool', 'option', 'multi_option') THEN
        RAISE EXCEPTION 'there is no type "%"', coalesce(type, '') USING ERRCODE = 'invalid_parameter_value', COLUMN = 'type',
            HINT = 'The type is text, number, date, bool, option or multi_option.';
    END IF;
    IF (type IN ('option', 'multi_option')) <> (jsonb_typeof(options) IS NOT DISTINCT FROM 'array') THEN
        RAISE EXCEPTION 'options are a list, for the types option and multi_option' USING ERRCODE = 'invalid_parameter_value', COLUMN = 'options',
            HINT = 'Give ["a", "b"] for option and multi_option, null for the others.';
    END IF;
    IF EXISTS (SELECT FROM crm.custom_field f WHERE f.entity = ingest_define_field.entity AND f.code = ingest_define_field.code
               AND f.type <> ingest_define_field.type) THEN
        RAISE EXCEPTION 'a custom field keeps its type' USING ERRCODE = 'invalid_parameter_value', COLUMN = 'type',
            HINT = 'Define another field; values of the old type are stored.';
    END IF;
    INSERT INTO crm.custom_field AS f (entity, code, name_zh, name_en, type, options, is_derived, is_sensitive)
    VALUES (entity, code, name_zh, name_en, type, options, is_derived, is_sensitive)
    ON CONFLICT ON CONSTRAINT custom_field_pkey DO UPDATE SET name_zh = excluded.name_zh, name_en = excluded.name_en,
        options = excluded.options, is_derived = excluded.is_derived, is_sensitive = excluded.is_sensitive;
    IF is_sensitive <> was_sensitive THEN
        PERFORM crm._identity_move_custom(code, is_sensitive);
    END IF;
    PERFORM crm._ingest_keep_field(entity, code, NULL);
    PERFORM crm._audit('define', 'custom_field', NULL, code);
END
$$;
COMMENT ON FUNCTION crm.ingest_define_field(text, text, text, text, text, jsonb, boolean, boolean) IS
    'makes or changes a typed custom field of members: text, number, date, bool, option or multi_option (options: a '
    'list of texts); derived ones are computed and refuse input; sensitive ones are shown by crm.access_unmask() '
    'alone, to whom crm.field_right lets see custom, and are asked in rules as the kind sensitive; 22023 naming the '
    'field';
GRANT EXECUTE ON FUNCTION crm.ingest_define_field(text, text, text, text, text, jsonb, boolean, boolean) TO crm_admin, crm_steward, crm_headquarters;

CREATE FUNCTION crm._ingest_field_kept(field text) RETURNS jsonb
    LANGUAGE plpgsql STABLE AS
$$
DECLARE
    kept jsonb := (SELECT jsonb_agg(jsonb_build_object('version', v.version, 'content', v.definition,
                   'changed_by', v.changed_by, 'changed_at', v.changed_at, 'back_to', v.back_to)
                   ORDER BY v.version DESC)
                   FROM crm.custom_field_version v WHERE v.entity = 'member' AND v.code = field);
BEGIN
    IF kept IS NULL THEN
        RAISE EXCEPTION 'there is no custom field "%"', left(coalesce(field, ''), 60) USING ERRCODE = 'no_data_found',
            COLUMN = 'field', HINT = 'crm.ingest_custom_fields() has those there are.';
    END IF;
    RETURN kept;
END
$$;
COMMENT ON FUNCTION crm._ingest_field_kept(text) IS
    'the versions of a custom field of members, as crm._versions_told() takes them; P0002';

CREATE FUNCTION crm.ingest_custom_fields() RETURNS SETOF jsonb
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
BEGIN
    RETURN QUERY
    SELECT jsonb_build_object('field', f.code, 'name_zh', f.name_zh, 'name_en', f.name_en, 'type', f.type,
        'options', f.options, 'is_derived', f.is_derived, 'is_sensitive', f.is_sensitive,
        'version', (SELECT max(v.version) FROM crm.custom_field_version v WHERE v.entity = f.entity AND v.code = f.code))
    FROM crm.custom_field f WHERE f.entity = 'member' ORDER BY f.code;
END
$$;
COMMENT ON FUNCTION crm.ingest_custom_fields() IS
    'the custom fields of members: field (its code), names, type, options, is_derived (computed), is_sensitive '
    '(kept apart), version';

CREATE FUNCTION crm.ingest_set_field(field text, definition jsonb, idempotency_key text DEFAULT NULL) RETURNS jsonb
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
DECLARE
    answer jsonb := crm._idempotency_claim(idempotency_key,
            'ingest_set_field', crm._sha256(convert_to(jsonb_build_array(field, definition)::text, 'UTF8')));
    wrong text := crm._unknown_member(definition, '{type,name_zh,name_en,options,is_sensitive}', 'definition');
BEGIN
    IF answer IS NOT NULL THEN
        RETURN answer;
    ELSIF wrong IS NOT NULL THEN
        RAISE EXCEPTION 'a custom field has no such member' USING ERRCODE = 'invalid_parameter_value',
            COLUMN = left(wrong, 60), HINT = 'Members are type, name_zh, name_en, options and is_sensitive.';
    ELSIF jsonb_typeof(coalesce(definition -> 'is_sensitive', 'false')) <> 'boolean' THEN
        RAISE EXCEPTION 'a field is kept apart or not' USING ERRCODE = 'invalid_parameter_value',
            COLUMN = 'is_sensitive', HINT = 'Give true or false.';
    ELSIF jsonb_typeof(definition -> 'options') = 'array' AND (jsonb_array_length(definition -> 'options') NOT BETWEEN 1 AND 100
          OR EXISTS (SELECT FROM jsonb_array_elements(definition -> 'options') o WHERE jsonb_typeof(o) <> 'string'
                      OR length(btrim(o #>> '{}')) NOT BETWEEN 1 AND 100)) THEN
        RAISE EXCEPTION 'options are texts' USING ERRCODE = 'invalid_parameter_value', COLUMN = 'options',
            HINT = 'Give 1 to 100 of them, as ["a", "b"].';
    ELSIF EXISTS (SELECT FROM crm.custom_field f WHERE f.entity = 'member' AND f.code = field AND f.is_derived) THEN
        RAISE EXCEPTION 'this field is computed' USING ERRCODE = 'invalid_parameter_value', COLUMN = 'field', HINT = 'Define another one.';
    END IF;
    PERFORM crm.ingest_define_field('member', field, definition ->> 'type', btrim(definition ->> 'name_zh'),
                                    coalesce(nullif(btrim(definition ->> 'name_en'), ''),
                                    btrim(definition ->> 'name_zh')),
                                    nullif(definition -> 'options', 'null'), false, coalesce((definition ->> 'is_sensitive')::boolean, false));
    answer := (SELECT f FROM crm.ingest_custom_fields() f WHERE f ->> 'field' = ingest_set_field.field);
    PERFORM crm._idempotency_store(idempotency_key, answer);
    RETURN answer;
END
$$;
COMMENT ON FUNCTION crm.ingest_set_field(text, jsonb, text) IS
    'adds a custom field to members, or changes one, at once and as a version: type (text, number, date, bool, '
    'option, multi_option; it stays), name_zh, name_en (without it the Chinese is both), options, is_sensitive; '
    'answers as crm.ingest_custom_fields(); 22023 naming the member; audited';
GRANT EXECUTE ON FUNCTION crm.ingest_set_field(text, jsonb, text) TO crm_admin, crm_steward, crm_headquarters;

CREATE FUNCTION crm.ingest_field_versions(field text, against int DEFAULT NULL) RETURNS SETOF jsonb
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
BEGIN
    RETURN QUERY SELECT crm._versions_told(crm._ingest_field_kept(field), against);
END
$$;
COMMENT ON FUNCTION crm.ingest_field_versions(text, int) IS
    'the versions of a custom field of members, the newest first: content, changed_by and changed_at, back_to (the '
    'version it took back), is_current, changes against the version before or against a given one; P0002';

CREATE FUNCTION crm.ingest_revert_field(field text, version int, idempotency_key text DEFAULT NULL) RETURNS jsonb
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
DECLARE
    answer jsonb := crm._idempotency_claim(idempotency_key,
            'ingest_revert_field', crm._sha256(convert_to(jsonb_build_array(field, version)::text, 'UTF8')));
    wanted jsonb := crm._version_wanted(crm._ingest_field_kept(field), version);
BEGIN
    IF answer IS NOT NULL THEN
        RETURN answer;
    END IF;
    PERFORM crm.ingest_define_field('member', field, wanted ->> 'type', wanted ->> 'name_zh', wanted ->> 'name_en',
                                    nullif(wanted -> 'options', 'null'),
                                    (wanted ->> 'is_derived')::boolean, (wanted ->> 'is_sensitive')::boolean);
    UPDATE crm.custom_field_version v SET back_to = ingest_revert_field.version WHERE v.entity = 'member' AND v.code = field AND v.version = (
        SELECT max(x.version) FROM crm.custom_field_version x WHERE x.entity = 'member' AND x.code = field)
            AND v.version > ingest_revert_field.version;
    answer := (SELECT f FROM crm.ingest_custom_fields() f WHERE f ->> 'field' = field);
    PERFORM crm._idempotency_store(idempotency_key, answer);
    RETURN answer;
END
$$;
COMMENT ON FUNCTION crm.ingest_revert_field(text, int, text) IS
    'gives a custom field back the names, options and marks of an earlier version, as a new one; values that were '
    'entered stay; answers as crm.ingest_custom_fields(); P0002; audited';
GRANT EXECUTE ON FUNCTION crm.ingest_custom_fields(), crm.ingest_field_versions(text, int),
    crm.ingest_revert_field(text, int, text) TO crm_admin, crm_steward, crm_headquarters;
