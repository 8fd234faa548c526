-- rule_schema: the JSON Schema of rules takes what crm.rule_check() takes and refuses what that refuses, of every kind, tried on generated conditions by a
-- small reader of schemas; and what is taken is answered in every form.
\set VERBOSITY terse
SET client_min_messages = warning;
SET datestyle = 'ISO';
SET timezone = 'UTC';
SELECT set_config('crm.access_claims', '{"actor": "regress", "role": "crm_headquarters", "stores": [], "all": true}', false) <> '' AS claims;
-- doc/rule.schema.json is the schema of a fresh installation
\set written `cat doc/rule.schema.json`
SELECT crm.rule_schema() = :'written'::jsonb AS as_written, (SELECT count(*) FROM crm.rule_source s WHERE crm.rule_schema() #> ARRAY['$defs', 'kind_' || s.kind] IS NULL) AS kinds_left_out;
BEGIN;
SET LOCAL crm.core_clock = '2026-06-30T12:00:00+08:00';
SELECT crm.access_define_region('sc_r', 'r') > 0 AS region, crm.access_define_store('sc_1', 's', 'sc_r') > 0 AS store;
INSERT INTO crm.product_category (category_id, code, name) VALUES (988501, 'sc_cat', 'c');
INSERT INTO crm.product (product_id, code, name, category_id, updated_at) VALUES (988501, 'sc_p', 'p', 988501, '2026-01-01');
SELECT crm.ingest_define_field('member', 'sc_height', 'number', '身高', 'height');
CREATE TEMP TABLE def AS SELECT d.key AS name, d.value AS said FROM jsonb_each(crm.rule_schema() -> '$defs') d;
ALTER TABLE def ADD PRIMARY KEY (name);

-- 1. a reader of schemas, as far as this one goes
CREATE FUNCTION pg_temp.fits(schema jsonb, v jsonb) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    kind text := jsonb_typeof(v);
    is_fit boolean;
    k text;
    s jsonb;
BEGIN
    IF jsonb_typeof(schema) = 'boolean' THEN
        RETURN schema::boolean;
    END IF;
    FOR k, s IN SELECT * FROM jsonb_each(schema) LOOP
        is_fit := CASE k
            WHEN '$ref' THEN pg_temp.fits((SELECT d.said FROM def d WHERE d.name = substr(schema ->> '$ref', 9)), v)
            WHEN 'type' THEN CASE s #>> '{}' WHEN 'integer' THEN kind = 'number' AND CASE WHEN kind = 'number' THEN v::numeric % 1 = 0 END ELSE kind = s #>> '{}' END
            WHEN 'enum' THEN EXISTS (SELECT FROM jsonb_array_elements(s) e WHERE e = v)
            WHEN 'const' THEN s = v
            WHEN 'pattern' THEN kind <> 'string' OR v #>> '{}' ~ (s #>> '{}')
            WHEN 'minLength' THEN kind <> 'string' OR length(v #>> '{}') >= s::int
            WHEN 'maxLength' THEN kind <> 'string' OR length(v #>> '{}') <= s::int
            WHEN 'minimum' THEN CASE WHEN kind = 'number' THEN v::numeric >= s::numeric ELSE true END
            WHEN 'maximum' THEN CASE WHEN kind = 'number' THEN v::numeric <= s::numeric ELSE true END
            WHEN 'minItems' THEN CASE WHEN kind = 'array' THEN jsonb_array_length(v) >= s::int ELSE true END
            WHEN 'maxItems' THEN CASE WHEN kind = 'array' THEN jsonb_array_length(v) <= s::int ELSE true END
            WHEN 'items' THEN CASE WHEN kind = 'array' THEN NOT EXISTS (SELECT FROM jsonb_array_elements(v) e WHERE NOT pg_temp.fits(s, e)) ELSE true END
            WHEN 'required' THEN kind <> 'object' OR NOT EXISTS (SELECT FROM jsonb_array_elements_text(s) e WHERE NOT v ? e)
            WHEN 'maxProperties' THEN CASE WHEN kind = 'object' THEN (SELECT count(*) FROM jsonb_object_keys(v)) <= s::int ELSE true END
            WHEN 'properties' THEN CASE WHEN kind = 'object' THEN NOT EXISTS (SELECT FROM jsonb_each(s) p WHERE v ? p.key AND NOT pg_temp.fits(p.value, v -> p.key)) ELSE true END
            WHEN 'patternProperties' THEN CASE WHEN kind = 'object' THEN NOT EXISTS (SELECT FROM jsonb_each(s) p, jsonb_each(v) m WHERE m.key ~ p.key AND NOT pg_temp.fits(p.value, m.value)) ELSE true END
            WHEN 'additionalProperties' THEN CASE WHEN kind = 'object' THEN NOT EXISTS (
                SELECT FROM jsonb_each(v) m WHERE NOT coalesce(schema -> 'properties' ? m.key, false)
                  AND NOT EXISTS (SELECT FROM jsonb_object_keys(coalesce(schema -> 'patternProperties', '{}')) p WHERE m.key ~ p) AND NOT pg_temp.fits(s, m.value)) ELSE true END
            WHEN 'anyOf' THEN EXISTS (SELECT FROM jsonb_array_elements(s) e WHERE pg_temp.fits(e, v))
            WHEN 'allOf' THEN NOT EXISTS (SELECT FROM jsonb_array_elements(s) e WHERE NOT pg_temp.fits(e, v))
            WHEN 'oneOf' THEN (SELECT count(*) FROM jsonb_array_elements(s) e WHERE pg_temp.fits(e, v)) = 1
            WHEN 'if' THEN CASE WHEN pg_temp.fits(s, v) THEN pg_temp.fits(coalesce(schema -> 'then', 'true'), v) ELSE pg_temp.fits(coalesce(schema -> 'else', 'true'), v) END
            WHEN '$schema' THEN true WHEN '$defs' THEN true WHEN 'title' THEN true WHEN 'format' THEN true WHEN 'then' THEN true WHEN 'else' THEN true END;
        IF NOT is_fit THEN
            RETURN false;
        END IF;
    END LOOP;
    RETURN true;
END $$;
SELECT count(*) AS told_wrong FROM (VALUES ('{"type": "integer"}', '1.5', false), ('{"type": "integer"}', '"1"', false), ('{"enum": ["a", 1]}', '1', true), ('{"properties": {"a": false}}', '{"a": 1}', false), ('{"properties": {"a": false}}', '{"b": 1}', true),
    ('{"additionalProperties": false, "patternProperties": {"^a": true}}', '{"ab": 1}', true), ('{"additionalProperties": false, "patternProperties": {"^a": true}}', '{"b": 1}', false), ('{"oneOf": [true, true]}', '1', false),
    ('{"if": {"type": "string"}, "then": {"const": "x"}, "else": {"minimum": 3}}', '"y"', false), ('{"if": {"type": "string"}, "then": {"const": "x"}, "else": {"minimum": 3}}', '3', true), ('{"items": {"type": "string"}, "minItems": 1}', '[]', false)) v (s, j, is_fit)
WHERE pg_temp.fits(v.s::jsonb, v.j::jsonb) <> v.is_fit;

-- 2. conditions of every kind: mostly well made, with a fault here and there.  What no schema can say is made right: pairs in order, days that exist,
-- values that catalogues hold.
CREATE FUNCTION pg_temp.pick(choices text[]) RETURNS text LANGUAGE sql VOLATILE AS $$ SELECT choices[1 + floor(random() * cardinality(choices))::int] $$;
CREATE TEMP TABLE field AS
SELECT s.kind, s.shape, c.key || n.suffix AS name, coalesce(n.type, c.value ->> 'type') AS type,
       CASE WHEN c.value ? 'words' AND n.type IS NULL THEN ARRAY(SELECT jsonb_array_elements_text(c.value -> 'words'))
            WHEN (c.value ? 'lookup' OR c.value ? 'catalogue') AND c.value ->> 'type' <> 'json' THEN ARRAY(SELECT v ->> 'code' FROM crm.rule_values(s.kind, c.key, '', 20) v) END AS codes,
       c.value ? 'words' AS has_words
FROM crm.rule_source s CROSS JOIN LATERAL jsonb_each(s.spec -> 'columns') c
CROSS JOIN LATERAL (SELECT CASE WHEN c.value ->> 'type' <> 'json' THEN '' WHEN s.kind IN ('person', 'sensitive') THEN '.sc_height' ELSE '.seconds' END AS suffix, NULL AS type
                    UNION ALL SELECT '.' || d, 'number' FROM unnest('{age,months,since,until,in,month}'::text[]) d WHERE c.value ->> 'type' = 'date') n;
DELETE FROM field f WHERE f.codes = '{}' OR f.kind = 'sensitive';        -- nothing of the kind is defined yet
CREATE FUNCTION pg_temp.value_of(type text, codes text[], has_words boolean) RETURNS jsonb LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    IF random() < 0.07 THEN
        RETURN (pg_temp.pick(ARRAY['1', 'true', 'null', '""', '{}', '[[1]]', '1e16']))::jsonb;
    END IF;
    RETURN CASE coalesce(type, pg_temp.pick('{number,text,boolean}'))
        WHEN 'number' THEN to_jsonb(floor(random() * 40) / 2) WHEN 'boolean' THEN to_jsonb(random() < 0.5) WHEN 'date' THEN to_jsonb((date '2026-01-01' + floor(random() * 180)::int)::text)
        WHEN 'time' THEN to_jsonb((pg_temp.pick('{2026-03-31T12:00:00+08:00,2026-03-31T12:00Z,2026-05-01 00:00:00.5+0530,2026-03-31T12:00:00}'))) WHEN 'json' THEN pg_temp.value_of(pg_temp.pick('{number,text,boolean}'), NULL, false)
        ELSE to_jsonb(CASE WHEN has_words AND random() < 0.1 THEN 'nonesuch' ELSE coalesce(pg_temp.pick(codes), pg_temp.pick('{a,上海,x y}')) END) END;
END $$;
CREATE FUNCTION pg_temp.comparison(f field, type text) RETURNS jsonb LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    op text := pg_temp.pick('{=,=,=,<>,<,<=,>,>=,between,in,not_in,contains,starts_with,missing,present}');
    codes text[] := CASE WHEN type = f.type THEN f.codes END;
    words boolean := f.has_words AND type = f.type;
    value_type text := CASE WHEN type = 'json' THEN pg_temp.pick('{number,text,boolean}') ELSE type END;
    value jsonb := pg_temp.value_of(value_type, codes, words);
BEGIN
    IF op IN ('in', 'not_in', 'between') AND random() < 0.95 THEN
        value := (SELECT jsonb_agg(pg_temp.value_of(value_type, codes, words)) FROM generate_series(1, CASE op WHEN 'between' THEN 2 ELSE 1 + floor(random() * 3)::int END + (random() < 0.04)::int));
    END IF;
    RETURN CASE WHEN op IN ('missing', 'present') AND random() < 0.9 THEN jsonb_build_object('op', op) WHEN op IN ('=', 'in') AND random() < 0.5 THEN jsonb_build_object('value', value)
                WHEN random() < 0.02 THEN jsonb_build_object('op', op) ELSE jsonb_build_object('op', op, 'value', value) END;
END $$;
CREATE FUNCTION pg_temp.windows(shape text) RETURNS jsonb LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    w jsonb := CASE WHEN random() < 0.3 THEN jsonb_build_object('days', floor(random() * 60)) WHEN random() < 0.1 THEN '{"days": [5, 40]}' WHEN random() < 0.03 THEN '{"days": -1}' WHEN random() < 0.03 THEN '{"days": 1.5}' ELSE '{}' END;
BEGIN
    IF random() < 0.1 THEN w := w || '{"since": "2026-01-31"}'; END IF;
    IF random() < 0.1 THEN w := w || CASE WHEN random() < 0.8 THEN '{"until": "2026-06-01"}'::jsonb ELSE '{"until": "2026-6-1"}' END; END IF;
    IF random() < 0.1 THEN w := w || jsonb_build_object('hours', pg_temp.pick('{1,24,0,8760,8761}')::int); END IF;
    IF random() < 0.1 THEN w := w || jsonb_build_object('at', jsonb_build_object('from', pg_temp.pick('{22:00,24:00,7:00}'), 'to', '03:00')); END IF;
    IF random() < 0.1 THEN w := w || jsonb_build_object('weekdays', pg_temp.pick(ARRAY['[6, 7]', '[]', '[0]', '3'])::jsonb); END IF;
    RETURN w;
END $$;
CREATE FUNCTION pg_temp.condition() RETURNS jsonb LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    source crm.rule_source;
    f field;
    c jsonb;
    w jsonb;
    measure text := pg_temp.pick('{ever,never,count,days,sum,average,min,max,distinct,last,first,streak,baseline,gap_ratio}');
BEGIN
    SELECT * INTO source FROM crm.rule_source s WHERE s.kind <> 'sensitive' ORDER BY random() LIMIT 1;
    SELECT * INTO f FROM field x WHERE x.kind = source.kind ORDER BY CASE WHEN measure IN ('sum', 'average') AND random() < 0.7 THEN (x.type NOT IN ('number', 'json'))::int ELSE 0 END, random() LIMIT 1;
    c := jsonb_build_object('kind', source.kind);
    IF source.shape = 'state' THEN
        c := c || jsonb_build_object('field', f.name) || pg_temp.comparison(f, f.type);
    ELSIF source.shape = 'latest' THEN
        c := c || '{"field": "sms"}' || jsonb_build_object('op', pg_temp.pick('{=,<>,<,in,missing,present,contains}'), 'value', pg_temp.pick(ARRAY['"yes"', '"no"', '"perhaps"', '["yes"]'])::jsonb);
    ELSE
        IF source.shape = 'history' AND random() < 0.7 THEN
            measure := pg_temp.pick('{ever,never,count,sum,average,last,first,streak,gap_ratio}');
        END IF;
        c := c || pg_temp.windows(source.shape) || CASE WHEN measure = 'ever' AND random() < 0.5 THEN '{}' ELSE jsonb_build_object('measure', measure) END;
        IF f.name IS NOT NULL AND (measure IN ('sum', 'average', 'min', 'max', 'distinct')) <> (random() < 0.04) THEN
            c := c || jsonb_build_object('field', f.name);
        END IF;
        IF (measure NOT IN ('ever', 'never') AND NOT (measure = 'count' AND random() < 0.3)) <> (random() < 0.03) THEN
            c := c || pg_temp.comparison(f, CASE WHEN measure IN ('min', 'max') AND f.type <> 'json' THEN f.type ELSE 'number' END);
        END IF;
        IF measure = 'baseline' AND random() < 0.9 THEN c := c || '{"days": 30}'; END IF;
        IF random() < 0.02 + 0.38 * (measure IN ('baseline', 'gap_ratio'))::int THEN c := c || jsonb_build_object(pg_temp.pick('{windows,at_least}'), pg_temp.pick('{0,1,3,13}')::int); END IF;
        SELECT * INTO f FROM field x WHERE x.kind = source.kind ORDER BY random() LIMIT 1;
        IF f.name IS NOT NULL AND random() < 0.02 + 0.18 * (measure IN ('count', 'streak'))::int THEN c := c || jsonb_build_object('same', f.name); END IF;
        IF f.name IS NOT NULL AND random() < 0.4 THEN
            w := pg_temp.comparison(f, f.type);
            c := c || jsonb_build_object('where', jsonb_build_object(f.name, CASE WHEN NOT w ? 'op' THEN w -> 'value' ELSE w END));
        END IF;
    END IF;
    IF random() < 0.03 THEN
        c := c || jsonb_build_object(pg_temp.pick('{days,op,field,measure,where,same,hours,windows,at_least,value,x,at}'), pg_temp.pick(ARRAY['1', '"x"', 'null', '[]', '{}'])::jsonb);
    END IF;
    RETURN c;
END $$;
CREATE FUNCTION pg_temp.why_not(rule jsonb) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    why text;
BEGIN
    PERFORM crm.rule_check(rule);
    RETURN NULL;
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS why = PG_EXCEPTION_DETAIL;
    RETURN concat_ws(' ', SQLSTATE, why);
END $$;
SELECT setseed(0.885);
CREATE TEMP TABLE tried AS SELECT g.n, g.rule, pg_temp.why_not(g.rule) AS refused, pg_temp.fits((SELECT d.said FROM def d WHERE d.name = 'kind_' || (g.rule ->> 'kind')), g.rule) AS is_fit
FROM (SELECT n, pg_temp.condition() AS rule FROM generate_series(1, 2000) n OFFSET 0) g;
SELECT count(*) > 600 AS many_taken, count(DISTINCT rule ->> 'kind') = (SELECT count(*) - 1 FROM crm.rule_source) AS of_each_kind FROM tried WHERE refused IS NULL;
SELECT count(*) > 600 AS many_refused, count(*) FILTER (WHERE refused !~ '^RM351') AS otherwise FROM tried WHERE refused IS NOT NULL;
SELECT count(*) AS told_differently FROM tried WHERE is_fit <> (refused IS NULL);
SELECT is_fit, refused, rule FROM tried WHERE is_fit <> (refused IS NULL) ORDER BY n LIMIT 20;
-- groups
SELECT r AS rule, pg_temp.fits((SELECT d.said FROM def d WHERE d.name = 'rule'), r::jsonb) AS is_fit, pg_temp.why_not(r::jsonb) IS NULL AS is_taken FROM (VALUES ('{}'), ('[]'), ('null'), ('{"all": []}'), ('{"any": [{}, {"not": {"kind": "purchase"}}]}'), ('{"not": []}'), ('{"all": [], "any": []}'),
    ('{"all": [1]}'), ('{"x": 1}'), ('{"kind": "nothing"}'), ('{"kind": "purchase", "all": []}'), ('{"any": [{"kind": "tag", "where": {"layer": "base"}}, {"kind": "purchase", "measure": "days", "value": 1}]}')) v (r);

-- 3. what is taken is answered, and alike by each form
CREATE FUNCTION pg_temp.answer(rule jsonb) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    ids CONSTANT bigint[] := ARRAY(SELECT c.customer_id FROM crm.customer c WHERE c.status = 'active' ORDER BY 1 LIMIT 40);
    everybody crm.bitmap := crm._rule_set(rule, crm.core_now()) OPERATOR(crm.&) crm.bitmap(ids);
BEGIN
    PERFORM crm._rule_moved_apart(rule, crm.core_now() - interval '1 day', crm.core_now()), crm._rule_explain(rule, ids[1], crm.core_now());
    RETURN CASE WHEN NOT crm.bitmap_equal(everybody, crm.bitmap(crm._rule_fit(rule, ids, crm.core_now()))) THEN 'of persons'
                WHEN NOT crm.bitmap_equal(everybody, (crm._rule_fit_sets(jsonb_build_array(rule), ids, crm.core_now()))[1]) THEN 'of given' END;
EXCEPTION WHEN OTHERS THEN
    RETURN concat_ws(' ', SQLSTATE, SQLERRM);
END $$;
INSERT INTO crm.customer (customer_id, status, registered_at, registered_on, updated_at) SELECT 9885000 + g, 'active', '2026-01-01', '2026-01-01', '2026-01-01' FROM generate_series(1, 5) g;
CREATE TEMP TABLE answered AS SELECT t.n, t.rule, pg_temp.answer(t.rule) AS fault FROM (SELECT * FROM tried t WHERE t.refused IS NULL ORDER BY t.n LIMIT 200) t;
SELECT count(*) AS answered, count(fault) AS faults FROM answered;
SELECT fault, rule FROM answered WHERE fault IS NOT NULL ORDER BY n LIMIT 20;
ROLLBACK;
