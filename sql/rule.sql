-- rule: what can be read, what is refused and how it is said; the three shapes of one statement agree; explained, as of a moment, hostile input.
\set VERBOSITY terse
SET client_min_messages = warning;
SET datestyle = 'ISO';
SET timezone = 'UTC';
SELECT set_config('crm.access_claims', '{"actor": "regress", "role": "crm_headquarters", "stores": [], "all": true}', false) <> '' AS claims;
CREATE FUNCTION pg_temp.fault(rule jsonb) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    field text; why text; remedy text;
BEGIN
    PERFORM crm.rule_check(rule);
    RETURN 'can be answered';
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS field = COLUMN_NAME, why = PG_EXCEPTION_DETAIL, remedy = PG_EXCEPTION_HINT;
    RETURN concat_ws(' | ', SQLSTATE, field, why, left(regexp_replace(remedy, '^(Kinds|There) are .*|^None is defined yet.', 'Those there are ...'), 90));
END $$;

-- 1. what is wrong, where, and what to write
SELECT pg_temp.fault(r::jsonb) AS fault FROM (VALUES
    (1, 'null'), (2, '[]'), (3, '"x"'), (4, '{"all": {}}'), (5, '{"all": [1]}'), (6, '{"not": []}'), (7, '{"all": [], "any": []}'), (8, '{"kind": 1}'), (9, '{"x": 1}'),
    (10, '{"all": [{}, {"any": [{"kind": "nothing"}]}]}'), (11, '{"kind": "person"}'), (12, '{"kind": "person", "field": "shoe", "value": 1}'),
    (13, '{"kind": "person", "field": "sex", "value": 1}'), (14, '{"kind": "person", "field": "sex"}'), (15, '{"kind": "person", "field": "sex", "op": "like", "value": "m"}'),
    (16, '{"kind": "person", "field": "sex", "measure": "count", "value": 1}'), (17, '{"kind": "person", "field": "sex", "value": "m", "days": 3}'),
    (18, '{"kind": "person", "field": "custom", "value": "m"}'), (19, '{"kind": "person", "field": "sex.age", "value": 1}'), (20, '{"kind": "person", "field": "registered_on", "value": "yesterday"}'),
    (21, '{"kind": "person", "field": "registered_on", "value": "2026-02-30"}'), (22, '{"kind": "person", "field": "sex", "op": "in", "value": "m"}'),
    (23, '{"kind": "person", "field": "sex", "value": []}'), (24, '{"kind": "person", "field": "records", "op": "between", "value": [1]}'), (25, '{"kind": "person", "field": "records", "op": "between", "value": [1, 2, 3]}'),
    (26, '{"kind": "person", "field": "sex", "op": "missing", "value": "m"}'), (27, '{"kind": "person", "field": "store", "value": "no such store"}'),
    (28, '{"kind": "person", "field": "store", "op": "<", "value": "a"}'), (29, '{"kind": "person", "field": "custom.nothing_of_this_name", "value": "m"}'),
    (30, '{"kind": "purchase", "measure": "median", "value": 1}'), (31, '{"kind": "purchase", "measure": "distinct", "value": 1}'), (32, '{"kind": "purchase", "hours": 3}'),
    (33, '{"kind": "purchase", "days": -1}'), (34, '{"kind": "purchase", "days": 1.5}'), (35, '{"kind": "purchase", "days": [90, 30]}'), (36, '{"kind": "purchase", "days": "30"}'), (37, '{"kind": "purchase", "days": 1e300}'),
    (38, '{"kind": "purchase", "op": ">", "value": 1}'), (39, '{"kind": "purchase", "measure": "sum", "field": "amount", "op": ">", "value": 1}'), (40, '{"kind": "purchase", "where": {"store": "x"}}'),
    (41, '{"kind": "order", "measure": "sum", "op": ">", "value": 1}'), (42, '{"kind": "order", "measure": "sum", "field": "channel", "op": ">", "value": 1}'), (43, '{"kind": "order", "measure": "gap_ratio", "op": ">", "value": 1}'),
    (44, '{"kind": "order", "where": []}'), (45, '{"kind": "order", "where": {"channel": {"value": 1}}}'), (46, '{"kind": "order", "where": {"channel": {"op": "=", "value": "x", "y": 1}}}'),
    (47, '{"kind": "event", "at": {"from": "25:00", "to": "03:00"}}'), (48, '{"kind": "event", "at": {"from": "01:00", "to": "01:00"}}'), (49, '{"kind": "event", "weekdays": [0]}'), (50, '{"kind": "event", "weekdays": []}'),
    (51, '{"kind": "event", "since": "1.1.2026"}'), (52, '{"kind": "event", "measure": "baseline", "op": "<", "value": 1}'), (53, '{"kind": "event", "windows": 3}'), (54, '{"kind": "event", "same": "object"}'),
    (55, '{"kind": "event", "where": {"type": "no_such_event"}}'), (56, '{"kind": "event", "measure": "count", "op": ">", "value": 1e99}'), (57, '{"kind": "event", "measure": "count", "value": true}'),
    (58, '{"kind": "consent", "field": "sms", "op": "<", "value": "yes"}'), (59, '{"kind": "consent", "field": "sms", "value": "perhaps"}'), (66, '{"kind": "consent", "field": "no_such_channel", "value": "yes"}'), (67, '{"kind": "value", "field": "tier", "value": "Z"}'), (68, '{"kind": "forecast", "field": "churn", "value": ["low", "hihg"]}'), (69, '{"kind": "interaction", "where": {"direction": "inn"}}'), (70, '{"kind": "stage", "field": "stage", "value": "sleepy"}'),
    (65, '{"kind": "consent", "where": {"channel": "sms"}, "value": "yes"}'), (60, '{"kind": "item", "where": {"category": "no such category"}}'),
    (71, '{"kind": "message", "where": {"outcome": "open"}}'), (72, '{"kind": "flow", "where": {"arm": "holdout"}}'), (73, '{"kind": "ticket", "where": {"kind": "complain"}}'), (74, '{"kind": "related", "where": {"relation": "kid"}}'),
    (75, '{"kind": "person", "field": "sex", "value": "male"}'), (76, '{"kind": "tier_change", "where": {"to": "Z"}}'), (77, '{"kind": "deal", "where": {"stage": "nowhere"}}'), (78, '{"kind": "tag", "where": {"layer": "basic"}}'),
    (79, '{"kind": "order", "measure": "min", "field": "store", "value": "S01"}'), (80, '{"kind": "message", "measure": "max", "field": "is_marketing", "value": true}'), (81, '{"kind": "event", "measure": "max", "field": "properties.x", "op": "contains", "value": 1}'),
    (82, '{"kind": "coupon", "where": {"valid_until": {"op": "<", "value": "2026-06-30T12:00:00"}}}'), (83, '{"kind": "event", "at": {"from": " 1:00", "to": "03:00"}}'), (84, '{"kind": "event", "since": "2026-06- 1"}'),
    (61, '{"kind": "event", "hours": 0}'), (62, '{"kind": "event", "where": {"properties.": 1}}'), (63, '{"kind": ""}'), (64, '{"": ""}')) v (n, r) ORDER BY n;
SELECT pg_temp.fault(NULL);
-- a channel that nobody has is refused with those there are; crm.rule_kinds() has them as the fields of consent
DO $$
DECLARE
    remedy text;
BEGIN
    PERFORM crm.rule_check('{"kind": "consent", "field": "no_such_channel", "value": "yes"}');
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS remedy = PG_EXCEPTION_HINT;
    RAISE WARNING 'told of %', (SELECT array_agg(c) FROM unnest('{email,location,sms,voice,wechat,wecom}'::text[]) c WHERE remedy ~ ('[ ,]' || c || '[,.]'));
END $$;
SELECT crm.rule_count('{"kind": "tag", "where": {"tag": "no such tag"}}');
SELECT * FROM crm.rule_select('{"kind": "coupon", "where": {"state": "helt"}}');
SELECT v ->> 'code' AS word FROM crm.rule_values('coupon', 'state', 'E') v;
SELECT array(SELECT jsonb_object_keys(k -> 'fields')) @> '{email,location,sms,voice,wechat,wecom}' AS channels_are_fields FROM crm.rule_kinds() k WHERE k ->> 'kind' = 'consent';
-- limits
SELECT pg_temp.fault((repeat('{"not": ', 12) || '{}' || repeat('}', 12))::jsonb), pg_temp.fault((repeat('{"not": ', 11) || '{}' || repeat('}', 11))::jsonb), pg_temp.fault((repeat('{"all": [', 5000) || repeat(']}', 5000))::jsonb);
SELECT pg_temp.fault(jsonb_build_object('any', (SELECT jsonb_agg('{"kind": "event"}'::jsonb) FROM generate_series(1, n)))) FROM unnest('{64,65}'::int[]) n;
SELECT pg_temp.fault(jsonb_build_object('all', jsonb_build_array(jsonb_build_object('any', (SELECT jsonb_agg('{"kind": "event"}'::jsonb) FROM generate_series(1, 40))), jsonb_build_object('any', (SELECT jsonb_agg('{"kind": "event"}'::jsonb) FROM generate_series(1, 40))))));
SELECT pg_temp.fault(jsonb_build_object('kind', 'person', 'field', 'records', 'value', (SELECT jsonb_agg(g) FROM generate_series(1, n) g))) FROM unnest('{1000,1001}'::int[]) n;
SELECT pg_temp.fault(jsonb_build_object('kind', 'person', 'field', 'city', 'value', repeat('x', n))) FROM unnest('{800,801,20000}'::int[]) n;
-- a long word is quoted by whole characters: what is told of it is a text still
SELECT count(convert_from(convert_to(pg_temp.fault(replace(r, '~', repeat('x', n) || repeat('张', 60))::jsonb), 'UTF8'), 'UTF8')) AS texts
FROM generate_series(0, 2) n, (VALUES ('{"kind": "~"}'), ('{"kind": "person", "field": "~"}'), ('{"kind": "person", "field": "sex", "op": "~", "value": "m"}'), ('{"kind": "person", "field": "registered_on", "value": "~"}'),
    ('{"kind": "event", "since": "~"}'), ('{"kind": "consent", "field": "sms", "value": "~"}'), ('{"kind": "event", "where": {"~": 1}}'), ('{"kind": "person", "field": "store", "value": "~"}'), ('{"kind": "coupon", "where": {"state": "~"}}')) v (r);
SELECT ('{x' || repeat('张', 60))::crm.bitmap;
-- nothing of a rule becomes SQL: a statement's text is the same whatever the values are
SELECT DISTINCT crm._rule_statement(jsonb_build_object('kind', 'event', 'where', jsonb_build_object('object', v, 'properties.' || left(v, 10), v), 'days', n), f) ~ 'evil' AS leaks
FROM (VALUES ('evil''; DROP TABLE crm.customer; --', 1), ('$1evil"', 2), (E'evil\\', 3)) x (v, n), unnest('{persons,everybody,explain,apart,moved}'::text[]) f;
SELECT crm._rule_statement('{"kind": "event", "where": {"type": "search"}, "days": 7}', 'persons');
SELECT crm._rule_statement('{"all": [{"kind": "purchase", "measure": "count", "days": 30, "op": ">=", "value": 2}, {"not": {"kind": "consent", "field": "sms", "value": "no"}}]}', 'everybody');
SELECT crm._rule_statement('{}', 'nonsense');

-- 2. boundaries, by hand
BEGIN;
SET LOCAL crm.core_clock = '2026-06-30T12:00:00+08:00';
UPDATE crm.customer SET status = 'erased' WHERE status = 'active';
INSERT INTO crm.source (source_id, code, name, kind, created_at) VALUES (9801, 'rule_till', 'till', 'pos', '2026-01-01');
INSERT INTO crm.customer (customer_id, status, registered_at, registered_on, updated_at, sex, city, custom, home_store_id, record_count)
SELECT 980200 + g, 'active', '2026-01-01', date '2026-01-01' + g, '2026-01-01', (ARRAY['m', 'f'])[1 + g % 3], (ARRAY['上海', '北京', ''])[1 + g % 3],
       (ARRAY['{}', '{"height": 170, "tags": ["a", "b"], "vip": true}', '{"height": "tall"}']::jsonb[])[1 + g % 3], NULL, g FROM generate_series(1, 60) g;
INSERT INTO crm.membership (source_record_id, valid_from, customer_id) SELECT 980100 + g, '2026-01-01', 980200 + CASE WHEN g > 60 THEN g - 60 ELSE g END FROM generate_series(1, 80) g;
CREATE FUNCTION pg_temp.who(rule text, as_of timestamptz DEFAULT NULL) RETURNS text LANGUAGE sql AS $$
    SELECT coalesce(string_agg((s - 980200)::text, ' ' ORDER BY s), '-') FROM crm.rule_select(rule::jsonb, as_of) s $$;
CREATE FUNCTION pg_temp.buy(person int, ages int[], amount numeric DEFAULT 100) RETURNS void LANGUAGE sql AS $$
    INSERT INTO crm.purchase_chunk (source_record_id, from_day, history)
    SELECT 980100 + person, '-infinity', crm.purchase_history(array_agg(date '2026-06-30' - a), array_agg(date '2026-06-30' - a), array_agg((amount * 100)::bigint)) FROM unnest(ages) a $$;
SELECT pg_temp.buy(1, '{30,15,0}'), pg_temp.buy(2, '{31,15,0}'), pg_temp.buy(3, '{0,0,0}'), pg_temp.buy(4, '{60}'), pg_temp.buy(5, '{61}'), pg_temp.buy(6, '{30}', 300.01), pg_temp.buy(7, '{30}', 300),
       pg_temp.buy(8, '{90,60,30,15}'), pg_temp.buy(9, '{75,55,35,30}'), pg_temp.buy(10, '{50,30}'), pg_temp.buy(61, '{5}'), pg_temp.buy(62, '{0,6}') \g /dev/null
-- what rules ask is kept by person; while somebody is behind, records are asked
CREATE FUNCTION pg_temp.keep() RETURNS void LANGUAGE sql AS $$
    SELECT crm._value_compute(array_agg(c.customer_id), '2026-06-30', 'order'), crm._outbox_keep_consents(array_agg(c.customer_id)) FROM crm.customer c WHERE c.customer_id BETWEEN 980201 AND 980260 $$;
CREATE FUNCTION pg_temp.fall_behind(person int) RETURNS void LANGUAGE sql AS $$
    DELETE FROM crm.value_dirty;
    INSERT INTO crm.value_dirty (customer_id, marked_at, mark_id, cause) SELECT 980200 + person, crm.core_now(), 1, 'order' WHERE person > 0 $$;
SELECT pg_temp.fall_behind(1) \g /dev/null
SELECT pg_temp.who('{"kind": "purchase"}') AS from_records;
SELECT pg_temp.keep(), pg_temp.fall_behind(0) \g /dev/null
SELECT pg_temp.who('{"kind": "purchase"}') AS kept, (SELECT count(*) FROM crm._value_check_history()) AS drift;
UPDATE crm.value_history SET history = '{}' WHERE customer_id = 980204;
SELECT pg_temp.who('{"kind": "purchase"}') AS kept_is_asked, (SELECT count(*) FROM crm._value_check_history()) AS drift;
SELECT pg_temp.fall_behind(4) \g /dev/null
SELECT pg_temp.who('{"kind": "purchase"}') AS from_records, crm.rule_matches('{"kind": "purchase"}', 980204) AS behind_himself;
SELECT pg_temp.fall_behind(5) \g /dev/null
SELECT pg_temp.who('{"kind": "purchase"}') AS from_records, crm.rule_matches('{"kind": "purchase"}', 980204) AS another_is_behind;
SELECT pg_temp.fall_behind(0), pg_temp.keep() \g /dev/null
SELECT pg_temp.who('{"kind": "purchase", "measure": "count", "days": 30, "op": ">=", "value": 3}') AS r47_three_in_30_days,
       pg_temp.who('{"kind": "purchase", "measure": "last", "op": ">", "value": 60}') AS r51_day_61,
       pg_temp.who('{"kind": "purchase", "measure": "sum", "days": 30, "op": ">", "value": 300}') AS r49_more_than_300,
       pg_temp.who('{"kind": "purchase", "measure": "average", "op": "=", "value": 300.01}') AS average,
       pg_temp.who('{"kind": "purchase", "measure": "gap_ratio", "at_least": 3, "op": ">=", "value": 1.5}') AS r101_gap_half_longer,
       pg_temp.who('{"kind": "purchase", "measure": "gap_ratio", "at_least": 3, "op": "<", "value": 1.5}') AS not_yet;
-- both records of a person count together; a day on both is one order
SELECT pg_temp.who('{"kind": "purchase", "measure": "count", "days": 10, "op": "=", "value": 3}') AS three, pg_temp.who('{"kind": "purchase", "measure": "count", "days": 10, "op": "=", "value": 2}') AS two;
SELECT pg_temp.who('{"kind": "purchase", "measure": "count", "op": ">=", "value": 3}', '2026-06-29T12:00:00+08:00') AS as_of_yesterday,
       pg_temp.who('{"kind": "purchase"}', '2026-04-01T00:00:00+08:00') AS as_of_april_first, pg_temp.who('{"kind": "purchase"}', '2000-01-01') AS long_ago;
-- interactions against the own past: 29.9 % fewer is not yet 30 %
INSERT INTO crm.interaction (source_record_id, interaction_id, source_id, channel, direction, occurred_at, business_day, is_history, received_at)
SELECT 980100 + p, 981000000 + p * 10000 + row_number() OVER (), 9801, CASE WHEN p = 20 THEN 'phone' ELSE 'wechat' END, 'in', timestamptz '2026-06-30 02:00+00' - a * interval '1 day', date '2026-06-30' - a, false, '2026-06-30'
FROM (VALUES (20, 7, 10), (21, 701, 1000), (22, 8, 10), (23, 0, 10), (24, 1, 1)) v (p, recent, before), LATERAL (
    SELECT 10 AS a FROM generate_series(1, recent) UNION ALL SELECT 31 * w + 10 FROM generate_series(1, before), generate_series(1, 3) w) x;
SELECT pg_temp.who('{"kind": "interaction", "measure": "baseline", "days": 30, "at_least": 6, "op": "<=", "value": 0.7}') AS r101_thirty_percent_fewer,
       pg_temp.who('{"kind": "interaction", "measure": "count", "where": {"channel": "phone", "direction": "in"}, "days": 30, "op": ">=", "value": 7}') AS by_channel;
-- events: same object on consecutive days, hours of the night, numeric thresholds
INSERT INTO crm.event (source_record_id, received_at, event_id, source_id, type, occurred_at, business_day, object_id, properties, is_history)
SELECT 980100 + p, '2026-06-30', 982000000 + p * 100 + n, 9801, t, at::timestamptz, (at::timestamptz AT TIME ZONE 'Asia/Shanghai')::date, o, s::jsonb, false
FROM (VALUES (30, 1, 'product_view', '2026-06-27 10:00+08', 'car', '{"seconds": 180}'), (30, 2, 'product_view', '2026-06-28 10:00+08', 'car', '{}'), (30, 3, 'product_view', '2026-06-29 23:59+08', 'car', '{}'),
             (31, 1, 'product_view', '2026-06-27 10:00+08', 'car', '{"seconds": 181}'), (31, 2, 'product_view', '2026-06-28 10:00+08', 'van', '{}'), (31, 3, 'product_view', '2026-06-29 10:00+08', 'car', '{}'),
             (32, 1, 'product_view', '2026-06-30 01:00+08', 'car', '{"seconds": "181"}'), (33, 1, 'search', '2026-06-30 02:59+08', NULL, '{}'), (34, 1, 'search', '2026-06-30 03:00+08', NULL, '{}'),
             (35, 1, 'search', '2026-06-29 12:00+08', NULL, '{}'), (36, 1, 'search', '2026-06-29 12:01+08', NULL, '{}')) v (p, n, t, at, o, s);
SELECT pg_temp.who('{"kind": "event", "measure": "streak", "where": {"type": "product_view"}, "same": "object", "op": ">=", "value": 3}') AS r71_three_days_same_car,
       pg_temp.who('{"kind": "event", "measure": "streak", "where": {"type": "product_view"}, "op": ">=", "value": 3}') AS any_car,
       pg_temp.who('{"kind": "event", "measure": "count", "where": {"type": "product_view"}, "same": "object", "days": 7, "op": ">=", "value": 3}') AS r188_one_object_thrice,
       pg_temp.who('{"kind": "event", "at": {"from": "01:00", "to": "03:00"}}') AS r73_one_to_three,
       pg_temp.who('{"kind": "event", "where": {"properties.seconds": {"op": ">", "value": 180}}}') AS r99_more_than_three_minutes,
       pg_temp.who('{"kind": "event", "hours": 24}') AS in_24_hours, pg_temp.who('{"all": [{"kind": "event"}, {"kind": "event", "measure": "never", "days": 1}]}') AS r98_absent_since;
-- attributes, custom fields, absent values
SELECT pg_temp.who('{"all": [{"kind": "person", "field": "records", "op": "<=", "value": 9}, {"kind": "person", "field": "city", "value": ["上海", "北京"]}]}') AS cities,
       pg_temp.who('{"all": [{"kind": "person", "field": "records", "op": "<=", "value": 9}, {"kind": "person", "field": "sex", "op": "<>", "value": "f"}]}') AS absent_is_not_unequal,
       pg_temp.who('{"all": [{"kind": "person", "field": "records", "op": "<=", "value": 9}, {"not": {"kind": "person", "field": "sex", "value": "f"}}]}') AS but_not_equal,
       pg_temp.who('{"kind": "person", "field": "registered_on.since", "op": ">=", "value": 177}') AS registered;
SELECT crm._rule_fit('{"kind": "person", "field": "custom.height", "op": ">=", "value": 170}', '{980201,980202,980203}', crm.core_now()) AS numbers,
       crm._rule_fit('{"kind": "person", "field": "custom.height", "value": "tall"}', '{980201,980202,980203}', crm.core_now()) AS texts,
       crm._rule_fit('{"kind": "person", "field": "custom.vip", "value": true}', '{980201,980202,980203}', crm.core_now()) AS truth,
       crm._rule_fit('{"kind": "person", "field": "custom.tags", "op": "contains", "value": "b"}', '{980201,980202,980203}', crm.core_now()) AS lists,
       crm._rule_fit('{}', '{980201,980201,NULL,-5,9223372036854775807}', crm.core_now()) AS strange_ids, crm._rule_fit('{}', '{}', crm.core_now()) AS nobody;
-- consent: the newest of each record, the strictest of a person's records
SAVEPOINT fax;
INSERT INTO crm.consent (source_record_id, channel, occurred_at, consent_id, state, is_history) VALUES (980101, 'fax', '2026-06-01', 981000001, 'yes', false);
SELECT pg_temp.keep() \g /dev/null
SELECT pg_temp.fault('{"kind": "consent", "field": "fax", "value": "yes"}') AS somebody_spoke_of_it;
ROLLBACK TO fax;
INSERT INTO crm.consent (source_record_id, channel, occurred_at, consent_id, state, is_history)
SELECT 980100 + r, 'sms', '2026-01-01'::timestamptz + n * interval '1 day', 983000000 + r * 10 + n, s, false
FROM (VALUES (1, 1, 'yes'), (2, 1, 'yes'), (2, 2, 'no'), (3, 1, 'no'), (3, 2, 'yes'), (4, 1, 'yes'), (64, 1, 'no'), (5, 1, 'yes'), (65, 1, 'yes'), (6, 400, 'yes')) v (r, n, s);
SELECT pg_temp.keep() \g /dev/null
SELECT pg_temp.who('{"kind": "consent", "field": "sms", "value": "yes"}') AS yes, pg_temp.who('{"kind": "consent", "field": "sms", "value": "no"}') AS no,
       pg_temp.who('{"kind": "consent", "field": "sms", "value": "yes"}', '2026-01-02T12:00:00+08:00') AS yes_on_january_second,
       60 - (SELECT count(*) FROM crm.rule_select('{"kind": "consent", "field": "sms", "op": "missing"}')) AS known;
-- related persons: a child's age moves with time, a pet's birthday in February
INSERT INTO crm.related_person (customer_id, related_id, relation, birthday, entered_by, entered_at)
SELECT 980200 + p, 984000000 + p, r, b::date, 'x', '2026-01-01' FROM (VALUES (40, 'child', '2023-06-30'), (41, 'child', '2023-07-01'), (42, 'child', '2019-07-01'), (43, 'child', '2019-06-30'), (44, 'pet', '2024-02-29'), (45, 'pet', '2020-07-14')) v (p, r, b);
SELECT pg_temp.who('{"kind": "related", "where": {"relation": "child", "birthday.age": {"op": "between", "value": [3, 6]}}}') AS r64_three_to_six,
       pg_temp.who('{"kind": "related", "where": {"relation": "pet", "birthday.in": {"op": "<=", "value": 14}}}') AS r102_pet_in_a_fortnight;
SELECT crm._rule_days_to('2024-02-29', d::date) FROM unnest('{2026-02-27,2026-02-28,2026-03-01,2028-02-28,2028-02-29}'::text[]) d;
-- what a person did with what flows sent: sent to three, opened by two, clicked and redeemed by one, held back from one, and all of it a month ago to one more
INSERT INTO crm.outbox (customer_id, message_id, channel, endpoint, flow_id, is_marketing, body, due_at, created_at)
SELECT 980200 + p, 'rule' || p, 'sms', 'x', f.flow_id, true, '{}', crm.core_now(), crm.core_now() FROM unnest('{52,53,54,56}'::int[]) p, (SELECT flow_id FROM crm.flow WHERE code = 'welcome') f;
INSERT INTO crm.outbox_event (customer_id, message_id, at, outbox_event_id, kind)
SELECT 980200 + p, 'rule' || p, crm.core_now() - a * interval '1 day', 985000000 + p * 10 + n, k
FROM (VALUES (52, 1, 3, 'sent'), (53, 1, 3, 'sent'), (53, 2, 2, 'opened'), (54, 1, 3, 'sent'), (54, 2, 2, 'opened'), (54, 3, 2, 'clicked'), (56, 1, 33, 'sent'), (56, 2, 32, 'clicked')) v (p, n, a, k);
INSERT INTO crm.coupon (customer_id, coupon_id, code, coupon_type, flow_id, value, state, issued_at, valid_until, redeemed_at)
SELECT 980200 + p, 986000000 + p, 'RULE' || p, (SELECT min(coupon_type) FROM crm.coupon_type), f.flow_id, 5, s, crm.core_now() - interval '3 days', crm.core_now() + interval '9 days', CASE s WHEN 'redeemed' THEN crm.core_now() - interval '1 day' END
FROM (VALUES (53, 'issued'), (54, 'redeemed')) v (p, s), (SELECT flow_id FROM crm.flow WHERE code = 'welcome') f;
INSERT INTO crm.occurrence (customer_id, flow_id, epoch, occurrence_key, fired_at, due_at, arm, outcome, flow_version)
SELECT 980200 + p, f.flow_id, 0, 'rule', crm.core_now() - interval '3 days', crm.core_now() - interval '3 days', a, o, 1
FROM (VALUES (52, 'treatment', 'sent'), (55, 'control', 'held')) v (p, a, o), (SELECT flow_id FROM crm.flow WHERE code = 'welcome') f;
SELECT kind AS r189, pg_temp.who(rule) AS who FROM (
    SELECT k AS kind, jsonb_build_object('kind', 'message', 'where', jsonb_build_object('flow', 'welcome', 'outcome', k), 'days', 7)::text AS rule FROM unnest('{sent,opened,clicked}'::text[]) k
    UNION ALL SELECT 'redeemed', '{"kind": "redemption", "where": {"flow": "welcome"}, "days": 7}' UNION ALL SELECT 'held back', '{"kind": "flow", "where": {"flow": "welcome", "arm": "control"}, "days": 7}'
    UNION ALL SELECT 'coupon held', '{"kind": "coupon", "where": {"state": "issued", "flow": "welcome"}}'
    UNION ALL SELECT 'sent, not opened', '{"all": [{"kind": "message", "where": {"outcome": "sent"}, "days": 7}, {"not": {"kind": "message", "where": {"outcome": "opened"}, "days": 7}}]}') r;

-- the Chinese calendar: days that almanacs print (new year, the 5th of the 5th, the 15th of the 8th, the last day of a year)
SELECT d.told, crm._rule_lunar_day(d.told) AS was, array_agg(crm._rule_lunar_next(d.told, t) ORDER BY t) AS comes
FROM (VALUES (date '2026-01-01'), ('2026-05-05'), ('1990-08-15'), ('2024-12-30')) d (told), unnest('{2025-01-01,2026-01-01,2026-06-19,2026-06-20}'::date[]) t GROUP BY 1 ORDER BY 1;
SELECT crm._rule_lunar_day('1800-01-01') AS before, crm._rule_lunar_day('infinity') AS never, crm._rule_lunar_next('2020-01-01', '2150-01-01') AS behind, crm._rule_lunar_next('2020-01-31', '2026-01-01') AS no_such_day;
-- the 5th month of 2026 begins on 15 June: its 20th comes in four days, its 10th was six days ago; in 1960 the 20th was 13 June
INSERT INTO crm.related_person (customer_id, related_id, relation, birthday, is_birthday_lunar, entered_by, entered_at)
SELECT 980200 + p, 984000000 + p, 'parent', b::date, l, 'x', '2026-01-01' FROM (VALUES (46, '1960-05-20', true), (47, '1960-05-10', true), (48, '1960-05-20', false)) v (p, b, l);
INSERT INTO crm.customer_private (customer_id, birthday, is_birthday_lunar) VALUES (980249, '1960-05-20', true), (980250, '1960-07-04', false), (980251, '1960-12-30', true);
SELECT pg_temp.who('{"kind": "related", "where": {"relation": "parent", "birthday.in": {"op": "<=", "value": 4}}}') AS in_four_days,
       pg_temp.who('{"kind": "related", "where": {"relation": "parent", "birthday.age": 66}}') AS sixty_six, pg_temp.who('{"kind": "related", "where": {"birthday": "1960-06-13"}}') AS born_then,
       pg_temp.who('{"kind": "birthday", "field": "day.in", "value": 4}') AS own_in_four_days, pg_temp.who('{"kind": "birthday", "field": "day.in", "value": 0}', '2026-07-04T12:00:00+08:00') AS own_then,
       pg_temp.who('{"kind": "birthday", "field": "day.month", "value": 7}') AS in_july, pg_temp.who('{"kind": "birthday", "field": "day.month", "value": 2}') AS in_february;
SELECT e ->> 'found' AS found FROM jsonb_array_elements(crm._rule_explain('{"kind": "birthday", "field": "day.in", "op": ">=", "value": 0}', 980249, crm.core_now())) e;
SELECT array_agg(m - 980200 ORDER BY m) AS moved FROM unnest((crm._rule_moved_apart('{"any": [{"kind": "birthday", "field": "day.in", "value": 0}, {"kind": "related", "where": {"birthday.in": 0, "relation": "parent"}}]}', '2026-07-03T12:00:00+08:00', '2026-07-04T12:00:00+08:00')).persons) m;
-- what is measured of dates, and more ages than are listed, are looked at in everybody when the day changes
SELECT v.n, count(p) > 0 AS some_moved, count(p) FILTER (WHERE m.persons IS NOT NULL AND p <> ALL (m.persons)) AS unseen
FROM (VALUES (1, '{"kind": "related", "measure": "min", "field": "birthday.in", "where": {"relation": "pet"}, "value": 0}'::jsonb),
             (2, jsonb_build_object('kind', 'purchase', 'measure', 'last', 'value', (SELECT jsonb_agg(g) FROM generate_series(1, 99, 2) g))),
             (3, '{"kind": "purchase", "measure": "last", "value": [13, 14, 15, 16, 17, 18, 19, 20, 21, 22]}')) v (n, rule)
CROSS JOIN (VALUES (timestamptz '2026-07-13T12:00:00+08:00', timestamptz '2026-07-14T12:00:00+08:00')) d (before, moment)
CROSS JOIN LATERAL (SELECT crm._rule_set(v.rule, d.before) AS b, crm._rule_set(v.rule, d.moment) AS a) s
CROSS JOIN LATERAL crm._rule_moved_apart(v.rule, d.before, d.moment) m
LEFT JOIN LATERAL unnest(crm.bitmap_array((s.a OPERATOR(crm.-) s.b) OPERATOR(crm.|) (s.b OPERATOR(crm.-) s.a))) p ON true GROUP BY v.n ORDER BY v.n;

-- 3. explained with the value found; under an old id; preview
SELECT jsonb_pretty(crm.rule_explain('{"all": [{"kind": "purchase", "measure": "count", "days": 30, "op": ">=", "value": 3}, {"any": [{"kind": "consent", "field": "sms", "value": "no"}, {"kind": "person", "field": "city", "value": "北京"}]}]}', 980201));
SELECT jsonb_pretty(crm.rule_preview('{"all": [{"kind": "purchase", "measure": "count", "days": 30, "op": ">=", "value": 3}, {"kind": "event", "measure": "never"}]}', NULL, 2));
-- a member that holds another type than the rule compares meets nothing, and what is there is told
UPDATE crm.customer SET custom = custom || '{"rule_length": "tall"}' WHERE customer_id = 980201;
UPDATE crm.customer SET custom = custom || '{"rule_length": 180.50}' WHERE customer_id = 980202;
SELECT c - 980200 AS person, e ->> 'found' AS found, e -> 'is_met' AS is_met FROM unnest('{980201,980202,980203}'::bigint[]) c, jsonb_array_elements(crm._rule_explain('{"kind": "person", "field": "custom.rule_length", "op": ">", "value": 170}', c, crm.core_now())) e;
UPDATE crm.customer SET status = 'merged', merged_into = 980201 WHERE customer_id = 980260;
SELECT crm.rule_matches('{"kind": "purchase"}', 980260) AS old_id, crm.rule_matches('{"kind": "purchase"}', 980201) AS own_id, crm.rule_matches('{}', 1) AS nobody, crm.rule_count('{}') AS everybody;
SELECT count(*) >= 17 AS kinds, bool_and(j ? 'fields') AS have_fields FROM crm.rule_kinds() j;
SELECT (crm.rule_schema() -> '$defs' -> 'kind_event' -> 'properties') ?& '{kind,field,measure,where,days,hours,since,until,at,weekdays,same,windows,at_least,op,value}' AS members_in_schema;

CREATE FUNCTION pg_temp.fault_of_list(rules jsonb) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    RETURN crm._rule_fit_sets(rules, '{1}', crm.core_now())::text;
EXCEPTION WHEN OTHERS THEN
    RETURN SQLSTATE || ' ' || SQLERRM;
END $$;

-- 4. random rules: everybody's statement answers what the statement about each person does; whoever it is
CREATE FUNCTION pg_temp.random_condition() RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    kind text := (ARRAY['purchase', 'purchase', 'event', 'interaction', 'person', 'consent', 'related'])[1 + floor(random() * 7)::int];
    op text := (ARRAY['=', '<>', '<', '<=', '>', '>='])[1 + floor(random() * 6)::int];
    one jsonb;
BEGIN
    IF kind = 'person' THEN
        RETURN jsonb_build_object('kind', kind, 'field', 'records', 'op', op, 'value', floor(random() * 60));
    ELSIF kind = 'consent' THEN
        RETURN jsonb_build_object('kind', kind, 'field', 'sms') || (ARRAY['{"value": "yes"}', '{"value": "no"}', '{"op": "missing"}', '{"op": "<>", "value": "no"}', '{"op": "present"}']::jsonb[])[1 + floor(random() * 5)::int];
    ELSIF kind = 'related' THEN
        RETURN jsonb_build_object('kind', kind, 'measure', 'count', 'where', jsonb_build_object('birthday.in', jsonb_build_object('op', op, 'value', floor(random() * 300))), 'op', op, 'value', floor(random() * 2));
    END IF;
    one := jsonb_build_object('kind', kind, 'measure', (ARRAY['count', 'last', 'first', CASE kind WHEN 'purchase' THEN 'sum' ELSE 'days' END, CASE kind WHEN 'purchase' THEN 'average' ELSE 'streak' END,
                                                              CASE kind WHEN 'purchase' THEN 'gap_ratio' ELSE 'distinct' END, CASE kind WHEN 'purchase' THEN 'streak' ELSE 'count' END])[1 + floor(random() * 7)::int], 'op', op, 'value', floor(random() * 5));
    IF one ->> 'measure' = 'distinct' THEN
        one := one || jsonb_build_object('field', CASE kind WHEN 'event' THEN 'object' ELSE 'channel' END);
    ELSIF one ->> 'measure' IN ('last', 'first', 'sum', 'average') THEN
        one := one || jsonb_build_object('value', floor(random() * 100) * CASE WHEN one ->> 'measure' IN ('sum', 'average') THEN 5 ELSE 1 END);
    ELSIF one ->> 'measure' = 'gap_ratio' THEN
        one := one || '{"at_least": 1}';
    END IF;
    RETURN one || CASE WHEN random() < 0.5 THEN jsonb_build_object('days', floor(random() * 90)) WHEN random() < 0.3 THEN '{"days": [5, 40]}' ELSE '{}' END;
END $$;
CREATE FUNCTION pg_temp.random_rule(depth int) RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN
    RETURN CASE WHEN depth = 0 OR random() < 0.3 THEN pg_temp.random_condition() WHEN random() < 0.2 THEN jsonb_build_object('not', pg_temp.random_rule(depth - 1))
                WHEN random() < 0.5 THEN jsonb_build_object('all', jsonb_build_array(pg_temp.random_rule(depth - 1), pg_temp.random_rule(depth - 1)))
                ELSE jsonb_build_object('any', jsonb_build_array(pg_temp.random_rule(depth - 1), pg_temp.random_rule(depth - 1), pg_temp.random_rule(depth - 1))) END;
END $$;
DELETE FROM crm.consent WHERE source_record_id = 980106;        -- a word of next year, because of which records were asked
SELECT pg_temp.keep() \g /dev/null
SELECT setseed(0.42);
CREATE TEMP TABLE tried AS
SELECT t.rule, crm._rule_set(t.rule, t.moment) AS everybody, crm.bitmap(crm._rule_fit(t.rule, t.persons, t.moment)) AS persons, t.moment,
       crm._rule_fit_sets(jsonb_build_array(t.rule), t.persons, t.moment) AS given, crm._rule_fit_sets(jsonb_build_array('{}'::jsonb, t.rule, jsonb_build_object('not', t.rule)), t.persons, t.moment) AS bundle
FROM (SELECT g, pg_temp.random_rule(3) AS rule, crm.core_now() - (g % 4) * interval '9 days' AS moment,
             (SELECT array_agg(c.customer_id) FROM crm.customer c WHERE c.customer_id BETWEEN 980201 AND 980260) AS persons FROM generate_series(1, 90) g OFFSET 0) t;
SELECT count(*) AS tried, count(*) FILTER (WHERE crm.bitmap_count(everybody) NOT IN (0, 59)) > 35 AS telling, count(*) FILTER (WHERE NOT crm.bitmap_equal(everybody, persons)) AS different,
       count(*) FILTER (WHERE NOT crm.bitmap_equal(persons, given[1]) OR NOT crm.bitmap_equal(persons, bundle[2]) OR crm.bitmap_count(bundle[3]) <> 59 - crm.bitmap_count(persons) OR cardinality(bundle) <> 3) AS different_by_sets FROM tried;
-- spans of persons, put together, are everybody: all at once, and one an answer
CREATE FUNCTION pg_temp.onward(rule jsonb, moment timestamptz) RETURNS crm.bitmap[] LANGUAGE plpgsql AS $$
DECLARE
    behind bigint := 0;
    part crm.bitmap[];
    all_parts crm.bitmap[];
BEGIN
    WHILE behind IS NOT NULL LOOP
        SELECT o.after, o.apart INTO behind, part FROM crm._rule_apart_onward(rule, moment, behind, 23, '0 s') o;
        all_parts := CASE WHEN all_parts IS NULL THEN part ELSE ARRAY(SELECT crm.bitmap_or(a, p) FROM unnest(all_parts, part) WITH ORDINALITY x (a, p, n) ORDER BY n) END;
    END LOOP;
    RETURN all_parts;
END $$;
CREATE FUNCTION pg_temp.spans(OUT tried bigint, OUT different bigint, OUT different_at_once bigint) LANGUAGE sql AS $$
    SELECT count(*), count(*) FILTER (WHERE NOT s.same), count(*) FILTER (WHERE NOT s.same_at_once OR o.after IS NOT NULL)
    FROM (SELECT rule, moment FROM tried LIMIT 40) t CROSS JOIN LATERAL crm._rule_apart_onward(t.rule, t.moment, 0, 29, '1 hour') o
    CROSS JOIN LATERAL (SELECT bool_and(crm.bitmap_equal(w, p)) AS same, bool_and(crm.bitmap_equal(w, h)) AS same_at_once FROM unnest(crm._rule_apart(t.rule, t.moment), pg_temp.onward(t.rule, t.moment), o.apart) x (w, p, h)) s $$;
SELECT * FROM pg_temp.spans();
SELECT * FROM crm._rule_apart_onward('{"kind": "purchase"}', crm.core_now(), 9223372036854775807);
-- consecutive days of purchase are those of order days
SELECT count(*) AS asked, count(*) FILTER (WHERE x.found <> x.told) AS wrong, count(DISTINCT x.told) > 1 AS telling
FROM (SELECT n, c.customer_id = ANY (crm._rule_fit(jsonb_build_object('kind', 'purchase', 'measure', 'streak', 'days', 80, 'op', '>=', 'value', n), ARRAY[c.customer_id], crm.core_now())) AS found,
             coalesce((SELECT max(i.days) >= n FROM (SELECT count(*) AS days FROM (SELECT d.day, d.day - row_number() OVER (ORDER BY d.day)::int AS island
                  FROM (SELECT e.day FROM crm.membership m JOIN crm.purchase_chunk h USING (source_record_id), crm.purchase_entries(h.history) e
                        WHERE m.customer_id = c.customer_id AND m.valid_to = 'infinity' AND e.known_day <= date '2026-06-30' AND e.day BETWEEN date '2026-06-30' - 80 AND date '2026-06-30'
                        GROUP BY e.day HAVING sum(e.amount_minor) > 0) d) d GROUP BY d.island) i), n <= 0) AS told
      FROM crm.customer c CROSS JOIN generate_series(0, 3) n WHERE c.customer_id BETWEEN 980201 AND 980260 AND c.status = 'active') x;
-- with somebody behind records are asked, which say the same
SELECT pg_temp.fall_behind(60) \g /dev/null
SELECT count(*) AS tried, count(*) FILTER (WHERE NOT crm.bitmap_equal(t.everybody, crm._rule_set(t.rule, t.moment))) AS different_everybody,
       count(*) FILTER (WHERE NOT crm.bitmap_equal(t.persons, crm.bitmap(crm._rule_fit(t.rule, t.ids, t.moment)))) AS different_persons,
       count(*) FILTER (WHERE NOT crm.bitmap_equal(t.persons, (crm._rule_fit_sets(jsonb_build_array(t.rule), t.ids, t.moment))[1])) AS different_by_sets
FROM (SELECT x.*, (SELECT array_agg(c.customer_id) FROM crm.customer c WHERE c.customer_id BETWEEN 980201 AND 980260) AS ids FROM tried x LIMIT 60) t;
SELECT * FROM pg_temp.spans();
SELECT pg_temp.fall_behind(0) \g /dev/null
SELECT rule FROM tried WHERE NOT crm.bitmap_equal(everybody, persons) OR NOT crm.bitmap_equal(persons, given[1]) LIMIT 3;
SELECT crm._rule_fit_sets('[{}, {"kind": "purchase", "measure": "never"}]', '{}', crm.core_now()) AS nobody, crm._rule_fit_sets('[{}]', '{980201,980201,980260}', crm.core_now()) AS twice_and_merged;
SELECT pg_temp.fault_of_list('[]') AS empty_list, pg_temp.fault_of_list('{}') AS no_list, pg_temp.fault_of_list('[1]') AS no_rule;
-- explain says of each condition what the condition alone says
SELECT count(*) AS wrong FROM (SELECT t.rule, t.moment, e.value, e.ordinality FROM tried t, LATERAL jsonb_array_elements(crm._rule_explain(t.rule, 980208, t.moment)) WITH ORDINALITY e LIMIT 40) x
WHERE (x.value ->> 'is_met')::boolean <> crm.bitmap_has((crm._rule_apart(x.rule, x.moment))[x.ordinality + 1], 980208);
-- whom time moved is among those it may have moved
SELECT count(*) AS moved_unseen FROM (SELECT * FROM tried LIMIT 25) t, LATERAL (SELECT a.persons AS may FROM crm._rule_moved_apart(t.rule, t.moment, t.moment + interval '5 days') a) m,
    LATERAL unnest(crm.bitmap_array((crm._rule_set(t.rule, t.moment + interval '5 days') OPERATOR(crm.-) t.everybody) OPERATOR(crm.|) (t.everybody OPERATOR(crm.-) crm._rule_set(t.rule, t.moment + interval '5 days')))) p
WHERE m.may IS NOT NULL AND p <> ALL (m.may)
  -- facts between the two moments are announced by themselves
  AND NOT EXISTS (SELECT FROM crm.membership x LEFT JOIN crm.purchase_chunk h USING (source_record_id) LEFT JOIN crm.event e USING (source_record_id) LEFT JOIN crm.interaction i USING (source_record_id) LEFT JOIN crm.consent c USING (source_record_id)
                  WHERE x.customer_id = p AND (crm.purchase_order_days(h.history, (t.moment - interval '1 day')::date, (t.moment + interval '6 days')::date, 'infinity') > 0
                        OR e.occurred_at BETWEEN t.moment - interval '1 day' AND t.moment + interval '6 days' OR i.occurred_at BETWEEN t.moment - interval '1 day' AND t.moment + interval '6 days' OR c.occurred_at BETWEEN t.moment - interval '1 day' AND t.moment + interval '6 days'));
ROLLBACK;

-- 5. what a room registers wrongly is said at once
SELECT crm._rule_source_put('x y', 'rule', 'facts', 'crm.nothing', '{}');
SELECT * FROM crm._rule_source_faults('facts', 'crm.customer', '{"key": "customer_id", "keyed": "someone", "time": "yesterday", "wrong": 1, "columns": {"A": {"column": "x", "type": "y"}}}') f ORDER BY 1;

-- 6. mutated rules: whatever a machine makes of a rule is answered or refused by RM351, in every form
CREATE FUNCTION pg_temp.mutate(rule text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    junk text[] := ARRAY['1', '2', '30', '0.5', '"="', '">"', '"<>"', '"in"', '[1, 2]', '"missing"', '"count"', '"ever"', '"last"', '"first"', '"search"', '"yes"', 'null', '-1', '1e308', '1e-308', '"\u0001"', '""', '[]', '{}', '[[]]', 'true', '"infinity"', '"2026-13-45"', '9223372036854775808', '"''; --"', '[1,"a",null]', '{"op":"in","value":[]}',
                         '"custom."', '"9999-12-31"', '"0001-01-01"', '[0,36500]', '36500', '36501', '"23:59"', '["",""]', '{"op":"between","value":["a","b"]}', '"day.in"'];
    word text;
BEGIN
    FOR i IN 1 .. 1 + (random() < 0.2)::int LOOP
        word := (SELECT m[1] FROM regexp_matches(rule, '(?<=: )("[^"]*"|[0-9.]+|\[[^][]*\])', 'g') m ORDER BY random() LIMIT 1);
        rule := CASE WHEN word IS NULL OR random() < 0.15 THEN regexp_replace(rule, '"(days|value|op|field|where|measure|kind|hours|same)"', '"' || (ARRAY['days', 'value', 'op', 'field', 'where', 'measure', 'kind', 'hours', 'same', 'at', 'weekdays', 'since', 'until', 'windows', 'at_least', 'x'])[1 + floor(random() * 16)::int] || '"')
                     ELSE overlay(rule PLACING junk[1 + floor(random() * cardinality(junk))::int] FROM position(word IN rule) FOR length(word)) END;
    END LOOP;
    RETURN rule;
END $$;
DO $$
DECLARE
    seeds text[] := ARRAY[
        '{"kind": "event", "measure": "count", "where": {"type": "search", "properties.seconds": {"op": ">", "value": 180}}, "days": 30, "op": ">=", "value": 3}',
        '{"all": [{"kind": "purchase", "measure": "sum", "days": [10, 40], "op": "between", "value": [5, 10]}, {"not": {"kind": "consent", "field": "sms", "value": "yes"}}]}',
        '{"kind": "person", "field": "custom.height", "op": ">", "value": 170}', '{"kind": "related", "where": {"birthday.age": {"op": "<=", "value": 6}, "relation": "child"}}',
        '{"kind": "interaction", "measure": "baseline", "days": 30, "windows": 3, "at_least": 6, "op": "<=", "value": 0.7}', '{"kind": "order", "measure": "max", "field": "amount", "since": "2026-01-01", "op": "<", "value": 9}',
        '{"kind": "birthday", "field": "day.in", "op": "<=", "value": 7}', '{"kind": "event", "measure": "streak", "same": "object", "at": {"from": "22:00", "to": "03:00"}, "weekdays": [6, 7], "op": ">=", "value": 3}'];
    rule jsonb;
    answered int := 0;
    refused int := 0;
BEGIN
    PERFORM setseed(0.42);
    FOR step IN 1 .. 3000 LOOP
        BEGIN
            rule := pg_temp.mutate(seeds[1 + step % cardinality(seeds)])::jsonb;
        EXCEPTION WHEN OTHERS THEN      -- no JSON: it does not come so far
            CONTINUE;
        END;
        BEGIN
            PERFORM crm._rule_conditions(rule);
            answered := answered + 1;
            IF answered % 4 = 0 THEN
                PERFORM crm._rule_set(rule, '2026-06-30'), crm._rule_fit(rule, '{1,2}', '2026-06-30'), crm._rule_fit_sets(jsonb_build_array(rule, rule), '{1,2}', '2026-06-30'), crm._rule_moved_apart(rule, '2026-06-29', '2026-06-30'), crm._rule_explain(rule, 1, '2026-06-30');
            END IF;
        EXCEPTION WHEN OTHERS THEN
            IF SQLSTATE <> 'RM351' THEN
                RAISE WARNING '% % %', SQLSTATE, SQLERRM, rule;
            END IF;
            refused := refused + 1;
        END;
    END LOOP;
    RAISE WARNING 'mutated rules: many answered %, many refused %', answered > 150, refused > 1500;
END $$;
