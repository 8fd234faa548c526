/*
 * value_rfm.c
 *		Points to scores from 1 to parts, the greater the better: recency by the last day,
 *		frequency by order days, money by net.
 *
 *	equal		ties together, each with the best score that one of them would get (value_score.c)
 *	ranked		as SQL's ntile: equal parts, ties by customer
 *	nested		recency in equal parts, frequency within each of them, money within each of those
 *	mean		two parts: above the mean of everybody, or not
 *	cut			by given cut points
 *
 * Cut points are found by selection, never by sorting everybody: cut k is the greatest value
 * below the one at rank count * k / parts.
 */
#include "value/value_collect.h"

#include <math.h>

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"

#define MAX_PARTS 10

static int64
value_in(const CrmValuePoint *point, int dimension)
{
	return dimension == 0 ? point->last_day : dimension == 1 ? point->order_days : point->net_minor;
}

/* The value at a rank, counted from 0; reorders the values. */
static int64
select_rank(int64 *values, int64 count, int64 rank)
{
	int64		low = 0;
	int64		high = count - 1;

	while (low < high)
	{
		int64		middle = values[low + (high - low) / 2];
		int64		i = low;
		int64		j = high;

		while (i <= j)
		{
			while (values[i] < middle)
				i++;
			while (values[j] > middle)
				j--;
			if (i <= j)
			{
				int64		kept = values[i];

				values[i++] = values[j];
				values[j--] = kept;
			}
		}
		if (rank <= j)
			high = j;
		else if (rank >= i)
			low = i;
		else
			break;
	}
	return values[rank];
}

/* The cuts of equal parts; one below every value stands for none.  Reorders the values. */
static void
find_cuts(int64 *values, int64 count, int parts, int64 *cuts)
{
	for (int k = 1; k < parts; k++)
	{
		int64		rank = count * k / parts;
		int64		at = count == 0 ? 0 : select_rank(values, count, rank);

		cuts[k - 1] = PG_INT64_MIN;
		for (int64 i = 0; i < count; i++)
			if (values[i] < at && values[i] > cuts[k - 1])
				cuts[k - 1] = values[i];
	}
}

static void
score_cut(CrmValuePoint *points, uint64 count, int dimension, const int64 *cuts, int n_cuts)
{
	for (uint64 i = 0; i < count; i++)
	{
		int64		value = value_in(&points[i], dimension);
		int16		score = 1;

		for (int k = 0; k < n_cuts; k++)
			score += value > cuts[k];
		points[i].scores[dimension] = score;
	}
}

/* Two parts: above the mean of everybody, or not. */
static void
score_mean(CrmValuePoint *points, uint64 count)
{
	for (int dimension = 0; dimension < 3; dimension++)
	{
		double		sum = 0;
		int64		cut;

		for (uint64 i = 0; i < count; i++)
			sum += value_in(&points[i], dimension);
		cut = (int64) floor(sum / Max(count, 1));
		score_cut(points, count, dimension, &cut, 1);
	}
}

static void
score_equal(CrmValuePoint *points, uint64 count, int parts)
{
	int64	   *values = palloc_extended(Max(count, 1) * sizeof(int64), MCXT_ALLOC_HUGE);
	int64		cuts[MAX_PARTS];

	for (int dimension = 0; dimension < 3; dimension++)
	{
		for (uint64 i = 0; i < count; i++)
			values[i] = value_in(&points[i], dimension);
		find_cuts(values, count, parts, cuts);
		score_cut(points, count, dimension, cuts, parts - 1);
	}
	pfree(values);
}

/* ---- ranks */

/* Where a part begins: by value, and among equal values by customer. */
typedef struct Border
{
	int64		value;
	int64		customer;
} Border;

static Border
find_border(const CrmValuePoint *points, int64 *values, int64 count, int dimension, int64 rank)
{
	Border		border;
	int64		below = 0;
	int64		equal = 0;

	for (int64 i = 0; i < count; i++)
		values[i] = value_in(&points[i], dimension);
	border.value = select_rank(values, count, rank);
	for (int64 i = 0; i < count; i++)
	{
		int64		value = value_in(&points[i], dimension);

		below += value < border.value;
		if (value == border.value)
			values[equal++] = points[i].customer;
	}
	border.customer = select_rank(values, equal, rank - below);
	return border;
}

/* The first count % parts parts have one more, as ntile() has it. */
static void
score_ranked(CrmValuePoint *points, uint64 count, int parts)
{
	int64	   *values = palloc_extended(Max(count, 1) * sizeof(int64), MCXT_ALLOC_HUGE);

	for (int dimension = 0; dimension < 3; dimension++)
	{
		Border		borders[MAX_PARTS];
		int			n = 0;
		uint64		rank = 0;

		for (int part = 0; part < parts - 1; part++)
		{
			rank += count / parts + (part < count % parts);
			if (rank < count)
				borders[n++] = find_border(points, values, count, dimension, rank);
		}
		for (uint64 i = 0; i < count; i++)
		{
			int64		value = value_in(&points[i], dimension);
			int16		score = 1;

			for (int k = 0; k < n; k++)
				score += value > borders[k].value || (value == borders[k].value && points[i].customer >= borders[k].customer);
			points[i].scores[dimension] = score;
		}
	}
	pfree(values);
}

/* ---- nested */

/* The group of a point: its scores in the dimensions before one. */
static int
group_of(const CrmValuePoint *point, int dimension)
{
	return dimension == 0 ? 0 : dimension == 1 ? point->scores[0] : point->scores[0] * (MAX_PARTS + 1) + point->scores[1];
}

static void
score_nested(CrmValuePoint *points, uint64 count, int parts)
{
	int64	   *values = palloc_extended(Max(count, 1) * sizeof(int64), MCXT_ALLOC_HUGE);
	int64		cuts[MAX_PARTS];

	for (int dimension = 0; dimension < 3; dimension++)
		for (int group = 0; group < (MAX_PARTS + 1) * (MAX_PARTS + 1); group++)
		{
			int64		n = 0;

			for (uint64 i = 0; i < count; i++)
				if (group_of(&points[i], dimension) == group)
					values[n++] = value_in(&points[i], dimension);
			if (n == 0)
				continue;
			find_cuts(values, n, parts, cuts);
			for (uint64 i = 0; i < count; i++)
				if (group_of(&points[i], dimension) == group)
					score_cut(&points[i], 1, dimension, cuts, parts - 1);
		}
	pfree(values);
}

/* ---- the edge */

/* Cut points that were given: an array of minor units, days or dates' numbers, in any order. */
static void
score_given(CrmValuePoint *points, uint64 count, int dimension, ArrayType *array)
{
	int			n = ArrayGetNItems(ARR_NDIM(array), ARR_DIMS(array));

	if (array_contains_nulls(array) || n >= 100)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("cut points are not up to 99 numbers")));
	score_cut(points, count, dimension, (const int64 *) ARR_DATA_PTR(array), n);
}

PG_FUNCTION_INFO_V1(crm_value_scored);

/*
 * crm._value_scored(purchases, owners, from_day, as_of, method, parts, r_cuts, f_cuts, m_cuts)
 * returns (customer_id, r, f, m, last_day, order_days, net_minor).
 */
Datum
crm_value_scored(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	uint64		count = 0;
	CrmValuePoint *points = NULL;
	char	   *method;
	int			parts;

	InitMaterializedSRF(fcinfo, 0);
	if (PG_ARGISNULL(0) || PG_ARGISNULL(1) || PG_ARGISNULL(3) || PG_ARGISNULL(4) || PG_ARGISNULL(5))
		return (Datum) 0;
	method = text_to_cstring(PG_GETARG_TEXT_PP(4));
	parts = PG_GETARG_INT32(5);
	if (parts < 2 || parts > MAX_PARTS)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("scores cannot have %d parts", parts),
						errhint("Ask for 2 to %d.", MAX_PARTS)));
	points = crm_value_points(crm_collect_of(PG_GETARG_DATUM(0), 0), crm_collect_of(PG_GETARG_DATUM(1), CRM_COLLECT_OWNERS),
							  PG_ARGISNULL(2) ? PG_INT32_MIN : PG_GETARG_DATEADT(2), PG_GETARG_DATEADT(3), &count);
	if (strcmp(method, "quintile") == 0)
		score_equal(points, count, parts);
	else if (strcmp(method, "ntile") == 0)
		score_ranked(points, count, parts);
	else if (strcmp(method, "nested") == 0)
		score_nested(points, count, parts);
	else if (strcmp(method, "mean") == 0)
		score_mean(points, count);
	else
		for (int dimension = 0; dimension < 3; dimension++)
			if (!PG_ARGISNULL(6 + dimension))
				score_given(points, count, dimension, PG_GETARG_ARRAYTYPE_P(6 + dimension));
	for (uint64 i = 0; i < count; i++)
	{
		Datum		values[7] = {
			Int64GetDatum(points[i].customer), Int16GetDatum(points[i].scores[0]), Int16GetDatum(points[i].scores[1]),
			Int16GetDatum(points[i].scores[2]), DateADTGetDatum(points[i].last_day), Int32GetDatum(points[i].order_days),
			Int64GetDatum(points[i].net_minor),
		};
		bool		nulls[7] = {false};

		if (i % 65536 == 0)
			CHECK_FOR_INTERRUPTS();
		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	}
	return (Datum) 0;
}
