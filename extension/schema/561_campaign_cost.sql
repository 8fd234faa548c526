-- What a message costs, for dry runs.
INSERT INTO crm.room_setting (name, value, description) VALUES
    ('campaign.message_cost', '{"sms": 0.05, "wechat": 0, "email": 0.001}', 'currency units a message costs, by channel; what is not named costs nothing');
