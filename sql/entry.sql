-- entry: the form in which a role registers customers, held to by the enrolment; who registers and looks after; colleagues whom a note names;
-- codes shown on a channel; what brought an entry of the timeline about.
\set VERBOSITY terse
SET client_min_messages = warning;
SET datestyle = 'ISO';
SET timezone = 'UTC';
BEGIN;
SET LOCAL crm.core_clock = '2026-04-01T10:00:00+08:00';
SELECT crm.access_define_region('ent', 'ent') IS NOT NULL AS region, crm.access_define_store('ent_s1', 'one', 'ent') AS s1, crm.access_define_store('ent_s2', 'two', 'ent') AS s2 \gset
SELECT crm.access_define_staff('ent_e1', '王芳', 'crm_clerk', '{store:ent_s1}') AS e1, crm.access_define_staff('ent_e2', '李雷', 'crm_clerk', '{store:ent_s1}') AS e2,
       crm.access_define_staff('ent_e3', 'far', 'crm_clerk', '{store:ent_s2}') AS e3, crm.access_define_staff('ent_hq', 'hq', 'crm_headquarters', '{all}') AS hq \gset
CREATE FUNCTION pg_temp.try(call text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    field text;
    remedy text;
BEGIN
    EXECUTE 'SELECT ' || call;
    RETURN 'taken';
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS field = COLUMN_NAME, remedy = PG_EXCEPTION_HINT;
    RETURN concat_ws(' | ', SQLSTATE, nullif(field, ''), remedy);
END $$;
CREATE FUNCTION pg_temp.act(code text, staff int, role text, store int DEFAULT NULL) RETURNS boolean LANGUAGE sql AS $$
    SELECT set_config('crm.access_claims', json_build_object('actor', code, 'staff_id', staff, 'role', 'crm_' || role,
        'stores', CASE WHEN store IS NULL THEN '{}'::int[] ELSE ARRAY[store] END, 'all', store IS NULL)::text, true) <> ''
$$;

-- 1. until somebody says otherwise the form has three fields; the role's own is answered, another's is not
SELECT pg_temp.act('ent_e1', :e1, 'clerk', :s1) AS clerk;
SELECT crm.ingest_entry_form() AS form;
SELECT pg_temp.try($$crm.ingest_entry_form('service')$$) AS another, pg_temp.try($$crm.ingest_entry_form('marketer')$$) AS nobodys, pg_temp.try($$crm.ingest_define_entry_form('clerk', '[]')$$) AS no_form;
SELECT n, pg_temp.try(format('crm.ingest_define_entry_form(%L, %L)', 'clerk', f)) AS answer FROM (VALUES
    (1, NULL), (2, '7'), (3, '[{"field": "phone", "is_required": true}, 7]'), (4, '[{"field": "phone", "is_required": true}, {"field": "shoe", "is_required": true}]'),
    (5, '[{"field": "phone", "is_required": true}, {"field": "name", "is_required": "yes"}]'), (6, '[{"field": "phone", "is_required": true}, {"field": "phone", "is_required": true}]'),
    (7, '[{"field": "phone", "is_required": true}, {"field": "name", "is_required": false}]'), (8, '[{"field": "phone", "is_required": true}, {"field": "name", "is_required": true}, {"field": "custom.points", "is_required": false}]')) v (n, f) ORDER BY n;

-- 2. headquarters says what clerks enter; it holds at once, for clerks alone; a repeat of the call is one version
SELECT pg_temp.act('ent_hq', :hq, 'headquarters') AS hq;
SELECT crm.ingest_define_entry_form('clerk', '[{"field": "name", "is_required": true}, {"field": "phone", "is_required": true}, {"field": "custom.diet", "is_required": true, "colour": "red"}, {"field": "sex", "is_required": false}]', 'form-1') ->> 'version' AS version;
SELECT crm.ingest_define_entry_form('clerk', '[{"field": "name", "is_required": true}, {"field": "phone", "is_required": true}, {"field": "custom.diet", "is_required": true, "colour": "red"}, {"field": "sex", "is_required": false}]', 'form-1') ->> 'version' AS again;
SELECT f ->> 'field' AS field, f ->> 'type' AS type, f -> 'is_required' AS is_required, f ->> 'name_en' AS name FROM jsonb_array_elements(crm.ingest_entry_form('clerk') -> 'fields') f;
SELECT jsonb_array_length(j -> 'versions') AS versions, j -> 'versions' -> 0 ->> 'changed_by' AS by, (SELECT count(*) FROM jsonb_array_elements(j -> 'known') k WHERE k ->> 'field' = 'custom.points') AS computed
FROM crm.ingest_entry_forms('clerk') j;
SELECT crm.ingest_entry_form('store_manager') -> 'version' AS untouched;
SELECT pg_temp.act('ent_e1', :e1, 'clerk', :s1) AS clerk;
SELECT call, pg_temp.try(call) AS answer FROM (VALUES
    (1, $$crm.ingest_enrol('李雷', '13812341001')$$), (2, $$crm.ingest_enrol('李雷', '13812341001', fields => '{"custom.diet": []}')$$), (3, $$crm.ingest_enrol('李雷', '13812341001', '1990-05-01', fields => '{"custom.diet": ["素食"]}')$$),
    (4, $$crm.ingest_enrol('李雷', '13812341001', fields => '{"custom.diet": ["沙子"]}')$$), (5, $$crm.ingest_enrol('李雷', '13812341001', fields => '[1]')$$),
    (6, $$crm.ingest_enrol('李雷', '13812341001', fields => '{"custom.diet": ["素食"], "store_code": "ent_s2"}')$$), (7, $$crm.ingest_enrol('李雷', '13812341001', fields => '{"custom.diet": ["素食"], "name": "别人"}')$$)) v (n, call) ORDER BY n;
SELECT (crm.ingest_enrol('韩梅', '13812341002', fields => '{"custom.diet": ["素食", "低盐"], "sex": "f", "custom.constitution": null, "city": "  "}') ->> 'customer_id')::bigint AS person \gset
SELECT c.sex, c.custom, c.home_store_id = :s1 AS here FROM crm.customer c WHERE c.customer_id = :person;
SELECT f ->> 'name_en' AS field, f -> 'value' AS value FROM jsonb_array_elements(crm.report_person(:person) -> 'fields') f;
-- the earlier form is given again, and holds
SELECT pg_temp.act('ent_hq', :hq, 'headquarters') AS hq;
SELECT crm.ingest_define_entry_form('clerk', '[{"field": "phone", "is_required": true}, {"field": "name", "is_required": true}, {"field": "birthday", "is_required": false}]') ->> 'version' AS version;
SELECT pg_temp.act('ent_e1', :e1, 'clerk', :s1) AS clerk;
SELECT crm.ingest_enrol('李雷', '13812341001', '1990-05-01') ->> 'outcome' AS outcome;

-- a field that is no longer offered is neither drawn nor demanded
SELECT pg_temp.act('ent_hq', :hq, 'headquarters') AS hq;
SELECT crm.ingest_define_field('member', 'ent_shoe', 'text', '鞋码', 'shoe') IS NOT NULL AS defined;
SELECT crm.ingest_define_entry_form('clerk', '[{"field": "phone", "is_required": true}, {"field": "custom.ent_shoe", "is_required": true}, {"field": "name", "is_required": true}]') ->> 'version' AS version;
SELECT pg_temp.act('ent_e1', :e1, 'clerk', :s1) AS clerk;
SELECT pg_temp.try($$crm.ingest_enrol('赵敏', '13812341009')$$) AS needed;
DELETE FROM crm.custom_field WHERE code = 'ent_shoe';
SELECT f ->> 'field' AS field FROM jsonb_array_elements(crm.ingest_entry_form() -> 'fields') f;
SELECT crm.ingest_enrol('赵敏', '13812341009') ->> 'outcome' AS outcome, pg_temp.try($$crm.ingest_enrol('赵敏', '13812341009', fields => '{"custom.ent_shoe": "38"}')$$) AS not_asked;

-- 3. whoever registers looks after the customer, when the chain wants it and nobody does
SELECT crm.sales_owner(:person) -> 'owner' AS nobody;
SELECT pg_temp.act('ent_hq', :hq, 'headquarters') AND crm.access_set_setting('sales.enroller_owns', 'true') = 'false' AS wanted;
SELECT pg_temp.act('ent_e1', :e1, 'clerk', :s1) AS clerk;
SELECT (crm.ingest_enrol('李梅', '13812341003') ->> 'customer_id')::bigint AS mine \gset
SELECT pg_temp.act('ent_e2', :e2, 'clerk', :s1) AS the_other;
SELECT crm.ingest_enrol('李梅', '13812341003') ->> 'outcome' AS again, crm.sales_owner(:mine) -> 'owner' ->> 'staff' AS still;

-- 4. colleagues who see the person can be named: in their own list alone, once; a repeat of the call is one note
SELECT c ->> 'staff' AS staff FROM crm.sales_colleagues(:person) c WHERE c ->> 'staff' LIKE 'ent%';
SELECT n, pg_temp.try(format('crm.ingest_note(%s, %L, mentions => %L)', :person, 'x', m)) AS answer FROM (VALUES
    (1, '{ent_e3}'::text[]), (2, '{nobody}'), (3, ARRAY[NULL]), (4, array_fill('ent_e1'::text, ARRAY[11]))) v (n, m) ORDER BY n;
SELECT crm.ingest_note(:person, '@王芳 她周六来取蛋糕', 'call', mentions => '{ent_e1,ent_e1}', idempotency_key => 'men-1') = crm.ingest_note(:person, '@王芳 她周六来取蛋糕', 'call', mentions => '{ent_e1,ent_e1}', idempotency_key => 'men-1') AS one_note;
SELECT count(*) AS told FROM crm.task t WHERE t.customer_id = :person AND t.kind = 'mention';
SELECT count(*) AS in_the_writers, (SELECT count(*) FROM crm.sales_tasks('store') s WHERE s ->> 'kind' = 'mention') AS in_the_stores FROM crm.sales_tasks('mine') t WHERE t ->> 'kind' = 'mention';
SELECT pg_temp.act('ent_e1', :e1, 'clerk', :s1) AS clerk;
SELECT t ->> 'title' AS title, t ->> 'body' AS body, t ->> 'due_at' AS due, (t ->> 'customer_id')::bigint = :person AS of_the_person FROM crm.sales_tasks('mine') t WHERE t ->> 'kind' = 'mention';
SELECT crm.sales_task_finish(:person, (t ->> 'task_id')::bigint, 'seen') ->> 'state' AS seen FROM crm.sales_tasks('mine') t WHERE t ->> 'kind' = 'mention';
SELECT pg_temp.act('ent_e3', :e3, 'clerk', :s2) AS far;
SELECT pg_temp.try(format('(SELECT count(*) FROM crm.sales_colleagues(%s))', :person)) AS out_of_scope;

-- 5. a code is shown on a channel, and who comes by it has that channel
SELECT pg_temp.act('ent_e1', :e1, 'clerk', :s1) AS clerk;
SELECT pg_temp.try($$crm.ingest_make_store_code(NULL, 1, 'Pigeon Post')$$) AS no_channel;
SELECT j ->> 'code' AS code, j ->> 'channel' AS channel FROM crm.ingest_make_store_code(NULL, 1, 'wechat') j \gset
SELECT :'channel' AS channel, crm.ingest_enrol_by_code(:'code', '赵云', '13812341004') ->> 'outcome' AS outcome, crm.ingest_enrol_by_code(:'code', '赵云', '13812341004') ->> 'outcome' AS again;
SELECT count(*) AS persons, min(c.channel) AS channel, bool_and(c.home_store_id = :s1) AS here
FROM crm.customer c JOIN crm.membership m USING (customer_id) JOIN crm.record_identifier r USING (source_record_id) WHERE r.value_hash = crm._identity_hash(1::smallint, '', '+8613812341004') AND m.valid_to = 'infinity';

-- 6. what brought it about: the order its coupon, the refund its order, the tier its order, the coupon its flow
SELECT pg_temp.act('ent_hq', :hq, 'headquarters') AS hq;
SELECT crm.ingest_define_source('ent_till', 'till', 'pos', '{}') IS NOT NULL AS source;
SELECT (crm.ingest_member('ent_till', convert_to('{"external_id": "E1", "name": "因果", "phone": "13812341005", "store_code": "ent_s1"}', 'UTF8'))).customer_id AS cause \gset
INSERT INTO crm.coupon (customer_id, coupon_id, code, coupon_type, flow_id, occurrence_key, value, state, issued_at, valid_until, redeemed_at, redeeming_source_id, redeeming_order)
SELECT :cause, 77, 'ENT-77', 'welcome_5', f.flow_id, 'once', 5, 'redeemed', '2026-03-30', '2026-05-01', '2026-04-01', s.source_id, 'O1' FROM crm.flow f, crm.source s WHERE f.code = 'welcome' AND s.code = 'ent_till';
INSERT INTO crm.occurrence (customer_id, flow_id, epoch, occurrence_key, fired_at, due_at, arm, outcome, coupon_id, flow_version)
SELECT :cause, f.flow_id, 0, 'once', '2026-03-30', '2026-03-30', 'treatment', 'sent', 77, 1 FROM crm.flow f WHERE f.code = 'welcome';
SELECT (crm.ingest_order('ent_till', convert_to('{"external_id": "O1", "member_external_id": "E1", "store_code": "ent_s1", "ordered_at": "2026-04-01T09:00:00+08:00", "amount": "88.00", "items": [{"product_code": "P1", "product_name": "蛋糕", "quantity": 1, "unit_price": "88.00"}]}', 'UTF8'))).status AS ordered,
       (crm.ingest_refund('ent_till', convert_to('{"external_id": "R1", "order_external_id": "O1", "amount": "8.00", "refunded_at": "2026-04-01T09:30:00+08:00", "store_code": "ent_s1"}', 'UTF8'))).status AS refunded;
WITH line AS (SELECT t FROM crm.report_timeline(:cause) t)
SELECT l.t ->> 'kind' AS kind, (SELECT o.t ->> 'kind' FROM line o WHERE o.t ->> 'ref' = l.t ->> 'cause') AS because_of FROM line l ORDER BY l.t ->> 'at' DESC, 1;

-- 7. the counter's question: the same answer by any identifier
SELECT (crm.ingest_member('ent_till', convert_to('{"external_id": "E1", "name": "因果", "phone": "13812341005", "store_code": "ent_s1", "email": "yinguo@crm-chain.cn", "member_card": "ENT-CARD-1"}', 'UTF8'))).status AS told;
SELECT k.kind, c ->> 'name' AS name, c ->> 'last_item' AS bought_last, c ->> 'last_day' AS on_day, c ? 'suggestion' AND c ? 'coupons' AND c ? 'points' AND c ? 'tier' AS complete, (c ->> 'customer_id')::bigint = :cause AS same
FROM (VALUES ('phone', '138 1234 1005'), ('email', 'yinguo@crm-chain.cn'), ('member_card', 'ENT-CARD-1')) k (kind, value), crm.report_card(k.kind, k.value) c ORDER BY 1;
ROLLBACK;
