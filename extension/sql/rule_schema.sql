-- rule: the JSON Schema of the language, with the kinds, fields and words that the rooms registered.  It takes what
-- crm.rule_check() takes and refuses what that refuses, as far as a schema can say it: not the order of a pair, what
-- catalogues hold, how deep a rule is, how many conditions and bytes it has. doc/rule.schema.json is that of a fresh
-- installation; sql/rule_schema.sql compares them, and tries both on generated rules.

CREATE FUNCTION crm._rule_schema_base() RETURNS jsonb
    LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
$body$
    -- of_*: op and value of an object, by the type compared (without op a value is compared by =, a list by in);
    -- where_*: a member of where
    SELECT $schema$
{
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "title": "A rule about persons",
    "$ref": "#/$defs/rule",
    "$defs": {
        "rule": {
            "oneOf": [
                {"type": "object", "maxProperties": 0},
                {
                    "type": "object",
                    "properties": {"all": {"$ref": "#/$defs/rules"}},
                    "required": ["all"],
                    "additionalProperties": false
                },
                {
                    "type": "object",
                    "properties": {"any": {"$ref": "#/$defs/rules"}},
                    "required": ["any"],
                    "additionalProperties": false
                },
                {
                    "type": "object",
                    "properties": {"not": {"$ref": "#/$defs/rule"}},
                    "required": ["not"],
                    "additionalProperties": false
                },
                {"$ref": "#/$defs/condition"}
            ]
        },
        "rules": {"type": "array", "items": {"$ref": "#/$defs/rule"}, "maxItems": 64},
        "text": {"type": "string", "minLength": 1, "maxLength": 800},
        "number": {"type": "number", "minimum": -1000000000000000, "maximum": 1000000000000000},
        "day": {"type": "string", "format": "date", "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}$"},
        "moment": {
            "type": "string",
            "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}(:[0-9]{2}(\\.[0-9]{1,6})?)? ?(Z|[+-][0-9]{2}(:?[0-9]{2})?)$"
        },
        "clock": {"type": "string", "pattern": "^([01][0-9]|2[0-3]):[0-5][0-9]$"},
        "op": {
            "enum": [
                "=",
                "<>",
                "<",
                "<=",
                ">",
                ">=",
                "between",
                "in",
                "not_in",
                "contains",
                "starts_with",
                "missing",
                "present"
            ]
        },
        "days": {"type": "integer", "minimum": 0, "maximum": 36500},
        "days_or_pair": {
            "anyOf": [
                {"$ref": "#/$defs/days"},
                {"type": "array", "items": {"$ref": "#/$defs/days"}, "minItems": 2, "maxItems": 2}
            ]
        },
        "hours": {"type": "integer", "minimum": 1, "maximum": 8760},
        "at": {
            "type": "object",
            "properties": {"from": {"$ref": "#/$defs/clock"}, "to": {"$ref": "#/$defs/clock"}},
            "required": ["from", "to"],
            "additionalProperties": false
        },
        "weekdays": {
            "type": "array",
            "items": {"type": "integer", "minimum": 1, "maximum": 7},
            "minItems": 1,
            "maxItems": 7
        },
        "windows": {"type": "integer", "minimum": 1, "maximum": 12},
        "at_least": {"type": "integer", "minimum": 0, "maximum": 1000000},
        "is_there": {
            "properties": {"op": {"enum": ["missing", "present"]}, "value": false},
            "required": ["op"]
        },
        "no_comparison": {"properties": {"op": false, "value": false}},
        "number_or_none": {"anyOf": [{"$ref": "#/$defs/no_comparison"}, {"$ref": "#/$defs/of_number"}]},
        "of_text": {
            "anyOf": [
                {
                    "properties": {
                        "op": {"enum": ["=", "<>", "<", "<=", ">", ">="]},
                        "value": {"$ref": "#/$defs/text"}
                    },
                    "required": ["value"]
                },
                {
                    "properties": {
                        "op": {"enum": ["in", "not_in"]},
                        "value": {
                            "type": "array",
                            "items": {"$ref": "#/$defs/text"},
                            "minItems": 1,
                            "maxItems": 1000
                        }
                    },
                    "required": ["value"]
                },
                {
                    "properties": {
                        "op": {"const": "between"},
                        "value": {
                            "type": "array",
                            "items": {"$ref": "#/$defs/text"},
                            "minItems": 2,
                            "maxItems": 2
                        }
                    },
                    "required": ["op", "value"]
                },
                {
                    "properties": {"op": {"const": "starts_with"}, "value": {"$ref": "#/$defs/text"}},
                    "required": ["op", "value"]
                },
                {"$ref": "#/$defs/is_there"}
            ]
        },
        "of_code": {
            "anyOf": [
                {
                    "properties": {"op": {"enum": ["=", "<>"]}, "value": {"$ref": "#/$defs/text"}},
                    "required": ["value"]
                },
                {
                    "properties": {
                        "op": {"enum": ["in", "not_in"]},
                        "value": {
                            "type": "array",
                            "items": {"$ref": "#/$defs/text"},
                            "minItems": 1,
                            "maxItems": 1000
                        }
                    },
                    "required": ["value"]
                },
                {"$ref": "#/$defs/is_there"}
            ]
        },
        "of_number": {
            "anyOf": [
                {
                    "properties": {
                        "op": {"enum": ["=", "<>", "<", "<=", ">", ">="]},
                        "value": {"$ref": "#/$defs/number"}
                    },
                    "required": ["value"]
                },
                {
                    "properties": {
                        "op": {"enum": ["in", "not_in"]},
                        "value": {
                            "type": "array",
                            "items": {"$ref": "#/$defs/number"},
                            "minItems": 1,
                            "maxItems": 1000
                        }
                    },
                    "required": ["value"]
                },
                {
                    "properties": {
                        "op": {"const": "between"},
                        "value": {
                            "type": "array",
                            "items": {"$ref": "#/$defs/number"},
                            "minItems": 2,
                            "maxItems": 2
                        }
                    },
                    "required": ["op", "value"]
                },
                {"$ref": "#/$defs/is_there"}
            ]
        },
        "of_boolean": {
            "anyOf": [
                {
                    "properties": {"op": {"enum": ["=", "<>"]}, "value": {"type": "boolean"}},
                    "required": ["value"]
                },
                {
                    "properties": {
                        "op": {"enum": ["in", "not_in"]},
                        "value": {
                            "type": "array",
                            "items": {"type": "boolean"},
                            "minItems": 1,
                            "maxItems": 1000
                        }
                    },
                    "required": ["value"]
                },
                {"$ref": "#/$defs/is_there"}
            ]
        },
        "of_date": {
            "anyOf": [
                {
                    "properties": {
                        "op": {"enum": ["=", "<>", "<", "<=", ">", ">="]},
                        "value": {"$ref": "#/$defs/day"}
                    },
                    "required": ["value"]
                },
                {
                    "properties": {
                        "op": {"enum": ["in", "not_in"]},
                        "value": {
                            "type": "array",
                            "items": {"$ref": "#/$defs/day"},
                            "minItems": 1,
                            "maxItems": 1000
                        }
                    },
                    "required": ["value"]
                },
                {
                    "properties": {
                        "op": {"const": "between"},
                        "value": {
                            "type": "array",
                            "items": {"$ref": "#/$defs/day"},
                            "minItems": 2,
                            "maxItems": 2
                        }
                    },
                    "required": ["op", "value"]
                },
                {"$ref": "#/$defs/is_there"}
            ]
        },
        "of_time": {
            "anyOf": [
                {
                    "properties": {
                        "op": {"enum": ["=", "<>", "<", "<=", ">", ">="]},
                        "value": {"$ref": "#/$defs/moment"}
                    },
                    "required": ["value"]
                },
                {
                    "properties": {
                        "op": {"enum": ["in", "not_in"]},
                        "value": {
                            "type": "array",
                            "items": {"$ref": "#/$defs/moment"},
                            "minItems": 1,
                            "maxItems": 1000
                        }
                    },
                    "required": ["value"]
                },
                {
                    "properties": {
                        "op": {"const": "between"},
                        "value": {
                            "type": "array",
                            "items": {"$ref": "#/$defs/moment"},
                            "minItems": 2,
                            "maxItems": 2
                        }
                    },
                    "required": ["op", "value"]
                },
                {"$ref": "#/$defs/is_there"}
            ]
        },
        "of_texts": {
            "anyOf": [
                {
                    "properties": {"op": {"const": "contains"}, "value": {"$ref": "#/$defs/text"}},
                    "required": ["op", "value"]
                },
                {"$ref": "#/$defs/is_there"}
            ]
        },
        "of_json": {
            "anyOf": [
                {"$ref": "#/$defs/of_text"},
                {"$ref": "#/$defs/of_number"},
                {"$ref": "#/$defs/of_boolean"},
                {
                    "properties": {
                        "op": {"const": "contains"},
                        "value": {
                            "anyOf": [{"$ref": "#/$defs/text"}, {"$ref": "#/$defs/number"}, {"type": "boolean"}]
                        }
                    },
                    "required": ["op", "value"]
                }
            ]
        },
        "where_text": {
            "if": {"type": "object"},
            "then": {
                "properties": {"op": {"$ref": "#/$defs/op"}, "value": true},
                "required": ["op"],
                "additionalProperties": false,
                "allOf": [{"$ref": "#/$defs/of_text"}]
            },
            "else": {
                "anyOf": [
                    {"$ref": "#/$defs/text"},
                    {"type": "array", "items": {"$ref": "#/$defs/text"}, "minItems": 1, "maxItems": 1000}
                ]
            }
        },
        "where_code": {
            "if": {"type": "object"},
            "then": {
                "properties": {"op": {"$ref": "#/$defs/op"}, "value": true},
                "required": ["op"],
                "additionalProperties": false,
                "allOf": [{"$ref": "#/$defs/of_code"}]
            },
            "else": {
                "anyOf": [
                    {"$ref": "#/$defs/text"},
                    {"type": "array", "items": {"$ref": "#/$defs/text"}, "minItems": 1, "maxItems": 1000}
                ]
            }
        },
        "where_number": {
            "if": {"type": "object"},
            "then": {
                "properties": {"op": {"$ref": "#/$defs/op"}, "value": true},
                "required": ["op"],
                "additionalProperties": false,
                "allOf": [{"$ref": "#/$defs/of_number"}]
            },
            "else": {
                "anyOf": [
                    {"$ref": "#/$defs/number"},
                    {"type": "array", "items": {"$ref": "#/$defs/number"}, "minItems": 1, "maxItems": 1000}
                ]
            }
        },
        "where_boolean": {
            "if": {"type": "object"},
            "then": {
                "properties": {"op": {"$ref": "#/$defs/op"}, "value": true},
                "required": ["op"],
                "additionalProperties": false,
                "allOf": [{"$ref": "#/$defs/of_boolean"}]
            },
            "else": {
                "anyOf": [
                    {"type": "boolean"},
                    {"type": "array", "items": {"type": "boolean"}, "minItems": 1, "maxItems": 1000}
                ]
            }
        },
        "where_date": {
            "if": {"type": "object"},
            "then": {
                "properties": {"op": {"$ref": "#/$defs/op"}, "value": true},
                "required": ["op"],
                "additionalProperties": false,
                "allOf": [{"$ref": "#/$defs/of_date"}]
            },
            "else": {
                "anyOf": [
                    {"$ref": "#/$defs/day"},
                    {"type": "array", "items": {"$ref": "#/$defs/day"}, "minItems": 1, "maxItems": 1000}
                ]
            }
        },
        "where_time": {
            "if": {"type": "object"},
            "then": {
                "properties": {"op": {"$ref": "#/$defs/op"}, "value": true},
                "required": ["op"],
                "additionalProperties": false,
                "allOf": [{"$ref": "#/$defs/of_time"}]
            },
            "else": {
                "anyOf": [
                    {"$ref": "#/$defs/moment"},
                    {"type": "array", "items": {"$ref": "#/$defs/moment"}, "minItems": 1, "maxItems": 1000}
                ]
            }
        },
        "where_texts": {
            "if": {"type": "object"},
            "then": {
                "properties": {"op": {"$ref": "#/$defs/op"}, "value": true},
                "required": ["op"],
                "additionalProperties": false,
                "allOf": [{"$ref": "#/$defs/of_texts"}]
            },
            "else": false
        },
        "where_json": {
            "if": {"type": "object"},
            "then": {
                "properties": {"op": {"$ref": "#/$defs/op"}, "value": true},
                "required": ["op"],
                "additionalProperties": false,
                "allOf": [{"$ref": "#/$defs/of_json"}]
            },
            "else": {
                "anyOf": [
                    {
                        "anyOf": [
                            {"$ref": "#/$defs/text"},
                            {
                                "type": "array",
                                "items": {"$ref": "#/$defs/text"},
                                "minItems": 1,
                                "maxItems": 1000
                            }
                        ]
                    },
                    {
                        "anyOf": [
                            {"$ref": "#/$defs/number"},
                            {
                                "type": "array",
                                "items": {"$ref": "#/$defs/number"},
                                "minItems": 1,
                                "maxItems": 1000
                            }
                        ]
                    },
                    {
                        "anyOf": [
                            {"type": "boolean"},
                            {"type": "array", "items": {"type": "boolean"}, "minItems": 1, "maxItems": 1000}
                        ]
                    }
                ]
            }
        }
    }
}
$schema$::jsonb
$body$;
COMMENT ON FUNCTION crm._rule_schema_base() IS
    'the part of the JSON Schema of rules that is the same whatever is registered';

-- What names of a source's fields look like, and what is compared under each.
CREATE FUNCTION crm._rule_schema_fields(spec jsonb, OUT name text, OUT of text, OUT words jsonb, OUT has_order boolean) RETURNS SETOF record
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS
$$
BEGIN
    RETURN QUERY
    SELECT c.key || n.suffix, coalesce(n.of, CASE WHEN c.value ? 'lookup' THEN 'code' ELSE c.value ->> 'type' END), c.value -> 'words',
           n.of = 'number' OR (NOT c.value ? 'lookup' AND c.value ->> 'type' NOT IN ('boolean', 'texts'))
    FROM jsonb_each(spec -> 'columns') c
    CROSS JOIN LATERAL (SELECT CASE WHEN c.value ->> 'type' = 'json' THEN '\.[\s\S]{1,63}' ELSE '' END AS suffix, NULL AS of
                        UNION ALL SELECT '\.(age|months|since|until|in|month)', 'number' WHERE c.value ->> 'type' = 'date') n
    ORDER BY 1;
END
$$;
COMMENT ON FUNCTION crm._rule_schema_fields(jsonb) IS
    'the fields of a source, as patterns of names, with the type compared, their only words, and whether they have '
    'a least and a greatest';

CREATE FUNCTION crm._rule_schema_named(names text[]) RETURNS jsonb
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS
$$
BEGIN
    RETURN CASE WHEN names = '{}' THEN 'false' ELSE jsonb_build_object('type', 'string', 'pattern', '^(' || array_to_string(names, '|') || ')$') END;
END
$$;
COMMENT ON FUNCTION crm._rule_schema_named(text[]) IS 'schema of a name that fits one of some patterns';

CREATE FUNCTION crm._rule_schema_one_of(words jsonb) RETURNS jsonb
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS
$$
BEGIN
    RETURN jsonb_build_object('anyOf', jsonb_build_array(
        jsonb_build_object('enum', words), jsonb_build_object('type', 'array', 'items', jsonb_build_object('enum', words))));
END
$$;
COMMENT ON FUNCTION crm._rule_schema_one_of(jsonb) IS 'schema of one of some words, or a list of them';

CREATE FUNCTION crm._rule_schema_words(words jsonb) RETURNS jsonb
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS
$$
BEGIN
    RETURN jsonb_build_object('anyOf', jsonb_build_array('{"properties": {"op": {"const": "starts_with"}}, "required": ["op"]}'::jsonb,
        jsonb_build_object('properties', jsonb_build_object('value', crm._rule_schema_one_of(words)))));
END
$$;
COMMENT ON FUNCTION crm._rule_schema_words(jsonb) IS 'schema of a comparison with some words alone, or with how they begin';

CREATE FUNCTION crm._rule_schema_compared(of text, words jsonb) RETURNS jsonb
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS
$$
BEGIN
    RETURN jsonb_build_array(jsonb_build_object('$ref', '#/$defs/of_' || of)) || CASE WHEN words IS NULL THEN '[]'
        ELSE jsonb_build_array(crm._rule_schema_words(words)) END;
END
$$;
COMMENT ON FUNCTION crm._rule_schema_compared(text, jsonb) IS 'schemas that op and value fit, all of them';

CREATE FUNCTION crm._rule_schema_where(spec jsonb) RETURNS jsonb
    LANGUAGE plpgsql STABLE PARALLEL SAFE AS
$$
BEGIN
    RETURN (SELECT jsonb_build_object('type', 'object', 'maxProperties', 16, 'additionalProperties', false,
        'patternProperties', coalesce(jsonb_object_agg('^' || f.name || '$',
        CASE WHEN f.words IS NULL THEN jsonb_build_object('$ref', '#/$defs/where_' || f.of)
             ELSE jsonb_build_object('allOf', jsonb_build_array(jsonb_build_object('$ref', '#/$defs/where_' || f.of),
                 jsonb_build_object('if', '{"type": "object"}'::jsonb, 'then', crm._rule_schema_words(f.words),
                     'else', crm._rule_schema_one_of(f.words)))) END), '{}'))
    FROM crm._rule_schema_fields(spec) f);
END
$$;
COMMENT ON FUNCTION crm._rule_schema_where(jsonb) IS 'schema of where of a source of many rows';

-- A measure and what goes with it; members that do not are false.
CREATE FUNCTION crm._rule_schema_measure(measures text[], members jsonb, compared jsonb) RETURNS jsonb
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS
$$
BEGIN
    RETURN jsonb_build_object('properties',
        '{"field": false, "same": false, "windows": false, "at_least": false}'::jsonb
        || jsonb_build_object('measure', jsonb_build_object('enum', to_jsonb(measures))) || members,
        'required', CASE WHEN 'ever' = ANY (measures) THEN '[]'::jsonb ELSE '["measure"]' END || CASE
            WHEN members ? 'field' THEN '["field"]' ELSE '[]'::jsonb END
            || CASE WHEN measures = '{baseline}' THEN '["days"]' ELSE '[]'::jsonb END, 'allOf', compared);
END
$$;
COMMENT ON FUNCTION crm._rule_schema_measure(text[], jsonb, jsonb) IS
    'schema of a condition by some measures, with the members they take and what they are compared with';

CREATE FUNCTION crm._rule_schema_measures(shape text, spec jsonb) RETURNS jsonb
    LANGUAGE plpgsql STABLE PARALLEL SAFE AS
$$
DECLARE
    a_number CONSTANT jsonb := '[{"$ref": "#/$defs/of_number"}]';
    of_rows CONSTANT boolean := shape = 'facts';
    has_day CONSTANT boolean := NOT of_rows OR spec ? 'day' OR spec ? 'time';
    every text[] := ARRAY(SELECT f.name FROM crm._rule_schema_fields(spec) f);
    same jsonb := CASE WHEN of_rows THEN jsonb_build_object('same', crm._rule_schema_named(every)) ELSE '{}' END;
    numbers jsonb := jsonb_build_object('field', crm._rule_schema_named(ARRAY(SELECT f.name
                    FROM crm._rule_schema_fields(spec) f WHERE f.of IN ('number', 'json'))));
    answer jsonb := jsonb_build_array(crm._rule_schema_measure('{ever,never}', '{}',
                '[{"$ref": "#/$defs/no_comparison"}]'), crm._rule_schema_measure('{count}', same,
                '[{"$ref": "#/$defs/number_or_none"}]'));
BEGIN
    IF has_day THEN
        answer := answer || crm._rule_schema_measure(CASE WHEN of_rows THEN '{days,last,first}'::text[]
                ELSE '{last,first}' END, '{}', a_number) || crm._rule_schema_measure('{streak}', same, a_number);
    END IF;
    IF NOT of_rows THEN
        RETURN answer || crm._rule_schema_measure('{sum,average}', '{}', a_number)
            || crm._rule_schema_measure('{gap_ratio}', '{"at_least": {"$ref": "#/$defs/at_least"}}', a_number);
    END IF;
    IF has_day THEN
        answer := answer || crm._rule_schema_measure('{baseline}',
                '{"windows": {"$ref": "#/$defs/windows"}, "at_least": {"$ref": "#/$defs/at_least"}, "days": {"allOf": [{"$ref": "#/$defs/days"}, {"minimum": 1}]}}',
                a_number);
    END IF;
    RETURN answer || crm._rule_schema_measure('{sum,average}', numbers, a_number)
        || crm._rule_schema_measure('{distinct}', jsonb_build_object('field', crm._rule_schema_named(every)), a_number)
        || coalesce((SELECT jsonb_agg(crm._rule_schema_measure('{min,max}',
                     jsonb_build_object('field', crm._rule_schema_named(o.names)),
                     crm._rule_schema_compared(o.of, o.words)) ORDER BY o.names)
                     FROM (SELECT CASE f.of WHEN 'json' THEN 'number' ELSE f.of END AS of, f.words,
                                 array_agg(f.name ORDER BY f.name) AS names FROM crm._rule_schema_fields(spec) f
                                 WHERE f.has_order GROUP BY 1, 2) o), '[]');
END
$$;
COMMENT ON FUNCTION crm._rule_schema_measures(text, jsonb) IS
    'what may be measured of a source of rows or of packed purchases, a schema each';

CREATE FUNCTION crm._rule_schema_members(shape text, spec jsonb) RETURNS jsonb
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS
$$
BEGIN
    RETURN '{"kind": true, "op": {"$ref": "#/$defs/op"}, "value": true}'::jsonb
        || CASE WHEN shape IN ('state', 'latest') THEN '{"field": {"$ref": "#/$defs/text"}}' ELSE '{"measure": true, "at_least": true}'::jsonb END
        || CASE WHEN shape = 'history' OR shape = 'facts' AND (spec ? 'day' OR spec ? 'time')
                THEN '{"days": {"$ref": "#/$defs/days_or_pair"}, "since": {"$ref": "#/$defs/day"}, "until": {"$ref": "#/$defs/day"}}'
                    ELSE '{}'::jsonb END
        || CASE WHEN shape = 'facts' AND (spec ? 'day' OR spec ? 'time') THEN '{"weekdays": {"$ref": "#/$defs/weekdays"}}' ELSE '{}'::jsonb END
        || CASE WHEN shape = 'facts' AND spec ? 'time' THEN '{"hours": {"$ref": "#/$defs/hours"}, "at": {"$ref": "#/$defs/at"}}' ELSE '{}'::jsonb END
        || CASE WHEN shape = 'facts' THEN '{"field": true, "same": true, "windows": true}'::jsonb
            || jsonb_build_object('where', crm._rule_schema_where(spec)) ELSE '{}' END;
END
$$;
COMMENT ON FUNCTION crm._rule_schema_members(text, jsonb) IS
    'the members that a condition over a source may have, a schema each';

CREATE FUNCTION crm._rule_schema_kind(shape text, spec jsonb) RETURNS jsonb
    LANGUAGE plpgsql STABLE PARALLEL SAFE AS
$$
BEGIN
    RETURN jsonb_build_object('type', 'object', 'title', coalesce(spec ->> 'name_en', spec ->> 'name_zh', ''),
        'properties', crm._rule_schema_members(shape, spec), 'additionalProperties', false,
        'required', CASE WHEN shape = 'state' OR spec ? 'part' THEN '["kind", "field"]'::jsonb ELSE '["kind"]' END)
        || CASE shape
           WHEN 'state' THEN jsonb_build_object('anyOf', (
               SELECT jsonb_agg(jsonb_build_object('properties',
                       jsonb_build_object('field', crm._rule_schema_named(ARRAY[f.name])),
                       'allOf', crm._rule_schema_compared(f.of, f.words)) ORDER BY f.name)
               FROM crm._rule_schema_fields(spec) f))
           WHEN 'latest' THEN jsonb_build_object('allOf', crm._rule_schema_compared('code', jsonb_build_array(spec -> 'loose', spec -> 'strict')))
           ELSE jsonb_build_object('anyOf', crm._rule_schema_measures(shape, spec)) END;
END
$$;
COMMENT ON FUNCTION crm._rule_schema_kind(text, jsonb) IS 'schema of conditions of one kind';

CREATE FUNCTION crm.rule_schema() RETURNS jsonb
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
BEGIN
    RETURN jsonb_set(crm._rule_schema_base(), '{$defs}', crm._rule_schema_base() -> '$defs'
        || (SELECT jsonb_object_agg('kind_' || s.kind, crm._rule_schema_kind(s.shape, s.spec)) FROM crm.rule_source s)
        || (SELECT jsonb_build_object('condition', jsonb_build_object('type', 'object', 'required', '["kind"]'::jsonb,
                'properties', jsonb_build_object('kind', jsonb_build_object('enum', jsonb_agg(s.kind ORDER BY s.kind))),
                'allOf', jsonb_agg(jsonb_build_object('if',
                            jsonb_build_object('properties', jsonb_build_object('kind',
                                jsonb_build_object('const', s.kind)), 'required', '["kind"]'::jsonb),
                                                      'then', jsonb_build_object('$ref', '#/$defs/kind_' || s.kind)) ORDER BY s.kind)))
            FROM crm.rule_source s));
END
$$;
COMMENT ON FUNCTION crm.rule_schema() IS
    'the JSON Schema (2020-12) of rules over the kinds that are registered here, with their fields, measures and '
    'words; what catalogues hold is in crm.rule_values()';
GRANT EXECUTE ON FUNCTION crm.rule_schema()
    TO crm_clerk, crm_store_manager, crm_manager, crm_service, crm_steward, crm_marketer, crm_analyst, crm_headquarters, crm_admin;
