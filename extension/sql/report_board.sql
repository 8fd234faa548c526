-- report: what a board shows beside the health figures, and who stands behind each number.  A number and its
-- persons ask the same question: crm._report_behind() lists those whom the figures count.

CREATE FUNCTION crm.report_value_map(store_code text DEFAULT NULL, region_code text DEFAULT NULL)
    RETURNS TABLE (r smallint, f smallint, persons bigint, net numeric)
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp SET jit = off AS
$$
DECLARE
    stores int[] := crm._report_scope(store_code, region_code);
BEGIN
    RETURN QUERY
    SELECT v.r, v.f, count(*), crm._report_money(sum(v.net_minor)::bigint)
    FROM crm.customer_value v JOIN crm.customer c ON c.customer_id = v.customer_id
    WHERE v.r IS NOT NULL AND c.status = 'active' AND (stores IS NULL OR c.scope_store_ids && stores)
    GROUP BY v.r, v.f ORDER BY v.r, v.f;
END
$$;
COMMENT ON FUNCTION crm.report_value_map(text, text) IS
    'persons of the caller''s scope by their recency and frequency scores (1 to 5, 5 is best, of the active RFM model) with what they bought in all; those without an order have no score; P0002';

CREATE FUNCTION crm._report_tier_moves(stores int[], since date) RETURNS TABLE (customer_id bigint, from_tier text, to_tier text)
    LANGUAGE sql STABLE SET jit = off AS
$$
    SELECT c.customer_id, coalesce(CASE WHEN c.registered_on > since THEN '-' END, t.from_tier, v.tier, 'P'), coalesce(v.tier, 'P')
    FROM crm.customer c
    LEFT JOIN crm.customer_value v ON v.customer_id = c.customer_id
    LEFT JOIN (SELECT DISTINCT ON (x.customer_id) x.customer_id, coalesce(x.from_tier, 'P') AS from_tier FROM crm.tier_change x
               WHERE x.changed_on > since ORDER BY x.customer_id, x.changed_on, x.change_id) t ON t.customer_id = c.customer_id
    WHERE c.status = 'active' AND (stores IS NULL OR c.scope_store_ids && stores)
$$;
COMMENT ON FUNCTION crm._report_tier_moves(int[], date) IS
    'each person''s tier at the end of a local day ("-": registered since) and now';

CREATE FUNCTION crm.report_transitions(days int DEFAULT 90, store_code text DEFAULT NULL, region_code text DEFAULT NULL)
    RETURNS TABLE (from_tier text, to_tier text, persons bigint)
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp SET jit = off AS
$$
DECLARE
    stores int[] := crm._report_scope(store_code, region_code);
BEGIN
    IF days IS NULL OR days NOT BETWEEN 1 AND 3650 THEN
        RAISE EXCEPTION 'a span has 1 to 3650 days' USING ERRCODE = 'invalid_parameter_value', COLUMN = 'days', HINT = 'Give 90.';
    END IF;
    RETURN QUERY
    SELECT m.from_tier, m.to_tier, count(*) FROM crm._report_tier_moves(stores, crm._report_today() - days) m GROUP BY 1, 2 ORDER BY 1, 2;
END
$$;
COMMENT ON FUNCTION crm.report_transitions(int, text, text) IS
    'persons of the caller''s scope by their tier so many local days ago ("-": registered since) and now; 1 to 3650 days; P0002, 22023';

-- Who stands behind a number, ascending by id: `what` names the figure, `key` its cell.
CREATE FUNCTION crm._report_behind(stores int[], what text, key text, after_id bigint, row_limit int) RETURNS SETOF bigint
    LANGUAGE plpgsql STABLE SET jit = off SET plan_cache_mode = force_custom_plan AS
$$
DECLARE
    today date := crm._report_today();
    part text[] := string_to_array(key, '.');
    step int;
    cohort date;
BEGIN
    IF what = 'active' THEN
        RETURN QUERY
        SELECT DISTINCT m.customer_id FROM crm.customer_order o JOIN crm.membership m ON m.source_record_id = o.source_record_id AND m.valid_to = 'infinity'
        WHERE o.is_current AND o.kind = 'sale' AND o.amount > 0 AND o.business_day BETWEEN today - 29 AND today
          AND (stores IS NULL OR o.store_id = ANY (stores)) AND m.customer_id > after_id ORDER BY 1 LIMIT row_limit;
    ELSIF what = 'tier' THEN
        RETURN QUERY
        SELECT c.customer_id FROM crm.customer c LEFT JOIN crm.customer_value v ON v.customer_id = c.customer_id
        WHERE c.status = 'active' AND coalesce(v.tier, 'P') = key AND (stores IS NULL OR c.scope_store_ids && stores) AND c.customer_id > after_id
        ORDER BY 1 LIMIT row_limit;
    ELSIF what = 'rfm' THEN
        RETURN QUERY
        SELECT c.customer_id FROM crm.customer_value v JOIN crm.customer c ON c.customer_id = v.customer_id
        WHERE c.status = 'active' AND v.r = part[1]::smallint AND v.f = part[2]::smallint AND (stores IS NULL OR c.scope_store_ids && stores) AND c.customer_id > after_id
        ORDER BY 1 LIMIT row_limit;
    ELSIF what = 'transition' THEN
        RETURN QUERY
        SELECT m.customer_id FROM crm._report_tier_moves(stores, today - coalesce(part[3]::int, 90)) m
        WHERE m.from_tier = part[1] AND m.to_tier = part[2] AND m.customer_id > after_id ORDER BY 1 LIMIT row_limit;
    ELSIF what = 'funnel' THEN
        step := array_position('{registered,first_order,second_order,third_order}'::text[], key) - 1;
        RETURN QUERY
        SELECT c.customer_id FROM crm.customer c
        WHERE c.status = 'active' AND c.registered_on BETWEEN today - 359 AND today - 180 AND (stores IS NULL OR c.scope_store_ids && stores) AND c.customer_id > after_id
          AND (step = 0 OR (SELECT b.day FROM (
                  SELECT DISTINCT o.business_day AS day FROM crm.membership m JOIN crm.customer_order o ON o.source_record_id = m.source_record_id
                  WHERE m.customer_id = c.customer_id AND m.valid_to = 'infinity' AND o.is_current AND o.kind = 'sale' AND o.amount > 0
                    AND o.business_day BETWEEN c.registered_on AND today) b ORDER BY b.day OFFSET greatest(step - 1, 0) LIMIT 1)
               <= c.registered_on + (ARRAY[0, 30, 90, 180])[step + 1])
        ORDER BY 1 LIMIT row_limit;
    ELSIF what = 'cohort' THEN
        cohort := to_date(part[1], 'YYYY-MM');
        RETURN QUERY
        SELECT DISTINCT f.customer_id FROM crm._report_orders(stores, cohort, crm._report_next(cohort, 'month') - 1) f
        WHERE f.customer_id > after_id
          AND NOT EXISTS (SELECT FROM crm._report_person_days(f.customer_id, stores) d(day) WHERE d.day < cohort)
          AND EXISTS (SELECT FROM crm._report_person_days(f.customer_id, stores) d(day)
                      WHERE date_trunc('month', d.day) = date_trunc('month', cohort + make_interval(months => part[2]::int)))
        ORDER BY 1 LIMIT row_limit;
    ELSIF what = 'flow' THEN
        RETURN QUERY
        SELECT DISTINCT crm._identity_current(q.customer_id) FROM crm.flow f JOIN crm.occurrence q ON q.flow_id = f.flow_id
        JOIN crm.customer c ON c.customer_id = q.customer_id
        WHERE f.code = part[1] AND q.customer_id > after_id AND (stores IS NULL OR c.scope_store_ids && stores)
          AND CASE part[2] WHEN 'treated' THEN q.arm = 'treatment' WHEN 'control' THEN q.arm = 'control' WHEN 'sent' THEN q.message_id IS NOT NULL
                           ELSE EXISTS (SELECT FROM crm.coupon k WHERE k.customer_id = q.customer_id AND k.flow_id = f.flow_id AND k.state = 'redeemed') END
        ORDER BY 1 LIMIT row_limit;
    END IF;
END
$$;
COMMENT ON FUNCTION crm._report_behind(int[], text, text, bigint, int) IS
    'ids of the persons whom a figure of a board counts, behind an id, ascending; nobody for a figure that is unknown';

CREATE FUNCTION crm._report_person_days(person bigint, stores int[]) RETURNS SETOF date
    LANGUAGE sql STABLE AS
$$
    SELECT e.day FROM (
        SELECT o.business_day AS day, o.amount FROM crm.membership m JOIN crm.customer_order o ON o.source_record_id = m.source_record_id
        WHERE m.customer_id = person AND m.valid_to = 'infinity' AND o.is_current AND o.business_day IS NOT NULL AND (stores IS NULL OR o.store_id = ANY (stores))
        UNION ALL
        SELECT r.purchase_day, -r.amount FROM crm.membership m JOIN crm.refund r ON r.source_record_id = m.source_record_id
        WHERE m.customer_id = person AND m.valid_to = 'infinity' AND r.is_current AND r.purchase_day IS NOT NULL
          AND (stores IS NULL OR coalesce((SELECT o.store_id FROM crm.customer_order o WHERE o.source_record_id = r.source_record_id AND o.order_id = r.order_id AND o.is_current), r.store_id) = ANY (stores))) e
    GROUP BY e.day HAVING sum(e.amount) > 0
$$;
COMMENT ON FUNCTION crm._report_person_days(bigint, int[]) IS 'the order days of one person in stores (null: all), as crm._report_orders() has them';

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

CREATE FUNCTION crm.report_paths(from_day date, to_day date) RETURNS TABLE (path text[], names text[], persons bigint, share numeric, median_days numeric)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp SET jit = off AS
$$
    SELECT p.path, ARRAY(SELECT coalesce(k.name, x.code) FROM unnest(p.path) WITH ORDINALITY x(code, step) LEFT JOIN crm.product_category k ON k.code = x.code ORDER BY x.step),
           p.persons, p.share, p.median_days
    FROM crm.value_paths(from_day, to_day, 3) p LIMIT 20
$$;
COMMENT ON FUNCTION crm.report_paths(date, date) IS 'the twenty commonest ways through categories of persons whose first order lies between two local days, as crm.value_paths(), with the categories'' names; the whole chain';

GRANT EXECUTE ON FUNCTION crm.report_value_map(text, text), crm.report_transitions(int, text, text), crm.report_persons(text, text, text, text, bigint, int)
    TO crm_store_manager, crm_manager, crm_marketer, crm_analyst, crm_headquarters;
GRANT EXECUTE ON FUNCTION crm.report_paths(date, date) TO crm_marketer, crm_analyst, crm_headquarters;
