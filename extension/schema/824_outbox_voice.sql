-- Calls by a machine are a channel as text messages are: carried by a vendor's endpoint, agreed to, answered with what came of them.
INSERT INTO crm.channel (channel, name_zh, name_en, identifier_kind) VALUES ('voice', '智能外呼', 'automatic call', 1);
-- What a call, or who reads texts for the house, found out: numbers that rules may ask for.
INSERT INTO crm.event_type (code, name_zh, name_en, properties, is_seeded) VALUES
    ('call_result', '外呼结果', 'result of a call', '{"message_id": "text", "outcome": "text", "seconds": "number", "sentiment": "number"}', true),
    ('sentiment', '情感倾向', 'sentiment of a text', '{"about": "text", "score": "number", "label": "text"}', true)
ON CONFLICT (code) DO UPDATE SET name_zh = excluded.name_zh, name_en = excluded.name_en, properties = excluded.properties, is_seeded = true, is_unknown = false;
