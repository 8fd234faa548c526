-- Persons whom a moment enters into a flow of one step, a thousand to a row: all due at once, gone as they are fired for.
CREATE TABLE crm.enrolment_set (
    flow_id int NOT NULL REFERENCES crm.flow,
    enrolment_set_id bigint NOT NULL,
    epoch int NOT NULL,
    version int NOT NULL,               -- pinned, as of crm.enrolment
    goal_from timestamptz NOT NULL,
    due_at timestamptz NOT NULL,
    persons bigint[] NOT NULL,
    occurrence_keys text[] NOT NULL,    -- of each person
    PRIMARY KEY (flow_id, enrolment_set_id));
SELECT crm._access_protect_closed('crm.enrolment_set');
