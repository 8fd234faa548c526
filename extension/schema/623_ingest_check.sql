-- A phone that enrols itself proves that it is there: the code it was sent, as a keyed hash, with a short life and few tries.
CREATE TABLE crm.join_check (
    phone_hash bytea NOT NULL,
    join_check_id bigint NOT NULL,
    client_hash bytea NOT NULL,             -- of the network address it was asked from
    code_hash bytea NOT NULL,
    made_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    tries int NOT NULL DEFAULT 0,
    used_at timestamptz,
    PRIMARY KEY (phone_hash, join_check_id));
CREATE INDEX join_check_client ON crm.join_check (client_hash, made_at);
CREATE INDEX join_check_made ON crm.join_check (made_at);
SELECT crm._access_protect_closed('crm.join_check');
INSERT INTO crm.room_setting (name, value, description) VALUES
    ('ingest.join_check', '"auto"', 'whether a phone that enrols itself proves by a code that it is there: auto (when text messages are carried), always, never'),
    ('ingest.join_check_seconds', '300', 'life of the code that a phone is sent'),
    ('ingest.join_check_tries', '5', 'tries that a code bears'),
    ('ingest.join_check_phone_hourly', '5', 'codes that one phone is sent in an hour, one a minute at most'),
    ('ingest.join_check_client_hourly', '30', 'codes that are asked for from one network address in an hour');
INSERT INTO crm.job (job, statement, every, position, next_run_at)
VALUES ('ingest.join_checks', 'SELECT crm._ingest_forget_checks()', '1 hour', 63, 'epoch');
