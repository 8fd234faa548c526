-- Which coupon an order that is being made holds: one an order, as with a redemption.
CREATE INDEX coupon_reserved ON crm.coupon (reserved_source_id, reserved_order) WHERE reserved_order IS NOT NULL;
