-- article: what staff know is found by pairs of Chinese characters and by words, suggested for a ticket as it is opened, counted when it answered.
\set VERBOSITY terse
SET client_min_messages = warning;
SET datestyle = 'ISO';
SET timezone = 'Asia/Shanghai';
BEGIN;
SET LOCAL crm.core_clock = '2026-03-31T12:00:00+08:00';
SELECT set_config('crm.access_claims', '{"actor": "regress", "role": "crm_headquarters", "stores": [], "all": true}', true) <> '' AS claims;
SELECT crm.access_define_region('art_r', 'r') > 0 AS region, crm.access_define_store('art_s1', 'one', 'art_r') AS s1, crm.access_define_store('art_s2', 'two', 'art_r') AS s2 \gset
SELECT crm.access_define_staff('art_c', 'c', 'crm_clerk', ARRAY['store:art_s1']) AS c, crm.access_define_staff('art_d', 'd', 'crm_service', ARRAY['store:art_s1']) AS d, crm.access_define_staff('art_m2', 'm', 'crm_store_manager', ARRAY['store:art_s2']) AS m2 \gset
\i sql/shared/try_remedy.sql
CREATE FUNCTION pg_temp.act(code text, staff int, role text, store int) RETURNS boolean LANGUAGE sql AS $$
    SELECT set_config('crm.access_claims', json_build_object('actor', code, 'staff_id', staff, 'role', role, 'stores', ARRAY[store], 'all', false)::text, true) <> ''
$$;

-- 1. what a text is found by: full width is half width, a character alone stands by itself
SELECT string_agg(g.gram || g.n, ' ' ORDER BY g.gram COLLATE "C") AS grams FROM crm._service_grams('积分积分，ＶＩＰ卡 vip 12.5 元') g;
SELECT count(*) AS nothing FROM crm._service_grams('！？ ——') g;

-- 2. written by service, found by words in any order and by no dictionary; the rarer word decides
SELECT pg_temp.act('art_d', :d, 'crm_service', :s1);
SELECT (crm.service_define_article(NULL, '积分多久到账', '付款后一天内积分到账；退款的订单不计积分。', 'membership') ->> 'article_id')::bigint AS points,
       (crm.service_define_article(NULL, '生日蛋糕预订', '提前两天预订，可写祝福语；奶油含乳制品。', 'product') ->> 'article_id')::bigint AS cake,
       (crm.service_define_article(NULL, '退款多久到账', '原路退回，三个工作日到账。', 'refund') ->> 'article_id')::bigint AS refund,
       (crm.service_define_article(NULL, 'WiFi 密码', '店内 WiFi 名称 SWEET，密码见小票。') ->> 'article_id')::bigint AS wifi \gset
SELECT w, string_agg(j ->> 'title', ' | ' ORDER BY n) AS found FROM (VALUES (1, '我的积分还没有到账'), (2, '退款什么时候到账'), (3, '想订一个生日蛋糕'), (4, 'wifi'), (5, '停车场'), (6, '到账'), (7, '账到')) v (no, w)
    LEFT JOIN LATERAL crm.service_articles(v.w, NULL, 2) WITH ORDINALITY a (j, n) ON true GROUP BY v.no, w ORDER BY v.no;
SELECT j ->> 'title' AS of_a_topic FROM crm.service_articles(NULL, 'refund') j;
SELECT pg_temp.try(c) AS fault FROM (VALUES (1, $$crm.service_define_article(NULL, ' ', 'x')$$), (2, $$crm.service_define_article(NULL, 'x', NULL)$$), (3, $$crm.service_define_article(NULL, 'x', 'x', 'nothing')$$), (4, $$crm.service_define_article(7, 'x', 'x')$$)) v (n, c) ORDER BY n;

-- 3. a ticket is opened with what fits it; an answer says what it was given with; once, whatever is repeated
SELECT pg_temp.act('art_c', :c, 'crm_clerk', :s1);
SELECT (crm.ingest_enrol('冯一', '138 1234 5501') ->> 'customer_id')::bigint AS a \gset
SELECT (crm.service_open(:a, 'membership', '昨天买的面包积分没到账', 'wechat') ->> 'ticket_id')::bigint AS t1, (crm.service_open(:a, 'product', '停车方便吗', 'call') ->> 'ticket_id')::bigint AS t2, (crm.service_open(:a, 'product', '蛋糕怎么预订', 'call') ->> 'ticket_id')::bigint AS t3 \gset
SELECT t.title, (SELECT string_agg(a.title, ' | ') FROM jsonb_array_elements_text(e.detail -> 'articles') x (id) JOIN crm.article a ON a.article_id = x.id::bigint) AS articles
FROM crm.ticket t JOIN crm.ticket_event e USING (customer_id, ticket_id) WHERE t.customer_id = :a AND e.kind = 'opened' ORDER BY t.ticket_id;
SELECT j ->> 'title' AS suggested FROM crm.service_suggest(:a, :t1) j;
SELECT crm.service_answer(:a, :t1, '一天内到账', false, 'art1', :points) ->> 'state' AS answered, crm.service_answer(:a, :t1, '一天内到账', false, 'art1', :points) ->> 'state' AS replay, crm.service_answer(:a, :t3, '看看蛋糕', false, NULL, :wifi) ->> 'state' AS another;
SELECT pg_temp.try(format('crm.service_answer(%s, %s, ''x'', false, NULL, 7)', :a, :t2)) AS no_article;
SELECT a.title, a.used FROM crm.article a ORDER BY a.article_id;

-- 4. the hit rate, in all and by topic; of one's own stores
SELECT pg_temp.act('art_d', :d, 'crm_service', :s1);
SELECT concat_ws(' ', coalesce(j ->> 'topic', 'all'), j ->> 'tickets', j ->> 'suggested', j ->> 'used', j ->> 'hits', j ->> 'covered', j ->> 'hit_rate') AS knowledge FROM crm.service_knowledge('2026-03-01', '2026-03-31') j;
SELECT pg_temp.act('art_m2', :m2, 'crm_store_manager', :s2);
SELECT count(*) AS of_another_store FROM crm.service_knowledge('2026-03-01', '2026-03-31');
SELECT pg_temp.try(format('(SELECT count(*) FROM crm.service_suggest(%s, %s))', :a, :t1)) AS unseen;

-- 5. changed, it is found by its new words; put away, by none
SELECT crm.service_define_article(:wifi, '无线网络', '密码见小票') ->> 'title' AS changed;
SELECT (SELECT count(*) FROM crm.service_articles('wifi')) AS old_words, (SELECT j ->> 'title' FROM crm.service_articles('无线网络密码') j LIMIT 1) AS new_words;
SELECT crm.service_define_article(:wifi, '无线网络', '密码见小票', NULL, false) ->> 'is_active' AS active;
SELECT (SELECT count(*) FROM crm.service_articles('无线网络密码')) AS found, (SELECT j ->> 'title' FROM crm.service_articles() j OFFSET 3) AS listed_last;
SELECT a.one ->> 'title' = a.listed ->> 'title' AS same FROM (SELECT crm.service_article((j ->> 'article_id')::bigint) AS one, j AS listed FROM crm.service_articles() j LIMIT 1) a;
SELECT crm.service_article(-1);
ROLLBACK;
