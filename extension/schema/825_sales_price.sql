-- Prices by quantity that are proposed to a customer who buys often, from what they bought.
INSERT INTO crm.room_setting (name, value, description) VALUES
    ('sales.price_steps', '[{"times": 1, "off": 0}, {"times": 1.5, "off": 0.03}, {"times": 2, "off": 0.05}, {"times": 3, "off": 0.08}]',
     'steps that are proposed: so many times what the customer usually buys of a product, so much off the price they usually pay'),
    ('sales.price_floor', '0.7', 'of the list price, what no proposed price goes below');
