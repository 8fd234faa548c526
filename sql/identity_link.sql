-- The matcher: clusters without labels, the same whatever the order, nothing from blanks.
CREATE TABLE linked AS
SELECT i AS id, i % 200 AS person,
       (ARRAY['anna','bertram','clara','dietmar','elena','fabian','greta','henrik'])[1 + hashint4(i % 200) & 7] AS given,
       substr(md5((i % 200)::text), 1, 7) AS surname,
       CASE WHEN i >= 200 AND i % 5 = 0 THEN ' ' ELSE (date '1950-01-01' + (i % 200) * 97)::text END AS birthday,
       CASE WHEN i >= 200 AND i % 7 = 0 THEN NULL ELSE substr(md5('p' || i % 200), 1, 9) END AS phone
FROM generate_series(0, 299) i;
CREATE FUNCTION linked(by text) RETURNS TABLE (record bigint, cluster bigint, automatic bigint) LANGUAGE sql AS
$$ SELECT * FROM crm.identity_link('SELECT id::bigint, given, surname, birthday, phone FROM linked ORDER BY ' || by,
                                   '{given,surname,date,code}') $$;
SELECT count(*) AS rows, count(DISTINCT cluster) AS persons,
       count(*) FILTER (WHERE l.person <> c.person) AS wrong
FROM linked('id') m JOIN linked l ON l.id = m.record JOIN linked c ON c.id = m.cluster;
WITH a AS (SELECT * FROM linked('id')), b AS (SELECT * FROM linked('md5(id::text)'))
SELECT count(*) AS differ FROM ((TABLE a EXCEPT TABLE b) UNION ALL (TABLE b EXCEPT TABLE a)) d;
SELECT count(DISTINCT cluster) AS blanks_apart
FROM crm.identity_link('SELECT i::bigint, '''', '' '', NULL::text FROM generate_series(1, 50) i', '{given,surname,date}');
SELECT count(*) AS nothing FROM crm.identity_link('SELECT 1::bigint, ''a'' WHERE false', '{name}');
SELECT cluster FROM crm.identity_link('SELECT 7::bigint, ''a''', '{name}');
SELECT crm.identity_link('SELECT 1::bigint, ''a''', '{colour}');
SELECT crm.identity_link('SELECT 1::bigint', '{name}');
SELECT crm.identity_link('SELECT NULL::bigint, ''a''', '{name}');
SELECT crm.identity_link('SELECT 1::bigint, ''a''', '{name}', cap => 1);
SELECT crm.identity_link('DELETE FROM linked', '{name}');
DROP FUNCTION linked(text);
DROP TABLE linked;
