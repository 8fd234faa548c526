/*
 * distance_damerau.c - the unrestricted Damerau-Levenshtein distance.
 *
 * Zhao and Sahni (2019): three rows instead of the whole matrix.  Where a character of b last
 * stood in a is kept with its place in b, so no table of characters is needed.  What both texts
 * begin and end with is left out first, which most pairs of one name are made of.
 */
#include "pure/distance_pattern.h"

#define FAR (CRM_DISTANCE_MAX + 1)

/* Columns -1 to b_length of two rows, shifted by one; for each column what a swap goes back to. */
typedef struct Rows
{
	int16_t		first[CRM_DISTANCE_MAX + 2];
	int16_t		second[CRM_DISTANCE_MAX + 2];
	int16_t		before_swap[CRM_DISTANCE_MAX + 2];
	int16_t		last_row[CRM_DISTANCE_MAX + 2];	/* where a last held this column's character */
} Rows;

/* Row i of the matrix into current, which holds row i - 2, from previous. */
static inline void
fill_row(uint16_t unit, int i, const uint16_t *b, int b_length, Rows *rows, int16_t *current,
		 const int16_t *previous)
{
	int			last_column = -1;
	int			two_above = current[1];
	int			swap_base = FAR;
	int			left = i;

	current[1] = (int16_t) i;
	for (int j = 1; j <= b_length; j++)
	{
		int			is_same = unit == b[j - 1];
		int			cost = previous[j] + !is_same;
		int			up = previous[j + 1] < left ? previous[j + 1] : left;
		int			held = current[j + 1];

		cost = up + 1 < cost ? up + 1 : cost;
		if (is_same)
		{
			last_column = j;
			rows->before_swap[j] = previous[j - 1];
			rows->last_row[j] = (int16_t) i;
			swap_base = two_above;
		}
		else if (j - last_column == 1)
		{
			int			swap = rows->before_swap[j] + i - rows->last_row[j];

			cost = swap < cost ? swap : cost;
		}
		else if (i - rows->last_row[j] == 1 && swap_base + j - last_column < cost)
			cost = swap_base + j - last_column;
		two_above = held;
		left = cost;
		current[j + 1] = (int16_t) cost;
	}
}

static int
matrix_distance(const uint16_t *a, int a_length, const uint16_t *b, int b_length)
{
	Rows		rows;
	int16_t    *current = rows.first;
	int16_t    *previous = rows.second;

	for (int j = 0; j <= b_length + 1; j++)
	{
		rows.before_swap[j] = FAR;
		rows.last_row[j] = -1;
		previous[j] = FAR;
		current[j] = (int16_t) (j - 1);
	}
	current[0] = FAR;
	for (int i = 1; i <= a_length; i++)
	{
		int16_t    *above = current;

		current = previous;
		previous = above;
		fill_row(a[i - 1], i, b, b_length, &rows, current, previous);
	}
	return current[b_length + 1];
}

int
crm_distance_damerau(const uint16_t *a, int a_length, const uint16_t *b, int b_length, int limit)
{
	int			distance;

	if ((a_length > b_length ? a_length - b_length : b_length - a_length) > limit)
		return limit + 1;
	while (a_length > 0 && b_length > 0 && a[0] == b[0])
		a++, b++, a_length--, b_length--;
	while (a_length > 0 && b_length > 0 && a[a_length - 1] == b[b_length - 1])
		a_length--, b_length--;
	if (a_length == 0 || b_length == 0)
		return a_length + b_length <= limit ? a_length + b_length : limit + 1;
	distance = matrix_distance(a, a_length, b, b_length);
	return distance <= limit ? distance : limit + 1;
}
