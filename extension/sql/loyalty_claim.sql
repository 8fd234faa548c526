-- loyalty_claim: coupons that persons take themselves, so many in all and so many each.
--
-- Locks: the person, then the type's row, where it has a limit: whoever comes for the last one waits there.

CREATE FUNCTION crm.loyalty_set_claims(coupon_type text, is_claimable boolean, total_limit bigint DEFAULT NULL, person_limit int DEFAULT 1,
                                       idempotency_key text DEFAULT NULL) RETURNS jsonb
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
#variable_conflict use_column
DECLARE
    answer jsonb := crm._idempotency_claim(idempotency_key, 'loyalty_set_claims', convert_to(
        jsonb_build_array(coupon_type, is_claimable, coalesce(total_limit, -1), coalesce(person_limit, -1))::text, 'UTF8'));
BEGIN
    IF answer IS NOT NULL THEN
        RETURN answer;
    ELSIF total_limit < 0 OR person_limit < 1 OR is_claimable IS NULL THEN
        RAISE EXCEPTION 'limits of claims are whole numbers above zero' USING ERRCODE = 'invalid_parameter_value',
            COLUMN = CASE WHEN total_limit < 0 THEN 'total_limit' WHEN person_limit < 1 THEN 'person_limit' ELSE 'is_claimable' END,
            HINT = 'Give a number, or none for no limit.';
    END IF;
    UPDATE crm.coupon_type t SET is_claimable = loyalty_set_claims.is_claimable, total_limit = loyalty_set_claims.total_limit,
           person_limit = loyalty_set_claims.person_limit
    WHERE t.coupon_type = loyalty_set_claims.coupon_type;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no coupon type "%"', loyalty_set_claims.coupon_type
            USING ERRCODE = 'RM607', COLUMN = 'coupon_type', HINT = 'See crm.coupon_type for those there are.';
    END IF;
    PERFORM crm._audit('edit', 'coupon_type', NULL, 'claims', NULL, concat_ws('/', is_claimable, total_limit, person_limit), coupon_type);
    answer := (SELECT jsonb_build_object('coupon_type', t.coupon_type, 'is_claimable', t.is_claimable, 'total_limit', t.total_limit,
                   'person_limit', t.person_limit, 'claimed', t.claimed)
               FROM crm.coupon_type t WHERE t.coupon_type = loyalty_set_claims.coupon_type);
    PERFORM crm._idempotency_store(idempotency_key, answer);
    RETURN answer;
END
$$;
COMMENT ON FUNCTION crm.loyalty_set_claims(text, boolean, bigint, int, text) IS
    'whether a type may be claimed, how many in all and a person (null: no limit; claims made already count); '
    'RM607, 22023; audited';
GRANT EXECUTE ON FUNCTION crm.loyalty_set_claims(text, boolean, bigint, int, text) TO crm_marketer, crm_headquarters;

CREATE FUNCTION crm.loyalty_claim(customer_id bigint, coupon_type text, idempotency_key text DEFAULT NULL) RETURNS jsonb
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
#variable_conflict use_column
DECLARE
    answer jsonb := crm._idempotency_claim(idempotency_key, 'loyalty_claim', convert_to(jsonb_build_array(customer_id, coupon_type)::text, 'UTF8'));
    person bigint;
    kind record;
    id bigint;
BEGIN
    IF answer IS NOT NULL THEN
        RETURN answer;
    END IF;
    person := crm._access_require_person(loyalty_claim.customer_id);
    SELECT t.is_claimable, t.person_limit INTO kind FROM crm.coupon_type t WHERE t.coupon_type = loyalty_claim.coupon_type;
    IF kind.is_claimable IS NOT TRUE THEN
        RAISE EXCEPTION 'there is no coupon type "%" that can be claimed', loyalty_claim.coupon_type
            USING ERRCODE = 'RM607', COLUMN = 'coupon_type', HINT = 'Types are opened with crm.loyalty_set_claims().';
    ELSIF cardinality(crm._loyalty_lock(ARRAY[person])) = 0 THEN
        RAISE EXCEPTION 'there is no such person' USING ERRCODE = 'no_data_found', COLUMN = 'customer_id',
            HINT = 'Look the person up by phone or card.';
    ELSIF kind.person_limit <= (SELECT count(*) FROM crm.coupon c WHERE c.customer_id = ANY (crm._identity_cluster(person))
                                AND c.coupon_type = loyalty_claim.coupon_type AND c.occurrence_key = 'claim') THEN
        RAISE EXCEPTION 'the person has claimed as many as one may' USING ERRCODE = 'RM612', COLUMN = 'customer_id',
            HINT = 'See the person''s coupons.';
    END IF;
    UPDATE crm.coupon_type t SET claimed = t.claimed + 1
    WHERE t.coupon_type = loyalty_claim.coupon_type AND t.is_claimable AND (t.total_limit IS NULL OR t.claimed < t.total_limit);
    IF NOT FOUND THEN
        RAISE EXCEPTION 'all coupons of this type are gone' USING ERRCODE = 'RM611', COLUMN = 'coupon_type', HINT = 'Offer another type.';
    END IF;
    id := crm._loyalty_issue(person, loyalty_claim.coupon_type, NULL, 'claim');
    answer := (SELECT jsonb_build_object('code', c.code, 'coupon_type', c.coupon_type, 'value', c.value,
               'state', c.state, 'valid_until', c.valid_until)
               FROM crm.coupon c WHERE c.customer_id = person AND c.coupon_id = id);
    PERFORM crm._idempotency_store(idempotency_key, answer);
    RETURN answer;
END
$$;
COMMENT ON FUNCTION crm.loyalty_claim(bigint, text, text) IS
    'a coupon of a claimable type for a person, within the limits in all and a person; RM607 not claimable, RM611 '
    'all gone, RM612 the person has enough, P0002 outside of the scope';
GRANT EXECUTE ON FUNCTION crm.loyalty_claim(bigint, text, text) TO crm_clerk, crm_store_manager, crm_manager, crm_service,
    crm_headquarters;
