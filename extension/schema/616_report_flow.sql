-- What flows did, added up by the stores in whose scope persons are: the board of a store, a region or the chain is the sum of a few
-- thousand rows and of what happened since.
CREATE TABLE crm.report_flow (
    generation int NOT NULL,
    piece bigint NOT NULL,              -- 0: whole; else persons from this id on, while a generation is being added up
    flow_id int NOT NULL,
    stores int[] NOT NULL,              -- scope_store_ids of active persons; empty for others
    treated bigint NOT NULL,
    control bigint NOT NULL,
    sent bigint NOT NULL,
    redeemed bigint NOT NULL,
    PRIMARY KEY (generation, piece, flow_id, stores));
CREATE TABLE crm.report_flow_progress (
    is_only boolean PRIMARY KEY DEFAULT true CHECK (is_only),
    generation int NOT NULL,            -- the one that is shown
    until timestamptz NOT NULL,         -- it holds what happened before; -infinity: nothing
    next_until timestamptz NOT NULL,    -- of the next one,
    done_to bigint NOT NULL);           -- which holds persons up to this id; 0: it was not begun
INSERT INTO crm.report_flow_progress (generation, until, next_until, done_to) VALUES (0, '-infinity', '-infinity', 0);
SELECT crm._access_protect_wide('crm.report_flow');
SELECT crm._access_protect_closed('crm.report_flow_progress');
CREATE INDEX coupon_redeemed ON crm.coupon (redeemed_at) WHERE state = 'redeemed' AND flow_id IS NOT NULL;
INSERT INTO crm.job (job, statement, every, at_local, position, next_run_at, is_patient)
VALUES ('report.flows', 'SELECT crm._report_flows_job()', '1 hour', NULL, 906, 'epoch', true);
