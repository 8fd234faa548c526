-- report: what the persons of a segment are like, for who may see figures and no person.
--
-- Groups that are too small are not told, nor found by subtracting what is told; shares of everybody are whole percents.

-- The first days of being born too late for 65, 55, ... 18 full years.
CREATE FUNCTION crm._report_age_bounds(today date) RETURNS date[]
    LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
$$ SELECT array_agg((today - make_interval(years => y))::date + 1 ORDER BY y DESC) FROM unnest(ARRAY[65, 55, 45, 35, 25, 18]) y $$;
COMMENT ON FUNCTION crm._report_age_bounds(date) IS
    'days that divide birthdays into bands of full years on a day, ascending';

-- Each dimension divides all persons, so its groups add up.
CREATE FUNCTION crm._report_divided(from_id bigint, to_id bigint) RETURNS TABLE (dimension text, key text, ids crm.bitmap)
    LANGUAGE sql STABLE SET jit = off AS
$$
    WITH person AS (
        SELECT c.customer_id, coalesce(v.tier, 'P') AS tier, coalesce(s.stage, '') AS stage, coalesce(c.sex::text, '') AS sex, c.city, c.channel,
               coalesce((ARRAY['65+', '55-64', '45-54', '35-44', '25-34', '18-24', '0-17'])[1 + width_bucket(p.birthday, b.bounds)], '') AS age
        FROM (SELECT crm._report_age_bounds(crm._report_today()) AS bounds OFFSET 0) b CROSS JOIN crm.customer c
        LEFT JOIN crm.customer_private p ON p.customer_id = c.customer_id
        LEFT JOIN crm.customer_value v ON v.customer_id = c.customer_id
        LEFT JOIN crm.customer_stage s ON s.customer_id = c.customer_id
        WHERE c.status = 'active' AND c.customer_id > from_id AND c.customer_id <= to_id)
    SELECT CASE WHEN GROUPING(tier) = 0 THEN 'tier' WHEN GROUPING(stage) = 0 THEN 'stage'
        WHEN GROUPING(sex) = 0 THEN 'sex' WHEN GROUPING(city) = 0 THEN 'city'
                WHEN GROUPING(channel) = 0 THEN 'channel' WHEN GROUPING(age) = 0 THEN 'age' ELSE 'all' END,
           coalesce(tier, stage, sex, city, channel, age, ''), crm.bitmap_agg(customer_id)
    FROM person GROUP BY GROUPING SETS ((tier), (stage), (sex), (city), (channel), (age), ())
$$;
COMMENT ON FUNCTION crm._report_divided(bigint, bigint) IS
    'who of the persons between two ids has each tier, stage, sex, city, channel and band of age; and all of them '
    'in the row "all"';

-- Categories overlap.  One walk over the packed lines answers for all of them.
CREATE FUNCTION crm._report_bought(from_day date, to_day date, from_record bigint, to_record bigint) RETURNS TABLE (code text, ids crm.bitmap)
    LANGUAGE plpgsql STABLE SET jit = off AS
$$
DECLARE
    codes text[] := ARRAY(SELECT k.code FROM crm.product_category k ORDER BY k.category_id);
    questions crm.purchase_line_question[] := ARRAY(
        SELECT ROW(ARRAY[ROW('count', from_day, to_day, 0, '>', ARRAY[0]::numeric[], false)::crm.purchase_question], NULL, NULL,
                   ARRAY(SELECT p.product_id FROM crm.product p WHERE p.category_id = k.category_id),
                   NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL)::crm.purchase_line_question
        FROM crm.product_category k ORDER BY k.category_id);
    sets crm.bitmap[];
BEGIN
    IF codes = '{}' THEN
        RETURN;
    END IF;
    SELECT crm._purchase_lines_collect(m.customer_id, l.lines, questions, to_day, (SELECT crm._purchase_exponent()), NULL) INTO sets
    FROM crm.purchase_line_chunk l JOIN crm.membership m ON m.source_record_id = l.source_record_id AND m.valid_to = 'infinity'
    WHERE l.source_record_id > from_record AND l.source_record_id <= to_record;
    RETURN QUERY SELECT k.code, k.found FROM unnest(codes, sets) k(code, found) WHERE k.found IS NOT NULL;
END
$$;
COMMENT ON FUNCTION crm._report_bought(date, date, bigint, bigint) IS
    'of each product category the persons with a line of it in a span of local days, by their records between two ids';

CREATE FUNCTION crm._report_tagged() RETURNS TABLE (tag text, ids crm.bitmap)
    LANGUAGE sql STABLE SET jit = off AS
$$
    SELECT x.tag, x.ids FROM (
        SELECT t.tag, crm._segment_ids(t.segment_id) AS ids FROM crm.tag t WHERE t.is_active AND t.segment_id IS NOT NULL
        UNION ALL
        SELECT t.tag, crm.bitmap_agg(DISTINCT crm._identity_current(h.customer_id)) FROM crm.tag t JOIN crm.customer_tag h ON h.tag = t.tag
        WHERE t.is_active AND t.segment_id IS NULL AND h.until > crm.core_now() GROUP BY t.tag) x WHERE x.ids IS NOT NULL
$$;
COMMENT ON FUNCTION crm._report_tagged() IS 'the persons of each tag, automatic or given by hand, now';

CREATE FUNCTION crm._report_portrait_sets() RETURNS TABLE (dimension text, key text, ids crm.bitmap, divides boolean)
    LANGUAGE plpgsql STABLE AS
$$
#variable_conflict use_column
DECLARE
    today date := crm._report_today();
    most CONSTANT bigint := 9223372036854775807;
BEGIN
    IF (SELECT p.as_of FROM crm.report_portrait_progress p) BETWEEN today - 1 AND today THEN
        RETURN QUERY SELECT k.dimension, k.key, crm.bitmap_union(k.ids), k.dimension NOT IN ('tag', 'category')
            FROM crm.report_portrait_set k WHERE k.is_shown GROUP BY k.dimension, k.key;
    ELSE
        RETURN QUERY SELECT d.dimension, d.key, d.ids, true FROM crm._report_divided(0, most) d
                     UNION ALL SELECT 'tag', g.tag, g.ids, false FROM crm._report_tagged() g
                     UNION ALL SELECT 'category', b.code, b.ids, false FROM crm._report_bought(today - 364, today, 0, most) b;
    END IF;
END
$$;
COMMENT ON FUNCTION crm._report_portrait_sets() IS
    'the persons of each group that portraits tell of, and whether those of its dimension divide everybody '
    '(dimension "all"): as of the last night, or as they are now when there was none';

CREATE FUNCTION crm._report_portrait_piece(step text, as_of date, from_id bigint, to_id bigint) RETURNS void
    LANGUAGE plpgsql AS
$$
BEGIN
    INSERT INTO crm.report_portrait_set (is_shown, dimension, key, piece, ids)
    SELECT false, g.dimension, g.key, from_id, g.ids
    FROM (SELECT d.dimension, d.key, d.ids FROM crm._report_divided(from_id, to_id) d WHERE step = 'persons'
          UNION ALL
          SELECT 'category', b.code, b.ids FROM crm._report_bought(as_of - 364, as_of, from_id, to_id) b WHERE step = 'lines') g
    WHERE crm.bitmap_count(g.ids) > 0;
END
$$;
COMMENT ON FUNCTION crm._report_portrait_piece(text, date, bigint, bigint) IS
    'writes the persons, or the buyers by their records'' lines, between two ids as a piece of the sets that are '
    'being made';

CREATE FUNCTION crm._report_portrait_job() RETURNS bigint
    LANGUAGE plpgsql SET enable_seqscan = off SET jit = off AS
$$
DECLARE
    piece CONSTANT int := 40000;        -- persons, or records
    today date := crm._report_today();
    progress crm.report_portrait_progress;
    upper bigint;
BEGIN
    SELECT * INTO progress FROM crm.report_portrait_progress FOR UPDATE;
    IF progress.step = 'persons' AND progress.done_to = 0 THEN
        IF progress.as_of = today THEN
            RETURN 0;
        END IF;
        progress.next_as_of := today;
        DELETE FROM crm.report_portrait_set k WHERE NOT k.is_shown;
    END IF;
    upper := CASE progress.step
        WHEN 'persons' THEN (SELECT c.customer_id FROM crm.customer c WHERE c.customer_id > progress.done_to
                ORDER BY c.customer_id OFFSET piece LIMIT 1)
        ELSE (SELECT l.source_record_id FROM crm.purchase_line_chunk l WHERE l.source_record_id > progress.done_to
                ORDER BY l.source_record_id OFFSET piece LIMIT 1) END;
    PERFORM crm._report_portrait_piece(progress.step, progress.next_as_of, progress.done_to, coalesce(upper, 9223372036854775807));
    IF upper IS NULL AND progress.step = 'lines' THEN
        INSERT INTO crm.report_portrait_set (is_shown, dimension, key, piece, ids) SELECT false, 'tag', g.tag, 0, g.ids FROM crm._report_tagged() g;
        DELETE FROM crm.report_portrait_set k WHERE k.is_shown;
        UPDATE crm.report_portrait_set SET is_shown = true;
        UPDATE crm.report_portrait_progress SET as_of = progress.next_as_of, step = 'persons', done_to = 0;
        RETURN (progress.next_as_of < today)::int;      -- a night that broke off and was ended on a later day: that day's comes at once
    END IF;
    UPDATE crm.report_portrait_progress SET next_as_of = progress.next_as_of, step = CASE
        WHEN upper IS NULL THEN 'lines' ELSE progress.step END, done_to = coalesce(upper, 0);
    RETURN 1;
END
$$;
COMMENT ON FUNCTION crm._report_portrait_job() IS
    'job: writes the sets that portraits are counted from anew, once a local day, 40,000 persons or records a call; '
    'returns > 0 until all are';

CREATE FUNCTION crm._report_counted(members crm.bitmap) RETURNS TABLE (dimension text, key text, persons bigint, everybody bigint, divides boolean)
    LANGUAGE plpgsql STABLE SET jit = off AS
$$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    WITH held AS MATERIALIZED (SELECT s.* FROM crm._report_portrait_sets() s),
    whole AS MATERIALIZED (SELECT h.ids AS everybody, CASE WHEN members IS NULL THEN h.ids
            ELSE crm.bitmap_and(h.ids, members) END AS chosen FROM held h WHERE h.dimension = 'all')
    SELECT h.dimension, h.key, crm.bitmap_count(crm.bitmap_and(h.ids, w.chosen)),
        crm.bitmap_count(CASE WHEN h.divides THEN h.ids ELSE crm.bitmap_and(h.ids, w.everybody) END), h.divides
    FROM held h CROSS JOIN whole w;
END
$$;
COMMENT ON FUNCTION crm._report_counted(crm.bitmap) IS
    'how many of some persons (null: everybody), and of everybody, are in each group that portraits tell of; and of '
    'all in the row "all"';

-- What may be told.  Unsafe: a group of 1 to small - 1 persons, or one that so few of everybody are not in.
-- Of a dimension that adds up, the smallest go as well until those left out are small in number no more.
CREATE FUNCTION crm._report_told(members crm.bitmap, small int) RETURNS TABLE (dimension text, key text, persons bigint, everybody bigint)
    LANGUAGE sql STABLE SET jit = off AS
$$
    WITH counted AS MATERIALIZED (SELECT c.* FROM crm._report_counted(members) c),
    whole AS (SELECT c.persons, c.everybody FROM counted c WHERE c.dimension = 'all'),
    judged AS (
        SELECT c.*, c.persons >= small AND (members IS NULL OR c.everybody - c.persons NOT BETWEEN 1 AND small - 1)
               AND (c.divides OR w.persons - c.persons NOT BETWEEN 1 AND small - 1) AS is_safe
        FROM counted c, whole w WHERE c.persons > 0),
    ranked AS (
        SELECT j.*, row_number() OVER (PARTITION BY j.dimension ORDER BY j.persons DESC, j.key) AS place,
               coalesce(sum(j.persons) OVER (PARTITION BY j.dimension ORDER BY j.is_safe, j.persons,
                           j.key ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0) AS left_out
        FROM judged j),
    shown AS (
        SELECT r.*, r.is_safe AND r.place <= 30 AND NOT (r.divides AND r.left_out BETWEEN 1 AND small - 1) AS is_told FROM ranked r)
    SELECT s.dimension, s.key, s.persons, s.everybody FROM shown s
    WHERE s.is_told AND (SELECT a.is_told FROM shown a WHERE a.dimension = 'all')
    UNION ALL
    SELECT s.dimension, NULL, sum(s.persons)::bigint, sum(s.everybody)::bigint FROM shown s
    WHERE NOT s.is_told AND s.divides AND s.dimension <> 'all' AND (SELECT a.is_told FROM shown a WHERE a.dimension = 'all') GROUP BY s.dimension
$$;
COMMENT ON FUNCTION crm._report_told(crm.bitmap, int) IS
    'the groups of some persons (null: everybody) that may be told, at most 30 a dimension; key null: the others of '
    'a dimension that adds up; nothing when the whole is too small, or all but too few';

CREATE FUNCTION crm.report_portrait(segment text DEFAULT NULL)
    RETURNS TABLE (dimension text, key text, name_zh text, name_en text, persons bigint, share numeric, share_of_all numeric)
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp SET jit = off AS
$$
#variable_conflict use_column
DECLARE
    small int := (crm._setting('report.small_group') #>> '{}')::int;
    members crm.bitmap;     -- null: everybody
BEGIN
    IF segment IS NOT NULL THEN
        members := coalesce(crm._segment_ids(crm._segment_require(segment)), '{}');
    END IF;
    RETURN QUERY
    WITH told AS MATERIALIZED (SELECT t.* FROM crm._report_told(members, small) t),
    whole AS (SELECT t.persons, t.everybody FROM told t WHERE t.dimension = 'all')
    SELECT t.dimension, CASE WHEN t.dimension <> 'all' THEN t.key END, n.name_zh, n.name_en, t.persons, round(t.persons::numeric / w.persons, 4),
           CASE WHEN t.everybody >= small THEN round(t.everybody::numeric / w.everybody, 2) END
    FROM told t CROSS JOIN whole w
    LEFT JOIN LATERAL (
        SELECT r.name_zh, r.name_en FROM crm.tier_rule r JOIN crm.tier_set s ON s.tier_set = r.tier_set
            AND s.is_active WHERE t.dimension = 'tier' AND r.tier = t.key
        UNION ALL SELECT r.name_zh, r.name_en FROM crm.stage_rule r WHERE t.dimension = 'stage' AND r.stage = t.key
        UNION ALL SELECT g.name_zh, g.name_en FROM crm.tag g WHERE t.dimension = 'tag' AND g.tag = t.key
        UNION ALL SELECT k.name, k.name FROM crm.product_category k WHERE t.dimension = 'category' AND k.code = t.key
        LIMIT 1) n ON true
    ORDER BY t.dimension <> 'all', t.dimension, t.key IS NULL, t.persons DESC, t.key;
END
$$;
COMMENT ON FUNCTION crm.report_portrait(text) IS
    'what the persons of a segment (null: everybody) are like, without anybody: persons and share by tier, stage, '
    'sex, age, city, channel, tag, and category bought in 365 local days, beside the share of everybody in whole '
    'percents; who is in the segment as it is now, all else as of the last night; key null: what its dimension '
    'leaves out; empty key: not known; no group below report.small_group persons is told, nor one that is found by '
    'subtracting; no row when the segment itself is; RM361';
GRANT EXECUTE ON FUNCTION crm.report_portrait(text) TO crm_reader, crm_marketer, crm_analyst, crm_headquarters;

CREATE FUNCTION crm.report_portraits() RETURNS SETOF jsonb
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
BEGIN
    RETURN QUERY SELECT jsonb_build_object('segment', s.code, 'name_zh', s.name_zh, 'name_en', s.name_en, 'as_of', s.watermark)
                 FROM crm.segment s WHERE s.is_active ORDER BY s.code;
END
$$;
COMMENT ON FUNCTION crm.report_portraits() IS
    'the segments and automatic tags whose portrait may be asked for, without their sizes and rules';
GRANT EXECUTE ON FUNCTION crm.report_portraits() TO crm_reader, crm_marketer, crm_analyst, crm_headquarters;
