-- Who is held out of everything against all others, added up each night piece by piece in a large chain.
CREATE TABLE crm.held_out_result (
    is_only boolean PRIMARY KEY DEFAULT true CHECK (is_only),
    percent numeric,                    -- held out when this was added up,
    since date,                         -- from that day on
    as_of timestamptz,                  -- null: never
    sums crm.arm_sum[] NOT NULL,
    next_sums crm.arm_sum[] NOT NULL,   -- of persons up to done_to
    next_as_of timestamptz,
    done_to bigint NOT NULL);           -- 0: not begun
INSERT INTO crm.held_out_result (sums, next_sums, done_to) VALUES ('{}', '{}', 0);
SELECT crm._access_protect_closed('crm.held_out_result');
INSERT INTO crm.room_setting (name, value, description) VALUES
    ('campaign.held_at_once', '50000', 'persons up to which those held out of everything are compared with the others when it is asked for; of more it is the comparison of the last night');
INSERT INTO crm.job (job, statement, every, at_local, position, next_run_at, is_patient) VALUES
    ('campaign.held', 'SELECT crm._campaign_held_job()', '1 day', '05:00', 912, crm._worker_next_daily('05:00'), true);
