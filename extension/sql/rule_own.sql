-- rule: kinds of conditions that are not ours: a table of an installation's own beside the schema crm, registered by
-- its DBA.

CREATE FUNCTION crm._rule_own_faults(relation text, spec jsonb) RETURNS SETOF text
    LANGUAGE plpgsql STABLE AS
$$
DECLARE
    one record;
BEGIN
    IF relation ~ '^(crm|pg_catalog|information_schema)\.' THEN
        RETURN NEXT format('%s is no relation of yours', relation);
    END IF;
    RETURN QUERY SELECT format('member %s is between rooms', k) FROM jsonb_object_keys(spec) k
                 WHERE k NOT IN ('key', 'keyed', 'time', 'day', 'scope', 'columns', 'until', 'name_zh', 'name_en', 'as_of');
    FOR one IN SELECT t.relation FROM (
            SELECT _rule_own_faults.relation UNION SELECT c.value #>> '{lookup,relation}'
                FROM jsonb_each(spec -> 'columns') c UNION SELECT c.value #>> '{catalogue,relation}'
                FROM jsonb_each(spec -> 'columns') c) t (relation)
        WHERE t.relation IS NOT NULL LOOP
        IF one.relation !~ '^[a-z][a-z0-9_]*\.[a-z][a-z0-9_]*$' OR to_regclass(one.relation) IS NULL THEN
            RETURN NEXT format('relation %s does not exist', one.relation);
        ELSIF NOT has_schema_privilege('crm_owner', split_part(one.relation, '.', 1), 'USAGE')
            OR NOT has_table_privilege('crm_owner', one.relation, 'SELECT') THEN
            RETURN NEXT format('crm_owner may not read %s: GRANT USAGE ON SCHEMA and SELECT to it', one.relation);
        END IF;
    END LOOP;
    RETURN QUERY SELECT format('column %s has no plain name', n.name)
    FROM (SELECT spec ->> 'key' UNION SELECT spec ->> 'time' UNION SELECT spec ->> 'day' UNION SELECT spec ->> 'until'
        UNION SELECT jsonb_object_keys(spec -> 'scope') UNION SELECT c.value ->> 'column'
        FROM jsonb_each(spec -> 'columns') c) n (name)
    WHERE n.name !~ '^[a-z][a-z0-9_]*$';
END
$$;
COMMENT ON FUNCTION crm._rule_own_faults(text, jsonb) IS
    'what is wrong with a relation of an installation''s own as a source of conditions, beside what is wrong with '
    'any source';

CREATE FUNCTION crm.rule_register(kind text, shape text, relation text, spec jsonb) RETURNS void
    LANGUAGE plpgsql AS
$$
DECLARE
    faults text[] := ARRAY(SELECT f FROM crm._rule_own_faults(relation, spec) f);
BEGIN
    IF kind IS NULL OR kind !~ '^own_[a-z0-9_]{1,50}$' THEN
        faults := faults || 'a kind of yours begins with own_'::text;
    END IF;
    IF shape IS NULL OR shape NOT IN ('state', 'facts') THEN
        faults := faults || 'its shape is state (a row a person) or facts (many rows)'::text;
    END IF;
    IF cardinality(faults) > 0 THEN
        RAISE EXCEPTION 'source "%" of rules cannot be registered', kind
            USING ERRCODE = 'RM352', DETAIL = array_to_string(faults, '; ') || '.', HINT = 'doc/extending.md shows one that works.';
    END IF;
    PERFORM crm._rule_source_put(kind, 'own', shape, relation,
        spec || jsonb_build_object('facts', jsonb_build_array(kind)) || CASE WHEN spec ? 'as_of' THEN '{}'::jsonb
        ELSE '{"as_of": "now"}' END);
END
$$;
COMMENT ON FUNCTION crm.rule_register(text, text, text, jsonb) IS
    'for a DBA (nobody is granted it): lets rules, segments, flows and exclusions ask a table or view outside the '
    'schema crm, under a kind that begins with own_; spec as doc/rooms/rule.md has it (key, keyed, time, day, '
    'scope, columns, until, names, as_of); again: described anew; rules read it with the rights of crm_owner, so '
    'register only what you wrote yourself; RM352 says what does not fit';

CREATE FUNCTION crm.rule_unregister(kind text) RETURNS void
    LANGUAGE plpgsql AS
$$
BEGIN
    DELETE FROM crm.rule_source s WHERE s.kind = rule_unregister.kind AND s.room = 'own';
    IF NOT FOUND THEN
        RAISE EXCEPTION 'no kind "%" of yours is registered', kind USING ERRCODE = 'no_data_found', COLUMN = 'kind',
            HINT = 'crm.rule_kinds() lists what rules may ask.';
    END IF;
    PERFORM crm._rule_forget();
END
$$;
COMMENT ON FUNCTION crm.rule_unregister(text) IS
    'for a DBA: takes a kind back that crm.rule_register() let rules ask; rules that still ask it are refused with '
    'RM351 from then on; P0002';

CREATE FUNCTION crm.rule_announce(customer_ids bigint[], kind text) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
BEGIN
    IF NOT EXISTS (SELECT FROM crm.rule_source s WHERE s.kind = rule_announce.kind AND s.room = 'own') THEN
        RAISE EXCEPTION 'no kind "%" of yours is registered', kind USING ERRCODE = 'no_data_found', COLUMN = 'kind',
            HINT = 'Register it with crm.rule_register() first.';
    END IF;
    PERFORM crm._consequence_facts(ARRAY(SELECT DISTINCT p.id
            FROM (SELECT crm._identity_current(c.id) FROM unnest(customer_ids) c (id)) p (id) WHERE p.id IS NOT NULL
            ORDER BY 1), kind, false);
END
$$;
COMMENT ON FUNCTION crm.rule_announce(bigint[], text) IS
    'tells in the same commit that rows of a registered kind of yours changed for these persons (any ids they ever '
    'had): segments and flows that ask it follow; nobody but a DBA''s own code may call it unless the DBA grants '
    'it; P0002';
