-- report: persons kept packed in blocks, from which boards are answered. A commit marks whose facts or records it changed;
-- the worker writes marked persons anew, and until then boards leave the kept ones out and take fresh ones, so that a
-- figure is exact at once. Tiers, scores and scopes that change by age are found by a sweep that compares.
-- Plans hold from the first row to the last: tables are reached by key (see purchase_store.sql).

-- What a person bought on which day in which store, net of refunds as known today: a refund belongs to its order's
-- store, else to its own.
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
                                             WHERE o.source_record_id = r.source_record_id AND o.order_id = r.order_id
                                                         AND o.is_current), r.store_id, 0), (-r.amount * unit)::bigint
            FROM crm.refund r WHERE r.source_record_id = m.source_record_id AND r.is_current AND r.purchase_day IS NOT NULL) e
        WHERE m.valid_to = 'infinity' GROUP BY p.id),
    changed AS MATERIALIZED (
        SELECT y.customer_id AS id, array_agg(y.changed_on) AS days,
            array_agg(coalesce(array_position(tier_names, y.from_tier) - 1, 0)) AS tiers,
            array_agg(y.change_id) AS ids
        FROM crm.tier_change y WHERE y.customer_id = ANY (persons) GROUP BY y.customer_id)
    SELECT p.id, crm._report_record(p.id, c.status = 'active', c.registered_on, coalesce(array_position(tier_names, v.tier) - 1, 0), v.tier_since,
                                    v.r::int, v.f::int, v.net_minor, c.scope_store_ids, t.days, t.tiers, t.ids, b.days, b.stores, b.minors)
    FROM person p
    CROSS JOIN LATERAL (SELECT y.status, y.registered_on, y.scope_store_ids FROM crm.customer y WHERE y.customer_id = p.id OFFSET 0) c
    LEFT JOIN LATERAL (SELECT y.tier, y.tier_since, y.r, y.f, y.net_minor FROM crm.customer_value y WHERE y.customer_id = p.id OFFSET 0) v ON true
    LEFT JOIN bought b ON b.id = p.id LEFT JOIN changed t ON t.id = p.id;
END
$$;
COMMENT ON FUNCTION crm._report_records(bigint[]) IS
    'persons as they are now, packed; null for those who are no more and bought nothing';

CREATE FUNCTION crm._report_fresh(persons bigint[]) RETURNS bytea
    LANGUAGE plpgsql STABLE AS
$$
BEGIN
    RETURN coalesce((SELECT string_agg(r.record, '' ORDER BY r.customer_id) FROM crm._report_records(persons) r), '');
END
$$;
COMMENT ON FUNCTION crm._report_fresh(bigint[]) IS 'persons as they are now as one block';

CREATE FUNCTION crm._report_kept(persons bigint[]) RETURNS bytea
    LANGUAGE plpgsql STABLE SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_mergejoin = off AS
$$
DECLARE
    wanted bigint[] := ARRAY(SELECT p.id FROM unnest(persons) p (id) GROUP BY p.id ORDER BY p.id);
BEGIN
    RETURN coalesce((
        SELECT string_agg(crm._report_take(b.persons, wanted), '' ORDER BY b.from_id)
        FROM (SELECT DISTINCT (SELECT y.from_id FROM crm.report_block y WHERE y.from_id <= p.id
                ORDER BY y.from_id DESC LIMIT 1) AS block FROM unnest(wanted) p (id)) x
        CROSS JOIN LATERAL (SELECT y.from_id, y.persons FROM crm.report_block y WHERE y.from_id = x.block OFFSET 0) b), '');
END
$$;
COMMENT ON FUNCTION crm._report_kept(bigint[]) IS 'persons as they are kept, as one block';

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
COMMENT ON FUNCTION crm._report_number_tiers(bigint[]) IS
    'gives the tiers that persons have or had a number, those that have none yet';

CREATE FUNCTION crm._report_keep(persons bigint[]) RETURNS void
    LANGUAGE plpgsql SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_mergejoin = off AS
$$
DECLARE
    were bytea;
    are bytea;
BEGIN
    PERFORM FROM crm.report_progress FOR UPDATE;
    PERFORM crm._report_number_tiers(persons);
    were := crm._report_kept(persons);
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
        UPDATE crm.report_block b SET persons = p.piece FROM piece p WHERE p.piece_no = 1 AND b.from_id = p.block),
    added AS (
        INSERT INTO crm.report_block (from_id, persons) SELECT p.first_id, p.piece FROM piece p WHERE p.piece_no > 1)
    SELECT coalesce(string_agg(c.fresh, '' ORDER BY c.block), '') INTO are FROM changed c;
    PERFORM crm._report_answers_move(were, are);
END
$$;
COMMENT ON FUNCTION crm._report_keep(bigint[]) IS
    'writes persons anew into their blocks and moves the kept answers by them; one session at a time';

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
COMMENT ON FUNCTION crm._report_on_facts(bigint[], text, boolean) IS
    'consequence of orders, refunds and members: marks their persons in the same commit';

CREATE FUNCTION crm._report_on_membership(survivor bigint, other bigint, record_ids bigint[], kind text) RETURNS void
    LANGUAGE plpgsql AS
$$
BEGIN
    PERFORM crm._report_mark(ARRAY[survivor, other]);
END
$$;
COMMENT ON FUNCTION crm._report_on_membership(bigint, bigint, bigint[], text) IS
    'consequence of records that moved: both persons are marked';

CREATE FUNCTION crm._report_on_erase(customer_id bigint) RETURNS void
    LANGUAGE plpgsql AS
$$
DECLARE
    forgotten CONSTANT bigint[] := crm._identity_cluster(_report_on_erase.customer_id);
BEGIN
    PERFORM crm._report_mark(forgotten);
    IF customer_id = crm._identity_current(customer_id) THEN    -- once for all ids
        PERFORM FROM crm.report_portrait_progress p
            FOR UPDATE; -- a piece that is being written is waited for, and another erasure that goes along the sets
        UPDATE crm.report_portrait_set k SET ids = k.ids OPERATOR(crm.-) crm.bitmap(forgotten)
        WHERE crm.bitmap_count(k.ids OPERATOR(crm.&) crm.bitmap(forgotten)) > 0;
        PERFORM FROM crm.report_group_progress p FOR UPDATE;
        UPDATE crm.report_path_set k SET ids = k.ids OPERATOR(crm.-) crm.bitmap(forgotten)
        WHERE crm.bitmap_count(k.ids OPERATOR(crm.&) crm.bitmap(forgotten)) > 0;
        UPDATE crm.report_group_set k SET ids = k.ids OPERATOR(crm.-) crm.bitmap(forgotten)
        WHERE crm.bitmap_count(k.ids OPERATOR(crm.&) crm.bitmap(forgotten)) > 0;
    END IF;
END
$$;
COMMENT ON FUNCTION crm._report_on_erase(bigint) IS
    'consequence of erasing: the person is marked under all ids, and in no portrait, no path and no set of a night '
    'any more';

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
            SELECT x.mark_id FROM (SELECT y.mark_id,
                                   sum(cardinality(y.customer_ids)) OVER (ORDER BY y.mark_id)
                                   - cardinality(y.customer_ids) AS before
                                   FROM (SELECT * FROM crm.report_mark z ORDER BY z.mark_id LIMIT piece) y) x WHERE x.before < piece)
        RETURNING m.customer_ids)
    SELECT array_agg(DISTINCT p.id) INTO persons FROM taken t, unnest(t.customer_ids) p (id);
    IF persons IS NULL THEN
        RETURN 0;
    END IF;
    IF crm._report_is_flood(newest) THEN
        DELETE FROM crm.report_answer;
    END IF;
    PERFORM crm._report_keep(persons);
    -- what a till marks meanwhile waits for the next call, or a stream of orders would keep a core busy with a person
    -- at a time
    RETURN (SELECT count(*) FROM (SELECT FROM crm.report_mark x WHERE x.mark_id <= newest LIMIT 10000) m);
END
$$;
COMMENT ON FUNCTION crm._report_keep_job() IS
    'job: writes about 2,000 marked persons anew; returns how many are left of the marks it found, counted up to '
    '10,000';

CREATE FUNCTION crm._report_drifted(from_id bigint, to_id bigint) RETURNS SETOF bigint
    LANGUAGE plpgsql STABLE AS
$$
BEGIN
    RETURN QUERY
    SELECT coalesce(k.customer_id, c.customer_id)
    FROM (SELECT h.* FROM crm.report_block b, crm._report_heads(b.persons) h
        WHERE b.from_id >= _report_drifted.from_id AND b.from_id < to_id AND h.is_active) k
    FULL JOIN (SELECT x.customer_id, x.registered_on, x.scope_store_ids, coalesce(t.tier_no, 0) AS tier_no,
                      v.tier IS NOT NULL AND t.tier_no IS NULL AS is_new,
                      v.tier_since, v.r, v.f, v.net_minor
               FROM crm.customer x LEFT JOIN crm.customer_value v ON v.customer_id = x.customer_id LEFT JOIN crm.report_tier t ON t.tier = v.tier
               WHERE x.customer_id >= _report_drifted.from_id AND x.customer_id < to_id AND x.status = 'active') c ON c.customer_id = k.customer_id
    WHERE c.customer_id IS NULL OR k.customer_id IS NULL OR c.is_new
       OR (k.registered_on, k.tier_no, k.tier_since, k.r, k.f, k.net_minor, k.scope)
          IS DISTINCT FROM (c.registered_on, c.tier_no, coalesce(c.tier_since, '2000-01-01'), coalesce(c.r, 0)::int,
              coalesce(c.f, 0)::int, coalesce(c.net_minor, 0), c.scope_store_ids);
END
$$;
COMMENT ON FUNCTION crm._report_drifted(bigint, bigint) IS
    'persons between two ids that begin blocks whose tier, scores, net, stores or being there are not as kept';

CREATE FUNCTION crm._report_swept_state() RETURNS text
    LANGUAGE plpgsql STABLE AS
$$
BEGIN
    -- counts of rows written, undone ones among them, by this transaction, too; a crash sets them back, and the next
    -- sweep compares
    RETURN (SELECT string_agg(concat_ws('+', pg_stat_get_tuples_inserted(t.id), pg_stat_get_tuples_updated(t.id), pg_stat_get_tuples_deleted(t.id),
                                        pg_stat_get_xact_tuples_inserted(t.id), pg_stat_get_xact_tuples_updated(t.id),
                                                pg_stat_get_xact_tuples_deleted(t.id)), ' ')
            FROM unnest('{crm.customer,crm.customer_value,crm.report_tier,crm.report_block}'::regclass[]) t (id));
END
$$;
COMMENT ON FUNCTION crm._report_swept_state() IS
    'how often the tables that a sweep compares were written, as the server''s statistics know it some seconds '
    'later: as long as it stays the same there is nothing to compare';

CREATE FUNCTION crm._report_sweep_job() RETURNS bigint
    LANGUAGE plpgsql AS
$$
DECLARE
    piece CONSTANT int := 1000;     -- blocks
    since bigint := (SELECT p.swept_to FROM crm.report_progress p);
    state text := crm._report_swept_state();
    until bigint := (SELECT b.from_id FROM crm.report_block b WHERE b.from_id >= since ORDER BY b.from_id OFFSET piece LIMIT 1);
BEGIN
    IF since = 0 AND EXISTS (SELECT FROM crm.report_progress p WHERE p.swept_state = state) THEN
        RETURN 0;
    END IF;
    PERFORM crm._report_mark(ARRAY(SELECT crm._report_drifted(since, coalesce(until, 9223372036854775807))));
    UPDATE crm.report_progress p SET swept_to = coalesce(until, 0), swept_state = CASE WHEN since = 0 THEN state ELSE p.swept_state END;
    RETURN CASE WHEN until IS NULL THEN 0 ELSE 1 END;
END
$$;
COMMENT ON FUNCTION crm._report_sweep_job() IS
    'job: compares a thousand blocks with tiers, scores, nets and scopes as they are and marks who differs, unless '
    'nothing was written since the last sweep began; returns > 0 until all were compared';

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
    DELETE FROM crm.report_answer;
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
    'keeps the figures of boards anew from orders, refunds, records and tiers; needed only after tables were mended '
    'by hand; returns how many persons were looked at';
GRANT EXECUTE ON FUNCTION crm.report_rebuild() TO crm_headquarters, crm_admin;

