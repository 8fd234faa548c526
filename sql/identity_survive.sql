-- identity, the golden record: each criterion decides; where a value came from; what a source's records are good for.
\set VERBOSITY terse
SET client_min_messages = warning;
SELECT count(*) >= 0 AS installed FROM crm.install();
SET timezone = 'UTC';
BEGIN;
SET LOCAL crm.core_clock = '2026-03-31T12:00:00+08:00';
SELECT set_config('crm.access_claims', '{"actor": "regress", "role": "crm_headquarters", "stores": [], "all": true}', true) <> '' AS claims;
SELECT crm.ingest_define_source('v_till', 'till', 'pos', '{"priority": 10}') > 0 AS till, crm.ingest_define_source('v_shop', 'shop', 'shop_platform', '{"priority": 20}') > 0 AS shop,
       crm.ingest_define_source('v_mini', 'mini', 'mini_program', '{"priority": 30, "verified_fields": ["name", "city"]}') > 0 AS mini;
CREATE FUNCTION pg_temp.member(source text, id text, facts jsonb) RETURNS bigint LANGUAGE sql AS $$
    SELECT customer_id FROM crm.ingest_member(source, convert_to((jsonb_build_object('external_id', id, 'registered_at', '2026-01-05T10:00:00+08:00', 'member_card', 'SURVIVE') || facts)::text, 'UTF8'))
$$;
-- one card, five records; the till's two are the best by priority, the mini program has verified
SET LOCAL crm.core_clock = '2026-03-01T12:00:00+08:00';
SELECT pg_temp.member('v_till', 'A', '{"name": "林黛玉", "city": "苏州", "email": "lin@qq.com"}') AS person \gset
SET LOCAL crm.core_clock = '2026-03-02T12:00:00+08:00';
SELECT pg_temp.member('v_till', 'B', '{"name": "林黛玉", "city": "扬州市", "address": "观前街1号"}') = :person AS one;
SET LOCAL crm.core_clock = '2026-03-03T12:00:00+08:00';
SELECT pg_temp.member('v_shop', 'C', '{"name": "林黛玉", "city": "南京", "email": "L.in@qq.com", "address": "观前街1号2幢301室"}') = :person AS one;
SET LOCAL crm.core_clock = '2026-03-04T12:00:00+08:00';
SELECT pg_temp.member('v_shop', 'D', '{"name": "林黛玉", "city": "南京", "address": "观前街1号"}') = :person AS one;
SET LOCAL crm.core_clock = '2026-03-05T12:00:00+08:00';
SELECT pg_temp.member('v_mini', 'E', '{"name": "林黛玉儿", "city": "北京", "sex": "f"}') = :person AS one;
SET LOCAL crm.core_clock = '2026-03-31T12:00:00+08:00';
-- what the golden record says of a field, who said it, and what decided
CREATE FUNCTION pg_temp.golden(field text) RETURNS text LANGUAGE sql AS $$
    SELECT concat_ws(' | ', g ->> 'value', r.external_id, g ->> 'decided_by',
               (SELECT string_agg(o ->> 'value', ', ' ORDER BY o ->> 'value' COLLATE "C") FROM jsonb_array_elements(g -> 'others') o))
    FROM jsonb_array_elements(crm.identity_golden((SELECT customer_id FROM crm.membership m JOIN crm.source_record r USING (source_record_id)
             WHERE r.external_id = 'A' AND m.valid_to = 'infinity' AND r.source_id = (SELECT source_id FROM crm.source WHERE code = 'v_till'))) -> 'fields') g
    JOIN crm.source_record r ON r.source_record_id = (g ->> 'record')::bigint
    WHERE g ->> 'field' = golden.field
$$;
-- a rule, and what comes of it once the job has been everywhere
CREATE FUNCTION pg_temp.under(field text, VARIADIC criteria text[]) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    PERFORM crm.identity_define_golden(field, criteria, 'test of the rule');
    WHILE crm._identity_refresh_all() > 0 LOOP END LOOP;
    RETURN pg_temp.golden(field);
END $$;
SELECT f, pg_temp.golden(f) FROM unnest('{name,sex,birthday,phone,email,city,address}'::text[]) WITH ORDINALITY u(f, n) ORDER BY n;
SELECT n, pg_temp.under('city', VARIADIC c::text[]) FROM (VALUES (1, '{recent}'), (2, '{oldest}'), (3, '{frequent}'), (4, '{complete}'), (5, '{verified}'),
    (6, '{priority,oldest}'), (7, '{frequent,oldest}'), (8, '{priority,recent}')) t(n, c) ORDER BY n;
SELECT city FROM crm.customer WHERE customer_id = :person;
SELECT pg_temp.under('name', 'verified') AS verified, pg_temp.under('name', 'frequent') AS frequent;
SELECT pg_temp.under('address', 'complete') AS complete, pg_temp.under('address', 'frequent') AS frequent;
SELECT crm._decrypt('address', address_sealed) AS address, name, provenance ? 'address' AS told FROM crm.customer_private WHERE customer_id = :person;
-- a later record follows the rule at once
SELECT pg_temp.under('city', 'frequent') AS before, pg_temp.member('v_mini', 'F', '{"city": "北京"}') = :person AND pg_temp.member('v_mini', 'G', '{"city": "北京"}') = :person AS one, pg_temp.golden('city') AS after;
CREATE FUNCTION pg_temp.try(call text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE field text;
BEGIN
    EXECUTE 'SELECT ' || call;
    RETURN 'ok';
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS field = COLUMN_NAME;
    RETURN concat_ws(' ', SQLSTATE, field);
END $$;
SELECT pg_temp.try(c) FROM (VALUES (1, 'crm.identity_define_golden(''shoe'', ''{recent}'', ''why'')'), (2, 'crm.identity_define_golden(''name'', ''{}'', ''why'')'),
    (3, 'crm.identity_define_golden(''name'', ''{recent,recent}'', ''why'')'), (4, 'crm.identity_define_golden(''name'', ''{loudest}'', ''why'')'), (5, 'crm.identity_define_golden(''name'', NULL, ''why'')'),
    (6, 'crm.identity_define_golden(''name'', ''{recent}'', NULL)'), (7, 'crm.identity_golden(1)'), (8, 'crm.identity_golden(NULL)'), (9, 'crm.identity_define_golden(''name'', ''{NULL}'', ''why'')')) t(n, c) ORDER BY n;

-- quality: complete, unusable, duplicate, refused
SELECT pg_temp.member('v_shop', 'Q1', '{"member_card": "Q1", "name": "贾宝玉", "phone": "13867260001", "birthday": "1990-05-01", "sex": "m", "address": "金陵路1号"}') IS NOT NULL AS whole,
       pg_temp.member('v_shop', 'Q2', '{"member_card": "Q2", "phone": "13867260001", "birthday": "1900-01-01"}') IS NOT NULL AS duplicate,
       pg_temp.member('v_shop', 'Q3', '{"member_card": "Q3", "phone": "021-50808888"}') IS NOT NULL AS landline;
SELECT jsonb_pretty(crm.identity_quality('v_shop'));
SELECT count(*) FILTER (WHERE q ->> 'source' = 'v_mini') AS mini, bool_and(q ? 'complete_percent') AS told FROM crm.identity_quality() q;
SELECT pg_temp.try('(SELECT count(*) FROM crm.identity_quality(''nowhere''))');
SELECT count(*) AS drift FROM crm.identity_check();

-- who came with a masked phone, a hashed one, or none, and bought, is one person with the till's record as soon as the account tells the phone, and stays
CREATE FUNCTION pg_temp.late(source text, body jsonb) RETURNS bigint LANGUAGE sql AS $$ SELECT customer_id FROM crm.ingest_member(source, convert_to(body::text, 'UTF8')) $$;
SELECT crm.ingest_define_source('late_till', 'till', 'pos') > 0 AS till, crm.ingest_define_source('late_shop', 'shop', 'shop_platform') > 0 AS shop;
SELECT pg_temp.late('late_till', '{"external_id": "T1", "name": "王芳", "phone": "13867260101"}') AS t, pg_temp.late('late_shop', '{"external_id": "S1", "name": "王**", "phone": "138****0101"}') AS s1,
       pg_temp.late('late_shop', '{"external_id": "S2", "name": "王**", "phone": "3d2a0f1c5a5b1b3d8e6b7c8d9e0f1a2b"}') AS s2, pg_temp.late('late_shop', '{"external_id": "S3"}') AS s3 \gset
SELECT count(DISTINCT p) AS persons FROM unnest(ARRAY[:t, :s1, :s2, :s3]) p;
SELECT count(*) AS bought FROM unnest('{S1,S2,S3}'::text[]) s, LATERAL crm.ingest_order('late_shop', convert_to(jsonb_build_object('external_id', 'O' || s, 'member_external_id', s, 'amount', 10, 'ordered_at', crm.core_now(),
    'items', jsonb_build_array(jsonb_build_object('product_code', 'P', 'quantity', 1, 'unit_price', 10)))::text, 'UTF8')) r WHERE r.status < 300;
SELECT pg_temp.late('late_shop', '{"external_id": "S1", "name": "王**", "phone": "13867260101"}') = :t AS s1, pg_temp.late('late_shop', '{"external_id": "S2", "name": "王**", "phone": "13867260101"}') = :t AS s2,
       pg_temp.late('late_shop', '{"external_id": "S3", "phone": "13867260101"}') = :t AS s3;
SELECT pg_temp.late('late_shop', '{"external_id": "S1", "name": "王**", "phone": "138****0101"}') = :t AS masked_again, crm._identity_current(:s2) = :t AS old_id_answers,
       (SELECT sum(o.amount) FROM crm.membership m JOIN crm.customer_order o USING (source_record_id) WHERE m.customer_id = :t AND m.valid_to = 'infinity') AS net;
SELECT count(*) AS drift FROM crm.identity_check();
ROLLBACK;
