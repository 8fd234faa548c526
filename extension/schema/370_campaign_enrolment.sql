-- Persons on their way through a flow, the calendar that schedules may name, and the flows that a marketer may begin with.
-- A row while steps are to come; what came of each step is in the ledger.
CREATE TABLE crm.enrolment (
    customer_id bigint NOT NULL,
    flow_id int NOT NULL REFERENCES crm.flow,
    epoch int NOT NULL,
    occurrence_key text NOT NULL,
    version int NOT NULL,               -- pinned: an edit changes those who enter later
    since timestamptz NOT NULL,         -- the fact or the moment that it began with: steps count from it
    goal_from timestamptz NOT NULL,     -- an order after it reaches the goal
    step int NOT NULL DEFAULT 1,
    due_at timestamptz NOT NULL,
    PRIMARY KEY (customer_id, flow_id, epoch, occurrence_key));
CREATE INDEX enrolment_due ON crm.enrolment (flow_id, due_at, customer_id);
SELECT crm._access_protect_person('crm.enrolment');

-- Days that are named rather than counted: festivals, solar terms, a chain's own.
CREATE TABLE crm.calendar_day (
    calendar text NOT NULL,
    day date NOT NULL,
    name_zh text NOT NULL,
    PRIMARY KEY (calendar, day));

CREATE TABLE crm.flow_preset (
    preset text PRIMARY KEY,
    name_zh text NOT NULL,
    name_en text NOT NULL,
    trigger text NOT NULL CHECK (trigger IN ('schedule', 'event', 'site')),
    spec jsonb NOT NULL);
SELECT crm._access_open('crm.calendar_day', 'crm.flow_preset');
