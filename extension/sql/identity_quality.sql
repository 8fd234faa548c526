-- identity, quality: what each source's member records are good for.

CREATE FUNCTION crm.identity_quality(source text DEFAULT NULL) RETURNS SETOF jsonb
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
BEGIN
    IF source IS NOT NULL AND NOT EXISTS (SELECT FROM crm.source s WHERE s.code = identity_quality.source) THEN
        RAISE EXCEPTION 'there is no source "%"', source
            USING ERRCODE = 'no_data_found', COLUMN = 'source', HINT = 'crm.source_status lists them.';
    END IF;
    RETURN QUERY
    WITH asked AS (
        SELECT s.source_id, s.code FROM crm.source s WHERE identity_quality.source IS NULL OR s.code = identity_quality.source),
    held AS (
        SELECT r.source_id, r.source_record_id, crm._identity_is_full_name(p.name) AS has_name,
               crm._identity_is_real_birthday(p.birthday) AS has_birthday, p.birthday IS NOT NULL AS has_any_birthday,
               p.sex IS NOT NULL AS has_sex, p.address_sealed IS NOT NULL AS has_address
        FROM crm.source_record r
        JOIN asked a ON a.source_id = r.source_id
        JOIN crm.source_record_private p ON p.source_record_id = r.source_record_id AND p.revision = r.revision
        WHERE r.is_current AND r.kind NOT IN ('visitor', 'receipt')),
    described AS (
        SELECT h.source_id, count(*) AS records, count(*) FILTER (WHERE h.has_name) AS with_name,
            count(*) FILTER (WHERE h.has_birthday) AS with_birthday,
               count(*) FILTER (WHERE h.has_any_birthday AND NOT h.has_birthday) AS placeholder_birthdays,
               count(*) FILTER (WHERE h.has_sex) AS with_sex, count(*) FILTER (WHERE h.has_address) AS with_address
        FROM held h GROUP BY h.source_id),
    value AS (          -- an identifier, as one source holds it
        SELECT h.source_id, ri.kind, ri.value_hash, count(*) AS holders FROM held h
        JOIN crm.record_identifier ri ON ri.source_record_id = h.source_record_id AND ri.ended_at IS NULL
        GROUP BY h.source_id, ri.kind, ri.value_hash),
    phones AS (
        SELECT v.source_id, sum(v.holders) AS with_phone, sum(v.holders) FILTER (WHERE i.is_blocked) AS unusable_phones,
               count(*) FILTER (WHERE v.holders > 1 AND NOT i.is_blocked) AS duplicate_phones,
               sum(v.holders) FILTER (WHERE v.holders > 1 AND NOT i.is_blocked) AS records_sharing_a_phone
        FROM value v JOIN crm.identifier i ON i.kind = v.kind AND i.value_hash = v.value_hash
        WHERE v.kind = 1 GROUP BY v.source_id),
    refused AS (
        SELECT j.source_id, count(*) AS rejected, count(*) FILTER (WHERE j.field = 'phone') AS invalid_phones
        FROM crm.reject j WHERE j.entity = 'member' AND j.state IN ('open', 'retry') GROUP BY j.source_id)
    SELECT to_jsonb(q) || jsonb_build_object('complete_percent', CASE WHEN q.records > 0 THEN
               round(100.0 * (q.with_name + q.with_phone + q.with_birthday + q.with_sex + q.with_address) / (5 * q.records), 1) END) FROM (
        SELECT a.code AS source, coalesce(d.records, 0) AS records, coalesce(d.with_name, 0) AS with_name,
               coalesce(p.with_phone, 0)::bigint AS with_phone, coalesce(d.with_birthday, 0) AS with_birthday, coalesce(d.with_sex, 0) AS with_sex,
               coalesce(d.with_address, 0) AS with_address, coalesce(d.placeholder_birthdays, 0) AS placeholder_birthdays,
               coalesce(p.unusable_phones, 0)::bigint AS unusable_phones, coalesce(p.duplicate_phones, 0) AS duplicate_phones,
               coalesce(p.records_sharing_a_phone, 0)::bigint AS records_sharing_a_phone,
               coalesce(x.rejected, 0) AS rejected, coalesce(x.invalid_phones, 0) AS invalid_phones
        FROM asked a
        LEFT JOIN described d ON d.source_id = a.source_id
        LEFT JOIN phones p ON p.source_id = a.source_id
        LEFT JOIN refused x ON x.source_id = a.source_id
        ORDER BY a.code COLLATE "C") q;
END
$$;
COMMENT ON FUNCTION crm.identity_quality(text) IS
    'a source''s member records (all sources without a code): how many, how complete (complete_percent: of name, '
    'phone, birthday, sex and address the share that is there, null without records), phones that cannot identify '
    '(landlines, placeholders, hubs), phones on several of its records, records refused and refused for their '
    'phone; counts, no values; reads all records of the source; P0002 for an unknown source';
GRANT EXECUTE ON FUNCTION crm.identity_quality(text) TO crm_steward, crm_headquarters;
