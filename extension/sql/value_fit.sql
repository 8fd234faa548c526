-- value: forecasts of plain numbers: fits as aggregates over any table, and questions about one customer.
-- A customer is (frequency, recency, age): repeat purchases, time of the last, time observed, both counted from the
-- first purchase in one unit, whatever it is; same-day orders are one purchase. Parameters are arrays.

CREATE TYPE crm.value_fit_result AS (
    model text, status text, params float8[], standard_errors float8[], log_likelihood float8,
    person_count bigint, pattern_count bigint, evaluations int);
COMMENT ON TYPE crm.value_fit_result IS
    'a fit: model (nbd when there is no dropout), status (converged, at_wall, no_dropout, no_repeats, no_data, '
    'failed), parameters and their standard errors (null at a wall), log-likelihood, customers and different ones '
    'among them, how often the likelihood was computed';

CREATE FUNCTION crm._value_cells_step(state bytea, frequency float8, recency float8, age float8) RETURNS bytea
    LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'crm_value_cells_step';
COMMENT ON FUNCTION crm._value_cells_step(bytea, float8, float8, float8) IS
    'counts a customer under their pattern; a null leaves them out; 22023';
CREATE FUNCTION crm._value_cells_spend_step(state bytea, frequency float8, average float8) RETURNS bytea
    LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'crm_value_cells_spend_step';
COMMENT ON FUNCTION crm._value_cells_spend_step(bytea, float8, float8) IS
    'counts a customer who bought again under their number of repeats and mean amount; 22023';
CREATE FUNCTION crm._value_cells_combine(state bytea, other bytea) RETURNS bytea
    LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'crm_value_cells_combine';
COMMENT ON FUNCTION crm._value_cells_combine(bytea, bytea) IS 'the customers of two states together';

CREATE FUNCTION crm._value_fit_bgnbd(state bytea) RETURNS crm.value_fit_result
    LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'crm_value_fit_bgnbd';
CREATE FUNCTION crm._value_fit_mbgnbd(state bytea) RETURNS crm.value_fit_result
    LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'crm_value_fit_mbgnbd';
CREATE FUNCTION crm._value_fit_paretonbd(state bytea) RETURNS crm.value_fit_result
    LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'crm_value_fit_paretonbd';
CREATE FUNCTION crm._value_fit_gammagamma(state bytea) RETURNS crm.value_fit_result
    LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'crm_value_fit_gammagamma';
COMMENT ON FUNCTION crm._value_fit_bgnbd(bytea) IS 'BG/NBD of the customers collected';
COMMENT ON FUNCTION crm._value_fit_mbgnbd(bytea) IS 'MBG/NBD of the customers collected';
COMMENT ON FUNCTION crm._value_fit_paretonbd(bytea) IS 'Pareto/NBD of the customers collected';
COMMENT ON FUNCTION crm._value_fit_gammagamma(bytea) IS 'Gamma-Gamma of the customers collected';

CREATE AGGREGATE crm.value_fit_bgnbd(frequency float8, recency float8, age float8) (
    SFUNC = crm._value_cells_step, STYPE = bytea, SSPACE = 1048576, COMBINEFUNC = crm._value_cells_combine,
    FINALFUNC = crm._value_fit_bgnbd, PARALLEL = SAFE);
COMMENT ON AGGREGATE crm.value_fit_bgnbd(float8, float8, float8) IS
    'BG/NBD by maximum likelihood: (r, alpha, a, b); alpha in the unit of the times given. Takes everybody who '
    'never bought again for alive: churn is asked of the others';
CREATE AGGREGATE crm.value_fit_mbgnbd(frequency float8, recency float8, age float8) (
    SFUNC = crm._value_cells_step, STYPE = bytea, SSPACE = 1048576, COMBINEFUNC = crm._value_cells_combine,
    FINALFUNC = crm._value_fit_mbgnbd, PARALLEL = SAFE);
COMMENT ON AGGREGATE crm.value_fit_mbgnbd(float8, float8, float8) IS
    'MBG/NBD by maximum likelihood: (r, alpha, a, b); alpha in the unit of the times given';
CREATE AGGREGATE crm.value_fit_paretonbd(frequency float8, recency float8, age float8) (
    SFUNC = crm._value_cells_step, STYPE = bytea, SSPACE = 1048576, COMBINEFUNC = crm._value_cells_combine,
    FINALFUNC = crm._value_fit_paretonbd, PARALLEL = SAFE);
COMMENT ON AGGREGATE crm.value_fit_paretonbd(float8, float8, float8) IS
    'Pareto/NBD by maximum likelihood: (r, alpha, s, beta); alpha and beta in the unit of the times given';
CREATE AGGREGATE crm.value_fit_gammagamma(frequency float8, average float8) (
    SFUNC = crm._value_cells_spend_step, STYPE = bytea, SSPACE = 1048576, COMBINEFUNC = crm._value_cells_combine,
    FINALFUNC = crm._value_fit_gammagamma, PARALLEL = SAFE);
COMMENT ON AGGREGATE crm.value_fit_gammagamma(float8, float8) IS
    'Gamma-Gamma by maximum likelihood: (p, q, gamma) of the mean amount of repeat purchases; gamma in the unit of '
    'the amounts. Who never bought again, or for nothing, is left out';

CREATE FUNCTION crm.value_alive(model text, params float8[], frequency float8, recency float8, age float8, horizon float8 DEFAULT 0) RETURNS float8
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'crm_value_alive';
COMMENT ON FUNCTION crm.value_alive(text, float8[], float8, float8, float8, float8) IS
    'the probability that a customer is still one, now or a horizon ahead, by what is known now; bgnbd, mbgnbd, '
    'paretonbd, nbd; 22023';
CREATE FUNCTION crm.value_expected(model text, params float8[], frequency float8, recency float8, age float8, horizon float8) RETURNS float8
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'crm_value_expected';
COMMENT ON FUNCTION crm.value_expected(text, float8[], float8, float8, float8, float8) IS
    'expected purchases of a customer in the horizon ahead; frequency, recency and age 0: of a new one; 22023';
CREATE FUNCTION crm.value_at_least(model text, params float8[], frequency float8, recency float8, age float8,
                                   horizon float8, purchases int) RETURNS float8
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'crm_value_at_least';
COMMENT ON FUNCTION crm.value_at_least(text, float8[], float8, float8, float8, float8, int) IS
    'the probability of at least so many purchases in the horizon ahead; 22023';
CREATE FUNCTION crm.value_quantile(model text, params float8[], frequency float8, recency float8, age float8,
                                   horizon float8, probability float8) RETURNS int
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'crm_value_quantile';
COMMENT ON FUNCTION crm.value_quantile(text, float8[], float8, float8, float8, float8, float8) IS
    'the number of purchases in the horizon ahead that is not exceeded with the probability: two of them are an '
    'interval; looks no further than 131,072; 22023';
CREATE FUNCTION crm.value_discounted(model text, params float8[], frequency float8, recency float8, age float8,
                                     horizon float8, period float8, discount float8) RETURNS float8
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'crm_value_discounted';
COMMENT ON FUNCTION crm.value_discounted(text, float8[], float8, float8, float8, float8, float8, float8) IS
    'expected purchases in the horizon ahead, those of the i-th period divided by (1 + discount)^i: times the '
    'expected amount it is the lifetime value; 22023';
CREATE FUNCTION crm.value_residual(params float8[], frequency float8, recency float8, age float8, rate float8) RETURNS float8
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'crm_value_residual';
COMMENT ON FUNCTION crm.value_residual(float8[], float8, float8, float8, float8) IS
    'Pareto/NBD: purchases for all time to come, discounted continuously at a rate a unit of time; 22023';
CREATE FUNCTION crm.value_spend(params float8[], frequency float8, average float8) RETURNS float8
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'crm_value_spend';
COMMENT ON FUNCTION crm.value_spend(float8[], float8, float8) IS
    'Gamma-Gamma: the expected mean amount of a customer with so many repeat purchases of that mean; frequency 0: '
    'of all customers, infinite when q <= 1; 22023';
CREATE FUNCTION crm.value_log_likelihood(model text, params float8[], frequency float8, recency float8, age float8) RETURNS float8
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'crm_value_log_likelihood';
COMMENT ON FUNCTION crm.value_log_likelihood(text, float8[], float8, float8, float8) IS
    'the log-likelihood of one customer; summed over customers it compares models and parameters; 22023';

GRANT EXECUTE ON FUNCTION
    crm.value_fit_bgnbd(float8, float8, float8), crm.value_fit_mbgnbd(float8, float8, float8), crm.value_fit_paretonbd(float8, float8, float8),
    crm.value_fit_gammagamma(float8, float8), crm.value_alive(text, float8[], float8, float8, float8, float8),
    crm.value_expected(text, float8[], float8, float8, float8, float8), crm.value_at_least(text, float8[], float8, float8, float8, float8, int),
    crm.value_quantile(text, float8[], float8, float8, float8, float8, float8),
    crm.value_discounted(text, float8[], float8, float8, float8, float8, float8, float8),
        crm.value_residual(float8[], float8, float8, float8, float8),
    crm.value_spend(float8[], float8, float8), crm.value_log_likelihood(text, float8[], float8, float8, float8)
    TO crm_marketer, crm_analyst, crm_headquarters;
