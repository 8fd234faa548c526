-- What each role enters when it registers a customer: which fields, in which order, which of them must be filled in.
-- Every edit is a version; the newest one holds, an older one is taken back by giving it again.
CREATE TABLE crm.entry_form (
    role name NOT NULL,
    version int NOT NULL,
    fields jsonb NOT NULL,              -- [{"field": "phone", "is_required": true}, ...]
    changed_by text NOT NULL,
    changed_at timestamptz NOT NULL,
    PRIMARY KEY (role, version));
SELECT crm._access_open('crm.entry_form');
