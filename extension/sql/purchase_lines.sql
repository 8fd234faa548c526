-- purchase: what each record bought, packed by record: kept in the commit of the order or refund that changes it, and
-- asked by rules.  A line counts while crm.purchased_item has it; what changes an order that is known reads its lines
-- before and after, under the lock of the order's key, and adds the difference.
CREATE TYPE crm.purchase_line AS (source_record_id bigint, day date, moment timestamptz, store_id int, channel_id int,
    product_id int, quantity_micro bigint,
    amount_minor bigint);
COMMENT ON TYPE crm.purchase_line IS
    'a line of a record: day, moment (-infinity: none), store, channel and product (0: none), quantity in '
    'millionths, amount in minor units';

CREATE FUNCTION crm._purchase_lines_add(records bigint[], days date[], moments timestamptz[], stores int[],
                                        channels int[], products int[], lines int[],
    quantities bigint[], amounts bigint[]) RETURNS void
    LANGUAGE c VOLATILE STRICT AS 'MODULE_PATHNAME', 'crm_purchase_lines_add';
COMMENT ON FUNCTION crm._purchase_lines_add(bigint[], date[], timestamptz[], int[], int[], int[], int[], bigint[], bigint[]) IS
    'adds so many lines (of these quantities each in millionths, amounts each in minor units; fewer than none take '
    'out) to the chunks of their records, which it locks ascending; 22003 when a sum does not fit, RM402 when a '
    'chunk is damaged';
CREATE FUNCTION crm._purchase_line_entries(chunk bytea, OUT day date, OUT moment timestamptz, OUT store_id int,
                                           OUT channel_id int, OUT product_id int,
    OUT lines bigint, OUT quantity_micro bigint, OUT amount_minor bigint)
    RETURNS SETOF record LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE ROWS 20 AS 'MODULE_PATHNAME', 'crm_purchase_line_entries';
COMMENT ON FUNCTION crm._purchase_line_entries(bytea) IS
    'the entries of a chunk of lines in their order, each with how many lines it is and what these have together; '
    'RM402 when it is damaged';

CREATE FUNCTION crm._purchase_channel_id(code text) RETURNS int
    LANGUAGE plpgsql AS
$$
DECLARE
    found int;
BEGIN
    IF code IS NULL OR code = '' THEN
        RETURN 0;
    END IF;
    SELECT c.channel_id INTO found FROM crm.purchase_channel c WHERE c.code = _purchase_channel_id.code;
    IF found IS NULL THEN
        INSERT INTO crm.purchase_channel (channel_id, code) VALUES (nextval('crm.channel_id_seq'), _purchase_channel_id.code) ON CONFLICT DO NOTHING;
        SELECT c.channel_id INTO STRICT found FROM crm.purchase_channel c WHERE c.code = _purchase_channel_id.code;
    END IF;
    RETURN found;
END
$$;
COMMENT ON FUNCTION crm._purchase_channel_id(text) IS 'the number of a channel of orders, entered when it is new; 0: none';

CREATE FUNCTION crm._purchase_micro(quantity numeric) RETURNS bigint
    LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$ SELECT (least(round(quantity, 6), 1000000000) * 1000000)::bigint $$;
COMMENT ON FUNCTION crm._purchase_micro(numeric) IS 'a quantity in millionths, a billion at most: as rules count it';

CREATE FUNCTION crm._purchase_counted_lines(source_ids int[], external_ids text[], exponent int) RETURNS crm.purchase_line[]
    LANGUAGE plpgsql SET enable_hashjoin = off SET enable_mergejoin = off AS
$$
BEGIN
    RETURN (SELECT coalesce(array_agg(ROW(i.source_record_id, i.business_day, coalesce(i.paid_at, '-infinity'), coalesce(i.store_id, 0),
                                          crm._purchase_channel_id(i.channel), coalesce(i.product_id, 0), crm._purchase_micro(i.quantity),
                                          crm._purchase_minor(i.amount, exponent))::crm.purchase_line), '{}')
            FROM (SELECT DISTINCT w.source_id, w.external_id FROM unnest(source_ids, external_ids) w (source_id, external_id) OFFSET 0) w
            CROSS JOIN LATERAL (SELECT x.source_record_id, x.fact_id FROM crm.external_key x
                                WHERE x.source_id = w.source_id AND x.kind = 2 AND x.external_id = w.external_id OFFSET 0) k
            CROSS JOIN LATERAL (SELECT * FROM crm.purchased_item x WHERE x.source_record_id = k.source_record_id
                    AND x.order_id = k.fact_id OFFSET 0) i);
END
$$;
COMMENT ON FUNCTION crm._purchase_counted_lines(int[], text[], int) IS
    'the lines of some orders that count now, each by itself';

CREATE FUNCTION crm._purchase_lines_differ(before crm.purchase_line[], after crm.purchase_line[]) RETURNS void
    LANGUAGE plpgsql AS
$$
BEGIN
    IF before = after THEN
        RETURN;
    END IF;
    PERFORM crm._purchase_lines_add(array_agg(d.source_record_id), array_agg(d.day), array_agg(d.moment),
                                    array_agg(d.store_id), array_agg(d.channel_id),
                                    array_agg(d.product_id), array_agg(d.lines), array_agg(d.quantity_micro), array_agg(d.amount_minor))
    FROM (SELECT l.source_record_id, l.day, l.moment, l.store_id, l.channel_id, l.product_id, l.quantity_micro,
          l.amount_minor, sum(l.sign)::int AS lines
          FROM (SELECT a.*, 1 AS sign FROM unnest(after) a UNION ALL SELECT b.*, -1 FROM unnest(before) b) l
          GROUP BY 1, 2, 3, 4, 5, 6, 7, 8
          HAVING sum(l.sign) <> 0) d
    HAVING count(*) > 0;
END
$$;
COMMENT ON FUNCTION crm._purchase_lines_differ(crm.purchase_line[], crm.purchase_line[]) IS
    'puts what some orders'' lines are now in place of what they were';

CREATE FUNCTION crm._purchase_lines_rebuild() RETURNS bigint
    LANGUAGE plpgsql AS
$$
DECLARE
    exponent int := crm._purchase_exponent();
    record_count bigint;
BEGIN
    LOCK TABLE crm.purchase_line_chunk IN EXCLUSIVE MODE;
    DELETE FROM crm.purchase_line_chunk;
    PERFORM crm._purchase_channel_id(c.channel) FROM (SELECT DISTINCT o.channel FROM crm.customer_order o) c;
    PERFORM crm._purchase_lines_add(array_agg(i.source_record_id), array_agg(i.business_day), array_agg(i.moment),
                                    array_agg(i.store_id), array_agg(i.channel_id),
                                    array_agg(i.product_id), array_agg(1), array_agg(i.quantity), array_agg(i.amount))
    FROM (SELECT x.source_record_id, x.business_day, coalesce(x.paid_at, '-infinity') AS moment, coalesce(x.store_id, 0) AS store_id,
                 coalesce(c.channel_id, 0) AS channel_id, coalesce(x.product_id, 0) AS product_id, crm._purchase_micro(x.quantity) AS quantity,
                 crm._purchase_minor(x.amount, exponent) AS amount
          FROM crm.purchased_item x LEFT JOIN crm.purchase_channel c ON c.code = x.channel) i
    GROUP BY i.source_record_id;
    GET DIAGNOSTICS record_count = ROW_COUNT;
    RETURN record_count;
END
$$;
COMMENT ON FUNCTION crm._purchase_lines_rebuild() IS
    'makes the packed lines of all records anew from the lines of orders; returns how many records; orders and '
    'refunds wait';

CREATE FUNCTION crm._purchase_check_lines() RETURNS TABLE (room text, what text, expected text, found text)
    LANGUAGE plpgsql STABLE AS
$$
DECLARE
    exponent int := crm._purchase_exponent();
BEGIN
    RETURN QUERY
    WITH entry AS (
        SELECT i.source_record_id, i.business_day AS day, i.paid_at AS moment, coalesce(i.store_id, 0) AS store_id,
            i.channel, coalesce(i.product_id, 0) AS product_id,
               crm._purchase_micro(i.quantity) AS quantity, crm._purchase_minor(i.amount, exponent) AS amount, 1 AS wanted, 0 AS kept
        FROM crm.purchased_item i
        UNION ALL
        SELECT c.source_record_id, e.day, e.moment, e.store_id, coalesce(h.code, ''), e.product_id,
            e.quantity_micro / e.lines, e.amount_minor / e.lines, 0, e.lines
        FROM crm.purchase_line_chunk c CROSS JOIN crm._purchase_line_entries(c.lines) e
            LEFT JOIN crm.purchase_channel h ON h.channel_id = e.channel_id),
    compared AS (
        SELECT e.source_record_id, e.day, e.product_id, ARRAY[e.store_id, e.quantity, e.amount]::text || ' '
            || concat_ws(' ', e.channel, e.moment) AS line,
               sum(e.wanted) AS wanted, sum(e.kept) AS kept
        FROM entry e GROUP BY 1, 2, 3, 4)
    SELECT 'purchase', format('lines of record %s, day %s, product %s: %s', c.source_record_id, c.day, c.product_id,
            c.line), c.wanted::text, c.kept::text
    FROM compared c WHERE c.wanted <> c.kept ORDER BY c.source_record_id, c.day, c.product_id, c.line LIMIT 1000;
END
$$;
COMMENT ON FUNCTION crm._purchase_check_lines() IS
    'recomputes what every record bought from the lines of orders: of each kind of line how many; a row a '
    'difference, at most 1,000';

-- Asked by rules.
CREATE TYPE crm.purchase_line_question AS (question crm.purchase_question[], field text, same text, products int[], stores int[], channels int[],
    amounts crm.purchase_question[], quantities crm.purchase_question[], from_clock time, to_clock time,
        time_zone text, weekdays int, after_moment timestamptz,
    recent_from date, windows int, grouped int[], groups int[]);
COMMENT ON TYPE crm.purchase_line_question IS
    'one question about lines: its measure (of what field: amount, quantity, product, category, store, channel; '
    'over rows that have the same); products, stores, channels that count (null: all; 0: none named), comparisons '
    'that each line''s amount and quantity are to meet, a span of the clock in a time zone (the end left out), days '
    'of the week (bit n - 1: ISO day n), lines after a moment; of baseline the first recent day and how many '
    'windows were before; which products (grouped) are of which categories (groups)';

CREATE FUNCTION crm._purchase_lines_measure(chunks bytea[], question crm.purchase_line_question, as_of date, exponent int) RETURNS numeric
    LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'crm_purchase_lines_measure';
COMMENT ON FUNCTION crm._purchase_lines_measure(bytea[], crm.purchase_line_question, date, int) IS
    'what a question measures of one person''s lines: amounts in currency units, quantities, ages in days; null '
    'chunks are none';
CREATE FUNCTION crm._purchase_lines_collect_step(state bytea, customer_id bigint, lines bytea,
                                                 questions crm.purchase_line_question[], as_of date, exponent int,
    shared crm.bitmap) RETURNS bytea
    LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'crm_purchase_lines_collect_step';
COMMENT ON FUNCTION crm._purchase_lines_collect_step(bytea, bigint, bytea, crm.purchase_line_question[], date, int, crm.bitmap) IS
    'what questions ask of one more chunk, beside its person''s';
CREATE FUNCTION crm._purchase_lines_collect_merge(state bytea, other bytea) RETURNS bytea
    LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'crm_purchase_lines_collect_merge';
COMMENT ON FUNCTION crm._purchase_lines_collect_merge(bytea, bytea) IS 'what two partial walks found, together';
CREATE FUNCTION crm._purchase_lines_collect_final(state bytea) RETURNS crm.bitmap[]
    LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'crm_purchase_lines_collect_final';
COMMENT ON FUNCTION crm._purchase_lines_collect_final(bytea) IS 'of each question the persons whose lines meet it';
CREATE AGGREGATE crm._purchase_lines_collect(bigint, bytea, crm.purchase_line_question[], date, int, crm.bitmap) (
    SFUNC = crm._purchase_lines_collect_step, STYPE = bytea, FINALFUNC = crm._purchase_lines_collect_final,
    COMBINEFUNC = crm._purchase_lines_collect_merge, PARALLEL = SAFE);
COMMENT ON AGGREGATE crm._purchase_lines_collect(bigint, bytea, crm.purchase_line_question[], date, int, crm.bitmap) IS
    'over all chunks of lines, in any order: of each question the set of persons with such lines who meet it; null '
    'without a chunk; who is in the last set may have several chunks, nobody else (null: anybody may)';
CREATE FUNCTION crm._purchase_lines_pass(lines bytea, ages int[], before date, today date, products int[]) RETURNS boolean
    LANGUAGE c STABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'crm_purchase_lines_pass';
COMMENT ON FUNCTION crm._purchase_lines_pass(bytea, int[], date, date, int[]) IS
    'whether a line of some products (null: all; read once a statement) reached one of the ages after one day and '
    'up to another';
