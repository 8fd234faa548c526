-- When a deal came to each of its stages first, in its own row: what its events say, for figures over thousands of deals.
ALTER TABLE crm.deal ADD COLUMN came_stages text[] NOT NULL DEFAULT '{}', ADD COLUMN came_at timestamptz[] NOT NULL DEFAULT '{}',
    ADD CHECK (cardinality(came_stages) = cardinality(came_at));
UPDATE crm.deal d SET came_stages = w.stages, came_at = w.moments
FROM (SELECT e.customer_id, e.deal_id, array_agg(e.stage ORDER BY e.at, e.stage) AS stages, array_agg(e.at ORDER BY e.at, e.stage) AS moments
      FROM (SELECT x.customer_id, x.deal_id, x.stage, min(x.at) AS at FROM crm.deal_event x WHERE x.kind IN ('opened', 'moved') GROUP BY 1, 2, 3) e GROUP BY 1, 2) w
WHERE d.customer_id = w.customer_id AND d.deal_id = w.deal_id;
