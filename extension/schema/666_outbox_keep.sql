-- Messages are kept for a while: the oldest are found by an index whose new entries all go to its end.
CREATE INDEX outbox_created ON crm.outbox (created_at);
-- a day's deletions are a small part of these tables: their room is used again long before a fifth is dead
ALTER TABLE crm.outbox SET (autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 10000);
ALTER TABLE crm.outbox_event SET (autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 10000);
-- rows come and go in minutes
ALTER TABLE crm.outbox_queue SET (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000);
-- What messages of flows came to that are forgotten.
CREATE TABLE crm.outbox_forgotten (
    flow_id int NOT NULL,
    channel text NOT NULL,
    kind text NOT NULL,                 -- sent, delivered, opened, clicked
    messages bigint NOT NULL,
    persons crm.bitmap NOT NULL,        -- whose they were, those on an occurrence's first channel
    PRIMARY KEY (flow_id, channel, kind));
SELECT crm._access_protect_closed('crm.outbox_forgotten');
INSERT INTO crm.room_setting (name, value, description) VALUES
    ('outbox.keep_days', '400', 'days after which a message, its address and what became of it are forgotten; at least the 366 days that a cap of the house may look back');
INSERT INTO crm.job (job, statement, every, at_local, position, next_run_at)
VALUES ('outbox.forget', 'SELECT crm._outbox_forget()', '1 day', '04:10', 64, crm._worker_next_daily('04:10'));
