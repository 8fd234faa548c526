-- The life cycle: six stages by rules, seven journey nodes, and standings with entry, keep and grace.
-- Conditions are those of tiers (orders, net, last_days, first_days) and {"metric": "contacts", "days": 90, "op": ">=", "value": 1},
-- {"metric": "events", "types": ["share"], "days": 180, "op": ">=", "value": 1}; first match wins.
CREATE TABLE crm.stage_rule (
    position int PRIMARY KEY,
    stage text NOT NULL UNIQUE,
    name_zh text NOT NULL,
    name_en text NOT NULL,
    conditions jsonb NOT NULL);
CREATE TABLE crm.customer_stage (
    customer_id bigint PRIMARY KEY,
    stage text NOT NULL,
    since date NOT NULL,
    as_of date NOT NULL);
CREATE TABLE crm.stage_change (
    customer_id bigint NOT NULL,
    changed_on date NOT NULL,
    from_stage text,
    to_stage text NOT NULL,
    PRIMARY KEY (customer_id, changed_on));
CREATE INDEX stage_change_day ON crm.stage_change (changed_on);
INSERT INTO crm.stage_rule (position, stage, name_zh, name_en, conditions) VALUES
    (1, 'advocacy', '口碑裂变期', 'tells others', '[{"metric": "orders", "op": ">=", "value": 1}, {"metric": "events", "types": ["share", "review_post"], "days": 180, "op": ">=", "value": 1}]'),
    (2, 'loyalty', '忠诚培养期', 'comes back', '[{"metric": "orders", "op": ">=", "value": 2}]'),
    (3, 'delivery', '服务交付期', 'has bought', '[{"metric": "orders", "op": ">=", "value": 1}]'),
    (4, 'decision', '转化决策期', 'about to buy', '[{"metric": "events", "types": ["add_to_cart", "checkout_start", "coupon_claim", "store_visit"], "days": 30, "op": ">=", "value": 1}]'),
    (5, 'nurture', '需求培育期', 'in contact', '[{"metric": "contacts", "days": 90, "op": ">=", "value": 1}]'),
    (6, 'acquisition', '潜客获取期', 'known', '[]');

-- Nodes: each occurrence once; what is no longer true (a refunded first order) goes.
CREATE TABLE crm.journey_node (
    node text PRIMARY KEY,
    position int NOT NULL,
    name_zh text NOT NULL,
    name_en text NOT NULL,
    goal text NOT NULL,                 -- the node that should follow
    deadline_days int NOT NULL);        -- and by when
CREATE TABLE crm.journey_event (
    customer_id bigint NOT NULL,
    node text NOT NULL,
    occurred_on date NOT NULL,
    PRIMARY KEY (customer_id, node, occurred_on));
CREATE INDEX journey_event_day ON crm.journey_event (node, occurred_on);
INSERT INTO crm.journey_node (node, position, name_zh, name_en, goal, deadline_days) VALUES
    ('registered', 1, '注册', 'registered', 'first_order', 30),
    ('first_order', 2, '首单', 'first order', 'repurchase', 90),
    ('repurchase', 3, '复购', 'repurchase', 'repurchase', 180),
    ('silence', 4, '沉默预警', 'gone quiet', 'recall', 30),
    ('recall', 5, '召回', 'came back', 'repurchase', 90),
    ('praise', 6, '好评', 'praised', 'referral', 90),
    ('referral', 7, '转介绍', 'told others', 'repurchase', 180);

-- Standings: entered by one rule, kept by another, lost after a grace; one set beside another.
CREATE TABLE crm.standing_rule (
    standing_set text NOT NULL,
    rank int NOT NULL CHECK (rank > 0), -- the greater the better; rank 0 is none
    standing text NOT NULL,
    name_zh text NOT NULL,
    name_en text NOT NULL,
    entry jsonb NOT NULL,               -- conditions, as of tiers
    keep jsonb NOT NULL,
    grace_days int NOT NULL DEFAULT 0 CHECK (grace_days >= 0),
    PRIMARY KEY (standing_set, rank),
    UNIQUE (standing_set, standing));
CREATE TABLE crm.customer_standing (
    customer_id bigint NOT NULL,
    standing_set text NOT NULL,
    rank int NOT NULL,
    since date NOT NULL,
    lost_on date,                       -- keeping fails since then: the day grace ends
    as_of date NOT NULL,
    PRIMARY KEY (customer_id, standing_set));
CREATE TABLE crm.standing_change (
    customer_id bigint NOT NULL,
    standing_set text NOT NULL,
    change_id bigint NOT NULL,
    changed_on date NOT NULL,
    from_rank int NOT NULL,
    to_rank int NOT NULL,
    cause text NOT NULL,                -- entry, grace over, refund
    PRIMARY KEY (customer_id, standing_set, change_id));
INSERT INTO crm.standing_rule (standing_set, rank, standing, name_zh, name_en, entry, keep, grace_days) VALUES
    ('member_metal', 1, 'silver', '银卡', 'silver', '[{"metric": "net", "days": 365, "op": ">=", "value": 500}]', '[{"metric": "net", "days": 365, "op": ">=", "value": 250}]', 30),
    ('member_metal', 2, 'gold', '金卡', 'gold', '[{"metric": "net", "days": 365, "op": ">=", "value": 2000}]', '[{"metric": "net", "days": 365, "op": ">=", "value": 1000}]', 30),
    ('member_metal', 3, 'platinum', '白金卡', 'platinum', '[{"metric": "net", "days": 365, "op": ">=", "value": 5000}]', '[{"metric": "net", "days": 365, "op": ">=", "value": 2500}]', 30);
SELECT crm._access_open('crm.stage_rule', 'crm.journey_node', 'crm.standing_rule');
SELECT crm._access_protect_person('crm.customer_stage');
SELECT crm._access_protect_person('crm.stage_change');
SELECT crm._access_protect_person('crm.journey_event');
SELECT crm._access_protect_person('crm.customer_standing');
SELECT crm._access_protect_person('crm.standing_change');

-- How far the nightly walk over persons has come.
CREATE TABLE crm.journey_run (
    as_of date PRIMARY KEY,
    applied_to bigint NOT NULL DEFAULT 0,
    finished_at timestamptz);
SELECT crm._access_open('crm.journey_run');
INSERT INTO crm.room_setting (name, value, description) VALUES
    ('value.silence_days', '30', 'a person without an order for so many days has gone quiet: the node of the journey'),
    ('value.praise_stars', '4', 'stars from which a review or rating is praise'),
    ('value.improvement_months', '2', 'months in a row without a better conversion between two tiers that open an alert'),
    ('value.improvement_pairs', '[["B", "A"], ["A", "S"]]', 'the conversions that are watched');
INSERT INTO crm.job (job, statement, every, at_local, position, next_run_at) VALUES
    ('value.journey', 'SELECT crm._value_journey_job()', '1 day', '04:00', 66, crm._worker_next_daily('04:00')),
    ('value.improvement', 'SELECT crm._value_improvement_job()', '1 day', '04:20', 67, crm._worker_next_daily('04:20'));
SELECT crm._rule_source_put('stage', 'value', 'state', 'crm.customer_stage', '{
    "key": "customer_id", "keyed": "person", "as_of": "now", "facts": [], "name_zh": "生命周期阶段", "name_en": "life-cycle stage",
    "columns": {"stage": {"column": "stage", "type": "text"}, "since": {"column": "since", "type": "date"}}}');
