-- segment: living segments kept by increments equal everybody asked anew, whatever comes in whatever order; tags, lists, algebra, history.
\set VERBOSITY terse
SET client_min_messages = warning;
SET datestyle = 'ISO';
SET timezone = 'UTC';
SELECT set_config('crm.access_claims', '{"actor": "regress", "role": "crm_headquarters", "stores": [], "all": true}', false) <> '' AS claims;
CREATE FUNCTION pg_temp.try(call text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    answer text; field text; remedy text;
BEGIN
    EXECUTE 'SELECT ' || call INTO answer;
    RETURN answer;
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS field = COLUMN_NAME, remedy = PG_EXCEPTION_HINT;
    RETURN concat_ws(' | ', SQLSTATE, field, SQLERRM, regexp_replace(remedy, '^There are .*', 'There are ...'));
END $$;
BEGIN;
SET LOCAL crm.core_clock = '2026-06-30T12:00:00+08:00';
-- other tests' persons stay out of the way
UPDATE crm.customer SET status = 'erased' WHERE status = 'active';
DELETE FROM crm.segment_mark;
-- so do the tags that ship, which the worker may have filled
UPDATE crm.segment SET is_active = false;
INSERT INTO crm.source (source_id, code, name, kind, created_at) VALUES (9601, 'segment_till', 'till', 'pos', '2026-01-01');
INSERT INTO crm.source_record (source_record_id, source_id, kind, external_id, is_history, received_at)
SELECT 960100 + g, 9601, 'member', 'm' || g, false, '2026-01-01' FROM generate_series(1, 99) g;
INSERT INTO crm.customer (customer_id, status, registered_at, registered_on, updated_at, sex, city)
SELECT 960200 + g, 'active', '2026-01-01', '2026-01-01', '2026-01-01', CASE WHEN g % 2 = 0 THEN 'f' ELSE 'm' END, CASE WHEN g % 3 = 0 THEN '上海' ELSE '' END
FROM generate_series(1, 80) g;
-- persons 1 to 19 have two records
INSERT INTO crm.membership (source_record_id, valid_from, customer_id)
SELECT 960100 + g, '2026-01-01', 960200 + CASE WHEN g > 80 THEN g - 80 ELSE g END FROM generate_series(1, 99) g;
CREATE FUNCTION pg_temp.make_order(no text, record int, day date, amount numeric, status text DEFAULT 'paid', product text DEFAULT NULL) RETURNS crm.order_fact
LANGUAGE sql AS $$
    SELECT ROW(1, 9601, no, 960100 + record, (SELECT m.customer_id FROM crm.membership m WHERE m.source_record_id = 960100 + record AND m.valid_to = 'infinity'),
               NULL, 'store', 'sale', status, day + time '02:00', day + time '02:05', day, amount, 0, NULL,
               CASE WHEN product IS NOT NULL THEN ARRAY[ROW('1', product, product, 'segment_' || left(product, 4), 1, amount, amount)::crm.order_line_fact] ELSE '{}' END,
               NULL, false, sha256(convert_to(concat_ws('|', no, record, day, amount, status, product), 'UTF8')), day + time '03:00', 1, 1)::crm.order_fact $$;
CREATE FUNCTION pg_temp.store(fact crm.order_fact) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM crm._consequence_facts(ARRAY(SELECT DISTINCT o.customer_id FROM crm._purchase_store_orders(ARRAY[fact]) o WHERE o.customer_id IS NOT NULL), 'order', true);
END $$;

-- 1. defined, refused, kept
SELECT crm.segment_define('loyal', '常客', '{"kind": "purchase", "measure": "count", "days": 30, "op": ">=", "value": 2}') - 'segment_id' AS made;
SELECT crm.segment_define('quiet', '沉默', '{"kind": "purchase", "measure": "last", "op": ">", "value": 45}') - 'segment_id' AS made;
SELECT crm.segment_define('women', '女客', '{"kind": "person", "field": "sex", "value": "f"}', 'static') - 'segment_id' AS made;
SELECT crm.segment_define('both', '常客女', '{"all": [{"kind": "segment", "where": {"segment": "loyal"}}, {"kind": "segment", "where": {"segment": "women"}}]}') - 'segment_id' AS made;
SELECT crm.segment_define_tag('甜', '喜甜食', 'behaviour', '{"kind": "item", "where": {"product": {"op": "present"}}, "days": 60}') AS automatic;
SELECT crm.segment_define_tag('孕', '孕妇关怀', 'base') AS manual;
SELECT crm.segment_define_tag('流失', '流失风险', 'prediction', kind => 'predicted') AS predicted;
SELECT pg_temp.try(c) AS fault FROM (VALUES
    (1, $$crm.segment_define('a b', 'x', '{}')$$), (2, $$crm.segment_define('ab', ' ', '{}')$$), (3, $$crm.segment_define('ab', 'x', '{}', 'dead')$$),
    (4, $$crm.segment_define('ab', 'x', NULL)$$), (5, $$crm.segment_define('ab', 'x', '{"kind": "segment", "where": {"segment": "nobody"}}')$$),
    (6, $$crm.segment_define('loyal', 'x', '{"kind": "segment", "where": {"segment": "both"}}')$$), (7, $$crm.segment_define('women', 'x', '{}')$$),
    (8, $$crm.segment_drop('loyal')$$), (9, $$crm.segment_drop('nobody')$$), (10, $$crm.segment_define_tag('孕', 'x', 'top')$$),
    (11, $$crm.segment_define_tag('孕', 'x', 'base', '{}')$$), (12, $$crm.segment_tag_person(960201, '甜')$$), (13, $$crm.segment_tag_person(960201, '无')$$),
    (14, $$crm.segment_tag_person(960201, '孕', '2026-01-01')$$), (15, $$crm.segment_tag_person(1, '孕')$$), (16, $$crm.segment_combine('{"all": []}')$$),
    (17, $$crm.segment_combine('[1]')$$), (18, $$crm.segment_overlap('{}')$$), (19, $$crm.segment_combine('"nobody"')$$), (20, $$crm.segment_define('tag:x', 'x', '{}')$$),
    (21, $$crm.segment_tag_person(960201, '孕', NULL, repeat('x', 501))$$), (22, $$(SELECT count(*) FROM crm.segment_sample('women', 1, repeat('x', 201)))$$)) v (n, c) ORDER BY n;
SELECT pg_temp.store(pg_temp.make_order('a' || g, g, date '2026-06-30' - g, 100)), pg_temp.store(pg_temp.make_order('b' || g, g, date '2026-06-30' - 2 * g, 50, product => 'cake1'))
FROM generate_series(1, 40) g \g /dev/null
SELECT crm._segment_refresh() AS left_over;
SELECT j ->> 'segment' AS segment, j ->> 'persons' AS persons, j ->> 'as_of' AS as_of, j ->> 'error' AS error FROM crm.segment_list() j;
SELECT count(*) AS logged FROM crm.segment_change c WHERE c.customer_id BETWEEN 960201 AND 960280;
SELECT * FROM crm.segment_check();

-- 2. algebra and overlap from bitmaps agree with the stays
SELECT crm.segment_combine('{"all": ["loyal", "loyal"]}') = (SELECT count(*) FROM crm._segment_members('loyal')) AS named_twice,
       crm.segment_combine('{"but": ["loyal", {"any": ["women", "loyal"]}]}') AS nobody;
SELECT crm.segment_combine('{"all": ["loyal", "women"]}') AS both, (SELECT count(*) FROM crm._segment_members('loyal') l JOIN crm._segment_members('women') w ON w = l) AS counted,
       crm.segment_combine('{"any": ["loyal", "women"]}') AS either, crm.segment_combine('{"but": [{"any": ["loyal", "women"]}, "quiet"]}') AS without,
       (SELECT count(*) FROM (SELECT crm._segment_members('loyal') UNION SELECT crm._segment_members('women') EXCEPT SELECT crm._segment_members('quiet')) x) AS counted_too;
-- the members in pages are the members
WITH first AS (SELECT (j ->> 'customer_id')::bigint AS id, (j ->> 'cursor')::bigint AS cursor FROM crm.segment_members('women', NULL, NULL, 3) j),
     rest AS (SELECT (j ->> 'customer_id')::bigint AS id FROM crm.segment_members('women', NULL, (SELECT max(cursor) FROM first), 1000) j)
SELECT (SELECT count(*) FROM first) AS in_the_first, (SELECT array_agg(id ORDER BY id) FROM (SELECT id FROM first UNION ALL SELECT id FROM rest) x)
     = (SELECT array_agg(m ORDER BY m) FROM crm._segment_members('women') m) AS all_of_them;
SELECT crm.segment_overlap('{loyal,women,quiet}') AS overlap;
SELECT crm.segment_share('loyal', '{"kind": "item", "where": {"category": "segment_cake"}}') AS share;
SELECT (SELECT array_agg(s) FROM crm.segment_sample('women', 5, 'x') s) = (SELECT (array_agg(s))[1:5] FROM crm.segment_sample('women', 9, 'x') s) AS nested,
       (SELECT array_agg(s) FROM crm.segment_sample('women', 5, 'x') s) = (SELECT array_agg(s) FROM crm.segment_sample('women', 5, 'y') s) AS other_seed;

-- 3. tags: automatic ones go, manual ones stay until they expire
SELECT crm.segment_tag_person(960202, '孕', '2026-07-10T00:00:00+08:00', 'told at the counter') - 'customer_id' AS given;
SELECT crm.segment_tag_person(960203, '孕') - 'customer_id' AS given, crm.segment_untag_person(960203, '孕') ->> 'was_given' AS taken, crm.segment_untag_person(960203, '孕') ->> 'was_given' AS again;
SELECT crm.segment_predict_tag('流失', '{960201,960202,960202}', '{0.9,0.2,0.4}', 'mbg-1') AS predicted, pg_temp.try($$crm.segment_predict_tag('流失', '{1}', '{}', 'x')$$) AS fault;
SELECT j ->> 'tag' AS tag, j ->> 'kind' AS kind, j ->> 'layer' AS layer, j ->> 'until' AS until, j ->> 'author' AS author, j ->> 'score' AS score FROM crm.segment_person_tags(960202) j;
-- any tag: who has one now, of whatever kind, under whatever id; expired, taken back or out of the dictionary is none
SELECT count(*) FILTER (WHERE crm._segment_has_tag(c.customer_id)) AS tagged, count(*) FILTER (WHERE crm._segment_has_tag(c.customer_id) <> EXISTS (SELECT FROM crm.segment_person_tags(c.customer_id))) AS differ
FROM crm.customer c WHERE c.customer_id BETWEEN 960201 AND 960280 AND c.status = 'active';
SELECT crm.segment_define('carers', '关怀', '{"kind": "tag", "where": {"tag": "孕"}}') ->> 'version' AS version;
SELECT crm._segment_refresh() AS left_over;
SELECT crm.segment_count('carers') AS carers;
SET LOCAL crm.core_clock = '2026-07-10T00:00:00+08:00';
SELECT crm._segment_refresh() AS left_over;
SELECT crm.segment_count('carers') AS carers;
SET LOCAL crm.core_clock = '2026-09-15T12:00:00+08:00';
SELECT crm._segment_refresh();
SELECT j ->> 'tag' AS tag FROM crm.segment_person_tags(960202) j;
SELECT count(*) FILTER (WHERE crm._segment_has_tag(c.customer_id)) AS tagged, count(*) FILTER (WHERE crm._segment_has_tag(c.customer_id) <> EXISTS (SELECT FROM crm.segment_person_tags(c.customer_id))) AS differ
FROM crm.customer c WHERE c.customer_id BETWEEN 960201 AND 960280 AND c.status = 'active';
SELECT crm.segment_tag_person(960203, '孕', '2026-09-20') IS NOT NULL AS given;
SELECT crm._segment_has_tag(960203) AS by_hand;
SELECT crm.segment_untag_person(960203, '孕') IS NOT NULL AS taken;
SELECT crm._segment_has_tag(960203) AS taken_back, crm._segment_has_tag(1) AS nobody;
SAVEPOINT any_tag;
UPDATE crm.customer SET status = 'merged', merged_into = 960203 WHERE customer_id = 960202;
SELECT crm._segment_has_tag(960203) AS predicted_of_the_merged;
UPDATE crm.tag SET is_active = false;
SELECT crm._segment_has_tag(960203) AS out_of_the_dictionary;
ROLLBACK TO any_tag;
-- who was in when is known; who leaves and enters is logged
SELECT crm.segment_count('loyal') AS now, crm.segment_count('loyal', '2026-06-30T12:00:00+08:00') AS then, crm.segment_count('loyal', '2026-01-01') AS before;
SELECT j ->> 'segment' AS segment, j ->> 'entered_at' AS entered_at, j ->> 'left_at' AS left_at FROM crm.segment_history(960202) j ORDER BY 1, 2;
SELECT s.code, c.kind, count(*) FROM crm.segment_change c JOIN crm.segment s ON s.segment_id = c.segment_id WHERE c.customer_id BETWEEN 960201 AND 960280 GROUP BY 1, 2 ORDER BY 1, 2;

-- 4. lists follow merges; editing a rule logs nothing; a rule that cannot be answered says so and stops nobody
SELECT crm.segment_define_list('vip', '贵宾', '{960201,960205,960205,1}') - 'segment_id' AS list;
UPDATE crm.membership SET valid_to = '2026-09-15' WHERE source_record_id = 960105;
INSERT INTO crm.membership (source_record_id, valid_from, customer_id) VALUES (960105, '2026-09-15', 960206);
UPDATE crm.customer SET status = 'merged', merged_into = 960206 WHERE customer_id = 960205;
SELECT crm._consequence_membership(960206, 960205, '{960105}', 'merge');
SELECT array_agg(m) AS vip FROM crm._segment_members('vip') m;
SELECT crm.rule_matches('{"kind": "segment", "where": {"segment": "vip"}}', 960205) AS under_the_old_id;
-- a living segment of who is in a list, and of who is not, follows the list: who is put in it and who is left out
SAVEPOINT list;
SELECT crm.segment_define('vips', '贵宾', '{"kind": "segment", "where": {"segment": "vip"}}') ->> 'version' AS version, crm.segment_define('plain', '非贵宾', '{"not": {"kind": "segment", "where": {"segment": "vip"}}}') ->> 'version' AS version;
SELECT crm._segment_refresh() AS left_over;
SELECT crm.segment_count('vips') AS vips, crm.segment_count('plain') AS plain;
SELECT set_config('crm.core_clock', (crm.core_now() + interval '1 min')::text, true) <> '' AS later;
SELECT crm.segment_define_list('vip', '贵宾', '{960206,960207,960208}') ->> 'persons' AS list;
SELECT crm._segment_is_still(crm.core_now()) AS still, crm._segment_refresh() AS left_over;
SELECT array_agg(m) AS vips, crm.segment_count('plain') AS plain FROM crm._segment_members('vips') m;
SELECT * FROM crm.segment_check();
-- a tag that expires moves who is asked about it, whatever else is asked of it
SELECT crm.segment_define('cared', '关怀', '{"kind": "tag", "where": {"layer": "base"}}') ->> 'version' AS version, crm.segment_tag_person(960210, '孕', crm.core_now() + interval '1 min') IS NOT NULL AS given;
SELECT crm._segment_refresh() AS left_over;
SELECT crm.segment_count('cared') AS cared;
SELECT set_config('crm.core_clock', (crm.core_now() + interval '1 min')::text, true) <> '' AS later;
SELECT crm._segment_refresh() AS left_over;
SELECT crm.segment_count('cared') AS cared;
SELECT * FROM crm.segment_check();
ROLLBACK TO list;
SELECT crm.segment_define('loyal', '常客', '{"kind": "purchase", "measure": "count", "op": ">=", "value": 1}') ->> 'version' AS version;
SELECT crm._segment_refresh() AS left_over;
SELECT crm.segment_count('loyal') AS loyal;
SELECT c.kind, count(*) AS logged FROM crm.segment_change c JOIN crm.segment s ON s.segment_id = c.segment_id WHERE s.code = 'loyal' GROUP BY 1;
SAVEPOINT broken;
ALTER TABLE crm.customer_value RENAME TO customer_value_away;
SELECT crm._segment_put('broken', 'x', 'x', 'living', '{"kind": "value", "field": "tier", "value": "S"}') > 0 AS made;
SELECT crm._segment_refresh();
SELECT s.code, s.error, s.watermark FROM crm.segment s WHERE s.error IS NOT NULL;
ROLLBACK TO broken;
SELECT * FROM crm.segment_check();
-- while nobody is marked and time moves nobody, nothing is written, for five minutes at most
SAVEPOINT still;
SELECT crm._segment_refresh() AS left_over;
SELECT set_config('crm.core_clock', (crm.core_now() + interval '15 s')::text, true) <> '' AS later;
SELECT crm._segment_is_still(crm.core_now()) AS still, crm._segment_refresh() AS left_over;
SELECT count(*) AS written FROM crm.segment WHERE watermark = crm.core_now();
SELECT crm._segment_mark(ARRAY[960203], 'tag');
SELECT crm._segment_is_still(crm.core_now()) AS marked, crm._segment_refresh() AS left_over;
SELECT count(*) > 0 AS written FROM crm.segment WHERE watermark = crm.core_now();
SELECT set_config('crm.core_clock', (crm.core_now() + interval '5 min')::text, true) <> '' AS later;
SELECT crm._segment_is_still(crm.core_now()) AS after_a_while, crm._segment_refresh() AS left_over;
SELECT count(*) > 0 AS written FROM crm.segment WHERE watermark = crm.core_now();
ROLLBACK TO still;

SELECT pg_temp.store(pg_temp.make_order('milk', 70, '2026-09-01', 10, product => 'milk1'));

-- 5. random orders, revisions, refunds, events, consents, tags, merges, unmerges and time: increments equal everybody asked anew
SELECT crm.segment_define(c, c, r::jsonb) ->> 'segment' AS living FROM (VALUES
    ('p1', '{"kind": "purchase", "measure": "count", "days": 30, "op": ">=", "value": 2}'), ('p2', '{"kind": "purchase", "measure": "sum", "days": 60, "op": "<", "value": 300}'),
    ('p3', '{"kind": "purchase", "measure": "never", "days": [10, 40]}'), ('p4', '{"kind": "purchase", "measure": "last", "op": "between", "value": [20, 50]}'),
    ('p5', '{"kind": "purchase", "measure": "gap_ratio", "at_least": 3, "op": ">=", "value": 1.5}'), ('p6', '{"kind": "order", "measure": "average", "field": "amount", "days": 90, "op": ">", "value": 150}'),
    ('p7', '{"all": [{"kind": "item", "where": {"category": "segment_cake"}}, {"not": {"kind": "item", "where": {"category": "segment_milk"}, "days": 30}}]}'),
    ('e1', '{"kind": "event", "measure": "streak", "where": {"type": "product_view"}, "same": "object", "days": 20, "op": ">=", "value": 2}'),
    ('e2', '{"kind": "event", "measure": "never", "hours": 48}'), ('e3', '{"kind": "event", "measure": "baseline", "days": 10, "at_least": 3, "op": "<=", "value": 0.7}'),
    ('v1', '{"kind": "value", "field": "tier", "value": ["S", "A", "D"]}'), ('v2', '{"kind": "value", "field": "last_day.since", "op": ">", "value": 60}'),
    ('c1', '{"kind": "consent", "field": "sms", "value": "yes"}'), ('r1', '{"kind": "related", "where": {"relation": "child", "birthday.in": {"op": "<=", "value": 14}}}'),
    -- what orders do not change is not asked again of who is in: consent, tags, events and other segments beside purchases and tiers
    ('m1', '{"all": [{"kind": "purchase", "measure": "count", "days": 60, "op": ">=", "value": 1}, {"kind": "value", "field": "tier", "value": ["S", "A", "B", "D"]}, {"kind": "consent", "field": "sms", "value": "yes"}]}'),
    ('m2', '{"all": [{"kind": "purchase", "measure": "last", "op": "<=", "value": 40}, {"any": [{"kind": "tag", "where": {"tag": "孕"}}, {"kind": "event", "where": {"type": "search"}, "days": 5}]}]}'),
    ('m3', '{"all": [{"kind": "purchase", "measure": "ever"}, {"not": {"kind": "segment", "where": {"segment": "p4"}}}, {"kind": "consent", "field": "sms", "value": "yes"}]}'),
    ('m4', '{"all": [{"kind": "purchase", "measure": "sum", "days": 90, "op": ">", "value": 100}, {"kind": "event", "measure": "never", "hours": 48}]}'),
    ('t1', '{"any": [{"kind": "tag", "where": {"tag": "甜"}}, {"kind": "tag", "where": {"tag": "孕"}}]}'), ('s1', '{"all": [{"kind": "segment", "where": {"segment": "p4"}}, {"not": {"kind": "segment", "where": {"segment": "c1"}}}]}')) v (c, r);
CREATE TEMP TABLE fault (step int, what text, expected text, found text);
-- in the last third the tables have triggers, which only statements heed: nothing is read or written past the planner any more
CREATE TEMP TABLE heeded (relation text);
CREATE FUNCTION pg_temp.heed() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO heeded VALUES (TG_TABLE_NAME || ' ' || TG_OP); RETURN NEW; END $$;
DO $$
DECLARE
    moment timestamptz;
    what float8;
    no int;
    person bigint;
    record bigint;
BEGIN
    PERFORM setseed(0.42);
    FOR step IN 1 .. 180 LOOP
        moment := timestamptz '2026-09-15 04:00+00' + step * interval '7 hours' + (step / 36) * interval '20 days';
        PERFORM set_config('crm.core_clock', to_char(moment AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI') || '+00', true);
        UPDATE crm.room_setting SET value = to_jsonb(step % 2 * 200) WHERE name = 'segment.few_persons';    -- by sets, one by one
        IF step = 121 THEN
            CREATE TRIGGER heed AFTER INSERT OR UPDATE ON crm.segment_member FOR EACH ROW EXECUTE FUNCTION pg_temp.heed();
            CREATE TRIGGER heed AFTER UPDATE ON crm.customer FOR EACH ROW EXECUTE FUNCTION pg_temp.heed();
            CREATE TRIGGER heed AFTER UPDATE ON crm.membership FOR EACH ROW EXECUTE FUNCTION pg_temp.heed();
            CREATE TRIGGER heed AFTER UPDATE ON crm.value_history FOR EACH ROW EXECUTE FUNCTION pg_temp.heed();
        END IF;
        what := random();
        no := (random() * 200)::int;
        record := 1 + no % 80;
        person := (SELECT m.customer_id FROM crm.membership m WHERE m.source_record_id = 960100 + record AND m.valid_to = 'infinity');
        IF what < 0.4 THEN          -- an order or a revision of one, now and then backdated or cancelled
            PERFORM pg_temp.store(pg_temp.make_order('P' || no, record::int, moment::date - (random() < 0.3)::int * (random() * 60)::int, round((random() * 400)::numeric, 2),
                CASE WHEN random() < 0.15 THEN 'cancelled' ELSE 'paid' END, (ARRAY['cake1', 'cake2', 'milk1', NULL])[1 + (random() * 3)::int]));
        ELSIF what < 0.5 THEN
            PERFORM crm._consequence_facts(array_remove(array_agg(o.customer_id), NULL), 'refund', true)
            FROM crm._purchase_store_refunds(ARRAY[ROW(1, 9601, 'Q' || (random() * 80)::int, 'P' || no, NULL, 960170, NULL, round((random() * 200)::numeric, 2),
                moment, moment::date, NULL, NULL, NULL, false, decode(md5(step::text), 'hex'), moment, 1, 1)::crm.refund_fact]) o;
        ELSIF what < 0.7 THEN
            INSERT INTO crm.event (source_record_id, received_at, event_id, source_id, type, occurred_at, business_day, object_id, is_history)
            SELECT 960100 + record, moment, 970000000 + step * 10 + g, 9601, (ARRAY['product_view', 'search'])[1 + (random())::int], moment - g * interval '1 day' * (random() < 0.7)::int,
                   ((moment - g * interval '1 day') AT TIME ZONE 'Asia/Shanghai')::date, 'o' || (random() * 2)::int, false FROM generate_series(0, 2) g;
            PERFORM crm._consequence_facts(ARRAY[person], 'event', true);
        ELSIF what < 0.76 THEN
            IF step % 2 = 0 THEN     -- said to staff
                PERFORM crm.outbox_set_consent(person, 'sms', CASE WHEN random() < .5 THEN 'yes' ELSE 'no' END, '');
            ELSE
                INSERT INTO crm.consent (source_record_id, channel, occurred_at, consent_id, state, is_history)
                VALUES (960100 + record, 'sms', moment, 980000000 + step, CASE WHEN random() < 0.6 THEN 'yes' ELSE 'no' END, false);
                PERFORM crm._outbox_keep_consents(ARRAY[person]);
                PERFORM crm._consequence_facts(ARRAY[person], 'consent', true);
            END IF;
        ELSIF what < 0.82 THEN
            PERFORM crm.segment_tag_person(person, '孕', moment + random() * interval '20 days');
        ELSIF what < 0.86 THEN
            PERFORM crm.identity_relate(person, 'child', birthday => date '2020-01-01' + (random() * 365)::int, is_birthday_lunar => step % 2 = 0);
        ELSIF what < 0.93 THEN      -- a record goes to another person; who is left with none was merged
            UPDATE crm.membership m SET valid_to = moment WHERE m.source_record_id = 960100 + record AND m.valid_to = 'infinity';
            INSERT INTO crm.membership (source_record_id, valid_from, customer_id)
            SELECT 960100 + record, moment, c.customer_id FROM crm.customer c WHERE c.status = 'active' AND c.customer_id BETWEEN 960201 AND 960280 AND c.customer_id <> person
            ORDER BY md5(step || c.customer_id::text) LIMIT 1;
            IF NOT EXISTS (SELECT FROM crm.membership m WHERE m.customer_id = person AND m.valid_to = 'infinity') THEN
                UPDATE crm.customer c SET status = 'merged', merged_into = n.customer_id FROM crm.membership n
                WHERE (c.customer_id = person OR c.merged_into = person) AND n.source_record_id = 960100 + record AND n.valid_to = 'infinity';
            END IF;
            PERFORM crm._consequence_membership(n.customer_id, person, ARRAY[n.source_record_id], 'merge')
            FROM crm.membership n WHERE n.source_record_id = 960100 + record AND n.valid_to = 'infinity';
        ELSE
            PERFORM crm._value_age();
        END IF;
        IF step % 5 = 0 THEN
            PERFORM crm._segment_refresh();
        END IF;
        IF step % 30 = 0 THEN
            PERFORM crm._value_age() FROM generate_series(1, 5);
            PERFORM crm._segment_refresh();
            INSERT INTO fault SELECT step, c.* FROM crm.segment_check() c;
        END IF;
    END LOOP;
END $$;
SELECT * FROM fault ORDER BY 1, 2;
SELECT s.code, s.error FROM crm.segment s WHERE s.error IS NOT NULL;
SELECT h.relation, count(*) > 20 AS many FROM heeded h WHERE h.relation ~ '^segment_member' GROUP BY 1 ORDER BY 1;
SELECT count(*) > 200 AS many_moves, count(*) FILTER (WHERE c.kind = 'enter') > 60 AS came, count(*) FILTER (WHERE c.kind = 'leave') > 60 AS went FROM crm.segment_change c;
-- every segment held somebody at some time, and lost somebody: the test could have failed
SELECT string_agg(s.code, ' ' ORDER BY s.code) AS never_moved FROM crm.segment s
WHERE s.kind = 'living' AND s.is_active AND length(s.code) = 2
  AND NOT EXISTS (SELECT FROM crm.segment_member m WHERE m.segment_id = s.segment_id AND m.left_at < 'infinity');

-- who is in any of some segments or has any of some tags is what the stays say, now from bitmaps and at moments of the past from themselves; rules about everybody say what each person's says
CREATE TEMP TABLE moment AS SELECT DISTINCT x.at FROM crm.segment_move x JOIN crm.segment s ON s.segment_id = x.segment_id AND s.code IN ('p4', 'c1', 'tag:甜') UNION SELECT crm.core_now() UNION SELECT crm.core_now() - interval '1 min';
SELECT count(*) > 20 AS many, count(*) FILTER (WHERE m.at >= (SELECT max(s.moved_at) FROM crm.segment s WHERE s.code IN ('p4', 'c1'))) BETWEEN 1 AND 20 AS some_by_bitmaps,
       count(*) FILTER (WHERE crm.bitmap_count(crm._segment_with('{p4,c1}', m.at)) = 0) AS of_nobody,
       count(*) FILTER (WHERE crm.bitmap_array(crm._segment_with('{p4,c1}', m.at)) IS DISTINCT FROM coalesce((SELECT array_agg(DISTINCT coalesce(c.merged_into, c.customer_id) ORDER BY coalesce(c.merged_into, c.customer_id))
            FROM crm.segment_member x JOIN crm.segment s ON s.segment_id = x.segment_id JOIN crm.customer c ON c.customer_id = x.customer_id WHERE s.code IN ('p4', 'c1') AND x.entered_at <= m.at AND x.left_at > m.at), '{}')) AS segments_differ,
       count(*) FILTER (WHERE crm.bitmap_array(crm._segment_tagged('{甜,孕,流失}', m.at)) IS DISTINCT FROM coalesce((SELECT array_agg(DISTINCT coalesce(c.merged_into, c.customer_id) ORDER BY coalesce(c.merged_into, c.customer_id))
            FROM crm.person_tag t JOIN crm.customer c ON c.customer_id = t.customer_id WHERE t.tag IN ('甜', '孕', '流失') AND t.tagged_at <= m.at AND t.until > m.at), '{}')) AS tags_differ
FROM moment m;
SELECT r AS rule, count(*) FILTER (WHERE crm.rule_count(r::jsonb, m.at) <> (SELECT count(*) FROM crm.customer c WHERE c.status = 'active' AND crm.rule_matches(r::jsonb, c.customer_id, m.at))) AS differ
FROM (SELECT at FROM moment ORDER BY at DESC LIMIT 12) m, (VALUES ('{"kind": "segment", "where": {"segment": ["p4", "c1"]}}'), ('{"not": {"kind": "tag", "where": {"tag": "孕"}}}'),
    ('{"kind": "tag", "where": {"tag": ["甜", "孕"]}}'), ('{"kind": "segment", "measure": "never", "where": {"segment": "p4"}}'), ('{"kind": "segment", "where": {"segment": "p4"}, "days": 3}'), ('{"kind": "tag", "where": {"layer": "base"}}')) v (r) GROUP BY 1 ORDER BY 1;
SELECT crm._rule_statement('{"all": [{"kind": "segment", "where": {"segment": "p4"}}, {"not": {"kind": "tag", "where": {"tag": "孕"}}}]}', 'everybody') ~ 'segment_member|person_tag' AS reads_stays;

-- the log tells of stays that begin and end, and of nothing else; who is erased is told of no more, and others are
SELECT count(*) FILTER (WHERE NOT EXISTS (SELECT FROM crm.segment_member m WHERE m.customer_id = c.customer_id AND m.segment_id = c.segment_id
                                          AND CASE c.kind WHEN 'enter' THEN m.entered_at ELSE m.left_at END = c.at)) AS without_a_stay FROM crm.segment_change c;
SELECT count(*) AS ended_untold FROM crm.segment_member m JOIN crm.segment s ON s.segment_id = m.segment_id AND s.kind = 'living' AND length(s.code) = 2
WHERE m.left_at < 'infinity' AND NOT EXISTS (SELECT FROM crm.segment_change c WHERE c.customer_id = m.customer_id AND c.segment_id = m.segment_id AND c.kind = 'leave' AND c.at = m.left_at);
SAVEPOINT erased;
CREATE TEMP TABLE told AS SELECT c.customer_id, count(*) AS changes FROM crm.segment_change c WHERE c.customer_id BETWEEN 960201 AND 960280 GROUP BY 1;
SELECT crm._segment_on_erase((SELECT min(t.customer_id) FROM told t WHERE t.changes = (SELECT max(changes) FROM told)));
SELECT count(*) AS forgotten, min(t.changes) > 5 AS had_many FROM told t WHERE NOT EXISTS (SELECT FROM crm.segment_change c WHERE c.customer_id = t.customer_id);
SELECT count(*) AS others_differ FROM told t JOIN (SELECT c.customer_id, count(*) AS changes FROM crm.segment_change c GROUP BY 1) n USING (customer_id) WHERE n.changes <> t.changes;
SELECT count(*) AS left_in_the_log FROM crm.segment_move x, LATERAL (SELECT crm.bitmap_members(x.came OPERATOR(crm.|) x.went) AS ordinal) m
WHERE NOT EXISTS (SELECT FROM crm.segment_ordinal o WHERE o.ordinal = m.ordinal);
UPDATE crm.customer c SET status = 'erased' FROM told t WHERE c.customer_id = t.customer_id AND NOT EXISTS (SELECT FROM crm.segment_change x WHERE x.customer_id = t.customer_id);
SELECT * FROM crm.segment_check();
ROLLBACK TO erased;

-- marks are taken whole, the oldest first, until there are enough persons; who is behind in a source is marked again, after all others
DELETE FROM crm.segment_mark;
DELETE FROM crm.value_dirty;
UPDATE crm.room_setting SET value = '3' WHERE name = 'segment.piece_persons';
SELECT crm._segment_mark('{960205,NULL,960201,960203}', 'order'), crm._segment_mark('{960204,960202,960206}', 'order'), crm._segment_mark('{960207,960208}', 'order'), crm._segment_mark('{960203,960208}', 'member'), crm._segment_mark('{}', 'order');
SELECT crm._value_mark('{960201,960202,960206}', 'order');
CREATE FUNCTION pg_temp.take() RETURNS TABLE (kind text, persons text) LANGUAGE sql AS $$
    SELECT k.kind, replace(crm.bitmap_array(k.members)::text, '9602', '') FROM crm._segment_take() t, unnest(t.kinds, t.persons) k (kind, members) ORDER BY 1 $$;
SELECT * FROM pg_temp.take();
SELECT * FROM pg_temp.take();
SELECT * FROM pg_temp.take();
SELECT * FROM pg_temp.take();
DELETE FROM crm.value_dirty;
UPDATE crm.room_setting SET value = '20000' WHERE name = 'segment.piece_persons';
SELECT * FROM pg_temp.take();
SELECT * FROM pg_temp.take();
ROLLBACK;
