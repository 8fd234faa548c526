/*
 * identity_assign.c
 *		crm._identity_assign(): of pairs between two sets, heaviest first, those that leave
 *		everything with one partner at most.
 *
 * Two sources that each hold a thing once are matched one to one: a pair is taken when neither
 * side has been taken by a heavier one.  Memory: two hash tables of what was taken, in a context
 * of the call.  Called by crm.identity_link_pairs().
 */
#include "identity/identity.h"

#include "catalog/pg_type.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/hsearch.h"

PG_FUNCTION_INFO_V1(crm_identity_assign);

static HTAB *
make_taken(long expected)
{
	HASHCTL		control = {.keysize = sizeof(int64), .entrysize = sizeof(int64), .hcxt = CurrentMemoryContext};

	return hash_create("taken sides of pairs", Max(expected, 16), &control, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
}

static bool
is_taken(HTAB *taken, Datum id)
{
	int64		key = DatumGetInt64(id);

	return hash_search(taken, &key, HASH_FIND, NULL) != NULL;
}

static void
take(HTAB *taken, Datum id)
{
	int64		key = DatumGetInt64(id);

	hash_search(taken, &key, HASH_ENTER, NULL);
}

/* _identity_assign(a bigint[], b bigint[]) */
Datum
crm_identity_assign(PG_FUNCTION_ARGS)
{
	Datum	   *left;
	Datum	   *right;
	Datum	   *taken;
	bool	   *left_nulls;
	bool	   *right_nulls;
	int			count;
	int			other_count;
	HTAB	   *left_taken;
	HTAB	   *right_taken;

	deconstruct_array(PG_GETARG_ARRAYTYPE_P(0), INT8OID, 8, true, TYPALIGN_DOUBLE, &left, &left_nulls, &count);
	deconstruct_array(PG_GETARG_ARRAYTYPE_P(1), INT8OID, 8, true, TYPALIGN_DOUBLE, &right, &right_nulls, &other_count);
	if (count != other_count)
		ereport(ERROR,
				(errcode(ERRCODE_ARRAY_SUBSCRIPT_ERROR), errmsg("both sides of the pairs must be as many"),
				 errhint("Give arrays of one length: the first of a is paired with the first of b.")));
	left_taken = make_taken(count);
	right_taken = make_taken(count);
	taken = palloc(Max(count, 1) * sizeof(Datum));
	for (int i = 0; i < count; i++)
	{
		bool		is_free = !left_nulls[i] && !right_nulls[i] &&
			!is_taken(left_taken, left[i]) && !is_taken(right_taken, right[i]);

		taken[i] = BoolGetDatum(is_free);
		if (is_free)
		{
			take(left_taken, left[i]);
			take(right_taken, right[i]);
		}
	}
	PG_RETURN_ARRAYTYPE_P(construct_array(taken, count, BOOLOID, 1, true, TYPALIGN_CHAR));
}
