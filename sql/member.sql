-- member: levels reached, kept, lost; the hundredth cup once; who brought whom; draws that anyone can repeat; merged and parted.
\set VERBOSITY terse
SET client_min_messages = warning;
SET datestyle = 'ISO';
SET timezone = 'Asia/Shanghai';
BEGIN;
SET LOCAL crm.core_clock = '2026-06-01T12:00:00+08:00';
SELECT set_config('crm.access_claims', '{"actor": "regress", "role": "crm_headquarters", "stores": [], "all": true}', true) <> '' AS claims;
SELECT crm.ingest_define_source('mem_till', 'till', 'pos', '{"channel": "store"}') IS NOT NULL AS source;
\i sql/shared/try_said.sql
CREATE FUNCTION pg_temp.send(entity text, body jsonb) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    r crm.intake_result;
BEGIN
    EXECUTE format('SELECT * FROM crm.ingest_%s($1, $2)', entity) INTO r USING 'mem_till', convert_to(body::text, 'UTF8');
    IF r.status >= 300 THEN
        RAISE EXCEPTION 'intake: % % % %', r.status, r.code, r.field, r.remedy;
    END IF;
    RETURN r.customer_id;
END $$;
CREATE FUNCTION pg_temp.buy(no text, phone text, amount numeric, cups numeric DEFAULT 1) RETURNS bigint LANGUAGE sql AS $$
    SELECT pg_temp.send('order', jsonb_build_object('external_id', no, 'ordered_at', crm.core_now(), 'phone', phone, 'amount', amount, 'status', 'paid',
        'items', jsonb_build_array(jsonb_build_object('product_code', 'latte', 'category_code', 'coffee', 'quantity', cups, 'unit_price', amount, 'amount', amount))))
$$;
CREATE FUNCTION pg_temp.refund(no text, order_no text, amount numeric) RETURNS bigint LANGUAGE sql AS $$
    SELECT pg_temp.send('refund', jsonb_build_object('external_id', no, 'order_external_id', order_no, 'amount', amount, 'refunded_at', crm.core_now()))
$$;
CREATE FUNCTION pg_temp.member(n int, registered text DEFAULT '2026-05-20') RETURNS bigint LANGUAGE sql AS $$
    SELECT pg_temp.send('member', jsonb_build_object('external_id', 'M' || n, 'phone', 13800139000 + n, 'name', '王小' || n, 'registered_at', registered || 'T10:00:00+08:00'))
$$;
CREATE FUNCTION pg_temp.standing(person bigint) RETURNS text LANGUAGE sql AS $$
    SELECT concat_ws(', ', coalesce(j ->> 'level', 'none'), 'to ' || left(j ->> 'keep_until', 10), nullif(j ->> 'badges', '[]'), nullif(j ->> 'unlocks', '[]'),
        (crm.loyalty_points(person) ->> 'available') || ' points', (SELECT count(*) FROM crm.loyalty_coupons(person)) || ' coupons') FROM crm.loyalty_member(person) j
$$;
SELECT pg_temp.member(1) AS a, pg_temp.member(2) AS b, pg_temp.member(3) AS c, pg_temp.member(4) AS d \gset

-- 1. levels are data: by rule, with gifts; what is wrong names its member
SELECT crm.loyalty_define_level('silver', '{"position": 10, "name_zh": "银卡", "reach": {"kind": "purchase", "measure": "sum", "days": 90, "op": ">=", "value": 100}, "keep_days": 30, "gifts": [{"points": 10}]}') -> 'on_loss' AS silver,
       crm.loyalty_define_level('gold', '{"position": 20, "name_zh": "金卡", "reach": {"kind": "purchase", "measure": "sum", "days": 90, "op": ">=", "value": 300}, "keep_days": 30, "gifts": [{"points": 30}, {"coupon": "welcome_5"}], "unlocks": ["hotline"]}') -> 'position' AS gold,
       crm.loyalty_define_level('black', '{"position": 30, "name_zh": "黑卡", "reach": {"kind": "purchase", "measure": "sum", "days": 90, "op": ">=", "value": 1000}, "keep_days": 30, "on_loss": "reached", "gifts": [{"points": 100}]}') -> 'position' AS black;
SELECT pg_temp.try(format('crm.loyalty_define_level(%L, %L)', v.code, v.spec)) AS fault
FROM (VALUES (1, 'x y', '{}'), (2, 'x', '{"colour": 1}'), (3, 'x', '{"position": 1}'), (4, 'x', '{"reach": {}}'), (5, 'x', '{"position": 1, "reach": {"kind": "nothing"}}'),
    (6, 'x', '{"position": 1, "reach": {}, "gifts": [{"coupon": "none"}]}'), (7, 'x', '{"position": 1, "reach": {}, "keep_days": 0}'), (8, 'x', '{"position": -1, "reach": {}}'),
    (9, 'x', '{"position": 1, "reach": {}, "unlocks": ["A b"]}'), (10, 'x', '[]'), (11, 'x', '{"position": 1, "reach": {}, "gifts": [{"points": 0}]}')) v (n, code, spec) ORDER BY n;

-- 2. reached in the commit of the order, once, each level passed with its gifts; a multiplier that asks for the level
SELECT pg_temp.buy('L1', '13800139001', 99.99) = :a AS mine, pg_temp.standing(:a);
SELECT pg_temp.buy('L2', '13800139001', 0.01) = :a AS mine, pg_temp.standing(:a);
SELECT pg_temp.buy('L2', '13800139001', 0.01) = :a AS again, pg_temp.standing(:a);
SELECT pg_temp.buy('L3', '13800139002', 1000) = :b AS hers, pg_temp.standing(:b) AS all_three_at_once;
SELECT crm.loyalty_define_points('spend', '{"is_active": true, "valid_from": "2026-06-01T12:00:01+08:00", "valid_days": null}') IS NOT NULL AS on,
       crm.loyalty_define_points('black_days', '{"kind": "multiplier", "rate": 3, "valid_from": "2026-06-02T00:00:00+08:00", "valid_until": "2026-06-03T00:00:00+08:00", "condition": {"kind": "level", "field": "level", "value": "black"}}') IS NOT NULL AS tripled;
SET LOCAL crm.core_clock = '2026-06-02T12:00:00+08:00';
SELECT pg_temp.buy('L4', '13800139002', 10) = :b AS hers, pg_temp.standing(:b) AS thirty_more, pg_temp.buy('L5', '13800139001', 10) = :a AS his, pg_temp.standing(:a) AS ten_more;
-- a refund takes no level at once
SELECT pg_temp.refund('LR1', 'L3', 1000) = :b AS hers, pg_temp.standing(:b);

-- 3. the time is over: kept by its rule, or lost, one down or to where one would come
SET LOCAL crm.core_clock = '2026-07-01T23:59:59+08:00';
SELECT crm._loyalty_levels_due(), pg_temp.standing(:a);
SET LOCAL crm.core_clock = '2026-07-02T00:00:00+08:00';
SELECT crm._loyalty_levels_due();
SELECT pg_temp.standing(:a) AS kept, pg_temp.standing(:b) AS lost;
SELECT h ->> 'from' AS from, h ->> 'to' AS to, h ->> 'reason' AS reason FROM jsonb_array_elements(crm.loyalty_member(:b) -> 'history') h;
-- lost and reached again: without its gifts
SELECT pg_temp.buy('L6', '13800139002', 400) = :b AS hers, pg_temp.standing(:b);
SELECT crm.rule_matches('{"kind": "level", "field": "level", "value": "gold"}', :b) AS gold, crm.rule_matches('{"kind": "level", "field": "position", "op": ">=", "value": 20}', :a) AS he_not;

-- 4. merged: the better of both, and what both reach together; parted: each what was theirs
SELECT pg_temp.buy('L7', '13800139003', 150) = :c AS mine, pg_temp.standing(:c), pg_temp.buy('L8', '13800139004', 160) = :d AS mine, pg_temp.standing(:d);
SET LOCAL crm.core_clock = '2026-07-03T12:00:00+08:00';
SELECT crm.identity_merge(:c, :d, 'one person') IS NOT NULL AS merged;
SELECT pg_temp.standing(:c) AS gold_together;
SET LOCAL crm.core_clock = '2026-07-04T12:00:00+08:00';
SELECT crm.identity_unmerge((SELECT max(j.journal_id) FROM crm.merge_journal j WHERE j.kind = 'merge' AND j.survivor_id = :c), 'two after all') IS NOT NULL AS parted;
SELECT pg_temp.standing(:c) AS c, pg_temp.standing(:d) AS d;
SELECT h ->> 'from' AS from, h ->> 'to' AS to, h ->> 'reason' AS reason FROM jsonb_array_elements(crm.loyalty_member(:c) -> 'history') h;
SELECT what, expected, found FROM crm.loyalty_check();

-- 5. the hundredth cup: once, whatever is repeated or merged
SELECT crm.loyalty_define_badge('master', '{"name_zh": "咖啡大师", "reach": {"kind": "item", "measure": "sum", "field": "quantity", "where": {"category": "coffee"}, "since": "2026-08-01", "op": ">=", "value": 100}, "gifts": [{"points": 500}], "unlocks": ["hidden_menu"]}') ->> 'badge' AS badge;
SET LOCAL crm.core_clock = '2026-08-01T12:00:00+08:00';
SELECT pg_temp.member(5) AS e, pg_temp.member(6) AS f \gset
SELECT pg_temp.buy('B1', '13800139005', 9, 99) = :e AS mine, pg_temp.standing(:e);
SELECT pg_temp.buy('B2', '13800139005', 9) = :e AS mine, pg_temp.standing(:e);
SELECT pg_temp.buy('B2', '13800139005', 9) = :e AS again, pg_temp.buy('B3', '13800139005', 9, 100) = :e AS two_hundred, pg_temp.standing(:e);
SELECT pg_temp.refund('BR', 'B3', 9) = :e AS refunded, pg_temp.standing(:e) AS earned_is_earned;
SELECT pg_temp.buy('B4', '13800139006', 9, 60) = :f AS hers, pg_temp.standing(:f);
SELECT crm.identity_merge(:e, :f, 'one person') IS NOT NULL AS merged;
SELECT pg_temp.standing(:e) AS once;
-- together a hundred, parted neither: it is taken back, the gift is not given again
SELECT pg_temp.member(7) AS g, pg_temp.member(8) AS h \gset
SELECT pg_temp.buy('B5', '13800139007', 9, 60) = :g AS g, pg_temp.buy('B6', '13800139008', 9, 40) = :h AS h;
SET LOCAL crm.core_clock = '2026-08-02T12:00:00+08:00';
SELECT crm.identity_merge(:g, :h, 'one person') IS NOT NULL AS merged;
SELECT pg_temp.standing(:g) AS together;
SELECT crm.identity_unmerge((SELECT max(j.journal_id) FROM crm.merge_journal j WHERE j.kind = 'merge' AND j.survivor_id = :g), 'two after all') IS NOT NULL AS parted;
SELECT pg_temp.standing(:g) AS g, pg_temp.standing(:h) AS h;
SELECT pg_temp.buy('B7', '13800139007', 9, 40) = :g AS his_own_hundred, pg_temp.standing(:g) AS back_without_gift;
-- a badge that refunds take
SELECT crm.loyalty_define_badge('big_spender', '{"name_zh": "大手笔", "reach": {"kind": "purchase", "measure": "sum", "op": ">=", "value": 5000}, "is_lost_by_refund": true, "gifts": [{"points": 50}]}') ->> 'badge' AS badge;
SELECT pg_temp.buy('S1', '13800139008', 5000) = :h AS hers, pg_temp.standing(:h);
SELECT pg_temp.refund('SR', 'S1', 10) = :h AS refunded, pg_temp.standing(:h) AS taken;
SELECT pg_temp.buy('S2', '13800139008', 1) = :h AS again, pg_temp.standing(:h) AS back;

-- 6. who brought whom: after the goal both, once; no self, no circle, no old member
SELECT crm.loyalty_define_referral('friends', '{"name_zh": "老带新", "goal": {"kind": "purchase", "measure": "sum", "op": ">=", "value": 20}, "hold_days": 7, "new_days": 10, "referrer_limit": 2, "joined_referrer_gifts": [{"points": 5}], "joined_gifts": [{"points": 5}], "referrer_gifts": [{"points": 100}], "gifts": [{"coupon": "welcome_5"}]}') ->> 'programme_no' AS no;
SELECT crm.loyalty_member(:a) -> 'referral_codes' ->> 'friends' AS code_a, crm.loyalty_points(:a) ->> 'available' AS points_a \gset
SELECT pg_temp.member(11, '2026-08-02') AS p, pg_temp.member(12, '2026-08-02') AS q, pg_temp.member(13, '2026-08-02') AS r \gset
SELECT pg_temp.try(format('crm.loyalty_refer(%L, %s)', :'code_a', :a)) AS oneself, pg_temp.try(format('crm.loyalty_refer(%L, %s)', 'ABCD', :p)) AS no_code, pg_temp.try(format('crm.loyalty_refer(%L, %s)', :'code_a', :c)) AS no_new_member;
SELECT crm.loyalty_refer(lower(:'code_a'), :p) - 'customer_id' AS came, crm.loyalty_refer(:'code_a', :p) ->> 'state' AS again, pg_temp.standing(:p);
SELECT crm.loyalty_member(:p) -> 'referral_codes' ->> 'friends' AS code_p \gset
SELECT crm.loyalty_refer(:'code_p', :q) ->> 'state' AS q_by_p, pg_temp.try(format('crm.loyalty_refer(%L, %s)', crm.loyalty_member(:q) -> 'referral_codes' ->> 'friends', :p)) AS circle_or_twice,
       pg_temp.try(format('crm.loyalty_refer(%L, %s)', :'code_a', :q)) AS brought_already;
SELECT pg_temp.buy('F1', '13800139011', 19.99) = :p AS below, crm._loyalty_referrals_due();
SELECT state FROM crm.referral WHERE customer_id = :p;
SELECT pg_temp.buy('F2', '13800139011', 30) = :p AS reached, crm._loyalty_referrals_due() AS held_back;
SELECT state FROM crm.referral WHERE customer_id = :p;
SELECT pg_temp.refund('FR', 'F2', 30) = :p AS given_back;
SET LOCAL crm.core_clock = '2026-08-09T12:00:00+08:00';
SELECT crm._loyalty_referrals_due();
SELECT state AS asked_again FROM crm.referral WHERE customer_id = :p;
SELECT pg_temp.buy('F3', '13800139011', 30) = :p AS reached_again;
SET LOCAL crm.core_clock = '2026-08-16T12:00:00+08:00';
SELECT crm._loyalty_referrals_due();
SELECT crm._loyalty_referrals_due();
SELECT state, pg_temp.standing(:p), (crm.loyalty_points(:a) ->> 'available')::int - :points_a AS for_the_referrer FROM crm.referral WHERE customer_id = :p;
-- the one who came turns out to be the one who brought: nothing
SELECT pg_temp.member(14, '2026-08-16') AS s \gset
SELECT crm.loyalty_refer(:'code_a', :s) ->> 'state' AS second, pg_temp.try(format('crm.loyalty_refer(%L, %s)', :'code_a', pg_temp.member(15, '2026-08-16'))) AS limit_of_two;
SELECT pg_temp.buy('F4', '13800139014', 30) = :s AS reached, crm.identity_merge(:a, :s, 'one person') IS NOT NULL AS merged;
SET LOCAL crm.core_clock = '2026-08-24T12:00:00+08:00';
SELECT crm._loyalty_referrals_due();
SELECT state, reason FROM crm.referral WHERE customer_id = :s;
SELECT state AS never_reached FROM crm.referral WHERE customer_id = :q;
SET LOCAL crm.core_clock = '2026-10-31T12:00:01+08:00';
SELECT crm._loyalty_referrals_due();
SELECT state AS time_over FROM crm.referral WHERE customer_id = :q;

-- 7. a draw: hash before, seed after, the same for anyone who repeats it; a person wins once, merged or not
SELECT crm.loyalty_define_lottery('autumn', '{"name_zh": "秋季抽奖", "tickets_per_person": 2, "closes_at": "2026-11-30T20:00:00+08:00", "prizes": [{"name": "first", "count": 1, "gifts": [{"points": 1000}]}, {"name": "second", "count": 2, "gifts": [{"points": 7}]}], "entropy_source": "closing index of the day"}') AS draft;
SELECT pg_temp.try($$crm.loyalty_define_lottery('x', '{"closes_at": "2026-11-30T20:00:00+08:00", "prizes": [{"name": "a"}]}')$$) AS prizes,
       pg_temp.try($$crm.loyalty_define_lottery('x', '{"closes_at": "tomorrow or so", "prizes": [{"name": "a", "count": 1}]}')$$) AS time, pg_temp.try(format('crm.loyalty_enter_lottery(%s, %L)', :a, 'autumn')) AS not_open;
SELECT crm.loyalty_open_lottery('autumn') ->> 'commitment' AS commitment \gset
SELECT length(:'commitment') AS digits, crm.loyalty_lottery('autumn') ->> 'seed' AS seed_is_secret, pg_temp.try($$crm.loyalty_define_lottery('autumn', '{"tickets_per_person": 9}')$$) AS fixed;
SELECT count(DISTINCT crm.loyalty_enter_lottery(p, 'autumn', p || '/' || n) ->> 'ticket') AS tickets FROM unnest(ARRAY[:a, :b, :c, :d, :e, :g, :h]::bigint[]) p, generate_series(1, 2) n;
SELECT pg_temp.try(format('crm.loyalty_enter_lottery(%s, %L)', :a, 'autumn')) AS third, crm.loyalty_enter_lottery(:a, 'autumn', :a || '/1') ->> 'ticket' IS NOT NULL AS replayed, pg_temp.try($$crm.loyalty_draw_lottery('autumn')$$) AS too_early;
SELECT crm.identity_merge(:c, :g, 'one person') IS NOT NULL AS merged, pg_temp.try(format('crm.loyalty_enter_lottery(%s, %L)', :c, 'autumn')) AS no_further_one;
SELECT crm.loyalty_define_badge('regular', '{"name_zh": "常客", "reach": {"kind": "purchase", "measure": "count", "op": ">=", "value": 1}, "gifts": [{"ticket": "autumn"}], "is_active": true}') ->> 'badge' AS a_ticket_as_a_gift;
SELECT pg_temp.buy('T1', '13800139012', 5) = :q AS bought;
SELECT count(*) AS ticket FROM crm.lottery_ticket WHERE customer_id = :q;
SET LOCAL crm.core_clock = '2026-11-30T20:00:00+08:00';
SELECT pg_temp.try(format('crm.loyalty_enter_lottery(%s, %L)', :r, 'autumn')) AS closed, crm._loyalty_lotteries_due();
SELECT j ->> 'state' AS state, j ->> 'tickets' AS tickets, j ->> 'seed' AS seed_is_secret,
       j ->> 'list_hash' = encode(sha256(convert_to((SELECT string_agg(x || E'\n', '' ORDER BY x COLLATE "C") FROM jsonb_array_elements_text(j -> 'list') x), 'UTF8')), 'hex') AS list_fits
FROM crm.loyalty_lottery('autumn') j;
SELECT pg_temp.try($$crm.loyalty_draw_lottery('autumn')$$) AS no_number;
SELECT crm.loyalty_draw_lottery('autumn', '3412.77') -> 'winners' IS NOT NULL AS drawn, pg_temp.try($$crm.loyalty_draw_lottery('autumn', '3412.77')$$) AS once;
-- repeated by hand: scores of the published list under the published seed, the best ticket of each holder
SELECT encode(sha256(convert_to(j ->> 'seed', 'UTF8')), 'hex') = :'commitment' AS seed_fits,
       (SELECT jsonb_agg(k.ticket ORDER BY k.score) FROM (
            SELECT * FROM (SELECT split_part(x, ' ', 1) AS ticket, encode(sha256(convert_to((j ->> 'seed') || ':3412.77:' || split_part(x, ' ', 1), 'UTF8')), 'hex') AS score,
                   row_number() OVER (PARTITION BY split_part(x, ' ', 2) ORDER BY encode(sha256(convert_to((j ->> 'seed') || ':3412.77:' || split_part(x, ' ', 1), 'UTF8')), 'hex')) AS n
            FROM jsonb_array_elements_text(j -> 'list') x) s WHERE s.n = 1 ORDER BY s.score LIMIT 3) k)
       = (SELECT jsonb_agg(w -> 'ticket' ORDER BY (w ->> 'place')::int) FROM jsonb_array_elements(j -> 'winners') w) AS winners_fit,
       (SELECT string_agg(w ->> 'prize', ', ' ORDER BY (w ->> 'place')::int) FROM jsonb_array_elements(j -> 'winners') w) AS prizes
FROM crm.loyalty_lottery('autumn') j;
SELECT count(DISTINCT crm._identity_current(customer_id)) AS winners FROM crm.lottery_prize;
SELECT sum(earned) AS points_given FROM crm.points_lot WHERE cause_kind = 'lottery';
-- a published example that the function must repeat for ever
SELECT place, ticket, left(score, 12) AS score FROM crm.loyalty_draw('seed', 'entropy', '{t1,t2,t3,t4}', '{a,a,b,c}', 2);

SELECT k.part, jsonb_array_length(p -> k.part) = k.n AS all_of_them
FROM crm.loyalty_programme() p, LATERAL (VALUES ('levels', (SELECT count(*) FROM crm.level)), ('badges', (SELECT count(*) FROM crm.badge)),
    ('referrals', (SELECT count(*) FROM crm.referral_programme)), ('points', (SELECT count(*) FROM crm.points_rule))) k (part, n) ORDER BY 1;

-- 8. by hand, in the night, and forgotten
SELECT crm.loyalty_set_level(:r, 'gold', 'opening guest') ->> 'level' AS by_hand, pg_temp.standing(:r), pg_temp.try(format('crm.loyalty_set_level(%s, %L, %L)', :r, 'none', 'x')) AS no_level, pg_temp.try(format('crm.loyalty_set_level(%s, NULL, %L)', :r, ' ')) AS no_reason;
SELECT crm.loyalty_define_level('guest', '{"position": 1, "name_zh": "访客", "reach": {}, "gifts": [{"points": 1}]}') ->> 'level' AS everybody;
SELECT crm._loyalty_sweep();
SELECT count(*) FILTER (WHERE level = 'guest') > 0 AS quietly, (SELECT count(*) FROM crm.gift WHERE cause_key = 'guest') AS gifts FROM crm.member_level;
SELECT jsonb_object_keys(crm._loyalty_on_export(:a)) AS exported;
SELECT crm._loyalty_on_erase(:r);
SELECT count(*) AS left_of_r FROM crm.member_level WHERE customer_id = :r;
SELECT what, expected, found FROM crm.loyalty_check();
ROLLBACK;
