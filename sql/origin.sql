-- origin: where customers come from is known of everybody; tier, frequency, average order and what is bought mostly stand in the commit of the order.
\set VERBOSITY terse
SET client_min_messages = warning;
SET datestyle = 'ISO';
SET timezone = 'Asia/Shanghai';
BEGIN;
SET LOCAL crm.core_clock = '2026-06-30T12:00:00+08:00';
SELECT set_config('crm.access_claims', '{"actor": "regress", "role": "crm_headquarters", "stores": [], "all": true}', true) <> '' AS claims;
\i sql/shared/try_remedy.sql
-- 1. no source is without a channel: the one it names, else that of its kind, else its own code; none is taken away, and what was chosen stays
SELECT kind, crm.ingest_define_source('orig_' || kind, kind, kind) > 0 AS made FROM unnest('{pos,mini_program,shop_platform,official_account,wecom,spreadsheet,api}'::text[]) kind;
SELECT crm.ingest_define_source('orig_own', 'own', 'pos', '{"channel": "popup"}') > 0 AS own, crm.ingest_define_source('orig_own', 'own', 'pos', '{"priority": 3}') > 0 AS again, crm.ingest_define_source('orig_own', 'own', 'pos', '{"channel": " "}') > 0 AS blank;
SELECT s.code, s.channel FROM crm.source s WHERE s.code LIKE 'orig\_%' ORDER BY 1;
SELECT pg_temp.try($$crm.ingest_define_source('orig_bad', 'x', 'pos', '{"channel": 5}')$$) AS no_text;
-- 2. a member has the channel of the source that brought them, unless the record names another
SELECT (crm.ingest_member('orig_pos', convert_to('{"external_id": "A", "phone": "13512348801", "name": "甲"}', 'UTF8'))).customer_id AS a, (crm.ingest_member('orig_api', convert_to('{"external_id": "B", "phone": "13512348802", "name": "乙", "channel": "douyin"}', 'UTF8'))).customer_id AS b \gset
SELECT crm.report_person(:a) ->> 'channel' AS a_by, crm.report_person(:b) ->> 'channel' AS b_by, (SELECT count(*) FROM crm.customer c WHERE c.customer_id IN (:a, :b) AND c.channel = '') AS unknown;
-- 3. what an order changes is there when it is answered
CREATE FUNCTION pg_temp.buys(no text, day date, VARIADIC products text[]) RETURNS text LANGUAGE sql AS $$
    SELECT (crm.ingest_order('orig_pos', convert_to(jsonb_build_object('external_id', no, 'member_external_id', 'A', 'ordered_at', day || 'T12:00:00+08:00', 'amount', '30.00', 'items',
        (SELECT jsonb_agg(jsonb_build_object('line_key', n, 'product_code', p, 'quantity', 1, 'unit_price', '10.00') ORDER BY n) FROM unnest(products) WITH ORDINALITY u (p, n)))::text, 'UTF8'))).code
$$;
SELECT (crm.ingest_product('orig_pos', convert_to(jsonb_build_object('external_id', 'OR-' || p, 'name', p, 'category_code', 'or_' || left(p, 1), 'category_name', left(p, 1))::text, 'UTF8'))).code FROM unnest('{a1,a2,b1}'::text[]) p;
CREATE FUNCTION pg_temp.now_of(person bigint) RETURNS text LANGUAGE sql AS $$
    SELECT concat_ws(' | ', v ->> 'tier', v ->> 'order_days', v ->> 'average', v -> 'favourite' ->> 'category', v -> 'favourite' ->> 'days') FROM (SELECT crm.report_person(person) -> 'value' AS v) x
$$;
SELECT pg_temp.now_of(:a) AS nothing_yet;
SELECT pg_temp.buys('1', '2026-06-01', 'OR-a1'), pg_temp.buys('2', '2026-06-05', 'OR-b1');
SELECT pg_temp.now_of(:a) AS of_two_the_last;
SELECT pg_temp.buys('3', '2026-06-10', 'OR-a2', 'OR-a1');
SELECT pg_temp.now_of(:a) AS the_most_days;
SELECT (crm.ingest_refund('orig_pos', convert_to('{"external_id": "R1", "order_external_id": "1", "refunded_at": "2026-06-11T12:00:00+08:00", "amount": "30.00"}', 'UTF8'))).code, (crm.ingest_refund('orig_pos', convert_to('{"external_id": "R3", "order_external_id": "3", "refunded_at": "2026-06-11T12:00:00+08:00", "amount": "30.00"}', 'UTF8'))).code AS second;
SELECT pg_temp.now_of(:a) AS given_back;
ROLLBACK;
