-- report: charts that somebody saved, shared with roles; saved anew they keep what they were.

CREATE FUNCTION crm._report_keep_saved(saved jsonb, back_to int) RETURNS void
    LANGUAGE plpgsql AS
$$
BEGIN
    INSERT INTO crm.report_saved_version (report_id, version, content, back_to, changed_by, changed_at)
    VALUES ((saved ->> 'report_id')::bigint, (saved ->> 'version')::int,
        jsonb_build_object('name', saved -> 'name', 'spec', saved -> 'spec', 'roles', saved -> 'roles'), back_to,
        crm._actor(), crm.core_now());
END
$$;
COMMENT ON FUNCTION crm._report_keep_saved(jsonb, int) IS
    'keeps a saved chart, given as its row, under its version; back_to: the version that it takes back';

CREATE FUNCTION crm._report_change_saved(saved jsonb, content jsonb, back_to int) RETURNS jsonb
    LANGUAGE plpgsql AS
$$
DECLARE
    changed crm.report_saved;
BEGIN
    IF saved @> content AND content @> jsonb_build_object('name', saved -> 'name', 'spec', saved -> 'spec', 'roles', saved -> 'roles') THEN
        RETURN saved;
    END IF;
    UPDATE crm.report_saved r SET name = content ->> 'name', spec = content -> 'spec',
        roles = ARRAY(SELECT jsonb_array_elements_text(content -> 'roles')), version = r.version + 1,
        updated_at = crm.core_now()
    WHERE r.report_id = (saved ->> 'report_id')::bigint RETURNING * INTO changed;
    PERFORM crm._report_keep_saved(to_jsonb(changed), back_to);
    RETURN to_jsonb(changed);
END
$$;
COMMENT ON FUNCTION crm._report_change_saved(jsonb, jsonb, int) IS
    'a saved chart, given as its row, with another content, as its next version; the same content is none; answers '
    'with the row; the caller holds it';

CREATE FUNCTION crm._report_saved_json(saved jsonb) RETURNS jsonb
    LANGUAGE sql STABLE AS
$$
    SELECT saved - 'report_id' || jsonb_build_object('report_id', saved ->> 'report_id', 'is_mine', saved ->> 'owner' = crm._actor())
$$;
COMMENT ON FUNCTION crm._report_saved_json(jsonb) IS 'a saved chart, given as its row, as it is told';

CREATE FUNCTION crm.report_saved() RETURNS SETOF jsonb
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
BEGIN
    RETURN QUERY
    SELECT crm._report_saved_json(to_jsonb(r)) FROM crm.report_saved r
    WHERE r.owner = crm._actor() OR replace(crm._actor_role()::text, 'crm_', '') = ANY (r.roles)
        ORDER BY r.owner = crm._actor() DESC, r.name, r.report_id LIMIT 500;
END
$$;
COMMENT ON FUNCTION crm.report_saved() IS
    'charts that the caller saved, and those that others share with the caller''s role';

CREATE FUNCTION crm._report_require_name(name text, roles text[]) RETURNS void
    LANGUAGE plpgsql STABLE AS
$$
BEGIN
    IF coalesce(length(btrim(name)), 0) NOT BETWEEN 1 AND 80 OR name ~ '[[:cntrl:]]' THEN
        RAISE EXCEPTION 'a chart has a name of 1 to 80 signs' USING ERRCODE = 'invalid_parameter_value', COLUMN = 'name', HINT = 'Say what it shows.';
    ELSIF roles IS NULL OR NOT roles <@ '{store_manager,manager,marketer,analyst,headquarters}'::text[] THEN
        RAISE EXCEPTION 'a chart is not shared with such a role' USING ERRCODE = 'invalid_parameter_value',
            COLUMN = 'roles', HINT = 'Roles are store_manager, manager, marketer, analyst and headquarters.';
    END IF;
END
$$;
COMMENT ON FUNCTION crm._report_require_name(text, text[]) IS
    'refuses names and roles that a saved chart cannot have; 22023 names the member';

CREATE FUNCTION crm.report_save(name text, spec jsonb, roles text[] DEFAULT '{}', report_id bigint DEFAULT NULL,
                                idempotency_key text DEFAULT NULL) RETURNS jsonb
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
DECLARE
    most CONSTANT int := 200;
    answer jsonb := crm._idempotency_claim(idempotency_key,
            'report_save', crm._sha256(convert_to(jsonb_build_array(name, spec, roles, report_id)::text, 'UTF8')));
    saved crm.report_saved;
BEGIN
    IF answer IS NOT NULL THEN
        RETURN answer;
    END IF;
    PERFORM crm._report_require_name(name, roles);
    PERFORM crm._report_chart_read(spec);
    IF report_id IS NULL THEN
        IF (SELECT count(*) FROM crm.report_saved r WHERE r.owner = crm._actor()) >= most THEN
            RAISE EXCEPTION 'more than % charts are not saved', most USING ERRCODE = 'invalid_parameter_value',
                COLUMN = 'name', HINT = 'Delete one that is not looked at.';
        END IF;
        INSERT INTO crm.report_saved (report_id, name, spec, owner, roles, updated_at)
        VALUES (crm._new_id(), btrim(report_save.name), report_save.spec, crm._actor(),
                ARRAY(SELECT DISTINCT x FROM unnest(report_save.roles) x ORDER BY 1), crm.core_now())
            RETURNING * INTO saved;
        PERFORM crm._report_keep_saved(to_jsonb(saved), NULL);
    ELSE
        SELECT * INTO saved FROM crm.report_saved r WHERE r.report_id = report_save.report_id AND r.owner = crm._actor() FOR UPDATE;
        IF NOT FOUND THEN
            RAISE EXCEPTION 'you saved no such chart' USING ERRCODE = 'no_data_found', COLUMN = 'report_id', HINT = 'Save it as one of your own.';
        END IF;
        answer := crm._report_change_saved(to_jsonb(saved),
                jsonb_build_object('name', btrim(name), 'spec', spec,
                    'roles', ARRAY(SELECT DISTINCT x FROM unnest(roles) x ORDER BY 1)), NULL);
    END IF;
    answer := crm._report_saved_json(coalesce(answer, to_jsonb(saved)));
    PERFORM crm._idempotency_store(idempotency_key, answer);
    RETURN answer;
END
$$;
COMMENT ON FUNCTION crm.report_save(text, jsonb, text[], bigint, text) IS
    'saves a chart under a name, or anew one of the caller''s own (report_id), shared with roles, each of whom sees '
    'it under rights of their own; at most 200 a person; P0002, 22023 names the member';

CREATE FUNCTION crm.report_forget(report_id bigint, idempotency_key text DEFAULT NULL) RETURNS jsonb
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
DECLARE
    answer jsonb := crm._idempotency_claim(idempotency_key, 'report_forget', convert_to(coalesce(report_id::text, ''), 'UTF8'));
BEGIN
    IF answer IS NOT NULL THEN
        RETURN answer;
    END IF;
    DELETE FROM crm.report_saved r WHERE r.report_id = report_forget.report_id AND r.owner = crm._actor();
    IF NOT FOUND THEN
        RAISE EXCEPTION 'you saved no such chart' USING ERRCODE = 'no_data_found', COLUMN = 'report_id', HINT = 'Who saved it deletes it.';
    END IF;
    answer := jsonb_build_object('report_id', report_id::text, 'is_deleted', true);
    PERFORM crm._idempotency_store(idempotency_key, answer);
    RETURN answer;
END
$$;
COMMENT ON FUNCTION crm.report_forget(bigint, text) IS 'deletes a chart that the caller saved; P0002';

CREATE FUNCTION crm._report_saved_kept(report_id bigint) RETURNS jsonb
    LANGUAGE plpgsql STABLE AS
$$
BEGIN
    RETURN (SELECT jsonb_agg(jsonb_build_object('version', v.version, 'content', v.content,
            'changed_by', v.changed_by, 'changed_at', v.changed_at, 'back_to', v.back_to) ORDER BY v.version DESC)
            FROM crm.report_saved_version v WHERE v.report_id = _report_saved_kept.report_id);
END
$$;
COMMENT ON FUNCTION crm._report_saved_kept(bigint) IS 'the versions of a saved chart, as crm._versions_told() takes them';

CREATE FUNCTION crm.report_saved_versions(report_id bigint, against int DEFAULT NULL) RETURNS SETOF jsonb
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
BEGIN
    IF NOT EXISTS (SELECT FROM crm.report_saved() s WHERE s ->> 'report_id' = report_saved_versions.report_id::text) THEN
        RAISE EXCEPTION 'no such chart is saved for you' USING ERRCODE = 'no_data_found', COLUMN = 'report_id',
            HINT = 'crm.report_saved() has those that are.';
    END IF;
    RETURN QUERY SELECT crm._versions_told(crm._report_saved_kept(report_id), against);
END
$$;
COMMENT ON FUNCTION crm.report_saved_versions(bigint, int) IS
    'the versions of a saved chart that the caller sees, the newest first: content (name, spec, roles), changed_by '
    'and changed_at, back_to, is_current, changes against the version before or against a given one; P0002';

CREATE FUNCTION crm.report_revert(report_id bigint, version int, idempotency_key text DEFAULT NULL) RETURNS jsonb
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
DECLARE
    answer jsonb := crm._idempotency_claim(idempotency_key,
            'report_revert', crm._sha256(convert_to(jsonb_build_array(report_id, version)::text, 'UTF8')));
    saved crm.report_saved;
BEGIN
    IF answer IS NOT NULL THEN
        RETURN answer;
    END IF;
    SELECT * INTO saved FROM crm.report_saved r WHERE r.report_id = report_revert.report_id AND r.owner = crm._actor() FOR UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'you saved no such chart' USING ERRCODE = 'no_data_found', COLUMN = 'report_id', HINT = 'Who saved it takes it back.';
    END IF;
    answer := crm._report_saved_json(crm._report_change_saved(to_jsonb(saved),
                crm._version_wanted(crm._report_saved_kept(report_id), version), version));
    PERFORM crm._idempotency_store(idempotency_key, answer);
    RETURN answer;
END
$$;
COMMENT ON FUNCTION crm.report_revert(bigint, int, text) IS
    'gives a chart that the caller saved the name, content and roles of an earlier version, as a new one; P0002';

GRANT EXECUTE ON FUNCTION crm.report_saved(), crm.report_save(text, jsonb, text[], bigint, text),
    crm.report_forget(bigint, text), crm.report_saved_versions(bigint, int), crm.report_revert(bigint, int, text)
    TO crm_store_manager, crm_manager, crm_marketer, crm_analyst, crm_headquarters;
