-- A chain of :persons persons in 36 stores of four regions, written directly: only reading is measured on it. One in twenty has
-- two records; nobody to twelve orders over three years, two lines each, one order in fifty refunded; tiers, scores and their changes,
-- consents, who enrolled whom, notes, tasks, occurrences of five flows, their messages and coupons; and what rooms keep of these by person.
-- Rows lie in the order of ids, as members come.
-- (no temporary table may be called like a type that functions declare: "record" once was)
SET client_min_messages = warning;
SET work_mem = '256MB';
SET synchronous_commit = off;
SELECT crm.access_define_region('R' || r, 'region ' || r) > 0 FROM generate_series(1, 4) r \g /dev/null
SELECT crm.access_define_store('S' || s, 'store ' || s, 'R' || (1 + s % 4)) > 0 FROM generate_series(1, 36) s \g /dev/null
SELECT crm.access_define_staff('M' || s, 'manager ' || s, 'crm_store_manager', ARRAY['store:S' || s], 'm' || s) > 0 FROM generate_series(1, 36) s \g /dev/null
SELECT crm.access_define_staff('C' || s, 'clerk ' || s, 'crm_clerk', ARRAY['store:S' || s], 'c' || s) > 0 FROM generate_series(1, 36) s \g /dev/null
INSERT INTO crm.source (source_id, code, name, kind, created_at) VALUES (9001, 'bench', 'bench', 'pos', '2023-01-01');
CREATE TEMP TABLE place AS SELECT store_id, (row_number() OVER (ORDER BY store_id) - 1)::int AS n FROM crm.store WHERE code LIKE 'S%';

INSERT INTO crm.customer (customer_id, status, name_masked, phone_masked, sex, city, home_store_id, scope_store_ids, registered_at, registered_on, updated_at)
SELECT g, 'active', '王**', '138****' || lpad((g % 10000)::text, 4, '0'), CASE WHEN g % 2 = 0 THEN 'f' ELSE 'm' END, '上海', p.store_id,
       CASE WHEN g % 10 = 0 AND q.store_id <> p.store_id THEN ARRAY[least(p.store_id, q.store_id), greatest(p.store_id, q.store_id)] ELSE ARRAY[p.store_id] END,
       timestamptz '2026-06-29 12:00+08' - (g * 7919 % 1095) * interval '1 day', date '2026-06-29' - (g * 7919 % 1095)::int, '2026-06-29'
FROM generate_series(1::bigint, :persons) g JOIN place p ON p.n = g % 36 JOIN place q ON q.n = g / 36 % 36 ORDER BY g;
INSERT INTO crm.customer_private (customer_id, name, name_search, birthday, birthday_md)
SELECT g, n.name, n.name, date '1970-01-01' + (g % 12000)::int, to_char(date '1970-01-01' + (g % 12000)::int, 'MMDD')::smallint
FROM generate_series(1::bigint, :persons) g, LATERAL (SELECT chr(19968 + abs(hashint8(g)) % 500) || chr(20468 + abs(hashint8(g * 3)) % 3000) || chr(20468 + abs(hashint8(g * 5)) % 3000) AS name) n;
CREATE TEMP TABLE held AS SELECT 10000000000 + r AS id, CASE WHEN r > :persons THEN (r - :persons) * 20 ELSE r END AS person FROM generate_series(1::bigint, :persons + :persons / 20) r;
INSERT INTO crm.source_record (source_record_id, source_id, kind, external_id, store_id, registered_at, registered_on, is_history, received_at)
SELECT r.id, 9001, 'member', 'B' || r.id, c.home_store_id, c.registered_at, c.registered_on, false, c.registered_at FROM held r JOIN crm.customer c ON c.customer_id = r.person;
INSERT INTO crm.membership (source_record_id, valid_from, customer_id) SELECT id, '2023-06-01', person FROM held;
INSERT INTO crm.identifier (kind, value_hash, customer_id, masked, tail_hash, record_count, first_seen_at, last_seen_at, value_sealed)
SELECT 1, crm._identity_hash(1::smallint, '', '+86138' || lpad(r.person::text, 8, '0')), r.person, '138****' || lpad((r.person % 10000)::text, 4, '0'),
       crm._identity_tail_hash(lpad((r.person % 10000)::text, 4, '0')), 1, '2026-01-01', '2026-01-01',
       CASE WHEN r.person % 5 <> 0 THEN '\x01'::bytea END FROM held r WHERE r.id <= 10000000000 + :persons;
INSERT INTO crm.endpoint (endpoint, url, secret_sealed, is_active) SELECT c, 'https://receiver.invalid/' || c, '\x00', true FROM unnest('{sms,wechat}'::text[]) c;
UPDATE crm.channel SET endpoint = channel WHERE channel IN ('sms', 'wechat');
INSERT INTO crm.record_identifier (source_record_id, kind, value_hash, first_seen_at, last_seen_at)
SELECT 10000000000 + i.customer_id, 1, i.value_hash, '2026-01-01', '2026-01-01' FROM crm.identifier i WHERE i.kind = 1;

INSERT INTO crm.product_category (category_id, code, name) SELECT 800000 + g, 'bc' || g, 'bc' || g FROM generate_series(0, 39) g;
INSERT INTO crm.product (product_id, code, name, category_id, updated_at) SELECT 1000000 + g, 'bp' || g, 'bp' || g, 800000 + g % 40, '2026-01-01' FROM generate_series(0, 1999) g;
CREATE TEMP TABLE bought AS
SELECT r.id AS record, r.id * 100 + k AS id, s.store_id, o.day, ((500 + abs(hashint8(r.id * 31 + k)) % 30000) / 100.0)::numeric(12, 2) AS amount, abs(hashint8(r.id * 7 + k)) AS h
FROM held r JOIN crm.customer c ON c.customer_id = r.person, generate_series(1, abs(hashint8(r.id)) % 13) k,
     LATERAL (SELECT c.registered_on + (abs(hashint8(r.id * 1000 + k)) % (date '2026-06-30' - c.registered_on))::int AS day) o,
     LATERAL (SELECT CASE WHEN abs(hashint8(r.id * 11 + k)) % 10 = 0 THEN c.scope_store_ids[cardinality(c.scope_store_ids)] ELSE c.home_store_id END AS store_id) s;
INSERT INTO crm.customer_order (source_record_id, order_id, source_id, external_id, store_id, status, ordered_at, paid_at, business_day, amount, line_count, is_history, received_at)
SELECT record, id, 9001, 'O' || id, store_id, 'paid', day + time '04:00', day + time '04:00', day, amount, 2, false, day + time '04:00' FROM bought;
INSERT INTO crm.order_item (source_record_id, order_id, line_no, product_id, quantity, unit_price, amount)
SELECT b.record, b.id, l, 1000000 + (b.h / l) % 2000, 1, round(b.amount / 2, 2), round(b.amount / 2, 2) FROM bought b, generate_series(1, 2) l;
INSERT INTO crm.refund (source_record_id, refund_id, source_id, external_id, order_id, amount, refunded_at, refunded_on, purchase_day, store_id, is_history, received_at)
SELECT record, id, 9001, 'R' || id, id, amount, day + 3, day + 3, day, store_id, false, day + 3 FROM bought WHERE h % 50 = 0;
INSERT INTO crm.purchase_chunk (source_record_id, from_day, history)
SELECT record, '-infinity', crm.purchase_history(array_agg(day ORDER BY day, known), array_agg(known ORDER BY day, known), array_agg(minor ORDER BY day, known))
FROM (SELECT record, day, day AS known, (amount * 100)::bigint AS minor FROM bought UNION ALL SELECT record, day, day + 3, (-amount * 100)::bigint FROM bought WHERE h % 50 = 0) e GROUP BY record;
ANALYZE crm.membership, crm.purchase_chunk, crm.customer, crm.customer_order, crm.order_item;
INSERT INTO crm.customer_value (customer_id, tier, tier_since, next_change_on, look_on, order_days, net_minor, first_day, last_day, r, f, m, as_of, updated_at)
SELECT x.customer_id, (x.s).tier, date '2026-06-30' - (x.customer_id % 300)::int, (x.s).next_change_on, (x.s).next_change_on, (x.s).order_days, (x.s).net_minor, (x.s).first_day, (x.s).last_day,
       CASE WHEN (x.s).order_days > 0 THEN 1 + x.customer_id % 5 END, CASE WHEN (x.s).order_days > 0 THEN least((x.s).order_days, 5) END,
       CASE WHEN (x.s).order_days > 0 THEN 1 + x.customer_id / 5 % 5 END, '2026-06-30', crm.core_now()
FROM (SELECT m.customer_id, crm._value_state(crm._value_rules('retail_sabc'), 2, crm.purchase_combine(p.history), '2026-06-30') AS s
      FROM crm.membership m LEFT JOIN crm.purchase_chunk p ON p.source_record_id = m.source_record_id GROUP BY m.customer_id OFFSET 0) x ORDER BY x.customer_id;
SELECT crm._value_list(array_agg(v.look_on), array_agg(v.customer_id)) FROM crm.customer_value v;
INSERT INTO crm.value_history (customer_id, chunk_no, is_whole, history)
SELECT w.customer_id, generate_subscripts(w.whole, 1), cardinality(w.whole) = 1, unnest(w.whole)
FROM (SELECT m.customer_id, crm._purchase_whole(crm.purchase_combine(p.history)) AS whole
      FROM crm.membership m JOIN crm.purchase_chunk p ON p.source_record_id = m.source_record_id GROUP BY 1 ORDER BY 1) w;
SELECT crm._purchase_lines_rebuild() > 0 AS lines_packed;
INSERT INTO crm.tier_change (customer_id, change_id, tier_set, from_tier, to_tier, changed_on, changed_at, cause)
SELECT v.customer_id, v.customer_id * 10 + k, 'retail_sabc', (ARRAY['N', 'B', 'D', 'A'])[k], v.tier, v.tier_since - 60 * (3 - k), v.tier_since - 60 * (3 - k), 'age'
FROM crm.customer_value v, generate_series(1, 3) k WHERE v.order_days >= k;

INSERT INTO crm.consent (source_record_id, channel, occurred_at, consent_id, state, is_history)
SELECT id, 'sms', '2026-01-01', id, CASE WHEN id % 5 = 0 THEN 'no' ELSE 'yes' END, false FROM held;
SELECT count(crm._outbox_keep_consents(p.ids)) > 0 FROM (SELECT array_agg(c.customer_id) AS ids FROM crm.customer c GROUP BY c.customer_id / 20000) p \g /dev/null
INSERT INTO crm.member_enrolment (source_record_id, store_id, staff_id, way, enrolled_at)
SELECT r.id, c.home_store_id, s.staff_id, 'counter', c.registered_at
FROM held r JOIN crm.customer c ON c.customer_id = r.person JOIN crm.store t ON t.store_id = c.home_store_id JOIN crm.staff s ON s.code = replace(t.code, 'S', 'C') WHERE r.id % 2 = 0;
INSERT INTO crm.interaction (source_record_id, interaction_id, source_id, channel, direction, occurred_at, business_day, store_id, staff_id, body, is_history, received_at)
SELECT r.id, r.id, 9001, 'phone', 'out', '2026-06-01', '2026-06-01', c.home_store_id, (SELECT min(s.staff_id) FROM crm.staff s), 'note', false, '2026-06-01'
FROM held r JOIN crm.customer c ON c.customer_id = r.person WHERE r.id % 10 = 0;
INSERT INTO crm.task (customer_id, task_id, task_key, kind, title, store_id, role, due_at, state, created_at)
SELECT c.customer_id, c.customer_id, 'hand:' || c.customer_id, CASE WHEN c.customer_id % 200 = 0 THEN 'follow_up' ELSE 'flow' END, 'call', c.home_store_id, 'crm_clerk',
       timestamptz '2026-06-30 10:00+08' + (c.customer_id % 14 - 10) * interval '1 day', CASE WHEN c.customer_id % 14 < 9 THEN 'done' ELSE 'open' END, '2026-06-01'
FROM crm.customer c WHERE c.customer_id % 100 = 0;
-- what fires and is issued comes in the order of time
INSERT INTO crm.occurrence (customer_id, flow_id, epoch, occurrence_key, fired_at, due_at, arm, outcome, message_id, coupon_id, flow_version)
SELECT c.customer_id, f.flow_id, 1, f.n::text, timestamptz '2026-06-29' - (c.customer_id * f.n % 360) * interval '1 day', '2026-06-01', CASE WHEN c.customer_id % 10 = f.n THEN 'control' ELSE 'treatment' END,
       'sent', CASE WHEN c.customer_id % 10 <> f.n THEN 'm' || c.customer_id || '.' || f.n END, CASE WHEN c.customer_id % 2 = 0 THEN c.customer_id * 10 + f.flow_id % 10 END, 1
FROM crm.customer c, (SELECT x.flow_id, row_number() OVER (ORDER BY x.flow_id) AS n FROM crm.flow x LIMIT 5) f WHERE (c.customer_id + f.n) % 3 = 0 ORDER BY 5;
INSERT INTO crm.outbox (customer_id, message_id, channel, endpoint, flow_id, occurrence_key, is_marketing, body, due_at, created_at)
SELECT q.customer_id, q.message_id, 'sms', 'sms', q.flow_id, q.occurrence_key, true, '{}', q.fired_at, q.fired_at FROM crm.occurrence q WHERE q.message_id IS NOT NULL;
INSERT INTO crm.outbox_event (customer_id, message_id, at, outbox_event_id, kind, attempt)
SELECT m.customer_id, m.message_id, m.created_at, row_number() OVER () * 10, 'sent', 1 FROM crm.outbox m
UNION ALL SELECT m.customer_id, m.message_id, m.created_at, row_number() OVER () * 10 + 1, 'delivered', NULL FROM crm.outbox m WHERE m.customer_id % 10 <> 4
UNION ALL SELECT m.customer_id, m.message_id, m.created_at + interval '1 hour', row_number() OVER () * 10 + 2, 'clicked', NULL FROM crm.outbox m WHERE m.customer_id % 20 = 7;
INSERT INTO crm.coupon (customer_id, coupon_id, code, coupon_type, flow_id, value, state, issued_at, valid_until, redeemed_at)
SELECT q.customer_id, q.customer_id * 10 + q.flow_id % 10, 'k' || q.customer_id || '.' || q.flow_id, (SELECT min(t.coupon_type) FROM crm.coupon_type t), q.flow_id, 5,
       CASE WHEN q.customer_id % 7 = 0 THEN 'redeemed' ELSE 'issued' END, q.fired_at, q.fired_at + interval '30 days', CASE WHEN q.customer_id % 7 = 0 THEN q.fired_at + interval '3 days' END
FROM crm.occurrence q WHERE q.customer_id % 2 = 0 ORDER BY q.fired_at;
SELECT crm.report_rebuild() AS persons_kept;
-- a transaction each, as the worker has them: what a call wrote anew is room for the next
DO $$ BEGIN WHILE crm._report_flows_job() > 0 LOOP COMMIT; END LOOP; WHILE crm._report_indicators_job() > 0 LOOP COMMIT; END LOOP;
      WHILE crm._report_answers_job() > 0 LOOP COMMIT; END LOOP; WHILE crm._report_groups_job() > 0 LOOP COMMIT; END LOOP;
      WHILE crm._report_entered_job() > 0 LOOP COMMIT; END LOOP; WHILE crm._campaign_results_job() > 0 LOOP COMMIT; END LOOP; END $$;
SELECT crm._segment_put('bench', 'bench', 'bench', 'living', '{"kind": "value", "field": "tier", "value": ["S"]}') IS NOT NULL, crm._segment_refresh() >= 0;
VACUUM (FREEZE, ANALYZE);
