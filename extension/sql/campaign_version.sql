-- campaign_version: a flow's versions: what it did and said, who changed it, and one of them taken back.

-- What a house has added to the table is no part of it.
CREATE FUNCTION crm._campaign_text_kept(template jsonb) RETURNS jsonb
    LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
$$
    SELECT jsonb_strip_nulls(jsonb_object_agg(m.key, m.value)) FROM jsonb_each(template) m
    WHERE m.key = ANY ('{template,channel,language,body,subject,html,vendor_template,vendor_params}')
$$;
COMMENT ON FUNCTION crm._campaign_text_kept(jsonb) IS 'a template as a version keeps it';

CREATE FUNCTION crm._campaign_texts_kept(spec jsonb) RETURNS jsonb
    LANGUAGE plpgsql STABLE AS
$$
BEGIN
    RETURN (SELECT coalesce(jsonb_agg(crm._campaign_text_kept(to_jsonb(t)) ORDER BY t.template, t.channel, t.language), '[]') FROM crm.template t
            WHERE t.template IN (SELECT n #>> '{}' FROM jsonb_path_query(spec, 'lax $.**.template') n));
END
$$;
COMMENT ON FUNCTION crm._campaign_texts_kept(jsonb) IS
    'what the templates that a spec names say now, as a version keeps it';

CREATE FUNCTION crm._campaign_keep_version(edited crm.flow_row, back_to int DEFAULT NULL) RETURNS void
    LANGUAGE plpgsql AS
$$
BEGIN
    INSERT INTO crm.flow_version (flow_id, version, spec, texts, back_to, changed_by, changed_at)
    VALUES (edited.flow_id, edited.version, edited.spec, crm._campaign_texts_kept(edited.spec),
        _campaign_keep_version.back_to, crm._actor(), crm.core_now());
END
$$;
COMMENT ON FUNCTION crm._campaign_keep_version(crm.flow_row, int) IS
    'keeps a flow''s values and texts under its version; back_to: the version that it takes back';

-- A save writes values, then texts one by one: within some minutes of one hand they are one version.
CREATE FUNCTION crm._campaign_texts_written(flow text) RETURNS void
    LANGUAGE plpgsql AS
$$
DECLARE
    together constant interval := '5 minutes';
    said crm.flow_row := crm._campaign_flow(flow);
    now_said jsonb := crm._campaign_texts_kept(said.spec);
    last crm.flow_version;
BEGIN
    SELECT * INTO last FROM crm.flow_version v WHERE v.flow_id = said.flow_id AND v.version = said.version;
    IF last.texts = now_said THEN
        RETURN;
    ELSIF last.changed_by = crm._actor() AND last.back_to IS NULL AND last.changed_at > crm.core_now() - together THEN
        UPDATE crm.flow_version v SET texts = now_said WHERE v.flow_id = said.flow_id AND v.version = said.version;
    ELSE
        PERFORM crm._campaign_new_version(said);
    END IF;
END
$$;
COMMENT ON FUNCTION crm._campaign_texts_written(text) IS
    'keeps what a flow says now: with the version that the same hand made within five minutes, else as the next '
    'one; the caller holds the flow''s row';

CREATE FUNCTION crm._campaign_kept(chosen crm.flow_row) RETURNS jsonb
    LANGUAGE plpgsql STABLE AS
$$
BEGIN
    RETURN (SELECT jsonb_agg(jsonb_build_object('version', v.version, 'content', v.spec || CASE
                WHEN v.texts IS NULL THEN '{}'
                ELSE jsonb_build_object('texts', crm._campaign_texts_named(v.texts)) END,
                'changed_by', v.changed_by, 'changed_at', v.changed_at, 'back_to', v.back_to) ORDER BY v.version DESC)
                    FROM crm.flow_version v WHERE v.flow_id = chosen.flow_id);
END
$$;
COMMENT ON FUNCTION crm._campaign_kept(crm.flow_row) IS
    'the versions of a flow, its values and texts as one content, as crm._versions_told() takes them';

CREATE FUNCTION crm._campaign_texts_named(texts jsonb) RETURNS jsonb
    LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
$$
    SELECT coalesce(jsonb_object_agg(concat_ws(' ', t ->> 'template', t ->> 'channel',
                    nullif(t ->> 'language', 'zh-CN')), t - '{template,channel,language}'::text[]), '{}')
        FROM jsonb_array_elements(texts) t
$$;
COMMENT ON FUNCTION crm._campaign_texts_named(jsonb) IS
    'texts by template and channel, so that two versions can be laid side by side';

CREATE FUNCTION crm.campaign_versions(flow text, against int DEFAULT NULL) RETURNS SETOF jsonb
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
BEGIN
    RETURN QUERY SELECT crm._versions_told(crm._campaign_kept(crm._campaign_flow(flow)), against);
END
$$;
COMMENT ON FUNCTION crm.campaign_versions(text, int) IS
    'the versions of a flow, the newest first: content (its values, and its texts by template and channel where '
    'they were kept), changed_by and changed_at, back_to, is_current, changes against the version before or against '
    'a given one; P0002';
GRANT EXECUTE ON FUNCTION crm.campaign_versions(text, int) TO crm_manager, crm_marketer, crm_analyst, crm_headquarters;

CREATE FUNCTION crm._campaign_say_again(code text, texts jsonb) RETURNS void
    LANGUAGE plpgsql AS
$$
DECLARE
    said jsonb;
BEGIN
    -- a text that other flows send, too, stays theirs
    FOR said IN SELECT t FROM jsonb_array_elements(coalesce(texts, '[]')) e CROSS JOIN crm._campaign_text_kept(e) t
                WHERE (t ->> 'template' = code OR left(t ->> 'template', length(code) + 1) = code || '_')
                  AND NOT EXISTS (SELECT FROM crm.template x WHERE crm._campaign_text_kept(to_jsonb(x)) = t) LOOP
        PERFORM crm.outbox_define_template(said ->> 'template', said ->> 'channel', said ->> 'body', said - '{template,channel,body}'::text[]);
    END LOOP;
END
$$;
COMMENT ON FUNCTION crm._campaign_say_again(text, jsonb) IS 'writes a flow''s own templates as they were kept';

CREATE FUNCTION crm.campaign_revert(flow text, version int, idempotency_key text DEFAULT NULL) RETURNS jsonb
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
DECLARE
    answer jsonb := crm._idempotency_claim(idempotency_key,
            'campaign_revert', crm._sha256(convert_to(jsonb_build_array(flow, version)::text, 'UTF8')));
    edited crm.flow_row;
    wanted crm.flow_version;
    moved_to timestamptz;
BEGIN
    IF answer IS NOT NULL THEN
        RETURN answer;
    END IF;
    PERFORM FROM crm.flow f WHERE f.code = flow FOR UPDATE;
    edited := crm._campaign_flow(flow);
    SELECT * INTO wanted FROM crm.flow_version v WHERE v.flow_id = edited.flow_id AND v.version = campaign_revert.version;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no version % of flow "%"', version, flow USING ERRCODE = 'no_data_found',
            COLUMN = 'version', HINT = 'crm.campaign_versions() has those there are.';
    END IF;
    IF edited.trigger = 'schedule' AND EXISTS (SELECT FROM unnest('{schedule,zone,calendar,days_before}'::text[]) k
            WHERE edited.spec -> k IS DISTINCT FROM wanted.spec -> k) THEN
        moved_to := crm._campaign_reschedule(edited);
    END IF;
    PERFORM crm._campaign_say_again(flow, wanted.texts);
    edited.watermark := coalesce(moved_to, edited.watermark);
    edited.spec := wanted.spec;
    PERFORM crm._campaign_require_fit(edited);
    answer := crm._campaign_new_version(edited, campaign_revert.version);
    PERFORM crm._idempotency_store(idempotency_key, answer);
    RETURN answer;
END
$$;
COMMENT ON FUNCTION crm.campaign_revert(text, int, text) IS
    'gives a flow, running or not, the values and own texts of an earlier version, as a new one; what has fired '
    'stays, another schedule counts from now on, texts that other flows send stay theirs; RM801 when it could not '
    'run so today, P0002 no such flow or version';
GRANT EXECUTE ON FUNCTION crm.campaign_revert(text, int, text) TO crm_marketer, crm_headquarters;
