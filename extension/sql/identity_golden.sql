-- identity, the golden record: what is known about a person, field by field.

CREATE FUNCTION crm._identity_mask_name(name text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$ SELECT CASE WHEN btrim(name) <> '' THEN left(btrim(name), 1) || repeat('*', greatest(least(length(btrim(name)) - 1, 3), 1)) ELSE '' END $$;
COMMENT ON FUNCTION crm._identity_mask_name(text) IS
    'a name as most people may see it: the first character and one to three stars; empty for none';

CREATE FUNCTION crm._identity_is_full_name(name text) RETURNS boolean
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$ SELECT name !~ '[*＊]|先生$|女士$|小姐$' $$;
COMMENT ON FUNCTION crm._identity_is_full_name(text) IS 'false for masked names and a surname with a title';

CREATE FUNCTION crm._identity_is_real_birthday(birthday date) RETURNS boolean
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$ SELECT birthday NOT IN ('1900-01-01', '1970-01-01', '2000-01-01') $$;
COMMENT ON FUNCTION crm._identity_is_real_birthday(date) IS 'false for the dates that tills write when they know none';

CREATE FUNCTION crm._identity_keep(state anyelement, value anyelement) RETURNS anyelement
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'crm_identity_keep';
COMMENT ON FUNCTION crm._identity_keep(anyelement, anyelement) IS 'the first of two values: the transition of crm._identity_first()';
CREATE AGGREGATE crm._identity_first(anyelement) (SFUNC = crm._identity_keep, STYPE = anyelement);
COMMENT ON AGGREGATE crm._identity_first(anyelement) IS 'the first value that is not null, in the order of the input';

CREATE AGGREGATE crm._identity_overlay(jsonb) (
    SFUNC = jsonb_concat, STYPE = jsonb, COMBINEFUNC = jsonb_concat, INITCOND = '{}', PARALLEL = SAFE);
COMMENT ON AGGREGATE crm._identity_overlay(jsonb) IS 'objects laid over one another, the last on top';

-- Survivorship: by source priority, then the newest; empty, masked and placeholder values give
-- way.  Provenance names the record each value came from.
CREATE FUNCTION crm._identity_refresh(customer_ids bigint[]) RETURNS void
    LANGUAGE plpgsql AS
$$
BEGIN
    WITH held AS MATERIALIZED (
        SELECT m.customer_id, r.source_record_id AS id, r.store_id, r.channel, r.custom, p.name,
               CASE WHEN crm._identity_is_full_name(p.name) THEN p.name END AS full_name, p.nickname, p.sex, nullif(p.city, '') AS city,
               CASE WHEN crm._identity_is_real_birthday(p.birthday) THEN p.birthday END AS birthday,
               p.is_birthday_lunar, p.address_sealed, phone.masked AS phone_masked, phone.value_sealed AS phone_sealed,
               phone.value_hash AS phone_hash, email.masked AS email_masked, email.value_sealed AS email_sealed,
               coalesce(r.registered_at, r.received_at) AS registered_at,
               coalesce(r.registered_on, crm._local_day(coalesce(r.registered_at, r.received_at), coalesce(s.time_zone, 'Asia/Shanghai'))) AS registered_on,
               coalesce(s.priority, 100) AS priority, coalesce(p.received_at, r.received_at) AS received_at
        FROM (SELECT DISTINCT d.id FROM unnest(customer_ids) d(id)) c
        CROSS JOIN LATERAL (SELECT x.customer_id, x.source_record_id FROM crm.membership x
                            WHERE x.customer_id = c.id AND x.valid_to = 'infinity' OFFSET 0) m
        CROSS JOIN LATERAL (SELECT * FROM crm.source_record x WHERE x.source_record_id = m.source_record_id LIMIT 1) r
        LEFT JOIN LATERAL (SELECT x.priority, x.time_zone FROM crm.source x WHERE x.source_id = r.source_id LIMIT 1) s ON true
        LEFT JOIN LATERAL (SELECT * FROM crm.source_record_private x
                           WHERE x.source_record_id = r.source_record_id AND x.revision = r.revision LIMIT 1) p ON true
        LEFT JOIN LATERAL (
            SELECT i.masked, i.value_sealed, i.value_hash FROM crm.record_identifier ri
            CROSS JOIN LATERAL (SELECT * FROM crm.identifier x WHERE x.kind = 1 AND x.value_hash = ri.value_hash LIMIT 1) i
            WHERE ri.source_record_id = r.source_record_id AND ri.kind = 1 AND ri.ended_at IS NULL
            ORDER BY i.is_blocked, ri.last_seen_at DESC, ri.value_hash LIMIT 1) phone ON true
        LEFT JOIN LATERAL (
            SELECT i.masked, i.value_sealed FROM crm.record_identifier ri
            CROSS JOIN LATERAL (SELECT * FROM crm.identifier x WHERE x.kind = 2 AND x.value_hash = ri.value_hash LIMIT 1) i
            WHERE ri.source_record_id = r.source_record_id AND ri.kind = 2 AND ri.ended_at IS NULL
            ORDER BY i.is_blocked, ri.last_seen_at DESC, ri.value_hash LIMIT 1) email ON true
        ORDER BY m.customer_id, coalesce(s.priority, 100), coalesce(p.received_at, r.received_at) DESC, r.source_record_id DESC),
    golden AS MATERIALIZED (
        SELECT h.customer_id,
               coalesce(crm._identity_first(h.full_name), crm._identity_first(h.name)) AS name,
               crm._identity_first(h.nickname) AS nickname,
               crm._identity_first(h.sex) AS sex,
               crm._identity_first(h.city) AS city,
               crm._identity_first(h.birthday) AS birthday,
               crm._identity_first(CASE WHEN h.birthday IS NOT NULL THEN h.is_birthday_lunar END) AS is_birthday_lunar,
               crm._identity_first(h.address_sealed) AS address_sealed,
               crm._identity_first(h.phone_masked) AS phone_masked,
               crm._identity_first(h.phone_sealed) AS phone_sealed,
               crm._identity_first(h.phone_hash) AS phone_hash,
               crm._identity_first(h.email_masked) AS email_masked,
               crm._identity_first(h.email_sealed) AS email_sealed,
               coalesce(crm._identity_overlay(h.custom ORDER BY h.priority DESC, h.received_at, h.id) FILTER (WHERE h.custom <> '{}'), '{}') AS custom,
               crm._identity_first(h.channel ORDER BY h.registered_at, h.id) AS channel,
               crm._identity_first(h.store_id ORDER BY h.registered_at, h.id) AS store_id,
               array_agg(DISTINCT h.store_id) FILTER (WHERE h.store_id IS NOT NULL) AS store_ids,
               min(h.registered_at) AS registered_at, min(h.registered_on) AS registered_on, count(*)::int AS record_count,
               jsonb_strip_nulls(jsonb_build_object(
                   'name', coalesce(crm._identity_first(CASE WHEN h.full_name IS NOT NULL THEN h.id END),
                                    crm._identity_first(CASE WHEN h.name IS NOT NULL THEN h.id END)),
                   'sex', crm._identity_first(CASE WHEN h.sex IS NOT NULL THEN h.id END),
                   'city', crm._identity_first(CASE WHEN h.city IS NOT NULL THEN h.id END),
                   'birthday', crm._identity_first(CASE WHEN h.birthday IS NOT NULL THEN h.id END),
                   'address', crm._identity_first(CASE WHEN h.address_sealed IS NOT NULL THEN h.id END),
                   'phone', crm._identity_first(CASE WHEN h.phone_hash IS NOT NULL THEN h.id END),
                   'email', crm._identity_first(CASE WHEN h.email_sealed IS NOT NULL THEN h.id END))) AS provenance
        FROM held h GROUP BY h.customer_id),
    person AS (
        INSERT INTO crm.customer AS c (customer_id, status, name_masked, phone_masked, email_masked, sex, city, channel,
                                       home_store_id, scope_store_ids, registered_at, registered_on, record_count, custom, updated_at)
        SELECT g.customer_id, 'active', crm._identity_mask_name(coalesce(g.name, g.nickname)), coalesce(g.phone_masked, ''),
               coalesce(g.email_masked, ''), g.sex, coalesce(g.city, ''), coalesce(g.channel, ''), g.store_id,
               coalesce(g.store_ids, '{}'), g.registered_at, g.registered_on, g.record_count, g.custom, crm.core_now()
        FROM golden g ORDER BY g.customer_id
        ON CONFLICT (customer_id) DO UPDATE
            SET name_masked = excluded.name_masked, phone_masked = excluded.phone_masked, email_masked = excluded.email_masked,
                sex = excluded.sex, city = excluded.city, channel = excluded.channel,
                home_store_id = coalesce(c.home_store_id, excluded.home_store_id),
                scope_store_ids = CASE WHEN c.scope_store_ids @> excluded.scope_store_ids THEN c.scope_store_ids
                    ELSE ARRAY(SELECT DISTINCT s.id FROM unnest(c.scope_store_ids || excluded.scope_store_ids) s(id) ORDER BY 1) END,
                registered_at = excluded.registered_at, registered_on = excluded.registered_on,
                record_count = excluded.record_count, custom = excluded.custom,
                row_version = c.row_version + 1, updated_at = excluded.updated_at)
    INSERT INTO crm.customer_private AS c (customer_id, name, name_search, phone_sealed, phone_hash, email_sealed, birthday,
                                           is_birthday_lunar, birthday_md, address_sealed, provenance)
    SELECT g.customer_id, g.name, crm._identity_name_search(g.name), g.phone_sealed, g.phone_hash, g.email_sealed, g.birthday,
           coalesce(g.is_birthday_lunar, false),
           CASE WHEN NOT g.is_birthday_lunar THEN extract(month FROM g.birthday) * 100 + extract(day FROM g.birthday) END,
           g.address_sealed, g.provenance
    FROM golden g
    ON CONFLICT (customer_id) DO UPDATE
        SET name = excluded.name, name_search = excluded.name_search, phone_sealed = excluded.phone_sealed,
            phone_hash = excluded.phone_hash, email_sealed = excluded.email_sealed, birthday = excluded.birthday,
            is_birthday_lunar = excluded.is_birthday_lunar, birthday_md = excluded.birthday_md,
            address_sealed = excluded.address_sealed, provenance = excluded.provenance;
END
$$;
COMMENT ON FUNCTION crm._identity_refresh(bigint[]) IS
    'recomputes the golden record of persons from their current records; makes the rows of new persons';

CREATE FUNCTION crm._identity_name_search(name text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$ SELECT lower(regexp_replace(normalize(name, NFKC), '[\s·•．.]', '', 'g')) $$;
COMMENT ON FUNCTION crm._identity_name_search(text) IS 'a name as searches compare it';

-- Where a person is: registered in a store, or ordered there in the last days of the setting.
CREATE FUNCTION crm._identity_touch_scope(customer_ids bigint[]) RETURNS void
    LANGUAGE plpgsql AS
$$
DECLARE
    days int := (crm._setting('identity.scope_days') #>> '{}')::int;
    today date := crm._local_day(crm.core_now(), coalesce(crm._setting('core.time_zone') #>> '{}', 'Asia/Shanghai'));
BEGIN
    UPDATE crm.customer c SET scope_store_ids = n.stores
    FROM (SELECT d.id, coalesce(nullif(ARRAY(
              SELECT r.store_id FROM crm.membership m
              JOIN crm.source_record r ON r.source_record_id = m.source_record_id AND r.is_current
              WHERE m.customer_id = d.id AND m.valid_to = 'infinity' AND r.store_id IS NOT NULL
              UNION
              SELECT o.store_id FROM crm.membership m
              JOIN crm.customer_order o ON o.source_record_id = m.source_record_id AND o.is_current
              WHERE m.customer_id = d.id AND m.valid_to = 'infinity' AND o.business_day > today - days AND o.store_id IS NOT NULL
              ORDER BY 1), '{}'), ARRAY(SELECT h.home_store_id FROM crm.customer h
                                        WHERE h.customer_id = d.id AND h.home_store_id IS NOT NULL)) AS stores
          FROM (SELECT DISTINCT u.id FROM unnest(customer_ids) u(id)) d) n
    WHERE c.customer_id = n.id AND c.status = 'active' AND c.scope_store_ids IS DISTINCT FROM n.stores;
END
$$;
COMMENT ON FUNCTION crm._identity_touch_scope(bigint[]) IS
    'recomputes customer.scope_store_ids: stores of current records and of orders of the last 365 local days (identity.scope_days), else the assigned store';

CREATE FUNCTION crm._identity_extend_scope(customer_ids bigint[], store_ids int[]) RETURNS void
    LANGUAGE plpgsql AS
$$
BEGIN
    UPDATE crm.customer c
    SET scope_store_ids = ARRAY(SELECT DISTINCT s.id FROM unnest(c.scope_store_ids || n.stores) s(id) ORDER BY 1)
    FROM (SELECT p.customer_id, array_agg(DISTINCT p.store_id) AS stores
          FROM unnest(customer_ids, store_ids) p(customer_id, store_id)
          WHERE p.customer_id IS NOT NULL AND p.store_id IS NOT NULL GROUP BY p.customer_id) n
    WHERE c.customer_id = n.customer_id AND NOT c.scope_store_ids @> n.stores;
END
$$;
COMMENT ON FUNCTION crm._identity_extend_scope(bigint[], int[]) IS
    'adds to persons the stores of recent orders (arrays in parallel): the cheap step of each order; crm._identity_touch_scope() recomputes';

-- Nightly: only persons with an order on a day that has just left the window can lose a store.
CREATE FUNCTION crm._identity_age_scope() RETURNS bigint
    LANGUAGE plpgsql AS
$$
DECLARE
    days int := (crm._setting('identity.scope_days') #>> '{}')::int;
    last_day date := crm._local_day(crm.core_now(), coalesce(crm._setting('core.time_zone') #>> '{}', 'Asia/Shanghai')) - days;
    done crm.identity_progress;
    persons bigint[];
BEGIN
    INSERT INTO crm.identity_progress (job, day, customer_id) VALUES ('age_scope', last_day - 1, 0) ON CONFLICT DO NOTHING;
    SELECT * INTO done FROM crm.identity_progress p WHERE p.job = 'age_scope' FOR NO KEY UPDATE;
    IF done.day >= last_day THEN
        RETURN 0;
    END IF;
    persons := ARRAY(
        SELECT DISTINCT m.customer_id FROM crm.customer_order o
        JOIN crm.membership m ON m.source_record_id = o.source_record_id AND m.valid_to = 'infinity'
        WHERE o.business_day = done.day + 1 AND o.is_current AND m.customer_id > done.customer_id
        ORDER BY 1 LIMIT 2000);
    PERFORM crm._identity_touch_scope(persons);
    IF cardinality(persons) < 2000 THEN
        UPDATE crm.identity_progress p SET day = done.day + 1, customer_id = 0 WHERE p.job = 'age_scope';
    ELSE
        UPDATE crm.identity_progress p SET customer_id = persons[2000] WHERE p.job = 'age_scope';
    END IF;
    RETURN last_day - done.day - (cardinality(persons) < 2000)::int;
END
$$;
COMMENT ON FUNCTION crm._identity_age_scope() IS
    'takes stores out of customer.scope_store_ids whose last order of the person has left the window, at most 2,000 persons a call; how many days are left';
