-- ingest_watch: success rate and silence of sources, what is past its time, and the self-check.

-- A day of a source, counted anew: single calls and imported records received, and those refused.  Of a day that is over
-- nothing more is received, and its raw payloads may be past their time: what was counted stays.
CREATE FUNCTION crm._ingest_count_day(source_id int, day date, is_over boolean) RETURNS void
    LANGUAGE plpgsql AS
$$
DECLARE
    zone text := (SELECT s.time_zone FROM crm.source s WHERE s.source_id = _ingest_count_day.source_id);
    starts timestamptz := day::timestamp AT TIME ZONE zone;
    ends timestamptz := (day + 1)::timestamp AT TIME ZONE zone;
BEGIN
    INSERT INTO crm.source_day AS d (source_id, day, received, rejected)
    SELECT _ingest_count_day.source_id, _ingest_count_day.day,
           CASE WHEN NOT is_over THEN
           (SELECT count(*) FROM crm.inbox i WHERE i.source_id = _ingest_count_day.source_id AND i.batch_id IS NULL
              AND i.received_at >= starts AND i.received_at < ends)
         + (SELECT coalesce(sum((b.counts ->> 'facts')::bigint), 0) FROM crm.batch b WHERE b.source_id = _ingest_count_day.source_id
              AND b.created_at >= starts AND b.created_at < ends AND b.state IN ('applying', 'done'))
           ELSE coalesce((SELECT o.received FROM crm.source_day o WHERE o.source_id = _ingest_count_day.source_id
                       AND o.day = _ingest_count_day.day), 0) END,
           (SELECT count(*) FROM crm.reject j WHERE j.source_id = _ingest_count_day.source_id
              AND j.rejected_at >= starts AND j.rejected_at < ends AND j.state IN ('open', 'dismissed'))
    ON CONFLICT ON CONSTRAINT source_day_pkey DO UPDATE SET received = excluded.received, rejected = excluded.rejected
    WHERE (d.received, d.rejected) IS DISTINCT FROM (excluded.received, excluded.rejected);
END
$$;
COMMENT ON FUNCTION crm._ingest_count_day(int, date, boolean) IS
    'counts a local day of a source: records received, and of them rejected and not mended';

CREATE FUNCTION crm._ingest_watch() RETURNS bigint
    LANGUAGE plpgsql AS
$$
DECLARE
    s record;
    today date;
    counted record;
    percent numeric;
    wanted numeric := (crm._setting('ingest.success_percent') #>> '{}')::numeric;
    silence interval := (crm._setting('ingest.silence_hours') #>> '{}')::int * interval '1 hour';
BEGIN
    FOR s IN SELECT t.source_id, t.code, t.time_zone, t.last_received_at, t.is_active,
                    greatest((SELECT max(i.received_at) FROM crm.inbox i WHERE i.source_id = t.source_id AND i.batch_id IS NULL),
                             (SELECT max(b.created_at) FROM crm.batch b WHERE b.source_id = t.source_id
                                         AND b.state IN ('applying', 'done'))) AS newest
             FROM crm.source t ORDER BY t.source_id
    LOOP
        CONTINUE WHEN s.newest IS NULL;
        UPDATE crm.source t SET last_received_at = s.newest WHERE t.source_id = s.source_id AND t.last_received_at IS DISTINCT FROM s.newest;
        today := crm._local_day(crm.core_now(), s.time_zone);
        -- the days that may have changed: the last two, and those of open alerts, which somebody may mend later
        FOR counted IN
            SELECT d.day FROM unnest(ARRAY[today - 1, today]) d(day) WHERE s.newest >= (today - 1)::timestamp AT TIME ZONE s.time_zone
            UNION SELECT right(a.key, 10)::date FROM crm.alert a WHERE a.kind = 'ingest.rate' AND a.closed_at IS NULL
                AND a.key ~ ' \d{4}-\d\d-\d\d$' AND left(a.key, -11) = s.code
        LOOP
            PERFORM crm._ingest_count_day(s.source_id, counted.day, counted.day < today - 1);
            SELECT 100.0 * (d.received - d.rejected) / nullif(d.received, 0) INTO percent FROM crm.source_day d
                WHERE d.source_id = s.source_id AND d.day = counted.day;
            IF percent < wanted THEN
                PERFORM crm._alert('ingest.rate', s.code || to_char(counted.day, ' YYYY-MM-DD'), jsonb_build_object('percent', round(percent, 2)));
            ELSIF percent >= wanted THEN
                PERFORM crm._alert_close('ingest.rate', s.code || to_char(counted.day, ' YYYY-MM-DD'));
            END IF;
        END LOOP;
        IF s.is_active AND s.newest < crm.core_now() - silence THEN
            PERFORM crm._alert('ingest.silence', s.code, jsonb_build_object('since', s.newest));
        ELSE
            PERFORM crm._alert_close('ingest.silence', s.code);
        END IF;
    END LOOP;
    -- what the sender mended by itself, and uploads nobody will finish
    UPDATE crm.reject j SET state = 'resolved', resolved_at = crm.core_now()
    FROM crm.external_key k
    WHERE j.state = 'open' AND j.batch_id IS NULL AND k.source_id = j.source_id AND k.kind = crm._ingest_key_kind(j.entity)
      AND k.external_id = j.external_id AND k.received_at > j.received_at;
    UPDATE crm.batch b SET state = 'aborted', finished_at = crm.core_now()
    WHERE b.state = 'receiving' AND b.created_at < crm.core_now() - (crm._setting('ingest.receive_hours') #>> '{}')::int * interval '1 hour';
    RETURN 0;
END
$$;
COMMENT ON FUNCTION crm._ingest_watch() IS
    'job: last record, success rate and silence of each source, with their alerts; rejects that a later delivery '
    'made good; uploads never finished';

CREATE FUNCTION crm._ingest_retention() RETURNS bigint
    LANGUAGE plpgsql AS
$$
DECLARE
    n bigint;
    removed bigint;
BEGIN
    -- whole partitions go with crm._access_partitions(); here sources that keep their raw payloads for less time
    DELETE FROM crm.inbox i USING (
        SELECT o.received_at, o.inbox_id FROM crm.source s
        CROSS JOIN LATERAL (SELECT x.received_at, x.inbox_id FROM crm.inbox x WHERE x.source_id = s.source_id
                            AND x.received_at < crm.core_now() - s.raw_retention_days * interval '1 day' LIMIT 500) o) old
    WHERE i.received_at = old.received_at AND i.inbox_id = old.inbox_id;
    GET DIAGNOSTICS removed = ROW_COUNT;
    DELETE FROM crm.batch_chunk c USING (
        SELECT b.batch_id FROM crm.batch b WHERE EXISTS (SELECT FROM crm.batch_chunk x WHERE x.batch_id = b.batch_id)
          AND NOT EXISTS (SELECT FROM crm.inbox i WHERE i.received_at = b.created_at AND i.batch_id = b.batch_id) LIMIT 20) gone
    WHERE c.batch_id = gone.batch_id;
    GET DIAGNOSTICS n = ROW_COUNT;
    DELETE FROM crm.batch_apart a WHERE NOT EXISTS (SELECT FROM crm.batch_chunk c WHERE c.batch_id = a.batch_id)
      AND EXISTS (SELECT FROM crm.batch b WHERE b.batch_id = a.batch_id AND b.state IN ('done', 'aborted', 'invalid'));
    DELETE FROM crm.batch_lane l USING crm.batch b
    WHERE b.batch_id = l.batch_id AND b.state IN ('done', 'aborted', 'invalid') AND b.finished_at < crm.core_now() - interval '30 days';
    RETURN removed + n;
END
$$;
COMMENT ON FUNCTION crm._ingest_retention() IS
    'job: raw payloads past the retention of their source, a bounded piece a call; what is left is the number '
    'removed, so that it runs again';

CREATE FUNCTION crm.ingest_check() RETURNS TABLE (what text, expected text, found text)
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
BEGIN
    -- every fact an import counted as stored has its key, and no import applied more than it checked
    RETURN QUERY
    SELECT format('batch %s', b.batch_id), b.counts ->> 'facts', t.applied::text
    FROM crm.batch b
    CROSS JOIN LATERAL (SELECT coalesce(sum(c.value::bigint), 0) AS applied FROM jsonb_each_text(b.counts) c
                        WHERE c.key IN ('created', 'updated', 'replaced', 'stale', 'unchanged', 'suppressed')) t
    WHERE b.state = 'done' AND t.applied > coalesce((b.counts ->> 'facts')::bigint, 0);
    RETURN QUERY
    SELECT format('mapping of source %s for %s', s.code, m.entity), 'one current version', count(*)::text
    FROM crm.mapping m JOIN crm.source s USING (source_id) GROUP BY s.code, m.entity HAVING count(*) FILTER (WHERE m.is_current) <> 1;
    RETURN QUERY
    SELECT format('batch %s has its chunks', b.batch_id), b.chunk_count::text, count(i.inbox_id)::text
    FROM crm.batch b LEFT JOIN crm.inbox i ON i.received_at = b.created_at AND i.batch_id = b.batch_id
    WHERE b.state IN ('receiving', 'validating', 'awaiting_confirmation', 'accepted', 'applying')
    GROUP BY b.batch_id, b.chunk_count HAVING count(i.inbox_id) <> b.chunk_count;
END
$$;
COMMENT ON FUNCTION crm.ingest_check() IS
    'what does not add up in intake: imports against their counts and chunks, mappings without a current version';
GRANT EXECUTE ON FUNCTION crm.ingest_check() TO crm_admin;
