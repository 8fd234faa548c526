-- :persons members with a phone and a consent, tier B; the endpoint at :url carries text messages.
SET client_min_messages = warning;
SELECT count(crm.outbox_define_endpoint('bench', :'url', :'secret', '{"is_private_allowed": true, "max_concurrency": 64}'));
SELECT crm.outbox_set_channel('sms', 'bench');
INSERT INTO crm.source (source_id, code, name, kind, created_at) VALUES (9800, 'bench', 'bench', 'pos', '2025-01-01');
INSERT INTO crm.customer (customer_id, status, registered_at, registered_on, updated_at)
SELECT g, 'active', '2025-01-01', '2025-01-01', '2025-01-01' FROM generate_series(1, :persons) g;
INSERT INTO crm.customer_private (customer_id, name, birthday_md) SELECT g, '王' || g, 100 * (1 + g % 12) + 1 + g % 28 FROM generate_series(1, :persons) g;
INSERT INTO crm.source_record (source_record_id, source_id, kind, external_id, is_history, registered_at, received_at)
SELECT 10000000 + g, 9800, 'member', 'm' || g, true, '2025-01-01', '2025-01-02' FROM generate_series(1, :persons) g;
INSERT INTO crm.membership (source_record_id, valid_from, customer_id) SELECT 10000000 + g, '2025-01-02', g FROM generate_series(1, :persons) g;
INSERT INTO crm.identifier (kind, value_hash, customer_id, value_sealed, masked, first_seen_at, last_seen_at)
SELECT 1, crm._identity_hash(1::smallint, '', '+86139' || lpad(g::text, 8, '0')), g, crm._encrypt('phone', '+86139' || lpad(g::text, 8, '0')), '', '2025-01-02', '2025-01-02'
FROM generate_series(1, :persons) g;
INSERT INTO crm.record_identifier (source_record_id, kind, value_hash, first_seen_at, last_seen_at)
SELECT 10000000 + i.customer_id, 1, i.value_hash, '2025-01-02', '2025-01-02' FROM crm.identifier i WHERE i.customer_id <= :persons;
INSERT INTO crm.consent (source_record_id, channel, occurred_at, consent_id, state, is_history)
SELECT 10000000 + g, 'sms', '2025-01-02', 20000000 + g, 'yes', true FROM generate_series(1, :persons) g;
INSERT INTO crm.customer_value (customer_id, tier, tier_since, order_days, net_minor, first_day, last_day, as_of, updated_at)
SELECT g, 'B', '2026-01-01', 2, 10000, '2025-02-01', crm._campaign_today() - 30, crm._campaign_today(), crm.core_now()
FROM generate_series(1, :persons) g;
SELECT setval('crm.id_seq', 100000000) > 0 AS ids_go_on_from_here;
ANALYZE crm.customer, crm.customer_private, crm.membership, crm.identifier, crm.record_identifier, crm.consent, crm.customer_value;
