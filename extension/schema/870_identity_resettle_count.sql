-- What a run that settles everybody anew changed, span by span: how many were made one, and how many two.
ALTER TABLE crm.resettle_span ADD COLUMN joined_count int, ADD COLUMN parted_count int;
