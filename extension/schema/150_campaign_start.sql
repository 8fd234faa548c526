-- The three flows that ship, as drafts: rows that a marketer edits and starts.
INSERT INTO crm.flow (flow_id, code, name_zh, name_en, trigger, state, spec) VALUES
    (1, 'welcome', '新客欢迎', 'welcome', 'welcome', 'draft',
     '{"channels": ["wechat", "sms"], "template": "welcome", "coupon_type": "welcome_5", "holdout_percent": 10, "offer_days": 30, "cap_days": 7, "cap_messages": 1, "quiet": {"from": "21:00", "to": "08:00"}}'),
    (2, 'silence_30', '沉默30天唤醒', '30 days without a purchase', 'silence', 'draft',
     '{"days": 30, "channels": ["wechat", "sms"], "template": "silence_30", "coupon_type": "wake_up_90", "goal": "order", "backlog_per_day": 500, "holdout_percent": 10, "offer_days": 30, "cap_days": 7, "cap_messages": 1, "quiet": {"from": "21:00", "to": "08:00"}}'),
    (3, 'birthday', '生日关怀', 'birthday', 'birthday', 'draft',
     '{"at": "10:00", "channels": ["wechat", "sms"], "template": "birthday", "coupon_type": "birthday_shipping", "holdout_percent": 10, "offer_days": 30, "cap_days": 7, "cap_messages": 1, "quiet": {"from": "21:00", "to": "08:00"}}');
INSERT INTO crm.flow_version (flow_id, version, spec, changed_by, changed_at)
SELECT f.flow_id, 1, f.spec, 'crm', crm.core_now() FROM crm.flow f;
INSERT INTO crm.room_setting (name, value, description) VALUES
    ('campaign.source_behind_hours', '26', 'a silence is not trusted while a source has told nothing for so long'),
    ('campaign.late_order_days', '7', 'an order told of so many days after its silence was due still opens it');
INSERT INTO crm.job (job, statement, helper_statement, wake_statement, every, position, next_run_at) VALUES
    ('campaign.due', 'SELECT crm._campaign_due()', 'SELECT crm._campaign_help()', 'SELECT crm._campaign_wakes_in()', '5 seconds', 60, 'epoch'),
    ('campaign.backlog', 'SELECT crm._campaign_backlog()', NULL, NULL, '20 seconds', 61, 'epoch');
