-- Tags that ship: data, which headquarters edits.  Days are local days; the 30th day counts.
SELECT crm._segment_put('tag:' || t.tag, t.tag, t.name_en, 'living', t.rule::jsonb) FROM (VALUES
    ('高频客户', 'frequent customer', '{"kind": "purchase", "measure": "count", "days": 30, "op": ">=", "value": 3}'),
    ('喜甜食', 'sweet tooth', '{"kind": "item", "where": {"category": "cake"}}'),
    ('活跃', 'active', '{"kind": "purchase", "measure": "last", "op": "<=", "value": 30}'),
    ('沉睡', 'asleep', '{"kind": "purchase", "measure": "last", "op": ">", "value": 90}'),
    ('高潜', 'high potential', '{"all": [{"kind": "purchase", "measure": "count", "op": "between", "value": [1, 2]},
                                         {"kind": "purchase", "measure": "last", "op": "<=", "value": 60},
                                         {"any": [{"kind": "basket", "field": "percentile", "op": ">=", "value": 75},
                                                  {"kind": "interaction", "measure": "count", "days": 14, "op": ">=", "value": 3}]}]}')) t (tag, name_en, rule);
INSERT INTO crm.tag (tag, name_zh, name_en, layer, kind, segment_id, changed_by, changed_at)
SELECT substr(s.code, 5), s.name_zh, s.name_en, 'behaviour', 'automatic', s.segment_id, 'preset', s.changed_at FROM crm.segment s;
