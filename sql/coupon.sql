-- coupon: types as a marketer defines them, pools of foreign codes each given once, reservations, coupons given away, validity, withdrawal.
\set VERBOSITY terse
SET client_min_messages = warning;
SET datestyle = 'ISO';
SET timezone = 'Asia/Shanghai';
BEGIN;
SET LOCAL crm.core_clock = '2026-06-30T12:00:00+08:00';
SELECT set_config('crm.access_claims', '{"actor": "regress", "role": "crm_headquarters", "stores": [], "all": true}', true) <> '' AS claims;
INSERT INTO crm.source (source_id, code, name, kind, created_at) VALUES (9611, 'coupon_till', 'till', 'pos', '2026-01-01'), (9612, 'coupon_shop', 'shop', 'shop_platform', '2026-01-01');
INSERT INTO crm.customer (customer_id, status, registered_at, registered_on, updated_at)
SELECT 961200 + g, 'active', '2026-01-01', '2026-01-01', '2026-01-01' FROM generate_series(1, 4) g;
\i sql/shared/try_remedy.sql
CREATE FUNCTION pg_temp.coupon(person int, type text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    id bigint := crm._loyalty_issue(961200 + person, type, NULL, NULL);
BEGIN
    RETURN (SELECT c.code FROM crm.coupon c WHERE c.customer_id = 961200 + person AND c.coupon_id = id);
END $$;
CREATE FUNCTION pg_temp.held(person int) RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(j ->> 'coupon_type' || ' ' || (j ->> 'state'), ', ' ORDER BY j ->> 'coupon_type', j ->> 'state') FROM crm.loyalty_coupons(961200 + person) j
$$;

-- 1. a type is made and changed; what is out keeps its value; faults name their field
SELECT crm.loyalty_define_coupon('gift_20', '{"name_zh": "20元券", "kind": "amount", "value": 20, "minimum_amount": 100, "valid_days": 10, "is_transferable": true}') AS made;
SELECT pg_temp.coupon(1, 'gift_20') AS gift \gset
SELECT crm.loyalty_define_coupon('gift_20', '{"value": 25}') ->> 'value' AS now_worth, (SELECT value FROM crm.coupon WHERE code = :'gift') AS but_this;
SELECT pg_temp.try(format('crm.loyalty_define_coupon(%L, %L)', v.code, v.spec)) AS fault
FROM (VALUES (1, 'x y', '{}'), (2, 'a', '{"colour": 1}'), (3, 'a', '{}'), (4, 'a', '{"kind": "percent", "value": 101}'), (5, 'a', '{"kind": "amount", "value": 5, "valid_days": -1}'),
             (6, 'a', '{"kind": "amount", "value": "NaN"}'), (7, NULL, '{"kind": "amount", "value": 1}'), (8, 'a', '[1]'), (9, 'a', '"x"')) v (n, code, spec) ORDER BY n;

-- 2. a pool: each code once, in the order they came, however it is typed; an empty pool is an error and an alert
SELECT crm.loyalty_define_coupon('cinema', '{"name_zh": "电影票", "kind": "amount", "value": 30, "is_pooled": true, "pool_low": 1, "is_transferable": true}') ->> 'is_pooled' AS pooled;
SELECT crm.loyalty_load_codes('cinema', '{ABCD-0001,abcd0001,ABCD-0002}') AS loaded, crm.loyalty_load_codes('cinema', '{ABCD 0002, ABCD-0003}') AS more;
SELECT count(*) AS alerts FROM crm.alert WHERE kind = 'loyalty.pool' AND closed_at IS NULL;
SELECT pg_temp.try(format('crm.loyalty_load_codes(%L, %L)', v.type, v.codes)) AS fault
FROM (VALUES (1, 'gift_20', '{AAAA1}'), (2, 'cinema', '{}'), (3, 'cinema', '{abc}'), (4, 'cinema', ARRAY[:'gift']::text), (5, 'cinema', '{NULL}')) v (n, type, codes) ORDER BY n;
SELECT pg_temp.coupon(1, 'cinema') AS first, pg_temp.coupon(2, 'cinema') AS second;
SELECT crm._loyalty_pools();
SELECT (SELECT detail FROM crm.alert WHERE kind = 'loyalty.pool' AND closed_at IS NULL) AS alert;
SELECT pg_temp.coupon(3, 'cinema') AS third, crm._loyalty_has_stock('cinema') AS more, crm._loyalty_has_stock('gift_20') AS ours_are_endless;
SELECT pg_temp.try($$crm._loyalty_issue(961201, 'cinema', NULL, NULL)$$) AS empty;
SELECT crm.loyalty_redeem('abcd 0002', 'coupon_till', 'P1', NULL, 80) - 'redeemed_at' AS redeemed;
SELECT pg_temp.try($$crm.loyalty_redeem('ABCD0002', 'coupon_till', 'P2', NULL, 80)$$) AS twice, pg_temp.try($$crm.loyalty_redeem('ABCD0009', 'coupon_till', 'P2', NULL, 80)$$) AS unknown;
SELECT crm.loyalty_load_codes('cinema', ARRAY(SELECT 'N-' || g FROM generate_series(1000, 1004) g)) ->> 'free' AS free, (SELECT count(*) FROM crm.alert WHERE kind = 'loyalty.pool' AND closed_at IS NULL) AS open_alerts;
SELECT j ->> 'coupon_type' AS type, j ->> 'free' AS free FROM crm.loyalty_coupon_types() j WHERE j ->> 'coupon_type' IN ('cinema', 'gift_20') ORDER BY 1;

-- 3. reserved for an order: nobody else's until it is over; the order itself commits it, even past its last day
SELECT crm.loyalty_reserve(:'gift', 'coupon_till', 'R1', 150, 30) - 'code' AS held;
SELECT pg_temp.try(format('crm.loyalty_redeem(%L, %L, %L, NULL, 150)', :'gift', 'coupon_till', 'R2')) AS another_order,
       pg_temp.try(format('crm.loyalty_reserve(%L, %L, %L, 150)', :'gift', 'coupon_shop', 'R1')) AS another_source,
       pg_temp.try(format('crm.loyalty_give(%L, 961202)', :'gift')) AS given_away, pg_temp.try(format('crm.loyalty_withdraw(%L, %L)', :'gift', 'x')) AS withdrawn;
SELECT pg_temp.try(format('crm.loyalty_release(%L, %L, %L)', :'gift', 'coupon_till', 'R2')) AS not_its_order;
SELECT pg_temp.coupon(4, 'gift_20') AS second \gset
SELECT pg_temp.try(format('crm.loyalty_reserve(%L, %L, %L, 150)', :'second', 'coupon_till', 'R1')) AS a_second_of_the_order;
SELECT crm.loyalty_release(:'gift', 'coupon_till', 'R1', 'given up') - 'code' AS released, crm.loyalty_reserve(:'gift', 'coupon_till', 'R2', 150, 5) ->> 'reserved_until' AS again;
SET LOCAL crm.core_clock = '2026-06-30T12:04:59+08:00';
SELECT pg_temp.try(format('crm.loyalty_reserve(%L, %L, %L, 150)', :'gift', 'coupon_till', 'R3')) AS still_held;
SELECT crm.loyalty_reserve(:'second', 'coupon_till', 'R1', 150, 5) ->> 'state' AS free_again, crm.loyalty_release(:'second', 'coupon_till', 'R1') ->> 'state' AS released;
SET LOCAL crm.core_clock = '2026-06-30T12:05:00+08:00';
SELECT crm.loyalty_reserve(:'gift', 'coupon_till', 'R3', 150) ->> 'order' AS lapsed;
SET LOCAL crm.core_clock = '2026-07-10T23:59:00+08:00';
SELECT crm.loyalty_reserve(:'gift', 'coupon_till', 'R3', 150) ->> 'reserved_until' AS until;
SET LOCAL crm.core_clock = '2026-07-11T00:05:00+08:00';
SELECT crm._loyalty_expire();
SELECT state AS not_while_reserved FROM crm.coupon WHERE code = :'gift';
SELECT crm.loyalty_redeem(:'gift', 'coupon_till', 'R3', NULL, 150) ->> 'discount' AS committed;
SELECT pg_temp.try(format('crm.loyalty_reserve(%L, %L, %L, 150)', :'gift', 'coupon_till', 'R4')) AS used,
       pg_temp.try(format('crm.loyalty_reserve(%L, %L, %L, 150)', pg_temp.coupon(1, 'gift_20'), 'coupon_till', 'R3')) AS one_an_order,
       pg_temp.try(format('crm.loyalty_reserve(%L, %L, %L, 99)', pg_temp.coupon(1, 'gift_20'), 'coupon_till', 'R5')) AS below;
SELECT pg_temp.try(format('crm.loyalty_reserve(%L, %L, %L, 150, %s)', v.code, 'coupon_till', v.no, v.minutes)) AS fault
FROM (VALUES (1, 'ZZZZ', 'R6', '5'), (2, :'gift', '', '5'), (3, :'gift', 'R6', '0'), (4, :'gift', 'R6', 'NULL')) v (n, code, no, minutes) ORDER BY n;
-- 4. given away: the giver's ends, the receiver's begins with the same end; a foreign code goes along; each once
SET LOCAL crm.core_clock = '2026-06-30T13:00:00+08:00';
SELECT pg_temp.coupon(2, 'gift_20') AS mine \gset
SELECT crm.loyalty_give(:'mine', 961203, 'g1') AS given \gset
SELECT (:'given'::jsonb - 'code') AS given, :'given'::jsonb ->> 'code' <> :'mine' AS another_code, crm.loyalty_give(:'mine', 961203, 'g1') = :'given' AS replayed;
SELECT pg_temp.try(format('crm.loyalty_give(%L, 961204)', :'mine')) AS again, pg_temp.try(format('crm.loyalty_redeem(%L, %L, %L, NULL, 150)', :'mine', 'coupon_till', 'G1')) AS the_old_code;
SELECT pg_temp.try(format('crm.loyalty_give(%L, 961203)', :'given'::jsonb ->> 'code')) AS to_oneself, pg_temp.try(format('crm.loyalty_give(%L, 1)', :'given'::jsonb ->> 'code')) AS to_nobody,
       pg_temp.try(format('crm.loyalty_give(%L, 961203)', pg_temp.coupon(1, 'welcome_5'))) AS of_another_type;
SELECT crm.loyalty_redeem(:'given'::jsonb ->> 'code', 'coupon_till', 'G1', NULL, 150) ->> 'discount' AS redeemed;
SELECT crm.loyalty_give('abcd-0003', 961204) AS foreign_code;
SELECT crm.loyalty_redeem('ABCD0003', 'coupon_till', 'G2', NULL, 150) ->> 'discount' AS redeemed, pg_temp.held(3) AS giver, pg_temp.held(4) AS receiver;
SELECT kind FROM crm.coupon_event WHERE customer_id = 961202 ORDER BY coupon_event_id;

-- 5. validity moves, an expired one opens again, one withdrawn stays so
SELECT pg_temp.coupon(2, 'gift_20') AS v \gset
SELECT crm.loyalty_set_validity(:'v', '2026-06-29', 'mistake') - 'code' AS over;
SELECT pg_temp.try(format('crm.loyalty_redeem(%L, %L, %L, NULL, 150)', :'v', 'coupon_till', 'V1')) AS expired;
SELECT crm.loyalty_set_validity(:'v', '2026-12-31', 'goodwill') - 'code' AS open_again;
SELECT pg_temp.try(format('crm.loyalty_set_validity(%L, %L, %L)', v.code, v.day, v.reason)) AS fault
FROM (VALUES (1, :'v', 'infinity', 'x'), (2, :'v', '2026-12-31', ' '), (3, 'ZZZZ', '2026-12-31', 'x'), (4, :'gift', '2026-12-31', 'x'), (5, :'v', '2026-12-31', repeat('x', 501))) v (n, code, day, reason) ORDER BY n;
SELECT crm.loyalty_withdraw(:'v', 'lost') ->> 'state' AS withdrawn, crm.loyalty_withdraw(:'v', 'lost') ->> 'state' AS again,
       pg_temp.try(format('crm.loyalty_set_validity(%L, %L, %L)', :'v', '2027-01-01', 'x')) AS for_ever, pg_temp.try(format('crm.loyalty_withdraw(%L, %L)', :'gift', 'x')) AS used;
-- 6. time
-- a reservation whose time is over holds nothing past the last day
SET LOCAL crm.core_clock = '2026-07-21T23:50:00+08:00';
SELECT pg_temp.coupon(4, 'gift_20') AS late \gset
SET LOCAL crm.core_clock = '2026-07-31T23:55:00+08:00';
SELECT crm.loyalty_reserve(:'late', 'coupon_till', 'L1', 150, 10) ->> 'state' AS held;
SET LOCAL crm.core_clock = '2026-08-01T00:05:00+08:00';
SELECT pg_temp.try(format('crm.loyalty_redeem(%L, %L, %L, NULL, 150)', :'late', 'coupon_till', 'L1')) AS over, crm._loyalty_expire();
SELECT state FROM crm.coupon WHERE code = :'late';
SELECT * FROM crm.loyalty_check();
ROLLBACK;
