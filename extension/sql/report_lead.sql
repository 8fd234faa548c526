-- report: which leads came to a store. Who left word online and who stood at the counter are one person, whatever
-- phone or account they used: that is what the resolved person knows and neither system alone.

CREATE FUNCTION crm._report_lead_days(from_id bigint, to_id bigint, first_day date, today date)
    RETURNS TABLE (customer_id bigint, source text, day date)
    LANGUAGE plpgsql STABLE SET jit = off SET plan_cache_mode = force_custom_plan SET enable_hashjoin = off SET enable_mergejoin = off AS
$$
#variable_conflict use_column
DECLARE
    zone text := crm._setting('core.time_zone') #>> '{}';
    types text[] := ARRAY(SELECT jsonb_array_elements_text(crm._setting('report.lead_types')));
BEGIN
    -- of a month and source a person is one lead, by the first day
    RETURN QUERY
    SELECT l.customer_id, l.source, min(l.day) FROM (
        SELECT c.customer_id, e.type AS source, e.business_day AS day
        FROM crm.customer c JOIN crm.membership m ON m.customer_id = c.customer_id AND m.valid_to = 'infinity'
        JOIN crm.event e ON e.source_record_id = m.source_record_id
        WHERE c.status = 'active' AND c.customer_id > from_id AND c.customer_id <= to_id AND e.type = ANY (types)
            AND e.ignored_reason IS NULL AND e.business_day BETWEEN first_day AND today
          AND e.occurred_at >= first_day::timestamp AT TIME ZONE zone - interval '1 day'
        UNION ALL
        SELECT c.customer_id, 'deal:' || d.lead_source, crm._local_day(d.opened_at, zone)
        FROM crm.customer c CROSS JOIN LATERAL (SELECT c.customer_id AS id UNION ALL SELECT y.customer_id
                FROM crm.customer y WHERE y.merged_into = c.customer_id) x
        JOIN crm.deal d ON d.customer_id = x.id
        WHERE c.status = 'active' AND c.customer_id > from_id AND c.customer_id <= to_id AND d.lead_source <> 'store'
            AND crm._local_day(d.opened_at, zone) BETWEEN first_day AND today) l
    GROUP BY l.customer_id, l.source, date_trunc('month', l.day);
END
$$;
COMMENT ON FUNCTION crm._report_lead_days(bigint, bigint, date, date) IS
    'leads of active persons between two ids: the first event of each of the types report.lead_types and the first '
    'deal of each lead_source but store, in each month, of all records and former ids of the person';

CREATE FUNCTION crm._report_group_leads(ready int, from_id bigint, to_id bigint, today date)
    RETURNS TABLE (what text, a text, b text, stores int[], persons bigint, amount numeric)
    LANGUAGE plpgsql SET jit = off SET plan_cache_mode = force_custom_plan SET enable_hashjoin = off SET enable_mergejoin = off AS
$$
DECLARE
    first_day date := (date_trunc('month', today) - interval '12 months')::date;
    within int := (crm._setting('report.lead_days') #>> '{}')::int;
    zone text := crm._setting('core.time_zone') #>> '{}';
BEGIN
    RETURN QUERY
    WITH came AS MATERIALIZED (
    SELECT x.what, l.source, to_char(l.day, 'YYYY-MM') AS month, c.customer_id, c.scope_store_ids, x.day - l.day AS days
    FROM crm._report_lead_days(from_id, to_id, first_day, today) l JOIN crm.customer c ON c.customer_id = l.customer_id
    CROSS JOIN LATERAL (
        SELECT (SELECT min(o.business_day) FROM crm.membership m JOIN crm.customer_order o ON o.source_record_id = m.source_record_id
                WHERE m.customer_id = l.customer_id AND m.valid_to = 'infinity' AND o.is_current AND o.amount > 0
                        AND o.business_day BETWEEN l.day AND least(l.day + within, today)) AS ordered,
               (SELECT min(o.business_day) FROM crm.membership m
                JOIN crm.customer_order o ON o.source_record_id = m.source_record_id
                JOIN crm.source s ON s.source_id = o.source_id
                WHERE m.customer_id = l.customer_id AND m.valid_to = 'infinity' AND o.is_current AND o.amount > 0
                    AND o.business_day BETWEEN l.day AND least(l.day + within, today)
                  AND o.store_id IS NOT NULL AND (o.channel = 'store' OR s.kind = 'pos')) AS at_counter,
               (SELECT min(e.business_day) FROM crm.membership m JOIN crm.event e ON e.source_record_id = m.source_record_id
                WHERE m.customer_id = l.customer_id AND m.valid_to = 'infinity' AND e.type = 'store_visit'
                    AND e.ignored_reason IS NULL AND e.business_day BETWEEN l.day AND least(l.day + within, today)
                  AND e.occurred_at >= l.day::timestamp AT TIME ZONE zone - interval '1 day') AS came OFFSET 0) k
    CROSS JOIN LATERAL (VALUES ('lead', NULL::date), ('lead_visit', least(k.at_counter, k.came)), ('lead_order', k.ordered)) x (what, day)
    WHERE x.what = 'lead' OR x.day IS NOT NULL),
    kept AS (INSERT INTO crm.report_group_set (generation, what, key, from_id, ids)
             SELECT ready, k.what, k.month || '.' || k.source, _report_group_leads.from_id,
                 crm.bitmap_agg(k.customer_id) FROM came k GROUP BY k.what, k.month, k.source)
    SELECT k.what, k.source, k.month, k.scope_store_ids, count(*), coalesce(sum(k.days), 0)::numeric FROM came k
        GROUP BY k.what, k.source, k.month, k.scope_store_ids;
END
$$;
COMMENT ON FUNCTION crm._report_group_leads(int, bigint, bigint, date) IS
    'leads of this month and the twelve before, of persons between two ids, by source, month and the stores of the '
    'person''s scope; of them those who came to a store (an order at a counter or the event store_visit) and those '
    'who ordered anywhere, within report.lead_days days, with the days it took; keeps who they are';

CREATE FUNCTION crm.report_leads(store_code text DEFAULT NULL, region_code text DEFAULT NULL)
    RETURNS TABLE (month text, source text, name_zh text, name_en text, leads bigint, visited bigint,
        visit_rate numeric, days_to_visit numeric, ordered bigint, order_rate numeric, is_open boolean,
        within_days int)
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp SET jit = off AS
$$
DECLARE
    in_stores int[] := crm._report_scope(store_code, region_code);
    within int := (crm._setting('report.lead_days') #>> '{}')::int;
BEGIN
    RETURN QUERY
    WITH counted AS (
        SELECT g.b AS month, g.a AS source, coalesce(sum(g.persons) FILTER (WHERE g.what = 'lead'),
                0)::bigint AS leads, coalesce(sum(g.persons) FILTER (WHERE g.what = 'lead_visit'),
                0)::bigint AS visited,
               sum(g.amount) FILTER (WHERE g.what = 'lead_visit') AS days,
                   coalesce(sum(g.persons) FILTER (WHERE g.what = 'lead_order'), 0)::bigint AS ordered,
                   max(p.as_of) AS as_of
        FROM crm.report_group g JOIN crm.report_group_progress p ON p.generation = g.generation
        WHERE g.what IN ('lead', 'lead_visit', 'lead_order') AND (in_stores IS NULL OR g.stores && in_stores) GROUP BY g.b, g.a)
    SELECT c.month, c.source, t.name_zh, t.name_en, c.leads, c.visited, crm._report_ratio(c.visited, c.leads),
        round(c.days / nullif(c.visited, 0), 1), c.ordered, crm._report_ratio(c.ordered, c.leads),
           ((c.month || '-01')::date + interval '1 month')::date + within > c.as_of, within
    FROM counted c LEFT JOIN crm.event_type t ON t.code = c.source ORDER BY c.month DESC, c.leads DESC, c.source;
END
$$;
COMMENT ON FUNCTION crm.report_leads(text, text) IS
    'leads of the caller''s scope as of the last night, by month (this one and twelve before) and source (an event '
    'type of report.lead_types, or deal: and a deal''s lead_source): persons, those who came to a store within '
    'report.lead_days days and the mean days until then, those who ordered anywhere; is_open: the time of some of '
    'them is not over yet; within_days: that setting; P0002';
GRANT EXECUTE ON FUNCTION crm.report_leads(text, text) TO crm_store_manager, crm_manager, crm_marketer, crm_analyst, crm_headquarters;
