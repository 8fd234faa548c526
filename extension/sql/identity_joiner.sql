-- identity, one fact by itself: a new person, or one new record that joins a person.  Most facts are that, and both
-- are written by a few plain statements under the locks of every write (identity_store.sql).
--
-- A record that joins: its values are made or locked, then the person, and only then the person's records are
-- read; whoever wants any of it waits for the person.  When nobody else holds a value of theirs, those
-- records are the whole component, and the partition is asked about them as everywhere.  If it does not say
-- that all of it is one person, all is undone and the long way goes on.

-- Values of the new record that are there, locked in order and counted; is_plain: all are this person's, and none
-- becomes a hub.
CREATE FUNCTION crm._identity_take(item crm.identity_item, person bigint, is_all_there boolean, OUT is_plain boolean, OUT evidence jsonb)
    LANGUAGE plpgsql AS
$$
BEGIN
    IF NOT is_all_there THEN
        INSERT INTO crm.identifier (kind, value_hash, customer_id, value_sealed, masked, tail_hash, is_blocked, first_seen_at, last_seen_at)
        SELECT n.kind, n.value_hash, CASE WHEN NOT n.is_closed THEN person END, crm._encrypt(crm._identity_kind_code(n.kind), n.value), n.masked,
               crm._identity_tail_hash(n.tail), n.is_closed, item.seen_at, item.seen_at
        FROM (SELECT l.*, c.is_closed FROM unnest(item.links) l, crm._identity_is_closed(l.kind, l.value_hash, l.is_key) c
              WHERE (SELECT true FROM crm.identifier x WHERE x.kind = l.kind AND x.value_hash = l.value_hash LIMIT 1) IS NULL OFFSET 0) n
        ORDER BY n.kind, n.value_hash
        ON CONFLICT DO NOTHING;
    END IF;
    WITH locked AS MATERIALIZED (       -- links are sorted
        SELECT i.* FROM unnest(item.links) l
        CROSS JOIN LATERAL (SELECT x.kind, x.value_hash, x.customer_id FROM crm.identifier x
                            WHERE x.kind = l.kind AND x.value_hash = l.value_hash AND NOT x.is_blocked FOR NO KEY UPDATE) i),
    taken AS (
        UPDATE crm.identifier i
        SET record_count = i.record_count + 1, row_version = i.row_version + 1,
            last_seen_at = greatest(i.last_seen_at, item.seen_at), customer_id = person
        FROM locked l WHERE i.kind = l.kind AND i.value_hash = l.value_hash
        RETURNING i.kind, i.masked, i.record_count, i.row_version, l.customer_id AS was)
    SELECT bool_and((t.was = person) IS NOT FALSE AND t.record_count <= k.max_records),
           coalesce(jsonb_agg(DISTINCT jsonb_build_object('kind', k.code, 'masked', t.masked)) FILTER (WHERE t.row_version > 1), '[]')
    INTO is_plain, evidence
    FROM taken t CROSS JOIN LATERAL (SELECT x.code, x.max_records FROM crm.identifier_kind x WHERE x.kind = t.kind LIMIT 1) k;
END
$$;
COMMENT ON FUNCTION crm._identity_take(crm.identity_item, bigint, boolean) IS
    'makes (unless all are there) and locks the values of a record that joins a person, by (kind, value_hash); '
    'evidence: those that were there, masked';

CREATE FUNCTION crm._identity_joiner(item crm.identity_item, person bigint, is_all_there boolean, is_stub boolean) RETURNS crm.identity_result
    LANGUAGE plpgsql AS
$$
DECLARE
    record_id bigint := crm._identity_claim_key(item.fact, is_stub);
    journal bigint := crm._new_id();
    taken record;
    result crm.identity_result;
BEGIN
    IF record_id IS NULL THEN
        RETURN NULL;
    END IF;
    taken := crm._identity_take(item, person, is_all_there);
    IF taken.is_plain THEN
        PERFORM FROM crm.customer c WHERE c.customer_id = person AND c.status NOT IN ('merged', 'erased') FOR NO KEY UPDATE;
        IF FOUND THEN
            PERFORM crm._identity_write_record(item, crm._encrypt('address', nullif(btrim((item.fact).address), '')),
                record_id, person, journal, is_stub);
            IF crm._identity_refresh_plain(ARRAY[person], '{}', '{}', crm._setting('identity.person_records')::int,
                                           crm._setting('identity.bridge_records')::int, crm._setting('identity.silent_days')::int) = '{}' THEN
                INSERT INTO crm.merge_journal (journal_id, at, kind, survivor_id, record_ids, actor, reason, evidence)
                VALUES (journal, crm.core_now(), 'attach', person, ARRAY[record_id], 'engine', 'identifier', taken.evidence);
                result.outcomes := ARRAY[ROW((item.fact).ordinal, record_id, person, 'created')::crm.record_outcome];
                RETURN result;
            END IF;
        END IF;
    END IF;
    RAISE EXCEPTION 'persons moved while a write looked at them' USING ERRCODE = 'RM309';
END
$$;
COMMENT ON FUNCTION crm._identity_joiner(crm.identity_item, bigint, boolean, boolean) IS
    'stores one member fact, or the stub of a reference, whose record is new and joins this person (is_all_there: '
    'its identifiers are all known); null, and nothing stored, when the record is known; RM309 when it is not so '
    'plain, or something moved meanwhile: undo, and go the long way';

-- Many records that join persons, their values and persons locked, the records stored: those whose persons are plain
-- are done here.  A person whom the rest of the call reaches is left to it with his joiners.
CREATE FUNCTION crm._identity_join(items crm.identity_item[], joiners crm.identity_move[], reached bigint[]) RETURNS bigint[]
    LANGUAGE plpgsql AS
$$
DECLARE
    persons bigint[] := ARRAY(SELECT j.to_id FROM unnest(joiners) j EXCEPT SELECT r FROM unnest(reached) r ORDER BY 1);
    ours crm.identity_move[] := ARRAY(SELECT j FROM unnest(joiners) j WHERE j.to_id NOT IN (SELECT r FROM unnest(reached) r));
    left_over bigint[];
BEGIN
    left_over := crm._identity_refresh_plain(persons, ARRAY(SELECT j.source_record_id FROM unnest(ours) j), ARRAY(SELECT j.to_id FROM unnest(ours) j),
        crm._setting('identity.person_records')::int, crm._setting('identity.bridge_records')::int, crm._setting('identity.silent_days')::int);
    IF cardinality(left_over) > 0 THEN
        ours := ARRAY(SELECT j FROM unnest(ours) j WHERE j.to_id NOT IN (SELECT p FROM unnest(left_over) p));
    END IF;
    WITH ours_by_record AS MATERIALIZED (SELECT j.source_record_id, j.to_id FROM unnest(ours) j),
    told AS MATERIALIZED (
        SELECT o.to_id AS person, l.kind, l.value_hash, count(*) AS records, max(i.seen_at) AS seen_at
        FROM unnest(items) i JOIN ours_by_record o ON o.source_record_id = i.source_record_id, unnest(i.links) l
        GROUP BY 1, 2, 3),
    taken AS (
        UPDATE crm.identifier d
        SET record_count = d.record_count + e.records, row_version = d.row_version + 1,
            last_seen_at = greatest(d.last_seen_at, e.seen_at), customer_id = e.person
        FROM (SELECT t.*, x.row FROM told t
              CROSS JOIN LATERAL (SELECT y.ctid AS row FROM crm.identifier y
                                  WHERE y.kind = t.kind AND y.value_hash = t.value_hash AND NOT y.is_blocked LIMIT 1) x OFFSET 0) e
        WHERE d.ctid = e.row
        RETURNING e.person, d.kind, d.masked, d.row_version),
    evidence AS (
        SELECT t.person, jsonb_agg(DISTINCT jsonb_build_object('kind', crm._identity_kind_code(t.kind), 'masked', t.masked)) AS shared
        FROM taken t WHERE t.row_version > 1 GROUP BY t.person),
    journal AS MATERIALIZED (
        SELECT crm._new_id() AS journal_id, g.* FROM (
            SELECT o.to_id AS person, array_agg(o.source_record_id ORDER BY o.source_record_id) AS records FROM ours_by_record o GROUP BY o.to_id) g),
    written AS (
        INSERT INTO crm.merge_journal (journal_id, at, kind, survivor_id, record_ids, actor, reason, evidence)
        SELECT j.journal_id, crm.core_now(), 'attach', j.person, j.records, 'engine', 'identifier', coalesce(e.shared, '[]')
        FROM journal j LEFT JOIN evidence e ON e.person = j.person)
    INSERT INTO crm.membership (source_record_id, valid_from, customer_id, journal_id)
    SELECT r.id, crm.core_now(), j.person, j.journal_id FROM journal j, unnest(j.records) r(id);
    RETURN ARRAY(SELECT j.source_record_id FROM unnest(joiners) j EXCEPT SELECT o.source_record_id FROM unnest(ours) o);
END
$$;
COMMENT ON FUNCTION crm._identity_join(crm.identity_item[], crm.identity_move[], bigint[]) IS
    'gives joiners (crm._identity_sole()) whose records are stored to their persons where these are plain: golden '
    'record, membership, journal, who answers; the records of the others, untouched, and of those whose person is '
    'reached otherwise';

CREATE FUNCTION crm._identity_alone(item crm.identity_item, is_stub boolean) RETURNS crm.identity_result
    LANGUAGE plpgsql AS
$$
DECLARE
    fact crm.member_fact := item.fact;
    persons bigint[];
    there int;
    held int;
    is_known boolean;
BEGIN
    IF fact.kind = 'receipt' THEN
        RETURN NULL;
    END IF;
    SELECT array_agg(DISTINCT i.customer_id) FILTER (WHERE i.customer_id IS NOT NULL), count(*), count(*) FILTER (WHERE NOT i.is_blocked),
           EXISTS (SELECT FROM crm.external_key k WHERE k.source_id = fact.source_id AND k.kind = 1 AND k.external_id = fact.external_id)
    INTO persons, there, held, is_known
    FROM unnest(item.links) l
    CROSS JOIN LATERAL (SELECT x.customer_id, x.is_blocked FROM crm.identifier x
                        WHERE x.kind = l.kind AND x.value_hash = l.value_hash LIMIT 1) i;
    IF is_known THEN
        RETURN NULL;
    ELSIF held = 0 THEN
        RETURN crm._identity_newcomer(item, is_stub);
    ELSIF cardinality(persons) = 1 THEN
        RETURN crm._identity_joiner(item, persons[1], there = cardinality(item.links), is_stub);
    END IF;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION crm._identity_alone(crm.identity_item, boolean) IS
    'one fact that is a new person or joins one, the short way; null, and nothing stored, for everything else; '
    'RM309 as crm._identity_joiner()';
