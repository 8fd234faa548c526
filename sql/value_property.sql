-- value_property: what must hold whatever the data: windows of every aggregate, zones and days of summer time, before the first order, a million orders.
\set VERBOSITY terse
SET client_min_messages = warning;
SET datestyle = 'ISO';
SET timezone = 'UTC';
SELECT count(*) > 0 AS installed FROM crm.install();
SET crm.core_clock = '2026-06-30T12:00:00+08:00';

-- 1. every aggregate of purchases as a window is, row by row, what it is of the rows so far
CREATE TEMP TABLE chunk AS
SELECT 952000 + r AS record, 952500 + r % 7 AS person, crm.purchase_history(array_agg(d), array_agg(d), array_agg((100 + h % 5000)::bigint)) AS history
FROM generate_series(1, 24) r, LATERAL (SELECT date '2026-01-01' + (abs(hashint8(r * 31 + k)) % 170) AS d, abs(hashint8(r + k)) AS h FROM generate_series(1, 1 + r % 5) k) x GROUP BY r;
WITH asked AS (SELECT ARRAY[ROW('sum', '2026-01-01', '2026-06-30', 1, '>', '{40}', false)::crm.purchase_question, ROW('last', '-infinity', '2026-06-30', 1, '<=', '{60}', false)::crm.purchase_question] AS q),
moving AS (
    SELECT record, crm._purchase_collect(person, history, false, q, '2026-06-30', 2) OVER w AS sets, crm.purchase_combine(history) OVER w AS chunks,
           crm.value_collect(record, history) OVER w AS items, crm.value_collect_owners(record, person) OVER w AS owners
    FROM chunk, asked WINDOW w AS (ORDER BY record)),
apart AS (
    SELECT c.record, (SELECT crm._purchase_collect(x.person, x.history, false, q, '2026-06-30', 2) FROM chunk x, asked WHERE x.record <= c.record) AS sets,
           (SELECT crm.purchase_combine(x.history ORDER BY x.record) FROM chunk x WHERE x.record <= c.record) AS chunks,
           (SELECT crm.value_collect(x.record, x.history) FROM (SELECT * FROM chunk ORDER BY record) x WHERE x.record <= c.record) AS items,
           (SELECT crm.value_collect_owners(x.record, x.person) FROM (SELECT * FROM chunk ORDER BY record) x WHERE x.record <= c.record) AS owners
    FROM chunk c)
SELECT count(*) AS rows, count(*) FILTER (WHERE m.sets::text = a.sets::text) AS sets, count(*) FILTER (WHERE crm.purchase_net(m.chunks, '-infinity', 'infinity', 'infinity') = crm.purchase_net(a.chunks, '-infinity', 'infinity', 'infinity')) AS nets,
       count(*) FILTER (WHERE (SELECT sum(s.net_minor) FROM crm.value_scored(m.items, m.owners, NULL, '2026-06-30', 'quintile') s)
                            = (SELECT sum(s.net_minor) FROM crm.value_scored(a.items, a.owners, NULL, '2026-06-30', 'quintile') s)) AS scored
FROM moving m JOIN apart a USING (record);

-- and what processes gather apart and put together is what one gathers, days in lists and persons asked whole alike
CREATE TABLE public.regress_chunk AS SELECT c.record + 100 * n AS record, c.person + 10 * n AS person, c.history FROM chunk c, generate_series(0, 5999) n;
\set asked 'ARRAY[ROW(''sum'', ''2026-01-01'', ''2026-06-30'', 1, ''>'', ''{120}'', false)::crm.purchase_question, ROW(''last'', ''-infinity'', ''2026-06-30'', 1, ''<='', ''{20}'', false)::crm.purchase_question]'
SET max_parallel_workers_per_gather = 0;
CREATE TEMP TABLE alone AS SELECT crm._purchase_collect(person, history, false, :asked, '2026-06-30', 2) AS listed, crm._purchase_collect(person, history, true, :asked, '2026-06-30', 2) AS whole FROM public.regress_chunk;
SET max_parallel_workers_per_gather = 2; SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; SET min_parallel_table_scan_size = 0; SET parallel_leader_participation = off;
CREATE TEMP TABLE together AS SELECT crm._purchase_collect(person, history, false, :asked, '2026-06-30', 2) AS listed, crm._purchase_collect(person, history, true, :asked, '2026-06-30', 2) AS whole FROM public.regress_chunk;
RESET max_parallel_workers_per_gather; RESET parallel_setup_cost; RESET parallel_tuple_cost; RESET min_parallel_table_scan_size; RESET parallel_leader_participation;
SELECT a.listed::text = t.listed::text AS listed, a.whole::text = t.whole::text AS whole, crm.bitmap_count(a.listed[1]) AS sum, crm.bitmap_count(a.listed[2]) AS last, crm.bitmap_count(a.whole[1]) AS sum_whole, crm.bitmap_count(a.whole[2]) AS last_whole
FROM alone a, together t;
DROP TABLE public.regress_chunk;

-- 2. zones from UTC-11 to UTC+14, days of 23 and 25 hours: the local day of a moment decides, to the second
INSERT INTO crm.customer (customer_id, status, registered_at, registered_on, updated_at) VALUES (952600, 'active', '2026-01-01', '2026-01-01', '2026-01-01');
INSERT INTO crm.membership (source_record_id, valid_from, customer_id) VALUES (952600, '2026-01-01', 952600);
INSERT INTO crm.purchase_chunk (source_record_id, from_day, history) VALUES (952600, '-infinity', '{2026-03-08 2026-03-08 10000; 2026-03-29 2026-03-29 10000; 2026-11-01 2026-11-01 10000}');
SELECT crm._value_compute('{952600}', '2026-06-30', 'history');
CREATE TEMP TABLE zone_before AS SELECT s.value FROM crm.room_setting s WHERE s.name = 'core.time_zone';
DO $$
DECLARE
    zone text;
    moment timestamptz;
    day date;
    tried int := 0;
    wrong int := 0;
BEGIN
    FOREACH zone IN ARRAY '{Pacific/Pago_Pago,America/New_York,Europe/London,Asia/Kolkata,Asia/Shanghai,Australia/Lord_Howe,Pacific/Kiritimati,America/St_Johns}'::text[] LOOP
        UPDATE crm.room_setting s SET value = to_jsonb(zone) WHERE s.name = 'core.time_zone';
        FOREACH day IN ARRAY '{2026-03-08,2026-03-29,2026-11-01}'::date[] LOOP
            FOREACH moment IN ARRAY ARRAY[day::timestamp AT TIME ZONE zone - interval '1 second', day::timestamp AT TIME ZONE zone,
                                          (day + 1)::timestamp AT TIME ZONE zone - interval '1 second', (day + 1)::timestamp AT TIME ZONE zone] LOOP
                tried := tried + 1;
                IF crm._local_day(moment, zone) <> (moment AT TIME ZONE zone)::date
                   OR crm._rule_fit('{"kind": "purchase", "measure": "last", "op": "=", "value": 0}', '{952600}', moment) <> '{}' IS DISTINCT FROM ((moment AT TIME ZONE zone)::date = day)
                   OR crm.bitmap_has(crm._rule_set('{"kind": "purchase", "measure": "last", "op": "=", "value": 0}', moment), 952600) IS DISTINCT FROM ((moment AT TIME ZONE zone)::date = day) THEN
                    wrong := wrong + 1;
                END IF;
            END LOOP;
        END LOOP;
    END LOOP;
    RAISE WARNING 'tried %, wrong %', tried, wrong;
END $$;
UPDATE crm.room_setting s SET value = b.value FROM zone_before b WHERE s.name = 'core.time_zone';

-- 3. before the first order a person has no purchase, whatever is asked; on its day one
SELECT d::date AS as_of, crm.value_tier(952600, d::date), crm.purchase_order_days(p.history, '-infinity', 'infinity', d::date) AS days, crm.purchase_last_day(p.history, d::date) AS last_day,
       crm.rule_matches('{"kind": "purchase", "measure": "never"}', 952600, d::timestamptz) AS never, crm.rule_matches('{"kind": "purchase", "measure": "sum", "op": "=", "value": 0}', 952600, d::timestamptz) AS sum_is_0,
       crm.rule_matches('{"kind": "purchase", "measure": "average", "op": "missing"}', 952600, d::timestamptz) AS no_average
FROM crm.purchase_chunk p, unnest('{2000-01-01,2026-03-07,2026-03-08}'::date[]) d WHERE p.source_record_id = 952600;

-- 4. one person with a million orders: days are counted and amounts added up as SQL does; all ties get one score
SELECT s.order_days, s.net_minor, s.r, s.f, s.m, x.days = s.order_days AND x.net = s.net_minor AS same
FROM (SELECT crm.value_collect(952700, date '2000-01-01' + (g % 9000)::int, (1 + g % 977)::bigint) AS items, crm.value_collect_owners(952700, 952700) FILTER (WHERE g = 1) AS owners,
             count(DISTINCT g % 9000) AS days, sum(1 + g % 977) AS net FROM generate_series(1, 1000000) g) x,
     LATERAL crm.value_scored(x.items, x.owners, NULL, '2026-06-30', 'quintile') s;
