-- What things report that a customer owns, and what customers publish by themselves.
INSERT INTO crm.event_type (code, name_zh, name_en, properties, is_seeded) VALUES
    ('device_use', '设备使用', 'device used', '{"model": "text", "minutes": "number", "cycles": "number"}', true),
    ('device_alert', '设备告警', 'device alert', '{"model": "text", "code": "text"}', true),
    ('ugc_post', '发布图文或视频', 'post published', '{"platform": "text", "text": "text", "url": "text", "topic": "text"}', true)
ON CONFLICT (code) DO UPDATE SET name_zh = excluded.name_zh, name_en = excluded.name_en, properties = excluded.properties, is_seeded = true, is_unknown = false;
