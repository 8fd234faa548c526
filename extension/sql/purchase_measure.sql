-- purchase: what rules ask of packed histories: of one person, of everybody in one walk, of edges in time.

CREATE TYPE crm.purchase_question AS (measure text, from_day date, to_day date, at_least int, op text, amounts numeric[], is_turned boolean);
COMMENT ON TYPE crm.purchase_question IS
    'measure count, sum, average, last, first, streak or gap_ratio over days of purchase, and the comparison it is '
    'to meet; turned: to fail';

CREATE FUNCTION crm._purchase_measure(chunks crm.purchase_history[], measure text, from_day date, to_day date,
                                      as_of date, at_least int, exponent int) RETURNS numeric
    LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'crm_purchase_measure';
COMMENT ON FUNCTION crm._purchase_measure(crm.purchase_history[], text, date, date, date, int, int) IS
    'order days, net and mean net of an order day in currency units, days since the last and first order day, the '
    'longest run of order days, or days since the last over the median gap (null with fewer than at_least gaps), in '
    '[from_day, to_day] as of a day; null chunks are none';

CREATE FUNCTION crm._purchase_collect_step(state bytea, customer_id bigint, history crm.purchase_history,
                                           is_whole boolean, questions crm.purchase_question[], as_of date,
                                           exponent int) RETURNS bytea
    LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'crm_purchase_collect_step';
COMMENT ON FUNCTION crm._purchase_collect_step(bytea, bigint, crm.purchase_history, boolean, crm.purchase_question[], date, int) IS
    'one more chunk: whole, all that its person bought, which is asked at once; else the days that any question '
    'looks at, beside its person''s';
CREATE FUNCTION crm._purchase_collect_merge(state bytea, other bytea) RETURNS bytea
    LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'crm_purchase_collect_merge';
COMMENT ON FUNCTION crm._purchase_collect_merge(bytea, bytea) IS 'two partial walks together';
CREATE FUNCTION crm._purchase_collect_final(state bytea) RETURNS crm.bitmap[]
    LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'crm_purchase_collect_final';
COMMENT ON FUNCTION crm._purchase_collect_final(bytea) IS 'of each question the persons whose purchases meet it';
CREATE AGGREGATE crm._purchase_collect(bigint, crm.purchase_history, boolean, crm.purchase_question[], date, int) (
    SFUNC = crm._purchase_collect_step, STYPE = bytea, FINALFUNC = crm._purchase_collect_final,
    COMBINEFUNC = crm._purchase_collect_merge, PARALLEL = SAFE);
COMMENT ON AGGREGATE crm._purchase_collect(bigint, crm.purchase_history, boolean, crm.purchase_question[], date, int) IS
    'over all chunks, in any order, each with whether it is all that its person bought: of each question the set of '
    'persons whose purchases meet it; null without a chunk';

CREATE FUNCTION crm._purchase_collect_given(relation text, key text, history text, whole text, persons bigint[],
                                            questions crm.purchase_question[], as_of date, exponent int)
    RETURNS crm.bitmap[]
    LANGUAGE c STABLE STRICT AS 'MODULE_PATHNAME', 'crm_purchase_collect_given';
COMMENT ON FUNCTION crm._purchase_collect_given(text, text, text, text, bigint[], crm.purchase_question[], date, int) IS
    'as crm._purchase_collect(), over the rows of given persons in a table of the schema crm that holds histories '
    'by person: the names of its columns';

CREATE FUNCTION crm._purchase_passes(history crm.purchase_history, ages int[], before date, today date) RETURNS boolean
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'crm_purchase_passes';
COMMENT ON FUNCTION crm._purchase_passes(crm.purchase_history, int[], date, date) IS
    'whether a day of purchase reached one of the ages, or an entry became known, after one day and up to another';
