-- outbox_wire: connectors.  What a vendor's request looks like and what its answer means are rows of
-- crm.connector; here they are filled in and asked.  Signing is the sender's.

CREATE FUNCTION crm._outbox_fill_text(shape text, given jsonb) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
$$
    -- in one pass: whatever a value holds is text, not a variable
    SELECT CASE WHEN shape = '' THEN '' ELSE string_agg(CASE WHEN p.n = 1 OR position('}}' IN p.part) = 0 THEN CASE
                           WHEN p.n = 1 THEN p.part ELSE '{{' || p.part END
                           ELSE coalesce(given ->> split_part(p.part, '}}', 1), '')
                                   || substr(p.part, position('}}' IN p.part) + 2) END, '' ORDER BY p.n) END
    FROM unnest(string_to_array(shape, '{{')) WITH ORDINALITY p (part, n)
$$;
COMMENT ON FUNCTION crm._outbox_fill_text(text, jsonb) IS
    'a text with each {{name}} replaced by its value, in one pass; a name without a value becomes nothing';

CREATE FUNCTION crm._outbox_fill(shape jsonb, given jsonb) RETURNS jsonb
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS
$$
DECLARE
    text_of text;
BEGIN
    CASE jsonb_typeof(shape)
        WHEN 'object' THEN
            RETURN (SELECT coalesce(jsonb_object_agg(e.key, crm._outbox_fill(e.value, given)), '{}') FROM jsonb_each(shape) e);
        WHEN 'array' THEN
            RETURN (SELECT coalesce(jsonb_agg(crm._outbox_fill(e.value, given) ORDER BY e.n), '[]')
                FROM jsonb_array_elements(shape) WITH ORDINALITY e (value, n));
        WHEN 'string' THEN
            text_of := shape #>> '{}';
            -- alone it keeps its type: a list stays a list
            IF text_of ~ '^\{\{[^{}]+\}\}$' THEN
                RETURN coalesce(given -> substr(text_of, 3, length(text_of) - 4), '""');
            END IF;
            RETURN to_jsonb(crm._outbox_fill_text(text_of, given));
        ELSE
            RETURN shape;
    END CASE;
END
$$;
COMMENT ON FUNCTION crm._outbox_fill(jsonb, jsonb) IS
    'a JSON shape with its {{name}} filled in: escaping is JSON''s own; a string that is one name alone becomes the '
    'value with its type';

CREATE FUNCTION crm._outbox_url_encode(value text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
$$
    SELECT coalesce(string_agg(CASE WHEN chr(b) ~ '[A-Za-z0-9_.~-]' THEN chr(b) ELSE '%' || upper(lpad(to_hex(b), 2, '0')) END, '' ORDER BY n), '')
    FROM (SELECT n, get_byte(convert_to(value, 'UTF8'), n - 1) AS b FROM generate_series(1, octet_length(convert_to(value, 'UTF8'))) n) x
$$;
COMMENT ON FUNCTION crm._outbox_url_encode(text) IS 'percent-encoded by RFC 3986';

CREATE FUNCTION crm._outbox_path(path text, given jsonb) RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE AS
$$
    -- the access token is the sender's to fill in
    SELECT crm._outbox_fill_text(path, (SELECT coalesce(jsonb_object_agg(e.key, crm._outbox_url_encode(e.value)), '{}') FROM jsonb_each_text(given) e)
                                       || '{"access_token": "{{access_token}}"}')
$$;
COMMENT ON FUNCTION crm._outbox_path(text, jsonb) IS
    'a connector''s path with its variables filled in, percent-encoded; {{access_token}} stays';

CREATE FUNCTION crm._outbox_endpoint_given(parameters jsonb, secrets_sealed bytea) RETURNS jsonb
    LANGUAGE sql STABLE AS
$$
    SELECT coalesce(jsonb_object_agg('endpoint.' || e.key, e.value), '{}')
    FROM jsonb_each(parameters || coalesce(crm._decrypt('endpoint', secrets_sealed)::jsonb, '{}')) e
$$;
COMMENT ON FUNCTION crm._outbox_endpoint_given(jsonb, bytea) IS
    'what an endpoint gives to its connector''s shapes: parameters and secrets, in clear, as endpoint.NAME';

-- What the sender needs beyond the message itself, for endpoints whose connector is no plain webhook.
CREATE FUNCTION crm._outbox_wire(endpoints text[], bodies text[])
    RETURNS TABLE (n int, format text, signer text, url text, token_url text, token text, key_id text, key text, names text[], vals text[], body text)
    LANGUAGE plpgsql STABLE AS
$$
#variable_conflict use_column
BEGIN
    RETURN QUERY
        SELECT m.n::int, c.format, c.signer, e.url || crm._outbox_path(c.path, g.given),
               e.url || crm._outbox_path(c.token_path, g.given),
               (SELECT crm._decrypt('endpoint', t.token_sealed) FROM crm.endpoint_token t
                   WHERE t.endpoint = m.endpoint AND t.expires_at > clock_timestamp()),
               coalesce(g.given ->> 'endpoint.access_key_id', g.given ->> 'endpoint.secret_id', ''),
               coalesce(g.given ->> 'endpoint.access_key_secret', g.given ->> 'endpoint.secret_key', g.given ->> 'endpoint.secret', ''),
               f.names, f.vals, CASE WHEN c.format = 'json' THEN crm._outbox_fill(c.body, g.given)::text ELSE '' END
        FROM unnest(endpoints, bodies) WITH ORDINALITY m (endpoint, body, n)
        JOIN crm.endpoint e ON e.endpoint = m.endpoint
        JOIN crm.connector c ON c.connector = e.connector AND c.format <> 'webhook',
             LATERAL (SELECT b || crm._outbox_endpoint_given(e.parameters, e.secrets_sealed)
                             || jsonb_build_object('phone', regexp_replace(b ->> 'to', '^\+86', ''),
                                     'params_text', coalesce(b -> 'params', '{}')::text) AS given
                      FROM (SELECT m.body::jsonb AS b) x) g,
             -- of a form its fields, of JSON its headers
             LATERAL (SELECT coalesce(array_agg(d.key ORDER BY d.key), '{}') AS names, coalesce(array_agg(d.value ORDER BY d.key), '{}') AS vals
                      FROM jsonb_each_text(crm._outbox_fill(CASE WHEN c.format = 'json' THEN c.headers ELSE c.body END, g.given)) d) f;
END
$$;
COMMENT ON FUNCTION crm._outbox_wire(text[], text[]) IS
    'requests of vendors: shapes filled in, keys in clear, a token that still holds; no row for plain webhooks';

CREATE FUNCTION crm._outbox_verdict(verdicts jsonb, http_status int, answer jsonb, OUT verdict text, OUT rest_s int)
    LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
$$
    SELECT r.rule ->> 'verdict', coalesce((r.rule ->> 'rest_s')::int, -1)
    FROM jsonb_array_elements(verdicts) WITH ORDINALITY r (rule, n),
         LATERAL (SELECT answer #>> ARRAY(SELECT jsonb_array_elements_text(r.rule -> 'path')) AS found) f
    WHERE CASE WHEN r.rule ? 'status' THEN http_status BETWEEN (r.rule #>> '{status,0}')::int AND (r.rule #>> '{status,1}')::int
               WHEN r.rule ? 'is_not' THEN f.found IS NOT NULL AND NOT r.rule -> 'is_not' ? f.found
               ELSE f.found IS NOT NULL AND r.rule -> 'is' ? f.found END
    ORDER BY r.n LIMIT 1
$$;
COMMENT ON FUNCTION crm._outbox_verdict(jsonb, int, jsonb) IS
    'the first of a connector''s verdicts that fits an answer, by status or by a member of its body; null: none';

CREATE FUNCTION crm._outbox_json(answer text) RETURNS jsonb
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS
$$
BEGIN
    RETURN answer::jsonb;
EXCEPTION WHEN OTHERS THEN
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION crm._outbox_json(text) IS 'an answer as JSON; null when it is none';

CREATE FUNCTION crm._outbox_judge(endpoints text[], outcomes text[], http_statuses int[], retry_after_s int[], details text[], answers bytea[])
    RETURNS TABLE (n int, outcome text, retry_after int, detail text)
    LANGUAGE plpgsql STABLE AS
$$
#variable_conflict use_column
BEGIN
    RETURN QUERY
        SELECT m.n::int,
               -- an answer is judged by its body; 429 by itself; silence may have arrived, and who cannot know a
               -- repeat must not get one
               CASE WHEN m.outcome = 'unknown' AND NOT c.is_repeat_safe THEN 'uncertain'
                    WHEN m.status = 0 OR m.outcome IN ('refused', 'gone') THEN m.outcome
                    WHEN m.status = 429 THEN 'throttled'
                    ELSE coalesce(v.verdict, 'failed') END,
               CASE WHEN m.retry_after > 0 THEN m.retry_after ELSE coalesce(v.rest_s, -1) END,
               CASE WHEN m.status = 0 OR v.verdict = 'sent' THEN m.detail
                    ELSE left(concat_ws(' ', CASE WHEN m.detail = '' THEN 'status ' || m.status ELSE m.detail END, t.said), 300) END
        FROM unnest(endpoints, outcomes, http_statuses, retry_after_s, details, answers) WITH ORDINALITY m (endpoint,
            outcome, status, retry_after, detail, answer, n)
        JOIN crm.endpoint e ON e.endpoint = m.endpoint
        JOIN crm.connector c ON c.connector = e.connector,
             -- an answer need not be UTF-8: what it says of itself is told without what is not ASCII
             LATERAL (SELECT crm._outbox_json(crm._outbox_answer_text(m.answer)) AS body) a,
             LATERAL crm._outbox_verdict(c.verdicts, m.status, a.body) v,
             LATERAL (SELECT coalesce(a.body ->> 'Code', a.body ->> 'errcode', a.body ->> 'code', a.body #>> '{Response,Error,Code}',
                                      a.body #>> '{Response,SendStatusSet,0,Code}') AS said) t;
END
$$;
COMMENT ON FUNCTION crm._outbox_judge(text[], text[], int[], int[], text[], bytea[]) IS
    'what vendors'' answers mean: sent, rejected (for good), later (this message), throttled (the endpoint), token, '
    'uncertain, or failed; no row for plain webhooks that are judged by status';

CREATE FUNCTION crm._outbox_answer_text(answer bytea) RETURNS text
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS
$$
BEGIN
    RETURN convert_from(answer, 'UTF8');
EXCEPTION WHEN OTHERS THEN
    RETURN '';
END
$$;
COMMENT ON FUNCTION crm._outbox_answer_text(bytea) IS 'an answer as text; nothing when it is no UTF-8';

CREATE FUNCTION crm._outbox_keep_token(endpoint text, http_status int, answer bytea, OUT token text, OUT fault text)
    LANGUAGE plpgsql AS
$$
#variable_conflict use_column
DECLARE
    said jsonb := crm._outbox_json(crm._outbox_answer_text(answer));
    holds_s int := CASE WHEN said ->> 'expires_in' ~ '^[0-9]{1,7}$' THEN (said ->> 'expires_in')::int ELSE 0 END;
BEGIN
    token := nullif(said ->> 'access_token', '');
    IF http_status NOT BETWEEN 200 AND 299 OR token IS NULL OR holds_s = 0 THEN
        token := NULL;
        fault := concat_ws(' ', 'status ' || http_status, left(said ->> 'errcode', 20));
        RETURN;
    END IF;
    -- given up a little early: it must not run out under way
    INSERT INTO crm.endpoint_token (endpoint, token_sealed, expires_at)
    VALUES (_outbox_keep_token.endpoint, crm._encrypt('endpoint', token),
        clock_timestamp() + make_interval(secs => greatest(holds_s - 120, holds_s / 2)))
    ON CONFLICT ON CONSTRAINT endpoint_token_pkey DO UPDATE SET token_sealed = excluded.token_sealed, expires_at = excluded.expires_at;
END
$$;
COMMENT ON FUNCTION crm._outbox_keep_token(text, int, bytea) IS
    'keeps the access token a vendor gave, sealed, and returns it; or what is wrong when the answer names none';

CREATE FUNCTION crm._outbox_renew_token(endpoint text, used text) RETURNS text
    LANGUAGE plpgsql AS
$$
DECLARE
    known text := (SELECT crm._decrypt('endpoint', t.token_sealed) FROM crm.endpoint_token t WHERE t.endpoint = _outbox_renew_token.endpoint);
BEGIN
    IF known IS DISTINCT FROM used THEN
        RETURN known;
    END IF;
    DELETE FROM crm.endpoint_token t WHERE t.endpoint = _outbox_renew_token.endpoint;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION crm._outbox_renew_token(text, text) IS
    'a token used was called expired: the newer one that another message fetched meanwhile, else forgets it and '
    'returns null: fetch one';

CREATE FUNCTION crm._outbox_given_fault(wanted text[], given jsonb) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
$$
    SELECT coalesce(
        (SELECT w FROM unnest(wanted) w WHERE w !~ '\?$' AND coalesce(given ->> w, '') = '' LIMIT 1),
        (SELECT k FROM jsonb_object_keys(given) k WHERE k <> ALL (ARRAY(SELECT rtrim(w, '?') FROM unnest(wanted) w)) LIMIT 1),
        (SELECT e.key FROM jsonb_each(given) e WHERE jsonb_typeof(e.value) <> 'string'
            OR e.value #>> '{}' ~ '[[:cntrl:]]' OR length(e.value #>> '{}') > 1000 LIMIT 1))
$$;
COMMENT ON FUNCTION crm._outbox_given_fault(text[], jsonb) IS
    'a member that a connector wants and does not get, does not know, or that is no plain text; null: none';

CREATE FUNCTION crm._outbox_secret(name text) RETURNS text
    LANGUAGE c VOLATILE STRICT AS 'MODULE_PATHNAME', 'crm_outbox_secret';
COMMENT ON FUNCTION crm._outbox_secret(text) IS
    'the first line of a file of crm.outbox_secret_folder; 22023 when there is none that can be used';

CREATE FUNCTION crm._outbox_read_secrets(secrets jsonb) RETURNS jsonb
    LANGUAGE sql VOLATILE AS
$$
    SELECT CASE WHEN jsonb_typeof(secrets) = 'object' THEN (
        SELECT coalesce(jsonb_object_agg(e.key, CASE WHEN jsonb_typeof(e.value) = 'object' AND e.value - 'file' = '{}'
            AND jsonb_typeof(e.value -> 'file') = 'string'
                                                     THEN to_jsonb(crm._outbox_secret(e.value ->> 'file')) ELSE e.value END), '{}')
        FROM jsonb_each(secrets) e) ELSE secrets END
$$;
COMMENT ON FUNCTION crm._outbox_read_secrets(jsonb) IS
    'secrets as given, with each {"file": name} replaced by what the file holds';

CREATE FUNCTION crm.outbox_connect(endpoint text, connector text, url text, parameters jsonb DEFAULT '{}', secrets jsonb DEFAULT NULL,
                                   options jsonb DEFAULT '{}', idempotency_key text DEFAULT NULL) RETURNS jsonb
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
#variable_conflict use_column
DECLARE
    answer jsonb := crm._idempotency_claim(idempotency_key, 'outbox_connect',
        crm._sha256(convert_to(jsonb_build_array(endpoint, connector, url, parameters, secrets, options)::text, 'UTF8')));
    kind record;
    wrong text;
    is_kept boolean := secrets IS NULL AND EXISTS (
        SELECT FROM crm.endpoint e WHERE e.endpoint = outbox_connect.endpoint
            AND e.connector = outbox_connect.connector AND e.secrets_sealed IS NOT NULL);
BEGIN
    IF answer IS NOT NULL THEN
        RETURN answer;
    END IF;
    secrets := crm._outbox_read_secrets(secrets);
    SELECT c.connector, c.format, c.parameters, c.secrets INTO kind FROM crm.connector c WHERE c.connector = outbox_connect.connector;
    IF kind.connector IS NULL THEN
        RAISE EXCEPTION 'there is no connector "%"', connector USING ERRCODE = 'invalid_parameter_value',
            COLUMN = 'connector', HINT = 'See crm.connector.';
    ELSIF jsonb_typeof(coalesce(parameters, '{}')) <> 'object' OR jsonb_typeof(coalesce(secrets, '{}')) <> 'object' THEN
        RAISE EXCEPTION 'parameters and secrets are objects' USING ERRCODE = 'invalid_parameter_value',
            COLUMN = 'parameters', HINT = 'Send {"name": "value"}.';
    END IF;
    wrong := coalesce(crm._outbox_given_fault(kind.parameters, coalesce(parameters, '{}')),
                      CASE WHEN NOT is_kept THEN crm._outbox_given_fault(kind.secrets, coalesce(secrets, '{}')) END);
    IF wrong IS NOT NULL THEN
        RAISE EXCEPTION 'connector "%" does not take "%" as given', connector, wrong USING ERRCODE = 'invalid_parameter_value', COLUMN = wrong,
            HINT = format('It takes the parameters {%s} and the secrets {%s}, each a text; those with ? may be left out.',
                          array_to_string(kind.parameters, ', '), array_to_string(kind.secrets, ', '));
    ELSIF url IS NULL OR url !~ (CASE WHEN kind.format = 'mail' THEN '^smtps?://' ELSE '^https?://' END || '[^[:space:]/?#@{}]+'
                                 || CASE WHEN kind.format = 'webhook' THEN '[^[:space:]{}]*' ELSE '' END || '$') THEN
        RAISE EXCEPTION 'URL does not fit connector "%"', connector USING ERRCODE = 'invalid_parameter_value', COLUMN = 'url',
            HINT = 'Give scheme and host (https://dysmsapi.aliyuncs.com, smtps://mail.example); the path is the connector''s.';
    END IF;
    PERFORM crm._outbox_endpoint_put(outbox_connect.endpoint, outbox_connect.url, NULL, outbox_connect.options);
    UPDATE crm.endpoint e SET connector = outbox_connect.connector, parameters = coalesce(outbox_connect.parameters, '{}'),
        secrets_sealed = CASE WHEN is_kept THEN e.secrets_sealed ELSE crm._encrypt('endpoint', coalesce(outbox_connect.secrets, '{}')::text) END
    WHERE e.endpoint = outbox_connect.endpoint;
    DELETE FROM crm.endpoint_token t WHERE t.endpoint = outbox_connect.endpoint;
    PERFORM crm._audit('define', 'endpoint', NULL, 'url', NULL, outbox_connect.connector || ' ' || outbox_connect.url, outbox_connect.endpoint);
    answer := jsonb_build_object('endpoint', endpoint, 'connector', connector, 'url', url, 'parameters', coalesce(parameters, '{}'),
                                 'secrets', to_jsonb(ARRAY(SELECT rtrim(s, '?') FROM unnest(kind.secrets) s)));
    PERFORM crm._idempotency_store(idempotency_key, answer);
    RETURN answer;
END
$$;
COMMENT ON FUNCTION crm.outbox_connect(text, text, text, jsonb, jsonb, jsonb, text) IS
    'makes or changes an endpoint of a connector of crm.connector; url is scheme and host, secrets are kept sealed '
    '(null keeps those there are), each a text or {"file": name}, a file of crm.outbox_secret_folder, so that no '
    'statement and no log holds it, options as of outbox_define_endpoint(); 22023 names the member that is missing, '
    'unknown or wrong';
GRANT EXECUTE ON FUNCTION crm.outbox_connect(text, text, text, jsonb, jsonb, jsonb, text) TO crm_admin;

CREATE FUNCTION crm.outbox_endpoints() RETURNS SETOF jsonb
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
BEGIN
    RETURN QUERY
        SELECT jsonb_build_object('endpoint', e.endpoint, 'connector', e.connector, 'url', e.url, 'parameters', e.parameters,
            'channels', (SELECT coalesce(jsonb_agg(ch.channel ORDER BY ch.channel), '[]') FROM crm.channel ch WHERE ch.endpoint = e.endpoint),
            'is_active', e.is_active, 'rests_until', CASE WHEN e.broken_until > clock_timestamp() THEN e.broken_until END, 'failures', e.failures,
            'options', jsonb_build_object('is_private_allowed', e.is_private_allowed, 'timeout_ms', e.timeout_ms,
                    'max_concurrency', e.max_concurrency))
        FROM crm.endpoint e ORDER BY e.endpoint;
END
$$;
COMMENT ON FUNCTION crm.outbox_endpoints() IS
    'where messages go, with connector, open parameters, channels and state; secrets are not shown to anybody';
GRANT EXECUTE ON FUNCTION crm.outbox_endpoints() TO crm_admin, crm_headquarters, crm_marketer;
