/*
 * forecast.c - the questions that are asked of a customer, whatever the model.
 *
 * Each is P(alive) times what a living customer will do, which the models answer.
 */
#include "pure/forecast.h"

#include "pure/special.h"

#include <math.h>

/* Chances to have left before the first repeat purchase. */
static int
extra_of(CrmForecastModel model)
{
	return model == CRM_FORECAST_MBGNBD;
}

double
crm_forecast_alive(CrmForecastModel model, const double *params, const CrmForecastCell *customer,
				   double horizon)
{
	CrmForecastLiving living;

	if (model == CRM_FORECAST_NBD)
		return 1;
	if (model == CRM_FORECAST_PARETO)
		return crm_pareto_alive(params, customer) * crm_pareto_survives(params, customer, horizon);
	living = crm_dropout_living(params, customer, extra_of(model));
	return crm_dropout_alive(params, customer, extra_of(model)) * crm_dropout_survives(&living, horizon);
}

double
crm_forecast_expected(CrmForecastModel model, const double *params, const CrmForecastCell *customer,
					  double horizon)
{
	CrmForecastLiving living;

	if (!(horizon > 0))
		return 0;
	if (model == CRM_FORECAST_NBD)
		return (params[0] + customer->x) / (params[1] + customer->T) * horizon;
	if (model == CRM_FORECAST_PARETO)
		return crm_pareto_alive(params, customer) * crm_pareto_expected(params, customer, horizon);
	living = crm_dropout_living(params, customer, extra_of(model));
	return crm_dropout_alive(params, customer, extra_of(model)) * crm_dropout_expected(&living, horizon);
}

double
crm_forecast_at_least(CrmForecastModel model, const double *params, const CrmForecastCell *customer,
					  double horizon, int count)
{
	CrmForecastLiving living;

	if (count <= 0)
		return 1;
	if (model == CRM_FORECAST_PARETO)
		return fmin(crm_pareto_alive(params, customer) * crm_pareto_at_least(params, customer, horizon, count), 1);
	if (model == CRM_FORECAST_NBD)
	{
		living = (CrmForecastLiving) {params[0] + customer->x, params[1] + customer->T, 1e-300, 1};
		return fmin(crm_dropout_at_least(&living, horizon, count), 1);
	}
	living = crm_dropout_living(params, customer, extra_of(model));
	/* rounding may add up to a little more than certainty */
	return fmin(crm_dropout_alive(params, customer, extra_of(model)) * crm_dropout_at_least(&living, horizon, count), 1);
}

int
crm_forecast_quantile(CrmForecastModel model, const double *params, const CrmForecastCell *customer,
					  double horizon, double probability)
{
	int			low = 0;		/* known to be exceeded, save at the start */
	int			high = 1;
	double		above = 1 - probability;

	if (crm_forecast_at_least(model, params, customer, horizon, 1) <= above)
		return 0;
	while (high < CRM_FORECAST_MAX_COUNT &&
		   crm_forecast_at_least(model, params, customer, horizon, high + 1) > above)
	{
		low = high;
		high *= 2;
	}
	while (high - low > 1)
	{
		int			middle = (low + high) / 2;

		if (crm_forecast_at_least(model, params, customer, horizon, middle + 1) > above)
			low = middle;
		else
			high = middle;
	}
	return high;
}

double
crm_forecast_discounted(CrmForecastModel model, const double *params, const CrmForecastCell *customer,
						double horizon, double period, double discount)
{
	double		sum = 0;
	double		before = 0;
	double		factor = 1;

	if (!(horizon > 0) || !(period > 0))
		return 0;
	if (discount == 0)
		return crm_forecast_expected(model, params, customer, horizon);
	for (int i = 1; before < INFINITY && (i - 1) * period < horizon && i <= CRM_FORECAST_MAX_PERIODS; i++)
	{
		double		now = crm_forecast_expected(model, params, customer, fmin(i * period, horizon));

		factor /= 1 + discount;
		sum += (now - before) * factor;
		before = now;
	}
	return sum;
}
