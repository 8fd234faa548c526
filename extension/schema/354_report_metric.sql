-- Figures that are frozen: the twelve indicators of a whole week or month, the same for everybody who opens them later.
CREATE TABLE crm.indicator (
    indicator text PRIMARY KEY,
    position int NOT NULL,
    name_zh text NOT NULL,
    name_en text NOT NULL,
    unit text NOT NULL,                 -- persons, share, times, currency, days
    definition text NOT NULL);
CREATE TABLE crm.indicator_snapshot (
    period text NOT NULL CHECK (period IN ('week', 'month')),
    starts_on date NOT NULL,
    store_id int NOT NULL,              -- 0: the whole chain
    indicator text NOT NULL REFERENCES crm.indicator,
    value numeric,                      -- null: no or not enough data
    numerator numeric,
    denominator numeric,
    note text,
    frozen_at timestamptz NOT NULL,
    PRIMARY KEY (period, starts_on, store_id, indicator));
SELECT crm._access_open('crm.indicator');
SELECT crm._access_protect_wide('crm.indicator_snapshot');
INSERT INTO crm.indicator (indicator, position, name_zh, name_en, unit, definition) VALUES
    ('active', 1, '活跃客户', 'active persons', 'persons', 'persons with an order day in the 30 local days that end with the period'),
    ('first_order', 2, '新客首单率', 'new to first order', 'share', 'of those registered 30 days before the period, day by day, who had an order day within 30 days'),
    ('repurchase', 3, '90日复购率', 'repurchase in 90 days', 'share', 'of persons whose first order day lies 90 days before the period, day by day, who had another within 90 days'),
    ('annual_repurchases', 4, '年均复购次数', 'annual repurchases', 'times', 'order days beyond the first of the 365 days that end with the period, a person with one'),
    ('order_value', 5, '客单价', 'order value', 'currency', 'net a day with net > 0 of the period'),
    ('dormancy', 6, '沉睡率', 'dormancy', 'share', 'of persons who ever bought, whose last order day is more than 90 days ago'),
    ('recall', 7, '召回率（减对照）', 'recall minus control', 'share', 'share of persons reached by a silence or win-back flow in the period before who had an order day within 30 days, less that of its control arm'),
    ('redemption', 8, '优惠券核销率', 'coupon redemption', 'share', 'of coupons issued in the period before, those redeemed by the end of the period'),
    ('roi', 9, '营销增量ROI', 'incremental ROI', 'times', 'net of reached persons beyond their control arm''s within 30 days, less the value of redeemed coupons, by that value'),
    ('lead_time', 10, '线索转化周期', 'lead conversion time', 'days', 'median days from a lead to its deal'),
    ('satisfaction', 11, '客户满意度指数', 'satisfaction index', 'share', 'mean of answered surveys and ratings'),
    ('service_response', 12, '服务响应速度', 'service response', 'days', 'median time from a ticket to its first answer');
INSERT INTO crm.room_setting (name, value, description) VALUES
    ('report.arm_min_persons', '100', 'persons that each arm needs before a difference is told'),
    ('report.arm_min_conversions', '5', 'conversions that each arm needs before a difference is told');
INSERT INTO crm.job (job, statement, every, at_local, position, next_run_at) VALUES
    ('report.indicators', 'SELECT crm._report_indicators_job()', '1 day', '05:00', 910, crm._worker_next_daily('05:00'));
