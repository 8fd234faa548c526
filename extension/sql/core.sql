-- core: the schema, the roles, and the helpers every room uses.

CREATE SCHEMA crm;

-- Roles belong to the cluster: made here when missing, so that a dump restored into a fresh
-- server finds them before its policies and grants; never dropped, other databases may use them.
DO $roles$
DECLARE
    role_name text;
BEGIN
    FOREACH role_name IN ARRAY ARRAY[
        'crm_owner', 'crm_reader', 'crm_clerk', 'crm_store_manager', 'crm_manager', 'crm_service',
        'crm_steward', 'crm_marketer', 'crm_analyst', 'crm_headquarters', 'crm_admin', 'crm_till']
    LOOP
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = role_name) THEN
            EXECUTE format('CREATE ROLE %I NOLOGIN', role_name);
        END IF;
    END LOOP;
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'crm_gateway') THEN
        CREATE ROLE crm_gateway LOGIN NOINHERIT;
    END IF;
END
$roles$;
GRANT crm_reader, crm_clerk, crm_store_manager, crm_manager, crm_service, crm_steward, crm_marketer,
    crm_analyst, crm_headquarters, crm_admin, crm_till TO crm_gateway;

GRANT USAGE, CREATE ON SCHEMA crm TO crm_owner;
GRANT USAGE ON SCHEMA crm TO crm_reader, crm_clerk, crm_store_manager, crm_manager, crm_service,
    crm_steward, crm_marketer, crm_analyst, crm_headquarters, crm_admin, crm_till, crm_gateway;

-- The type of crm.migration.version: a table column of an extension's type makes a plain DROP
-- EXTENSION fail while there is data (crm.uninstall() first).
CREATE DOMAIN crm.version AS text CHECK (VALUE ~ '^[0-9]+\.[0-9]+\.[0-9]+$');

CREATE FUNCTION crm.core_now() RETURNS timestamptz
    LANGUAGE c STABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'crm_core_now';
COMMENT ON FUNCTION crm.core_now() IS
    'now, by the clock of crm: start of the transaction, or the moment crm.core_clock holds it at';
GRANT EXECUTE ON FUNCTION crm.core_now() TO crm_clerk, crm_store_manager, crm_manager, crm_service, crm_steward, crm_marketer, crm_analyst,
    crm_headquarters, crm_admin, crm_reader, crm_till;

CREATE FUNCTION crm._make_keys() RETURNS boolean
    LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'crm_make_keys';
COMMENT ON FUNCTION crm._make_keys() IS
    'makes the key file with random keys; false and nothing done when there is one';
CREATE FUNCTION crm._keyed_hash(purpose text, value bytea) RETURNS bytea
    LANGUAGE c STABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'crm_keyed_hash';
COMMENT ON FUNCTION crm._keyed_hash(text, bytea) IS
    '16 bytes of HMAC-SHA256 under the hash key of the installation; equal values of one purpose have equal hashes';

CREATE FUNCTION crm._encrypt(purpose text, value text) RETURNS bytea
    LANGUAGE c VOLATILE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'crm_encrypt';
COMMENT ON FUNCTION crm._encrypt(text, text) IS
    'AES-256-GCM under the newest encryption key; the purpose is authenticated';

CREATE FUNCTION crm._decrypt(purpose text, sealed bytea) RETURNS text
    LANGUAGE c STABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'crm_decrypt';
COMMENT ON FUNCTION crm._decrypt(text, bytea) IS
    'the clear text of crm._encrypt(); RM004 if keys or purpose do not fit, RM003 if the key is gone';

CREATE FUNCTION crm._sha256(value bytea) RETURNS bytea
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'crm_sha256';
COMMENT ON FUNCTION crm._sha256(bytea) IS 'SHA-256, 32 bytes';

CREATE FUNCTION crm._hmac(key bytea, value bytea) RETURNS bytea
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'crm_hmac';
COMMENT ON FUNCTION crm._hmac(bytea, bytea) IS 'HMAC-SHA256 under the given key, 32 bytes';

CREATE FUNCTION crm._random_bytes(length int) RETURNS bytea
    LANGUAGE c VOLATILE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'crm_random_bytes';
COMMENT ON FUNCTION crm._random_bytes(int) IS 'strong random bytes, 1 to 1024';

CREATE FUNCTION crm._unknown_member(spec jsonb, known text[], name text DEFAULT 'spec') RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
$$ SELECT k FROM jsonb_object_keys(CASE jsonb_typeof(spec) WHEN 'object' THEN spec
        ELSE jsonb_build_object(name, 1) END) k WHERE k <> ALL (known) ORDER BY k LIMIT 1 $$;
COMMENT ON FUNCTION crm._unknown_member(jsonb, text[], text) IS
    'the first member of a description that is none of those known; of what is no object the description''s own '
    'name; null: all are known';

-- What public functions ask of an argument before they use it: a fault names the argument and says what to give.
CREATE FUNCTION crm._require_given(value anyelement, field text) RETURNS void
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS
$$
BEGIN
    IF value IS NULL THEN
        RAISE EXCEPTION '"%" is missing', field USING ERRCODE = 'invalid_parameter_value', COLUMN = field, HINT = format('Give "%s".', field);
    END IF;
END
$$;
COMMENT ON FUNCTION crm._require_given(anyelement, text) IS '22023 naming the argument when it is null';

CREATE FUNCTION crm._require_words(value text, field text, most int DEFAULT 200) RETURNS void
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS
$$
BEGIN
    IF coalesce(btrim(value), '') = '' OR length(value) > most THEN
        RAISE EXCEPTION '"%" is missing, blank or too long', field USING ERRCODE = 'invalid_parameter_value', COLUMN = field,
            HINT = format('Give 1 to %s characters.', most);
    END IF;
END
$$;
COMMENT ON FUNCTION crm._require_words(text, text, int) IS
    '22023 naming the argument for a code or a name that is null, blank or of more characters than so many';

CREATE FUNCTION crm._require_day(day date, field text) RETURNS date
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS
$$
BEGIN
    IF day NOT BETWEEN '0001-01-01' AND '9999-12-31' THEN
        RAISE EXCEPTION '% is no day to ask about', day USING ERRCODE = 'invalid_parameter_value', COLUMN = field,
            HINT = 'Give a local day of the years 1 to 9999, such as 2026-06-30.';
    END IF;
    RETURN day;
END
$$;
COMMENT ON FUNCTION crm._require_day(date, text) IS
    'the day, null for null; 22023 naming the argument for one without end, or so far that days around it cannot be '
    'counted';

CREATE FUNCTION crm._require_span(from_day date, to_day date) RETURNS void
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS
$$
BEGIN
    IF crm._require_day(from_day, 'from_day') IS NULL OR crm._require_day(to_day, 'to_day') IS NULL OR to_day < from_day THEN
        RAISE EXCEPTION 'a span has a first day and a last, which does not lie before it'
            USING ERRCODE = 'invalid_parameter_value', COLUMN = CASE WHEN from_day IS NULL THEN 'from_day'
                ELSE 'to_day' END, HINT = 'Give the first and the last local day.';
    END IF;
END
$$;
COMMENT ON FUNCTION crm._require_span(date, date) IS
    '22023 naming the argument for spans without a first and a last day in order';

CREATE FUNCTION crm._require_moment(at timestamptz, field text) RETURNS timestamptz
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS
$$
BEGIN
    IF at NOT BETWEEN '0001-01-02 00:00:00+00' AND '9999-12-30 00:00:00+00' THEN
        RAISE EXCEPTION 'that is no moment to ask about' USING ERRCODE = 'invalid_parameter_value', COLUMN = field,
            HINT = 'Give a moment of the years 1 to 9999, such as 2026-06-30T11:00:00+08:00.';
    END IF;
    RETURN at;
END
$$;
COMMENT ON FUNCTION crm._require_moment(timestamptz, text) IS
    'the moment, null for null; 22023 naming the argument for one without end, or so far that days around it cannot '
    'be counted';

CREATE FUNCTION crm._is_moment(given text) RETURNS boolean
    LANGUAGE plpgsql STABLE STRICT PARALLEL SAFE AS
$$
BEGIN
    RETURN given::timestamptz IS NOT NULL;
EXCEPTION WHEN invalid_datetime_format OR datetime_field_overflow OR invalid_parameter_value THEN
    RETURN false;
END
$$;
COMMENT ON FUNCTION crm._is_moment(text) IS 'whether a text can be read as a moment; null for null';

-- A cast of a member tells of a type's syntax and of no member: they are looked at before.
CREATE FUNCTION crm._require_members(spec jsonb, kinds jsonb, argument text DEFAULT NULL) RETURNS void
    LANGUAGE plpgsql STABLE PARALLEL SAFE AS
$$
DECLARE
    hints CONSTANT jsonb :=
        '{"truth": "true or false", "whole": "a whole number", "id": "a whole number, as it was told", "number": "a number such as 59.00", "moment": "a moment such as 2026-06-30T11:00:00+08:00"}';
    wrong record;
BEGIN
    SELECT k.key AS name, k.value AS kind INTO wrong FROM jsonb_each_text(kinds) k
    WHERE NOT CASE k.value WHEN 'truth' THEN spec ->> k.key IN ('true', 'false')
        WHEN 'whole' THEN spec ->> k.key ~ '^-?[0-9]{1,9}$' WHEN 'id' THEN spec ->> k.key ~ '^[0-9]{1,18}$'
                           WHEN 'number' THEN spec ->> k.key ~ '^-?[0-9]{1,30}([.][0-9]{1,30})?$'
                               ELSE crm._is_moment(spec ->> k.key) END ORDER BY k.key LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION '"%" is not %', wrong.name, hints ->> wrong.kind USING ERRCODE = 'invalid_parameter_value',
            COLUMN = coalesce(argument, wrong.name),
            HINT = format('Give %s.', hints ->> wrong.kind);
    END IF;
END
$$;
COMMENT ON FUNCTION crm._require_members(jsonb, jsonb, text) IS
    '22023 naming the first member of a description that is there and not of its kind (truth, whole, id, number, '
    'moment), or the argument that has it';

CREATE FUNCTION crm._consequence_facts(customer_ids bigint[], kind text, is_history boolean) RETURNS void
    LANGUAGE c VOLATILE STRICT AS 'MODULE_PATHNAME', 'crm_consequence_facts';
COMMENT ON FUNCTION crm._consequence_facts(bigint[], text, boolean) IS
    'tells every registered room that facts of a kind (member, order, refund, event, interaction, consent) of these '
    'persons were stored';
CREATE FUNCTION crm._consequence_late(room text, customer_ids bigint[], kind text, is_history boolean) RETURNS void
    LANGUAGE c VOLATILE STRICT AS 'MODULE_PATHNAME', 'crm_consequence_late';
COMMENT ON FUNCTION crm._consequence_late(text, bigint[], text, boolean) IS
    'tells one registered room of facts, whether it is put off or not';
CREATE FUNCTION crm._put_off(rule text, customer_ids bigint[], kind text, is_history boolean) RETURNS boolean
    LANGUAGE plpgsql AS
$$
BEGIN
    INSERT INTO crm.put_off_fact (fact_id, rule, kind, customer_ids, is_history, put_at)
    SELECT crm._new_id(), p.rule, _put_off.kind, _put_off.customer_ids, _put_off.is_history, crm.core_now() FROM crm.put_off_rule p
    WHERE p.rule = _put_off.rule AND cardinality(_put_off.customer_ids) > 0;
    RETURN FOUND;
END
$$;
COMMENT ON FUNCTION crm._put_off(text, bigint[], text, boolean) IS
    'whether a rule is put off: what it would do about facts is then kept for the job that catches up';
CREATE FUNCTION crm._cost_note(rule text, kind text, persons int, began_at timestamptz) RETURNS void
    LANGUAGE c VOLATILE STRICT AS 'MODULE_PATHNAME', 'crm_cost_note';
COMMENT ON FUNCTION crm._cost_note(text, text, int, timestamptz) IS
    'counts a run of a rule that began at a moment of the wall clock and has just ended; nothing without preload';
CREATE FUNCTION crm._cost_list(OUT rule text, OUT kind text, OUT calls bigint, OUT persons bigint,
                               OUT total_ms float8, OUT longest_ms float8, OUT since timestamptz) RETURNS SETOF record
    LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'crm_cost_list';
COMMENT ON FUNCTION crm._cost_list() IS
    'what each rule took since the server started or counting began anew, by kind of facts; nothing without preload';
CREATE FUNCTION crm._cost_forget() RETURNS void
    LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'crm_cost_forget';
COMMENT ON FUNCTION crm._cost_forget() IS 'rules of this database are counted from now on';
CREATE FUNCTION crm._consequence_membership(survivor bigint, other bigint, record_ids bigint[], kind text) RETURNS void
    LANGUAGE c VOLATILE STRICT AS 'MODULE_PATHNAME', 'crm_consequence_membership';
COMMENT ON FUNCTION crm._consequence_membership(bigint, bigint, bigint[], text) IS
    'tells every registered room that records moved from one person to another (merge, unmerge, split, attach)';
CREATE FUNCTION crm._consequence_erase(customer_id bigint) RETURNS void
    LANGUAGE c VOLATILE STRICT AS 'MODULE_PATHNAME', 'crm_consequence_erase';
COMMENT ON FUNCTION crm._consequence_erase(bigint) IS 'tells every registered room to forget a person';
CREATE FUNCTION crm._consequence_export(customer_id bigint) RETURNS jsonb
    LANGUAGE c VOLATILE STRICT AS 'MODULE_PATHNAME', 'crm_consequence_export';
COMMENT ON FUNCTION crm._consequence_export(bigint) IS 'what each registered room keeps about a person, one member a room';
CREATE FUNCTION crm._consequence_leave(customer_ids bigint[], message_ids text[]) RETURNS void
    LANGUAGE c VOLATILE STRICT AS 'MODULE_PATHNAME', 'crm_consequence_leave';
COMMENT ON FUNCTION crm._consequence_leave(bigint[], text[]) IS
    'tells every registered room that messages which waited are about to leave: one whose reason is gone is '
    'cancelled there';
CREATE FUNCTION crm._consequence_registry() RETURNS text
    LANGUAGE c STABLE AS 'MODULE_PATHNAME', 'crm_consequence_registry';
COMMENT ON FUNCTION crm._consequence_registry() IS 'lines "kind position room function" of what is registered';

CREATE FUNCTION crm._new_id() RETURNS bigint
    LANGUAGE sql VOLATILE PARALLEL UNSAFE
    AS $$ SELECT nextval('crm.id_seq') + (current_setting('crm.core_node')::bigint << 48) $$;
COMMENT ON FUNCTION crm._new_id() IS
    'a new 64-bit id, unique over all tables and nodes (crm.core_node, 0 to 31), below 2^53';

CREATE FUNCTION crm._local_day(at timestamptz, zone text) RETURNS date
    LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$ SELECT (at AT TIME ZONE zone)::date $$;
COMMENT ON FUNCTION crm._local_day(timestamptz, text) IS 'the local calendar day of a moment in a time zone';

CREATE FUNCTION crm._day_text(day date) RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE AS $$ SELECT to_char(day::timestamp, 'YYYY-MM-DD') $$;
COMMENT ON FUNCTION crm._day_text(date) IS
    'a day as it stands in keys, 2026-03-31, whatever the session''s DateStyle: a cast to text follows that';

CREATE FUNCTION crm._setting(name text) RETURNS jsonb
    LANGUAGE plpgsql STABLE PARALLEL SAFE AS
$$
BEGIN   -- a saved plan: a SQL function over a table would be started anew for every call
    RETURN (SELECT s.value FROM crm.room_setting s WHERE s.name = _setting.name);
END
$$;
COMMENT ON FUNCTION crm._setting(text) IS 'a setting that managers edit; null when there is none of that name';
