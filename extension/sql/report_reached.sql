-- report: persons of today behind ids of any time; who stands behind the numbers of a flow.

-- Ids are looked up in their order until a page is full; those that were merged since are few and looked for apart.
CREATE FUNCTION crm._report_page_of(ids bigint[], stores int[], after_id bigint, row_limit int) RETURNS SETOF bigint
    LANGUAGE plpgsql STABLE SET jit = off SET plan_cache_mode = force_custom_plan AS
$$
BEGIN
    RETURN QUERY
    SELECT u.id FROM (
        (SELECT p.id FROM (SELECT DISTINCT i.id FROM unnest(ids) i (id) WHERE i.id > after_id ORDER BY 1 OFFSET 0) p
         CROSS JOIN LATERAL (SELECT FROM crm.customer c WHERE c.customer_id = p.id AND c.status = 'active'
                 AND (stores IS NULL OR c.scope_store_ids && stores) OFFSET 0) c LIMIT row_limit)
        UNION
        SELECT c.customer_id FROM unnest(ids) i (id) JOIN crm.customer m ON m.customer_id = i.id AND m.merged_into IS NOT NULL
        JOIN crm.customer c ON c.customer_id = m.merged_into AND c.status = 'active'
            AND (stores IS NULL OR c.scope_store_ids && stores) WHERE m.merged_into > after_id) u
    ORDER BY u.id LIMIT row_limit;
END
$$;
COMMENT ON FUNCTION crm._report_page_of(bigint[], int[], bigint, int) IS
    'who ids of any time are now, each once, of some stores (null: the chain), behind an id, ascending';

-- Who was reached under the id of today: by occurrences or redeemed coupons along indexes that begin with the flow,
-- no further than a page; of stores whom the flow reaches seldom, by the persons of the stores. And within the ids of
-- that page, those into whom somebody was merged with either.
CREATE FUNCTION crm._report_is_figure(arm text, message_id text, figure text) RETURNS boolean
    LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
$$ SELECT CASE figure WHEN 'treated' THEN arm = 'treatment' WHEN 'control' THEN arm = 'control' ELSE message_id IS NOT NULL END $$;
COMMENT ON FUNCTION crm._report_is_figure(text, text, text) IS
    'whether an occurrence of such an arm and message adds to a figure of its flow: treated, control, sent';

CREATE FUNCTION crm._report_is_seldom(in_stores int[], flow int, figure text, row_limit int) RETURNS boolean
    LANGUAGE plpgsql STABLE AS
$$
DECLARE
    longest CONSTANT int := 10000;      -- walk over occurrences: about what looking at the persons of a store costs
BEGIN
    RETURN (SELECT coalesce(sum(k.n) * least(row_limit / greatest(sum(k.n) FILTER (WHERE k.stores && in_stores), 1), 1) > longest, false)
            FROM (SELECT f.stores, CASE figure WHEN 'treated' THEN f.treated WHEN 'control' THEN f.control
                  WHEN 'sent' THEN f.sent ELSE f.redeemed END AS n
                  FROM crm.report_flow f JOIN crm.report_flow_progress p ON p.generation = f.generation
                      WHERE f.piece = 0 AND f.flow_id = flow AND in_stores IS NOT NULL) k);
END
$$;
COMMENT ON FUNCTION crm._report_is_seldom(int[], int, text, int) IS
    'whether a page of persons of some stores would be a long walk over what a flow did, by what was added up of '
    'it; null stores: never';

CREATE FUNCTION crm._report_reached_there(stores int[], flow int, figure text, after_id bigint, row_limit int) RETURNS bigint[]
    LANGUAGE plpgsql STABLE SET jit = off SET plan_cache_mode = force_custom_plan SET enable_seqscan = off
        SET enable_hashjoin = off SET enable_mergejoin = off SET enable_bitmapscan = on AS
$$
BEGIN
    RETURN ARRAY(
        SELECT p.customer_id FROM (SELECT c.customer_id FROM crm.customer c WHERE c.scope_store_ids && stores
                AND c.merged_into IS NULL AND c.customer_id > after_id ORDER BY 1 OFFSET 0) p
        WHERE CASE WHEN figure = 'redeemed' THEN EXISTS (SELECT FROM crm.coupon k WHERE k.customer_id = p.customer_id
                AND k.flow_id = flow AND k.state = 'redeemed' OFFSET 0)
                   ELSE EXISTS (SELECT FROM crm.occurrence q WHERE q.customer_id = p.customer_id AND q.flow_id = flow
                           AND q.epoch >= 0 AND crm._report_is_figure(q.arm, q.message_id, figure) OFFSET 0) END
        ORDER BY 1 LIMIT row_limit);
END
$$;
COMMENT ON FUNCTION crm._report_reached_there(int[], int, text, bigint, int) IS
    'as crm._report_reached(), by the persons of the stores';

CREATE FUNCTION crm._report_reached(stores int[], flow int, figure text, after_id bigint, row_limit int) RETURNS bigint[]
    LANGUAGE plpgsql STABLE SET jit = off SET enable_seqscan = off SET enable_hashjoin = off
        SET enable_mergejoin = off SET enable_bitmapscan = off SET enable_hashagg = off AS
$$
BEGIN
    RETURN CASE WHEN figure = 'redeemed' THEN ARRAY(
        SELECT DISTINCT k.customer_id FROM crm.coupon k
        CROSS JOIN LATERAL (SELECT FROM crm.customer c WHERE c.customer_id = k.customer_id AND c.merged_into IS NULL
                AND (stores IS NULL OR c.scope_store_ids && stores) OFFSET 0) c
        WHERE k.flow_id = flow AND k.state = 'redeemed' AND k.customer_id > after_id ORDER BY 1 LIMIT row_limit)
    ELSE ARRAY(
        SELECT DISTINCT q.customer_id FROM crm.occurrence q
        CROSS JOIN LATERAL (SELECT FROM crm.customer c WHERE c.customer_id = q.customer_id AND c.merged_into IS NULL
                AND (stores IS NULL OR c.scope_store_ids && stores) OFFSET 0) c
        WHERE q.flow_id = flow AND q.customer_id > after_id AND q.epoch >= 0
                AND crm._report_is_figure(q.arm, q.message_id, figure) ORDER BY 1 LIMIT row_limit) END;
END
$$;
COMMENT ON FUNCTION crm._report_reached(int[], int, text, bigint, int) IS
    'as crm._report_behind_flow(), of those whom it reached under the id that they have today, by what the flow did';

CREATE FUNCTION crm._report_behind_flow(stores int[], flow_code text, figure text, after_id bigint, row_limit int) RETURNS SETOF bigint
    LANGUAGE plpgsql STABLE SET jit = off SET enable_seqscan = off SET enable_hashjoin = off
        SET enable_mergejoin = off SET enable_bitmapscan = off SET enable_hashagg = off AS
$$
DECLARE
    flow int := (SELECT f.flow_id FROM crm.flow f WHERE f.code = flow_code);
    is_coupon boolean := figure = 'redeemed';
    reached bigint[] := CASE WHEN crm._report_is_seldom(stores, flow, figure, row_limit)
        THEN crm._report_reached_there(stores, flow, figure, after_id, row_limit)
                             ELSE crm._report_reached(stores, flow, figure, after_id, row_limit) END;
    last_id bigint := CASE WHEN cardinality(reached) = row_limit THEN reached[row_limit] ELSE 9223372036854775807 END;
BEGIN
    RETURN QUERY
    SELECT u.id FROM (
        SELECT r.id FROM unnest(reached) r (id)
        UNION ALL
        (SELECT DISTINCT m.merged_into FROM crm.customer m
         CROSS JOIN LATERAL (SELECT FROM crm.customer c WHERE c.customer_id = m.merged_into
                 AND (stores IS NULL OR c.scope_store_ids && stores) OFFSET 0) c
         WHERE m.merged_into > after_id AND m.merged_into <= last_id
           AND CASE WHEN is_coupon THEN EXISTS (SELECT FROM crm.coupon k WHERE k.customer_id = m.customer_id
                   AND k.flow_id = flow AND k.state = 'redeemed')
                    ELSE EXISTS (SELECT FROM crm.occurrence q WHERE q.customer_id = m.customer_id AND q.flow_id = flow
                            AND q.epoch >= 0 AND crm._report_is_figure(q.arm, q.message_id, figure)) END
         ORDER BY 1 LIMIT row_limit)) u
    GROUP BY u.id ORDER BY u.id LIMIT row_limit;
END
$$;
COMMENT ON FUNCTION crm._report_behind_flow(int[], text, text, bigint, int) IS
    'persons whom a flow treated, held out, sent to, or who redeemed its coupon, behind an id, ascending';

CREATE FUNCTION crm._report_funnel_there(stores int[], flow int, kinds text[], forgotten crm.bitmap, after_id bigint,
                                         row_limit int) RETURNS SETOF bigint
    LANGUAGE plpgsql STABLE SET jit = off SET plan_cache_mode = force_custom_plan SET enable_seqscan = off
        SET enable_hashjoin = off SET enable_mergejoin = off SET enable_bitmapscan = on AS
$$
BEGIN
    RETURN QUERY
    SELECT p.customer_id FROM (SELECT c.customer_id FROM crm.customer c WHERE c.scope_store_ids && stores
            AND c.status = 'active' AND c.customer_id > after_id ORDER BY 1 OFFSET 0) p
    WHERE EXISTS (SELECT FROM crm.occurrence o WHERE o.customer_id = p.customer_id AND o.flow_id = flow AND o.arm = 'treatment' AND o.epoch >= 0
                  AND (crm.bitmap_has(forgotten, o.customer_id)
                      OR EXISTS (SELECT FROM crm.outbox_event x WHERE x.customer_id = o.customer_id
                          AND x.message_id = o.message_id AND x.kind = ANY (kinds))) OFFSET 0)
    ORDER BY 1 LIMIT row_limit;
END
$$;
COMMENT ON FUNCTION crm._report_funnel_there(int[], int, text[], crm.bitmap, bigint, int) IS
    'as crm._report_behind_funnel(), by the persons of the stores';

-- What became of the messages of a flow, as crm._campaign_funnel() counts persons: of messages that are forgotten it
-- is known whose they were.
CREATE FUNCTION crm._report_behind_funnel(stores int[], flow_code text, figure text, after_id bigint, row_limit int) RETURNS SETOF bigint
    LANGUAGE plpgsql STABLE SET jit = off SET plan_cache_mode = force_custom_plan SET enable_seqscan = off
        SET enable_hashjoin = off SET enable_mergejoin = off SET enable_bitmapscan = off SET enable_hashagg = off AS
$$
DECLARE
    flow int := (SELECT f.flow_id FROM crm.flow f WHERE f.code = flow_code);
    kinds text[] := CASE figure WHEN 'delivered' THEN '{delivered,opened,clicked}' WHEN 'opened' THEN '{opened,clicked}' ELSE '{clicked}' END;
    forgotten crm.bitmap := crm._outbox_forgotten(flow, kinds);
BEGIN
    IF stores IS NOT NULL AND crm._report_scope_size(stores) < 20000 THEN
        RETURN QUERY SELECT * FROM crm._report_funnel_there(stores, flow, kinds, forgotten, after_id, row_limit);
        RETURN;
    END IF;
    RETURN QUERY
    SELECT p.customer_id FROM (SELECT DISTINCT o.customer_id FROM crm.occurrence o
                               WHERE o.flow_id = flow AND o.customer_id > after_id AND o.arm = 'treatment' AND o.epoch >= 0
                                 AND (crm.bitmap_has(forgotten, o.customer_id)
                                     OR EXISTS (SELECT FROM crm.outbox_event x WHERE x.customer_id = o.customer_id
                                         AND x.message_id = o.message_id AND x.kind = ANY (kinds)))
                               ORDER BY 1 OFFSET 0) p
    CROSS JOIN LATERAL (SELECT FROM crm.customer c WHERE c.customer_id = p.customer_id AND c.status = 'active'
            AND (stores IS NULL OR c.scope_store_ids && stores) OFFSET 0) c LIMIT row_limit;
END
$$;
COMMENT ON FUNCTION crm._report_behind_funnel(int[], text, text, bigint, int) IS
    'persons of the treatment of a flow whom a message of it was delivered to, who opened or clicked one, of some '
    'stores (null: the chain), behind an id, ascending; who was merged since is left out';
