-- Where alerts go: to those who look after the chain, never to its persons.
ALTER TABLE crm.alert ADD COLUMN told_at timestamptz;  -- when it was put on its way; null: nobody wants it yet
CREATE INDEX alert_untold ON crm.alert (alert_id) WHERE told_at IS NULL;
CREATE TABLE crm.alert_route (
    endpoint text NOT NULL REFERENCES crm.endpoint,
    address text NOT NULL,              -- of an e-mail; nothing where the endpoint is the reader
    kinds text[] NOT NULL,              -- patterns: ingest.%, outbox.dead
    defined_at timestamptz NOT NULL,
    PRIMARY KEY (endpoint, address));
SELECT crm._access_protect_closed('crm.alert_route');
INSERT INTO crm.room_setting (name, value, description) VALUES
    ('outbox.alert_hours', '24', 'hours after which an alert that could not be delivered is no news any more');
INSERT INTO crm.job (job, statement, every, position, next_run_at)
VALUES ('outbox.alerts', 'SELECT crm._outbox_alerts()', '5 seconds', 62, 'epoch');
