-- identity, records that are stored settled again: those of a source that is let go, and all after the rules changed.

-- One attempt to settle what these records reach, as a write of theirs would; RM309 when something moved.
CREATE FUNCTION crm._identity_settle_stored(records bigint[], reason text, is_let_go boolean, ahead crm.identity_reach) RETURNS crm.identity_change[]
    LANGUAGE plpgsql SET plan_cache_mode = force_generic_plan
    SET enable_seqscan = off SET enable_bitmapscan = off SET enable_material = off SET enable_memoize = off SET jit = off AS
$$
DECLARE
    reach crm.identity_reach := crm._identity_secure('{}', records, '{}', '{}', '{}', ahead, NULL);
    settled record;
    changes crm.identity_change[];
    touched bigint[];
BEGIN
    IF is_let_go THEN
        UPDATE crm.source_record r SET is_shadow = false WHERE r.source_record_id = ANY (records);
    END IF;
    SELECT m.* INTO settled FROM crm._identity_moves(reach.records) m;
    IF settled.merged IS NOT NULL AND crm._identity_slow_down(settled.merged) THEN
        SELECT m.* INTO settled FROM crm._identity_moves(reach.records) m;
    END IF;
    changes := crm._identity_move(settled.moves, settled.merged, 'engine', reason);
    touched := ARRAY(SELECT DISTINCT v.to_id FROM unnest(settled.moves) v WHERE v.to_id IS NOT NULL
                     UNION SELECT c.survivor_id FROM unnest(changes) c);
    PERFORM crm._identity_refresh(touched);
    PERFORM crm._identity_answer(reach.records);
    PERFORM crm._identity_touch_scope(touched);
    PERFORM crm._identity_review(coalesce(settled.refused, '[]'));
    RETURN changes;
END
$$;
COMMENT ON FUNCTION crm._identity_settle_stored(bigint[], text, boolean, crm.identity_reach) IS
    'stored records join and leave whom they should, journalled under a reason; let go: they are no longer tried '
    'out; the changes; RM309 as every attempt';

CREATE FUNCTION crm._identity_settle_again(records bigint[], reason text, is_let_go boolean) RETURNS crm.identity_result
    LANGUAGE plpgsql AS
$$
DECLARE
    result crm.identity_result;
    ahead crm.identity_reach;
    seen text;
BEGIN
    FOR attempt IN 1 .. 20 LOOP
        BEGIN
            result.changes := crm._identity_settle_stored(records, reason, is_let_go, ahead);
            EXIT;
        EXCEPTION WHEN SQLSTATE 'RM309' THEN
            GET STACKED DIAGNOSTICS seen = PG_EXCEPTION_DETAIL;
            ahead := crm._identity_again(attempt, seen);
        END;
    END LOOP;
    IF is_let_go THEN
        -- what was proposed of these records is done, or another guard asks it; where the other side is still tried
        -- out the question stays
        DELETE FROM crm.review v WHERE v.state = 'open' AND v.reason = 'shadow'
            AND EXISTS (SELECT FROM jsonb_array_elements(v.evidence -> 'records') e(id) WHERE (e.id #>> '{}')::bigint = ANY (records))
            AND NOT EXISTS (SELECT FROM jsonb_array_elements(v.evidence -> 'records') e(id)
                            JOIN crm.source_record r ON r.source_record_id = (e.id #>> '{}')::bigint WHERE r.is_shadow);
    END IF;
    PERFORM crm._identity_announce(result);
    RETURN result;
END
$$;
COMMENT ON FUNCTION crm._identity_settle_again(bigint[], text, boolean) IS
    'crm._identity_settle_stored() as often as others move in between, then the consequences in the rooms above; '
    'what changed';

