-- identity, everybody settled anew: what is stored under other settings becomes what it would be had it come under those of now.
\set VERBOSITY terse
SET client_min_messages = warning;
SELECT count(*) >= 0 AS installed FROM crm.install();
SET timezone = 'UTC';
BEGIN;
SET LOCAL crm.core_clock = '2026-03-31T12:00:00+08:00';
SELECT set_config('crm.access_claims', '{"actor": "regress", "role": "crm_headquarters", "stores": [], "all": true}', true) <> '' AS claims;
\i sql/shared/try_remedy.sql
DELETE FROM crm.resettle_span; DELETE FROM crm.resettle_run;
SELECT crm.ingest_define_source('again_pos', 'till', 'pos') > 0 AS pos, crm.ingest_define_source('again_shop', 'shop', 'shop_platform') > 0 AS shop;
\i sql/shared/member.sql
CREATE FUNCTION pg_temp.run() RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    steps bigint := 0;
BEGIN
    LOOP
        steps := steps + 1;
        -- a job that reads the kinds of identifiers meanwhile is waited for
        CONTINUE WHEN crm._identity_resettle_step() > 0;
        EXIT WHEN crm.identity_resettle_progress() ->> 'state' = 'done' OR steps > 600;
        PERFORM pg_sleep(0.1);
    END LOOP;
    RETURN steps;
END $$;

-- 1. nothing changed: nobody moves
SELECT count(DISTINCT pg_temp.member('again_pos', 'size' || n, '{"phone": "13867250801"}')) AS one FROM generate_series(1, 6) n;
SELECT count(DISTINCT pg_temp.member('again_pos', 'hub' || n, jsonb_build_object('phone', '13867250802', 'member_card', 'H' || n / 2))) AS one FROM generate_series(0, 5) n;
SELECT pg_temp.member('again_pos', 'two1', '{"phone": "13867250803", "name": "陈一"}') = pg_temp.member('again_pos', 'two2', '{"phone": "13867250803", "name": "陈一"}') AS one;
SELECT crm.identity_resettle_progress() AS before_the_first;
-- nobody asked for a run: the job does nothing
SELECT crm._identity_resettle_step() AS nothing_to_do, (SELECT count(*) FROM crm.resettle_span) AS spans;
SELECT r ->> 'state' AS state, r ->> 'reason' AS reason, r ->> 'actor' AS actor, (r ->> 'records')::int = (SELECT count(*) FROM crm.source_record) AS all_records, r ->> 'settled' AS settled, r ->> 'progress' AS progress
FROM crm.identity_resettle('a release with other rules', 'k1') r;
SELECT crm.identity_resettle('a release with other rules', 'k1') ->> 'state' AS told_again, (SELECT count(*) FROM crm.resettle_run) AS runs;
SELECT pg_temp.run() > 0 AS went;
SELECT p ->> 'state' AS state, p ->> 'moved' AS moved, p ->> 'joined' AS joined, p ->> 'parted' AS parted, p ->> 'progress' AS progress, p ->> 'finished_at' AS finished FROM crm.identity_resettle_progress() p;
SELECT pg_temp.persons('size%'), pg_temp.persons('hub%'), pg_temp.persons('two%');

-- 2. fewer records a person, fewer holders of a phone, one record a person of the source: until then they drift, after it they are as if they had come so
SET LOCAL crm.core_clock = '2026-03-31T12:05:00+08:00';
SELECT crm.access_set_setting('identity.person_records', '5') AS was;
SELECT p ->> 'state' AS state, p ->> 'settings_changed_at' AS due_since FROM crm.identity_resettle_progress() p;
SET LOCAL crm.core_clock = '2026-03-31T12:06:00+08:00';
UPDATE crm.identifier_kind SET max_records = 4 WHERE code = 'phone';
UPDATE crm.source SET is_one_record_per_person = true WHERE code = 'again_shop';
SELECT pg_temp.member('again_shop', 'shop1', '{"phone": "13867250805"}') <> pg_temp.member('again_shop', 'shop2', '{"phone": "13867250805"}') AS two;
SELECT count(*) > 0 AS drifts FROM crm.identity_check();
SELECT crm.identity_resettle('smaller persons') ->> 'state' AS state;
SELECT pg_temp.run() > 0 AS went;
SELECT pg_temp.persons('size%'), pg_temp.persons('hub%'), pg_temp.persons('two%'), pg_temp.persons('shop%');
SELECT count(*) AS drift FROM crm.identity_check();
SELECT (p ->> 'moved')::int > 0 AS moved, (p ->> 'parted')::int > 0 AS parted, p ->> 'joined' AS joined, p ->> 'state' AS state, p ->> 'settings_changed_at' AS due_since FROM crm.identity_resettle_progress() p;
SELECT kind, count(*) > 0 AS told FROM crm.merge_journal WHERE reason = 'resettle' GROUP BY 1 ORDER BY 1;
SELECT count(*) AS differences FROM crm.value_check();

-- 3. and joined again when the source promises nothing any more
UPDATE crm.source SET is_one_record_per_person = false WHERE code = 'again_shop';
SELECT crm.identity_resettle('one promise less') ->> 'state' AS state;
-- begun anew while it is under way, with all who came since
SELECT crm._identity_resettle_step() >= 0 AS a_step;
SELECT (p ->> 'joined')::int > 0 AS joined, p ->> 'parted' AS parted FROM crm.identity_resettle_progress() p;
SELECT pg_temp.member('again_pos', 'late1', '{"phone": "13867250806"}') > 0 AS came_since;
SELECT p ->> 'settled' AS settled, p ->> 'state' AS state, (p ->> 'records')::int = (SELECT count(*) FROM crm.source_record) AS all_records FROM crm.identity_resettle('once more') p;
SELECT pg_temp.run() > 0 AS went;
SELECT pg_temp.persons('shop%'), (SELECT count(*) FROM crm.identity_check()) AS drift, (SELECT count(*) FROM crm.resettle_run) AS runs;

-- 4. one that fails does not stop the others, and is told; what it fails at mended, it is settled, too
SELECT pg_temp.member('again_shop', 'free1', '{"phone": "13867250807"}') = pg_temp.member('again_shop', 'free2', '{"phone": "13867250807"}') AS one;
UPDATE crm.source SET is_one_record_per_person = true WHERE code = 'again_shop';
CREATE FUNCTION pg_temp.refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    IF EXISTS (SELECT FROM crm.source_record r WHERE r.source_record_id = NEW.source_record_id AND r.external_id LIKE 'shop%') THEN RAISE 'no room'; END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER refuse BEFORE INSERT OR UPDATE ON crm.membership FOR EACH ROW EXECUTE FUNCTION pg_temp.refuse();
CREATE FUNCTION pg_temp.run_as_worker() RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    said text;
    n int := 0;
BEGIN
    LOOP
        n := n + 1;
        BEGIN
            CONTINUE WHEN crm._identity_resettle_step() > 0;
        EXCEPTION WHEN raise_exception THEN
            said := SQLERRM;
        END;
        EXIT WHEN said IS NOT NULL AND n > 20 OR n > 600;
        PERFORM pg_sleep(0.01);
    END LOOP;
    RETURN said;
END $$;
SELECT crm.identity_resettle('one promise more') ->> 'failed' AS failed;
DELETE FROM crm.resettle_span;
INSERT INTO crm.resettle_span (first_record, last_record, record_count) SELECT r.source_record_id, r.source_record_id, 1 FROM crm.source_record r WHERE r.external_id ~ '^(shop|free)';
SELECT pg_temp.run_as_worker() AS job_fails;
SELECT pg_temp.persons('shop%'), pg_temp.persons('free%');
SELECT p ->> 'state' AS state, p ->> 'settled' AS settled, p ->> 'failed' AS failed, p ->> 'awaited' AS awaited FROM crm.identity_resettle_progress() p;
DROP TRIGGER refuse ON crm.membership;
SELECT pg_temp.run() > 0 AS went;
SELECT pg_temp.persons('shop%'), p ->> 'state' AS state, p ->> 'failed' AS failed FROM crm.identity_resettle_progress() p;

-- 5. refused
SELECT pg_temp.try($$crm.identity_resettle(NULL)$$) AS no_reason, pg_temp.try($$crm.identity_resettle(' ')$$) AS blank;
SELECT crm._identity_differing('{}') AS of_nobody, crm._identity_differing('{-1}') AS of_none;
SELECT action, object_kind, reason FROM crm.audit WHERE action = 'resettle' ORDER BY audit_id;
ROLLBACK;
