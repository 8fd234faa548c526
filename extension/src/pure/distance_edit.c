/*
 * distance_edit.c - Levenshtein and optimal string alignment, bit-parallel.
 *
 * Myers (1999) in Hyyro's form (2003): a column of the edit matrix is two words of vertical
 * differences, and a step takes a dozen operations for 64 rows.  Longer patterns go strip by
 * strip of 64 rows over the whole text; what leaves a strip at its lower edge is kept a byte
 * a column for the next one.  The step for swaps is Hyyro's too.
 */
#include <stdbool.h>

#include "pure/distance_pattern.h"

#define STRIP 64

/* What crosses the lower edge of a strip in one column. */
#define EDGE_PLUS 1
#define EDGE_MINUS 2
#define EDGE_SWAP 4				/* a swap may go on in the next strip's first row */

typedef struct Column
{
	uint64_t	plus;			/* rows where the distance grows by one downwards */
	uint64_t	minus;
	uint64_t	diagonal;		/* rows where the diagonal step was free */
	uint64_t	matches;		/* of the column before, for swaps */
} Column;

/* One column of one strip; last is the bit of the row whose edge is returned. */
static inline int
step(Column *column, uint64_t matches, int edge, uint64_t last, bool has_swaps)
{
	uint64_t	minus_in = (edge & EDGE_MINUS) != 0;
	uint64_t	swaps = 0;
	uint64_t	seeds = matches | minus_in;
	uint64_t	free;
	uint64_t	up;
	uint64_t	down;
	int			out;

	out = has_swaps && (~column->diagonal & matches & last) ? EDGE_SWAP : 0;
	if (has_swaps)
		swaps = (((~column->diagonal & matches) << 1) | ((edge & EDGE_SWAP) != 0)) & column->matches;
	free = (((seeds & column->plus) + column->plus) ^ column->plus) | seeds | column->minus | swaps;
	up = column->minus | ~(free | column->plus);
	down = column->plus & free;
	out |= up & last ? EDGE_PLUS : down & last ? EDGE_MINUS : 0;
	up = (up << 1) | (edge & EDGE_PLUS);
	down = (down << 1) | minus_in;
	column->plus = down | ~(free | up);
	column->minus = up & free;
	column->diagonal = free;
	column->matches = matches;
	return out;
}

/* a at most sixteen units: the masks come from comparing all of it at once. */
static inline int
short_distance(const uint16_t *a, int a_length, const uint16_t *b, int b_length, bool has_swaps)
{
	Column		column = {.plus = ~UINT64_C(0), .diagonal = ~UINT64_C(0)};
	uint64_t	last = UINT64_C(1) << (a_length - 1);
	uint32_t	inside = (uint32_t) ((last << 1) - 1);
	int			distance = a_length;

	for (int j = 0; j < b_length; j++)
	{
		int			out = step(&column, short_mask(a, b[j]) & inside, EDGE_PLUS, last, has_swaps);

		distance += (out & EDGE_PLUS) - ((out & EDGE_MINUS) >> 1);
	}
	return distance;
}

/* Any length, a strip of 64 rows at a time. */
static inline int
long_distance(const uint16_t *a, int a_length, const uint16_t *b, int b_length, bool has_swaps)
{
	unsigned char edges[CRM_DISTANCE_MAX];
	Pattern		pattern;
	int			distance = a_length;

	memset(edges, EDGE_PLUS, (size_t) b_length);
	for (int row = 0; row < a_length; row += STRIP)
	{
		int			rows = a_length - row < STRIP ? a_length - row : STRIP;
		Column		column = {.plus = ~UINT64_C(0), .diagonal = ~UINT64_C(0)};
		uint64_t	last = UINT64_C(1) << (rows - 1);

		pattern_build(&pattern, a + row, rows);
		for (int j = 0; j < b_length; j++)
			edges[j] = (unsigned char) step(&column, pattern_mask(&pattern, b[j]), edges[j], last,
											has_swaps);
	}
	for (int j = 0; j < b_length; j++)
		distance += (edges[j] & EDGE_PLUS) - ((edges[j] & EDGE_MINUS) >> 1);
	return distance;
}

/* What equal ends leave of both texts tells whether one edit makes them equal; a the shorter. */
static int
at_most_one(const uint16_t *a, int a_length, const uint16_t *b, int b_length, bool has_swaps)
{
	int			front = 0;

	while (front < a_length && a[front] == b[front])
		front++;
	while (a_length > front && a[a_length - 1] == b[b_length - 1])
		a_length--, b_length--;
	if (b_length == front)
		return 0;
	if (b_length - front == 1)
		return 1;
	return has_swaps && a_length - front == 2 && b_length - front == 2 &&
		a[front] == b[front + 1] && a[front + 1] == b[front] ? 1 : 2;
}

/* The shorter becomes a. */
static inline int
edit_distance(const uint16_t *a, int a_length, const uint16_t *b, int b_length, int limit,
			  bool has_swaps)
{
	int			distance;

	if (a_length > b_length)
		return edit_distance(b, b_length, a, a_length, limit, has_swaps);
	if (b_length - a_length > limit)
		return limit + 1;
	if (a_length == 0)
		return b_length;
	if (limit == 1)
		return at_most_one(a, a_length, b, b_length, has_swaps);
	if (a_length <= PATTERN_SHORT)
		distance = short_distance(a, a_length, b, b_length, has_swaps);
	else
		distance = long_distance(a, a_length, b, b_length, has_swaps);
	return distance <= limit ? distance : limit + 1;
}

int
crm_distance_levenshtein(const uint16_t *a, int a_length, const uint16_t *b, int b_length, int limit)
{
	return edit_distance(a, a_length, b, b_length, limit, false);
}

int
crm_distance_osa(const uint16_t *a, int a_length, const uint16_t *b, int b_length, int limit)
{
	return edit_distance(a, a_length, b, b_length, limit, true);
}
