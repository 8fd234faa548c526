-- A person's value: tier and RFM, kept current by increments.
CREATE TABLE crm.tier_set (
    tier_set text PRIMARY KEY,
    name text NOT NULL,
    version int NOT NULL DEFAULT 1,
    is_active boolean NOT NULL);        -- exactly one active set labels persons
CREATE UNIQUE INDEX tier_set_active ON crm.tier_set (is_active) WHERE is_active;
-- First match wins, by position. conditions: [{"metric": "orders", "days": 30, "op": ">=", "value": 2}, ...]
CREATE TABLE crm.tier_rule (
    tier_set text NOT NULL REFERENCES crm.tier_set,
    position int NOT NULL,
    tier text NOT NULL,
    name_zh text NOT NULL,
    name_en text NOT NULL,
    conditions jsonb NOT NULL,
    PRIMARY KEY (tier_set, position));

CREATE TABLE crm.customer_value (
    customer_id bigint PRIMARY KEY,
    tier text NOT NULL,
    tier_since date NOT NULL,
    next_change_on date,                -- no new facts: the first day the tier may differ; null never
    order_days int NOT NULL,            -- distinct local days with net > 0
    net_minor bigint NOT NULL,
    first_day date,
    last_day date,
    r smallint, f smallint, m smallint, -- scores of the active model; null before the first run
    as_of date NOT NULL,
    updated_at timestamptz NOT NULL);
CREATE INDEX customer_value_tier ON crm.customer_value (tier);
CREATE INDEX customer_value_next ON crm.customer_value (next_change_on) WHERE next_change_on IS NOT NULL;
CREATE INDEX customer_value_last ON crm.customer_value (last_day);

CREATE TABLE crm.tier_change (
    customer_id bigint NOT NULL,
    change_id bigint NOT NULL,
    tier_set text NOT NULL,
    from_tier text,
    to_tier text NOT NULL,
    changed_on date NOT NULL,
    changed_at timestamptz NOT NULL,
    cause text NOT NULL,                -- order, refund, age, merge, rules, history
    PRIMARY KEY (customer_id, change_id));
CREATE INDEX tier_change_day ON crm.tier_change (changed_on);

CREATE TABLE crm.rfm_model (
    model text PRIMARY KEY,
    method text NOT NULL CHECK (method IN ('quintile', 'ntile', 'threshold')),
    window_days int,                    -- null: all history
    cuts jsonb,                         -- threshold: {"r": [..4], "f": [..], "m": [..]} days, days, minor units
    weights jsonb NOT NULL DEFAULT '{"r": 1, "f": 1, "m": 1}',
    is_active boolean NOT NULL);
CREATE TABLE crm.rfm_cut (
    model text NOT NULL REFERENCES crm.rfm_model,
    as_of date NOT NULL,
    dimension char(1) NOT NULL,
    score smallint NOT NULL,
    lower_bound bigint,                 -- lowest value with this score; r in days of recency
    upper_bound bigint,
    person_count bigint NOT NULL,
    PRIMARY KEY (model, as_of, dimension, score));

-- Persons whose facts changed and whose value is still to be computed (bulk).
CREATE TABLE crm.value_dirty (
    customer_id bigint NOT NULL,
    marked_at timestamptz NOT NULL,
    mark_id bigint NOT NULL,
    is_history boolean NOT NULL,
    PRIMARY KEY (customer_id, mark_id));

SELECT crm._access_open('crm.tier_set', 'crm.tier_rule', 'crm.rfm_model', 'crm.rfm_cut');
SELECT crm._access_protect_person('crm.customer_value');
SELECT crm._access_protect_person('crm.tier_change');
SELECT crm._access_protect_closed('crm.value_dirty');
