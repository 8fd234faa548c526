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
-- two or three lines an order, of two thousand products in forty categories, the first ones bought most
INSERT INTO crm.product_category (category_id, code, name) SELECT 800000 + g, 'bc' || g, 'bc' || g FROM generate_series(0, 39) g;
INSERT INTO crm.product (product_id, code, name, category_id, updated_at) SELECT 1000000 + g, 'bp' || g, 'bp' || g, 800000 + g % 40, '2026-01-01' FROM generate_series(0, 1999) g;
-- each order in one of forty stores, half of a person's in the same, every fifth online, between nine and twenty-one
INSERT INTO crm.region (region_id, code, name) VALUES (800000, 'br', 'br');
INSERT INTO crm.store (store_id, region_id, code, name, time_zone) SELECT 800000 + g, 800000, 'bs' || g, 'bs' || g, 'Asia/Shanghai' FROM generate_series(0, 39) g;
SELECT crm._purchase_channel_id('store') AS in_store, crm._purchase_channel_id('online') AS online \gset
INSERT INTO crm.purchase_line_chunk (source_record_id, from_day, from_key, lines) SELECT 10000000000 + r, '-infinity', '', '\x0200' FROM generate_series(1, :persons + :persons / 20) r;
SELECT count(crm._purchase_lines_add(x.records, x.days, x.moments, x.stores, x.channels, x.products, x.lines, x.quantities, x.amounts)) AS records_with_lines
FROM (SELECT array_agg(p.source_record_id) AS records, array_agg(e.day) AS days, array_agg((e.day + time '09:00' + o.bought % 43200 * interval '1 second') AT TIME ZONE 'Asia/Shanghai') AS moments,
             array_agg(800000 + (CASE WHEN o.bought % 2 = 0 THEN p.source_record_id ELSE o.bought / 7 END % 40)::int) AS stores, array_agg(CASE WHEN o.bought % 5 = 0 THEN :online ELSE :in_store END) AS channels,
             array_agg(1000000 + h % 2000 * (h / 2000 % 100) / 100) AS products,
             array_agg(1) AS lines, array_agg(1000000::bigint) AS quantities, array_agg(e.amount_minor / 2) AS amounts
      FROM crm.purchase_chunk p CROSS JOIN crm.purchase_entries(p.history) e
           CROSS JOIN LATERAL (SELECT abs(hashint8(p.source_record_id * 10000 + (e.day - date '2000-01-01') * 7)) AS bought) o
           CROSS JOIN generate_series(1, 2 + (p.source_record_id + (e.day - date '2000-01-01')) % 2) l
           CROSS JOIN LATERAL (SELECT abs(hashint8(p.source_record_id * 10000 + (e.day - date '2000-01-01') * 5 + l)) AS h) h
      GROUP BY p.source_record_id) x;
VACUUM ANALYZE crm.purchase_line_chunk;
ANALYZE crm.customer, crm.membership, crm.purchase_chunk, crm.consent;
SET work_mem = '256MB';
INSERT INTO crm.customer_value (customer_id, tier, tier_since, next_change_on, look_on, order_days, net_minor, first_day, last_day, as_of, updated_at)
SELECT x.customer_id, (x.s).tier, '2026-06-30', (x.s).next_change_on, (x.s).next_change_on, (x.s).order_days, (x.s).net_minor, (x.s).first_day, (x.s).last_day, '2026-06-30', crm.core_now()
FROM (SELECT m.customer_id, crm._value_state(crm._value_rules('retail_sabc'), 2, crm.purchase_combine(p.history), '2026-06-30') AS s
      FROM crm.membership m JOIN crm.purchase_chunk p ON p.source_record_id = m.source_record_id GROUP BY m.customer_id OFFSET 0) x;
SELECT crm._value_list(array_agg(v.look_on), array_agg(v.customer_id)) FROM crm.customer_value v;
ANALYZE crm.customer_value;
INSERT INTO crm.value_history (customer_id, chunk_no, is_whole, history)
SELECT w.customer_id, generate_subscripts(w.whole, 1), cardinality(w.whole) = 1, unnest(w.whole)
FROM (SELECT m.customer_id, crm._purchase_whole(crm.purchase_combine(p.history)) AS whole
      FROM crm.membership m JOIN crm.purchase_chunk p ON p.source_record_id = m.source_record_id GROUP BY 1 OFFSET 0) w;
VACUUM ANALYZE crm.value_history;
SELECT count(crm._outbox_keep_consents(p.ids)) AS pieces
FROM (SELECT array_agg(c.customer_id) AS ids FROM crm.customer c GROUP BY c.customer_id / 20000) p;
VACUUM ANALYZE crm.person_consent;
