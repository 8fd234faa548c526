-- Ways that a night counted before their persons were kept (896): counted anew at once, and not first in the night that comes, for
-- until then who opens one waits while everybody is looked at.
UPDATE crm.job SET next_run_at = crm.core_now() WHERE job = 'report.groups'
    AND EXISTS (SELECT FROM crm.report_group_progress p JOIN crm.report_group g ON g.generation = p.generation AND g.what = 'path' AND g.a <> '{}'
                WHERE NOT EXISTS (SELECT FROM crm.report_path_set k WHERE k.generation = p.generation));
