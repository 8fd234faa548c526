-- identity, many merges undone at once: what an import, a shared number or a slip of the hand put together.

-- Once each, the newest first: a merge into somebody who was merged himself later is undone after that.
CREATE FUNCTION crm._identity_bulk_of(journal_ids bigint[]) RETURNS bigint[]
    LANGUAGE plpgsql IMMUTABLE AS
$$
DECLARE
    asked bigint[] := ARRAY(SELECT DISTINCT j FROM unnest(journal_ids) j WHERE j IS NOT NULL ORDER BY j DESC);
BEGIN
    IF cardinality(asked) NOT BETWEEN 1 AND 1000 THEN
        RAISE EXCEPTION 'one to a thousand merges can be undone at once'
            USING ERRCODE = 'invalid_parameter_value', COLUMN = 'journal_ids',
                HINT = 'Give journal ids of merges, as crm.identity_changes() lists them.';
    END IF;
    RETURN asked;
END
$$;
COMMENT ON FUNCTION crm._identity_bulk_of(bigint[]) IS
    'journal ids once each, descending; 22023 for none or more than a thousand';

CREATE FUNCTION crm.identity_unmerge_bulk(journal_ids bigint[], reason text, idempotency_key text DEFAULT NULL) RETURNS jsonb
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
DECLARE
    answer jsonb := crm._idempotency_claim(idempotency_key,
            'identity_unmerge_bulk', convert_to(jsonb_build_array(journal_ids, reason)::text, 'UTF8'));
    done jsonb := '[]';
    kept jsonb := '[]';
    id bigint;
    remedy text;
BEGIN
    IF answer IS NOT NULL THEN
        RETURN answer;
    END IF;
    PERFORM crm._identity_need_reason(reason);
    FOREACH id IN ARRAY crm._identity_bulk_of(journal_ids) LOOP
        BEGIN
            done := done || (jsonb_build_object('journal_id', id) || crm.identity_unmerge(id, reason));
        EXCEPTION WHEN SQLSTATE 'RM301' OR SQLSTATE 'RM303' OR SQLSTATE 'RM304' OR no_data_found THEN
            GET STACKED DIAGNOSTICS remedy = PG_EXCEPTION_HINT;
            kept := kept || jsonb_build_object('journal_id', id, 'code', SQLSTATE, 'message', SQLERRM, 'remedy', remedy);
        END;
    END LOOP;
    answer := jsonb_build_object('undone', done, 'kept', kept);
    PERFORM crm._idempotency_store(idempotency_key, answer);
    RETURN answer;
END
$$;
COMMENT ON FUNCTION crm.identity_unmerge_bulk(bigint[], text, text) IS
    'undoes up to a thousand merges in one transaction, the newest first, each as crm.identity_unmerge(): {undone: '
    '[{journal_id, customer_id, restored, records}], kept: [{journal_id, code, message, remedy}]}; those that '
    'cannot be undone (P0002, RM301, RM303, RM304) are kept and named, the others go on; each audited; 22023 names '
    'the field; a deadlock (40P01) undoes all of it and is to be tried again';

CREATE FUNCTION crm.identity_unmerge_bulk_preview(journal_ids bigint[]) RETURNS jsonb
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
DECLARE
    merges jsonb := '[]';
    kept jsonb := '[]';
    id bigint;
    remedy text;
BEGIN
    FOREACH id IN ARRAY crm._identity_bulk_of(journal_ids) LOOP
        BEGIN
            merges := merges || (jsonb_build_object('journal_id', id) || crm.identity_unmerge_preview(id));
        EXCEPTION WHEN SQLSTATE 'RM301' OR SQLSTATE 'RM304' OR no_data_found THEN
            GET STACKED DIAGNOSTICS remedy = PG_EXCEPTION_HINT;
            kept := kept || jsonb_build_object('journal_id', id, 'code', SQLSTATE, 'message', SQLERRM, 'remedy', remedy);
        END;
    END LOOP;
    RETURN jsonb_build_object('merges', merges, 'kept', kept);
END
$$;
COMMENT ON FUNCTION crm.identity_unmerge_bulk_preview(bigint[]) IS
    'what crm.identity_unmerge_bulk() would do, each merge as if undone alone: {merges: previews with journal_id, '
    'kept: those that cannot be undone, and why}; nothing changes; 22023 names the field';
GRANT EXECUTE ON FUNCTION crm.identity_unmerge_bulk(bigint[], text, text),
    crm.identity_unmerge_bulk_preview(bigint[]) TO crm_steward, crm_headquarters;
