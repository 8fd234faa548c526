-- How messages leave: a connector says what a vendor's request looks like and what its answers mean.
CREATE TABLE crm.connector (
    connector text PRIMARY KEY,
    name_zh text NOT NULL,
    name_en text NOT NULL,
    format text NOT NULL CHECK (format IN ('webhook', 'json', 'form', 'mail')),
    signer text NOT NULL DEFAULT 'none' CHECK (signer IN ('none', 'webhook', 'aliyun', 'tencent', 'dingtalk', 'feishu')),
    path text NOT NULL DEFAULT '',      -- behind the endpoint's URL; {{...}} as in body, percent-encoded
    token_path text,                    -- where an access token is fetched, if one is needed
    headers jsonb NOT NULL DEFAULT '{}',
    body jsonb NOT NULL DEFAULT '{}',   -- {{id}} {{to}} {{phone}} {{text}} {{subject}} {{html}} {{template}} {{params}} {{params_text}} {{endpoint.NAME}}
    parameters text[] NOT NULL DEFAULT '{}',    -- what an endpoint must give; one that ends with ? may be left out
    secrets text[] NOT NULL DEFAULT '{}',       -- the same, kept sealed
    verdicts jsonb NOT NULL DEFAULT '[]',   -- asked in order: {"path": [..], "is": [..] or "status": [from, to], "verdict", "rest_s"}; none fits: failed
    is_repeat_safe boolean NOT NULL DEFAULT false,  -- the vendor knows a repeat by its id: what had no answer is sent again
    is_confirmed_by_hand boolean NOT NULL DEFAULT false, -- a person of the house must let it go at the vendor
    per_minute int,                     -- what the vendor bears of one endpoint
    placeholder text NOT NULL DEFAULT 'text' CHECK (placeholder IN ('text', 'named', 'listed', 'typed')));
COMMENT ON TABLE crm.connector IS 'what a vendor''s request looks like, how it is signed, what its answers mean';

ALTER TABLE crm.endpoint
    ADD COLUMN connector text NOT NULL DEFAULT 'webhook',
    ADD COLUMN parameters jsonb NOT NULL DEFAULT '{}',
    ADD COLUMN secrets_sealed bytea;    -- purpose 'endpoint': a JSON object of the connector's secrets
-- Access tokens of vendors, as long as they hold.
CREATE TABLE crm.endpoint_token (
    endpoint text PRIMARY KEY,
    token_sealed bytea NOT NULL,        -- purpose 'endpoint'
    expires_at timestamptz NOT NULL);   -- by the server's real time
SELECT crm._access_open('crm.connector');
SELECT crm._access_protect_closed('crm.endpoint_token');

-- Sources of requests, codes and limits: the vendors' pages named in doc/rooms/outbox.md.
INSERT INTO crm.connector (connector, name_zh, name_en, format, signer, path, headers, body, parameters, secrets, verdicts, is_repeat_safe, per_minute, placeholder) VALUES
    ('webhook', '通用回调', 'generic webhook', 'webhook', 'webhook', '', '{}', '{}', '{}', '{}', '[{"status": [200, 299], "verdict": "sent"}]', true, NULL, 'text'),
    ('aliyun_sms', '阿里云短信', 'Aliyun SMS', 'form', 'aliyun', '/', '{}',
     '{"Action": "SendSms", "Version": "2017-05-25", "RegionId": "cn-hangzhou", "PhoneNumbers": "{{phone}}", "SignName": "{{endpoint.sign_name}}", "TemplateCode": "{{template}}", "TemplateParam": "{{params_text}}", "OutId": "{{id}}"}',
     '{sign_name,access_key_id}', '{access_key_secret}',
     '[{"path": ["Code"], "is": ["OK"], "verdict": "sent"},
       {"path": ["Code"], "is": ["isv.MOBILE_NUMBER_ILLEGAL", "isv.BLACK_KEY_CONTROL_LIMIT", "isv.PARAM_LENGTH_LIMIT", "isv.PARAM_NOT_SUPPORT_URL", "isv.TEMPLATE_MISSING_PARAMETERS", "isv.INVALID_JSON_PARAM", "isv.INVALID_PARAMETERS", "isv.SMS_CONTENT_ILLEGAL"], "verdict": "rejected"},
       {"path": ["Code"], "is": ["isv.BUSINESS_LIMIT_CONTROL", "isv.DAY_LIMIT_CONTROL"], "verdict": "later", "rest_s": 3600},
       {"path": ["Code"], "is": ["Throttling", "Throttling.User", "isv.SMS_TEST_NUMBER_LIMIT"], "verdict": "throttled", "rest_s": 60}]', false, NULL, 'named'),
    ('tencent_sms', '腾讯云短信', 'Tencent Cloud SMS', 'json', 'tencent', '/', '{"X-TC-Action": "SendSms", "X-TC-Version": "2021-01-11", "X-TC-Region": "{{endpoint.region}}"}',
     '{"PhoneNumberSet": ["{{to}}"], "SmsSdkAppId": "{{endpoint.app_id}}", "SignName": "{{endpoint.sign_name}}", "TemplateId": "{{template}}", "TemplateParamSet": "{{params}}", "SessionContext": "{{id}}"}',
     '{app_id,sign_name,region,secret_id}', '{secret_key}',
     '[{"path": ["Response", "SendStatusSet", "0", "Code"], "is": ["Ok"], "verdict": "sent"},
       {"path": ["Response", "SendStatusSet", "0", "Code"], "is": ["FailedOperation.PhoneNumberInBlacklist", "InvalidParameterValue.IncorrectPhoneNumber", "InvalidParameterValue.ContentLengthLimit", "FailedOperation.ContainSensitiveWord", "InvalidParameterValue.TemplateParameterLengthLimit", "InvalidParameterValue.TemplateParameterFormatError", "InvalidParameterValue.ProhibitedUseUrlInTemplateParameter"], "verdict": "rejected"},
       {"path": ["Response", "SendStatusSet", "0", "Code"], "is": ["LimitExceeded.PhoneNumberThirtySecondLimit", "LimitExceeded.DeliveryFrequencyLimit"], "verdict": "later", "rest_s": 300},
       {"path": ["Response", "SendStatusSet", "0", "Code"], "is": ["LimitExceeded.PhoneNumberOneHourLimit", "LimitExceeded.PhoneNumberSameContentDailyLimit"], "verdict": "later", "rest_s": 3600},
       {"path": ["Response", "SendStatusSet", "0", "Code"], "is": ["LimitExceeded.PhoneNumberDailyLimit"], "verdict": "later", "rest_s": 86400},
       {"path": ["Response", "Error", "Code"], "is": ["RequestLimitExceeded", "LimitExceeded"], "verdict": "throttled", "rest_s": 60}]', false, NULL, 'listed'),
    ('dingtalk_robot', '钉钉群机器人', 'DingTalk group robot', 'json', 'dingtalk', '/robot/send?access_token={{endpoint.access_token}}', '{}',
     '{"msgtype": "text", "text": {"content": "{{text}}"}}', '{}', '{access_token,secret?}',
     '[{"path": ["errcode"], "is": ["0"], "verdict": "sent"}, {"path": ["errcode"], "is": ["130101"], "verdict": "throttled", "rest_s": 600}, {"path": ["errcode"], "is": ["40035", "460101"], "verdict": "rejected"}]', false, 20, 'text'),
    ('feishu_robot', '飞书群机器人', 'Feishu group robot', 'json', 'feishu', '/open-apis/bot/v2/hook/{{endpoint.hook}}', '{}',
     '{"msg_type": "text", "content": {"text": "{{text}}"}}', '{}', '{hook,secret?}',
     '[{"path": ["code"], "is": ["0"], "verdict": "sent"}, {"path": ["StatusCode"], "is": ["0"], "verdict": "sent"}, {"path": ["code"], "is": ["9499", "11232"], "verdict": "throttled", "rest_s": 60}]', false, 100, 'text'),
    ('wecom_robot', '企业微信群机器人', 'WeCom group robot', 'json', 'none', '/cgi-bin/webhook/send?key={{endpoint.key}}', '{}',
     '{"msgtype": "text", "text": {"content": "{{text}}"}}', '{}', '{key}',
     '[{"path": ["errcode"], "is": ["0"], "verdict": "sent"}, {"path": ["errcode"], "is": ["45009"], "verdict": "throttled", "rest_s": 60}, {"path": ["errcode"], "is": ["40058", "45002"], "verdict": "rejected"}]', false, 20, 'text'),
    ('smtp', '邮件 (SMTP)', 'e-mail (SMTP)', 'mail', 'none', '', '{}',
     '{"from": "{{endpoint.from}}", "user": "{{endpoint.user}}", "password": "{{endpoint.password}}", "to": "{{to}}", "subject": "{{subject}}", "text": "{{text}}", "html": "{{html}}", "id": "{{id}}"}', '{from,user?}', '{password?}',
     '[{"status": [250, 250], "verdict": "sent"}, {"status": [550, 554], "verdict": "rejected"}, {"status": [421, 421], "verdict": "throttled", "rest_s": 60}, {"status": [450, 452], "verdict": "later", "rest_s": 300}]', false, NULL, 'text');
INSERT INTO crm.connector (connector, name_zh, name_en, format, path, token_path, body, parameters, secrets, verdicts, is_confirmed_by_hand, placeholder) VALUES
    ('wechat_subscribe', '微信订阅消息', 'WeChat subscribe message', 'json', '/cgi-bin/message/subscribe/send?access_token={{access_token}}',
     '/cgi-bin/token?grant_type=client_credential&appid={{endpoint.app_id}}&secret={{endpoint.app_secret}}',
     '{"touser": "{{to}}", "template_id": "{{template}}", "page": "{{endpoint.page}}", "miniprogram_state": "formal", "lang": "zh_CN", "data": "{{params}}"}',
     '{app_id,page?}', '{app_secret}',
     '[{"path": ["errcode"], "is": ["0"], "verdict": "sent"}, {"path": ["errcode"], "is": ["40001", "40014", "42001", "41001"], "verdict": "token"},
       {"path": ["errcode"], "is": ["43101", "40003", "47003", "41030", "43107"], "verdict": "rejected"},
       {"path": ["errcode"], "is": ["45009", "45011"], "verdict": "throttled", "rest_s": 3600}]', false, 'typed'),
    ('wecom', '企业微信客户群发', 'WeCom message to customers', 'json', '/cgi-bin/externalcontact/add_msg_template?access_token={{access_token}}',
     '/cgi-bin/gettoken?corpid={{endpoint.corp_id}}&corpsecret={{endpoint.corp_secret}}',
     '{"chat_type": "single", "external_userid": ["{{to}}"], "sender": "{{endpoint.sender}}", "text": {"content": "{{text}}"}}',
     '{corp_id,sender}', '{corp_secret}',
     '[{"path": ["fail_list", "0"], "is_not": [], "verdict": "rejected"}, {"path": ["errcode"], "is": ["0"], "verdict": "sent"}, {"path": ["errcode"], "is": ["40014", "42001", "41001"], "verdict": "token"},
       {"path": ["errcode"], "is": ["40003", "40096", "84061", "41048"], "verdict": "rejected"}, {"path": ["errcode"], "is": ["45009", "45033"], "verdict": "throttled", "rest_s": 60}]', true, 'text');
