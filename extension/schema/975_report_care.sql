-- How managers look after their customers, who was lost and why, which leads came to a store: what a night adds up for it stands in crm.report_group.
INSERT INTO crm.room_setting (name, value, description) VALUES
    ('report.tier_order', '["S", "A", "N", "D", "B", "C"]', 'tiers from the best to the worst: a move up this list counts as better, down as worse; moves from or to tiers that are not in it count as neither'),
    ('report.care_days', '90', 'a customer whom a note speaks of within so many local days is cared for'),
    ('report.lost_days', '180', 'a customer whose last order day is more than so many local days ago is lost'),
    ('report.lost_reasons', '["价格敏感", "服务不满", "自然遗忘"]', 'tags that say why a customer was lost, the first that a person has counts'),
    ('report.lead_types', '["lead_form", "wecom_add"]', 'types of events that are leads: somebody left word online'),
    ('report.lead_days', '30', 'a visit or an order within so many local days of a lead is one that the lead led to');

-- what somebody leaves on a page of the chain to be called back; a type that was seen before it was described keeps its events
INSERT INTO crm.event_type AS t (code, name_zh, name_en, properties, is_seeded)
VALUES ('lead_form', '在线留资', 'left word online', '{"channel": "text", "interest": "text"}', true)
ON CONFLICT (code) DO UPDATE SET name_zh = excluded.name_zh, name_en = excluded.name_en, properties = excluded.properties, is_seeded = true, is_unknown = false
WHERE t.is_unknown;
