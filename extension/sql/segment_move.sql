-- segment_move: who came into a living segment and who left it, after it was first filled.

CREATE FUNCTION crm.segment_changes(code text, before text DEFAULT NULL, page int DEFAULT 100) RETURNS SETOF jsonb
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
DECLARE
    id int := crm._segment_require(code);
    parts text[] := string_to_array(coalesce(before, 'infinity 0'), ' ');
    at_before timestamptz;
    id_before bigint;
BEGIN
    BEGIN
        at_before := replace(parts[1], '_', ' ')::timestamptz;
        id_before := parts[2]::bigint;
    EXCEPTION WHEN data_exception THEN
        at_before := NULL;
    END;
    IF at_before IS NULL OR id_before IS NULL OR cardinality(parts) <> 2 THEN
        RAISE EXCEPTION 'this is no place in the list' USING ERRCODE = 'invalid_parameter_value', COLUMN = 'cursor',
            HINT = 'Give the cursor of the page before.';
    END IF;
    RETURN QUERY
    SELECT jsonb_build_object('at', x.at, 'kind', m.kind, 'customer_id', c.customer_id, 'name', c.name_masked, 'phone', c.phone_masked,
                              'cursor', to_char(x.at AT TIME ZONE 'UTC', 'YYYY-MM-DD_HH24:MI:SS.US"Z"') || ' ' || m.change_id)
    FROM crm.segment_move x
    CROSS JOIN LATERAL (    -- of a moment's many no more than the page holds
        SELECT e.ordinal, e.kind, e.change_id
        FROM (SELECT i.ordinal, 'enter' AS kind, i.ordinal * 2 AS change_id FROM crm.bitmap_members(x.came) i (ordinal)
              UNION ALL SELECT o.ordinal, 'leave', o.ordinal * 2 + 1 FROM crm.bitmap_members(x.went) o (ordinal)) e
        WHERE x.at < at_before OR e.change_id < id_before ORDER BY e.change_id DESC LIMIT least(greatest(page, 1), 500)) m
    JOIN crm.segment_ordinal n ON n.ordinal = m.ordinal
    JOIN crm.customer c ON c.customer_id = crm._identity_current(n.customer_id)
    WHERE x.segment_id = id AND x.at <= at_before
    ORDER BY x.at DESC, m.change_id DESC LIMIT least(greatest(page, 1), 500);
END
$$;
COMMENT ON FUNCTION crm.segment_changes(text, text, int) IS
    'who entered and who left a living segment, the newest first, masked, a page of at most 500 before a cursor; '
    'RM361, 22023';

CREATE FUNCTION crm.segment_movement(code text, from_day date, to_day date) RETURNS SETOF jsonb
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
DECLARE
    id int := crm._segment_require(code);
    zone text := crm._setting('core.time_zone') #>> '{}';
BEGIN
    PERFORM crm._require_span(from_day, to_day);
    IF to_day - from_day > 400 THEN
        RAISE EXCEPTION 'a movement takes 1 to 401 days' USING ERRCODE = 'invalid_parameter_value', COLUMN = 'to',
            HINT = 'Name a first and a last day.';
    END IF;
    RETURN QUERY
    WITH moved AS (
        SELECT crm._local_day(x.at, zone) AS day, sum(crm.bitmap_count(x.came)) AS entered, sum(crm.bitmap_count(x.went)) AS gone
        FROM crm.segment_move x
        WHERE x.segment_id = id AND x.at >= from_day::timestamp AT TIME ZONE zone AND x.at < (to_day + 1)::timestamp AT TIME ZONE zone GROUP BY 1)
    SELECT jsonb_build_object('day', d.day, 'entered', coalesce(m.entered, 0), 'left', coalesce(m.gone, 0))
    FROM (SELECT from_day + n AS day FROM generate_series(0, to_day - from_day) n) d LEFT JOIN moved m ON m.day = d.day ORDER BY d.day;
END
$$;
COMMENT ON FUNCTION crm.segment_movement(text, date, date) IS
    'how many entered and left a living segment on each local day from a first to a last, 401 at most; RM361, 22023';

GRANT EXECUTE ON FUNCTION crm.segment_changes(text, text, int), crm.segment_movement(text, date, date) TO crm_marketer, crm_analyst, crm_headquarters;
-- the view crm.segment_change unfolds sets for whoever reads it
GRANT EXECUTE ON FUNCTION crm.bitmap_members(crm.bitmap) TO crm_clerk, crm_store_manager, crm_manager, crm_service;
