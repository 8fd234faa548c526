-- template: what messages say is checked by field before it is used, as the channel's vendor takes it; values are text.
\set VERBOSITY terse
SET client_min_messages = warning;
BEGIN;
SET LOCAL crm.core_clock = '2026-06-30T12:00:00+08:00';
\i sql/shared/try_said.sql
-- 1. plain text messages
SELECT n, pg_temp.try(call) AS answer FROM (VALUES
    (1, $$crm.outbox_define_template('t', 'pigeon', 'x')$$), (2, $$crm.outbox_define_template('t', 'sms', NULL)$$), (3, $$crm.outbox_define_template('t', 'sms', '{{points}} 退订回T')$$),
    (4, $$crm.outbox_define_template('t', 'sms', E'a\nb 退订回T')$$), (5, $$crm.outbox_define_template('t', 'sms', 'hello')$$), (6, $$crm.outbox_define_template('t', 'sms', repeat('好', 500) || '退订回T')$$),
    (7, $$crm.outbox_define_template('T!', 'sms', '好 退订回T')$$), (8, $$crm.outbox_define_template('t', 'sms', '好 退订回T', '{"colour": 1}')$$), (9, $$crm.outbox_define_template('t', 'sms', '好 退订回T', '[]')$$),
    (10, $$crm.outbox_define_template('t_sms', 'sms', '{{name}}好 退订回T')$$), (11, $$crm.outbox_define_template('t_sms', 'sms', repeat('好', 63) || ' 退订回T')$$), (12, $$crm.outbox_define_template('t_sms', 'sms', repeat('好', 66) || '退订回T')$$),
    (13, $$crm.outbox_define_template('t_sms', 'sms', repeat('好', 131) || '退订回T')$$)) c (n, call) ORDER BY n;
-- the signature counts
SELECT * FROM crm._outbox_sms_length(repeat('x', 70), NULL), crm._outbox_sms_length(repeat('x', 64), '示例店') s (with_signature, parts), crm._outbox_sms_length(repeat('x', 66), '示例店') l (longer, more_parts);
-- 2. e-mail
SELECT crm.outbox_connect('template_mail', 'smtp', 'smtps://mail.example', '{"from": "a@b.example"}', '{}') ->> 'connector' AS mail, crm.outbox_set_channel('email', 'template_mail');
SELECT n, pg_temp.try(call) AS answer FROM (VALUES
    (1, $$crm.outbox_define_template('t_mail', 'email', 'text')$$), (2, $$crm.outbox_define_template('t_mail', 'email', 'text', E'{"subject": "a\\nBcc: all"}')$$),
    (3, $$crm.outbox_define_template('t_mail', 'email', 'text', '{"subject": "{{x}}"}')$$), (4, $$crm.outbox_define_template('t_mail', 'email', 'text', '{"subject": "s", "html": "<p onclick=\"x()\">"}')$$),
    (5, $$crm.outbox_define_template('t_mail', 'email', 'text', '{"subject": "s", "html": "<p>{{colour}}</p>"}')$$),
    (6, $$crm.outbox_define_template('t_mail', 'email', '{{name}}', '{"subject": "给{{name}}", "html": "<p title=\"{{name}}\">{{name}} {{coupon_code}}</p>"}')$$)) c (n, call) ORDER BY n;
SELECT jsonb_pretty(crm._outbox_dress('t_mail', 'email', jsonb_build_object('name', E'<b>"O''Neil" & {{coupon_code}}\r\nBcc: x', 'coupon_code', 'C1'))) AS dressed;
-- 3. vendors' placeholders: named (Aliyun), listed (Tencent), typed (WeChat)
SELECT crm.outbox_connect('template_sms', 'aliyun_sms', 'https://dysmsapi.aliyuncs.com', '{"sign_name": "示例店", "access_key_id": "i"}', '{"access_key_secret": "k"}') ->> 'connector' AS aliyun, crm.outbox_set_channel('sms', 'template_sms');
SELECT crm.outbox_connect('template_wechat', 'wechat_subscribe', 'https://api.weixin.qq.com', '{"app_id": "i"}', '{"app_secret": "k"}') ->> 'connector' AS wechat, crm.outbox_set_channel('wechat', 'template_wechat');
SELECT n, pg_temp.try(call) AS answer FROM (VALUES
    (1, $$crm.outbox_define_template('t_ali', 'sms', '{{name}} 退订回T')$$), (2, $$crm.outbox_define_template('t_ali', 'sms', '{{name}} 退订回T', '{"vendor_template": "SMS_1"}')$$),
    (3, $$crm.outbox_define_template('t_ali', 'sms', '{{name}} 退订回T', '{"vendor_template": "SMS_1", "vendor_params": ["{{name}}"]}')$$), (4, $$crm.outbox_define_template('t_ali', 'sms', '{{name}} 退订回T', '{"vendor_template": "SMS_1", "vendor_params": {"name": "{{surname}}"}}')$$),
    (5, $$crm.outbox_define_template('t_ali', 'sms', '{{name}} 退订回T', '{"vendor_template": "SMS_1", "vendor_params": {"1 x": "{{name}}"}}')$$), (6, $$crm.outbox_define_template('t_ali', 'sms', '{{name}} 退订回T', '{"vendor_template": "SMS_1", "vendor_params": {"code": 5}}')$$),
    (7, $$crm.outbox_define_template('t_ali', 'sms', '{{name}} 退订回T', '{"vendor_template": "SMS_1", "vendor_params": {"name": "{{name}}", "code": "{{coupon_code}}"}}')$$),
    (8, $$crm.outbox_define_template('t_wx', 'wechat', '{{name}}', '{"vendor_template": "tpl", "vendor_params": {"title1": "{{name}}"}}')$$), (9, $$crm.outbox_define_template('t_wx', 'wechat', '{{name}}', '{"vendor_template": "tpl", "vendor_params": {"thing": "{{name}}"}}')$$),
    (10, $$crm.outbox_define_template('t_wx', 'wechat', '{{name}}', '{"vendor_template": "tpl", "vendor_params": {"thing1": "致{{name}}", "date2": "{{valid_until}}", "character_string3": "{{coupon_code}}"}}')$$)) c (n, call) ORDER BY n;
SELECT crm._outbox_dress('t_ali', 'sms', '{"name": "【假】\n张", "coupon_code": "C\"1"}') AS named;
SELECT crm._outbox_dress('t_wx', 'wechat', jsonb_build_object('name', repeat('张', 30), 'coupon_code', 'C1', 'valid_until', '2026-07-30')) AS typed;
SELECT field, fault FROM crm._outbox_vendor_fault('listed', '1110', '{"a": "b"}') UNION ALL SELECT field, fault FROM crm._outbox_vendor_fault('listed', '1110', '["{{name}}", "{{x}}"]') UNION ALL SELECT field, fault FROM crm._outbox_vendor_fault('listed', '1110', '["{{name}}"]');
-- 4. a flow whose vendor does not take its template does not start
SELECT field, fault FROM crm._campaign_fault(crm._campaign_flow('birthday'));
UPDATE crm.template SET vendor_template = 'SMS_2', vendor_params = '{"name": "{{name}}"}' WHERE template = 'birthday' AND channel = 'sms';
UPDATE crm.template SET vendor_template = 'tpl', vendor_params = '{"thing1": "{{name}}"}' WHERE template = 'birthday' AND channel = 'wechat';
SELECT field, fault FROM crm._campaign_fault(crm._campaign_flow('birthday'));
SELECT crm._campaign_message(crm._campaign_flow('birthday'), 0, 'wechat', NULL, 'Asia/Shanghai') AS message;
ROLLBACK;
