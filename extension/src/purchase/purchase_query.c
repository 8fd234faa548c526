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

PG_FUNCTION_INFO_V1(crm_purchase_order_days);
PG_FUNCTION_INFO_V1(crm_purchase_order_days_all);
PG_FUNCTION_INFO_V1(crm_purchase_net);
PG_FUNCTION_INFO_V1(crm_purchase_net_all);
PG_FUNCTION_INFO_V1(crm_purchase_first_day);
PG_FUNCTION_INFO_V1(crm_purchase_first_day_all);
PG_FUNCTION_INFO_V1(crm_purchase_last_day);
PG_FUNCTION_INFO_V1(crm_purchase_last_day_all);

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
static CrmHistorySummary
summarize(CrmHistoryCursor *cursors, int count, DateADT from, DateADT to, DateADT as_of)
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
	return summarize(&cursor, 1, from, to, as_of);
}

static CrmHistorySummary
summarize_all(ArrayType *chunks, DateADT from, DateADT to, DateADT as_of)
{
	int			count;
	CrmHistoryCursor *cursors = crm_purchase_cursors(chunks, &count);

	return summarize(cursors, count, from, to, as_of);
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
