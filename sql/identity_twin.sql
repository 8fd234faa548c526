-- identity, unmerged: two persons that were merged by mistake, whatever was written meanwhile, are after the unmerge what twins of theirs
-- are that were never merged, in every room: history, value, points, coupons, level, tags, lists and segments, consents, events, tickets,
-- deals, tasks, owner, messages.
\set VERBOSITY terse
SET client_min_messages = warning;
SET datestyle = 'ISO';
SET timezone = 'Asia/Shanghai';
BEGIN;
SET LOCAL crm.core_clock = '2026-03-20T12:00:00+08:00';
SELECT set_config('crm.access_claims', '{"actor": "regress", "role": "crm_headquarters", "stores": [], "all": true}', true) <> '' AS claims;
SELECT crm.access_define_region('twin_r', 'r') > 0 AS region, crm.access_define_store('twin_s1', 'one', 'twin_r') > 0 AS s1, crm.access_define_store('twin_s2', 'two', 'twin_r') > 0 AS s2;
SELECT crm.access_define_staff('twin_c1', 'c one', 'crm_clerk', ARRAY['store:twin_s1']) > 0 AS c1, crm.access_define_staff('twin_c2', 'c two', 'crm_clerk', ARRAY['store:twin_s2']) > 0 AS c2;
SELECT crm.ingest_define_source('twin_till', 'till', 'pos') IS NOT NULL AS till, crm.ingest_define_source('twin_shop', 'shop', 'shop_platform') IS NOT NULL AS shop;
SELECT crm.loyalty_define_points('spend', '{"is_active": true, "valid_from": "2026-03-20T00:00:00+08:00", "valid_days": 365}') IS NOT NULL AS points;
SELECT crm.segment_define_tag('twin_vip', '贵宾', 'base') IS NOT NULL AS tag, crm.segment_define('twin_often', '常客', '{"kind": "purchase", "measure": "count", "days": 60, "op": ">=", "value": 80}') IS NOT NULL AS living;
CREATE FUNCTION pg_temp.send(entity text, source text, body jsonb) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    r crm.intake_result;
BEGIN
    EXECUTE format('SELECT * FROM crm.ingest_%s($1, $2)', entity) INTO r USING source, convert_to(jsonb_strip_nulls(body)::text, 'UTF8');
    IF r.status >= 300 THEN
        RAISE EXCEPTION 'intake: % % % %', r.status, r.code, r.field, r.remedy;
    END IF;
    RETURN r.customer_id;
END $$;
-- what a person is to be like, in all rooms; times, ids and numbers of things apart
CREATE FUNCTION pg_temp.picture(person bigint) RETURNS TABLE (room text, told text) LANGUAGE sql AS $$
    SELECT 'person', concat_ws(' ', c.status, c.name_masked, c.record_count, c.registered_on, c.scope_store_ids, c.home_store_id) FROM crm.customer c WHERE c.customer_id = person
    UNION ALL SELECT 'golden', concat_ws(' ', p.name, p.birthday, crm._decrypt('address', p.address_sealed)) FROM crm.customer_private p WHERE p.customer_id = person
    UNION ALL SELECT 'value', concat_ws(' ', v.tier, v.order_days, v.net_minor, v.first_day, v.last_day, v.r, v.f, v.m) FROM crm.customer_value v WHERE v.customer_id = person
    UNION ALL SELECT 'history', string_agg(e::text, ' ' ORDER BY e) FROM unnest(crm._purchase_history(person)) h, crm.purchase_entries(h) e
    UNION ALL SELECT 'points', concat_ws(' ', j -> 'available', j -> 'pending') FROM crm.loyalty_points(person) j
    UNION ALL SELECT 'coupons', string_agg(concat_ws(' ', j ->> 'coupon_type', j ->> 'state'), ', ' ORDER BY j ->> 'coupon_type', j ->> 'state') FROM crm.loyalty_coupons(person) j
    UNION ALL SELECT 'level', concat_ws(' ', j ->> 'level', j -> 'badges') FROM crm.loyalty_member(person) j
    UNION ALL SELECT 'tags', string_agg(j ->> 'tag', ' ' ORDER BY j ->> 'tag') FROM crm.segment_person_tags(person) j
    UNION ALL SELECT 'segments', string_agg(s.code, ' ' ORDER BY s.code) FROM crm.segment s JOIN crm.segment_member m USING (segment_id) WHERE m.customer_id = person AND m.left_at = 'infinity'
    UNION ALL SELECT 'consents', string_agg(concat_ws(' ', k.channel, k.state, k.since), ', ' ORDER BY k.channel) FROM crm.person_consent k WHERE k.customer_id = person
    UNION ALL SELECT 'events', string_agg(concat_ws(' ', x.type, x.n), ', ' ORDER BY x.type) FROM (SELECT e.type, count(*) AS n FROM crm.membership m JOIN crm.event e USING (source_record_id)
        WHERE m.customer_id = person AND m.valid_to = 'infinity' GROUP BY e.type) x
    UNION ALL SELECT 'tickets', string_agg(concat_ws(' ', j ->> 'title', j ->> 'topic', j ->> 'state'), ', ' ORDER BY j ->> 'title', j ->> 'state') FROM crm.service_of_person(person) j
    UNION ALL SELECT 'deals', string_agg(concat_ws(' ', j ->> 'title', j ->> 'stage', j ->> 'amount'), ', ' ORDER BY j ->> 'title') FROM crm.sales_deals_of(person) j
    UNION ALL SELECT 'tasks', string_agg(concat_ws(' ', t.kind, t.title, t.state, t.due_at::date), ', ' ORDER BY t.kind, t.title, t.state, t.due_at) FROM crm.task t WHERE t.customer_id = person AND t.state <> 'cancelled'
    UNION ALL SELECT 'owner', j ->> 'staff' FROM crm.sales_owner(person) j
    UNION ALL SELECT 'messages', string_agg(concat_ws(' ', x.what, x.n), ', ' ORDER BY x.what) FROM (
        SELECT concat_ws(' ', o.channel, f.code, CASE WHEN q.message_id IS NOT NULL THEN 'waits' END) AS what, count(*) AS n FROM crm.outbox o LEFT JOIN crm.flow f USING (flow_id) LEFT JOIN crm.outbox_queue q USING (customer_id, message_id)
        WHERE o.customer_id = person GROUP BY 1) x
$$;

-- 1. two persons, and their twins; what staff have done with each, by hand
SELECT pg_temp.send('member', 'twin_till', '{"external_id": "G", "name": "孙三", "phone": "13867250021", "sex": "m", "birthday": "1980-02-03", "store_code": "twin_s1", "registered_at": "2026-01-05T10:00:00+08:00"}') AS g,
       pg_temp.send('member', 'twin_shop', '{"external_id": "H", "name": "周四", "phone": "13867250022", "sex": "f", "birthday": "1991-07-08", "store_code": "twin_s2", "registered_at": "2026-01-06T10:00:00+08:00"}') AS h,
       pg_temp.send('member', 'twin_till', '{"external_id": "TG", "name": "孙三", "phone": "13867250021", "sex": "m", "birthday": "1980-02-03", "store_code": "twin_s1", "registered_at": "2026-01-05T10:00:00+08:00"}'::jsonb || '{"phone": "13867250031"}') AS tg,
       pg_temp.send('member', 'twin_shop', '{"external_id": "TH", "name": "周四", "phone": "13867250032", "sex": "f", "birthday": "1991-07-08", "store_code": "twin_s2", "registered_at": "2026-01-06T10:00:00+08:00"}') AS th \gset
CREATE FUNCTION pg_temp.prepare(g bigint, h bigint) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    PERFORM crm.segment_tag_person(h, 'twin_vip');
    PERFORM crm.sales_set_owner(g, 'twin_c1'), crm.sales_set_owner(h, 'twin_c2');
    PERFORM crm.sales_deal_open(g, 'leads', '团购蛋糕', 100, false, 'web', 'twin_s1'), crm.sales_deal_open(h, 'leads', '下午茶', 200, false, 'web', 'twin_s2');
    PERFORM crm.service_open(g, 'quality', '有点硬', 'store'), crm.service_open(h, 'membership', '没到账', 'wechat');
    PERFORM crm.sales_task_create(g, '送试吃', '2026-03-25'), crm.sales_task_create(h, '回电', '2026-03-26');
    PERFORM crm._loyalty_issue(g, 'welcome_5', NULL, NULL), crm._loyalty_issue(h, 'wake_up_90', NULL, NULL);
    RETURN true;
END $$;
SELECT pg_temp.prepare(:g, :h) AS prepared, pg_temp.prepare(:tg, :th) AS twins;
SELECT crm.segment_define_list('twin_g', '孙三们', ARRAY[:g, :tg]) IS NOT NULL AS list, crm.segment_define_list('twin_h', '周四们', ARRAY[:h, :th]) IS NOT NULL AS other_list,
       crm.segment_define_list('twin_both', '都在', ARRAY[:g, :h, :tg, :th]) IS NOT NULL AS both;
SELECT crm._segment_refresh() >= 0 AS refreshed;
SELECT a.room, a.told IS NOT DISTINCT FROM b.told AS alike_g, c.told IS NOT DISTINCT FROM d.told AS alike_h
FROM pg_temp.picture(:g) a JOIN pg_temp.picture(:tg) b USING (room) JOIN pg_temp.picture(:h) c USING (room) JOIN pg_temp.picture(:th) d USING (room)
WHERE (a.told, c.told) IS DISTINCT FROM (b.told, d.told) ORDER BY room;

-- 2. merged by mistake; a thousand writes of what records say, by number of the member or by phone; the same for the twins
SELECT crm.identity_merge(:g, :h, 'by mistake') ->> 'records' AS moved;
SELECT crm._segment_refresh() >= 0 AS refreshed;
SELECT told AS segments_of_the_one FROM pg_temp.picture(:g) WHERE room = 'segments';
SELECT setseed(0.71);
CREATE TEMP TABLE fact AS
    SELECT n, CASE WHEN random() < 0.5 THEN 0 ELSE 1 END AS side, random() < 0.5 AS by_phone, (ARRAY['order', 'order', 'order', 'refund', 'event', 'feedback', 'note', 'consent', 'member'])[1 + floor(random() * 9)] AS kind,
           round((random() * 200)::numeric, 2) + 1 AS amount, timestamptz '2026-01-20 09:00:00+08' + n * interval '83 minutes' AS at, 1 + floor(random() * n)::int AS earlier,
           (ARRAY['yes', 'no'])[1 + floor(random() * 2)] AS state
    FROM generate_series(1, 1000) n;
CREATE FUNCTION pg_temp.play(prefix text, members text[], phones text[]) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    f record;
    sources text[] := '{twin_till,twin_shop}';
    who jsonb;
    moment timestamptz;
BEGIN
    FOR f IN SELECT x.*, e.side AS earlier_side, e.kind AS earlier_kind FROM fact x JOIN fact e ON e.n = x.earlier ORDER BY x.n LOOP
        moment := least(f.at, crm.core_now());
        who := CASE WHEN f.by_phone THEN jsonb_build_object('phone', phones[f.side + 1]) ELSE jsonb_build_object('member_external_id', members[f.side + 1]) END;
        CASE f.kind
        WHEN 'order' THEN
            PERFORM pg_temp.send('order', sources[f.side + 1], who || jsonb_build_object('external_id', prefix || f.n, 'amount', f.amount, 'ordered_at', moment, 'store_code', 'twin_s' || f.side + 1,
                'items', jsonb_build_array(jsonb_build_object('product_code', 'TWIN', 'quantity', 1, 'unit_price', f.amount))));
        WHEN 'refund' THEN
            CONTINUE WHEN f.earlier_kind <> 'order' OR f.earlier = f.n;
            PERFORM pg_temp.send('refund', sources[f.earlier_side + 1], jsonb_build_object('external_id', prefix || 'R' || f.n, 'order_external_id', prefix || f.earlier, 'amount', 1, 'refunded_at', moment));
        WHEN 'event' THEN
            PERFORM pg_temp.send('event', sources[f.side + 1], who || jsonb_build_object('external_id', prefix || 'E' || f.n, 'type', 'page_view', 'occurred_at', moment));
        WHEN 'feedback' THEN
            PERFORM pg_temp.send('event', sources[f.side + 1], who || jsonb_build_object('external_id', prefix || 'B' || f.n, 'type', 'feedback', 'occurred_at', crm.core_now(), 'properties', jsonb_build_object('text', 'w' || f.n)));
        WHEN 'note' THEN
            PERFORM pg_temp.send('interaction', sources[f.side + 1], who || jsonb_build_object('external_id', prefix || 'I' || f.n, 'occurred_at', crm.core_now(), 'channel', 'call', 'direction', 'in', 'body', 'n' || f.n,
                'outcome', CASE WHEN f.amount > 150 THEN 'complaint' ELSE 'reached' END, 'next_on', CASE WHEN f.amount < 40 THEN '2026-03-27' END));
        WHEN 'consent' THEN
            PERFORM pg_temp.send('consent', sources[f.side + 1], jsonb_build_object('member_external_id', members[f.side + 1], 'channel', 'sms', 'state', f.state, 'occurred_at', moment));
        ELSE
            PERFORM pg_temp.send('member', sources[f.side + 1], jsonb_build_object('external_id', members[f.side + 1], 'name', (ARRAY['孙三', '周四'])[f.side + 1], 'phone', phones[f.side + 1], 'sex', substr('mf', f.side + 1, 1),
                'birthday', (ARRAY['1980-02-03', '1991-07-08'])[f.side + 1], 'store_code', 'twin_s' || f.side + 1, 'registered_at', format('2026-01-0%sT10:00:00+08:00', f.side + 5), 'address', f.n || '号'));
        END CASE;
    END LOOP;
    RETURN (SELECT count(*) FROM fact);
END $$;
SELECT pg_temp.play('F', '{G,H}', '{13867250021,13867250022}') AS played, pg_temp.play('TF', '{TG,TH}', '{13867250031,13867250032}') AS twins_played;
SELECT crm._segment_refresh() >= 0 AS refreshed;

-- 3. two again: as the twins are, in every room
SELECT crm.identity_unmerge((SELECT max(j.journal_id) FROM crm.merge_journal j WHERE j.survivor_id = :g AND j.kind = 'merge'), 'a mistake') ->> 'restored' = :'h' AS restored;
SELECT crm._segment_refresh() >= 0 AS refreshed;
SELECT a.room, a.told, b.told AS twin FROM pg_temp.picture(:g) a FULL JOIN pg_temp.picture(:tg) b USING (room) WHERE a.told IS DISTINCT FROM b.told ORDER BY room;
SELECT a.room, a.told, b.told AS twin FROM pg_temp.picture(:h) a FULL JOIN pg_temp.picture(:th) b USING (room) WHERE a.told IS DISTINCT FROM b.told ORDER BY room;
SELECT count(*) AS rooms, count(*) FILTER (WHERE told <> '') AS with_something FROM pg_temp.picture(:h);
SELECT (SELECT count(*) FROM crm.identity_check()) AS identity, (SELECT count(*) FROM crm.loyalty_check()) AS loyalty, (SELECT count(*) FROM crm.segment_check()) AS segment,
       (SELECT count(*) FROM crm.value_check() WHERE what LIKE '%' || :g || '%' OR what LIKE '%' || :h || '%') AS value;

-- 4. lists through a chain of merges, parted in any order: whoever was in is in, nobody else; a list that was told anew is left alone
SELECT pg_temp.send('member', 'twin_till', '{"external_id": "KA", "name": "甲", "phone": "13867250041"}') AS a, pg_temp.send('member', 'twin_till', '{"external_id": "KB", "name": "乙", "phone": "13867250042"}') AS b,
       pg_temp.send('member', 'twin_till', '{"external_id": "KC", "name": "丙", "phone": "13867250043"}') AS c, pg_temp.send('member', 'twin_till', '{"external_id": "KD", "name": "丁", "phone": "13867250044"}') AS d \gset
CREATE FUNCTION pg_temp.listed() RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(r.external_id, ' ' ORDER BY r.external_id) FROM crm.segment s JOIN crm.segment_member l USING (segment_id) JOIN crm.membership m ON m.customer_id = l.customer_id AND m.valid_to = 'infinity' JOIN crm.source_record r USING (source_record_id)
    WHERE s.code = 'twin_chain' AND l.left_at = 'infinity' $$;
CREATE FUNCTION pg_temp.undo(survivor bigint, other bigint) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    PERFORM crm.identity_unmerge((SELECT max(j.journal_id) FROM crm.merge_journal j WHERE j.kind = 'merge' AND j.survivor_id = survivor AND j.other_id = other), 'a mistake');
    RETURN pg_temp.listed();
END $$;
SELECT crm.segment_define_list('twin_chain', '乙和丙', ARRAY[:b, :c]) ->> 'persons' AS persons, pg_temp.listed();
SELECT crm.identity_merge(:a, :b, 'why') ->> 'records' AS b_into_a, crm.identity_merge(:a, :c, 'why') ->> 'records' AS c_into_a, crm.identity_merge(:d, :a, 'why') ->> 'records' AS a_into_d, pg_temp.listed();
SAVEPOINT chain;
SELECT pg_temp.undo(:d, :a) AS a_out;
SELECT pg_temp.undo(:a, :b) AS b_out;
SELECT pg_temp.undo(:a, :c) AS c_out;
ROLLBACK TO chain;
SELECT pg_temp.undo(:a, :c) AS c_out;
SELECT pg_temp.undo(:a, :b) AS b_out;
SELECT pg_temp.undo(:d, :a) AS a_out;
SELECT (SELECT count(*) FROM crm.segment_check()) AS drift, (SELECT count(*) FROM crm.segment_stand_in) AS left_over, person_count FROM crm.segment WHERE code = 'twin_chain';
ROLLBACK TO chain;
SELECT crm.segment_define_list('twin_chain', '丁', ARRAY[:d]) ->> 'persons' AS told_anew;
SELECT pg_temp.undo(:a, :b) AS b_out;
ROLLBACK;
