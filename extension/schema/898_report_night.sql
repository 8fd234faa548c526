-- A night that breaks off is ended as of the day on which it began: its first pieces are of that day.
ALTER TABLE crm.report_portrait_progress ADD COLUMN next_as_of date;    -- of those that are being written; null: none yet
UPDATE crm.report_portrait_progress SET next_as_of = CASE WHEN step = 'persons' AND done_to = 0 THEN nullif(as_of, '-infinity') ELSE crm._report_today() END;
