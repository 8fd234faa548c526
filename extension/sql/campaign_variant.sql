-- campaign_variant: different texts and offers of one flow.  Who gets which is settled before the gate is asked, by a
-- rule of the variant, by what the person was given before, or by a fixed bucket; the gate then sees a flow that has
-- this variant's values.

CREATE FUNCTION crm._campaign_shares(spec jsonb) RETURNS TABLE (variant text, from_bucket numeric, to_bucket numeric, share numeric)
    LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
$$
    -- variants with a rule of their own are not drawn
    SELECT w.variant, 10000 * (w.upto - w.weight) / w.total, 10000 * w.upto / w.total, w.weight / w.total
    FROM (SELECT v.value ->> 'variant' AS variant, v.n, coalesce((v.value ->> 'weight')::numeric, 1) AS weight,
                 sum(coalesce((v.value ->> 'weight')::numeric, 1)) OVER (ORDER BY v.n) AS upto,
                     sum(coalesce((v.value ->> 'weight')::numeric, 1)) OVER () AS total
          FROM jsonb_array_elements(coalesce(spec -> 'variants',
              (SELECT s.value -> 'variants' FROM jsonb_array_elements(spec -> 'steps') WITH ORDINALITY s (value, n)
                                                                  WHERE s.value ? 'variants' ORDER BY s.n LIMIT 1))) WITH ORDINALITY v (value, n)
          WHERE NOT v.value ? 'who') w
    WHERE w.total > 0 ORDER BY w.n
$$;
COMMENT ON FUNCTION crm._campaign_shares(jsonb) IS
    'the variants of a flow that are drawn, in their order: the buckets (0 to 10000) of each by its weight (1 '
    'without one), and its share';

CREATE FUNCTION crm._campaign_variants(flow crm.flow_row, persons bigint[]) RETURNS text[]
    LANGUAGE plpgsql STABLE AS
$$
DECLARE
    drawn text[] := ARRAY(SELECT s.variant FROM crm._campaign_shares(flow.spec) s);
    meant text[] := '{}';
    variant jsonb;
BEGIN
    -- the first variant whose rule a person fits, in a list beside the persons
    FOR variant IN SELECT v.value FROM jsonb_array_elements(flow.spec -> 'variants') WITH ORDINALITY v (value, n)
        WHERE v.value ? 'who' ORDER BY v.n LOOP
        meant := ARRAY(SELECT coalesce(meant[p.n], CASE WHEN p.id = ANY (f.fitting) THEN variant ->> 'variant' END)
                       FROM unnest(persons) WITH ORDINALITY p (id, n),
                           (SELECT crm._rule_fit(variant -> 'who', persons, crm.core_now()) AS fitting) f
                           ORDER BY p.n);
    END LOOP;
    RETURN ARRAY(
        SELECT coalesce(meant[p.n],
            -- once drawn, for ever, while there is such a variant: other weights move nobody
            (SELECT o.variant FROM unnest(crm._campaign_ids(p.id)) i (id) JOIN crm.occurrence o ON o.customer_id = i.id
             WHERE o.flow_id = flow.flow_id AND o.epoch >= 0 AND o.variant = ANY (drawn) ORDER BY o.customer_id <> p.id, o.fired_at LIMIT 1),
            (SELECT s.variant FROM crm._campaign_shares(flow.spec) s WHERE b.bucket < s.to_bucket LIMIT 1))
        FROM unnest(persons) WITH ORDINALITY p (id, n), LATERAL (SELECT crm._campaign_bucket('variant', flow.code, p.id) AS bucket) b ORDER BY p.n);
END
$$;
COMMENT ON FUNCTION crm._campaign_variants(crm.flow_row, bigint[]) IS
    'for each person the variant of a flow: the first whose rule fits, else the one drawn before under any id, else '
    'by the bucket (variant, flow, person)';

CREATE FUNCTION crm._campaign_as_variant(flow crm.flow_row, variant text) RETURNS crm.flow_row
    LANGUAGE plpgsql STABLE AS
$$
BEGIN
    flow.spec := (flow.spec - 'variants') || coalesce(
        (SELECT v.value - '{weight,who}'::text[] FROM jsonb_array_elements(flow.spec -> 'variants') v
                WHERE v.value ->> 'variant' = _campaign_as_variant.variant), '{}');
    RETURN flow;
END
$$;
COMMENT ON FUNCTION crm._campaign_as_variant(crm.flow_row, text) IS
    'a flow as those know it who have a variant: its values, those of the variant before them, and the variant''s '
    'name';

CREATE FUNCTION crm._campaign_for(flow crm.flow_row, person bigint) RETURNS crm.flow_row
    LANGUAGE plpgsql STABLE AS
$$
BEGIN
    RETURN CASE WHEN flow.spec ? 'variants' THEN crm._campaign_as_variant(flow, (crm._campaign_variants(flow, ARRAY[person]))[1]) ELSE flow END;
END
$$;
COMMENT ON FUNCTION crm._campaign_for(crm.flow_row, bigint) IS
    'a flow as a person knows it: with the variant that is the person''s, if it has variants';

-- The persons are locked, and their addresses are locked here, in one order for all variants.
CREATE FUNCTION crm._campaign_fire_variants(flow crm.flow_row, persons bigint[], keys text[], due_at timestamptz,
                                            late_at timestamptz, epoch int) RETURNS void
    LANGUAGE plpgsql AS
$$
DECLARE
    given text[] := crm._campaign_variants(flow, persons);
    one text;
BEGIN
    PERFORM crm._campaign_lock_addresses(crm._campaign_reaches(flow, persons));
    FOR one IN SELECT DISTINCT unnest(given) ORDER BY 1 LOOP
        PERFORM crm._campaign_fire_locked(crm._campaign_as_variant(flow, one), array_agg(p.id ORDER BY p.n),
            array_agg(p.key ORDER BY p.n), due_at, late_at, epoch)
        FROM ROWS FROM (unnest(persons), unnest(keys), unnest(given)) WITH ORDINALITY p (id, key, variant, n)
            WHERE p.variant IS NOT DISTINCT FROM one;
    END LOOP;
END
$$;
COMMENT ON FUNCTION crm._campaign_fire_variants(crm.flow_row, bigint[], text[], timestamptz, timestamptz, int) IS
    'fires a flow with variants for persons who are locked, variant by variant';

CREATE FUNCTION crm._campaign_variant_fault(spec jsonb) RETURNS text
    LANGUAGE plpgsql STABLE AS
$$
DECLARE
    list jsonb := CASE jsonb_typeof(spec -> 'variants') WHEN 'array' THEN spec -> 'variants' ELSE '[]' END;
    names text[] := ARRAY(SELECT v ->> 'variant' FROM jsonb_array_elements(list) v);
BEGIN
    RETURN (
        SELECT f.fault FROM (VALUES
            (1, jsonb_array_length(list) BETWEEN 2 AND 10 AND NOT EXISTS (SELECT FROM jsonb_array_elements(list) v
                    WHERE jsonb_typeof(v) <> 'object'), 'give a list of 2 to 10 variants'),
            (2, NOT EXISTS (SELECT FROM unnest(names) n WHERE coalesce(n, '') !~ '^[a-z][a-z0-9_]{0,31}$'),
                'each has a name ("variant") of small letters, digits and _'),
            (3, cardinality(names) = (SELECT count(DISTINCT n) FROM unnest(names) n), 'two have one name'),
            (4, NOT EXISTS (SELECT FROM jsonb_array_elements(list) v WHERE v ? 'weight'
                    AND NOT crm._campaign_whole(v -> 'weight', 0, 10000)), 'weights are whole numbers, 0 to 10000'),
            (5, EXISTS (SELECT FROM jsonb_array_elements(list) v WHERE NOT v ? 'who'
                    AND v -> 'weight' IS DISTINCT FROM '0'),
                'one without a rule needs a weight above 0: for whom no rule is meant'),
            (6, NOT EXISTS (SELECT FROM jsonb_array_elements(list) v, jsonb_object_keys(CASE jsonb_typeof(v) WHEN 'object' THEN v ELSE '{}' END) k
                            WHERE k NOT IN ('variant', 'weight', 'who', 'template', 'coupon_type', 'gifts', 'task',
                                    'link', 'notices', 'audience', 'give_tag', 'take_tag', 'enrol')),
                'a variant has its own template, coupon_type, link, and whatever it does: gifts, task, notices, audience, give_tag, take_tag, enrol')) f (n,
                    is_good, fault)
        WHERE NOT f.is_good ORDER BY f.n LIMIT 1);
END
$$;
COMMENT ON FUNCTION crm._campaign_variant_fault(jsonb) IS
    'what is wrong with the variants of a flow or of one of its steps; null: nothing';

CREATE FUNCTION crm._campaign_require_variants(flow crm.flow_row) RETURNS void
    LANGUAGE plpgsql STABLE AS
$$
DECLARE
    wrong record;
    variant jsonb;
BEGIN
    IF NOT flow.spec ? 'variants' THEN
        RETURN;
    END IF;
    SELECT 'variants' AS field, crm._campaign_variant_fault(flow.spec) AS fault INTO wrong;
    FOR variant IN SELECT v FROM jsonb_array_elements(CASE WHEN wrong.fault IS NULL THEN flow.spec -> 'variants' ELSE '[]' END) v LOOP
        IF variant ? 'who' THEN
            PERFORM crm._rule_check(variant -> 'who');
        END IF;
        SELECT 'variants' AS field, variant ->> 'variant' || ': ' || f.field || ': ' || f.fault AS fault INTO wrong
        FROM crm._campaign_fault(crm._campaign_as_variant(flow, variant ->> 'variant')) f;
        EXIT WHEN wrong.fault IS NOT NULL;
        PERFORM crm._campaign_require_actions(crm._campaign_as_variant(flow, variant ->> 'variant'));
    END LOOP;
    IF wrong.fault IS NOT NULL THEN
        RAISE EXCEPTION 'flow "%" cannot run: variants: %', flow.code, wrong.fault USING ERRCODE = 'RM801', COLUMN = 'variants',
            HINT = 'As [{"variant": "a", "weight": 50, "template": "..."}, {"variant": "b", "weight": 50, "template": "..."}].';
    END IF;
END
$$;
COMMENT ON FUNCTION crm._campaign_require_variants(crm.flow_row) IS
    'RM801 unless each variant of a step of a flow makes a flow that can run; RM351 for a rule that is none';
