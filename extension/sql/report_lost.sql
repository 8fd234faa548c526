-- report: customers who were lost, by why, by the store where they last bought, and by what they bought first.

CREATE FUNCTION crm._report_group_lost(ready int, from_id bigint, to_id bigint, today date)
    RETURNS TABLE (what text, a text, b text, stores int[], persons bigint, amount numeric)
    LANGUAGE plpgsql SET jit = off SET plan_cache_mode = force_custom_plan SET enable_seqscan = off
        SET enable_hashjoin = off SET enable_mergejoin = off AS
$$
DECLARE
    gone_by date := today - (crm._setting('report.lost_days') #>> '{}')::int - 1;
    reasons text[] := ARRAY(SELECT jsonb_array_elements_text(crm._setting('report.lost_reasons')));
    segments int[] := ARRAY(SELECT coalesce((SELECT t.segment_id FROM crm.tag t WHERE t.tag = r.tag), 0)
            FROM unnest(reasons) WITH ORDINALITY r (tag, no) ORDER BY r.no);
BEGIN
    RETURN QUERY
    WITH gone AS MATERIALIZED (
        SELECT v.customer_id, v.net_minor,
               (SELECT min(array_position(segments, s.segment_id)) FROM crm.segment_member s
                       WHERE s.customer_id = v.customer_id AND s.segment_id = ANY (segments)
                       AND s.left_at = 'infinity') AS reason
        FROM crm.customer_value v JOIN crm.customer c ON c.customer_id = v.customer_id AND c.status = 'active'
        WHERE v.customer_id > from_id AND v.customer_id <= to_id AND v.last_day <= gone_by),
    lost AS MATERIALIZED (
    SELECT g.customer_id, coalesce(reasons[g.reason], '-') AS reason, coalesce(f.product, '-') AS product, l.store_id, g.net_minor
    FROM gone g
    LEFT JOIN LATERAL (SELECT o.store_id FROM crm.membership m JOIN crm.customer_order o ON o.source_record_id = m.source_record_id
                       WHERE m.customer_id = g.customer_id AND m.valid_to = 'infinity' AND o.is_current
                           AND o.business_day IS NOT NULL AND o.amount > 0
                       ORDER BY o.business_day DESC, o.ordered_at DESC, o.order_id LIMIT 1) l ON true
    LEFT JOIN LATERAL (SELECT p.code AS product
                       FROM (SELECT o.source_record_id, o.order_id, o.revision FROM crm.membership m
                             JOIN crm.customer_order o ON o.source_record_id = m.source_record_id
                             WHERE m.customer_id = g.customer_id AND m.valid_to = 'infinity' AND o.is_current
                                 AND o.business_day IS NOT NULL AND o.amount > 0
                             ORDER BY o.business_day, o.ordered_at, o.order_id LIMIT 1) o
                       JOIN crm.order_item i ON i.source_record_id = o.source_record_id AND i.order_id = o.order_id AND i.revision = o.revision
                       JOIN crm.product p ON p.product_id = i.product_id ORDER BY i.amount DESC, i.line_no LIMIT 1) f ON true),
    kept AS (INSERT INTO crm.report_group_set (generation, what, key, from_id, ids)
             SELECT ready, 'lost', x.key, _report_group_lost.from_id, crm.bitmap_agg(l.customer_id)
             FROM lost l CROSS JOIN LATERAL (VALUES ('reason.' || l.reason), ('product.' || l.product),
                     ('store.' || coalesce(l.store_id, 0))) x (key) GROUP BY x.key)
    SELECT 'lost', l.reason, l.product, CASE WHEN l.store_id IS NULL THEN '{}' ELSE ARRAY[l.store_id] END, count(*),
        sum(l.net_minor)::numeric FROM lost l GROUP BY 2, 3, 4;
END
$$;
COMMENT ON FUNCTION crm._report_group_lost(int, bigint, bigint, date) IS
    'persons between two ids whose last order day is more than report.lost_days days ago: by the first of the tags '
    'report.lost_reasons that they have (- none), the dearest product of their first order (- none) and the store '
    'of their last one; with what they ever spent, in minor units; keeps who was lost by each';

CREATE FUNCTION crm._report_lost_products(ready int) RETURNS void
    LANGUAGE plpgsql AS
$$
BEGIN
    WITH common AS (
        SELECT g.b FROM crm.report_group g WHERE g.generation = ready AND g.what = 'lost' GROUP BY g.b
            ORDER BY sum(g.persons) DESC, g.b LIMIT (crm._setting('report.lost_products') #>> '{}')::int),
    others AS (
        DELETE FROM crm.report_group g WHERE g.generation = ready AND g.what = 'lost'
            AND g.b NOT IN (SELECT c.b FROM common c) RETURNING g.a, g.stores, g.persons, g.amount)
    INSERT INTO crm.report_group (generation, what, a, b, stores, persons, amount)
    SELECT ready, 'lost', o.a, '*', o.stores, sum(o.persons), sum(o.amount) FROM others o GROUP BY o.a, o.stores;
    WITH others AS (
        DELETE FROM crm.report_group_set k WHERE k.generation = ready AND k.what = 'lost' AND k.key LIKE 'product.%'
            AND substr(k.key, 9) NOT IN (SELECT g.b FROM crm.report_group g WHERE g.generation = ready
                    AND g.what = 'lost') RETURNING k.from_id, k.ids)
    INSERT INTO crm.report_group_set (generation, what, key, from_id, ids)
    SELECT ready, 'lost', 'product.*', o.from_id, crm.bitmap_union(o.ids) FROM others o GROUP BY o.from_id;
END
$$;
COMMENT ON FUNCTION crm._report_lost_products(int) IS
    'puts the first products of lost customers of a generation together (*), but for the report.lost_products '
    'commonest of the chain';

CREATE FUNCTION crm.report_lost(by text DEFAULT 'reason', store_code text DEFAULT NULL, region_code text DEFAULT NULL, max_rows int DEFAULT 30)
    RETURNS TABLE (key text, name_zh text, name_en text, persons bigint, share numeric, spent numeric, reasons jsonb, lost_days int)
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp SET jit = off AS
$$
DECLARE
    in_stores int[] := crm._report_scope(store_code, region_code);
    days int := (crm._setting('report.lost_days') #>> '{}')::int;
BEGIN
    IF by IS NULL OR by NOT IN ('reason', 'store', 'product') THEN
        RAISE EXCEPTION 'there is no such way to group lost customers' USING ERRCODE = 'invalid_parameter_value',
            COLUMN = 'by', HINT = 'Give reason, store or product.';
    END IF;
    RETURN QUERY
    WITH lost AS MATERIALIZED (
        SELECT CASE by WHEN 'reason' THEN g.a WHEN 'product' THEN g.b
            ELSE coalesce((SELECT s.code FROM crm.store s WHERE s.store_id = g.stores[1]), '-') END AS key,
            g.a AS reason, g.persons, g.amount
        FROM crm.report_group g JOIN crm.report_group_progress p ON p.generation = g.generation WHERE g.what = 'lost'
            AND (in_stores IS NULL OR g.stores && in_stores)),
    of_reason AS (SELECT l.key, l.reason, sum(l.persons) AS persons, sum(l.amount) AS amount FROM lost l GROUP BY l.key, l.reason),
    of_key AS (
        SELECT r.key, sum(r.persons)::bigint AS persons, sum(r.amount) AS amount,
            jsonb_object_agg(r.reason, r.persons) AS reasons FROM of_reason r GROUP BY r.key)
    SELECT k.key, n.name_zh, n.name_en, k.persons, crm._report_ratio(k.persons, sum(k.persons) OVER ()),
        crm._report_money(k.amount::bigint), CASE WHEN by <> 'reason' THEN k.reasons END, days
    FROM of_key k LEFT JOIN LATERAL (
        SELECT t.name_zh, t.name_en FROM crm.tag t WHERE by = 'reason' AND t.tag = k.key
        UNION ALL SELECT s.name, s.name FROM crm.store s WHERE by = 'store' AND s.code = k.key
        UNION ALL SELECT p.name, p.name FROM crm.product p WHERE by = 'product' AND p.code = k.key) n ON true
    ORDER BY k.persons DESC, k.key LIMIT least(greatest(coalesce(max_rows, 30), 1), 500);
END
$$;
COMMENT ON FUNCTION crm.report_lost(text, text, text, int) IS
    'customers whose last order day is more than report.lost_days days ago, as of the last night, of the stores of '
    'the caller''s scope where they last bought: by reason (the first of the tags report.lost_reasons), that store, '
    'or the dearest product of their first order (-: not known; *: those beyond the report.lost_products '
    'commonest); each with its share, what they ever spent, and how many of each reason; lost_days: that setting; '
    'the most first, at most 500; P0002, 22023';
GRANT EXECUTE ON FUNCTION crm.report_lost(text, text, text, int) TO crm_store_manager, crm_manager, crm_marketer, crm_analyst, crm_headquarters;
