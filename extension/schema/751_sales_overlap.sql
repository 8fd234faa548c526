INSERT INTO crm.room_setting (name, value, description) VALUES
    ('sales.overlap_days', '7', 'two of different stores who speak with one customer within these days are told of each other; 0: nobody is');
