-- campaign_suggest: whom to give which offer next.  What flows measured against those held out of them, by the tier
-- persons had when they were assigned, is carried over to who is in that tier now; where it is too little to tell,
-- that is said.

CREATE FUNCTION crm._campaign_offer(spec jsonb) RETURNS jsonb
    LANGUAGE sql STABLE PARALLEL SAFE AS
$$
    SELECT jsonb_strip_nulls(jsonb_build_object(
        'coupon_types', nullif(crm._campaign_coupon_types(spec), '{}'),
        'gifts', spec -> 'gifts', 'draw', spec -> 'draw', 'template', spec -> 'template', 'task', spec #> '{task,title}'))
$$;
COMMENT ON FUNCTION crm._campaign_offer(jsonb) IS
    'what a flow gives and says, in short: coupon types of all its steps and variants, gifts, draw, template, task';

CREATE FUNCTION crm._campaign_free(flow crm.flow_row, wanted_tier text) RETURNS bigint
    LANGUAGE plpgsql STABLE SET enable_seqscan = off SET jit = off AS
$$
DECLARE
    held numeric := crm._campaign_held_percent();
BEGIN
    RETURN (
        SELECT count(*) FROM crm.customer_value v JOIN crm.customer c ON c.customer_id = v.customer_id
        WHERE v.tier = wanted_tier AND c.status = 'active' AND NOT crm._campaign_is_held(v.customer_id, held)
          AND NOT EXISTS (SELECT FROM crm.occurrence o WHERE o.customer_id = v.customer_id
                          AND o.flow_id = flow.flow_id AND o.epoch >= 0 AND o.arm <> 'none'
                          AND o.fired_at > crm.core_now() - make_interval(days => (flow.spec ->> 'offer_days')::int)));
END
$$;
COMMENT ON FUNCTION crm._campaign_free(crm.flow_row, text) IS
    'how many persons are in a tier now whom a flow did not reach within its offer_days';

CREATE FUNCTION crm._campaign_estimate(sums crm.arm_sum[], free bigint, costs jsonb) RETURNS jsonb
    LANGUAGE plpgsql STABLE AS
$$
DECLARE
    treated numeric := coalesce((SELECT a.persons FROM unnest(sums) a WHERE a.arm = 'treatment'), 0);
    found jsonb := crm._campaign_compare(sums, (SELECT jsonb_object_agg(c.key, c.value::numeric * treated) FROM jsonb_each_text(costs) c));
    cost_each numeric := costs ->> 'total';
    margin numeric := (crm._setting('campaign.margin_percent'))::numeric / 100;
    is_enough boolean := found ->> 'lift_points' IS NOT NULL;
    each numeric := (found ->> 'incremental_margin')::numeric / nullif(treated, 0) - cost_each;
BEGIN
    RETURN jsonb_build_object('measured', jsonb_build_object('treatment', found #> '{treatment,persons}', 'control', found #> '{control,persons}'),
        'lift_points', found -> 'lift_points', 'lift_interval', found -> 'lift_interval',
            'is_effect', coalesce((found ->> 'is_effect')::boolean, false), 'needed', found -> 'needed',
        'persons', free, 'cost_each', round(cost_each, 4), 'cost', round(cost_each * free, 2),
        'expected_orders', CASE WHEN is_enough THEN round((found ->> 'lift_points')::numeric / 100 * free, 1) END,
        'expected_worth', CASE WHEN margin > 0 THEN round(each * free, 2) END,
        'verdict', CASE WHEN NOT is_enough THEN found ->> 'verdict' WHEN NOT (found ->> 'is_effect')::boolean THEN found ->> 'verdict'
                        WHEN (found ->> 'lift_points')::numeric < 0 THEN 'leave it: fewer ordered than without it'
                        WHEN margin = 0 THEN 'it brings orders; set campaign.margin_percent to know whether they are worth it'
                        WHEN each > 0 THEN 'worth it' ELSE 'it brings orders, but costs more than they are worth' END);
END
$$;
COMMENT ON FUNCTION crm._campaign_estimate(crm.arm_sum[], bigint, jsonb) IS
    'what to expect of so many further persons from what both arms did and what one person costs (costs: members of '
    'crm._campaign_cost()): orders by the lift, worth as crm._campaign_worth() has it, less the cost; nulls without '
    'enough data or margin; and what that says';

CREATE FUNCTION crm._campaign_suggestions(days int) RETURNS SETOF jsonb
    LANGUAGE plpgsql STABLE AS
$$
DECLARE
    flow crm.flow_row;
BEGIN
    FOR flow IN SELECT * FROM crm.flow f WHERE f.state <> 'draft' ORDER BY f.flow_id LOOP
        RETURN QUERY
            WITH cell AS MATERIALIZED (SELECT * FROM crm._campaign_followed(flow.flow_id, days, true)),
            -- what one person of the treatment cost: the flow's costs over all of them
            treated AS MATERIALIZED (SELECT sum(a.persons) AS persons FROM cell c, unnest(c.sums) a WHERE a.arm = 'treatment'),
            cost AS MATERIALIZED (SELECT jsonb_object_agg(e.key, e.value::numeric / t.persons) AS each FROM treated t,
                    jsonb_each_text(crm._campaign_cost(flow)) e)
            SELECT jsonb_build_object('flow', flow.code, 'name_zh', flow.name_zh, 'name_en', flow.name_en,
                'state', flow.state, 'who', jsonb_build_object('tier', c.tier),
                'offer', crm._campaign_offer(flow.spec))
                   || crm._campaign_estimate(c.sums, crm._campaign_free(flow, c.tier), k.each)
            FROM cell c, cost k;
    END LOOP;
END
$$;
COMMENT ON FUNCTION crm._campaign_suggestions(int) IS 'one suggestion for each flow and tier that it was measured in';

CREATE FUNCTION crm.campaign_suggest(days int DEFAULT 14, budget numeric DEFAULT NULL) RETURNS jsonb
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
DECLARE
    one jsonb;
    items jsonb := '[]';
    given_tiers text[] := '{}';
    money numeric := budget;
    taken bigint;
    is_worth boolean;
BEGIN
    IF coalesce(days NOT BETWEEN 1 AND 366, true) THEN
        RAISE EXCEPTION 'orders are counted within 1 to 366 days' USING ERRCODE = 'invalid_parameter_value',
            COLUMN = 'days', HINT = 'Give 14, or the days the offers hold.';
    ELSIF budget < 0 OR budget >= 1e12 THEN
        RAISE EXCEPTION 'a budget is an amount of money' USING ERRCODE = 'invalid_parameter_value', COLUMN = 'budget',
            HINT = 'Give it in currency units, or none.';
    END IF;
    FOR one IN
        SELECT s FROM crm._campaign_suggestions(days) s
        -- what is worth most for each unit of money it costs comes first; what cannot be told comes last, the nearest
        -- to it before the others
        ORDER BY (s ->> 'verdict') <> 'worth it', (s ->> 'expected_worth')::numeric / nullif((s ->> 'cost')::numeric,
                0) DESC NULLS LAST, (s ->> 'expected_worth')::numeric DESC NULLS LAST,
                 s ->> 'lift_points' IS NULL, (s #>> '{needed,persons}')::numeric, s ->> 'flow', s #>> '{who,tier}'
    LOOP
        is_worth := one ->> 'verdict' = 'worth it' AND NOT one #>> '{who,tier}' = ANY (given_tiers);
        taken := CASE WHEN NOT is_worth THEN 0 WHEN money IS NULL OR (one ->> 'cost_each')::numeric = 0 THEN (one ->> 'persons')::bigint
                      ELSE least((one ->> 'persons')::bigint, floor(money / (one ->> 'cost_each')::numeric)) END;
        IF taken > 0 THEN
            given_tiers := given_tiers || (one #>> '{who,tier}');
            money := money - taken * (one ->> 'cost_each')::numeric;
        END IF;
        items := items || (one || jsonb_build_object('rank', jsonb_array_length(items) + 1, 'give_to', taken));
    END LOOP;
    RETURN jsonb_build_object('window_days', days, 'budget', budget, 'left', round(money, 2), 'items', items);
END
$$;
COMMENT ON FUNCTION crm.campaign_suggest(int, numeric) IS
    'whom to give which offer next, the best first: each flow and tier it was measured in (by the tier when '
    'assigned, orders within so many local days, 1 to 366), with lift and interval against those held out, how many '
    'are in the tier now and were not reached in offer_days, what it would cost and be worth in currency units, or '
    'that there is not enough data and how much more is needed; with a budget (units) how many to give it to '
    '(give_to): each tier gets one offer, what brings most for its cost first; 22023';
GRANT EXECUTE ON FUNCTION crm.campaign_suggest(int, numeric) TO crm_manager, crm_marketer, crm_analyst, crm_headquarters;
