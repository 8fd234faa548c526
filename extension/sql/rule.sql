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
    IF relation !~ '^crm\.[a-z][a-z0-9_]*$' OR cardinality(known) = 0 THEN
        RETURN NEXT format('relation %s does not exist', relation);
        RETURN;
    END IF;
    IF coalesce(spec ->> 'keyed', '') NOT IN ('person', 'ever', 'record') THEN
        RETURN NEXT 'keyed is person, ever or record';
    END IF;
    RETURN QUERY
    SELECT format('member %s is not known', k) FROM jsonb_object_keys(spec) k
    WHERE k NOT IN ('key', 'keyed', 'time', 'day', 'scope', 'columns', 'facts', 'as_of', 'pending', 'moved', 'version', 'name_zh', 'name_en',
                    'state', 'part', 'newest', 'strict', 'loose', 'history', 'exact');
    RETURN QUERY
    SELECT format('relation %s has no column %s', relation, c.name)
    FROM (SELECT spec ->> 'key' AS name UNION SELECT spec ->> 'time' UNION SELECT spec ->> 'day' UNION SELECT spec ->> 'state'
          UNION SELECT spec ->> 'part' UNION SELECT spec ->> 'history'
          UNION SELECT jsonb_object_keys(spec -> 'scope') UNION SELECT jsonb_array_elements_text(spec -> 'newest')
          UNION SELECT e.value ->> 'column' FROM jsonb_each(spec -> 'columns') e) c
    WHERE c.name IS NOT NULL AND c.name <> ALL (known);
    FOR one IN SELECT e.key, e.value FROM jsonb_each(spec -> 'columns') e LOOP
        IF one.key !~ '^[a-z][a-z0-9_]*$' OR coalesce(one.value ->> 'type', '') NOT IN ('text', 'number', 'boolean', 'date', 'time', 'texts', 'json') THEN
            RETURN NEXT format('field %s has no proper name or type', one.key);
        END IF;
        RETURN QUERY
        SELECT format('field %s leans on %s.%s, which does not exist', one.key, l.value ->> 'relation', c.value)
        FROM jsonb_each(one.value) l, jsonb_each_text(l.value - 'relation') c
        WHERE l.key IN ('lookup', 'catalogue') AND c.value <> ALL (crm._rule_columns(l.value ->> 'relation'));
    END LOOP;
END
$$;
COMMENT ON FUNCTION crm._rule_source_faults(text, text, jsonb) IS 'what is wrong with the description of a source, a line a fault';

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
    'for a room''s migration: enters or replaces what rules may ask of one relation; shape is state (a row a person), facts (many rows), latest (the newest row of each record decides), history (packed purchases); RM352 says what does not fit';

CREATE FUNCTION crm._rule_forget() RETURNS void
    LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'crm_rule_forget';
COMMENT ON FUNCTION crm._rule_forget() IS 'makes every session read crm.rule_source anew once this transaction has committed';
