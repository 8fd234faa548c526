-- What a demonstration made of its chain, in a few lines.
\set ON_ERROR_STOP 1
SELECT format('%s source records became %s persons (%s receipts without a member); %s orders, %s refunds, %s events',
    (SELECT count(*) FROM crm.source_record WHERE kind <> 'receipt'), (SELECT count(*) FROM crm.customer WHERE status = 'active'),
    (SELECT count(*) FROM crm.source_record r WHERE r.kind = 'receipt'),
    (SELECT count(*) FROM crm.customer_order WHERE is_current), (SELECT count(*) FROM crm.refund WHERE is_current), (SELECT count(*) FROM crm.event));
SELECT 'tiers: ' || string_agg(format('%s %s %%', tier, round(100.0 * n / total, 1)), ', ' ORDER BY n DESC)
FROM (SELECT coalesce(v.tier, 'P') AS tier, count(*) AS n, sum(count(*)) OVER () AS total
      FROM crm.customer c LEFT JOIN crm.customer_value v USING (customer_id) WHERE c.status = 'active' GROUP BY 1) t;
SELECT format('flow %s: %s, %s occurrences (%s treated, %s control), %s coupons, backlog %s waiting',
    f.code, f.state, count(o.*), count(o.*) FILTER (WHERE o.arm = 'treatment'), count(o.*) FILTER (WHERE o.arm = 'control'),
    (SELECT count(*) FROM crm.coupon c WHERE c.flow_id = f.flow_id),
    (SELECT count(*) FROM crm.flow_backlog b WHERE b.flow_id = f.flow_id AND b.entered_at IS NULL))
FROM crm.flow f LEFT JOIN crm.occurrence o USING (flow_id) GROUP BY f.flow_id, f.code, f.state ORDER BY f.code;
SELECT 'gate: ' || coalesce(string_agg(format('%s %s %s', step, result, n), ', ' ORDER BY n DESC), 'no decision')
FROM (SELECT step, result, count(*) AS n FROM crm.decision WHERE result <> 'pass' GROUP BY 1, 2) d;
SELECT 'messages: ' || coalesce(string_agg(format('%s %s', kind, n), ', ' ORDER BY kind), 'none')
FROM (SELECT kind, count(*) AS n FROM crm.outbox_event GROUP BY 1) e;
SELECT format('rejects: %s open; alerts: %s open', (SELECT count(*) FROM crm.reject WHERE state = 'open'), (SELECT count(*) FROM crm.alert WHERE closed_at IS NULL));
