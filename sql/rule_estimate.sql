-- rule_estimate: a count from some persons instead of everybody: between its two numbers as often as it says, over many rules and many draws; the same
-- every time; exact in the end, and at once where everybody are few.
\set VERBOSITY terse
SET client_min_messages = warning;
SET timezone = 'UTC';
SELECT set_config('crm.access_claims', '{"actor": "regress", "role": "crm_marketer", "stores": [], "all": true}', false) <> '' AS claims;

-- 1. the two numbers, over draws: of 8,000 persons shares from nobody to all, the sixteenth and its first 250 drawn by a hundred seeds
CREATE TEMP TABLE draw AS
SELECT s.seed, x.sixteenth, x.persons FROM generate_series(1, 100) s (seed), LATERAL (
    SELECT count(*) AS sixteenth, array_agg(h.g ORDER BY h.place) AS persons FROM (SELECT g, hashint8extended(g, s.seed) AS place FROM generate_series(1, 8000) g) h WHERE h.place & 15 = 0) x;
SELECT t.there, count(*) AS draws, count(*) FILTER (WHERE t.there BETWEEN b.numbers[1] AND b.numbers[2]) AS lie_between, round(avg(b.numbers[2] - b.numbers[1])) AS width
FROM draw d, unnest('{0,8,80,800,2000,4000,7200,8000}'::int[]) t (there), LATERAL (SELECT count(*) AS n FROM unnest(d.persons[:250]) p WHERE p <= t.there) f,
     LATERAL (SELECT crm._rule_between(f.n, 250, d.sixteenth) AS numbers) b GROUP BY t.there ORDER BY t.there;

-- 2. over rules: persons, what they bought, where they may be reached; conditions alone, in twos and threes, turned around
BEGIN;
SET LOCAL crm.core_clock = '2026-06-30T12:00:00+08:00';
UPDATE crm.customer SET status = 'erased' WHERE status = 'active';
INSERT INTO crm.customer (customer_id, status, registered_at, registered_on, updated_at, sex, city, record_count, name_masked)
SELECT 9700000 + g, 'active', '2026-01-01', date '2026-06-29' - abs(hashint8(g)) % 700, '2026-01-01', CASE WHEN hashint8(g * 3) % 10 < 6 THEN 'f' ELSE 'm' END,
       'city ' || least(abs(hashint8(g * 5)) % 20, 9), 1 + abs(hashint8(g * 7)) % 4, '王**' FROM generate_series(1::bigint, 6400) g;
INSERT INTO crm.membership (source_record_id, valid_from, customer_id) SELECT 9800000 + g, '2026-01-01', 9700000 + g FROM generate_series(1, 6400) g;
INSERT INTO crm.purchase_chunk (source_record_id, from_day, history)
SELECT 9800000 + g, '-infinity', crm.purchase_history(array_agg(d.day), array_agg(d.day), array_agg(5000::bigint))
FROM generate_series(1::bigint, 6400) g, LATERAL (SELECT DISTINCT date '2026-06-30' - abs(hashint8(g * 100 + k)) % 400 AS day FROM generate_series(1, abs(hashint8(g * 11)) % 9) k) d GROUP BY g;
INSERT INTO crm.consent (source_record_id, channel, occurred_at, consent_id, state, is_history)
SELECT 9800000 + g, 'sms', '2026-02-01', 9800000 + g, CASE WHEN g % 3 = 0 THEN 'no' ELSE 'yes' END, false FROM generate_series(1, 6400) g WHERE g % 7 > 1;
SELECT count(crm._value_compute(a.ids, '2026-06-30', 'order')) + count(crm._outbox_keep_consents(a.ids)) > 0 AS kept FROM (SELECT array_agg(c.customer_id) AS ids FROM crm.customer c WHERE c.customer_id BETWEEN 9700001 AND 9706400) a;
DELETE FROM crm.value_dirty;
CREATE TEMP TABLE condition AS
SELECT row_number() OVER () AS n, c::jsonb AS rule FROM unnest(ARRAY[
    '{"kind": "person", "field": "sex", "value": "m"}', '{"kind": "person", "field": "city", "value": ["city 1", "city 2"]}', '{"kind": "person", "field": "city", "value": "city 9"}',
    '{"kind": "person", "field": "registered_on.since", "op": "<", "value": 90}', '{"kind": "person", "field": "records", "op": ">=", "value": 3}',
    '{"kind": "purchase", "measure": "never"}', '{"kind": "purchase", "measure": "count", "days": 90, "op": ">=", "value": 2}', '{"kind": "purchase", "measure": "last", "op": ">", "value": 180}',
    '{"kind": "purchase", "measure": "sum", "op": ">=", "value": 350}', '{"kind": "consent", "field": "sms", "value": "yes"}', '{"kind": "consent", "field": "sms", "op": "missing"}']) c;
CREATE TEMP TABLE asked AS
SELECT rule FROM condition
UNION SELECT jsonb_build_object('all', jsonb_build_array(a.rule, b.rule)) FROM condition a JOIN condition b ON a.n < b.n
UNION SELECT jsonb_build_object('all', jsonb_build_array(a.rule, jsonb_build_object('any', jsonb_build_array(b.rule, jsonb_build_object('not', c.rule))))) FROM condition a JOIN condition b ON b.n = (a.n + 3) % 11 + 1 JOIN condition c ON c.n = (a.n + 6) % 11 + 1
UNION SELECT jsonb_build_object('not', jsonb_build_object('all', jsonb_build_array(a.rule, b.rule))) FROM condition a JOIN condition b ON b.n = (a.n + 4) % 11 + 1
UNION SELECT '{}' UNION SELECT '{"any": []}';
CREATE TEMP TABLE answer AS
SELECT a.rule, l.look_at, crm.rule_preview(a.rule, NULL, 3, l.look_at) AS guess, crm.rule_preview(a.rule, NULL, 3) AS truth FROM asked a, unnest('{100,300}'::int[]) l (look_at);
SELECT look_at, count(*) AS rules, count(*) FILTER (WHERE (truth ->> 'persons')::bigint BETWEEN (guess #>> '{persons_between,0}')::bigint AND (guess #>> '{persons_between,1}')::bigint) AS lie_between,
       bool_and(NOT (guess ->> 'is_exact')::boolean AND (guess ->> 'looked_at')::int = look_at) AS are_estimates, bool_and((truth ->> 'is_exact')::boolean AND NOT truth ? 'persons_between') AS are_exact,
       bool_and((truth ->> 'everybody')::bigint BETWEEN (guess #>> '{everybody_between,0}')::bigint AND (guess #>> '{everybody_between,1}')::bigint) AS everybody_too FROM answer GROUP BY look_at ORDER BY 1;
-- each part, what it leaves and keeps out
SELECT a.look_at, n.name, count(*) AS numbers, round(avg(((t.value ->> n.name)::bigint BETWEEN (g.value #>> ARRAY[n.name || '_between', '0'])::bigint AND (g.value #>> ARRAY[n.name || '_between', '1'])::bigint)::int), 2) AS share_between
FROM answer a, jsonb_array_elements(a.guess -> 'parts') WITH ORDINALITY g, LATERAL (SELECT a.truth #> ARRAY['parts', (g.ordinality - 1)::text] AS value) t, unnest('{persons,left,keeps_out}'::text[]) n (name) GROUP BY 1, 2 ORDER BY 1, 2;
SELECT bool_and((g.value ->> 'persons') = (p.value ->> 'persons')) AS a_condition_is_its_part FROM answer a, jsonb_array_elements(a.guess -> 'parts') WITH ORDINALITY p, jsonb_array_elements(a.guess -> 'conditions') WITH ORDINALITY g
WHERE jsonb_array_length(a.guess -> 'parts') = jsonb_array_length(a.guess -> 'conditions') AND p.ordinality = g.ordinality AND NOT a.rule ? 'not';
-- in the end it is the count of everybody, part by part by other means
SELECT bool_and((truth ->> 'persons')::bigint = crm.rule_count(rule)) AS exact, bool_and((truth ->> 'everybody')::bigint = 6400 AND (truth ->> 'looked_at')::bigint = 6400) AS of_everybody FROM answer WHERE look_at = 100;
SELECT bool_and((p.value ->> 'persons')::bigint = crm.rule_count(r.value) AND (p.value ->> 'left')::bigint = crm.rule_count(jsonb_build_object('all', (SELECT jsonb_agg(x.value) FROM jsonb_array_elements(a.rule -> 'all') WITH ORDINALITY x WHERE x.ordinality <= p.ordinality)))
    AND (p.value ->> 'keeps_out')::bigint = crm.rule_count(jsonb_build_object('all', (SELECT jsonb_agg(CASE WHEN x.ordinality = p.ordinality THEN jsonb_build_object('not', x.value) ELSE x.value END) FROM jsonb_array_elements(a.rule -> 'all') WITH ORDINALITY x)))) AS parts_are_exact
FROM answer a, jsonb_array_elements(a.truth -> 'parts') WITH ORDINALITY p, jsonb_array_elements(a.rule -> 'all') WITH ORDINALITY r WHERE a.look_at = 100 AND r.ordinality = p.ordinality AND a.rule ? 'all';
-- the same persons every time, whatever the rule; whom a sample names fit
SELECT bool_and(crm.rule_preview(rule, NULL, 3, look_at) = guess) AS the_same FROM answer WHERE look_at = 100;
SELECT crm._rule_looked_at(100) <@ crm._rule_looked_at(300) AS more_hold_fewer, cardinality(crm._rule_looked_at(1)) AS at_least, crm._rule_looked_at(NULL) IS NULL AND crm._rule_looked_at(100000) IS NULL AS all_are_asked;
SELECT bool_and(crm.rule_matches(a.rule, (s ->> 'customer_id')::bigint)) AS fit, count(*) > 100 AS many FROM answer a, jsonb_array_elements(a.guess -> 'sample') s WHERE a.look_at = 300;
-- everybody are few for so many: exact at once
SELECT (p ->> 'is_exact')::boolean AS exact_at_once, (p ->> 'persons')::bigint = crm.rule_count('{"kind": "purchase"}') AS same FROM crm.rule_preview('{"kind": "purchase"}', NULL, 0, 100000) p;
-- everybody, part after part: here there is time for all of them in the first answer, and nobody is behind the last
SELECT count(*) AS rules, count(*) FILTER (WHERE p.value - '{after,sample,as_of}'::text[] <> a.truth - '{sample,as_of}'::text[] OR p.value -> 'after' <> 'null' OR a.truth ? 'after') AS different
FROM answer a, LATERAL (SELECT crm.rule_preview(a.rule, NULL, 3, NULL, 0) AS value) p WHERE a.look_at = 100;
SELECT p ->> 'everybody' AS behind_an_id, p -> 'after' AS after, p ->> 'is_exact' AS exact FROM crm.rule_preview('{}', NULL, 0, 300, 9706350) p;
-- as of a moment; what is wrong is refused as ever
SELECT (p ->> 'as_of')::timestamptz = '2026-03-01' AS as_of, crm.rule_count('{"kind": "purchase"}', '2026-03-01') BETWEEN (p #>> '{persons_between,0}')::bigint AND (p #>> '{persons_between,1}')::bigint AS lies_between FROM crm.rule_preview('{"kind": "purchase"}', '2026-03-01', 0, 300) p;
-- who goes is not looked at; who is merged away is not either
UPDATE crm.customer SET status = 'merged', merged_into = 9706400 WHERE customer_id = ANY (crm._rule_looked_at(100)) AND customer_id <> 9706400;
SELECT (SELECT count(*) FROM unnest(crm._rule_looked_at(100)) x JOIN crm.customer c ON c.customer_id = x AND c.status <> 'active') AS of_who_is_gone, (crm.rule_preview('{}') ->> 'everybody')::int AS left;
SAVEPOINT wrong;
SELECT crm.rule_preview('{"kind": "nothing"}', NULL, 0, 300);
ROLLBACK TO wrong;
-- whom to look at comes out of the index of the sixteenth
CREATE FUNCTION pg_temp.plan() RETURNS SETOF text LANGUAGE plpgsql AS $$
BEGIN
    RETURN QUERY EXECUTE 'EXPLAIN (COSTS off) SELECT c.customer_id FROM crm.customer c WHERE c.status = ''active'' AND hashint8extended(c.customer_id, 0) & 15 = 0 ORDER BY hashint8extended(c.customer_id, 0) LIMIT 4000';
END $$;
ANALYZE crm.customer;
SELECT bool_or(p ~ 'customer_sample') AS by_index FROM pg_temp.plan() p;
ROLLBACK;
