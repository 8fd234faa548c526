-- What changes in the night, by no fact, tells of it by a version: living segments over stages, forecasts and groups stayed as they were first filled.
SELECT crm._rule_source_put(s.kind, s.room, s.shape, s.relation, s.spec || jsonb_build_object('version', v.version))
FROM (VALUES ('stage', 'crm._value_stage_version'), ('forecast', 'crm._value_forecast_version'), ('cluster', 'crm._value_cluster_version')) v (kind, version)
JOIN crm.rule_source s ON s.kind = v.kind;

-- The segment of the active model's map, and its weighted total; scores over other metrics, each model's newest.
CREATE VIEW crm.person_rfm WITH (security_invoker = true) AS
    SELECT v.customer_id, c.segment, v.r * x.r + v.f * x.f + v.m * x.m AS total
    FROM crm.customer_value v
    CROSS JOIN (SELECT m.segment_map, (m.weights ->> 'r')::numeric AS r, (m.weights ->> 'f')::numeric AS f, (m.weights ->> 'm')::numeric AS m FROM crm.rfm_model m WHERE m.is_active) x
    LEFT JOIN crm.rfm_cell c ON c.segment_map = x.segment_map AND c.r = v.r AND c.f = v.f AND c.m = v.m
    WHERE v.r IS NOT NULL;
COMMENT ON VIEW crm.person_rfm IS 'the named segment of each scored person by the active RFM model''s map, and the total of the scores by its weights';
CREATE VIEW crm.rfm_segment_name WITH (security_invoker = true) AS
    SELECT u.segment, u.name_zh, u.name_en FROM crm.rfm_map_rule u JOIN crm.rfm_model x ON x.segment_map = u.segment_map AND x.is_active;
COMMENT ON VIEW crm.rfm_segment_name IS 'the segments of the active RFM model''s map';
CREATE VIEW crm.person_metric WITH (security_invoker = true) AS
    SELECT DISTINCT ON (s.customer_id, s.model) s.customer_id, s.model, s.as_of, s.total FROM crm.metric_score s ORDER BY s.customer_id, s.model, s.as_of DESC;
COMMENT ON VIEW crm.person_metric IS 'the newest score of each person by each model of metrics';
SELECT crm._rule_source_put('rfm', 'value', 'state', 'crm.person_rfm', '{
    "key": "customer_id", "keyed": "person", "as_of": "now", "facts": ["order", "refund", "member"], "name_zh": "RFM分群", "name_en": "RFM segment",
    "pending": "crm.value_dirty", "version": "crm._value_rfm_version",
    "columns": {"segment": {"column": "segment", "type": "text", "catalogue": {"relation": "crm.rfm_segment_name", "code": "segment"}}, "total": {"column": "total", "type": "number"}}}');
SELECT crm._rule_source_put('metric', 'value', 'facts', 'crm.person_metric', '{
    "key": "customer_id", "keyed": "person", "as_of": "now", "facts": [], "name_zh": "指标评分", "name_en": "scores over metrics", "version": "crm._value_metric_version",
    "columns": {"model": {"column": "model", "type": "text", "catalogue": {"relation": "crm.metric_model", "code": "model"}}, "total": {"column": "total", "type": "number"}}}');
