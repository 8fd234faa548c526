/*
 * rule_bitmap_api.c
 *		What SQL asks of bitmaps: gathered by aggregates, put together, counted, listed.
 *
 * Called by SQL; takes no lock.  Aggregates grow one expanded object under their own memory.
 */
#include "rule/rule_bitmap.h"

#include "catalog/pg_type.h"
#include "funcapi.h"
#include "utils/array.h"

typedef CrmBitmapParts (*Combination) (const CrmBitmapParts *, const CrmBitmapParts *);

PG_FUNCTION_INFO_V1(crm_bitmap_add);
PG_FUNCTION_INFO_V1(crm_bitmap_merge);
PG_FUNCTION_INFO_V1(crm_bitmap_and);
PG_FUNCTION_INFO_V1(crm_bitmap_or);
PG_FUNCTION_INFO_V1(crm_bitmap_without);
PG_FUNCTION_INFO_V1(crm_bitmap_equal);
PG_FUNCTION_INFO_V1(crm_bitmap_count);
PG_FUNCTION_INFO_V1(crm_bitmap_has);
PG_FUNCTION_INFO_V1(crm_bitmap_members);
PG_FUNCTION_INFO_V1(crm_bitmap_of_array);
PG_FUNCTION_INFO_V1(crm_bitmap_to_array);

/* The state of an aggregate, or of a call outside of one. */
static CrmBitmap *
state_of(FunctionCallInfo fcinfo)
{
	MemoryContext context;

	if (!AggCheckCallContext(fcinfo, &context))
		context = CurrentMemoryContext;
	return PG_ARGISNULL(0) ? crm_rule_bitmap_make(context) :
		crm_rule_bitmap_writable(PG_GETARG_DATUM(0), context);
}

/* The step of bitmap_agg(): one member more; a null adds nothing. */
Datum
crm_bitmap_add(PG_FUNCTION_ARGS)
{
	CrmBitmap  *bitmap = state_of(fcinfo);

	if (!PG_ARGISNULL(1))
		crm_rule_bitmap_add(bitmap, PG_GETARG_INT64(1));
	PG_RETURN_DATUM(EOHPGetRWDatum(&bitmap->header));
}

/* The step of bitmap_union(), and the combination of two partial states. */
Datum
crm_bitmap_merge(PG_FUNCTION_ARGS)
{
	CrmBitmap  *bitmap = state_of(fcinfo);

	if (!PG_ARGISNULL(1))
	{
		CrmBitmapParts parts = crm_rule_bitmap_read(PG_GETARG_DATUM(1));

		crm_rule_bitmap_add_parts(bitmap, &parts);
	}
	PG_RETURN_DATUM(EOHPGetRWDatum(&bitmap->header));
}

static Datum
combine(FunctionCallInfo fcinfo, Combination combination)
{
	CrmBitmapParts a = crm_rule_bitmap_read(PG_GETARG_DATUM(0));
	CrmBitmapParts b = crm_rule_bitmap_read(PG_GETARG_DATUM(1));
	CrmBitmapParts result = combination(&a, &b);

	PG_RETURN_DATUM(crm_rule_bitmap_flatten(&result));
}

Datum
crm_bitmap_and(PG_FUNCTION_ARGS)
{
	return combine(fcinfo, crm_rule_bitmap_and);
}

Datum
crm_bitmap_or(PG_FUNCTION_ARGS)
{
	return combine(fcinfo, crm_rule_bitmap_or);
}

Datum
crm_bitmap_without(PG_FUNCTION_ARGS)
{
	return combine(fcinfo, crm_rule_bitmap_without);
}

Datum
crm_bitmap_equal(PG_FUNCTION_ARGS)
{
	CrmBitmapParts a = crm_rule_bitmap_read(PG_GETARG_DATUM(0));
	CrmBitmapParts b = crm_rule_bitmap_read(PG_GETARG_DATUM(1));

	if (a.n != b.n)
		PG_RETURN_BOOL(false);
	for (int i = 0; i < a.n; i++)
	{
		const CrmBitmapContainer *left = &a.containers[i];
		const CrmBitmapContainer *right = &b.containers[i];

		if (left->key != right->key || left->members != right->members ||
			memcmp(left->data.bits, right->data.bits,
				   crm_rule_bitmap_is_sparse(left->members) ?
				   left->members * sizeof(uint16) : CRM_BITMAP_BYTES) != 0)
			PG_RETURN_BOOL(false);
	}
	PG_RETURN_BOOL(true);
}

Datum
crm_bitmap_count(PG_FUNCTION_ARGS)
{
	CrmBitmapParts parts = crm_rule_bitmap_read(PG_GETARG_DATUM(0));
	int64		count = 0;

	for (int i = 0; i < parts.n; i++)
		count += parts.containers[i].members;
	PG_RETURN_INT64(count);
}

Datum
crm_bitmap_has(PG_FUNCTION_ARGS)
{
	CrmBitmapParts parts = crm_rule_bitmap_read(PG_GETARG_DATUM(0));

	PG_RETURN_BOOL(crm_rule_bitmap_has(&parts, PG_GETARG_INT64(1)));
}

/* One row a member, in order. */
Datum
crm_bitmap_members(PG_FUNCTION_ARGS)
{
	FuncCallContext *call;
	CrmBitmapWalk *walk;
	int64		value;

	if (SRF_IS_FIRSTCALL())
	{
		MemoryContext before;

		call = SRF_FIRSTCALL_INIT();
		before = MemoryContextSwitchTo(call->multi_call_memory_ctx);
		walk = palloc0(sizeof(CrmBitmapWalk));
		walk->parts = crm_rule_bitmap_read(PointerGetDatum(PG_DETOAST_DATUM_COPY(PG_GETARG_DATUM(0))));
		call->user_fctx = walk;
		MemoryContextSwitchTo(before);
	}
	call = SRF_PERCALL_SETUP();
	walk = call->user_fctx;
	if (crm_rule_bitmap_next(walk, &value))
		SRF_RETURN_NEXT(call, Int64GetDatum(value));
	SRF_RETURN_DONE(call);
}

Datum
crm_bitmap_of_array(PG_FUNCTION_ARGS)
{
	ArrayType  *array = PG_GETARG_ARRAYTYPE_P(0);
	int			n_items = ArrayGetNItems(ARR_NDIM(array), ARR_DIMS(array));
	int64	   *members = palloc_extended(Max(n_items, 1) * sizeof(int64), MCXT_ALLOC_HUGE);
	int64		n = 0;
	ArrayIterator iterator;
	Datum		member;
	bool		is_null;

	if (n_items > 0)
	{
		iterator = array_create_iterator(array, 0, NULL);
		while (array_iterate(iterator, &member, &is_null))
			if (!is_null)
				members[n++] = DatumGetInt64(member);
	}
	PG_RETURN_DATUM(crm_rule_bitmap_flatten(&crm_rule_bitmap_of(members, n)->parts));
}

Datum
crm_bitmap_to_array(PG_FUNCTION_ARGS)
{
	CrmBitmapWalk walk = {.parts = crm_rule_bitmap_read(PG_GETARG_DATUM(0))};
	int64		count = 0;
	Datum	   *members;
	int			n = 0;
	int64		value;

	for (int i = 0; i < walk.parts.n; i++)
		count += walk.parts.containers[i].members;
	if (count > MaxAllocSize / sizeof(Datum))
		ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
						errmsg("bitmap has too many members for an array"),
						crm_errfield("set"), errhint("Take them as rows, with crm.bitmap_members().")));
	members = palloc(Max(count, 1) * sizeof(Datum));
	while (crm_rule_bitmap_next(&walk, &value))
		members[n++] = Int64GetDatum(value);
	PG_RETURN_ARRAYTYPE_P(construct_array(members, n, INT8OID, sizeof(int64), FLOAT8PASSBYVAL, TYPALIGN_DOUBLE));
}
