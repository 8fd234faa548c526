-- value_tier: tier sets as they are edited: shown, and tried on states and on persons before they decide.

CREATE FUNCTION crm.value_tier_sets() RETURNS SETOF jsonb
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
BEGIN
    RETURN QUERY
    SELECT jsonb_build_object('tier_set', s.tier_set, 'name', s.name, 'version', s.version, 'is_active', s.is_active,
        'rules', (SELECT coalesce(jsonb_agg(jsonb_build_object('tier', r.tier, 'name_zh', r.name_zh,
                  'name_en', r.name_en, 'conditions', r.conditions) ORDER BY r.position), '[]')
                  FROM crm.tier_rule r WHERE r.tier_set = s.tier_set))
    FROM crm.tier_set s ORDER BY s.is_active DESC, s.tier_set;
END
$$;
COMMENT ON FUNCTION crm.value_tier_sets() IS 'all tier sets with their rules in order, the one that labels persons first';

CREATE FUNCTION crm.value_tier_try(rules jsonb) RETURNS jsonb
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
DECLARE
    most constant int := 2000;
    exponent int := crm._purchase_exponent();
    today date := crm._value_today();
    faults jsonb;
    tried jsonb;
    looked_at bigint[];
BEGIN
    IF jsonb_typeof(rules) IS DISTINCT FROM 'array' THEN
        RAISE EXCEPTION 'tier rules are no list' USING ERRCODE = 'RM501', COLUMN = 'rules', HINT = 'Send [{"tier": "S", "conditions": [...]}, ...].';
    END IF;
    SELECT coalesce(jsonb_agg(to_jsonb(k)), '[]') INTO faults FROM crm._value_tier_check(rules, exponent) k;
    IF faults @> '[{"kind": "gap"}]' THEN
        RETURN jsonb_build_object('faults', faults);
    END IF;
    -- the same persons every time, spread over all: of many without asking all
    looked_at := coalesce(crm._rule_looked_at(most), ARRAY(SELECT v.customer_id FROM crm.customer_value v
                ORDER BY hashint8(v.customer_id), v.customer_id LIMIT most));
    WITH person AS (
        SELECT v.customer_id, v.tier FROM crm.customer_value v WHERE v.customer_id = ANY (looked_at)),
    judged AS (
        SELECT p.tier AS before, (crm._value_state(rules, exponent, crm._purchase_history(p.customer_id), today)).tier AS after FROM person p)
    SELECT jsonb_build_object('looked_at', count(*), 'is_all', cardinality(looked_at) < most, 'moved', count(*) FILTER (WHERE j.before <> j.after),
        'before', (SELECT coalesce(jsonb_object_agg(b.before, b.n), '{}') FROM (SELECT x.before, count(*) AS n FROM judged x GROUP BY 1) b),
        'after', (SELECT coalesce(jsonb_object_agg(a.after, a.n), '{}') FROM (SELECT x.after, count(*) AS n FROM judged x GROUP BY 1) a))
    INTO tried FROM judged j;
    RETURN tried || jsonb_build_object('faults', faults);
END
$$;
COMMENT ON FUNCTION crm.value_tier_try(jsonb) IS
    'what tier rules would do: gaps, overlaps and rules that never decide, each with an example, and, without a '
    'gap, the tiers of up to 2,000 persons (the same every time) before and after; nothing is written; RM501 when '
    'they cannot be read';

GRANT EXECUTE ON FUNCTION crm.value_tier_sets(), crm.value_tier_try(jsonb) TO crm_manager, crm_marketer, crm_analyst, crm_headquarters;
