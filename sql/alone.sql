-- alone: customers and notes are enough. Nothing of flows, sending, points, coupons or segments has to be set up or switched on, nothing of them
-- happens, and their jobs may be off; what is wanted later is switched on over the persons that are there.
\set VERBOSITY terse
SET client_min_messages = warning;
SET datestyle = 'ISO';
SET timezone = 'UTC';
BEGIN;
SET LOCAL crm.core_clock = '2026-04-01T10:00:00+08:00';
-- the rooms above customers, orders and notes are quiet
UPDATE crm.job SET is_active = false WHERE split_part(job, '.', 1) IN ('value', 'segment', 'loyalty', 'outbox', 'campaign', 'sales', 'report', 'rule');
SELECT count(*) AS flows_on FROM crm.flow WHERE state <> 'draft';
SELECT crm.access_define_region('alone', 'r') > 0 AS region, crm.access_define_store('alone_s', 'store', 'alone') AS store \gset
SELECT crm.access_define_staff('alone_c', 'clerk', 'crm_clerk', '{store:alone_s}') AS clerk \gset
SELECT crm.ingest_define_source('alone', '表', 'spreadsheet', '{}') > 0 AS source;
CREATE FUNCTION pg_temp.kept() RETURNS TABLE (points bigint, coupons bigint, messages bigint, firings bigint, tasks bigint) LANGUAGE sql STABLE AS $$
    SELECT (SELECT count(*) FROM crm.points_entry), (SELECT count(*) FROM crm.coupon), (SELECT count(*) FROM crm.outbox), (SELECT count(*) FROM crm.occurrence), (SELECT count(*) FROM crm.task) $$;
SELECT * FROM pg_temp.kept() \gset before_

-- 1. a table of customers, and a record of what was said with them
SELECT (crm.ingest_member('alone', convert_to(format('{"external_id": "L%s", "name": "李%s", "phone": "1386724190%s", "store_code": "alone_s", "registered_at": "2026-04-01T09:00:00+08:00"}', n, substr('一二三', n, 1), n), 'UTF8'))).status
FROM generate_series(1, 3) n;
SELECT (crm.ingest_interaction('alone', convert_to('{"external_id": "N1", "member_external_id": "L1", "occurred_at": "2026-04-01T09:30:00+08:00", "channel": "call", "direction": "out", "body": "问了新品"}', 'UTF8'))).status AS note;
SELECT set_config('crm.access_claims', json_build_object('actor', 'alone_c', 'staff_id', :clerk, 'role', 'crm_clerk', 'stores', ARRAY[:store], 'all', false)::text, true) <> '' AS clerk;
SELECT (crm.identity_lookup('phone', '138 6724 1901') ->> 'customer_id')::bigint AS person \gset
SELECT p ->> 'name' AS name, p #>> '{timeline,0,kind}' AS last, p #>> '{timeline,0,text}' AS said, p -> 'coupons' AS coupons, p ->> 'points' AS points, p -> 'level' AS level FROM crm.report_person(:person) p;
SELECT j ->> 'name' AS found FROM crm.identity_search('李', 10) j ORDER BY 1;
SELECT set_config('crm.access_claims', '', true) = '' AS nobody;
SELECT k.points - :before_points AS points, k.coupons - :before_coupons AS coupons, k.messages - :before_messages AS messages, k.firings - :before_firings AS firings, k.tasks - :before_tasks AS tasks FROM pg_temp.kept() k;

-- 2. purchases come later, and later yet points and a flow, for who was there from the beginning
SELECT (crm.ingest_order('alone', convert_to('{"external_id": "O1", "member_external_id": "L1", "ordered_at": "2026-04-01T09:50:00+08:00", "amount": "100.00", "store_code": "alone_s"}', 'UTF8'))).status AS bought;
SELECT v.order_days, v.net_minor FROM crm.customer_value v WHERE v.customer_id = :person;
SELECT crm.loyalty_points(:person) ->> 'available' AS points FROM (SELECT set_config('crm.access_claims', '{"actor": "regress", "role": "crm_headquarters", "stores": [], "all": true}', true)) c;
SELECT crm.loyalty_define_points('spend', '{"is_active": true, "valid_from": "2026-04-01T10:00:01+08:00"}') ->> 'code' AS points_on;
SET LOCAL crm.core_clock = '2026-04-02T10:00:00+08:00';
SELECT set_config('crm.access_claims', '', true) = '' AS nobody;
SELECT (crm.ingest_order('alone', convert_to('{"external_id": "O2", "member_external_id": "L1", "ordered_at": "2026-04-02T09:50:00+08:00", "amount": "30.00", "store_code": "alone_s"}', 'UTF8'))).status AS bought;
SELECT j ->> 'available' AS points, j #>> '{lots,0,expires_at}' AS until FROM crm.loyalty_points(:person) j;
-- (the clock shows a day that has no partition)
SELECT * FROM crm.check() WHERE what NOT LIKE 'rows of crm.% past their partitions';
ROLLBACK;
