-- report_kept: figures from kept persons are those that plain statements over orders, refunds and records give, after any mix of
-- orders, late and backdated ones, revisions, refunds before and after their orders, merges, unmerges and time; kept or still marked.
\set VERBOSITY terse
SET client_min_messages = warning;
SET datestyle = 'ISO';
SET timezone = 'UTC';
BEGIN;
SET LOCAL crm.core_clock = '2026-03-02T12:00:00+08:00';
SELECT set_config('crm.access_claims', '{"actor": "regress", "role": "crm_headquarters", "stores": [], "all": true}', true) <> '' AS claims;
SELECT crm.access_define_region('k_east', 'east') > 0 AS east, crm.access_define_region('k_west', 'west') > 0 AS west, crm.access_define_store('k_1', 'one', 'k_east') > 0 AS one,
       crm.access_define_store('k_2', 'two', 'k_east', NULL, 'Pacific/Kiritimati') > 0 AS two, crm.access_define_store('k_3', 'three', 'k_west', NULL, 'Pacific/Pago_Pago') > 0 AS three;
SELECT crm.ingest_define_source('k_till', 'till', 'pos', '{}') > 0 AS till, crm.ingest_define_source('k_app', 'app', 'pos', '{}') > 0 AS app;
SELECT crm.report_rebuild() >= 0 AS rebuilt;

-- the definitions of doc/metrics.md as plain statements
CREATE FUNCTION pg_temp.scope(store text, region text) RETURNS int[] LANGUAGE sql AS $$
    SELECT CASE WHEN store IS NOT NULL OR region IS NOT NULL THEN ARRAY(SELECT s.store_id FROM crm.store s JOIN crm.region r USING (region_id) WHERE (store IS NULL OR s.code = store) AND (region IS NULL OR r.code = region)) END
$$;
CREATE FUNCTION pg_temp.orders(stores int[], from_day date, to_day date) RETURNS TABLE (customer_id bigint, day date, net numeric) LANGUAGE sql AS $$
    WITH entry AS (
        SELECT o.source_record_id, o.business_day AS day, o.amount FROM crm.customer_order o
        WHERE o.is_current AND o.business_day BETWEEN from_day AND to_day AND (stores IS NULL OR o.store_id = ANY (stores))
        UNION ALL
        SELECT r.source_record_id, r.purchase_day, -r.amount FROM crm.refund r
        WHERE r.is_current AND r.purchase_day BETWEEN from_day AND to_day
          AND (stores IS NULL OR coalesce((SELECT o.store_id FROM crm.customer_order o WHERE o.source_record_id = r.source_record_id AND o.order_id = r.order_id AND o.is_current), r.store_id) = ANY (stores)))
    SELECT m.customer_id, e.day, sum(e.amount) FROM entry e JOIN crm.membership m ON m.source_record_id = e.source_record_id AND m.valid_to = 'infinity'
    GROUP BY m.customer_id, e.day HAVING sum(e.amount) > 0
$$;
CREATE FUNCTION pg_temp.persons(stores int[]) RETURNS TABLE (customer_id bigint, registered_on date, tier text, r smallint, f smallint, net_minor bigint) LANGUAGE sql AS $$
    SELECT c.customer_id, c.registered_on, coalesce(v.tier, 'P'), v.r, v.f, v.net_minor FROM crm.customer c LEFT JOIN crm.customer_value v USING (customer_id)
    WHERE c.status = 'active' AND (stores IS NULL OR c.scope_store_ids && stores)
$$;
CREATE FUNCTION pg_temp.plain(stores int[], today date) RETURNS TABLE (figure text, value text) LANGUAGE sql AS $$
    WITH month AS MATERIALIZED (SELECT o.customer_id, count(*) AS n, sum(o.net) AS net FROM pg_temp.orders(stores, today - 29, today) o GROUP BY 1),
    year AS MATERIALIZED (SELECT * FROM pg_temp.orders(stores, today - 364, today)),
    everything AS MATERIALIZED (SELECT * FROM pg_temp.orders(stores, '-infinity', today)),
    chain AS MATERIALIZED (SELECT * FROM pg_temp.orders(NULL, '-infinity', today)),
    before AS MATERIALIZED (SELECT DISTINCT o.customer_id FROM pg_temp.orders(stores, today - 59, today - 30) o),
    person AS MATERIALIZED (SELECT * FROM pg_temp.persons(stores)),
    bought AS MATERIALIZED (SELECT DISTINCT e.customer_id, date_trunc('month', e.day)::date AS starts_on FROM everything e),
    first AS MATERIALIZED (SELECT b.customer_id, min(b.starts_on) AS cohort FROM bought b GROUP BY 1),
    nth AS (SELECT p.customer_id, p.registered_on, c.day, row_number() OVER (PARTITION BY p.customer_id ORDER BY c.day) AS n
            FROM person p JOIN chain c ON c.customer_id = p.customer_id AND c.day >= p.registered_on WHERE p.registered_on BETWEEN today - 359 AND today - 180),
    -- a month counts whole: where it is tomorrow already, there may be orders of tomorrow
    whole AS MATERIALIZED (SELECT DISTINCT o.customer_id, date_trunc('month', o.day)::date AS starts_on FROM pg_temp.orders(stores, '-infinity', (date_trunc('month', today) + interval '1 month')::date - 1) o),
    seen AS (SELECT w.*, lag(w.starts_on) OVER o AS before, lead(w.starts_on) OVER o AS after FROM whole w WINDOW o AS (PARTITION BY w.customer_id ORDER BY w.starts_on)),
    ordinal AS (SELECT e.customer_id, e.day, row_number() OVER w AS no, lead(e.day) OVER w AS after FROM everything e WINDOW w AS (PARTITION BY e.customer_id ORDER BY e.day))
    SELECT 'span', concat_ws(' ', count(*), coalesce(sum(n), 0), coalesce(sum(net), 0)::numeric(20, 2), count(*) FILTER (WHERE n > 1), (SELECT count(*) FROM before), (SELECT count(*) FROM before b WHERE NOT EXISTS (SELECT FROM month m WHERE m.customer_id = b.customer_id)),
           (SELECT round((count(*) - count(DISTINCT customer_id))::numeric / nullif(count(DISTINCT customer_id), 0), 4) FROM year), count(*)) FROM month
    UNION ALL SELECT 'persons', count(*)::text FROM person WHERE registered_on <= today
    UNION ALL SELECT 'tier ' || tier, count(*)::text FROM person WHERE registered_on <= today GROUP BY tier
    UNION ALL SELECT 'funnel', concat_ws(' ', (SELECT count(*) FROM person WHERE registered_on BETWEEN today - 359 AND today - 180), count(*) FILTER (WHERE n = 1 AND day <= registered_on + 30), count(*) FILTER (WHERE n = 2 AND day <= registered_on + 90), count(*) FILTER (WHERE n = 3 AND day <= registered_on + 180)) FROM nth
    UNION ALL SELECT format('map %s.%s', r, f), concat_ws(' ', count(*), (sum(net_minor) / 100.0)::numeric(20, 2)) FROM person WHERE r IS NOT NULL GROUP BY r, f
    UNION ALL SELECT format('moved %s.%s', x.was, x.tier), count(*)::text FROM (
        SELECT p.tier, CASE WHEN p.registered_on > today - 60 THEN '-' ELSE coalesce((SELECT coalesce(t.from_tier, 'P') FROM crm.tier_change t WHERE t.customer_id = p.customer_id AND t.changed_on > today - 60 ORDER BY t.changed_on, t.change_id LIMIT 1), p.tier) END AS was FROM person p) x GROUP BY 1
    UNION ALL SELECT format('cohort %s +%s', f.cohort, (extract(year FROM age(b.starts_on, f.cohort)) * 12 + extract(month FROM age(b.starts_on, f.cohort)))::int), count(*)::text
        FROM first f JOIN bought b USING (customer_id) WHERE f.cohort BETWEEN '2025-11-15' AND today GROUP BY 1
    UNION ALL SELECT format('cycle %s', s), concat_ws(' ', count(x.*) FILTER (WHERE x.starts_on = s AND x.before IS NULL), count(x.*) FILTER (WHERE x.starts_on = s AND x.before + interval '1 month' = s), count(x.*) FILTER (WHERE x.starts_on = s AND x.before + interval '1 month' < s),
        count(x.*) FILTER (WHERE x.starts_on + interval '1 month' = s AND (x.after IS NULL OR x.after > s)))
        FROM (SELECT m::date AS s FROM generate_series(timestamp '2025-12-01', today::timestamp, '1 month') m) m LEFT JOIN seen x ON x.starts_on = s OR x.starts_on + interval '1 month' = s GROUP BY s
    UNION ALL SELECT format('month %s', s), concat_ws(' ', coalesce(e.buyers, 0), coalesce(e.orders, 0), coalesce(e.net, 0)::numeric(20, 2), round(e.again::numeric / e.buyers, 4), (SELECT count(*) FROM seen f WHERE f.before IS NULL AND f.starts_on = s),
        (SELECT count(*) FROM person p WHERE date_trunc('month', p.registered_on) = s))
        FROM (SELECT m::date AS s FROM generate_series(timestamp '2025-12-01', today::timestamp, '1 month') m) m
        LEFT JOIN (SELECT x.starts_on, count(*) AS buyers, sum(x.n) AS orders, sum(x.net) AS net, count(*) FILTER (WHERE x.n > 1) AS again
                   FROM (SELECT y.customer_id, date_trunc('month', y.day)::date AS starts_on, count(*) AS n, sum(y.net) AS net FROM pg_temp.orders(stores, '-infinity', 'infinity') y GROUP BY 1, 2) x GROUP BY 1) e ON e.starts_on = s
    UNION ALL SELECT format('bought %s', least(n, 20)), count(*)::text FROM (SELECT y.customer_id, count(*) AS n FROM year y GROUP BY 1) x GROUP BY least(n, 20)
    UNION ALL SELECT 'indicators', concat_ws(' ', count(DISTINCT customer_id) FILTER (WHERE day >= today - 29), count(*) FILTER (WHERE no = 1 AND day BETWEEN today - 96 AND today - 90), count(*) FILTER (WHERE no = 1 AND day BETWEEN today - 96 AND today - 90 AND after <= day + 90),
        count(DISTINCT customer_id), (SELECT count(*) FROM (SELECT FROM everything GROUP BY customer_id HAVING max(day) < today - 90) d)) FROM ordinal
$$;
-- the same of the product
CREATE FUNCTION pg_temp.kept(store text, region text, today date) RETURNS TABLE (figure text, value text) LANGUAGE sql AS $$
    WITH m AS (SELECT crm.report_metrics(today - 29, today, store, region) AS j), h AS (SELECT crm.report_health(store, region, today) AS j),
    i AS (SELECT * FROM crm._report_indicators(pg_temp.scope(store, region), today - 6, today))
    SELECT 'span', concat_ws(' ', j ->> 'buyers', j ->> 'order_days', j ->> 'net', j ->> 'repeat_buyers', j ->> 'buyers_before', j ->> 'lost', j ->> 'annual_repurchases', (SELECT h.j ->> 'active_30d' FROM h)) FROM m
    UNION ALL SELECT 'persons', j ->> 'persons' FROM h
    UNION ALL SELECT 'tier ' || t.key, t.value FROM h, jsonb_each_text(j -> 'tiers') t
    UNION ALL SELECT 'funnel', concat_ws(' ', j -> 'funnel' ->> 'registered', j -> 'funnel' ->> 'first_order', j -> 'funnel' ->> 'second_order', j -> 'funnel' ->> 'third_order') FROM h
    UNION ALL SELECT format('map %s.%s', v.r, v.f), concat_ws(' ', v.persons, v.net) FROM crm.report_value_map(store, region) v
    UNION ALL SELECT format('moved %s.%s', v.from_tier, v.to_tier), v.persons::text FROM crm.report_transitions(60, store, region) v
    UNION ALL SELECT format('cohort %s +%s', v.cohort, v.period), v.retained::text FROM crm.report_retention('2025-11-15', today, 'month', false, store, region) v WHERE v.retained > 0
    UNION ALL SELECT format('cycle %s', v.starts_on), concat_ws(' ', v.new_persons, v.returning_persons, v.resurrecting_persons, v.dormant_persons) FROM crm.report_lifecycle('2025-12-01', today, 'month', store, region) v
    UNION ALL SELECT format('month %s', v.starts_on), concat_ws(' ', v.buyers, v.orders, v.net, v.repurchase_rate, v.new_buyers, v.registered) FROM crm.report_trend('2025-12-15', today, 'month', store, region) v
    UNION ALL SELECT format('bought %s', v.orders), v.persons::text FROM crm.report_frequency(today - 364, today, store, region) v
    UNION ALL SELECT 'indicators', concat_ws(' ', max(numerator) FILTER (WHERE indicator = 'active'), max(denominator) FILTER (WHERE indicator = 'repurchase'), max(numerator) FILTER (WHERE indicator = 'repurchase'), max(denominator) FILTER (WHERE indicator = 'dormancy'), max(numerator) FILTER (WHERE indicator = 'dormancy')) FROM i
$$;
CREATE FUNCTION pg_temp.stores_plain(from_day date, to_day date) RETURNS SETOF text LANGUAGE sql AS $$
    SELECT concat_ws(' ', s.code, (SELECT count(*) FROM pg_temp.persons(ARRAY[s.store_id])), count(b.*), coalesce(sum(b.n), 0), coalesce(sum(b.net), 0)::numeric(20, 2), round(count(b.*) FILTER (WHERE b.n > 1)::numeric / nullif(count(b.*), 0), 4))
    FROM crm.store s LEFT JOIN LATERAL (SELECT o.customer_id, count(*) AS n, sum(o.net) AS net FROM pg_temp.orders(ARRAY[s.store_id], from_day, to_day) o GROUP BY 1) b ON true GROUP BY s.code, s.store_id
$$;
CREATE FUNCTION pg_temp.differ(today date) RETURNS SETOF text LANGUAGE sql AS $$
    SELECT format('%s %s: %s, kept %s', coalesce(p.store, p.region, 'chain'), coalesce(a.figure, b.figure), a.value, b.value)
    FROM (VALUES (NULL, NULL), (NULL, 'k_east'), ('k_1', NULL), ('k_3', NULL)) p (store, region)
    CROSS JOIN LATERAL (SELECT coalesce(x.figure, y.figure) AS figure, x.value AS v, y.value AS w FROM pg_temp.plain(pg_temp.scope(p.store, p.region), today) x FULL JOIN pg_temp.kept(p.store, p.region, today) y USING (figure)) z
    CROSS JOIN LATERAL (SELECT z.figure, z.v AS value) a CROSS JOIN LATERAL (SELECT z.figure, z.w AS value) b WHERE z.v IS DISTINCT FROM z.w
    UNION ALL
    SELECT 'stores: ' || x FROM ((SELECT s FROM pg_temp.stores_plain(today - 60, today) s EXCEPT SELECT concat_ws(' ', r.store_code, r.persons, r.buyers, r.order_days, r.net, r.repurchase_rate) FROM crm.report_stores(today - 60, today) r)) x
    UNION ALL   -- divided in one walk, each place is what a span of its own says
    SELECT format('chart by %s: %s %s', g.division, m.measure, r) FROM unnest('{store,region}'::text[]) g (division), unnest('{net,orders,buyers,average_order,repurchase_rate}'::text[]) m (measure),
        LATERAL jsonb_array_elements(crm.report_chart(jsonb_build_object('measure', m.measure, 'group', g.division, 'days', 77)) -> 'rows') r
    WHERE (r ->> 'value')::numeric IS DISTINCT FROM (crm.report_metrics(today - 76, today, CASE g.division WHEN 'store' THEN r ->> 'key' END, CASE g.division WHEN 'region' THEN r ->> 'key' END) ->> CASE m.measure WHEN 'orders' THEN 'order_days' ELSE m.measure END)::numeric
$$;

-- one random change
CREATE FUNCTION pg_temp.send(entity text, body jsonb) RETURNS int LANGUAGE plpgsql AS $$
DECLARE
    status int;
BEGIN
    EXECUTE format('SELECT r.status FROM crm.ingest_%s($1, $2) r', entity) INTO status USING CASE WHEN random() < 0.3 THEN 'k_app' ELSE 'k_till' END, convert_to(body::text, 'UTF8');
    RETURN status;
END $$;
CREATE FUNCTION pg_temp.change(n int, today date) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    kind int := floor(random() * 16);
    who text := 'K' || floor(random() * 40);
    phone text := '1390000' || lpad(floor(random() * 30)::text, 4, '0');
    at timestamptz := today::timestamp - floor(random() * random() * 500) * interval '1 day' + floor(random() * 86400) * interval '1 second';
    order_id text := 'KO' || CASE WHEN random() < 0.8 THEN n ELSE floor(random() * n)::int END;
    store text := 'k_' || (1 + floor(random() * 3));
    pair bigint[];
BEGIN
    IF kind < 3 THEN
        RETURN 'member ' || pg_temp.send('member', jsonb_build_object('external_id', who, 'name', '王' || who, 'phone', phone, 'store_code', store, 'registered_at', at));
    ELSIF kind < 10 THEN
        RETURN 'order ' || pg_temp.send('order', jsonb_build_object('external_id', order_id, 'ordered_at', at, 'store_code', store, 'amount', (1 + floor(random() * 30000)) / 100, 'status', CASE WHEN random() < 0.1 THEN 'cancelled' ELSE 'paid' END)
            || CASE WHEN random() < 0.7 THEN jsonb_build_object('member_external_id', who) WHEN random() < 0.7 THEN jsonb_build_object('phone', phone) ELSE '{}' END);
    ELSIF kind < 13 THEN
        RETURN 'refund ' || pg_temp.send('refund', jsonb_build_object('external_id', 'KR' || n, 'order_external_id', 'KO' || floor(random() * (n + 3)), 'amount', (1 + floor(random() * 20000)) / 100, 'refunded_at', at + interval '3 days', 'store_code', store));
    ELSIF kind = 13 THEN
        pair := ARRAY(SELECT c.customer_id FROM crm.customer c JOIN crm.store s ON s.store_id = ANY (c.scope_store_ids) WHERE c.status = 'active' AND s.code LIKE 'k\_%' GROUP BY c.customer_id ORDER BY random() LIMIT 2);
        IF cardinality(pair) = 2 THEN PERFORM crm.identity_merge(pair[1], pair[2], 'property'); END IF;
        RETURN 'merge';
    ELSIF kind = 14 THEN
        PERFORM crm.identity_unmerge((SELECT j.journal_id FROM crm.merge_journal j WHERE j.kind = 'merge' AND j.reason = 'property' ORDER BY random() LIMIT 1), 'property');
        RETURN 'unmerge';
    ELSE
        PERFORM crm._value_drain(), crm._value_age();
        RETURN 'age';
    END IF;
EXCEPTION WHEN OTHERS THEN
    RETURN concat_ws(' ', kind, SQLSTATE, SQLERRM);
END $$;
-- what is kept of the questions boards open with, beside a walk over everybody now
CREATE FUNCTION pg_temp.answers_differ() RETURNS SETOF text LANGUAGE sql AS $$
    SELECT format('answer %s %s %s', a.kind, a.stores, a.marks) FROM crm.report_answer a
    WHERE crm._report_ask((ARRAY['span', 'health', 'map', 'moves', 'cohorts', 'cycle', 'stores', 'indicators', 'periods', 'frequency', 'groups'])[a.kind], CASE WHEN NOT a.is_chain THEN a.stores END, a.marks)
       <> (SELECT crm._report_tally(x.persons, '{}', a.kind, CASE WHEN NOT a.is_chain THEN a.stores END, a.marks, a.tiers)
           FROM (SELECT crm._report_fresh(array_agg(c.customer_id)) AS persons FROM crm.customer c) x)
$$;
SELECT setseed(0.615) IS NOT NULL AS seeded;
CREATE TEMP TABLE happened (round int, what text);
CREATE TEMP TABLE difference (round int, what text);
CREATE TEMP TABLE answered (round int, answers bigint);
DO $$
DECLARE
    today date := '2026-03-02';
BEGIN
    FOR round IN 1 .. 10 LOOP
        PERFORM set_config('crm.core_clock', (today + time '12:00') || '+08', true);
        IF round % 2 = 0 THEN       -- answers of today are kept before things happen
            WHILE crm._report_answers_job() > 0 LOOP END LOOP;
        END IF;
        INSERT INTO happened SELECT round, pg_temp.change(round * 40 + k, today) FROM generate_series(1, 40) k;
        IF round % 4 = 2 THEN       -- the worker keeps up
            WHILE crm._report_keep_job() > 0 LOOP END LOOP;
        ELSIF round % 4 = 3 THEN    -- the worker sweeps after tiers moved by age
            WHILE crm._value_age() > 0 LOOP END LOOP;
            PERFORM crm._value_daily();
            WHILE crm._report_sweep_job() > 0 LOOP END LOOP;
        END IF;
        INSERT INTO difference SELECT round, d FROM pg_temp.differ(today) d UNION ALL SELECT round, d FROM pg_temp.answers_differ() d;
        INSERT INTO answered SELECT round, count(*) FROM crm.report_answer;
        today := today + 1 + floor(random() * 20)::int;
        PERFORM set_config('crm.core_clock', (today + time '12:00') || '+08', true);
        WHILE crm._value_age() > 0 LOOP END LOOP;
        WHILE crm._report_sweep_job() > 0 LOOP END LOOP;
    END LOOP;
END $$;
SELECT count(*) = 400 AS much, count(DISTINCT split_part(what, ' ', 1)) > 4 AS mixed FROM happened;
SELECT count(*) AS differences FROM difference;
SELECT * FROM difference LIMIT 10;
SELECT count(*) FILTER (WHERE answers > 20) AS rounds_with_answers FROM answered;
SELECT count(*) > 20 AS orders_were_counted, (SELECT count(*) > 0 FROM crm.merge_journal WHERE kind = 'unmerge') AS unmerged FROM pg_temp.orders(NULL, '2026-01-01', 'infinity');
-- everybody kept anew gives the same, and so does the check
SELECT crm.report_health(NULL, 'k_east', '2026-09-01') - 'flows' AS board \gset
SELECT crm.report_rebuild() > 0 AS rebuilt;
SELECT crm.report_health(NULL, 'k_east', '2026-09-01') - 'flows' = :'board'::jsonb AS same;
DO $$ BEGIN WHILE crm._report_answers_job() > 0 LOOP END LOOP; END $$;
SELECT count(*) AS found FROM crm.report_check();
-- while nobody writes what a sweep compares, it compares nothing; a tier that moved without a fact is marked
DO $$ BEGIN WHILE crm._report_keep_job() > 0 LOOP END LOOP; WHILE crm._report_sweep_job() > 0 LOOP END LOOP; END $$;
SELECT n_tup_upd AS written, (SELECT count(*) FROM crm.report_mark) AS marks FROM pg_stat_xact_user_tables WHERE relid = 'crm.report_progress'::regclass \gset
SELECT crm._report_sweep_job() AS left_over;
SELECT n_tup_upd - :written AS written FROM pg_stat_xact_user_tables WHERE relid = 'crm.report_progress'::regclass;
UPDATE crm.customer_value SET tier_since = tier_since - 1 WHERE customer_id = (SELECT min(v.customer_id) FROM crm.customer_value v JOIN crm.customer c USING (customer_id) WHERE c.status = 'active' AND v.tier IS NOT NULL);
DO $$ BEGIN WHILE crm._report_sweep_job() > 0 LOOP END LOOP; END $$;
SELECT n_tup_upd > :written AS written, (SELECT count(*) FROM crm.report_mark) - :marks AS marks FROM pg_stat_xact_user_tables WHERE relid = 'crm.report_progress'::regclass;
ROLLBACK;
