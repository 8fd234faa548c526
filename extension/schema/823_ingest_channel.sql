-- Where customers come from is known of everybody: a source without a channel of its own has that of its kind, else its own code.
UPDATE crm.source s SET channel = crm._ingest_kind_channel(s.kind, s.code) WHERE s.channel = '';
ALTER TABLE crm.source ADD CHECK (channel <> ''), ALTER COLUMN channel SET DEFAULT 'other';
UPDATE crm.source_record r SET channel = s.channel FROM crm.source s WHERE s.source_id = r.source_id AND r.channel = '';
UPDATE crm.customer c SET channel = f.channel FROM (
    SELECT DISTINCT ON (m.customer_id) m.customer_id, r.channel
    FROM crm.membership m JOIN crm.source_record r USING (source_record_id) JOIN crm.customer k ON k.customer_id = m.customer_id AND k.channel = ''
    WHERE m.valid_to = 'infinity' ORDER BY m.customer_id, r.registered_at NULLS LAST, r.source_record_id) f
WHERE c.customer_id = f.customer_id AND c.channel = '';
