-- report: who stands behind the numbers of scorecards and of managers: persons of today, each once, whatever number
-- of enrolments, notes, tasks or tickets the figure counts. What was done in the stores counts, though its person be
-- another store's by now.

-- The rows that a line of the scorecard counts, by the person each is about; places '{0}': of no store, null: of any.
CREATE FUNCTION crm._report_scorecard_rows(figure text, days date[], places int[], staff int) RETURNS SETOF bigint
    LANGUAGE plpgsql STABLE SET jit = off SET plan_cache_mode = force_custom_plan AS
$$
DECLARE
    zone text := crm._setting('core.time_zone') #>> '{}';
    starts timestamptz := days[1]::timestamp AT TIME ZONE zone;
    ends timestamptz := (days[2] + 1)::timestamp AT TIME ZONE zone;
BEGIN
    IF figure = 'notes' THEN
        RETURN QUERY
        SELECT m.customer_id FROM crm.interaction i JOIN crm.membership m ON m.source_record_id = i.source_record_id AND m.valid_to = 'infinity'
        WHERE i.is_current AND NOT i.is_history AND i.business_day BETWEEN days[1] AND days[2]
          AND coalesce(i.staff_id, 0) = staff AND CASE WHEN places IS NULL THEN i.store_id IS NOT NULL
              ELSE coalesce(i.store_id, 0) = ANY (places) END;
    ELSIF figure IN ('due', 'in_time', 'overdue') THEN
        RETURN QUERY
        SELECT t.customer_id FROM crm._report_follow_ups(starts, ends) t
        WHERE t.staff_id = staff AND CASE WHEN places IS NULL THEN t.store_id > 0 ELSE t.store_id = ANY (places) END
          AND (figure = 'due' OR (figure = 'in_time' AND t.is_in_time) OR (figure = 'overdue' AND t.is_overdue));
    ELSE
        RETURN QUERY
        SELECT e.customer_id FROM crm._report_enrolled(starts, ends) e
        WHERE e.staff_id = staff AND CASE WHEN places IS NULL THEN e.store_id > 0 ELSE e.store_id = ANY (places) END
          AND (figure = 'enrolled' OR (figure = 'incomplete' AND e.parts < 4) OR (figure = 'duplicates' AND e.is_duplicate));
    END IF;
END
$$;
COMMENT ON FUNCTION crm._report_scorecard_rows(text, date[], int[], int) IS
    'persons of what a figure of the scorecard counts between two local days, a row each: enrolments, those with '
    'less than a name, phone, birthday and consent, duplicates, notes, follow-ups due, done in time, overdue; of a '
    'member of staff (0: nobody) in some places';

CREATE FUNCTION crm._report_behind_scorecard(stores int[], figure text, days date[], is_nowhere boolean,
                                             staff_code text, after_id bigint, row_limit int) RETURNS SETOF bigint
    LANGUAGE plpgsql STABLE AS
$$
DECLARE
    staff int := CASE WHEN staff_code = '' THEN 0 ELSE (SELECT f.staff_id FROM crm.staff f WHERE f.code = staff_code) END;
BEGIN
    IF staff IS NULL OR (is_nowhere AND stores IS NOT NULL) THEN
        RETURN;         -- rows of no store are the chain's
    END IF;
    RETURN QUERY SELECT * FROM crm._report_page_of(ARRAY(SELECT *
                FROM crm._report_scorecard_rows(figure, days, CASE WHEN is_nowhere THEN '{0}' ELSE stores END,
                    staff)), NULL, after_id, row_limit);
END
$$;
COMMENT ON FUNCTION crm._report_behind_scorecard(int[], text, date[], boolean, text, bigint, int) IS
    'persons behind a line of the scorecard: of a member of staff (empty: nobody in person), in the stores asked '
    'for, or in none';

-- Who is spoken to, or looked after: by the notes or owners when these are few, else by the persons of the stores,
-- for a page of many is soon full.
CREATE FUNCTION crm._report_cared(mine int[], is_spoken boolean, after_id bigint, row_limit int) RETURNS SETOF bigint
    LANGUAGE plpgsql STABLE SET jit = off SET plan_cache_mode = force_custom_plan AS
$$
DECLARE
    few CONSTANT int := 20000;
    today date := crm._report_today();
    since date := crm._report_care_since(today);
    facts bigint := CASE WHEN is_spoken THEN (SELECT count(*)
            FROM (SELECT FROM crm.interaction i WHERE i.is_current AND NOT i.is_history
                AND i.business_day BETWEEN since AND today LIMIT few) i)
                         ELSE (SELECT count(*) FROM (SELECT FROM crm.person_owner o WHERE o.until IS NULL LIMIT few) o) END;
BEGIN
    IF facts = few THEN
        RETURN QUERY
        SELECT p.id FROM (SELECT c.customer_id AS id FROM crm.customer c WHERE c.status = 'active'
                AND c.scope_store_ids && mine AND c.customer_id > after_id ORDER BY 1 OFFSET 0) p
        WHERE CASE WHEN is_spoken THEN EXISTS (SELECT FROM crm._report_notes_of(p.id, since, today))
            ELSE EXISTS (SELECT FROM crm._report_owners_of(p.id)) END ORDER BY 1 LIMIT row_limit;
    ELSIF is_spoken THEN
        RETURN QUERY SELECT * FROM crm._report_page_of(ARRAY(
            SELECT m.customer_id FROM crm.interaction i JOIN crm.membership m ON m.source_record_id = i.source_record_id AND m.valid_to = 'infinity'
            WHERE i.is_current AND i.business_day BETWEEN since AND today), mine, after_id, row_limit);
    ELSE
        RETURN QUERY SELECT * FROM crm._report_page_of(ARRAY(
            SELECT o.customer_id FROM crm.person_owner o JOIN crm.staff f ON f.staff_id = o.staff_id
                    AND f.left_at IS NULL WHERE o.until IS NULL), mine, after_id, row_limit);
    END IF;
END
$$;
COMMENT ON FUNCTION crm._report_cared(int[], boolean, bigint, int) IS
    'persons of some stores whom a note of the last report.care_days days speaks of, or whom somebody looks after '
    'who has not left, behind an id, ascending';

-- Whose stores a figure is about: a manager's, all of which lie in the scope, as crm.report_managers() has them.
CREATE FUNCTION crm._report_behind_manager(stores int[], figure text, staff_code text, after_id bigint, row_limit int) RETURNS SETOF bigint
    LANGUAGE plpgsql STABLE SET jit = off SET plan_cache_mode = force_custom_plan AS
$$
DECLARE
    mine int[] := (SELECT m.stores FROM crm._report_manager_rows(stores) m JOIN crm.staff f ON f.staff_id = m.staff_id WHERE f.code = staff_code);
    since date := crm._report_care_since(crm._report_today());
    starts timestamptz := since::timestamp AT TIME ZONE (crm._setting('core.time_zone') #>> '{}');
BEGIN
    IF mine IS NULL THEN
        RETURN;
    ELSIF figure = 'persons' THEN
        RETURN QUERY SELECT * FROM crm._report_page('scope', mine, '{}', '{0}', after_id, row_limit);
    ELSIF figure IN ('better', 'worse') THEN
        RETURN QUERY SELECT * FROM crm._report_page('moves', mine, ARRAY[since - 1], crm._report_move_cells(figure = 'better'), after_id, row_limit);
    ELSIF figure = 'overdue' THEN
        RETURN QUERY SELECT * FROM crm._report_page_of(ARRAY(
            SELECT t.customer_id FROM crm.task t WHERE t.state = 'open' AND t.due_at < crm.core_now()
                    AND t.store_id = ANY (mine)), NULL, after_id, row_limit);
    ELSIF figure = 'complaints' THEN
        RETURN QUERY SELECT * FROM crm._report_page_of(ARRAY(
            SELECT t.customer_id FROM crm.ticket t WHERE t.kind = 'complaint' AND t.opened_at >= starts
                    AND t.store_id = ANY (mine)), NULL, after_id, row_limit);
    ELSE
        RETURN QUERY SELECT * FROM crm._report_cared(mine, figure = 'spoken', after_id, row_limit);
    END IF;
END
$$;
COMMENT ON FUNCTION crm._report_behind_manager(int[], text, text, bigint, int) IS
    'persons behind a figure of a manager: of the stores, those whom a note of report.care_days days speaks of, '
    'whom somebody looks after, with overdue tasks, in a better or worse tier, with complaints; nobody of who has a '
    'store outside of the scope';
