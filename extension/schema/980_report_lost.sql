-- Of what lost customers bought first the commonest are told by name: a chain sells more products than anybody reads.
INSERT INTO crm.room_setting (name, value, description) VALUES
    ('report.lost_products', '100', 'so many first products of lost customers are told by name, the others together');
