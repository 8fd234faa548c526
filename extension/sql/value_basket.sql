-- value: baskets compared with those of the chain.

CREATE FUNCTION crm._value_basket_job() RETURNS bigint
    LANGUAGE plpgsql AS
$$
DECLARE
    baskets bigint[] := ARRAY(SELECT v.net_minor / v.order_days FROM crm.customer_value v WHERE v.order_days > 0 ORDER BY 1);
    persons bigint := cardinality(baskets);
    points bigint[] := ARRAY(SELECT baskets[(k * persons + 99) / 100] FROM generate_series(1, 100) k ORDER BY k);
BEGIN
    -- cut points that stay leave every answer as it is: nobody is asked anew
    IF persons > 0 THEN
        INSERT INTO crm.basket_cut AS b (cuts, person_count, cut_at) VALUES (points, persons, crm.core_now())
        ON CONFLICT (is_only) DO UPDATE SET cuts = excluded.cuts, person_count = excluded.person_count, cut_at = excluded.cut_at
        WHERE b.cuts <> excluded.cuts;
    END IF;
    RETURN 0;
END
$$;
COMMENT ON FUNCTION crm._value_basket_job() IS
    'job: finds the cut points of all buyers'' baskets, nearest rank: cut k is the smallest basket that at least k '
    'in 100 do not exceed; a second run of a day changes nothing';

CREATE FUNCTION crm._value_basket_version() RETURNS text
    LANGUAGE plpgsql STABLE AS
$$
BEGIN
    RETURN (SELECT b.cut_at FROM crm.basket_cut b);
END
$$;
COMMENT ON FUNCTION crm._value_basket_version() IS
    'changes when the cut points did, with which anybody''s place among the baskets may have changed; null before '
    'the first night';
