-- sales: prices by quantity that are proposed to a customer, from what they bought before. What goods cost the house
-- is not known here: the floor is a share of the list price.

CREATE FUNCTION crm._sales_round_down(quantity numeric) RETURNS numeric
    LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
$$ SELECT CASE WHEN quantity <= 10 THEN greatest(floor(quantity), 1)
    ELSE trim_scale(floor(quantity / unit) * unit) END
    FROM (SELECT power(10, floor(log(greatest(quantity, 1))) - 1) * 5 AS unit) u $$;
COMMENT ON FUNCTION crm._sales_round_down(numeric) IS
    'a quantity as it is quoted, not more than it is: whole to ten, beyond to fives of its second digit (10, 35, '
    '100, 1000)';

CREATE FUNCTION crm._sales_bought_lines(person bigint, product int) RETURNS TABLE (day date, quantity numeric, price numeric)
    LANGUAGE plpgsql STABLE SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET jit = off AS
$$
DECLARE
    counted CONSTANT int := 730;        -- days
BEGIN
    RETURN QUERY
    SELECT i.business_day, i.quantity, i.amount / i.quantity FROM crm.membership m
        JOIN crm.purchased_item i ON i.source_record_id = m.source_record_id
    WHERE m.customer_id = person AND m.valid_to = 'infinity' AND i.product_id = product AND i.amount > 0
      AND i.business_day > crm._local_day(crm.core_now(), crm._setting('core.time_zone') #>> '{}') - counted;
END
$$;
COMMENT ON FUNCTION crm._sales_bought_lines(bigint, int) IS
    'lines of a product that a person bought within 730 days and did not give back, with the price of one';

CREATE FUNCTION crm.sales_price_steps(customer_id bigint, product_code text) RETURNS jsonb
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
#variable_conflict use_column
DECLARE
    person bigint := crm._access_require_person(sales_price_steps.customer_id);
    product crm.product;
    digits int := crm._purchase_exponent();
    least_price numeric;
    h record;
BEGIN
    SELECT * INTO product FROM crm.product p WHERE p.code = product_code;
    IF product.product_id IS NULL THEN
        RAISE EXCEPTION 'there is no such product' USING ERRCODE = 'invalid_parameter_value', COLUMN = 'product',
            HINT = 'Give the code of a product.';
    END IF;
    least_price := product.list_price * (crm._setting('sales.price_floor'))::numeric;
    SELECT count(*) AS purchases, percentile_disc(0.5) WITHIN GROUP (ORDER BY b.quantity) AS usual_quantity, max(b.quantity) AS largest_quantity,
           percentile_disc(0.5) WITHIN GROUP (ORDER BY b.price) AS usual_price, min(b.price) AS lowest_price,
           (array_agg(b.price ORDER BY b.day DESC, b.price))[1] AS last_price, max(b.day) AS last_day
    INTO h FROM crm._sales_bought_lines(person, product.product_id) b;
    RETURN jsonb_build_object('product', product.code, 'name', product.name, 'list_price', product.list_price,
        'history', CASE WHEN h.purchases > 0 THEN jsonb_build_object('purchases', h.purchases,
            'usual_quantity', trim_scale(h.usual_quantity), 'largest_quantity', trim_scale(h.largest_quantity),
            'usual_price', round(h.usual_price, digits), 'lowest_price', round(h.lowest_price, digits),
                    'last_price', round(h.last_price, digits), 'last_day', h.last_day) END,
        'steps', (
            SELECT coalesce(jsonb_agg(jsonb_build_object('from_quantity', s.from_quantity, 'price', s.price,
                        'off_list', round(1 - s.price / nullif(product.list_price, 0), 4),
                        'is_floor', s.price = round(least_price, digits)) ORDER BY s.from_quantity), '[]')
            FROM (
                -- a step costs no more than the one before, nor than what so many cost the customer already; none
                -- below the floor
                SELECT x.from_quantity, round(greatest(min(least(x.price, x.paid)) OVER (ORDER BY x.from_quantity), least_price), digits) AS price
                FROM (SELECT q.from_quantity, min(coalesce(h.usual_price, product.list_price) * (1 - q.off)) AS price,
                             (SELECT min(b.price) FROM crm._sales_bought_lines(person, product.product_id) b
                                     WHERE b.quantity <= q.from_quantity) AS paid
                      FROM (SELECT crm._sales_round_down(coalesce(h.usual_quantity,
                            1) * (e.step ->> 'times')::numeric) AS from_quantity, (e.step ->> 'off')::numeric AS off
                            FROM jsonb_array_elements(crm._setting('sales.price_steps')) e (step)) q
                      GROUP BY q.from_quantity) x
                WHERE x.price IS NOT NULL) s));
END
$$;
COMMENT ON FUNCTION crm.sales_price_steps(bigint, text) IS
    'prices by quantity to propose to a customer for a product: steps of sales.price_steps over what they usually '
    'buy of it at the price they usually pay (730 days; without any: one at the list price), never dearer than they '
    'had it for as many, never below sales.price_floor of the list price; with the history it comes from; P0002 for '
    'a person out of scope, 22023 for no product';

CREATE FUNCTION crm.sales_price_products(customer_id bigint) RETURNS TABLE (product text, name text, purchases bigint, last_day date)
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
#variable_conflict use_column
DECLARE
    person bigint := crm._access_require_person(sales_price_products.customer_id);
BEGIN
    RETURN QUERY
    SELECT p.code, p.name, count(*), max(i.business_day) FROM crm.membership m
        JOIN crm.purchased_item i ON i.source_record_id = m.source_record_id
        JOIN crm.product p ON p.product_id = i.product_id
    WHERE m.customer_id = person AND m.valid_to = 'infinity' GROUP BY p.code, p.name ORDER BY 3 DESC, 4 DESC, 1 LIMIT 50;
END
$$;
COMMENT ON FUNCTION crm.sales_price_products(bigint) IS
    'products that a customer bought, the commonest first, 50 at most: what prices can be proposed for; P0002';
GRANT EXECUTE ON FUNCTION crm.sales_price_steps(bigint, text), crm.sales_price_products(bigint) TO crm_store_manager, crm_manager, crm_headquarters;
