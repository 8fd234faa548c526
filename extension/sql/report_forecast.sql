-- report: sales to expect: what purchases have said so far, and what open deals may bring on top, as deals like them went.

-- How deals went that came to a stage, by the days from there to their end: of the whole chain, for one store has too few.
CREATE FUNCTION crm._report_deals_ended() RETURNS TABLE (pipeline text, stage text, days int, won bigint, ended bigint)
    LANGUAGE plpgsql STABLE AS
$$
DECLARE
    most CONSTANT int := 5000;      -- of each pipeline, the newest of two years
BEGIN
    RETURN QUERY
    WITH deal AS (
        SELECT d.* FROM crm.pipeline p CROSS JOIN LATERAL (
            SELECT x.pipeline, x.customer_id, x.deal_id, x.outcome, x.closed_at FROM crm.deal x
            WHERE x.pipeline = p.pipeline AND x.outcome <> 'open' AND x.closed_at > crm.core_now() - interval '730 days' AND x.closed_at < 'infinity' ORDER BY x.closed_at DESC LIMIT most) d),
    came AS MATERIALIZED (
        SELECT d.pipeline, e.stage, d.outcome, d.closed_at, min(e.at) AS at FROM deal d JOIN crm.deal_event e ON e.customer_id = d.customer_id AND e.deal_id = d.deal_id AND e.kind IN ('opened', 'moved')
        GROUP BY d.customer_id, d.deal_id, e.stage, d.pipeline, d.outcome, d.closed_at),
    gone AS MATERIALIZED (
        SELECT c.pipeline, c.stage, greatest(extract(epoch FROM c.closed_at - c.at) / 86400, 0)::int AS days, count(*) FILTER (WHERE c.outcome = 'won') AS won, count(*) AS ended FROM came c GROUP BY 1, 2, 3)
    SELECT g.* FROM gone g JOIN crm.pipeline_stage s ON s.pipeline = g.pipeline AND s.stage = g.stage AND s.outcome = 'open';
END
$$;
COMMENT ON FUNCTION crm._report_deals_ended() IS 'deals won or lost within 730 days, by each stage that they came to and the days from there to the end: how many were won, and how many ended';

CREATE FUNCTION crm._report_deals_open(stores int[]) RETURNS TABLE (pipeline text, stage text, age int, deals bigint, amount numeric, squares numeric)
    LANGUAGE plpgsql STABLE AS
$$
BEGIN
    RETURN QUERY
    SELECT d.pipeline, d.stage, greatest(extract(epoch FROM crm.core_now() - d.stage_at) / 86400, 0)::int, count(*), sum(d.amount), sum(d.amount * d.amount)
    FROM crm.deal d WHERE d.outcome = 'open' AND d.amount > 0 AND (stores IS NULL OR d.store_id = ANY (stores)) GROUP BY 1, 2, 3;
END
$$;
COMMENT ON FUNCTION crm._report_deals_open(int[]) IS 'open deals of stores that may bring an amount, by stage and days since they came to it';

-- A deal that has stood at its stage for so long is one of those that stood longer; when these are too few, one of all that came there.
CREATE FUNCTION crm._report_deals_weighed(stores int[]) RETURNS TABLE (pipeline text, stage text, age int, deals bigint, amount numeric, squares numeric, ended bigint, is_older boolean)
    LANGUAGE plpgsql STABLE AS
$$
DECLARE
    least_ended CONSTANT int := 10;
BEGIN
    RETURN QUERY
    SELECT o.pipeline, o.stage, o.age, o.deals, o.amount, o.squares,
           CASE WHEN s.older >= least_ended THEN s.older WHEN s.whole >= least_ended THEN s.whole END, coalesce(s.older, 0) >= least_ended
    FROM crm._report_deals_open(stores) o
    LEFT JOIN LATERAL (SELECT sum(e.ended)::bigint AS whole, (sum(e.ended) FILTER (WHERE e.days > o.age))::bigint AS older
                       FROM crm._report_deals_ended() e WHERE e.pipeline = o.pipeline AND e.stage = o.stage) s ON true;
END
$$;
COMMENT ON FUNCTION crm._report_deals_weighed(int[]) IS 'open deals of stores with how many like them have ended, whose shares say what they may bring: of those that stood longer, else of all (is_older tells); null when fewer than ten have';

CREATE FUNCTION crm._report_deals_expected(stores int[], marks date[]) RETURNS TABLE (no int, expected numeric, variance numeric)
    LANGUAGE plpgsql STABLE AS
$$
DECLARE
    today date := crm._report_today();
BEGIN
    RETURN QUERY
    WITH seen AS MATERIALIZED (SELECT * FROM crm._report_deals_ended()),
    chance AS (     -- that a deal is won in a period
        SELECT w.pipeline, w.stage, w.age, w.amount, w.squares, w.ended, width_bucket(today + e.days - CASE WHEN w.is_older THEN w.age ELSE 0 END, marks) AS no, sum(e.won) / w.ended AS p
        FROM crm._report_deals_weighed(stores) w JOIN seen e ON e.pipeline = w.pipeline AND e.stage = w.stage AND (e.days > w.age OR NOT w.is_older)
        WHERE w.ended IS NOT NULL GROUP BY 1, 2, 3, 4, 5, 6, 7),
    stage AS (      -- deals go each their way; that the share itself is known from few moves those of a stage together
        SELECT c.no, sum(c.amount * c.p) AS expected, sum(c.squares * c.p * (1 - c.p)) + sum(c.amount) ^ 2 * avg(c.p * (1 - c.p) / (c.ended + 1)) AS variance FROM chance c GROUP BY c.no, c.pipeline, c.stage)
    SELECT s.no, sum(s.expected), sum(s.variance) FROM stage s WHERE s.no BETWEEN 1 AND cardinality(marks) - 1 GROUP BY s.no;
END
$$;
COMMENT ON FUNCTION crm._report_deals_expected(int[], date[]) IS
    'what open deals of stores may bring in the periods that days begin (the last day being behind the last): amount by the share of deals like them that were won so many days on, and its variance';

-- What deals have brought is in the purchases: the customer's, from the deal's first day to thirty days behind its last, up to its amount.
CREATE FUNCTION crm._report_deals_bought(stores int[], marks date[]) RETURNS TABLE (no int, amount numeric)
    LANGUAGE plpgsql STABLE SET jit = off AS
$$
DECLARE
    zone text := crm._setting('core.time_zone') #>> '{}';
    unit numeric := crm._report_money(1::bigint);       -- asked once, not for each purchase
BEGIN
    RETURN QUERY
    WITH deal AS (
        SELECT CASE WHEN c.merged_into IS NULL THEN d.customer_id ELSE crm._identity_current(d.customer_id) END AS customer_id, d.deal_id, d.amount, crm._local_day(d.opened_at, zone) AS from_day, crm._local_day(d.closed_at, zone) + 30 AS to_day
        FROM crm.deal d JOIN crm.customer c ON c.customer_id = d.customer_id WHERE d.outcome = 'won' AND d.amount > 0 AND d.closed_at > marks[1] - interval '31 days' AND d.closed_at < 'infinity' AND (stores IS NULL OR d.store_id = ANY (stores))),
    bought AS (
        SELECT d.amount, e.day, e.minor * unit AS paid, sum(e.minor * unit) OVER (PARTITION BY d.customer_id, d.deal_id ORDER BY e.day) AS until
        FROM deal d JOIN crm.value_history h ON h.customer_id = d.customer_id
        CROSS JOIN LATERAL (SELECT x.day, sum(x.amount_minor)::bigint AS minor FROM crm.purchase_entries(h.history) x WHERE x.day BETWEEN d.from_day AND d.to_day GROUP BY x.day HAVING sum(x.amount_minor) > 0) e)
    SELECT width_bucket(b.day, marks), sum(least(greatest(b.amount - (b.until - b.paid), 0), b.paid)) FROM bought b WHERE b.day >= marks[1] AND b.day < marks[cardinality(marks)] GROUP BY 1;
END
$$;
COMMENT ON FUNCTION crm._report_deals_bought(int[], date[]) IS
    'of what customers bought in the periods that days begin, how much came with deals of stores that were won: bought from the deal''s first day to thirty days behind its last, up to its amount';

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
    pending record;
BEGIN
    IF months IS NULL OR months NOT BETWEEN 1 AND 12 THEN
        RAISE EXCEPTION 'a forecast is of 1 to 12 months' USING ERRCODE = 'invalid_parameter_value', COLUMN = 'months', HINT = 'Give 3.';
    END IF;
    -- whole months since the first with sales, and what of each came with deals
    SELECT array_agg(marks[p.no] ORDER BY p.no) AS days, array_agg(crm._report_money(p.net_minor) ORDER BY p.no) AS nets, array_agg(coalesce(b.amount, 0) ORDER BY p.no) AS dealt INTO past
    FROM (SELECT x.*, bool_or(x.net_minor > 0) OVER (ORDER BY x.no) AS has_begun FROM crm._report_periods(stores, marks) x) p LEFT JOIN crm._report_deals_bought(stores, marks) b ON b.no = p.no
    WHERE p.has_begun AND marks[p.no] < this_month;
    RETURN QUERY SELECT x.day, x.net, NULL::numeric, NULL::numeric, NULL::numeric, round(x.dealt, 2), NULL::bigint, NULL::bigint FROM unnest(past.days, past.nets, past.dealt) x (day, net, dealt) ORDER BY 1;
    IF coalesce(cardinality(past.nets), 0) < 6 THEN
        RETURN;
    END IF;
    ahead := ARRAY(SELECT (this_month + make_interval(months => m))::date FROM generate_series(0, months) m);
    SELECT coalesce(sum(w.deals) FILTER (WHERE w.ended IS NOT NULL), 0)::bigint AS weighed, coalesce(sum(w.deals) FILTER (WHERE w.ended IS NULL), 0)::bigint AS unweighed INTO pending FROM crm._report_deals_weighed(stores) w;
    RETURN QUERY
    SELECT ahead[e.step], NULL::numeric, round(s.expected, 2), round(greatest(s.expected - spread * s.deviation, 0), 2), round(s.expected + spread * s.deviation, 2), round(s.deals, 2), pending.weighed, pending.unweighed
    FROM crm._report_expect(ARRAY(SELECT greatest(x.net - x.dealt, 0) FROM unnest(past.nets, past.dealt) WITH ORDINALITY x (net, dealt, n) ORDER BY x.n)::float8[], months) e
    LEFT JOIN crm._report_deals_expected(stores, ahead) d ON d.no = e.step
    CROSS JOIN LATERAL (SELECT coalesce(d.expected, 0) + CASE WHEN e.step = 1 THEN crm._report_deals_won_since(stores, this_month) ELSE 0 END AS deals) k
    CROSS JOIN LATERAL (SELECT e.expected::numeric + k.deals AS expected, sqrt((((e.high - e.expected) / spread::float8) ^ 2)::numeric + coalesce(d.variance, 0)) AS deviation, k.deals) s ORDER BY 1;
END
$$;
COMMENT ON FUNCTION crm.report_forecast(int, text, text) IS
    'net of the caller''s scope of up to 36 whole months that are over, with what of it came with deals (from_deals), and of this and the next ones (1 to 12 in all) what is to be expected: of purchases without deals as the months before say, of open deals (deals: how many, from_deals: what they bring) as deals like them went, both between bounds in nine of ten cases; deals of whose like fewer than ten have ended are not weighed (unweighed); none with less than six months of sales; P0002, 22023';
GRANT EXECUTE ON FUNCTION crm.report_forecast(int, text, text) TO crm_store_manager, crm_manager, crm_marketer, crm_analyst, crm_headquarters;

CREATE FUNCTION crm._report_deals_won_since(stores int[], since date) RETURNS numeric
    LANGUAGE plpgsql STABLE AS
$$
BEGIN
    RETURN (SELECT coalesce(sum(d.amount), 0) FROM crm.deal d WHERE d.outcome = 'won' AND d.closed_at >= since::timestamp AT TIME ZONE (crm._setting('core.time_zone') #>> '{}')
            AND d.closed_at < 'infinity' AND d.amount > 0 AND (stores IS NULL OR d.store_id = ANY (stores)));
END
$$;
COMMENT ON FUNCTION crm._report_deals_won_since(int[], date) IS 'what deals of stores that were won since a local day are worth';
