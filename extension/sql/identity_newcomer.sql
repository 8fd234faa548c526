-- identity, the short way of a new person: one new record whose identifiers nobody holds.  Most
-- registrations are that, and orders of somebody not seen before (a stub: revision 0, nothing private).  Same locks
-- and same rows as the long way (identity_store.sql), with plain statements, in a fraction of the time; of many facts
-- at once, those that are persons of their own.

CREATE FUNCTION crm._identity_claim_key(fact crm.member_fact, is_stub boolean) RETURNS bigint
    LANGUAGE plpgsql AS
$$
DECLARE
    record_id bigint := crm._new_id();
BEGIN
    INSERT INTO crm.external_key (source_id, kind, external_id, source_record_id, fact_id, content_hash, revision,
                                  received_at, inbox_id, line_no)
    VALUES (fact.source_id, 1, fact.external_id, record_id, record_id, coalesce(fact.content_hash, '\x'), (NOT is_stub)::int,
            fact.received_at, fact.inbox_id, fact.line_no)
    ON CONFLICT DO NOTHING;
    RETURN CASE WHEN FOUND THEN record_id END;
END
$$;
COMMENT ON FUNCTION crm._identity_claim_key(crm.member_fact, boolean) IS
    'the id of a record made for a fact''s key; null when the key was there';

-- One statement, several tables: half of what a row costs alone is the start of its statement.
CREATE FUNCTION crm._identity_write_record(item crm.identity_item, address_sealed bytea, record_id bigint,
                                           person bigint, journal_id bigint, is_stub boolean) RETURNS void
    LANGUAGE plpgsql AS
$$
DECLARE
    fact crm.member_fact := item.fact;
BEGIN
    WITH record AS (
        INSERT INTO crm.source_record (source_record_id, source_id, kind, external_id, store_id, channel, registered_at,
                                       registered_on, is_history, custom, revision, received_at, is_shadow)
        VALUES (record_id, fact.source_id, coalesce(fact.kind, 'member'), fact.external_id, fact.store_id, coalesce(fact.channel, ''),
                fact.registered_at, fact.registered_on, coalesce(fact.is_history, false), coalesce(fact.custom, '{}'),
                    (NOT is_stub)::int, fact.received_at,
                coalesce((SELECT x.is_shadow FROM crm.source x WHERE x.source_id = fact.source_id), false))),
    told AS (
        INSERT INTO crm.source_record_private (source_record_id, revision, name, nickname, sex, birthday, is_birthday_lunar,
                                               address_sealed, province, city, district, note, received_at, source_version, content_hash)
        SELECT record_id, 1, nullif(btrim(fact.name), ''), nullif(btrim(fact.nickname), ''), CASE WHEN fact.sex IN ('m', 'f') THEN fact.sex END,
               fact.birthday, coalesce(fact.is_birthday_lunar, false), _identity_write_record.address_sealed,
               fact.province, fact.city, fact.district, fact.note, fact.received_at, fact.source_version, fact.content_hash
        WHERE NOT is_stub),
    link AS (
        INSERT INTO crm.record_identifier (source_record_id, kind, value_hash, namespace, first_seen_at, last_seen_at)
        SELECT record_id, l.kind, l.value_hash, l.namespace, item.seen_at, item.seen_at FROM unnest(item.links) l)
    INSERT INTO crm.membership (source_record_id, valid_from, customer_id, journal_id) VALUES (record_id, crm.core_now(), person, journal_id);
END
$$;
COMMENT ON FUNCTION crm._identity_write_record(crm.identity_item, bytea, bigint, bigint, bigint, boolean) IS
    'stores a record that is new, with what was told of it (a stub: nothing), its links and its person';

CREATE FUNCTION crm._identity_newcomer(item crm.identity_item, is_stub boolean) RETURNS crm.identity_result
    LANGUAGE plpgsql AS
$$
DECLARE
    fact crm.member_fact := item.fact;
    link crm.identity_link;
    record_id bigint;
    person bigint;
    is_closed boolean;
    phone crm.identifier;
    email crm.identifier;
    made crm.identifier;
    told_name text := nullif(btrim(fact.name), '');
    told_sex text := CASE WHEN fact.sex IN ('m', 'f') THEN fact.sex END;
    told_address bytea := crm._encrypt('address', nullif(btrim(fact.address), ''));
    born date := CASE WHEN crm._identity_is_real_birthday(fact.birthday) THEN fact.birthday END;
    registered timestamptz := coalesce(fact.registered_at, fact.received_at);
    stores int[] := CASE WHEN fact.store_id IS NOT NULL THEN ARRAY[fact.store_id] ELSE '{}' END;
    result crm.identity_result;
BEGIN
    record_id := crm._identity_claim_key(fact, is_stub);
    IF record_id IS NULL THEN
        RETURN NULL;
    END IF;
    person := crm._new_id();
    FOREACH link IN ARRAY item.links LOOP       -- sorted by kind and hash, as everywhere
        SELECT i.* INTO made FROM crm.identifier i WHERE i.kind = link.kind AND i.value_hash = link.value_hash;
        IF made.kind IS NULL THEN
            is_closed := (SELECT c.is_closed FROM crm._identity_is_closed(link.kind, link.value_hash, link.is_key) c);
            INSERT INTO crm.identifier AS i (kind, value_hash, customer_id, value_sealed, masked, tail_hash, is_blocked,
                                             record_count, row_version, first_seen_at, last_seen_at)
            VALUES (link.kind, link.value_hash, CASE WHEN NOT is_closed THEN person END,
                    crm._encrypt(crm._identity_kind_code(link.kind), link.value), link.masked,
                    crm._identity_tail_hash(link.tail), is_closed, (NOT is_closed)::int, (NOT is_closed)::int,
                    item.seen_at, item.seen_at)
            ON CONFLICT DO NOTHING
            RETURNING i.* INTO made;
        END IF;
        IF made.kind IS NULL OR NOT made.is_blocked AND made.customer_id IS DISTINCT FROM person THEN
            RAISE EXCEPTION 'persons moved while a write looked at them' USING ERRCODE = 'RM309';
        END IF;
        IF link.kind = 1 AND (phone.kind IS NULL OR phone.is_blocked AND NOT made.is_blocked) THEN
            phone := made;
        ELSIF link.kind = 2 AND (email.kind IS NULL OR email.is_blocked AND NOT made.is_blocked) THEN
            email := made;
        END IF;
    END LOOP;
    PERFORM crm._identity_write_record(item, told_address, record_id, person, NULL, is_stub);
    INSERT INTO crm.customer (customer_id, status, name_masked, phone_masked, email_masked, sex, city, channel, home_store_id,
                              scope_store_ids, registered_at, registered_on, custom, updated_at)
    VALUES (person, 'active', crm._identity_mask_name(coalesce(told_name, nullif(btrim(fact.nickname), ''))),
            coalesce(phone.masked, ''), coalesce(email.masked, ''), told_sex, coalesce(fact.city, ''), coalesce(fact.channel, ''),
            fact.store_id, stores, registered,
            coalesce(fact.registered_on, crm._local_day(registered, coalesce(
                (SELECT s.time_zone FROM crm.source s WHERE s.source_id = fact.source_id), 'Asia/Shanghai'))),
            crm._identity_custom(fact.custom, false), crm.core_now());
    INSERT INTO crm.customer_private (customer_id, name, name_search, phone_sealed, phone_hash, email_sealed, birthday,
                                      is_birthday_lunar, birthday_md, address_sealed, custom, provenance)
    VALUES (person, told_name, crm._identity_name_search(told_name), phone.value_sealed, phone.value_hash, email.value_sealed, born,
            born IS NOT NULL AND coalesce(fact.is_birthday_lunar, false),
            CASE WHEN NOT coalesce(fact.is_birthday_lunar, false) THEN extract(month FROM born) * 100 + extract(day FROM born) END, told_address,
            crm._identity_custom(fact.custom, true),
            jsonb_strip_nulls(jsonb_build_object(
                'name', CASE WHEN told_name IS NOT NULL THEN record_id END, 'sex', CASE WHEN told_sex IS NOT NULL THEN record_id END,
                'city', CASE WHEN fact.city <> '' THEN record_id END, 'birthday', CASE WHEN born IS NOT NULL THEN record_id END,
                'address', CASE WHEN told_address IS NOT NULL THEN record_id END,
                'phone', CASE WHEN phone.kind IS NOT NULL THEN record_id END, 'email', CASE WHEN email.kind IS NOT NULL THEN record_id END)));
    result.outcomes := ARRAY[ROW(fact.ordinal, record_id, person, 'created')::crm.record_outcome];
    RETURN result;
END
$$;
COMMENT ON FUNCTION crm._identity_newcomer(crm.identity_item, boolean) IS
    'stores one member fact, or the stub of a reference, that makes a new person, whose identifiers nobody held '
    'just now; null, and nothing stored, when its record is known; RM309 when an identifier was made meanwhile';

-- The same for many: of the records a call makes, those that are its record's only fact, and whose identifiers that glue
-- are nobody's and named by no other record of the call (each is a person, whatever else there is, so no
-- graph is walked for them), or answer to one person (identity_joiner.sql asks whether he stays one).
CREATE FUNCTION crm._identity_sole(items crm.identity_item[], OUT loners crm.identity_move[], OUT joiners crm.identity_move[],
                                   OUT joined crm.identity_reach, OUT absent int)
    LANGUAGE plpgsql AS
$$
BEGIN
    IF items IS NULL OR cardinality(items) < 2 THEN
        RETURN;
    END IF;
    WITH link AS (
        SELECT i.source_record_id, (i.fact).ordinal, i.is_new AND i.is_current AND NOT i.is_repeat
            AND (i.fact).kind IS DISTINCT FROM 'receipt' AS is_fit,
               l.kind, l.value_hash, l.is_key AND l.kind NOT IN (SELECT k.kind FROM crm.identifier_kind k
                       WHERE NOT k.is_key) AS may_tie, count(*) OVER of_value AS holders,
                   row_number() OVER of_value = 1 AS is_first,
               x.customer_id, x.is_blocked, x.row_version
        FROM unnest(items) i
        LEFT JOIN LATERAL unnest(CASE WHEN NOT i.is_repeat THEN i.links END) l ON true
        LEFT JOIN LATERAL (SELECT y.customer_id, y.is_blocked, y.row_version FROM crm.identifier y
                           WHERE y.kind = l.kind AND y.value_hash = l.value_hash LIMIT 1) x ON true
        WINDOW of_value AS (PARTITION BY l.kind, l.value_hash)),
    judged AS (
        SELECT l.*, row_number() OVER of_record = 1 AS is_one, bool_and(l.is_fit) OVER of_record
            AND min(l.ordinal) OVER of_record = max(l.ordinal) OVER of_record AS is_sole,
               bool_and(l.kind IS NULL OR l.is_blocked IS TRUE OR l.is_blocked IS NULL
                       AND (l.holders = 1 OR NOT l.may_tie) OR l.customer_id IS NOT NULL) OVER of_record AS is_clear,
               min(l.customer_id) FILTER (WHERE NOT l.is_blocked) OVER of_record AS person,
                   max(l.customer_id) FILTER (WHERE NOT l.is_blocked) OVER of_record AS last_person
        FROM link l
        WINDOW of_record AS (PARTITION BY l.source_record_id)),
    chosen AS (
        SELECT j.*, j.is_sole AND j.is_clear AND j.person IS NULL AS is_loner, j.is_sole AND j.is_clear
            AND j.person = j.last_person IS TRUE AS is_joiner FROM judged j)
    SELECT array_agg(ROW(c.source_record_id, NULL, crm._new_id())::crm.identity_move) FILTER (WHERE c.is_loner AND c.is_one),
           array_agg(ROW(c.source_record_id, NULL, c.person)::crm.identity_move) FILTER (WHERE c.is_joiner AND c.is_one),
           array_agg(c.kind) FILTER (WHERE c.is_joiner AND c.kind IS NOT NULL AND c.is_blocked IS NOT TRUE),
           array_agg(c.value_hash) FILTER (WHERE c.is_joiner AND c.kind IS NOT NULL AND c.is_blocked IS NOT TRUE),
           array_agg(coalesce(c.row_version, 0)) FILTER (WHERE c.is_joiner AND c.kind IS NOT NULL AND c.is_blocked IS NOT TRUE),
           count(*) FILTER (WHERE c.kind IS NOT NULL AND c.is_blocked IS NULL AND c.is_first)
    INTO loners, joiners, joined.kinds, joined.hashes, joined.identifier_versions, absent
    FROM chosen c;
END
$$;
COMMENT ON FUNCTION crm._identity_sole(crm.identity_item[]) IS
    'of several classified items (null: none) those that are persons of their own for sure (loners, each with the '
    'id of its new person) and those whose values answer to one person (joiners, with that person; joined: these '
    'values with the versions seen), null when there are none; absent: how many values of the items nobody has told '
    'before';

-- What a person of one record is, is told by its fact: nothing has to be read again.
CREATE FUNCTION crm._identity_found(items crm.identity_item[], loners crm.identity_move[]) RETURNS void
    LANGUAGE plpgsql AS
$$
BEGIN
    INSERT INTO crm.membership (source_record_id, valid_from, customer_id)
    SELECT l.source_record_id, crm.core_now(), l.to_id FROM unnest(loners) l;
    WITH told AS MATERIALIZED (
        SELECT l.to_id AS person, l.source_record_id AS record, (i.fact).source_id, nullif(btrim((i.fact).name), '') AS name,
               nullif(btrim((i.fact).nickname), '') AS nickname, CASE
                   WHEN (i.fact).sex IN ('m', 'f') THEN (i.fact).sex END AS sex, nullif((i.fact).city, '') AS city,
               coalesce((i.fact).channel, '') AS channel, (i.fact).store_id,
                   coalesce((i.fact).registered_at, (i.fact).received_at) AS registered_at, (i.fact).registered_on,
               nullif((i.fact).custom, '{}') AS custom, CASE WHEN crm._identity_is_real_birthday((i.fact).birthday)
                   THEN (i.fact).birthday END AS birthday,
               coalesce((i.fact).is_birthday_lunar, false) AS is_lunar, home.address_sealed,
               phone.masked AS phone_masked, phone.value_sealed AS phone_sealed, phone.value_hash AS phone_hash,
               email.masked AS email_masked, email.value_sealed AS email_sealed
        FROM unnest(items) i
        JOIN unnest(loners) l ON l.source_record_id = i.source_record_id
        LEFT JOIN LATERAL (SELECT x.address_sealed FROM crm.source_record_private x
                           WHERE btrim((i.fact).address) <> '' AND x.source_record_id = i.source_record_id
                                   AND x.revision = i.revision LIMIT 1) home ON true
        LEFT JOIN LATERAL (SELECT d.* FROM unnest(i.links) k
                           CROSS JOIN LATERAL (SELECT x.* FROM crm.identifier x WHERE x.kind = k.kind
                           AND x.value_hash = k.value_hash LIMIT 1) d
                           WHERE k.kind = 1 ORDER BY d.is_blocked, d.value_hash LIMIT 1) phone ON true
        LEFT JOIN LATERAL (SELECT d.* FROM unnest(i.links) k
                           CROSS JOIN LATERAL (SELECT x.* FROM crm.identifier x WHERE x.kind = k.kind
                           AND x.value_hash = k.value_hash LIMIT 1) d
                           WHERE k.kind = 2 ORDER BY d.is_blocked, d.value_hash LIMIT 1) email ON true),
    customer AS (
        INSERT INTO crm.customer (customer_id, status, name_masked, phone_masked, email_masked, sex, city, channel, home_store_id,
                                  scope_store_ids, registered_at, registered_on, custom, updated_at)
        SELECT t.person, 'active', crm._identity_mask_name(coalesce(t.name, t.nickname)),
            coalesce(t.phone_masked, ''), coalesce(t.email_masked, ''), t.sex,
               coalesce(t.city, ''), t.channel, t.store_id, CASE WHEN t.store_id IS NOT NULL THEN ARRAY[t.store_id] ELSE '{}' END, t.registered_at,
               coalesce(t.registered_on, crm._local_day(t.registered_at, coalesce(
                   (SELECT s.time_zone FROM crm.source s WHERE s.source_id = t.source_id LIMIT 1), 'Asia/Shanghai'))),
               CASE WHEN t.custom IS NULL THEN '{}' ELSE crm._identity_custom(t.custom, false) END, crm.core_now()
        FROM told t)
    INSERT INTO crm.customer_private (customer_id, name, name_search, phone_sealed, phone_hash, email_sealed, birthday,
                                      is_birthday_lunar, birthday_md, address_sealed, custom, provenance)
    SELECT t.person, t.name, crm._identity_name_search(t.name), t.phone_sealed, t.phone_hash, t.email_sealed, t.birthday,
           t.birthday IS NOT NULL AND t.is_lunar,
           CASE WHEN NOT t.is_lunar THEN extract(month FROM t.birthday) * 100 + extract(day FROM t.birthday) END, t.address_sealed,
           CASE WHEN t.custom IS NULL THEN '{}' ELSE crm._identity_custom(t.custom, true) END,
           jsonb_strip_nulls(jsonb_build_object(
               'name', CASE WHEN t.name IS NOT NULL THEN t.record END, 'sex', CASE WHEN t.sex IS NOT NULL THEN t.record END,
               'city', CASE WHEN t.city IS NOT NULL THEN t.record END, 'birthday', CASE WHEN t.birthday IS NOT NULL THEN t.record END,
               'address', CASE WHEN t.address_sealed IS NOT NULL THEN t.record END,
               'phone', CASE WHEN t.phone_hash IS NOT NULL THEN t.record END, 'email', CASE WHEN t.email_sealed IS NOT NULL THEN t.record END))
    FROM told t;
END
$$;
COMMENT ON FUNCTION crm._identity_found(crm.identity_item[], crm.identity_move[]) IS
    'makes the persons of loners (crm._identity_sole()) whose records and values are stored: membership and golden '
    'record, straight from the facts';

CREATE FUNCTION crm._identity_are_alone(items crm.identity_item[], records bigint[], persons bigint[]) RETURNS boolean
    LANGUAGE plpgsql AS
$$
BEGIN
    RETURN NOT EXISTS (
        SELECT FROM unnest(items) i
        CROSS JOIN LATERAL unnest(i.links) l
        CROSS JOIN LATERAL (SELECT x.customer_id, x.is_blocked FROM crm.identifier x
                            WHERE x.kind = l.kind AND x.value_hash = l.value_hash LIMIT 1) d
        WHERE i.source_record_id = ANY (records) AND NOT d.is_blocked AND (d.customer_id = ANY (persons)) IS NOT TRUE);
END
$$;
COMMENT ON FUNCTION crm._identity_are_alone(crm.identity_item[], bigint[], bigint[]) IS
    'whether the identifiers of these records of loners, made just now, are those of their persons: nobody was quicker';
