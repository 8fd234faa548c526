-- Variants of what a flow says and offers, quotas, caps of the house, lunar birthdays.
ALTER TABLE crm.occurrence ADD COLUMN variant text;     -- of the treatment: which of the flow's variants it was, for ever
-- How many a flow with a quota has let through; its row is the lock of the last places.
CREATE TABLE crm.flow_quota (
    flow_id int NOT NULL REFERENCES crm.flow,
    epoch int NOT NULL,
    taken bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (flow_id, epoch));
-- How many messages of flows a person gets, of all flows together, of a channel or of flows of a tag.
CREATE TABLE crm.message_cap (
    cap text PRIMARY KEY,
    messages int NOT NULL CHECK (messages BETWEEN 1 AND 99),
    days int CHECK (days BETWEEN 1 AND 366),            -- rolling
    per text CHECK (per IN ('day', 'week', 'month')),   -- of the calendar, by the clock of the person's zone
    channel text REFERENCES crm.channel,                -- null: all
    tag text,                                           -- null: whatever the flow's tag
    CHECK (num_nonnulls(days, per) = 1));
SELECT crm._access_open('crm.flow_quota', 'crm.message_cap');
-- lunar birthdays are kept by their lunar month and day
CREATE INDEX customer_private_lunar ON crm.customer_private ((extract(month FROM birthday) * 100 + extract(day FROM birthday))) WHERE is_birthday_lunar;
