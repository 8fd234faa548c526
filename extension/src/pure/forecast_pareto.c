/*
 * forecast_pareto.c - Pareto/NBD: a customer may leave at any time.
 *
 * With m = r + x the likelihood of a customer is
 *
 *	Gamma(m) alpha^r beta^s / Gamma(r)
 *		* { (alpha + T)^-m (beta + T)^-s  +  s * integral from tx to T of
 *			(alpha + t)^-m (beta + t)^-(s + 1) dt }
 *
 * the first term being alive at T, the second having left in between (Schmittlein, Morrison
 * and Colombo 1987; Fader and Hardie 2005 write the integral as a difference of two 2F1, which
 * loses all digits of heavy buyers).  The integrand falls, and in v = ln(mu + t) with mu the
 * smaller of alpha and beta it is log-concave: panels of sixteen points are laid from tx on
 * until nothing is left, each as long as the integrand is smooth.
 */
#include "pure/forecast.h"

#include "pure/special.h"

#include <math.h>

#define OFTEN 1e5				/* purchases, whose next ones come in a small part of any horizon */
#define MAX_PANELS 4000
#define MAX_DECAY 8.0			/* e-folds a panel bears at full precision */
#define MAX_PANEL 1.5

/* The integral, as a logarithm, and its parts for the gradient, relative to it. */
typedef struct LeftBetween
{
	double		log_integral;
	double		log_alpha;		/* mean of ln(alpha + t) */
	double		log_beta;
	double		over_alpha;		/* mean of 1 / (alpha + t) */
	double		over_beta;
} LeftBetween;

typedef struct Sums
{
	double		total;
	double		log_alpha;
	double		log_beta;
	double		over_alpha;
	double		over_beta;
} Sums;

static void
add_point(const double *params, double m, double t, double weight, double top, double mu, Sums *sums)
{
	double		log_alpha = log(params[1] + t);
	double		log_beta = log(params[3] + t);
	double		value = weight * (mu + t) * exp(-m * log_alpha - (params[2] + 1) * log_beta - top);

	sums->total += value;
	sums->log_alpha += value * log_alpha;
	sums->log_beta += value * log_beta;
	sums->over_alpha += value / (params[1] + t);
	sums->over_beta += value / (params[3] + t);
}

/* How fast the integrand can change in v at time t. */
static double
decay_at(const double *params, double m, double t, double mu)
{
	return 1 + m * (mu + t) / (params[1] + t) + (params[2] + 1) * (mu + t) / (params[3] + t);
}

static LeftBetween
left_between(const double *params, double m, double tx, double T)
{
	double		mu = fmin(params[1], params[3]);
	double		from = log(mu + tx);
	double		end = log(mu + T);
	double		top = -m * log(params[1] + tx) - (params[2] + 1) * log(params[3] + tx);
	Sums		all = {0};
	LeftBetween left;

	for (int panel = 0; panel < MAX_PANELS && from < end; panel++)
	{
		double		length = fmin(end - from, MAX_PANEL);
		double		before = all.total;
		double		half;

		length = fmin(length, MAX_DECAY / decay_at(params, m, exp(from + length) - mu, mu));
		half = length / 2;
		for (int i = 0; i < CRM_LEGENDRE_HALF; i++)
		{
			double		offset = half * crm_legendre_point[i];
			double		weight = half * crm_legendre_weight[i];

			add_point(params, m, exp(from + half - offset) - mu, weight, top, mu, &all);
			add_point(params, m, exp(from + half + offset) - mu, weight, top, mu, &all);
		}
		from += length;
		if (all.total - before < 1e-17 * all.total)
			break;
	}
	left.log_integral = top + log(all.total);
	left.log_alpha = all.log_alpha / all.total;
	left.log_beta = all.log_beta / all.total;
	left.over_alpha = all.over_alpha / all.total;
	left.over_beta = all.over_beta / all.total;
	return left;
}

/* ln(odds of having left by T). */
static double
log_odds_left(const double *params, const CrmForecastCell *customer, LeftBetween *left)
{
	double		m = params[0] + customer->x;

	*left = (LeftBetween) {-INFINITY, 0, 0, 0, 0};
	if (customer->T <= customer->tx)
		return -INFINITY;
	*left = left_between(params, m, customer->tx, customer->T);
	return log(params[2]) + left->log_integral +
		m * log(params[1] + customer->T) + params[2] * log(params[3] + customer->T);
}

static double
add_cell(const double *params, const CrmForecastCell *cell, double *gradient)
{
	double		m = params[0] + cell->x;
	double		log_alpha = log(params[1] + cell->T);
	double		log_beta = log(params[3] + cell->T);
	LeftBetween left;
	double		odds = log_odds_left(params, cell, &left);
	double		share = odds == -INFINITY ? 0 : crm_logistic(odds);
	double		stays = 1 - share;

	if (gradient)
	{
		gradient[0] -= cell->weight * (stays * log_alpha + share * left.log_alpha);
		gradient[1] -= cell->weight * m * (stays / (params[1] + cell->T) + share * left.over_alpha);
		gradient[2] -= cell->weight * (stays * log_beta + share * (left.log_beta - 1 / params[2]));
		gradient[3] -= cell->weight * (stays * params[2] / (params[3] + cell->T) +
									   share * (params[2] + 1) * left.over_beta);
	}
	return cell->weight * (crm_log1p_exp(odds) - m * log_alpha - params[2] * log_beta);
}

double
crm_pareto_likelihood(const double *params, const CrmForecastCell *cells, size_t count, double *gradient)
{
	double		total = 0;
	double		weight = 0;
	double		gammas = 0;
	double		slopes = 0;

	for (int i = 0; gradient && i < CRM_FORECAST_PARAMS; i++)
		gradient[i] = 0;
	for (size_t i = 0; i < count; i++)
	{
		if (i == 0 || cells[i].x != cells[i - 1].x)
		{
			gammas = crm_log_gamma(params[0] + cells[i].x) - crm_log_gamma(params[0]);
			slopes = crm_digamma(params[0] + cells[i].x) - crm_digamma(params[0]);
		}
		weight += cells[i].weight;
		total += add_cell(params, &cells[i], gradient) + cells[i].weight * gammas;
		if (gradient)
			gradient[0] += cells[i].weight * slopes;
	}
	if (gradient)
	{
		gradient[0] += weight * log(params[1]);
		gradient[1] += weight * params[0] / params[1];
		gradient[2] += weight * log(params[3]);
		gradient[3] += weight * params[2] / params[3];
	}
	return total + weight * (params[0] * log(params[1]) + params[2] * log(params[3]));
}

/* ---- one customer */

double
crm_pareto_alive(const double *params, const CrmForecastCell *customer)
{
	LeftBetween left;
	double		odds = log_odds_left(params, customer, &left);

	return odds == -INFINITY ? 1 : crm_logistic(-odds);
}

/* Of a living customer: the chance to be alive after the horizon. */
double
crm_pareto_survives(const double *params, const CrmForecastCell *customer, double horizon)
{
	return exp(-params[2] * log1p(horizon / (params[3] + customer->T)));
}

/* Of a living customer; the quotient by s - 1 has a limit where s = 1. */
double
crm_pareto_expected(const double *params, const CrmForecastCell *customer, double horizon)
{
	double		rate = (params[0] + customer->x) / (params[1] + customer->T);
	double		life = params[3] + customer->T;
	double		grown = log1p(horizon / life);
	double		s = params[2] - 1;

	return rate * life * (fabs(s) * grown < 1e-12 ? grown : -expm1(-s * grown) / s);
}

/*
 * Of a living customer: the count-th purchase comes after a time whose share w of (rate +
 * time) is beta (count, m) distributed; the customer must outlive it.
 */
double
crm_pareto_at_least(const double *params, const CrmForecastCell *customer, double horizon, int count)
{
	double		m = params[0] + customer->x;
	double		rate = params[1] + customer->T;
	double		life = params[3] + customer->T;
	double		end = horizon / (rate + horizon);
	double		log_measure = crm_log_beta(count, m);
	int			panels = 4 + (int) (2 * sqrt(count + m)) + (int) (2 * log1p(horizon / rate));
	double		sum = 0;

	if (count <= 0)
		return 1;
	if (!(horizon > 0))
		return 0;
	/* who bought very often has bought so often again at once: beyond, nothing is left, and panels would step over it */
	if (count + m > OFTEN)
		end = fmin(end, (count + 50 * sqrt(count) + 500) / (count + m));
	for (int panel = 0; panel < panels; panel++)
		for (int i = 0; i < 2 * CRM_LEGENDRE_HALF; i++)
		{
			double		point = crm_legendre_point[i / 2] * (i % 2 ? -1 : 1);
			double		w = end * (panel + 0.5 + point / 2) / panels;
			double		time = rate * w / (1 - w);

			sum += crm_legendre_weight[i / 2] / 2 * end / panels *
				exp((count - 1) * log(w) + (m - 1) * log1p(-w) - log_measure -
					params[2] * log1p(time / life));
		}
	return fmin(sum, 1);
}

/* The integral of exp(-rate t) (life / (life + t))^s over v = ln(1 + t / life). */
double
crm_forecast_pareto_residual(const double *params, const CrmForecastCell *customer, double rate)
{
	double		life = params[3] + customer->T;
	double		sum = 0;

	if (!(rate > 0))
		return params[2] > 1 ? crm_pareto_alive(params, customer) * (params[0] + customer->x) /
			(params[1] + customer->T) * life / (params[2] - 1) : INFINITY;
	for (double from = 0; from < 700; from += 0.25)
	{
		double		before = sum;

		for (int i = 0; i < 2 * CRM_LEGENDRE_HALF; i++)
		{
			double		v = from + 0.125 * (1 + crm_legendre_point[i / 2] * (i % 2 ? -1 : 1));

			sum += 0.125 * crm_legendre_weight[i / 2] *
				exp(-rate * life * expm1(v) - (params[2] - 1) * v);
		}
		if (sum - before < 1e-17 * sum && rate * life * exp(from) > 1)
			break;
	}
	return crm_pareto_alive(params, customer) * (params[0] + customer->x) /
		(params[1] + customer->T) * life * sum;
}
