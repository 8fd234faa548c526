-- report_sight: a clerk sees what is their own, a manager the team's, who sees figures alone no person and no small group: deals, tickets, goals, leads, indicators.
\set VERBOSITY terse
SET client_min_messages = warning;
SET datestyle = 'ISO';
SET timezone = 'Asia/Shanghai';
BEGIN;
SET LOCAL crm.core_clock = '2026-06-30T12:00:00+08:00';
SELECT set_config('crm.access_claims', '{"actor": "regress", "role": "crm_headquarters", "stores": [], "all": true}', true) <> '' AS claims;
SELECT crm.access_define_region('si_r', 'r') > 0 AS region, crm.access_define_store('si_1', 'one', 'si_r') AS s1, crm.access_define_store('si_2', 'two', 'si_r') AS s2 \gset
SELECT crm.access_define_staff('si_a', 'a', 'crm_clerk', '{store:si_1}') AS a, crm.access_define_staff('si_b', 'b', 'crm_clerk', '{store:si_2}') AS b, crm.access_define_staff('si_m', 'm', 'crm_manager', '{region:si_r}') AS m \gset
CREATE FUNCTION pg_temp.act(code text, staff int, role text, stores int[]) RETURNS boolean LANGUAGE sql AS $$
    SELECT set_config('crm.access_claims', json_build_object('actor', code, 'staff_id', staff, 'role', role, 'stores', stores, 'all', stores IS NULL)::text, true) <> ''
$$;
CREATE FUNCTION pg_temp.refused(call text) RETURNS text LANGUAGE plpgsql AS $$ BEGIN EXECUTE 'SELECT ' || call; RETURN 'answered'; EXCEPTION WHEN OTHERS THEN RETURN SQLSTATE; END $$;
SELECT pg_temp.act('si_a', :a, 'crm_clerk', ARRAY[:s1]);
SELECT (crm.ingest_enrol('孙一', '138 1234 4401') ->> 'customer_id')::bigint AS c1 \gset
SELECT crm.sales_deal_open(:c1, 'leads', '蛋糕', 100, false, 'web') ->> 'deal_id' AS d1, crm.service_open(:c1, 'quality', '坏了') ->> 'ticket_id' AS t1 \gset
SELECT pg_temp.act('si_b', :b, 'crm_clerk', ARRAY[:s2]);
SELECT (crm.ingest_enrol('孙二', '138 1234 4402') ->> 'customer_id')::bigint AS c2 \gset
SELECT crm.sales_deal_open(:c2, 'leads', '面包', 200, false, 'web') ->> 'deal_id' AS d2, crm.service_open(:c2, 'quality', '也坏了') ->> 'ticket_id' AS t2 \gset

-- 1. own: the other store's deal and ticket are not in the clerk's lists, nor asked for
SELECT (SELECT count(*) FROM crm.sales_deals()) AS deals, (SELECT count(*) FROM crm.service_tickets('open')) AS tickets, pg_temp.refused(format('crm.sales_deal(%s, %s)', :c1, :d1)) AS deal, pg_temp.refused(format('crm.service_ticket(%s, %s)', :c1, :t1)) AS ticket;
-- 2. team: the region's manager sees both, and figures of both
SELECT pg_temp.act('si_m', :m, 'crm_manager', ARRAY[:s1, :s2]);
SELECT (SELECT count(*) FROM crm.sales_deals()) AS deals, (SELECT count(*) FROM crm.service_tickets('open')) AS tickets, (SELECT sum((j ->> 'tickets')::int) FROM crm.service_report('2026-06-01', '2026-06-30') j) AS counted,
       (SELECT sum((j ->> 'deals')::int) FROM crm.sales_board('leads', '2026-06-01', '2026-06-30') j) AS on_the_board;
-- 3. aggregate only: who has the role reader is granted no list of deals, tickets, persons, people or goals
SELECT set_config('crm.access_claims', '{"actor": "reader", "role": "crm_reader", "stores": [], "all": false}', true) <> '' AS reader;
SET LOCAL ROLE crm_reader;
SELECT f.call, pg_temp.refused(f.call) AS answer FROM unnest(ARRAY['crm.sales_deals()', 'crm.sales_board(''leads'', ''2026-06-01'', ''2026-06-30'')', 'crm.service_tickets(''open'')', 'crm.service_report(''2026-06-01'', ''2026-06-30'')',
    'crm.report_persons(''active'', ''-'')', 'crm.report_scorecard(''2026-06-01'', ''2026-06-30'')', 'crm.report_managers()', 'crm.report_staff_use()', 'crm.report_targets()', 'crm.report_leads()', 'crm.report_lost()', 'crm.report_trial(''x'')', 'count(*) FROM crm.person', 'count(*) FROM crm.report_portrait()']) f (call);
RESET ROLE;
-- 4. and of the indicators that deals and tickets answer none that few persons are behind, and of no ratio what it was made of
SELECT set_config('crm.access_claims', '{"actor": "regress", "role": "crm_headquarters", "stores": [], "all": true}', true) <> '' AS claims;
INSERT INTO crm.indicator_snapshot (period, starts_on, store_id, indicator, value, numerator, denominator, frozen_at)
VALUES ('month', '2026-05-01', 0, 'satisfaction', 0.8, 8, 2, crm.core_now()), ('month', '2026-05-01', 0, 'service_response', 35, NULL, 120, crm.core_now()), ('month', '2026-05-01', 0, 'lead_time', 4.5, NULL, 9, crm.core_now()), ('month', '2026-04-01', 0, 'service_response', 50, NULL, 3, crm.core_now());
SELECT set_config('crm.access_claims', '{"actor": "reader", "role": "crm_reader", "stores": [], "all": false}', true) <> '' AS reader;
SELECT i ->> 'indicator' AS indicator, i ->> 'value' AS value, i ->> 'denominator' AS denominator, i ->> 'note' AS note, i ->> 'before' AS before
FROM jsonb_array_elements(crm.report_indicators('month', '2026-05-01') -> 'indicators') i WHERE i ->> 'indicator' IN ('satisfaction', 'service_response', 'lead_time');
ROLLBACK;
