-- Where members of staff are reached: a webhook or a robot of their own, or an e-mail address.
CREATE TABLE crm.staff_endpoint (
    staff_id int PRIMARY KEY REFERENCES crm.staff,
    endpoint text NOT NULL REFERENCES crm.endpoint,
    address text NOT NULL,              -- of an e-mail; nothing where the endpoint is the reader
    defined_at timestamptz NOT NULL);
SELECT crm._access_protect_closed('crm.staff_endpoint');
