-- A version of a flow is what it does and what it says: texts as they were when the next version came.
ALTER TABLE crm.flow_version ADD COLUMN texts jsonb, ADD COLUMN back_to int;
COMMENT ON COLUMN crm.flow_version.texts IS 'what the templates of the spec said at the end of the version: [{template, channel, language, body, ...}]; null: not kept then';
UPDATE crm.flow_version v SET texts = (
    SELECT coalesce(jsonb_agg(jsonb_strip_nulls(to_jsonb(t)) ORDER BY t.template, t.channel, t.language), '[]') FROM crm.template t
    WHERE t.template IN (SELECT n #>> '{}' FROM jsonb_path_query(v.spec, 'lax $.**.template') n))
FROM crm.flow f WHERE f.flow_id = v.flow_id AND f.version = v.version;
