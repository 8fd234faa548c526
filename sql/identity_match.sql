-- identity, the matcher on the own records: presets, training, pairs put to people, and why.
\set VERBOSITY terse
SET client_min_messages = warning;
SELECT count(*) >= 0 AS installed FROM crm.install();
SET timezone = 'UTC';
BEGIN;
SET LOCAL crm.core_clock = '2026-03-31T12:00:00+08:00';
SELECT set_config('crm.access_claims', '{"actor": "regress", "role": "crm_headquarters", "stores": [], "all": true}', true) <> '' AS claims;
SELECT crm.ingest_define_source('m_pos', 'till', 'pos', '{}') > 0 AS pos, crm.ingest_define_source('m_shop', 'shop', 'shop_platform', '{}') > 0 AS shop;
\i sql/shared/member.sql
CREATE FUNCTION pg_temp.person(id text) RETURNS bigint LANGUAGE sql AS $$
    SELECT m.customer_id FROM crm.source_record r JOIN crm.membership m USING (source_record_id) WHERE r.external_id = id AND m.valid_to = 'infinity'
$$;
-- the worker's own run waits
SELECT pg_advisory_xact_lock(hashtextextended('crm.identity_match', 0)) IS NOT NULL AS held;
DELETE FROM crm.match_run;
-- one person with another phone at the same building, a neighbour of the same name, somebody else at home
SELECT count(DISTINCT pg_temp.member(s, id, f::jsonb)) AS persons FROM (VALUES
    ('m_pos', 'm1', '{"name": "欧阳晓岚", "birthday": "1984-05-06", "sex": "f", "phone": "13867260001", "address": "江苏省镇江市京口区幸福路483号5幢1单元1903室"}'),
    ('m_shop', 'm2', '{"name": "欧阳晓岚", "birthday": "1984-05-06", "phone": "13867260007", "address": "江苏省镇江市京口区幸福路483号5幢"}'),
    ('m_shop', 'm3', '{"name": "郑大伟", "birthday": "1955-01-09", "sex": "m", "phone": "13867260003", "address": "京口区幸福路483号5-1-1903"}'),
    ('m_pos', 'm4', '{"name": "何平", "birthday": "1999-12-31", "phone": "13867260004"}')) v(s, id, f);

-- before any training
SELECT crm.identity_train() ->> 'version' AS version, crm.identity_train() -> 'is_preset' AS is_preset;
SELECT e ->> 'verdict' AS verdict, e ->> 'model' AS model, (e ->> 'total')::numeric > (e ->> 'review_from')::numeric AS is_over,
       (SELECT string_agg(f ->> 'kind' || ' ' || (f ->> 'level'), ', ') FROM jsonb_array_elements(e -> 'fields') f) AS levels,
       abs((e ->> 'prior')::numeric + (SELECT sum((f ->> 'bits')::numeric) FROM jsonb_array_elements(e -> 'fields') f WHERE (f ->> 'is_counted')::boolean) - (e ->> 'total')::numeric) < 0.1 AS adds_up,
       jsonb_array_length(e -> 'text') AS lines, e -> 'guards' AS guards
FROM crm.identity_explain_pair(pg_temp.person('m1'), pg_temp.person('m2')) e;
SELECT e ->> 'verdict' AS verdict, e -> 'shared' AS shared FROM crm.identity_explain_pair(pg_temp.person('m1'), pg_temp.person('m3')) e;
-- of eighty others who are there none is read for it
SAVEPOINT many;
SELECT count(DISTINCT pg_temp.member('m_pos', 'many' || n, jsonb_build_object('name', '旁人' || n, 'phone', '1386727' || (1000 + n)))) AS others FROM generate_series(1, 80) n;
CREATE FUNCTION pg_temp.walked() RETURNS bigint LANGUAGE sql AS $$ SELECT seq_tup_read + idx_tup_fetch FROM pg_stat_xact_all_tables WHERE relid = 'crm.source_record'::regclass $$;
SET LOCAL enable_seqscan = off;
SELECT pg_temp.walked() AS before \gset
SELECT e ->> 'verdict' AS verdict FROM crm.identity_explain_pair(pg_temp.person('m1'), pg_temp.person('m2')) e;
SELECT pg_temp.walked() - :before < 40 AS few_are_read;
ROLLBACK TO many;
SELECT h ->> 'name' AS lives_with FROM crm.identity_household(pg_temp.person('m1')) h;
SELECT count(*) AS alone FROM crm.identity_household(pg_temp.person('m4'));

-- the run: weighed, proposed, done until the next day; nobody is merged by it
SELECT crm.identity_match_progress() AS before_the_first;
SELECT crm._identity_match_step() AS weighed;
SELECT p ->> 'state' AS state, (p ->> 'edges')::int > 0 AS has_edges, p -> 'progress' AS progress FROM crm.identity_match_progress() p;
SELECT crm._identity_match_step() AS proposed;
SELECT p ->> 'state' AS state, (p ->> 'proposed')::int > 0 AS has_proposed, p -> 'progress' AS progress FROM crm.identity_match_progress() p;
SELECT crm._identity_match_step() AS rest;
SELECT v.reason, v.state, v.customer_a IN (pg_temp.person('m1'), pg_temp.person('m2')) AND v.customer_b IN (pg_temp.person('m1'), pg_temp.person('m2')) AS is_the_pair
FROM crm.review v WHERE v.reason = 'match' AND EXISTS (SELECT FROM crm.membership m JOIN crm.source_record r USING (source_record_id)
    WHERE m.customer_id IN (v.customer_a, v.customer_b) AND r.external_id LIKE 'm_');
-- who was said to be two is not asked about again
SELECT crm.identity_decide(v.review_id, 'reject', 'mother and daughter') ->> 'state' AS state FROM crm.review v WHERE v.reason = 'match' AND v.state = 'open' AND pg_temp.person('m1') IN (v.customer_a, v.customer_b);
SET LOCAL crm.core_clock = '2026-04-01T12:00:00+08:00';
SELECT crm._identity_match_step() AS weighed;
SELECT crm._identity_match_step() AS proposed;
SELECT count(*) AS asked_again FROM crm.review v WHERE v.reason = 'match' AND v.state = 'open' AND pg_temp.person('m1') IN (v.customer_a, v.customer_b) AND pg_temp.person('m2') IN (v.customer_a, v.customer_b);
SELECT e -> 'guards' -> 0 ->> 'guard' AS guard FROM crm.identity_explain_pair(pg_temp.person('m1'), pg_temp.person('m2')) e;

-- trained: the next version, the same for the same seed
SELECT count(crm.access_set_setting('identity.match_least', '2')) AS was;
SELECT count(pg_temp.member('m_pos', 'base' || n, jsonb_build_object('name', chr(19968 + n * 37 % 5000) || chr(20000 + n * 11 % 3000) || chr(21000 + n * 7 % 2000), 'birthday', date '1950-03-01' + n * 53, 'sex', CASE n % 2 WHEN 0 THEN 'm' ELSE 'f' END))) AS stored FROM generate_series(1, 200) n;
SELECT crm.identity_train(7) ->> 'version' AS first, crm.identity_train(7) ->> 'version' AS second;
SELECT count(DISTINCT model) AS models, count(*) AS versions FROM crm.match_model;
SELECT e ->> 'model' AS model, bool_or((f ->> 'rarity')::numeric <> 0) AS has_rarity, bool_and(abs((f ->> 'weight')::numeric + (f ->> 'rarity')::numeric - (f ->> 'bits')::numeric) <= 0.02) AS adds_up
FROM crm.identity_explain_pair(pg_temp.person('m1'), pg_temp.person('m2')) e, jsonb_array_elements(e -> 'fields') f GROUP BY 1;

-- labels: what people answered to proposals chooses the cut, once there are enough of either answer
SELECT crm._identity_match_cut((SELECT model FROM crm.match_model WHERE version = 1)) AS of_one_label;
SELECT r ->> 'cut_by' AS cut_by, (r ->> 'precision')::numeric BETWEEN 0 AND 1 AS precision_told, (r ->> 'precision_automatic')::numeric > 0.99 AS automatic FROM (SELECT report AS r FROM crm.match_model WHERE version = 1) x;
SELECT count(crm.access_set_setting('identity.match_labels', '20')) AS was;
CREATE TEMP TABLE pair AS      -- twenty pairs told alike, ten that share a birthday and half a name
    SELECT n, n <= 20 AS is_one, pg_temp.member('m_pos', 'la' || n, jsonb_build_object('name', '诸葛' || chr(20000 + n * 13), 'birthday', date '1970-01-05' + n * 31, 'sex', 'f')) AS a,
           pg_temp.member('m_shop', 'lb' || n, jsonb_build_object('name', '诸葛' || chr(20000 + CASE WHEN n <= 20 THEN n * 13 ELSE n * 17 + 400 END), 'birthday', date '1970-01-05' + n * 31, 'sex', CASE WHEN n <= 20 THEN 'f' ELSE 'm' END)) AS b
    FROM generate_series(1, 30) n;
INSERT INTO crm.review (review_id, customer_a, customer_b, reason, evidence, state, opened_at, decided_at, decided_by)
SELECT crm._new_id(), p.a, p.b, 'match', jsonb_build_object('records', jsonb_build_array(x.source_record_id, y.source_record_id)), CASE WHEN p.is_one THEN 'accepted' ELSE 'rejected' END,
       crm.core_now(), crm.core_now(), 'steward'
FROM pair p JOIN crm.source_record x ON x.external_id = 'la' || p.n JOIN crm.source_record y ON y.external_id = 'lb' || p.n;
SELECT r ->> 'cut_by' AS cut_by, r -> 'labels' AS labels, r -> 'labels_precision' AS precision, r -> 'labels_recall' AS recall FROM crm.identity_train(7) r;
SELECT count(*) AS labels, bool_and(l.is_one = (l.odds >= (m.report ->> 'cut')::numeric)) AS cut_parts_them
FROM (SELECT * FROM crm.match_model ORDER BY version DESC LIMIT 1) m, crm._identity_match_labels(m.model) l;

-- kinds of columns, by what they are called and hold
SELECT crm.identity_link_kinds('SELECT n, x.* FROM generate_series(1, 60) n, LATERAL (SELECT chr(24352 + n % 3) || chr(20000 + n * 31) AS a, ''1386727'' || lpad(n::text, 4, ''0'') AS b, (date ''1960-01-01'' + n * 77)::text AS c,
    ''上海市徐汇区漕溪路'' || n || ''号3幢201室'' AS d, (ARRAY[''男'', ''女''])[1 + n % 2] AS e, ''u'' || n || ''@qq.com'' AS f, n % 4 AS g, ''K-'' || n * 7919 AS h) x') AS without_names;
SELECT crm.identity_link_kinds($$SELECT 1 AS id, '' AS "姓名", NULL AS "手机号", '' AS "出生日期", '' AS "收货地址", '' AS first_name, '' AS surname, '' AS postcode;$$) AS without_values;
\set ON_ERROR_ROLLBACK on
SELECT crm.identity_link_kinds('SELECT 1 WHERE false');

-- two sources that each hold a thing once: heaviest pairs first, nobody twice
SELECT crm._identity_assign('{1,1,2,2,3,NULL,4}', '{9,8,9,8,NULL,7,6}') AS taken, crm._identity_assign('{}', '{}') AS of_none;
SELECT crm._identity_assign('{1,2}', '{1}');
-- eighty guests and eighty buyers, sixty of them both, named by ten surnames; a tenth tell a phone with another last digit
CREATE TEMP TABLE guest AS
    SELECT 9000000000000000000 - n AS id, substr('王李张刘陈杨赵黄周吴', 1 + n % 10, 1) || chr(20000 + n * 57) || chr(21000 + n * 91) AS name, '1386728' || lpad((n * 71 % 10000)::text, 4, '0') AS phone,
           (date '1960-01-01' + n * 211)::text AS birthday FROM generate_series(1, 80) n;
CREATE TEMP TABLE buyer AS
    SELECT n::bigint AS id, substr('王李张刘陈杨赵黄周吴', 1 + n % 10, 1) || chr(20000 + n * 57) || CASE WHEN n % 7 = 0 THEN '' ELSE chr(21000 + n * 91) END AS name,
           CASE WHEN n % 5 = 0 THEN NULL ELSE '1386728' || lpad(((n * 71 % 10000) / 10)::text, 3, '0') || CASE WHEN n % 10 = 3 THEN (n * 71 + 1) % 10 ELSE n * 71 % 10 END END AS phone,
           CASE WHEN n % 4 = 0 THEN NULL ELSE (date '1960-01-01' + n * 211)::text END AS birthday FROM generate_series(21, 100) n;
SELECT count(*) BETWEEN 57 AND 60 AS found, bool_and(9000000000000000000 - p.a = p.b) AS all_right, count(DISTINCT p.a) = count(*) AND count(DISTINCT p.b) = count(*) AS one_to_one
FROM crm.identity_link_pairs('SELECT * FROM guest;', 'SELECT * FROM buyer', '{name,phone,date}') p;
SELECT count(*) AS of_nobody FROM crm.identity_link_pairs('SELECT * FROM guest', 'SELECT * FROM buyer WHERE false', '{name,phone,date}');
ROLLBACK;
