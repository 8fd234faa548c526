-- Two regions of two stores, a sharing group across them, six persons, and one row of each in
-- every table that shows persons.  Person n has customer 100 + n, record 1000 + n; n = 1 to 4 lives
-- in store n, 5 in no store, 6 in stores 1 and 3.  Facts: person 6 bought in store 1, person 5 nowhere.
-- Foreign keys are off while it is made, so that a table can be filled by itself.
SET session_replication_role = replica;
INSERT INTO crm.region (region_id, code, name) VALUES (91, 'T-R1', 'one'), (92, 'T-R2', 'two');
INSERT INTO crm.store (store_id, code, name, region_id) SELECT 900 + n, 'T-S' || n, 'store ' || n, CASE WHEN n < 3 THEN 91 ELSE 92 END
FROM generate_series(1, 4) n;
INSERT INTO crm.sharing_group (sharing_group_id, code, name) VALUES (91, 'T-G', 'franchisee');
INSERT INTO crm.sharing_group_store (sharing_group_id, store_id) VALUES (91, 902), (91, 903);

CREATE TEMP TABLE person AS
    SELECT n, 100 + n AS customer_id, 1000 + n AS record_id, nullif(CASE WHEN n = 6 THEN 1 ELSE n END, 5) AS store_no,
           CASE n WHEN 5 THEN '{}'::int[] WHEN 6 THEN '{901,903}' ELSE ARRAY[900 + n] END AS stores,
           '1380000000' || n AS phone, 'Zhang San ' || n AS name
    FROM generate_series(1, 6) n;

INSERT INTO crm.customer (customer_id, status, name_masked, phone_masked, scope_store_ids, registered_at, registered_on, updated_at)
SELECT customer_id, 'active', 'Z***', '138****000' || n, stores, '2026-01-01', '2026-01-01', '2026-01-01' FROM person;
INSERT INTO crm.customer_private (customer_id, name, name_search, phone_sealed, email_sealed, birthday, address_sealed)
SELECT customer_id, name, crm._identity_name_search(name), crm._encrypt('phone', '+86' || phone), crm._encrypt('email', 'secret' || n || '@example.cn'), '1990-01-01',
       crm._encrypt('address', 'Secret Road ' || n) FROM person;
INSERT INTO crm.source_record (source_record_id, source_id, kind, external_id, is_history, received_at)
SELECT record_id, 99, 'member', 'member-' || phone, false, '2026-01-01' FROM person;
INSERT INTO crm.source_record_private (source_record_id, revision, name, note, received_at)
SELECT record_id, 1, name, 'secret note ' || n, '2026-01-01' FROM person;
INSERT INTO crm.identifier (kind, value_hash, customer_id, value_sealed, masked, tail_hash, record_count, first_seen_at, last_seen_at)
SELECT k.kind, crm._identity_hash(k.kind, '', '+86' || phone), customer_id, crm._encrypt('phone', '+86' || phone), '138****',
       crm._identity_tail_hash(right(phone, 4)), 1,
       '2026-01-01', '2026-01-01' FROM person, crm.identifier_kind k WHERE k.code = 'phone';
INSERT INTO crm.record_identifier (source_record_id, kind, value_hash, first_seen_at, last_seen_at)
SELECT record_id, k.kind, crm._identity_hash(k.kind, '', '+86' || phone), '2026-01-01', '2026-01-01'
FROM person, crm.identifier_kind k WHERE k.code = 'phone';
INSERT INTO crm.membership (source_record_id, valid_from, customer_id) SELECT record_id, '2026-01-01', customer_id FROM person;

INSERT INTO crm.customer_order (source_record_id, order_id, source_id, external_id, store_id, status, ordered_at, amount, line_count, is_history, received_at)
SELECT record_id, 2000 + n, 99, 'O' || n, 900 + store_no, 'paid', '2026-01-02', 10, 1, false, '2026-01-02' FROM person;
INSERT INTO crm.order_item (source_record_id, order_id, line_no, quantity, unit_price, amount)
SELECT record_id, 2000 + n, 1, 1, 10, 10 FROM person;
INSERT INTO crm.refund (source_record_id, refund_id, source_id, external_id, amount, refunded_at, refunded_on, store_id, is_history, received_at)
SELECT record_id, 3000 + n, 99, 'R' || n, 1, '2026-01-03', '2026-01-03', 900 + store_no, false, '2026-01-03' FROM person;
INSERT INTO crm.event (source_record_id, received_at, event_id, source_id, type, occurred_at, business_day, store_id, is_history, properties)
SELECT record_id, '2026-01-04', 4000 + n, 99, 'view', '2026-01-04', '2026-01-04', 900 + store_no, false, jsonb_build_object('typed', phone) FROM person;
INSERT INTO crm.interaction (source_record_id, interaction_id, source_id, channel, direction, occurred_at, business_day, store_id, body, is_history, received_at)
SELECT record_id, 4500 + n, 99, 'phone', 'in', '2026-01-04', '2026-01-04', 900 + store_no, 'called ' || name || ' on ' || phone, false, '2026-01-04' FROM person;
INSERT INTO crm.purchase_chunk (source_record_id, from_day, history)
SELECT record_id, '-infinity', crm.purchase_history('{2026-01-02}'::date[], '{2026-01-02}'::date[], '{1000}'::bigint[]) FROM person;

INSERT INTO crm.customer_value (customer_id, tier, tier_since, order_days, net_minor, as_of, updated_at)
SELECT customer_id, 'S', '2026-01-01', 1, 900, '2026-01-04', '2026-01-04' FROM person;
INSERT INTO crm.tier_change (customer_id, change_id, tier_set, to_tier, changed_on, changed_at, cause)
SELECT customer_id, 5000 + n, 'retail_sabc', 'S', '2026-01-01', '2026-01-01', 'order' FROM person;
INSERT INTO crm.coupon_type (coupon_type, name_zh, name_en, kind, value, valid_days, rank) VALUES ('test', 'x', 'x', 'amount', 5, 30, 1);
INSERT INTO crm.tag (tag, name_zh, name_en, layer, kind, changed_by, changed_at) VALUES ('fixture', 'x', 'x', 'base', 'manual', 'x', '2026-03-01');
INSERT INTO crm.customer_tag (customer_id, tag, tagged_at, author) SELECT c.customer_id, 'fixture', '2026-03-01', 'x' FROM crm.customer c;
INSERT INTO crm.segment_member (customer_id, segment_id, entered_at) SELECT c.customer_id, 1, '2026-03-01' FROM crm.customer c;
INSERT INTO crm.segment_ordinal (customer_id, ordinal) SELECT c.customer_id, nextval('crm.segment_ordinal_seq') FROM crm.customer c;
INSERT INTO crm.segment_move (segment_id, at, came, went) SELECT 1, '2026-03-01', crm.bitmap_agg(o.ordinal), '{}' FROM crm.segment_ordinal o;
INSERT INTO crm.coupon (customer_id, coupon_id, code, coupon_type, value, state, issued_at, valid_until)
SELECT customer_id, 6000 + n, 'C' || n, 'test', 5, 'issued', '2026-01-01', '2036-02-01' FROM person;
INSERT INTO crm.task (customer_id, task_id, task_key, kind, title, body, store_id, role, due_at, created_at)
SELECT customer_id, 6500 + n, 'k', 'hand', 'secret title', 'secret note', 900 + store_no, 'crm_clerk', '2026-01-02', '2026-01-01' FROM person;
INSERT INTO crm.deal (customer_id, deal_id, pipeline, stage, outcome, title, is_important, lead_source, store_id, opened_at, stage_at, touched_at)
SELECT customer_id, 6500 + n, 'leads', 'new', 'open', 'secret title', false, 'store', 900 + store_no, '2026-01-01', '2026-01-01', '2026-01-01' FROM person;
INSERT INTO crm.ticket (customer_id, ticket_id, ticket_key, topic, kind, title, body, channel, store_id, is_repeated, opened_at, answer_due_at, resolve_due_at)
SELECT customer_id, 6500 + n, 'k', 'other', 'enquiry', 'secret title', 'secret note', 'store', 900 + store_no, false, '2026-01-01', '2026-01-02', '2026-01-03' FROM person;
INSERT INTO crm.occurrence (customer_id, flow_id, epoch, occurrence_key, fired_at, due_at, arm, outcome, flow_version, step, result, reason)
SELECT customer_id, 1, 0, 'once', '2026-01-01', '2026-01-01', 'none', 'sent', 1, 'active', 'pass', '' FROM person;
INSERT INTO crm.flow_backlog (customer_id, flow_id, epoch, occurrence_key, counted_at) SELECT customer_id, 1, 1, 'k', '2026-01-01' FROM person;
INSERT INTO crm.outbox (customer_id, message_id, channel, endpoint, flow_id, is_marketing, body, due_at, created_at)
SELECT customer_id, customer_id || '-AAAAAAAA', 'sms', 'test', 1, true, jsonb_build_object('text', 'Dear ' || name || ', ' || phone), '2026-01-01', '2026-01-01' FROM person;
INSERT INTO crm.outbox_event (customer_id, message_id, at, outbox_event_id, kind) SELECT customer_id, customer_id || '-AAAAAAAA', '2026-01-01', 8000 + n, 'sent' FROM person;
INSERT INTO crm.dead_letter (customer_id, message_id, at, reason) SELECT customer_id, customer_id || '-AAAAAAAA', '2026-01-01', 'x' FROM person;
-- a table that is not named above gets a row a person of plain values, its checks left out
DO $$
DECLARE
    t record;
    filled bigint;
BEGIN
    FOR t IN
        SELECT c.oid, c.oid::regclass AS name, a.attname AS key, (
            SELECT string_agg(format('ALTER TABLE %s DROP CONSTRAINT %I', c.oid::regclass, k.conname), '; ')
            FROM pg_constraint k WHERE k.conrelid = c.oid AND k.contype = 'c') AS unchecked,
            (SELECT string_agg(quote_ident(b.attname), ', ' ORDER BY b.attnum) FROM pg_attribute b WHERE b.attrelid = c.oid AND b.attnum > 0 AND b.attnotnull) AS columns,
            (SELECT string_agg(CASE b.attname WHEN 'customer_id' THEN 'customer_id' WHEN 'source_record_id' THEN 'record_id' WHEN 'store_id' THEN '900 + store_no'
                ELSE CASE y.typcategory WHEN 'N' THEN 'n' WHEN 'D' THEN '''2026-01-01''' WHEN 'B' THEN 'false' WHEN 'A' THEN '''{}'''
                     ELSE CASE WHEN y.typname IN ('json', 'jsonb') THEN '''{}''' ELSE '''x''' END END END, ', ' ORDER BY b.attnum)
             FROM pg_attribute b JOIN pg_type y ON y.oid = b.atttypid WHERE b.attrelid = c.oid AND b.attnum > 0 AND b.attnotnull) AS plain
        FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnotnull AND a.attname IN ('customer_id', 'source_record_id')
        WHERE c.relnamespace = 'crm'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
          AND EXISTS (SELECT FROM pg_policy p WHERE p.polrelid = c.oid)
    LOOP
        EXECUTE format('SELECT count(*) FROM %s', t.name) INTO filled;
        IF filled = 0 THEN
            EXECUTE coalesce(t.unchecked, 'SELECT');
            EXECUTE format('INSERT INTO %s (%s) SELECT %s FROM person', t.name, t.columns, t.plain);
        END IF;
    END LOOP;
END $$;
SET session_replication_role = origin;

-- Staff: every role that works within scopes, in every kind of scope; one of each other role.
CREATE TEMP TABLE member AS
    SELECT row_number() OVER () + 9000 AS staff_id, 'T-' || r || '-' || s AS code, r AS role, s AS scope,
           'crm_test_' || substr(r, 5) || '_' || s AS login, stores
    FROM unnest('{crm_clerk,crm_store_manager,crm_manager,crm_service,crm_steward,crm_marketer,crm_analyst,crm_headquarters,crm_admin,crm_reader}'::text[]) r,
         (VALUES ('store', '{901}'::int[]), ('region', '{901,902}'), ('group', '{902,903}'), ('all', '{901,902,903,904}'), ('none', '{}')) v(s, stores);
INSERT INTO crm.staff (staff_id, code, name, role, sql_role, created_at) SELECT staff_id, code, code, role, login, '2026-01-01' FROM member;
INSERT INTO crm.staff_scope (staff_id, kind, ref_id)
SELECT staff_id, scope, CASE scope WHEN 'store' THEN 901 WHEN 'all' THEN 0 ELSE 91 END FROM member WHERE scope <> 'none';
DO $$ DECLARE m record; BEGIN
    FOR m IN SELECT * FROM member LOOP
        EXECUTE format('CREATE ROLE %I LOGIN IN ROLE %I', m.login, m.role);
    END LOOP;
END $$;

-- A query as a member of staff, over HTTP (claims, role switched) or as their SQL login:
-- its one value, or "denied", or "error CODE".
CREATE FUNCTION pg_temp.ask(asker text, way text, query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    m record;
    claims text;
    answer text;
    owner text := current_user;
BEGIN
    SELECT * INTO STRICT m FROM member WHERE code = asker;
    IF way = 'http' THEN
        SELECT a.claims INTO claims FROM crm.access_authenticate(
            jsonb_build_object('kind', 'jwt', 'claims', jsonb_build_object('sub', asker))::text) a;
        PERFORM set_config('crm.access_claims', claims, true);
        PERFORM set_config('role', m.role, true);
    ELSE
        PERFORM set_config('session_authorization', m.login, true);
    END IF;
    BEGIN
        EXECUTE query INTO answer;
    EXCEPTION WHEN insufficient_privilege THEN answer := 'denied';
              WHEN OTHERS THEN answer := 'error ' || SQLSTATE;
    END;
    IF way = 'http' THEN
        PERFORM set_config('role', 'none', true);
        PERFORM set_config('crm.access_claims', '', true);
    ELSE
        PERFORM set_config('session_authorization', owner, true);
    END IF;
    RETURN answer;
END $$;
