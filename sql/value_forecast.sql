-- value_forecast: versioned fits over kept histories, and what they say of persons; everything is undone at the end.
\set VERBOSITY terse
SET client_min_messages = warning;
SET datestyle = 'ISO';
SET timezone = 'UTC';
SELECT set_config('crm.access_claims', '{"actor": "regress", "role": "crm_headquarters", "stores": [], "all": true}', false) <> '' AS claims;
-- the worked example: order days 10, 30, 34, 70 as of day 100; a day below zero is none; a refund known later
SELECT p.* FROM (SELECT crm.value_pattern(ARRAY[crm.purchase_history(array_agg(d), array_agg(d), array_agg(m))], '2000-04-10') AS p
    FROM (VALUES (date '2000-01-11', 5::bigint), ('2000-01-31', 6), ('2000-02-04', 7), ('2000-03-11', 8), ('2000-03-20', -3)) v (d, m)) x, LATERAL (SELECT (x.p).*) p;
SELECT day, (crm.value_pattern('{"{2026-01-01 2026-01-01 500; 2026-02-01 2026-02-01 700; 2026-02-01 2026-03-01 -700}"}', day)).frequency AS frequency
FROM (VALUES (date '2025-12-31'), ('2026-01-01'), ('2026-02-28'), ('2026-03-01')) v (day);

BEGIN;
SET LOCAL crm.core_clock = '2026-06-30T12:00:00+08:00';
INSERT INTO crm.source (source_id, code, name, kind, created_at) VALUES (9561, 'forecast_till', 'till', 'pos', '2026-01-01');
INSERT INTO crm.source_record (source_record_id, source_id, kind, external_id, is_history, received_at)
SELECT 956100 + g, 9561, 'member', 'm' || g, false, '2026-01-01' FROM generate_series(1, 601) g;
INSERT INTO crm.customer (customer_id, status, registered_at, registered_on, updated_at)
SELECT 957000 + g, 'active', '2026-01-01', '2026-01-01', '2026-01-01' FROM generate_series(1, 601) g;
INSERT INTO crm.membership (source_record_id, valid_from, customer_id) SELECT 956100 + g, '2026-01-01', 957000 + g FROM generate_series(1, 601) g;
SELECT crm.value_forecast(957001);
DO $$      -- rates of a gamma, chances to leave of a beta; the last person has never bought
DECLARE
    rate float8;
    leaves float8;
    at float8;
    days date[];
BEGIN
    PERFORM setseed(0.3);
    FOR person IN 1 .. 600 LOOP
        rate := -(ln(1 - random()) + ln(1 - random())) / 60;
        leaves := least(random(), random());
        at := random() * 200;
        days := ARRAY['2025-06-30'::date + at::int];
        WHILE random() >= leaves LOOP
            at := at - ln(1 - random()) / rate;
            EXIT WHEN at > 364;
            days := days || ('2025-06-30'::date + at::int);
        END LOOP;
        INSERT INTO crm.purchase_chunk SELECT 956100 + person, '-infinity', crm.purchase_history(array_agg(d), array_agg(d), array_agg(3000 + (random() * 4000 * (person % 5))::bigint))
        FROM unnest(days[1:100]) d;
    END LOOP;
END $$;
SELECT a ->> 'version' AS version, a ->> 'model' AS model, a ->> 'status' AS status, a ->> 'as_of' AS as_of, a ->> 'person_count' AS persons, a ->> 'spend_status' AS spend,
       jsonb_array_length(a -> 'params') AS params FROM crm.value_fit(NULL, NULL, 'fit-1') a;
SELECT crm.value_fit(NULL, NULL, 'fit-1') ->> 'version' AS same_version;
SELECT x.i, x.p BETWEEN x.truth - 4 * x.e AND x.truth + 4 * x.e AS found
FROM crm.forecast_model m, unnest(m.params, m.standard_errors, ARRAY[2.0, 60, 1, 2]) WITH ORDINALITY x (p, e, truth, i) ORDER BY i;
SELECT count(crm._value_forecast_job()) AS pieces FROM generate_series(1, 3);
SELECT crm._value_forecast_job() AS done, (SELECT count(*) FROM crm.customer_forecast) AS persons, (SELECT finished_at IS NOT NULL FROM crm.forecast_model) AS finished;
SELECT churn, count(*) > 0 AS some, bool_and(1 - alive >= 0.66) AS gone, bool_and(orders_low <= orders AND orders < orders_high + 1) AS within FROM crm.customer_forecast GROUP BY 1 ORDER BY 1;
SELECT bool_and(alive_then <= alive) AS shrinks, bool_and(abs(lifetime_minor - orders * average_minor) < 0.13 * lifetime_minor + 100) AS discounted,
       bool_and(lifetime_low_minor <= lifetime_minor + 1) AS low, count(*) FILTER (WHERE next_order_on IS NULL) AS without_day FROM crm.customer_forecast;
-- what the table says is what is answered, as of the day it was computed for; another day, another horizon; who never bought
SELECT count(*) AS persons, count(*) FILTER (WHERE abs((a ->> 'alive')::float8 - f.alive) > 1e-5 OR a ->> 'churn' <> f.churn OR abs((a ->> 'orders')::float8 - f.orders) > 1e-3
                                          OR (a ->> 'next_order_on')::date <> f.next_order_on) AS differ
FROM (SELECT * FROM crm.customer_forecast ORDER BY customer_id LIMIT 50) f, LATERAL crm.value_forecast(f.customer_id, NULL, f.as_of) a;
SELECT (a ->> 'orders')::numeric < (b ->> 'orders')::numeric AS longer_is_more, (a ->> 'alive')::numeric > (c ->> 'alive')::numeric AS later_is_less
FROM crm.value_forecast(957005, 30) a, crm.value_forecast(957005, 300) b, crm.value_forecast(957005, 30, '2026-12-31') c;
SELECT crm.value_forecast(957601) ->> 'status' AS never, crm.value_forecast(957001, 365, '2025-01-01') ->> 'status' AS before_the_first;
-- a week later a new version is fitted and applied; an order that is no more takes the row with it
DELETE FROM crm.purchase_chunk WHERE source_record_id = 956105;
SET LOCAL crm.core_clock = '2026-07-08T12:00:00+08:00';
SELECT count(crm._value_forecast_job()) FROM generate_series(1, 4);
SELECT version, as_of, status, finished_at IS NOT NULL AS finished FROM crm.forecast_model ORDER BY 1;
SELECT count(*) AS persons, min(version) AS version FROM crm.customer_forecast;
SELECT crm._value_on_erase(957006);
SELECT (SELECT count(*) FROM crm.customer_forecast WHERE customer_id = 957006) AS forgotten;
-- article numbers typed as amounts, ninety days one after the other: one person more, and nobody is without a forecast
INSERT INTO crm.purchase_chunk SELECT 956105, '-infinity', crm.purchase_history(array_agg(d), array_agg(d), array_agg(90000000000000000)) FROM (SELECT date '2026-04-01' + g AS d FROM generate_series(1, 90) g) x;
SELECT a ->> 'status' AS status, a ->> 'spend_status' AS spend FROM crm.value_fit() a;
-- the fit says how many amounts lie far out, and what they do to what is expected of a customer
SELECT version, spend_check -> 'far_out' AS far_out, (spend_check ->> 'above_minor')::numeric BETWEEN 20000 AND 1000000 AS beyond,
       (spend_check ->> 'expected_minor')::numeric / (spend_check ->> 'expected_without_minor')::numeric BETWEEN 0.99 AND 1.01 AS the_same,
       (spend_check ->> 'expected_without_minor')::numeric BETWEEN 4000 AND 9000 AS without_them FROM crm.forecast_model ORDER BY 1;
SELECT count(crm._value_forecast_job()) FROM generate_series(1, 3);
SELECT count(*) FILTER (WHERE f.version = m.version) = count(*) AS all_are_of_it, max(f.lifetime_high_minor) AS most FROM crm.customer_forecast f, (SELECT max(version) AS version FROM crm.forecast_model) m;
SAVEPOINT bad;
SELECT crm.value_fit(NULL, '2026-07-09');
ROLLBACK TO bad;
SELECT crm.value_fit(NULL, 'infinity');
ROLLBACK TO bad;
SELECT crm.value_refresh('2027-01-01');
ROLLBACK TO bad;
SELECT crm.value_fit('gammagamma');
ROLLBACK TO bad;
SELECT crm.value_forecast(957001, 0);
ROLLBACK TO bad;
ROLLBACK;
