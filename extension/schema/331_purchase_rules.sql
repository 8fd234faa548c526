-- What rules may ask of purchases: days and nets of packed histories, single receipts, lines.

-- A line as rules see it: of an order that counts, and not given back as a whole.  Quantities count in millionths, a billion at most.
CREATE VIEW crm.purchased_item WITH (security_invoker = true) AS
    SELECT i.source_record_id, i.order_id, i.line_no, o.business_day, o.paid_at, o.store_id, o.channel, i.product_id, p.category_id,
           least(round(i.quantity, 6), 1000000000) AS quantity, i.amount
    FROM crm.order_item i
    JOIN crm.customer_order o ON o.source_record_id = i.source_record_id AND o.order_id = i.order_id AND o.revision = i.revision
    LEFT JOIN crm.product p ON p.product_id = i.product_id
    WHERE o.is_current AND o.business_day IS NOT NULL AND o.kind = 'sale' AND round(i.quantity, 6) > 0
      AND NOT EXISTS (SELECT FROM crm.refund r WHERE r.order_id = i.order_id AND r.is_current
                      AND (r.line_key = i.line_key AND r.amount >= i.amount OR r.line_key IS NULL AND r.amount >= o.amount));

SELECT crm._rule_source_put('purchase', 'purchase', 'history', 'crm.purchase_chunk', '{
    "key": "source_record_id", "keyed": "record", "history": "history", "as_of": "facts", "facts": ["order", "refund"],
    "name_zh": "购买", "name_en": "purchases"}');
SELECT crm._rule_source_put('order', 'purchase', 'facts', 'crm.customer_order', '{
    "key": "source_record_id", "keyed": "record", "time": "ordered_at", "day": "business_day", "as_of": "facts", "facts": ["order"],
    "name_zh": "订单", "name_en": "orders", "scope": {"is_current": true, "business_day": "present", "kind": ["sale"]},
    "columns": {
        "store": {"column": "store_id", "type": "text", "lookup": {"relation": "crm.store", "key": "store_id", "code": "code"}},
        "channel": {"column": "channel", "type": "text"},
        "amount": {"column": "amount", "type": "number"},
        "discount": {"column": "discount", "type": "number"},
        "coupon": {"column": "coupon_code", "type": "text"},
        "lines": {"column": "line_count", "type": "number"}}}');
SELECT crm._rule_source_put('item', 'purchase', 'facts', 'crm.purchased_item', '{
    "key": "source_record_id", "keyed": "record", "time": "paid_at", "day": "business_day", "as_of": "facts", "facts": ["order", "refund"],
    "name_zh": "商品", "name_en": "products bought",
    "columns": {
        "product": {"column": "product_id", "type": "text", "lookup": {"relation": "crm.product", "key": "product_id", "code": "code"}},
        "category": {"column": "category_id", "type": "text", "lookup": {"relation": "crm.product_category", "key": "category_id", "code": "code"}},
        "store": {"column": "store_id", "type": "text", "lookup": {"relation": "crm.store", "key": "store_id", "code": "code"}},
        "channel": {"column": "channel", "type": "text"},
        "quantity": {"column": "quantity", "type": "number"},
        "amount": {"column": "amount", "type": "number"}}}');
