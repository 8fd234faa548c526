-- value_journey: stages, nodes, standings with entry, keep and grace, conversions and their alert; everything is undone at the end.
\set VERBOSITY terse
SET client_min_messages = warning;
SET datestyle = 'ISO';
SET timezone = 'UTC';
SELECT set_config('crm.access_claims', '{"actor": "regress", "role": "crm_headquarters", "stores": [], "all": true}', false) <> '' AS claims;
BEGIN;
SET LOCAL crm.core_clock = '2026-07-01T04:00:00+08:00';
INSERT INTO crm.source (source_id, code, name, kind, created_at) VALUES (9571, 'journey_till', 'till', 'pos', '2026-01-01');
INSERT INTO crm.source_record (source_record_id, source_id, kind, external_id, is_history, received_at)
SELECT 957100 + g, 9571, 'member', 'm' || g, false, '2026-01-01' FROM generate_series(1, 9) g;
INSERT INTO crm.customer (customer_id, status, registered_at, registered_on, updated_at)
SELECT 957200 + g, 'active', '2026-01-01', '2026-01-01', '2026-01-01' FROM generate_series(1, 9) g;
INSERT INTO crm.membership (source_record_id, valid_from, customer_id) SELECT 957100 + g, '2026-01-01', 957200 + g FROM generate_series(1, 9) g;
INSERT INTO crm.event (source_record_id, received_at, event_id, source_id, type, occurred_at, business_day, properties, is_history)
SELECT 957100 + g, d + interval '4 hours', g * 10 + 1, 9571, t, d, d, p::jsonb, false FROM (VALUES
    (2, date '2026-05-01', 'page_view', '{}'), (3, '2026-06-15', 'add_to_cart', '{}'), (6, '2026-06-01', 'share', '{}'),
    (7, '2026-06-02', 'review_post', '{"stars": 5}'), (8, '2026-06-03', 'rating', '{"stars": 3}')) v (g, d, t, p);
CREATE FUNCTION pg_temp.buy(person int, days text) RETURNS void LANGUAGE sql AS $$
    INSERT INTO crm.purchase_chunk AS p (source_record_id, from_day, history)
    SELECT 957100 + person, '-infinity', crm.purchase_history(array_agg(d), array_agg(d), array_agg(m)) FROM (
        SELECT split_part(x, ':', 1)::date AS d, split_part(x, ':', 2)::bigint * 100 AS m FROM unnest(string_to_array(days, ' ')) x) y
    ON CONFLICT (source_record_id, from_day) DO UPDATE SET history = excluded.history $$;
-- 1 known, 2 in contact, 3 in the cart, 4 bought, 5 came back late, 6 told others, 7 praised, 8 rated low
SELECT pg_temp.buy(4, '2026-06-20:100'), pg_temp.buy(5, '2026-01-10:100 2026-01-20:100 2026-04-01:100'), pg_temp.buy(6, '2026-05-10:50'), pg_temp.buy(7, '2026-05-10:50'), pg_temp.buy(8, '2026-06-30:50');
SELECT g AS person, crm.value_stage(957200 + g, '2026-06-30') AS stage, crm.value_stage(957200 + g, '2026-02-01') AS in_february FROM generate_series(1, 8) g;
SELECT count(crm._value_journey_job()) AS runs, crm._value_journey_job() AS again FROM generate_series(1, 3);
SELECT customer_id - 957200 AS person, string_agg(node || ' ' || occurred_on, ', ' ORDER BY occurred_on, node) AS nodes FROM crm.journey_event WHERE customer_id > 957200 GROUP BY 1 ORDER BY 1;
SELECT node, reached, persons, due, attained, attainment FROM crm.value_journey('2026-01-01', '2026-06-30');
-- the next night: a first order, an order refunded whole (its nodes go), history of stages
SELECT pg_temp.buy(1, '2026-07-01:30');
UPDATE crm.purchase_chunk SET history = crm._purchase_add(history, '{2026-06-20}', '{2026-07-01}', '{-10000}') WHERE source_record_id = 957104;
SET LOCAL crm.core_clock = '2026-07-02T04:00:00+08:00';
SELECT crm._value_journey_job();
SELECT customer_id - 957200 AS person, string_agg(node, ', ' ORDER BY occurred_on) AS nodes FROM crm.journey_event WHERE customer_id IN (957201, 957204) GROUP BY 1 ORDER BY 1;
SELECT customer_id - 957200 AS person, changed_on, from_stage, to_stage FROM crm.stage_change WHERE customer_id > 957200 AND changed_on > '2026-06-30' ORDER BY 1;
SELECT * FROM crm.value_stage_transitions('2026-06-30', '2026-07-01') WHERE from_stage <> to_stage;
SELECT sum(persons) = (SELECT count(*) FROM crm.customer_stage) AS whole FROM crm.value_stage_transitions('2026-06-30', '2026-07-01');

-- standings: up at once; kept at half; grace of 30 days; down step by step; at once after a refund
SELECT pg_temp.buy(9, '2025-08-01:2100');
DELETE FROM crm.customer_standing WHERE customer_id = 957209;     -- walked from the past on
CREATE FUNCTION pg_temp.standing(day date, cause text DEFAULT NULL) RETURNS TABLE (rank int, since date, lost_on date) LANGUAGE sql AS $$
    SELECT crm._value_stand('{957209}', 'member_metal', day, cause); SELECT rank, since, lost_on FROM crm.customer_standing WHERE customer_id = 957209 $$;
SELECT d.day, s.* FROM (VALUES (1, date '2025-08-01'), (2, '2026-08-01'), (3, '2026-08-02'), (4, '2026-08-31'), (5, '2026-09-01')) d (no, day), LATERAL pg_temp.standing(d.day) s ORDER BY d.no;
SELECT pg_temp.buy(9, '2026-09-02:5000');
SELECT * FROM pg_temp.standing('2026-09-02');
SELECT pg_temp.buy(9, '2026-09-02:2600');
SELECT * FROM pg_temp.standing('2026-09-03', 'refund');
SELECT pg_temp.buy(9, '2026-09-02:1500');
SELECT * FROM pg_temp.standing('2026-09-04', 'refund');
SELECT pg_temp.buy(9, '2026-09-02:100');
SELECT * FROM pg_temp.standing('2026-09-05', 'refund');
SELECT e ->> 'standing_set' AS set, e ->> 'rank' AS rank, jsonb_path_query_array(e, '$.changes[*].cause') AS causes FROM jsonb_array_elements(crm.value_standing(957209)) e WHERE e ->> 'standing_set' = 'member_metal';

-- a refund of the early morning is known before the night that walks the day before: what was bought that day is not given again
SAVEPOINT refund;
UPDATE crm.standing_rule SET grace_days = 30;
DELETE FROM crm.journey_run;
SELECT pg_temp.buy(1, '2026-09-10:2100'), pg_temp.buy(2, '2026-09-09:700'), pg_temp.buy(3, '2026-09-10:900');
SET LOCAL crm.core_clock = '2026-09-10T04:00:00+08:00';
SELECT crm._value_journey_job();
SELECT pg_temp.buy(2, '2026-09-09:700 2026-09-10:2000');
UPDATE crm.purchase_chunk SET history = crm._purchase_add(history, '{2026-09-10}', '{2026-09-11}', '{-210000}') WHERE source_record_id = 957101;
UPDATE crm.purchase_chunk SET history = crm._purchase_add(history, '{2026-09-09,2026-09-10}', '{2026-09-11,2026-09-11}', '{-70000,-200000}') WHERE source_record_id = 957102;
SET LOCAL crm.core_clock = '2026-09-11T02:00:00+08:00';
SELECT crm._value_on_facts('{957201,957202}', 'refund', false);
CREATE FUNCTION pg_temp.standings() RETURNS TABLE (person bigint, rank int, since date, lost_on date, changes text) LANGUAGE sql AS $$
    SELECT h.customer_id - 957200, h.rank, h.since, h.lost_on, (SELECT string_agg(c.changed_on || ' ' || c.from_rank || '>' || c.to_rank || ' ' || c.cause, ', ' ORDER BY c.change_id)
        FROM crm.standing_change c WHERE c.customer_id = h.customer_id AND c.standing_set = h.standing_set)
    FROM crm.customer_standing h WHERE h.customer_id BETWEEN 957201 AND 957203 AND h.standing_set = 'member_metal' ORDER BY 1 $$;
SELECT * FROM pg_temp.standings();
SET LOCAL crm.core_clock = '2026-09-11T04:00:00+08:00';
SELECT crm._value_journey_job();
SELECT * FROM pg_temp.standings();
SET LOCAL crm.core_clock = '2026-09-12T04:00:00+08:00';
SELECT crm._value_journey_job();
SELECT * FROM pg_temp.standings();
-- after the night whoever holds nothing is left to the next one
SELECT crm._value_on_facts('{957201}', 'refund', false);
SELECT as_of FROM crm.customer_standing WHERE customer_id = 957201 AND standing_set = 'member_metal';
-- one that came with many others is left to the drain, and costs the standing there
UPDATE crm.purchase_chunk SET history = crm._purchase_add(history, '{2026-09-10}', '{2026-09-12}', '{-90000}') WHERE source_record_id = 957103;
SELECT crm._value_on_facts(ARRAY(SELECT 957203 FROM generate_series(1, 51)), 'refund', false), crm._value_on_facts(ARRAY(SELECT 957203 FROM generate_series(1, 51)), 'rules', false);
SELECT crm._value_drain();
SELECT * FROM pg_temp.standings() WHERE person = 3;
-- a person who is no more is judged no more
UPDATE crm.customer SET status = 'erased' WHERE customer_id = 957203;
SELECT crm._value_stand('{957203}', 'member_metal', '2026-10-30'), max(as_of) AS as_of FROM crm.customer_standing WHERE customer_id = 957203;
ROLLBACK TO refund;

-- by sets: 200 persons at random on four days, against each alone and step by step, from their orders, refunds and events themselves
SAVEPOINT sets;
CREATE TEMP TABLE entry AS
    SELECT p, 958500 + p + CASE WHEN p % 7 = 0 AND k % 2 = 0 THEN 400 ELSE 0 END AS record, o.day, o.day + f.late AS known, f.minor
    FROM generate_series(1, 200) p, generate_series(1, abs(hashint8(p)) % 9) k,
         LATERAL (SELECT date '2026-08-20' - abs(hashint8(p * 100 + k)) % 500 AS day, (1000 + abs(hashint8(p * 31 + k)) % 90000)::bigint AS minor) o,
         LATERAL (SELECT 0 AS late, o.minor UNION ALL SELECT abs(hashint8(p + k * 1000)) % 60, -o.minor / (1 + p % 2) WHERE abs(hashint8(p * 7 + k)) % 4 = 0) f;
CREATE TEMP TABLE contact AS
    SELECT p, 958500 + p AS record, (ARRAY['share', 'rating', 'review_post', 'add_to_cart', 'page_view', NULL])[1 + abs(hashint8(p * 13 + k)) % 6] AS type,
           date '2026-08-20' - abs(hashint8(p * 77 + k)) % 300 AS day, abs(hashint8(p + k * 77)) % 7 AS stars, k
    FROM generate_series(1, 200) p, generate_series(1, abs(hashint8(p * 3)) % 6) k WHERE p % 3 > 0;
INSERT INTO crm.customer (customer_id, status, registered_at, registered_on, updated_at)
SELECT 958000 + p, 'active', '2026-01-01', date '2026-01-01' + p, '2026-01-01' FROM generate_series(1, 200) p;
INSERT INTO crm.membership (source_record_id, valid_from, customer_id) SELECT 958500 + r, '2026-01-01', 958000 + 1 + (r - 1) % 400 FROM generate_series(1, 700) r WHERE r <= 200 OR r > 400;
INSERT INTO crm.purchase_chunk (source_record_id, from_day, history)
SELECT record, '-infinity', crm.purchase_history(array_agg(day), array_agg(known), array_agg(minor)) FROM entry GROUP BY record;
INSERT INTO crm.event (source_record_id, received_at, event_id, source_id, type, occurred_at, business_day, properties, is_history)
SELECT record, day, p * 100 + k, 9571, type, day + time '23:30', day, CASE WHEN stars = 6 THEN '{"stars": "many"}' ELSE jsonb_build_object('stars', stars) END, false FROM contact WHERE type IS NOT NULL;
INSERT INTO crm.interaction (source_record_id, interaction_id, source_id, channel, direction, occurred_at, business_day, is_history, received_at)
SELECT record, p * 100 + k, 9571, 'phone', 'in', day, day, false, day FROM contact WHERE type IS NULL;
INSERT INTO crm.standing_rule (standing_set, rank, standing, name_zh, name_en, entry, keep, grace_days) VALUES
    ('journey_test', 2, 'b', 'b', 'b', '[{"metric": "orders", "days": 90, "op": ">=", "value": 1}]', '[{"metric": "contacts", "days": 60, "op": ">=", "value": 1}]', 0),
    ('journey_test', 5, 'e', 'e', 'e', '[{"metric": "orders", "op": ">=", "value": 2}, {"metric": "last_days", "op": "<", "value": 40}]', '[{"metric": "events", "types": ["share", "rating"], "op": "=", "value": 1}]', 20),
    ('journey_test', 7, 'g', 'g', 'g', '[{"metric": "net", "days": 60, "op": ">", "value": 900.5}, {"metric": "events", "types": ["page_view"], "days": 200, "op": "<=", "value": 0}]', '[{"metric": "first_days", "op": ">=", "value": 300}]', 5);
-- one condition of one person
CREATE FUNCTION pg_temp.found(c jsonb, person int, d date) RETURNS numeric LANGUAGE sql AS $$
    WITH bought AS (SELECT e.day FROM entry e WHERE e.p = person AND e.day <= d AND e.known <= d GROUP BY e.day HAVING sum(e.minor) > 0),
         since AS (SELECT coalesce(d - (c ->> 'days')::int, '-infinity') AS day)
    SELECT CASE c ->> 'metric' WHEN 'orders' THEN (SELECT count(*) FROM bought b, since s WHERE b.day >= s.day)
        WHEN 'net' THEN (SELECT coalesce(sum(e.minor), 0) / 100.0 FROM entry e, since s WHERE e.p = person AND e.day <= d AND e.known <= d AND e.day >= s.day)
        WHEN 'last_days' THEN (SELECT d - max(b.day) FROM bought b) WHEN 'first_days' THEN (SELECT d - min(b.day) FROM bought b)
        WHEN 'contacts' THEN (SELECT count(*) FROM contact k, since s WHERE k.p = person AND k.day BETWEEN s.day AND d)
        WHEN 'events' THEN (SELECT count(*) FROM contact k, since s WHERE k.p = person AND k.day BETWEEN s.day AND d AND c -> 'types' ? k.type) END $$;
CREATE FUNCTION pg_temp.holds(conditions jsonb, person int, d date) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    c jsonb; yes boolean;
BEGIN
    FOR c IN SELECT * FROM jsonb_array_elements(conditions) LOOP
        EXECUTE format('SELECT coalesce($1 %s $2, false)', c ->> 'op') INTO yes USING pg_temp.found(c, person, d), (c ->> 'value')::numeric;
        IF NOT yes THEN RETURN false; END IF;
    END LOOP;
    RETURN true;
END $$;
CREATE TEMP TABLE alone (p int, standing_set text, rank int DEFAULT 0, since date, lost_on date, changes text DEFAULT '', PRIMARY KEY (p, standing_set));
-- down one step at a time
CREATE FUNCTION pg_temp.walk(person int, of_set text, d date) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    h alone; e int; r crm.standing_rule; t int; ends date;
BEGIN
    INSERT INTO alone (p, standing_set, since) VALUES (person, of_set, d) ON CONFLICT DO NOTHING;
    SELECT * INTO h FROM alone a WHERE a.p = person AND a.standing_set = of_set;
    e := coalesce((SELECT max(x.rank) FROM crm.standing_rule x WHERE x.standing_set = of_set AND pg_temp.holds(x.entry, person, d)), 0);
    t := greatest(e, h.rank);
    WHILE t > e LOOP
        SELECT * INTO r FROM crm.standing_rule x WHERE x.standing_set = of_set AND x.rank = t;
        EXIT WHEN pg_temp.holds(r.keep, person, d);
        IF t = h.rank AND d < coalesce(h.lost_on, d + r.grace_days) THEN ends := coalesce(h.lost_on, d + r.grace_days); EXIT; END IF;
        t := coalesce((SELECT max(x.rank) FROM crm.standing_rule x WHERE x.standing_set = of_set AND x.rank < t), 0);
    END LOOP;
    UPDATE alone a SET rank = t, since = CASE WHEN t = a.rank THEN a.since ELSE d END, lost_on = ends,
        changes = a.changes || CASE WHEN t <> a.rank THEN format('%s %s>%s %s;', d, a.rank, t, CASE WHEN t > a.rank THEN 'entry' ELSE 'grace over' END) ELSE '' END
    WHERE a.p = person AND a.standing_set = of_set;
END $$;
SELECT count(crm._value_journey_some(ARRAY(SELECT 958000 + p FROM generate_series(1, 200) p), d)),
       count((SELECT count(pg_temp.walk(p, s, d)) FROM generate_series(1, 200) p, (VALUES ('member_metal'), ('journey_test')) v (s))) AS alone
FROM (SELECT unnest('{2026-03-01,2026-06-10,2026-06-20,2026-08-19}'::date[]) AS d) x;
SELECT count(*) AS standings, count(*) FILTER (WHERE h.rank > 0) AS held, count(*) FILTER (WHERE h.lost_on IS NOT NULL) AS in_grace, count(*) FILTER (WHERE a.changes LIKE '%grace%') AS fell,
       count(*) FILTER (WHERE (h.rank, h.since, h.lost_on) IS DISTINCT FROM (a.rank, a.since, a.lost_on) OR a.changes <> coalesce(c.changes, '')) AS differ
FROM alone a LEFT JOIN crm.customer_standing h ON h.customer_id = 958000 + a.p AND h.standing_set = a.standing_set
LEFT JOIN LATERAL (SELECT string_agg(format('%s %s>%s %s;', x.changed_on, x.from_rank, x.to_rank, x.cause), '' ORDER BY x.change_id) AS changes
                   FROM crm.standing_change x WHERE x.customer_id = 958000 + a.p AND x.standing_set = a.standing_set) c ON true;
SELECT s.stage, count(*) AS persons, count(*) FILTER (WHERE s.stage IS DISTINCT FROM w.stage) AS differ, count(*) FILTER (WHERE crm.value_stage(s.customer_id, '2026-08-19') <> w.stage) AS alone_differ
FROM crm.customer_stage s, LATERAL (SELECT r.stage FROM crm.stage_rule r WHERE pg_temp.holds(r.conditions, (s.customer_id - 958000)::int, '2026-08-19') ORDER BY r.position LIMIT 1) w
WHERE s.customer_id BETWEEN 958001 AND 958200 GROUP BY 1 ORDER BY 1;
CREATE TEMP VIEW node AS
    WITH o AS (SELECT e.p, e.day, lag(e.day) OVER w AS before, lead(e.day) OVER w AS after
               FROM (SELECT p, day FROM entry WHERE day <= '2026-08-19' AND known <= '2026-08-19' GROUP BY 1, 2 HAVING sum(minor) > 0) e WINDOW w AS (PARTITION BY e.p ORDER BY e.day))
    SELECT p, 'registered' AS node, date '2026-01-01' + p AS day FROM generate_series(1, 200) p WHERE date '2026-01-01' + p <= '2026-08-19'
    UNION SELECT p, CASE WHEN before IS NULL THEN 'first_order' WHEN day - before < 30 THEN 'repurchase' ELSE 'recall' END, day FROM o
    UNION SELECT p, 'silence', day + 30 FROM o WHERE day + 30 <= coalesce(after, '2026-08-19')
    UNION SELECT p, 'referral', day FROM contact WHERE type = 'share' AND day <= '2026-08-19'
    UNION SELECT p, 'praise', day FROM contact WHERE type IN ('rating', 'review_post') AND stars IN (4, 5) AND day <= '2026-08-19';
SELECT coalesce(j.node, w.node) AS node, count(j.node) AS kept, count(w.node) AS wanted, count(*) FILTER (WHERE j.node IS NULL OR w.node IS NULL) AS differ
FROM (SELECT (customer_id - 958000)::int AS p, node, occurred_on AS day FROM crm.journey_event WHERE customer_id BETWEEN 958001 AND 958200) j FULL JOIN node w USING (p, node, day) GROUP BY 1 ORDER BY 1;
-- nobody, and rules that cannot be read
SELECT crm._value_journey_some('{}', '2026-08-20'), crm._value_met(NULL, 2, NULL, '2026-08-20') AS nothing, crm._value_met('[{"tier": "-", "conditions": []}, {"tier": "-", "conditions": [{"metric": "orders", "op": "<", "value": 1}]}]', 2, NULL, '2026-08-20') AS both;
SAVEPOINT wrong;
SELECT crm._value_held('[[{"metric": "height", "op": ">", "value": 1}]]', '{958001}', '2026-08-20');
ROLLBACK TO wrong;
SELECT crm._value_held('[[{"metric": "contacts", "op": "~", "value": 0}], []]', '{958001}', '2026-08-20') AS no_such_operator;
ROLLBACK TO sets;

-- conversions: two months without improvement open one alert, a better month closes it
INSERT INTO crm.customer_value (customer_id, tier, tier_since, order_days, net_minor, as_of, updated_at)
SELECT 957200 + g, 'B', '2026-01-01', 0, 0, '2026-01-01', '2026-01-01' FROM generate_series(1, 9) g;
INSERT INTO crm.tier_change (customer_id, change_id, tier_set, from_tier, to_tier, changed_on, changed_at, cause)
SELECT 957200 + g, g, 'retail_sabc', NULL, 'B', '2026-01-01'::date, '2026-01-01'::timestamptz, 'order' FROM generate_series(1, 9) g;
INSERT INTO crm.tier_change (customer_id, change_id, tier_set, from_tier, to_tier, changed_on, changed_at, cause)
VALUES (957201, 101, 'retail_sabc', 'B', 'A', '2026-04-10', '2026-04-10', 'order'), (957202, 102, 'retail_sabc', 'B', 'A', '2026-04-20', '2026-04-20', 'order'),
    (957203, 103, 'retail_sabc', 'B', 'A', '2026-05-31', '2026-05-31', 'order'), (957204, 104, 'retail_sabc', 'B', 'C', '2026-06-30', '2026-06-30', 'age');
SELECT * FROM crm.value_conversion('B', 'A', 3, '2026-07-02');
SELECT crm._value_improvement_job(), crm._value_improvement_job();
SELECT key, detail ->> 'rates' AS rates FROM crm.alert WHERE kind = 'value.no_improvement' AND closed_at IS NULL;
UPDATE crm.tier_change SET changed_on = '2026-06-01' WHERE change_id IN (102, 103) AND customer_id > 957200;
SELECT crm._value_improvement_job();
SELECT count(*) AS open_ FROM crm.alert WHERE kind = 'value.no_improvement' AND closed_at IS NULL;
SELECT crm._value_on_erase(957209);
SELECT count(*) AS left_over FROM (SELECT customer_id FROM crm.customer_stage UNION ALL SELECT customer_id FROM crm.stage_change UNION ALL SELECT customer_id FROM crm.journey_event
    UNION ALL SELECT customer_id FROM crm.customer_standing UNION ALL SELECT customer_id FROM crm.standing_change) x WHERE customer_id = 957209;
ROLLBACK;
