-- What the pages of desks and stewards show of a chain of :persons persons (pages.sql): three tickets a hundred persons, one of thirty open; two deals
-- a hundred persons in both pipelines, one in ten open; a pair of persons to decide for each 100, three of four decided; a source that is tried out;
-- refused records; imports that are over, one whose rows wait to be looked at, and one that refused many.
SET client_min_messages = warning;
SET synchronous_commit = off;

INSERT INTO crm.ticket (customer_id, ticket_id, ticket_key, topic, kind, title, body, channel, store_id, is_repeated, state, opened_at, answer_due_at, answered_at, resolve_due_at, first_resolved_at, resolved_at, stars, task_id)
SELECT c.customer_id, 2000000000 + c.customer_id, 'bench', k.topic, k.kind, 'ticket ' || c.customer_id, 'what happened', 'store', c.home_store_id, false,
       CASE WHEN is_open THEN 'open' ELSE 'resolved' END, at, at + interval '2 hours', CASE WHEN NOT is_open OR c.customer_id % 2 = 0 THEN at + interval '1 hour' END, at + interval '2 days',
       CASE WHEN NOT is_open THEN at + interval '1 day' END, CASE WHEN is_open THEN 'infinity' ELSE at + interval '1 day' END, CASE WHEN NOT is_open THEN 1 + c.customer_id % 5 END, 2000000000 + c.customer_id
FROM (SELECT g AS id, g / 31 % 30 = 0 AS is_open, timestamptz '2026-06-30 10:00+08' - CASE WHEN g / 31 % 30 = 0 THEN g % 4 ELSE 4 + g % 1000 END * interval '1 day' AS at FROM generate_series(31, :persons, 31) g) n
JOIN crm.customer c ON c.customer_id = n.id
JOIN (SELECT t.topic, t.kind, row_number() OVER (ORDER BY t.topic) - 1 AS n FROM crm.ticket_topic t) k ON k.n = c.customer_id % 10;
INSERT INTO crm.ticket_event (customer_id, ticket_id, ticket_event_id, at, kind, actor)
SELECT t.customer_id, t.ticket_id, t.ticket_id * 10 + e.n, t.opened_at + e.n * interval '1 hour', e.kind, 'C1' FROM crm.ticket t, (VALUES (1, 'opened'), (2, 'answered'), (3, 'resolved')) e (n, kind)
WHERE e.n = 1 OR (e.n = 2 AND t.answered_at IS NOT NULL) OR (e.n = 3 AND t.state = 'resolved');
INSERT INTO crm.task (customer_id, task_id, task_key, kind, title, store_id, staff_id, role, due_at, state, created_at)
SELECT t.customer_id, t.task_id, 'ticket:' || t.ticket_id, 'ticket', t.title, t.store_id, f.staff_id, 'crm_clerk', t.resolve_due_at, CASE WHEN t.state = 'resolved' THEN 'done' ELSE 'open' END, t.opened_at
FROM crm.ticket t JOIN crm.store s ON s.store_id = t.store_id JOIN crm.staff f ON f.code = replace(s.code, 'S', 'C');

INSERT INTO crm.deal (customer_id, deal_id, pipeline, stage, outcome, title, amount, is_important, lead_source, store_id, staff_id, opened_at, stage_at, touched_at, stage_no, closed_at)
SELECT c.customer_id, 3000000000 + c.customer_id, p.pipeline, p.stage, p.outcome, 'deal ' || c.customer_id, 1000 + c.customer_id % 9000, c.customer_id % 7 = 0, 'store', c.home_store_id, f.staff_id,
       n.at, n.at + interval '5 days', n.at + interval '5 days', p.no, CASE WHEN p.outcome = 'open' THEN 'infinity' ELSE n.at + interval '20 days' END
FROM (SELECT g AS id, g / 49 AS no, timestamptz '2026-06-30 10:00+08' - CASE WHEN g / 49 % 10 = 0 THEN 6 + g / 490 % 30 ELSE 21 + g / 49 % 1000 END * interval '1 day' AS at FROM generate_series(49, :persons, 49) g) n
JOIN crm.customer c ON c.customer_id = n.id JOIN crm.store t ON t.store_id = c.home_store_id JOIN crm.staff f ON f.code = replace(t.code, 'S', 'C')
JOIN LATERAL (SELECT s.pipeline, s.stage, s.outcome, row_number() OVER (ORDER BY s.position) AS no FROM crm.pipeline_stage s
              WHERE s.pipeline = CASE WHEN n.no % 2 = 0 THEN 'consult' ELSE 'leads' END AND (s.outcome = 'open') = (n.no % 10 = 0) ORDER BY s.position OFFSET n.no / 10 % 2 LIMIT 1) p ON true;
INSERT INTO crm.deal_event (customer_id, deal_id, deal_event_id, at, kind, actor, stage, from_stage, detail)
SELECT d.customer_id, d.deal_id, d.deal_id * 10 + e.no, d.opened_at + (e.no - 1) * interval '1 day', CASE WHEN e.no = 1 THEN 'opened' ELSE 'moved' END, 'C1', e.stage, e.before,
       CASE WHEN e.no = 1 THEN '{}' ELSE jsonb_build_object('hours', 24) END
FROM crm.deal d JOIN LATERAL (SELECT s.stage, lag(s.stage) OVER w AS before, row_number() OVER w AS no FROM crm.pipeline_stage s
                              WHERE s.pipeline = d.pipeline AND (s.outcome = 'open' OR s.stage = d.stage) WINDOW w AS (ORDER BY s.position)) e
ON e.no <= 3 OR e.stage = d.stage;
UPDATE crm.deal d SET came_stages = e.stages, came_at = e.moments
FROM (SELECT x.customer_id, x.deal_id, array_agg(x.stage ORDER BY x.at) AS stages, array_agg(x.at ORDER BY x.at) AS moments FROM crm.deal_event x GROUP BY 1, 2) e WHERE e.customer_id = d.customer_id AND e.deal_id = d.deal_id;

INSERT INTO crm.review (review_id, customer_a, customer_b, reason, evidence, state, opened_at, decided_at, decided_by)
SELECT 4000000000 + g, g, g + 1, 'contradiction', '{}', (ARRAY['accepted', 'rejected', 'rejected', 'open'])[1 + g / 100 % 4], '2026-06-01', CASE WHEN g / 100 % 4 <> 3 THEN timestamptz '2026-06-02' END, CASE WHEN g / 100 % 4 <> 3 THEN 'steward' END
FROM generate_series(100, :persons - 1, 100) g;
INSERT INTO crm.source (source_id, code, name, kind, created_at, is_shadow) VALUES (9002, 'tried', 'tried out', 'pos', '2026-05-01', true);
INSERT INTO crm.source (source_id, code, name, kind, created_at) SELECT 9002 + g, 'bench' || g, 'bench ' || g, 'pos', '2026-05-01' FROM generate_series(1, 20) g;
INSERT INTO crm.source_record (source_record_id, source_id, kind, external_id, is_history, received_at, is_shadow)
SELECT 90000000000 + g, 9002, 'member', 'T' || g, false, '2026-06-01', true FROM generate_series(1, :persons / 20) g;
INSERT INTO crm.membership (source_record_id, valid_from, customer_id) SELECT 90000000000 + g, '2026-06-01', g FROM generate_series(1, :persons / 20) g;
INSERT INTO crm.review (review_id, customer_a, customer_b, reason, evidence, state, opened_at)
SELECT 5000000000 + g, g, g + 2, 'shadow', jsonb_build_object('kind', 'phone', 'records', jsonb_build_array(90000000000 + g, 10000000000 + g + 2)), 'open', '2026-06-01' FROM generate_series(1, :persons / 20, 4) g;

INSERT INTO crm.source_day (source_id, day, received, rejected) SELECT 9000 + s, date '2026-06-30' - d, 1000, d % 30 FROM generate_series(1, 20) s, generate_series(0, 400) d;
INSERT INTO crm.reject (reject_id, received_at, inbox_id, source_id, entity, external_id, code, field, remedy, state, rejected_at, resolved_at)
SELECT 6000000000 + g, '2026-06-20', 6000000000 + g, 9001 + g % 15, 'member', 'X' || g, (ARRAY['RM207', 'RM204', 'RM205'])[1 + g % 3], (ARRAY['store_code', 'phone', 'birthday'])[1 + g % 3], 'Mend it.',
       CASE WHEN g % 4 = 0 THEN 'open' ELSE 'dismissed' END, '2026-06-20', CASE WHEN g % 4 <> 0 THEN timestamptz '2026-06-21' END
FROM generate_series(1, :persons / 10) g;
INSERT INTO crm.batch (batch_id, source_id, entity, format, encoding, mapping_version, is_history, is_lenient, is_dry_run, state, has_header, chunk_count, line_count, byte_count, counts, created_by, created_at, finished_at)
SELECT 1000 + g, 9001, 'member', 'csv', 'utf8', NULL, false, true, true, 'done', true, 1, 10000, 1000000, '{"created": 9000, "rejected": 1000}', 'steward', timestamptz '2026-06-29' - g * interval '3 hours', timestamptz '2026-06-29' - g * interval '3 hours'
FROM generate_series(0, 499) g;
INSERT INTO crm.batch_error (batch_id, line_no, external_id, code, field, remedy) SELECT 1000, g, 'E' || g, 'RM207', 'store_code', 'Define the store.' FROM generate_series(1, 10000) g;
-- as a steward uploads it: 100,000 rows in pieces, one in fifty without an id, looked at whole, not yet taken
SELECT crm.ingest_bulk_begin('bench', 'member', 'csv', 'utf8', '{"dry_run": true, "lenient": true}') AS import \gset
SELECT sum(crm.ingest_bulk_append(:import, p, convert_to(CASE WHEN p = 0 THEN E'external_id,name,phone\n' ELSE '' END
       || (SELECT string_agg(CASE WHEN g % 50 = 0 THEN '' ELSE 'N' || g END || ',n' || g || ',139' || lpad(g::text, 8, '0') || E'\n', '' ORDER BY g) FROM generate_series(p * 5000 + 1, p * 5000 + 5000) g), 'UTF8'))) > 0
FROM generate_series(0, 19) p \g /dev/null
SELECT crm.ingest_bulk_commit(:import, (SELECT b.byte_count FROM crm.batch b WHERE b.batch_id = :import)) IS NOT NULL \g /dev/null
DO $$ BEGIN WHILE crm._ingest_validate() > 0 LOOP END LOOP; END $$;
VACUUM (FREEZE, ANALYZE) crm.ticket, crm.ticket_event, crm.task, crm.deal, crm.deal_event, crm.review, crm.source, crm.source_record, crm.membership, crm.reject, crm.batch, crm.batch_error, crm.source_day;
