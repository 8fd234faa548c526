-- What a point is worth at the counter, for who asks before they are spent. As it comes nothing is said: houses differ.
INSERT INTO crm.room_setting (name, value, description) VALUES
    ('loyalty.point_value', '0', 'what one point takes off an order, in currency units (0.01: a hundred points are one); 0: no value is told, points are points');
