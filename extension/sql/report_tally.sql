-- report: persons packed (pure/board.h) and what is asked of them, in C; and the answers that are kept to what boards
-- ask every day: cells of sums, which move by the persons that are written anew.

CREATE FUNCTION crm._report_record(person bigint, is_active boolean, registered_on date, tier int, tier_since date, r int, f int, net_minor bigint,
                                   scope int[], change_days date[], change_tiers int[], change_ids bigint[],
                                           days date[], stores int[], minors bigint[]) RETURNS bytea
    LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'crm_report_record';
COMMENT ON FUNCTION crm._report_record(bigint, boolean, date, int, date, int, int, bigint, int[], date[], int[], bigint[], date[], int[], bigint[]) IS
    'a person packed, what was bought in a day and store added up; null for who is no more and bought nothing; '
    '22003 for a tier from 200 or a score from 16 on, 22023 when the parts do not fit together';
CREATE FUNCTION crm._report_put(persons bytea, gone bigint[], fresh bytea, OUT piece_no int, OUT first_id bigint,
                                OUT piece bytea) RETURNS SETOF record
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE ROWS 2 AS 'MODULE_PATHNAME', 'crm_report_put';
COMMENT ON FUNCTION crm._report_put(bytea, bigint[], bytea) IS
    'a block without some persons (ascending) and with others, in pieces of about 1,900 bytes; XX001 when it is '
    'damaged';
CREATE FUNCTION crm._report_take(persons bytea, wanted bigint[]) RETURNS bytea
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'crm_report_take';
COMMENT ON FUNCTION crm._report_take(bytea, bigint[]) IS 'some persons (ascending) of a block as a block; XX001';
CREATE FUNCTION crm._report_heads(persons bytea, OUT customer_id bigint, OUT is_active boolean,
                                  OUT registered_on date, OUT tier_no int, OUT tier_since date,
                                  OUT r int, OUT f int, OUT net_minor bigint, OUT scope int[]) RETURNS SETOF record
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE ROWS 20 AS 'MODULE_PATHNAME', 'crm_report_heads';
COMMENT ON FUNCTION crm._report_heads(bytea) IS
    'what a block holds of each person, visits and changes of tier apart; XX001';
CREATE FUNCTION crm._report_visits(persons bytea, OUT customer_id bigint, OUT day date, OUT store_id int, OUT net_minor bigint) RETURNS SETOF record
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE ROWS 100 AS 'MODULE_PATHNAME', 'crm_report_visits';
COMMENT ON FUNCTION crm._report_visits(bytea) IS 'what a block holds of each person''s days in stores (0: none); XX001';

CREATE FUNCTION crm._report_tally_step(cells bigint[], persons bytea, skip bigint[], kind int, stores int[], marks date[], tiers int) RETURNS bigint[]
    LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'crm_report_tally_step';
COMMENT ON FUNCTION crm._report_tally_step(bigint[], bytea, bigint[], int, int[], date[], int) IS
    'step of crm._report_tally()';
CREATE FUNCTION crm._report_tally_merge(a bigint[], b bigint[]) RETURNS bigint[]
    LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'crm_report_tally_merge';
COMMENT ON FUNCTION crm._report_tally_merge(bigint[], bigint[]) IS 'two partial states of crm._report_tally() as one';
CREATE AGGREGATE crm._report_tally(persons bytea, skip bigint[], kind int, stores int[], marks date[], tiers int) (
    SFUNC = crm._report_tally_step, STYPE = bigint[], COMBINEFUNC = crm._report_tally_merge, PARALLEL = safe);
COMMENT ON AGGREGATE crm._report_tally(bytea, bigint[], int, int[], date[], int) IS
    'the cells of a question (pure/board.h) over blocks, some persons (ascending) left out; 22023 for a question '
    'that cannot be asked, 22003, XX001';
CREATE FUNCTION crm._report_pick(persons bytea, skip bigint[], kind int, stores int[], marks date[], tiers int,
                                 cells bigint[], after_id bigint) RETURNS bigint[]
    LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'crm_report_pick';
COMMENT ON FUNCTION crm._report_pick(bytea, bigint[], int, int[], date[], int, bigint[], bigint) IS
    'the persons of a block, behind an id, who add to any of some cells of a question; 22023, XX001';

CREATE FUNCTION crm._report_moved(cells bigint[], added bigint[], removed bigint[]) RETURNS bigint[]
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'crm_report_moved';
COMMENT ON FUNCTION crm._report_moved(bigint[], bigint[], bigint[]) IS
    'cells of a question with what persons add to them now, without what they added; 22023, 22003';

CREATE FUNCTION crm._report_kind(kind text) RETURNS int
    LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
$$ SELECT array_position('{span,health,map,moves,cohorts,cycle,stores,indicators,periods,frequency,groups,scope}'::text[], kind) $$;
COMMENT ON FUNCTION crm._report_kind(text) IS 'the number of a question in pure/board.h';

CREATE FUNCTION crm._report_tiers() RETURNS text[]
    LANGUAGE plpgsql STABLE AS
$$
BEGIN
    RETURN ARRAY(SELECT t.tier FROM crm.report_tier t ORDER BY t.tier_no)
        || ARRAY(SELECT DISTINCT r.tier FROM crm.tier_rule r WHERE NOT EXISTS (SELECT FROM crm.report_tier t WHERE t.tier = r.tier) ORDER BY 1);
END
$$;
COMMENT ON FUNCTION crm._report_tiers() IS
    'tiers in the order of their numbers, which begin with 0; those that no kept person has yet come last';

CREATE FUNCTION crm._report_asked_stores(is_chain boolean, stores int[]) RETURNS int[]
    LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$ SELECT CASE WHEN NOT is_chain THEN stores END $$;
COMMENT ON FUNCTION crm._report_asked_stores(boolean, int[]) IS 'stores as a question takes them: null for the chain';

CREATE FUNCTION crm._report_question(kind int, is_chain boolean, stores int[], marks date[]) RETURNS bytea
    LANGUAGE sql STABLE PARALLEL SAFE AS $$ SELECT crm._sha256(convert_to(jsonb_build_array(kind, is_chain, stores, marks)::text, 'UTF8')) $$;
COMMENT ON FUNCTION crm._report_question(int, boolean, int[], date[]) IS
    'the key of a kept answer: SHA-256 of what is asked, so two questions do not share one';

CREATE FUNCTION crm._report_answers_move(removed bytea, added bytea) RETURNS void
    LANGUAGE plpgsql AS
$$
DECLARE
    now_tiers int := cardinality(crm._report_tiers());
BEGIN
    -- cells are laid out by the number of tiers
    DELETE FROM crm.report_answer a WHERE a.tiers <> now_tiers;
    UPDATE crm.report_answer a SET cells = crm._report_moved(a.cells, n.added, n.removed)
    FROM (SELECT x.question,
                 (SELECT crm._report_tally(v.persons, '{}', x.kind, crm._report_asked_stores(x.is_chain, x.stores),
                             x.marks, x.tiers) FROM (VALUES (_report_answers_move.added)) v (persons)) AS added,
                 (SELECT crm._report_tally(v.persons, '{}', x.kind, crm._report_asked_stores(x.is_chain, x.stores),
                             x.marks, x.tiers) FROM (VALUES (_report_answers_move.removed)) v (persons)) AS removed
          FROM crm.report_answer x OFFSET 0) n
    WHERE a.question = n.question AND n.added <> n.removed;
END
$$;
COMMENT ON FUNCTION crm._report_answers_move(bytea, bytea) IS
    'kept answers after persons (as they were, as they are) were written anew; whoever calls holds the lock of '
    'blocks';
