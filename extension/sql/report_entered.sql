-- report: what staff entered. Each night adds up the days before it, by store and member of staff; the days since,
-- and days that were never added up, are counted from the facts themselves, by the same function.

-- Who was known before is a duplicate that was made: the record found its way to a person with an older one.
CREATE FUNCTION crm._report_enrolled(since timestamptz, before timestamptz)
    RETURNS TABLE (enrolled_at timestamptz, store_id int, staff_id int, customer_id bigint, parts int, is_duplicate boolean)
    LANGUAGE sql STABLE AS
$$
    SELECT e.enrolled_at, coalesce(e.store_id, 0), coalesce(e.staff_id, 0), c.customer_id,
           (c.name_masked <> '')::int + (c.phone_masked <> '')::int + (p.birthday IS NOT NULL)::int + EXISTS (SELECT
                   FROM crm.consent k WHERE k.source_record_id = e.source_record_id)::int,
           EXISTS (SELECT FROM crm.membership o WHERE o.customer_id = m.customer_id AND o.valid_to = 'infinity'
               AND o.source_record_id < e.source_record_id)
    FROM crm.member_enrolment e JOIN crm.membership m ON m.source_record_id = e.source_record_id AND m.valid_to = 'infinity'
    JOIN crm.customer c ON c.customer_id = m.customer_id LEFT JOIN crm.customer_private p ON p.customer_id = c.customer_id
    WHERE e.enrolled_at >= since AND e.enrolled_at < before
$$;
COMMENT ON FUNCTION crm._report_enrolled(timestamptz, timestamptz) IS
    'enrolments from one moment until another, with the person of today, how many of name, phone, birthday and a '
    'consent it has, and whether it was known before; store, staff 0: none; plain SQL, so that queries take it in';

CREATE FUNCTION crm._report_entered_facts(from_day date, to_day date)
    RETURNS TABLE (day date, store_id int, staff_id int, persons bigint, parts bigint, duplicates bigint, notes bigint)
    LANGUAGE plpgsql STABLE SET jit = off SET plan_cache_mode = force_custom_plan SET enable_seqscan = off AS
$$
#variable_conflict use_column
DECLARE
    zone text := crm._setting('core.time_zone') #>> '{}';
BEGIN
    IF from_day > to_day THEN
        RETURN;
    END IF;
    RETURN QUERY
    SELECT f.day, f.store_id, f.staff_id, sum(f.persons)::bigint, sum(f.parts)::bigint, sum(f.duplicates)::bigint, sum(f.notes)::bigint FROM (
        SELECT crm._local_day(e.enrolled_at, zone) AS day, e.store_id, e.staff_id, count(*) AS persons,
            sum(e.parts) AS parts, count(*) FILTER (WHERE e.is_duplicate) AS duplicates, 0 AS notes
        FROM crm._report_enrolled(from_day::timestamp AT TIME ZONE zone, (to_day + 1)::timestamp AT TIME ZONE zone) e GROUP BY 1, 2, 3
        UNION ALL
        SELECT i.business_day, coalesce(i.store_id, 0), coalesce(i.staff_id, 0), 0, 0, 0, count(*)
        FROM crm.interaction i WHERE i.is_current AND NOT i.is_history AND i.business_day BETWEEN from_day AND to_day GROUP BY 1, 2, 3) f
    GROUP BY f.day, f.store_id, f.staff_id;
END
$$;
COMMENT ON FUNCTION crm._report_entered_facts(date, date) IS
    'what staff entered between two local days, by day, store and member of staff (0: none): persons enrolled, how '
    'many of name, phone, birthday and a consent these have, duplicates made, notes';

CREATE FUNCTION crm._report_entered_job() RETURNS bigint
    LANGUAGE plpgsql AS
$$
DECLARE
    most_back CONSTANT int := 400;  -- days: longer than the longest scorecard
    piece CONSTANT int := 30;       -- days
    progress crm.report_entered_progress;
    yesterday date := crm._report_today() - 1;
    oldest date := yesterday - most_back + 1;
    first_day date;
    last_day date;
BEGIN
    SELECT * INTO progress FROM crm.report_entered_progress FOR UPDATE;
    first_day := coalesce(progress.next_day, oldest);
    last_day := least(first_day + piece - 1, yesterday);
    DELETE FROM crm.report_entered e WHERE e.day BETWEEN first_day AND last_day;
    INSERT INTO crm.report_entered (day, store_id, staff_id, persons, parts, duplicates, notes) SELECT f.*
        FROM crm._report_entered_facts(first_day, last_day) f;
    IF last_day < yesterday THEN
        UPDATE crm.report_entered_progress SET next_day = last_day + 1;
        RETURN 1;
    END IF;
    UPDATE crm.report_entered_progress p SET kept_from = CASE
        WHEN p.kept_to >= oldest - 1 THEN least(p.kept_from, oldest) ELSE oldest END, kept_to = yesterday,
        next_day = NULL;
    RETURN 0;
END
$$;
COMMENT ON FUNCTION crm._report_entered_job() IS
    'job: adds up what staff entered on each of the 400 days to yesterday, thirty a call; returns > 0 until all are';

CREATE FUNCTION crm._report_entered(from_day date, to_day date, in_stores int[])
    RETURNS TABLE (store_id int, staff_id int, persons bigint, parts bigint, duplicates bigint, notes bigint)
    LANGUAGE plpgsql STABLE SET jit = off AS
$$
#variable_conflict use_column
DECLARE
    kept record;
BEGIN
    SELECT p.kept_from, p.kept_to INTO kept FROM crm.report_entered_progress p;
    RETURN QUERY
    SELECT e.store_id, e.staff_id, sum(e.persons)::bigint, sum(e.parts)::bigint, sum(e.duplicates)::bigint, sum(e.notes)::bigint FROM (
        SELECT k.day, k.store_id, k.staff_id, k.persons, k.parts, k.duplicates, k.notes FROM crm.report_entered k
            WHERE k.day BETWEEN greatest(from_day, kept.kept_from) AND least(to_day, kept.kept_to)
        UNION ALL SELECT f.* FROM crm._report_entered_facts(from_day, least(to_day, kept.kept_from - 1)) f
        UNION ALL SELECT f.* FROM crm._report_entered_facts(greatest(from_day, kept.kept_from, kept.kept_to + 1), to_day) f) e
    WHERE in_stores IS NULL OR e.store_id = ANY (in_stores) GROUP BY e.store_id, e.staff_id;
END
$$;
COMMENT ON FUNCTION crm._report_entered(date, date, int[]) IS
    'what staff of some stores (null: all) entered between two local days: of days that are added up as of the last '
    'night, of the others now';
