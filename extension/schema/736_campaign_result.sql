-- What flows that reached many did, added up each night piece by piece; crm.campaign_results() tells it from there.
CREATE TABLE crm.flow_result (
    flow_id int NOT NULL,
    window_days int NOT NULL,           -- within which orders are counted
    as_of timestamptz,                  -- of the sums; null: they were not added up yet
    sums jsonb NOT NULL,                -- crm._campaign_sums() of everybody
    next_as_of timestamptz NOT NULL,    -- when it was begun anew
    next_sums jsonb NOT NULL,           -- of ids up to
    done_to bigint NOT NULL,            -- this one; 0: it was not begun anew
    PRIMARY KEY (flow_id, window_days)) WITH (fillfactor = 50);
SELECT crm._access_protect_closed('crm.flow_result');
INSERT INTO crm.room_setting (name, value, description) VALUES
    ('campaign.results_at_once', '5000', 'occurrences up to which the results of a flow are computed when they are asked for; of a flow that has more they are those of the last night');
INSERT INTO crm.job (job, statement, every, at_local, position, next_run_at, is_patient) VALUES
    ('campaign.results', 'SELECT crm._campaign_results_job()', '1 hour', NULL, 911, 'epoch', true);
