/*
 * minimise.c - BFGS in a box, finished by Newton steps.
 *
 * Called with negative mean log-likelihoods in the logarithms of their parameters: values of
 * the order of one, a handful of well scaled numbers, boxes of about +-15.
 */
#include "pure/minimise.h"

#include <math.h>
#include <string.h>

#define N CRM_MINIMISE_MAX
#define MAX_STEPS 120
#define MAX_HALVINGS 40
#define LONGEST_STEP 2.0		/* a factor of e squared in a parameter */
#define COARSE 1e-7				/* the gradient at which BFGS hands over to Newton */
#define FINE 1e-11
#define PATIENCE 8				/* steps that gain less than MEAGRE in all end the search */
#define MEAGRE 1e-11

static double
evaluate(CrmMinimise *task, const double *point, double *gradient)
{
	double		value = task->function(point, gradient, task->context);

	task->evaluations++;
	for (int i = 0; i < task->n; i++)
		if (!isfinite(gradient[i]))
			return INFINITY;
	return isfinite(value) ? value : INFINITY;
}

/* A number is held when it is at its wall and going downhill would leave the box. */
static bool
is_held(const CrmMinimise *task, int i)
{
	return (task->point[i] <= task->low[i] && task->gradient[i] > 0) ||
		(task->point[i] >= task->high[i] && task->gradient[i] < 0);
}

/* The greatest slope along numbers that are free to move. */
static double
steepness(const CrmMinimise *task)
{
	double		steepest = 0;

	for (int i = 0; i < task->n; i++)
		if (!is_held(task, i))
			steepest = fmax(steepest, fabs(task->gradient[i]));
	return steepest;
}

static void
unit_matrix(double matrix[N][N], double scale)
{
	memset(matrix, 0, sizeof(double[N][N]));
	for (int i = 0; i < N; i++)
		matrix[i][i] = scale;
}

bool
crm_minimise_invert(double matrix[N][N], int n, double inverse[N][N])
{
	double		factor[N][N] = {{0}};	/* Cholesky: matrix = factor * its transpose */

	for (int i = 0; i < n; i++)
		for (int j = 0; j <= i; j++)
		{
			double		sum = matrix[i][j];

			for (int k = 0; k < j; k++)
				sum -= factor[i][k] * factor[j][k];
			if (i == j && !(sum > 1e-14 * fabs(matrix[i][i])))
				return false;
			factor[i][j] = i == j ? sqrt(sum) : sum / factor[j][j];
		}
	for (int column = 0; column < n; column++)
	{
		double		y[N];

		for (int i = 0; i < n; i++)
		{
			y[i] = i == column;
			for (int k = 0; k < i; k++)
				y[i] -= factor[i][k] * y[k];
			y[i] /= factor[i][i];
		}
		for (int i = n - 1; i >= 0; i--)
		{
			for (int k = i + 1; k < n; k++)
				y[i] -= factor[k][i] * inverse[k][column];
			inverse[i][column] = y[i] / factor[i][i];
		}
	}
	return true;
}

/* Second derivatives by differences of the gradient; held numbers count as well. */
static void
take_curvature(CrmMinimise *task)
{
	const double step = 1e-5;

	for (int i = 0; i < task->n; i++)
	{
		double		point[N];
		double		above[N];
		double		below[N];

		memcpy(point, task->point, sizeof point);
		point[i] = task->point[i] + step;
		evaluate(task, point, above);
		point[i] = task->point[i] - step;
		evaluate(task, point, below);
		for (int j = 0; j < task->n; j++)
			task->curvature[i][j] = (above[j] - below[j]) / (2 * step);
	}
	for (int i = 0; i < task->n; i++)
		for (int j = 0; j < i; j++)
			task->curvature[i][j] = task->curvature[j][i] =
				(task->curvature[i][j] + task->curvature[j][i]) / 2;
}

/* Goes along a direction, shorter and shorter, until the value falls; false when it never does. */
static bool
go_along(CrmMinimise *task, const double *direction, double *moved, double *turned)
{
	double		length = 1;
	double		longest = 0;

	for (int i = 0; i < task->n; i++)
		longest = fmax(longest, fabs(direction[i]));
	if (longest > LONGEST_STEP)
		length = LONGEST_STEP / longest;
	for (int halving = 0; halving < MAX_HALVINGS; halving++, length /= 2)
	{
		double		point[N];
		double		gradient[N];
		double		promised = 0;
		double		value;

		for (int i = 0; i < task->n; i++)
		{
			point[i] = fmin(fmax(task->point[i] + length * direction[i], task->low[i]), task->high[i]);
			promised += task->gradient[i] * (point[i] - task->point[i]);
		}
		value = evaluate(task, point, gradient);
		if (value > task->value + 1e-4 * promised || promised >= 0)
			continue;
		for (int i = 0; i < task->n; i++)
		{
			moved[i] = point[i] - task->point[i];
			turned[i] = gradient[i] - task->gradient[i];
		}
		memcpy(task->point, point, sizeof point);
		memcpy(task->gradient, gradient, sizeof gradient);
		task->value = value;
		return true;
	}
	return false;
}

/* The BFGS update of the inverse curvature; false when the step saw none. */
static bool
learn(double inverse[N][N], int n, const double *moved, const double *turned, bool is_first)
{
	double		along = 0;
	double		size = 0;
	double		image[N] = {0};
	double		bend = 0;

	for (int i = 0; i < n; i++)
	{
		along += moved[i] * turned[i];
		size += turned[i] * turned[i];
	}
	if (!(along > 1e-14 * size) || size == 0)
		return false;
	if (is_first)
		unit_matrix(inverse, along / size);
	for (int i = 0; i < n; i++)
	{
		for (int j = 0; j < n; j++)
			image[i] += inverse[i][j] * turned[j];
		bend += image[i] * turned[i];
	}
	for (int i = 0; i < n; i++)
		for (int j = 0; j < n; j++)
			inverse[i][j] += (1 + bend / along) * moved[i] * moved[j] / along -
				(image[i] * moved[j] + moved[i] * image[j]) / along;
	return true;
}

static void
search_coarsely(CrmMinimise *task)
{
	double		inverse[N][N];
	bool		is_fresh = true;
	bool		was_held[N] = {false};
	double		checked = task->value;

	unit_matrix(inverse, 1);
	for (int step = 0; step < MAX_STEPS && steepness(task) > COARSE; step++)
	{
		double		direction[N] = {0};
		double		moved[N];
		double		turned[N];

		if (step % PATIENCE == PATIENCE - 1)
		{
			if (checked - task->value < MEAGRE * fabs(task->value))
				return;
			checked = task->value;
		}
		for (int i = 0; i < task->n; i++)
		{
			if (is_held(task, i) != was_held[i] && !is_fresh)
			{
				unit_matrix(inverse, 1);
				is_fresh = true;
			}
			was_held[i] = is_held(task, i);
		}
		for (int i = 0; i < task->n; i++)
			for (int j = 0; j < task->n && !was_held[i]; j++)
				if (!was_held[j])
					direction[i] -= inverse[i][j] * task->gradient[j];
		if (go_along(task, direction, moved, turned))
			is_fresh = !learn(inverse, task->n, moved, turned, is_fresh) && is_fresh;
		else if (is_fresh)
			return;
		else
		{
			unit_matrix(inverse, 1);
			is_fresh = true;
		}
	}
}

/* Newton on the free numbers; stops when the gradient no longer shrinks. */
static void
finish(CrmMinimise *task)
{
	for (int step = 0; step < 6; step++)
	{
		double		free_part[N][N] = {{0}};
		double		inverse[N][N];
		CrmMinimise tried = *task;
		double		before = steepness(task);

		take_curvature(task);
		tried.evaluations = task->evaluations;
		if (before < FINE)
			return;
		for (int i = 0; i < task->n; i++)
			for (int j = 0; j < task->n; j++)
				free_part[i][j] = is_held(task, i) || is_held(task, j) ? i == j : task->curvature[i][j];
		if (!crm_minimise_invert(free_part, task->n, inverse))
			return;
		for (int i = 0; i < task->n; i++)
			for (int j = 0; j < task->n && !is_held(task, i); j++)
				if (!is_held(task, j))
					tried.point[i] -= inverse[i][j] * task->gradient[j];
		for (int i = 0; i < task->n; i++)
			tried.point[i] = fmin(fmax(tried.point[i], task->low[i]), task->high[i]);
		tried.value = evaluate(&tried, tried.point, tried.gradient);
		task->evaluations = tried.evaluations;
		if (tried.value > task->value + 1e-9 * fabs(task->value) || steepness(&tried) >= before)
			return;
		memcpy(tried.curvature, task->curvature, sizeof tried.curvature);
		*task = tried;
	}
}

void
crm_minimise(CrmMinimise *task)
{
	task->evaluations = 0;
	task->at_wall = 0;
	task->is_converged = false;
	for (int i = 0; i < task->n; i++)
		task->point[i] = fmin(fmax(task->point[i], task->low[i]), task->high[i]);
	task->value = evaluate(task, task->point, task->gradient);
	if (!isfinite(task->value))
		return;
	search_coarsely(task);
	finish(task);
	for (int i = 0; i < task->n; i++)
		if (is_held(task, i))
			task->at_wall |= 1u << i;
	task->is_converged = steepness(task) < 1e-6;
}
