-- access_version: what the house sets for itself is kept in versions: who changed it, when, and what; told alike for
-- fields, forms, flows and charts, so that one page and one reader of the API know all of them.

CREATE FUNCTION crm._version_changes(before jsonb, after jsonb, at text DEFAULT '') RETURNS TABLE (path text, was jsonb, became jsonb)
    LANGUAGE plpgsql STABLE AS
$$
DECLARE
    part record;
BEGIN
    -- a rule is read as a whole: its parts say nothing alone
    IF jsonb_typeof(before) = 'object' AND jsonb_typeof(after) = 'object' AND NOT before ?| '{all,any,not,kind}'
        AND NOT after ?| '{all,any,not,kind}' THEN
        FOR part IN SELECT k.name, before -> k.name AS b, after -> k.name AS a
            FROM (SELECT jsonb_object_keys(before) AS name UNION SELECT jsonb_object_keys(after)) k
            ORDER BY k.name COLLATE "C" LOOP
            RETURN QUERY SELECT c.* FROM crm._version_changes(part.b, part.a, concat_ws('.', nullif(at, ''), part.name)) c;
        END LOOP;
    ELSIF jsonb_typeof(before) = 'array' AND jsonb_typeof(after) = 'array' AND jsonb_typeof(before -> 0) = 'object'
        AND jsonb_typeof(after -> 0) = 'object' THEN
        FOR part IN SELECT n, before -> n AS b, after -> n AS a
            FROM generate_series(0, greatest(jsonb_array_length(before), jsonb_array_length(after)) - 1) n LOOP
            RETURN QUERY SELECT c.* FROM crm._version_changes(part.b, part.a, concat_ws('.', nullif(at, ''), part.n + 1)) c;
        END LOOP;
    ELSIF before IS DISTINCT FROM after THEN
        RETURN QUERY SELECT at, before, after;
    END IF;
END
$$;
COMMENT ON FUNCTION crm._version_changes(jsonb, jsonb, text) IS
    'what differs between two contents, member by member: the path (steps.2.text; entries of lists count from 1), '
    'what was, what became (a rule as a whole); null: there was none, or is none';

CREATE FUNCTION crm._versions_told(kept jsonb, against int) RETURNS SETOF jsonb
    LANGUAGE plpgsql STABLE AS
$$
BEGIN
    IF against IS NOT NULL AND NOT EXISTS (SELECT FROM jsonb_array_elements(kept) v WHERE (v ->> 'version')::int = against) THEN
        RAISE EXCEPTION 'there is no version %', against USING ERRCODE = 'no_data_found', COLUMN = 'against',
            HINT = 'Leave it out to see what each version changed.';
    END IF;
    RETURN QUERY
    SELECT v.value || jsonb_build_object(
        'is_current', row_number() OVER (ORDER BY (v.value ->> 'version')::int DESC) = 1,
        'changed_by_name', (SELECT s.name FROM crm.staff s WHERE s.code = v.value ->> 'changed_by'),
        'changes', (SELECT coalesce(jsonb_agg(jsonb_build_object('path', c.path, 'was', c.was, 'became', c.became)), '[]')
                    FROM crm._version_changes(b.content, v.value -> 'content') c WHERE b.content IS NOT NULL))
    FROM jsonb_array_elements(kept) v
    LEFT JOIN LATERAL (SELECT x -> 'content' AS content FROM jsonb_array_elements(kept) x
                       WHERE CASE WHEN against IS NULL THEN (x ->> 'version')::int < (v.value ->> 'version')::int
                           ELSE (x ->> 'version')::int = against END
                       ORDER BY (x ->> 'version')::int DESC LIMIT 1) b ON true
    ORDER BY (v.value ->> 'version')::int DESC;
END
$$;
COMMENT ON FUNCTION crm._versions_told(jsonb, int) IS
    'versions, given as a list of {version, content, changed_by, changed_at, back_to}, the newest first, each with '
    'the name of who made it, whether it holds, and what it changed against the one before it, or against a given '
    'version; P0002 for one that is not kept';

CREATE FUNCTION crm._version_wanted(kept jsonb, version int) RETURNS jsonb
    LANGUAGE plpgsql STABLE AS
$$
DECLARE
    wanted jsonb := (SELECT v -> 'content' FROM jsonb_array_elements(kept) v WHERE (v ->> 'version')::int = _version_wanted.version);
BEGIN
    IF wanted IS NULL THEN
        RAISE EXCEPTION 'there is no version %', coalesce(version::text, '') USING ERRCODE = 'no_data_found',
            COLUMN = 'version', HINT = 'The list of versions has those that are kept.';
    END IF;
    RETURN wanted;
END
$$;
COMMENT ON FUNCTION crm._version_wanted(jsonb, int) IS
    'the content of one of the versions of a list; P0002 naming the field for one that is not kept';
