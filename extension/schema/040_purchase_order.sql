-- Products, orders, refunds: append-only revisions; and the packed history per source record.
CREATE TABLE crm.product_category (
    category_id int PRIMARY KEY,
    code text NOT NULL UNIQUE,
    name text NOT NULL,
    refill_days int);
CREATE TABLE crm.product (
    product_id int PRIMARY KEY,
    code text NOT NULL UNIQUE,
    name text NOT NULL,
    category_id int REFERENCES crm.product_category,
    list_price numeric,
    refill_days int,
    updated_at timestamptz NOT NULL);
CREATE SEQUENCE crm.product_id_seq AS int;  -- of products and of categories

CREATE TABLE crm.customer_order (
    source_record_id bigint NOT NULL,
    order_id bigint NOT NULL,
    revision int NOT NULL DEFAULT 1,
    is_current boolean NOT NULL DEFAULT true,
    source_id int NOT NULL,
    external_id text NOT NULL,
    store_id int,
    channel text NOT NULL DEFAULT '',
    kind text NOT NULL DEFAULT 'sale',  -- sale, cancellation, adjustment
    status text NOT NULL,               -- paid, completed: it counts; unpaid, cancelled, other
    ordered_at timestamptz NOT NULL,
    paid_at timestamptz,
    business_day date,                  -- local day of paid_at; null while it does not count
    amount numeric NOT NULL,            -- what the order's lines add up to, after discounts
    discount numeric NOT NULL DEFAULT 0,
    coupon_code text,
    line_count int NOT NULL,
    source_version text,                -- the source's own version or time of this revision
    is_history boolean NOT NULL,
    received_at timestamptz NOT NULL,
    PRIMARY KEY (source_record_id, order_id, revision));
CREATE INDEX customer_order_day ON crm.customer_order (business_day) WHERE is_current;

CREATE TABLE crm.order_item (
    source_record_id bigint NOT NULL,
    order_id bigint NOT NULL,
    revision int NOT NULL DEFAULT 1,
    line_no int NOT NULL,
    line_key text,                      -- the source's line number; null: line_no is the ordinal
    product_id int,
    description text,                   -- only when the line names no product
    quantity numeric NOT NULL,
    unit_price numeric NOT NULL,
    amount numeric NOT NULL,            -- rounded once, half away from zero, to the currency's exponent
    PRIMARY KEY (source_record_id, order_id, revision, line_no));

-- A refund that comes before its order keeps the order's place: crm.external_key has a row of
-- revision 0 for the order, with the id it will have.
CREATE TABLE crm.refund (
    source_record_id bigint NOT NULL,   -- of the order; while the order is unknown: of a receipt record
    refund_id bigint NOT NULL,
    revision int NOT NULL DEFAULT 1,
    is_current boolean NOT NULL DEFAULT true,
    source_id int NOT NULL,
    external_id text NOT NULL,
    order_external_id text,
    order_id bigint,                    -- null: it names no order
    line_key text,
    amount numeric NOT NULL,            -- positive
    refunded_at timestamptz NOT NULL,
    refunded_on date NOT NULL,
    purchase_day date,                  -- the day it nets: its order's, or its own without an order; null: it waits
    store_id int,
    reason text,
    source_version text,
    is_history boolean NOT NULL,
    received_at timestamptz NOT NULL,
    PRIMARY KEY (source_record_id, refund_id, revision));
CREATE INDEX refund_order ON crm.refund (order_id) WHERE is_current AND order_id IS NOT NULL;

-- Entries (purchase day, day known, minor units), at most 128 a chunk, never TOASTed. A record's
-- chunks divide the calendar; the first row is the lock of all of them.
CREATE TABLE crm.purchase_chunk (
    source_record_id bigint NOT NULL,
    from_day date NOT NULL,             -- holds the days from here to the next chunk; -infinity for the first
    history crm.purchase_history NOT NULL,
    PRIMARY KEY (source_record_id, from_day)) WITH (fillfactor = 80);

INSERT INTO crm.room_setting (name, value, description)
VALUES ('purchase.currency_exponent', '2', 'decimal places of the installation''s currency; amounts are rounded to it, histories count in it');

SELECT crm._access_open('crm.product_category', 'crm.product');
SELECT crm._access_protect_fact('crm.customer_order');
SELECT crm._access_protect_item('crm.order_item');
SELECT crm._access_protect_fact('crm.refund');
SELECT crm._access_protect_wide('crm.purchase_chunk');
