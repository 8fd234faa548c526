-- Whether anybody of a backlog was let in is asked without walking those who wait for a marketer's word.
CREATE INDEX flow_backlog_confirmed ON crm.flow_backlog (flow_id, epoch) WHERE entered_at IS NULL AND confirmed_at IS NOT NULL;
