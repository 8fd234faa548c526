-- marketer: what the pages of the marketing department ask: how a rule's parts bite, values to choose from, who came and
-- went, tiers tried before they decide, names and texts of flows.
\set VERBOSITY terse
SET client_min_messages = warning;
SET datestyle = 'ISO';
SET timezone = 'Asia/Shanghai';
BEGIN;
SET LOCAL crm.core_clock = '2026-06-30T09:00:00+08:00';
SELECT set_config('crm.access_claims', '{"actor": "regress", "role": "crm_headquarters", "stores": [], "all": true}', true) <> '' AS claims;
SELECT crm.access_define_region('MKT', '区') > 0 AS region, crm.access_define_store('MKT1', '一店_甲', 'MKT', '上海') > 0 AS store, crm.access_define_store('MKT2', '二店', 'MKT', '苏州') > 0 AS other;
SELECT crm.ingest_define_source('mkt_till', '收银', 'pos', '{"channel": "store"}') > 0 AS source;
\i sql/shared/try_said.sql
-- person n bought 5 n days ago: cake when n is even, milk when n is a multiple of 3; persons up to 12 agreed to SMS; store 2 from 10 on
CREATE TEMP TABLE truth AS SELECT n, n * 5 AS days, n % 2 = 0 AS cake, n % 3 = 0 AS milk, n <= 12 AS sms, n >= 10 AS second_store FROM generate_series(1, 20) n;
SELECT count(*) AS members FROM truth t, crm.ingest_member('mkt_till', convert_to(jsonb_build_object('external_id', 'M' || t.n, 'phone', '1371234' || lpad(t.n::text, 4, '0'), 'name', '张' || t.n,
    'store_code', CASE WHEN t.second_store THEN 'MKT2' ELSE 'MKT1' END, 'registered_at', '2026-01-01T10:00:00+08:00', 'consent_sms', CASE WHEN t.sms THEN 'yes' ELSE 'no' END)::text, 'UTF8')) r WHERE r.code = 'created';
SELECT count(*) AS orders FROM truth t, unnest(ARRAY[CASE WHEN cake THEN 'mkt_cake' END, CASE WHEN milk THEN 'mkt_milk' END, 'mkt_tea']) g (good), crm.ingest_order('mkt_till', convert_to(jsonb_build_object('external_id', concat('O', t.n, good),
    'member_external_id', 'M' || t.n, 'store_code', 'MKT1', 'ordered_at', timestamptz '2026-06-30T08:00:00+08:00' - t.days * interval '1 day', 'amount', 100,
    'items', jsonb_build_array(jsonb_build_object('product_code', good || '_1', 'product_name', good, 'category_code', good, 'quantity', 1, 'unit_price', 100)))::text, 'UTF8')) r WHERE good IS NOT NULL;

-- 1. each part of a rule: who meets it, who is left after it, whom it alone keeps out; against the truth
CREATE TEMP TABLE asked AS SELECT crm.rule_preview('{"all": [{"kind": "person", "field": "store", "op": "in", "value": ["MKT1", "MKT2"]}, {"kind": "item", "where": {"category": "mkt_cake"}},
    {"not": {"kind": "item", "where": {"category": "mkt_milk"}}}, {"any": [{"kind": "purchase", "measure": "last", "op": "between", "value": [20, 60]}, {"all": [{"kind": "consent", "field": "sms", "value": "yes"},
    {"kind": "person", "field": "store", "value": "MKT2"}]}]}]}', NULL, 3) AS answer;
SELECT p.ordinality AS part, p.value ->> 'persons' AS persons, p.value ->> 'left' AS left_over, p.value ->> 'keeps_out' AS keeps_out FROM asked, jsonb_array_elements(answer -> 'parts') WITH ORDINALITY p;
SELECT 1 AS part, 20 AS persons, 20 AS left_over, 0 AS keeps_out UNION ALL
SELECT 2, count(*) FILTER (WHERE cake), count(*) FILTER (WHERE cake), count(*) FILTER (WHERE NOT cake AND NOT milk AND late) FROM (SELECT *, days BETWEEN 20 AND 60 OR sms AND second_store AS late FROM truth) t UNION ALL
SELECT 3, count(*) FILTER (WHERE NOT milk), count(*) FILTER (WHERE cake AND NOT milk), count(*) FILTER (WHERE cake AND milk AND late) FROM (SELECT *, days BETWEEN 20 AND 60 OR sms AND second_store AS late FROM truth) t UNION ALL
SELECT 4, count(*) FILTER (WHERE late), count(*) FILTER (WHERE cake AND NOT milk AND late), count(*) FILTER (WHERE cake AND NOT milk AND NOT late) FROM (SELECT *, days BETWEEN 20 AND 60 OR sms AND second_store AS late FROM truth) t ORDER BY 1;
SELECT answer ->> 'persons' AS persons, (answer ->> 'everybody')::int >= 20 AS everybody, jsonb_array_length(answer -> 'conditions') AS conditions, jsonb_array_length(answer -> 'sample') AS sample FROM asked;
SELECT crm.rule_preview(r::jsonb) -> 'parts' = jsonb_build_array(jsonb_build_object('persons', e, 'left', e, 'keeps_out', 0)) AS everybody_is_in FROM (VALUES ('{}'), ('{"not": {"any": []}}')) v (r), LATERAL (SELECT count(*) AS e FROM crm.customer c WHERE c.status = 'active') x;
SELECT crm.rule_preview('{"all": []}') -> 'parts' AS nothing_asked, crm.rule_preview('{"any": []}') -> 'parts' -> 0 ->> 'left' AS nobody, pg_temp.try('crm.rule_preview(NULL)') AS none;

-- whose birthday is in May: a condition of its own, for one person and for everybody alike
SELECT count(*) AS updated FROM generate_series(1, 8) n, crm.ingest_member('mkt_till', convert_to(jsonb_build_object('external_id', 'M' || n, 'phone', '1371234' || lpad(n::text, 4, '0'), 'name', '张' || n, 'birthday', make_date(1990 + n, 3 + n % 4, n),
    'store_code', 'MKT1', 'registered_at', '2026-01-01T10:00:00+08:00', 'consent_sms', 'yes')::text, 'UTF8')) r WHERE r.code = 'updated';
SELECT crm.rule_count('{"kind": "birthday", "field": "day.month", "value": 5}') AS in_may, count(*) FILTER (WHERE crm.rule_matches('{"kind": "birthday", "field": "day.month", "op": "in", "value": [5, 6]}', m)) AS may_or_june
FROM crm.rule_select('{"all": [{"kind": "person", "field": "store", "op": "in", "value": ["MKT1", "MKT2"]}]}') m;
-- 3 + n % 4 = 5 for 2 and 6, = 6 for 3 and 7

-- 2. values to choose from, with their names; what a person types is a text and no pattern
SELECT j FROM crm.rule_values('item', 'category', 'mkt_') j;
SELECT j FROM crm.rule_values('person', 'store', '店_') j;
SELECT count(*) AS within_a_page FROM crm.rule_values('item', 'category', NULL, 2) j;
SELECT pg_temp.try($$crm.rule_values('person', 'city')$$) AS no_catalogue, pg_temp.try($$crm.rule_values('none', 'x')$$) AS no_kind, pg_temp.try($$crm.rule_values(NULL, NULL)$$) AS nothing;

-- 3. who came into a segment, and who left it
SELECT crm.segment_define('mkt_recent', '近60天', '{"kind": "purchase", "measure": "last", "op": "<=", "value": 60}') ->> 'version' AS version;
SELECT crm._segment_refresh() >= 0 AS filled;
SELECT count(*) AS nobody_came_yet FROM crm.segment_changes('mkt_recent') j;
SET LOCAL crm.core_clock = '2026-07-03T09:00:00+08:00';
SELECT count(*) AS bought_again FROM generate_series(15, 16) n, crm.ingest_order('mkt_till', convert_to(jsonb_build_object('external_id', 'P' || n, 'member_external_id', 'M' || n, 'store_code', 'MKT1', 'ordered_at', '2026-07-03T08:00:00+08:00', 'amount', 10)::text, 'UTF8')) r WHERE r.code = 'created';
SELECT crm._segment_refresh() >= 0 AS kept;
-- days 60 on the 30th of June is 63 on the 3rd of July: one leaves, two come
SELECT j ->> 'kind' AS kind, j ->> 'name' AS name, j ->> 'phone' AS phone FROM crm.segment_changes('mkt_recent') j ORDER BY 1, 3;
SELECT count(*) AS pages_hold_all FROM (SELECT j FROM crm.segment_changes('mkt_recent', NULL, 2) j UNION
    SELECT k FROM (SELECT (array_agg(j ->> 'cursor'))[2] AS cursor FROM crm.segment_changes('mkt_recent', NULL, 2) j) c, crm.segment_changes('mkt_recent', c.cursor, 2) k) x;
SELECT j FROM crm.segment_movement('mkt_recent', '2026-07-02', '2026-07-04') j;
SELECT pg_temp.try($$crm.segment_changes('none')$$) AS no_segment, pg_temp.try($$crm.segment_changes('mkt_recent', 'x')$$) AS no_cursor, pg_temp.try($$crm.segment_movement('mkt_recent', '2026-07-04', '2026-07-02')$$) AS backwards;

-- 4. tiers tried: a gap names a state and nobody is looked at; without one, who would move
SELECT t -> 'faults' -> 0 ->> 'kind' AS kind, t ? 'looked_at' AS looked FROM crm.value_tier_try('[{"tier": "big", "conditions": [{"metric": "net", "op": ">", "value": 150}]}]') t;
SELECT t -> 'after' ->> 'big' AS big, (t -> 'after' ->> 'small')::int + (t -> 'after' ->> 'big')::int = (t ->> 'looked_at')::int AS everybody, t -> 'faults' AS faults
FROM crm.value_tier_try('[{"tier": "big", "conditions": [{"metric": "net", "op": ">", "value": 250}]}, {"tier": "small", "conditions": []}]') t;
-- three goods at 100 each: even and a multiple of 3
SELECT count(*) AS big FROM truth WHERE cake AND milk;
SELECT pg_temp.try($$crm.value_tier_try('{}')$$) AS no_list, pg_temp.try($$crm.value_tier_try(NULL)$$) AS nothing, left(pg_temp.try($$crm.value_tier_try('[{"tier": 5}]')$$), 5) AS unread;
SELECT j ->> 'tier_set' AS tier_set, j ->> 'is_active' AS is_active, jsonb_array_length(j -> 'rules') AS rules FROM crm.value_tier_sets() j WHERE j ->> 'tier_set' = 'retail_sabc';

-- 5. a flow copied from a preset gets a name and a text of its own; what others say stays
SELECT crm.campaign_create('mkt_waves', 'win_back', '{"channels": ["sms"]}') ->> 'state' AS made;
SELECT crm.campaign_rename('mkt_waves', ' <b>三波</b> ') - 'spec' - 'backlog_waiting' - 'backlog_confirmed' AS renamed;
SELECT pg_temp.try($$crm.campaign_rename('mkt_waves', ' ')$$) AS empty, pg_temp.try($$crm.campaign_rename('none', 'x')$$) AS no_flow, pg_temp.try(format('crm.campaign_rename(%L, %L, %L)', 'mkt_waves', 'x', repeat('y', 101))) AS too_long;
SELECT j ->> 'step' AS step, j ->> 'channel' AS channel, j ->> 'template' AS template FROM crm.campaign_texts('mkt_waves') j;
SELECT crm.campaign_write_text('mkt_waves', 2, 'sms', '{{name}}，第二波 {{coupon_code}}，退订回T', idempotency_key => 'mkt-1') AS written;
SELECT crm.campaign_write_text('mkt_waves', 2, 'sms', '{{name}}，第二波 {{coupon_code}}，退订回T', idempotency_key => 'mkt-1') ->> 'template' AS the_same_answer;
SELECT crm.campaign_write_text('mkt_waves', 2, 'sms', '第二波，改，退订回T') ->> 'template' AS own_already;
SELECT j ->> 'step' AS step, j ->> 'template' AS template, left(j ->> 'body', 12) AS body FROM crm.campaign_texts('mkt_waves') j;
SELECT left(t.body, 12) AS others_keep_theirs FROM crm.template t WHERE t.template = 'recall' AND t.channel = 'sms';
-- a channel whose vendor sends approved texts alone is told which, with the text; what is not told stays
SELECT crm.campaign_write_text('mkt_waves', 2, 'sms', '第三版，退订回T', vendor => '{"template": "SMS_7", "params": {"name": "{{name}}"}}') ->> 'template' AS written;
SELECT crm.campaign_write_text('mkt_waves', 2, 'sms', '第四版，退订回T') ->> 'template' AS written;
SELECT j ->> 'body' AS body, j ->> 'vendor_template' AS vendor_template, j ->> 'vendor_params' AS vendor_params, j ->> 'placeholder' AS placeholder
FROM crm.campaign_texts('mkt_waves') j WHERE j ->> 'step' = '2' AND j ->> 'channel' = 'sms';
SELECT pg_temp.try($$crm.campaign_write_text('mkt_waves', 4, 'sms', 'x')$$) AS step, pg_temp.try($$crm.campaign_write_text('mkt_waves', -2147483648, 'sms', 'x')$$) AS no_step, pg_temp.try($$crm.campaign_read_text(1, 'mkt_waves', -2147483648, 'sms')$$) AS nor_read, pg_temp.try($$crm.campaign_write_text('mkt_waves', 1, 'pigeon', 'x')$$) AS channel,
       pg_temp.try($$crm.campaign_write_text('mkt_waves', 1, 'sms', '{{secret}}')$$) AS variable, pg_temp.try($$crm.campaign_write_text('mkt_waves', 1, 'sms', '')$$) AS empty,
       pg_temp.try($$crm.campaign_write_text('mkt_waves', 1, 'sms', 'x')$$) AS no_way_out;
-- what a person would read; masked when the role may not see the name
SELECT m.customer_id AS person FROM crm.external_key k JOIN crm.membership m USING (source_record_id) WHERE k.external_id = 'M6' AND m.valid_to = 'infinity' LIMIT 1 \gset
SELECT r - 'customer_id' AS read FROM crm.campaign_read_text(:person, 'mkt_waves', 2, 'sms', '{{name}} {{coupon_value}} {{coupon_code}} {{valid_until}} 退订回T') r;
DELETE FROM crm.field_right WHERE role = 'crm_headquarters' AND field = 'name';
SELECT r - 'customer_id' AS read FROM crm.campaign_read_text(:person, 'mkt_waves', 1, 'sms') r;
SELECT pg_temp.try('crm.campaign_read_text(1, $$mkt_waves$$, 1, $$sms$$)') AS nobody;
-- a dry run says why, and what it costs: nothing carries SMS yet, then something does
SELECT crm.campaign_create('mkt_once', 'lapsed_quarter', '{"channels": ["sms"], "coupon_type": "welcome_5", "holdout_percent": 0, "draw": false, "goal": {"kind": "purchase", "measure": "ever", "days": 3}, "who": {"kind": "purchase", "measure": "last", "op": "between", "value": [4, 60]}}') ->> 'state' AS made;
SELECT p -> 'outcomes' AS outcomes, p -> 'reasons' AS reasons, p -> 'cost' AS cost FROM crm.campaign_preview('mkt_once') p;
SELECT crm.outbox_define_endpoint('mkt_post', 'http://127.0.0.1:1/', options => '{"is_private_allowed": true}') IS NOT NULL AS endpoint, crm.outbox_set_channel('sms', 'mkt_post') IS NOT NULL AS carried;
SELECT p -> 'outcomes' AS outcomes, p -> 'reasons' AS reasons, p -> 'cost' AS cost, p -> 'examples' -> 0 ->> 'name' AS masked FROM crm.campaign_preview('mkt_once') p;
ROLLBACK;
