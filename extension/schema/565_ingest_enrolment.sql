-- Who enrolled whom, and how: at the counter by staff, or the customer's own phone by a store's code.
CREATE TABLE crm.member_enrolment (
    source_record_id bigint PRIMARY KEY,    -- of the source console
    store_id int,
    staff_id int,                           -- null: the customer's own phone
    way text NOT NULL CHECK (way IN ('counter', 'qr')),
    enrolled_at timestamptz NOT NULL);
CREATE INDEX member_enrolment_at ON crm.member_enrolment (enrolled_at);
SELECT crm._access_protect_closed('crm.member_enrolment');

-- The code of a store that customers scan: as many as are printed, each ends by itself or by hand.
CREATE TABLE crm.store_code (
    code_hash bytea PRIMARY KEY,            -- of the code: whoever reads the table enrols nobody
    store_id int NOT NULL REFERENCES crm.store,
    channel text NOT NULL DEFAULT 'store',  -- where it is shown: the customer's channel of registration
    made_by text NOT NULL,
    made_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    ended_at timestamptz,
    enrolled bigint NOT NULL DEFAULT 0,
    hour_starts timestamptz NOT NULL,       -- how many in this hour: a code that is abused stops
    hour_count int NOT NULL DEFAULT 0);
CREATE INDEX store_code_store ON crm.store_code (store_id);
SELECT crm._access_protect_closed('crm.store_code');
INSERT INTO crm.room_setting (name, value, description) VALUES
    ('ingest.store_code_days', '365', 'days after which a store''s enrolment code ends'),
    ('ingest.store_code_hourly', '60', 'persons that one enrolment code takes in an hour');
