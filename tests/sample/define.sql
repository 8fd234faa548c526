-- Regions, stores and staff of a generated chain, and where its messages go:
--   psql -v chain=DIR -v receiver_port=N -f define.sql
\set ON_ERROR_STOP 1
CREATE TEMP TABLE region_row (code text, name text);
CREATE TEMP TABLE store_row (code text, name text, region text, city text, district text, phone text, opened_on date, time_zone text);
CREATE TEMP TABLE staff_row (code text, name text, role name, store text, region text, joined_on date, left_on date);
\set copy_regions '\\copy region_row FROM ' :chain '/regions.csv CSV HEADER'
\set copy_stores '\\copy store_row FROM ' :chain '/stores.csv CSV HEADER'
\set copy_staff '\\copy staff_row FROM ' :chain '/staff.csv CSV HEADER'
:copy_regions
:copy_stores
:copy_staff
SELECT crm.access_define_region(code, name) FROM region_row ORDER BY code;
SELECT crm.access_define_store(code, name, region, city, time_zone, opened_on) FROM store_row ORDER BY code;
SELECT crm.access_define_staff(code, name, role,
    CASE WHEN store IS NOT NULL THEN ARRAY['store:' || store] WHEN region IS NOT NULL THEN ARRAY['region:' || region] ELSE '{}'::text[] END,
    lower(code))
FROM staff_row ORDER BY code;
SELECT crm.access_staff_left(code) FROM staff_row WHERE left_on IS NOT NULL ORDER BY code;
SELECT crm.access_define_staff('HQ01', '总部运营', 'crm_headquarters', ARRAY['all'], 'hq01');
SELECT crm.access_define_staff('MK01', '市场专员', 'crm_marketer', ARRAY['all'], 'mk01');
SELECT crm.access_define_staff('DS01', '数据管家', 'crm_steward', ARRAY['all'], 'ds01');
-- messages go to the receiver beside the gateway
SELECT length(crm.outbox_define_endpoint('local', 'http://127.0.0.1:' || :'receiver_port' || '/', NULL,
    '{"is_private_allowed": true, "max_concurrency": 32}')) > 0 AS endpoint_is_defined;
SELECT crm.outbox_set_channel(channel, 'local') FROM crm.channel ORDER BY channel;
