-- One generator for every 64-bit id: one sequence a node, the node in the high bits
-- (crm._new_id()), below 2^53 so that JavaScript reads it exactly.
CREATE SEQUENCE crm.id_seq AS bigint MINVALUE 1 MAXVALUE 281474976710655 CACHE 20;
