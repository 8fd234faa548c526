-- report_recall: recall and return of silence and win-back flows against their control groups, counted by hand; periods that nobody froze in time.
\set VERBOSITY terse
SET client_min_messages = warning;
SET datestyle = 'ISO';
SET timezone = 'Asia/Shanghai';
SELECT set_config('crm.access_claims', '{"actor": "regress", "role": "crm_headquarters", "stores": [], "all": true}', false) <> '' AS claims;
BEGIN;
SET LOCAL crm.core_clock = '2026-07-06T12:00:00+08:00';
DELETE FROM crm.occurrence;
INSERT INTO crm.flow (flow_id, code, name_zh, name_en, trigger, state, version, spec) VALUES (9885, 'silence_recall', 'r', 'r', 'schedule', 'stopped', 1, '{}'), (9886, 'other', 'o', 'o', 'schedule', 'stopped', 1, '{}');
-- 1 to 300 treatment, 301 to 400 control; 300 has been merged into 401 since; 501 to 900 were only tried, as a shadow
INSERT INTO crm.customer (customer_id, status, registered_at, registered_on, merged_into, updated_at)
SELECT 9885000 + g, CASE WHEN g = 300 THEN 'merged' ELSE 'active' END, '2026-01-01', '2026-01-01', CASE WHEN g = 300 THEN 9885401 END, '2026-01-01' FROM generate_series(1, 900) g;
INSERT INTO crm.membership (source_record_id, valid_from, customer_id) SELECT 9885000 + g, '2026-01-01', 9885000 + g FROM generate_series(1, 900) g;
INSERT INTO crm.occurrence (customer_id, flow_id, epoch, occurrence_key, fired_at, due_at, arm, outcome, message_id, flow_version)
SELECT 9885000 + g, 9885, 1, 'k', d.at, d.at, CASE WHEN g > 300 THEN 'control' ELSE 'treatment' END, CASE WHEN g > 300 THEN 'control' WHEN g BETWEEN 41 AND 60 THEN 'cap' ELSE 'sent' END,
       CASE WHEN g <= 300 AND g NOT BETWEEN 41 AND 60 THEN 'm' || g END, 1 FROM generate_series(1, 400) g, (VALUES (timestamptz '2026-05-20 00:30')) d (at)
UNION ALL SELECT 9885000 + g, 9885, -2, 'k', '2026-05-20 10:00', '2026-05-20 10:00', 'control', 'control', NULL, 1 FROM generate_series(501, 900) g
-- stopped before the arms, too early, too late, another flow
UNION ALL SELECT 9885000 + g, 9885, 1, 'n', '2026-05-20 10:00', '2026-05-20 10:00', 'none', 'consent', NULL, 1 FROM generate_series(501, 600) g
UNION ALL SELECT 9885000 + g, 9885, 1, 'e', d.at, d.at, 'treatment', 'sent', 'e' || g, 1 FROM generate_series(601, 700) g, (VALUES (timestamptz '2026-05-01 23:59:59')) d (at)
UNION ALL SELECT 9885000 + g, 9885, 1, 'l', d.at, d.at, 'treatment', 'sent', 'l' || g, 1 FROM generate_series(701, 800) g, (VALUES (timestamptz '2026-06-01 00:00')) d (at)
UNION ALL SELECT 9885000 + g, 9886, 1, 'k', d.at, d.at, 'treatment', 'sent', 'o' || g, 1 FROM generate_series(801, 900) g, (VALUES (timestamptz '2026-05-20 10:00')) d (at);
-- 30.00 on the last of the 30 days by 60 of the treatment, 10 of whom gave all of it back, and by who was merged; a day late by 10 more; 20.00 by 10 of the control
CREATE TEMP TABLE bought AS
SELECT g AS person, date '2026-06-19' AS day, 30 AS amount FROM generate_series(1, 60) g UNION ALL SELECT g, '2026-06-20', 30 FROM generate_series(61, 70) g
UNION ALL SELECT 401, '2026-06-05', 30 UNION ALL SELECT g, '2026-06-01', 20 FROM generate_series(301, 310) g UNION ALL SELECT g, '2026-06-01', 50 FROM generate_series(501, 900) g;
INSERT INTO crm.purchase_chunk (source_record_id, from_day, history)
SELECT 9885000 + b.person, '-infinity', crm._purchase_add(CASE WHEN b.person <= 10 THEN crm._purchase_add(NULL, ARRAY[b.day], ARRAY[b.day], ARRAY[b.amount * 100::bigint]) END,
    ARRAY[b.day], ARRAY[b.day + (b.person <= 10)::int * 5], ARRAY[b.amount * 100::bigint * CASE WHEN b.person <= 10 THEN -1 ELSE 1 END]) FROM bought b;
SELECT crm.purchase_net(p.history, '-infinity', 'infinity', 'infinity') AS given_back FROM crm.purchase_chunk p WHERE p.source_record_id = 9885001;
-- coupons of 5.00, of which the till took 3.00 off of ten, and of 10 percent, 6.00 each; one that nobody used, one of another flow
INSERT INTO crm.coupon_type (coupon_type, name_zh, name_en, kind, value, valid_days, rank) VALUES ('recall_5', 'r', 'r', 'amount', 5, 30, 1), ('recall_p', 'r', 'r', 'percent', 10, 30, 1);
INSERT INTO crm.coupon (customer_id, coupon_id, code, coupon_type, flow_id, value, state, issued_at, redeemed_at, valid_until)
SELECT 9885000 + g, 9885000 + g, 'rc' || g, CASE WHEN g <= 20 THEN 'recall_5' ELSE 'recall_p' END, CASE WHEN g = 27 THEN 9886 ELSE 9885 END, CASE WHEN g <= 20 THEN 5 ELSE 10 END,
       CASE WHEN g = 26 THEN 'issued' ELSE 'redeemed' END, '2026-05-20 10:00', CASE WHEN g <> 26 THEN timestamptz '2026-06-19 10:00' END, '2026-07-01' FROM generate_series(1, 27) g;
INSERT INTO crm.coupon_event (customer_id, coupon_id, at, coupon_event_id, kind, discount, actor)
SELECT 9885000 + g, 9885000 + g, '2026-06-19 10:00', 98850000 + g, 'redeemed', CASE WHEN g <= 10 THEN 3 WHEN g > 20 THEN 6 END, 'regress' FROM generate_series(1, 27) g WHERE g <> 26;
CREATE FUNCTION pg_temp.told(starts date, ends date) RETURNS TABLE (indicator text, value numeric, numerator numeric, denominator numeric, note text) LANGUAGE sql AS $$
    SELECT i.* FROM crm._report_indicators(NULL, starts, ends) i WHERE i.indicator IN ('recall', 'roi') ORDER BY 1 $$;
SELECT a.arm, a.persons, a.conversions, a.net::numeric(10, 2) FROM crm._report_arms('2026-05-02', '2026-05-31') a ORDER BY 1;
SELECT * FROM pg_temp.told('2026-06-01', '2026-06-30');
SELECT round(51 / 300.0 - 10 / 100.0, 4) AS recall, 51 * 30 - 200 / 100.0 * 300 AS gained, 10 * 3 + 10 * 5 + 5 * 6 AS cost, round((51 * 30 - 200 / 100.0 * 300) / 110, 4) AS roi, round(((51 * 30 - 200 / 100.0 * 300 + 110) * 0.4 - 110) / 110, 4) AS roi_of_a_margin;
UPDATE crm.room_setting SET value = '40' WHERE name = 'campaign.margin_percent';
SELECT * FROM pg_temp.told('2026-06-01', '2026-06-30') t WHERE t.indicator = 'roi';
UPDATE crm.room_setting SET value = '0' WHERE name = 'campaign.margin_percent';
-- who is held out of everything is in neither arm
SAVEPOINT held;
SELECT crm.campaign_hold_out(50) IS NOT NULL AS held;
SELECT sum(a.persons) = (SELECT count(*) FROM generate_series(9885001, 9885401) p WHERE p <> 9885300 AND NOT crm._campaign_is_held(p, 50)) AS others_only FROM crm._report_arms('2026-05-02', '2026-05-31') a;
ROLLBACK TO held;
-- what was only tried is on no board, and no rule finds it
SELECT c.treated, c.control, c.sent FROM (SELECT sum(x.treated) AS treated, sum(x.control) AS control, sum(x.sent) AS sent FROM crm._report_flow_counts(9885000, 9886000, '-infinity', 'infinity') x WHERE x.flow_id = 9885) c;
SELECT count(*) AS held_out, count(*) FILTER (WHERE p > 9885400) AS tried FROM crm._report_reached(NULL, 9885, 'control', 9885000, 1000) r, unnest(r) p;
SELECT count(*) AS held_out, count(*) FILTER (WHERE p > 9885400) AS tried FROM crm.rule_select('{"kind": "flow", "where": {"flow": "silence_recall", "arm": "control"}}') p;
-- behind the figures stand whom the flows chose, those of them who bought, whose coupons were issued, used; of a span, in pages
CREATE FUNCTION pg_temp.behind(key text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    n bigint := 0; last bigint := 0; page int;
BEGIN
    LOOP
        SELECT count(*), max((j ->> 'customer_id')::bigint) INTO page, last FROM crm.report_persons('indicator', key, NULL, NULL, last, 100) j;
        n := n + page;
        EXIT WHEN page < 100;
    END LOOP;
    RETURN n;
END $$;
SELECT crm.access_define_region('re_r', 'r') > 0 AS region, crm.access_define_store('re_1', 'one', 're_r') > 0 AS store;
SELECT key, pg_temp.behind(key) AS persons FROM unnest(ARRAY['recall.of.2026-06-15.2026-06-21', 'recall.met.2026-06-15.2026-06-21', 'roi.of.2026-06-15.2026-06-21', 'recall.of.2026-07-13.2026-07-19',
    'redemption.of.2026-05-21.2026-05-22', 'redemption.met.2026-05-21.2026-06-30', 'redemption.met.2026-05-21.2026-05-22']) WITH ORDINALITY k (key, n) ORDER BY n;
-- a coupon of who was merged since is the person's of today in a store's number, too
SAVEPOINT merged;
SELECT array_agg(i.customer_id ORDER BY i.customer_id) AS two FROM (SELECT DISTINCT i.customer_id FROM crm._report_issued(NULL, '2026-05-21', '2026-06-30', 'Asia/Shanghai') i WHERE i.is_redeemed ORDER BY 1 LIMIT 2) i \gset
UPDATE crm.customer c SET scope_store_ids = ARRAY[(SELECT s.store_id FROM crm.store s WHERE s.code = 're_1')] WHERE c.customer_id = ANY (:'two'::bigint[]);
CREATE FUNCTION pg_temp.redeemed() RETURNS TABLE (counted bigint, persons bigint) LANGUAGE sql AS $$
    SELECT (SELECT count(*) FROM crm._report_issued(ARRAY(SELECT s.store_id FROM crm.store s WHERE s.code = 're_1'), '2026-05-21', '2026-06-30', 'Asia/Shanghai') i WHERE i.is_redeemed),
           (SELECT count(*) FROM crm.report_persons('indicator', 'redemption.met.2026-05-21.2026-06-30', 're_1')) $$;
SELECT * FROM pg_temp.redeemed();
UPDATE crm.customer c SET status = 'merged', merged_into = (:'two'::bigint[])[1], scope_store_ids = '{}' WHERE c.customer_id = (:'two'::bigint[])[2];
SELECT * FROM pg_temp.redeemed();
ROLLBACK TO merged;
-- the week of whom nobody was chosen 30 days before
SELECT indicator, value, note FROM pg_temp.told('2026-07-13', '2026-07-19');

-- nights that the worker did not see leave no hole: whole weeks and months are frozen from the last frozen one on, each place of each once
DELETE FROM crm.indicator_snapshot;
CREATE FUNCTION pg_temp.freeze() RETURNS int LANGUAGE plpgsql AS $$
DECLARE
    calls int := 0;
BEGIN
    WHILE crm._report_indicators_job() > 0 LOOP
        calls := calls + 1;
    END LOOP;
    RETURN calls / (SELECT count(*) + 1 FROM crm.store);
END $$;
SELECT pg_temp.freeze() AS first_night, pg_temp.freeze() AS again;
SET LOCAL crm.core_clock = '2026-09-02T12:00:00+08:00';
SELECT pg_temp.freeze() AS after_two_months;
SELECT period, count(DISTINCT starts_on), min(starts_on), max(starts_on), count(*) = count(DISTINCT starts_on) * 12 AS whole FROM crm.indicator_snapshot WHERE store_id = 0 GROUP BY 1 ORDER BY 1;
SELECT crm._report_unfrozen('week', '2031-01-01') AS of_a_year_at_most \gset
SELECT cardinality(:'of_a_year_at_most'::date[]) AS weeks;
ROLLBACK;
