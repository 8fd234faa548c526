-- Boards are answered from persons kept packed: stores, tier and its changes, scores, and what each bought on which day in
-- which store (pure/board.h). Blocks divide the ids, as the chunks of a history divide the calendar.
CREATE TABLE crm.report_block (
    from_id bigint PRIMARY KEY,         -- holds the persons from here to the next block
    persons bytea NOT NULL) WITH (fillfactor = 90, toast_tuple_target = 8160);
ALTER TABLE crm.report_block ALTER COLUMN persons SET STORAGE EXTERNAL;    -- a person of many thousand visits alone is put aside
INSERT INTO crm.report_block (from_id, persons) VALUES (0, '');

-- Whose facts or records changed since their block was written, a row a commit; boards correct themselves by these.
CREATE TABLE crm.report_mark (
    mark_id bigint PRIMARY KEY,
    customer_ids bigint[] NOT NULL);

-- Tiers by number: 0 is who has not bought.
CREATE TABLE crm.report_tier (
    tier_no int PRIMARY KEY,
    tier text NOT NULL UNIQUE);
INSERT INTO crm.report_tier (tier_no, tier) VALUES (0, 'P');

-- One row: the lock of whoever writes blocks, and how far the sweep has come.
CREATE TABLE crm.report_progress (
    is_only boolean PRIMARY KEY DEFAULT true CHECK (is_only),
    swept_to bigint NOT NULL);
INSERT INTO crm.report_progress (swept_to) VALUES (0);
SELECT crm._access_protect_closed('crm.report_block', 'crm.report_mark', 'crm.report_progress');
SELECT crm._access_open('crm.report_tier');

INSERT INTO crm.room_setting (name, value, description) VALUES
    ('report.most_waiting', '1000', 'persons whose facts changed since boards were kept that a board looks at by itself; while more wait, it shows what was kept');
INSERT INTO crm.job (job, statement, every, at_local, position, next_run_at, is_patient) VALUES
    ('report.keep', 'SELECT crm._report_keep_job()', '30 s', NULL, 45, 'epoch', true),
    ('report.sweep', 'SELECT crm._report_sweep_job()', '5 min', NULL, 905, 'epoch', true);
