-- Orders of nobody are found by their receipts.
CREATE INDEX source_record_receipt ON crm.source_record (source_id, source_record_id) WHERE kind = 'receipt';
