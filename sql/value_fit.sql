-- value_fit: forecasts of plain numbers: fits recover what made the data, whatever the unit, the order, the workers; one
-- customer's questions agree with each other; nonsense is refused. (Published results: tests/unit/unit_forecast.c.)
\set VERBOSITY terse
SET client_min_messages = warning;
SET extra_float_digits = 0;

-- 1. made by the model itself: gamma rates (r = 2: two exponentials), beta chances to leave (a = 1, b = 2: the lesser of two)
CREATE TEMP TABLE made (frequency float8, recency float8, age float8);
DO $$
DECLARE
    rate float8;
    leaves float8;
    at float8;
    age float8;
    x int;
    tx float8;
BEGIN
    PERFORM setseed(0.17);
    FOR person IN 1 .. 4000 LOOP
        rate := -(ln(1 - random()) + ln(1 - random())) / 10;
        leaves := least(random(), random());
        age := 20 + floor(random() * 30);
        SELECT 0, 0, 0 INTO x, tx, at;
        WHILE random() >= leaves LOOP
            at := at - ln(1 - random()) / rate;
            EXIT WHEN at > age;
            SELECT x + 1, at INTO x, tx;
        END LOOP;
        INSERT INTO made VALUES (x, tx, age);
    END LOOP;
END $$;
CREATE TEMP TABLE fit AS SELECT f.* FROM (SELECT crm.value_fit_mbgnbd(frequency, recency, age) AS f FROM made) x, LATERAL (SELECT (x.f).*) f;
SELECT model, status, person_count, pattern_count > 1000 AS patterns FROM fit;
-- within three standard errors of what was put in
SELECT i, params[i] BETWEEN truth - 3 * standard_errors[i] AND truth + 3 * standard_errors[i] AS found
FROM fit, unnest(ARRAY[2.0, 10, 1, 2]) WITH ORDINALITY t (truth, i) ORDER BY i;
-- the likelihood is the sum over customers, and lower a little beside its top
SELECT round((log_likelihood - (SELECT sum(crm.value_log_likelihood('mbgnbd', fit.params, frequency, recency, age)) FROM made))::numeric, 6) AS difference,
       log_likelihood > (SELECT sum(crm.value_log_likelihood('mbgnbd', ARRAY[params[1] * 1.01, params[2], params[3], params[4]], frequency, recency, age)) FROM made) AS top
FROM fit;
-- expected purchases of everybody: what was bought, on average
SELECT abs(sum(frequency) / sum(crm.value_expected('mbgnbd', params, 0, 0, 0, age)) - 1) < 0.03 AS calibrated FROM made, fit;

-- 2. the same answer in another unit, in any order, added up in parts, over a window
SELECT bool_and(abs(b.params[i] / a.params[i] / CASE i WHEN 2 THEN 604800 ELSE 1 END - 1) < 1e-6) AS same_in_seconds
FROM fit a, (SELECT (crm.value_fit_mbgnbd(frequency, recency * 604800, age * 604800)).* FROM made) b, generate_series(1, 4) i;
SELECT abs(b.log_likelihood - a.log_likelihood) < 1e-6 AS same_in_order
FROM fit a, (SELECT (crm.value_fit_mbgnbd(frequency, recency, age ORDER BY recency DESC)).* FROM made) b;
SELECT DISTINCT (w.f).person_count FROM (SELECT crm.value_fit_bgnbd(frequency, recency, age) OVER (ORDER BY age RANGE UNBOUNDED PRECEDING) AS f, age FROM made WHERE age <= 22) w
WHERE (SELECT count(*) FROM made m WHERE m.age <= w.age) <> (w.f).person_count;
CREATE TABLE value_fit_parallel AS SELECT * FROM made;
ALTER TABLE value_fit_parallel SET (parallel_workers = 2);
SET max_parallel_workers_per_gather = 2; SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; SET min_parallel_table_scan_size = 0;
EXPLAIN (COSTS OFF) SELECT crm.value_fit_mbgnbd(frequency, recency, age) FROM value_fit_parallel;
SELECT b.person_count = a.person_count AND b.pattern_count = a.pattern_count AND abs(b.log_likelihood - a.log_likelihood) < 1e-6 AS same_in_parallel
FROM fit a, (SELECT (crm.value_fit_mbgnbd(frequency, recency, age)).* FROM value_fit_parallel) b;
RESET max_parallel_workers_per_gather; RESET parallel_setup_cost; RESET parallel_tuple_cost; RESET min_parallel_table_scan_size;
DROP TABLE value_fit_parallel;

-- 3. one model is told from another by its likelihood; leaving at all, by NBD's
SELECT (crm.value_fit_paretonbd(frequency, recency, age)).status FROM made;
SELECT m.model, m.status, cardinality(m.params) AS params FROM (SELECT (crm.value_fit_bgnbd(f, a - 1, a)).* FROM
    (SELECT g % 4 + 1 AS f, 20 + g % 30 AS a FROM generate_series(0, 999) g) x) m;
SELECT (crm.value_fit_bgnbd(0, 0, g)).* FROM generate_series(1, 10) g;
SELECT (crm.value_fit_bgnbd(frequency, recency, age)).* FROM made WHERE false;
SELECT (crm.value_fit_bgnbd(NULL, 1, 1)).status;

-- 4. one customer
SELECT model, round(crm.value_alive(model, params, 2, 30.43, 38.86)::numeric, 6) AS alive, round(crm.value_alive(model, params, 2, 30.43, 38.86, 39)::numeric, 6) AS in_39_weeks,
       round(crm.value_expected(model, params, 2, 30.43, 38.86, 39)::numeric, 6) AS expected, round(crm.value_discounted(model, params, 2, 30.43, 38.86, 39, 4.345, 0.01)::numeric, 6) AS discounted,
       crm.value_quantile(model, params, 2, 30.43, 38.86, 39, 0.05) AS low, crm.value_quantile(model, params, 2, 30.43, 38.86, 39, 0.95) AS high,
       round(crm.value_at_least(model, params, 2, 30.43, 38.86, 39, 1)::numeric, 6) AS at_least_one
FROM (VALUES ('bgnbd', '{.2425945,4.4136018,.7929218,2.4259059}'::float8[]), ('mbgnbd', '{.5248431,6.1830851,.8913593,1.6140022}'),
             ('paretonbd', '{.5532771,10.5776846,.6062399,11.6687308}'), ('nbd', '{.3847659,12.0720137}')) m (model, params);
-- BG/NBD calls everybody who bought once alive, the others do not
SELECT crm.value_alive('bgnbd', '{.2425945,4.4136018,.7929218,2.4259059}', 0, 0, 38), crm.value_alive('mbgnbd', '{.5248431,6.1830851,.8913593,1.6140022}', 0, 0, 38) < 0.5 AS less;
SELECT round(crm.value_residual('{.553,10.58,.606,11.656}', 4, 35, 39, 0.15 / 52)::numeric, 4) AS residual, round(crm.value_spend('{6.25,3.74,15.44}', 0, 0)::numeric, 3) AS spend,
       round(crm.value_spend('{6.25,3.74,15.44}', 10, 50)::numeric, 3) AS shrunk, crm.value_spend('{2,0.9,5}', 0, 0) AS infinite;
SELECT (f).status, (f).person_count, round((f).params[1]::numeric, 1) > 0 AS p FROM (SELECT crm.value_fit_gammagamma(g % 5, 10 + 7 * (g * 7919 % 13)) AS f FROM generate_series(1, 500) g) x;

-- 5. nonsense
SELECT crm.value_fit_bgnbd(1, 5, 4);
SELECT crm.value_fit_bgnbd(0.5, 1, 4);
SELECT crm.value_fit_bgnbd(0, 1, 4);
SELECT crm.value_fit_bgnbd('NaN', 1, 4);
SELECT crm.value_fit_bgnbd(1, 1, 'Infinity');
SELECT crm.value_fit_gammagamma(-1, 5);
SELECT crm._value_cells_step(NULL, 1, 1, 1);
SELECT crm._value_fit_bgnbd('\x00');
SELECT crm._value_fit_bgnbd('\x324c4543ffffffff');
SELECT crm.value_alive('no such', '{1,1,1,1}', 1, 1, 1);
SELECT crm.value_alive('gammagamma', '{1,1,1}', 1, 1, 1);
SELECT crm.value_alive('bgnbd', '{1,1,1}', 1, 1, 1);
SELECT crm.value_alive('bgnbd', '{1,1,NULL,1}', 1, 1, 1);
SELECT crm.value_alive('bgnbd', '{1,1,-1,1}', 1, 1, 1);
SELECT crm.value_alive('bgnbd', '{{1,1},{1,1}}', 1, 1, 1);
SELECT crm.value_expected('bgnbd', '{1,1,1,1}', 1, 2, 1, 1);
SELECT crm.value_expected('bgnbd', '{1,1,1,1}', 1, 1, 1, -1);
SELECT crm.value_quantile('bgnbd', '{1,1,1,1}', 1, 1, 1, 1, 1);
SELECT crm.value_discounted('bgnbd', '{1,1,1,1}', 1, 1, 1, 1, 0, 0.1);
SELECT crm.value_expected(NULL, '{1,1,1,1}', 1, 1, 1, 1) IS NULL AS unknown;

-- 6. odd data: every fit says what it is, of numbers that are numbers, and no likelier than itself is what lies beside it
CREATE TEMP TABLE odd (name text, frequency float8, recency float8, age float8);
SELECT setseed(0.5) IS NOT NULL AS seeded;
INSERT INTO odd SELECT 'all bought once', 0, 0, 1 + g % 700 FROM generate_series(1, 500) g;
INSERT INTO odd SELECT 'seen for no time', 0, 0, 0 FROM generate_series(1, 10);
INSERT INTO odd SELECT 'some seen for no time', CASE WHEN g % 3 = 0 THEN 0 ELSE g % 5 END, CASE WHEN g % 3 = 0 OR g % 5 = 0 THEN 0 ELSE (g % 30) + 1 END, CASE WHEN g % 3 = 0 THEN 0 ELSE 31 + g % 9 END FROM generate_series(1, 300) g;
INSERT INTO odd VALUES ('one person', 3, 10, 20), ('one who bought last today', 5, 20, 20), ('one of a million purchases', 1e6, 1e5, 1e5), ('one of a billionth', 1, 1e-9, 1e-9);
INSERT INTO odd SELECT 'huge times', g % 4, CASE WHEN g % 4 = 0 THEN 0 ELSE 1e9 * (g % 97) / 97.0 + 1 END, 1e9 + g % 1000 FROM generate_series(1, 300) g;
INSERT INTO odd SELECT 'tiny times', g % 4, CASE WHEN g % 4 = 0 THEN 0 ELSE 1e-9 * ((g % 97) + 1) / 99.0 END, 1e-9 FROM generate_series(1, 300) g;
INSERT INTO odd SELECT 'very many purchases', 1e5 + g * 37, 900 + g % 100, 1000 FROM generate_series(1, 50) g;
INSERT INTO odd SELECT 'half never, half a million times', CASE WHEN g % 2 = 0 THEN 0 ELSE 1e6 END, CASE WHEN g % 2 = 0 THEN 0 ELSE 999 END, 1000 FROM generate_series(1, 300) g;
INSERT INTO odd SELECT 'one whale', CASE WHEN g = 1 THEN 100000 ELSE 0 END, CASE WHEN g = 1 THEN 364 ELSE 0 END, 365 FROM generate_series(1, 2000) g;
INSERT INTO odd SELECT 'long tail', x, CASE WHEN x = 0 THEN 0 ELSE 365 * power(random(), 0.3) END, 365 FROM (SELECT floor(power(random() + 1e-4, -1.0) - 1e-3) AS x FROM generate_series(1, 300)) g;
INSERT INTO odd SELECT 'all bought last today', 1 + g % 6, 52, 52 FROM generate_series(1, 300) g;
INSERT INTO odd SELECT 'all left at once', 1 + g % 6, 0.001, 1000 FROM generate_series(1, 300) g;
INSERT INTO odd SELECT 'all alike', 5, 30, 52 FROM generate_series(1, 300) g;
INSERT INTO odd SELECT 'every thirty days', floor(t / 30), floor(t / 30) * 30, t FROM (SELECT 200 + g % 160 AS t FROM generate_series(1, 300) g) x;
INSERT INTO odd SELECT 'two kinds of people', CASE WHEN g % 2 = 0 THEN 50 ELSE 1 END, CASE WHEN g % 2 = 0 THEN 363 ELSE 3 END, 365 FROM generate_series(1, 300) g;
INSERT INTO odd SELECT 'one repeat among a thousand', CASE WHEN g = 1 THEN 1 ELSE 0 END, CASE WHEN g = 1 THEN 10 ELSE 0 END, 365 FROM generate_series(1, 1000) g;
INSERT INTO odd SELECT 'repeats at once', 2, 0, 10 FROM generate_series(1, 100);
INSERT INTO odd SELECT 'days and weeks', g % 7, CASE WHEN g % 7 = 0 THEN 0 ELSE (g % 50 + 1) * CASE WHEN g % 2 = 0 THEN 1 ELSE 7 END END, 52 * CASE WHEN g % 2 = 0 THEN 1 ELSE 7 END FROM generate_series(1, 300) g;
INSERT INTO odd SELECT 'twelve orders of size', g % 3, CASE WHEN g % 3 = 0 THEN 0 ELSE power(10, g % 12) * 0.7 END, power(10, g % 12) FROM generate_series(1, 300) g;
INSERT INTO odd SELECT 'few patterns, many of each', x, tx, t FROM (VALUES (0, 0, 26.57), (0, 0, 28.08), (0, 0, 28.8), (0, 0, 29.31), (0, 0, 29.9), (0, 0, 29.94), (0, 0, 32.08), (0, 0, 32.69), (0, 0, 33.96), (0, 0, 34.09), (0, 0, 34.18), (0, 0, 36.08), (0, 0, 36.3), (0, 0, 36.68), (0, 0, 37.66),
    (0, 0, 38.86), (0, 0, 38.94), (1, 2.71, 26.07), (1, 4.12, 31.79), (1, 5.55, 29.62), (1, 16.3, 34.13), (1, 24.37, 32.56), (1, 26.4, 28.93), (2, 19.34, 32.06), (2, 22.57, 33.2), (2, 23.14, 26.46), (3, 20.32, 37.92), (4, 28.57, 36.36), (5, 24.51, 37.36), (5, 30.64, 32.68)) p (x, tx, t), generate_series(1, 500);
INSERT INTO odd SELECT 'few patterns, one seen a million times as long', x, tx, t FROM (VALUES (0, 0, 30), (1, 10, 30), (2, 20, 30), (0, 0, 39), (3, 30, 39), (4, 20, 39)) p (x, tx, t), generate_series(1, 50);
INSERT INTO odd VALUES ('few patterns, one seen a million times as long', 1, 10, 3e7);
CREATE TEMP TABLE odd_fit AS SELECT o.name, m.asked, f.* FROM (SELECT name, ARRAY[crm.value_fit_bgnbd(frequency, recency, age), crm.value_fit_mbgnbd(frequency, recency, age), crm.value_fit_paretonbd(frequency, recency, age)] AS fits FROM odd GROUP BY name) o,
    unnest(ARRAY['bgnbd', 'mbgnbd', 'paretonbd']) WITH ORDINALITY m (asked, n), LATERAL (SELECT (o.fits[m.n]).*) f;
SELECT name, string_agg(CASE WHEN model = asked OR model = 'nbd' THEN status ELSE 'not asked for' END, ', ' ORDER BY asked) AS statuses FROM odd_fit GROUP BY name ORDER BY name COLLATE "C";
SELECT count(*) AS without_params FROM odd_fit WHERE params IS NULL AND status NOT IN ('no_data', 'no_repeats');
SELECT name, asked FROM odd_fit, unnest(params) p WHERE p IS NULL OR p <= 0 OR p IN ('NaN', 'Infinity') OR log_likelihood IN ('NaN', 'Infinity', '-Infinity');
SELECT f.name, f.asked, i, factor, f.log_likelihood, l.beside
FROM odd_fit f CROSS JOIN generate_series(1, 4) i CROSS JOIN unnest('{0.98,1.02}'::float8[]) factor
     CROSS JOIN LATERAL (SELECT sum(crm.value_log_likelihood(f.model, (SELECT array_agg(CASE WHEN n = i THEN p * factor ELSE p END ORDER BY n) FROM unnest(f.params) WITH ORDINALITY x (p, n)), o.frequency, o.recency, o.age)) AS beside
                         FROM odd o WHERE o.name = f.name) l
WHERE f.status IN ('converged', 'no_dropout') AND i <= cardinality(f.params) AND f.params[i] BETWEEN 0.0001 AND 10000 AND l.beside > f.log_likelihood + 1e-6 * abs(f.log_likelihood) + 0.05;
-- of several hills it is the highest that is known
SELECT f.asked, f.status, round(f.log_likelihood::numeric, 1) AS log_likelihood FROM odd_fit f WHERE f.name = 'few patterns, many of each' ORDER BY 1;
-- and a chance is one
SELECT count(*) AS asked, count(*) FILTER (WHERE NOT coalesce(c.alive BETWEEN 0 AND 1 AND c.later BETWEEN 0 AND 1 AND c.some BETWEEN 0 AND 1 AND c.expected >= 0 AND c.expected < 'Infinity', false)) AS wrong
FROM odd_fit f CROSS JOIN (VALUES (0, 0, 10), (1, 10, 10), (5, 3, 365), (100000, 1, 365), (3, 1e8, 1e9), (0, 0, 1e9), (2, 1e-9, 1e-9), (0, 0, 0)) p (x, tx, t) CROSS JOIN (VALUES (0), (30), (1000000)) h (h)
     CROSS JOIN LATERAL (SELECT crm.value_alive(f.model, f.params, x, tx, t) AS alive, crm.value_alive(f.model, f.params, x, tx, t, h) AS later, crm.value_at_least(f.model, f.params, x, tx, t, h, 1) AS some,
                                crm.value_expected(f.model, f.params, x, tx, t, h) AS expected) c
WHERE f.params IS NOT NULL;
-- a fit that takes long can be left
SELECT clock_timestamp() AS begun \gset
SET statement_timeout = '300ms';
SELECT (crm.value_fit_paretonbd(x, 365 * g / 30001.0, 365)).status FROM (SELECT g, 1 + g * 7919 % 4999 AS x FROM generate_series(1, 30000) g) p;
RESET statement_timeout;
SELECT clock_timestamp() - :'begun' < interval '8 seconds' AS at_once;
