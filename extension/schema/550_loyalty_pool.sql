-- Codes that somebody else printed: each is given once, to the coupon it then is the code of.
CREATE TABLE crm.coupon_pool_code (
    code_key text PRIMARY KEY,          -- the code as it is compared: crm._loyalty_code_key()
    code text NOT NULL,                 -- as it was delivered
    coupon_type text NOT NULL REFERENCES crm.coupon_type,
    position bigint NOT NULL,           -- codes are given in the order they came in
    added_at timestamptz NOT NULL,
    customer_id bigint,                 -- null: not given yet
    coupon_id bigint);
CREATE INDEX coupon_pool_free ON crm.coupon_pool_code (coupon_type, position) WHERE coupon_id IS NULL;
INSERT INTO crm.job (job, statement, every, position, next_run_at)
VALUES ('loyalty.pools', 'SELECT crm._loyalty_pools()', '1 minute', 42, 'epoch');
SELECT crm._access_protect_closed('crm.coupon_pool_code');
