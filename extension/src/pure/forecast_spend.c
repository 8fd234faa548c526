/*
 * forecast_spend.c - Gamma-Gamma: how much a customer spends a purchase.
 *
 * A customer's purchases are gamma (p, nu) around a mean, nu is gamma (q, gamma) over
 * customers.  Of x purchases with mean z the likelihood is
 *
 *	Gamma(p x + q) / (Gamma(p x) Gamma(q))  *  gamma^q z^(p x - 1) x^(p x) / (gamma + x z)^(p x + q)
 *
 * Cells hold x and z (in tx); those with x = 0 or z <= 0 say nothing and are left out.
 * Fader and Hardie (2013).
 */
#include "pure/forecast.h"

#include "pure/special.h"

#include <math.h>

/* The customers of one x. */
static double
add_run(const double *params, const CrmForecastCell *cells, size_t count, double *gradient)
{
	double		p = params[0];
	double		q = params[1];
	double		scale = params[2];
	double		x = cells[0].x;
	double		px = p * x;
	double		weight = 0;
	double		log_z = 0;
	double		logs = 0;		/* sum of ln(gamma + x z) */
	double		inverses = 0;

	for (size_t i = 0; i < count; i++)
	{
		if (!(cells[i].tx > 0))
			continue;
		weight += cells[i].weight;
		log_z += cells[i].weight * log(cells[i].tx);
		logs += cells[i].weight * log(scale + x * cells[i].tx);
		inverses += cells[i].weight / (scale + x * cells[i].tx);
	}
	if (gradient)
	{
		double		both = crm_digamma(px + q);

		gradient[0] += x * (weight * (both - crm_digamma(px) + log(x)) + log_z - logs);
		gradient[1] += weight * (both - crm_digamma(q) + log(scale)) - logs;
		gradient[2] += weight * q / scale - (px + q) * inverses;
	}
	return weight * (q * log(scale) - crm_log_beta(px, q) + px * log(x)) + (px - 1) * log_z - (px + q) * logs;
}

double
crm_spend_likelihood(const double *params, const CrmForecastCell *cells, size_t count, double *gradient)
{
	double		total = 0;
	size_t		end;

	for (int i = 0; gradient && i < CRM_FORECAST_PARAMS; i++)
		gradient[i] = 0;
	for (size_t start = 0; start < count; start = end)
	{
		for (end = start + 1; end < count && cells[end].x == cells[start].x; end++)
			;
		if (cells[start].x > 0)
			total += add_run(params, cells + start, end - start, gradient);
	}
	return total;
}

double
crm_forecast_spend(const double *params, double x, double z)
{
	double		px = params[0] * x;

	if (!(x > 0))
	{
		px = 0;
		z = 0;
		x = 0;
	}
	return px + params[1] > 1 ? params[0] * (params[2] + x * z) / (px + params[1] - 1) : INFINITY;
}
