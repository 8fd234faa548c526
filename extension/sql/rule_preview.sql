-- rule_preview: what a rule comes to before anything is made of it: how many fit, how each of its parts bites, who for
-- instance; and the values that a condition may be given.

CREATE FUNCTION crm._rule_combine(rule jsonb, apart crm.bitmap[], everybody crm.bitmap, INOUT place int, OUT members crm.bitmap)
    LANGUAGE plpgsql STABLE PARALLEL SAFE AS
$$
DECLARE
    part record;
BEGIN
    IF rule ? 'not' THEN
        SELECT c.place, crm.bitmap_without(everybody, c.members) INTO place, members
            FROM crm._rule_combine(rule -> 'not', apart, everybody, _rule_combine.place) c;
    ELSIF rule ? 'any' THEN
        members := '{}';
        FOR part IN SELECT e.value FROM jsonb_array_elements(rule -> 'any') e LOOP
            SELECT c.place, crm.bitmap_or(_rule_combine.members, c.members) INTO place, members
                FROM crm._rule_combine(part.value, apart, everybody, _rule_combine.place) c;
        END LOOP;
    ELSIF rule ? 'all' OR rule = '{}' THEN
        members := everybody;
        FOR part IN SELECT e.value FROM jsonb_array_elements(rule -> 'all') e LOOP
            SELECT c.place, crm.bitmap_and(_rule_combine.members, c.members) INTO place, members
                FROM crm._rule_combine(part.value, apart, everybody, _rule_combine.place) c;
        END LOOP;
    ELSE
        place := place + 1;
        members := apart[place];
    END IF;
END
$$;
COMMENT ON FUNCTION crm._rule_combine(jsonb, crm.bitmap[], crm.bitmap, int) IS
    'who fits a rule, from the sets of its conditions in their order, the first one at place + 1; and the place of '
    'the last';

CREATE FUNCTION crm._rule_leaves(rule jsonb) RETURNS jsonb
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS
$$
BEGIN
    IF rule ? 'not' THEN
        RETURN crm._rule_leaves(rule -> 'not');
    ELSIF rule ? 'any' OR rule ? 'all' OR rule = '{}' THEN
        RETURN (SELECT coalesce(jsonb_agg(l.value ORDER BY e.ordinality, l.ordinality), '[]')
                FROM jsonb_array_elements(coalesce(rule -> 'any', rule -> 'all', '[]')) WITH ORDINALITY e,
                    jsonb_array_elements(crm._rule_leaves(e.value)) WITH ORDINALITY l);
    END IF;
    RETURN jsonb_build_array(rule);
END
$$;
COMMENT ON FUNCTION crm._rule_leaves(jsonb) IS 'the conditions of a rule in their order, each as a rule of its own';

-- A sixteenth of all persons, by the hash of the id, is kept in order (customer_sample), so who is looked at is
-- chosen evenly, the same persons for every rule, and how many there are is known from the sixteenth.
CREATE FUNCTION crm._rule_looked_at(look_at int) RETURNS bigint[]
    LANGUAGE plpgsql STABLE AS
$$
DECLARE
    wanted int := least(greatest(look_at, 100), 100000);
    persons bigint[];
BEGIN
    IF look_at IS NULL THEN
        RETURN NULL;
    END IF;
    persons := ARRAY(SELECT c.customer_id FROM crm.customer c WHERE c.status = 'active' AND hashint8extended(c.customer_id, 0) & 15 = 0
                     ORDER BY hashint8extended(c.customer_id, 0) LIMIT wanted);
    RETURN CASE WHEN cardinality(persons) = wanted THEN persons END;
END
$$;
COMMENT ON FUNCTION crm._rule_looked_at(int) IS
    'so many persons (100 to 100,000) to look at instead of everybody, the same every time, those of a smaller '
    'number among them; null without a number, and where everybody are fewer than sixteen times as many';

CREATE FUNCTION crm._rule_sixteenth() RETURNS bigint
    LANGUAGE plpgsql STABLE AS
$$ BEGIN RETURN (SELECT count(*) FROM crm.customer c WHERE c.status = 'active' AND hashint8extended(c.customer_id, 0) & 15 = 0); END $$;
COMMENT ON FUNCTION crm._rule_sixteenth() IS
    'how many persons are in the sixteenth of everybody of which those to look at are taken';

CREATE FUNCTION crm._rule_between(fitting bigint, looked_at bigint, sixteenth bigint) RETURNS bigint[]
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS
$$
DECLARE
    z CONSTANT float8 := 1.96;
    n float8 := looked_at;
    share float8 := fitting / n;
    middle float8 := (share + z * z / (2 * n)) / (1 + z * z / n);
    half float8 := z / (1 + z * z / n) * sqrt(share * (1 - share) / n + z * z / (4 * n * n));
    persons float8 := 16.0 * sixteenth;
    size_error float8 := share * z * sqrt(15 * persons);
BEGIN
    -- Wilson's interval of the share, and the error of the size, which is known from a sixteenth; who was found is there
    RETURN ARRAY[greatest(fitting, floor(persons * share - sqrt((persons * (share - greatest(middle - half, 0))) ^ 2 + size_error ^ 2))),
                 ceil(persons * share + sqrt((persons * (least(middle + half, 1) - share)) ^ 2 + size_error ^ 2))];
END
$$;
COMMENT ON FUNCTION crm._rule_between(bigint, bigint, bigint) IS
    'between which numbers a count over everybody lies, 95 times in 100, when so many were found among so many that '
    'were looked at, of everybody''s sixteenth';

CREATE FUNCTION crm._rule_told(name text, fitting bigint, looked_at bigint, sixteenth bigint) RETURNS jsonb
    LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
$$
    SELECT CASE WHEN sixteenth IS NULL THEN jsonb_build_object(name, fitting)
           ELSE jsonb_build_object(name, round(16.0 * sixteenth * fitting / looked_at), name || '_between',
                   crm._rule_between(fitting, looked_at, sixteenth)) END
$$;
COMMENT ON FUNCTION crm._rule_told(text, bigint, bigint, bigint) IS
    'a count under a name: as it is when everybody was asked (sixteenth null), else what it comes to, and between '
    'which numbers';

CREATE FUNCTION crm._rule_parts(rule jsonb, apart crm.bitmap[], everybody crm.bitmap, sixteenth bigint) RETURNS jsonb
    LANGUAGE plpgsql STABLE PARALLEL SAFE AS
$$
DECLARE
    part record;
    place int := 0;
    sets crm.bitmap[] := '{}';
    one crm.bitmap;
    through crm.bitmap := everybody;
    others crm.bitmap;
    looked_at bigint := crm.bitmap_count(everybody);
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
        answer := answer || (crm._rule_told('persons', crm.bitmap_count(sets[i]), looked_at, sixteenth)
            || crm._rule_told('left', crm.bitmap_count(through), looked_at, sixteenth)
            || crm._rule_told('keeps_out', crm.bitmap_count(crm.bitmap_without(others, sets[i])), looked_at, sixteenth));
    END LOOP;
    RETURN answer;
END
$$;
COMMENT ON FUNCTION crm._rule_parts(jsonb, crm.bitmap[], crm.bitmap, bigint) IS
    'of each part of a rule that must hold as a whole: how many meet it, how many are left after it, and how many '
    'more there were without it';

-- Everybody of a large chain takes longer than a page waits for one answer, so persons are asked in spans of ids,
-- each answer as many spans as its time allows; counts of persons who are asked once each add up.
CREATE FUNCTION crm._rule_apart_onward(rule jsonb, moment timestamptz, INOUT after bigint, persons int DEFAULT 10000,
                                       within interval DEFAULT '150 ms', OUT apart crm.bitmap[])
    LANGUAGE plpgsql STABLE AS
$$
DECLARE
    ends timestamptz := clock_timestamp() + within;
    before timestamptz;
    share float8;           -- of what the last span took: what is left
    span bigint[];
    found int;
    one crm.bitmap[];
BEGIN
    after := least(greatest(after, 0), 4611686018427387904);    -- the largest that a set holds
    LOOP
        before := clock_timestamp();
        SELECT ARRAY[after + 1, coalesce(max(p.id), after)], count(*) INTO span, found
            FROM (SELECT c.customer_id AS id FROM crm.customer c WHERE c.customer_id > after ORDER BY c.customer_id
                LIMIT persons) p;
        one := crm._rule_apart_span(rule, span, moment);
        apart := CASE WHEN apart IS NULL THEN one ELSE (SELECT array_agg(crm.bitmap_or(a, o) ORDER BY n)
                FROM unnest(apart, one) WITH ORDINALITY x (a, o, n)) END;
        after := CASE WHEN found = persons THEN span[2] END;
        EXIT WHEN after IS NULL OR ends - clock_timestamp() <= within / 5;
        share := extract(epoch FROM ends - clock_timestamp()) / greatest(extract(epoch FROM clock_timestamp() - before), 1e-4);
        persons := greatest(persons * least(0.9 * share, 20), 1);      -- the first plans, the second takes the rest of the time
    END LOOP;
END
$$;
COMMENT ON FUNCTION crm._rule_apart_onward(jsonb, timestamptz, bigint, int, interval) IS
    'of the persons behind an id, so many at first, then as many as there is time for: all of them, then those who '
    'meet each condition of a rule alone; and the id to go on behind, null after the last';

CREATE FUNCTION crm.rule_preview(rule jsonb, as_of timestamptz DEFAULT NULL, sample int DEFAULT 20,
                                 look_at int DEFAULT NULL, after bigint DEFAULT NULL) RETURNS jsonb
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
DECLARE
    moment timestamptz := coalesce(as_of, crm.core_now());
    looked_at bigint[];
    sixteenth bigint;       -- null: everybody is asked
    apart crm.bitmap[];
    everybody crm.bitmap;
    members crm.bitmap;
    asked bigint;
    onward bigint;          -- of a count that goes on: behind whom
BEGIN
    PERFORM crm.rule_check(rule);
    looked_at := CASE WHEN after IS NULL THEN crm._rule_looked_at(look_at) END;
    IF after IS NOT NULL THEN
        SELECT o.apart, o.after INTO apart, onward FROM crm._rule_apart_onward(rule, moment, rule_preview.after) o;
        everybody := apart[1];
        apart := apart[2:];
    ELSIF looked_at IS NULL THEN
        apart := crm._rule_apart(rule, moment);
        everybody := apart[1];
        apart := apart[2:];
    ELSE
        sixteenth := crm._rule_sixteenth();
        everybody := crm.bitmap(looked_at);
        apart := CASE WHEN crm._rule_leaves(rule) = '[]' THEN '{}' ELSE crm._rule_fit_sets(crm._rule_leaves(rule), looked_at, moment) END;
    END IF;
    members := (SELECT c.members FROM crm._rule_combine(rule, apart, everybody, 0) c);
    asked := crm.bitmap_count(everybody);
    RETURN jsonb_build_object('as_of', moment, 'is_exact', sixteenth IS NULL, 'looked_at', asked,
        'parts', crm._rule_parts(rule, apart, everybody, sixteenth),
        'conditions',
            (SELECT coalesce(jsonb_agg(c.value || crm._rule_told('persons', crm.bitmap_count(apart[c.ordinality]),
                       asked, sixteenth) ORDER BY c.ordinality), '[]')
                       FROM jsonb_array_elements(crm._rule_conditions(rule)) WITH ORDINALITY c),
        'sample', (SELECT coalesce(jsonb_agg(jsonb_build_object('customer_id', p.customer_id, 'name', p.name_masked,
                   'phone', p.phone_masked) ORDER BY s.ordinality), '[]')
                   FROM unnest(crm._rule_sample(members, least(sample, 200), rule::text)) WITH ORDINALITY s
                   JOIN crm.customer p ON p.customer_id = s.s))
        || crm._rule_told('everybody', asked, asked, sixteenth) || crm._rule_told('persons', crm.bitmap_count(members), asked, sixteenth)
        || CASE WHEN after IS NOT NULL THEN jsonb_build_object('after', onward) ELSE '{}' END;
END
$$;
COMMENT ON FUNCTION crm.rule_preview(jsonb, timestamptz, int, int, bigint) IS
    'how many persons fit a rule; of its parts in their order (the members of all, else the rule itself) how many '
    'meet each, how many are left after it and how many more it keeps out; how many meet each condition alone; a '
    'sample (at most 200, masked) that stays the same. look_at: so many persons (100 to 100,000) are looked at '
    'instead of everybody, the same for every rule; then is_exact is false, numbers are estimates, and beside each, '
    '<name>_between, the two numbers between which it lies 95 times in 100; where everybody are few all are asked. '
    'after: those behind an id are asked, from 0 on, as many as a moment allows; numbers are of them, those of all '
    'answers add up to everybody''s, and the member after says behind which id to go on, null after the last; RM351';

CREATE FUNCTION crm._rule_name_column(relation text, language text, code text) RETURNS text
    LANGUAGE sql STABLE AS
$$
    SELECT coalesce((SELECT w FROM unnest(ARRAY['name_' || language, 'name', 'name_zh']) WITH ORDINALITY n (w, place)
                     WHERE w = ANY (crm._rule_columns(relation)) ORDER BY place LIMIT 1), code)
$$;
COMMENT ON FUNCTION crm._rule_name_column(text, text, text) IS
    'the column of a catalogue that holds names in a language, else the one of its codes';

CREATE FUNCTION crm.rule_values(kind text, field text, query text DEFAULT '', page int DEFAULT 100) RETURNS SETOF jsonb
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
DECLARE
    spec jsonb := (SELECT s.spec -> 'columns' -> rule_values.field FROM crm.rule_source s WHERE s.kind = rule_values.kind);
    place jsonb := coalesce(spec -> 'lookup', spec -> 'catalogue');
BEGIN
    IF spec ? 'words' THEN
        RETURN QUERY SELECT jsonb_build_object('code', w, 'name_zh', w, 'name_en', w) FROM jsonb_array_elements_text(spec -> 'words') w
                     WHERE strpos(w, lower(coalesce(query, ''))) > 0;
        RETURN;
    END IF;
    IF place IS NULL OR spec ->> 'type' = 'json' THEN
        RAISE EXCEPTION 'the values of "%" of "%" are not listed', field, kind
            USING ERRCODE = 'invalid_parameter_value', COLUMN = 'field',
                HINT = 'crm.rule_kinds() has the kinds and their fields; write other values as they are.';
    END IF;
    -- names of relations and columns are the registry's, checked when they were entered
    RETURN QUERY EXECUTE format(
        'SELECT jsonb_build_object(''code'', v.%1$I, ''name_zh'', v.%2$I, ''name_en'', v.%3$I) FROM %4$s v
         WHERE $1 = '''' OR v.%1$I ILIKE $1 OR v.%2$I ILIKE $1 OR v.%3$I ILIKE $1 ORDER BY v.%1$I LIMIT $2',
        place ->> 'code', crm._rule_name_column(place ->> 'relation', 'zh', place ->> 'code'),
        crm._rule_name_column(place ->> 'relation', 'en', place ->> 'code'), place ->> 'relation')
    USING CASE WHEN coalesce(query, '') = '' THEN ''
        ELSE '%' || regexp_replace(left(query, 100), '([\\%_])', '\\\1', 'g') || '%' END,
        least(greatest(page, 1), 500);
END
$$;
COMMENT ON FUNCTION crm.rule_values(text, text, text, int) IS
    'the values that a field of a kind may be compared with, as codes with their names, those that hold a text '
    '(empty: all), at most 500; 22023 for a field without a catalogue';

GRANT EXECUTE ON FUNCTION crm.rule_preview(jsonb, timestamptz, int, int, bigint),
    crm.rule_values(text, text, text, int) TO crm_marketer, crm_analyst, crm_headquarters;
