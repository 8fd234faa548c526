-- What living segments are told of.
-- Points, levels and badges change by hand and by time as well: who asks them is asked in full from time to time (segment.full_minutes).
SELECT crm._rule_source_put(s.kind, s.room, s.shape, s.relation, jsonb_set(s.spec, '{facts}', s.spec -> 'facts' || to_jsonb(s.kind)))
FROM crm.rule_source s WHERE s.kind IN ('points', 'level', 'badge');

-- An order that was given back whole was not bought at a discount, nor at the full price.
DROP VIEW crm.priced_order;
CREATE VIEW crm.priced_order WITH (security_invoker = true) AS
    SELECT o.source_record_id, o.ordered_at, o.business_day, (coalesce(o.discount, 0) > 0)::int AS discounted
    FROM crm.customer_order o WHERE o.is_current AND o.kind = 'sale' AND o.amount > 0 AND o.business_day IS NOT NULL
      AND NOT EXISTS (SELECT FROM crm.refund r WHERE r.order_id = o.order_id AND r.is_current AND r.amount >= o.amount);
COMMENT ON VIEW crm.priced_order IS 'orders that count, and whether they were paid at a discount: 1, or 0';
SELECT crm._rule_source_put(s.kind, s.room, s.shape, s.relation, s.spec || '{"facts": ["order", "refund"]}') FROM crm.rule_source s WHERE s.kind = 'discount';
UPDATE crm.segment s SET facts = ARRAY(SELECT DISTINCT f FROM unnest(s.facts || '{refund}'::text[]) f ORDER BY f), watermark = NULL
WHERE s.kind = 'living' AND s.rule IS NOT NULL AND jsonb_path_exists(s.rule, '$.** ? (@.kind == "discount")');

UPDATE crm.segment x SET is_announced = crm._segment_is_announced(ARRAY(SELECT DISTINCT k #>> '{}' FROM jsonb_path_query(x.rule, '$.**.kind') k)) WHERE x.rule IS NOT NULL;
