-- identity, guards: what keeps two clusters apart, and that nothing they stop is lost.
\set VERBOSITY terse
SET client_min_messages = warning;
SELECT count(*) >= 0 AS installed FROM crm.install();
SET timezone = 'UTC';
BEGIN;
SET LOCAL crm.core_clock = '2026-03-31T12:00:00+08:00';
SELECT set_config('crm.access_claims', '{"actor": "regress", "role": "crm_headquarters", "stores": [], "all": true}', true) <> '' AS claims;
SELECT crm.ingest_define_source('g_pos', 'till', 'pos', '{"priority": 10}') > 0 AS pos, crm.ingest_define_source('g_shop', 'shop', 'shop_platform', '{"priority": 20}') > 0 AS shop,
       crm.ingest_define_source('g_card', 'cards', 'pos', '{"is_one_card_per_person": true, "verified_fields": ["phone"]}') > 0 AS cards;
\i sql/shared/member.sql
CREATE FUNCTION pg_temp.open_reviews(pattern text) RETURNS TABLE (reason text, pairs bigint) LANGUAGE sql AS $$
    SELECT v.reason, count(*) FROM crm.review v
    WHERE v.state = 'open' AND EXISTS (SELECT FROM crm.membership m JOIN crm.source_record r USING (source_record_id)
        WHERE m.customer_id IN (v.customer_a, v.customer_b) AND m.valid_to = 'infinity' AND r.external_id LIKE pattern) GROUP BY 1 ORDER BY 1
$$;

-- 1. a person has so many records at most; the rest waits, and a person may decide otherwise
SAVEPOINT guard;
SELECT crm.access_set_setting('identity.person_records', '3') AS was;
SELECT count(DISTINCT pg_temp.member('g_pos', 'size' || n, '{"phone": "13867250001"}')) AS ids_seen FROM generate_series(1, 4) n;
SELECT pg_temp.persons('size%'), (SELECT count(*) FROM crm.identity_check()) AS drift;
SELECT * FROM pg_temp.open_reviews('size%');
SELECT crm.identity_decide(review_id, 'accept', 'one customer with many cards') ->> 'state' AS state FROM crm.review WHERE reason = 'size' AND state = 'open';
SELECT pg_temp.persons('size%'), (SELECT count(*) FROM crm.identity_check()) AS drift;
ROLLBACK TO guard;

-- 2. one weak tie does not join two solid groups; a second one does
SELECT count(pg_temp.member('g_pos', 'left' || n, '{"member_card": "LEFT9"}')) AS three, count(pg_temp.member('g_shop', 'right' || n, '{"member_card": "RIGHT9"}')) AS three
FROM generate_series(1, 3) n;
SELECT pg_temp.member('g_pos', 'left1', '{"member_card": "LEFT9", "phone": "13867250002"}') <> pg_temp.member('g_shop', 'right1', '{"member_card": "RIGHT9", "phone": "13867250002"}') AS two;
SELECT * FROM pg_temp.open_reviews('left%');
SELECT pg_temp.persons('%t_'), (SELECT count(*) FROM crm.identity_check()) AS drift;
SELECT pg_temp.member('g_pos', 'left2', '{"member_card": "LEFT9", "email": "li.si@qq.com"}') IS NOT NULL AS stored, pg_temp.member('g_shop', 'right2', '{"member_card": "RIGHT9", "email": "li.si@qq.com"}') IS NOT NULL AS stored;
SELECT pg_temp.persons('%t_'), (SELECT count(*) FROM crm.identity_check()) AS drift;
SELECT state, decided_by FROM crm.review WHERE reason = 'weak_bridge';
-- a name that agrees is a second tie
SELECT count(pg_temp.member('g_pos', 'near' || n, '{"member_card": "NEAR9", "name": "沈从文"}')) AS three, count(pg_temp.member('g_shop', 'far' || n, '{"member_card": "FAR99", "name": "沈从文"}')) AS three
FROM generate_series(1, 3) n;
SELECT pg_temp.member('g_pos', 'near1', '{"member_card": "NEAR9", "name": "沈从文", "phone": "13867250003"}') = pg_temp.member('g_shop', 'far1', '{"member_card": "FAR99", "name": "沈从文", "phone": "13867250003"}') AS one;
ROLLBACK TO guard;

-- 3. two cards are two persons where the source says so, and nowhere else
SELECT pg_temp.member('g_card', 'card1', '{"member_card": "C1", "phone": "13867250004"}') <> pg_temp.member('g_card', 'card2', '{"member_card": "C2", "phone": "13867250004"}') AS two;
SELECT pg_temp.member('g_pos', 'free1', '{"member_card": "F1", "phone": "13867250005"}') = pg_temp.member('g_pos', 'free2', '{"member_card": "F2", "phone": "13867250005"}') AS one;
SELECT pg_temp.member('g_card', 'mixed1', '{"member_card": "M1", "phone": "13867250006"}') = pg_temp.member('g_pos', 'mixed2', '{"member_card": "M2", "phone": "13867250006"}') AS one;
SELECT * FROM pg_temp.open_reviews('card%');
SELECT count(*) AS drift FROM crm.identity_check();
ROLLBACK TO guard;

-- 4. sex and birthday that both differ outweigh a card that went round, not an id number
SELECT pg_temp.member('g_pos', 'sex1', '{"member_card": "S1", "sex": "f", "birthday": "1962-03-04"}') <> pg_temp.member('g_shop', 'sex2', '{"member_card": "S1", "sex": "m", "birthday": "1991-11-20"}') AS two;
SELECT pg_temp.member('g_pos', 'sex3', '{"national_id": "11010519491231002X", "sex": "f", "birthday": "1962-03-04"}') = pg_temp.member('g_shop', 'sex4', '{"national_id": "11010519491231002X", "sex": "m", "birthday": "1991-11-20"}') AS one;
SELECT pg_temp.member('g_pos', 'sex5', '{"member_card": "S5", "sex": "f", "birthday": "1962-03-04"}') = pg_temp.member('g_shop', 'sex6', '{"member_card": "S5", "birthday": "1991-11-20"}') AS one;
SELECT * FROM pg_temp.open_reviews('sex%');
-- a surname with a title or a mask, of another sex and with no birthday to ask, may be anybody's of a family; of the same sex, or of none that is told, it is the phone's person
SELECT pg_temp.member('g_pos', 'kin1', '{"phone": "13867250007", "name": "王静慧", "sex": "f"}') <> pg_temp.member('g_shop', 'kin2', '{"phone": "13867250007", "name": "王老师", "sex": "m"}') AS two,
       pg_temp.member('g_pos', 'kin3', '{"phone": "13867250008", "name": "王静慧", "sex": "f"}') <> pg_temp.member('g_shop', 'kin4', '{"phone": "13867250008", "name": "王**", "sex": "m"}') AS two;
SELECT pg_temp.member('g_pos', 'own1', '{"phone": "13867250009", "name": "王静慧", "sex": "f"}') = pg_temp.member('g_shop', 'own2', '{"phone": "13867250009", "name": "王老师", "sex": "f"}') AS one,
       pg_temp.member('g_pos', 'own3', '{"phone": "13867250010", "name": "王静慧", "sex": "f"}') = pg_temp.member('g_shop', 'own4', '{"phone": "13867250010", "name": "王**"}') AS one,
       pg_temp.member('g_pos', 'own5', '{"phone": "13867250011", "name": "王静慧", "sex": "f", "birthday": "1990-05-06"}') = pg_temp.member('g_shop', 'own6', '{"phone": "13867250011", "name": "王**", "sex": "m", "birthday": "1990-05-06"}') AS one;
SELECT * FROM pg_temp.open_reviews('kin%');
SELECT count(*) AS drift FROM crm.identity_check();
ROLLBACK TO guard;

-- 5. of many merges into one within an hour the later ones wait; the next hour is free again
SELECT crm.access_set_setting('identity.merges_per_hour', '2') AS was;
SELECT count(DISTINCT pg_temp.member('g_pos', 'hour' || n, jsonb_build_object('phone', '1386725010' || n))) AS persons FROM generate_series(1, 5) n;
SELECT count(pg_temp.member('g_shop', 'tie' || n, jsonb_build_object('phone', '1386725010' || n, 'member_card', 'TIE'))) AS stored FROM generate_series(1, 4) n;
SELECT pg_temp.persons('hour%') AS persons, pg_temp.persons('tie%') AS ties, (SELECT count(*) FROM crm.identity_check()) AS drift;
SELECT * FROM pg_temp.open_reviews('hour%');
SELECT crm.identity_decide(review_id, 'accept', 'the same family card, checked') ->> 'state' AS state FROM crm.review WHERE reason = 'merges_per_hour' AND state = 'open';
SELECT pg_temp.persons('hour%') AS persons, pg_temp.persons('tie%') AS ties, (SELECT count(*) FROM crm.identity_check()) AS drift;
SET LOCAL crm.core_clock = '2026-03-31T13:30:00+08:00';
SELECT pg_temp.member('g_shop', 'tie5', '{"phone": "13867250105", "member_card": "TIE"}') IS NOT NULL AS stored;
SELECT pg_temp.persons('hour%') AS persons, (SELECT count(*) FROM pg_temp.open_reviews('hour%')) AS open;
ROLLBACK TO guard;

-- 6. a phone whose holders contradict each other is a family's: accounts join only whom they agree with, a bare reference the last
SELECT pg_temp.member('g_pos', 'house1', '{"member_card": "H1", "name": "周建国", "phone": "13867250201"}') <> pg_temp.member('g_pos', 'house2', '{"member_card": "H2", "name": "吴秀英", "phone": "13867250201"}') AS two;
SELECT pg_temp.member('g_shop', 'house3', '{"unionid": "u-house3", "phone": "13867250201"}') IS NOT NULL AS stored, pg_temp.member('g_shop', 'house4', '{"phone": "13867250201"}') IS NOT NULL AS stored,
       pg_temp.member('g_shop', 'house5', '{"platform_id": "p-house5", "name": "吴**", "phone": "13867250201"}') IS NOT NULL AS stored, pg_temp.member('g_shop', 'house6', '{"platform_id": "p-house6", "name": "吴秀瑛", "phone": "13867250201"}') IS NOT NULL AS stored;
SELECT pg_temp.persons('house%'), (SELECT count(*) FROM crm.identity_check()) AS drift;
SELECT * FROM pg_temp.open_reviews('house%');
-- brothers, and a mask with another surname
SELECT pg_temp.member('g_pos', 'kin1', '{"name": "林家文", "phone": "13867250202"}') <> pg_temp.member('g_pos', 'kin2', '{"name": "林家明", "phone": "13867250202"}') AS two,
       pg_temp.member('g_pos', 'kin3', '{"name": "林家文", "phone": "13867250203"}') <> pg_temp.member('g_pos', 'kin4', '{"name": "黄**", "phone": "13867250203"}') AS two,
       pg_temp.member('g_pos', 'kin5', '{"name": "林家文", "phone": "13867250204"}') = pg_temp.member('g_pos', 'kin6', '{"name": "林家雯", "phone": "13867250204"}') AS one;
ROLLBACK TO guard;

-- two accounts of two WeChat users on one phone are two persons: neither is the member's by the phone alone; one that tells his name is
SELECT pg_temp.member('g_pos', 'pair1', '{"member_card": "P1", "name": "周建国", "phone": "13867250211"}') = pg_temp.member('g_shop', 'pair2', '{"unionid": "u-pair2", "phone": "13867250211"}') AS one;
SELECT pg_temp.member('g_shop', 'pair3', '{"unionid": "u-pair3", "phone": "13867250211"}') IS NOT NULL AS stored, pg_temp.member('g_shop', 'pair4', '{"phone": "13867250211"}') IS NOT NULL AS stored;
SELECT pg_temp.persons('pair%'), (SELECT count(*) FROM crm.identity_check()) AS drift;
SELECT * FROM pg_temp.open_reviews('pair%');
SELECT pg_temp.member('g_shop', 'pair3', '{"unionid": "u-pair3", "name": "周建国", "phone": "13867250211"}') IS NOT NULL AS stored;
SELECT pg_temp.persons('pair%'), (SELECT count(*) FROM crm.identity_check()) AS drift;
-- what is known of an account by its other records counts: its person has another name than the member
SELECT pg_temp.member('g_pos', 'known1', '{"member_card": "K1", "name": "周建国", "phone": "13867250212"}') IS NOT NULL AS stored, pg_temp.member('g_shop', 'known2', '{"unionid": "u-known", "phone": "13867250212"}') IS NOT NULL AS stored,
       pg_temp.member('g_shop', 'known3', '{"unionid": "u-known", "name": "吴秀英"}') IS NOT NULL AS stored, pg_temp.member('g_shop', 'known4', '{"openid": "o-known", "openid_app": "a", "phone": "13867250212"}') IS NOT NULL AS stored;
SELECT pg_temp.persons('known%'), (SELECT count(*) FROM crm.identity_check()) AS drift;
ROLLBACK TO guard;

-- a silent account joins a phone told lately; told long before, it waits, until the member's record tells it again
SELECT pg_temp.member('g_pos', 'late1', '{"member_card": "L1", "name": "周建国", "phone": "13867250221", "registered_at": "2023-02-01T10:00:00+08:00"}') = pg_temp.member('g_shop', 'late2', '{"unionid": "u-late2", "phone": "13867250221"}') AS one,
       pg_temp.member('g_pos', 'late3', '{"member_card": "L3", "name": "周建国", "phone": "13867250222", "registered_at": "2024-12-15T10:00:00+08:00"}') = pg_temp.member('g_shop', 'late4', '{"unionid": "u-late4", "phone": "13867250222"}') AS one,
       pg_temp.member('g_shop', 'late5', '{"phone": "13867250221"}') IS NOT NULL AS bare;
SELECT pg_temp.persons('late%'), (SELECT count(*) FROM crm.identity_check()) AS drift;
SELECT * FROM pg_temp.open_reviews('late%');
-- a source that sends the record again unchanged tells the phone again, once in a while; an old file does not
SAVEPOINT again;
SELECT (SELECT customer_id FROM crm._identity_store_members(ARRAY[ROW(1, r.source_id, r.external_id, 'member', NULL, '', r.registered_at, r.registered_on, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
            NULL, NULL, true, p.content_hash, crm.core_now(), NULL, NULL)::crm.member_fact])) IS NOT NULL AS stored, count(*) AS records, max(ri.last_seen_at) AS told
FROM crm.source_record r JOIN crm.source_record_private p USING (source_record_id, revision) JOIN crm.record_identifier ri USING (source_record_id) WHERE r.external_id = 'late1' GROUP BY r.source_record_id, p.content_hash;
SELECT max(ri.last_seen_at) AS told FROM crm.source_record r JOIN crm.record_identifier ri USING (source_record_id) WHERE r.external_id = 'late1';
SELECT pg_temp.member('g_pos', 'late1', '{"member_card": "L1", "name": "周建国", "phone": "13867250221", "registered_at": "2023-02-01T10:00:00+08:00"}') IS NOT NULL AS stored;
SELECT pg_temp.persons('late%'), (SELECT count(*) FROM crm.identity_check()) AS drift, (SELECT max(ri.last_seen_at) FROM crm.source_record r JOIN crm.record_identifier ri USING (source_record_id) WHERE r.external_id = 'late1') AS told;
ROLLBACK TO again;
SELECT pg_temp.member('g_pos', 'late1', '{"member_card": "L1", "name": "周建国", "phone": "13867250221", "registered_at": "2023-02-01T10:00:00+08:00", "note": "asked again", "updated_at": "2025-12-01T10:00:00+08:00"}') IS NOT NULL AS stored;
SELECT pg_temp.persons('late%'), (SELECT count(*) FROM crm.identity_check()) AS drift, (SELECT count(*) FROM pg_temp.open_reviews('late%')) AS open;
ROLLBACK TO guard;

-- 7. name and home tie two records; a part of it, another room, another town, sex or birthday do not
SELECT pg_temp.member('g_pos', 'home1', '{"name": "戚思怡", "address": "江苏省镇江市京口区幸福路483号5幢1单元1903室", "sex": "f"}') = pg_temp.member('g_shop', 'home2', '{"name": "戚思怡", "address": "京口区幸福路483号五幢一单元1903", "phone": "13867250301"}') AS one;
SELECT pg_temp.member('g_shop', 'home3', '{"name": "戚思怡", "address": "江苏省镇江市京口区幸福路483号5幢1单元1904室"}') = pg_temp.member('g_shop', 'home4', '{"name": "戚思怡", "address": "江苏省镇江市京口区幸福路483号5幢"}') AS one,
       pg_temp.member('g_shop', 'home5', '{"name": "戚**", "address": "江苏省镇江市京口区幸福路483号5-1-1903"}') = pg_temp.member('g_shop', 'home6', '{"name": "王军", "address": "江苏省镇江市京口区幸福路483号5-1-1903"}') AS one;
SELECT pg_temp.member('g_shop', 'home7', '{"name": "戚思怡", "address": "江苏省苏州市姑苏区幸福路483号5-1-1903"}') IS NOT NULL AS stored, pg_temp.member('g_shop', 'home8', '{"name": "戚思怡", "address": "幸福路483号5-1-1903", "sex": "m"}') IS NOT NULL AS stored;
SELECT pg_temp.persons('home%'), (SELECT count(*) FROM crm.identity_check()) AS drift;
SELECT * FROM pg_temp.open_reviews('home%');
SELECT i.customer_id IS NULL AS answers_to_nobody, count(*) AS records FROM crm.record_identifier ri JOIN crm.identifier i USING (kind, value_hash) WHERE ri.kind = 12 GROUP BY i.value_hash, 1 ORDER BY 2 DESC;
-- a merge by name and home, undone by hand, stays undone
SELECT pg_temp.member('g_shop', 'home9', '{"name": "戚思怡", "phone": "13867250309"}') <> pg_temp.member('g_shop', 'home2', '{"name": "戚思怡", "address": "京口区幸福路483号五幢一单元1903", "phone": "13867250301"}') AS two;
SELECT pg_temp.member('g_shop', 'home9', '{"name": "戚思怡", "address": "京口区幸福路483号5-1-1903", "phone": "13867250309"}') IS NOT NULL AS stored, pg_temp.persons('home_') AS persons;
SELECT evidence FROM crm.merge_journal WHERE kind = 'merge';
SELECT crm.identity_unmerge(max(journal_id), 'two of that name') IS NOT NULL AS undone FROM crm.merge_journal WHERE kind = 'merge';
SELECT pg_temp.persons('home%'), (SELECT count(*) FROM crm.identity_check()) AS drift;
ROLLBACK TO guard;

-- 8. two id numbers are two persons, and so are two records of a source that promises one a person, whatever else they share; all of it is asked about and explained
SELECT pg_temp.member('g_pos', 'nid1', '{"phone": "13867250501", "name": "秦可卿", "national_id": "110105199003070025"}') <> pg_temp.member('g_shop', 'nid2', '{"phone": "13867250501", "name": "秦可卿", "national_id": "110105199003070041"}') AS two;
SELECT pg_temp.member('g_pos', 'nid3', '{"name": "秦可卿", "address": "京口区幸福路483号5-1-1903", "national_id": "110105199003070025"}') <> pg_temp.member('g_shop', 'nid4', '{"name": "秦可卿", "address": "京口区幸福路483号5-1-1903", "national_id": "110105199003070041"}') AS two_of_one_home;
SELECT pg_temp.persons('nid%'), (SELECT count(*) FROM crm.identity_check()) AS drift;
SELECT * FROM pg_temp.open_reviews('nid%');
SELECT pg_temp.member('g_pos', 'born1', '{"name": "戚思怡", "address": "京口区幸福路483号5-1-1905", "birthday": "1962-03-04"}') <> pg_temp.member('g_shop', 'born2', '{"name": "戚思怡", "address": "京口区幸福路483号5-1-1905", "birthday": "1991-11-20"}') AS two;
SELECT crm.ingest_define_source('g_once', 'register', 'pos', '{"is_one_record_per_person": true}') > 0 AS once;
SELECT pg_temp.member('g_once', 'once1', '{"phone": "13867250502", "name": "秦可卿"}') <> pg_temp.member('g_once', 'once2', '{"phone": "13867250502", "name": "秦可卿"}') AS two;
SELECT * FROM pg_temp.open_reviews('once%');
SELECT pair, e ->> 'verdict' AS verdict, (SELECT string_agg(DISTINCT concat_ws(' ', g ->> 'guard', g ->> 'kind'), ', ') FROM jsonb_array_elements(e -> 'guards') g) AS why_not
FROM (VALUES ('nid1', 'nid2'), ('born1', 'born2'), ('once1', 'once2')) p(pair, other), LATERAL (SELECT crm.identity_explain_pair(
    (SELECT m.customer_id FROM crm.source_record r JOIN crm.membership m USING (source_record_id) WHERE r.external_id = pair AND m.valid_to = 'infinity'),
    (SELECT m.customer_id FROM crm.source_record r JOIN crm.membership m USING (source_record_id) WHERE r.external_id = other AND m.valid_to = 'infinity')) AS e) x;
ROLLBACK TO guard;

-- 9. a store's tablet: what its number had made one comes apart; the number says of two who share it that they do, and ties nobody
SELECT count(DISTINCT pg_temp.member('g_pos', 'tablet' || n, '{"phone": "13867250503"}')) AS persons FROM generate_series(1, 12) n;
SELECT pg_temp.member('g_pos', 'tablet13', '{"phone": "13867250503"}') IS NOT NULL AS stored;
SELECT count(DISTINCT m.customer_id) AS persons FROM crm.source_record r JOIN crm.membership m USING (source_record_id) WHERE r.external_id LIKE 'tablet%' AND m.valid_to = 'infinity';
SELECT jsonb_path_query_array(crm.identity_explain_pair(min(m.customer_id), max(m.customer_id)), '$.shared[*].ties') AS ties, (SELECT count(*) FROM crm.identity_check()) AS drift
FROM crm.source_record r JOIN crm.membership m USING (source_record_id) WHERE r.external_id LIKE 'tablet%' AND m.valid_to = 'infinity';
ROLLBACK TO guard;

-- every kind of identifier makes two records one person, and answers to a look-up
SELECT k.kind, pg_temp.member('g_shop', k.kind || '1', k.told) = pg_temp.member('g_shop', k.kind || '2', k.told) AS one,
       crm.identity_lookup(k.kind, k.told ->> k.field, k.namespace) ->> 'customer_id' = pg_temp.member('g_shop', k.kind || '2', k.told)::text AS found
FROM (VALUES ('phone', 'phone', '', '{"phone": "13867250401"}'::jsonb), ('email', 'email', '', '{"email": "wangkinds@163.com"}'), ('openid', 'openid', 'shop', '{"openid": "o-kind", "openid_app": "shop"}'),
             ('unionid', 'unionid', '', '{"unionid": "u-kind"}'), ('wecom', 'wecom_id', '', '{"wecom_id": "wm-kind"}'), ('dingtalk', 'dingtalk_id', '', '{"dingtalk_id": "ding-kind"}'),
             ('member_card', 'member_card', '', '{"member_card": "KIND-7"}'), ('platform_id', 'platform_id', 'g_shop', '{"platform_id": "pf-kind"}')) k(kind, field, namespace, told) ORDER BY 1;

-- what sources promise is checked
SELECT crm.ingest_define_source('g_card', 'cards', 'pos', '{"verified_fields": ["shoe_size"]}');
ROLLBACK;
