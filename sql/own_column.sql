-- own_column: columns that a house has added to crm's tables keep what is in them, and get their default in new rows, on the ways past the planner, too; a table with a rule goes by statements.
\set VERBOSITY terse
SET client_min_messages = warning;
SET datestyle = 'ISO';
SET timezone = 'UTC';
BEGIN;
SET LOCAL crm.core_clock = '2026-06-30T12:00:00+08:00';
SELECT set_config('crm.access_claims', '{"actor": "regress", "role": "crm_headquarters", "stores": [], "all": true}', true) <> '' AS claims;
UPDATE crm.customer SET status = 'erased' WHERE status = 'active';
DELETE FROM crm.segment_mark;
DELETE FROM crm.value_dirty;
UPDATE crm.segment SET is_active = false;
ALTER TABLE crm.customer_value ADD own_note text DEFAULT 'of ' || current_database(), ADD own_blank text, ADD own_gone text;
ALTER TABLE crm.value_history ADD own_note text DEFAULT 'of ' || current_database(), ADD own_blank text;
ALTER TABLE crm.tier_change ADD own_note text DEFAULT 'of ' || current_database(), ADD own_blank text;
ALTER TABLE crm.segment_member ADD own_note text DEFAULT 'of ' || current_database(), ADD own_blank text, ADD own_gone text;
ALTER TABLE crm.segment_ordinal ADD own_note text DEFAULT 'of ' || current_database(), ADD own_blank text, ADD own_gone text;
ALTER TABLE crm.customer_value DROP own_gone;
ALTER TABLE crm.segment_member DROP own_gone;
ALTER TABLE crm.segment_ordinal DROP own_gone;
SELECT crm._value_is_direct() AS is_direct;

-- 1. new rows: values, purchases and tiers of 30 persons; their stays and ordinals in a segment
INSERT INTO crm.source (source_id, code, name, kind, created_at) VALUES (9941, 'own_till', 'till', 'pos', '2026-01-01');
INSERT INTO crm.customer (customer_id, status, registered_at, registered_on, updated_at, sex)
SELECT 994100 + g, 'active', '2026-01-01', '2026-01-01', '2026-01-01', CASE WHEN g % 3 = 0 THEN 'm' ELSE 'f' END FROM generate_series(1, 30) g;
INSERT INTO crm.source_record (source_record_id, source_id, kind, external_id, is_history, received_at)
SELECT 994200 + g, 9941, 'member', 'm' || g, false, '2026-01-01' FROM generate_series(1, 30) g;
INSERT INTO crm.membership (source_record_id, valid_from, customer_id) SELECT 994200 + g, '2026-01-01', 994100 + g FROM generate_series(1, 30) g;
INSERT INTO crm.purchase_chunk (source_record_id, from_day, history)
SELECT 994200 + g, '-infinity', crm.purchase_history(ARRAY['2026-06-20']::date[], ARRAY['2026-06-20']::date[], ARRAY[1000 * g]::bigint[]) FROM generate_series(1, 30) g;
\set everybody 'ARRAY(SELECT 994100 + g FROM generate_series(1, 30) g)'
SELECT crm._value_compute(:everybody, NULL, 'order') \g /dev/null
SELECT crm.segment_define('own_women', '女客', '{"kind": "person", "field": "sex", "value": "f"}') - 'segment_id' AS made;
SELECT crm._segment_refresh() AS filled_by_statements;
SELECT set_config('crm.core_clock', '2026-06-30T12:01:00+08:00', true) AS clock;
UPDATE crm.customer SET sex = 'f' WHERE customer_id BETWEEN 994101 AND 994130 AND customer_id % 2 = 0;
SELECT crm._segment_mark(:everybody, 'member') \g /dev/null
SELECT crm._segment_refresh() AS left_over;
CREATE FUNCTION pg_temp.own(OUT place text, OUT persons bigint, OUT notes text, OUT blanks bigint) RETURNS SETOF record LANGUAGE sql AS $$
    SELECT 'customer_value', count(*), string_agg(DISTINCT replace(own_note, current_database(), 'db'), ','), count(own_blank) FROM crm.customer_value WHERE customer_id BETWEEN 994101 AND 994130
    UNION ALL SELECT 'value_history', count(*), string_agg(DISTINCT replace(own_note, current_database(), 'db'), ','), count(own_blank) FROM crm.value_history WHERE customer_id BETWEEN 994101 AND 994130
    UNION ALL SELECT 'tier_change', count(*), string_agg(DISTINCT replace(own_note, current_database(), 'db'), ','), count(own_blank) FROM crm.tier_change WHERE customer_id BETWEEN 994101 AND 994130
    UNION ALL SELECT 'segment_member', count(*), string_agg(DISTINCT replace(own_note, current_database(), 'db'), ','), count(own_blank) FROM crm.segment_member WHERE customer_id BETWEEN 994101 AND 994130
    UNION ALL SELECT 'segment_ordinal', count(*), string_agg(DISTINCT replace(own_note, current_database(), 'db'), ','), count(own_blank) FROM crm.segment_ordinal o
    WHERE customer_id BETWEEN 994101 AND 994130 AND EXISTS (SELECT FROM crm.segment_member m WHERE m.customer_id = o.customer_id) $$;     -- a first fill numbers others, too, once it is known how many there are
SELECT * FROM pg_temp.own();

-- 2. rows that are written over keep what the house wrote there
UPDATE crm.customer_value SET own_note = 'mine' WHERE customer_id BETWEEN 994101 AND 994130;
UPDATE crm.value_history SET own_note = 'mine' WHERE customer_id BETWEEN 994101 AND 994130;
UPDATE crm.segment_member SET own_note = 'mine' WHERE customer_id BETWEEN 994101 AND 994130;
UPDATE crm.purchase_chunk p SET history = crm._purchase_add(p.history, '{2026-06-25}', '{2026-06-25}', '{70000}') WHERE p.source_record_id BETWEEN 994201 AND 994230;
SELECT crm._value_compute(:everybody, NULL, 'order') \g /dev/null
SELECT set_config('crm.core_clock', '2026-06-30T12:02:00+08:00', true) AS clock;
UPDATE crm.customer SET sex = 'm' WHERE customer_id BETWEEN 994101 AND 994130;
SELECT crm._segment_mark(:everybody, 'member') \g /dev/null
SELECT crm._segment_refresh() AS left_over;
SELECT * FROM pg_temp.own();
SELECT count(*) FILTER (WHERE left_at < 'infinity') AS ended, count(*) AS stays FROM crm.segment_member WHERE customer_id BETWEEN 994101 AND 994130;

-- 3. a rule of the house on a table is asked: it goes by statements
CREATE RULE own_rule AS ON UPDATE TO crm.value_history WHERE old.chunk_no < 0 DO INSTEAD NOTHING;
SELECT crm._value_is_direct() AS with_a_rule;
ROLLBACK;
