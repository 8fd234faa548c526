-- :persons members, one in twenty with two records, twelve orders each over three years, tiers, consents.
SET client_min_messages = warning;
SET crm.core_clock = '2026-06-30T12:00:00+08:00';
INSERT INTO crm.customer (customer_id, status, name_masked, sex, city, registered_at, registered_on, updated_at)
SELECT g, 'active', '王*', CASE WHEN g % 2 = 0 THEN 'f' ELSE 'm' END, '上海', '2023-07-01', '2023-07-01', '2026-01-01' FROM generate_series(1, :persons) g;
INSERT INTO crm.membership (source_record_id, valid_from, customer_id)
SELECT 10000000000 + r, '2023-07-01', CASE WHEN r > :persons THEN (r - :persons) * 20 ELSE r END FROM generate_series(1, :persons + :persons / 20) r;
INSERT INTO crm.purchase_chunk (source_record_id, from_day, history)
SELECT 10000000000 + r, '-infinity',
       crm.purchase_history(array_agg(d ORDER BY d), array_agg(d ORDER BY d), array_agg((500 + abs(hashint8(r * 31 + k)) % 30000)::bigint))
FROM generate_series(1, :persons + :persons / 20) r,
     LATERAL (SELECT k, date '2026-06-30' - (abs(hashint8(r * 1000 + k)) % 1096) AS d
              FROM generate_series(1, 1 + abs(hashint8(r)) % 22) k) o
GROUP BY r;
INSERT INTO crm.consent (source_record_id, channel, occurred_at, consent_id, state, is_history)
SELECT 10000000000 + r, 'sms', timestamptz '2024-01-01' + r % 700 * interval '1 day', 20000000000 + r, CASE WHEN r % 5 = 0 THEN 'no' ELSE 'yes' END, false
FROM generate_series(1, :persons + :persons / 20) r;
ANALYZE crm.customer, crm.membership, crm.purchase_chunk, crm.consent;
SET work_mem = '256MB';
INSERT INTO crm.customer_value (customer_id, tier, tier_since, next_change_on, order_days, net_minor, first_day, last_day, as_of, updated_at)
SELECT x.customer_id, (x.s).tier, '2026-06-30', (x.s).next_change_on, (x.s).order_days, (x.s).net_minor, (x.s).first_day, (x.s).last_day, '2026-06-30', crm.core_now()
FROM (SELECT m.customer_id, crm._value_state(crm._value_rules('retail_sabc'), 2, crm.purchase_combine(p.history), '2026-06-30') AS s
      FROM crm.membership m JOIN crm.purchase_chunk p ON p.source_record_id = m.source_record_id GROUP BY m.customer_id OFFSET 0) x;
ANALYZE crm.customer_value;
