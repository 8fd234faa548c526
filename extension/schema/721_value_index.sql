-- Indexes that no question asks, and that every change of tier paid for; rows of scores are written by the nightly run.
DROP INDEX crm.tier_change_day;
