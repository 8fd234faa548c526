-- points: earned by orders as they stand, used first-expiring first, owed when refunded after use, merged and parted with their records, each once.
\set VERBOSITY terse
SET client_min_messages = warning;
SET datestyle = 'ISO';
SET timezone = 'Asia/Shanghai';
BEGIN;
SET LOCAL crm.core_clock = '2026-06-01T12:00:00+08:00';
SELECT set_config('crm.access_claims', '{"actor": "regress", "role": "crm_headquarters", "stores": [], "all": true}', true) <> '' AS claims;
SELECT crm.ingest_define_source('pts_till', 'till', 'pos', '{"channel": "store"}') IS NOT NULL AS source;
\i sql/shared/try_remedy.sql
CREATE FUNCTION pg_temp.send(entity text, body jsonb) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    r crm.intake_result;
BEGIN
    EXECUTE format('SELECT * FROM crm.ingest_%s($1, $2)', entity) INTO r USING 'pts_till', convert_to(body::text, 'UTF8');
    IF r.status >= 300 THEN
        RAISE EXCEPTION 'intake: % % % %', r.status, r.code, r.field, r.remedy;
    END IF;
    RETURN r.customer_id;
END $$;
CREATE FUNCTION pg_temp.buy(no text, phone text, amount numeric, at timestamptz DEFAULT NULL, status text DEFAULT 'paid') RETURNS bigint LANGUAGE sql AS $$
    SELECT pg_temp.send('order', jsonb_build_object('external_id', no, 'ordered_at', coalesce(at, crm.core_now()), 'phone', phone, 'amount', amount, 'status', status,
        'items', jsonb_build_array(jsonb_build_object('product_code', 'p', 'quantity', 1, 'unit_price', amount))))
$$;
CREATE FUNCTION pg_temp.refund(no text, order_no text, amount numeric) RETURNS bigint LANGUAGE sql AS $$
    SELECT pg_temp.send('refund', jsonb_build_object('external_id', no, 'order_external_id', order_no, 'amount', amount, 'refunded_at', crm.core_now()))
$$;
CREATE FUNCTION pg_temp.points(person bigint) RETURNS text LANGUAGE sql AS $$
    SELECT format('%s + %s pending', j ->> 'available', j ->> 'pending') FROM crm.loyalty_points(person) j
$$;
SELECT pg_temp.send('member', '{"external_id": "A", "phone": "13800138001", "name": "王小明", "registered_at": "2026-05-01T10:00:00+08:00"}') AS a,
       pg_temp.send('member', '{"external_id": "B", "phone": "13800138002", "name": "李小红", "registered_at": "2026-05-01T10:00:00+08:00"}') AS b \gset

-- 1. off until a rule is on; orders before it earn nothing, repeats earn once
SELECT pg_temp.buy('O0', '13800138001', 50) = :a AS mine, pg_temp.points(:a);
SELECT crm.loyalty_define_points('spend', '{"is_active": true, "valid_from": "2026-06-01T12:00:01+08:00", "valid_days": 90, "expires_at_end_of": "day"}');
SET LOCAL crm.core_clock = '2026-06-02T12:00:00+08:00';
SELECT pg_temp.buy('O1', '13800138001', 99.90) = :a AS mine, pg_temp.points(:a);
SELECT pg_temp.buy('O1', '13800138001', 99.90) = :a AS again, pg_temp.points(:a);
SELECT count(*) AS lots, min(expires_at) AS until FROM crm.points_lot l JOIN crm.membership m USING (source_record_id) WHERE m.customer_id = :a;
-- a late till: the order of the day before, after it
SELECT pg_temp.buy('O2', '13800138001', 10, '2026-06-01T20:00:00+08:00') = :a AS mine, pg_temp.points(:a);

-- 2. a multiplier with dates holds for payments in its time, and stays with the order when it is corrected
SELECT crm.loyalty_define_points('double_june', '{"kind": "multiplier", "rate": 2, "valid_from": "2026-06-05T00:00:00+08:00", "valid_until": "2026-06-06T00:00:00+08:00"}');
SET LOCAL crm.core_clock = '2026-06-05T12:00:00+08:00';
SELECT pg_temp.buy('O3', '13800138001', 100) = :a AS mine, pg_temp.points(:a);
SET LOCAL crm.core_clock = '2026-06-07T12:00:00+08:00';
SELECT pg_temp.buy('O4', '13800138001', 100) = :a AS mine, pg_temp.points(:a);
SELECT pg_temp.refund('R1', 'O3', 30) = :a AS mine, pg_temp.points(:a) AS sixty_taken;
SELECT pg_temp.refund('R1', 'O3', 30) = :a AS again, pg_temp.points(:a);

-- 3. used once for a reference, first what expires first; too many, another sum, another reference
SELECT pg_temp.try(format('crm.loyalty_spend(%s, 1000, %L, %L)', :a, 'pts_till', 'S1')) AS too_many;
SELECT crm.loyalty_spend(:a, 150, 'pts_till', 'S1') - '{use_id,customer_id}'::text[] AS spent;
SELECT crm.loyalty_spend(:a, 150, 'pts_till', 'S1') - '{use_id,customer_id}'::text[] AS again;
SELECT pg_temp.try(format('crm.loyalty_spend(%s, 151, %L, %L)', :a, 'pts_till', 'S1')) AS other_sum;
SELECT l.cause_key IS NOT NULL AS lot, l.earned, l.remaining, l.expires_at FROM crm.points_lot l JOIN crm.membership m USING (source_record_id) WHERE m.customer_id = :a ORDER BY l.expires_at, l.lot_id;
SELECT pg_temp.try(format('crm.loyalty_spend(%s, %s, %L, %L)', v.person, v.points, v.source, v.reference)) AS fault
FROM (VALUES (1, 1::bigint, 0::bigint, 'pts_till', 'S9'), (2, :a, 0, 'pts_till', 'S9'), (3, :a, -5, 'pts_till', 'S9'), (4, :a, 1, 'nowhere', 'S9'), (5, :a, 1, 'pts_till', ''), (6, :a, 1, 'pts_till', repeat('9', 201))) v (n, person, points, source, reference) ORDER BY n;

-- 4. a sale refunded after its points were used: owed, and paid by what comes next
SELECT pg_temp.refund('R2', 'O1', 99.90) = :a AS mine, pg_temp.points(:a);
SELECT pg_temp.refund('R3', 'O3', 70) = :a AS mine, pg_temp.refund('R4', 'O4', 100) = :a AS mine, pg_temp.points(:a) AS owed;
SELECT pg_temp.buy('O5', '13800138001', 160) = :a AS mine, pg_temp.points(:a) AS settled;
-- given back: to the lots they came from
SELECT crm.loyalty_return('pts_till', 'S1', 'order cancelled') - '{use_id,customer_id}'::text[] AS returned;
SELECT crm.loyalty_return('pts_till', 'S1', 'order cancelled') ->> 'available' AS again, pg_temp.try($$crm.loyalty_return('pts_till', 'S7')$$) AS unknown;
-- once given back the order's number is used anew by a call that means it, with a key of its own; not by a repeat of the first call, nor without a key
SAVEPOINT anew;
SELECT pg_temp.try(format('crm.loyalty_spend(%s, 20, %L, %L)', :a, 'pts_till', 'S1')) AS without_a_key;
SELECT crm.loyalty_spend(:a, 20, 'pts_till', 'S1', idempotency_key => 'anew-1') - '{use_id,customer_id}'::text[] AS anew;
SELECT crm.loyalty_spend(:a, 20, 'pts_till', 'S1', idempotency_key => 'anew-1') - '{use_id,customer_id}'::text[] AS replayed;
SELECT crm.loyalty_spend(:a, 20, 'pts_till', 'S1', idempotency_key => 'anew-2') - '{use_id,customer_id}'::text[] AS again, pg_temp.try(format('crm.loyalty_spend(%s, 21, %L, %L, idempotency_key => %L)', :a, 'pts_till', 'S1', 'anew-3')) AS other_sum;
SELECT what, expected, found FROM crm.loyalty_check();
SELECT crm.loyalty_return('pts_till', 'S1') ->> 'points' AS returned, (SELECT count(*) FROM crm.points_use u WHERE u.reference = 'S1') AS uses;
-- what they are worth is what headquarters says, and nothing as it comes
SELECT crm.loyalty_points(:a) -> 'point_value' AS no_value;
SELECT crm.access_set_setting('loyalty.point_value', '0.015') IS NOT NULL AS set;
SELECT crm.loyalty_points(:a) -> 'point_value' AS each, crm.loyalty_spend(:a, 33, 'pts_till', 'S1', idempotency_key => 'anew-4') ->> 'worth' AS worth;
-- nor when the first call's key is not known any more
SELECT crm.loyalty_return('pts_till', 'S1') ->> 'points' AS returned;
SET LOCAL crm.core_clock = '2026-06-09T12:00:01+08:00';
SELECT pg_temp.try(format('crm.loyalty_spend(%s, 20, %L, %L, idempotency_key => %L)', :a, 'pts_till', 'S1', 'anew-5')) AS days_later;
ROLLBACK TO anew;
SELECT what, expected, found FROM crm.loyalty_check();

-- 5. a merge adds, an unmerge gives back
-- so it is with coupons: each has theirs again, used meanwhile or not
SAVEPOINT coupons;
CREATE FUNCTION pg_temp.held(person bigint) RETURNS text LANGUAGE sql AS $$
    SELECT string_agg((j ->> 'coupon_type') || ' ' || (j ->> 'state'), ', ' ORDER BY j ->> 'coupon_type', j ->> 'state') FROM crm.loyalty_coupons(person) j $$;
SELECT crm._loyalty_issue(:a, 'welcome_5', NULL, NULL) IS NOT NULL AS his, crm._loyalty_issue(:b, 'wake_up_90', NULL, NULL) IS NOT NULL AS hers, crm._loyalty_issue(:b, 'birthday_shipping', NULL, NULL) IS NOT NULL AS hers_too;
SELECT crm.identity_merge(:a, :b, 'one person') ->> 'customer_id' = :a::text AS merged, pg_temp.held(:a) AS both, pg_temp.held(:b) AS by_the_other_id;
SELECT crm.loyalty_redeem(c ->> 'code', 'pts_till', 'C1', NULL, 50) ->> 'state' AS used FROM crm.loyalty_coupons(:a) c WHERE c ->> 'coupon_type' = 'wake_up_90';
SELECT crm.identity_unmerge((SELECT max(j.journal_id) FROM crm.merge_journal j WHERE j.kind = 'merge' AND j.survivor_id = :a), 'two after all') ->> 'restored' IS NOT NULL AS parted;
SELECT pg_temp.held(:a) AS his, pg_temp.held(:b) AS hers;
SELECT what, expected, found FROM crm.loyalty_check();
ROLLBACK TO SAVEPOINT coupons;
SELECT pg_temp.buy('O6', '13800138002', 40) = :b AS hers, pg_temp.points(:b);
SELECT pg_temp.points(:a) AS his;
SELECT crm.identity_merge(:a, :b, 'one person') ->> 'customer_id' = :a::text AS merged;
SELECT pg_temp.points(:a) AS both, (SELECT count(*) FROM crm.points_balance WHERE customer_id = :b) AS rows_of_the_other;
SELECT what, expected, found FROM crm.loyalty_check();
SELECT crm.identity_unmerge((SELECT max(j.journal_id) FROM crm.merge_journal j WHERE j.kind = 'merge' AND j.survivor_id = :a), 'two after all') ->> 'restored' IS NOT NULL AS parted;
SELECT pg_temp.points(:a) AS his, pg_temp.points(:b) AS hers;
SELECT what, expected, found FROM crm.loyalty_check();

-- 6. time: pending opens, the last day counts, what ended is gone once
SELECT crm.loyalty_define_points('spend', '{"pending_days": 7}');
SELECT pg_temp.buy('O7', '13800138002', 20) = :b AS hers, pg_temp.points(:b);
SET LOCAL crm.core_clock = '2026-06-14T12:00:00+08:00';
SELECT crm._loyalty_points_due(), pg_temp.points(:b);
SET LOCAL crm.core_clock = '2026-09-05T23:59:59+08:00';
SELECT pg_temp.points(:b) AS last_moment;
SET LOCAL crm.core_clock = '2026-09-06T00:00:00+08:00';
SELECT pg_temp.points(:b) AS over, (SELECT available FROM crm.points_balance WHERE customer_id = :b) AS kept_until_the_job;
SELECT crm._loyalty_points_due(), crm._loyalty_points_due(), pg_temp.points(:b), (SELECT available FROM crm.points_balance WHERE customer_id = :b) AS kept;
SELECT e.kind, e.points FROM crm.points_entry e WHERE e.customer_id = :b ORDER BY e.at, e.entry_id;
-- refunded after it expired: nothing is owed for what was never used
SELECT pg_temp.refund('R6', 'O6', 40) = :b AS hers, pg_temp.points(:b);
SELECT what, expected, found FROM crm.loyalty_check();

-- 7. by hand and by causes of other rooms: once a cause, with a reason, audited
SELECT crm.loyalty_adjust(:b, 500, 'birthday cake spoilt', 30, 'k1') ->> 'available' AS given, crm.loyalty_adjust(:b, 500, 'birthday cake spoilt', 30, 'k1') ->> 'available' AS replayed;
SELECT crm.loyalty_adjust(:b, -100, 'typing mistake') ->> 'available' AS taken;
SELECT pg_temp.try(format('crm.loyalty_adjust(%s, 5, %L)', :b, ' ')) AS no_reason, pg_temp.try(format('crm.loyalty_adjust(%s, -9999, %L)', :b, 'x')) AS too_many, pg_temp.try(format('crm.loyalty_adjust(%s, %s, %L)', :b, '-9223372036854775808', 'x')) AS the_least;
SELECT crm._loyalty_grant(:b, 10, 'flow', 'tier_up:1') IS NOT NULL AS first, crm._loyalty_grant(:b, 10, 'flow', 'tier_up:1') IS NULL AS second, pg_temp.points(:b);
SELECT pg_temp.try(c) FROM (VALUES (1, $$crm.loyalty_define_points('x y', '{}')$$), (2, $$crm.loyalty_define_points('x', '{"colour": 1}')$$),
    (3, $$crm.loyalty_define_points('x', '{"kind": "order", "rate": -1}')$$), (4, $$crm.loyalty_define_points('x', '{"kind": "event", "rate": 1}')$$),
    (5, $$crm.loyalty_define_points('x', '{"kind": "order", "rate": 1, "condition": {"kind": "nothing"}}')$$), (6, $$crm.loyalty_define_points('x', '[1]')$$), (7, $$crm.loyalty_define_points('x', 'null')$$)) v (n, c) ORDER BY n;
-- rules may ask
SELECT crm.rule_matches('{"kind": "points", "field": "available", "op": ">=", "value": 400}', :b) AS b, crm.rule_matches('{"kind": "points", "field": "available", "op": ">=", "value": 400}', :a) AS a;
-- events: the first of a day up to the limit, once each
SELECT crm.loyalty_define_points('sign_in', '{"kind": "event", "event_type": "login", "rate": 5, "daily_limit": 1, "valid_from": "2026-01-01"}');
SELECT pg_temp.points(:a), pg_temp.send('event', '{"external_id": "E1", "type": "login", "occurred_at": "2026-09-05T10:00:00+08:00", "member_external_id": "A"}') = :a AS his, pg_temp.points(:a);
SELECT pg_temp.send('event', '{"external_id": "E1", "type": "login", "occurred_at": "2026-09-05T10:00:00+08:00", "member_external_id": "A"}') = :a AS again,
       pg_temp.send('event', '{"external_id": "E2", "type": "login", "occurred_at": "2026-09-05T18:00:00+08:00", "member_external_id": "A"}') = :a AS second_of_the_day,
       pg_temp.send('event', '{"external_id": "E3", "type": "login", "occurred_at": "2026-09-04T18:00:00+08:00", "member_external_id": "A"}') = :a AS late_till,
       pg_temp.send('event', '{"external_id": "E4", "type": "login", "occurred_at": "2026-09-05T08:00:00+08:00", "member_external_id": "A"}') = :a AS late_and_earlier;
SELECT pg_temp.points(:a);
-- who is erased, or will be before we have him, gets nothing any more
SAVEPOINT erased;
UPDATE crm.customer SET status = 'erased' WHERE customer_id = :b;
SELECT pg_temp.try(format('crm.loyalty_adjust(%s, 5, %L)', :b, 'a present')) AS given, pg_temp.try(format('crm.loyalty_adjust(%s, -1, %L)', :b, 'a slip')) AS taken,
    pg_temp.try(format('crm.loyalty_set_level(%s, NULL, %L)', :b, 'a guest')) AS levelled;
-- members that are not what they must be are named, not the cast that stumbled over them; null is what a member is by itself
SELECT n, pg_temp.try(format('crm.loyalty_define_points(%L, %L) ->> ''code''', 'odd', '{"kind": "order", "rate": 1}'::jsonb || m)) AS answer FROM (VALUES (1, '{"rate": true}'::jsonb), (2, '{"daily_limit": 1e30}'), (3, '{"daily_limit": 0}'), (4, '{"valid_from": "2026-02-30"}'),
    (5, '{"valid_until": 0}'), (6, '{"is_active": -1}'), (7, '{"pending_days": -1}'), (8, '{"valid_days": -1}'), (9, '{"expires_at_end_of": "week"}'), (10, '{"is_active": null, "pending_days": null, "condition": null, "expires_at_end_of": null, "valid_until": null, "valid_days": null}')) v (n, m) ORDER BY n;
SELECT is_active, pending_days, condition, expires_at_end_of, valid_until, valid_days FROM crm.points_rule WHERE code = 'odd';
SELECT n, pg_temp.try(call) AS answer FROM (VALUES (1, $$crm.loyalty_define_coupon('odd', '{"kind": "amount", "value": "5 off"}')$$), (2, $$crm.loyalty_define_coupon('odd', '{"kind": "amount", "value": 5, "is_pooled": "maybe"}')$$),
    (3, $$crm.loyalty_define_lottery('odd', '{"prizes": [{"name": "x", "count": 1}], "closes_at": "2036-01-01T00:00:00Z", "tickets_per_person": null}') ->> 'state'$$),
    (4, $$crm.loyalty_define_badge('odd', '{"reach": {"kind": "purchase", "measure": "count", "op": ">=", "value": 1}, "is_active": "perhaps"}')$$),
    (5, format('crm.loyalty_adjust(%s, 5, ''x'', 2147483647)', :a))) v (n, call) ORDER BY n;
ROLLBACK TO erased;
-- erased: forfeited, the books stay
SELECT crm._loyalty_on_erase(:b);
SELECT sum(points) AS nothing_left, bool_and(reason IS NULL) AS no_words FROM crm.points_entry e WHERE e.customer_id = :b;
ROLLBACK;
