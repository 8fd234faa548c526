-- How near two values of a field are: levels, distances, similarities.  All of them are functions
-- of their arguments alone and read nothing.

CREATE FUNCTION crm.identity_compare(field text, a text, b text) RETURNS integer
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'crm_identity_compare';
COMMENT ON FUNCTION crm.identity_compare(text, text, text) IS
    'the level at which two values of a field agree: 0 they disagree, higher is nearer, null when one of them says '
    'nothing. Fields: name, given, date, phone, email, national_id, address, postcode, text, number; 22023 for '
    'another';

CREATE FUNCTION crm.identity_compare_text(field text, level integer, language text DEFAULT 'en') RETURNS text
    LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'crm_identity_compare_text';
COMMENT ON FUNCTION crm.identity_compare_text(text, integer, text) IS
    'what a level of identity_compare() means in a few words; a null level is "not told". Languages: en, zh-CN; '
    'others read English. 22023 for another field';

CREATE FUNCTION crm.identity_compare_edits(a text, b text, kind text DEFAULT 'damerau', most integer DEFAULT NULL)
    RETURNS integer
    LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'crm_identity_compare_edits';
COMMENT ON FUNCTION crm.identity_compare_edits(text, text, text, integer) IS
    'edits between two texts, by character: levenshtein, osa (neighbours change places, no part edited twice) or '
    'damerau (without that restriction); most + 1 when there are more than most. Null for a null text; 22023 for '
    'another kind or a negative most; 54000 for more than 4096 characters';

CREATE FUNCTION crm.identity_similarity(a text, b text, kind text DEFAULT 'jaro_winkler') RETURNS double precision
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'crm_identity_similarity';
COMMENT ON FUNCTION crm.identity_similarity(text, text, text) IS
    'how alike two texts are, 0 to 1, by character as written: jaro, jaro_winkler (lifted where jaro exceeds 0.7), '
    'bigram (Dice), containment (of the shorter in the longer). Two empty texts are 1. 22023 for another kind; '
    '54000 for more than 4096 characters';

CREATE TYPE crm.address_parts AS (
    area_code   text,
    area        text,
    road        text,
    lane        text,
    number      text,
    building    text,
    unit        text,
    floor       text,
    room        text,
    place       text
);
COMMENT ON TYPE crm.address_parts IS
    'an address taken apart; area_code is the narrowest administrative code known (GB/T 2260)';

CREATE FUNCTION crm.identity_address(address text) RETURNS crm.address_parts
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'crm_identity_address';
COMMENT ON FUNCTION crm.identity_address(text) IS
    'a Chinese address taken apart: area by code with levels missing, road, lane, number, building, unit, floor, '
    'room, and what is left as the place. Numbers are Arabic, letters lower case; a part that is not there is null. '
    'Never raises';

GRANT EXECUTE ON FUNCTION crm.identity_compare(text, text, text), crm.identity_compare_text(text, integer, text),
    crm.identity_compare_edits(text, text, text, integer), crm.identity_similarity(text, text, text),
    crm.identity_address(text) TO crm_steward, crm_headquarters, crm_admin;
