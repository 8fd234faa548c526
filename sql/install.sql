-- The life of an installation: what install() made, that it is repeatable, that a plain DROP
-- EXTENSION is refused while there is data, and that uninstall() leaves nothing.
\set VERBOSITY terse
SELECT count(*) > 10 AS migrated FROM crm.install();
SELECT count(*) AS applied_again FROM crm.install();
SELECT finding, state FROM crm.doctor() WHERE finding IN ('library', 'tables', 'keys', 'encoding');
SELECT DISTINCT pg_get_userbyid(relowner) AS table_owner FROM pg_class
WHERE relnamespace = 'crm'::regnamespace AND relkind IN ('r', 'p', 'S', 'v');
SELECT count(*) AS tables_in_the_extension FROM pg_depend d JOIN pg_class c ON c.oid = d.objid AND d.classid = 'pg_class'::regclass
WHERE d.deptype = 'e' AND c.relnamespace = 'crm'::regnamespace AND c.relkind IN ('r', 'p', 'S', 'v');
SELECT count(*) AS public_may_execute FROM pg_proc p, aclexplode(p.proacl) a
WHERE p.pronamespace = 'crm'::regnamespace AND a.grantee = 0;

-- refused while there is data
DROP EXTENSION crm;
SELECT crm.uninstall();
SELECT crm.uninstall(current_database()) > 10 AS dropped;
DROP EXTENSION crm;
SELECT count(*) AS left_behind FROM pg_namespace WHERE nspname = 'crm';

-- a schema of that name that somebody else made is not adopted
CREATE SCHEMA crm;
CREATE EXTENSION crm;
DROP SCHEMA crm;
CREATE EXTENSION crm;
-- an administrator who is no superuser is told what is missing, too
SET ROLE crm_admin;
SELECT finding, state, remedy FROM crm.doctor() WHERE finding IN ('library', 'tables', 'keys', 'encoding');
RESET ROLE;
-- nobody but a superuser installs
SET ROLE crm_admin;
SELECT * FROM crm.install();
RESET ROLE;
-- by login: a superuser's role is not enough to go on as crm_owner
SELECT current_user AS superuser \gset
CREATE ROLE install_by_role LOGIN IN ROLE :superuser;
SET SESSION AUTHORIZATION install_by_role;
SET ROLE :superuser;
SELECT * FROM crm.install();
RESET SESSION AUTHORIZATION;
DROP ROLE install_by_role;
-- every entry says what to run
SELECT crm._require_schema();
SELECT count(*) FROM crm.check();
SELECT count(*) FROM crm.worker_costs();
SELECT count(*) > 10 AS migrated FROM crm.install();
-- a session that reads texts otherwise is told so before anything of ours is misread
SET standard_conforming_strings = off;
SET escape_string_warning = off;
SELECT crm._require_schema();
SELECT crm.ingest_order('nobody', 'x');
SELECT crm._actor();
RESET escape_string_warning;
RESET standard_conforming_strings;

SET ROLE crm_admin;
SELECT count(*) > 5 AS findings, count(*) FILTER (WHERE finding = 'keys' AND state = 'ok') AS keys FROM crm.doctor();
SELECT count(*) AS drifted FROM crm.check();
RESET ROLE;

-- ids grow, and are exact in JavaScript
SELECT crm._new_id() < crm._new_id() AS grows, crm._new_id() < 9007199254740992 AS is_exact;

-- the clock
SELECT crm.core_now() = now() AS runs;
SET crm.core_clock = '2026-06-30T10:00:00+08:00';
SELECT crm.core_now() AT TIME ZONE 'UTC' AS held;
-- in parallel workers, too, which take settings over before they have their time zones
SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; SET min_parallel_table_scan_size = 0;
SELECT count(*) > 0 AS rows, count(*) FILTER (WHERE crm.core_now() <> '2026-06-30T10:00:00+08:00') AS at_another_time FROM pg_class;
RESET parallel_setup_cost; RESET parallel_tuple_cost; RESET min_parallel_table_scan_size;
SELECT text, set_config('crm.core_clock', text, false) = text AS taken, crm.core_now() AT TIME ZONE 'UTC' AS moment
FROM unnest('{2026-06-30 10:00+08,2026-06-30T10:00:00.25Z,2026-06-30T10:00:00-0330,2024-02-29T23:59:59.123456+00:00}'::text[]) text;
SET crm.core_clock = '2026-02-29T10:00:00Z';
SET crm.core_clock = '2026-06-30T10:00:00';
SET crm.core_clock = '2026-06-30T24:00:00+08:00';
SET crm.core_clock = '2026-06-30T10:0';
SET crm.core_clock = '2026-06-30T10:00:00+08:00';
SET crm.core_clock = 'nonsense';
SET crm.core_clock = '';
SELECT crm.core_now() = now() AS runs_again;

-- keys: purpose and key are authenticated, damage is noticed
SELECT crm._decrypt('phone', crm._encrypt('phone', '+8613800138000')) AS clear;
SELECT crm._encrypt('phone', 'x') <> crm._encrypt('phone', 'x') AS salted;
SELECT crm._decrypt('address', crm._encrypt('phone', 'x'));
SELECT crm._decrypt('phone', '\x00');
SELECT crm._decrypt('phone', ''::bytea);
SELECT crm._decrypt('phone', '\x01ff' || repeat('a', 40)::bytea);
SELECT crm._keyed_hash('phone', 'a') = crm._keyed_hash('phone', 'a') AS equal, crm._keyed_hash('phone', 'a') <> crm._keyed_hash('email', 'a') AS apart;
SELECT encode(crm._sha256('abc'), 'hex') AS sha256;
-- RFC 4231, test case 2
SELECT encode(crm._hmac('Jefe', 'what do ya want for nothing?'), 'hex') AS hmac;
SELECT crm._random_bytes(0);

-- what follows a fact, a membership, an erasure and an export, in its order
SELECT regexp_split_to_table(rtrim(crm._consequence_registry(), E'\n'), E'\n') AS registered;
-- code of a release that the running library is not of: said by the doctor, refused by intake and install()
BEGIN;
CREATE OR REPLACE FUNCTION crm._code_version() RETURNS crm.version LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$ SELECT '99.0.0'::crm.version $$;
SELECT state, remedy LIKE 'restart the server: it still runs the library of % the code is of 99.0.0' AS said FROM crm.doctor() WHERE finding = 'library';
SELECT crm.install();
ROLLBACK;

-- the jobs of this night are as if they had run: what follows is the same at any hour
UPDATE crm.job SET next_run_at = next_run_at + interval '1 day' WHERE at_local IS NOT NULL;
