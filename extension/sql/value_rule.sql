-- value: what makes everybody's value another at once, for who keeps audiences.

CREATE FUNCTION crm._value_rule_version() RETURNS text
    LANGUAGE plpgsql STABLE AS
$$
BEGIN
    RETURN concat_ws(' ', (SELECT concat_ws(':', s.tier_set, s.version) FROM crm.tier_set s WHERE s.is_active),
                     (SELECT concat_ws(':', r.model, max(r.as_of)) FROM crm.rfm_run r JOIN crm.rfm_model m ON m.model = r.model
                      WHERE m.is_active AND r.finished_at IS NOT NULL GROUP BY r.model));
END
$$;
COMMENT ON FUNCTION crm._value_rule_version() IS 'changes when another tier set, or a finished scoring, may have changed everybody''s value';
