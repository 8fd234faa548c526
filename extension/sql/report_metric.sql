-- report: figures over many persons, one definition each (doc/metrics.md). An order is a local day of a person with net > 0,
-- fixed at intake in the store's zone; refunds net the day they refund, as known today.

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
COMMENT ON FUNCTION crm._report_start(date, text) IS 'the first day of the day''s week (by the setting''s start), month, or the day itself';

CREATE FUNCTION crm._report_next(starts_on date, unit text) RETURNS date
    LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
$$ SELECT CASE unit WHEN 'week' THEN starts_on + 7 WHEN 'month' THEN (starts_on + interval '1 month')::date ELSE starts_on + 1 END $$;
COMMENT ON FUNCTION crm._report_next(date, text) IS 'the first day of the next week, month or day';

CREATE FUNCTION crm._report_orders(stores int[], from_day date, to_day date) RETURNS TABLE (customer_id bigint, day date, net numeric)
    LANGUAGE plpgsql STABLE SET jit = off AS
$$
BEGIN
    RETURN QUERY
    WITH entry AS (
        SELECT o.source_record_id, o.business_day AS day, o.amount FROM crm.customer_order o
        WHERE o.is_current AND o.business_day BETWEEN from_day AND to_day AND (stores IS NULL OR o.store_id = ANY (stores))
        UNION ALL
        SELECT r.source_record_id, r.purchase_day, -r.amount FROM crm.refund r
        WHERE r.is_current AND r.purchase_day BETWEEN from_day AND to_day
          AND (stores IS NULL OR coalesce((SELECT o.store_id FROM crm.customer_order o
                                           WHERE o.source_record_id = r.source_record_id AND o.order_id = r.order_id AND o.is_current), r.store_id) = ANY (stores)))
    SELECT m.customer_id, e.day, sum(e.amount) FROM entry e
    JOIN crm.membership m ON m.source_record_id = e.source_record_id AND m.valid_to = 'infinity'
    GROUP BY m.customer_id, e.day HAVING sum(e.amount) > 0;
END
$$;
COMMENT ON FUNCTION crm._report_orders(int[], date, date) IS
    'order days of persons in stores (null: all) between two local days, with their net; from orders and refunds themselves';

CREATE FUNCTION crm._report_ratio(part numeric, whole numeric) RETURNS numeric
    LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$ SELECT round(part / nullif(whole, 0), 4) $$;
COMMENT ON FUNCTION crm._report_ratio(numeric, numeric) IS 'a share to four places; null of nothing';

CREATE FUNCTION crm.report_metrics(from_day date, to_day date, store_code text DEFAULT NULL, region_code text DEFAULT NULL) RETURNS jsonb
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp SET jit = off AS
$$
DECLARE
    stores int[] := crm._report_scope(store_code, region_code);
    answer jsonb;
BEGIN
    IF to_day < from_day THEN
        RAISE EXCEPTION 'the last day lies before the first' USING ERRCODE = 'invalid_parameter_value', COLUMN = 'to_day',
            HINT = 'Give the first local day, then the last.';
    END IF;
    WITH person AS (
        SELECT o.customer_id, count(*) AS order_days, sum(o.net) AS net FROM crm._report_orders(stores, from_day, to_day) o GROUP BY o.customer_id),
    before AS (
        SELECT DISTINCT o.customer_id FROM crm._report_orders(stores, from_day - (to_day - from_day + 1), from_day - 1) o),
    year AS (
        SELECT count(*) AS order_days, count(DISTINCT o.customer_id) AS persons FROM crm._report_orders(stores, to_day - 364, to_day) o),
    active AS (
        SELECT count(DISTINCT o.customer_id) AS persons FROM crm._report_orders(stores, to_day - 29, to_day) o),
    tier AS (
        SELECT coalesce(v.tier, 'P') AS tier, count(*) AS persons FROM crm.customer c LEFT JOIN crm.customer_value v ON v.customer_id = c.customer_id
        WHERE c.status = 'active' AND (stores IS NULL OR c.scope_store_ids && stores) GROUP BY 1)
    SELECT jsonb_build_object(
        'from', from_day, 'to', to_day, 'store', store_code, 'region', region_code,
        'buyers', count(*), 'order_days', coalesce(sum(p.order_days), 0), 'net', coalesce(sum(p.net), 0),
        'average_order', round(sum(p.net) / nullif(sum(p.order_days), 0), 2), 'average_person', round(sum(p.net) / nullif(count(*), 0), 2),
        'repeat_buyers', count(*) FILTER (WHERE p.order_days >= 2),
        'repurchase_rate', crm._report_ratio(count(*) FILTER (WHERE p.order_days >= 2), count(*)),
        'annual_repurchases', (SELECT round((y.order_days - y.persons)::numeric / nullif(y.persons, 0), 4) FROM year y),
        'active_30d', (SELECT a.persons FROM active a),
        'buyers_before', (SELECT count(*) FROM before), 'lost', (SELECT count(*) FROM before b WHERE NOT EXISTS (SELECT FROM person x WHERE x.customer_id = b.customer_id)),
        'churn_rate', (SELECT crm._report_ratio(count(*) FILTER (WHERE NOT EXISTS (SELECT FROM person x WHERE x.customer_id = b.customer_id)), count(*)) FROM before b),
        'tiers', (SELECT coalesce(jsonb_object_agg(t.tier, jsonb_build_object('persons', t.persons, 'share', t.share)), '{}')
                  FROM (SELECT t.tier, t.persons, crm._report_ratio(t.persons, sum(t.persons) OVER ()) AS share FROM tier t) t))
    INTO answer FROM person p;
    RETURN answer;
END
$$;
COMMENT ON FUNCTION crm.report_metrics(date, date, text, text) IS
    'figures of two local days'' span, within the caller''s scope: buyers, order days, net, average order, repurchase rate (two order days or more), annual repurchases (365 days to the last), active in 30 days, churn (of the buyers of the span before, who did not buy), tier shares now; doc/metrics.md; P0002, 22023';

CREATE FUNCTION crm.report_lifecycle(from_day date, to_day date, unit text DEFAULT 'month', store_code text DEFAULT NULL, region_code text DEFAULT NULL)
    RETURNS TABLE (starts_on date, new_persons bigint, returning_persons bigint, resurrecting_persons bigint, dormant_persons bigint)
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp SET jit = off AS
$$
DECLARE
    stores int[] := crm._report_scope(store_code, region_code);
    first_start date := crm._report_start(from_day, unit);
BEGIN
    RETURN QUERY
    WITH RECURSIVE span AS (
        SELECT first_start AS starts_on, crm._report_next(first_start, unit) AS next_on, 1 AS no
        UNION ALL SELECT s.next_on, crm._report_next(s.next_on, unit), s.no + 1 FROM span s WHERE s.next_on <= to_day AND s.no < 1000),
    bought AS (
        SELECT DISTINCT o.customer_id, crm._report_start(o.day, unit) AS starts_on FROM crm._report_orders(stores, '-infinity', crm._report_next(crm._report_start(to_day, unit), unit) - 1) o),
    seen AS (
        SELECT b.customer_id, b.starts_on, lag(b.starts_on) OVER w AS before, lead(b.starts_on) OVER w AS after FROM bought b WINDOW w AS (PARTITION BY b.customer_id ORDER BY b.starts_on))
    SELECT s.starts_on, count(x.customer_id) FILTER (WHERE x.starts_on = s.starts_on AND x.before IS NULL),
           count(x.customer_id) FILTER (WHERE x.starts_on = s.starts_on AND crm._report_next(x.before, unit) = s.starts_on),
           count(x.customer_id) FILTER (WHERE x.starts_on = s.starts_on AND crm._report_next(x.before, unit) < s.starts_on),
           count(x.customer_id) FILTER (WHERE crm._report_next(x.starts_on, unit) = s.starts_on AND (x.after IS NULL OR x.after > s.starts_on))
    FROM span s LEFT JOIN seen x ON x.starts_on = s.starts_on OR crm._report_next(x.starts_on, unit) = s.starts_on
    GROUP BY s.starts_on ORDER BY s.starts_on;
END
$$;
COMMENT ON FUNCTION crm.report_lifecycle(date, date, text, text, text) IS
    'persons of each local day, week or month: new (bought for the first time), returning (also in the one before), resurrecting (not in the one before, but earlier), dormant (in the one before, not in this); P0002';

CREATE FUNCTION crm.report_retention(from_day date, to_day date, unit text DEFAULT 'month', is_unbounded boolean DEFAULT false,
                                     store_code text DEFAULT NULL, region_code text DEFAULT NULL)
    RETURNS TABLE (cohort date, persons bigint, period int, retained bigint, rate numeric)
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp SET jit = off AS
$$
DECLARE
    stores int[] := crm._report_scope(store_code, region_code);
BEGIN
    RETURN QUERY
    WITH bought AS (
        SELECT DISTINCT o.customer_id, crm._report_start(o.day, unit) AS starts_on FROM crm._report_orders(stores, '-infinity', to_day) o),
    first AS (
        SELECT b.customer_id, min(b.starts_on) AS cohort, max(b.starts_on) AS latest FROM bought b GROUP BY b.customer_id),
    cell AS (
        SELECT f.customer_id, f.cohort, f.latest, b.starts_on,
               CASE unit WHEN 'month' THEN (extract(year FROM age(b.starts_on, f.cohort)) * 12 + extract(month FROM age(b.starts_on, f.cohort)))::int
                         WHEN 'week' THEN (b.starts_on - f.cohort) / 7 ELSE b.starts_on - f.cohort END AS period
        FROM first f JOIN bought b ON b.customer_id = f.customer_id WHERE f.cohort BETWEEN from_day AND to_day),
    size AS (
        SELECT c.cohort, count(DISTINCT c.customer_id) AS persons, max(c.period) AS last_period FROM cell c GROUP BY c.cohort),
    deepest AS (
        SELECT c.customer_id, c.cohort, max(c.period) AS period FROM cell c GROUP BY c.customer_id, c.cohort)
    SELECT s.cohort, s.persons, g.period, n.retained, crm._report_ratio(n.retained, s.persons)
    FROM size s CROSS JOIN LATERAL generate_series(0, s.last_period) g (period)
    CROSS JOIN LATERAL (
        SELECT CASE WHEN is_unbounded THEN (SELECT count(*) FROM deepest d WHERE d.cohort = s.cohort AND d.period >= g.period)
                    ELSE (SELECT count(*) FROM cell c WHERE c.cohort = s.cohort AND c.period = g.period) END AS retained) n
    ORDER BY s.cohort, g.period;
END
$$;
COMMENT ON FUNCTION crm.report_retention(date, date, text, boolean, text, text) IS
    'cohorts of persons by the local day, week or month of their first order, and how many bought in each later one (unbounded: in it or later); calendar periods, week start by setting; P0002';

-- Funnels over events, orders and registrations.
CREATE FUNCTION crm._report_funnel(times timestamptz[], steps int[], n_steps int, window_seconds bigint, is_strict boolean, OUT depth int, OUT seconds bigint)
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'crm_report_funnel';
COMMENT ON FUNCTION crm._report_funnel(timestamptz[], int[], int, bigint, boolean) IS
    'how many steps one person did in order within the window, and in how many seconds; step 0 excludes; 22023';

CREATE FUNCTION crm._report_steps(stores int[], steps jsonb, exclusions jsonb, from_day date, to_day date, window_days numeric)
    RETURNS TABLE (customer_id bigint, at timestamptz, step int)
    LANGUAGE plpgsql STABLE SET jit = off AS
$$
DECLARE
    until date := to_day + ceil(window_days)::int;
BEGIN
    RETURN QUERY
    WITH wanted AS (
        SELECT e.step #>> '{}' AS what, e.position::int AS step FROM jsonb_array_elements(steps) WITH ORDINALITY e (step, position)
        UNION ALL SELECT e #>> '{}', 0 FROM jsonb_array_elements(exclusions) e)
    SELECT f.customer_id, f.at, w.step FROM wanted w JOIN (
        SELECT m.customer_id, v.occurred_at AS at, v.business_day AS day, v.type AS what, v.store_id FROM crm.event v
        JOIN crm.membership m ON m.source_record_id = v.source_record_id AND m.valid_to = 'infinity'
        WHERE v.ignored_reason IS NULL AND v.business_day BETWEEN from_day AND until AND v.type IN (SELECT x.what FROM wanted x)
        UNION ALL
        SELECT m.customer_id, o.paid_at, o.business_day, 'order', o.store_id FROM crm.customer_order o
        JOIN crm.membership m ON m.source_record_id = o.source_record_id AND m.valid_to = 'infinity'
        WHERE o.is_current AND o.amount > 0 AND o.business_day BETWEEN from_day AND until AND 'order' IN (SELECT x.what FROM wanted x)
        UNION ALL
        SELECT c.customer_id, c.registered_at, c.registered_on, 'registered', c.home_store_id FROM crm.customer c
        WHERE c.status = 'active' AND c.registered_on BETWEEN from_day AND until AND 'registered' IN (SELECT x.what FROM wanted x)) f ON f.what = w.what
    WHERE (w.step <> 1 OR f.day <= to_day)
      AND (stores IS NULL OR EXISTS (SELECT FROM crm.customer c WHERE c.customer_id = f.customer_id AND c.scope_store_ids && stores));
END
$$;
COMMENT ON FUNCTION crm._report_steps(int[], jsonb, jsonb, date, date, numeric) IS
    'facts that are steps (1 on) or exclusions (0) of a funnel: event types, order, registered; the first step within the span, the others up to the window after it';

CREATE FUNCTION crm._report_depths(stores int[], steps jsonb, exclusions jsonb, from_day date, to_day date, window_days numeric, is_strict boolean)
    RETURNS TABLE (customer_id bigint, depth int, seconds bigint)
    LANGUAGE sql STABLE AS
$$
    SELECT p.customer_id, (p.walk).depth, (p.walk).seconds
    FROM (SELECT s.customer_id, crm._report_funnel(array_agg(s.at ORDER BY s.at, s.step), array_agg(s.step ORDER BY s.at, s.step), jsonb_array_length(steps),
                                                   (window_days * 86400)::bigint, is_strict) AS walk
          FROM crm._report_steps(stores, steps, coalesce(exclusions, '[]'), from_day, to_day, window_days) s GROUP BY s.customer_id OFFSET 0) p
    WHERE (p.walk).depth > 0
$$;
COMMENT ON FUNCTION crm._report_depths(int[], jsonb, jsonb, date, date, numeric, boolean) IS 'how far each person got through a funnel, and in how many seconds';

CREATE FUNCTION crm._report_funnel_read(steps jsonb, exclusions jsonb, window_days numeric) RETURNS void
    LANGUAGE plpgsql STABLE AS
$$
BEGIN
    IF coalesce(jsonb_typeof(steps) <> 'array' OR jsonb_array_length(steps) NOT BETWEEN 1 AND 32 OR window_days NOT BETWEEN 0 AND 3650, true)
       OR (exclusions IS NOT NULL AND jsonb_typeof(exclusions) <> 'array')
       OR EXISTS (SELECT FROM jsonb_array_elements(steps || coalesce(exclusions, '[]')) e
                  WHERE jsonb_typeof(e) <> 'string' OR (e #>> '{}' NOT IN ('order', 'registered') AND NOT EXISTS (SELECT FROM crm.event_type t WHERE t.code = e #>> '{}'))) THEN
        RAISE EXCEPTION 'funnel cannot be read'
            USING ERRCODE = 'invalid_parameter_value', COLUMN = 'steps', HINT = 'Steps are 1 to 32 of "registered", "order" and event types, as ["product_view", "add_to_cart", "order"]; the window is in days.';
    END IF;
END
$$;
COMMENT ON FUNCTION crm._report_funnel_read(jsonb, jsonb, numeric) IS 'refuses steps, exclusions or a window that mean nothing; 22023';

CREATE FUNCTION crm.report_funnel(steps jsonb, from_day date, to_day date, window_days numeric DEFAULT 7, is_strict boolean DEFAULT false, exclusions jsonb DEFAULT '[]',
                                  store_code text DEFAULT NULL, region_code text DEFAULT NULL)
    RETURNS TABLE (step int, name text, persons bigint, of_first numeric, of_before numeric, median_seconds numeric)
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp SET jit = off AS
$$
DECLARE
    stores int[] := crm._report_scope(store_code, region_code);
BEGIN
    PERFORM crm._report_funnel_read(steps, exclusions, window_days);
    RETURN QUERY
    WITH walked AS MATERIALIZED (
        SELECT d.* FROM crm._report_depths(stores, steps, exclusions, from_day, to_day, window_days, is_strict) d),
    reached AS (
        SELECT e.position::int AS step, e.name #>> '{}' AS name, (SELECT count(*) FROM walked w WHERE w.depth >= e.position) AS persons,
               (SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY w.seconds) FROM walked w WHERE w.depth = e.position)::numeric AS median
        FROM jsonb_array_elements(steps) WITH ORDINALITY e (name, position))
    SELECT r.step, r.name, r.persons, crm._report_ratio(r.persons, first_value(r.persons) OVER w), crm._report_ratio(r.persons, coalesce(lag(r.persons) OVER w, r.persons)), r.median
    FROM reached r WINDOW w AS (ORDER BY r.step);
END
$$;
COMMENT ON FUNCTION crm.report_funnel(jsonb, date, date, numeric, boolean, jsonb, text, text) IS
    'persons who did the steps in order, the first between two local days, each within the window (days) from the first; strict: nothing of the funnel in between; an exclusion ends the attempt; shares of the first and of the step before; median seconds of those who got no further; P0002, 22023';

CREATE FUNCTION crm.report_funnel_persons(steps jsonb, from_day date, to_day date, step int, has_dropped boolean DEFAULT false, window_days numeric DEFAULT 7, is_strict boolean DEFAULT false,
                                          exclusions jsonb DEFAULT '[]', store_code text DEFAULT NULL, region_code text DEFAULT NULL, after_id bigint DEFAULT 0, limit_to int DEFAULT 100)
    RETURNS SETOF bigint
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp SET jit = off AS
$$
DECLARE
    stores int[] := crm._report_scope(store_code, region_code);
BEGIN
    PERFORM crm._report_funnel_read(steps, exclusions, window_days);
    RETURN QUERY
    SELECT d.customer_id FROM crm._report_depths(stores, steps, exclusions, from_day, to_day, window_days, is_strict) d
    WHERE CASE WHEN has_dropped THEN d.depth = report_funnel_persons.step ELSE d.depth >= report_funnel_persons.step END
      AND d.customer_id > after_id AND crm._report_sees(d.customer_id)
    ORDER BY d.customer_id LIMIT least(limit_to, 10000);
END
$$;
COMMENT ON FUNCTION crm.report_funnel_persons(jsonb, date, date, int, boolean, numeric, boolean, jsonb, text, text, bigint, int) IS
    'the persons who reached a step of a funnel (dropped: who got no further), in pages by id, those whom the caller may see; P0002, 22023';

CREATE FUNCTION crm.report_stores(from_day date, to_day date)
    RETURNS TABLE (store_code text, store_name text, region_code text, persons bigint, buyers bigint, order_days bigint, net numeric, average_order numeric, repurchase_rate numeric, tiers jsonb, categories jsonb)
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp SET jit = off AS
$$
DECLARE
    stores int[] := crm._report_scope(NULL, NULL);
BEGIN
    RETURN QUERY
    SELECT s.code, s.name, g.code, t.persons, b.buyers, b.order_days, b.net, round(b.net / nullif(b.order_days, 0), 2), crm._report_ratio(b.repeat, b.buyers), t.tiers, k.categories
    FROM crm.store s JOIN crm.region g ON g.region_id = s.region_id
    CROSS JOIN LATERAL (
        SELECT coalesce(sum(x.n), 0)::bigint AS persons, coalesce(jsonb_object_agg(x.tier, x.n), '{}') AS tiers
        FROM (SELECT coalesce(v.tier, 'P') AS tier, count(*) AS n FROM crm.customer c LEFT JOIN crm.customer_value v ON v.customer_id = c.customer_id
              WHERE c.status = 'active' AND c.scope_store_ids && ARRAY[s.store_id] GROUP BY 1) x) t
    CROSS JOIN LATERAL (
        SELECT count(*) AS buyers, coalesce(sum(y.n), 0)::bigint AS order_days, coalesce(sum(y.net), 0) AS net, count(*) FILTER (WHERE y.n >= 2) AS repeat
        FROM (SELECT o.customer_id, count(*) AS n, sum(o.net) AS net FROM crm._report_orders(ARRAY[s.store_id], from_day, to_day) o GROUP BY 1) y) b
    CROSS JOIN LATERAL (
        SELECT coalesce(jsonb_object_agg(z.code, z.amount), '{}') AS categories
        FROM (SELECT coalesce(c.code, '-') AS code, sum(i.amount) AS amount FROM crm.customer_order o
              JOIN crm.order_item i ON i.source_record_id = o.source_record_id AND i.order_id = o.order_id AND i.revision = o.revision
              LEFT JOIN crm.product p ON p.product_id = i.product_id LEFT JOIN crm.product_category c ON c.category_id = p.category_id
              WHERE o.is_current AND o.store_id = s.store_id AND o.business_day BETWEEN from_day AND to_day GROUP BY 1) z) k
    WHERE stores IS NULL OR s.store_id = ANY (stores) ORDER BY s.code;
END
$$;
COMMENT ON FUNCTION crm.report_stores(date, date) IS
    'each store of the caller''s scope beside the others, over two local days'' span: persons, buyers, order days, net, average order, repurchase rate, persons by tier now, sales by category before refunds; P0002';

CREATE FUNCTION crm.report_completeness(store_code text DEFAULT NULL, region_code text DEFAULT NULL) RETURNS TABLE (field text, persons bigint, filled bigint, rate numeric)
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp SET jit = off AS
$$
DECLARE
    stores int[] := crm._report_scope(store_code, region_code);
BEGIN
    RETURN QUERY
    SELECT f.field, count(*), count(*) FILTER (WHERE f.is_filled), crm._report_ratio(count(*) FILTER (WHERE f.is_filled), count(*))
    FROM crm.customer c LEFT JOIN crm.customer_private p ON p.customer_id = c.customer_id
    CROSS JOIN LATERAL (VALUES
        (1, 'name', c.name_masked <> ''), (2, 'phone', c.phone_masked <> ''), (3, 'email', c.email_masked <> ''), (4, 'sex', c.sex IS NOT NULL), (5, 'birthday', p.birthday IS NOT NULL),
        (6, 'city', c.city <> ''), (7, 'consent', EXISTS (SELECT FROM crm.membership m JOIN crm.consent k ON k.source_record_id = m.source_record_id WHERE m.customer_id = c.customer_id AND m.valid_to = 'infinity')),
        (8, 'any_tag', EXISTS (SELECT FROM crm.customer_tag t WHERE t.customer_id = c.customer_id))) f (position, field, is_filled)
    WHERE c.status = 'active' AND (stores IS NULL OR c.scope_store_ids && stores)
    GROUP BY f.position, f.field ORDER BY f.position;
END
$$;
COMMENT ON FUNCTION crm.report_completeness(text, text) IS
    'of the persons of the caller''s scope, how many have a name, phone, email, sex, birthday, city, a known consent, a tag; P0002';

GRANT EXECUTE ON FUNCTION crm.report_metrics(date, date, text, text), crm.report_lifecycle(date, date, text, text, text), crm.report_retention(date, date, text, boolean, text, text),
    crm.report_funnel(jsonb, date, date, numeric, boolean, jsonb, text, text), crm.report_funnel_persons(jsonb, date, date, int, boolean, numeric, boolean, jsonb, text, text, bigint, int),
    crm.report_stores(date, date), crm.report_completeness(text, text)
    TO crm_store_manager, crm_manager, crm_marketer, crm_analyst, crm_headquarters;
