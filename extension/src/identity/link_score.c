/*
 * link_score.c
 *		The whole run: pairs of all blocks scored once each, cuts chosen by what the model
 *		expects, clusters at both.
 */
#include "identity/link.h"

#include <math.h>
#include <string.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

#define KEPT_ODDS (-4.0)		/* bits: what is less likely is not worth an edge */
#define LOWEST (-64)
#define SLICES 16				/* scored at a time */
#define SLICE_ROWS (1 << 15)
#define SLICE_PAIRS (1 << 22)	/* fewer rows where blocks are large */
#define MANY_PAIRS 500000		/* a key of fewer is not worth trying first */
#define TRIED_PAIRS 100000
#define POOR 20000				/* pairs for one match are too many */
#define LEAST_ODDS (-1.0)		/* what is less likely is not proposed, however few there are */

/* Whether two rows share a key of an earlier rule; four keys at a time where the machine can. */
static bool
belongs_to_earlier(const CrmLink *link, int rule, uint32_t a, uint32_t b)
{
	const uint32_t *x = link->keys + (size_t) a * link->key_width;
	const uint32_t *y = link->keys + (size_t) b * link->key_width;
	int			r = 0;

#ifdef __SSE2__
	__m128i		shared = _mm_setzero_si128();

	for (; r + 4 <= rule; r += 4)
	{
		__m128i		left = _mm_loadu_si128((const __m128i *) (x + r));
		__m128i		equal = _mm_cmpeq_epi32(left, _mm_loadu_si128((const __m128i *) (y + r)));

		shared = _mm_or_si128(shared, _mm_andnot_si128(_mm_cmpeq_epi32(left, _mm_setzero_si128()), equal));
	}
	if (_mm_movemask_epi8(shared) != 0)
		return true;
#endif
	for (; r < rule; r++)
		if (x[r] == y[r] && x[r] != 0)
			return true;
	return false;
}

/* Some blocks of a rule, and the edges that their pairs make. */
typedef struct Slice
{
	const CrmLink *link;
	int			rule;
	uint32_t	start;			/* of the rule's list */
	uint32_t	end;
	int64_t		compared;
	CrmLinkEdge *edges;
	uint32_t	n_edges;
	uint32_t	room;			/* more edges are counted and not kept */
	bool		is_cut;			/* given up halfway: the caller wants to cancel */
} Slice;

static void
score_pair(Slice *slice, uint32_t a, uint32_t b)
{
	const CrmLink *link = slice->link;
	double		least = KEPT_ODDS - link->prior;
	uint64_t	pattern;
	double		score;

	slice->compared++;
	if (!crm_link_pattern_worth(link, a, b, least, &pattern))
		return;
	score = crm_link_score(link, a, b, pattern);
	if (score < least)
		return;
	if (slice->n_edges < slice->room)
		slice->edges[slice->n_edges] = (CrmLinkEdge) {a, b, (float) score, (uint16_t) slice->rule, CRM_LINK_FREE, false, pattern};
	slice->n_edges++;
}

/* A large block takes a while, so a row of it is as long as anybody waits for it. */
static void
score_block(const CrmLink *link, void *state, int rule, const uint32_t *rows, uint32_t count)
{
	Slice	   *slice = state;

	for (uint32_t i = 0; i < count && !slice->is_cut; i++)
	{
		slice->is_cut = link->host.is_stopped != NULL && link->host.is_stopped();
		for (uint32_t j = i + 1; j < count; j++)
			if (!belongs_to_earlier(link, rule, rows[i], rows[j]))
				score_pair(slice, rows[i], rows[j]);
	}
}

static void
score_slice(void *argument, int part)
{
	Slice	   *slice = (Slice *) argument + part;

	slice->compared = slice->n_edges = 0;
	slice->is_cut = false;
	crm_link_blocks_between(slice->link, slice->rule, slice->start, slice->end, 1, score_block, slice);
}

/* Adds a slice's edges to all; one that found more than it had room for is scored again. */
static void
take_edges(CrmLink *link, Slice *slice)
{
	if (slice->n_edges > slice->room)
	{
		slice->room = slice->n_edges;
		slice->edges = crm_link_grow(link, slice->edges, 0, slice->room * sizeof(CrmLinkEdge));
		score_slice(slice, 0);
	}
	if (link->n_edges + slice->n_edges > link->room_edges)
	{
		link->room_edges = (link->n_edges + slice->n_edges) * 2;
		link->edges = crm_link_grow(link, link->edges, link->n_edges * sizeof(CrmLinkEdge),
									link->room_edges * sizeof(CrmLinkEdge));
	}
	if (slice->n_edges > 0)
		memcpy(link->edges + link->n_edges, slice->edges, slice->n_edges * sizeof(CrmLinkEdge));
	link->n_edges += slice->n_edges;
	link->compared += slice->compared;
}

/* The next blocks in order of rules, as many as slices; how many got any. */
static int
cut_slices(const CrmLink *link, Slice *slices, int *rule, uint32_t *start)
{
	uint32_t	few = SLICE_PAIRS / link->cap;
	uint32_t	rows = few < SLICE_ROWS ? few : SLICE_ROWS;
	int			n = 0;

	while (n < SLICES && *rule < link->n_rules)
	{
		if (*start >= link->rules[*rule].n_rows)
		{
			(*rule)++;
			*start = 0;
			continue;
		}
		slices[n].link = link;
		slices[n].rule = *rule;
		slices[n].start = *start;
		slices[n].end = *start = crm_link_blocks_end(link, *rule, *start, rows);
		n++;
	}
	return n;
}

/* Edges in the order of rules and blocks, whoever found them. */
static void
score_all(CrmLink *link)
{
	Slice		slices[SLICES] = {0};
	int			rule = 0;
	uint32_t	start = 0;
	int			n;

	for (int i = 0; i < SLICES; i++)
	{
		slices[i].room = SLICE_ROWS;
		slices[i].edges = crm_link_grow(link, NULL, 0, SLICE_ROWS * sizeof(CrmLinkEdge));
	}
	while ((n = cut_slices(link, slices, &rule, &start)) > 0)
	{
		crm_link_share(link, score_slice, slices, n);	/* breathes: none is cut after it */
		for (int i = 0; i < n; i++)
		{
			take_edges(link, &slices[i]);
			link->host.breathe(link->host.state);
		}
	}
	for (int i = 0; i < SLICES; i++)
		link->host.drop(link->host.state, slices[i].edges);
}

/* What some of a rule's pairs find. */
typedef struct Yield
{
	const CrmLink *link;
	int			rule;
	double		found;
	int64_t		pairs;
} Yield;

static void
sample_block(const CrmLink *link, void *state, int rule, const uint32_t *rows, uint32_t count)
{
	Yield	   *yield = state;
	double		least = KEPT_ODDS - link->prior;
	uint64_t	pattern;

	for (uint32_t i = 0; i < count; i++)
		for (uint32_t j = i + 1; j < count; j++)
		{
			yield->pairs++;
			if (!belongs_to_earlier(link, rule, rows[i], rows[j]) &&
				crm_link_pattern_worth(link, rows[i], rows[j], least, &pattern))
				yield->found += 1 / (1 + exp2(-link->prior -
											  crm_link_score(link, rows[i], rows[j], pattern)));
		}
}

static void
sample_part(void *argument, int part)
{
	Yield	   *yield = (Yield *) argument + part;
	const CrmLink *link = yield->link;

	crm_link_blocks_between(link, yield->rule, crm_link_blocks_part(link, yield->rule, part),
							crm_link_blocks_part(link, yield->rule, part + 1),
							(uint32_t) (link->rules[yield->rule].pairs / TRIED_PAIRS) + 1, sample_block, yield);
}

static bool
is_poor(CrmLink *link, int rule)
{
	Yield		yields[CRM_LINK_PARTS];
	double		found = 0;
	int64_t		pairs = 0;

	for (int i = 0; i < CRM_LINK_PARTS; i++)
		yields[i] = (Yield) {link, rule};
	crm_link_share(link, sample_part, yields, CRM_LINK_PARTS);
	for (int i = 0; i < CRM_LINK_PARTS; i++)
	{
		found += yields[i].found;
		pairs += yields[i].pairs;
	}
	return found * POOR < pairs;
}

/* Keys of many pairs are tried on some, in order, and left out where those find next to nothing. */
static void
leave_out_poor(CrmLink *link)
{
	for (int r = 0; r < link->n_rules; r++)
		if (link->rules[r].pairs >= MANY_PAIRS && link->rules[r].n_parts > 0 && is_poor(link, r))
			crm_link_leave_out(link, r);
}

/* The share of matches and the histogram, in turn until they agree. */
static void
settle_prior(CrmLink *link)
{
	double		all = link->n_rows / 2.0 * (link->n_rows - 1.0);

	for (int step = 0; step < 30; step++)
	{
		double		matches = 0.5;

		for (int64_t i = 0; i < link->n_edges; i++)
			matches += 1 / (1 + exp2(-(link->edges[i].score + link->prior)));
		link->matches = matches;
		link->prior = log2(matches / fmax(all, 1));
	}
}

static void
choose_cuts(CrmLink *link)
{
	double		found = 0;
	double		pairs = 0;
	double		best = -1;

	link->cut = link->cut_auto = CRM_LINK_AUTO_ODDS - link->prior;
	for (int64_t i = 0; i < link->n_edges; i++)
	{
		int			bin = (int) ((link->edges[i].score + link->prior - LOWEST) * 8);

		bin = bin < 0 ? 0 : bin >= CRM_LINK_HISTOGRAM ? CRM_LINK_HISTOGRAM - 1 : bin;
		link->histogram[bin]++;
		link->expected[bin] += 1 / (1 + exp2(-(link->edges[i].score + link->prior)));
	}
	for (int bin = CRM_LINK_HISTOGRAM - 1; bin >= (int) ((LEAST_ODDS - LOWEST) * 8); bin--)
	{
		double		f1;

		pairs += link->histogram[bin];
		found += link->expected[bin];
		f1 = 2 * found / (pairs + link->matches);
		if (pairs > 0 && link->histogram[bin] > 0 && f1 > best)
		{
			best = f1;
			link->cut = bin / 8.0 + LOWEST - link->prior;
			link->precision_cut = found / pairs;
			link->recall_cut = found / link->matches;
		}
		if (pairs > 0 && bin / 8.0 + LOWEST >= CRM_LINK_AUTO_ODDS)
			link->precision_auto = found / pairs;
	}
}

/* What only pairs are asked of. */
static void
drop_rows(CrmLink *link)
{
	void	  **held[] = {(void **) &link->keys, (void **) &link->sketches, (void **) &link->arena, (void **) &link->values};

	for (int r = 0; r < link->n_rules; r++)
	{
		if (link->rules[r].rows != NULL)
			link->host.drop(link->host.state, link->rules[r].rows);
		link->rules[r].rows = NULL;
	}
	for (size_t i = 0; i < sizeof held / sizeof *held; i++)
	{
		if (*held[i] != NULL)
			link->host.drop(link->host.state, *held[i]);
		*held[i] = NULL;
	}
}

/* Once more by what the first look found to be matches; of many rows these are few of all pairs. */
static void
look_again(CrmLink *link)
{
	settle_prior(link);
	crm_link_correct(link);
	crm_link_weigh(link);
	link->n_edges = link->compared = 0;
	score_all(link);
}

/* Rows, blocks, model, edges: all but clusters.  Of the rows their numbers alone are left. */
void
crm_link_learn(CrmLink *link)
{
	crm_link_rows_done(link);
	crm_link_plan(link);
	crm_link_sketch_rows(link);
	if (!link->has_model)
		crm_link_train(link);
	crm_link_weigh(link);
	if (!link->has_model)
		crm_link_depend(link);
	leave_out_poor(link);
	score_all(link);
	if (!link->has_model && link->n_rows <= CRM_LINK_FEW_ROWS)
		look_again(link);
	drop_rows(link);
	if (link->has_model)
		return;
	settle_prior(link);
	choose_cuts(link);
}

void
crm_link_run(CrmLink *link)
{
	crm_link_learn(link);
	crm_link_sort_edges(link);
	crm_link_dispute(link);
	link->cluster_auto = crm_link_grow(link, NULL, 0, (link->n_rows + 1) * sizeof(uint32_t));
	crm_link_cluster(link, link->cut_auto, true, link->cluster_auto);
	link->cluster = crm_link_grow(link, NULL, 0, (link->n_rows + 1) * sizeof(uint32_t));
	crm_link_cluster(link, link->cut, false, link->cluster);
}
