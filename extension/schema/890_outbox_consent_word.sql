-- What a person says to staff: one word for all of their records and some channels, with who noted it and where, so that it can be told and,
-- said by mistake, taken back. What records brought (a till, a file, an enrolment) has none of these.
ALTER TABLE crm.consent
    ADD COLUMN word_id bigint,          -- the rows of one word
    ADD COLUMN noted_by text,           -- who noted it: staff code, API key id or SQL login
    ADD COLUMN store_id int,            -- where: the one store of who noted it
    ADD COLUMN opened jsonb;            -- addresses that had opted out, which a yes opened again: [{address, at, evidence}]
