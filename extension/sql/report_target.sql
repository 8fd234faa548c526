-- report: goals for the chain, regions, stores, roles and people, and how far they are reached. What is done comes
-- from where boards and scorecards have it: one walk over the packed persons for all stores of a period, one for all
-- regions, the days that nights added up.

CREATE FUNCTION crm._report_target_metrics() RETURNS TABLE (metric text, is_sum boolean, is_low boolean, is_sold boolean)
    LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
$$
    VALUES ('net', true, false, true), ('orders', true, false, true), ('buyers', true, false, true),
        ('average_order', false, false, true), ('repurchase_rate', false, false, true),
           ('enrolled', true, false, false), ('notes', true, false, false), ('in_time_rate', false, false, false),
               ('answered_in_time', false, false, false),
           ('answer_minutes', false, true, false), ('deals_won', true, false, false)
$$;
COMMENT ON FUNCTION crm._report_target_metrics() IS
    'what a goal may be of: whether it adds up over the period, whether less is better, whether it is about sales, '
    'which places have and members of staff do not';

CREATE FUNCTION crm._report_done_sold(from_day date, to_day date, places text[]) RETURNS TABLE (place text, ref_id int, metric text, value numeric)
    LANGUAGE plpgsql STABLE AS
$$
#variable_conflict use_variable
DECLARE
    place text;
    codes text[];
    pairs int[];
    c bigint[];
BEGIN
    FOREACH place IN ARRAY places LOOP
        IF place = 'chain' THEN
            codes := '{""}';
            c := crm._report_ask('span', NULL, ARRAY[from_day, to_day]);
        ELSE
            SELECT g.codes, g.pairs INTO codes, pairs FROM crm._report_chart_groups(place, NULL) g;
            CONTINUE WHEN codes IS NULL;
            c := crm._report_ask('groups', pairs, ARRAY[from_day, to_day]);
        END IF;
        RETURN QUERY
        SELECT place, CASE place WHEN 'chain' THEN 0 WHEN 'region'
            THEN (SELECT r.region_id FROM crm.region r WHERE r.code = g.code)
            ELSE (SELECT s.store_id FROM crm.store s WHERE s.code = g.code) END, m.metric, m.value
        FROM unnest(codes) WITH ORDINALITY g (code, no)
        CROSS JOIN LATERAL (SELECT c[g.no * 4 - 3] AS buyers, c[g.no * 4 - 2] AS orders,
                crm._report_money(c[g.no * 4 - 1]) AS net, c[g.no * 4] AS repeat) x
        CROSS JOIN LATERAL (VALUES ('net', x.net), ('orders', x.orders), ('buyers', x.buyers),
                ('average_order', round(x.net / nullif(x.orders, 0), 2)),
                ('repurchase_rate', crm._report_ratio(x.repeat, x.buyers))) m (metric, value);
    END LOOP;
END
$$;
COMMENT ON FUNCTION crm._report_done_sold(date, date, text[]) IS
    'sales of a span for chain, region or store, whichever kinds of places are asked for, each in one walk';

-- A fact counts for its member of staff, store, region and the chain.
CREATE FUNCTION crm._report_done_entered(from_day date, to_day date) RETURNS TABLE (place text, ref_id int, metric text, value numeric)
    LANGUAGE sql STABLE SET jit = off AS
$$
    SELECT k.place, k.ref_id, m.metric, m.value
    FROM (SELECT CASE WHEN GROUPING(e.staff_id) = 0 THEN 'staff' WHEN GROUPING(e.store_id) = 0 THEN 'store'
                 WHEN GROUPING(s.region_id) = 0 THEN 'region' ELSE 'chain' END AS place,
                 coalesce(e.staff_id, e.store_id, s.region_id, 0) AS ref_id, sum(e.persons) AS persons, sum(e.notes) AS notes
          FROM crm._report_entered(from_day, to_day, NULL) e LEFT JOIN crm.store s ON s.store_id = e.store_id
              GROUP BY GROUPING SETS ((e.staff_id), (e.store_id), (s.region_id), ())) k
    CROSS JOIN LATERAL (VALUES ('enrolled', k.persons), ('notes', k.notes)) m (metric, value)
$$;
COMMENT ON FUNCTION crm._report_done_entered(date, date) IS
    'persons enrolled and notes of a span, by chain, region, store and member of staff';

CREATE FUNCTION crm._report_done_service(starts timestamptz, ends timestamptz) RETURNS TABLE (place text, ref_id int, metric text, value numeric)
    LANGUAGE sql STABLE SET jit = off AS
$$
    SELECT k.place, k.ref_id, m.metric, m.value
    FROM (SELECT CASE WHEN GROUPING(f.staff_id) = 0 THEN 'staff' WHEN GROUPING(t.store_id) = 0 THEN 'store'
                 WHEN GROUPING(s.region_id) = 0 THEN 'region' ELSE 'chain' END AS place,
                 coalesce(f.staff_id, t.store_id, s.region_id, 0) AS ref_id,
                 round(avg(CASE WHEN t.answered_at IS NOT NULL THEN (t.answered_at <= t.answer_due_at)::int
                             WHEN t.answer_due_at < crm.core_now() THEN 0 END), 4) AS in_time,
                 round((percentile_cont(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM t.answered_at - t.opened_at)) / 60)::numeric, 1) AS minutes
          FROM crm.ticket t LEFT JOIN crm.store s ON s.store_id = t.store_id
              LEFT JOIN crm.task f ON f.customer_id = t.customer_id AND f.task_id = t.task_id
          WHERE t.opened_at >= starts AND t.opened_at < ends GROUP BY GROUPING SETS ((f.staff_id), (t.store_id), (s.region_id), ())) k
    CROSS JOIN LATERAL (VALUES ('answered_in_time', k.in_time), ('answer_minutes', k.minutes)) m (metric, value)
$$;
COMMENT ON FUNCTION crm._report_done_service(timestamptz, timestamptz) IS
    'of tickets opened between two moments the share answered in time and the median minutes to the first answer, '
    'by chain, region, store and who has the ticket';

CREATE FUNCTION crm._report_done_sales(starts timestamptz, ends timestamptz) RETURNS TABLE (place text, ref_id int, metric text, value numeric)
    LANGUAGE sql STABLE SET jit = off AS
$$
    SELECT CASE WHEN GROUPING(t.staff_id) = 0 THEN 'staff' WHEN GROUPING(t.store_id) = 0 THEN 'store'
        WHEN GROUPING(s.region_id) = 0 THEN 'region' ELSE 'chain' END,
           coalesce(t.staff_id, t.store_id, s.region_id, 0),
               'in_time_rate', crm._report_ratio(count(*) FILTER (WHERE t.state = 'done'
                       AND t.closed_at < t.due_at + interval '1 day'), count(*))
    FROM crm.task t LEFT JOIN crm.store s ON s.store_id = t.store_id
    WHERE t.kind = 'follow_up' AND t.state <> 'cancelled' AND t.due_at >= starts
        AND t.due_at < least(ends, crm.core_now()) GROUP BY GROUPING SETS ((t.staff_id), (t.store_id), (s.region_id),
            ())
    UNION ALL
    SELECT CASE WHEN GROUPING(d.staff_id) = 0 THEN 'staff' WHEN GROUPING(d.store_id) = 0 THEN 'store'
        WHEN GROUPING(s.region_id) = 0 THEN 'region' ELSE 'chain' END,
           coalesce(d.staff_id, d.store_id, s.region_id, 0), 'deals_won', count(*)
    FROM crm.deal d LEFT JOIN crm.store s ON s.store_id = d.store_id
    WHERE d.outcome = 'won' AND d.closed_at >= starts AND d.closed_at < ends GROUP BY GROUPING SETS ((d.staff_id), (d.store_id), (s.region_id), ())
$$;
COMMENT ON FUNCTION crm._report_done_sales(timestamptz, timestamptz) IS
    'of follow-ups that were due between two moments the share done within a day, and deals won, by chain, region, '
    'store and member of staff';

CREATE FUNCTION crm._report_target_end(unit text, starts_on date) RETURNS date
    LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
$$ SELECT CASE unit WHEN 'quarter' THEN (starts_on + interval '3 months')::date ELSE crm._report_next(starts_on, unit) END - 1 $$;
COMMENT ON FUNCTION crm._report_target_end(text, date) IS 'the last day of a week, month or quarter';

CREATE FUNCTION crm._report_done(unit text, starts_on date, metrics text[], places text[])
    RETURNS TABLE (place text, ref_id int, metric text, value numeric)
    LANGUAGE plpgsql STABLE AS
$$
DECLARE
    zone text := crm._setting('core.time_zone') #>> '{}';
    last_day date := least(crm._report_target_end(unit, starts_on), crm._report_today());
    starts timestamptz := starts_on::timestamp AT TIME ZONE zone;
    ends timestamptz := (last_day + 1)::timestamp AT TIME ZONE zone;
BEGIN
    IF places && '{chain,region,store}' THEN
        RETURN QUERY SELECT d.* FROM crm._report_done_sold(starts_on, last_day, places) d;
    END IF;
    IF metrics && '{enrolled,notes}' THEN
        RETURN QUERY SELECT d.* FROM crm._report_done_entered(starts_on, last_day) d;
    END IF;
    IF metrics && '{answered_in_time,answer_minutes}' THEN
        RETURN QUERY SELECT d.* FROM crm._report_done_service(starts, ends) d;
    END IF;
    IF metrics && '{in_time_rate,deals_won}' THEN
        RETURN QUERY SELECT d.* FROM crm._report_done_sales(starts, ends) d;
    END IF;
END
$$;
COMMENT ON FUNCTION crm._report_done(text, date, text[], text[]) IS
    'what was done of some metrics in a period until today, at every place and by everybody; places: the kinds of '
    'them whose sales are asked for';

-- Who may see a goal: of a place all of whose stores are the viewer's; of a person who works for the viewer's stores,
-- and the person.
CREATE FUNCTION crm._report_targets_at(on_day date, in_stores int[], only_staff int)
    RETURNS TABLE (target_id bigint, metric text, unit text, starts_on date, place text, ref_id int, goal numeric,
                                       role text)
    LANGUAGE plpgsql STABLE AS
$$
BEGIN
    RETURN QUERY
    WITH running AS (
        SELECT t.* FROM crm.target t WHERE t.starts_on <= on_day AND t.starts_on > on_day - 93
            AND crm._report_target_end(t.unit, t.starts_on) >= on_day),
    person AS (     -- a role's goal is each member's, unless the member has one of the same metric and period
        SELECT t.target_id, t.metric, t.unit, t.starts_on, f.staff_id, t.goal, t.role FROM running t
            JOIN crm.staff f ON (t.place = 'staff' AND f.staff_id = t.ref_id)
            OR (t.place = 'role' AND f.role = ('crm_' || t.role)::name)
        WHERE f.left_at IS NULL AND NOT (t.place = 'role'
                AND EXISTS (SELECT FROM running o WHERE o.place = 'staff' AND o.ref_id = f.staff_id
                    AND (o.metric, o.unit, o.starts_on) = (t.metric, t.unit, t.starts_on))))
    SELECT p.target_id, p.metric, p.unit, p.starts_on, 'staff', p.staff_id, p.goal, p.role FROM person p
    WHERE CASE WHEN only_staff IS NOT NULL THEN p.staff_id = only_staff ELSE in_stores IS NULL
        OR EXISTS (SELECT FROM crm._report_staff_stores() w WHERE w.staff_id = p.staff_id
            AND w.store_id = ANY (in_stores)) END
    UNION ALL
    SELECT r.target_id, r.metric, r.unit, r.starts_on, r.place, r.ref_id, r.goal, '' FROM running r
    WHERE only_staff IS NULL AND r.place IN ('chain', 'region', 'store')
      AND (in_stores IS NULL OR (r.place = 'store' AND r.ref_id = ANY (in_stores))
          OR (r.place = 'region' AND (SELECT array_agg(s.store_id) <@ in_stores FROM crm.store s
                  WHERE s.region_id = r.ref_id)));
END
$$;
COMMENT ON FUNCTION crm._report_targets_at(date, int[], int) IS
    'goals of periods that hold a day, a role''s as one of each member: those of some stores (null: all) or of one '
    'member of staff';

CREATE FUNCTION crm._report_progress(on_day date, in_stores int[], only_staff int) RETURNS SETOF jsonb
    LANGUAGE plpgsql STABLE SET jit = off AS
$$
DECLARE
    today date := crm._report_today();
BEGIN
    RETURN QUERY
    WITH target AS MATERIALIZED (SELECT t.*, m.is_sum, m.is_low, m.is_sold,
            crm._report_target_end(t.unit, t.starts_on) AS ends_on
            FROM crm._report_targets_at(on_day, in_stores, only_staff) t
            JOIN crm._report_target_metrics() m ON m.metric = t.metric),
    asked AS (SELECT t.unit, t.starts_on, array_agg(DISTINCT t.metric) AS metrics,
            coalesce(array_agg(DISTINCT t.place) FILTER (WHERE t.is_sold AND t.place <> 'staff'), '{}') AS places
            FROM target t GROUP BY t.unit, t.starts_on),
    done AS MATERIALIZED (SELECT a.unit, a.starts_on, d.* FROM asked a
            CROSS JOIN LATERAL crm._report_done(a.unit, a.starts_on, a.metrics, a.places) d),
    shown AS (
        SELECT t.*, CASE WHEN t.is_sum THEN coalesce(d.value, 0) ELSE d.value END AS value,
               CASE WHEN t.is_sum THEN round(least(greatest(today - t.starts_on + 1, 0),
                           t.ends_on - t.starts_on + 1)::numeric / (t.ends_on - t.starts_on + 1), 4) ELSE 1 END AS due
        FROM target t LEFT JOIN done d ON d.unit = t.unit AND d.starts_on = t.starts_on AND d.metric = t.metric
            AND d.place = t.place AND d.ref_id = t.ref_id)
    SELECT jsonb_build_object('target_id', s.target_id::text, 'metric', s.metric, 'unit', s.unit,
               'starts_on', s.starts_on, 'ends_on', s.ends_on, 'place', s.place, 'role', s.role,
               'code', coalesce(r.code, p.code, f.code), 'name', coalesce(r.name, p.name, f.name), 'goal', s.goal,
                   'value', s.value, 'is_low', s.is_low,
               'share', CASE WHEN s.is_low THEN round(s.goal / nullif(s.value, 0), 4) ELSE round(s.value / s.goal, 4) END, 'due', s.due,
               'is_reached', CASE WHEN s.is_low THEN s.value <= s.goal ELSE s.value >= s.goal END, 'is_on_track', CASE
                   WHEN s.is_low THEN s.value <= s.goal ELSE s.value >= s.goal * s.due END)
    FROM shown s
    LEFT JOIN crm.region r ON s.place = 'region' AND r.region_id = s.ref_id LEFT JOIN crm.store p ON s.place = 'store'
        AND p.store_id = s.ref_id LEFT JOIN crm.staff f ON s.place = 'staff' AND f.staff_id = s.ref_id
    ORDER BY array_position('{chain,region,store,staff}'::text[], s.place), coalesce(r.code, p.code, f.code), s.metric, s.unit LIMIT 2000;
END
$$;
COMMENT ON FUNCTION crm._report_progress(date, int[], int) IS
    'goals of periods that hold a day with what was done of them, as crm.report_targets()';

CREATE FUNCTION crm.report_targets(on_day date DEFAULT NULL, store_code text DEFAULT NULL, region_code text DEFAULT NULL) RETURNS SETOF jsonb
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
BEGIN
    RETURN QUERY SELECT p.* FROM crm._report_progress(coalesce(crm._require_day(on_day, 'on_day'),
                crm._report_today()), crm._report_scope(store_code, region_code), NULL) p;
END
$$;
COMMENT ON FUNCTION crm.report_targets(date, text, text) IS
    'goals of weeks, months and quarters that hold a local day (null: today), of the chain, regions, stores and '
    'people in the caller''s scope, a role''s as one of each member who has none of their own: goal, value until '
    'today, share reached, due (how much of the period is over, for what adds up), is_reached, is_on_track; value '
    'null: nothing to measure yet; P0002';
GRANT EXECUTE ON FUNCTION crm.report_targets(date, text, text) TO crm_store_manager, crm_manager, crm_analyst, crm_headquarters;

CREATE FUNCTION crm.report_my_targets() RETURNS SETOF jsonb
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
BEGIN
    RETURN QUERY SELECT p.* FROM crm._report_progress(crm._report_today(), NULL, coalesce(crm._actor_staff(), 0)) p;
END
$$;
COMMENT ON FUNCTION crm.report_my_targets() IS 'the caller''s own goals of today, as crm.report_targets()';
GRANT EXECUTE ON FUNCTION crm.report_my_targets() TO crm_clerk, crm_store_manager, crm_manager, crm_service, crm_headquarters;

CREATE FUNCTION crm._report_target_place(region text, store text, staff text, role text, OUT place text, OUT ref_id int)
    LANGUAGE plpgsql STABLE AS
$$
DECLARE
    mine int[] := crm.access_store_ids();
    is_wide boolean := crm._actor_role() = 'crm_headquarters';
BEGIN
    place := CASE WHEN staff IS NOT NULL THEN 'staff' WHEN store IS NOT NULL THEN 'store'
        WHEN region IS NOT NULL THEN 'region' WHEN role IS NOT NULL THEN 'role' ELSE 'chain' END;
    ref_id := CASE place WHEN 'staff' THEN (SELECT f.staff_id FROM crm.staff f WHERE f.code = staff
            AND f.left_at IS NULL) WHEN 'store' THEN (SELECT s.store_id FROM crm.store s WHERE s.code = store)
                         WHEN 'region' THEN (SELECT r.region_id FROM crm.region r WHERE r.code = region) ELSE 0 END;
    IF ref_id IS NULL OR NOT (is_wide OR CASE place WHEN 'staff'
            THEN EXISTS (SELECT FROM crm._report_staff_stores() w WHERE w.staff_id = ref_id
                AND w.store_id = ANY (mine))
                                                    WHEN 'store' THEN ref_id = ANY (mine)
                                                            WHEN 'region' THEN (SELECT array_agg(s.store_id) <@ mine
                                                                FROM crm.store s WHERE s.region_id = ref_id)
                                                            ELSE false END) THEN
        RAISE EXCEPTION 'there is no such place or person in your scope' USING ERRCODE = 'no_data_found',
            COLUMN = CASE place WHEN 'chain' THEN 'region' ELSE place END,
            HINT = 'Name a region, store or member of staff of yours; goals of the chain and of roles are headquarters'' to set.';
    END IF;
END
$$;
COMMENT ON FUNCTION crm._report_target_place(text, text, text, text) IS
    'whose goal it is: of a member of staff, store, region, role or (none named) the chain, in the caller''s scope; '
    'P0002';

CREATE FUNCTION crm.report_set_target(metric text, goal numeric, unit text DEFAULT 'month',
                                      starts_on date DEFAULT NULL, region text DEFAULT NULL, store text DEFAULT NULL,
                                      staff text DEFAULT NULL, role text DEFAULT NULL) RETURNS jsonb
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
#variable_conflict use_variable
DECLARE
    known record;
    at record;
    first_day date;
    fault text;
BEGIN
    SELECT m.* INTO known FROM crm._report_target_metrics() m WHERE m.metric = report_set_target.metric;
    fault := CASE WHEN known.metric IS NULL THEN 'metric' WHEN unit IS NULL
        OR unit NOT IN ('week', 'month', 'quarter') THEN 'unit' WHEN goal <= 0 OR goal >= 1e12 THEN 'goal'
                  WHEN starts_on NOT BETWEEN '2000-01-01' AND '2100-01-01' THEN 'starts_on' WHEN known.is_sold
                      AND (staff IS NOT NULL OR (role IS NOT NULL AND store IS NULL AND region IS NULL))
                      THEN 'metric' END;
    IF fault IS NOT NULL THEN
        RAISE EXCEPTION 'this is no goal' USING ERRCODE = 'invalid_parameter_value', COLUMN = fault,
            HINT = 'A goal above 0 of net, orders, buyers, average_order, repurchase_rate (of places), enrolled, notes, in_time_rate, answered_in_time, answer_minutes or deals_won, for a week, month or quarter.';
    END IF;
    IF role IS NOT NULL THEN
        PERFORM crm._report_staff_role(role);
    END IF;
    at := crm._report_target_place(region, store, staff, role);
    first_day := CASE unit WHEN 'quarter' THEN date_trunc('quarter', coalesce(starts_on, crm._report_today()))::date
        ELSE crm._report_start(coalesce(starts_on, crm._report_today()), unit) END;
    IF goal IS NULL THEN
        DELETE FROM crm.target t WHERE t.metric = known.metric AND t.unit = report_set_target.unit
            AND t.starts_on = first_day AND t.place = at.place AND t.ref_id = at.ref_id AND t.role = CASE at.place
            WHEN 'role' THEN report_set_target.role ELSE '' END;
    ELSE
        INSERT INTO crm.target AS t (target_id, metric, unit, starts_on, place, ref_id, role, goal, set_by, set_at)
        VALUES (crm._new_id(), known.metric, unit, first_day, at.place, at.ref_id, CASE at.place WHEN 'role' THEN role
            ELSE '' END, goal, crm._actor(), crm.core_now())
        ON CONFLICT ON CONSTRAINT target_metric_unit_starts_on_place_ref_id_role_key DO UPDATE
            SET goal = excluded.goal, set_by = excluded.set_by, set_at = excluded.set_at;
    END IF;
    PERFORM crm._audit('target', at.place, at.ref_id, known.metric, NULL, coalesce(goal::text, 'none'), concat_ws(' ', unit, first_day, role));
    RETURN jsonb_build_object('metric', known.metric, 'unit', unit, 'starts_on', first_day, 'place', at.place, 'goal', goal);
END
$$;
COMMENT ON FUNCTION crm.report_set_target(text, numeric, text, date, text, text, text, text) IS
    'sets the goal of a metric for the week, month or quarter that holds a local day (null: today): of a member of '
    'staff, a store or a region of the caller, or (headquarters) of each member of a role, or of the chain; null '
    'goal: none any more; audited; P0002 for whom or what is not the caller''s, 22023 names the field';
GRANT EXECUTE ON FUNCTION crm.report_set_target(text, numeric, text, date, text, text, text,
        text) TO crm_store_manager, crm_manager, crm_headquarters;
