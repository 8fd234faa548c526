-- identity, a source that is tried out (shadow).  Its new records join nobody: what they would join is refused by the last of
-- the guards, stored as a review of reason shadow, counted and explained like any other.  Orders still find their buyer.  The
-- flag is the record's, so the partition stays a function of what is stored; once the source is let go its records
-- follow, a piece at a time, through the settling of every write.

CREATE FUNCTION crm.identity_shadow(source text, is_on boolean, reason text) RETURNS jsonb
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
DECLARE
    codes text[];
BEGIN
    PERFORM crm._identity_need_reason(reason);
    IF is_on IS NULL THEN
        RAISE EXCEPTION 'a source is tried out or not' USING ERRCODE = 'null_value_not_allowed', COLUMN = 'is_on', HINT = 'Give true or false.';
    END IF;
    WITH named AS (
        SELECT s.source_id FROM crm.source s WHERE s.code = identity_shadow.source OR identity_shadow.source IS NULL ORDER BY s.source_id FOR NO KEY UPDATE),
    changed AS (
        UPDATE crm.source s SET is_shadow = is_on FROM named n WHERE s.source_id = n.source_id RETURNING s.code)
    SELECT array_agg(c.code ORDER BY c.code) INTO codes FROM changed c;
    IF codes IS NULL THEN
        RAISE EXCEPTION 'there is no source "%"', left(source, 80) USING ERRCODE = 'no_data_found', COLUMN = 'source', HINT = 'Give the code it was defined by (crm.ingest_define_source()), or null for all.';
    END IF;
    PERFORM crm._audit('define', 'source', NULL, 'is_shadow', NULL, is_on::text, concat_ws(': ', array_to_string(codes, ' '), reason));
    RETURN jsonb_build_object('sources', to_jsonb(codes), 'is_on', is_on, 'waiting', CASE WHEN is_on THEN 0 ELSE (
        SELECT count(*) FROM crm.source_record r JOIN crm.source s ON s.source_id = r.source_id WHERE r.is_shadow AND NOT s.is_shadow) END);
END
$$;
COMMENT ON FUNCTION crm.identity_shadow(text, boolean, text) IS
    'tries a source out (null: all that there are), or lets it go. While it is tried out its new records join nobody: what they would join is proposed as reviews of reason shadow, which people may accept one by one. Let go, its records join as the engine proposed, by the job identity.shadow. {sources, is_on, waiting: records that will be settled}; audited; P0002 for no such source, 22004, 22023 without a reason';

-- What would be, by source.
CREATE FUNCTION crm.identity_shadow_report() RETURNS SETOF jsonb
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
BEGIN
    RETURN QUERY
    WITH held AS (
        SELECT r.source_id, r.source_record_id FROM crm.source_record r WHERE r.is_shadow AND NOT crm._identity_is_reference(r.kind, r.external_id)),
    asked AS (
        SELECT DISTINCT h.source_id, h.source_record_id, v.review_id, v.reason, coalesce(v.evidence ->> 'kind', '') AS kind
        FROM crm.review v CROSS JOIN LATERAL jsonb_array_elements(v.evidence -> 'records') e(id) JOIN held h ON h.source_record_id = (e.id #>> '{}')::bigint
        WHERE v.state = 'open'),
    told AS (
        SELECT a.source_id, count(DISTINCT a.review_id) FILTER (WHERE a.reason = 'shadow') AS would_merge,
               count(DISTINCT a.review_id) FILTER (WHERE a.reason NOT IN ('shadow', 'match')) AS would_ask,
               count(DISTINCT a.source_record_id) FILTER (WHERE a.reason = 'shadow') AS proposed
        FROM asked a GROUP BY 1),
    by_kind AS (
        SELECT k.source_id, jsonb_object_agg(k.kind, k.pairs) AS pairs
        FROM (SELECT a.source_id, a.kind, count(DISTINCT a.review_id) AS pairs FROM asked a WHERE a.reason = 'shadow' GROUP BY 1, 2) k GROUP BY 1)
    SELECT jsonb_build_object('source', s.code, 'name', s.name, 'is_on', s.is_shadow, 'records', coalesce(h.records, 0),
        'would_merge', coalesce(t.would_merge, 0), 'by_kind', coalesce(k.pairs, '{}'), 'would_ask', coalesce(t.would_ask, 0),
        'would_keep', coalesce(h.records, 0) - coalesce(t.proposed, 0))
    FROM crm.source s LEFT JOIN (SELECT x.source_id, count(*) AS records FROM held x GROUP BY 1) h ON h.source_id = s.source_id
    LEFT JOIN told t ON t.source_id = s.source_id LEFT JOIN by_kind k ON k.source_id = s.source_id
    ORDER BY s.is_shadow DESC, s.code;
END
$$;
COMMENT ON FUNCTION crm.identity_shadow_report() IS
    'every source, those that are tried out first: {source, name, is_on (tried out), records (taken so, or still to follow), would_merge: open pairs of persons (by_kind: by the identifier that ties them), would_ask: pairs that another guard would put to people, would_keep: records that are proposed to nobody}; the pairs themselves are crm.identity_reviews()';

-- One attempt to settle what these records reach, as a write of theirs would; RM309 when something moved.
CREATE FUNCTION crm._identity_let_go(records bigint[], ahead crm.identity_reach) RETURNS crm.identity_change[]
    LANGUAGE plpgsql SET plan_cache_mode = force_generic_plan
    SET enable_seqscan = off SET enable_bitmapscan = off SET enable_material = off SET enable_memoize = off SET jit = off AS
$$
DECLARE
    reach crm.identity_reach := crm._identity_secure('{}', records, '{}', '{}', '{}', ahead, NULL);
    settled record;
    changes crm.identity_change[];
    touched bigint[];
BEGIN
    UPDATE crm.source_record r SET is_shadow = false WHERE r.source_record_id = ANY (records);
    SELECT m.* INTO settled FROM crm._identity_moves(reach.records) m;
    IF settled.merged IS NOT NULL AND crm._identity_slow_down(settled.merged) THEN
        SELECT m.* INTO settled FROM crm._identity_moves(reach.records) m;
    END IF;
    changes := crm._identity_move(settled.moves, settled.merged, 'engine', 'shadow');
    touched := ARRAY(SELECT DISTINCT v.to_id FROM unnest(settled.moves) v WHERE v.to_id IS NOT NULL
                     UNION SELECT c.survivor_id FROM unnest(changes) c);
    PERFORM crm._identity_refresh(touched);
    PERFORM crm._identity_answer(reach.records);
    PERFORM crm._identity_touch_scope(touched);
    PERFORM crm._identity_review(coalesce(settled.refused, '[]'));
    RETURN changes;
END
$$;
COMMENT ON FUNCTION crm._identity_let_go(bigint[], crm.identity_reach) IS
    'records that are no longer tried out join whom they should; the changes; RM309 as every attempt';

CREATE FUNCTION crm._identity_shadow_step() RETURNS bigint
    LANGUAGE plpgsql AS
$$
DECLARE
    records bigint[];
    result crm.identity_result;
    ahead crm.identity_reach;
    seen text;
BEGIN
    records := ARRAY(SELECT r.source_record_id FROM crm.source_record r JOIN crm.source s ON s.source_id = r.source_id
                     WHERE r.is_shadow AND NOT s.is_shadow ORDER BY r.source_record_id LIMIT 200);
    IF cardinality(records) = 0 THEN
        RETURN 0;
    END IF;
    FOR attempt IN 1 .. 20 LOOP
        BEGIN
            result.changes := crm._identity_let_go(records, ahead);
            EXIT;
        EXCEPTION WHEN SQLSTATE 'RM309' THEN
            GET STACKED DIAGNOSTICS seen = PG_EXCEPTION_DETAIL;
            ahead := crm._identity_again(attempt, seen);
        END;
    END LOOP;
    -- what was proposed of these records is done, or another guard asks it; where the other side is still tried out the question stays
    DELETE FROM crm.review v WHERE v.state = 'open' AND v.reason = 'shadow'
        AND EXISTS (SELECT FROM jsonb_array_elements(v.evidence -> 'records') e(id) WHERE (e.id #>> '{}')::bigint = ANY (records))
        AND NOT EXISTS (SELECT FROM jsonb_array_elements(v.evidence -> 'records') e(id)
                        JOIN crm.source_record r ON r.source_record_id = (e.id #>> '{}')::bigint WHERE r.is_shadow);
    PERFORM crm._identity_announce(result);
    RETURN 1;
END
$$;
COMMENT ON FUNCTION crm._identity_shadow_step() IS
    'job: the next 200 records of sources that are no longer tried out join whom they should; 0 when none is left';

GRANT EXECUTE ON FUNCTION crm.identity_shadow(text, boolean, text) TO crm_admin, crm_steward, crm_headquarters;
GRANT EXECUTE ON FUNCTION crm.identity_shadow_report() TO crm_admin, crm_steward, crm_headquarters;
