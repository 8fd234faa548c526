-- Behaviour and interactions.
CREATE TABLE crm.event_type (
    code text PRIMARY KEY,
    name_zh text NOT NULL,
    name_en text NOT NULL,
    properties jsonb NOT NULL DEFAULT '{}',     -- name -> type
    is_seeded boolean NOT NULL DEFAULT false,
    is_unknown boolean NOT NULL DEFAULT false,  -- seen, never described
    first_seen_at timestamptz);

CREATE TABLE crm.event (
    source_record_id bigint NOT NULL,
    received_at timestamptz NOT NULL,
    event_id bigint NOT NULL,
    source_id int NOT NULL,
    external_id text,
    type text NOT NULL,
    occurred_at timestamptz NOT NULL,
    business_day date NOT NULL,
    store_id int,
    object_id text,
    properties jsonb NOT NULL DEFAULT '{}',
    ignored_reason text,                -- noise rule that marked it
    is_history boolean NOT NULL,
    PRIMARY KEY (source_record_id, received_at, event_id)) PARTITION BY RANGE (received_at);
CREATE TABLE crm.event_default PARTITION OF crm.event DEFAULT;
CREATE INDEX event_record_time ON crm.event (source_record_id, occurred_at);

CREATE TABLE crm.interaction (
    source_record_id bigint NOT NULL,
    interaction_id bigint NOT NULL,
    source_id int NOT NULL,
    external_id text,
    channel text NOT NULL,              -- phone, wechat, sms, store, note ...
    direction text NOT NULL CHECK (direction IN ('in', 'out', 'none')),
    occurred_at timestamptz NOT NULL,
    business_day date NOT NULL,
    store_id int,
    staff_id int,
    body text NOT NULL DEFAULT '',
    outcome text,
    next_on date,
    is_history boolean NOT NULL,
    received_at timestamptz NOT NULL,
    PRIMARY KEY (source_record_id, interaction_id));
CREATE INDEX interaction_next ON crm.interaction (next_on) WHERE next_on IS NOT NULL;

SELECT crm._access_open('crm.event_type');
SELECT crm._access_protect_fact('crm.event');
-- notes are free text and may hold anything: read through functions only
SELECT crm._access_protect_closed('crm.interaction');
