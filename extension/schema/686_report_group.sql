-- What a night adds up over everybody by the stores of persons: where they came from, which fields they have, what tiers buy of which
-- category in which store, what became of messages and coupons, the commonest ways through categories.
CREATE TABLE crm.report_group (
    generation int NOT NULL,
    what text NOT NULL,                 -- origin, field, mix, gap, message, coupon, path
    a text NOT NULL,                    -- channel; field; tier; level; outcome; state; categories of the path
    b text NOT NULL,                    -- of mix: category; of gap: before the level, or since; of a path, while a generation is being added up: days
    stores int[] NOT NULL,              -- in whose scope the persons are; of mix: where it was bought
    persons bigint NOT NULL,            -- of gap, message and coupon: how many of them
    amount numeric NOT NULL,            -- of mix: before refunds; of field: persons with or without it; of gap: their days; of a path: median days
    PRIMARY KEY (generation, what, a, b, stores)) WITH (fillfactor = 50);
CREATE TABLE crm.report_group_progress (
    is_only boolean PRIMARY KEY DEFAULT true CHECK (is_only),
    generation int NOT NULL,            -- the one that is shown; 0: none
    as_of date,
    next_as_of date,
    done_to bigint NOT NULL);           -- the next one holds persons up to this id; 0: it was not begun
INSERT INTO crm.report_group_progress (generation, done_to) VALUES (0, 0);
SELECT crm._access_protect_wide('crm.report_group');
SELECT crm._access_protect_closed('crm.report_group_progress');
INSERT INTO crm.job (job, statement, every, at_local, position, next_run_at, is_patient) VALUES
    ('report.groups', 'SELECT crm._report_groups_job()', '1 day', '04:20', 908, crm._worker_next_daily('04:20'), true);

-- Charts that somebody put together: a measure, what it is divided by, a span; answered under the rights of who looks.
CREATE TABLE crm.report_saved (
    report_id bigint PRIMARY KEY,
    name text NOT NULL,
    spec jsonb NOT NULL,
    owner text NOT NULL,                -- staff code, or the key or role that saved it
    roles text[] NOT NULL,              -- with whom it is shared
    updated_at timestamptz NOT NULL);
SELECT crm._access_protect_closed('crm.report_saved');
INSERT INTO crm.room_setting (name, value, description) VALUES
    ('report.least_enrolled', '5', 'persons whom a member of staff enrolled in a month, from which on the leaderboard ranks them'),
    ('report.completeness_points', '10', 'points that a wholly complete month of enrolments is worth in the leaderboard of staff');
