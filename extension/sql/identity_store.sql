-- identity, writing: member facts and references become records, links, persons.
--
-- One attempt (crm._identity_try) takes its locks in one order - external keys, identifiers by
-- (kind, value_hash), customers ascending - after it has looked, without locks, at all that the
-- write may touch.  What it saw is compared by row_version once the locks are held; if anything
-- moved, the attempt is undone with its locks and made again.  So one call a transaction cannot
-- deadlock, and two sessions that register one phone make one person.

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
    ended_at timestamptz);              -- not current: since when newer content stands

-- What a write may touch: the records in reach, and the rows to lock with the versions seen.
CREATE TYPE crm.identity_reach AS (
    records bigint[],
    customers bigint[], customer_versions int[],
    kinds smallint[], hashes bytea[], identifier_versions int[]);

CREATE TYPE crm.identity_move AS (source_record_id bigint, from_id bigint, to_id bigint);
CREATE TYPE crm.identity_change AS (kind text, survivor_id bigint, other_id bigint, record_ids bigint[], journal_id bigint);
CREATE TYPE crm.identity_result AS (
    outcomes crm.record_outcome[],
    changes crm.identity_change[],
    news bigint[], history_news bigint[]);      -- persons that the rooms above are told about

CREATE FUNCTION crm._identity_version_time(source_version text) RETURNS timestamptz
    LANGUAGE sql STABLE PARALLEL SAFE
    AS $$ SELECT CASE WHEN source_version ~ '^[12][0-9]{3}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])[T ]([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9](\.[0-9]{1,9})?)?(Z|[+-](0[0-9]|1[0-3])(:?[0-5][0-9])?)?$'
                      THEN (left(source_version, 8) || '01' || substr(source_version, 11))::timestamptz
                           + make_interval(days => substr(source_version, 9, 2)::int - 1) END $$;
COMMENT ON FUNCTION crm._identity_version_time(text) IS
    'the moment a version names when it is an ISO time (without zone: of the session), else null; never raises';

CREATE FUNCTION crm._identity_items(facts crm.member_fact[]) RETURNS crm.identity_item[]
    LANGUAGE plpgsql STABLE AS
$$
BEGIN
    RETURN ARRAY(
        SELECT ROW(f, ARRAY(
                   SELECT ROW(l.kind, l.namespace, l.value_hash, l.value, l.masked, l.tail, l.is_key)::crm.identity_link
                   FROM (SELECT DISTINCT ON (v.kind, h.value_hash) v.kind, coalesce(v.namespace, '') AS namespace,
                                h.value_hash, v.value, coalesce(v.masked, '') AS masked, v.tail,
                                coalesce(v.is_key, true) AS is_key
                         FROM unnest(f.identifiers) v, LATERAL (
                             SELECT crm._identity_hash(v.kind, v.namespace, v.value) AS value_hash OFFSET 0) h
                         WHERE v.value <> '' AND v.kind IS NOT NULL
                         ORDER BY v.kind, h.value_hash) l),
                   NULL, NULL, NULL, NULL, NULL,
                   coalesce(crm._identity_version_time(f.source_version), f.registered_at, f.received_at),
                   NULL)::crm.identity_item
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
    SELECT count(DISTINCT ((i.fact).source_id, (i.fact).external_id)) INTO wanted FROM unnest(items) i;
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
          WHERE NOT EXISTS (SELECT FROM crm.external_key k
                            WHERE k.source_id = d.source_id AND k.kind = 1 AND k.external_id = d.external_id)
          ORDER BY d.source_id, d.external_id COLLATE "C") n
    ON CONFLICT DO NOTHING;
    GET DIAGNOSTICS written = ROW_COUNT;
    IF written < wanted THEN
        PERFORM FROM (
            SELECT k.source_id
            FROM (SELECT DISTINCT (i.fact).source_id, (i.fact).external_id FROM unnest(items) i) d
            JOIN crm.external_key k ON k.source_id = d.source_id AND k.kind = 1 AND k.external_id = d.external_id
            ORDER BY k.source_id, k.external_id COLLATE "C"
            FOR NO KEY UPDATE OF k) locked;
    END IF;
END
$$;
COMMENT ON FUNCTION crm._identity_lock_keys(crm.identity_item[]) IS
    'one external_key row a record, written or locked in the order of source and external id';

-- What each fact is to its record: new, a repeat, the current revision, or an older one.
CREATE FUNCTION crm._identity_classify(items crm.identity_item[], is_stub boolean) RETURNS crm.identity_item[]
    LANGUAGE plpgsql STABLE AS
$$
BEGIN
    RETURN ARRAY(
        SELECT ROW(t.fact, t.links, t.source_record_id, t.is_new, t.is_repeat, t.is_current,
                   CASE WHEN is_stub THEN 0 ELSE t.base_revision + t.step END, t.seen_at,
                   CASE WHEN NOT t.is_current AND NOT is_stub THEN greatest(t.newest_seen_at, t.seen_at) END)::crm.identity_item
        FROM (
            SELECT s.*,
                   (row_number() OVER (PARTITION BY s.source_record_id, s.is_repeat ORDER BY s.ordinal))::int AS step,
                   NOT s.is_repeat AND s.beats AND row_number() OVER newest = 1 AS is_current,
                   CASE WHEN s.beats THEN first_value(s.seen_at) OVER newest ELSE s.stored_seen_at END AS newest_seen_at
            FROM (
                SELECT i.fact, i.links, i.seen_at, (i.fact).ordinal, k.source_record_id,
                       r.source_record_id IS NULL AS is_new,
                       CASE WHEN is_stub THEN r.source_record_id IS NOT NULL AND r.revision > 0
                            ELSE coalesce((SELECT true FROM crm.source_record_private e
                                           WHERE e.source_record_id = r.source_record_id
                                             AND e.content_hash = (i.fact).content_hash LIMIT 1), false)
                                 OR row_number() OVER (PARTITION BY k.source_record_id, (i.fact).content_hash
                                                       ORDER BY (i.fact).ordinal) > 1 END AS is_repeat,
                       NOT is_stub AND coalesce(crm._identity_version_key((i.fact).source_version)
                                                >= crm._identity_version_key(p.source_version), true)
                           OR is_stub AND r.source_record_id IS NULL AS beats,
                       crm._identity_version_key((i.fact).source_version) AS version_key,
                       coalesce((SELECT max(e.revision) FROM crm.source_record_private e
                                 WHERE e.source_record_id = r.source_record_id), 0) AS base_revision,
                       coalesce(crm._identity_version_time(p.source_version), r.registered_at, p.received_at) AS stored_seen_at
                FROM unnest(items) i
                JOIN crm.external_key k ON k.source_id = (i.fact).source_id AND k.kind = 1
                                       AND k.external_id = (i.fact).external_id
                LEFT JOIN crm.source_record r ON r.source_record_id = k.source_record_id
                LEFT JOIN crm.source_record_private p ON p.source_record_id = r.source_record_id
                                                     AND p.revision = r.revision) s
            WINDOW newest AS (PARTITION BY s.source_record_id, s.is_repeat, s.beats
                              ORDER BY s.version_key DESC NULLS FIRST, s.ordinal DESC)) t
        ORDER BY t.ordinal);
END
$$;
COMMENT ON FUNCTION crm._identity_classify(crm.identity_item[], boolean) IS
    'the items with their record, revision and role; the newest version of a record wins, without versions the last received';

-- Everything that records, identifiers and their persons reach through identifiers that glue.
CREATE FUNCTION crm._identity_reach(record_ids bigint[], given_kinds smallint[], given_hashes bytea[]) RETURNS crm.identity_reach
    LANGUAGE plpgsql STABLE AS
$$
DECLARE
    reach crm.identity_reach;
    found bigint[];
    more bigint[];
    most int := (crm._setting('identity.component_records') #>> '{}')::int;
BEGIN
    SELECT array_agg(DISTINCT s.id) INTO found
    FROM (SELECT unnest(record_ids) AS id
          UNION ALL
          SELECT ri.source_record_id
          FROM unnest(given_kinds, given_hashes) v(kind, value_hash)
          JOIN crm.identifier i ON i.kind = v.kind AND i.value_hash = v.value_hash AND NOT i.is_blocked
          JOIN crm.record_identifier ri ON ri.kind = i.kind AND ri.value_hash = i.value_hash) s;
    LOOP
        EXIT WHEN found IS NULL;
        SELECT array_agg(DISTINCT s.id) INTO more
        FROM (SELECT unnest(found) AS id
              UNION ALL
              SELECT mate.source_record_id
              FROM (SELECT DISTINCT m.customer_id FROM unnest(found) f(id)
                    JOIN crm.membership m ON m.source_record_id = f.id AND m.valid_to = 'infinity') person
              JOIN crm.membership mate ON mate.customer_id = person.customer_id AND mate.valid_to = 'infinity'
              UNION ALL
              SELECT other.source_record_id
              FROM unnest(found) f(id)
              JOIN crm.record_identifier own ON own.source_record_id = f.id
              JOIN crm.identifier i ON i.kind = own.kind AND i.value_hash = own.value_hash AND NOT i.is_blocked
              JOIN crm.record_identifier other ON other.kind = i.kind AND other.value_hash = i.value_hash) s;
        EXIT WHEN cardinality(more) = cardinality(found) OR cardinality(more) > most * greatest(cardinality(record_ids), 1);
        found := more;
    END LOOP;
    reach.records := coalesce(found, '{}');
    SELECT coalesce(array_agg(c.customer_id ORDER BY c.customer_id), '{}'),
           coalesce(array_agg(c.row_version ORDER BY c.customer_id), '{}')
    INTO reach.customers, reach.customer_versions
    FROM (SELECT DISTINCT m.customer_id FROM unnest(reach.records) f(id)
          JOIN crm.membership m ON m.source_record_id = f.id AND m.valid_to = 'infinity') person
    JOIN crm.customer c ON c.customer_id = person.customer_id;
    SELECT coalesce(array_agg(v.kind ORDER BY v.kind, v.value_hash), '{}'),
           coalesce(array_agg(v.value_hash ORDER BY v.kind, v.value_hash), '{}'),
           coalesce(array_agg(coalesce(i.row_version, 0) ORDER BY v.kind, v.value_hash), '{}')
    INTO reach.kinds, reach.hashes, reach.identifier_versions
    FROM (SELECT g.kind, g.value_hash FROM unnest(given_kinds, given_hashes) g(kind, value_hash)
          UNION
          SELECT ri.kind, ri.value_hash FROM unnest(reach.records) f(id)
          JOIN crm.record_identifier ri ON ri.source_record_id = f.id
          JOIN crm.identifier b ON b.kind = ri.kind AND b.value_hash = ri.value_hash AND NOT b.is_blocked) v
    LEFT JOIN crm.identifier i ON i.kind = v.kind AND i.value_hash = v.value_hash;
    RETURN reach;
END
$$;
COMMENT ON FUNCTION crm._identity_reach(bigint[], smallint[], bytea[]) IS
    'the component of the given records and identifiers, read without locks, with the versions of the rows that a write will lock';

-- Makes the identifiers that are missing, then locks all in reach; false when anything moved.
CREATE FUNCTION crm._identity_lock_reach(items crm.identity_item[], reach crm.identity_reach, others bigint[]) RETURNS boolean
    LANGUAGE plpgsql AS
$$
DECLARE
    versions int[];
    persons bigint[];
BEGIN
    INSERT INTO crm.identifier (kind, value_hash, value_sealed, masked, tail_hash, is_blocked, first_seen_at, last_seen_at)
    SELECT n.kind, n.value_hash, crm._encrypt(crm._identity_kind_code(n.kind), n.value), n.masked,
           crm._identity_tail_hash(n.tail),
           NOT n.is_key OR NOT k.is_key OR b.kind IS NOT NULL, n.seen_at, n.seen_at
    FROM (SELECT DISTINCT ON (l.kind, l.value_hash) l.*, i.seen_at
          FROM unnest(items) i, unnest(i.links) l
          WHERE NOT i.is_repeat
            AND NOT EXISTS (SELECT FROM crm.identifier e WHERE e.kind = l.kind AND e.value_hash = l.value_hash)
          ORDER BY l.kind, l.value_hash, i.seen_at) n
    JOIN crm.identifier_kind k ON k.kind = n.kind
    LEFT JOIN crm.blocked_value b ON b.kind = n.kind AND b.value_hash = n.value_hash
    ORDER BY n.kind, n.value_hash
    ON CONFLICT DO NOTHING;
    IF cardinality(reach.kinds) > 0 THEN
        versions := ARRAY(
            SELECT l.row_version
            FROM (SELECT i.kind, i.value_hash, i.row_version
                  FROM unnest(reach.kinds, reach.hashes) v(kind, value_hash)
                  JOIN crm.identifier i ON i.kind = v.kind AND i.value_hash = v.value_hash
                  ORDER BY i.kind, i.value_hash
                  FOR NO KEY UPDATE OF i) l
            ORDER BY l.kind, l.value_hash);
        IF versions IS DISTINCT FROM reach.identifier_versions THEN
            RETURN false;
        END IF;
    END IF;
    persons := reach.customers || others;
    IF cardinality(persons) > 0 THEN
        versions := ARRAY(
            SELECT CASE WHEN l.customer_id = ANY (reach.customers) THEN l.row_version
                        WHEN l.status = 'active' THEN 0 ELSE -1 END
            FROM (SELECT c.customer_id, c.row_version, c.status
                  FROM (SELECT DISTINCT p.id FROM unnest(persons) p(id)) d
                  JOIN crm.customer c ON c.customer_id = d.id
                  ORDER BY c.customer_id
                  FOR NO KEY UPDATE OF c) l
            ORDER BY l.customer_id);
        RETURN versions = ARRAY(
            SELECT coalesce(reach.customer_versions[array_position(reach.customers, d.id)], 0)
            FROM (SELECT DISTINCT p.id FROM unnest(persons) p(id)) d ORDER BY d.id);
    END IF;
    RETURN true;
END
$$;
COMMENT ON FUNCTION crm._identity_lock_reach(crm.identity_item[], crm.identity_reach, bigint[]) IS
    'locks identifiers by (kind, value_hash), then customers ascending; true when all are as they were seen';

-- Records, their revisions, and the keys' newest content.
CREATE FUNCTION crm._identity_write_records(items crm.identity_item[]) RETURNS void
    LANGUAGE plpgsql AS
$$
BEGIN
    INSERT INTO crm.source_record (source_record_id, source_id, kind, external_id, store_id, channel, registered_at,
                                   registered_on, is_history, custom, revision, received_at)
    SELECT i.source_record_id, (i.fact).source_id, coalesce((i.fact).kind, 'member'), (i.fact).external_id, (i.fact).store_id,
           coalesce((i.fact).channel, ''), (i.fact).registered_at, (i.fact).registered_on,
           coalesce((i.fact).is_history, false), coalesce((i.fact).custom, '{}'), i.revision, (i.fact).received_at
    FROM unnest(items) i WHERE i.is_new AND i.is_current;
    INSERT INTO crm.source_record_private (source_record_id, revision, name, nickname, sex, birthday, is_birthday_lunar,
                                           address_sealed, province, city, district, note, received_at, source_version, content_hash)
    SELECT i.source_record_id, i.revision, nullif(btrim((i.fact).name), ''), nullif(btrim((i.fact).nickname), ''),
           CASE WHEN (i.fact).sex IN ('m', 'f') THEN (i.fact).sex END, (i.fact).birthday,
           coalesce((i.fact).is_birthday_lunar, false), crm._encrypt('address', nullif(btrim((i.fact).address), '')),
           (i.fact).province, (i.fact).city, (i.fact).district, (i.fact).note, (i.fact).received_at,
           (i.fact).source_version, (i.fact).content_hash
    FROM unnest(items) i WHERE NOT i.is_repeat AND i.revision > 0;
    IF EXISTS (SELECT FROM unnest(items) i WHERE i.revision > 0 AND i.is_current AND NOT (i.is_new AND i.revision = 1)) THEN
        UPDATE crm.source_record r
        SET kind = coalesce((i.fact).kind, 'member'), store_id = (i.fact).store_id, channel = coalesce((i.fact).channel, ''),
            registered_at = coalesce((i.fact).registered_at, r.registered_at),
            registered_on = coalesce((i.fact).registered_on, r.registered_on),
            custom = coalesce((i.fact).custom, '{}'), is_current = true, revision = i.revision
        FROM unnest(items) i
        WHERE r.source_record_id = i.source_record_id AND i.is_current AND NOT i.is_new AND i.revision > 0;
        UPDATE crm.external_key k
        SET content_hash = coalesce((i.fact).content_hash, '\x'), revision = i.revision, received_at = (i.fact).received_at,
            inbox_id = (i.fact).inbox_id, line_no = (i.fact).line_no
        FROM unnest(items) i
        WHERE k.source_id = (i.fact).source_id AND k.kind = 1 AND k.external_id = (i.fact).external_id
          AND i.is_current AND i.revision > 0;
    END IF;
END
$$;
COMMENT ON FUNCTION crm._identity_write_records(crm.identity_item[]) IS
    'stores new records, every new revision, and which revision is current';

-- Links between records and identifiers.  An identifier held by more records than its kind
-- allows is a hub from here on: it glues nobody any more.
CREATE FUNCTION crm._identity_write_links(items crm.identity_item[]) RETURNS void
    LANGUAGE plpgsql AS
$$
BEGIN
    WITH linked AS (
        INSERT INTO crm.record_identifier AS ri (source_record_id, kind, value_hash, namespace, first_seen_at, last_seen_at, ended_at)
        SELECT i.source_record_id, l.kind, l.value_hash, min(l.namespace), min(i.seen_at), max(i.seen_at),
               CASE WHEN count(*) = count(i.ended_at) THEN max(i.ended_at) END
        FROM unnest(items) i, unnest(i.links) l
        WHERE NOT i.is_repeat
        GROUP BY i.source_record_id, l.kind, l.value_hash
        ON CONFLICT (source_record_id, kind, value_hash) DO UPDATE
            SET first_seen_at = least(ri.first_seen_at, excluded.first_seen_at),
                last_seen_at = greatest(ri.last_seen_at, excluded.last_seen_at),
                ended_at = CASE WHEN excluded.ended_at IS NULL THEN NULL ELSE ri.ended_at END
        RETURNING ri.source_record_id, ri.kind, ri.value_hash, ri.last_seen_at, xmax = 0 AS is_added),
    counted AS (
        SELECT n.kind, n.value_hash, max(n.last_seen_at) AS last_seen_at,
               count(*) FILTER (WHERE n.is_added AND r.kind <> 'receipt')::int AS added
        FROM linked n JOIN crm.source_record r ON r.source_record_id = n.source_record_id
        GROUP BY n.kind, n.value_hash)
    UPDATE crm.identifier d
    SET record_count = d.record_count + c.added, row_version = d.row_version + (NOT d.is_blocked)::int,
        last_seen_at = greatest(d.last_seen_at, c.last_seen_at),
        is_blocked = d.is_blocked OR d.record_count + c.added > k.max_records
    FROM counted c JOIN crm.identifier_kind k ON k.kind = c.kind
    WHERE d.kind = c.kind AND d.value_hash = c.value_hash;
    IF EXISTS (SELECT FROM unnest(items) i WHERE NOT i.is_new AND i.is_current AND i.revision > 0) THEN
        WITH given_up AS (
            UPDATE crm.record_identifier ri SET ended_at = i.seen_at
            FROM unnest(items) i
            WHERE NOT i.is_new AND i.is_current AND i.revision > 0
              AND ri.source_record_id = i.source_record_id AND ri.ended_at IS NULL
              AND NOT EXISTS (SELECT FROM unnest(i.links) l WHERE l.kind = ri.kind AND l.value_hash = ri.value_hash)
            RETURNING ri.kind, ri.value_hash)
        UPDATE crm.identifier d SET row_version = d.row_version + 1
        FROM (SELECT DISTINCT g.kind, g.value_hash FROM given_up g) c
        WHERE d.kind = c.kind AND d.value_hash = c.value_hash AND NOT d.is_blocked;
    END IF;
END
$$;
COMMENT ON FUNCTION crm._identity_write_links(crm.identity_item[]) IS
    'links records to identifiers, ends those a revision gave up, counts holders and turns overfull identifiers into hubs';
