-- Forecasts: models as they were fitted, and what they say of each person.
CREATE TABLE crm.forecast_model (
    version int PRIMARY KEY,
    as_of date NOT NULL,                -- the last day of the facts it was fitted on
    model text NOT NULL,                -- mbgnbd, bgnbd, paretonbd; nbd when there is no dropout
    status text NOT NULL,               -- converged, at_wall, no_dropout: usable; no_repeats, no_data, failed: not
    params float8[],                    -- times in days
    standard_errors float8[],
    log_likelihood float8,
    spend_status text NOT NULL,
    spend_params float8[],              -- Gamma-Gamma of the mean repeat order day, minor units
    person_count bigint NOT NULL,
    fitted_at timestamptz NOT NULL,
    applied_to bigint NOT NULL DEFAULT 0,   -- the last person it has been applied to
    finished_at timestamptz);
CREATE TABLE crm.customer_forecast (
    customer_id bigint PRIMARY KEY,
    version int NOT NULL,
    as_of date NOT NULL,
    alive float8 NOT NULL,              -- the chance to be a customer still
    alive_then float8 NOT NULL,         -- and at the end of the horizon
    churn text NOT NULL,                -- low, medium, high
    horizon_days int NOT NULL,
    orders float8 NOT NULL,             -- expected order days in the horizon
    orders_low int NOT NULL,
    orders_high int NOT NULL,
    average_minor bigint,               -- expected net of an order day; null when no mean exists
    lifetime_minor bigint,              -- of the horizon, discounted
    lifetime_low_minor bigint,
    lifetime_high_minor bigint,
    next_order_on date,
    updated_at timestamptz NOT NULL);
CREATE INDEX customer_forecast_churn ON crm.customer_forecast (churn);
SELECT crm._access_open('crm.forecast_model');
SELECT crm._access_protect_person('crm.customer_forecast');
INSERT INTO crm.room_setting (name, value, description) VALUES
    ('value.forecast_model', '"mbgnbd"', 'model of purchases: mbgnbd, paretonbd or bgnbd (which takes everybody who bought once for alive)'),
    ('value.forecast_days', '365', 'horizon of forecasts and of lifetime value'),
    ('value.forecast_discount_monthly', '0.01', 'discount a month of 30 days, at its end'),
    ('value.forecast_interval_share', '0.9', 'share of outcomes that an interval holds'),
    ('value.churn_medium_from', '0.33', 'from this chance to be gone on a person''s churn is medium'),
    ('value.churn_high_from', '0.66', 'and from this high');
INSERT INTO crm.job (job, statement, every, at_local, position, next_run_at) VALUES
    ('value.forecast', 'SELECT crm._value_forecast_job()', '1 day', '03:40', 64, crm._worker_next_daily('03:40'));
SELECT crm._rule_source_put('forecast', 'value', 'state', 'crm.customer_forecast', '{
    "key": "customer_id", "keyed": "person", "as_of": "now", "facts": [], "name_zh": "预测", "name_en": "forecast",
    "columns": {
        "alive": {"column": "alive", "type": "number"},
        "churn": {"column": "churn", "type": "text"},
        "orders": {"column": "orders", "type": "number"},
        "lifetime_minor": {"column": "lifetime_minor", "type": "number"},
        "next_order_on": {"column": "next_order_on", "type": "date"}}}');
