-- value: habits of a person: price, refills, hours, what comes next; and groups of persons that are alike.

CREATE TYPE crm.habit_step AS (as_of date, persons_to bigint, products_to int, buyers bigint);
COMMENT ON TYPE crm.habit_step IS 'how far learning habits has come: the row of crm.habit_run';

CREATE FUNCTION crm._value_kmeans(measures float8[], dims int, groups int, seed bigint, OUT row_no int, OUT group_no int, OUT centre float8[])
    RETURNS SETOF record LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'crm_value_kmeans';
COMMENT ON FUNCTION crm._value_kmeans(float8[], int, int, bigint) IS
    'groups rows of measures (one after the other, in a fixed order) by k-means of their standardised logarithms; '
    'the same seed gives the same answer; group 1 is the largest; 22023';

CREATE FUNCTION crm._value_records(person bigint) RETURNS bigint[]
    LANGUAGE plpgsql STABLE AS
$$
BEGIN
    RETURN ARRAY(SELECT m.source_record_id FROM crm.membership m WHERE m.customer_id = person AND m.valid_to = 'infinity');
END
$$;
COMMENT ON FUNCTION crm._value_records(bigint) IS 'the records that belong to a person now';

CREATE FUNCTION crm.value_price_sensitivity(customer_id bigint, days int DEFAULT 365, as_of date DEFAULT NULL) RETURNS jsonb
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
DECLARE
    person bigint := crm._access_require_person(customer_id);
    day date := coalesce(crm._require_day(as_of, 'as_of'), crm._value_today());
BEGIN
    IF days BETWEEN 1 AND 36500 IS NOT TRUE THEN
        RAISE EXCEPTION 'orders of % days cannot be looked at', days USING ERRCODE = 'invalid_parameter_value',
            COLUMN = 'days', HINT = 'Give 1 to 36500, such as 365.';
    END IF;
    RETURN (SELECT jsonb_build_object(
                'orders', count(*), 'discounted_orders', count(*) FILTER (WHERE o.discount > 0),
                'discounted_share', round(count(*) FILTER (WHERE o.discount > 0)::numeric / nullif(count(*), 0), 4),
                'discount_share', round(sum(o.discount) / nullif(sum(o.amount + o.discount), 0), 4),
                'label', CASE WHEN count(*) = 0 THEN 'unknown' WHEN count(*) FILTER (WHERE o.discount > 0) * 2 >= count(*) THEN 'high'
                              WHEN count(*) FILTER (WHERE o.discount > 0) * 5 >= count(*) THEN 'medium' ELSE 'low' END)
            FROM crm.customer_order o
            WHERE o.source_record_id = ANY (crm._value_records(person)) AND o.is_current AND o.kind = 'sale' AND o.amount > 0
              AND o.business_day BETWEEN day - days AND day
              AND NOT EXISTS (SELECT FROM crm.refund r WHERE r.order_id = o.order_id AND r.is_current AND r.amount >= o.amount));
END
$$;
COMMENT ON FUNCTION crm.value_price_sensitivity(bigint, int, date) IS
    'how much a person waits for discounts, over the last days: share of paid orders with one (high from a half, '
    'medium from a fifth) and of the price; orders given back whole are none; P0002';

-- A purchase of a product by a person on a day, whatever the records; what was taken back whole is none.
CREATE FUNCTION crm._value_product_days(from_day date, to_day date, persons bigint[] DEFAULT NULL)
    RETURNS TABLE (customer_id bigint, product_id int, day date, quantity numeric)
    LANGUAGE sql STABLE AS
$$
    SELECT m.customer_id, i.product_id, o.business_day, sum(i.quantity)
    FROM crm.membership m
    JOIN crm.customer_order o ON o.source_record_id = m.source_record_id AND o.is_current AND o.business_day BETWEEN from_day AND to_day
    JOIN crm.order_item i ON i.source_record_id = o.source_record_id AND i.order_id = o.order_id AND i.revision = o.revision
    WHERE m.valid_to = 'infinity' AND i.product_id IS NOT NULL AND (persons IS NULL OR m.customer_id = ANY (persons))
      AND NOT EXISTS (SELECT FROM crm.refund r WHERE r.order_id = o.order_id AND r.is_current AND r.source_record_id = o.source_record_id
                        AND (r.line_key IS NULL OR r.line_key = i.line_key) AND r.amount >= CASE
                            WHEN r.line_key IS NULL THEN o.amount ELSE i.amount END)
    GROUP BY m.customer_id, i.product_id, o.business_day HAVING sum(i.quantity) > 0
$$;
COMMENT ON FUNCTION crm._value_product_days(date, date, bigint[]) IS
    'products bought by persons (null: all) on days of a span; refunded orders and lines are none';

CREATE FUNCTION crm.value_refills(customer_id bigint, as_of date DEFAULT NULL)
    RETURNS TABLE (product_id int, product text, last_on date, interval_days int, due_on date, times int, is_own boolean, has_stopped boolean)
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp SET jit = off AS
$$
DECLARE
    person bigint := crm._access_require_person(customer_id);
    today date := coalesce(crm._require_day(as_of, 'as_of'), crm._value_today());
    weight numeric := (crm._setting('value.refill_weight_gaps') #>> '{}')::numeric;
BEGIN
    RETURN QUERY
    WITH bought AS (
        SELECT d.product_id, d.day, d.quantity, (lead(d.day) OVER w - d.day) / d.quantity AS gap
        FROM crm._value_product_days('-infinity', today, ARRAY[person]) d WINDOW w AS (PARTITION BY d.product_id ORDER BY d.day)),
    own AS (
        SELECT b.product_id, max(b.day) AS last_day, (array_agg(b.quantity ORDER BY b.day DESC))[1] AS last_quantity, count(*) AS times,
               count(b.gap) AS gaps, percentile_cont(0.5) WITHIN GROUP (ORDER BY b.gap)::numeric AS gap
        FROM bought b GROUP BY b.product_id),
    known AS (
        SELECT o.*, p.name, coalesce(r.gap_days, p.refill_days, k.refill_days) AS usual
        FROM own o JOIN crm.product p ON p.product_id = o.product_id
        LEFT JOIN crm.product_refill r ON r.product_id = o.product_id LEFT JOIN crm.product_category k ON k.category_id = p.category_id),
    found AS (
        SELECT n.*, round(greatest(n.last_quantity * CASE WHEN n.gap IS NULL THEN n.usual WHEN n.usual IS NULL THEN n.gap
                                                          ELSE (n.gaps * n.gap + weight * n.usual) / (n.gaps + weight) END, 1))::int AS days
        FROM known n WHERE n.gap IS NOT NULL OR n.usual IS NOT NULL)
    SELECT f.product_id, f.name, f.last_day, f.days, f.last_day + f.days, f.times::int, f.gaps > 0, today > f.last_day + 3 * f.days
    FROM found f ORDER BY f.last_day + f.days, f.product_id;
END
$$;
COMMENT ON FUNCTION crm.value_refills(bigint, date) IS
    'when a person is due to buy a product again: own gaps a unit bought, shrunk to everybody''s median (else the '
    'label''s) while they are few, times the last quantity; stopped: three intervals have passed; P0002';

CREATE FUNCTION crm._value_hours(person bigint, today date, OUT hour int, OUT weekday int, OUT zone text, OUT facts bigint, OUT is_enough boolean)
    LANGUAGE plpgsql STABLE SET jit = off AS
$$
DECLARE
    records bigint[] := crm._value_records(person);
BEGIN
    zone := coalesce((SELECT s.time_zone FROM crm.customer c JOIN crm.store s ON s.store_id = c.home_store_id WHERE c.customer_id = person),
                     crm._setting('core.time_zone') #>> '{}');
    WITH fact AS (
        SELECT e.occurred_at AS at FROM crm.event e WHERE e.source_record_id = ANY (records) AND e.ignored_reason IS NULL
        UNION ALL SELECT i.occurred_at FROM crm.interaction i WHERE i.source_record_id = ANY (records) AND i.is_current AND i.direction = 'in'
        UNION ALL SELECT o.paid_at FROM crm.customer_order o WHERE o.source_record_id = ANY (records) AND o.is_current
            AND o.business_day IS NOT NULL),
    local AS (
        SELECT extract(hour FROM f.at AT TIME ZONE zone)::int AS hour, extract(isodow FROM f.at AT TIME ZONE zone)::int AS dow,
               power(0.5, (today - (f.at AT TIME ZONE zone)::date) / 90.0) AS weight
        FROM fact f WHERE (f.at AT TIME ZONE zone)::date BETWEEN today - 365 AND today),
    near AS (       -- an hour is also spoken for by its neighbours
        SELECT h.hour, sum(l.weight * CASE WHEN l.hour = h.hour THEN 1 ELSE 0.5 END) AS weight
        FROM generate_series(0, 23) h (hour) JOIN local l ON (l.hour - h.hour + 24) % 24 IN (0, 1, 23) GROUP BY h.hour)
    SELECT (SELECT count(*) FROM local), (SELECT n.hour FROM near n ORDER BY n.weight DESC, n.hour LIMIT 1),
           (SELECT l.dow FROM local l GROUP BY l.dow ORDER BY sum(l.weight) DESC, l.dow LIMIT 1)
    INTO facts, hour, weekday;
    is_enough := facts >= (crm._setting('value.hour_min_facts') #>> '{}')::int;
END
$$;
COMMENT ON FUNCTION crm._value_hours(bigint, date) IS
    'the local hour and weekday at which a person buys, looks and writes most, by how many facts of a year, and '
    'whether they are enough to go by';

CREATE FUNCTION crm.value_best_hour(customer_id bigint, as_of date DEFAULT NULL) RETURNS jsonb
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp SET jit = off AS
$$
DECLARE
    h record;
BEGIN
    SELECT * INTO h FROM crm._value_hours(crm._access_require_person(customer_id), coalesce(crm._require_day(as_of, 'as_of'), crm._value_today()));
    IF h.is_enough THEN
        RETURN jsonb_build_object('hour', h.hour, 'weekday', h.weekday, 'time_zone', h.zone, 'facts', h.facts, 'is_fallback', false);
    END IF;
    RETURN jsonb_build_object('hour', (crm._setting('value.hour_fallback') #>> '{}')::int, 'time_zone', h.zone,
        'facts', h.facts, 'is_fallback', true);
END
$$;
COMMENT ON FUNCTION crm.value_best_hour(bigint, date) IS
    'the local hour (0 to 23) at which a person buys, looks and writes most: events, contacts and orders of a year, '
    'halved every 90 days; with too few facts the setting''s hour; P0002';

CREATE FUNCTION crm.value_next_products(customer_id bigint, as_of date DEFAULT NULL, limit_to int DEFAULT 5)
    RETURNS TABLE (product_id int, product text, because text, confidence numeric, lift numeric, persons bigint, reason_zh text, reason_en text)
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp SET jit = off AS
$$
DECLARE
    person bigint := crm._access_require_person(customer_id);
    today date := coalesce(crm._require_day(as_of, 'as_of'), crm._value_today());
BEGIN
    RETURN QUERY
    WITH owned AS (
        SELECT d.product_id, max(d.day) AS last_day FROM crm._value_product_days('-infinity', today, ARRAY[person]) d GROUP BY d.product_id),
    due AS (
        SELECT r.product_id FROM crm.value_refills(person, today) r WHERE r.due_on <= today),
    best AS (
        SELECT DISTINCT ON (p.to_product_id) p.* FROM owned o JOIN crm.product_pair p ON p.from_product_id = o.product_id
        WHERE (NOT EXISTS (SELECT FROM owned x WHERE x.product_id = p.to_product_id) OR p.to_product_id IN (SELECT d.product_id FROM due d))
          AND p.lift > 1
        ORDER BY p.to_product_id, p.confidence * p.lift DESC)
    SELECT b.to_product_id, t.name, f.name, b.confidence, b.lift, b.case_count,
           format('买过%s的顾客中%s%%也买了%s（%s 人）', f.name, round(100 * b.confidence), t.name, b.case_count),
           format('%s%% of the buyers of %s also bought %s (%s persons)', round(100 * b.confidence), f.name, t.name, b.case_count)
    FROM best b JOIN crm.product f ON f.product_id = b.from_product_id JOIN crm.product t ON t.product_id = b.to_product_id
    ORDER BY b.confidence * b.lift DESC, b.to_product_id LIMIT greatest(limit_to, 0);
END
$$;
COMMENT ON FUNCTION crm.value_next_products(bigint, date, int) IS
    'what a person may want next: products that buyers of what they own bought too, more often than everybody '
    '(confidence x lift), never what they own unless its refill is due; with its reason; P0002';

CREATE FUNCTION crm._value_walks(from_day date, to_day date, depth int, persons bigint[] DEFAULT NULL)
    RETURNS TABLE (customer_id bigint, path text[], days int)
    LANGUAGE sql STABLE AS
$$
    WITH day AS (
        SELECT d.customer_id, d.day, min(coalesce(k.code, '-')) AS category, row_number() OVER (PARTITION BY d.customer_id ORDER BY d.day) AS step
        FROM crm._value_product_days('-infinity', _value_walks.to_day, _value_walks.persons) d JOIN crm.product p ON p.product_id = d.product_id
        LEFT JOIN crm.product_category k ON k.category_id = p.category_id GROUP BY d.customer_id, d.day)
    SELECT w.customer_id, array_agg(w.category ORDER BY w.step), max(w.day) - min(w.day)
    FROM day w WHERE w.step <= least(_value_walks.depth, 10) GROUP BY w.customer_id HAVING min(w.day) >= _value_walks.from_day
$$;
COMMENT ON FUNCTION crm._value_walks(date, date, int, bigint[]) IS
    'of persons (null: all) whose first order lies between two local days: the category of each of the first order '
    'days (of several the first by code), and the days from the first to the last of them';

CREATE FUNCTION crm.value_paths(from_day date, to_day date, depth int DEFAULT 3)
    RETURNS TABLE (path text[], persons bigint, share numeric, median_days numeric)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp SET enable_nestloop = off SET jit = off AS
$$
    SELECT w.path, count(*), round(count(*)::numeric / sum(count(*)) OVER (), 4), percentile_cont(0.5) WITHIN GROUP (ORDER BY w.days)::numeric
    FROM crm._value_walks(value_paths.from_day, value_paths.to_day, value_paths.depth) w GROUP BY w.path ORDER BY count(*) DESC, w.path
$$;
COMMENT ON FUNCTION crm.value_paths(date, date, int) IS
    'first, second, third category of persons whose first order lies between two local days: how many went each '
    'way, their share, the median days from the first to the last step; who stopped earlier has a shorter path';

-- Learnt in pieces, each a transaction: what ranges of persons bought goes into crm.habit_owner and crm.habit_gap,
-- then ranges of products are learnt from these. Until a product's turn comes it has what was learnt the last time.
CREATE FUNCTION crm._value_habits_begin() RETURNS void
    LANGUAGE plpgsql AS
$$
BEGIN
    TRUNCATE crm.habit_owner, crm.habit_buyers, crm.habit_gap;
    INSERT INTO crm.habit_run (as_of, persons_to, products_to, buyers) VALUES (crm._value_today() - 1, 0, 0, 0);
END
$$;
COMMENT ON FUNCTION crm._value_habits_begin() IS 'begins to learn habits anew, as of the last whole local day';

CREATE FUNCTION crm._value_habits_of_persons(run crm.habit_step) RETURNS bigint
    LANGUAGE plpgsql SET enable_seqscan = off SET enable_mergejoin = off SET jit = off AS
$$
DECLARE
    piece CONSTANT int := 2000;
    persons bigint[] := ARRAY(SELECT c.customer_id FROM crm.customer c WHERE c.customer_id > run.persons_to ORDER BY c.customer_id LIMIT piece);
    found bigint;
BEGIN
    WITH bought AS MATERIALIZED (
        SELECT m.customer_id, e.product_id, e.day, sum(e.quantity_micro) / 1000000 AS quantity
        FROM crm.membership m JOIN crm.purchase_line_chunk l ON l.source_record_id = m.source_record_id
            CROSS JOIN LATERAL crm._purchase_line_entries(l.lines) e
        WHERE m.customer_id = ANY (persons) AND m.valid_to >= 'infinity' AND e.product_id > 0 AND e.day BETWEEN run.as_of - 365 AND run.as_of
        GROUP BY 1, 2, 3 HAVING sum(e.quantity_micro) > 0),
    gaps AS (
        INSERT INTO crm.habit_gap (customer_id, product_id, day, gap)
        SELECT g.customer_id, g.product_id, g.day, g.gap
        FROM (SELECT b.customer_id, b.product_id, b.day,
            (lead(b.day) OVER (PARTITION BY b.customer_id, b.product_id ORDER BY b.day) - b.day) / b.quantity AS gap
            FROM bought b) g
        WHERE g.gap IS NOT NULL),
    ranked AS MATERIALIZED (
        SELECT b.customer_id, b.product_id, row_number() OVER (PARTITION BY b.customer_id ORDER BY max(b.day) DESC,
                b.product_id) AS place FROM bought b GROUP BY 1, 2),
    buyers AS (
        INSERT INTO crm.habit_buyers AS y (product_id, persons)
        SELECT x.product_id, count(*) FILTER (WHERE x.place <= 100) FROM ranked x GROUP BY 1 ORDER BY 1
        ON CONFLICT ON CONSTRAINT habit_buyers_pkey DO UPDATE SET persons = y.persons + excluded.persons),
    owners AS (     -- of a person's products the hundred latest: one buyer of everything says nothing about pairs
        INSERT INTO crm.habit_owner (customer_id, product_id)
        SELECT x.customer_id, x.product_id FROM ranked x WHERE x.place <= 100
        RETURNING customer_id)
    SELECT count(DISTINCT o.customer_id) INTO found FROM owners o;
    UPDATE crm.habit_run r SET persons_to = coalesce(persons[cardinality(persons)], 9223372036854775807), buyers = r.buyers + found;
    RETURN 1;
END
$$;
COMMENT ON FUNCTION crm._value_habits_of_persons(crm.habit_step) IS
    'what some 2,000 persons more bought within 365 days, and after how long again; returns that something is left';

CREATE FUNCTION crm._value_habits_of_products(run crm.habit_step) RETURNS bigint
    LANGUAGE plpgsql SET enable_seqscan = off SET enable_mergejoin = off SET jit = off AS
$$
DECLARE
    most CONSTANT bigint := 20000;          -- buyers a piece looks at, or one product
    least_cases int := (crm._setting('value.refill_min_cases') #>> '{}')::int;
    least_persons int := (crm._setting('value.pair_min_persons') #>> '{}')::int;
    up_to int;
BEGIN
    SELECT max(x.product_id) INTO up_to FROM (
        SELECT n.product_id, sum(n.persons) OVER (ORDER BY n.product_id) - n.persons AS before
        FROM (SELECT y.* FROM crm.habit_buyers y WHERE y.product_id > run.products_to ORDER BY y.product_id LIMIT 200) n) x
    WHERE x.before < most;
    IF up_to IS NULL THEN
        DELETE FROM crm.product_refill r WHERE r.as_of <> run.as_of;
        DELETE FROM crm.product_pair r WHERE r.as_of <> run.as_of;
        DELETE FROM crm.habit_run;
        TRUNCATE crm.habit_owner, crm.habit_buyers, crm.habit_gap;
        RETURN (run.as_of < crm._value_today() - 1)::int;   -- a night that broke off and was ended on a later day: that day's comes at once
    END IF;
    DELETE FROM crm.product_refill r WHERE r.product_id > run.products_to AND r.product_id <= up_to;
    INSERT INTO crm.product_refill (product_id, gap_days, case_count, as_of)
    SELECT g.product_id, round(percentile_cont(0.5) WITHIN GROUP (ORDER BY g.gap)::numeric, 2), count(*), run.as_of
    FROM crm.habit_gap g WHERE g.product_id > run.products_to AND g.product_id <= up_to GROUP BY g.product_id HAVING count(*) >= least_cases;
    DELETE FROM crm.product_pair r WHERE r.from_product_id > run.products_to AND r.from_product_id <= up_to;
    WITH pair AS (
        SELECT a.product_id AS f, b.product_id AS t, count(*) AS persons
        FROM (SELECT o.customer_id, o.product_id FROM crm.habit_owner o WHERE o.product_id > run.products_to AND o.product_id <= up_to OFFSET 0) a
        CROSS JOIN LATERAL (SELECT o.product_id FROM crm.habit_owner o WHERE o.customer_id = a.customer_id OFFSET 0) b
        WHERE b.product_id <> a.product_id GROUP BY 1, 2 HAVING count(*) >= least_persons)
    INSERT INTO crm.product_pair (from_product_id, to_product_id, case_count, confidence, lift, as_of)
    SELECT p.f, p.t, p.persons, round(p.persons::numeric / f.persons, 4), round(p.persons::numeric * run.buyers / f.persons / t.persons, 4), run.as_of
    FROM pair p JOIN crm.habit_buyers f ON f.product_id = p.f JOIN crm.habit_buyers t ON t.product_id = p.t;
    UPDATE crm.habit_run r SET products_to = up_to;
    RETURN 1;
END
$$;
COMMENT ON FUNCTION crm._value_habits_of_products(crm.habit_step) IS
    'learns refill intervals and pairs of the next products, of some 20,000 buyers or of one product; returns 1 '
    'while products are left';

CREATE FUNCTION crm._value_habits_job() RETURNS bigint
    LANGUAGE plpgsql AS
$$
DECLARE
    run crm.habit_step;
BEGIN
    SELECT r.as_of, r.persons_to, r.products_to, r.buyers INTO run FROM crm.habit_run r FOR UPDATE;
    IF NOT FOUND THEN
        PERFORM crm._value_habits_begin();
        RETURN 1;
    END IF;
    IF run.persons_to < 9223372036854775807 THEN
        RETURN crm._value_habits_of_persons(run);
    END IF;
    RETURN crm._value_habits_of_products(run);
END
$$;
COMMENT ON FUNCTION crm._value_habits_job() IS
    'job: one piece of learning refill intervals and pairs of products of the last 365 whole local days; returns 0 '
    'when all is learnt, 1 before';

CREATE FUNCTION crm.value_cluster(groups int DEFAULT 7, seed bigint DEFAULT 1, as_of date DEFAULT NULL,
                                  idempotency_key text DEFAULT NULL) RETURNS jsonb
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp SET enable_material = off SET work_mem = '256MB' AS
$$
DECLARE
    answer jsonb := crm._idempotency_claim(idempotency_key,
            'value_cluster', crm._sha256(convert_to(jsonb_build_array(groups, seed, as_of)::text, 'UTF8')));
    day date := coalesce(crm._value_require_known(as_of, 'as_of'), crm._value_today() - 1);
    made int := coalesce((SELECT max(r.run_id) FROM crm.cluster_run r), 0) + 1;
    unit numeric := 10::numeric ^ crm._purchase_exponent();
    persons bigint[];
    measures float8[];
BEGIN
    IF answer IS NOT NULL THEN
        RETURN answer;
    END IF;
    IF groups BETWEEN 2 AND 12 IS NOT TRUE OR seed IS NULL THEN
        RAISE EXCEPTION 'persons cannot be put into % groups', groups USING ERRCODE = 'invalid_parameter_value',
            COLUMN = 'groups', HINT = 'Ask for 2 to 12; six to eight can be named.';
    END IF;
    SELECT array_agg(s.customer_id ORDER BY s.customer_id) INTO persons
    FROM (SELECT crm.value_collect(p.source_record_id, p.history) AS state FROM crm.purchase_chunk p) p,
         (SELECT crm.value_collect_owners(x.source_record_id, x.customer_id) AS state FROM crm.membership x WHERE x.valid_to = 'infinity') x,
         LATERAL crm.value_scored(p.state, x.state, NULL, day, 'none') s;
    SELECT array_agg(t.measure ORDER BY s.customer_id, t.place) INTO measures
    FROM (SELECT crm.value_collect(p.source_record_id, p.history) AS state FROM crm.purchase_chunk p) p,
         (SELECT crm.value_collect_owners(x.source_record_id, x.customer_id) AS state FROM crm.membership x WHERE x.valid_to = 'infinity') x,
         LATERAL crm.value_scored(p.state, x.state, NULL, day, 'none') s,
         LATERAL unnest(ARRAY[(day - s.last_day)::float8, s.order_days::float8, (s.net_minor / unit)::float8,
             (s.net_minor / unit / s.order_days)::float8])
             WITH ORDINALITY t (measure, place);
    INSERT INTO crm.cluster_run (run_id, as_of, groups, seed, person_count, made_at)
        VALUES (made, day, groups, seed, coalesce(cardinality(persons), 0), crm.core_now());
    DELETE FROM crm.customer_cluster c WHERE c.run_id < made;
    WITH grouped AS MATERIALIZED (SELECT g.row_no, g.group_no, g.centre FROM crm._value_kmeans(measures, 4, groups, seed) g),
    members AS (INSERT INTO crm.customer_cluster (customer_id, run_id, group_no) SELECT persons[g.row_no], made, g.group_no FROM grouped g)
    INSERT INTO crm.cluster (run_id, group_no, person_count, centre)
    SELECT made, g.group_no, count(*), jsonb_build_object('last_days', round(min(g.centre[1])::numeric, 1),
            'orders', round(min(g.centre[2])::numeric, 2),
                                                          'net', round(min(g.centre[3])::numeric, 2), 'average', round(min(g.centre[4])::numeric, 2))
    FROM grouped g GROUP BY g.group_no;
    answer := jsonb_build_object('run_id', made, 'as_of', day, 'persons', coalesce(cardinality(persons), 0), 'groups', (
        SELECT coalesce(jsonb_agg(jsonb_build_object('group_no', c.group_no, 'persons', c.person_count,
                    'centre', c.centre) ORDER BY c.group_no), '[]')
        FROM crm.cluster c WHERE c.run_id = made));
    PERFORM crm._idempotency_store(idempotency_key, answer);
    RETURN answer;
END
$$;
COMMENT ON FUNCTION crm.value_cluster(int, bigint, date, text) IS
    'puts persons into groups by days since the last order, order days, net and net an order day, as of the end of '
    'a local day (default yesterday): k-means, the same seed gives the same answer; group 1 is the largest; 22023';

CREATE FUNCTION crm.value_name_cluster(run_id int, group_no int, name text) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
BEGIN
    UPDATE crm.cluster c SET name = value_name_cluster.name WHERE c.run_id = value_name_cluster.run_id AND c.group_no = value_name_cluster.group_no;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no group % of run %', group_no, run_id USING ERRCODE = 'no_data_found', COLUMN = 'group_no',
            HINT = 'The answer of crm.value_cluster() lists those of the run.';
    END IF;
    PERFORM crm._audit('edit', 'cluster', NULL, format('%s/%s', run_id, group_no), NULL, NULL, name);
END
$$;
COMMENT ON FUNCTION crm.value_name_cluster(int, int, text) IS 'names a group of a run; P0002';

GRANT EXECUTE ON FUNCTION crm.value_price_sensitivity(bigint, int, date), crm.value_refills(bigint, date),
    crm.value_best_hour(bigint, date), crm.value_next_products(bigint, date, int)
    TO crm_clerk, crm_store_manager, crm_manager, crm_service, crm_steward, crm_marketer, crm_analyst, crm_headquarters;
GRANT EXECUTE ON FUNCTION crm.value_paths(date, date, int) TO crm_marketer, crm_analyst, crm_headquarters;
GRANT EXECUTE ON FUNCTION crm.value_cluster(int, bigint, date, text),
    crm.value_name_cluster(int, int, text) TO crm_analyst, crm_marketer, crm_headquarters;
