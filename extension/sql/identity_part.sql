-- identity, taking apart: a merge undone, records moved out.  What was decided to be two stays two:
-- cannot-links hold the sides apart, and the partition of the rest follows from what the records
-- hold, so whatever came meanwhile goes with the side it belongs to.
--
-- Locks: as every write, through crm._identity_secure(): the person with all that it reaches.

CREATE FUNCTION crm._identity_records_of(person bigint) RETURNS bigint[]
    LANGUAGE plpgsql STABLE AS
$$
BEGIN
    RETURN ARRAY(SELECT m.source_record_id FROM crm.membership m WHERE m.customer_id = person AND m.valid_to = 'infinity' ORDER BY 1);
END
$$;
COMMENT ON FUNCTION crm._identity_records_of(bigint) IS 'the records of a current person, ascending';

-- Decides that two sets of records are two persons: all pairs, or, of many, one that stands for its side
-- against all of the other.  Those that leave are then tied to it, or the rest of both would still meet.
CREATE FUNCTION crm._identity_forbid(leaving bigint[], staying bigint[], actor text, reason text) RETURNS void
    LANGUAGE plpgsql AS
$$
BEGIN
    DELETE FROM crm.must_link l
    WHERE l.record_a = ANY (leaving) AND l.record_b = ANY (staying)
       OR l.record_a = ANY (staying) AND l.record_b = ANY (leaving);
    INSERT INTO crm.cannot_link (record_a, record_b, actor, reason, at)
    SELECT least(a, b), greatest(a, b), _identity_forbid.actor, _identity_forbid.reason, crm.core_now()
    FROM unnest(leaving) a, unnest(staying) b
    WHERE cardinality(leaving) * cardinality(staying) <= 2500 OR a = leaving[1] OR b = staying[1]
    ORDER BY 1, 2
    ON CONFLICT DO NOTHING;
    IF cardinality(leaving) * cardinality(staying) > 2500 THEN
        INSERT INTO crm.must_link (record_a, record_b, actor, reason, at)
        SELECT least(a, leaving[1]), greatest(a, leaving[1]), _identity_forbid.actor, _identity_forbid.reason, crm.core_now()
        FROM unnest(leaving) a WHERE a <> leaving[1]
        ORDER BY 1, 2
        ON CONFLICT DO NOTHING;
    END IF;
END
$$;
COMMENT ON FUNCTION crm._identity_forbid(bigint[], bigint[], text, text) IS
    'cannot-links between two sets of records, and no must-link any more; at most 2500 pairs, of larger sets those '
    'with the first of each, and must-links that hold the first set together';

-- A later merge by hand was with the person who stays, also where its tie was fixed to a record that leaves.
CREATE FUNCTION crm._identity_retie(leaving bigint[], against bigint[], others bigint[]) RETURNS void
    LANGUAGE plpgsql AS
$$
BEGIN
    WITH moved AS (
        DELETE FROM crm.must_link l
        WHERE l.record_a = ANY (leaving) AND l.record_b = ANY (others) OR l.record_a = ANY (others) AND l.record_b = ANY (leaving)
        RETURNING l.*)
    INSERT INTO crm.must_link (record_a, record_b, actor, reason, at)
    SELECT least(m.other, against[1]), greatest(m.other, against[1]), m.actor, m.reason, m.at
    FROM (SELECT CASE WHEN d.record_a = ANY (leaving) THEN d.record_b ELSE d.record_a END AS other, d.* FROM moved d) m
    ORDER BY 1, 2
    ON CONFLICT DO NOTHING;
END
$$;
COMMENT ON FUNCTION crm._identity_retie(bigint[], bigint[], bigint[]) IS
    'must-links by hand between records that leave and others of the person hold the others to those that stay '
    '(against) instead';

-- The engine's partition with the ids that people expect: the leaving side is the heir, the staying side who it was.
CREATE FUNCTION crm._identity_name_sides(moves crm.identity_move[], person bigint, heir bigint, left_record bigint, kept_record bigint)
    RETURNS crm.identity_move[]
    LANGUAGE plpgsql AS
$$
DECLARE
    heir_label bigint := (SELECT v.to_id FROM unnest(moves) v WHERE v.source_record_id = left_record);
    own_label bigint := (SELECT v.to_id FROM unnest(moves) v WHERE v.source_record_id = kept_record);
    third bigint := crm._new_id();
BEGIN
    IF heir_label IS NOT DISTINCT FROM own_label THEN
        RAISE EXCEPTION 'these records cannot be told apart'
            USING ERRCODE = 'RM303', COLUMN = 'record_ids', HINT = 'A must-link holds them together; crm.identity_explain() shows it.';
    END IF;
    RETURN ARRAY(
        SELECT ROW(v.source_record_id, v.from_id,
                   CASE v.to_id WHEN heir_label THEN heir WHEN own_label THEN person WHEN person THEN third ELSE v.to_id END)::crm.identity_move
        FROM unnest(moves) v);
END
$$;
COMMENT ON FUNCTION crm._identity_name_sides(crm.identity_move[], bigint, bigint, bigint, bigint) IS
    'moves with ids exchanged so that the part with one record is the heir and the part with the other keeps the '
    'person''s id; RM303 when both are in one part';

-- Whoever is nobody's any more once the sides have their names: another of those reached may have joined the side
-- that stays, or leaves.
CREATE FUNCTION crm._identity_ended(moves crm.identity_move[]) RETURNS crm.identity_pair[]
    LANGUAGE sql STABLE AS
$$
    SELECT array_agg(ROW(e.from_id, e.to_id)::crm.identity_pair) FROM (
        SELECT DISTINCT ON (v.from_id) v.from_id, v.to_id, v.from_id IN (SELECT k.to_id FROM unnest(moves) k WHERE k.to_id IS NOT NULL) AS is_kept
        FROM (SELECT m.from_id, m.to_id, count(*) AS members, min(m.source_record_id) AS oldest FROM unnest(moves) m
            WHERE m.from_id IS NOT NULL GROUP BY 1, 2) v
        ORDER BY v.from_id, v.members DESC, v.oldest) e
    WHERE NOT e.is_kept AND e.to_id IS NOT NULL
$$;
COMMENT ON FUNCTION crm._identity_ended(crm.identity_move[]) IS
    'the persons whom moves leave without a record (record_a), each with whom the larger part of theirs goes to (record_b)';

-- A redirect becomes a person again, and what had been merged into it before follows it.
CREATE FUNCTION crm._identity_revive(heir bigint, person bigint) RETURNS void
    LANGUAGE plpgsql AS
$$
DECLARE
    ids bigint[] := ARRAY[heir];
    more bigint[];
BEGIN
    LOOP
        more := ARRAY(SELECT DISTINCT j.other_id FROM crm.merge_journal j
                      WHERE j.survivor_id = ANY (ids) AND j.kind = 'merge' AND j.other_id IS NOT NULL AND j.other_id <> ALL (ids)
                        -- not what was taken out of it since and merged elsewhere
                        AND NOT EXISTS (SELECT FROM crm.merge_journal k
                                        WHERE k.other_id = j.other_id AND k.kind = 'merge' AND k.journal_id > j.journal_id));
        EXIT WHEN cardinality(more) = 0;
        ids := ids || more;
    END LOOP;
    UPDATE crm.customer c SET merged_into = heir WHERE c.customer_id = ANY (ids) AND c.customer_id <> heir AND c.merged_into = person;
    UPDATE crm.customer c SET status = 'active', merged_into = NULL, row_version = c.row_version + 1, updated_at = crm.core_now()
    WHERE c.customer_id = heir AND c.status = 'merged';
END
$$;
COMMENT ON FUNCTION crm._identity_revive(bigint, bigint) IS
    'makes a merged id a person again, no redirect to the person any more; ids that had been merged into it lead to '
    'it again';

-- One attempt of moving records out of a person; heir null: a new id.
CREATE FUNCTION crm._identity_part(person bigint, leaving bigint[], against bigint[], heir bigint, actor text,
                                   reason text, kind text, ahead crm.identity_reach)
    RETURNS crm.identity_change[]
    LANGUAGE plpgsql SET plan_cache_mode = force_generic_plan
    SET enable_seqscan = off SET enable_bitmapscan = off SET enable_material = off SET enable_memoize = off SET jit = off AS
$$
DECLARE
    records bigint[] := crm._identity_records_of(person);
    heir_id bigint := coalesce(heir, crm._new_id());
    reach crm.identity_reach;
    moves crm.identity_move[];
    ended crm.identity_pair[];
    refused jsonb;
    changes crm.identity_change[];
    touched bigint[];
BEGIN
    reach := crm._identity_secure('{}', records, '{}', '{}', ARRAY[person], ahead, NULL);
    IF heir IS NOT NULL AND NOT leaving || against <@ records THEN
        RAISE EXCEPTION 'this merge does not hold any more'
            USING ERRCODE = 'RM304', COLUMN = 'journal_id', HINT = 'It was undone, or its records have moved on.';
    ELSIF cardinality(against) = 0 OR NOT leaving || against <@ records THEN
        RAISE EXCEPTION 'these are not some, and not all, of the person''s records'
            USING ERRCODE = 'RM303', COLUMN = 'record_ids', HINT = 'crm.identity_records() lists them; at least one has to stay.';
    END IF;
    PERFORM crm._identity_forbid(leaving, against, actor, reason);
    PERFORM crm._identity_retie(leaving, against, ARRAY(SELECT r FROM unnest(records) r WHERE r <> ALL (leaving || against)));
    IF heir IS NOT NULL THEN
        PERFORM crm._identity_revive(heir, person);
    END IF;
    SELECT m.moves, m.refused INTO moves, refused FROM crm._identity_moves(reach.records) m;
    moves := crm._identity_name_sides(moves, person, heir_id, leaving[1], against[1]);
    ended := crm._identity_ended(moves);
    changes := crm._identity_move(moves, ended, actor, reason, kind);
    touched := ARRAY(SELECT DISTINCT t.id FROM unnest(moves) v, unnest(ARRAY[v.from_id, v.to_id]) t(id)
                     WHERE v.from_id IS DISTINCT FROM v.to_id AND t.id IS NOT NULL AND t.id NOT IN (SELECT e.record_a FROM unnest(ended) e));
    PERFORM crm._identity_refresh(touched);
    PERFORM crm._identity_answer(reach.records);
    PERFORM crm._identity_touch_scope(touched);
    IF refused IS NOT NULL THEN
        PERFORM crm._identity_review(refused);
    END IF;
    RETURN changes;
END
$$;
COMMENT ON FUNCTION crm._identity_part(bigint, bigint[], bigint[], bigint, text, text, text, crm.identity_reach) IS
    'one attempt of moving records out of a current person, away from those of it that they are decided to be '
    'another''s than (against), to a redirect that is revived (heir) or a new id; kind split or unmerge in the '
    'journal; RM303 when they are not some of its records or cannot be told apart, RM304 when a merge was undone '
    'meanwhile, RM309 when it has to be made again';

-- What is left of an erased person is nobody's: it is not made a person again.
CREATE FUNCTION crm._identity_not_erased(asked bigint) RETURNS bigint
    LANGUAGE plpgsql STABLE AS
$$
DECLARE
    person bigint := crm._access_require_person(asked);
BEGIN
    IF EXISTS (SELECT FROM crm.customer c WHERE c.customer_id = person AND c.status = 'erased') THEN
        RAISE EXCEPTION 'the person was erased' USING ERRCODE = 'RM301', COLUMN = 'customer_id',
            HINT = 'Nothing is known of them any more; there is nothing to do.';
    END IF;
    RETURN person;
END
$$;
COMMENT ON FUNCTION crm._identity_not_erased(bigint) IS
    'the current id of a person whom the actor may see; P0002 as crm._access_require_person(), RM301 when erased';

-- As often as others move in between; then what it caused is told.
CREATE FUNCTION crm._identity_take_apart(asked bigint, leaving bigint[], against bigint[], heir bigint, reason text,
                                         kind text) RETURNS crm.identity_change[]
    LANGUAGE plpgsql AS
$$
DECLARE
    result crm.identity_result;
    ahead crm.identity_reach;
    seen text;
BEGIN
    FOR attempt IN 1 .. 20 LOOP
        BEGIN
            result.changes := crm._identity_part(crm._identity_not_erased(asked), leaving, against, heir, crm._actor(), reason, kind, ahead);
            EXIT;
        EXCEPTION WHEN SQLSTATE 'RM309' THEN
            GET STACKED DIAGNOSTICS seen = PG_EXCEPTION_DETAIL;
            ahead := crm._identity_again(attempt, seen);
        END;
    END LOOP;
    PERFORM crm._identity_announce(result);
    IF heir IS NOT NULL AND NOT EXISTS (SELECT FROM unnest(result.changes) c WHERE c.other_id = heir)
        THEN     -- what came with him is nobody's by now: he is somebody again all the same
        PERFORM crm._consequence_membership(crm._identity_current(asked), heir, '{}', kind);
    END IF;
    RETURN result.changes;
END
$$;
COMMENT ON FUNCTION crm._identity_take_apart(bigint, bigint[], bigint[], bigint, text, text) IS
    'moves records out of a person the actor may see, whatever other sessions do, and calls the consequences';

CREATE FUNCTION crm._identity_need_reason(reason text) RETURNS void
    LANGUAGE plpgsql IMMUTABLE AS
$$
BEGIN
    PERFORM crm._access_check_reason(reason, 'a reason is needed', 'Say in a few words why; it is kept in the journal.');
END
$$;
COMMENT ON FUNCTION crm._identity_need_reason(text) IS '22023 when there is no reason, or one of more than 500 characters';

-- The records of a person that were another's, or its own under another id, just before a journal row.
CREATE FUNCTION crm._identity_held_before(person bigint, owner bigint, before bigint) RETURNS bigint[]
    LANGUAGE plpgsql STABLE AS
$$
BEGIN
    RETURN ARRAY(
        SELECT r.id FROM unnest(crm._identity_records_of(person)) r(id)
        WHERE owner = (SELECT m.customer_id FROM crm.membership m
                       WHERE m.source_record_id = r.id AND coalesce(m.journal_id, 0) < before
                       ORDER BY m.valid_from DESC LIMIT 1)
        ORDER BY 1);
END
$$;
COMMENT ON FUNCTION crm._identity_held_before(bigint, bigint, bigint) IS
    'current records of a person that belonged to the id owner before a row of the journal, ascending';

-- Records of one side that were taken away from the other since, and have come back by another merge.
CREATE FUNCTION crm._identity_came_back(side bigint[], against bigint[], since bigint) RETURNS bigint[]
    LANGUAGE plpgsql STABLE AS
$$
BEGIN
    RETURN ARRAY(
        SELECT DISTINCT s.id
        FROM (SELECT DISTINCT m.journal_id FROM crm.membership m
              WHERE m.source_record_id = ANY (side || against) AND m.journal_id > since) t
        JOIN crm.merge_journal j ON j.journal_id = t.journal_id AND j.kind IN ('unmerge', 'split')
        CROSS JOIN unnest(side) s(id)
        WHERE s.id = ANY (j.record_ids) AND NOT j.record_ids && against
           OR s.id <> ALL (j.record_ids) AND j.record_ids @> against);
END
$$;
COMMENT ON FUNCTION crm._identity_came_back(bigint[], bigint[], bigint) IS
    'of the records of one side those that an unmerge or split after a journal row parted from the other side';

-- The merge a journal row tells of, as far as it still holds.  Membership says who was on which side then,
-- however the two have been moved together since.
CREATE FUNCTION crm._identity_merge_of(journal_id bigint, OUT person bigint, OUT heir bigint, OUT leaving bigint[], OUT against bigint[])
    LANGUAGE plpgsql STABLE AS
$$
DECLARE
    j record;
    parted bigint[];
BEGIN
    SELECT * INTO j FROM crm.merge_journal m WHERE m.journal_id = _identity_merge_of.journal_id AND m.kind = 'merge';
    IF j.journal_id IS NULL THEN
        RAISE EXCEPTION 'there is no such merge'
            USING ERRCODE = 'no_data_found', COLUMN = 'journal_id', HINT = 'crm.identity_explain() lists the journal of a person.';
    END IF;
    person := crm._identity_not_erased(j.survivor_id);
    heir := j.other_id;
    -- what came later is on neither side: what it holds decides
    against := crm._identity_held_before(person, j.survivor_id, j.journal_id);
    leaving := ARRAY(SELECT r FROM unnest(crm._identity_records_of(person)) r WHERE r = ANY (j.record_ids) ORDER BY 1);
    parted := crm._identity_came_back(leaving, against, j.journal_id);
    leaving := ARRAY(SELECT r FROM unnest(leaving) r WHERE r <> ALL (parted) ORDER BY 1);
    IF crm._identity_current(heir) <> person OR cardinality(leaving) = 0 OR cardinality(against) = 0 THEN
        RAISE EXCEPTION 'this merge does not hold any more'
            USING ERRCODE = 'RM304', COLUMN = 'journal_id', HINT = 'It was undone, or its records have moved on.';
    END IF;
END
$$;
COMMENT ON FUNCTION crm._identity_merge_of(bigint) IS
    'current person, merged id, the records that came with it and those that were there before, of a merge that '
    'still holds; P0002 for none or one out of scope, RM301 when erased, RM304 when it does not hold any more';

CREATE FUNCTION crm.identity_unmerge(journal_id bigint, reason text, idempotency_key text DEFAULT NULL) RETURNS jsonb
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
DECLARE
    answer jsonb := crm._idempotency_claim(idempotency_key, 'identity_unmerge', convert_to(jsonb_build_array(journal_id, reason)::text, 'UTF8'));
    merge record;
    changes crm.identity_change[];
BEGIN
    IF answer IS NOT NULL THEN
        RETURN answer;
    END IF;
    PERFORM crm._identity_need_reason(reason);
    SELECT * INTO merge FROM crm._identity_merge_of(journal_id);
    changes := crm._identity_take_apart(merge.person, merge.leaving, merge.against, merge.heir, reason, 'unmerge');
    PERFORM crm._audit('unmerge', 'customer', merge.person, NULL, merge.person::text, merge.heir::text, reason);
    answer := jsonb_build_object('customer_id', merge.person, 'restored', merge.heir,
        'records', (SELECT coalesce(sum(cardinality(c.record_ids)), 0) FROM unnest(changes) c));
    PERFORM crm._idempotency_store(idempotency_key, answer);
    RETURN answer;
END
$$;
COMMENT ON FUNCTION crm.identity_unmerge(bigint, text, text) IS
    'undoes a merge (journal_id of crm.identity_explain()): the merged id is a person again with the records it had '
    'and what came for them since, and the engine does not merge the two again; {customer_id, restored, records}; '
    'audited; P0002 for no such merge or one out of scope, RM301 when the person was erased, RM303 when a tie by '
    'hand holds them, RM304 when it does not hold any more, 22023 without a reason';

-- Of those that stay the ones that stand for somebody: visitors and receipts follow what they hold.
CREATE FUNCTION crm._identity_others(person bigint, leaving bigint[]) RETURNS bigint[]
    LANGUAGE plpgsql STABLE AS
$$
DECLARE
    staying bigint[] := ARRAY(SELECT r FROM unnest(crm._identity_records_of(person)) r WHERE r <> ALL (leaving));
    members bigint[] := ARRAY(SELECT s.source_record_id FROM crm.source_record s
                              WHERE s.source_record_id = ANY (staying) AND s.kind NOT IN ('visitor', 'receipt') ORDER BY 1);
BEGIN
    RETURN CASE WHEN cardinality(members) > 0 THEN members ELSE staying END;
END
$$;
COMMENT ON FUNCTION crm._identity_others(bigint, bigint[]) IS
    'the records of a person that leaving ones are decided to be another''s than: its members, or, when there are '
    'none, all that stay';

CREATE FUNCTION crm.identity_split(customer_id bigint, record_ids bigint[], reason text, idempotency_key text DEFAULT NULL) RETURNS jsonb
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
DECLARE
    answer jsonb := crm._idempotency_claim(idempotency_key,
            'identity_split', convert_to(jsonb_build_array(customer_id, record_ids, reason)::text, 'UTF8'));
    person bigint := crm._access_require_person(identity_split.customer_id);
    leaving bigint[] := ARRAY(SELECT DISTINCT r FROM unnest(record_ids) r WHERE r IS NOT NULL ORDER BY 1);
    changes crm.identity_change[];
BEGIN
    IF answer IS NOT NULL THEN
        RETURN answer;
    END IF;
    PERFORM crm._identity_need_reason(reason);
    IF cardinality(leaving) = 0 THEN
        RAISE EXCEPTION 'no record is named'
            USING ERRCODE = 'invalid_parameter_value', COLUMN = 'record_ids', HINT = 'Give the records that belong to somebody else.';
    END IF;
    changes := crm._identity_take_apart(person, leaving, crm._identity_others(person, leaving), NULL, reason, 'split');
    PERFORM crm._audit('split', 'customer', person, NULL, array_to_string(leaving, ' '), NULL, reason);
    answer := jsonb_build_object('customer_id', person, 'made', (
            SELECT m.customer_id FROM crm.membership m WHERE m.source_record_id = leaving[1] AND m.valid_to = 'infinity'),
        'records', (SELECT coalesce(sum(cardinality(c.record_ids)), 0) FROM unnest(changes) c));
    PERFORM crm._idempotency_store(idempotency_key, answer);
    RETURN answer;
END
$$;
COMMENT ON FUNCTION crm.identity_split(bigint, bigint[], text, text) IS
    'moves records (and what hangs together with them) out of a person to a new one, for ever; {customer_id, made, '
    'records}; audited; RM301 when the person was erased, RM303 when they are not some of its records or cannot be '
    'told apart, P0002 out of scope, 22023 names the field';

-- What each side would hold.
CREATE FUNCTION crm._identity_sides(person bigint, leaving bigint[], against bigint[]) RETURNS jsonb
    LANGUAGE plpgsql STABLE AS
$$
DECLARE
    records bigint[] := crm._identity_records_of(person);
    parts jsonb;
BEGIN
    WITH settled AS MATERIALIZED (
        SELECT s.source_record_id, s.label
        FROM crm._identity_resolve(
                 ARRAY(SELECT n FROM crm._identity_nodes(records) n), ARRAY(SELECT g FROM crm._identity_glue(records) g),
                 ARRAY(SELECT ROW(least(t.a, t.b), greatest(t.a, t.b))::crm.identity_pair
                       FROM (SELECT CASE WHEN d.one_leaves AND d.record_a = ANY (leaving) THEN against[1] ELSE d.record_a END AS a,
                                    CASE WHEN d.one_leaves AND d.record_b = ANY (leaving) THEN against[1] ELSE d.record_b END AS b
                             FROM (SELECT l.*, l.record_a = ANY (leaving) <> (l.record_b = ANY (leaving)) AS one_leaves
                                   FROM crm.must_link l WHERE l.record_a = ANY (records)) d
                             WHERE NOT (d.record_a = ANY (leaving) AND d.record_b = ANY (against)
                                     OR d.record_a = ANY (against) AND d.record_b = ANY (leaving))) t),
                 ARRAY(SELECT c FROM crm._identity_cannots(records) c)
                 || ARRAY(SELECT ROW(least(a, b), greatest(a, b))::crm.identity_pair FROM unnest(leaving) a, unnest(against) b),
                 crm._setting('identity.person_records')::int, crm._setting('identity.bridge_records')::int,
                     crm._setting('identity.silent_days')::int) s
        WHERE s.reason IS NULL)
    SELECT jsonb_agg(jsonb_build_object('side', p.side, 'records', p.ids, 'orders', p.orders, 'net', p.net) ORDER BY p.side <> 'stays', p.first)
    INTO parts
    FROM (SELECT CASE WHEN bool_or(s.source_record_id = leaving[1]) THEN 'leaves' WHEN bool_or(s.source_record_id = against[1]) THEN 'stays'
                      ELSE 'new' END AS side,
                 min(s.source_record_id) AS first, jsonb_agg(s.source_record_id ORDER BY s.source_record_id) AS ids,
                 sum((SELECT count(*) FROM crm.customer_order o WHERE o.source_record_id = s.source_record_id AND o.is_current)) AS orders,
                 sum((SELECT coalesce(sum(o.amount), 0) FROM crm.customer_order o
                             WHERE o.source_record_id = s.source_record_id AND o.is_current)) AS net
          FROM settled s GROUP BY s.label) p;
    RETURN coalesce(parts, '[]');
END
$$;
COMMENT ON FUNCTION crm._identity_sides(bigint, bigint[], bigint[]) IS
    'the parts a person would fall into when these records leave: records, orders and their amount of each, the '
    'staying part first';

CREATE FUNCTION crm.identity_split_preview(customer_id bigint, record_ids bigint[]) RETURNS jsonb
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
DECLARE
    person bigint := crm._access_require_person(customer_id);
    leaving bigint[] := coalesce(record_ids, '{}');
BEGIN
    RETURN jsonb_build_object('customer_id', person, 'parts', crm._identity_sides(person, leaving, crm._identity_others(person, leaving)));
END
$$;
COMMENT ON FUNCTION crm.identity_split_preview(bigint, bigint[]) IS
    'what crm.identity_split() would do: the parts with their records, orders and amount; nothing changes; P0002 '
    'out of scope';

CREATE FUNCTION crm.identity_unmerge_preview(journal_id bigint) RETURNS jsonb
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
DECLARE
    merge record;
BEGIN
    SELECT * INTO merge FROM crm._identity_merge_of(journal_id);
    RETURN jsonb_build_object('customer_id', merge.person, 'restores', merge.heir,
        'parts', crm._identity_sides(merge.person, merge.leaving, merge.against));
END
$$;
COMMENT ON FUNCTION crm.identity_unmerge_preview(bigint) IS
    'what crm.identity_unmerge() would do: the id that becomes a person again, and the parts with their records, '
    'orders and amount; P0002, RM301, RM304 as there';

GRANT EXECUTE ON FUNCTION crm.identity_unmerge(bigint, text, text), crm.identity_split(bigint, bigint[], text, text),
    crm.identity_unmerge_preview(bigint), crm.identity_split_preview(bigint, bigint[]) TO crm_steward, crm_headquarters;
