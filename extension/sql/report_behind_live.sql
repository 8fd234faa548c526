-- report: who stands behind numbers of tags, audiences, what is stuck, pipelines and trial offers, as they are now.

CREATE FUNCTION crm._report_behind_segment(stores int[], segment int, after_id bigint, row_limit int) RETURNS SETOF bigint
    LANGUAGE plpgsql STABLE SET jit = off SET plan_cache_mode = force_custom_plan SET enable_seqscan = off
        SET enable_hashjoin = off SET enable_mergejoin = off AS
$$
DECLARE
    few CONSTANT int := 5000;
BEGIN
    IF (SELECT s.person_count <= few FROM crm.segment s WHERE s.segment_id = segment) THEN
        RETURN QUERY SELECT * FROM crm._report_page_of(crm.bitmap_array(crm._segment_ids(segment)), stores, after_id, row_limit);
    ELSE        -- a page is found soon among the stays in the order of their persons
        RETURN QUERY
        SELECT m.customer_id FROM (SELECT x.customer_id FROM crm.segment_member x WHERE x.segment_id = segment
                AND x.left_at = 'infinity' AND x.customer_id > after_id ORDER BY x.customer_id OFFSET 0) m
        CROSS JOIN LATERAL (SELECT FROM crm.customer c WHERE c.customer_id = m.customer_id AND c.status = 'active'
                AND (stores IS NULL OR c.scope_store_ids && stores) OFFSET 0) c LIMIT row_limit;
    END IF;
END
$$;
COMMENT ON FUNCTION crm._report_behind_segment(int[], int, bigint, int) IS
    'members of a segment now, of some stores (null: the chain), behind an id, ascending';

CREATE FUNCTION crm._report_behind_tag(stores int[], tag text, after_id bigint, row_limit int) RETURNS SETOF bigint
    LANGUAGE plpgsql STABLE SET jit = off SET plan_cache_mode = force_custom_plan SET enable_seqscan = off
        SET enable_bitmapscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS
$$
DECLARE
    segment int := (SELECT t.segment_id FROM crm.tag t WHERE t.tag = _report_behind_tag.tag);
    moment timestamptz := crm.core_now();
    found bigint[];
BEGIN
    IF segment IS NOT NULL THEN
        RETURN QUERY SELECT * FROM crm._report_behind_segment(stores, segment, after_id, row_limit);
        RETURN;
    END IF;
    found := ARRAY(
        SELECT DISTINCT h.customer_id FROM crm.customer_tag h
        CROSS JOIN LATERAL (SELECT FROM crm.customer c WHERE c.customer_id = h.customer_id AND c.status = 'active'
                AND (stores IS NULL OR c.scope_store_ids && stores) OFFSET 0) c
        WHERE h.tag = _report_behind_tag.tag AND h.until > moment AND h.customer_id > after_id ORDER BY 1 LIMIT row_limit);
    RETURN QUERY
    SELECT u.id FROM (
        SELECT f.id FROM unnest(found) f (id)
        UNION
        (SELECT m.merged_into FROM crm.customer m
         CROSS JOIN LATERAL (SELECT FROM crm.customer c WHERE c.customer_id = m.merged_into AND c.status = 'active'
                 AND (stores IS NULL OR c.scope_store_ids && stores) OFFSET 0) c
         WHERE m.merged_into > after_id AND m.merged_into <= CASE
             WHEN cardinality(found) = row_limit THEN found[row_limit] ELSE 9223372036854775807 END
           AND EXISTS (SELECT FROM crm.customer_tag h WHERE h.customer_id = m.customer_id AND h.tag = _report_behind_tag.tag AND h.until > moment)
         ORDER BY 1 LIMIT row_limit)) u
    ORDER BY u.id LIMIT row_limit;
END
$$;
COMMENT ON FUNCTION crm._report_behind_tag(int[], text, bigint, int) IS
    'persons who have a tag now, automatic or given, under whatever id, of some stores (null: the chain), behind an '
    'id, ascending';

CREATE FUNCTION crm._report_behind_overlap(stores int[], key text, after_id bigint, row_limit int) RETURNS SETOF bigint
    LANGUAGE plpgsql STABLE SET jit = off SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS
$$
DECLARE
    codes text[] := crm._report_path_key(key)::text[];
    common crm.bitmap;
BEGIN
    IF cardinality(codes) <> 2 OR array_position(codes, NULL) IS NOT NULL THEN
        RAISE EXCEPTION 'an overlap is of two segments' USING ERRCODE = 'invalid_parameter_value', COLUMN = 'key',
            HINT = 'Give their codes as JSON: ["sleeping","tea"].';
    END IF;
    common := crm._segment_persons(crm._segment_bitmap(crm._segment_require(codes[1]))
                                   OPERATOR(crm.&) crm._segment_bitmap(crm._segment_require(codes[2])));
    RETURN QUERY
    SELECT m.id FROM crm.bitmap_members(common) m (id)
    CROSS JOIN LATERAL (SELECT FROM crm.customer c WHERE c.customer_id = m.id AND c.status = 'active'
            AND (stores IS NULL OR c.scope_store_ids && stores) OFFSET 0) c
    WHERE m.id > after_id LIMIT row_limit;
END
$$;
COMMENT ON FUNCTION crm._report_behind_overlap(int[], text, bigint, int) IS
    'persons who are in two segments now, of some stores (null: the chain), behind an id, ascending; RM361, 22023 '
    'names the key';

-- Deals of a pipeline as crm.sales_board() counts them.
CREATE FUNCTION crm._report_pipeline_rows(stores int[], figure text, days date[], pipeline text, stage text) RETURNS SETOF bigint
    LANGUAGE plpgsql STABLE SET jit = off SET plan_cache_mode = force_custom_plan AS
$$
DECLARE
    zone text := crm._setting('core.time_zone') #>> '{}';
    wanted crm.pipeline_stage;
BEGIN
    SELECT s.* INTO wanted FROM crm.pipeline_stage s WHERE s.pipeline = _report_pipeline_rows.pipeline AND s.stage = _report_pipeline_rows.stage;
    RETURN QUERY
    SELECT d.customer_id FROM crm.deal d
    WHERE d.pipeline = wanted.pipeline AND d.opened_at >= days[1]::timestamp AT TIME ZONE zone
        AND d.opened_at < (days[2] + 1)::timestamp AT TIME ZONE zone AND (stores IS NULL OR d.store_id = ANY (stores))
      AND CASE WHEN figure = 'slow' THEN d.stage = wanted.stage AND d.outcome = 'open'
          AND d.stage_at + wanted.expected_days * interval '1 day' < crm.core_now()
               WHEN figure = 'here' OR wanted.outcome = 'lost' THEN d.stage = wanted.stage
               ELSE wanted.position <= (SELECT max(s.position) FROM crm.deal_event e
                                        JOIN crm.pipeline_stage s ON s.pipeline = d.pipeline AND s.stage = e.stage
                                        WHERE e.customer_id = d.customer_id AND e.deal_id = d.deal_id
                                                AND e.kind IN ('opened', 'moved') AND s.outcome <> 'lost') END;
END
$$;
COMMENT ON FUNCTION crm._report_pipeline_rows(int[], text, date[], text, text) IS
    'whose deals, opened in a span, a stage of a pipeline has now (here), has for longer than expected (slow), or '
    'saw (reached), as crm.sales_board() counts them';

CREATE FUNCTION crm._report_stuck_rows(stores int[], kind text) RETURNS SETOF bigint
    LANGUAGE sql STABLE AS
$$
    SELECT t.customer_id FROM crm.task t
    WHERE t.state = 'open' AND t.due_at < crm.core_now() AND (stores IS NULL OR t.store_id = ANY (stores))
      AND CASE t.kind WHEN 'stall' THEN 'stalled' WHEN 'follow_up' THEN 'overdue' ELSE 'late_task' END = _report_stuck_rows.kind
$$;
COMMENT ON FUNCTION crm._report_stuck_rows(int[], text) IS
    'whose tasks of some stores (null: the chain) crm.report_exceptions() counts as stalled, overdue or late_task';

CREATE FUNCTION crm._report_behind_live(stores int[], what text, key text, after_id bigint, row_limit int) RETURNS SETOF bigint
    LANGUAGE plpgsql STABLE AS
$$
DECLARE
    part text[] := string_to_array(key, '.');
BEGIN
    IF what = 'tagged' THEN
        RETURN QUERY SELECT * FROM crm._report_behind_tag(stores, key, after_id, row_limit);
    ELSIF what = 'overlap' THEN
        RETURN QUERY SELECT * FROM crm._report_behind_overlap(stores, key, after_id, row_limit);
    ELSIF what = 'stuck' THEN
        RETURN QUERY SELECT * FROM crm._report_page_of(ARRAY(SELECT * FROM crm._report_stuck_rows(stores, key)), NULL, after_id, row_limit);
    ELSIF what = 'pipeline' THEN
        RETURN QUERY SELECT * FROM crm._report_page_of(ARRAY(SELECT *
                    FROM crm._report_pipeline_rows(stores, part[1], crm._report_key_days(part[: 3]), part[4],
                        array_to_string(part[5 :], '.'))), NULL, after_id, row_limit);
    ELSE        -- what holders of an offer said
        RETURN QUERY SELECT * FROM crm._report_page_of(ARRAY(SELECT w.customer_id
                    FROM crm._report_offer_words(key, stores) w), NULL, after_id, row_limit);
    END IF;
END
$$;
COMMENT ON FUNCTION crm._report_behind_live(int[], text, text, bigint, int) IS
    'persons behind a figure of now that is no cell: tagged, overlap, stuck, pipeline, answered';
