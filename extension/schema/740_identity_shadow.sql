-- Sources that are tried out: the engine says whom it would merge and merges nobody.
ALTER TABLE crm.source ADD COLUMN is_shadow boolean NOT NULL DEFAULT false;         -- its new records are taken so
ALTER TABLE crm.source_record ADD COLUMN is_shadow boolean NOT NULL DEFAULT false;  -- taken so, and not let go yet
CREATE INDEX source_record_shadow ON crm.source_record (source_record_id) WHERE is_shadow;
INSERT INTO crm.job (job, statement, every, at_local, position, next_run_at) VALUES
    ('identity.shadow', 'SELECT crm._identity_shadow_step()', '1 minute', NULL, 33, 'epoch');
UPDATE crm.job SET is_patient = true WHERE job = 'identity.shadow';
