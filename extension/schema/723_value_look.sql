-- An order moves nearly every column of its person's value. So that its row can stay on its page and no index is written, nothing that an order
-- moves is indexed: the day on which the job looks may be too early (it then moves on), and who bought last on a day is found from that day's orders.
ALTER TABLE crm.customer_value SET (fillfactor = 80);
ALTER TABLE crm.customer_value ADD COLUMN look_on date;  -- no later than next_change_on; null: never
UPDATE crm.customer_value SET look_on = next_change_on WHERE next_change_on IS NOT NULL;
CREATE INDEX customer_value_look ON crm.customer_value (look_on) WHERE look_on IS NOT NULL;
DROP INDEX crm.customer_value_next, crm.customer_value_last;
