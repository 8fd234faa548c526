/*
 * value_fit.c
 *		The SQL-callable edge of the forecasts: fits at the end of an aggregate, and questions
 *		about one customer given as plain numbers, so that any table can be asked.
 *
 * A model is named 'bgnbd', 'mbgnbd', 'paretonbd', 'nbd' or 'gammagamma', its parameters are
 * an array in the order of pure/forecast.h.  Reads no table, takes no lock.
 */
#include "value/value_forecast.h"

#include "catalog/pg_type.h"
#include "utils/array.h"
#include "utils/builtins.h"

static const char *const model_names[] = {"bgnbd", "mbgnbd", "paretonbd", "nbd", "gammagamma"};
static const int model_params[] = {4, 4, 4, 2, 3};

static CrmForecastModel
model_of(text *name)
{
	for (int i = 0; i < lengthof(model_names); i++)
		if (VARSIZE_ANY_EXHDR(name) == strlen(model_names[i]) &&
			memcmp(VARDATA_ANY(name), model_names[i], strlen(model_names[i])) == 0)
			return i;
	ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					errmsg("there is no forecast model \"%s\"", text_to_cstring(name)),
					crm_errfield("model"),
					errhint("Models are bgnbd, mbgnbd, paretonbd, nbd and gammagamma.")));
}

static void
read_params(ArrayType *array, CrmForecastModel model, double *params)
{
	int			n = model_params[model];

	if (ARR_NDIM(array) != 1 || ARR_DIMS(array)[0] < n || ARR_HASNULL(array))
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("model %s has %d parameters", model_names[model], n),
						crm_errfield("params"),
						errhint("Take them from crm.value_fit_%s().", model == CRM_FORECAST_NBD ? "bgnbd" : model_names[model])));
	memset(params, 0, CRM_FORECAST_PARAMS * sizeof(double));
	memcpy(params, ARR_DATA_PTR(array), n * sizeof(double));
	for (int i = 0; i < n; i++)
		if (!(params[i] > 0 && params[i] < 1e300))
			ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
							errmsg("parameter %d of model %s is not positive", i + 1, model_names[model]),
							crm_errfield("params"),
							errhint("Take them from a fit that came to an end.")));
}

/* ---- fits */

static Datum
float_array(const double *values, int n)
{
	Datum		datums[CRM_FORECAST_PARAMS];
	bool		nulls[CRM_FORECAST_PARAMS];
	int			dims[1] = {n};
	int			lower[1] = {1};

	for (int i = 0; i < n; i++)
	{
		nulls[i] = isnan(values[i]);
		datums[i] = Float8GetDatum(values[i]);
	}
	return PointerGetDatum(construct_md_array(datums, nulls, 1, dims, lower, FLOAT8OID, sizeof(float8),
											  FLOAT8PASSBYVAL, TYPALIGN_DOUBLE));
}

/* A fit of many patterns takes seconds, and holds nothing that must be given back. */
static void
look_up(void)
{
	CHECK_FOR_INTERRUPTS();
}

/* The row type crm.value_fit_result. */
static Datum
report_fit(FunctionCallInfo fcinfo, CrmForecastModel model)
{
	uint32		count = 0;
	CrmForecastCell *cells = NULL;
	double		persons = 0;
	CrmForecastFit fit;
	bool		has_params;
	Datum		values[8];
	bool		nulls[8] = {false};

	if (!PG_ARGISNULL(0))
		cells = crm_value_cells_sorted(PG_GETARG_DATUM(0), &count);
	for (uint32 i = 0; i < count; i++)
		persons += cells[i].weight;
	fit = crm_forecast_fit(model, cells, count, look_up);
	if (fit.status == CRM_FORECAST_NO_DROPOUT)
		model = CRM_FORECAST_NBD;
	has_params = !isnan(fit.params[0]);
	values[0] = CStringGetTextDatum(model_names[model]);
	values[1] = CStringGetTextDatum(crm_forecast_status_name(fit.status));
	values[2] = float_array(fit.params, fit.n_params);
	values[3] = float_array(fit.errors, fit.n_params);
	nulls[2] = nulls[3] = !has_params;
	values[4] = Float8GetDatum(fit.log_likelihood);
	nulls[4] = isnan(fit.log_likelihood);
	values[5] = Int64GetDatum((int64) persons);
	values[6] = Int64GetDatum(count);
	values[7] = Int32GetDatum(fit.evaluations);
	return crm_core_row(fcinfo, values, nulls);
}

PG_FUNCTION_INFO_V1(crm_value_fit_bgnbd);
PG_FUNCTION_INFO_V1(crm_value_fit_mbgnbd);
PG_FUNCTION_INFO_V1(crm_value_fit_paretonbd);
PG_FUNCTION_INFO_V1(crm_value_fit_gammagamma);

Datum
crm_value_fit_bgnbd(PG_FUNCTION_ARGS)
{
	return report_fit(fcinfo, CRM_FORECAST_BGNBD);
}

Datum
crm_value_fit_mbgnbd(PG_FUNCTION_ARGS)
{
	return report_fit(fcinfo, CRM_FORECAST_MBGNBD);
}

Datum
crm_value_fit_paretonbd(PG_FUNCTION_ARGS)
{
	return report_fit(fcinfo, CRM_FORECAST_PARETO);
}

Datum
crm_value_fit_gammagamma(PG_FUNCTION_ARGS)
{
	return report_fit(fcinfo, CRM_FORECAST_SPEND);
}

/* ---- questions */

/* (model, params, frequency, recency, age): the first five arguments of every question. */
typedef struct Question
{
	CrmForecastModel model;
	double		params[CRM_FORECAST_PARAMS];
	CrmForecastCell customer;
} Question;

static Question
read_question(FunctionCallInfo fcinfo)
{
	Question	question;
	CrmForecastCell *customer = &question.customer;

	question.model = model_of(PG_GETARG_TEXT_PP(0));
	if (question.model == CRM_FORECAST_SPEND)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("model gammagamma says nothing about purchases"),
						crm_errfield("model"),
						errhint("Ask crm.value_spend().")));
	read_params(PG_GETARG_ARRAYTYPE_P(1), question.model, question.params);
	*customer = (CrmForecastCell) {PG_GETARG_FLOAT8(2), PG_GETARG_FLOAT8(3), PG_GETARG_FLOAT8(4), 1};
	if (!(customer->x >= 0 && customer->x <= 1e9 && customer->tx >= 0 && customer->tx <= customer->T && customer->T < 1e15))
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("no customer has frequency %g, recency %g, age %g", customer->x, customer->tx, customer->T),
						crm_errfield(customer->x >= 0 && customer->x <= 1e9 ? "recency" : "frequency"),
						errhint("Frequency is a count of repeat purchases, 0 <= recency <= age.")));
	return question;
}

/* An argument that is a span of time or a rate. */
static double
read_span(FunctionCallInfo fcinfo, int argument, const char *name)
{
	double		span = PG_GETARG_FLOAT8(argument);

	if (!(span >= 0 && span < 1e15))
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("%s cannot be %g", name, span),
						crm_errfield(name), errhint("Give a number from 0.")));
	return span;
}

PG_FUNCTION_INFO_V1(crm_value_alive);
PG_FUNCTION_INFO_V1(crm_value_expected);
PG_FUNCTION_INFO_V1(crm_value_at_least);
PG_FUNCTION_INFO_V1(crm_value_quantile);
PG_FUNCTION_INFO_V1(crm_value_discounted);
PG_FUNCTION_INFO_V1(crm_value_residual);
PG_FUNCTION_INFO_V1(crm_value_spend);
PG_FUNCTION_INFO_V1(crm_value_log_likelihood);

Datum
crm_value_alive(PG_FUNCTION_ARGS)
{
	Question	q = read_question(fcinfo);

	PG_RETURN_FLOAT8(crm_forecast_alive(q.model, q.params, &q.customer, read_span(fcinfo, 5, "horizon")));
}

Datum
crm_value_expected(PG_FUNCTION_ARGS)
{
	Question	q = read_question(fcinfo);

	PG_RETURN_FLOAT8(crm_forecast_expected(q.model, q.params, &q.customer, read_span(fcinfo, 5, "horizon")));
}

Datum
crm_value_at_least(PG_FUNCTION_ARGS)
{
	Question	q = read_question(fcinfo);
	int			count = Min(PG_GETARG_INT32(6), CRM_FORECAST_MAX_COUNT + 1);

	PG_RETURN_FLOAT8(crm_forecast_at_least(q.model, q.params, &q.customer, read_span(fcinfo, 5, "horizon"), count));
}

Datum
crm_value_quantile(PG_FUNCTION_ARGS)
{
	Question	q = read_question(fcinfo);
	double		probability = PG_GETARG_FLOAT8(6);

	if (!(probability > 0 && probability < 1))
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("probability %g is not between 0 and 1", probability),
						crm_errfield("probability"), errhint("Give a share such as 0.9.")));
	PG_RETURN_INT32(crm_forecast_quantile(q.model, q.params, &q.customer, read_span(fcinfo, 5, "horizon"), probability));
}

Datum
crm_value_discounted(PG_FUNCTION_ARGS)
{
	Question	q = read_question(fcinfo);
	double		horizon = read_span(fcinfo, 5, "horizon");
	double		period = read_span(fcinfo, 6, "period");
	double		discount = read_span(fcinfo, 7, "discount");

	if (period == 0 || horizon / period > CRM_FORECAST_MAX_PERIODS)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("horizon has more than %d periods", CRM_FORECAST_MAX_PERIODS),
						crm_errfield("period"), errhint("Give a longer period, or a shorter horizon.")));
	PG_RETURN_FLOAT8(crm_forecast_discounted(q.model, q.params, &q.customer, horizon, period, discount));
}

/* crm.value_residual(params, frequency, recency, age, rate): of Pareto/NBD alone. */
Datum
crm_value_residual(PG_FUNCTION_ARGS)
{
	double		params[CRM_FORECAST_PARAMS];
	CrmForecastCell customer = {PG_GETARG_FLOAT8(1), PG_GETARG_FLOAT8(2), PG_GETARG_FLOAT8(3), 1};

	read_params(PG_GETARG_ARRAYTYPE_P(0), CRM_FORECAST_PARETO, params);
	if (!(customer.x >= 0 && customer.tx >= 0 && customer.tx <= customer.T && customer.T < 1e15))
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("recency is not between 0 and age"),
						crm_errfield("recency"), errhint("Frequency is a count of repeat purchases, 0 <= recency <= age.")));
	PG_RETURN_FLOAT8(crm_forecast_pareto_residual(params, &customer, read_span(fcinfo, 4, "rate")));
}

/* crm.value_spend(params, frequency, average) */
Datum
crm_value_spend(PG_FUNCTION_ARGS)
{
	double		params[CRM_FORECAST_PARAMS];
	double		average = PG_GETARG_FLOAT8(2);

	read_params(PG_GETARG_ARRAYTYPE_P(0), CRM_FORECAST_SPEND, params);
	PG_RETURN_FLOAT8(crm_forecast_spend(params, average > 0 ? PG_GETARG_FLOAT8(1) : 0, average));
}

Datum
crm_value_log_likelihood(PG_FUNCTION_ARGS)
{
	Question	q = read_question(fcinfo);

	PG_RETURN_FLOAT8(crm_forecast_likelihood(q.model, q.params, &q.customer, 1, NULL));
}
