-- Everybody settled anew, after rules or settings changed: the records of one run in spans, each done in a transaction by whichever process comes first.
CREATE TABLE crm.resettle_run (
    run_id bigint PRIMARY KEY,
    started_at timestamptz NOT NULL,
    actor text NOT NULL,
    reason text NOT NULL);

-- The spans of the newest run.
CREATE TABLE crm.resettle_span (
    first_record bigint PRIMARY KEY,
    last_record bigint NOT NULL,
    record_count int NOT NULL,
    moved_count int,                    -- records that changed persons
    done_at timestamptz);
CREATE INDEX resettle_span_left ON crm.resettle_span (first_record) WHERE done_at IS NULL;

INSERT INTO crm.job (job, statement, helper_statement, every, position, next_run_at) VALUES
    ('identity.resettle', 'SELECT crm._identity_resettle_step()', 'SELECT crm._identity_resettle_step()', '10 seconds', 34, 'epoch');
UPDATE crm.job SET is_patient = true WHERE job = 'identity.resettle';
SELECT crm._access_protect_closed('crm.resettle_run', 'crm.resettle_span');
