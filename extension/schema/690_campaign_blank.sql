-- Flows to begin with that mean nobody in particular: a trigger of each kind, everything else is the marketer's.
INSERT INTO crm.template (template, channel, body) VALUES ('site_hello', 'site', '{{name}}，欢迎光临');
INSERT INTO crm.flow_preset (preset, name_zh, name_en, trigger, spec) VALUES
    ('blank_schedule', '空白流程：按时间', 'empty: by the clock', 'schedule',
     '{"schedule": "0 10 * * *", "key": "once", "who": {"all": []}, "holdout_percent": 10, "offer_days": 30, "cap_days": 7, "cap_messages": 1, "quiet": {"from": "21:00", "to": "08:00"}}'),
    ('blank_event', '空白流程：按客户行为', 'empty: by what customers do', 'event',
     '{"event": {"kind": "order"}, "who": {"all": []}, "reentry_days": 30, "late_hours": 24, "holdout_percent": 10, "offer_days": 30, "cap_days": 7, "cap_messages": 1, "quiet": {"from": "21:00", "to": "08:00"}}'),
    ('blank_site', '空白流程：站内弹窗', 'empty: shown on the site', 'site',
     '{"place": ["home"], "who": {"all": []}, "reentry_days": 7, "template": "site_hello", "holdout_percent": 10, "offer_days": 30, "cap_days": 7, "cap_messages": 1}');
