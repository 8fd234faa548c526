-- Who is counted by what a night adds up (crm.report_group), so that its numbers open their persons: a set for each number, a row a piece of
-- persons, for a set that grew with each piece would be written over as often as there are pieces.
CREATE TABLE crm.report_group_set (
    generation int NOT NULL,            -- as of crm.report_group
    what text NOT NULL,                 -- origin, field, lost, lead, lead_visit, lead_order, bought, reached, offer
    key text NOT NULL,                  -- which number of these
    from_id bigint NOT NULL,            -- behind which person the piece begins
    ids crm.bitmap NOT NULL,
    PRIMARY KEY (generation, what, key, from_id));
SELECT crm._access_protect_closed('crm.report_group_set');
-- of a night before there is none: the next one comes at once, and one that is under way begins again, or its first pieces would have none
UPDATE crm.report_group_progress SET done_to = 0;
UPDATE crm.job SET next_run_at = crm.core_now() WHERE job = 'report.groups' AND EXISTS (SELECT FROM crm.report_group_progress p WHERE p.generation > 0);
