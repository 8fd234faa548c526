-- What a DBA looks at. Rooms keep their own state views; these join them to the processes.
CREATE VIEW crm.worker_status AS
    SELECT w.process, d.datname AS database, w.pid, w.started_at, w.jobs_run, w.jobs_failed
    FROM crm.worker_list() w LEFT JOIN pg_catalog.pg_database d ON d.oid = w.database;
CREATE VIEW crm.job_status AS
    SELECT j.job, j.is_active, j.every, j.at_local, j.next_run_at, j.last_run_at, j.last_ms, j.last_result, j.failures, j.last_error
    FROM crm.job j;
GRANT SELECT ON crm.worker_status, crm.job_status TO crm_admin;
