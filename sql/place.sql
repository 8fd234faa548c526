-- place: where somebody was is not stored unless the house keeps it and the person agreed; rounded, for some days, gone with the consent.
\set VERBOSITY terse
SET client_min_messages = warning;
SET datestyle = 'ISO';
SET timezone = 'Asia/Shanghai';
BEGIN;
SET LOCAL crm.core_clock = '2026-06-30T12:00:00+08:00';
SELECT set_config('crm.access_claims', '{"actor": "regress", "role": "crm_headquarters", "stores": [], "all": true}', true) <> '' AS claims;
SELECT crm.ingest_define_source('plac_app', '小程序', 'mini_program') > 0 AS app;
CREATE FUNCTION pg_temp.event(no text, phone text, at timestamptz, properties jsonb) RETURNS text LANGUAGE sql AS $$
    SELECT (crm.ingest_event('plac_app', convert_to(jsonb_build_object('external_id', no, 'type', 'store_locate', 'occurred_at', at, 'phone', phone, 'properties', properties)::text, 'UTF8'))).code
$$;
CREATE FUNCTION pg_temp.consent(phone text, state text, at timestamptz) RETURNS text LANGUAGE sql AS $$
    SELECT (crm.ingest_consent('plac_app', convert_to(jsonb_build_object('phone', phone, 'channel', 'location', 'state', state, 'occurred_at', at, 'evidence', 'app 2.1')::text, 'UTF8'))).code
$$;
CREATE FUNCTION pg_temp.who(phone text) RETURNS bigint LANGUAGE sql AS $$ SELECT (crm.identity_lookup('phone', phone) ->> 'customer_id')::bigint $$;
CREATE VIEW pg_temp.kept AS SELECT p.latitude, p.longitude, p.occurred_at AS at FROM crm.event_place p JOIN crm.membership m USING (source_record_id)
    WHERE m.valid_to = 'infinity' AND m.customer_id IN (pg_temp.who('13512347701'), pg_temp.who('13512347702'));

-- 1. as it comes: the house does not want it, and nothing of it is stored
SELECT (crm.ingest_member('plac_app', convert_to(jsonb_build_object('external_id', n, 'name', '位' || n, 'phone', '1351234770' || n)::text, 'UTF8'))).code FROM generate_series(1, 2) n;
SELECT pg_temp.consent('13512347701', 'yes', '2026-06-29 09:00+08'), pg_temp.event('e0', '13512347701', '2026-06-30 10:00+08', '{"store": "S1", "latitude": 31.230416, "longitude": 121.473701}');
SELECT count(*) AS kept FROM pg_temp.kept;
SELECT e.properties FROM crm.event e JOIN crm.membership m USING (source_record_id) WHERE m.customer_id = pg_temp.who('13512347701') AND m.valid_to = 'infinity';

-- 2. wanted: of who agreed, rounded; not of who did not, nor what is no place on earth, nor what is old already; what stands for it under other names goes, too
UPDATE crm.room_setting SET value = '7' WHERE name = 'event.place_days';
SELECT n, pg_temp.event('e' || n, phone, at, properties) AS said FROM (VALUES (1, '13512347701', timestamptz '2026-06-30 11:00+08', '{"latitude": 31.230416, "longitude": 121.473701, "store": "S1"}'::jsonb),
    (2, '13512347702', '2026-06-30 11:00+08', '{"latitude": 31.2, "longitude": 121.4}'), (3, '13512347701', '2026-06-30 11:10+08', '{"lat": "-12.5", "lng": "130.85"}'), (4, '13512347701', '2026-06-30 11:20+08', '{"latitude": 95, "longitude": 121.4}'),
    (5, '13512347701', '2026-06-30 11:30+08', '{"latitude": "north", "longitude": []}'), (6, '13512347701', '2026-06-20 11:00+08', '{"latitude": 31.2, "longitude": 121.4}'), (7, '13512347701', '2026-06-30 11:40+08', '{"gps": "31.2,121.4", "page": "home"}')) v (n, phone, at, properties) ORDER BY n;
TABLE pg_temp.kept;
SELECT count(*) AS events, count(*) FILTER (WHERE e.properties ?| crm._event_position_names()) AS with_a_position FROM crm.event e WHERE e.type = 'store_locate' AND e.source_id = (SELECT s.source_id FROM crm.source s WHERE s.code = 'plac_app');
SELECT pg_temp.event('e1', '13512347701', '2026-06-30 11:00+08', '{"latitude": 31.230416, "longitude": 121.473701, "store": "S1"}') AS again, count(*) AS kept FROM pg_temp.kept;

-- 3. read by headquarters, on the trail; in the export of the person
SELECT at, type, latitude, longitude FROM crm.report_track(pg_temp.who('13512347701'));
SELECT count(*) AS of_yesterday FROM crm.report_track(pg_temp.who('13512347701'), '2026-06-29', '2026-06-29');
SELECT action, object_kind, field, count(*) FROM crm.audit WHERE action = 'track' AND object_id = pg_temp.who('13512347701') GROUP BY 1, 2, 3;
SELECT crm._event_on_export(pg_temp.who('13512347701')) -> 'places' -> 0 AS exported;

-- 4. gone after its days, at once with the consent, and with the person
SET LOCAL crm.core_clock = '2026-07-07T11:05:00+08:00';
SELECT count(*) AS shown FROM crm.report_track(pg_temp.who('13512347701'));
SELECT crm._ingest_places_job() AS more;
TABLE pg_temp.kept;
SELECT pg_temp.consent('13512347701', 'no', '2026-07-07 11:00+08');
SELECT count(*) AS shown FROM crm.report_track(pg_temp.who('13512347701'));
SELECT crm._ingest_places_job() AS more;
SELECT count(*) AS kept FROM pg_temp.kept;
SELECT crm.outbox_set_consent(pg_temp.who('13512347702'), 'location', 'yes', 'said at the counter') ->> 'state' AS agreed, pg_temp.event('f1', '13512347702', '2026-07-07 11:00+08', '{"latitude": 31.2, "longitude": 121.4}') AS told;
SELECT count(*) AS kept FROM pg_temp.kept;
SELECT crm._event_on_erase(pg_temp.who('13512347702'));
SELECT count(*) AS kept FROM pg_temp.kept;
ROLLBACK;
