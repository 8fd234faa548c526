-- visitor: what somebody did before anybody knew who they are is theirs from the registration on, once, whichever comes first.
\set VERBOSITY terse
SET client_min_messages = warning;
SET datestyle = 'ISO';
SET timezone = 'Asia/Shanghai';
BEGIN;
SET LOCAL crm.core_clock = '2026-03-31T12:00:00+08:00';
SELECT set_config('crm.access_claims', '{"actor": "regress", "role": "crm_headquarters", "stores": [], "all": true}', true) <> '' AS claims;
SELECT crm.ingest_define_source('visi_app', 'app', 'mini_program') > 0 AS app, crm.ingest_define_source('visi_till', 'till', 'pos') > 0 AS till;
CREATE FUNCTION pg_temp.event(no text, type text, at timestamptz, VARIADIC ids text[]) RETURNS text LANGUAGE sql AS $$
    SELECT (crm.ingest_event('visi_app', convert_to((jsonb_build_object('external_id', no, 'type', type, 'occurred_at', at) || jsonb_object(ids))::text, 'UTF8'))).code
$$;
CREATE FUNCTION pg_temp.member(source text, no text, VARIADIC fields text[]) RETURNS bigint LANGUAGE sql AS $$
    SELECT (crm.ingest_member(source, convert_to((jsonb_build_object('external_id', no) || jsonb_object(fields))::text, 'UTF8'))).customer_id
$$;
CREATE FUNCTION pg_temp.did(person bigint) RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(e.type, ' ' ORDER BY e.occurred_at) FROM crm.membership m JOIN crm.event e USING (source_record_id) WHERE m.customer_id = person AND m.valid_to = 'infinity'
$$;

-- looked around under an openid; registers under it at the counter's form, with a phone: all is theirs, and what they do next
SELECT pg_temp.event('e1', 'page_view', '2026-03-30 10:00+08', 'openid', 'visitor_openid_0001', 'openid_app', 'wx1') AS first, pg_temp.event('e2', 'product_view', '2026-03-30 10:05+08', 'openid', 'visitor_openid_0001', 'openid_app', 'wx1') AS second;
SELECT c.status, c.name_masked FROM crm.membership m JOIN crm.event e USING (source_record_id) JOIN crm.customer c USING (customer_id) WHERE e.external_id = 'e1' AND m.valid_to = 'infinity';
SELECT pg_temp.member('visi_till', 'M1', 'name', '王小明', 'phone', '13812349901', 'openid', 'visitor_openid_0001', 'openid_app', 'wx1') AS person \gset
SELECT pg_temp.did(:person) AS joined;
SELECT pg_temp.event('e3', 'add_to_cart', '2026-03-31 11:00+08', 'phone', '13812349901') AS third, pg_temp.event('e1', 'page_view', '2026-03-30 10:00+08', 'openid', 'visitor_openid_0001', 'openid_app', 'wx1') AS again;
SELECT pg_temp.did(:person) AS all_once, count(DISTINCT m.customer_id) AS persons FROM crm.membership m JOIN crm.event e USING (source_record_id) WHERE e.external_id IN ('e1', 'e2', 'e3') AND m.valid_to = 'infinity';
SELECT crm.rule_matches('{"kind": "event", "measure": "count", "where": {"type": "product_view"}, "op": "=", "value": 1}', :person) AS counted_once;
-- the registration first, an event under the other account's openid later, tied by the unionid
SELECT pg_temp.member('visi_till', 'M2', 'name', '李雷', 'phone', '13812349902', 'unionid', 'visitor_union_0002') AS other \gset
SELECT pg_temp.event('e4', 'search', '2026-03-31 09:00+08', 'openid', 'visitor_openid_0002', 'openid_app', 'wx1', 'unionid', 'visitor_union_0002') AS late, pg_temp.did(:other) AS theirs;
-- a shop's tablet is nobody: what was done on it stays with the device, whoever registers on it
SELECT pg_temp.event('e5', 'page_view', '2026-03-31 09:30+08', 'device', 'tablet-7') AS on_the_tablet, pg_temp.event('e6', 'register', '2026-03-31 09:31+08', 'device', 'tablet-7', 'phone', '13812349902') AS registers;
SELECT pg_temp.did(:other) AS not_the_tablets;
ROLLBACK;
