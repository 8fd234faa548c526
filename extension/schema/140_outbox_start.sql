-- Channels, texts and settings that ship; an installation edits them.
INSERT INTO crm.channel (channel, name_zh, name_en, identifier_kind) VALUES
    ('sms', '短信', 'text message', 1), ('email', '邮件', 'e-mail', 2), ('wechat', '微信', 'WeChat', 4), ('wecom', '企业微信', 'WeCom', 6);
INSERT INTO crm.template (template, channel, body) VALUES
    ('welcome', 'sms', '{{name}}您好，欢迎加入！送您{{coupon_value}}元券，{{valid_until}}前有效，券码{{coupon_code}}。退订回T'),
    ('welcome', 'wechat', '{{name}}您好，欢迎加入！送您{{coupon_value}}元券，{{valid_until}}前有效，券码{{coupon_code}}'),
    ('silence_30', 'sms', '{{name}}，好久不见！专属9折券已到账，{{valid_until}}前有效，券码{{coupon_code}}。退订回T'),
    ('silence_30', 'wechat', '{{name}}，好久不见！专属9折券已到账，{{valid_until}}前有效，券码{{coupon_code}}'),
    ('birthday', 'sms', '{{name}}生日快乐！送您免邮券一张，{{valid_until}}前有效，券码{{coupon_code}}。退订回T'),
    ('birthday', 'wechat', '{{name}}生日快乐！送您免邮券一张，{{valid_until}}前有效，券码{{coupon_code}}');
INSERT INTO crm.room_setting (name, value, description) VALUES
    ('outbox.retry_seconds', '300', 'pause before a message is tried again; a longer Retry-After wins'),
    ('outbox.max_retries', '3', 'retries after the first attempt; then a dead letter and one alert'),
    ('outbox.breaker_failures', '10', 'failures in a row after which an endpoint rests'),
    ('outbox.breaker_seconds', '60', 'how long it rests');
-- known before anything is sent: a recovery to a moment before the first message is noticed too
INSERT INTO crm.sending_state (timeline, system_id) SELECT h.timeline, h.system_id FROM crm._outbox_timeline() h;
CREATE VIEW crm.queue_status AS
    SELECT q.endpoint, count(*) AS waiting, count(*) FILTER (WHERE q.due_at <= crm.core_now()) AS due,
           count(*) FILTER (WHERE q.lease_until > pg_catalog.clock_timestamp()) AS sending, count(*) FILTER (WHERE q.attempt > 0) AS tried,
           min(q.due_at) AS oldest_due_at
    FROM crm.outbox_queue q GROUP BY q.endpoint;
CREATE VIEW crm.outbox_status AS
    SELECT e.endpoint, e.url, e.is_active, e.broken_until, e.failures,
           (SELECT count(*) FROM crm.dead_letter d JOIN crm.outbox o USING (customer_id, message_id) WHERE o.endpoint = e.endpoint AND d.replayed_at IS NULL) AS dead,
           s.paused_reason, s.paused_at
    FROM crm.endpoint e LEFT JOIN crm.sending_state s ON true;
GRANT SELECT ON crm.queue_status, crm.outbox_status TO crm_admin, crm_headquarters;
