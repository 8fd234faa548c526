-- An index that no question asks, and that whoever enters or leaves a segment paid for.
DROP INDEX crm.segment_change_at;
