-- campaign_enrol: persons on their way through a flow.  A schedule or a fact enters them, with the key of the
-- occurrence and the version of the flow; each step then fires when it is due, through the one gate.
--
-- Locks: the flow's row (the job), enrolments due, then what firing locks.  A key is entered once and fired once:
-- the ledger answers for both, whatever is repeated.

CREATE FUNCTION crm.campaign_cron_next(expression text, zone text, after timestamptz, dialect text DEFAULT 'vixie') RETURNS timestamptz
    LANGUAGE c STABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'crm_campaign_cron_next';
COMMENT ON FUNCTION crm.campaign_cron_next(text, text, timestamptz, text) IS
    'the first moment after another at which a cron expression of five or six fields falls, by the clock of a zone; '
    'a fixed time falls once a day: in the gap of spring at its end, in autumn the first time; null: never within '
    '50 years; dialects vixie, robfig, spring; RM803 for what is no expression, 22023 no zone';
GRANT EXECUTE ON FUNCTION crm.campaign_cron_next(text, text, timestamptz, text) TO crm_marketer, crm_headquarters;

CREATE FUNCTION crm._campaign_moment(flow crm.flow_row, zone text, after timestamptz) RETURNS timestamptz
    LANGUAGE plpgsql STABLE AS
$$
DECLARE
    moment timestamptz := after;
BEGIN
    FOR n IN 1 .. 1000 LOOP
        moment := crm.campaign_cron_next(flow.spec ->> 'schedule', zone, moment);
        EXIT WHEN moment IS NULL OR moment > crm.core_now() OR NOT flow.spec ? 'calendar';
        IF EXISTS (SELECT FROM crm.calendar_day d WHERE d.calendar = flow.spec ->> 'calendar'
                   AND d.day = crm._local_day(moment, zone) + coalesce((flow.spec ->> 'days_before')::int, 0)) THEN
            EXIT;
        END IF;
    END LOOP;
    RETURN CASE WHEN moment <= crm.core_now() THEN moment END;
END
$$;
COMMENT ON FUNCTION crm._campaign_moment(crm.flow_row, text, timestamptz) IS
    'the first moment of a flow''s schedule after another that has come, its calendar''s days alone if it names '
    'one; null: none has';

CREATE FUNCTION crm._campaign_step_spec(spec jsonb, step int, goal_from timestamptz) RETURNS jsonb
    LANGUAGE sql STABLE PARALLEL SAFE AS
$$ SELECT (spec - 'steps') || coalesce(spec -> 'steps' -> (CASE WHEN step > 0 THEN step - 1 END), '{}') || jsonb_build_object('since', goal_from) $$;
COMMENT ON FUNCTION crm._campaign_step_spec(jsonb, int, timestamptz) IS
    'what a flow is in one of its steps: its values, those of the step before them, and from when on an order is '
    'the goal';

CREATE FUNCTION crm._campaign_step_due(spec jsonb, step int, since timestamptz, zone text) RETURNS timestamptz
    LANGUAGE plpgsql STABLE AS
$$
DECLARE
    own jsonb := coalesce(spec -> 'steps' -> (step - 1), '{}');
    local timestamp := since AT TIME ZONE zone;
BEGIN
    -- days are the calendar's, hours are real ones
    IF own ? 'after_days' OR own ? 'at' THEN
        local := local + make_interval(days => coalesce((own ->> 'after_days')::int, 0));
        IF own ? 'at' THEN
            local := date_trunc('day', local) + (own ->> 'at')::time;
        END IF;
        RETURN local AT TIME ZONE zone;
    END IF;
    RETURN since + coalesce((own ->> 'after_hours')::numeric, 0)::float8 * interval '1 hour';
END
$$;
COMMENT ON FUNCTION crm._campaign_step_due(jsonb, int, timestamptz, text) IS
    'when a step of an enrolment is due: after_hours, or after_days and at by the clock of the zone, from its '
    'beginning';

CREATE FUNCTION crm._campaign_period(spec jsonb, moment timestamptz, zone text) RETURNS text
    LANGUAGE plpgsql STABLE AS
$$
DECLARE
    day date := crm._local_day(moment, zone);
BEGIN
    IF spec ? 'ago' THEN
        RETURN crm._day_text(day - (spec ->> 'ago')::int);
    END IF;
    RETURN CASE spec ->> 'key' WHEN 'once' THEN 'once' WHEN 'year' THEN to_char(day, 'YYYY') WHEN 'quarter' THEN to_char(day, 'YYYY"Q"Q')
        WHEN 'month' THEN to_char(day, 'YYYY-MM')
        WHEN 'half_month' THEN to_char(day, 'YYYY-MM') || CASE WHEN extract(day FROM day) < 15 THEN '/1' ELSE '/2' END
        ELSE crm._day_text(day) END;
END
$$;
COMMENT ON FUNCTION crm._campaign_period(jsonb, timestamptz, text) IS
    'the key of an occurrence that a schedule brings: the day that lies so many days ago, once, or the local year, '
    'quarter, month, half month or day; never a reading of the clock';

CREATE FUNCTION crm._campaign_goal_from(spec jsonb, moment timestamptz, zone text) RETURNS timestamptz
    LANGUAGE sql STABLE AS
$$
    SELECT CASE WHEN spec ? 'ago' THEN (crm._local_day(moment, zone) - (spec ->> 'ago')::int + 1)::timestamp AT TIME ZONE zone ELSE moment END
$$;
COMMENT ON FUNCTION crm._campaign_goal_from(jsonb, timestamptz, text) IS
    'from when on an order is the goal: the end of the day that the flow counts from, else the moment';

-- A rule asks of changes by their day: one of after the moment, until the look, has made it hold, too, and a later
-- one of the day may be another's.
CREATE FUNCTION crm._campaign_change_key(who jsonb, person bigint, day date) RETURNS text
    LANGUAGE plpgsql STABLE AS
$$
DECLARE
    named jsonb[] := ARRAY(SELECT p -> 'where' FROM jsonb_path_query(who, 'strict $.** ? (@.kind == "tier_change")', silent => true) p);
BEGIN
    RETURN (SELECT t.to_tier || ':' || t.change_id FROM crm.tier_change t
            WHERE t.customer_id = person AND t.changed_on <= day
              AND (named = '{}' OR EXISTS (SELECT FROM unnest(named) w WHERE NOT EXISTS (
                   SELECT FROM (VALUES (w -> 'to', t.to_tier), (w -> 'from', t.from_tier), (w -> 'cause', t.cause)) c (wanted, found)
                   WHERE jsonb_typeof(c.wanted) IN ('string', 'array') AND (c.wanted @> to_jsonb(c.found)) IS NOT TRUE)))
            ORDER BY t.change_id DESC LIMIT 1);
END
$$;
COMMENT ON FUNCTION crm._campaign_change_key(jsonb, bigint, date) IS
    'the key of a change of tier: of the newest one until a day that a rule names, of any if it names none; null: '
    'there is none';

-- Everybody a schedule means at a moment, each with a key; the same for the live flow, its dry run and its backtest.
CREATE FUNCTION crm._campaign_meant(flow crm.flow_row, zone text, moment timestamptz) RETURNS TABLE (person bigint, occurrence_key text)
    LANGUAGE plpgsql STABLE AS
$$
DECLARE
    home_zone text := crm._setting('core.time_zone') #>> '{}';
    period text := crm._campaign_period(flow.spec, moment, zone);
    members bigint[] := crm.bitmap_array(crm._rule_set(coalesce(flow.spec -> 'who', '{}'), moment));
BEGIN
    RETURN QUERY
        SELECT c.customer_id, CASE WHEN flow.spec ->> 'key' = 'tier'
            THEN crm._campaign_change_key(flow.spec -> 'who', c.customer_id, crm._local_day(moment, zone))
            ELSE period END
        FROM unnest(members) m (id) JOIN crm.customer c ON c.customer_id = m.id LEFT JOIN crm.store s ON s.store_id = c.home_store_id
        WHERE c.status = 'active' AND (flow.spec ? 'zone' OR coalesce(s.time_zone, home_zone) = zone);
END
$$;
COMMENT ON FUNCTION crm._campaign_meant(crm.flow_row, text, timestamptz) IS
    'whom a schedule means at a moment: the members of its rule as of then, those who live by the zone unless the '
    'flow has one for all; with their keys';

CREATE FUNCTION crm._campaign_entering(flow crm.flow_row, zone text, moment timestamptz, epoch int) RETURNS TABLE (person bigint, occurrence_key text)
    LANGUAGE plpgsql STABLE SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET jit = off AS
$$
BEGIN
    -- whom it may not send in again, or while on the way, it knows under every id; who was fired for with a key under
    -- another id, the ledger finds
    RETURN QUERY
        WITH meant AS MATERIALIZED (SELECT m.person, m.occurrence_key FROM crm._campaign_meant(flow, zone, moment) m
                WHERE m.occurrence_key IS NOT NULL),
        known AS MATERIALIZED (
            SELECT m.person, m.person AS id FROM meant m WHERE flow.spec ?| '{reentry_days,event}'
            UNION ALL SELECT i.person, i.id FROM unnest(CASE WHEN flow.spec ?| '{reentry_days,event}'
                    THEN crm._campaign_other_ids(ARRAY(SELECT m.person FROM meant m)) END) i),
        barred AS (
            SELECT k.person FROM known k
            WHERE (flow.spec ? 'reentry_days' AND (SELECT true FROM crm.occurrence o WHERE o.customer_id = k.id
                   AND o.flow_id = flow.flow_id AND o.epoch >= 0
                   AND crm._campaign_is_too_soon(o.fired_at, moment, (flow.spec ->> 'reentry_days')::int, zone) LIMIT 1))
               OR (flow.spec ? 'event' AND (SELECT true FROM crm.enrolment e WHERE e.customer_id = k.id AND e.flow_id = flow.flow_id LIMIT 1)))
        SELECT m.person, m.occurrence_key FROM meant m
        WHERE (SELECT true FROM crm.occurrence o WHERE o.customer_id = m.person AND o.flow_id = flow.flow_id
               AND o.epoch = _campaign_entering.epoch AND o.occurrence_key = m.occurrence_key LIMIT 1) IS NULL
          AND m.person NOT IN (SELECT b.person FROM barred b);
END
$$;
COMMENT ON FUNCTION crm._campaign_entering(crm.flow_row, text, timestamptz, int) IS
    'those whom a schedule means at a moment, with their keys, who were not fired for with it, nor, under any id, '
    'within reentry_days, and whom no fact has entered before';

CREATE FUNCTION crm._campaign_enter(flow crm.flow_row, zone text, moment timestamptz) RETURNS bigint
    LANGUAGE plpgsql AS
$$
DECLARE
    key_epoch int := CASE WHEN flow.spec ->> 'key' = 'once' THEN 0 ELSE flow.epoch END;
    entered bigint;
BEGIN
    IF crm._campaign_is_at_once(flow.spec) THEN
        RETURN crm._campaign_enter_together(flow, zone, moment, key_epoch);
    END IF;
    INSERT INTO crm.enrolment (customer_id, flow_id, epoch, occurrence_key, version, since, goal_from, due_at)
    SELECT e.person, flow.flow_id, key_epoch, e.occurrence_key, flow.version, moment, crm._campaign_goal_from(flow.spec, moment, zone),
           crm._campaign_step_due(flow.spec, 1, moment, zone)
    FROM crm._campaign_entering(flow, zone, moment, key_epoch) e
    ON CONFLICT DO NOTHING;
    GET DIAGNOSTICS entered = ROW_COUNT;
    RETURN entered;
END
$$;
COMMENT ON FUNCTION crm._campaign_enter(crm.flow_row, text, timestamptz) IS
    'enters those whom a schedule means at a moment; returns how many';

CREATE FUNCTION crm._campaign_schedule(flow crm.flow_row) RETURNS bigint
    LANGUAGE plpgsql AS
$$
DECLARE
    zone text;
    moment timestamptz;
    newest timestamptz;
    is_due boolean := false;
    entered bigint := 0;
BEGIN
    FOR zone IN SELECT z FROM crm._campaign_zones() z WHERE NOT flow.spec ? 'zone' UNION SELECT flow.spec ->> 'zone' WHERE flow.spec ? 'zone' LOOP
        moment := greatest(flow.watermark, crm.core_now() - interval '40 days');
        newest := NULL;
        LOOP
            moment := crm._campaign_moment(flow, zone, moment);
            EXIT WHEN moment IS NULL;
            -- values are asked as of the moment: they wait until the facts before it are counted
            IF EXISTS (SELECT FROM crm.value_dirty d WHERE d.marked_at <= moment LIMIT 1) THEN
                RETURN 0;
            END IF;
            is_due := true;
            IF flow.spec ->> 'catch_up' = 'each' THEN
                entered := entered + crm._campaign_enter(flow, zone, moment);
            END IF;
            newest := moment;
        END LOOP;
        IF newest IS NOT NULL AND flow.spec ->> 'catch_up' IS DISTINCT FROM 'each' THEN
            entered := entered + crm._campaign_enter(flow, zone, newest);
        END IF;
    END LOOP;
    IF is_due THEN
        UPDATE crm.flow f SET watermark = crm.core_now() WHERE f.flow_id = flow.flow_id;
    END IF;
    RETURN (entered > crm._campaign_together_most())::int;
END
$$;
COMMENT ON FUNCTION crm._campaign_schedule(crm.flow_row) IS
    'enters whom a flow''s schedule means: of moments that nobody worked on the newest alone, or, catch_up each, '
    'every one of the last 40 days; returns 1 when so many entered that they are fired for after this transaction, '
    'by as many processes as there are';

CREATE FUNCTION crm._campaign_enter_by_facts(flow crm.flow_row, customer_ids bigint[]) RETURNS void
    LANGUAGE plpgsql SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET jit = off AS
$$
DECLARE
    fact text := flow.spec #>> '{event,kind}';
    types text[] := ARRAY(SELECT jsonb_array_elements_text(flow.spec #> '{event,types}'));
    after timestamptz := greatest(flow.active_from, crm.core_now() - interval '7 days');
    -- of a flow that has a schedule, too, "who" says whom the schedule means
    rule jsonb := CASE flow.trigger WHEN 'schedule' THEN flow.spec #> '{event,who}' ELSE flow.spec -> 'who' END;
    persons bigint[] := customer_ids;
BEGIN
    IF rule IS NOT NULL THEN
        persons := crm._rule_fit(rule, customer_ids, crm.core_now());
    END IF;
    INSERT INTO crm.enrolment (customer_id, flow_id, epoch, occurrence_key, version, since, goal_from, due_at)
    SELECT DISTINCT ON (m.customer_id) m.customer_id, flow.flow_id, flow.epoch, x.fact_id::text, flow.version, x.at, x.at,
           crm._campaign_step_due(flow.spec, 1, x.at, y.zone)
    FROM (SELECT DISTINCT unnest(persons) AS id) p JOIN crm.membership m ON m.customer_id = p.id AND m.valid_to = 'infinity'
    CROSS JOIN LATERAL (
        SELECT e.event_id AS fact_id, e.occurred_at AS at FROM crm.event e
        WHERE fact = 'event' AND e.source_record_id = m.source_record_id AND e.type = ANY (types) AND e.occurred_at >= after
          AND NOT e.is_history AND e.ignored_reason IS NULL
        UNION ALL
        SELECT o.order_id, o.ordered_at FROM crm.customer_order o
        WHERE fact = 'order' AND o.source_record_id = m.source_record_id AND o.is_current AND o.kind = 'sale'
            AND o.ordered_at >= after AND NOT o.is_history
        UNION ALL
        SELECT i.interaction_id, i.occurred_at FROM crm.interaction i
        WHERE fact = 'interaction' AND i.source_record_id = m.source_record_id AND i.is_current AND i.occurred_at >= after AND NOT i.is_history) x
    CROSS JOIN LATERAL (SELECT crm._campaign_ids(m.customer_id) AS ids, crm._campaign_zone(m.customer_id) AS zone OFFSET 0) y
    -- one way through at a time; what happened on it is part of it
    WHERE NOT crm._campaign_is_under_way(flow.flow_id, y.ids)
      AND (SELECT true FROM crm.occurrence o WHERE o.customer_id = ANY (y.ids) AND o.flow_id = flow.flow_id
           AND (o.fired_at >= x.at OR crm._campaign_is_too_soon(o.fired_at, x.at, (flow.spec ->> 'reentry_days')::int, y.zone)
                OR split_part(o.occurrence_key, '#', 1) = x.fact_id::text) LIMIT 1) IS NULL
    -- a rule is met by the newest fact, a visit begins with its first
    ORDER BY m.customer_id, CASE WHEN rule IS NOT NULL THEN -extract(epoch FROM x.at) ELSE extract(epoch FROM x.at) END, x.fact_id
    ON CONFLICT DO NOTHING;
END
$$;
COMMENT ON FUNCTION crm._campaign_enter_by_facts(crm.flow_row, bigint[]) IS
    'enters persons with the first fact of the flow''s kind and types since they last went through it, or the '
    'newest that makes its rule hold, in the commit of the fact';

CREATE FUNCTION crm._campaign_is_behind(person bigint, behind int[]) RETURNS boolean
    LANGUAGE plpgsql STABLE AS
$$
BEGIN
    RETURN behind <> '{}' AND EXISTS (
        SELECT FROM crm.membership m JOIN crm.source_record r USING (source_record_id)
        WHERE m.customer_id = person AND m.valid_to = 'infinity' AND r.source_id = ANY (behind));
END
$$;
COMMENT ON FUNCTION crm._campaign_is_behind(bigint, int[]) IS
    'whether one of the sources that are behind tells of a person''s purchases';

-- Those who were fired for go on to the next step, or leave: at the end, or as the goal is reached.
CREATE FUNCTION crm._campaign_advance(flow crm.flow_row, step int, persons bigint[], keys text[], epoch int) RETURNS void
    LANGUAGE plpgsql AS
$$
#variable_conflict use_column
DECLARE
    steps int := jsonb_array_length(coalesce(flow.spec -> 'steps', '[]'));
BEGIN
    DELETE FROM crm.enrolment e USING unnest(persons, keys) d (person, key)
    WHERE e.customer_id = d.person AND e.flow_id = flow.flow_id AND e.epoch = _campaign_advance.epoch AND e.occurrence_key = d.key
      AND (_campaign_advance.step >= steps OR crm._campaign_reached(flow, crm._identity_current(d.person)) IS NOT NULL);
    UPDATE crm.enrolment e
    SET step = _campaign_advance.step + 1,
        due_at = greatest(crm._campaign_step_due(flow.spec, _campaign_advance.step + 1, e.since, crm._campaign_zone(e.customer_id)), e.due_at)
    FROM unnest(persons, keys) d (person, key)
    WHERE e.customer_id = d.person AND e.flow_id = flow.flow_id AND e.epoch = _campaign_advance.epoch AND e.occurrence_key = d.key;
END
$$;
COMMENT ON FUNCTION crm._campaign_advance(crm.flow_row, int, bigint[], text[], int) IS
    'after a step: the next one is made due, or the enrolment ends';

CREATE FUNCTION crm._campaign_wave_until(spec jsonb, step int, due_at timestamptz) RETURNS timestamptz
    LANGUAGE plpgsql STABLE AS
$$
DECLARE
    own jsonb := crm._campaign_step_spec(spec, step, due_at);
    next jsonb := crm._campaign_step_spec(spec, step + 1, due_at);
    zone text := coalesce(spec ->> 'zone', crm._setting('core.time_zone') #>> '{}');
    apart interval;
BEGIN
    -- what hands something out is owed however late it is; the next one must be for the same persons, and bring as much
    IF spec -> 'steps' -> step IS NULL OR NOT own ? 'channels' OR NOT next ? 'channels' OR next ? 'only'
        OR (own ? 'coupon_type' AND NOT next ? 'coupon_type')
       OR EXISTS (SELECT FROM crm._campaign_parts(own) p (part) WHERE crm._campaign_acts(p.part)) THEN
        RETURN 'infinity';
    END IF;
    apart := crm._campaign_step_due(spec, step + 1, due_at, zone) - crm._campaign_step_due(spec, step, due_at, zone);
    RETURN CASE WHEN apart > interval '0' THEN due_at + apart ELSE 'infinity' END;
END
$$;
COMMENT ON FUNCTION crm._campaign_wave_until(jsonb, int, timestamptz) IS
    'when a step that only says something is too late, because the next one has come and says its own: of waves '
    'that passed while nobody worked the newest goes';

CREATE FUNCTION crm._campaign_fire_step(flow crm.flow_row, version int, step int, goal_from timestamptz, due_at timestamptz, epoch int,
                                        persons bigint[], keys text[]) RETURNS void
    LANGUAGE plpgsql AS
$$
#variable_conflict use_column
DECLARE
    pinned crm.flow_row := flow;
    entered jsonb := (SELECT v.spec FROM crm.flow_version v WHERE v.flow_id = flow.flow_id AND v.version = _campaign_fire_step.version);
BEGIN
    pinned.version := version;
    pinned.spec := crm._campaign_step_spec(entered, step, goal_from);
    PERFORM crm._campaign_fire_all(pinned, array_agg(c.person), array_agg(c.key), due_at,
        least(due_at + (pinned.spec ->> 'late_hours')::int * interval '1 hour', crm._campaign_wave_until(entered, step, due_at)), epoch)
    FROM (SELECT DISTINCT CASE WHEN p.merged_into IS NULL THEN u.id ELSE crm._identity_current(u.id) END AS person,
          u.key || CASE WHEN step > 1 THEN '#' || step ELSE '' END AS key
          FROM unnest(persons, keys) u (id, key) LEFT JOIN crm.customer p ON p.customer_id = u.id) c;
END
$$;
COMMENT ON FUNCTION crm._campaign_fire_step(crm.flow_row, int, int, timestamptz, timestamptz, int, bigint[], text[]) IS
    'fires one step, under the version they entered with, for persons who share version, step and moment, or for '
    'whom they are today';

CREATE FUNCTION crm._campaign_take_step(flow crm.flow_row, version int, step int, goal_from timestamptz, due_at timestamptz, epoch int,
                                        persons bigint[], keys text[]) RETURNS void
    LANGUAGE plpgsql AS
$$
#variable_conflict use_column
DECLARE
    pinned crm.flow_row := flow;
BEGIN
    PERFORM crm._campaign_fire_step(flow, version, step, goal_from, due_at, epoch, persons, keys);
    pinned.spec := (SELECT v.spec FROM crm.flow_version v WHERE v.flow_id = flow.flow_id
            AND v.version = _campaign_take_step.version) || jsonb_build_object('since', goal_from);
    PERFORM crm._campaign_advance(pinned, step, persons, keys, epoch);
    -- a next step that is due at the same moment belongs to the same commit
    PERFORM crm._campaign_take_step(flow, version, step + 1, goal_from, due_at, epoch,
        array_agg(n.customer_id ORDER BY n.customer_id), array_agg(n.occurrence_key ORDER BY n.customer_id))
    FROM (SELECT e.customer_id, e.occurrence_key FROM unnest(persons, keys) d (person, key)
          JOIN crm.enrolment e ON e.customer_id = d.person AND e.flow_id = flow.flow_id
              AND e.epoch = _campaign_take_step.epoch AND e.occurrence_key = d.key
          WHERE e.step = _campaign_take_step.step + 1 AND e.due_at = _campaign_take_step.due_at) n HAVING count(*) > 0;
END
$$;
COMMENT ON FUNCTION crm._campaign_take_step(crm.flow_row, int, int, timestamptz, timestamptz, int, bigint[], text[]) IS
    'fires one step for persons who share version, step and moment, and those after it that are due at the same '
    'moment; who has steps to come goes on to them';

CREATE FUNCTION crm._campaign_enrolled(flow crm.flow_row) RETURNS bigint
    LANGUAGE plpgsql AS
$$
DECLARE
    most constant int := 500;
    behind int[] := CASE WHEN flow.spec ? 'ago' THEN crm._campaign_behind() ELSE '{}' END;
    together record;
    taken bigint := crm._campaign_take_together(flow, behind);
BEGIN
    IF taken > 0 THEN
        RETURN (EXISTS (SELECT FROM crm.enrolment_set s WHERE s.flow_id = flow.flow_id)
                OR EXISTS (SELECT FROM crm.enrolment e WHERE e.flow_id = flow.flow_id AND e.due_at <= crm.core_now()))::int;
    END IF;
    IF behind <> '{}' THEN
        UPDATE crm.enrolment e SET due_at = crm.core_now() + interval '10 minutes'
        WHERE e.flow_id = flow.flow_id AND e.due_at <= crm.core_now() AND crm._campaign_is_behind(e.customer_id, behind);
    END IF;
    FOR together IN
        SELECT d.version, d.step, d.goal_from, d.due_at, d.epoch, array_agg(d.customer_id ORDER BY d.customer_id) AS persons,
               array_agg(d.occurrence_key ORDER BY d.customer_id) AS keys
        FROM (SELECT e.* FROM crm.enrolment e WHERE e.flow_id = flow.flow_id AND e.due_at <= crm.core_now()
              ORDER BY e.due_at, e.customer_id LIMIT most FOR UPDATE SKIP LOCKED) d
        GROUP BY d.version, d.step, d.goal_from, d.due_at, d.epoch ORDER BY d.due_at, d.step
    LOOP
        PERFORM crm._campaign_take_step(flow, together.version, together.step, together.goal_from, together.due_at,
            together.epoch, together.persons, together.keys);
        taken := taken + cardinality(together.persons);
    END LOOP;
    RETURN (taken = most)::int;
END
$$;
COMMENT ON FUNCTION crm._campaign_enrolled(crm.flow_row) IS
    'fires the steps that are due, 500 at a time, those that another process has taken left to it; who is counted '
    'silent by a source that is behind waits for it; returns 1 when there may be more';
