-- Further flows to begin with: dates of those who belong to a person, services that fall due, shares, topics, videos broken off.
INSERT INTO crm.template (template, channel, body) VALUES
    ('pet_birthday', 'sms', '{{name}}，祝您的毛孩子生日快乐，欢迎到店领取小礼物。退订回T'),
    ('pet_birthday', 'wechat', '{{name}}，祝您的毛孩子生日快乐，欢迎到店领取小礼物'),
    ('service_due', 'sms', '{{name}}，您的下次保养还有两周，欢迎提前预约。退订回T'),
    ('service_due', 'wechat', '{{name}}，您的下次保养还有两周，欢迎提前预约'),
    ('thanks_share', 'sms', '{{name}}，感谢分享，积分已到账，新品抢先看。退订回T'),
    ('thanks_share', 'wechat', '{{name}}，感谢分享，积分已到账，新品抢先看');
INSERT INTO crm.flow_preset (preset, name_zh, name_en, trigger, spec) VALUES
    ('pet_birthday', '宠物生日', 'on the birthday of a pet', 'schedule',
     '{"channels": ["wechat", "sms"], "holdout_percent": 10, "offer_days": 30, "cap_days": 7, "cap_messages": 1, "quiet": {"from": "21:00", "to": "08:00"}, "schedule": "0 10 * * *", "key": "day", "late_hours": 14, "who": {"kind": "related", "where": {"relation": "pet", "birthday.in": 0}}, "template": "pet_birthday"}'),
    ('service_due', '保养到期前两周', 'two weeks before a service is due, 180 days after the last', 'schedule',
     '{"channels": ["wechat", "sms"], "holdout_percent": 10, "offer_days": 30, "cap_days": 7, "cap_messages": 1, "quiet": {"from": "21:00", "to": "08:00"}, "schedule": "0 10 * * *", "ago": 166, "catch_up": "each", "late_hours": 336, "who": {"kind": "event", "measure": "last", "where": {"type": "store_visit", "properties.way": "service"}, "op": "=", "value": 166}, "except": {"kind": "event", "where": {"type": "store_visit", "properties.way": "service"}, "days": 165}, "template": "service_due"}'),
    ('share_reward', '分享返利', 'points for a share, once a day, with what is new', 'event',
     '{"holdout_percent": 0, "offer_days": 30, "cap_days": 7, "cap_messages": 1, "quiet": {"from": "21:00", "to": "08:00"}, "event": {"kind": "event", "types": ["share"]}, "reentry_days": 1, "late_hours": 24, "steps": [{"gifts": [{"points": 10, "valid_days": 365}]}, {"channels": ["wechat", "sms"], "template": "thanks_share"}]}'),
    ('topic_same_3', '30天内同一话题3次', 'one topic three times in thirty days', 'event',
     '{"channels": ["wechat", "sms"], "holdout_percent": 10, "offer_days": 30, "cap_days": 7, "cap_messages": 1, "quiet": {"from": "21:00", "to": "08:00"}, "event": {"kind": "event", "types": ["article_read", "service_chat", "topic_follow"]}, "who": {"kind": "event", "measure": "count", "where": {"type": ["article_read", "service_chat", "topic_follow"]}, "same": "properties.topic", "days": 30, "op": ">=", "value": 3}, "reentry_days": 30, "template": "browse", "goal": "order", "late_hours": 24}'),
    ('video_60', '视频观看不足六成', 'a video left before six tenths of it', 'event',
     '{"channels": ["wechat", "sms"], "holdout_percent": 10, "offer_days": 30, "cap_days": 7, "cap_messages": 1, "quiet": {"from": "21:00", "to": "08:00"}, "event": {"kind": "event", "types": ["video_play"]}, "who": {"kind": "event", "where": {"type": "video_play", "properties.completion": {"op": "<", "value": 0.6}}, "hours": 1}, "steps": [{"after_hours": 24}], "late_hours": 24, "except": {"kind": "event", "where": {"type": "video_complete"}, "days": 2}, "reentry_days": 7, "goal": "order", "template": "browse"}');
