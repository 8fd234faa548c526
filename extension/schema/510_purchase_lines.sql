-- What each source record bought, packed: product and category conditions of rules are answered from it.
-- An entry is a (day, product) pair; a record's chunks divide its pairs in order, at most 128 a chunk, never TOASTed.
CREATE TABLE crm.purchase_line_chunk (
    source_record_id bigint NOT NULL,
    from_day date NOT NULL,             -- holds the pairs from here to the next chunk; -infinity for the first, which is the lock of all
    from_product int NOT NULL,          -- 0: lines without a product
    lines bytea NOT NULL,               -- pure/lines.h
    PRIMARY KEY (source_record_id, from_day, from_product)) WITH (fillfactor = 80);
ALTER TABLE crm.purchase_line_chunk ALTER COLUMN lines SET STORAGE PLAIN;
SELECT crm._access_protect_wide('crm.purchase_line_chunk');

-- rules look up the products of a category
CREATE INDEX product_category_id ON crm.product (category_id);

-- Products as lines name them: 0 stands for none.
CREATE VIEW crm.purchased_product WITH (security_invoker = true) AS
    SELECT p.product_id AS line_product, p.product_id, p.category_id FROM crm.product p
    UNION ALL
    SELECT 0, NULL, NULL;

SELECT crm._rule_source_put(s.kind, s.room, s.shape, s.relation, s.spec ||
    '{"packed": {"relation": "crm.purchase_line_chunk", "column": "lines", "parts": "crm.purchased_product", "part": "line_product"}}')
FROM crm.rule_source s WHERE s.kind = 'item';
-- the lines of orders that are there already are packed by 789_purchase_place.sql
