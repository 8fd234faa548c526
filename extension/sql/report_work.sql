-- report: how the work goes: what is stuck, and a scorecard of stores and the people in them.

CREATE FUNCTION crm._report_exception_counts(stores int[], is_chain boolean)
    RETURNS TABLE (what text, records bigint, oldest timestamptz, detail text)
    LANGUAGE plpgsql STABLE AS
$$
BEGIN
    RETURN QUERY
    SELECT CASE t.kind WHEN 'stall' THEN 'stalled' WHEN 'follow_up' THEN 'overdue' ELSE 'late_task' END, count(*),
        min(t.due_at), string_agg(DISTINCT s.name, '、' ORDER BY s.name)
    FROM crm.task t LEFT JOIN crm.store s ON s.store_id = t.store_id
    WHERE t.state = 'open' AND t.due_at < crm.core_now() AND (stores IS NULL OR t.store_id = ANY (stores)) GROUP BY 1;
    IF is_chain THEN
        RETURN QUERY
        SELECT 'source_behind', count(*), min(s.last_received_at), string_agg(s.name, '、' ORDER BY s.name)
        FROM crm.source s WHERE s.is_active
            AND s.last_received_at < crm.core_now() - interval '1 hour'
            * (crm._setting('ingest.silence_hours') #>> '{}')::int;
        RETURN QUERY
        SELECT 'rejects', count(*), min(j.rejected_at), string_agg(DISTINCT s.name, '、' ORDER BY s.name)
        FROM crm.reject j JOIN crm.source s ON s.source_id = j.source_id WHERE j.state IN ('open', 'retry');
        RETURN QUERY SELECT 'dead_letters', count(*), min(d.at), NULL::text FROM crm.dead_letter d WHERE d.replayed_at IS NULL;
        RETURN QUERY SELECT 'reviews', count(*), min(r.opened_at), NULL::text FROM crm.review r WHERE r.state = 'open';
        RETURN QUERY SELECT 'alerts', count(*), min(a.opened_at), string_agg(DISTINCT a.kind, ', ' ORDER BY a.kind)
            FROM crm.alert a WHERE a.closed_at IS NULL;
    END IF;
END
$$;
COMMENT ON FUNCTION crm._report_exception_counts(int[], boolean) IS
    'what waits for somebody, one row a kind; of the chain: sources, rejects, dead letters, reviews, alerts too';

CREATE FUNCTION crm.report_exceptions(store_code text DEFAULT NULL, region_code text DEFAULT NULL) RETURNS SETOF jsonb
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
DECLARE
    stores int[] := crm._report_scope(store_code, region_code);
BEGIN
    RETURN QUERY
    SELECT jsonb_build_object('what', e.what, 'records', e.records, 'oldest', e.oldest, 'detail', e.detail)
    FROM crm._report_exception_counts(stores, stores IS NULL) e WHERE e.records > 0
    ORDER BY array_position('{stalled,overdue,source_behind,dead_letters,alerts,rejects,late_task,reviews}'::text[], e.what);
END
$$;
COMMENT ON FUNCTION crm.report_exceptions(text, text) IS
    'what is stuck in the caller''s scope, the worst first: stalled tasks, overdue follow-ups, other late tasks; '
    'for the whole chain also sources behind, dead letters, alerts, rejects, pairs to review: how many and since '
    'when; P0002';

CREATE FUNCTION crm._report_follow_ups(since timestamptz, before timestamptz)
    RETURNS TABLE (store_id int, staff_id int, customer_id bigint, is_in_time boolean, is_overdue boolean)
    LANGUAGE sql STABLE AS
$$
    SELECT coalesce(t.store_id, 0), coalesce(t.staff_id, 0), t.customer_id, t.state = 'done'
        AND t.closed_at < t.due_at + interval '1 day', t.state = 'open' AND t.due_at < crm.core_now()
    FROM crm.task t WHERE t.kind = 'follow_up' AND t.state <> 'cancelled' AND t.due_at >= since AND t.due_at < before
$$;
COMMENT ON FUNCTION crm._report_follow_ups(timestamptz, timestamptz) IS
    'follow-ups due from one moment until another: whether each was done within a day, or is overdue; store, staff '
    '0: none; plain SQL, so that queries take it in';

CREATE FUNCTION crm.report_scorecard(from_day date, to_day date, store_code text DEFAULT NULL, region_code text DEFAULT NULL) RETURNS SETOF jsonb
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp SET jit = off AS
$$
DECLARE
    stores int[] := crm._report_scope(store_code, region_code);
    zone text := crm._setting('core.time_zone') #>> '{}';
    starts timestamptz;
    ends timestamptz;
BEGIN
    PERFORM crm._require_span(from_day, to_day);
    IF to_day - from_day > 366 THEN
        RAISE EXCEPTION 'a scorecard is of 1 to 367 days' USING ERRCODE = 'invalid_parameter_value', COLUMN = 'to',
            HINT = 'Give the first and the last day.';
    END IF;
    starts := from_day::timestamp AT TIME ZONE zone;
    ends := (to_day + 1)::timestamp AT TIME ZONE zone;
    RETURN QUERY
    WITH followed AS (
        SELECT t.store_id, t.staff_id, count(*) AS due, count(*) FILTER (WHERE t.is_in_time) AS in_time,
            count(*) FILTER (WHERE t.is_overdue) AS overdue
        FROM crm._report_follow_ups(starts, ends) t WHERE stores IS NULL OR t.store_id = ANY (stores)
        GROUP BY 1, 2),
    who AS (
        SELECT store_id, staff_id, coalesce(e.persons, 0) AS persons, e.parts, coalesce(e.duplicates, 0) AS duplicates, coalesce(e.notes, 0) AS notes,
               coalesce(l.due, 0) AS due, coalesce(l.in_time, 0) AS in_time, coalesce(l.overdue, 0) AS overdue
        FROM crm._report_entered(from_day, to_day, stores) e FULL JOIN followed l USING (store_id, staff_id))
    SELECT jsonb_build_object('store', s.code, 'store_name', s.name, 'staff', f.code, 'staff_name', f.name,
               'has_left', f.left_at IS NOT NULL, 'enrolled', w.persons,
               'completeness', round(w.parts / 4.0 / nullif(w.persons, 0), 4), 'duplicates', w.duplicates, 'notes', w.notes, 'due', w.due,
               'in_time', w.in_time, 'overdue', w.overdue, 'in_time_rate', crm._report_ratio(w.in_time, w.due))
    FROM who w LEFT JOIN crm.store s ON s.store_id = w.store_id LEFT JOIN crm.staff f ON f.staff_id = w.staff_id
    ORDER BY s.code NULLS LAST, f.code NULLS LAST LIMIT 5000;
END
$$;
COMMENT ON FUNCTION crm.report_scorecard(date, date, text, text) IS
    'of stores and the people in them, over local days (at most 367): persons enrolled, how complete (name, phone, '
    'birthday, a consent: mean share), duplicates made (the person was known already), notes, these of days before '
    'today as of the last night; follow-ups due, done within a day, overdue; staff null: by nobody in person (a '
    'customer''s own phone); P0002, 22023';

CREATE FUNCTION crm.report_leaderboard(month date DEFAULT NULL, store_code text DEFAULT NULL, region_code text DEFAULT NULL)
    RETURNS TABLE (rank int, store text, store_name text, staff text, staff_name text, enrolled bigint,
                   completeness numeric, duplicates bigint, notes bigint, in_time_rate numeric,
                   quality numeric, points numeric)
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp SET jit = off AS
$$
DECLARE
    first_day date := date_trunc('month', coalesce(crm._require_day(month, 'month'), crm._report_today()))::date;
    least_enrolled int := (crm._setting('report.least_enrolled') #>> '{}')::int;
    most_points numeric := (crm._setting('report.completeness_points') #>> '{}')::numeric;
BEGIN
    RETURN QUERY
    WITH row AS (
        SELECT j ->> 'store' AS store, j ->> 'store_name' AS store_name, j ->> 'staff' AS staff,
            j ->> 'staff_name' AS staff_name, (j ->> 'enrolled')::bigint AS enrolled,
               (j ->> 'completeness')::numeric AS completeness, (j ->> 'duplicates')::bigint AS duplicates,
                   (j ->> 'notes')::bigint AS notes, (j ->> 'in_time_rate')::numeric AS in_time_rate
        FROM crm.report_scorecard(first_day, (first_day + interval '1 month')::date - 1, store_code, region_code) j WHERE j ->> 'staff' IS NOT NULL),
    judged AS (
        SELECT r.*, round(r.completeness * (r.enrolled - r.duplicates) / nullif(r.enrolled, 0), 4) AS quality,
            round(most_points * r.completeness, 1) AS points, r.enrolled >= least_enrolled AS is_ranked
        FROM row r)
    SELECT CASE WHEN j.is_ranked THEN (rank() OVER (ORDER BY j.is_ranked DESC, j.quality DESC NULLS LAST,
                j.enrolled DESC))::int END, j.store, j.store_name, j.staff, j.staff_name,
           j.enrolled, j.completeness, j.duplicates, j.notes, j.in_time_rate, j.quality, j.points
    FROM judged j ORDER BY j.is_ranked DESC, j.quality DESC NULLS LAST, j.enrolled DESC, j.store, j.staff;
END
$$;
COMMENT ON FUNCTION crm.report_leaderboard(date, text, text) IS
    'members of staff of the caller''s scope by the quality of what they entered in a month (null: this one): '
    'completeness of those enrolled, times the share of them who were no duplicates; ranked from '
    'report.least_enrolled persons on; points: completeness times report.completeness_points; P0002, 22023';

GRANT EXECUTE ON FUNCTION crm.report_leaderboard(date, text, text) TO crm_store_manager, crm_manager, crm_analyst, crm_headquarters;
GRANT EXECUTE ON FUNCTION crm.report_exceptions(text, text),
    crm.report_scorecard(date, date, text, text) TO crm_store_manager, crm_manager, crm_analyst, crm_headquarters;
