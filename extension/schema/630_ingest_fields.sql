-- Custom fields that retail chains ask for first, as a start: change or add to them with crm.ingest_define_field().
-- Constitutions are the nine of ZYYXH/T157-2009. Derived ones are answered by the rooms that keep them (the person's
-- overview), and are here so that a file which brings them is refused instead of believed.
INSERT INTO crm.custom_field (entity, code, name_zh, name_en, type, options, is_derived, is_sensitive) VALUES
    ('member', 'allergens', '过敏源', 'allergens', 'multi_option', '["花生", "坚果", "牛奶", "鸡蛋", "小麦", "大豆", "鱼", "虾蟹", "芒果", "其他"]', false, true),
    ('member', 'constitution', '体质类型', 'constitution', 'option', '["平和质", "气虚质", "阳虚质", "阴虚质", "痰湿质", "湿热质", "血瘀质", "气郁质", "特禀质"]', false, true),
    ('member', 'diet', '饮食习惯', 'diet', 'multi_option', '["清淡", "低糖", "低盐", "低脂", "高蛋白", "素食", "清真", "无麸质", "嗜甜", "嗜辣"]', false, false),
    ('member', 'referrer_id', '推荐人ID', 'referrer', 'text', NULL, false, false),
    ('member', 'last_category', '最近购买品类', 'category bought last', 'text', NULL, true, false),
    ('member', 'points', '累计积分', 'points', 'number', NULL, true, false)
ON CONFLICT DO NOTHING;
