-- identity, undone: a merge taken back restores both sides with what came meanwhile; records moved out; what a guard
-- stopped is decided and the decision taken back; the feed; who a record was.
\set VERBOSITY terse
SET client_min_messages = warning;
SET datestyle = 'ISO';
SET timezone = 'Asia/Shanghai';
BEGIN;
SET LOCAL crm.core_clock = '2026-03-31T12:00:00+08:00';
SELECT set_config('crm.access_claims', '{"actor": "regress", "role": "crm_headquarters", "stores": [], "all": true}', true) <> '' AS claims;
SELECT crm.access_define_region('undo_r', 'r') > 0 AS region, crm.access_define_store('undo_s1', 'one', 'undo_r') > 0 AS s1, crm.access_define_store('undo_s2', 'two', 'undo_r') > 0 AS s2;
INSERT INTO crm.source (source_id, code, name, kind, time_zone, created_at) VALUES
    (9621, 'undo_pos', 'till', 'pos', 'Asia/Shanghai', '2026-01-01'), (9622, 'undo_shop', 'shop', 'shop_platform', 'Asia/Shanghai', '2026-01-01');
\i sql/shared/try_remedy.sql
CREATE FUNCTION pg_temp.member(source text, id text, name text, phone text, store text DEFAULT 'undo_s1') RETURNS bigint LANGUAGE sql AS $$
    SELECT customer_id FROM crm.ingest_member(source, convert_to(json_strip_nulls(json_build_object('external_id', id, 'name', name, 'phone', phone, 'store_code', store,
        'registered_at', '2026-01-05T10:00:00+08:00'))::text, 'UTF8'))
$$;
CREATE FUNCTION pg_temp.bought(source text, id text, member text, phone text, amount numeric, day text, store text DEFAULT 'undo_s1') RETURNS bigint LANGUAGE sql AS $$
    SELECT customer_id FROM crm.ingest_order(source, convert_to(json_strip_nulls(json_build_object('external_id', id, 'member_external_id', member, 'phone', phone, 'amount', amount,
        'ordered_at', day || 'T10:00:00+08:00', 'store_code', store, 'items', json_build_array(json_build_object('product_code', 'UNDO1', 'quantity', 1, 'unit_price', amount))))::text, 'UTF8'))
$$;
-- what is to be the same for a person and the twin: value, stores, records, orders
CREATE FUNCTION pg_temp.picture(person bigint) RETURNS text LANGUAGE sql AS $$
    SELECT concat_ws(' ', c.status, c.name_masked, c.record_count, c.scope_store_ids, v.tier, v.order_days, v.net_minor, v.first_day, v.last_day,
        (SELECT count(*) FROM crm.membership m JOIN crm.customer_order o USING (source_record_id) WHERE m.customer_id = person AND m.valid_to = 'infinity'),
        (SELECT string_agg(e::text, ' ' ORDER BY e) FROM unnest(crm._purchase_history(person)) h, crm.purchase_entries(h) e))
    FROM crm.customer c LEFT JOIN crm.customer_value v USING (customer_id) WHERE c.customer_id = person
$$;

-- 1. two customers of two sources, merged by hand, buy on, and are two again
SELECT pg_temp.member('undo_pos', 'A', '王芳', '13867240001') AS a, pg_temp.member('undo_shop', 'B', '王芳', '13867240002') AS b,
       pg_temp.member('undo_pos', 'TA', '王芳', '13867240011') AS ta, pg_temp.member('undo_shop', 'TB', '王芳', '13867240012') AS tb \gset
SELECT pg_temp.bought('undo_pos', 'O1', 'A', NULL, 100, '2026-03-01') = :a AS hers, pg_temp.bought('undo_shop', 'O2', 'B', NULL, 50, '2026-03-02') = :b AS his,
       pg_temp.bought('undo_pos', 'TO1', 'TA', NULL, 100, '2026-03-01') = :ta AS twin, pg_temp.bought('undo_shop', 'TO2', 'TB', NULL, 50, '2026-03-02') = :tb AS twin;
SELECT crm._loyalty_issue(:b, 'welcome_5', NULL, NULL) > 0 AS coupon_of_b;
SELECT crm.identity_merge(:a, :b, 'same name at the counter') ->> 'records' AS moved;
SELECT crm._identity_current(:b) = :a AS answers_as_a, (SELECT count(*) FROM crm.loyalty_coupons(:a)) AS coupons;
SELECT pg_temp.member('undo_shop', 'B', '王芳', '13867240002', 'undo_s2') = :a AS still_one, pg_temp.bought('undo_shop', 'O3', NULL, '13867240002', 30, '2026-03-10', 'undo_s2') = :a AS by_phone,
       pg_temp.bought('undo_pos', 'O4', NULL, '13867240001', 20, '2026-03-11') = :a AS by_phone;
SELECT pg_temp.member('undo_shop', 'TB', '王芳', '13867240012', 'undo_s2') = :tb AS twin, pg_temp.bought('undo_shop', 'TO3', NULL, '13867240012', 30, '2026-03-10', 'undo_s2') = :tb AS twin,
       pg_temp.bought('undo_pos', 'TO4', NULL, '13867240011', 20, '2026-03-11') = :ta AS twin;
SELECT journal_id AS merge FROM crm.merge_journal WHERE survivor_id = :a AND kind = 'merge' \gset
SELECT p ->> 'side' AS side, jsonb_array_length(p -> 'records') AS records, p ->> 'orders' AS orders, p ->> 'net' AS net
FROM jsonb_array_elements(crm.identity_unmerge_preview(:merge) -> 'parts') p;
SELECT crm.identity_unmerge(:merge, 'two sisters', 'key-u') ->> 'restored' = :'b' AS restored, crm.identity_unmerge(:merge, 'two sisters', 'key-u') ->> 'restored' = :'b' AS replayed;
SELECT pg_temp.picture(:a) = pg_temp.picture(:ta) AS a_like_her_twin,
       pg_temp.picture(:b) = pg_temp.picture(:tb) AS b_like_the_twin;
SELECT order_days, net_minor FROM crm.customer_value WHERE customer_id IN (:a, :b) ORDER BY customer_id;
SELECT (SELECT count(*) FROM crm.loyalty_coupons(:a)) AS coupons_a, (SELECT count(*) FROM crm.loyalty_coupons(:b)) AS coupons_b;
SELECT crm.identity_lookup('phone', '13867240002') ->> 'customer_id' = :'b' AS her_phone, crm.identity_lookup('phone', '13867240001') ->> 'customer_id' = :'a' AS his_phone;
SELECT count(*) AS drift FROM crm.identity_check();
SELECT count(*) AS drift FROM crm.value_check() WHERE what LIKE '%' || :a || '%' OR what LIKE '%' || :b || '%';
-- later facts go where they belong, and the engine does not merge the two again
SELECT pg_temp.member('undo_shop', 'B', '王芳', '13867240001', 'undo_s2') = :b AS took_the_phone, crm._identity_current(:b) = :b AS still_two;
SELECT pg_temp.try(format('crm.identity_merge(%s, %s, %L)', :a, :b, 'again')) AS decided, pg_temp.try(format('crm.identity_unmerge(%s, %L)', :merge, 'again')) AS gone;
SELECT (crm.identity_allow(:a, :b, 'they are one after all') ->> 'links')::int > 0 AS allowed;
SELECT crm.identity_merge(:a, :b, 'one after all') ->> 'customer_id' = :'a' AS one_again;
SELECT count(*) AS drift FROM crm.identity_check();

-- 2. records moved out; what hangs together with them goes along; at least one stays
SELECT pg_temp.member('undo_pos', 'C1', '李雷', '13867240003') AS c, pg_temp.member('undo_shop', 'C2', '李雷', '13867240003') AS c2 \gset
SELECT :c = :c2 AS one, pg_temp.bought('undo_shop', 'O5', 'C2', NULL, 70, '2026-03-12') = :c AS order;
SELECT array_agg(source_record_id ORDER BY source_record_id) AS records FROM crm.membership WHERE customer_id = :c AND valid_to = 'infinity' \gset
SELECT (:'records'::bigint[])[2] AS second \gset
SELECT p ->> 'side' AS side, p ->> 'orders' AS orders FROM jsonb_array_elements(crm.identity_split_preview(:c, ARRAY[:second]) -> 'parts') p;
SELECT crm.identity_split(:c, ARRAY[:second], 'father and son') ->> 'records' AS moved;
SELECT customer_id AS d FROM crm.membership WHERE source_record_id = :second AND valid_to = 'infinity' \gset
SELECT :d <> :c AS two, (SELECT net_minor FROM crm.customer_value WHERE customer_id = :d) AS net_of_the_son, (SELECT net_minor FROM crm.customer_value WHERE customer_id = :c) AS net_of_the_father;
SELECT crm.identity_person_at(:second, '2026-03-31T11:00:00+08:00') IS NULL AS not_yet_known;
SELECT kind, survivor_id = :c AS survivor, other_id = :d AS other FROM crm.merge_journal WHERE survivor_id = :c AND kind = 'split';
SELECT pg_temp.try(c) FROM (VALUES (1, format('crm.identity_split(%s, %L, %L)', :c, '{}', 'why')), (2, format('crm.identity_split(%s, ARRAY[%s], %L)', :c, :second, 'why')),
    (3, format('crm.identity_split(%s, ARRAY[1]::bigint[], NULL)', :c)), (4, 'crm.identity_split(NULL, NULL, NULL)'), (5, 'crm.identity_unmerge(1, ''why'')'),
    (6, format('crm.identity_split(%s, %L, %L)', :c, (SELECT array_agg(source_record_id) FROM crm.membership WHERE customer_id = :c AND valid_to = 'infinity'), 'all of them'))) t (n, c) ORDER BY n;
-- a reason is a few words, however it is sent
SELECT pg_temp.try(format('crm.identity_merge(%s, %s, %L)', :c, :d, repeat('因', 501))) AS merge, pg_temp.try(format('crm.identity_split(%s, ARRAY[%s], %L)', :c, :second, repeat('w', 501))) AS split,
    pg_temp.try(format('crm.ingest_dismiss(%L, %L)', '{}', repeat('w', 501))) AS dismiss,
    pg_temp.try(format('crm.ingest_dismiss(%L, %L)', '{}', repeat('w', 500))) AS fits;

-- 3. what a guard stopped: decided, taken back
SELECT pg_temp.member('undo_pos', 'E1', '赵一', '13867240005') AS e, crm._new_id() > 0 AS id \gset
SELECT customer_id AS f FROM crm.ingest_member('undo_shop', convert_to('{"external_id": "E2", "name": "钱二", "birthday": "1990-01-01", "sex": "m", "phone": "13867240006"}', 'UTF8')) \gset
INSERT INTO crm.review (review_id, customer_a, customer_b, reason, state, opened_at) VALUES (crm._new_id(), :e, :f, 'contradiction', 'open', crm.core_now()) RETURNING review_id AS review \gset
SELECT j ->> 'reason' AS reason, j #>> '{a,name}' AS a, j #>> '{b,name}' AS b FROM crm.identity_reviews() j WHERE j ->> 'review_id' = :'review';
SELECT crm.identity_decide(:review, 'accept', 'checked by phone') ->> 'state' AS state;
SELECT crm._identity_current(:f) = crm._identity_current(:e) AS one, pg_temp.try(format('crm.identity_decide(%s, %L, %L)', :review, 'reject', 'no')) AS twice;
SELECT crm.identity_reopen(:review, 'looked again') ->> 'state' AS state;
SELECT crm._identity_current(:f) = :f AS two_again;
SELECT crm.identity_decide(:review, 'reject', 'two customers') ->> 'state' AS state;
SELECT pg_temp.try(format('crm.identity_merge(%s, %s, %L)', :e, :f, 'again')) AS kept_apart;
SELECT crm.identity_reopen(:review, 'one after all') ->> 'state' AS state, crm.identity_merge(:e, :f, 'one after all') ->> 'records' AS merged;
SELECT pg_temp.try(c) FROM (VALUES (1, 'crm.identity_decide(1, ''accept'', ''why'')'), (2, format('crm.identity_decide(%s, %L, %L)', :review, 'maybe', 'why')),
    (3, format('crm.identity_decide(%s, %L, NULL)', :review, 'accept')), (4, 'crm.identity_reopen(NULL, ''why'')'), (5, '(SELECT count(*) FROM crm.identity_reviews(''all''))')) t (n, c) ORDER BY n;
-- the feed holds it all, in order
SELECT j ->> 'kind' AS kind, count(*) FROM crm.identity_changes(:merge - 1, 1000) j GROUP BY 1 ORDER BY 1;
SELECT count(*) AS drift FROM crm.identity_check();

-- 4. a thousand facts between merge and unmerge, in any order: as if nobody had merged them
SELECT pg_temp.member('undo_pos', 'G', '孙三', '13867240021') AS g, pg_temp.member('undo_shop', 'H', '周四', '13867240022') AS h,
       pg_temp.member('undo_pos', 'TG', '孙三', '13867240031') AS tg, pg_temp.member('undo_shop', 'TH', '周四', '13867240032') AS th \gset
SELECT crm.identity_merge(:g, :h, 'by mistake') ->> 'records' AS moved;
SELECT setseed(0.42);
CREATE TEMP TABLE fact AS
    SELECT n, CASE WHEN random() < 0.5 THEN 0 ELSE 1 END AS side, random() < 0.5 AS by_phone, round((random() * 200)::numeric, 2) + 1 AS amount,
           to_char(date '2025-06-01' + (random() * 290)::int, 'YYYY-MM-DD') AS day, random() < 0.15 AS is_refund
    FROM generate_series(1, 900) n;
CREATE FUNCTION pg_temp.play(prefix text, members text[], phones text[]) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    f record;
    sources text[] := '{undo_pos,undo_shop}';
BEGIN
    FOR f IN SELECT * FROM fact ORDER BY n LOOP
        PERFORM pg_temp.bought(sources[f.side + 1], prefix || f.n, CASE WHEN NOT f.by_phone THEN members[f.side + 1] END, CASE WHEN f.by_phone THEN phones[f.side + 1] END, f.amount, f.day);
        IF f.is_refund THEN
            PERFORM crm.ingest_refund(sources[f.side + 1], convert_to(json_build_object('external_id', prefix || 'R' || f.n, 'order_external_id', prefix || f.n,
                'amount', round(f.amount / 2, 2), 'refunded_at', f.day || 'T20:00:00+08:00')::text, 'UTF8'));
        END IF;
    END LOOP;
    RETURN (SELECT count(*) FROM fact);
END $$;
SELECT pg_temp.play('F', '{G,H}', '{13867240021,13867240022}') AS played, pg_temp.play('TF', '{TG,TH}', '{13867240031,13867240032}') AS twins_played;
SELECT max(journal_id) AS merge FROM crm.merge_journal WHERE survivor_id = :g AND kind = 'merge' \gset
SELECT crm.identity_unmerge(:merge, 'a mistake') ->> 'restored' = :'h' AS restored;
SELECT pg_temp.picture(:g) = pg_temp.picture(:tg) AS g_like_her_twin, pg_temp.picture(:h) = pg_temp.picture(:th) AS h_like_the_twin;
SELECT (SELECT net_minor FROM crm.customer_value WHERE customer_id = :g) = (SELECT net_minor FROM crm.customer_value WHERE customer_id = :tg) AS g_net, (SELECT order_days > 50 FROM crm.customer_value WHERE customer_id = :h) AS h_bought;
SELECT count(*) AS drift FROM crm.identity_check();

-- 5. a chain is undone in any order: who was merged by hand later stays with the one who stays
CREATE FUNCTION pg_temp.persons(prefix text) RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(p.members, ' | ' ORDER BY p.members) FROM (
        SELECT string_agg(substr(r.external_id, 3), ',' ORDER BY r.external_id) AS members FROM crm.source_record r JOIN crm.membership m USING (source_record_id)
        WHERE r.external_id LIKE prefix || '%' AND m.valid_to = 'infinity' GROUP BY m.customer_id) p
$$;
CREATE FUNCTION pg_temp.undo(survivor bigint, other bigint) RETURNS text LANGUAGE sql AS $$
    SELECT pg_temp.try(format('(crm.identity_unmerge(%s, %L) ->> %L)::bigint = %s',
        (SELECT max(journal_id) FROM crm.merge_journal j WHERE j.kind = 'merge' AND j.survivor_id = survivor AND j.other_id = other), 'a mistake', 'restored', other))
$$;
SELECT pg_temp.member('undo_pos', 'K-D', 'd', '13867240044') AS d, pg_temp.member('undo_pos', 'K-C', 'c', '13867240043') AS c, pg_temp.member('undo_pos', 'K-B', 'b', '13867240042') AS b,
       pg_temp.member('undo_pos', 'K-A', 'a', '13867240041') AS a \gset
SELECT crm.identity_merge(:b, :c, 'why') ->> 'records' AS c_into_b, crm.identity_merge(:a, :b, 'why') ->> 'records' AS b_into_a, crm.identity_merge(:d, :a, 'why') ->> 'records' AS a_into_d;
SAVEPOINT chain;
SELECT pg_temp.undo(:b, :c) AS c_out, pg_temp.persons('K-'), pg_temp.undo(:a, :b) AS b_out, pg_temp.persons('K-'), pg_temp.undo(:d, :a) AS a_out, pg_temp.persons('K-');
ROLLBACK TO chain;
SELECT pg_temp.undo(:d, :a) AS a_out, pg_temp.persons('K-'), pg_temp.undo(:a, :b) AS b_out, pg_temp.persons('K-'), pg_temp.undo(:b, :c) AS c_out, pg_temp.persons('K-');
ROLLBACK TO chain;
SELECT p ->> 'side' AS side, jsonb_array_length(p -> 'records') AS records
FROM jsonb_array_elements(crm.identity_unmerge_preview((SELECT max(journal_id) FROM crm.merge_journal j WHERE j.kind = 'merge' AND j.survivor_id = :a)) -> 'parts') p;
SELECT pg_temp.undo(:a, :b) AS b_out, pg_temp.persons('K-'), pg_temp.undo(:b, :c) AS c_out, pg_temp.persons('K-'), pg_temp.undo(:b, :c) AS twice;
-- whoever was taken out and merged elsewhere since is not given back to whom they had been merged into first
ROLLBACK TO chain;
SELECT pg_temp.undo(:b, :c) AS c_out, crm.identity_allow(:c, :d, 'one after all') ->> 'a' = :'c' AS allowed, crm.identity_merge(:d, :c, 'why') ->> 'records' AS c_into_d,
       pg_temp.undo(:a, :b) AS b_out, pg_temp.persons('K-'), crm._identity_current(:c) = :d AS c_stays;
SELECT count(*) AS drift FROM crm.identity_check();
-- an erased person is not made one again
SELECT crm.access_erase(:d, 'asked for it') ->> 'customer_id' = :'d' AS erased, pg_temp.undo(:d, :a) AS undone, pg_temp.try(format('crm.identity_split(%s, ARRAY[1], %L)', :d, 'why')) AS split;
SELECT count(*) AS drift FROM crm.identity_check();

-- 5b. many at once, the newest first, whatever order they are named in; what cannot be undone is named, and the others go on
SELECT pg_temp.member('undo_pos', 'M-D', 'd', '13867240054') AS d, pg_temp.member('undo_pos', 'M-C', 'c', '13867240053') AS c, pg_temp.member('undo_pos', 'M-B', 'b', '13867240052') AS b,
       pg_temp.member('undo_pos', 'M-A', 'a', '13867240051') AS a \gset
SELECT crm.identity_merge(:b, :c, 'why') ->> 'records' AS c_into_b, crm.identity_merge(:a, :b, 'why') ->> 'records' AS b_into_a, crm.identity_merge(:d, :a, 'why') ->> 'records' AS a_into_d, pg_temp.persons('M-');
SELECT array_agg(j.journal_id ORDER BY j.journal_id) || ARRAY[1::bigint, 1, NULL] AS merges FROM crm.merge_journal j WHERE j.kind = 'merge' AND j.other_id IN (:a, :b, :c) \gset
SELECT jsonb_array_length(p -> 'merges') AS merges, jsonb_array_length(p #> '{merges,0,parts}') AS parts, p #>> '{merges,0,restores}' = :'a' AS newest_first, p -> 'kept' AS kept, pg_temp.persons('M-') AS nothing_changed
FROM crm.identity_unmerge_bulk_preview(:'merges') p;
SELECT crm.identity_unmerge_bulk(:'merges', 'an import that went wrong', 'key-bulk') AS answer \gset
SELECT (SELECT string_agg(CASE u ->> 'restored' WHEN :'a' THEN 'a' WHEN :'b' THEN 'b' WHEN :'c' THEN 'c' END, ' ' ORDER BY n) FROM jsonb_array_elements(:'answer'::jsonb -> 'undone') WITH ORDINALITY x (u, n)) AS undone,
       :'answer'::jsonb #>> '{kept,0,code}' AS kept, pg_temp.persons('M-'), crm.identity_unmerge_bulk(:'merges', 'an import that went wrong', 'key-bulk') = :'answer'::jsonb AS replayed;
SELECT u ->> 'code' AS code, count(*) FROM jsonb_array_elements(crm.identity_unmerge_bulk(:'merges', 'again') -> 'kept') u GROUP BY 1 ORDER BY 1;
SELECT pg_temp.try(c) FROM (VALUES (1, 'crm.identity_unmerge_bulk(NULL, ''why'')'), (2, 'crm.identity_unmerge_bulk(''{}'', ''why'')'), (3, 'crm.identity_unmerge_bulk(''{1}'', '' '')'),
    (4, 'crm.identity_unmerge_bulk_preview(ARRAY(SELECT generate_series(1, 1001)))')) t (n, c) ORDER BY n;
SELECT count(*) AS drift FROM crm.identity_check();

-- 6. of very many records the halves that were named are two persons, not one and a heap of single ones
SELECT pg_temp.member('undo_pos', 'L-01', '吴用', '13867250001') AS l \gset
SELECT count(*) FILTER (WHERE pg_temp.member('undo_pos', 'L-' || lpad(n::text, 2, '0'), '吴用', '138672500' || lpad(n::text, 2, '0'))
                            = pg_temp.member('undo_shop', 'L+' || lpad(n::text, 2, '0'), '吴用', '138672500' || lpad(n::text, 2, '0'))) AS pairs
FROM generate_series(1, 51) n;
SELECT sum((crm.identity_merge(:l, m.customer_id, 'one') ->> 'records')::int) AS moved FROM crm.source_record r JOIN crm.membership m USING (source_record_id)
WHERE r.external_id LIKE 'L-%' AND m.valid_to = 'infinity' AND m.customer_id <> :l;
SELECT crm.identity_split(:l, ARRAY(SELECT source_record_id FROM crm.source_record WHERE external_id LIKE 'L+%'), 'two customers') ->> 'records' AS moved;
SELECT left(r.external_id, 2) AS half, count(*), count(DISTINCT m.customer_id) AS persons FROM crm.source_record r JOIN crm.membership m USING (source_record_id)
WHERE r.external_id LIKE 'L_%' AND m.valid_to = 'infinity' GROUP BY 1 ORDER BY 1;
SELECT count(*) AS drift FROM crm.identity_check();

-- 7. whose a record was at a moment: its own until the merge, the survivor's until that is undone, its own again
SELECT pg_temp.member('undo_pos', 'P', '郑五', '13867240061') AS p, pg_temp.member('undo_shop', 'Q', '冯六', '13867240062') AS q \gset
SELECT source_record_id AS record FROM crm.source_record WHERE source_id = 9622 AND external_id = 'Q' \gset
SET LOCAL crm.core_clock = '2026-03-31T13:00:00+08:00';
SELECT crm.identity_merge(:p, :q, 'by mistake') ->> 'records' AS moved;
SET LOCAL crm.core_clock = '2026-03-31T14:00:00+08:00';
SELECT pg_temp.undo(:p, :q) AS q_out;
SELECT string_agg(t || CASE crm.identity_person_at(:record, ('2026-03-31T' || t || '+08:00')::timestamptz) WHEN :p THEN ' P' WHEN :q THEN ' Q' ELSE ' nobody' END, ', ' ORDER BY t) AS whose
FROM unnest('{11:59,12:00,12:59,13:00,13:59,14:00}'::text[]) t;

-- one whom the merged side kept out joins the side that stays, which keeps its id though the other is older: the other ends in it, with all that is his
CREATE FUNCTION pg_temp.told(id text, facts jsonb) RETURNS bigint LANGUAGE sql AS $$
    SELECT customer_id FROM crm.ingest_member('undo_pos', convert_to((jsonb_build_object('external_id', id) || facts)::text, 'UTF8')) $$;
SELECT pg_temp.told('GL', '{"phone": "13867240902", "unionid": "undo_u1", "registered_at": "2026-02-05T10:00:00+08:00"}') AS l,
       pg_temp.told('GA', '{"phone": "13867240901", "registered_at": "2026-02-04T10:00:00+08:00"}') AS a \gset
SELECT (crm.identity_merge(:a, :l, 'by hand') ->> 'customer_id')::bigint = :a AS merged;
SELECT pg_temp.told('GX', '{"phone": "13867240901", "unionid": "undo_u2", "registered_at": "2025-01-05T10:00:00+08:00"}') AS x \gset
SELECT :x <> :a AS kept_out, crm._loyalty_issue(:x, 'welcome_5', NULL, NULL) > 0 AS coupon_of_x;
SELECT (crm.identity_unmerge((SELECT max(journal_id) FROM crm.merge_journal WHERE kind = 'merge' AND survivor_id = :a AND other_id = :l), 'not one') ->> 'restored')::bigint = :l AS restored;
SELECT c.customer_id = :l AS is_l, c.customer_id = :a AS is_a, c.customer_id = :x AS is_x, c.status, c.merged_into = :a AS into_a, c.record_count FROM crm.customer c WHERE c.customer_id IN (:l, :a, :x) ORDER BY 1, 2, 3;
SELECT j.kind, j.survivor_id = :a AS into_a FROM crm.merge_journal j WHERE j.other_id = :x OR j.survivor_id = :x ORDER BY j.journal_id;
SELECT crm._identity_current(:x) = :a AS answers, (SELECT count(*) FROM crm.loyalty_coupons(:a)) AS coupons, (SELECT count(*) FROM crm.identity_check() k WHERE k.what LIKE '%person ' || :x) AS ghosts;

-- one who was no more than a phone that nobody answers to by now is somebody again without a record, with a value and his coupons
SELECT pg_temp.told('GM', '{"phone": "13867240911", "registered_at": "2026-02-04T10:00:00+08:00"}') AS m, pg_temp.bought('undo_pos', 'OG1', NULL, '13867240912', 10, '2026-03-12') AS v \gset
SELECT crm._loyalty_issue(:v, 'welcome_5', NULL, NULL) > 0 AS coupon_of_v, (crm.identity_merge(:m, :v, 'by hand') ->> 'records')::int AS moved;
SELECT crm._value_drain() >= 0 AS drained;
UPDATE crm.identifier i SET is_blocked = true, customer_id = NULL FROM crm.record_identifier r JOIN crm.membership x USING (source_record_id) WHERE x.customer_id = :v AND i.kind = r.kind AND i.value_hash = r.value_hash;
SELECT (crm.identity_unmerge((SELECT max(journal_id) FROM crm.merge_journal WHERE kind = 'merge' AND other_id = :v), 'not one') ->> 'restored')::bigint = :v AS restored;
SELECT crm._value_drain() >= 0 AS drained;
SELECT c.status, c.record_count, EXISTS (SELECT FROM crm.customer_value v WHERE v.customer_id = :v) AS has_value, (SELECT count(*) FROM crm.loyalty_coupons(:v)) AS coupons FROM crm.customer c WHERE c.customer_id = :v;
ROLLBACK;
