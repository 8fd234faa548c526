-- identity, the two doors of intake: member facts, and the record that any other fact hangs on.

-- One attempt; RM309 when something moved between looking and locking.
CREATE FUNCTION crm._identity_try(items crm.identity_item[], is_stub boolean, others bigint[], companions bigint[],
                                  ahead crm.identity_reach) RETURNS crm.identity_result
    LANGUAGE plpgsql AS
$$
DECLARE
    reach crm.identity_reach;
    known bigint[];
    added bigint[];
    is_idle boolean;
    is_reminded boolean;
    records bigint[];
    kinds smallint[];
    hashes bytea[];
    moves crm.identity_move[];
    merged crm.identity_pair[];
    refused jsonb;
    touched bigint[];
    short record;                       -- as crm._identity_sole() has it
    sole bigint[];                      -- their records
    strays bigint[];
    answer crm.identity_result;
BEGIN
    PERFORM crm._identity_lock_keys(items);
    items := crm._identity_classify(items, is_stub);
    short := crm._identity_sole(CASE WHEN ahead IS NULL THEN items END);
    sole := ARRAY(SELECT l.source_record_id FROM unnest(short.loners || short.joiners) l);
    SELECT array_agg(DISTINCT i.source_record_id) FILTER (WHERE NOT i.is_new AND (NOT i.is_repeat OR i.is_reminder)),
           array_agg(DISTINCT i.source_record_id) FILTER (WHERE i.is_new AND i.source_record_id NOT IN (SELECT s FROM unnest(sole) s)),
           coalesce(bool_and(i.is_repeat AND i.is_reminder IS NOT TRUE), true), coalesce(bool_or(i.is_reminder), false)
    INTO known, added, is_idle, is_reminded FROM unnest(items) i;
    SELECT array_agg(d.kind), array_agg(d.value_hash) INTO kinds, hashes
    FROM (SELECT DISTINCT l.kind, l.value_hash FROM unnest(items) i, unnest(i.links) l
          WHERE NOT i.is_repeat AND i.source_record_id NOT IN (SELECT s FROM unnest(sole) s)) d;
    IF short.joiners IS NOT NULL THEN
        others := others || ARRAY(SELECT DISTINCT j.to_id FROM unnest(short.joiners) j);
    END IF;
    reach := crm._identity_secure(items, coalesce(known, '{}') || companions, kinds, hashes, others, ahead, short.loners, short.joined, short.absent);
    IF NOT is_idle THEN
        PERFORM crm._identity_write_records(items);
        PERFORM crm._identity_write_links(items, sole);
        IF is_reminded THEN
            PERFORM crm._identity_remind(items);
        END IF;
        IF short.loners IS NOT NULL THEN
            PERFORM crm._identity_found(items, short.loners);
        END IF;
        records := reach.records || added;
        IF short.joiners IS NOT NULL THEN
            strays := crm._identity_join(items, short.joiners, reach.customers);
            IF cardinality(strays) > 0 THEN     -- all that is to be locked is held already, mostly
                reach.customers := reach.customers || others;
                reach := crm._identity_secure('{}', strays, '{}', '{}', '{}', crm._identity_widen(reach, NULL), NULL);
                records := ARRAY(SELECT unnest(records) UNION SELECT unnest(reach.records));
                added := added || strays;
            END IF;
        END IF;
        sole := ARRAY(SELECT unnest(sole) EXCEPT SELECT unnest(strays));
        IF cardinality(records) > 0 THEN
            SELECT m.* INTO moves, merged, refused FROM crm._identity_moves(records) m;
            IF merged IS NOT NULL AND crm._identity_slow_down(merged) THEN
                SELECT m.* INTO moves, merged, refused FROM crm._identity_moves(records) m;
            END IF;
            answer.changes := crm._identity_move(moves, merged, 'engine', 'identifier');
            answer.changes := ARRAY(SELECT ROW(CASE WHEN c.kind = 'attach' AND c.record_ids <@ added THEN 'join' ELSE c.kind END,
                                               c.survivor_id, c.other_id, c.record_ids, c.journal_id)::crm.identity_change
                                    FROM unnest(answer.changes) c);
        END IF;
        touched := ARRAY(
            SELECT v.to_id FROM unnest(moves) v WHERE v.from_id IS DISTINCT FROM v.to_id AND v.to_id IS NOT NULL
            UNION
            SELECT c.survivor_id FROM unnest(answer.changes) c
            UNION
            SELECT m.customer_id FROM unnest(items) i
            CROSS JOIN LATERAL (SELECT x.customer_id FROM crm.membership x
                                WHERE x.source_record_id = i.source_record_id AND x.valid_to = 'infinity' LIMIT 1) m
            WHERE NOT i.is_repeat AND i.source_record_id NOT IN (SELECT s FROM unnest(sole) s));
        PERFORM crm._identity_refresh(touched);
        IF cardinality(records) > 0 THEN
            PERFORM crm._identity_answer(records);
        END IF;
        IF EXISTS (SELECT FROM unnest(answer.changes) c WHERE c.kind NOT IN ('attach', 'join')) THEN
            PERFORM crm._identity_touch_scope(touched);
        END IF;
        IF refused IS NOT NULL THEN
            PERFORM crm._identity_review(refused);
        END IF;
    END IF;
    answer.outcomes := ARRAY(
        SELECT ROW((i.fact).ordinal, i.source_record_id, m.customer_id,
                   CASE WHEN i.is_new AND row_number() OVER (PARTITION BY i.source_record_id ORDER BY (i.fact).ordinal) = 1 THEN 'created'
                        WHEN i.is_repeat OR NOT (i.is_current OR i.is_new OR is_stub) THEN 'unchanged' ELSE 'updated' END)::crm.record_outcome
        FROM unnest(items) i
        LEFT JOIN LATERAL (SELECT x.customer_id FROM crm.membership x
                           WHERE x.source_record_id = i.source_record_id AND x.valid_to = 'infinity' LIMIT 1) m ON true);
    RETURN answer;
END
$$;
COMMENT ON FUNCTION crm._identity_try(crm.identity_item[], boolean, bigint[], bigint[], crm.identity_reach) IS
    'stores items and settles their persons under locks; others: persons to lock besides; companions: records whose '
    'persons to settle and lock besides; ahead: what the attempt before saw; RM309 when it has to be made again';

-- What a write caused in the rooms above.
CREATE FUNCTION crm._identity_announce(result crm.identity_result) RETURNS void
    LANGUAGE plpgsql AS
$$
DECLARE
    change crm.identity_change;
BEGIN
    FOREACH change IN ARRAY coalesce(result.changes, '{}') LOOP
        CONTINUE WHEN change.kind = 'join';     -- nothing hangs on a record that was just made: it is told as a fact of its person
        PERFORM crm._consequence_membership(change.survivor_id, coalesce(change.other_id, change.survivor_id),
                                            change.record_ids, CASE change.kind WHEN 'detach' THEN 'split' ELSE change.kind END);
    END LOOP;
    IF cardinality(result.news) > 0 THEN
        PERFORM crm._consequence_facts(result.news, 'member', false);
    END IF;
    IF cardinality(result.history_news) > 0 THEN
        PERFORM crm._consequence_facts(result.history_news, 'member', true);
    END IF;
END
$$;
COMMENT ON FUNCTION crm._identity_announce(crm.identity_result) IS
    'crm._consequence_membership() for each change but records that were just made, in order (an attach, and a '
    'split that leaves records to nobody, name their person twice), then crm._consequence_facts() of kind member';

-- The doors settle a call under pinned settings and then, outside of them, tell the rooms above.
--
-- The settings pin generic plans that go through indexes: not made anew for each call, and the
-- same from the first row to the last (see identity_store.sql).
CREATE FUNCTION crm._identity_settle(items crm.identity_item[], is_stub boolean,
                                     members crm.record_outcome[] DEFAULT NULL) RETURNS crm.identity_result
    LANGUAGE plpgsql AS
$$
DECLARE
    result crm.identity_result;
    ahead crm.identity_reach;
    seen text;
BEGIN
    FOR attempt IN 1 .. 20 LOOP
        BEGIN
            IF is_stub THEN
                result := crm._identity_attach_once(items, members, attempt, ahead);
            ELSE
                IF cardinality(items) = 1 AND attempt = 1 THEN
                    result := crm._identity_alone(items[1], false);
                END IF;
                IF result.outcomes IS NULL THEN
                    result := crm._identity_try(items, false, '{}', '{}', ahead);
                END IF;
            END IF;
            IF cardinality(crm._identity_suppressed(items)) > 0
               OR members IS NOT NULL AND EXISTS (SELECT FROM crm.suppression s WHERE s.kind = 'record') THEN
                RAISE EXCEPTION 'a person was erased while their record was stored'
                    USING ERRCODE = 'serialization_failure', HINT = 'Try again.';
            END IF;
            RETURN result;
        EXCEPTION WHEN SQLSTATE 'RM309' THEN
            GET STACKED DIAGNOSTICS seen = PG_EXCEPTION_DETAIL;
            ahead := crm._identity_again(attempt, seen);
        END;
    END LOOP;
END
$$;
COMMENT ON FUNCTION crm._identity_settle(crm.identity_item[], boolean, crm.record_outcome[]) IS
    'attempts until nothing moves meanwhile, of items and of members known already; 40001 after 20, or when one of '
    'them was erased meanwhile';

-- The persons to tell the rooms above about: those of new and changed records, history apart.
CREATE FUNCTION crm._identity_news(items crm.identity_item[], outcomes crm.record_outcome[], told text[],
                                   OUT news bigint[], OUT history_news bigint[])
    LANGUAGE plpgsql STABLE AS
$$
DECLARE
    historic int[] := ARRAY(SELECT (i.fact).ordinal FROM unnest(items) i WHERE (i.fact).is_history);
BEGIN
    SELECT array_agg(DISTINCT o.customer_id) FILTER (WHERE o.ordinal <> ALL (historic)),
           array_agg(DISTINCT o.customer_id) FILTER (WHERE o.ordinal = ANY (historic))
    INTO news, history_news
    FROM unnest(outcomes) o WHERE o.outcome = ANY (told) AND o.customer_id IS NOT NULL;
END
$$;
COMMENT ON FUNCTION crm._identity_news(crm.identity_item[], crm.record_outcome[], text[]) IS
    'persons whose records have one of these outcomes: of facts that are news, and of those that are history';

CREATE FUNCTION crm._identity_store_pinned(facts crm.member_fact[]) RETURNS crm.identity_result
    LANGUAGE plpgsql SET plan_cache_mode = force_generic_plan
    SET enable_seqscan = off SET enable_bitmapscan = off SET enable_material = off SET enable_memoize = off SET jit = off AS
$$
DECLARE
    items crm.identity_item[] := crm._identity_items(facts);
    suppressed int[] := crm._identity_suppressed(items);
    result crm.identity_result;
BEGIN
    IF cardinality(suppressed) > 0 THEN
        items := ARRAY(SELECT i FROM unnest(items) i WHERE (i.fact).ordinal <> ALL (suppressed));
    END IF;
    IF cardinality(items) > 0 THEN
        result := crm._identity_settle(items, false);
    END IF;
    IF cardinality(suppressed) > 0 THEN
        result.outcomes := result.outcomes || ARRAY(
            SELECT ROW(s.ordinal, NULL, NULL, 'suppressed')::crm.record_outcome FROM unnest(suppressed) s(ordinal));
    END IF;
    RETURN result;
END
$$;
COMMENT ON FUNCTION crm._identity_store_pinned(crm.member_fact[]) IS
    'crm._identity_store_members() but for what it causes elsewhere';

CREATE FUNCTION crm._identity_store_members(facts crm.member_fact[]) RETURNS SETOF crm.record_outcome
    LANGUAGE plpgsql AS
$$
DECLARE
    result crm.identity_result := crm._identity_store_pinned(facts);
BEGIN
    -- the caller tells of the facts themselves, once what came beside them (consents) is stored
    PERFORM crm._identity_announce(result);
    RETURN QUERY SELECT o.* FROM unnest(result.outcomes) o;
END
$$;
COMMENT ON FUNCTION crm._identity_store_members(crm.member_fact[]) IS
    'stores member records, each a whole revision of its record, and settles who they belong to: a row a fact, '
    'outcome created, updated, unchanged (a repeat, or older than what is known), suppressed (names an erased '
    'person; nothing is stored)';

-- The key of the record that a reference means: the member it names; else what its strongest
-- usable identifier stands for at that source; else its receipt.  Its links are sorted by (kind, value_hash), as they
-- are locked.
CREATE FUNCTION crm._identity_ref_items(refs crm.record_ref[]) RETURNS crm.identity_item[]
    LANGUAGE plpgsql STABLE AS
$$
DECLARE
    is_anyone_erased boolean := EXISTS (SELECT FROM crm.suppression s WHERE s.kind = 'record');
BEGIN
    RETURN ARRAY(
        SELECT ROW(ROW(f.ordinal, f.source_id,
                       CASE WHEN n.is_member THEN f.external_id
                            WHEN n.erased IS NOT NULL THEN 'receipt:erased:' || encode(n.erased, 'hex')
                            WHEN u.links[1] IS NULL OR n.is_receipt_known THEN 'receipt:' || coalesce(f.external_id, '')
                            ELSE 'visitor:' || crm._identity_kind_code(u.links[1].kind) || ':' || encode(u.links[1].value_hash, 'hex') END,
                       CASE WHEN n.is_member THEN f.kind WHEN n.erased IS NOT NULL OR u.links[1] IS NULL
                           OR n.is_receipt_known THEN 'receipt' ELSE 'visitor' END,
                       f.store_id, f.channel, f.occurred_at, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
                       NULL, NULL, f.is_history, NULL, f.received_at, f.inbox_id, f.line_no)::crm.member_fact,
                   CASE WHEN n.erased IS NULL THEN ARRAY(SELECT DISTINCT ON (l.kind, l.value_hash) l
                           FROM unnest(u.links) l ORDER BY l.kind, l.value_hash) ELSE '{}' END,
                   NULL, NULL, NULL, NULL, NULL, coalesce(f.occurred_at, f.received_at), NULL, NULL)::crm.identity_item
        FROM unnest(refs) f
        CROSS JOIN LATERAL (   -- an erased member's later receipts hang together, on nobody
            SELECT CASE WHEN is_anyone_erased AND f.kind IN ('member', 'follower', 'visitor') THEN (
                       SELECT s.value_hash FROM crm.suppression s
                       WHERE s.kind = 'record' AND s.value_hash = crm._access_record_hash(f.source_id, f.external_id) LIMIT 1) END AS erased
            OFFSET 0) e
        CROSS JOIN LATERAL (
            SELECT e.erased, w.is_member,
                   CASE WHEN NOT w.is_member THEN (SELECT true FROM crm.external_key k WHERE k.source_id = f.source_id AND k.kind = 1
                                                   AND k.external_id = 'receipt:' || f.external_id LIMIT 1) END AS is_receipt_known
            FROM (SELECT coalesce(f.kind IN ('member', 'follower', 'visitor') AND f.external_id <> '' AND e.erased IS NULL, false) AS is_member) w
            OFFSET 0) n
        CROSS JOIN LATERAL (
            SELECT ARRAY(
                SELECT ROW(v.kind, coalesce(v.namespace, ''), h.value_hash, v.value, coalesce(v.masked, ''), v.tail, true)::crm.identity_link
                FROM unnest(f.identifiers) v
                CROSS JOIN LATERAL (SELECT x.rank, x.code FROM crm.identifier_kind x WHERE x.kind = v.kind AND x.is_key LIMIT 1) k
                CROSS JOIN LATERAL (SELECT crm._identity_hash(v.kind, v.namespace, v.value) AS value_hash OFFSET 0) h
                WHERE v.value <> '' AND crm._identity_may_glue(v.kind, v.value, v.is_key)
                  AND (SELECT x.is_blocked FROM crm.identifier x
                       WHERE x.kind = v.kind AND x.value_hash = h.value_hash LIMIT 1) IS NOT TRUE
                  AND (SELECT true FROM crm.blocked_value x
                       WHERE x.kind = v.kind AND x.value_hash = h.value_hash LIMIT 1) IS NULL
                  AND (SELECT true FROM crm.suppression x
                       WHERE x.kind = k.code AND x.value_hash = h.value_hash LIMIT 1) IS NULL
                ORDER BY k.rank, h.value_hash) AS links
            OFFSET 0) u);
END
$$;
COMMENT ON FUNCTION crm._identity_ref_items(crm.record_ref[]) IS
    'references as stubs: the record''s key and the identifiers that may glue (not blocked, no hub, not erased)';

-- Of many references those of members that a fact has described: most of a file of orders or events, and many of them of
-- one member.  Each record is looked for once, and what else the reference tells is not even read.
CREATE FUNCTION crm._identity_described(refs crm.record_ref[]) RETURNS crm.record_outcome[]
    LANGUAGE plpgsql STABLE AS
$$
BEGIN
    IF EXISTS (SELECT FROM crm.suppression s WHERE s.kind = 'record') THEN
        RETURN NULL;        -- it may be an erased one's
    END IF;
    RETURN (
        SELECT array_agg(ROW(n.ordinal, d.source_record_id, d.customer_id, 'unchanged')::crm.record_outcome)
        FROM (SELECT g.ordinals, k.source_record_id, m.customer_id
              FROM (SELECT f.source_id, f.external_id, array_agg(f.ordinal) AS ordinals FROM unnest(refs) f
                    WHERE f.kind IN ('member', 'follower', 'visitor') AND f.external_id <> '' GROUP BY 1, 2) g
              CROSS JOIN LATERAL (SELECT x.source_record_id FROM crm.external_key x
                                  WHERE x.source_id = g.source_id AND x.kind = 1 AND x.external_id = g.external_id LIMIT 1) k
              CROSS JOIN LATERAL (SELECT true FROM crm.source_record x WHERE x.source_record_id = k.source_record_id AND x.revision > 0 LIMIT 1) r
              CROSS JOIN LATERAL (SELECT x.customer_id FROM crm.membership x
                                  WHERE x.source_record_id = k.source_record_id AND x.valid_to = 'infinity' LIMIT 1) m OFFSET 0) d,
             unnest(d.ordinals) n(ordinal));
END
$$;
COMMENT ON FUNCTION crm._identity_described(crm.record_ref[]) IS
    'outcomes of those references that name a member whom a fact has described and who is a person; none as soon as '
    'anybody was erased';

-- References whose record is there and complete need no write.  A record that a member fact has
-- described keeps the identifiers of that fact: the phone on an order may be its receiver's.
CREATE FUNCTION crm._identity_known(items crm.identity_item[], OUT outcomes crm.record_outcome[], OUT missing crm.identity_item[])
    LANGUAGE plpgsql STABLE AS
$$
BEGIN
    SELECT array_agg(ROW((t.i).fact.ordinal, t.source_record_id, t.customer_id, 'unchanged')::crm.record_outcome) FILTER (WHERE t.is_known),
           array_agg(t.i) FILTER (WHERE NOT t.is_known)
    INTO outcomes, missing
    FROM (SELECT i, k.source_record_id, m.customer_id,
                 r.revision IS NOT NULL AND (r.revision > 0 OR NOT EXISTS (
                     SELECT FROM unnest(i.links) l
                     WHERE (SELECT true FROM crm.record_identifier x
                            WHERE x.source_record_id = k.source_record_id AND x.kind = l.kind AND x.value_hash = l.value_hash
                              AND x.ended_at IS NULL LIMIT 1) IS NULL)) AS is_known
          FROM unnest(items) i
          LEFT JOIN LATERAL (SELECT x.source_record_id FROM crm.external_key x
                             WHERE x.source_id = (i.fact).source_id AND x.kind = 1
                               AND x.external_id = (i.fact).external_id LIMIT 1) k ON true
          LEFT JOIN LATERAL (SELECT x.revision FROM crm.source_record x
                             WHERE x.source_record_id = k.source_record_id LIMIT 1) r ON true
          LEFT JOIN LATERAL (SELECT x.customer_id FROM crm.membership x
                             WHERE x.source_record_id = k.source_record_id AND x.valid_to = 'infinity' LIMIT 1) m ON true) t;
END
$$;
COMMENT ON FUNCTION crm._identity_known(crm.identity_item[]) IS
    'outcomes of references whose record needs no write, and the items that do';

-- Locks the persons of known records ascending; null when a record has moved meanwhile, save
-- by this call's own changes.
CREATE FUNCTION crm._identity_lock_known(outcomes crm.record_outcome[], changes crm.identity_change[],
                                         are_locked boolean) RETURNS crm.record_outcome[]
    LANGUAGE plpgsql AS
$$
DECLARE
    fresh crm.record_outcome[];
    strays int;
BEGIN
    IF changes IS NULL AND NOT are_locked THEN
        PERFORM FROM (SELECT DISTINCT o.customer_id FROM unnest(outcomes) o ORDER BY 1) d
        CROSS JOIN LATERAL (SELECT x.customer_id FROM crm.customer x
                            WHERE x.customer_id = d.customer_id AND x.status NOT IN ('merged', 'erased') FOR NO KEY UPDATE) c;
    END IF;
    SELECT array_agg(ROW(n.ordinal, o.source_record_id, m.customer_id, o.outcome)::crm.record_outcome),
           count(*) FILTER (WHERE m.customer_id IS DISTINCT FROM o.customer_id
                            AND NOT EXISTS (SELECT FROM unnest(changes) c WHERE o.source_record_id = ANY (c.record_ids)))
    INTO fresh, strays
    FROM (SELECT x.source_record_id, x.customer_id, x.outcome, array_agg(x.ordinal) AS ordinals FROM unnest(outcomes) x GROUP BY 1, 2, 3) o
    LEFT JOIN LATERAL (SELECT x.customer_id FROM crm.membership x
                       WHERE x.source_record_id = o.source_record_id AND x.valid_to = 'infinity' LIMIT 1) m ON true
    CROSS JOIN LATERAL (SELECT u.ordinal FROM unnest(o.ordinals) u(ordinal) OFFSET 0) n;
    RETURN CASE WHEN are_locked OR strays = 0 THEN fresh END;
END
$$;
COMMENT ON FUNCTION crm._identity_lock_known(crm.record_outcome[], crm.identity_change[], boolean) IS
    'locks the persons of these records, unless they are or changes say that crm._identity_try() has; the outcomes '
    'with the persons of now, null when a record moved meanwhile';

-- The first attempt only locks the persons of known records; when one moved meanwhile, the next
-- look at them like a write, so that nobody is overtaken for ever.
CREATE FUNCTION crm._identity_attach_once(items crm.identity_item[], members crm.record_outcome[], attempt int,
                                          ahead crm.identity_reach) RETURNS crm.identity_result
    LANGUAGE plpgsql AS
$$
DECLARE
    known crm.record_outcome[];
    missing crm.identity_item[];
    companions bigint[] := '{}';
    others bigint[] := '{}';
    result crm.identity_result;
BEGIN
    IF attempt = 1 AND cardinality(items) = 1 AND members IS NULL THEN
        result := crm._identity_alone(items[1], true);
        IF result.outcomes IS NOT NULL THEN
            result.changes := '{}';
            RETURN result;
        END IF;
    END IF;
    SELECT k.outcomes || members, k.missing INTO known, missing FROM crm._identity_known(items) k;
    IF attempt > 1 THEN
        companions := ARRAY(SELECT DISTINCT o.source_record_id FROM unnest(known) o);
    ELSE
        others := ARRAY(SELECT DISTINCT o.customer_id FROM unnest(known) o WHERE o.customer_id IS NOT NULL);
    END IF;
    IF missing IS NOT NULL THEN
        result := crm._identity_try(missing, true, others, companions, ahead);
    END IF;
    IF missing IS NOT NULL THEN
        result.changes := coalesce(result.changes, '{}');
    ELSIF attempt > 1 THEN
        PERFORM crm._identity_secure('{}', companions, '{}', '{}', '{}', ahead, NULL);
    END IF;
    IF known IS NOT NULL THEN
        known := crm._identity_lock_known(known, result.changes, attempt > 1);
        IF known IS NULL THEN
            RAISE EXCEPTION 'persons moved while a write looked at them' USING ERRCODE = 'RM309';
        END IF;
    END IF;
    result.outcomes := result.outcomes || known;
    RETURN result;
END
$$;
COMMENT ON FUNCTION crm._identity_attach_once(crm.identity_item[], crm.record_outcome[], int, crm.identity_reach) IS
    'one attempt of crm._identity_attach(), of items and of members known already (crm._identity_described()); '
    'RM309 when it has to be made again';

-- The commonest reference: a member that a fact has described.  Its record needs no write, so one
-- probe that locks its person, and a second look, are all; whatever else it may be takes the long way.
CREATE FUNCTION crm._identity_attach_member(ref crm.record_ref) RETURNS crm.record_outcome
    LANGUAGE plpgsql AS
$$
DECLARE
    found_record bigint;
    person bigint;
    person_now bigint;
BEGIN
    IF ref.kind NOT IN ('member', 'follower', 'visitor') THEN
        RETURN NULL;
    END IF;
    SELECT k.source_record_id, m.customer_id INTO found_record, person
    FROM crm.external_key k
    JOIN crm.source_record r ON r.source_record_id = k.source_record_id AND r.revision > 0
    JOIN crm.membership m ON m.source_record_id = k.source_record_id AND m.valid_to = 'infinity'
    JOIN crm.customer c ON c.customer_id = m.customer_id AND c.status NOT IN ('merged', 'erased')
    WHERE k.source_id = ref.source_id AND k.kind = 1 AND k.external_id = ref.external_id
      AND NOT EXISTS (SELECT FROM crm.suppression s WHERE s.kind = 'record')
    FOR NO KEY UPDATE OF c;
    IF person IS NULL THEN
        RETURN NULL;
    END IF;
    SELECT x.customer_id INTO person_now FROM crm.membership x WHERE x.source_record_id = found_record AND x.valid_to = 'infinity';
    IF person_now IS DISTINCT FROM person THEN
        RAISE EXCEPTION 'persons moved while a write looked at them' USING ERRCODE = 'RM309';
    END IF;
    RETURN ROW(ref.ordinal, found_record, person, 'unchanged')::crm.record_outcome;
END
$$;
COMMENT ON FUNCTION crm._identity_attach_member(crm.record_ref) IS
    'the record and person of a described member, the person locked; null, and nothing locked, when the reference '
    'is anything else; RM309 when the record moved meanwhile: undo, and go the long way';

CREATE FUNCTION crm._identity_attach_pinned(refs crm.record_ref[]) RETURNS crm.identity_result
    LANGUAGE plpgsql SET plan_cache_mode = force_generic_plan
    SET enable_seqscan = off SET enable_bitmapscan = off SET enable_material = off SET enable_memoize = off SET jit = off AS
$$
DECLARE
    items crm.identity_item[];
    member crm.record_outcome;
    members crm.record_outcome[];
    result crm.identity_result;
BEGIN
    IF cardinality(refs) > 1 THEN
        members := crm._identity_described(refs);
    ELSIF cardinality(refs) = 1 THEN
        BEGIN
            member := crm._identity_attach_member(refs[1]);
        EXCEPTION WHEN SQLSTATE 'RM309' THEN
            member := NULL;      -- the lock is gone with the subtransaction
        END;
        IF member.source_record_id IS NOT NULL THEN
            result.outcomes := ARRAY[member];
            RETURN result;
        END IF;
    END IF;
    items := crm._identity_ref_items(CASE WHEN members IS NULL THEN refs
        ELSE ARRAY(SELECT f FROM unnest(refs) f WHERE f.ordinal NOT IN (SELECT o.ordinal FROM unnest(members) o)) END);
    IF cardinality(items) > 0 OR members IS NOT NULL THEN
        result := crm._identity_settle(items, true, members);
        IF result.changes IS NOT NULL THEN
            SELECT n.news, n.history_news INTO result.news, result.history_news
            FROM crm._identity_news(items, result.outcomes, '{created}') n;
        END IF;
    END IF;
    RETURN result;
END
$$;
COMMENT ON FUNCTION crm._identity_attach_pinned(crm.record_ref[]) IS
    'crm._identity_attach() but for what it causes elsewhere';

CREATE FUNCTION crm._identity_attach(refs crm.record_ref[]) RETURNS SETOF crm.record_outcome
    LANGUAGE plpgsql AS
$$
DECLARE
    result crm.identity_result := crm._identity_attach_pinned(refs);
BEGIN
    PERFORM crm._identity_announce(result);
    RETURN QUERY SELECT o.* FROM unnest(result.outcomes) o;
END
$$;
COMMENT ON FUNCTION crm._identity_attach(crm.record_ref[]) IS
    'the record and person of each reference, the persons locked until the end of the transaction: a known '
    'member''s record; a stub for an unknown member; one visitor record for an identifier at a source; a receipt '
    'record without person (customer_id null) when there is nothing to go by';
