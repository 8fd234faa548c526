-- campaign_result: what a flow did and achieved. It is added up of persons between two ids, so of a flow that reached
-- few at once, when somebody asks, and of one that reached many each night piece by piece; either is told in the same
-- way.

CREATE FUNCTION crm._campaign_sums(flow crm.flow_row, days int, from_id bigint, to_id bigint) RETURNS jsonb
    LANGUAGE plpgsql STABLE SET jit = off AS
$$
BEGIN
    RETURN jsonb_build_object(
        'fired', (SELECT count(*) FROM crm.occurrence o WHERE o.flow_id = flow.flow_id AND o.customer_id > from_id AND o.customer_id <= to_id),
        'outcomes', (SELECT coalesce(jsonb_object_agg(s.outcome, s.n), '{}') FROM (
            SELECT o.outcome, count(*) AS n FROM crm.occurrence o WHERE o.flow_id = flow.flow_id
                AND o.customer_id > from_id AND o.customer_id <= to_id GROUP BY 1) s),
        'sent', (SELECT coalesce(sum(s.messages), 0) FROM crm._outbox_sent(flow.flow_id, from_id, to_id) s),
        'redeemed', (SELECT count(*) FROM crm.coupon k WHERE k.flow_id = flow.flow_id AND k.customer_id > from_id
                AND k.customer_id <= to_id AND k.state = 'redeemed'),
        'funnel', crm._campaign_funnel(flow.flow_id, NULL, from_id, to_id),
        'arms', (SELECT coalesce(jsonb_object_agg(a.arm, to_jsonb(a) - 'arm'), '{}') FROM (
            SELECT b.arm, count(*) AS persons, sum(b.percent) / 100 AS expected, count(b.net) AS ordered,
                coalesce(sum(b.net), 0) AS revenue, coalesce(sum(b.net ^ 2), 0) AS squares
            FROM crm._campaign_bought(flow.flow_id, days, from_id, to_id) b GROUP BY b.arm) a),
        'cost', crm._campaign_spent(flow, from_id, to_id),
        'variants', crm._campaign_by_variant(flow, days, from_id, to_id));
END
$$;
COMMENT ON FUNCTION crm._campaign_sums(crm.flow_row, int, bigint, bigint) IS
    'what a flow did for persons between two ids, all of it numbers that may be added up: fired, outcomes, sent, '
    'redeemed, funnel, arms (crm.arm_sum), cost, variants';

CREATE FUNCTION crm._campaign_add(a jsonb, b jsonb) RETURNS jsonb
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS
$$
BEGIN
    IF a IS NULL OR b IS NULL THEN
        RETURN coalesce(a, b);
    ELSIF jsonb_typeof(a) = 'number' THEN
        RETURN to_jsonb((a #>> '{}')::numeric + (b #>> '{}')::numeric);
    END IF;
    RETURN (SELECT coalesce(jsonb_object_agg(k.name, crm._campaign_add(a -> k.name, b -> k.name)), '{}')
        FROM (SELECT jsonb_object_keys(a) UNION SELECT jsonb_object_keys(b)) k (name));
END
$$;
COMMENT ON FUNCTION crm._campaign_add(jsonb, jsonb) IS
    'two objects of numbers, member by member; what one lacks is the other''s';

CREATE FUNCTION crm._campaign_tell(flow text, days int, sums jsonb) RETURNS jsonb
    LANGUAGE plpgsql STABLE AS
$$
DECLARE
    arms crm.arm_sum[] := ARRAY(SELECT ROW(e.key, x.persons, x.expected, x.ordered, x.revenue, x.squares)::crm.arm_sum
                                FROM jsonb_each(sums -> 'arms') e, jsonb_to_record(e.value) x (persons numeric,
                                        expected numeric, ordered numeric, revenue numeric, squares numeric));
BEGIN
    RETURN jsonb_build_object('flow', flow, 'window_days', days, 'fired', sums -> 'fired',
        'outcomes', sums -> 'outcomes', 'sent', sums -> 'sent', 'redeemed', sums -> 'redeemed',
        'funnel', (sums -> 'funnel') || jsonb_build_object('ordered',
                coalesce((SELECT (a).ordered FROM unnest(arms) a WHERE (a).arm = 'treatment'), 0)))
        || crm._campaign_compare(arms, crm._campaign_priced(sums -> 'cost'))
        || crm._campaign_variant_results(sums -> 'variants', (SELECT a FROM unnest(arms) a WHERE (a).arm = 'control'));
END
$$;
COMMENT ON FUNCTION crm._campaign_tell(text, int, jsonb) IS 'what a flow did and achieved, from sums over everybody';

CREATE FUNCTION crm._campaign_result_window() RETURNS int
    LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$ SELECT 14 $$;
COMMENT ON FUNCTION crm._campaign_result_window() IS
    'days within which orders are counted when results are asked for without a window, and for which they are kept';

CREATE FUNCTION crm._campaign_is_large(flow int) RETURNS boolean
    LANGUAGE plpgsql STABLE SET enable_seqscan = off AS
$$
BEGIN
    RETURN EXISTS (SELECT FROM crm.occurrence o WHERE o.flow_id = flow OFFSET (crm._setting('campaign.results_at_once') #>> '{}')::bigint LIMIT 1);
END
$$;
COMMENT ON FUNCTION crm._campaign_is_large(int) IS
    'whether a flow fired so often that its results are kept (campaign.results_at_once)';

CREATE FUNCTION crm._campaign_results_next(days int) RETURNS crm.flow_row
    LANGUAGE plpgsql STABLE AS
$$
DECLARE
    zone text := crm._setting('core.time_zone') #>> '{}';
    today date := crm._local_day(crm.core_now(), zone);
    chosen crm.flow_row;
BEGIN
    SELECT f.* INTO chosen FROM crm.flow f LEFT JOIN crm.flow_result r ON r.flow_id = f.flow_id AND r.window_days = days
    WHERE (r.done_to > 0 OR r.as_of IS NULL OR crm._local_day(r.as_of, zone) < today) AND crm._campaign_is_large(f.flow_id)
    ORDER BY r.done_to > 0 DESC NULLS LAST, f.flow_id LIMIT 1;
    RETURN chosen;
END
$$;
COMMENT ON FUNCTION crm._campaign_results_next(int) IS
    'a flow that reached many whose sums are being added up, or are not of this local day; null: there is none';

CREATE FUNCTION crm._campaign_results_job() RETURNS bigint
    LANGUAGE plpgsql AS
$$
DECLARE
    piece CONSTANT int := 3000;     -- occurrences
    days int := crm._campaign_result_window();
    flow crm.flow_row := crm._campaign_results_next(days);
    begun crm.flow_result;
    upper bigint;
BEGIN
    IF flow.flow_id IS NULL THEN
        RETURN 0;
    END IF;
    INSERT INTO crm.flow_result (flow_id, window_days, sums, next_as_of, next_sums, done_to)
        VALUES (flow.flow_id, days, '{}', crm.core_now(), '{}', 0) ON CONFLICT DO NOTHING;
    SELECT * INTO begun FROM crm.flow_result r WHERE r.flow_id = flow.flow_id AND r.window_days = days FOR UPDATE;
    IF begun.done_to = 0 THEN
        begun.next_as_of := crm.core_now();
        begun.next_sums := '{}';
    END IF;
    upper := (SELECT o.customer_id FROM crm.occurrence o WHERE o.flow_id = flow.flow_id
            AND o.customer_id > begun.done_to ORDER BY o.customer_id OFFSET piece LIMIT 1);
    begun.next_sums := crm._campaign_add(begun.next_sums, crm._campaign_sums(flow, days, begun.done_to, coalesce(upper, 9223372036854775807)));
    UPDATE crm.flow_result r SET next_as_of = begun.next_as_of, next_sums = CASE
        WHEN upper IS NOT NULL THEN begun.next_sums ELSE '{}' END, done_to = coalesce(upper, 0),
        as_of = CASE WHEN upper IS NULL THEN begun.next_as_of ELSE r.as_of END, sums = CASE WHEN upper IS NULL THEN begun.next_sums ELSE r.sums END
    WHERE r.flow_id = flow.flow_id AND r.window_days = days;
    RETURN 1;
END
$$;
COMMENT ON FUNCTION crm._campaign_results_job() IS
    'job: adds up what flows that reached many did, once a local day, 3,000 occurrences a call; who is merged '
    'meanwhile may count twice or not at all until the next day; returns > 0 until all are added up';

CREATE FUNCTION crm.campaign_results(flow text, days int DEFAULT 14) RETURNS jsonb
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
DECLARE
    chosen crm.flow_row;
    kept crm.flow_result;
BEGIN
    SELECT * INTO chosen FROM crm.flow f WHERE f.code = flow;
    IF chosen.flow_id IS NULL THEN
        RAISE EXCEPTION 'there is no flow "%"', flow USING ERRCODE = 'no_data_found', COLUMN = 'flow',
            HINT = 'crm.campaign_list() has those there are.';
    ELSIF coalesce(days, 0) NOT BETWEEN 1 AND 366 THEN
        RAISE EXCEPTION 'orders are counted within 1 to 366 days' USING ERRCODE = 'invalid_parameter_value',
            COLUMN = 'days', HINT = 'Give 14, or the days the offer holds.';
    END IF;
    SELECT * INTO kept FROM crm.flow_result r WHERE r.flow_id = chosen.flow_id AND r.window_days = days AND r.as_of IS NOT NULL;
    IF FOUND THEN
        RETURN crm._campaign_tell(flow, days, kept.sums) || jsonb_build_object('as_of', kept.as_of);
    END IF;
    RETURN crm._campaign_tell(flow, days, crm._campaign_sums(chosen, days, 0, 9223372036854775807));
END
$$;
COMMENT ON FUNCTION crm.campaign_results(text, int) IS
    'what a flow did: outcomes, funnel (assigned, sent, delivered, opened, clicked, redeemed, ordered, in persons), '
    'both arms as assigned (intention to treat), persons of today once each, with orders and revenue net of refunds '
    'within so many local days (1 to 366) of the first time, lift in points and revenue a person, each with its 95 '
    '% interval, or how many more are needed; whether the control group''s share is no chance; cost in currency '
    'units, incremental margin, return, cost of a person brought back; per variant its funnel and its orders '
    'against the control group and the best one; of a flow with more than campaign.results_at_once occurrences, '
    'asked for 14 days, as of the last night (as_of); P0002, 22023';
GRANT EXECUTE ON FUNCTION crm.campaign_results(text, int) TO crm_manager, crm_marketer, crm_analyst, crm_headquarters;
