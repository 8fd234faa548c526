-- Words of which there are only a few, and tiers and stages as their rules define them: a misspelt one is refused, where it found nobody.
SELECT crm._rule_source_put(s.kind, s.room, s.shape, s.relation, jsonb_set(s.spec, ARRAY['columns', w.field], s.spec #> ARRAY['columns', w.field] || w.said::jsonb))
FROM (VALUES ('value', 'tier', '{"catalogue": {"relation": "crm.tier_rule", "code": "tier"}}'), ('stage', 'stage', '{"catalogue": {"relation": "crm.stage_rule", "code": "stage"}}'),
             ('forecast', 'churn', '{"words": ["low", "medium", "high"]}'), ('coupon', 'state', '{"words": ["issued", "redeemed", "cancelled", "expired", "void"]}'),
             ('interaction', 'direction', '{"words": ["in", "out", "none"]}')) w (kind, field, said)
JOIN crm.rule_source s ON s.kind = w.kind;
