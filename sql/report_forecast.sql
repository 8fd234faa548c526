-- report_forecast: sales to expect are what purchases say, and what open deals may bring as deals like them went; what deals brought is
-- counted once; nine of ten lie between the bounds; what cannot be known yet is said.
\set VERBOSITY terse
SET client_min_messages = warning;
SET datestyle = 'ISO';
SET timezone = 'Asia/Shanghai';
BEGIN;
SET LOCAL crm.core_clock = '2026-06-15T12:00:00+08:00';
SELECT set_config('crm.access_claims', '{"actor": "regress", "role": "crm_headquarters", "stores": [], "all": true}', true) <> '' AS claims;
SELECT crm.access_define_region('fc_r', 'r') > 0 AS region, crm.access_define_store('fc_1', 'one', 'fc_r') AS s1, crm.access_define_store('fc_2', 'two', 'fc_r') AS s2 \gset
SELECT crm.access_define_staff('fc_m', 'm', 'crm_store_manager', ARRAY['store:fc_1']) AS m \gset
SELECT crm.ingest_define_source('fc_till', 'till', 'pos', '{}') > 0 AS till;
SELECT count(*) AS persons FROM generate_series(1, 12) n, crm.ingest_member('fc_till', convert_to(json_build_object('external_id', 'C' || n, 'name', '王' || n, 'phone', '1372300' || lpad(n::text, 4, '0'), 'store_code', 'fc_' || (1 + n % 2),
    'registered_at', '2025-01-05T10:00:00+08:00')::text, 'UTF8')) r WHERE r.status = 201;
-- each buys for 100 in each month from June 2025 on
SELECT count(*) AS orders FROM generate_series(1, 12) n, generate_series(0, 11) k, crm.ingest_order('fc_till', convert_to(json_build_object('external_id', 'O' || n || '.' || k, 'member_external_id', 'C' || n, 'store_code', 'fc_' || (1 + n % 2),
    'ordered_at', ((date '2025-06-10' + k * interval '1 month')::date || 'T11:00:00+08:00'), 'amount', 100)::text, 'UTF8')) r WHERE r.status = 201;
SELECT f.* FROM crm.report_forecast(2, NULL, 'fc_r') f WHERE f.starts_on >= '2026-04-01';

-- 1. a deal of 5000 was won in April, and bought in two orders and what else the customer took: these months are about 600 of store two without it, and the forecast does not go on with it
CREATE FUNCTION pg_temp.deal(n int, store int, amount numeric, opened timestamptz, until timestamptz, ended text, at_stage text DEFAULT 'proposal') RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    person bigint := (SELECT k.customer_id FROM crm.identifier k WHERE k.kind = 1 AND k.value_hash = crm._identity_hash(1::smallint, '', (crm.identity_phone('1372300' || lpad(n::text, 4, '0'))).number));
    deal bigint := crm._new_id();
BEGIN
    INSERT INTO crm.deal (customer_id, deal_id, pipeline, stage, outcome, title, amount, is_important, lead_source, store_id, opened_at, stage_at, touched_at, closed_at, came_stages, came_at)
    VALUES (person, deal, 'consult', coalesce(ended, at_stage), coalesce(ended, 'open'), 'x', amount, false, 'web', store, opened, opened, opened, coalesce(until, 'infinity'),
            array_remove(ARRAY[at_stage, ended], NULL), array_remove(ARRAY[opened, until], NULL));
    INSERT INTO crm.deal_event (customer_id, deal_id, deal_event_id, at, kind, actor, stage) VALUES (person, deal, crm._new_id(), opened, 'opened', 'x', at_stage);
    IF ended IS NOT NULL THEN
        INSERT INTO crm.deal_event (customer_id, deal_id, deal_event_id, at, kind, actor, stage, from_stage) VALUES (person, deal, crm._new_id(), until, 'moved', 'x', ended, at_stage);
    END IF;
END $$;
SELECT pg_temp.deal(1, :s2, 5000, '2026-04-02T10:00+08', '2026-04-20T10:00+08', 'won');
SELECT count(*) AS orders FROM (VALUES ('D1', '2026-04-21', 3000), ('D2', '2026-05-02', 1900)) v (id, day, amount), crm.ingest_order('fc_till', convert_to(json_build_object('external_id', v.id, 'member_external_id', 'C1', 'store_code', 'fc_2',
    'ordered_at', v.day || 'T11:00:00+08:00', 'amount', v.amount)::text, 'UTF8')) r WHERE r.status = 201;
SELECT f.starts_on, f.net, f.from_deals, f.expected, f.low, f.high FROM crm.report_forecast(1, 'fc_2') f WHERE f.starts_on >= '2026-03-01';

-- 2. open deals of whose like few have ended are not weighed, and that is said
SELECT pg_temp.deal(3, :s2, 1000, '2026-06-10T12:00+08', NULL, NULL);
SELECT f.starts_on, f.expected, f.from_deals, f.deals, f.unweighed FROM crm.report_forecast(1, 'fc_2') f WHERE f.expected IS NOT NULL;

-- 3. ten ended from that stage on: four were won after ten days, two after forty, four lost after five: the deal has stood for five days
SELECT count(pg_temp.deal(5, :s1, 700, '2025-11-01T12:00+08', timestamptz '2025-11-01T12:00+08' + v.days * interval '1 day', v.ended)) AS ended
FROM (SELECT 10 AS days, 'won' AS ended FROM generate_series(1, 4) UNION ALL SELECT 40, 'won' FROM generate_series(1, 2) UNION ALL SELECT 5, 'lost' FROM generate_series(1, 4)) v;
-- with the one of April (18 days) eleven: 4 of 11 would be won in June, 3 in July; those that stood longer than five days are seven, too few to be asked alone
SELECT f.starts_on, f.from_deals, f.deals, f.unweighed, round((f.high - f.expected) / 1.645) AS deviation FROM crm.report_forecast(3, 'fc_2') f WHERE f.expected IS NOT NULL;
SELECT round(1000 * 4 / 11.0, 2) AS june, round(1000 * 3 / 11.0, 2) AS july;
-- five more ended after thirty days, two of them won: now twelve stood longer than five days, and the deal is one of these, five days on its way
SELECT count(pg_temp.deal(5, :s1, 700, '2025-11-01T12:00+08', timestamptz '2025-12-01T12:00+08', v.ended)) AS ended FROM unnest('{won,won,lost,lost,lost}'::text[]) v (ended);
SELECT f.starts_on, f.from_deals FROM crm.report_forecast(3, 'fc_2') f WHERE f.expected IS NOT NULL;
SELECT round(1000 * 5 / 12.0, 2) AS june, round(1000 * 4 / 12.0, 2) AS july;
-- 4. won this month is known
SELECT pg_temp.deal(7, :s2, 250, '2026-06-01T12:00+08', '2026-06-12T12:00+08', 'won', 'lead');
SELECT f.from_deals FROM crm.report_forecast(1, 'fc_2') f WHERE f.expected IS NOT NULL;
-- 5. a store's manager: the own store alone; nobody else's by asking
SELECT set_config('crm.access_claims', json_build_object('actor', 'fc_m', 'staff_id', :m, 'role', 'crm_store_manager', 'stores', ARRAY[:s1], 'all', false)::text, true) <> '' AS manager;
SELECT f.from_deals, f.deals FROM crm.report_forecast(1) f WHERE f.expected IS NOT NULL;
SELECT count(*) FROM crm.report_forecast(1, 'fc_2') f;
ROLLBACK;

-- 6. nine of ten: deals go as they have gone; two hundred times forty open deals are drawn, and their sum lies between the bounds of what was told of them
BEGIN;
SET LOCAL crm.core_clock = '2026-06-01T12:00:00+08:00';
SELECT set_config('crm.access_claims', '{"actor": "regress", "role": "crm_headquarters", "stores": [], "all": true}', true) <> '' AS claims;
SELECT crm.access_define_region('fc_r', 'r') > 0 AS region, crm.access_define_store('fc_1', 'one', 'fc_r') AS s1 \gset
SELECT setseed(0.193) IS NOT NULL AS seeded;
INSERT INTO crm.deal (customer_id, deal_id, pipeline, stage, outcome, title, amount, is_important, lead_source, store_id, opened_at, stage_at, touched_at, closed_at, came_stages, came_at)
SELECT 1, n, 'consult', CASE WHEN is_won THEN 'won' ELSE 'lost' END, CASE WHEN is_won THEN 'won' ELSE 'lost' END, 'x', 1, false, 'web', NULL, at, at, at, at + days * interval '1 day', '{proposal}', ARRAY[at]
FROM (SELECT n, random() < 0.3 AS is_won, timestamptz '2025-09-01T12:00+08' + n * interval '1 hour' AS at, 5 + (n % 40) AS days FROM generate_series(1, 150) n) d;
INSERT INTO crm.deal_event (customer_id, deal_id, deal_event_id, at, kind, actor, stage) SELECT d.customer_id, d.deal_id, d.deal_id, d.opened_at, 'opened', 'x', 'proposal' FROM crm.deal d WHERE d.outcome <> 'open';
INSERT INTO crm.deal (customer_id, deal_id, pipeline, stage, outcome, title, amount, is_important, lead_source, store_id, opened_at, stage_at, touched_at)
SELECT 2, n, 'consult', 'proposal', 'open', 'x', 100 + 20 * n, false, 'web', :s1, crm.core_now(), crm.core_now(), crm.core_now() FROM generate_series(1, 40) n;
CREATE TEMP TABLE told AS SELECT sum(e.expected) AS expected, sqrt(sum(e.variance)) AS deviation FROM crm._report_deals_expected(ARRAY[:s1], '{2026-06-01,2027-01-01}', crm._report_deals_ended()) e;
SELECT count(*) FILTER (WHERE s.won BETWEEN t.expected - 1.645 * t.deviation AND t.expected + 1.645 * t.deviation) BETWEEN 165 AND 199 AS nine_of_ten
FROM told t, (SELECT k, sum(CASE WHEN random() < 0.3 THEN 100 + 20 * n ELSE 0 END) AS won FROM generate_series(1, 200) k, generate_series(1, 40) n GROUP BY k) s;
ROLLBACK;

-- 7. what is expected, deal by deal: each open one against every one that ended, of three stages, ages and ends of all lengths
BEGIN;
SET LOCAL crm.core_clock = '2026-06-17T12:00:00+08:00';
SELECT set_config('crm.access_claims', '{"actor": "regress", "role": "crm_headquarters", "stores": [], "all": true}', true) <> '' AS claims;
SELECT crm.access_define_region('fc_r', 'r') > 0 AS region, crm.access_define_store('fc_1', 'one', 'fc_r') AS s1 \gset
DELETE FROM crm.deal;
INSERT INTO crm.deal (customer_id, deal_id, pipeline, stage, outcome, title, amount, is_important, lead_source, store_id, opened_at, stage_at, touched_at, closed_at, came_stages, came_at)
SELECT 1, n, 'consult', o, o, 'x', 1, false, 'web', NULL, at, at, at, at + (5 + h % 90) * interval '1 day', (ARRAY['contact', 'proposal', 'quote'])[:1 + h % 3], (ARRAY[at, at + interval '36 hours', at + interval '4 days'])[:1 + h % 3]
FROM (SELECT n, abs(hashint8(n)) AS h, CASE WHEN hashint8(n * 7) % 3 = 0 THEN 'won' ELSE 'lost' END AS o, timestamptz '2025-01-01T12:00+08' + n * interval '17 hours' AS at FROM generate_series(1, 300) n) d;
INSERT INTO crm.deal (customer_id, deal_id, pipeline, stage, outcome, title, amount, is_important, lead_source, store_id, opened_at, stage_at, touched_at)
SELECT 2, n, 'consult', (ARRAY['contact', 'proposal', 'quote', 'won'])[1 + n % 3], 'open', 'x', 100 + n, false, 'web', :s1, crm.core_now(), crm.core_now() - abs(hashint8(n)) % 95 * interval '1 day', crm.core_now() FROM generate_series(1, 80) n;
CREATE TEMP TABLE marks AS SELECT k, ('{2026-06-01,2026-07-01,2026-08-01,2026-09-01}'::date[])[k] AS starts, ('{2026-06-01,2026-07-01,2026-08-01,2026-09-01}'::date[])[k + 1] AS ends FROM generate_series(1, 3) k;
CREATE TEMP TABLE went AS SELECT c.stage, d.outcome = 'won' AS is_won, greatest(extract(epoch FROM d.closed_at - c.at) / 86400, 0)::int AS days FROM crm.deal d, unnest(d.came_stages, d.came_at) c (stage, at) WHERE d.outcome <> 'open';
CREATE TEMP TABLE one AS
SELECT o.stage, o.age, o.amount, m.k, count(*) FILTER (WHERE w.is_won AND date '2026-06-17' + w.days - s.start BETWEEN m.starts AND m.ends - 1)::numeric / count(*) AS p, count(*) AS ended,
       bool_or(date '2026-06-17' + w.days - s.start BETWEEN m.starts AND m.ends - 1) AS some
FROM (SELECT d.stage, (extract(epoch FROM crm.core_now() - d.stage_at) / 86400)::int AS age, d.amount FROM crm.deal d WHERE d.outcome = 'open') o CROSS JOIN marks m
CROSS JOIN LATERAL (SELECT CASE WHEN (SELECT count(*) FROM went x WHERE x.stage = o.stage AND x.days > o.age) >= 10 THEN o.age ELSE 0 END AS start) s
JOIN went w ON w.stage = o.stage AND (w.days > o.age OR s.start = 0) GROUP BY o.stage, o.age, o.amount, m.k;
SELECT count(*) AS deals, count(DISTINCT age) > 40 AS of_many_ages FROM one WHERE k = 1;
SELECT e.no, round(e.expected, 6) = round(t.expected, 6) AS expected_is_so, round(e.expected) > 0 AS some, e.variance > 0 AS bounds
FROM crm._report_deals_expected(ARRAY[:s1], '{2026-06-01,2026-07-01,2026-08-01,2026-09-01}', crm._report_deals_ended()) e JOIN (SELECT k, sum(amount * p) AS expected FROM one GROUP BY k) t ON t.k = e.no ORDER BY 1;
SELECT count(*) FILTER (WHERE w.is_older) > 0 AS older, count(*) FILTER (WHERE NOT w.is_older AND w.ended >= 10) > 0 AS all_of_them, count(*) FILTER (WHERE w.ended IS DISTINCT FROM x.ended) AS differ
FROM crm._report_deals_weighed(ARRAY[:s1], crm._report_deals_ended()) w LEFT JOIN (SELECT DISTINCT stage, age, ended FROM one) x USING (stage, age);
ROLLBACK;
