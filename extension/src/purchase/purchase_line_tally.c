/*
 * purchase_line_tally.c
 *		What a question has found in a person's lines so far, and the number that is in the end.
 *
 * Most measures need one number.  Those that ask what there was (distinct values, days, the longest run of days, the most
 * lines of one and the same) keep the values: sorted and made distinct whenever they fill their room, so that
 * a person with a million lines keeps no more than twice what is distinct among them.
 */
#include "purchase/purchase_lines.h"

#include "common/int.h"
#include "utils/memutils.h"

#define FIRST_ROOM 8

/* Whether lines of one and the same are counted: then values are kept as often as there are lines. */
static bool
counts_same(const CrmLineQuestion *question)
{
	return question->asked.measure == CRM_PURCHASE_COUNT && question->same != CRM_LINE_NOTHING;
}

static bool
keeps_values(const CrmLineQuestion *question)
{
	return counts_same(question) || question->asked.measure == CRM_PURCHASE_DISTINCT || question->asked.measure == CRM_PURCHASE_DAYS ||
		question->asked.measure == CRM_PURCHASE_STREAK;
}

static inline int64
value_of(const CrmLineQuestion *question, CrmLineField field, const CrmLine *line)
{
	switch (field)
	{
		case CRM_LINE_AMOUNT:
			return line->amount_minor;
		case CRM_LINE_QUANTITY:
			return line->quantity;
		case CRM_LINE_PRODUCT:
			return line->product;
		case CRM_LINE_CATEGORY:
			return line->product < question->n_categories ? question->categories[line->product] : 0;
		case CRM_LINE_STORE:
			return line->store;
		case CRM_LINE_CHANNEL:
			return line->channel;
		default:
			return 0;
	}
}

/* Sorts the values; unless they are counted, each stays once. */
static void
tidy(const CrmLineQuestion *question, CrmLineTally *tally)
{
	crm_purchase_values_sort(tally->values, tally->n_values);
	if (!counts_same(question))
		tally->n_values = crm_purchase_values_once(tally->values, tally->n_values);
}

static pg_noinline void
make_room(const CrmLineQuestion *question, CrmLineTally *tally, MemoryContext context)
{
	if (tally->room > 0)
		tidy(question, tally);
	if (tally->n_values <= tally->room / 2 && tally->room > 0)
		return;
	if (tally->room > PG_INT32_MAX / 2)
		ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED), errmsg("a person has more lines than can be held against each other")));
	tally->room = Max(tally->room * 2, FIRST_ROOM);
	tally->values = tally->values == NULL ? MemoryContextAlloc(context, tally->room * sizeof(int64)) :
		repalloc_huge(tally->values, (Size) tally->room * sizeof(int64));
}

static inline void
add_value(const CrmLineQuestion *question, CrmLineTally *tally, int64 value, MemoryContext context)
{
	if (tally->n_values > 0 && tally->values[tally->n_values - 1] == value && !counts_same(question))
		return;
	if (tally->n_values == tally->room)
		make_room(question, tally, context);
	tally->values[tally->n_values++] = value;
}

/* What there was on a line: its day, of its object; a field; absent products and stores are no value. */
static void
keep_value(const CrmLineQuestion *question, const CrmLine *line, CrmLineTally *tally, MemoryContext context)
{
	int64		value = value_of(question, question->same != CRM_LINE_NOTHING ? question->same : question->field, line);

	switch (question->asked.measure)
	{
		case CRM_PURCHASE_DAYS:
			add_value(question, tally, line->day, context);
			break;
		case CRM_PURCHASE_STREAK:
			add_value(question, tally, value * (INT64CONST(1) << 32) + line->day, context);
			break;
		case CRM_PURCHASE_DISTINCT:
			if (value != 0 || question->field == CRM_LINE_CHANNEL || question->field == CRM_LINE_AMOUNT || question->field == CRM_LINE_QUANTITY)
				add_value(question, tally, value, context);
			break;
		default:
			for (int64 i = 0; i < line->lines; i++)
				add_value(question, tally, value, context);
	}
}

static int64
sum_of(int64 a, int64 b)
{
	int64		sum;

	if (pg_add_s64_overflow(a, b, &sum))
		crm_purchase_report(CRM_HISTORY_OVERFLOW);
	return sum;
}

/* Two numbers of one measure as that of both; neither is of nothing. */
static int64
both(CrmPurchaseMeasure measure, int64 a, int64 b)
{
	switch (measure)
	{
		case CRM_PURCHASE_SUM:
		case CRM_PURCHASE_AVERAGE:
		case CRM_PURCHASE_BASELINE:
			return sum_of(a, b);
		case CRM_PURCHASE_MIN:
		case CRM_PURCHASE_FIRST:
			return Min(a, b);
		default:
			return Max(a, b);
	}
}

static int64
number_of_line(const CrmLineQuestion *question, const CrmLine *line)
{
	int64		number = value_of(question, question->field, line);

	switch (question->asked.measure)
	{
		case CRM_PURCHASE_SUM:
		case CRM_PURCHASE_AVERAGE:
			if (pg_mul_s64_overflow(number, line->lines, &number))
				crm_purchase_report(CRM_HISTORY_OVERFLOW);
			return number;
		case CRM_PURCHASE_BASELINE:
			return line->day >= question->recent_from ? line->lines : 0;
		case CRM_PURCHASE_LAST:
		case CRM_PURCHASE_FIRST:
			return line->day;
		default:
			return number;
	}
}

/* One line more that the question looks at; values are kept in the context. */
void
crm_purchase_line_tally(const CrmLineQuestion *question, const CrmLine *line, CrmLineTally *tally, MemoryContext context)
{
	if (keeps_values(question))
		keep_value(question, line, tally, context);
	else
	{
		int64		number = number_of_line(question, line);

		tally->number = tally->lines == 0 ? number : both(question->asked.measure, tally->number, number);
	}
	tally->lines = sum_of(tally->lines, line->lines);
}

/* Puts the values in order, each once: what is found of them, and how much room they take, is then known. */
void
crm_purchase_line_tidy(const CrmLineQuestion *question, CrmLineTally *tally)
{
	if (keeps_values(question))
		tidy(question, tally);
}

/* What was found elsewhere of the person beside what was here. */
void
crm_purchase_line_tally_both(const CrmLineQuestion *question, const CrmLineTally *other, CrmLineTally *tally, MemoryContext context)
{
	tally->number = tally->lines == 0 ? other->number : both(question->asked.measure, tally->number, other->number);
	tally->lines = sum_of(tally->lines, other->lines);
	if (tally->values == NULL && other->n_values > 0)
	{
		tally->n_values = tally->room = other->n_values;
		tally->values = MemoryContextAllocHuge(context, (Size) other->n_values * sizeof(int64));
		memcpy(tally->values, other->values, (Size) other->n_values * sizeof(int64));
		return;
	}
	for (int32 i = 0; i < other->n_values; i++)
		add_value(question, tally, other->values[i], context);
}

static int64
units_of(const CrmLineQuestion *question)
{
	return question->field == CRM_LINE_QUANTITY ? CRM_LINES_UNIT : question->currency_units;
}

/* Lines of the recent days over the mean of the windows before; absent with too few there. */
static CrmPurchaseNumber
baseline_of(const CrmLineQuestion *question, const CrmLineTally *tally)
{
	CrmPurchaseNumber number = {.den = tally->lines - tally->number};

	number.is_none = number.den < Max(question->asked.at_least, 1);
	number.num = tally->number * question->windows;
	return number;
}

CrmPurchaseNumber
crm_purchase_line_number(const CrmLineQuestion *question, const CrmLineTally *tally, int32 as_of)
{
	CrmPurchaseNumber number = {.den = 1};

	switch (question->asked.measure)
	{
		case CRM_PURCHASE_COUNT:
			number.num = counts_same(question) ? crm_purchase_values_most(tally->values, tally->n_values) : tally->lines;
			return number;
		case CRM_PURCHASE_DAYS:
		case CRM_PURCHASE_DISTINCT:
			number.num = crm_purchase_values_distinct(tally->values, tally->n_values);
			return number;
		case CRM_PURCHASE_STREAK:
			number.num = crm_purchase_values_streak(tally->values, tally->n_values);
			return number;
		case CRM_PURCHASE_BASELINE:
			return baseline_of(question, tally);
		case CRM_PURCHASE_LAST:
		case CRM_PURCHASE_FIRST:
			number.num = (int64) as_of - tally->number;
			break;
		default:
			number.num = tally->number;
			number.den = units_of(question);
			if (question->asked.measure == CRM_PURCHASE_AVERAGE && pg_mul_s64_overflow(number.den, Max(tally->lines, 1), &number.den))
				crm_purchase_report(CRM_HISTORY_OVERFLOW);
	}
	number.is_none = tally->lines == 0 && question->asked.measure != CRM_PURCHASE_SUM;
	return number;
}
