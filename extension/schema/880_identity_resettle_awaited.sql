-- A run begins when those have ended who were writing when it was asked for: they may have settled by the settings of before.
ALTER TABLE crm.resettle_run
    ADD COLUMN awaited text[],          -- their transactions, as pg_locks names them
    ADD COLUMN opened_at timestamptz;   -- they have ended, and what they wrote is in the spans
UPDATE crm.resettle_run SET opened_at = started_at;
