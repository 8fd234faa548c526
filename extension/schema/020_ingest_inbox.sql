-- Sources, mappings, the raw inbox and what became of it.
CREATE TABLE crm.source (
    source_id int PRIMARY KEY,
    code text NOT NULL UNIQUE,
    name text NOT NULL,
    kind text NOT NULL,                 -- pos, mini_program, shop_platform, official_account, wecom, spreadsheet, api, pull
    time_zone text NOT NULL DEFAULT 'Asia/Shanghai',
    currency char(3) NOT NULL DEFAULT 'CNY',
    channel text NOT NULL DEFAULT '',   -- default channel of its facts
    priority int NOT NULL DEFAULT 100,  -- survivorship: lower wins
    is_one_record_per_person boolean NOT NULL DEFAULT false,
    is_one_card_per_person boolean NOT NULL DEFAULT false,  -- two member cards of it are two persons
    verified_fields text[] NOT NULL DEFAULT '{}',           -- what it has checked: name, phone, birthday ...
    is_sandbox boolean NOT NULL DEFAULT false,
    is_active boolean NOT NULL DEFAULT true,
    signing_secret bytea,               -- encrypted (purpose 'signing'); set: unsigned webhooks are refused
    raw_retention_days int NOT NULL DEFAULT 400,
    last_received_at timestamptz,       -- kept by the worker, every minute
    created_at timestamptz NOT NULL);

CREATE TABLE crm.mapping (
    source_id int NOT NULL REFERENCES crm.source,
    entity text NOT NULL,
    version int NOT NULL,
    spec jsonb NOT NULL,                -- doc/rooms/ingest.md
    is_current boolean NOT NULL,
    created_by text NOT NULL,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (source_id, entity, version));
CREATE UNIQUE INDEX mapping_current ON crm.mapping (source_id, entity) WHERE is_current;

CREATE TABLE crm.custom_field (
    entity text NOT NULL,
    code text NOT NULL,
    name_zh text NOT NULL,
    name_en text NOT NULL,
    type text NOT NULL CHECK (type IN ('text', 'number', 'date', 'bool', 'option', 'multi_option')),
    options jsonb,
    is_derived boolean NOT NULL DEFAULT false,  -- computed, refuses input
    is_sensitive boolean NOT NULL DEFAULT false,
    PRIMARY KEY (entity, code));

-- Append-only, byte for byte, written first. Bulk: chunks of at most 256 kB that end at a line's end.
CREATE TABLE crm.inbox (
    received_at timestamptz NOT NULL,
    inbox_id bigint NOT NULL,
    source_id int NOT NULL,
    entity text NOT NULL,
    batch_id bigint,                    -- null: a single call
    chunk_no int,
    first_line int NOT NULL DEFAULT 1,
    line_count int NOT NULL DEFAULT 1,
    idempotency_key text,
    external_id text,                   -- of a single call, as far as it could be read
    payload bytea NOT NULL,
    PRIMARY KEY (received_at, inbox_id)) PARTITION BY RANGE (received_at);
ALTER TABLE crm.inbox ALTER payload SET STORAGE EXTERNAL;
CREATE TABLE crm.inbox_default PARTITION OF crm.inbox DEFAULT;
CREATE INDEX inbox_batch ON crm.inbox (batch_id, chunk_no) WHERE batch_id IS NOT NULL;
CREATE INDEX inbox_source ON crm.inbox (source_id, received_at) WHERE batch_id IS NULL;
CREATE INDEX inbox_external ON crm.inbox (external_id, source_id) WHERE external_id IS NOT NULL;
CREATE INDEX inbox_key ON crm.inbox (source_id, idempotency_key) WHERE idempotency_key IS NOT NULL;

CREATE TABLE crm.batch (
    batch_id bigint PRIMARY KEY,
    source_id int NOT NULL REFERENCES crm.source,
    entity text NOT NULL,               -- order_line: orders in CSV, a row a line
    format text NOT NULL CHECK (format IN ('csv', 'ndjson')),
    encoding text NOT NULL CHECK (encoding IN ('utf8', 'gbk')),
    mapping_version int,
    is_history boolean NOT NULL,        -- loading history fires nothing
    is_lenient boolean NOT NULL,        -- accept the good lines, reject the others
    is_dry_run boolean NOT NULL,        -- stops before 'accepted' until someone confirms
    state text NOT NULL CHECK (state IN ('receiving', 'validating', 'invalid', 'awaiting_confirmation',
                                         'accepted', 'applying', 'done', 'aborted')),
    has_header boolean NOT NULL DEFAULT false,
    header text,                        -- the first record, in UTF-8
    first_chunk int,
    chunk_count int NOT NULL DEFAULT 0,
    line_count bigint NOT NULL DEFAULT 0,   -- records; lines of the file until it has been read
    byte_count bigint NOT NULL DEFAULT 0,
    -- where reading its lines goes on, and the turn by which batches that are read share the worker
    next_chunk int NOT NULL DEFAULT 0,  -- from 0, whatever the sender began with
    next_at int NOT NULL DEFAULT 0,
    next_line int NOT NULL DEFAULT 1,
    turn bigint NOT NULL DEFAULT 0,
    counts jsonb NOT NULL DEFAULT '{}',     -- facts, errors; created, updated, unchanged, rejected ...
    is_by_person boolean NOT NULL DEFAULT false,    -- its lanes: by person, else by number
    line_kinds jsonb NOT NULL DEFAULT '{}', -- lines of orders without fault: sale, cancellation, adjustment; without_person of all of these
    created_by text NOT NULL,
    created_at timestamptz NOT NULL,    -- received_at of its chunks
    finished_at timestamptz);
CREATE INDEX batch_open ON crm.batch (state) WHERE state NOT IN ('done', 'aborted', 'invalid');

-- Two processes share a batch by lanes: each reads all lines and takes those of its own persons, so that
-- neither waits for the other.  Where a lane goes on changes in the commit of what it stored.
CREATE TABLE crm.batch_lane (
    batch_id bigint NOT NULL REFERENCES crm.batch,
    lane_no smallint NOT NULL,          -- from 0
    lane_count smallint NOT NULL,       -- 0: the orders whose lines lie apart, when the other lanes are done
    next_chunk int NOT NULL DEFAULT 0,
    next_at int NOT NULL DEFAULT 0,
    next_line int NOT NULL DEFAULT 1,
    gathered int NOT NULL DEFAULT 0,    -- of the orders whose lines lie apart, applied so far
    turn bigint NOT NULL,               -- by which open batches share the processes
    pieces int NOT NULL DEFAULT 0,
    piece_facts int NOT NULL DEFAULT 1000,
    counts jsonb NOT NULL DEFAULT '{}', -- what became of its facts; added to the batch's when it is done
    is_done boolean NOT NULL DEFAULT false,
    attempts int NOT NULL DEFAULT 0,
    next_attempt_at timestamptz,
    last_error text,
    PRIMARY KEY (batch_id, lane_no));

-- Where the orders of a CSV chunk begin: a run is neighbouring lines with one number; of members and events, each that has a number.
CREATE TABLE crm.batch_chunk (
    batch_id bigint NOT NULL REFERENCES crm.batch,
    chunk_no int NOT NULL,              -- from 0
    run_ids bigint[] NOT NULL,          -- hashes of the numbers
    run_starts int[] NOT NULL,          -- bytes
    run_ends int[] NOT NULL,
    run_lines int[] NOT NULL,           -- line numbers of the batch
    PRIMARY KEY (batch_id, chunk_no));
-- Orders that come in several runs, in a fixed order: applied last, their runs side by side.
CREATE TABLE crm.batch_apart (
    batch_id bigint PRIMARY KEY REFERENCES crm.batch,
    run_ids bigint[] NOT NULL);
-- What is wrong with lines of a batch, found before it was accepted; the first ones.
CREATE TABLE crm.batch_error (
    batch_id bigint NOT NULL REFERENCES crm.batch,
    line_no int NOT NULL,
    external_id text,
    code text NOT NULL,
    field text,
    remedy text NOT NULL,
    PRIMARY KEY (batch_id, line_no));

CREATE TABLE crm.reject (
    reject_id bigint PRIMARY KEY,
    received_at timestamptz NOT NULL,   -- of the inbox row
    inbox_id bigint NOT NULL,
    line_no int NOT NULL DEFAULT 1,     -- within the inbox row's batch, or 1
    batch_id bigint,                    -- null: a single call
    source_id int NOT NULL,
    entity text NOT NULL,
    external_id text,
    code text NOT NULL,
    field text,
    remedy text NOT NULL,
    state text NOT NULL CHECK (state IN ('open', 'retry', 'resolved', 'dismissed')),
    attempts int NOT NULL DEFAULT 1,
    next_attempt_at timestamptz,
    rejected_at timestamptz NOT NULL,
    resolved_at timestamptz);
CREATE INDEX reject_open ON crm.reject (source_id, state) WHERE state IN ('open', 'retry');
CREATE INDEX reject_inbox ON crm.reject (inbox_id, line_no);
CREATE INDEX reject_batch ON crm.reject (batch_id, line_no) WHERE batch_id IS NOT NULL;
CREATE INDEX reject_retry ON crm.reject (next_attempt_at) WHERE state = 'retry';

CREATE TABLE crm.source_day (
    source_id int NOT NULL,
    day date NOT NULL,
    received bigint NOT NULL,
    rejected bigint NOT NULL,
    PRIMARY KEY (source_id, day));

CREATE TABLE crm.pull (
    pull_id int PRIMARY KEY,
    source_id int NOT NULL REFERENCES crm.source,
    entity text NOT NULL,
    relation_schema name NOT NULL,      -- read under run_as
    relation_name name NOT NULL,
    watermark_column text NOT NULL,
    overlap interval NOT NULL DEFAULT '15 minutes',
    every interval NOT NULL DEFAULT '5 minutes',
    run_as name NOT NULL,
    watermark timestamptz,
    is_active boolean NOT NULL DEFAULT true,
    failures int NOT NULL DEFAULT 0,
    last_error text,
    is_behind boolean NOT NULL DEFAULT true,    -- the last run left rows: the next reads on without overlap
    reconcile_from timestamptz,         -- how far the nightly reading has come; null: none under way
    last_hash bytea,                    -- of what the last run read: the same again is not kept twice
    next_run_at timestamptz NOT NULL,
    next_reconcile_at timestamptz NOT NULL);

INSERT INTO crm.room_setting (name, value, description) VALUES
    ('ingest.retry_seconds', '300', 'seconds until what failed for no fault of its own is tried again'),
    ('ingest.alert_failures', '3', 'consecutive failures after which one alert is written'),
    ('ingest.success_percent', '99.7', 'share of a source''s records a day below which an alert is written'),
    ('ingest.silence_hours', '26', 'hours without a record after which an active source counts as silent'),
    ('ingest.future_hours', '48', 'hours that a time of a record may lie in the future'),
    ('ingest.signature_seconds', '300', 'how far the time of a signed call may be off, in seconds'),
    ('ingest.single_bytes', '1048576', 'largest payload of a single call, in bytes'),
    ('ingest.piece_facts', '500', 'facts of an import that are stored in one transaction: more cost less each, fewer keep others waiting for less long'),
    ('ingest.error_lines', '10000', 'faulty lines listed for a batch that is refused'),
    ('ingest.receive_hours', '24', 'hours after which an upload that was never finished is aborted'),
    ('ingest.reconcile_days', '3', 'days that a pull reads again every night, for rows committed late');

SELECT crm._access_protect_closed('crm.source', 'crm.mapping', 'crm.inbox', 'crm.inbox_default', 'crm.batch',
    'crm.batch_lane', 'crm.batch_chunk', 'crm.batch_apart', 'crm.batch_error', 'crm.reject', 'crm.source_day', 'crm.pull');
SELECT crm._access_open('crm.custom_field');
