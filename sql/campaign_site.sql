-- campaign_site: links in messages and what is shown on pages: a token tells nothing, leads where the flow says and nowhere else, for as
-- long as it says; a click is counted once; a page shows one offer a session, through the gate of every flow.
\set VERBOSITY terse
SET client_min_messages = warning;
SET datestyle = 'ISO';
SET timezone = 'Asia/Shanghai';
BEGIN;
SET LOCAL crm.core_clock = '2026-06-30T12:00:00+08:00';
SELECT set_config('crm.access_claims', '{"actor": "regress", "role": "crm_headquarters", "stores": [], "all": true}', true) <> '' AS claims;
\i sql/shared/try_said.sql
SELECT length(crm.outbox_define_endpoint('site_end', 'https://receiver.example/')) AS secret_length, crm.outbox_set_channel('sms', 'site_end');
INSERT INTO crm.source (source_id, code, name, kind, created_at) VALUES (9598, 'site_till', 'till', 'pos', '2026-01-01');
CREATE TEMP TABLE one AS SELECT 9598000 + g AS id, 9599000 + g AS record, g FROM generate_series(1, 20) g;
INSERT INTO crm.customer (customer_id, status, registered_at, registered_on, updated_at, name_masked) SELECT id, 'active', '2026-01-01', '2026-01-01', '2026-01-01', '王*' FROM one;
INSERT INTO crm.customer_private (customer_id, name) SELECT id, '王小' || g FROM one;
INSERT INTO crm.source_record (source_record_id, source_id, kind, external_id, is_history, received_at) SELECT record, 9598, 'member', 'm' || g, false, '2026-01-01' FROM one;
INSERT INTO crm.membership (source_record_id, valid_from, customer_id) SELECT record, '2026-01-01', id FROM one;
INSERT INTO crm.identifier (kind, value_hash, customer_id, value_sealed, masked, first_seen_at, last_seen_at)
SELECT k, crm._identity_hash(k, CASE k WHEN 4 THEN 'app1' ELSE '' END, v), id, crm._encrypt(CASE k WHEN 1 THEN 'phone' ELSE 'openid' END, v), '', '2026-01-01', '2026-01-01' FROM one, unnest('{1,4}'::smallint[]) k, LATERAL (SELECT CASE k WHEN 1 THEN '+861398598' || lpad(g::text, 4, '0') ELSE 'oid' || g END AS v) w;
INSERT INTO crm.record_identifier (source_record_id, kind, value_hash, first_seen_at, last_seen_at)
SELECT record, 1, crm._identity_hash(1::smallint, '', '+861398598' || lpad(g::text, 4, '0')), '2026-01-01', '2026-01-01' FROM one;
INSERT INTO crm.consent (source_record_id, channel, occurred_at, consent_id, state, is_history) SELECT record, 'sms', '2026-01-02', crm._new_id(), 'yes', false FROM one;
SELECT crm._outbox_keep_consents(ARRAY(SELECT id FROM one)) \g /dev/null

-- 1. a link is an https address that the flow names; a text that says {{link}} has one
SELECT crm.outbox_define_template('site_link', 'sms', '{{name}}，新品看这里 {{link}} 退订回T') ->> 'segments' AS segments;
SELECT crm.campaign_create('linked', 'browse', '{"channels": ["sms"], "holdout_percent": 0, "cap_messages": 99, "goal": null, "late_hours": null, "quiet": null}') ->> 'state' AS state;
SELECT pg_temp.try($$crm.campaign_edit('linked', '{"template": "site_link"}')$$) AS leads_nowhere, pg_temp.try($$crm.campaign_edit('linked', '{"link": {"url": "https://shop.example/new"}}')$$) AS no_base;
SELECT crm.access_set_setting('campaign.link_base', '"https://crm.example"') AS before;
SELECT n, pg_temp.try(format('crm.campaign_edit(%L, %L) ->> %L', 'linked', jsonb_build_object('link', link), 'state')) AS answer
FROM (VALUES (1, '"https://shop.example"'::jsonb), (2, '{"url": "http://shop.example/"}'), (3, '{"url": "javascript:alert(1)"}'), (4, '{"url": "https://shop.example@evil.example/"}'), (5, '{"url": "https://shop.example\\evil"}'), (6, '{"url": "//evil.example"}'),
    (7, '{"url": "https://shop.example/\r\nSet-Cookie: a=b"}'), (8, '{"url": "https://shop.example/x y"}'), (9, '{"url": "https://shop.example/\"><script>"}'), (10, '{"url": "https://shop.example/", "days": 0}'),
    (11, '{"url": "https://shop.example/", "to": "x"}'), (12, jsonb_build_object('url', 'https://shop.example/' || repeat('a', 1000))), (13, '{"url": "https://"}')) v (n, link) ORDER BY n;
SELECT crm.campaign_edit('linked', '{"template": "site_link", "link": {"url": "https://shop.example/new?from=crm&id=1#top", "days": 10}}') -> 'spec' -> 'link' AS link;
UPDATE crm.flow SET state = 'active', active_from = '2026-01-01' WHERE code = 'linked';
CREATE FUNCTION pg_temp.flow(flow text) RETURNS crm.flow_row LANGUAGE plpgsql AS $$
DECLARE
    chosen crm.flow_row := crm._campaign_flow(flow);
BEGIN
    chosen.spec := crm._campaign_step_spec(chosen.spec, 1, crm.core_now());
    RETURN chosen;
END $$;
SELECT crm._campaign_fire_all(pg_temp.flow('linked'), ARRAY(SELECT id FROM one WHERE g <= 5), array_fill('k'::text, '{5}'), crm.core_now(), 'infinity', 1) AS in_a_set;
SELECT crm._campaign_fire(pg_temp.flow('linked'), 9598006, 'k', crm.core_now(), 'infinity', 1) AS alone;
CREATE VIEW pg_temp.link AS SELECT o.customer_id - 9598000 AS person, substring(o.body ->> 'text' FROM 'https://crm\.example/s/([A-Za-z0-9_-]+)') AS token, o.message_id
    FROM crm.outbox o JOIN crm.flow f USING (flow_id) WHERE f.code = 'linked';
SELECT count(*) AS messages, count(DISTINCT token) AS tokens, min(length(token)) AS shortest, max(length(token)) AS longest FROM pg_temp.link;
SELECT bool_and(crm._campaign_link_person(token) = person + 9598000) AS leads_home, bool_or(encode(int8send(9598000 + person), 'base64') LIKE '%' || substr(token, 14, 8) || '%') AS tells_whose FROM pg_temp.link;
SELECT l.target, l.expires_at, l.clicks FROM pg_temp.link k JOIN crm.message_link l USING (token) WHERE person = 1;
SELECT x ->> 'text' AS read FROM crm.campaign_read_text(9598001, 'linked', 1, 'sms') x;

-- 2. followed: the first click is the message's, each is counted; looking ahead is none; an edit leads only later messages elsewhere
SELECT token AS first_token FROM pg_temp.link WHERE person = 1 \gset
SELECT crm.campaign_follow(:'first_token', true) AS looked_ahead;
SELECT clicks FROM crm.message_link WHERE token = :'first_token';
SET LOCAL crm.core_clock = '2026-07-01T09:00:00+08:00';
SELECT crm.campaign_edit('linked', '{"link": {"url": "https://shop.example/other"}}') ->> 'state' AS state, crm.campaign_follow(:'first_token') AS led_to;
SELECT crm.campaign_follow(:'first_token') AS led_to;
SELECT clicks, first_click_at FROM crm.message_link WHERE token = :'first_token';
SELECT kind, at, detail, count(*) FROM crm.outbox_event WHERE customer_id = 9598001 AND kind = 'clicked' GROUP BY 1, 2, 3;
SELECT crm.campaign_results('linked') -> 'funnel' AS funnel;
SELECT array_agg(id - 9598000) AS clicked FROM unnest(crm._rule_fit('{"kind": "message", "where": {"outcome": "clicked", "flow": "linked"}, "days": 1}', ARRAY(SELECT id FROM one), crm.core_now())) id;
-- to the last second; afterwards, and what was never given out, leads nowhere
SET LOCAL crm.core_clock = '2026-07-10T11:59:59+08:00';
SELECT crm.campaign_follow(:'first_token') AS last_second;
SET LOCAL crm.core_clock = '2026-07-10T12:00:00+08:00';
SELECT pg_temp.try(format('crm.campaign_follow(%L)', t)) AS answer FROM (VALUES (:'first_token'), (NULL), (''), ('AAAAAAAAAAAAAAAAAAAAAA'), ('zzzzzzzzzzzzzzzzzzzzzz'), ('AAAAAAAAAAAAAAAA'), (repeat('x', 100000)), ('../../etc/passwd'), ('''; DROP TABLE crm.flow; --')) v (t);
SELECT crm._campaign_drop_links() AS more;
SELECT count(*) AS kept_for_now FROM crm.message_link;
SET LOCAL crm.core_clock = '2026-09-10T12:00:01+08:00';
SELECT crm._campaign_drop_links() AS more;
SELECT count(*) AS kept FROM crm.message_link;

-- 3. a flow of a place: what cannot run is refused
SELECT crm.campaign_create('popup', 'site_long_look', '{"holdout_percent": 0}') ->> 'trigger' AS trigger;
SELECT n, pg_temp.try(format('crm.campaign_edit(%L, %L)', 'popup', change)) AS answer
FROM (VALUES (1, '{"place": "product_page"}'::jsonb), (2, '{"place": []}'), (3, '{"place": ["Product Page"]}'), (4, '{"channels": ["sms"]}'), (5, '{"template": "browse"}'), (6, '{"who": "x"}'), (7, '{"schedule": "* * * * *"}'), (8, '{"except": {"kind": "horoscope"}}')) v (n, change) ORDER BY n;
SELECT crm.outbox_define_template('site_plain', 'site', '欢迎 {{name}}') ->> 'channel' AS channel;
SELECT crm.outbox_define_template('site_hello', 'site', '{{name}}，再看看？{{coupon_code}} {{link}}') ->> 'channel' AS channel;
SELECT crm.campaign_edit('popup', '{"template": "site_hello", "link": {"url": "https://shop.example/cart"}, "priority": 5}') ->> 'version' AS version, crm.campaign_start('popup') ->> 'state' AS state;
SELECT crm.campaign_create('popup_all', 'site_long_look', '{"holdout_percent": 0, "place": ["product_page", "home"], "who": {}, "reentry_days": 0, "coupon_type": null, "template": "site_plain"}') ->> 'state' AS state, crm.campaign_start('popup_all') ->> 'state' AS started;

-- 4. more than three minutes and nothing in the cart: just inside, just outside, excluded
SELECT crm.campaign_pause('popup_all') ->> 'state' AS state;
INSERT INTO crm.event (event_id, source_id, source_record_id, type, occurred_at, business_day, received_at, is_history, properties)
SELECT 9597000 + n, 9598, 9599000 + person, type, '2026-09-10T12:00:01+08:00'::timestamptz - age, '2026-09-10', '2026-09-10', false, jsonb_build_object('seconds', seconds)
FROM (VALUES (1, 1, 'product_view', interval '59 minutes', 181), (2, 2, 'product_view', '59 minutes', 180), (3, 3, 'product_view', '61 minutes', 181), (4, 4, 'product_view', '10 minutes', 181), (5, 4, 'add_to_cart', '5 minutes', 0),
    (6, 5, 'page_view', '1 minute', 999), (7, 6, 'page_view', '1 minute', 999), (8, 7, 'page_view', '1 minute', 999)) v (n, person, type, age, seconds);
CREATE FUNCTION pg_temp.visit(person int, session text, place text DEFAULT 'product_page') RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    r jsonb := crm.campaign_offer(place, session, NULL, 'openid', 'oid' || person, 'app1');
BEGIN
    RETURN concat_ws(' ', coalesce(r ->> 'flow', 'nothing'), regexp_replace(regexp_replace(r ->> 'text', '[0-9A-Z]+(-[0-9A-Z]+)+', 'CODE'), '/s/[A-Za-z0-9_-]{22}', '/s/TOKEN'), r #>> '{coupon,coupon_type}', CASE WHEN (r ->> 'is_repeat')::boolean THEN 'again' END);
END $$;
SELECT person, pg_temp.visit(person, 'session-' || person) AS shown FROM unnest('{1,2,3,4}'::int[]) person ORDER BY 1;
-- drawn once more in the session: the same; in the next one: not for seven days; elsewhere: nothing
SELECT pg_temp.visit(1, 'session-1') AS same_session;
SELECT pg_temp.visit(1, 'another-session') AS next_session, pg_temp.visit(5, 'session-5', 'home') AS other_place;
SELECT count(*) AS impressions, count(*) FILTER (WHERE kind = 'sent') AS shown FROM crm.outbox_event e JOIN crm.outbox o USING (customer_id, message_id) WHERE o.channel = 'site' AND o.customer_id = 9598001;
SELECT outcome, arm, occurrence_key ~ '^s:[0-9a-f]{32}$' AS session_is_a_hash FROM crm.occurrence o JOIN crm.flow f USING (flow_id) WHERE f.code = 'popup' AND o.customer_id = 9598001;
-- by priority, then whoever lets pass; the gate holds here, too: the group held out, an equal offer, a quota
SELECT crm.campaign_start('popup_all') ->> 'state' AS state;
SELECT pg_temp.visit(5, 'session-5x') AS higher_first, pg_temp.visit(2, 'session-2x') AS the_other, pg_temp.visit(5, 'session-5h', 'home') AS at_home;
SELECT crm._loyalty_issue(9598006, 'back_80', NULL, NULL) > 0 AS holds_a_better_one;
SELECT pg_temp.visit(6, 'session-6') AS has_an_offer;
SELECT d.step, d.reason FROM crm.decision d JOIN crm.flow f USING (flow_id) WHERE f.code = 'popup' AND d.customer_id = 9598006;
SELECT crm.campaign_edit('popup', '{"holdout_percent": 99}') ->> 'state' AS state;
SELECT count(*) FILTER (WHERE crm._campaign_bucket('holdout', 'popup', 9598007) < 9900) = 1 AS is_held_out, pg_temp.visit(7, 'session-7') AS shown_the_other;
SELECT outcome, arm FROM crm.occurrence o JOIN crm.flow f USING (flow_id) WHERE f.code = 'popup' AND o.customer_id = 9598007;
-- a click counts for it as for any message; what was shown counts against no cap
SELECT l.token AS site_token FROM crm.message_link l WHERE l.customer_id = 9598001 \gset
SELECT crm.campaign_follow(:'site_token') AS led_to, crm.campaign_results('popup') #> '{funnel,sent}' AS shown;
SELECT crm.campaign_results('popup') #> '{funnel,clicked}' AS clicked;
SELECT h.sent AS counted FROM crm._outbox_had('{9598001}', '2026-09-10', 'infinity') h;
-- by phone, by id; nobody, and who is no visitor
SELECT crm.campaign_offer('home', 'session-10', NULL, 'phone', '13985980010') ->> 'flow' AS by_phone, crm.campaign_offer('home', 'session-11', 9598011) ->> 'flow' AS by_id, crm.campaign_offer('home', 'session-12', NULL, 'openid', 'oid999', 'app1') AS nobody;
SELECT set_config('crm.access_claims', (current_setting('crm.access_claims')::jsonb || '{"sandbox": true}')::text, true) <> '' AS sandbox;
SELECT crm.campaign_offer('home', 'session-14', 9598012) AS a_sandbox_key;
SELECT set_config('crm.access_claims', (current_setting('crm.access_claims')::jsonb - 'sandbox')::text, true) <> '' AS no_more;
SELECT pg_temp.try(format('crm.campaign_offer(%s)', args)) AS answer FROM (VALUES (1, $$'home', 'short', 9598001$$), (2, $$'Home', 'session-13', 9598001$$), (3, $$NULL, NULL$$), (4, $$'home', 'session-13'$$), (5, $$'home', 'session-13', NULL, 'horoscope', 'x'$$),
    (6, $$'home', 'session-13', 1$$), (7, $$'home', repeat('x', 201), 9598001$$)) v (n, args) ORDER BY n;
-- what a person answered can be asked by any rule: shown, opened, clicked, redeemed, of a flow, in so many days
SELECT crm.outbox_receipt(message_id, 'opened') ->> 'kind' AS kind FROM pg_temp.link WHERE person = 2;
SELECT crm.loyalty_redeem(k.code, 'site_till', 'O1', NULL, 100) ->> 'state' AS state FROM crm.coupon k WHERE k.customer_id = 9598001 AND k.coupon_type = 'welcome_5';
SELECT n, array(SELECT id - 9598000 FROM unnest(crm._rule_fit(rule, ARRAY(SELECT id FROM one), crm.core_now())) id ORDER BY 1) AS persons
FROM (VALUES (1, '{"kind": "message", "where": {"outcome": "sent", "flow": "popup"}}'::jsonb), (2, '{"kind": "message", "where": {"outcome": "opened"}, "days": 30}'), (3, '{"kind": "message", "where": {"outcome": "clicked", "channel": "site"}}'),
    (4, '{"kind": "redemption", "where": {"flow": "popup"}, "days": 7}'), (5, '{"kind": "message", "where": {"outcome": "clicked"}, "days": [30, 90]}'),
    (6, '{"all": [{"kind": "message", "where": {"flow": "popup_all"}}, {"not": {"kind": "message", "where": {"outcome": "clicked"}}}]}')) r (n, rule) ORDER BY n;
-- forgotten: links of an erased person lead nowhere
SELECT crm.access_erase(9598001, 'asked') IS NOT NULL AS erased;
SELECT pg_temp.try(format('crm.campaign_follow(%L)', :'site_token')) AS led_to;
SELECT * FROM crm.campaign_check();
SELECT * FROM crm.outbox_check();
ROLLBACK;
