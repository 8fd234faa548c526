INSERT INTO crm.job (job, statement, every, at_local, position, next_run_at) VALUES
    ('report.follow', 'SELECT crm._report_follow()', '1 day', '03:40', 900, crm.core_now());
