-- Which channels a person says yes or no to: those of messages, and where they are. A rule that asks for another is refused with these.
CREATE VIEW crm.consent_channel WITH (security_invoker = true) AS
    SELECT c.channel, c.name_zh, c.name_en FROM crm.channel c UNION ALL VALUES ('location', '位置', 'location');
COMMENT ON VIEW crm.consent_channel IS 'what persons say yes or no to: channels of messages, and where they are';
SELECT crm._rule_source_put(s.kind, s.room, s.shape, s.relation, s.spec || '{"parts": {"relation": "crm.consent_channel", "code": "channel"}}')
FROM crm.rule_source s WHERE s.kind = 'consent';
