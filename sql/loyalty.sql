-- loyalty: coupons are issued, redeemed once, one an order, taken back, and expire; what an older system issued is known.
\set VERBOSITY terse
SET client_min_messages = warning;
SET datestyle = 'ISO';
SET timezone = 'Asia/Shanghai';
BEGIN;
SET LOCAL crm.core_clock = '2026-06-30T12:00:00+08:00';
SELECT set_config('crm.access_claims', '{"actor": "regress", "role": "crm_headquarters", "stores": [], "all": true}', true) <> '' AS claims;
INSERT INTO crm.source (source_id, code, name, kind, created_at) VALUES
    (9601, 'loyalty_till', 'till', 'pos', '2026-01-01'), (9602, 'loyalty_shop', 'shop', 'shop_platform', '2026-01-01');
INSERT INTO crm.customer (customer_id, status, registered_at, registered_on, updated_at)
SELECT 960200 + g, 'active', '2026-01-01', '2026-01-01', '2026-01-01' FROM generate_series(1, 4) g;
-- what a call answers, or its fault: code, field, remedy
\i sql/shared/try_remedy.sql
CREATE FUNCTION pg_temp.coupon(person int, type text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    id bigint := crm._loyalty_issue(960200 + person, type, NULL, NULL);
BEGIN
    RETURN (SELECT c.code FROM crm.coupon c WHERE c.customer_id = 960200 + person AND c.coupon_id = id);
END $$;

-- 1. codes hold both ids, however they are typed; invented ones lead nowhere
SELECT pg_temp.coupon(1, 'welcome_5') AS code \gset
SELECT (crm._loyalty_ids(:'code')).customer_id, (crm._loyalty_ids(lower(replace(:'code', '-', ' ')))).customer_id AS typed,
       (crm._loyalty_ids('AAAA-AAAA-AAAA')).customer_id AS invented, (crm._loyalty_ids('')).coupon_id AS empty, (crm._loyalty_ids(repeat('9', 1000))).coupon_id AS long;
SELECT count(*) FILTER (WHERE i.customer_id = 960201) AS led_by_a_mistyped_code
FROM generate_series(1, length(:'code')) n, crm._loyalty_ids(overlay(:'code' PLACING CASE WHEN substr(:'code', n, 1) = '7' THEN '8' ELSE '7' END FROM n FOR 1)) i
WHERE substr(:'code', n, 1) <> '-';
SELECT pg_temp.try('crm._loyalty_code(0, 1)'), pg_temp.try('crm._loyalty_code(1, 9007199254740993)');
-- valid to the end of the last local day
SELECT issued_at, valid_until, state, value FROM crm.coupon WHERE customer_id = 960201;
SELECT pg_temp.try($$crm._loyalty_issue(960201, 'no such type', NULL, NULL)$$);

-- 2. redeem: the discount; the same order again is the same redemption; another order, another coupon are refused
SELECT crm.loyalty_redeem(:'code', 'loyalty_till', 'T1', NULL, 59.00, 'key-1') - 'code' AS redeemed;
SELECT crm.loyalty_redeem(:'code', 'loyalty_till', 'T1', NULL, 59.00, 'key-1') - 'code' AS replayed;
SELECT crm.loyalty_redeem(:'code', 'loyalty_till', 'T1', NULL, 59.00) ->> 'repeated' AS repeated;
SELECT x ->> 'repeated' AS repeated, x ->> 'discount' AS as_was_taken, x ->> 'amount' AS of_then FROM crm.loyalty_redeem(:'code', 'loyalty_till', 'T1', NULL, 2.00) x;
SELECT pg_temp.try(format('crm.loyalty_redeem(%L, %L, %L, NULL, 1, %L)', :'code', 'loyalty_till', 'T1', 'key-1')) AS key_of_another_call;
SELECT pg_temp.try(format('crm.loyalty_redeem(%L, %L, %L, NULL, 59)', :'code', 'loyalty_till', 'T2')) AS double_redemption;
SELECT pg_temp.coupon(2, 'wake_up_90') AS second \gset
SELECT pg_temp.try(format('crm.loyalty_redeem(%L, %L, %L, NULL, 59)', :'second', 'loyalty_till', 'T1')) AS one_an_order;
SELECT crm.loyalty_redeem(:'second', 'loyalty_shop', 'T1', NULL, 33.33) ->> 'discount' AS ten_percent;   -- another source's T1 is another order
SELECT pg_temp.coupon(3, 'birthday_shipping') AS third \gset
SELECT crm.loyalty_redeem(:'third', 'loyalty_till', 'T3', NULL, 3) ->> 'discount' AS shipping_takes_nothing_off;
SELECT crm.loyalty_redeem(pg_temp.coupon(3, 'welcome_5'), 'loyalty_till', 'T4', NULL, 3) ->> 'discount' AS never_more_than_the_amount;
-- what is wrong with a call names its field
SELECT pg_temp.try(format('crm.loyalty_redeem(%L, %L, %L, %L, %s)', c.code, c.source, c.no, c.store, c.amount)) AS fault
FROM (VALUES (1, '7777-7777', 'loyalty_till', 'T9', NULL, '9'), (2, :'code', 'nowhere', 'T9', NULL, '9'), (3, :'code', 'loyalty_till', 'T9', 'nowhere', '9'),
             (4, :'code', 'loyalty_till', '', NULL, '9'), (5, :'code', 'loyalty_till', 'T9', NULL, '-1'), (6, :'code', 'loyalty_till', 'T9', NULL, $$'NaN'$$),
             (7, NULL, 'loyalty_till', 'T9', NULL, '9'), (8, :'code', NULL, 'T9', NULL, '9')) c (n, code, source, no, store, amount) ORDER BY n;
UPDATE crm.coupon_type SET minimum_amount = 50 WHERE coupon_type = 'welcome_5';
SELECT pg_temp.coupon(4, 'welcome_5') AS fourth \gset
SELECT pg_temp.try(format('crm.loyalty_redeem(%L, %L, %L, NULL, 49.99)', :'fourth', 'loyalty_till', 'T5')) AS below_minimum,
       crm.loyalty_redeem(:'fourth', 'loyalty_till', 'T5', NULL, 50) ->> 'state' AS at_minimum;
UPDATE crm.coupon_type SET minimum_amount = 0 WHERE coupon_type = 'welcome_5';
-- a till's key acts for its own source alone
SELECT set_config('crm.access_claims', '{"actor": "till", "role": "crm_till", "source": "loyalty_till", "stores": [], "all": true}', true) <> '' AS claims;
SELECT pg_temp.try(format('crm.loyalty_redeem(%L, %L, %L, NULL, 59)', :'code', 'loyalty_shop', 'T6')) AS foreign_source;
SELECT pg_temp.try(format('crm.loyalty_cancel_redemption(%L, %L, %L)', :'second', 'T1', 'mine?')) AS foreign_redemption;
SELECT set_config('crm.access_claims', '{"actor": "regress", "role": "crm_headquarters", "stores": [], "all": true}', true) <> '' AS claims;

-- 3. cancel: usable again for the rest of its time, the order is free again
SELECT pg_temp.try(format('crm.loyalty_cancel_redemption(%L, %L, %L)', :'code', 'T2', 'wrong order')) AS not_by_this_order;
SELECT crm.loyalty_cancel_redemption(:'code', 'T1', 'order cancelled', 'key-2') - 'code' AS cancelled;
SELECT crm.loyalty_cancel_redemption(:'code', 'T1', 'order cancelled', 'key-2') - 'code' AS replayed;
SELECT pg_temp.try(format('crm.loyalty_cancel_redemption(%L, %L, NULL)', :'code', 'T1')) AS only_once;
SELECT crm.loyalty_redeem(:'code', 'loyalty_till', 'T1', NULL, 20) ->> 'state' AS and_again;
SELECT kind, order_external_id, amount, discount, reason, actor FROM crm.coupon_event WHERE customer_id = 960201 ORDER BY coupon_event_id;

-- 4. time: usable to the last moment of the last day, then expired, also when taken back late
SELECT pg_temp.coupon(2, 'welcome_5') AS fifth, pg_temp.coupon(2, 'welcome_5') AS sixth \gset
SET LOCAL crm.core_clock = '2026-07-30T23:59:59+08:00';
SELECT crm.loyalty_redeem(:'fifth', 'loyalty_till', 'T7', NULL, 20) ->> 'state' AS last_second;
SET LOCAL crm.core_clock = '2026-07-31T00:00:00+08:00';
SELECT pg_temp.try(format('crm.loyalty_redeem(%L, %L, %L, NULL, 20)', :'sixth', 'loyalty_till', 'T8')) AS a_second_later;
SELECT crm.loyalty_cancel_redemption(:'fifth', 'T7', 'too late') - 'code' AS taken_back_late;
SELECT crm._loyalty_expire() AS more, count(*) FILTER (WHERE state = 'expired') AS expired, count(*) FILTER (WHERE state = 'issued') AS open
FROM crm.coupon WHERE customer_id BETWEEN 960201 AND 960204;
SELECT state, count(*) FROM crm.coupon WHERE customer_id BETWEEN 960201 AND 960204 GROUP BY 1 ORDER BY 1;
SET LOCAL crm.core_clock = '2026-06-30T12:00:00+08:00';

-- 5. an equal or better offer: held, or redeemed in the last days; under any id of the person
SELECT pg_temp.coupon(4, 'birthday_shipping') IS NOT NULL AS held;
SELECT crm._loyalty_has_equal_or_better(960204, t, 30) AS has, t FROM (VALUES ('welcome_5'), ('birthday_shipping'), ('wake_up_90')) v (t);
UPDATE crm.customer SET status = 'merged', merged_into = 960202 WHERE customer_id = 960204;
SELECT crm._loyalty_has_equal_or_better(960202, 'birthday_shipping', 30) AS by_the_other_id, count(*) AS coupons_of_both FROM crm.loyalty_coupons(960204);
SELECT k ->> 'state' AS state, k ->> 'coupon_type' AS coupon_type, k ->> 'value' AS value FROM crm.loyalty_coupons(960202) k;
SELECT pg_temp.try('crm.loyalty_coupons(960299)') AS nobody;

-- 6. coupons of an older system: by code or name of the type; a repeat changes nothing, a correction does
CREATE FUNCTION pg_temp.fact(n int, no text, person int, type text, state text, redeemed_at timestamptz DEFAULT NULL, order_no text DEFAULT NULL)
RETURNS crm.coupon_fact LANGUAGE sql AS $$
    SELECT ROW(n, 9602, no, NULL, 960200 + person, type, timestamptz '2026-05-01', NULL, state, redeemed_at, order_no, true,
               sha256(convert_to(concat_ws('|', no, person, type, state, redeemed_at, order_no), 'UTF8')), crm.core_now(), 1, n)::crm.coupon_fact $$;
SELECT ordinal, outcome, customer_id FROM crm._loyalty_store_coupons(ARRAY[pg_temp.fact(1, 'OLD-1', 1, '5元券', 'issued'),
    pg_temp.fact(2, 'OLD-2', 1, 'wake_up_90', NULL, '2026-06-15', 'O-77'), pg_temp.fact(3, 'OLD-3', 1, 'no such', 'issued'), pg_temp.fact(4, 'OLD-4', 99, 'welcome_5', 'issued')]) ORDER BY ordinal;
SELECT ordinal, outcome FROM crm._loyalty_store_coupons(ARRAY[pg_temp.fact(1, 'OLD-1', 1, '5元券', 'issued'), pg_temp.fact(2, 'OLD-2', 1, 'wake_up_90', 'cancelled')]) ORDER BY ordinal;
SELECT code, coupon_type, state, issued_at, valid_until, redeeming_order, is_history FROM crm.coupon WHERE customer_id = 960201 AND is_history ORDER BY code;
SELECT ordinal, outcome FROM crm._loyalty_store_coupons('{}');
-- redeemed under its source by somebody who may name one, and taken back by its code alone; a code of two sources is nobody's without its source
SAVEPOINT two_sources;
UPDATE crm.coupon SET state = 'issued', valid_until = crm.core_now() + interval '1 day' WHERE code = 'OLD-1';
SELECT crm.loyalty_redeem('OLD-1', 'loyalty_shop', 'T-OLD', NULL, 99) ->> 'state' AS redeemed, crm.loyalty_cancel_redemption('OLD-1', 'T-OLD', 'order cancelled') ->> 'state' AS taken_back;
-- and at the counter, whose pages show it as usable and name themselves as the order's source
SELECT crm.loyalty_redeem('OLD-1', 'console', 'T-OLD-2', NULL, 99) ->> 'state' AS at_the_counter, crm.loyalty_cancel_redemption('OLD-1', 'T-OLD-2', 'order cancelled') ->> 'state' AS taken_back_there;
SELECT crm.ingest_define_source('loyalty_other', 'other', 'pos') > 0 AS other;
INSERT INTO crm.external_key (source_id, kind, external_id, source_record_id, fact_id, content_hash, received_at)
SELECT s.source_id, k.kind, k.external_id, k.source_record_id, k.fact_id + 1, '', k.received_at FROM crm.source s, crm.external_key k WHERE s.code = 'loyalty_other' AND k.kind = 6 AND k.external_id = 'OLD-1';
SELECT crm._loyalty_find('OLD-1', NULL) AS of_two, (crm._loyalty_find('OLD-1', 9602)).coupon_id IS NOT NULL AS of_its_source;
ROLLBACK TO two_sources;

-- 7. a coupon that nobody was told of is withdrawn
SELECT crm._loyalty_issue(960203, 'welcome_5', 1, 'once') > 0 AS issued;
SELECT crm._loyalty_void(960203, 1, 'once', 'opted out'), crm._loyalty_void(960203, 1, 'once', 'again');
SELECT c.state, e.kind, e.reason FROM crm.coupon c JOIN crm.coupon_event e USING (customer_id, coupon_id) WHERE c.flow_id = 1 AND c.customer_id = 960203;
SELECT pg_temp.try(format('crm.loyalty_redeem(%L, %L, %L, NULL, 20)', c.code, 'loyalty_till', 'T10')) AS withdrawn
FROM crm.coupon c WHERE c.flow_id = 1 AND c.customer_id = 960203;
SELECT jsonb_array_length(crm._loyalty_on_export(960202) -> 'coupons') AS exported;
SELECT * FROM crm.loyalty_check() WHERE what LIKE '%T%';
UPDATE crm.coupon SET state = 'issued' WHERE customer_id = 960203 AND redeeming_order = 'T3';
SELECT what, found FROM crm.loyalty_check() WHERE what LIKE '%T3%';
-- claims: so many in all, so many a person, a replay is the same claim
SELECT pg_temp.try($$crm.loyalty_claim(960201, 'welcome_5')$$) AS not_open;
SELECT crm.loyalty_set_claims('welcome_5', true, 2, 1) AS opened;
SELECT crm.loyalty_claim(960201, 'welcome_5', 'c1') ->> 'state' AS first, crm.loyalty_claim(960201, 'welcome_5', 'c1') ->> 'state' AS replayed,
       pg_temp.try($$crm.loyalty_claim(960201, 'welcome_5')$$) AS enough;
SELECT crm.loyalty_claim(960203, 'welcome_5') ->> 'state' AS last, pg_temp.try($$crm.loyalty_claim(960204, 'welcome_5')$$) AS gone;
SELECT claimed FROM crm.coupon_type WHERE coupon_type = 'welcome_5';
SELECT pg_temp.try($$crm.loyalty_set_claims('welcome_5', true, -1)$$) AS below_zero, pg_temp.try($$crm.loyalty_set_claims('nothing', true)$$) AS unknown;
ROLLBACK;
