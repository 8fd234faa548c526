-- segment: figures of the trade beside a person's own: a tag follows whoever departs from a benchmark, and follows
-- the benchmark.

CREATE FUNCTION crm._segment_benchmark_rule(tag text) RETURNS jsonb
    LANGUAGE plpgsql STABLE AS
$$
BEGIN
    RETURN (SELECT jsonb_build_object('all', jsonb_agg(b.condition
            || jsonb_build_object('op', d.op, 'value', round(b.value * d.factor, 6)) ORDER BY d.metric, d.op))
            FROM crm.benchmark_tag d JOIN crm.benchmark b ON b.metric = d.metric WHERE d.tag = _segment_benchmark_rule.tag HAVING count(*) > 0);
END
$$;
COMMENT ON FUNCTION crm._segment_benchmark_rule(text) IS
    'the rule of a tag that follows benchmarks: every metric departs from its figure as the tag says; null when it '
    'follows none';

CREATE FUNCTION crm._segment_leave_benchmarks(tag text, rule jsonb) RETURNS boolean
    LANGUAGE plpgsql AS
$$
BEGIN
    DELETE FROM crm.benchmark_tag d WHERE d.tag = _segment_leave_benchmarks.tag AND rule IS DISTINCT FROM crm._segment_benchmark_rule(d.tag);
    RETURN FOUND;
END
$$;
COMMENT ON FUNCTION crm._segment_leave_benchmarks(text, jsonb) IS
    'ends a tag''s following of benchmarks when it is given another rule than they make, so that none of them '
    'writes over it; whether it ended';

CREATE FUNCTION crm._segment_check_measure(condition jsonb) RETURNS void
    LANGUAGE plpgsql STABLE AS
$$
DECLARE
    why text;
    remedy text;
BEGIN
    PERFORM crm.rule_check(condition || '{"op": ">=", "value": 1}');
EXCEPTION WHEN SQLSTATE 'RM351' THEN        -- which calls what it was given "rule"
    GET STACKED DIAGNOSTICS why = PG_EXCEPTION_DETAIL, remedy = PG_EXCEPTION_HINT;
    RAISE EXCEPTION '%', SQLERRM USING ERRCODE = 'RM351', COLUMN = 'condition', DETAIL = why, HINT = remedy;
END
$$;
COMMENT ON FUNCTION crm._segment_check_measure(jsonb) IS
    'RM351 unless a condition, given an operator and a number, is a rule';

CREATE FUNCTION crm.segment_set_benchmark(metric text, value numeric, origin text, name_zh text DEFAULT NULL,
                                          condition jsonb DEFAULT NULL, name_en text DEFAULT NULL,
                                          idempotency_key text DEFAULT NULL) RETURNS jsonb
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
#variable_conflict use_column
DECLARE
    answer jsonb := crm._idempotency_claim(idempotency_key, 'segment_set_benchmark',
        crm._sha256(convert_to(jsonb_build_array(metric, value, origin, name_zh, condition, name_en)::text, 'UTF8')));
    was crm.benchmark;
    asked jsonb;
    wrong text;
BEGIN
    IF answer IS NOT NULL THEN
        RETURN answer;
    END IF;
    SELECT b.* INTO was FROM crm.benchmark b WHERE b.metric = segment_set_benchmark.metric FOR NO KEY UPDATE;
    asked := coalesce(segment_set_benchmark.condition, was.condition);
    wrong := CASE WHEN coalesce(metric, '') !~ '^[a-z][a-z0-9_]{0,39}$' THEN 'metric' WHEN value IS NULL OR value <= 0 OR value > 1e12 THEN 'value'
                  WHEN coalesce(btrim(origin), '') = '' THEN 'origin' END;
    IF wrong IS NOT NULL THEN
        RAISE EXCEPTION 'a benchmark is a metric with a figure above zero and where it comes from' USING ERRCODE = 'RM363', COLUMN = wrong,
            HINT = 'Send a short lower-case metric, its figure and its origin, such as a report of the trade.';
    ELSIF jsonb_typeof(asked) IS DISTINCT FROM 'object' OR asked ?| '{op,value,all,any,not}' THEN
        RAISE EXCEPTION 'a benchmark measures one number of a person' USING ERRCODE = 'RM363', COLUMN = 'condition',
            HINT = 'Send a condition of the rule language without op and value, such as {"kind": "purchase", "measure": "average", "days": 365}.';
    END IF;
    PERFORM crm._segment_check_measure(asked);
    INSERT INTO crm.benchmark AS b (metric, name_zh, name_en, condition, value, origin, changed_by, changed_at)
    VALUES (segment_set_benchmark.metric, coalesce(name_zh, was.name_zh, metric),
        coalesce(name_en, was.name_en, metric), asked, value, btrim(origin), crm._actor(), crm.core_now())
    ON CONFLICT ON CONSTRAINT benchmark_pkey DO UPDATE
    SET name_zh = excluded.name_zh, name_en = excluded.name_en, condition = excluded.condition, value = excluded.value, origin = excluded.origin,
        changed_by = excluded.changed_by, changed_at = excluded.changed_at;
    PERFORM crm._audit('edit', 'benchmark', NULL, metric, was.value::text, value::text, origin);
    PERFORM crm._segment_follow_benchmarks(ARRAY(SELECT DISTINCT d.tag FROM crm.benchmark_tag d
        WHERE d.metric = segment_set_benchmark.metric ORDER BY 1));
    answer := jsonb_build_object('metric', metric, 'value', value,
            'tags', (SELECT coalesce(jsonb_agg(DISTINCT d.tag), '[]') FROM crm.benchmark_tag d
                WHERE d.metric = segment_set_benchmark.metric));
    PERFORM crm._idempotency_store(idempotency_key, answer);
    RETURN answer;
END
$$;
COMMENT ON FUNCTION crm.segment_set_benchmark(text, numeric, text, text, jsonb, text, text) IS
    'the figure of the trade for a metric (a condition of the rule language without op and value) and where it '
    'comes from; tags that follow it are asked anew of everybody; RM351, RM363';

CREATE FUNCTION crm._segment_follow_benchmarks(tags text[]) RETURNS void
    LANGUAGE plpgsql AS
$$
BEGIN
    -- of two figures of one tag that change at once the second is written from both
    PERFORM FROM crm.tag t WHERE t.tag = ANY (tags) ORDER BY t.tag FOR NO KEY UPDATE;
    PERFORM crm.segment_define_tag(t.tag, t.name_zh, t.layer, crm._segment_benchmark_rule(t.tag), 'automatic', t.name_en)
    FROM crm.tag t WHERE t.tag = ANY (tags) AND crm._segment_benchmark_rule(t.tag) IS NOT NULL;
END
$$;
COMMENT ON FUNCTION crm._segment_follow_benchmarks(text[]) IS
    'writes the rules of tags anew after benchmarks, or what they make of them, changed';

CREATE FUNCTION crm.segment_tag_deviation(tag text, name_zh text, deviations jsonb, name_en text DEFAULT NULL,
                                          idempotency_key text DEFAULT NULL) RETURNS jsonb
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
DECLARE
    answer jsonb := crm._idempotency_claim(idempotency_key,
            'segment_tag_deviation', crm._sha256(convert_to(jsonb_build_array(tag, name_zh, deviations,
                    name_en)::text, 'UTF8')));
    wrong jsonb;
BEGIN
    IF answer IS NOT NULL THEN
        RETURN answer;
    END IF;
    IF jsonb_typeof(deviations) IS DISTINCT FROM 'array' OR jsonb_array_length(deviations) NOT BETWEEN 1 AND 10 THEN
        RAISE EXCEPTION 'there is nothing to compare' USING ERRCODE = 'RM363', COLUMN = 'deviations',
            HINT = 'Send [{"metric", "op", "factor"}, ...], at most ten.';
    END IF;
    SELECT d.value INTO wrong FROM jsonb_array_elements(deviations) d
    WHERE jsonb_typeof(d.value) <> 'object' OR NOT EXISTS (SELECT FROM crm.benchmark b WHERE b.metric = d.value ->> 'metric')
       OR coalesce(d.value ->> 'op', '') NOT IN ('<', '<=', '>', '>=') OR coalesce(jsonb_typeof(d.value -> 'factor'), '') <> 'number'
       OR NOT coalesce((d.value ->> 'factor')::numeric BETWEEN 0.000001 AND 1000, false) LIMIT 1;
    IF wrong IS NOT NULL THEN
        RAISE EXCEPTION 'this is no departure from a benchmark' USING ERRCODE = 'RM363', COLUMN = 'deviations', DETAIL = wrong::text,
            HINT = 'Name a metric that has a benchmark, one of < <= > >=, and how many times the figure, such as {"metric": "average_order", "op": ">=", "factor": 1.5}.';
    END IF;
    -- figures before tags, as whoever changes a figure
    PERFORM FROM crm.benchmark b WHERE b.metric IN (SELECT d.value ->> 'metric' FROM jsonb_array_elements(deviations) d) ORDER BY b.metric FOR SHARE;
    PERFORM FROM crm.tag t WHERE t.tag = segment_tag_deviation.tag FOR NO KEY UPDATE;
    DELETE FROM crm.benchmark_tag d WHERE d.tag = segment_tag_deviation.tag;
    INSERT INTO crm.benchmark_tag (tag, metric, op, factor)
    SELECT DISTINCT ON (d.value ->> 'metric', d.value ->> 'op') segment_tag_deviation.tag, d.value ->> 'metric',
        d.value ->> 'op', (d.value ->> 'factor')::numeric
    FROM jsonb_array_elements(deviations) WITH ORDINALITY d ORDER BY d.value ->> 'metric', d.value ->> 'op', d.ordinality DESC;
    answer := crm.segment_define_tag(tag, name_zh, 'behaviour', crm._segment_benchmark_rule(tag), 'automatic', name_en)
              || jsonb_build_object('rule', crm._segment_benchmark_rule(tag));
    PERFORM crm._idempotency_store(idempotency_key, answer);
    RETURN answer;
END
$$;
COMMENT ON FUNCTION crm.segment_tag_deviation(text, text, jsonb, text, text) IS
    'makes or edits an automatic tag for whoever departs from benchmarks: every metric so many times its figure, '
    'kept as figures change; RM362, RM363';

CREATE FUNCTION crm.segment_benchmarks() RETURNS SETOF jsonb
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
BEGIN
    RETURN QUERY
    SELECT jsonb_build_object('metric', b.metric, 'name_zh', b.name_zh, 'name_en', b.name_en,
               'condition', b.condition, 'value', b.value, 'origin', b.origin,
               'changed_by', b.changed_by, 'changed_at', b.changed_at,
               'tags', (SELECT coalesce(jsonb_agg(jsonb_build_object('tag', d.tag, 'op', d.op, 'factor', d.factor,
                               'threshold', round(b.value * d.factor, 6),
                                                                     'persons', s.person_count) ORDER BY d.tag, d.op), '[]')
                        FROM crm.benchmark_tag d LEFT JOIN crm.segment s ON s.code = 'tag:' || d.tag WHERE d.metric = b.metric))
    FROM crm.benchmark b ORDER BY b.metric;
END
$$;
COMMENT ON FUNCTION crm.segment_benchmarks() IS
    'the figures of the trade that are known, where they come from, and the tags that follow them with their '
    'numbers of persons';

GRANT EXECUTE ON FUNCTION crm.segment_set_benchmark(text, numeric, text, text, jsonb, text, text),
    crm.segment_tag_deviation(text, text, jsonb, text, text)
    TO crm_marketer, crm_headquarters;
GRANT EXECUTE ON FUNCTION crm.segment_benchmarks() TO crm_marketer, crm_analyst, crm_headquarters;
