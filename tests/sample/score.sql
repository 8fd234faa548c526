-- The persons that were made, against truth.csv: pairwise precision and recall over the records.
--   psql -v chain=DIR -f score.sql
\set ON_ERROR_STOP 1
CREATE TEMP TABLE truth (source text, external_id text, person bigint);
\set copy_truth '\\copy truth FROM ' :chain '/truth.csv CSV HEADER'
:copy_truth
CREATE TEMP TABLE scored AS
    SELECT t.person, m.customer_id
    FROM truth t JOIN crm.source s ON s.code = t.source
    JOIN crm.external_key k ON k.source_id = s.source_id AND k.kind = 1 AND k.external_id = t.external_id
    JOIN crm.membership m ON m.source_record_id = k.source_record_id AND m.valid_to = 'infinity';
WITH cell AS (SELECT person, customer_id, count(*) AS n FROM scored GROUP BY 1, 2),
both_sides AS (SELECT sum(n * (n - 1) / 2) AS pairs FROM cell),
found AS (SELECT sum(n * (n - 1) / 2) AS pairs FROM (SELECT sum(n) AS n FROM cell GROUP BY customer_id) c),
planted AS (SELECT sum(n * (n - 1) / 2) AS pairs FROM (SELECT sum(n) AS n FROM cell GROUP BY person) p)
SELECT format('%s records of %s in the truth, %s true persons, %s made; pairs: precision %s, recall %s (exact identifiers only)',
    (SELECT count(*) FROM scored), (SELECT count(*) FROM truth), (SELECT count(DISTINCT person) FROM scored),
    (SELECT count(DISTINCT customer_id) FROM scored),
    round(both_sides.pairs / nullif(found.pairs, 0), 4), round(both_sides.pairs / nullif(planted.pairs, 0), 4))
FROM both_sides, found, planted;
