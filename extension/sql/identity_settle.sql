-- identity, settling: from what records hold to persons - the partition, who keeps which id,
-- membership, journal, reviews, and the golden record.

CREATE TYPE crm.identity_node AS (
    source_record_id bigint,
    is_receipt boolean,                 -- is nobody until an identifier arrives
    single_source int,                  -- set: its source has one record a person
    name text, sex text, birthday date, is_birthday_lunar boolean,
    seen_at timestamptz);
CREATE TYPE crm.identity_glue AS (
    source_record_id bigint,
    kind smallint, namespace text, value_hash bytea,
    rank int, is_glue boolean, is_single boolean, is_shared boolean,
    first_seen_at timestamptz, ended_at timestamptz);
CREATE TYPE crm.identity_pair AS (record_a bigint, record_b bigint);

CREATE FUNCTION crm._identity_resolve(nodes crm.identity_node[], glue crm.identity_glue[],
                                      must crm.identity_pair[], cannot crm.identity_pair[],
                                      OUT source_record_id bigint, OUT label int, OUT is_person boolean,
                                      OUT other_record_id bigint, OUT reason text, OUT kind smallint)
    RETURNS SETOF record LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE ROWS 1000 AS 'MODULE_PATHNAME', 'crm_identity_resolve';
COMMENT ON FUNCTION crm._identity_resolve(crm.identity_node[], crm.identity_glue[], crm.identity_pair[], crm.identity_pair[]) IS
    'the partition: a row a record with its label, and a row (reason not null) for each union that a guard refused; a function of the content and order of nodes alone';

-- All that the partition of these records depends on, in an order that only content decides.
CREATE FUNCTION crm._identity_nodes(records bigint[]) RETURNS crm.identity_node[]
    LANGUAGE plpgsql STABLE AS
$$
BEGIN
    RETURN ARRAY(
        SELECT ROW(r.source_record_id, r.kind = 'receipt', CASE WHEN s.is_one_record_per_person AND r.is_current THEN r.source_id END,
                   p.name, p.sex, p.birthday, p.is_birthday_lunar, coalesce(r.registered_at, r.received_at))::crm.identity_node
        FROM unnest(records) f(id)
        JOIN crm.source_record r ON r.source_record_id = f.id
        LEFT JOIN crm.source_record_private p ON p.source_record_id = r.source_record_id AND p.revision = r.revision
        LEFT JOIN crm.source s ON s.source_id = r.source_id
        ORDER BY r.source_id, r.external_id COLLATE "C");
END
$$;
COMMENT ON FUNCTION crm._identity_nodes(bigint[]) IS 'the records as crm._identity_resolve() takes them, ordered by source and external id';

CREATE FUNCTION crm._identity_glue(records bigint[]) RETURNS crm.identity_glue[]
    LANGUAGE plpgsql STABLE AS
$$
BEGIN
    RETURN ARRAY(
        SELECT ROW(ri.source_record_id, ri.kind, ri.namespace, ri.value_hash, k.rank, k.is_key AND NOT i.is_blocked,
                   k.is_single, k.is_shared, ri.first_seen_at, ri.ended_at)::crm.identity_glue
        FROM unnest(records) f(id)
        JOIN crm.record_identifier ri ON ri.source_record_id = f.id
        JOIN crm.identifier i ON i.kind = ri.kind AND i.value_hash = ri.value_hash
        JOIN crm.identifier_kind k ON k.kind = ri.kind);
END
$$;
COMMENT ON FUNCTION crm._identity_glue(bigint[]) IS 'the identifiers of records as crm._identity_resolve() takes them';

-- Who moves where.  Of the records of a person the larger part keeps the id (on a tie the part
-- with the oldest record); where several persons meet, the oldest one survives.
CREATE FUNCTION crm._identity_moves(records bigint[], OUT moves crm.identity_move[], OUT merged crm.identity_pair[], OUT refused jsonb)
    LANGUAGE plpgsql AS
$$
DECLARE
    must crm.identity_pair[] := ARRAY(
        SELECT ROW(l.record_a, l.record_b)::crm.identity_pair FROM unnest(records) f(id)
        JOIN crm.must_link l ON l.record_a = f.id);
    cannot crm.identity_pair[] := ARRAY(
        SELECT ROW(l.record_a, l.record_b)::crm.identity_pair FROM unnest(records) f(id)
        JOIN crm.cannot_link l ON l.record_a = f.id);
BEGIN
    WITH settled AS MATERIALIZED (
        SELECT s.* FROM crm._identity_resolve(crm._identity_nodes(records), crm._identity_glue(records), must, cannot) s),
    place AS (
        SELECT s.source_record_id, s.label, bool_or(s.is_person) OVER (PARTITION BY s.label) AS is_person,
               m.customer_id, c.registered_at,
               count(*) OVER part AS members, min(s.source_record_id) OVER part AS oldest
        FROM settled s
        LEFT JOIN crm.membership m ON m.source_record_id = s.source_record_id AND m.valid_to = 'infinity'
        LEFT JOIN crm.customer c ON c.customer_id = m.customer_id
        WHERE s.reason IS NULL
        WINDOW part AS (PARTITION BY m.customer_id, s.label)),
    kept AS (
        SELECT p.*, CASE WHEN p.customer_id IS NOT NULL
                          AND p.label = first_value(p.label) OVER (PARTITION BY p.customer_id ORDER BY p.members DESC, p.oldest)
                         THEN p.customer_id END AS kept_id
        FROM place p),
    survived AS (
        SELECT k.*, first_value(k.kept_id) OVER in_label AS survivor_id,
               row_number() OVER in_label = 1 AS is_first
        FROM kept k
        WINDOW in_label AS (PARTITION BY k.label ORDER BY k.kept_id IS NULL, k.registered_at, k.kept_id, k.source_record_id)),
    numbered AS (
        SELECT s.*, CASE WHEN s.is_first AND s.is_person THEN coalesce(s.survivor_id, crm._new_id()) END AS own_id
        FROM survived s),
    target AS (
        SELECT n.*, max(n.own_id) OVER (PARTITION BY n.label) AS target_id FROM numbered n)
    SELECT array_agg(ROW(t.source_record_id, t.customer_id, t.target_id)::crm.identity_move),
           array_agg(DISTINCT ROW(t.kept_id, t.target_id)::crm.identity_pair) FILTER (WHERE t.kept_id <> t.target_id),
           (SELECT jsonb_agg(jsonb_build_object('a', s.source_record_id, 'b', s.other_record_id, 'reason', s.reason,
                                                'kind', crm._identity_kind_code(s.kind)))
            FROM settled s WHERE s.reason IS NOT NULL)
    INTO moves, merged, refused
    FROM target t;
END
$$;
COMMENT ON FUNCTION crm._identity_moves(bigint[]) IS
    'the persons that records belong to from now on: a move a record (from null: nobody yet), the persons that end in another (record_a into record_b), and what guards refused';

-- Which identifiers tie the moved records to the rest of the person: the journal's evidence.
CREATE FUNCTION crm._identity_evidence(moved bigint[], person bigint) RETURNS jsonb
    LANGUAGE plpgsql STABLE AS
$$
BEGIN
    RETURN coalesce((
        SELECT jsonb_agg(DISTINCT jsonb_build_object('kind', crm._identity_kind_code(own.kind), 'masked', i.masked))
        FROM unnest(moved) f(id)
        JOIN crm.record_identifier own ON own.source_record_id = f.id
        JOIN crm.identifier i ON i.kind = own.kind AND i.value_hash = own.value_hash AND NOT i.is_blocked
        JOIN crm.record_identifier other ON other.kind = own.kind AND other.value_hash = own.value_hash
                                        AND other.source_record_id <> ALL (moved)
        JOIN crm.membership m ON m.source_record_id = other.source_record_id AND m.valid_to = 'infinity'
                             AND m.customer_id = person), '[]');
END
$$;
COMMENT ON FUNCTION crm._identity_evidence(bigint[], bigint) IS
    'identifiers that records share with the other records of a person: [{kind, masked}]';

-- Writes the moves: membership, redirects, journal.
CREATE FUNCTION crm._identity_move(moves crm.identity_move[], merged crm.identity_pair[], actor text, reason text)
    RETURNS crm.identity_change[]
    LANGUAGE plpgsql AS
$$
DECLARE
    changes crm.identity_change[];
    at timestamptz := crm.core_now();
BEGIN
    changes := ARRAY(
        SELECT ROW(CASE WHEN g.from_id IS NULL THEN 'attach' WHEN g.is_merge THEN 'merge' ELSE 'split' END,
                   CASE WHEN g.from_id IS NULL OR g.is_merge THEN g.to_id ELSE g.from_id END,
                   CASE WHEN g.is_merge THEN g.from_id WHEN g.from_id IS NOT NULL THEN g.to_id END,
                   g.record_ids, crm._new_id())::crm.identity_change
        FROM (SELECT v.from_id, v.to_id, array_agg(v.source_record_id ORDER BY v.source_record_id) AS record_ids,
                     EXISTS (SELECT FROM unnest(merged) l WHERE l.record_a = v.from_id AND l.record_b = v.to_id) AS is_merge
              FROM unnest(moves) v
              LEFT JOIN crm.customer c ON c.customer_id = v.to_id
              WHERE v.from_id IS DISTINCT FROM v.to_id AND v.to_id IS NOT NULL
                AND coalesce(v.from_id, c.customer_id) IS NOT NULL
              GROUP BY v.from_id, v.to_id) g);
    IF EXISTS (SELECT FROM unnest(moves) v WHERE v.from_id <> v.to_id) THEN
        UPDATE crm.membership m SET valid_to = at
        FROM unnest(moves) v
        WHERE m.source_record_id = v.source_record_id AND m.valid_to = 'infinity' AND v.from_id <> v.to_id AND m.valid_from < at;
    END IF;
    INSERT INTO crm.membership AS m (source_record_id, valid_from, customer_id, journal_id)
    SELECT v.source_record_id, at, v.to_id, j.journal_id
    FROM unnest(moves) v
    LEFT JOIN (SELECT c.journal_id, r.id FROM unnest(changes) c, unnest(c.record_ids) r(id)) j ON j.id = v.source_record_id
    WHERE v.from_id IS DISTINCT FROM v.to_id AND v.to_id IS NOT NULL
    ON CONFLICT (source_record_id, valid_from) DO UPDATE
        SET customer_id = excluded.customer_id, journal_id = excluded.journal_id, valid_to = 'infinity';
    IF cardinality(changes) > 0 THEN
        INSERT INTO crm.merge_journal (journal_id, at, kind, survivor_id, other_id, record_ids, actor, reason, evidence)
        SELECT c.journal_id, at, c.kind, c.survivor_id, c.other_id, c.record_ids, actor, reason,
               crm._identity_evidence(c.record_ids, c.survivor_id)
        FROM unnest(changes) c;
    END IF;
    IF cardinality(merged) > 0 THEN
        PERFORM crm._identity_redirect(merged, at, actor);
    END IF;
    RETURN changes;
END
$$;
COMMENT ON FUNCTION crm._identity_move(crm.identity_move[], crm.identity_pair[], text, text) IS
    'membership ranges, redirects and journal rows of moves; returns the changes for crm._consequence_membership()';

-- A merged person's row stays and answers for ever; every redirect is one step long.
CREATE FUNCTION crm._identity_redirect(merged crm.identity_pair[], at timestamptz, actor text) RETURNS void
    LANGUAGE plpgsql AS
$$
BEGIN
    UPDATE crm.customer c
    SET status = 'merged', merged_into = l.record_b, record_count = 0, scope_store_ids = '{}',
        row_version = c.row_version + 1, updated_at = at
    FROM unnest(merged) l WHERE c.customer_id = l.record_a;
    UPDATE crm.customer c SET merged_into = l.record_b
    FROM unnest(merged) l WHERE c.merged_into = l.record_a;
    DELETE FROM crm.customer_private p USING unnest(merged) l WHERE p.customer_id = l.record_a;
    UPDATE crm.review v SET state = 'accepted', decided_at = at, decided_by = actor
    FROM unnest(merged) l
    WHERE v.state = 'open' AND (v.customer_a = l.record_a OR v.customer_b = l.record_a)
      AND crm._identity_current(v.customer_a) = crm._identity_current(v.customer_b);
END
$$;
COMMENT ON FUNCTION crm._identity_redirect(crm.identity_pair[], timestamptz, text) IS
    'turns persons into redirects to their survivors and closes the reviews that this answers';

-- Who answers to an identifier: the person of its holders; of several (a guard keeps them
-- apart), the one who took it last; nobody while it is blocked or given up.
CREATE FUNCTION crm._identity_answer(records bigint[]) RETURNS void
    LANGUAGE plpgsql AS
$$
BEGIN
    UPDATE crm.identifier d SET customer_id = a.customer_id
    FROM (SELECT own.kind, own.value_hash,
                 CASE WHEN NOT i.is_blocked THEN (
                     SELECT m.customer_id
                     FROM crm.record_identifier h
                     JOIN crm.source_record r ON r.source_record_id = h.source_record_id
                     JOIN crm.membership m ON m.source_record_id = h.source_record_id AND m.valid_to = 'infinity'
                     WHERE h.kind = own.kind AND h.value_hash = own.value_hash AND h.ended_at IS NULL
                     ORDER BY h.first_seen_at DESC, r.source_id, r.external_id COLLATE "C" LIMIT 1) END AS customer_id
          FROM (SELECT DISTINCT ri.kind, ri.value_hash FROM unnest(records) f(id)
                JOIN crm.record_identifier ri ON ri.source_record_id = f.id) own
          JOIN crm.identifier i ON i.kind = own.kind AND i.value_hash = own.value_hash
                               AND (NOT i.is_blocked OR i.customer_id IS NOT NULL)) a
    WHERE d.kind = a.kind AND d.value_hash = a.value_hash AND d.customer_id IS DISTINCT FROM a.customer_id;
END
$$;
COMMENT ON FUNCTION crm._identity_answer(bigint[]) IS 'recomputes which person answers to the identifiers of these records';

-- What guards refused, for a person to decide; once rejected, a pair is not asked again.
CREATE FUNCTION crm._identity_review(refused jsonb) RETURNS void
    LANGUAGE plpgsql AS
$$
BEGIN
    INSERT INTO crm.review (review_id, customer_a, customer_b, reason, evidence, state, opened_at)
    SELECT crm._new_id(), d.a, d.b, d.reason, d.evidence, 'open', crm.core_now()
    FROM (SELECT DISTINCT ON (least(a.customer_id, b.customer_id), greatest(a.customer_id, b.customer_id), w.reason)
                 least(a.customer_id, b.customer_id) AS a, greatest(a.customer_id, b.customer_id) AS b, w.reason,
                 jsonb_build_object('kind', w.kind, 'records', jsonb_build_array(w.a, w.b)) AS evidence
          FROM ROWS FROM (jsonb_to_recordset(refused) AS (a bigint, b bigint, reason text, kind text)) WITH ORDINALITY w
          JOIN crm.membership a ON a.source_record_id = w.a AND a.valid_to = 'infinity'
          JOIN crm.membership b ON b.source_record_id = w.b AND b.valid_to = 'infinity'
          WHERE a.customer_id <> b.customer_id
          ORDER BY 1, 2, w.reason, w.ordinality) d
    WHERE NOT EXISTS (SELECT FROM crm.review r
                      WHERE least(r.customer_a, r.customer_b) = d.a AND greatest(r.customer_a, r.customer_b) = d.b
                        AND r.reason = d.reason)
    ON CONFLICT DO NOTHING;
END
$$;
COMMENT ON FUNCTION crm._identity_review(jsonb) IS 'opens a review row for each pair of persons that a guard keeps apart';
