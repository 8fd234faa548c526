-- report: persons kept packed in blocks, from which boards are answered. A commit marks whose facts or records it changed;
-- the worker writes marked persons anew, and until then boards leave the kept ones out and take fresh ones, so that a
-- figure is exact at once. Tiers, scores and scopes that change by age are found by a sweep that compares.
-- Plans hold from the first row to the last: tables are reached by key (see purchase_store.sql).

CREATE FUNCTION crm._report_record(person bigint, is_active boolean, registered_on date, tier int, tier_since date, r int, f int, net_minor bigint,
                                   scope int[], change_days date[], change_tiers int[], change_ids bigint[], days date[], stores int[], minors bigint[]) RETURNS bytea
    LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'crm_report_record';
COMMENT ON FUNCTION crm._report_record(bigint, boolean, date, int, date, int, int, bigint, int[], date[], int[], bigint[], date[], int[], bigint[]) IS
    'a person packed, what was bought in a day and store added up; null for who is no more and bought nothing; 22003 for a tier from 200 or a score from 16 on, 22023 when the parts do not fit together';
CREATE FUNCTION crm._report_put(persons bytea, gone bigint[], fresh bytea, OUT piece_no int, OUT first_id bigint, OUT piece bytea) RETURNS SETOF record
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE ROWS 2 AS 'MODULE_PATHNAME', 'crm_report_put';
COMMENT ON FUNCTION crm._report_put(bytea, bigint[], bytea) IS 'a block without some persons (ascending) and with others, in pieces of about 1,900 bytes; XX001 when it is damaged';
CREATE FUNCTION crm._report_heads(persons bytea, OUT customer_id bigint, OUT is_active boolean, OUT registered_on date, OUT tier_no int, OUT tier_since date,
                                  OUT r int, OUT f int, OUT net_minor bigint, OUT scope int[]) RETURNS SETOF record
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE ROWS 20 AS 'MODULE_PATHNAME', 'crm_report_heads';
COMMENT ON FUNCTION crm._report_heads(bytea) IS 'what a block holds of each person, visits and changes of tier apart; XX001';
CREATE FUNCTION crm._report_visits(persons bytea, OUT customer_id bigint, OUT day date, OUT store_id int, OUT net_minor bigint) RETURNS SETOF record
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE ROWS 100 AS 'MODULE_PATHNAME', 'crm_report_visits';
COMMENT ON FUNCTION crm._report_visits(bytea) IS 'what a block holds of each person''s days in stores (0: none); XX001';

CREATE FUNCTION crm._report_tally_step(cells bigint[], persons bytea, skip bigint[], kind int, stores int[], marks date[], tiers int) RETURNS bigint[]
    LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'crm_report_tally_step';
COMMENT ON FUNCTION crm._report_tally_step(bigint[], bytea, bigint[], int, int[], date[], int) IS 'step of crm._report_tally()';
CREATE FUNCTION crm._report_tally_merge(a bigint[], b bigint[]) RETURNS bigint[]
    LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'crm_report_tally_merge';
COMMENT ON FUNCTION crm._report_tally_merge(bigint[], bigint[]) IS 'two partial states of crm._report_tally() as one';
CREATE AGGREGATE crm._report_tally(persons bytea, skip bigint[], kind int, stores int[], marks date[], tiers int) (
    SFUNC = crm._report_tally_step, STYPE = bigint[], COMBINEFUNC = crm._report_tally_merge, PARALLEL = safe);
COMMENT ON AGGREGATE crm._report_tally(bytea, bigint[], int, int[], date[], int) IS
    'the cells of a question (pure/board.h) over blocks, some persons (ascending) left out; 22023 for a question that cannot be asked, 22003, XX001';
CREATE FUNCTION crm._report_pick(persons bytea, skip bigint[], kind int, stores int[], marks date[], tiers int, cell bigint, after_id bigint) RETURNS bigint[]
    LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'crm_report_pick';
COMMENT ON FUNCTION crm._report_pick(bytea, bigint[], int, int[], date[], int, bigint, bigint) IS
    'the persons of a block, behind an id, who add to a cell of a question; 22023, XX001';

CREATE FUNCTION crm._report_tiers() RETURNS text[]
    LANGUAGE plpgsql STABLE AS
$$
BEGIN
    RETURN ARRAY(SELECT t.tier FROM crm.report_tier t ORDER BY t.tier_no)
        || ARRAY(SELECT DISTINCT r.tier FROM crm.tier_rule r WHERE NOT EXISTS (SELECT FROM crm.report_tier t WHERE t.tier = r.tier) ORDER BY 1);
END
$$;
COMMENT ON FUNCTION crm._report_tiers() IS 'tiers in the order of their numbers, which begin with 0; those that no kept person has yet come last';

-- What a person bought on which day in which store, net of refunds as known today: a refund belongs to its order's store, else to its own.
CREATE FUNCTION crm._report_records(persons bigint[]) RETURNS TABLE (customer_id bigint, record bytea)
    LANGUAGE plpgsql STABLE SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_mergejoin = off AS
$$
DECLARE
    unit numeric := 10::numeric ^ crm._purchase_exponent();
    tier_names text[] := crm._report_tiers();
BEGIN
    RETURN QUERY
    WITH person AS MATERIALIZED (SELECT p.id FROM unnest(persons) p (id) GROUP BY p.id),
    bought AS MATERIALIZED (
        SELECT p.id, array_agg(e.day) AS days, array_agg(e.store_id) AS stores, array_agg(e.minor) AS minors FROM person p
        CROSS JOIN LATERAL (SELECT y.source_record_id, y.valid_to FROM crm.membership y WHERE y.customer_id = p.id OFFSET 0) m
        CROSS JOIN LATERAL (
            SELECT o.business_day AS day, coalesce(o.store_id, 0) AS store_id, (o.amount * unit)::bigint AS minor FROM crm.customer_order o
            WHERE o.source_record_id = m.source_record_id AND o.is_current AND o.business_day IS NOT NULL
            UNION ALL
            SELECT r.purchase_day, coalesce((SELECT o.store_id FROM crm.customer_order o
                                             WHERE o.source_record_id = r.source_record_id AND o.order_id = r.order_id AND o.is_current), r.store_id, 0), (-r.amount * unit)::bigint
            FROM crm.refund r WHERE r.source_record_id = m.source_record_id AND r.is_current AND r.purchase_day IS NOT NULL) e
        WHERE m.valid_to = 'infinity' GROUP BY p.id),
    changed AS MATERIALIZED (
        SELECT y.customer_id AS id, array_agg(y.changed_on) AS days, array_agg(coalesce(array_position(tier_names, y.from_tier) - 1, 0)) AS tiers, array_agg(y.change_id) AS ids
        FROM crm.tier_change y WHERE y.customer_id = ANY (persons) GROUP BY y.customer_id)
    SELECT p.id, crm._report_record(p.id, c.status = 'active', c.registered_on, coalesce(array_position(tier_names, v.tier) - 1, 0), v.tier_since,
                                    v.r::int, v.f::int, v.net_minor, c.scope_store_ids, t.days, t.tiers, t.ids, b.days, b.stores, b.minors)
    FROM person p
    CROSS JOIN LATERAL (SELECT y.status, y.registered_on, y.scope_store_ids FROM crm.customer y WHERE y.customer_id = p.id OFFSET 0) c
    LEFT JOIN LATERAL (SELECT y.tier, y.tier_since, y.r, y.f, y.net_minor FROM crm.customer_value y WHERE y.customer_id = p.id OFFSET 0) v ON true
    LEFT JOIN bought b ON b.id = p.id LEFT JOIN changed t ON t.id = p.id;
END
$$;
COMMENT ON FUNCTION crm._report_records(bigint[]) IS 'persons as they are now, packed; null for those who are no more and bought nothing';

CREATE FUNCTION crm._report_fresh(persons bigint[]) RETURNS bytea
    LANGUAGE plpgsql STABLE AS
$$
BEGIN
    RETURN coalesce((SELECT string_agg(r.record, '' ORDER BY r.customer_id) FROM crm._report_records(persons) r), '');
END
$$;
COMMENT ON FUNCTION crm._report_fresh(bigint[]) IS 'persons as they are now as one block';

CREATE FUNCTION crm._report_number_tiers(persons bigint[]) RETURNS void
    LANGUAGE plpgsql SET enable_seqscan = off AS
$$
BEGIN
    INSERT INTO crm.report_tier (tier_no, tier)
    SELECT (SELECT max(x.tier_no) FROM crm.report_tier x) + row_number() OVER (ORDER BY t.tier), t.tier
    FROM (SELECT v.tier FROM crm.customer_value v WHERE v.customer_id = ANY (persons)
          UNION SELECT h.from_tier FROM crm.tier_change h WHERE h.customer_id = ANY (persons)) t
    WHERE t.tier IS NOT NULL AND NOT EXISTS (SELECT FROM crm.report_tier x WHERE x.tier = t.tier);
END
$$;
COMMENT ON FUNCTION crm._report_number_tiers(bigint[]) IS 'gives the tiers that persons have or had a number, those that have none yet';

CREATE FUNCTION crm._report_keep(persons bigint[]) RETURNS void
    LANGUAGE plpgsql SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_mergejoin = off AS
$$
BEGIN
    PERFORM FROM crm.report_progress FOR UPDATE;
    PERFORM crm._report_number_tiers(persons);
    WITH place AS (
        SELECT p.id, (SELECT b.from_id FROM crm.report_block b WHERE b.from_id <= p.id ORDER BY b.from_id DESC LIMIT 1) AS block
        FROM unnest(persons) p (id) WHERE p.id > 0 GROUP BY p.id),
    changed AS MATERIALIZED (
        SELECT p.block, array_agg(p.id ORDER BY p.id) AS gone, coalesce(string_agg(r.record, '' ORDER BY p.id), '') AS fresh
        FROM place p LEFT JOIN crm._report_records(persons) r ON r.customer_id = p.id GROUP BY p.block),
    piece AS MATERIALIZED (
        SELECT c.block, x.piece_no, x.first_id, x.piece FROM changed c
        CROSS JOIN LATERAL (SELECT y.persons FROM crm.report_block y WHERE y.from_id = c.block OFFSET 0) b
        CROSS JOIN LATERAL crm._report_put(b.persons, c.gone, c.fresh) x),
    kept AS (
        UPDATE crm.report_block b SET persons = p.piece FROM piece p WHERE p.piece_no = 1 AND b.from_id = p.block)
    INSERT INTO crm.report_block (from_id, persons) SELECT p.first_id, p.piece FROM piece p WHERE p.piece_no > 1;
END
$$;
COMMENT ON FUNCTION crm._report_keep(bigint[]) IS 'writes persons anew into their blocks; one session at a time';

CREATE FUNCTION crm._report_mark(persons bigint[]) RETURNS void
    LANGUAGE plpgsql AS
$$
BEGIN
    INSERT INTO crm.report_mark (mark_id, customer_ids) SELECT crm._new_id(), persons WHERE cardinality(persons) > 0;
END
$$;
COMMENT ON FUNCTION crm._report_mark(bigint[]) IS 'leaves persons to the next crm._report_keep_job()';

CREATE FUNCTION crm._report_on_facts(customer_ids bigint[], kind text, is_history boolean) RETURNS void
    LANGUAGE plpgsql AS
$$
BEGIN
    IF kind IN ('order', 'refund', 'member') THEN
        PERFORM crm._report_mark(customer_ids);
    END IF;
END
$$;
COMMENT ON FUNCTION crm._report_on_facts(bigint[], text, boolean) IS 'consequence of orders, refunds and members: marks their persons in the same commit';

CREATE FUNCTION crm._report_on_membership(survivor bigint, other bigint, record_ids bigint[], kind text) RETURNS void
    LANGUAGE plpgsql AS
$$
BEGIN
    PERFORM crm._report_mark(ARRAY[survivor, other]);
END
$$;
COMMENT ON FUNCTION crm._report_on_membership(bigint, bigint, bigint[], text) IS 'consequence of records that moved: both persons are marked';

CREATE FUNCTION crm._report_on_erase(customer_id bigint) RETURNS void
    LANGUAGE plpgsql AS
$$
BEGIN
    PERFORM crm._report_mark(crm._identity_cluster(_report_on_erase.customer_id));
END
$$;
COMMENT ON FUNCTION crm._report_on_erase(bigint) IS 'consequence of erasing: the person is marked under all ids';

CREATE FUNCTION crm._report_keep_job() RETURNS bigint
    LANGUAGE plpgsql AS
$$
DECLARE
    piece CONSTANT int := 2000;
    newest bigint := (SELECT max(m.mark_id) FROM crm.report_mark m);
    persons bigint[];
BEGIN
    WITH taken AS (
        DELETE FROM crm.report_mark m WHERE m.mark_id IN (
            SELECT x.mark_id FROM (SELECT y.mark_id, sum(cardinality(y.customer_ids)) OVER (ORDER BY y.mark_id) - cardinality(y.customer_ids) AS before
                                   FROM (SELECT * FROM crm.report_mark z ORDER BY z.mark_id LIMIT piece) y) x WHERE x.before < piece)
        RETURNING m.customer_ids)
    SELECT array_agg(DISTINCT p.id) INTO persons FROM taken t, unnest(t.customer_ids) p (id);
    IF persons IS NULL THEN
        RETURN 0;
    END IF;
    PERFORM crm._report_keep(persons);
    -- what a till marks meanwhile waits for the next call, or a stream of orders would keep a core busy with a person at a time
    RETURN (SELECT count(*) FROM (SELECT FROM crm.report_mark x WHERE x.mark_id <= newest LIMIT 10000) m);
END
$$;
COMMENT ON FUNCTION crm._report_keep_job() IS 'job: writes about 2,000 marked persons anew; returns how many are left of the marks it found, counted up to 10,000';

CREATE FUNCTION crm._report_drifted(from_id bigint, to_id bigint) RETURNS SETOF bigint
    LANGUAGE plpgsql STABLE AS
$$
BEGIN
    RETURN QUERY
    SELECT coalesce(k.customer_id, c.customer_id)
    FROM (SELECT h.* FROM crm.report_block b, crm._report_heads(b.persons) h WHERE b.from_id >= _report_drifted.from_id AND b.from_id < to_id AND h.is_active) k
    FULL JOIN (SELECT x.customer_id, x.registered_on, x.scope_store_ids, coalesce(t.tier_no, 0) AS tier_no, v.tier IS NOT NULL AND t.tier_no IS NULL AS is_new,
                      v.tier_since, v.r, v.f, v.net_minor
               FROM crm.customer x LEFT JOIN crm.customer_value v ON v.customer_id = x.customer_id LEFT JOIN crm.report_tier t ON t.tier = v.tier
               WHERE x.customer_id >= _report_drifted.from_id AND x.customer_id < to_id AND x.status = 'active') c ON c.customer_id = k.customer_id
    WHERE c.customer_id IS NULL OR k.customer_id IS NULL OR c.is_new
       OR (k.registered_on, k.tier_no, k.tier_since, k.r, k.f, k.net_minor, k.scope)
          IS DISTINCT FROM (c.registered_on, c.tier_no, coalesce(c.tier_since, '2000-01-01'), coalesce(c.r, 0)::int, coalesce(c.f, 0)::int, coalesce(c.net_minor, 0), c.scope_store_ids);
END
$$;
COMMENT ON FUNCTION crm._report_drifted(bigint, bigint) IS
    'persons between two ids that begin blocks whose tier, scores, net, stores or being there are not as kept';

CREATE FUNCTION crm._report_sweep_job() RETURNS bigint
    LANGUAGE plpgsql AS
$$
DECLARE
    piece CONSTANT int := 1000;     -- blocks
    since bigint := (SELECT p.swept_to FROM crm.report_progress p);
    until bigint := (SELECT b.from_id FROM crm.report_block b WHERE b.from_id >= since ORDER BY b.from_id OFFSET piece LIMIT 1);
BEGIN
    PERFORM crm._report_mark(ARRAY(SELECT crm._report_drifted(since, coalesce(until, 9223372036854775807))));
    UPDATE crm.report_progress p SET swept_to = coalesce(until, 0);
    RETURN CASE WHEN until IS NULL THEN 0 ELSE 1 END;
END
$$;
COMMENT ON FUNCTION crm._report_sweep_job() IS
    'job: compares a thousand blocks with tiers, scores, nets and scopes as they are and marks who differs; returns > 0 until all were compared';

CREATE FUNCTION crm.report_rebuild() RETURNS bigint
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
DECLARE
    piece CONSTANT int := 5000;
    after_id bigint := 0;
    persons bigint[];
    kept bigint := 0;
BEGIN
    PERFORM FROM crm.report_progress FOR UPDATE;
    DELETE FROM crm.report_mark;
    DELETE FROM crm.report_block;
    DELETE FROM crm.report_tier t WHERE t.tier_no > 0;
    INSERT INTO crm.report_block (from_id, persons) VALUES (0, '');
    LOOP
        persons := ARRAY(SELECT c.customer_id FROM crm.customer c WHERE c.customer_id > after_id ORDER BY c.customer_id LIMIT piece);
        EXIT WHEN cardinality(persons) = 0;
        PERFORM crm._report_keep(persons);
        kept := kept + cardinality(persons);
        after_id := persons[cardinality(persons)];
    END LOOP;
    RETURN kept;
END
$$;
COMMENT ON FUNCTION crm.report_rebuild() IS
    'keeps the figures of boards anew from orders, refunds, records and tiers; needed only after tables were mended by hand; returns how many persons were looked at';
GRANT EXECUTE ON FUNCTION crm.report_rebuild() TO crm_headquarters, crm_admin;

-- Questions.
CREATE FUNCTION crm._report_kind(kind text) RETURNS int
    LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
$$ SELECT array_position('{span,health,map,moves,cohorts,cycle,stores,indicators}'::text[], kind) $$;
COMMENT ON FUNCTION crm._report_kind(text) IS 'the number of a question in pure/board.h';

CREATE FUNCTION crm._report_waiting() RETURNS bigint[]
    LANGUAGE plpgsql STABLE AS
$$
DECLARE
    most int := (crm._setting('report.most_waiting') #>> '{}')::int;
BEGIN
    IF (SELECT sum(cardinality(m.customer_ids)) FROM (SELECT x.customer_ids FROM crm.report_mark x LIMIT most + 1) m) > most THEN
        RETURN '{}';
    END IF;
    RETURN ARRAY(SELECT DISTINCT p.id FROM crm.report_mark m, unnest(m.customer_ids) p (id) ORDER BY 1);
END
$$;
COMMENT ON FUNCTION crm._report_waiting() IS 'marked persons, ascending; nobody while more wait than a board looks at by itself (report.most_waiting)';

CREATE FUNCTION crm._report_ask(kind text, stores int[], marks date[]) RETURNS bigint[]
    LANGUAGE plpgsql STABLE SET jit = off AS
$$
DECLARE
    waiting bigint[] := crm._report_waiting();
    kind_no int := crm._report_kind(kind);
    tiers int := cardinality(crm._report_tiers());
BEGIN
    RETURN (SELECT crm._report_tally(x.persons, x.skip, kind_no, stores, marks, tiers)
            FROM (SELECT b.persons, waiting AS skip FROM crm.report_block b
                  UNION ALL SELECT crm._report_fresh(waiting), '{}' WHERE waiting <> '{}') x);
END
$$;
COMMENT ON FUNCTION crm._report_ask(text, int[], date[]) IS
    'the cells of a question over everybody (stores null: the chain), with marked persons as they are now; 22023 when it cannot be asked';

CREATE FUNCTION crm._report_page(kind text, stores int[], marks date[], cell bigint, after_id bigint, row_limit int) RETURNS SETOF bigint
    LANGUAGE plpgsql STABLE SET jit = off SET enable_seqscan = off SET enable_sort = on AS
$$
DECLARE
    waiting bigint[] := crm._report_waiting();
    kind_no int := crm._report_kind(kind);
    tiers int := cardinality(crm._report_tiers());
    block bigint := (SELECT b.from_id FROM crm.report_block b WHERE b.from_id <= greatest(after_id, 0) ORDER BY b.from_id DESC LIMIT 1);
BEGIN
    RETURN QUERY
    SELECT u.id FROM (
        (SELECT p.id FROM (SELECT b.from_id, b.persons FROM crm.report_block b WHERE b.from_id >= block ORDER BY b.from_id OFFSET 0) b,
             unnest(crm._report_pick(b.persons, waiting, kind_no, stores, marks, tiers, cell, after_id)) p (id) LIMIT row_limit)
        UNION ALL
        SELECT p.id FROM unnest(crm._report_pick(crm._report_fresh(waiting), '{}', kind_no, stores, marks, tiers, cell, after_id)) p (id)) u
    ORDER BY u.id LIMIT row_limit;
END
$$;
COMMENT ON FUNCTION crm._report_page(text, int[], date[], bigint, bigint, int) IS 'persons behind an id who add to a cell of a question, ascending';

-- Check.
CREATE FUNCTION crm._report_check_visits() RETURNS TABLE (room text, what text, expected text, found text)
    LANGUAGE plpgsql STABLE AS
$$
DECLARE
    exponent int := crm._purchase_exponent();
BEGIN
    RETURN QUERY
    WITH entry AS (
        SELECT o.source_record_id, o.business_day AS day, coalesce(o.store_id, 0) AS store_id, o.amount FROM crm.customer_order o WHERE o.is_current AND o.business_day IS NOT NULL
        UNION ALL
        SELECT r.source_record_id, r.purchase_day, coalesce(o.store_id, r.store_id, 0), -r.amount FROM crm.refund r
        LEFT JOIN crm.customer_order o ON o.source_record_id = r.source_record_id AND o.order_id = r.order_id AND o.is_current
        WHERE r.is_current AND r.purchase_day IS NOT NULL),
    wanted AS (
        SELECT m.customer_id, e.day, e.store_id, crm._purchase_minor(sum(e.amount), exponent) AS net_minor FROM entry e
        JOIN crm.membership m ON m.source_record_id = e.source_record_id AND m.valid_to = 'infinity'
        GROUP BY 1, 2, 3 HAVING sum(e.amount) <> 0),
    kept AS (
        SELECT v.customer_id, v.day, v.store_id, v.net_minor FROM crm.report_block b, crm._report_visits(b.persons) v)
    SELECT 'report', format('person %s on %s in store %s', coalesce(w.customer_id, k.customer_id), coalesce(w.day, k.day), coalesce(w.store_id, k.store_id)),
           coalesce(w.net_minor::text, 'nothing'), coalesce(k.net_minor::text, 'nothing')
    FROM wanted w FULL JOIN kept k ON k.customer_id = w.customer_id AND k.day = w.day AND k.store_id = w.store_id
    WHERE w.net_minor IS DISTINCT FROM k.net_minor
      AND NOT EXISTS (SELECT FROM crm.report_mark m WHERE coalesce(w.customer_id, k.customer_id) = ANY (m.customer_ids))
    ORDER BY 2 LIMIT 1000;
END
$$;
COMMENT ON FUNCTION crm._report_check_visits() IS 'what is kept of days and stores beside orders and refunds themselves; a row a difference, at most 1,000; who is marked is left out';

CREATE FUNCTION crm.report_check() RETURNS TABLE (room text, what text, expected text, found text)
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp SET jit = off AS
$$
BEGIN
    RETURN QUERY SELECT v.room, v.what, v.expected, v.found FROM crm._report_check_visits() v;
    RETURN QUERY
    WITH block AS (SELECT b.from_id, b.persons, lead(b.from_id) OVER (ORDER BY b.from_id) AS next_id FROM crm.report_block b)
    SELECT 'report', format('block from %s', b.from_id), format('persons below %s, each once', coalesce(b.next_id::text, 'any')), format('person %s', h.customer_id)
    FROM block b, LATERAL (SELECT x.customer_id, lag(x.customer_id) OVER (ORDER BY x.place) AS before
                           FROM crm._report_heads(b.persons) WITH ORDINALITY x (customer_id, is_active, registered_on, tier_no, tier_since, r, f, net_minor, scope, place)) h
    WHERE h.customer_id < b.from_id OR h.customer_id >= b.next_id OR h.customer_id <= h.before ORDER BY b.from_id LIMIT 1000;
END
$$;
COMMENT ON FUNCTION crm.report_check() IS
    'what boards keep of everybody beside orders and refunds themselves, and whether each person is kept once, where it belongs; no row: nothing differs. Tiers, scores and scopes are compared, and mended, by the sweep';
GRANT EXECUTE ON FUNCTION crm.report_check() TO crm_headquarters, crm_admin;
