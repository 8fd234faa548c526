-- alert: what went wrong is told to those who look after the chain, each alert once, and to nobody else.
\set VERBOSITY terse
SET client_min_messages = warning;
SET timezone = 'Asia/Shanghai';
BEGIN;
SET LOCAL crm.core_clock = '2026-06-30T23:00:00+08:00';
SELECT set_config('crm.access_claims', '{"actor": "regress", "role": "crm_admin", "stores": [], "all": true}', true) <> '' AS claims;
\i sql/shared/try_said.sql
CREATE FUNCTION pg_temp.claim() RETURNS TABLE (reader text, kind text, said jsonb) LANGUAGE sql AS $$
    SELECT c.endpoint || ' ' || (c.body::jsonb ->> 'to'), c.body::jsonb ->> 'kind', c.body::jsonb - '{id,opened_at,to,kind}'::text[] FROM crm._outbox_claim(100, 60000, 1) c ORDER BY 1, 2 $$;
UPDATE crm.alert SET told_at = crm.core_now() WHERE told_at IS NULL;      -- what others left
-- 1. before anybody wants them: two alerts, one of them over again soon
SELECT crm._alert('ingest.rate', 'alert_pos 2026-06-30', '{"percent": 90.5, "remedy": "Look at crm.reject_status."}'), crm._alert('ingest.silence', 'alert_app', '{}'),
       crm._alert('ingest.rate', 'alert_pos 2026-06-30', '{"percent": 80}') AS open_already;
SELECT crm._alert_close('ingest.silence', 'alert_app');
SELECT crm._outbox_alerts() AS left_over, (SELECT count(*) FROM crm.alert WHERE key LIKE 'alert\_%' AND told_at IS NULL) AS untold;
-- 2. where they may go
SET LOCAL crm.core_clock = '2026-06-30T23:01:00+08:00';
SELECT crm.outbox_define_endpoint('alert_hook', 'https://ops.example/hook') ~ '^whsec_' AS hook,
       crm.outbox_connect('alert_robot', 'dingtalk_robot', 'https://oapi.dingtalk.com', '{}', '{"access_token": "t"}') ->> 'connector' AS robot,
       crm.outbox_connect('alert_mail', 'smtp', 'smtps://mail.example', '{"from": "crm@chain.example"}', '{}') ->> 'connector' AS mail,
       crm.outbox_connect('alert_sms', 'aliyun_sms', 'https://dysmsapi.aliyuncs.com', '{"sign_name": "x", "access_key_id": "i"}', '{"access_key_secret": "y"}') ->> 'connector' AS sms;
SELECT n, pg_temp.try(call) AS answer FROM (VALUES
    (1, $$crm.outbox_route_alerts('alert_nowhere')$$), (2, $$crm.outbox_route_alerts('alert_sms')$$), (3, $$crm.outbox_route_alerts('alert_mail')$$),
    (4, $$crm.outbox_route_alerts('alert_mail', E'a@b.example\nBcc: c@d.example')$$), (5, $$crm.outbox_route_alerts('alert_mail', 'a@b.example, c@d.example')$$),
    (6, $$crm.outbox_route_alerts('alert_hook', 'a@b.example')$$), (7, $$crm.outbox_route_alerts('alert_hook', '', '{INGEST}')$$), (8, $$crm.outbox_route_alerts('alert_hook', '', '{NULL}')$$),
    (9, $$crm.outbox_route_alerts(NULL)$$), (10, $$crm.outbox_route_alerts('alert_hook', NULL)$$), (11, $$crm.outbox_route_alerts('alert_robot', '', '{ingest.%}', 'alert-1')$$),
    (12, $$crm.outbox_route_alerts('alert_robot', '', '{ingest.%}', 'alert-1')$$), (13, $$crm.outbox_route_alerts('alert_mail', 'it@chain.example', '{ingest.rate,outbox.%}')$$),
    (14, $$crm.outbox_route_alerts('alert_hook')$$)) c (n, call) ORDER BY n;
-- 3. what is open is told to each who wants its kind; what is over before anybody wanted it is not
SELECT crm._outbox_alerts() AS left_over;
SELECT r ->> 'endpoint' AS endpoint, r ->> 'address' AS address, r -> 'kinds' AS kinds, r ->> 'told' AS told, r ->> 'waiting' AS waiting FROM crm.outbox_alert_routes() r WHERE r ->> 'endpoint' LIKE 'alert\_%';
SELECT reader, said ->> 'text' AS text, said - 'text' AS besides FROM pg_temp.claim() WHERE reader LIKE 'alert\_%';
SELECT crm._outbox_alerts(), crm._outbox_alerts();
SELECT count(*) AS again FROM pg_temp.claim() WHERE reader LIKE 'alert\_%';
-- 4. one that comes and goes between two looks is told, to the hook alone, which wants everything; a new one of the same kind is another
SELECT crm._alert('loyalty.pool', 'alert_pool', '{}');
SELECT crm._alert_close('loyalty.pool', 'alert_pool');
SELECT crm._outbox_alerts();
SELECT crm._alert('loyalty.pool', 'alert_pool', '{}');
SELECT crm._outbox_alerts();
SELECT reader, kind FROM pg_temp.claim() WHERE reader LIKE 'alert\_%';
-- 5. results: sent is noted, a dead one says so to the others, and does not go on for ever
SELECT crm._outbox_finish(array_agg(q.customer_id), array_agg(q.message_id), array_agg(q.attempt), array_agg(CASE q.endpoint WHEN 'alert_mail' THEN 'rejected' ELSE 'sent' END), array_agg(0), array_agg(-1), array_agg(''::text)) AS settled
FROM crm.outbox_queue q WHERE q.endpoint LIKE 'alert\_%';
SELECT endpoint, string_agg(e.kind, ', ' ORDER BY e.outbox_event_id) AS happened FROM crm.outbox o JOIN crm.outbox_event e USING (customer_id, message_id) WHERE o.endpoint LIKE 'alert\_%' GROUP BY o.message_id, 1 ORDER BY 1, 2;
SELECT crm._outbox_alerts();
SELECT reader, kind, said ->> 'text' ~ 'alert_mail' AS names_it FROM pg_temp.claim() WHERE reader LIKE 'alert\_%';
-- 6. too late is too late; a route taken away takes nothing more
SELECT crm._alert('ingest.batch', 'alert_batch', '{}');
SELECT crm._outbox_alerts();
SET LOCAL crm.core_clock = '2026-07-02T23:00:00+08:00';
SELECT count(*) AS left_late FROM pg_temp.claim() WHERE reader LIKE 'alert\_%';
SELECT o.endpoint, e.kind, e.detail FROM crm.outbox o JOIN crm.outbox_event e USING (customer_id, message_id) WHERE o.endpoint LIKE 'alert\_%' AND o.body ->> 'kind' = 'ingest.batch' ORDER BY 1, e.outbox_event_id;
SELECT pg_temp.try($$crm.outbox_route_alerts('alert_hook', '', '{}')$$) AS taken_away, pg_temp.try($$crm.outbox_route_alerts('alert_robot', '', NULL)$$) AS too;
SELECT string_agg(r ->> 'endpoint', ' ') AS routes FROM crm.outbox_alert_routes() r WHERE r ->> 'endpoint' LIKE 'alert\_%';
-- 7. whatever an alert says is one line of text
SELECT crm._outbox_alert_text('a', E'b\r\nc', jsonb_build_object('x', repeat('y', 600))) ~ '[[:cntrl:]]' AS breaks, length(crm._outbox_alert_text('a', 'b', jsonb_build_object('x', repeat('y', 600)))) AS length,
       crm._outbox_alert_text('ingest.rate', 'pos', '{"remedy": "Do it.", "percent": 90.5}') AS text, crm._outbox_alert_text('k', 'x', '{}') AS bare;
SELECT has_function_privilege(r, 'crm.outbox_route_alerts(text, text, text[], text)', 'EXECUTE') AS may, string_agg(r::text, ' ' ORDER BY r) AS roles
FROM (SELECT rolname AS r FROM pg_roles WHERE rolname IN ('crm_admin', 'crm_headquarters', 'crm_marketer', 'crm_clerk')) x GROUP BY 1 ORDER BY 1;
ROLLBACK;
