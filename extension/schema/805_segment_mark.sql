-- Marks are a row a call, of all its persons as a set: a row a person, put in and taken away again, cost more than to ask about him.
CREATE TABLE crm.segment_mark (
    mark_id bigint PRIMARY KEY,
    kind text NOT NULL,                 -- of the fact; membership: records moved
    persons crm.bitmap NOT NULL);       -- facts changed, segments are still to be looked at
ALTER TABLE crm.segment_mark ALTER COLUMN persons SET STORAGE EXTERNAL;
INSERT INTO crm.segment_mark (mark_id, kind, persons)
SELECT min(d.mark_id), d.kind, crm.bitmap_agg(d.customer_id) FROM crm.segment_dirty d GROUP BY d.kind;
DROP TABLE crm.segment_dirty;
SELECT crm._access_protect_closed('crm.segment_mark');
