-- Where a person's basket stands among those of the chain: one hundred cut points of all buyers, found anew each night, a basket compared at once.
CREATE TABLE crm.basket_cut (
    is_only boolean PRIMARY KEY DEFAULT true CHECK (is_only),
    cuts bigint[] NOT NULL,             -- minor units; the k-th is the smallest basket that at least k in 100 buyers do not exceed
    person_count bigint NOT NULL,
    cut_at timestamptz NOT NULL);
SELECT crm._access_open('crm.basket_cut');

-- A basket is what a person has spent net by days with purchases, in whole minor units.
CREATE VIEW crm.person_basket WITH (security_invoker = true) AS
    SELECT v.customer_id, v.net_minor / v.order_days AS average_minor, width_bucket(v.net_minor / v.order_days, b.cuts) AS percentile
    FROM crm.customer_value v, crm.basket_cut b WHERE v.order_days > 0;

SELECT crm._rule_source_put('basket', 'value', 'state', 'crm.person_basket', '{
    "key": "customer_id", "keyed": "person", "as_of": "now", "facts": ["order", "refund", "member"], "name_zh": "客单价", "name_en": "basket",
    "pending": "crm.value_dirty", "version": "crm._value_basket_version",
    "columns": {
        "average_minor": {"column": "average_minor", "type": "number"},
        "percentile": {"column": "percentile", "type": "number"}}}');
INSERT INTO crm.job (job, statement, every, at_local, position, next_run_at) VALUES
    ('value.basket', 'SELECT crm._value_basket_job()', '1 day', '03:10', 61, crm._worker_next_daily('03:10'));
