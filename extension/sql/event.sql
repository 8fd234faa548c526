-- event: behaviour and interactions are stored, many at once; noise is marked, never dropped.
--
-- Locks: keys, each kind sorted. Rows are appended; a later delivery of the same id with other
-- content stands beside the first, which is then marked.

CREATE TYPE crm.event_fact AS (
    ordinal int, source_id int, external_id text, source_record_id bigint, customer_id bigint, type text, occurred_at timestamptz,
    business_day date, store_id int, object_id text, properties jsonb, is_history boolean, content_hash bytea,
    received_at timestamptz, inbox_id bigint, line_no int);
CREATE TYPE crm.interaction_fact AS (
    ordinal int, source_id int, external_id text, source_record_id bigint, customer_id bigint, channel text, direction text,
    occurred_at timestamptz, business_day date, store_id int, staff_id int, body text, outcome text, next_on date,
    is_history boolean, content_hash bytea, received_at timestamptz, inbox_id bigint, line_no int);

CREATE FUNCTION crm._event_local_day(at timestamptz, source_id int) RETURNS date
    LANGUAGE plpgsql STABLE AS
$$
BEGIN
    RETURN crm._local_day(at, coalesce(
        (SELECT s.time_zone FROM crm.source s WHERE s.source_id = _event_local_day.source_id),
            crm._setting('core.time_zone') #>> '{}', 'Asia/Shanghai'));
END
$$;
COMMENT ON FUNCTION crm._event_local_day(timestamptz, int) IS 'the local day of a moment in the zone of the source';

CREATE FUNCTION crm._event_learn_types(facts crm.event_fact[]) RETURNS void
    LANGUAGE plpgsql AS
$$
DECLARE
    unknown text[] := ARRAY(SELECT d.type FROM (SELECT DISTINCT f.type FROM unnest(facts) f) d
                            WHERE (SELECT t.code FROM crm.event_type t WHERE t.code = d.type) IS NULL ORDER BY 1);
BEGIN
    IF cardinality(unknown) = 0 THEN
        RETURN;
    END IF;
    INSERT INTO crm.event_type (code, name_zh, name_en, is_unknown, first_seen_at)
    SELECT u, u, u, true, crm.core_now() FROM unnest(unknown) u
    LIMIT greatest(0, coalesce((crm._setting('event.unknown_types'))::int, 1000) - (SELECT count(*) FROM crm.event_type t WHERE t.is_unknown))
    ON CONFLICT DO NOTHING;
END
$$;
COMMENT ON FUNCTION crm._event_learn_types(crm.event_fact[]) IS
    'enters event types that nobody described, flagged as unknown, as far as the setting event.unknown_types allows';

CREATE FUNCTION crm._event_position_names() RETURNS text[]
    LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$ SELECT '{latitude,longitude,lat,lon,lng,gps}'::text[] $$;
COMMENT ON FUNCTION crm._event_position_names() IS
    'properties that say where somebody was: they are not kept with an event';

CREATE FUNCTION crm._event_position(properties jsonb) RETURNS numeric[]
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS
$$
DECLARE
    given text[] := ARRAY[coalesce(properties ->> 'latitude', properties ->> 'lat'),
            coalesce(properties ->> 'longitude', properties ->> 'lon', properties ->> 'lng')];
BEGIN
    IF given[1] ~ '^-?[0-9]{1,2}([.][0-9]{1,20})?$' AND given[2] ~ '^-?[0-9]{1,3}([.][0-9]{1,20})?$'
        AND abs(given[1]::numeric) <= 90 AND abs(given[2]::numeric) <= 180 THEN
        RETURN given::numeric[];
    END IF;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION crm._event_position(jsonb) IS
    'latitude and longitude in degrees that the properties of an event give; null: none, or none on earth';

CREATE FUNCTION crm._event_append(facts crm.event_fact[], ids bigint[]) RETURNS void
    LANGUAGE plpgsql AS
$$
DECLARE
    gap interval := coalesce((crm._setting('event.repeat_seconds'))::numeric, 1) * interval '1 second';
    daily_limit int := coalesce((crm._setting('event.daily_limit'))::int, 500);
BEGIN
    WITH fact AS MATERIALIZED (
        SELECT f.*, x.day, ids[f.ordinality] AS event_id,
               x.day::timestamp AT TIME ZONE 'UTC' - interval '1 day' AS day_from, x.day::timestamp AT TIME ZONE 'UTC' + interval '2 days' AS day_to,
               lag(f.occurred_at) OVER (PARTITION BY f.source_record_id, f.type, f.object_id ORDER BY f.occurred_at, f.ordinal) AS before_at,
               row_number() OVER (PARTITION BY f.source_record_id, x.day ORDER BY f.occurred_at, f.ordinal) AS nth_of_day
        FROM unnest(facts) WITH ORDINALITY f,
        LATERAL (SELECT coalesce(f.business_day, crm._event_local_day(f.occurred_at, f.source_id)) AS day OFFSET 0) x),
    -- most records have no other event near these: one look a record spares two an event
    record AS MATERIALIZED (
        SELECT r.source_record_id, (
                   SELECT true FROM crm.event e
                   WHERE e.source_record_id = r.source_record_id AND e.occurred_at > r.from_at
                           AND e.occurred_at < r.to_at LIMIT 1) IS NOT NULL AS has_near
        FROM (SELECT f.source_record_id, least(min(f.occurred_at - gap), min(f.day_from) - interval '1 second') AS from_at,
                     greatest(max(f.occurred_at) + interval '1 second', max(f.day_to)) AS to_at
              FROM fact f GROUP BY f.source_record_id) r)
    INSERT INTO crm.event (source_record_id, received_at, event_id, source_id, external_id, type, occurred_at, business_day, store_id, object_id,
                           properties, ignored_reason, is_history)
    SELECT n.source_record_id, n.received_at, n.event_id, n.source_id, n.external_id, n.type, n.occurred_at, n.day, n.store_id, n.object_id,
           coalesce(n.properties, '{}') - crm._event_position_names(),
           CASE WHEN n.occurred_at - n.before_at < gap THEN 'repeated'
                WHEN CASE WHEN r.has_near THEN EXISTS (
                    SELECT FROM crm.event e
                    WHERE e.source_record_id = n.source_record_id AND e.occurred_at > n.occurred_at - gap AND e.occurred_at <= n.occurred_at
                      AND e.type = n.type AND e.object_id IS NOT DISTINCT FROM n.object_id AND e.event_id <> n.event_id) END THEN 'repeated'
                WHEN n.nth_of_day > daily_limit - CASE WHEN r.has_near THEN (
                    SELECT count(*) FROM (
                        SELECT FROM crm.event e
                        WHERE e.source_record_id = n.source_record_id AND e.business_day = n.day AND e.event_id <> n.event_id
                          AND e.occurred_at >= n.day_from AND e.occurred_at < n.day_to LIMIT daily_limit) s) ELSE 0 END THEN 'flood' END,
           coalesce(n.is_history, false)
    FROM fact n JOIN record r ON r.source_record_id = n.source_record_id;
END
$$;
COMMENT ON FUNCTION crm._event_append(crm.event_fact[], bigint[]) IS
    'appends events; marks as repeated what follows the same event on the same object of the record within the '
    'settings'' gap, as flood what is beyond the daily limit of the record';

CREATE FUNCTION crm._event_store(facts crm.event_fact[]) RETURNS SETOF crm.fact_outcome
    LANGUAGE plpgsql SET plan_cache_mode = force_generic_plan SET enable_seqscan = off AS
$$
DECLARE
    outcomes crm.fact_outcome[];
    facts_new crm.event_fact[] := facts;
    ids bigint[] := ARRAY(SELECT crm._new_id() FROM generate_series(1, cardinality(facts)));
    entered bigint[];
BEGIN
    PERFORM crm._event_learn_types(facts);
    -- an id says whether an event was here before; events without one are all new
    WITH entered AS (
        INSERT INTO crm.external_key AS k (source_id, kind, external_id, source_record_id, fact_id, content_hash, received_at, inbox_id, line_no)
        SELECT f.source_id, 4, f.external_id, f.source_record_id, ids[f.ordinality], f.content_hash, f.received_at, f.inbox_id, f.line_no
        FROM unnest(facts) WITH ORDINALITY f WHERE f.external_id IS NOT NULL ORDER BY f.source_id, f.external_id, f.ordinal
        ON CONFLICT DO NOTHING RETURNING k.fact_id)
    SELECT array_agg(e.fact_id) INTO entered FROM entered e;
    IF coalesce(cardinality(entered), 0) < cardinality(facts) THEN
        SELECT array_agg(f ORDER BY n), array_agg(ids[n] ORDER BY n) INTO facts_new, ids
        FROM (SELECT facts[i] AS f, i AS n FROM generate_subscripts(facts, 1) i) x
        WHERE (x.f).external_id IS NULL OR ids[n] = ANY (entered);
    END IF;
    IF cardinality(facts_new) > 0 THEN
        PERFORM crm._event_append(facts_new, ids);
        SELECT array_agg(ROW(f.ordinal, ids[f.ordinality], f.customer_id, 'created')::crm.fact_outcome) INTO outcomes
        FROM unnest(facts_new) WITH ORDINALITY f;
    END IF;
    outcomes := coalesce(outcomes, '{}');
    IF cardinality(outcomes) < cardinality(facts) THEN
        outcomes := outcomes || crm._event_repeat(ARRAY(
            SELECT f FROM unnest(facts) f WHERE f.ordinal NOT IN (SELECT o.ordinal FROM unnest(outcomes) o)));
    END IF;
    RETURN QUERY SELECT o.* FROM unnest(outcomes) o ORDER BY o.ordinal;
END
$$;
COMMENT ON FUNCTION crm._event_store(crm.event_fact[]) IS
    'stores events in the caller''s transaction; ordinals are distinct; created, unchanged or replaced; the caller '
    'calls the consequences';

CREATE FUNCTION crm._event_repeat(facts crm.event_fact[]) RETURNS crm.fact_outcome[]
    LANGUAGE plpgsql AS
$$
DECLARE
    outcomes crm.fact_outcome[] := '{}';
    fact crm.event_fact;
    key crm.external_key;
BEGIN
    FOR fact IN SELECT (f).* FROM unnest(facts) f ORDER BY f.source_id, f.external_id, f.ordinal LOOP
        SELECT * INTO key FROM crm.external_key k
        WHERE k.source_id = fact.source_id AND k.kind = 4 AND k.external_id = fact.external_id FOR UPDATE;
        IF key.content_hash = fact.content_hash THEN
            outcomes := outcomes || ROW(fact.ordinal, key.fact_id, fact.customer_id, 'unchanged')::crm.fact_outcome;
            CONTINUE;
        END IF;
        UPDATE crm.event e SET ignored_reason = 'superseded'
        WHERE e.source_record_id = key.source_record_id AND e.received_at = key.received_at AND e.event_id = key.fact_id;
        UPDATE crm.external_key k
        SET source_record_id = fact.source_record_id, content_hash = fact.content_hash, revision = k.revision + 1,
            received_at = fact.received_at, inbox_id = fact.inbox_id, line_no = fact.line_no
        WHERE k.source_id = fact.source_id AND k.kind = 4 AND k.external_id = fact.external_id;
        IF key.received_at = fact.received_at AND key.source_record_id = fact.source_record_id THEN
            -- twice in one delivery: the later wins in place
            UPDATE crm.event e SET type = fact.type, occurred_at = fact.occurred_at, object_id = fact.object_id, store_id = fact.store_id,
                properties = coalesce(fact.properties, '{}') - crm._event_position_names(), ignored_reason = NULL,
                business_day = coalesce(fact.business_day, crm._event_local_day(fact.occurred_at, fact.source_id))
            WHERE e.source_record_id = key.source_record_id AND e.received_at = key.received_at AND e.event_id = key.fact_id;
        ELSE
            PERFORM crm._event_append(ARRAY[fact], ARRAY[key.fact_id]);
        END IF;
        outcomes := outcomes || ROW(fact.ordinal, key.fact_id, fact.customer_id, 'replaced')::crm.fact_outcome;
    END LOOP;
    RETURN outcomes;
END
$$;
COMMENT ON FUNCTION crm._event_repeat(crm.event_fact[]) IS
    'events whose ids were here before: nothing when equal, else a row beside the first, which is marked superseded';

CREATE FUNCTION crm._event_store_interactions(facts crm.interaction_fact[]) RETURNS SETOF crm.fact_outcome
    LANGUAGE plpgsql SET plan_cache_mode = force_generic_plan SET enable_seqscan = off AS
$$
DECLARE
    outcomes crm.fact_outcome[];
    fact crm.interaction_fact;
    key crm.external_key;
    outcome text;
BEGIN
    WITH fact AS MATERIALIZED (
        SELECT f.*, crm._new_id() AS new_id FROM unnest(facts) f),
    entered AS (
        INSERT INTO crm.external_key AS k (source_id, kind, external_id, source_record_id, fact_id, content_hash, received_at, inbox_id, line_no)
        SELECT f.source_id, 5, f.external_id, f.source_record_id, f.new_id, f.content_hash, f.received_at, f.inbox_id, f.line_no
        FROM fact f WHERE f.external_id IS NOT NULL ORDER BY f.source_id, f.external_id, f.ordinal
        ON CONFLICT DO NOTHING RETURNING k.fact_id),
    fresh AS MATERIALIZED (
        SELECT f.* FROM fact f LEFT JOIN entered e ON e.fact_id = f.new_id WHERE e.fact_id IS NOT NULL OR f.external_id IS NULL),
    stored AS (
        INSERT INTO crm.interaction (source_record_id, interaction_id, source_id, external_id, channel, direction, occurred_at, business_day,
            store_id, staff_id, body, outcome, next_on, is_history, received_at)
        SELECT f.source_record_id, f.new_id, f.source_id, f.external_id, coalesce(f.channel, 'note'), coalesce(f.direction, 'none'), f.occurred_at,
               coalesce(f.business_day, crm._event_local_day(f.occurred_at, f.source_id)), f.store_id, f.staff_id, coalesce(f.body, ''),
               f.outcome, f.next_on, coalesce(f.is_history, false), f.received_at
        FROM fresh f)
    SELECT coalesce(array_agg(ROW(f.ordinal, f.new_id, f.customer_id, 'created')::crm.fact_outcome), '{}') INTO outcomes FROM fresh f;
    FOR fact IN SELECT (f).* FROM unnest(facts) f WHERE f.ordinal NOT IN (SELECT o.ordinal FROM unnest(outcomes) o)
                ORDER BY f.source_id, f.external_id, f.ordinal
    LOOP
        SELECT * INTO key FROM crm.external_key k
        WHERE k.source_id = fact.source_id AND k.kind = 5 AND k.external_id = fact.external_id FOR UPDATE;
        outcome := CASE WHEN key.content_hash = fact.content_hash THEN 'unchanged' ELSE 'replaced' END;
        IF outcome = 'replaced' THEN
            UPDATE crm.interaction i SET is_current = false
            WHERE i.source_record_id = key.source_record_id AND i.interaction_id = key.fact_id AND i.is_current;
            INSERT INTO crm.interaction (source_record_id, interaction_id, revision, source_id, external_id, channel,
                direction, occurred_at, business_day,
                store_id, staff_id, body, outcome, next_on, is_history, received_at)
            VALUES (fact.source_record_id, key.fact_id, key.revision + 1, fact.source_id, fact.external_id, coalesce(fact.channel, 'note'),
                    coalesce(fact.direction, 'none'), fact.occurred_at,
                    coalesce(fact.business_day, crm._event_local_day(fact.occurred_at, fact.source_id)), fact.store_id, fact.staff_id,
                    coalesce(fact.body, ''), fact.outcome, fact.next_on, coalesce(fact.is_history, false), fact.received_at);
            UPDATE crm.external_key k
            SET source_record_id = fact.source_record_id, content_hash = fact.content_hash, revision = k.revision + 1,
                received_at = fact.received_at, inbox_id = fact.inbox_id, line_no = fact.line_no
            WHERE k.source_id = fact.source_id AND k.kind = 5 AND k.external_id = fact.external_id;
        END IF;
        outcomes := outcomes || ROW(fact.ordinal, key.fact_id, fact.customer_id, outcome)::crm.fact_outcome;
    END LOOP;
    RETURN QUERY SELECT o.* FROM unnest(outcomes) o ORDER BY o.ordinal;
END
$$;
COMMENT ON FUNCTION crm._event_store_interactions(crm.interaction_fact[]) IS
    'stores calls, messages and notes in the caller''s transaction; a changed one is a revision beside the old; '
    'created, unchanged or replaced';

CREATE FUNCTION crm.event_define_type(code text, name_zh text, name_en text, properties jsonb DEFAULT '{}',
                                      idempotency_key text DEFAULT NULL) RETURNS jsonb
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
DECLARE
    answer jsonb := crm._idempotency_claim(idempotency_key, 'event_define_type',
        crm._sha256(convert_to(jsonb_build_array(code, name_zh, name_en, properties)::text, 'UTF8')));
BEGIN
    IF answer IS NOT NULL THEN
        RETURN answer;
    END IF;
    IF coalesce(code, '') !~ '^[a-z][a-z0-9_]{0,62}$' THEN
        RAISE EXCEPTION 'event type has no proper code' USING ERRCODE = 'RM451', COLUMN = 'code',
            DETAIL = 'A code is lower-case letters, digits and underscores, at most 63.',
            HINT = 'Give a code such as page_view.';
    END IF;
    PERFORM crm._require_words(name_zh, 'name_zh', 100), crm._require_words(name_en, 'name_en', 100);
    IF jsonb_typeof(properties) IS DISTINCT FROM 'object'
       OR EXISTS (SELECT FROM jsonb_each(properties) p WHERE p.value NOT IN ('"text"', '"number"', '"bool"', '"date"')) THEN
        RAISE EXCEPTION 'properties of an event type cannot be read'
            USING ERRCODE = 'RM451', COLUMN = 'properties', HINT = 'Give {"name": "text"}; types are text, number, bool, date.';
    END IF;
    INSERT INTO crm.event_type AS t (code, name_zh, name_en, properties, first_seen_at)
    VALUES (event_define_type.code, event_define_type.name_zh, event_define_type.name_en, event_define_type.properties, crm.core_now())
    ON CONFLICT ON CONSTRAINT event_type_pkey DO UPDATE
    SET name_zh = excluded.name_zh, name_en = excluded.name_en, properties = excluded.properties, is_unknown = false;
    PERFORM crm._audit('edit', 'event_type', NULL, event_define_type.code, NULL, NULL, NULL);
    answer := jsonb_build_object('code', code);
    PERFORM crm._idempotency_store(idempotency_key, answer);
    RETURN answer;
END
$$;
COMMENT ON FUNCTION crm.event_define_type(text, text, text, jsonb, text) IS
    'describes an event type, Chinese and English name, and the types of its properties; one seen before loses its '
    'unknown flag; RM451';

CREATE FUNCTION crm._event_on_erase(customer_id bigint) RETURNS void
    LANGUAGE plpgsql AS
$$
DECLARE
    records bigint[] := ARRAY(SELECT m.source_record_id FROM crm.membership m
                              WHERE m.customer_id = _event_on_erase.customer_id AND m.valid_to = 'infinity');
BEGIN
    UPDATE crm.event e SET properties = '{}', object_id = NULL WHERE e.source_record_id = ANY (records);
    DELETE FROM crm.event_place p WHERE p.source_record_id = ANY (records);
    UPDATE crm.interaction i SET body = '', outcome = NULL WHERE i.source_record_id = ANY (records);
END
$$;
COMMENT ON FUNCTION crm._event_on_erase(bigint) IS
    'blanks what was said and written, and the properties and objects of events; that they happened stays';

CREATE FUNCTION crm._event_on_export(customer_id bigint) RETURNS jsonb
    LANGUAGE plpgsql STABLE AS
$$
DECLARE
    records bigint[] := ARRAY(SELECT m.source_record_id FROM crm.membership m
                              WHERE m.customer_id = _event_on_export.customer_id AND m.valid_to = 'infinity');
BEGIN
    RETURN jsonb_build_object(
        'events', (SELECT coalesce(jsonb_agg(jsonb_build_object('type', e.type, 'at', e.occurred_at,
                                             'object', e.object_id, 'properties', e.properties)
                                             ORDER BY e.occurred_at, e.event_id), '[]')
                   FROM crm.event e WHERE e.source_record_id = ANY (records)),
        'places', (SELECT coalesce(jsonb_agg(jsonb_build_object('at', p.occurred_at, 'latitude', p.latitude,
                   'longitude', p.longitude) ORDER BY p.occurred_at, p.event_id), '[]')
                   FROM crm.event_place p WHERE p.source_record_id = ANY (records)),
        'interactions',
            (SELECT coalesce(jsonb_agg(jsonb_build_object('channel', i.channel, 'direction', i.direction,
                        'at', i.occurred_at, 'text', i.body,
                                                   'outcome', i.outcome, 'next_on', i.next_on) ORDER BY i.occurred_at, i.interaction_id), '[]')
                         FROM crm.interaction i WHERE i.source_record_id = ANY (records) AND i.is_current));
END
$$;
COMMENT ON FUNCTION crm._event_on_export(bigint) IS
    'events, interactions and kept positions of a person, for the export of one person';

CREATE FUNCTION crm.event_check() RETURNS TABLE (room text, what text, expected text, found text)
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
BEGIN
    RETURN QUERY
    SELECT 'event', format('event %s of source %s', k.external_id, k.source_id), 'one that counts', count(e.event_id)::text
    FROM crm.external_key k
    LEFT JOIN crm.event e ON e.source_record_id = k.source_record_id AND e.event_id = k.fact_id AND e.ignored_reason IS DISTINCT FROM 'superseded'
    WHERE k.kind = 4 GROUP BY k.source_id, k.external_id HAVING count(e.event_id) > 1
    ORDER BY 2 LIMIT 1000;
    RETURN QUERY
    SELECT 'event', format('interaction %s of source %s', k.external_id, k.source_id), '1 current', count(i.interaction_id)::text
    FROM crm.external_key k
    LEFT JOIN crm.interaction i ON i.source_record_id = k.source_record_id AND i.interaction_id = k.fact_id AND i.is_current
    WHERE k.kind = 5 GROUP BY k.source_id, k.external_id HAVING count(i.interaction_id) <> 1
    ORDER BY 2 LIMIT 1000;
END
$$;
COMMENT ON FUNCTION crm.event_check() IS
    'keys with more than one counting event (one may have been retired with its month), or without exactly one '
    'current interaction';
GRANT EXECUTE ON FUNCTION crm.event_check() TO crm_headquarters, crm_admin;

-- Each word may stand anywhere, also inside another: Chinese has no spaces.
CREATE FUNCTION crm._event_patterns(words text) RETURNS text[]
    LANGUAGE plpgsql IMMUTABLE AS
$$
DECLARE
    parts text[] := regexp_split_to_array(trim(lower(words)), '\s+');
BEGIN
    IF words IS NULL OR length(words) > 200 OR parts[1] = '' OR cardinality(parts) > 8 THEN
        RAISE EXCEPTION 'cannot look for these words' USING ERRCODE = 'invalid_parameter_value', COLUMN = 'words',
            HINT = 'Give one to eight words, 200 characters at most.';
    END IF;
    RETURN ARRAY(SELECT '%' || regexp_replace(p, '([\\%_])', '\\\1', 'g') || '%' FROM unnest(parts) p);
END
$$;
COMMENT ON FUNCTION crm._event_patterns(text) IS
    'the words of a question as patterns that a text in lower case is LIKE ALL of; 22023 for none or too many';

CREATE FUNCTION crm.event_search(words text, days int DEFAULT 90, row_limit int DEFAULT 50) RETURNS SETOF jsonb
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
DECLARE
    wanted text[] := crm._event_patterns(words);
    since timestamptz := crm.core_now() - greatest(least(coalesce(days, 90), 3660), 1) * interval '1 day';
BEGIN
    RETURN QUERY
    SELECT jsonb_build_object('customer_id', m.customer_id::text, 'at', t.occurred_at, 'kind', t.kind, 'what', t.what, 'text', t.said)
    FROM (SELECT i.source_record_id, i.occurred_at, 'interaction' AS kind, i.channel AS what, concat_ws(' ', i.body, i.outcome) AS said
          FROM crm.interaction i WHERE i.is_current AND i.occurred_at >= since AND lower(concat_ws(' ', i.body, i.outcome)) LIKE ALL (wanted)
          UNION ALL
          SELECT e.source_record_id, e.occurred_at, 'event', e.type, s.said
          FROM crm.event e
          CROSS JOIN LATERAL (SELECT string_agg(p.value, ' ' ORDER BY p.key) AS said FROM jsonb_each_text(e.properties) p) s
          WHERE e.ignored_reason IS NULL AND e.occurred_at >= since AND e.received_at >= since - interval '10 days' AND e.properties <> '{}'
            AND lower(s.said) LIKE ALL (wanted)) t
    JOIN crm.membership m ON m.source_record_id = t.source_record_id AND m.valid_to = 'infinity'
    WHERE crm._access_sees(m.customer_id)
    ORDER BY t.occurred_at DESC, m.customer_id LIMIT greatest(least(coalesce(row_limit, 50), 200), 0);
END
$$;
COMMENT ON FUNCTION crm.event_search(text, int, int) IS
    'notes, calls and events of persons in the caller''s scope whose text or properties hold all of one to eight '
    'words, of the last days (90; 3660 at most), newest first, at most 200; reads everything of these days; 22023';
GRANT EXECUTE ON FUNCTION crm.event_search(text, int, int) TO crm_clerk, crm_store_manager, crm_manager, crm_service, crm_steward, crm_headquarters;

GRANT EXECUTE ON FUNCTION crm.event_define_type(text, text, text, jsonb, text) TO crm_admin, crm_headquarters;
