/*
 * rule_bitmap_program.c
 *		How many members sets have put together, a container at a time.
 *
 * An expression over stored sets is counted chunk by chunk: each chunk of each set is one
 * container, the expression a program in reverse Polish order (a number from 0 on is a set, -1
 * and, -2 or, -3 without), and the work is done on words in the processor's cache.  Nothing is
 * built that is only counted.
 */
#include "rule/rule_bitmap.h"

#include "catalog/pg_type.h"
#include "port/pg_bitutils.h"
#include "utils/array.h"

#define MAX_STACK 64

PG_FUNCTION_INFO_V1(crm_bitmap_program);

typedef struct Words
{
	uint64		word[CRM_BITMAP_WORDS];
} Words;

static void
refuse(const char *why)
{
	ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("sets cannot be put together"),
					errdetail_internal("%s", why)));
}

/* One container as bits; none: empty. */
static void
load(Datum value, bool is_null, Words *words)
{
	CrmBitmapFlat *flat;
	const char *data;
	uint32		members;

	flat = is_null ? NULL : (CrmBitmapFlat *) PG_DETOAST_DATUM(value);
	if (flat != NULL && flat->n > 1)
		refuse("A set has more than one container.");
	if (flat == NULL || flat->n == 0)
	{
		memset(words, 0, sizeof(Words));
		return;
	}
	data = (const char *) flat + flat->entries[0].place;
	members = flat->entries[0].members_less_one + 1;
	if (!crm_rule_bitmap_is_sparse(members))
	{
		memcpy(words, data, sizeof(Words));
		return;
	}
	memset(words, 0, sizeof(Words));
	for (uint32 i = 0; i < members; i++)
	{
		uint16		offset = ((const uint16 *) data)[i];

		words->word[offset / 64] |= UINT64CONST(1) << (offset % 64);
	}
}

static void
combine(int operation, Words *left, const Words *right)
{
	if (operation == -1)
		for (int i = 0; i < CRM_BITMAP_WORDS; i++)
			left->word[i] &= right->word[i];
	else if (operation == -2)
		for (int i = 0; i < CRM_BITMAP_WORDS; i++)
			left->word[i] |= right->word[i];
	else if (operation == -3)
		for (int i = 0; i < CRM_BITMAP_WORDS; i++)
			left->word[i] &= ~right->word[i];
	else
		refuse("The program has an unknown step.");
}

/* The number of members of what a program makes of sets of one container each. */
int64
crm_rule_bitmap_run(const int32 *steps, int n_steps, const Datum *sets, const bool *nulls, int n_sets)
{
	Words	   *stack = palloc(Min(n_steps, MAX_STACK) * sizeof(Words));
	int			depth = 0;
	int64		members;

	for (int i = 0; i < n_steps; i++)
	{
		if (steps[i] >= 0)
		{
			if (steps[i] >= n_sets || depth == MAX_STACK)
				refuse("The program names a set that is not there, or too many at once.");
			load(sets[steps[i]], nulls[steps[i]], &stack[depth++]);
			continue;
		}
		if (depth < 2)
			refuse("The program takes more than it has.");
		depth--;
		combine(steps[i], &stack[depth - 1], &stack[depth]);
	}
	if (depth != 1)
		refuse("The program leaves more than one set.");
	members = pg_popcount((const char *) stack, sizeof(Words));
	pfree(stack);
	return members;
}

/* The steps of a program; refused when there are none. */
const int32 *
crm_rule_bitmap_steps(ArrayType *program, int *n)
{
	*n = ArrayGetNItems(ARR_NDIM(program), ARR_DIMS(program));
	if (*n == 0 || array_contains_nulls(program))
		refuse("The program is empty.");
	return (const int32 *) ARR_DATA_PTR(program);
}

/* crm._bitmap_program(program, sets): the number of members of what the program makes. */
Datum
crm_bitmap_program(PG_FUNCTION_ARGS)
{
	ArrayType  *array = PG_GETARG_ARRAYTYPE_P(1);
	int			n_steps;
	const int32 *steps = crm_rule_bitmap_steps(PG_GETARG_ARRAYTYPE_P(0), &n_steps);
	Datum	   *sets;
	bool	   *nulls;
	int			n_sets;

	deconstruct_array(array, ARR_ELEMTYPE(array), -1, false, TYPALIGN_DOUBLE, &sets, &nulls, &n_sets);
	PG_RETURN_INT64(crm_rule_bitmap_run(steps, n_steps, sets, nulls, n_sets));
}
