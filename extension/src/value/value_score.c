/*
 * value_score.c
 *		Cut points that divide values into parts of equal size, ties together.
 *
 * A value's score is ceil(parts * share of the values that are not above it): all that tie get
 * the best score that any of them would get alone (upper rank).  So cut k is the greatest
 * value of which at most k/parts of all values are not above it, and a score is one more than
 * the number of cuts below the value.  Worked example, 5 parts of {1 1 1 2 3}: 1 has share
 * 0.6 and score 3, 2 has 0.8 and 4, 3 has 5; cuts are {none, none, 1, 2}.
 *
 * Called by crm.value_rfm() and the daily job over the values of all persons.
 */
#include "value/value.h"

#include "catalog/pg_type.h"

#define MAX_PARTS 100

PG_FUNCTION_INFO_V1(crm_value_cuts);
PG_FUNCTION_INFO_V1(crm_value_score);

static int
compare_values(const void *a, const void *b)
{
	int64		left = *(const int64 *) a;
	int64		right = *(const int64 *) b;

	return (left > right) - (left < right);
}

/* crm._value_cuts(values bigint[], parts int) returns parts - 1 cuts; null where nothing is below. */
Datum
crm_value_cuts(PG_FUNCTION_ARGS)
{
	ArrayType  *array = PG_GETARG_ARRAYTYPE_P(0);
	int			parts = PG_GETARG_INT32(1);
	int64		n = ArrayGetNItems(ARR_NDIM(array), ARR_DIMS(array));
	int64	   *values = palloc_extended(Max(n, 1) * sizeof(int64), MCXT_ALLOC_HUGE);
	Datum		cuts[MAX_PARTS];
	bool		nulls[MAX_PARTS];
	int			dims[1] = {parts - 1};
	int			lower[1] = {1};

	if (parts < 2 || parts > MAX_PARTS)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("values cannot be divided into %d parts", parts),
						errhint("Ask for 2 to %d.", MAX_PARTS)));
	if (array_contains_nulls(array))
		ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
						errmsg("a value to be divided cannot be null")));
	memcpy(values, ARR_DATA_PTR(array), n * sizeof(int64));
	qsort(values, n, sizeof(int64), compare_values);
	for (int k = 1; k < parts; k++)
	{
		int64		share = n * k / parts;	/* values[0 .. share - 1] fit; the tie must fit whole */

		while (share > 0 && share < n && values[share] == values[share - 1])
			share--;
		nulls[k - 1] = share == 0;
		cuts[k - 1] = nulls[k - 1] ? (Datum) 0 : Int64GetDatum(values[share - 1]);
	}
	PG_RETURN_ARRAYTYPE_P(construct_md_array(cuts, nulls, 1, dims, lower, INT8OID, sizeof(int64),
											 true, TYPALIGN_DOUBLE));
}

/* One more than the number of cuts below the value. */
int16
crm_value_score_of(int64 point, ArrayType *cuts)
{
	const bits8 *present = ARR_NULLBITMAP(cuts);
	const int64 *cut = (const int64 *) ARR_DATA_PTR(cuts);
	int			n = ArrayGetNItems(ARR_NDIM(cuts), ARR_DIMS(cuts));
	int16		score = 1;

	for (int i = 0; i < n; i++)
	{
		bool		is_null = present != NULL && (present[i / BITS_PER_BYTE] & (1 << i % BITS_PER_BYTE)) == 0;

		score += is_null || point > *cut;
		cut += !is_null;
	}
	return score;
}

/* crm._value_score(point, cuts) */
Datum
crm_value_score(PG_FUNCTION_ARGS)
{
	PG_RETURN_INT16(crm_value_score_of(PG_GETARG_INT64(0), PG_GETARG_ARRAYTYPE_P(1)));
}
