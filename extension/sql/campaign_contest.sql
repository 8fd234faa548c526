-- campaign_contest: what the variants of a flow achieved, against the control group and each other.

CREATE FUNCTION crm._campaign_is_uneven(found numeric[], expected numeric[]) RETURNS boolean
    LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
$$
    -- chi-square of one degree of freedom less than there are parts, p < 0.001
    SELECT coalesce(sum((f.x - f.e) ^ 2 / nullif(f.e, 0)) > (ARRAY[10.828, 13.816, 16.266, 18.467, 20.515, 22.458,
                24.322, 26.124, 27.877])[cardinality(expected) - 1], false)
    FROM unnest(found, expected) f (x, e)
$$;
COMMENT ON FUNCTION crm._campaign_is_uneven(numeric[], numeric[]) IS
    'the sample-ratio alarm of 2 to 10 parts: whether so many in each, where so many were to be expected, is no '
    'chance (p < 0.001)';

-- Each person of the treatment once, with the variant of the first time.
CREATE FUNCTION crm._campaign_by_variant(flow crm.flow_row, days int, from_id bigint, to_id bigint) RETURNS jsonb
    LANGUAGE plpgsql STABLE AS
$$
BEGIN
    IF NOT EXISTS (SELECT FROM crm.flow_version v WHERE v.flow_id = flow.flow_id AND jsonb_path_exists(v.spec, '$.**.variants')) THEN
        RETURN '{}';
    END IF;
    RETURN (
        WITH given AS MATERIALIZED (
            SELECT b.person, b.variant, b.net, v.spec FROM crm._campaign_bought(flow.flow_id, days, from_id, to_id) b
            JOIN crm.flow_version v ON v.flow_id = flow.flow_id AND v.version = b.version WHERE b.arm = 'treatment' AND b.variant IS NOT NULL),
        -- what was to be expected of those who were drawn, by the weights of their version
        shares AS (
            SELECT s.variant, sum(g.n * s.share) AS expected
            FROM (SELECT d.spec, count(*) AS n FROM given d
                WHERE d.variant IN (SELECT x.variant FROM crm._campaign_shares(d.spec) x) GROUP BY d.spec) g,
                 LATERAL crm._campaign_shares(g.spec) s GROUP BY s.variant),
        added AS (
            SELECT n.variant, (s.variant IS NOT NULL)::int AS drawn, count(g.person) AS persons,
                coalesce(s.expected, 0) AS expected, count(g.net) AS ordered, coalesce(sum(g.net), 0) AS revenue
            FROM (SELECT DISTINCT d.variant FROM given d UNION SELECT x.variant FROM shares x) n
            LEFT JOIN given g ON g.variant = n.variant LEFT JOIN shares s ON s.variant = n.variant GROUP BY n.variant, s.variant, s.expected)
        SELECT coalesce(jsonb_object_agg(a.variant, to_jsonb(a) - 'variant'
                    || jsonb_build_object('funnel', crm._campaign_funnel(flow.flow_id, a.variant, from_id, to_id))),
                '{}') FROM added a);
END
$$;
COMMENT ON FUNCTION crm._campaign_by_variant(crm.flow_row, int, bigint, bigint) IS
    'per variant, of persons between two ids: persons of the treatment, drawn (more than 0: it is drawn) and how '
    'many were to be expected by the weights, who ordered within so many local days, what they paid net of refunds, '
    'the funnel; pieces may be added up';

CREATE FUNCTION crm._campaign_variant_results(variants jsonb, control crm.arm_sum) RETURNS jsonb
    LANGUAGE plpgsql STABLE AS
$$
DECLARE
    best record;
    list jsonb;
    alarm jsonb;
BEGIN
    SELECT v.* INTO best FROM crm._campaign_variants_read(variants) v WHERE v.persons > 0 AND v.is_drawn
        ORDER BY v.ordered / v.persons DESC, v.variant LIMIT 1;
    SELECT jsonb_agg(jsonb_build_object('variant', v.variant, 'is_drawn', v.is_drawn, 'persons', v.persons,
                         'expected', CASE WHEN v.is_drawn THEN round(v.expected, 1) END,
                         'ordered', v.ordered, 'share', round(100 * v.ordered / nullif(v.persons, 0), 2), 'revenue', v.revenue, 'funnel', v.funnel)
                     -- a rule is no draw: who has such a variant is compared with nobody
                     || CASE WHEN v.is_drawn THEN jsonb_build_object('against_control', crm._campaign_lift(v.persons,
                            v.ordered, coalesce(control.persons, 0), coalesce(control.ordered, 0)),
                            'against_best', CASE WHEN v.variant <> best.variant
                                THEN crm._campaign_lift(v.persons, v.ordered, best.persons, best.ordered) - 'verdict'
                                                 || jsonb_build_object('best', best.variant) END) ELSE '{}' END ORDER BY v.variant),
           jsonb_build_object('is_skewed', crm._campaign_is_uneven(array_agg(v.persons
                       ORDER BY v.variant) FILTER (WHERE v.is_drawn),
                   array_agg(v.expected ORDER BY v.variant) FILTER (WHERE v.is_drawn)))
    INTO list, alarm
    FROM crm._campaign_variants_read(variants) v;
    RETURN CASE WHEN list IS NOT NULL THEN jsonb_build_object('variants', list, 'variant_ratio', alarm) ELSE '{}' END;
END
$$;
COMMENT ON FUNCTION crm._campaign_variant_results(jsonb, crm.arm_sum) IS
    'what each variant achieved, from what crm._campaign_by_variant() added up: its funnel, its orders against the '
    'control group and against the variant that ordered most, each with its interval or what is needed; whether the '
    'draw is no chance; empty without variants';

CREATE FUNCTION crm._campaign_variants_read(variants jsonb)
    RETURNS TABLE (variant text, is_drawn boolean, persons numeric, expected numeric, ordered numeric, revenue numeric, funnel jsonb)
    LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
$$
    SELECT e.key, (e.value ->> 'drawn')::numeric > 0, (e.value ->> 'persons')::numeric,
        (e.value ->> 'expected')::numeric, (e.value ->> 'ordered')::numeric, (e.value ->> 'revenue')::numeric,
        e.value -> 'funnel'
    FROM jsonb_each(variants) e
$$;
COMMENT ON FUNCTION crm._campaign_variants_read(jsonb) IS
    'variants as crm._campaign_by_variant() added them up, a row each';
