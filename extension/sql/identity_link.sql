-- The matcher over any query. The caller's own rights decide what it may read; only the owner may call it.
CREATE FUNCTION crm.identity_link(query text, kinds text[], seed bigint DEFAULT 1, cap int DEFAULT 100,
    max_size int DEFAULT 40, OUT record bigint, OUT cluster bigint, OUT cluster_automatic bigint)
RETURNS SETOF record
LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'crm_identity_link';

COMMENT ON FUNCTION crm.identity_link IS 'Which rows of a query describe one thing. The query returns a bigint and one column for each of kinds (given, surname, name, date, code, email, text, class; 1 to 12). Returns for each row the smallest number of its cluster, at the balanced cut and at that of automatic merges; both cuts are chosen from the data without labels. The same rows and seed give the same answer in any order. Blocks of more than cap rows (2 to 4096) are left out; no cluster has more than max_size rows. Runs with the caller''s rights, read only. Errors: 22023 for kinds, cap or size out of range, 42804 for other columns, 22004 for a null number.';
REVOKE ALL ON FUNCTION crm.identity_link FROM PUBLIC;
