-- A person's whole way through intake, and out again: after erasing, no table holds a value of
-- theirs, whatever door it came in by; and sending it all once more brings nothing back.
BEGIN;
\ir fixture.sql
CREATE FUNCTION pg_temp.send(entity text, body text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE answer text;
BEGIN
    EXECUTE format('SELECT r.status || '' '' || r.code FROM crm.%I(''till'', convert_to(%L, ''UTF8'')) r', 'ingest_' || entity, body) INTO answer;
    RETURN answer;
END $$;
CREATE FUNCTION pg_temp.send_all() RETURNS SETOF text LANGUAGE plpgsql AS $$
BEGIN
    RETURN NEXT pg_temp.send('member', '{"external_id": "M-88001", "phone": "139 1768 3502", "name": "欧阳若兰", "email": "ruolan88@example.cn", "birthday": "1991-04-05", "address": "梧桐路1788弄", "note": "喜欢无糖", "store_code": "T-S1", "registered_at": "2026-06-01T10:00:00+08:00", "consent_sms": "yes"}');
    RETURN NEXT pg_temp.send('member', '{"external_id": "M-88001", "phone": "13917683502", "name": "欧阳若兰", "email": "ruolan88@example.cn", "address": "梧桐路1788弄", "note": "喜欢无糖和燕麦", "store_code": "T-S1", "registered_at": "2026-06-01T10:00:00+08:00", "updated_at": "2026-06-02T10:00:00+08:00"}');
    RETURN NEXT pg_temp.send('order', '{"external_id": "O-1", "member_external_id": "M-88001", "ordered_at": "2026-06-02T10:00:00+08:00", "store_code": "T-S1", "items": [{"product_code": "P1", "quantity": 1, "unit_price": "10.00"}]}');
    RETURN NEXT pg_temp.send('order', '{"external_id": "O-2", "phone": "+8613917683502", "ordered_at": "2026-06-03T10:00:00+08:00", "store_code": "T-S1", "items": [{"product_code": "P1", "quantity": 1, "unit_price": "10.00"}]}');
    RETURN NEXT pg_temp.send('event', '{"external_id": "E-1", "type": "view", "phone": "13917683502", "occurred_at": "2026-06-02T10:00:00+08:00", "properties": {"typed": "13917683502"}}');
    RETURN NEXT pg_temp.send('interaction', '{"external_id": "I-1", "channel": "phone", "member_external_id": "M-88001", "body": "欧阳若兰, 13917683502, 梧桐路1788弄", "occurred_at": "2026-06-02T10:00:00+08:00"}');
END $$;
CREATE FUNCTION pg_temp.found() RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    t regclass; needle text; hits bigint; places text := '';
BEGIN
    FOR t IN SELECT c.oid FROM pg_class c WHERE c.relnamespace = 'crm'::regnamespace AND c.relkind = 'r' ORDER BY c.relname LOOP
        FOREACH needle IN ARRAY '{13917683502,1768 3502,M-88002,欧阳若兰,ruolan88,1788弄,喜欢无糖,M-88001}'::text[] LOOP
            EXECUTE format('SELECT count(*) FROM %s t WHERE t::text LIKE %L OR t::text LIKE %L', t, '%' || needle || '%',
                           '%' || encode(convert_to(needle, 'UTF8'), 'hex') || '%') INTO hits;
            places := places || CASE WHEN hits > 0 THEN t || ' ' || needle || '; ' ELSE '' END;
        END LOOP;
    END LOOP;
    RETURN places;
END $$;
-- A file with a second card of theirs between two strangers.
CREATE FUNCTION pg_temp.import() RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    body bytea := convert_to(E'external_id,name,phone,store_code,note\nS-70001,李雷,13917683601,T-S1,\nM-88002,欧阳若兰,13917683502,T-S1,"喜欢无糖\n两行"\nS-70002,韩梅,13917683602,T-S1,\n', 'UTF8');
    batch bigint := crm.ingest_bulk_begin('till', 'member', 'csv');
BEGIN
    PERFORM crm.ingest_bulk_append(batch, 0, body);
    PERFORM crm.ingest_bulk_commit(batch, length(body));
    PERFORM crm.worker_run_jobs();
    RETURN crm.ingest_job(batch)->>'state';
END $$;
SELECT plan(15);
SELECT isnt(crm.ingest_define_source('till', '收银', 'pos', '{"channel": "store"}'), NULL, 'a till');
SELECT is((SELECT string_agg(s, ', ') FROM pg_temp.send_all() s), '201 created, 200 updated, 201 created, 201 created, 201 created, 201 created', 'all is taken');
SELECT is(pg_temp.import(), 'done', 'so is a file');
SELECT max(m.customer_id) AS them FROM crm.membership m JOIN crm.source_record r USING (source_record_id) WHERE r.external_id = 'M-88001' \gset
SELECT is((SELECT count(DISTINCT o.order_id) FROM crm.membership m JOIN crm.customer_order o USING (source_record_id) WHERE m.customer_id = :them AND m.valid_to = 'infinity'), 2::bigint,
    'both orders are theirs, the one by phone too');
SELECT isnt(pg_temp.found(), '', 'their values are kept');
SELECT is(pg_temp.ask('T-crm_steward-all', 'http', format('SELECT crm.access_export(%s)->''person''->>''name''', :them)), '欧阳若兰', 'and exported');
SELECT is(pg_temp.ask('T-crm_steward-all', 'http', format('SELECT crm.access_erase(%s, ''request 7'')->>''customer_id''', :them)), :'them', 'erased');
SELECT is(pg_temp.found(), '', 'no table holds a value of theirs');
SELECT is((SELECT count(*) FROM crm.inbox i WHERE i.batch_id IS NOT NULL AND i.payload::text LIKE '%' || encode('13917683601', 'hex') || '%'
    AND i.payload::text LIKE '%' || encode('13917683602', 'hex') || '%'), 1::bigint, 'the strangers of the file are whole');
SELECT is((SELECT count(*) FROM crm.customer_order o JOIN crm.membership m USING (source_record_id) WHERE m.customer_id = :them AND m.valid_to = 'infinity'), 2::bigint,
    'their orders count on, nameless');
SELECT is((SELECT string_agg(s, ', ') FROM pg_temp.send_all() s), '200 suppressed, 200 suppressed, 200 unchanged, 200 unchanged, 200 unchanged, 200 unchanged',
    'the till sends it all once more: the member is refused');
SELECT is((SELECT count(*) FROM crm.inbox i WHERE i.entity = 'member' AND i.batch_id IS NULL AND i.payload <> convert_to(repeat(' ', length(i.payload)), 'UTF8')), 0::bigint,
    'and not even kept raw');
SELECT is(pg_temp.import(), 'done', 'the file once more');
SELECT unalike(pg_temp.found(), '%M-88002%', 'does not keep their line even raw');
SELECT is((SELECT count(*) FROM crm.identifier i WHERE i.masked LIKE '139%3502'), 0::bigint, 'and the phone is not kept again');
SELECT * FROM finish();
ROLLBACK;
