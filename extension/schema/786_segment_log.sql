-- The log of who entered and who left is a row a segment and run, not a row a person: whom it names, it names by ordinals.
-- A person's row of it cost more than the stay it told of.
CREATE TABLE crm.segment_move (
    segment_id int NOT NULL,
    at timestamptz NOT NULL,
    came crm.bitmap NOT NULL,           -- ordinals
    went crm.bitmap NOT NULL,
    PRIMARY KEY (segment_id, at));
ALTER TABLE crm.segment_move ALTER COLUMN came SET STORAGE EXTERNAL, ALTER COLUMN went SET STORAGE EXTERNAL;
INSERT INTO crm.segment_move (segment_id, at, came, went)
SELECT c.segment_id, c.at, coalesce(crm.bitmap_agg(o.ordinal) FILTER (WHERE c.kind = 'enter'), '{}'), coalesce(crm.bitmap_agg(o.ordinal) FILTER (WHERE c.kind = 'leave'), '{}')
FROM crm.segment_change c JOIN crm.segment_ordinal o ON o.customer_id = c.customer_id GROUP BY 1, 2;
DROP TABLE crm.segment_change;

-- Ordinals say nothing to who cannot see whose they are.
SELECT crm._access_open('crm.segment_move');
SELECT crm._access_protect_person('crm.segment_ordinal');
CREATE VIEW crm.segment_change WITH (security_invoker = true) AS
    SELECT o.customer_id, m.segment_id, m.ordinal * 2 + (m.kind = 'leave')::int AS change_id, m.kind, m.at
    FROM (SELECT x.segment_id, x.at, 'enter' AS kind, crm.bitmap_members(x.came) AS ordinal FROM crm.segment_move x
          UNION ALL
          SELECT x.segment_id, x.at, 'leave', crm.bitmap_members(x.went) FROM crm.segment_move x) m
    JOIN crm.segment_ordinal o ON o.ordinal = m.ordinal;
GRANT SELECT ON crm.segment_change TO crm_clerk, crm_store_manager, crm_manager, crm_service, crm_steward, crm_marketer, crm_analyst, crm_headquarters;
COMMENT ON VIEW crm.segment_change IS 'who entered a living segment and who left it, and when, after it was first filled; change_id orders what happened at one moment';

-- A stay that ends changes its row in place: no index holds when it ended.  Members of now are counted and listed from bitmaps, so that
-- the stays of a segment are read by their beginnings, for moments of the past.
DROP INDEX crm.segment_member_segment;
CREATE INDEX segment_member_entered ON crm.segment_member (segment_id, entered_at);
ALTER TABLE crm.segment_member SET (fillfactor = 80);
