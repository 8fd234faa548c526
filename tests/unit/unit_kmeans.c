/* unit_kmeans.c - groups that are there are found, whatever the seed; the same seed gives the same answer. */
#include "tap.h"
#include "pure/kmeans.h"

#include <math.h>

#define COUNT 3000

static double points[COUNT * 2];
static int	labels[COUNT];
static int	scratch[COUNT];
static double distances[COUNT];
static int	pauses;

static void
count_pause(void)
{
	pauses++;
}

static CrmKmeans
run(int groups, uint64_t seed, size_t count)
{
	CrmKmeans	task = {.points = points, .count = count, .dims = 2, .groups = groups, .restarts = 8, .seed = seed,
		.labels = labels, .scratch = scratch, .distances = distances, .pause = count_pause};

	crm_kmeans(&task);
	return task;
}

static double
noise(void)
{
	return random_between(-1000, 1000) / 2000.0;
}

int
main(void)
{
	CrmKmeans	first;
	CrmKmeans	again;
	static int	kept[COUNT];

	/* six heaps of different sizes, ten apart */
	for (int i = 0; i < COUNT; i++)
	{
		int			heap = i % 21 < 6 ? 0 : i % 21 < 11 ? 1 : i % 21 < 15 ? 2 : i % 21 < 18 ? 3 : i % 21 < 20 ? 4 : 5;

		points[2 * i] = heap * 10 + noise();
		points[2 * i + 1] = (heap % 2) * 10 + noise();
	}
	first = run(6, 1, COUNT);
	memcpy(kept, labels, sizeof kept);
	is_int(first.made, 6, "six heaps make six groups");
	ok(pauses >= 8 * (6 + 2), "each start and each round lets whoever waits be heard");
	for (int i = 0; i < COUNT; i++)
		CHECK(labels[i] == (int) lround(points[2 * i] / 10));
	CHECKED("each heap is a group, the largest is number 0");
	for (uint64_t seed = 2; seed < 20; seed++)
	{
		again = run(6, seed, COUNT);
		CHECK(memcmp(kept, labels, sizeof kept) == 0 && fabs(again.cost - first.cost) < 1e-6);
	}
	CHECKED("other seeds find the same heaps");
	first = run(8, 7, COUNT);
	memcpy(kept, labels, sizeof kept);
	again = run(8, 7, COUNT);
	ok(memcmp(kept, labels, sizeof kept) == 0 && memcmp(first.means, again.means, sizeof first.means) == 0, "the same seed gives the same answer to the last bit");
	is_int(run(8, 7, 3).made, 3, "three points make three groups");
	for (int i = 0; i < COUNT; i++)
		points[2 * i] = points[2 * i + 1] = 4;
	is_int(run(8, 7, COUNT).made, 1, "points that are all alike make one");
	is_int(run(8, 7, 0).made, 0, "no points make none");
	return done();
}
