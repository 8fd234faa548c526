-- loyalty_pool: types of coupons as a marketer defines them, and codes that somebody else printed.
--
-- Locks: the type's row, by whoever takes codes of its pool: one after the other, so that a pool is called
-- empty after all that were given are given for good, and nobody waits for codes while others wait for his.
-- What may come to a second pool in its transaction (flows, gifts) locks all pools before the first code, in one order:
-- persons, pools, quotas, counters of addresses.  A claim takes one code, and locks the one type.

CREATE FUNCTION crm._loyalty_code_key(code text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$ SELECT upper(regexp_replace(normalize(code, NFKC), '[\s\-]', '', 'g')) $$;
COMMENT ON FUNCTION crm._loyalty_code_key(text) IS
    'a foreign code as it is compared: upper case, without spaces and dashes, full-width characters as their plain '
    'ones';

CREATE FUNCTION crm._loyalty_pool_watch(coupon_type text) RETURNS bigint
    LANGUAGE plpgsql AS
$$
DECLARE
    low int := (SELECT t.pool_low FROM crm.coupon_type t WHERE t.coupon_type = _loyalty_pool_watch.coupon_type);
    free bigint := (SELECT count(*) FROM (SELECT FROM crm.coupon_pool_code p
                    WHERE p.coupon_type = _loyalty_pool_watch.coupon_type AND p.coupon_id IS NULL LIMIT low + 1) f);
BEGIN
    IF free <= low THEN
        PERFORM crm._alert('loyalty.pool', coupon_type, jsonb_build_object('left', free));
    ELSE
        PERFORM crm._alert_close('loyalty.pool', coupon_type);
    END IF;
    RETURN free;
END
$$;
COMMENT ON FUNCTION crm._loyalty_pool_watch(text) IS
    'opens the alert of a pool that has no more codes than pool_low, closes it when it has; the free codes, counted '
    'up to one more than that';

CREATE FUNCTION crm._loyalty_pools() RETURNS bigint
    LANGUAGE plpgsql AS
$$
BEGIN
    PERFORM crm._loyalty_pool_watch(t.coupon_type) FROM crm.coupon_type t WHERE t.is_pooled;
    RETURN 0;
END
$$;
COMMENT ON FUNCTION crm._loyalty_pools() IS
    'job: alerts of pools that run out; here, because the call that found a pool empty is undone';

CREATE FUNCTION crm._loyalty_has_stock(coupon_type text, wanted int DEFAULT 1) RETURNS boolean
    LANGUAGE plpgsql STABLE AS
$$
BEGIN
    RETURN NOT EXISTS (SELECT FROM crm.coupon_type t WHERE t.coupon_type = _loyalty_has_stock.coupon_type AND t.is_pooled)
        OR (SELECT count(*) FROM (SELECT FROM crm.coupon_pool_code p
                    WHERE p.coupon_type = _loyalty_has_stock.coupon_type AND p.coupon_id IS NULL LIMIT wanted) c)
            = wanted;
END
$$;
COMMENT ON FUNCTION crm._loyalty_has_stock(text, int) IS
    'whether so many coupons of a type can be issued: its pool, if it has one, holds as many free codes';

CREATE FUNCTION crm._loyalty_lock_pools(coupon_types text[]) RETURNS void
    LANGUAGE plpgsql AS
$$
BEGIN
    -- all of them: which other pools a transaction comes to (a level's gifts, then a welcome) nobody knows before
    IF EXISTS (SELECT FROM crm.coupon_type t WHERE t.coupon_type = ANY (coupon_types) AND t.is_pooled) THEN
        PERFORM FROM crm.coupon_type t WHERE t.is_pooled ORDER BY t.coupon_type FOR NO KEY UPDATE;
    END IF;
END
$$;
COMMENT ON FUNCTION crm._loyalty_lock_pools(text[]) IS
    'locks all pools of codes, in their order, if one of the types has its codes from one: for whoever may take '
    'codes of several, before what is locked behind them';

CREATE FUNCTION crm._loyalty_take_codes(coupon_type text, customer_ids bigint[], coupon_ids bigint[]) RETURNS text[]
    LANGUAGE plpgsql AS
$$
#variable_conflict use_column
DECLARE
    given text[];
BEGIN
    PERFORM FROM crm.coupon_type t WHERE t.coupon_type = _loyalty_take_codes.coupon_type FOR NO KEY UPDATE;
    WITH free AS (
        SELECT p.code_key, row_number() OVER (ORDER BY p.position) AS n
        FROM crm.coupon_pool_code p WHERE p.coupon_type = _loyalty_take_codes.coupon_type AND p.coupon_id IS NULL
        ORDER BY p.position LIMIT cardinality(customer_ids)),
    taken AS (
        UPDATE crm.coupon_pool_code p SET customer_id = w.person, coupon_id = w.coupon
        FROM free f JOIN ROWS FROM (unnest(customer_ids), unnest(coupon_ids)) WITH ORDINALITY w (person, coupon, n) ON w.n = f.n
        WHERE p.code_key = f.code_key RETURNING p.code, f.n)
    SELECT array_agg(t.code ORDER BY t.n) INTO given FROM taken t;
    IF cardinality(given) IS DISTINCT FROM cardinality(customer_ids) THEN
        RAISE EXCEPTION 'the codes of coupon type "%" are used up', _loyalty_take_codes.coupon_type
            USING ERRCODE = 'RM613', COLUMN = 'coupon_type', HINT = 'Load more codes with crm.loyalty_load_codes().';
    END IF;
    RETURN given;
END
$$;
COMMENT ON FUNCTION crm._loyalty_take_codes(text, bigint[], bigint[]) IS
    'the codes of new coupons of a type with a pool, for each person (with the id of the coupon) one, in the order '
    'they came in, given to it for ever; RM613 when there are not so many';

CREATE FUNCTION crm.loyalty_load_codes(coupon_type text, codes text[], idempotency_key text DEFAULT NULL) RETURNS jsonb
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
#variable_conflict use_column
DECLARE
    answer jsonb := crm._idempotency_claim(idempotency_key,
            'loyalty_load_codes', crm._sha256(convert_to(jsonb_build_array(coupon_type, codes)::text, 'UTF8')));
    wrong text;
    added bigint;
BEGIN
    IF answer IS NOT NULL THEN
        RETURN answer;
    ELSIF NOT EXISTS (SELECT FROM crm.coupon_type t WHERE t.coupon_type = loyalty_load_codes.coupon_type AND t.is_pooled) THEN
        RAISE EXCEPTION 'there is no coupon type "%" that takes its codes from a pool', loyalty_load_codes.coupon_type
            USING ERRCODE = 'RM607', COLUMN = 'coupon_type', HINT = 'Define it with crm.loyalty_define_coupon() and is_pooled.';
    ELSIF coalesce(cardinality(codes), 0) NOT BETWEEN 1 AND 20000 THEN
        RAISE EXCEPTION 'a call loads 1 to 20000 codes' USING ERRCODE = 'invalid_parameter_value', COLUMN = 'codes',
            HINT = 'Send a longer list in parts.';
    END IF;
    -- a code that reads as one of ours, or is an older system's, would lead to two coupons
    SELECT coalesce(c, 'null') INTO wrong FROM unnest(codes) c
    WHERE c IS NULL OR length(crm._loyalty_code_key(c)) NOT BETWEEN 4 AND 64 OR (SELECT i.coupon_id FROM crm._loyalty_ids(c) i) IS NOT NULL
       OR EXISTS (SELECT FROM crm.source s JOIN crm.external_key k ON k.source_id = s.source_id AND k.kind = 6 AND k.external_id = btrim(c)) LIMIT 1;
    IF wrong IS NOT NULL THEN
        RAISE EXCEPTION 'the list holds a code that cannot be one' USING ERRCODE = 'invalid_parameter_value',
            COLUMN = 'codes', DETAIL = left(wrong, 80),
            HINT = 'Codes have 4 to 64 characters besides spaces and dashes, and belong to no other coupon.';
    END IF;
    INSERT INTO crm.coupon_pool_code (code_key, code, coupon_type, position, added_at)
    SELECT DISTINCT ON (crm._loyalty_code_key(c.code)) crm._loyalty_code_key(c.code), btrim(c.code),
        loyalty_load_codes.coupon_type, crm._new_id(), crm.core_now()
    FROM unnest(codes) WITH ORDINALITY c (code, n) ORDER BY crm._loyalty_code_key(c.code), c.n ON CONFLICT DO NOTHING;
    GET DIAGNOSTICS added = ROW_COUNT;
    PERFORM crm._loyalty_pool_watch(loyalty_load_codes.coupon_type);
    PERFORM crm._audit('load', 'coupon_type', NULL, 'codes', NULL, added::text, loyalty_load_codes.coupon_type);
    answer := jsonb_build_object('coupon_type', loyalty_load_codes.coupon_type, 'added', added, 'known', cardinality(codes) - added,
        'free', (SELECT count(*) FROM crm.coupon_pool_code p WHERE p.coupon_type = loyalty_load_codes.coupon_type AND p.coupon_id IS NULL));
    PERFORM crm._idempotency_store(idempotency_key, answer);
    RETURN answer;
END
$$;
COMMENT ON FUNCTION crm.loyalty_load_codes(text, text[], text) IS
    'adds up to 20000 codes to the pool of a type; codes known already, in any type''s pool, are not added again; '
    'answers added, known, free; RM607, 22023; audited';
GRANT EXECUTE ON FUNCTION crm.loyalty_load_codes(text, text[], text) TO crm_marketer, crm_headquarters;

CREATE FUNCTION crm._loyalty_require_coupon(r record) RETURNS void
    LANGUAGE plpgsql IMMUTABLE AS
$$
DECLARE
    wrong text := CASE
        WHEN coalesce(r.kind, '') NOT IN ('amount', 'percent', 'shipping') THEN 'kind'
        WHEN coalesce(r.value, -1) NOT BETWEEN 0 AND CASE WHEN r.kind = 'percent' THEN 100 ELSE 1000000 END THEN 'value'
        WHEN coalesce(r.minimum_amount, -1) NOT BETWEEN 0 AND 1e12 THEN 'minimum_amount'
        WHEN coalesce(r.valid_days, -1) NOT BETWEEN 0 AND 3650 THEN 'valid_days'
        WHEN coalesce(r.rank, -1) NOT BETWEEN 0 AND 1000000 THEN 'rank'
        WHEN coalesce(r.pool_low, -1) NOT BETWEEN 0 AND 1000000 THEN 'pool_low'
        WHEN length(coalesce(r.name_zh, '')) NOT BETWEEN 1 AND 100 THEN 'name_zh'
        WHEN length(coalesce(r.name_en, '')) NOT BETWEEN 1 AND 100 THEN 'name_en' END;
BEGIN
    IF wrong IS NOT NULL THEN
        RAISE EXCEPTION 'coupon type has no proper %', wrong USING ERRCODE = 'invalid_parameter_value', COLUMN = wrong,
            HINT = 'Kinds are amount (value: currency units), percent (0 to 100) and shipping; valid_days is 0 to 3650.';
    END IF;
END
$$;
COMMENT ON FUNCTION crm._loyalty_require_coupon(record) IS
    '22023 with the first member of a coupon type that is out of range';

CREATE FUNCTION crm.loyalty_define_coupon(coupon_type text, spec jsonb, idempotency_key text DEFAULT NULL) RETURNS jsonb
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
#variable_conflict use_column
DECLARE
    answer jsonb := crm._idempotency_claim(idempotency_key, 'loyalty_define_coupon', convert_to(jsonb_build_array(coupon_type, spec)::text, 'UTF8'));
    known constant text[] := '{name_zh,name_en,kind,value,minimum_amount,valid_days,rank,is_transferable,is_pooled,pool_low}';
    wrong text;
    r record;
BEGIN
    IF answer IS NOT NULL THEN
        RETURN answer;
    END IF;
    wrong := crm._unknown_member(spec, known);
    IF wrong IS NOT NULL OR coalesce(coupon_type, '') !~ '^[a-z][a-z0-9_]{0,62}$' THEN
        RAISE EXCEPTION 'coupon type has no proper code or an unknown member' USING ERRCODE = 'invalid_parameter_value',
            COLUMN = coalesce(wrong, 'coupon_type'), HINT = format('Members are %s.', array_to_string(known, ', '));
    END IF;
    PERFORM crm._require_members(spec,
        '{"value": "number", "minimum_amount": "number", "rank": "number", "valid_days": "whole", "pool_low": "whole", "is_transferable": "truth", "is_pooled": "truth"}');
    SELECT x.* INTO r FROM jsonb_to_record(
        coalesce((SELECT to_jsonb(t) FROM crm.coupon_type t WHERE t.coupon_type = loyalty_define_coupon.coupon_type),
                 jsonb_build_object('name_zh', coupon_type, 'name_en', coupon_type, 'minimum_amount', 0, 'valid_days', 30,
                     'rank', coalesce(spec -> 'value', '0'), 'is_transferable', false, 'is_pooled', false, 'pool_low', 0)) || spec)
        AS x (name_zh text, name_en text, kind text, value numeric, minimum_amount numeric, valid_days int, rank numeric,
              is_transferable boolean, is_pooled boolean, pool_low int);
    PERFORM crm._loyalty_require_coupon(r);
    INSERT INTO crm.coupon_type AS t (coupon_type, name_zh, name_en, kind, value, minimum_amount, valid_days, rank,
            is_transferable, is_pooled, pool_low)
    VALUES (loyalty_define_coupon.coupon_type, r.name_zh, r.name_en, r.kind, r.value, r.minimum_amount, r.valid_days, r.rank,
            coalesce(r.is_transferable, false), coalesce(r.is_pooled, false), r.pool_low)
    ON CONFLICT ON CONSTRAINT coupon_type_pkey DO UPDATE
    SET name_zh = excluded.name_zh, name_en = excluded.name_en, kind = excluded.kind, value = excluded.value,
        minimum_amount = excluded.minimum_amount,
        valid_days = excluded.valid_days, rank = excluded.rank, is_transferable = excluded.is_transferable,
            is_pooled = excluded.is_pooled, pool_low = excluded.pool_low;
    PERFORM crm._audit('define', 'coupon_type', NULL, NULL, NULL, spec::text, coupon_type);
    answer := (SELECT to_jsonb(t) FROM crm.coupon_type t WHERE t.coupon_type = loyalty_define_coupon.coupon_type);
    PERFORM crm._idempotency_store(idempotency_key, answer);
    RETURN answer;
END
$$;
COMMENT ON FUNCTION crm.loyalty_define_coupon(text, jsonb, text) IS
    'makes or changes a type of coupon; coupons that are out keep their value and validity; kind amount (value: '
    'currency units), percent (0 to 100), shipping; rank is what it is worth for "an equal or better offer"; 22023; '
    'audited';
GRANT EXECUTE ON FUNCTION crm.loyalty_define_coupon(text, jsonb, text) TO crm_marketer, crm_headquarters;

CREATE FUNCTION crm.loyalty_coupon_types() RETURNS SETOF jsonb
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
BEGIN
    RETURN QUERY
    SELECT to_jsonb(t) || CASE WHEN t.is_pooled THEN jsonb_build_object('free', (SELECT count(*) FROM crm.coupon_pool_code p
               WHERE p.coupon_type = t.coupon_type AND p.coupon_id IS NULL)) ELSE '{}' END
    FROM crm.coupon_type t ORDER BY t.coupon_type;
END
$$;
COMMENT ON FUNCTION crm.loyalty_coupon_types() IS
    'all types of coupons with their limits, what was claimed, and the codes free in a pool';
GRANT EXECUTE ON FUNCTION crm.loyalty_coupon_types() TO crm_manager, crm_marketer, crm_analyst, crm_headquarters;
