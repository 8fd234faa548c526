-- rule: the one language of conditions about persons.  What may be asked is registered by the rooms in
-- crm.rule_source; a rule is checked, compiled and answered in C (src/rule), for one person, for a set, and
-- in words.  Nothing of a rule's text becomes SQL: values are parameters, names come from the registry.

CREATE FUNCTION crm._rule_columns(relation text) RETURNS text[]
    LANGUAGE plpgsql STABLE AS
$$
BEGIN
    RETURN ARRAY(SELECT a.attname::text FROM pg_attribute a
                 WHERE a.attrelid = to_regclass(relation) AND a.attnum > 0 AND NOT a.attisdropped);
END
$$;
COMMENT ON FUNCTION crm._rule_columns(text) IS 'names of a relation''s columns; empty when there is no such relation';

CREATE FUNCTION crm._rule_source_faults(shape text, relation text, spec jsonb) RETURNS SETOF text
    LANGUAGE plpgsql STABLE AS
$$
DECLARE
    known text[] := crm._rule_columns(relation);
    one record;
BEGIN
    IF relation !~ '^[a-z][a-z0-9_]*\.[a-z][a-z0-9_]*$' OR cardinality(known) = 0 THEN
        RETURN NEXT format('relation %s does not exist', relation);
        RETURN;
    END IF;
    IF coalesce(spec ->> 'keyed', '') NOT IN ('person', 'ever', 'record') THEN
        RETURN NEXT 'keyed is person, ever or record';
    END IF;
    RETURN QUERY
    SELECT format('member %s is not known', k) FROM jsonb_object_keys(spec) k
    WHERE k NOT IN ('key', 'keyed', 'time', 'day', 'scope', 'columns', 'facts', 'as_of', 'pending', 'moved', 'version', 'name_zh', 'name_en',
                    'state', 'part', 'parts', 'newest', 'strict', 'loose', 'history', 'until', 'packed', 'kept', 'set', 'ends');
    RETURN QUERY
    SELECT format('relation %s has no column %s', relation, c.name)
    FROM (SELECT spec ->> 'key' AS name UNION SELECT spec ->> 'time' UNION SELECT spec ->> 'day' UNION SELECT spec ->> 'state'
          UNION SELECT spec ->> 'part' UNION SELECT spec ->> 'history' UNION SELECT spec ->> 'until'
          UNION SELECT jsonb_object_keys(spec -> 'scope') UNION SELECT jsonb_array_elements_text(spec -> 'newest')
          UNION SELECT e.value ->> 'column' FROM jsonb_each(spec -> 'columns') e UNION SELECT e.value ->> 'lunar'
              FROM jsonb_each(spec -> 'columns') e) c
    WHERE c.name IS NOT NULL AND c.name <> ALL (known);
    RETURN QUERY
    SELECT format('parts lean on %s.%s, which does not exist', spec #>> '{parts,relation}', spec #>> '{parts,code}')
    WHERE spec ? 'parts' AND (spec #>> '{parts,code}' = ANY (crm._rule_columns(spec #>> '{parts,relation}'))) IS NOT TRUE;
    RETURN QUERY
    SELECT format('packed rows lean on %s.%s, which does not exist', c.relation, c.name)
    FROM (SELECT spec #>> '{packed,relation}' AS relation, spec #>> '{packed,column}' AS name
          UNION ALL
          SELECT f.value ->> 'relation', n.name FROM jsonb_each(spec #> '{packed,facets}') f
              CROSS JOIN LATERAL (VALUES (f.value ->> 'key'),
                  (coalesce(f.value ->> 'code', f.value ->> 'key'))) n (name)) c
    WHERE spec ? 'packed' AND (c.name IS NULL OR c.name <> ALL (crm._rule_columns(c.relation)));
    RETURN QUERY
    SELECT format('kept rows lean on %s.%s, which does not exist', c.relation, c.name)
    FROM unnest(CASE shape WHEN 'history' THEN '{key,history,whole}' WHEN 'latest' THEN '{key,since}' ELSE '{}' END::text[]) m,
         LATERAL (SELECT spec #>> '{kept,relation}' AS relation, spec #>> ARRAY['kept', m] AS name) c
    WHERE spec ? 'kept' AND (c.name IS NULL OR c.name <> ALL (crm._rule_columns(c.relation)));
    RETURN QUERY
    SELECT format('a set of %s is answered by %s(text[], timestamptz), and one of them does not exist',
        spec #>> '{set,field}', spec #>> '{set,function}')
    WHERE spec ? 'set' AND (NOT coalesce(spec -> 'columns' ? (spec #>> '{set,field}'), false)
                            OR to_regprocedure(format('%s(text[], timestamptz)', spec #>> '{set,function}')) IS NULL);
    RETURN QUERY
    SELECT format('ends lean on %s.%s, which does not exist', spec #>> '{ends,relation}', c.name)
    FROM (VALUES (spec ->> 'key'), (spec ->> 'until')) c (name)
    WHERE spec -> 'ends' ? 'relation' AND (c.name IS NULL OR c.name <> ALL (crm._rule_columns(spec #>> '{ends,relation}')));
    FOR one IN SELECT e.key, e.value FROM jsonb_each(spec -> 'columns') e LOOP
        IF one.key !~ '^[a-z][a-z0-9_]*$' OR coalesce(one.value ->> 'type',
                '') NOT IN ('text', 'number', 'boolean', 'date', 'time', 'texts', 'json') THEN
            RETURN NEXT format('field %s has no proper name or type', one.key);
        END IF;
        IF one.value ? 'words' AND (jsonb_typeof(one.value -> 'words') <> 'array'
                OR jsonb_path_exists(one.value, '$.words[*] ? (@.type() != "string")')) THEN
            RETURN NEXT format('words of field %s are a list of texts', one.key);
        END IF;
        RETURN QUERY
        SELECT format('field %s leans on %s.%s, which does not exist', one.key, l.value ->> 'relation', c.value)
        FROM jsonb_each(one.value) l, jsonb_each_text(CASE WHEN l.key IN ('lookup', 'catalogue') THEN l.value - 'relation' ELSE '{}' END) c
        WHERE c.value <> ALL (crm._rule_columns(l.value ->> 'relation'));
    END LOOP;
END
$$;
COMMENT ON FUNCTION crm._rule_source_faults(text, text, jsonb) IS
    'what is wrong with the description of a source, a line a fault';

CREATE FUNCTION crm._rule_source_put(kind text, room text, shape text, relation text, spec jsonb) RETURNS void
    LANGUAGE plpgsql AS
$$
DECLARE
    faults text[] := ARRAY(SELECT f FROM crm._rule_source_faults(shape, relation, spec) f);
BEGIN
    IF kind !~ '^[a-z][a-z0-9_]*$' OR cardinality(faults) > 0 THEN
        RAISE EXCEPTION 'source "%" of rules cannot be registered', kind
            USING ERRCODE = 'RM352', DETAIL = array_to_string(faults, '; ') || '.', HINT = 'The members of a source are in doc/rooms/rule.md.';
    END IF;
    INSERT INTO crm.rule_source AS s (kind, room, shape, relation, spec)
    VALUES (_rule_source_put.kind, _rule_source_put.room, _rule_source_put.shape, _rule_source_put.relation, _rule_source_put.spec)
    ON CONFLICT ON CONSTRAINT rule_source_pkey DO UPDATE
    SET room = excluded.room, shape = excluded.shape, relation = excluded.relation, spec = excluded.spec;
    PERFORM crm._rule_forget();
END
$$;
COMMENT ON FUNCTION crm._rule_source_put(text, text, text, text, jsonb) IS
    'for a room''s migration: enters or replaces what rules may ask of one relation; shape is state (a row a '
    'person), facts (many rows), latest (the newest row of each record decides), history (packed purchases); RM352 '
    'says what does not fit';

CREATE FUNCTION crm._rule_forget() RETURNS void
    LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'crm_rule_forget';
COMMENT ON FUNCTION crm._rule_forget() IS
    'makes every session read crm.rule_source anew once this transaction has committed';

-- Compiled and answered in C; whoever calls these has asked for the right to.
CREATE FUNCTION crm._rule_check(rule jsonb) RETURNS void
    LANGUAGE c STABLE STRICT AS 'MODULE_PATHNAME', 'crm_rule_check';
COMMENT ON FUNCTION crm._rule_check(jsonb) IS
    'RM351 unless a rule can be read and its stores, categories, tags and the like are defined';
CREATE FUNCTION crm._rule_fit(rule jsonb, persons bigint[], moment timestamptz) RETURNS bigint[]
    LANGUAGE c STABLE STRICT AS 'MODULE_PATHNAME', 'crm_rule_fit';
COMMENT ON FUNCTION crm._rule_fit(jsonb, bigint[], timestamptz) IS
    'those of the given persons who fit a rule as of a moment, in their order';
CREATE FUNCTION crm._rule_fit_sets(rules jsonb, persons bigint[], moment timestamptz, met crm.bitmap[] DEFAULT '{}') RETURNS crm.bitmap[]
    LANGUAGE c STABLE STRICT AS 'MODULE_PATHNAME', 'crm_rule_fit_sets';
COMMENT ON FUNCTION crm._rule_fit_sets(jsonb, bigint[], timestamptz, crm.bitmap[]) IS
    'of each rule of a list those of the given persons who fit as of a moment, in one statement by sets: for '
    'thousands of persons; met: of each rule those who are known to be active and to meet all that no order '
    'changes, null: nobody is';
CREATE FUNCTION crm._rule_set(rule jsonb, moment timestamptz) RETURNS crm.bitmap
    LANGUAGE c STABLE STRICT AS 'MODULE_PATHNAME', 'crm_rule_set';
COMMENT ON FUNCTION crm._rule_set(jsonb, timestamptz) IS 'all persons who fit a rule as of a moment';
CREATE FUNCTION crm._rule_apart(rule jsonb, moment timestamptz) RETURNS crm.bitmap[]
    LANGUAGE c STABLE STRICT AS 'MODULE_PATHNAME', 'crm_rule_apart';
COMMENT ON FUNCTION crm._rule_apart(jsonb, timestamptz) IS
    'all persons, then those who meet each condition of a rule alone, in one statement';
CREATE FUNCTION crm._rule_apart_span(rule jsonb, span bigint[], moment timestamptz) RETURNS crm.bitmap[]
    LANGUAGE c STABLE STRICT AS 'MODULE_PATHNAME', 'crm_rule_apart_span';
COMMENT ON FUNCTION crm._rule_apart_span(jsonb, bigint[], timestamptz) IS
    'the same of a span of persons, its first and its last id: all of them, then those who meet each condition of a '
    'rule alone';
CREATE FUNCTION crm._rule_rows(of_table anyelement, key text, keys bigint[]) RETURNS SETOF anyelement
    LANGUAGE c STABLE ROWS 1000 AS 'MODULE_PATHNAME', 'crm_rule_rows';
COMMENT ON FUNCTION crm._rule_rows(anyelement, text, bigint[]) IS
    'rows of a table, given as a null of its type, whose key is one of these: walked to along its index, past the '
    'planner';

CREATE FUNCTION crm._rule_moved_apart(rule jsonb, before timestamptz, moment timestamptz, OUT persons bigint[], OUT doubted bigint[]) RETURNS record
    LANGUAGE c STABLE STRICT AS 'MODULE_PATHNAME', 'crm_rule_moved_apart';
COMMENT ON FUNCTION crm._rule_moved_apart(jsonb, timestamptz, timestamptz) IS
    'persons whose answer time alone may have changed between two moments, some more perhaps, some twice; doubted: '
    'those of whom more may have changed than what orders change; null: anybody';
CREATE FUNCTION crm._rule_explain(rule jsonb, person bigint, moment timestamptz) RETURNS jsonb
    LANGUAGE c STABLE STRICT AS 'MODULE_PATHNAME', 'crm_rule_explain';
COMMENT ON FUNCTION crm._rule_explain(jsonb, bigint, timestamptz) IS
    'condition by condition what was found about a person, and whether it is met';
CREATE FUNCTION crm._rule_conditions(rule jsonb) RETURNS jsonb
    LANGUAGE c STABLE STRICT AS 'MODULE_PATHNAME', 'crm_rule_conditions';
COMMENT ON FUNCTION crm._rule_conditions(jsonb) IS 'the conditions of a rule in words, in their order';
CREATE FUNCTION crm._rule_statement(rule jsonb, form text) RETURNS text
    LANGUAGE c STABLE STRICT AS 'MODULE_PATHNAME', 'crm_rule_statement';
COMMENT ON FUNCTION crm._rule_statement(jsonb, text) IS
    'the SQL that a rule becomes: persons, explain, everybody, apart, span, given or moved; values are parameters';

CREATE FUNCTION crm._rule_days_to(born date, today date) RETURNS int
    LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
$$
    SELECT CASE WHEN this >= today THEN this
        ELSE (born + make_interval(years => extract(year FROM today)::int + 1 - extract(year FROM born)::int))::date
        END - today
    FROM (SELECT (born + make_interval(years => extract(year FROM today)::int - extract(year FROM born)::int))::date AS this) t
$$;
COMMENT ON FUNCTION crm._rule_days_to(date, date) IS
    'days from a day to the next anniversary, 0 on it; 29 February is kept on the 28th in other years';

CREATE FUNCTION crm._rule_lunar_day(told date) RETURNS date
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'crm_rule_lunar_day';
COMMENT ON FUNCTION crm._rule_lunar_day(date) IS
    'the day that a year, month and day of the Chinese calendar were; a 30th that the month does not have is its '
    '29th; null outside 1900 to 2100';
CREATE FUNCTION crm._rule_lunar_next(told date, today date) RETURNS date
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'crm_rule_lunar_next';
COMMENT ON FUNCTION crm._rule_lunar_next(date, date) IS
    'the first day from a day on, that day included, with a month and day of the Chinese calendar; null outside '
    '1900 to 2100';

CREATE FUNCTION crm.rule_check(rule jsonb) RETURNS void
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
BEGIN
    IF rule IS NULL THEN
        RAISE EXCEPTION 'there is no rule' USING ERRCODE = 'RM351', COLUMN = 'rule', HINT = 'Write {"all": [...]}.';
    END IF;
    PERFORM crm._rule_check(rule);
END
$$;
COMMENT ON FUNCTION crm.rule_check(jsonb) IS
    'nothing when a rule can be answered; RM351 names the path, what is wrong there, and what to write';

CREATE FUNCTION crm.rule_matches(rule jsonb, customer_id bigint, as_of timestamptz DEFAULT NULL) RETURNS boolean
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
BEGIN
    RETURN crm._rule_fit(rule, ARRAY[crm._identity_current(rule_matches.customer_id)], coalesce(as_of, crm.core_now())) <> '{}';
END
$$;
COMMENT ON FUNCTION crm.rule_matches(jsonb, bigint, timestamptz) IS
    'whether a person (under any id) fits a rule now, or as of a moment; false for who was erased or never was; RM351';

CREATE FUNCTION crm.rule_select(rule jsonb, as_of timestamptz DEFAULT NULL) RETURNS SETOF bigint
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
BEGIN
    PERFORM crm._rule_check(rule);
    RETURN QUERY SELECT crm.bitmap_members(crm._rule_set(rule, coalesce(crm._require_moment(as_of, 'as_of'), crm.core_now())));
END
$$;
COMMENT ON FUNCTION crm.rule_select(jsonb, timestamptz) IS 'all persons who fit a rule, ids ascending; RM351';

CREATE FUNCTION crm.rule_count(rule jsonb, as_of timestamptz DEFAULT NULL) RETURNS bigint
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
BEGIN
    PERFORM crm._rule_check(rule);
    RETURN crm.bitmap_count(crm._rule_set(rule, coalesce(crm._require_moment(as_of, 'as_of'), crm.core_now())));
END
$$;
COMMENT ON FUNCTION crm.rule_count(jsonb, timestamptz) IS 'how many persons fit a rule; RM351';

CREATE FUNCTION crm.rule_explain(rule jsonb, customer_id bigint, as_of timestamptz DEFAULT NULL) RETURNS jsonb
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
DECLARE
    person bigint := crm._access_require_person(customer_id);
    moment timestamptz := coalesce(as_of, crm.core_now());
BEGIN
    PERFORM crm.rule_check(rule);
    RETURN jsonb_build_object('customer_id', person, 'as_of', moment, 'matches', crm._rule_fit(rule, ARRAY[person], moment) <> '{}',
                              'conditions', crm._rule_explain(rule, person, moment));
END
$$;
COMMENT ON FUNCTION crm.rule_explain(jsonb, bigint, timestamptz) IS
    'whether a person of the actor''s scope fits a rule, and of each condition its path, words, the value found and '
    'whether it is met; RM351, P0002';

CREATE FUNCTION crm._rule_sample(members crm.bitmap, size int, seed text) RETURNS bigint[]
    LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
$$
    SELECT coalesce(array_agg(s.id ORDER BY s.place, s.id), '{}')
    FROM (SELECT m AS id, hashint8extended(m, hashtextextended(seed, 0)) AS place FROM unnest(crm.bitmap_array(members)) m
          ORDER BY place, m LIMIT greatest(size, 0)) s
$$;
COMMENT ON FUNCTION crm._rule_sample(crm.bitmap, int, text) IS
    'members chosen by their hash under a seed: the same every time, and who is in a small sample is in a larger one';

CREATE FUNCTION crm._rule_parts(spec jsonb) RETURNS jsonb
    LANGUAGE plpgsql STABLE AS
$$
DECLARE
    parts jsonb := '{}';
BEGIN
    -- names of relations and columns are the registry's, checked when they were entered
    IF spec ? 'parts' THEN
        EXECUTE format('SELECT coalesce(jsonb_object_agg(p.%1$I, ''text''), ''{}'') FROM %2$s p WHERE p.%1$I IS NOT NULL',
                spec #>> '{parts,code}', spec #>> '{parts,relation}') INTO parts;
    END IF;
    RETURN parts;
END
$$;
COMMENT ON FUNCTION crm._rule_parts(jsonb) IS
    'the parts that are defined of a source that has some (channels of consent), as fields of text';

CREATE FUNCTION crm.rule_kinds() RETURNS SETOF jsonb
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
BEGIN
    RETURN QUERY
    SELECT jsonb_build_object('kind', s.kind, 'shape', s.shape, 'name_zh', s.spec -> 'name_zh', 'name_en', s.spec -> 'name_en',
        'fields', (SELECT coalesce(jsonb_object_agg(c.key, c.value -> 'type'), '{}')
                FROM jsonb_each(s.spec -> 'columns') c) || crm._rule_parts(s.spec))
    FROM crm.rule_source s ORDER BY s.kind;
END
$$;
COMMENT ON FUNCTION crm.rule_kinds() IS 'what rules may ask: an object a kind, with its fields and their types';

GRANT EXECUTE ON FUNCTION crm.rule_check(jsonb), crm.rule_matches(jsonb, bigint, timestamptz), crm.rule_select(jsonb, timestamptz),
    crm.rule_count(jsonb, timestamptz), crm.rule_explain(jsonb, bigint, timestamptz), crm.rule_kinds()
    TO crm_marketer, crm_analyst, crm_headquarters;
