-- identity_compare: levels of two values over SQL, distances and similarities with their limits, addresses taken apart.
-- (Vectors of other programs: tests/unit/unit_distance.c; every field's levels: tests/unit/unit_compare.c.)
\set VERBOSITY terse
SET client_min_messages = warning;

-- 1. a level and its words
SELECT field, a, b, crm.identity_compare(field, a, b) AS level, crm.identity_compare_text(field, crm.identity_compare(field, a, b)) AS words,
       crm.identity_compare_text(field, crm.identity_compare(field, a, b), 'zh-CN') AS chinese
FROM (VALUES ('name', '張偉', '张伟'), ('name', '张伟', 'Wei ZHANG'), ('name', '张**', '张伟'), ('name', '匿名', '张伟'),
    ('given', 'william', 'williams'), ('date', '1990-10-03', '农历1990年8月15日'), ('phone', '139 5720 6681', '13957206618'),
    ('email', 'zhangwei@163.com', 'zhangwei@sina.cn'), ('national_id', '11010519491231002X', '110105491231002'),
    ('address', '上海市徐汇区天钥桥路408号703室', '徐汇区天钥桥路408号704室'), ('postcode', 'SW1A 1AA', 'sw1a2bb'),
    ('text', 'Sheffield', 'Shefield'), ('number', '1000', '1009')) AS t (field, a, b);

-- 2. edits, with and without a limit
SELECT kind, crm.identity_compare_edits('ca', 'abc', kind) AS edits, crm.identity_compare_edits('ca', 'abc', kind, 1) AS most_1,
       crm.identity_compare_edits('kitten', 'sitting', kind) AS kitten, crm.identity_compare_edits('张三丰', '张丰三', kind) AS han,
       crm.identity_compare_edits(repeat('a', 4096), repeat('b', 4095), kind) AS long
FROM unnest('{levenshtein,osa,damerau}'::text[]) AS kind;
SELECT crm.identity_compare_edits('a', NULL) AS none, crm.identity_compare_edits('', '') AS empty;

-- 3. similarities
SELECT kind, round(crm.identity_similarity('martha', 'marhta', kind)::numeric, 4) AS martha,
       round(crm.identity_similarity('张伟', '张玮', kind)::numeric, 4) AS han, crm.identity_similarity('', '', kind) AS empty,
       crm.identity_similarity('', 'a', kind) AS one_empty,
       round(crm.identity_similarity('阳光花园', '浦东阳光花园二期', kind)::numeric, 4) AS place
FROM unnest('{jaro,jaro_winkler,bigram,containment}'::text[]) AS kind;

-- 4. addresses
SELECT p.* FROM (VALUES (1, '上海市徐汇区天钥桥路408号北楼703'), (2, '广东省深圳市南山区东滨路86号Ｂ栋（近地铁）２单元十二层一二〇一室'), (3, '朝阳区高碑店乡兴隆庄甲3号'),
    (4, '虹桥路2489弄29幢'), (5, '南京东路100号'), (6, ''), (7, repeat('号', 3000))) AS t (n, a), crm.identity_address(a) AS p ORDER BY n;

-- 5. what is refused
SELECT crm.identity_compare('shoe', 'a', 'b');
SELECT crm.identity_compare_text('shoe', 1);
SELECT crm.identity_compare_edits('a', 'b', 'hamming');
SELECT crm.identity_compare_edits('a', 'b', 'osa', -1);
SELECT crm.identity_similarity('a', 'b', 'soundex');
SELECT crm.identity_similarity(repeat('a', 4097), 'b');

-- 6. comparators and normalisers may be in an index and in a parallel plan
SELECT p.proname, p.provolatile = 'i' AS is_immutable, p.proparallel = 's' AS is_parallel_safe FROM pg_proc p
WHERE p.pronamespace = 'crm'::regnamespace AND p.proname IN ('identity_compare', 'identity_compare_text', 'identity_compare_edits', 'identity_similarity', 'identity_address', 'identity_phone', 'identity_email',
    'identity_birthday', 'identity_name', 'identity_national_id') ORDER BY 1;
