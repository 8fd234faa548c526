-- What a flow did only as a shadow did not happen to anybody: rules do not find it.
CREATE VIEW crm.flow_fired WITH (security_invoker = true) AS
    SELECT o.customer_id, o.flow_id, o.fired_at, o.arm, o.outcome FROM crm.occurrence o WHERE o.epoch >= 0;
COMMENT ON VIEW crm.flow_fired IS 'firings of flows for persons, without those of shadows: arm and outcome, as rules ask them';
SELECT crm._rule_source_put(s.kind, s.room, s.shape, 'crm.flow_fired', s.spec) FROM crm.rule_source s WHERE s.kind = 'flow';
