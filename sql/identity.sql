-- identity: who is one person, and who is not.
\set VERBOSITY terse
\set ON_ERROR_ROLLBACK on
SELECT count(*) >= 0 AS installed FROM crm.install();
BEGIN;
SET client_min_messages = warning;
SET timezone = 'UTC';
INSERT INTO crm.source (source_id, code, name, kind, priority, time_zone, created_at) VALUES
    (901, 't_pos', 'till', 'pos', 10, 'Asia/Shanghai', crm.core_now()), (902, 't_mini', 'mini', 'mini_program', 20, 'Asia/Shanghai', crm.core_now()),
    (903, 't_shop', 'shop', 'shop_platform', 30, 'Asia/Shanghai', crm.core_now());
CREATE TEMP TABLE seen (label text PRIMARY KEY, record_id bigint, ordinal serial);

-- An identifier as intake makes it: phones and e-mails from text.
CREATE FUNCTION pg_temp.idv(code text, value text, namespace text DEFAULT '') RETURNS crm.identifier_value LANGUAGE plpgsql AS $$
DECLARE phone crm.phone_parts := CASE WHEN code = 'phone' THEN crm.identity_phone(value) END;
        email crm.email_parts := CASE WHEN code = 'email' THEN crm.identity_email(value) END;
BEGIN
    RETURN ROW(crm._identity_kind(code), namespace, CASE code WHEN 'phone' THEN phone.number WHEN 'email' THEN email.key ELSE value END,
               coalesce(phone.masked, email.masked, left(value, 1) || '***'), phone.tail, coalesce(phone.is_key, email.is_key, true));
END $$;
-- A member fact, described by what matters here.
CREATE FUNCTION pg_temp.fact(label text, ids crm.identifier_value[], name text DEFAULT NULL, birthday date DEFAULT NULL, version text DEFAULT NULL,
                             at timestamptz DEFAULT '2026-01-05 04:00Z', store int DEFAULT NULL, extra jsonb DEFAULT '{}', n int DEFAULT 1)
    RETURNS crm.member_fact LANGUAGE plpgsql AS $$
BEGIN
    RETURN ROW(n, CASE left(label, 1) WHEN 'p' THEN 901 WHEN 'm' THEN 902 ELSE 903 END, label, 'member', store, 'store', at,
               (at AT TIME ZONE 'Asia/Shanghai')::date, ids, name, extra ->> 'nickname', extra ->> 'sex', birthday,
               coalesce((extra ->> 'lunar')::boolean, false), NULL, extra ->> 'city', NULL, extra ->> 'address', NULL, extra -> 'custom', version, false,
               convert_to(concat_ws('|', ids, name, birthday, version, extra, store), 'UTF8'), at, NULL, NULL)::crm.member_fact;
END $$;
CREATE FUNCTION pg_temp.store(VARIADIC facts crm.member_fact[]) RETURNS text LANGUAGE plpgsql AS $$
DECLARE said text;
BEGIN
    FOR i IN 1 .. cardinality(facts) LOOP facts[i].ordinal := i; END LOOP;
    WITH told AS MATERIALIZED (SELECT o.* FROM crm._identity_store_members(facts) o),
    kept AS (INSERT INTO pg_temp.seen (label, record_id)
             SELECT DISTINCT ON (facts[t.ordinal].external_id) facts[t.ordinal].external_id, t.source_record_id FROM told t
             WHERE t.source_record_id IS NOT NULL ORDER BY facts[t.ordinal].external_id
             ON CONFLICT (label) DO NOTHING)
    SELECT string_agg(facts[t.ordinal].external_id || ' ' || t.outcome, ', ' ORDER BY t.ordinal) INTO said FROM told t;
    RETURN said;
END $$;
CREATE FUNCTION pg_temp.phone(label text, number text, name text DEFAULT NULL, birthday date DEFAULT NULL) RETURNS text LANGUAGE plpgsql AS $$
BEGIN RETURN pg_temp.store(pg_temp.fact(label, ARRAY[pg_temp.idv('phone', number)], name, birthday)); END $$;
-- Who is with whom: the labels of each person, in the order of their first.
CREATE FUNCTION pg_temp.persons(pattern text DEFAULT '.') RETURNS SETOF text LANGUAGE plpgsql AS $$
BEGIN
    RETURN QUERY SELECT p.members FROM (
        SELECT string_agg(s.label, ' ' ORDER BY s.ordinal) AS members, min(s.ordinal) AS first
        FROM pg_temp.seen s JOIN crm.membership m ON m.source_record_id = s.record_id AND m.valid_to = 'infinity'
        WHERE s.label ~ pattern GROUP BY m.customer_id) p ORDER BY p.first;
END $$;
CREATE FUNCTION pg_temp.person(of text) RETURNS bigint LANGUAGE plpgsql AS $$
BEGIN RETURN (SELECT m.customer_id FROM pg_temp.seen s JOIN crm.membership m ON m.source_record_id = s.record_id AND m.valid_to = 'infinity' WHERE s.label = of); END $$;
CREATE FUNCTION pg_temp.reviews() RETURNS TABLE (pair text, reason text, kind text, state text) LANGUAGE plpgsql AS $$
BEGIN
    RETURN QUERY SELECT DISTINCT (SELECT string_agg(x.label, ' ' ORDER BY x.ordinal) FROM pg_temp.seen x
            WHERE x.record_id IN ((v.evidence -> 'records' ->> 0)::bigint, (v.evidence -> 'records' ->> 1)::bigint)), v.reason, v.evidence ->> 'kind', v.state
        FROM crm.review v ORDER BY 1, 2;
END $$;

-- An order's reference to whom it belongs.
CREATE FUNCTION pg_temp.ref(kind text, external_id text, VARIADIC ids crm.identifier_value[] DEFAULT '{}') RETURNS TABLE (record text, is_known boolean, person text, outcome text) LANGUAGE plpgsql AS $$
DECLARE o crm.record_outcome;
BEGIN
    SELECT a.* INTO o FROM crm._identity_attach(ARRAY[ROW(1, 901, ref.kind, ref.external_id, ids, 5, 'store', '2026-05-01 00:00Z', false, '2026-05-01 00:00Z', NULL, NULL)::crm.record_ref]) a;
    RETURN QUERY SELECT regexp_replace(r.external_id, ':[0-9a-f]{32}$', ':...'), s.label IS NOT NULL,
        coalesce((SELECT string_agg(x.label, ' ' ORDER BY x.ordinal) FROM pg_temp.seen x JOIN crm.membership m ON m.source_record_id = x.record_id AND m.valid_to = 'infinity'
         WHERE m.customer_id = o.customer_id), CASE WHEN o.customer_id IS NULL THEN 'nobody' ELSE 'a new person' END), o.outcome
    FROM crm.source_record r LEFT JOIN pg_temp.seen s ON s.record_id = o.source_record_id WHERE r.source_record_id = o.source_record_id;
END $$;

-- Any order of the same facts gives the same persons: 60 facts over few values, with guards,
-- revisions and a hub, in batches of any size, shuffled a dozen times.
CREATE FUNCTION pg_temp.fact_no(i int) RETURNS crm.member_fact LANGUAGE plpgsql AS $$
DECLARE h int := hashint4(i * 7919 + 13) & 2147483647; ids crm.identifier_value[] := '{}'; f crm.member_fact;
BEGIN
    IF h % 3 <> 0 THEN ids := ids || pg_temp.idv('phone', '1363846' || (1000 + h % 11)); END IF;
    IF h / 64 % 4 = 0 THEN ids := ids || pg_temp.idv('unionid', 'v' || h / 256 % 9, 'wx'); END IF;
    IF h / 64 % 3 = 0 THEN ids := ids || pg_temp.idv('member_card', 'k' || h / 4096 % 12); END IF;
    f := pg_temp.fact((ARRAY['p', 'm', 's'])[1 + h % 3] || 'r' || i / 2, ids, (ARRAY['王伟', '李娜', '王小明', NULL, '张*'])[1 + h / 512 % 5],
                      (ARRAY['1980-01-02', '1985-05-06', '2001-07-08', NULL])[1 + h / 2048 % 4]::date, (2026 + i % 2)::text,
                      '2026-01-01 00:00Z'::timestamptz + i * interval '1 hour');
    f.custom := NULL;
    RETURN f;
END $$;
CREATE FUNCTION pg_temp.partition_of(seed int) RETURNS text LANGUAGE plpgsql AS $$
DECLARE facts crm.member_fact[]; told text; at int := 1; step int;
BEGIN
    facts := ARRAY(SELECT pg_temp.fact_no(i) FROM generate_series(1, 60) i ORDER BY hashint4(i * 31 + seed));
    WHILE at <= 60 LOOP
        step := 1 + (hashint4(at + seed) & 7);
        PERFORM pg_temp.store(VARIADIC facts[at : at + step - 1]);
        at := at + step;
    END LOOP;
    SELECT string_agg(p, ' / ' ORDER BY p COLLATE "C") INTO told FROM (
        SELECT string_agg(s.label, ' ' ORDER BY s.label COLLATE "C") AS p FROM pg_temp.seen s
        JOIN crm.membership m ON m.source_record_id = s.record_id AND m.valid_to = 'infinity' WHERE s.label ~ '^.r' GROUP BY m.customer_id) x;
    IF EXISTS (SELECT FROM crm.identity_check()) THEN
        told := 'identity_check differs: ' || (SELECT string_agg(c.what || ' expected ' || c.expected || ' found ' || c.found, '; ') FROM crm.identity_check() c);
    END IF;
    RAISE EXCEPTION USING ERRCODE = 'P9999', MESSAGE = told;
EXCEPTION WHEN SQLSTATE 'P9999' THEN
    RETURN SQLERRM;     -- and everything this order did is gone
END $$;
SAVEPOINT any_order;
UPDATE crm.identifier_kind SET max_records = 5 WHERE code = 'phone';
SELECT count(DISTINCT pg_temp.partition_of(seed)) AS partitions FROM generate_series(1, 12) seed;
SELECT unnest(string_to_array(pg_temp.partition_of(1), ' / ')) AS person;
ROLLBACK TO any_order;

-- the codes in C are the rows of the table
SELECT k.kind, k.code, crm._identity_kind_code(k.kind) = k.code AND crm._identity_kind(k.code) = k.kind AS agrees FROM crm.identifier_kind k ORDER BY 1;
SELECT crm._identity_kind('shoe_size'), crm._identity_kind_code(99::smallint), crm._identity_hash(1::smallint, NULL, NULL);
SELECT crm._identity_hash(1::smallint, NULL, '+86') = crm._identity_hash(1::smallint, '', '+86') AS null_is_empty,
       crm._identity_hash(4::smallint, 'a', 'b') = crm._identity_hash(4::smallint, 'ab', '') AS runs_together,
       crm._identity_hash(4::smallint, '', 'b') = crm._identity_hash(5::smallint, '', 'b') AS kinds_mix;

-- normalisers answer anything
SELECT (crm.identity_phone(v)).* FROM (VALUES ('13962814573'), ('+86 139-6281-4573'), ('００８６１３９６２８１４５７３'), ('(021) 5080 8888 转 101'), ('400-810-6666'), ('13800138000'),
    ('139****5678'), ('95588'), ('+852 6123 4567'), ('12345'), (''), ('没有')) t(v);
SELECT (crm.identity_email(v)).* FROM (VALUES ('Foo.Bar+news@GMail.com'), ('ｚｈａｎｇ@qq.com'), ('noreply@shop.cn'), ('test@test.com'), ('a@b@c'), (''), (NULL)) t(v);
SELECT (crm.identity_birthday(v)).* FROM (VALUES ('1990-05-01'), ('1990年5月1日'), ('19900501'), ('05-01'), ('农历1990年8月15日'), ('1900-01-01'), ('1990-02-30'), ('1/5/1990'), ('')) t(v);
SELECT (crm.identity_name(v)).* FROM (VALUES ('张伟'), ('張　偉'), ('王先生'), ('欧阳娜娜'), ('张*伟'), ('微信用户'), ('Wei  ZHANG'), (''), (NULL), (repeat('长', 5000))) t(v);
SELECT (crm.identity_national_id(v)).* FROM (VALUES ('11010519491231002x'), ('110105 19491231 002X'), ('１１０１０５１９４９１２３１００２Ｘ'), ('110105491231002'), ('110105194912310021'), ('11010519491331002X'), (''), ('x'), (repeat('1', 5000))) t(v);
SELECT crm._identity_mask_name('张伟'), crm._identity_mask_name('欧阳娜娜'), crm._identity_mask_name('王'), crm._identity_mask_name(' '), crm._identity_mask_name(NULL);

-- one phone, however it is written, is one person
SELECT pg_temp.phone('p1', '13962814573', '王伟', '1980-01-02'), pg_temp.phone('m1', '+86 139-6281-4573'), pg_temp.phone('s1', '００８６１３９６２８１４５７３');
SELECT pg_temp.persons('1$');
-- a replay changes nothing
SELECT pg_temp.phone('p1', '13962814573', '王伟', '1980-01-02');
-- landlines, 400 numbers, placeholders glue nobody
SELECT pg_temp.phone('p2', '021-50808888', '张三'), pg_temp.phone('m2', '02150808888', '李四'), pg_temp.phone('p3', '400-810-6666'), pg_temp.phone('m3', '400-810-6666'),
       pg_temp.phone('p4', '13800138000'), pg_temp.phone('m4', '13800138000');
SELECT pg_temp.persons('[234]$');
SELECT masked, is_blocked, customer_id FROM crm.identifier WHERE is_blocked ORDER BY masked;

-- a family's or recycled phone: names and birthdays contradict; it answers to the one who took it last
SELECT pg_temp.store(pg_temp.fact('p5', ARRAY[pg_temp.idv('phone', '13738460005')], '陈强', '1970-03-04', at => '2024-02-01 00:00Z')),
       pg_temp.store(pg_temp.fact('m5', ARRAY[pg_temp.idv('phone', '13738460005')], '刘洋', '1995-06-07', at => '2025-02-01 00:00Z')),
       pg_temp.store(pg_temp.fact('s5', ARRAY[pg_temp.idv('phone', '13738460005')], '陈强', '1970-03-04', at => '2023-02-01 00:00Z'));
SELECT pg_temp.persons('5$');
SELECT (crm.identity_lookup('phone', '13738460005') ->> 'name') AS answers;
-- and says who else holds the number; by its last four digits both are found
SELECT a ->> 'name' AS also, a ->> 'in_scope' AS in_scope FROM jsonb_array_elements(crm.identity_lookup('phone', '13738460005') -> 'also') a;
SELECT j ->> 'name' AS holds FROM crm.identity_search('0005') j ORDER BY 1;
-- father and son share surname and phone; a typing error is no contradiction; neither is a mask, a title or a lunar date
SELECT pg_temp.phone('p6', '13738460006', '赵国强', '1970-03-04'), pg_temp.phone('m6', '13738460006', '赵小明', '2001-03-04'),
       pg_temp.phone('p7', '13738460007', '孙丽', '1970-03-04'), pg_temp.phone('m7', '13738460007', '孙莉', '1970-04-03'), pg_temp.phone('s7', '13738460007', '孙女士'),
       pg_temp.phone('p8', '13738460008', '周*', '1970-03-04'), pg_temp.phone('m8', '13738460008', '周杰', '1970-03-04');
SELECT pg_temp.persons('[678]$');
SELECT * FROM pg_temp.reviews();

-- single-valued kinds: two unionids of one namespace are two persons; a card that was replaced is not
SELECT pg_temp.store(pg_temp.fact('p9', ARRAY[pg_temp.idv('phone', '13738460009'), pg_temp.idv('unionid', 'uA', 'wx')])),
       pg_temp.store(pg_temp.fact('m9', ARRAY[pg_temp.idv('phone', '13738460009'), pg_temp.idv('unionid', 'uB', 'wx')])),
       pg_temp.store(pg_temp.fact('s9', ARRAY[pg_temp.idv('phone', '13738460009'), pg_temp.idv('unionid', 'uB', 'other')]));
SELECT pg_temp.persons('9$');
SELECT pair, reason, kind FROM pg_temp.reviews() WHERE reason = 'single_value';
SAVEPOINT other_rules;
UPDATE crm.identifier_kind SET is_single = true WHERE code = 'member_card';
SELECT pg_temp.store(pg_temp.fact('p10', ARRAY[pg_temp.idv('phone', '13738460010'), pg_temp.idv('member_card', 'C1', 'gold')], version => '1')),
       pg_temp.store(pg_temp.fact('m10', ARRAY[pg_temp.idv('phone', '13738460010'), pg_temp.idv('member_card', 'C1', 'gold')])),
       pg_temp.store(pg_temp.fact('p10', ARRAY[pg_temp.idv('phone', '13738460010'), pg_temp.idv('member_card', 'C2', 'gold')], version => '2')),
       pg_temp.store(pg_temp.fact('s10', ARRAY[pg_temp.idv('phone', '13738460010'), pg_temp.idv('member_card', 'C3', 'gold')]));
SELECT pg_temp.persons('10$');
-- a source that promises one record a person
UPDATE crm.source SET is_one_record_per_person = true WHERE source_id = 903;
SELECT pg_temp.phone('s11', '13738460011'), pg_temp.phone('s11b', '13738460011'), pg_temp.phone('p11', '13738460011');
SELECT pg_temp.persons('11b?$');
ROLLBACK TO other_rules;

-- one batch: internal duplicates, a record twice with other content, a chain that merges
SELECT pg_temp.store(
    pg_temp.fact('p12', ARRAY[pg_temp.idv('phone', '13738460012')], '吴敏'),
    pg_temp.fact('p12', ARRAY[pg_temp.idv('phone', '13738460012')], '吴敏'),
    pg_temp.fact('m12', ARRAY[pg_temp.idv('phone', '13738460012'), pg_temp.idv('phone', '+8613738460012'), pg_temp.idv('openid', 'o12', 'app')]),
    pg_temp.fact('s12', ARRAY[pg_temp.idv('openid', 'o12', 'app')], version => '2026-01-02T00:00:00Z'),
    pg_temp.fact('s12', ARRAY[pg_temp.idv('openid', 'o12x', 'app')], version => '2026-01-01T00:00:00Z'));
SELECT pg_temp.persons('12$');
SELECT count(*) FILTER (WHERE ended_at IS NULL) AS live, count(*) FILTER (WHERE ended_at IS NOT NULL) AS ended FROM crm.record_identifier
    WHERE source_record_id = (SELECT record_id FROM pg_temp.seen WHERE label = 's12');

-- merge by new evidence: the older person survives, the other's id answers for ever, the journal says why
SELECT pg_temp.store(pg_temp.fact('p13', ARRAY[pg_temp.idv('phone', '13738460013')], at => '2025-01-01 00:00Z')),
       pg_temp.store(pg_temp.fact('m13', ARRAY[pg_temp.idv('openid', 'o13', 'app')], at => '2024-01-01 00:00Z'));
SELECT pg_temp.person('p13') AS till, pg_temp.person('m13') AS mini \gset
SELECT pg_temp.store(pg_temp.fact('s13', ARRAY[pg_temp.idv('phone', '13738460013'), pg_temp.idv('openid', 'o13', 'app')]));
SELECT pg_temp.persons('13$');
SELECT pg_temp.person('p13') = :mini AS older_survives, crm._identity_current(:till) = :mini AS answers, crm._identity_cluster(:till) = ARRAY[:mini, :till]::bigint[] AS cluster;
SELECT status, merged_into = :mini AS redirected, scope_store_ids FROM crm.customer WHERE customer_id = :till;
SELECT kind, survivor_id = :mini AS survivor, other_id = :till AS other, cardinality(record_ids) AS records, actor, reason, evidence FROM crm.merge_journal
    WHERE :mini IN (survivor_id, other_id) ORDER BY kind;
-- a second merge: redirects stay one step long
SELECT pg_temp.store(pg_temp.fact('p13x', ARRAY[pg_temp.idv('member_card', 'c13')], at => '2020-01-01 00:00Z')),
       pg_temp.store(pg_temp.fact('m13', ARRAY[pg_temp.idv('openid', 'o13', 'app'), pg_temp.idv('member_card', 'c13')], at => '2024-01-01 00:00Z'));
SELECT crm._identity_current(:till) = pg_temp.person('p13x') AS answers, (SELECT merged_into = pg_temp.person('p13x') FROM crm.customer WHERE customer_id = :till) AS one_step;

-- a revision that gives a phone up: who shared it stays with the person as long as nothing disagrees;
-- its next owner is somebody else
SELECT pg_temp.store(pg_temp.fact('p14', ARRAY[pg_temp.idv('phone', '13738460014')], '郑强', version => '2026-01-01T00:00:00Z')),
       pg_temp.store(pg_temp.fact('m14', ARRAY[pg_temp.idv('phone', '13738460014'), pg_temp.idv('openid', 'o14', 'app')])),
       pg_temp.store(pg_temp.fact('p14', ARRAY[pg_temp.idv('phone', '13738460114')], '郑强', version => '2026-02-01T00:00:00Z')),
       pg_temp.store(pg_temp.fact('p14', ARRAY[pg_temp.idv('phone', '13738460999')], '郑强', version => '2025-12-01T00:00:00Z')),
       pg_temp.store(pg_temp.fact('s14', ARRAY[pg_temp.idv('phone', '13738460114')], at => '2026-04-01 00:00Z'));
SELECT pg_temp.persons('14$');
SELECT pg_temp.store(pg_temp.fact('p16', ARRAY[pg_temp.idv('phone', '13738460116')], version => '2026-01-01T00:00:00Z')),
       pg_temp.store(pg_temp.fact('p16', ARRAY[pg_temp.idv('phone', '13738460117')], version => '2026-02-01T00:00:00Z')),
       pg_temp.store(pg_temp.fact('s16', ARRAY[pg_temp.idv('phone', '13738460116')], at => '2026-04-01 00:00Z'));
SELECT pg_temp.persons('16$');
-- content that comes back after other content is a revision; a replay of a version is not
SELECT pg_temp.store(pg_temp.fact('p17', ARRAY[pg_temp.idv('phone', '13738460217')])), pg_temp.store(pg_temp.fact('p17', ARRAY[pg_temp.idv('phone', '13738460218')])),
       pg_temp.store(pg_temp.fact('p17', ARRAY[pg_temp.idv('phone', '13738460217')]));
SELECT pg_temp.store(pg_temp.fact('p18', ARRAY[pg_temp.idv('phone', '13738460217')], version => '1')), pg_temp.store(pg_temp.fact('p18', ARRAY[pg_temp.idv('phone', '13738460218')], version => '2')),
       pg_temp.store(pg_temp.fact('p18', ARRAY[pg_temp.idv('phone', '13738460217')], version => '1'));
SELECT pg_temp.store(pg_temp.fact('p19', ARRAY[pg_temp.idv('phone', '13738460217')]), pg_temp.fact('p19', ARRAY[pg_temp.idv('phone', '13738460218')]),
                     pg_temp.fact('p19', ARRAY[pg_temp.idv('phone', '13738460218')]), pg_temp.fact('p19', ARRAY[pg_temp.idv('phone', '13738460217')]));
SELECT i.masked, ri.ended_at IS NULL AS is_held FROM crm.record_identifier ri JOIN crm.identifier i USING (kind, value_hash)
    WHERE ri.source_record_id = (SELECT record_id FROM pg_temp.seen WHERE label = 'p19') ORDER BY 1;
-- a wrongly typed phone is corrected: the stranger is separated again
SELECT pg_temp.store(pg_temp.fact('p15', ARRAY[pg_temp.idv('phone', '13738460015')], '冯杰', at => '2025-01-01 00:00Z', version => '1')),
       pg_temp.store(pg_temp.fact('m15', ARRAY[pg_temp.idv('phone', '13738460015')], '冯*', version => '1'));
SELECT pg_temp.persons('15$');
SELECT pg_temp.store(pg_temp.fact('m15', ARRAY[pg_temp.idv('phone', '13738460016')], '蒋涛', version => '2'));
SELECT pg_temp.persons('15$');
SELECT kind, cardinality(record_ids) FROM crm.merge_journal WHERE survivor_id = pg_temp.person('p15') AND kind = 'split';

-- a hub: the number of a store's tablet on more records than max_records glues nobody any more,
-- and what it had glued comes apart, save what something else holds together
SAVEPOINT other_rules;
UPDATE crm.identifier_kind SET max_records = 3 WHERE code = 'phone';
SELECT pg_temp.store(pg_temp.fact('p20', ARRAY[pg_temp.idv('phone', '13738460020'), pg_temp.idv('openid', 'o20', 'app')])),
       pg_temp.store(pg_temp.fact('m20', ARRAY[pg_temp.idv('phone', '13738460020'), pg_temp.idv('openid', 'o20', 'app')])),
       pg_temp.phone('p21', '13738460020');
SELECT pg_temp.persons('2[01]$');
SELECT pg_temp.phone('p22', '13738460020');
SELECT pg_temp.phone('p23', '13738460020');
SELECT pg_temp.persons('2[0123]$');
SELECT is_blocked, customer_id, record_count FROM crm.identifier WHERE kind = 1 AND value_hash = crm._identity_hash(1::smallint, '', '+8613738460020');
SELECT crm.identity_lookup('phone', '13738460020');
SELECT * FROM crm.identity_check();
-- an order under a hub's number is a receipt
SELECT * FROM pg_temp.ref('receipt', 'R5', pg_temp.idv('phone', '13738460020'));
-- a receipt claimed by a number that becomes a hub is nobody's again
SELECT * FROM pg_temp.ref('receipt', 'R7');
SELECT * FROM pg_temp.ref('receipt', 'R7', pg_temp.idv('phone', '13738460025'));
SELECT pg_temp.phone('p25', '13738460025'), pg_temp.phone('m25', '13738460025'), pg_temp.phone('s25', '13738460025'), pg_temp.phone('s25b', '13738460025');
SELECT * FROM pg_temp.ref('receipt', 'R7');
SELECT kind, count(*) FROM crm.merge_journal WHERE kind = 'detach' GROUP BY kind;
SELECT * FROM crm.identity_check();
ROLLBACK TO other_rules;
-- a value blocked by hand before anyone has it
INSERT INTO crm.blocked_value VALUES (1, crm._identity_hash(1::smallint, '', '+8613738460024'), 'courier');
SELECT pg_temp.phone('p24', '13738460024'), pg_temp.phone('m24', '13738460024');
SELECT pg_temp.persons('24$');

-- the golden record: source priority first, then the newest; empty, masked and placeholder values give way
SELECT pg_temp.store(pg_temp.fact('s30', ARRAY[pg_temp.idv('phone', '13738460030'), pg_temp.idv('email', 'New@qq.com')], '沈静怡', '1991-09-08', store => 7, at => '2026-03-01 00:00Z',
           extra => '{"city": "杭州", "address": "文三路 1 号", "custom": {"size": "L", "pet": "cat"}}')),
       pg_temp.store(pg_temp.fact('p30', ARRAY[pg_temp.idv('phone', '13738460030')], '沈**', '1900-01-01', store => 5, at => '2026-02-01 00:00Z', extra => '{"sex": "f", "custom": {"size": "M"}}'));
SELECT name_masked, phone_masked, email_masked, sex, city, channel, home_store_id, scope_store_ids, registered_on, record_count, custom FROM crm.customer WHERE customer_id = pg_temp.person('p30');
SELECT name, crm._decrypt('phone', phone_sealed) AS phone, crm._decrypt('email', email_sealed) AS email, birthday, birthday_md, crm._decrypt('address', address_sealed) AS address,
       (SELECT jsonb_object_agg(f.key, s.label) FROM jsonb_each_text(provenance) f JOIN pg_temp.seen s ON s.record_id = f.value::bigint) AS provenance
FROM crm.customer_private WHERE customer_id = pg_temp.person('p30');
SELECT pg_temp.store(pg_temp.fact('p31', '{}', '许巍', '1990-08-15', extra => '{"lunar": true, "nickname": "x"}'));
SELECT birthday, is_birthday_lunar, birthday_md FROM crm.customer_private WHERE customer_id = pg_temp.person('p31');

-- the short way of a newcomer writes what the long way would
CREATE TEMP TABLE before AS SELECT c.*, p.name, p.name_search, p.phone_sealed, p.phone_hash, p.email_sealed, p.birthday, p.is_birthday_lunar, p.birthday_md, p.address_sealed, p.provenance
    FROM crm.customer c JOIN crm.customer_private p USING (customer_id) WHERE c.status = 'active';
SELECT count(crm._identity_refresh(ARRAY[customer_id])) > 20 AS refreshed FROM before;
SELECT count(*) AS changed FROM (
    SELECT c.*, p.name, p.name_search, p.phone_sealed, p.phone_hash, p.email_sealed, p.birthday, p.is_birthday_lunar, p.birthday_md, p.address_sealed, p.provenance
    FROM crm.customer c JOIN crm.customer_private p USING (customer_id)) a
JOIN before b USING (customer_id) WHERE to_jsonb(a) - 'row_version' - 'updated_at' <> to_jsonb(b) - 'row_version' - 'updated_at';

-- attach: what an order hangs on
SELECT * FROM pg_temp.ref('member', 'p1');
SELECT * FROM pg_temp.ref('member', 'unknown 1');
SELECT * FROM pg_temp.ref('member', 'unknown 1', pg_temp.idv('phone', '13962814573'));
SELECT * FROM pg_temp.ref('member', 'unknown 2', pg_temp.idv('phone', '13962814573'));
SELECT * FROM pg_temp.ref('receipt', 'R1');
SELECT * FROM pg_temp.ref('receipt', 'R1');
SELECT * FROM pg_temp.ref('receipt', 'R2', pg_temp.idv('phone', '13962814573'));
SELECT * FROM pg_temp.ref('receipt', 'R3', pg_temp.idv('phone', '13962814573'));
SELECT * FROM pg_temp.ref('receipt', 'R4', pg_temp.idv('phone', '021-50808888'));
SELECT * FROM pg_temp.ref('receipt', 'R5', pg_temp.idv('phone', '13738460024'));
-- an identifier arrives later
SELECT * FROM pg_temp.ref('receipt', 'R1', pg_temp.idv('phone', '13962814573'));
-- a stub is described by its member fact and stays the record
SELECT pg_temp.store(pg_temp.fact('unknown 1', ARRAY[pg_temp.idv('phone', '13738460040')], '韩雪'));
SELECT kind, revision, is_history FROM crm.source_record WHERE external_id = 'unknown 1' ORDER BY 1;

-- an erased identifier or record does not come back
INSERT INTO crm.suppression VALUES ('phone', crm._identity_hash(1::smallint, '', '+8613738460050'), crm.core_now()), ('record', crm._access_record_hash(901, 'p51'), crm.core_now());
SELECT pg_temp.store(pg_temp.fact('p50', ARRAY[pg_temp.idv('phone', '13738460050')]), pg_temp.fact('p51', '{}', '杨洋'), pg_temp.fact('p52', '{}', '朱迪'));
SELECT count(*) FROM crm.external_key WHERE source_id = 901 AND external_id IN ('p50', 'p51', 'p52');
SELECT * FROM pg_temp.ref('receipt', 'R6', pg_temp.idv('phone', '13738460050'));

-- by hand
SELECT pg_temp.phone('p60', '13738460060', '秦岭'), pg_temp.phone('m60', '13738460061', '尤勇');
SELECT crm.identity_merge_preview(pg_temp.person('p60'), pg_temp.person('m60')) -> 'is_allowed' AS allowed;
SELECT crm.identity_merge(pg_temp.person('p60'), pg_temp.person('m60'), '');
SELECT pg_temp.person('m60') AS other \gset
SELECT crm.identity_merge(pg_temp.person('p60'), :other, 'same person at the counter', 'k1') ->> 'records' AS records;
SELECT crm.identity_merge(pg_temp.person('p60'), :other, 'same person at the counter', 'k2') ->> 'records' AS records;
SELECT pg_temp.persons('60$');
-- the engine keeps what a hand has joined
SELECT pg_temp.phone('s60', '13738460061');
SELECT pg_temp.persons('60$');
SELECT jsonb_array_length(e -> 'records') AS records, e -> 'by_hand' -> 0 ->> 'reason' AS by_hand, jsonb_array_length(e -> 'ties') AS ties, jsonb_path_query_array(e, '$.journal[*].kind') AS journal
FROM crm.identity_explain(:other) e;
-- what was decided to be two stays two
INSERT INTO crm.cannot_link SELECT least(a.record_id, b.record_id), greatest(a.record_id, b.record_id), 'test', 'twins', crm.core_now()
    FROM pg_temp.seen a, pg_temp.seen b WHERE a.label = 'p31' AND b.label = 'p60';
SELECT crm.identity_merge(pg_temp.person('p31'), pg_temp.person('p60'), 'try');
SELECT pg_temp.store(pg_temp.fact('p31', ARRAY[pg_temp.idv('phone', '13738460060')], '秦岭'));
SELECT pg_temp.persons('(31|60)$');
SELECT crm.identity_merge(pg_temp.person('p31'), 9007199254740000, 'try');

-- looked up exactly, found by name and last four digits
SELECT crm.identity_lookup('phone', '139 6281 4573') - 'customer_id' AS found, crm.identity_lookup('phone', '13999999999') AS nobody;
SELECT crm.identity_lookup('shoe_size', '42');
SELECT j ->> 'name' AS name FROM crm.identity_search('静怡') j;
SELECT j ->> 'name' AS name FROM crm.identity_search('王 4573') j;
SELECT count(*) FROM crm.identity_search('王 0000');
-- as it is read: whole, a beginning, first letters, any part, with the digits; letters only, or nothing fits
SELECT q AS typed, (SELECT string_agg(j ->> 'name', ' ') FROM crm.identity_search(q) j) AS found
FROM unnest(ARRAY['jingyi', 'JingY', 'jy', 'yi 4573', 'wang 4573', 'w''jingyi', 'wxx', 'jing''yi''', '\', ''':*']) q;
SELECT count(*) FROM crm.identity_search('%');
SELECT crm.identity_search('  ');
SELECT count(*) > 0 AS has_records FROM crm.identity_records(pg_temp.person('p1'));
SELECT crm.identity_records(9007199254740000);

-- scope: registered in, ordered in the last 365 days, else the assigned store
SELECT crm._identity_extend_scope(ARRAY[pg_temp.person('p30'), pg_temp.person('p30'), NULL], ARRAY[9, 5, 5]);
SELECT scope_store_ids FROM crm.customer WHERE customer_id = pg_temp.person('p30');
SELECT crm._identity_touch_scope(ARRAY[pg_temp.person('p30'), NULL]);
SELECT scope_store_ids FROM crm.customer WHERE customer_id = pg_temp.person('p30');
SELECT crm._identity_age_scope();

-- nothing to do, nothing asked
SELECT count(*) FROM crm._identity_store_members('{}');
SELECT count(*) FROM crm._identity_store_members(NULL);
SELECT count(*) FROM crm._identity_attach('{}');
SELECT crm._identity_current(NULL), crm._identity_current(-1), crm._identity_cluster(-1);
SELECT * FROM crm.identity_check();

ROLLBACK;
