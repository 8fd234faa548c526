-- The matcher over any query. The caller's own rights decide what it may read; only the owner may call it.
CREATE FUNCTION crm.identity_link(query text, kinds text[], seed bigint DEFAULT 1, cap int DEFAULT 100,
    max_size int DEFAULT 40, OUT record bigint, OUT cluster bigint, OUT cluster_automatic bigint)
RETURNS SETOF record
LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'crm_identity_link';

COMMENT ON FUNCTION crm.identity_link IS
    'Which rows of a query describe one thing. The query returns a bigint and one column for each of kinds (given, '
    'surname, name, date, phone, email, id, address, postcode, code, text, number, sex, class; 1 to 12; '
    '"word/group" for fields that say one thing, of which the heaviest counts). Returns for each row the smallest '
    'number of its cluster, at the balanced cut and at that of automatic merges; both cuts are chosen from the data '
    'without labels. The same rows and seed give the same answer in any order. Blocks of more than cap rows (2 to '
    '4096) are left out, unless there are 1500 rows at most, of which all pairs are compared; no cluster has more '
    'than max_size rows. Automatic clusters leave out pairs that a name, birthday, sex or id keeps apart, names and '
    'addresses that agree in part alone, and a row that fits two others which are two and does not tell which. Runs '
    'with the caller''s rights, read only. Errors: 22023 for kinds, cap or size out of range, 42804 for other '
    'columns, 22004 for a null number.';
REVOKE ALL ON FUNCTION crm.identity_link FROM PUBLIC;

-- All that a run knows, a row a thing, so that one statement can store it.
CREATE FUNCTION crm._identity_link_run(query text, kinds text[] DEFAULT NULL, model bytea DEFAULT NULL, seed bigint DEFAULT 1,
    cap int DEFAULT 100, max_size int DEFAULT 40, OUT part text, OUT a bigint, OUT b bigint, OUT odds real,
    OUT score real, OUT rule int, OUT refused text, OUT levels smallint[], OUT trained bytea, OUT records bigint[], OUT clusters bigint[],
    OUT automatics bigint[], OUT is_apart boolean)
RETURNS SETOF record
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'crm_identity_link_run';

COMMENT ON FUNCTION crm._identity_link_run IS
    'As identity_link, with all that it found. Rows by part: cluster (records: up to a thousand rows, clusters: the '
    'cluster of each, automatics: that at the automatic cut), size (clusters: up to a thousand, records: how many '
    'rows each has), edge (a, b: rows; odds: log2 with the prior, score: without; rule: number of the key that '
    'found it; refused: null, or the guard that kept the two apart at the balanced cut: size, weak_bridge; levels '
    'by field, 0 where one side says nothing; is_apart: a field keeps the two apart, or one of them fits another '
    'row as well that is somebody else, so that they are no automatic merge), key (rule: its number, levels: its '
    'fields, below 0 where they are taken roughly, a: pairs of its blocks, b: blocks left out, refused: poor where '
    'a sample of its pairs found next to nothing), skip (a: a row of a block that was too large, b: rows in it, '
    'rule), model (trained: for _identity_link_odds and later runs). With a model its fields, prior and cuts are '
    'used and nothing is trained. Errors: as identity_link, and 22023 for bytes that are no model.';
REVOKE ALL ON FUNCTION crm._identity_link_run FROM PUBLIC;

CREATE FUNCTION crm._identity_link_train(query text, kinds text[], seed bigint DEFAULT 1, cap int DEFAULT 100)
RETURNS bytea
LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'crm_identity_link_train';

COMMENT ON FUNCTION crm._identity_link_train IS
    'The model that the rows of a query teach, with prior and cuts, as bytes that any server of this version reads. '
    'Deterministic for rows and seed. Arguments and errors: identity_link.';
REVOKE ALL ON FUNCTION crm._identity_link_train FROM PUBLIC;

CREATE FUNCTION crm._identity_link_preset(kinds text[])
RETURNS bytea
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'crm_identity_link_preset';

COMMENT ON FUNCTION crm._identity_link_preset IS
    'The model before any training: chances of each level by judgement, the prior of a hundred thousand rows of '
    'which a fifth have a twin. Errors: 22023 for kinds.';
REVOKE ALL ON FUNCTION crm._identity_link_preset FROM PUBLIC;

CREATE FUNCTION crm._identity_link_report(model bytea)
RETURNS jsonb
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'crm_identity_link_report';

COMMENT ON FUNCTION crm._identity_link_report IS
    'A model read out: rows it was trained on (0: preset), matches it expects among them, prior and both cuts in '
    'log2 odds, expected precision and recall (0 in a preset), and of each field the chances m and u and the bits '
    'of every level. Errors: 22023 for bytes that are no model.';
REVOKE ALL ON FUNCTION crm._identity_link_report FROM PUBLIC;

CREATE FUNCTION crm._identity_link_parts(model bytea, a text[], b text[], OUT field int, OUT kind text, OUT level int,
    OUT meaning text, OUT meaning_zh text, OUT weight float8, OUT rarity float8, OUT is_counted boolean, OUT loss float8)
RETURNS SETOF record
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'crm_identity_link_parts';

COMMENT ON FUNCTION crm._identity_link_parts IS
    'What each field adds to the score of two records: its level (0: one side says nothing), bits for the level '
    '(loss, 0 or less, is taken off already: what another field that agrees says as well), bits more or less as the '
    'value is rarer or commoner than most, and whether it counts (of fields that say one thing only the heaviest '
    'does). The sum of what counts, with the prior of _identity_link_report, is the log2 odds that the two are one. '
    'Records are arrays of one text for each field, null where nothing is told. Errors: 22023 for bytes that are no '
    'model, 2202E for arrays of another length.';
REVOKE ALL ON FUNCTION crm._identity_link_parts FROM PUBLIC;

CREATE FUNCTION crm._identity_link_odds(model bytea, record text[], candidates text[])
RETURNS float8[]
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'crm_identity_link_odds';

COMMENT ON FUNCTION crm._identity_link_odds IS
    'Log2 odds, with the prior, that a record is the same as each of many candidates (at most 100,000), whose '
    'fields follow one another in one array. Errors: as _identity_link_parts.';
REVOKE ALL ON FUNCTION crm._identity_link_odds FROM PUBLIC;

-- How many connected parts edges make, counted and not stored.
CREATE FUNCTION crm._identity_components_add(state internal, a bigint, b bigint)
RETURNS internal
LANGUAGE c IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'crm_identity_components_add';

CREATE FUNCTION crm._identity_components_end(state internal)
RETURNS jsonb
LANGUAGE c IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'crm_identity_components_end';

COMMENT ON FUNCTION crm._identity_components_add(internal, bigint, bigint) IS
    'A part of identity_components: takes an edge in.';
COMMENT ON FUNCTION crm._identity_components_end(internal) IS 'A part of identity_components: its answer.';

CREATE AGGREGATE crm.identity_components(a bigint, b bigint) (
    SFUNC = crm._identity_components_add, STYPE = internal, SSPACE = 33554432, FINALFUNC = crm._identity_components_end,
    FINALFUNC_MODIFY = READ_WRITE, PARALLEL = SAFE);

COMMENT ON AGGREGATE crm.identity_components(bigint, bigint) IS
    'The connected parts of a graph given by its edges: {"nodes": numbers that came, "edges": rows, "components": '
    'parts}. Any numbers; an edge of a number with itself makes it a node; rows with a null are left out. Memory: '
    'four bytes for each number up to the largest where they are close together, else about thirty for each. '
    'Errors: 54000 for more than four billion nodes.';
REVOKE ALL ON FUNCTION crm._identity_components_add(internal, bigint, bigint), crm._identity_components_end(internal),
    crm.identity_components(bigint, bigint) FROM PUBLIC;
