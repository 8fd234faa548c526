-- campaign_text: what flows are called and what they say; a text is shown as a person would read it before it is sent.

CREATE FUNCTION crm.campaign_rename(flow text, name_zh text, name_en text DEFAULT NULL, idempotency_key text DEFAULT NULL) RETURNS jsonb
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
DECLARE
    answer jsonb := crm._idempotency_claim(idempotency_key,
            'campaign_rename', crm._sha256(convert_to(jsonb_build_array(flow, name_zh, name_en)::text, 'UTF8')));
    renamed crm.flow_row;
BEGIN
    IF answer IS NOT NULL THEN
        RETURN answer;
    END IF;
    PERFORM FROM crm.flow f WHERE f.code = flow FOR UPDATE;
    renamed := crm._campaign_flow(flow);
    IF length(btrim(coalesce(name_zh, ''))) NOT BETWEEN 1 AND 100 OR length(btrim(coalesce(name_en, ''))) > 100 THEN
        RAISE EXCEPTION 'a flow has a name of 1 to 100 characters' USING ERRCODE = 'invalid_parameter_value',
            COLUMN = CASE WHEN length(btrim(coalesce(name_en, ''))) > 100 THEN 'name_en' ELSE 'name_zh' END, HINT = 'Give a shorter name, or any.';
    END IF;
    renamed.name_zh := btrim(name_zh);
    renamed.name_en := coalesce(nullif(btrim(name_en), ''), btrim(name_zh));
    UPDATE crm.flow f SET name_zh = renamed.name_zh, name_en = renamed.name_en WHERE f.flow_id = renamed.flow_id;
    PERFORM crm._audit('flow rename', 'flow', renamed.flow_id, 'name_zh', NULL, renamed.name_zh);
    answer := crm._campaign_json(renamed);
    PERFORM crm._idempotency_store(idempotency_key, answer);
    RETURN answer;
END
$$;
COMMENT ON FUNCTION crm.campaign_rename(text, text, text, text) IS
    'gives a flow another name (1 to 100 characters; without an English one the Chinese is both), whatever its '
    'state; its code stays; P0002, 22023';

CREATE FUNCTION crm._campaign_template(template text, channel text, OUT language text, OUT body text, OUT subject text, OUT html text,
                                       OUT vendor_template text, OUT vendor_params jsonb)
    LANGUAGE plpgsql STABLE AS
$$
BEGIN
    SELECT t.language, t.body, t.subject, t.html, t.vendor_template, t.vendor_params INTO language, body, subject,
        html, vendor_template, vendor_params
    FROM crm.template t WHERE t.template = _campaign_template.template AND t.channel = _campaign_template.channel ORDER BY t.language DESC LIMIT 1;
END
$$;
COMMENT ON FUNCTION crm._campaign_template(text, text) IS
    'a template on a channel, in the language that is sent; nulls: there is none';

CREATE FUNCTION crm.campaign_texts(flow text) RETURNS SETOF jsonb
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
DECLARE
    chosen crm.flow_row := crm._campaign_flow(flow);
BEGIN
    RETURN QUERY
    SELECT jsonb_build_object('step', n.step, 'channel', c.channel, 'template', w.template, 'body', t.body, 'subject', t.subject,
                              'vendor_template', t.vendor_template, 'vendor_params', t.vendor_params,
                                  'placeholder', crm._outbox_placeholder(c.channel))
           || CASE WHEN w.variant IS NOT NULL THEN jsonb_build_object('variant', w.variant) ELSE '{}' END
    FROM generate_series(1, greatest(jsonb_array_length(coalesce(chosen.spec -> 'steps', '[]')), 1)) n (step),
         LATERAL (SELECT crm._campaign_step_spec(chosen.spec, n.step, crm.core_now()) AS spec) p,
         LATERAL jsonb_array_elements_text(coalesce(p.spec -> 'channels', CASE
                 WHEN chosen.trigger = 'site' THEN '["site"]'::jsonb END, '[]')) WITH ORDINALITY c (channel, place),
         LATERAL (SELECT NULL AS variant, p.spec ->> 'template' AS template
                  UNION ALL SELECT v ->> 'variant', v ->> 'template'
                      FROM jsonb_array_elements(coalesce(p.spec -> 'variants', '[]')) v WHERE v ? 'template') w
         LEFT JOIN LATERAL crm._campaign_template(w.template, c.channel) t ON true
    ORDER BY n.step, w.variant NULLS FIRST, c.place;
END
$$;
COMMENT ON FUNCTION crm.campaign_texts(text) IS
    'what a flow says in each of its steps on each of its channels, and what its variants say instead; body null: '
    'no text yet; placeholder: how the channel''s vendor fills in approved texts (text: it takes any text); P0002';

CREATE FUNCTION crm._campaign_own_template(flow crm.flow_row, step int) RETURNS text
    LANGUAGE plpgsql AS
$$
DECLARE
    used text := crm._campaign_step_spec(flow.spec, step, crm.core_now()) ->> 'template';
    own text := flow.code || CASE WHEN step > 1 THEN '_' || step ELSE '' END;
    edited crm.flow_row := flow;
BEGIN
    IF used = own THEN
        RETURN own;
    END IF;
    -- a text that others send, too, stays theirs
    INSERT INTO crm.template (template, channel, language, body, subject, html, vendor_template, vendor_params)
    SELECT own, t.channel, t.language, t.body, t.subject, t.html, t.vendor_template, t.vendor_params
        FROM crm.template t WHERE t.template = used ON CONFLICT DO NOTHING;
    -- a copy says what was said, so it fits as well, or as badly: the texts of the other steps may be written after
    -- this one
    edited.spec := CASE WHEN flow.spec ? 'steps' THEN jsonb_set(flow.spec, ARRAY['steps', (step - 1)::text, 'template'], to_jsonb(own))
                        ELSE flow.spec || jsonb_build_object('template', own) END;
    PERFORM crm._campaign_new_version(edited);
    RETURN own;
END
$$;
COMMENT ON FUNCTION crm._campaign_own_template(crm.flow_row, int) IS
    'the template of one step of a flow that no other flow and no other step uses; made of the one it shared when '
    'there is none yet';

CREATE FUNCTION crm._campaign_require_text(flow crm.flow_row, step int, channel text, body text, subject text, vendor jsonb DEFAULT NULL) RETURNS void
    LANGUAGE plpgsql STABLE AS
$$
DECLARE
    used record;
    wrong record;
BEGIN
    SELECT * INTO used FROM crm._campaign_template(crm._campaign_step_spec(flow.spec, step, crm.core_now()) ->> 'template', channel);
    IF coalesce(step, 0) NOT BETWEEN 1 AND greatest(jsonb_array_length(coalesce(flow.spec -> 'steps', '[]')), 1) THEN
        SELECT 'step' AS field, 'there is no such step' AS fault INTO wrong;
    ELSE
        SELECT f.field, f.fault INTO wrong FROM crm._outbox_template_fault(channel, body, coalesce(subject, used.subject), used.html,
            coalesce(nullif(vendor ->> 'template', ''), used.vendor_template), coalesce(nullif(vendor -> 'params', 'null'), used.vendor_params)) f;
    END IF;
    IF wrong.field IS NOT NULL THEN
        RAISE EXCEPTION 'the text of flow "%" cannot be used: %', flow.code, wrong.fault
            USING ERRCODE = 'RM801', COLUMN = wrong.field, HINT = format('Variables are {{%s}}.', array_to_string(crm._outbox_variables(), '}}, {{'));
    END IF;
END
$$;
COMMENT ON FUNCTION crm._campaign_require_text(crm.flow_row, int, text, text, text, jsonb) IS
    'RM801 with the field unless a flow has the step and its channel takes the text';

CREATE FUNCTION crm.campaign_write_text(flow text, step int, channel text, body text, subject text DEFAULT NULL,
                                        vendor jsonb DEFAULT NULL, idempotency_key text DEFAULT NULL) RETURNS jsonb
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
DECLARE
    answer jsonb := crm._idempotency_claim(idempotency_key,
            'campaign_write_text', crm._sha256(convert_to(jsonb_build_array(flow, step, channel, body, subject,
                    vendor)::text, 'UTF8')));
    chosen crm.flow_row;
    own text;
    used record;
BEGIN
    IF answer IS NOT NULL THEN
        RETURN answer;
    END IF;
    PERFORM FROM crm.flow f WHERE f.code = flow FOR UPDATE;
    chosen := crm._campaign_flow(flow);
    PERFORM crm._campaign_require_text(chosen, step, channel, body, subject, vendor);
    own := crm._campaign_own_template(chosen, step);
    SELECT * INTO used FROM crm._campaign_template(own, channel);
    -- in the language that is sent; what a vendor approved stays unless it is told
    PERFORM crm.outbox_define_template(own, channel, body,
        jsonb_strip_nulls(jsonb_build_object('language', used.language,
        'subject', coalesce(nullif(btrim(subject), ''), used.subject),
        'html', used.html, 'vendor_template', coalesce(nullif(vendor ->> 'template', ''), used.vendor_template),
        'vendor_params', coalesce(nullif(vendor -> 'params', 'null'), used.vendor_params))));
    PERFORM crm._campaign_texts_written(flow);
    answer := jsonb_build_object('flow', flow, 'step', step, 'channel', channel, 'template', own, 'body', btrim(body));
    PERFORM crm._idempotency_store(idempotency_key, answer);
    RETURN answer;
END
$$;
COMMENT ON FUNCTION crm.campaign_write_text(text, int, text, text, text, jsonb, text) IS
    'writes what a step of a flow says on a channel, also one that it is to be given next, from the next message '
    'on; vendor: {template, params} of an approved text; other flows keep their text; RM801 names the field, P0002';

CREATE FUNCTION crm.campaign_read_text(customer_id bigint, flow text, step int, channel text, body text DEFAULT NULL) RETURNS jsonb
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
DECLARE
    person bigint := crm._access_require_person(customer_id);
    chosen crm.flow_row := crm._campaign_flow(flow);
    spec jsonb := crm._campaign_step_spec(chosen.spec, step, crm.core_now());
    wording text := coalesce(body, (crm._campaign_template(spec ->> 'template', channel)).body);
    offer record;
    who text;
    is_clear boolean := EXISTS (SELECT FROM crm.field_right f WHERE f.role = crm._actor_role() AND f.field = 'name');
    read text;
BEGIN
    PERFORM crm._campaign_require_text(chosen, step, channel, wording, 'x');
    SELECT t.value, t.valid_days INTO offer FROM crm.coupon_type t WHERE t.coupon_type = spec ->> 'coupon_type';
    who := crm._outbox_plain(CASE WHEN is_clear THEN (SELECT p.name FROM crm.customer_private p WHERE p.customer_id = person)
                ELSE (SELECT c.name_masked FROM crm.customer c WHERE c.customer_id = person) END);
    read := crm._campaign_fill(wording, who, CASE WHEN spec ? 'coupon_type' THEN 'C5-XXXXXXXX' END, offer.value,
        crm._loyalty_valid_until(crm.core_now(), offer.valid_days, crm._campaign_zone(person)), crm._campaign_zone(person),
        crm._campaign_bought_words(person, crm._local_day(crm.core_now(), crm._campaign_zone(person)))
        || jsonb_build_object('link', CASE WHEN spec ? 'link' THEN (crm._setting('campaign.link_base') #>> '{}') || '/s/XXXXXXXXXXXXXXXXXXXXXX' END));
    RETURN jsonb_build_object('customer_id', person, 'text', read, 'characters', length(read), 'segments', CASE
        WHEN channel = 'sms' THEN (crm._outbox_sms_length(read, NULL)).segments END, 'is_masked', NOT is_clear);
END
$$;
COMMENT ON FUNCTION crm.campaign_read_text(bigint, text, int, text, text) IS
    'what a person of the actor''s scope would read of a step of a flow on a channel, in another wording if one is '
    'given; the name masked unless the role may see it, the coupon a sample; nothing is sent; RM801, P0002';

GRANT EXECUTE ON FUNCTION crm.campaign_rename(text, text, text, text),
    crm.campaign_write_text(text, int, text, text, text, jsonb, text) TO crm_marketer, crm_headquarters;
GRANT EXECUTE ON FUNCTION crm.campaign_texts(text) TO crm_manager, crm_marketer, crm_analyst, crm_headquarters;
GRANT EXECUTE ON FUNCTION crm.campaign_read_text(bigint, text, int, text, text) TO crm_marketer, crm_headquarters;
