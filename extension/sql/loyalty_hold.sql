-- loyalty_hold: a coupon held for an order that is being made, given to somebody else, made valid longer, withdrawn.
--
-- Locks: both persons ascending (giving), then the coupon's row.  A reservation is three columns of the row: whoever
-- redeems or reserves it waits for the row and then sees them; when its time is over nothing needs to be done.

CREATE FUNCTION crm._loyalty_event(customer_id bigint, coupon_id bigint, kind text, reason text DEFAULT NULL, source_id int DEFAULT NULL,
                                   order_external_id text DEFAULT NULL, store_id int DEFAULT NULL) RETURNS void
    LANGUAGE plpgsql AS
$$
BEGIN
    INSERT INTO crm.coupon_event (customer_id, coupon_id, coupon_event_id, at, kind, source_id, order_external_id, store_id, reason, actor)
    VALUES (customer_id, coupon_id, crm._new_id(), crm.core_now(), kind, source_id, order_external_id, store_id, left(reason, 500), crm._actor());
END
$$;
COMMENT ON FUNCTION crm._loyalty_event(bigint, bigint, text, text, int, text, int) IS 'appends to the life of a coupon';

CREATE FUNCTION crm._loyalty_locked(code text, source_id int) RETURNS record
    LANGUAGE plpgsql AS
$$
#variable_conflict use_column
DECLARE
    at record := crm._loyalty_find(code, source_id);
    c record;
BEGIN
    SELECT k.*, t.kind, t.name_zh, t.minimum_amount, t.is_transferable, t.is_pooled INTO c
    FROM crm.coupon k JOIN crm.coupon_type t ON t.coupon_type = k.coupon_type
    WHERE k.customer_id = at.customer_id AND k.coupon_id = at.coupon_id FOR UPDATE OF k;
    IF c.coupon_id IS NULL THEN
        RAISE EXCEPTION 'there is no such coupon' USING ERRCODE = 'RM601', COLUMN = 'code', HINT = 'Check the code for a typing mistake.';
    END IF;
    RETURN c;
END
$$;
COMMENT ON FUNCTION crm._loyalty_locked(text, int) IS 'the coupon of a code with what its type says, locked; RM601';

CREATE FUNCTION crm._loyalty_require_holder(code text) RETURNS bigint
    LANGUAGE plpgsql STABLE AS
$$
DECLARE
    holder bigint := (crm._loyalty_find(code, NULL)).customer_id;
BEGIN
    IF holder IS NULL THEN
        RAISE EXCEPTION 'there is no such coupon' USING ERRCODE = 'RM601', COLUMN = 'code', HINT = 'Check the code for a typing mistake.';
    END IF;
    RETURN crm._access_require_person(holder);
END
$$;
COMMENT ON FUNCTION crm._loyalty_require_holder(text) IS
    'the person who holds the coupon of a code, whom the caller may see; RM601, P0002';

CREATE FUNCTION crm.loyalty_reserve(code text, source text, order_external_id text, amount numeric DEFAULT NULL, minutes int DEFAULT 15,
                                    idempotency_key text DEFAULT NULL) RETURNS jsonb
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
#variable_conflict use_column
DECLARE
    answer jsonb := crm._idempotency_claim(idempotency_key, 'loyalty_reserve', convert_to(
        jsonb_build_array(code, source, order_external_id, amount, minutes)::text, 'UTF8'));
    src int;
    c record;
    until timestamptz;
BEGIN
    IF answer IS NOT NULL THEN
        RETURN answer;
    END IF;
    src := crm._loyalty_source(source);
    IF coalesce(order_external_id, '') = '' OR length(order_external_id) > 200 THEN
        RAISE EXCEPTION 'a coupon is reserved for an order' USING ERRCODE = 'invalid_parameter_value',
            COLUMN = 'order_external_id', HINT = 'Give the order''s number in its source.';
    ELSIF coalesce(minutes, 0) NOT BETWEEN 1 AND 1440 THEN
        RAISE EXCEPTION 'a coupon is reserved for 1 to 1440 minutes' USING ERRCODE = 'invalid_parameter_value',
            COLUMN = 'minutes', HINT = 'Give the time an order may take, as 15.';
    END IF;
    c := crm._loyalty_locked(code, src);
    PERFORM crm._loyalty_require_usable(c.state, c.valid_until, c.minimum_amount, amount, c.reserved_until,
        c.reserved_source_id = src AND c.reserved_order = order_external_id);
    IF EXISTS (SELECT FROM crm.external_key k WHERE k.source_id = src AND k.kind = 7 AND k.external_id = loyalty_reserve.order_external_id)
       OR EXISTS (SELECT FROM crm.coupon k WHERE k.reserved_source_id = src
                  AND k.reserved_order = loyalty_reserve.order_external_id AND k.state = 'issued'
                  AND k.reserved_until > crm.core_now() AND k.coupon_id <> c.coupon_id) THEN
        RAISE EXCEPTION 'the order already carries a coupon'
            USING ERRCODE = 'RM604', COLUMN = 'order_external_id',
                HINT = 'One coupon an order: cancel the other redemption, or release the other coupon, first.';
    END IF;
    until := crm.core_now() + make_interval(mins => minutes);
    UPDATE crm.coupon k SET reserved_source_id = src, reserved_order = loyalty_reserve.order_external_id, reserved_until = until
    WHERE k.customer_id = c.customer_id AND k.coupon_id = c.coupon_id;
    PERFORM crm._loyalty_event(c.customer_id, c.coupon_id, 'reserved', NULL, src, order_external_id);
    answer := jsonb_build_object('code', c.code, 'coupon_type', c.coupon_type, 'name', c.name_zh, 'kind', c.kind,
        'value', c.value, 'order', order_external_id,
        'state', 'reserved', 'reserved_until', until, 'discount', crm._loyalty_discount(c.kind, c.value, amount));
    PERFORM crm._idempotency_store(idempotency_key, answer);
    RETURN answer;
END
$$;
COMMENT ON FUNCTION crm.loyalty_reserve(text, text, text, numeric, int, text) IS
    'holds a coupon for an order that is being made, 1 to 1440 minutes; crm.loyalty_redeem() for the same order '
    'commits it, even past its validity; again for the same order prolongs; when the time is over it is as before; '
    'RM601 to RM605, RM614 held for another order';
GRANT EXECUTE ON FUNCTION crm.loyalty_reserve(text, text, text, numeric, int, text) TO crm_till, crm_clerk, crm_store_manager, crm_manager,
    crm_service, crm_headquarters;

CREATE FUNCTION crm.loyalty_release(code text, source text, order_external_id text, reason text DEFAULT NULL,
                                    idempotency_key text DEFAULT NULL) RETURNS jsonb
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
#variable_conflict use_column
DECLARE
    answer jsonb := crm._idempotency_claim(idempotency_key,
            'loyalty_release', convert_to(jsonb_build_array(code, source, order_external_id, reason)::text, 'UTF8'));
    src int;
    c record;
BEGIN
    IF answer IS NOT NULL THEN
        RETURN answer;
    END IF;
    PERFORM crm._access_check_reason(reason);
    src := crm._loyalty_source(source);
    c := crm._loyalty_locked(code, src);
    IF c.reserved_source_id IS DISTINCT FROM src OR c.reserved_order IS DISTINCT FROM order_external_id THEN
        RAISE EXCEPTION 'the coupon is not reserved for this order' USING ERRCODE = 'RM616',
            COLUMN = 'order_external_id', HINT = 'Give the order it was reserved for.';
    END IF;
    UPDATE crm.coupon k SET reserved_source_id = NULL, reserved_order = NULL, reserved_until = NULL
    WHERE k.customer_id = c.customer_id AND k.coupon_id = c.coupon_id;
    PERFORM crm._loyalty_event(c.customer_id, c.coupon_id, 'released', reason, src, order_external_id);
    answer := jsonb_build_object('code', c.code, 'state', CASE WHEN c.valid_until <= crm.core_now() THEN 'expired'
            ELSE 'issued' END, 'valid_until', c.valid_until);
    PERFORM crm._idempotency_store(idempotency_key, answer);
    RETURN answer;
END
$$;
COMMENT ON FUNCTION crm.loyalty_release(text, text, text, text, text) IS
    'gives a reserved coupon free; RM601, RM616 not reserved for this order';
GRANT EXECUTE ON FUNCTION crm.loyalty_release(text, text, text, text, text) TO crm_till, crm_clerk, crm_store_manager, crm_manager,
    crm_service, crm_headquarters;

CREATE FUNCTION crm._loyalty_receive(c record, receiver bigint) RETURNS bigint
    LANGUAGE plpgsql AS
$$
#variable_conflict use_column
DECLARE
    id bigint := crm._new_id();
    own_code text := CASE WHEN c.is_pooled THEN c.code ELSE crm._loyalty_code(receiver, id) END;
BEGIN
    UPDATE crm.coupon k SET state = 'void' WHERE k.customer_id = c.customer_id AND k.coupon_id = c.coupon_id;
    PERFORM crm._loyalty_event(c.customer_id, c.coupon_id, 'given');
    INSERT INTO crm.coupon (customer_id, coupon_id, code, coupon_type, flow_id, occurrence_key, value, state, issued_at, valid_until, given_by)
    VALUES (receiver, id, own_code, c.coupon_type, NULL, 'given:' || c.coupon_id, c.value, 'issued', crm.core_now(), c.valid_until, c.customer_id);
    UPDATE crm.coupon_pool_code p SET customer_id = receiver, coupon_id = id WHERE c.is_pooled AND p.code_key = crm._loyalty_code_key(c.code);
    PERFORM crm._loyalty_event(receiver, id, 'received');
    RETURN id;
END
$$;
COMMENT ON FUNCTION crm._loyalty_receive(record, bigint) IS
    'the coupon ends with its giver and begins with its receiver: a code of ours holds the person, so it is another '
    'one; a foreign code goes along';

CREATE FUNCTION crm.loyalty_give(code text, to_customer_id bigint, idempotency_key text DEFAULT NULL) RETURNS jsonb
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
#variable_conflict use_column
DECLARE
    answer jsonb := crm._idempotency_claim(idempotency_key, 'loyalty_give', convert_to(jsonb_build_array(code, to_customer_id)::text, 'UTF8'));
    receiver bigint;
    holder bigint;
    c record;
    id bigint;
BEGIN
    IF answer IS NOT NULL THEN
        RETURN answer;
    END IF;
    holder := crm._loyalty_require_holder(code);
    receiver := crm._identity_current(to_customer_id);
    IF cardinality(crm._loyalty_lock(ARRAY[holder, receiver])) < 2 THEN
        RAISE EXCEPTION 'the coupon may not be given to this person' USING ERRCODE = 'RM615',
            COLUMN = 'to_customer_id', HINT = 'Give it to somebody else who is a member.';
    END IF;
    c := crm._loyalty_locked(code, NULL);
    PERFORM crm._loyalty_require_usable(c.state, c.valid_until, 0, NULL, c.reserved_until, false);
    IF NOT c.is_transferable THEN
        RAISE EXCEPTION 'coupons of this type are not given away' USING ERRCODE = 'RM615', COLUMN = 'code',
            HINT = 'The type''s is_transferable says which are.';
    END IF;
    id := crm._loyalty_receive(c, receiver);
    PERFORM crm._audit('give', 'coupon', c.customer_id, 'customer_id', c.customer_id::text, receiver::text);
    answer := (SELECT jsonb_build_object('code', k.code, 'coupon_type', k.coupon_type, 'customer_id', receiver,
               'state', k.state, 'valid_until', k.valid_until)
               FROM crm.coupon k WHERE k.customer_id = receiver AND k.coupon_id = id);
    PERFORM crm._idempotency_store(idempotency_key, answer);
    RETURN answer;
END
$$;
COMMENT ON FUNCTION crm.loyalty_give(text, bigint, text) IS
    'gives an open coupon of a transferable type to another person: the giver''s ends, the receiver has one of the '
    'same value and validity (its code is new, unless it is of a pool); RM601 to RM603, RM614 reserved, RM615 not '
    'to be given, P0002 the holder is outside of the scope; audited';
GRANT EXECUTE ON FUNCTION crm.loyalty_give(text, bigint, text) TO crm_clerk, crm_store_manager, crm_manager, crm_service, crm_headquarters;

CREATE FUNCTION crm.loyalty_set_validity(code text, last_day date, reason text, idempotency_key text DEFAULT NULL) RETURNS jsonb
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
#variable_conflict use_column
DECLARE
    answer jsonb := crm._idempotency_claim(idempotency_key,
            'loyalty_set_validity', convert_to(jsonb_build_array(code, last_day, reason)::text, 'UTF8'));
    c record;
    until timestamptz;
    state_now text;
BEGIN
    IF answer IS NOT NULL THEN
        RETURN answer;
    ELSIF last_day IS NULL OR last_day NOT BETWEEN '2000-01-01' AND '2100-01-01' THEN
        RAISE EXCEPTION 'a coupon is valid to a day' USING ERRCODE = 'invalid_parameter_value', COLUMN = 'last_day',
            HINT = 'Give the last local day, as 2026-03-31.';
    END IF;
    PERFORM crm._access_check_reason(reason, 'a change of validity needs its reason', 'Say why.');
    PERFORM crm._loyalty_require_holder(code);
    c := crm._loyalty_locked(code, NULL);
    IF c.state NOT IN ('issued', 'expired') THEN
        PERFORM crm._loyalty_require_usable(c.state, c.valid_until, 0, NULL, NULL, false);
    END IF;
    until := (last_day + 1)::timestamp AT TIME ZONE (crm._setting('core.time_zone') #>> '{}');
    state_now := CASE WHEN until > crm.core_now() THEN 'issued' ELSE 'expired' END;
    UPDATE crm.coupon k SET valid_until = until, state = state_now WHERE k.customer_id = c.customer_id AND k.coupon_id = c.coupon_id;
    PERFORM crm._loyalty_event(c.customer_id, c.coupon_id, 'validity', reason);
    PERFORM crm._audit('edit', 'coupon', c.customer_id, 'valid_until', c.valid_until::text, until::text, reason);
    answer := jsonb_build_object('code', c.code, 'state', state_now, 'valid_until', until);
    PERFORM crm._idempotency_store(idempotency_key, answer);
    RETURN answer;
END
$$;
COMMENT ON FUNCTION crm.loyalty_set_validity(text, date, text, text) IS
    'moves the last local day (of the chain) of an open or expired coupon: an expired one is open again, one whose '
    'day lies in the past has expired; RM601, RM602, RM603 withdrawn, 22023, P0002; audited';
GRANT EXECUTE ON FUNCTION crm.loyalty_set_validity(text, date, text, text) TO crm_service, crm_headquarters;

CREATE FUNCTION crm.loyalty_withdraw(code text, reason text, idempotency_key text DEFAULT NULL) RETURNS jsonb
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
#variable_conflict use_column
DECLARE
    answer jsonb := crm._idempotency_claim(idempotency_key, 'loyalty_withdraw', convert_to(jsonb_build_array(code, reason)::text, 'UTF8'));
    c record;
BEGIN
    IF answer IS NOT NULL THEN
        RETURN answer;
    END IF;
    PERFORM crm._access_check_reason(reason, 'a coupon is withdrawn for a reason', 'Say why.');
    PERFORM crm._loyalty_require_holder(code);
    c := crm._loyalty_locked(code, NULL);
    IF c.state = 'issued' THEN
        PERFORM crm._loyalty_require_usable('issued', 'infinity', 0, NULL, c.reserved_until, false);
        UPDATE crm.coupon k SET state = 'void' WHERE k.customer_id = c.customer_id AND k.coupon_id = c.coupon_id;
        PERFORM crm._loyalty_event(c.customer_id, c.coupon_id, 'void', reason);
        PERFORM crm._audit('withdraw', 'coupon', c.customer_id, NULL, NULL, c.coupon_type, reason);
    ELSIF c.state <> 'void' THEN
        PERFORM crm._loyalty_require_usable(c.state, c.valid_until, 0, NULL, NULL, false);
    END IF;
    answer := jsonb_build_object('code', c.code, 'state', 'void');
    PERFORM crm._idempotency_store(idempotency_key, answer);
    RETURN answer;
END
$$;
COMMENT ON FUNCTION crm.loyalty_withdraw(text, text, text) IS
    'withdraws an open coupon for ever; again changes nothing; RM601, RM602 redeemed, RM603 expired, RM614 an order '
    'holds it, P0002; audited';
GRANT EXECUTE ON FUNCTION crm.loyalty_withdraw(text, text, text) TO crm_service, crm_headquarters;
