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
SELECT crm.identity_link('SELECT i % 3::bigint, ''a'' FROM generate_series(1, 4) i', '{name}');
SELECT crm.identity_link('SELECT 1::bigint, ''a''', '{name}', cap => 1);
SELECT crm.identity_link('DELETE FROM linked', '{name}');

-- A run with all that it found; its model gives the same again, and answers about pairs.
CREATE TABLE linked_part AS
SELECT * FROM crm._identity_link_run('SELECT id::bigint, given, surname, birthday, phone FROM linked', '{given,surname,birthday,code}');
SELECT part, count(*) > 0 AS some FROM linked_part GROUP BY part ORDER BY part;
WITH told AS (SELECT unnest(clusters), unnest(records) FROM linked_part WHERE part = 'size'), counted AS (SELECT c, count(*) FROM linked_part, unnest(clusters) c WHERE part = 'cluster' GROUP BY c)
SELECT count(*) AS differ FROM ((TABLE told EXCEPT ALL TABLE counted) UNION ALL (TABLE counted EXCEPT ALL TABLE told)) d;
WITH a AS (SELECT u.* FROM linked_part, unnest(records, clusters, automatics) u WHERE part = 'cluster'), b AS (SELECT * FROM linked('id'))
SELECT count(*) AS differ FROM ((TABLE a EXCEPT TABLE b) UNION ALL (TABLE b EXCEPT TABLE a)) d;
SELECT trained = crm._identity_link_train('SELECT id::bigint, given, surname, birthday, phone FROM linked ORDER BY 1 DESC',
                                          '{given,surname,birthday,code}') AS same_model
FROM linked_part WHERE part = 'model';
WITH again AS (SELECT r.* FROM linked_part m, crm._identity_link_run('SELECT id::bigint, given, surname, birthday, phone FROM linked', model => m.trained) r WHERE m.part = 'model')
SELECT count(*) AS differ FROM (SELECT part, a, b, refused, levels, records, clusters, automatics FROM again WHERE part IN ('cluster', 'edge')
                                EXCEPT SELECT part, a, b, refused, levels, records, clusters, automatics FROM linked_part) d;
-- one processor alone gives the same, to the last bit
SET max_parallel_maintenance_workers = 0;
WITH alone AS (SELECT * FROM crm._identity_link_run('SELECT id::bigint, given, surname, birthday, phone FROM linked', '{given,surname,birthday,code}'))
SELECT count(*) AS differ FROM ((TABLE alone EXCEPT ALL TABLE linked_part) UNION ALL (TABLE linked_part EXCEPT ALL TABLE alone)) d;
RESET max_parallel_maintenance_workers;
-- many rows, some with texts so long that few of them are a lot: read by others meanwhile, the same; a query that fails among them leaves nobody behind
CREATE FUNCTION pg_temp.many(fails int) RETURNS TABLE (id bigint, given text, surname text, birthday text, town text) LANGUAGE sql STABLE AS $$
    SELECT g::bigint, chr(97 + g % 20) || md5((g / 3 % 50)::text), CASE WHEN g % 5 > 0 THEN md5((g / 2)::text) END, '19' || 10 + g % 90 || '-0' || 1 + g % 9 || '-11',
           CASE WHEN g % 400 = 7 THEN repeat('town' || g % 3, 60000) ELSE 'town' || 100 / (fails - g) END FROM generate_series(1, 12000) g $$;
CREATE TEMP TABLE many_part AS SELECT * FROM crm._identity_link_run('SELECT * FROM pg_temp.many(-1)', '{given,surname,birthday,text}');
SET max_parallel_maintenance_workers = 0;
WITH alone AS (SELECT * FROM crm._identity_link_run('SELECT * FROM pg_temp.many(-1)', '{given,surname,birthday,text}'))
SELECT count(*) AS differ, (SELECT count(*) > 0 FROM many_part WHERE part = 'edge') AS some FROM ((TABLE alone EXCEPT ALL TABLE many_part) UNION ALL (TABLE many_part EXCEPT ALL TABLE alone)) d;
RESET max_parallel_maintenance_workers;
SELECT count(*) FROM crm._identity_link_run('SELECT * FROM pg_temp.many(9000)', '{given,surname,birthday,text}');
SELECT count(*) AS records FROM crm.identity_link('SELECT * FROM pg_temp.many(-1)', '{given,surname,birthday,text}');
-- parts of a pair add up to the odds of its edge
WITH model AS (SELECT trained FROM linked_part WHERE part = 'model'),
     edge AS (SELECT e.odds, x, y FROM linked_part e JOIN linked x ON x.id = e.a JOIN linked y ON y.id = e.b WHERE part = 'edge')
SELECT count(*) > 0 AS some, count(*) FILTER (WHERE abs(odds - told) > 1e-4 OR abs(odds - summed) > 1e-4) AS wrong
FROM edge, model, LATERAL (SELECT ARRAY[(x).given, (x).surname, (x).birthday, (x).phone], ARRAY[(y).given, (y).surname, (y).birthday, (y).phone]) r (a, b),
     LATERAL (SELECT (crm._identity_link_odds(trained, r.a, r.b))[1]) o (told),
     LATERAL (SELECT (crm._identity_link_report(trained)->>'prior')::float8 + sum(weight + rarity) FROM crm._identity_link_parts(trained, r.a, r.b) WHERE is_counted) s (summed);
-- no training: presets; Chinese names, addresses and calendars; fields that say one thing
SELECT field, kind, level, meaning, meaning_zh, weight > 0 AS for_it, is_counted
FROM crm._identity_link_parts(crm._identity_link_preset('{name,birthday,phone,email,id,address/home,postcode/home,sex,class,number,text}'),
    '{張偉,1990-10-03,+86 139 5720 6681,zhang.wei@gmail.com,11010519491231002X,上海市徐汇区天钥桥路408号703室,200030,男,vip,100,"blue whale"}',
    '{张伟,农历1990年8月15日,13957206681,zhangwei@googlemail.com,11010519491231002x,徐汇区天钥桥路四〇八号703室,200032,女,new,100.5,"blue whales"}');
SELECT field, level, meaning FROM crm._identity_link_parts(crm._identity_link_preset('{given,surname}'), '{wei,zhang}', '{zhang,wei}');
SELECT field, level, meaning FROM crm._identity_link_parts(crm._identity_link_preset('{name,date,phone,sex,email}'),
    '{张**,1900-01-01,13800138000,未知,test@test.com}', '{张**,1900-01-01,13800138000,未知,test@test.com}');
SELECT round(odds::numeric, 2) FROM unnest(crm._identity_link_odds(crm._identity_link_preset('{name,phone}'), '{张伟,13957206681}', '{张伟,13957206681,李娜,NULL,NULL,NULL}')) odds;
SELECT crm._identity_link_odds(crm._identity_link_preset('{name,phone}'), '{张伟}', '{}');
SELECT crm._identity_link_parts(crm._identity_link_preset('{name,phone}'), '{}', '{张伟,NULL}');
SELECT crm._identity_link_report('\x00');
SELECT crm._identity_link_report(substr(crm._identity_link_preset('{name}'), 1, 200));
SELECT crm._identity_link_report(overlay(crm._identity_link_preset('{name}') PLACING '\xffffffffffffffff' FROM 140));
SELECT r->'rows' AS rows, jsonb_array_length(r->'fields') AS fields, r #> '{fields,0,levels,9}' AS same
FROM crm._identity_link_report(crm._identity_link_preset('{name,phone}')) r;
SELECT crm._identity_link_run(NULL);
-- Components are counted: numbers close together and far apart, nulls, a node by itself, nothing.
SELECT crm.identity_components(a, b) FROM (VALUES (1::bigint, 2::bigint), (2, 3), (5, 6), (7, 7), (NULL, 1), (3, 1)) e (a, b);
SELECT crm.identity_components(a, b) FROM (VALUES (1::bigint, 2::bigint), (2, 3), (-5, 6), (7, 7), (9000000000000000000, -5)) e (a, b);
SELECT crm.identity_components(i, i / 3) AS near, crm.identity_components(i::bigint << 40, (i / 3)::bigint << 40) AS far,
       crm.identity_components(CASE WHEN i > 2500 THEN i::bigint << 40 ELSE i END, CASE WHEN i > 2500 THEN i::bigint << 40 ELSE i / 3 END) AS turned
FROM generate_series(1, 5000) i;
SELECT crm.identity_components(1, 2) FROM generate_series(1, 0);
DROP FUNCTION linked(text);
DROP TABLE linked, linked_part;

-- Little to learn from: one field, or two; a pair whose fields speak against it is for people to decide.
SELECT count(*) - count(DISTINCT cluster) AS found, count(DISTINCT cluster) FILTER (WHERE record > 60) AS persons_again
FROM crm.identity_link($$SELECT i::bigint, format('%s@%s', substr(md5((i % 60)::text), 1, 8), (ARRAY['mail.com', 'web.de'])[1 + i % 60 % 2]) FROM generate_series(1, 78) i$$, '{email}');
CREATE TABLE linked_few AS
SELECT i AS id, i % 60 AS person, substr('王李张刘陈杨', 1 + i % 60 % 6, 1) || chr(20320 + i % 60 * 7) || chr(23110 + i % 60 % 13) AS name,
       (date '1960-03-01' + (i % 60) * 211)::text AS birthday, '1380013' || lpad((i % 60 * 83)::text, 4, '0') AS phone FROM generate_series(0, 89) i;
SELECT count(*) FILTER (WHERE l.person <> c.person) AS wrong, count(*) - count(DISTINCT m.cluster) AS found
FROM crm.identity_link('SELECT id::bigint, name, birthday FROM linked_few', '{name,date}') m JOIN linked_few l ON l.id = m.record JOIN linked_few c ON c.id = m.cluster;
SELECT count(*) FILTER (WHERE l.person <> c.person) AS wrong, count(*) - count(DISTINCT m.cluster) AS found
FROM crm.identity_link('SELECT id::bigint, name, phone FROM linked_few', '{name,phone}') m JOIN linked_few l ON l.id = m.record JOIN linked_few c ON c.id = m.cluster;
SELECT count(*) - count(DISTINCT cluster) AS invented FROM crm.identity_link('SELECT id::bigint, name, birthday, phone FROM linked_few WHERE id < 60', '{name,date,phone}');
SELECT count(DISTINCT cluster) AS one FROM crm.identity_link('SELECT i::bigint, ''王小明'', ''13800138123'', ''1980-02-03'' FROM generate_series(1, 30) i', '{name,phone,date}');
-- brothers at one home, some of them told twice: one person by no more than people's word
CREATE TABLE linked_home AS
SELECT i AS id, i % 400 AS person, substr('王李张刘陈杨', 1 + i % 200 % 6, 1) || chr(20320 + i % 200 * 7) || (ARRAY['军', '强'])[1 + i % 400 / 200] AS name,
       CASE WHEN i % 11 > 0 THEN (date '1960-03-01' + (i % 200) * 41)::text END AS birthday, '1380013' || lpad((i % 200 * 37)::text, 4, '0') AS phone,
       format('上海市徐汇区天钥桥路%s号%s幢%s室', 1 + i % 200, 1 + i % 200 % 9, 101 + i % 200 % 30) AS address
FROM generate_series(0, 599) i;
SELECT count(*) FILTER (WHERE l.person <> c.person) AS wrong, count(*) - count(DISTINCT m.cluster_automatic) AS found
FROM crm.identity_link('SELECT id::bigint, name, birthday, phone, address FROM linked_home', '{name,date,phone,address}') m
JOIN linked_home l ON l.id = m.record JOIN linked_home c ON c.id = m.cluster_automatic;
SELECT count(*) FILTER (WHERE l.person <> c.person AND p.is_automatic) AS wrong, count(*) FILTER (WHERE p.is_automatic) > 150 AS many
FROM crm.identity_link_pairs('SELECT id::bigint, name, birthday, phone, address FROM linked_home WHERE id < 400', 'SELECT id::bigint, name, birthday, phone, address FROM linked_home WHERE id >= 400',
                             '{name,date,phone,address}') p JOIN linked_home l ON l.id = p.a JOIN linked_home c ON c.id = p.b;
DROP TABLE linked_few, linked_home;
-- What is torn between two who are two is nobody's until people say whose: of sixty homes in two hundred there is a son of his
-- father's name, or a namesake behind the next door; the father's second record tells no birthday, no door, no given name.
CREATE TABLE linked_torn AS
SELECT home + 200 * told AS id, CASE WHEN told = 1 THEN 200 + home ELSE home END AS person, variant,
       substr('王李张刘陈杨', 1 + home % 6, 1) || CASE WHEN variant = 'name' AND told = 2 AND home < 60 THEN '**'
           ELSE chr(20320 + home * 7) || chr(23110 + (home + CASE WHEN variant = 'name' THEN told % 2 * 40 ELSE 0 END) % 90) END AS name,
       CASE WHEN variant = 'birthday' AND (told < 2 OR home % 2 = 0 AND home >= 60) THEN (date '1950-03-01' + home * 41 + told % 2 * 9300)::text END AS birthday,
       format('上海市徐汇区天钥桥路%s号%s幢%s803室', 1 + home, 1 + home % 9,
              CASE WHEN variant <> 'door' THEN '1单元' WHEN told = 1 THEN '2单元' WHEN told = 0 OR home >= 60 THEN '1单元' END) AS address
FROM generate_series(0, 199) home, generate_series(0, 2) told, unnest('{birthday,door,name}'::text[]) variant
WHERE told <> 1 OR home < 60;
CREATE FUNCTION linked_torn(which text) RETURNS TABLE (record bigint, cluster_automatic bigint) LANGUAGE sql AS
$$ SELECT m.record, m.cluster_automatic FROM crm.identity_link(format('SELECT id::bigint, name, birthday, address FROM linked_torn WHERE variant = %L', which), '{name,date,address}') m $$;
SELECT v AS variant, count(*) FILTER (WHERE l.person <> c.person) AS wrong, count(*) - count(DISTINCT m.cluster_automatic) AS found,
       count(*) FILTER (WHERE m.record % 200 < 60 AND m.record <> m.cluster_automatic) AS found_of_the_torn
FROM unnest('{birthday,door,name}'::text[]) v, linked_torn(v) m
JOIN linked_torn l ON l.id = m.record JOIN linked_torn c ON c.id = m.cluster_automatic WHERE l.variant = v AND c.variant = v GROUP BY v ORDER BY v;
DROP FUNCTION linked_torn(text);
DROP TABLE linked_torn;

-- What is not told is judged by those who tell it.  Two hundred homes with a number each.  In a hundred and twenty of them are twins, or a father and a son of
-- one name; every second record of the first tells the surname alone, or no birthday, and in sixty homes it is all that there is of him.  'alone' has nobody beside him.
CREATE TABLE linked_silent AS
SELECT home + 200 * told AS id, CASE WHEN told = 1 THEN 200 + home ELSE home END AS person, variant,
       substr('王李张刘陈杨', 1 + home % 6, 1) || CASE WHEN variant <> 'father' AND told = 2 AND home % 2 = 0 THEN '**'
           ELSE chr(20320 + home * 7) || chr(23110 + (home + CASE WHEN variant = 'twins' THEN told % 2 * 40 ELSE 0 END) % 90) END AS name,
       CASE WHEN variant <> 'father' OR told < 2 OR home % 2 = 1 THEN (date '1950-03-01' + home * 41 + CASE WHEN variant = 'father' THEN told % 2 * 9300 ELSE 0 END)::text END AS birthday,
       '1380013' || lpad((home * 37)::text, 4, '0') AS phone
FROM generate_series(0, 199) home, generate_series(0, 2) told, unnest('{twins,father,alone}'::text[]) variant
WHERE CASE told WHEN 0 THEN home NOT BETWEEN 60 AND 119 OR variant = 'alone' WHEN 1 THEN home < 120 AND variant <> 'alone' ELSE true END;
CREATE FUNCTION linked_silent(which text) RETURNS TABLE (record bigint, cluster_automatic bigint) LANGUAGE sql AS
$$ SELECT m.record, m.cluster_automatic FROM crm.identity_link(format('SELECT id::bigint, name, birthday, phone FROM linked_silent WHERE variant = %L', which), '{name,date,phone}') m $$;
SELECT v AS variant, count(*) FILTER (WHERE l.person <> c.person) AS wrong, count(*) - count(DISTINCT m.cluster_automatic) AS found,
       count(*) FILTER (WHERE (l.name LIKE '%*%' OR l.birthday IS NULL) AND m.record <> m.cluster_automatic) AS found_of_the_silent
FROM unnest('{twins,father,alone}'::text[]) v, linked_silent(v) m
JOIN linked_silent l ON l.id = m.record JOIN linked_silent c ON c.id = m.cluster_automatic WHERE l.variant = v AND c.variant = v GROUP BY v ORDER BY v;
DROP FUNCTION linked_silent(text);
-- what a household has in common says nothing of who; a mailbox says a name once more; a company's branches, and the bar of a hotel, are things of their own
SELECT count(*) - count(DISTINCT cluster_automatic) AS found
FROM crm.identity_link($$SELECT id::bigint, phone, '上海市徐汇区天钥桥路' || 1 + id % 200 || '号803室' FROM linked_silent WHERE variant = 'twins'$$, '{phone,address}');
SELECT count(*) - count(DISTINCT cluster_automatic) AS found, count(*) FILTER (WHERE record >= 1000 AND cluster_automatic < 1000) AS by_name_alone
FROM crm.identity_link($$SELECT (i + 1000 * told)::bigint, format('%s Wang%s', g, i % 20), format('%s.wang%s%s@mail.cn', lower(g), i % 20, CASE WHEN told = 0 THEN NULL WHEN i % 3 = 0 THEN 7 ELSE i % 9 END)
    FROM generate_series(0, 399) i, generate_series(0, 1) told, LATERAL (SELECT initcap(translate(substr(md5((i / 20)::text), 1, 6), '0123456789', 'aeioulmnrs')) AS g) x$$, '{name,email}');
DROP TABLE linked_silent;
CREATE TABLE linked_thing AS
SELECT hotel * 10 + house * 2 + told AS id, hotel * 10 + house AS thing,
       format(CASE WHEN told = 0 THEN '%s %s %s' ELSE '%s %s (%s)' END, (ARRAY['restaurant', 'oyster bar'])[1 + house], initcap(translate(substr(md5(hotel::text), 1, 9), '0123456789', 'aeioulmnrs')), 'Atlanta') AS name,
       '404-6' || lpad((hotel * 9371 % 1000000)::text, 6, '0') AS phone, hotel + 1 || ' Peachtree Street' AS address
FROM generate_series(0, 199) hotel, generate_series(0, 1) house, generate_series(0, 1) told WHERE house = 0 OR hotel % 10 = 0 AND told = 1;
SELECT count(*) FILTER (WHERE l.thing <> c.thing) AS wrong, count(*) - count(DISTINCT m.cluster_automatic) AS found
FROM crm.identity_link('SELECT id::bigint, name, phone, address FROM linked_thing', '{text,phone,address}') m JOIN linked_thing l ON l.id = m.record JOIN linked_thing c ON c.id = m.cluster_automatic;
DROP TABLE linked_thing;

-- keys that too many rows share are left out, and each is told: with how many rows; what is nothing is no key
SELECT r.b AS rows, count(*) AS blocks FROM crm._identity_link_run('SELECT i::bigint, CASE WHEN i <= 200 THEN ''1980-02-03'' END, md5(i::text) FROM generate_series(1, 1600) i', '{date,text}', cap => 50) r
WHERE r.part = 'skip' GROUP BY 1 ORDER BY 1;
SELECT count(*) AS skipped FROM crm._identity_link_run('SELECT i::bigint, CASE WHEN i <= 200 THEN ''1980-02-03'' END, md5(i::text) FROM generate_series(1, 1600) i', '{date,text}', cap => 200) r WHERE r.part = 'skip' AND r.b >= 200;

-- a town and its postcode say one thing: learned, and of the second only what the first did not say is added
WITH model AS (SELECT crm._identity_link_train($$SELECT i::bigint, substr(md5((i % 2000)::text), 1, 7), substr(md5('s' || i % 2000), 1, 7), (date '1950-01-01' + i % 2000 * 7)::text, 'town' || i % 40,
    (200000 + i % 40 * 11)::text FROM generate_series(0, 2999) i$$, '{given,surname,date,text,postcode}') AS trained)
SELECT p.kind, p.weight > 5 AS adds, p.loss < -5 AS is_said_already
FROM model, crm._identity_link_parts(trained, '{anna,miller,1950-01-01,town3,200033}', '{anna,miller,1950-01-01,town3,200033}') p ORDER BY p.field;
