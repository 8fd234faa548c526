-- campaign_enrol_set: those whom a moment enters into a flow of one step, a thousand to a row.  They are due at once,
-- and the row goes as they are fired for: for a hundred thousand persons a hundred rows come and go.  Flows of
-- several steps have a row a person (campaign_enrol).

CREATE FUNCTION crm._campaign_is_at_once(spec jsonb) RETURNS boolean
    LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
$$ SELECT jsonb_array_length(coalesce(spec -> 'steps', '[]')) < 2
    AND NOT coalesce(spec #> '{steps,0}', '{}') ?| '{after_hours,after_days,at}' AND NOT spec ? 'event' $$;
COMMENT ON FUNCTION crm._campaign_is_at_once(jsonb) IS
    'whether those whom a moment enters need no row each: the flow has one step, due at that moment, and no facts '
    'that ask who is under way';

CREATE FUNCTION crm._campaign_together_most() RETURNS int
    LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$ SELECT 1000 $$;
COMMENT ON FUNCTION crm._campaign_together_most() IS 'how many persons are entered, and fired for, together at most';

CREATE FUNCTION crm._campaign_enter_together(flow crm.flow_row, zone text, moment timestamptz, epoch int) RETURNS bigint
    LANGUAGE plpgsql SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET jit = off AS
$$
#variable_conflict use_column
DECLARE
    entered bigint;
BEGIN
    WITH made AS (
        INSERT INTO crm.enrolment_set (flow_id, enrolment_set_id, epoch, version, goal_from, due_at, persons, occurrence_keys)
        SELECT flow.flow_id, crm._new_id(), _campaign_enter_together.epoch, flow.version,
            crm._campaign_goal_from(flow.spec, moment, zone), moment, p.persons, p.keys
        FROM (SELECT array_agg(n.person ORDER BY n.person) AS persons, array_agg(n.occurrence_key ORDER BY n.person) AS keys
              FROM (SELECT e.person, e.occurrence_key, (row_number() OVER (ORDER BY e.person) - 1) / crm._campaign_together_most() AS piece
                    FROM crm._campaign_entering(flow, zone, moment, _campaign_enter_together.epoch) e) n GROUP BY n.piece ORDER BY n.piece) p
        RETURNING cardinality(persons) AS persons)
    SELECT coalesce(sum(m.persons), 0) INTO entered FROM made m;
    RETURN entered;
END
$$;
COMMENT ON FUNCTION crm._campaign_enter_together(crm.flow_row, text, timestamptz, int) IS
    'enters those whom a schedule means at a moment into a flow of one step, a thousand to a row; returns how many';

CREATE FUNCTION crm._campaign_take_together(flow crm.flow_row, behind int[]) RETURNS bigint
    LANGUAGE plpgsql AS
$$
DECLARE
    taken record;
BEGIN
    DELETE FROM crm.enrolment_set s
    WHERE s.flow_id = flow.flow_id AND s.enrolment_set_id = (
        SELECT w.enrolment_set_id FROM crm.enrolment_set w WHERE w.flow_id = flow.flow_id ORDER BY w.enrolment_set_id LIMIT 1 FOR UPDATE SKIP LOCKED)
    RETURNING s.epoch, s.version, s.goal_from, s.due_at, s.persons, s.occurrence_keys INTO taken;
    IF NOT FOUND THEN
        RETURN 0;
    END IF;
    IF behind <> '{}' THEN      -- some will have to wait: each for themselves
        INSERT INTO crm.enrolment (customer_id, flow_id, epoch, occurrence_key, version, since, goal_from, due_at)
        SELECT p.person, flow.flow_id, taken.epoch, p.key, taken.version, taken.due_at, taken.goal_from, taken.due_at
        FROM unnest(taken.persons, taken.occurrence_keys) p (person, key) ON CONFLICT DO NOTHING;
    ELSE
        PERFORM crm._campaign_fire_step(flow, taken.version, 1, taken.goal_from, taken.due_at, taken.epoch, taken.persons, taken.occurrence_keys);
    END IF;
    RETURN cardinality(taken.persons);
END
$$;
COMMENT ON FUNCTION crm._campaign_take_together(crm.flow_row, int[]) IS
    'fires for the persons of the first row of a flow that no other process has taken, or, while sources are '
    'behind, gives each a row; returns how many, 0: there is none';
