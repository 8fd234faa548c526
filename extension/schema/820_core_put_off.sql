-- What facts bring about can be put off, a rule at a time: kept in the commit that caused it, done by a job soon after.
CREATE TABLE crm.put_off_rule (
    rule text PRIMARY KEY,              -- a room that hears of facts, or flow:CODE
    since timestamptz NOT NULL,
    put_off_by text NOT NULL);
CREATE TABLE crm.put_off_fact (
    fact_id bigint PRIMARY KEY,
    rule text NOT NULL,
    kind text NOT NULL,
    customer_ids bigint[] NOT NULL,
    is_history boolean NOT NULL,
    put_at timestamptz NOT NULL);
SELECT crm._access_protect_closed('crm.put_off_rule'), crm._access_protect_closed('crm.put_off_fact');
INSERT INTO crm.job (job, statement, every, position, next_run_at) VALUES ('worker.catch_up', 'SELECT crm._worker_catch_up()', '1 second', 12, 'epoch');
