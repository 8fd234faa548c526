-- segment_benchmark: a tag follows whoever departs from a figure of the trade, and the figure when it changes (R66); everything is undone at the end.
\set VERBOSITY terse
SET client_min_messages = warning;
SET datestyle = 'ISO';
SET timezone = 'UTC';
SELECT set_config('crm.access_claims', '{"actor": "regress", "role": "crm_headquarters", "stores": [], "all": true}', false) <> '' AS claims;
BEGIN;
SET LOCAL crm.core_clock = '2026-06-30T12:00:00+08:00';
UPDATE crm.customer SET status = 'erased' WHERE status = 'active';
UPDATE crm.segment SET is_active = false;
INSERT INTO crm.customer (customer_id, status, registered_at, registered_on, updated_at) SELECT 962200 + g, 'active', '2026-01-01', '2026-01-01', '2026-01-01' FROM generate_series(1, 4) g;
INSERT INTO crm.membership (source_record_id, valid_from, customer_id) SELECT 962100 + g, '2026-01-01', 962200 + g FROM generate_series(1, 4) g;
-- 1 buys often and much, 2 the trade's own figures, 3 not for 150 days, 4 nothing
INSERT INTO crm.purchase_chunk (source_record_id, from_day, history) VALUES
    (962101, '-infinity', '{2026-05-01 2026-05-01 20000; 2026-06-01 2026-06-01 20000; 2026-06-15 2026-06-15 14001}'),
    (962102, '-infinity', '{2026-05-01 2026-05-01 12000; 2026-06-01 2026-06-01 12000}'),
    (962103, '-infinity', '{2026-01-31 2026-01-31 18000}');
SELECT crm._value_compute('{962201,962202,962203,962204}', '2026-06-30', 'history');
CREATE FUNCTION pg_temp.tagged(tag text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    PERFORM crm._segment_refresh();
    RETURN (SELECT coalesce(string_agg((m - 962200)::text, ' ' ORDER BY m), '-') FROM crm._segment_members('tag:' || tag) m);
END $$;
\i sql/shared/try_said.sql
SELECT crm.segment_set_benchmark('average_order', 120, 'trade report 2025, page 12', '客单价', '{"kind": "purchase", "measure": "average", "days": 365}', 'average order');
SELECT crm.segment_set_benchmark('silence', 60, 'trade report 2025, page 14', '沉默天数', '{"kind": "purchase", "measure": "last"}', 'days of silence');
SELECT crm.segment_tag_deviation('行业高潜', '高潜客户', '[{"metric": "average_order", "op": ">=", "factor": 1.5}, {"metric": "silence", "op": "<=", "factor": 1}]');
SELECT crm.segment_tag_deviation('行业流失预警', '流失预警', '[{"metric": "silence", "op": ">", "factor": 2}]') -> 'rule' AS rule;
SELECT pg_temp.tagged('行业高潜') AS high_potential, pg_temp.tagged('行业流失预警') AS at_risk;
-- 540.01 in three orders is a cent above one and a half times 120; a figure that rises takes the tag away, and one that falls gives it
SELECT crm.segment_set_benchmark('average_order', 120.01, 'a revised report') -> 'tags' AS followed;
SELECT pg_temp.tagged('行业高潜') AS high_potential;
SELECT crm.segment_set_benchmark('average_order', 80, 'another year') ->> 'value' AS value, crm.segment_set_benchmark('silence', 75.5, 'another year') ->> 'value' AS silence;
SELECT pg_temp.tagged('行业高潜') AS high_potential, pg_temp.tagged('行业流失预警') AS at_risk;
SELECT b -> 'metric' AS metric, b -> 'value' AS value, b -> 'origin' AS origin, b -> 'tags' AS tags FROM crm.segment_benchmarks() b;
SELECT count(*) AS drift FROM crm.segment_check();
-- a name given by hand stays, the same rule by hand changes nothing; another rule by hand is the tag's own from then on
SELECT crm.segment_define_tag('行业高潜', '高潜', 'behaviour', (SELECT s.rule FROM crm.segment s WHERE s.code = 'tag:行业高潜')) AS renamed;
SELECT crm.segment_define_tag('行业流失预警', '流失', 'behaviour', '{"kind": "purchase", "measure": "last", "op": ">", "value": 400}') AS own_rule;
SELECT crm.segment_set_benchmark('silence', 10, 'a third year') -> 'tags' AS followed;
SELECT t.tag, t.name_zh, jsonb_path_query_array(s.rule, 'strict $.**.value', '{}', true) AS figures FROM crm.tag t JOIN crm.segment s USING (segment_id) WHERE t.tag LIKE '行业%' ORDER BY s.rule::text;
SELECT b -> 'metric' AS metric, jsonb_path_query_array(b, '$.tags[*].tag') AS tags FROM crm.segment_benchmarks() b;
-- what cannot be is refused
SELECT pg_temp.try(c) AS fault FROM (VALUES (1, $$crm.segment_set_benchmark('Average', 1, 'x', NULL, '{"kind": "purchase", "measure": "last"}')$$), (2, $$crm.segment_set_benchmark('silence', 0, 'x')$$),
    (3, $$crm.segment_set_benchmark('silence', NULL, 'x')$$), (4, $$crm.segment_set_benchmark('silence', 1, ' ')$$), (5, $$crm.segment_set_benchmark('new_one', 1, 'x')$$),
    (6, $$crm.segment_set_benchmark('new_one', 1, 'x', NULL, '{"all": []}')$$), (7, $$crm.segment_set_benchmark('new_one', 1, 'x', NULL, '{"kind": "person", "field": "city"}')$$), (8, $$crm.segment_set_benchmark(NULL, NULL, NULL)$$),
    (9, $$crm.segment_tag_deviation('t', 't', '[]')$$), (10, $$crm.segment_tag_deviation('t', 't', '[{"metric": "nothing", "op": ">", "factor": 1}]')$$), (11, $$crm.segment_tag_deviation('t', 't', '[{"metric": "silence", "op": "=", "factor": 1}]')$$),
    (12, $$crm.segment_tag_deviation('t', 't', '[{"metric": "silence", "op": ">", "factor": -1}]')$$), (13, $$crm.segment_tag_deviation('t', 't', '[{"metric": "silence", "op": ">", "factor": "a"}]')$$), (14, $$crm.segment_tag_deviation('t', 't', NULL)$$),
    (15, $$crm.segment_tag_deviation('a b', 't', '[{"metric": "silence", "op": ">", "factor": 1}]')$$), (16, $$crm.segment_tag_deviation('t', ' ', '[{"metric": "silence", "op": ">", "factor": 1}]')$$)) v (n, c) ORDER BY n;
ROLLBACK;
