-- report: the counter card and a person in one look: value and what is missing to the next tier, points, level, tags, tasks; who sees which.
\set VERBOSITY terse
SET client_min_messages = warning;
SET datestyle = 'ISO';
SET timezone = 'Asia/Shanghai';
BEGIN;
SET LOCAL crm.core_clock = '2026-06-30T12:00:00+08:00';
SELECT set_config('crm.access_claims', '{"actor": "regress", "role": "crm_headquarters", "stores": [], "all": true}', true) <> '' AS claims;
\i sql/shared/try_remedy.sql
SELECT crm.access_define_region('rp_r', 'r') > 0 AS region, crm.access_define_store('rp_1', 'one', 'rp_r') AS s1, crm.access_define_store('rp_2', 'two', 'rp_r') AS s2 \gset
SELECT crm.access_define_staff('rp_c', 'clerk', 'crm_clerk', ARRAY['store:rp_1']) AS clerk, crm.access_define_staff('rp_o', 'other', 'crm_clerk', ARRAY['store:rp_2']) AS other \gset
SELECT crm.ingest_define_source('rp_till', 'till', 'pos', '{"channel": "store"}') > 0 AS till;
CREATE FUNCTION pg_temp.buy(member text, no int, day date, amount numeric) RETURNS text LANGUAGE sql AS $$
    SELECT r.code FROM crm.ingest_order('rp_till', convert_to(jsonb_build_object('external_id', member || no, 'member_external_id', member, 'store_code', 'rp_1', 'ordered_at', day || 'T10:00:00+08:00', 'amount', amount)::text, 'UTF8')) r $$;
SELECT customer_id AS one FROM crm.ingest_member('rp_till', '{"external_id": "RP1", "name": "林悦", "phone": "13725000001", "store_code": "rp_1", "registered_at": "2026-01-01T10:00:00+08:00"}') \gset
SELECT customer_id AS two FROM crm.ingest_member('rp_till', '{"external_id": "RP2", "name": "何静", "phone": "13725000002", "store_code": "rp_1", "registered_at": "2026-01-01T10:00:00+08:00"}') \gset

-- 1. the next tier is the nearest that buying reaches. Nobody who never bought is near S; two days in 90 lack one to A; an A with one day of 30 lacks one more and the rest of 300 to S; an S lacks nothing
CREATE FUNCTION pg_temp.next() RETURNS text LANGUAGE sql AS $$
    SELECT concat_ws(' | ', crm.report_person(p.id) #>> '{value,tier}', n ->> 'tier', (SELECT string_agg(concat_ws(' ', m ->> 'metric', m ->> 'days', m ->> 'op', m ->> 'value', 'has', m ->> 'found'), ', ') FROM jsonb_array_elements(n -> 'missing') m))
    FROM (SELECT current_setting('rp.one')::bigint AS id) p, LATERAL (SELECT crm.report_person(p.id) -> 'next_tier' AS n) x $$;
SELECT set_config('rp.one', :'one', true) = :'one' AS set;
SELECT pg_temp.next() AS never;
SELECT pg_temp.buy('RP1', 1, '2026-04-20', 80), pg_temp.buy('RP1', 2, '2026-05-05', 80);
SELECT pg_temp.next() AS two_days;
SELECT pg_temp.buy('RP1', 3, '2026-06-20', 120.50);
SELECT pg_temp.next() AS three_days;
SELECT pg_temp.buy('RP1', 4, '2026-06-29', 179.50);
SELECT pg_temp.next() AS three_hundred;
SELECT pg_temp.buy('RP1', 5, '2026-06-28', 0.01);
SELECT pg_temp.next() AS best;

-- 2. points, level, tags and tasks, and the same of somebody who has none
SELECT crm.loyalty_adjust(:one, 120, 'a gift') ->> 'available' AS given;
SELECT crm.loyalty_define_level('rp_gold', '{"position": 900, "name_zh": "金卡", "name_en": "gold", "reach": {"kind": "purchase", "measure": "count", "op": ">=", "value": 1000}}') IS NOT NULL AS defined;
SELECT crm.loyalty_set_level(:one, 'rp_gold', 'a friend of the house') ->> 'level' AS level;
SELECT crm.segment_define_tag('rp_vip', '贵宾', 'base', NULL, 'manual', 'guest') IS NOT NULL AS tag, crm.segment_tag_person(:one, 'rp_vip') IS NOT NULL AS tagged;
SELECT count(*) AS tags_there_are, count(*) FILTER (WHERE t ->> 'tag' = 'rp_vip' AND t ->> 'layer' = 'base') AS mine FROM crm.segment_tags() t WHERE t ->> 'tag' LIKE 'rp%';
SELECT set_config('crm.access_claims', json_build_object('actor', 'rp_c', 'staff_id', :clerk, 'role', 'crm_clerk', 'stores', ARRAY[:s1], 'all', false)::text, true) <> '' AS clerk;
SELECT crm.sales_task_create(:one, '回访', '2026-07-02') IS NOT NULL AS task;
SELECT p ->> 'points' AS points, p #>> '{level,name_en}' AS level, (SELECT string_agg(t ->> 'tag', ' ') FROM jsonb_array_elements(p -> 'tags') t WHERE t ->> 'kind' = 'manual') AS tags, p #>> '{tasks,0,title}' AS task, jsonb_array_length(p -> 'tasks') AS tasks
FROM crm.report_person(:one) p;
-- one call for all of it: who he is to which system, what he bought, is worth, holds, agreed to, and what is to be done for him
SELECT crm.outbox_set_consent(:one, 'sms', 'yes', 'said at the counter', 'rp-consent') IS NOT NULL AS agreed;
SELECT crm.loyalty_define_coupon('rp_10', '{"name_zh": "10元券", "kind": "amount", "value": 10, "valid_days": 10}') IS NOT NULL AS type, crm._loyalty_issue(:one, 'rp_10', NULL, NULL) IS NOT NULL AS coupon;
SELECT (SELECT string_agg(concat_ws(' ', r ->> 'source', r ->> 'external_id'), ', ') FROM jsonb_array_elements(p -> 'records') r) AS identities,
       (SELECT string_agg(concat_ws(' ', i ->> 'kind', i ->> 'masked'), ', ') FROM jsonb_array_elements(p -> 'identifiers') i) AS by,
       (SELECT count(*) FROM jsonb_array_elements(p -> 'timeline') e WHERE e ->> 'kind' = 'order') AS orders, p #>> '{value,tier}' AS tier, p ->> 'points' AS points,
       (SELECT string_agg(t ->> 'tag', ' ') FROM jsonb_array_elements(p -> 'tags') t WHERE t ->> 'kind' = 'manual') AS tags,
       (SELECT string_agg(c ->> 'coupon_type', ' ') FROM jsonb_array_elements(p -> 'coupons') c) AS coupons, jsonb_array_length(p -> 'tasks') AS tickets, p #>> '{consents,sms}' AS sms
FROM crm.report_person(:one) p;
SELECT p ->> 'points' AS points, p -> 'level' AS level, p #>> '{next_tier,tier}' AS next, jsonb_array_length(p -> 'tasks') AS tasks FROM crm.report_person(:two) p;

-- 3. the card answers for the chain: masked, with points, without phone; a clerk of another store opens nothing
SELECT set_config('crm.access_claims', json_build_object('actor', 'rp_o', 'staff_id', :other, 'role', 'crm_clerk', 'stores', ARRAY[:s2], 'all', false)::text, true) <> '' AS other_clerk;
SELECT j ->> 'name' AS name, j ->> 'in_scope' AS in_scope, j ->> 'tier' AS tier, j ->> 'points' AS points, j ? 'phone' AS has_phone, j::text ~ '13725000001|林悦' AS tells FROM crm.report_card('phone', '137 2500 0001') j;
SELECT call, pg_temp.try(call) AS answer FROM (VALUES (1, format('crm.report_person(%s)', :one)), (2, 'crm.report_person(NULL)'), (3, 'crm.report_person(-1)'), (4, $$crm.report_card('phone', '13799999999')$$), (5, $$crm.report_card('phone', NULL)$$),
    (6, $$crm.report_card('shoe', '42')$$), (7, $$crm.report_card(NULL, NULL, NULL)$$)) v(n, call) WHERE n > 1 ORDER BY n;
SELECT pg_temp.try(format('crm.report_person(%s)', :one)) AS not_mine;
-- a family behind one number and one masked name: who is in scope is told apart by sex, store and purchases, of another store's no more is said than on the card
SAVEPOINT family;
SELECT ms.customer_id AS son, md.customer_id AS daughter, ms.customer_id <> md.customer_id AS are_two
FROM crm.ingest_member('rp_till', '{"external_id": "RP8", "name": "高建国", "phone": "13725000008", "sex": "m", "store_code": "rp_1", "birthday": "1970-03-04", "registered_at": "2026-01-01T10:00:00+08:00"}') ms,
     crm.ingest_member('rp_till', '{"external_id": "RP9", "name": "高晓洋", "phone": "13725000008", "sex": "f", "store_code": "rp_2", "birthday": "1995-06-07", "registered_at": "2026-01-02T10:00:00+08:00"}') md \gset
SELECT :'are_two' AS are_two;
CREATE FUNCTION pg_temp.told(claims json, OUT answers text, OUT told_apart_by text, OUT tells_more boolean) LANGUAGE plpgsql AS $$
DECLARE j jsonb; a jsonb;
BEGIN
    PERFORM set_config('crm.access_claims', claims::text, true);
    j := crm.report_card('phone', '13725000008');
    a := j #> '{also,0}';
    answers := concat_ws(' ', j ->> 'name', j ->> 'in_scope', j ->> 'sex', j ->> 'store_name', j ->> 'registered_on', j ->> 'tier');
    told_apart_by := concat_ws(' ', a ->> 'name', a ->> 'in_scope', a ->> 'sex', a ->> 'store_name', a ->> 'registered_on', a ->> 'tier');
    tells_more := a ? 'sex' OR a ? 'last_day' OR a ? 'store_name';
END $$;
SELECT who, told.* FROM (VALUES (1, 'her clerk', json_build_object('actor', 'rp_o', 'staff_id', :other, 'role', 'crm_clerk', 'stores', ARRAY[:s2], 'all', false)), (2, 'his clerk', json_build_object('actor', 'rp_c', 'staff_id', :clerk, 'role', 'crm_clerk', 'stores', ARRAY[:s1], 'all', false)),
    (3, 'headquarters', '{"actor": "regress", "role": "crm_headquarters", "stores": [], "all": true}'::json)) v(n, who, claims), pg_temp.told(claims) told ORDER BY n;
ROLLBACK TO family;

-- 4. one rule for all figures: whose are they? null: the whole chain, who belongs to no store included. A row a role: as seen by its policies, by _access_sees(), by boards
CREATE FUNCTION pg_temp.reach(claims text) RETURNS TABLE (sees_all boolean, sees_nobodys boolean, board text) LANGUAGE plpgsql AS $$
DECLARE
    nobodys bigint := (SELECT c.customer_id FROM crm.customer c WHERE c.status = 'active' AND c.scope_store_ids = '{}' LIMIT 1);
BEGIN
    PERFORM set_config('crm.access_claims', claims, true);
    RETURN QUERY SELECT crm._access_sees_all(), crm._report_sees(nobodys), coalesce(cardinality(crm._report_scope(NULL, NULL))::text, 'chain');
END
$$;
UPDATE crm.customer SET scope_store_ids = '{}' WHERE customer_id = :two;
SELECT r.role, x.* FROM unnest('{crm_store_manager,crm_manager,crm_steward,crm_marketer,crm_analyst,crm_headquarters,crm_reader}'::text[]) WITH ORDINALITY r (role, n),
    pg_temp.reach(json_build_object('actor', 'rp_r', 'staff_id', :other, 'role', r.role, 'stores', ARRAY[:s2], 'all', r.role IN ('crm_steward', 'crm_marketer', 'crm_analyst', 'crm_headquarters'))::text) x ORDER BY r.n;
SELECT x.sees_all, x.sees_nobodys, x.board = (SELECT count(*)::text FROM crm.store) AS board_of_all_stores
FROM pg_temp.reach(json_build_object('actor', 'rp_r', 'staff_id', :other, 'role', 'crm_manager', 'stores', '{}'::int[], 'all', true)::text) x;
SELECT 'a superuser' AS role, x.* FROM pg_temp.reach('') x;
ROLLBACK;
