-- campaign_quota: for the first so many.
--
-- Locks: the person (the caller's), then the quota's row: whoever comes for the last place waits there.  Places come
-- back by a job of their own, which holds the quota's row alone.

CREATE FUNCTION crm._campaign_take_quota(flow crm.flow_row) RETURNS crm.flow_row
    LANGUAGE plpgsql AS
$$
DECLARE
    gone bigint;
BEGIN
    INSERT INTO crm.flow_quota (flow_id, epoch) VALUES (flow.flow_id, flow.epoch) ON CONFLICT DO NOTHING;
    SELECT q.taken INTO gone FROM crm.flow_quota q WHERE q.flow_id = flow.flow_id AND q.epoch = flow.epoch FOR UPDATE;
    flow.spec := flow.spec || jsonb_build_object('quota_left', (flow.spec ->> 'quota')::bigint - gone);
    RETURN flow;
END
$$;
COMMENT ON FUNCTION crm._campaign_take_quota(crm.flow_row) IS
    'locks the quota of a flow; the flow with how many of it are left (spec member quota_left)';

CREATE FUNCTION crm._campaign_taken(flow crm.flow_row, person bigint, occurrence_key text, epoch int, outcome text) RETURNS text
    LANGUAGE plpgsql AS
$$
BEGIN
    IF flow.spec ? 'quota_left' AND outcome IN ('sent', 'held') AND NOT coalesce((flow.spec ->> 'shadow')::boolean, false) THEN
        UPDATE crm.flow_quota q SET taken = q.taken + 1 WHERE q.flow_id = flow.flow_id AND q.epoch = flow.epoch;
        INSERT INTO crm.flow_quota_place (customer_id, flow_id, epoch, occurrence_key, message_id, is_open)
        -- points and tickets are handed out at once: whatever becomes of the message, the place is taken
        SELECT person, flow.flow_id, flow.epoch, o.occurrence_key, o.message_id, o.message_id IS NOT NULL
            AND NOT flow.spec ? 'gifts' AND NOT coalesce((flow.spec ->> 'draw')::boolean, false)
        FROM crm.occurrence o WHERE o.customer_id = person AND o.flow_id = flow.flow_id
            AND o.epoch = _campaign_taken.epoch AND o.occurrence_key = _campaign_taken.occurrence_key;
    END IF;
    RETURN outcome;
END
$$;
COMMENT ON FUNCTION crm._campaign_taken(crm.flow_row, bigint, text, int, text) IS
    'an outcome takes a place of the quota that is held, if it goes; the outcome';

CREATE FUNCTION crm._campaign_give_back(quota_flow int, quota_epoch int) RETURNS bigint
    LANGUAGE plpgsql AS
$$
DECLARE
    back bigint;
BEGIN
    PERFORM FROM crm.flow_quota q WHERE q.flow_id = quota_flow AND q.epoch = quota_epoch FOR UPDATE SKIP LOCKED;
    IF NOT FOUND THEN
        RETURN 0;
    END IF;
    WITH told AS MATERIALIZED (
        SELECT p.customer_id, p.occurrence_key, bool_or(e.kind = 'cancelled') AND NOT bool_or(coalesce(e.attempt, 0) > 0) AS is_back
        FROM crm.flow_quota_place p JOIN crm.outbox_event e ON e.customer_id = p.customer_id AND e.message_id = p.message_id
        WHERE p.flow_id = quota_flow AND p.epoch = quota_epoch AND p.is_open AND (e.kind IN ('cancelled', 'sent') OR e.attempt > 0) GROUP BY 1, 2),
    gone AS (
        DELETE FROM crm.flow_quota_place p USING told t
        WHERE t.is_back AND p.customer_id = t.customer_id AND p.flow_id = quota_flow AND p.epoch = quota_epoch
            AND p.occurrence_key = t.occurrence_key RETURNING 1),
    kept AS (
        UPDATE crm.flow_quota_place p SET is_open = false FROM told t
        WHERE NOT t.is_back AND p.customer_id = t.customer_id AND p.flow_id = quota_flow AND p.epoch = quota_epoch
            AND p.occurrence_key = t.occurrence_key)
    SELECT count(*) INTO back FROM gone;
    UPDATE crm.flow_quota q SET taken = q.taken - back WHERE q.flow_id = quota_flow AND q.epoch = quota_epoch AND back > 0;
    RETURN back;
END
$$;
COMMENT ON FUNCTION crm._campaign_give_back(int, int) IS
    'places of a quota whose message was cancelled before anybody heard of it are free again, those whose message '
    'was tried are taken for good; returns how many came back; a quota that is held now is left to the next run';

CREATE FUNCTION crm._campaign_quotas() RETURNS bigint
    LANGUAGE plpgsql AS
$$
BEGIN
    -- while nothing became of their messages places are looked at, and no row is locked
    PERFORM crm._campaign_give_back(p.flow_id, p.epoch)
    FROM (SELECT DISTINCT q.flow_id, q.epoch FROM crm.flow_quota_place q
          JOIN crm.outbox_event e ON e.customer_id = q.customer_id AND e.message_id = q.message_id
          WHERE q.is_open AND (e.kind IN ('cancelled', 'sent') OR e.attempt > 0) ORDER BY 1, 2) p;
    RETURN 0;
END
$$;
COMMENT ON FUNCTION crm._campaign_quotas() IS
    'job: gives places of quotas back whose message was cancelled; 0: nothing is left';

CREATE FUNCTION crm._campaign_fire_quota(flow crm.flow_row, persons bigint[], keys text[], due_at timestamptz,
                                         late_at timestamptz, epoch int) RETURNS void
    LANGUAGE plpgsql AS
$$
DECLARE
    reaches crm.gate_reach[] := crm._campaign_reaches(flow, persons);
    at int := 1;
BEGIN
    flow := crm._campaign_take_quota(flow);
    PERFORM crm._campaign_lock_addresses(reaches);
    -- one by one while there are places; whoever is left is told so at once
    WHILE at <= cardinality(persons) AND (flow.spec ->> 'quota_left')::bigint > 0 LOOP
        IF crm._campaign_taken(flow, persons[at], keys[at], epoch,
                crm._campaign_decide(flow, persons[at], keys[at], due_at, late_at, epoch,
                    reaches[at])) IN ('sent', 'held')
           AND NOT coalesce((flow.spec ->> 'shadow')::boolean, false) THEN
            flow.spec := flow.spec || jsonb_build_object('quota_left', (flow.spec ->> 'quota_left')::bigint - 1);
        END IF;
        at := at + 1;
    END LOOP;
    IF at <= cardinality(persons) THEN
        PERFORM crm._campaign_fire_locked(flow, persons[at:], keys[at:], due_at, late_at, epoch);
    END IF;
END
$$;
COMMENT ON FUNCTION crm._campaign_fire_quota(crm.flow_row, bigint[], text[], timestamptz, timestamptz, int) IS
    'fires a flow with a quota for persons who are locked: the first that the gate lets through take its places, '
    'exactly so many; the others stop at its step offer';
