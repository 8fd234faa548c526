-- campaign_preset: every flow to begin with, beside those of campaign and campaign_trigger: one just inside, one just outside, one
-- excluded; and what becomes of flows when nobody worked for three days, or the clock is put forth and back.
\set VERBOSITY terse
SET client_min_messages = warning;
SET datestyle = 'ISO';
SET timezone = 'Asia/Shanghai';
BEGIN;
SET LOCAL crm.core_clock = '2026-06-30T09:00:00+08:00';
SELECT set_config('crm.access_claims', '{"actor": "regress", "role": "crm_headquarters", "stores": [], "all": true}', true) <> '' AS claims;
SELECT crm.access_define_region('PRE', '区') > 0 AS region, crm.access_define_store('PRE1', '一店', 'PRE', '上海') > 0 AS store,
       crm.ingest_define_source('pre_till', '收银', 'pos', '{"channel": "store"}') > 0 AS source;
SELECT length(crm.outbox_define_endpoint('pre_end', 'http://127.0.0.1:9/', NULL, '{"is_private_allowed": true}')) AS secret_length;
SELECT crm.outbox_set_channel('sms', 'pre_end');
\i sql/shared/try_said.sql
SET LOCAL world.till = 'pre_till';
SET LOCAL world.store = 'PRE1';
SET LOCAL world.phones = '136';
\i sql/shared/flow_world.sql

-- as they ship, but for the cap: flows are looked at one by one
CREATE FUNCTION pg_temp.launch(preset text, changes jsonb DEFAULT '{}') RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    PERFORM crm.campaign_create('p_' || preset, preset, '{"holdout_percent": 0, "cap_messages": 99, "offer_days": 0}'::jsonb || changes);
    RETURN crm.campaign_start('p_' || preset) ->> 'state';
END $$;
CREATE FUNCTION pg_temp.at(moment timestamptz) RETURNS bigint LANGUAGE plpgsql AS $$
BEGIN
    PERFORM set_config('crm.core_clock', moment::text, true);
    RETURN pg_temp.work();
END $$;
CREATE FUNCTION pg_temp.bought(member text, day date, category text) RETURNS text LANGUAGE sql AS $$
    SELECT pg_temp.send('order', jsonb_build_object('external_id', concat_ws('-', 'B', member, day, category), 'member_external_id', member, 'ordered_at', day || 'T12:00:00+08:00', 'store_code', 'PRE1', 'amount', '50.00',
        'items', jsonb_build_array(jsonb_build_object('product_code', category || '_1', 'category_code', category, 'quantity', 1, 'unit_price', '50.00')))) $$;

-- 1. a better tier: on the day, points with it, key the tier and the change; a worse one not, nor one of the day before
SET LOCAL crm.core_clock = '2026-06-29T13:00:00+08:00';
SELECT count(pg_temp.member(m, more => CASE m WHEN 'u_silent' THEN '{"consent_sms": "no"}'::jsonb ELSE '{}' END)) AS members FROM unnest('{u_in,u_silent,u_down,u_yesterday}'::text[]) m;
SELECT count(pg_temp.purchase(m, day, amount)) AS orders FROM (VALUES ('u_in', date '2026-05-01', '10'), ('u_in', '2026-06-01', '10'), ('u_silent', '2026-05-01', '10'), ('u_silent', '2026-06-01', '10'), ('u_yesterday', '2026-05-01', '10'), ('u_yesterday', '2026-06-01', '10'),
    ('u_down', '2026-06-02', '200'), ('u_down', '2026-06-29', '200'), ('u_down', '2026-06-01', '10')) p (m, day, amount);
SELECT pg_temp.at('2026-06-29T13:00:00+08:00') AS rounds;
SELECT pg_temp.at('2026-06-30T10:00:00+08:00') AS rounds, pg_temp.launch('tier_up') AS state;
SELECT pg_temp.purchase('u_yesterday', '2026-06-30') AS third;
UPDATE crm.source SET last_received_at = crm.core_now();
DO $$ BEGIN WHILE crm._value_drain() > 0 LOOP NULL; END LOOP; END $$;
-- nobody works until after midnight; then a third order, and one whose two big orders are past their thirty days
SELECT pg_temp.at('2026-07-01T00:10:00+08:00') AS rounds, pg_temp.purchase('u_in', '2026-07-01') AS third, pg_temp.purchase('u_silent', '2026-07-01') AS third_too;
SELECT pg_temp.at('2026-07-01T12:05:00+08:00') AS rounds;
SELECT pg_temp.at('2026-07-01T12:20:00+08:00') AS rounds, pg_temp.at('2026-07-01T12:40:00+08:00') AS once;
SET LOCAL crm.core_clock = '2026-07-03T10:00:00+08:00';
SELECT crm._value_age() >= 0 AS aged, pg_temp.at('2026-07-03T10:20:00+08:00') AS rounds;
SELECT t.from_tier, t.to_tier, t.changed_on FROM crm.tier_change t WHERE t.customer_id = pg_temp.person('u_down') ORDER BY t.change_id;
SELECT person, regexp_replace(key, ':[0-9]+', ':ID') AS key, outcome, reason FROM pg_temp.fired WHERE flow = 'p_tier_up' AND person LIKE 'u\_%' ORDER BY person, fired.key;
SELECT pg_temp.label(b.customer_id) AS person, b.available AS points FROM crm.points_balance b WHERE pg_temp.label(b.customer_id) LIKE 'u\_%' ORDER BY 1;
SELECT count(*) AS enrolled FROM crm.enrolment;

-- 2. twice a month to tier A, never a third; not to another tier, not to who said no
SELECT pg_temp.launch('regular_twice') AS state;
SELECT pg_temp.at(day + time '10:00' AT TIME ZONE 'Asia/Shanghai') AS rounds FROM (VALUES (date '2026-07-14'), ('2026-07-15'), ('2026-07-16'), ('2026-07-31'), ('2026-08-01'), ('2026-08-02'), ('2026-08-15'), ('2026-08-31')) d (day) ORDER BY day;
SELECT person, key, outcome, reason FROM pg_temp.fired WHERE flow = 'p_regular_twice' AND person LIKE 'u\_%' ORDER BY person, key;

-- 3. three days without signing in after registering: on the third day, not the second, not who came back, not who said no
SELECT pg_temp.at('2026-08-31T12:00:00+08:00') AS rounds, pg_temp.launch('register_3') AS state;
SELECT count(pg_temp.member(m, more => CASE m WHEN 'r_no' THEN '{"consent_sms": "no"}'::jsonb ELSE '{}' END)) AS members FROM unnest('{r_in,r_out,r_back,r_no}'::text[]) m;
SELECT count(pg_temp.event(m, 'register', at, NULL)) AS events FROM (VALUES ('r_in', timestamptz '2026-08-31T11:00:00+08:00'), ('r_back', '2026-08-31T11:00:00+08:00'), ('r_no', '2026-08-31T11:00:00+08:00')) v (m, at);
SELECT pg_temp.at('2026-09-01T00:00:30+08:00') AS rounds, pg_temp.event('r_out', 'register', '2026-09-01T00:00:00+08:00', NULL), pg_temp.event('r_back', 'login', '2026-09-01T00:00:00+08:00', NULL);
SELECT pg_temp.at('2026-09-03T10:00:00+08:00') AS rounds;
SELECT person, key, outcome, reason FROM pg_temp.fired WHERE flow = 'p_register_3' ORDER BY person;

-- 4. day 45 after baby wash: not a day before, not if baby food is there already, not if the wash was given back; a week late at most
SELECT count(pg_temp.member(m)) AS members FROM unnest('{w_in,w_out,w_food,w_refund,w_late,w_other}'::text[]) m;
SELECT count(pg_temp.bought(m, day, 'baby_wash')) AS orders FROM (VALUES ('w_in', date '2026-07-21'), ('w_out', '2026-07-22'), ('w_food', '2026-07-21'), ('w_refund', '2026-07-21')) v (m, day);
SELECT pg_temp.bought('w_food', '2026-09-01', 'baby_food') AS food, pg_temp.bought('w_other', '2026-07-21', 'nappies') AS other,
       pg_temp.send('refund', '{"external_id": "RW", "order_external_id": "B-w_refund-2026-07-21-baby_wash", "amount": "50.00", "refunded_at": "2026-08-01T12:00:00+08:00"}') AS refund;
SELECT pg_temp.launch('refill_45', '{"who": {"kind": "item", "where": {"category": "baby_wash"}, "measure": "last", "op": "=", "value": 45}, "except": {"kind": "item", "where": {"category": "baby_food"}}}') AS state;
SELECT pg_temp.at('2026-09-04T10:00:00+08:00') AS rounds;
SELECT person, key, outcome, reason FROM pg_temp.fired WHERE flow = 'p_refill_45' ORDER BY person;
-- nobody works until seven days after day 45 of the one are nearly over, and are for the other
SAVEPOINT late;
SELECT pg_temp.bought('w_late', '2026-07-25', 'baby_wash') AS seven, pg_temp.member('w_later') AS member, pg_temp.bought('w_later', '2026-07-24', 'baby_wash') AS eight, pg_temp.at('2026-09-15T09:59:59+08:00') AS rounds;
SELECT person, key, outcome, reason FROM pg_temp.fired WHERE flow = 'p_refill_45' AND person LIKE 'w\_late%' ORDER BY person;
ROLLBACK TO SAVEPOINT late;

-- 5. festivals: to who bought in the last 22 days; the day itself, nobody else, nobody who said no
SELECT pg_temp.launch('festival') AS state;
SELECT count(pg_temp.member(m, more => CASE m WHEN 'f_no' THEN '{"consent_sms": "no"}'::jsonb ELSE '{}' END)) AS members, count(pg_temp.purchase(m, day)) AS orders FROM (VALUES ('f_in', date '2026-09-03'), ('f_out', '2026-09-02'), ('f_no', '2026-09-03')) v (m, day);
SELECT pg_temp.at('2026-09-24T10:00:00+08:00') AS rounds;
SELECT count(*) AS day_before FROM pg_temp.fired WHERE flow = 'p_festival';
SELECT pg_temp.at('2026-09-25T10:00:00+08:00') AS rounds;
SELECT person, key, outcome FROM pg_temp.fired WHERE flow = 'p_festival' AND person LIKE 'f\_%' ORDER BY person;

-- 6. a pet's birthday; a service that falls due in two weeks: 166 days after the last one
SELECT pg_temp.launch('pet_birthday') AS state, pg_temp.launch('service_due') AS state_too;
SELECT count(pg_temp.member(m, more => CASE WHEN m ~ '_no' THEN '{"consent_sms": "no"}'::jsonb ELSE '{}' END)) AS members FROM unnest('{p_in,p_out,p_child,p_no,v_in,v_out,v_again}'::text[]) m;
SELECT count(crm.identity_relate(pg_temp.person(m), relation, 'x', birthday)) AS related FROM (VALUES ('p_in', 'pet', date '2021-09-26'), ('p_out', 'pet', '2021-09-27'), ('p_child', 'child', '2021-09-26'), ('p_no', 'pet', '2021-09-26')) v (m, relation, birthday);
SELECT count(pg_temp.event(m, 'store_visit', at, NULL, '{"way": "service"}')) AS visits FROM (VALUES ('v_in', timestamptz '2026-04-13T15:00:00+08:00'), ('v_out', '2026-04-14T15:00:00+08:00'), ('v_again', '2026-04-13T15:00:00+08:00'), ('v_again', '2026-09-20T15:00:00+08:00')) v (m, at);
SELECT pg_temp.at('2026-09-26T10:00:00+08:00') AS rounds;
SELECT flow, person, key, outcome, reason FROM pg_temp.fired WHERE flow IN ('p_pet_birthday', 'p_service_due') ORDER BY flow, person;

-- 7. a share earns points, whatever becomes of the message; a second one of the day does not; a topic three times; a video broken off
SELECT pg_temp.launch('share_reward') AS share, pg_temp.launch('topic_same_3') AS topic, pg_temp.launch('video_60') AS video;
SELECT count(pg_temp.member(m, more => CASE WHEN m ~ '_no' THEN '{"consent_sms": "no"}'::jsonb ELSE '{}' END)) AS members FROM unnest('{h_in,h_no,h_none,o_in,o_two,o_mixed,d_in,d_out,d_done}'::text[]) m;
SELECT pg_temp.event('h_in', 'share', '2026-09-26T10:00:00+08:00', 'SKU1'), pg_temp.event('h_no', 'share', '2026-09-26T10:00:00+08:00', 'SKU1');
SELECT pg_temp.at('2026-09-26T10:05:00+08:00') AS rounds, pg_temp.event('h_in', 'share', '2026-09-26T10:05:00+08:00', 'SKU2') AS second;
SELECT count(pg_temp.event(m, 'article_read', '2026-09-26T10:01:00+08:00'::timestamptz + n * interval '1 minute', 'A' || n, jsonb_build_object('topic', CASE WHEN m = 'o_mixed' AND n = 3 THEN 'tea' ELSE 'yoga' END)))
FROM (VALUES ('o_in', 3), ('o_two', 2), ('o_mixed', 3)) v (m, times), generate_series(1, times) n;
SELECT count(pg_temp.event(m, 'video_play', '2026-09-26T10:04:00+08:00', 'V', jsonb_build_object('completion', part))) FROM (VALUES ('d_in', 0.59), ('d_out', 0.6), ('d_done', 0.1)) v (m, part);
SELECT pg_temp.event('d_done', 'video_complete', '2026-09-26T20:00:00+08:00', 'V') AS seen_to_the_end;
SELECT pg_temp.at('2026-09-26T10:10:00+08:00') AS rounds, pg_temp.at('2026-09-27T10:04:00+08:00') AS next_day;
SELECT flow, person, key LIKE '%#2' AS second, outcome, reason FROM pg_temp.fired WHERE flow IN ('p_share_reward', 'p_topic_same_3', 'p_video_60') ORDER BY flow, person, key LIKE '%#2';
SELECT pg_temp.label(b.customer_id) AS person, b.available AS points FROM crm.points_balance b WHERE pg_temp.label(b.customer_id) LIKE 'h\_%' ORDER BY 1;

-- 8. the quarter's draw: a ticket of the lottery that is open, one a quarter; none is open: the step says so
SELECT count(pg_temp.member(m)) AS members, count(pg_temp.purchase(m, day)) AS orders FROM (VALUES ('q_none', date '2026-03-31'), ('q_in', '2026-04-01'), ('q_out', '2026-04-02')) v (m, day);
SELECT pg_temp.launch('lapsed_quarter') AS state;
SELECT pg_temp.at('2026-09-28T10:00:00+08:00') AS rounds, crm.loyalty_define_lottery('autumn', '{"prizes": [{"name": "蛋糕", "count": 1}], "closes_at": "2026-12-31T00:00:00+08:00"}') ->> 'state' AS lottery, crm.loyalty_open_lottery('autumn') ->> 'state' AS opened;
SELECT pg_temp.at('2026-09-29T10:00:00+08:00') AS rounds, pg_temp.at('2026-09-29T10:00:05+08:00') AS once;
SELECT person, key, outcome, reason FROM pg_temp.fired WHERE flow = 'p_lapsed_quarter' AND person LIKE 'q\_%' ORDER BY person;
SELECT pg_temp.label(customer_id) AS person, count(*) AS tickets FROM crm.lottery_ticket GROUP BY 1 ORDER BY 1;

-- 9. nobody worked for three days: what has a day is missed, what counts days is made up for each, what is over is skipped, a cron comes once
SELECT count(crm.campaign_stop(f.code)) AS stopped FROM crm.flow f WHERE f.state IN ('active', 'paused');
SELECT count(crm.campaign_edit(code, '{"holdout_percent": 0, "cap_messages": 99, "coupon_type": null}')) AS opened FROM crm.flow WHERE code IN ('birthday', 'silence_30', 'welcome');
SELECT pg_temp.at('2026-10-09T20:00:00+08:00') AS rounds;
SELECT crm.campaign_start(f) ->> 'state' AS state FROM unnest('{birthday,silence_30,p_festival}'::text[]) f;
SELECT pg_temp.launch('silence_60') AS counts_days, pg_temp.launch('browse') AS browse, pg_temp.launch('solar_term', '{"calendar": null, "schedule": "0 12 * * *", "late_hours": null}') AS cron;
SELECT count(pg_temp.member(m, more => CASE WHEN m ~ 'birth' THEN jsonb_build_object('birthday', '1990-' || right(m, 5)) ELSE '{}' END)) AS members FROM unnest('{a_birth_10-10,a_birth_10-13,a_30,a_60,a_view,a_buys}'::text[]) m;
SELECT pg_temp.purchase('a_30', '2026-09-11'), count(pg_temp.purchase('a_60', day)) AS three, pg_temp.purchase('a_buys', '2026-10-01') FROM unnest('{2026-08-10,2026-08-11,2026-08-12}'::date[]) day GROUP BY 1, 3;
SELECT pg_temp.at('2026-10-09T20:01:00+08:00') AS rounds, pg_temp.event('a_view', 'product_view', '2026-10-09T20:01:00+08:00', 'S');
SELECT pg_temp.at('2026-10-13T12:30:00+08:00') + pg_temp.work() + pg_temp.work() AS three_days_later;
SELECT flow, person, key LIKE '2026-%' AS of_a_day, outcome, reason FROM pg_temp.fired WHERE person LIKE 'a\_%' ORDER BY flow, person, fired.key;

-- 10. the clock goes eight hours forth, and back, and its way again: nothing fires twice, nothing is lost, what was not due waits
CREATE FUNCTION pg_temp.fingerprint() RETURNS text LANGUAGE sql AS $$ SELECT md5(string_agg(concat_ws('|', flow, person, key, outcome), ',' ORDER BY flow, person, key, outcome)) || ' ' || count(*) FROM pg_temp.fired $$;
SELECT count(pg_temp.member(m)) AS members, count(pg_temp.purchase(m, day)) AS orders FROM (VALUES ('k_today', date '2026-09-13'), ('k_tomorrow', '2026-09-14'), ('k_after', '2026-09-15')) v (m, day);
SELECT pg_temp.at('2026-10-13T18:00:00+08:00') AS rounds;
SELECT pg_temp.at('2026-10-14T02:00:00+08:00') AS eight_forth;
SELECT pg_temp.fingerprint() AS forth \gset
SELECT pg_temp.at('2026-10-13T10:00:00+08:00') AS eight_back, pg_temp.at('2026-10-13T18:00:00+08:00') AS again, pg_temp.at('2026-10-14T02:00:00+08:00') AS once_more;
SELECT pg_temp.fingerprint() = :'forth' AS the_same;
SELECT pg_temp.at('2026-10-15T02:00:00+08:00') AS day_after;
SELECT person, key, outcome, due_at FROM pg_temp.fired WHERE flow = 'silence_30' AND person LIKE 'k\_%' ORDER BY person;

-- 11. what a person bought, in the text: the last, the three of most units in a year, what was bought at this time a year ago; what was given back is not
SELECT count(pg_temp.member(m)) AS members FROM unnest('{s_all,s_none}'::text[]) m;
SELECT count(pg_temp.bought('s_all', day, category)) AS orders
FROM (VALUES (date '2025-09-20', 'hanfu'), ('2025-07-01', 'summer'), ('2026-09-01', 'tea'), ('2026-09-02', 'tea'), ('2026-09-03', 'cake'), ('2026-09-04', 'cake'), ('2026-09-05', 'nuts'), ('2026-09-06', 'nuts'), ('2026-09-07', 'soap'), ('2026-09-08', 'returned'),
      ('2026-09-09', 'returned')) b (day, category);
SELECT count(pg_temp.send('refund', jsonb_build_object('external_id', 'RS' || day, 'order_external_id', concat_ws('-', 'B-s_all', day, 'returned'), 'amount', '50.00', 'refunded_at', '2026-10-01T12:00:00+08:00'))) AS refunds
FROM (VALUES (date '2026-09-08'), ('2026-09-09')) b (day);
UPDATE crm.product p SET name = CASE p.code WHEN 'tea_1' THEN E'茶{{name}}【x】\n' ELSE p.code END WHERE p.code ~ '^(tea|cake|nuts|soap|hanfu|summer|returned)_1$';
SELECT crm._campaign_bought_words(pg_temp.person(m), '2026-10-15') AS words FROM unnest('{s_all,s_none}'::text[]) m;
SELECT crm.outbox_define_template('season', 'sms', '{{name}}，还记得去年的{{last_year_item}}吗？为您留了{{top_items}}。退订回T') ->> 'segments' AS segments;
SELECT crm.campaign_create('season', 'browse', '{"channels": ["sms"], "template": "season", "holdout_percent": 0, "cap_messages": 99, "goal": null, "late_hours": null,
    "task": {"title": "礼盒", "body": "为{{name}}装{{top_items}}"}}') ->> 'state' AS state;
UPDATE crm.flow SET state = 'active', active_from = '2026-01-01' WHERE code = 'season';
SELECT crm._campaign_fire(ROW(f.*)::crm.flow_row, pg_temp.person(m), 'season', '2026-10-15T12:00:00+08:00', 'infinity', 1) AS alone FROM crm.flow f, unnest('{s_all,s_none}'::text[]) m WHERE f.code = 'season';
SELECT crm._campaign_decide_all(ROW(f.*)::crm.flow_row, ARRAY[pg_temp.person('s_all')], '{season_set}', '2026-10-15T12:00:00+08:00', 'infinity', 1) IS NOT NULL AS in_a_set FROM crm.flow f WHERE f.code = 'season';
SELECT pg_temp.label(o.customer_id) AS person, o.occurrence_key, o.body ->> 'text' AS said FROM crm.outbox o JOIN crm.flow f USING (flow_id) WHERE f.code = 'season' ORDER BY 1, 2;
SELECT pg_temp.label(t.customer_id) AS person, t.body FROM crm.task t WHERE t.title = '礼盒' AND t.task_key LIKE '%:season' ORDER BY 1;
SELECT crm.campaign_read_text(pg_temp.person('s_all'), 'season', 1, 'sms') ->> 'text' ~ '去年的hanfu_1吗' AS read;
SELECT count(*) AS messages, count(DISTINCT (customer_id, flow_id, occurrence_key)) AS occurrences FROM crm.outbox WHERE channel <> 'site';

-- 12. who said no, where a flow counts facts, and on a solar term; the warning's other signal: 7 where ten were usual, not 8, nor who seldom spoke
SELECT pg_temp.at('2026-10-15T13:00:00+08:00') AS rounds, count(crm.campaign_stop(f.code)) AS stopped FROM crm.flow f WHERE f.state IN ('active', 'paused');
SELECT pg_temp.launch(f) AS state FROM unnest('{views_3,streak_3,topic_3,warning}'::text[]) f;
SELECT crm.campaign_edit('p_solar_term', '{"calendar": "solar_term", "schedule": "0 10 * * *", "late_hours": 14}') ->> 'state' AS as_it_ships;
SELECT crm.campaign_start('p_' || f) ->> 'state' AS state FROM unnest('{topic_same_3,solar_term}'::text[]) f;
SELECT count(pg_temp.member(m, more => CASE WHEN m ~ '_no$' THEN '{"consent_sms": "no"}'::jsonb ELSE '{}' END)) AS members FROM unnest('{x_in,x_no,y_in,y_out,y_few}'::text[]) m;
SELECT count(pg_temp.purchase(m, '2026-10-10')) AS orders FROM unnest('{x_in,x_no}'::text[]) m;
SELECT count(pg_temp.send('interaction', jsonb_build_object('external_id', concat_ws('-', 'I', m, days, n), 'occurred_at', timestamptz '2026-10-16T09:00:00+08:00' - make_interval(days => days, mins => n), 'channel', 'phone', 'member_external_id', m, 'body', 'x'))) AS spoken
FROM (VALUES ('y_in', 10, 7), ('y_out', 10, 8), ('y_few', 5, 0)) v (m, before, now), LATERAL (VALUES (45, before), (75, CASE WHEN before > 5 THEN before ELSE 0 END), (105, CASE WHEN before > 5 THEN before ELSE 0 END), (5, now)) d (days, times), generate_series(1, times) n;
SELECT pg_temp.at('2026-10-16T12:00:00+08:00') AS rounds;
SELECT count(pg_temp.event(m, 'favorite', timestamptz '2026-10-16T11:00:00+08:00' - n * interval '1 day', 'A')) + count(pg_temp.event(m, 'product_view', timestamptz '2026-10-16T11:10:00+08:00' + n * interval '1 minute', 'B'))
     + count(pg_temp.event(m, 'search', timestamptz '2026-10-16T11:20:00+08:00' + n * interval '1 minute', NULL)) + count(pg_temp.event(m, 'article_read', timestamptz '2026-10-16T11:30:00+08:00' + n * interval '1 minute', 'C' || n, '{"topic": "chess"}')) AS told
FROM unnest('{x_in,x_no}'::text[]) m, generate_series(2, 0, -1) n;
SELECT pg_temp.at('2026-10-16T12:01:00+08:00') AS rounds, pg_temp.at('2026-10-17T12:00:00+08:00') AS next_day, pg_temp.at('2026-10-23T10:00:00+08:00') AS first_frost;
SELECT flow, person, outcome, reason FROM pg_temp.fired WHERE person LIKE 'x\_%' OR person LIKE 'y\_%' ORDER BY flow, person;
SELECT pg_temp.label(t.customer_id) AS person, t.title FROM crm.task t WHERE pg_temp.label(t.customer_id) LIKE 'y\_%';

-- 13. who comes into a segment after the start, once, not who was in it before, nor who leaves and comes again
SELECT crm.segment_define_tag('pre_guest', '贵客', 'behaviour') IS NOT NULL AS tag, crm.segment_define('pre_guests', '贵客', '{"kind": "tag", "where": {"tag": "pre_guest"}}') ->> 'segment' AS segment;
SELECT count(pg_temp.member(m, more => CASE WHEN m ~ '_no$' THEN '{"consent_sms": "no"}'::jsonb ELSE '{}' END)) AS members FROM unnest('{g_before,g_in,g_out,g_no}'::text[]) m;
CREATE FUNCTION pg_temp.moved(moment timestamptz) RETURNS bigint LANGUAGE plpgsql AS $$
BEGIN
    PERFORM set_config('crm.core_clock', moment::text, true);
    WHILE crm._segment_refresh() > 0 LOOP NULL; END LOOP;
    RETURN pg_temp.work();
END $$;
SELECT crm.segment_tag_person(pg_temp.person('g_before'), 'pre_guest') IS NOT NULL AS tagged, pg_temp.moved('2026-10-23T11:00:00+08:00') AS rounds;
SELECT pg_temp.moved('2026-10-24T11:00:00+08:00') AS rounds, pg_temp.launch('blank_schedule', '{"schedule": "*/10 * * * *", "who": {"kind": "segment", "where": {"segment": "pre_guests"}, "measure": "last", "op": "=", "value": 0}, "channels": ["sms"], "template": "news"}') AS state;
SELECT count(crm.segment_tag_person(pg_temp.person(m), 'pre_guest')) AS tagged FROM unnest('{g_in,g_no}'::text[]) m;
SELECT pg_temp.moved('2026-10-24T11:05:00+08:00') AS rounds, pg_temp.moved('2026-10-24T11:10:00+08:00') AS rounds_after, pg_temp.moved('2026-10-24T11:20:00+08:00') AS once;
SELECT crm.segment_untag_person(pg_temp.person('g_in'), 'pre_guest') IS NOT NULL AS gone, pg_temp.moved('2026-10-25T11:00:00+08:00') AS rounds;
SELECT crm.segment_tag_person(pg_temp.person('g_in'), 'pre_guest') IS NOT NULL AS again, pg_temp.moved('2026-10-26T11:00:00+08:00') AS rounds, pg_temp.moved('2026-10-26T11:10:00+08:00') AS rounds_after;
SELECT person, key, outcome, reason FROM pg_temp.fired WHERE flow = 'p_blank_schedule' ORDER BY person;
SELECT count(*) AS entered FROM crm.segment_history(pg_temp.person('g_in')) h WHERE h ->> 'segment' = 'pre_guests';

-- 14. a better tier between the moment of a look and the look itself is told of once, by its own change; a worse one of the same day tells nothing
SELECT pg_temp.at('2026-10-27T09:00:00+08:00') AS rounds, count(crm.campaign_stop(f.code)) AS stopped FROM crm.flow f WHERE f.state IN ('active', 'paused');
SELECT count(pg_temp.member(m)) AS members, count(pg_temp.purchase(m, day)) AS orders FROM unnest('{z_late,z_back}'::text[]) m, unnest('{2026-10-20,2026-10-21}'::date[]) day;
SELECT pg_temp.at('2026-10-27T11:55:00+08:00') AS rounds, crm.campaign_start('p_tier_up') ->> 'state' AS state;
SET LOCAL crm.core_clock = '2026-10-27T12:00:20+08:00';
SELECT pg_temp.purchase(m, '2026-10-27') AS third FROM unnest('{z_late,z_back}'::text[]) m;
SELECT pg_temp.at('2026-10-27T12:00:30+08:00') AS rounds, pg_temp.at('2026-10-27T12:10:05+08:00') AS ten_minutes_later;
SELECT pg_temp.send('refund', '{"external_id": "RZ", "order_external_id": "Pz_back2026-10-27", "amount": "100.00", "refunded_at": "2026-10-27T12:15:00+08:00"}') AS refund, pg_temp.at('2026-10-27T12:20:05+08:00') AS after_it;
SELECT f.person, t.from_tier, t.to_tier, f.key LIKE '%#2' AS second, f.outcome FROM pg_temp.fired f LEFT JOIN crm.tier_change t ON t.to_tier || ':' || t.change_id = split_part(f.key, '#', 1)
WHERE f.flow = 'p_tier_up' AND f.person LIKE 'z\_%' ORDER BY 1, f.key;
SELECT pg_temp.label(b.customer_id) AS person, b.available AS points FROM crm.points_balance b WHERE pg_temp.label(b.customer_id) LIKE 'z\_%' ORDER BY 1;
SELECT * FROM crm.campaign_check();
ROLLBACK;
