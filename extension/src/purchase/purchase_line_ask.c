/*
 * purchase_line_ask.c
 *		What rules ask of packed lines: the measure of one person's, and whether time moves an answer.
 *
 * A question names the products that count (every line, without them) and what is added up.  The same
 * tally and the same number serve everybody's walk (purchase_line_collect.c), so the two agree.
 */
#include "purchase/purchase_lines.h"

#include "catalog/pg_type.h"
#include "common/int.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/date.h"

PG_FUNCTION_INFO_V1(crm_purchase_lines_measure);
PG_FUNCTION_INFO_V1(crm_purchase_lines_pass);

CrmLineProducts
crm_purchase_line_products(ArrayType *array)
{
	const int32 *ids = (const int32 *) ARR_DATA_PTR(array);
	int			n = ArrayGetNItems(ARR_NDIM(array), ARR_DIMS(array));
	CrmLineProducts products = {0};

	if (array_contains_nulls(array))
		ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("a product cannot be null")));
	for (int i = 0; i < n; i++)
		products.n = Max(products.n, ids[i] < PG_INT32_MAX ? ids[i] + 1 : 0);
	products.bits = MemoryContextAllocExtended(CurrentMemoryContext, products.n / 8 + 1, MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	for (int i = 0; i < n; i++)
		if (ids[i] >= 0 && ids[i] < products.n)
			products.bits[ids[i] / 8] |= 1 << (ids[i] % 8);
	return products;
}

void
crm_purchase_line_tally(const CrmLineQuestion *question, const CrmLine *line, CrmLineTally *tally)
{
	if (tally->lines == 0)
		tally->first = tally->last = line->day;
	tally->first = Min(tally->first, line->day);
	tally->last = Max(tally->last, line->day);
	tally->lines += line->lines;
	if (pg_add_s64_overflow(tally->sum, question->is_of_quantity ? line->quantity : line->amount_minor, &tally->sum))
		crm_purchase_report(CRM_HISTORY_OVERFLOW);
}

static int64
units_of(const CrmLineQuestion *question, int exponent)
{
	int64		units = 1;

	if (question->is_of_quantity)
		return CRM_LINES_UNIT;
	for (int i = 0; i < exponent; i++)
		units *= 10;
	return units;
}

CrmPurchaseNumber
crm_purchase_line_number(const CrmLineQuestion *question, const CrmLineTally *tally, int32 as_of, int exponent)
{
	CrmPurchaseNumber number = {.den = 1};

	number.is_none = tally->lines == 0 && question->asked.measure != CRM_PURCHASE_COUNT &&
		question->asked.measure != CRM_PURCHASE_SUM;
	switch (question->asked.measure)
	{
		case CRM_PURCHASE_COUNT:
			number.num = tally->lines;
			break;
		case CRM_PURCHASE_LAST:
			number.num = (int64) as_of - tally->last;
			break;
		case CRM_PURCHASE_FIRST:
			number.num = (int64) as_of - tally->first;
			break;
		default:
			number.num = tally->sum;
			number.den = units_of(question, exponent);
			if (question->asked.measure == CRM_PURCHASE_AVERAGE &&
				pg_mul_s64_overflow(number.den, Max(tally->lines, 1), &number.den))
				crm_purchase_report(CRM_HISTORY_OVERFLOW);
	}
	return number;
}

/* crm._purchase_lines_measure(chunks, measure, is_of_quantity, from, to, as_of, products, exponent) */
Datum
crm_purchase_lines_measure(PG_FUNCTION_ARGS)
{
	CrmLineQuestion question = {0};
	CrmLineTally found = {0};
	Datum	   *chunks = NULL;
	bool	   *nulls;
	int			n = 0;
	CrmPurchaseNumber number;

	for (int i = 1; i < 8; i++)
		if (PG_ARGISNULL(i) && i != 6)
			PG_RETURN_NULL();
	question.asked.measure = crm_purchase_measure_of(text_to_cstring(PG_GETARG_TEXT_PP(1)));
	question.is_of_quantity = PG_GETARG_BOOL(2);
	question.asked.from = PG_GETARG_DATEADT(3);
	question.asked.to = PG_GETARG_DATEADT(4);
	question.products.is_every = PG_ARGISNULL(6);
	if (!PG_ARGISNULL(6))
		question.products = crm_purchase_line_products(PG_GETARG_ARRAYTYPE_P(6));
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
				crm_purchase_line_tally(&question, &cursor.line, &found);
	}
	number = crm_purchase_line_number(&question, &found, PG_GETARG_DATEADT(5), PG_GETARG_INT32(7));
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
	CrmLineProducts products = {.is_every = true};
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

			fcinfo->flinfo->fn_extra = palloc(sizeof(CrmLineProducts));
			*(CrmLineProducts *) fcinfo->flinfo->fn_extra = crm_purchase_line_products(PG_GETARG_ARRAYTYPE_P(4));
			MemoryContextSwitchTo(before);
		}
		products = *(CrmLineProducts *) fcinfo->flinfo->fn_extra;
	}
	crm_purchase_lines_begin(&cursor, PG_GETARG_DATUM(0));
	while (crm_purchase_lines_next(&cursor))
		for (int i = 0; i < n_ages; i++)
			if (cursor.line.day > (int64) PG_GETARG_DATEADT(2) - ages[i] && cursor.line.day <= (int64) PG_GETARG_DATEADT(3) - ages[i] &&
				crm_purchase_line_has_product(&products, cursor.line.product))
				PG_RETURN_BOOL(true);
	PG_RETURN_BOOL(false);
}
