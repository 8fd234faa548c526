-- value_follow: an order within N days of an event, with the base rate beside it (R72), against a count by hand and by plain SQL; undone at the end.
\set VERBOSITY terse
SET client_min_messages = warning;
SET datestyle = 'ISO';
SET timezone = 'UTC';
SELECT set_config('crm.access_claims', '{"actor": "regress", "role": "crm_headquarters", "stores": [], "all": true}', false) <> '' AS claims;
\i sql/shared/try_said.sql
BEGIN;
SET LOCAL crm.core_clock = '2026-06-30T12:00:00+08:00';
UPDATE crm.customer SET status = 'erased' WHERE status = 'active';
DELETE FROM crm.event WHERE type = 'share';
INSERT INTO crm.customer (customer_id, status, registered_at, registered_on, updated_at) SELECT 963200 + g, 'active', '2026-01-01', '2026-01-01', '2026-01-01' FROM generate_series(1, 20) g;
INSERT INTO crm.membership (source_record_id, valid_from, customer_id) SELECT 963100 + g, '2026-01-01', 963200 + g FROM generate_series(1, 20) g;
CREATE FUNCTION pg_temp.share(person int, day date, n int) RETURNS void LANGUAGE sql AS $$
    INSERT INTO crm.event (source_record_id, received_at, event_id, source_id, type, occurred_at, business_day, is_history)
    SELECT 963100 + person, '2026-06-30', 963000000 + person * 1000 + n, 1, 'share', day + time '04:00', day, false $$;
-- 1 shares on 1 June and buys on the 8th (the seventh day), 2 on the 9th (too late), 3 on the day itself only, 4 twice on one day and buys the next,
-- 5 buys and gives it back, 6 shares a day too young to be judged
INSERT INTO crm.purchase_chunk (source_record_id, from_day, history) VALUES (963101, '-infinity', '{2026-06-08 2026-06-08 100}'), (963102, '-infinity', '{2026-06-09 2026-06-09 100}'),
    (963103, '-infinity', '{2026-06-01 2026-06-01 100}'), (963104, '-infinity', '{2026-06-02 2026-06-02 100}'), (963105, '-infinity', '{2026-06-02 2026-06-02 100; 2026-06-02 2026-06-05 -100}'), (963106, '-infinity', '{2026-06-28 2026-06-28 100}');
SELECT pg_temp.share(p, '2026-06-01', 1) FROM generate_series(1, 5) p \g /dev/null
SELECT pg_temp.share(4, '2026-06-01', 2), pg_temp.share(6, '2026-06-25', 3) \g /dev/null
SELECT crm._value_compute(array_agg(c.customer_id), '2026-06-30', 'history') FROM crm.customer c WHERE c.customer_id BETWEEN 963201 AND 963220;
-- five cases, two followed; of 20 persons on 23 days the days before orders: 7 of person 1, 7 of 2, none of 3, 1 of 4, none of 5, 3 of 6 (21 to 23 June): 18 of 460
SELECT crm.value_follow('share', '2026-06-01', '2026-06-30', 7);
-- by plain SQL, of histories at random
INSERT INTO crm.purchase_chunk (source_record_id, from_day, history)
SELECT 963100 + p, '-infinity', crm.purchase_history(array_agg(d), array_agg(d), array_agg(100::bigint))
FROM generate_series(7, 20) p, LATERAL (SELECT date '2026-01-01' + abs(hashint8(p * 100 + k)) % 175 AS d FROM generate_series(1, p) k) x GROUP BY p;
SELECT count(pg_temp.share(p, date '2026-01-05' + abs(hashint8(p * 7 + k)) % 170, 10 + k)) FROM generate_series(7, 20) p, generate_series(1, 9) k \g /dev/null
SELECT crm._value_compute(array_agg(c.customer_id), '2026-06-30', 'history') FROM crm.customer c WHERE c.customer_id BETWEEN 963201 AND 963220;
CREATE TEMP VIEW bought AS
    SELECT m.customer_id, e.day FROM crm.membership m JOIN crm.purchase_chunk p USING (source_record_id), crm.purchase_entries(p.history) e
    WHERE m.customer_id BETWEEN 963201 AND 963220 GROUP BY 1, 2 HAVING sum(e.amount_minor) > 0;
CREATE TEMP VIEW shared AS SELECT DISTINCT m.customer_id, v.business_day AS day FROM crm.event v JOIN crm.membership m USING (source_record_id) WHERE v.type = 'share' AND m.customer_id BETWEEN 963201 AND 963220;
SELECT n, f ->> 'cases' AS cases, f ->> 'followed' AS followed, f ->> 'base_rate' AS base_rate,
       (f ->> 'cases')::int = (SELECT count(*) FROM shared s WHERE s.day <= date '2026-06-30' - n) AS same_cases,
       (f ->> 'followed')::int = (SELECT count(*) FROM shared s WHERE s.day <= date '2026-06-30' - n
                                  AND EXISTS (SELECT FROM bought b WHERE b.customer_id = s.customer_id AND b.day > s.day AND b.day <= s.day + n)) AS same_followed,
       (f ->> 'base_rate')::numeric = (SELECT round(avg((EXISTS (SELECT FROM bought b WHERE b.customer_id = 963200 + p AND b.day > d::date AND b.day <= d::date + n))::int), 4)
                                       FROM generate_series(1, 20) p, generate_series(date '2026-01-01', date '2026-06-30' - n, interval '1 day') d) AS same_base
FROM (VALUES (3), (7), (30)) v (n), LATERAL crm.value_follow('share', '2026-01-01', '2026-06-30', n) f;
SELECT pg_temp.try(c) AS fault FROM (VALUES (1, $$crm.value_follow('nothing', '2026-01-01', '2026-06-30')$$), (2, $$crm.value_follow('share', '2026-07-01', '2026-06-30')$$),
    (3, $$crm.value_follow('share', '2026-01-01', '2026-06-30', 0)$$), (4, $$crm.value_follow('share', NULL, NULL, NULL)$$), (5, $$crm.value_follow('share', '2026-08-01', '2026-08-30')$$),
    (6, $$crm.value_follow('share', '2026-01-01', 'infinity')$$), (7, $$crm.value_follow('share', '2026-01-01', '2026-06-30', 2147483647)$$)) v (n, c) ORDER BY n;
ROLLBACK;
