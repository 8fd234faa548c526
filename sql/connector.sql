-- connector: endpoints of vendors; shapes filled in without anything becoming more than text; answers judged.
\set VERBOSITY terse
SET client_min_messages = warning;
BEGIN;
\i sql/shared/try_said.sql
-- 1. what a connector does not take is said with its name
SELECT n, pg_temp.try(call) AS answer FROM (VALUES
    (1, $$crm.outbox_connect('e', 'pigeon', 'https://x')$$), (2, $$crm.outbox_connect('e', NULL, 'https://x')$$),
    (3, $$crm.outbox_connect('e', 'aliyun_sms', 'https://dysmsapi.aliyuncs.com', '{"sign_name": "x"}', '{"access_key_secret": "y"}')$$),
    (4, $$crm.outbox_connect('e', 'aliyun_sms', 'https://dysmsapi.aliyuncs.com', '{"sign_name": "x", "access_key_id": "i"}')$$),
    (5, $$crm.outbox_connect('e', 'aliyun_sms', 'https://dysmsapi.aliyuncs.com', '{"sign_name": "x", "access_key_id": "i", "colour": "red"}', '{"access_key_secret": "y"}')$$),
    (6, $$crm.outbox_connect('e', 'aliyun_sms', 'https://dysmsapi.aliyuncs.com', '{"sign_name": 1, "access_key_id": "i"}', '{"access_key_secret": "y"}')$$),
    (7, $$crm.outbox_connect('e', 'aliyun_sms', 'https://dysmsapi.aliyuncs.com/path', '{"sign_name": "x", "access_key_id": "i"}', '{"access_key_secret": "y"}')$$),
    (8, $$crm.outbox_connect('e', 'aliyun_sms', 'https://user@host', '{"sign_name": "x", "access_key_id": "i"}', '{"access_key_secret": "y"}')$$),
    (9, $$crm.outbox_connect('e', 'aliyun_sms', 'file:///etc/passwd', '{"sign_name": "x", "access_key_id": "i"}', '{"access_key_secret": "y"}')$$),
    (10, $$crm.outbox_connect('e', 'smtp', 'https://mail.example', '{"from": "a@b.example"}', '{}')$$),
    (11, $$crm.outbox_connect('e', 'tencent_sms', 'https://sms.tencentcloudapi.com', E'{"app_id": "1", "sign_name": "x", "region": "a\\r\\nX-Evil: 1", "secret_id": "i"}', '{"secret_key": "k"}')$$),
    (12, $$crm.outbox_connect('e', 'aliyun_sms', 'https://dysmsapi.aliyuncs.com', '[]', '{}')$$),
    (13, $$crm.outbox_connect('', 'smtp', 'smtps://mail.example', '{"from": "a@b.example"}', '{}')$$),
    (14, $$crm.outbox_connect('e', 'smtp', 'smtps://mail.example', '{"from": "a@b.example"}', '{}', '{"colour": 1}')$$),
    (15, $$crm.outbox_connect('e', 'aliyun_sms', 'https://dysmsapi.aliyuncs.com', '{"sign_name": "x", "access_key_id": "i"}', '{"access_key_secret": {"file": "../crm_keys"}}')$$),
    (16, $$crm.outbox_connect('e', 'aliyun_sms', 'https://dysmsapi.aliyuncs.com', '{"sign_name": "x", "access_key_id": "i"}', '{"access_key_secret": {"file": "nowhere"}}')$$),
    (17, $$crm.outbox_connect('e', 'aliyun_sms', 'https://dysmsapi.aliyuncs.com', '{"sign_name": "x", "access_key_id": "i"}', '{"access_key_secret": {"file": "a", "b": 1}}')$$),
    (18, $$crm.outbox_connect('e', 'aliyun_sms', 'https://dysmsapi.aliyuncs.com', '{"sign_name": "x", "access_key_id": "i"}', '["x"]')$$)) c (n, call) ORDER BY n;
-- 2. connected; secrets are sealed, shown to nobody, and stay when none are given
SELECT crm.outbox_connect('connector_end', 'aliyun_sms', 'https://dysmsapi.aliyuncs.com', '{"sign_name": "店", "access_key_id": "i"}', '{"access_key_secret": "hidden"}', '{}', 'connect-1') AS made,
       crm.outbox_connect('connector_end', 'aliyun_sms', 'https://dysmsapi.aliyuncs.com', '{"sign_name": "店", "access_key_id": "i"}', '{"access_key_secret": "hidden"}', '{}', 'connect-1') - 'parameters' AS same_call;
SELECT crm.outbox_connect('connector_end', 'aliyun_sms', 'https://dysmsapi.aliyuncs.com', '{"sign_name": "新店", "access_key_id": "i"}') ->> 'parameters' AS changed;
SELECT crm._outbox_endpoint_given(parameters, secrets_sealed) AS given FROM crm.endpoint WHERE endpoint = 'connector_end';
SELECT e - 'channels' AS shown FROM crm.outbox_endpoints() e WHERE e ->> 'endpoint' = 'connector_end';
SELECT crm.outbox_define_endpoint('connector_end', 'https://receiver.example/') ~ '^whsec_' AS a_webhook_again;
SELECT connector, secrets_sealed IS NULL AS nothing_of_the_vendor FROM crm.endpoint WHERE endpoint = 'connector_end';
-- 3. shapes
SELECT crm._outbox_fill('{"a": "{{x}}", "b": ["{{y}} and {{x}}", 1, true, null], "c": {"{{x}}": "{{missing}}"}, "d": "{{list}}", "e": "{{un"}',
    '{"x": "\"},{{y}}", "y": "2", "list": ["p", {"q": 1}]}') AS filled;
SELECT crm._outbox_fill_text('', '{}') = '' AS empty, crm._outbox_fill_text(NULL, '{}') IS NULL AS null_is_null, crm._outbox_fill_text('a}}b{{x}}{{x}}c', '{"x": "{{x}}"}') AS braces;
SELECT crm._outbox_url_encode('a b/c?d=é&店~._-') AS encoded, crm._outbox_url_encode('') = '' AS nothing;
SELECT crm._outbox_path('/p?k={{endpoint.key}}&access_token={{access_token}}', '{"endpoint.key": "a&b", "access_token": "stolen"}') AS path;
-- 4. verdicts: of each connector, by what it answers
CREATE FUNCTION pg_temp.judge(connector text, status int, answer text, outcome text DEFAULT 'sent', retry_after int DEFAULT -1) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    UPDATE crm.endpoint SET connector = judge.connector WHERE endpoint = 'connector_end';
    RETURN (SELECT concat_ws(' | ', j.outcome, j.retry_after, j.detail)
            FROM crm._outbox_judge(ARRAY['connector_end'], ARRAY[outcome], ARRAY[status], ARRAY[retry_after], ARRAY[''], ARRAY[convert_to(answer, 'UTF8')]) j);
END $$;
SELECT c, s, a, pg_temp.judge(c, s, a) AS verdict FROM (VALUES
    (1, 'webhook', 204, ''), (2, 'webhook', 302, ''), (3, 'aliyun_sms', 200, '{"Code": "OK"}'), (4, 'aliyun_sms', 200, '<html>'), (5, 'aliyun_sms', 200, ''), (6, 'aliyun_sms', 503, ''),
    (7, 'aliyun_sms', 400, '{"Code": "isv.BLACK_KEY_CONTROL_LIMIT"}'), (8, 'aliyun_sms', 200, '{"Code": ["OK"]}'), (9, 'tencent_sms', 200, '{"Response": {"SendStatusSet": [{"Code": "Ok"}]}}'),
    (10, 'tencent_sms', 200, '{"Response": {"SendStatusSet": []}}'), (11, 'tencent_sms', 200, '{"Response": {"Error": {"Code": "AuthFailure.SignatureFailure"}}}'),
    (12, 'wechat_subscribe', 200, '{"errcode": 0}'), (13, 'wechat_subscribe', 200, '{"errcode": 40001}'), (14, 'wechat_subscribe', 200, '{"errcode": 43101}'), (15, 'wechat_subscribe', 200, '{"errcode": 45009}'),
    (16, 'wecom', 200, '{"errcode": 0, "fail_list": []}'), (17, 'wecom', 200, '{"errcode": 0, "fail_list": ["wm"]}'), (18, 'dingtalk_robot', 200, '{"errcode": 310000}'),
    (19, 'feishu_robot', 200, '{"code": 0}'), (20, 'feishu_robot', 200, '{"StatusCode": 0}'), (21, 'smtp', 250, ''), (22, 'smtp', 552, ''), (23, 'smtp', 535, ''), (24, 'smtp', 421, '')) v (n, c, s, a) ORDER BY n;
SELECT pg_temp.judge('aliyun_sms', 0, '', 'unknown') AS silence, pg_temp.judge('webhook', 0, '', 'unknown') AS silence_of_who_knows_repeats, pg_temp.judge('aliyun_sms', 429, '', 'failed', 77) AS too_many,
    pg_temp.judge('aliyun_sms', 410, '', 'gone') AS gone, pg_temp.judge('aliyun_sms', 0, '', 'refused') AS refused;
SELECT crm._outbox_answer_text('\xff00') = '' AS no_text, crm._outbox_json('{') IS NULL AS no_json;
-- 5. tokens: kept until a little before they end, forgotten once, not when a newer is there
SELECT crm._outbox_keep_token('connector_end', 200, '{"access_token": "t1", "expires_in": 7200}'), crm._outbox_keep_token('connector_end', 200, '{"errcode": 40013}'), crm._outbox_keep_token('connector_end', 500, '{"access_token": "t", "expires_in": 7200}'),
    crm._outbox_keep_token('connector_end', 200, '{"access_token": "t", "expires_in": "soon"}'), crm._outbox_keep_token('connector_end', 200, '\xff');
SELECT expires_at - clock_timestamp() BETWEEN interval '7000 s' AND interval '7080 s' AS holds FROM crm.endpoint_token WHERE endpoint = 'connector_end';
SELECT crm._outbox_renew_token('connector_end', 't0') AS newer, crm._outbox_renew_token('connector_end', 't1') IS NULL AS fetch_one;
SELECT count(*) AS left FROM crm.endpoint_token WHERE endpoint = 'connector_end';
-- what no connector may be
SELECT connector FROM crm.connector c WHERE format <> 'webhook' AND is_repeat_safe;
SELECT connector, v ->> 'verdict' AS unknown_verdict FROM crm.connector, jsonb_array_elements(verdicts) v WHERE v ->> 'verdict' NOT IN ('sent', 'rejected', 'later', 'throttled', 'token', 'failed');
ROLLBACK;
