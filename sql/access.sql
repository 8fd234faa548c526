-- access: the contract of its functions.  Who may see what is tests/pgtap.
\set VERBOSITY terse
\set ON_ERROR_ROLLBACK on
SET timezone = 'UTC';
SELECT count(*) >= 0 AS installed FROM crm.install();
-- the worker's own run, if there is one, has nothing left to make that this session would wait for
SELECT crm._access_partitions() AS left;
BEGIN;
-- a small chain; every definition can be repeated
SELECT crm.access_define_region('E', 'East') = crm.access_define_region('E', 'East China') AS same_region;
SELECT crm.access_define_store('E1', 'One', 'E') = crm.access_define_store('E1', 'First', 'E', 'Shanghai') AS same_store;
SELECT crm.access_define_store('E2', 'Two', 'E') > 0 AS made;
SELECT code, name, city, time_zone FROM crm.store WHERE code ~ '^E' ORDER BY code;
SELECT crm.access_define_group('G', 'Franchise', '{E1,E2}') = crm.access_define_group('G', 'Franchise', '{E2}') AS same_group;
SELECT s.code FROM crm.sharing_group_store JOIN crm.store s USING (store_id) ORDER BY 1;
SELECT crm.access_define_staff('C1', 'Wang', 'crm_clerk', '{store:E1}', 'wang') > 0 AS made;
SELECT crm.access_define_staff('M1', 'Lin', 'crm_manager', '{region:E,group:G}', 'lin') > 0 AS made;
SELECT crm.access_define_staff('H1', 'He', 'crm_headquarters', '{all}', 'he') > 0 AS made;
SELECT s->>'code' AS code, s->>'role' AS role, s->'scopes' AS scopes, s->'has_password' AS has_password FROM crm.access_staff() s;

-- what is refused, and how it is said
SELECT crm.access_define_store('W1', 'One', 'W');
SELECT crm.access_define_store('E3', 'Three', 'E', time_zone => 'Mars/Olympus');
SELECT crm.access_define_staff('X1', 'X', 'crm_gateway');
SELECT crm.access_define_staff('X1', 'X', NULL);
SELECT crm.access_define_staff('X1', 'X', 'crm_clerk', '{store:W1}');
SELECT crm.access_define_staff('X1', 'X', 'crm_clerk', '{planet:earth}');
SELECT crm.access_define_staff('X1', 'X', 'crm_clerk', '{}', NULL, 'crm_gateway');
SELECT crm.access_define_staff('X1', 'X', 'crm_clerk', '{}', NULL, 'nobody_of_this_name');
SELECT crm.access_set_password('C1', 'short');
SELECT crm.access_set_password('C9', 'long enough');

-- scrypt: RFC 7914, the third vector, and its bounds
SELECT encode(crm._access_scrypt('pleaseletmein', 'SodiumChloride', 16384, 8, 1), 'hex') AS scrypt;
SELECT crm._access_scrypt('x', 'y', 3, 8, 1);
SELECT crm._access_scrypt('x', 'y', 1073741824, 8, 1);
SELECT crm._access_equal('abc', 'abc') AS equal, crm._access_equal('abc', 'abd') AS differs, crm._access_equal('abc', 'abcd') AS longer;

-- signing in
SELECT crm.access_set_password('C1', '正确的密码 123');
SELECT crm.access_sign_in('wang', 'wrong')->>'status' AS wrong, crm.access_sign_in('nobody', 'wrong')->>'status' AS unknown,
       crm.access_sign_in('wang', crm.access_sign_in('wang', NULL)->>'x')->>'status' AS null_password, crm.access_sign_in(NULL, 'x')->>'status' AS null_login;
SELECT s->>'status' AS status, s->>'role' AS role, s->'staff' AS staff, length(s->>'session') AS length,
       (s->>'expires_at')::timestamptz - crm.core_now() AS lasts, s->>'session' AS cookie
FROM crm.access_sign_in('wang', '正确的密码 123', 'agent') s \gset signed_
\echo :signed_status :signed_role :signed_staff :signed_length :signed_lasts
SELECT (claims::jsonb - 'session' - 'staff_id' - 'stores') AS claims, jsonb_array_length(claims::jsonb->'stores') AS stores, role
FROM crm.access_authenticate(jsonb_build_object('kind', 'session', 'value', :'signed_cookie', 'request_id', 'r-1')::text);
SELECT count(*) AS cookies_kept FROM crm.session WHERE session::text ~ :'signed_cookie';
-- five wrong tries lock; the right password does not help, time does
SELECT count(*) FILTER (WHERE crm.access_sign_in('wang', 'wrong ' || n)->>'status' = '401') AS wrong FROM generate_series(1, 5) n;
SELECT crm.access_sign_in('wang', '正确的密码 123')->>'status' AS locked;
SELECT to_json(crm.core_now() + interval '15 minutes 1 second') #>> '{}' AS later \gset
SET LOCAL crm.core_clock = :'later';
SELECT crm.access_sign_in('wang', '正确的密码 123')->>'status' AS after_15_minutes;
SET LOCAL crm.core_clock = '';
-- a one-time link
SELECT crm.access_issue_link('M1') AS token \gset
SELECT crm.access_sign_in_link(:'token')->>'role' AS first, crm.access_sign_in_link(:'token')->>'detail' AS second;
SELECT crm.access_sign_in_link('x')->>'status' AS unknown, crm.access_sign_in_link(NULL)->>'status' AS null_token;
-- whoever leaves is out
SELECT crm.access_staff_left('C1') AS gone, crm.access_staff_left('C1') AS again;
SELECT * FROM crm.access_authenticate(jsonb_build_object('kind', 'session', 'value', :'signed_cookie')::text);
SELECT crm.access_sign_in('wang', '正确的密码 123')->>'status' AS status;

-- keys
SELECT crm.access_create_key('till 1', 'crm_till', 'pos', 'E1') AS key \gset
SELECT split_part(:'key', '_', 3) AS key_id \gset
SELECT :'key' ~ '^crm_live_[0-9a-f]{16}_[0-9a-f]{64}$' AS shape, count(*) AS secrets_kept FROM crm.api_key k WHERE k::text ~ split_part(:'key', '_', 4);
SELECT claims::jsonb - 'actor' - 'stores' AS claims, role FROM crm.access_authenticate(jsonb_build_object('kind', 'key', 'value', :'key')::text);
SELECT * FROM crm.access_authenticate(jsonb_build_object('kind', 'key', 'value', :'key' || '0')::text);
SELECT * FROM crm.access_authenticate(jsonb_build_object('kind', 'key', 'value', replace(:'key', 'live', 'test'))::text);
SELECT * FROM crm.access_authenticate('{"kind": "key", "value": null}');
SELECT crm.access_revoke_key(:'key_id') AS revoked, crm.access_revoke_key(:'key_id') AS again;
SELECT * FROM crm.access_authenticate(jsonb_build_object('kind', 'key', 'value', :'key')::text);
SELECT crm.access_create_key('expired', 'crm_steward', is_sandbox => true, expires_at => crm.core_now()) AS key \gset
SELECT :'key' ~ '^crm_test_' AS sandbox;
SELECT * FROM crm.access_authenticate(jsonb_build_object('kind', 'key', 'value', :'key')::text);
SELECT crm.access_create_key('x', 'crm_gateway');

-- tokens: the subject's own role or none
SELECT role FROM crm.access_authenticate('{"kind": "jwt", "claims": {"sub": "M1"}}');
SELECT role FROM crm.access_authenticate('{"kind": "jwt", "claims": {"sub": "M1", "role": "crm_manager"}}');
SELECT role FROM crm.access_authenticate('{"kind": "jwt", "claims": {"sub": "M1", "role": "crm_headquarters"}}');
SELECT role FROM crm.access_authenticate('{"kind": "jwt", "claims": {}}');
SELECT role FROM crm.access_authenticate('{"kind": "jwt", "claims": []}');
SELECT * FROM crm.access_authenticate('{"kind": "none"}');
SELECT * FROM crm.access_authenticate('{"kind": "magic"}');
SELECT * FROM crm.access_authenticate('[]');
SELECT * FROM crm.access_authenticate(NULL);

-- who acts
SELECT crm._actor() = session_user AS login, crm._actor_staff() IS NULL AS no_staff, crm._actor_claim('source') IS NULL AS no_source;
SET LOCAL crm.access_claims = '{"actor": "C7", "staff_id": 7, "role": "crm_clerk", "stores": [3, 4], "request_id": "r-9", "source": "pos"}';
SELECT crm._actor(), crm._actor_role(), crm._actor_staff(), crm.access_store_ids(), crm._actor_claim('request_id') AS request_id, crm._actor_claim('sandbox') AS sandbox;
SELECT crm._actor_claim('shoe_size');
SET LOCAL crm.access_claims = '{"actor": "C7", "role": "crm_clerk", "stores": []}';
SELECT crm.access_store_ids() AS no_stores, crm._actor_staff() AS no_staff;
SET LOCAL crm.access_claims = '{"actor": "C7", "role": "crm_clerk", "stores": [1.5e300]}';
SELECT crm.access_store_ids();
SET LOCAL crm.access_claims = '{"actor": 7, "role": "crm_clerk", "stores": []}';
SELECT crm._actor();
SET LOCAL crm.access_claims = '"x"';
SELECT crm._actor();
SET LOCAL crm.access_claims = '{"actor": "C7"';
SELECT crm._actor();
SET LOCAL crm.access_claims = '';
SELECT crm.access_whoami() - 'actor' - 'role' - 'stores' AS whoami;
SELECT crm.access_sign_out() AS no_session;

-- settings: of the same type, within bounds, on the trail
SELECT crm.access_set_setting('access.link_minutes', '30') AS before, crm.access_set_setting('access.link_minutes', '60') AS then;
SELECT crm.access_set_setting('access.link_minutes', '"30"');
SELECT crm.access_set_setting('access.link_minutes', '-1');
SELECT crm.access_set_setting('access.link_minutes', NULL);
SELECT crm.access_set_setting('core.time_zone', '"Mars/Olympus"');
SELECT crm.access_set_setting('no.such_thing', '1');
SET LOCAL crm.access_claims = '{"actor": "H1", "role": "crm_headquarters", "stores": [], "all": true}';
SELECT crm.access_set_setting('access.unmask_hour_limit', '100000');
SET LOCAL crm.access_claims = '';
SELECT old_value, new_value FROM crm.audit WHERE object_kind = 'setting' ORDER BY audit_id;

-- calls that may be repeated
SELECT crm._idempotency_claim('k1', 'room_verb', 'payload') AS first;
SELECT crm._idempotency_store('k1', '{"answer": 42}');
SELECT crm._idempotency_claim('k1', 'room_verb', 'payload') AS again;
SELECT crm._idempotency_claim('k1', 'room_verb', 'other payload');
SELECT crm._idempotency_claim('k1', 'other_verb', 'payload');
SELECT crm._idempotency_claim('k2', 'room_verb', NULL) AS first;
SELECT crm._idempotency_claim('k2', 'room_verb', NULL);
SELECT crm._idempotency_claim('', 'room_verb', 'x');
SELECT crm._idempotency_claim(NULL, 'room_verb', 'x') AS without_a_key;
SET LOCAL crm.access_claims = '{"actor": "C8", "role": "crm_clerk", "stores": []}';
SELECT crm._idempotency_claim('k1', 'room_verb', 'other payload') AS another_person_has_keys_of_their_own;
SET LOCAL crm.access_claims = '';

-- the trail: sealed, verified, damaged
DELETE FROM crm.audit_seal; DELETE FROM crm.audit;
SELECT crm._audit('test', 'thing', n, 'field', 'o*d', 'n*w', 'reason') FROM generate_series(1, 3) n;
-- (a vacuum may hold the lock: the job then tries again, and so does this)
CREATE FUNCTION pg_temp.seal() RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE before bigint := (SELECT count(*) FROM crm.audit_seal);
BEGIN
    FOR n IN 1 .. 100 LOOP
        PERFORM crm._access_seal();
        EXIT WHEN (SELECT count(*) FROM crm.audit_seal) > before;
    END LOOP;
    RETURN (SELECT count(*) FROM crm.audit_seal) - before;
END $$;
SELECT pg_temp.seal() AS sealed;
SELECT crm._access_seal() AS nothing_left;
SELECT crm._audit('test', 'thing', 4);
SELECT pg_temp.seal() AS sealed;
SELECT seal_no, state FROM crm.access_verify_audit();
SELECT a - 'audit_id' - 'at' - 'actor' - 'role' AS entry FROM crm.access_audit(act => 'test', max_rows => 1) a;
SAVEPOINT f;
UPDATE crm.audit SET reason = 'another' WHERE object_id = 2;
SELECT seal_no, state FROM crm.access_verify_audit();
SELECT crm.access_define_staff('N1', 'Nobody''s', 'crm_clerk') > 0 AS without_a_scope;
SELECT * FROM crm.access_check() WHERE what !~ '^rows';
ROLLBACK TO f;
DELETE FROM crm.audit WHERE object_id = 4;
SELECT seal_no, state FROM crm.access_verify_audit();
ROLLBACK TO f;
UPDATE crm.audit_seal SET row_count = 4 WHERE seal_no = 1;
SELECT seal_no, state FROM crm.access_verify_audit();
ROLLBACK TO f;
DELETE FROM crm.audit_seal WHERE seal_no = 1;
SELECT seal_no, state FROM crm.access_verify_audit();
ROLLBACK TO f;

-- partitions: ahead by the clock, rows that came earlier move in, what is past retention goes
SET LOCAL crm.core_clock = '2031-03-30T12:00:00Z';
INSERT INTO crm.event (source_record_id, received_at, event_id, source_id, type, occurred_at, business_day, is_history)
VALUES (1, '2031-03-05', 1, 1, 'view', '2031-03-05', '2031-03-05', false);
SELECT crm._access_partitions() AS done;
SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid WHERE i.inhparent IN ('crm.inbox'::regclass, 'crm.event'::regclass)
    AND c.relkind = 'r' AND c.relname ~ '2031' ORDER BY 1;
SELECT tableoid::regclass AS moved_to FROM crm.event WHERE source_record_id = 1;
SET LOCAL crm.core_clock = '2034-05-01T12:00:00Z';
SELECT crm._access_partitions() AS done;
SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid WHERE i.inhparent IN ('crm.inbox'::regclass, 'crm.event'::regclass)
    AND c.relkind = 'r' AND c.relname ~ '2031|2034' ORDER BY 1;

-- blanking leaves every other byte where it was
SELECT convert_from(crm._access_blank(E'M-7,"a\nb",1\r\nM-71,x,2\r\nM-8,M-7,3', 'csv', '{M-7}', '{}'), 'UTF8') AS csv;
SELECT convert_from(crm._access_blank(E'{"a":1}\n{"a":12}\n{"a":3}\n', 'ndjson', '{1}', '{3}'), 'UTF8') AS ndjson;
SELECT convert_from(crm._access_blank(E'{"phone":\n"13800138000"}', 'single', '{13800138000}', '{}'), 'UTF8') = repeat(' ', 24) AS whole;
SELECT convert_from(crm._access_blank('电话13800138000，', 'single', '{13800138000}', '{}'), 'UTF8') ~ '^ +$' AS next_to_chinese;
-- a record is what intake takes for one: with lines within its quotes, after blank lines, with a quote that is none, with line ends of old
SELECT n, translate(convert_from(crm._access_blank(convert_to(payload, 'UTF8'), 'csv', needles, lines, header), 'UTF8'), E'\n\r ', '/|_') AS csv
FROM (VALUES (1, E'id,n\nA1,"x\ny"\nA2,z\nA3,w\n', '{}'::bytea[], '{4}'::int[], 'id,n'), (2, E'id;n\n\n\nA1;"x,\ny"\nA2;z\n', '{}', '{6}', 'id;n'), (3, E'A3;5" cake\nA4;w\nA5;6" cake\n', '{A4}', '{}', 'id;n'),
    (4, E'id,n\rA1,x\rA2,y\r', '{A1}', '{}', ''), (5, E'A1,"open\nA2,y\n', '{}', '{2}', 'id,n')) v (n, payload, needles, lines, header) ORDER BY n;
SELECT crm._access_blank('a,b', 'csv', '{c,"",NULL}', '{0,2,-1}') IS NULL AS nothing, crm._access_blank('', 'csv', '{c}', '{1}') IS NULL AS empty;

-- what defines a house is refused by name, with what to give, where the tables would refuse it by theirs
\i sql/shared/try_remedy.sql
SELECT crm.access_define_region('ac_r', 'r') > 0 AS region, crm.access_define_staff('ac_one', 'one', 'crm_clerk', '{}', 'ac_login') > 0 AS staff;
SELECT n, pg_temp.try(call) AS fault FROM (VALUES (1, 'crm.access_define_region(NULL, ''x'')'), (2, 'crm.access_define_region(''x'', '' '')'), (3, 'crm.access_define_region(repeat(''x'', 101), ''x'')'),
    (4, 'crm.access_define_store(''x'', NULL, ''ac_r'')'), (5, 'crm.access_define_store(NULL, ''x'', ''ac_r'')'), (6, 'crm.access_define_group('''', ''x'', ''{}'')'), (7, 'crm.access_define_group(''x'', ''x'', NULL)'),
    (8, 'crm.access_define_group(''x'', ''x'', ''{NULL}'')'), (9, 'crm.access_define_staff(NULL, ''x'', ''crm_clerk'')'), (10, 'crm.access_define_staff(''x'', ''x'', ''crm_clerk'', ''{}'', ''ac_login'')'),
    (11, 'crm.access_define_staff(''ac_one'', ''one'', ''crm_clerk'', ''{}'', ''ac_login'') > 0'), (12, 'crm.access_create_key(NULL, ''crm_till'')'), (13, 'crm.access_set_field_right(''crm_till'', ''phone'', true)'),
    (14, 'crm.access_set_field_right(''crm_clerk'', ''shoe'', true)'), (15, 'crm.access_set_field_right(''crm_clerk'', ''phone'', NULL)')) v (n, call) ORDER BY n;
-- days and moments of which there are no neighbours
SELECT n, pg_temp.try(call) AS fault FROM (VALUES (1, 'crm._require_day(''infinity'', ''as_of'')'), (2, 'crm._require_day(''10000-01-01'', ''as_of'')'), (3, 'crm._require_day(''0001-01-01 BC'', ''as_of'')'), (4, 'crm._require_day(NULL, ''as_of'') IS NULL'),
    (5, 'crm._require_span(''2026-01-02'', ''2026-01-01'')'), (6, 'crm._require_span(NULL, ''2026-01-01'')'), (7, 'crm._require_span(''2026-01-01'', NULL)'), (8, 'crm._require_span(''2026-01-01'', ''-infinity'')'),
    (9, 'crm._require_moment(''-infinity'', ''as_of'')'), (10, 'crm._require_moment(''294276-12-31'', ''as_of'')'), (11, 'crm._require_moment(''2026-01-01T00:00:00Z'', ''as_of'') IS NOT NULL')) v (n, call) ORDER BY n;
ROLLBACK;
