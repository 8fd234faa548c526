-- Complaints and questions of customers: what about, who looks after them, how fast they were answered and settled.
CREATE TABLE crm.ticket_topic (
    topic text PRIMARY KEY CHECK (topic ~ '^[a-z][a-z0-9_]{0,62}$'),
    kind text NOT NULL CHECK (kind IN ('complaint', 'enquiry', 'suggestion')),
    name_zh text NOT NULL,
    name_en text NOT NULL,
    answer_minutes int NOT NULL CHECK (answer_minutes BETWEEN 1 AND 525600),     -- until the first answer
    resolve_hours int NOT NULL CHECK (resolve_hours BETWEEN 1 AND 8760),         -- until it is settled
    is_active boolean NOT NULL DEFAULT true);

-- Under the customer id it was made for, for ever: a merge moves nothing.  Who works on it is the task's business.
CREATE TABLE crm.ticket (
    customer_id bigint NOT NULL,
    ticket_id bigint NOT NULL,
    ticket_key text NOT NULL,           -- what brought it about: note:<interaction>, event:<event>, hand:<ticket>
    topic text NOT NULL REFERENCES crm.ticket_topic,
    kind text NOT NULL,                 -- of the topic when it was opened
    title text NOT NULL CHECK (length(title) BETWEEN 1 AND 200),
    body text NOT NULL DEFAULT '',
    channel text NOT NULL,
    store_id int REFERENCES crm.store,  -- whose it is; null: headquarters'
    is_repeated boolean NOT NULL,       -- the person came back with it so often that seniors take it
    state text NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'waiting', 'resolved')),
    opened_at timestamptz NOT NULL,
    answer_due_at timestamptz NOT NULL,
    answered_at timestamptz,            -- the first answer
    resolve_due_at timestamptz NOT NULL,
    first_resolved_at timestamptz,
    resolved_at timestamptz NOT NULL DEFAULT 'infinity',
    reopened int NOT NULL DEFAULT 0,
    stars smallint CHECK (stars BETWEEN 1 AND 5),        -- how content the customer was in the end
    task_id bigint,                     -- the task of whoever works on it now
    PRIMARY KEY (customer_id, ticket_id),
    UNIQUE (customer_id, ticket_key),
    CHECK ((state = 'resolved') = (resolved_at < 'infinity')));
CREATE INDEX ticket_store ON crm.ticket (store_id, opened_at);
CREATE INDEX ticket_open ON crm.ticket (store_id, resolve_due_at) WHERE state <> 'resolved';
CREATE INDEX ticket_topic_day ON crm.ticket (topic, opened_at);

-- Its life, appended.
CREATE TABLE crm.ticket_event (
    customer_id bigint NOT NULL,
    ticket_id bigint NOT NULL,
    ticket_event_id bigint NOT NULL,
    at timestamptz NOT NULL,
    kind text NOT NULL CHECK (kind IN ('opened', 'answered', 'waiting', 'resolved', 'reopened', 'rated')),
    actor text NOT NULL,
    body text NOT NULL DEFAULT '',
    detail jsonb NOT NULL DEFAULT '{}',
    PRIMARY KEY (customer_id, ticket_id, ticket_event_id));

INSERT INTO crm.ticket_topic (topic, kind, name_zh, name_en, answer_minutes, resolve_hours) VALUES
    ('quality', 'complaint', '商品质量', 'product quality', 120, 48),
    ('service', 'complaint', '服务态度', 'service', 120, 48),
    ('delivery', 'complaint', '配送', 'delivery', 120, 48),
    ('refund', 'complaint', '退换货', 'returns and refunds', 120, 72),
    ('price', 'complaint', '价格与优惠', 'prices and offers', 240, 72),
    ('privacy', 'complaint', '打扰与隐私', 'unwanted contact and privacy', 120, 24),
    ('product', 'enquiry', '商品咨询', 'question about a product', 240, 48),
    ('membership', 'enquiry', '会员与积分', 'membership and points', 240, 48),
    ('other', 'enquiry', '其他', 'other', 480, 72),
    ('suggestion', 'suggestion', '建议', 'suggestion', 2880, 336);

INSERT INTO crm.room_setting (name, value, description) VALUES
    ('service.note_topic', '"service"', 'topic of the ticket that a note with the outcome complaint opens'),
    ('service.stars', '2', 'a rating or review with at most so many stars opens a ticket; 0: none does'),
    ('service.repeat_count', '3', 'a customer''s ticket is the so-manieth of its topic: seniors take it'),
    ('service.repeat_days', '30', 'days over which a customer''s tickets of one topic are counted'),
    ('service.alert_count', '3', 'so many customers of a store complain about one topic: an alert'),
    ('service.alert_days', '7', 'days over which complaints of a store are counted');

INSERT INTO crm.job (job, statement, every, position, next_run_at)
VALUES ('service.watch', 'SELECT crm._service_watch()', '1 hour', 46, 'epoch');

-- what a customer writes on a page of the chain; a type that was seen before it was described keeps its events
INSERT INTO crm.event_type AS t (code, name_zh, name_en, properties, is_seeded)
VALUES ('feedback', '意见反馈', 'feedback', '{"topic": "text", "text": "text", "stars": "number"}', true)
ON CONFLICT (code) DO UPDATE SET name_zh = excluded.name_zh, name_en = excluded.name_en, properties = excluded.properties, is_seeded = true, is_unknown = false
WHERE t.is_unknown;

ALTER TABLE crm.task DROP CONSTRAINT task_kind_check,
    ADD CONSTRAINT task_kind_check CHECK (kind IN ('follow_up', 'flow', 'stall', 'hand', 'mention', 'ticket'));

-- An open ticket is one as of a moment, too: it counts from when it was opened until it was settled.
SELECT crm._rule_source_put('open_ticket', 'service', 'facts', 'crm.ticket', '{
    "key": "customer_id", "keyed": "ever", "time": "opened_at", "until": "resolved_at", "as_of": "facts", "facts": ["ticket"],
    "name_zh": "未解决的投诉与咨询", "name_en": "open complaints and enquiries",
    "columns": {
        "kind": {"column": "kind", "type": "text", "name_zh": "类别", "name_en": "kind"},
        "topic": {"column": "topic", "type": "text", "catalogue": {"relation": "crm.ticket_topic", "code": "topic"}, "name_zh": "主题", "name_en": "topic"},
        "store": {"column": "store_id", "type": "text", "lookup": {"relation": "crm.store", "key": "store_id", "code": "code"}, "name_zh": "门店", "name_en": "store"}}}');
SELECT crm._rule_source_put('ticket', 'service', 'facts', 'crm.ticket', '{
    "key": "customer_id", "keyed": "ever", "time": "opened_at", "as_of": "facts", "facts": ["ticket"],
    "name_zh": "投诉与咨询", "name_en": "complaints and enquiries",
    "columns": {
        "kind": {"column": "kind", "type": "text", "name_zh": "类别", "name_en": "kind"},
        "topic": {"column": "topic", "type": "text", "catalogue": {"relation": "crm.ticket_topic", "code": "topic"}, "name_zh": "主题", "name_en": "topic"},
        "stars": {"column": "stars", "type": "number", "name_zh": "满意度", "name_en": "stars"},
        "store": {"column": "store_id", "type": "text", "lookup": {"relation": "crm.store", "key": "store_id", "code": "code"}, "name_zh": "门店", "name_en": "store"}}}');

-- words of customers are free text and may hold anything: read through functions only
SELECT crm._access_protect_closed('crm.ticket', 'crm.ticket_event');
SELECT crm._access_open('crm.ticket_topic');
