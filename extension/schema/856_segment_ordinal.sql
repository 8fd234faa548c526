-- A person's ordinal is read from the index alone: whoever is marked is looked up by it, run after run, and a row of it never changes.
ALTER TABLE crm.segment_ordinal DROP CONSTRAINT segment_ordinal_pkey, ADD PRIMARY KEY (customer_id) INCLUDE (ordinal);
