-- worker: jobs, their state, and what an installation lacks.

CREATE FUNCTION crm._worker_wake() RETURNS void
    LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'crm_worker_wake';
COMMENT ON FUNCTION crm._worker_wake() IS
    'wakes the worker of this database when the transaction commits, for its jobs have something to do; nothing '
    'without preload';

CREATE FUNCTION crm._worker_wake_for(due_at timestamptz) RETURNS void
    LANGUAGE c VOLATILE STRICT AS 'MODULE_PATHNAME', 'crm_worker_wake_for';
COMMENT ON FUNCTION crm._worker_wake_for(timestamptz) IS
    'wakes the sender at commit and tells it that something to be sent is due from this moment on: it looks there, '
    'however far it had come; nothing without preload';

CREATE FUNCTION crm._worker_is_preloaded() RETURNS boolean
    LANGUAGE c STABLE AS 'MODULE_PATHNAME', 'crm_worker_is_preloaded';
COMMENT ON FUNCTION crm._worker_is_preloaded() IS 'whether shared_preload_libraries named crm at server start';

CREATE FUNCTION crm._worker_configured(name text) RETURNS text
    LANGUAGE c STABLE STRICT AS 'MODULE_PATHNAME', 'crm_worker_configured';
COMMENT ON FUNCTION crm._worker_configured(text) IS
    'shared_preload_libraries or crm.access_key_file, which only superusers may read; 22023 for any other setting';

CREATE FUNCTION crm.worker_list(OUT process text, OUT database oid, OUT pid int, OUT started_at timestamptz,
                                 OUT jobs_run bigint, OUT jobs_failed bigint) RETURNS SETOF record
    LANGUAGE c STABLE AS 'MODULE_PATHNAME', 'crm_worker_list';
COMMENT ON FUNCTION crm.worker_list() IS 'the running launcher, workers and senders of the whole server';
GRANT EXECUTE ON FUNCTION crm.worker_list() TO crm_admin;

CREATE FUNCTION crm._worker_next_daily(at_local time) RETURNS timestamptz
    LANGUAGE sql STABLE SET search_path = pg_catalog, crm, pg_temp AS
$$
    -- the next time the wall clock of the chain shows at_local; a time that a change of clocks skips comes right after
    WITH zone AS (SELECT coalesce(crm._setting('core.time_zone') #>> '{}', 'Asia/Shanghai') AS name),
         today AS (SELECT (crm.core_now() AT TIME ZONE zone.name)::date AS day FROM zone)
    SELECT CASE WHEN (day + at_local) AT TIME ZONE zone.name > crm.core_now()
                THEN (day + at_local) AT TIME ZONE zone.name
                ELSE (day + 1 + at_local) AT TIME ZONE zone.name END
    FROM zone, today
$$;
COMMENT ON FUNCTION crm._worker_next_daily(time) IS
    'the next moment, after now, at which the chain''s local time is at_local';

CREATE FUNCTION crm._worker_note_run(job text, took_ms double precision, left_over bigint) RETURNS void
    LANGUAGE plpgsql AS
$$
DECLARE
    had_failed boolean;
BEGIN
    UPDATE crm.job j SET last_run_at = clock_timestamp(), last_ms = took_ms, last_result = left_over, failures = 0, last_error = NULL
    FROM crm.job o WHERE o.job = j.job AND j.job = _worker_note_run.job RETURNING o.failures > 0 INTO had_failed;
    IF had_failed THEN
        PERFORM crm._alert_close('worker.job', job);
    END IF;
END
$$;
COMMENT ON FUNCTION crm._worker_note_run(text, double precision, bigint) IS
    'notes that a job ran and what it left; it is no longer said to fail';

CREATE FUNCTION crm._worker_note_failure(job text, state text, message text) RETURNS void
    LANGUAGE plpgsql AS
$$
DECLARE
    patience CONSTANT int := 3;     -- failures: one may be a lock that a DBA held
    counted int;
BEGIN
    UPDATE crm.job j SET last_run_at = clock_timestamp(), failures = j.failures + 1, last_error = message
    WHERE j.job = _worker_note_failure.job RETURNING j.failures INTO counted;
    IF counted >= patience THEN
        PERFORM crm._alert('worker.job', job, jsonb_build_object('error', state,
            'remedy', 'Look at last_error in crm.job_status and at the server log; the job is tried again every 5 minutes.'));
    END IF;
END
$$;
COMMENT ON FUNCTION crm._worker_note_failure(text, text, text) IS
    'notes that a job failed; at the third time in a row an alert is opened, once, which the next good run closes; '
    'it names the SQLSTATE, for a message may hold customers'' data';

CREATE FUNCTION crm._worker_night_goes_on(before time) RETURNS boolean
    LANGUAGE plpgsql STABLE AS
$$
BEGIN
    -- one that fails keeps nobody waiting
    RETURN EXISTS (SELECT FROM crm.job j WHERE j.is_active AND NOT j.is_patient AND j.at_local < before
        AND j.next_run_at <= crm.core_now() AND j.failures = 0);
END
$$;
COMMENT ON FUNCTION crm._worker_night_goes_on(time) IS
    'whether what a night computes of persons before a local time is not done yet: what adds it up (patient daily '
    'jobs) waits for it, or would tell half of each day when a night that broke off is made up for in the morning';

CREATE FUNCTION crm._worker_first_nights() RETURNS void
    LANGUAGE plpgsql AS
$$
BEGIN
    IF EXISTS (SELECT FROM crm.customer) THEN
        UPDATE crm.job j SET next_run_at = crm.core_now() WHERE j.at_local IS NOT NULL AND j.last_run_at IS NULL AND j.next_run_at > crm.core_now();
        PERFORM crm._worker_wake();
    END IF;
END
$$;
COMMENT ON FUNCTION crm._worker_first_nights() IS
    'daily jobs that never ran, as those that an upgrade brings to a chain that has persons: due at once, so that '
    'nobody waits for the night until there is what they keep';

CREATE FUNCTION crm.worker_run_jobs(max_rounds int DEFAULT 1000) RETURNS TABLE (job text, rounds bigint)
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
DECLARE
    due record;
    left_over bigint;
    busy boolean;
    round int := 0;
    counted jsonb := '{}';
BEGIN
    LOOP
        busy := false;
        round := round + 1;
        FOR due IN SELECT j.job AS name, j.statement, j.at_local, j.is_patient AND crm._worker_night_goes_on(j.at_local) AS waits FROM crm.job j
                   WHERE j.is_active AND (j.at_local IS NULL OR j.next_run_at <= crm.core_now())
                   ORDER BY j.position, j.job
        LOOP
            IF due.waits THEN
                busy := true;
                CONTINUE;
            END IF;
            EXECUTE due.statement INTO left_over;
            IF due.at_local IS NOT NULL AND coalesce(left_over, 0) <= 0 THEN
                UPDATE crm.job j SET next_run_at = crm._worker_next_daily(j.at_local) WHERE j.job = due.name;
            END IF;
            IF left_over > 0 THEN
                busy := true;
            END IF;
            counted := jsonb_set(counted, ARRAY[due.name], to_jsonb(coalesce((counted ->> due.name)::bigint, 0) + 1));
        END LOOP;
        EXIT WHEN NOT busy OR round >= max_rounds;
    END LOOP;
    RETURN QUERY SELECT e.key, e.value::bigint FROM jsonb_each_text(counted) e ORDER BY e.key;
END
$$;
COMMENT ON FUNCTION crm.worker_run_jobs(int) IS
    'runs every due job in this session until none has work left, for tests and for servers without preload; '
    'returns how often each ran';
GRANT EXECUTE ON FUNCTION crm.worker_run_jobs(int) TO crm_admin;

CREATE FUNCTION crm.doctor() RETURNS TABLE (finding text, state text, remedy text)
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
DECLARE
    needed int;
BEGIN
    finding := 'library'; state := 'ok'; remedy := '';
    IF crm._core_library_version() <> crm._code_version() THEN
        state := 'missing';
        remedy := format('restart the server: it still runs the library of %s, the code is of %s', crm._core_library_version(), crm._code_version());
    END IF;
    RETURN NEXT;

    finding := 'tables';
    BEGIN
        PERFORM crm._require_schema();
        state := 'ok'; remedy := '';
    EXCEPTION WHEN SQLSTATE 'RM001' THEN
        state := 'missing';
        remedy := 'SELECT crm.install();' || CASE WHEN crm._core_library_version() <> crm._code_version() THEN ' after the restart' ELSE '' END;
    END;
    RETURN NEXT;

    finding := 'preload'; state := 'ok'; remedy := '';
    IF NOT crm._worker_is_preloaded() THEN
        state := 'missing';
        remedy := format('postgresql.conf: shared_preload_libraries = %L, then restart',
            concat_ws(',', nullif(crm._worker_configured('shared_preload_libraries'), ''), 'crm'));
    END IF;
    RETURN NEXT;

    finding := 'worker processes'; state := 'ok'; remedy := '';
    needed := 4 + current_setting('max_parallel_workers')::int;
    IF current_setting('max_worker_processes')::int < 5 THEN
        state := 'missing'; remedy := 'postgresql.conf: max_worker_processes = 16, then restart';
    ELSIF current_setting('max_worker_processes')::int < needed THEN
        state := 'advice';
        remedy := format('postgresql.conf: max_worker_processes = %s leaves parallel queries all of max_parallel_workers', needed);
    END IF;
    RETURN NEXT;

    finding := 'worker of this database'; state := 'ok'; remedy := '';
    IF crm._worker_is_preloaded() AND NOT EXISTS (
        SELECT FROM crm.worker_list() w JOIN pg_database d ON d.oid = w.database
        WHERE w.process = 'worker' AND d.datname = current_database()) THEN
        state := CASE WHEN pg_is_in_recovery() THEN 'ok' ELSE 'missing' END;
        remedy := CASE WHEN pg_is_in_recovery() THEN 'a standby: it starts at promotion'
                       ELSE 'wait some seconds; else see the server log for "crm worker"' END;
    END IF;
    RETURN NEXT;

    finding := 'keys'; state := 'ok'; remedy := '';
    BEGIN
        PERFORM crm._decrypt('doctor', crm._encrypt('doctor', 'x'));
        IF to_regclass('crm.identifier') IS NOT NULL THEN
            PERFORM crm._decrypt(k.code, i.value_sealed)
            FROM crm.identifier i JOIN crm.identifier_kind k USING (kind) WHERE i.value_sealed IS NOT NULL LIMIT 1;
        END IF;
    EXCEPTION WHEN SQLSTATE 'RM003' OR SQLSTATE 'RM004' THEN
        state := 'missing';
        remedy := format('copy the key file that belongs to this data to %s and reload',
            crm._worker_configured('crm.access_key_file'));
    END;
    RETURN NEXT;

    finding := 'synchronous_commit'; state := 'ok'; remedy := '';
    IF current_setting('synchronous_commit') IN ('off', 'local') AND current_setting('synchronous_standby_names') <> '' THEN
        state := 'advice'; remedy := 'postgresql.conf: synchronous_commit = on, or an acknowledged order may be lost at a failover';
    ELSIF current_setting('synchronous_commit') = 'off' THEN
        state := 'advice'; remedy := 'postgresql.conf: synchronous_commit = on, or an acknowledged order may be lost in a crash';
    END IF;
    RETURN NEXT;

    finding := 'encoding'; state := 'ok'; remedy := '';
    IF current_setting('server_encoding') <> 'UTF8' THEN
        state := 'missing'; remedy := 'create the database with ENCODING ''UTF8''';
    END IF;
    RETURN NEXT;

    IF to_regclass('crm.put_off_rule') IS NOT NULL THEN
        FOR finding, state, remedy IN SELECT format('rule %s', p.rule),
            'advice', format('put off since %s: SELECT crm.worker_put_off(%L, false); when the till has time again',
                p.since, p.rule) FROM crm.put_off_rule p ORDER BY p.rule LOOP
            RETURN NEXT;
        END LOOP;
    END IF;

    finding := 'clock'; state := 'ok'; remedy := '';
    IF current_setting('crm.core_clock') <> '' THEN
        state := 'advice'; remedy := 'the clock is held: crm.core_clock is set; for tests and demonstrations only';
    END IF;
    RETURN NEXT;
END
$$;
COMMENT ON FUNCTION crm.doctor() IS
    'what this installation lacks: a line a check, state ok, advice or missing, and the exact line to write or run';
GRANT EXECUTE ON FUNCTION crm.doctor() TO crm_admin;

CREATE FUNCTION crm.check() RETURNS TABLE (room text, what text, expected text, found text)
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
DECLARE
    routine record;
BEGIN
    PERFORM crm._require_schema();
    FOR routine IN
        SELECT p.proname AS name, split_part(p.proname, '_', 1) AS room FROM pg_proc p
        WHERE p.pronamespace = 'crm'::regnamespace AND p.proname ~ '^[a-z]+_check$' AND p.pronargs = 0
        ORDER BY 1
    LOOP
        RETURN QUERY EXECUTE format('SELECT %L::text, c.what::text, c.expected::text, c.found::text FROM crm.%I() c',
            routine.room, routine.name);
    END LOOP;
END
$$;
COMMENT ON FUNCTION crm.check() IS
    'recomputes what rooms keep by increments and returns each difference, e.g. after edits by hand; no rows: all '
    'agrees; RM001 before crm.install()';
GRANT EXECUTE ON FUNCTION crm.check() TO crm_admin;
