-- campaign: schedules, entries by facts, steps, presets: who is just inside fires once, who is just outside never.
\set VERBOSITY terse
SET client_min_messages = warning;
SET datestyle = 'ISO';
SET timezone = 'Asia/Shanghai';
BEGIN;
SET LOCAL crm.core_clock = '2026-06-30T09:00:00+08:00';
SELECT set_config('crm.access_claims', '{"actor": "regress", "role": "crm_headquarters", "stores": [], "all": true}', true) <> '' AS claims;
SELECT crm.access_define_region('TRIG', '区') > 0 AS region, crm.access_define_store('TRIG1', '一店', 'TRIG', '上海') > 0 AS store,
       crm.ingest_define_source('trig_till', '收银', 'pos', '{"channel": "store"}') > 0 AS source;
SELECT length(crm.outbox_define_endpoint('trig_end', 'http://127.0.0.1:9/', NULL, '{"is_private_allowed": true}')) AS secret_length;
SELECT crm.outbox_set_channel('sms', 'trig_end');
\i sql/shared/try_said.sql
SET LOCAL world.till = 'trig_till';
SET LOCAL world.store = 'TRIG1';
SET LOCAL world.phones = '139';
\i sql/shared/flow_world.sql

-- 1. cron: a fixed time once a local day, whatever the clocks do; the pure part has its own vectors
SELECT zone, expression, crm.campaign_cron_next(expression, zone, after) AS next
FROM (VALUES (1, 'America/New_York', '30 2 * * *', '2026-03-08T00:00:00-05:00'::timestamptz), (2, 'America/New_York', '30 1 * * *', '2026-11-01T01:30:00-04:00'),
    (3, 'America/New_York', '0 * * * *', '2026-11-01T01:00:00-04:00'), (4, 'Asia/Shanghai', '0 10 29 2 *', '2026-01-01'), (5, 'Asia/Shanghai', '0 0 30 2 *', '2026-01-01'),
    (6, 'Asia/Shanghai', '@monthly', 'infinity')) c (n, zone, expression, after) ORDER BY n;
SELECT pg_temp.try($$crm.campaign_cron_next('61 * * * *', 'UTC', '2026-01-01')$$) AS no_expression, pg_temp.try($$crm.campaign_cron_next('* * * * *', 'Mars/Base', '2026-01-01')$$) AS no_zone,
       pg_temp.try($$crm.campaign_cron_next('* * * * *', 'UTC', '2026-01-01', 'quartz')$$) AS no_dialect;

-- 2. every preset can be made into a flow; what cannot run is refused with its field
SELECT count(crm.campaign_create('p_' || preset, preset)) = count(*) AS all_presets, count(*) >= 17 AS many FROM crm.flow_preset WHERE preset !~ '^blank_';
SELECT changes, pg_temp.try(format('crm.campaign_edit(%L, %L) ->> %L', flow, changes, 'version')) AS answer
FROM (VALUES (1, 'p_win_back', '{"schedule": "0 25 * * *"}'), (2, 'p_win_back', '{"schedule": "0 0 31 4 *"}'), (3, 'p_win_back', '{"zone": "Mars/Base"}'), (4, 'p_win_back', '{"who": {"kind": "horoscope"}}'),
    (5, 'p_win_back', '{"steps": []}'), (6, 'p_win_back', '{"steps": [{"after_days": "two"}]}'), (7, 'p_win_back', '{"steps": [{"template": "miss_you"}, {"template": "none"}]}'), (8, 'p_browse', '{"event": {"kind": "weather"}}'),
    (9, 'p_browse', '{"event": {"kind": "event"}}'), (10, 'p_festival', '{"calendar": "none"}'), (11, 'p_festival', '{"key": "decade"}'), (12, 'p_warning', '{"task": {"hours": 2}}'),
    (13, 'p_warning', '{"task": {"title": "x", "role": "crm_admin"}}'), (14, 'p_browse', '{"only": "everybody"}'), (15, 'p_browse', '{"shadow": "perhaps"}'), (16, 'welcome', '{"who": {}}')) c (n, flow, changes) ORDER BY n;
SELECT pg_temp.try($$crm.campaign_create('p_browse', 'browse')$$) AS twice, pg_temp.try($$crm.campaign_create('x y', 'browse')$$) AS bad_name,
       pg_temp.try($$crm.campaign_create('one', 'none')$$) AS no_preset;
-- no holdout and no cap while single flows are looked at
SELECT count(crm.campaign_edit(code, '{"holdout_percent": 0, "cap_messages": 99, "offer_days": 0}')) AS opened FROM crm.flow WHERE code LIKE 'p\_%';

-- 3. schedules that count days since a purchase: on the day, not before, not for who was past it at the start, not for who bought since
SELECT count(pg_temp.member(flow || '_in')) + count(pg_temp.member(flow || '_early')) + count(pg_temp.member(flow || '_past')) + count(pg_temp.member(flow || '_bought')) AS members
FROM unnest('{s60,b61,w90}'::text[]) flow;
SELECT count(pg_temp.purchase('s60' || who, day)) AS older FROM unnest('{_in,_early,_past,_bought}'::text[]) who, unnest('{2026-02-01,2026-02-02}'::date[]) day;
SELECT count(pg_temp.purchase(flow || '_in', today - days)), count(pg_temp.purchase(flow || '_early', today - days + 1)), count(pg_temp.purchase(flow || '_past', today - days - 1)),
       count(pg_temp.purchase(flow || '_bought', today - days)), count(pg_temp.purchase(flow || '_bought', today - 1))
FROM (VALUES ('s60', 60), ('b61', 61), ('w90', 90)) f (flow, days), (VALUES (date '2026-07-01')) d (today);
SET LOCAL crm.core_clock = '2026-06-30T11:00:00+08:00';
SELECT crm.campaign_start('p_' || f) ->> 'state' AS state FROM unnest('{silence_60,second_order_61,win_back}'::text[]) f;
SELECT pg_temp.work() AS rounds, count(*) AS fired_today FROM pg_temp.fired;
SET LOCAL crm.core_clock = '2026-07-01T09:59:59+08:00';
SELECT pg_temp.work() AS rounds, count(*) AS too_early FROM pg_temp.fired;
SET LOCAL crm.core_clock = '2026-07-01T10:00:00+08:00';
SELECT pg_temp.work() + pg_temp.work() AS rounds;
SELECT flow, person, key, outcome, due_at, reason FROM pg_temp.fired ORDER BY flow, person;
-- the worker was away for a day: each moment is made up for
SET LOCAL crm.core_clock = '2026-07-03T08:00:00+08:00';
SELECT pg_temp.work() AS rounds;
SELECT flow, person, key, outcome FROM pg_temp.fired WHERE person LIKE '%early' ORDER BY flow, person;
-- waves: the next ones wait, and end with a purchase
SELECT pg_temp.label(customer_id) AS person, step, due_at FROM crm.enrolment ORDER BY 1;
SET LOCAL crm.core_clock = '2026-07-14T10:00:00+08:00';
SELECT pg_temp.purchase('w90_early', '2026-07-14') AS bought;
SET LOCAL crm.core_clock = '2026-07-15T10:00:00+08:00';
SELECT pg_temp.work() AS rounds;
SET LOCAL crm.core_clock = '2026-07-30T10:00:00+08:00';
SELECT pg_temp.work() AS rounds;
SELECT person, key, outcome, reason FROM pg_temp.fired WHERE flow = 'p_win_back' ORDER BY person, key;
SELECT count(*) AS under_way FROM crm.enrolment;

-- 4. periods: once a quarter, twice a month, on days of a calendar
SELECT pg_temp.member('q_greeted'), pg_temp.member('q_in'), pg_temp.member('q_out'), pg_temp.member('q_bought'), pg_temp.purchase('q_in', '2026-01-31'), pg_temp.purchase('q_out', '2026-02-01'),
       pg_temp.purchase('q_bought', '2026-01-31'), pg_temp.purchase('q_bought', '2026-07-30'),
       pg_temp.purchase('q_greeted', '2026-07-20');
SELECT crm.loyalty_define_lottery('ladder_draw', '{"prizes": [{"name": "蛋糕", "count": 1}], "closes_at": "2028-01-01T00:00:00+08:00"}') ->> 'state' AS lottery, crm.loyalty_open_lottery('ladder_draw') ->> 'state' AS opened;
SELECT pg_temp.work() AS rounds, crm.campaign_start('p_lapsed_quarter') ->> 'state' AS state;
SET LOCAL crm.core_clock = '2026-07-31T10:00:00+08:00';
SELECT pg_temp.work() AS rounds;
SELECT person, key, outcome FROM pg_temp.fired WHERE flow = 'p_lapsed_quarter' AND person LIKE 'q\_%';
SET LOCAL crm.core_clock = '2026-08-02T10:00:00+08:00';
SELECT pg_temp.work() AS rounds;
SELECT person, key, outcome FROM pg_temp.fired WHERE flow = 'p_lapsed_quarter' AND person LIKE 'q\_%' ORDER BY 1;
SELECT day, crm._campaign_period('{"key": "half_month"}', day, 'Asia/Shanghai') AS half_month, crm._campaign_period('{"key": "quarter"}', day, 'Asia/Shanghai') AS quarter,
       crm._campaign_period('{"ago": 1}', day, 'Asia/Shanghai') AS ago
FROM unnest('{2026-02-14T23:59:59+08:00,2026-02-15T00:00:00+08:00,2026-12-31T23:59:59+08:00,2028-03-01T00:00:00+08:00}'::timestamptz[]) day;
SELECT crm.campaign_start('p_solar_term') ->> 'state' AS state;
SET LOCAL crm.core_clock = '2026-08-06T20:00:00+08:00';
SELECT pg_temp.work() AS rounds, count(*) AS day_before FROM pg_temp.fired WHERE flow = 'p_solar_term';
SET LOCAL crm.core_clock = '2026-08-07T10:00:00+08:00';
SELECT pg_temp.work() AS rounds;
SELECT person, key, outcome FROM pg_temp.fired WHERE flow = 'p_solar_term' ORDER BY person;
SELECT name_zh FROM crm.calendar_day WHERE calendar = 'solar_term' AND day = '2026-08-07';
SELECT crm.campaign_stop('p_' || f) ->> 'state' AS stopped FROM unnest('{silence_60,second_order_61,win_back,lapsed_quarter,solar_term}'::text[]) f;

-- 5. absence of an order after a view: two hours, at the latest 24; a buyer and a late worker send nothing
SELECT crm.campaign_start('p_browse') ->> 'state' AS browse, crm.campaign_start('p_cart') ->> 'state' AS cart;
SET LOCAL crm.core_clock = '2026-08-08T12:00:00+08:00';
SELECT count(pg_temp.member(m)) AS members FROM unnest('{v_in,v_bought,v_again,v_late,c_in,c_between}'::text[]) m;
SELECT pg_temp.event(m, 'product_view', '2026-08-08T11:59:00+08:00', 'SKU1') FROM unnest('{v_in,v_bought,v_again}'::text[]) m;
SELECT pg_temp.event(m, 'add_to_cart', '2026-08-08T12:00:00+08:00', 'SKU1') FROM unnest('{c_in,c_between}'::text[]) m;
SET LOCAL crm.core_clock = '2026-08-08T13:00:00+08:00';
SELECT pg_temp.event('v_again', 'product_view', '2026-08-08T13:00:00+08:00', 'SKU2'), pg_temp.send('order', '{"external_id": "Pv", "member_external_id": "v_bought",
    "ordered_at": "2026-08-08T13:00:00+08:00", "store_code": "TRIG1", "amount": "9.00"}');
SET LOCAL crm.core_clock = '2026-08-08T13:58:59+08:00';
SELECT pg_temp.work() AS rounds, count(*) AS too_early FROM pg_temp.fired WHERE flow = 'p_browse';
SET LOCAL crm.core_clock = '2026-08-08T14:00:00+08:00';
SELECT pg_temp.work() AS rounds;
SELECT flow, person, outcome, reason FROM pg_temp.fired WHERE flow IN ('p_browse', 'p_cart') ORDER BY flow, person;
SELECT pg_temp.event('v_late', 'product_view', '2026-08-08T14:00:00+08:00', 'SKU1'), pg_temp.event('v_again', 'product_view', '2026-08-08T14:00:00+08:00', 'SKU1') AS same_visit;
SET LOCAL crm.core_clock = '2026-08-09T11:00:00+08:00';
SELECT pg_temp.send('order', '{"external_id": "Pc", "member_external_id": "c_between", "ordered_at": "2026-08-09T11:00:00+08:00", "store_code": "TRIG1", "amount": "9.00"}');
SET LOCAL crm.core_clock = '2026-08-09T14:00:00+08:00';
SELECT pg_temp.work() AS rounds;
SELECT flow, person, key LIKE '%#2' AS second, outcome, reason FROM pg_temp.fired WHERE person IN ('v_late', 'v_again', 'c_in', 'c_between') ORDER BY flow, person, key LIKE '%#2';
SELECT count(*) AS under_way FROM crm.enrolment;
-- the same facts once more, and a merge, fire nothing
SELECT pg_temp.event('v_in', 'product_view', '2026-08-08T11:59:00+08:00', 'SKU1') AS replayed, pg_temp.work() AS rounds, count(*) AS fired FROM pg_temp.fired WHERE person = 'v_in';
SELECT crm.identity_merge(pg_temp.person('v_in'), pg_temp.person('v_again'), 'one person') IS NOT NULL AS merged, pg_temp.work() AS rounds;
SELECT count(*) AS fired FROM crm.occurrence o JOIN crm.flow f USING (flow_id) WHERE f.code = 'p_browse' AND pg_temp.label(o.customer_id) ~ 'v_in|v_again' OR o.customer_id = pg_temp.person('v_again');
SELECT crm.campaign_stop('p_' || f) ->> 'state' AS stopped FROM unnest('{browse,cart}'::text[]) f;

-- 6. counts, streaks and long looks: at the number, not one below it
SELECT crm.campaign_start('p_' || f) ->> 'state' AS state FROM unnest('{views_3,streak_3,long_look,topic_3}'::text[]) f;
SET LOCAL crm.core_clock = '2026-08-12T12:00:00+08:00';
SELECT count(pg_temp.member(m)) AS members FROM unnest('{n_two,n_three,n_other,d_two,d_three,l_180,l_181,l_cart,t_two,t_three}'::text[]) m;
SELECT count(pg_temp.event(m, 'product_view', '2026-08-12T11:00:00+08:00'::timestamptz + n * interval '1 minute', CASE WHEN m = 'n_other' AND n = 3 THEN 'B' ELSE 'A' END))
FROM (VALUES ('n_two', 2), ('n_three', 3), ('n_other', 3)) v (m, times), generate_series(1, times) n;
SELECT count(pg_temp.event(m, 'favorite', '2026-08-12T11:00:00+08:00'::timestamptz - (n - 1) * interval '1 day', 'A')) FROM (VALUES ('d_two', 2), ('d_three', 3)) v (m, times), generate_series(times, 1, -1) n;
SELECT pg_temp.event('l_180', 'page_view', '2026-08-12T11:30:00+08:00', 'P', '{"seconds": 180}'), pg_temp.event('l_181', 'page_view', '2026-08-12T11:30:00+08:00', 'P', '{"seconds": 181}'),
       pg_temp.event('l_cart', 'page_view', '2026-08-12T11:30:00+08:00', 'P', '{"seconds": 999}'), pg_temp.event('l_cart', 'add_to_cart', '2026-08-12T11:40:00+08:00', 'P');
SELECT count(pg_temp.event(m, 'search', '2026-08-12T11:00:00+08:00'::timestamptz + n * interval '1 minute', NULL)) FROM (VALUES ('t_two', 2), ('t_three', 3)) v (m, times), generate_series(1, times) n;
SELECT pg_temp.work() AS rounds;
SET LOCAL crm.core_clock = '2026-08-12T12:31:00+08:00';
SELECT pg_temp.work() AS rounds;
SELECT flow, person, outcome, reason FROM pg_temp.fired WHERE flow IN ('p_views_3', 'p_streak_3', 'p_long_look', 'p_topic_3') ORDER BY flow, person;
SELECT crm.campaign_stop('p_' || f) ->> 'state' AS stopped FROM unnest('{views_3,streak_3,long_look,topic_3}'::text[]) f;

-- 7. an edit while persons are under way: they go on under the version they entered with; a pause holds, a stop ends
SELECT crm.campaign_start('p_cart') ->> 'state' AS state;
SELECT pg_temp.member('pin_old'), pg_temp.member('pin_new'), pg_temp.event('pin_old', 'add_to_cart', '2026-08-12T12:31:00+08:00', 'S');
SELECT version AS old_version FROM crm.flow WHERE code = 'p_cart' \gset
SELECT (crm.campaign_edit('p_cart', '{"steps": [{"after_hours": 1}]}') ->> 'version')::int - :old_version AS versions_later;
SELECT pg_temp.event('pin_new', 'add_to_cart', '2026-08-12T12:31:00+08:00', 'S');
SET LOCAL crm.core_clock = '2026-08-12T13:31:00+08:00';
SELECT crm.campaign_pause('p_cart') ->> 'state' AS state, pg_temp.work() AS rounds, count(*) AS in_the_pause FROM pg_temp.fired WHERE person LIKE 'pin%';
SELECT crm.campaign_start('p_cart') ->> 'state' AS state, pg_temp.work() AS rounds;
SELECT person, version - :old_version AS versions_later FROM pg_temp.fired WHERE person LIKE 'pin%';
SET LOCAL crm.core_clock = '2026-08-12T14:31:00+08:00';
SELECT pg_temp.work() AS rounds;
SELECT person, version - :old_version AS versions_later FROM pg_temp.fired WHERE person LIKE 'pin%' ORDER BY 1;
SELECT crm.campaign_stop('p_cart') ->> 'state' AS state, count(*) AS under_way FROM crm.enrolment e JOIN crm.flow f USING (flow_id) WHERE f.code = 'p_cart';
SELECT count(*) AS under_way FROM crm.enrolment e JOIN crm.flow f USING (flow_id) WHERE f.code = 'p_cart';

-- 8. shadow: decided and written down, nothing sent, and the real one still to come; a branch for some; a task and no message
SELECT crm.campaign_edit('p_streak_3', '{"shadow": true, "who": {}, "steps": [{}, {"after_hours": 1, "only": {"kind": "person", "field": "sex", "value": "f"}}], "reentry_days": 0}') ->> 'state' AS state,
       crm.campaign_start('p_streak_3') ->> 'state' AS started;
SELECT pg_temp.member('shade', more => '{"sex": "m"}'), pg_temp.event('shade', 'favorite', '2026-08-12T14:31:00+08:00', 'S');
SELECT pg_temp.work() AS rounds;
SET LOCAL crm.core_clock = '2026-08-12T15:31:00+08:00';
SELECT pg_temp.work() AS rounds;
SELECT key LIKE '%#2' AS second, epoch, outcome, reason FROM pg_temp.fired WHERE person = 'shade' ORDER BY 1;
SELECT count(*) AS messages FROM crm.outbox WHERE customer_id = pg_temp.person('shade');
SELECT crm.campaign_stop('p_streak_3') ->> 'state' AS state;
SELECT pg_temp.member('gap_149'), pg_temp.member('gap_150');
SELECT count(pg_temp.purchase(m, '2026-08-13'::date - since - n * 20)) FROM (VALUES ('gap_149', 29), ('gap_150', 30)) v (m, since), generate_series(3, 0, -1) n;
SELECT crm.campaign_start('p_warning') ->> 'state' AS state;
SET LOCAL crm.core_clock = '2026-08-13T09:00:00+08:00';
SELECT pg_temp.work() AS rounds;
SELECT person, key, outcome FROM pg_temp.fired WHERE flow = 'p_warning' AND person LIKE 'gap%';
SELECT pg_temp.label(customer_id) AS person, kind, title, due_at, escalate_at FROM crm.task WHERE customer_id = pg_temp.person('gap_150');

-- 9. the dry run and the past are asked by the code that enters; explain says where a person is
SELECT crm.campaign_backtest('p_warning', '2026-08-10', '2026-08-13') -> 'entered' >= '1' AS entered;
SELECT m ->> 'moment' AS moment, m ->> 'entered' AS entered FROM jsonb_array_elements(crm.campaign_backtest('p_win_back', '2026-06-29', '2026-07-03') -> 'moments') m;
SELECT pg_temp.try($$crm.campaign_backtest('p_browse', '2026-01-01', '2026-01-02')$$) AS no_schedule, pg_temp.try($$crm.campaign_backtest('p_warning', '2026-01-02', '2026-01-01')$$) AS backwards;
SELECT x -> 'who' IS NOT NULL AS has_rule, x -> 'now' ->> 'would_be' AS would_be, x -> 'now' ->> 'key' AS key FROM crm.campaign_explain(pg_temp.person('gap_150'), 'p_warning') x;
SELECT (crm.campaign_preview('p_warning') ->> 'looked_at')::int >= 1 AS looked_at;
SELECT count(*) AS presets_listed FROM crm.campaign_presets() p WHERE p ->> 'preset' = 'browse';
SELECT * FROM crm.campaign_check();

-- the interval of two shares: Newcombe's published example, 56 of 70 less 48 of 80; and no share at all
SELECT array_agg(round(i, 4)) AS interval FROM unnest(crm._campaign_interval(56, 70, 48, 80)) i;
SELECT crm._campaign_interval(0, 0, 1, 2) IS NULL AS nobody, crm._campaign_is_skewed(100, 100, 1000) AS even, crm._campaign_is_skewed(131, 100, 1000) AS below_the_line,
       crm._campaign_is_skewed(132, 100, 1000) AS above_it, crm._campaign_is_skewed(0, 0, 1000) AS without_holdout;

-- 10. the ladder: bought once, never again, 400 days, everything on, caps as they ship
SELECT count(crm.campaign_stop(f.code)) AS stopped FROM crm.flow f WHERE f.state IN ('active', 'paused');
SELECT count(crm.campaign_edit(code, '{"cap_messages": 1, "holdout_percent": 0, "offer_days": 30}')) AS as_shipped FROM crm.flow WHERE trigger <> 'welcome';
SET LOCAL crm.core_clock = '2026-09-01T12:00:00+08:00';
SELECT pg_temp.member('ladder'), pg_temp.purchase('ladder', '2026-09-01'), count(crm.campaign_start(code)) AS started FROM crm.flow WHERE trigger <> 'welcome';
DO $$
DECLARE
    day int;
BEGIN
    -- every day of the ladder, then each tenth and those on which a quarter begins
    FOR day IN SELECT d FROM generate_series(1, 400) d WHERE d <= 119 OR d % 10 = 0 OR d IN (181, 212, 303, 395) ORDER BY d LOOP
        PERFORM set_config('crm.core_clock', (date '2026-09-01' + day) || 'T10:00:00+08:00', true), pg_temp.work();
    END LOOP;
END $$;
CREATE TEMP TABLE ladder AS
    SELECT flow, key, outcome, reason, (due_at AT TIME ZONE 'Asia/Shanghai')::date - date '2026-09-01' AS day FROM pg_temp.fired WHERE person = 'ladder';
SELECT day, flow, outcome, reason FROM ladder ORDER BY day, flow;
SELECT bool_and(gap >= 7) AS never_two_in_seven_days FROM (SELECT day - lag(day) OVER (ORDER BY day) AS gap FROM ladder WHERE outcome IN ('sent', 'held')) g;
SELECT count(*) AS messages, count(DISTINCT o.message_id) AS different FROM crm.outbox o WHERE o.customer_id = pg_temp.person('ladder');
SELECT count(*) AS tickets FROM crm.lottery_ticket WHERE customer_id = pg_temp.person('ladder');
SELECT * FROM crm.campaign_check();
ROLLBACK;
