-- What rules may ask of value: tier, totals, scores of the active model.
-- Ageing changes tiers without a fact: who keeps audiences reads them from the log by their moment.
CREATE INDEX tier_change_at ON crm.tier_change (changed_at);

SELECT crm._rule_source_put('value', 'value', 'state', 'crm.customer_value', '{
    "key": "customer_id", "keyed": "person", "as_of": "now", "facts": ["order", "refund", "member"], "name_zh": "客户价值", "name_en": "value",
    "pending": "crm.value_dirty", "version": "crm._value_rule_version",
    "moved": {"relation": "crm.tier_change", "key": "customer_id", "at": "changed_at"},
    "columns": {
        "tier": {"column": "tier", "type": "text"},
        "tier_since": {"column": "tier_since", "type": "date"},
        "orders": {"column": "order_days", "type": "number"},
        "net_minor": {"column": "net_minor", "type": "number"},
        "first_day": {"column": "first_day", "type": "date"},
        "last_day": {"column": "last_day", "type": "date"},
        "r": {"column": "r", "type": "number"},
        "f": {"column": "f", "type": "number"},
        "m": {"column": "m", "type": "number"}}}');
SELECT crm._rule_source_put('tier_change', 'value', 'facts', 'crm.tier_change', '{
    "key": "customer_id", "keyed": "ever", "time": "changed_at", "day": "changed_on", "as_of": "facts", "facts": ["order", "refund", "member"],
    "name_zh": "等级变动", "name_en": "changes of tier", "pending": "crm.value_dirty",
    "moved": {"relation": "crm.tier_change", "key": "customer_id", "at": "changed_at"},
    "columns": {
        "from": {"column": "from_tier", "type": "text"},
        "to": {"column": "to_tier", "type": "text"},
        "cause": {"column": "cause", "type": "text"}}}');
