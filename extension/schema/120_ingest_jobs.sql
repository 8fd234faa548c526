INSERT INTO crm.job (job, statement, every, position, next_run_at) VALUES
    ('ingest.validate', 'SELECT crm._ingest_validate()', '2 seconds', 10, crm.core_now()),
    ('ingest.apply', 'SELECT crm._ingest_apply()', '2 seconds', 11, crm.core_now());
