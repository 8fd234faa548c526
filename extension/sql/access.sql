-- access: who acts, what they may see, the trail, and calls that may be repeated.

-- Only the gateway may say on whose behalf it acts; every other login is its staff row.
GRANT SET ON PARAMETER crm.access_claims TO crm_gateway;

-- C, owned by crm_owner and definer: the staff table has no grants.
CREATE FUNCTION crm.access_store_ids() RETURNS int[]
    LANGUAGE c STABLE PARALLEL RESTRICTED SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp
    AS 'MODULE_PATHNAME', 'crm_access_store_ids';
COMMENT ON FUNCTION crm.access_store_ids() IS
    'the stores whose rows the actor may see: of the claims, else of the staff row of session_user, else none; '
    'policies use it as (SELECT crm.access_store_ids()); 28000 when the claims are damaged';
GRANT EXECUTE ON FUNCTION crm.access_store_ids() TO crm_clerk, crm_store_manager, crm_manager, crm_service,
    crm_steward, crm_marketer, crm_analyst, crm_headquarters;

CREATE FUNCTION crm._actor() RETURNS text
    LANGUAGE c STABLE PARALLEL RESTRICTED AS 'MODULE_PATHNAME', 'crm_access_actor_code';
COMMENT ON FUNCTION crm._actor() IS 'who acts: staff code, API key id, or SQL login';
CREATE FUNCTION crm._actor_role() RETURNS name
    LANGUAGE c STABLE PARALLEL RESTRICTED AS 'MODULE_PATHNAME', 'crm_access_actor_role';
COMMENT ON FUNCTION crm._actor_role() IS 'the role the actor acts in; the login itself when it has no staff row';
CREATE FUNCTION crm._actor_staff() RETURNS int
    LANGUAGE c STABLE PARALLEL RESTRICTED AS 'MODULE_PATHNAME', 'crm_access_actor_staff';
COMMENT ON FUNCTION crm._actor_staff() IS 'staff_id of the actor; null for API keys and logins without a staff row';
CREATE FUNCTION crm._actor_claim(claim text) RETURNS text
    LANGUAGE c STABLE STRICT PARALLEL RESTRICTED AS 'MODULE_PATHNAME', 'crm_access_actor_claim';
COMMENT ON FUNCTION crm._actor_claim(text) IS
    'an optional claim of the actor: source (the one an API key delivers for), request_id, session, sandbox, all; '
    'null when absent; 22023 for another name';

-- The two groups of roles that read rows: one policy each, so that plans use the indexes.
CREATE FUNCTION crm._access_scoped_roles() RETURNS name[]
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$ SELECT '{crm_clerk,crm_store_manager,crm_manager,crm_service}'::name[] $$;
COMMENT ON FUNCTION crm._access_scoped_roles() IS 'roles that see the rows of their stores';
CREATE FUNCTION crm._access_wide_roles() RETURNS name[]
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$ SELECT '{crm_steward,crm_marketer,crm_analyst,crm_headquarters}'::name[] $$;
COMMENT ON FUNCTION crm._access_wide_roles() IS 'roles that see the rows of every store';

-- What definer functions ask, who are above row security: the same answers as the policies give.
CREATE FUNCTION crm._access_sees_all() RETURNS boolean
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
BEGIN
    -- a scoped role that has every store in its scope sees every store, and yet nobody who belongs to none
    RETURN crm._actor_role() = ANY (crm._access_wide_roles())
           OR crm._actor_staff() IS NULL AND coalesce(crm._actor_claim('all')::boolean, false);
END
$$;
COMMENT ON FUNCTION crm._access_sees_all() IS
    'whether the actor sees every row of customers'' data: a wide role, or a superuser, whom row security does not '
    'hold';

CREATE FUNCTION crm._access_counts_all() RETURNS boolean
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
BEGIN
    RETURN crm._access_sees_all() OR crm._actor_role() = 'crm_reader';
END
$$;
COMMENT ON FUNCTION crm._access_counts_all() IS
    'whether figures that the actor may ask for count the whole chain: of who sees every row, and of crm_reader, '
    'who sees figures alone';

CREATE FUNCTION crm._access_staff_scope(staff_id int, role name, OUT store_ids int[], OUT sees_all boolean)
    LANGUAGE plpgsql STABLE AS
$$
DECLARE
    regions int[];
    groups int[];
BEGIN
    -- runs in each request: one look at the scopes, and at stores only where a scope names several
    IF role = ANY (crm._access_wide_roles()) THEN
        store_ids := '{}';
        sees_all := true;
        RETURN;
    END IF;
    SELECT coalesce(array_agg(sc.ref_id) FILTER (WHERE sc.kind = 'store'), '{}'), coalesce(bool_or(sc.kind = 'all'), false),
           array_agg(sc.ref_id) FILTER (WHERE sc.kind = 'region'), array_agg(sc.ref_id) FILTER (WHERE sc.kind = 'group')
    INTO store_ids, sees_all, regions, groups
    FROM crm.staff_scope sc WHERE sc.staff_id = _access_staff_scope.staff_id;
    IF regions IS NOT NULL THEN
        store_ids := store_ids || ARRAY(SELECT s.store_id FROM crm.store s WHERE s.region_id = ANY (regions));
    END IF;
    IF groups IS NOT NULL THEN
        store_ids := store_ids || ARRAY(SELECT g.store_id FROM crm.sharing_group_store g WHERE g.sharing_group_id = ANY (groups));
    END IF;
END
$$;
COMMENT ON FUNCTION crm._access_staff_scope(int, name) IS
    'the stores in the scopes of a staff member (single stores, regions, sharing groups), and whether they see '
    'every store, by role or by scope; then store_ids need not name them; a store in two scopes is named twice';

-- Protection of tables, called by the migrations after CREATE TABLE.  A table without a call
-- has no grants: only definer functions of crm_owner read it.
CREATE FUNCTION crm._access_protect(relation regclass, scoped_condition text) RETURNS void
    LANGUAGE plpgsql AS
$$
DECLARE
    wide text := (SELECT string_agg(format('%I', r), ', ') FROM unnest(crm._access_wide_roles()) r);
    scoped text := (SELECT string_agg(format('%I', r), ', ') FROM unnest(crm._access_scoped_roles()) r);
BEGIN
    EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', relation);
    EXECUTE format('CREATE POLICY crm_wide ON %s FOR SELECT TO %s USING (true)', relation, wide);
    EXECUTE format('GRANT SELECT ON %s TO %s', relation, wide);
    IF scoped_condition IS NOT NULL THEN
        EXECUTE format('CREATE POLICY crm_scoped ON %s FOR SELECT TO %s USING (%s)', relation, scoped, scoped_condition);
        EXECUTE format('GRANT SELECT ON %s TO %s', relation, scoped);
    END IF;
END
$$;
COMMENT ON FUNCTION crm._access_protect(regclass, text) IS
    'turns row security on, lets the wide roles read every row and the scoped roles those that fit the condition '
    '(none when null)';

CREATE FUNCTION crm._access_protect_scope(relation regclass) RETURNS void
    LANGUAGE plpgsql AS
$$
BEGIN
    PERFORM crm._access_protect(relation, 'scope_store_ids && (SELECT crm.access_store_ids())');
END
$$;
COMMENT ON FUNCTION crm._access_protect_scope(regclass) IS
    'for crm.customer: a row is visible to the stores in its scope_store_ids';

CREATE FUNCTION crm._access_protect_fact(relation regclass) RETURNS void
    LANGUAGE plpgsql AS
$$
BEGIN
    PERFORM crm._access_protect(relation, 'store_id = ANY ((SELECT crm.access_store_ids())::int[])');
END
$$;
COMMENT ON FUNCTION crm._access_protect_fact(regclass) IS
    'for facts: a row is visible to its own store; one without a store to the wide roles only';

CREATE FUNCTION crm._access_protect_person(relation regclass) RETURNS void
    LANGUAGE plpgsql AS
$$
BEGIN
    PERFORM crm._access_protect(relation, format(
        'EXISTS (SELECT FROM crm.customer c WHERE c.customer_id = %I.customer_id)',
        (SELECT relname FROM pg_class WHERE oid = relation)));
END
$$;
COMMENT ON FUNCTION crm._access_protect_person(regclass) IS
    'for rows keyed by customer_id: visible when the customer is (the customer''s own policy decides inside)';

CREATE FUNCTION crm._access_protect_item(relation regclass) RETURNS void
    LANGUAGE plpgsql AS
$$
BEGIN
    PERFORM crm._access_protect(relation, format(
        'EXISTS (SELECT FROM crm.customer_order o WHERE o.source_record_id = %1$I.source_record_id'
        ' AND o.order_id = %1$I.order_id AND o.revision = %1$I.revision)',
        (SELECT relname FROM pg_class WHERE oid = relation)));
END
$$;
COMMENT ON FUNCTION crm._access_protect_item(regclass) IS
    'for order lines: visible when their order is';

CREATE FUNCTION crm._access_protect_wide(relation regclass) RETURNS void
    LANGUAGE plpgsql AS
$$
BEGIN
    PERFORM crm._access_protect(relation, NULL);
END
$$;
COMMENT ON FUNCTION crm._access_protect_wide(regclass) IS
    'for rows that belong to no store: the wide roles read them, nobody else';

CREATE FUNCTION crm._access_protect_closed(VARIADIC relations regclass[]) RETURNS void
    LANGUAGE plpgsql AS
$$
DECLARE
    relation regclass;
BEGIN
    FOREACH relation IN ARRAY relations LOOP
        EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', relation);
    END LOOP;
END
$$;
COMMENT ON FUNCTION crm._access_protect_closed(regclass[]) IS
    'for tables that only definer functions read: row security without a policy denies even after a careless GRANT';

CREATE FUNCTION crm._access_open(VARIADIC relations regclass[]) RETURNS void
    LANGUAGE plpgsql AS
$$
DECLARE
    relation regclass;
BEGIN
    FOREACH relation IN ARRAY relations LOOP
        EXECUTE format('GRANT SELECT ON %s TO %s, crm_admin, crm_reader', relation,
            (SELECT string_agg(format('%I', r), ', ')
             FROM unnest(crm._access_scoped_roles() || crm._access_wide_roles()) r));
    END LOOP;
END
$$;
COMMENT ON FUNCTION crm._access_open(regclass[]) IS
    'for reference tables (stores, products, tiers): every role that reads SQL may read them; no customers'' data in them';

-- The trail.
CREATE FUNCTION crm._access_require_trail() RETURNS void
    LANGUAGE plpgsql STABLE AS
$$
BEGIN
    IF current_setting('transaction_read_only')::boolean THEN
        RAISE EXCEPTION 'this goes on the trail, which cannot be written here'
            USING ERRCODE = 'read_only_sql_transaction',
                HINT = 'Ask the server that takes writes, in a transaction that is not READ ONLY: a standby answers only what leaves no trace.';
    END IF;
END
$$;
COMMENT ON FUNCTION crm._access_require_trail() IS
    '25006 on a standby and in a transaction that only reads: looking somebody up, seeing clear values and '
    'exporting are written down';

CREATE FUNCTION crm._audit(action text, object_kind text, object_id bigint, field text DEFAULT NULL,
                           old_masked text DEFAULT NULL, new_masked text DEFAULT NULL, reason text DEFAULT NULL,
                           old_hash bytea DEFAULT NULL, new_hash bytea DEFAULT NULL) RETURNS void
    LANGUAGE plpgsql AS
$$
BEGIN
    PERFORM crm._access_require_trail();
    INSERT INTO crm.audit (audited_at, audit_id, actor, actor_role, staff_id, action, object_kind, object_id,
                           field, old_value, new_value, old_hash, new_hash, reason, request_id)
    VALUES (clock_timestamp(), crm._new_id(), crm._actor(), crm._actor_role(), crm._actor_staff(), action,
            object_kind, object_id, field, old_masked, new_masked, old_hash, new_hash, reason,
            crm._actor_claim('request_id'));
END
$$;
COMMENT ON FUNCTION crm._audit(text, text, bigint, text, text, text, text, bytea, bytea) IS
    'appends to the trail, in real time: who did what to which object; values masked or as keyed hash, never clear';

-- What staff write of an act is kept for ever, in the trail and often in a journal, too: a few words, no document.
CREATE FUNCTION crm._access_check_reason(reason text, missing text DEFAULT NULL, hint text DEFAULT NULL) RETURNS void
    LANGUAGE plpgsql IMMUTABLE AS
$$
BEGIN
    IF missing IS NOT NULL AND coalesce(btrim(reason), '') = '' THEN
        RAISE EXCEPTION '%', missing USING ERRCODE = 'invalid_parameter_value', COLUMN = 'reason', HINT = hint;
    ELSIF length(reason) > 500 THEN
        RAISE EXCEPTION 'the reason is too long' USING ERRCODE = 'invalid_parameter_value', COLUMN = 'reason', HINT = 'Give at most 500 characters.';
    END IF;
END
$$;
COMMENT ON FUNCTION crm._access_check_reason(text, text, text) IS
    '22023 for a reason of more than 500 characters, and, when a missing one has an answer, for none or a blank one';

-- What needs a person: one open alert a kind and key.
CREATE FUNCTION crm._alert(kind text, key text, detail jsonb) RETURNS void
    LANGUAGE plpgsql AS
$$
BEGIN
    INSERT INTO crm.alert (alert_id, kind, key, opened_at, detail)
    VALUES (crm._new_id(), kind, key, crm.core_now(), detail)
    ON CONFLICT DO NOTHING;
END
$$;
COMMENT ON FUNCTION crm._alert(text, text, jsonb) IS 'opens an alert unless one of this kind and key is open';

CREATE FUNCTION crm._alert_close(kind text, VARIADIC keys text[]) RETURNS void
    LANGUAGE plpgsql AS
$$
BEGIN
    UPDATE crm.alert a SET closed_at = crm.core_now()
    WHERE a.kind = _alert_close.kind AND a.key = ANY (keys) AND a.closed_at IS NULL;
END
$$;
COMMENT ON FUNCTION crm._alert_close(text, text[]) IS 'closes the open alerts of a kind and these keys, if there are any';

-- Idempotency keys: the row is written first, so of two equal calls at the same time one waits
-- for the other and then answers the same.
CREATE FUNCTION crm._idempotency_insert(principal text, key text, operation text, fingerprint bytea) RETURNS boolean
    LANGUAGE plpgsql SET lock_timeout = '2s' AS
$$
BEGIN
    INSERT INTO crm.idempotency (principal, idempotency_key, operation, release, fingerprint, created_at)
    VALUES (principal, key, operation, crm._code_version(), fingerprint, crm.core_now())
    ON CONFLICT ON CONSTRAINT idempotency_pkey DO NOTHING;
    RETURN FOUND;
EXCEPTION WHEN lock_not_available THEN
    RAISE EXCEPTION 'the call with this idempotency key has not finished'
        USING ERRCODE = 'RM102', COLUMN = 'idempotency_key', HINT = 'Try again in a moment.';
END
$$;
COMMENT ON FUNCTION crm._idempotency_insert(text, text, text, bytea) IS
    'true: the key is ours now; false: another call has finished with it; RM102 when that call still runs after 2 seconds';

CREATE FUNCTION crm._idempotency_claim(key text, operation text, fingerprint bytea) RETURNS jsonb
    LANGUAGE plpgsql AS
$$
DECLARE
    who text;
    print bytea;
    earlier record;
BEGIN
    IF key IS NULL THEN
        RETURN NULL;
    END IF;
    IF key = '' OR length(key) > 255 THEN
        RAISE EXCEPTION 'idempotency key is empty or longer than 255 characters'
            USING ERRCODE = 'invalid_parameter_value', COLUMN = 'idempotency_key',
            HINT = 'Give 1 to 255 characters that name this call alone, or none.';
    END IF;
    who := crm._actor();
    print := crm._sha256(convert_to(operation, 'UTF8') || '\x00'::bytea || coalesce(fingerprint, '\x'));
    IF crm._idempotency_insert(who, key, operation, print) THEN
        RETURN NULL;
    END IF;
    SELECT i.fingerprint, i.operation, i.release, i.answer INTO earlier FROM crm.idempotency i
    WHERE i.principal = who AND i.idempotency_key = key;
    -- another release may have had other arguments: a till that repeats what it asked before the upgrade repeats it,
    -- and has its answer
    IF earlier.fingerprint <> print AND (earlier.operation = _idempotency_claim.operation AND earlier.release <> crm._code_version()) IS NOT TRUE THEN
        RAISE EXCEPTION 'idempotency key was used for another call'
            USING ERRCODE = 'RM101', COLUMN = 'idempotency_key', HINT = 'Repeat a call with the same content, or use a new key.';
    END IF;
    IF earlier.answer IS NULL THEN
        RAISE EXCEPTION 'the call with this idempotency key has not finished'
            USING ERRCODE = 'RM102', COLUMN = 'idempotency_key', HINT = 'Try again in a moment.';
    END IF;
    RETURN earlier.answer;
END
$$;
COMMENT ON FUNCTION crm._idempotency_claim(text, text, bytea) IS
    'null: go on, and end with crm._idempotency_store(); otherwise the stored answer of the equal call; RM101 when '
    'the key belongs to another call (of one that an earlier release answered the function alone counts), RM102 '
    'when that call still runs';

CREATE FUNCTION crm._idempotency_store(key text, answer jsonb) RETURNS void
    LANGUAGE plpgsql AS
$$
BEGIN
    IF key IS NOT NULL THEN
        UPDATE crm.idempotency i SET answer = coalesce(_idempotency_store.answer, 'null')
        WHERE i.principal = crm._actor() AND i.idempotency_key = key;
    END IF;
END
$$;
COMMENT ON FUNCTION crm._idempotency_store(text, jsonb) IS
    'keeps the answer of a call in the transaction of its effect; nothing for a null key';
