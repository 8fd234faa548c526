-- report: figures over many persons, one definition each (doc/metrics.md, pure/board_ask.c). An order is a local day
-- of a person with net > 0, fixed at intake in the store's zone; refunds net the day they refund, as known today.

CREATE FUNCTION crm._report_today() RETURNS date
    LANGUAGE plpgsql STABLE AS
$$
BEGIN
    RETURN crm._local_day(crm.core_now(), crm._setting('core.time_zone') #>> '{}');
END
$$;
COMMENT ON FUNCTION crm._report_today() IS 'the local day of the chain';

CREATE FUNCTION crm._report_start(day date, unit text) RETURNS date
    LANGUAGE plpgsql STABLE AS
$$
BEGIN
    RETURN CASE unit WHEN 'week' THEN day - (extract(isodow FROM day)::int - crm._value_week_start() + 7) % 7
                     WHEN 'month' THEN date_trunc('month', day)::date ELSE day END;
END
$$;
COMMENT ON FUNCTION crm._report_start(date, text) IS
    'the first day of the day''s week (by the setting''s start), month, or the day itself';

CREATE FUNCTION crm._report_next(starts_on date, unit text) RETURNS date
    LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
$$ SELECT CASE unit WHEN 'week' THEN starts_on + 7 WHEN 'month' THEN (starts_on + interval '1 month')::date ELSE starts_on + 1 END $$;
COMMENT ON FUNCTION crm._report_next(date, text) IS 'the first day of the next week, month or day';

CREATE FUNCTION crm._report_ratio(part numeric, whole numeric) RETURNS numeric
    LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$ SELECT round(part / nullif(whole, 0), 4) $$;
COMMENT ON FUNCTION crm._report_ratio(numeric, numeric) IS 'a share to four places; null of nothing';

CREATE FUNCTION crm._report_require_unit(unit text) RETURNS void
    LANGUAGE plpgsql IMMUTABLE AS
$$
BEGIN
    IF unit IS NULL OR unit NOT IN ('day', 'week', 'month') THEN
        RAISE EXCEPTION 'periods are days, weeks or months' USING ERRCODE = 'invalid_parameter_value',
            COLUMN = 'unit', HINT = 'Give day, week or month.';
    END IF;
END
$$;
COMMENT ON FUNCTION crm._report_require_unit(text) IS 'refuses periods that are none; 22023';

CREATE FUNCTION crm._report_tier_counts(stores int[], today date) RETURNS TABLE (tier text, persons bigint)
    LANGUAGE plpgsql STABLE AS
$$
DECLARE
    cells bigint[] := crm._report_ask('health', stores, ARRAY[today]);
BEGIN
    RETURN QUERY SELECT t.tier, cells[5 + t.no] FROM unnest(crm._report_tiers()) WITH ORDINALITY t (tier, no) WHERE cells[5 + t.no] > 0;
END
$$;
COMMENT ON FUNCTION crm._report_tier_counts(int[], date) IS
    'persons registered by a day by their tier now; tiers that somebody has';

CREATE FUNCTION crm.report_metrics(from_day date, to_day date, store_code text DEFAULT NULL, region_code text DEFAULT NULL) RETURNS jsonb
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp SET jit = off AS
$$
DECLARE
    stores int[] := crm._report_scope(store_code, region_code);
    c bigint[];     -- buyers, orders, net, repeat, before, lost, orders of the year, buyers of the year, active
BEGIN
    PERFORM crm._require_span(from_day, to_day);
    c := crm._report_ask('span', stores, ARRAY[from_day, to_day]);
    RETURN jsonb_build_object(
        'from', from_day, 'to', to_day, 'store', store_code, 'region', region_code,
        'buyers', c[1], 'order_days', c[2], 'net', crm._report_money(c[3]),
        'average_order', round(crm._report_money(c[3]) / nullif(c[2], 0), 2), 'average_person', round(crm._report_money(c[3]) / nullif(c[1], 0), 2),
        'repeat_buyers', c[4], 'repurchase_rate', crm._report_ratio(c[4], c[1]),
        'annual_repurchases', crm._report_ratio(c[7] - c[8], c[8]), 'active_30d', c[9],
        'buyers_before', c[5], 'lost', c[6], 'churn_rate', crm._report_ratio(c[6], c[5]), 'active_conversion', crm._report_ratio(c[5] - c[6], c[5]),
        'tiers', (SELECT coalesce(jsonb_object_agg(t.tier, jsonb_build_object('persons', t.persons, 'share', t.share)), '{}')
                  FROM (SELECT x.tier, x.persons, crm._report_ratio(x.persons, sum(x.persons) OVER ()) AS share
                      FROM crm._report_tier_counts(stores, crm._report_today()) x) t));
END
$$;
COMMENT ON FUNCTION crm.report_metrics(date, date, text, text) IS
    'figures of two local days'' span, within the caller''s scope: buyers, order days, net, average order, '
    'repurchase rate (two order days or more), annual repurchases (365 days to the last), active in 30 days, churn '
    'and active conversion (of the buyers of the span before, who did not buy, who did), tier shares now; '
    'doc/metrics.md; P0002, 22023';

CREATE FUNCTION crm._report_starts(first_start date, to_day date, unit text) RETURNS date[]
    LANGUAGE plpgsql STABLE AS
$$
DECLARE
    starts date[] := '{}';
    start date := first_start;
BEGIN
    WHILE start <= to_day LOOP
        IF cardinality(starts) = 1000 THEN
            RAISE EXCEPTION 'there are more than 1000 periods' USING ERRCODE = 'invalid_parameter_value',
                COLUMN = 'from_day', HINT = 'Ask for a shorter span, or for weeks or months.';
        END IF;
        starts := starts || start;
        start := crm._report_next(start, unit);
    END LOOP;
    RETURN starts;
END
$$;
COMMENT ON FUNCTION crm._report_starts(date, date, text) IS
    'the first days of days, weeks or months from one that begins one to a last day; at most 1,000, 22023';

-- Periods know nothing of each other, so months are cut from the answer that is kept of the last 36.
CREATE FUNCTION crm._report_kept_months(today date) RETURNS date[]
    LANGUAGE plpgsql STABLE AS
$$
DECLARE
    this_month date := date_trunc('month', today)::date;
BEGIN
    RETURN crm._report_starts((this_month - interval '36 months')::date, this_month, 'month') || crm._report_next(this_month, 'month');
END
$$;
COMMENT ON FUNCTION crm._report_kept_months(date) IS
    'the first days of this month and of 36 before, and of the next: figures of these months are kept';

CREATE FUNCTION crm.report_lifecycle(from_day date, to_day date, unit text DEFAULT 'month',
                                     store_code text DEFAULT NULL, region_code text DEFAULT NULL)
    RETURNS TABLE (starts_on date, new_persons bigint, returning_persons bigint, resurrecting_persons bigint, dormant_persons bigint)
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp SET jit = off AS
$$
DECLARE
    stores int[] := crm._report_scope(store_code, region_code);
    starts date[];
    c bigint[];
BEGIN
    PERFORM crm._require_span(from_day, to_day), crm._report_require_unit(unit);
    starts := crm._report_starts(crm._report_start(from_day, unit), to_day, unit);
    c := crm._report_ask('cycle', stores, crm._report_start(starts[1] - 1, unit) || starts || crm._report_next(starts[cardinality(starts)], unit));
    RETURN QUERY
    SELECT s.day, c[s.no * 4 - 3], c[s.no * 4 - 2], c[s.no * 4 - 1], c[s.no * 4] FROM unnest(starts) WITH ORDINALITY s (day, no) ORDER BY s.no;
END
$$;
COMMENT ON FUNCTION crm.report_lifecycle(date, date, text, text, text) IS
    'persons of each local day, week or month: new (bought for the first time), returning (also in the one before), '
    'resurrecting (not in the one before, but earlier), dormant (in the one before, not in this); at most 1,000 '
    'periods; P0002, 22023';

CREATE FUNCTION crm.report_retention(from_day date, to_day date, unit text DEFAULT 'month', is_unbounded boolean DEFAULT false,
                                     store_code text DEFAULT NULL, region_code text DEFAULT NULL)
    RETURNS TABLE (cohort date, persons bigint, period int, retained bigint, rate numeric)
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp SET jit = off AS
$$
DECLARE
    stores int[] := crm._report_scope(store_code, region_code);
    starts date[];
    n int;
    c bigint[];     -- a row of n periods a cohort: who bought; and behind them by the last period with an order
BEGIN
    PERFORM crm._require_span(from_day, to_day), crm._report_require_unit(unit);
    starts := crm._report_starts(CASE WHEN crm._report_start(from_day, unit) < from_day
            THEN crm._report_next(crm._report_start(from_day, unit), unit) ELSE from_day END, to_day, unit);
    n := cardinality(starts);
    IF n = 0 THEN
        RETURN;
    END IF;
    c := crm._report_ask('cohorts', stores, starts || (to_day + 1));
    RETURN QUERY
    WITH cell AS (
        SELECT s.day, s.no, g.period, c[(s.no - 1) * n + g.period + 1] AS bought,
               sum(c[n * n + (s.no - 1) * n + g.period + 1]) OVER (PARTITION BY s.no ORDER BY g.period DESC)::bigint AS later
        FROM unnest(starts) WITH ORDINALITY s (day, no), generate_series(0, (n - s.no)::int) g (period)),
    cohort AS (
        SELECT x.no, x.bought AS persons FROM cell x WHERE x.period = 0 AND x.bought > 0)
    SELECT x.day, k.persons, x.period, CASE WHEN is_unbounded THEN x.later ELSE x.bought END,
        crm._report_ratio(CASE WHEN is_unbounded THEN x.later ELSE x.bought END, k.persons)
    FROM cell x JOIN cohort k ON k.no = x.no ORDER BY x.day, x.period;
END
$$;
COMMENT ON FUNCTION crm.report_retention(date, date, text, boolean, text, text) IS
    'cohorts of persons by the local day, week or month of their first order, and how many bought in each later one '
    'up to the last day, 0 where nobody did (unbounded: in it or later); cohorts of nobody are left out; calendar '
    'periods, week start by setting, at most 1,000; P0002, 22023';

-- Funnels over events, orders and registrations.
CREATE FUNCTION crm._report_funnel(times timestamptz[], steps int[], n_steps int, window_seconds bigint,
                                   is_strict boolean, OUT depth int, OUT seconds bigint)
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'crm_report_funnel';
COMMENT ON FUNCTION crm._report_funnel(timestamptz[], int[], int, bigint, boolean) IS
    'how many steps one person did in order within the window, and in how many seconds; step 0 excludes; 22023';

CREATE FUNCTION crm._report_steps(stores int[], steps jsonb, exclusions jsonb, from_day date, to_day date, window_days numeric)
    RETURNS TABLE (customer_id bigint, at timestamptz, step int)
    LANGUAGE plpgsql STABLE SET jit = off AS
$$
DECLARE
    until date := to_day + ceil(window_days)::int;
    of_orders boolean := (steps || exclusions) ? 'order';
BEGIN
    RETURN QUERY
    WITH wanted AS (
        SELECT e.step #>> '{}' AS what, e.position::int AS step FROM jsonb_array_elements(steps) WITH ORDINALITY e (step, position)
        UNION ALL SELECT e #>> '{}', 0 FROM jsonb_array_elements(exclusions) e),
    bought AS MATERIALIZED (
        SELECT m.customer_id, o.business_day AS day, o.paid_at, o.store_id, o.amount FROM crm.customer_order o
        JOIN crm.membership m ON m.source_record_id = o.source_record_id AND m.valid_to = 'infinity'
        WHERE of_orders AND o.is_current AND o.business_day BETWEEN from_day AND until),
    order_day AS (      -- an order is a day with net > 0: what was given back whole is none
        SELECT x.customer_id, x.day FROM (
            SELECT b.customer_id, b.day, b.amount FROM bought b
            UNION ALL
            SELECT m.customer_id, r.purchase_day, -r.amount FROM crm.refund r
                JOIN crm.membership m ON m.source_record_id = r.source_record_id AND m.valid_to = 'infinity'
            WHERE of_orders AND r.is_current AND r.purchase_day BETWEEN from_day AND until) x
        GROUP BY x.customer_id, x.day HAVING sum(x.amount) > 0)
    SELECT f.customer_id, f.at, w.step FROM wanted w JOIN (
        SELECT m.customer_id, v.occurred_at AS at, v.business_day AS day, v.type AS what, v.store_id FROM crm.event v
        JOIN crm.membership m ON m.source_record_id = v.source_record_id AND m.valid_to = 'infinity'
        WHERE v.ignored_reason IS NULL AND v.business_day BETWEEN from_day AND until AND v.type IN (SELECT x.what FROM wanted x)
        UNION ALL
        SELECT b.customer_id, b.paid_at, b.day, 'order', b.store_id FROM bought b
            JOIN order_day d ON d.customer_id = b.customer_id AND d.day = b.day WHERE b.amount > 0
        UNION ALL
        SELECT c.customer_id, c.registered_at, c.registered_on, 'registered', c.home_store_id FROM crm.customer c
        WHERE c.status = 'active' AND c.registered_on BETWEEN from_day AND until
                AND 'registered' IN (SELECT x.what FROM wanted x)) f ON f.what = w.what
    WHERE (w.step <> 1 OR f.day <= to_day)
      AND (stores IS NULL OR EXISTS (SELECT FROM crm.customer c WHERE c.customer_id = f.customer_id AND c.scope_store_ids && stores));
END
$$;
COMMENT ON FUNCTION crm._report_steps(int[], jsonb, jsonb, date, date, numeric) IS
    'facts that are steps (1 on) or exclusions (0) of a funnel: event types, order (receipts of days with net > 0), '
    'registered; the first step within the span, the others up to the window after it';

CREATE FUNCTION crm._report_depths(stores int[], steps jsonb, exclusions jsonb, from_day date, to_day date, window_days numeric, is_strict boolean)
    RETURNS TABLE (customer_id bigint, depth int, seconds bigint)
    LANGUAGE sql STABLE AS
$$
    SELECT p.customer_id, (p.walk).depth, (p.walk).seconds
    FROM (SELECT s.customer_id, crm._report_funnel(array_agg(s.at ORDER BY s.at, s.step),
            array_agg(s.step ORDER BY s.at, s.step), jsonb_array_length(steps),
                                                   (window_days * 86400)::bigint, is_strict) AS walk
          FROM crm._report_steps(stores, steps, coalesce(exclusions, '[]'), from_day, to_day, window_days) s GROUP BY s.customer_id OFFSET 0) p
    WHERE (p.walk).depth > 0
$$;
COMMENT ON FUNCTION crm._report_depths(int[], jsonb, jsonb, date, date, numeric, boolean) IS
    'how far each person got through a funnel, and in how many seconds';

CREATE FUNCTION crm._report_funnel_read(steps jsonb, exclusions jsonb, window_days numeric) RETURNS void
    LANGUAGE plpgsql STABLE AS
$$
BEGIN
    IF coalesce(jsonb_typeof(steps) <> 'array' OR jsonb_array_length(steps) NOT BETWEEN 1 AND 32 OR window_days NOT BETWEEN 0 AND 3650, true)
       OR (exclusions IS NOT NULL AND jsonb_typeof(exclusions) <> 'array')
       OR EXISTS (SELECT FROM jsonb_array_elements(steps || coalesce(exclusions, '[]')) e
                  WHERE jsonb_typeof(e) <> 'string' OR (e #>> '{}' NOT IN ('order', 'registered')
                              AND NOT EXISTS (SELECT FROM crm.event_type t WHERE t.code = e #>> '{}'))) THEN
        RAISE EXCEPTION 'funnel cannot be read'
            USING ERRCODE = 'invalid_parameter_value', COLUMN = 'steps',
                HINT = 'Steps are 1 to 32 of "registered", "order" and event types, as ["product_view", "add_to_cart", "order"]; the window is in days.';
    END IF;
END
$$;
COMMENT ON FUNCTION crm._report_funnel_read(jsonb, jsonb, numeric) IS
    'refuses steps, exclusions or a window that mean nothing; 22023';

CREATE FUNCTION crm.report_funnel(steps jsonb, from_day date, to_day date, window_days numeric DEFAULT 7,
                                  is_strict boolean DEFAULT false, exclusions jsonb DEFAULT '[]',
                                  store_code text DEFAULT NULL, region_code text DEFAULT NULL)
    RETURNS TABLE (step int, name text, persons bigint, of_first numeric, of_before numeric, median_seconds numeric)
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp SET jit = off AS
$$
DECLARE
    stores int[] := crm._report_scope(store_code, region_code);
BEGIN
    PERFORM crm._require_span(from_day, to_day), crm._report_funnel_read(steps, exclusions, window_days);
    RETURN QUERY
    WITH walked AS MATERIALIZED (
        SELECT d.* FROM crm._report_depths(stores, steps, exclusions, from_day, to_day, window_days, is_strict) d),
    reached AS (
        SELECT e.position::int AS step, e.name #>> '{}' AS name, (SELECT count(*) FROM walked w WHERE w.depth >= e.position) AS persons,
               (SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY w.seconds) FROM walked w WHERE w.depth = e.position)::numeric AS median
        FROM jsonb_array_elements(steps) WITH ORDINALITY e (name, position))
    SELECT r.step, r.name, r.persons, crm._report_ratio(r.persons, first_value(r.persons) OVER w),
        crm._report_ratio(r.persons, coalesce(lag(r.persons) OVER w, r.persons)), r.median
    FROM reached r WINDOW w AS (ORDER BY r.step);
END
$$;
COMMENT ON FUNCTION crm.report_funnel(jsonb, date, date, numeric, boolean, jsonb, text, text) IS
    'persons who did the steps in order, the first between two local days, each within the window (days) from the '
    'first; strict: nothing of the funnel in between; an exclusion ends the attempt; shares of the first and of the '
    'step before; median seconds of those who got no further; P0002, 22023';

CREATE FUNCTION crm.report_funnel_persons(steps jsonb, from_day date, to_day date, step int,
                                          has_dropped boolean DEFAULT false, window_days numeric DEFAULT 7,
                                          is_strict boolean DEFAULT false,
                                          exclusions jsonb DEFAULT '[]', store_code text DEFAULT NULL,
                                              region_code text DEFAULT NULL, after_id bigint DEFAULT 0,
                                              limit_to int DEFAULT 100)
    RETURNS SETOF bigint
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp SET jit = off AS
$$
DECLARE
    stores int[] := crm._report_scope(store_code, region_code);
BEGIN
    PERFORM crm._require_span(from_day, to_day), crm._report_funnel_read(steps, exclusions, window_days);
    RETURN QUERY
    SELECT d.customer_id FROM crm._report_depths(stores, steps, exclusions, from_day, to_day, window_days, is_strict) d
    WHERE CASE WHEN has_dropped THEN d.depth = report_funnel_persons.step ELSE d.depth >= report_funnel_persons.step END
      AND d.customer_id > after_id AND crm._report_sees(d.customer_id)
    ORDER BY d.customer_id LIMIT least(greatest(limit_to, 1), 10000);
END
$$;
COMMENT ON FUNCTION crm.report_funnel_persons(jsonb, date, date, int, boolean, numeric, boolean, jsonb, text, text, bigint, int) IS
    'the persons who reached a step of a funnel (dropped: who got no further), in pages by id, those whom the '
    'caller may see; P0002, 22023';

CREATE FUNCTION crm.report_stores(from_day date, to_day date)
    RETURNS TABLE (store_code text, store_name text, region_code text, persons bigint, buyers bigint,
                   order_days bigint, net numeric, average_order numeric, repurchase_rate numeric,
                   tiers jsonb)
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp SET jit = off AS
$$
DECLARE
    scope int[] := crm._report_scope(NULL, NULL);
    -- of all stores, whose answer is kept: each has a row of its own
    stores int[] := ARRAY(SELECT s.store_id FROM crm.store s ORDER BY s.store_id);
    tier_names text[] := crm._report_tiers();
    width int := 5 + cardinality(tier_names);
    c bigint[];     -- a row a store, ascending: buyers, orders, net, repeat, persons, and these by tier
BEGIN
    PERFORM crm._require_span(from_day, to_day);
    c := crm._report_ask('stores', stores, ARRAY[from_day, to_day]);
    RETURN QUERY
    SELECT s.code, s.name, g.code, c[x.at + 5], c[x.at + 1], c[x.at + 2], crm._report_money(c[x.at + 3]),
        round(crm._report_money(c[x.at + 3]) / nullif(c[x.at + 2], 0), 2),
           crm._report_ratio(c[x.at + 4], c[x.at + 1]),
           (SELECT coalesce(jsonb_object_agg(t.tier, c[x.at + 5 + t.no]), '{}')
               FROM unnest(tier_names) WITH ORDINALITY t (tier, no) WHERE c[x.at + 5 + t.no] > 0)
    FROM (SELECT y.id, ((row_number() OVER (ORDER BY y.id) - 1) * width)::int AS at FROM unnest(stores) y (id)) x
    JOIN crm.store s ON s.store_id = x.id JOIN crm.region g ON g.region_id = s.region_id
    WHERE scope IS NULL OR x.id = ANY (scope) ORDER BY s.code;
END
$$;
COMMENT ON FUNCTION crm.report_stores(date, date) IS
    'each store of the caller''s scope beside the others, over two local days'' span: persons, buyers, order days, '
    'net, average order, repurchase rate, persons by tier now; P0002, 22023';

GRANT EXECUTE ON FUNCTION crm.report_metrics(date, date, text, text),
    crm.report_lifecycle(date, date, text, text, text), crm.report_retention(date, date, text, boolean, text, text),
    crm.report_funnel(jsonb, date, date, numeric, boolean, jsonb, text, text),
        crm.report_funnel_persons(jsonb, date, date, int, boolean, numeric, boolean, jsonb, text, text, bigint, int),
    crm.report_stores(date, date)
    TO crm_store_manager, crm_manager, crm_marketer, crm_analyst, crm_headquarters;
