-- bitmap: sets of integers agree with SQL's sets in every form of container; text, binary, tables, windows, parallel; hostile bytes.
\set VERBOSITY terse
SET client_min_messages = warning;
SELECT '{5, 1,70000 ,3}'::crm.bitmap AS sorted, '{}'::crm.bitmap AS empty, '{7,7}'::crm.bitmap AS once, ' { 4611686018427387903 } '::crm.bitmap AS largest;
SELECT '{4611686018427387904}'::crm.bitmap;
SELECT '{-1}'::crm.bitmap;
SELECT t::crm.bitmap FROM unnest('{1}'::text[]) t;
DO $$
DECLARE
    bad text;
BEGIN
    FOREACH bad IN ARRAY ARRAY['', '{', '}', '{1', '{1,}', '{,1}', '{1,,2}', '{a}', '{1}x', '{1 2}', '{99999999999999999999}', '[1]'] LOOP
        BEGIN
            PERFORM bad::crm.bitmap;
            RAISE WARNING 'taken: %', bad;
        EXCEPTION WHEN invalid_text_representation THEN
            NULL;
        END;
    END LOOP;
END $$;

-- every pair of forms: few, about the turn, many, full, in one container and over several
CREATE TEMP TABLE shape (name text, members bigint[]);
INSERT INTO shape
SELECT n, ARRAY(SELECT DISTINCT (base + (abs(hashint4(g + seed)) % width))::bigint FROM generate_series(1, size) g ORDER BY 1)
FROM (VALUES ('none', 0, 1, 0, 1), ('few', 0, 32768, 10, 1), ('below', 0, 32768, 2000, 2), ('turn', 0, 32768, 2120, 3), ('many', 0, 32768, 20000, 4), ('full', 0, 32768, 400000, 5),
             ('wide', 0, 200000, 5000, 6), ('dense', 20000, 100000, 150000, 7), ('apart', 10000000, 50000, 3000, 8)) v (n, base, width, size, seed);
SELECT name, cardinality(members) AS members, pg_column_size(crm.bitmap(members)) AS bytes FROM shape ORDER BY 2, 1;
SELECT count(*) AS pairs,
       count(*) FILTER (WHERE crm.bitmap_array(crm.bitmap(a.members) OPERATOR(crm.&) crm.bitmap(b.members)) <> ARRAY(SELECT unnest(a.members) INTERSECT SELECT unnest(b.members) ORDER BY 1)) AS wrong_and,
       count(*) FILTER (WHERE crm.bitmap_array(crm.bitmap(a.members) OPERATOR(crm.|) crm.bitmap(b.members)) <> ARRAY(SELECT unnest(a.members) UNION SELECT unnest(b.members) ORDER BY 1)) AS wrong_or,
       count(*) FILTER (WHERE crm.bitmap_array(crm.bitmap(a.members) OPERATOR(crm.-) crm.bitmap(b.members)) <> ARRAY(SELECT unnest(a.members) EXCEPT SELECT unnest(b.members) ORDER BY 1)) AS wrong_without,
       count(*) FILTER (WHERE crm.bitmap_equal(crm.bitmap(a.members), crm.bitmap(b.members)) <> (a.members = b.members)) AS wrong_equal
FROM shape a, shape b;
SELECT count(*) FILTER (WHERE crm.bitmap_count(crm.bitmap(members)) <> cardinality(members)) AS wrong_count,
       count(*) FILTER (WHERE ARRAY(SELECT crm.bitmap_members(crm.bitmap(members))) <> members) AS wrong_members,
       count(*) FILTER (WHERE crm.bitmap(members)::text::crm.bitmap OPERATOR(crm.=) crm.bitmap(members)) AS text_and_back,
       count(*) FILTER (WHERE EXISTS (SELECT FROM generate_series(-3, 40000, 997) g WHERE crm.bitmap_has(crm.bitmap(members), g) <> (g = ANY (members)))) AS wrong_has
FROM shape;

-- aggregates: any order, duplicates, nulls, windows, partial states
SELECT crm.bitmap_agg(v) AS set, crm.bitmap_agg(v) FILTER (WHERE false) AS none FROM (VALUES (3::bigint), (NULL), (1), (3)) x (v);
SELECT g, crm.bitmap_agg(g) OVER (ORDER BY g ROWS 2 PRECEDING) AS sliding, crm.bitmap_union(crm.bitmap(ARRAY[g, g + 10])) OVER (ORDER BY g) AS growing FROM generate_series(1::bigint, 4) g;
CREATE TEMP TABLE number AS SELECT (g * 7919 % 300000)::bigint AS v FROM generate_series(1, 100000) g;
CREATE TABLE public.bitmap_number AS TABLE number;
SET max_parallel_workers_per_gather = 2;
SET min_parallel_table_scan_size = 0;
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SELECT crm.bitmap_count(crm.bitmap_agg(v)) AS parallel FROM public.bitmap_number;
SET max_parallel_workers_per_gather = 0;
SELECT crm.bitmap_count(crm.bitmap_agg(v)) AS alone, count(DISTINCT v) AS counted FROM public.bitmap_number;
DROP TABLE public.bitmap_number;

-- stored, sent and received: by the last bit
CREATE TEMP TABLE stored (name text, members crm.bitmap);
INSERT INTO stored SELECT name, crm.bitmap(members) FROM shape;
UPDATE stored SET members = members OPERATOR(crm.|) '{32767,32768}';
SELECT count(*) AS same FROM stored s JOIN shape h USING (name) WHERE s.members OPERATOR(crm.=) (crm.bitmap(h.members) OPERATOR(crm.|) '{32767,32768}');

-- programs over containers count what the operators build
SELECT count(*) AS tried, count(*) FILTER (WHERE crm._bitmap_program('{0,1,-1,2,-3,3,-2}', ARRAY[crm.bitmap(a.members), crm.bitmap(b.members), crm.bitmap(c.members), NULL]) <>
           crm.bitmap_count((crm.bitmap(a.members) OPERATOR(crm.&) crm.bitmap(b.members)) OPERATOR(crm.-) crm.bitmap(c.members))) AS wrong
FROM shape a, shape b, shape c WHERE a.name IN ('none', 'few', 'turn', 'many') AND b.name IN ('few', 'below', 'many', 'full') AND c.name IN ('none', 'few', 'turn', 'full');
DO $$
DECLARE
    bad text;
BEGIN
    FOREACH bad IN ARRAY ARRAY['{}', '{1}', '{-1}', '{0,-1}', '{0,0}', '{0,0,-4}', '{NULL}', '{2147483647}', '{-2147483648}'] LOOP
        BEGIN
            PERFORM crm._bitmap_program(bad::int[], '{"{1}"}');
            RAISE WARNING 'taken: %', bad;
        EXCEPTION WHEN invalid_parameter_value THEN
            NULL;
        END;
    END LOOP;
END $$;
SELECT crm._bitmap_program('{0}', '{"{1,40000}"}');
-- the functions behind the operators
SELECT count(*) AS pairs, count(*) FILTER (WHERE crm.bitmap_and(x.a, x.b) OPERATOR(crm.=) (x.a OPERATOR(crm.&) x.b) AND crm.bitmap_or(x.a, x.b) OPERATOR(crm.=) (x.a OPERATOR(crm.|) x.b)
           AND crm.bitmap_without(x.a, x.b) OPERATOR(crm.=) (x.a OPERATOR(crm.-) x.b)) AS same
FROM (SELECT crm.bitmap(a.members) AS a, crm.bitmap(b.members) AS b FROM shape a, shape b) x;
SELECT crm.bitmap_and(NULL, '{1}') IS NULL AS no_and, crm.bitmap_or('{1}', NULL) IS NULL AS no_or, crm.bitmap_without(NULL, NULL) IS NULL AS no_without;
