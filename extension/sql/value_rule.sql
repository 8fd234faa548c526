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
COMMENT ON FUNCTION crm._value_rule_version() IS
    'changes when another tier set, or a finished scoring, may have changed everybody''s value';

-- Stages, forecasts, groups and scores change in the night, for whoever they change for: a run that is finished is
-- told once.
CREATE FUNCTION crm._value_stage_version() RETURNS text
    LANGUAGE plpgsql STABLE AS
$$ BEGIN RETURN (SELECT max(r.as_of)::text FROM crm.journey_run r WHERE r.finished_at IS NOT NULL); END $$;
COMMENT ON FUNCTION crm._value_stage_version() IS 'changes when a nightly walk over the life cycle is finished';

CREATE FUNCTION crm._value_forecast_version() RETURNS text
    LANGUAGE plpgsql STABLE AS
$$ BEGIN RETURN (SELECT max(x.version)::text FROM crm.forecast_model x WHERE x.finished_at IS NOT NULL); END $$;
COMMENT ON FUNCTION crm._value_forecast_version() IS 'changes when a fit has been applied to everybody';

CREATE FUNCTION crm._value_cluster_version() RETURNS text
    LANGUAGE plpgsql STABLE AS
$$ BEGIN RETURN (SELECT max(r.run_id)::text FROM crm.cluster_run r); END $$;
COMMENT ON FUNCTION crm._value_cluster_version() IS 'changes when persons were put into groups anew';

CREATE FUNCTION crm._value_metric_version() RETURNS text
    LANGUAGE plpgsql STABLE AS
$$ BEGIN RETURN (SELECT string_agg(r.model || ':' || r.as_of, ' ' ORDER BY r.model)
        FROM (SELECT x.model, max(x.as_of) AS as_of FROM crm.metric_run x GROUP BY x.model) r); END $$;
COMMENT ON FUNCTION crm._value_metric_version() IS 'changes when a model of metrics was scored';

CREATE FUNCTION crm._value_rfm_version() RETURNS text
    LANGUAGE plpgsql STABLE AS
$$
BEGIN
    RETURN concat_ws(' ', crm._value_rule_version(), (
        SELECT concat_ws(' ', x.model, x.weights, md5(string_agg(concat_ws(':', c.r, c.f, c.m, c.segment), ' ' ORDER BY c.r, c.f, c.m)))
        FROM crm.rfm_model x LEFT JOIN crm.rfm_cell c ON c.segment_map = x.segment_map WHERE x.is_active GROUP BY x.model, x.weights));
END
$$;
COMMENT ON FUNCTION crm._value_rfm_version() IS
    'changes when another model, a finished scoring, other weights or other names of cells may have changed '
    'everybody''s segment';
