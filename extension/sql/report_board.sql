-- report: what a board shows beside the health figures.

CREATE FUNCTION crm.report_value_map(store_code text DEFAULT NULL, region_code text DEFAULT NULL)
    RETURNS TABLE (r smallint, f smallint, persons bigint, net numeric)
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp SET jit = off AS
$$
DECLARE
    c bigint[] := crm._report_ask('map', crm._report_scope(store_code, region_code), '{}');    -- persons by r * 16 + f, their net
BEGIN
    RETURN QUERY
    SELECT x.r::smallint, y.f::smallint, c[x.r * 16 + y.f + 1], crm._report_money(c[256 + x.r * 16 + y.f + 1])
    FROM generate_series(1, 15) x (r), generate_series(0, 15) y (f) WHERE c[x.r * 16 + y.f + 1] > 0 ORDER BY 1, 2;
END
$$;
COMMENT ON FUNCTION crm.report_value_map(text, text) IS
    'persons of the caller''s scope by their recency and frequency scores (1 to 5, 5 is best, of the active RFM '
    'model) with what they bought in all; those without an order have no score; P0002';

CREATE FUNCTION crm.report_transitions(days int DEFAULT 90, store_code text DEFAULT NULL, region_code text DEFAULT NULL)
    RETURNS TABLE (from_tier text, to_tier text, persons bigint)
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp SET jit = off AS
$$
DECLARE
    stores int[] := crm._report_scope(store_code, region_code);
    tier_names text[] := crm._report_tiers() || '-'::text;
    c bigint[];     -- a row a tier before, the last for those who were not there
BEGIN
    IF days IS NULL OR days NOT BETWEEN 1 AND 3650 THEN
        RAISE EXCEPTION 'a span has 1 to 3650 days' USING ERRCODE = 'invalid_parameter_value', COLUMN = 'days', HINT = 'Give 90.';
    END IF;
    c := crm._report_ask('moves', stores, ARRAY[crm._report_today() - days]);
    RETURN QUERY
    SELECT x.tier, y.tier, c[(x.no - 1) * cardinality(tier_names) + y.no]
    FROM unnest(tier_names) WITH ORDINALITY x (tier, no), unnest(tier_names) WITH ORDINALITY y (tier, no)
    WHERE c[(x.no - 1) * cardinality(tier_names) + y.no] > 0 ORDER BY 1, 2;
END
$$;
COMMENT ON FUNCTION crm.report_transitions(int, text, text) IS
    'persons of the caller''s scope by their tier so many local days ago ("-": registered since) and now; 1 to 3650 '
    'days; P0002, 22023';

GRANT EXECUTE ON FUNCTION crm.report_value_map(text, text), crm.report_transitions(int, text, text)
    TO crm_store_manager, crm_manager, crm_marketer, crm_analyst, crm_headquarters;
