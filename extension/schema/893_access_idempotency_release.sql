-- A call is told again by its key even when the release between them gave the function another argument, so that its fingerprint is another.
ALTER TABLE crm.idempotency
    ADD COLUMN operation text,          -- the function; null: of a release that did not note it
    ADD COLUMN release text;            -- of the code that noted it
