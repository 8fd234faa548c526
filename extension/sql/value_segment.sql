-- value: names for the cells of scores, and scores over any numeric metric.

CREATE FUNCTION crm._value_between(bounds jsonb, dimension text, score int) RETURNS boolean
    LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
$$ SELECT bounds -> dimension IS NULL OR score BETWEEN (bounds -> dimension ->> 0)::int AND (bounds -> dimension ->> 1)::int $$;
COMMENT ON FUNCTION crm._value_between(jsonb, text, int) IS
    'whether a score lies within a rule''s bounds; a dimension that the rule does not name, does';

CREATE FUNCTION crm._value_segment_check(rules jsonb, parts int, OUT kind text, OUT r int, OUT f int, OUT m int, OUT segments text[])
    RETURNS SETOF record LANGUAGE sql IMMUTABLE AS
$$
    WITH cell AS (
        SELECT r, f, m, array_agg(u.rule ->> 'segment' ORDER BY u.position) FILTER (WHERE u.rule IS NOT NULL) AS segments
        FROM (SELECT CASE WHEN parts > 10 THEN 10 ELSE parts END AS most) p, generate_series(1, p.most) r,
            generate_series(1, p.most) f, generate_series(1, p.most) m
        LEFT JOIN LATERAL (SELECT * FROM jsonb_array_elements(rules) WITH ORDINALITY e (rule, position)
                           WHERE crm._value_between(e.rule, 'r', r) AND crm._value_between(e.rule, 'f', f) AND crm._value_between(e.rule, 'm', m)
                             AND crm._value_between(e.rule, 'fm', (f + m + 1) / 2)) u ON true
        GROUP BY r, f, m)
    SELECT 'gap', c.r, c.f, c.m, c.segments FROM cell c WHERE c.segments IS NULL
    UNION ALL
    SELECT 'overlap', c.r, c.f, c.m, c.segments FROM cell c WHERE cardinality(c.segments) > 1
    UNION ALL
    SELECT 'unreachable', NULL, NULL, NULL, ARRAY[e.rule ->> 'segment'] FROM jsonb_array_elements(rules) e (rule)
    WHERE NOT EXISTS (SELECT FROM cell c WHERE c.segments[1] = e.rule ->> 'segment')
$$;
COMMENT ON FUNCTION crm._value_segment_check(jsonb, int) IS 'crm.value_segment_check() of rules that can be read';

CREATE FUNCTION crm._value_require_segment_rules(rules jsonb) RETURNS void
    LANGUAGE plpgsql IMMUTABLE AS
$$
DECLARE
    shape_is_wrong boolean := (
        SELECT bool_or(e ->> 'segment' IS NULL OR EXISTS (
            SELECT FROM unnest(ARRAY['r', 'f', 'm', 'fm']) d
            WHERE e ? d AND (jsonb_typeof(e -> d) <> 'array'
                    OR NOT coalesce(e #>> ARRAY[d, '0'] ~ '^\d{1,2}$' AND e #>> ARRAY[d, '1'] ~ '^\d{1,2}$', false))))
        FROM jsonb_array_elements(CASE jsonb_typeof(rules) WHEN 'array' THEN rules ELSE '[{}]' END) e);
BEGIN
    IF coalesce(shape_is_wrong, true) THEN
        RAISE EXCEPTION 'segment rules cannot be read'
            USING ERRCODE = 'RM504', COLUMN = 'rules',
                HINT = 'A rule is {"segment": "champions", "name_zh": "...", "name_en": "...", "r": [4, 5], "fm": [4, 5]}.';
    END IF;
END
$$;
COMMENT ON FUNCTION crm._value_require_segment_rules(jsonb) IS
    'RM504 unless these are rules of a map: each with a segment, and bounds of two numbers';

CREATE FUNCTION crm.value_segment_check(rules jsonb, parts int, OUT kind text, OUT r int, OUT f int, OUT m int,
                                        OUT segments text[]) RETURNS SETOF record
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
BEGIN
    PERFORM crm._value_require_segment_rules(rules), crm._require_given(parts, 'parts');
    RETURN QUERY SELECT k.* FROM crm._value_segment_check(rules, parts) k;
END
$$;
COMMENT ON FUNCTION crm.value_segment_check(jsonb, int) IS
    'tries a map''s rules on every cell of scores from 1 to parts (at most 10): gap (no rule holds), overlap '
    '(several do, the first decides), unreachable (a segment that no cell gets); RM504';

CREATE FUNCTION crm._value_put_segments(segment_map text, name text, parts int, rules jsonb) RETURNS void
    LANGUAGE plpgsql AS
$$
DECLARE
    gap record;
BEGIN
    PERFORM crm._value_require_segment_rules(rules);
    SELECT * INTO gap FROM crm._value_segment_check(rules, parts) k WHERE k.kind = 'gap' LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'segment rules leave a cell without a name'
            USING ERRCODE = 'RM504', COLUMN = 'rules', DETAIL = format('Nobody has R %s, F %s, M %s.', gap.r, gap.f,
                    gap.m), HINT = 'A last rule without bounds takes what is left.';
    END IF;
    INSERT INTO crm.rfm_map AS g (segment_map, name, parts)
    VALUES (_value_put_segments.segment_map, _value_put_segments.name, _value_put_segments.parts)
    ON CONFLICT ON CONSTRAINT rfm_map_pkey DO UPDATE SET name = excluded.name, parts = excluded.parts;
    DELETE FROM crm.rfm_map_rule u WHERE u.segment_map = _value_put_segments.segment_map;
    DELETE FROM crm.rfm_cell u WHERE u.segment_map = _value_put_segments.segment_map;
    INSERT INTO crm.rfm_map_rule (segment_map, position, segment, name_zh, name_en, bounds)
    SELECT _value_put_segments.segment_map, e.position, e.rule ->> 'segment', coalesce(e.rule ->> 'name_zh', e.rule ->> 'segment'),
           coalesce(e.rule ->> 'name_en', e.rule ->> 'segment'), e.rule - 'segment' - 'name_zh' - 'name_en'
    FROM jsonb_array_elements(rules) WITH ORDINALITY e (rule, position);
    INSERT INTO crm.rfm_cell (segment_map, r, f, m, segment)
    SELECT DISTINCT ON (r, f, m) _value_put_segments.segment_map, r, f, m, u.segment
    FROM generate_series(1, parts) r, generate_series(1, parts) f, generate_series(1, parts) m, crm.rfm_map_rule u
    WHERE u.segment_map = _value_put_segments.segment_map AND crm._value_between(u.bounds, 'r', r) AND crm._value_between(u.bounds, 'f', f)
      AND crm._value_between(u.bounds, 'm', m) AND crm._value_between(u.bounds, 'fm', (f + m + 1) / 2)
    ORDER BY r, f, m, u.position;
END
$$;
COMMENT ON FUNCTION crm._value_put_segments(text, text, int, jsonb) IS 'stores a map whose rules cover every cell; RM504';

CREATE FUNCTION crm.value_define_segments(segment_map text, name text, parts int, rules jsonb, idempotency_key text DEFAULT NULL) RETURNS jsonb
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
DECLARE
    answer jsonb := crm._idempotency_claim(idempotency_key, 'value_define_segments',
        crm._sha256(convert_to(jsonb_build_array(segment_map, name, parts, rules)::text, 'UTF8')));
BEGIN
    IF answer IS NOT NULL THEN
        RETURN answer;
    END IF;
    PERFORM crm._require_words(segment_map, 'segment_map', 63), crm._require_words(name, 'name', 100);
    IF (parts BETWEEN 2 AND 10) IS NOT TRUE THEN
        RAISE EXCEPTION 'scores have no such number of steps' USING ERRCODE = 'invalid_parameter_value', COLUMN = 'parts', HINT = 'Give 2 to 10.';
    ELSIF EXISTS (SELECT FROM crm.rfm_model x WHERE x.segment_map = value_define_segments.segment_map AND x.parts <> value_define_segments.parts) THEN
        RAISE EXCEPTION 'segment map does not fit a model that uses it'
            USING ERRCODE = 'RM503', COLUMN = 'parts', HINT = 'Give the model another map first, with crm.value_define_rfm().';
    END IF;
    PERFORM crm._value_put_segments(segment_map, name, parts, rules);
    PERFORM crm._audit('edit', 'segment_map', NULL, value_define_segments.segment_map, NULL, NULL, name);
    answer := jsonb_build_object('segment_map', segment_map);
    PERFORM crm._idempotency_store(idempotency_key, answer);
    RETURN answer;
END
$$;
COMMENT ON FUNCTION crm.value_define_segments(text, text, int, jsonb, text) IS
    'makes or replaces names for the cells of scores from 1 to parts: rules in order, each with bounds for r, f, m '
    'or fm (the mean of f and m, rounded up); every cell must get a name; RM503, RM504, 22023';

CREATE FUNCTION crm.value_segments(model text DEFAULT NULL, as_of date DEFAULT NULL)
    RETURNS TABLE (segment text, name_zh text, name_en text, persons bigint, share numeric, net numeric)
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp SET jit = off AS
$$
#variable_conflict use_column
DECLARE
    exponent int := crm._purchase_exponent();
    spec crm.rfm_model;
BEGIN
    SELECT * INTO spec FROM crm.rfm_model a WHERE a.model = crm._value_model(value_segments.model);
    -- added up by cells before it is said in words and money: a million persons have 125 of them
    RETURN QUERY
    WITH cell AS MATERIALIZED (
        SELECT s.r, s.f, s.m, count(*) AS persons, sum(s.net_minor) AS net_minor
        FROM crm._value_scores(spec.model, coalesce(value_segments.as_of, crm._value_today())) s GROUP BY 1, 2, 3)
    SELECT u.segment, u.name_zh, u.name_en, coalesce(sum(c.persons), 0)::bigint,
        round(coalesce(sum(c.persons), 0) / nullif(sum(sum(c.persons)) OVER (), 0), 4),
           coalesce(round(sum(c.net_minor) / 10::numeric ^ exponent, exponent), 0)
    FROM crm.rfm_map_rule u
    LEFT JOIN (crm.rfm_cell k JOIN cell c ON c.r = k.r AND c.f = k.f AND c.m = k.m) ON k.segment_map = u.segment_map AND k.segment = u.segment
    WHERE u.segment_map = spec.segment_map GROUP BY u.position, u.segment, u.name_zh, u.name_en ORDER BY u.position;
END
$$;
COMMENT ON FUNCTION crm.value_segments(text, date) IS
    'persons, their share and net in each segment of a model (default the active one) as of the end of a local day; '
    'share of all with an order in its window; RM505';

-- Any numeric metric.
CREATE FUNCTION crm._value_metric(metric text, days int, as_of date) RETURNS TABLE (customer_id bigint, point numeric)
    LANGUAGE plpgsql STABLE SET enable_material = off SET work_mem = '256MB' AS
$$
DECLARE
    since date := coalesce(crm._require_day(as_of, 'as_of') - days, '-infinity');
    unit numeric := 10::numeric ^ crm._purchase_exponent();
BEGIN
    IF metric IN ('orders', 'net', 'average', 'last_days') THEN
        RETURN QUERY
        SELECT s.customer_id, CASE metric WHEN 'orders' THEN s.order_days::numeric WHEN 'net' THEN s.net_minor / unit
                                          WHEN 'average' THEN s.net_minor / unit / s.order_days ELSE (_value_metric.as_of - s.last_day)::numeric END
        FROM (SELECT crm.value_collect(p.source_record_id, p.history) AS state FROM crm.purchase_chunk p) p,
             (SELECT crm.value_collect_owners(x.source_record_id, x.customer_id) AS state FROM crm.membership x WHERE x.valid_to = 'infinity') x,
             LATERAL crm.value_scored(p.state, x.state, since, _value_metric.as_of, 'none') s;
    ELSIF metric LIKE 'events:%' THEN
        RETURN QUERY
        SELECT x.customer_id, count(*)::numeric FROM crm.event e
            JOIN crm.membership x ON x.source_record_id = e.source_record_id AND x.valid_to = 'infinity'
        WHERE e.type = substr(metric, 8) AND e.ignored_reason IS NULL AND e.business_day BETWEEN since AND _value_metric.as_of
        GROUP BY x.customer_id;
    ELSIF metric LIKE 'custom:%' THEN
        RETURN QUERY
        SELECT c.customer_id, (c.custom ->> substr(metric, 8))::numeric FROM crm.customer c
        WHERE c.status = 'active' AND c.custom ->> substr(metric, 8) ~ '^-?\d{1,18}(\.\d{1,9})?$';
    ELSE
        RAISE EXCEPTION 'there is no metric "%"', metric
            USING ERRCODE = 'RM503', COLUMN = 'metric', HINT = 'Metrics are orders, net, average, last_days, events:TYPE and custom:FIELD.';
    END IF;
END
$$;
COMMENT ON FUNCTION crm._value_metric(text, int, date) IS
    'a number a person: orders, net, average, last_days over the last days (null: ever) as of the end of a local '
    'day; events:TYPE likewise; custom:FIELD as it is now; RM503';

CREATE FUNCTION crm.value_score_metrics(model text, as_of date DEFAULT NULL)
    RETURNS TABLE (customer_id bigint, scores smallint[], points numeric[], total numeric)
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
DECLARE
    spec crm.metric_model;
BEGIN
    SELECT * INTO spec FROM crm.metric_model x WHERE x.model = value_score_metrics.model;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no metric model "%"', model USING ERRCODE = 'RM505', COLUMN = 'model',
            HINT = 'crm.metric_model lists those there are.';
    END IF;
    RETURN QUERY
    WITH metric AS (
        SELECT e.position, e.spec ->> 'metric' AS metric, (e.spec ->> 'days')::int AS days, coalesce((e.spec ->> 'weight')::numeric, 1) AS weight,
               CASE e.spec ->> 'better' WHEN 'low' THEN -1 ELSE 1 END AS sign
        FROM jsonb_array_elements(spec.metrics) WITH ORDINALITY e (spec, position)),
    scored AS (
        SELECT t.customer_id, k.position, t.point, k.weight,
               ceil(spec.parts * cume_dist() OVER (PARTITION BY k.position ORDER BY t.point * k.sign))::smallint AS score
        FROM metric k, LATERAL crm._value_metric(k.metric, k.days, coalesce(value_score_metrics.as_of, crm._value_today())) t)
    SELECT p.customer_id, array_agg(coalesce(s.score, 0::smallint) ORDER BY k.position), array_agg(s.point ORDER BY k.position),
           sum(coalesce(s.score, 0) * k.weight)
    FROM (SELECT DISTINCT s.customer_id FROM scored s) p CROSS JOIN metric k
    LEFT JOIN scored s ON s.customer_id = p.customer_id AND s.position = k.position
    GROUP BY p.customer_id;
END
$$;
COMMENT ON FUNCTION crm.value_score_metrics(text, date) IS
    'scores of a metric model as of the end of a local day (default today), a score a metric in its order: ties '
    'together, the best parts, 0 without the number; total by weights; RM505, RM503';

CREATE FUNCTION crm._value_metrics_daily() RETURNS bigint
    LANGUAGE plpgsql AS
$$
DECLARE
    day date := crm._value_today() - 1;
    spec crm.metric_model;
BEGIN
    SELECT * INTO spec FROM crm.metric_model x
    WHERE x.is_live AND NOT EXISTS (SELECT FROM crm.metric_run u WHERE u.model = x.model AND u.as_of = day) ORDER BY x.model LIMIT 1;
    IF NOT FOUND THEN
        RETURN 0;
    END IF;
    WITH scored AS MATERIALIZED (
        SELECT s.* FROM crm.value_score_metrics(spec.model, day) s),
    shown AS (
        SELECT DISTINCT ON (p.customer_id) p.customer_id, p.scores, p.total FROM crm.metric_score p
        WHERE p.model = spec.model AND p.as_of < day ORDER BY p.customer_id, p.as_of DESC),
    wanted AS (     -- who has none of the numbers any more scores 0, as in every other
        SELECT coalesce(s.customer_id, p.customer_id) AS customer_id,
            coalesce(s.scores, array_fill(0::smallint, ARRAY[jsonb_array_length(spec.metrics)])) AS scores,
            coalesce(s.total, 0) AS total,
               p.scores AS old_scores, p.total AS old_total
        FROM scored s FULL JOIN shown p ON p.customer_id = s.customer_id),
    kept AS (
        INSERT INTO crm.metric_score (customer_id, model, as_of, scores, total)
        SELECT w.customer_id, spec.model, day, w.scores, w.total FROM wanted w WHERE (w.old_scores, w.old_total) IS DISTINCT FROM (w.scores, w.total))
    INSERT INTO crm.metric_run (model, as_of, person_count, finished_at)
    SELECT spec.model, day, count(*), crm.core_now() FROM scored;
    RETURN (SELECT count(*) FROM crm.metric_model x
            WHERE x.is_live AND NOT EXISTS (SELECT FROM crm.metric_run u WHERE u.model = x.model AND u.as_of = day));
END
$$;
COMMENT ON FUNCTION crm._value_metrics_daily() IS
    'job: scores the last whole local day by one live metric model that has not been; a row for each person whose '
    'scores changed; returns how many models are left';

CREATE FUNCTION crm._value_require_counted(metrics jsonb) RETURNS void
    LANGUAGE plpgsql STABLE AS
$$
DECLARE
    unknown text := (
        SELECT e ->> 'metric' FROM jsonb_array_elements(metrics) e
        WHERE (e ->> 'metric' LIKE 'events:%' AND NOT EXISTS (SELECT FROM crm.event_type t WHERE t.code = substr(e ->> 'metric', 8)))
           OR (e ->> 'metric' LIKE 'custom:%' AND NOT EXISTS (SELECT FROM crm.custom_field f WHERE f.entity = 'member'
                       AND NOT f.is_sensitive AND f.code = substr(e ->> 'metric', 8))) LIMIT 1);
BEGIN
    IF unknown IS NOT NULL THEN
        RAISE EXCEPTION 'nothing is counted under "%"', unknown USING ERRCODE = 'RM503', COLUMN = 'metrics',
            HINT = 'crm.event_type lists types of events, crm.custom_field the fields of members; sensitive ones are not scored.';
    END IF;
END
$$;
COMMENT ON FUNCTION crm._value_require_counted(jsonb) IS
    'refuses metrics over events and custom fields that are not defined, which would score nobody; RM503';

CREATE FUNCTION crm.value_define_metrics(model text, name text, metrics jsonb, parts int DEFAULT 5,
                                         is_live boolean DEFAULT true, idempotency_key text DEFAULT NULL)
    RETURNS jsonb
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
DECLARE
    answer jsonb := crm._idempotency_claim(idempotency_key, 'value_define_metrics',
        crm._sha256(convert_to(jsonb_build_array(model, name, metrics, parts, is_live)::text, 'UTF8')));
    one jsonb;
BEGIN
    IF answer IS NOT NULL THEN
        RETURN answer;
    END IF;
    PERFORM crm._require_words(model, 'model', 63), crm._require_words(name, 'name', 100), crm._require_given(is_live, 'is_live');
    IF parts BETWEEN 2 AND 10 IS NOT TRUE THEN
        RAISE EXCEPTION 'metric model cannot be read' USING ERRCODE = 'RM503', COLUMN = 'parts',
            DETAIL = format('Model "%s" has %s parts.', model, parts),
            HINT = 'It has scores from 1 to its parts, 2 to 10.';
    END IF;
    FOR one IN SELECT * FROM jsonb_array_elements(CASE WHEN jsonb_typeof(metrics) = 'array' AND metrics <> '[]' THEN metrics ELSE '[{}]' END) LOOP
        IF coalesce(one ->> 'metric', '') !~ '^(orders|net|average|last_days|events:.+|custom:.+)$'
            OR coalesce(one ->> 'days', '1') !~ '^[1-9]\d{0,4}$'
           OR coalesce(one ->> 'weight', '1') !~ '^\d{1,6}(\.\d{1,6})?$' OR coalesce(one ->> 'better', 'high') NOT IN ('high', 'low') THEN
            RAISE EXCEPTION 'metric cannot be read'
                USING ERRCODE = 'RM503', COLUMN = 'metrics', DETAIL = format('It is %s.', one),
                    HINT = 'A metric is {"metric": "net", "days": 365, "weight": 2, "better": "high"}.';
        END IF;
    END LOOP;
    INSERT INTO crm.metric_model AS x (model, name, metrics, parts, is_live)
    VALUES (value_define_metrics.model, value_define_metrics.name, value_define_metrics.metrics,
        value_define_metrics.parts, value_define_metrics.is_live)
    ON CONFLICT ON CONSTRAINT metric_model_pkey DO UPDATE
    SET name = excluded.name, metrics = excluded.metrics, parts = excluded.parts, is_live = excluded.is_live;
    PERFORM crm._value_require_counted(metrics);
    PERFORM crm._audit('edit', 'metric_model', NULL, value_define_metrics.model, NULL, NULL, name);
    answer := jsonb_build_object('model', model);
    PERFORM crm._idempotency_store(idempotency_key, answer);
    RETURN answer;
END
$$;
COMMENT ON FUNCTION crm.value_define_metrics(text, text, jsonb, int, boolean, text) IS
    'makes or replaces a model of scores over numeric metrics (orders, net, average, last_days, events:TYPE, '
    'custom:FIELD), each with its days, weight and better side; RM503';

GRANT EXECUTE ON FUNCTION crm.value_segment_check(jsonb, int), crm.value_segments(text, date),
    crm.value_score_metrics(text, date) TO crm_marketer, crm_analyst, crm_headquarters;
GRANT EXECUTE ON FUNCTION crm.value_define_segments(text, text, int, jsonb, text),
    crm.value_define_metrics(text, text, jsonb, int, boolean, text) TO crm_headquarters;
GRANT EXECUTE ON FUNCTION crm.value_collect(bigint, crm.purchase_history), crm.value_collect(bigint, date, bigint),
    crm.value_collect_owners(bigint, bigint),
    crm.value_scored(bytea, bytea, date, date, text, int, bigint[], bigint[], bigint[]) TO crm_analyst, crm_headquarters;
