-- campaign_hour: when a message leaves: not in quiet hours, and, if the flow says so, at the person's best hour.

CREATE FUNCTION crm._campaign_best_moment(flow crm.flow_row, person bigint, zone text, planned timestamptz) RETURNS timestamptz
    LANGUAGE plpgsql STABLE AS
$$
DECLARE
    local timestamp := planned AT TIME ZONE zone;
    own int := (SELECT h.hour FROM crm._value_hours(person, local::date) h WHERE h.is_enough);
    wanted time := CASE WHEN own IS NOT NULL THEN make_time(own, 0, 0)
        WHEN flow.spec ->> 'best_hour' <> 'due' THEN (flow.spec ->> 'best_hour')::time END;
BEGIN
    -- in the very hour already, or nothing is wanted
    IF wanted IS NULL OR (own IS NOT NULL AND extract(hour FROM local) = own) THEN
        RETURN planned;
    END IF;
    RETURN (local::date + CASE WHEN local::time <= wanted THEN 0 ELSE 1 END + wanted) AT TIME ZONE zone;
END
$$;
COMMENT ON FUNCTION crm._campaign_best_moment(crm.flow_row, bigint, text, timestamptz) IS
    'the next time, from a moment on, that a person''s best hour comes by the zone''s clock (habits of a year); '
    'else the flow''s best_hour, "due" being the moment itself';

CREATE FUNCTION crm._campaign_leaves(flow crm.flow_row, person bigint, zone text, planned timestamptz,
                                     late_at timestamptz, OUT at timestamptz, OUT why text)
    LANGUAGE plpgsql STABLE AS
$$
DECLARE
    quiet jsonb := crm._campaign_quiet(flow, zone);
    best timestamptz;
BEGIN
    at := crm._outbox_quiet_until(quiet, planned);
    why := 'held to ';
    IF flow.spec ? 'best_hour' THEN
        -- quiet hours win over the best one, and being in time over both
        best := crm._outbox_quiet_until(quiet, crm._campaign_best_moment(flow, person, zone, planned));
        IF best > at AND best < late_at THEN
            at := best;
            why := 'held to the best hour, ';
        END IF;
    END IF;
END
$$;
COMMENT ON FUNCTION crm._campaign_leaves(crm.flow_row, bigint, text, timestamptz, timestamptz) IS
    'when a message of a flow that is planned for a moment leaves, and what it is held for if that is later';

CREATE FUNCTION crm._campaign_leave_all(flow crm.flow_row, persons bigint[], zones text[], planned timestamptz,
                                        late_at timestamptz, OUT moments timestamptz[], OUT why text[])
    LANGUAGE plpgsql STABLE AS
$$
BEGIN
    IF flow.spec ? 'best_hour' THEN
        SELECT array_agg(l.at ORDER BY p.n), array_agg(l.why ORDER BY p.n) INTO moments, why
        FROM ROWS FROM (unnest(persons), unnest(zones)) WITH ORDINALITY p (id, zone, n),
            LATERAL crm._campaign_leaves(flow, p.id, p.zone, planned, late_at) l;
        RETURN;
    END IF;
    moments := ARRAY(SELECT q.until FROM unnest(zones) WITH ORDINALITY z (zone, n)
                     JOIN (SELECT d.zone, crm._outbox_quiet_until(crm._campaign_quiet(flow, d.zone), planned) AS until
                           FROM (SELECT DISTINCT unnest(zones) AS zone) d OFFSET 0) q USING (zone) ORDER BY z.n);
    why := array_fill('held to '::text, ARRAY[cardinality(zones)]);
END
$$;
COMMENT ON FUNCTION crm._campaign_leave_all(crm.flow_row, bigint[], text[], timestamptz, timestamptz) IS
    'what crm._campaign_leaves() says of each of many persons, in their order; by zone alone when the flow has no '
    'best hour';
