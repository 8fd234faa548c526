/*
 * core_row.c
 *		The row that a function with several columns answers.
 *
 * Its columns are those it is declared with, in their order.  Who is declared otherwise was not written by us: no caller can bring it about.
 */
#include "core/core.h"

#include "access/htup_details.h"
#include "funcapi.h"

TupleDesc
crm_core_row_shape(FunctionCallInfo fcinfo)
{
	TupleDesc	shape;

	CrmEnsure(get_call_result_type(fcinfo, NULL, &shape) == TYPEFUNC_COMPOSITE, "the function answers a row");
	return BlessTupleDesc(shape);
}

Datum
crm_core_row(FunctionCallInfo fcinfo, Datum *values, bool *nulls)
{
	return HeapTupleGetDatum(heap_form_tuple(crm_core_row_shape(fcinfo), values, nulls));
}
