-- Stable views for analysts and the gateway, and what the counter card suggests.

-- A person in one row, under the reader's own row rights.
CREATE VIEW crm.person WITH (security_invoker = true) AS
    SELECT c.customer_id, c.name_masked, c.phone_masked, c.email_masked, c.sex, c.city, c.channel,
           c.home_store_id, s.code AS home_store_code, s.name AS home_store_name, c.registered_at, c.registered_on, c.record_count, c.custom,
           v.tier, v.tier_since, v.r, v.f, v.m, v.order_days, v.net_minor, v.first_day, v.last_day,
           c.row_version, greatest(c.updated_at, v.updated_at) AS updated_at
    FROM crm.customer c
    LEFT JOIN crm.customer_value v ON v.customer_id = c.customer_id
    LEFT JOIN crm.store s ON s.store_id = c.home_store_id
    WHERE c.status = 'active';
GRANT SELECT ON crm.person TO crm_clerk, crm_store_manager, crm_manager, crm_service, crm_steward, crm_marketer, crm_analyst, crm_headquarters;

-- Headquarters' pair rules: after the first category, offer the second.
CREATE TABLE crm.pair_rule (
    pair_rule_id int PRIMARY KEY,
    from_category text NOT NULL,
    to_category text NOT NULL,
    reason_zh text NOT NULL,
    reason_en text NOT NULL,
    is_active boolean NOT NULL DEFAULT true,
    UNIQUE (from_category, to_category));
INSERT INTO crm.pair_rule (pair_rule_id, from_category, to_category, reason_zh, reason_en) VALUES
    (1, 'baby_wash', 'baby_food', '买过婴儿洗护，该添辅食了', 'bought baby wash: time for baby food'),
    (2, 'nappies', 'baby_wash', '买过纸尿裤，搭配洗护', 'bought nappies: baby wash goes with them'),
    (3, 'baby_food', 'nappies', '买过辅食，常配纸尿裤', 'bought baby food: often with nappies'),
    (4, 'breast_pump', 'breast_pump_bags', '买过吸奶器，还没买储奶袋', 'bought a breast pump: storage bags are missing'),
    (5, 'coffee_machine', 'coffee', '买过咖啡机，搭配咖啡豆', 'bought a coffee machine: beans go with it'),
    (6, 'protein', 'fitness', '蛋白粉用户常买健身用品', 'protein buyers often buy fitness goods'),
    (7, 'fitness', 'protein', '健身用户建议试用蛋白粉', 'fitness buyers: suggest a protein sample'),
    (8, 'vitamins', 'herbal', '维生素搭配养生草本', 'vitamins go with herbal care'),
    (9, 'herbal', 'vitamins', '草本养生搭配维生素', 'herbal care goes with vitamins'),
    (10, 'dairy', 'nuts', '乳品搭配坚果早餐', 'dairy and nuts make breakfast'),
    (11, 'nuts', 'dairy', '坚果搭配乳品', 'nuts go with dairy'),
    (12, 'cake', 'coffee', '甜食搭配咖啡', 'cake goes with coffee');

-- What was bought next after a category, over 365 days; kept by a daily job.
CREATE TABLE crm.category_follow (
    from_category_id int NOT NULL,
    to_category_id int NOT NULL,
    case_count bigint NOT NULL,
    as_of date NOT NULL,
    PRIMARY KEY (from_category_id, to_category_id));

CREATE TABLE crm.suggestion_shown (
    customer_id bigint NOT NULL,
    shown_at timestamptz NOT NULL,
    suggestion_id bigint NOT NULL,
    category_id int NOT NULL,
    staff_id int,
    PRIMARY KEY (customer_id, suggestion_id));
SELECT crm._access_open('crm.pair_rule', 'crm.category_follow');
SELECT crm._access_protect_closed('crm.suggestion_shown');

INSERT INTO crm.room_setting (name, value, description) VALUES
    ('report.suggestion_min_cases', '30', 'a learned suggestion needs this many cases in 365 days'),
    ('report.suggestion_max_shown', '3', 'a suggestion shown this often in 30 days is not repeated'),
    ('report.small_group', '5', 'groups of fewer persons are not told in a portrait, nor to crm_reader');
