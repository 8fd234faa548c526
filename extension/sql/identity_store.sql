-- identity, writing: member facts and references become records, links, persons.
--
-- One attempt (crm._identity_try) takes its locks in one order - external keys, identifiers by
-- (kind, value_hash), customers ascending, among them the rows merged into the persons in reach -
-- after it has looked, without locks, at all that the write may touch.  What it saw is compared by
-- row_version once the locks are held; if anything moved, the attempt is undone with its locks, and
-- the next one locks beforehand, in the same order, what this one saw.  What the reach has grown by
-- when it looks then is taken only where nobody holds it.  So one call a transaction cannot
-- deadlock, nobody starves, and two sessions that register one phone make one person.
--
-- Statements here start from arrays and probe tables by LATERAL subqueries (LIMIT 1 or OFFSET 0):
-- the plan is the same whether the tables are empty, unanalyzed or huge.  A join would be turned
-- around while a table looks small, and a plan made then would spoil a whole bulk load.  Where
-- a condition would let in a partial index that is not meant (valid_to = 'infinity' by customer,
-- status = 'active'), it is written so that it does not (>= 'infinity', NOT IN).

CREATE TYPE crm.identity_link AS (
    kind smallint, namespace text, value_hash bytea, value text, masked text, tail text, is_key boolean);

-- A fact on its way, with what was found out about it.
CREATE TYPE crm.identity_item AS (
    fact crm.member_fact,
    links crm.identity_link[],
    source_record_id bigint,
    is_new boolean,                     -- the record is made by this call
    is_repeat boolean,                  -- this content is stored already
    is_current boolean,                 -- becomes the record's current revision
    revision int,
    seen_at timestamptz,                -- when the source held this content
    ended_at timestamptz,               -- not current: since when newer content stands
    is_reminder boolean);               -- a repeat that says, after a long time, that all of it is still so

-- What a write may touch: the records in reach, and the rows to lock with the versions seen.  Rows merged into these
-- persons follow when they are merged themselves, so they are locked with them.
CREATE TYPE crm.identity_reach AS (
    records bigint[],
    customers bigint[], customer_versions int[],
    redirects bigint[],
    kinds smallint[], hashes bytea[], identifier_versions int[]);

CREATE TYPE crm.identity_move AS (source_record_id bigint, from_id bigint, to_id bigint);
CREATE TYPE crm.identity_change AS (kind text, survivor_id bigint, other_id bigint, record_ids bigint[],
        journal_id bigint);   -- kind: merge, split, attach, detach; join: an attach of records made by the call
CREATE TYPE crm.identity_result AS (
    outcomes crm.record_outcome[],
    changes crm.identity_change[],
    news bigint[], history_news bigint[]);      -- persons that the rooms above are told about

-- Inlined, as a subquery in FROM.
CREATE FUNCTION crm._identity_is_closed(kind smallint, value_hash bytea, is_key boolean, OUT is_closed boolean) RETURNS SETOF boolean
    LANGUAGE sql STABLE ROWS 1 AS
$$
    SELECT NOT (is_key AND (SELECT k.is_key FROM crm.identifier_kind k WHERE k.kind = _identity_is_closed.kind LIMIT 1))
           OR (SELECT true FROM crm.blocked_value b WHERE b.kind = _identity_is_closed.kind
                   AND b.value_hash = _identity_is_closed.value_hash LIMIT 1) IS NOT NULL
$$;
COMMENT ON FUNCTION crm._identity_is_closed(smallint, bytea, boolean) IS
    'whether a new identifier ties nobody: its kind or itself is no key, or it was blocked by hand';

CREATE FUNCTION crm._identity_version_time(source_version text) RETURNS timestamptz
    LANGUAGE sql STABLE PARALLEL SAFE
    AS $$ SELECT CASE
        WHEN source_version ~ '^[12][0-9]{3}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])[T ]([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9](\.[0-9]{1,9})?)?(Z|[+-](0[0-9]|1[0-3])(:?[0-5][0-9])?)?$'
                      THEN (left(source_version, 8) || '01' || substr(source_version, 11))::timestamptz
                           + make_interval(days => substr(source_version, 9, 2)::int - 1) END $$;
COMMENT ON FUNCTION crm._identity_version_time(text) IS
    'the moment a version names when it is an ISO time (without zone: of the session), else null; never raises';

CREATE FUNCTION crm._identity_homes(name text, province text, city text, district text, address text) RETURNS SETOF crm.identifier_value
    LANGUAGE sql STABLE PARALLEL SAFE AS
$$
    SELECT k.kind, h.area, k.value, k.masked, NULL::text, k.kind = 11
    FROM crm._identity_home(name, province, city, district, address) h,
         LATERAL (VALUES (11::smallint, h.home_name, h.masked), (12::smallint, h.home, '')) k(kind, value, masked)
    WHERE address <> '' AND k.value IS NOT NULL
$$;
COMMENT ON FUNCTION crm._identity_homes(text, text, text, text, text) IS
    'name and home of a fact as identifiers (kinds home_name and home); none without an address down to the room';

CREATE FUNCTION crm._identity_items(facts crm.member_fact[]) RETURNS crm.identity_item[]
    LANGUAGE plpgsql STABLE AS
$$
BEGIN
    RETURN ARRAY(
        SELECT ROW(f, ARRAY(
                   SELECT ROW(l.kind, l.namespace, l.value_hash, l.value, l.masked, l.tail, l.is_key)::crm.identity_link
                   FROM (SELECT DISTINCT ON (v.kind, h.value_hash) v.kind, coalesce(v.namespace, '') AS namespace,
                                h.value_hash, v.value, coalesce(v.masked, '') AS masked, v.tail,
                                crm._identity_may_glue(v.kind, v.value, v.is_key) AS is_key
                         FROM (SELECT * FROM unnest(f.identifiers) UNION ALL SELECT *
                             FROM crm._identity_homes(f.name, f.province, f.city, f.district, f.address)) v, LATERAL (
                             -- the town of a home is compared, not looked up by
                             SELECT crm._identity_hash(v.kind, CASE WHEN v.kind NOT IN (11, 12) THEN v.namespace END,
                                     v.value) AS value_hash OFFSET 0) h
                         WHERE v.value <> '' AND v.kind IS NOT NULL
                         ORDER BY v.kind, h.value_hash) l),
                   NULL, NULL, NULL, NULL, NULL,
                   coalesce(crm._identity_version_time(f.source_version), f.registered_at, f.received_at),
                   NULL, NULL)::crm.identity_item
        FROM unnest(facts) f);
END
$$;
COMMENT ON FUNCTION crm._identity_items(crm.member_fact[]) IS 'facts with the hashes of their identifiers, equal ones once';

-- Erased persons do not come back: their identifiers and record keys are in crm.suppression.
CREATE FUNCTION crm._identity_suppressed(items crm.identity_item[]) RETURNS int[]
    LANGUAGE plpgsql STABLE AS
$$
BEGIN
    IF NOT EXISTS (SELECT FROM crm.suppression) THEN
        RETURN '{}';
    END IF;
    RETURN ARRAY(
        SELECT (i.fact).ordinal FROM unnest(items) i
        WHERE EXISTS (SELECT FROM unnest(i.links) l
                      JOIN crm.suppression s ON s.kind = crm._identity_kind_code(l.kind) AND s.value_hash = l.value_hash)
           OR (SELECT true FROM crm.suppression s
               WHERE s.kind = 'record'
                 AND s.value_hash = crm._access_record_hash((i.fact).source_id, (i.fact).external_id) LIMIT 1));
END
$$;
COMMENT ON FUNCTION crm._identity_suppressed(crm.identity_item[]) IS
    'ordinals of facts that name an erased record or identifier';

-- Writes the missing keys and locks the others; both passes in key order.
CREATE FUNCTION crm._identity_lock_keys(items crm.identity_item[]) RETURNS void
    LANGUAGE plpgsql AS
$$
DECLARE
    wanted int;
    written int;
BEGIN
    wanted := CASE WHEN cardinality(items) = 1 THEN 1
                   ELSE (SELECT count(DISTINCT ((i.fact).source_id, (i.fact).external_id)) FROM unnest(items) i) END;
    INSERT INTO crm.external_key (source_id, kind, external_id, source_record_id, fact_id, content_hash, revision,
                                  received_at, inbox_id, line_no)
    SELECT n.source_id, 1, n.external_id, n.record_id, n.record_id, n.content_hash, n.revision, n.received_at, n.inbox_id, n.line_no
    FROM (SELECT d.*, crm._new_id() AS record_id
          FROM (SELECT DISTINCT ON ((i.fact).source_id, (i.fact).external_id COLLATE "C")
                       (i.fact).source_id, (i.fact).external_id,
                       coalesce((i.fact).content_hash, '\x') AS content_hash,
                       CASE WHEN (i.fact).content_hash IS NULL THEN 0 ELSE 1 END AS revision,
                       (i.fact).received_at, (i.fact).inbox_id, (i.fact).line_no
                FROM unnest(items) i
                ORDER BY (i.fact).source_id, (i.fact).external_id COLLATE "C", (i.fact).ordinal) d
          WHERE (SELECT true FROM crm.external_key k WHERE k.source_id = d.source_id AND k.kind = 1
                 AND k.external_id = d.external_id LIMIT 1) IS NULL
          ORDER BY d.source_id, d.external_id COLLATE "C") n
    ON CONFLICT DO NOTHING;
    GET DIAGNOSTICS written = ROW_COUNT;
    IF written < wanted THEN
        PERFORM FROM (
            SELECT (i.fact).source_id, (i.fact).external_id FROM unnest(items) i
            GROUP BY 1, 2 ORDER BY 1, (i.fact).external_id COLLATE "C") d
        CROSS JOIN LATERAL (
            SELECT k.source_record_id FROM crm.external_key k
            WHERE k.source_id = d.source_id AND k.kind = 1 AND k.external_id = d.external_id
            FOR NO KEY UPDATE) locked;
    END IF;
END
$$;
COMMENT ON FUNCTION crm._identity_lock_keys(crm.identity_item[]) IS
    'one external_key row a record, written or locked in the order of source and external id';

-- A source that sends a record again unchanged says that its person still is who he was.  That is written down
-- when it matters: once a tenth of the days has passed after which an account counts as silent.
CREATE FUNCTION crm._identity_last_told(record_id bigint) RETURNS timestamptz
    LANGUAGE plpgsql STABLE AS
$$
BEGIN
    RETURN (SELECT max(x.last_seen_at) FROM crm.record_identifier x WHERE x.source_record_id = record_id AND x.ended_at IS NULL)
        + make_interval(days => crm._setting('identity.silent_days')::int / 10);
END
$$;
COMMENT ON FUNCTION crm._identity_last_told(bigint) IS
    'until when a repeat of the record tells nothing new; null when it holds no identifier';

CREATE FUNCTION crm._identity_remind(items crm.identity_item[]) RETURNS void
    LANGUAGE plpgsql AS
$$
BEGIN
    UPDATE crm.record_identifier ri SET last_seen_at = e.at
    FROM (SELECT own.ctid AS row, max(greatest(own.last_seen_at, (i.fact).received_at, r.received_at)) AS at
          FROM unnest(items) i
          -- whoever told it first was no earlier witness for that, unless it was history
          CROSS JOIN LATERAL (SELECT CASE WHEN NOT x.is_history THEN x.received_at END AS received_at FROM crm.source_record x
                              WHERE x.source_record_id = i.source_record_id LIMIT 1) r
          CROSS JOIN LATERAL (SELECT x.ctid, x.last_seen_at FROM crm.record_identifier x
                              WHERE x.source_record_id = i.source_record_id AND x.ended_at IS NULL OFFSET 0) own
          WHERE i.is_reminder GROUP BY own.ctid OFFSET 0) e
    WHERE ri.ctid = e.row;
END
$$;
COMMENT ON FUNCTION crm._identity_remind(crm.identity_item[]) IS
    'what reminders say: their records still hold what they hold';

-- What each fact is to its record: new, a repeat, the current revision, or an older one.
CREATE FUNCTION crm._identity_classify(items crm.identity_item[], is_stub boolean) RETURNS crm.identity_item[]
    LANGUAGE plpgsql STABLE AS
$$
BEGIN
    RETURN ARRAY(
        SELECT ROW(t.fact, t.links, t.source_record_id, t.is_new, t.is_repeat, t.is_current,
                   CASE WHEN is_stub THEN 0 ELSE t.base_revision + t.step END, t.seen_at,
                   CASE WHEN NOT t.is_current AND NOT is_stub THEN greatest(t.newest_seen_at, t.seen_at) END,
                   t.is_repeat AND NOT is_stub AND t.is_stored AND (t.fact).is_history IS NOT TRUE
                   AND (t.fact).received_at > crm._identity_last_told(t.source_record_id))::crm.identity_item
        FROM (
            SELECT s.*,
                   (row_number() OVER (PARTITION BY s.source_record_id, s.is_repeat ORDER BY s.ordinal))::int AS step,
                   NOT s.is_repeat AND s.beats AND row_number() OVER newest = 1 AS is_current,
                   CASE WHEN s.beats THEN first_value(s.seen_at) OVER newest ELSE s.stored_seen_at END AS newest_seen_at
            FROM (
                SELECT i.fact, i.links, i.seen_at, (i.fact).ordinal, k.source_record_id,
                       r.source_record_id IS NULL AS is_new,
                       CASE WHEN is_stub THEN r.source_record_id IS NOT NULL AND r.revision > 0
                            ELSE coalesce((i.fact).content_hash = coalesce(
                                     lag((i.fact).content_hash) OVER (PARTITION BY k.source_record_id ORDER BY (i.fact).ordinal),
                                     p.content_hash), false)
                                 OR (i.fact).source_version IS NOT NULL AND (
                                     row_number() OVER (PARTITION BY k.source_record_id, (i.fact).content_hash, (i.fact).source_version
                                                        ORDER BY (i.fact).ordinal) > 1
                                     OR coalesce((SELECT true FROM crm.source_record_private e
                                                  WHERE e.source_record_id = r.source_record_id
                                                    AND e.content_hash = (i.fact).content_hash
                                                    AND e.source_version = (i.fact).source_version LIMIT 1), false)) END AS is_repeat,
                       NOT is_stub AND coalesce(crm._identity_version_key((i.fact).source_version)
                                                >= crm._identity_version_key(p.source_version), true)
                           OR is_stub AND r.source_record_id IS NULL AS beats,
                       crm._identity_version_key((i.fact).source_version) AS version_key,
                       coalesce(p.content_hash = (i.fact).content_hash, false) AS is_stored,
                       coalesce((SELECT max(e.revision) FROM crm.source_record_private e
                                 WHERE e.source_record_id = r.source_record_id), 0) AS base_revision,
                       coalesce(crm._identity_version_time(p.source_version), r.registered_at, p.received_at) AS stored_seen_at
                FROM unnest(items) i
                CROSS JOIN LATERAL (
                    SELECT x.source_record_id FROM crm.external_key x
                    WHERE x.source_id = (i.fact).source_id AND x.kind = 1 AND x.external_id = (i.fact).external_id LIMIT 1) k
                LEFT JOIN LATERAL (
                    SELECT x.source_record_id, x.revision, x.registered_at FROM crm.source_record x
                    WHERE x.source_record_id = k.source_record_id LIMIT 1) r ON true
                LEFT JOIN LATERAL (
                    SELECT x.source_version, x.received_at, x.content_hash FROM crm.source_record_private x
                    WHERE x.source_record_id = r.source_record_id AND x.revision = r.revision LIMIT 1) p ON true) s
            WINDOW newest AS (PARTITION BY s.source_record_id, s.is_repeat, s.beats
                              ORDER BY s.version_key DESC NULLS FIRST, s.ordinal DESC)) t
        ORDER BY t.ordinal);
END
$$;
COMMENT ON FUNCTION crm._identity_classify(crm.identity_item[], boolean) IS
    'the items with their record, revision and role; the newest version of a record wins, without versions the last '
    'received (so content that comes back after other content is a revision, not a repeat)';

-- One step of reaching out: the records, those that hold the given identifiers, the other records
-- of their persons, and those that share an identifier with them; blocked identifiers lead nowhere.
CREATE FUNCTION crm._identity_explore(records bigint[], given_kinds smallint[], given_hashes bytea[], OUT explored bigint[], OUT reached bigint[])
    LANGUAGE plpgsql STABLE AS
$$
BEGIN
    WITH base AS MATERIALIZED (
        SELECT u.id FROM unnest(records) u(id)
        UNION
        SELECT h.source_record_id FROM unnest(given_kinds, given_hashes) v(kind, value_hash)
        CROSS JOIN LATERAL (SELECT x.kind FROM crm.identifier x
                            WHERE x.kind = v.kind AND x.value_hash = v.value_hash AND NOT x.is_blocked LIMIT 1) i
        CROSS JOIN LATERAL (SELECT x.source_record_id FROM crm.record_identifier x
                            WHERE x.kind = v.kind AND x.value_hash = v.value_hash OFFSET 0) h)
    SELECT (SELECT array_agg(b.id) FROM base b), array_agg(DISTINCT s.id) INTO explored, reached
    FROM (SELECT b.id FROM base b
          UNION ALL
          SELECT mate.source_record_id FROM base b
          CROSS JOIN LATERAL (SELECT x.customer_id FROM crm.membership x
                              WHERE x.source_record_id = b.id AND x.valid_to = 'infinity' LIMIT 1) m
          CROSS JOIN LATERAL (SELECT x.source_record_id FROM crm.membership x
                              WHERE x.customer_id = m.customer_id AND x.valid_to >= 'infinity' OFFSET 0) mate
          UNION ALL
          SELECT other.source_record_id FROM base b
          CROSS JOIN LATERAL (SELECT x.kind, x.value_hash FROM crm.record_identifier x
                              WHERE x.source_record_id = b.id OFFSET 0) own
          CROSS JOIN LATERAL (SELECT x.kind FROM crm.identifier x
                              WHERE x.kind = own.kind AND x.value_hash = own.value_hash AND NOT x.is_blocked LIMIT 1) i
          CROSS JOIN LATERAL (SELECT x.source_record_id FROM crm.record_identifier x
                              WHERE x.kind = own.kind AND x.value_hash = own.value_hash OFFSET 0) other) s;
END
$$;
COMMENT ON FUNCTION crm._identity_explore(bigint[], smallint[], bytea[]) IS
    'explored: the records and the holders of the identifiers; reached: those and what lies one step from them; '
    'null when there is nothing';

-- Everything that records, identifiers and their persons reach through identifiers that glue.
-- All of it is one snapshot, as of any STABLE function: what is committed later shows in the versions once the
-- rows are locked.  A component of more than 2,000 records a fact (no real person has so many) is cut off there.
CREATE FUNCTION crm._identity_reach(record_ids bigint[], given_kinds smallint[], given_hashes bytea[]) RETURNS crm.identity_reach
    LANGUAGE plpgsql STABLE AS
$$
DECLARE
    reach crm.identity_reach;
    step record;
    explored bigint[];
    is_held boolean;
    most int := 2000 * greatest(cardinality(record_ids) + coalesce(cardinality(given_kinds), 0), 1);
BEGIN
    -- blocked identifiers stay blocked and glue nobody: they are not locked
    SELECT array_agg(v.kind ORDER BY v.kind, v.value_hash), array_agg(v.value_hash ORDER BY v.kind, v.value_hash),
           array_agg(coalesce(i.row_version, 0) ORDER BY v.kind, v.value_hash), bool_or(NOT i.is_blocked)
    INTO reach.kinds, reach.hashes, reach.identifier_versions, is_held
    FROM unnest(given_kinds, given_hashes) v(kind, value_hash)
    LEFT JOIN LATERAL (SELECT x.row_version, x.is_blocked FROM crm.identifier x
                       WHERE x.kind = v.kind AND x.value_hash = v.value_hash LIMIT 1) i ON true
    WHERE i.is_blocked IS NOT TRUE;
    IF cardinality(record_ids) = 0 AND is_held IS NOT TRUE THEN
        RETURN reach;
    END IF;
    step := crm._identity_explore(record_ids, given_kinds, given_hashes);
    reach.records := step.reached;
    explored := step.explored;
    WHILE cardinality(reach.records) > cardinality(explored) AND cardinality(reach.records) <= most LOOP
        step := crm._identity_explore(ARRAY(SELECT unnest(reach.records) EXCEPT SELECT unnest(explored)), '{}', '{}');
        explored := reach.records;
        reach.records := ARRAY(SELECT unnest(reach.records) UNION SELECT unnest(step.reached) ORDER BY 1);
    END LOOP;
    SELECT array_agg(c.customer_id ORDER BY c.customer_id), array_agg(c.row_version ORDER BY c.customer_id)
    INTO reach.customers, reach.customer_versions
    FROM (SELECT DISTINCT m.customer_id FROM unnest(reach.records) f(id)
          CROSS JOIN LATERAL (SELECT x.customer_id FROM crm.membership x
                              WHERE x.source_record_id = f.id AND x.valid_to = 'infinity' LIMIT 1) m) person
    CROSS JOIN LATERAL (SELECT x.customer_id, x.row_version FROM crm.customer x
                        WHERE x.customer_id = person.customer_id LIMIT 1) c;
    reach.redirects := ARRAY(SELECT m.customer_id FROM unnest(reach.customers) p(id)
                             CROSS JOIN LATERAL (SELECT x.customer_id FROM crm.customer x WHERE x.merged_into = p.id OFFSET 0) m);
    SELECT array_agg(v.kind ORDER BY v.kind, v.value_hash), array_agg(v.value_hash ORDER BY v.kind, v.value_hash),
           array_agg(coalesce(i.row_version, 0) ORDER BY v.kind, v.value_hash)
    INTO reach.kinds, reach.hashes, reach.identifier_versions
    FROM (SELECT g.kind, g.value_hash FROM unnest(given_kinds, given_hashes) g(kind, value_hash)
          UNION
          SELECT own.kind, own.value_hash FROM unnest(reach.records) f(id)
          CROSS JOIN LATERAL (SELECT x.kind, x.value_hash FROM crm.record_identifier x
                              WHERE x.source_record_id = f.id OFFSET 0) own) v
    LEFT JOIN LATERAL (SELECT x.row_version, x.is_blocked FROM crm.identifier x
                       WHERE x.kind = v.kind AND x.value_hash = v.value_hash LIMIT 1) i ON true
    WHERE i.is_blocked IS NOT TRUE;
    RETURN reach;
END
$$;
COMMENT ON FUNCTION crm._identity_reach(bigint[], smallint[], bytea[]) IS
    'the component of the given records and identifiers (distinct), read without locks, with the versions of the '
    'rows that a write will lock; no records: nobody holds them';

-- Makes the identifiers that are missing, then locks all in reach; false when anything moved.
CREATE FUNCTION crm._identity_lock_reach(items crm.identity_item[], reach crm.identity_reach, others bigint[],
                                         loners crm.identity_move[], absent int DEFAULT NULL) RETURNS boolean
    LANGUAGE plpgsql AS
$$
DECLARE
    versions int[];
    made int;
    own_records bigint[] := ARRAY(SELECT l.source_record_id FROM unnest(loners) l);
    own_persons bigint[] := ARRAY(SELECT l.to_id FROM unnest(loners) l);
BEGIN
    -- those of loners are theirs from the start
    INSERT INTO crm.identifier (kind, value_hash, value_sealed, masked, tail_hash, is_blocked, first_seen_at, last_seen_at,
                                customer_id, record_count, row_version)
    SELECT n.kind, n.value_hash, crm._encrypt(crm._identity_kind_code(n.kind), n.value), n.masked,
           crm._identity_tail_hash(n.tail), n.is_blocked, n.seen_at, n.seen_at,
           CASE WHEN NOT n.is_blocked THEN n.person_id END, (n.person_id IS NOT NULL AND NOT n.is_blocked)::int,
           (n.person_id IS NOT NULL AND NOT n.is_blocked)::int
    FROM (SELECT DISTINCT ON (l.kind, l.value_hash) l.*, i.seen_at, own_persons[array_position(own_records, i.source_record_id)] AS person_id,
                 c.is_closed AS is_blocked
          FROM unnest(items) i, unnest(i.links) l, crm._identity_is_closed(l.kind, l.value_hash, l.is_key) c
          WHERE NOT i.is_repeat
            AND (SELECT true FROM crm.identifier e WHERE e.kind = l.kind AND e.value_hash = l.value_hash LIMIT 1) IS NULL
          ORDER BY l.kind, l.value_hash, i.seen_at) n
    ORDER BY n.kind, n.value_hash
    ON CONFLICT DO NOTHING;
    GET DIAGNOSTICS made = ROW_COUNT;
    -- when all that was absent was made here, nobody was quicker
    IF loners IS NOT NULL AND made IS DISTINCT FROM absent AND NOT crm._identity_are_alone(items, own_records, own_persons) THEN
        RETURN false;
    END IF;
    -- rows made here are locked and new to everyone; beside loners, or ahead of looking, those in reach may be others
    IF made < cardinality(reach.kinds) OR loners IS NOT NULL OR reach.identifier_versions IS NULL THEN
        versions := ARRAY(
            SELECT l.row_version
            FROM unnest(reach.kinds, reach.hashes) WITH ORDINALITY v(kind, value_hash, place)
            CROSS JOIN LATERAL (
                SELECT x.row_version FROM crm.identifier x
                WHERE x.kind = v.kind AND x.value_hash = v.value_hash FOR NO KEY UPDATE) l
            ORDER BY v.place);      -- reach is sorted: locked in that order
        IF versions IS DISTINCT FROM coalesce(reach.identifier_versions, versions) THEN
            RETURN false;
        END IF;
    END IF;
    RETURN coalesce((
        SELECT bool_and((c.row_version = coalesce(d.seen, c.row_version) AND (c.status NOT IN ('merged', 'erased') OR NOT d.is_asked)) IS TRUE)
        FROM (SELECT p.id, max(p.seen) AS seen, bool_or(p.is_asked) AS is_asked
              FROM (SELECT x.id, x.seen, x.seen IS NOT NULL AS is_asked FROM unnest(reach.customers, reach.customer_versions) x(id, seen)
                    UNION ALL
                    SELECT x.id, NULL, true FROM unnest(others) x(id)
                    UNION ALL
                    SELECT x.id, NULL, false FROM unnest(reach.redirects) x(id)) p
              GROUP BY p.id ORDER BY p.id) d
        LEFT JOIN LATERAL (SELECT x.row_version, x.status FROM crm.customer x WHERE x.customer_id = d.id FOR NO KEY UPDATE) c ON true), true);
END
$$;
COMMENT ON FUNCTION crm._identity_lock_reach(crm.identity_item[], crm.identity_reach, bigint[], crm.identity_move[], int) IS
    'makes and locks identifiers by (kind, value_hash), then locks customers ascending; true when others still are '
    'persons and all that has a version in reach is as it was seen; absent: how many identifiers of the items were '
    'not there';

-- What two looks have to lock; of two versions the older, so that what moved in between is noticed.
CREATE FUNCTION crm._identity_beside(reach crm.identity_reach, joined crm.identity_reach) RETURNS crm.identity_reach
    LANGUAGE plpgsql IMMUTABLE AS
$$
DECLARE
    both crm.identity_reach := reach;
BEGIN
    IF joined.kinds IS NOT NULL THEN
        SELECT array_agg(v.kind ORDER BY v.kind, v.value_hash), array_agg(v.value_hash ORDER BY v.kind, v.value_hash),
               array_agg(v.version ORDER BY v.kind, v.value_hash)
        INTO both.kinds, both.hashes, both.identifier_versions
        FROM (SELECT x.kind, x.value_hash, min(x.version) AS version
              FROM unnest(reach.kinds || joined.kinds, reach.hashes || joined.hashes,
                  reach.identifier_versions || joined.identifier_versions) x(kind, value_hash, version)
              GROUP BY x.kind, x.value_hash) v;
    END IF;
    RETURN both;
END
$$;
COMMENT ON FUNCTION crm._identity_beside(crm.identity_reach, crm.identity_reach) IS
    'a reach with the values that joiners hold, sorted, each once';

-- The rows of two reaches, to be locked by the next attempt.
CREATE FUNCTION crm._identity_widen(a crm.identity_reach, b crm.identity_reach) RETURNS crm.identity_reach
    LANGUAGE plpgsql IMMUTABLE AS
$$
DECLARE
    wide crm.identity_reach;
BEGIN
    wide.customers := ARRAY(SELECT unnest(a.customers) UNION SELECT unnest(b.customers) ORDER BY 1);
    wide.redirects := ARRAY(SELECT unnest(a.redirects) UNION SELECT unnest(b.redirects) ORDER BY 1);
    SELECT array_agg(v.kind ORDER BY v.kind, v.value_hash), array_agg(v.value_hash ORDER BY v.kind, v.value_hash)
    INTO wide.kinds, wide.hashes
    FROM (SELECT * FROM unnest(a.kinds, a.hashes) x(kind, value_hash)
          UNION SELECT * FROM unnest(b.kinds, b.hashes) y(kind, value_hash)) v;
    RETURN wide;
END
$$;
COMMENT ON FUNCTION crm._identity_widen(crm.identity_reach, crm.identity_reach) IS
    'what either reach has to lock; no versions, for it is looked at anew once locked';

CREATE FUNCTION crm._identity_covers(wide crm.identity_reach, reach crm.identity_reach) RETURNS boolean
    LANGUAGE plpgsql IMMUTABLE AS
$$
BEGIN
    RETURN wide.customers || wide.redirects @> coalesce(reach.customers || reach.redirects, '{}')
       AND NOT EXISTS (SELECT * FROM unnest(reach.kinds, reach.hashes) x(kind, value_hash)
                       EXCEPT SELECT * FROM unnest(wide.kinds, wide.hashes) y(kind, value_hash));
END
$$;
COMMENT ON FUNCTION crm._identity_covers(crm.identity_reach, crm.identity_reach) IS
    'whether every row of the second reach is in the first';

-- Locks what is not in wide yet, without waiting (so out of order, too, nobody waits in a circle);
-- false when somebody else holds a part of it.
CREATE FUNCTION crm._identity_lock_more(wide crm.identity_reach, reach crm.identity_reach) RETURNS boolean
    LANGUAGE plpgsql AS
$$
DECLARE
    wanted int;
    locked int;
BEGIN
    SELECT count(*), count(l.kind) INTO wanted, locked
    FROM (SELECT * FROM unnest(reach.kinds, reach.hashes) x(kind, value_hash)
          EXCEPT SELECT * FROM unnest(wide.kinds, wide.hashes) y(kind, value_hash)) v
    LEFT JOIN LATERAL (SELECT x.kind FROM crm.identifier x
                       WHERE x.kind = v.kind AND x.value_hash = v.value_hash FOR NO KEY UPDATE SKIP LOCKED) l ON true;
    IF locked < wanted THEN
        RETURN false;
    END IF;
    SELECT count(*), count(l.customer_id) INTO wanted, locked
    FROM (SELECT unnest(reach.customers || reach.redirects) AS id EXCEPT SELECT unnest(wide.customers || wide.redirects)) d
    LEFT JOIN LATERAL (SELECT x.customer_id FROM crm.customer x WHERE x.customer_id = d.id FOR NO KEY UPDATE SKIP LOCKED) l ON true;
    RETURN locked = wanted;
END
$$;
COMMENT ON FUNCTION crm._identity_lock_more(crm.identity_reach, crm.identity_reach) IS
    'whether the rows of the second reach that are not in the first could be locked at once';

-- Looks and locks; RM309 with what to lock beforehand (detail) when rows moved in between.  While
-- an attempt waits for what it saw, the component may grow; what it grew by is mostly free then,
-- for whoever wants it waits for the rest.
CREATE FUNCTION crm._identity_secure(items crm.identity_item[], records bigint[], kinds smallint[], hashes bytea[], others bigint[],
                                     ahead crm.identity_reach, loners crm.identity_move[],
                                     joined crm.identity_reach DEFAULT NULL, absent int DEFAULT NULL) RETURNS crm.identity_reach
    LANGUAGE plpgsql AS
$$
DECLARE
    reach crm.identity_reach;
    wide crm.identity_reach := ahead;
    are_persons boolean;        -- those of others
    is_held boolean;
BEGIN
    IF ahead.kinds IS NULL AND ahead.customers IS NULL THEN
        reach := crm._identity_beside(crm._identity_reach(records, kinds, hashes), joined);
        is_held := crm._identity_lock_reach(items, reach, others, loners, absent);
    ELSE
        are_persons := crm._identity_lock_reach(items, ahead, others, NULL);
        FOR look IN 1 .. 5 LOOP
            reach := crm._identity_reach(records, kinds, hashes);
            is_held := are_persons AND crm._identity_covers(wide, reach);
            EXIT WHEN is_held OR NOT are_persons OR NOT crm._identity_lock_more(wide, reach);
            wide := crm._identity_widen(wide, reach);
        END LOOP;
    END IF;
    IF NOT is_held THEN
        RAISE EXCEPTION 'persons moved while a write looked at them'
            USING ERRCODE = 'RM309', DETAIL = crm._identity_widen(wide, reach)::text;
    END IF;
    RETURN reach;
END
$$;
COMMENT ON FUNCTION crm._identity_secure(crm.identity_item[], bigint[], smallint[], bytea[], bigint[],
        crm.identity_reach, crm.identity_move[], crm.identity_reach, int) IS
    'the reach of records and identifiers with all its rows locked; ahead: what an earlier attempt saw, locked '
    'before looking; others: persons to lock besides; joined: values of joiners, absent: values nobody has told '
    'before, as crm._identity_sole() saw them';

-- Of a caller of attempts that caught RM309: the locks of that attempt are gone with it.
CREATE FUNCTION crm._identity_again(attempt int, seen text) RETURNS crm.identity_reach
    LANGUAGE plpgsql IMMUTABLE AS
$$
BEGIN
    IF attempt >= 20 THEN
        RAISE EXCEPTION 'could not settle persons that other sessions keep changing'
            USING ERRCODE = 'serialization_failure', HINT = 'Try again.';
    END IF;
    RETURN nullif(seen, '')::crm.identity_reach;
END
$$;
COMMENT ON FUNCTION crm._identity_again(int, text) IS
    'what an attempt that ended in RM309 saw (its detail), for the next one to begin with; 40001 when there were 20';

-- Records, their revisions, and the keys' newest content.
CREATE FUNCTION crm._identity_write_records(items crm.identity_item[]) RETURNS void
    LANGUAGE plpgsql AS
$$
BEGIN
    INSERT INTO crm.source_record (source_record_id, source_id, kind, external_id, store_id, channel, registered_at,
                                   registered_on, is_history, custom, revision, received_at, is_shadow)
    SELECT i.source_record_id, (i.fact).source_id, coalesce((i.fact).kind, 'member'), (i.fact).external_id, (i.fact).store_id,
           coalesce((i.fact).channel, ''), (i.fact).registered_at, (i.fact).registered_on,
           coalesce((i.fact).is_history, false), coalesce((i.fact).custom, '{}'), i.revision, (i.fact).received_at,
           coalesce((SELECT x.is_shadow FROM crm.source x WHERE x.source_id = (i.fact).source_id LIMIT 1), false)
    FROM unnest(items) i WHERE i.is_current AND i.is_new;
    IF EXISTS (SELECT FROM unnest(items) i WHERE i.is_current AND NOT i.is_new) THEN
        UPDATE crm.source_record r
        SET kind = coalesce((i.fact).kind, 'member'), store_id = (i.fact).store_id, channel = coalesce((i.fact).channel, ''),
            registered_at = coalesce((i.fact).registered_at, r.registered_at),
            registered_on = coalesce((i.fact).registered_on, r.registered_on),
            custom = coalesce((i.fact).custom, '{}'), is_current = true, revision = i.revision
        FROM (SELECT j.*, (SELECT x.ctid FROM crm.source_record x WHERE x.source_record_id = j.source_record_id) AS row
              FROM unnest(items) j WHERE j.is_current AND NOT j.is_new OFFSET 0) i
        WHERE r.ctid = i.row;
    END IF;
    INSERT INTO crm.source_record_private (source_record_id, revision, name, nickname, sex, birthday, is_birthday_lunar,
                                           address_sealed, province, city, district, note, received_at, source_version, content_hash)
    SELECT i.source_record_id, i.revision, nullif(btrim((i.fact).name), ''), nullif(btrim((i.fact).nickname), ''),
           CASE WHEN (i.fact).sex IN ('m', 'f') THEN (i.fact).sex END, (i.fact).birthday,
           coalesce((i.fact).is_birthday_lunar, false), crm._encrypt('address', nullif(btrim((i.fact).address), '')),
           (i.fact).province, (i.fact).city, (i.fact).district, (i.fact).note, (i.fact).received_at,
           (i.fact).source_version, (i.fact).content_hash
    FROM unnest(items) i WHERE NOT i.is_repeat AND i.revision > 0;
    IF EXISTS (SELECT FROM unnest(items) i WHERE i.is_current AND i.revision > 0 AND NOT (i.is_new AND i.revision = 1)) THEN
        UPDATE crm.external_key k
        SET content_hash = coalesce((i.fact).content_hash, '\x'), revision = i.revision, received_at = (i.fact).received_at,
            inbox_id = (i.fact).inbox_id, line_no = (i.fact).line_no
        FROM (SELECT j.*, (SELECT x.ctid FROM crm.external_key x
                           WHERE x.source_id = (j.fact).source_id AND x.kind = 1 AND x.external_id = (j.fact).external_id) AS row
              FROM unnest(items) j WHERE j.is_current AND j.revision > 0 OFFSET 0) i
        WHERE k.ctid = i.row;
    END IF;
END
$$;
COMMENT ON FUNCTION crm._identity_write_records(crm.identity_item[]) IS
    'stores new records, every new revision, and which revision is current';

-- Links between records and identifiers, and the end of those that a revision gave up.
CREATE FUNCTION crm._identity_write_links(items crm.identity_item[], sole bigint[]) RETURNS void
    LANGUAGE plpgsql AS
$$
BEGIN
    INSERT INTO crm.record_identifier (source_record_id, kind, value_hash, namespace, first_seen_at, last_seen_at)
    SELECT i.source_record_id, l.kind, l.value_hash, l.namespace, i.seen_at, i.seen_at
    FROM unnest(items) i, unnest(i.links) l
    WHERE i.source_record_id IN (SELECT s FROM unnest(sole) s);
    INSERT INTO crm.record_identifier AS ri (source_record_id, kind, value_hash, namespace, first_seen_at, last_seen_at, ended_at)
    SELECT i.source_record_id, l.kind, l.value_hash, max(l.namespace COLLATE "C"), min(i.seen_at), max(i.seen_at),
           CASE WHEN count(*) = count(i.ended_at) THEN max(i.ended_at) END
    FROM unnest(items) i, unnest(i.links) l
    WHERE NOT i.is_repeat AND i.source_record_id NOT IN (SELECT s FROM unnest(sole) s)
    GROUP BY i.source_record_id, l.kind, l.value_hash
    ON CONFLICT (source_record_id, kind, value_hash) DO UPDATE
        SET namespace = greatest(ri.namespace, excluded.namespace COLLATE "C"),      -- of a home: its town, once told
            first_seen_at = least(ri.first_seen_at, excluded.first_seen_at),
            last_seen_at = greatest(ri.last_seen_at, excluded.last_seen_at),
            ended_at = CASE WHEN excluded.ended_at IS NULL THEN NULL ELSE ri.ended_at END;
    IF EXISTS (SELECT FROM unnest(items) i WHERE NOT i.is_new AND i.is_current AND i.revision > 0) THEN
        INSERT INTO crm.record_identifier AS ri (source_record_id, kind, value_hash, first_seen_at, last_seen_at, ended_at)
        SELECT i.source_record_id, own.kind, own.value_hash, i.seen_at, i.seen_at, i.seen_at
        FROM unnest(items) i
        CROSS JOIN LATERAL (SELECT x.kind, x.value_hash FROM crm.record_identifier x
                            WHERE x.source_record_id = i.source_record_id AND x.ended_at IS NULL OFFSET 0) own
        WHERE NOT i.is_new AND i.is_current AND i.revision > 0
          AND NOT EXISTS (SELECT FROM unnest(i.links) l WHERE l.kind = own.kind AND l.value_hash = own.value_hash)
        ON CONFLICT (source_record_id, kind, value_hash) DO UPDATE SET ended_at = excluded.ended_at;
    END IF;
    -- of many revisions a value ended with the first that lacked it, whatever order they came in
    IF EXISTS (SELECT FROM unnest(items) i WHERE i.revision > 2 AND NOT i.is_repeat) THEN
        UPDATE crm.record_identifier ri SET ended_at = e.ended_at
        FROM (SELECT own.ctid AS row, first_without.seen_at AS ended_at
              FROM (SELECT DISTINCT i.source_record_id FROM unnest(items) i WHERE i.revision > 2 AND NOT i.is_repeat) d
              CROSS JOIN LATERAL (SELECT x.registered_at FROM crm.source_record x WHERE x.source_record_id = d.source_record_id LIMIT 1) r
              CROSS JOIN LATERAL (SELECT x.ctid, x.last_seen_at, x.ended_at FROM crm.record_identifier x
                                  WHERE x.source_record_id = d.source_record_id AND x.ended_at IS NOT NULL OFFSET 0) own
              CROSS JOIN LATERAL (SELECT min(t.seen_at) AS seen_at
                                  FROM crm.source_record_private p
                                  CROSS JOIN LATERAL (SELECT coalesce(crm._identity_version_time(p.source_version),
                                              r.registered_at, p.received_at) AS seen_at) t
                                  WHERE p.source_record_id = d.source_record_id AND t.seen_at > own.last_seen_at) first_without
              WHERE first_without.seen_at <> own.ended_at OFFSET 0) e
        WHERE ri.ctid = e.row;
    END IF;
END
$$;
COMMENT ON FUNCTION crm._identity_write_links(crm.identity_item[], bigint[]) IS
    'links records to identifiers and ends the links that a revision gave up; sole: new records with one item each';
