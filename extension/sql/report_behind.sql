-- report: who stands behind a number, in pages by id: `what` names the figure, `key` its cell. A number and its
-- persons ask one definition: of the packed persons the cell of a question, of work, flows and paths the rows that
-- are counted.

CREATE FUNCTION crm._report_figure_form(what text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
$$
    SELECT CASE what
        WHEN 'active' THEN '' WHEN 'persons' THEN '' WHEN 'tier' THEN '.{1,40}' WHEN 'rfm' THEN '[0-9]{1,2}\.[0-9]{1,2}'
        WHEN 'funnel' THEN '(registered|first_order|second_order|third_order)'
        WHEN 'transition' THEN '[^.]{1,40}\.[^.]{1,40}(\.[0-9]{1,4})?'
        WHEN 'cohort' THEN '(19|20)[0-9]{2}-(0[1-9]|1[0-2])\.[0-9]{1,3}'
        WHEN 'span' THEN '(buyers|repeat|before|lost|registered|new)' || d.days
        WHEN 'frequency' THEN '([1-9]|1[0-9]|20)' || d.days
        WHEN 'indicator' THEN '[a-z_]{1,40}\.(of|met)' || d.days
        WHEN 'flow' THEN '[^.]{1,100}\.(treated|control|sent|redeemed|delivered|opened|clicked)'
        WHEN 'path' THEN '\[.*\]'
        WHEN 'scorecard' THEN '(enrolled|incomplete|duplicates|notes|due|in_time|overdue)' || d.days || '\.(store|nowhere)\..{0,200}'
        WHEN 'manager' THEN '(persons|spoken|owned|overdue|better|worse|complaints)\..{1,200}'
        WHEN 'origin' THEN '.{0,100}' WHEN 'field' THEN '(any_tag|incomplete)' WHEN 'mix' THEN '[^.]{0,40}\..{1,200}'
            WHEN 'lost' THEN '(reason|store|product)\..{1,200}'
        WHEN 'lead' THEN '(leads|visited|ordered)\.[0-9]{4}-[0-9]{2}\..{1,200}'
            WHEN 'reached' THEN '(sent|opened|clicked|issued|redeemed)'
            WHEN 'offer' THEN '(issued|redeemed)\..{1,100}'
        WHEN 'answered' THEN '.{1,100}' WHEN 'tagged' THEN '.{1,200}' WHEN 'overlap' THEN '\[.*\]' WHEN 'stuck' THEN '(stalled|overdue|late_task)'
        WHEN 'pipeline' THEN '(here|slow|reached)' || d.days || '\.[a-z0-9_]{1,63}\.[a-z0-9_]{1,63}' END
    FROM (SELECT repeat('\.[0-9]{4}-[0-9]{2}-[0-9]{2}', 2) AS days) d
$$;
COMMENT ON FUNCTION crm._report_figure_form(text) IS
    'how the key of a figure is written, as a regular expression; null when nobody knows the figure';

-- Who may not ask for a figure does not learn from its persons what it would say.
CREATE FUNCTION crm._report_require_right(what text) RETURNS void
    LANGUAGE plpgsql STABLE AS
$$
DECLARE
    told_by regprocedure := CASE what WHEN 'scorecard' THEN 'crm.report_scorecard(date, date, text, text)'
        WHEN 'manager' THEN 'crm.report_managers(text, text)'
                                      WHEN 'path' THEN 'crm.report_paths(date, date)'
                                          WHEN 'offer' THEN 'crm.report_trial(text, text, text)'
                                          WHEN 'answered' THEN 'crm.report_trial(text, text, text)'
                                      WHEN 'tagged' THEN 'crm.segment_tags()'
                                          WHEN 'overlap' THEN 'crm.segment_overlap(text[])'
                                          WHEN 'stuck' THEN 'crm.report_exceptions(text, text)'
                                      WHEN 'pipeline' THEN 'crm.sales_board(text, date, date)' END;
BEGIN
    IF told_by IS NOT NULL AND NOT has_function_privilege(crm._actor_role(), told_by, 'EXECUTE') THEN
        RAISE EXCEPTION 'this figure is not told to your role' USING ERRCODE = 'insufficient_privilege',
            COLUMN = 'what', HINT = format('It needs the right to %s.', told_by);
    END IF;
END
$$;
COMMENT ON FUNCTION crm._report_require_right(text) IS
    'refuses the persons of a figure that the caller''s role may not ask for; 42501';

CREATE FUNCTION crm._report_key_days(part text[], most int DEFAULT NULL) RETURNS date[]
    LANGUAGE plpgsql STABLE AS
$$
DECLARE
    days date[];
BEGIN
    days := ARRAY[part[cardinality(part) - 1]::date, part[cardinality(part)]::date];
    IF days[2] < days[1] THEN
        RAISE datetime_field_overflow;
    ELSIF days[2] - days[1] >= most THEN
        RAISE EXCEPTION 'this figure is of 1 to % days', most USING ERRCODE = 'invalid_parameter_value',
            COLUMN = 'key', HINT = 'Give a later first day.';
    END IF;
    RETURN days;
EXCEPTION WHEN datetime_field_overflow THEN
    RAISE EXCEPTION 'the days of a figure are none, or out of order' USING ERRCODE = 'invalid_parameter_value',
        COLUMN = 'key', HINT = 'Give the first and the last day like 2026-06-01.2026-06-30.';
END
$$;
COMMENT ON FUNCTION crm._report_key_days(text[], int) IS
    'the last two parts of a key as the first and last local day of a figure, of so many days at most (null: any); '
    '22023 names the key';

CREATE FUNCTION crm._report_indicator_cell(name text, is_met boolean) RETURNS int
    LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
$$
    SELECT CASE name WHEN 'active' THEN 0 WHEN 'repurchase' THEN CASE WHEN is_met THEN 2 ELSE 1 END
        WHEN 'annual_repurchases' THEN CASE WHEN is_met THEN 9 ELSE 4 END
                     WHEN 'order_value' THEN 5 WHEN 'dormancy' THEN CASE WHEN is_met THEN 8 ELSE 7 END END
$$;
COMMENT ON FUNCTION crm._report_indicator_cell(text, boolean) IS
    'the cell of the question "indicators" whose persons an indicator divides by, or those of them who did it; null '
    'for indicators that are no cell';

-- The figures that are cells of a question over the packed persons.
CREATE FUNCTION crm._report_cell(what text, key text, OUT question text, OUT marks date[], OUT cell bigint)
    LANGUAGE plpgsql STABLE AS
$$
DECLARE
    today date := crm._report_today();
    part text[] := string_to_array(key, '.');
    tiers text[] := crm._report_tiers() || '-'::text;
    tier_no int := array_position(tiers, part[1]) - 1;
    starts date[];
BEGIN
    CASE what
        WHEN 'active' THEN
            question := 'health'; marks := ARRAY[today]; cell := 0;
        WHEN 'persons' THEN
            question := 'scope'; marks := '{}'; cell := 0;
        WHEN 'funnel' THEN
            question := 'health'; marks := ARRAY[today]; cell := array_position('{registered,first_order,second_order,third_order}'::text[], key);
        WHEN 'tier' THEN
            question := 'health'; marks := ARRAY[today]; cell := 5 + array_position(tiers, key) - 1;
        WHEN 'rfm' THEN
            question := 'map'; marks := '{}'; cell := CASE WHEN part[1]::int < 16 AND part[2]::int < 16 THEN part[1]::int * 16 + part[2]::int END;
        WHEN 'transition' THEN
            question := 'moves'; marks := ARRAY[today - coalesce(part[3]::int, 90)]; cell := tier_no
                * cardinality(tiers) + array_position(tiers, part[2]) - 1;
        WHEN 'cohort' THEN
            starts := crm._report_starts(to_date(part[1], 'YYYY-MM'),
                    (to_date(part[1], 'YYYY-MM') + make_interval(months => part[2]::int))::date, 'month');
            question := 'cohorts'; marks := starts || crm._report_next(starts[cardinality(starts)], 'month'); cell := part[2]::int;
        WHEN 'span' THEN
            marks := crm._report_key_days(part);
            question := CASE WHEN part[1] IN ('registered', 'new') THEN 'periods' ELSE 'span' END;
            marks[2] := marks[2] + CASE question WHEN 'periods' THEN 1 ELSE 0 END;
            cell := CASE part[1] WHEN 'buyers' THEN 0 WHEN 'repeat' THEN 3 WHEN 'before' THEN 4 WHEN 'lost' THEN 5
                WHEN 'new' THEN 4 WHEN 'registered' THEN 5 END;
        WHEN 'frequency' THEN
            question := 'frequency'; marks := crm._report_key_days(part); cell := part[1]::int;
        WHEN 'indicator' THEN
            question := 'indicators'; marks := crm._report_key_days(part, 367); cell := crm._report_indicator_cell(part[1], part[2] = 'met');
        ELSE
            NULL;       -- no cell: rows are looked at
    END CASE;
END
$$;
COMMENT ON FUNCTION crm._report_cell(text, text) IS
    'the cell that a figure is, of which question about which days (pure/board.h); nulls for a figure that is no '
    'cell, or that nobody is in; 22023 names the key';

CREATE FUNCTION crm._report_behind(stores int[], what text, key text, after_id bigint, row_limit int) RETURNS SETOF bigint
    LANGUAGE plpgsql STABLE AS
$$
DECLARE
    part text[] := string_to_array(key, '.');
    asked record := crm._report_cell(what, key);
BEGIN
    IF asked.cell IS NOT NULL THEN
        RETURN QUERY SELECT * FROM crm._report_page(asked.question, stores, asked.marks, ARRAY[asked.cell], after_id, row_limit);
    ELSIF what = 'flow' AND part[2] IN ('delivered', 'opened', 'clicked') THEN
        RETURN QUERY SELECT * FROM crm._report_behind_funnel(stores, part[1], part[2], after_id, row_limit);
    ELSIF what = 'flow' THEN
        RETURN QUERY SELECT * FROM crm._report_behind_flow(stores, part[1], part[2], after_id, row_limit);
    ELSIF what = 'path' THEN
        RETURN QUERY SELECT * FROM crm._report_behind_path(stores, key, after_id, row_limit);
    ELSIF what = 'indicator' THEN
        RETURN QUERY SELECT * FROM crm._report_behind_indicator(stores, part[1], part[2] = 'met', crm._report_key_days(part), after_id, row_limit);
    ELSIF what = 'scorecard' THEN
        RETURN QUERY SELECT * FROM crm._report_behind_scorecard(stores, part[1], crm._report_key_days(part[: 3], 367),
                part[4] = 'nowhere', array_to_string(part[5 :], '.'), after_id, row_limit);
    ELSIF what = 'manager' THEN
        RETURN QUERY SELECT * FROM crm._report_behind_manager(stores, part[1], array_to_string(part[2 :], '.'), after_id, row_limit);
    ELSIF what IN ('origin', 'field', 'mix', 'lost', 'lead', 'reached', 'offer') THEN
        RETURN QUERY SELECT * FROM crm._report_behind_night(stores, what, key, after_id, row_limit);
    ELSIF what IN ('answered', 'tagged', 'overlap', 'stuck', 'pipeline') THEN
        RETURN QUERY SELECT * FROM crm._report_behind_live(stores, what, key, after_id, row_limit);
    END IF;
END
$$;
COMMENT ON FUNCTION crm._report_behind(int[], text, text, bigint, int) IS
    'ids of the persons whom a figure counts, behind an id, ascending; nobody for a cell that is unknown; 22023 '
    'names the key';

-- Pages of a figure are looked through until one of persons whom the caller sees is full: who was erased, or bought
-- in the stores so long ago that they are none of theirs any more, is counted, and ends no list.
CREATE FUNCTION crm._report_behind_seen(stores int[], what text, key text, after_id bigint, row_limit int) RETURNS bigint[]
    LANGUAGE plpgsql STABLE AS
$$
DECLARE
    seen bigint[] := '{}';
    page bigint[];
    last_id bigint := after_id;
    most int := row_limit;
BEGIN
    LOOP
        page := ARRAY(SELECT * FROM crm._report_behind(stores, what, key, last_id, most));
        seen := seen || ARRAY(SELECT p.id FROM unnest(page) p (id) WHERE crm._report_sees(p.id) ORDER BY 1 LIMIT row_limit - cardinality(seen));
        EXIT WHEN cardinality(page) < most OR cardinality(seen) = row_limit;
        last_id := page[most];
        most := least(most * 4, 10000);
    END LOOP;
    RETURN seen;
END
$$;
COMMENT ON FUNCTION crm._report_behind_seen(int[], text, text, bigint, int) IS
    'as crm._report_behind(), of persons whom the caller sees now: fewer than asked for only when no more come';

CREATE FUNCTION crm._report_require_figure(what text, key text) RETURNS void
    LANGUAGE plpgsql STABLE AS
$$
DECLARE
    form text := crm._report_figure_form(what);
BEGIN
    IF form IS NULL OR coalesce(key, '') !~ format('^(%s)$', form) THEN
        RAISE EXCEPTION 'there is no such figure' USING ERRCODE = 'invalid_parameter_value', COLUMN = CASE
            WHEN form IS NULL THEN 'what' ELSE 'key' END,
            HINT = 'Figures are active, persons, tier (S), rfm (5.4), transition (A.C.90), funnel (first_order), cohort (2026-01.3), span (buyers.2026-06-01.2026-06-30), frequency (3.2026-01-01.2026-06-30), indicator (repurchase.met.2026-06-01.2026-06-30), flow (welcome.sent), path (["tea","coffee"]), scorecard (enrolled.2026-06-01.2026-06-30.store.E1), manager (persons.M1), origin (wechat), field (any_tag), mix (A.tea), lost (reason.moved), lead (visited.2026-06.form), reached (opened), offer (redeemed.trial), answered (trial), tagged (tea_lover), overlap (["a","b"]), stuck (overdue) and pipeline (slow.2026-01-01.2026-06-30.b2b.offer).';
    END IF;
    PERFORM crm._report_require_right(what);
END
$$;
COMMENT ON FUNCTION crm._report_require_figure(text, text) IS
    'refuses what is no figure, a key that is written otherwise, and a figure that the caller''s role may not ask '
    'for; 22023 names the field, 42501';

CREATE FUNCTION crm.report_persons(what text, key text DEFAULT '', store_code text DEFAULT NULL,
                                   region_code text DEFAULT NULL, after_id bigint DEFAULT 0, row_limit int DEFAULT 50)
    RETURNS SETOF jsonb
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp SET jit = off AS
$$
DECLARE
    stores int[] := crm._report_scope(store_code, region_code);
BEGIN
    PERFORM crm._report_require_figure(what, key);
    RETURN QUERY
    SELECT jsonb_build_object('customer_id', c.customer_id, 'name', c.name_masked, 'city', c.city, 'store', s.name, 'tier', coalesce(v.tier, 'P'),
               'last_day', v.last_day, 'order_days', coalesce(v.order_days, 0), 'net', crm._report_money(v.net_minor),
                   'registered_on', c.registered_on)
    FROM unnest(crm._report_behind_seen(stores, what, coalesce(key, ''), coalesce(after_id, 0),
        least(greatest(coalesce(row_limit, 50), 1), 500))) b (customer_id)
    JOIN crm.customer c ON c.customer_id = b.customer_id LEFT JOIN crm.customer_value v
        ON v.customer_id = c.customer_id LEFT JOIN crm.store s ON s.store_id = c.home_store_id
    ORDER BY c.customer_id;
END
$$;
COMMENT ON FUNCTION crm.report_persons(text, text, text, text, bigint, int) IS
    'the persons behind a number of boards, reports and scorecards, masked, in pages by id, 1 to 500. Figures, with '
    'their keys: active; persons (of the scope); tier (S); rfm (r.f: 5.4); transition (from.to.days: A.C.90); '
    'funnel (first_order); cohort (month.period: 2026-01.3); span (buyers, repeat, before, lost, registered or new, '
    'first and last day); frequency (order days, the days); indicator (its name, of or met, the days: whom it '
    'divides by, who did it); flow (code.figure: welcome.sent, treated, control, redeemed; of the treatment, under '
    'the id that it had, delivered, opened, clicked); path (categories as JSON, as of the last night); scorecard '
    '(enrolled, incomplete, duplicates, notes, due, in_time or overdue, the days, store: rows of the stores asked '
    'for, nowhere: of none, the member of staff or nothing: the customer''s own phone); manager (persons, spoken, '
    'owned, overdue, better, worse or complaints, member of staff); of the last night origin (channel), field '
    '(any_tag, or incomplete: who misses a name, phone, birthday or consent), mix (tier or nothing, category), lost '
    '(reason, store or product, which), lead (leads, visited or ordered, month, source), reached (sent, opened, '
    'clicked: messages, issued, redeemed: coupons of 90 days) and offer (issued or redeemed, type of coupons); of '
    'now answered (type of coupons), tagged (tag), overlap (two segments as JSON), stuck (stalled, overdue, '
    'late_task) and pipeline (here, slow or reached, the days deals were opened on, pipeline, stage); P0002, 22023 '
    'names the field, 42501 for a figure that the role may not ask for';
GRANT EXECUTE ON FUNCTION crm.report_persons(text, text, text, text, bigint, int) TO crm_store_manager, crm_manager,
    crm_marketer, crm_analyst, crm_headquarters;

-- A number counts who was erased since, and who bought in the stores so long ago that they are another's by now; its
-- list cannot name them, so how many they are is told.
CREATE FUNCTION crm.report_persons_count(what text, key text DEFAULT '', store_code text DEFAULT NULL, region_code text DEFAULT NULL) RETURNS jsonb
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp SET jit = off AS
$$
DECLARE
    most CONSTANT int := 20000;
    stores int[] := crm._report_scope(store_code, region_code);
    counted bigint[];
    is_wide boolean := crm._access_sees_all();
    mine int[] := crm.access_store_ids();
BEGIN
    PERFORM crm._report_require_figure(what, key);
    counted := ARRAY(SELECT * FROM crm._report_behind(stores, what, coalesce(key, ''), 0, most + 1));
    IF cardinality(counted) > most THEN
        RETURN jsonb_build_object('counted', NULL, 'listed', NULL, 'most', most);
    END IF;
    RETURN jsonb_build_object('counted', cardinality(counted), 'most', most, 'listed', (
        SELECT count(*) FROM unnest(counted) p (id) CROSS JOIN LATERAL (SELECT FROM crm.customer c
                WHERE c.customer_id = p.id AND c.status = 'active'
                AND (is_wide OR c.scope_store_ids && mine) OFFSET 0) c));
END
$$;
COMMENT ON FUNCTION crm.report_persons_count(text, text, text, text) IS
    'of a figure of crm.report_persons() how many persons it counts and how many of them are listed: who was '
    'erased, or is of the caller''s stores no more, is counted alone; nulls for a figure of more than most persons; '
    'P0002, 22023 names the field, 42501';
GRANT EXECUTE ON FUNCTION crm.report_persons_count(text, text, text, text) TO crm_store_manager, crm_manager,
    crm_marketer, crm_analyst, crm_headquarters;
