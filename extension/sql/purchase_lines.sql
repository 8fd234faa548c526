-- purchase: what each record bought, packed by record: kept in the commit of the order or refund that changes it, and
-- asked by rules.  A line counts while crm.purchased_item has it; what changes an order that is known reads its lines
-- before and after, under the lock of the order's key, and adds the difference.
CREATE TYPE crm.purchase_line AS (source_record_id bigint, day date, product_id int, lines int, quantity_micro bigint, amount_minor bigint);
COMMENT ON TYPE crm.purchase_line IS 'lines of one record, day and product (0: none): how many, their quantity in millionths, their amount in minor units';

CREATE FUNCTION crm._purchase_lines_add(records bigint[], days date[], products int[], lines int[], quantities bigint[], amounts bigint[]) RETURNS void
    LANGUAGE c VOLATILE STRICT AS 'MODULE_PATHNAME', 'crm_purchase_lines_add';
COMMENT ON FUNCTION crm._purchase_lines_add(bigint[], date[], int[], int[], bigint[], bigint[]) IS
    'adds lines (quantities in millionths, amounts in minor units; negative ones take out) to the chunks of their records, which it locks ascending; 22003 when a sum does not fit, RM402 when a chunk is damaged';
CREATE FUNCTION crm._purchase_line_entries(chunk bytea, OUT day date, OUT product_id int, OUT lines bigint, OUT quantity_micro bigint, OUT amount_minor bigint)
    RETURNS SETOF record LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE ROWS 20 AS 'MODULE_PATHNAME', 'crm_purchase_line_entries';
COMMENT ON FUNCTION crm._purchase_line_entries(bytea) IS 'the entries of a chunk of lines in their order; RM402 when it is damaged';

CREATE FUNCTION crm._purchase_micro(quantity numeric) RETURNS bigint
    LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$ SELECT (least(round(quantity, 6), 1000000000) * 1000000)::bigint $$;
COMMENT ON FUNCTION crm._purchase_micro(numeric) IS 'a quantity in millionths, a billion at most: as rules count it';

CREATE FUNCTION crm._purchase_counted_lines(source_ids int[], external_ids text[], exponent int) RETURNS crm.purchase_line[]
    LANGUAGE plpgsql STABLE SET enable_hashjoin = off SET enable_mergejoin = off AS
$$
BEGIN
    RETURN (SELECT coalesce(array_agg(ROW(i.source_record_id, i.business_day, coalesce(i.product_id, 0), 1, crm._purchase_micro(i.quantity),
                                          crm._purchase_minor(i.amount, exponent))::crm.purchase_line), '{}')
            FROM (SELECT DISTINCT w.source_id, w.external_id FROM unnest(source_ids, external_ids) w (source_id, external_id) OFFSET 0) w
            CROSS JOIN LATERAL (SELECT x.source_record_id, x.fact_id FROM crm.external_key x
                                WHERE x.source_id = w.source_id AND x.kind = 2 AND x.external_id = w.external_id OFFSET 0) k
            CROSS JOIN LATERAL (SELECT * FROM crm.purchased_item x WHERE x.source_record_id = k.source_record_id AND x.order_id = k.fact_id OFFSET 0) i);
END
$$;
COMMENT ON FUNCTION crm._purchase_counted_lines(int[], text[], int) IS 'the lines of some orders that count now, each by itself';

CREATE FUNCTION crm._purchase_lines_differ(before crm.purchase_line[], after crm.purchase_line[]) RETURNS void
    LANGUAGE plpgsql AS
$$
BEGIN
    IF before = after THEN
        RETURN;
    END IF;
    PERFORM crm._purchase_lines_add(array_agg(d.source_record_id), array_agg(d.day), array_agg(d.product_id), array_agg(d.lines),
                                    array_agg(d.quantity), array_agg(d.amount))
    FROM (SELECT l.source_record_id, l.day, l.product_id, sum(l.sign * l.lines)::int AS lines, sum(l.sign * l.quantity_micro)::bigint AS quantity,
                 sum(l.sign * l.amount_minor)::bigint AS amount
          FROM (SELECT a.*, 1 AS sign FROM unnest(after) a UNION ALL SELECT b.*, -1 FROM unnest(before) b) l
          GROUP BY 1, 2, 3
          HAVING sum(l.sign * l.lines) <> 0 OR sum(l.sign * l.quantity_micro) <> 0 OR sum(l.sign * l.amount_minor) <> 0) d
    HAVING count(*) > 0;
END
$$;
COMMENT ON FUNCTION crm._purchase_lines_differ(crm.purchase_line[], crm.purchase_line[]) IS 'puts what some orders'' lines are now in place of what they were';

CREATE FUNCTION crm._purchase_lines_rebuild() RETURNS bigint
    LANGUAGE plpgsql AS
$$
DECLARE
    exponent int := crm._purchase_exponent();
    record_count bigint;
BEGIN
    LOCK TABLE crm.purchase_line_chunk IN EXCLUSIVE MODE;
    DELETE FROM crm.purchase_line_chunk;
    PERFORM crm._purchase_lines_add(array_agg(i.source_record_id), array_agg(i.business_day), array_agg(i.product_id), array_agg(i.lines),
                                    array_agg(i.quantity), array_agg(i.amount))
    FROM (SELECT x.source_record_id, x.business_day, coalesce(x.product_id, 0) AS product_id, count(*)::int AS lines,
                 sum(crm._purchase_micro(x.quantity))::bigint AS quantity, sum(crm._purchase_minor(x.amount, exponent))::bigint AS amount
          FROM crm.purchased_item x GROUP BY 1, 2, 3) i
    GROUP BY i.source_record_id;
    GET DIAGNOSTICS record_count = ROW_COUNT;
    RETURN record_count;
END
$$;
COMMENT ON FUNCTION crm._purchase_lines_rebuild() IS 'makes the packed lines of all records anew from the lines of orders; returns how many records; orders and refunds wait';

CREATE FUNCTION crm._purchase_check_lines() RETURNS TABLE (room text, what text, expected text, found text)
    LANGUAGE plpgsql STABLE AS
$$
DECLARE
    exponent int := crm._purchase_exponent();
BEGIN
    RETURN QUERY
    WITH entry AS (
        SELECT i.source_record_id, i.business_day AS day, coalesce(i.product_id, 0) AS product_id, 1 AS lines, crm._purchase_micro(i.quantity) AS quantity,
               crm._purchase_minor(i.amount, exponent) AS amount, 1 AS sign
        FROM crm.purchased_item i
        UNION ALL
        SELECT c.source_record_id, e.day, e.product_id, e.lines, e.quantity_micro, e.amount_minor, -1
        FROM crm.purchase_line_chunk c, crm._purchase_line_entries(c.lines) e),
    compared AS (
        SELECT e.source_record_id, e.day, e.product_id,
               ARRAY[coalesce(sum(e.lines) FILTER (WHERE e.sign = 1), 0), coalesce(sum(e.quantity) FILTER (WHERE e.sign = 1), 0), coalesce(sum(e.amount) FILTER (WHERE e.sign = 1), 0)] AS wanted,
               ARRAY[coalesce(sum(e.lines) FILTER (WHERE e.sign = -1), 0), coalesce(sum(e.quantity) FILTER (WHERE e.sign = -1), 0), coalesce(sum(e.amount) FILTER (WHERE e.sign = -1), 0)] AS kept
        FROM entry e GROUP BY 1, 2, 3)
    SELECT 'purchase', format('lines of record %s, day %s, product %s', c.source_record_id, c.day, c.product_id), c.wanted::text, c.kept::text
    FROM compared c WHERE c.wanted <> c.kept ORDER BY c.source_record_id, c.day, c.product_id LIMIT 1000;
END
$$;
COMMENT ON FUNCTION crm._purchase_check_lines() IS
    'recomputes what every record bought from the lines of orders: lines, quantity in millionths, minor units; a row a difference, at most 1,000';

-- Asked by rules.
CREATE TYPE crm.purchase_line_question AS (question crm.purchase_question[], is_of_quantity boolean, products int[]);
COMMENT ON TYPE crm.purchase_line_question IS 'one question (count counts lines; sums of amounts, or of quantities) about the lines of some products; null products: all lines';

CREATE FUNCTION crm._purchase_lines_measure(chunks bytea[], measure text, is_of_quantity boolean, from_day date, to_day date, as_of date, products int[], exponent int) RETURNS numeric
    LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'crm_purchase_lines_measure';
COMMENT ON FUNCTION crm._purchase_lines_measure(bytea[], text, boolean, date, date, date, int[], int) IS
    'number of lines, sum and average of their amounts in currency units or of their quantities, days since the last and first, of some products (null: all) in [from_day, to_day]; null chunks are none';
CREATE FUNCTION crm._purchase_lines_collect_step(state bytea, customer_id bigint, lines bytea, questions crm.purchase_line_question[], as_of date, exponent int) RETURNS bytea
    LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'crm_purchase_lines_collect_step';
COMMENT ON FUNCTION crm._purchase_lines_collect_step(bytea, bigint, bytea, crm.purchase_line_question[], date, int) IS 'what questions ask of one more chunk, beside its person''s';
CREATE FUNCTION crm._purchase_lines_collect_merge(state bytea, other bytea) RETURNS bytea
    LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'crm_purchase_lines_collect_merge';
COMMENT ON FUNCTION crm._purchase_lines_collect_merge(bytea, bytea) IS 'what two partial walks found, together';
CREATE FUNCTION crm._purchase_lines_collect_final(state bytea) RETURNS crm.bitmap[]
    LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'crm_purchase_lines_collect_final';
COMMENT ON FUNCTION crm._purchase_lines_collect_final(bytea) IS 'of each question the persons whose lines meet it';
CREATE AGGREGATE crm._purchase_lines_collect(bigint, bytea, crm.purchase_line_question[], date, int) (
    SFUNC = crm._purchase_lines_collect_step, STYPE = bytea, FINALFUNC = crm._purchase_lines_collect_final,
    COMBINEFUNC = crm._purchase_lines_collect_merge, PARALLEL = SAFE);
COMMENT ON AGGREGATE crm._purchase_lines_collect(bigint, bytea, crm.purchase_line_question[], date, int) IS
    'over all chunks of lines, in any order: of each question the set of persons with such lines who meet it; null without a chunk';
CREATE FUNCTION crm._purchase_lines_pass(lines bytea, ages int[], before date, today date, products int[]) RETURNS boolean
    LANGUAGE c STABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'crm_purchase_lines_pass';
COMMENT ON FUNCTION crm._purchase_lines_pass(bytea, int[], date, date, int[]) IS
    'whether a line of some products (null: all; read once a statement) reached one of the ages after one day and up to another';
