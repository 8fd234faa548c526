-- report: how long persons stay away between two purchases, by their level of membership, before they came to it and since.

CREATE FUNCTION crm._report_group_gaps(from_id bigint, to_id bigint, today date)
    RETURNS TABLE (what text, a text, b text, stores int[], persons bigint, amount numeric)
    LANGUAGE plpgsql STABLE SET jit = off SET plan_cache_mode = force_custom_plan SET enable_hashjoin = off SET enable_mergejoin = off AS
$$
DECLARE
    zone text := crm._setting('core.time_zone') #>> '{}';
BEGIN
    RETURN QUERY
    SELECT 'gap', coalesce(l.level, '-'), CASE WHEN g.day < crm._local_day(l.since, zone) THEN 'before'
        ELSE 'since' END, c.scope_store_ids, count(*), sum(g.days)::numeric
    FROM crm.customer c LEFT JOIN crm.member_level l ON l.customer_id = c.customer_id
    CROSS JOIN LATERAL (
        SELECT d.day, d.day - lag(d.day) OVER (ORDER BY d.day) AS days
        FROM (SELECT e.day FROM crm.value_history h CROSS JOIN LATERAL crm.purchase_entries(h.history) e
              WHERE h.customer_id = c.customer_id AND e.day <= today GROUP BY e.day HAVING sum(e.amount_minor) > 0) d) g
    WHERE c.status = 'active' AND c.customer_id > from_id AND c.customer_id <= to_id AND g.days IS NOT NULL AND g.day > today - 365
    GROUP BY 2, 3, c.scope_store_ids;
END
$$;
COMMENT ON FUNCTION crm._report_group_gaps(bigint, bigint, date) IS
    'gaps between two consecutive order days of active persons between two ids, the later one within the 365 days '
    'to a day: how many and their days, by the level held now (- none) and whether the later day lies before it was '
    'reached';

CREATE FUNCTION crm.report_intervals(store_code text DEFAULT NULL, region_code text DEFAULT NULL)
    RETURNS TABLE (level text, name_zh text, name_en text, gaps bigint, mean_days numeric, gaps_before bigint, mean_days_before numeric)
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
DECLARE
    in_stores int[] := crm._report_scope(store_code, region_code);
BEGIN
    RETURN QUERY
    SELECT nullif(g.a, '-'), l.name_zh, l.name_en,
           coalesce(sum(g.persons) FILTER (WHERE g.b = 'since'), 0)::bigint,
               round(sum(g.amount) FILTER (WHERE g.b = 'since') / sum(g.persons) FILTER (WHERE g.b = 'since'), 1),
           coalesce(sum(g.persons) FILTER (WHERE g.b = 'before'), 0)::bigint,
               round(sum(g.amount) FILTER (WHERE g.b = 'before') / sum(g.persons) FILTER (WHERE g.b = 'before'), 1)
    FROM crm._report_groups('gap', in_stores) g LEFT JOIN crm.level l ON l.level = g.a
    GROUP BY g.a, l.position, l.name_zh, l.name_en ORDER BY l.position NULLS FIRST;
END
$$;
COMMENT ON FUNCTION crm.report_intervals(text, text) IS
    'mean days between two consecutive order days of a person, the later one within the 365 days to the last night, '
    'by the level of membership held that night (null: none): since it was reached, and before by the same persons; '
    'each with the number of gaps; P0002';
GRANT EXECUTE ON FUNCTION crm.report_intervals(text, text) TO crm_store_manager, crm_manager, crm_marketer, crm_analyst, crm_headquarters;
