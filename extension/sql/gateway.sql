-- gateway: members of a JSON request body, taken out by name, so that an error points at the
-- field.  The statements of the gateway's route table call them; they touch no table.
CREATE FUNCTION crm.gateway_text(body jsonb, field text, is_required boolean DEFAULT false) RETURNS text
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS
$$
DECLARE
    value text;
BEGIN
    IF jsonb_typeof(body) IS DISTINCT FROM 'object' THEN
        RAISE EXCEPTION 'body is not a JSON object'
            USING ERRCODE = 'invalid_parameter_value', COLUMN = '', HINT = 'Send a JSON object.';
    END IF;
    value := body->>field;
    IF value IS NULL OR value = '' THEN
        IF is_required THEN
            RAISE EXCEPTION 'field "%" is missing', field
                USING ERRCODE = 'invalid_parameter_value', COLUMN = field, HINT = format('Send "%s".', field);
        END IF;
        RETURN NULL;
    END IF;
    IF jsonb_typeof(body->field) IN ('object', 'array') THEN
        RAISE EXCEPTION 'field "%" is not a text', field
            USING ERRCODE = 'invalid_parameter_value', COLUMN = field, HINT = format('Send "%s" as a text.', field);
    END IF;
    RETURN value;
END
$$;
COMMENT ON FUNCTION crm.gateway_text(jsonb, text, boolean) IS
    'a member of a request body as text; null when absent or empty; 22023 with COLUMN = the field when it is '
    'required and absent, or no scalar';

CREATE FUNCTION crm.gateway_number(body jsonb, field text, is_required boolean DEFAULT false) RETURNS numeric
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS
$$
DECLARE
    value text := crm.gateway_text(body, field, is_required);
BEGIN
    IF value !~ '^-?[0-9]{1,30}(\.[0-9]{1,30})?$' THEN
        RAISE EXCEPTION 'field "%" is not a decimal number', field
            USING ERRCODE = 'invalid_parameter_value', COLUMN = field,
                  HINT = format('Send "%s" as a number like 59.00.', field);
    END IF;
    RETURN value::numeric;
END
$$;
COMMENT ON FUNCTION crm.gateway_number(jsonb, text, boolean) IS
    'a member of a request body as an exact number, written as a number or a text; 22023 with COLUMN = the field';

CREATE FUNCTION crm.gateway_integer(body jsonb, field text, is_required boolean DEFAULT false) RETURNS int
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS
$$
DECLARE
    value numeric := crm.gateway_number(body, field, is_required);
BEGIN
    IF value <> trunc(value) OR abs(value) > 2147483647 THEN
        RAISE EXCEPTION 'field "%" is not a whole number', field
            USING ERRCODE = 'invalid_parameter_value', COLUMN = field,
                  HINT = format('Send "%s" as a whole number.', field);
    END IF;
    RETURN value::int;
END
$$;
COMMENT ON FUNCTION crm.gateway_integer(jsonb, text, boolean) IS
    'a member of a request body as a whole number; 22023 with COLUMN = the field';

-- An id is never rounded: the next one is somebody else's.
CREATE FUNCTION crm.gateway_id(body jsonb, field text, is_required boolean DEFAULT false) RETURNS bigint
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS
$$
DECLARE
    value text := crm.gateway_text(body, field, is_required);
BEGIN
    IF value !~ '^[0-9]{1,18}$' THEN
        RAISE EXCEPTION 'field "%" is not an id', field
            USING ERRCODE = 'invalid_parameter_value', COLUMN = field, HINT = format('Send "%s" as it was told, a whole number.', field);
    END IF;
    RETURN value::bigint;
END
$$;
COMMENT ON FUNCTION crm.gateway_id(jsonb, text, boolean) IS
    'a member of a request body as an id, written as a number or a text; null when absent; 22023 with COLUMN = the field';

CREATE FUNCTION crm.gateway_ids(body jsonb, field text, is_required boolean DEFAULT false) RETURNS bigint[]
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS
$$
BEGIN
    IF jsonb_typeof(body) = 'object' AND coalesce(jsonb_typeof(body->field), 'null') = 'null' AND NOT is_required THEN
        RETURN NULL;
    END IF;
    IF jsonb_typeof(body->field) IS DISTINCT FROM 'array' OR is_required AND jsonb_array_length(body->field) = 0
       OR EXISTS (SELECT FROM jsonb_array_elements(body->field) e WHERE e #>> '{}' IS NULL OR e #>> '{}' !~ '^[0-9]{1,18}$') THEN
        RAISE EXCEPTION 'field "%" is not a list of ids', field
            USING ERRCODE = 'invalid_parameter_value', COLUMN = field, HINT = format('Send "%s" as a list like ["1"].', field);
    END IF;
    RETURN ARRAY(SELECT e::bigint FROM jsonb_array_elements_text(body->field) e);
END
$$;
COMMENT ON FUNCTION crm.gateway_ids(jsonb, text, boolean) IS
    'a member of a request body as a list of ids; null when absent or null; 22023 with COLUMN = the field when it '
    'is no list of ids, or required and empty';

CREATE FUNCTION crm.gateway_boolean(body jsonb, field text, is_required boolean DEFAULT false) RETURNS boolean
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS
$$
DECLARE
    value text := crm.gateway_text(body, field, is_required);
BEGIN
    IF value NOT IN ('true', 'false') THEN
        RAISE EXCEPTION 'field "%" is not true or false', field
            USING ERRCODE = 'invalid_parameter_value', COLUMN = field, HINT = format('Send "%s" as true or false.', field);
    END IF;
    RETURN value::boolean;
END
$$;
COMMENT ON FUNCTION crm.gateway_boolean(jsonb, text, boolean) IS
    'a member of a request body as a truth value, written as such or as a text; null when absent; 22023 with COLUMN '
    '= the field';

CREATE FUNCTION crm.gateway_choice(body jsonb, field text, choices text[]) RETURNS text
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS
$$
DECLARE
    value text := crm.gateway_text(body, field);
BEGIN
    IF value <> ALL (choices) THEN
        RAISE EXCEPTION 'field "%" is none of its words', field
            USING ERRCODE = 'invalid_parameter_value', COLUMN = field, HINT = format('Send "%s" as %s.', field, array_to_string(choices, ' or '));
    END IF;
    RETURN value;
END
$$;
COMMENT ON FUNCTION crm.gateway_choice(jsonb, text, text[]) IS
    'a member of a request body as one of some words; null when absent; 22023 with COLUMN = the field';

CREATE FUNCTION crm.gateway_date(body jsonb, field text, is_required boolean DEFAULT false) RETURNS date
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS
$$
DECLARE
    value text := crm.gateway_text(body, field, is_required);
BEGIN
    IF value IS NULL THEN
        RETURN NULL;
    ELSIF value ~ '^[0-9]{4}-[0-9]{2}-[0-9]{2}$' THEN
        RETURN make_date(left(value, 4)::int, substr(value, 6, 2)::int, right(value, 2)::int);
    END IF;
    RAISE datetime_field_overflow;
EXCEPTION WHEN datetime_field_overflow THEN
    RAISE EXCEPTION 'field "%" is not a day', field
        USING ERRCODE = 'invalid_parameter_value', COLUMN = field, HINT = format('Send "%s" as a day like 2026-03-31.', field);
END
$$;
COMMENT ON FUNCTION crm.gateway_date(jsonb, text, boolean) IS
    'a member of a request body as a calendar day, written 2026-03-31; null when absent; 22023 with COLUMN = the field';

CREATE FUNCTION crm.gateway_time(body jsonb, field text, is_required boolean DEFAULT false) RETURNS timestamptz
    LANGUAGE plpgsql STABLE PARALLEL SAFE AS
$$
DECLARE
    value text := crm.gateway_text(body, field, is_required);
BEGIN
    IF value IS NULL OR value ~ '^[0-9]{4}-[0-9]{2}-[0-9]{2}([T ][0-9:.]+ ?(Z|[+-][0-9:]+)?)?$' THEN
        RETURN value::timestamptz;
    END IF;
    RAISE invalid_datetime_format;
EXCEPTION WHEN invalid_datetime_format OR datetime_field_overflow OR invalid_time_zone_displacement_value OR invalid_parameter_value THEN
    RAISE EXCEPTION 'field "%" is not a time', field
        USING ERRCODE = 'invalid_parameter_value', COLUMN = field, HINT = format('Send "%s" as a time like 2026-03-31T10:00:00+08:00.', field);
END
$$;
COMMENT ON FUNCTION crm.gateway_time(jsonb, text, boolean) IS
    'a member of a request body as a moment, written 2026-03-31T10:00:00+08:00 or as a day; null when absent; 22023 '
    'with COLUMN = the field';

CREATE FUNCTION crm.gateway_texts(body jsonb, field text, is_required boolean DEFAULT false) RETURNS text[]
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS
$$
BEGIN
    IF jsonb_typeof(body) = 'object' AND coalesce(jsonb_typeof(body->field), 'null') = 'null' AND NOT is_required THEN
        RETURN NULL;
    END IF;
    IF jsonb_typeof(body->field) IS DISTINCT FROM 'array' OR is_required AND jsonb_array_length(body->field) = 0
       OR EXISTS (SELECT FROM jsonb_array_elements(body->field) e WHERE jsonb_typeof(e) <> 'string') THEN
        RAISE EXCEPTION 'field "%" is not a list of texts', field
            USING ERRCODE = 'invalid_parameter_value', COLUMN = field,
                  HINT = format('Send "%s" as a list like ["phone"].', field);
    END IF;
    RETURN ARRAY(SELECT jsonb_array_elements_text(body->field));
END
$$;
COMMENT ON FUNCTION crm.gateway_texts(jsonb, text, boolean) IS
    'a member of a request body as a list of texts; null when absent or null; 22023 with COLUMN = the field when it '
    'is no list of texts, or required and empty';

CREATE FUNCTION crm.gateway_ready() RETURNS jsonb
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
DECLARE
    needed int := (SELECT max(m.migration_no) FROM crm._migration() m);
    found int := 0;
BEGIN
    IF to_regclass('crm.migration') IS NOT NULL THEN
        found := (SELECT coalesce(max(m.migration_no), 0) FROM crm.migration m);
    END IF;
    RETURN jsonb_build_object('ready', crm._migrations_missing() = '{}', 'extension', crm._code_version()::text, 'schema', found, 'needs', needed);
END
$$;
COMMENT ON FUNCTION crm.gateway_ready() IS
    'whether calls can be served: the version of the code, the migration the tables are at, and the one the code '
    'needs; run crm.install() when they differ';
GRANT EXECUTE ON FUNCTION crm.gateway_ready() TO crm_gateway;

GRANT EXECUTE ON FUNCTION crm.gateway_text(jsonb, text, boolean), crm.gateway_number(jsonb, text, boolean),
    crm.gateway_integer(jsonb, text, boolean), crm.gateway_id(jsonb, text, boolean), crm.gateway_ids(jsonb, text, boolean),
    crm.gateway_time(jsonb, text, boolean), crm.gateway_boolean(jsonb, text, boolean), crm.gateway_choice(jsonb, text, text[]),
    crm.gateway_date(jsonb, text, boolean), crm.gateway_texts(jsonb, text, boolean)
    TO crm_gateway, crm_till, crm_clerk, crm_store_manager, crm_manager, crm_service, crm_steward, crm_marketer,
       crm_analyst, crm_headquarters, crm_admin, crm_reader;
