-- identity, what people answered: decided proposals are labels, and from some number on they choose from
-- which odds on pairs are put to people, instead of the precision that the model expects of itself.

CREATE FUNCTION crm._identity_match_labels(model bytea) RETURNS TABLE (odds float8, is_one boolean)
    LANGUAGE plpgsql STABLE AS
$$
BEGIN
    RETURN QUERY
    WITH label AS MATERIALIZED (
        SELECT (v.evidence -> 'records' ->> 0)::bigint AS a, (v.evidence -> 'records' ->> 1)::bigint AS b, v.state = 'accepted' AS is_one
        FROM crm.review v
        WHERE v.reason = 'match' AND v.state <> 'open' AND v.decided_by <> 'engine'
        ORDER BY v.decided_at DESC, v.review_id DESC LIMIT 5000),
    told AS MATERIALIZED (
        SELECT q.source_record_id, ARRAY[q.name, q.birthday, q.sex, q.address, q.phone, q.email] AS fields
        FROM crm._identity_match_rows(ARRAY(SELECT l.a FROM label l UNION SELECT l.b FROM label l)) q)
    SELECT (crm._identity_link_odds(model, x.fields, y.fields))[1], l.is_one
    FROM label l JOIN told x ON x.source_record_id = l.a JOIN told y ON y.source_record_id = l.b;
END
$$;
COMMENT ON FUNCTION crm._identity_match_labels(bytea) IS
    'the newest 5,000 proposals that people decided, with their odds by a model as the two records are told now';

-- The lowest odds at which accepted pairs balance rejected ones best: F1 over the labels.
CREATE FUNCTION crm._identity_match_cut(model bytea) RETURNS jsonb
    LANGUAGE plpgsql STABLE AS
$$
DECLARE
    least_labels int := (crm._setting('identity.match_labels') #>> '{}')::int;
    best jsonb;
BEGIN
    WITH counted AS (
        SELECT l.odds, count(*) FILTER (WHERE l.is_one) OVER above AS good, count(*) OVER above AS told,
               count(*) FILTER (WHERE l.is_one) OVER () AS ones, count(*) OVER () AS labels
        FROM crm._identity_match_labels(model) l
        WINDOW above AS (ORDER BY l.odds DESC))
    SELECT jsonb_build_object('cut', round(c.odds::numeric - 0.005, 2), 'cut_by', 'labels', 'labels', c.labels,
               'labels_precision', round(c.good::numeric / c.told, 4), 'labels_recall', round(c.good::numeric / c.ones, 4))
    INTO best
    FROM counted c
    WHERE c.labels >= least_labels AND least(c.ones, c.labels - c.ones) * 10 >= least_labels
    ORDER BY 2 * c.good::numeric / (c.told + c.ones) DESC, c.odds LIMIT 1;
    RETURN coalesce(best, '{"cut_by": "expectation"}');
END
$$;
COMMENT ON FUNCTION crm._identity_match_cut(bytea) IS
    'how the cut of a model is chosen: by labels {cut, cut_by, labels, labels_precision, labels_recall} where '
    'identity.match_labels are there, a tenth of that of either answer; else {cut_by: expectation}';
