-- Who has one chunk of lines is answered as soon as it is read: of whom there are more is asked of this index, which is small.
CREATE INDEX purchase_line_chunk_further ON crm.purchase_line_chunk (source_record_id) WHERE from_day > '-infinity';
SELECT crm._rule_source_put(s.kind, s.room, s.shape, s.relation, jsonb_set(s.spec, '{packed,from}', '"from_day"'))
FROM crm.rule_source s WHERE s.kind = 'item';
