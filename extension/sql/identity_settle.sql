-- identity, settling: from what records hold to persons - the partition, who keeps which id,
-- membership, journal, reviews, and the golden record.

CREATE TYPE crm.identity_node AS (
    source_record_id bigint,
    is_receipt boolean,                 -- counts for no member
    is_reference boolean,               -- a receipt, or who gave a phone with an order: nobody without an identifier that glues
    single_source int,                  -- set: its source has one record a person
    name text, sex text, birthday date, is_birthday_lunar boolean,
    seen_at timestamptz,
    is_shadow boolean);                 -- what it would join is proposed
CREATE TYPE crm.identity_glue AS (
    source_record_id bigint,
    kind smallint, namespace text, value_hash bytea,
    rank int, is_glue boolean, is_single boolean, is_shared boolean,
    first_seen_at timestamptz, last_seen_at timestamptz, ended_at timestamptz);
CREATE TYPE crm.identity_pair AS (record_a bigint, record_b bigint);

CREATE FUNCTION crm._identity_resolve(nodes crm.identity_node[], glue crm.identity_glue[],
                                      must crm.identity_pair[], cannot crm.identity_pair[], max_members int, solid_members int, silent_days int,
                                      OUT source_record_id bigint, OUT label int, OUT is_person boolean,
                                      OUT other_record_id bigint, OUT reason text, OUT kind smallint)
    RETURNS SETOF record LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE ROWS 1000 AS 'MODULE_PATHNAME', 'crm_identity_resolve';
COMMENT ON FUNCTION crm._identity_resolve(crm.identity_node[], crm.identity_glue[], crm.identity_pair[], crm.identity_pair[], int, int, int) IS
    'the partition under the guards (a person has at most max_members records, one weak tie does not join two '
    'groups of solid_members, a silent account joins by a shared value told within silent_days): a row a record '
    'with its label, and a row (reason not null) for each union that a guard refused; a function of the content and '
    'order of nodes alone';

CREATE FUNCTION crm._identity_is_reference(kind text, external_id text) RETURNS boolean
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$ SELECT kind = 'receipt' OR kind = 'visitor' AND external_id LIKE 'visitor:%:%' $$;
COMMENT ON FUNCTION crm._identity_is_reference(text, text) IS
    'whether a record is no more than what an order was given: a receipt, or one identifier at a source; it is '
    'nobody without an identifier that glues';

-- All that the partition of these records depends on, in an order that only content decides.
CREATE FUNCTION crm._identity_nodes(records bigint[]) RETURNS SETOF crm.identity_node
    LANGUAGE sql STABLE AS      -- this and those below are inlined: one statement for the whole partition
$$
    SELECT r.source_record_id, r.kind = 'receipt', crm._identity_is_reference(r.kind, r.external_id), CASE
        WHEN s.is_one_record_per_person AND r.is_current THEN r.source_id END,
           p.name, p.sex::text, p.birthday, p.is_birthday_lunar, coalesce(r.registered_at, r.received_at), r.is_shadow
    FROM unnest(records) f(id)
    CROSS JOIN LATERAL (SELECT * FROM crm.source_record x WHERE x.source_record_id = f.id LIMIT 1) r
    LEFT JOIN LATERAL (SELECT * FROM crm.source_record_private x
                       WHERE x.source_record_id = f.id AND x.revision = r.revision LIMIT 1) p ON true
    LEFT JOIN LATERAL (SELECT x.is_one_record_per_person FROM crm.source x WHERE x.source_id = r.source_id LIMIT 1) s ON true
    ORDER BY r.source_id, r.external_id COLLATE "C"
$$;
COMMENT ON FUNCTION crm._identity_nodes(bigint[]) IS
    'the records as crm._identity_resolve() takes them, ordered by source and external id';

-- An identifier held by more records than its kind allows is a hub: it glues nobody.  All its
-- holders are among the records, for it has glued until now.
CREATE FUNCTION crm._identity_glue(records bigint[]) RETURNS SETOF crm.identity_glue
    LANGUAGE sql STABLE AS
$$
    SELECT h.source_record_id, h.kind, coalesce('source ' || h.card_source, h.namespace), h.value_hash, k.rank,
           k.is_key AND NOT i.is_blocked AND h.holders <= k.max_records,
           k.is_single OR h.card_source IS NOT NULL, k.is_shared, h.first_seen_at, h.last_seen_at, h.ended_at
    FROM (SELECT ri.*, CASE WHEN ri.kind = 3 THEN (     -- member cards of one scheme, where the source promises one a person
                            SELECT x.source_id FROM crm.source x WHERE x.source_id = r.source_id
                                    AND x.is_one_card_per_person LIMIT 1) END AS card_source,
                 count(*) FILTER (WHERE r.kind <> 'receipt') OVER (PARTITION BY ri.kind, ri.value_hash) AS holders
          FROM unnest(records) f(id)
          CROSS JOIN LATERAL (SELECT x.kind, x.source_id FROM crm.source_record x WHERE x.source_record_id = f.id LIMIT 1) r
          CROSS JOIN LATERAL (SELECT * FROM crm.record_identifier x WHERE x.source_record_id = f.id OFFSET 0) ri) h
    CROSS JOIN LATERAL (SELECT x.is_blocked FROM crm.identifier x
                        WHERE x.kind = h.kind AND x.value_hash = h.value_hash LIMIT 1) i
    CROSS JOIN LATERAL (SELECT * FROM crm.identifier_kind x WHERE x.kind = h.kind LIMIT 1) k
$$;
COMMENT ON FUNCTION crm._identity_glue(bigint[]) IS
    'the identifiers of records as crm._identity_resolve() takes them; hubs do not glue';

-- Pairs that somebody decided on, with a record among these.
CREATE FUNCTION crm._identity_musts(records bigint[]) RETURNS SETOF crm.identity_pair
    LANGUAGE sql STABLE AS
$$
    SELECT l.record_a, l.record_b FROM unnest(records) f(id)
    CROSS JOIN LATERAL (SELECT * FROM crm.must_link x WHERE x.record_a = f.id OFFSET 0) l
$$;
COMMENT ON FUNCTION crm._identity_musts(bigint[]) IS 'decisions that two records are one person';

CREATE FUNCTION crm._identity_cannots(records bigint[]) RETURNS SETOF crm.identity_pair
    LANGUAGE sql STABLE AS
$$
    SELECT l.record_a, l.record_b FROM unnest(records) f(id)
    CROSS JOIN LATERAL (SELECT * FROM crm.cannot_link x WHERE x.record_a = f.id OFFSET 0) l
$$;
COMMENT ON FUNCTION crm._identity_cannots(bigint[]) IS 'decisions that two records are two persons';

CREATE FUNCTION crm._identity_partition(records bigint[],
                                        OUT source_record_id bigint, OUT label int, OUT is_person boolean,
                                        OUT other_record_id bigint, OUT reason text, OUT kind smallint)
    RETURNS SETOF record LANGUAGE sql STABLE ROWS 1000 AS
$$
    SELECT s.* FROM crm._identity_resolve(
        ARRAY(SELECT n FROM crm._identity_nodes(records) n), ARRAY(SELECT g FROM crm._identity_glue(records) g),
        ARRAY(SELECT m FROM crm._identity_musts(records) m), ARRAY(SELECT c FROM crm._identity_cannots(records) c),
        crm._setting('identity.person_records')::int, crm._setting('identity.bridge_records')::int, crm._setting('identity.silent_days')::int) s
$$;
COMMENT ON FUNCTION crm._identity_partition(bigint[]) IS
    'crm._identity_resolve() of records with all that is stored of them and was decided, under the settings';

-- Who moves where.  Of the records of a person the larger part keeps the id (on a tie the part
-- with the oldest record); where several persons meet, the oldest one survives.
CREATE FUNCTION crm._identity_moves(records bigint[], OUT moves crm.identity_move[], OUT merged crm.identity_pair[], OUT refused jsonb)
    LANGUAGE plpgsql AS
$$
BEGIN
    WITH settled AS MATERIALIZED (
        SELECT s.* FROM crm._identity_partition(records) s),
    place AS (
        SELECT s.source_record_id, s.label, bool_or(s.is_person) OVER (PARTITION BY s.label) AS is_person,
               m.customer_id, c.registered_at,
               count(*) OVER part AS members, min(s.source_record_id) OVER part AS oldest
        FROM settled s
        LEFT JOIN LATERAL (SELECT x.customer_id FROM crm.membership x
                           WHERE x.source_record_id = s.source_record_id AND x.valid_to = 'infinity' LIMIT 1) m ON true
        LEFT JOIN LATERAL (SELECT x.registered_at FROM crm.customer x WHERE x.customer_id = m.customer_id LIMIT 1) c ON true
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
    'the persons that records belong to from now on: a move a record (from null: nobody yet), the persons that end '
    'in another (record_a into record_b), and what guards refused';

-- Which identifiers tie the moved records to the rest of the person: the journal's evidence.
CREATE FUNCTION crm._identity_evidence(moved bigint[], person bigint) RETURNS SETOF jsonb
    LANGUAGE sql STABLE AS      -- inlined
$$
    SELECT coalesce(jsonb_agg(DISTINCT jsonb_build_object('kind', crm._identity_kind_code(own.kind), 'masked', i.masked)), '[]')
    FROM unnest(moved) f(id)
    CROSS JOIN LATERAL (SELECT x.kind, x.value_hash FROM crm.record_identifier x WHERE x.source_record_id = f.id OFFSET 0) own
    CROSS JOIN LATERAL (SELECT x.masked FROM crm.identifier x
                        WHERE x.kind = own.kind AND x.value_hash = own.value_hash AND NOT x.is_blocked LIMIT 1) i
    CROSS JOIN LATERAL (SELECT x.source_record_id FROM crm.record_identifier x
                        WHERE x.kind = own.kind AND x.value_hash = own.value_hash
                          AND x.source_record_id <> ALL (moved) OFFSET 0) other
    CROSS JOIN LATERAL (SELECT true FROM crm.membership x
                        WHERE x.source_record_id = other.source_record_id AND x.valid_to = 'infinity'
                          AND x.customer_id = person LIMIT 1) m
$$;
COMMENT ON FUNCTION crm._identity_evidence(bigint[], bigint) IS
    'identifiers that records share with the other records of a person: one row, [{kind, masked}]';

-- Writes the moves: membership, redirects, journal.
CREATE FUNCTION crm._identity_move(moves crm.identity_move[], merged crm.identity_pair[], actor text, reason text, parting text DEFAULT 'split')
    RETURNS crm.identity_change[]
    LANGUAGE plpgsql AS
$$
DECLARE
    changes crm.identity_change[];
    leaving bigint[];
    at timestamptz := crm.core_now();
BEGIN
    changes := ARRAY(
        SELECT ROW(CASE WHEN g.to_id IS NULL THEN 'detach' WHEN g.from_id IS NULL THEN 'attach'
                        WHEN g.to_id = g.heir_id THEN 'merge' ELSE 'split' END,
                   CASE WHEN g.to_id IS NULL THEN coalesce(g.heir_id, g.from_id)
                        WHEN g.from_id IS NULL OR g.to_id = g.heir_id THEN g.to_id ELSE g.from_id END,
                   CASE WHEN g.to_id = g.heir_id THEN g.from_id WHEN g.from_id IS NOT NULL THEN g.to_id END,
                   g.record_ids, crm._new_id())::crm.identity_change
        FROM (SELECT v.from_id, v.to_id, array_agg(v.source_record_id ORDER BY v.source_record_id) AS record_ids,
                     (SELECT l.record_b FROM unnest(merged) l WHERE l.record_a = v.from_id) AS heir_id
              FROM unnest(moves) v
              LEFT JOIN LATERAL (SELECT x.customer_id FROM crm.customer x WHERE x.customer_id = v.to_id LIMIT 1) c ON true
              WHERE v.from_id IS DISTINCT FROM v.to_id AND coalesce(v.from_id, c.customer_id) IS NOT NULL
              GROUP BY v.from_id, v.to_id) g);
    leaving := ARRAY(SELECT v.source_record_id FROM unnest(moves) v WHERE v.from_id IS NOT NULL AND v.from_id IS DISTINCT FROM v.to_id);
    IF cardinality(leaving) > 0 THEN
        -- a move in a transaction that began later may have been committed: ranges never overlap
        UPDATE crm.membership m SET valid_to = greatest(at, m.valid_from + interval '1 microsecond')
        WHERE m.source_record_id = ANY (leaving) AND m.valid_to = 'infinity';
    END IF;
    INSERT INTO crm.membership (source_record_id, valid_from, customer_id, journal_id)
    SELECT v.source_record_id,
           greatest(at, (SELECT max(x.valid_to) FROM crm.membership x WHERE x.source_record_id = v.source_record_id)),
           v.to_id, j.journal_id
    FROM unnest(moves) v
    LEFT JOIN (SELECT c.journal_id, r.id FROM unnest(changes) c, unnest(c.record_ids) r(id)) j ON j.id = v.source_record_id
    WHERE v.from_id IS DISTINCT FROM v.to_id AND v.to_id IS NOT NULL;
    IF cardinality(changes) > 0 THEN
        INSERT INTO crm.merge_journal (journal_id, at, kind, survivor_id, other_id, record_ids, actor, reason, evidence)
        SELECT c.journal_id, at, CASE c.kind WHEN 'split' THEN parting ELSE c.kind END, c.survivor_id, c.other_id,
            c.record_ids, actor, reason, e.shared
        FROM unnest(changes) c CROSS JOIN LATERAL (SELECT x AS shared FROM crm._identity_evidence(c.record_ids, c.survivor_id) x) e;
    END IF;
    IF cardinality(merged) > 0 THEN
        PERFORM crm._identity_redirect(merged, at, actor);
    END IF;
    IF cardinality(leaving) > 0 THEN
        PERFORM crm._identity_empty(ARRAY(SELECT c.survivor_id FROM unnest(changes) c WHERE c.kind = 'detach'), at);
    END IF;
    RETURN changes;
END
$$;
COMMENT ON FUNCTION crm._identity_move(crm.identity_move[], crm.identity_pair[], text, text, text) IS
    'membership ranges, redirects and journal rows of moves (of a split under the name in parting); returns the '
    'changes for crm._consequence_membership()';

-- A receipt that lost the identifier it was claimed by (a hub) is nobody's again; a person who was
-- nothing but that keeps the id and nothing else.
CREATE FUNCTION crm._identity_empty(persons bigint[], at timestamptz) RETURNS void
    LANGUAGE plpgsql AS
$$
DECLARE
    hollow bigint[] := ARRAY(
        SELECT DISTINCT p.id FROM unnest(persons) p(id)
        WHERE (SELECT true FROM crm.membership x WHERE x.customer_id = p.id AND x.valid_to >= 'infinity' LIMIT 1) IS NULL);
BEGIN
    IF cardinality(hollow) > 0 THEN
        UPDATE crm.customer c
        SET name_masked = '', phone_masked = '', email_masked = '', sex = NULL, city = '', custom = '{}', scope_store_ids = '{}',
            record_count = 0, row_version = c.row_version + 1, updated_at = at
        WHERE c.customer_id = ANY (hollow) AND c.status NOT IN ('merged', 'erased');
        DELETE FROM crm.customer_private p WHERE p.customer_id = ANY (hollow);
    END IF;
END
$$;
COMMENT ON FUNCTION crm._identity_empty(bigint[], timestamptz) IS 'clears those of the persons who have no record left';

-- A merged person's row stays and answers for ever; every redirect is one step long.
CREATE FUNCTION crm._identity_redirect(merged crm.identity_pair[], at timestamptz, actor text) RETURNS void
    LANGUAGE plpgsql AS
$$
DECLARE
    losers bigint[] := ARRAY(SELECT l.record_a FROM unnest(merged) l);
BEGIN
    UPDATE crm.customer c
    SET status = 'merged', merged_into = (SELECT l.record_b FROM unnest(merged) l WHERE l.record_a = c.customer_id),
        record_count = 0, scope_store_ids = '{}', row_version = c.row_version + 1, updated_at = at
    WHERE c.customer_id = ANY (losers);
    UPDATE crm.customer c SET merged_into = (SELECT l.record_b FROM unnest(merged) l WHERE l.record_a = c.merged_into)
    WHERE c.merged_into = ANY (losers);
    DELETE FROM crm.customer_private p WHERE p.customer_id = ANY (losers);
    UPDATE crm.review v SET state = 'accepted', decided_at = at, decided_by = actor
    WHERE v.state = 'open' AND (v.customer_a = ANY (losers) OR v.customer_b = ANY (losers))
      AND crm._identity_current(v.customer_a) = crm._identity_current(v.customer_b);
END
$$;
COMMENT ON FUNCTION crm._identity_redirect(crm.identity_pair[], timestamptz, text) IS
    'turns persons into redirects to their survivors and closes the reviews that this answers';

-- Who answers to an identifier: the person of its holders; of several (a guard keeps them
-- apart), the one who took it last; nobody while it is blocked or given up.  A hub is blocked
-- here and counted no further.
CREATE FUNCTION crm._identity_answer(records bigint[]) RETURNS void
    LANGUAGE plpgsql AS
$$
BEGIN
    INSERT INTO crm.identifier AS d (kind, value_hash, customer_id, masked, record_count, is_blocked, first_seen_at, last_seen_at)
    SELECT a.kind, a.value_hash, CASE WHEN a.holders <= k.max_records THEN a.customer_id END, '', a.holders,
           a.holders > k.max_records, a.last_seen_at, a.last_seen_at
    FROM (SELECT h.kind, h.value_hash, max(h.last_seen_at) AS last_seen_at,
                 (count(*) FILTER (WHERE h.record_kind <> 'receipt'))::int AS holders,
                 crm._identity_first(CASE WHEN h.ended_at IS NULL THEN h.customer_id END) AS customer_id
          FROM (SELECT ri.kind, ri.value_hash, ri.ended_at, ri.last_seen_at, r.kind AS record_kind, m.customer_id
                FROM unnest(records) f(id)
                CROSS JOIN LATERAL (SELECT * FROM crm.source_record x WHERE x.source_record_id = f.id LIMIT 1) r
                CROSS JOIN LATERAL (SELECT * FROM crm.record_identifier x WHERE x.source_record_id = f.id OFFSET 0) ri
                LEFT JOIN LATERAL (SELECT x.customer_id FROM crm.membership x
                                   WHERE x.source_record_id = f.id AND x.valid_to = 'infinity' LIMIT 1) m ON true
                ORDER BY ri.kind, ri.value_hash, ri.first_seen_at DESC, r.source_id, r.external_id COLLATE "C") h
          GROUP BY h.kind, h.value_hash) a
    CROSS JOIN LATERAL (SELECT x.max_records FROM crm.identifier_kind x WHERE x.kind = a.kind LIMIT 1) k
    WHERE (SELECT x.is_blocked FROM crm.identifier x WHERE x.kind = a.kind AND x.value_hash = a.value_hash LIMIT 1) IS NOT TRUE
    ON CONFLICT (kind, value_hash) DO UPDATE
        SET customer_id = excluded.customer_id, record_count = excluded.record_count, is_blocked = excluded.is_blocked,
            row_version = d.row_version + 1, last_seen_at = greatest(d.last_seen_at, excluded.last_seen_at);
END
$$;
COMMENT ON FUNCTION crm._identity_answer(bigint[]) IS
    'recomputes, for the identifiers of a whole component, who answers to them, how many records hold them, and '
    'which have become hubs';

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
          CROSS JOIN LATERAL (SELECT x.customer_id FROM crm.membership x
                              WHERE x.source_record_id = w.a AND x.valid_to = 'infinity' LIMIT 1) a
          CROSS JOIN LATERAL (SELECT x.customer_id FROM crm.membership x
                              WHERE x.source_record_id = w.b AND x.valid_to = 'infinity' LIMIT 1) b
          WHERE a.customer_id <> b.customer_id AND w.reason <> 'cannot_link'     -- decided already
          ORDER BY 1, 2, w.reason, w.ordinality) d
    WHERE (SELECT true FROM crm.review r
           WHERE least(r.customer_a, r.customer_b) = d.a AND greatest(r.customer_a, r.customer_b) = d.b
             AND r.reason = d.reason LIMIT 1) IS NULL
    ON CONFLICT DO NOTHING;
END
$$;
COMMENT ON FUNCTION crm._identity_review(jsonb) IS 'opens a review row for each pair of persons that a guard keeps apart';

-- A person into whom many are merged within an hour is looked at before more follow: the pair is
-- kept apart by cannot-links, so that the partition stays a function of what is stored.
CREATE FUNCTION crm._identity_slow_down(merged crm.identity_pair[]) RETURNS boolean
    LANGUAGE plpgsql AS
$$
DECLARE
    most int := crm._setting('identity.merges_per_hour')::int;
    pair record;
    is_stopped boolean := false;
BEGIN
    FOR pair IN
        SELECT l.record_a AS loser, l.record_b AS survivor,
               count(*) OVER (PARTITION BY l.record_b) + (
                   SELECT count(*) FROM crm.merge_journal j
                   WHERE j.survivor_id = l.record_b AND j.kind = 'merge' AND j.actor = 'engine'
                     AND j.at > crm.core_now() - interval '1 hour') AS merges
        FROM unnest(merged) l
    LOOP
        CONTINUE WHEN pair.merges <= most;
        is_stopped := true;
        PERFORM crm._identity_forbid(crm._identity_records_of(pair.loser), crm._identity_records_of(pair.survivor), 'engine', 'merges_per_hour');
        INSERT INTO crm.review (review_id, customer_a, customer_b, reason, evidence, state, opened_at)
        VALUES (crm._new_id(), least(pair.loser, pair.survivor), greatest(pair.loser, pair.survivor), 'merges_per_hour',
                jsonb_build_object('survivor', pair.survivor, 'merges', pair.merges), 'open', crm.core_now())
        ON CONFLICT DO NOTHING;
    END LOOP;
    RETURN is_stopped;
END
$$;
COMMENT ON FUNCTION crm._identity_slow_down(crm.identity_pair[]) IS
    'whether some of the merges (of record_a, persons, into record_b) go beyond identity.merges_per_hour: those are '
    'kept apart and wait for a review';
