-- One person in sixteen, in the order of a hash of the id: whom a count that may be an estimate looks at (rule_preview.sql). Only
-- one new person in sixteen costs an entry, and a person's row is written without it unless the person goes.
CREATE INDEX customer_sample ON crm.customer (hashint8extended(customer_id, 0)) WHERE status = 'active' AND hashint8extended(customer_id, 0) & 15 = 0;
