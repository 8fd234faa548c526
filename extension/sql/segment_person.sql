-- segment: tags of a person, given by hand or predicted; and what becomes of them when a person is erased or exported.

CREATE FUNCTION crm._segment_require_tag(tag text, kind text) RETURNS void
    LANGUAGE plpgsql STABLE AS
$$
DECLARE
    t crm.tag;
BEGIN
    SELECT x.* INTO t FROM crm.tag x WHERE x.tag = _segment_require_tag.tag AND x.is_active;
    IF t.tag IS NULL THEN
        RAISE EXCEPTION 'there is no tag "%"', left(tag, 80) USING ERRCODE = 'RM361', COLUMN = 'tag',
            HINT = 'Tags are defined by headquarters; take one of crm.segment_tags().';
    ELSIF t.kind <> kind THEN
        RAISE EXCEPTION 'the tag is not given this way' USING ERRCODE = 'RM364', COLUMN = 'tag',
            DETAIL = format('It is %s.', t.kind), HINT = 'Automatic tags follow their rule, predicted ones their model.';
    END IF;
END
$$;
COMMENT ON FUNCTION crm._segment_require_tag(text, text) IS
    'RM361 unless the dictionary has the tag, RM364 unless it is of the kind';

CREATE FUNCTION crm._segment_give_tag(person bigint, tag text, expires_at timestamptz, author text, reason text) RETURNS void
    LANGUAGE plpgsql AS
$$
BEGIN
    UPDATE crm.customer_tag t SET until = crm.core_now()
    WHERE t.customer_id = ANY (crm._identity_cluster(person)) AND t.tag = _segment_give_tag.tag
        AND t.until > crm.core_now() AND t.tagged_at < crm.core_now();
    INSERT INTO crm.customer_tag (customer_id, tag, tagged_at, until, author, reason)
    VALUES (person, _segment_give_tag.tag, crm.core_now(), coalesce(_segment_give_tag.expires_at, 'infinity'),
        _segment_give_tag.author, left(coalesce(_segment_give_tag.reason, ''), 500))
    ON CONFLICT ON CONSTRAINT customer_tag_pkey DO UPDATE SET until = excluded.until, author = excluded.author, reason = excluded.reason;
    PERFORM crm._segment_mark(ARRAY[person], 'tag');
END
$$;
COMMENT ON FUNCTION crm._segment_give_tag(bigint, text, timestamptz, text, text) IS
    'gives a tag to a person who is locked, until a moment or taken back (null); given again it is renewed';

CREATE FUNCTION crm._segment_take_tag(person bigint, tag text) RETURNS boolean
    LANGUAGE plpgsql AS
$$
DECLARE
    taken bigint;
BEGIN
    UPDATE crm.customer_tag t SET until = crm.core_now()
    WHERE t.customer_id = ANY (crm._identity_cluster(person)) AND t.tag = _segment_take_tag.tag AND t.until > crm.core_now();
    GET DIAGNOSTICS taken = ROW_COUNT;
    PERFORM crm._segment_mark(ARRAY[person], 'tag');
    RETURN taken > 0;
END
$$;
COMMENT ON FUNCTION crm._segment_take_tag(bigint, text) IS
    'takes a given tag back, under whatever id of the person; whether it was there';

CREATE FUNCTION crm.segment_tag_person(customer_id bigint, tag text, expires_at timestamptz DEFAULT NULL,
                                       reason text DEFAULT NULL, idempotency_key text DEFAULT NULL) RETURNS jsonb
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
DECLARE
    answer jsonb := crm._idempotency_claim(idempotency_key,
            'segment_tag_person', convert_to(jsonb_build_array(customer_id, tag, expires_at, reason)::text, 'UTF8'));
    person bigint := crm._access_require_person(customer_id);
BEGIN
    IF answer IS NOT NULL THEN
        RETURN answer;
    END IF;
    PERFORM crm._segment_require_tag(tag, 'manual');
    PERFORM crm._access_check_reason(reason);
    IF expires_at <= crm.core_now() THEN
        RAISE EXCEPTION 'the tag would have expired already' USING ERRCODE = 'RM363', COLUMN = 'expires_at', HINT = 'Give a moment to come, or none.';
    END IF;
    PERFORM FROM crm.customer c WHERE c.customer_id = person FOR NO KEY UPDATE;
    PERFORM crm._segment_give_tag(person, tag, expires_at, crm._actor(), reason);
    PERFORM crm._audit('tag', 'person', person, tag, NULL, 'given', reason);
    answer := jsonb_build_object('customer_id', person, 'tag', tag, 'expires_at', expires_at);
    PERFORM crm._idempotency_store(idempotency_key, answer);
    RETURN answer;
END
$$;
COMMENT ON FUNCTION crm.segment_tag_person(bigint, text, timestamptz, text, text) IS
    'gives a person of the actor''s scope a manual tag, with author, until a moment or taken back; given again it '
    'is renewed; RM361, RM364, P0002, 22023 for a reason of more than 500 characters';

CREATE FUNCTION crm.segment_untag_person(customer_id bigint, tag text, idempotency_key text DEFAULT NULL) RETURNS jsonb
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
DECLARE
    answer jsonb := crm._idempotency_claim(idempotency_key, 'segment_untag_person', convert_to(jsonb_build_array(customer_id, tag)::text, 'UTF8'));
    person bigint := crm._access_require_person(customer_id);
BEGIN
    IF answer IS NOT NULL THEN
        RETURN answer;
    END IF;
    PERFORM crm._segment_require_tag(tag, 'manual');
    answer := jsonb_build_object('customer_id', person, 'tag', tag, 'was_given', crm._segment_take_tag(person, tag));
    PERFORM crm._audit('tag', 'person', person, tag, NULL, 'taken back', NULL);
    PERFORM crm._idempotency_store(idempotency_key, answer);
    RETURN answer;
END
$$;
COMMENT ON FUNCTION crm.segment_untag_person(bigint, text, text) IS
    'takes a manual tag back; that it was given stays known; RM361, RM364, P0002';

CREATE FUNCTION crm.segment_predict_tag(tag text, customer_ids bigint[], scores numeric[], model_version text) RETURNS bigint
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
DECLARE
    given bigint;
BEGIN
    PERFORM crm._segment_require_tag(tag, 'predicted');
    IF cardinality(customer_ids) IS DISTINCT FROM cardinality(scores) OR coalesce(btrim(model_version), '') = '' THEN
        RAISE EXCEPTION 'persons, scores and model do not go together' USING ERRCODE = 'RM363', COLUMN = 'scores',
            HINT = 'Give one score a person and the version of the model.';
    END IF;
    PERFORM crm._segment_mark(ARRAY(SELECT DISTINCT t.customer_id FROM crm.customer_tag t
            WHERE t.tag = segment_predict_tag.tag AND t.until > crm.core_now()), 'tag');
    UPDATE crm.customer_tag t SET until = crm.core_now() WHERE t.tag = segment_predict_tag.tag
        AND t.until > crm.core_now() AND t.tagged_at < crm.core_now();
    INSERT INTO crm.customer_tag AS t (customer_id, tag, tagged_at, author, score, model_version)
    SELECT DISTINCT ON (c.customer_id) c.customer_id, segment_predict_tag.tag, crm.core_now(), 'model', p.score, segment_predict_tag.model_version
    FROM unnest(customer_ids, scores) p (id, score) JOIN crm.customer c ON c.customer_id = p.id AND c.status = 'active'
    ORDER BY c.customer_id, p.score DESC
    ON CONFLICT ON CONSTRAINT customer_tag_pkey DO UPDATE SET until = 'infinity', score = excluded.score, model_version = excluded.model_version;
    GET DIAGNOSTICS given = ROW_COUNT;
    PERFORM crm._segment_mark(customer_ids, 'tag');
    RETURN given;
END
$$;
COMMENT ON FUNCTION crm.segment_predict_tag(text, bigint[], numeric[], text) IS
    'replaces who has a predicted tag, with score and model version; returns how many have it; RM361, RM363, RM364';

CREATE FUNCTION crm._segment_has_tag(person bigint) RETURNS boolean
    LANGUAGE plpgsql STABLE SET jit = off AS
$$
BEGIN
    RETURN EXISTS (SELECT FROM crm.person_tag t JOIN crm.tag d ON d.tag = t.tag
                   WHERE t.customer_id = ANY (crm._identity_cluster(person)) AND t.tagged_at <= crm.core_now()
                       AND t.until > crm.core_now() AND d.is_active);
END
$$;
COMMENT ON FUNCTION crm._segment_has_tag(bigint) IS
    'whether a person has a tag now, under any id: given by hand, predicted or automatic, neither expired nor taken '
    'back nor out of the dictionary';

CREATE FUNCTION crm.segment_person_tags(customer_id bigint) RETURNS SETOF jsonb
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
DECLARE
    person bigint := crm._access_require_person(customer_id);
BEGIN
    RETURN QUERY
    SELECT jsonb_build_object('tag', t.tag, 'name_zh', d.name_zh, 'name_en', d.name_en, 'layer', t.layer, 'kind', t.kind, 'since', min(t.tagged_at),
                              'until', nullif(max(t.until), 'infinity'), 'author', min(t.author), 'score', max(t.score))
    FROM crm.person_tag t JOIN crm.tag d ON d.tag = t.tag
    WHERE t.customer_id = ANY (crm._identity_cluster(person)) AND t.tagged_at <= crm.core_now() AND t.until > crm.core_now() AND d.is_active
    GROUP BY t.tag, d.name_zh, d.name_en, t.layer, t.kind ORDER BY t.layer, t.tag;
END
$$;
COMMENT ON FUNCTION crm.segment_person_tags(bigint) IS
    'the tags a person of the actor''s scope has now: name, layer, kind, since and until when, author, score; P0002';

CREATE FUNCTION crm._segment_on_erase(customer_id bigint) RETURNS void
    LANGUAGE plpgsql AS
$$
DECLARE
    ids bigint[] := crm._identity_cluster(customer_id);
    places crm.bitmap;
    stay record;
BEGIN
    FOR stay IN SELECT DISTINCT m.segment_id FROM crm.segment_member m WHERE m.customer_id = ANY (ids) AND m.left_at = 'infinity' ORDER BY 1 LOOP
        PERFORM crm._segment_store(stay.segment_id, '{}', ids, crm.core_now(), false);
    END LOOP;
    places := (SELECT crm.bitmap_agg(o.ordinal) FROM crm.segment_ordinal o WHERE o.customer_id = ANY (ids));
    UPDATE crm.segment_move x SET came = x.came OPERATOR(crm.-) places, went = x.went OPERATOR(crm.-) places
    FROM (SELECT m.segment_id, unnest(ARRAY[m.entered_at, m.left_at]) AS at FROM crm.segment_member m WHERE m.customer_id = ANY (ids)
          GROUP BY 1, 2) l        -- what is logged of them is where their stays begin and end
    WHERE x.segment_id = l.segment_id AND x.at = l.at;
    DELETE FROM crm.segment_member m WHERE m.customer_id = ANY (ids);
    DELETE FROM crm.segment_stand_in i WHERE i.customer_id = ANY (ids) OR i.stands_in = ANY (ids);
    UPDATE crm.segment_mark m SET persons = m.persons OPERATOR(crm.-) crm.bitmap(ids)
        WHERE crm.bitmap_count(m.persons OPERATOR(crm.&) crm.bitmap(ids)) > 0;
    DELETE FROM crm.segment_mark m WHERE crm.bitmap_count(m.persons) = 0;
    DELETE FROM crm.segment_ordinal o WHERE o.customer_id = ANY (ids);
    DELETE FROM crm.customer_tag t WHERE t.customer_id = ANY (ids);
    DELETE FROM crm.related_person r WHERE r.customer_id = ANY (ids);
END
$$;
COMMENT ON FUNCTION crm._segment_on_erase(bigint) IS
    'forgets tags, stays in segments and related persons under all ids of a person; the ordinal is not used again';

CREATE FUNCTION crm._segment_on_export(customer_id bigint) RETURNS jsonb
    LANGUAGE plpgsql STABLE AS
$$
DECLARE
    ids bigint[] := crm._identity_cluster(customer_id);
BEGIN
    RETURN jsonb_build_object(
        'tags', (SELECT coalesce(jsonb_agg(jsonb_build_object('tag', t.tag, 'since', t.tagged_at,
                                           'until', nullif(t.until, 'infinity'), 'author', t.author,
                                           'score', t.score) ORDER BY t.tagged_at, t.tag), '[]')
                 FROM crm.person_tag t WHERE t.customer_id = ANY (ids)),
        'segments', (SELECT coalesce(jsonb_agg(jsonb_build_object('segment', s.code, 'since', m.entered_at, 'until', nullif(m.left_at, 'infinity'))
                                               ORDER BY m.entered_at, s.code), '[]')
                     FROM crm.segment_member m JOIN crm.segment s ON s.segment_id = m.segment_id WHERE m.customer_id = ANY (ids)),
        'related', (SELECT coalesce(jsonb_agg(to_jsonb(r) - 'customer_id' ORDER BY r.related_id), '[]')
                FROM crm.related_person r WHERE r.customer_id = ANY (ids)));
END
$$;
COMMENT ON FUNCTION crm._segment_on_export(bigint) IS
    'tags, stays in segments and related persons of a person, for the export of one person';

GRANT EXECUTE ON FUNCTION crm.segment_tag_person(bigint, text, timestamptz, text, text),
    crm.segment_untag_person(bigint, text, text), crm.segment_person_tags(bigint)
    TO crm_clerk, crm_store_manager, crm_manager, crm_service, crm_steward, crm_marketer, crm_headquarters;
GRANT EXECUTE ON FUNCTION crm.segment_predict_tag(text, bigint[], numeric[], text) TO crm_analyst, crm_headquarters;
