-- campaign_preset: flows made of presets or from nothing, and what a schedule would have done in the past.

CREATE FUNCTION crm.campaign_presets() RETURNS SETOF jsonb
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
BEGIN
    RETURN QUERY SELECT jsonb_build_object('preset', p.preset, 'name_zh', p.name_zh, 'name_en', p.name_en, 'trigger', p.trigger, 'spec', p.spec)
                 FROM crm.flow_preset p ORDER BY p.preset;
END
$$;
COMMENT ON FUNCTION crm.campaign_presets() IS 'the flows that a marketer may begin with, by name';
GRANT EXECUTE ON FUNCTION crm.campaign_presets() TO crm_manager, crm_marketer, crm_analyst, crm_headquarters;

CREATE FUNCTION crm.campaign_create(flow text, preset text, changes jsonb DEFAULT '{}', idempotency_key text DEFAULT NULL) RETURNS jsonb
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
#variable_conflict use_column
DECLARE
    answer jsonb := crm._idempotency_claim(idempotency_key,
            'campaign_create', crm._sha256(convert_to(jsonb_build_array(flow, preset, changes)::text, 'UTF8')));
    model crm.flow_preset%ROWTYPE;
    made crm.flow_row;
BEGIN
    IF answer IS NOT NULL THEN
        RETURN answer;
    END IF;
    SELECT * INTO model FROM crm.flow_preset p WHERE p.preset = campaign_create.preset;
    IF model.preset IS NULL THEN
        RAISE EXCEPTION 'there is no preset "%"', preset USING ERRCODE = 'no_data_found', COLUMN = 'preset',
            HINT = 'crm.campaign_presets() has those there are.';
    END IF;
    IF coalesce(flow, '') !~ '^[a-z][a-z0-9_]{0,62}$' OR jsonb_typeof(changes) IS DISTINCT FROM 'object' THEN
        RAISE EXCEPTION 'a flow is named by small letters, digits and _, and its changes are a JSON object'
            USING ERRCODE = 'invalid_parameter_value', COLUMN = 'flow', HINT = 'As win_back_90.';
    END IF;
    PERFORM crm._campaign_require_known(model.trigger, changes);
    PERFORM FROM crm.flow f ORDER BY f.flow_id FOR UPDATE;     -- numbers are given out one after the other
    IF EXISTS (SELECT FROM crm.flow f WHERE f.code = campaign_create.flow) THEN
        RAISE EXCEPTION 'there is a flow "%" already', flow USING ERRCODE = 'RM804', COLUMN = 'flow', HINT = 'Edit it, or take another name.';
    END IF;
    made.flow_id := (SELECT coalesce(max(f.flow_id), 0) + 1 FROM crm.flow f);
    made.code := flow; made.trigger := model.trigger; made.state := 'draft'; made.epoch := 1; made.version := 1;
    made.spec := jsonb_strip_nulls(model.spec || changes);
    PERFORM crm._campaign_require_fit(made);
    INSERT INTO crm.flow (flow_id, code, name_zh, name_en, trigger, state, spec)
    VALUES (made.flow_id, flow, model.name_zh, model.name_en, model.trigger, 'draft', made.spec);
    PERFORM crm._campaign_keep_version(made);
    answer := crm._campaign_write(made, 'create');
    PERFORM crm._idempotency_store(idempotency_key, answer);
    RETURN answer;
END
$$;
COMMENT ON FUNCTION crm.campaign_create(text, text, jsonb, text) IS
    'makes a draft of a preset under a code of its own, with changes; start it with crm.campaign_start(); RM801 '
    'incomplete, RM804 the code is taken, P0002 no preset';
GRANT EXECUTE ON FUNCTION crm.campaign_create(text, text, jsonb, text) TO crm_marketer, crm_headquarters;

CREATE FUNCTION crm.campaign_backtest(flow text, since date, until date) RETURNS jsonb
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
DECLARE
    chosen crm.flow_row;
    zone text;
    moment timestamptz;
    keys text[];
    per_moment jsonb := '[]';
    reached text[] := '{}';
BEGIN
    SELECT * INTO chosen FROM crm.flow f WHERE f.code = flow;
    IF chosen.flow_id IS NULL OR chosen.trigger <> 'schedule' THEN
        RAISE EXCEPTION 'there is no flow "%" with a schedule', flow USING ERRCODE = 'no_data_found', COLUMN = 'flow',
            HINT = 'crm.campaign_list() has those there are.';
    END IF;
    IF since IS NULL OR until IS NULL OR until < since OR until - since > 400 THEN
        RAISE EXCEPTION 'a backtest takes 1 to 401 days' USING ERRCODE = 'invalid_parameter_value', COLUMN = 'until',
            HINT = 'Name a first and a last day.';
    END IF;
    FOR zone IN SELECT z FROM crm._campaign_zones() z WHERE NOT chosen.spec ? 'zone'
        UNION SELECT chosen.spec ->> 'zone' WHERE chosen.spec ? 'zone' LOOP
        moment := since::timestamp AT TIME ZONE zone - interval '1 second';
        LOOP
            moment := crm._campaign_moment(chosen, zone, moment);
            EXIT WHEN moment IS NULL OR crm._local_day(moment, zone) > until;
            -- whom it would have entered: those whose key it has not used up before
            keys := ARRAY(SELECT m.person || ' ' || m.occurrence_key FROM crm._campaign_meant(chosen, zone, moment) m
                          WHERE m.occurrence_key IS NOT NULL
                          EXCEPT SELECT unnest(reached));
            reached := reached || keys;
            per_moment := per_moment || jsonb_build_object('moment', moment, 'zone', zone, 'entered', cardinality(keys));
        END LOOP;
    END LOOP;
    RETURN jsonb_build_object('flow', flow, 'since', since, 'until', until, 'entered', cardinality(reached),
        'persons', (SELECT count(DISTINCT split_part(r, ' ', 1)) FROM unnest(reached) r), 'moments', per_moment);
END
$$;
COMMENT ON FUNCTION crm.campaign_backtest(text, date, date) IS
    'whom a flow with a schedule would have entered between two local days, asked as of each of its moments by the '
    'code that enters; nothing is written; P0002, 22023';
GRANT EXECUTE ON FUNCTION crm.campaign_backtest(text, date, date) TO crm_marketer, crm_analyst, crm_headquarters;
