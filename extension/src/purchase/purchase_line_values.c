/*
 * purchase_line_values.c
 *		The values that a tally keeps of a person's lines: put in order, how many there are, how many are alike, how many days they run.
 *
 * A walk asks this of a million persons with some thirty values each, so these few are not sorted: they are counted in a small table, and of a run of days
 * only days beside another are looked at.  More of them are sorted.
 */
#include "purchase/purchase_lines.h"

#define FEW 16					/* values that are put in their places one by one */
#define SOME 256				/* values that are counted, or dealt by their bytes: as many as a chunk has, and more */
#define PLACES 512				/* of counted values: twice as many as there are */

#define ST_SORT sort_values
#define ST_ELEMENT_TYPE int64
#define ST_COMPARE(a, b) ((*(a) > *(b)) - (*(a) < *(b)))
#define ST_SCOPE static
#define ST_DEFINE
#include "lib/sort_template.h"

/* The first n are in order. */
static void
put_in_place(int64 *values, int32 n, int32 n_values)
{
	for (; n < n_values; n++)
	{
		int64		value = values[n];
		int32		i = n;

		for (; i > 0 && values[i - 1] > value; i--)
			values[i] = values[i - 1];
		values[i] = value;
	}
}

/* Deals values out by one byte of them, keeping the order of those that have the same. */
static void
deal(const int64 *from, int64 *to, int32 n, int shift)
{
	uint16		places[256] = {0};
	uint16		before = 0;

	for (int32 i = 0; i < n; i++)
		places[(uint8) (from[i] >> shift)]++;
	for (int i = 0; i < 256; i++)
	{
		uint16		here = places[i];

		places[i] = before;
		before += here;
	}
	for (int32 i = 0; i < n; i++)
		to[places[(uint8) (from[i] >> shift)]++] = from[i];
}

/* By the bytes that are not the same in all of them, the lowest first: products, stores and days differ in two or three. */
static void
deal_all(int64 *values, int32 n)
{
	int64		other[SOME];
	int64	   *from = values;
	int64	   *to = other;
	uint64		differ = 0;

	for (int32 i = 0; i < n; i++)
	{
		/* the sign turned, bytes compare like numbers */
		values[i] ^= PG_INT64_MIN;
		differ |= (uint64) (values[i] ^ values[0]);
	}
	for (int shift = 0; shift < 64; shift += 8)
		if (((differ >> shift) & 0xff) != 0)
		{
			int64	   *dealt = to;

			deal(from, to, n, shift);
			to = from;
			from = dealt;
		}
	for (int32 i = 0; i < n; i++)
		values[i] = from[i] ^ PG_INT64_MIN;
}

/* How many at the beginning are in order. */
static int32
in_order(const int64 *values, int32 n)
{
	int32		i = Min(n, 1);

	while (i < n && values[i - 1] <= values[i])
		i++;
	return i;
}

void
crm_purchase_values_sort(int64 *values, int32 n)
{
	int32		sorted = in_order(values, n);

	if (sorted == n)
		return;
	if (n <= FEW)
		put_in_place(values, sorted, n);
	else if (n <= SOME)
		deal_all(values, n);
	else
		sort_values(values, n);
}

/* Each of sorted values once; returns how many these are. */
int32
crm_purchase_values_once(int64 *values, int32 n)
{
	int32		kept = Min(n, 1);

	for (int32 i = 1; i < n; i++)
		if (values[kept - 1] != values[i])
			values[kept++] = values[i];
	return kept;
}

/* Of a few values how many are distinct, and how often the commonest is there. */
static int32
count(const int64 *values, int32 n, int32 *most)
{
	/* a place is taken when its turn is the present one, so nothing is cleared between two persons */
	static struct
	{
		int64		value;
		uint32		turn;
		int32		n;
	}			places[PLACES];
	static uint32 turn = 0;
	int32		distinct = 0;

	if (++turn == 0)
	{
		memset(places, 0, sizeof(places));
		turn = 1;
	}
	*most = 0;
	for (int32 i = 0; i < n; i++)
	{
		uint32		at = (uint64) values[i] * UINT64CONST(0x9e3779b97f4a7c15) >> 55;

		while (places[at].turn == turn && places[at].value != values[i])
			at = (at + 1) % PLACES;
		if (places[at].turn != turn)
		{
			places[at].value = values[i];
			places[at].turn = turn;
			places[at].n = 0;
			distinct++;
		}
		places[at].n++;
		*most = Max(*most, places[at].n);
	}
	return distinct;
}

/* Of sorted values the most that are alike. */
static int32
longest_alike(const int64 *values, int32 n)
{
	int32		longest = 0;
	int32		run = 0;

	for (int32 i = 0; i < n; i++)
	{
		run = i > 0 && values[i] == values[i - 1] ? run + 1 : 1;
		longest = Max(longest, run);
	}
	return longest;
}

/* Of sorted values the longest run of which each is one more than another. */
static int32
longest_run(const int64 *values, int32 n)
{
	int32		longest = Min(n, 1);
	int32		run = 1;

	for (int32 i = 1; i < n; i++)
	{
		if (values[i] == values[i - 1])
			continue;
		run = values[i] == values[i - 1] + 1 ? run + 1 : 1;
		longest = Max(longest, run);
	}
	return longest;
}

/* How many are distinct; the order of values may change. */
int32
crm_purchase_values_distinct(int64 *values, int32 n)
{
	int32		distinct = Min(n, 1);
	int32		most;

	if (n <= SOME && in_order(values, n) < n)
		return count(values, n, &most);
	crm_purchase_values_sort(values, n);
	for (int32 i = 1; i < n; i++)
		distinct += values[i - 1] != values[i];
	return distinct;
}

/* How often the commonest is there; the order of values may change. */
int32
crm_purchase_values_most(int64 *values, int32 n)
{
	int32		most;

	if (n <= SOME)
	{
		count(values, n, &most);
		return most;
	}
	crm_purchase_values_sort(values, n);
	return longest_alike(values, n);
}

/* The day in the lower half of a value. */
static inline int32
day_of(int64 value)
{
	return (int32) (uint32) (uint64) value;
}

/* Of values whose days come in order those of days that have another beside them; -1: the days do not. */
static int32
take_neighbours(const int64 *values, int32 n, int64 *taken)
{
	int32		n_taken = 0;
	int32		begin = 0;
	int64		before = PG_INT64_MIN;

	for (int32 i = 1; i <= n; i++)
	{
		int64		day = day_of(values[begin]);
		int64		next = i < n ? day_of(values[i]) : PG_INT64_MAX;

		if (next == day)
			continue;
		if (next < day)
			return -1;
		if (before == day - 1 || next == day + 1)
			for (; begin < i; begin++)
				taken[n_taken++] = values[begin];
		before = day;
		begin = i;
	}
	return n_taken;
}

/* Of values that are a day beside what is to be the same, the most days running of one and the same; the order of values may change. */
int32
crm_purchase_values_streak(int64 *values, int32 n)
{
	int64		taken[SOME];
	int32		n_taken = n <= SOME && in_order(values, n) < n ? take_neighbours(values, n, taken) : -1;

	if (n_taken < 0)
	{
		crm_purchase_values_sort(values, n);
		return longest_run(values, n);
	}
	crm_purchase_values_sort(taken, n_taken);
	return Max(longest_run(taken, n_taken), 1);
}
