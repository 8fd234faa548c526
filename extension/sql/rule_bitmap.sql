-- rule: sets of integers (persons, ordinals) and their algebra.

CREATE TYPE crm.bitmap;
CREATE FUNCTION crm._bitmap_in(cstring) RETURNS crm.bitmap
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'crm_bitmap_in';
CREATE FUNCTION crm._bitmap_out(crm.bitmap) RETURNS cstring
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'crm_bitmap_out';
CREATE FUNCTION crm._bitmap_recv(internal) RETURNS crm.bitmap
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'crm_bitmap_recv';
CREATE FUNCTION crm._bitmap_send(crm.bitmap) RETURNS bytea
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'crm_bitmap_send';
CREATE TYPE crm.bitmap (
    INPUT = crm._bitmap_in, OUTPUT = crm._bitmap_out, RECEIVE = crm._bitmap_recv, SEND = crm._bitmap_send,
    INTERNALLENGTH = VARIABLE, ALIGNMENT = double, STORAGE = external);
COMMENT ON TYPE crm.bitmap IS 'a set of integers from 0 to 2^62, as {1,5,4711}';
COMMENT ON FUNCTION crm._bitmap_in(cstring) IS 'text input; 22P02, 22003';
COMMENT ON FUNCTION crm._bitmap_out(crm.bitmap) IS 'text output, members ascending';
COMMENT ON FUNCTION crm._bitmap_recv(internal) IS 'binary input; 22P03 unless the bytes are a bitmap to the last bit';
COMMENT ON FUNCTION crm._bitmap_send(crm.bitmap) IS 'binary output';

CREATE FUNCTION crm.bitmap_and(a crm.bitmap, b crm.bitmap) RETURNS crm.bitmap
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'crm_bitmap_and';
COMMENT ON FUNCTION crm.bitmap_and(crm.bitmap, crm.bitmap) IS 'members of both';
CREATE FUNCTION crm.bitmap_or(a crm.bitmap, b crm.bitmap) RETURNS crm.bitmap
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'crm_bitmap_or';
COMMENT ON FUNCTION crm.bitmap_or(crm.bitmap, crm.bitmap) IS 'members of either';
CREATE FUNCTION crm.bitmap_without(a crm.bitmap, b crm.bitmap) RETURNS crm.bitmap
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'crm_bitmap_without';
COMMENT ON FUNCTION crm.bitmap_without(crm.bitmap, crm.bitmap) IS 'members of the first that the second has not';
CREATE FUNCTION crm.bitmap_equal(a crm.bitmap, b crm.bitmap) RETURNS boolean
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'crm_bitmap_equal';
COMMENT ON FUNCTION crm.bitmap_equal(crm.bitmap, crm.bitmap) IS 'whether two sets have the same members';
CREATE OPERATOR crm.& (LEFTARG = crm.bitmap, RIGHTARG = crm.bitmap, FUNCTION = crm.bitmap_and, COMMUTATOR = OPERATOR(crm.&));
CREATE OPERATOR crm.| (LEFTARG = crm.bitmap, RIGHTARG = crm.bitmap, FUNCTION = crm.bitmap_or, COMMUTATOR = OPERATOR(crm.|));
CREATE OPERATOR crm.- (LEFTARG = crm.bitmap, RIGHTARG = crm.bitmap, FUNCTION = crm.bitmap_without);
CREATE OPERATOR crm.= (LEFTARG = crm.bitmap, RIGHTARG = crm.bitmap, FUNCTION = crm.bitmap_equal, COMMUTATOR = OPERATOR(crm.=));

CREATE FUNCTION crm.bitmap_count(members crm.bitmap) RETURNS bigint
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'crm_bitmap_count';
COMMENT ON FUNCTION crm.bitmap_count(crm.bitmap) IS 'how many members';
CREATE FUNCTION crm.bitmap_has(members crm.bitmap, value bigint) RETURNS boolean
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'crm_bitmap_has';
COMMENT ON FUNCTION crm.bitmap_has(crm.bitmap, bigint) IS 'whether a value is a member';
CREATE FUNCTION crm.bitmap_members(members crm.bitmap) RETURNS SETOF bigint
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE ROWS 10000 AS 'MODULE_PATHNAME', 'crm_bitmap_members';
COMMENT ON FUNCTION crm.bitmap_members(crm.bitmap) IS 'the members, ascending';
CREATE FUNCTION crm.bitmap(members bigint[]) RETURNS crm.bitmap
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'crm_bitmap_of_array';
COMMENT ON FUNCTION crm.bitmap(bigint[]) IS 'a set of the members of an array, nulls left out; 22003';
CREATE FUNCTION crm.bitmap_array(members crm.bitmap) RETURNS bigint[]
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'crm_bitmap_to_array';
COMMENT ON FUNCTION crm.bitmap_array(crm.bitmap) IS 'the members as an array, ascending; 54000 over 134 million';

CREATE FUNCTION crm._bitmap_add(state crm.bitmap, value bigint) RETURNS crm.bitmap
    LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'crm_bitmap_add';
COMMENT ON FUNCTION crm._bitmap_add(crm.bitmap, bigint) IS 'a set with one member more';
CREATE FUNCTION crm._bitmap_merge(state crm.bitmap, members crm.bitmap) RETURNS crm.bitmap
    LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'crm_bitmap_merge';
COMMENT ON FUNCTION crm._bitmap_merge(crm.bitmap, crm.bitmap) IS 'a set with the members of another';
CREATE AGGREGATE crm.bitmap_agg(bigint) (
    SFUNC = crm._bitmap_add, STYPE = crm.bitmap, COMBINEFUNC = crm._bitmap_merge, INITCOND = '{}', PARALLEL = SAFE);
COMMENT ON AGGREGATE crm.bitmap_agg(bigint) IS 'the set of all values; empty without any';
CREATE AGGREGATE crm.bitmap_union(crm.bitmap) (
    SFUNC = crm._bitmap_merge, STYPE = crm.bitmap, COMBINEFUNC = crm._bitmap_merge, INITCOND = '{}', PARALLEL = SAFE);
COMMENT ON AGGREGATE crm.bitmap_union(crm.bitmap) IS 'the members of any; empty without any';

CREATE FUNCTION crm._bitmap_program(program int[], sets crm.bitmap[]) RETURNS bigint
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'crm_bitmap_program';
COMMENT ON FUNCTION crm._bitmap_program(int[], crm.bitmap[]) IS
    'how many members sets of one container each have put together: steps in reverse Polish order, from 0 on a set, '
    '-1 and, -2 or, -3 without; a null set is empty; 22023';

-- What statements about everybody look up for each of their rows.
CREATE FUNCTION crm._rule_map_step(state bytea, source_record_id bigint, customer_id bigint) RETURNS bytea
    LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'crm_rule_map_step';
COMMENT ON FUNCTION crm._rule_map_step(bytea, bigint, bigint) IS 'a map with one record more';
CREATE FUNCTION crm._rule_map_merge(state bytea, other bytea) RETURNS bytea
    LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'crm_rule_map_merge';
COMMENT ON FUNCTION crm._rule_map_merge(bytea, bytea) IS 'two maps as one';
CREATE AGGREGATE crm._rule_map(bigint, bigint) (
    SFUNC = crm._rule_map_step, STYPE = bytea, COMBINEFUNC = crm._rule_map_merge, PARALLEL = SAFE);
COMMENT ON AGGREGATE crm._rule_map(bigint, bigint) IS 'which person each source record belongs to, as one value';
CREATE FUNCTION crm._rule_person(map bytea, source_record_id bigint) RETURNS bigint
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'crm_rule_person';
COMMENT ON FUNCTION crm._rule_person(bytea, bigint) IS 'the person of a record by a map; null when the map has none';
CREATE FUNCTION crm._rule_shared(map bytea, records crm.bitmap) RETURNS crm.bitmap
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'crm_rule_shared';
COMMENT ON FUNCTION crm._rule_shared(bytea, crm.bitmap) IS 'who has several records by a map, or one of these';

CREATE FUNCTION crm._rule_records(persons bigint[], OUT ids bigint[], OUT map bytea) RETURNS record
    LANGUAGE c STABLE STRICT AS 'MODULE_PATHNAME', 'crm_rule_records';
COMMENT ON FUNCTION crm._rule_records(bigint[]) IS
    'the records that persons have now, and the map of them; null without any';
CREATE FUNCTION crm._rule_active(persons bigint[]) RETURNS crm.bitmap
    LANGUAGE c STABLE STRICT AS 'MODULE_PATHNAME', 'crm_rule_active';
COMMENT ON FUNCTION crm._rule_active(bigint[]) IS 'who of them is active';

CREATE FUNCTION crm._rule_streak_step(state internal, day date) RETURNS internal
    LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'crm_rule_streak_step';
COMMENT ON FUNCTION crm._rule_streak_step(internal, date) IS 'the days of rows with one more; a null is no day';
CREATE FUNCTION crm._rule_streak_final(state internal) RETURNS bigint
    LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'crm_rule_streak_final';
COMMENT ON FUNCTION crm._rule_streak_final(internal) IS 'the longest run of days one after the other, 0 of none';
CREATE AGGREGATE crm._rule_streak(day date) (
    SFUNC = crm._rule_streak_step, STYPE = internal, SSPACE = 96, FINALFUNC = crm._rule_streak_final, PARALLEL = SAFE);
COMMENT ON AGGREGATE crm._rule_streak(date) IS 'the longest run of days one after the other among the days of rows';

CREATE FUNCTION crm._rule_latest_step(state bytea, source_record_id bigint, customer_id bigint, at timestamptz,
                                      newest bigint, is_strict boolean) RETURNS bytea
    LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'crm_rule_latest_step';
COMMENT ON FUNCTION crm._rule_latest_step(bytea, bigint, bigint, timestamptz, bigint, boolean) IS
    'the newest rows of records with one row more';
CREATE FUNCTION crm._rule_latest_merge(state bytea, other bytea) RETURNS bytea
    LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'crm_rule_latest_merge';
COMMENT ON FUNCTION crm._rule_latest_merge(bytea, bytea) IS 'the newest rows of two partial walks';
CREATE FUNCTION crm._rule_latest_final(state bytea) RETURNS crm.bitmap[]
    LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'crm_rule_latest_final';
COMMENT ON FUNCTION crm._rule_latest_final(bytea) IS
    'persons with a strict newest word, and persons with none but loose ones';
CREATE AGGREGATE crm._rule_latest(bigint, bigint, timestamptz, bigint, boolean) (
    SFUNC = crm._rule_latest_step, STYPE = bytea, FINALFUNC = crm._rule_latest_final, COMBINEFUNC = crm._rule_latest_merge, PARALLEL = SAFE);
COMMENT ON AGGREGATE crm._rule_latest(bigint, bigint, timestamptz, bigint, boolean) IS
    'of rows (record, person, time, order within it, whether strict): the newest of each record decides; {strict '
    'persons, loose persons}';

GRANT EXECUTE ON FUNCTION
    crm.bitmap_and(crm.bitmap, crm.bitmap), crm.bitmap_or(crm.bitmap, crm.bitmap), crm.bitmap_without(crm.bitmap, crm.bitmap),
    crm.bitmap_equal(crm.bitmap, crm.bitmap), crm.bitmap_count(crm.bitmap), crm.bitmap_has(crm.bitmap, bigint),
    crm.bitmap_members(crm.bitmap), crm.bitmap(bigint[]), crm.bitmap_array(crm.bitmap), crm.bitmap_agg(bigint), crm.bitmap_union(crm.bitmap)
    TO crm_analyst, crm_headquarters, crm_steward, crm_marketer;
