-- campaign_wake: when flows have to be looked at, and what a second process may do meanwhile.

CREATE FUNCTION crm._campaign_has_moment(flow crm.flow_row) RETURNS boolean
    LANGUAGE plpgsql STABLE AS
$$
BEGIN
    RETURN EXISTS (
        SELECT FROM (SELECT z FROM crm._campaign_zones() z WHERE NOT flow.spec ? 'zone'
                UNION SELECT flow.spec ->> 'zone' WHERE flow.spec ? 'zone') s (zone)
        WHERE crm.campaign_cron_next(flow.spec ->> 'schedule', s.zone,
                greatest(flow.watermark, crm.core_now() - interval '40 days')) <= crm.core_now());
END
$$;
COMMENT ON FUNCTION crm._campaign_has_moment(crm.flow_row) IS
    'whether a moment of a flow''s schedule has come since it was worked on, of whatever day';

CREATE FUNCTION crm._campaign_has_work(flow crm.flow_row) RETURNS boolean
    LANGUAGE plpgsql STABLE AS
$$
DECLARE
    newest bigint;
BEGIN
    IF flow.trigger = 'silence' THEN
        RETURN EXISTS (SELECT FROM crm._campaign_zones() z WHERE crm._local_day(crm.core_now(), z) > crm._local_day(flow.watermark, z));
    ELSIF flow.trigger = 'birthday' THEN
        newest := coalesce((SELECT max(c.customer_id) FROM crm.customer c), 0);
        RETURN crm._campaign_looked_to(flow, newest) <> newest;
    END IF;
    RETURN EXISTS (SELECT FROM crm.enrolment_set s WHERE s.flow_id = flow.flow_id)
        OR EXISTS (SELECT FROM crm.enrolment e WHERE e.flow_id = flow.flow_id AND e.due_at <= crm.core_now())
        OR (flow.trigger = 'schedule' AND crm._campaign_has_moment(flow));
END
$$;
COMMENT ON FUNCTION crm._campaign_has_work(crm.flow_row) IS
    'whether time has brought something for an active flow: a local day for silences, an hour or newcomers for '
    'birthdays, a moment of a schedule, somebody who is entered and due';

CREATE FUNCTION crm._campaign_next_local(clock time) RETURNS timestamptz
    LANGUAGE plpgsql STABLE AS
$$
BEGIN
    RETURN (SELECT min(d.at) FROM crm._campaign_zones() z (zone), generate_series(0, 1) n,
                 LATERAL (SELECT (crm._local_day(crm.core_now(), z.zone) + n + clock) AT TIME ZONE z.zone AS at) d
            WHERE d.at > crm.core_now());
END
$$;
COMMENT ON FUNCTION crm._campaign_next_local(time) IS
    'the next moment at which clocks of one of the zones that persons live by show a time';

CREATE FUNCTION crm._campaign_next_of(flow crm.flow_row) RETURNS timestamptz
    LANGUAGE plpgsql STABLE AS
$$
DECLARE
    entered timestamptz := (SELECT min(e.due_at) FROM crm.enrolment e WHERE e.flow_id = flow.flow_id AND e.due_at > crm.core_now());
BEGIN
    RETURN least(entered, CASE flow.trigger
        WHEN 'silence' THEN crm._campaign_next_local('00:00')
        -- also at midnight: what was not sent then is written down as missed
        WHEN 'birthday' THEN least(crm._campaign_next_local((flow.spec ->> 'at')::time), crm._campaign_next_local('00:00'))
        WHEN 'schedule' THEN (
            SELECT min(crm.campaign_cron_next(flow.spec ->> 'schedule', s.zone, crm.core_now()))
            FROM (SELECT z FROM crm._campaign_zones() z WHERE NOT flow.spec ? 'zone' UNION SELECT flow.spec ->> 'zone'
                        WHERE flow.spec ? 'zone') s (zone)) END);
END
$$;
COMMENT ON FUNCTION crm._campaign_next_of(crm.flow_row) IS
    'the next moment at which time alone brings something for a flow; null: none';

CREATE FUNCTION crm._campaign_wakes_in() RETURNS bigint
    LANGUAGE plpgsql STABLE AS
$$
DECLARE
    flow crm.flow_row;
    next_at timestamptz;
BEGIN
    FOR flow IN SELECT * FROM crm.flow f WHERE f.state = 'active' AND f.trigger <> 'welcome' LOOP
        next_at := least(next_at, crm._campaign_next_of(flow));
    END LOOP;
    RETURN ceil(least(extract(epoch FROM next_at - crm.core_now()) * 1000, 86400000));
END
$$;
COMMENT ON FUNCTION crm._campaign_wakes_in() IS
    'in how many milliseconds of the clock time alone brings something for a flow, a day at most; null: never. '
    'Facts that enter persons wake the worker themselves';

-- The first flow with something due has both processes: a flow of lower priority is asked when it has none left.
CREATE FUNCTION crm._campaign_help() RETURNS bigint
    LANGUAGE plpgsql AS
$$
DECLARE
    flow crm.flow_row;
BEGIN
    SELECT * INTO flow FROM crm.flow f
    WHERE f.flow_id = (SELECT w.flow_id FROM crm.flow w WHERE w.state = 'active' AND w.trigger IN ('schedule', 'event')
                         AND (EXISTS (SELECT FROM crm.enrolment_set s WHERE s.flow_id = w.flow_id)
                              OR EXISTS (SELECT FROM crm.enrolment e WHERE e.flow_id = w.flow_id AND e.due_at <= crm.core_now()))
                       ORDER BY coalesce((w.spec ->> 'priority')::int, 0) DESC, w.flow_id LIMIT 1) AND f.state = 'active'
    FOR SHARE SKIP LOCKED;
    RETURN CASE WHEN FOUND THEN crm._campaign_enrolled(flow) ELSE 0 END;
END
$$;
COMMENT ON FUNCTION crm._campaign_help() IS
    'what a second process does of campaign.due: fires for those who are entered and whom the first has not taken; '
    'returns 1 when there may be more';

-- Whose birthday it is changes with the hour and with newcomers.  Everybody is looked at again when an hour of the
-- flow or a midnight has passed, after an edit, and each ten minutes (a birthday told of late, a merge).
CREATE FUNCTION crm._campaign_looked_to(flow crm.flow_row, newest bigint) RETURNS bigint
    LANGUAGE plpgsql STABLE AS
$$
DECLARE
    look record;
BEGIN
    SELECT l.version, l.looked_at, l.newest_id INTO look FROM crm.flow_look l WHERE l.flow_id = flow.flow_id;
    IF look.version IS DISTINCT FROM flow.version OR crm.core_now() NOT BETWEEN look.looked_at AND look.looked_at + interval '10 minutes'
       OR flow.active_from >= look.looked_at OR look.newest_id > newest
       OR EXISTS (SELECT FROM crm._campaign_zones() z (zone), unnest(ARRAY['00:00', (flow.spec ->> 'at')::time]) t (clock)
                  WHERE (crm._local_day(crm.core_now(), z.zone) + t.clock) AT TIME ZONE z.zone > look.looked_at
                    AND (crm._local_day(crm.core_now(), z.zone) + t.clock) AT TIME ZONE z.zone <= crm.core_now()) THEN
        RETURN 0;
    END IF;
    RETURN look.newest_id;
END
$$;
COMMENT ON FUNCTION crm._campaign_looked_to(crm.flow_row, bigint) IS
    'the person up to whom a flow of birthdays need not look now; 0: at everybody';

CREATE FUNCTION crm._campaign_looked(flow crm.flow_row, at_everybody boolean, newest bigint) RETURNS void
    LANGUAGE plpgsql AS
$$
BEGIN
    INSERT INTO crm.flow_look AS l (flow_id, version, looked_at, newest_id) VALUES (flow.flow_id, flow.version, crm.core_now(), newest)
    ON CONFLICT (flow_id) DO UPDATE SET version = excluded.version, newest_id = excluded.newest_id,
        looked_at = CASE WHEN at_everybody THEN excluded.looked_at ELSE l.looked_at END;
END
$$;
COMMENT ON FUNCTION crm._campaign_looked(crm.flow_row, boolean, bigint) IS 'notes how far a flow of birthdays has looked';
