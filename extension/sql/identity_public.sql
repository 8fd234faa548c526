-- identity, what people call: look-up, search, records, merging by hand, explaining.

CREATE FUNCTION crm._identity_normal(kind text, value text) RETURNS text
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS
$$
BEGIN
    RETURN CASE kind
        WHEN 'phone' THEN (crm.identity_phone(value)).number
        WHEN 'email' THEN (crm.identity_email(value)).key
        WHEN 'national_id' THEN (crm.identity_national_id(value)).number
        WHEN 'member_card' THEN nullif(upper(regexp_replace(value, '[\s-]', '', 'g')), '')
        ELSE nullif(btrim(value), '') END;
END
$$;
COMMENT ON FUNCTION crm._identity_normal(text, text) IS 'the value of an identifier as it is stored; null when it is none';

-- Sixty an hour a person at the counter; a till's key is one device of many people and is not counted.
CREATE FUNCTION crm._identity_count_lookup() RETURNS void
    LANGUAGE plpgsql AS
$$
DECLARE
    most int := crm._setting('identity.lookups_per_hour')::int;
BEGIN
    IF crm._actor_staff() IS NULL THEN
        RETURN;
    END IF;
    PERFORM crm._access_require_trail();
    -- the staff row's lock makes parallel calls of one person count one after the other
    PERFORM FROM crm.staff m WHERE m.staff_id = crm._actor_staff() FOR NO KEY UPDATE;
    IF (SELECT count(*) FROM crm.audit a
        WHERE a.actor = crm._actor() AND a.action = 'lookup' AND a.audited_at > clock_timestamp() - interval '1 hour') >= most THEN
        RAISE EXCEPTION 'too many look-ups or unmaskings within an hour'
            USING ERRCODE = 'RM110', HINT = 'Wait, or ask headquarters for a list.';
    END IF;
END
$$;
COMMENT ON FUNCTION crm._identity_count_lookup() IS
    'RM110 when the staff member has looked up identity.lookups_per_hour times in the last hour';

CREATE FUNCTION crm._identity_also(kind smallint, hash bytea, person bigint) RETURNS jsonb
    LANGUAGE plpgsql STABLE SET plan_cache_mode = force_generic_plan SET enable_seqscan = off AS
$$
BEGIN
    IF person IS NULL THEN      -- a number of many has more holders than anybody reads
        RETURN NULL;
    END IF;
    RETURN (
        SELECT jsonb_agg(jsonb_build_object('customer_id', c.customer_id, 'name', c.name_masked,
                'in_scope', crm._access_sees(c.customer_id)) ORDER BY c.customer_id)
        FROM (SELECT DISTINCT m.customer_id FROM crm.record_identifier ri
              JOIN crm.membership m ON m.source_record_id = ri.source_record_id AND m.valid_to = 'infinity'
              WHERE ri.kind = _identity_also.kind AND ri.value_hash = hash AND ri.ended_at IS NULL) h
        JOIN crm.customer c ON c.customer_id = h.customer_id AND c.status = 'active'
        WHERE c.customer_id <> person);
END
$$;
COMMENT ON FUNCTION crm._identity_also(smallint, bytea, bigint) IS
    'who holds a value besides the person who answers to it, masked; null: nobody';

CREATE FUNCTION crm.identity_lookup(kind text, value text, namespace text DEFAULT '') RETURNS jsonb
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
DECLARE
    number smallint := crm._identity_kind(kind);
    hash bytea;
    found record;
    person bigint;
    also jsonb;
    answer jsonb;
BEGIN
    IF number IS NULL OR number >= 10 THEN
        RAISE EXCEPTION 'there is no identifier kind "%"', coalesce(kind, '')
            USING ERRCODE = 'invalid_parameter_value', COLUMN = 'kind',
                  HINT = 'Look up by phone, email, member_card, openid, unionid, wecom, dingtalk, platform_id or national_id.';
    END IF;
    PERFORM crm._identity_count_lookup();
    hash := crm._identity_hash(number, namespace, crm._identity_normal(kind, value));
    SELECT i.customer_id, i.masked INTO found FROM crm.identifier i WHERE i.kind = number AND i.value_hash = hash;
    person := crm._identity_current(found.customer_id);
    also := crm._identity_also(number, hash, person);
    SELECT jsonb_build_object('customer_id', c.customer_id, 'name', c.name_masked, 'matched', identity_lookup.kind,
                              'in_scope', crm._access_sees(c.customer_id))
           || CASE WHEN also IS NULL THEN '{}' ELSE jsonb_build_object('also', also) END
    INTO answer FROM crm.customer c WHERE c.customer_id = person AND c.status = 'active';
    PERFORM crm._audit('lookup', 'customer', (answer ->> 'customer_id')::bigint, kind, new_masked => found.masked, new_hash => hash);
    RETURN coalesce(answer, jsonb_build_object('customer_id', NULL, 'matched', kind));
END
$$;
COMMENT ON FUNCTION crm.identity_lookup(text, text, text) IS
    'the member of the chain, of any store, who answers to exactly this phone, card or other identifier: '
    '{customer_id, name (masked), matched, in_scope}, of a number that others hold, too, who took it last, and in '
    'also the others, {customer_id, name, in_scope}; customer_id null when nobody does (so does a landline or a '
    'number of many); audited by keyed hash; RM110 beyond 60 an hour a staff member, 22023 for an unknown kind';
GRANT EXECUTE ON FUNCTION crm.identity_lookup(text, text, text) TO crm_clerk, crm_store_manager, crm_manager, crm_service,
    crm_steward, crm_headquarters, crm_till;

-- Words of a search: four digits are the end of a phone, anything else a part of the name, as written or in pinyin.
CREATE FUNCTION crm._identity_search_word(word text) RETURNS text
    LANGUAGE plpgsql IMMUTABLE AS
$$
BEGIN
    RETURN left(CASE WHEN word ~ '^[A-Za-z''üÜ]+$' THEN translate(lower(word), 'üÜ''', 'vv') ELSE crm._identity_name_search(word) END, 24);
END
$$;
COMMENT ON FUNCTION crm._identity_search_word(text) IS
    'a word of a search as parts of names begin with it; letters stay letters (xx is 徐欣 by its first letters, and '
    'hides nothing)';

CREATE FUNCTION crm._identity_name_query(words text[]) RETURNS tsquery
    LANGUAGE plpgsql IMMUTABLE AS
$$
BEGIN
    RETURN (SELECT string_agg('''' || replace(replace(w, '\', '\\'), '''', '''''') || ''':*', ' & ')::tsquery FROM unnest(words) w);
END
$$;
COMMENT ON FUNCTION crm._identity_name_query(text[]) IS 'that some part of a name begins with each word; null for no words';

CREATE FUNCTION crm._identity_search_ids(words text[], tail text, sees_all boolean, stores int[], most int) RETURNS bigint[]
    LANGUAGE plpgsql STABLE AS
$$
DECLARE
    wanted tsquery := crm._identity_name_query(words);
BEGIN
    IF tail IS NOT NULL THEN
        RETURN ARRAY(
            -- whoever holds the number: of a family's all, not who took it last alone
            SELECT DISTINCT c.customer_id FROM crm.identifier i
            JOIN crm.record_identifier ri ON ri.kind = i.kind AND ri.value_hash = i.value_hash AND ri.ended_at IS NULL
            JOIN crm.membership m ON m.source_record_id = ri.source_record_id AND m.valid_to = 'infinity'
            JOIN crm.customer c ON c.customer_id = m.customer_id AND c.status = 'active'
            JOIN crm.customer_private p ON p.customer_id = c.customer_id
            WHERE i.tail_hash = crm._identity_tail_hash(tail) AND i.customer_id IS NOT NULL
              AND (sees_all OR c.scope_store_ids && stores)
                  AND (wanted IS NULL OR array_to_tsvector(crm._identity_name_parts(p.name_search)) @@ wanted)
            ORDER BY 1 DESC LIMIT most);
    END IF;
    IF sees_all THEN
        RETURN ARRAY(
            SELECT p.customer_id FROM crm.customer_private p
            WHERE array_to_tsvector(crm._identity_name_parts(p.name_search)) @@ wanted ORDER BY 1 DESC LIMIT most);
    END IF;
    RETURN ARRAY(
        SELECT c.customer_id FROM crm.customer c
        JOIN crm.customer_private p ON p.customer_id = c.customer_id
        WHERE c.scope_store_ids && stores AND c.status = 'active' AND array_to_tsvector(crm._identity_name_parts(p.name_search)) @@ wanted
        ORDER BY 1 DESC LIMIT most);
END
$$;
COMMENT ON FUNCTION crm._identity_search_ids(text[], text, boolean, int[], int) IS
    'persons within the stores (or all) whose name holds every word (as written or as read) and, when given, one of '
    'whose phones ends in the four digits; newest first';

CREATE FUNCTION crm.identity_search(query text, max_rows int DEFAULT 20) RETURNS SETOF jsonb
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
DECLARE
    words text[] := ARRAY(SELECT crm._identity_search_word(w) FROM regexp_split_to_table(btrim(coalesce(query, '')), '\s+') w
                          WHERE w !~ '^[0-9]{4}$' AND crm._identity_search_word(w) <> '');
    tail text := (SELECT w FROM regexp_split_to_table(btrim(coalesce(query, '')), '\s+') w WHERE w ~ '^[0-9]{4}$' LIMIT 1);
    sees_all boolean := crm._access_sees_all();
BEGIN
    IF tail IS NULL AND cardinality(words) = 0 OR length(query) > 100 THEN
        RAISE EXCEPTION 'nothing to search for'
            USING ERRCODE = 'invalid_parameter_value', COLUMN = 'text', HINT = 'Give a part of the name, the last four digits of the phone, or both.';
    END IF;
    PERFORM crm._audit('search', 'customer', NULL, new_hash => crm._keyed_hash('audit', convert_to(query, 'UTF8')));
    RETURN QUERY
        SELECT jsonb_build_object('customer_id', c.customer_id, 'name', c.name_masked, 'phone', c.phone_masked, 'city', c.city, 'sex', c.sex,
                                  'store_id', c.home_store_id, 'store_name', (SELECT s.name FROM crm.store s
                                          WHERE s.store_id = c.home_store_id), 'registered_on', c.registered_on)
        FROM unnest(crm._identity_search_ids(words, tail, sees_all, crm.access_store_ids(), least(greatest(coalesce(max_rows, 20), 1), 100)))
             WITH ORDINALITY f(id, place)
        JOIN crm.customer c ON c.customer_id = f.id ORDER BY f.place;
END
$$;
COMMENT ON FUNCTION crm.identity_search(text, int) IS
    'persons in the actor''s scope by a part of the name, its pinyin or the first letters of that, the last four '
    'digits of a phone, or several of these, masked, newest first, at most 100; audited by keyed hash; 22023 when '
    'there is nothing to search for';
GRANT EXECUTE ON FUNCTION crm.identity_search(text, int) TO crm_clerk, crm_store_manager, crm_manager, crm_service, crm_steward, crm_headquarters;

CREATE FUNCTION crm._identity_record_list(person bigint) RETURNS SETOF jsonb
    LANGUAGE plpgsql STABLE AS
$$
BEGIN
    RETURN QUERY
        SELECT jsonb_build_object(
            'source_record_id', r.source_record_id, 'source', s.code, 'kind', r.kind, 'channel', r.channel, 'store_id', r.store_id,
            'registered_at', r.registered_at, 'since', m.valid_from, 'revision', r.revision, 'is_current', r.is_current,
            'identifiers', (SELECT coalesce(jsonb_agg(jsonb_build_object('kind', k.code, 'masked', i.masked, 'is_key', k.is_key AND NOT i.is_blocked,
                                                                         'ended_at', ri.ended_at) ORDER BY k.rank, i.masked), '[]')
                            FROM crm.record_identifier ri
                            JOIN crm.identifier i ON i.kind = ri.kind AND i.value_hash = ri.value_hash
                            JOIN crm.identifier_kind k ON k.kind = ri.kind
                            WHERE ri.source_record_id = r.source_record_id AND k.code <> 'home'))
        FROM crm.membership m
        JOIN crm.source_record r ON r.source_record_id = m.source_record_id
        LEFT JOIN crm.source s ON s.source_id = r.source_id
        WHERE m.customer_id = person AND m.valid_to = 'infinity'
        ORDER BY r.registered_at, r.source_record_id;
END
$$;
COMMENT ON FUNCTION crm._identity_record_list(bigint) IS 'the records of a person with their identifiers, masked';

CREATE FUNCTION crm.identity_records(customer_id bigint) RETURNS SETOF jsonb
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
BEGIN
    RETURN QUERY SELECT l FROM crm._identity_record_list(crm._access_require_person(identity_records.customer_id)) l;
END
$$;
COMMENT ON FUNCTION crm.identity_records(bigint) IS
    'the source records that make up a person (any id that ever answered), oldest first, identifiers masked; P0002 '
    'when out of scope';

CREATE FUNCTION crm.identity_explain(customer_id bigint) RETURNS jsonb
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
DECLARE
    person bigint := crm._access_require_person(identity_explain.customer_id);
    ids bigint[] := crm._identity_cluster(person);
BEGIN
    RETURN jsonb_build_object(
        'customer_id', person, 'asked_for', identity_explain.customer_id, 'ids', to_jsonb(ids),
        'records', (SELECT coalesce(jsonb_agg(l), '[]') FROM crm._identity_record_list(person) l),
        'ties', (SELECT coalesce(jsonb_agg(jsonb_build_object('kind', t.code, 'masked', t.masked,
                 'records', t.records) ORDER BY t.rank, t.masked), '[]')
                 FROM (SELECT k.code, k.rank, i.masked, array_agg(ri.source_record_id ORDER BY ri.source_record_id) AS records
                       FROM crm.membership m
                       JOIN crm.record_identifier ri ON ri.source_record_id = m.source_record_id
                       JOIN crm.identifier i ON i.kind = ri.kind AND i.value_hash = ri.value_hash AND NOT i.is_blocked
                       JOIN crm.identifier_kind k ON k.kind = ri.kind AND k.is_key
                       WHERE m.customer_id = person AND m.valid_to = 'infinity'
                       GROUP BY k.code, k.rank, i.kind, i.value_hash, i.masked HAVING count(*) > 1) t),
        'no_ties', (SELECT coalesce(jsonb_agg(DISTINCT jsonb_build_object('kind', k.code, 'masked', i.masked, 'records', i.record_count)), '[]')
                    FROM crm.membership m
                    JOIN crm.record_identifier ri ON ri.source_record_id = m.source_record_id
                    JOIN crm.identifier i ON i.kind = ri.kind AND i.value_hash = ri.value_hash AND i.is_blocked
                    JOIN crm.identifier_kind k ON k.kind = ri.kind AND k.code <> 'home'
                    WHERE m.customer_id = person AND m.valid_to = 'infinity'),
        'by_hand', (SELECT coalesce(jsonb_agg(jsonb_build_object('records', jsonb_build_array(l.record_a, l.record_b), 'actor', l.actor,
                                                                 'reason', l.reason, 'at', l.at) ORDER BY l.at), '[]')
                    FROM crm.membership m JOIN crm.must_link l ON l.record_a = m.source_record_id
                    WHERE m.customer_id = person AND m.valid_to = 'infinity'),
        'journal', (SELECT coalesce(jsonb_agg(jsonb_build_object('journal_id', j.journal_id, 'at', j.at,
                        'kind', j.kind, 'survivor', j.survivor_id, 'other', j.other_id,
                                                                 'records', j.record_ids, 'actor', j.actor, 'reason', j.reason,
                                                                 'evidence', j.evidence) ORDER BY j.at, j.journal_id), '[]')
                    FROM crm.merge_journal j WHERE j.survivor_id = ANY (ids) OR j.other_id = ANY (ids)),
        'apart', (SELECT coalesce(jsonb_agg(jsonb_build_object('other', CASE WHEN v.customer_a = ANY (ids) THEN v.customer_b ELSE v.customer_a END,
                                                               'reason', v.reason, 'evidence', v.evidence,
                                                                           'state', v.state) ORDER BY v.review_id),
                                                                   '[]')
                  FROM crm.review v WHERE (v.customer_a = ANY (ids) OR v.customer_b = ANY (ids)) AND v.state <> 'accepted'),
        'provenance', (SELECT p.provenance FROM crm.customer_private p WHERE p.customer_id = person));
END
$$;
COMMENT ON FUNCTION crm.identity_explain(bigint) IS
    'how a person came to be: every id, records, the identifiers that tie them (ties), those that do not because '
    'they are blocked or hubs (no_ties), links by hand, the journal, who is kept apart and by which guard, and '
    'where each value of the golden record comes from; masked; P0002 when out of scope';
GRANT EXECUTE ON FUNCTION crm.identity_records(bigint), crm.identity_explain(bigint) TO crm_store_manager, crm_manager, crm_steward, crm_headquarters;

-- What speaks against making two persons one.
CREATE FUNCTION crm._identity_objections(a bigint, b bigint) RETURNS jsonb
    LANGUAGE plpgsql STABLE AS
$$
BEGIN
    -- from the two persons' records on: a value's kind has as many rows as there are persons
    RETURN (
        WITH held AS MATERIALIZED (
            SELECT m.customer_id, u.kind, u.namespace, u.value_hash FROM crm.membership m
            JOIN crm.record_identifier u ON u.source_record_id = m.source_record_id AND u.ended_at IS NULL
            WHERE m.customer_id IN (a, b) AND m.valid_to = 'infinity')
        SELECT coalesce(jsonb_agg(o ORDER BY o ->> 'guard'), '[]') FROM (
            SELECT jsonb_build_object('guard', 'cannot_link', 'reason', l.reason, 'actor', l.actor) AS o
            FROM crm.membership x
            JOIN crm.cannot_link l ON l.record_a = x.source_record_id
            JOIN crm.membership y ON y.source_record_id = l.record_b AND y.valid_to = 'infinity'
                AND y.customer_id = CASE x.customer_id WHEN a THEN b ELSE a END
            WHERE x.customer_id IN (a, b) AND x.valid_to = 'infinity'
            UNION ALL
            SELECT DISTINCT jsonb_build_object('guard', 'single_value', 'kind', k.code, 'a', i.masked, 'b', j.masked)
            FROM held u
            JOIN crm.identifier_kind k ON k.kind = u.kind AND k.is_single
            JOIN held w ON w.customer_id = b AND w.kind = u.kind AND w.namespace = u.namespace AND w.value_hash <> u.value_hash
            JOIN crm.identifier i ON i.kind = u.kind AND i.value_hash = u.value_hash
            JOIN crm.identifier j ON j.kind = w.kind AND j.value_hash = w.value_hash
            WHERE u.customer_id = a
            UNION ALL
            SELECT jsonb_build_object('guard', v.reason, 'review_id', v.review_id, 'evidence', v.evidence) FROM crm.review v
            WHERE v.state = 'open' AND least(v.customer_a, v.customer_b) = least(a, b) AND greatest(v.customer_a, v.customer_b) = greatest(a, b)) g);
END
$$;
COMMENT ON FUNCTION crm._identity_objections(bigint, bigint) IS
    'guards and decisions that keep two persons apart: [{guard, ...}]';

CREATE FUNCTION crm.identity_merge_preview(survivor bigint, other bigint) RETURNS jsonb
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
DECLARE
    a bigint := crm._access_require_person(survivor);
    b bigint := crm._access_require_person(other);
BEGIN
    RETURN jsonb_build_object(
        'survivor', (SELECT to_jsonb(s) FROM (SELECT c.customer_id, c.name_masked AS name, c.phone_masked AS phone,
                                              c.city, c.record_count, c.registered_on
                                              FROM crm.customer c WHERE c.customer_id = a) s),
        'other', (SELECT to_jsonb(s) FROM (SELECT c.customer_id, c.name_masked AS name, c.phone_masked AS phone,
                                           c.city, c.record_count, c.registered_on
                                           FROM crm.customer c WHERE c.customer_id = b) s),
        'moves', (SELECT coalesce(jsonb_agg(l), '[]') FROM crm._identity_record_list(b) l WHERE a <> b),
        'objections', CASE WHEN a <> b THEN crm._identity_objections(a, b) ELSE '[]' END,
        'is_allowed', a <> b AND NOT crm._identity_objections(a, b) @> '[{"guard": "cannot_link"}]');
END
$$;
COMMENT ON FUNCTION crm.identity_merge_preview(bigint, bigint) IS
    'what crm.identity_merge() would do: both persons, the records that would move, what speaks against it; only a '
    'cannot_link forbids it; P0002 when one is out of scope';

-- Locks both persons with all they reach; retried like every other write.
CREATE FUNCTION crm._identity_join(survivor bigint, other bigint, actor text, reason text, ahead crm.identity_reach) RETURNS crm.identity_change[]
    LANGUAGE plpgsql SET plan_cache_mode = force_generic_plan
    SET enable_seqscan = off SET enable_bitmapscan = off SET enable_material = off SET enable_memoize = off SET jit = off AS
$$
DECLARE
    records bigint[];
    moved bigint[];
    reach crm.identity_reach;
    changes crm.identity_change[];
BEGIN
    records := ARRAY(SELECT m.source_record_id FROM crm.membership m
                     WHERE m.customer_id IN (survivor, other) AND m.valid_to = 'infinity');
    reach := crm._identity_secure('{}', records, '{}', '{}', ARRAY[survivor, other], ahead, NULL);
    IF crm._identity_objections(survivor, other) @> '[{"guard": "cannot_link"}]' THEN
        RAISE EXCEPTION 'two persons cannot be merged that were decided to be two'
            USING ERRCODE = 'RM302', COLUMN = 'other', HINT = 'crm.identity_merge_preview() says who decided so and why.';
    END IF;
    moved := ARRAY(SELECT m.source_record_id FROM crm.membership m WHERE m.customer_id = other AND m.valid_to = 'infinity' ORDER BY 1);
    INSERT INTO crm.must_link (record_a, record_b, actor, reason, at)
    SELECT least(s.id, moved[1]), greatest(s.id, moved[1]), actor, reason, crm.core_now()
    FROM (SELECT min(m.source_record_id) AS id FROM crm.membership m
          WHERE m.customer_id = survivor AND m.valid_to = 'infinity') s
    WHERE s.id IS NOT NULL AND moved[1] IS NOT NULL
    ON CONFLICT DO NOTHING;
    changes := crm._identity_move(
        ARRAY(SELECT ROW(v.id, other, survivor)::crm.identity_move FROM unnest(moved) v(id)),
        ARRAY[ROW(other, survivor)::crm.identity_pair], actor, reason);
    PERFORM crm._identity_refresh(ARRAY[survivor]);
    PERFORM crm._identity_answer(reach.records);
    PERFORM crm._identity_touch_scope(ARRAY[survivor]);
    RETURN changes;
END
$$;
COMMENT ON FUNCTION crm._identity_join(bigint, bigint, text, text, crm.identity_reach) IS
    'one attempt of merging two current persons; RM309 when it has to be made again, RM302 when they were decided '
    'to be two';

CREATE FUNCTION crm.identity_merge(survivor bigint, other bigint, reason text, idempotency_key text DEFAULT NULL) RETURNS jsonb
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
DECLARE
    answer jsonb := crm._idempotency_claim(idempotency_key, 'identity_merge', convert_to(jsonb_build_array(survivor, other, reason)::text, 'UTF8'));
    result crm.identity_result;
    ahead crm.identity_reach;
    seen text;
    a bigint;
    b bigint;
BEGIN
    IF answer IS NOT NULL THEN
        RETURN answer;
    END IF;
    PERFORM crm._access_check_reason(reason,
        'a reason is needed to merge two persons',
        'Say how you know that they are one person; the journal keeps it.');
    FOR attempt IN 1 .. 20 LOOP
        a := crm._access_require_person(survivor);
        b := crm._access_require_person(other);
        EXIT WHEN a = b;
        BEGIN
            result.changes := crm._identity_join(a, b, crm._actor(), reason, ahead);
            EXIT;
        EXCEPTION WHEN SQLSTATE 'RM309' THEN
            GET STACKED DIAGNOSTICS seen = PG_EXCEPTION_DETAIL;
            ahead := crm._identity_again(attempt, seen);
        END;
    END LOOP;
    PERFORM crm._identity_announce(result);
    PERFORM crm._audit('merge', 'customer', a, NULL, b::text, a::text, reason);
    answer := jsonb_build_object('customer_id', a, 'merged', b, 'records', (
        SELECT coalesce(sum(cardinality(c.record_ids)), 0) FROM unnest(result.changes) c));
    PERFORM crm._idempotency_store(idempotency_key, answer);
    RETURN answer;
END
$$;
COMMENT ON FUNCTION crm.identity_merge(bigint, bigint, text, text) IS
    'makes two persons one by hand, for ever (a must-link of their records): the other''s id answers as the '
    'survivor; journaled and audited; {customer_id, merged, records}; records 0 when they were one already; RM302 '
    'when they were decided to be two, P0002 when one is out of scope, 22023 without a reason';
GRANT EXECUTE ON FUNCTION crm.identity_merge_preview(bigint, bigint), crm.identity_merge(bigint, bigint, text, text) TO crm_steward, crm_headquarters;

CREATE FUNCTION crm.identity_check() RETURNS TABLE (what text, expected text, found text)
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
BEGIN
    RETURN QUERY
        SELECT 'record ' || r.source_record_id || ' belongs to a person', 'a current membership', 'none'
        FROM crm.source_record r
        WHERE (NOT crm._identity_is_reference(r.kind, r.external_id) OR EXISTS (
                  SELECT FROM crm.record_identifier h JOIN crm.identifier i ON i.kind = h.kind AND i.value_hash = h.value_hash
                  WHERE h.source_record_id = r.source_record_id AND NOT i.is_blocked))
          AND NOT EXISTS (SELECT FROM crm.membership m WHERE m.source_record_id = r.source_record_id AND m.valid_to = 'infinity');
    RETURN QUERY
        SELECT 'records of person ' || c.customer_id, count(m.customer_id)::text, c.record_count::text
        FROM crm.customer c LEFT JOIN crm.membership m ON m.customer_id = c.customer_id AND m.valid_to = 'infinity'
        WHERE c.status <> 'erased'
        GROUP BY c.customer_id HAVING count(m.customer_id) <> c.record_count;
    RETURN QUERY
        SELECT 'redirect of person ' || c.customer_id, 'an active or erased person', coalesce(t.status, 'nobody')
        FROM crm.customer c LEFT JOIN crm.customer t ON t.customer_id = c.merged_into
        WHERE c.status = 'merged' AND coalesce(t.status, '') NOT IN ('active', 'erased');
    RETURN QUERY
        SELECT 'identifier of record ' || ri.source_record_id, 'a row of crm.identifier and of crm.source_record', 'none'
        FROM crm.record_identifier ri
        WHERE NOT EXISTS (SELECT FROM crm.identifier i WHERE i.kind = ri.kind AND i.value_hash = ri.value_hash)
           OR NOT EXISTS (SELECT FROM crm.source_record r WHERE r.source_record_id = ri.source_record_id);
    RETURN QUERY
        SELECT 'who answers to ' || crm._identity_kind_code(i.kind) || ' ' || i.masked, 'one of its holders', coalesce(i.customer_id::text, 'nobody')
        FROM crm.identifier i JOIN crm.identifier_kind k ON k.kind = i.kind
        WHERE NOT i.is_blocked
          AND (i.customer_id IS NOT NULL OR EXISTS (
                  SELECT FROM crm.record_identifier h WHERE h.kind = i.kind AND h.value_hash = i.value_hash AND h.ended_at IS NULL))
          AND NOT EXISTS (
              SELECT FROM crm.record_identifier h
              JOIN crm.membership m ON m.source_record_id = h.source_record_id AND m.valid_to = 'infinity'
              WHERE h.kind = i.kind AND h.value_hash = i.value_hash AND h.ended_at IS NULL
                AND m.customer_id = crm._identity_current(i.customer_id));
    RETURN QUERY SELECT p.* FROM crm._identity_check_partition() p;
END
$$;
COMMENT ON FUNCTION crm.identity_check() IS
    'differences between what identity keeps by increments and a new computation from the records: memberships, '
    'counts, redirects, identifiers, and the partition itself; no rows: all agrees';
GRANT EXECUTE ON FUNCTION crm.identity_check() TO crm_admin;

-- Settles every component anew, 1,000 persons at a time, and compares.
CREATE FUNCTION crm._identity_check_partition() RETURNS TABLE (what text, expected text, found text)
    LANGUAGE plpgsql STABLE AS
$$
DECLARE
    after_id bigint := 0;
    persons bigint[];
    reach crm.identity_reach;
BEGIN
    LOOP
        persons := ARRAY(SELECT c.customer_id FROM crm.customer c
                         WHERE c.customer_id > after_id AND c.status = 'active' ORDER BY 1 LIMIT 1000);
        EXIT WHEN cardinality(persons) = 0;
        after_id := persons[cardinality(persons)];
        reach := crm._identity_reach(ARRAY(SELECT m.source_record_id FROM crm.membership m
                                           WHERE m.customer_id = ANY (persons) AND m.valid_to >= 'infinity'), '{}', '{}');
        RETURN QUERY
            WITH settled AS (
                SELECT s.source_record_id, s.label, m.customer_id
                FROM crm._identity_partition(reach.records) s
                JOIN crm.membership m ON m.source_record_id = s.source_record_id AND m.valid_to = 'infinity'
                WHERE s.reason IS NULL)
            SELECT 'persons of the component of record ' || min(t.source_record_id), 'one', count(DISTINCT t.customer_id)::text
            FROM settled t GROUP BY t.label HAVING count(DISTINCT t.customer_id) > 1
            UNION ALL
            SELECT 'components of person ' || t.customer_id, 'one', count(DISTINCT t.label)::text
            FROM settled t WHERE t.customer_id = ANY (persons) GROUP BY t.customer_id HAVING count(DISTINCT t.label) > 1;
    END LOOP;
END
$$;
COMMENT ON FUNCTION crm._identity_check_partition() IS
    'persons whose records a new computation would put together otherwise';
