-- identity, a source that is tried out: what it would merge is proposed, counted and explained, and done once it is let go.
\set VERBOSITY terse
SET client_min_messages = warning;
SELECT count(*) >= 0 AS installed FROM crm.install();
SET timezone = 'UTC';
BEGIN;
SET LOCAL crm.core_clock = '2026-03-31T12:00:00+08:00';
SELECT set_config('crm.access_claims', '{"actor": "regress", "role": "crm_headquarters", "stores": [], "all": true}', true) <> '' AS claims;
SELECT crm.ingest_define_source('h_old', 'till', 'pos', '{"priority": 10}') > 0 AS old, crm.ingest_define_source('h_new', 'mini', 'mini_program', '{"priority": 20}') > 0 AS new;
\i sql/shared/member.sql
CREATE FUNCTION pg_temp.persons() RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(p, ' / ' ORDER BY p COLLATE "C") FROM (
        SELECT string_agg(r.external_id, ' ' ORDER BY r.external_id COLLATE "C") AS p FROM crm.source_record r
        JOIN crm.membership m ON m.source_record_id = r.source_record_id AND m.valid_to = 'infinity'
        WHERE r.external_id ~ '^(old|new)' GROUP BY m.customer_id) x
$$;
CREATE FUNCTION pg_temp.tell() RETURNS bigint LANGUAGE sql AS $$
    SELECT count(*) FROM (VALUES
        (pg_temp.member('h_new', 'new1', '{"phone": "13867260001", "name": "方志敏"}')),      -- one person
        (pg_temp.member('h_new', 'new1b', '{"phone": "13867260001", "name": "方志敏"}')),     -- and once more
        (pg_temp.member('h_new', 'new2', '{"phone": "13867260002", "name": "李大钊"}')),      -- another's phone: a guard asks, shadow or not
        (pg_temp.member('h_new', 'new3', '{"phone": "13867260009"}')),                        -- nobody else
        (pg_temp.member('h_old', 'old4', '{"phone": "13867260001", "name": "方志敏", "member_card": "K4"}'))) told(customer_id) -- comes later, from elsewhere
$$;
SELECT count(DISTINCT pg_temp.member('h_old', 'old' || n, format('{"phone": "1386726000%s", "name": "%s"}', n, name)::jsonb)) AS persons
FROM (VALUES (1, '方志敏'), (2, '瞿秋白')) o(n, name);

-- as it would be without: merged on write
SAVEPOINT untried;
SELECT pg_temp.tell() AS told;
SELECT pg_temp.persons(), (SELECT count(*) FROM crm.identity_check()) AS drift;
ROLLBACK TO untried;

SELECT crm.identity_shadow('h_new', true, 'cutover of the mini program');
SELECT pg_temp.tell() AS told;
-- nobody is merged; two of the till are, as always
SELECT pg_temp.persons(), (SELECT count(*) FROM crm.identity_check()) AS drift;
SELECT count(*) AS merges FROM crm.merge_journal j, unnest(j.record_ids) r(id) JOIN crm.source_record s ON s.source_record_id = r.id WHERE s.external_id LIKE 'new%';
SELECT j FROM crm.identity_shadow_report() j WHERE j ->> 'source' LIKE 'h\_%';
SELECT v ->> 'reason' AS reason, v #>> '{evidence,kind}' AS kind, v -> 'a' ->> 'name' AS a, v -> 'b' ->> 'name' AS b FROM crm.identity_reviews() v ORDER BY 1, 2, 3;
-- explained like whatever a guard keeps apart
SELECT e -> 'guards' @> '[{"guard": "shadow"}]' AS is_shadow, e -> 'shared' AS shared
FROM crm.review v, crm.identity_explain_pair(v.customer_a, v.customer_b) e WHERE v.reason = 'shadow' AND v.state = 'open' ORDER BY v.review_id LIMIT 1;
-- an order still finds its buyer; somebody may decide a pair at once, either way
SELECT o.status, o.customer_id = (SELECT m.customer_id FROM crm.membership m JOIN crm.source_record r USING (source_record_id)
    WHERE r.external_id = 'new3' AND m.valid_to = 'infinity') AS is_buyer
FROM crm.ingest_order('h_new', convert_to('{"external_id": "so1", "ordered_at": "2026-03-30T10:00:00+08:00", "phone": "13867260009", "items": [{"product_code": "P1", "quantity": 1, "unit_price": 12}]}', 'UTF8')) o;
SELECT pg_temp.persons() AS with_the_order, (SELECT count(*) FROM crm.identity_check()) AS drift;
SAVEPOINT decided;
SELECT crm.identity_decide(review_id, 'accept', 'he says so himself') ->> 'state' AS state FROM crm.review WHERE reason = 'shadow' AND state = 'open' ORDER BY review_id LIMIT 1;
SELECT pg_temp.persons(), (SELECT count(*) FROM crm.identity_check()) AS drift;
ROLLBACK TO decided;
SELECT crm.identity_decide(review_id, 'reject', 'another one') ->> 'state' AS state
FROM crm.review v WHERE reason = 'shadow' AND state = 'open' AND NOT EXISTS (SELECT FROM crm.membership m JOIN crm.source_record r USING (source_record_id)
    WHERE m.customer_id IN (v.customer_a, v.customer_b) AND r.external_id LIKE 'old%');
ROLLBACK TO decided;

-- let go: what was proposed is done, and all is as if it had never been tried out
SELECT crm.identity_shadow('h_new', false, 'looks right');
SELECT pg_temp.persons() AS not_yet;
SELECT crm._identity_shadow_step() AS step, crm._identity_shadow_step() AS step;
SELECT pg_temp.persons(), (SELECT count(*) FROM crm.identity_check()) AS drift;
SELECT reason, state, count(*) FROM crm.review GROUP BY 1, 2 ORDER BY 1, 2;
SELECT count(*) AS tried_out FROM crm.identity_shadow_report() j WHERE (j ->> 'is_on')::boolean OR (j ->> 'records')::int > 0;
SELECT kind, actor, reason, count(*) FROM crm.merge_journal WHERE reason = 'shadow' GROUP BY 1, 2, 3 ORDER BY 1;
SELECT pg_temp.member('h_new', 'new5', '{"phone": "13867260009", "name": "邓中夏"}') = (SELECT m.customer_id FROM crm.membership m JOIN crm.source_record r USING (source_record_id)
    WHERE r.external_id = 'new3' AND m.valid_to = 'infinity') AS merges_again;
SELECT new_value, reason FROM crm.audit WHERE object_kind = 'source' AND field = 'is_shadow' ORDER BY audit_id;
-- the same by a file: nobody joins while the source is tried out, and everybody afterwards
SELECT crm.ingest_define_mapping('h_new', 'member', '{"fields": {"external_id": "external_id", "phone": "phone", "name": "name", "registered_at": "registered_at"}}') IS NOT NULL AS mapped,
       crm.ingest_define_mapping('h_old', 'member', '{"fields": {"external_id": "external_id", "phone": "phone", "name": "name", "registered_at": "registered_at"}}') IS NOT NULL AS mapped;
CREATE FUNCTION pg_temp.file(source text, label text, lowest int) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    lines bytea := (SELECT convert_to(string_agg(jsonb_build_object('external_id', label || n, 'phone', '1386727' || lpad(n::text, 4, '0'), 'name', '周恩' || chr(20320 + n), 'registered_at', '2026-01-06T10:00:00+08:00')::text || E'\n', ''), 'UTF8')
                    FROM generate_series(lowest, lowest + 199) n);
    batch bigint := crm.ingest_bulk_begin(source, 'member', 'ndjson', 'utf8', '{"history": true, "lenient": true}');
BEGIN
    PERFORM crm.ingest_bulk_append(batch, 0, lines), crm.ingest_bulk_commit(batch, length(lines));
    WHILE crm._ingest_validate() + crm._ingest_apply() > 0 LOOP NULL; END LOOP;
    RETURN (SELECT count(*) FROM crm.source_record r WHERE r.external_id LIKE label || '%');
END $$;
CREATE FUNCTION pg_temp.in_common() RETURNS TABLE (records bigint, persons bigint) LANGUAGE sql AS $$
    SELECT count(*), count(DISTINCT m.customer_id) FROM crm.source_record r JOIN crm.membership m ON m.source_record_id = r.source_record_id AND m.valid_to = 'infinity' WHERE r.external_id ~ '^f(new|old)' $$;
SELECT crm.identity_shadow('h_new', true, 'a file first') ->> 'is_on' AS is_on;
SELECT pg_temp.file('h_old', 'fold', 1) AS old, pg_temp.file('h_new', 'fnew', 101) AS new;
SELECT * FROM pg_temp.in_common();
SELECT j ->> 'would_merge' AS would_merge, j ->> 'would_keep' AS would_keep FROM crm.identity_shadow_report() j WHERE j ->> 'source' = 'h_new';
SELECT crm.identity_shadow('h_new', false, 'looks right') ->> 'waiting' AS waiting;
SELECT crm._identity_shadow_step() AS step, crm._identity_shadow_step() AS step;
SELECT c.*, (SELECT count(*) FROM crm.identity_check()) AS drift FROM pg_temp.in_common() c;
-- refused calls
SAVEPOINT fault;
SELECT crm.identity_shadow('nowhere', true, 'because');
ROLLBACK TO fault;
SELECT crm.identity_shadow('h_new', NULL, 'because');
ROLLBACK TO fault;
SELECT crm.identity_shadow('h_new', true, ' ');
ROLLBACK TO fault;
-- all sources at once
SELECT (crm.identity_shadow(NULL, true, 'the whole house is new') -> 'sources') @> '["h_new", "h_old"]' AS all_of_them;
ROLLBACK;
