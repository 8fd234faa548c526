-- The other fields of which all values are known: what became of messages, flows and deals, kinds of tickets, relatives, changes of tier, layers of tags.
SELECT crm._rule_source_put(s.kind, s.room, s.shape, s.relation, jsonb_set(s.spec, '{columns}', s.spec -> 'columns' || w.said))
FROM (SELECT v.kind, jsonb_object_agg(v.field, r.spec #> ARRAY['columns', v.field] || v.said::jsonb) AS said
      FROM (VALUES ('person', 'sex', '{"words": ["f", "m"]}'),
                   ('related', 'sex', '{"words": ["f", "m"]}'), ('related', 'relation', '{"words": ["child", "partner", "parent", "pet", "other"]}'),
                   ('tier_change', 'from', '{"catalogue": {"relation": "crm.tier_rule", "code": "tier"}}'), ('tier_change', 'to', '{"catalogue": {"relation": "crm.tier_rule", "code": "tier"}}'),
                   ('tier_change', 'cause', '{"words": ["order", "refund", "member", "history", "merge", "age", "rules"]}'),
                   ('tag', 'layer', '{"words": ["base", "behaviour", "prediction"]}'),
                   ('message', 'outcome', '{"words": ["sent", "delivered", "undelivered", "opened", "clicked", "failed", "gone", "refused", "rejected", "unknown", "lost", "dead", "replayed", "cancelled", "fallback"]}'),
                   ('flow', 'arm', '{"words": ["treatment", "control", "none"]}'),
                   ('flow', 'outcome', '{"words": ["sent", "held", "control", "active", "late", "consent", "exclusion", "offer", "cap"]}'),
                   ('ticket', 'kind', '{"words": ["complaint", "enquiry", "suggestion"]}'), ('open_ticket', 'kind', '{"words": ["complaint", "enquiry", "suggestion"]}'),
                   ('deal', 'stage', '{"catalogue": {"relation": "crm.pipeline_stage", "code": "stage"}}'), ('deal', 'outcome', '{"words": ["open", "won", "lost"]}')) v (kind, field, said)
      JOIN crm.rule_source r ON r.kind = v.kind GROUP BY v.kind) w
JOIN crm.rule_source s ON s.kind = w.kind;
