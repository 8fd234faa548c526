-- identity, decisions of people: pairs that a guard kept apart are listed, accepted, rejected, and
-- decisions taken back; the feed of changes; who a record was at a moment.

CREATE FUNCTION crm._identity_review_row(v record) RETURNS jsonb
    LANGUAGE plpgsql STABLE AS
$$
BEGIN
    RETURN jsonb_build_object('review_id', v.review_id, 'state', v.state, 'reason', v.reason, 'evidence', v.evidence,
        'opened_at', v.opened_at, 'decided_at', v.decided_at, 'decided_by', v.decided_by,
        'a', crm._identity_side(v.customer_a), 'b', crm._identity_side(v.customer_b));
END
$$;
COMMENT ON FUNCTION crm._identity_review_row(record) IS
    'a row of crm.review as people look at it: both persons side by side, values masked';

CREATE FUNCTION crm._identity_side(asked bigint) RETURNS jsonb
    LANGUAGE plpgsql STABLE AS
$$
DECLARE
    person bigint := crm._identity_current(asked);
BEGIN
    RETURN (SELECT jsonb_build_object('customer_id', c.customer_id, 'name', c.name_masked, 'phone', c.phone_masked, 'email', c.email_masked,
                'sex', c.sex, 'city', c.city, 'registered_on', c.registered_on, 'records', (
                    SELECT coalesce(jsonb_agg(l), '[]') FROM crm._identity_record_list(person) l))
            FROM crm.customer c WHERE c.customer_id = person);
END
$$;
COMMENT ON FUNCTION crm._identity_side(bigint) IS 'one side of a pair: the person of now, masked, with the records';

CREATE FUNCTION crm.identity_reviews(state text DEFAULT 'open', after bigint DEFAULT 0, max_rows int DEFAULT 50) RETURNS SETOF jsonb
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
DECLARE
    v record;
BEGIN
    IF state IS NULL OR state NOT IN ('open', 'accepted', 'rejected') THEN
        RAISE EXCEPTION 'there is no state "%"', state
            USING ERRCODE = 'invalid_parameter_value', COLUMN = 'state', HINT = 'Give open, accepted or rejected.';
    END IF;
    FOR v IN
        SELECT r.* FROM crm.review r
        WHERE r.state = identity_reviews.state AND r.review_id > coalesce(after, 0)
        ORDER BY r.review_id LIMIT least(greatest(coalesce(max_rows, 50), 1), 500)
    LOOP
        RETURN NEXT crm._identity_review_row(v);
    END LOOP;
END
$$;
COMMENT ON FUNCTION crm.identity_reviews(text, bigint, int) IS
    'pairs of persons that a guard kept apart, oldest first, side by side with the reason: open, accepted or '
    'rejected; after: the last review_id of the page before; values masked; 22023 for an unknown state';

CREATE FUNCTION crm.identity_decide(review_id bigint, decision text, reason text, idempotency_key text DEFAULT NULL) RETURNS jsonb
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
DECLARE
    answer jsonb := crm._idempotency_claim(idempotency_key,
            'identity_decide', convert_to(jsonb_build_array(review_id, decision, reason)::text, 'UTF8'));
    v record;
    a bigint;
    b bigint;
BEGIN
    IF answer IS NOT NULL THEN
        RETURN answer;
    END IF;
    PERFORM crm._identity_need_reason(reason);
    IF decision IS NULL OR decision NOT IN ('accept', 'reject') THEN
        RAISE EXCEPTION 'a review is accepted or rejected'
            USING ERRCODE = 'invalid_parameter_value', COLUMN = 'decision', HINT = 'Give accept or reject.';
    END IF;
    SELECT r.* INTO v FROM crm.review r WHERE r.review_id = identity_decide.review_id FOR UPDATE;
    IF v.review_id IS NULL THEN
        RAISE EXCEPTION 'there is no such review' USING ERRCODE = 'no_data_found', COLUMN = 'review_id', HINT = 'crm.identity_reviews() lists them.';
    ELSIF v.state <> 'open' THEN
        RAISE EXCEPTION 'the review is %', v.state
            USING ERRCODE = 'RM305', COLUMN = 'review_id', HINT = 'Take the decision back first, with crm.identity_reopen().';
    END IF;
    a := crm._access_require_person(v.customer_a);
    b := crm._access_require_person(v.customer_b);
    UPDATE crm.review r SET state = CASE decision WHEN 'accept' THEN 'accepted' ELSE 'rejected' END,
           decided_at = crm.core_now(), decided_by = crm._actor()
    WHERE r.review_id = v.review_id;
    IF decision = 'accept' AND a <> b THEN
        IF v.reason = 'merges_per_hour' THEN
            PERFORM crm._identity_allow(a, b);      -- the engine's brake, not a decision that they are two
        END IF;
        PERFORM crm.identity_merge(a, b, reason);
    ELSIF decision = 'reject' AND a <> b THEN
        PERFORM crm._identity_forbid(crm._identity_records_of(a), crm._identity_records_of(b), crm._actor(), reason);
    END IF;
    PERFORM crm._audit(decision, 'review', v.review_id, NULL, NULL, NULL, reason);
    answer := jsonb_build_object('review_id', v.review_id, 'state', CASE decision WHEN 'accept' THEN 'accepted' ELSE 'rejected' END,
                                 'customer_id', crm._identity_current(a));
    PERFORM crm._idempotency_store(idempotency_key, answer);
    RETURN answer;
END
$$;
COMMENT ON FUNCTION crm.identity_decide(bigint, text, text, text) IS
    'accepts (merges the two) or rejects (they are two, for ever) what a guard stopped; {review_id, state, '
    'customer_id}; audited; RM305 when it was decided already, RM302 as crm.identity_merge(), P0002 for none, 22023 '
    'names the field';

-- Undo: of a rejection the cannot-links go, of a merge the merge.
CREATE FUNCTION crm.identity_reopen(review_id bigint, reason text) RETURNS jsonb
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
DECLARE
    v record;
    journal bigint;
BEGIN
    PERFORM crm._identity_need_reason(reason);
    SELECT r.* INTO v FROM crm.review r WHERE r.review_id = identity_reopen.review_id FOR UPDATE;
    IF v.review_id IS NULL THEN
        RAISE EXCEPTION 'there is no such review' USING ERRCODE = 'no_data_found', COLUMN = 'review_id', HINT = 'crm.identity_reviews() lists them.';
    ELSIF v.state = 'accepted' THEN
        SELECT max(j.journal_id) INTO journal FROM crm.merge_journal j
        WHERE j.kind = 'merge' AND (j.survivor_id, j.other_id) IN ((v.customer_a, v.customer_b), (v.customer_b, v.customer_a));
        IF journal IS NOT NULL AND crm._identity_current(v.customer_a) = crm._identity_current(v.customer_b) THEN
            PERFORM crm.identity_unmerge(journal, reason);
        END IF;
    END IF;
    PERFORM crm._identity_allow(crm._access_require_person(v.customer_a), crm._access_require_person(v.customer_b));
    UPDATE crm.review r SET state = 'open', decided_at = NULL, decided_by = NULL
    WHERE r.review_id = v.review_id AND r.state <> 'open';
    PERFORM crm._audit('reopen', 'review', v.review_id, NULL, v.state, 'open', reason);
    RETURN jsonb_build_object('review_id', v.review_id, 'state', 'open');
END
$$;
COMMENT ON FUNCTION crm.identity_reopen(bigint, text) IS
    'takes a decision back: a rejected pair may be one again, an accepted one is two persons as before; the review '
    'is open; audited; P0002 for none, 22023 without a reason';

CREATE FUNCTION crm._identity_allow(a bigint, b bigint) RETURNS bigint
    LANGUAGE plpgsql AS
$$
DECLARE
    gone bigint;
BEGIN
    DELETE FROM crm.cannot_link l
    WHERE l.record_a = ANY (crm._identity_records_of(a)) AND l.record_b = ANY (crm._identity_records_of(b))
       OR l.record_a = ANY (crm._identity_records_of(b)) AND l.record_b = ANY (crm._identity_records_of(a));
    GET DIAGNOSTICS gone = ROW_COUNT;
    RETURN gone;
END
$$;
COMMENT ON FUNCTION crm._identity_allow(bigint, bigint) IS 'two persons may be one again: their cannot-links go; how many';

CREATE FUNCTION crm.identity_allow(a bigint, b bigint, reason text) RETURNS jsonb
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
DECLARE
    one bigint := crm._access_require_person(a);
    other bigint := crm._access_require_person(b);
BEGIN
    PERFORM crm._identity_need_reason(reason);
    PERFORM crm._audit('allow', 'customer', one, NULL, one::text, other::text, reason);
    RETURN jsonb_build_object('a', one, 'b', other, 'links', crm._identity_allow(one, other));
END
$$;
COMMENT ON FUNCTION crm.identity_allow(bigint, bigint, text) IS
    'takes back that two persons are two (after an unmerge, a split or a rejection): they may be merged again, by '
    'hand or by the engine with the next record; audited; P0002, 22023';

CREATE FUNCTION crm.identity_changes(after bigint DEFAULT 0, max_rows int DEFAULT 100) RETURNS SETOF jsonb
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
BEGIN
    RETURN QUERY
    SELECT jsonb_build_object('journal_id', j.journal_id, 'at', j.at, 'kind', j.kind, 'survivor', j.survivor_id, 'other', j.other_id,
                              'records', to_jsonb(j.record_ids), 'actor', j.actor, 'reason', j.reason, 'evidence', j.evidence)
    FROM crm.merge_journal j
    WHERE j.journal_id > coalesce(after, 0)
    ORDER BY j.journal_id LIMIT least(greatest(coalesce(max_rows, 100), 1), 1000);
END
$$;
COMMENT ON FUNCTION crm.identity_changes(bigint, int) IS
    'the feed of changes to persons by journal_id: merge, unmerge, split, attach, detach, with records and evidence '
    '(masked); after: the last one seen; read a little behind (a transaction that is open may still commit a '
    'smaller id)';

CREATE FUNCTION crm.identity_person_at(source_record_id bigint, at timestamptz) RETURNS bigint
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
BEGIN
    PERFORM crm._access_require_person((SELECT m.customer_id FROM crm.membership m
        WHERE m.source_record_id = identity_person_at.source_record_id AND m.valid_to = 'infinity'));
    RETURN (SELECT m.customer_id FROM crm.membership m
            WHERE m.source_record_id = identity_person_at.source_record_id
              AND m.valid_from <= identity_person_at.at AND identity_person_at.at < m.valid_to);
END
$$;
COMMENT ON FUNCTION crm.identity_person_at(bigint, timestamptz) IS
    'the id of the person a record belonged to at a moment, as it was then; null before it was known; P0002 when '
    'its person of now is out of scope';

GRANT EXECUTE ON FUNCTION crm.identity_reviews(text, bigint, int), crm.identity_decide(bigint, text, text, text), crm.identity_reopen(bigint, text),
    crm.identity_allow(bigint, bigint, text), crm.identity_person_at(bigint, timestamptz) TO crm_steward, crm_headquarters;
GRANT EXECUTE ON FUNCTION crm.identity_changes(bigint, int) TO crm_steward, crm_analyst, crm_headquarters;
