/*
 * purchase_line_ask.c
 *		What is asked of packed lines: the measure of one person's, whether time moves an answer, entries as rows.
 *
 * The same question, tally and number serve everybody's walk (purchase_line_collect.c), so the two agree.
 */
#include "purchase/purchase_lines.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "common/int.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/date.h"
#include "utils/timestamp.h"
#include "utils/typcache.h"

PG_FUNCTION_INFO_V1(crm_purchase_lines_measure);
PG_FUNCTION_INFO_V1(crm_purchase_lines_pass);
PG_FUNCTION_INFO_V1(crm_purchase_line_entries);

/* crm._purchase_lines_measure(chunks, question, as_of, exponent) */
Datum
crm_purchase_lines_measure(PG_FUNCTION_ARGS)
{
	CrmLineQuestion question;
	CrmLineTally found = {0};
	Datum	   *chunks = NULL;
	bool	   *nulls;
	int			n = 0;
	HeapTupleHeader row;
	TupleDesc	shape;
	CrmPurchaseNumber number;

	if (PG_ARGISNULL(1) || PG_ARGISNULL(2) || PG_ARGISNULL(3))
		PG_RETURN_NULL();
	row = PG_GETARG_HEAPTUPLEHEADER(1);
	shape = lookup_rowtype_tupdesc(HeapTupleHeaderGetTypeId(row), HeapTupleHeaderGetTypMod(row));
	crm_purchase_line_question(PG_GETARG_DATUM(1), shape, PG_GETARG_INT32(3), &question);
	ReleaseTupleDesc(shape);
	if (!PG_ARGISNULL(0))
		deconstruct_array(PG_GETARG_ARRAYTYPE_P(0), BYTEAOID, -1, false, TYPALIGN_INT, &chunks, &nulls, &n);
	for (int i = 0; i < n; i++)
	{
		CrmLinesCursor cursor;

		CHECK_FOR_INTERRUPTS();
		if (nulls[i])
			continue;
		crm_purchase_lines_begin(&cursor, chunks[i]);
		if (cursor.last_day < question.asked.from)
			continue;
		while (crm_purchase_lines_next(&cursor))
			if (crm_purchase_line_is_asked(&question, &cursor.line))
				crm_purchase_line_tally(&question, &cursor.line, &found, CurrentMemoryContext);
	}
	number = crm_purchase_line_number(&question, &found, PG_GETARG_DATEADT(2));
	if (number.is_none)
		PG_RETURN_NULL();
	PG_RETURN_DATUM(crm_purchase_number_datum(number));
}

/* crm._purchase_lines_pass(lines, ages, before, today, products) */
Datum
crm_purchase_lines_pass(PG_FUNCTION_ARGS)
{
	ArrayType  *array;
	const int32 *ages;
	int			n_ages;
	CrmLineSet products = {.is_every = true};
	CrmLinesCursor cursor;

	for (int i = 0; i < 4; i++)
		if (PG_ARGISNULL(i))
			PG_RETURN_NULL();
	array = PG_GETARG_ARRAYTYPE_P(1);
	ages = (const int32 *) ARR_DATA_PTR(array);
	n_ages = ArrayGetNItems(ARR_NDIM(array), ARR_DIMS(array));
	if (!PG_ARGISNULL(4))
	{
		if (fcinfo->flinfo->fn_extra == NULL)
		{
			MemoryContext before = MemoryContextSwitchTo(fcinfo->flinfo->fn_mcxt);

			fcinfo->flinfo->fn_extra = palloc(sizeof(CrmLineSet));
			*(CrmLineSet *) fcinfo->flinfo->fn_extra = crm_purchase_line_set(PG_GETARG_ARRAYTYPE_P(4));
			MemoryContextSwitchTo(before);
		}
		products = *(CrmLineSet *) fcinfo->flinfo->fn_extra;
	}
	crm_purchase_lines_begin(&cursor, PG_GETARG_DATUM(0));
	while (crm_purchase_lines_next(&cursor))
		for (int i = 0; i < n_ages; i++)
			if (cursor.line.day > (int64) PG_GETARG_DATEADT(2) - ages[i] && cursor.line.day <= (int64) PG_GETARG_DATEADT(3) - ages[i] &&
				crm_purchase_line_has(&products, cursor.line.product))
				PG_RETURN_BOOL(true);
	PG_RETURN_BOOL(false);
}

/* What all lines of an entry have together. */
static Datum
together(const CrmLine *line, int64 each)
{
	int64		all;

	if (pg_mul_s64_overflow(line->lines, each, &all))
		crm_purchase_report(CRM_HISTORY_OVERFLOW);
	return Int64GetDatum(all);
}

/* The entries of a chunk as rows. */
Datum
crm_purchase_line_entries(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	CrmLinesCursor cursor;

	InitMaterializedSRF(fcinfo, 0);
	crm_purchase_lines_begin(&cursor, PG_GETARG_DATUM(0));
	while (crm_purchase_lines_next(&cursor))
	{
		const CrmLine *line = &cursor.line;
		Datum		values[] = {
			DateADTGetDatum(line->day),
			TimestampTzGetDatum(line->moment),
			Int32GetDatum(line->store),
			Int32GetDatum(line->channel),
			Int32GetDatum(line->product),
			Int64GetDatum(line->lines),
			together(line, line->quantity),
			together(line, line->amount_minor),
		};
		bool		nulls[lengthof(values)] = {false, line->moment == CRM_LINES_NO_MOMENT};

		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	}
	return (Datum) 0;
}
