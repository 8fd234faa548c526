-- What staff are to do about a person, until when, and what became of it.
-- Under the customer id it was made for, for ever: a merge moves nothing.
CREATE TABLE crm.task (
    customer_id bigint NOT NULL,
    task_id bigint NOT NULL,
    task_key text NOT NULL,             -- what brought it about: flow:<code>:<key>, note:<interaction>, hand:<task>, mention:<interaction>:<staff>
    kind text NOT NULL CHECK (kind IN ('follow_up', 'flow', 'stall', 'hand', 'mention')),
    title text NOT NULL CHECK (length(title) BETWEEN 1 AND 200),
    body text NOT NULL DEFAULT '',
    store_id int REFERENCES crm.store,          -- whose list it stands in; null: headquarters
    staff_id int REFERENCES crm.staff,          -- null: whoever of the role in the store takes it
    role name NOT NULL,                         -- the lowest role that works on it
    due_at timestamptz NOT NULL,
    escalate_at timestamptz,                    -- when the next role up hears of it; null: never, or done
    escalate_to name,
    state text NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'done', 'cancelled')),
    outcome text,
    created_at timestamptz NOT NULL,
    closed_at timestamptz,
    PRIMARY KEY (customer_id, task_id),
    UNIQUE (customer_id, task_key));
CREATE INDEX task_store ON crm.task (store_id, due_at) WHERE state = 'open';
CREATE INDEX task_staff ON crm.task (staff_id, due_at) WHERE state = 'open';
CREATE INDEX task_escalation ON crm.task (escalate_at) WHERE state = 'open' AND escalate_at IS NOT NULL;

-- Its life, appended.
CREATE TABLE crm.task_event (
    customer_id bigint NOT NULL,
    task_id bigint NOT NULL,
    task_event_id bigint NOT NULL,
    at timestamptz NOT NULL,
    kind text NOT NULL CHECK (kind IN ('created', 'done', 'cancelled', 'escalated', 'reassigned', 'postponed', 'reopened')),
    actor text NOT NULL,
    detail jsonb NOT NULL DEFAULT '{}',
    PRIMARY KEY (customer_id, task_id, task_event_id));

INSERT INTO crm.room_setting (name, value, description) VALUES
    ('sales.follow_up_hours', '48', 'a follow-up that is this many hours overdue is shown to the store manager'),
    ('sales.follow_up_at', '"10:00"', 'local time at which a follow-up of a day is due');

INSERT INTO crm.job (job, statement, every, position, next_run_at)
VALUES ('sales.escalate', 'SELECT crm._sales_escalate()', '1 minute', 45, 'epoch');

-- titles and notes are free text and may hold anything: read through functions only
SELECT crm._access_protect_closed('crm.task', 'crm.task_event');
