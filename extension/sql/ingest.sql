-- ingest: what is handed to the parser and what comes back; sources, mappings, custom fields.

-- One call of the parser: chunks of one source and entity, and where to begin.
CREATE TYPE crm.ingest_input AS (
    source_id int, entity text, spec jsonb,
    format text,                        -- json (a single call), ndjson, csv
    encoding text,                      -- utf8, gbk
    header text, has_header boolean,    -- of CSV; whether the first chunk begins with it
    is_history boolean, received_at timestamptz,
    payloads bytea[], inbox_ids bigint[], first_lines int[],
    start_at int, start_line int,       -- in the first chunk
    max_facts int,
    lane int, lane_count int,           -- of the records, those that fall to this lane by their person or their number; null: all
    is_by_person boolean,
    is_gathered boolean,                -- the chunks are runs of orders whose lines lie apart
    skip bigint[], only_ids bigint[],   -- hashes of external ids
    only_lines bigint[]);

-- What became of a record; outcome 'end' is the place where the next piece begins.
CREATE TYPE crm.ingest_outcome AS (
    chunk int, line_no int, next_at int, next_line int, external_id text,
    code text, field text, remedy text, fact_id bigint, customer_id bigint, outcome text);

CREATE TYPE crm.intake_result AS (
    status int, code text, field text, remedy text, inbox_id bigint, external_id text, fact_id bigint, customer_id bigint);
COMMENT ON TYPE crm.intake_result IS
    'answer of a single call: status as in HTTP (201 created, 200 updated or unchanged, 202 kept and tried again '
    'later, 401, 413, 422), code: the outcome or what is wrong (doc/errors.md), field and remedy when it was refused';

CREATE FUNCTION crm._ingest_parse(input crm.ingest_input) RETURNS SETOF record
    LANGUAGE c STABLE STRICT ROWS 1000 AS 'MODULE_PATHNAME', 'crm_ingest_parse';
COMMENT ON FUNCTION crm._ingest_parse(crm.ingest_input) IS
    'records of chunks as typed facts or faults; the column list of the call says what is built: ordinal, chunk, '
    'at, line_no, next_at, next_line, external_id, id_hash, content_hash, code, field, remedy, ref, fact, consents, '
    'of an order kind, line_count, is_of_nobody; of a member left_out, fields that cannot be used; the last row is '
    'where the next call begins';
CREATE FUNCTION crm._ingest_place(fact anyelement, source_record_id bigint, customer_id bigint) RETURNS anyelement
    LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'crm_ingest_place';
COMMENT ON FUNCTION crm._ingest_place(anyelement, bigint, bigint) IS 'a fact with its record and person filled in';
CREATE FUNCTION crm._ingest_external_id(entity text, payload bytea, spec jsonb) RETURNS text
    LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'crm_ingest_external_id';
COMMENT ON FUNCTION crm._ingest_external_id(text, bytea, jsonb) IS
    'the external id in a JSON payload, by a mapping or the standard names; null when it cannot be told';
CREATE FUNCTION crm._ingest_hash(external_id text) RETURNS bigint
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'crm_ingest_hash';
COMMENT ON FUNCTION crm._ingest_hash(text) IS 'the hash by which the parser skips or picks external ids';
CREATE FUNCTION crm._ingest_lines(payload bytea) RETURNS int
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'crm_ingest_lines';
COMMENT ON FUNCTION crm._ingest_lines(bytea) IS 'lines of a chunk: line ends, and one more for a last line without';
CREATE FUNCTION crm._ingest_first_record(payload bytea, encoding text) RETURNS text
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'crm_ingest_first_record';
COMMENT ON FUNCTION crm._ingest_first_record(bytea, text) IS
    'the first CSV record of a chunk in UTF-8, without byte order mark; null when its bytes are not of the encoding';
CREATE FUNCTION crm._ingest_csv_fields(record text) RETURNS text[]
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'crm_ingest_csv_fields';
COMMENT ON FUNCTION crm._ingest_csv_fields(text) IS
    'the fields of one CSV record, its delimiter guessed; null when it is none';
CREATE FUNCTION crm._ingest_check_mapping(entity text, spec jsonb, is_csv boolean) RETURNS void
    LANGUAGE c STABLE STRICT AS 'MODULE_PATHNAME', 'crm_ingest_check_mapping';
COMMENT ON FUNCTION crm._ingest_check_mapping(text, jsonb, boolean) IS
    'RM212 with the field''s name when a mapping cannot be used';
CREATE FUNCTION crm._ingest_fields(entity text) RETURNS text[]
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'crm_ingest_field_names';
COMMENT ON FUNCTION crm._ingest_fields(text) IS 'the standard fields of an entity; RM216 for another name';
CREATE FUNCTION crm._ingest_signature_fault(secret text, id text, sent_at text, signature text, payload bytea,
                                            now timestamptz, tolerance_seconds int) RETURNS text
    LANGUAGE c STABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'crm_ingest_signature_fault';
COMMENT ON FUNCTION crm._ingest_signature_fault(text, text, text, text, bytea, timestamptz, int) IS
    'null when a Standard Webhooks signature (v1, HMAC-SHA256, any of several) is that of the payload; else what is '
    'wrong: missing, malformed, too_old, too_new, wrong';

-- Sources.
CREATE FUNCTION crm._ingest_option_fault(option text, value jsonb) RETURNS text
    LANGUAGE sql STABLE AS
$$
    SELECT CASE
        WHEN option IN ('is_one_record_per_person', 'is_one_card_per_person', 'is_sandbox', 'is_active')
            THEN CASE WHEN jsonb_typeof(value) <> 'boolean' THEN 'Give true or false.' END
        WHEN option IN ('priority', 'raw_retention_days')
            THEN CASE WHEN value::text !~ '^[0-9]{1,5}$' THEN 'Give a whole number from 0 to 99999.' END
        WHEN option = 'time_zone'
            THEN CASE WHEN NOT EXISTS (SELECT FROM pg_timezone_names z WHERE to_jsonb(z.name) = value)
                THEN 'Give a name of the time zone database, as Asia/Shanghai.' END
        WHEN option = 'currency' THEN CASE WHEN value::text !~ '^"[A-Z]{3}"$' THEN 'Give the three letters of ISO 4217, as CNY.' END
        WHEN option = 'channel' THEN CASE WHEN jsonb_typeof(value) <> 'string'
            OR length(value #>> '{}') > 40 THEN 'Give at most 40 characters, as store.' END
        WHEN option = 'signing_secret'
            THEN CASE WHEN value <> 'null' AND value::text !~ '^"whsec_[A-Za-z0-9+/]{32,88}={0,2}"$'
                THEN 'Give whsec_ and 24 to 64 random bytes in base64, or null.' END
        WHEN option = 'verified_fields'
            THEN CASE WHEN jsonb_typeof(value) <> 'array' OR NOT value <@ '["name", "sex", "city", "birthday", "address", "phone", "email"]'
                      THEN 'Give a list of name, sex, city, birthday, address, phone and email.' END
        ELSE 'Options are time_zone, currency, channel, priority, is_one_record_per_person, is_one_card_per_person, verified_fields, is_sandbox, is_active, signing_secret and raw_retention_days.'
    END
$$;
COMMENT ON FUNCTION crm._ingest_option_fault(text, jsonb) IS
    'what to give instead of a source''s option that cannot be used; null when it can';

CREATE FUNCTION crm._ingest_check_source(code text, name text, kind text, options jsonb) RETURNS void
    LANGUAGE plpgsql STABLE AS
$$
DECLARE
    fault record;
BEGIN
    IF coalesce(code, '') !~ '^[A-Za-z0-9_-]{1,40}$' THEN
        RAISE EXCEPTION 'the code of a source cannot be used' USING ERRCODE = 'invalid_parameter_value',
            COLUMN = 'code', HINT = 'Give 1 to 40 letters, digits, - and _.';
    ELSIF coalesce(btrim(name), '') = '' THEN
        RAISE EXCEPTION 'a source needs a name' USING ERRCODE = 'invalid_parameter_value', COLUMN = 'name', HINT = 'Say what it is, as 门店收银.';
    ELSIF kind IS NULL OR kind NOT IN ('pos', 'mini_program', 'shop_platform', 'official_account', 'wecom', 'spreadsheet', 'api', 'pull') THEN
        RAISE EXCEPTION 'there is no kind of source "%"', coalesce(kind, '') USING ERRCODE = 'invalid_parameter_value', COLUMN = 'kind',
            HINT = 'The kind is pos, mini_program, shop_platform, official_account, wecom, spreadsheet, api or pull.';
    ELSIF jsonb_typeof(options) IS DISTINCT FROM 'object' THEN
        RAISE EXCEPTION 'options are no object' USING ERRCODE = 'invalid_parameter_value', COLUMN = 'options', HINT = 'Give {} for none.';
    END IF;
    FOR fault IN
        SELECT o.key, f.remedy FROM jsonb_each(options) o, LATERAL (SELECT crm._ingest_option_fault(o.key, o.value) AS remedy) f
        WHERE f.remedy IS NOT NULL ORDER BY o.key
    LOOP
        RAISE EXCEPTION 'the option "%" of a source cannot be used', left(fault.key, 80)
            USING ERRCODE = 'invalid_parameter_value', COLUMN = 'options.' || left(fault.key, 80), HINT = fault.remedy;
    END LOOP;
END
$$;
COMMENT ON FUNCTION crm._ingest_check_source(text, text, text, jsonb) IS
    'refuses what crm.ingest_define_source() cannot use; 22023 naming the field, an option as options.<name>';

CREATE FUNCTION crm._ingest_kind_channel(kind text, code text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
$$ SELECT CASE kind WHEN 'pos' THEN 'store' WHEN 'mini_program' THEN 'mini' WHEN 'shop_platform' THEN 'shop'
    WHEN 'official_account' THEN 'official_account' WHEN 'wecom' THEN 'wecom' ELSE left(code, 40) END $$;
COMMENT ON FUNCTION crm._ingest_kind_channel(text, text) IS
    'the channel of a source that names none: that of its kind, else its own code';

CREATE FUNCTION crm.ingest_define_source(code text, name text, kind text, options jsonb DEFAULT '{}') RETURNS int
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
DECLARE
    id int;
BEGIN
    PERFORM crm._require_schema();
    PERFORM crm._ingest_check_source(code, name, kind, options);
    LOCK TABLE crm.source IN SHARE ROW EXCLUSIVE MODE;      -- the number is the next one
    id := coalesce((SELECT s.source_id FROM crm.source s WHERE s.code = ingest_define_source.code),
                   (SELECT coalesce(max(s.source_id), 0) + 1 FROM crm.source s));
    INSERT INTO crm.source AS s (source_id, code, name, kind, channel, created_at)
    VALUES (id, code, name, kind, '?', crm.core_now())
    ON CONFLICT ON CONSTRAINT source_pkey DO UPDATE SET name = excluded.name, kind = excluded.kind;
    UPDATE crm.source s SET
        time_zone = coalesce(options ->> 'time_zone', s.time_zone),
        currency = coalesce(options ->> 'currency', s.currency),
        channel = coalesce(nullif(btrim(options ->> 'channel'), ''), nullif(s.channel, '?'), crm._ingest_kind_channel(s.kind, s.code)),
        priority = coalesce((options ->> 'priority')::int, s.priority),
        is_one_record_per_person = coalesce((options ->> 'is_one_record_per_person')::boolean, s.is_one_record_per_person),
        is_one_card_per_person = coalesce((options ->> 'is_one_card_per_person')::boolean, s.is_one_card_per_person),
        verified_fields = CASE WHEN options ? 'verified_fields'
                               THEN ARRAY(SELECT jsonb_array_elements_text(options -> 'verified_fields')) ELSE s.verified_fields END,
        is_sandbox = coalesce((options ->> 'is_sandbox')::boolean, s.is_sandbox),
        is_active = coalesce((options ->> 'is_active')::boolean, s.is_active),
        raw_retention_days = coalesce((options ->> 'raw_retention_days')::int, s.raw_retention_days),
        signing_secret = CASE WHEN NOT options ? 'signing_secret' THEN s.signing_secret
                              WHEN options ->> 'signing_secret' IS NOT NULL THEN crm._encrypt('signing', options ->> 'signing_secret') END
    WHERE s.source_id = id;
    PERFORM crm._audit('define', 'source', id, NULL, NULL, code);
    RETURN id;
END
$$;
COMMENT ON FUNCTION crm.ingest_define_source(text, text, text, jsonb) IS
    'makes or changes a source; options: time_zone, currency, channel (where its customers come from: without one '
    'that of the kind, else the code), priority, is_one_record_per_person, is_one_card_per_person, verified_fields, '
    'is_sandbox, is_active, signing_secret (whsec_...; null: unsigned again), raw_retention_days; returns '
    'source_id; 22023';
GRANT EXECUTE ON FUNCTION crm.ingest_define_source(text, text, text, jsonb) TO crm_admin, crm_steward;

CREATE FUNCTION crm._ingest_source_id(code text) RETURNS int
    LANGUAGE plpgsql STABLE AS
$$
DECLARE
    claimed text := crm._actor_claim('source');
    id int;
BEGIN
    IF claimed IS NOT NULL AND code IS NOT NULL AND code <> claimed THEN
        RAISE EXCEPTION 'this key delivers for another source' USING ERRCODE = 'insufficient_privilege', COLUMN = 'source',
            HINT = 'Use the key that was made for this source.';
    END IF;
    SELECT s.source_id INTO id FROM crm.source s WHERE s.code = coalesce(_ingest_source_id.code, claimed);
    IF id IS NULL THEN
        RAISE EXCEPTION 'there is no such source' USING ERRCODE = 'RM210', COLUMN = 'source',
            HINT = 'Name a source that crm.ingest_define_source() has made.';
    END IF;
    RETURN id;
END
$$;
COMMENT ON FUNCTION crm._ingest_source_id(text) IS
    'the source of a code, or the one the caller''s key delivers for; RM210 when there is none, 42501 when the key '
    'is another''s';

CREATE FUNCTION crm._ingest_entity(entity text) RETURNS text
    LANGUAGE plpgsql IMMUTABLE AS
$$
BEGIN
    PERFORM crm._require_given(entity, 'entity'), crm._ingest_fields(entity);
    RETURN entity;
END
$$;
COMMENT ON FUNCTION crm._ingest_entity(text) IS 'the entity, when it is one; RM216 otherwise';

-- Mappings: versions, the newest is current.
CREATE FUNCTION crm.ingest_define_mapping(source text, entity text, spec jsonb, is_current boolean DEFAULT true) RETURNS int
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
DECLARE
    id int := crm._ingest_source_id(source);
    known record;
    next_version int;
    wanted text;
BEGIN
    PERFORM crm._ingest_entity(entity), crm._require_given(spec, 'spec');
    PERFORM crm._ingest_check_mapping(entity, spec, entity = 'order_line');
    FOR wanted IN SELECT substr(f, 8) FROM jsonb_object_keys(spec -> 'fields') f WHERE f LIKE 'custom.%' LOOP
        IF NOT EXISTS (SELECT FROM crm.custom_field c WHERE c.entity = ingest_define_mapping.entity AND c.code = wanted) THEN
            RAISE EXCEPTION 'cannot use this mapping for "custom.%": there is no such custom field', wanted
                USING ERRCODE = 'RM212', COLUMN = 'spec', HINT = 'Define it with crm.ingest_define_field() first.';
        END IF;
    END LOOP;
    PERFORM FROM crm.source s WHERE s.source_id = id FOR NO KEY UPDATE;
    SELECT m.version, m.spec INTO known FROM crm.mapping m
    WHERE m.source_id = id AND m.entity = ingest_define_mapping.entity AND m.spec = ingest_define_mapping.spec
      AND (m.is_current OR NOT coalesce(ingest_define_mapping.is_current, true)) ORDER BY m.is_current DESC, m.version DESC LIMIT 1;
    IF known.version IS NOT NULL THEN
        RETURN known.version;
    END IF;
    SELECT coalesce(max(m.version), 0) + 1 INTO next_version FROM crm.mapping m WHERE m.source_id = id AND m.entity = ingest_define_mapping.entity;
    IF coalesce(ingest_define_mapping.is_current, true) THEN
        UPDATE crm.mapping m SET is_current = false
        WHERE m.source_id = id AND m.entity = ingest_define_mapping.entity AND m.is_current RETURNING m.version INTO known;
    END IF;
    INSERT INTO crm.mapping (source_id, entity, version, spec, is_current, created_by, created_at)
    VALUES (id, entity, next_version, spec, coalesce(ingest_define_mapping.is_current, true), crm._actor(), crm.core_now());
    PERFORM crm._audit('define', 'mapping', id, entity, known.version::text, next_version::text);
    RETURN next_version;
END
$$;
COMMENT ON FUNCTION crm.ingest_define_mapping(text, text, jsonb, boolean) IS
    'keeps a mapping as a new version and makes it the current one (is_current false: for one import, and '
    'deliveries go on as before); returns the version (the old one when nothing changed); RM212 names the field '
    'that cannot be mapped so, RM210 an unknown source';
GRANT EXECUTE ON FUNCTION crm.ingest_define_mapping(text, text, jsonb, boolean) TO crm_admin, crm_steward;

CREATE FUNCTION crm.ingest_test_mapping(source text, entity text, spec jsonb, sample bytea, encoding text DEFAULT 'utf8') RETURNS SETOF jsonb
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
DECLARE
    input crm.ingest_input;
    is_csv boolean := encode(substring(sample FROM 1 FOR 64),
            'escape') !~ '^(\\357\\273\\277)?[ \t\r\n]*\{';   -- bytes: the 64th may be within a character
BEGIN
    IF entity IS NULL OR sample IS NULL THEN
        RAISE EXCEPTION 'a mapping is tried out on a sample' USING ERRCODE = 'null_value_not_allowed', HINT = 'Give the entity and some rows.',
            COLUMN = CASE WHEN entity IS NULL THEN 'entity' ELSE 'sample' END;
    END IF;
    input.source_id := crm._ingest_source_id(source);
    input.entity := crm._ingest_entity(entity);
    input.spec := spec;
    input.format := CASE WHEN is_csv THEN 'csv' ELSE 'ndjson' END;
    input.encoding := encoding;
    input.header := CASE WHEN is_csv THEN crm._ingest_first_record(sample, encoding) END;
    input.has_header := is_csv;
    input.payloads := ARRAY[sample];
    input.inbox_ids := '{0}';
    input.first_lines := '{1}';
    input.max_facts := 100;
    RETURN QUERY EXECUTE format(
        'SELECT jsonb_strip_nulls(jsonb_build_object(''line'', p.line_no, ''external_id'', p.external_id, ''code'', p.code,
             ''field'', p.field, ''remedy'', p.remedy, ''fact'',
             to_jsonb(p.fact) - ''{content_hash,inbox_id,received_at,ordinal,source_id,line_no}''::text[]))
         FROM crm._ingest_parse($1) AS p(ordinal int, line_no int, external_id text, code text, field text, remedy text, ref crm.record_ref, fact %s)
         WHERE p.ordinal IS NOT NULL OR p.code IS NOT NULL', crm._ingest_fact_type(entity)) USING input;
END
$$;
COMMENT ON FUNCTION crm.ingest_test_mapping(text, text, jsonb, bytea, text) IS
    'what a mapping (null: none) would make of sample rows, up to 100: for each the fact or code, field and remedy; '
    'stores nothing; RM212, RM210';
GRANT EXECUTE ON FUNCTION crm.ingest_test_mapping(text, text, jsonb, bytea, text) TO crm_admin, crm_steward;

CREATE FUNCTION crm._ingest_fact_type(entity text) RETURNS text
    LANGUAGE sql IMMUTABLE AS
$$ SELECT format('crm.%I', CASE entity WHEN 'order_line' THEN 'order' ELSE entity END || '_fact') $$;
COMMENT ON FUNCTION crm._ingest_fact_type(text) IS 'the type of an entity''s facts';
