-- segment: who is in, how many, who was; algebra and overlap from the stored bitmaps; what increments must agree with.

CREATE FUNCTION crm._segment_members(code text) RETURNS SETOF bigint
    LANGUAGE plpgsql STABLE AS
$$
BEGIN
    RETURN QUERY SELECT crm.bitmap_members(crm._segment_ids(crm._segment_require(code)));
END
$$;
COMMENT ON FUNCTION crm._segment_members(text) IS 'customer ids of a segment''s members now, ascending; RM361';

CREATE FUNCTION crm._segment_bitmap(segment_id int) RETURNS crm.bitmap
    LANGUAGE plpgsql STABLE AS
$$
BEGIN
    RETURN (SELECT crm.bitmap_union(k.members) FROM crm.segment_chunk k WHERE k.segment_id = _segment_bitmap.segment_id);
END
$$;
COMMENT ON FUNCTION crm._segment_bitmap(int) IS 'the members now as a set of ordinals, put together from its chunks';

CREATE FUNCTION crm._segment_at(segments int[], moment timestamptz) RETURNS crm.bitmap
    LANGUAGE plpgsql STABLE SET jit = off AS
$$
BEGIN
    IF EXISTS (SELECT FROM crm.segment s WHERE s.segment_id = ANY (segments) AND s.moved_at > moment) THEN
        RETURN (SELECT coalesce(crm.bitmap_agg(m.customer_id), '{}') FROM crm.segment_member m
                WHERE m.segment_id = ANY (segments) AND m.entered_at <= moment AND m.left_at > moment);
    END IF;
    -- nobody has come or gone since: the members now, without a look at stays that ended
    RETURN crm._segment_persons((SELECT crm.bitmap_union(k.members) FROM crm.segment_chunk k WHERE k.segment_id = ANY (segments)));
END
$$;
COMMENT ON FUNCTION crm._segment_at(int[], timestamptz) IS
    'the ids under which persons are in any of some segments at a moment: from the bitmaps when none has changed '
    'since, else from the stays of all segments';

CREATE FUNCTION crm._segment_survivors(ids crm.bitmap) RETURNS crm.bitmap
    LANGUAGE plpgsql STABLE SET jit = off AS
$$
DECLARE
    gone crm.bitmap := ids;
BEGIN
    IF crm.bitmap_count(ids) > 1000 THEN
        gone := ids OPERATOR(crm.&) (SELECT coalesce(crm.bitmap_agg(c.customer_id), '{}') FROM crm.customer c WHERE c.merged_into IS NOT NULL);
    END IF;
    RETURN (SELECT (ids OPERATOR(crm.-) coalesce(crm.bitmap_agg(c.customer_id), '{}')) OPERATOR(crm.|) coalesce(crm.bitmap_agg(c.merged_into), '{}')
            FROM crm.customer c WHERE c.customer_id = ANY (crm.bitmap_array(gone)) AND c.merged_into IS NOT NULL);
END
$$;
COMMENT ON FUNCTION crm._segment_survivors(crm.bitmap) IS
    'the persons that ids are of now: those merged away as who they were merged into';

CREATE FUNCTION crm._segment_with(codes text[], moment timestamptz) RETURNS crm.bitmap
    LANGUAGE plpgsql STABLE AS
$$
BEGIN
    RETURN crm._segment_survivors(crm._segment_at(ARRAY(SELECT s.segment_id FROM crm.segment s WHERE s.code = ANY (codes)), moment));
END
$$;
COMMENT ON FUNCTION crm._segment_with(text[], timestamptz) IS
    'who is in any of some segments at a moment, for rules about everybody';

CREATE FUNCTION crm._segment_tagged(tags text[], moment timestamptz) RETURNS crm.bitmap
    LANGUAGE plpgsql STABLE SET jit = off AS
$$
DECLARE
    by_rule crm.bitmap := crm._segment_at(ARRAY(SELECT t.segment_id FROM crm.tag t WHERE t.tag = ANY (tags) AND t.segment_id IS NOT NULL), moment);
    by_hand crm.bitmap := '{}';
BEGIN
    IF EXISTS (SELECT FROM crm.tag t WHERE t.tag = ANY (tags) AND t.segment_id IS NULL) THEN
        by_hand := (SELECT coalesce(crm.bitmap_agg(t.customer_id), '{}') FROM crm.customer_tag t
                WHERE t.tag = ANY (tags) AND t.tagged_at <= moment AND t.until > moment);
    END IF;
    RETURN crm._segment_survivors(by_rule OPERATOR(crm.|) by_hand);
END
$$;
COMMENT ON FUNCTION crm._segment_tagged(text[], timestamptz) IS
    'who has any of some tags at a moment, whatever their origin, for rules about everybody';

CREATE FUNCTION crm._segment_program(expression jsonb, depth int, INOUT ids int[], INOUT program int[]) RETURNS record
    LANGUAGE plpgsql STABLE AS
$$
DECLARE
    word text := (SELECT k FROM jsonb_object_keys(CASE WHEN jsonb_typeof(expression) = 'object' THEN expression ELSE '{}' END) k ORDER BY k LIMIT 1);
    part record;
BEGIN
    IF jsonb_typeof(expression) = 'string' THEN
        ids := ids || crm._segment_require(expression #>> '{}');
        program := program || (cardinality(ids) - 1);
        RETURN;
    END IF;
    IF depth > 12 OR cardinality(program) > 500 OR jsonb_typeof(expression) IS DISTINCT FROM 'object' OR word NOT IN ('all', 'any', 'but')
       OR jsonb_typeof(expression -> coalesce(word, '')) IS DISTINCT FROM 'array' OR jsonb_array_length(expression -> word) NOT BETWEEN 1 AND 64
       OR (SELECT count(*) FROM jsonb_object_keys(expression)) <> 1 THEN
        RAISE EXCEPTION 'segments cannot be put together so' USING ERRCODE = 'RM363', COLUMN = 'expression',
            HINT = 'Write a segment''s code, {"all": [...]}, {"any": [...]} or {"but": [whole, without, ...]}, at most 12 deep and 64 long.';
    END IF;
    FOR part IN SELECT e.value, e.ordinality FROM jsonb_array_elements(expression -> word) WITH ORDINALITY e ORDER BY e.ordinality LOOP
        SELECT p.ids, p.program INTO ids, program FROM crm._segment_program(part.value, depth + 1, ids, program) p;
        IF part.ordinality > 1 THEN
            program := program || CASE word WHEN 'all' THEN -1 WHEN 'any' THEN -2 ELSE -3 END;
        END IF;
    END LOOP;
END
$$;
COMMENT ON FUNCTION crm._segment_program(jsonb, int, int[], int[]) IS
    'segments put together, as steps of crm._bitmap_program() over the segments of ids; RM361, RM363';

CREATE FUNCTION crm._segment_count(program int[], ids int[]) RETURNS bigint
    LANGUAGE c STABLE STRICT AS 'MODULE_PATHNAME', 'crm_segment_count';
COMMENT ON FUNCTION crm._segment_count(int[], int[]) IS
    'members of what a program of crm._bitmap_program() makes of stored segments, chunk by chunk';

CREATE FUNCTION crm.segment_combine(expression jsonb) RETURNS bigint
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp SET jit = off
        SET enable_seqscan = off SET plan_cache_mode = force_generic_plan AS
$$
DECLARE
    whole record;
BEGIN
    SELECT p.ids, p.program INTO whole FROM crm._segment_program(expression, 1, '{}', '{}') p;
    RETURN crm._segment_count(whole.program, whole.ids);
END
$$;
COMMENT ON FUNCTION crm.segment_combine(jsonb) IS
    'how many persons segments have put together, from the stored bitmaps: "a", {"all": [..]}, {"any": [..]}, '
    '{"but": [whole, without, ..]}; RM361, RM363';

CREATE FUNCTION crm.segment_overlap(codes text[]) RETURNS SETOF jsonb
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
BEGIN
    IF coalesce(cardinality(codes), 0) NOT BETWEEN 1 AND 20 THEN
        RAISE EXCEPTION 'overlap is of 1 to 20 segments' USING ERRCODE = 'RM363', COLUMN = 'codes', HINT = 'Give fewer codes.';
    END IF;
    RETURN QUERY
    WITH set AS MATERIALIZED (
        SELECT c.code, c.ordinality AS place, crm._segment_bitmap(crm._segment_require(c.code)) AS members
            FROM unnest(codes) WITH ORDINALITY c (code))
    SELECT jsonb_build_object('a', a.code, 'b', b.code, 'a_persons', crm.bitmap_count(a.members),
                              'b_persons', crm.bitmap_count(b.members), 'both', n.both,
                              'share_of_a', round(n.both::numeric / nullif(crm.bitmap_count(a.members), 0), 4),
                              'share_of_b', round(n.both::numeric / nullif(crm.bitmap_count(b.members), 0), 4))
    FROM set a JOIN set b ON b.place > a.place OR (cardinality(codes) = 1 AND b.place = a.place)
    CROSS JOIN LATERAL (SELECT crm.bitmap_count(crm.bitmap_and(a.members, b.members)) AS both) n
    ORDER BY a.place, b.place;
END
$$;
COMMENT ON FUNCTION crm.segment_overlap(text[]) IS
    'of each pair of segments how many persons are in both, and what share of each that is; RM361, RM363';

CREATE FUNCTION crm.segment_share(code text, rule jsonb, as_of timestamptz DEFAULT NULL) RETURNS jsonb
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
DECLARE
    moment timestamptz := coalesce(as_of, crm.core_now());
    segment int := crm._segment_require(code);
    members crm.bitmap;
    fitting crm.bitmap;
BEGIN
    PERFORM crm.rule_check(rule);
    members := crm._segment_at(ARRAY[segment], moment);
    fitting := crm._rule_set(rule, moment);
    RETURN jsonb_build_object('persons', crm.bitmap_count(members), 'fitting', crm.bitmap_count(crm.bitmap_and(members, fitting)),
        'share', round(crm.bitmap_count(crm.bitmap_and(members, fitting))::numeric / nullif(crm.bitmap_count(members), 0), 4),
        'fitting_of_all', crm.bitmap_count(fitting));
END
$$;
COMMENT ON FUNCTION crm.segment_share(text, jsonb, timestamptz) IS
    'what share of a segment fits any rule, such as having bought a category or having a tag, now or at a moment; '
    'RM351, RM361';

CREATE FUNCTION crm.segment_list() RETURNS SETOF jsonb
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
BEGIN
    RETURN QUERY
    SELECT jsonb_build_object('segment', s.code, 'name_zh', s.name_zh, 'name_en', s.name_en, 'kind', s.kind, 'rule', s.rule, 'version', s.version,
                              'persons', s.person_count, 'as_of', s.watermark, 'error', s.error,
                                  'changed_by', s.changed_by, 'changed_at', s.changed_at)
    FROM crm.segment s WHERE s.is_active AND s.code !~ '^tag:' ORDER BY s.code;
END
$$;
COMMENT ON FUNCTION crm.segment_list() IS 'the segments with their rules, sizes and as of when these are right';

CREATE FUNCTION crm.segment_tags() RETURNS SETOF jsonb
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
BEGIN
    RETURN QUERY
    SELECT jsonb_build_object('tag', t.tag, 'name_zh', t.name_zh, 'name_en', t.name_en, 'layer', t.layer, 'kind', t.kind, 'rule', s.rule,
        'persons', coalesce(s.person_count, (SELECT count(DISTINCT p.customer_id) FROM crm.customer_tag p
                    WHERE p.tag = t.tag AND p.until > crm.core_now())))
    FROM crm.tag t LEFT JOIN crm.segment s ON s.segment_id = t.segment_id WHERE t.is_active ORDER BY t.layer, t.tag;
END
$$;
COMMENT ON FUNCTION crm.segment_tags() IS 'the dictionary of tags: layer, kind, rule, how many persons have each';

CREATE FUNCTION crm.segment_count(code text, as_of timestamptz DEFAULT NULL) RETURNS bigint
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
DECLARE
    id int := crm._segment_require(code);
BEGIN
    IF as_of IS NULL THEN
        RETURN (SELECT s.person_count FROM crm.segment s WHERE s.segment_id = id);
    END IF;
    RETURN crm.bitmap_count(crm._segment_at(ARRAY[id], as_of));
END
$$;
COMMENT ON FUNCTION crm.segment_count(text, timestamptz) IS 'how many persons are in a segment, or were at a moment; RM361';

CREATE FUNCTION crm.segment_members(code text, as_of timestamptz DEFAULT NULL, after bigint DEFAULT NULL, page int DEFAULT 100) RETURNS SETOF jsonb
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp
    SET enable_seqscan = off SET enable_bitmapscan = off SET enable_hashjoin = off SET enable_mergejoin = off SET jit = off AS
$$
DECLARE
    moment timestamptz := coalesce(as_of, crm.core_now());
    segment int := crm._segment_require(code);
    few crm.bitmap;
BEGIN
    -- of a small segment of now its members are looked up; of another one finds a page among the stays in the order
    -- of their persons; who was merged into another is a member until the segment is looked at again, and stands in
    -- no list of now
    IF EXISTS (SELECT FROM crm.segment s WHERE s.segment_id = segment AND s.moved_at <= moment AND s.person_count <= 5000) THEN
        few := crm._segment_at(ARRAY[segment], moment);
        RETURN QUERY
        SELECT jsonb_build_object('customer_id', c.customer_id, 'name', c.name_masked, 'phone', c.phone_masked,
            'since', m.entered_at, 'cursor', m.customer_id)
        FROM (SELECT x AS id FROM crm.bitmap_members(few) x
              WHERE x > coalesce(after, 0) AND (as_of IS NOT NULL
                      OR EXISTS (SELECT FROM crm.customer k WHERE k.customer_id = x AND k.status = 'active'))
              ORDER BY x LIMIT least(greatest(page, 1), 500)) i
        JOIN crm.segment_member m ON m.customer_id = i.id AND m.segment_id = segment AND m.entered_at <= moment AND m.left_at > moment
        JOIN crm.customer c ON c.customer_id = m.customer_id
        ORDER BY m.customer_id;
        RETURN;
    END IF;
    RETURN QUERY
    SELECT jsonb_build_object('customer_id', c.customer_id, 'name', c.name_masked, 'phone', c.phone_masked,
        'since', m.entered_at, 'cursor', m.customer_id)
    FROM crm.segment_member m JOIN crm.customer c ON c.customer_id = m.customer_id
    WHERE m.segment_id = segment AND m.entered_at <= moment AND m.left_at > moment
        AND m.customer_id > coalesce(after, 0) AND (as_of IS NOT NULL OR c.status = 'active')
    ORDER BY m.customer_id LIMIT least(greatest(page, 1), 500);
END
$$;
COMMENT ON FUNCTION crm.segment_members(text, timestamptz, bigint, int) IS
    'the members of a segment now or at a moment, masked, by id after a cursor, a page of at most 500; RM361';

CREATE FUNCTION crm.segment_sample(code text, size int, seed text DEFAULT '') RETURNS SETOF bigint
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
BEGIN
    IF length(seed) > 200 THEN         -- it is hashed with each member
        RAISE EXCEPTION 'the seed is too long' USING ERRCODE = 'invalid_parameter_value', COLUMN = 'seed', HINT = 'Give at most 200 characters.';
    END IF;
    RETURN QUERY SELECT unnest(crm._rule_sample(crm._segment_ids(crm._segment_require(code)), least(size, 100000), seed));
END
$$;
COMMENT ON FUNCTION crm.segment_sample(text, int, text) IS
    'ids of so many members, the same for the same seed, and a smaller sample is part of a larger; RM361, 22023 for '
    'a seed of more than 200 characters';

CREATE FUNCTION crm.segment_history(customer_id bigint) RETURNS SETOF jsonb
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
DECLARE
    ids bigint[] := crm._identity_cluster(crm._access_require_person(customer_id));
BEGIN
    RETURN QUERY
    SELECT jsonb_build_object('segment', s.code, 'name_zh', s.name_zh, 'name_en', s.name_en,
        'entered_at', m.entered_at, 'left_at', nullif(m.left_at, 'infinity'))
    FROM crm.segment_member m JOIN crm.segment s ON s.segment_id = m.segment_id
    WHERE m.customer_id = ANY (ids) ORDER BY m.entered_at, s.code;
END
$$;
COMMENT ON FUNCTION crm.segment_history(bigint) IS
    'the stays of a person of the actor''s scope in segments and automatic tags, oldest first; P0002';

CREATE FUNCTION crm._segment_check() RETURNS TABLE (room text, what text, expected text, found text)
    LANGUAGE plpgsql STABLE AS
$$
DECLARE
    s record;
    wanted crm.bitmap;
    kept crm.bitmap;
BEGIN
    FOR s IN SELECT x.*, m.members FROM crm.segment x
             LEFT JOIN (SELECT y.segment_id, crm.bitmap_agg(y.customer_id) AS members FROM crm.segment_member y
                     WHERE y.left_at = 'infinity' GROUP BY 1) m ON m.segment_id = x.segment_id
             WHERE x.is_active AND x.watermark IS NOT NULL ORDER BY x.segment_id LOOP
        kept := coalesce(s.members, '{}');
        IF s.kind = 'living' AND s.filled_version = s.version THEN
            wanted := crm._rule_set(s.rule, s.watermark);
            RETURN QUERY SELECT 'segment', format('members of %s as of %s', s.code, s.watermark), format('%s persons', crm.bitmap_count(wanted)),
                                format('%s missing, %s too many', crm.bitmap_count(crm.bitmap_without(wanted, kept)),
                                    crm.bitmap_count(crm.bitmap_without(kept, wanted)))
                         WHERE NOT crm.bitmap_equal(wanted, kept)
                           AND NOT EXISTS (SELECT FROM crm.segment_mark m
                                           WHERE crm.bitmap_count(crm.bitmap_and(m.persons,
                                                       crm.bitmap_or(crm.bitmap_without(wanted, kept),
                                                           crm.bitmap_without(kept, wanted)))) > 0);
        END IF;
        RETURN QUERY SELECT 'segment', format('bitmap of %s', s.code), format('%s members', crm.bitmap_count(kept)),
                            format('%s ordinals, count %s', crm.bitmap_count(b.members), s.person_count)
                     FROM (SELECT crm._segment_bitmap(s.segment_id) AS members) b
                     WHERE crm.bitmap_count(b.members) <> crm.bitmap_count(kept) OR s.person_count <> crm.bitmap_count(kept)
                        OR NOT crm.bitmap_equal(b.members, (SELECT crm.bitmap_agg(o.ordinal) FROM unnest(crm.bitmap_array(kept)) k (id)
                                                            JOIN crm.segment_ordinal o ON o.customer_id = k.id));
    END LOOP;
END
$$;
COMMENT ON FUNCTION crm._segment_check() IS
    'asks everybody every living segment''s rule as of its watermark, and compares bitmaps with stays; a row a '
    'difference; marks still waiting explain theirs';

GRANT EXECUTE ON FUNCTION crm.segment_combine(jsonb), crm.segment_overlap(text[]), crm.segment_share(text, jsonb, timestamptz), crm.segment_list(),
    crm.segment_count(text, timestamptz), crm.segment_members(text, timestamptz, bigint, int), crm.segment_sample(text, int, text)
    TO crm_marketer, crm_analyst, crm_headquarters;
GRANT EXECUTE ON FUNCTION crm.segment_history(bigint) TO crm_store_manager, crm_manager, crm_service, crm_steward,
    crm_marketer, crm_analyst, crm_headquarters;
GRANT EXECUTE ON FUNCTION crm.segment_tags() TO crm_clerk, crm_store_manager, crm_manager, crm_service, crm_steward,
    crm_marketer, crm_analyst, crm_headquarters, crm_admin;
CREATE FUNCTION crm.segment_check() RETURNS TABLE (what text, expected text, found text)
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
BEGIN
    RETURN QUERY SELECT c.what, c.expected, c.found FROM crm._segment_check() c;
END
$$;
COMMENT ON FUNCTION crm.segment_check() IS
    'members kept by increments against everybody asked as of each watermark, and bitmaps against stays; no rows: '
    'all agrees';
GRANT EXECUTE ON FUNCTION crm.segment_check() TO crm_headquarters, crm_admin;
