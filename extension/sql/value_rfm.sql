-- value: recency, frequency and monetary scores, as of any date, and their daily run.

CREATE FUNCTION crm._value_score(point bigint, cuts bigint[]) RETURNS smallint
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'crm_value_score';
COMMENT ON FUNCTION crm._value_score(bigint, bigint[]) IS
    'one more than the number of cuts below a value; a null cut lies below every value';

-- Everybody's purchases in one scan, by source record; records become persons by a second such state.
CREATE FUNCTION crm._value_collect_chunk(state bytea, source_record_id bigint, history crm.purchase_history) RETURNS bytea
    LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'crm_value_collect_chunk';
CREATE FUNCTION crm._value_collect_order(state bytea, source_record_id bigint, day date, minor bigint) RETURNS bytea
    LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'crm_value_collect_order';
CREATE FUNCTION crm._value_collect_owner(state bytea, source_record_id bigint, customer_id bigint) RETURNS bytea
    LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'crm_value_collect_owner';
CREATE FUNCTION crm._value_collect_combine_chunks(state bytea, other bytea) RETURNS bytea
    LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'crm_value_collect_combine_chunks';
CREATE FUNCTION crm._value_collect_combine_orders(state bytea, other bytea) RETURNS bytea
    LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'crm_value_collect_combine_orders';
CREATE FUNCTION crm._value_collect_combine_owners(state bytea, other bytea) RETURNS bytea
    LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'crm_value_collect_combine_owners';
COMMENT ON FUNCTION crm._value_collect_chunk(bytea, bigint, crm.purchase_history) IS
    'collects a chunk of a record''s history';
COMMENT ON FUNCTION crm._value_collect_order(bytea, bigint, date, bigint) IS 'collects an order of a record';
COMMENT ON FUNCTION crm._value_collect_owner(bytea, bigint, bigint) IS 'collects whose a record is';
COMMENT ON FUNCTION crm._value_collect_combine_chunks(bytea, bytea) IS 'two collections of chunks together';
COMMENT ON FUNCTION crm._value_collect_combine_orders(bytea, bytea) IS 'two collections of orders together';
COMMENT ON FUNCTION crm._value_collect_combine_owners(bytea, bytea) IS 'two collections of owners together';
CREATE FUNCTION crm._value_collect_finish(state bytea) RETURNS bytea
    LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'crm_value_collect_finish';
COMMENT ON FUNCTION crm._value_collect_finish(bytea) IS
    'a ticket under which this backend finds what was collected while the statement runs';
CREATE AGGREGATE crm.value_collect(source_record_id bigint, history crm.purchase_history) (
    SFUNC = crm._value_collect_chunk, STYPE = bytea, SSPACE = 1048576, COMBINEFUNC = crm._value_collect_combine_chunks,
    FINALFUNC = crm._value_collect_finish, PARALLEL = SAFE);
CREATE AGGREGATE crm.value_collect(source_record_id bigint, day date, minor bigint) (
    SFUNC = crm._value_collect_order, STYPE = bytea, SSPACE = 1048576, COMBINEFUNC = crm._value_collect_combine_orders,
    FINALFUNC = crm._value_collect_finish, PARALLEL = SAFE);
CREATE AGGREGATE crm.value_collect_owners(source_record_id bigint, customer_id bigint) (
    SFUNC = crm._value_collect_owner, STYPE = bytea, SSPACE = 1048576, COMBINEFUNC = crm._value_collect_combine_owners,
    FINALFUNC = crm._value_collect_finish, PARALLEL = SAFE);
COMMENT ON AGGREGATE crm.value_collect(bigint, crm.purchase_history) IS
    'the histories of many records, for crm.value_scored()';
COMMENT ON AGGREGATE crm.value_collect(bigint, date, bigint) IS
    'the orders of many records (refunds negative, on their order''s day) in minor units, for crm.value_scored()';
COMMENT ON AGGREGATE crm.value_collect_owners(bigint, bigint) IS 'whose the records are, for crm.value_scored()';

CREATE FUNCTION crm.value_scored(purchases bytea, owners bytea, from_day date, as_of date, method text DEFAULT 'quintile', parts int DEFAULT 5,
                                 r_cuts bigint[] DEFAULT NULL, f_cuts bigint[] DEFAULT NULL, m_cuts bigint[] DEFAULT NULL,
                                 OUT customer_id bigint, OUT r smallint, OUT f smallint, OUT m smallint,
                                 OUT last_day date, OUT order_days int, OUT net_minor bigint)
    RETURNS SETOF record LANGUAGE c IMMUTABLE PARALLEL SAFE ROWS 100000 AS 'MODULE_PATHNAME', 'crm_value_scored';
COMMENT ON FUNCTION crm.value_scored(bytea, bytea, date, date, text, int, bigint[], bigint[], bigint[]) IS
    'recency, frequency, monetary scores of everybody who was collected, with an order in [from_day, as_of]: '
    'quintile (ties together), ntile (equal parts, ties by customer), nested (within each other), threshold (by '
    'cuts; r in days since 2000-01-01); 1 to parts, the most is best; 22023';

CREATE FUNCTION crm._value_bounds(cuts jsonb, dimension text, is_lower boolean) RETURNS bigint[]
    LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
$$ SELECT array_agg(c::bigint - is_lower::int ORDER BY c::bigint) FROM jsonb_array_elements_text(cuts -> dimension) c $$;
COMMENT ON FUNCTION crm._value_bounds(jsonb, text, boolean) IS
    'fixed thresholds as cuts; a lower bound belongs to the better score, so its cut is one less';

CREATE FUNCTION crm._value_scores(model text, as_of date)
    RETURNS TABLE (customer_id bigint, r smallint, f smallint, m smallint, recency_days int, order_days int, net_minor bigint)
    LANGUAGE plpgsql STABLE SET enable_material = off SET work_mem = '256MB' AS
$$
DECLARE
    spec crm.rfm_model;
    from_day date;
BEGIN
    SELECT * INTO spec FROM crm.rfm_model s WHERE s.model = crm._value_model(_value_scores.model);
    PERFORM crm._require_day(as_of, 'as_of');
    from_day := CASE WHEN spec.window_days IS NULL THEN '-infinity' ELSE as_of - spec.window_days END;
    RETURN QUERY
    SELECT s.customer_id, s.r, s.f, s.m, _value_scores.as_of - s.last_day, s.order_days, s.net_minor
    FROM (SELECT crm.value_collect(p.source_record_id, p.history) AS state FROM crm.purchase_chunk p) p,
         (SELECT crm.value_collect_owners(x.source_record_id, x.customer_id) AS state FROM crm.membership x WHERE x.valid_to = 'infinity') x,
         LATERAL crm.value_scored(p.state, x.state, from_day, _value_scores.as_of, spec.method, spec.parts,
                                  (SELECT array_agg(_value_scores.as_of - '2000-01-01'::date - 1 - c ORDER BY c)
                                      FROM unnest(crm._value_bounds(spec.cuts, 'r', false)) c),
                                  crm._value_bounds(spec.cuts, 'f', true), crm._value_bounds(spec.cuts, 'm', true)) s;
END
$$;
COMMENT ON FUNCTION crm._value_scores(text, date) IS
    'scores of every person with an order in the model''s window as of the end of a local day, by what was known '
    'then, with today''s records; the most is best (one more than the thresholds); RM505, 22023';

CREATE FUNCTION crm._value_model(model text) RETURNS text
    LANGUAGE plpgsql STABLE AS
$$
DECLARE
    found text;
BEGIN
    SELECT a.model INTO found FROM crm.rfm_model a WHERE CASE WHEN _value_model.model IS NULL THEN a.is_active ELSE a.model = _value_model.model END;
    IF found IS NULL THEN
        RAISE EXCEPTION 'there is no RFM model "%"', model USING ERRCODE = 'RM505', COLUMN = 'model',
            HINT = 'crm.rfm_model lists those there are.';
    END IF;
    RETURN found;
END
$$;
COMMENT ON FUNCTION crm._value_model(text) IS 'the name of a model of scores (null: of the active one); RM505';

CREATE FUNCTION crm.value_rfm(model text DEFAULT NULL, as_of date DEFAULT NULL)
    RETURNS TABLE (customer_id bigint, r smallint, f smallint, m smallint, recency_days int, order_days int, net numeric, total numeric, segment text)
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
DECLARE
    exponent int := crm._purchase_exponent();
    spec crm.rfm_model;
BEGIN
    SELECT * INTO spec FROM crm.rfm_model a WHERE a.model = crm._value_model(value_rfm.model);
    RETURN QUERY
    SELECT s.customer_id, s.r, s.f, s.m, s.recency_days, s.order_days, round(s.net_minor / 10::numeric ^ exponent, exponent),
           s.r * (spec.weights ->> 'r')::numeric + s.f * (spec.weights ->> 'f')::numeric + s.m * (spec.weights ->> 'm')::numeric, c.segment
    FROM crm._value_scores(spec.model, coalesce(value_rfm.as_of, crm._value_today())) s
    LEFT JOIN crm.rfm_cell c ON c.segment_map = spec.segment_map AND c.r = s.r AND c.f = s.f AND c.m = s.m;
END
$$;
COMMENT ON FUNCTION crm.value_rfm(text, date) IS
    'R, F, M of every person with an order in the model''s window (default the active model) as of the end of a '
    'local day (default today), by what was known then; quintile: ties share the best score one of them would get; '
    'ntile: equal parts, ties broken by customer_id; nested: F within R, M within F; mean: 2 above the mean, else '
    '1; threshold: fixed cuts; the weighted total, and the segment by the model''s map; RM505';

CREATE FUNCTION crm._value_score_all(model text, day date) RETURNS void
    LANGUAGE plpgsql AS
$$
DECLARE
    broke_off boolean := EXISTS (SELECT FROM crm.rfm_run x WHERE x.model = _value_score_all.model AND x.as_of < day AND x.finished_at IS NULL);
BEGIN
    DELETE FROM crm.rfm_cut c WHERE c.model = _value_score_all.model AND c.as_of = day;
    -- scores of a run that broke off stand in rows, and some persons never showed them; who has had facts since the
    -- run before shows scores that no row tells of yet
    WITH scored AS MATERIALIZED (
        SELECT s.* FROM crm._value_scores(_value_score_all.model, day) s),
    cut AS (
        INSERT INTO crm.rfm_cut (model, as_of, dimension, score, lower_bound, upper_bound, person_count)
        SELECT _value_score_all.model, day, d.dimension, d.score, min(d.point), max(d.point), count(*)
        FROM scored s, LATERAL (VALUES ('r', s.r, s.recency_days::bigint), ('f', s.f, s.order_days::bigint),
                ('m', s.m, s.net_minor)) d (dimension, score, point)
        GROUP BY d.dimension, d.score)
    INSERT INTO crm.rfm_score (customer_id, model, as_of, r, f, m)
    SELECT coalesce(s.customer_id, v.customer_id), _value_score_all.model, day, s.r, s.f, s.m
    FROM scored s FULL JOIN crm._value_shown(_value_score_all.model, day) v ON v.customer_id = s.customer_id
    WHERE (s.r, s.f, s.m) IS DISTINCT FROM (v.r, v.f, v.m)
       OR (v.is_fresh OR broke_off) AND ARRAY[s.r, s.f, s.m] <> coalesce((SELECT ARRAY[x.r, x.f, x.m] FROM crm.rfm_score x
                                                           WHERE x.customer_id = v.customer_id AND x.model = _value_score_all.model AND x.as_of <= day
                                                           ORDER BY x.as_of DESC LIMIT 1), '{NULL, NULL, NULL}')
    ON CONFLICT ON CONSTRAINT rfm_score_pkey DO UPDATE SET r = excluded.r, f = excluded.f, m = excluded.m;
    UPDATE crm.rfm_model x
    SET cut_as_of = day, r_cuts = crm._value_cut_points(x.model, day, 'r'),
        f_cuts = crm._value_cut_points(x.model, day, 'f'), m_cuts = crm._value_cut_points(x.model, day, 'm')
    WHERE x.model = _value_score_all.model;
    DELETE FROM crm.rfm_run x WHERE x.model = _value_score_all.model AND x.as_of < day AND x.finished_at IS NULL;
END
$$;
COMMENT ON FUNCTION crm._value_score_all(text, date) IS
    'scores everybody as of a day: cut points, and a row for each person whose scores change; locks nobody';

CREATE FUNCTION crm._value_cut_points(cut_model text, day date, dimension text) RETURNS bigint[]
    LANGUAGE plpgsql STABLE AS
$$
DECLARE
    model crm.rfm_model;
BEGIN
    SELECT * INTO model FROM crm.rfm_model x WHERE x.model = cut_model;
    IF model.method = 'threshold' THEN
        RETURN CASE _value_cut_points.dimension
            WHEN 'r' THEN (SELECT array_agg(day - '2000-01-01'::date - 1 - c ORDER BY c DESC)
                    FROM unnest(crm._value_bounds(model.cuts, 'r', false)) c)
            ELSE crm._value_bounds(model.cuts, _value_cut_points.dimension, true) END;
    END IF;
    RETURN (SELECT array_agg((SELECT max(CASE _value_cut_points.dimension
                              WHEN 'r' THEN day - '2000-01-01'::date - c.lower_bound ELSE c.upper_bound END)
                              FROM crm.rfm_cut c WHERE c.model = cut_model AND c.as_of = day
                                      AND c.dimension = _value_cut_points.dimension AND c.score <= k) ORDER BY k)
            FROM generate_series(1, model.parts - 1) k);
END
$$;
COMMENT ON FUNCTION crm._value_cut_points(text, date, text) IS
    'the cut points of a run, as crm._value_score() takes them: for each but the best score the greatest value that '
    'does not exceed it; recency as a day since 2000-01-01, which stays where it is while everybody ages';

CREATE FUNCTION crm._value_shown(shown_model text, day date) RETURNS TABLE (customer_id bigint, r smallint, f smallint, m smallint, is_fresh boolean)
    LANGUAGE plpgsql STABLE AS
$$
DECLARE
    shown crm.rfm_model;
BEGIN
    SELECT * INTO shown FROM crm.rfm_model x WHERE x.model = shown_model;
    IF shown.is_active THEN
        RETURN QUERY SELECT v.customer_id, v.r, v.f, v.m, v.as_of >= shown.cut_as_of FROM crm.customer_value v;
    ELSE
        RETURN QUERY
        SELECT DISTINCT ON (s.customer_id) s.customer_id, s.r, s.f, s.m, false FROM crm.rfm_score s
        WHERE s.model = shown_model AND s.as_of < day ORDER BY s.customer_id, s.as_of DESC;
    END IF;
END
$$;
COMMENT ON FUNCTION crm._value_shown(text, date) IS
    'the scores that a model gives persons before a run: of the active one what customer_value shows (fresh: for '
    'facts since its last run, so that no row of crm.rfm_score tells of it yet), of the others their last change';

CREATE FUNCTION crm._value_score_late(run_model text, day date) RETURNS void
    LANGUAGE plpgsql AS
$$
DECLARE
    live crm.rfm_model;
    persons bigint[];
BEGIN
    SELECT * INTO live FROM crm.rfm_model x WHERE x.model = run_model AND x.is_instant;
    IF live.model IS NULL THEN
        RETURN;
    END IF;
    persons := ARRAY(SELECT v.customer_id FROM crm.customer_value v WHERE v.as_of > day ORDER BY v.customer_id);
    PERFORM FROM crm.customer c WHERE c.customer_id = ANY (persons) ORDER BY c.customer_id FOR NO KEY UPDATE;
    PERFORM FROM crm.customer_value v WHERE v.customer_id = ANY (persons)
        ORDER BY v.customer_id FOR NO KEY UPDATE;     -- from the drain, which locks no person
    DELETE FROM crm.rfm_score s WHERE s.model = run_model AND s.as_of > day;
    WITH wanted AS (
        SELECT v.customer_id, v.as_of, v.r AS old_r, v.f AS old_f, v.m AS old_m,
               CASE WHEN v.order_days > 0 THEN crm._value_score(v.last_day - '2000-01-01'::date, live.r_cuts) END AS r,
               CASE WHEN v.order_days > 0 THEN crm._value_score(v.order_days, live.f_cuts) END AS f,
               CASE WHEN v.order_days > 0 THEN crm._value_score(v.net_minor, live.m_cuts) END AS m
        FROM crm.customer_value v WHERE v.customer_id = ANY (persons)),
    kept AS (
        INSERT INTO crm.rfm_score (customer_id, model, as_of, r, f, m)
        SELECT w.customer_id, run_model, w.as_of, w.r, w.f, w.m FROM wanted w
        LEFT JOIN LATERAL (SELECT s.r, s.f, s.m FROM crm.rfm_score s
                           WHERE s.customer_id = w.customer_id AND s.model = run_model AND s.as_of <= day ORDER BY s.as_of DESC LIMIT 1) l ON true
        WHERE w.as_of > day AND (w.r, w.f, w.m) IS DISTINCT FROM (l.r, l.f, l.m))
    UPDATE crm.customer_value v SET r = w.r, f = w.f, m = w.m
    FROM wanted w WHERE v.customer_id = w.customer_id AND (w.r, w.f, w.m) IS DISTINCT FROM (w.old_r, w.old_f, w.old_m);
END
$$;
COMMENT ON FUNCTION crm._value_score_late(text, date) IS
    'persons whose facts came after the day of a run are scored by its cut points, not by what they were on that day';

CREATE FUNCTION crm._value_apply_scores(run_model text, day date) RETURNS bigint
    LANGUAGE plpgsql SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS
$$
DECLARE
    piece CONSTANT int := 5000;
    persons bigint[];
BEGIN
    IF NOT (SELECT x.is_active FROM crm.rfm_model x WHERE x.model = run_model) THEN
        UPDATE crm.rfm_run x SET finished_at = crm.core_now() WHERE x.model = run_model AND x.as_of = day;
        RETURN 0;
    END IF;
    persons := ARRAY(SELECT s.customer_id FROM crm.rfm_score s
                     WHERE s.model = run_model AND s.as_of = day
                       AND s.customer_id > (SELECT x.applied_to FROM crm.rfm_run x WHERE x.model = run_model AND x.as_of = day)
                     ORDER BY s.customer_id LIMIT piece);
    PERFORM FROM crm.customer c WHERE c.customer_id = ANY (persons) ORDER BY c.customer_id FOR NO KEY UPDATE;
    UPDATE crm.customer_value v SET r = x.r, f = x.f, m = x.m
    FROM (SELECT p.person, s.r, s.f, s.m FROM unnest(persons) p (person)
          CROSS JOIN LATERAL (SELECT y.r, y.f, y.m FROM crm.rfm_score y WHERE y.customer_id = p.person
                  AND y.model = run_model AND y.as_of = day OFFSET 0) s OFFSET 0) x
    WHERE v.customer_id = x.person;
    IF cardinality(persons) < piece THEN
        PERFORM crm._value_score_late(run_model, day);
    END IF;
    UPDATE crm.rfm_run x
    SET applied_to = coalesce(persons[cardinality(persons)], x.applied_to),
        finished_at = CASE WHEN cardinality(persons) < piece THEN crm.core_now() END
    WHERE x.model = run_model AND x.as_of = day;
    RETURN CASE WHEN cardinality(persons) < piece THEN 0 ELSE piece END;
END
$$;
COMMENT ON FUNCTION crm._value_apply_scores(text, date) IS
    'brings the next 5,000 changed scores of the active model''s run to customer_value, persons ascending; 0 when '
    'none is left';

CREATE FUNCTION crm._value_run_day(every text) RETURNS date
    LANGUAGE plpgsql STABLE AS
$$
DECLARE
    yesterday date := crm._value_today() - 1;
BEGIN
    RETURN CASE every WHEN 'week' THEN yesterday - (extract(isodow FROM yesterday)::int - crm._value_week_start() + 8) % 7 ELSE yesterday END;
END
$$;
COMMENT ON FUNCTION crm._value_run_day(text) IS 'the last whole local day, or the last day of the last whole week';

CREATE FUNCTION crm._value_week_start() RETURNS int
    LANGUAGE plpgsql STABLE AS
$$
BEGIN
    RETURN coalesce((SELECT s.value::int FROM crm.room_setting s WHERE s.name = 'value.week_start_isodow'), 1);
END
$$;
COMMENT ON FUNCTION crm._value_week_start() IS 'the day a week begins with: 1 Monday to 7 Sunday';

CREATE FUNCTION crm._value_daily() RETURNS bigint
    LANGUAGE plpgsql AS
$$
DECLARE
    spec crm.rfm_model;
    run crm.rfm_run;
BEGIN
    FOR spec IN SELECT * FROM crm.rfm_model s WHERE s.is_live OR s.is_active ORDER BY s.is_active DESC, s.model LOOP
        SELECT * INTO run FROM crm.rfm_run x WHERE x.model = spec.model AND x.as_of = crm._value_run_day(spec.every);
        CONTINUE WHEN run.finished_at IS NOT NULL;
        IF run.model IS NULL THEN
            INSERT INTO crm.rfm_run (model, as_of, started_at) VALUES (spec.model, crm._value_run_day(spec.every), crm.core_now());
            PERFORM crm._value_score_all(spec.model, crm._value_run_day(spec.every));
        ELSE
            PERFORM crm._value_apply_scores(spec.model, run.as_of);
        END IF;
        RETURN (SELECT count(*) FROM crm.rfm_model s
                WHERE (s.is_live OR s.is_active) AND NOT EXISTS (SELECT FROM crm.rfm_run x WHERE x.model = s.model
                        AND x.as_of = crm._value_run_day(s.every)
                                                                 AND x.finished_at IS NOT NULL));
    END LOOP;
    RETURN 0;
END
$$;
COMMENT ON FUNCTION crm._value_daily() IS
    'job: scores the last whole day (week) by each live model, the active one first, then applies changed scores in '
    'pieces; a second run of a day does nothing; returns how many models are not done';

CREATE FUNCTION crm._value_explain_dimension(cut_model text, cut_day date, dimension text, score smallint,
                                             point numeric, weight numeric) RETURNS jsonb
    LANGUAGE sql STABLE AS
$$
    SELECT jsonb_build_object('score', score, 'found', point, 'weight', weight, 'cuts', (
        SELECT jsonb_agg(jsonb_build_object('score', c.score, 'from', c.lower_bound, 'to', c.upper_bound, 'persons', c.person_count) ORDER BY c.score)
        FROM crm.rfm_cut c WHERE c.model = cut_model AND c.as_of = cut_day AND c.dimension = _value_explain_dimension.dimension))
$$;
COMMENT ON FUNCTION crm._value_explain_dimension(text, date, text, smallint, numeric, numeric) IS
    'one of R, F, M: score, what was found, weight, and the cut points (days, order days, minor units) with how '
    'many persons each holds';

CREATE FUNCTION crm._value_explain_rfm(person bigint, day date) RETURNS jsonb
    LANGUAGE plpgsql STABLE AS
$$
DECLARE
    spec crm.rfm_model;
    cut_day date;
    scored crm.rfm_score;
    summary crm.purchase_summary;
BEGIN
    SELECT * INTO spec FROM crm.rfm_model s WHERE s.is_active;
    SELECT max(x.as_of) INTO cut_day FROM crm.rfm_run x WHERE x.model = spec.model AND x.as_of <= day;
    IF cut_day IS NULL THEN
        RETURN NULL;
    END IF;
    SELECT * INTO scored FROM crm.rfm_score s
    WHERE s.customer_id = person AND s.model = spec.model AND s.as_of <= cut_day ORDER BY s.as_of DESC LIMIT 1;
    summary := crm.purchase_summary(crm._purchase_history(person),
                                    CASE WHEN spec.window_days IS NULL THEN '-infinity' ELSE cut_day - spec.window_days END, cut_day, cut_day);
    RETURN jsonb_build_object(
        'model', spec.model, 'method', spec.method, 'window_days', spec.window_days, 'as_of', cut_day,
        'r', crm._value_explain_dimension(spec.model, cut_day, 'r', scored.r, cut_day - summary.last_day, (spec.weights ->> 'r')::numeric),
        'f', crm._value_explain_dimension(spec.model, cut_day, 'f', scored.f, summary.order_days, (spec.weights ->> 'f')::numeric),
        'm', crm._value_explain_dimension(spec.model, cut_day, 'm', scored.m, summary.net_minor, (spec.weights ->> 'm')::numeric),
        'total', scored.r * (spec.weights ->> 'r')::numeric + scored.f * (spec.weights ->> 'f')::numeric + scored.m
            * (spec.weights ->> 'm')::numeric);
END
$$;
COMMENT ON FUNCTION crm._value_explain_rfm(bigint, date) IS
    'a person''s scores by the active model''s last run not after a day, with cut points, weights and their sum; '
    'null before the first run';

CREATE FUNCTION crm.value_define_rfm(model text, method text, window_days int DEFAULT NULL, cuts jsonb DEFAULT NULL,
                                     weights jsonb DEFAULT '{"r": 1, "f": 1, "m": 1}', is_active boolean DEFAULT true,
                                     idempotency_key text DEFAULT NULL, parts int DEFAULT NULL,
                                         every text DEFAULT 'day', segment_map text DEFAULT NULL,
                                     is_live boolean DEFAULT true) RETURNS jsonb
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
DECLARE
    answer jsonb := crm._idempotency_claim(idempotency_key, 'value_define_rfm',
        crm._sha256(convert_to(jsonb_build_array(model, method, window_days, cuts, weights, is_active, parts, every,
                segment_map, is_live)::text, 'UTF8')));
    scores int := coalesce(parts, CASE WHEN method = 'mean' THEN 2 WHEN method = 'threshold'
            AND jsonb_typeof(cuts -> 'r') = 'array' THEN jsonb_array_length(cuts -> 'r') + 1 ELSE 5 END);
    dimension text;
BEGIN
    IF answer IS NOT NULL THEN
        RETURN answer;
    END IF;
    PERFORM crm._require_words(model, 'model', 63), crm._require_given(is_active, 'is_active'), crm._require_given(is_live, 'is_live');
    IF method IN ('quintile', 'ntile', 'nested', 'mean', 'threshold') IS NOT TRUE OR scores NOT BETWEEN 2 AND 10
        OR window_days NOT BETWEEN 1 AND 36500
       OR every IN ('day', 'week') IS NOT TRUE THEN
        RAISE EXCEPTION 'RFM model cannot be read'
            USING ERRCODE = 'RM503', COLUMN = CASE
                WHEN method IN ('quintile', 'ntile', 'nested', 'mean', 'threshold') IS NOT TRUE THEN 'method'
                WHEN scores NOT BETWEEN 2 AND 10 THEN 'parts'
                                                   WHEN window_days NOT BETWEEN 1 AND 36500 THEN 'window_days' ELSE 'every' END,
                  DETAIL = format('It is %s.', jsonb_build_object('model', model, 'method', method, 'parts', scores,
                              'window_days', window_days, 'every', every)),
                  HINT = 'Methods are quintile, ntile, nested, mean and threshold; parts 2 to 10; a window 1 to 36500 days, or none; it is scored every day or week.';
    END IF;
    FOREACH dimension IN ARRAY ARRAY['r', 'f', 'm'] LOOP
        IF (method = 'threshold' AND (coalesce(jsonb_typeof(cuts -> dimension) <> 'array', true)
                OR EXISTS (SELECT FROM jsonb_array_elements(cuts -> dimension) c WHERE c #>> '{}' ~ '^-?[0-9]{1,18}$' IS NOT TRUE)))
           OR coalesce(jsonb_typeof(weights -> dimension) <> 'number', true) THEN
            RAISE EXCEPTION 'RFM model is incomplete'
                USING ERRCODE = 'RM503', COLUMN = CASE WHEN coalesce(jsonb_typeof(weights -> dimension) <> 'number',
                        true) THEN 'weights' ELSE 'cuts' END,
                      DETAIL = format('Dimension "%s" lacks its weight or its thresholds.', dimension),
                      HINT = 'Weights are {"r": 1, "f": 1, "m": 1}; thresholds are {"r": [30, 60, 90, 180], "f": [2, 3, 5, 8], "m": [10000, 30000, 80000, 200000]}.';
        END IF;
        IF method = 'threshold' THEN
            PERFORM crm._value_bounds(cuts, dimension, true);
        END IF;
    END LOOP;
    IF segment_map IS NOT NULL AND scores <> (SELECT g.parts FROM crm.rfm_map g WHERE g.segment_map = value_define_rfm.segment_map) IS NOT FALSE THEN
        RAISE EXCEPTION 'segment map does not fit the model'
            USING ERRCODE = 'RM503', COLUMN = 'segment_map',
                DETAIL = format('Map "%s" is not of scores from 1 to %s.', segment_map, scores),
                HINT = 'See crm.rfm_map.';
    END IF;
    IF is_active THEN
        UPDATE crm.rfm_model s SET is_active = false WHERE s.is_active AND s.model <> value_define_rfm.model;
    END IF;
    INSERT INTO crm.rfm_model AS s (model, method, window_days, cuts, weights, is_active, parts, every, segment_map, is_live)
    VALUES (value_define_rfm.model, value_define_rfm.method, value_define_rfm.window_days, value_define_rfm.cuts, value_define_rfm.weights,
            value_define_rfm.is_active, scores, value_define_rfm.every, value_define_rfm.segment_map, value_define_rfm.is_live)
    ON CONFLICT ON CONSTRAINT rfm_model_pkey DO UPDATE
    SET method = excluded.method, window_days = excluded.window_days, cuts = excluded.cuts, weights = excluded.weights,
        parts = excluded.parts, every = excluded.every, segment_map = excluded.segment_map, is_live = excluded.is_live,
        is_active = s.is_active OR excluded.is_active;
    PERFORM crm._audit('edit', 'rfm_model', NULL, value_define_rfm.model, NULL, NULL, method);
    answer := jsonb_build_object('model', model);
    PERFORM crm._idempotency_store(idempotency_key, answer);
    RETURN answer;
END
$$;
COMMENT ON FUNCTION crm.value_define_rfm(text, text, int, jsonb, jsonb, boolean, text, int, text, text, boolean) IS
    'makes or replaces an RFM model: quintile, ntile, nested, mean or threshold, window in days (null: all '
    'history), thresholds, weights, parts, scored every day or week, names of its cells; active: its scores are '
    'shown from the next run on; live: the jobs score it; RM503';

GRANT EXECUTE ON FUNCTION crm.value_rfm(text, date) TO crm_marketer, crm_analyst, crm_headquarters;
GRANT EXECUTE ON FUNCTION crm.value_define_rfm(text, text, int, jsonb, jsonb, boolean, text, int, text, text, boolean) TO crm_headquarters;
