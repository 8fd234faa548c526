-- report: sales to expect: what purchases have said so far, and what open deals may bring on top, as deals like them went.

-- How deals went that came to a stage: of the days that they took from there to their end, up to each how many had
-- been won, and had ended.
CREATE TYPE crm.report_deals_ended AS (pipeline text, stage text, days int[], won bigint[], ended bigint[]);
COMMENT ON TYPE crm.report_deals_ended IS
    'of a stage: days from coming there to the end, ascending; up to each, how many deals had been won and how many '
    'had ended';

CREATE FUNCTION crm._report_deals_ended() RETURNS crm.report_deals_ended[]
    LANGUAGE plpgsql STABLE AS
$$
DECLARE
    most CONSTANT int := 5000;      -- of each pipeline, the newest of two years; of the whole chain, for one store has too few
BEGIN
    RETURN ARRAY(
        WITH deal AS (
            SELECT d.* FROM crm.pipeline p CROSS JOIN LATERAL (
                SELECT x.pipeline, x.outcome, x.closed_at, x.came_stages, x.came_at FROM crm.deal x
                WHERE x.pipeline = p.pipeline AND x.outcome <> 'open'
                    AND x.closed_at > crm.core_now() - interval '730 days' AND x.closed_at < 'infinity'
                    ORDER BY x.closed_at DESC LIMIT most) d),
        gone AS MATERIALIZED (
            SELECT d.pipeline, c.stage, greatest(extract(epoch FROM d.closed_at - c.at) / 86400, 0)::int AS days,
                count(*) FILTER (WHERE d.outcome = 'won') AS won, count(*) AS ended
            FROM deal d CROSS JOIN LATERAL unnest(d.came_stages, d.came_at) c (stage, at) GROUP BY 1, 2, 3),
        running AS (
            SELECT g.pipeline, g.stage, g.days, (sum(g.won) OVER w)::bigint AS won,
                (sum(g.ended) OVER w)::bigint AS ended FROM gone g
                WINDOW w AS (PARTITION BY g.pipeline, g.stage ORDER BY g.days))
        SELECT ROW(r.pipeline, r.stage, array_agg(r.days ORDER BY r.days), array_agg(r.won ORDER BY r.days),
            array_agg(r.ended ORDER BY r.days))::crm.report_deals_ended
        FROM running r JOIN crm.pipeline_stage s ON s.pipeline = r.pipeline AND s.stage = r.stage
            AND s.outcome = 'open' GROUP BY r.pipeline, r.stage);
END
$$;
COMMENT ON FUNCTION crm._report_deals_ended() IS
    'deals won or lost within 730 days, by each open stage that they came to and the days from there to the end';

CREATE FUNCTION crm._report_up_to(day int, days int[], counts bigint[]) RETURNS bigint
    LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
$$ SELECT coalesce(counts[width_bucket(day, days)], 0) $$;
COMMENT ON FUNCTION crm._report_up_to(int, int[], bigint[]) IS
    'a running count at a number of days: how many took so many days or fewer';

CREATE FUNCTION crm._report_deals_open(stores int[]) RETURNS TABLE (pipeline text, stage text, age int, deals bigint, amount numeric, squares numeric)
    LANGUAGE plpgsql STABLE AS
$$
BEGIN
    RETURN QUERY
    SELECT d.pipeline, d.stage, greatest(extract(epoch FROM crm.core_now() - d.stage_at) / 86400, 0)::int, count(*),
        sum(d.amount), sum(d.amount * d.amount)
    FROM crm.deal d WHERE d.outcome = 'open' AND d.amount > 0 AND (stores IS NULL OR d.store_id = ANY (stores)) GROUP BY 1, 2, 3;
END
$$;
COMMENT ON FUNCTION crm._report_deals_open(int[]) IS
    'open deals of stores that may bring an amount, by stage and days since they came to it';

-- A deal that has stood at its stage for so long is one of those that stood longer; when these are too few, one of
-- all that came there.
CREATE FUNCTION crm._report_deals_weighed(stores int[], seen crm.report_deals_ended[])
    RETURNS TABLE (pipeline text, stage text, age int, deals bigint, amount numeric, squares numeric, ended bigint,
        is_older boolean, days int[], won_by bigint[], ended_by bigint[])
    LANGUAGE plpgsql STABLE AS
$$
DECLARE
    least_ended CONSTANT int := 10;
BEGIN
    RETURN QUERY
    SELECT o.pipeline, o.stage, o.age, o.deals, o.amount, o.squares,
           CASE WHEN k.older >= least_ended THEN k.older WHEN k.whole >= least_ended THEN k.whole END,
               coalesce(k.older, 0) >= least_ended, e.days, e.won, e.ended
    FROM crm._report_deals_open(stores) o LEFT JOIN unnest(seen) e ON e.pipeline = o.pipeline AND e.stage = o.stage
    CROSS JOIN LATERAL (SELECT e.ended[cardinality(e.ended)] AS whole,
            e.ended[cardinality(e.ended)] - crm._report_up_to(o.age, e.days, e.ended) AS older) k;
END
$$;
COMMENT ON FUNCTION crm._report_deals_weighed(int[], crm.report_deals_ended[]) IS
    'open deals of stores with how many like them have ended, whose shares say what they may bring: of those that '
    'stood longer, else of all (is_older tells); null when fewer than ten have';

CREATE FUNCTION crm._report_deals_expected(stores int[], marks date[], seen crm.report_deals_ended[])
    RETURNS TABLE (no int, expected numeric, variance numeric)
    LANGUAGE plpgsql STABLE AS
$$
DECLARE
    today date := crm._report_today();
BEGIN
    RETURN QUERY
    WITH chance AS (     -- that a deal is won in a period: its days begin behind one number and end with another
        SELECT w.pipeline, w.stage, w.amount, w.squares, w.ended, n.no,
               (crm._report_up_to(u.last_day, w.days, w.won_by) - crm._report_up_to(u.before, w.days, w.won_by))::numeric / w.ended AS p
        FROM crm._report_deals_weighed(stores, seen) w CROSS JOIN generate_series(1, cardinality(marks) - 1) n (no)
        CROSS JOIN LATERAL (SELECT CASE WHEN w.is_older THEN w.age ELSE 0 END AS age) a
        CROSS JOIN LATERAL (SELECT greatest(marks[n.no] - today + a.age - 1, CASE WHEN w.is_older THEN w.age
                    ELSE -1 END) AS before, marks[n.no + 1] - today + a.age - 1 AS last_day) u
        WHERE w.ended IS NOT NULL AND crm._report_up_to(u.last_day, w.days, w.ended_by) > crm._report_up_to(u.before, w.days, w.ended_by)),
    stage AS (      -- deals go each their way; that the share itself is known from few moves those of a stage together
        SELECT c.no, sum(c.amount * c.p) AS expected,
            sum(c.squares * c.p * (1 - c.p)) + sum(c.amount) ^ 2 * avg(c.p * (1 - c.p) / (c.ended + 1)) AS variance
            FROM chance c GROUP BY c.no, c.pipeline, c.stage)
    SELECT s.no, sum(s.expected), sum(s.variance) FROM stage s GROUP BY s.no;
END
$$;
COMMENT ON FUNCTION crm._report_deals_expected(int[], date[], crm.report_deals_ended[]) IS
    'what open deals of stores may bring in the periods that days begin (the last day being behind the last): '
    'amount by the share of deals like them that were won so many days on, and its variance';

-- What deals have brought is in the purchases: the customer's, from the deal's first day to thirty days behind its
-- last, up to its amount.
CREATE FUNCTION crm._report_deals_bought(stores int[], marks date[]) RETURNS TABLE (no int, amount numeric)
    LANGUAGE plpgsql STABLE SET jit = off AS
$$
DECLARE
    zone text := crm._setting('core.time_zone') #>> '{}';
    unit numeric := crm._report_money(1::bigint);       -- asked once, not for each purchase
BEGIN
    RETURN QUERY
    WITH deal AS (
        SELECT d.customer_id, d.deal_id, d.amount, crm._local_day(d.opened_at, zone) AS from_day, crm._local_day(d.closed_at, zone) + 30 AS to_day
        FROM crm.deal d WHERE d.outcome = 'won' AND d.amount > 0 AND d.closed_at > marks[1] - interval '31 days'
            AND d.closed_at < 'infinity' AND (stores IS NULL OR d.store_id = ANY (stores)) OFFSET 0),
    bought AS (
        SELECT d.amount, e.day, e.minor * unit AS paid, sum(e.minor * unit) OVER (PARTITION BY d.customer_id, d.deal_id ORDER BY e.day) AS until
        FROM deal d CROSS JOIN LATERAL (    -- kept under the id of now, by which nearly all are found at once
            SELECT x.history FROM crm.value_history x WHERE x.customer_id = d.customer_id
            UNION ALL
            SELECT x.history FROM crm.customer c JOIN crm.value_history x ON x.customer_id = crm._identity_current(c.customer_id)
            WHERE c.customer_id = d.customer_id AND c.merged_into IS NOT NULL
                AND (SELECT true FROM crm.value_history v WHERE v.customer_id = d.customer_id
                    LIMIT 1) IS NULL OFFSET 0) h
        CROSS JOIN LATERAL (SELECT x.day, sum(x.amount_minor)::bigint AS minor FROM crm.purchase_entries(h.history) x
                WHERE x.day BETWEEN d.from_day AND d.to_day GROUP BY x.day HAVING sum(x.amount_minor) > 0) e)
    SELECT width_bucket(b.day, marks), sum(least(greatest(b.amount - (b.until - b.paid), 0), b.paid)) FROM bought b
        WHERE b.day >= marks[1] AND b.day < marks[cardinality(marks)] GROUP BY 1;
END
$$;
COMMENT ON FUNCTION crm._report_deals_bought(int[], date[]) IS
    'of what customers bought in the periods that days begin, how much came with deals of stores that were won: '
    'bought from the deal''s first day to thirty days behind its last, up to its amount';

CREATE FUNCTION crm.report_forecast(months int DEFAULT 3, store_code text DEFAULT NULL, region_code text DEFAULT NULL)
    RETURNS TABLE (starts_on date, net numeric, expected numeric, low numeric, high numeric, from_deals numeric, deals bigint, unweighed bigint)
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp SET jit = off AS
$$
DECLARE
    spread CONSTANT numeric := 1.645;    -- ninety of a hundred
    stores int[] := crm._report_scope(store_code, region_code);
    this_month date := date_trunc('month', crm._report_today())::date;
    marks date[] := crm._report_kept_months(this_month);
    ahead date[];
    past record;
    seen crm.report_deals_ended[];
    pending record;
BEGIN
    IF months IS NULL OR months NOT BETWEEN 1 AND 12 THEN
        RAISE EXCEPTION 'a forecast is of 1 to 12 months' USING ERRCODE = 'invalid_parameter_value', COLUMN = 'months', HINT = 'Give 3.';
    END IF;
    -- whole months since the first with sales, and what of each came with deals
    SELECT array_agg(marks[p.no] ORDER BY p.no) AS days,
        array_agg(crm._report_money(p.net_minor) ORDER BY p.no) AS nets,
        array_agg(coalesce(b.amount, 0) ORDER BY p.no) AS dealt INTO past
    FROM (SELECT x.*, bool_or(x.net_minor > 0) OVER (ORDER BY x.no) AS has_begun
            FROM crm._report_periods(stores, marks) x) p LEFT JOIN crm._report_deals_bought(stores, marks) b
        ON b.no = p.no
    WHERE p.has_begun AND marks[p.no] < this_month;
    RETURN QUERY SELECT x.day, x.net, NULL::numeric, NULL::numeric, NULL::numeric, round(x.dealt, 2), NULL::bigint,
        NULL::bigint FROM unnest(past.days, past.nets, past.dealt) x (day, net, dealt) ORDER BY 1;
    IF coalesce(cardinality(past.nets), 0) < 6 THEN
        RETURN;
    END IF;
    ahead := ARRAY(SELECT (this_month + make_interval(months => m))::date FROM generate_series(0, months) m);
    seen := crm._report_deals_ended();
    SELECT coalesce(sum(w.deals) FILTER (WHERE w.ended IS NOT NULL), 0)::bigint AS weighed,
        coalesce(sum(w.deals) FILTER (WHERE w.ended IS NULL), 0)::bigint AS unweighed INTO pending
        FROM crm._report_deals_weighed(stores, seen) w;
    RETURN QUERY
    SELECT ahead[e.step], NULL::numeric, round(s.expected, 2),
        round(greatest(s.expected - spread * s.deviation, 0), 2), round(s.expected + spread * s.deviation, 2),
        round(s.deals, 2), pending.weighed, pending.unweighed
    FROM crm._report_expect(ARRAY(SELECT greatest(x.net - x.dealt, 0)
            FROM unnest(past.nets, past.dealt) WITH ORDINALITY x (net, dealt, n) ORDER BY x.n)::float8[], months) e
    LEFT JOIN crm._report_deals_expected(stores, ahead, seen) d ON d.no = e.step
    CROSS JOIN LATERAL (SELECT coalesce(d.expected, 0) + CASE
            WHEN e.step = 1 THEN crm._report_deals_won_since(stores, this_month) ELSE 0 END AS deals) k
    CROSS JOIN LATERAL (SELECT e.expected::numeric + k.deals AS expected,
            sqrt((((e.high - e.expected) / spread::float8) ^ 2)::numeric + coalesce(d.variance, 0)) AS deviation,
            k.deals) s ORDER BY 1;
END
$$;
COMMENT ON FUNCTION crm.report_forecast(int, text, text) IS
    'net of the caller''s scope of up to 36 whole months that are over, with what of it came with deals '
    '(from_deals), and of this and the next ones (1 to 12 in all) what is to be expected: of purchases without '
    'deals as the months before say, of open deals (deals: how many, from_deals: what they bring) as deals like '
    'them went, both between bounds in nine of ten cases; deals of whose like fewer than ten have ended are not '
    'weighed (unweighed); none with less than six months of sales; P0002, 22023';
GRANT EXECUTE ON FUNCTION crm.report_forecast(int, text, text) TO crm_store_manager, crm_manager, crm_marketer, crm_analyst, crm_headquarters;

CREATE FUNCTION crm._report_deals_won_since(stores int[], since date) RETURNS numeric
    LANGUAGE plpgsql STABLE AS
$$
BEGIN
    RETURN (SELECT coalesce(sum(d.amount), 0) FROM crm.deal d WHERE d.outcome = 'won'
            AND d.closed_at >= since::timestamp AT TIME ZONE (crm._setting('core.time_zone') #>> '{}')
            AND d.closed_at < 'infinity' AND d.amount > 0 AND (stores IS NULL OR d.store_id = ANY (stores)));
END
$$;
COMMENT ON FUNCTION crm._report_deals_won_since(int[], date) IS
    'what deals of stores that were won since a local day are worth';
