-- report: figures period by period, what is to be expected of the next ones, and three panels beside what was before.

CREATE FUNCTION crm._report_periods(stores int[], marks date[])
    RETURNS TABLE (no int, buyers bigint, orders bigint, net_minor bigint, repeat_buyers bigint, new_buyers bigint, registered bigint)
    LANGUAGE plpgsql STABLE AS
$$
DECLARE
    width CONSTANT int := 6;    -- CrmBoardPeriodCell
    c bigint[] := crm._report_ask('periods', stores, marks);
BEGIN
    RETURN QUERY
    SELECT p.no, c[p.at + 1], c[p.at + 2], c[p.at + 3], c[p.at + 4], c[p.at + 5], c[p.at + 6]
    FROM (SELECT g, (g - 1) * width FROM generate_series(1, cardinality(marks) - 1) g) p (no, at);
END
$$;
COMMENT ON FUNCTION crm._report_periods(int[], date[]) IS
    'figures of the periods that days begin, the last day being behind the last period';

CREATE FUNCTION crm.report_trend(from_day date, to_day date, unit text DEFAULT 'month', store_code text DEFAULT NULL, region_code text DEFAULT NULL)
    RETURNS TABLE (starts_on date, buyers bigint, orders bigint, net numeric, average_order numeric,
        repurchase_rate numeric, new_buyers bigint, registered bigint)
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp SET jit = off AS
$$
DECLARE
    stores int[] := crm._report_scope(store_code, region_code);
    kept date[] := crm._report_kept_months(crm._report_today());
    starts date[];
    marks date[];
BEGIN
    PERFORM crm._require_span(from_day, to_day);
    PERFORM crm._report_require_unit(unit);
    starts := crm._report_starts(crm._report_start(from_day, unit), to_day, unit);
    IF unit = 'month' AND starts <@ kept[: cardinality(kept) - 1] THEN
        marks := kept;
    ELSE
        marks := starts || crm._report_next(starts[cardinality(starts)], unit);
    END IF;
    RETURN QUERY
    SELECT marks[p.no], p.buyers, p.orders, crm._report_money(p.net_minor), round(crm._report_money(p.net_minor) / nullif(p.orders, 0), 2),
           crm._report_ratio(p.repeat_buyers, p.buyers), p.new_buyers, p.registered
    FROM crm._report_periods(stores, marks) p WHERE marks[p.no] = ANY (starts) ORDER BY p.no;
END
$$;
COMMENT ON FUNCTION crm.report_trend(date, date, text, text, text) IS
    'each whole local day, week or month that touches a span: buyers, order days, net, average order, repurchase '
    'rate (two order days or more in it), new buyers (first order), persons registered; of persons alone, in the '
    'caller''s scope; at most 1,000 periods; P0002, 22023';

CREATE FUNCTION crm.report_frequency(from_day date, to_day date, store_code text DEFAULT NULL,
                                     region_code text DEFAULT NULL) RETURNS TABLE (orders int, persons bigint,
                                     share numeric)
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp SET jit = off AS
$$
DECLARE
    stores int[] := crm._report_scope(store_code, region_code);
    c bigint[];
BEGIN
    PERFORM crm._require_span(from_day, to_day);
    c := crm._report_ask('frequency', stores, ARRAY[from_day, to_day]);
    RETURN QUERY
    SELECT g.n, c[g.n + 1], crm._report_ratio(c[g.n + 1], sum(c[g.n + 1]) OVER ())
        FROM generate_series(1, cardinality(c) - 1) g (n) WHERE c[g.n + 1] > 0 ORDER BY g.n;
END
$$;
COMMENT ON FUNCTION crm.report_frequency(date, date, text, text) IS
    'buyers of a span of local days by their order days in it, 20 standing for 20 and more: how the repurchases are '
    'spread; P0002, 22023';

-- What is to be expected: level and damped trend, fitted to what each month would have said of the next; with two
-- years or more, divided before by what a month of the year usually is of its year. The interval widens as the errors
-- of the fit would add up.
CREATE FUNCTION crm._report_seasons(y float8[]) RETURNS float8[]
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS
$$
DECLARE
    n int := cardinality(y);
    seasons float8[] := array_fill(1::float8, ARRAY[12]);
BEGIN
    IF n < 24 THEN
        RETURN seasons;
    END IF;
    -- each month by the mean of the year around it, half months at its ends
    SELECT array_agg(coalesce(s.ratio, 1) ORDER BY g.season) INTO seasons
    FROM generate_series(0, 11) g (season) LEFT JOIN (
        SELECT (i - 1) % 12 AS season, avg(y[i] / m.mean) AS ratio FROM generate_series(7, n - 6) i
        CROSS JOIN LATERAL (SELECT (sum(y[k]) - y[i - 6] / 2 - y[i + 6] / 2) / 12 AS mean FROM generate_series(i - 6, i + 6) k) m
        WHERE m.mean > 0 GROUP BY 1) s ON s.season = g.season;
    RETURN (SELECT array_agg(greatest(s.ratio * 12 / nullif((SELECT sum(x) FROM unnest(seasons) x), 0), 0.05)
            ORDER BY s.no) FROM unnest(seasons) WITH ORDINALITY s (ratio, no));
END
$$;
COMMENT ON FUNCTION crm._report_seasons(float8[]) IS
    'what the twelve months that begin with the first are of their year, mean 1; all 1 with less than two years';

CREATE FUNCTION crm._report_smooth(z float8[], alpha float8, beta float8, damping float8, OUT level float8, OUT trend float8, OUT squared float8)
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS
$$
DECLARE
    error float8;
BEGIN
    level := (z[1] + z[2] + z[3]) / 3;
    trend := (z[4] + z[5] + z[6] - z[1] - z[2] - z[3]) / 9;
    squared := 0;
    FOR i IN 1 .. cardinality(z) LOOP
        error := z[i] - level - damping * trend;
        squared := squared + error * error;
        level := level + damping * trend + alpha * error;
        trend := damping * trend + alpha * beta * error;
    END LOOP;
END
$$;
COMMENT ON FUNCTION crm._report_smooth(float8[], float8, float8, float8) IS
    'level and damped trend behind six values or more, and the squared errors of telling each from those before';

CREATE FUNCTION crm._report_expect(y float8[], ahead int) RETURNS TABLE (step int, expected float8, low float8, high float8)
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS
$$
DECLARE
    damping CONSTANT float8 := 0.9;
    spread CONSTANT float8 := 1.645;    -- ninety of a hundred
    n int := cardinality(y);
    seasons float8[] := crm._report_seasons(y);
    z float8[] := ARRAY(SELECT y[i] / seasons[(i - 1) % 12 + 1] FROM generate_series(1, n) i ORDER BY i);
    fit record;
    variance float8;
    summed float8 := 0;     -- damping + damping^2 + ...
    wide float8 := 1;       -- of the variance, so many steps ahead
BEGIN
    SELECT a.alpha, b.beta, s.* INTO fit FROM generate_series(0.1, 0.9, 0.1) a (alpha),
        unnest(ARRAY[0, 0.1, 0.3]) b (beta), crm._report_smooth(z, a.alpha, b.beta, damping) s ORDER BY s.squared, 1,
        2 LIMIT 1;
    variance := fit.squared / (n - 3);
    FOR h IN 1 .. ahead LOOP
        summed := summed + damping ^ h;
        step := h;
        expected := greatest(fit.level + summed * fit.trend, 0);
        low := greatest(expected - spread * sqrt(variance * wide), 0);
        high := expected + spread * sqrt(variance * wide);
        wide := wide + (fit.alpha * (1 + fit.beta * summed)) ^ 2;
        expected := expected * seasons[(n + h - 1) % 12 + 1];
        low := low * seasons[(n + h - 1) % 12 + 1];
        high := high * seasons[(n + h - 1) % 12 + 1];
        RETURN NEXT;
    END LOOP;
END
$$;
COMMENT ON FUNCTION crm._report_expect(float8[], int) IS
    'what follows a series of at least six months, with the bounds between which nine of ten such months lie';

CREATE FUNCTION crm._report_change(now_value numeric, before_value numeric) RETURNS jsonb
    LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
$$ SELECT jsonb_build_object('value', now_value, 'before', before_value, 'change', round((now_value - before_value) / nullif(before_value, 0), 4)) $$;
COMMENT ON FUNCTION crm._report_change(numeric, numeric) IS 'a figure beside the one before and by how much of it it grew';

CREATE FUNCTION crm._report_panel_days(today date) RETURNS date[]
    LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$ SELECT ARRAY[today - 179, today - 89, today + 1] $$;
COMMENT ON FUNCTION crm._report_panel_days(date) IS
    'the first days of the ninety that end today and of the ninety before, and tomorrow: the panels of boards '
    'compare these';

CREATE FUNCTION crm.report_panels(store_code text DEFAULT NULL, region_code text DEFAULT NULL) RETURNS jsonb
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp SET jit = off AS
$$
DECLARE
    stores int[] := crm._report_scope(store_code, region_code);
    today date := crm._report_today();
    span record;    -- figures of both spans: [1] was, [2] is
    reached jsonb;
    filled jsonb;
BEGIN
    SELECT array_agg(p.buyers ORDER BY p.no) AS buyers,
        array_agg(crm._report_money(p.net_minor) ORDER BY p.no) AS net,
        array_agg(crm._report_ratio(p.repeat_buyers, p.buyers) ORDER BY p.no) AS repurchase,
           array_agg(round(crm._report_money(p.net_minor) / nullif(p.orders, 0), 2) ORDER BY p.no) AS average INTO span
    FROM crm._report_periods(stores, crm._report_panel_days(today)) p;
    SELECT coalesce(jsonb_object_agg(g.a, g.persons), '{}') INTO reached
    FROM (SELECT * FROM crm._report_groups('message', stores) UNION ALL SELECT * FROM crm._report_groups('coupon', stores)) g;
    SELECT coalesce(jsonb_object_agg(f.field, f.rate), '{}')
        || jsonb_build_object('all', round(avg(f.rate)
                FILTER (WHERE f.field IN ('name', 'phone', 'birthday', 'consent')), 4)) INTO filled
    FROM crm.report_completeness(store_code, region_code) f;
    RETURN jsonb_build_object(
        'from', today - 89, 'to', today, 'as_of', (SELECT p.as_of FROM crm.report_group_progress p),
        'process', jsonb_build_object('completeness', filled -> 'all', 'tag_coverage', filled -> 'any_tag', 'fields', filled - 'all' - 'any_tag'),
        'behaviour', jsonb_build_object('messages', coalesce((reached ->> 'sent')::bigint, 0),
            'open_rate', crm._report_ratio((reached ->> 'opened')::numeric, (reached ->> 'sent')::numeric),
            'click_rate', crm._report_ratio((reached ->> 'clicked')::numeric, (reached ->> 'sent')::numeric),
            'coupons', coalesce((reached ->> 'issued')::bigint, 0),
                'redemption_rate', crm._report_ratio((reached ->> 'redeemed')::numeric,
                    (reached ->> 'issued')::numeric)),
        'result', jsonb_build_object('repurchase_rate', crm._report_change(span.repurchase[2], span.repurchase[1]),
            'average_order', crm._report_change(span.average[2], span.average[1]),
            'buyers', crm._report_change(span.buyers[2], span.buyers[1]), 'net', crm._report_change(span.net[2], span.net[1])));
END
$$;
COMMENT ON FUNCTION crm.report_panels(text, text) IS
    'three panels of the caller''s scope: process (mean share of name, phone, birthday, consent; persons with a '
    'tag), behaviour (of the messages and coupons of 90 days, opened, clicked, redeemed; both as of the last '
    'night), result (repurchase rate, average order, buyers, net of 90 days beside the 90 before, and the growth); '
    'P0002';

GRANT EXECUTE ON FUNCTION crm.report_trend(date, date, text, text, text), crm.report_frequency(date, date, text, text), crm.report_panels(text, text)
    TO crm_store_manager, crm_manager, crm_marketer, crm_analyst, crm_headquarters;
