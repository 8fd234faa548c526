-- campaign_proof: what a flow achieved, against those who were held out of it: by the arm each was assigned, whatever
-- stopped a message later (intention to treat), within so many local days of the first time.
--
-- Who is held out of everything (crm.campaign_hold_out) is left out of both arms of a flow and compared as a group.

CREATE FUNCTION crm._campaign_wilson(x numeric, n numeric, OUT low numeric, OUT high numeric)
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS
$$
DECLARE
    z constant numeric := 1.959963984540054;
    root numeric := z * sqrt(z * z + 4 * x * (n - x) / n);
BEGIN
    low := (2 * x + z * z - root) / (2 * (n + z * z));
    high := (2 * x + z * z + root) / (2 * (n + z * z));
END
$$;
COMMENT ON FUNCTION crm._campaign_wilson(numeric, numeric) IS 'the 95 % interval of a share, after Wilson';

CREATE FUNCTION crm._campaign_interval(tx numeric, tn numeric, cx numeric, cn numeric) RETURNS numeric[]
    LANGUAGE plpgsql STABLE PARALLEL SAFE AS
$$
DECLARE
    t record;
    c record;
BEGIN
    IF least(tn, cn) <= 0 THEN
        RETURN NULL;
    END IF;
    SELECT * INTO t FROM crm._campaign_wilson(tx, tn);
    SELECT * INTO c FROM crm._campaign_wilson(cx, cn);
    RETURN ARRAY[tx / tn - cx / cn - sqrt((tx / tn - t.low) ^ 2 + (c.high - cx / cn) ^ 2),
                 tx / tn - cx / cn + sqrt((t.high - tx / tn) ^ 2 + (cx / cn - c.low) ^ 2)];
END
$$;
COMMENT ON FUNCTION crm._campaign_interval(numeric, numeric, numeric, numeric) IS
    'the 95 % interval of the difference of two shares, treatment less control, after Newcombe (his tenth method)';

CREATE FUNCTION crm._campaign_is_skewed(control numeric, expected numeric, persons numeric) RETURNS boolean
    LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
$$
    -- chi-square of one degree of freedom, p < 0.001
    SELECT CASE WHEN expected > 0 AND expected < persons
                THEN (control - expected) ^ 2 / expected + (control - expected) ^ 2 / (persons - expected) > 10.828 ELSE false END
$$;
COMMENT ON FUNCTION crm._campaign_is_skewed(numeric, numeric, numeric) IS
    'the sample-ratio alarm: whether so many in the control group, where so many were to be expected, is no chance '
    '(p < 0.001)';

CREATE FUNCTION crm._campaign_means(tn numeric, tsum numeric, tsquares numeric, cn numeric, csum numeric, csquares numeric) RETURNS numeric[]
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS
$$
DECLARE
    z constant numeric := 1.959963984540054;
    difference numeric := tsum / nullif(tn, 0) - csum / nullif(cn, 0);
    half numeric := z * sqrt(greatest((tsquares - tsum ^ 2 / nullif(tn, 0)) / nullif(tn - 1, 0) / nullif(tn, 0)
                                      + (csquares - csum ^ 2 / nullif(cn, 0)) / nullif(cn - 1, 0) / nullif(cn, 0), 0));
BEGIN
    RETURN CASE WHEN least(tn, cn) >= 2 THEN ARRAY[difference, difference - half, difference + half] END;
END
$$;
COMMENT ON FUNCTION crm._campaign_means(numeric, numeric, numeric, numeric, numeric, numeric) IS
    'the difference of two means, treatment less control, and its 95 % interval after Welch, from numbers, sums and '
    'sums of squares; null with fewer than two in an arm';

CREATE FUNCTION crm._campaign_lift(tn numeric, tx numeric, cn numeric, cx numeric) RETURNS jsonb
    LANGUAGE plpgsql STABLE PARALLEL SAFE AS
$$
DECLARE
    is_enough boolean := least(tn, cn) >= 100 AND least(tx, cx) >= 5;
    i numeric[] := CASE WHEN is_enough THEN crm._campaign_interval(tx, tn, cx, cn) END;
BEGIN
    RETURN jsonb_build_object(
        'lift_points', CASE WHEN is_enough THEN round(100 * (tx / tn - cx / cn), 2) END,
        'lift_interval', CASE WHEN is_enough THEN jsonb_build_array(round(100 * i[1], 2), round(100 * i[2], 2)) END,
        'is_effect', CASE WHEN is_enough THEN i[1] > 0 OR i[2] < 0 END,
        'needed', jsonb_build_object('persons', greatest(0, 100 - least(tn, cn)), 'orders', greatest(0, 5 - least(tx, cx))),
        'verdict', CASE WHEN least(tn, cn) < 100 THEN format('not enough data: an arm needs 100 persons, the smaller has %s', least(tn, cn))
                        WHEN least(tx, cx) < 5 THEN format('not enough data: an arm needs 5 orders, the smaller has %s', least(tx, cx))
                        WHEN i[1] > 0 THEN 'more ordered than without it' WHEN i[2] < 0 THEN 'fewer ordered than without it'
                        ELSE 'no effect to be told from chance' END);
END
$$;
COMMENT ON FUNCTION crm._campaign_lift(numeric, numeric, numeric, numeric) IS
    'lift in points with its interval from persons and orderers of both arms; none, and how many more are needed, '
    'while an arm has fewer than 100 persons or 5 orderers; an effect is one whose interval leaves out zero';

CREATE FUNCTION crm._campaign_is_held(person bigint, percent numeric) RETURNS boolean
    LANGUAGE sql STABLE PARALLEL SAFE
    AS $$ SELECT percent > 0 AND crm._campaign_bucket('holdout', '*', person) < 100 * percent $$;
COMMENT ON FUNCTION crm._campaign_is_held(bigint, numeric) IS
    'whether a person is in the group that is held out of every flow, at so many percent: a fixed bucket of its own';

CREATE FUNCTION crm._campaign_held_percent() RETURNS numeric
    LANGUAGE plpgsql STABLE
    AS $$ BEGIN RETURN coalesce((crm._setting('campaign.global_holdout_percent'))::numeric, 0); END $$;
COMMENT ON FUNCTION crm._campaign_held_percent() IS 'how many percent of all persons are held out of every flow';

-- What follows takes persons, or ids, between two ids, so that what a flow did may be added up piece by piece
-- (campaign_result). Each person once, with the arm of the first time.
CREATE FUNCTION crm._campaign_assigned(flow int, from_id bigint, to_id bigint)
    RETURNS TABLE (person bigint, arm text, percent numeric, day date, variant text, version int)
    LANGUAGE plpgsql STABLE AS
$$
DECLARE
    zone text := crm._setting('core.time_zone') #>> '{}';
    held numeric := crm._campaign_held_percent();
    moved bigint[] := CASE WHEN from_id > 0 THEN ARRAY(SELECT c.customer_id FROM crm.customer c
            WHERE c.merged_into > from_id AND c.merged_into <= to_id AND c.customer_id <= from_id) END
                   || CASE WHEN to_id < 9223372036854775807 THEN ARRAY(SELECT c.customer_id FROM crm.customer c
                           WHERE c.merged_into > from_id AND c.merged_into <= to_id AND c.customer_id > to_id) END;
BEGIN
    RETURN QUERY
    SELECT DISTINCT ON (f.person) f.person, f.arm, coalesce((v.spec ->> 'holdout_percent')::numeric, 0), crm._local_day(f.fired_at, zone),
           f.variant, f.flow_version
    FROM (SELECT o.*, CASE WHEN c.status = 'merged' THEN crm._identity_current(o.customer_id) ELSE o.customer_id END AS person
          FROM crm.occurrence o LEFT JOIN crm.customer c ON c.customer_id = o.customer_id
          WHERE o.flow_id = flow AND o.arm <> 'none' AND o.epoch >= 0
              AND ((o.customer_id > from_id AND o.customer_id <= to_id) OR o.customer_id = ANY (moved))) f
    LEFT JOIN crm.flow_version v ON v.flow_id = f.flow_id AND v.version = f.flow_version
    WHERE f.person > from_id AND f.person <= to_id AND NOT crm._campaign_is_held(f.person, held)
    ORDER BY f.person, f.customer_id <> f.person, f.fired_at;
END
$$;
COMMENT ON FUNCTION crm._campaign_assigned(int, bigint, bigint) IS
    'who of the persons between two ids was assigned in a flow, with the arm, local day, variant and version of the '
    'first time and the holdout that was meant then; persons of today, without those who are held out of everything';

CREATE FUNCTION crm._campaign_bought(flow int, days int, from_id bigint DEFAULT 0, to_id bigint DEFAULT 9223372036854775807)
    RETURNS TABLE (person bigint, arm text, percent numeric, variant text, version int, day date, net numeric)
    LANGUAGE plpgsql STABLE SET enable_seqscan = off SET jit = off AS
$$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    WITH assigned AS MATERIALIZED (SELECT * FROM crm._campaign_assigned(flow, from_id, to_id)),
    bought AS MATERIALIZED (
        SELECT a.person, sum(greatest(0, o.amount - coalesce(f.amount, 0))) AS net
        FROM assigned a
        JOIN crm.membership m ON m.customer_id = a.person AND m.valid_to = 'infinity'
        JOIN crm.customer_order o ON o.source_record_id = m.source_record_id AND o.is_current AND o.kind = 'sale' AND o.amount > 0
             AND o.business_day BETWEEN a.day AND a.day + days
        LEFT JOIN LATERAL (SELECT sum(r.amount) AS amount FROM crm.refund r WHERE r.order_id = o.order_id AND r.is_current) f ON true
        GROUP BY a.person)
    SELECT a.person, a.arm, a.percent, a.variant, a.version, a.day, b.net FROM assigned a LEFT JOIN bought b ON b.person = a.person;
END
$$;
COMMENT ON FUNCTION crm._campaign_bought(int, int, bigint, bigint) IS
    'who of the persons between two ids was assigned in a flow, on which day first, and what each paid within so '
    'many local days of it, net of refunds; null: ordered nothing';

CREATE TYPE crm.arm_sum AS (arm text, persons numeric, expected numeric, ordered numeric, revenue numeric, squares numeric);
COMMENT ON TYPE crm.arm_sum IS
    'an arm added up: persons, how many of both arms were meant to be held out, who ordered, what they paid net of '
    'refunds, and the squares of that';

CREATE FUNCTION crm._campaign_tier_then(person bigint, day date) RETURNS text
    LANGUAGE sql STABLE AS
$$
    SELECT coalesce((SELECT t.to_tier FROM crm.tier_change t WHERE t.customer_id = person AND t.changed_on <= day
                    ORDER BY t.changed_at DESC, t.change_id DESC LIMIT 1),
                    (SELECT t.from_tier FROM crm.tier_change t WHERE t.customer_id = person AND t.changed_on > day
                        ORDER BY t.changed_at, t.change_id LIMIT 1),
                    (SELECT v.tier FROM crm.customer_value v WHERE v.customer_id = person), 'P')
$$;
COMMENT ON FUNCTION crm._campaign_tier_then(bigint, date) IS
    'the tier a person of today was in at the end of a local day, by the log of changes; plain SQL, so that queries '
    'over many persons take it in';

CREATE FUNCTION crm._campaign_followed(flow int, days int, by_tier boolean DEFAULT false) RETURNS TABLE (tier text, sums crm.arm_sum[])
    LANGUAGE plpgsql STABLE AS
$$
BEGIN
    RETURN QUERY
    WITH bought AS MATERIALIZED (SELECT b.arm, b.percent, b.net, CASE
            WHEN by_tier THEN crm._campaign_tier_then(b.person, b.day) END AS tier
            FROM crm._campaign_bought(flow, days) b),
    arm AS (SELECT b.tier, ROW(b.arm, count(*), sum(b.percent) / 100, count(b.net), coalesce(sum(b.net), 0),
            coalesce(sum(b.net ^ 2), 0))::crm.arm_sum AS added
            FROM bought b GROUP BY b.tier, b.arm)
    SELECT a.tier, array_agg(a.added) FROM arm a GROUP BY a.tier;
END
$$;
COMMENT ON FUNCTION crm._campaign_followed(int, int, boolean) IS
    'both arms of a flow, by orders within so many local days; for each tier that persons had when they were '
    'assigned, or of all (tier null); no row: nobody was assigned';

CREATE FUNCTION crm._campaign_funnel(flow int, variant text, from_id bigint, to_id bigint) RETURNS jsonb
    LANGUAGE plpgsql STABLE AS
$$
DECLARE
    -- of messages that are forgotten it is known whose they were
    sent crm.bitmap := crm._outbox_forgotten(flow, '{sent}');
    delivered crm.bitmap := crm._outbox_forgotten(flow, '{delivered,opened,clicked}');
    opened crm.bitmap := crm._outbox_forgotten(flow, '{opened,clicked}');
    clicked crm.bitmap := crm._outbox_forgotten(flow, '{clicked}');
BEGIN
    RETURN (SELECT jsonb_build_object(
            'assigned', count(DISTINCT o.customer_id),
                'sent', count(DISTINCT o.customer_id) FILTER (WHERE e.kinds && '{sent}'
                    OR crm.bitmap_has(sent, o.customer_id)),
            'delivered', count(DISTINCT o.customer_id) FILTER (WHERE e.kinds && '{delivered,opened,clicked}'
                    OR crm.bitmap_has(delivered, o.customer_id)),
            'opened', count(DISTINCT o.customer_id) FILTER (WHERE e.kinds && '{opened,clicked}' OR crm.bitmap_has(opened, o.customer_id)),
            'clicked', count(DISTINCT o.customer_id) FILTER (WHERE e.kinds && '{clicked}' OR crm.bitmap_has(clicked, o.customer_id)),
            'redeemed', count(DISTINCT o.customer_id) FILTER (WHERE k.state = 'redeemed'))
        FROM crm.occurrence o
        LEFT JOIN LATERAL (SELECT array_agg(x.kind) AS kinds FROM crm.outbox_event x
                           WHERE o.message_id IS NOT NULL AND x.customer_id = o.customer_id AND x.message_id = o.message_id) e ON true
        LEFT JOIN crm.coupon k ON k.customer_id = o.customer_id AND k.coupon_id = o.coupon_id
        WHERE o.flow_id = flow AND o.customer_id > from_id AND o.customer_id <= to_id AND o.arm = 'treatment'
            AND o.epoch >= 0 AND (_campaign_funnel.variant IS NULL OR o.variant = _campaign_funnel.variant));
END
$$;
COMMENT ON FUNCTION crm._campaign_funnel(int, text, bigint, bigint) IS
    'persons of the treatment between two ids, or of one of its variants (null: all): assigned, sent, delivered, '
    'opened (a click shows it), clicked, redeemed';

CREATE FUNCTION crm._campaign_spent(flow crm.flow_row, from_id bigint, to_id bigint) RETURNS jsonb
    LANGUAGE plpgsql STABLE SET enable_seqscan = off SET jit = off AS
$$
DECLARE
    prices jsonb := crm._setting('campaign.message_cost');
    messages numeric;
    coupons numeric;
    points numeric;
BEGIN
    SELECT coalesce(sum(s.messages * coalesce((prices ->> s.channel)::numeric, 0)), 0) INTO messages
        FROM crm._outbox_sent(flow.flow_id, from_id, to_id) s;
    SELECT coalesce(sum(coalesce(e.discount, CASE WHEN t.kind = 'amount' THEN k.value END, 0)), 0) INTO coupons
    FROM crm.coupon k JOIN crm.coupon_type t USING (coupon_type)
    LEFT JOIN LATERAL (SELECT x.discount FROM crm.coupon_event x WHERE x.customer_id = k.customer_id
                       AND x.coupon_id = k.coupon_id AND x.kind = 'redeemed'
                       ORDER BY x.coupon_event_id DESC LIMIT 1) e ON true
    WHERE k.flow_id = flow.flow_id AND k.customer_id > from_id AND k.customer_id <= to_id AND k.state = 'redeemed';
    -- lots are of records: everybody's by one look at all lots, a few persons' by theirs
    IF from_id = 0 AND to_id = 9223372036854775807 THEN
        SELECT sum(greatest(l.earned, 0)) INTO points FROM crm.points_lot l WHERE l.cause_kind = 'flow'
            AND split_part(l.cause_key, ':', 1) = flow.code;
    ELSE
        SELECT sum(greatest(l.earned, 0)) INTO points FROM crm.membership m JOIN crm.points_lot l ON l.source_record_id = m.source_record_id
        WHERE m.customer_id > from_id AND m.customer_id <= to_id AND m.valid_to = 'infinity' AND l.cause_kind = 'flow'
            AND split_part(l.cause_key, ':', 1) = flow.code;
    END IF;
    RETURN jsonb_build_object('messages', messages, 'coupons', coupons,
        'points', coalesce(points, 0) * (crm._setting('campaign.point_value'))::numeric);
END
$$;
COMMENT ON FUNCTION crm._campaign_spent(crm.flow_row, bigint, bigint) IS
    'what a flow cost in currency units for persons between two ids: messages sent at campaign.message_cost, '
    'discounts of its coupons that were redeemed, points it gave (cause key: code of the flow, a colon, the '
    'occurrence) at campaign.point_value';

CREATE FUNCTION crm._campaign_priced(spent jsonb) RETURNS jsonb
    LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
$$
    SELECT jsonb_object_agg(e.key, round(e.value::numeric, 2))
        || jsonb_build_object('total', round(sum(e.value::numeric), 2)) FROM jsonb_each_text(spent) e
$$;
COMMENT ON FUNCTION crm._campaign_priced(jsonb) IS 'what crm._campaign_spent() found, to two places, and all together';

CREATE FUNCTION crm._campaign_cost(flow crm.flow_row) RETURNS jsonb
    LANGUAGE sql STABLE AS $$ SELECT crm._campaign_priced(crm._campaign_spent(flow, 0, 9223372036854775807)) $$;
COMMENT ON FUNCTION crm._campaign_cost(crm.flow_row) IS
    'what a flow cost in currency units: messages, coupons, points, and all together';

CREATE FUNCTION crm._campaign_worth(cost jsonb, tn numeric, tx numeric, tsum numeric, cn numeric, cx numeric,
                                    means numeric[], is_enough boolean) RETURNS jsonb
    LANGUAGE plpgsql STABLE AS
$$
DECLARE
    total numeric := (cost ->> 'total')::numeric;
    margin numeric := (crm._setting('campaign.margin_percent'))::numeric / 100;
    recalled numeric := CASE WHEN is_enough THEN (tx / tn - cx / cn) * tn END;
    -- what was paid is less by the coupons already: they are a cost, once
    gained numeric := CASE WHEN is_enough AND margin > 0 THEN (means[1] * tn + (cost ->> 'coupons')::numeric) * margin END;
BEGIN
    RETURN jsonb_build_object('cost', cost,
        'revenue', CASE WHEN is_enough THEN jsonb_build_object('per_person', round(means[1], 2),
                'interval', jsonb_build_array(round(means[2], 2), round(means[3], 2))) END,
        'incremental_margin', round(gained, 2), 'roi', CASE WHEN total > 0 THEN round((gained - total) / total, 2) END,
        'recalled', round(recalled, 1), 'cost_per_recalled', CASE WHEN recalled > 0 THEN round(total / recalled, 2) END,
        'worth_says', CASE WHEN NOT is_enough THEN 'not enough data'
            WHEN margin = 0 THEN 'set campaign.margin_percent: without a margin there is no return'
                           WHEN total = 0 THEN 'it cost nothing' WHEN recalled <= 0
                               THEN 'nobody was brought who would not have come'
                               ELSE 'margin, less the cost, over the cost' END);
END
$$;
COMMENT ON FUNCTION crm._campaign_worth(jsonb, numeric, numeric, numeric, numeric, numeric, numeric[], boolean) IS
    'what it was worth: revenue a person more than control (interval after Welch), the margin of that before '
    'coupons, return on cost, persons who came and would not have, cost of one of them; nulls without enough data, '
    'margin or cost';

CREATE FUNCTION crm._campaign_compare(sums crm.arm_sum[], cost jsonb) RETURNS jsonb
    LANGUAGE plpgsql STABLE AS
$$
DECLARE
    none constant crm.arm_sum := ROW('', 0, 0, 0, 0, 0)::crm.arm_sum;
    t crm.arm_sum := coalesce((SELECT s FROM unnest(sums) s WHERE (s).arm = 'treatment'), none);
    c crm.arm_sum := coalesce((SELECT s FROM unnest(sums) s WHERE (s).arm = 'control'), none);
    lift jsonb := crm._campaign_lift(t.persons, t.ordered, c.persons, c.ordered);
BEGIN
    RETURN jsonb_build_object(
        'treatment', jsonb_build_object('persons', t.persons, 'ordered', t.ordered,
                'share', round(100 * t.ordered / nullif(t.persons, 0), 2), 'revenue', t.revenue),
        'control', jsonb_build_object('persons', c.persons, 'ordered', c.ordered,
                'share', round(100 * c.ordered / nullif(c.persons, 0), 2), 'revenue', c.revenue),
        'sample_ratio', jsonb_build_object('control_expected', round(t.expected + c.expected, 1),
            'is_skewed', crm._campaign_is_skewed(c.persons, t.expected + c.expected, t.persons + c.persons)))
        || lift || crm._campaign_worth(cost, t.persons, t.ordered, t.revenue, c.persons, c.ordered,
            crm._campaign_means(t.persons, t.revenue, t.squares, c.persons, c.revenue, c.squares), lift ->> 'lift_points' IS NOT NULL);
END
$$;
COMMENT ON FUNCTION crm._campaign_compare(crm.arm_sum[], jsonb) IS
    'both arms, the lift, the alarm of a skewed control group, what it was worth for its cost';

CREATE FUNCTION crm.campaign_hold_out(percent numeric) RETURNS jsonb
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
DECLARE
    before numeric := crm._campaign_held_percent();
BEGIN
    IF coalesce(percent NOT BETWEEN 0 AND 50, true) THEN
        RAISE EXCEPTION '0 to 50 percent are held out of everything' USING ERRCODE = 'invalid_parameter_value',
            COLUMN = 'percent', HINT = 'Give 0 for nobody, or as little as 5.';
    END IF;
    UPDATE crm.room_setting s SET value = to_jsonb(percent), changed_at = crm.core_now() WHERE s.name = 'campaign.global_holdout_percent';
    IF percent <> before THEN
        UPDATE crm.room_setting s SET value = to_jsonb(crm._local_day(crm.core_now(),
                    crm._setting('core.time_zone') #>> '{}')), changed_at = crm.core_now()
        WHERE s.name = 'campaign.global_holdout_since';
        PERFORM crm._audit('hold out', 'campaign', NULL, 'percent', before::text, percent::text);
    END IF;
    RETURN jsonb_build_object('percent', percent, 'since', crm._setting('campaign.global_holdout_since'));
END
$$;
COMMENT ON FUNCTION crm.campaign_hold_out(numeric) IS
    'so many percent (0 to 50) of all persons get nothing from any flow from now on, by a fixed bucket of each; who '
    'is taken in stays in while it grows; 22023; audited';
GRANT EXECUTE ON FUNCTION crm.campaign_hold_out(numeric) TO crm_marketer, crm_headquarters;
