/*
 * forecast_dropout.c - BG/NBD and MBG/NBD: a customer may leave after a purchase.
 *
 * Both are one model with c chances to have left so far: c = x of BG/NBD, c = x + 1 of
 * MBG/NBD (extra is 0 or 1).  With m = r + x the likelihood of a customer is
 *
 *	Gamma(m) alpha^r / Gamma(r)  *  B(a, b + c) / B(a, b)
 *		* { (alpha + T)^-m  +  [c > 0] a / (b + c - 1) (alpha + tx)^-m }
 *
 * where the second term is having left with the last purchase: its share is 1 - P(alive).
 * Fader, Hardie and Lee (2005); Batislam, Denizel and Filiztekin (2007).
 */
#include "pure/forecast.h"

#include "pure/special.h"

#include <math.h>

#define LONGEST_SERIES 4000
#define MAX_POINTS 20000

/* ---- likelihood */

/* ln(odds of having left), given that there was a chance to. */
static double
log_odds_left(const double *params, double x, double c, double log_ratio)
{
	return log(params[2]) - log(params[3] + c - 1) + (params[0] + x) * log_ratio;
}

/* Adds the customers of one x, whose gamma functions are the same. */
static double
add_run(const double *params, const CrmForecastCell *cells, size_t count, int extra, double *gradient)
{
	double		r = params[0];
	double		alpha = params[1];
	double		a = params[2];
	double		b = params[3];
	double		x = cells[0].x;
	double		c = x + extra;
	double		m = r + x;
	double		weight = 0;
	double		left = 0;		/* customers that have left */
	double		logs = 0;		/* sum of the mean ln(alpha + time) */
	double		inverses = 0;	/* and of 1 / (alpha + time) */
	double		total = 0;
	double		base = c > 0 ? log(a) - log(b + c - 1) : -INFINITY;
	double		log_end = 0;	/* of the time observed: those who share it lie together */
	double		over_end = 0;

	for (size_t i = 0; i < count; i++)
	{
		const CrmForecastCell *cell = &cells[i];
		double		log_last;
		double		odds;
		double		share;

		if (i == 0 || cell->T != cells[i - 1].T)
		{
			log_end = log(alpha + cell->T);
			over_end = 1 / (alpha + cell->T);
		}
		weight += cell->weight;
		if (c == 0)
		{
			total -= cell->weight * m * log_end;
			logs += cell->weight * log_end;
			inverses += cell->weight * over_end;
			continue;
		}
		log_last = log(alpha + cell->tx);
		odds = base + m * (log_end - log_last);
		share = crm_logistic(odds);
		total += cell->weight * (crm_log1p_exp(odds) - m * log_end);
		left += cell->weight * share;
		logs += cell->weight * ((1 - share) * log_end + share * log_last);
		inverses += cell->weight * ((1 - share) * over_end + share / (alpha + cell->tx));
	}
	total += weight * (crm_log_gamma(m) - crm_log_gamma(r) + r * log(alpha));
	total += weight * (crm_log_beta(a, b + c) - crm_log_beta(a, b));
	if (gradient)
	{
		double		both = crm_digamma(a + b) - crm_digamma(a + b + c);

		gradient[0] += weight * (crm_digamma(m) - crm_digamma(r) + log(alpha)) - logs;
		gradient[1] += weight * r / alpha - m * inverses;
		gradient[2] += weight * both + left / a;
		gradient[3] += weight * (both + crm_digamma(b + c) - crm_digamma(b)) -
			(c > 0 ? left / (b + c - 1) : 0);
	}
	return total;
}

double
crm_dropout_likelihood(const double *params, const CrmForecastCell *cells, size_t count, int extra,
					   double *gradient)
{
	double		total = 0;
	size_t		end;

	for (int i = 0; gradient && i < CRM_FORECAST_PARAMS; i++)
		gradient[i] = 0;
	for (size_t start = 0; start < count; start = end)
	{
		for (end = start + 1; end < count && cells[end].x == cells[start].x; end++)
			;
		total += add_run(params, cells + start, end - start, extra, gradient);
	}
	return total;
}

/* ---- one customer */

double
crm_dropout_alive(const double *params, const CrmForecastCell *customer, int extra)
{
	double		c = customer->x + extra;

	if (c == 0)
		return 1;
	return crm_logistic(-log_odds_left(params, customer->x, c,
									   log((params[1] + customer->T) / (params[1] + customer->tx))));
}

CrmForecastLiving
crm_dropout_living(const double *params, const CrmForecastCell *customer, int extra)
{
	CrmForecastLiving living;

	living.m = params[0] + customer->x;
	living.rate = params[1] + customer->T;
	living.a = params[2];
	living.b = params[3] + customer->x + extra;
	return living;
}

/* ---- sums over the number of chances k, negative binomial (m, z) */

typedef struct Chances
{
	double		m;
	double		log_z;			/* z = horizon / (rate + horizon) */
	double		z;
	double		log_term;		/* ln P(k) */
	double		term;
	int			k;
} Chances;

static Chances
first_chance(const CrmForecastLiving *living, double horizon)
{
	Chances		chances;

	chances.m = living->m;
	chances.z = horizon / (living->rate + horizon);
	chances.log_z = log(chances.z);
	chances.log_term = -living->m * log1p(horizon / living->rate);
	chances.term = exp(chances.log_term);
	chances.k = 0;
	return chances;
}

/* From P(k) to P(k + 1); in logarithms only while the plain number is lost. */
static void
next_chance(Chances *chances)
{
	double		step = (chances->m + chances->k) / (chances->k + 1);

	chances->k++;
	if (chances->term > 1e-280)
	{
		chances->term *= step * chances->z;
		return;
	}
	chances->log_term += log(step) + chances->log_z;
	chances->term = exp(chances->log_term);
}

/* How much of the total may still come after this term, at most. */
static double
rest_after(const Chances *chances)
{
	double		ratio = (chances->m + chances->k) / (chances->k + 1) * chances->z;

	return ratio < 1 && chances->k > 0 ? 1 / (1 - fmax(ratio, chances->z)) : INFINITY;
}

/* ---- the same as an integral over the probability of leaving, for very long horizons */

/*
 * The mean over p ~ Beta(a, b) of (1 - (1 + p u)^-m) / p, or of (1 + p u)^-m.  With
 * p = 1 / (1 + exp(-y)) and y = pi sinh(s), sums over equal steps of s converge doubly
 * exponentially; the sum of the density itself, taken on the same points, is the measure.
 */
static double
mean_over_leaving(const CrmForecastLiving *living, double horizon, bool is_survival, int points)
{
	double		u = horizon / living->rate;
	double		farthest = asinh(45 / fmin(living->a, living->b) + fabs(log(living->a / living->b)));
	double		top = -INFINITY;
	double		sum = 0;
	double		measure = 0;

	for (int i = 0; i <= points; i++)
	{
		double		s = farthest * (2.0 * i / points - 1);
		double		y = M_PI * sinh(s);
		double		log_p = -crm_log1p_exp(-y);
		double		weight = living->a * log_p - living->b * crm_log1p_exp(y) + log(cosh(s));
		double		p = exp(log_p);
		double		log_outlives = -living->m * log1p(p * u);
		double		value = is_survival ? exp(log_outlives) :
			p > 0 && p * u > 1e-300 ? -expm1(log_outlives) / p : living->m * u;

		if (weight > top)
		{
			sum *= exp(top - weight);
			measure *= exp(top - weight);
			top = weight;
		}
		sum += exp(weight - top) * value;
		measure += exp(weight - top);
	}
	return sum / measure;
}

static double
integrate(const CrmForecastLiving *living, double horizon, bool is_survival)
{
	double		before = mean_over_leaving(living, horizon, is_survival, 300);
	double		now = before;

	for (int points = 600; points <= MAX_POINTS; points *= 2)
	{
		now = mean_over_leaving(living, horizon, is_survival, points);
		if (fabs(now - before) <= 1e-11 * fabs(now))
			break;
		before = now;
	}
	return now;
}

static bool
is_short(const CrmForecastLiving *living, double horizon)
{
	double		u = horizon / living->rate;

	return living->m * u + 40 * (1 + u) + 8 * sqrt(living->m * u * (1 + u)) < LONGEST_SERIES;
}

double
crm_dropout_expected(const CrmForecastLiving *living, double horizon)
{
	Chances		chances;
	double		outlives = 1;	/* the chance to outlive k chances to leave */
	double		made = 0;		/* purchases made of k chances */
	double		sum = 0;

	if (!(horizon > 0))
		return 0;
	if (!is_short(living, horizon))
		return integrate(living, horizon, false);
	chances = first_chance(living, horizon);
	for (;;)
	{
		made += outlives;
		outlives *= (living->b + chances.k) / (living->a + living->b + chances.k);
		next_chance(&chances);
		sum += chances.term * made;
		if (chances.k > LONGEST_SERIES || chances.term * made * rest_after(&chances) <= 1e-15 * sum)
			return sum;
	}
}

double
crm_dropout_survives(const CrmForecastLiving *living, double horizon)
{
	Chances		chances;
	double		outlives = 1;
	double		sum;

	if (!(horizon > 0))
		return 1;
	if (!is_short(living, horizon))
		return integrate(living, horizon, true);
	chances = first_chance(living, horizon);
	sum = chances.term;
	for (;;)
	{
		outlives *= (living->b + chances.k) / (living->a + living->b + chances.k);
		next_chance(&chances);
		sum += chances.term * outlives;
		if (chances.k > LONGEST_SERIES || chances.term * outlives * rest_after(&chances) <= 1e-15 * sum)
			return sum;
	}
}

/* P(at least count chances), summed from the smaller side. */
static double
chances_at_least(const CrmForecastLiving *living, double horizon, int count)
{
	Chances		chances = first_chance(living, horizon);
	double		below = 0;
	double		above = 0;

	while (chances.k < count)
	{
		below += chances.term;
		next_chance(&chances);
	}
	if (count <= living->m * horizon / living->rate)
		return 1 - below;
	for (;;)
	{
		above += chances.term;
		if (chances.term * rest_after(&chances) <= 1e-16 * above || chances.k > count + LONGEST_SERIES)
			return above;
		next_chance(&chances);
	}
}

double
crm_dropout_at_least(const CrmForecastLiving *living, double horizon, int count)
{
	if (count <= 0)
		return 1;
	if (!(horizon > 0))
		return 0;
	return chances_at_least(living, horizon, count) *
		exp(crm_log_beta(living->a, living->b + count - 1) - crm_log_beta(living->a, living->b));
}
