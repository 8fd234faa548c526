-- report: who stands behind the numbers of scorecards and of managers: persons of today, of the stores asked for, each once, whatever
-- number of enrolments, notes, tasks or tickets the figure counts.

CREATE FUNCTION crm._report_now(asked bigint, stores int[]) RETURNS SETOF bigint
    LANGUAGE sql STABLE AS
$$ SELECT o.customer_id FROM crm._report_owner(asked) o WHERE (stores IS NULL OR o.scope_store_ids && stores) $$;
COMMENT ON FUNCTION crm._report_now(bigint, int[]) IS 'who an id of any time is now, when a store of the scope is one of those asked for (null: the chain); plain SQL, so that queries take it in';

-- The rows that a line of the scorecard counts, by the person each is about.
CREATE FUNCTION crm._report_scorecard_rows(figure text, days date[]) RETURNS TABLE (store_id int, staff_id int, customer_id bigint)
    LANGUAGE plpgsql STABLE SET jit = off SET plan_cache_mode = force_custom_plan AS
$$
DECLARE
    zone text := crm._setting('core.time_zone') #>> '{}';
    starts timestamptz := days[1]::timestamp AT TIME ZONE zone;
    ends timestamptz := (days[2] + 1)::timestamp AT TIME ZONE zone;
BEGIN
    IF figure = 'notes' THEN
        RETURN QUERY
        SELECT coalesce(i.store_id, 0), coalesce(i.staff_id, 0), m.customer_id
        FROM crm.interaction i JOIN crm.membership m ON m.source_record_id = i.source_record_id AND m.valid_to = 'infinity'
        WHERE i.is_current AND NOT i.is_history AND i.business_day BETWEEN days[1] AND days[2];
    ELSIF figure IN ('due', 'in_time', 'overdue') THEN
        RETURN QUERY
        SELECT t.store_id, t.staff_id, t.customer_id FROM crm._report_follow_ups(starts, ends) t
        WHERE figure = 'due' OR (figure = 'in_time' AND t.is_in_time) OR (figure = 'overdue' AND t.is_overdue);
    ELSE
        RETURN QUERY
        SELECT e.store_id, e.staff_id, e.customer_id FROM crm._report_enrolled(starts, ends) e
        WHERE figure = 'enrolled' OR (figure = 'incomplete' AND e.parts < 4) OR (figure = 'duplicates' AND e.is_duplicate);
    END IF;
END
$$;
COMMENT ON FUNCTION crm._report_scorecard_rows(text, date[]) IS
    'what a figure of the scorecard counts between two local days: enrolments, those with less than a name, phone, birthday and consent, duplicates, notes, follow-ups due, done in time, overdue; store, staff 0: none';

CREATE FUNCTION crm._report_behind_scorecard(stores int[], figure text, days date[], is_nowhere boolean, staff_code text, after_id bigint, row_limit int) RETURNS SETOF bigint
    LANGUAGE plpgsql STABLE AS
$$
DECLARE
    wanted int := CASE WHEN staff_code = '' THEN 0 ELSE (SELECT f.staff_id FROM crm.staff f WHERE f.code = staff_code) END;
BEGIN
    IF days[2] - days[1] > 366 THEN
        RAISE EXCEPTION 'a scorecard is of 1 to 367 days' USING ERRCODE = 'invalid_parameter_value', COLUMN = 'key', HINT = 'Give a later first day.';
    END IF;
    RETURN QUERY
    SELECT DISTINCT n.id FROM crm._report_scorecard_rows(figure, days) w CROSS JOIN LATERAL crm._report_now(w.customer_id, stores) n (id)
    WHERE w.staff_id = wanted AND CASE WHEN is_nowhere THEN w.store_id = 0 AND stores IS NULL ELSE w.store_id > 0 AND (stores IS NULL OR w.store_id = ANY (stores)) END AND n.id > after_id
    ORDER BY 1 LIMIT row_limit;
END
$$;
COMMENT ON FUNCTION crm._report_behind_scorecard(int[], text, date[], boolean, text, bigint, int) IS
    'persons behind a line of the scorecard: of a member of staff ('''': nobody in person), in the stores asked for, or in none';

-- Whose stores a figure is about: a manager's, all of which lie in the scope, as crm.report_managers() has them.
CREATE FUNCTION crm._report_behind_manager(stores int[], figure text, staff_code text, after_id bigint, row_limit int) RETURNS SETOF bigint
    LANGUAGE plpgsql STABLE SET jit = off SET plan_cache_mode = force_custom_plan AS
$$
DECLARE
    mine int[] := (SELECT m.stores FROM crm._report_manager_rows(stores) m JOIN crm.staff f ON f.staff_id = m.staff_id WHERE f.code = staff_code);
    today date := crm._report_today();
    since date := crm._report_care_since(today);
    starts timestamptz := since::timestamp AT TIME ZONE (crm._setting('core.time_zone') #>> '{}');
BEGIN
    IF mine IS NULL THEN
        RETURN;
    ELSIF figure = 'persons' THEN
        RETURN QUERY SELECT * FROM crm._report_page('scope', mine, '{}', '{0}', after_id, row_limit);
    ELSIF figure IN ('better', 'worse') THEN
        RETURN QUERY SELECT * FROM crm._report_page('moves', mine, ARRAY[since - 1], crm._report_move_cells(figure = 'better'), after_id, row_limit);
    ELSIF figure = 'overdue' THEN
        RETURN QUERY
        SELECT DISTINCT n.id FROM crm.task t CROSS JOIN LATERAL crm._report_now(t.customer_id, mine) n (id)
        WHERE t.state = 'open' AND t.due_at < crm.core_now() AND t.store_id = ANY (mine) AND n.id > after_id ORDER BY 1 LIMIT row_limit;
    ELSIF figure = 'complaints' THEN
        RETURN QUERY
        SELECT DISTINCT n.id FROM crm.ticket t CROSS JOIN LATERAL crm._report_now(t.customer_id, mine) n (id)
        WHERE t.kind = 'complaint' AND t.opened_at >= starts AND t.store_id = ANY (mine) AND n.id > after_id ORDER BY 1 LIMIT row_limit;
    ELSE
        RETURN QUERY
        SELECT p.id FROM (SELECT c.customer_id AS id FROM crm.customer c WHERE c.status = 'active' AND c.scope_store_ids && mine AND c.customer_id > after_id ORDER BY 1 OFFSET 0) p
        WHERE CASE figure WHEN 'spoken' THEN EXISTS (SELECT FROM crm._report_notes_of(p.id, since, today)) ELSE EXISTS (SELECT FROM crm._report_owners_of(p.id)) END
        ORDER BY 1 LIMIT row_limit;
    END IF;
END
$$;
COMMENT ON FUNCTION crm._report_behind_manager(int[], text, text, bigint, int) IS
    'persons behind a figure of a manager: of the stores, those whom a note of report.care_days days speaks of, whom somebody looks after, with overdue tasks, in a better or worse tier, with complaints; nobody of who has a store outside of the scope';
