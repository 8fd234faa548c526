-- What stores sold of which category, added up by day: a quarter is the sum of ninety rows and of the days since the last night.
CREATE TABLE crm.report_sale (
    day date PRIMARY KEY,
    orders bigint NOT NULL,             -- of the day, when it was added up: another number now, and the day is added up anew
    store_ids int[] NOT NULL,           -- as many as there are amounts, side by side
    category_ids int[] NOT NULL,        -- 0: none
    amounts numeric[] NOT NULL);
CREATE TABLE crm.report_sale_progress (
    is_only boolean PRIMARY KEY DEFAULT true CHECK (is_only),
    kept_to date NOT NULL,              -- days to here are added up
    done_to date NOT NULL);             -- and tonight looked at to here; -infinity: not begun
INSERT INTO crm.report_sale_progress (kept_to, done_to) VALUES ('-infinity', '-infinity');
SELECT crm._access_protect_closed('crm.report_sale', 'crm.report_sale_progress');
INSERT INTO crm.job (job, statement, every, at_local, position, next_run_at, is_patient) VALUES
    ('report.sales', 'SELECT crm._report_sales_job()', '1 day', '04:40', 910, crm._worker_next_daily('04:40'), true);
