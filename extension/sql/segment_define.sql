-- segment: what a marketer does with segments, and headquarters with the dictionary of tags.

CREATE FUNCTION crm._segment_needs(rule jsonb) RETURNS int[]
    LANGUAGE plpgsql STABLE AS
$$
DECLARE
    asked jsonb := (SELECT jsonb_agg(w) FROM jsonb_path_query(rule, '$.** ? (@.kind == "segment" || @.kind == "tag").where') w);
BEGIN
    IF rule IS NULL OR NOT jsonb_path_exists(rule, '$.** ? (@.kind == "segment" || @.kind == "tag")') THEN
        RETURN '{}';
    END IF;
    RETURN ARRAY(SELECT s.segment_id FROM crm.segment s LEFT JOIN crm.tag t ON t.segment_id = s.segment_id
                 WHERE s.is_active AND s.kind = 'living'
                   AND (asked IS NULL OR coalesce(t.tag, s.code) IN (SELECT x #>> '{}'
                           FROM jsonb_path_query(asked, '$.**') x WHERE jsonb_typeof(x) = 'string'))
                 ORDER BY 1);
END
$$;
COMMENT ON FUNCTION crm._segment_needs(jsonb) IS
    'the living segments, those of automatic tags included, that a rule names; all of them when it names none';

CREATE FUNCTION crm._segment_leans_on(segment_id int, needs int[]) RETURNS boolean
    LANGUAGE plpgsql STABLE AS
$$
DECLARE
    reached int[] := needs;
    next int[];
BEGIN
    LOOP
        IF _segment_leans_on.segment_id = ANY (reached) THEN
            RETURN true;
        END IF;
        next := ARRAY(SELECT DISTINCT n FROM crm.segment s, unnest(s.needs) n WHERE s.segment_id = ANY (reached) AND n <> ALL (reached));
        EXIT WHEN cardinality(next) = 0;
        reached := reached || next;
    END LOOP;
    RETURN false;
END
$$;
COMMENT ON FUNCTION crm._segment_leans_on(int, int[]) IS
    'whether any of these segments, or what they name, names a segment';

CREATE FUNCTION crm._segment_is_announced(kinds text[]) RETURNS boolean
    LANGUAGE plpgsql STABLE AS
$$
BEGIN
    RETURN NOT EXISTS (
        SELECT FROM crm.rule_source s
        WHERE s.kind = ANY (kinds) AND NOT s.spec ? 'version'
          AND (s.spec -> 'facts' = '[]'
              OR NOT s.spec -> 'facts' <@ '["order", "refund", "member", "event", "interaction", "consent", "related", "tag", "segment"]'));
END
$$;
COMMENT ON FUNCTION crm._segment_is_announced(text[]) IS
    'whether all changes of what these kinds ask are told of: by facts that mark their persons, or by a version; '
    'one that changes by no fact and has no version is told of by nobody';

CREATE FUNCTION crm._segment_put(code text, name_zh text, name_en text, kind text, rule jsonb) RETURNS int
    LANGUAGE plpgsql AS
$$
#variable_conflict use_column
DECLARE
    needs int[] := crm._segment_needs(rule);
    kinds text[] := ARRAY(SELECT DISTINCT k #>> '{}' FROM jsonb_path_query(coalesce(rule, '{}'), '$.**.kind') k);
    fact_kinds text[] := ARRAY(SELECT DISTINCT f FROM crm.rule_source s,
            jsonb_array_elements_text(s.spec -> 'facts') f WHERE s.kind = ANY (kinds) ORDER BY 1);
    id int := (SELECT s.segment_id FROM crm.segment s WHERE s.code = _segment_put.code);
BEGIN
    IF id IS NOT NULL AND crm._segment_leans_on(id, needs) THEN
        RAISE EXCEPTION 'a segment cannot lean on itself'
            USING ERRCODE = 'RM363', COLUMN = 'rule', DETAIL = 'What the rule names is made of this segment.', HINT = 'Name other segments.';
    END IF;
    INSERT INTO crm.segment AS x (segment_id, code, name_zh, name_en, kind, rule, facts, is_announced, needs, level, changed_by, changed_at)
    VALUES (coalesce(id, nextval('crm.segment_id_seq')::int), _segment_put.code, _segment_put.name_zh, _segment_put.name_en, _segment_put.kind,
            _segment_put.rule, fact_kinds, crm._segment_is_announced(kinds), needs,
            coalesce((SELECT max(n.level) + 1 FROM crm.segment n WHERE n.segment_id = ANY (needs)), 0), crm._actor(), crm.core_now())
    ON CONFLICT (segment_id) DO UPDATE
    SET name_zh = excluded.name_zh, name_en = excluded.name_en, rule = excluded.rule, facts = excluded.facts, is_announced = excluded.is_announced,
        needs = excluded.needs, level = excluded.level, is_active = true, version = x.version + 1, changed_by = excluded.changed_by,
        changed_at = excluded.changed_at
    RETURNING x.segment_id INTO id;
    -- who leans on it stands above it
    FOR i IN 1 .. 12 LOOP
        UPDATE crm.segment x SET level = (SELECT max(n.level) + 1 FROM crm.segment n WHERE n.segment_id = ANY (x.needs))
        WHERE x.needs <> '{}' AND x.level <= (SELECT max(n.level) FROM crm.segment n WHERE n.segment_id = ANY (x.needs));
        EXIT WHEN NOT FOUND;
    END LOOP;
    RETURN id;
END
$$;
COMMENT ON FUNCTION crm._segment_put(text, text, text, text, jsonb) IS
    'enters or replaces a segment, its id, with what its rule leans on; RM363 when that is itself';

CREATE FUNCTION crm._segment_require(code text) RETURNS int
    LANGUAGE plpgsql STABLE AS
$$
DECLARE
    id int := (SELECT x.segment_id FROM crm.segment x WHERE x.code = _segment_require.code AND x.is_active);
BEGIN
    IF id IS NULL THEN
        RAISE EXCEPTION 'there is no segment "%"', left(code, 80) USING ERRCODE = 'RM361', COLUMN = 'code',
            HINT = 'crm.segment_list() has those there are.';
    END IF;
    RETURN id;
END
$$;
COMMENT ON FUNCTION crm._segment_require(text) IS 'id of an active segment by its code; RM361';

CREATE FUNCTION crm._segment_check_names(code text, name_zh text, field text DEFAULT 'code') RETURNS void
    LANGUAGE plpgsql STABLE AS
$$
BEGIN
    IF coalesce(code, '') !~ '^[^\s:][^\s:]{0,62}$' THEN
        RAISE EXCEPTION 'the code cannot be used' USING ERRCODE = 'RM363', COLUMN = field,
            HINT = 'Give 1 to 63 characters without spaces and colons.';
    ELSIF coalesce(btrim(name_zh), '') = '' OR length(name_zh) > 100 THEN
        RAISE EXCEPTION 'the name cannot be used' USING ERRCODE = 'RM363', COLUMN = 'name_zh', HINT = 'Give 1 to 100 characters.';
    END IF;
END
$$;
COMMENT ON FUNCTION crm._segment_check_names(text, text, text) IS 'RM363 unless a code, of a field, and a name can be used';

CREATE FUNCTION crm.segment_define(code text, name_zh text, rule jsonb, kind text DEFAULT 'living',
                                   name_en text DEFAULT NULL, idempotency_key text DEFAULT NULL) RETURNS jsonb
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
DECLARE
    answer jsonb := crm._idempotency_claim(idempotency_key, 'segment_define',
        crm._sha256(convert_to(jsonb_build_array(code, name_zh, rule, kind, name_en)::text, 'UTF8')));
    id int;
    version int;
BEGIN
    IF answer IS NOT NULL THEN
        RETURN answer;
    END IF;
    PERFORM crm._segment_check_names(code, name_zh);
    IF coalesce(kind, '') NOT IN ('living', 'static') THEN
        RAISE EXCEPTION 'a segment is living or static' USING ERRCODE = 'RM363', COLUMN = 'kind',
            HINT = 'Give living, or static for who fits now and stays.';
    ELSIF EXISTS (SELECT FROM crm.segment x WHERE x.code = segment_define.code AND x.is_active AND x.kind <> segment_define.kind) THEN
        RAISE EXCEPTION 'the segment is of the other kind' USING ERRCODE = 'RM362', COLUMN = 'kind', HINT = 'Use another code.';
    END IF;
    PERFORM crm.rule_check(rule);
    id := crm._segment_put(code, btrim(name_zh), coalesce(nullif(btrim(name_en), ''), btrim(name_zh)), kind, rule);
    version := (SELECT x.version FROM crm.segment x WHERE x.segment_id = id);
    IF kind = 'static' THEN
        PERFORM crm._segment_fill(id, crm.core_now());
    ELSE
        PERFORM crm._worker_wake();
    END IF;
    PERFORM crm._audit('edit', 'segment', id, code, NULL, rule::text, format('version %s', version));
    answer := jsonb_build_object('segment', code, 'segment_id', id, 'version', version);
    PERFORM crm._idempotency_store(idempotency_key, answer);
    RETURN answer;
END
$$;
COMMENT ON FUNCTION crm.segment_define(text, text, jsonb, text, text, text) IS
    'makes or edits a segment: living ones are filled and kept by the worker, static ones filled here and left; '
    'RM351 names what is wrong in the rule, RM362, RM363';

CREATE FUNCTION crm.segment_define_list(code text, name_zh text, customer_ids bigint[], name_en text DEFAULT NULL,
                                        idempotency_key text DEFAULT NULL) RETURNS jsonb
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
DECLARE
    answer jsonb := crm._idempotency_claim(idempotency_key, 'segment_define_list',
        crm._sha256(convert_to(jsonb_build_array(code, name_zh, customer_ids, name_en)::text, 'UTF8')));
    id int;
    version int;
    wanted crm.bitmap;
    kept crm.bitmap;
BEGIN
    IF answer IS NOT NULL THEN
        RETURN answer;
    END IF;
    PERFORM crm._segment_check_names(code, name_zh);
    IF customer_ids IS NULL OR cardinality(customer_ids) > 100000 THEN
        RAISE EXCEPTION 'the list cannot be used' USING ERRCODE = 'RM363', COLUMN = 'customer_ids', HINT = 'Give at most 100,000 customer ids.';
    ELSIF EXISTS (SELECT FROM crm.segment x WHERE x.code = segment_define_list.code AND x.is_active AND x.kind <> 'static') THEN
        RAISE EXCEPTION 'the segment lives by its rule' USING ERRCODE = 'RM362', COLUMN = 'code', HINT = 'Use another code.';
    END IF;
    id := crm._segment_put(code, btrim(name_zh), coalesce(nullif(btrim(name_en), ''), btrim(name_zh)), 'static', NULL);
    version := (SELECT x.version FROM crm.segment x WHERE x.segment_id = id);
    wanted := (SELECT crm.bitmap_agg(coalesce(c.merged_into, c.customer_id)) FROM crm.customer c
               WHERE c.customer_id = ANY (customer_ids) AND c.status IN ('active', 'merged'));
    kept := crm._segment_ids(id);
    DELETE FROM crm.segment_stand_in i WHERE i.segment_id = id;
    PERFORM crm._segment_store(id, crm.bitmap_array(wanted OPERATOR(crm.-) kept),
        crm.bitmap_array(kept OPERATOR(crm.-) wanted), crm.core_now(), false);
    UPDATE crm.segment x SET watermark = crm.core_now(), filled_at = crm.core_now(), filled_version = x.version WHERE x.segment_id = id;
    PERFORM crm._audit('edit', 'segment', id, code, NULL, NULL, format('version %s, a list', version));
    answer := jsonb_build_object('segment', code, 'segment_id', id, 'version', version, 'persons', crm.bitmap_count(wanted));
    PERFORM crm._idempotency_store(idempotency_key, answer);
    RETURN answer;
END
$$;
COMMENT ON FUNCTION crm.segment_define_list(text, text, bigint[], text, text) IS
    'makes or replaces a static segment of persons by their ids, merged ones as who they are now, unknown ones left '
    'out; RM362, RM363';

CREATE FUNCTION crm.segment_drop(code text, idempotency_key text DEFAULT NULL) RETURNS jsonb
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
DECLARE
    answer jsonb := crm._idempotency_claim(idempotency_key, 'segment_drop', convert_to(coalesce(code, ''), 'UTF8'));
    id int;
    user_code text;
BEGIN
    IF answer IS NOT NULL THEN
        RETURN answer;
    END IF;
    id := crm._segment_require(code);
    SELECT x.code INTO user_code FROM crm.segment x
    WHERE x.is_active AND x.segment_id <> id AND id = ANY (crm._segment_needs(x.rule)) LIMIT 1;
    IF user_code IS NOT NULL OR EXISTS (SELECT FROM crm.tag t WHERE t.segment_id = id AND t.is_active) THEN
        RAISE EXCEPTION 'the segment is in use' USING ERRCODE = 'RM362', COLUMN = 'code',
            DETAIL = CASE WHEN user_code IS NOT NULL THEN format('Segment "%s" names it.', user_code) ELSE 'A tag is made of it.' END,
            HINT = 'Change what leans on it first.';
    END IF;
    PERFORM crm._segment_store(id, '{}', crm.bitmap_array(crm._segment_ids(id)), crm.core_now(), false);
    UPDATE crm.segment x SET is_active = false, watermark = NULL, changed_by = crm._actor(), changed_at = crm.core_now() WHERE x.segment_id = id;
    PERFORM crm._audit('edit', 'segment', id, code, NULL, NULL, 'dropped');
    answer := jsonb_build_object('segment', code, 'dropped', true);
    PERFORM crm._idempotency_store(idempotency_key, answer);
    RETURN answer;
END
$$;
COMMENT ON FUNCTION crm.segment_drop(text, text) IS 'ends a segment; who was in when stays known; RM361, RM362';

CREATE FUNCTION crm.segment_define_tag(tag text, name_zh text, layer text, rule jsonb DEFAULT NULL, kind text DEFAULT NULL, name_en text DEFAULT NULL,
                                       idempotency_key text DEFAULT NULL) RETURNS jsonb
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
DECLARE
    answer jsonb := crm._idempotency_claim(idempotency_key, 'segment_define_tag',
        crm._sha256(convert_to(jsonb_build_array(tag, name_zh, layer, rule, kind, name_en)::text, 'UTF8')));
    wanted text := coalesce(kind, CASE WHEN rule IS NULL THEN 'manual' ELSE 'automatic' END);
    id int;
    has_left boolean;
BEGIN
    IF answer IS NOT NULL THEN
        RETURN answer;
    END IF;
    PERFORM crm._segment_check_names(tag, name_zh, 'tag');
    IF coalesce(layer, '') NOT IN ('base', 'behaviour', 'prediction') THEN
        RAISE EXCEPTION 'there is no such layer' USING ERRCODE = 'RM363', COLUMN = 'layer', HINT = 'Layers are base, behaviour and prediction.';
    ELSIF wanted NOT IN ('manual', 'automatic', 'predicted') OR (wanted = 'automatic') <> (rule IS NOT NULL) THEN
        RAISE EXCEPTION 'kind and rule do not go together' USING ERRCODE = 'RM363', COLUMN = 'kind',
            HINT = 'An automatic tag has a rule, a manual or predicted one has none.';
    ELSIF EXISTS (SELECT FROM crm.tag t WHERE t.tag = segment_define_tag.tag AND t.kind <> wanted) THEN
        RAISE EXCEPTION 'the tag is of another kind' USING ERRCODE = 'RM362', COLUMN = 'kind', HINT = 'Use another tag.';
    END IF;
    PERFORM FROM crm.tag t WHERE t.tag = segment_define_tag.tag FOR NO KEY UPDATE;
    has_left := crm._segment_leave_benchmarks(tag, rule);
    IF rule IS NOT NULL THEN
        PERFORM crm.rule_check(rule);
        id := crm._segment_put('tag:' || tag, btrim(name_zh), coalesce(nullif(btrim(name_en), ''), btrim(name_zh)), 'living', rule);
        PERFORM crm._worker_wake();
    END IF;
    INSERT INTO crm.tag AS t (tag, name_zh, name_en, layer, kind, segment_id, changed_by, changed_at)
    VALUES (segment_define_tag.tag, btrim(name_zh), coalesce(nullif(btrim(name_en), ''), btrim(name_zh)), segment_define_tag.layer, wanted, id,
            crm._actor(), crm.core_now())
    ON CONFLICT ON CONSTRAINT tag_pkey DO UPDATE
    SET name_zh = excluded.name_zh, name_en = excluded.name_en, layer = excluded.layer, is_active = true, changed_by = excluded.changed_by,
        changed_at = excluded.changed_at;
    PERFORM crm._audit('edit', 'tag', NULL, tag, NULL, rule::text, layer || CASE WHEN has_left THEN ', follows benchmarks no longer' ELSE '' END);
    answer := jsonb_build_object('tag', tag, 'kind', wanted, 'layer', layer) || CASE
        WHEN has_left THEN '{"left_benchmarks": true}'::jsonb ELSE '{}' END;
    PERFORM crm._idempotency_store(idempotency_key, answer);
    RETURN answer;
END
$$;
COMMENT ON FUNCTION crm.segment_define_tag(text, text, text, jsonb, text, text, text) IS
    'makes or edits a tag of the chain''s dictionary: layer base, behaviour or prediction; with a rule it is '
    'automatic and goes when the rule no longer holds; one that followed benchmarks does so no longer when its rule '
    'is another; RM351, RM362, RM363';

GRANT EXECUTE ON FUNCTION crm.segment_define(text, text, jsonb, text, text, text), crm.segment_define_list(text, text, bigint[], text, text),
    crm.segment_drop(text, text) TO crm_marketer, crm_headquarters;
GRANT EXECUTE ON FUNCTION crm.segment_define_tag(text, text, text, jsonb, text, text, text) TO crm_marketer, crm_headquarters;
