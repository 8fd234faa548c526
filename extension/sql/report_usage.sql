-- report: who of the staff uses the system, and which functions nobody does. A night adds up who was there on each
-- day; today is counted when it is asked. Gateways tell their calls.

CREATE FUNCTION crm._report_staff_facts(from_day date, to_day date) RETURNS TABLE (day date, staff_id int, sessions int, entered int, traced int)
    LANGUAGE plpgsql STABLE SET jit = off SET plan_cache_mode = force_custom_plan AS
$$
#variable_conflict use_column
DECLARE
    zone text := crm._setting('core.time_zone') #>> '{}';
    starts timestamptz := from_day::timestamp AT TIME ZONE zone;
    ends timestamptz := (to_day + 1)::timestamp AT TIME ZONE zone;
BEGIN
    RETURN QUERY
    SELECT f.day, f.staff_id, sum(f.sessions)::int, sum(f.entered)::int, sum(f.traced)::int FROM (
        SELECT crm._local_day(s.created_at, zone) AS day, s.staff_id, count(*) AS sessions, 0 AS entered, 0 AS traced
            FROM crm.session s WHERE s.created_at >= starts AND s.created_at < ends GROUP BY 1, 2
        UNION ALL
        SELECT i.business_day, i.staff_id, 0, count(*), 0 FROM crm.interaction i WHERE i.is_current
            AND NOT i.is_history AND i.staff_id IS NOT NULL AND i.business_day BETWEEN from_day AND to_day GROUP BY 1,
            2
        UNION ALL
        SELECT crm._local_day(e.enrolled_at, zone), e.staff_id, 0, count(*), 0 FROM crm.member_enrolment e
            WHERE e.staff_id IS NOT NULL AND e.enrolled_at >= starts AND e.enrolled_at < ends GROUP BY 1, 2
        UNION ALL
        SELECT crm._local_day(a.audited_at, zone), a.staff_id, 0, 0, count(*) FROM crm.audit a
            WHERE a.staff_id IS NOT NULL AND a.audited_at >= starts AND a.audited_at < ends GROUP BY 1, 2) f
    GROUP BY f.day, f.staff_id;
END
$$;
COMMENT ON FUNCTION crm._report_staff_facts(date, date) IS
    'who of the staff did something on local days of the chain: sign-ins, notes and enrolments, and what else '
    'stands on the trail under their name';

CREATE FUNCTION crm._report_staff_job() RETURNS bigint
    LANGUAGE plpgsql AS
$$
DECLARE
    most_back CONSTANT int := 800;  -- days: two years of quarters
    again CONSTANT int := 3;        -- days that are added up again: notes come late
    piece CONSTANT int := 30;       -- days
    yesterday date := crm._report_today() - 1;
    kept date := (SELECT p.kept_to FROM crm.report_staff_day_progress p FOR UPDATE);
    first_day date := greatest(least(kept, yesterday) - again + 1, yesterday - most_back + 1);
    last_day date := least(first_day + piece - 1, yesterday);
BEGIN
    IF kept >= yesterday THEN
        RETURN 0;
    END IF;
    DELETE FROM crm.report_staff_day s WHERE s.day BETWEEN first_day AND last_day OR s.day <= yesterday - most_back;
    INSERT INTO crm.report_staff_day (day, staff_id, sessions, entered, traced) SELECT f.* FROM crm._report_staff_facts(first_day, last_day) f;
    UPDATE crm.report_staff_day_progress SET kept_to = last_day;
    RETURN (last_day < yesterday)::int;
END
$$;
COMMENT ON FUNCTION crm._report_staff_job() IS
    'job: adds up who of the staff did something on the days to yesterday that are not added up yet, and again on '
    'the three before, thirty a call, of the last 800; returns > 0 until all are';

CREATE FUNCTION crm._report_staff_days(from_day date, to_day date) RETURNS TABLE (day date, staff_id int, entered int)
    LANGUAGE plpgsql STABLE AS
$$
#variable_conflict use_column
DECLARE
    kept date := (SELECT p.kept_to FROM crm.report_staff_day_progress p);
BEGIN
    RETURN QUERY
    SELECT s.day, s.staff_id, s.entered FROM crm.report_staff_day s WHERE s.day BETWEEN from_day AND least(to_day, kept)
    UNION ALL
    SELECT f.day, f.staff_id, f.entered FROM crm._report_staff_facts(greatest(from_day, kept + 1, to_day - 30), to_day) f WHERE to_day > kept;
END
$$;
COMMENT ON FUNCTION crm._report_staff_days(date, date) IS
    'days on which members of staff did something: those added up, and the days since (31 at most) as they are now';

-- Who was on the staff, had the role and works for one of the stores.
CREATE FUNCTION crm._report_staff_of(in_stores int[], wanted name) RETURNS TABLE (staff_id int, from_day date, to_day date)
    LANGUAGE plpgsql STABLE AS
$$
#variable_conflict use_column
DECLARE
    zone text := crm._setting('core.time_zone') #>> '{}';
BEGIN
    RETURN QUERY
    SELECT f.staff_id, crm._local_day(f.created_at, zone), coalesce(crm._local_day(f.left_at, zone), 'infinity'::date) FROM crm.staff f
    WHERE f.role = wanted AND (in_stores IS NULL OR EXISTS (SELECT FROM crm._report_staff_stores() w
                WHERE w.staff_id = f.staff_id AND w.store_id = ANY (in_stores)));
END
$$;
COMMENT ON FUNCTION crm._report_staff_of(int[], name) IS
    'staff of a role who work for some stores (null: all), those who left among them, with the local days from and '
    'to which they were there';

CREATE FUNCTION crm._report_staff_role(role text) RETURNS name
    LANGUAGE plpgsql STABLE AS
$$
BEGIN
    IF role IS NULL OR NOT ('crm_' || role)::name = ANY (crm._access_staff_roles()) THEN
        RAISE EXCEPTION 'nobody of the staff has the role "%"', role USING ERRCODE = 'invalid_parameter_value',
            COLUMN = 'role',
            HINT = 'Give clerk, store_manager, manager, service, marketer, steward, analyst, headquarters, admin or reader.';
    END IF;
    RETURN 'crm_' || role;
END
$$;
COMMENT ON FUNCTION crm._report_staff_role(text) IS 'a role of the staff by its name without crm_; 22023';

CREATE FUNCTION crm.report_usage(unit text DEFAULT 'week', periods int DEFAULT 13, role text DEFAULT 'clerk',
                                 store_code text DEFAULT NULL, region_code text DEFAULT NULL)
    RETURNS TABLE (starts_on date, staff bigint, active bigint, share numeric, days_each numeric, entered bigint, is_running boolean)
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp SET jit = off AS
$$
DECLARE
    in_stores int[] := crm._report_scope(store_code, region_code);
    wanted name := crm._report_staff_role(role);
    today date := crm._report_today();
    step interval;
    newest date;
BEGIN
    IF unit IS NULL OR unit NOT IN ('week', 'month', 'quarter') THEN
        RAISE EXCEPTION 'use is counted by weeks, months or quarters' USING ERRCODE = 'invalid_parameter_value',
            COLUMN = 'unit', HINT = 'Give week, month or quarter.';
    END IF;
    step := CASE unit WHEN 'week' THEN interval '7 days' WHEN 'month' THEN interval '1 month' ELSE interval '3 months' END;
    newest := CASE unit WHEN 'quarter' THEN date_trunc('quarter', today)::date ELSE crm._report_start(today, unit) END;
    RETURN QUERY
    WITH period AS (SELECT (newest - n * step)::date AS starts, (newest - n * step + step)::date - 1 AS ends
            FROM generate_series(0, least(greatest(coalesce(periods, 13), 1), 104) - 1) n),
    person AS MATERIALIZED (SELECT o.* FROM crm._report_staff_of(in_stores, wanted) o),
    day AS MATERIALIZED (SELECT d.day, d.staff_id, d.entered
            FROM crm._report_staff_days((SELECT min(p.starts) FROM period p), today) d
            JOIN person x ON x.staff_id = d.staff_id),
    counted AS (
        SELECT p.starts, p.ends, x.staff_id, count(d.day) AS days, coalesce(sum(d.entered), 0) AS entered
        FROM period p JOIN person x ON x.from_day <= p.ends AND x.to_day >= p.starts
            LEFT JOIN day d ON d.staff_id = x.staff_id AND d.day BETWEEN p.starts AND p.ends GROUP BY p.starts,
            p.ends, x.staff_id)
    SELECT p.starts, count(c.staff_id), count(*) FILTER (WHERE c.days > 0), crm._report_ratio(count(*) FILTER (WHERE c.days > 0), count(c.staff_id)),
           round(avg(c.days) FILTER (WHERE c.days > 0), 1), coalesce(sum(c.entered), 0)::bigint, p.ends >= today
    FROM period p LEFT JOIN counted c ON c.starts = p.starts GROUP BY p.starts, p.ends ORDER BY p.starts DESC;
END
$$;
COMMENT ON FUNCTION crm.report_usage(text, int, text, text, text) IS
    'how much of the staff of a role (clerk, store_manager ...) in the caller''s scope uses the system, by the last '
    'weeks, months or quarters (at most 104, the running one first): who was there, who did something on a day of '
    'it at least (signed in, noted, enrolled, or stands on the trail), their share, days each, notes and '
    'enrolments; P0002, 22023';

CREATE FUNCTION crm.report_staff_use(days int DEFAULT 30, role text DEFAULT 'clerk', store_code text DEFAULT NULL, region_code text DEFAULT NULL)
    RETURNS TABLE (staff text, name text, stores text, active_days bigint, entered bigint, last_on date)
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp SET jit = off AS
$$
DECLARE
    in_stores int[] := crm._report_scope(store_code, region_code);
    wanted name := crm._report_staff_role(role);
    today date := crm._report_today();
    since date := today - least(greatest(coalesce(days, 30), 1), 366) + 1;
BEGIN
    RETURN QUERY
    WITH done AS (SELECT d.staff_id, count(*) AS days, sum(d.entered) AS entered, max(d.day) AS newest
            FROM crm._report_staff_days(since, today) d GROUP BY d.staff_id)
    SELECT f.code, f.name, (SELECT string_agg(s.name, '、' ORDER BY s.name) FROM crm._report_staff_stores() w
            JOIN crm.store s ON s.store_id = w.store_id WHERE w.staff_id = f.staff_id HAVING count(*) <= 5),
           coalesce(d.days, 0), coalesce(d.entered, 0)::bigint,
           coalesce(d.newest, (SELECT max(k.day) FROM crm.report_staff_day k WHERE k.staff_id = f.staff_id))
    FROM crm._report_staff_of(in_stores, wanted) o JOIN crm.staff f ON f.staff_id = o.staff_id AND f.left_at IS NULL
        LEFT JOIN done d ON d.staff_id = o.staff_id
    ORDER BY coalesce(d.days, 0), coalesce(d.entered, 0), f.code LIMIT 1000;
END
$$;
COMMENT ON FUNCTION crm.report_staff_use(int, text, text, text) IS
    'staff of a role in the caller''s scope who have not left, who uses the system least first: days within the '
    'last so many (1 to 366) on which they did something, notes and enrolments of these days, the last such day '
    'ever; stores of those who have five at most; P0002, 22023';
GRANT EXECUTE ON FUNCTION crm.report_usage(text, int, text, text, text),
    crm.report_staff_use(int, text, text, text) TO crm_store_manager, crm_manager, crm_analyst, crm_headquarters;

-- What gateways tell.
CREATE FUNCTION crm.report_count_calls(calls jsonb) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
DECLARE
    kept CONSTANT int := 400;   -- days
    today date := crm._report_today();
BEGIN
    INSERT INTO crm.operation AS o (operation, tag, summary, since)
    SELECT c ->> 'operation', coalesce(c ->> 'tag', ''), coalesce(c ->> 'summary', ''), today
        FROM jsonb_array_elements(coalesce(calls -> 'operations', '[]')) c
    ON CONFLICT (operation) DO UPDATE SET tag = excluded.tag, summary = excluded.summary
        WHERE (o.tag, o.summary) IS DISTINCT FROM (excluded.tag, excluded.summary);
    IF jsonb_array_length(calls -> 'operations') > 0 THEN
        DELETE FROM crm.operation o WHERE o.operation NOT IN (SELECT c ->> 'operation' FROM jsonb_array_elements(calls -> 'operations') c);
        DELETE FROM crm.operation_day d WHERE d.day <= today - kept;
    END IF;
    -- in one order, so that two gateways wait for each other and never in a ring
    INSERT INTO crm.operation_day AS d (day, operation, role, calls)
    SELECT today, c ->> 'operation', coalesce(c ->> 'role', ''), sum((c ->> 'calls')::bigint)
        FROM jsonb_array_elements(coalesce(calls -> 'calls', '[]')) c
    GROUP BY 2, 3 ORDER BY 2, 3
    ON CONFLICT (day, operation, role) DO UPDATE SET calls = d.calls + excluded.calls;
END
$$;
COMMENT ON FUNCTION crm.report_count_calls(jsonb) IS
    'the gateway tells what it answered without a fault since it told last: {"operations": [{operation, tag, '
    'summary}] (all that there are, when it starts), "calls": [{operation, role, calls}]}; kept by day for 400 days';
GRANT EXECUTE ON FUNCTION crm.report_count_calls(jsonb) TO crm_gateway;

CREATE FUNCTION crm.report_functions(days int DEFAULT 90)
    RETURNS TABLE (operation text, tag text, summary text, calls bigint, roles jsonb, last_on date,
                                     counted_since date, is_unused boolean)
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
DECLARE
    first_day date := crm._report_today() - least(greatest(coalesce(days, 90), 1), 400) + 1;
BEGIN
    RETURN QUERY
    SELECT o.operation, o.tag, o.summary, coalesce(sum(d.calls) FILTER (WHERE d.day >= first_day), 0)::bigint,
           coalesce(jsonb_object_agg(d.role, d.calls) FILTER (WHERE d.calls > 0 AND d.day >= first_day), '{}'),
               max(d.day), o.since, coalesce(sum(d.calls) FILTER (WHERE d.day >= first_day), 0) = 0
    FROM crm.operation o
    LEFT JOIN (SELECT x.operation, x.role, CASE WHEN x.day >= first_day THEN first_day ELSE x.day END AS at,
            max(x.day) AS day, sum(x.calls) AS calls FROM crm.operation_day x GROUP BY 1, 2, 3) d
        ON d.operation = o.operation
    GROUP BY o.operation, o.tag, o.summary, o.since ORDER BY 4 DESC, o.tag, o.operation;
END
$$;
COMMENT ON FUNCTION crm.report_functions(int) IS
    'functions of the gateway with how often each was called without a fault within the last so many local days (1 '
    'to 400), by role, when last, and since when it is counted: what nobody uses stands last (is_unused), to be '
    'learned or left out of menus';
GRANT EXECUTE ON FUNCTION crm.report_functions(int) TO crm_analyst, crm_headquarters, crm_admin;
