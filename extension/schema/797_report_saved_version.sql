-- A saved chart that is saved anew keeps what it was.
ALTER TABLE crm.report_saved ADD COLUMN version int NOT NULL DEFAULT 1;
CREATE TABLE crm.report_saved_version (
    report_id bigint NOT NULL REFERENCES crm.report_saved ON DELETE CASCADE,
    version int NOT NULL,
    content jsonb NOT NULL,             -- {name, spec, roles}
    back_to int,
    changed_by text NOT NULL,
    changed_at timestamptz NOT NULL,
    PRIMARY KEY (report_id, version));
SELECT crm._access_protect_closed('crm.report_saved_version');
INSERT INTO crm.report_saved_version (report_id, version, content, changed_by, changed_at)
SELECT r.report_id, 1, jsonb_build_object('name', r.name, 'spec', r.spec, 'roles', to_jsonb(r.roles)), r.owner, r.updated_at FROM crm.report_saved r;
