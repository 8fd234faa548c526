-- campaign: a flow fires for many persons at once as if each had come alone: five hundred persons at random, decided both
-- ways under ten circumstances, lead to the same ledger, decisions, coupons, messages and counters.
\set VERBOSITY terse
SET client_min_messages = warning;
SET datestyle = 'ISO';
SET timezone = 'Asia/Shanghai';
BEGIN;
SET LOCAL crm.core_clock = '2026-06-30T12:00:00+08:00';
SELECT set_config('crm.access_claims', '{"actor": "regress", "role": "crm_headquarters", "stores": [], "all": true}', true) <> '' AS claims;
SELECT crm.access_define_region('SET', '区') > 0 AS region, crm.access_define_store('SET1', '一店', 'SET', '上海') > 0 AS store,
       crm.access_define_store('SET2', '二店', 'SET', '伦敦', 'Europe/London') > 0 AS store_at_dawn;
SELECT length(crm.outbox_define_endpoint('set_end', 'http://127.0.0.1:9/', NULL, '{"is_private_allowed": true}')) AS secret_length;
SELECT crm.outbox_set_channel(c, 'set_end') FROM unnest('{sms,wechat}'::text[]) c;
INSERT INTO crm.source (source_id, code, name, kind, created_at) VALUES (9640, 'set_till', '收银', 'pos', '2026-01-01');
SELECT setseed(0.42) IS NOT NULL AS seeded;
-- persons by chance: phones shared or none, consents of all sorts, opt-outs, coupons held, counters near the cap, tiers, merges
CREATE TEMP TABLE one AS
SELECT 9640000 + g AS id, 9650000 + g AS record, (random() * 350)::int AS phone, random() AS reach, random() AS consent, random() AS held, random() AS capped,
       random() AS fired, random() AS tier, random() AS place, random() AS merged FROM generate_series(1, 500) g;
INSERT INTO crm.customer (customer_id, status, merged_into, home_store_id, registered_at, registered_on, updated_at)
SELECT id, CASE WHEN merged < 0.03 AND id > 9640250 THEN 'merged' ELSE 'active' END, CASE WHEN merged < 0.03 AND id > 9640250 THEN id - 250 END,
       (SELECT s.store_id FROM crm.store s WHERE s.code = CASE WHEN place < 0.5 THEN 'SET1' WHEN place < 0.7 THEN 'SET2' END), '2026-01-01', '2026-01-01', '2026-01-01' FROM one;
INSERT INTO crm.customer_private (customer_id, name) SELECT id, '王' || id FROM one WHERE place > 0.1;
INSERT INTO crm.source_record (source_record_id, source_id, kind, external_id, is_history, received_at) SELECT record, 9640, 'member', 'm' || id, false, '2026-01-02' FROM one;
-- some records belonged to somebody else once
INSERT INTO crm.membership (source_record_id, valid_from, valid_to, customer_id) SELECT record, '2026-01-02', '2026-02-02', id - 125 FROM one WHERE merged > 0.97 AND id > 9640250;
INSERT INTO crm.membership (source_record_id, valid_from, customer_id)
SELECT record, '2026-02-02', CASE WHEN merged < 0.03 AND id > 9640250 THEN id - 250 ELSE id END FROM one;
INSERT INTO crm.identifier (kind, value_hash, customer_id, value_sealed, masked, is_blocked, first_seen_at, last_seen_at)
SELECT k, crm._identity_hash(k, '', 'p' || p), NULL, '\x00', '', p % 50 = 7, '2026-01-02', '2026-01-02' FROM generate_series(0, 350) p, unnest('{1,4}'::smallint[]) k;
INSERT INTO crm.record_identifier (source_record_id, kind, value_hash, first_seen_at, last_seen_at, ended_at)
SELECT record, k, crm._identity_hash(k, '', 'p' || phone), '2026-01-02', '2026-01-02', CASE WHEN reach > 0.97 THEN timestamptz '2026-02-01' END
FROM one, unnest('{1,4}'::smallint[]) k WHERE CASE k WHEN 1 THEN reach > 0.1 ELSE reach < 0.3 END;
INSERT INTO crm.consent (source_record_id, channel, occurred_at, consent_id, state, is_history)
SELECT record, c, '2026-01-02'::timestamptz + n * interval '1 day', 9660000000 + record * 10 + n, CASE WHEN consent < 0.15 * n THEN 'no' ELSE 'yes' END, false
FROM one, unnest('{sms,wechat}'::text[]) c, generate_series(1, 2) n WHERE consent < 0.9;
INSERT INTO crm.opt_out (channel, address_hash, at, evidence) SELECT 'sms', crm._identity_hash(1::smallint, '', 'p' || p), '2026-03-01', '' FROM generate_series(0, 350, 37) p;
INSERT INTO crm.customer_value (customer_id, tier, tier_since, order_days, net_minor, last_day, as_of, updated_at)
SELECT id, CASE WHEN tier < 0.1 THEN 'N' ELSE 'B' END, '2026-01-01', 1, 100, CASE WHEN tier > 0.9 THEN date '2026-06-01' ELSE '2026-05-31' END, '2026-06-30', '2026-06-30' FROM one WHERE tier < 0.95;
SELECT count(crm._loyalty_issue(id, CASE WHEN held < 0.05 THEN 'welcome_5' ELSE 'wake_up_90' END, NULL, NULL)) AS held FROM one WHERE held < 0.1;
-- what some have had: a few of them given back, or sent again after that, or perhaps arrived after all; or followed on the next channel
INSERT INTO crm.outbox (customer_id, message_id, channel, endpoint, is_marketing, body, due_at, created_at)
SELECT id, id || '-had', 'sms', 'set_end', true, '{}', timestamptz '2026-06-20' + capped * interval '60 days', timestamptz '2026-06-20' FROM one WHERE capped < 0.15
UNION ALL SELECT id, id || '-next', 'wechat', 'set_end', true, jsonb_build_object('fallback_of', id || '-had', 'is_second', true), timestamptz '2026-06-20' + capped * interval '60 days', '2026-06-20' FROM one WHERE capped BETWEEN 0.06 AND 0.1;
INSERT INTO crm.outbox_event (customer_id, message_id, at, outbox_event_id, kind)
SELECT id, id || '-had', '2026-06-21', 9670000000 + id * 10 + n, kind FROM one, (VALUES (1, 'dead'), (2, 'replayed'), (3, 'unknown'), (4, 'dead')) k (n, kind)
WHERE capped < 0.15 AND CASE WHEN tier < 0.4 THEN n = 1 WHEN tier < 0.6 THEN n < 3 WHEN tier < 0.8 THEN n > 2 END;
ANALYZE crm.customer, crm.customer_private, crm.membership, crm.identifier, crm.record_identifier, crm.consent, crm.customer_value, crm.outbox, crm.outbox_event, crm.coupon;
UPDATE crm.flow SET state = 'active', active_from = '2026-01-01',
    spec = spec || '{"exclude_tiers": ["N"], "goal": "order", "since": "2026-06-29T00:00:00+08:00", "holdout_percent": 10, "cap_messages": 1}' WHERE code = 'silence_30';
INSERT INTO crm.occurrence (customer_id, flow_id, epoch, occurrence_key, fired_at, due_at, arm, outcome, flow_version)
SELECT id, 2, (SELECT epoch FROM crm.flow WHERE flow_id = 2), CASE WHEN fired < 0.05 THEN '2026-05-31' ELSE '2026-03-03' END, '2026-06-01', '2026-06-01',
       CASE WHEN fired < 0.02 THEN 'control' ELSE 'treatment' END, 'sent', 1 FROM one WHERE fired < 0.1;
-- what came of it, without ids that are drawn, per person
CREATE FUNCTION pg_temp.outcome() RETURNS TABLE (id bigint, what text) LANGUAGE sql SET enable_nestloop = off AS $$
    SELECT o.customer_id, concat_ws('|', o.occurrence_key, o.epoch, o.due_at, o.arm, o.outcome, o.message_id, o.flow_version, k.coupon_type, k.value, k.valid_until, k.state,
               m.channel, encode(m.address_hash, 'hex'), replace(m.body::text, coalesce(k.code, '-'), 'CODE'), m.due_at, m.expires_at, m.quiet, q.due_at, q.endpoint,
               d.step, d.result, d.reason, d.reach)
    FROM crm.occurrence o LEFT JOIN crm.coupon k USING (customer_id, coupon_id) LEFT JOIN crm.outbox m USING (customer_id, message_id)
    LEFT JOIN crm.outbox_queue q USING (customer_id, message_id) LEFT JOIN crm.decision d ON d.customer_id = o.customer_id AND d.flow_id = o.flow_id AND d.occurrence_key = o.occurrence_key
    WHERE o.flow_id = 2
    UNION ALL SELECT NULL::bigint, encode(c.cap_key, 'hex') || c.sent_at::text FROM crm.contact_cap c WHERE c.sent_at <> '{}' $$;
CREATE FUNCTION pg_temp.flow(change jsonb) RETURNS crm.flow_row LANGUAGE sql AS $$
    SELECT ROW(f.flow_id, f.code, f.name_zh, f.name_en, f.trigger, f.state, f.active_from, f.epoch, f.version, f.spec || change, f.watermark)::crm.flow_row FROM crm.flow f WHERE f.flow_id = 2 $$;
-- both ways, each undone: what the one has and the other has not
CREATE FUNCTION pg_temp.compare(change jsonb, at timestamptz, late_at timestamptz, apart boolean DEFAULT false, OUT fired bigint, OUT outcomes text, OUT differences bigint, OUT example text) LANGUAGE plpgsql AS $$
DECLARE
    persons bigint[] := ARRAY(SELECT o.id FROM one o JOIN crm.customer c ON c.customer_id = o.id WHERE c.status = 'active'
                              AND NOT (apart AND (EXISTS (SELECT FROM one e WHERE e.phone = o.phone AND e.id < o.id) OR o.merged > 0.97)) ORDER BY o.id);
    named_twice int := CASE WHEN apart THEN 0 ELSE 100 END;
    keys text[] := array_fill('2026-05-31'::text, ARRAY[cardinality(persons)]);
    alone text[];
    together text[];
BEGIN
    PERFORM set_config('crm.core_clock', at::text, true);
    BEGIN
        FOR n IN 1 .. cardinality(persons) LOOP
            PERFORM crm._campaign_fire(pg_temp.flow(change), persons[n], keys[n], crm.core_now(), late_at, 1);
        END LOOP;
        alone := ARRAY(SELECT concat_ws('>', o.id, o.what) FROM pg_temp.outcome() o ORDER BY 1);
        RAISE EXCEPTION 'undone' USING ERRCODE = 'RM999';
    EXCEPTION WHEN SQLSTATE 'RM999' THEN NULL;
    END;
    BEGIN
        -- some are named twice: each key is used once
        fired := crm._campaign_fire_all(pg_temp.flow(change), persons || persons[1:named_twice], keys || keys[1:named_twice], crm.core_now(), late_at, 1);
        together := ARRAY(SELECT concat_ws('>', o.id, o.what) FROM pg_temp.outcome() o ORDER BY 1);
        outcomes := (SELECT string_agg(x.outcome || ' ' || x.n, ', ' ORDER BY x.outcome)
                     FROM (SELECT o.outcome, count(*) AS n FROM crm.occurrence o WHERE o.flow_id = 2 AND o.occurrence_key = '2026-05-31' GROUP BY 1) x);
        RAISE EXCEPTION 'undone' USING ERRCODE = 'RM999';
    EXCEPTION WHEN SQLSTATE 'RM999' THEN NULL;
    END;
    SELECT count(*), min(d.line) INTO differences, example
    FROM ((SELECT unnest(alone) EXCEPT SELECT unnest(together)) UNION ALL (SELECT unnest(together) EXCEPT SELECT unnest(alone))) d (line);
END $$;
SELECT c.* FROM (VALUES
    (1, '{}'::jsonb, timestamptz '2026-06-30T12:00:00+08:00', 'infinity'::timestamptz),     -- day
    (2, '{}', '2026-06-30T22:30:00+08:00', 'infinity'),                                     -- night: held
    (3, '{}', '2026-06-30T22:30:00+08:00', '2026-07-01T00:00:00+08:00'),                    -- night, its day is over
    (4, '{"cap_messages": 2, "coupon_type": null}', '2026-06-30T12:00:00+08:00', 'infinity'),
    (5, '{"shadow": true}', '2026-06-30T12:00:00+08:00', 'infinity'),
    (6, '{"except": {"kind": "value", "field": "tier", "value": ["B"]}}', '2026-06-30T12:00:00+08:00', 'infinity')) v (n, change, at, late_at),
    LATERAL pg_temp.compare(v.change, v.at, v.late_at) c ORDER BY v.n;
SELECT c.* FROM pg_temp.compare('{}', '2026-07-02T12:00:00+08:00', '2026-07-01T00:00:00+08:00') c;
-- where nobody shares an address, counters are not locked before
SELECT c.* FROM (VALUES (1, '{}'::jsonb, timestamptz '2026-06-30T12:00:00+08:00'), (2, '{"cap_messages": 2, "coupon_type": null}', '2026-06-30T22:30:00+08:00'),
    (3, '{"cap_messages": null, "cap_days": null}', '2026-06-30T12:00:00+08:00')) v (n, change, at), LATERAL pg_temp.compare(v.change, v.at, 'infinity', true) c ORDER BY v.n;
-- WeChat allows one a month, which some have had
UPDATE crm.channel SET monthly_cap = 1 WHERE channel = 'wechat';
INSERT INTO crm.outbox (customer_id, message_id, channel, endpoint, is_marketing, body, due_at, created_at)
SELECT id, id || '-set', 'wechat', 'set_end', true, '{}', '2026-06-15', '2026-06-15' FROM one WHERE place < 0.3;
SELECT c.* FROM pg_temp.compare('{}', '2026-06-30T12:00:00+08:00', 'infinity') c;
-- a pool of three codes: three get one, everybody else is told why not, and nothing is undone
SAVEPOINT pool;
SELECT crm.loyalty_define_coupon('set_pool', '{"name_zh": "电影票", "kind": "amount", "value": 20, "is_pooled": true, "pool_low": 1}') ->> 'is_pooled' AS pooled;
SELECT crm.loyalty_load_codes('set_pool', '{SET-0001,SET-0002,SET-0003}') ->> 'free' AS free;
SELECT crm._campaign_fire_all(pg_temp.flow('{"coupon_type": "set_pool", "holdout_percent": 0, "cap_messages": 9}'), ARRAY(SELECT id FROM one WHERE id < 9640250),
                              ARRAY(SELECT '2026-05-31' FROM one WHERE id < 9640250), '2026-06-30T12:00:00+08:00', 'infinity', 1) > 100 AS many;
SELECT o.outcome, d.reason, count(*), count(o.coupon_id) AS coupons FROM crm.occurrence o JOIN crm.decision d USING (customer_id, flow_id, occurrence_key)
WHERE o.flow_id = 2 AND o.occurrence_key = '2026-05-31' AND (d.reason ~ 'pool' OR EXISTS (SELECT FROM crm.coupon k WHERE k.coupon_id = o.coupon_id AND k.coupon_type = 'set_pool')) GROUP BY 1, 2 ORDER BY 1, 2;
SELECT crm._loyalty_pools() IS NOT NULL AS watched;
SELECT count(*) AS open_alerts FROM crm.alert WHERE kind = 'loyalty.pool' AND key = 'set_pool' AND closed_at IS NULL;
ROLLBACK TO pool;
-- plans made while tables are empty are kept as they fill: each table is asked by its key for each person, none is walked for a set
SAVEPOINT empty;
DELETE FROM crm.coupon; DELETE FROM crm.contact_cap; DELETE FROM crm.outbox; DELETE FROM crm.outbox_event;
ANALYZE crm.coupon, crm.contact_cap, crm.outbox, crm.outbox_event;
CREATE TEMP TABLE scan AS SELECT relname, idx_scan FROM pg_stat_xact_user_tables WHERE schemaname = 'crm';
SELECT crm._campaign_fire_all(pg_temp.flow('{}'), ARRAY(SELECT min(id) FROM one WHERE merged BETWEEN 0.03 AND 0.97 GROUP BY phone HAVING count(*) = 1),
                              ARRAY(SELECT '2026-05-31' FROM one WHERE merged BETWEEN 0.03 AND 0.97 GROUP BY phone HAVING count(*) = 1), '2026-06-30T12:00:00+08:00', 'infinity', 1) AS at_once;
SELECT s.relname, s.idx_scan - b.idx_scan >= 40 AS by_key FROM pg_stat_xact_user_tables s JOIN scan b USING (relname)
WHERE s.schemaname = 'crm' AND relname IN ('coupon', 'contact_cap', 'outbox', 'customer', 'customer_value', 'customer_private', 'membership', 'record_identifier', 'consent') ORDER BY relname;
ROLLBACK TO empty;
UPDATE crm.flow SET spec = spec - 'channels' WHERE flow_id = 2;
SELECT c.* FROM pg_temp.compare('{"task": {"title": "call", "body": "", "hours": 4}}', '2026-06-30T12:00:00+08:00', 'infinity') c;
UPDATE crm.flow SET state = 'paused' WHERE flow_id = 2;
SELECT c.* FROM pg_temp.compare('{}', '2026-06-30T12:00:00+08:00', 'infinity') c;
ROLLBACK;
