-- Views of intake for whoever looks after it, and its jobs.  Relations in a view are read as its owner, functions
-- run as the reader: so no helper is called here.
CREATE VIEW crm.source_status AS
    SELECT s.code AS source, s.name, s.kind, s.is_active, s.is_sandbox, s.last_received_at,
           coalesce(d.received, 0) AS received_today, coalesce(d.rejected, 0) AS rejected_today,
           round(100.0 * (d.received - d.rejected) / nullif(d.received, 0), 2) AS success_percent,
           (SELECT count(*) FROM crm.reject j WHERE j.source_id = s.source_id AND j.state IN ('open', 'retry')) AS open_rejects,
           (SELECT count(*) FROM crm.batch b WHERE b.source_id = s.source_id AND b.state NOT IN ('done', 'aborted', 'invalid')) AS open_imports,
           s.is_active AND s.last_received_at < crm.core_now() - interval '1 hour' *
               (SELECT (t.value #>> '{}')::int FROM crm.room_setting t WHERE t.name = 'ingest.silence_hours') AS is_silent
    FROM crm.source s
    LEFT JOIN crm.source_day d ON d.source_id = s.source_id AND d.day = (crm.core_now() AT TIME ZONE s.time_zone)::date;
CREATE VIEW crm.source_day_status AS
    SELECT s.code AS source, d.day, d.received, d.rejected, round(100.0 * (d.received - d.rejected) / nullif(d.received, 0), 2) AS success_percent
    FROM crm.source_day d JOIN crm.source s USING (source_id);
CREATE VIEW crm.reject_status AS
    SELECT s.code AS source, j.entity, j.code, j.field, j.state, count(*) AS records, min(j.rejected_at) AS oldest, max(j.rejected_at) AS newest,
           max(j.attempts) AS attempts, min(j.remedy) AS remedy
    FROM crm.reject j JOIN crm.source s USING (source_id)
    WHERE j.state IN ('open', 'retry') GROUP BY s.code, j.entity, j.code, j.field, j.state;
-- How far each import is: what became of its facts, those of lanes that are not through included.
CREATE VIEW crm.import_progress AS
    SELECT b.batch_id,
           (SELECT coalesce(jsonb_object_agg(c.key, c.total), '{}') FROM (
                SELECT e.key, sum(e.value::bigint) AS total
                FROM (SELECT b.counts UNION ALL SELECT x.counts FROM crm.batch_lane x WHERE x.batch_id = b.batch_id AND NOT x.is_done) a (counts),
                     jsonb_each_text(a.counts) e GROUP BY e.key) c) AS counts,
           CASE WHEN b.state IN ('validating', 'accepted', 'applying') AND b.chunk_count > 0
                THEN round(least(coalesce(l.next_chunk, b.next_chunk), b.chunk_count) / b.chunk_count, 3)
                WHEN b.state = 'receiving' THEN 0 ELSE 1 END AS progress,
           coalesce(l.attempts, 0) AS attempts, l.next_attempt_at, l.last_error
    FROM crm.batch b
    CROSS JOIN LATERAL (SELECT avg(x.next_chunk) FILTER (WHERE x.lane_count > 0) AS next_chunk, max(x.attempts) AS attempts,
                               min(x.next_attempt_at) AS next_attempt_at, max(x.last_error) AS last_error
                        FROM crm.batch_lane x WHERE x.batch_id = b.batch_id) l;
CREATE VIEW crm.import_status AS
    SELECT b.batch_id, s.code AS source, b.entity, b.state, b.line_count, p.counts, p.progress, p.attempts, p.next_attempt_at, p.last_error,
           b.created_by, b.created_at
    FROM crm.batch b JOIN crm.source s USING (source_id) JOIN crm.import_progress p USING (batch_id)
    WHERE b.state NOT IN ('done', 'aborted', 'invalid');
GRANT SELECT ON crm.source_status, crm.source_day_status, crm.reject_status, crm.import_status TO crm_admin, crm_steward, crm_headquarters;

INSERT INTO crm.job (job, statement, helper_statement, every, position, next_run_at) VALUES
    -- one job, so that what the check has just accepted is applied at once; a helper applies another lane or import meanwhile
    ('ingest.import', 'SELECT crm._ingest_validate() + crm._ingest_apply()', 'SELECT crm._ingest_apply(true)', '1 second', 10, crm.core_now());
INSERT INTO crm.job (job, statement, every, at_local, position, next_run_at) VALUES
    ('ingest.retry', 'SELECT crm._ingest_retry()', '10 seconds', NULL, 12, crm.core_now()),
    ('ingest.pull', 'SELECT crm._ingest_pull()', '5 seconds', NULL, 13, crm.core_now()),
    ('ingest.watch', 'SELECT crm._ingest_watch()', '1 minute', NULL, 14, crm.core_now()),
    ('ingest.retention', 'SELECT crm._ingest_retention()', '1 day', '03:20', 910, crm.core_now());
