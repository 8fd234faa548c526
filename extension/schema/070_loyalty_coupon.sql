-- One coupon table. Points, badges and the rest extend this room later.
CREATE TABLE crm.coupon_type (
    coupon_type text PRIMARY KEY,
    name_zh text NOT NULL,
    name_en text NOT NULL,
    kind text NOT NULL CHECK (kind IN ('amount', 'percent', 'shipping')),
    value numeric NOT NULL CHECK (value >= 0),  -- currency units, or percent off
    minimum_amount numeric NOT NULL DEFAULT 0,
    valid_days int NOT NULL CHECK (valid_days BETWEEN 0 AND 3650),
    rank numeric NOT NULL,              -- worth to a customer, for "an equal or better offer"
    is_claimable boolean NOT NULL DEFAULT false,    -- may be taken by crm.loyalty_claim()
    total_limit bigint CHECK (total_limit >= 0),    -- of claims; null: no limit
    person_limit int CHECK (person_limit > 0),      -- of claims, a person under all ids; null: no limit
    claimed bigint NOT NULL DEFAULT 0,              -- its row is the lock of the last coupons
    is_transferable boolean NOT NULL DEFAULT false, -- the holder may give it to somebody else
    is_pooled boolean NOT NULL DEFAULT false,       -- codes come from crm.coupon_pool_code, not from us
    pool_low int NOT NULL DEFAULT 0 CHECK (pool_low >= 0));     -- with no more codes than this an alert opens

-- Under the customer id it was issued to, for ever: a merge moves nothing.
CREATE TABLE crm.coupon (
    customer_id bigint NOT NULL,
    coupon_id bigint NOT NULL,
    code text NOT NULL,                 -- holds both ids and a check: crm._loyalty_code(); history: the source's own
    coupon_type text NOT NULL,          -- of crm.coupon_type: who writes has read it; a foreign key would lock that one row for each coupon
    flow_id int,
    occurrence_key text,
    value numeric NOT NULL,
    state text NOT NULL CHECK (state IN ('issued', 'redeemed', 'cancelled', 'expired', 'void')),
    issued_at timestamptz NOT NULL,
    valid_until timestamptz NOT NULL,   -- the first moment at which it is not valid any more
    redeemed_at timestamptz,
    redeeming_source_id int,
    redeeming_order text,               -- unique by crm.external_key kind 7
    redeeming_store_id int,
    reserved_source_id int,             -- for an order that is being made: nobody else's until reserved_until
    reserved_order text,
    reserved_until timestamptz,
    given_by bigint,                    -- customer_id of who gave it away
    is_history boolean NOT NULL DEFAULT false,
    PRIMARY KEY (customer_id, coupon_id));
CREATE INDEX coupon_expiry ON crm.coupon (valid_until) WHERE state = 'issued';

-- What happened to a coupon after it was issued, appended.
CREATE TABLE crm.coupon_event (
    customer_id bigint NOT NULL,
    coupon_id bigint NOT NULL,
    coupon_event_id bigint NOT NULL,
    at timestamptz NOT NULL,
    kind text NOT NULL CHECK (kind IN ('redeemed', 'redemption_cancelled', 'void', 'reserved', 'released', 'given', 'received', 'validity')),
    source_id int,
    order_external_id text,
    store_id int,
    amount numeric,                     -- of the order
    discount numeric,
    reason text,
    actor text NOT NULL,
    PRIMARY KEY (customer_id, coupon_id, coupon_event_id));

INSERT INTO crm.coupon_type (coupon_type, name_zh, name_en, kind, value, minimum_amount, valid_days, rank) VALUES
    ('welcome_5', '5元券', '5 yuan off', 'amount', 5, 0, 30, 5),
    ('birthday_shipping', '生日免邮券', 'free shipping for the birthday', 'shipping', 0, 0, 30, 8),
    ('wake_up_90', '9折唤醒券', '10 % off', 'percent', 10, 0, 30, 9);

INSERT INTO crm.job (job, statement, every, position, next_run_at)
VALUES ('loyalty.expire', 'SELECT crm._loyalty_expire()', '1 minute', 40, 'epoch');

SELECT crm._access_open('crm.coupon_type');
SELECT crm._access_protect_person('crm.coupon');
SELECT crm._access_protect_person('crm.coupon_event');
