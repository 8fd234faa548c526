-- campaign_midway: persons midway through flows when something happens: two become one, the flow is edited, nobody works for weeks, what
-- was decided at night stops holding before the morning.
\set VERBOSITY terse
SET client_min_messages = warning;
SET datestyle = 'ISO';
SET timezone = 'Asia/Shanghai';
BEGIN;
SET LOCAL crm.core_clock = '2026-06-30T09:00:00+08:00';
SELECT set_config('crm.access_claims', '{"actor": "regress", "role": "crm_headquarters", "stores": [], "all": true}', true) <> '' AS claims;
SELECT crm.access_define_region('MID', '区') > 0 AS region, crm.access_define_store('MID1', '一店', 'MID', '上海') > 0 AS store,
       crm.ingest_define_source('mid_till', '收银', 'pos', '{"channel": "store"}') > 0 AS source;
SELECT length(crm.outbox_define_endpoint(e, 'https://receiver.example/' || e)) AS secret_length, crm.outbox_set_channel(substr(e, 5), e) IS NOT NULL AS carries FROM unnest('{mid_sms,mid_wechat}'::text[]) e;
\i sql/shared/try_said.sql
SET LOCAL world.till = 'mid_till';
SET LOCAL world.store = 'MID1';
SET LOCAL world.phones = '135';
\i sql/shared/flow_world.sql
CREATE FUNCTION pg_temp.at(moment timestamptz) RETURNS bigint LANGUAGE plpgsql AS $$
BEGIN
    PERFORM set_config('crm.core_clock', moment::text, true);
    RETURN pg_temp.work();
END $$;
CREATE FUNCTION pg_temp.launch(flow text, preset text, changes jsonb DEFAULT '{}') RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    PERFORM crm.campaign_create(flow, preset, '{"channels": ["sms"], "holdout_percent": 0, "cap_messages": 99, "offer_days": 0}'::jsonb || changes);
    RETURN crm.campaign_start(flow) ->> 'state';
END $$;
CREATE FUNCTION pg_temp.merge(survivor text, other text) RETURNS boolean LANGUAGE sql AS $$ SELECT crm.identity_merge(pg_temp.person(survivor), pg_temp.person(other), 'one person') IS NOT NULL $$;
CREATE FUNCTION pg_temp.ways(flow text) RETURNS bigint LANGUAGE sql AS $$ SELECT count(*) FROM crm.enrolment e JOIN crm.flow f USING (flow_id) WHERE f.code = flow $$;

-- 1. two on their way through one flow become one: the way that began later ends; who is on the way under the other id is not sent in again
SELECT pg_temp.launch('mid_browse', 'browse', '{"quiet": null}') AS state;
SELECT pg_temp.member(m) AS member FROM unnest('{a,a_too,b,b_too}'::text[]) m;
SELECT pg_temp.at('2026-06-30T10:00:00+08:00') AS rounds;
SELECT pg_temp.event('a_too', 'product_view', '2026-06-30T10:00:00+08:00', 'S') AS first, pg_temp.event('b_too', 'product_view', '2026-06-30T10:00:00+08:00', 'S') AS only_one;
SELECT pg_temp.at('2026-06-30T10:30:00+08:00') AS rounds, pg_temp.event('a', 'product_view', '2026-06-30T10:30:00+08:00', 'S') AS later, pg_temp.ways('mid_browse') AS ways;
SELECT pg_temp.merge('a', 'a_too') AS merged, pg_temp.merge('b', 'b_too') AS merged_too, pg_temp.ways('mid_browse') AS ways;
SELECT pg_temp.event('b', 'product_view', '2026-06-30T10:40:00+08:00', 'S') AS told, pg_temp.ways('mid_browse') AS ways;
SELECT pg_temp.at('2026-06-30T13:00:00+08:00') AS rounds, pg_temp.ways('mid_browse') AS ways;
SELECT person, outcome, due_at FROM pg_temp.fired WHERE flow = 'mid_browse' ORDER BY due_at;
SELECT count(*) AS messages, count(DISTINCT crm._identity_current(customer_id)) AS persons FROM crm.outbox;
SELECT crm.campaign_stop('mid_browse') ->> 'state' AS state;

-- 2. not again within so many local days, whichever id it was under, and again on the day after them, though the hour be earlier
SELECT pg_temp.launch('mid_daily', 'blank_schedule', '{"channels": null, "schedule": "0 10 * * *", "key": "day", "reentry_days": 30, "task": {"title": "call"}, "who": {"kind": "person", "field": "sex", "value": "f"}}') AS state;
SELECT pg_temp.launch('mid_steps', 'blank_schedule', '{"channels": null, "schedule": "0 10 * * *", "key": "day", "reentry_days": 30, "steps": [{"task": {"title": "call"}}, {"after_hours": 1, "task": {"title": "again"}}], "who": {"kind": "person", "field": "sex", "value": "f"}}') AS state;
SELECT pg_temp.member('c', more => '{"sex": "m"}') AS member, pg_temp.member('c_too', more => '{"sex": "f"}') AS other;
SELECT pg_temp.at('2026-07-01T12:00:00+08:00') AS rounds;
SELECT flow, person, key, outcome FROM pg_temp.fired WHERE flow IN ('mid_daily', 'mid_steps') ORDER BY 1, 3;
SELECT pg_temp.merge('c', 'c_too') AS merged, pg_temp.send('member', '{"external_id": "c", "sex": "f"}') AS now_meant;
SELECT pg_temp.at('2026-07-02T12:00:00+08:00') AS rounds;
SELECT flow, key, outcome FROM pg_temp.fired WHERE flow IN ('mid_daily', 'mid_steps') ORDER BY 1, 2;
SELECT pg_temp.at('2026-07-30T12:00:00+08:00') AS a_day_before, count(*) AS fired FROM pg_temp.fired WHERE flow IN ('mid_daily', 'mid_steps');
SELECT pg_temp.at('2026-07-31T11:00:00+08:00') AS thirty_days_later;
SELECT flow, key, outcome FROM pg_temp.fired WHERE flow IN ('mid_daily', 'mid_steps') ORDER BY 1, 2;
SELECT crm.campaign_stop(f) ->> 'state' AS state FROM unnest('{mid_daily,mid_steps}'::text[]) f;

-- 3. an edit between the first channel and the next: who entered before it hears what it was then
SELECT pg_temp.launch('mid_edit', 'browse', '{"quiet": null, "channels": ["wechat", "sms"], "steps": [{}]}') AS state;
SELECT pg_temp.at('2026-08-01T10:00:00+08:00') AS rounds, pg_temp.member('d', more => '{"openid": "o-mid-d", "openid_app": "wx", "consent_wechat": "yes"}') AS member, pg_temp.event('d', 'product_view', '2026-08-01T10:00:00+08:00', 'S') AS told, pg_temp.work() AS fired;
SELECT crm.campaign_edit('mid_edit', '{"template": "news", "channels": ["wechat"]}') ->> 'version' AS version;
SELECT count(*) AS leased FROM crm._outbox_claim(100, 60000, 1) c WHERE c.customer_id = pg_temp.person('d');
SELECT crm._outbox_finish(array_agg(q.customer_id), array_agg(q.message_id), array_agg(q.attempt), array_agg('rejected'::text), array_agg(0), array_agg(-1), array_agg(''::text)) AS settled, crm._campaign_fallback() AS left_over
FROM crm.outbox_queue q WHERE q.customer_id = pg_temp.person('d') AND q.attempt > 0;
SELECT o.channel, o.body ->> 'text' LIKE '%您看过的商品还在%' AS as_it_was FROM crm.outbox o WHERE o.customer_id = pg_temp.person('d') ORDER BY o.body ? 'fallback_of';
SELECT crm.campaign_stop('mid_edit') ->> 'state' AS state;

-- 4. nobody worked for three weeks: of waves that passed meanwhile the newest goes, those before it are missed; what hands something out is never skipped
SELECT pg_temp.launch('mid_waves', 'win_back') AS state, pg_temp.launch('mid_gifts', 'win_back', '{"steps": [{"gifts": [{"points": 5}]}, {"after_days": 14}, {"after_days": 28}]}') AS with_gifts;
SELECT pg_temp.member('e') AS member, pg_temp.purchase('e', date '2026-08-02' - 90) AS bought, pg_temp.work() AS rounds;
SELECT pg_temp.at('2026-08-02T09:00:00+08:00') AS rounds;
SELECT pg_temp.at('2026-08-23T12:00:00+08:00') + pg_temp.work() AS three_weeks_later;
SELECT flow, key, outcome, reason, due_at FROM pg_temp.fired WHERE flow IN ('mid_waves', 'mid_gifts') ORDER BY 1, 2;
SELECT pg_temp.at('2026-08-30T10:00:00+08:00') AS last_wave;
SELECT flow, key, outcome, due_at FROM pg_temp.fired WHERE flow IN ('mid_waves', 'mid_gifts') AND due_at > '2026-08-24' ORDER BY 1, 2;
SELECT crm.campaign_stop(f) ->> 'state' AS state FROM unnest('{mid_waves,mid_gifts}'::text[]) f;

-- 5. decided at night, to leave in the morning: what would have stopped it stops it still
SELECT pg_temp.launch('mid_night', 'browse', '{"steps": [{}], "goal": {"kind": "event", "where": {"type": "checkout_start"}, "days": 1}, "except": {"kind": "event", "where": {"type": "payment_failed"}, "days": 1}, "late_hours": null}') AS state;
SELECT pg_temp.member(m) AS member FROM unnest('{n_goal,n_except,n_goes,n_late}'::text[]) m;
SELECT pg_temp.at('2026-09-01T22:00:00+08:00') AS rounds;
SELECT count(pg_temp.event(m, 'product_view', '2026-09-01T22:00:00+08:00', 'S')) AS told FROM unnest('{n_goal,n_except,n_goes,n_late}'::text[]) m;
SELECT pg_temp.at('2026-09-01T22:00:01+08:00') AS rounds;
SELECT person, outcome, due_at FROM pg_temp.fired WHERE flow = 'mid_night' ORDER BY 1;
SELECT pg_temp.at('2026-09-01T23:00:00+08:00') AS rounds, pg_temp.event('n_goal', 'checkout_start', '2026-09-01T23:00:00+08:00', 'S') AS goal, pg_temp.event('n_except', 'payment_failed', '2026-09-01T23:00:00+08:00', 'S') AS excluded,
       pg_temp.event('n_goes', 'page_view', '2026-09-01T23:00:00+08:00', 'S') AS neither;
SELECT pg_temp.at('2026-09-02T08:00:00+08:00') AS rounds;
SELECT pg_temp.label(c.customer_id) AS leaves FROM crm._outbox_claim(100, 60000, 1) c WHERE pg_temp.label(c.customer_id) LIKE 'n\_%' ORDER BY 1;
SELECT pg_temp.label(e.customer_id) AS person, e.kind, e.detail FROM crm.outbox_event e WHERE pg_temp.label(e.customer_id) LIKE 'n\_%' AND e.kind <> 'put' ORDER BY 1;
-- a try that failed is followed by none when the goal is reached meanwhile
SELECT crm._outbox_finish(array_agg(q.customer_id), array_agg(q.message_id), array_agg(q.attempt), array_agg('failed'::text), array_agg(500), array_agg(-1), array_agg(''::text)) AS settled FROM crm.outbox_queue q WHERE q.customer_id = pg_temp.person('n_late');
SELECT pg_temp.event('n_late', 'checkout_start', '2026-09-02T08:00:00+08:00', 'S') AS goal;
SELECT count(*) FILTER (WHERE q.customer_id = pg_temp.person('n_late')) AS waiting FROM crm.outbox_queue q;

-- 6. another schedule counts from the edit on; what had come by the old one is not lost
SELECT pg_temp.launch('mid_clock', 'blank_schedule', '{"channels": null, "schedule": "0 16 * * *", "zone": "Asia/Shanghai", "key": "day", "catch_up": "each", "task": {"title": "call"}, "who": {"kind": "person", "field": "sex", "value": "f"}}') AS state;
SELECT pg_temp.at('2026-09-03T16:00:00+08:00') AS rounds, pg_temp.at('2026-09-04T15:00:00+08:00') AS next_day, crm.campaign_edit('mid_clock', '{"schedule": "0 10,14 * * *"}') ->> 'version' AS version, pg_temp.work() AS after_it;
SELECT key, due_at FROM pg_temp.fired WHERE flow = 'mid_clock' ORDER BY 2;
SELECT pg_temp.at('2026-09-05T10:00:00+08:00') AS rounds, pg_temp.at('2026-09-06T09:59:00+08:00') AS a_day_later;
SELECT set_config('crm.core_clock', '2026-09-06T10:00:30+08:00', true) <> '' AS has_come, crm.campaign_edit('mid_clock', '{"schedule": "30 9 * * *"}') ->> 'version' AS version, pg_temp.work() AS after_it;
SELECT key, due_at FROM pg_temp.fired WHERE flow = 'mid_clock' ORDER BY 2;
SELECT crm.campaign_pause('mid_clock') ->> 'state' AS state, pg_temp.at('2026-09-07T12:00:00+08:00') AS rounds, crm.campaign_edit('mid_clock', '{"schedule": "0 11 * * *"}') ->> 'version' AS version, crm.campaign_start('mid_clock') ->> 'state' AS again, pg_temp.work() AS after_it;
SELECT count(*) AS as_before FROM pg_temp.fired WHERE flow = 'mid_clock';
SELECT pg_temp.at('2026-09-08T11:00:00+08:00') AS rounds, crm.campaign_stop('mid_clock') ->> 'state' AS state;
SELECT key, due_at FROM pg_temp.fired WHERE flow = 'mid_clock' ORDER BY 2;

-- 7. a lunar birthday that falls twice into a year of the calendar is celebrated the first time: once a local year, as every birthday
SELECT day FROM generate_series(date '2027-01-01', '2029-02-28', interval '1 day') d (day) WHERE 1202 = ANY (crm._campaign_lunar_md(day::date));
SELECT crm.campaign_edit('birthday', '{"holdout_percent": 0, "coupon_type": null, "channels": ["sms"]}') ->> 'state' AS state, crm.campaign_start('birthday') ->> 'state' AS started;
SELECT pg_temp.member('moon', more => '{"birthday": "1990-12-02", "birthday_calendar": "lunar"}') AS member;
SELECT pg_temp.at(day + time '10:00' AT TIME ZONE 'Asia/Shanghai') AS rounds FROM unnest('{2027-01-08,2027-01-09,2027-12-29,2028-12-31,2029-01-16}'::date[]) day;
SELECT key, outcome, due_at FROM pg_temp.fired WHERE flow = 'birthday' AND person = 'moon' ORDER BY due_at;

-- 8. what no fact tells of, stops a message that waited, as it is about to leave: a tag by hand, another tier, a segment, the passing of days
UPDATE crm.endpoint SET max_concurrency = 64;
SELECT crm.campaign_stop('mid_night') ->> 'state' AS state, pg_temp.at('2029-03-01T12:00:00+08:00') AS rounds, crm.segment_define_tag('mid_vip', '贵客', 'behaviour') IS NOT NULL AS tag, crm.segment_define_tag('mid_far', '远', 'behaviour') IS NOT NULL AS tag_too,
       crm.segment_define('mid_far', '远客', '{"kind": "tag", "where": {"tag": "mid_far"}}') IS NOT NULL AS segment;
SELECT pg_temp.launch('mid_leave', 'browse', '{"steps": [{}], "goal": "order", "exclude_tiers": ["C"], "late_hours": null, "except": {"any": [{"kind": "tag", "where": {"tag": "mid_vip"}},
    {"kind": "segment", "where": {"segment": "mid_far"}}, {"kind": "event", "where": {"type": "page_view"}, "measure": "last", "op": ">=", "value": 1}]}}') AS state;
SELECT pg_temp.member(m) AS member, pg_temp.purchase(m, '2029-02-20') AS bought FROM unnest('{l_tag,l_tier,l_segment,l_days,l_goes,l_merged,l_other}'::text[]) m;
SELECT pg_temp.at('2029-03-01T22:00:00+08:00') AS rounds, pg_temp.event('l_days', 'page_view', '2029-03-01T21:59:00+08:00', 'S') AS looked,
       count(pg_temp.event(m, 'product_view', '2029-03-01T22:00:00+08:00', 'S')) AS told FROM unnest('{l_tag,l_tier,l_segment,l_days,l_goes,l_other}'::text[]) m;
SELECT pg_temp.at('2029-03-01T22:00:01+08:00') AS rounds;
SELECT person, outcome, due_at FROM pg_temp.fired WHERE flow = 'mid_leave' ORDER BY 1;
SELECT pg_temp.merge('l_merged', 'l_other') AS merged;
SELECT crm.segment_tag_person(pg_temp.person(p), t) IS NOT NULL AS tagged FROM (VALUES ('l_tag', 'mid_vip'), ('l_segment', 'mid_far'), ('l_merged', 'mid_vip')) v (p, t);
UPDATE crm.customer_value SET tier = 'C' WHERE customer_id = pg_temp.person('l_tier');
SELECT pg_temp.at('2029-03-02T08:00:00+08:00') AS rounds;
SELECT crm._segment_refresh() >= 0 AS segments_kept;
SELECT pg_temp.label(c.customer_id) AS leaves FROM crm._outbox_claim(100, 60000, 1) c WHERE pg_temp.label(c.customer_id) LIKE 'l\_%' ORDER BY 1;
SELECT pg_temp.label(crm._identity_current(e.customer_id)) AS person, e.kind, e.detail FROM crm.outbox_event e WHERE e.at >= '2029-03-01' AND e.kind <> 'put' ORDER BY 1;
-- ... but not what the flow itself did as it was decided: its tag, its coupon, though its rule leaves out who has them, or means those alone who have not
SELECT crm.campaign_stop('mid_leave') ->> 'state' AS state, pg_temp.launch('mid_marks', 'browse', '{"steps": [{}], "goal": null, "late_hours": null, "coupon_type": "welcome_5", "give_tag": {"tag": "mid_far"}, "channels": ["wechat", "sms"],
    "except": {"any": [{"kind": "tag", "where": {"tag": "mid_far"}}, {"kind": "coupon", "where": {"type": "welcome_5"}}, {"kind": "tag", "where": {"tag": "mid_vip"}}]},
    "only": {"not": {"kind": "tag", "where": {"tag": "mid_far"}}}}') AS marks;
SELECT pg_temp.member(m, more => CASE m WHEN 'o_goes' THEN '{"openid": "o-mid-o", "openid_app": "wx", "consent_wechat": "yes"}'::jsonb ELSE '{}' END) AS member FROM unnest('{o_goes,o_active,o_vip}'::text[]) m;
SELECT pg_temp.at('2029-03-02T22:00:00+08:00') AS rounds, count(pg_temp.event(m, 'product_view', '2029-03-02T22:00:00+08:00', 'S')) AS told FROM unnest('{o_goes,o_active,o_vip}'::text[]) m;
SELECT pg_temp.at('2029-03-02T22:00:01+08:00') AS rounds;
SELECT pg_temp.at('2029-03-02T22:30:00+08:00') AS rounds, pg_temp.event('o_active', 'page_view', '2029-03-02T22:30:00+08:00', 'S') AS looks, crm.segment_tag_person(pg_temp.person('o_vip'), 'mid_vip') IS NOT NULL AS tagged;
SELECT pg_temp.at('2029-03-03T08:00:00+08:00') AS rounds;
SELECT pg_temp.label(c.customer_id) AS leaves FROM crm._outbox_claim(100, 60000, 1) c WHERE pg_temp.label(c.customer_id) LIKE 'o\_%' ORDER BY 1;
SELECT pg_temp.label(e.customer_id) AS person, e.kind, e.detail FROM crm.outbox_event e WHERE pg_temp.label(e.customer_id) LIKE 'o\_%' AND e.kind <> 'put' ORDER BY 1;
-- nor against the next channel
SELECT crm._outbox_finish(array_agg(q.customer_id), array_agg(q.message_id), array_agg(q.attempt), array_agg('rejected'::text), array_agg(0), array_agg(-1), array_agg(''::text)) AS settled, crm._campaign_fallback() AS left_over
FROM crm.outbox_queue q WHERE q.customer_id = pg_temp.person('o_goes') AND q.attempt > 0;
SELECT o.channel, crm._outbox_state(o.customer_id, o.message_id) AS state FROM crm.outbox o WHERE o.customer_id = pg_temp.person('o_goes') ORDER BY o.body ? 'fallback_of';
SELECT * FROM crm.campaign_check() UNION ALL SELECT * FROM crm.outbox_check();
ROLLBACK;
