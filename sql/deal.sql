-- deals: pipelines are data, a deal goes on only with what its stage asks for, is given by rules it tells, becomes a task when it stands
-- still, once, and ends it when it goes on; two who work on one person learn of each other; figures and paths of won ones.
\set VERBOSITY terse
SET client_min_messages = warning;
SET datestyle = 'ISO';
SET timezone = 'Asia/Shanghai';
BEGIN;
SET LOCAL crm.core_clock = '2026-03-02T12:00:00+08:00';
SELECT set_config('crm.access_claims', '{"actor": "regress", "role": "crm_headquarters", "stores": [], "all": true}', true) <> '' AS claims;
SELECT crm.access_define_region('deal_r', 'r') > 0 AS region, crm.access_define_store('deal_s1', 'one', 'deal_r') AS s1, crm.access_define_store('deal_s2', 'two', 'deal_r') AS s2 \gset
SELECT crm.access_define_staff('deal_c1', 'c one', 'crm_clerk', ARRAY['store:deal_s1']) AS c1, crm.access_define_staff('deal_c2', 'c two', 'crm_clerk', ARRAY['store:deal_s1']) AS c2,
       crm.access_define_staff('deal_c3', 'c three', 'crm_clerk', ARRAY['store:deal_s2']) AS c3, crm.access_define_staff('deal_m1', 'm one', 'crm_manager', ARRAY['region:deal_r']) AS m1 \gset
\i sql/shared/try_remedy.sql
CREATE FUNCTION pg_temp.act(code text, staff int, role text, store int) RETURNS boolean LANGUAGE sql AS $$
    SELECT set_config('crm.access_claims', json_build_object('actor', code, 'staff_id', staff, 'role', role, 'stores', ARRAY[store], 'all', false)::text, true) <> ''
$$;
CREATE FUNCTION pg_temp.tasks(person bigint) RETURNS SETOF text LANGUAGE sql AS $$
    SELECT concat_ws(' ', t.kind, t.title, f.code, t.role, t.state, t.outcome) FROM crm.task t LEFT JOIN crm.staff f USING (staff_id) WHERE t.customer_id = person ORDER BY t.task_id
$$;

-- 1. what ships: two pipelines; one of one's own, with advice on how many stages; what does not fit is named
SELECT j ->> 'pipeline' AS pipeline, (SELECT string_agg(s ->> 'name_zh', ' → ' ORDER BY n) FROM jsonb_array_elements(j -> 'stages') WITH ORDINALITY a (s, n)) AS stages, j -> 'warnings' AS warnings FROM crm.sales_pipelines() j;
SELECT crm.sales_define_pipeline('deal_own', '{"name_zh": "团购", "stages": [{"stage": "ask", "name_zh": "询价", "stalls": [{"hours": 48, "since": "stage", "role": "clerk"}]}, {"stage": "won", "name_zh": "成交", "outcome": "won"}, {"stage": "lost", "name_zh": "丢单", "outcome": "lost"}]}') -> 'warnings' AS warnings;
SELECT pg_temp.try(format('crm.sales_define_pipeline(%L, %L)', p, s)) AS fault FROM (VALUES (1, 'No', '{}'), (2, 'deal_x', '{}'), (3, 'deal_x', '{"stages": []}'), (4, 'deal_x', NULL), (5, 'deal_x', '{"color": 1}'),
    (6, 'deal_x', '{"stages": [{"stage": "a", "name_zh": "a"}, {"stage": "a", "name_zh": "b", "outcome": "won"}]}'), (7, 'deal_x', '{"stages": [{"stage": "a", "name_zh": "a"}, {"stage": "b", "name_zh": "b", "outcome": "won"}]}'),
    (8, 'deal_x', '{"stages": [{"stage": "a", "name_zh": "a", "stalls": [{"hours": 0, "since": "stage", "role": "clerk"}]}, {"stage": "b", "name_zh": "b"}]}'), (9, 'deal_x', '{"stages": [{"stage": "a", "name_zh": "a", "evidence": "x"}, 7]}'),
    (10, 'deal_x', '{"stages": "many"}'), (11, 'deal_x', '{"is_active": "perhaps"}'), (12, NULL, '{}')) v (n, p, s) ORDER BY n;

-- 2. given to who has the fewest, ties by code; the best customers to gold, where somebody is; the owner before all; each with its task
SELECT pg_temp.act('deal_c1', :c1, 'crm_clerk', :s1);
SELECT (crm.ingest_enrol('王小明', '138 1234 8801') ->> 'customer_id')::bigint AS a, (crm.ingest_enrol('李雷', '138 1234 8802') ->> 'customer_id')::bigint AS b, (crm.ingest_enrol('韩梅', '138 1234 8803') ->> 'customer_id')::bigint AS c \gset
SELECT (crm.sales_deal_open(:a, 'consult', ' 婚礼蛋糕 ', 8800, true, 'web', NULL, 'd1') ->> 'deal_id')::bigint AS d1 \gset
SELECT crm.sales_deal_open(:a, 'consult', ' 婚礼蛋糕 ', 8800, true, 'web', NULL, 'd1') ->> 'deal_id' = :'d1' AS replay;
SELECT j ->> 'staff' AS staff, j -> 'events' -> 0 ->> 'given_to' AS why FROM crm.sales_deal_open(:b, 'leads', '公司下午茶') j;
SELECT set_config('crm.access_claims', '{"actor": "regress", "role": "crm_headquarters", "stores": [], "all": true}', true) <> '' AS claims;
SELECT crm.sales_set_skills('deal_c2', '{gold,cakes}') AS skills;
UPDATE crm.customer_value SET tier = 'S' WHERE customer_id = :c;
SELECT j ->> 'staff' AS staff, j -> 'events' -> 0 ->> 'given_to' AS why FROM crm.sales_deal_open(:c, 'leads', '年会') j;
SELECT crm.sales_set_owner(:c, 'deal_c1') IS NOT NULL AS owned;
SELECT j ->> 'staff' AS staff, j -> 'events' -> 0 ->> 'given_to' AS why, j -> 'overlaps' AS overlaps FROM crm.sales_deal_open(:c, 'deal_own', '中秋团购') j;
SELECT pg_temp.tasks(:c);
SELECT pg_temp.try(format(c, :a)) AS fault FROM (VALUES (1, 'crm.sales_deal_open(%s, ''nothing'', ''x'')'), (2, 'crm.sales_deal_open(%s, ''leads'', '' '')'), (3, 'crm.sales_deal_open(%s, ''leads'', ''x'', -1)'), (4, 'crm.sales_deal_open(%s, ''leads'', ''x'', ''NaN'')'),
    (5, 'crm.sales_deal_open(%s, ''leads'', ''x'', 1, NULL, ''The Web'')'), (6, 'crm.sales_deal_open(%s, ''leads'', ''x'', 1, true, ''web'', ''nowhere'')'), (7, 'crm.sales_deal_open(NULL, ''leads'', ''x'')'), (8, 'crm.sales_set_skills(''nobody'', ''{}'')'), (9, 'crm.sales_set_skills(''deal_c1'', ''{Gold}'')')) v (n, c) ORDER BY n;

-- 3. onwards only with what the stage asks for; back, and lost, without; lost with the reason
SELECT pg_temp.act('deal_c1', :c1, 'crm_clerk', :s1);
SELECT j ->> 'stage' AS stage, j -> 'missing' AS missing FROM crm.sales_deal_move(:a, :d1, 'contact') j;
SELECT pg_temp.try(format('crm.sales_deal_move(%s, %s, ''proposal'')', :a, :d1)) AS not_yet, pg_temp.try(format('crm.sales_deal_move(%s, %s, ''won'')', :a, :d1)) AS nor_to_the_end;
SELECT crm.sales_deal_evidence(:a, :d1, 'minutes', '沟通纪要', 'https://files.example/m.pdf', repeat('ab', 32)) -> 'missing' AS missing;
SELECT pg_temp.try(format('crm.sales_deal_move(%s, %s, ''proposal'')', :a, :d1)) AS still;
SELECT pg_temp.try(format('crm.sales_deal_move(%s, %s, ''lost'', repeat(''x'', 501))', :a, :d1)) AS too_long, pg_temp.try(format('crm.sales_set_owner(%s, ''deal_c1'', repeat(''x'', 501))', :a)) AS nor_of_an_owner;
SELECT pg_temp.try(format(c, :a, :d1)) AS fault FROM (VALUES (1, 'crm.sales_deal_evidence(%s, %s, ''needs'', ''x'', ''javascript:alert(1)'')'), (2, 'crm.sales_deal_evidence(%s, %s, ''needs'', ''x'', ''https://a b'')'), (3, 'crm.sales_deal_evidence(%s, %s, ''needs'', NULL, ''https://a'')'),
    (4, 'crm.sales_deal_evidence(%s, %s, ''needs'', ''x'', ''https://a'', ''zz'')'), (5, 'crm.sales_deal_evidence(%s, %s, NULL, ''x'', ''https://a'')'), (6, 'crm.sales_deal_move(%s, %s, ''moon'')'), (7, 'crm.sales_deal_move(%s, %s, ''contact'')'), (8, 'crm.sales_deal_move(%s, %s, ''lost'')'),
    (9, 'crm.sales_deal_change(%s, %s, ''{"amount": -1}'')'), (10, 'crm.sales_deal_change(%s, %s, ''{"colour": 1}'')'), (11, 'crm.sales_deal_change(%s, %s, ''{"staff": "deal_c3"}'')'), (12, 'crm.sales_deal_change(%s, %s, NULL)'), (13, 'crm.sales_deal_change(%s, %s, ''[]'')')) v (n, c) ORDER BY n;

SELECT pg_temp.try(format(c, :a)) AS nothing FROM (VALUES (1, 'crm.sales_deal_change(%s, NULL, ''{"amount": 1}'')'), (2, 'crm.sales_deal_evidence(%s, NULL, ''needs'', ''x'', ''https://a'')'), (3, 'crm.sales_deal_move(%s, NULL, ''contact'')')) v (n, c) ORDER BY n;

-- 4. it stands still: 48 hours at the stage are its clerk's, three days without a word of an important deal the manager's; once; a word, or a move, ends them
SELECT crm._sales_stalls();
SELECT pg_temp.tasks(:a);
SET LOCAL crm.core_clock = '2026-03-04T11:59:00+08:00';
SELECT crm._sales_stalls();
SELECT count(*) AS too_early FROM crm.task WHERE customer_id = :a AND kind = 'stall';
SET LOCAL crm.core_clock = '2026-03-04T12:00:00+08:00';
SELECT crm._sales_stalls(), crm._sales_stalls();
SET LOCAL crm.core_clock = '2026-03-05T10:00:00+08:00';
SELECT crm._sales_stalls(), crm._sales_stalls();
SELECT pg_temp.tasks(:a);
SELECT pg_temp.act('deal_m1', :m1, 'crm_manager', :s1);
SELECT j ->> 'title' AS of_the_manager FROM crm.sales_tasks('escalated') j;
SELECT pg_temp.act('deal_c1', :c1, 'crm_clerk', :s1);
SELECT crm.ingest_note(:a, '约好周末试吃', 'call', 'reached') ->> 'outcome' AS note;
SELECT pg_temp.tasks(:a);
SELECT crm.sales_deal_evidence(:a, :d1, 'needs', '需求清单', 'https://files.example/n.pdf') -> 'missing' AS missing;
SELECT crm.sales_deal_move(:a, :d1, 'proposal') ->> 'stage' AS stage;
SELECT pg_temp.tasks(:a);
-- fifteen days at the quote, counted by local days at the hour of follow-ups
SELECT crm.sales_deal_evidence(:a, :d1, 'proposal', '方案', 'https://files.example/p.pdf') -> 'missing' AS missing, crm.sales_deal_move(:a, :d1, 'quote') ->> 'stage' AS stage, crm.sales_deal_change(:a, :d1, '{"is_important": false}') ->> 'is_important' AS important;
SELECT next_stall_at FROM crm.deal WHERE deal_id = :d1;
SET LOCAL crm.core_clock = '2026-03-20T10:00:00+08:00';
SELECT crm._sales_stalls();
SELECT role, state FROM crm.task WHERE customer_id = :a AND kind = 'stall' ORDER BY task_id DESC LIMIT 1;

-- 5. back and forth, won for good; lost with the reason
SELECT crm.sales_deal_move(:a, :d1, 'contact') ->> 'stage' AS back, crm.sales_deal_move(:a, :d1, 'quote') ->> 'stage' AS again, crm.sales_deal_evidence(:a, :d1, 'quote', '报价单', 'https://files.example/q.pdf') -> 'missing' AS missing;
SET LOCAL crm.core_clock = '2026-03-22T10:00:00+08:00';
SELECT j ->> 'outcome' AS outcome, (j ->> 'closed_at')::timestamptz AS closed FROM crm.sales_deal_move(:a, :d1, 'won', NULL, 'm1') j;
SELECT crm.sales_deal_move(:a, :d1, 'won', NULL, 'm1') ->> 'outcome' AS replay, pg_temp.try(format('crm.sales_deal_move(%s, %s, ''quote'')', :a, :d1)) AS for_good;
SELECT concat_ws(' ', e ->> 'kind', e ->> 'from', e ->> 'stage', e ->> 'hours', e ->> 'title', e ->> 'given_to', e ->> 'role') AS life FROM jsonb_array_elements(crm.sales_deal(:a, :d1) -> 'events') e;
SELECT (j ->> 'deal_id')::bigint AS d2 FROM crm.sales_deals_of(:b) j \gset
SELECT j ->> 'outcome' AS outcome, j ->> 'lost_reason' AS reason FROM crm.sales_deal_move(:b, :d2, 'lost', '预算不够') j;
-- when each came to its stages first stands in its row as its events say, whatever went back and forth; the check finds what was changed by hand
SELECT count(*) > 1 AS deals, max(cardinality(d.came_stages)) AS stages, bool_or(d.stage_no > cardinality(d.came_stages)) AS some_went_back, (SELECT count(*) FROM crm.sales_check()) AS differ FROM crm.deal d;
SAVEPOINT by_hand;
UPDATE crm.deal d SET came_at[2] = d.came_at[2] + interval '1 hour' WHERE d.deal_id = :d1;
SELECT c.room, c.what = format('when deal %s came to its stages', :d1) AS names_it, c.found <> c.expected AS differs FROM crm.sales_check() c;
ROLLBACK TO by_hand;
SELECT count(*) AS open_tasks FROM crm.task WHERE customer_id IN (:a, :b) AND kind IN ('deal', 'stall') AND state = 'open';

-- 6. lists and figures are of one's stores; how deals were won can be learned
SELECT j ->> 'title' AS ours FROM crm.sales_deals() j;
SELECT j - '{name_zh,name_en}'::text[] AS stage FROM crm.sales_board('consult', '2026-03-01', '2026-03-31') j;
SELECT j - '{deal_id,customer_id}'::text[] AS won FROM crm.sales_won_paths('consult', '2026-03-01', '2026-03-31') j;
SELECT pg_temp.act('deal_c3', :c3, 'crm_clerk', :s2);
SELECT count(*) AS theirs FROM crm.sales_deals(); SELECT count(*) FROM crm.sales_won_paths('consult', '2026-03-01', '2026-03-31');
SELECT pg_temp.try(format('crm.sales_deal(%s, %s)', :a, :d1)) AS unseen, pg_temp.try(format('crm.sales_deal_move(%s, %s, ''lost'', ''x'')', :c, :d1)) AS untouched, pg_temp.try('(SELECT count(*) FROM crm.sales_board(''consult'', NULL, NULL))') AS no_span;

-- 7. a stage at which deals stand stays; rules ask; a merge shows both; export and erasure
SELECT set_config('crm.access_claims', '{"actor": "regress", "role": "crm_headquarters", "stores": [], "all": true}', true) <> '' AS claims;
SELECT pg_temp.try($$crm.sales_define_pipeline('leads', '{"stages": [{"stage": "fresh", "name_zh": "新"}, {"stage": "won", "name_zh": "成", "outcome": "won"}, {"stage": "gone", "name_zh": "失", "outcome": "lost"}]}')$$) AS stands;
SELECT crm.sales_define_pipeline('deal_own', '{"is_active": false}') ->> 'is_active' AS active, pg_temp.try(format('crm.sales_deal_open(%s, ''deal_own'', ''x'')', :a)) AS closed;
SELECT crm.rule_matches('{"kind": "deal", "where": {"outcome": "won", "pipeline": "consult"}}', :a) AS won, crm.rule_matches('{"kind": "deal", "where": {"outcome": "open"}}', :a) AS open, crm.rule_matches('{"kind": "deal", "where": {"amount": {"op": ">=", "value": 5000}}}', :a) AS large;
SELECT crm.identity_merge(:a, :b, 'deal test') IS NOT NULL AS merged;
SELECT j ->> 'title' AS title, j ->> 'outcome' AS outcome FROM crm.sales_deals_of(:b) j ORDER BY 1;
SELECT jsonb_array_length(crm._sales_on_export(:a) -> 'deals') AS exported;
SELECT crm._sales_on_erase(:c);
SELECT DISTINCT title, outcome, lost_reason, (SELECT count(*) FROM crm.deal_evidence v WHERE v.customer_id = d.customer_id) AS documents FROM crm.deal d WHERE customer_id = :c;
ROLLBACK;
