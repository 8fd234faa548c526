-- What staff enter on the pages comes from a source of its own, like anything else that is delivered.
INSERT INTO crm.source (source_id, code, name, kind, channel, priority, created_at)
SELECT coalesce(max(s.source_id), 0) + 1, 'console', '门店工作台', 'console', 'store', 20, crm.core_now() FROM crm.source s
ON CONFLICT DO NOTHING;
