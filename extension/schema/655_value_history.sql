-- All purchases of a person as rules ask for them: the chunks of all records packed anew into as few as they need,
-- one row for nearly everybody. Kept where the person's value is; crm.value_dirty names who is behind.
CREATE TABLE crm.value_history (
    customer_id bigint NOT NULL,
    chunk_no int NOT NULL,              -- from 1, in order of days
    is_whole boolean NOT NULL,          -- the person has this row alone
    history crm.purchase_history NOT NULL,
    PRIMARY KEY (customer_id, chunk_no)) WITH (fillfactor = 80);
SELECT crm._access_protect_closed('crm.value_history');
INSERT INTO crm.value_history (customer_id, chunk_no, is_whole, history)
SELECT w.customer_id, generate_subscripts(w.whole, 1), cardinality(w.whole) = 1, unnest(w.whole)
FROM (SELECT m.customer_id, crm._purchase_whole(crm.purchase_combine(p.history)) AS whole
      FROM crm.membership m JOIN crm.purchase_chunk p ON p.source_record_id = m.source_record_id WHERE m.valid_to = 'infinity' GROUP BY 1 OFFSET 0) w;

SELECT crm._rule_source_put(s.kind, s.room, s.shape, s.relation, s.spec ||
    '{"kept": {"relation": "crm.value_history", "key": "customer_id", "history": "history", "whole": "is_whole", "behind": "crm.value_dirty"}}')
FROM crm.rule_source s WHERE s.kind = 'purchase';
