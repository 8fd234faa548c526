-- campaign_result: what a flow achieved, when somebody asks. Of a flow that reached few it is computed at once; of one that reached many
-- it is computed each night, a flow a call, for the window of who names none.

CREATE FUNCTION crm._campaign_result_window() RETURNS int
    LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$ SELECT 14 $$;
COMMENT ON FUNCTION crm._campaign_result_window() IS 'days within which orders are counted when results are asked for without a window, and for which they are kept';

CREATE FUNCTION crm._campaign_is_large(flow int) RETURNS boolean
    LANGUAGE plpgsql STABLE SET enable_seqscan = off AS
$$
BEGIN
    RETURN EXISTS (SELECT FROM crm.occurrence o WHERE o.flow_id = flow OFFSET (crm._setting('campaign.results_at_once') #>> '{}')::bigint LIMIT 1);
END
$$;
COMMENT ON FUNCTION crm._campaign_is_large(int) IS 'whether a flow fired so often that its results are kept (campaign.results_at_once)';

CREATE FUNCTION crm._campaign_results_job() RETURNS bigint
    LANGUAGE plpgsql AS
$$
DECLARE
    days int := crm._campaign_result_window();
    zone text := crm._setting('core.time_zone') #>> '{}';
    today date := crm._local_day(crm.core_now(), zone);
    chosen crm.flow_row;
BEGIN
    SELECT f.* INTO chosen FROM crm.flow f
    WHERE NOT EXISTS (SELECT FROM crm.flow_result r WHERE r.flow_id = f.flow_id AND r.window_days = days AND crm._local_day(r.as_of, zone) >= today)
      AND crm._campaign_is_large(f.flow_id) ORDER BY f.flow_id LIMIT 1;
    IF NOT FOUND THEN
        RETURN 0;
    END IF;
    INSERT INTO crm.flow_result (flow_id, window_days, as_of, answer) VALUES (chosen.flow_id, days, crm.core_now(), crm._campaign_results(chosen, days))
    ON CONFLICT ON CONSTRAINT flow_result_pkey DO UPDATE SET as_of = excluded.as_of, answer = excluded.answer;
    RETURN 1;
END
$$;
COMMENT ON FUNCTION crm._campaign_results_job() IS
    'job: computes the results of a flow that reached many and was not computed on this local day; returns > 0 until all are';

CREATE FUNCTION crm.campaign_results(flow text, days int DEFAULT 14) RETURNS jsonb
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
DECLARE
    chosen crm.flow_row;
    kept jsonb;
BEGIN
    SELECT * INTO chosen FROM crm.flow f WHERE f.code = flow;
    IF chosen.flow_id IS NULL THEN
        RAISE EXCEPTION 'there is no flow "%"', flow USING ERRCODE = 'no_data_found', COLUMN = 'flow', HINT = 'crm.campaign_list() has those there are.';
    ELSIF coalesce(days, 0) NOT BETWEEN 1 AND 366 THEN
        RAISE EXCEPTION 'orders are counted within 1 to 366 days' USING ERRCODE = 'invalid_parameter_value', COLUMN = 'days', HINT = 'Give 14, or the days the offer holds.';
    END IF;
    SELECT r.answer || jsonb_build_object('as_of', r.as_of) INTO kept FROM crm.flow_result r WHERE r.flow_id = chosen.flow_id AND r.window_days = days;
    RETURN coalesce(kept, crm._campaign_results(chosen, days));
END
$$;
COMMENT ON FUNCTION crm.campaign_results(text, int) IS
    'what a flow did: outcomes, funnel (assigned, sent, delivered, opened, clicked, redeemed, ordered, in persons), both arms as assigned (intention to treat), persons of today once each, with orders and revenue net of refunds within so many local days (1 to 366) of the first time, lift in points and revenue a person, each with its 95 % interval, or how many more are needed; whether the control group''s share is no chance; cost in currency units, incremental margin, return, cost of a person brought back; per variant its funnel and its orders against the control group and the best one; of a flow with more than campaign.results_at_once occurrences, asked for 14 days, as of the last night (as_of); P0002, 22023';
GRANT EXECUTE ON FUNCTION crm.campaign_results(text, int) TO crm_manager, crm_marketer, crm_analyst, crm_headquarters;
