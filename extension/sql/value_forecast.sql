-- value: forecasts of persons: versioned fits over kept histories, and what they say of each.

CREATE TYPE crm.value_pattern AS (
    frequency int, recency_days int, age_days int, repeat_mean_minor float8, median_gap_days float8, first_day date, last_day date);
COMMENT ON TYPE crm.value_pattern IS
    'order days after the first, days from the first to the last and to now, mean net of those after the first in '
    'minor units, median days between two, first and last order day';
CREATE FUNCTION crm.value_pattern(chunks crm.purchase_history[], as_of date) RETURNS crm.value_pattern
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'crm_value_pattern';
COMMENT ON FUNCTION crm.value_pattern(crm.purchase_history[], date) IS
    'what a history says to a forecast, by what was known at the end of a local day; null without an order';

CREATE TYPE crm.value_fit_version AS (version int, model text, params float8[], spend_params float8[], status text);
COMMENT ON TYPE crm.value_fit_version IS 'a row of crm.forecast_model, as far as predictions need it';
CREATE TYPE crm.value_prediction AS (
    alive float8, alive_then float8, orders float8, orders_low int, orders_high int, average float8, discounted float8, next_order_on date);
COMMENT ON TYPE crm.value_prediction IS 'what a version says of a pattern';

CREATE FUNCTION crm._value_patterns(as_of date) RETURNS TABLE (customer_id bigint, pattern crm.value_pattern)
    LANGUAGE sql STABLE AS
$$
    SELECT h.customer_id, h.pattern
    FROM (SELECT m.customer_id, crm.value_pattern(crm.purchase_combine(p.history), as_of) AS pattern
          FROM crm.purchase_chunk p JOIN crm.membership m ON m.source_record_id = p.source_record_id AND m.valid_to = 'infinity'
          GROUP BY m.customer_id OFFSET 0) h
    WHERE (h.pattern).frequency IS NOT NULL
$$;
COMMENT ON FUNCTION crm._value_patterns(date) IS 'the pattern of every person with an order, as of the end of a local day';

CREATE FUNCTION crm._value_expected_minor(spend_params float8[]) RETURNS numeric
    LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$ SELECT round(nullif(crm.value_spend(spend_params, 0, 0), 'Infinity')::numeric, 2) $$;
COMMENT ON FUNCTION crm._value_expected_minor(float8[]) IS
    'the mean amount of a customer of whom nothing is known, in minor units; null when there is no mean';

CREATE FUNCTION crm._value_fit(model text, as_of date) RETURNS int
    LANGUAGE plpgsql SET work_mem = '256MB' AS
$$
DECLARE
    made int := coalesce((SELECT max(x.version) FROM crm.forecast_model x), 0) + 1;
BEGIN
    INSERT INTO crm.forecast_model (version, as_of, model, status, params, standard_errors, log_likelihood,
            spend_status, spend_params, spend_check, person_count, fitted_at)
    WITH pattern AS MATERIALIZED (
        SELECT (p.pattern).frequency, (p.pattern).recency_days, (p.pattern).age_days,
            (p.pattern).repeat_mean_minor AS average FROM crm._value_patterns(_value_fit.as_of) p),
    quartile AS (
        SELECT percentile_cont('{0.25,0.75}'::float8[]) WITHIN GROUP (ORDER BY ln(x.average)) AS at FROM pattern x
            WHERE x.frequency > 0 AND x.average > 0),
    -- three times the middle half beyond it, and a factor of e^1.5 at least: where amounts of other people do not lie
    far AS (SELECT exp(q.at[1] - 3 * greatest(q.at[2] - q.at[1], 0.5)) AS below,
            exp(q.at[2] + 3 * greatest(q.at[2] - q.at[1], 0.5)) AS above FROM quartile q)
    SELECT made, _value_fit.as_of, (f.fit).model, (f.fit).status, (f.fit).params, (f.fit).standard_errors, (f.fit).log_likelihood,
           (f.spend).status, (f.spend).params,
           jsonb_build_object('far_out', f.far_out, 'below_minor', round(f.below), 'above_minor', round(f.above),
               'expected_minor', crm._value_expected_minor((f.spend).params),
                   'expected_without_minor', crm._value_expected_minor((f.spend_without).params)),
           (f.fit).person_count, crm.core_now()
    FROM (SELECT CASE _value_fit.model
                     WHEN 'bgnbd' THEN crm.value_fit_bgnbd(p.frequency, p.recency_days, p.age_days)
                     WHEN 'paretonbd' THEN crm.value_fit_paretonbd(p.frequency, p.recency_days, p.age_days)
                     ELSE crm.value_fit_mbgnbd(p.frequency, p.recency_days, p.age_days) END AS fit,
                 crm.value_fit_gammagamma(p.frequency, p.average) AS spend,
                 crm.value_fit_gammagamma(p.frequency, p.average) FILTER (WHERE p.average BETWEEN far.below AND far.above) AS spend_without,
                 count(*) FILTER (WHERE p.frequency > 0 AND p.average > 0 AND p.average NOT BETWEEN far.below AND far.above) AS far_out,
                 min(far.below) AS below, min(far.above) AS above
          FROM pattern p CROSS JOIN far) f;
    RETURN made;
END
$$;
COMMENT ON FUNCTION crm._value_fit(text, date) IS
    'fits purchases and spending of everybody as of the end of a local day, spending also without the amounts that '
    'lie far out; returns the new version';

CREATE FUNCTION crm._value_require_known(day date, argument text) RETURNS date
    LANGUAGE plpgsql STABLE AS
$$
BEGIN
    IF crm._require_day(day, argument) > crm._value_today() THEN
        RAISE EXCEPTION '% lies after today', day USING ERRCODE = 'invalid_parameter_value', COLUMN = argument,
            HINT = 'Give today or a day before: nobody knows yet who will have bought until then.';
    END IF;
    RETURN day;
END
$$;
COMMENT ON FUNCTION crm._value_require_known(date, text) IS
    'the day; 22023 when it lies after today or is none to ask about, for what would be kept of it were wrong until '
    'then';

CREATE FUNCTION crm._value_whole(amount float8) RETURNS bigint
    LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$ SELECT round(least(amount, 9e18))::bigint $$;
COMMENT ON FUNCTION crm._value_whole(float8) IS
    'an expected amount in whole minor units, 9 x 10^18 at most: one that no till took may not stop everybody''s '
    'forecasts';

CREATE FUNCTION crm.value_fit(model text DEFAULT NULL, as_of date DEFAULT NULL, idempotency_key text DEFAULT NULL) RETURNS jsonb
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
DECLARE
    wanted text := coalesce(model, crm._setting('value.forecast_model') #>> '{}');
    answer jsonb := crm._idempotency_claim(idempotency_key, 'value_fit', crm._sha256(convert_to(jsonb_build_array(model, as_of)::text, 'UTF8')));
    made int;
BEGIN
    IF answer IS NOT NULL THEN
        RETURN answer;
    END IF;
    IF wanted NOT IN ('bgnbd', 'mbgnbd', 'paretonbd') THEN
        RAISE EXCEPTION 'there is no forecast model "%"', wanted
            USING ERRCODE = 'invalid_parameter_value', COLUMN = 'model', HINT = 'Models are mbgnbd, paretonbd and bgnbd.';
    END IF;
    made := crm._value_fit(wanted, coalesce(crm._value_require_known(value_fit.as_of, 'as_of'), crm._value_today() - 1));
    answer := (SELECT to_jsonb(x) - 'applied_to' FROM crm.forecast_model x WHERE x.version = made);
    PERFORM crm._audit('fit', 'forecast_model', NULL, answer ->> 'version', NULL, NULL, wanted);
    PERFORM crm._idempotency_store(idempotency_key, answer);
    RETURN answer;
END
$$;
COMMENT ON FUNCTION crm.value_fit(text, date, text) IS
    'fits a model (default the setting''s) to everybody as of the end of a local day (default yesterday, none after '
    'today): a new version, which the nightly job applies; its row. spend_check: how many mean amounts lie far out '
    '(three times the middle half of their logarithms beyond it), and the expected amount of a customer with them '
    'and without: where the two differ, look at those amounts; 22023';

CREATE FUNCTION crm._value_current_fit() RETURNS crm.value_fit_version
    LANGUAGE plpgsql STABLE AS
$$
BEGIN
    RETURN (SELECT ROW(x.version, x.model, x.params, x.spend_params, x.status)::crm.value_fit_version FROM crm.forecast_model x
            WHERE x.status IN ('converged', 'at_wall', 'no_dropout') ORDER BY x.version DESC LIMIT 1);
END
$$;
COMMENT ON FUNCTION crm._value_current_fit() IS 'the newest version that can be used; null without one';

CREATE FUNCTION crm._value_predict(fit crm.value_fit_version, pattern crm.value_pattern, days int, discount float8,
                                   share float8) RETURNS crm.value_prediction
    LANGUAGE plpgsql IMMUTABLE AS
$$
DECLARE
    one crm.value_prediction;
    horizon float8 := days;
BEGIN
    one.alive := crm.value_alive(fit.model, fit.params, pattern.frequency, pattern.recency_days, pattern.age_days);
    one.alive_then := crm.value_alive(fit.model, fit.params, pattern.frequency, pattern.recency_days, pattern.age_days, horizon);
    one.orders := crm.value_expected(fit.model, fit.params, pattern.frequency, pattern.recency_days, pattern.age_days, horizon);
    one.orders_low := crm.value_quantile(fit.model, fit.params, pattern.frequency, pattern.recency_days, pattern.age_days, horizon, (1 - share) / 2);
    one.orders_high := crm.value_quantile(fit.model, fit.params, pattern.frequency, pattern.recency_days, pattern.age_days, horizon, (1 + share) / 2);
    one.average := CASE WHEN fit.spend_params IS NOT NULL THEN
        nullif(crm.value_spend(fit.spend_params, CASE WHEN pattern.repeat_mean_minor > 0 THEN pattern.frequency
                    ELSE 0 END, coalesce(pattern.repeat_mean_minor, 0)), 'Infinity') END;
    one.discounted := crm.value_discounted(fit.model, fit.params, pattern.frequency, pattern.recency_days, pattern.age_days, horizon, 30, discount);
    -- computed as of the last order: own rhythm from three gaps on, else the median wait of one who is alive
    one.next_order_on := pattern.last_day + CASE WHEN pattern.frequency >= 3 THEN greatest(pattern.median_gap_days, 1)
        ELSE least((fit.params[2] + pattern.recency_days) * (power(2::float8,
                        least(1 / (fit.params[1] + pattern.frequency), 20)) - 1), 3650) END::int;
    RETURN one;
END
$$;
COMMENT ON FUNCTION crm._value_predict(crm.value_fit_version, crm.value_pattern, int, float8, float8) IS
    'what a version says of a pattern over days ahead: chances to be alive, orders and their interval, mean net of '
    'an order day in minor units (null: no mean exists), discounted orders, the next order''s day as it was to be '
    'expected after the last';

CREATE FUNCTION crm._value_churn(alive float8) RETURNS text
    LANGUAGE plpgsql STABLE AS
$$
BEGIN
    RETURN CASE WHEN 1 - alive >= (crm._setting('value.churn_high_from') #>> '{}')::float8 THEN 'high'
                WHEN 1 - alive >= (crm._setting('value.churn_medium_from') #>> '{}')::float8 THEN 'medium' ELSE 'low' END;
END
$$;
COMMENT ON FUNCTION crm._value_churn(float8) IS 'low, medium or high, by the chance to be gone';

CREATE FUNCTION crm.value_forecast(customer_id bigint, horizon_days int DEFAULT NULL, as_of date DEFAULT NULL) RETURNS jsonb
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
DECLARE
    person bigint := crm._access_require_person(customer_id);
    day date := coalesce(crm._require_day(as_of, 'as_of'), crm._value_today());
    days int := coalesce(horizon_days, (crm._setting('value.forecast_days') #>> '{}')::int);
    fit crm.value_fit_version := crm._value_current_fit();
    pattern crm.value_pattern := crm.value_pattern(crm._purchase_history(person), day);
    one crm.value_prediction;
    unit numeric := 10::numeric ^ crm._purchase_exponent();
BEGIN
    IF days NOT BETWEEN 1 AND 36500 THEN
        RAISE EXCEPTION 'horizon of % days is not between 1 and 36500', days USING ERRCODE = 'invalid_parameter_value', COLUMN = 'horizon_days',
            HINT = 'Give 365.';
    END IF;
    IF fit.version IS NULL OR pattern.frequency IS NULL THEN
        RETURN jsonb_build_object('customer_id', person, 'as_of', day, 'status', CASE WHEN fit.version IS NULL THEN 'no model' ELSE 'no order' END);
    END IF;
    one := crm._value_predict(fit, pattern, days, (crm._setting('value.forecast_discount_monthly') #>> '{}')::float8,
                              (crm._setting('value.forecast_interval_share') #>> '{}')::float8);
    RETURN jsonb_build_object(
        'customer_id', person, 'as_of', day, 'status', 'ok', 'version', fit.version, 'model', fit.model, 'horizon_days', days,
        'alive', round(one.alive::numeric, 6), 'alive_then', round(one.alive_then::numeric, 6), 'churn', crm._value_churn(one.alive),
        'orders', round(one.orders::numeric, 4), 'orders_low', one.orders_low, 'orders_high', one.orders_high,
        'average', round(one.average::numeric / unit, 2), 'lifetime', round((one.discounted * one.average)::numeric / unit, 2),
        'lifetime_low', round((one.orders_low * one.average * one.discounted / nullif(one.orders, 0))::numeric / unit, 2),
        'lifetime_high', round((one.orders_high * one.average * one.discounted / nullif(one.orders, 0))::numeric / unit, 2),
        'next_order_on', one.next_order_on, 'overdue_days', greatest(day - one.next_order_on, 0),
        'frequency', pattern.frequency, 'recency_days', pattern.recency_days, 'age_days', pattern.age_days,
            'median_gap_days', pattern.median_gap_days);
END
$$;
COMMENT ON FUNCTION crm.value_forecast(bigint, int, date) IS
    'what the newest fit says of a person over days ahead (default the setting''s) as of the end of a local day '
    '(default today): chance to be alive now and then, churn label, orders with an interval, lifetime value '
    '(discounted, orders at the expected amount) with its own, the day the next order is due; status ok, no model, '
    'no order; P0002, 22023';

-- The nightly job: a fit a week, applied in pieces.
CREATE FUNCTION crm._value_forecast_piece(fit crm.value_fit_version, day date, persons bigint[]) RETURNS void
    LANGUAGE plpgsql AS
$$
DECLARE
    days int := (crm._setting('value.forecast_days') #>> '{}')::int;
    discount float8 := (crm._setting('value.forecast_discount_monthly') #>> '{}')::float8;
    share float8 := (crm._setting('value.forecast_interval_share') #>> '{}')::float8;
BEGIN
    INSERT INTO crm.customer_forecast AS f (customer_id, version, as_of, alive, alive_then, churn, horizon_days,
                                            orders, orders_low, orders_high, average_minor,
                                            lifetime_minor, lifetime_low_minor, lifetime_high_minor, next_order_on, updated_at)
    SELECT p.person, fit.version, day, (p.one).alive, (p.one).alive_then, crm._value_churn((p.one).alive), days,
        (p.one).orders, (p.one).orders_low, (p.one).orders_high,
           crm._value_whole((p.one).average), crm._value_whole((p.one).discounted * (p.one).average),
           crm._value_whole((p.one).orders_low * (p.one).average * (p.one).discounted / nullif((p.one).orders, 0)),
           crm._value_whole((p.one).orders_high * (p.one).average * (p.one).discounted / nullif((p.one).orders, 0)),
               (p.one).next_order_on, crm.core_now()
    FROM (SELECT x.person, crm._value_predict(fit, x.pattern, days, discount, share) AS one
          FROM (SELECT u.person, crm.value_pattern(crm._purchase_history(u.person), day) AS pattern FROM unnest(persons) u (person) OFFSET 0) x
          WHERE (x.pattern).frequency IS NOT NULL OFFSET 0) p
    ORDER BY p.person
    ON CONFLICT ON CONSTRAINT customer_forecast_pkey DO UPDATE
    SET version = excluded.version, as_of = excluded.as_of, alive = excluded.alive, alive_then = excluded.alive_then, churn = excluded.churn,
        horizon_days = excluded.horizon_days, orders = excluded.orders, orders_low = excluded.orders_low, orders_high = excluded.orders_high,
        average_minor = excluded.average_minor, lifetime_minor = excluded.lifetime_minor, lifetime_low_minor = excluded.lifetime_low_minor,
        lifetime_high_minor = excluded.lifetime_high_minor, next_order_on = excluded.next_order_on, updated_at = excluded.updated_at;
    DELETE FROM crm.customer_forecast f WHERE f.customer_id = ANY (persons) AND f.updated_at < crm.core_now()
        AND (crm.value_pattern(crm._purchase_history(f.customer_id), day)).frequency IS NULL;
END
$$;
COMMENT ON FUNCTION crm._value_forecast_piece(crm.value_fit_version, date, bigint[]) IS
    'writes what a version says of persons as of the end of a local day; who has no order any more loses the row';

CREATE FUNCTION crm._value_forecast_job() RETURNS bigint
    LANGUAGE plpgsql AS
$$
DECLARE
    piece CONSTANT int := 2000;
    day date := crm._value_today() - 1;
    newest crm.forecast_model;
    persons bigint[];
BEGIN
    SELECT * INTO newest FROM crm.forecast_model x ORDER BY x.version DESC LIMIT 1;
    IF newest.version IS NULL OR newest.as_of <= day - 7 THEN
        PERFORM crm._value_fit(crm._setting('value.forecast_model') #>> '{}', day);
        RETURN 1;
    END IF;
    IF newest.finished_at IS NOT NULL OR newest.status NOT IN ('converged', 'at_wall', 'no_dropout') THEN
        RETURN 0;
    END IF;
    persons := ARRAY(SELECT c.customer_id FROM crm.customer c WHERE c.customer_id > newest.applied_to
            AND c.status = 'active' ORDER BY c.customer_id LIMIT piece);
    PERFORM crm._value_forecast_piece(crm._value_current_fit(), newest.as_of, persons);
    UPDATE crm.forecast_model x
    SET applied_to = coalesce(persons[cardinality(persons)], x.applied_to), finished_at = CASE
        WHEN cardinality(persons) < piece THEN crm.core_now() END
    WHERE x.version = newest.version;
    RETURN CASE WHEN cardinality(persons) < piece THEN 0 ELSE 1 END;
END
$$;
COMMENT ON FUNCTION crm._value_forecast_job() IS
    'job: fits once a week, then applies the newest version in pieces of 2,000 persons; returns > 0 while there is '
    'more to do';

GRANT EXECUTE ON FUNCTION crm.value_pattern(crm.purchase_history[], date) TO crm_analyst, crm_headquarters;
GRANT EXECUTE ON FUNCTION crm.value_forecast(bigint, int, date)
    TO crm_clerk, crm_store_manager, crm_manager, crm_service, crm_steward, crm_marketer, crm_analyst, crm_headquarters;
GRANT EXECUTE ON FUNCTION crm.value_fit(text, date, text) TO crm_analyst, crm_headquarters;
