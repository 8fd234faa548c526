-- access: regions, stores, sharing groups, staff with their scopes, API keys.

CREATE FUNCTION crm._access_staff_roles() RETURNS name[]
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$ SELECT crm._access_scoped_roles() || crm._access_wide_roles() || '{crm_admin,crm_reader}'::name[] $$;
COMMENT ON FUNCTION crm._access_staff_roles() IS 'roles a person may have; API keys may be crm_till too';

CREATE FUNCTION crm.access_define_region(code text, name text) RETURNS int
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
DECLARE
    answer int;
BEGIN
    PERFORM crm._require_words(code, 'code', 100), crm._require_words(name, 'name');
    INSERT INTO crm.region AS r (region_id, code, name)
    VALUES (nextval('crm.access_id_seq'), access_define_region.code, access_define_region.name)
    ON CONFLICT ON CONSTRAINT region_code_key DO UPDATE SET name = excluded.name
    RETURNING r.region_id INTO answer;
    PERFORM crm._audit('define', 'region', answer, new_masked => access_define_region.name);
    RETURN answer;
END
$$;
COMMENT ON FUNCTION crm.access_define_region(text, text) IS
    'makes the region of this code or renames it; returns its id; repeating a call changes nothing';
GRANT EXECUTE ON FUNCTION crm.access_define_region(text, text) TO crm_admin;

CREATE FUNCTION crm._access_need_zone(zone text, field text) RETURNS void
    LANGUAGE plpgsql STABLE AS
$$
BEGIN
    PERFORM crm._local_day(crm.core_now(), zone);
EXCEPTION WHEN invalid_parameter_value THEN
    RAISE EXCEPTION 'there is no time zone "%"', zone
        USING ERRCODE = 'invalid_parameter_value', COLUMN = field, HINT = 'Name it as Asia/Shanghai.';
END
$$;
COMMENT ON FUNCTION crm._access_need_zone(text, text) IS
    '22023 with COLUMN = the field when there is no time zone of this name';

CREATE FUNCTION crm.access_define_store(code text, name text, region_code text, city text DEFAULT '',
                                        time_zone text DEFAULT NULL, opened_on date DEFAULT NULL,
                                        closed_on date DEFAULT NULL) RETURNS int
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
DECLARE
    region int := (SELECT r.region_id FROM crm.region r WHERE r.code = region_code);
    zone text := coalesce(time_zone, crm._setting('core.time_zone') #>> '{}');
    answer int;
BEGIN
    PERFORM crm._require_words(code, 'code', 100), crm._require_words(name, 'name');
    IF region IS NULL THEN
        RAISE EXCEPTION 'there is no region with code "%"', region_code USING ERRCODE = 'no_data_found', COLUMN = 'region_code',
            HINT = 'Define it with crm.access_define_region() first.';
    END IF;
    PERFORM crm._access_need_zone(zone, 'time_zone');
    INSERT INTO crm.store AS s (store_id, code, name, region_id, city, time_zone, opened_on, closed_on)
    VALUES (nextval('crm.access_id_seq'), access_define_store.code, access_define_store.name, region,
            coalesce(access_define_store.city, ''), zone, access_define_store.opened_on, access_define_store.closed_on)
    ON CONFLICT ON CONSTRAINT store_code_key DO UPDATE
    SET name = excluded.name, region_id = excluded.region_id, city = excluded.city,
        time_zone = excluded.time_zone, opened_on = excluded.opened_on, closed_on = excluded.closed_on
    RETURNING s.store_id INTO answer;
    PERFORM crm._audit('define', 'store', answer, new_masked => access_define_store.name);
    RETURN answer;
END
$$;
COMMENT ON FUNCTION crm.access_define_store(text, text, text, text, text, date, date) IS
    'makes or changes the store of this code; time_zone null: the chain''s; returns its id; P0002 for an unknown '
    'region, 22023 for an unknown time zone; repeating a call changes nothing';
GRANT EXECUTE ON FUNCTION crm.access_define_store(text, text, text, text, text, date, date) TO crm_admin;

CREATE FUNCTION crm._access_store_id(store_code text) RETURNS int
    LANGUAGE plpgsql STABLE AS
$$
DECLARE
    answer int := (SELECT s.store_id FROM crm.store s WHERE s.code = store_code);
BEGIN
    IF answer IS NULL AND store_code IS NOT NULL THEN
        RAISE EXCEPTION 'there is no store with code "%"', store_code USING ERRCODE = 'no_data_found', COLUMN = 'store_code',
            HINT = 'Define it with crm.access_define_store() first.';
    END IF;
    RETURN answer;
END
$$;
COMMENT ON FUNCTION crm._access_store_id(text) IS 'id of a store by its code, null for null; P0002 when unknown';

CREATE FUNCTION crm.access_define_group(code text, name text, store_codes text[]) RETURNS int
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
DECLARE
    answer int;
    members int[] := ARRAY(SELECT crm._access_store_id(coalesce(c, '')) FROM unnest(store_codes) c);
BEGIN
    PERFORM crm._require_words(code, 'code', 100), crm._require_words(name, 'name'), crm._require_given(store_codes, 'store_codes');
    INSERT INTO crm.sharing_group AS g (sharing_group_id, code, name)
    VALUES (nextval('crm.access_id_seq'), access_define_group.code, access_define_group.name)
    ON CONFLICT ON CONSTRAINT sharing_group_code_key DO UPDATE SET name = excluded.name
    RETURNING g.sharing_group_id INTO answer;
    DELETE FROM crm.sharing_group_store gs WHERE gs.sharing_group_id = answer AND NOT gs.store_id = ANY (members);
    INSERT INTO crm.sharing_group_store (sharing_group_id, store_id)
    SELECT answer, m FROM unnest(members) m ON CONFLICT DO NOTHING;
    PERFORM crm._audit('define', 'sharing_group', answer, new_masked => array_to_string(store_codes, ' '));
    RETURN answer;
END
$$;
COMMENT ON FUNCTION crm.access_define_group(text, text, text[]) IS
    'makes or changes a sharing group (a franchisee, say) so that it has exactly these stores; returns its id; '
    'P0002 for an unknown store';
GRANT EXECUTE ON FUNCTION crm.access_define_group(text, text, text[]) TO crm_admin;

CREATE FUNCTION crm._access_parse_scope(scope text, OUT kind text, OUT ref_id int)
    LANGUAGE plpgsql STABLE AS
$$
DECLARE
    ref_code text := split_part(scope, ':', 2);
BEGIN
    kind := split_part(scope, ':', 1);
    ref_id := CASE kind
        WHEN 'all' THEN 0
        WHEN 'store' THEN crm._access_store_id(ref_code)
        WHEN 'region' THEN (SELECT r.region_id FROM crm.region r WHERE r.code = ref_code)
        WHEN 'group' THEN (SELECT g.sharing_group_id FROM crm.sharing_group g WHERE g.code = ref_code)
    END;
    IF ref_id IS NULL THEN
        RAISE EXCEPTION 'there is no scope "%"', scope
            USING ERRCODE = 'no_data_found', COLUMN = 'scopes', HINT = 'Scopes are all, store:CODE, region:CODE, group:CODE.';
    END IF;
END
$$;
COMMENT ON FUNCTION crm._access_parse_scope(text) IS
    'kind and id of a scope written as all, store:CODE, region:CODE or group:CODE; P0002 when unknown';

CREATE FUNCTION crm._access_check_login(sql_role name, role name) RETURNS void
    LANGUAGE plpgsql STABLE AS
$$
BEGIN
    IF sql_role = 'crm_gateway' OR sql_role = 'crm_owner' OR sql_role = ANY (crm._access_staff_roles()) THEN
        RAISE EXCEPTION 'role "%" belongs to crm and is nobody''s login', sql_role
            USING ERRCODE = 'invalid_parameter_value', COLUMN = 'sql_role',
            HINT = 'Name a login of your own that is a member of the role.';
    END IF;
    IF NOT EXISTS (SELECT FROM pg_roles r WHERE r.rolname = sql_role) OR NOT pg_has_role(sql_role, role, 'MEMBER') THEN
        RAISE EXCEPTION 'login "%" is not a member of %', sql_role, role
            USING ERRCODE = 'invalid_parameter_value', COLUMN = 'sql_role', HINT = format('Run GRANT %I TO %I first.', role, sql_role);
    END IF;
END
$$;
COMMENT ON FUNCTION crm._access_check_login(name, name) IS
    '22023 unless a SQL login exists, is nobody''s but a person''s, and is a member of the role';

CREATE FUNCTION crm._access_check_unused(staff_code text, login_name text, sql_role name) RETURNS void
    LANGUAGE plpgsql STABLE AS
$$
DECLARE
    wrong text := (SELECT CASE WHEN m.login_name = _access_check_unused.login_name THEN 'login_name' ELSE 'sql_role' END FROM crm.staff m
                   WHERE m.code <> staff_code AND (m.login_name = _access_check_unused.login_name
                           OR m.sql_role = _access_check_unused.sql_role) LIMIT 1);
BEGIN
    IF wrong IS NOT NULL THEN
        RAISE EXCEPTION 'somebody else of the staff signs in so' USING ERRCODE = 'invalid_parameter_value',
            COLUMN = wrong, HINT = 'Everybody has a login of their own, those who left too.';
    END IF;
END
$$;
COMMENT ON FUNCTION crm._access_check_unused(text, text, name) IS
    '22023 when the login of a staff member, over HTTP or SQL, is another''s';

CREATE FUNCTION crm.access_define_staff(code text, name text, role name, scopes text[] DEFAULT '{}',
                                        login_name text DEFAULT NULL, sql_role name DEFAULT NULL) RETURNS int
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
DECLARE
    answer int;
BEGIN
    IF role IS NULL OR NOT role = ANY (crm._access_staff_roles()) THEN
        RAISE EXCEPTION 'there is no staff role "%"', role
            USING ERRCODE = 'invalid_parameter_value', COLUMN = 'role',
                  HINT = format('Roles are %s.', array_to_string(crm._access_staff_roles(), ', '));
    END IF;
    PERFORM crm._require_words(code, 'code', 100), crm._require_words(name, 'name');
    IF sql_role IS NOT NULL THEN
        PERFORM crm._access_check_login(sql_role, role);
    END IF;
    IF login_name IS NOT NULL THEN
        PERFORM crm._require_words(login_name, 'login_name', 100);
    END IF;
    PERFORM crm._access_check_unused(code, login_name, sql_role);
    INSERT INTO crm.staff AS m (staff_id, code, name, role, login_name, sql_role, created_at)
    VALUES (nextval('crm.access_id_seq'), access_define_staff.code, access_define_staff.name, access_define_staff.role,
            access_define_staff.login_name, access_define_staff.sql_role, crm.core_now())
    ON CONFLICT ON CONSTRAINT staff_code_key DO UPDATE
    SET name = excluded.name, role = excluded.role, login_name = excluded.login_name, sql_role = excluded.sql_role
    RETURNING m.staff_id INTO answer;
    DELETE FROM crm.staff_scope sc WHERE sc.staff_id = answer;
    INSERT INTO crm.staff_scope (staff_id, kind, ref_id)
    SELECT DISTINCT answer, p.kind, p.ref_id
    FROM unnest(coalesce(scopes, '{}')) AS s(scope) CROSS JOIN LATERAL crm._access_parse_scope(s.scope) p;
    PERFORM crm._audit('define', 'staff', answer, new_masked => concat_ws(' ', role, array_to_string(scopes, ' ')));
    RETURN answer;
END
$$;
COMMENT ON FUNCTION crm.access_define_staff(text, text, name, text[], text, name) IS
    'makes or changes the staff member of this code: role, scopes (all, store:CODE, region:CODE, group:CODE), '
    'login_name for HTTP, sql_role for SQL; returns its id; 22023 for an unknown role or a login that is no member '
    'of it, P0002 for an unknown scope; repeating a call changes nothing';
GRANT EXECUTE ON FUNCTION crm.access_define_staff(text, text, name, text[], text, name) TO crm_admin;

CREATE FUNCTION crm.access_set_password(staff_code text, password text) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
DECLARE
    member int;
BEGIN
    IF length(password) < 8 OR length(password) > 1024 OR password IS NULL THEN
        RAISE EXCEPTION 'password is too short or too long'
            USING ERRCODE = 'invalid_parameter_value', COLUMN = 'password', HINT = 'Use 8 to 1024 characters.';
    END IF;
    UPDATE crm.staff m SET password = crm._access_seal_password(access_set_password.password),
                           failed_tries = 0, locked_until = NULL
    WHERE m.code = staff_code AND m.left_at IS NULL RETURNING m.staff_id INTO member;
    IF member IS NULL THEN
        RAISE EXCEPTION 'there is no staff member with this code' USING ERRCODE = 'no_data_found', COLUMN = 'staff_code',
            HINT = 'Give the code of somebody who has not left.';
    END IF;
    UPDATE crm.session s SET ended_at = crm.core_now() WHERE s.staff_id = member AND s.ended_at IS NULL;
    PERFORM crm._audit('set_password', 'staff', member);
END
$$;
COMMENT ON FUNCTION crm.access_set_password(text, text) IS
    'sets the password of a staff member, unlocks the account and ends its sessions; 22023 for fewer than 8 '
    'characters, P0002 for an unknown code';
GRANT EXECUTE ON FUNCTION crm.access_set_password(text, text) TO crm_admin;

CREATE FUNCTION crm.access_staff_left(staff_code text) RETURNS boolean
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
DECLARE
    member int;
BEGIN
    UPDATE crm.staff m SET left_at = crm.core_now() WHERE m.code = staff_code AND m.left_at IS NULL
    RETURNING m.staff_id INTO member;
    IF member IS NULL THEN
        RETURN false;
    END IF;
    UPDATE crm.session s SET ended_at = crm.core_now() WHERE s.staff_id = member AND s.ended_at IS NULL;
    PERFORM crm._audit('left', 'staff', member);
    RETURN true;
END
$$;
COMMENT ON FUNCTION crm.access_staff_left(text) IS
    'ends a staff member''s sessions, links, tokens and row rights at once; false when unknown or already gone; a '
    'SQL login of theirs is the DBA''s to drop';
GRANT EXECUTE ON FUNCTION crm.access_staff_left(text) TO crm_admin;

CREATE FUNCTION crm.access_staff() RETURNS SETOF jsonb
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
BEGIN
    RETURN QUERY
    SELECT jsonb_build_object('code', m.code, 'name', m.name, 'role', m.role, 'login_name', m.login_name,
        'sql_role', m.sql_role, 'has_password', m.password IS NOT NULL, 'left_at', m.left_at,
        'locked_until', CASE WHEN m.locked_until > crm.core_now() THEN m.locked_until END,
        'scopes', (SELECT coalesce(jsonb_agg(CASE sc.kind
                              WHEN 'all' THEN 'all'
                              WHEN 'store' THEN 'store:' || (SELECT s.code FROM crm.store s WHERE s.store_id = sc.ref_id)
                              WHEN 'region' THEN 'region:' || (SELECT r.code FROM crm.region r WHERE r.region_id = sc.ref_id)
                              ELSE 'group:' || (SELECT g.code FROM crm.sharing_group g WHERE g.sharing_group_id = sc.ref_id)
                          END ORDER BY sc.kind, sc.ref_id), '[]')
                   FROM crm.staff_scope sc WHERE sc.staff_id = m.staff_id))
    FROM crm.staff m ORDER BY m.code;
END
$$;
COMMENT ON FUNCTION crm.access_staff() IS
    'every staff member with role, scopes and state of the account, by code; no password hashes';
GRANT EXECUTE ON FUNCTION crm.access_staff() TO crm_admin;

CREATE FUNCTION crm.access_create_key(name text, role name, source_code text DEFAULT NULL, store_code text DEFAULT NULL,
                                      is_sandbox boolean DEFAULT false, expires_at timestamptz DEFAULT NULL) RETURNS text
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
DECLARE
    key_id text := encode(crm._random_bytes(8), 'hex');
    secret text := encode(crm._random_bytes(32), 'hex');
BEGIN
    IF role IS NULL OR NOT role = ANY (crm._access_staff_roles() || 'crm_till'::name) THEN
        RAISE EXCEPTION 'an API key cannot have role "%"', role
            USING ERRCODE = 'invalid_parameter_value', COLUMN = 'role', HINT = 'Tills take crm_till, imports crm_steward.';
    END IF;
    PERFORM crm._require_words(name, 'name');
    INSERT INTO crm.api_key (api_key_id, secret_hash, name, role, source_code, store_id, is_sandbox, created_at, expires_at)
    VALUES (key_id, crm._sha256(convert_to(secret, 'UTF8')), access_create_key.name, access_create_key.role,
            access_create_key.source_code, crm._access_store_id(store_code), coalesce(access_create_key.is_sandbox, false),
            crm.core_now(), access_create_key.expires_at);
    PERFORM crm._audit('create_key', 'api_key', NULL, new_masked => concat_ws(' ', key_id, role, source_code, store_code));
    RETURN format('crm_%s_%s_%s', CASE WHEN is_sandbox THEN 'test' ELSE 'live' END, key_id, secret);
END
$$;
COMMENT ON FUNCTION crm.access_create_key(text, name, text, text, boolean, timestamptz) IS
    'a new API key, shown this once: crm_live_ID_SECRET, crm_test_ for the sandbox; it delivers for one source '
    '(null: any) and sees one store (null: none, unless its role sees all); 22023 for a role it cannot have, P0002 '
    'for an unknown store';
GRANT EXECUTE ON FUNCTION crm.access_create_key(text, name, text, text, boolean, timestamptz) TO crm_admin;

CREATE FUNCTION crm.access_revoke_key(api_key_id text) RETURNS boolean
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
BEGIN
    UPDATE crm.api_key k SET revoked_at = crm.core_now()
    WHERE k.api_key_id = access_revoke_key.api_key_id AND k.revoked_at IS NULL;
    IF FOUND THEN
        PERFORM crm._audit('revoke_key', 'api_key', NULL, new_masked => access_revoke_key.api_key_id);
        RETURN true;
    END IF;
    RETURN false;
END
$$;
COMMENT ON FUNCTION crm.access_revoke_key(text) IS
    'makes an API key useless at once; false when unknown or already revoked';
GRANT EXECUTE ON FUNCTION crm.access_revoke_key(text) TO crm_admin;

CREATE FUNCTION crm.access_keys() RETURNS SETOF jsonb
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
BEGIN
    RETURN QUERY
    SELECT jsonb_build_object('api_key_id', k.api_key_id, 'name', k.name, 'role', k.role, 'source', k.source_code,
        'store', s.code, 'is_sandbox', k.is_sandbox, 'created_at', k.created_at, 'expires_at', k.expires_at,
        'revoked_at', k.revoked_at)
    FROM crm.api_key k LEFT JOIN crm.store s ON s.store_id = k.store_id ORDER BY k.created_at, k.api_key_id;
END
$$;
COMMENT ON FUNCTION crm.access_keys() IS 'every API key without its secret, oldest first';
GRANT EXECUTE ON FUNCTION crm.access_keys() TO crm_admin;

CREATE FUNCTION crm.access_set_setting(name text, value jsonb) RETURNS jsonb
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
DECLARE
    kept jsonb;
BEGIN
    SELECT s.value INTO kept FROM crm.room_setting s WHERE s.name = access_set_setting.name FOR UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no setting "%"', name
            USING ERRCODE = 'no_data_found', COLUMN = 'name', HINT = 'crm.room_setting lists them.';
    END IF;
    IF crm._actor_role() = 'crm_headquarters' AND split_part(name, '.', 1) IN ('access', 'core') THEN
        RAISE EXCEPTION 'setting "%" is the administrator''s', name USING ERRCODE = 'insufficient_privilege', COLUMN = 'name',
            HINT = 'Ask an administrator: crm_admin may change it.';
    END IF;
    IF jsonb_typeof(value) IS DISTINCT FROM jsonb_typeof(kept) AND jsonb_typeof(kept) <> 'null' THEN
        RAISE EXCEPTION 'setting "%" takes a %', name, jsonb_typeof(kept)
            USING ERRCODE = 'invalid_parameter_value', COLUMN = 'value', HINT = format('It is %s now.', kept);
    END IF;
    IF jsonb_typeof(value) = 'number' AND NOT (value::numeric BETWEEN 0 AND 1000000000) THEN
        RAISE EXCEPTION 'setting "%" takes a number from 0 to 1000000000', name USING ERRCODE = 'invalid_parameter_value', COLUMN = 'value',
            HINT = 'Give a number in these bounds.';
    END IF;
    IF name = 'core.time_zone' THEN
        PERFORM crm._access_need_zone(value #>> '{}', 'value');
    END IF;
    UPDATE crm.room_setting s SET value = access_set_setting.value, changed_at = crm.core_now()
    WHERE s.name = access_set_setting.name;
    PERFORM crm._audit('set', 'setting', NULL, access_set_setting.name, kept::text, access_set_setting.value::text);
    RETURN kept;
END
$$;
COMMENT ON FUNCTION crm.access_set_setting(text, jsonb) IS
    'changes a row of crm.room_setting, used at once; returns the value before; audited; P0002 for an unknown name, '
    '22023 for a value of another type or out of bounds, 42501 for headquarters on settings of access and core';
GRANT EXECUTE ON FUNCTION crm.access_set_setting(text, jsonb) TO crm_admin, crm_headquarters;
