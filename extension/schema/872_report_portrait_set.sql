-- Who is what a portrait tells of, as sets of persons: written each night piece by piece, so that a portrait counts what two sets share.
-- A piece is a row of its own: a set that grew with each would be written over as often as there are pieces.
CREATE TABLE crm.report_portrait_set (
    is_shown boolean NOT NULL,          -- those of the last night; false: those that are being written
    dimension text NOT NULL,            -- all, tier, stage, sex, city, channel, age, category
    key text NOT NULL,
    piece bigint NOT NULL,              -- after which person, or record, it begins
    ids crm.bitmap NOT NULL,
    PRIMARY KEY (is_shown, dimension, key, piece));
ALTER TABLE crm.report_portrait_set ALTER COLUMN ids SET STORAGE EXTERNAL;
CREATE TABLE crm.report_portrait_progress (
    is_only boolean PRIMARY KEY DEFAULT true CHECK (is_only),
    as_of date NOT NULL,                -- the local day on which those that are shown were written
    step text NOT NULL,                 -- persons, lines
    done_to bigint NOT NULL);           -- by their ids
INSERT INTO crm.report_portrait_progress (as_of, step, done_to) VALUES ('-infinity', 'persons', 0);
SELECT crm._access_protect_closed('crm.report_portrait_set', 'crm.report_portrait_progress');
INSERT INTO crm.job (job, statement, every, at_local, position, next_run_at, is_patient) VALUES
    ('report.portrait', 'SELECT crm._report_portrait_job()', '1 day', '04:50', 911, crm._worker_next_daily('04:50'), true);
