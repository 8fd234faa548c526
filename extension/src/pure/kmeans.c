/*
 * kmeans.c - Lloyd's algorithm from k-means++ starts.
 *
 * Called with standardised measures of customers: a few dimensions, six to eight groups.
 */
#include "pure/kmeans.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

#define MAX_ROUNDS 100
#define POINTS_AT_ONCE 4096		/* between two calls of pause() */

static void
pause_at(const CrmKmeans *task, size_t point)
{
	if (point % POINTS_AT_ONCE == 0 && task->pause != NULL)
		task->pause();
}

/* splitmix64, as a number in [0, 1). */
static double
next_random(uint64_t *state)
{
	uint64_t	z = (*state += UINT64_C(0x9E3779B97F4A7C15));

	z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
	return (double) ((z ^ (z >> 31)) >> 11) / 9007199254740992.0;
}

static double
distance(const double *a, const double *b, int dims)
{
	double		sum = 0;

	for (int i = 0; i < dims; i++)
		sum += (a[i] - b[i]) * (a[i] - b[i]);
	return sum;
}

/* The first centre anywhere, each next one with a chance that grows with its distance. */
static int
choose_starts(CrmKmeans *task, uint64_t *state)
{
	const double *points = task->points;
	size_t		chosen = (size_t) (next_random(state) * (double) task->count);
	int			made = 0;

	for (size_t i = 0; i < task->count; i++)
		task->distances[i] = INFINITY;
	while (made < task->groups)
	{
		double		total = 0;
		double		aim;

		memcpy(task->means[made], points + chosen * task->dims, task->dims * sizeof(double));
		for (size_t i = 0; i < task->count; i++)
		{
			pause_at(task, i);
			task->distances[i] = fmin(task->distances[i], distance(points + i * task->dims, task->means[made], task->dims));
			total += task->distances[i];
		}
		made++;
		if (!(total > 0))
			break;
		aim = next_random(state) * total;
		for (size_t i = 0; i < task->count; i++)
			if (task->distances[i] > 0)
			{
				chosen = i;
				aim -= task->distances[i];
				if (aim < 0)
					break;
			}
	}
	return made;
}

/* Gives each point to its nearest mean; false when none moved. */
static bool
assign(CrmKmeans *task, int made, int *labels)
{
	bool		has_moved = false;

	task->cost = 0;
	for (size_t i = 0; i < task->count; i++)
	{
		double		nearest = INFINITY;
		int			label = 0;

		pause_at(task, i);
		for (int g = 0; g < made; g++)
		{
			double		d = distance(task->points + i * task->dims, task->means[g], task->dims);

			if (d < nearest)
			{
				nearest = d;
				label = g;
			}
		}
		has_moved |= labels[i] != label;
		labels[i] = label;
		task->cost += nearest;
	}
	return has_moved;
}

/* Means of the points given; a group that lost all its points stays where it was. */
static void
take_means(CrmKmeans *task, int made, const int *labels)
{
	double		sums[CRM_KMEANS_MAX_GROUPS][CRM_KMEANS_MAX_DIMS] = {{0}};

	memset(task->sizes, 0, sizeof task->sizes);
	for (size_t i = 0; i < task->count; i++)
	{
		task->sizes[labels[i]]++;
		for (int d = 0; d < task->dims; d++)
			sums[labels[i]][d] += task->points[i * task->dims + d];
	}
	for (int g = 0; g < made; g++)
		for (int d = 0; d < task->dims && task->sizes[g] > 0; d++)
			task->means[g][d] = sums[g][d] / (double) task->sizes[g];
}

static bool
comes_before(const CrmKmeans *task, int a, int b)
{
	if (task->sizes[a] != task->sizes[b])
		return task->sizes[a] > task->sizes[b];
	return task->means[a][0] < task->means[b][0];
}

/* Numbers the groups anew, the largest first; empty ones fall off the end. */
static void
number_groups(CrmKmeans *task)
{
	int			order[CRM_KMEANS_MAX_GROUPS];
	int			number[CRM_KMEANS_MAX_GROUPS];
	CrmKmeans	old = *task;
	int			made = 0;

	for (int g = 0; g < task->made; g++)
	{
		int			at = g;

		for (; at > 0 && comes_before(task, g, order[at - 1]); at--)
			order[at] = order[at - 1];
		order[at] = g;
	}
	for (int i = 0; i < task->made; i++)
	{
		number[order[i]] = i;
		memcpy(task->means[i], old.means[order[i]], sizeof task->means[i]);
		task->sizes[i] = old.sizes[order[i]];
		made += task->sizes[i] > 0;
	}
	for (size_t i = 0; i < task->count; i++)
		task->labels[i] = number[task->labels[i]];
	task->made = made;
}

void
crm_kmeans(CrmKmeans *task)
{
	uint64_t	state = task->seed;
	double		best = INFINITY;
	CrmKmeans	kept = *task;

	task->made = 0;
	if (task->count == 0)
		return;
	for (int restart = 0; restart < task->restarts; restart++)
	{
		int			made = choose_starts(task, &state);

		memset(task->scratch, -1, task->count * sizeof(int));
		for (int round = 0; round < MAX_ROUNDS && assign(task, made, task->scratch); round++)
			take_means(task, made, task->scratch);
		if (task->cost < best)
		{
			best = task->cost;
			memcpy(task->labels, task->scratch, task->count * sizeof(int));
			kept = *task;
			kept.made = made;
		}
	}
	*task = kept;
	take_means(task, task->made, task->labels);
	number_groups(task);
}
