-- identity, two sources that each hold a thing once: matched one to one.

CREATE FUNCTION crm._identity_assign(a bigint[], b bigint[]) RETURNS boolean[]
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'crm_identity_assign';
COMMENT ON FUNCTION crm._identity_assign(bigint[], bigint[]) IS
    'of pairs, heaviest first, those that are taken: neither side has been by a heavier one; pairs with a null are '
    'not; 2202E for arrays of another length';
REVOKE ALL ON FUNCTION crm._identity_assign(bigint[], bigint[]) FROM PUBLIC;

-- Both queries as one, rows numbered: even numbers of the first, odd ones of the second.
CREATE FUNCTION crm._identity_pairs_query(query_a text, query_b text, kinds text[], what text) RETURNS text
    LANGUAGE sql STABLE AS
$$
    SELECT format('SELECT 2 * row_number() OVER (ORDER BY %2$s) AS row_no, %1$s FROM (%3$s) qa(%2$s) UNION ALL SELECT 2 * row_number() OVER (ORDER BY %2$s) + 1, %1$s FROM (%4$s) qb(%2$s)',
                  CASE what WHEN 'fields' THEN string_agg(format('c%s::text', n), ', ') ELSE 'c0' END, 'c0, ' || string_agg('c' || n, ', '),
                  regexp_replace(query_a, ';\s*$', ''), regexp_replace(query_b, ';\s*$', ''))
    FROM generate_series(1, cardinality(kinds)) n
$$;
COMMENT ON FUNCTION crm._identity_pairs_query(text, text, text[], text) IS
    'the rows of two queries numbered, even of the first and odd of the second, with their fields or with their own number';

CREATE FUNCTION crm.identity_link_pairs(query_a text, query_b text, kinds text[], seed bigint DEFAULT 1, cap int DEFAULT 100,
    OUT a bigint, OUT b bigint, OUT odds real, OUT is_automatic boolean)
    RETURNS SETOF record LANGUAGE plpgsql VOLATILE STRICT AS
$$
BEGIN
    RETURN QUERY EXECUTE format($sql$
        WITH found AS MATERIALIZED (
            SELECT f.* FROM crm._identity_link_run($1, $2, NULL, $3, $4) f WHERE f.part IN ('edge', 'model')),
        cut AS MATERIALIZED (
            SELECT (r.told ->> 'cut')::float8 AS balanced, (r.told ->> 'cut_automatic')::float8 AS automatic
            FROM found f, LATERAL (SELECT crm._identity_link_report(f.trained) AS told) r WHERE f.part = 'model'),
        edge AS MATERIALIZED (
            SELECT CASE f.a %% 2 WHEN 0 THEN f.a ELSE f.b END AS of_a, CASE f.a %% 2 WHEN 0 THEN f.b ELSE f.a END AS of_b, f.odds, f.is_apart
            FROM found f, cut WHERE f.part = 'edge' AND (f.a + f.b) %% 2 <> 0 AND f.odds >= cut.balanced),
        sorted AS MATERIALIZED (
            SELECT array_agg(e.of_a ORDER BY e.odds DESC, e.of_a, e.of_b) AS of_a, array_agg(e.of_b ORDER BY e.odds DESC, e.of_a, e.of_b) AS of_b,
                   array_agg(e.odds ORDER BY e.odds DESC, e.of_a, e.of_b) AS odds,
                   array_agg(e.is_apart ORDER BY e.odds DESC, e.of_a, e.of_b) AS aparts FROM edge e),
        numbered AS MATERIALIZED (SELECT * FROM (%s) n(row_no, c0))
        SELECT x.c0::bigint, y.c0::bigint, t.odds, t.odds >= cut.automatic AND NOT t.is_apart
        FROM sorted s
        CROSS JOIN LATERAL unnest(s.of_a, s.of_b, s.odds, s.aparts, crm._identity_assign(s.of_a, s.of_b))
            t(of_a, of_b, odds, is_apart, is_taken)
        CROSS JOIN cut
        JOIN numbered x ON x.row_no = t.of_a JOIN numbered y ON y.row_no = t.of_b
        WHERE t.is_taken$sql$, crm._identity_pairs_query(query_a, query_b, kinds, 'numbers'))
    USING crm._identity_pairs_query(query_a, query_b, kinds, 'fields'), kinds, seed, cap;
END
$$;
COMMENT ON FUNCTION crm.identity_link_pairs(text, text, text[], bigint, int) IS
    'which rows of two queries are one thing, where each holds a thing once: one partner at most, the heaviest pairs first; odds in log2, and whether they are those of automatic merges. Each query returns a number (unique in it) and one column for each of kinds, as crm.identity_link(), in one order; further columns are ignored. Deterministic for rows and seed; runs with the caller''s rights. Errors: identity_link';
REVOKE ALL ON FUNCTION crm.identity_link_pairs(text, text, text[], bigint, int) FROM PUBLIC;
