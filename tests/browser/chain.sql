-- A chain of two stores with a few customers, a pair to review, a refused record, and one of staff in each role; prints the sign-ins.
-- the one pair to review is made below: thirty persons of five names would propose each other; what is put off is caught up when its test says so
UPDATE crm.job SET is_active = false WHERE job IN ('identity.match', 'worker.catch_up');
SELECT crm.access_define_region('E', '华东'), crm.access_define_store('S1', '南京路店', 'E', '上海'), crm.access_define_store('S2', '人民路店', 'E', '苏州');
SELECT crm.ingest_define_source('till', '收银', 'pos', '{"channel": "store"}');
SELECT count(*) FROM generate_series(1, 30) n, crm.ingest_member('till', convert_to(json_build_object('external_id', 'M' || n, 'name', (ARRAY['王芳', '李雷', '张伟', '陈静', '刘洋'])[1 + n % 5],
    'phone', '1391234' || lpad(n::text, 4, '0'), 'store_code', 'S' || (1 + n % 2), 'registered_at', to_char(crm.core_now() - interval '326 days', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'), 'city', '上海', 'consent_sms', 'yes')::text, 'UTF8')) r;
SELECT count(*) FROM generate_series(1, 110) n, crm.ingest_order('till', convert_to(json_build_object('external_id', 'O' || n, 'member_external_id', 'M' || (1 + n % 30), 'store_code', 'S' || (1 + n % 2),
    'ordered_at', to_char(crm.core_now() - n * interval '2 days', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'), 'amount', 20 + n, 'items', json_build_array(json_build_object('product_code', 'P1', 'product_name', '蛋糕', 'category_code', 'cake', 'quantity', 1, 'unit_price', 20 + n)))::text, 'UTF8')) r;
SELECT count(*) FROM crm.ingest_member('till', convert_to('{"external_id": "BAD", "phone": "13912349999", "store_code": "nowhere"}', 'UTF8')) r;
DELETE FROM crm.review;
INSERT INTO crm.review (review_id, customer_a, customer_b, reason, state, opened_at)
SELECT crm._new_id(), min(c.customer_id), max(c.customer_id), 'contradiction', 'open', crm.core_now() FROM crm.customer c WHERE c.status = 'active';
-- text messages are carried (to nobody who listens: no sender runs here), WeChat is not
SELECT crm.outbox_define_endpoint('post', 'http://127.0.0.1:9/', options => '{"is_private_allowed": true}') IS NOT NULL, crm.outbox_set_channel('sms', 'post');
SELECT crm.access_define_staff(upper(r), r || ' ' || r, ('crm_' || r)::name, CASE WHEN r IN ('clerk', 'store_manager', 'service') THEN '{store:S1}'::text[] WHEN r = 'manager' THEN '{region:E}' ELSE '{all}' END, r),
       crm.access_set_password(upper(r), 'pass-' || r || '-word')
FROM unnest('{clerk,store_manager,manager,service,marketer,analyst,steward,headquarters,admin}'::text[]) r;
SELECT 'login ' || r || ' pass-' || r || '-word crm_' || r FROM unnest('{clerk,store_manager,manager,service,marketer,analyst,steward,headquarters,admin}'::text[]) r;
-- what nights leave behind: scores, and the last two months frozen
DO $$ BEGIN
    PERFORM crm._value_score_all(m.model, crm._value_today()) FROM crm.rfm_model m WHERE m.is_active;
    UPDATE crm.customer_value v SET r = s.r, f = s.f, m = s.m FROM crm.value_rfm() s WHERE s.customer_id = v.customer_id;
    PERFORM crm.report_rebuild();
    PERFORM set_config('crm.core_clock', (crm.core_now() - interval '1 month')::text, true);
    WHILE crm._report_indicators_job() > 0 LOOP END LOOP;
    PERFORM set_config('crm.core_clock', '', true);
    WHILE crm._report_indicators_job() > 0 LOOP END LOOP;
    PERFORM crm._report_groups_job();
END $$;
