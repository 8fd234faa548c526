-- Who is in a segment now is asked of the bitmaps, by rules too, unless it has changed since the moment asked about: the index of stays by
-- segment, which whoever entered one paid for, told little more (all stays of a segment, ended ones too).
ALTER TABLE crm.segment ADD moved_at timestamptz NOT NULL DEFAULT '-infinity';      -- when a stay of it began or ended last
UPDATE crm.segment s SET moved_at = m.at
FROM (SELECT m.segment_id, greatest(max(m.entered_at), max(m.left_at) FILTER (WHERE m.left_at < 'infinity')) AS at FROM crm.segment_member m GROUP BY 1) m
WHERE m.segment_id = s.segment_id;
DROP INDEX crm.segment_member_entered;

-- What is asked by sets; and what ends by time alone: tags given by hand.  Members of a segment go in its run, which tells of them.
UPDATE crm.rule_source SET spec = spec || '{"set": {"function": "crm._segment_with", "field": "segment"}, "ends": {}}' WHERE kind = 'segment';
UPDATE crm.rule_source SET spec = spec || '{"set": {"function": "crm._segment_tagged", "field": "tag"}, "ends": {"relation": "crm.customer_tag"}}' WHERE kind = 'tag';
SELECT crm._rule_forget();
