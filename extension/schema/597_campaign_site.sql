-- What is shown on pages: asked for by the site at a visit, through the gate of every flow, written down as a message that arrived.
INSERT INTO crm.channel (channel, name_zh, name_en, identifier_kind) VALUES
    ('site', '站内弹窗', 'on the site', NULL);
INSERT INTO crm.template (template, channel, body) VALUES
    ('site_offer', 'site', '还在考虑吗？{{coupon_value}}元券送您，{{valid_until}}前有效，券码{{coupon_code}}');
INSERT INTO crm.flow_preset (preset, name_zh, name_en, trigger, spec) VALUES
    ('site_long_look', '停留3分钟弹窗', 'on the product page after a look of more than three minutes', 'site',
     '{"place": ["product_page"], "holdout_percent": 10, "offer_days": 30, "cap_days": 7, "cap_messages": 1, "reentry_days": 7, "template": "site_offer", "coupon_type": "welcome_5", "who": {"all": [{"kind": "event", "where": {"type": ["page_view", "product_view"], "properties.seconds": {"op": ">", "value": 180}}, "hours": 1}, {"not": {"kind": "event", "where": {"type": "add_to_cart"}, "hours": 1}}]}}');
