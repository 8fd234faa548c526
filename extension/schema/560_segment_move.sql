-- Who came and went is read by segment, the newest first.
CREATE INDEX segment_change_segment ON crm.segment_change (segment_id, at, change_id);
