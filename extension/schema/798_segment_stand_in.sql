-- Lists hold persons: who is merged away is in as the survivor.  That it was so is kept, for the unmerge.
CREATE TABLE crm.segment_stand_in (
    customer_id bigint NOT NULL,        -- was in the list when merged away
    segment_id int NOT NULL,
    stands_in bigint NOT NULL,          -- into whom: in the list since
    is_let_in boolean NOT NULL,         -- for that alone: had not been in the list
    PRIMARY KEY (customer_id, segment_id));
CREATE INDEX segment_stand_in_person ON crm.segment_stand_in (stands_in);
SELECT crm._access_protect_closed('crm.segment_stand_in');
