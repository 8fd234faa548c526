-- identity, everybody settled anew: after a setting, a kind of identifier, a source's promise or the rules of a
-- release changed.  A write settles what it reaches; this does the same for all records, span by span, by the worker
-- and its helper at once.  The partition is a function of what is stored, so the order of spans, and writes that come
-- between, change nothing.
--
-- Most of a span is as it should be: that is found without a lock, and only who would be put together otherwise is
-- settled, under the locks of a write.

-- Those of some records who would belong to another person by a new computation, or hold what has become a hub.
CREATE FUNCTION crm._identity_differing(records bigint[]) RETURNS bigint[]
    LANGUAGE plpgsql STABLE SET plan_cache_mode = force_generic_plan
    SET enable_seqscan = off SET enable_bitmapscan = off SET enable_material = off SET enable_memoize = off SET jit = off AS
$$
DECLARE
    reach crm.identity_reach := crm._identity_reach(records, '{}', '{}');
BEGIN
    RETURN ARRAY(
        WITH settled AS MATERIALIZED (
            SELECT s.source_record_id, s.label, bool_or(s.is_person) OVER (PARTITION BY s.label) AS is_person, m.customer_id
            FROM crm._identity_partition(reach.records) s
            LEFT JOIN LATERAL (SELECT x.customer_id FROM crm.membership x
                               WHERE x.source_record_id = s.source_record_id AND x.valid_to = 'infinity' LIMIT 1) m ON true
            WHERE s.reason IS NULL),
        kept AS (
            SELECT t.*, min(t.customer_id) OVER (PARTITION BY t.label) IS DISTINCT FROM max(t.customer_id) OVER (PARTITION BY t.label)
                        OR count(t.customer_id) OVER (PARTITION BY t.label) <> CASE
                            WHEN t.is_person THEN count(*) OVER (PARTITION BY t.label)
                            ELSE 0 END AS is_joined_otherwise,
                   min(t.label) OVER (PARTITION BY t.customer_id) <> max(t.label) OVER (PARTITION BY t.customer_id) AS is_parted_otherwise
            FROM settled t)
        SELECT k.source_record_id FROM kept k
        WHERE k.source_record_id = ANY (records) AND (k.is_joined_otherwise OR k.customer_id IS NOT NULL AND k.is_parted_otherwise)
        UNION
        SELECT ri.source_record_id
        FROM unnest(records) f(id)
        CROSS JOIN LATERAL (SELECT * FROM crm.record_identifier x WHERE x.source_record_id = f.id OFFSET 0) ri
        CROSS JOIN LATERAL (SELECT x.record_count, x.is_blocked FROM crm.identifier x WHERE x.kind = ri.kind
                AND x.value_hash = ri.value_hash LIMIT 1) i
        CROSS JOIN LATERAL (SELECT x.max_records FROM crm.identifier_kind x WHERE x.kind = ri.kind LIMIT 1) k
        WHERE NOT i.is_blocked AND i.record_count > k.max_records
        ORDER BY 1);
END
$$;
COMMENT ON FUNCTION crm._identity_differing(bigint[]) IS
    'those of the records whose person a new computation would make up otherwise, or that hold an identifier which '
    'has become a hub; nothing is locked';

CREATE FUNCTION crm.identity_resettle_progress() RETURNS jsonb
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
BEGIN
    RETURN (
        WITH run AS (SELECT r.* FROM crm.resettle_run r ORDER BY r.run_id DESC LIMIT 1),
        span AS (
            SELECT count(*) FILTER (WHERE p.done_at IS NULL) AS left_count, coalesce(sum(p.record_count), 0) AS records,
                   coalesce(sum(p.record_count) FILTER (WHERE p.done_at IS NOT NULL), 0) AS settled, coalesce(sum(p.moved_count), 0) AS moved,
                   coalesce(sum(p.joined_count), 0) AS joined, coalesce(sum(p.parted_count), 0) AS parted, max(p.done_at) AS last_done,
                   coalesce(sum(p.record_count) FILTER (WHERE p.done_at IS NULL AND p.failed_at IS NOT NULL), 0) AS failed
            FROM crm.resettle_span p),
        -- who ran after the last change has nothing to do again
        changed AS (SELECT max(s.changed_at) AS at FROM crm.room_setting s WHERE s.name LIKE 'identity.%')
        SELECT CASE WHEN r.run_id IS NULL THEN jsonb_build_object('state', 'never')
                    ELSE jsonb_build_object('run_id', r.run_id, 'state', CASE WHEN s.left_count = 0
                             AND r.opened_at IS NOT NULL THEN 'done' ELSE 'settling' END, 'reason', r.reason,
                             'actor', r.actor,
                             'records', s.records, 'settled', s.settled, 'moved', s.moved, 'joined', s.joined, 'parted', s.parted,
                             'failed', s.failed, 'awaited', CASE WHEN r.opened_at IS NULL
                                 THEN (SELECT count(*) FROM unnest(crm._identity_resettle_writers()) w
                                     WHERE w = ANY (coalesce(r.awaited, ARRAY[w]))) ELSE 0 END,
                             'progress', CASE WHEN s.records = 0 THEN 1 ELSE round(s.settled::numeric / s.records, 3) END,
                             'started_at', r.started_at, 'finished_at', CASE WHEN s.left_count = 0
                                     AND r.opened_at IS NOT NULL THEN coalesce(s.last_done, r.started_at) END) END
               || jsonb_build_object('settings_changed_at', CASE WHEN r.run_id IS NULL OR c.at > r.started_at THEN c.at END)
        FROM span s CROSS JOIN changed c LEFT JOIN run r ON true);
END
$$;
COMMENT ON FUNCTION crm.identity_resettle_progress() IS
    'the newest run that settles everybody anew: {run_id, state (never, settling, done), reason, actor, records, '
    'settled, moved (records that changed persons), joined and parted (persons made one, and two), failed (records '
    'that could not be settled and are tried again at the end, the job''s last_error says why), awaited '
    '(transactions that must end before it begins, a dump among them; those in pg_locks that hold '
    'crm.identifier_kind), progress (0 to 1), started_at, finished_at}; settings_changed_at: when settings of '
    'identity were changed since it began, null: not';

-- Without gaps: a record that is not seen yet has an id between those that are.
CREATE FUNCTION crm._identity_resettle_spread(after bigint) RETURNS void
    LANGUAGE sql AS
$$
    INSERT INTO crm.resettle_span (first_record, last_record, record_count)
    SELECT lag(g.last_record, 1, after) OVER (ORDER BY g.piece) + 1, g.last_record, g.record_count
    FROM (SELECT n.piece, max(n.source_record_id) AS last_record, count(*) AS record_count
          FROM (SELECT r.source_record_id, (row_number() OVER (ORDER BY r.source_record_id) - 1) / 200 AS piece
                FROM crm.source_record r WHERE r.source_record_id > after) n
          GROUP BY n.piece) g
$$;
COMMENT ON FUNCTION crm._identity_resettle_spread(bigint) IS 'spans over the records after one, 200 to a span';

-- Who settles reads the kinds of identifiers, and holds the lock of a reader on them until he has ended.
CREATE FUNCTION crm._identity_resettle_writers() RETURNS text[]
    LANGUAGE sql AS
$$
    SELECT coalesce(array_agg(DISTINCT l.virtualtransaction), '{}') FROM pg_locks l
    WHERE l.locktype = 'relation' AND l.relation = 'crm.identifier_kind'::regclass AND l.pid IS DISTINCT FROM pg_backend_pid()
      AND l.database = (SELECT d.oid FROM pg_database d WHERE d.datname = current_database())
$$;
COMMENT ON FUNCTION crm._identity_resettle_writers() IS
    'the other transactions that may be settling records now, as pg_locks names them';

-- Those who write while a run is asked for may have settled by the settings of before, and nobody sees it yet: the
-- run begins when they have ended.
CREATE FUNCTION crm._identity_resettle_open(run bigint) RETURNS boolean
    LANGUAGE plpgsql AS
$$
DECLARE
    newest crm.resettle_run;
    writers text[] := crm._identity_resettle_writers();
BEGIN
    SELECT r.* INTO newest FROM crm.resettle_run r WHERE r.run_id = run FOR UPDATE;
    IF newest.opened_at IS NOT NULL THEN        -- by another process
        RETURN true;
    END IF;
    -- at the first look the run is committed: who begins from now on reads what it was asked for
    UPDATE crm.resettle_run r SET awaited = coalesce(r.awaited, writers) WHERE r.run_id = run RETURNING r.* INTO newest;
    IF newest.run_id IS NULL OR newest.awaited && writers THEN
        RETURN false;
    END IF;
    PERFORM crm._identity_resettle_spread(coalesce((SELECT max(s.last_record) FROM crm.resettle_span s), 0));
    UPDATE crm.resettle_run r SET opened_at = crm.core_now() WHERE r.run_id = run;
    RETURN true;
END
$$;
COMMENT ON FUNCTION crm._identity_resettle_open(bigint) IS
    'whether a run may begin: all have ended who were writing when it was asked for; what they wrote is added to its spans';

CREATE FUNCTION crm.identity_resettle(reason text, idempotency_key text DEFAULT NULL) RETURNS jsonb
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
DECLARE
    answer jsonb := crm._idempotency_claim(idempotency_key, 'identity_resettle', convert_to(coalesce(reason, ''), 'UTF8'));
    run bigint;
BEGIN
    IF answer IS NOT NULL THEN
        RETURN answer;
    END IF;
    PERFORM crm._identity_need_reason(reason);
    PERFORM pg_advisory_xact_lock(hashtextextended('crm.identity_resettle', 0));
    PERFORM FROM crm.resettle_run r FOR UPDATE;     -- nobody opens one meanwhile
    DELETE FROM crm.resettle_span;                  -- waits for spans that are being settled: they may have read the settings of before
    PERFORM crm._identity_resettle_spread(0);
    INSERT INTO crm.resettle_run (run_id, started_at, actor, reason)
        VALUES (crm._new_id(), crm.core_now(), crm._actor(), identity_resettle.reason) RETURNING run_id INTO run;
    PERFORM crm._audit('resettle', 'identity', run, NULL, NULL, NULL, reason);
    PERFORM crm._worker_wake();
    answer := crm.identity_resettle_progress();
    PERFORM crm._idempotency_store(idempotency_key, answer);
    RETURN answer;
END
$$;
COMMENT ON FUNCTION crm.identity_resettle(text, text) IS
    'settles everybody anew under the rules and settings of now, by the job identity.resettle, worker and helper at '
    'once: after a setting, a kind of identifier, a source''s promise or a release changed what is one person. '
    'Merges and splits are journalled under the reason resettle, what guards stop is put to people. Called while a '
    'run is under way, all begins anew. The progress as crm.identity_resettle_progress(); audited; 22023 without a '
    'reason';

-- In one statement with the look at the run: another may have been asked for since, whose spans wait for those who
-- are writing.
CREATE FUNCTION crm._identity_resettle_take(run bigint, OUT first_record bigint, OUT last_record bigint, OUT failed_at timestamptz) RETURNS record
    LANGUAGE plpgsql AS
$$
BEGIN
    SELECT s.first_record, s.last_record, s.failed_at INTO first_record, last_record, failed_at FROM crm.resettle_span s
    WHERE s.done_at IS NULL AND s.failed_at IS NULL AND run = (SELECT max(r.run_id) FROM crm.resettle_run r)
        ORDER BY s.first_record LIMIT 1 FOR UPDATE SKIP LOCKED;
    IF first_record IS NULL THEN        -- of those that failed any: one that always does would stop the others
        SELECT s.first_record, s.last_record, s.failed_at INTO first_record, last_record, failed_at FROM crm.resettle_span s
        WHERE s.done_at IS NULL AND s.failed_at IS NOT NULL AND run = (SELECT max(r.run_id) FROM crm.resettle_run r)
            ORDER BY random() LIMIT 1 FOR UPDATE SKIP LOCKED;
    END IF;
END
$$;
COMMENT ON FUNCTION crm._identity_resettle_take(bigint) IS
    'the next span of a run that no other process holds, locked, those that failed last; null when there is none, '
    'or a newer run';

CREATE FUNCTION crm._identity_resettle_step() RETURNS bigint
    LANGUAGE plpgsql SET enable_seqscan = off AS
$$
DECLARE
    run crm.resettle_run;
    span record;
    differing bigint[];
    result crm.identity_result;
BEGIN
    SELECT r.* INTO run FROM crm.resettle_run r ORDER BY r.run_id DESC LIMIT 1;
    IF run.run_id IS NULL OR run.opened_at IS NULL AND NOT crm._identity_resettle_open(run.run_id) THEN
        RETURN 0;
    END IF;
    SELECT t.* INTO span FROM crm._identity_resettle_take(run.run_id) t;
    IF span.first_record IS NULL THEN
        RETURN 0;
    END IF;
    BEGIN
        differing := crm._identity_differing(ARRAY(SELECT r.source_record_id FROM crm.source_record r
                                                   WHERE r.source_record_id BETWEEN span.first_record AND span.last_record ORDER BY 1));
        IF cardinality(differing) > 0 THEN
            result := crm._identity_settle_again(differing, 'resettle', false);
        END IF;
    EXCEPTION WHEN OTHERS THEN
        IF span.failed_at IS NOT NULL THEN
            RAISE;      -- only such are left: the job fails, and that is told
        END IF;
        UPDATE crm.resettle_span s SET failed_at = crm.core_now() WHERE s.first_record = span.first_record;
        RETURN 1;
    END;
    UPDATE crm.resettle_span s
    SET done_at = crm.core_now(), moved_count = (SELECT count(DISTINCT r.id) FROM unnest(result.changes) c, unnest(c.record_ids) r(id)),
        joined_count = (SELECT count(*) FROM unnest(result.changes) c WHERE c.kind = 'merge'),
        parted_count = (SELECT count(*) FROM unnest(result.changes) c WHERE c.kind = 'split')
    WHERE s.first_record = span.first_record;
    RETURN (SELECT count(*) FROM (SELECT FROM crm.resettle_span s WHERE s.done_at IS NULL AND s.first_record <> span.first_record LIMIT 100) l);
END
$$;
COMMENT ON FUNCTION crm._identity_resettle_step() IS
    'job: settles the next 200 records of a run of crm.identity_resettle() that no other process holds, those that '
    'failed last; how many spans are left, 100 at most; fails when those that are left fail again';

GRANT EXECUTE ON FUNCTION crm.identity_resettle(text, text), crm.identity_resettle_progress() TO crm_admin, crm_steward, crm_headquarters;
