-- One coupon table. Points, badges and the rest extend this room later.
CREATE TABLE crm.coupon_type (
    coupon_type text PRIMARY KEY,
    name_zh text NOT NULL,
    name_en text NOT NULL,
    kind text NOT NULL CHECK (kind IN ('amount', 'percent', 'shipping')),
    value numeric NOT NULL,             -- currency units, or percent off
    minimum_amount numeric NOT NULL DEFAULT 0,
    valid_days int NOT NULL,
    rank numeric NOT NULL);             -- worth to a customer, for "an equal or better offer"
CREATE TABLE crm.coupon (
    customer_id bigint NOT NULL,
    coupon_id bigint NOT NULL,
    code text NOT NULL,                 -- holds the coupon's id and a check: crm.loyalty_coupon_code()
    coupon_type text NOT NULL REFERENCES crm.coupon_type,
    flow_id int,
    occurrence_key text,
    value numeric NOT NULL,
    state text NOT NULL CHECK (state IN ('issued', 'redeemed', 'cancelled', 'expired', 'void')),
    issued_at timestamptz NOT NULL,
    valid_until timestamptz NOT NULL,
    redeemed_at timestamptz,
    redeeming_source_id int,
    redeeming_order text,               -- unique by crm.external_key kind 7
    redeeming_store_id int,
    is_history boolean NOT NULL DEFAULT false,
    PRIMARY KEY (customer_id, coupon_id));
CREATE INDEX coupon_expiry ON crm.coupon (valid_until) WHERE state = 'issued';

SELECT crm._access_open('crm.coupon_type');
SELECT crm._access_protect_person('crm.coupon');
