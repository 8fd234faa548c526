-- identity: the types of the room, hashes of identifiers, redirects.
-- A person is a cluster of source records that share identifiers.  The partition is a function
-- of what the records hold now, never of the order in which they came (doc/rooms/identity.md).

CREATE TYPE crm.identifier_value AS (
    kind smallint,                      -- crm.identifier_kind
    namespace text,                     -- app of an openid, scheme of a card; null or '' when there is none
    value text,                         -- normalised
    masked text,
    tail text,                          -- the last four digits of a phone
    is_key boolean);                    -- false: a landline, a 400 number, a placeholder

CREATE TYPE crm.member_fact AS (
    ordinal int, source_id int, external_id text, kind text, store_id int, channel text,
    registered_at timestamptz, registered_on date, identifiers crm.identifier_value[],
    name text, nickname text, sex text, birthday date, is_birthday_lunar boolean,
    province text, city text, district text, address text, note text, custom jsonb,
    source_version text, is_history boolean, content_hash bytea,
    received_at timestamptz, inbox_id bigint, line_no int);

CREATE TYPE crm.record_ref AS (
    ordinal int, source_id int, kind text, external_id text, identifiers crm.identifier_value[],
    store_id int, channel text, occurred_at timestamptz, is_history boolean,
    received_at timestamptz, inbox_id bigint, line_no int);

CREATE TYPE crm.record_outcome AS (
    ordinal int, source_record_id bigint, customer_id bigint,
    outcome text);                      -- created, updated, unchanged, suppressed

CREATE FUNCTION crm._identity_hash(kind smallint, namespace text, value text) RETURNS bytea
    LANGUAGE c STABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'crm_identity_hash';
COMMENT ON FUNCTION crm._identity_hash(smallint, text, text) IS
    'keyed hash by which an identifier is looked up: purpose is the kind''s code, value is namespace, 0x1f, '
    'normalised value; null for a null value; 22023 for an unknown kind';

CREATE FUNCTION crm._identity_kind(code text) RETURNS smallint
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'crm_identity_kind';
COMMENT ON FUNCTION crm._identity_kind(text) IS
    'number of an identifier kind (phone 1, email 2, member_card 3, openid 4, unionid 5, wecom 6, platform_id 7, '
    'national_id 8, dingtalk 9, device 10, home_name 11, home 12); null when there is none of that code';

CREATE FUNCTION crm._identity_kind_code(kind smallint) RETURNS text
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'crm_identity_kind_code';
COMMENT ON FUNCTION crm._identity_kind_code(smallint) IS
    'code of an identifier kind; null when there is none of that number';

CREATE FUNCTION crm._identity_home(name text, province text, city text, district text, address text,
                                   OUT area text, OUT home text, OUT home_name text, OUT masked text)
    LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'crm_identity_home';
COMMENT ON FUNCTION crm._identity_home(text, text, text, text, text) IS
    'what name and address say as identifiers: home, an address down to its room without the town; area, the town '
    'by its code, empty when not told; home_name, whole name and home, masked; null as far as they are not told. '
    'Never raises';

CREATE FUNCTION crm._identity_tail_hash(digits text) RETURNS bytea
    LANGUAGE plpgsql STABLE STRICT PARALLEL SAFE AS
$$
BEGIN
    RETURN crm._keyed_hash('phone_tail', convert_to(digits, 'UTF8'));
END
$$;
COMMENT ON FUNCTION crm._identity_tail_hash(text) IS 'keyed hash of the last four digits of a phone';

CREATE FUNCTION crm._identity_version_key(source_version text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$ SELECT CASE WHEN source_version ~ '^[0-9]{1,30}$' THEN lpad(source_version, 30, '0')
                      ELSE nullif(btrim(source_version), '') END COLLATE "C" $$;
COMMENT ON FUNCTION crm._identity_version_key(text) IS
    'what orders the versions of a source: whole numbers by value, everything else (ISO times) byte by byte; null '
    'when the source gives none';

CREATE TYPE crm.person_id AS (person bigint, id bigint);
COMMENT ON TYPE crm.person_id IS 'an id that answers to a person, or did, besides the current one';

CREATE FUNCTION crm._identity_current(customer_id bigint) RETURNS bigint
    LANGUAGE plpgsql STABLE STRICT PARALLEL SAFE AS
$$
DECLARE
    answer bigint;
    target bigint := customer_id;
BEGIN
    LOOP
        SELECT c.customer_id, c.merged_into INTO answer, target FROM crm.customer c WHERE c.customer_id = target;
        EXIT WHEN target IS NULL;
    END LOOP;
    RETURN answer;
END
$$;
COMMENT ON FUNCTION crm._identity_current(bigint) IS
    'the person that an id of any time answers to now; null for an id that never was';

CREATE FUNCTION crm._identity_cluster(customer_id bigint) RETURNS bigint[]
    LANGUAGE plpgsql STABLE STRICT PARALLEL SAFE AS
$$
DECLARE
    person bigint := crm._identity_current(customer_id);
BEGIN
    RETURN CASE WHEN person IS NOT NULL THEN person || ARRAY(
        SELECT c.customer_id FROM crm.customer c WHERE c.merged_into = person ORDER BY 1) END;
END
$$;
COMMENT ON FUNCTION crm._identity_cluster(bigint) IS
    'every id that answers to a person, the current one first; null for an id that never was';

-- Normalisers: what somebody typed, as it is stored, compared and shown.
CREATE TYPE crm.phone_parts AS (
    number text,                        -- E.164; null when there is none
    extension text,
    kind text,                          -- mobile, landline, shared_cost, toll_free, virtual_operator, short, foreign, masked, placeholder, invalid
    is_key boolean,                     -- may say that two records are one person
    masked text, tail text,
    reason text);                       -- why it is invalid
CREATE FUNCTION crm.identity_phone(phone text) RETURNS crm.phone_parts
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'crm_identity_phone';
COMMENT ON FUNCTION crm.identity_phone(text) IS
    'a phone number as anybody types it (+86, full width, extensions), read as Chinese when it has no country: '
    'E.164, kind, whether it identifies a person (landlines, 400 numbers and placeholders do not), masked form, '
    'last four digits; never raises';

CREATE TYPE crm.email_parts AS (address text, key text, is_key boolean, masked text, reason text);
CREATE FUNCTION crm.identity_email(email text) RETURNS crm.email_parts
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'crm_identity_email';
COMMENT ON FUNCTION crm.identity_email(text) IS
    'an e-mail address: the address to write to, the key to compare by (dots and +tag of providers that ignore them '
    'are gone), whether it identifies a person (no desk, no placeholder), masked form; address null and a reason '
    'when invalid; never raises';

CREATE TYPE crm.birthday_parts AS (birthday date, month_day text, is_lunar boolean, is_missing boolean, reason text);
CREATE FUNCTION crm.identity_birthday(birthday text) RETURNS crm.birthday_parts
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'crm_identity_birthday';
COMMENT ON FUNCTION crm.identity_birthday(text) IS
    'a birthday in any usual spelling: date (null without a year; a lunar one is kept by its lunar year, month and '
    'day), MM-DD, whether the calendar is lunar, whether it is a date that stands for unknown (1900-01-01), and why '
    'it cannot be read; never raises';

CREATE TYPE crm.name_parts AS (key text, surname text, is_full boolean, is_masked boolean, is_placeholder boolean, sex text, masked text);
CREATE FUNCTION crm.identity_name(name text) RETURNS crm.name_parts
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'crm_identity_name';
COMMENT ON FUNCTION crm.identity_name(text) IS
    'a person''s name: the key to compare by (NFKC, simplified, lower case, titles gone, hidden characters are '
    'stars), the surname of a Chinese name, whether the name is whole, masked, or stands for none, the sex a title '
    'tells (m, f), masked form; key null when it is no name; never raises';

CREATE TYPE crm.national_id_parts AS (number text, is_key boolean, birthday date, sex text, masked text);
CREATE FUNCTION crm.identity_national_id(number text) RETURNS crm.national_id_parts
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'crm_identity_national_id';
COMMENT ON FUNCTION crm.identity_national_id(text) IS
    'a Chinese identity number (GB 11643; fifteen digits become eighteen): number, whether date and check digit are '
    'right, birthday, sex (m, f), masked form; number null when it is wrong; never raises';
GRANT EXECUTE ON FUNCTION crm.identity_name(text), crm.identity_national_id(text)
    TO crm_reader, crm_clerk, crm_store_manager, crm_manager, crm_service, crm_steward, crm_marketer, crm_analyst,
       crm_headquarters, crm_admin, crm_till;
GRANT EXECUTE ON FUNCTION crm.identity_phone(text), crm.identity_email(text), crm.identity_birthday(text)
    TO crm_reader, crm_clerk, crm_store_manager, crm_manager, crm_service, crm_steward, crm_marketer, crm_analyst,
       crm_headquarters, crm_admin, crm_till;

-- Whatever intake says, a number that is no Chinese mobile inside China glues nobody: landlines
-- are a store's as often as a family's.
CREATE FUNCTION crm._identity_may_glue(kind smallint, value text, is_key boolean) RETURNS boolean
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$ SELECT coalesce(is_key, true) AND (kind <> 1 OR value !~ '^\+86' OR value ~ '^\+861[3-9][0-9]{9}$') $$;
COMMENT ON FUNCTION crm._identity_may_glue(smallint, text, boolean) IS
    'whether an identifier may say that two records are one person';
