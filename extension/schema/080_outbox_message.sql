-- Consent, channels, messages, attempts.
CREATE TABLE crm.channel (
    channel text PRIMARY KEY,           -- sms, wechat, email, webhook
    name_zh text NOT NULL,
    name_en text NOT NULL,
    identifier_kind smallint,           -- what reaches a person: phone, openid ...
    endpoint text);                     -- crm.endpoint that carries it
CREATE TABLE crm.endpoint (
    endpoint text PRIMARY KEY,
    url text NOT NULL,
    secret_sealed bytea NOT NULL,       -- purpose 'endpoint': whsec_...
    next_secret_sealed bytea,           -- rotation: both sign
    is_active boolean NOT NULL,
    is_private_allowed boolean NOT NULL DEFAULT false,  -- may resolve to private or loopback addresses
    timeout_ms int NOT NULL DEFAULT 15000,
    max_concurrency int NOT NULL DEFAULT 8,
    broken_until timestamptz,           -- circuit breaker
    failures int NOT NULL DEFAULT 0);
CREATE TABLE crm.template (
    template text NOT NULL,
    channel text NOT NULL REFERENCES crm.channel,
    language text NOT NULL DEFAULT 'zh-CN',
    body text NOT NULL,                 -- {{name}} {{coupon_code}} {{coupon_value}} {{valid_until}}
    PRIMARY KEY (template, channel, language));

-- Consent is a fact of a record; the person's state is the strictest of the newest per record.
CREATE TABLE crm.consent (
    source_record_id bigint NOT NULL,
    channel text NOT NULL,
    occurred_at timestamptz NOT NULL,
    consent_id bigint NOT NULL,
    state text NOT NULL CHECK (state IN ('yes', 'no')),
    evidence text NOT NULL DEFAULT '',
    is_history boolean NOT NULL,
    PRIMARY KEY (source_record_id, channel, occurred_at, consent_id));
-- An address that said stop, whoever owns it.
CREATE TABLE crm.opt_out (
    channel text NOT NULL,
    address_hash bytea NOT NULL,
    at timestamptz NOT NULL,
    evidence text NOT NULL,
    PRIMARY KEY (channel, address_hash));

-- A message as decided, never changed. message_id = customer id '-' HMAC(flow, epoch, customer, key) in hex.
CREATE TABLE crm.outbox (
    customer_id bigint NOT NULL,
    message_id text NOT NULL,
    channel text NOT NULL,
    endpoint text NOT NULL,
    flow_id int,
    occurrence_key text,
    is_marketing boolean NOT NULL,
    address_hash bytea,
    body jsonb NOT NULL,                -- rendered; the address is added, in clear, when it leaves
    due_at timestamptz NOT NULL,
    expires_at timestamptz,
    created_at timestamptz NOT NULL,
    quiet jsonb,                        -- hours in which it must not leave, however late it got: {"from", "to", "zone"}
    PRIMARY KEY (customer_id, message_id));
-- The queue: a row while a message is to be sent. Small and hot.
CREATE TABLE crm.outbox_queue (
    customer_id bigint NOT NULL,
    message_id text NOT NULL,
    endpoint text NOT NULL,
    due_at timestamptz NOT NULL,        -- infinity: its flow is paused
    attempt int NOT NULL DEFAULT 0,
    lease_until timestamptz,            -- committed before the request leaves
    leased_by int,
    PRIMARY KEY (customer_id, message_id)) WITH (fillfactor = 50);
-- leases are in no index, and each page has room for them: taking one touches no index
CREATE INDEX outbox_queue_due ON crm.outbox_queue (endpoint, due_at, customer_id);
-- What happened to a message, appended: of each attempt sent, failed, gone, unknown or refused, lost when its process ended before; dead, replayed, cancelled;
-- delivered, undelivered, opened, clicked as receipts say.
CREATE TABLE crm.outbox_event (
    customer_id bigint NOT NULL,
    message_id text NOT NULL,
    at timestamptz NOT NULL,
    outbox_event_id bigint NOT NULL,
    kind text NOT NULL,
    attempt int,
    http_status int,
    detail text,
    PRIMARY KEY (customer_id, message_id, outbox_event_id));
CREATE TABLE crm.dead_letter (
    customer_id bigint NOT NULL,
    message_id text NOT NULL,
    at timestamptz NOT NULL,
    reason text NOT NULL,
    replayed_at timestamptz,
    PRIMARY KEY (customer_id, message_id));
-- What an address has had, whoever holds it; what a person has had is counted in the outbox.
CREATE TABLE crm.contact_cap (
    cap_key bytea PRIMARY KEY,          -- channel and address hash
    sent_at timestamptz[] NOT NULL DEFAULT '{}');   -- reservations and sends of the last 31 days
-- Sending after a new timeline waits for a person.
CREATE TABLE crm.sending_state (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    timeline int NOT NULL,
    system_id text NOT NULL,
    paused_reason text,
    paused_at timestamptz);

SELECT crm._access_open('crm.channel', 'crm.template');
-- bodies are rendered with clear names: read through functions only
SELECT crm._access_protect_closed('crm.endpoint', 'crm.consent', 'crm.opt_out', 'crm.outbox', 'crm.outbox_queue',
    'crm.contact_cap');
SELECT crm._access_protect_person('crm.outbox_event');
SELECT crm._access_protect_person('crm.dead_letter');
