-- Jobs of the per-database worker.
CREATE TABLE crm.job (
    job text PRIMARY KEY,               -- room.verb
    statement text NOT NULL,            -- one call that does a bounded piece and returns how much is left
    helper_statement text,              -- what a second process does meanwhile, while there is more; null: nothing
    wake_statement text,                -- in how many milliseconds time alone brings it work (bigint, null: unknown), asked when it has none left
    every interval NOT NULL,            -- poll
    at_local time,                      -- daily at this local time instead
    position int NOT NULL DEFAULT 100,
    is_patient boolean NOT NULL DEFAULT false,  -- while an import is stored it runs every two minutes at most
    is_active boolean NOT NULL DEFAULT true,
    next_run_at timestamptz NOT NULL,
    last_run_at timestamptz,
    last_ms numeric,
    failures int NOT NULL DEFAULT 0,
    last_error text,
    last_result bigint);
