-- Custom fields change without a restart, and back again: every definition is kept.
CREATE TABLE crm.custom_field_version (
    entity text NOT NULL,
    code text NOT NULL,
    version int NOT NULL,
    definition jsonb NOT NULL,          -- {name_zh, name_en, type, options, is_derived, is_sensitive}
    back_to int,                        -- the version that this one took back
    changed_by text NOT NULL,
    changed_at timestamptz NOT NULL,
    PRIMARY KEY (entity, code, version));
SELECT crm._access_open('crm.custom_field_version');
INSERT INTO crm.custom_field_version (entity, code, version, definition, changed_by, changed_at)
SELECT f.entity, f.code, 1, to_jsonb(f) - '{entity,code}'::text[], 'crm', crm.core_now() FROM crm.custom_field f;
ALTER TABLE crm.entry_form ADD COLUMN back_to int;
