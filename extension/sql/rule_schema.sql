-- rule: the JSON Schema of the language, the same as doc/rule.schema.json (lint compares them).

CREATE FUNCTION crm.rule_schema() RETURNS jsonb
    LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
$body$
    SELECT $schema$
{
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "title": "A rule about persons",
  "$ref": "#/$defs/rule",
  "$defs": {
    "rule": {
      "oneOf": [
        {"type": "object", "maxProperties": 0},
        {"type": "object", "properties": {"all": {"$ref": "#/$defs/rules"}}, "required": ["all"], "additionalProperties": false},
        {"type": "object", "properties": {"any": {"$ref": "#/$defs/rules"}}, "required": ["any"], "additionalProperties": false},
        {"type": "object", "properties": {"not": {"$ref": "#/$defs/rule"}}, "required": ["not"], "additionalProperties": false},
        {"$ref": "#/$defs/condition"}
      ]
    },
    "rules": {"type": "array", "items": {"$ref": "#/$defs/rule"}, "maxItems": 64},
    "name": {"type": "string", "pattern": "^[a-z][a-z0-9_]*$", "maxLength": 63},
    "path": {"type": "string", "pattern": "^[a-z][a-z0-9_]*(\\.[^.]{1,63})?$"},
    "scalar": {"type": ["string", "number", "boolean"]},
    "operand": {"oneOf": [{"$ref": "#/$defs/scalar"}, {"type": "array", "items": {"$ref": "#/$defs/scalar"}, "maxItems": 1000}]},
    "op": {"enum": ["=", "<>", "<", "<=", ">", ">=", "between", "in", "not_in", "contains", "starts_with", "missing", "present"]},
    "comparison": {
      "type": "object",
      "properties": {"op": {"$ref": "#/$defs/op"}, "value": {"$ref": "#/$defs/operand"}},
      "required": ["op"],
      "additionalProperties": false
    },
    "day_count": {"type": "integer", "minimum": 0, "maximum": 36500},
    "condition": {
      "type": "object",
      "properties": {
        "kind": {"$ref": "#/$defs/name"},
        "field": {"$ref": "#/$defs/path"},
        "measure": {"enum": ["ever", "never", "count", "days", "sum", "average", "min", "max", "distinct", "last", "first", "streak", "baseline", "gap_ratio"]},
        "where": {
          "type": "object",
          "propertyNames": {"$ref": "#/$defs/path"},
          "additionalProperties": {"oneOf": [{"$ref": "#/$defs/operand"}, {"$ref": "#/$defs/comparison"}]}
        },
        "days": {"oneOf": [{"$ref": "#/$defs/day_count"}, {"type": "array", "items": {"$ref": "#/$defs/day_count"}, "minItems": 2, "maxItems": 2}]},
        "hours": {"type": "integer", "minimum": 1, "maximum": 8760},
        "since": {"type": "string", "format": "date"},
        "until": {"type": "string", "format": "date"},
        "at": {
          "type": "object",
          "properties": {"from": {"type": "string", "pattern": "^[0-2][0-9]:[0-5][0-9]$"}, "to": {"type": "string", "pattern": "^[0-2][0-9]:[0-5][0-9]$"}},
          "required": ["from", "to"],
          "additionalProperties": false
        },
        "weekdays": {"type": "array", "items": {"type": "integer", "minimum": 1, "maximum": 7}, "minItems": 1, "maxItems": 7},
        "same": {"$ref": "#/$defs/path"},
        "windows": {"type": "integer", "minimum": 1, "maximum": 12},
        "at_least": {"type": "integer", "minimum": 0, "maximum": 1000000},
        "op": {"$ref": "#/$defs/op"},
        "value": {"$ref": "#/$defs/operand"}
      },
      "required": ["kind"],
      "additionalProperties": false
    }
  }
}
$schema$::jsonb
$body$;
COMMENT ON FUNCTION crm.rule_schema() IS 'the JSON Schema (2020-12) that every rule fits; kinds and fields are those of crm.rule_kinds()';
GRANT EXECUTE ON FUNCTION crm.rule_schema()
    TO crm_clerk, crm_store_manager, crm_manager, crm_service, crm_steward, crm_marketer, crm_analyst, crm_headquarters, crm_admin;
