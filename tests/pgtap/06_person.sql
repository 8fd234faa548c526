-- One person: values shown with a reason, exported, erased.
BEGIN;
\ir fixture.sql
-- Person 1 wrote to the raw inbox four times: an order alone, a line of a bulk, and twice an older revision
-- that no key points to any more, once in GBK.  Person 2 is in the same bulk.
INSERT INTO crm.source (source_id, code, name, kind, created_at) VALUES (99, 'test', 'test', 'pos', '2026-01-01');
INSERT INTO crm.batch (batch_id, source_id, entity, format, encoding, is_history, is_lenient, is_dry_run, state, created_by, created_at)
VALUES (50, 99, 'member', 'csv', 'utf8', false, false, false, 'done', 'x', '2026-01-01');
INSERT INTO crm.inbox (received_at, inbox_id, source_id, entity, batch_id, chunk_no, first_line, line_count, payload) VALUES
    ('2026-01-02', 1, 99, 'order', NULL, NULL, 1, 1, '{"external_id":"O1","amount":"10"}'),
    ('2026-01-01', 2, 99, 'member', 50, 1, 1, 3, convert_to(E'id,name,note\nmember-13800000001,"Zhang\nSan 1",x\nmember-13800000002,Zhang San 2,y\n', 'UTF8')),
    ('2026-01-01', 3, 99, 'member', NULL, NULL, 1, 1, '{"external_id":"x","phone":"+86 138-0000-0001"}'),
    ('2026-01-01', 5, 99, 'order', NULL, NULL, 1, 1, convert_to('{"external_id":"z","receiver":"电话13800000001"}', 'GBK')),
    ('2026-01-01', 4, 99, 'member', NULL, NULL, 1, 1, '{"external_id":"y","phone":"13800000002"}');
INSERT INTO crm.external_key (source_id, kind, external_id, source_record_id, fact_id, content_hash, received_at, inbox_id, line_no) VALUES
    (99, 1, 'member-13800000001', 1001, 1001, '', '2026-01-01', 2, 2), (99, 1, 'member-13800000002', 1002, 1002, '', '2026-01-01', 2, 4),
    (99, 2, 'O1', 1001, 2001, '', '2026-01-02', 1, NULL);
CREATE FUNCTION pg_temp.found(needle text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    t regclass; hits bigint; places text := '';
BEGIN
    FOR t IN SELECT c.oid FROM pg_class c WHERE c.relnamespace = 'crm'::regnamespace AND c.relkind = 'r' ORDER BY c.relname LOOP
        EXECUTE format('SELECT count(*) FROM %s t WHERE t::text LIKE %L OR t::text LIKE %L', t, '%' || needle || '%',
                       '%' || encode(convert_to(needle, 'UTF8'), 'hex') || '%') INTO hits;
        places := places || CASE WHEN hits > 0 THEN t || ' ' ELSE '' END;
    END LOOP;
    RETURN places;
END $$;
SELECT plan(43);

-- a task's title is free text: for those who work with customers in its store, and headquarters
SELECT is((SELECT string_agg(r || ' ' || pg_temp.ask('T-crm_' || r || '-all', 'http', $$SELECT jsonb_array_length(crm.report_person(101) -> 'tasks')$$), ', ' ORDER BY r)
           FROM unnest('{clerk,store_manager,manager,service,steward,marketer,analyst,headquarters}'::text[]) r),
    'analyst 0, clerk 1, headquarters 1, manager 1, marketer 0, service 1, steward 0, store_manager 1', 'who reads the tasks of a person');

-- shown
SELECT is(pg_temp.ask('T-crm_clerk-store', 'login', $$SELECT crm.access_unmask(101, '{name,phone}', 'call back')->>'fields'$$),
    '{"name": "Zhang San 1", "phone": "+8613800000001"}', 'a clerk gets name and phone, by SQL too');
SELECT is(pg_temp.ask('T-crm_clerk-store', 'http', $$SELECT crm.access_unmask(101, '{name,birthday}', 'x y')$$), 'denied', 'one field too many: nothing');
SELECT is(pg_temp.ask('T-crm_clerk-store', 'http', $$SELECT crm.access_unmask(101, '{name}', ' ')$$), 'error 22023', 'no reason');
SELECT is(pg_temp.ask('T-crm_clerk-store', 'http', $$SELECT crm.access_unmask(101, '{}', 'call')$$), 'error 22023', 'no field');
SELECT is(pg_temp.ask('T-crm_clerk-store', 'http', $$SELECT crm.access_unmask(101, NULL, 'call')$$), 'error 22023', 'null fields');
SELECT is(pg_temp.ask('T-crm_clerk-store', 'http', $$SELECT crm.access_unmask(101, '{password}', 'call')$$), 'denied', 'a field that is none');
SELECT is(pg_temp.ask('T-crm_clerk-store', 'http', $$SELECT crm.access_unmask(NULL, '{name}', 'call')$$), 'error P0002', 'nobody');
SELECT is(pg_temp.ask('T-crm_clerk-store', 'http', $$SELECT crm.access_unmask(102, '{name}', 'call')$$), 'error P0002', 'a person of another store');
SELECT is(pg_temp.ask('T-crm_clerk-store', 'http', $$SELECT crm.access_unmask(999, '{name}', 'call')$$), 'error P0002', 'answers like a person who is not there');
SELECT is(pg_temp.ask('T-crm_steward-all', 'http', $$SELECT crm.access_unmask(101, '{birthday,email,note}', 'merge review')->>'fields'$$),
    '{"note": ["secret note 1"], "email": "secret1@example.cn", "birthday": "1990-01-01"}', 'a steward gets the rest');
SELECT is((SELECT count(*) FROM crm.audit WHERE action = 'unmask' AND object_id = 101 AND reason IN ('call back', 'merge review')), 5::bigint, 'each value is on the trail, refusals are not');
SELECT is((SELECT string_agg(DISTINCT actor || ' ' || actor_role, ', ') FROM crm.audit WHERE reason = 'call back'), 'T-crm_clerk-store crm_clerk', 'under the name of who saw it');
UPDATE crm.room_setting SET value = '2' WHERE name = 'access.unmask_hour_limit';
SELECT is(pg_temp.ask('T-crm_clerk-store', 'http', $$SELECT crm.access_unmask(106, '{name}', 'call')$$), 'error RM110', 'the hourly limit');
UPDATE crm.room_setting SET value = '60' WHERE name = 'access.unmask_hour_limit';
SELECT is(pg_temp.ask('T-crm_admin-all', 'http', $$SELECT crm.access_set_field_right('crm_clerk', 'phone', false)::text$$), '', 'an administrator takes a field from a role');
SELECT is(pg_temp.ask('T-crm_clerk-store', 'http', $$SELECT crm.access_unmask(106, '{phone}', 'call')$$), 'denied', 'and it is masked at once');
SELECT is(pg_temp.ask('T-crm_admin-all', 'http', $$SELECT crm.access_set_field_right('crm_marketer', 'phone', true)$$), 'error 22023', 'but cannot give clear values to marketers');
SELECT is(pg_temp.ask('T-crm_admin-all', 'http', $$SELECT crm.access_unmask(101, '{name}', 'call')$$), 'denied', 'nor take them');
SELECT set_config('crm.access_claims', crm._access_key_claims('key1', 'crm_steward', NULL, NULL, false, NULL), true) <> '' AS key_claims \gset
SELECT throws_ok($$SELECT crm.access_unmask(101, '{name}', 'call')$$, '42501', NULL, 'a key is nobody');
SELECT set_config('crm.access_claims', '', true) = '' AS no_claims \gset

-- exported
SELECT is(pg_temp.ask('T-crm_store_manager-all', 'http', 'SELECT crm.access_export(101)'), 'denied', 'a store manager exports nobody');
SELECT is(pg_temp.ask('T-crm_steward-all', 'http', $$SELECT (crm.access_export(101)->'person') - 'identifiers' - 'custom'$$),
    '{"name": "Zhang San 1", "note": ["secret note 1"], "email": "secret1@example.cn", "phone": "+8613800000001", "address": "Secret Road 1", "birthday": "1990-01-01"}',
    'everything in clear');
SELECT is(pg_temp.ask('T-crm_steward-all', 'http', $$SELECT jsonb_array_length(crm.access_export(101)->'seen_by') >= 5$$), 'true', 'with who has seen it');
SELECT is((SELECT count(*) FROM crm.audit WHERE action = 'export' AND object_id = 101), 2::bigint, 'audited');

-- erased
SELECT is(pg_temp.ask('T-crm_manager-all', 'http', $$SELECT crm.access_erase(101, 'request 5')$$), 'denied', 'a manager erases nobody');
SELECT is(pg_temp.ask('T-crm_steward-all', 'http', $$SELECT crm.access_erase(101, NULL)$$), 'error 22023', 'no reason');
SELECT isnt(pg_temp.found('13800000001'), '', 'the phone is in the raw inbox before');
SELECT is(pg_temp.ask('T-crm_steward-all', 'http', $$SELECT crm.access_erase(101, 'request 5', 'erase-5') - 'erased_at'$$),
    '{"records": 1, "inbox_rows": 4, "suppressed": 2, "customer_id": 101}', 'erased');
SELECT is(pg_temp.ask('T-crm_steward-all', 'http', $$SELECT crm.access_erase(101, 'request 5', 'erase-5')->>'inbox_rows'$$), '4', 'the same call again: the same answer');
SELECT is(pg_temp.found('13800000001') || pg_temp.found('Zhang San 1') || pg_temp.found('138-0000-0001') || pg_temp.found('Secret Road 1')
    || pg_temp.found('secret1@') || pg_temp.found('secret note 1'), '', 'no table holds a value of theirs');
SELECT is((SELECT convert_from(payload, 'UTF8') FROM crm.inbox WHERE inbox_id = 2),
    E'id,name,note\n' || repeat(' ', 25) || E'\n' || repeat(' ', 8) || E'\nmember-13800000002,Zhang San 2,y\n', 'the line of the bulk is blank, the others stand where they stood');
SELECT is((SELECT count(*) FROM crm.inbox WHERE inbox_id = 4 AND payload = '{"external_id":"y","phone":"13800000002"}'), 1::bigint, 'another person''s call is whole');
SELECT is((SELECT status || array_length(scope_store_ids, 1) FROM crm.customer WHERE customer_id = 101), NULL, 'in no store any more');
SELECT is((SELECT status FROM crm.customer WHERE customer_id = 101), 'erased', 'the person is known as erased');
SELECT is((SELECT count(*) FROM crm.customer_order WHERE source_record_id = 1001), 1::bigint, 'the order stays, nameless');
SELECT ok(crm._access_is_suppressed('phone', crm._identity_hash(1::smallint, '', '+8613800000001'))
    AND crm._access_is_suppressed('record', crm._access_record_hash(99, 'member-13800000001'))
    AND NOT crm._access_is_suppressed('phone', crm._identity_hash(1::smallint, '', '+8613800000002')), 'the next export cannot bring them back');
SELECT is(pg_temp.ask('T-crm_clerk-store', 'http', $$SELECT crm.access_unmask(101, '{name}', 'call')$$), 'error P0002', 'and nobody finds them');
SELECT is((SELECT o.outcome FROM crm._identity_store_members(ARRAY[jsonb_populate_record(NULL::crm.member_fact,
        '{"ordinal": 1, "source_id": 99, "external_id": "member-13800000001", "kind": "member", "name": "Zhang San 1", "is_history": false, "received_at": "2026-01-09T00:00:00Z"}')]) o),
    'suppressed', 'the till sends the member again');
SELECT is((SELECT o.customer_id FROM crm._identity_attach(ARRAY[jsonb_populate_record(NULL::crm.record_ref,
        '{"ordinal": 1, "source_id": 99, "external_id": "member-13800000001", "kind": "member", "is_history": false, "occurred_at": "2026-01-09T00:00:00Z", "received_at": "2026-01-09T00:00:00Z"}')]) o),
    NULL, 'and an order of theirs: it hangs on nobody');
SELECT is(pg_temp.found('13800000001') || pg_temp.found('Zhang San 1'), '', 'still no table holds a value of theirs');
SELECT is(pg_temp.ask('T-crm_clerk-store', 'http', $$SELECT crm.access_readmit('record', 'member-13800000001', 'test', 'came back')$$), 'denied', 'a clerk lets nobody back');
SELECT is(pg_temp.ask('T-crm_steward-all', 'http', $$SELECT crm.access_readmit('record', 'member-13800000001', 'test', 'came back')$$), 'true', 'a steward does, with a reason');
SELECT is(pg_temp.ask('T-crm_steward-all', 'http', $$SELECT crm.access_readmit('record', 'member-13800000001', 'test', 'came back')$$), 'false', 'once');
SELECT ok(NOT crm._access_is_suppressed('record', crm._access_record_hash(99, 'member-13800000001')), 'the member id may be stored again');
SELECT * FROM finish();
ROLLBACK;
