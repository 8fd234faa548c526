/*
 * unit_forecast.c - BG/NBD, MBG/NBD, Pareto/NBD and Gamma-Gamma against published results.
 *
 * Parameters, likelihoods and point quantities are those of the literature named at each
 * group, and of tight optima found independently; numerical edges are held against values
 * computed with 60 digits.  The CDNOW sample lies beside the checkout; without it its part is
 * skipped and the rest still runs.
 */
#include "tap.h"
#include "pure/forecast.h"
#include "pure/minimise.h"
#include "pure/special.h"

#include <math.h>

#define CDNOW "../shared/data/value/cdnow/"
#define MAX_CELLS 3000

static void
near(double got, double want, double relative, const char *name)
{
	if (!ok(fabs(got - want) <= relative * fmax(fabs(want), 1e-300), name))
		printf("#   got %.15g, want %.15g\n", got, want);
}

static void
within(double got, double want, double absolute, const char *name)
{
	if (!ok(fabs(got - want) <= absolute, name))
		printf("#   got %.15g, want %.15g\n", got, want);
}

static const double bg_cdnow[4] = {0.2425945, 4.4136018, 0.7929218, 2.4259059};
static const double pareto_cdnow[4] = {0.5532771, 10.5776846, 0.6062399, 11.6687308};
static const double mbg_cdnow[4] = {0.5248431, 6.1830851, 0.8913593, 1.6140022};

static CrmForecastCell
customer(double x, double tx, double T)
{
	return (CrmForecastCell) {x, tx, T, 1};
}

static double
expected(CrmForecastModel model, const double *params, double x, double tx, double T, double horizon)
{
	CrmForecastCell one = customer(x, tx, T);

	return crm_forecast_expected(model, params, &one, horizon);
}

static double
alive(CrmForecastModel model, const double *params, double x, double tx, double T)
{
	CrmForecastCell one = customer(x, tx, T);

	return crm_forecast_alive(model, params, &one, 0);
}

static double
pmf(CrmForecastModel model, const double *params, double horizon, int count)
{
	CrmForecastCell one = {0, 0, 0, 1};

	return crm_forecast_at_least(model, params, &one, horizon, count) -
		crm_forecast_at_least(model, params, &one, horizon, count + 1);
}

/* ---- special functions */

static void
test_special(void)
{
	near(crm_digamma(1), -0.57721566490153286, 1e-14, "digamma(1) is minus Euler's constant");
	near(crm_digamma(0.5), -1.96351002602142348, 1e-14, "digamma(1/2)");
	near(crm_digamma(1e-6), -1000000.577214019969, 1e-14, "digamma near its pole");
	near(crm_digamma(1e8), 18.420680738952365, 1e-14, "digamma far out");
	near(crm_log_beta(2, 3), log(1.0 / 12), 1e-14, "ln B(2, 3)");
	near(crm_log1p_exp(800), 800, 1e-15, "ln(1 + e^800)");
	ok(isnan(crm_digamma(-1)) && isnan(crm_digamma(NAN)), "digamma refuses what is not positive");
	ok(crm_logistic(-800) == 0 && crm_logistic(800) == 1, "the logistic function ends at 0 and 1");
}

/* ---- CDNOW */

static CrmForecastCell cells[MAX_CELLS];
static double spent[MAX_CELLS];		/* mean of the repeat purchases, in the file's order */
static double later[MAX_CELLS];

/* Reads the customers, unsorted; 0 when the file is not there. */
static int
read_cdnow(void)
{
	FILE	   *file = fopen(CDNOW "cdnowSummary_BTYD_cbs.csv", "r");
	char		line[200];
	int			count = 0;

	if (!file)
		return 0;
	if (!fgets(line, sizeof line, file))
		return 0;
	while (count < MAX_CELLS && fscanf(file, "%lf,%lf,%lf,%lf", &cells[count].x, &cells[count].tx,
									   &cells[count].T, &later[count]) == 4)
		cells[count++].weight = 1;
	fclose(file);
	return count;
}

static int
read_spent(void)
{
	FILE	   *file = fopen(CDNOW "cdnowSummary_BTYD_mx.csv", "r");
	char		line[200];
	int			count = 0;

	if (!file || !fgets(line, sizeof line, file))
		return 0;
	while (count < MAX_CELLS && fscanf(file, "%lf", &spent[count]) == 1)
		count++;
	fclose(file);
	return count;
}

static CrmForecastFit
fit_as(CrmForecastModel model, const CrmForecastCell *given, int count)
{
	static CrmForecastCell sorted[MAX_CELLS];

	memcpy(sorted, given, count * sizeof *given);
	qsort(sorted, count, sizeof *sorted, crm_forecast_compare_cells);
	return crm_forecast_fit(model, sorted, count, NULL);
}

static void
check_fit(const CrmForecastFit *fit, const double *params, const double *errors, double log_likelihood,
		  const char *name)
{
	char		label[100];

	is_str(crm_forecast_status_name(fit->status), "converged", name);
	within(fit->log_likelihood, log_likelihood, 1e-5, "  log-likelihood");
	for (int i = 0; i < fit->n_params; i++)
	{
		snprintf(label, sizeof label, "  parameter %d", i + 1);
		near(fit->params[i], params[i], 1e-4, label);
		snprintf(label, sizeof label, "  its standard error");
		if (errors)
			near(fit->errors[i], errors[i], 5e-3, label);
	}
	printf("# %d evaluations, log-likelihood %.9f\n", fit->evaluations, fit->log_likelihood);
}

/* Sums over everybody: expected purchases in 39 weeks, P(alive), what was bought by x. */
static void
check_sums(CrmForecastModel model, const double *params, int count, double purchases, double is_alive,
		   const double *by_x, const char *name)
{
	double		sum = 0;
	double		living = 0;
	double		group[8] = {0};
	int			members[8] = {0};

	for (int i = 0; i < count; i++)
	{
		double		e = crm_forecast_expected(model, params, &cells[i], 39);
		int			g = cells[i].x > 7 ? 7 : (int) cells[i].x;

		sum += e;
		living += crm_forecast_alive(model, params, &cells[i], 0);
		group[g] += e;
		members[g]++;
	}
	within(sum, purchases, 0.006, name);
	within(living / count, is_alive, 0.00006, "  mean P(alive)");
	for (int g = 0; by_x && g < 8; g++)
		CHECK(fabs(group[g] / members[g] - by_x[g]) < 0.0008);
	if (by_x)
		CHECKED("  expected purchases by repeat purchases so far");
}

static void
test_cdnow(void)
{
	static const double bg_errors[4] = {.01256, .37822, .18573, .70541};
	static const double pareto_errors[4] = {.04763, .84272, .18726, 6.2105};
	static const double spend_errors[3] = {1.1900, .2901, 4.1595};
	static const double spend_params[3] = {6.2493, 3.7443, 15.4443};
	static const double nbd_params[2] = {.3847659, 12.0720137};
	static const double bg_by_x[8] = {.2251, .5231, 1.0441, 1.5203, 2.1638, 2.6538, 3.5040, 6.1570};
	static const double pareto_by_x[8] = {.138, .600, 1.196, 1.714, 2.399, 2.907, 3.819, 6.403};
	static const double spends[10] = {24.65, 18.91, 35.17, 35.17, 35.17, 71.46, 18.91, 35.17, 27.28, 35.17};
	static CrmForecastCell bought[MAX_CELLS];
	int			count = read_cdnow();
	int			n_spent = read_spent();
	int			n_bought = 0;
	CrmForecastFit fit;

	if (count != 2357 || n_spent != count)
	{
		skip("CDNOW", "the sample does not lie beside the checkout");
		return;
	}
	fit = fit_as(CRM_FORECAST_BGNBD, cells, count);
	check_fit(&fit, bg_cdnow, bg_errors, -9582.42920667, "BG/NBD of CDNOW");
	check_sums(CRM_FORECAST_BGNBD, fit.params, count, 1653.41, .8134, bg_by_x, "BG/NBD: purchases in 39 weeks");
	fit = fit_as(CRM_FORECAST_MBGNBD, cells, count);
	check_fit(&fit, mbg_cdnow, NULL, -9582.13571555, "MBG/NBD of CDNOW");
	check_sums(CRM_FORECAST_MBGNBD, fit.params, count, 1576.73, .4487, NULL, "MBG/NBD: purchases in 39 weeks");
	fit = fit_as(CRM_FORECAST_PARETO, cells, count);
	check_fit(&fit, pareto_cdnow, pareto_errors, -9594.97617894, "Pareto/NBD of CDNOW");
	check_sums(CRM_FORECAST_PARETO, fit.params, count, 1665.51, .4463, pareto_by_x, "Pareto/NBD: purchases in 39 weeks");
	fit = fit_as(CRM_FORECAST_NBD, cells, count);
	check_fit(&fit, nbd_params, NULL, -9763.65761, "NBD of CDNOW");
	for (int i = 0; i < count; i++)
		if (cells[i].x > 0)
			bought[n_bought++] = (CrmForecastCell) {cells[i].x, spent[i], 0, 1};
	fit = fit_as(CRM_FORECAST_SPEND, bought, n_bought);
	is_int(n_bought, 946, "946 customers bought again");
	check_fit(&fit, spend_params, spend_errors, -4055.91769, "Gamma-Gamma of CDNOW");
	within(crm_forecast_spend(fit.params, 0, 0), 35.1710, 0.001, "  mean of all customers");
	for (int i = 0; i < 10; i++)
		CHECK(fabs(crm_forecast_spend(fit.params, cells[i].x, spent[i]) - spends[i]) < 0.01);
	CHECKED("  the first ten customers");
}

/* Days instead of weeks, cents instead of dollars, patterns counted: the same answer. */
static void
test_units(void)
{
	static CrmForecastCell other[MAX_CELLS];
	int			count = read_cdnow();
	int			patterns = 0;
	CrmForecastFit weeks;
	CrmForecastFit days;

	if (count != 2357)
	{
		skip("units of time", "the sample does not lie beside the checkout");
		return;
	}
	qsort(cells, count, sizeof *cells, crm_forecast_compare_cells);
	for (int i = 0; i < count; i++)
		if (i > 0 && crm_forecast_compare_cells(&cells[i], &cells[i - 1]) == 0)
			other[patterns - 1].weight++;
		else
			other[patterns++] = (CrmForecastCell) {cells[i].x, cells[i].tx * 604800, cells[i].T * 604800, 1};
	weeks = fit_as(CRM_FORECAST_BGNBD, cells, count);
	days = fit_as(CRM_FORECAST_BGNBD, other, patterns);
	ok(patterns < count, "patterns repeat");
	near(days.params[1], weeks.params[1] * 604800, 1e-6, "seconds give the same rate as weeks");
	near(days.params[3], weeks.params[3], 1e-6, "and the same chance of leaving");
}

/* ---- published points (value of each from the literature; parameters rounded as printed) */

static void
test_points(void)
{
	static const double rounded[4] = {.243, 4.414, .793, 2.426};
	static const double times[6] = {.142857, 1, 3, 31.857143, 32, 78};
	static const double growths[6] = {.0078, .0532, .1506, 1.0405, 1.0437, 1.8576};
	static const double paradox[4] = {10, 15, 20, 25};
	static const double paradox_pareto[4] = {.7062289, .1442396, .02250658, .00309267};
	static const double paradox_bg[4] = {.3474606, .042837, .004158973, .0003583685};
	static const double tail[10] = {.00199952, .00151702, .00116332, .00090031, .00070236, .00055179, .00043619, .00034672, .00027696, .00022223};
	static const double walk_bg[4] = {0.2425982, 4.4136842, 0.7931899, 2.4270109};
	static const double walk_pareto[4] = {0.5533971, 10.5801985, 0.6060625, 11.6562237};
	static const double dert[4] = {.553, 10.58, .606, 11.656};
	static const double page[4] = {.5629, 12.5590, .4081, 10.5148};
	static const double spend[3] = {6.25, 3.74, 15.44};
	CrmForecastCell one = customer(4, 35, 39);

	near(expected(CRM_FORECAST_BGNBD, rounded, 2, 30.43, 38.86, 39), 1.22602817, 1e-8, "BG/NBD: E[X(39)] of (2, 30.43, 38.86)");
	for (int i = 0; i < 6; i++)
		CHECK(fabs(expected(CRM_FORECAST_BGNBD, bg_cdnow, 0, 0, 0, times[i]) - growths[i]) < 6e-5 + 2e-4 * growths[i]);
	CHECKED("BG/NBD: E[X(t)] of a new customer");
	near(expected(CRM_FORECAST_BGNBD, bg_cdnow, 0, 0, 0, 52), 1.444004, 2e-5, "BG/NBD: E[X(52)]");
	near(expected(CRM_FORECAST_PARETO, pareto_cdnow, 0, 0, 0, 52), 1.473434, 3e-5, "Pareto/NBD: E[X(52)]");
	near(expected(CRM_FORECAST_BGNBD, walk_bg, 26, 30.857143, 31, 52), 25.75659, 2e-4, "BG/NBD: customer 1516");
	near(alive(CRM_FORECAST_BGNBD, walk_bg, 26, 30.857143, 31), .9688523, 2e-4, "  alive");
	near(expected(CRM_FORECAST_PARETO, walk_pareto, 26, 30.857143, 31, 52), 25.45647, 2e-4, "Pareto/NBD: customer 1516");
	near(alive(CRM_FORECAST_PARETO, walk_pareto, 26, 30.857143, 31), .997874, 1e-5, "  alive");
	for (int i = 0; i < 4; i++)
	{
		CHECK(fabs(expected(CRM_FORECAST_PARETO, walk_pareto, paradox[i], 20, 39, 52) / paradox_pareto[i] - 1) < 1e-3);
		CHECK(fabs(expected(CRM_FORECAST_BGNBD, walk_bg, paradox[i], 20, 39, 52) / paradox_bg[i] - 1) < 2e-3);
	}
	CHECKED("who bought more and stopped is less likely to come back");
	near(pmf(CRM_FORECAST_BGNBD, rounded, 39, 0), .573786352, 1e-8, "BG/NBD: P(X(39) = 0)");
	near(pmf(CRM_FORECAST_BGNBD, rounded, 2, 10), 1.07868964e-07, 1e-7, "BG/NBD: P(X(2) = 10)");
	for (int i = 0; i < 10; i++)
		CHECK(fabs(pmf(CRM_FORECAST_BGNBD, rounded, 30, 11 + i) - tail[i]) < 1e-8);
	CHECKED("BG/NBD: P(X(30) = 11 to 20)");
	within(crm_forecast_pareto_residual(dert, &one, .15 / 52), 12.0047, 5e-5, "Pareto/NBD: residual purchases, discounted");
	one = customer(7, 35, 39);
	within(crm_forecast_pareto_residual(page, &one, .0027), 26.55778, 5e-5, "  and of another set");
	within(crm_forecast_spend(spend, 0, 0), 35.219, 5e-4, "Gamma-Gamma: rounded parameters, nothing bought again");
}

/* ---- numbers at which other programs overflow, lose their digits or divide by zero */

static double
likelihood_of(CrmForecastModel model, const double *params, double x, double tx, double T)
{
	CrmForecastCell one = customer(x, tx, T);

	return crm_forecast_likelihood(model, params, &one, 1, NULL);
}

static void
test_edges(void)
{
	static const double heavy[4] = {.55, 10.58, .61, 11.67};
	static const double set[4] = {.5143, 2.8845, .2856, 14.1087};
	static const double steep[4] = {10.465, .00798565181, 3.0516, 2.820};
	double		one[4] = {.243, 4.414, 1, 2.426};
	double		equal[4] = {.553, 10, .606, 10};
	double		b = expected(CRM_FORECAST_BGNBD, one, 2, 30.43, 38.86, 39);

	near(expected(CRM_FORECAST_PARETO, heavy, 133, 200, 200, 10), 6.25287224757, 1e-11, "Pareto/NBD: 133 purchases, the last today");
	near(expected(CRM_FORECAST_PARETO, heavy, 132, 200, 200, 10), 6.20605178896, 1e-11, "  132");
	near(alive(CRM_FORECAST_PARETO, set, 221, 103.42857, 103.57143), .999596052318, 1e-11, "Pareto/NBD: P(alive), 221 purchases");
	near(alive(CRM_FORECAST_PARETO, set, 254, 97.14286, 97.28571), .999558226123, 1e-11, "  254");
	near(alive(CRM_FORECAST_PARETO, set, 161, 94.71429, 98), .749487752258, 1e-11, "  161");
	near(alive(CRM_FORECAST_PARETO, set, 204, 98.57143, 99.42857), .994255079638, 1e-11, "  204");
	near(likelihood_of(CRM_FORECAST_PARETO, steep, 400, 5, 6), 1323.18893, 1e-8, "Pareto/NBD: 400 purchases, likelihood");
	near(alive(CRM_FORECAST_PARETO, steep, 400, 5, 6), 5.137e-31, 1e-3, "  P(alive)");
	near(likelihood_of(CRM_FORECAST_PARETO, steep, 500, 1, 37), 2594.404455, 1e-9, "  500 at once, likelihood");
	ok(alive(CRM_FORECAST_PARETO, steep, 500, 1, 37) == 0, "  P(alive) of 1e-800 is zero");
	near(alive(CRM_FORECAST_PARETO, steep, 40, 5, 6), .00188512819, 1e-8, "  40 purchases, P(alive)");
	ok(isfinite(likelihood_of(CRM_FORECAST_BGNBD, steep, 500, 1, 37)) && alive(CRM_FORECAST_BGNBD, steep, 500, 1, 37) == 0, "BG/NBD neither");
	near(b, 1.10213678604, 1e-11, "BG/NBD: a = 1");
	one[2] = .999999999;
	within(expected(CRM_FORECAST_BGNBD, one, 2, 30.43, 38.86, 39) - b, 0, 1e-8, "a = 1 is no special case of BG/NBD");
	within(expected(CRM_FORECAST_MBGNBD, one, 2, 30.43, 38.86, 39) -
		   expected(CRM_FORECAST_MBGNBD, (double[4]) {.243, 4.414, 1, 2.426}, 2, 30.43, 38.86, 39), 0, 1e-8, "nor of MBG/NBD");
	near(likelihood_of(CRM_FORECAST_PARETO, equal, 2, 30.43, 38.86), -9.62281186990, 1e-11, "Pareto/NBD: alpha = beta, likelihood");
	near(alive(CRM_FORECAST_PARETO, equal, 2, 30.43, 38.86), .864224738871, 1e-11, "  P(alive)");
	near(expected(CRM_FORECAST_PARETO, equal, 2, 30.43, 38.86, 39), 1.45655456194, 1e-11, "  E[X(39)]");
	equal[2] = 1;
	b = expected(CRM_FORECAST_PARETO, equal, 3, 20, 30, 10);
	equal[2] = 1 + 1e-9;
	within(expected(CRM_FORECAST_PARETO, equal, 3, 20, 30, 10) - b, 0, 1e-8, "s = 1 is no special case of Pareto/NBD");
	equal[2] = .606;
	b = likelihood_of(CRM_FORECAST_PARETO, equal, 3, 20, 30);
	equal[3] = 10 * (1 + 1e-12);
	within(likelihood_of(CRM_FORECAST_PARETO, equal, 3, 20, 30) - b, 0, 1e-9, "nor is alpha = beta");
	ok(expected(CRM_FORECAST_BGNBD, bg_cdnow, 3, 10, 20, 0) == 0 && expected(CRM_FORECAST_BGNBD, bg_cdnow, 3, 10, 20, -1) == 0, "no horizon, no purchase");
	ok(isinf(crm_forecast_spend((double[4]) {2, .9, 5}, 0, 0)), "q < 1: the mean of all customers is infinite, and said to be");
}

/* ---- properties over random parameters and customers */

static double
random_log(double low, double high)
{
	return exp(log(low) + (log(high) - log(low)) * (random_between(0, 1000000) / 1e6));
}

static CrmForecastCell
random_customer(void)
{
	double		T = random_log(0.1, 1000);
	double		x = random_between(0, 3) == 0 ? 0 : random_between(1, 60);

	return customer(x, x == 0 ? 0 : T * random_between(1, 1000) / 1000, T);
}

static void
test_gradients(void)
{
	for (int round = 0; round < 300; round++)
	{
		CrmForecastModel model = random_between(0, 3) == 3 ? CRM_FORECAST_SPEND : (CrmForecastModel) random_between(0, 2);
		double		params[4] = {random_log(.05, 20), random_log(.1, 100), random_log(.05, 20), random_log(.1, 100)};
		double		gradient[4];
		CrmForecastCell one = random_customer();

		if (model == CRM_FORECAST_SPEND && one.x == 0)
			continue;
		crm_forecast_likelihood(model, params, &one, 1, gradient);
		for (int i = 0; i < (model == CRM_FORECAST_SPEND ? 3 : 4); i++)
		{
			double		moved[4];
			double		above;
			double		below;
			double		step = params[i] * 1e-5;

			memcpy(moved, params, sizeof moved);
			moved[i] = params[i] + step;
			above = crm_forecast_likelihood(model, moved, &one, 1, NULL);
			moved[i] = params[i] - step;
			below = crm_forecast_likelihood(model, moved, &one, 1, NULL);
			CHECK(fabs((above - below) / 2e-5 - gradient[i] * params[i]) <
				  1e-5 * (1 + fabs(gradient[i] * params[i])) + 1e-10 * fabs(above) / 1e-5);
		}
	}
	CHECKED("gradients are the slopes of the likelihoods");
}

/* What a sum over purchases says is what the expectation says, and probabilities behave. */
static void
test_consistency(void)
{
	for (int round = 0; round < 300; round++)
	{
		CrmForecastModel model = (CrmForecastModel) random_between(0, 2);
		double		params[4] = {random_log(.1, 5), random_log(1, 100), random_log(.1, 5), random_log(.5, 50)};
		CrmForecastCell one = random_customer();
		double		horizon = random_log(.01, 20) * (params[1] + one.T) / (params[0] + one.x);
		double		expectation = crm_forecast_expected(model, params, &one, horizon);
		double		sum = 0;
		double		last = 1;
		int			quantile = crm_forecast_quantile(model, params, &one, horizon, 0.9);

		for (int n = 1; n < 2000 && last > 1e-13; n++)
		{
			double		p = crm_forecast_at_least(model, params, &one, horizon, n);

			CHECK(p >= 0 && p <= last * (1 + 1e-9) + 1e-15);
			last = p;
			sum += p;
		}
		CHECK(last > 1e-13 || fabs(sum - expectation) <= 1e-7 * expectation + 1e-12);
		CHECK(crm_forecast_at_least(model, params, &one, horizon, quantile + 1) <= .1 + 1e-12);
		CHECK(quantile == 0 || crm_forecast_at_least(model, params, &one, horizon, quantile) > .1 - 1e-12);
		CHECK(crm_forecast_alive(model, params, &one, horizon) <= crm_forecast_alive(model, params, &one, 0) * (1 + 1e-12));
		CHECK(crm_forecast_discounted(model, params, &one, horizon, horizon / 12, .01) < expectation * (1 + 1e-12) + 1e-15);
	}
	CHECKED("expectations are sums of probabilities, quantiles are quantiles");
}

/* Somebody who buys nearly each day, looked at for a hundred years: the interval lies around what is expected. */
static void
test_many_purchases(void)
{
	static const double params[3][4] = {{1, 1, .001, 1000}, {1, 1, .001, 1000}, {1, 1}};
	static const CrmForecastModel models[] = {CRM_FORECAST_BGNBD, CRM_FORECAST_MBGNBD, CRM_FORECAST_NBD};
	CrmForecastCell daily = {.x = 999, .tx = 999, .T = 999, .weight = 1};

	for (int i = 0; i < 3; i++)
	{
		double		expectation = crm_forecast_expected(models[i], params[i], &daily, 36500);
		int			low = crm_forecast_quantile(models[i], params[i], &daily, 36500, .1);
		int			high = crm_forecast_quantile(models[i], params[i], &daily, 36500, .9);

		CHECK(expectation > 30000 && low < expectation && high > expectation && high < 45000);
		CHECK(crm_forecast_at_least(models[i], params[i], &daily, 36500, high + 1) <= .1 + 1e-9);
	}
	for (double x = 10; x < 1e7; x *= 10)
	{
		static const double rare[4] = {1, 1, .001, 1000};
		CrmForecastCell often = {.x = x, .tx = 1000, .T = 1000, .weight = 1};
		double		expectation = crm_forecast_expected(CRM_FORECAST_PARETO, rare, &often, 30);
		int			median = crm_forecast_quantile(CRM_FORECAST_PARETO, rare, &often, 30, .5);

		CHECK(fabs(median - expectation) <= 1 + .002 * expectation);
		CHECK(crm_forecast_at_least(CRM_FORECAST_PARETO, rare, &often, 100000, 1) >= 1 - 1 / x - 1e-5);
	}
	CHECKED("tens of thousands of purchases have an interval, too");
}

/* Long horizons go by an integral, short ones by a series: they meet. */
static void
test_long_horizons(void)
{
	for (int round = 0; round < 60; round++)
	{
		double		params[4] = {random_log(.1, 3), random_log(.1, 3), random_log(.05, 5), random_log(.5, 50)};
		double		alone = crm_forecast_expected(CRM_FORECAST_MBGNBD, params, &(CrmForecastCell) {2, 1, 2, 1}, 180);
		double		before = alone;

		for (double horizon = 190; horizon < 1000; horizon += 10)
		{
			double		now = crm_forecast_expected(CRM_FORECAST_MBGNBD, params, &(CrmForecastCell) {2, 1, 2, 1}, horizon);

			CHECK(now >= before * (1 - 1e-9) && now < before * 1.06);
			before = now;
		}
		CHECK(isfinite(crm_forecast_expected(CRM_FORECAST_MBGNBD, params, &(CrmForecastCell) {2, 1, 2, 1}, 1e12)));
	}
	CHECKED("more time, more purchases, without a step");
}

/* ---- fits of data that somebody else has made, and of data that cannot be fitted */

static double
random_exponential(double rate)
{
	return -log1p(-(random_between(0, (1LL << 52) - 1) / (double) (1LL << 52))) / rate;
}

/* A customer of MBG/NBD kind, whose buying rate and chance of leaving are given. */
static CrmForecastCell
simulate(double rate, double leaves, double T)
{
	CrmForecastCell one = {0, 0, T, 1};
	double		time = 0;

	while (random_between(0, 1000000) >= leaves * 1e6)
	{
		time += random_exponential(rate);
		if (time > T)
			break;
		one.x++;
		one.tx = time;
	}
	return one;
}

static void
test_hard_data(void)
{
	static CrmForecastCell made[MAX_CELLS];
	CrmForecastFit fit;
	CrmForecastModel models[3] = {CRM_FORECAST_BGNBD, CRM_FORECAST_MBGNBD, CRM_FORECAST_PARETO};

	for (int i = 0; i < 2000; i++)	/* exponential rates: r = 1, alpha = 10 */
		made[i] = simulate(random_exponential(10), 0, random_between(20, 60));
	for (int m = 0; m < 3; m++)
	{
		fit = fit_as(models[m], made, 2000);
		ok(fit.status == CRM_FORECAST_NO_DROPOUT || fit.status == CRM_FORECAST_CONVERGED ||
		   fit.status == CRM_FORECAST_AT_WALL, "data without dropout: the fit ends");
		ok(fit.params[0] > .85 && fit.params[0] < 1.15, "  and finds the rates");
		printf("# %s\n", crm_forecast_status_name(fit.status));
	}
	for (int i = 0; i < 1500; i++)	/* one rate for everybody: no finite r fits best */
		made[i] = simulate(.2, .2, 40);
	for (int m = 0; m < 3; m++)
	{
		fit = fit_as(models[m], made, 1500);
		ok(fit.status != CRM_FORECAST_FAILED && isfinite(fit.log_likelihood), "equal customers: the fit ends");
		if (models[m] == CRM_FORECAST_MBGNBD)	/* the kind they are of */
			near(fit.params[0] / fit.params[1], .2, .1, "  and finds their rate");
		printf("# %s\n", crm_forecast_status_name(fit.status));
	}
	for (int i = 0; i < 100; i++)
		made[i] = customer(0, 0, 10 + i);
	is_str(crm_forecast_status_name(fit_as(CRM_FORECAST_BGNBD, made, 100).status), "no_repeats", "nobody bought twice");
	is_str(crm_forecast_status_name(fit_as(CRM_FORECAST_BGNBD, made, 0).status), "no_data", "nobody at all");
	made[0] = customer(3, 0, 0);
	is_str(crm_forecast_status_name(fit_as(CRM_FORECAST_BGNBD, made, 1).status), "no_data", "no time has passed");
	is_str(crm_forecast_status_name(fit_as(CRM_FORECAST_SPEND, made, 0).status), "no_data", "nothing was spent");
	for (int i = 0; i < 100; i++)
		made[i] = customer(2, 50, 0);
	fit = fit_as(CRM_FORECAST_SPEND, made, 100);
	ok(fit.status != CRM_FORECAST_FAILED, "all spend the same: the fit ends");
	near(crm_forecast_spend(fit.params, 2, 50), 50, 1e-3, "  and expects it again");
	made[0] = customer(5, 3, 4);
	fit = fit_as(CRM_FORECAST_PARETO, made, 1);
	ok(fit.status != CRM_FORECAST_CONVERGED && isfinite(fit.log_likelihood), "one customer is no population");
}

int
main(void)
{
	test_special();
	test_cdnow();
	test_units();
	test_points();
	test_edges();
	test_gradients();
	test_consistency();
	test_many_purchases();
	test_long_horizons();
	test_hard_data();
	return done();
}
