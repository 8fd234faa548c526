-- worker: what each rule costs that hears of facts, and rules put off: kept in the commit of the facts, done later, with the same outcome.
\set VERBOSITY terse
SET client_min_messages = warning;
SET datestyle = 'ISO';
SET timezone = 'Asia/Shanghai';
BEGIN;
SET LOCAL crm.core_clock = '2026-06-30T09:00:00+08:00';
SELECT set_config('crm.access_claims', '{"actor": "regress", "role": "crm_headquarters", "stores": [], "all": true}', true) <> '' AS claims;
SELECT crm.access_define_region('COST', '区') > 0 AS region, crm.access_define_store('COST1', '一店', 'COST', '上海') > 0 AS store,
       crm.ingest_define_source('cost_till', '收银', 'pos', '{"channel": "store"}') > 0 AS source;
SELECT length(crm.outbox_define_endpoint('cost_end', 'http://127.0.0.1:9/', NULL, '{"is_private_allowed": true}')) AS secret_length, crm.outbox_set_channel('sms', 'cost_end');
\i sql/shared/try_remedy.sql
SET LOCAL world.till = 'cost_till';
SET LOCAL world.store = 'COST1';
SET LOCAL world.phones = '137';
\i sql/shared/flow_world.sql
SELECT crm.campaign_create('cost_browse', 'browse', '{"holdout_percent": 0, "cap_messages": 99}') IS NOT NULL AS made, crm.campaign_start('cost_browse') ->> 'state' AS started;
CREATE FUNCTION pg_temp.catch_up() RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    rounds bigint := 0;
BEGIN
    WHILE crm._worker_catch_up() > 0 LOOP rounds := rounds + 1; END LOOP;
    RETURN rounds;
END $$;

-- 1. all that hears of facts is there, counted or not; what was done is counted by kind, what was not is not
SELECT crm.worker_count_anew();
SELECT rule, name, kind FROM crm.worker_costs() WHERE rule NOT LIKE 'flow:%' OR rule = 'flow:cost_browse';
SELECT pg_temp.member('a'), pg_temp.member('b'), pg_temp.purchase('a', '2026-06-01'), pg_temp.purchase('a', '2026-06-20'), pg_temp.event('a', 'product_view', crm.core_now() - interval '1 hour', 'P1');
SELECT rule, kind, calls, persons, total_ms >= 0 AS has_total, mean_ms > 0 AND longest_ms > 0 AND share BETWEEN 0 AND 1 AS has_time, is_put_off, waiting FROM crm.worker_costs()
WHERE kind = 'order' AND rule IN ('record', 'value', 'campaign', 'report') OR rule = 'flow:cost_browse' ORDER BY 1, 2;
SELECT crm.worker_count_anew();
SELECT count(*) AS counted FROM crm.worker_costs() WHERE kind IS NOT NULL;

-- 2. a rule that is put off leaves the order as it is, keeps what is to be done in its commit, and catches up
SELECT crm.worker_put_off('value', true) AS off, crm.worker_put_off('value', true) AS again;
SELECT pg_temp.purchase('b', '2026-06-25'), pg_temp.member('c'), pg_temp.purchase('c', '2026-06-26');
SELECT rule, kind, customer_ids = ARRAY[pg_temp.person('b')] AS of_b, is_history FROM crm.put_off_fact ORDER BY fact_id;
SELECT order_days AS b_before FROM crm.customer_value WHERE customer_id = pg_temp.person('b');
SELECT count(*) AS c_before FROM crm.customer_value WHERE customer_id = pg_temp.person('c');
SELECT rule, is_put_off, waiting, waits_since, put_off_by FROM crm.worker_costs() WHERE rule = 'value';
SELECT c.room, c.what, c.expected, c.found FROM crm.check() c WHERE c.room = 'worker';
SELECT finding, state, remedy FROM crm.doctor() WHERE finding LIKE 'rule %';
SELECT pg_temp.catch_up() >= 0 AS rounds;
SELECT count(*) AS wait, (SELECT count(*) FROM crm.worker_check()) AS told FROM crm.put_off_fact;
SELECT order_days AS b_after, net_minor FROM crm.customer_value WHERE customer_id = pg_temp.person('b');
SELECT order_days AS c_after FROM crm.customer_value WHERE customer_id = pg_temp.person('c');
SELECT count(*) AS differences FROM crm.value_check() WHERE what IN (SELECT format('person %s', pg_temp.person(n)) FROM unnest('{a,b,c}'::text[]) n);
SELECT calls, persons FROM crm.worker_costs() WHERE rule = 'value' AND kind = 'order';

-- 3. so does one flow alone, while the others of its room go on
SELECT crm.worker_put_off('value', false) ->> 'is_put_off' AS value_off, crm.worker_put_off('flow:cost_browse', true, 'k1') AS off, crm.worker_put_off('flow:cost_browse', true, 'k1') AS repeated;
SET LOCAL crm.core_clock = '2026-06-30T10:00:00+08:00';
SELECT pg_temp.event('b', 'product_view', crm.core_now() - interval '20 minutes', 'P1'), pg_temp.purchase('b', '2026-06-29');
SELECT order_days AS at_once FROM crm.customer_value WHERE customer_id = pg_temp.person('b');
SELECT count(*) AS under_way FROM crm.enrolment e WHERE e.customer_id = pg_temp.person('b');
SELECT rule, kind FROM crm.put_off_fact;
-- switched on again while something waits: it is still done, once
SELECT crm.worker_put_off('flow:cost_browse', false);
SELECT pg_temp.catch_up() >= 0 AS rounds, pg_temp.catch_up() AS nothing;
SELECT count(*) AS under_way FROM crm.enrolment e WHERE e.customer_id = pg_temp.person('b');
SELECT pg_temp.event('c', 'product_view', crm.core_now() - interval '10 minutes', 'P2');
SELECT (SELECT count(*) FROM crm.put_off_fact) AS wait, (SELECT count(*) FROM crm.enrolment e WHERE e.customer_id = pg_temp.person('c')) AS under_way;

-- 4. who was merged away or forgotten meanwhile: the survivor is looked at, nobody else
SELECT crm.worker_put_off('value', true) ->> 'waiting' AS waiting;
SELECT pg_temp.purchase('c', '2026-06-30');
INSERT INTO crm.put_off_fact VALUES (1, 'value', 'order', '{1}', false, crm.core_now()), (2, 'flow:gone', 'event', ARRAY[pg_temp.person('c')], false, crm.core_now());
SELECT pg_temp.catch_up() >= 0 AS rounds;
SELECT order_days FROM crm.customer_value WHERE customer_id = pg_temp.person('c');
SELECT crm.worker_put_off('value', false) ->> 'is_put_off' AS off;
SELECT count(*) AS rules_off FROM crm.put_off_rule;

-- 5. refused
SELECT pg_temp.try($$crm.worker_put_off('nothing', true)$$) AS unknown, pg_temp.try($$crm.worker_put_off(NULL, true)$$) AS none, pg_temp.try($$crm.worker_put_off('value', NULL)$$) AS unsaid, pg_temp.try($$crm.worker_put_off('flow:none', true)$$) AS no_flow;
SELECT action, object_kind, field, old_value, new_value, reason FROM crm.audit WHERE object_kind = 'put_off_rule' ORDER BY audit_id;
ROLLBACK;
