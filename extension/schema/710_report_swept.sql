-- The sweep of what boards keep compares nothing while nobody has written what it compares.
ALTER TABLE crm.report_progress ADD COLUMN swept_state text;    -- what crm._report_swept_state() said as the last sweep began; null: none did
