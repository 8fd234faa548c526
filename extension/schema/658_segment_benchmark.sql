-- Figures of the trade, a row a metric; a metric is what a condition of a rule finds about a person.
CREATE TABLE crm.benchmark (
    metric text PRIMARY KEY,
    name_zh text NOT NULL,
    name_en text NOT NULL,
    condition jsonb NOT NULL,           -- of the rule language, without op and value
    value numeric NOT NULL CHECK (value > 0),
    origin text NOT NULL,               -- where the figure comes from
    changed_by text NOT NULL,
    changed_at timestamptz NOT NULL);
-- Tags for whoever departs from a figure: all rows of a tag must hold.
CREATE TABLE crm.benchmark_tag (
    tag text NOT NULL,
    metric text NOT NULL REFERENCES crm.benchmark,
    op text NOT NULL CHECK (op IN ('<', '<=', '>', '>=')),
    factor numeric NOT NULL CHECK (factor > 0), -- times the figure
    PRIMARY KEY (tag, metric, op));
SELECT crm._access_open('crm.benchmark', 'crm.benchmark_tag');
