-- What each source record bought, packed with all that a line says: its moment, store and channel as well, and each line's own
-- quantity and amount, so that rules on stores, hours and the largest line are answered from here too.
CREATE SEQUENCE crm.channel_id_seq AS int;
CREATE TABLE crm.purchase_channel (
    channel_id int PRIMARY KEY,
    code text NOT NULL UNIQUE CHECK (code <> ''));
COMMENT ON TABLE crm.purchase_channel IS 'channels that orders name, by number, for packed lines; entered by the first order of each';
SELECT crm._access_protect_wide('crm.purchase_channel');

-- a chunk begins with an entry, of which all but the day is the key (pure/lines.h); '': a record's first
DELETE FROM crm.purchase_line_chunk;
ALTER TABLE crm.purchase_line_chunk DROP COLUMN from_product, ADD COLUMN from_key bytea NOT NULL,
    ADD CONSTRAINT purchase_line_chunk_pkey PRIMARY KEY (source_record_id, from_day, from_key);

-- Stores and channels as lines name them: 0 stands for none.
CREATE VIEW crm.purchased_store WITH (security_invoker = true) AS
    SELECT s.store_id AS line_store, s.store_id FROM crm.store s
    UNION ALL
    SELECT 0, NULL;
COMMENT ON VIEW crm.purchased_store IS 'stores as packed lines name them; line_store 0 stands for none';
CREATE VIEW crm.purchased_channel WITH (security_invoker = true) AS
    SELECT c.channel_id AS line_channel, c.code AS channel FROM crm.purchase_channel c
    UNION ALL
    SELECT 0, '';
COMMENT ON VIEW crm.purchased_channel IS 'channels as packed lines name them; line_channel 0 stands for an order that names none';

SELECT crm._rule_source_put(s.kind, s.room, s.shape, s.relation, s.spec || '{"packed": {"relation": "crm.purchase_line_chunk", "column": "lines", "facets": {
    "product": {"relation": "crm.purchased_product", "key": "line_product"}, "category": {"relation": "crm.purchased_product", "key": "line_product", "code": "category_id"},
    "store": {"relation": "crm.purchased_store", "key": "line_store"}, "channel": {"relation": "crm.purchased_channel", "key": "line_channel"}}}}')
FROM crm.rule_source s WHERE s.kind = 'item';
SELECT crm._purchase_lines_rebuild();
