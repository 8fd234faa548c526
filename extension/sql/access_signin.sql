-- access: from a credential to claims; passwords, one-time links, sessions.

CREATE FUNCTION crm._access_scrypt(password text, salt bytea, n int, r int, p int) RETURNS bytea
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'crm_access_scrypt';
COMMENT ON FUNCTION crm._access_scrypt(text, bytea, int, int, int) IS 'scrypt, 32 bytes; 22023 for parameters out of range';
CREATE FUNCTION crm._access_equal(a bytea, b bytea) RETURNS boolean
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'crm_access_equal';
COMMENT ON FUNCTION crm._access_equal(bytea, bytea) IS 'equality in a time that does not depend on where they differ';

CREATE FUNCTION crm._access_seal_password(password text) RETURNS text
    LANGUAGE plpgsql VOLATILE AS
$$
DECLARE
    salt bytea := crm._random_bytes(16);
BEGIN
    RETURN concat_ws('$', 'scrypt', 32768, 8, 1, encode(salt, 'base64'),
                     encode(crm._access_scrypt(normalize(password, NFKC), salt, 32768, 8, 1), 'base64'));
END
$$;
COMMENT ON FUNCTION crm._access_seal_password(text) IS 'scrypt$N$r$p$salt$hash of a password';

CREATE FUNCTION crm._access_check_password(password text, sealed text) RETURNS boolean
    LANGUAGE plpgsql STABLE AS
$$
DECLARE
    -- of nobody: whoever has no password costs the same time
    part text[] := string_to_array(coalesce(sealed, 'scrypt$32768$8$1$AAAAAAAAAAAAAAAAAAAAAA==$AA=='), '$');
BEGIN
    RETURN crm._access_equal(
        crm._access_scrypt(normalize(left(password, 1024), NFKC), decode(part[5], 'base64'),
                           part[2]::int, part[3]::int, part[4]::int),
        decode(part[6], 'base64'));
END
$$;
COMMENT ON FUNCTION crm._access_check_password(text, text) IS
    'whether a password fits; a null hash takes the same time and never fits';

-- Claims: the one place where they are put together.
CREATE FUNCTION crm._access_staff_claims(staff_id int, code text, role name, request_id text, session_hash bytea) RETURNS text
    LANGUAGE plpgsql STABLE AS
$$
DECLARE
    scope record := crm._access_staff_scope(staff_id, role);
BEGIN
    RETURN jsonb_build_object(
        'actor', code, 'staff_id', staff_id, 'role', role, 'stores', to_jsonb(scope.store_ids), 'all', scope.sees_all,
        'request_id', request_id, 'source', NULL, 'sandbox', false, 'session', encode(session_hash, 'hex'))::text;
END
$$;
COMMENT ON FUNCTION crm._access_staff_claims(int, text, name, text, bytea) IS 'the claims of a staff member as JSON text';

CREATE FUNCTION crm._access_key_claims(api_key_id text, role name, source_code text, store_id int, is_sandbox boolean,
                                       request_id text) RETURNS text
    LANGUAGE plpgsql IMMUTABLE AS
$$
BEGIN
    RETURN jsonb_build_object(
        'actor', api_key_id, 'staff_id', NULL, 'role', role,
        'stores', CASE WHEN store_id IS NULL THEN '[]'::jsonb ELSE jsonb_build_array(store_id) END,
        'all', role = ANY (crm._access_wide_roles()),
        'request_id', request_id, 'source', source_code, 'sandbox', is_sandbox)::text;
END
$$;
COMMENT ON FUNCTION crm._access_key_claims(text, name, text, int, boolean, text) IS 'the claims of an API key as JSON text';

CREATE FUNCTION crm.access_authenticate(credential text, OUT claims text, OUT role text)
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
DECLARE
    given jsonb;
    request text;
    member record;
    key record;
    part text[];
    subject text;
BEGIN
    PERFORM crm._require_schema();
    given := credential::jsonb;
    request := given->>'request_id';
    CASE given->>'kind'
    WHEN 'none' THEN
        claims := jsonb_build_object('actor', 'crm_gateway', 'role', 'crm_gateway', 'stores', '[]'::jsonb,
                                     'request_id', request)::text;
        role := 'crm_gateway';
        RETURN;
    WHEN 'session' THEN
        SELECT s.staff_id, m.code, m.role, s.session_hash INTO member
        FROM crm.session s JOIN crm.staff m ON m.staff_id = s.staff_id
        WHERE s.session_hash = crm._sha256(convert_to(given->>'value', 'UTF8'))
          AND s.ended_at IS NULL AND s.expires_at > crm.core_now() AND m.left_at IS NULL;
        IF FOUND THEN
            claims := crm._access_staff_claims(member.staff_id, member.code, member.role, request, member.session_hash);
            role := member.role;
            RETURN;
        END IF;
        RAISE EXCEPTION 'session is not valid'
            USING ERRCODE = 'invalid_authorization_specification', HINT = 'Sign in again.';
    WHEN 'key' THEN
        part := string_to_array(given->>'value', '_');
        IF cardinality(part) = 4 AND part[1] = 'crm' THEN
            SELECT * INTO key FROM crm.api_key k
            WHERE k.api_key_id = part[3] AND k.is_sandbox = (part[2] = 'test')
              AND k.revoked_at IS NULL AND coalesce(k.expires_at, 'infinity') > crm.core_now();
            IF FOUND AND crm._access_equal(key.secret_hash, crm._sha256(convert_to(part[4], 'UTF8'))) THEN
                claims := crm._access_key_claims(key.api_key_id, key.role, key.source_code, key.store_id,
                                                 key.is_sandbox, request);
                role := key.role;
                RETURN;
            END IF;
        END IF;
        RAISE EXCEPTION 'API key is not valid'
            USING ERRCODE = 'invalid_authorization_specification',
                  HINT = 'Check that the key is whole, not expired and not revoked.';
    WHEN 'jwt' THEN
        subject := given->'claims'->>'sub';
        SELECT m.staff_id, m.code, m.role INTO member FROM crm.staff m WHERE m.code = subject AND m.left_at IS NULL;
        IF FOUND AND coalesce(given->'claims'->>'role', member.role) = member.role THEN
            claims := crm._access_staff_claims(member.staff_id, member.code, member.role, request, NULL);
            role := member.role;
            RETURN;
        END IF;
        SELECT * INTO key FROM crm.api_key k
        WHERE k.api_key_id = subject AND k.revoked_at IS NULL AND coalesce(k.expires_at, 'infinity') > crm.core_now();
        IF FOUND AND coalesce(given->'claims'->>'role', key.role) = key.role THEN
            claims := crm._access_key_claims(key.api_key_id, key.role, key.source_code, key.store_id,
                                                 key.is_sandbox, request);
            role := key.role;
            RETURN;
        END IF;
        RAISE EXCEPTION 'token names nobody, or a role that its subject does not have'
            USING ERRCODE = 'invalid_authorization_specification',
                  HINT = 'sub is the code of a staff member or the id of an API key; role is theirs.';
    ELSE
        RAISE EXCEPTION 'credential has no known kind'
            USING ERRCODE = 'invalid_authorization_specification', HINT = 'Kinds are none, session, key, jwt.';
    END CASE;
END
$$;
COMMENT ON FUNCTION crm.access_authenticate(text) IS
    'who a credential is: the claims for crm.access_claims and the role to switch to; writes nothing; 28000 with a '
    'hint when the credential is not valid, RM001 while tables and code are of two releases';
GRANT EXECUTE ON FUNCTION crm.access_authenticate(text) TO crm_gateway;

-- A failed sign-in must count, so it is answered, not raised: a raise would undo the count.
CREATE FUNCTION crm._access_refusal() RETURNS jsonb
    LANGUAGE sql IMMUTABLE AS
$$
    SELECT jsonb_build_object('status', 401, 'code', '28P01',
        'detail', 'login or password is wrong, or the account is locked for now',
        'remedy', 'After 5 wrong tries an account is locked for 15 minutes; an administrator can issue a one-time link.')
$$;
COMMENT ON FUNCTION crm._access_refusal() IS
    'the one answer to every failed sign-in: it does not say whether the login exists';

CREATE FUNCTION crm._access_open_session(staff_id int, user_agent text) RETURNS jsonb
    LANGUAGE plpgsql AS
$$
DECLARE
    cookie text := encode(crm._random_bytes(32), 'hex');
    until timestamptz := crm.core_now() + (crm._setting('access.session_hours')::text || ' hours')::interval;
    member record;
BEGIN
    SELECT * INTO STRICT member FROM crm.staff m WHERE m.staff_id = _access_open_session.staff_id;
    INSERT INTO crm.session (session_hash, staff_id, user_agent, created_at, expires_at)
    VALUES (crm._sha256(convert_to(cookie, 'UTF8')), member.staff_id, left(coalesce(user_agent, ''), 200), crm.core_now(), until);
    RETURN jsonb_build_object('status', 200, 'session', cookie, 'expires_at', until, 'role', member.role,
        'staff', jsonb_build_object('code', member.code, 'name', member.name));
END
$$;
COMMENT ON FUNCTION crm._access_open_session(int, text) IS
    'a new session, its cookie in clear this once; valid access.session_hours';

CREATE FUNCTION crm.access_sign_in(login text, password text, user_agent text DEFAULT '') RETURNS jsonb
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
DECLARE
    tried record;
    fits boolean;
    answer jsonb := crm._access_refusal();
BEGIN
    -- The try is counted before the password is looked at, under the row's lock: parallel
    -- guesses wait in line and find the account locked.
    UPDATE crm.staff m SET failed_tries = m.failed_tries + 1
    WHERE m.login_name = login AND m.left_at IS NULL AND coalesce(m.locked_until, '-infinity') <= crm.core_now()
    RETURNING * INTO tried;
    fits := crm._access_check_password(coalesce(password, ''), tried.password) AND tried.staff_id IS NOT NULL;
    IF fits THEN
        UPDATE crm.staff m SET failed_tries = 0, locked_until = NULL WHERE m.staff_id = tried.staff_id;
        answer := crm._access_open_session(tried.staff_id, user_agent);
    ELSIF tried.failed_tries >= crm._setting('access.signin_tries')::int THEN
        UPDATE crm.staff m
        SET failed_tries = 0,
            locked_until = crm.core_now() + (crm._setting('access.lock_minutes')::text || ' minutes')::interval
        WHERE m.staff_id = tried.staff_id;
    END IF;
    PERFORM crm._audit(CASE WHEN fits THEN 'sign_in' ELSE 'sign_in_failed' END, 'staff', tried.staff_id,
                       new_hash => crm._keyed_hash('login', convert_to(coalesce(login, ''), 'UTF8')));
    RETURN answer;
END
$$;
COMMENT ON FUNCTION crm.access_sign_in(text, text, text) IS
    'opens a session: {"status": 200, "session", "expires_at", "role", "staff"}; on any failure {"status": 401, '
    '"code", "detail", "remedy"}, and the caller commits, for the try must count: 5 wrong ones lock the account for '
    '15 minutes (settings access.signin_tries, access.lock_minutes); unknown logins take the same time';
GRANT EXECUTE ON FUNCTION crm.access_sign_in(text, text, text) TO crm_gateway;

CREATE FUNCTION crm.access_issue_link(staff_code text) RETURNS text
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
DECLARE
    token text := encode(crm._random_bytes(32), 'hex');
    member int;
BEGIN
    SELECT m.staff_id INTO member FROM crm.staff m WHERE m.code = staff_code AND m.left_at IS NULL;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no staff member with this code' USING ERRCODE = 'no_data_found', COLUMN = 'staff_code',
            HINT = 'Give the code of somebody who has not left.';
    END IF;
    INSERT INTO crm.signin_link (link_hash, staff_id, expires_at)
    VALUES (crm._sha256(convert_to(token, 'UTF8')), member,
            crm.core_now() + (crm._setting('access.link_minutes')::text || ' minutes')::interval);
    PERFORM crm._audit('issue_link', 'staff', member);
    RETURN token;
END
$$;
COMMENT ON FUNCTION crm.access_issue_link(text) IS
    'a token that signs a staff member in once within access.link_minutes; shown this once; P0002 for an unknown code';
GRANT EXECUTE ON FUNCTION crm.access_issue_link(text) TO crm_admin;

CREATE FUNCTION crm.access_sign_in_link(token text, user_agent text DEFAULT '') RETURNS jsonb
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
DECLARE
    member int;
BEGIN
    UPDATE crm.signin_link l SET used_at = crm.core_now()
    FROM crm.staff m
    WHERE l.link_hash = crm._sha256(convert_to(coalesce(token, ''), 'UTF8')) AND l.used_at IS NULL
      AND l.expires_at > crm.core_now() AND m.staff_id = l.staff_id AND m.left_at IS NULL
    RETURNING l.staff_id INTO member;
    PERFORM crm._audit(CASE WHEN member IS NULL THEN 'sign_in_failed' ELSE 'sign_in_link' END, 'staff', member);
    IF member IS NULL THEN
        RETURN crm._access_refusal() || '{"detail": "link is unknown, used or expired"}';
    END IF;
    UPDATE crm.staff m SET failed_tries = 0, locked_until = NULL WHERE m.staff_id = member;
    RETURN crm._access_open_session(member, user_agent);
END
$$;
COMMENT ON FUNCTION crm.access_sign_in_link(text, text) IS
    'opens a session with a one-time token and unlocks the account; answers as crm.access_sign_in()';
GRANT EXECUTE ON FUNCTION crm.access_sign_in_link(text, text) TO crm_gateway;

CREATE FUNCTION crm.access_sign_out() RETURNS boolean
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
BEGIN
    UPDATE crm.session s SET ended_at = crm.core_now()
    WHERE s.session_hash = decode(crm._actor_claim('session'), 'hex') AND s.ended_at IS NULL;
    RETURN FOUND;
END
$$;
COMMENT ON FUNCTION crm.access_sign_out() IS
    'ends the session of this request; false when the request came without a session (key, token, SQL login)';
GRANT EXECUTE ON FUNCTION crm.access_sign_out() TO crm_clerk, crm_store_manager, crm_manager, crm_service,
    crm_steward, crm_marketer, crm_analyst, crm_headquarters, crm_admin, crm_reader, crm_till;

CREATE FUNCTION crm.access_whoami() RETURNS jsonb
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
BEGIN
    RETURN jsonb_build_object(
        'actor', crm._actor(), 'role', crm._actor_role(),
        'name', (SELECT m.name FROM crm.staff m WHERE m.staff_id = crm._actor_staff()),
        'sees_all', crm._actor_claim('all')::boolean,
        'stores', coalesce((SELECT jsonb_agg(jsonb_build_object('code', s.code, 'name', s.name) ORDER BY s.code)
                            FROM crm.store s WHERE s.store_id = ANY (crm.access_store_ids())), '[]'),
        'source', crm._actor_claim('source'), 'is_sandbox', crm._actor_claim('sandbox')::boolean,
        'session_expires_at', (SELECT s.expires_at FROM crm.session s
                               WHERE s.session_hash = decode(crm._actor_claim('session'), 'hex')));
END
$$;
COMMENT ON FUNCTION crm.access_whoami() IS
    'who acts and what they may see: actor, role, name, stores (all when sees_all), source, session_expires_at';
GRANT EXECUTE ON FUNCTION crm.access_whoami() TO crm_clerk, crm_store_manager, crm_manager, crm_service,
    crm_steward, crm_marketer, crm_analyst, crm_headquarters, crm_admin, crm_reader, crm_till, crm_gateway;
