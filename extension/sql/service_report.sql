-- service_report: how fast customers were answered, how well it was settled, and what they come with when.

CREATE FUNCTION crm.service_report(since date, until date, by text DEFAULT 'store') RETURNS SETOF jsonb
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
DECLARE
    zone text := crm._setting('core.time_zone') #>> '{}';
    stores int[] := crm.access_store_ids();
    is_wide boolean := crm._actor_role() IN ('crm_headquarters', 'crm_analyst');
BEGIN
    IF by IS NULL OR by NOT IN ('store', 'topic', 'kind', 'month') THEN
        RAISE EXCEPTION 'there is no such way to group tickets'
            USING ERRCODE = 'invalid_parameter_value', COLUMN = 'by', HINT = 'Give store, topic, kind or month.';
    END IF;
    PERFORM crm._sales_span(since, until);
    RETURN QUERY
    SELECT jsonb_build_object('group', t.name, 'tickets', count(*),
        'complaints', count(*) FILTER (WHERE t.kind = 'complaint'), 'persons', count(DISTINCT t.person),
        'open', count(*) FILTER (WHERE t.state <> 'resolved'),
        'answered_in_time', round(avg(CASE WHEN t.answered_at IS NOT NULL THEN (t.answered_at <= t.answer_due_at)::int
                    WHEN t.answer_due_at < crm.core_now() THEN 0 END), 4),
        'answer_minutes', round((percentile_cont(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM t.answered_at - t.opened_at)) / 60)::numeric, 1),
        'resolve_hours', round((percentile_cont(0.5) WITHIN
                    GROUP (ORDER BY extract(epoch FROM t.first_resolved_at - t.opened_at)) / 3600)::numeric, 1),
        'right_first', round(avg(CASE WHEN t.first_resolved_at + interval '7 days' <= crm.core_now() OR t.is_back THEN (NOT t.is_back)::int END), 4),
        'stars', round(avg(t.stars), 2), 'rated', count(t.stars))
    FROM (SELECT k.*, CASE WHEN m.merged_into IS NULL THEN k.customer_id ELSE crm._identity_current(k.customer_id) END AS person,
                 CASE by WHEN 'store' THEN coalesce(s.code, '-') WHEN 'topic' THEN k.topic WHEN 'kind' THEN k.kind
                     ELSE to_char(k.opened_at AT TIME ZONE zone, 'YYYY-MM') END AS name,
                 k.reopened > 0 AND EXISTS (SELECT FROM crm.ticket_event e WHERE e.customer_id = k.customer_id
                         AND e.ticket_id = k.ticket_id AND e.kind = 'reopened'
                         AND e.at < k.first_resolved_at + interval '7 days') AS is_back
          FROM crm.ticket k LEFT JOIN crm.store s ON s.store_id = k.store_id
              LEFT JOIN crm.customer m ON m.customer_id = k.customer_id AND m.merged_into IS NOT NULL
          WHERE k.opened_at >= since::timestamp AT TIME ZONE zone AND k.opened_at < (until + 1)::timestamp AT TIME ZONE zone
            AND (is_wide OR k.store_id = ANY (stores))) t
    GROUP BY t.name ORDER BY t.name;
END
$$;
COMMENT ON FUNCTION crm.service_report(date, date, text) IS
    'tickets opened on local days of the chain from since through until, by store, topic, kind or month, of the '
    'caller''s stores: tickets, complaints, persons, open; answered_in_time (share, 0 to 1, of those answered or '
    'overdue); medians answer_minutes to the first answer and resolve_hours to the first settlement; right_first '
    '(share not opened again within 7 days, of those whose 7 days are over); mean stars and how many gave some; '
    '22023 names the field';
GRANT EXECUTE ON FUNCTION crm.service_report(date, date, text) TO crm_store_manager, crm_manager, crm_analyst, crm_headquarters;

CREATE FUNCTION crm.service_after_purchase(topic text, since date, until date) RETURNS TABLE (days int, tickets bigint)
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
#variable_conflict use_column
DECLARE
    zone text := crm._setting('core.time_zone') #>> '{}';
    stores int[] := crm.access_store_ids();
    is_wide boolean := crm._actor_role() IN ('crm_headquarters', 'crm_analyst');
BEGIN
    PERFORM crm._sales_span(since, until);
    RETURN QUERY
    SELECT (crm._local_day(t.opened_at, zone) - b.day)::int AS days, count(*)
    FROM crm.ticket t
    CROSS JOIN LATERAL (
        SELECT max(o.business_day) AS day
        FROM crm.membership m JOIN crm.customer_order o ON o.source_record_id = m.source_record_id
        WHERE m.customer_id = crm._identity_current(t.customer_id) AND m.valid_to = 'infinity' AND o.is_current
            AND o.kind = 'sale' AND o.ordered_at <= t.opened_at) b
    WHERE (service_after_purchase.topic IS NULL OR t.topic = service_after_purchase.topic)
      AND t.opened_at >= since::timestamp AT TIME ZONE zone AND t.opened_at < (until + 1)::timestamp AT TIME ZONE zone
      AND (is_wide OR t.store_id = ANY (stores))
    GROUP BY 1 ORDER BY 1;
END
$$;
COMMENT ON FUNCTION crm.service_after_purchase(text, date, date) IS
    'tickets of a topic (null: all) opened from since through until, of the caller''s stores, by the local days '
    'since the person''s last order before: a histogram; days null: who had bought nothing; 22023 for a span that '
    'is none';
GRANT EXECUTE ON FUNCTION crm.service_after_purchase(text, date, date) TO crm_store_manager, crm_manager, crm_analyst, crm_headquarters;
