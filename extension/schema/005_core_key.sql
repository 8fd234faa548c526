-- Uniqueness of everything that comes from outside lives here and nowhere else.
CREATE TABLE crm.external_key (
    source_id int NOT NULL,
    kind smallint NOT NULL,             -- 1 member record, 2 order, 3 refund, 4 event, 5 interaction, 6 coupon, 7 redemption, 8 use of points
    external_id text NOT NULL,
    source_record_id bigint NOT NULL,
    fact_id bigint NOT NULL,
    content_hash bytea NOT NULL,        -- of the newest revision
    revision int NOT NULL DEFAULT 1,
    received_at timestamptz,            -- the inbox row of the newest revision
    inbox_id bigint,
    line_no int,
    PRIMARY KEY (source_id, kind, external_id));
CREATE INDEX external_key_record ON crm.external_key (source_record_id);
