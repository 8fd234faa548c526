-- sales_board: deals as staff see them, a pipeline's figures, and how deals were won.

CREATE FUNCTION crm._sales_deal_tell(customer_id bigint, deal_id bigint) RETURNS jsonb
    LANGUAGE plpgsql STABLE AS
$$
#variable_conflict use_column
BEGIN
    RETURN (SELECT jsonb_build_object('deal_id', d.deal_id, 'customer_id', c.customer_id, 'name', c.name_masked,
                'pipeline', d.pipeline, 'stage', d.stage, 'stage_zh', s.name_zh, 'stage_en', s.name_en,
                'outcome', d.outcome, 'title', d.title, 'amount', d.amount, 'is_important', d.is_important,
                    'lead_source', d.lead_source, 'store', t.code, 'staff', f.code, 'staff_name', f.name,
                'opened_at', d.opened_at, 'stage_at', d.stage_at, 'touched_at', d.touched_at,
                    'closed_at', nullif(d.closed_at, 'infinity'), 'lost_reason', d.lost_reason,
                'is_slow', d.outcome = 'open' AND s.expected_days IS NOT NULL AND d.stage_at + s.expected_days * interval '1 day' < crm.core_now(),
                'missing', to_jsonb(crm._sales_missing(d.customer_id, d.deal_id)),
                'evidence', (SELECT coalesce(jsonb_agg(jsonb_build_object('evidence', v.evidence, 'title', v.title,
                             'url', v.url, 'sha256', encode(v.sha256, 'hex'), 'at', v.at, 'actor', v.actor)
                             ORDER BY v.deal_evidence_id), '[]')
                             FROM crm.deal_evidence v WHERE v.customer_id = d.customer_id AND v.deal_id = d.deal_id),
                'events', (SELECT jsonb_agg(jsonb_build_object('at', e.at, 'kind', e.kind,
                           'actor', coalesce(a.name, e.actor), 'stage', e.stage, 'from', e.from_stage) || e.detail
                           ORDER BY e.deal_event_id)
                           FROM crm.deal_event e LEFT JOIN crm.staff a ON a.code = e.actor
                               WHERE e.customer_id = d.customer_id AND e.deal_id = d.deal_id))
            FROM crm.deal d JOIN crm.pipeline_stage s ON s.pipeline = d.pipeline AND s.stage = d.stage
            JOIN crm.customer c ON c.customer_id = crm._identity_current(d.customer_id)
            LEFT JOIN crm.store t ON t.store_id = d.store_id LEFT JOIN crm.staff f ON f.staff_id = d.staff_id
            WHERE d.customer_id = _sales_deal_tell.customer_id AND d.deal_id = _sales_deal_tell.deal_id);
END
$$;
COMMENT ON FUNCTION crm._sales_deal_tell(bigint, bigint) IS
    'a deal with its documents and its life, by the id it was opened for, whoever asks';

CREATE FUNCTION crm.sales_deal(customer_id bigint, deal_id bigint) RETURNS jsonb
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
#variable_conflict use_column
BEGIN
    RETURN crm._sales_deal_tell(crm._sales_deal_made_for(crm._access_require_person(customer_id), deal_id), deal_id);
END
$$;
COMMENT ON FUNCTION crm.sales_deal(bigint, bigint) IS
    'a deal: stage, amount, who has it, what its stage still asks for (missing), is_slow (longer at the stage than '
    'expected), documents, and its life, oldest first; names masked; P0002 for a person out of scope, and when the '
    'deal is in no list of the caller';
GRANT EXECUTE ON FUNCTION crm.sales_deal(bigint, bigint) TO crm_clerk, crm_store_manager, crm_manager, crm_service, crm_headquarters;

CREATE FUNCTION crm.sales_deals(pipeline text DEFAULT NULL, stage text DEFAULT NULL, staff text DEFAULT NULL,
                                after bigint DEFAULT NULL, max_rows int DEFAULT 50) RETURNS SETOF jsonb
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
#variable_conflict use_column
DECLARE
    mine int[] := crm.access_store_ids();
    is_wide boolean := crm._actor_role() = 'crm_headquarters';
    whose int := crm._sales_staff(staff);
BEGIN
    RETURN QUERY
    SELECT crm._sales_deal_tell(p.customer_id, p.deal_id) - '{events,evidence}'::text[]
    FROM (SELECT d.customer_id, d.deal_id FROM crm.deal d
          WHERE (d.outcome = 'open' OR d.stage = sales_deals.stage)
              AND (sales_deals.pipeline IS NULL OR d.pipeline = sales_deals.pipeline)
              AND (sales_deals.stage IS NULL OR d.stage = sales_deals.stage)
            AND (whose IS NULL OR d.staff_id = whose) AND (is_wide OR d.store_id = ANY (mine)
                    OR d.staff_id = crm._actor_staff()) AND (after IS NULL OR d.deal_id < after)
          ORDER BY d.deal_id DESC LIMIT least(greatest(coalesce(max_rows, 50), 1), 500)) p
    ORDER BY p.deal_id DESC;
END
$$;
COMMENT ON FUNCTION crm.sales_deals(text, text, text, bigint, int) IS
    'open deals of the caller''s stores, the newest first, of a pipeline, of one stage (then won or lost ones, '
    'too), of one staff member; after: the deal_id of the last row of the page before; without documents and life; '
    '22023 for an unknown staff code';
GRANT EXECUTE ON FUNCTION crm.sales_deals(text, text, text, bigint, int) TO crm_clerk, crm_store_manager, crm_manager, crm_service, crm_headquarters;

CREATE FUNCTION crm.sales_deals_of(customer_id bigint) RETURNS SETOF jsonb
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
#variable_conflict use_column
DECLARE
    person bigint := crm._access_require_person(customer_id);
BEGIN
    RETURN QUERY
    SELECT crm._sales_deal_tell(d.customer_id, d.deal_id) - '{events,evidence}'::text[] FROM crm.deal d
    WHERE d.customer_id = ANY (crm._identity_cluster(person)) AND crm._sales_sees(d.staff_id, d.store_id)
    ORDER BY d.outcome <> 'open', d.opened_at DESC, d.deal_id LIMIT 100;
END
$$;
COMMENT ON FUNCTION crm.sales_deals_of(bigint) IS
    'the newest hundred deals with a person that are in a list of the caller, open ones first; P0002 for a person '
    'out of scope';
GRANT EXECUTE ON FUNCTION crm.sales_deals_of(bigint) TO crm_clerk, crm_store_manager, crm_manager, crm_service, crm_headquarters;

CREATE FUNCTION crm.sales_board(pipeline text, since date, until date) RETURNS SETOF jsonb
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
#variable_conflict use_column
DECLARE
    zone text := crm._setting('core.time_zone') #>> '{}';
    mine int[] := crm.access_store_ids();
    is_wide boolean := crm._actor_role() IN ('crm_headquarters', 'crm_analyst');
    moment timestamptz := crm.core_now();
BEGIN
    PERFORM crm._sales_span(since, until);
    RETURN QUERY
    WITH deal AS MATERIALIZED (
        SELECT d.customer_id, d.deal_id, d.stage, d.outcome, d.amount, d.stage_at FROM crm.deal d
        WHERE d.pipeline = sales_board.pipeline AND d.opened_at >= since::timestamp AT TIME ZONE zone
            AND d.opened_at < (until + 1)::timestamp AT TIME ZONE zone
          AND (is_wide OR d.store_id = ANY (mine))),
    event AS MATERIALIZED (
        SELECT e.customer_id, e.deal_id, e.kind, s.position, s.outcome, e.from_stage, (e.detail ->> 'hours')::numeric AS hours
        FROM deal d JOIN crm.deal_event e ON e.customer_id = d.customer_id AND e.deal_id = d.deal_id AND e.kind IN ('opened', 'moved')
        LEFT JOIN crm.pipeline_stage s ON s.pipeline = sales_board.pipeline AND s.stage = e.stage),
    came AS (   -- a deal counts once at each stage it came to, the furthest decides
        SELECT f.furthest, count(*) AS deals
        FROM (SELECT max(e.position) FILTER (WHERE e.outcome <> 'lost') AS furthest FROM event e
                WHERE e.position IS NOT NULL GROUP BY e.customer_id, e.deal_id) f GROUP BY 1),
    stay AS (
        SELECT e.from_stage AS stage, avg(e.hours) AS hours FROM event e WHERE e.kind = 'moved' GROUP BY 1),
    there AS (
        SELECT d.stage, count(*) AS deals, sum(d.amount) AS amount,
            count(*) FILTER (WHERE d.outcome = 'open'
                AND d.stage_at + s.expected_days * interval '1 day' < moment) AS slow
        FROM deal d JOIN crm.pipeline_stage s ON s.pipeline = sales_board.pipeline AND s.stage = d.stage GROUP BY 1),
    stalled AS (    -- whoever moves or closes a deal ends these tasks
        SELECT d.stage, count(DISTINCT t.task_key) AS deals FROM deal d
        JOIN crm.task t ON t.customer_id = d.customer_id AND t.kind = 'stall' AND t.state = 'open' AND t.task_key LIKE format('deal:%s:%%', d.deal_id)
        WHERE d.outcome = 'open' GROUP BY 1)
    SELECT jsonb_build_object('stage', s.stage, 'name_zh', s.name_zh, 'name_en', s.name_en, 'outcome', s.outcome,
        'deals', coalesce(h.deals, 0), 'amount', h.amount, 'slow', coalesce(h.slow, 0), 'stalled', coalesce(z.deals, 0),
        'reached', CASE WHEN s.outcome = 'lost' THEN coalesce(h.deals, 0) ELSE f.reached END,
        'of_all', CASE WHEN s.outcome <> 'lost' THEN round(f.reached / nullif((SELECT sum(c.deals) FROM came c), 0),
                4) END, 'days', round(y.hours / 24, 2))
    FROM crm.pipeline_stage s LEFT JOIN there h ON h.stage = s.stage LEFT JOIN stay y ON y.stage = s.stage LEFT JOIN stalled z ON z.stage = s.stage
    CROSS JOIN LATERAL (SELECT coalesce(sum(c.deals), 0)::bigint AS reached FROM came c WHERE c.furthest >= s.position) f
    WHERE s.pipeline = sales_board.pipeline ORDER BY s.position;
END
$$;
COMMENT ON FUNCTION crm.sales_board(text, date, date) IS
    'a pipeline''s stages with the deals of the caller''s stores opened on local days of the chain from since '
    'through until: deals and amount there now, slow (longer than expected), stalled (a task is open), reached '
    '(came so far or further), of_all (their share of all deals, 0 to 1), days (mean stay of those who left); 22023 '
    'for a span that is none';
GRANT EXECUTE ON FUNCTION crm.sales_board(text, date, date) TO crm_clerk, crm_store_manager, crm_manager, crm_service, crm_analyst, crm_headquarters;

CREATE FUNCTION crm.sales_won_paths(pipeline text, since date, until date, max_rows int DEFAULT 20) RETURNS SETOF jsonb
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
#variable_conflict use_column
DECLARE
    zone text := crm._setting('core.time_zone') #>> '{}';
    mine int[] := crm.access_store_ids();
    is_wide boolean := crm._actor_role() = 'crm_headquarters';
BEGIN
    PERFORM crm._sales_span(since, until);
    RETURN QUERY
    SELECT jsonb_build_object('deal_id', d.deal_id, 'customer_id', crm._identity_current(d.customer_id),
        'title', d.title, 'amount', d.amount, 'staff', f.code, 'staff_name', f.name, 'store', t.code,
        'days', round(extract(epoch FROM d.closed_at - d.opened_at) / 86400, 2),
        'path', (SELECT jsonb_agg(jsonb_build_object('stage', e.from_stage,
                 'days', round((e.detail ->> 'hours')::numeric / 24, 2), 'to', e.stage) ORDER BY e.deal_event_id)
                 FROM crm.deal_event e WHERE e.customer_id = d.customer_id AND e.deal_id = d.deal_id AND e.kind = 'moved'),
        'documents',
            (SELECT coalesce(jsonb_agg(jsonb_build_object('evidence', v.evidence, 'title', v.title,
                      'day', crm._local_day(v.at, zone)) ORDER BY v.deal_evidence_id), '[]')
                      FROM crm.deal_evidence v WHERE v.customer_id = d.customer_id AND v.deal_id = d.deal_id))
    FROM crm.deal d LEFT JOIN crm.staff f ON f.staff_id = d.staff_id LEFT JOIN crm.store t ON t.store_id = d.store_id
    WHERE d.pipeline = sales_won_paths.pipeline AND d.outcome = 'won'
        AND d.closed_at >= since::timestamp AT TIME ZONE zone
        AND d.closed_at < (until + 1)::timestamp AT TIME ZONE zone
      AND (is_wide OR d.store_id = ANY (mine))
    ORDER BY d.amount DESC NULLS LAST, d.deal_id LIMIT least(greatest(coalesce(max_rows, 20), 1), 200);
END
$$;
COMMENT ON FUNCTION crm.sales_won_paths(text, date, date, int) IS
    'how deals of the caller''s stores were won on local days from since through until, the largest first, at most '
    '200: each stage with its days, the documents handed in, who did it, so that others can learn it; 22023 for a '
    'span that is none';
GRANT EXECUTE ON FUNCTION crm.sales_won_paths(text, date, date, int) TO crm_clerk, crm_store_manager, crm_manager, crm_service, crm_headquarters;

CREATE FUNCTION crm.sales_check() RETURNS TABLE (room text, what text, expected text, found text)
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
BEGIN
    RETURN QUERY
    SELECT 'sales', format('when deal %s came to its stages', d.deal_id), e.came::text, k.came::text
    FROM crm.deal d
    CROSS JOIN LATERAL (SELECT jsonb_object_agg(c.stage, c.at) AS came FROM unnest(d.came_stages, d.came_at) c (stage, at)) k
    CROSS JOIN LATERAL (SELECT jsonb_object_agg(x.stage, x.at) AS came FROM (
        SELECT v.stage, min(v.at) AS at FROM crm.deal_event v WHERE v.customer_id = d.customer_id
            AND v.deal_id = d.deal_id AND v.kind IN ('opened', 'moved') GROUP BY 1) x) e
    WHERE k.came IS DISTINCT FROM e.came ORDER BY d.deal_id;
END
$$;
COMMENT ON FUNCTION crm.sales_check() IS 'deals whose row says other moments of coming to their stages than their events';
GRANT EXECUTE ON FUNCTION crm.sales_check() TO crm_headquarters, crm_admin;

CREATE FUNCTION crm._sales_deals_on_erase(ids bigint[]) RETURNS void
    LANGUAGE plpgsql AS
$$
BEGIN
    -- their tasks are blanked and cancelled with the others; that there was a deal stays in the figures
    UPDATE crm.deal d SET title = '-', lost_reason = NULL, next_stall_at = 'infinity', outcome = CASE d.outcome
        WHEN 'open' THEN 'lost' ELSE d.outcome END,
           closed_at = least(d.closed_at, crm.core_now()) WHERE d.customer_id = ANY (ids);
    UPDATE crm.deal_event e SET detail = CASE WHEN e.detail ? 'hours'
        THEN jsonb_build_object('hours', e.detail -> 'hours') ELSE '{}' END WHERE e.customer_id = ANY (ids);
    DELETE FROM crm.deal_evidence v WHERE v.customer_id = ANY (ids);
END
$$;
COMMENT ON FUNCTION crm._sales_deals_on_erase(bigint[]) IS
    'blanks what was written in a person''s deals, ends the open ones and forgets their documents';

CREATE FUNCTION crm._sales_deals_on_export(ids bigint[]) RETURNS jsonb
    LANGUAGE plpgsql STABLE AS
$$
BEGIN
    RETURN (SELECT coalesce(jsonb_agg(jsonb_build_object('pipeline', d.pipeline, 'stage', d.stage,
                'outcome', d.outcome, 'title', d.title, 'amount', d.amount, 'opened_at', d.opened_at,
                'closed_at', nullif(d.closed_at, 'infinity'),
                    'documents', (SELECT coalesce(jsonb_agg(jsonb_build_object('title', v.title, 'url', v.url,
                    'at', v.at) ORDER BY v.deal_evidence_id), '[]')
                    FROM crm.deal_evidence v WHERE v.customer_id = d.customer_id AND v.deal_id = d.deal_id)) ORDER BY d.opened_at, d.deal_id), '[]')
            FROM crm.deal d WHERE d.customer_id = ANY (ids));
END
$$;
COMMENT ON FUNCTION crm._sales_deals_on_export(bigint[]) IS
    'a person''s deals and their documents, for the export of one person';
