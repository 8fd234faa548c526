-- ingest_list: what whoever looks after imports wants to see before and after one: fields to map to, the mapping of
-- a source, the imports of late.

CREATE FUNCTION crm._ingest_required() RETURNS TABLE (entity text, fields text[])
    LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
$$
    VALUES ('member', '{external_id}'::text[]), ('order', '{external_id,ordered_at}'), ('order_line', '{external_id,ordered_at}'),
           ('refund', '{external_id,order_external_id,amount,refunded_at}'), ('event', '{type,occurred_at}'),
               ('interaction', '{occurred_at,channel}'),
           ('product', '{external_id,name}'), ('consent', '{channel,state,occurred_at}'), ('coupon', '{external_id,coupon_type,issued_at}')
$$;
COMMENT ON FUNCTION crm._ingest_required() IS 'the fields without which a record of an entity is refused';

CREATE FUNCTION crm.ingest_fields(entity text) RETURNS SETOF jsonb
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
BEGIN
    RETURN QUERY
    SELECT jsonb_build_object('field', f.field, 'is_required', f.field = ANY (coalesce(
               (SELECT r.fields FROM crm._ingest_required() r WHERE r.entity = ingest_fields.entity), '{}')))
    FROM unnest(crm._ingest_fields(entity)) WITH ORDINALITY f(field, position) WHERE f.field <> 'items' ORDER BY f.position;
    RETURN QUERY
    SELECT jsonb_build_object('field', 'custom.' || c.code, 'is_required', false, 'name_zh', c.name_zh, 'name_en', c.name_en)
    FROM crm.custom_field c WHERE c.entity = ingest_fields.entity AND NOT c.is_derived ORDER BY c.code;
END
$$;
COMMENT ON FUNCTION crm.ingest_fields(text) IS
    'the fields that columns of a file can become, in their order, custom ones last, computed ones not: field, '
    'is_required, names of custom ones; RM216 for an unknown entity';

CREATE FUNCTION crm.ingest_mapping(source text, entity text) RETURNS jsonb
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
DECLARE
    id int := crm._ingest_source_id(source);
BEGIN
    PERFORM crm._ingest_entity(entity);
    RETURN coalesce((SELECT jsonb_build_object('version', m.version, 'mapping', m.spec, 'created_by', m.created_by, 'created_at', m.created_at)
                     FROM crm.mapping m WHERE m.source_id = id AND m.entity = ingest_mapping.entity AND m.is_current),
                    '{"version": null, "mapping": null}');
END
$$;
COMMENT ON FUNCTION crm.ingest_mapping(text, text) IS
    'the mapping that deliveries of a source are read with: version, mapping, by whom, when; nulls when there is '
    'none; RM210, RM216';

CREATE FUNCTION crm.ingest_jobs(before bigint DEFAULT NULL, row_limit int DEFAULT 50) RETURNS SETOF jsonb
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
BEGIN
    RETURN QUERY
    SELECT crm._ingest_describe(b.batch_id) FROM crm.batch b
    WHERE b.batch_id < coalesce(before, 9223372036854775807)
      AND b.source_id IN (SELECT s.source_id FROM crm.source s WHERE s.code = coalesce(crm._actor_claim('source'), s.code))
    ORDER BY b.batch_id DESC LIMIT least(greatest(coalesce(row_limit, 50), 1), 500);
END
$$;
COMMENT ON FUNCTION crm.ingest_jobs(bigint, int) IS
    'imports, newest first, before an id: state, counts, progress as crm.ingest_job(); a till sees those of its source';

GRANT EXECUTE ON FUNCTION crm.ingest_fields(text), crm.ingest_mapping(text, text) TO crm_steward, crm_admin;
GRANT EXECUTE ON FUNCTION crm.ingest_jobs(bigint, int) TO crm_till, crm_steward, crm_headquarters, crm_admin;
