-- Why somebody fell silent, as tags that rules keep, and a flow that says something else to each.
-- An order with whether it was paid at a discount: the average is the share of such orders.
CREATE VIEW crm.priced_order WITH (security_invoker = true) AS
    SELECT o.source_record_id, o.ordered_at, o.business_day, (coalesce(o.discount, 0) > 0)::int AS discounted
    FROM crm.customer_order o WHERE o.is_current AND o.kind = 'sale' AND o.amount > 0 AND o.business_day IS NOT NULL;
SELECT crm._rule_source_put('discount', 'purchase', 'facts', 'crm.priced_order', '{
    "key": "source_record_id", "keyed": "record", "time": "ordered_at", "day": "business_day", "as_of": "facts", "facts": ["order"],
    "name_zh": "折扣", "name_en": "orders by discount", "columns": {"discounted": {"column": "discounted", "type": "number"}}}');
-- The first reason that fits: half of the orders at a discount; a bad rating or a complaint in 180 days; else forgotten.
SELECT crm._segment_put('tag:' || t.tag, t.tag, t.name_en, 'living', jsonb_build_object('all', jsonb_build_array('{"kind": "purchase", "measure": "last", "op": ">", "value": 90}'::jsonb) || t.rules)) FROM (
    SELECT v.tag, v.name_en, CASE v.tag WHEN '价格敏感' THEN jsonb_build_array(r.price) WHEN '服务不满' THEN jsonb_build_array(jsonb_build_object('not', r.price), r.bad)
                                        ELSE jsonb_build_array(jsonb_build_object('not', r.price), jsonb_build_object('not', r.bad)) END AS rules
    FROM (VALUES (1, '价格敏感', 'asleep: waits for discounts'), (2, '服务不满', 'asleep: was dissatisfied'), (3, '自然遗忘', 'asleep: forgot us')) v (n, tag, name_en),
         (SELECT '{"kind": "discount", "measure": "average", "field": "discounted", "op": ">=", "value": 0.5}'::jsonb AS price,
                 '{"any": [{"kind": "event", "where": {"type": ["rating", "review_post"], "properties.stars": {"op": "<=", "value": 2}}, "days": 180},
                           {"kind": "interaction", "where": {"outcome": "complaint"}, "days": 180}]}'::jsonb AS bad) r ORDER BY v.n) t;
INSERT INTO crm.tag (tag, name_zh, name_en, layer, kind, segment_id, changed_by, changed_at)
SELECT substr(s.code, 5), s.name_zh, s.name_en, 'behaviour', 'automatic', s.segment_id, 'preset', s.changed_at FROM crm.segment s WHERE s.code IN ('tag:价格敏感', 'tag:服务不满', 'tag:自然遗忘');
INSERT INTO crm.template (template, channel, body) VALUES
    ('sorry', 'sms', '{{name}}，上次没有让您满意，我们很抱歉，店长会与您联系。退订回T'),
    ('sorry', 'wechat', '{{name}}，上次没有让您满意，我们很抱歉，店长会与您联系');
INSERT INTO crm.flow_preset (preset, name_zh, name_en, trigger, spec) VALUES
    ('silence_reason', '沉睡原因分流', 'at day 91 of silence, by its reason: a discount, an apology and a task, a reminder', 'schedule',
     '{"channels": ["wechat", "sms"], "holdout_percent": 10, "offer_days": 30, "cap_days": 7, "cap_messages": 1, "quiet": {"from": "21:00", "to": "08:00"}, "schedule": "0 10 * * *", "ago": 91, "catch_up": "each", "who": {"kind": "purchase", "measure": "last", "op": "=", "value": 91}, "template": "miss_you", "goal": "order", "priority": 10,
       "variants": [{"variant": "price", "who": {"kind": "tag", "where": {"tag": "价格敏感"}}, "template": "recall_80", "coupon_type": "back_80"},
                    {"variant": "service", "who": {"kind": "tag", "where": {"tag": "服务不满"}}, "template": "sorry", "task": {"title": "客户曾不满意，请致电道歉", "to": "owner", "hours": 48, "escalate_hours": 24, "escalate_to": "crm_manager"}},
                    {"variant": "forgotten", "template": "miss_you"}]}');
