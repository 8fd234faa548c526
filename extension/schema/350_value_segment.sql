-- Names for scores: a map divides the cells (r, f, m) of a model into segments. Rules in order, the first that holds decides;
-- what they say cell by cell is kept, so that a map that leaves a cell without a name cannot be stored.
CREATE TABLE crm.rfm_map (
    segment_map text PRIMARY KEY,
    name text NOT NULL,
    parts int NOT NULL CHECK (parts BETWEEN 2 AND 10));
-- {"segment": "champions", "name_en": "...", "name_zh": "...", "r": [4, 5], "f": [..], "m": [..], "fm": [4, 5]}: bounds included; fm is the mean of F and M, rounded up.
CREATE TABLE crm.rfm_map_rule (
    segment_map text NOT NULL REFERENCES crm.rfm_map,
    position int NOT NULL,
    segment text NOT NULL,
    name_zh text NOT NULL,
    name_en text NOT NULL,
    bounds jsonb NOT NULL,
    PRIMARY KEY (segment_map, position));
CREATE TABLE crm.rfm_cell (
    segment_map text NOT NULL REFERENCES crm.rfm_map,
    r smallint NOT NULL,
    f smallint NOT NULL,
    m smallint NOT NULL,
    segment text NOT NULL,
    PRIMARY KEY (segment_map, r, f, m));
SELECT crm._access_open('crm.rfm_map', 'crm.rfm_map_rule', 'crm.rfm_cell');

INSERT INTO crm.room_setting (name, value, description)
VALUES ('value.week_start_isodow', '1', 'the day a week begins with, 1 Monday to 7 Sunday: weekly scores, snapshots and reports');
SELECT crm._value_put_segments('putler11', 'eleven segments by recency and the mean of frequency and money', 5, '[
    {"segment": "champions", "name_zh": "冠军客户", "name_en": "Champions", "r": [4, 5], "fm": [4, 5]},
    {"segment": "new", "name_zh": "新客户", "name_en": "New Customers", "r": [5, 5], "fm": [1, 1]},
    {"segment": "promising", "name_zh": "有前景客户", "name_en": "Promising", "r": [4, 4], "fm": [1, 1]},
    {"segment": "potential_loyalist", "name_zh": "潜在忠诚客户", "name_en": "Potential Loyalist", "r": [4, 5], "fm": [2, 3]},
    {"segment": "loyal", "name_zh": "忠诚客户", "name_en": "Loyal Customers", "r": [3, 3], "fm": [4, 5]},
    {"segment": "need_attention", "name_zh": "需要关注", "name_en": "Need Attention", "r": [3, 3], "fm": [2, 3]},
    {"segment": "cannot_lose", "name_zh": "不能流失", "name_en": "Can''t Lose Them", "r": [1, 1], "fm": [4, 5]},
    {"segment": "at_risk", "name_zh": "流失风险", "name_en": "At Risk", "r": [1, 2], "fm": [3, 5]},
    {"segment": "about_to_sleep", "name_zh": "即将沉睡", "name_en": "About To Sleep", "r": [2, 3], "fm": [1, 2]},
    {"segment": "hibernating", "name_zh": "休眠客户", "name_en": "Hibernating", "r": [1, 1], "fm": [2, 2]},
    {"segment": "lost", "name_zh": "已流失", "name_en": "Lost", "r": [1, 1], "fm": [1, 1]}]');
SELECT crm._value_put_segments('retail_box8', 'eight boxes: recency, frequency, money high or low', 2, '[
    {"segment": "important_value", "name_zh": "重要价值客户", "name_en": "important, to keep", "r": [2, 2], "f": [2, 2], "m": [2, 2]},
    {"segment": "important_recall", "name_zh": "重要保持客户", "name_en": "important, to recall", "r": [1, 1], "f": [2, 2], "m": [2, 2]},
    {"segment": "important_develop", "name_zh": "重要发展客户", "name_en": "important, to develop", "r": [2, 2], "f": [1, 1], "m": [2, 2]},
    {"segment": "important_retain", "name_zh": "重要挽留客户", "name_en": "important, to win back", "r": [1, 1], "f": [1, 1], "m": [2, 2]},
    {"segment": "general_value", "name_zh": "一般价值客户", "name_en": "general, to keep", "r": [2, 2], "f": [2, 2], "m": [1, 1]},
    {"segment": "general_recall", "name_zh": "一般保持客户", "name_en": "general, to recall", "r": [1, 1], "f": [2, 2], "m": [1, 1]},
    {"segment": "general_develop", "name_zh": "一般发展客户", "name_en": "general, to develop", "r": [2, 2], "f": [1, 1], "m": [1, 1]},
    {"segment": "general_retain", "name_zh": "一般挽留客户", "name_en": "general, to win back", "r": [1, 1], "f": [1, 1], "m": [1, 1]}]');
UPDATE crm.rfm_model SET segment_map = 'putler11' WHERE parts = 5;
INSERT INTO crm.rfm_model (model, method, parts, window_days, segment_map, is_active, is_live, every) VALUES
    ('box8_mean', 'mean', 2, 365, 'retail_box8', false, true, 'week'),
    ('box8_median', 'quintile', 2, 365, 'retail_box8', false, false, 'week'),
    ('nested', 'nested', 5, NULL, 'putler11', false, false, 'day');
UPDATE crm.rfm_model SET is_live = false WHERE model IN ('ntile', 'retail_threshold');

-- Scores over any numeric metric: several of them, weighted, several models at once.
-- metrics: [{"metric": "net", "days": 365, "weight": 2, "better": "high"}, {"metric": "custom:course_completion"}, {"metric": "events:course_viewed", "days": 90}]
CREATE TABLE crm.metric_model (
    model text PRIMARY KEY,
    name text NOT NULL,
    metrics jsonb NOT NULL,
    parts int NOT NULL DEFAULT 5 CHECK (parts BETWEEN 2 AND 10),
    is_live boolean NOT NULL DEFAULT true);
-- A row a change; points in the order of the model's metrics.
CREATE TABLE crm.metric_score (
    customer_id bigint NOT NULL,
    model text NOT NULL,
    as_of date NOT NULL,
    scores smallint[] NOT NULL,
    total numeric NOT NULL,
    PRIMARY KEY (customer_id, model, as_of));
CREATE TABLE crm.metric_run (
    model text NOT NULL REFERENCES crm.metric_model,
    as_of date NOT NULL,
    person_count bigint NOT NULL,
    finished_at timestamptz NOT NULL,
    PRIMARY KEY (model, as_of));
SELECT crm._access_open('crm.metric_model', 'crm.metric_run');
SELECT crm._access_protect_person('crm.metric_score');
INSERT INTO crm.metric_model (model, name, metrics, is_live) VALUES
    ('retail_basket', 'frequency and basket, for retail', '[{"metric": "orders", "days": 365, "weight": 2}, {"metric": "average", "days": 365, "weight": 1}]', false);
INSERT INTO crm.job (job, statement, every, at_local, position, next_run_at) VALUES
    ('value.metrics', 'SELECT crm._value_metrics_daily()', '1 day', '03:20', 62, crm._worker_next_daily('03:20'));
