-- Who on the staff looks after a person, since when, and who gave the person to them.
-- Under the customer id it was said of, for ever: a merge moves nothing; of a person's several the latest counts.
CREATE TABLE crm.person_owner (
    customer_id bigint NOT NULL,
    person_owner_id bigint NOT NULL,
    staff_id int NOT NULL REFERENCES crm.staff,
    since timestamptz NOT NULL,
    until timestamptz,                  -- null: now
    actor text NOT NULL,
    reason text NOT NULL DEFAULT '',
    PRIMARY KEY (customer_id, person_owner_id));
CREATE UNIQUE INDEX person_owner_now ON crm.person_owner (customer_id) WHERE until IS NULL;
CREATE INDEX person_owner_staff ON crm.person_owner (staff_id) WHERE until IS NULL;
-- reasons are free text: read through functions only
SELECT crm._access_protect_closed('crm.person_owner');

INSERT INTO crm.room_setting (name, value, description) VALUES
    ('sales.quiet_days', '60', 'an owner''s customer who neither bought nor was spoken to for these days is listed as quiet'),
    ('sales.enroller_owns', 'false', 'whether whoever registers a customer at the counter looks after them from then on, when nobody does');
