-- Flows, and the ledger that makes them fire exactly once.
CREATE TABLE crm.flow (
    flow_id int PRIMARY KEY,
    code text NOT NULL UNIQUE,          -- welcome, silence_30, birthday
    name_zh text NOT NULL,
    name_en text NOT NULL,
    trigger text NOT NULL CHECK (trigger IN ('welcome', 'silence', 'birthday', 'schedule', 'event', 'site')),
    state text NOT NULL CHECK (state IN ('draft', 'active', 'paused', 'stopped')),
    active_from timestamptz,            -- facts before it fire nothing
    epoch int NOT NULL DEFAULT 1,       -- deliberate restarts; part of the occurrence key unless it holds for ever
    version int NOT NULL DEFAULT 1,
    spec jsonb NOT NULL,                -- days, at, coupon_type, channels, template, exclusions, caps, holdout_percent, backlog_per_day ...
    watermark timestamptz);             -- how far time has been worked on: silence and schedule a moment, birthday a day at midnight UTC
CREATE TABLE crm.flow_version (
    flow_id int NOT NULL REFERENCES crm.flow,
    version int NOT NULL,
    spec jsonb NOT NULL,
    changed_by text NOT NULL,
    changed_at timestamptz NOT NULL,
    PRIMARY KEY (flow_id, version));

-- Kept for ever, never partitioned by time: the unique key must span all of it. Rows never move.
CREATE TABLE crm.occurrence (
    customer_id bigint NOT NULL,
    flow_id int NOT NULL,
    epoch int NOT NULL,                 -- 0: the key holds for ever
    occurrence_key text NOT NULL,
    fired_at timestamptz NOT NULL,
    due_at timestamptz NOT NULL,
    arm text NOT NULL CHECK (arm IN ('treatment', 'control', 'none')),
    outcome text NOT NULL,              -- sent, held, or the gate step that stopped it
    message_id text,
    coupon_id bigint,
    flow_version int NOT NULL,
    -- the gate's decision: the step that decided, and what the step consent said if it let pass
    step text,                          -- active, late, consent, exclusion, holdout, offer, cap, quiet
    result text,                        -- pass, stop, hold
    reason text,
    reach text,
    PRIMARY KEY (customer_id, flow_id, epoch, occurrence_key));
-- a look-up of a person's key finds nothing better than the primary key; the index by flow (685) begins with it and no key
-- rows come in the order of time
CREATE INDEX occurrence_fired ON crm.occurrence USING brin (fired_at) WITH (pages_per_range = 32, autosummarize = on);

-- Each decision of the gate: the step that decided with its reason, and what those before it said.
CREATE VIEW crm.decision WITH (security_invoker = true) AS
    SELECT o.fired_at AS decided_at, o.customer_id, o.flow_id, o.epoch, o.occurrence_key, o.step, o.result, o.reason, o.reach
    FROM crm.occurrence o WHERE o.step IS NOT NULL;

-- Persons already past the line at activation: enter after someone confirms, a few a day.
CREATE TABLE crm.flow_backlog (
    customer_id bigint NOT NULL,
    flow_id int NOT NULL,
    epoch int NOT NULL,
    occurrence_key text NOT NULL,
    counted_at timestamptz NOT NULL,
    confirmed_at timestamptz,
    entered_at timestamptz,
    PRIMARY KEY (customer_id, flow_id, epoch, occurrence_key));
CREATE INDEX flow_backlog_waiting ON crm.flow_backlog (flow_id) WHERE entered_at IS NULL;

SELECT crm._access_open('crm.flow', 'crm.flow_version');
SELECT crm._access_protect_person('crm.occurrence');
GRANT SELECT ON crm.decision TO crm_clerk, crm_store_manager, crm_manager, crm_service, crm_steward, crm_marketer, crm_analyst, crm_headquarters;
SELECT crm._access_protect_person('crm.flow_backlog');
