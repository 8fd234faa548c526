-- Sales that take longer than a visit: pipelines of stages as data, deals on their way through them.
CREATE TABLE crm.pipeline (
    pipeline text PRIMARY KEY CHECK (pipeline ~ '^[a-z][a-z0-9_]{0,62}$'),
    name_zh text NOT NULL,
    name_en text NOT NULL,
    is_active boolean NOT NULL DEFAULT true);

CREATE TABLE crm.pipeline_stage (
    pipeline text NOT NULL REFERENCES crm.pipeline,
    position int NOT NULL,
    stage text NOT NULL CHECK (stage ~ '^[a-z][a-z0-9_]{0,62}$'),
    name_zh text NOT NULL,
    name_en text NOT NULL,
    outcome text NOT NULL CHECK (outcome IN ('open', 'won', 'lost')),
    expected_days int CHECK (expected_days BETWEEN 1 AND 3650),     -- how long a deal may well stay
    evidence jsonb NOT NULL DEFAULT '[]',       -- codes of what has to be handed in before the deal goes on
    stalls jsonb NOT NULL DEFAULT '[]',         -- [{"hours" or "days", "since": stage or contact, "role", "important"}]
    PRIMARY KEY (pipeline, stage));

-- What somebody can do better than others.
CREATE TABLE crm.staff_skill (
    staff_id int NOT NULL REFERENCES crm.staff,
    skill text NOT NULL CHECK (skill ~ '^[a-z][a-z0-9_]{0,62}$'),
    PRIMARY KEY (staff_id, skill));

-- Under the customer id it was opened for, for ever: a merge moves nothing.
CREATE TABLE crm.deal (
    customer_id bigint NOT NULL,
    deal_id bigint NOT NULL,
    pipeline text NOT NULL,
    stage text NOT NULL,
    outcome text NOT NULL CHECK (outcome IN ('open', 'won', 'lost')),
    title text NOT NULL CHECK (length(title) BETWEEN 1 AND 200),
    amount numeric(14, 4),              -- what it may bring, in the installation's currency
    is_important boolean NOT NULL,
    lead_source text NOT NULL,          -- where the customer was heard of
    store_id int REFERENCES crm.store,
    staff_id int REFERENCES crm.staff,  -- null: whoever of the store takes it
    opened_at timestamptz NOT NULL,
    stage_at timestamptz NOT NULL,      -- when it came to its stage
    touched_at timestamptz NOT NULL,    -- the last note about the person, evidence or move
    stage_no int NOT NULL DEFAULT 1,    -- counts the stages it came to
    closed_at timestamptz NOT NULL DEFAULT 'infinity',
    lost_reason text,
    next_stall_at timestamptz NOT NULL DEFAULT 'infinity',
    PRIMARY KEY (customer_id, deal_id),
    FOREIGN KEY (pipeline, stage) REFERENCES crm.pipeline_stage);
CREATE INDEX deal_open ON crm.deal (store_id, pipeline, stage) WHERE outcome = 'open';
CREATE INDEX deal_staff ON crm.deal (staff_id) WHERE outcome = 'open';
CREATE INDEX deal_closed ON crm.deal (pipeline, closed_at) WHERE outcome <> 'open';
CREATE INDEX deal_opened ON crm.deal (pipeline, opened_at);
CREATE INDEX deal_stall ON crm.deal (next_stall_at) WHERE next_stall_at < 'infinity';

-- Its life, appended; a move tells the stage it left and how long it was there.
CREATE TABLE crm.deal_event (
    customer_id bigint NOT NULL,
    deal_id bigint NOT NULL,
    deal_event_id bigint NOT NULL,
    at timestamptz NOT NULL,
    kind text NOT NULL CHECK (kind IN ('opened', 'moved', 'evidence', 'assigned', 'stalled', 'changed')),
    actor text NOT NULL,
    stage text NOT NULL,                -- where it was then; of a move: where it came to
    from_stage text,
    detail jsonb NOT NULL DEFAULT '{}',
    PRIMARY KEY (customer_id, deal_id, deal_event_id));

-- Files stay where they are: the address, and the hash of what lay there.
CREATE TABLE crm.deal_evidence (
    customer_id bigint NOT NULL,
    deal_id bigint NOT NULL,
    deal_evidence_id bigint NOT NULL,
    at timestamptz NOT NULL,
    actor text NOT NULL,
    stage_no int NOT NULL,
    evidence text NOT NULL,
    title text NOT NULL,
    url text NOT NULL,
    sha256 bytea CHECK (length(sha256) = 32),
    PRIMARY KEY (customer_id, deal_id, deal_evidence_id));

ALTER TABLE crm.task DROP CONSTRAINT task_kind_check,
    ADD CONSTRAINT task_kind_check CHECK (kind IN ('follow_up', 'flow', 'stall', 'hand', 'mention', 'ticket', 'deal'));

INSERT INTO crm.pipeline (pipeline, name_zh, name_en) VALUES ('consult', '顾问式销售', 'consultative sales'), ('leads', '线索跟进', 'leads');
INSERT INTO crm.pipeline_stage (pipeline, position, stage, name_zh, name_en, outcome, expected_days, evidence, stalls) VALUES
    ('consult', 10, 'lead', '线索获取', 'lead', 'open', 3, '[]', '[{"days": 3, "since": "contact", "role": "manager", "important": true}]'),
    ('consult', 20, 'contact', '初步沟通', 'first talk', 'open', 7, '["minutes", "needs"]', '[{"hours": 48, "since": "stage", "role": "clerk"}, {"days": 3, "since": "contact", "role": "manager", "important": true}]'),
    ('consult', 30, 'proposal', '方案演示', 'proposal', 'open', 10, '["proposal"]', '[{"days": 3, "since": "contact", "role": "manager", "important": true}]'),
    ('consult', 40, 'quote', '报价谈判', 'quote', 'open', 15, '["quote"]', '[{"days": 15, "since": "stage", "role": "manager"}, {"days": 3, "since": "contact", "role": "manager", "important": true}]'),
    ('consult', 50, 'won', '成交签约', 'signed', 'won', NULL, '[]', '[]'),
    ('consult', 60, 'lost', '未成交', 'lost', 'lost', NULL, '[]', '[]'),
    ('leads', 10, 'new', '新线索', 'new lead', 'open', 1, '[]', '[{"hours": 48, "since": "stage", "role": "clerk"}]'),
    ('leads', 20, 'contacted', '已联系', 'contacted', 'open', 7, '[]', '[{"days": 3, "since": "contact", "role": "manager", "important": true}]'),
    ('leads', 30, 'interested', '意向客户', 'interested', 'open', 15, '[]', '[{"days": 15, "since": "stage", "role": "manager"}]'),
    ('leads', 40, 'customer', '成交客户', 'customer', 'won', NULL, '[]', '[]'),
    ('leads', 50, 'lost', '流失客户', 'lost', 'lost', NULL, '[]', '[]');

INSERT INTO crm.room_setting (name, value, description) VALUES
    ('sales.lead_hours', '24', 'a new deal is to be followed up within so many hours'),
    ('sales.gold_tiers', '["S"]', 'persons of these tiers are given to staff with the skill gold, where there are any');
INSERT INTO crm.job (job, statement, every, position, next_run_at) VALUES ('sales.stalls', 'SELECT crm._sales_stalls()', '1 minute', 47, 'epoch');

SELECT crm._rule_source_put('deal', 'sales', 'facts', 'crm.deal', '{
    "key": "customer_id", "keyed": "ever", "time": "opened_at", "as_of": "now", "facts": ["deal"], "name_zh": "商机", "name_en": "deals",
    "columns": {
        "pipeline": {"column": "pipeline", "type": "text", "catalogue": {"relation": "crm.pipeline", "code": "pipeline"}, "name_zh": "管道", "name_en": "pipeline"},
        "stage": {"column": "stage", "type": "text", "name_zh": "阶段", "name_en": "stage"},
        "outcome": {"column": "outcome", "type": "text", "name_zh": "结果", "name_en": "outcome"},
        "amount": {"column": "amount", "type": "number", "name_zh": "金额", "name_en": "amount"},
        "is_important": {"column": "is_important", "type": "boolean", "name_zh": "重要", "name_en": "important"},
        "store": {"column": "store_id", "type": "text", "lookup": {"relation": "crm.store", "key": "store_id", "code": "code"}, "name_zh": "门店", "name_en": "store"}}}');

-- titles are free text and may hold anything: read through functions only
SELECT crm._access_protect_closed('crm.deal', 'crm.deal_event', 'crm.deal_evidence', 'crm.staff_skill');
SELECT crm._access_open('crm.pipeline', 'crm.pipeline_stage');
