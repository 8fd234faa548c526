/*
 * purchase_query.c
 *		What can be asked of a history: order days, net amounts, first and last day, as of a
 *		date.
 *
 * Each question is asked of one chunk or of an array of chunks, those of all records of a
 * person.  An order day is a local day whose net is above zero; a refund nets the day of its
 * order and is known from its own day.  What lies after the as-of date, or was known only
 * after it, is left out.
 *
 * Called by SQL, and by value through crm_purchase_cursors(); takes no lock.
 */
#include "purchase/purchase.h"

#include "utils/expandeddatum.h"

PG_FUNCTION_INFO_V1(crm_purchase_order_days);
PG_FUNCTION_INFO_V1(crm_purchase_order_days_all);
PG_FUNCTION_INFO_V1(crm_purchase_net);
PG_FUNCTION_INFO_V1(crm_purchase_net_all);
PG_FUNCTION_INFO_V1(crm_purchase_first_day);
PG_FUNCTION_INFO_V1(crm_purchase_first_day_all);
PG_FUNCTION_INFO_V1(crm_purchase_last_day);
PG_FUNCTION_INFO_V1(crm_purchase_last_day_all);
PG_FUNCTION_INFO_V1(crm_purchase_summary);
PG_FUNCTION_INFO_V1(crm_purchase_combine_step);

/* A cursor for each chunk of an array of histories; nulls are skipped. */
CrmHistoryCursor *
crm_purchase_cursors(ArrayType *chunks, int *count)
{
	int			n = ArrayGetNItems(ARR_NDIM(chunks), ARR_DIMS(chunks));
	CrmHistoryCursor *cursors = palloc(Max(n, 1) * sizeof(CrmHistoryCursor));
	ArrayIterator iterator;
	Datum		history;
	bool		is_null;

	*count = 0;
	if (n == 0)
		return cursors;
	iterator = array_create_iterator(chunks, 0, NULL);
	while (array_iterate(iterator, &history, &is_null))
	{
		CrmPurchaseChunk chunk;

		if (is_null)
			continue;
		chunk = crm_purchase_chunk(history);
		crm_history_begin(&cursors[(*count)++], chunk.bytes, chunk.length);
	}
	array_free_iterator(iterator);
	return cursors;
}

/* The summary of some chunks over [from, to] as of a date. */
CrmHistorySummary
crm_purchase_summarize(CrmHistoryCursor *cursors, size_t count, DateADT from, DateADT to, DateADT as_of)
{
	CrmHistorySummary summary;
	CrmHistoryCode code = crm_history_summarize(cursors, count, from, to, as_of, &summary);

	if (code != CRM_HISTORY_OK)
		crm_purchase_report(code);
	return summary;
}

static CrmHistorySummary
summarize_one(Datum history, DateADT from, DateADT to, DateADT as_of)
{
	CrmPurchaseChunk chunk = crm_purchase_chunk(history);
	CrmHistoryCursor cursor;

	crm_history_begin(&cursor, chunk.bytes, chunk.length);
	return crm_purchase_summarize(&cursor, 1, from, to, as_of);
}

static CrmHistorySummary
summarize_all(ArrayType *chunks, DateADT from, DateADT to, DateADT as_of)
{
	int			count;
	CrmHistoryCursor *cursors = crm_purchase_cursors(chunks, &count);

	return crm_purchase_summarize(cursors, count, from, to, as_of);
}

Datum
crm_purchase_order_days(PG_FUNCTION_ARGS)
{
	CrmHistorySummary summary = summarize_one(PG_GETARG_DATUM(0), PG_GETARG_DATEADT(1),
											 PG_GETARG_DATEADT(2), PG_GETARG_DATEADT(3));

	PG_RETURN_INT32((int32) summary.order_days);
}

Datum
crm_purchase_order_days_all(PG_FUNCTION_ARGS)
{
	CrmHistorySummary summary = summarize_all(PG_GETARG_ARRAYTYPE_P(0), PG_GETARG_DATEADT(1),
											 PG_GETARG_DATEADT(2), PG_GETARG_DATEADT(3));

	PG_RETURN_INT32((int32) summary.order_days);
}

Datum
crm_purchase_net(PG_FUNCTION_ARGS)
{
	CrmHistorySummary summary = summarize_one(PG_GETARG_DATUM(0), PG_GETARG_DATEADT(1),
											 PG_GETARG_DATEADT(2), PG_GETARG_DATEADT(3));

	PG_RETURN_INT64(summary.net_minor);
}

Datum
crm_purchase_net_all(PG_FUNCTION_ARGS)
{
	CrmHistorySummary summary = summarize_all(PG_GETARG_ARRAYTYPE_P(0), PG_GETARG_DATEADT(1),
											 PG_GETARG_DATEADT(2), PG_GETARG_DATEADT(3));

	PG_RETURN_INT64(summary.net_minor);
}

Datum
crm_purchase_first_day(PG_FUNCTION_ARGS)
{
	CrmHistorySummary summary = summarize_one(PG_GETARG_DATUM(0), DATEVAL_NOBEGIN,
											 DATEVAL_NOEND, PG_GETARG_DATEADT(1));

	if (summary.order_days == 0)
		PG_RETURN_NULL();
	PG_RETURN_DATEADT(summary.first_day);
}

Datum
crm_purchase_first_day_all(PG_FUNCTION_ARGS)
{
	CrmHistorySummary summary = summarize_all(PG_GETARG_ARRAYTYPE_P(0), DATEVAL_NOBEGIN,
											 DATEVAL_NOEND, PG_GETARG_DATEADT(1));

	if (summary.order_days == 0)
		PG_RETURN_NULL();
	PG_RETURN_DATEADT(summary.first_day);
}

Datum
crm_purchase_last_day(PG_FUNCTION_ARGS)
{
	CrmHistorySummary summary = summarize_one(PG_GETARG_DATUM(0), DATEVAL_NOBEGIN,
											 DATEVAL_NOEND, PG_GETARG_DATEADT(1));

	if (summary.order_days == 0)
		PG_RETURN_NULL();
	PG_RETURN_DATEADT(summary.last_day);
}

Datum
crm_purchase_last_day_all(PG_FUNCTION_ARGS)
{
	CrmHistorySummary summary = summarize_all(PG_GETARG_ARRAYTYPE_P(0), DATEVAL_NOBEGIN,
											 DATEVAL_NOEND, PG_GETARG_DATEADT(1));

	if (summary.order_days == 0)
		PG_RETURN_NULL();
	PG_RETURN_DATEADT(summary.last_day);
}

/* (order_days, net_minor, first_day, last_day) of several chunks in one walk. */
Datum
crm_purchase_summary(PG_FUNCTION_ARGS)
{
	CrmHistorySummary summary = summarize_all(PG_GETARG_ARRAYTYPE_P(0), PG_GETARG_DATEADT(1),
											  PG_GETARG_DATEADT(2), PG_GETARG_DATEADT(3));
	Datum		values[4] = {
		Int32GetDatum((int32) summary.order_days),
		Int64GetDatum(summary.net_minor),
		DateADTGetDatum(summary.first_day),
		DateADTGetDatum(summary.last_day),
	};
	bool		nulls[4] = {false, false, summary.order_days == 0, summary.order_days == 0};

	PG_RETURN_DATUM(crm_core_row(fcinfo, values, nulls));
}

/* From so many chunks on, an array that is copied for each more costs more than one in pieces. */
#define COMBINE_FLAT 16

/* Puts a chunk at the end of an expanded array, in place. */
static Datum
append_expanded(ExpandedArrayHeader *array, Datum history)
{
	int			end = 1;

	if (array->ndims == 1)
		end = array->lbound[0] + array->dims[0];
	return array_set_element(EOHPGetRWDatum(&array->hdr), 1, &end, history, false, -1, -1, false, TYPALIGN_INT);
}

/* A small array with one more chunk at its end. */
static ArrayType *
append_flat(ArrayType *state, Oid type, Datum history)
{
	Size		kept = state == NULL ? 0 : ARR_SIZE(state) - ARR_DATA_OFFSET(state);
	int			n = state == NULL ? 0 : ArrayGetNItems(ARR_NDIM(state), ARR_DIMS(state));
	CrmPurchaseChunk chunk = crm_purchase_chunk(history);
	Size		size = ARR_OVERHEAD_NONULLS(1) + kept + INTALIGN(VARHDRSZ + chunk.length);
	ArrayType  *grown = palloc0(size);
	char	   *end;

	SET_VARSIZE(grown, size);
	grown->ndim = 1;
	grown->dataoffset = 0;
	grown->elemtype = type;
	ARR_DIMS(grown)[0] = n + 1;
	ARR_LBOUND(grown)[0] = 1;
	if (kept > 0)
		memcpy(ARR_DATA_PTR(grown), ARR_DATA_PTR(state), kept);
	end = ARR_DATA_PTR(grown) + kept;
	SET_VARSIZE(end, VARHDRSZ + chunk.length);
	memcpy(VARDATA(end), chunk.bytes, chunk.length);
	return grown;
}

/*
 * The step of crm.purchase_combine(): an array with one more chunk at its end.  A plain array
 * is the state of a group of a few chunks, as nearly all are: its bytes and a header.  A
 * person with more becomes an expanded array, so that a million orders are appended each at
 * the cost of one.
 */
Datum
crm_purchase_combine_step(PG_FUNCTION_ARGS)
{
	MemoryContext context;
	ArrayType  *state;

	if (PG_ARGISNULL(1))
	{
		if (PG_ARGISNULL(0))
			PG_RETURN_NULL();
		PG_RETURN_DATUM(PG_GETARG_DATUM(0));
	}
	if (!PG_ARGISNULL(0) && VARATT_IS_EXTERNAL_EXPANDED_RW(DatumGetPointer(PG_GETARG_DATUM(0))))
		return append_expanded((ExpandedArrayHeader *) DatumGetEOHP(PG_GETARG_DATUM(0)), PG_GETARG_DATUM(1));
	state = PG_ARGISNULL(0) ? NULL : PG_GETARG_ARRAYTYPE_P(0);
	if (state != NULL && (ARR_NDIM(state) > 1 || ARR_HASNULL(state)))
		ereport(ERROR, (errcode(ERRCODE_ARRAY_SUBSCRIPT_ERROR),
						errmsg("chunks are not a plain array")));
	if (state != NULL && ArrayGetNItems(ARR_NDIM(state), ARR_DIMS(state)) >= COMBINE_FLAT &&
		AggCheckCallContext(fcinfo, &context))
		return append_expanded((ExpandedArrayHeader *) DatumGetEOHP(expand_array(PointerGetDatum(state), context, NULL)),
							   PG_GETARG_DATUM(1));
	PG_RETURN_ARRAYTYPE_P(append_flat(state, get_fn_expr_argtype(fcinfo->flinfo, 1), PG_GETARG_DATUM(1)));
}
