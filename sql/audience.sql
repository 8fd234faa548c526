-- audience: a segment as hashes for an advertising platform: who agreed, each address once, page by page, in the trail.
\set VERBOSITY terse
SET client_min_messages = warning;
BEGIN;
SET LOCAL crm.core_clock = '2026-06-30T12:00:00+08:00';
SELECT set_config('crm.access_claims', '{"actor": "regress", "role": "crm_headquarters", "stores": [], "all": true}', true) <> '' AS claims;
SELECT crm.ingest_define_source('aud_till', 'till', 'pos', '{}') IS NOT NULL AS source;
CREATE FUNCTION pg_temp.member(n int, more jsonb) RETURNS bigint LANGUAGE sql AS $$
    SELECT (crm.ingest_member('aud_till', convert_to((jsonb_build_object('external_id', 'A' || n, 'name', '赵钱' || n, 'registered_at', '2026-06-01T10:00:00+08:00') || more)::text, 'UTF8'))).customer_id
$$;
\i sql/shared/try_remedy.sql
SELECT crm.segment_define_list('aud', '投放', ARRAY[
    pg_temp.member(1, '{"phone": "+86 138 0013 7001", "consent_sms": "yes", "email": "Zhao.Qian@QQ.COM", "consent_email": "yes"}'),
    pg_temp.member(2, '{"phone": "13800137002", "consent_sms": "no"}'),
    pg_temp.member(3, '{"phone": "13800137003"}'),
    pg_temp.member(4, '{"consent_sms": "yes", "member_card": "K4"}'),
    pg_temp.member(5, '{"phone": "13800137005", "consent_sms": "yes"}')]) ->> 'code' AS segment;
SELECT a - 'hashes' AS told, a -> 'hashes' = (SELECT jsonb_agg(h ORDER BY h) FROM (SELECT encode(sha256(v::bytea), 'hex') AS h FROM (VALUES ('+8613800137001'), ('+8613800137005')) x (v)) y) AS are_those
FROM crm.campaign_audience('aud', 'sms', 'summer campaign') a;
SELECT a -> 'hashes' = jsonb_build_array(encode(sha256('zhao.qian@qq.com'), 'hex')) AS mail, a ->> 'no_consent' AS no_consent FROM crm.campaign_audience('aud', 'email', 'summer campaign') a;
-- page by page: the same, each once
SELECT jsonb_array_length(a -> 'hashes') AS first_two, jsonb_array_length(b -> 'hashes') AS the_rest, b -> 'next' AS no_more
FROM crm.campaign_audience('aud', 'sms', 'pages', 0, 2) a CROSS JOIN LATERAL crm.campaign_audience('aud', 'sms', 'pages', (a ->> 'next')::bigint, 5000) b;
-- an opt-out holds before the next one; so does being held out of everything
SELECT crm.outbox_opt_out('sms', '13800137005', 'STOP') IS NOT NULL AS stopped;
SELECT jsonb_array_length(a -> 'hashes') AS one, a ->> 'no_consent' AS no_consent FROM crm.campaign_audience('aud', 'sms', 'after the stop') a;
SELECT crm.campaign_hold_out(50) IS NOT NULL AS half;
SELECT (a ->> 'held_out')::int = (SELECT count(*) FROM crm._segment_members('aud') m WHERE crm._campaign_is_held(m, 50)) AS held_out FROM crm.campaign_audience('aud', 'sms', 'held out') a;
SELECT pg_temp.try($$crm.campaign_audience('none', 'sms', 'x')$$) AS segment, pg_temp.try($$crm.campaign_audience('aud', 'wechat', 'x')$$) AS channel, pg_temp.try($$crm.campaign_audience('aud', 'sms', ' ')$$) AS reason;
SELECT count(*) AS in_the_trail FROM crm.audit WHERE action = 'export' AND object_kind = 'segment';
ROLLBACK;
