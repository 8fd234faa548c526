-- Points: an append-only ledger of lots.  A lot lies on the record whose fact earned it, so that it goes
-- where the record goes: a merge adds balances, an unmerge gives each side back what its records earned.
CREATE TABLE crm.points_rule (
    code text PRIMARY KEY,
    name_zh text NOT NULL,
    name_en text NOT NULL,
    kind text NOT NULL CHECK (kind IN ('order', 'event', 'multiplier')),
    rate numeric NOT NULL CHECK (rate >= 0 AND rate <= 1000000),    -- order: points a currency unit; event: points each; multiplier: factor
    event_type text,                    -- of kind event
    daily_limit int CHECK (daily_limit > 0),    -- of kind event: events a local day that earn
    condition jsonb NOT NULL DEFAULT '{}',      -- a rule about the person; {}: everybody
    pending_days int NOT NULL DEFAULT 0 CHECK (pending_days BETWEEN 0 AND 3650),    -- not usable before
    valid_days int CHECK (valid_days BETWEEN 0 AND 36500),          -- null: for ever
    expires_at_end_of text NOT NULL DEFAULT 'day' CHECK (expires_at_end_of IN ('day', 'month', 'year')),
    valid_from timestamptz NOT NULL,    -- facts before it earn nothing
    valid_until timestamptz NOT NULL DEFAULT 'infinity',
    is_active boolean NOT NULL);

-- remaining is the sum of the lot's entries; below zero: earned by a sale that was refunded after they were used.
CREATE TABLE crm.points_lot (
    source_record_id bigint NOT NULL,
    lot_id bigint NOT NULL,
    cause_kind text NOT NULL CHECK (cause_kind IN ('order', 'event', 'flow', 'level', 'badge', 'referral', 'lottery', 'manual', 'history')),
    cause_key text NOT NULL,
    rule text NOT NULL DEFAULT '',      -- crm.points_rule
    rate numeric NOT NULL DEFAULT 0,    -- with its multiplier, as it was when earned: later corrections use it
    earned bigint NOT NULL,
    remaining bigint NOT NULL,
    state text NOT NULL CHECK (state IN ('pending', 'open', 'expired')),
    earned_at timestamptz NOT NULL,
    available_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,    -- the first moment at which it is not usable any more; infinity: never
    PRIMARY KEY (source_record_id, lot_id)) WITH (fillfactor = 80);
CREATE UNIQUE INDEX points_lot_cause ON crm.points_lot (source_record_id, cause_kind, cause_key, rule);
CREATE INDEX points_lot_pending ON crm.points_lot (available_at) WHERE state = 'pending';
CREATE INDEX points_lot_expiry ON crm.points_lot (expires_at) WHERE state = 'open' AND expires_at < 'infinity';

-- Never changed, never deleted.
CREATE TABLE crm.points_entry (
    source_record_id bigint NOT NULL,
    lot_id bigint NOT NULL,
    entry_id bigint NOT NULL,
    customer_id bigint NOT NULL,        -- whose the record was
    at timestamptz NOT NULL,
    kind text NOT NULL CHECK (kind IN ('earn', 'correct', 'spend', 'return', 'expire', 'settle', 'forgive', 'forfeit')),
    points bigint NOT NULL CHECK (points <> 0),
    use_id bigint,                      -- of spend and return
    reason text,
    actor text NOT NULL,
    PRIMARY KEY (source_record_id, lot_id, entry_id));
CREATE INDEX points_entry_customer ON crm.points_entry (customer_id, at);

-- What points were used for; one a source and reference by crm.external_key kind 8.
CREATE TABLE crm.points_use (
    customer_id bigint NOT NULL,
    use_id bigint NOT NULL,
    points bigint NOT NULL CHECK (points > 0),
    source_id int,
    reference text,                     -- the order, in its source
    store_id int,
    at timestamptz NOT NULL,
    reason text,
    actor text NOT NULL,
    returned_at timestamptz,
    PRIMARY KEY (customer_id, use_id));

-- Kept in the transaction of each entry; crm.loyalty_check() adds the ledger up anew.
CREATE TABLE crm.points_balance (
    customer_id bigint PRIMARY KEY,
    available bigint NOT NULL,
    pending bigint NOT NULL,
    earned bigint NOT NULL,             -- ever, less what refunds took back
    updated_at timestamptz NOT NULL);

INSERT INTO crm.points_rule (code, name_zh, name_en, kind, rate, valid_days, expires_at_end_of, valid_from, is_active) VALUES
    ('spend', '消费积分', 'points for purchases', 'order', 1, 365, 'month', '2000-01-01', false);
INSERT INTO crm.room_setting (name, value, description) VALUES
    ('loyalty.refund_debt', 'true', 'points used before their sale was refunded are owed (a balance may fall below zero); false: what cannot be taken back is forgiven');
INSERT INTO crm.job (job, statement, every, position, next_run_at)
VALUES ('loyalty.points', 'SELECT crm._loyalty_points_due()', '1 minute', 41, 'epoch');

SELECT crm._access_open('crm.points_rule');
SELECT crm._access_protect_person('crm.points_balance');
SELECT crm._access_protect_person('crm.points_entry');
SELECT crm._access_protect_person('crm.points_use');
SELECT crm._access_protect_wide('crm.points_lot');
SELECT crm._rule_source_put('points', 'loyalty', 'state', 'crm.points_balance', '{"key": "customer_id", "keyed": "person", "as_of": "now",
    "name_zh": "积分", "name_en": "points", "facts": ["order", "refund", "event"],
    "columns": {"available": {"column": "available", "type": "number", "name_zh": "可用积分", "name_en": "usable points"},
                "pending": {"column": "pending", "type": "number", "name_zh": "待生效积分", "name_en": "pending points"},
                "earned": {"column": "earned", "type": "number", "name_zh": "累计积分", "name_en": "points earned"}}}');
