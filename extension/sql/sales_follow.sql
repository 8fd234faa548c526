-- sales_follow: what a fact brought about belongs to whom the fact's record belongs to.  While two persons are one, a
-- merge moves nothing; when they are parted, tasks of the notes on the records that leave go along with them, so that
-- nobody reads of a stranger.

CREATE FUNCTION crm._sales_record_of(fact_id bigint, record_ids bigint[]) RETURNS bigint
    LANGUAGE plpgsql STABLE AS
$$
BEGIN
    RETURN coalesce((SELECT i.source_record_id FROM crm.interaction i WHERE i.source_record_id = ANY (record_ids)
                    AND i.interaction_id = fact_id LIMIT 1),
                    (SELECT e.source_record_id FROM crm.event e WHERE e.source_record_id = ANY (record_ids) AND e.event_id = fact_id LIMIT 1));
END
$$;
COMMENT ON FUNCTION crm._sales_record_of(bigint, bigint[]) IS
    'which of these records a note or an event was told of; null: none of them';

CREATE FUNCTION crm._sales_task_move(customer_id bigint, task_id bigint, person bigint) RETURNS void
    LANGUAGE plpgsql AS
$$
#variable_conflict use_column
BEGIN
    UPDATE crm.task t SET customer_id = person WHERE t.customer_id = _sales_task_move.customer_id AND t.task_id = _sales_task_move.task_id;
    UPDATE crm.task_event e SET customer_id = person WHERE e.customer_id = _sales_task_move.customer_id AND e.task_id = _sales_task_move.task_id;
END
$$;
COMMENT ON FUNCTION crm._sales_task_move(bigint, bigint, bigint) IS 'a task and its life under the id of another person';

CREATE FUNCTION crm._sales_part(ids bigint[], record_ids bigint[]) RETURNS void
    LANGUAGE plpgsql AS
$$
DECLARE
    moved record;
BEGIN
    FOR moved IN
        SELECT t.customer_id, t.task_id, m.customer_id AS person
        FROM crm.task t CROSS JOIN LATERAL crm._sales_record_of(split_part(t.task_key, ':', 2)::bigint, record_ids) r (id)
        JOIN crm.membership m ON m.source_record_id = r.id AND m.valid_to >= 'infinity'
        WHERE t.customer_id = ANY (ids) AND t.task_key ~ '^(note|mention):[0-9]+(:|$)' AND crm._identity_current(t.customer_id) <> m.customer_id
        ORDER BY t.task_id FOR UPDATE OF t
    LOOP
        PERFORM crm._sales_task_move(moved.customer_id, moved.task_id, moved.person);
    END LOOP;
END
$$;
COMMENT ON FUNCTION crm._sales_part(bigint[], bigint[]) IS
    'gives tasks that notes on these records brought about, under any of these ids, to whom the records belong to '
    'now';

CREATE FUNCTION crm._sales_on_membership(survivor bigint, other bigint, record_ids bigint[], kind text) RETURNS void
    LANGUAGE plpgsql AS
$$
BEGIN
    IF kind = 'merge' THEN
        PERFORM crm._sales_overlap_merged(survivor, other);
    ELSIF kind IN ('unmerge', 'split') THEN
        PERFORM crm._sales_part(crm._identity_cluster(survivor) || crm._identity_cluster(other), record_ids);
        PERFORM crm._sales_overlap_parted(survivor, other);
    END IF;
END
$$;
COMMENT ON FUNCTION crm._sales_on_membership(bigint, bigint, bigint[], text) IS
    'consequence of a merge: managers hear of two who looked after what is one person; of a parting: tasks of notes '
    'go with their records';
