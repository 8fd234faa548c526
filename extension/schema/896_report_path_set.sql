-- Who went each of the ways through categories that a night adds up (crm.report_group, path), so that their number opens its persons.
-- A piece of persons is a row of its own: a set that grew with each would be written over as often as there are pieces.
CREATE TABLE crm.report_path_set (
    generation int NOT NULL,            -- as of crm.report_group
    path text NOT NULL,                 -- codes of categories, an array as text
    from_id bigint NOT NULL,            -- behind which person the piece begins
    ids crm.bitmap NOT NULL,
    PRIMARY KEY (generation, path, from_id));
SELECT crm._access_protect_closed('crm.report_path_set');
