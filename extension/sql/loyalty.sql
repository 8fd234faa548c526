-- loyalty: coupons.  A coupon stays under the customer id it was issued to; a person's coupons
-- are those of all ids that answer to the person.

CREATE FUNCTION crm._loyalty_code(customer_id bigint, coupon_id bigint) RETURNS text
    LANGUAGE c STABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'crm_loyalty_code';
COMMENT ON FUNCTION crm._loyalty_code(bigint, bigint) IS
    'the code of a coupon: base 32 in groups of four, holding both ids and a keyed check';
CREATE FUNCTION crm._loyalty_ids(code text, OUT customer_id bigint, OUT coupon_id bigint)
    LANGUAGE c STABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'crm_loyalty_ids';
COMMENT ON FUNCTION crm._loyalty_ids(text) IS
    'the ids in a coupon code however it was typed (case, dashes, O for 0, I for 1); nulls when it is none of ours';

-- A moment's worth of days later, at the end of that local day.
CREATE FUNCTION crm._loyalty_valid_until(issued_at timestamptz, valid_days int, zone text) RETURNS timestamptz
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    AS $$ BEGIN RETURN ((issued_at AT TIME ZONE zone)::date + valid_days + 1)::timestamp AT TIME ZONE zone; END $$;
COMMENT ON FUNCTION crm._loyalty_valid_until(timestamptz, int, text) IS
    'the end (exclusive) of the local day that lies valid_days after the day of issue';

CREATE TYPE crm.coupon_ref AS (customer_id bigint, coupon_id bigint, code text, value numeric, valid_until timestamptz);
COMMENT ON TYPE crm.coupon_ref IS 'a coupon that was issued, as a message tells of it';

CREATE FUNCTION crm._loyalty_issue_all(customer_ids bigint[], coupon_type text, flow_id int, occurrence_keys text[], zones text[],
                                       issued_at timestamptz DEFAULT NULL) RETURNS crm.coupon_ref[]
    LANGUAGE plpgsql AS
$$
#variable_conflict use_column
DECLARE
    since timestamptz := coalesce(_loyalty_issue_all.issued_at, crm.core_now());
    home_zone text := crm._setting('core.time_zone') #>> '{}';
    t crm.coupon_type;
    ids bigint[] := ARRAY(SELECT crm._new_id() FROM unnest(customer_ids));
    codes text[];
    issued crm.coupon_ref[];
BEGIN
    SELECT * INTO t FROM crm.coupon_type c WHERE c.coupon_type = _loyalty_issue_all.coupon_type;
    IF t.coupon_type IS NULL THEN
        RAISE EXCEPTION 'there is no coupon type "%"', _loyalty_issue_all.coupon_type
            USING ERRCODE = 'RM607', COLUMN = 'coupon_type', HINT = 'See crm.coupon_type for those there are.';
    END IF;
    IF t.is_pooled THEN
        codes := crm._loyalty_take_codes(t.coupon_type, customer_ids, ids);
    END IF;
    WITH made AS (
        INSERT INTO crm.coupon (customer_id, coupon_id, code, coupon_type, flow_id, occurrence_key, value, state, issued_at, valid_until)
        SELECT g.id, g.coupon_id, coalesce(g.code, crm._loyalty_code(g.id, g.coupon_id)), t.coupon_type,
            _loyalty_issue_all.flow_id, g.key, t.value, 'issued', since,
               crm._loyalty_valid_until(since, t.valid_days, coalesce(g.zone, home_zone))
        FROM ROWS FROM (unnest(customer_ids), unnest(ids), unnest(codes), unnest(occurrence_keys),
                unnest(zones)) WITH ORDINALITY g (id, coupon_id, code, key, zone, n) ORDER BY g.n
        RETURNING customer_id, coupon_id, code, value, valid_until)
    SELECT array_agg(ROW(m.customer_id, m.coupon_id, m.code, m.value, m.valid_until)::crm.coupon_ref ORDER BY m.coupon_id) INTO issued FROM made m;
    RETURN issued;
END
$$;
COMMENT ON FUNCTION crm._loyalty_issue_all(bigint[], text, int, text[], text[], timestamptz) IS
    'issues a coupon of a type to each person (with its occurrence key and zone), valid to the end of its last '
    'local day, in their order; RM607 for an unknown type, RM613 when its pool of codes is empty';

CREATE FUNCTION crm._loyalty_issue(customer_id bigint, coupon_type text, flow_id int, occurrence_key text,
                                   issued_at timestamptz DEFAULT NULL, zone text DEFAULT NULL) RETURNS bigint
    LANGUAGE plpgsql AS
$$
BEGIN
    RETURN (crm._loyalty_issue_all(ARRAY[customer_id], coupon_type, flow_id, ARRAY[occurrence_key], ARRAY[zone], issued_at))[1].coupon_id;
END
$$;
COMMENT ON FUNCTION crm._loyalty_issue(bigint, text, int, text, timestamptz, text) IS
    'issues a coupon of a type to one person, as crm._loyalty_issue_all(); returns coupon_id';

CREATE FUNCTION crm._loyalty_has_equal_or_better(customer_id bigint, coupon_type text, days int) RETURNS boolean
    LANGUAGE plpgsql STABLE AS
$$
#variable_conflict use_column
DECLARE
    ids bigint[] := crm._identity_cluster(_loyalty_has_equal_or_better.customer_id);
BEGIN
    RETURN EXISTS (
        SELECT FROM crm.coupon c
        JOIN crm.coupon_type held ON held.coupon_type = c.coupon_type
        JOIN crm.coupon_type offered ON offered.coupon_type = _loyalty_has_equal_or_better.coupon_type
        WHERE c.customer_id = ANY (ids) AND held.rank >= offered.rank
          AND (c.state = 'issued' AND c.valid_until > crm.core_now()
               OR c.state = 'redeemed' AND c.redeemed_at > crm.core_now() - make_interval(days => days)));
END
$$;
COMMENT ON FUNCTION crm._loyalty_has_equal_or_better(bigint, text, int) IS
    'whether a person holds a valid coupon, or redeemed one in the last so many days, that is worth as much as this type';

CREATE FUNCTION crm._loyalty_holders(customer_ids bigint[], other_ids crm.person_id[], coupon_type text, days int) RETURNS bigint[]
    LANGUAGE plpgsql STABLE AS
$$
#variable_conflict use_column
DECLARE
    least_rank numeric := (SELECT t.rank FROM crm.coupon_type t WHERE t.coupon_type = _loyalty_holders.coupon_type);
    since timestamptz := crm.core_now() - make_interval(days => days);
BEGIN
    RETURN ARRAY(
        SELECT DISTINCT i.person
        FROM (SELECT p.id AS person, p.id FROM unnest(customer_ids) p (id) UNION ALL SELECT o.person, o.id FROM unnest(other_ids) o) i
        CROSS JOIN LATERAL (SELECT c.coupon_type FROM crm.coupon c WHERE c.customer_id = i.id
                            AND (c.state = 'issued' AND c.valid_until > crm.core_now() OR c.state = 'redeemed' AND c.redeemed_at > since) OFFSET 0) c
        JOIN crm.coupon_type held ON held.coupon_type = c.coupon_type
        WHERE held.rank >= least_rank);
END
$$;
COMMENT ON FUNCTION crm._loyalty_holders(bigint[], crm.person_id[], text, int) IS
    'those of the persons, under these and their other ids, who hold a valid coupon, or redeemed one in so many '
    'days, that is worth as much as the type or more';

CREATE FUNCTION crm._loyalty_void(customer_id bigint, flow_id int, occurrence_key text, reason text) RETURNS void
    LANGUAGE plpgsql AS
$$
#variable_conflict use_column
BEGIN
    WITH withdrawn AS (
        UPDATE crm.coupon c SET state = 'void'
        WHERE c.customer_id = _loyalty_void.customer_id AND c.flow_id = _loyalty_void.flow_id
          AND c.occurrence_key = _loyalty_void.occurrence_key AND c.state = 'issued'
        RETURNING c.customer_id, c.coupon_id)
    INSERT INTO crm.coupon_event (customer_id, coupon_id, coupon_event_id, at, kind, reason, actor)
    SELECT w.customer_id, w.coupon_id, crm._new_id(), crm.core_now(), 'void', _loyalty_void.reason, crm._actor() FROM withdrawn w;
END
$$;
COMMENT ON FUNCTION crm._loyalty_void(bigint, int, text, text) IS
    'withdraws the coupon of an occurrence that nobody was told of; nothing when it is not open any more';

CREATE FUNCTION crm._loyalty_expire() RETURNS bigint
    LANGUAGE plpgsql AS
$$
DECLARE
    done bigint;
BEGIN
    UPDATE crm.coupon c SET state = 'expired'
    WHERE c.state = 'issued' AND (c.customer_id, c.coupon_id) IN (
        SELECT e.customer_id, e.coupon_id FROM crm.coupon e
        WHERE e.state = 'issued' AND e.valid_until <= crm.core_now() AND (e.reserved_until IS NULL OR e.reserved_until <= crm.core_now())
        ORDER BY e.valid_until LIMIT 2000);
    GET DIAGNOSTICS done = ROW_COUNT;
    RETURN CASE WHEN done = 2000 THEN 1 ELSE 0 END;
END
$$;
COMMENT ON FUNCTION crm._loyalty_expire() IS 'job: marks up to 2000 coupons whose time is over; 1 when there may be more';

CREATE FUNCTION crm._loyalty_coupons(person bigint) RETURNS SETOF jsonb
    LANGUAGE plpgsql STABLE AS
$$
DECLARE
    ids bigint[] := crm._identity_cluster(person);
BEGIN
    RETURN QUERY
    SELECT jsonb_strip_nulls(jsonb_build_object(
        'code', c.code, 'coupon_type', c.coupon_type, 'name', t.name_zh, 'name_en', t.name_en, 'kind', t.kind,
        'value', c.value, 'minimum_amount', t.minimum_amount,
        'state', CASE WHEN c.state = 'issued' AND c.valid_until <= crm.core_now() THEN 'expired' ELSE c.state END,
        'issued_at', c.issued_at, 'valid_until', c.valid_until, 'redeemed_at', c.redeemed_at,
        'order', c.redeeming_order, 'flow_id', c.flow_id))
    FROM crm.coupon c JOIN crm.coupon_type t ON t.coupon_type = c.coupon_type
    WHERE c.customer_id = ANY (ids)
    ORDER BY c.state <> 'issued', c.valid_until, c.coupon_id;
END
$$;
COMMENT ON FUNCTION crm._loyalty_coupons(bigint) IS
    'all coupons of a person, the usable ones first, without asking who wants to know';

CREATE FUNCTION crm.loyalty_coupons(customer_id bigint) RETURNS SETOF jsonb
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
DECLARE
    person bigint := crm._access_require_person(customer_id);
BEGIN
    RETURN QUERY SELECT crm._loyalty_coupons(person);
END
$$;
COMMENT ON FUNCTION crm.loyalty_coupons(bigint) IS
    'all coupons of a person under any of the ids, usable ones first: code, name, kind, value, state, valid_until '
    '(exclusive); P0002 outside of the caller''s scope';
GRANT EXECUTE ON FUNCTION crm.loyalty_coupons(bigint) TO crm_clerk, crm_store_manager, crm_manager, crm_service,
    crm_steward, crm_marketer, crm_analyst, crm_headquarters;

-- The row a code leads to.  Codes that we made carry their ids; those of a source's own system
-- (loaded as history) are found by the source's key, those of a pool by the pool's.
CREATE FUNCTION crm._loyalty_find(code text, source_id int, OUT customer_id bigint, OUT coupon_id bigint)
    LANGUAGE plpgsql STABLE AS
$$
#variable_conflict use_column
DECLARE
    typed text := normalize(coalesce(code, ''), NFKC);
    found record;
BEGIN
    SELECT i.customer_id, i.coupon_id INTO found FROM crm._loyalty_ids(typed) i;
    IF found.coupon_id IS NULL THEN     -- of an older system, where a code is one of its source; who names none means the only one
        SELECT min(k.source_record_id) AS customer_id, min(k.fact_id) AS coupon_id INTO found
        FROM crm.source s CROSS JOIN LATERAL (SELECT * FROM crm.external_key x
                                              WHERE x.source_id = s.source_id AND x.kind = 6 AND x.external_id = btrim(typed) LIMIT 1) k
        WHERE s.source_id = coalesce(_loyalty_find.source_id, s.source_id)
        HAVING count(*) = 1;
    END IF;
    IF found.coupon_id IS NULL THEN
        SELECT p.customer_id, p.coupon_id INTO found FROM crm.coupon_pool_code p WHERE p.code_key = crm._loyalty_code_key(typed);
    END IF;
    customer_id := found.customer_id;
    coupon_id := found.coupon_id;
END
$$;
COMMENT ON FUNCTION crm._loyalty_find(text, int) IS
    'customer and coupon a typed code leads to, unverified: the caller locks the row; nulls when to none';

CREATE FUNCTION crm._loyalty_source(source text) RETURNS int
    LANGUAGE plpgsql STABLE AS
$$
DECLARE
    claimed text := crm._actor_claim('source');
    id int;
BEGIN
    IF claimed IS NOT NULL AND source IS NOT NULL AND source <> claimed THEN
        RAISE EXCEPTION 'this key may not act for source "%"', source
            USING ERRCODE = 'insufficient_privilege', COLUMN = 'source', HINT = format('Leave source out, or give "%s".', claimed);
    END IF;
    SELECT s.source_id INTO id FROM crm.source s WHERE s.code = coalesce(source, claimed);
    IF id IS NULL THEN
        RAISE EXCEPTION 'there is no source "%"', coalesce(source, '')
            USING ERRCODE = 'invalid_parameter_value', COLUMN = 'source', HINT = 'Give the code of a registered source.';
    END IF;
    RETURN id;
END
$$;
COMMENT ON FUNCTION crm._loyalty_source(text) IS
    'id of the source an order comes from: the one named, else the one of the caller''s key; 42501 for a foreign '
    'one, 22023 for an unknown one';

CREATE FUNCTION crm._loyalty_store(store text) RETURNS int
    LANGUAGE plpgsql STABLE AS
$$
DECLARE
    id int;
BEGIN
    IF store IS NULL THEN
        RETURN NULL;
    END IF;
    SELECT s.store_id INTO id FROM crm.store s WHERE s.code = store;
    IF id IS NULL THEN
        RAISE EXCEPTION 'there is no store "%"', store
            USING ERRCODE = 'invalid_parameter_value', COLUMN = 'store', HINT = 'Give the code of a store, or none.';
    END IF;
    RETURN id;
END
$$;
COMMENT ON FUNCTION crm._loyalty_store(text) IS 'id of a store code; null for null; 22023 for an unknown one';

CREATE FUNCTION crm._loyalty_discount(kind text, value numeric, amount numeric) RETURNS numeric
    LANGUAGE plpgsql STABLE AS
$$
BEGIN
    RETURN CASE kind WHEN 'amount' THEN least(value, amount)
                     WHEN 'percent' THEN round(amount * value / 100, coalesce((crm._setting('purchase.currency_exponent'))::int, 2))
                     ELSE 0 END;
END
$$;
COMMENT ON FUNCTION crm._loyalty_discount(text, numeric, numeric) IS
    'what a coupon takes off an order''s amount, in currency units: never more than the amount; free shipping takes '
    'nothing off the goods';

-- Refuses with code, field and remedy what may not be redeemed.
CREATE FUNCTION crm._loyalty_require_usable(state text, valid_until timestamptz, minimum_amount numeric, amount numeric,
                                            reserved_until timestamptz, is_own_reservation boolean) RETURNS void
    LANGUAGE plpgsql STABLE AS
$$
BEGIN
    IF state = 'redeemed' THEN
        RAISE EXCEPTION 'the coupon has been redeemed by another order'
            USING ERRCODE = 'RM602', COLUMN = 'code', HINT = 'Cancel that redemption first, or use another coupon.';
    ELSIF state = 'issued' AND reserved_until > crm.core_now() AND is_own_reservation IS NOT TRUE THEN
        RAISE EXCEPTION 'the coupon is reserved for another order'
            USING ERRCODE = 'RM614', COLUMN = 'code', HINT = 'Release that reservation, or wait until it ends.';
    ELSIF state = 'expired' OR state = 'issued' AND valid_until <= crm.core_now()
          AND NOT coalesce(is_own_reservation AND reserved_until > crm.core_now(), false) THEN
        RAISE EXCEPTION 'the coupon has expired'
            USING ERRCODE = 'RM603', COLUMN = 'code', HINT = 'Use another coupon.';
    ELSIF state <> 'issued' THEN
        RAISE EXCEPTION 'the coupon has been withdrawn'
            USING ERRCODE = 'RM603', COLUMN = 'code', HINT = 'Use another coupon.';
    ELSIF amount < minimum_amount THEN
        RAISE EXCEPTION 'the order''s amount is below the coupon''s minimum'
            USING ERRCODE = 'RM605', COLUMN = 'amount', HINT = format('The coupon needs an order of at least %s.', minimum_amount);
    END IF;
END
$$;
COMMENT ON FUNCTION crm._loyalty_require_usable(text, timestamptz, numeric, numeric, timestamptz, boolean) IS
    'RM602 redeemed, RM603 expired or withdrawn, RM605 below the minimum, RM614 reserved for another order; an own '
    'reservation holds the coupon past its time; COLUMN is the field, HINT the remedy';

CREATE FUNCTION crm.loyalty_redeem(code text, source text, order_external_id text, store text, amount numeric,
                                   idempotency_key text DEFAULT NULL) RETURNS jsonb
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
#variable_conflict use_column
DECLARE
    answer jsonb := crm._idempotency_claim(idempotency_key, 'loyalty_redeem', convert_to(
        jsonb_build_array(code, source, order_external_id, store, amount)::text, 'UTF8'));
    src int;
    shop int;
    at record;
    c record;
    off numeric;
BEGIN
    IF answer IS NOT NULL THEN
        RETURN answer;
    END IF;
    src := crm._loyalty_source(source);
    shop := crm._loyalty_store(store);
    IF coalesce(order_external_id, '') = '' THEN
        RAISE EXCEPTION 'a redemption needs its order' USING ERRCODE = 'null_value_not_allowed',
            COLUMN = 'order_external_id', HINT = 'Give the order''s number in its source.';
    ELSIF length(order_external_id) > 200 THEN
        RAISE EXCEPTION 'the order''s number is too long' USING ERRCODE = 'invalid_parameter_value',
            COLUMN = 'order_external_id', HINT = 'Give the order''s number in its source, at most 200 characters.';
    ELSIF amount IS NULL OR amount < 0 OR amount = 'NaN' OR amount > 1e12 THEN
        RAISE EXCEPTION 'a redemption needs the order''s amount' USING ERRCODE = 'invalid_parameter_value',
            COLUMN = 'amount', HINT = 'Give the amount before the coupon, zero or more.';
    END IF;
    -- the counter's pages have no older system of their own: what they show as usable is any source's
    at := crm._loyalty_find(code, CASE WHEN source IS DISTINCT FROM 'console' THEN src END);
    SELECT k.*, t.kind, t.name_zh, t.minimum_amount INTO c
    FROM crm.coupon k JOIN crm.coupon_type t ON t.coupon_type = k.coupon_type
    WHERE k.customer_id = at.customer_id AND k.coupon_id = at.coupon_id FOR UPDATE OF k;
    IF c.coupon_id IS NULL THEN
        RAISE EXCEPTION 'there is no such coupon' USING ERRCODE = 'RM601', COLUMN = 'code', HINT = 'Check the code for a typing mistake.';
    END IF;
    off := crm._loyalty_discount(c.kind, c.value, amount);
    answer := jsonb_build_object('code', c.code, 'coupon_type', c.coupon_type, 'name', c.name_zh, 'kind', c.kind,
                                 'value', c.value, 'amount', amount, 'discount', off, 'order', order_external_id, 'state', 'redeemed');
    IF c.state = 'redeemed' AND c.redeeming_source_id = src AND c.redeeming_order = order_external_id THEN
        -- the same redemption again, without a key: it is done, for the amount and with what was taken off then,
        -- whatever the order comes to now
        answer := answer || (SELECT jsonb_build_object('redeemed_at', c.redeemed_at, 'repeated', true, 'amount', e.amount, 'discount', e.discount)
            FROM crm.coupon_event e WHERE e.customer_id = c.customer_id AND e.coupon_id = c.coupon_id
                AND e.kind = 'redeemed' ORDER BY e.coupon_event_id DESC LIMIT 1);
        PERFORM crm._idempotency_store(idempotency_key, answer);
        RETURN answer;
    END IF;
    PERFORM crm._loyalty_require_usable(c.state, c.valid_until, c.minimum_amount, amount, c.reserved_until,
        c.reserved_source_id = src AND c.reserved_order = order_external_id);
    INSERT INTO crm.external_key (source_id, kind, external_id, source_record_id, fact_id, content_hash, received_at)
    VALUES (src, 7, order_external_id, c.customer_id, c.coupon_id, crm._sha256(convert_to(c.code, 'UTF8')), crm.core_now())
    ON CONFLICT ON CONSTRAINT external_key_pkey DO NOTHING;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'the order already carries a coupon'
            USING ERRCODE = 'RM604', COLUMN = 'order_external_id', HINT = 'One coupon an order: cancel the other redemption first.';
    END IF;
    UPDATE crm.coupon k SET state = 'redeemed', redeemed_at = crm.core_now(), redeeming_source_id = src,
           reserved_source_id = NULL, reserved_order = NULL, reserved_until = NULL,
               redeeming_order = loyalty_redeem.order_external_id, redeeming_store_id = shop
    WHERE k.customer_id = c.customer_id AND k.coupon_id = c.coupon_id;
    INSERT INTO crm.coupon_event (customer_id, coupon_id, coupon_event_id, at, kind, source_id, order_external_id,
                                  store_id, amount, discount, actor)
    VALUES (c.customer_id, c.coupon_id, crm._new_id(), crm.core_now(), 'redeemed', src,
            loyalty_redeem.order_external_id, shop, loyalty_redeem.amount, off, crm._actor());
    answer := answer || jsonb_build_object('redeemed_at', crm.core_now());
    PERFORM crm._idempotency_store(idempotency_key, answer);
    RETURN answer;
END
$$;
COMMENT ON FUNCTION crm.loyalty_redeem(text, text, text, text, numeric, text) IS
    'redeems a coupon for an order (source null: that of the caller''s key); amount is the order''s before the '
    'coupon, in currency units; answers with the amount and the discount; the same order again answers as then, '
    'amount and discount too, with repeated: one whose amount is another now is cancelled and redeemed anew; RM601 '
    'unknown, RM602 used, RM603 expired or withdrawn, RM604 order has one, RM605 below minimum, RM614 reserved for '
    'another order; COLUMN names the field';
GRANT EXECUTE ON FUNCTION crm.loyalty_redeem(text, text, text, text, numeric, text) TO crm_till, crm_clerk,
    crm_store_manager, crm_manager, crm_service, crm_headquarters;

CREATE FUNCTION crm.loyalty_cancel_redemption(code text, order_external_id text, reason text,
                                              idempotency_key text DEFAULT NULL) RETURNS jsonb
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
#variable_conflict use_column
DECLARE
    answer jsonb := crm._idempotency_claim(idempotency_key, 'loyalty_cancel_redemption', convert_to(
        jsonb_build_array(code, order_external_id, reason)::text, 'UTF8'));
    claimed text := crm._actor_claim('source');
    src int := (SELECT s.source_id FROM crm.source s WHERE s.code = claimed);
    at record;
    c record;
    state_now text;
BEGIN
    IF answer IS NOT NULL THEN
        RETURN answer;
    END IF;
    PERFORM crm._access_check_reason(reason);
    at := crm._loyalty_find(code, src);
    SELECT k.* INTO c FROM crm.coupon k
    WHERE k.customer_id = at.customer_id AND k.coupon_id = at.coupon_id FOR UPDATE OF k;
    IF c.coupon_id IS NULL THEN
        RAISE EXCEPTION 'there is no such coupon' USING ERRCODE = 'RM601', COLUMN = 'code', HINT = 'Check the code for a typing mistake.';
    ELSIF c.state <> 'redeemed' OR c.redeeming_order IS DISTINCT FROM order_external_id
          OR src IS NOT NULL AND c.redeeming_source_id <> src THEN
        RAISE EXCEPTION 'the coupon was not redeemed by this order' USING ERRCODE = 'RM606',
            COLUMN = 'order_external_id', HINT = 'Give the order that redeemed the coupon.';
    END IF;
    state_now := CASE WHEN c.valid_until <= crm.core_now() THEN 'expired' ELSE 'issued' END;
    DELETE FROM crm.external_key k
    WHERE k.source_id = c.redeeming_source_id AND k.kind = 7 AND k.external_id = c.redeeming_order;
    UPDATE crm.coupon k SET state = state_now, redeemed_at = NULL, redeeming_source_id = NULL, redeeming_order = NULL,
           redeeming_store_id = NULL
    WHERE k.customer_id = c.customer_id AND k.coupon_id = c.coupon_id;
    INSERT INTO crm.coupon_event (customer_id, coupon_id, coupon_event_id, at, kind, source_id, order_external_id,
                                  store_id, reason, actor)
    VALUES (c.customer_id, c.coupon_id, crm._new_id(), crm.core_now(), 'redemption_cancelled', c.redeeming_source_id,
            c.redeeming_order, c.redeeming_store_id, loyalty_cancel_redemption.reason, crm._actor());
    answer := jsonb_build_object('code', c.code, 'state', state_now, 'valid_until', c.valid_until);
    PERFORM crm._idempotency_store(idempotency_key, answer);
    RETURN answer;
END
$$;
COMMENT ON FUNCTION crm.loyalty_cancel_redemption(text, text, text, text) IS
    'takes a redemption back: the coupon is usable again for the rest of its validity; RM601 unknown coupon, RM606 '
    'not redeemed by this order (a key of a source cancels only its own)';
GRANT EXECUTE ON FUNCTION crm.loyalty_cancel_redemption(text, text, text, text) TO crm_till, crm_clerk,
    crm_store_manager, crm_manager, crm_service, crm_headquarters;

-- History: coupons that an older system issued, with their outcome.
CREATE TYPE crm.coupon_fact AS (
    ordinal int, source_id int, external_id text, source_record_id bigint, customer_id bigint, coupon_type text,
    issued_at timestamptz, valid_until timestamptz, state text, redeemed_at timestamptz, order_external_id text,
    is_history boolean, content_hash bytea, received_at timestamptz, inbox_id bigint, line_no int);

-- Makes the keys of coupons not known yet, in their order, so that of two deliveries one waits; the facts' ids.
CREATE FUNCTION crm._loyalty_claim_codes(facts crm.coupon_fact[]) RETURNS bigint[]
    LANGUAGE plpgsql AS
$$
DECLARE
    made bigint[];
BEGIN
    WITH claimed AS (
        INSERT INTO crm.external_key (source_id, kind, external_id, source_record_id, fact_id, content_hash, received_at, inbox_id, line_no)
        SELECT n.source_id, 6, n.external_id, n.customer_id, crm._new_id(), '', n.received_at, n.inbox_id, n.line_no
        FROM (SELECT DISTINCT ON (f.source_id, f.external_id) f.* FROM unnest(facts) f ORDER BY f.source_id, f.external_id, f.ordinal) n
        ON CONFLICT ON CONSTRAINT external_key_pkey DO NOTHING
        RETURNING fact_id)
    SELECT array_agg(c.fact_id) INTO made FROM claimed c;
    PERFORM FROM unnest(facts) f
    CROSS JOIN LATERAL (SELECT FROM crm.external_key k
                        WHERE k.source_id = f.source_id AND k.kind = 6 AND k.external_id = f.external_id FOR UPDATE) k;
    RETURN coalesce(made, '{}');
END
$$;
COMMENT ON FUNCTION crm._loyalty_claim_codes(crm.coupon_fact[]) IS
    'makes or locks the keys of coupons of older systems, in the order of the facts, which is that of their codes; '
    'the fact ids it made';

-- What a fact of an older system says became of its coupon.
CREATE FUNCTION crm._loyalty_history_state(state text, redeemed_at timestamptz, valid_until timestamptz) RETURNS text
    LANGUAGE sql STABLE
    AS $$ SELECT CASE WHEN state IN ('redeemed', 'cancelled', 'void', 'expired') THEN state
                      WHEN redeemed_at IS NOT NULL THEN 'redeemed'
                      WHEN valid_until <= crm.core_now() THEN 'expired' ELSE 'issued' END $$;
COMMENT ON FUNCTION crm._loyalty_history_state(text, timestamptz, timestamptz) IS
    'the state of a coupon as an older system told of it: what it says, else redeemed when it has a time of that, '
    'else by its validity';

-- Stores coupons whose person and type are known; a code that comes twice in a call is as told last.
CREATE FUNCTION crm._loyalty_write_history(facts crm.coupon_fact[], made bigint[])
    RETURNS TABLE (ordinal int, fact_id bigint, customer_id bigint, outcome text)
    LANGUAGE plpgsql SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET jit = off AS
$$
#variable_conflict use_column
DECLARE
    zone text := crm._setting('core.time_zone') #>> '{}';
BEGIN
    RETURN QUERY
    WITH told AS MATERIALIZED (
        SELECT f.*, k.source_record_id AS person, k.fact_id, t.value AS worth, v.until,
               CASE WHEN lag(f.ordinal) OVER w IS NULL AND k.fact_id = ANY (made) THEN 'created'
                    WHEN coalesce(lag(f.content_hash) OVER w, k.content_hash) = f.content_hash THEN 'unchanged' ELSE 'updated' END AS outcome,
               lead(f.ordinal) OVER w IS NULL AND k.content_hash <> f.content_hash AS is_news
        FROM unnest(facts) f
        JOIN crm.coupon_type t ON t.coupon_type = f.coupon_type
        CROSS JOIN LATERAL (SELECT * FROM crm.external_key x
                            WHERE x.source_id = f.source_id AND x.kind = 6 AND x.external_id = f.external_id LIMIT 1) k
        CROSS JOIN LATERAL (SELECT coalesce(f.valid_until, crm._loyalty_valid_until(f.issued_at, t.valid_days, zone)) AS until) v
        WINDOW w AS (PARTITION BY f.source_id, f.external_id ORDER BY f.ordinal)),
    written AS (
        INSERT INTO crm.coupon (customer_id, coupon_id, code, coupon_type, value, state, issued_at, valid_until, redeemed_at,
                                redeeming_source_id, redeeming_order, is_history)
        SELECT n.person, n.fact_id, n.external_id, n.coupon_type, n.worth, s.state, n.issued_at, n.until,
               CASE WHEN s.state = 'redeemed' THEN coalesce(n.redeemed_at, n.until) END,
               CASE WHEN s.state = 'redeemed' THEN n.source_id END,
               CASE WHEN s.state = 'redeemed' THEN n.order_external_id END, coalesce(n.is_history, true)
        FROM told n CROSS JOIN LATERAL (SELECT crm._loyalty_history_state(n.state, n.redeemed_at, n.until) AS state) s
        WHERE n.is_news
        ON CONFLICT ON CONSTRAINT coupon_pkey DO UPDATE SET state = excluded.state, coupon_type = excluded.coupon_type,
            issued_at = excluded.issued_at, valid_until = excluded.valid_until, redeemed_at = excluded.redeemed_at,
            redeeming_source_id = excluded.redeeming_source_id, redeeming_order = excluded.redeeming_order),
    keyed AS (
        UPDATE crm.external_key k SET content_hash = n.content_hash, received_at = n.received_at, inbox_id = n.inbox_id, line_no = n.line_no
        FROM told n
        WHERE n.is_news AND k.source_id = n.source_id AND k.kind = 6 AND k.external_id = n.external_id)
    SELECT t.ordinal, t.fact_id, t.person, t.outcome FROM told t;
END
$$;
COMMENT ON FUNCTION crm._loyalty_write_history(crm.coupon_fact[], bigint[]) IS
    'writes coupons an older system issued, and their state as told; the facts name known types by code, their keys '
    'are locked, made are the fact ids new with this call';

CREATE FUNCTION crm._loyalty_store_coupons(facts crm.coupon_fact[])
    RETURNS TABLE (ordinal int, fact_id bigint, customer_id bigint, outcome text)
    LANGUAGE plpgsql AS
$$
#variable_conflict use_column
DECLARE
    named crm.coupon_fact[];
    good crm.coupon_fact[];
BEGIN
    -- every fact with the person of now, and its type by code, null when there is none such
    named := ARRAY(
        SELECT ROW(f.ordinal, f.source_id, f.external_id, f.source_record_id, crm._identity_current(f.customer_id),
                   (SELECT t.coupon_type FROM crm.coupon_type t WHERE f.coupon_type IN (t.coupon_type, t.name_zh, t.name_en) LIMIT 1),
                   f.issued_at, f.valid_until, f.state, f.redeemed_at, f.order_external_id, f.is_history, f.content_hash,
                   f.received_at, f.inbox_id, f.line_no)::crm.coupon_fact
        FROM unnest(facts) f ORDER BY f.source_id, f.external_id, f.ordinal);
    good := ARRAY(SELECT f::crm.coupon_fact FROM unnest(named) f WHERE f.customer_id IS NOT NULL AND f.coupon_type IS NOT NULL);
    RETURN QUERY SELECT f.ordinal, NULL::bigint, f.customer_id, CASE WHEN f.customer_id IS NULL THEN 'no_person' ELSE 'RM607' END
    FROM unnest(named) f WHERE f.customer_id IS NULL OR f.coupon_type IS NULL;
    RETURN QUERY SELECT * FROM crm._loyalty_write_history(good, crm._loyalty_claim_codes(good));
END
$$;
COMMENT ON FUNCTION crm._loyalty_store_coupons(crm.coupon_fact[]) IS
    'stores coupons of an older system; a type is named by its code or name; outcome created, updated, unchanged, '
    'no_person, or RM607 for an unknown type';

CREATE FUNCTION crm._loyalty_on_export(customer_id bigint) RETURNS jsonb
    LANGUAGE plpgsql STABLE AS
$$
BEGIN
    RETURN jsonb_build_object(
        'coupons', (SELECT coalesce(jsonb_agg(k), '[]') FROM crm._loyalty_coupons(customer_id) k),
        'points', (SELECT coalesce(jsonb_agg(jsonb_build_object('at', e.at, 'kind', e.kind, 'points', e.points, 'reason', e.reason)
                                             ORDER BY e.at, e.entry_id), '[]')
                   FROM crm.membership m JOIN crm.points_entry e USING (source_record_id)
                   WHERE m.customer_id = _loyalty_on_export.customer_id AND m.valid_to = 'infinity'),
        'membership', crm._loyalty_standing(customer_id) - 'customer_id',
        'games', crm._loyalty_export_games(crm._identity_cluster(customer_id)));
END
$$;
COMMENT ON FUNCTION crm._loyalty_on_export(bigint) IS
    'what the room keeps about a person: coupons, the ledger of points, level, badges and gifts, referrals and '
    'tickets';

CREATE FUNCTION crm.loyalty_check() RETURNS TABLE (what text, expected text, found text)
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    SELECT format('redemption of coupon %s by order %s', c.coupon_id, c.redeeming_order), 'one key of kind 7', 'none'
    FROM crm.coupon c
    WHERE c.state = 'redeemed' AND NOT c.is_history AND NOT EXISTS (
        SELECT FROM crm.external_key k
        WHERE k.source_id = c.redeeming_source_id AND k.kind = 7 AND k.external_id = c.redeeming_order AND k.fact_id = c.coupon_id);
    RETURN QUERY
    SELECT format('key of the redemption by order %s', k.external_id), 'a redeemed coupon', coalesce(c.state, 'none')
    FROM crm.external_key k LEFT JOIN crm.coupon c ON c.customer_id = k.source_record_id AND c.coupon_id = k.fact_id
    WHERE k.kind = 7 AND c.state IS DISTINCT FROM 'redeemed';
    RETURN QUERY SELECT p.what, p.expected, p.found FROM crm._loyalty_points_check() p;
END
$$;
COMMENT ON FUNCTION crm.loyalty_check() IS
    'redemptions without their unique key, keys without redemption, and the ledger of points added up anew; no '
    'rows: all agrees';
GRANT EXECUTE ON FUNCTION crm.loyalty_check() TO crm_admin;
