-- A span that could not be settled is tried again when the others are done: it does not stand in their way.
ALTER TABLE crm.resettle_span ADD COLUMN failed_at timestamptz;
