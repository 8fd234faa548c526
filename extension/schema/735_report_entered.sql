-- What staff entered, added up each night by day: scorecards and leaderboards are the sum of a few thousand rows and of the days since.
CREATE TABLE crm.report_entered (
    day date NOT NULL,
    store_id int NOT NULL,              -- 0: none
    staff_id int NOT NULL,              -- 0: nobody in person
    persons bigint NOT NULL,            -- enrolled
    parts bigint NOT NULL,              -- of these: how many of name, phone, birthday, a consent are there, four a person at most
    duplicates bigint NOT NULL,         -- of these: who were known before
    notes bigint NOT NULL,
    PRIMARY KEY (day, store_id, staff_id));
CREATE TABLE crm.report_entered_progress (
    is_only boolean PRIMARY KEY DEFAULT true CHECK (is_only),
    kept_from date NOT NULL,            -- days from here
    kept_to date NOT NULL,              -- to here are added up
    next_day date);                     -- the next one to be added up again; null: not begun tonight
INSERT INTO crm.report_entered_progress (kept_from, kept_to) VALUES ('infinity', '-infinity');
SELECT crm._access_protect_wide('crm.report_entered');
SELECT crm._access_protect_closed('crm.report_entered_progress');
INSERT INTO crm.job (job, statement, every, at_local, position, next_run_at, is_patient) VALUES
    ('report.entered', 'SELECT crm._report_entered_job()', '1 day', '04:30', 909, crm._worker_next_daily('04:30'), true);
-- by their days, whoever they are about
CREATE INDEX interaction_day ON crm.interaction (business_day) WHERE is_current AND NOT is_history;
CREATE INDEX task_due ON crm.task (due_at) WHERE kind = 'follow_up';
