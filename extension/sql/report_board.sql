-- report: what a board shows beside the health figures, and who stands behind each number.  A number and its
-- persons ask the same question of the same blocks: crm._report_behind() lists who adds to its cell.

CREATE FUNCTION crm.report_value_map(store_code text DEFAULT NULL, region_code text DEFAULT NULL)
    RETURNS TABLE (r smallint, f smallint, persons bigint, net numeric)
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp SET jit = off AS
$$
DECLARE
    c bigint[] := crm._report_ask('map', crm._report_scope(store_code, region_code), '{}');    -- persons by r * 16 + f, their net
BEGIN
    RETURN QUERY
    SELECT x.r::smallint, y.f::smallint, c[x.r * 16 + y.f + 1], crm._report_money(c[256 + x.r * 16 + y.f + 1])
    FROM generate_series(1, 15) x (r), generate_series(0, 15) y (f) WHERE c[x.r * 16 + y.f + 1] > 0 ORDER BY 1, 2;
END
$$;
COMMENT ON FUNCTION crm.report_value_map(text, text) IS
    'persons of the caller''s scope by their recency and frequency scores (1 to 5, 5 is best, of the active RFM model) with what they bought in all; those without an order have no score; P0002';

CREATE FUNCTION crm.report_transitions(days int DEFAULT 90, store_code text DEFAULT NULL, region_code text DEFAULT NULL)
    RETURNS TABLE (from_tier text, to_tier text, persons bigint)
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp SET jit = off AS
$$
DECLARE
    stores int[] := crm._report_scope(store_code, region_code);
    tier_names text[] := crm._report_tiers() || '-'::text;
    c bigint[];     -- a row a tier before, the last for those who were not there
BEGIN
    IF days IS NULL OR days NOT BETWEEN 1 AND 3650 THEN
        RAISE EXCEPTION 'a span has 1 to 3650 days' USING ERRCODE = 'invalid_parameter_value', COLUMN = 'days', HINT = 'Give 90.';
    END IF;
    c := crm._report_ask('moves', stores, ARRAY[crm._report_today() - days]);
    RETURN QUERY
    SELECT x.tier, y.tier, c[(x.no - 1) * cardinality(tier_names) + y.no]
    FROM unnest(tier_names) WITH ORDINALITY x (tier, no), unnest(tier_names) WITH ORDINALITY y (tier, no)
    WHERE c[(x.no - 1) * cardinality(tier_names) + y.no] > 0 ORDER BY 1, 2;
END
$$;
COMMENT ON FUNCTION crm.report_transitions(int, text, text) IS
    'persons of the caller''s scope by their tier so many local days ago ("-": registered since) and now; 1 to 3650 days; P0002, 22023';

-- Who stands behind a number, ascending by id: `what` names the figure, `key` its cell.
-- Who was reached under the id of today: by occurrences or redeemed coupons along indexes that begin with the flow, no further than a page;
-- of stores whom the flow reaches seldom, by the persons of the stores. And within the ids of that page, those into whom somebody was
-- merged with either.
CREATE FUNCTION crm._report_is_figure(arm text, message_id text, figure text) RETURNS boolean
    LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
$$ SELECT CASE figure WHEN 'treated' THEN arm = 'treatment' WHEN 'control' THEN arm = 'control' ELSE message_id IS NOT NULL END $$;
COMMENT ON FUNCTION crm._report_is_figure(text, text, text) IS 'whether an occurrence of such an arm and message adds to a figure of its flow: treated, control, sent';

CREATE FUNCTION crm._report_is_seldom(in_stores int[], flow int, figure text, row_limit int) RETURNS boolean
    LANGUAGE plpgsql STABLE AS
$$
DECLARE
    longest CONSTANT int := 10000;      -- walk over occurrences: about what looking at the persons of a store costs
BEGIN
    RETURN (SELECT coalesce(sum(k.n) * least(row_limit / greatest(sum(k.n) FILTER (WHERE k.stores && in_stores), 1), 1) > longest, false)
            FROM (SELECT f.stores, CASE figure WHEN 'treated' THEN f.treated WHEN 'control' THEN f.control WHEN 'sent' THEN f.sent ELSE f.redeemed END AS n
                  FROM crm.report_flow f JOIN crm.report_flow_progress p ON p.generation = f.generation WHERE f.piece = 0 AND f.flow_id = flow AND in_stores IS NOT NULL) k);
END
$$;
COMMENT ON FUNCTION crm._report_is_seldom(int[], int, text, int) IS
    'whether a page of persons of some stores would be a long walk over what a flow did, by what was added up of it; null stores: never';

CREATE FUNCTION crm._report_reached_there(stores int[], flow int, figure text, after_id bigint, row_limit int) RETURNS bigint[]
    LANGUAGE plpgsql STABLE SET jit = off SET plan_cache_mode = force_custom_plan SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off SET enable_bitmapscan = on AS
$$
BEGIN
    RETURN ARRAY(
        SELECT p.customer_id FROM (SELECT c.customer_id FROM crm.customer c WHERE c.scope_store_ids && stores AND c.merged_into IS NULL AND c.customer_id > after_id ORDER BY 1 OFFSET 0) p
        WHERE CASE WHEN figure = 'redeemed' THEN EXISTS (SELECT FROM crm.coupon k WHERE k.customer_id = p.customer_id AND k.flow_id = flow AND k.state = 'redeemed' OFFSET 0)
                   ELSE EXISTS (SELECT FROM crm.occurrence q WHERE q.customer_id = p.customer_id AND q.flow_id = flow AND q.epoch >= 0 AND crm._report_is_figure(q.arm, q.message_id, figure) OFFSET 0) END
        ORDER BY 1 LIMIT row_limit);
END
$$;
COMMENT ON FUNCTION crm._report_reached_there(int[], int, text, bigint, int) IS 'as crm._report_reached(), by the persons of the stores';

CREATE FUNCTION crm._report_reached(stores int[], flow int, figure text, after_id bigint, row_limit int) RETURNS bigint[]
    LANGUAGE plpgsql STABLE SET jit = off SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off SET enable_bitmapscan = off SET enable_hashagg = off AS
$$
BEGIN
    RETURN CASE WHEN figure = 'redeemed' THEN ARRAY(
        SELECT DISTINCT k.customer_id FROM crm.coupon k
        CROSS JOIN LATERAL (SELECT FROM crm.customer c WHERE c.customer_id = k.customer_id AND c.merged_into IS NULL AND (stores IS NULL OR c.scope_store_ids && stores) OFFSET 0) c
        WHERE k.flow_id = flow AND k.state = 'redeemed' AND k.customer_id > after_id ORDER BY 1 LIMIT row_limit)
    ELSE ARRAY(
        SELECT DISTINCT q.customer_id FROM crm.occurrence q
        CROSS JOIN LATERAL (SELECT FROM crm.customer c WHERE c.customer_id = q.customer_id AND c.merged_into IS NULL AND (stores IS NULL OR c.scope_store_ids && stores) OFFSET 0) c
        WHERE q.flow_id = flow AND q.customer_id > after_id AND q.epoch >= 0 AND crm._report_is_figure(q.arm, q.message_id, figure) ORDER BY 1 LIMIT row_limit) END;
END
$$;
COMMENT ON FUNCTION crm._report_reached(int[], int, text, bigint, int) IS 'as crm._report_behind_flow(), of those whom it reached under the id that they have today, by what the flow did';

CREATE FUNCTION crm._report_behind_flow(stores int[], flow_code text, figure text, after_id bigint, row_limit int) RETURNS SETOF bigint
    LANGUAGE plpgsql STABLE SET jit = off SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off SET enable_bitmapscan = off SET enable_hashagg = off AS
$$
DECLARE
    flow int := (SELECT f.flow_id FROM crm.flow f WHERE f.code = flow_code);
    is_coupon boolean := figure = 'redeemed';
    reached bigint[] := CASE WHEN crm._report_is_seldom(stores, flow, figure, row_limit) THEN crm._report_reached_there(stores, flow, figure, after_id, row_limit)
                             ELSE crm._report_reached(stores, flow, figure, after_id, row_limit) END;
    last_id bigint := CASE WHEN cardinality(reached) = row_limit THEN reached[row_limit] ELSE 9223372036854775807 END;
BEGIN
    RETURN QUERY
    SELECT u.id FROM (
        SELECT r.id FROM unnest(reached) r (id)
        UNION ALL
        (SELECT DISTINCT m.merged_into FROM crm.customer m
         CROSS JOIN LATERAL (SELECT FROM crm.customer c WHERE c.customer_id = m.merged_into AND (stores IS NULL OR c.scope_store_ids && stores) OFFSET 0) c
         WHERE m.merged_into > after_id AND m.merged_into <= last_id
           AND CASE WHEN is_coupon THEN EXISTS (SELECT FROM crm.coupon k WHERE k.customer_id = m.customer_id AND k.flow_id = flow AND k.state = 'redeemed')
                    ELSE EXISTS (SELECT FROM crm.occurrence q WHERE q.customer_id = m.customer_id AND q.flow_id = flow AND q.epoch >= 0 AND crm._report_is_figure(q.arm, q.message_id, figure)) END
         ORDER BY 1 LIMIT row_limit)) u
    GROUP BY u.id ORDER BY u.id LIMIT row_limit;
END
$$;
COMMENT ON FUNCTION crm._report_behind_flow(int[], text, text, bigint, int) IS 'persons whom a flow treated, held out, sent to, or who redeemed its coupon, behind an id, ascending';

CREATE FUNCTION crm._report_behind(stores int[], what text, key text, after_id bigint, row_limit int) RETURNS SETOF bigint
    LANGUAGE plpgsql STABLE AS
$$
DECLARE
    today date := crm._report_today();
    part text[] := string_to_array(key, '.');
    tiers text[] := crm._report_tiers() || '-'::text;
    tier_no int := array_position(tiers, part[1]) - 1;
    next_no int := array_position(tiers, part[2]) - 1;
    starts date[];
BEGIN
    IF what = 'active' THEN
        RETURN QUERY SELECT * FROM crm._report_page('health', stores, ARRAY[today], 0, after_id, row_limit);
    ELSIF what = 'funnel' THEN
        RETURN QUERY SELECT * FROM crm._report_page('health', stores, ARRAY[today], array_position('{registered,first_order,second_order,third_order}'::text[], key), after_id, row_limit);
    ELSIF what = 'tier' AND tier_no IS NOT NULL THEN
        RETURN QUERY SELECT * FROM crm._report_page('health', stores, ARRAY[today], 5 + tier_no, after_id, row_limit);
    ELSIF what = 'rfm' AND part[1]::int < 16 AND part[2]::int < 16 THEN
        RETURN QUERY SELECT * FROM crm._report_page('map', stores, '{}', part[1]::int * 16 + part[2]::int, after_id, row_limit);
    ELSIF what = 'transition' AND tier_no IS NOT NULL AND next_no IS NOT NULL THEN
        RETURN QUERY SELECT * FROM crm._report_page('moves', stores, ARRAY[today - coalesce(part[3]::int, 90)], tier_no * cardinality(tiers) + next_no, after_id, row_limit);
    ELSIF what = 'cohort' THEN
        starts := crm._report_starts(to_date(part[1], 'YYYY-MM'), (to_date(part[1], 'YYYY-MM') + make_interval(months => part[2]::int))::date, 'month');
        RETURN QUERY SELECT * FROM crm._report_page('cohorts', stores, starts || crm._report_next(starts[cardinality(starts)], 'month'), part[2]::int, after_id, row_limit);
    ELSIF what = 'flow' THEN
        RETURN QUERY SELECT * FROM crm._report_behind_flow(stores, part[1], part[2], after_id, row_limit);
    END IF;
END
$$;
COMMENT ON FUNCTION crm._report_behind(int[], text, text, bigint, int) IS
    'ids of the persons whom a figure of a board counts, behind an id, ascending; nobody for a figure that is unknown';

CREATE FUNCTION crm.report_persons(what text, key text DEFAULT '', store_code text DEFAULT NULL, region_code text DEFAULT NULL, after_id bigint DEFAULT 0, row_limit int DEFAULT 50)
    RETURNS SETOF jsonb
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp SET jit = off AS
$$
DECLARE
    stores int[] := crm._report_scope(store_code, region_code);
    form text := CASE what WHEN 'active' THEN '^$' WHEN 'tier' THEN '^.{1,40}$' WHEN 'rfm' THEN '^[0-9]{1,2}\.[0-9]{1,2}$' WHEN 'transition' THEN '^[^.]{1,40}\.[^.]{1,40}(\.[0-9]{1,4})?$'
                           WHEN 'funnel' THEN '^(registered|first_order|second_order|third_order)$' WHEN 'cohort' THEN '^(19|20)[0-9]{2}-(0[1-9]|1[0-2])\.[0-9]{1,3}$'
                           WHEN 'flow' THEN '^[^.]{1,60}\.(treated|control|sent|redeemed)$' END;
BEGIN
    IF form IS NULL OR coalesce(key, '') !~ form THEN
        RAISE EXCEPTION 'there is no such figure' USING ERRCODE = 'invalid_parameter_value', COLUMN = CASE WHEN form IS NULL THEN 'what' ELSE 'key' END,
            HINT = 'Figures are active, tier (S), rfm (5.4), transition (A.C.90), funnel (first_order), cohort (2026-01.3) and flow (welcome.sent).';
    END IF;
    RETURN QUERY
    SELECT jsonb_build_object('customer_id', c.customer_id, 'name', c.name_masked, 'city', c.city, 'store', s.name, 'tier', coalesce(v.tier, 'P'),
               'last_day', v.last_day, 'order_days', coalesce(v.order_days, 0), 'net', crm._report_money(v.net_minor), 'registered_on', c.registered_on)
    FROM crm._report_behind(stores, what, coalesce(key, ''), coalesce(after_id, 0), least(greatest(coalesce(row_limit, 50), 1), 500)) b(customer_id)
    JOIN crm.customer c ON c.customer_id = b.customer_id LEFT JOIN crm.customer_value v ON v.customer_id = c.customer_id LEFT JOIN crm.store s ON s.store_id = c.home_store_id
    WHERE crm._report_sees(c.customer_id) ORDER BY c.customer_id;
END
$$;
COMMENT ON FUNCTION crm.report_persons(text, text, text, text, bigint, int) IS
    'the persons behind a number of the board, masked, in pages by id, 1 to 500: active; tier (key S); rfm (key r.f: 5.4); transition (key from.to.days: A.C.90); funnel (key first_order); cohort (key month.period: 2026-01.3); flow (key code.figure: welcome.sent, treated, control, redeemed); P0002, 22023 names the field';

GRANT EXECUTE ON FUNCTION crm.report_value_map(text, text), crm.report_transitions(int, text, text), crm.report_persons(text, text, text, text, bigint, int)
    TO crm_store_manager, crm_manager, crm_marketer, crm_analyst, crm_headquarters;
