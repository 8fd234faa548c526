/*
 * forecast_fit.c - maximum likelihood, whatever the model.
 *
 * Time is measured in a unit of the data's own size (money likewise), so that days, weeks
 * and seconds are the same problem.  What is searched are logarithms, in a box of e^+-13
 * around one: parameters far out are as good as zero or infinite, and the fit says so.
 * NBD is fitted first: every model contains it as the case in which nobody leaves, its rates are
 * where the search starts, and what does not beat it has found no dropout.  The first start
 * nearly always leads to a flat point inside; others are tried when it does not.  A flat point need
 * not be the highest (few customers, many of each), so all starts are tried on a few of the cells:
 * that costs nothing beside the whole, which is searched once more only from what is higher there.
 */
#include "pure/forecast.h"

#include "pure/minimise.h"
#include "pure/special.h"

#include <math.h>
#include <string.h>

#define WALL 13.0
#define FAR 9.0					/* beyond it a parameter is as good as zero or infinite */
#define LEAST_GAIN 0.01			/* of log-likelihood, for leaving to be there at all */
#define N_STARTS 6
#define SOON 4					/* starts that are tried when the first does not end inside */
#define FEW_CELLS 256			/* on which every start is tried */
#define HIGHER 1e-6				/* of mean log-likelihood, for another hill to be one */

/* Each is added to the logarithms of the best start known: zero, or the answer of NBD. */
static const double starts[N_STARTS][CRM_FORECAST_PARAMS] = {
	{0, 0, 0, 1}, {1, 1, -2, 0}, {-1, -1, 1, 1}, {2, 2, -2, -2}, {5, 5, 0, 0}, {5, 5, 4, 4},
};

typedef struct Problem
{
	CrmForecastModel model;
	const CrmForecastCell *cells;
	size_t		count;
	double		weight;
	double		unit;			/* what parameters that are times (or money) are counted in */
	CrmForecastPause pause;
} Problem;

const char *
crm_forecast_status_name(CrmForecastStatus status)
{
	static const char *const names[] = {"converged", "at_wall", "no_dropout", "no_repeats", "no_data", "failed"};

	return names[status];
}

int
crm_forecast_compare_cells(const void *left, const void *right)
{
	const CrmForecastCell *a = left;
	const CrmForecastCell *b = right;

	if (a->x != b->x)
		return a->x < b->x ? -1 : 1;
	if (a->T != b->T)
		return a->T < b->T ? -1 : 1;
	return (a->tx > b->tx) - (a->tx < b->tx);
}

static int
params_of(CrmForecastModel model)
{
	return model == CRM_FORECAST_NBD ? 2 : model == CRM_FORECAST_SPEND ? 3 : 4;
}

/* Parameters that carry the unit: alpha and beta, or gamma. */
static bool
has_unit(CrmForecastModel model, int i)
{
	return model == CRM_FORECAST_SPEND ? i == 2 : i == 1 || (model == CRM_FORECAST_PARETO && i == 3);
}

/* Nobody leaves: Gamma(r + x) alpha^r / (Gamma(r) (alpha + T)^(r + x)). */
static double
nbd_likelihood(const double *params, const CrmForecastCell *cells, size_t count, double *gradient)
{
	double		r = params[0];
	double		alpha = params[1];
	double		total = 0;
	double		gammas = 0;
	double		slopes = 0;
	double		log_end = 0;
	double		sums[2] = {0, 0};

	for (size_t i = 0; i < count; i++)
	{
		const CrmForecastCell *cell = &cells[i];

		if (i == 0 || cell->T != cells[i - 1].T)
			log_end = log(alpha + cell->T);
		if (i == 0 || cell->x != cells[i - 1].x)
		{
			gammas = crm_log_gamma(r + cell->x) - crm_log_gamma(r) + r * log(alpha);
			slopes = crm_digamma(r + cell->x) - crm_digamma(r) + log(alpha);
		}
		total += cell->weight * (gammas - (r + cell->x) * log_end);
		sums[0] += cell->weight * (slopes - log_end);
		sums[1] += cell->weight * (r / alpha - (r + cell->x) / (alpha + cell->T));
	}
	if (gradient)
		memcpy(gradient, sums, sizeof sums);
	return total;
}

double
crm_forecast_likelihood(CrmForecastModel model, const double *params, const CrmForecastCell *cells,
						size_t count, double *gradient)
{
	switch (model)
	{
		case CRM_FORECAST_PARETO:
			return crm_pareto_likelihood(params, cells, count, gradient);
		case CRM_FORECAST_SPEND:
			return crm_spend_likelihood(params, cells, count, gradient);
		case CRM_FORECAST_NBD:
			return nbd_likelihood(params, cells, count, gradient);
		default:
			return crm_dropout_likelihood(params, cells, count, model == CRM_FORECAST_MBGNBD, gradient);
	}
}

/* Minus the mean log-likelihood, by logarithms of parameters in the problem's unit. */
static double
cost(const double *point, double *gradient, void *context)
{
	const Problem *problem = context;
	double		params[CRM_FORECAST_PARAMS] = {0};
	double		slopes[CRM_FORECAST_PARAMS] = {0};
	int			n = params_of(problem->model);
	double		total;

	if (problem->pause != NULL)
		problem->pause();
	for (int i = 0; i < n; i++)
		params[i] = exp(point[i]) * (has_unit(problem->model, i) ? problem->unit : 1);
	total = crm_forecast_likelihood(problem->model, params, problem->cells, problem->count, slopes);
	for (int i = 0; i < n; i++)
		gradient[i] = -slopes[i] * params[i] / problem->weight;
	return -total / problem->weight;
}

/* One search from one start. */
static CrmMinimise
search(Problem *problem, const double *start)
{
	CrmMinimise task = {0};

	task.n = params_of(problem->model);
	for (int i = 0; i < task.n; i++)
	{
		task.low[i] = -WALL;
		task.high[i] = WALL;
		task.point[i] = start[i];
	}
	task.function = cost;
	task.context = problem;
	crm_minimise(&task);
	return task;
}

static CrmMinimise
search_from(Problem *problem, const double *from, int i)
{
	double		start[CRM_FORECAST_PARAMS];

	for (int j = 0; j < CRM_FORECAST_PARAMS; j++)
		start[j] = from[j] + starts[i][j];
	return search(problem, start);
}

/*
 * The best of the first starts.  One that ends inside is enough when it beats the floor; so are two
 * that end at a wall, or that are no better than the floor.
 */
static CrmMinimise
search_soon(Problem *problem, const double *from, double floor_cost)
{
	CrmMinimise best = {0};
	int			evaluations = 0;

	best.value = INFINITY;
	for (int i = 0; i < SOON; i++)
	{
		CrmMinimise task = search_from(problem, from, i);

		evaluations += task.evaluations;
		if (i == 0 || task.value < best.value - 1e-12 * fabs(best.value) ||
			(task.is_converged && !best.is_converged && task.value <= best.value + 1e-9))
			best = task;
		if (best.is_converged && best.at_wall == 0 && best.value <= floor_cost)
			break;
		if (i > 0 && (best.is_converged || best.value > floor_cost))
			break;
	}
	best.evaluations = evaluations;
	return best;
}

/* The problem of every so manyth cell only, which are put into few. */
static Problem
thin_out(const Problem *problem, CrmForecastCell *few)
{
	Problem		thin = *problem;
	size_t		step = (problem->count + FEW_CELLS - 1) / FEW_CELLS;

	thin.cells = few;
	thin.count = 0;
	thin.weight = 0;
	for (size_t i = step / 2; i < problem->count; i += step)
	{
		few[thin.count++] = problem->cells[i];
		thin.weight += problem->cells[i].weight;
	}
	return thin;
}

/* Where a few of the cells are likelier than around the point that was found; that point when they are nowhere. */
static CrmMinimise
look_around(const Problem *problem, const double *from, const CrmMinimise *found)
{
	CrmForecastCell few[FEW_CELLS];
	Problem		thin = thin_out(problem, few);
	CrmMinimise here = search(&thin, found->point);
	CrmMinimise best = here;

	for (int i = 0; i < N_STARTS; i++)
	{
		CrmMinimise task = search_from(&thin, from, i);

		if (task.value < best.value - HIGHER)
			best = task;
	}
	return best.value < here.value ? best : *found;
}

static CrmMinimise
search_all(Problem *problem, const double *from, double floor_cost)
{
	CrmMinimise best = search_soon(problem, from, floor_cost);
	CrmMinimise there = look_around(problem, from, &best);
	int			evaluations = best.evaluations;

	if (memcmp(there.point, best.point, sizeof best.point) != 0)
	{
		there = search(problem, there.point);
		evaluations += there.evaluations;
		if (there.value < best.value - HIGHER)
			best = there;
		best.evaluations = evaluations;
	}
	return best;
}

/* Standard errors from the curvature in logarithms, by the delta method. */
static void
take_errors(const Problem *problem, CrmMinimise *task, CrmForecastFit *fit)
{
	double		inverse[CRM_MINIMISE_MAX][CRM_MINIMISE_MAX];
	bool		has_errors = fit->status == CRM_FORECAST_CONVERGED && crm_minimise_invert(task->curvature, task->n, inverse);

	for (int i = 0; i < CRM_FORECAST_PARAMS; i++)
		fit->errors[i] = has_errors && i < task->n ?
			fit->params[i] * sqrt(inverse[i][i] / problem->weight) : NAN;
}

/* On the way to a wall the likelihood can be too steep to end flat, or too flat to go on: it is the wall all the same. */
static bool
is_far_out(const CrmMinimise *task)
{
	for (int i = 0; i < task->n; i++)
		if (fabs(task->point[i]) > FAR)
			return true;
	return false;
}

static CrmForecastFit
answer(const Problem *problem, CrmMinimise *task)
{
	CrmForecastFit fit = {0};

	fit.n_params = task->n;
	fit.status = is_far_out(task) ? CRM_FORECAST_AT_WALL : task->is_converged ? CRM_FORECAST_CONVERGED : CRM_FORECAST_FAILED;
	for (int i = 0; i < task->n; i++)
		fit.params[i] = exp(task->point[i]) * (has_unit(problem->model, i) ? problem->unit : 1);
	fit.log_likelihood = -task->value * problem->weight;
	fit.evaluations = task->evaluations;
	take_errors(problem, task, &fit);
	return fit;
}

/*
 * Weighs the data and takes its unit; false when there is nothing to fit.  The unit is of the size that most are of (a mean of
 * logarithms): a mean would be that of the one customer who was seen, or spent, a million times as much as the others.
 */
static bool
survey(Problem *problem, CrmForecastStatus *status)
{
	bool		is_spend = problem->model == CRM_FORECAST_SPEND;
	double		repeats = 0;
	double		sized = 0;
	double		logs = 0;

	for (size_t i = 0; i < problem->count; i++)
	{
		const CrmForecastCell *cell = &problem->cells[i];
		double		size = is_spend ? cell->tx : cell->T;

		if (is_spend && !(cell->x > 0 && cell->tx > 0))
			continue;
		problem->weight += cell->weight;
		repeats += cell->weight * cell->x;
		if (!(size > 0))
			continue;
		sized += cell->weight;
		logs += cell->weight * log(size);
	}
	problem->unit = exp(logs / sized) / (is_spend ? 1 : 4);
	*status = !(sized > 0) ? CRM_FORECAST_NO_DATA : CRM_FORECAST_NO_REPEATS;
	return *status != CRM_FORECAST_NO_DATA && repeats > 0;
}

CrmForecastFit
crm_forecast_fit(CrmForecastModel model, const CrmForecastCell *cells, size_t count, CrmForecastPause pause)
{
	Problem		problem = {model, cells, count, 0, 0, pause};
	Problem		without;
	CrmMinimise task;
	CrmMinimise nbd;
	double		from[CRM_FORECAST_PARAMS] = {0};
	CrmForecastFit fit = {0};

	fit.n_params = params_of(model);
	for (int i = 0; i < CRM_FORECAST_PARAMS; i++)
		fit.params[i] = fit.errors[i] = NAN;
	fit.log_likelihood = NAN;
	if (!survey(&problem, &fit.status))
		return fit;
	if (model == CRM_FORECAST_SPEND || model == CRM_FORECAST_NBD)
	{
		task = search_all(&problem, from, INFINITY);
		return answer(&problem, &task);
	}
	without = problem;
	without.model = CRM_FORECAST_NBD;
	nbd = search_all(&without, from, INFINITY);
	from[0] = nbd.point[0];
	from[1] = nbd.point[1];
	task = search_all(&problem, from, nbd.value - LEAST_GAIN / problem.weight);
	task.evaluations += nbd.evaluations;
	fit = answer(&problem, &task);
	if (fit.status != CRM_FORECAST_FAILED && fit.log_likelihood > LEAST_GAIN - nbd.value * problem.weight)
		return fit;
	fit = answer(&without, &nbd);
	if (fit.status != CRM_FORECAST_FAILED)
		fit.status = CRM_FORECAST_NO_DROPOUT;
	return fit;
}
