/*
 * purchase_measure.c
 *		Measures of a person's days of purchase, and comparisons of them, exactly.
 *
 * A measure is a fraction of whole numbers: an amount over the units of the currency, days over
 * twice a median.  Comparisons multiply across in 128 bits, so 1.5 times a gap is met at exactly
 * 1.5 times.  An order is a day with net > 0; a sum nets all days.
 *
 * Called by SQL and by purchase_collect.c; takes no lock.
 */
#include "purchase/purchase_measure.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "common/int.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/numeric.h"
#include "utils/typcache.h"

#define DECIMALS 12
#define QUESTION_MEMBERS 7

PG_FUNCTION_INFO_V1(crm_purchase_measure);
PG_FUNCTION_INFO_V1(crm_purchase_passes);

static const char *const measure_names[] = {"count", "sum", "average", "last", "first", "gap_ratio", "streak",
	"days", "min", "max", "distinct", "baseline"};
static const char *const op_names[] = {"=", "<>", "<", "<=", ">", ">=", "between", "in", "not_in", "missing", "present"};

CrmPurchaseMeasure
crm_purchase_measure_of(const char *name)
{
	for (int i = 0; i < lengthof(measure_names); i++)
		if (strcmp(measure_names[i], name) == 0)
			return i;
	ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("there is no measure \"%s\" of purchases", name),
					crm_errfield("measure"), errhint("Measures are count, sum, average, last, first, streak and gap_ratio; of lines also days, min, max, distinct and baseline.")));
}

static int
op_of(const char *name)
{
	for (int i = 0; i < lengthof(op_names); i++)
		if (strcmp(op_names[i], name) == 0)
			return i;
	ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("there is no comparison \"%s\" of purchases", name),
					crm_errfield("op"), errhint("Comparisons are =, <>, <, <=, >, >=, between, in, not_in, missing and present.")));
}

/* A number as whole millionths of a millionth. */
static int128
scaled_of(Datum number)
{
	Datum		rounded = DirectFunctionCall2(numeric_round, number, Int32GetDatum(DECIMALS));
	const char *digits = DatumGetCString(DirectFunctionCall1(numeric_out, rounded));
	int128		value = 0;
	bool		is_negative = *digits == '-';

	for (; *digits != '\0'; digits++)
		if (*digits >= '0' && *digits <= '9')
			value = value * 10 + (*digits - '0');
	return is_negative ? -value : value;
}

static void
refuse_null(const char *what)
{
	ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("\"%s\" of a question about purchases is null", what)));
}

static void
read_values(ArrayType *array, CrmPurchaseQuestion *question)
{
	Datum	   *numbers;
	bool	   *nulls;

	deconstruct_array(array, NUMERICOID, -1, false, TYPALIGN_INT, &numbers, &nulls, &question->n_values);
	question->values = palloc(Max(question->n_values, 1) * sizeof(int128));
	for (int i = 0; i < question->n_values; i++)
	{
		if (nulls[i])
			refuse_null("values");
		question->values[i] = scaled_of(numbers[i]);
	}
}

/* Questions out of an array of crm.purchase_question. */
CrmPurchaseQuestion *
crm_purchase_questions(ArrayType *array, int *n)
{
	Datum	   *rows;
	bool	   *nulls;
	CrmPurchaseQuestion *questions;
	TupleDesc	shape = lookup_rowtype_tupdesc(ARR_ELEMTYPE(array), -1);

	deconstruct_array(array, ARR_ELEMTYPE(array), -1, false, TYPALIGN_DOUBLE, &rows, &nulls, n);
	questions = palloc0(Max(*n, 1) * sizeof(CrmPurchaseQuestion));
	for (int i = 0; i < *n; i++)
	{
		HeapTupleHeader header;
		HeapTupleData row = {0};
		Datum		members[QUESTION_MEMBERS];
		bool		absent[QUESTION_MEMBERS];

		CrmEnsure(shape->natts == QUESTION_MEMBERS, "a question has seven members");
		if (nulls[i])
			refuse_null("question");
		header = DatumGetHeapTupleHeader(rows[i]);
		row.t_len = HeapTupleHeaderGetDatumLength(header);
		row.t_data = header;
		heap_deform_tuple(&row, shape, members, absent);
		for (int member = 0; member < QUESTION_MEMBERS; member++)
			if (absent[member])
				refuse_null(NameStr(TupleDescAttr(shape, member)->attname));
		questions[i].measure = crm_purchase_measure_of(TextDatumGetCString(members[0]));
		questions[i].from = DatumGetDateADT(members[1]);
		questions[i].to = DatumGetDateADT(members[2]);
		questions[i].at_least = DatumGetInt32(members[3]);
		questions[i].op = op_of(TextDatumGetCString(members[4]));
		read_values(DatumGetArrayTypeP(members[5]), &questions[i]);
		questions[i].is_turned = DatumGetBool(members[6]);
	}
	ReleaseTupleDesc(shape);
	return questions;
}

static int
compare_ints(const void *a, const void *b)
{
	return (*(const int32 *) a > *(const int32 *) b) - (*(const int32 *) a < *(const int32 *) b);
}

/* Days since the last order over the median of the gaps before it. */
static CrmPurchaseNumber
measure_gaps(const CrmPurchaseQuestion *question, const CrmHistoryDay *days, int n_days, int32 as_of)
{
	CrmPurchaseNumber number = {.is_none = true};
	int32	   *gaps = palloc(Max(n_days, 1) * sizeof(int32));
	int			n = -1;
	int32		last = 0;

	for (int i = 0; i < n_days; i++)
	{
		if (days[i].net_minor <= 0 || days[i].day < question->from || days[i].day > question->to)
			continue;
		if (++n > 0)
			gaps[n - 1] = days[i].day - last;
		last = days[i].day;
	}
	if (n >= Max(question->at_least, 1))
	{
		qsort(gaps, n, sizeof(int32), compare_ints);
		number.is_none = false;
		number.num = 2 * ((int64) as_of - last);
		number.den = (int64) gaps[(n - 1) / 2] + gaps[n / 2];
	}
	pfree(gaps);
	return number;
}

/* The longest run of order days, each of which follows the one before. */
static CrmPurchaseNumber
measure_streak(const CrmPurchaseQuestion *question, const CrmHistoryDay *days, int n_days)
{
	CrmPurchaseNumber number = {.den = 1};
	int64		run = 0;
	int32		last = 0;

	for (int i = 0; i < n_days; i++)
	{
		if (days[i].net_minor <= 0 || days[i].day < question->from || days[i].day > question->to)
			continue;
		run = run > 0 && days[i].day == last + 1 ? run + 1 : 1;
		last = days[i].day;
		number.num = Max(number.num, run);
	}
	return number;
}

/* The measure of merged days, in order. */
CrmPurchaseNumber
crm_purchase_measure_days(const CrmPurchaseQuestion *question, const CrmHistoryDay *days, int n_days, int32 as_of,
						  int exponent)
{
	CrmHistorySummary summary;
	CrmPurchaseNumber number = {.den = 1};
	CrmHistoryCode code;

	if (question->measure == CRM_PURCHASE_GAP_RATIO)
		return measure_gaps(question, days, n_days, as_of);
	if (question->measure == CRM_PURCHASE_STREAK)
		return measure_streak(question, days, n_days);
	CrmEnsure(question->measure < CRM_PURCHASE_GAP_RATIO, "days of purchase have no such measure");
	code = crm_history_summarize_days(days, n_days, question->from, question->to, &summary);
	if (code != CRM_HISTORY_OK)
		crm_purchase_report(code);
	number.is_none = summary.order_days == 0 && question->measure != CRM_PURCHASE_COUNT && question->measure != CRM_PURCHASE_SUM;
	switch (question->measure)
	{
		case CRM_PURCHASE_COUNT:
			number.num = summary.order_days;
			break;
		case CRM_PURCHASE_LAST:
			number.num = (int64) as_of - summary.last_day;
			break;
		case CRM_PURCHASE_FIRST:
			number.num = (int64) as_of - summary.first_day;
			break;
		default:
			number.num = question->measure == CRM_PURCHASE_SUM ? summary.net_minor : summary.order_net_minor;
			number.den = question->measure == CRM_PURCHASE_SUM ? 1 : Max(summary.order_days, 1);
			for (int i = 0; i < exponent; i++)
				number.den *= 10;
	}
	return number;
}

/* -1, 0, 1 as the number is below, at, above a value. */
static int
compare(CrmPurchaseNumber number, int128 value)
{
	int128		left = (int128) number.num * INT64CONST(1000000000000);
	int128		right = value * number.den;

	return (left > right) - (left < right);
}

static bool
is_among(const CrmPurchaseQuestion *question, CrmPurchaseNumber number)
{
	for (int i = 0; i < question->n_values; i++)
		if (compare(number, question->values[i]) == 0)
			return true;
	return false;
}

static bool
is_met(const CrmPurchaseQuestion *question, CrmPurchaseNumber number)
{
	if (question->op == 9)
		return number.is_none;
	if (number.is_none || question->op == 10)
		return !number.is_none;
	switch (question->op)
	{
		case 0:
		case 7:
			return is_among(question, number);
		case 1:
		case 8:
			return !is_among(question, number);
		case 2:
			return compare(number, question->values[0]) < 0;
		case 3:
			return compare(number, question->values[0]) <= 0;
		case 4:
			return compare(number, question->values[0]) > 0;
		case 5:
			return compare(number, question->values[0]) >= 0;
		default:
			return compare(number, question->values[0]) >= 0 && compare(number, question->values[1]) <= 0;
	}
}

/* Whether a number answers a question: its comparison, or the failure of it. */
bool
crm_purchase_meets(const CrmPurchaseQuestion *question, CrmPurchaseNumber number)
{
	if (number.is_none && question->op < 9)
		return question->is_turned;
	return is_met(question, number) != question->is_turned;
}

/* Whether "at least one" is all that is asked of a count. */
bool
crm_purchase_is_at_least_one(const CrmPurchaseQuestion *question)
{
	CrmPurchaseNumber one = {.num = 1, .den = 1};

	return question->measure == CRM_PURCHASE_COUNT && !question->is_turned && (question->op == 4 || question->op == 5) &&
		is_met(question, one) && !is_met(question, (CrmPurchaseNumber) {.den = 1});
}

/* Whether who meets it meets it whatever else he bought: the number moves to one side alone. */
bool
crm_purchase_stays_met(const CrmPurchaseQuestion *question)
{
	if (question->is_turned)
		return false;
	switch (question->measure)
	{
		case CRM_PURCHASE_COUNT:
		case CRM_PURCHASE_DAYS:
		case CRM_PURCHASE_DISTINCT:
		case CRM_PURCHASE_STREAK:
		case CRM_PURCHASE_MAX:
		case CRM_PURCHASE_FIRST:
			return question->op == 4 || question->op == 5;
		case CRM_PURCHASE_MIN:
		case CRM_PURCHASE_LAST:
			return question->op == 2 || question->op == 3;
		default:
			return false;
	}
}

/* A number there is, as numeric. */
Datum
crm_purchase_number_datum(CrmPurchaseNumber number)
{
	Datum		num = DirectFunctionCall1(int8_numeric, Int64GetDatum(number.num));

	if (number.den == 1)
		return num;
	return DirectFunctionCall2(numeric_div, num, DirectFunctionCall1(int8_numeric, Int64GetDatum(number.den)));
}

/* The days of some chunks as of a date, merged. */
static CrmHistoryDay *
merge_days(ArrayType *chunks, int32 as_of, int *n_days)
{
	CrmHistoryMerge merge;
	CrmHistoryDay *days;
	int			n_chunks;
	int			room = 0;
	CrmHistoryCursor *cursors = crm_purchase_cursors(chunks, &n_chunks);

	for (int i = 0; i < n_chunks; i++)
		room += cursors[i].left;
	days = palloc(Max(room, 1) * sizeof(CrmHistoryDay));
	*n_days = 0;
	crm_history_merge_begin(&merge, cursors, n_chunks, as_of);
	while (crm_history_merge_day(&merge, &days[*n_days]))
		(*n_days)++;
	if (merge.code != CRM_HISTORY_OK)
		crm_purchase_report(merge.code);
	return days;
}

/* crm._purchase_measure(chunks, measure, from, to, as_of, at_least, exponent) */
Datum
crm_purchase_measure(PG_FUNCTION_ARGS)
{
	CrmPurchaseQuestion question = {0};
	CrmPurchaseNumber number;
	CrmHistoryDay *days = NULL;
	int			n_days = 0;

	for (int i = 1; i < 7; i++)
		if (PG_ARGISNULL(i))
			PG_RETURN_NULL();
	question.measure = crm_purchase_measure_of(text_to_cstring(PG_GETARG_TEXT_PP(1)));
	question.from = PG_GETARG_DATEADT(2);
	question.to = PG_GETARG_DATEADT(3);
	question.at_least = PG_GETARG_INT32(5);
	if (!PG_ARGISNULL(0))
		days = merge_days(PG_GETARG_ARRAYTYPE_P(0), PG_GETARG_DATEADT(4), &n_days);
	number = crm_purchase_measure_days(&question, days, n_days, PG_GETARG_DATEADT(4), PG_GETARG_INT32(6));
	if (number.is_none)
		PG_RETURN_NULL();
	PG_RETURN_DATUM(crm_purchase_number_datum(number));
}

/* crm._purchase_passes(history, ages, before, today) */
Datum
crm_purchase_passes(PG_FUNCTION_ARGS)
{
	CrmPurchaseChunk chunk = crm_purchase_chunk(PG_GETARG_DATUM(0));
	ArrayType  *array = PG_GETARG_ARRAYTYPE_P(1);
	const int32 *ages = (const int32 *) ARR_DATA_PTR(array);
	int			n_ages = ArrayGetNItems(ARR_NDIM(array), ARR_DIMS(array));
	int32		before = PG_GETARG_DATEADT(2);
	int32		today = PG_GETARG_DATEADT(3);
	CrmHistoryHeader header = crm_history_header(chunk.bytes);
	CrmHistoryCursor cursor;
	int32		youngest = PG_INT32_MAX;

	for (int i = 0; i < n_ages; i++)
		youngest = Min(youngest, ages[i]);
	if (header.entry_count == 0 || n_ages == 0 || header.first_day > (int64) today - youngest)
		PG_RETURN_BOOL(false);
	crm_history_begin(&cursor, chunk.bytes, chunk.length);
	while (crm_history_next(&cursor))
	{
		/* a correction that was dated ahead counts from today, whatever the age of its purchase */
		if (cursor.entry.known_day > before && cursor.entry.known_day <= today)
			PG_RETURN_BOOL(true);
		for (int i = 0; i < n_ages; i++)
			if (cursor.entry.day > (int64) before - ages[i] && cursor.entry.day <= (int64) today - ages[i])
				PG_RETURN_BOOL(true);
	}
	PG_RETURN_BOOL(false);
}
