-- What rules may ask of behaviour and interactions.
SELECT crm._rule_source_put('event', 'event', 'facts', 'crm.event', '{
    "key": "source_record_id", "keyed": "record", "time": "occurred_at", "day": "business_day", "as_of": "facts", "facts": ["event"],
    "name_zh": "行为", "name_en": "behaviour", "scope": {"ignored_reason": null},
    "columns": {
        "type": {"column": "type", "type": "text", "catalogue": {"relation": "crm.event_type", "code": "code"}},
        "object": {"column": "object_id", "type": "text"},
        "store": {"column": "store_id", "type": "text", "lookup": {"relation": "crm.store", "key": "store_id", "code": "code"}},
        "properties": {"column": "properties", "type": "json"}}}');
SELECT crm._rule_source_put('interaction', 'event', 'facts', 'crm.interaction', '{
    "key": "source_record_id", "keyed": "record", "time": "occurred_at", "day": "business_day", "as_of": "facts", "facts": ["interaction"],
    "name_zh": "互动", "name_en": "interactions", "scope": {"is_current": true},
    "columns": {
        "channel": {"column": "channel", "type": "text"},
        "direction": {"column": "direction", "type": "text"},
        "outcome": {"column": "outcome", "type": "text"},
        "store": {"column": "store_id", "type": "text", "lookup": {"relation": "crm.store", "key": "store_id", "code": "code"}},
        "staff": {"column": "staff_id", "type": "text", "lookup": {"relation": "crm.staff", "key": "staff_id", "code": "code"}}}}');
