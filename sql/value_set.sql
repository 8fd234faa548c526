-- value_set: the set path past the planner and the statements for any tables write the same, whatever a person has; marks of several causes; who changes a row all the same.
\set VERBOSITY terse
SET client_min_messages = warning;
SET datestyle = 'ISO';
SET timezone = 'UTC';
SELECT count(*) > 0 AS installed FROM crm.install();
SET crm.core_clock = '2026-06-30T12:00:00+08:00';

-- 1. persons of every kind: 400 in 2,000 ids, with none to three records, each with none to three chunks; some purchases add up to nothing, some persons have more than a row of them
INSERT INTO crm.customer (customer_id, status, registered_at, registered_on, updated_at)
SELECT 954000 + g * 5, CASE WHEN g % 50 = 7 THEN 'merged' ELSE 'active' END, '2026-01-01', '2026-01-01', '2026-01-01' FROM generate_series(1, 400) g;
INSERT INTO crm.membership (source_record_id, valid_from, valid_to, customer_id)
SELECT 954000 + (g * 7919 + r * 3) % 1999 * 4 + r, '2026-01-01', CASE WHEN g % 11 = 3 AND r = 2 THEN timestamptz '2026-03-01' ELSE 'infinity' END, 954000 + g * 5 FROM generate_series(1, 400) g, generate_series(1, 3) r WHERE r <= g % 4;
CREATE FUNCTION pg_temp.history(seed bigint, n int, from_day date, of_days int) RETURNS crm.purchase_history LANGUAGE sql AS $$
    SELECT crm.purchase_history(array_agg(x.day), array_agg(x.known), array_agg(x.minor))
    FROM (SELECT d.day, d.day + CASE WHEN abs(hashint8(seed + k)) % 9 = 0 THEN abs(hashint8(seed - k)) % 40 ELSE 0 END AS known,
                 CASE WHEN abs(hashint8(seed * 3 + k)) % 6 = 0 THEN -5000 ELSE 1000 + abs(hashint8(seed + 7 * k)) % 40000 END::bigint AS minor
          FROM generate_series(1, n) k, LATERAL (SELECT from_day + abs(hashint8(seed * 31 + k)) % of_days AS day) d) x $$;
INSERT INTO crm.purchase_chunk (source_record_id, from_day, history)
SELECT m.source_record_id, CASE c WHEN 0 THEN '-infinity' ELSE date '2025-01-01' + c * 200 END,
       CASE WHEN m.customer_id % 17 = 0 THEN pg_temp.history(m.source_record_id + c, 90, date '2025-01-01' + c * 200, 199)
            WHEN m.customer_id % 23 = 0 THEN '{2025-02-03 2025-02-03 500; 2025-02-03 2025-02-04 -500}'
            ELSE pg_temp.history(m.source_record_id + c, 1 + (m.source_record_id % 12)::int, date '2025-01-01' + c * 200, 199) END
FROM crm.membership m, generate_series(0, 2) c WHERE m.customer_id BETWEEN 954001 AND 956999 AND c <= m.source_record_id % 4 - 1;
-- what is there before, of two in three: values of another day, purchases that are behind
CREATE FUNCTION pg_temp.before() RETURNS void LANGUAGE sql AS $$
    SELECT crm._value_compute(ARRAY(SELECT c.customer_id FROM crm.customer c WHERE c.customer_id BETWEEN 954001 AND 956999 AND c.customer_id % 3 > 0), '2026-02-01', 'history');
    UPDATE crm.purchase_chunk p SET history = crm._purchase_add(p.history, '{2026-06-15}', '{2026-06-15}', '{70000}')
    WHERE p.source_record_id BETWEEN 954000 AND 964000 AND p.source_record_id % 5 < 2 AND crm.purchase_entry_count(p.history) < 120
      AND NOT EXISTS (SELECT FROM crm.purchase_chunk l WHERE l.source_record_id = p.source_record_id AND l.from_day > p.from_day);
    DELETE FROM crm.purchase_chunk p WHERE p.source_record_id BETWEEN 954000 AND 964000 AND p.source_record_id % 29 = 1;
    DELETE FROM crm.value_history h WHERE h.customer_id BETWEEN 954001 AND 956999 AND h.customer_id % 31 = 0;
    DELETE FROM crm.customer_value v WHERE v.customer_id BETWEEN 954001 AND 956999 AND v.customer_id % 37 = 0 $$;
CREATE FUNCTION pg_temp.after(OUT persons bigint, OUT rows_of_purchases bigint, OUT changes bigint, OUT written text) LANGUAGE sql AS $$
    SELECT count(*), (SELECT count(*) FROM crm.value_history h WHERE h.customer_id BETWEEN 954001 AND 956999),
           (SELECT count(*) FROM crm.tier_change t WHERE t.customer_id BETWEEN 954001 AND 956999),
           md5(string_agg(v::text, ',' ORDER BY v.customer_id)
               || (SELECT string_agg(h::text, ',' ORDER BY h.customer_id, h.chunk_no) FROM crm.value_history h WHERE h.customer_id BETWEEN 954001 AND 956999)
               || (SELECT string_agg(DISTINCT l.look_on || ' ' || p, ',') FROM crm.value_look l, unnest(l.persons) p WHERE p BETWEEN 954001 AND 956999)
               || (SELECT string_agg((to_jsonb(t) - 'change_id')::text, ',' ORDER BY t.customer_id, t.change_id) FROM crm.tier_change t WHERE t.customer_id BETWEEN 954001 AND 956999))
    FROM crm.customer_value v WHERE v.customer_id BETWEEN 954001 AND 956999 $$;
SELECT count(*) AS marked_before FROM crm.value_dirty;
\set everybody 'ARRAY(SELECT c.customer_id FROM crm.customer c WHERE c.customer_id BETWEEN 954001 AND 956999 ORDER BY c.customer_id % 7, c.customer_id)'
-- as of a day, with the cut points of a run and without; each on the day of their own next change
CREATE TEMP TABLE model AS SELECT * FROM crm.rfm_model WHERE is_active;
\set live 'UPDATE crm.rfm_model SET cut_as_of = ''2026-06-29'', r_cuts = ''{NULL,9200,9500,9600}'', f_cuts = ''{1,2,4,9}'', m_cuts = ''{10000,50000,90000,200000}'' WHERE is_active'
BEGIN;
SELECT pg_temp.before() \g /dev/null
SELECT crm._value_is_direct() AS is_direct;
SELECT crm._value_compute(:everybody, '2026-06-30', 'order') \g /dev/null
SELECT persons, rows_of_purchases, changes, written FROM pg_temp.after() \gset direct_
SELECT crm._value_compute(:everybody, NULL, 'age') \g /dev/null
SELECT written AS aged FROM pg_temp.after() \gset direct_
SELECT count(*) AS drift FROM crm._value_check_history() k, generate_series(954005, 956000, 5) p WHERE k.what LIKE '%person ' || p || ' %';
-- everybody whose tier changes some day is in the list of the day on which the job looks; who is not is missed by the check
SELECT count(*) AS not_in_a_list FROM crm._value_check() WHERE what LIKE 'the list of persons%';
SELECT count(*) > 100 AS some, max(cardinality(persons)) <= 200 AS short FROM crm.value_look;
UPDATE crm.value_look SET persons = '{}' WHERE look_on = (SELECT v.look_on FROM crm.customer_value v WHERE v.customer_id BETWEEN 954001 AND 956999 AND v.look_on IS NOT NULL ORDER BY v.customer_id LIMIT 1);
SELECT count(*) > 0 AS missed FROM crm._value_check() WHERE what LIKE 'the list of persons%';
ROLLBACK;
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT pg_temp.before() \g /dev/null
SELECT crm._value_is_direct() AS is_direct;
SELECT crm._value_compute(:everybody, '2026-06-30', 'order') \g /dev/null
SELECT persons, rows_of_purchases, changes, persons = :direct_persons AND rows_of_purchases = :direct_rows_of_purchases AND changes = :direct_changes AND written = :'direct_written' AS same FROM pg_temp.after();
SELECT crm._value_compute(:everybody, NULL, 'age') \g /dev/null
SELECT written = :'direct_aged' AS aged_the_same FROM pg_temp.after();
ROLLBACK;
-- in two sets, each with a gap that is descended over; and in sets of ten
BEGIN;
SELECT pg_temp.before() \g /dev/null
SELECT crm._value_compute(ARRAY(SELECT 954000 + g * 5 FROM generate_series(1, 400) g WHERE g NOT BETWEEN 41 AND 249), '2026-06-30', 'order') \g /dev/null
SELECT crm._value_compute(ARRAY(SELECT 954000 + g * 5 FROM generate_series(41, 249) g), '2026-06-30', 'order') \g /dev/null
SELECT written = :'direct_written' AS same_in_two_sets FROM pg_temp.after();
ROLLBACK;
BEGIN;
SELECT pg_temp.before() \g /dev/null
SELECT count(crm._value_compute(ARRAY(SELECT 954000 + g * 5 FROM generate_series(1, 400) g WHERE g % 40 = s), '2026-06-30', 'order')) FROM generate_series(0, 39) s \g /dev/null
SELECT written = :'direct_written' AS same_in_forty_sets FROM pg_temp.after();
ROLLBACK;
BEGIN;
:live;
SELECT pg_temp.before() \g /dev/null
SELECT crm._value_compute(:everybody, '2026-06-30', 'order') \g /dev/null
SELECT written AS scored FROM pg_temp.after() \gset direct_
SELECT count(DISTINCT r) AS r, count(DISTINCT f) AS f, count(DISTINCT m) AS m, count(*) FILTER (WHERE r IS NULL) = count(*) FILTER (WHERE order_days = 0) AS none_without_order FROM crm.customer_value WHERE customer_id BETWEEN 954001 AND 956999;
ROLLBACK;
BEGIN ISOLATION LEVEL REPEATABLE READ;
:live;
SELECT pg_temp.before() \g /dev/null
SELECT crm._value_compute(:everybody, '2026-06-30', 'order') \g /dev/null
SELECT written = :'direct_scored' AS scored_the_same FROM pg_temp.after();
ROLLBACK;

-- 2. a table with a trigger, one whose index is gone, a transaction that may not write: statements, which know what to say
BEGIN;
CREATE FUNCTION public.regress_nothing() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$;
CREATE TRIGGER regress_nothing BEFORE UPDATE ON crm.value_history FOR EACH ROW EXECUTE FUNCTION public.regress_nothing();
SELECT crm._value_is_direct() AS with_a_trigger;
ROLLBACK;
BEGIN;
DROP INDEX crm.membership_customer;
SELECT crm._value_is_direct() AS without_the_index;
CREATE INDEX ON crm.membership (customer_id DESC, valid_to, source_record_id);
CREATE INDEX ON crm.membership (customer_id NULLS FIRST, valid_to, source_record_id);
CREATE INDEX ON crm.membership (customer_id, valid_to, source_record_id) WHERE customer_id > 0;
CREATE INDEX ON crm.membership (customer_id, valid_to);
SELECT crm._value_is_direct() AS with_others;
CREATE INDEX ON crm.membership (customer_id, source_record_id, valid_to);
SELECT crm._value_is_direct() AS with_one_like_it;
SELECT pg_temp.before() \g /dev/null
SELECT crm._value_compute(:everybody, '2026-06-30', 'order') \g /dev/null
SELECT written = :'direct_written' AS same_beside_others FROM pg_temp.after();
ROLLBACK;
BEGIN READ ONLY;
SELECT crm._value_is_direct() AS in_a_transaction_that_only_reads;
ROLLBACK;

-- 3. marks of several causes: the last in the alphabet counts, all of them go; who is not active loses the marks alone
\set marks 'SELECT crm._value_mark(ARRAY(SELECT c.customer_id FROM crm.customer c WHERE c.customer_id BETWEEN 954001 AND 956999), ''history''), crm._value_mark(ARRAY(SELECT c.customer_id FROM crm.customer c WHERE c.customer_id BETWEEN 954001 AND 956999 AND c.customer_id % 3 = 0), ''order''), crm._value_mark(ARRAY(SELECT c.customer_id FROM crm.customer c WHERE c.customer_id BETWEEN 954001 AND 956999 AND c.customer_id % 7 < 2), ''rules''), crm._value_mark(ARRAY(SELECT c.customer_id FROM crm.customer c WHERE c.customer_id BETWEEN 954001 AND 956999 AND c.customer_id % 7 < 2), ''rules''), crm._value_mark(''{1954001}'', ''order'')'
BEGIN;
SELECT pg_temp.before() \g /dev/null
:marks \g /dev/null
SELECT crm._value_drain() AS marks_left;
SELECT count(*) AS marked FROM crm.value_dirty;
SELECT cause, count(*) FROM crm.tier_change WHERE customer_id BETWEEN 954001 AND 956999 AND changed_on = '2026-06-30' GROUP BY 1 ORDER BY 1;
SELECT written AS drained FROM pg_temp.after() \gset direct_
ROLLBACK;
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT pg_temp.before() \g /dev/null
:marks \g /dev/null
SELECT crm._value_drain() AS marks_left;
SELECT count(*) AS marked FROM crm.value_dirty;
SELECT written = :'direct_drained' AS drained_the_same FROM pg_temp.after();
ROLLBACK;

DELETE FROM crm.purchase_chunk WHERE source_record_id BETWEEN 954000 AND 964000;
DELETE FROM crm.membership WHERE customer_id BETWEEN 954001 AND 956999;
DELETE FROM crm.customer WHERE customer_id BETWEEN 954001 AND 956999;
