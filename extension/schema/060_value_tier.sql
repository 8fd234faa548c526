-- A person's value: tier and RFM, kept current by increments.
CREATE TABLE crm.tier_set (
    tier_set text PRIMARY KEY,
    name text NOT NULL,
    version int NOT NULL DEFAULT 1,
    is_active boolean NOT NULL,         -- exactly one active set labels persons
    rules jsonb NOT NULL DEFAULT '[]'); -- the rows of crm.tier_rule in one piece, as they are evaluated
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
    method text NOT NULL CHECK (method IN ('quintile', 'ntile', 'nested', 'mean', 'threshold')),
    parts int NOT NULL DEFAULT 5 CHECK (parts BETWEEN 2 AND 10),
    is_live boolean NOT NULL DEFAULT true,  -- scored by the jobs
    every text NOT NULL DEFAULT 'day' CHECK (every IN ('day', 'week')), -- a week: as of its last day
    window_days int,                    -- null: all history
    cuts jsonb,                         -- threshold: {"r": [..4], "f": [..], "m": [..]} days, days, minor units
    weights jsonb NOT NULL DEFAULT '{"r": 1, "f": 1, "m": 1}',
    segment_map text,                   -- names of the cells, of crm.rfm_map
    cut_as_of date,                     -- the last run, by whose cut points new orders are scored:
    r_cuts bigint[], f_cuts bigint[], m_cuts bigint[],  -- days since 2000-01-01, order days, minor units; null: below everybody
    is_instant boolean GENERATED ALWAYS AS (cut_as_of IS NOT NULL AND window_days IS NULL AND method <> 'nested') STORED, -- a new order can be scored at once
    is_active boolean NOT NULL);        -- the model whose scores customer_value shows
CREATE UNIQUE INDEX rfm_model_active ON crm.rfm_model (is_active) WHERE is_active;
-- One scoring a model and local day, applied in pieces.
CREATE TABLE crm.rfm_run (
    model text NOT NULL REFERENCES crm.rfm_model,
    as_of date NOT NULL,
    started_at timestamptz NOT NULL,
    applied_to bigint NOT NULL DEFAULT 0,   -- the last person whose customer_value has the new scores
    finished_at timestamptz,
    PRIMARY KEY (model, as_of));
CREATE TABLE crm.rfm_cut (
    model text NOT NULL REFERENCES crm.rfm_model,
    as_of date NOT NULL,
    dimension char(1) NOT NULL,
    score smallint NOT NULL,
    lower_bound bigint,                 -- lowest value with this score; r in days of recency
    upper_bound bigint,
    person_count bigint NOT NULL,
    PRIMARY KEY (model, as_of, dimension, score));
-- A row a change of score: what a person had on a day is the last row not after it. Nulls: no order in the window.
CREATE TABLE crm.rfm_score (
    customer_id bigint NOT NULL,
    model text NOT NULL,
    as_of date NOT NULL,
    r smallint, f smallint, m smallint,
    PRIMARY KEY (customer_id, model, as_of));
CREATE INDEX rfm_score_day ON crm.rfm_score (model, as_of, customer_id);

-- Persons whose facts changed and whose value is still to be computed (bulk).
CREATE TABLE crm.value_dirty (
    customer_id bigint NOT NULL,
    marked_at timestamptz NOT NULL,
    mark_id bigint NOT NULL,
    cause text NOT NULL,                -- of the change: order, refund, member, history, rules
    PRIMARY KEY (customer_id, mark_id));

SELECT crm._access_open('crm.tier_set', 'crm.tier_rule', 'crm.rfm_model', 'crm.rfm_cut', 'crm.rfm_run');
SELECT crm._access_protect_person('crm.customer_value');
SELECT crm._access_protect_person('crm.tier_change');
SELECT crm._access_protect_person('crm.rfm_score');
SELECT crm._access_protect_closed('crm.value_dirty');

-- Presets: first match wins; days are local days, a window of N days holds what is at most N days old.
INSERT INTO crm.tier_set (tier_set, name, version, is_active) VALUES ('retail_sabc', 'S/A/B/C of a retail chain', 1, true);
INSERT INTO crm.tier_rule (tier_set, position, tier, name_zh, name_en, conditions) VALUES
    ('retail_sabc', 1, 'S', '核心客户', 'core', '[{"metric": "orders", "days": 30, "op": ">=", "value": 2}, {"metric": "net", "days": 30, "op": ">", "value": 300.00}]'),
    ('retail_sabc', 2, 'A', '活跃客户', 'active', '[{"metric": "orders", "days": 90, "op": ">=", "value": 3}]'),
    ('retail_sabc', 3, 'C', '沉睡客户', 'dormant', '[{"metric": "last_days", "op": ">", "value": 180}]'),
    ('retail_sabc', 4, 'B', '待唤醒客户', 'to be woken', '[{"metric": "orders", "op": ">=", "value": 1}, {"metric": "orders", "op": "<=", "value": 2}, {"metric": "last_days", "op": ">=", "value": 61}, {"metric": "last_days", "op": "<=", "value": 180}]'),
    ('retail_sabc', 5, 'N', '新客', 'new', '[{"metric": "orders", "op": ">=", "value": 1}, {"metric": "orders", "op": "<=", "value": 2}, {"metric": "last_days", "op": "<=", "value": 60}]'),
    ('retail_sabc', 6, 'D', '降温客户', 'cooling', '[{"metric": "orders", "op": ">=", "value": 3}, {"metric": "orders", "days": 90, "op": "<", "value": 3}, {"metric": "last_days", "op": "<=", "value": 180}]'),
    ('retail_sabc', 7, 'P', '未购客户', 'no purchase yet', '[{"metric": "orders", "op": "=", "value": 0}]');
UPDATE crm.tier_set s SET rules = (
    SELECT jsonb_agg(jsonb_build_object('tier', r.tier, 'conditions', r.conditions) ORDER BY r.position) FROM crm.tier_rule r WHERE r.tier_set = s.tier_set);
INSERT INTO crm.rfm_model (model, method, window_days, cuts, weights, is_active) VALUES
    ('quintile', 'quintile', NULL, NULL, '{"r": 1, "f": 1, "m": 1}', true),
    ('ntile', 'ntile', NULL, NULL, '{"r": 1, "f": 1, "m": 1}', false),
    ('retail_threshold', 'threshold', 365, '{"r": [30, 60, 90, 180], "f": [2, 3, 5, 8], "m": [10000, 30000, 80000, 200000]}', '{"r": 2, "f": 1, "m": 1}', false);

INSERT INTO crm.job (job, statement, every, at_local, position, next_run_at) VALUES
    ('value.drain', 'SELECT crm._value_drain()', '30 s', NULL, 30, '2000-01-01'),
    ('value.age', 'SELECT crm._value_age()', '10 min', NULL, 40, '2000-01-01'),
    ('value.daily', 'SELECT crm._value_daily()', '1 day', '03:00', 60, crm._worker_next_daily('03:00'));
UPDATE crm.job SET is_patient = true WHERE job = 'value.drain';     -- an import marks persons again and again
