-- report: what stores sold of which category. A night looks at every day there are orders of, and adds up those whose
-- number of orders is another than when they were added up last. An order may be told differently and be one order
-- still, mostly soon after it was made: the last seven days are added up every night, and each day once in thirty
-- besides. Days since the last night are counted from the orders themselves, by the same function.

CREATE FUNCTION crm._report_sale_facts(from_day date, to_day date) RETURNS TABLE (day date, store_id int, category_id int, amount numeric)
    LANGUAGE plpgsql STABLE SET jit = off SET plan_cache_mode = force_custom_plan AS
$$
#variable_conflict use_column
BEGIN
    IF from_day > to_day THEN
        RETURN;
    END IF;
    RETURN QUERY
    SELECT x.business_day, x.store_id, coalesce(p.category_id, 0), sum(x.amount)
    FROM (SELECT o.business_day, o.store_id, i.product_id, sum(i.amount) AS amount FROM crm.customer_order o
          JOIN crm.order_item i ON i.source_record_id = o.source_record_id AND i.order_id = o.order_id AND i.revision = o.revision
          WHERE o.is_current AND o.business_day BETWEEN from_day AND to_day AND o.store_id IS NOT NULL GROUP BY 1, 2, 3) x
    LEFT JOIN crm.product p ON p.product_id = x.product_id GROUP BY 1, 2, 3;
END
$$;
COMMENT ON FUNCTION crm._report_sale_facts(date, date) IS
    'sales between two local days by day, store and category (0: none), before refunds, whoever bought';

CREATE FUNCTION crm._report_sale_put(on_day date, orders bigint) RETURNS void
    LANGUAGE sql AS
$$
    INSERT INTO crm.report_sale (day, orders, store_ids, category_ids, amounts)
    SELECT on_day, orders, coalesce(array_agg(f.store_id), '{}'), coalesce(array_agg(f.category_id), '{}'),
        coalesce(array_agg(f.amount), '{}') FROM crm._report_sale_facts(on_day, on_day) f
    ON CONFLICT ON CONSTRAINT report_sale_pkey DO UPDATE
    SET orders = excluded.orders, store_ids = excluded.store_ids, category_ids = excluded.category_ids, amounts = excluded.amounts
$$;
COMMENT ON FUNCTION crm._report_sale_put(date, bigint) IS 'adds up the sales of a day that has so many orders';

CREATE FUNCTION crm._report_sales_job() RETURNS bigint
    LANGUAGE plpgsql SET enable_seqscan = off SET enable_bitmapscan = off SET jit = off AS
$$
DECLARE
    most_orders CONSTANT int := 5000;   -- added up in a call, by whole days
    most_days CONSTANT int := 30;       -- looked at in a call
    yesterday date := crm._report_today() - 1;
    progress crm.report_sale_progress;
    found record;
    looked int := 0;
    added bigint := 0;
BEGIN
    SELECT * INTO progress FROM crm.report_sale_progress FOR UPDATE;
    FOR found IN
        SELECT o.business_day AS day, count(*) AS orders,
            (SELECT s.orders FROM crm.report_sale s WHERE s.day = o.business_day) AS kept FROM crm.customer_order o
        WHERE o.is_current AND o.business_day > progress.done_to AND o.business_day <= yesterday
            GROUP BY o.business_day ORDER BY o.business_day LIMIT most_days
    LOOP
        DELETE FROM crm.report_sale s WHERE s.day > progress.done_to AND s.day < found.day;     -- days without orders by now
        IF found.kept IS DISTINCT FROM found.orders OR found.day > yesterday - 7
            OR (found.day - '2000-01-01'::date) % 30 = (yesterday - '2000-01-01'::date) % 30 THEN
            PERFORM crm._report_sale_put(found.day, found.orders);
            added := added + found.orders;
        END IF;
        progress.done_to := found.day;
        looked := looked + 1;
        IF looked = most_days OR added >= most_orders THEN
            UPDATE crm.report_sale_progress SET done_to = progress.done_to;
            RETURN 1;
        END IF;
    END LOOP;
    DELETE FROM crm.report_sale s WHERE s.day > progress.done_to;
    UPDATE crm.report_sale_progress SET kept_to = yesterday, done_to = '-infinity';
    RETURN 0;
END
$$;
COMMENT ON FUNCTION crm._report_sales_job() IS
    'job: adds up sales by day, store and category, of the seven days to yesterday, of those before whose number of '
    'orders changed and of every thirtieth, 5,000 orders or thirty days a call; returns > 0 until all were looked at';

CREATE FUNCTION crm.report_store_sales(from_day date, to_day date) RETURNS TABLE (store_code text, category_code text, amount numeric)
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp SET jit = off AS
$$
DECLARE
    stores int[] := crm._report_scope(NULL, NULL);
    kept_to date;
BEGIN
    PERFORM crm._require_span(from_day, to_day);
    SELECT p.kept_to INTO kept_to FROM crm.report_sale_progress p;
    RETURN QUERY
    SELECT s.code, coalesce(k.code, '-'), sum(x.amount)
    FROM (SELECT u.store_id, u.category_id, sum(u.amount) AS amount
          FROM (SELECT e.* FROM crm.report_sale r, unnest(r.store_ids, r.category_ids, r.amounts) e (store_id,
                category_id, amount) WHERE r.day BETWEEN from_day AND least(to_day, kept_to)
                UNION ALL SELECT f.store_id, f.category_id, f.amount FROM crm._report_sale_facts(greatest(from_day, kept_to + 1), to_day) f) u
          WHERE stores IS NULL OR u.store_id = ANY (stores) GROUP BY 1, 2) x
    JOIN crm.store s ON s.store_id = x.store_id LEFT JOIN crm.product_category k ON k.category_id = x.category_id
    GROUP BY 1, 2 ORDER BY 1, 2;
END
$$;
COMMENT ON FUNCTION crm.report_store_sales(date, date) IS
    'sales of each store of the caller''s scope by category (-: none), over two local days'' span, before refunds, '
    'whoever bought: of days before today as of the last night (an order of more than a week ago that is told '
    'differently: within thirty nights); P0002, 22023';
GRANT EXECUTE ON FUNCTION crm.report_store_sales(date, date) TO crm_store_manager, crm_manager, crm_marketer, crm_analyst, crm_headquarters;
