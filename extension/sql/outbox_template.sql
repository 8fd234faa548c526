-- outbox_template: what messages say.  A template is checked when it is written and again when a flow starts;
-- values become text of their channel, never structure.

CREATE FUNCTION crm._outbox_variables() RETURNS text[]
    LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
        SELECT '{name,coupon_code,coupon_value,valid_until,link,last_item,top_items,last_year_item}'::text[] $$;
COMMENT ON FUNCTION crm._outbox_variables() IS 'the variables that messages to persons fill in';

CREATE FUNCTION crm._outbox_unknown_variables(body text) RETURNS text[]
    LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
$$ SELECT coalesce(array_agg(DISTINCT m[1]), '{}') FROM regexp_matches(body, '\{\{(.*?)\}\}', 'g') m WHERE m[1] <> ALL (crm._outbox_variables()) $$;
COMMENT ON FUNCTION crm._outbox_unknown_variables(text) IS 'variables of a text that nothing fills in';

CREATE FUNCTION crm._outbox_plain(value text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
$$ SELECT CASE WHEN value ~ '[[:cntrl:]【】]' THEN btrim(regexp_replace(translate(value, '【】', '[]'), '[[:cntrl:]]+', ' ', 'g')) ELSE value END $$;
COMMENT ON FUNCTION crm._outbox_plain(text) IS
    'a value as one line; brackets that would pass for a sender''s signature become others';

CREATE FUNCTION crm._outbox_escape_html(value text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
$$ SELECT replace(replace(replace(replace(replace(value, '&', '&amp;'), '<', '&lt;'), '>', '&gt;'), '"', '&quot;'), '''', '&#39;') $$;
COMMENT ON FUNCTION crm._outbox_escape_html(text) IS 'a value as text of HTML, within attributes, too';

-- WeChat's limits of a placeholder, by the kind its name begins with.
CREATE FUNCTION crm._outbox_typed_limit(placeholder text) RETURNS int
    LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
$$
    SELECT CASE regexp_replace(placeholder, '[0-9]{1,2}$', '')
        WHEN 'thing' THEN 20 WHEN 'number' THEN 32 WHEN 'letter' THEN 32 WHEN 'symbol' THEN 5 WHEN 'character_string' THEN 32 WHEN 'time' THEN 24
        WHEN 'date' THEN 24 WHEN 'amount' THEN 10 WHEN 'phone_number' THEN 17 WHEN 'car_number' THEN 8 WHEN 'name' THEN 10 WHEN 'phrase' THEN 5 END
    WHERE placeholder ~ '[0-9]{1,2}$'
$$;
COMMENT ON FUNCTION crm._outbox_typed_limit(text) IS
    'how many characters WeChat takes for a placeholder (thing1, date2 ...); null: there is none of that kind';

CREATE FUNCTION crm._outbox_sms_length(body text, signature text, OUT characters int, OUT segments int)
    LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
$$
    -- the signature is sent as 【...】 before the text; one message holds 70 characters, each part of a longer one 67
    SELECT n, CASE WHEN n <= 70 THEN 1 ELSE ceil(n / 67.0)::int END
    FROM (SELECT length(body) + CASE WHEN coalesce(signature, '') = '' THEN 0 ELSE length(signature) + 2 END) x (n)
$$;
COMMENT ON FUNCTION crm._outbox_sms_length(text, text) IS
    'characters of a text message with its signature, and how many messages the carrier counts';

CREATE FUNCTION crm._outbox_vendor_fault(placeholder text, vendor_template text, vendor_params jsonb, OUT field text, OUT fault text)
    LANGUAGE plpgsql IMMUTABLE AS
$$
DECLARE
    wanted text := CASE placeholder WHEN 'listed' THEN 'array' ELSE 'object' END;
    wrong text;
BEGIN
    IF placeholder = 'text' THEN
        RETURN;
    ELSIF coalesce(vendor_template, '') = '' THEN
        field := 'vendor_template'; fault := 'the channel''s vendor sends approved texts alone: give its id';
        RETURN;
    ELSIF coalesce(jsonb_typeof(vendor_params), '') <> wanted THEN
        field := 'vendor_params';
        fault := CASE placeholder WHEN 'listed'
            THEN 'give the values in the order of the vendor''s placeholders: ["{{name}}", ...]'
            ELSE 'give a value for each of the vendor''s placeholders: {"code": "{{coupon_code}}"}' END;
        RETURN;
    END IF;
    SELECT p.key INTO wrong
    FROM (SELECT e.key, e.value FROM jsonb_each(CASE wanted WHEN 'object' THEN vendor_params ELSE '{}' END) e
          UNION ALL
          SELECT e.n::text, e.value FROM jsonb_array_elements(CASE wanted WHEN 'array' THEN vendor_params
                  ELSE '[]' END) WITH ORDINALITY e (value, n)) p
    WHERE jsonb_typeof(p.value) <> 'string' OR crm._outbox_unknown_variables(p.value #>> '{}') <> '{}'
       OR (placeholder = 'typed' AND crm._outbox_typed_limit(p.key) IS NULL) OR (placeholder = 'named' AND p.key !~ '^[A-Za-z][A-Za-z0-9_]{0,29}$')
    ORDER BY 1 LIMIT 1;
    IF wrong IS NOT NULL THEN
        field := 'vendor_params';
        fault := format('placeholder "%s" is none of the vendor''s, or nothing fills it in', wrong);
    END IF;
END
$$;
COMMENT ON FUNCTION crm._outbox_vendor_fault(text, text, jsonb) IS
    'what keeps a vendor from taking a template: its id, its placeholders by the connector''s manner; nulls: nothing';

CREATE FUNCTION crm._outbox_placeholder(channel text) RETURNS text
    LANGUAGE plpgsql STABLE AS
$$
BEGIN
    RETURN (SELECT coalesce(c.placeholder, 'text') FROM crm.channel ch LEFT JOIN crm.endpoint e ON e.endpoint = ch.endpoint
            LEFT JOIN crm.connector c ON c.connector = e.connector WHERE ch.channel = _outbox_placeholder.channel);
END
$$;
COMMENT ON FUNCTION crm._outbox_placeholder(text) IS
    'how the vendor that carries a channel fills in approved texts: named, listed, typed, or text: it takes any '
    'text; null: there is no such channel';

CREATE FUNCTION crm._outbox_template_fault(channel text, body text, subject text, html text, vendor_template text, vendor_params jsonb,
                                           OUT field text, OUT fault text)
    LANGUAGE plpgsql STABLE AS
$$
#variable_conflict use_variable
DECLARE
    kind smallint;
    manner text;
    form text;
BEGIN
    SELECT ch.identifier_kind, coalesce(c.placeholder, 'text'), c.format INTO kind, manner, form
    FROM crm.channel ch LEFT JOIN crm.endpoint e ON e.endpoint = ch.endpoint LEFT JOIN crm.connector c ON c.connector = e.connector
    WHERE ch.channel = _outbox_template_fault.channel;
    SELECT f.field, f.fault INTO field, fault FROM (VALUES
        (1, 'channel', manner IS NOT NULL, 'there is no such channel'),
        (2, 'body', length(btrim(coalesce(body, ''))) BETWEEN 1 AND 2000, 'give 1 to 2000 characters'),
        (3, 'body', crm._outbox_unknown_variables(body) = '{}',
            format('nothing fills in {{%s}}', array_to_string(crm._outbox_unknown_variables(body), '}}, {{'))),
        (4, 'body', kind IS DISTINCT FROM 1 OR body !~ '[[:cntrl:]]', 'a text message is one line'),
        (5, 'body', kind IS DISTINCT FROM 1 OR channel = 'voice' OR body ~ '退订|拒收|TD', 'a text message says how to stop it: 退订回T'),
        (6, 'body', kind IS DISTINCT FROM 1 OR length(body) <= 500, 'a text message has 500 characters at most'),
        (7, 'subject', subject IS NULL OR (length(btrim(subject)) BETWEEN 1 AND 200 AND subject !~ '[[:cntrl:]]'),
            'a subject is one line of 1 to 200 characters'),
        (8, 'subject', form IS DISTINCT FROM 'mail' OR subject IS NOT NULL, 'an e-mail needs a subject'),
        (9, 'subject', crm._outbox_unknown_variables(subject) = '{}',
            format('nothing fills in {{%s}}', array_to_string(crm._outbox_unknown_variables(subject), '}}, {{'))),
        (10, 'html', html IS NULL OR length(html) <= 100000, 'give 100,000 characters at most'),
        (11, 'html', crm._outbox_unknown_variables(html) = '{}',
            format('nothing fills in {{%s}}', array_to_string(crm._outbox_unknown_variables(html), '}}, {{'))),
        (12, 'html', html IS NULL OR html !~* '<script|javascript:|\son[a-z]+\s*=', 'no script in an e-mail')) f (n, field, is_good, fault)
    WHERE f.is_good IS NOT TRUE ORDER BY f.n LIMIT 1;
    IF field IS NULL THEN
        SELECT v.field, v.fault INTO field, fault FROM crm._outbox_vendor_fault(manner, vendor_template, vendor_params) v;
    END IF;
END
$$;
COMMENT ON FUNCTION crm._outbox_template_fault(text, text, text, text, text, jsonb) IS
    'what is wrong with a template on its channel, as the channel''s connector takes it, and where; nulls: nothing';

CREATE FUNCTION crm._outbox_dress(template text, channel text, given jsonb) RETURNS jsonb
    LANGUAGE plpgsql STABLE AS
$$
#variable_conflict use_column
DECLARE
    plain jsonb := (SELECT coalesce(jsonb_object_agg(e.key, crm._outbox_plain(e.value)), '{}') FROM jsonb_each_text(given) e);
BEGIN
    RETURN (
        SELECT jsonb_strip_nulls(jsonb_build_object(
            'subject', crm._outbox_fill_text(t.subject, plain),
            'html', crm._outbox_fill_text(t.html,
                    (SELECT coalesce(jsonb_object_agg(e.key, crm._outbox_escape_html(e.value)), '{}')
                        FROM jsonb_each_text(given) e)),
            'template', t.vendor_template,
            'params', CASE jsonb_typeof(t.vendor_params)
                WHEN 'array' THEN (SELECT jsonb_agg(crm._outbox_fill_text(p.value #>> '{}', plain) ORDER BY p.n)
                        FROM jsonb_array_elements(t.vendor_params) WITH ORDINALITY p (value, n))
                -- what is too long would be refused: cut off, a vendor's limit is no reason to say nothing
                WHEN 'object' THEN (SELECT jsonb_object_agg(p.key, CASE WHEN crm._outbox_typed_limit(p.key) IS NULL THEN to_jsonb(f.said)
                                        ELSE jsonb_build_object('value', left(f.said, crm._outbox_typed_limit(p.key))) END)
                                    FROM jsonb_each_text(t.vendor_params) p, LATERAL (SELECT crm._outbox_fill_text(p.value, plain) AS said) f) END))
        FROM crm.template t WHERE t.template = _outbox_dress.template AND t.channel = _outbox_dress.channel ORDER BY t.language DESC LIMIT 1);
END
$$;
COMMENT ON FUNCTION crm._outbox_dress(text, text, jsonb) IS
    'what a message takes from its template besides the text: subject, HTML with its values escaped, the vendor''s '
    'template and placeholders';

CREATE FUNCTION crm._outbox_sample() RETURNS jsonb
    LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
$$ SELECT '{"name": "欧阳娜娜", "coupon_code": "C5-XXXXXXXX", "coupon_value": "100", "valid_until": "2026-12-31", "link": "https://crm.example.com/s/AbCdEfGhIjKlMnOpQrStUv",
    "last_item": "乳清蛋白粉", "top_items": "乳清蛋白粉、燕麦棒、维生素", "last_year_item": "乳清蛋白粉"}'::jsonb $$;
COMMENT ON FUNCTION crm._outbox_sample() IS 'values of a length that occurs, to count a text by';

CREATE FUNCTION crm.outbox_define_template(template text, channel text, body text, options jsonb DEFAULT '{}',
                                           idempotency_key text DEFAULT NULL) RETURNS jsonb
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
#variable_conflict use_column
DECLARE
    answer jsonb := crm._idempotency_claim(idempotency_key,
            'outbox_define_template', crm._sha256(convert_to(jsonb_build_array(template, channel, body,
                    options)::text, 'UTF8')));
    given jsonb := coalesce(options, '{}');
    wrong record;
    counted record;
BEGIN
    IF answer IS NOT NULL THEN
        RETURN answer;
    END IF;
    SELECT k AS field, 'unknown option' AS fault INTO wrong
        FROM jsonb_object_keys(CASE jsonb_typeof(given) WHEN 'object' THEN given ELSE '{"options": 1}' END) k
    WHERE k NOT IN ('language', 'subject', 'html', 'vendor_template', 'vendor_params') ORDER BY k LIMIT 1;
    IF wrong.field IS NULL AND coalesce(template, '') !~ '^[a-z][a-z0-9_]{0,62}$' THEN
        SELECT 'template' AS field, 'a code of a to z, 0 to 9 and _' AS fault INTO wrong;
    ELSIF wrong.field IS NULL THEN
        SELECT f.field, f.fault INTO wrong
        FROM crm._outbox_template_fault(outbox_define_template.channel, crm._outbox_as_asked(template, body) || CASE
                                        WHEN template = 'join_check' THEN '退订' ELSE '' END,
                                        given ->> 'subject', given ->> 'html', given ->> 'vendor_template',
                                            crm._outbox_as_asked(template,
                                                (given -> 'vendor_params')::text)::jsonb) f;
    END IF;
    IF wrong.field IS NULL AND template = 'join_check' AND body !~ '{{code}}' THEN
        SELECT 'body' AS field, 'the code is {{code}}' AS fault INTO wrong;
    END IF;
    IF wrong.field IS NOT NULL THEN
        RAISE EXCEPTION 'template cannot be used: %', wrong.fault USING ERRCODE = 'invalid_parameter_value', COLUMN = wrong.field,
            HINT = format('Variables are {{%s}}.', array_to_string(crm._outbox_variables(), '}}, {{'));
    END IF;
    INSERT INTO crm.template AS t (template, channel, language, body, subject, html, vendor_template, vendor_params)
    VALUES (outbox_define_template.template, outbox_define_template.channel, coalesce(given ->> 'language', 'zh-CN'),
            btrim(outbox_define_template.body),
            given ->> 'subject', given ->> 'html', given ->> 'vendor_template', given -> 'vendor_params')
    ON CONFLICT ON CONSTRAINT template_pkey DO UPDATE
    SET body = excluded.body, subject = excluded.subject, html = excluded.html,
        vendor_template = excluded.vendor_template, vendor_params = excluded.vendor_params;
    PERFORM crm._audit('define', 'template', NULL, outbox_define_template.channel, NULL, left(body, 500), outbox_define_template.template);
    SELECT * INTO counted FROM crm._outbox_sms_length(crm._outbox_fill_text(btrim(body), crm._outbox_sample()),
        (SELECT e.parameters ->> 'sign_name' FROM crm.channel ch JOIN crm.endpoint e ON e.endpoint = ch.endpoint
            WHERE ch.channel = outbox_define_template.channel));
    answer := jsonb_build_object('template', template, 'channel', channel, 'characters', counted.characters, 'segments', counted.segments);
    PERFORM crm._idempotency_store(idempotency_key, answer);
    RETURN answer;
END
$$;
COMMENT ON FUNCTION crm.outbox_define_template(text, text, text, jsonb, text) IS
    'writes a template on a channel (join_check is what a phone that enrols itself is sent: {{code}}, {{minutes}}); '
    'options language, subject, html, vendor_template, vendor_params; answers how many characters (with the '
    'signature) and messages of 70 a text of usual values has; 22023 names the field that is wrong';
GRANT EXECUTE ON FUNCTION crm.outbox_define_template(text, text, text, jsonb, text) TO crm_marketer, crm_headquarters;
