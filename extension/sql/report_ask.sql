-- report: questions about everybody (pure/board_ask.c). What boards ask every day is kept as an answer, which the
-- worker moves by each person it writes anew; any other question walks the blocks. Marked persons are taken as they
-- are now in both.

CREATE FUNCTION crm._report_count_waiting(newest bigint, most int) RETURNS bigint
    LANGUAGE plpgsql STABLE AS
$$
BEGIN
    -- a mark names somebody, so as many marks as persons are asked about hold enough of them
    RETURN (SELECT least(coalesce(sum(cardinality(m.customer_ids)), 0), most)
            FROM (SELECT x.customer_ids FROM crm.report_mark x WHERE x.mark_id <= newest ORDER BY x.mark_id LIMIT most) m);
END
$$;
COMMENT ON FUNCTION crm._report_count_waiting(bigint, int) IS
    'persons in marks up to one, counted up to so many; who is marked twice counts twice';

CREATE FUNCTION crm._report_is_flood(newest bigint) RETURNS boolean
    LANGUAGE plpgsql STABLE AS
$$
DECLARE
    flood CONSTANT int := 100000;   -- persons: they cost an answer about what a walk costs
BEGIN
    RETURN crm._report_count_waiting(newest, flood) = flood;
END
$$;
COMMENT ON FUNCTION crm._report_is_flood(bigint) IS
    'whether so many persons wait in marks up to one that answers are sooner made anew behind them than moved by '
    'each';

CREATE FUNCTION crm._report_waiting() RETURNS bigint[]
    LANGUAGE plpgsql STABLE AS
$$
DECLARE
    most int := (crm._setting('report.most_waiting') #>> '{}')::int;
BEGIN
    IF crm._report_count_waiting(9223372036854775807, most + 1) > most THEN
        RETURN '{}';
    END IF;
    RETURN ARRAY(SELECT DISTINCT p.id FROM crm.report_mark m, unnest(m.customer_ids) p (id) ORDER BY 1);
END
$$;
COMMENT ON FUNCTION crm._report_waiting() IS
    'marked persons, ascending; nobody while more wait than a board looks at by itself (report.most_waiting)';

CREATE FUNCTION crm._report_ask(kind text, stores int[], marks date[]) RETURNS bigint[]
    LANGUAGE plpgsql STABLE SET jit = off AS
$$
DECLARE
    waiting bigint[] := crm._report_waiting();
    kind_no int := crm._report_kind(kind);
    tier_count int := cardinality(crm._report_tiers());
    kept bigint[] := (SELECT a.cells FROM crm.report_answer a
                      WHERE a.question = crm._report_question(kind_no, _report_ask.stores IS NULL,
                              coalesce(_report_ask.stores, '{}'), _report_ask.marks) AND a.tiers = tier_count);
BEGIN
    IF kept IS NULL THEN
        RETURN (SELECT crm._report_tally(x.persons, x.skip, kind_no, stores, marks, tier_count)
                FROM (SELECT b.persons, waiting AS skip FROM crm.report_block b
                      UNION ALL SELECT crm._report_fresh(waiting), '{}' WHERE waiting <> '{}') x);
    ELSIF waiting = '{}' THEN
        RETURN kept;
    END IF;
    RETURN crm._report_moved(kept, (SELECT crm._report_tally(x.persons, '{}', kind_no, stores, marks, tier_count)
                             FROM (SELECT crm._report_fresh(waiting) AS persons) x),
                             (SELECT crm._report_tally(x.persons, '{}', kind_no, stores, marks, tier_count)
                                 FROM (SELECT crm._report_kept(waiting) AS persons) x));
END
$$;
COMMENT ON FUNCTION crm._report_ask(text, int[], date[]) IS
    'the cells of a question over everybody (stores null: the chain; of groups: a store, its group from 0 on, the '
    'next store ...), with marked persons as they are now; 22023 when it cannot be asked';

CREATE FUNCTION crm._report_places() RETURNS TABLE (is_chain boolean, stores int[])
    LANGUAGE plpgsql STABLE AS
$$
BEGIN
    RETURN QUERY
    SELECT p.is_chain, p.stores FROM (
        SELECT 1, 0, true, '{}'::int[]
        UNION ALL SELECT 2, s.region_id, false, array_agg(s.store_id ORDER BY s.store_id) FROM crm.store s GROUP BY s.region_id
        UNION ALL SELECT 3, s.store_id, false, ARRAY[s.store_id] FROM crm.store s) p (rank, no, is_chain, stores)
    GROUP BY p.is_chain, p.stores ORDER BY min(p.rank), min(p.no) LIMIT (crm._setting('report.most_places') #>> '{}')::int;
END
$$;
COMMENT ON FUNCTION crm._report_places() IS
    'the chain, regions and stores whose boards are kept answered (report.most_places)';

CREATE FUNCTION crm._report_standing(today date) RETURNS TABLE (question bytea, kind int, is_chain boolean, stores int[], marks date[])
    LANGUAGE plpgsql STABLE AS
$$
DECLARE
    months date[] := crm._report_starts(date_trunc('month', today - 365)::date, today, 'month');
BEGIN
    RETURN QUERY
    SELECT crm._report_question(k.no, a.is_chain, a.stores, a.marks), k.no, a.is_chain, a.stores, a.marks
    FROM (SELECT q.kind, p.is_chain, p.stores, q.marks FROM crm._report_places() p, (VALUES
              ('health', ARRAY[today]), ('map', '{}'), ('moves', ARRAY[today - 90]),
                  ('cohorts', months || (today + 1)), ('periods', crm._report_kept_months(today)),
              ('periods', crm._report_panel_days(today)), ('frequency', ARRAY[today - 364, today])) q (kind, marks)
          UNION ALL
          SELECT 'stores', false, ARRAY(SELECT s.store_id FROM crm.store s ORDER BY s.store_id),
              ARRAY[today - 90, today]) a (kind, is_chain, stores, marks)
    CROSS JOIN LATERAL crm._report_kind(a.kind) k (no);
END
$$;
COMMENT ON FUNCTION crm._report_standing(date) IS
    'the questions that boards open with on a local day: the answers that are kept';

CREATE FUNCTION crm._report_answers_job() RETURNS bigint
    LANGUAGE plpgsql SET jit = off AS
$$
DECLARE
    now_tiers int := cardinality(crm._report_tiers());
    wanted record;
BEGIN
    IF crm._report_is_flood(9223372036854775807) THEN
        RETURN 0;       -- what is kept of persons is about to change altogether
    END IF;
    PERFORM FROM crm.report_progress FOR UPDATE;
    DELETE FROM crm.report_answer a WHERE a.tiers <> now_tiers
        OR a.question NOT IN (SELECT s.question FROM crm._report_standing(crm._report_today()) s);
    SELECT s.* INTO wanted FROM crm._report_standing(crm._report_today()) s
        WHERE s.question NOT IN (SELECT a.question FROM crm.report_answer a) LIMIT 1;
    IF NOT FOUND THEN
        RETURN 0;
    END IF;
    INSERT INTO crm.report_answer (question, kind, marks, is_chain, stores, tiers, cells)
    SELECT wanted.question, wanted.kind, wanted.marks, wanted.is_chain, wanted.stores, now_tiers,
           crm._report_tally(b.persons, '{}', wanted.kind, crm._report_asked_stores(wanted.is_chain, wanted.stores),
                   wanted.marks, now_tiers) FROM crm.report_block b;
    RETURN 1;
END
$$;
COMMENT ON FUNCTION crm._report_answers_job() IS
    'job: drops kept answers that no board of today opens with, and answers one question that is not answered yet; '
    'returns > 0 until all are';

CREATE FUNCTION crm._report_page(kind text, stores int[], marks date[], cells bigint[], after_id bigint, row_limit int) RETURNS SETOF bigint
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
             unnest(crm._report_pick(b.persons, waiting, kind_no, stores, marks, tiers, cells, after_id)) p (id) LIMIT row_limit)
        UNION ALL
        SELECT p.id FROM unnest(crm._report_pick(crm._report_fresh(waiting), '{}', kind_no, stores, marks, tiers, cells, after_id)) p (id)) u
    ORDER BY u.id LIMIT row_limit;
END
$$;
COMMENT ON FUNCTION crm._report_page(text, int[], date[], bigint[], bigint, int) IS
    'persons behind an id who add to any of some cells of a question, ascending';

-- Check.
CREATE FUNCTION crm._report_check_visits() RETURNS TABLE (room text, what text, expected text, found text)
    LANGUAGE plpgsql STABLE AS
$$
DECLARE
    exponent int := crm._purchase_exponent();
BEGIN
    RETURN QUERY
    WITH entry AS (
        SELECT o.source_record_id, o.business_day AS day, coalesce(o.store_id, 0) AS store_id, o.amount
            FROM crm.customer_order o WHERE o.is_current AND o.business_day IS NOT NULL
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
    SELECT 'report', format('person %s on %s in store %s', coalesce(w.customer_id, k.customer_id),
            coalesce(w.day, k.day), coalesce(w.store_id, k.store_id)),
           coalesce(w.net_minor::text, 'nothing'), coalesce(k.net_minor::text, 'nothing')
    FROM wanted w FULL JOIN kept k ON k.customer_id = w.customer_id AND k.day = w.day AND k.store_id = w.store_id
    WHERE w.net_minor IS DISTINCT FROM k.net_minor
      AND NOT EXISTS (SELECT FROM crm.report_mark m WHERE coalesce(w.customer_id, k.customer_id) = ANY (m.customer_ids))
    ORDER BY 2 LIMIT 1000;
END
$$;
COMMENT ON FUNCTION crm._report_check_visits() IS
    'what is kept of days and stores beside orders and refunds themselves; a row a difference, at most 1,000; who '
    'is marked is left out';

CREATE FUNCTION crm._report_check_answers() RETURNS TABLE (room text, what text, expected text, found text)
    LANGUAGE plpgsql STABLE AS
$$
BEGIN
    RETURN QUERY
    SELECT 'report', format('kept answer to question %s of stores %s, days %s', a.kind, CASE
            WHEN a.is_chain THEN 'all' ELSE a.stores::text END, a.marks), w.cells::text, a.cells::text
    FROM crm.report_answer a CROSS JOIN LATERAL (
        SELECT crm._report_tally(b.persons, '{}', a.kind, crm._report_asked_stores(a.is_chain, a.stores), a.marks,
                a.tiers) AS cells FROM crm.report_block b) w
    WHERE a.tiers = cardinality(crm._report_tiers()) AND w.cells <> a.cells ORDER BY 2 LIMIT 1000;
END
$$;
COMMENT ON FUNCTION crm._report_check_answers() IS 'kept answers beside a walk over all blocks; a row a difference';

CREATE FUNCTION crm.report_check() RETURNS TABLE (room text, what text, expected text, found text)
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp SET jit = off AS
$$
BEGIN
    RETURN QUERY SELECT v.room, v.what, v.expected, v.found FROM crm._report_check_visits() v;
    RETURN QUERY SELECT v.room, v.what, v.expected, v.found FROM crm._report_check_answers() v;
    RETURN QUERY
    WITH block AS (SELECT b.from_id, b.persons, lead(b.from_id) OVER (ORDER BY b.from_id) AS next_id FROM crm.report_block b)
    SELECT 'report', format('block from %s', b.from_id),
        format('persons below %s, each once', coalesce(b.next_id::text, 'any')), format('person %s', h.customer_id)
    FROM block b, LATERAL (SELECT x.customer_id, lag(x.customer_id) OVER (ORDER BY x.place) AS before
                           FROM crm._report_heads(b.persons) WITH ORDINALITY x (customer_id, is_active, registered_on,
                               tier_no, tier_since, r, f, net_minor, scope, place)) h
    WHERE h.customer_id < b.from_id OR h.customer_id >= b.next_id OR h.customer_id <= h.before ORDER BY b.from_id LIMIT 1000;
END
$$;
COMMENT ON FUNCTION crm.report_check() IS
    'what boards keep of everybody beside orders and refunds themselves, and whether each person is kept once, '
    'where it belongs; no row: nothing differs. Tiers, scores and scopes are compared, and mended, by the sweep';
GRANT EXECUTE ON FUNCTION crm.report_check() TO crm_headquarters, crm_admin;
