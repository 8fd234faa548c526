-- identity, a source that is tried out (shadow).  Its new records join nobody: what they would join is refused by the
-- last of the guards, stored as a review of reason shadow, counted and explained like any other.  Orders still find
-- their buyer.  The flag is the record's, so the partition stays a function of what is stored; once the source is let
-- go its records follow, a piece at a time, through the settling of every write.

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
        SELECT s.source_id FROM crm.source s WHERE s.code = identity_shadow.source OR identity_shadow.source IS NULL
            ORDER BY s.source_id FOR NO KEY UPDATE),
    changed AS (
        UPDATE crm.source s SET is_shadow = is_on FROM named n WHERE s.source_id = n.source_id RETURNING s.code)
    SELECT array_agg(c.code ORDER BY c.code) INTO codes FROM changed c;
    IF codes IS NULL THEN
        RAISE EXCEPTION 'there is no source "%"', left(source, 80) USING ERRCODE = 'no_data_found', COLUMN = 'source',
            HINT = 'Give the code it was defined by (crm.ingest_define_source()), or null for all.';
    END IF;
    PERFORM crm._audit('define', 'source', NULL, 'is_shadow', NULL, is_on::text, concat_ws(': ', array_to_string(codes, ' '), reason));
    RETURN jsonb_build_object('sources', to_jsonb(codes), 'is_on', is_on, 'waiting', CASE WHEN is_on THEN 0 ELSE (
        SELECT count(*) FROM crm.source_record r JOIN crm.source s ON s.source_id = r.source_id WHERE r.is_shadow AND NOT s.is_shadow) END);
END
$$;
COMMENT ON FUNCTION crm.identity_shadow(text, boolean, text) IS
    'tries a source out (null: all that there are), or lets it go. While it is tried out its new records join '
    'nobody: what they would join is proposed as reviews of reason shadow, which people may accept one by one. Let '
    'go, its records join as the engine proposed, by the job identity.shadow. {sources, is_on, waiting: records '
    'that will be settled}; audited; P0002 for no such source, 22004, 22023 without a reason';

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
        FROM crm.review v CROSS JOIN LATERAL jsonb_array_elements(v.evidence -> 'records') e(id)
            JOIN held h ON h.source_record_id = (e.id #>> '{}')::bigint
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
    'every source, those that are tried out first: {source, name, is_on (tried out), records (taken so, or still to '
    'follow), would_merge: open pairs of persons (by_kind: by the identifier that ties them), would_ask: pairs that '
    'another guard would put to people, would_keep: records that are proposed to nobody}; the pairs themselves are '
    'crm.identity_reviews()';

CREATE FUNCTION crm._identity_shadow_step() RETURNS bigint
    LANGUAGE plpgsql AS
$$
DECLARE
    records bigint[];
BEGIN
    records := ARRAY(SELECT r.source_record_id FROM crm.source_record r JOIN crm.source s ON s.source_id = r.source_id
                     WHERE r.is_shadow AND NOT s.is_shadow ORDER BY r.source_record_id LIMIT 200);
    IF cardinality(records) = 0 THEN
        RETURN 0;
    END IF;
    PERFORM crm._identity_settle_again(records, 'shadow', true);
    RETURN 1;
END
$$;
COMMENT ON FUNCTION crm._identity_shadow_step() IS
    'job: the next 200 records of sources that are no longer tried out join whom they should; 0 when none is left';

GRANT EXECUTE ON FUNCTION crm.identity_shadow(text, boolean, text) TO crm_admin, crm_steward, crm_headquarters;
GRANT EXECUTE ON FUNCTION crm.identity_shadow_report() TO crm_admin, crm_steward, crm_headquarters;
