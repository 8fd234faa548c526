-- things: what a device reports that a customer owns is the owner's, by the number on it; what customers publish earns them points and a level, under whatever id it was published.
\set VERBOSITY terse
SET client_min_messages = warning;
SET datestyle = 'ISO';
SET timezone = 'Asia/Shanghai';
BEGIN;
SET LOCAL crm.core_clock = '2026-06-30T09:00:00+08:00';
SELECT set_config('crm.access_claims', '{"actor": "regress", "role": "crm_headquarters", "stores": [], "all": true}', true) <> '' AS claims;
SELECT crm.access_define_region('THIN', '区') > 0 AS region, crm.access_define_store('THIN1', '一店', 'THIN', '上海') > 0 AS store, crm.ingest_define_source('thin_till', '收银', 'pos', '{"channel": "store"}') > 0 AS till,
       crm.ingest_define_source('thin_iot', '设备云', 'api', '{"channel": "device"}') > 0 AS iot, crm.ingest_define_source('thin_app', '小程序', 'mini_program', '{"channel": "mini_program"}') > 0 AS app;
SELECT length(crm.outbox_define_endpoint('thin_end', 'http://127.0.0.1:9/', NULL, '{"is_private_allowed": true}')) > 0 AS endpoint, crm.outbox_set_channel('sms', 'thin_end');
SET LOCAL world.till = 'thin_till';
SET LOCAL world.store = 'THIN1';
SET LOCAL world.phones = '136';
\i sql/shared/flow_world.sql
CREATE FUNCTION pg_temp.tell(source text, kind text, body jsonb) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    answer text;
BEGIN
    EXECUTE format('SELECT (r).code FROM crm.ingest_%s($1, $2) r', kind) INTO answer USING source, convert_to(body::text, 'UTF8');
    RETURN answer;
END $$;
CREATE FUNCTION pg_temp.used(no text, serial text, at timestamptz, cycles int, type text DEFAULT 'device_use') RETURNS text LANGUAGE sql AS $$
    SELECT pg_temp.tell('thin_iot', 'event', jsonb_build_object('external_id', no, 'member_external_id', serial, 'type', type, 'occurred_at', at, 'properties', jsonb_build_object('model', 'oven-2', 'cycles', cycles, 'minutes', cycles * 40)))
$$;
CREATE FUNCTION pg_temp.theirs(person bigint) RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(e.type || ' ' || coalesce(e.properties ->> 'cycles', '-'), ', ' ORDER BY e.occurred_at) FROM crm.membership m JOIN crm.event e USING (source_record_id) WHERE m.customer_id = person AND m.valid_to = 'infinity'
$$;

-- 1. an oven that runs before anybody registered it is nobody's; with the owner's phone all of it is theirs, once
SELECT count(*) AS described, bool_and(is_seeded) AS seeded FROM crm.event_type WHERE code IN ('device_use', 'device_alert', 'ugc_post');
SELECT pg_temp.used('u1', 'SN-1', '2026-06-28 10:00+08', 2) AS early, pg_temp.member('owner') AS owner;
SELECT pg_temp.theirs(pg_temp.person('owner')) AS not_yet;
SELECT pg_temp.tell('thin_iot', 'member', jsonb_build_object('external_id', 'SN-1', 'phone', '136' || lpad((abs(hashtext('owner')) % 100000000)::text, 8, '0'))) AS registered;
SELECT pg_temp.used('u2', 'SN-1', '2026-06-29 10:00+08', 3) AS later, pg_temp.used('u2', 'SN-1', '2026-06-29 10:00+08', 3) AS repeated, pg_temp.used('u3', 'SN-2', '2026-06-29 10:00+08', 50) AS of_another;
SELECT pg_temp.theirs(pg_temp.person('owner')) AS all_once;
-- a question about use, a reason to write
SELECT crm.rule_matches('{"kind": "event", "measure": "count", "where": {"type": "device_use"}, "days": 7, "op": ">=", "value": 2}', pg_temp.person('owner')) AS used_twice,
       crm.rule_matches('{"kind": "event", "where": {"type": "device_use", "properties.cycles": {"op": ">=", "value": 10}}}', pg_temp.person('owner')) AS wears_out;
SELECT crm.campaign_create('thin_alert', 'browse', '{"holdout_percent": 0, "cap_messages": 99, "offer_days": 0, "event": {"kind": "event", "types": ["device_alert"]}}') IS NOT NULL AS made, crm.campaign_start('thin_alert') ->> 'state' AS started;
SET LOCAL crm.core_clock = '2026-06-30T10:00:00+08:00';
SELECT pg_temp.used('a1', 'SN-1', '2026-06-30 09:50+08', 0, 'device_alert') AS alert;
SELECT count(*) AS owner_enters FROM crm.enrolment e JOIN crm.flow f USING (flow_id) WHERE f.code = 'thin_alert' AND e.customer_id = pg_temp.person('owner');
-- what it told is on the timeline
SELECT count(*) AS on_the_timeline FROM crm.report_timeline(pg_temp.person('owner'), NULL, 50) t WHERE to_jsonb(t)::text LIKE '%device_%';

-- 2. what is published earns points up to a bound of the day, and a level by how much was published; it stays with who the author turns out to be
SELECT crm.loyalty_define_points('thin_ugc', '{"kind": "event", "event_type": "ugc_post", "rate": 20, "daily_limit": 2, "valid_from": "2026-01-01"}') IS NOT NULL AS points,
       crm.loyalty_define_level('thin_author', '{"position": 900, "name_zh": "内容达人", "reach": {"kind": "event", "measure": "count", "where": {"type": "ugc_post"}, "days": 90, "op": ">=", "value": 3}, "keep_days": 90}') IS NOT NULL AS level;
CREATE FUNCTION pg_temp.posts(no text, at timestamptz) RETURNS text LANGUAGE sql AS $$
    SELECT pg_temp.tell('thin_app', 'event', jsonb_build_object('external_id', no, 'openid', 'thin_openid_1', 'openid_app', 'wx9', 'type', 'ugc_post', 'occurred_at', at, 'object_id', no, 'properties', jsonb_build_object('platform', 'red', 'text', '蛋糕很好看', 'url', 'https://example.com/p')))
$$;
CREATE FUNCTION pg_temp.stands(person bigint) RETURNS text LANGUAGE sql AS $$
    SELECT concat_ws(' ', crm._loyalty_available(person), coalesce((SELECT l.level FROM crm._loyalty_level(person) l), 'no level'))
$$;
SELECT pg_temp.member('author') AS author;
SELECT pg_temp.posts('p1', '2026-06-29 10:00+08'), pg_temp.posts('p2', '2026-06-29 11:00+08'), pg_temp.posts('p3', '2026-06-29 12:00+08'), pg_temp.posts('p1', '2026-06-29 10:00+08') AS again;
SELECT pg_temp.stands(pg_temp.person('author')) AS before_known;
SELECT pg_temp.tell('thin_till', 'member', jsonb_build_object('external_id', 'author', 'openid', 'thin_openid_1', 'openid_app', 'wx9', 'phone', '136' || lpad((abs(hashtext('author')) % 100000000)::text, 8, '0'), 'name', '张author', 'store_code', 'THIN1', 'registered_at', '2026-01-01T10:00:00+08:00', 'consent_sms', 'yes')) AS known;
SELECT pg_temp.stands(pg_temp.person('author')) AS once_known, pg_temp.stands(pg_temp.person('owner')) AS nobody_else;
ROLLBACK;
