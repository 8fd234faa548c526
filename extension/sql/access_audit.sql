-- access: the trail read, sealed and verified; partitions; what is kept how long.

CREATE FUNCTION crm.access_audit(since timestamptz DEFAULT NULL, until timestamptz DEFAULT NULL, who text DEFAULT NULL,
                                 act text DEFAULT NULL, customer_id bigint DEFAULT NULL, after bigint DEFAULT 0,
                                 max_rows int DEFAULT 100) RETURNS SETOF jsonb
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
BEGIN
    RETURN QUERY
    SELECT jsonb_build_object('audit_id', a.audit_id, 'at', a.audited_at, 'actor', a.actor, 'role', a.actor_role,
        'action', a.action, 'object_kind', a.object_kind, 'object_id', a.object_id, 'field', a.field,
        'old', a.old_value, 'new', a.new_value, 'reason', a.reason, 'request_id', a.request_id)
    FROM crm.audit a
    WHERE a.audited_at >= coalesce(since, '-infinity') AND a.audited_at < coalesce(until, 'infinity')
      AND (who IS NULL OR a.actor = who) AND (act IS NULL OR a.action = act)
      AND (access_audit.customer_id IS NULL
           OR (a.object_kind = 'customer' AND a.object_id = access_audit.customer_id))
      AND a.audit_id > coalesce(after, 0)
    ORDER BY a.audit_id LIMIT least(greatest(coalesce(max_rows, 100), 1), 500);
END
$$;
COMMENT ON FUNCTION crm.access_audit(timestamptz, timestamptz, text, text, bigint, bigint, int) IS
    'the trail as JSON rows by audit_id, filtered by time, actor, action and person; values masked; page with after '
    '= the last audit_id; at most 500 rows';
GRANT EXECUTE ON FUNCTION crm.access_audit(timestamptz, timestamptz, text, text, bigint, bigint, int) TO crm_admin, crm_headquarters;

-- A stretch's rows as one hash, independent of the session's settings.
CREATE FUNCTION crm._access_hash_rows(sealed_from timestamptz, sealed_to timestamptz, OUT row_count bigint, OUT rows_hash bytea)
    LANGUAGE plpgsql STABLE AS
$$
BEGIN
    SELECT count(*), crm._sha256(convert_to(coalesce(string_agg(
               jsonb_build_array(extract(epoch FROM a.audited_at), a.audit_id, a.actor, a.actor_role, a.staff_id, a.action,
                   a.object_kind, a.object_id, a.field, a.old_value, a.new_value, encode(a.old_hash, 'hex'),
                   encode(a.new_hash, 'hex'), a.reason, a.request_id)::text,
               E'\n' ORDER BY a.audited_at, a.audit_id), ''), 'UTF8'))
    INTO row_count, rows_hash
    FROM crm.audit a WHERE a.audited_at > _access_hash_rows.sealed_from AND a.audited_at <= _access_hash_rows.sealed_to;
END
$$;
COMMENT ON FUNCTION crm._access_hash_rows(timestamptz, timestamptz) IS
    'count and SHA-256 of the trail''s rows after one moment up to another';

CREATE FUNCTION crm._access_compute_seal(seal_no bigint, before bytea, sealed_from timestamptz, sealed_to timestamptz,
                                         row_count bigint, rows_hash bytea) RETURNS bytea
    LANGUAGE plpgsql STABLE AS
$$
BEGIN
    RETURN crm._keyed_hash('audit_seal', coalesce(before, '\x') || rows_hash || convert_to(
        concat_ws(' ', seal_no, extract(epoch FROM sealed_from), extract(epoch FROM sealed_to), row_count), 'UTF8'));
END
$$;
COMMENT ON FUNCTION crm._access_compute_seal(bigint, bytea, timestamptz, timestamptz, bigint, bytea) IS
    'the seal of a stretch: HMAC over the seal before it and what the stretch holds';

CREATE FUNCTION crm._access_seal() RETURNS bigint
    LANGUAGE plpgsql SET lock_timeout = '100ms' AS
$$
DECLARE
    last_seal record;
    last_row timestamptz;
    start timestamptz;
    stretch record;
    chain bytea;
    rows_left bigint;
BEGIN
    -- Waits for whoever is writing the trail, so that no row of a sealed stretch commits later;
    -- when someone writes for long, the next run tries again.
    BEGIN
        LOCK TABLE crm.audit IN SHARE MODE;
    EXCEPTION WHEN lock_not_available THEN
        RETURN 0;
    END;
    SELECT * INTO last_seal FROM crm.audit_seal s ORDER BY s.seal_no DESC LIMIT 1;
    start := coalesce(last_seal.sealed_to, (SELECT min(a.audited_at) - interval '1 microsecond' FROM crm.audit a));
    -- at most 5,000 rows, and never over a month's end, for partitions leave whole
    SELECT max(t.audited_at), count(*) INTO last_row, rows_left
    FROM (SELECT a.audited_at FROM crm.audit a
          WHERE a.audited_at > start AND a.audited_at < (
              SELECT date_trunc('month', min(b.audited_at) AT TIME ZONE 'UTC') AT TIME ZONE 'UTC' + interval '1 month'
              FROM crm.audit b WHERE b.audited_at > start)
          ORDER BY a.audited_at LIMIT 5000) t;
    IF last_row IS NULL THEN
        RETURN 0;
    END IF;
    SELECT * INTO stretch FROM crm._access_hash_rows(start, last_row);
    chain := crm._access_compute_seal(coalesce(last_seal.seal_no, 0) + 1, last_seal.seal, start, last_row,
                                      stretch.row_count, stretch.rows_hash);
    INSERT INTO crm.audit_seal (seal_no, sealed_from, sealed_to, row_count, rows_hash, seal, sealed_at)
    VALUES (coalesce(last_seal.seal_no, 0) + 1, start, last_row, stretch.row_count, stretch.rows_hash, chain,
            clock_timestamp());
    -- the server's log is out of the database's reach: who cuts the chain's end is found out there
    RAISE LOG 'crm: seal % of the audit trail is %', coalesce(last_seal.seal_no, 0) + 1, encode(chain, 'hex');
    RETURN CASE WHEN rows_left >= 5000 THEN 1 ELSE 0 END;
END
$$;
COMMENT ON FUNCTION crm._access_seal() IS
    'job: chains the next stretch of the trail to the seals before it; 1 when more waits';

CREATE FUNCTION crm.access_verify_audit() RETURNS TABLE (seal_no bigint, sealed_from timestamptz, sealed_to timestamptz, state text)
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
DECLARE
    link record;
    before bytea;
    expected bigint := 1;
    stretch record;
    kept_from timestamptz := clock_timestamp() - (crm._setting('access.audit_months')::text || ' months')::interval;
BEGIN
    FOR link IN SELECT * FROM crm.audit_seal s ORDER BY s.seal_no LOOP
        SELECT * INTO stretch FROM crm._access_hash_rows(link.sealed_from, link.sealed_to);
        seal_no := link.seal_no; sealed_from := link.sealed_from; sealed_to := link.sealed_to;
        state := CASE
            WHEN link.seal_no <> expected THEN 'seals are missing before this one'
            WHEN link.seal <> crm._access_compute_seal(link.seal_no, before, link.sealed_from, link.sealed_to,
                                                       link.row_count, link.rows_hash) THEN 'seal was changed'
            WHEN stretch.row_count = 0 AND link.sealed_to < kept_from THEN 'expired'
            WHEN stretch.row_count <> link.row_count THEN format('%s rows instead of %s', stretch.row_count, link.row_count)
            WHEN stretch.rows_hash <> link.rows_hash THEN 'rows were changed'
            ELSE 'ok' END;
        before := link.seal;
        expected := link.seal_no + 1;
        RETURN NEXT;
    END LOOP;
END
$$;
COMMENT ON FUNCTION crm.access_verify_audit() IS
    'recomputes every seal of the trail: ok, expired (older than access.audit_months), or what was changed';
GRANT EXECUTE ON FUNCTION crm.access_verify_audit() TO crm_admin, crm_headquarters;

-- Partitions ------------------------------------------------------------------------------

CREATE FUNCTION crm._access_partitioned() RETURNS TABLE (parent text, by_column text, step interval, ahead int, kept interval, is_real_time boolean)
    LANGUAGE plpgsql STABLE AS
$$
BEGIN
    RETURN QUERY VALUES
        ('inbox', 'received_at', interval '1 day', 3,
         (coalesce((SELECT max(s.raw_retention_days) FROM crm.source s), 400) || ' days')::interval, false),
        ('event', 'received_at', interval '1 month', 2, (crm._setting('access.event_months')::text || ' months')::interval, false),
        ('audit', 'audited_at', interval '1 month', 2, (crm._setting('access.audit_months')::text || ' months')::interval, true);
END
$$;
COMMENT ON FUNCTION crm._access_partitioned() IS
    'the tables kept by time of receipt: column, size of a partition, how many ahead, how long rows stay, whether '
    'by real time';

CREATE FUNCTION crm._access_add_partition(parent text, by_column text, step interval, starts timestamptz) RETURNS boolean
    LANGUAGE plpgsql AS
$$
DECLARE
    child text := format('%s_%s', parent, to_char(starts AT TIME ZONE 'UTC', CASE step WHEN interval '1 day' THEN 'YYYYMMDD' ELSE 'YYYYMM' END));
    ends timestamptz := ((starts AT TIME ZONE 'UTC') + step) AT TIME ZONE 'UTC';
BEGIN
    IF to_regclass(format('crm.%I', child)) IS NOT NULL THEN
        RETURN false;
    END IF;
    -- of two runs at once the second finds it made; readers and writers go on meanwhile
    EXECUTE format('LOCK TABLE ONLY crm.%I IN SHARE UPDATE EXCLUSIVE MODE', parent);
    IF to_regclass(format('crm.%I', child)) IS NOT NULL THEN
        RETURN false;
    END IF;
    EXECUTE format('CREATE TABLE crm.%I (LIKE crm.%I INCLUDING ALL)', child, parent);
    EXECUTE format('ALTER TABLE crm.%I ENABLE ROW LEVEL SECURITY', child);
    -- rows that came before their partition lie in the default one
    EXECUTE format('WITH moved AS (DELETE FROM crm.%1$I WHERE %2$I >= %4$L AND %2$I < %5$L RETURNING *)
                    INSERT INTO crm.%3$I SELECT * FROM moved', parent || '_default', by_column, child, starts, ends);
    EXECUTE format('ALTER TABLE crm.%I ATTACH PARTITION crm.%I FOR VALUES FROM (%L) TO (%L)', parent, child, starts, ends);
    RETURN true;
END
$$;
COMMENT ON FUNCTION crm._access_add_partition(text, text, interval, timestamptz) IS
    'makes and attaches the partition that starts at a moment, taking over rows of the default one; false when it is there';

CREATE FUNCTION crm._access_drop_partitions(parent text, older_than timestamptz) RETURNS int
    LANGUAGE plpgsql AS
$$
DECLARE
    child record;
    dropped int := 0;
BEGIN
    FOR child IN
        SELECT c.relname, substring(pg_get_expr(c.relpartbound, c.oid) FROM 'TO \(''([^'']+)''\)')::timestamptz AS ends
        FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
        WHERE i.inhparent = format('crm.%I', parent)::regclass AND c.relname ~ (parent || '_\d+$')
    LOOP
        IF child.ends <= older_than THEN
            EXECUTE format('ALTER TABLE crm.%I DETACH PARTITION crm.%I', parent, child.relname);
            EXECUTE format('DROP TABLE crm.%I', child.relname);
            dropped := dropped + 1;
        END IF;
    END LOOP;
    RETURN dropped;
END
$$;
COMMENT ON FUNCTION crm._access_drop_partitions(text, timestamptz) IS
    'drops the partitions that end before a moment; how many';

CREATE FUNCTION crm._access_partitions() RETURNS bigint
    LANGUAGE plpgsql SET lock_timeout = '200ms' SET timezone = 'UTC' AS
$$
DECLARE
    kept record;
    today timestamptz;
BEGIN
    -- gives up on a lock long before anybody's deadlock_timeout: nobody else is ever the victim of this
    FOR kept IN SELECT * FROM crm._access_partitioned() LOOP
        today := CASE WHEN kept.is_real_time THEN clock_timestamp() ELSE crm.core_now() END;
        BEGIN
            PERFORM crm._access_add_partition(kept.parent, kept.by_column, kept.step,
                date_trunc(CASE kept.step WHEN interval '1 day' THEN 'day' ELSE 'month' END, today) + n * kept.step)
            FROM generate_series(0, kept.ahead) n;
            PERFORM crm._access_drop_partitions(kept.parent, today - kept.kept);
        EXCEPTION WHEN lock_not_available THEN
            NULL;   -- somebody reads for long: the next run tries again, rows wait in the default partition
        END;
    END LOOP;
    RETURN 0;
END
$$;
COMMENT ON FUNCTION crm._access_partitions() IS
    'job: makes the partitions of inbox (days), event and audit (months) ahead, and drops those past their retention';

CREATE FUNCTION crm._access_purge() RETURNS bigint
    LANGUAGE plpgsql AS
$$
DECLARE
    removed bigint;
BEGIN
    DELETE FROM crm.session s WHERE s.expires_at < crm.core_now() - interval '30 days';
    DELETE FROM crm.signin_link l WHERE l.expires_at < crm.core_now() - interval '30 days';
    DELETE FROM crm.idempotency i
    WHERE (i.principal, i.idempotency_key) IN (
        SELECT o.principal, o.idempotency_key FROM crm.idempotency o
        WHERE o.created_at < crm.core_now() - (crm._setting('access.idempotency_hours')::text || ' hours')::interval
        ORDER BY o.created_at LIMIT 10000);
    GET DIAGNOSTICS removed = ROW_COUNT;
    RETURN CASE WHEN removed = 10000 THEN 1 ELSE 0 END;
END
$$;
COMMENT ON FUNCTION crm._access_purge() IS
    'job: removes idempotency keys past access.idempotency_hours, sessions and links 30 days after their end; 1 '
    'when more waits';

CREATE FUNCTION crm.access_check() RETURNS TABLE (what text, expected text, found text)
    LANGUAGE plpgsql STABLE AS
$$
BEGIN
    RETURN QUERY
    SELECT format('seal %s of the trail', v.seal_no), 'ok', v.state
    FROM crm.access_verify_audit() v WHERE v.state NOT IN ('ok', 'expired');
    RETURN QUERY
    SELECT format('SQL login of staff %s', m.code), format('a member of %s', m.role),
           CASE WHEN r.oid IS NULL THEN 'no such login' ELSE 'no member' END
    FROM crm.staff m LEFT JOIN pg_roles r ON r.rolname = m.sql_role
    WHERE m.sql_role IS NOT NULL AND m.left_at IS NULL AND (r.oid IS NULL OR NOT pg_has_role(m.sql_role, m.role, 'MEMBER'));
    RETURN QUERY
    SELECT format('SQL login of staff %s, who left', m.code), 'dropped', 'can still log in'
    FROM crm.staff m JOIN pg_roles r ON r.rolname = m.sql_role
    WHERE m.left_at IS NOT NULL AND r.rolcanlogin;
    RETURN QUERY
    SELECT format('scope of staff %s', m.code), 'a store, region or group', 'none: sees nobody'
    FROM crm.staff m
    WHERE m.left_at IS NULL AND m.role = ANY (crm._access_scoped_roles())
      AND NOT EXISTS (SELECT FROM crm.staff_scope sc WHERE sc.staff_id = m.staff_id);
    RETURN QUERY
    SELECT format('table %s', c.oid::regclass), 'row security', 'off'
    FROM pg_class c
    WHERE c.relnamespace = 'crm'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition AND NOT c.relrowsecurity
      AND EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnotnull
                  AND a.attname IN ('customer_id', 'source_record_id'))
      AND EXISTS (SELECT FROM aclexplode(c.relacl) a WHERE a.grantee <> c.relowner);
    RETURN QUERY
    SELECT format('rows of crm.%s past their partitions', p.parent), '0', n.rows::text
    FROM (VALUES ('inbox'), ('event'), ('audit')) p(parent)
    CROSS JOIN LATERAL crm._access_count_default(p.parent) n(rows) WHERE n.rows > 0;
END
$$;
COMMENT ON FUNCTION crm.access_check() IS
    'for crm.check(): damaged seals, logins and scopes that do not fit, row security turned off, rows without a '
    'partition; no rows: all in order';

CREATE FUNCTION crm._access_count_default(parent text) RETURNS bigint
    LANGUAGE plpgsql STABLE AS
$$
DECLARE
    answer bigint;
BEGIN
    EXECUTE format('SELECT count(*) FROM (SELECT FROM crm.%I LIMIT 1000) r', parent || '_default') INTO answer;
    RETURN answer;
END
$$;
COMMENT ON FUNCTION crm._access_count_default(text) IS 'rows in the default partition of a table, counted to 1000 at most';
