-- rule_preview: what a rule comes to before anything is made of it: how many fit, how each of its parts bites, who for
-- instance; and the values that a condition may be given.

CREATE FUNCTION crm._rule_combine(rule jsonb, apart crm.bitmap[], everybody crm.bitmap, INOUT place int, OUT members crm.bitmap)
    LANGUAGE plpgsql STABLE PARALLEL SAFE AS
$$
DECLARE
    part record;
BEGIN
    IF rule ? 'not' THEN
        SELECT c.place, crm.bitmap_without(everybody, c.members) INTO place, members FROM crm._rule_combine(rule -> 'not', apart, everybody, _rule_combine.place) c;
    ELSIF rule ? 'any' THEN
        members := '{}';
        FOR part IN SELECT e.value FROM jsonb_array_elements(rule -> 'any') e LOOP
            SELECT c.place, crm.bitmap_or(_rule_combine.members, c.members) INTO place, members FROM crm._rule_combine(part.value, apart, everybody, _rule_combine.place) c;
        END LOOP;
    ELSIF rule ? 'all' OR rule = '{}' THEN
        members := everybody;
        FOR part IN SELECT e.value FROM jsonb_array_elements(rule -> 'all') e LOOP
            SELECT c.place, crm.bitmap_and(_rule_combine.members, c.members) INTO place, members FROM crm._rule_combine(part.value, apart, everybody, _rule_combine.place) c;
        END LOOP;
    ELSE
        place := place + 1;
        members := apart[place];
    END IF;
END
$$;
COMMENT ON FUNCTION crm._rule_combine(jsonb, crm.bitmap[], crm.bitmap, int) IS
    'who fits a rule, from the sets of its conditions in their order, the first one at place + 1; and the place of the last';

CREATE FUNCTION crm._rule_parts(rule jsonb, apart crm.bitmap[], everybody crm.bitmap) RETURNS jsonb
    LANGUAGE plpgsql STABLE PARALLEL SAFE AS
$$
DECLARE
    part record;
    place int := 0;
    sets crm.bitmap[] := '{}';
    one crm.bitmap;
    through crm.bitmap := everybody;
    others crm.bitmap;
    answer jsonb := '[]';
BEGIN
    FOR part IN SELECT e.value FROM jsonb_array_elements(CASE WHEN rule ? 'all' THEN rule -> 'all' ELSE jsonb_build_array(rule) END) e LOOP
        SELECT c.place, c.members INTO place, one FROM crm._rule_combine(part.value, apart, everybody, place) c;
        sets := sets || one;
    END LOOP;
    FOR i IN 1 .. cardinality(sets) LOOP
        through := crm.bitmap_and(through, sets[i]);
        others := everybody;
        FOR j IN 1 .. cardinality(sets) LOOP
            IF j <> i THEN
                others := crm.bitmap_and(others, sets[j]);
            END IF;
        END LOOP;
        answer := answer || jsonb_build_object('persons', crm.bitmap_count(sets[i]), 'left', crm.bitmap_count(through),
            'keeps_out', crm.bitmap_count(crm.bitmap_without(others, sets[i])));
    END LOOP;
    RETURN answer;
END
$$;
COMMENT ON FUNCTION crm._rule_parts(jsonb, crm.bitmap[], crm.bitmap) IS
    'of each part of a rule that must hold as a whole: how many meet it, how many are left after it, and how many more there were without it';

CREATE FUNCTION crm.rule_preview(rule jsonb, as_of timestamptz DEFAULT NULL, sample int DEFAULT 20) RETURNS jsonb
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
DECLARE
    moment timestamptz := coalesce(as_of, crm.core_now());
    sets crm.bitmap[];
    everybody crm.bitmap;
BEGIN
    PERFORM crm.rule_check(rule);
    sets := crm._rule_apart(rule, moment);
    everybody := crm._rule_set('{}', moment);
    RETURN jsonb_build_object(
        'as_of', moment,
        'everybody', crm.bitmap_count(everybody),
        'persons', crm.bitmap_count(sets[1]),
        'parts', crm._rule_parts(rule, sets[2:], everybody),
        'conditions', (SELECT coalesce(jsonb_agg(c.value || jsonb_build_object('persons', crm.bitmap_count(sets[c.ordinality + 1])) ORDER BY c.ordinality), '[]')
                       FROM jsonb_array_elements(crm._rule_conditions(rule)) WITH ORDINALITY c),
        'sample', (SELECT coalesce(jsonb_agg(jsonb_build_object('customer_id', p.customer_id, 'name', p.name_masked, 'phone', p.phone_masked) ORDER BY s.ordinality), '[]')
                   FROM unnest(crm._rule_sample(sets[1], least(sample, 200), rule::text)) WITH ORDINALITY s
                   JOIN crm.customer p ON p.customer_id = s.s));
END
$$;
COMMENT ON FUNCTION crm.rule_preview(jsonb, timestamptz, int) IS
    'how many persons fit a rule; of its parts in their order (the members of all, else the rule itself) how many meet each, how many are left after it and how many more it keeps out; how many meet each condition alone; a sample (at most 200, masked) that stays the same; RM351';

CREATE FUNCTION crm._rule_name_column(relation text, language text, code text) RETURNS text
    LANGUAGE sql STABLE AS
$$
    SELECT coalesce((SELECT w FROM unnest(ARRAY['name_' || language, 'name', 'name_zh']) WITH ORDINALITY n (w, place)
                     WHERE w = ANY (crm._rule_columns(relation)) ORDER BY place LIMIT 1), code)
$$;
COMMENT ON FUNCTION crm._rule_name_column(text, text, text) IS 'the column of a catalogue that holds names in a language, else the one of its codes';

CREATE FUNCTION crm.rule_values(kind text, field text, query text DEFAULT '', page int DEFAULT 100) RETURNS SETOF jsonb
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
DECLARE
    spec jsonb := (SELECT s.spec -> 'columns' -> rule_values.field FROM crm.rule_source s WHERE s.kind = rule_values.kind);
    place jsonb := coalesce(spec -> 'lookup', spec -> 'catalogue');
BEGIN
    IF place IS NULL OR spec ->> 'type' = 'json' THEN
        RAISE EXCEPTION 'the values of "%" of "%" are not listed', field, kind
            USING ERRCODE = 'invalid_parameter_value', COLUMN = 'field', HINT = 'crm.rule_kinds() has the kinds and their fields; write other values as they are.';
    END IF;
    -- names of relations and columns are the registry's, checked when they were entered
    RETURN QUERY EXECUTE format(
        'SELECT jsonb_build_object(''code'', v.%1$I, ''name_zh'', v.%2$I, ''name_en'', v.%3$I) FROM %4$s v
         WHERE $1 = '''' OR v.%1$I ILIKE $1 OR v.%2$I ILIKE $1 OR v.%3$I ILIKE $1 ORDER BY v.%1$I LIMIT $2',
        place ->> 'code', crm._rule_name_column(place ->> 'relation', 'zh', place ->> 'code'),
        crm._rule_name_column(place ->> 'relation', 'en', place ->> 'code'), place ->> 'relation')
    USING CASE WHEN coalesce(query, '') = '' THEN '' ELSE '%' || regexp_replace(left(query, 100), '([\\%_])', '\\\1', 'g') || '%' END, least(greatest(page, 1), 500);
END
$$;
COMMENT ON FUNCTION crm.rule_values(text, text, text, int) IS
    'the values that a field of a kind may be compared with, as codes with their names, those that hold a text (empty: all), at most 500; 22023 for a field without a catalogue';

GRANT EXECUTE ON FUNCTION crm.rule_preview(jsonb, timestamptz, int), crm.rule_values(text, text, text, int) TO crm_marketer, crm_analyst, crm_headquarters;
