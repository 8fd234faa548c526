-- purchase: refunds, full, partial or by line, before or after their order.  The locks and the way of effects are those of
-- purchase_store.sql: an order and its refunds are stored by the same steps.

-- Where a refund belongs: its order's record and day, or its own without an order.
CREATE FUNCTION crm._purchase_refund_place(facts crm.refund_fact[])
    RETURNS TABLE (ordinal int, order_id bigint, source_record_id bigint, purchase_day date, customer_id bigint)
    LANGUAGE sql STABLE AS
$$
    SELECT f.ordinal, k.fact_id, coalesce(k.source_record_id, f.source_record_id),
           CASE WHEN f.order_external_id IS NULL THEN f.refunded_on ELSE o.business_day END,
           CASE WHEN o.order_id IS NULL THEN f.customer_id
                ELSE (SELECT m.customer_id FROM crm.membership m WHERE m.source_record_id = k.source_record_id AND m.valid_to = 'infinity') END
    FROM unnest(facts) f
    LEFT JOIN LATERAL (SELECT * FROM crm.external_key x
                       WHERE x.source_id = f.source_id AND x.kind = 2 AND x.external_id = f.order_external_id OFFSET 0) k ON true
    LEFT JOIN LATERAL (SELECT * FROM crm.customer_order x
                       WHERE x.source_record_id = k.source_record_id AND x.order_id = k.fact_id OFFSET 0) o ON o.is_current
$$;
COMMENT ON FUNCTION crm._purchase_refund_place(crm.refund_fact[]) IS
    'for each refund the order it names, the record it hangs on, the day it nets (null: it waits) and the person concerned';

CREATE FUNCTION crm._purchase_create_refunds(facts crm.refund_fact[], exponent int) RETURNS crm.purchase_effect[]
    LANGUAGE plpgsql AS
$$
DECLARE
    effects crm.purchase_effect[];
BEGIN
    WITH fact AS MATERIALIZED (
        SELECT f.ordinal, f.source_id, f.external_id, f.order_external_id, f.line_key, round(f.amount, exponent) AS amount, f.refunded_at,
               f.refunded_on, f.store_id, f.reason, f.source_version, coalesce(f.is_history, false) AS is_history, f.content_hash,
               f.received_at, f.inbox_id, f.line_no, p.order_id, p.source_record_id, p.purchase_day, p.customer_id, crm._new_id() AS new_id
        FROM unnest(facts) f JOIN crm._purchase_refund_place(facts) p ON p.ordinal = f.ordinal),
    entered AS (
        INSERT INTO crm.external_key AS k (source_id, kind, external_id, source_record_id, fact_id, content_hash, received_at, inbox_id, line_no)
        SELECT f.source_id, 3, f.external_id, f.source_record_id, f.new_id, f.content_hash, f.received_at, f.inbox_id, f.line_no
        FROM fact f ORDER BY f.source_id, f.external_id, f.ordinal
        ON CONFLICT DO NOTHING RETURNING k.fact_id),
    fresh AS MATERIALIZED (
        SELECT f.* FROM fact f JOIN entered e ON e.fact_id = f.new_id),
    stored AS (
        INSERT INTO crm.refund (source_record_id, refund_id, source_id, external_id, order_external_id, order_id, line_key, amount,
            refunded_at, refunded_on, purchase_day, store_id, reason, source_version, is_history, received_at)
        SELECT f.source_record_id, f.new_id, f.source_id, f.external_id, f.order_external_id, f.order_id, f.line_key, f.amount,
               f.refunded_at, f.refunded_on, f.purchase_day, f.store_id, f.reason, f.source_version, f.is_history, f.received_at
        FROM fresh f)
    SELECT array_agg(ROW(f.ordinal, f.new_id, f.customer_id, 'created', f.source_record_id, f.purchase_day, f.refunded_on,
                         -crm._purchase_minor(f.amount, exponent))::crm.purchase_effect)
    INTO effects FROM fresh f;
    RETURN coalesce(effects, '{}');
END
$$;
COMMENT ON FUNCTION crm._purchase_create_refunds(crm.refund_fact[], int) IS
    'stores the refunds whose keys are new; effects of those, none for the others';

CREATE FUNCTION crm._purchase_revise_refunds(facts crm.refund_fact[], exponent int) RETURNS crm.purchase_effect[]
    LANGUAGE plpgsql SET enable_hashjoin = off SET enable_mergejoin = off AS
$$
DECLARE
    effects crm.purchase_effect[];
BEGIN
    PERFORM crm._purchase_lock_keys(3::smallint, array_agg(f.source_id), array_agg(f.external_id)) FROM unnest(facts) f;
    WITH fact AS MATERIALIZED (
        SELECT f.ordinal, f.source_id, f.external_id, f.order_external_id, f.line_key, round(f.amount, exponent) AS amount, f.refunded_at,
               f.refunded_on, f.store_id, f.reason, f.source_version, coalesce(f.is_history, false) AS is_history, f.content_hash,
               f.received_at, f.inbox_id, f.line_no, p.order_id, p.source_record_id, p.purchase_day, p.customer_id,
               k.fact_id, k.revision AS known_revision, k.source_record_id AS old_record_id, k.content_hash = f.content_hash AS is_same,
               r.revision AS old_revision, r.purchase_day AS old_day, r.refunded_on AS old_known_day, r.amount AS old_amount,
               r.source_version AS old_version
        FROM unnest(facts) f
        CROSS JOIN LATERAL (SELECT * FROM crm._purchase_refund_place(ARRAY[f::crm.refund_fact]) OFFSET 0) p
        CROSS JOIN LATERAL (SELECT * FROM crm.external_key x WHERE x.source_id = f.source_id AND x.kind = 3
                AND x.external_id = f.external_id OFFSET 0) k
        JOIN LATERAL (SELECT * FROM crm.refund x
                      WHERE x.source_record_id = k.source_record_id AND x.refund_id = k.fact_id OFFSET 0) r ON r.is_current),
    judged AS MATERIALIZED (
        SELECT f.*,
               CASE WHEN f.is_same THEN 'unchanged'
                    WHEN crm._purchase_is_older(f.old_version, f.source_version) THEN 'updated'
                    WHEN NOT crm._purchase_is_older(f.source_version, f.old_version) OR f.source_version IS NULL
                        OR f.old_version IS NULL THEN 'replaced'
                    WHEN EXISTS (SELECT FROM crm.refund r WHERE r.source_record_id = f.source_record_id AND r.refund_id = f.fact_id
                                 AND r.source_version = f.source_version) THEN 'unchanged'
                    ELSE 'stale' END AS outcome
        FROM fact f),
    revised AS MATERIALIZED (
        SELECT f.*, f.outcome <> 'stale' AS is_current FROM judged f WHERE f.outcome <> 'unchanged'),
    retired AS (
        UPDATE crm.refund r SET is_current = false FROM revised f
        WHERE f.is_current AND r.source_record_id = f.old_record_id AND r.refund_id = f.fact_id AND r.revision = f.old_revision),
    stored AS (
        INSERT INTO crm.refund (source_record_id, refund_id, revision, is_current, source_id, external_id, order_external_id, order_id, line_key,
            amount, refunded_at, refunded_on, purchase_day, store_id, reason, source_version, is_history, received_at)
        SELECT f.source_record_id, f.fact_id, f.known_revision + 1, f.is_current, f.source_id, f.external_id, f.order_external_id, f.order_id,
               f.line_key, f.amount, f.refunded_at, f.refunded_on, f.purchase_day, f.store_id, f.reason, f.source_version, f.is_history, f.received_at
        FROM revised f),
    keyed AS (
        UPDATE crm.external_key k
        SET revision = f.known_revision + 1,
            content_hash = CASE WHEN f.is_current THEN f.content_hash ELSE k.content_hash END,
            source_record_id = CASE WHEN f.is_current THEN f.source_record_id ELSE k.source_record_id END,
            received_at = f.received_at, inbox_id = f.inbox_id, line_no = f.line_no
        FROM revised f WHERE k.source_id = f.source_id AND k.kind = 3 AND k.external_id = f.external_id),
    effect AS (
        SELECT j.ordinal, j.fact_id, j.customer_id, j.outcome, NULL::bigint AS source_record_id, NULL::date AS day,
            NULL::date AS known_day, NULL::bigint AS minor
        FROM judged j
        UNION ALL
        SELECT f.ordinal, f.fact_id, m.customer_id, 'moved', NULL, NULL, NULL, NULL
        FROM revised f CROSS JOIN LATERAL (SELECT * FROM crm.membership x WHERE x.source_record_id = f.old_record_id
                AND x.valid_to = 'infinity' OFFSET 0) m
        WHERE f.is_current AND m.customer_id IS DISTINCT FROM f.customer_id
        UNION ALL
        SELECT NULL, NULL, NULL, NULL, f.old_record_id, f.old_day, f.old_known_day, crm._purchase_minor(f.old_amount, exponent)
        FROM revised f WHERE f.is_current
        UNION ALL
        SELECT NULL, NULL, NULL, NULL, f.source_record_id, f.purchase_day, f.refunded_on, -crm._purchase_minor(f.amount, exponent)
        FROM revised f WHERE f.is_current)
    SELECT array_agg(ROW(e.*)::crm.purchase_effect) INTO effects FROM effect e;
    RETURN coalesce(effects, '{}');
END
$$;
COMMENT ON FUNCTION crm._purchase_revise_refunds(crm.refund_fact[], int) IS
    'refunds whose keys are known, each key once: locks the keys, keeps a revision beside the old one when the '
    'content differs';

CREATE FUNCTION crm._purchase_hold_orders(facts crm.refund_fact[]) RETURNS void
    LANGUAGE plpgsql AS
$$
BEGIN
    -- an order that is still to come gets its key and id now: its own intake then waits for this
    -- transaction and finds the refund, whichever of the two commits first
    INSERT INTO crm.external_key (source_id, kind, external_id, source_record_id, fact_id, content_hash, revision)
    SELECT f.source_id, 2, f.order_external_id, f.source_record_id, crm._new_id(), '', 0
    FROM unnest(facts) f
    WHERE f.order_external_id IS NOT NULL
      AND (SELECT k.fact_id FROM crm.external_key k WHERE k.source_id = f.source_id AND k.kind = 2 AND k.external_id = f.order_external_id) IS NULL
    ORDER BY f.source_id, f.order_external_id, f.ordinal
    ON CONFLICT DO NOTHING;
    PERFORM crm._purchase_lock_keys(2::smallint, array_agg(f.source_id), array_agg(f.order_external_id)) FROM unnest(facts) f
    WHERE f.order_external_id IS NOT NULL;
END
$$;
COMMENT ON FUNCTION crm._purchase_hold_orders(crm.refund_fact[]) IS
    'locks the keys of the orders that refunds name, making those that are missing (revision 0)';

CREATE FUNCTION crm._purchase_refunded_orders(facts crm.refund_fact[], OUT sources int[], OUT orders text[]) RETURNS record
    LANGUAGE plpgsql SET enable_hashjoin = off SET enable_mergejoin = off AS
$$
DECLARE
    left_sources int[];
    left_orders text[];
BEGIN
    SELECT array_agg(f.source_id), array_agg(f.order_external_id) INTO sources, orders FROM unnest(facts) f WHERE f.order_external_id IS NOT NULL;
    -- a refund that is known may leave the order it named: that one is locked as well (out of order: who meets it is
    -- told to try again)
    PERFORM crm._purchase_lock_keys(3::smallint, array_agg(f.source_id), array_agg(f.external_id)) FROM unnest(facts) f;
    SELECT array_agg(f.source_id), array_agg(r.order_external_id) INTO left_sources, left_orders
    FROM unnest(facts) f
    CROSS JOIN LATERAL (SELECT x.source_record_id, x.fact_id FROM crm.external_key x
                        WHERE x.source_id = f.source_id AND x.kind = 3 AND x.external_id = f.external_id OFFSET 0) k
    CROSS JOIN LATERAL (SELECT * FROM crm.refund x WHERE x.source_record_id = k.source_record_id AND x.refund_id = k.fact_id OFFSET 0) r
    WHERE r.is_current AND r.order_external_id IS DISTINCT FROM f.order_external_id AND r.order_external_id IS NOT NULL;
    IF left_sources IS NOT NULL THEN
        PERFORM crm._purchase_lock_keys(2::smallint, left_sources, left_orders);
        sources := sources || left_sources;
        orders := orders || left_orders;
    END IF;
END
$$;
COMMENT ON FUNCTION crm._purchase_refunded_orders(crm.refund_fact[]) IS
    'the orders whose lines some refunds may change, named now or before, their keys locked';

-- A refund is its source's fact and is taken as it is sent (carriage and goodwill are paid back, too); what looks like a
-- till's mistake is told to staff. Twenty such orders that nobody mended say enough.
CREATE FUNCTION crm._purchase_watch_refunds(source_ids int[], external_ids text[]) RETURNS void
    LANGUAGE plpgsql SET enable_hashjoin = off SET enable_mergejoin = off AS
$$
DECLARE
    most CONSTANT int := 20;
    opened int;
BEGIN
    WITH judged AS MATERIALIZED (
        SELECT s.code, w.external_id, o.amount, r.refunded, coalesce(r.refunded > o.amount, false) AS is_over, r.is_live
        FROM (SELECT DISTINCT x.source_id, x.external_id FROM unnest(source_ids, external_ids) x (source_id, external_id)) w
        JOIN crm.source s ON s.source_id = w.source_id
        CROSS JOIN LATERAL (SELECT * FROM crm.external_key x WHERE x.source_id = w.source_id AND x.kind = 2
                AND x.external_id = w.external_id OFFSET 0) k
        CROSS JOIN LATERAL (SELECT * FROM crm.customer_order x WHERE x.source_record_id = k.source_record_id AND x.order_id = k.fact_id OFFSET 0) o
        CROSS JOIN LATERAL (SELECT sum(x.amount) FILTER (WHERE o.business_day IS NOT NULL) AS refunded, bool_or(NOT x.is_history) AS is_live
                            FROM crm.refund x WHERE x.order_id = k.fact_id AND x.is_current) r
        WHERE o.is_current),
    settled AS (
        UPDATE crm.alert a SET closed_at = crm.core_now() FROM judged j
        WHERE NOT j.is_over AND a.kind = 'purchase.refund' AND a.key = j.code || ' ' || j.external_id AND a.closed_at IS NULL)
    SELECT count(crm._alert('purchase.refund', j.code || ' ' || j.external_id,
                jsonb_build_object('amount', j.amount, 'refunded', j.refunded))) INTO opened
    FROM (SELECT * FROM judged n WHERE n.is_over AND n.is_live ORDER BY n.code, n.external_id
          LIMIT greatest(most - (SELECT count(*) FROM crm.alert a WHERE a.kind = 'purchase.refund' AND a.closed_at IS NULL), 0)) j;
END
$$;
COMMENT ON FUNCTION crm._purchase_watch_refunds(int[], text[]) IS
    'opens an alert for each of these orders of which more was refunded than it came to, unless that is history, '
    'and closes those that are mended';

CREATE FUNCTION crm._purchase_store_refunds(facts crm.refund_fact[]) RETURNS SETOF crm.fact_outcome
    LANGUAGE plpgsql SET plan_cache_mode = force_generic_plan SET enable_seqscan = off AS
$$
DECLARE
    exponent int := crm._purchase_exponent();
    persons bigint[] := ARRAY(SELECT DISTINCT p.customer_id FROM crm._purchase_refund_place(facts) p WHERE p.customer_id IS NOT NULL);
    effects crm.purchase_effect[];
    pending crm.refund_fact[];
    batch crm.refund_fact[];
    sources int[];
    orders text[];
    before crm.purchase_line[];
BEGIN
    PERFORM FROM crm.customer c WHERE c.customer_id = ANY (persons) ORDER BY c.customer_id FOR NO KEY UPDATE;
    PERFORM crm._purchase_hold_orders(facts);
    SELECT o.sources, o.orders INTO sources, orders FROM crm._purchase_refunded_orders(facts) o;
    before := crm._purchase_counted_lines(sources, orders, exponent);
    effects := crm._purchase_create_refunds(facts, exponent);
    IF cardinality(effects) < cardinality(facts) THEN
        pending := ARRAY(SELECT f FROM unnest(facts) f WHERE f.ordinal NOT IN (SELECT e.ordinal FROM unnest(effects) e));
        WHILE cardinality(pending) > 0 LOOP
            batch := ARRAY(SELECT DISTINCT ON (f.source_id, f.external_id) f FROM unnest(pending) f
                           ORDER BY f.source_id, f.external_id, f.ordinal);
            effects := effects || crm._purchase_revise_refunds(batch, exponent);
            pending := ARRAY(SELECT f FROM unnest(pending) f WHERE f.ordinal NOT IN (SELECT b.ordinal FROM unnest(batch) b));
        END LOOP;
    END IF;
    PERFORM crm._purchase_lines_differ(before, crm._purchase_counted_lines(sources, orders, exponent));
    PERFORM crm._purchase_watch_refunds(sources, orders);
    IF cardinality(effects) = 1 THEN
        PERFORM crm._purchase_apply_one(effects[1]);
    ELSE
        PERFORM crm._purchase_apply(effects);
    END IF;
    RETURN QUERY SELECT e.ordinal, e.fact_id, e.customer_id, e.outcome FROM unnest(effects) e WHERE e.outcome IS NOT NULL ORDER BY e.ordinal;
END
$$;
COMMENT ON FUNCTION crm._purchase_store_refunds(crm.refund_fact[]) IS
    'stores refunds: each nets its order''s day and is known from its own; before its order it waits, without one '
    'it nets its own day; customer_id is the order''s person';
