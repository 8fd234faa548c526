-- What flows that reached many achieved, as crm.campaign_results() tells it: computed each night, for it takes seconds.
CREATE TABLE crm.flow_result (
    flow_id int NOT NULL,
    window_days int NOT NULL,           -- within which orders are counted
    as_of timestamptz NOT NULL,
    answer jsonb NOT NULL,
    PRIMARY KEY (flow_id, window_days));
SELECT crm._access_protect_closed('crm.flow_result');
INSERT INTO crm.room_setting (name, value, description) VALUES
    ('campaign.results_at_once', '5000', 'occurrences up to which the results of a flow are computed when they are asked for; of a flow that has more they are those of the last night');
INSERT INTO crm.job (job, statement, every, at_local, position, next_run_at, is_patient) VALUES
    ('campaign.results', 'SELECT crm._campaign_results_job()', '1 hour', NULL, 911, 'epoch', true);
