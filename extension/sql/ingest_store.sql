-- ingest_store: parsed records go to the rooms they belong to, many at once, one way a room.
-- Each function is one statement: parse once, attach to records, complete the facts, store.

CREATE FUNCTION crm._ingest_store_members(input crm.ingest_input) RETURNS SETOF crm.ingest_outcome
    LANGUAGE plpgsql AS
$$
DECLARE
    outcomes crm.ingest_outcome[];
    consents crm.consent_fact[];
BEGIN
    WITH parsed AS MATERIALIZED (
        SELECT * FROM crm._ingest_parse(input) AS p(ordinal int, chunk int, line_no int, next_at int, next_line int, external_id text,
            code text, field text, remedy text, fact crm.member_fact, consents crm.consent_fact[])),
    stored AS MATERIALIZED (
        SELECT s.* FROM crm._identity_store_members(
            coalesce((SELECT array_agg(p.fact ORDER BY p.ordinal) FROM parsed p WHERE p.ordinal IS NOT NULL), '{}')) s)
    SELECT array_agg(ROW(p.chunk, p.line_no, p.next_at, p.next_line, p.external_id, p.code, p.field, p.remedy,
                         s.source_record_id, s.customer_id,
                         CASE WHEN p.ordinal IS NULL AND p.code IS NULL THEN 'end' ELSE s.outcome END)::crm.ingest_outcome),
           (SELECT array_agg(crm._ingest_place(c, s2.source_record_id, s2.customer_id))
            FROM parsed p2 JOIN stored s2 ON s2.ordinal = p2.ordinal AND s2.source_record_id IS NOT NULL, unnest(p2.consents) c)
    INTO outcomes, consents
    FROM parsed p LEFT JOIN stored s ON s.ordinal = p.ordinal;
    IF consents IS NOT NULL THEN
        PERFORM crm._outbox_store_consents(consents);
    END IF;
    RETURN QUERY SELECT * FROM unnest(outcomes);
END
$$;
COMMENT ON FUNCTION crm._ingest_store_members(crm.ingest_input) IS
    'parses and stores member records, and the consents beside them';

CREATE FUNCTION crm._ingest_store_orders(input crm.ingest_input) RETURNS SETOF crm.ingest_outcome
    LANGUAGE plpgsql AS
$$
DECLARE
    outcomes crm.ingest_outcome[];
    recent_persons bigint[];
    recent_stores int[];
BEGIN
    WITH parsed AS MATERIALIZED (
        SELECT * FROM crm._ingest_parse(input) AS p(ordinal int, chunk int, line_no int, next_at int, next_line int, external_id text,
            code text, field text, remedy text, ref crm.record_ref, fact crm.order_fact)),
    attached AS MATERIALIZED (
        SELECT a.* FROM crm._identity_attach(
            coalesce((SELECT array_agg(p.ref ORDER BY p.ordinal) FROM parsed p WHERE p.ordinal IS NOT NULL), '{}')) a),
    stored AS MATERIALIZED (
        SELECT s.* FROM crm._purchase_store_orders(
            coalesce((SELECT array_agg(crm._ingest_place(p.fact, a.source_record_id, a.customer_id) ORDER BY p.ordinal)
                      FROM parsed p JOIN attached a ON a.ordinal = p.ordinal WHERE a.source_record_id IS NOT NULL), '{}')) s)
    SELECT array_agg(ROW(p.chunk, p.line_no, p.next_at, p.next_line, p.external_id, p.code, p.field, p.remedy, s.fact_id, s.customer_id,
                         CASE WHEN p.ordinal IS NULL AND p.code IS NULL THEN 'end'
                              WHEN p.ordinal IS NOT NULL THEN coalesce(s.outcome, 'suppressed') END)::crm.ingest_outcome),
           array_agg(s.customer_id) FILTER (WHERE r.is_recent), array_agg((p.fact).store_id) FILTER (WHERE r.is_recent)
    INTO outcomes, recent_persons, recent_stores
    FROM parsed p LEFT JOIN stored s ON s.ordinal = p.ordinal
    CROSS JOIN LATERAL (SELECT s.customer_id IS NOT NULL AND s.outcome NOT IN ('moved', 'unchanged', 'stale') AND (p.fact).store_id IS NOT NULL
                           AND (p.fact).ordered_at > crm.core_now() - interval '365 days' AS is_recent OFFSET 0) r;
    IF recent_persons IS NOT NULL THEN
        PERFORM crm._identity_extend_scope(recent_persons, recent_stores);
    END IF;
    RETURN QUERY SELECT * FROM unnest(outcomes);
END
$$;
COMMENT ON FUNCTION crm._ingest_store_orders(crm.ingest_input) IS
    'parses and stores orders, and lets their stores see their persons';

-- A refund hangs on its order's record; before its order, on the receipt that the order may have.
CREATE FUNCTION crm._ingest_store_refunds(input crm.ingest_input) RETURNS SETOF crm.ingest_outcome
    LANGUAGE plpgsql AS
$$
BEGIN
    RETURN QUERY
    WITH parsed AS MATERIALIZED (
        SELECT * FROM crm._ingest_parse(input) AS p(ordinal int, chunk int, line_no int, next_at int, next_line int, external_id text,
            code text, field text, remedy text, ref crm.record_ref, fact crm.refund_fact)),
    attached AS MATERIALIZED (
        SELECT a.* FROM crm._identity_attach(coalesce((
            SELECT array_agg(p.ref ORDER BY p.ordinal) FROM parsed p
            WHERE p.ordinal IS NOT NULL AND (       -- one look by key each, whatever the planner knows of the table
                SELECT k.fact_id FROM crm.external_key k
                WHERE k.source_id = (p.fact).source_id AND k.kind = 2 AND k.external_id = (p.fact).order_external_id LIMIT 1) IS NULL), '{}')) a),
    stored AS MATERIALIZED (
        SELECT s.* FROM crm._purchase_store_refunds(
            coalesce((SELECT array_agg(crm._ingest_place(p.fact, a.source_record_id, a.customer_id) ORDER BY p.ordinal)
                      FROM parsed p LEFT JOIN attached a ON a.ordinal = p.ordinal WHERE p.ordinal IS NOT NULL), '{}')) s)
    SELECT p.chunk, p.line_no, p.next_at, p.next_line, p.external_id, p.code, p.field, p.remedy, s.fact_id, s.customer_id,
           CASE WHEN p.ordinal IS NULL AND p.code IS NULL THEN 'end' ELSE s.outcome END
    FROM parsed p LEFT JOIN stored s ON s.ordinal = p.ordinal;
END
$$;
COMMENT ON FUNCTION crm._ingest_store_refunds(crm.ingest_input) IS
    'parses and stores refunds; one before its order waits for it';

CREATE FUNCTION crm._ingest_store_events(input crm.ingest_input) RETURNS SETOF crm.ingest_outcome
    LANGUAGE plpgsql AS
$$
DECLARE
    keeps_places boolean := (crm._setting('event.place_days'))::int > 0;
BEGIN
    RETURN QUERY
    WITH parsed AS MATERIALIZED (
        SELECT * FROM crm._ingest_parse(input) AS p(ordinal int, chunk int, line_no int, next_at int, next_line int, external_id text,
            code text, field text, remedy text, ref crm.record_ref, fact crm.event_fact)),
    attached AS MATERIALIZED (
        SELECT a.* FROM crm._identity_attach(
            coalesce((SELECT array_agg(p.ref ORDER BY p.ordinal) FROM parsed p WHERE p.ordinal IS NOT NULL), '{}')) a),
    stored AS MATERIALIZED (
        SELECT s.* FROM crm._event_store(
            coalesce((SELECT array_agg(crm._ingest_place(p.fact, a.source_record_id, a.customer_id) ORDER BY p.ordinal)
                      FROM parsed p JOIN attached a ON a.ordinal = p.ordinal WHERE a.source_record_id IS NOT NULL), '{}')) s),
    placed AS MATERIALIZED (
        SELECT crm._ingest_keep_place(crm._ingest_place(p.fact, a.source_record_id, a.customer_id), s.fact_id, s.customer_id)
        FROM stored s JOIN parsed p ON p.ordinal = s.ordinal JOIN attached a ON a.ordinal = s.ordinal
        WHERE keeps_places AND s.outcome IN ('created', 'replaced') AND (p.fact).properties ?| crm._event_position_names())
    SELECT p.chunk, p.line_no, p.next_at, p.next_line, p.external_id, p.code, p.field, p.remedy, s.fact_id, s.customer_id,
           CASE WHEN p.ordinal IS NULL AND p.code IS NULL THEN 'end' WHEN p.ordinal IS NOT NULL THEN coalesce(s.outcome, 'suppressed') END
    FROM parsed p LEFT JOIN stored s ON s.ordinal = p.ordinal WHERE (SELECT count(*) FROM placed) >= 0;
END
$$;
COMMENT ON FUNCTION crm._ingest_store_events(crm.ingest_input) IS
    'parses and stores events, and where they happened when the house keeps that of who agreed';

CREATE FUNCTION crm._ingest_store_interactions(input crm.ingest_input) RETURNS SETOF crm.ingest_outcome
    LANGUAGE plpgsql AS
$$
BEGIN
    RETURN QUERY
    WITH parsed AS MATERIALIZED (
        SELECT * FROM crm._ingest_parse(input) AS p(ordinal int, chunk int, line_no int, next_at int, next_line int, external_id text,
            code text, field text, remedy text, ref crm.record_ref, fact crm.interaction_fact)),
    attached AS MATERIALIZED (
        SELECT a.* FROM crm._identity_attach(
            coalesce((SELECT array_agg(p.ref ORDER BY p.ordinal) FROM parsed p WHERE p.ordinal IS NOT NULL), '{}')) a),
    stored AS MATERIALIZED (
        SELECT s.* FROM crm._event_store_interactions(
            coalesce((SELECT array_agg(crm._ingest_place(p.fact, a.source_record_id, a.customer_id) ORDER BY p.ordinal)
                      FROM parsed p JOIN attached a ON a.ordinal = p.ordinal WHERE a.source_record_id IS NOT NULL), '{}')) s)
    SELECT p.chunk, p.line_no, p.next_at, p.next_line, p.external_id, p.code, p.field, p.remedy, s.fact_id, s.customer_id,
           CASE WHEN p.ordinal IS NULL AND p.code IS NULL THEN 'end' WHEN p.ordinal IS NOT NULL THEN coalesce(s.outcome, 'suppressed') END
    FROM parsed p LEFT JOIN stored s ON s.ordinal = p.ordinal;
END
$$;
COMMENT ON FUNCTION crm._ingest_store_interactions(crm.ingest_input) IS
    'parses and stores interactions: notes, calls, messages';

CREATE FUNCTION crm._ingest_store_products(input crm.ingest_input) RETURNS SETOF crm.ingest_outcome
    LANGUAGE plpgsql AS
$$
BEGIN
    RETURN QUERY
    WITH parsed AS MATERIALIZED (
        SELECT * FROM crm._ingest_parse(input) AS p(ordinal int, chunk int, line_no int, next_at int, next_line int, external_id text,
            code text, field text, remedy text, fact crm.product_fact)),
    stored AS MATERIALIZED (
        SELECT s.* FROM crm._purchase_store_products(
            coalesce((SELECT array_agg(p.fact ORDER BY p.ordinal) FROM parsed p WHERE p.ordinal IS NOT NULL), '{}')) s)
    SELECT p.chunk, p.line_no, p.next_at, p.next_line, p.external_id, p.code, p.field, p.remedy, s.fact_id, s.customer_id,
           CASE WHEN p.ordinal IS NULL AND p.code IS NULL THEN 'end' ELSE s.outcome END
    FROM parsed p LEFT JOIN stored s ON s.ordinal = p.ordinal;
END
$$;
COMMENT ON FUNCTION crm._ingest_store_products(crm.ingest_input) IS 'parses and stores products';

CREATE FUNCTION crm._ingest_store_consents(input crm.ingest_input) RETURNS SETOF crm.ingest_outcome
    LANGUAGE plpgsql AS
$$
BEGIN
    RETURN QUERY
    WITH parsed AS MATERIALIZED (
        SELECT * FROM crm._ingest_parse(input) AS p(ordinal int, chunk int, line_no int, next_at int, next_line int, external_id text,
            code text, field text, remedy text, ref crm.record_ref, fact crm.consent_fact)),
    attached AS MATERIALIZED (
        SELECT a.* FROM crm._identity_attach(
            coalesce((SELECT array_agg(p.ref ORDER BY p.ordinal) FROM parsed p WHERE p.ordinal IS NOT NULL), '{}')) a),
    stored AS MATERIALIZED (
        SELECT s.* FROM crm._outbox_store_consents(
            coalesce((SELECT array_agg(crm._ingest_place(p.fact, a.source_record_id, a.customer_id) ORDER BY p.ordinal)
                      FROM parsed p JOIN attached a ON a.ordinal = p.ordinal WHERE a.source_record_id IS NOT NULL), '{}')) s)
    SELECT p.chunk, p.line_no, p.next_at, p.next_line, p.external_id, p.code, p.field, p.remedy, s.fact_id, s.customer_id,
           CASE WHEN p.ordinal IS NULL AND p.code IS NULL THEN 'end' WHEN p.ordinal IS NOT NULL THEN coalesce(s.outcome, 'suppressed') END
    FROM parsed p LEFT JOIN stored s ON s.ordinal = p.ordinal;
END
$$;
COMMENT ON FUNCTION crm._ingest_store_consents(crm.ingest_input) IS 'parses and stores consents and their withdrawals';

CREATE FUNCTION crm._ingest_store_coupons(input crm.ingest_input) RETURNS SETOF crm.ingest_outcome
    LANGUAGE plpgsql AS
$$
BEGIN
    RETURN QUERY
    WITH parsed AS MATERIALIZED (
        SELECT * FROM crm._ingest_parse(input) AS p(ordinal int, chunk int, line_no int, next_at int, next_line int, external_id text,
            code text, field text, remedy text, ref crm.record_ref, fact crm.coupon_fact)),
    attached AS MATERIALIZED (
        SELECT a.* FROM crm._identity_attach(
            coalesce((SELECT array_agg(p.ref ORDER BY p.ordinal) FROM parsed p WHERE p.ordinal IS NOT NULL), '{}')) a),
    stored AS MATERIALIZED (
        SELECT s.* FROM crm._loyalty_store_coupons(
            coalesce((SELECT array_agg(crm._ingest_place(p.fact, a.source_record_id, a.customer_id) ORDER BY p.ordinal)
                      FROM parsed p JOIN attached a ON a.ordinal = p.ordinal WHERE a.customer_id IS NOT NULL), '{}')) s)
    SELECT p.chunk, p.line_no, p.next_at, p.next_line, p.external_id, p.code, p.field, p.remedy, s.fact_id, s.customer_id,
           CASE WHEN p.ordinal IS NULL AND p.code IS NULL THEN 'end' WHEN p.ordinal IS NOT NULL THEN coalesce(s.outcome, 'suppressed') END
    FROM parsed p LEFT JOIN stored s ON s.ordinal = p.ordinal;
END
$$;
COMMENT ON FUNCTION crm._ingest_store_coupons(crm.ingest_input) IS 'parses and stores coupons of the time before crm';

CREATE FUNCTION crm._ingest_store(input crm.ingest_input) RETURNS SETOF crm.ingest_outcome
    LANGUAGE plpgsql AS
$$
BEGIN
    CASE input.entity
        WHEN 'member' THEN RETURN QUERY SELECT * FROM crm._ingest_store_members(input);
        WHEN 'order', 'order_line' THEN RETURN QUERY SELECT * FROM crm._ingest_store_orders(input);
        WHEN 'refund' THEN RETURN QUERY SELECT * FROM crm._ingest_store_refunds(input);
        WHEN 'event' THEN RETURN QUERY SELECT * FROM crm._ingest_store_events(input);
        WHEN 'interaction' THEN RETURN QUERY SELECT * FROM crm._ingest_store_interactions(input);
        WHEN 'product' THEN RETURN QUERY SELECT * FROM crm._ingest_store_products(input);
        WHEN 'consent' THEN RETURN QUERY SELECT * FROM crm._ingest_store_consents(input);
        WHEN 'coupon' THEN RETURN QUERY SELECT * FROM crm._ingest_store_coupons(input);
    END CASE;
END
$$;
COMMENT ON FUNCTION crm._ingest_store(crm.ingest_input) IS 'parses a piece and hands its facts to the rooms they belong to';

-- A piece with everything it causes; the caller wraps it in a subtransaction.
CREATE FUNCTION crm._ingest_take(input crm.ingest_input) RETURNS crm.ingest_outcome[]
    LANGUAGE plpgsql AS
$$
DECLARE
    outcomes crm.ingest_outcome[] := ARRAY(SELECT o FROM crm._ingest_store(input) o);
    persons bigint[];
BEGIN
    IF input.entity NOT IN ('product', 'coupon') THEN
        persons := ARRAY(SELECT DISTINCT o.customer_id FROM unnest(outcomes) o
                         WHERE o.customer_id IS NOT NULL AND o.outcome NOT IN ('unchanged', 'stale', 'suppressed', 'end') ORDER BY 1);
        IF cardinality(persons) > 0 THEN
            PERFORM crm._consequence_facts(persons, CASE input.entity WHEN 'order_line' THEN 'order' ELSE input.entity END, input.is_history);
        END IF;
    END IF;
    RETURN outcomes;
END
$$;
COMMENT ON FUNCTION crm._ingest_take(crm.ingest_input) IS
    'stores a piece and calls the consequences once, with all persons whose facts changed, consents of member '
    'records included';

-- One order of a single call, the till's: the same in plain statements, which start faster than one big one.
CREATE FUNCTION crm._ingest_take_order(input crm.ingest_input) RETURNS crm.ingest_outcome
    LANGUAGE plpgsql AS
$$
DECLARE
    parsed record;
    place crm.record_outcome;
    fact crm.order_fact;
    stored crm.fact_outcome;
    outcome crm.ingest_outcome;
    persons bigint[] := '{}';
BEGIN
    SELECT * INTO parsed FROM crm._ingest_parse(input) AS p(ordinal int, external_id text, code text, field text, remedy text,
        ref crm.record_ref, fact crm.order_fact) LIMIT 1;
    outcome.external_id := parsed.external_id;
    IF parsed.code IS NOT NULL THEN
        outcome.code := parsed.code; outcome.field := parsed.field; outcome.remedy := parsed.remedy;
        RETURN outcome;
    END IF;
    place := crm._identity_attach_member(parsed.ref);
    IF place.source_record_id IS NULL THEN
        SELECT a.* INTO place FROM crm._identity_attach(ARRAY[parsed.ref]) a;
    END IF;
    outcome.outcome := 'suppressed';
    IF place.source_record_id IS NULL THEN
        RETURN outcome;
    END IF;
    fact := crm._ingest_place(parsed.fact, place.source_record_id, place.customer_id);
    stored := crm._purchase_store_order(fact);
    IF stored.fact_id IS NOT NULL THEN
        outcome.fact_id := stored.fact_id; outcome.customer_id := stored.customer_id; outcome.outcome := stored.outcome;
        persons := CASE WHEN stored.customer_id IS NOT NULL THEN ARRAY[stored.customer_id] ELSE '{}' END;
    ELSE
        FOR stored IN SELECT s.* FROM crm._purchase_store_orders(ARRAY[fact]) s LOOP
            IF stored.outcome <> 'moved' THEN
                outcome.fact_id := stored.fact_id; outcome.customer_id := stored.customer_id; outcome.outcome := stored.outcome;
            END IF;
            IF stored.customer_id IS NOT NULL AND stored.outcome NOT IN ('unchanged', 'stale') THEN
                persons := persons || stored.customer_id;
            END IF;
        END LOOP;
    END IF;
    IF persons = '{}' THEN
        RETURN outcome;
    END IF;
    IF fact.ordered_at > crm.core_now() - interval '365 days' THEN
        PERFORM crm._identity_extend_scope_one(outcome.customer_id, fact.store_id);
    END IF;
    PERFORM crm._consequence_facts(persons, 'order', input.is_history);
    RETURN outcome;
END
$$;
COMMENT ON FUNCTION crm._ingest_take_order(crm.ingest_input) IS
    'parses and stores one order with all it causes: crm._ingest_take() for the commonest call; RM309 when its '
    'person moved meanwhile: undo, and take it by that function';

-- Whether a failure is of the data (a reject), of the moment (try the call again), or of the house (keep and retry).
CREATE FUNCTION crm._ingest_failure_kind(state text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
$$
    SELECT CASE WHEN left(state, 2) IN ('40', '57', '08') OR state = '55P03' THEN 'moment'
                WHEN left(state, 2) IN ('21', '22', '23', 'P0') OR (left(state, 2) = 'RM' AND state >= 'RM1') THEN 'data'
                ELSE 'house' END
$$;
COMMENT ON FUNCTION crm._ingest_failure_kind(text) IS
    'data, moment or house: what a SQLSTATE raised while storing says about whom to ask';
