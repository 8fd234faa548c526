-- Habits: what a product is bought again after, what is bought with what, and groups of persons that are alike.
CREATE TABLE crm.product_refill (
    product_id int PRIMARY KEY,
    gap_days numeric NOT NULL,          -- median days between two purchases of one person, a unit of the quantity bought
    case_count bigint NOT NULL,
    as_of date NOT NULL);
CREATE TABLE crm.product_pair (
    from_product_id int NOT NULL,
    to_product_id int NOT NULL,
    case_count bigint NOT NULL,         -- persons who bought both within the window
    confidence numeric NOT NULL,        -- share of the first's buyers
    lift numeric NOT NULL,              -- times as often as everybody buys the second
    as_of date NOT NULL,
    PRIMARY KEY (from_product_id, to_product_id));
CREATE TABLE crm.cluster_run (
    run_id int PRIMARY KEY,
    as_of date NOT NULL,
    groups int NOT NULL,
    seed bigint NOT NULL,
    person_count bigint NOT NULL,
    made_at timestamptz NOT NULL);
CREATE TABLE crm.cluster (
    run_id int NOT NULL REFERENCES crm.cluster_run,
    group_no int NOT NULL,
    name text,                          -- given by hand
    person_count bigint NOT NULL,
    centre jsonb NOT NULL,              -- of each measure, as it is measured
    PRIMARY KEY (run_id, group_no));
CREATE TABLE crm.customer_cluster (
    customer_id bigint PRIMARY KEY,
    run_id int NOT NULL,
    group_no int NOT NULL);
SELECT crm._access_open('crm.product_refill', 'crm.product_pair', 'crm.cluster_run', 'crm.cluster');
SELECT crm._access_protect_person('crm.customer_cluster');
INSERT INTO crm.room_setting (name, value, description) VALUES
    ('value.pair_min_persons', '30', 'persons who must have bought two products for one to be suggested after the other'),
    ('value.refill_min_cases', '10', 'gaps that must have been seen before a product has an interval of its own'),
    ('value.refill_weight_gaps', '3', 'gaps of everybody that weigh as much as one person''s own, when these are few'),
    ('value.hour_min_facts', '5', 'facts from which a person has a best hour of their own'),
    ('value.hour_fallback', '10', 'the hour for persons with fewer, and for a chain without any');
INSERT INTO crm.job (job, statement, every, at_local, position, next_run_at) VALUES
    ('value.habits', 'SELECT crm._value_habits_job()', '7 days', '04:40', 70, crm._worker_next_daily('04:40'));
SELECT crm._rule_source_put('cluster', 'value', 'state', 'crm.customer_cluster', '{
    "key": "customer_id", "keyed": "person", "as_of": "now", "facts": [], "name_zh": "聚类", "name_en": "cluster",
    "columns": {"group": {"column": "group_no", "type": "number"}}}');
