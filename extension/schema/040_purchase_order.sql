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
CREATE SEQUENCE crm.product_id_seq AS int;

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
    status text NOT NULL,               -- paid, unpaid, cancelled, completed
    ordered_at timestamptz NOT NULL,
    paid_at timestamptz,
    business_day date,                  -- local day of paid_at; null while it does not count
    amount numeric NOT NULL,            -- what the order's lines add up to, after discounts
    discount numeric NOT NULL DEFAULT 0,
    coupon_code text,
    line_count int NOT NULL,
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
    description text,                   -- only when the product is unknown
    quantity numeric NOT NULL,
    unit_price numeric NOT NULL,
    amount numeric NOT NULL,            -- rounded once, half away from zero, to the currency's exponent
    PRIMARY KEY (source_record_id, order_id, revision, line_no));

CREATE TABLE crm.refund (
    source_record_id bigint NOT NULL,   -- of the order; a refund before its order: of a receipt record
    refund_id bigint NOT NULL,
    revision int NOT NULL DEFAULT 1,
    is_current boolean NOT NULL DEFAULT true,
    source_id int NOT NULL,
    external_id text NOT NULL,
    order_external_id text,
    order_id bigint,                    -- null while its order is unknown
    line_key text,
    amount numeric NOT NULL,            -- positive
    refunded_at timestamptz NOT NULL,
    refunded_on date NOT NULL,
    purchase_day date,                  -- the order's business day, which it nets
    store_id int,
    reason text,
    is_history boolean NOT NULL,
    received_at timestamptz NOT NULL,
    PRIMARY KEY (source_record_id, refund_id, revision));
CREATE INDEX refund_waiting ON crm.refund (source_id, order_external_id) WHERE order_id IS NULL AND is_current;

-- Entries (purchase day, day known, minor units), at most 128 a chunk, never TOASTed.
CREATE TABLE crm.purchase_chunk (
    source_record_id bigint NOT NULL,
    chunk_no int NOT NULL,
    first_day date NOT NULL,
    last_day date NOT NULL,
    entry_count smallint NOT NULL,
    net_minor bigint NOT NULL,
    history crm.purchase_history NOT NULL,
    PRIMARY KEY (source_record_id, chunk_no)) WITH (fillfactor = 80);
ALTER TABLE crm.purchase_chunk ALTER history SET STORAGE PLAIN;

SELECT crm._access_open('crm.product_category', 'crm.product');
SELECT crm._access_protect_fact('crm.customer_order');
SELECT crm._access_protect_item('crm.order_item');
SELECT crm._access_protect_fact('crm.refund');
SELECT crm._access_protect_wide('crm.purchase_chunk');
