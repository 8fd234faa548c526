-- event: the catalogue, noise, repeated deliveries, interactions; everything is undone at the end.
\set VERBOSITY terse
SET client_min_messages = warning;
SET datestyle = 'ISO';
SET timezone = 'UTC';
SELECT count(*) >= 23 AS catalogue, bool_and(name_zh <> '' AND name_en <> '' AND jsonb_typeof(properties) = 'object') AS named FROM crm.event_type WHERE is_seeded;
BEGIN;
INSERT INTO crm.source (source_id, code, name, kind, created_at) VALUES (9451, 'event_app', 'app', 'mini_program', '2026-01-01');
INSERT INTO crm.source_record (source_record_id, source_id, kind, external_id, is_history, received_at)
SELECT 945100 + g, 9451, 'member', 'm' || g, false, '2026-01-01' FROM generate_series(1, 9) g;
INSERT INTO crm.customer (customer_id, status, registered_at, registered_on, updated_at)
SELECT 945200 + g, 'active', '2026-01-01', '2026-01-01', '2026-01-01' FROM generate_series(1, 9) g;
INSERT INTO crm.membership (source_record_id, valid_from, customer_id) SELECT 945100 + g, '2026-01-01', 945200 + g FROM generate_series(1, 9) g;
CREATE FUNCTION pg_temp.make_event(ordinal int, no text, record int, type text, at timestamptz, object text DEFAULT NULL, properties jsonb DEFAULT NULL,
                                   received timestamptz DEFAULT '2026-06-30') RETURNS crm.event_fact LANGUAGE sql AS $$
    SELECT ROW(ordinal, 9451, no, 945100 + record, 945200 + record, type, at, NULL, NULL, object, properties, false,
               sha256(convert_to(concat_ws('|', no, record, type, at, object, properties), 'UTF8')), received, 1, ordinal)::crm.event_fact $$;
CREATE FUNCTION pg_temp.outcomes(crm.fact_outcome[]) RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(format('%s %s %s', ordinal, outcome, customer_id - 945200), ', ' ORDER BY ordinal) FROM unnest($1) $$;
CREATE VIEW pg_temp.kept AS SELECT source_record_id - 945100 AS record, type, occurred_at, business_day, object_id, properties, ignored_reason
FROM crm.event WHERE source_id = 9451 ORDER BY 1, 3, 2, 7;

-- local day of the source; unknown types are kept and flagged
SELECT pg_temp.outcomes(array_agg(o)) FROM crm._event_store(ARRAY[
    pg_temp.make_event(1, 'e1', 1, 'product_view', '2026-06-29 18:00', 'milk', '{"seconds": 3}'),
    pg_temp.make_event(2, NULL, 1, 'moon_walk', '2026-06-29 18:01')]) o;
SELECT * FROM pg_temp.kept;
SELECT code, is_seeded, is_unknown FROM crm.event_type WHERE code = 'moon_walk';
SELECT crm.event_define_type('moon_walk', '月球漫步', 'moon walk', '{"steps": "number"}');
SELECT name_zh, properties, is_unknown FROM crm.event_type WHERE code = 'moon_walk';
SAVEPOINT defined;
SELECT crm.event_define_type('Moon Walk', 'x', 'x');
ROLLBACK TO defined;
SELECT crm.event_define_type('moon', 'x', 'x', '{"a": "thing"}');
ROLLBACK TO defined;
-- twice delivered; the same id with other content stands beside the first; twice in one delivery: the later wins
SELECT pg_temp.outcomes(array_agg(o)) FROM crm._event_store(ARRAY[
    pg_temp.make_event(1, 'e1', 1, 'product_view', '2026-06-29 18:00', 'milk', '{"seconds": 3}')]) o;
SELECT pg_temp.outcomes(array_agg(o)) FROM crm._event_store(ARRAY[
    pg_temp.make_event(1, 'e1', 1, 'product_view', '2026-06-29 18:00', 'milk', '{"seconds": 9}', '2026-07-01'),
    pg_temp.make_event(2, 'e1', 1, 'product_view', '2026-06-29 18:00', 'milk', '{"seconds": 10}', '2026-07-01')]) o;
SELECT * FROM pg_temp.kept WHERE type = 'product_view';
-- noise: less than a second after the same event on the same object, stored or in the same batch; 1 s is enough
SELECT pg_temp.outcomes(array_agg(o)) FROM crm._event_store(ARRAY[
    pg_temp.make_event(1, 'n1', 2, 'add_to_cart', '2026-06-30 10:00:00.0', 'a'), pg_temp.make_event(2, 'n2', 2, 'add_to_cart', '2026-06-30 10:00:00.999', 'a'),
    pg_temp.make_event(3, 'n3', 2, 'add_to_cart', '2026-06-30 10:00:00.5', 'b'), pg_temp.make_event(4, 'n4', 2, 'favorite', '2026-06-30 10:00:00.5', 'a'),
    pg_temp.make_event(5, 'n5', 2, 'add_to_cart', '2026-06-30 10:00:01.999', 'a')]) o;
SELECT count(*) FROM crm._event_store(ARRAY[pg_temp.make_event(1, 'n6', 2, 'add_to_cart', '2026-06-30 10:00:02.5', 'a')]);
SELECT count(*) FROM crm._event_store(ARRAY[pg_temp.make_event(1, 'n7', 2, 'add_to_cart', '2026-06-30 10:00:03.5', 'a')]);
SELECT type, occurred_at, object_id, ignored_reason FROM pg_temp.kept WHERE record = 2;
-- noise: beyond 500 of one record on a local day, in one batch or one by one
SELECT count(*) FROM crm._event_store((SELECT array_agg(pg_temp.make_event(g, 'f' || g, 3, 'page_view', '2026-06-30 00:00'::timestamptz + g * interval '5 s', 'p' || g)) FROM generate_series(1, 499) g));
SELECT count(*) FROM crm._event_store((SELECT array_agg(pg_temp.make_event(g, 'g' || g, 3, 'page_view', '2026-06-30 02:00'::timestamptz + g * interval '5 s', 'p' || g)) FROM generate_series(1, 3) g));
SELECT count(*) FROM crm._event_store(ARRAY[pg_temp.make_event(1, 'h1', 3, 'login', '2026-06-30 03:00'), pg_temp.make_event(2, 'h2', 3, 'login', '2026-06-30 17:00')]);
SELECT type, business_day, ignored_reason, count(*) FROM pg_temp.kept WHERE record = 3 GROUP BY 1, 2, 3 ORDER BY 1, 2, 3;
-- interactions: a changed note is a revision beside the old one
CREATE FUNCTION pg_temp.make_note(ordinal int, no text, body text) RETURNS crm.interaction_fact LANGUAGE sql AS $$
    SELECT ROW(ordinal, 9451, no, 945104, 945204, 'phone', NULL, '2026-06-30 09:00', NULL, NULL, NULL, body, 'called back', '2026-07-03', false,
               sha256(convert_to(body, 'UTF8')), '2026-06-30', 1, 1)::crm.interaction_fact $$;
SELECT pg_temp.outcomes(array_agg(o)) FROM crm._event_store_interactions(ARRAY[pg_temp.make_note(1, 'i1', 'asked for milk'), pg_temp.make_note(2, NULL, 'asked again')]) o;
SELECT pg_temp.outcomes(array_agg(o)) FROM crm._event_store_interactions(ARRAY[pg_temp.make_note(1, 'i1', 'asked for milk'), pg_temp.make_note(2, 'i1', 'asked for tea')]) o;
SELECT external_id, revision, is_current, direction, business_day, body, next_on FROM crm.interaction WHERE source_id = 9451 ORDER BY interaction_id, revision;
SELECT count(*) FROM crm._event_store('{}'), crm._event_store_interactions('{}');
-- words are found in notes as they are now and in the values of properties, of persons in scope alone
SET crm.core_clock = '2026-06-30T20:00:00+08:00';
SELECT count(*) FROM crm._event_store(ARRAY[pg_temp.make_event(1, 's1', 5, 'service_chat', '2026-06-30 08:00', NULL, '{"topic": "Milch: 退货 100%", "minutes": 7}'),
    pg_temp.make_event(2, 's2', 5, 'service_chat', '2026-01-30 08:00', NULL, '{"topic": "退货"}')]);
SELECT j - 'at' FROM crm.event_search('ASKED tea') j;
SELECT j - 'at' FROM crm.event_search('milk') j WHERE j ->> 'customer_id' LIKE '9452__';
SELECT j - 'at' FROM crm.event_search('退 7') j;
SELECT count(*) FROM crm.event_search('退货', 300);
SELECT (SELECT count(*) FROM crm.event_search('topic')) AS names_of_properties, (SELECT count(*) FROM crm.event_search('%')) AS percent, (SELECT count(*) FROM crm.event_search('asked', 90, 0)) AS none;
SAVEPOINT asked;
SELECT crm.event_search(' ');
ROLLBACK TO asked;
SELECT crm.event_search(NULL);
ROLLBACK TO asked;
UPDATE crm.customer SET scope_store_ids = '{3}' WHERE customer_id = 945204;
SET LOCAL crm.access_claims = '{"actor": "C7", "role": "crm_clerk", "stores": [4]}';
SET LOCAL ROLE crm_clerk;
SELECT count(*) AS of_another_store FROM crm.event_search('asked');
RESET ROLE;
SET LOCAL crm.access_claims = '{"actor": "C7", "role": "crm_clerk", "stores": [3, 4]}';
SET LOCAL ROLE crm_clerk;
SELECT count(*) AS of_the_store FROM crm.event_search('asked');
ROLLBACK TO asked;
RESET crm.core_clock;
SELECT * FROM crm.event_check();
-- what somebody did to the table by hand is found, here and by crm.check()
SAVEPOINT damage;
UPDATE crm.interaction SET is_current = false WHERE source_id = 9451;
SELECT c.room, c.what, c.expected, c.found FROM crm.check() c WHERE c.room = 'event';
ROLLBACK TO damage;
-- exported and erased
SELECT jsonb_path_query_array(crm._event_on_export(945204), '$.interactions[*].text') AS texts, jsonb_array_length(crm._event_on_export(945203) -> 'events') AS events;
SELECT crm._event_on_erase(945204), crm._event_on_erase(945201);
SELECT count(*) FILTER (WHERE body <> '' OR outcome IS NOT NULL) AS told FROM crm.interaction WHERE source_record_id = 945104;
SELECT count(*) AS events, count(*) FILTER (WHERE properties <> '{}' OR object_id IS NOT NULL) AS told FROM crm.event WHERE source_record_id = 945101;
ROLLBACK;
