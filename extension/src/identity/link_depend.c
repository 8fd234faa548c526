/*
 * link_depend.c
 *		Fields that say the same thing twice: a town and its postcode, a forename and the sex.
 *
 * Rows that share a value of one field are drawn at random; how often another field agrees
 * among those that are two things is held against how often it does anywhere.  Where the first
 * field already says most of it, the second weighs less beside it: by the difference of its
 * weight among such pairs and among all.  So correlated fields are combined without anybody
 * naming them.
 *
 * Worked example: two of any rows have the same postcode area by .01, two of one town by .6; at
 * equal towns an equal area brings .5 bits and not 4.4.
 */
#include "identity/link.h"

#include <math.h>
#include <string.h>

#include "pure/hash.h"

#define DRAWN 20000				/* pairs a field */
#define FEWEST 50.0				/* of them must be two things, or nothing is said */
#define LEAST_SHARE 0.5			/* and so many of all, or matches taken for none would be believed */
#define PRIOR_PAIRS 10.0		/* weight of the independent chances beside what is seen */
#define STEPS 20
#define APART (-2.0)			/* bits of what is told otherwise */

typedef struct Sums
{
	double		matched[CRM_LINK_MAX_FIELDS][CRM_LINK_MAX_LEVELS];
	double		other[CRM_LINK_MAX_FIELDS][CRM_LINK_MAX_LEVELS];
} Sums;

typedef struct Draw
{
	uint64_t	pattern;
	double		score;			/* of all fields but the shared ones */
} Draw;

static double
posterior(double odds)
{
	return 1 / (1 + exp2(-odds));
}

/* What rows share: a field's value, or behind the fields, given name and surname; 0 nothing. */
static uint32_t
shared_key(const CrmLink *link, uint32_t row, uint32_t fields)
{
	uint64_t	mixed = 0;

	if ((fields & (fields - 1)) == 0)
		return link->values[(size_t) row * link->n_fields + __builtin_ctz(fields)];
	for (; fields != 0; fields &= fields - 1)
	{
		uint32_t	value = link->values[(size_t) row * link->n_fields + __builtin_ctz(fields)];

		if (value == 0)
			return 0;
		mixed = crm_hash_int64((int64_t) (mixed * 31 + value));
	}
	return (uint32_t) (mixed >> 32) | 1;
}

/* The first of count sorted entries whose key is not below. */
static uint32_t
first_at(const uint64_t *sorted, uint32_t count, uint64_t key)
{
	uint32_t	low = 0;
	uint32_t	high = count;

	while (low < high)
	{
		uint32_t	middle = low + (high - low) / 2;

		if (sorted[middle] >> 32 < key)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static double
weight_without(const CrmLink *link, uint64_t pattern, uint32_t shared)
{
	double		sum = 0;

	for (int f = 0; f < link->n_fields; f++)
		if ((shared >> f & 1) == 0)
			sum += link->fields[f].weight[crm_link_pattern_level(pattern, f)];
	return sum;
}

/* How many pairs there are to draw: few rows would show the same ones over and over. */
static int64_t
pairs_of(const uint64_t *sorted, uint32_t count)
{
	int64_t		pairs = 0;
	uint32_t	first = 0;

	for (uint32_t i = 0; i < count; i++)
	{
		if (sorted[i] >> 32 != sorted[first] >> 32)
			first = i;
		pairs += i - first;
	}
	return pairs;
}

/* What rows share that is asked about, beside others. */
typedef struct Lane
{
	CrmLink    *link;
	int			first;			/* the field, or behind the fields for both names */
	uint64_t   *order;			/* key and row, for sorting, twice as many as rows */
	Draw	   *draws;
} Lane;

static uint32_t
shared_fields(const Lane *lane)
{
	return lane->first == CRM_LINK_MAX_FIELDS ? lane->link->name_fields : 1u << lane->first;
}

/* Pairs of rows that share the fields; returns their number. */
static int
draw_pairs(const Lane *lane)
{
	const CrmLink *link = lane->link;
	Draw	   *draws = lane->draws;
	uint32_t	shared = shared_fields(lane);
	uint32_t	count = 0;
	uint64_t   *sorted;
	int64_t		most;
	int			n = 0;

	for (uint32_t row = 0; row < link->n_rows; row++)
	{
		uint32_t	key = shared_key(link, row, shared);

		if (key != 0)
			lane->order[count++] = (uint64_t) key << 32 | row;
	}
	sorted = crm_link_sort(lane->order, link->n_rows, count);
	most = pairs_of(sorted, count);
	for (int64_t i = 0; i < most && i < DRAWN; i++)
	{
		uint64_t	drawn = crm_hash_int64((int64_t) (link->seed + (uint64_t) i * 977 + shared));
		uint32_t	at = (uint32_t) ((drawn >> 32) * count >> 32);
		uint64_t	key = sorted[at] >> 32;
		uint32_t	from = first_at(sorted, count, key);
		uint32_t	rows = first_at(sorted, count, key + 1) - from;
		uint32_t	other = from + (uint32_t) ((drawn & 0xffffffff) * rows >> 32);

		if (other == at)
			continue;
		draws[n].pattern = crm_link_pattern(link, (uint32_t) sorted[at], (uint32_t) sorted[other]);
		draws[n].score = weight_without(link, draws[n].pattern, shared);
		n++;
	}
	return n;
}

/* Log2 odds of a drawn pair, settled so that they expect what they find. */
static double
prior_of(const Draw *draws, int n)
{
	double		share = 0.1;

	for (int step = 0; step < STEPS; step++)
	{
		double		odds = log2(share / (1 - share));
		double		sum = 0;

		for (int i = 0; i < n; i++)
			sum += posterior(draws[i].score + odds);
		share = fmin(fmax(sum / n, 1e-6), 1 - 1e-6);
	}
	return log2(share / (1 - share));
}

/*
 * Each field judged by all the others, itself and the shared ones left out.  Two that these do not tell apart are not
 * counted: of matches that tell little some would pass for others, and what matches have in common for what others have.
 */
static void
sum_levels(const CrmLink *link, uint32_t shared, const Draw *draws, int n, Sums *sums)
{
	double		prior = prior_of(draws, n);

	memset(sums, 0, sizeof *sums);
	for (int i = 0; i < n; i++)
		for (int f = 0; f < link->n_fields; f++)
		{
			int			level = crm_link_pattern_level(draws[i].pattern, f);
			double		rest = draws[i].score - link->fields[f].weight[level];
			double		part = posterior(prior + rest);

			if ((shared >> f & 1) != 0 || level == 0 || (part < 0.5 && rest > APART))
				continue;
			sums->matched[f][level] += part;
			sums->other[f][level] += 1 - part;
		}
}

static double
sum_of(const double *levels)
{
	double		sum = 0;

	for (int level = 1; level < CRM_LINK_MAX_LEVELS; level++)
		sum += levels[level];
	return sum;
}

static void
set_loss(CrmLink *link, int first, int f, const Sums *sums)
{
	const CrmLinkField *field = &link->fields[f];
	double		others = sum_of(sums->other[f]);
	double		matches = sum_of(sums->matched[f]);
	bool		is_known = others >= FEWEST && others >= LEAST_SHARE * (others + matches);

	for (int level = 1; level < field->n_levels; level++)
	{
		double		u = (sums->other[f][level] + PRIOR_PAIRS * field->u[level]) / (others + PRIOR_PAIRS);
		double		m = (sums->matched[f][level] + PRIOR_PAIRS * field->m[level]) / (matches + PRIOR_PAIRS);
		double		loss = log2(m / u) - field->weight[level];

		link->loss[first][f][level] = is_known && field->weight[level] > 0 && loss < 0 ?
			(float) fmax(loss, -field->weight[level]) : 0;
	}
}

static void
depend_on(void *argument, int part)
{
	const Lane *lane = (Lane *) argument + part;
	CrmLink    *link = lane->link;
	int			n = draw_pairs(lane);
	Sums		sums;

	if (n < FEWEST)
		return;
	sum_levels(link, shared_fields(lane), lane->draws, n, &sums);
	for (int f = 0; f < link->n_fields; f++)
		if ((shared_fields(lane) >> f & 1) == 0 && (lane->first == CRM_LINK_MAX_FIELDS ||
													link->fields[f].group != link->fields[lane->first].group))
			set_loss(link, lane->first, f, &sums);
}

static void
note_losses(CrmLink *link)
{
	memset(link->depends_on, 0, sizeof link->depends_on);
	for (int first = 0; first <= CRM_LINK_MAX_FIELDS; first++)
		for (int f = 0; f < link->n_fields; f++)
			for (int level = 1; level < link->fields[f].n_levels; level++)
				if (link->loss[first][f][level] < 0)
					link->depends_on[f] |= 1u << first;
}

/* Needs weights. */
void
crm_link_depend(CrmLink *link)
{
	Lane		lanes[CRM_LINK_LANES];
	int			n = 0;

	memset(link->loss, 0, sizeof link->loss);
	for (int i = 0; i < CRM_LINK_LANES; i++)
		lanes[i] = (Lane) {.link = link, .draws = crm_link_grow(link, NULL, 0, DRAWN * sizeof(Draw)),
		.order = crm_link_grow(link, NULL, 0, ((size_t) link->n_rows * 2 + 1) * sizeof(uint64_t))};
	for (int first = 0; first <= CRM_LINK_MAX_FIELDS; first++)
	{
		if (first < link->n_fields || (first == CRM_LINK_MAX_FIELDS && link->name_fields != 0))
			lanes[n++].first = first;
		if (n == CRM_LINK_LANES || first == CRM_LINK_MAX_FIELDS)
		{
			crm_link_share(link, depend_on, lanes, n);
			n = 0;
		}
	}
	note_losses(link);
	for (int i = 0; i < CRM_LINK_LANES; i++)
	{
		link->host.drop(link->host.state, lanes[i].draws);
		link->host.drop(link->host.state, lanes[i].order);
	}
}
