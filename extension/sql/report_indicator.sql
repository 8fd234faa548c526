-- report: the twelve indicators, computed for a whole week or month and frozen.

CREATE FUNCTION crm._report_recall_flows() RETURNS int[]
    LANGUAGE plpgsql STABLE AS
$$
BEGIN
    RETURN ARRAY(SELECT f.flow_id FROM crm.flow f WHERE f.code LIKE 'silence%' OR f.code LIKE 'win_back%' OR f.code LIKE 'winback%');
END
$$;
COMMENT ON FUNCTION crm._report_recall_flows() IS 'the flows that call silent persons back';

-- As flows' own results have it (campaign_proof.sql): by the arm each was assigned, whatever stopped a message later,
-- persons of today, net of refunds, without shadows and without those who are held out of everything.
CREATE FUNCTION crm._report_recalled(from_day date, to_day date) RETURNS TABLE (customer_id bigint, arm text, day date)
    LANGUAGE plpgsql STABLE SET jit = off SET plan_cache_mode = force_custom_plan AS
$$
DECLARE
    zone text := crm._setting('core.time_zone') #>> '{}';
    since timestamptz := from_day::timestamp AT TIME ZONE zone;
    before timestamptz := (to_day + 1)::timestamp AT TIME ZONE zone;
    flows int[] := crm._report_recall_flows();
    held numeric := crm._campaign_held_percent();
BEGIN
    RETURN QUERY
    SELECT k.person, k.arm, k.day FROM (
        SELECT DISTINCT ON (q.flow_id, p.person) p.person, q.arm, crm._local_day(q.fired_at, zone) AS day
        FROM crm.occurrence q LEFT JOIN crm.customer c ON c.customer_id = q.customer_id AND c.merged_into IS NOT NULL
        CROSS JOIN LATERAL (SELECT CASE WHEN c.merged_into IS NOT NULL THEN crm._identity_current(q.customer_id) ELSE q.customer_id END AS person) p
        WHERE q.fired_at >= since AND q.fired_at < before AND q.flow_id = ANY (flows) AND q.arm <> 'none' AND q.epoch >= 0
        ORDER BY q.flow_id, p.person, q.customer_id <> p.person, q.fired_at) k
    WHERE NOT crm._campaign_is_held(k.person, held);
END
$$;
COMMENT ON FUNCTION crm._report_recalled(date, date) IS
    'whom silence and win-back flows chose between two local days, once a flow, with the arm assigned and the day';

CREATE FUNCTION crm._report_arms(from_day date, to_day date) RETURNS TABLE (arm text, persons bigint, conversions bigint, net numeric)
    LANGUAGE plpgsql STABLE SET jit = off AS
$$
BEGIN
    RETURN QUERY
    SELECT k.arm, count(*), count(*) FILTER (WHERE b.days > 0), coalesce(sum(crm._report_money(greatest(b.net_minor, 0))), 0)
    FROM crm._report_recalled(from_day, to_day) k CROSS JOIN LATERAL (
        SELECT crm.purchase_order_days(h.chunks, k.day, k.day + 30, 'infinity') AS days,
            crm.purchase_net(h.chunks, k.day, k.day + 30, 'infinity') AS net_minor
        FROM (SELECT crm._purchase_history(k.customer_id) AS chunks OFFSET 0) h) b
    GROUP BY k.arm;
END
$$;
COMMENT ON FUNCTION crm._report_arms(date, date) IS
    'of persons whom silence and win-back flows chose between two local days, once a flow, by the arm assigned: how '
    'many, how many had an order day within 30 days, their net';

CREATE FUNCTION crm._report_recall_cost(from_day date, to_day date) RETURNS numeric
    LANGUAGE plpgsql STABLE AS
$$
DECLARE
    zone text := crm._setting('core.time_zone') #>> '{}';
BEGIN
    RETURN (SELECT coalesce(sum(coalesce(e.discount, CASE WHEN t.kind = 'amount' THEN k.value END, 0)), 0)
            FROM crm.coupon k JOIN crm.coupon_type t ON t.coupon_type = k.coupon_type
            LEFT JOIN LATERAL (SELECT x.discount FROM crm.coupon_event x WHERE x.customer_id = k.customer_id
                               AND x.coupon_id = k.coupon_id AND x.kind = 'redeemed'
                               ORDER BY x.coupon_event_id DESC LIMIT 1) e ON true
            WHERE k.state = 'redeemed' AND k.flow_id = ANY (crm._report_recall_flows())
              AND k.issued_at >= from_day::timestamp AT TIME ZONE zone AND k.issued_at < (to_day + 1)::timestamp AT TIME ZONE zone);
END
$$;
COMMENT ON FUNCTION crm._report_recall_cost(date, date) IS
    'what redeemed coupons of silence and win-back flows took off, of those issued between two local days: the '
    'discount that the till told, else the value of an amount';

CREATE FUNCTION crm._report_lift(from_day date, to_day date, is_money boolean, OUT value numeric,
                                 OUT numerator numeric, OUT denominator numeric, OUT note text)
    LANGUAGE plpgsql STABLE AS
$$
DECLARE
    treated record;
    control record;
    least_persons int := crm._setting('report.arm_min_persons')::int;
    least_conversions int := crm._setting('report.arm_min_conversions')::int;
    margin numeric := crm._setting('campaign.margin_percent')::numeric / 100;
    gained numeric;
    cost numeric;
BEGIN
    SELECT * INTO treated FROM crm._report_arms(from_day, to_day) a WHERE a.arm = 'treatment';
    SELECT * INTO control FROM crm._report_arms(from_day, to_day) a WHERE a.arm = 'control';
    IF coalesce(treated.persons, 0) < least_persons OR coalesce(control.persons, 0) < least_persons THEN
        note := format('not enough data: %s more persons needed',
                greatest(least_persons - coalesce(treated.persons, 0),
                    0) + greatest(least_persons - coalesce(control.persons, 0), 0));
    ELSIF treated.conversions < least_conversions OR control.conversions < least_conversions THEN
        note := format('not enough data: %s more conversions needed',
                greatest(least_conversions - treated.conversions,
                    0) + greatest(least_conversions - control.conversions, 0));
    ELSIF is_money THEN
        cost := crm._report_recall_cost(from_day, to_day);
        gained := treated.net - control.net / control.persons * treated.persons;
        -- what was paid is less by the coupons already: they are a cost, once
        numerator := round(CASE WHEN margin > 0 THEN (gained + cost) * margin - cost ELSE gained END, 2);
        denominator := cost;
        value := round(numerator / nullif(cost, 0), 4);
        note := CASE WHEN value IS NULL THEN 'no data: nothing was spent' END;
    ELSE
        numerator := treated.conversions;
        denominator := treated.persons;
        value := round(treated.conversions::numeric / treated.persons - control.conversions::numeric / control.persons, 4);
    END IF;
END
$$;
COMMENT ON FUNCTION crm._report_lift(date, date, boolean) IS
    'recall beyond control, or what it brought by what coupons cost; with too few persons or conversions in an arm '
    'no value, but how many more are needed';

CREATE FUNCTION crm._report_work_facts(stores int[], starts timestamptz, ends timestamptz)
    RETURNS TABLE (indicator text, customer_id bigint, figure numeric)
    LANGUAGE sql STABLE AS
$$
    SELECT 'lead_time', d.customer_id, extract(epoch FROM d.closed_at - d.opened_at)
    FROM crm.deal d WHERE d.outcome = 'won' AND d.closed_at >= starts AND d.closed_at < ends AND (stores IS NULL OR d.store_id = ANY (stores))
    UNION ALL
    SELECT 'satisfaction', t.customer_id, t.stars
    FROM crm.ticket t WHERE t.stars IS NOT NULL AND t.first_resolved_at >= starts AND t.first_resolved_at < ends
        AND (stores IS NULL OR t.store_id = ANY (stores))
    UNION ALL
    SELECT 'service_response', t.customer_id, extract(epoch FROM t.answered_at - t.opened_at)
    FROM crm.ticket t WHERE t.answered_at IS NOT NULL AND t.opened_at >= starts AND t.opened_at < ends
        AND (stores IS NULL OR t.store_id = ANY (stores))
$$;
COMMENT ON FUNCTION crm._report_work_facts(int[], timestamptz, timestamptz) IS
    'what the indicators of sales and service are made of, of some stores (null: all) between two moments: seconds '
    'to winning, stars, seconds to the first answer; plain SQL, so that queries take it in';

CREATE FUNCTION crm._report_work_indicators(stores int[], starts timestamptz, ends timestamptz)
    RETURNS TABLE (indicator text, value numeric, numerator numeric, denominator numeric, note text)
    LANGUAGE plpgsql STABLE SET jit = off AS
$$
BEGIN
    RETURN QUERY
    SELECT i.name, CASE i.name WHEN 'lead_time' THEN round((w.median / 86400)::numeric, 2)
        WHEN 'satisfaction' THEN round(w.total / w.n / 5, 4) ELSE round((w.median / 60)::numeric, 1) END,
           CASE WHEN i.name = 'satisfaction' THEN w.total END, coalesce(w.n, 0)::numeric, CASE WHEN w.n IS NULL THEN 'no data' END
    FROM unnest('{lead_time,satisfaction,service_response}'::text[]) i (name)
    LEFT JOIN (SELECT f.indicator, count(*) AS n, sum(f.figure) AS total, percentile_cont(0.5) WITHIN GROUP (ORDER BY f.figure) AS median
               FROM crm._report_work_facts(stores, starts, ends) f GROUP BY f.indicator) w ON w.indicator = i.name;
END
$$;
COMMENT ON FUNCTION crm._report_work_indicators(int[], timestamptz, timestamptz) IS
    'the indicators that sales and service answer, of some stores (null: all) between two moments';

CREATE FUNCTION crm._report_beginners(stores int[], starts_on date, ends_on date) RETURNS TABLE (customer_id bigint, registered_on date)
    LANGUAGE sql STABLE AS
$$
    SELECT c.customer_id, c.registered_on
    FROM crm.customer c WHERE c.status = 'active' AND c.registered_on BETWEEN starts_on - 30 AND ends_on - 30
        AND (stores IS NULL OR c.scope_store_ids && stores)
$$;
COMMENT ON FUNCTION crm._report_beginners(int[], date, date) IS
    'persons of some stores (null: the chain) who registered 30 days before a span, day by day; plain SQL, so that '
    'queries take it in';

CREATE FUNCTION crm._report_has_begun(person bigint, registered_on date) RETURNS boolean
    LANGUAGE sql STABLE AS
$$ SELECT coalesce(crm.purchase_order_days(crm._purchase_history(person), registered_on, registered_on + 30, registered_on + 30) > 0, false) $$;
COMMENT ON FUNCTION crm._report_has_begun(bigint, date) IS
    'whether somebody ordered within 30 days of registering, by what was known then; plain SQL, so that queries '
    'take it in';

CREATE FUNCTION crm._report_issued(stores int[], starts_on date, ends_on date, zone text) RETURNS TABLE (customer_id bigint, is_redeemed boolean)
    LANGUAGE sql STABLE AS
$$
    SELECT k.customer_id, coalesce(k.redeemed_at < (ends_on + 1)::timestamp AT TIME ZONE zone, false)
    FROM crm.coupon k
    WHERE NOT k.is_history AND k.issued_at >= (starts_on - (ends_on - starts_on + 1))::timestamp AT TIME ZONE zone
        AND k.issued_at < starts_on::timestamp AT TIME ZONE zone
      AND (stores IS NULL OR EXISTS (SELECT FROM crm.customer p WHERE p.customer_id = k.customer_id
              AND (p.scope_store_ids && stores OR (p.merged_into IS NOT NULL
           AND EXISTS (SELECT FROM crm.customer s WHERE s.customer_id = p.merged_into AND s.scope_store_ids && stores OFFSET 0)))))
$$;
COMMENT ON FUNCTION crm._report_issued(int[], date, date, text) IS
    'coupons issued in the period before a span to persons of some stores (null: the chain), and whether each is '
    'redeemed by its end; plain SQL, so that queries take it in';

CREATE FUNCTION crm._report_indicators(stores int[], starts_on date, ends_on date)
    RETURNS TABLE (indicator text, value numeric, numerator numeric, denominator numeric, note text)
    LANGUAGE plpgsql STABLE SET jit = off AS
$$
DECLARE
    days CONSTANT int := 30;     -- within which who was chosen is seen to buy: over when the period ends
    zone text := crm._setting('core.time_zone') #>> '{}';
    -- active, first orders, second ones, orders and buyers of the year, orders, net, who ever bought, dormant, who
    -- bought again in the year
    c numeric[] := crm._report_ask('indicators', stores, ARRAY[starts_on, ends_on]);
BEGIN
    RETURN QUERY
    SELECT v.indicator, v.value, v.numerator, v.denominator, CASE WHEN v.denominator = 0 THEN 'no data' END FROM (VALUES
        ('active', c[1], c[1], NULL::numeric),
        ('repurchase', crm._report_ratio(c[3], c[2]), c[3], c[2]),
        ('annual_repurchases', crm._report_ratio(c[4] - c[5], c[5]), c[4] - c[5], c[5]),
        ('order_value', round(crm._report_money(c[7]::bigint) / nullif(c[6], 0), 2), crm._report_money(c[7]::bigint), c[6]),
        ('dormancy', crm._report_ratio(c[9], c[8]), c[9], c[8])) v (indicator, value, numerator, denominator);
    RETURN QUERY
    SELECT 'first_order', crm._report_ratio(count(*) FILTER (WHERE f.has_begun), count(*)),
        count(*) FILTER (WHERE f.has_begun)::numeric, count(*)::numeric, CASE WHEN count(*) = 0 THEN 'no data' END
    FROM (SELECT crm._report_has_begun(b.customer_id, b.registered_on) AS has_begun FROM crm._report_beginners(stores, starts_on, ends_on) b) f;
    RETURN QUERY SELECT 'recall', l.* FROM crm._report_lift(starts_on - days, ends_on - days, false) l WHERE stores IS NULL;
    RETURN QUERY
    SELECT 'redemption', crm._report_ratio(count(*) FILTER (WHERE k.is_redeemed), count(*)),
        count(*) FILTER (WHERE k.is_redeemed)::numeric, count(*)::numeric, CASE WHEN count(*) = 0 THEN 'no data' END
    FROM crm._report_issued(stores, starts_on, ends_on, zone) k;
    RETURN QUERY SELECT 'roi', l.* FROM crm._report_lift(starts_on - days, ends_on - days, true) l WHERE stores IS NULL;
    RETURN QUERY SELECT w.* FROM crm._report_work_indicators(stores, starts_on::timestamp AT TIME ZONE zone,
            (ends_on + 1)::timestamp AT TIME ZONE zone) w;
END
$$;
COMMENT ON FUNCTION crm._report_indicators(int[], date, date) IS
    'the twelve indicators of a span of local days for stores (null: the chain; recall and ROI are the chain''s '
    'alone), with numerator, denominator and why there is no value';

CREATE FUNCTION crm._report_unfrozen(unit text, today date) RETURNS date[]
    LANGUAGE plpgsql STABLE AS
$$
DECLARE
    last_start date := crm._report_start(crm._report_start(today, unit) - 1, unit);
    frozen_to date := (SELECT max(s.starts_on) FROM crm.indicator_snapshot s WHERE s.period = unit AND s.starts_on <= last_start);
BEGIN
    RETURN crm._report_starts(CASE WHEN frozen_to IS NULL THEN last_start
        ELSE crm._report_start(greatest(frozen_to, last_start - 366), unit) END, last_start, unit);
END
$$;
COMMENT ON FUNCTION crm._report_unfrozen(text, date) IS
    'the first days of the whole weeks or months from the last frozen one, which may not be so for all stores yet, '
    'to the last there is; a year back at most; before anything was frozen the last alone';

CREATE FUNCTION crm._report_indicators_job() RETURNS bigint
    LANGUAGE plpgsql AS
$$
DECLARE
    today date := crm._report_today();
    unit text;
    start date;
    place int;
BEGIN
    FOREACH unit IN ARRAY ARRAY['week', 'month'] LOOP
        -- from the last period that was frozen on: nights that the worker did not see leave no hole
        SELECT d.day, p.store_id INTO start, place
        FROM unnest(crm._report_unfrozen(unit, today)) d (day), (SELECT 0 AS store_id UNION ALL SELECT s.store_id FROM crm.store s) p
        WHERE NOT EXISTS (SELECT FROM crm.indicator_snapshot s WHERE s.period = unit AND s.starts_on = d.day
                AND s.store_id = p.store_id) ORDER BY 1, 2 LIMIT 1;
        CONTINUE WHEN NOT FOUND;
        INSERT INTO crm.indicator_snapshot (period, starts_on, store_id, indicator, value, numerator, denominator, note, frozen_at)
        SELECT unit, start, place, i.indicator, i.value, i.numerator, i.denominator, i.note, crm.core_now()
        FROM crm._report_indicators(CASE WHEN place > 0 THEN ARRAY[place] END, start, crm._report_next(start, unit) - 1) i;
        RETURN 1;
    END LOOP;
    RETURN 0;
END
$$;
COMMENT ON FUNCTION crm._report_indicators_job() IS
    'job: freezes the twelve indicators of each whole week since the last frozen one, then of each month, for the '
    'chain, then each store, one a call; what is frozen never changes; returns > 0 while there may be more to do';

CREATE FUNCTION crm.report_indicators(period text DEFAULT 'month', starts_on date DEFAULT NULL, store_code text DEFAULT NULL) RETURNS jsonb
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
DECLARE
    stores int[] := crm._report_scope(store_code, NULL);
    start date := coalesce(crm._report_start(crm._require_day(starts_on, 'starts_on'), period),
            (SELECT max(s.starts_on) FROM crm.indicator_snapshot s WHERE s.period = report_indicators.period));
    wanted int := CASE WHEN store_code IS NULL THEN 0 ELSE stores[1] END;
    -- who sees figures only sees no ratio of few persons, and of no ratio what it was made of
    is_reader boolean := crm._actor_role() = 'crm_reader';
    small int := CASE WHEN is_reader THEN (crm._setting('report.small_group') #>> '{}')::int ELSE 0 END;
BEGIN
    IF period NOT IN ('week', 'month') THEN
        RAISE EXCEPTION 'there is no period "%"', period USING ERRCODE = 'invalid_parameter_value', COLUMN = 'period',
            HINT = 'Periods are week and month.';
    END IF;
    IF store_code IS NULL AND stores IS NOT NULL THEN
        RAISE EXCEPTION 'figures of the whole chain are not in your scope' USING ERRCODE = 'no_data_found',
            COLUMN = 'store_code', HINT = 'Name a store of yours.';
    END IF;
    RETURN jsonb_build_object('period', period, 'starts_on', start, 'ends_on', crm._report_next(start, period) - 1,
        'store', store_code, 'indicators', (
        SELECT coalesce(jsonb_agg(jsonb_build_object('indicator', i.indicator, 'name_zh', i.name_zh,
            'name_en', i.name_en, 'unit', i.unit, 'value', CASE WHEN h.is_told THEN s.value END,
                                                     'numerator', CASE WHEN NOT is_reader THEN s.numerator END,
                                                         'denominator', CASE WHEN NOT is_reader
                                                         THEN s.denominator END,
                                                     'note', coalesce(s.note, CASE WHEN s.indicator IS NULL
                                                             THEN 'no data' WHEN NOT h.is_told
                                                             THEN 'too few to tell' END), 'frozen_at', s.frozen_at,
                                                     'before', CASE WHEN NOT is_reader
                                                                 OR b.denominator >= small THEN b.value END)
                                                             ORDER BY i.position), '[]')
        FROM crm.indicator i
        LEFT JOIN crm.indicator_snapshot s ON s.indicator = i.indicator AND s.period = report_indicators.period
            AND s.starts_on = start AND s.store_id = wanted
        LEFT JOIN crm.indicator_snapshot b ON b.indicator = i.indicator AND b.period = report_indicators.period AND b.store_id = wanted
             AND b.starts_on = crm._report_start(start - 1, report_indicators.period)
        CROSS JOIN LATERAL (SELECT NOT is_reader OR coalesce(s.denominator, s.value, 0) >= small AS is_told) h));
END
$$;
COMMENT ON FUNCTION crm.report_indicators(text, date, text) IS
    'the twelve indicators as they were frozen for a week or month (default the last one), of the chain or a store, '
    'each with the value of the period before; a reader sees values alone, and none of fewer than '
    'report.small_group persons; P0002, 22023';
GRANT EXECUTE ON FUNCTION crm.report_indicators(text, date, text) TO crm_reader, crm_store_manager, crm_manager,
    crm_marketer, crm_analyst, crm_headquarters;
