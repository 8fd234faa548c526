-- Who of the staff uses the system, and which of its functions nobody does.
CREATE TABLE crm.report_staff_day (
    day date NOT NULL,
    staff_id int NOT NULL,
    sessions int NOT NULL,              -- sign-ins
    entered int NOT NULL,               -- notes and enrolments
    traced int NOT NULL,                -- what else stands on the trail: look-ups, edits, clear values
    PRIMARY KEY (day, staff_id));
CREATE TABLE crm.report_staff_day_progress (
    is_only boolean PRIMARY KEY DEFAULT true CHECK (is_only),
    kept_to date NOT NULL);             -- days up to here are added up
INSERT INTO crm.report_staff_day_progress (kept_to) VALUES ('-infinity');
CREATE INDEX session_created ON crm.session (created_at);

-- Calls of the gateway's operations, a row a day, operation and role; told by each gateway every minute.
CREATE TABLE crm.operation (
    operation text PRIMARY KEY,
    tag text NOT NULL,                  -- chapter of the description
    summary text NOT NULL,
    since date NOT NULL);               -- counted from this day on
CREATE TABLE crm.operation_day (
    day date NOT NULL,
    operation text NOT NULL,
    role text NOT NULL,
    calls bigint NOT NULL,
    PRIMARY KEY (day, operation, role));
SELECT crm._access_protect_wide('crm.report_staff_day');
SELECT crm._access_protect_closed('crm.report_staff_day_progress', 'crm.operation', 'crm.operation_day');
INSERT INTO crm.job (job, statement, every, at_local, position, next_run_at, is_patient) VALUES
    ('report.staff', 'SELECT crm._report_staff_job()', '1 day', '04:40', 910, crm._worker_next_daily('04:40'), true);
