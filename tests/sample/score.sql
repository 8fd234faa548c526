-- The persons that were made, against truth.csv: pairwise precision and recall over the records, what
-- became of the traps, and of people with two faces (R11).
--   psql -v chain=DIR -f score.sql
\set ON_ERROR_STOP 1
CREATE TEMP TABLE truth (source text, external_id text, person bigint);
CREATE TEMP TABLE whole (person bigint, name text, sex text, birthday text, phone text, address text, household text, buyer_class text, trap text);
\set copy_truth '\\copy truth FROM ' :chain '/truth.csv CSV HEADER'
:copy_truth
\set copy_whole '\\copy whole FROM ' :chain '/persons.csv CSV HEADER'
:copy_whole
CREATE TEMP TABLE scored AS
    SELECT t.person, m.customer_id, m.source_record_id
    FROM truth t JOIN crm.source s ON s.code = t.source
    JOIN crm.external_key k ON k.source_id = s.source_id AND k.kind = 1 AND k.external_id = t.external_id
    JOIN crm.membership m ON m.source_record_id = k.source_record_id AND m.valid_to = 'infinity';
ANALYZE scored, truth, whole;
CREATE TEMP TABLE planted AS
    SELECT a.person, a.customer_id AS a, b.customer_id AS b, a.source_record_id AS record_a, b.source_record_id AS record_b
    FROM scored a JOIN scored b ON b.person = a.person AND a.source_record_id < b.source_record_id;
ANALYZE planted;
-- pairs of one person that share a phone, an id, or name and home; numbers that are nobody's are no phones
CREATE TEMP TABLE reachable AS
    SELECT p.* FROM planted p
    CROSS JOIN LATERAL (
        SELECT FROM crm.record_identifier x
        JOIN crm.record_identifier y ON y.source_record_id = p.record_b AND y.kind = x.kind AND y.value_hash = x.value_hash
        JOIN crm.identifier i ON i.kind = x.kind AND i.value_hash = x.value_hash AND NOT i.is_blocked
        WHERE x.source_record_id = p.record_a LIMIT 1) shared;
WITH cell AS (SELECT person, customer_id, count(*) AS n FROM scored GROUP BY 1, 2),
both_sides AS (SELECT sum(n * (n - 1) / 2) AS pairs FROM cell),
found AS (SELECT sum(n * (n - 1) / 2) AS pairs FROM (SELECT sum(n) AS n FROM cell GROUP BY customer_id) c)
SELECT format('%s records of %s in the truth, %s true persons, %s made; pairs merged: precision %s, recall %s, %s of those that share a phone, an id, or name and home',
    (SELECT count(*) FROM scored), (SELECT count(*) FROM truth), (SELECT count(DISTINCT person) FROM scored),
    (SELECT count(DISTINCT customer_id) FROM scored),
    round(both_sides.pairs / nullif(found.pairs, 0), 4), round(both_sides.pairs / nullif((SELECT count(*) FROM planted), 0), 4),
    (SELECT round(count(*) FILTER (WHERE a = b)::numeric / nullif(count(*), 0), 4) FROM reachable))
FROM both_sides, found;
SELECT format('traps merged: %s', coalesce(string_agg(format('%s %s', t.trap, t.pairs), ', '), 'none'))
FROM (SELECT p.trap, count(*) AS pairs FROM scored a JOIN scored b ON b.customer_id = a.customer_id AND a.person < b.person
      JOIN whole p ON p.person = a.person JOIN whole q ON q.person = b.person AND q.trap <> ''
      WHERE p.trap <> '' GROUP BY p.trap) t;
-- a person with two faces: the records that share nothing but name and home
WITH face AS (
    SELECT p.person, bool_or(p.a = p.b) AS is_merged,
           bool_or(EXISTS (SELECT FROM crm.review v WHERE v.state = 'open'
                           AND least(v.customer_a, v.customer_b) = least(p.a, p.b) AND greatest(v.customer_a, v.customer_b) = greatest(p.a, p.b))) AS is_asked
    FROM planted p JOIN whole w ON w.person = p.person AND w.trap = 'two_faces' GROUP BY p.person)
SELECT format('two faces: %s, merged %s, in review %s, missed %s', count(*), count(*) FILTER (WHERE is_merged),
    count(*) FILTER (WHERE NOT is_merged AND is_asked), count(*) FILTER (WHERE NOT is_merged AND NOT is_asked))
FROM face;
