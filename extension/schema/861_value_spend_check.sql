-- What single amounts do to the fit of spending: how many lie far out, and what is expected of a customer with and without them.
ALTER TABLE crm.forecast_model ADD COLUMN spend_check jsonb;    -- null: of a version fitted before it was told
