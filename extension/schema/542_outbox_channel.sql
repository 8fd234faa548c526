-- What a channel bears: how often a person, an address, an endpoint; and how long its receipts are waited for.
ALTER TABLE crm.channel
    ADD COLUMN monthly_cap int,         -- messages a person in a calendar month of the chain's zone; null: no limit
    ADD COLUMN address_day_cap int,     -- messages an address in 24 h
    ADD COLUMN receipt_hours int;       -- no receipt for so long after sending: the next channel of the flow; null: not waited for
-- WeCom lets a customer have four messages to customers a month.
UPDATE crm.channel SET monthly_cap = 4 WHERE channel = 'wecom';

ALTER TABLE crm.endpoint
    ADD COLUMN per_minute int,          -- null: what its connector says
    ADD COLUMN bucket numeric,          -- messages that may leave now, as of bucket_at (real time)
    ADD COLUMN bucket_at timestamptz;
-- Messages of flows that have failed, or whose receipt is due: the next channel is looked for.
CREATE TABLE crm.fallback_due (
    customer_id bigint NOT NULL,
    message_id text NOT NULL,
    due_at timestamptz NOT NULL,
    has_failed boolean NOT NULL,        -- it certainly did not arrive; else nobody has said that it did
    PRIMARY KEY (customer_id, message_id));
CREATE INDEX fallback_due_at ON crm.fallback_due (due_at);
-- When messages left to an address, of channels with address_day_cap: the last 24 h.
CREATE TABLE crm.address_rate (
    channel text NOT NULL,
    address_hash bytea NOT NULL,
    left_at timestamptz[] NOT NULL,
    PRIMARY KEY (channel, address_hash));
SELECT crm._access_protect_closed('crm.fallback_due', 'crm.address_rate');
INSERT INTO crm.job (job, statement, every, position, next_run_at) VALUES
    ('campaign.fallback', 'SELECT crm._campaign_fallback()', '5 seconds', 61, 'epoch');
