-- What rules may ask of coupons (loyalty), consent and messages (outbox), and flows (campaign).
SELECT crm._rule_source_put('coupon', 'loyalty', 'facts', 'crm.coupon', '{
    "key": "customer_id", "keyed": "ever", "time": "issued_at", "as_of": "facts", "facts": ["coupon"], "name_zh": "优惠券", "name_en": "coupons",
    "columns": {
        "type": {"column": "coupon_type", "type": "text", "catalogue": {"relation": "crm.coupon_type", "code": "coupon_type"}},
        "state": {"column": "state", "type": "text"},
        "value": {"column": "value", "type": "number"},
        "valid_until": {"column": "valid_until", "type": "time"},
        "redeemed_at": {"column": "redeemed_at", "type": "time"},
        "flow": {"column": "flow_id", "type": "text", "lookup": {"relation": "crm.flow", "key": "flow_id", "code": "code"}}}}');
SELECT crm._rule_source_put('redemption', 'loyalty', 'facts', 'crm.coupon', '{
    "key": "customer_id", "keyed": "ever", "time": "redeemed_at", "as_of": "facts", "facts": ["coupon"], "name_zh": "核销", "name_en": "redeemed coupons",
    "scope": {"redeemed_at": "present", "state": ["redeemed"]},
    "columns": {
        "type": {"column": "coupon_type", "type": "text", "catalogue": {"relation": "crm.coupon_type", "code": "coupon_type"}},
        "value": {"column": "value", "type": "number"},
        "flow": {"column": "flow_id", "type": "text", "lookup": {"relation": "crm.flow", "key": "flow_id", "code": "code"}}}}');

SELECT crm._rule_source_put('consent', 'outbox', 'latest', 'crm.consent', '{
    "key": "source_record_id", "keyed": "record", "time": "occurred_at", "newest": ["consent_id"], "state": "state", "part": "channel",
    "strict": "no", "loose": "yes", "as_of": "facts", "facts": ["consent"], "name_zh": "同意", "name_en": "consent"}');
-- What became of messages to persons: sent, delivered, opened, clicked, failed, by flow and channel. What goes to others about a person
-- (a notice to staff, an entry of a platform's list) is no message of the person.
CREATE VIEW crm.message_outcome WITH (security_invoker = true) AS
    SELECT e.customer_id, e.message_id, e.at, e.kind, o.channel, o.flow_id, o.is_marketing
    FROM crm.outbox_event e JOIN crm.outbox o ON o.customer_id = e.customer_id AND o.message_id = e.message_id
    WHERE o.channel NOT IN ('notice', 'audience');
SELECT crm._rule_source_put('message', 'outbox', 'facts', 'crm.message_outcome', '{
    "key": "customer_id", "keyed": "ever", "time": "at", "as_of": "facts", "facts": ["message"], "name_zh": "消息", "name_en": "messages",
    "columns": {
        "outcome": {"column": "kind", "type": "text"},
        "channel": {"column": "channel", "type": "text", "catalogue": {"relation": "crm.channel", "code": "channel"}},
        "is_marketing": {"column": "is_marketing", "type": "boolean"},
        "flow": {"column": "flow_id", "type": "text", "lookup": {"relation": "crm.flow", "key": "flow_id", "code": "code"}}}}');

SELECT crm._rule_source_put('flow', 'campaign', 'facts', 'crm.occurrence', '{
    "key": "customer_id", "keyed": "ever", "time": "fired_at", "as_of": "facts", "facts": ["flow"], "name_zh": "营销流程", "name_en": "flows",
    "columns": {
        "flow": {"column": "flow_id", "type": "text", "lookup": {"relation": "crm.flow", "key": "flow_id", "code": "code"}},
        "arm": {"column": "arm", "type": "text"},
        "outcome": {"column": "outcome", "type": "text"}}}');
