/*
 * purchase_line_question.c
 *		A question about packed lines: read from a crm.purchase_line_question, and which lines it looks at.
 *
 * One person's lines and everybody's are asked by the same code.  The clock of a line is that of the zone asked in; as
 * a walk reads millions of receipts, the offset of a whole UTC day is looked up once and kept, where no change of clocks falls into it.
 */
#include "purchase/purchase_lines.h"

#include "access/htup_details.h"
#include "pgtime.h"
#include "utils/builtins.h"
#include "utils/date.h"
#include "utils/timestamp.h"

#define MEMBERS 17
#define OFFSETS 2048			/* days whose offsets are kept: more than five years */
#define UNIX_DAYS (POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE)

/* The offset from UTC that holds all of a UTC day. */
typedef struct DayOffset
{
	int64		day;
	int32		seconds;
	bool		is_known;
} DayOffset;

struct CrmLineClock
{
	TimeADT		from;
	TimeADT		to;				/* left out; before from: over midnight */
	pg_tz	   *zone;
	TimestampTz last;			/* the moment asked about last, and the answer */
	bool		is_in;
	DayOffset	offsets[OFFSETS];
};

static const char *const field_names[] = {"", "amount", "quantity", "product", "category", "store", "channel"};

CrmLineSet
crm_purchase_line_set(ArrayType *array)
{
	const int32 *ids = (const int32 *) ARR_DATA_PTR(array);
	int			n = ArrayGetNItems(ARR_NDIM(array), ARR_DIMS(array));
	CrmLineSet	set = {0};

	if (array_contains_nulls(array))
		ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("a product, store or channel cannot be null")));
	for (int i = 0; i < n; i++)
		set.n = Max(set.n, ids[i] < PG_INT32_MAX ? ids[i] + 1 : 0);
	set.bits = MemoryContextAllocExtended(CurrentMemoryContext, set.n / 8 + 1, MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	for (int i = 0; i < n; i++)
		if (ids[i] >= 0 && ids[i] < set.n)
			set.bits[ids[i] / 8] |= 1 << (ids[i] % 8);
	return set;
}

static CrmLineSet
read_set(Datum array, bool is_absent)
{
	return is_absent ? (CrmLineSet) {.is_every = true} : crm_purchase_line_set(DatumGetArrayTypeP(array));
}

static CrmLineField
read_field(Datum name, bool is_absent)
{
	char	   *word = is_absent ? NULL : TextDatumGetCString(name);

	if (is_absent)
		return CRM_LINE_NOTHING;
	for (int i = 1; i < lengthof(field_names); i++)
		if (strcmp(field_names[i], word) == 0)
			return i;
	ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("lines have no \"%s\"", word),
					errhint("They have amount, quantity, product, category, store and channel.")));
}

static CrmLineClock *
read_clock(Datum from, Datum to, Datum zone)
{
	CrmLineClock *clock = palloc0(sizeof(CrmLineClock));
	char	   *name = TextDatumGetCString(zone);

	clock->from = DatumGetTimeADT(from);
	clock->to = DatumGetTimeADT(to);
	clock->zone = pg_tzset(name);
	clock->last = CRM_LINES_NO_MOMENT;
	if (clock->zone == NULL)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("time zone \"%s\" not recognized", name)));
	return clock;
}

/* Which product is of which category, by the product's id. */
static void
read_categories(ArrayType *products, ArrayType *categories, CrmLineQuestion *question)
{
	const int32 *ids = (const int32 *) ARR_DATA_PTR(products);
	const int32 *of = (const int32 *) ARR_DATA_PTR(categories);
	int			n = ArrayGetNItems(ARR_NDIM(products), ARR_DIMS(products));

	if (n != ArrayGetNItems(ARR_NDIM(categories), ARR_DIMS(categories)) || array_contains_nulls(products) || array_contains_nulls(categories))
		ereport(ERROR, (errcode(ERRCODE_ARRAY_SUBSCRIPT_ERROR), errmsg("each product grouped has its category")));
	for (int i = 0; i < n; i++)
		question->n_categories = Max(question->n_categories, ids[i] < PG_INT32_MAX ? ids[i] + 1 : 0);
	question->categories = MemoryContextAllocExtended(CurrentMemoryContext, Max(question->n_categories, 1) * sizeof(int32),
													  MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	for (int i = 0; i < n; i++)
		if (ids[i] >= 0 && ids[i] < question->n_categories)
			question->categories[ids[i]] = of[i];
}

/* A question out of a crm.purchase_line_question. */
void
crm_purchase_line_question(Datum row, TupleDesc shape, int exponent, CrmLineQuestion *question)
{
	HeapTupleHeader header = DatumGetHeapTupleHeader(row);
	HeapTupleData tuple = {.t_len = HeapTupleHeaderGetDatumLength(header), .t_data = header};
	Datum		members[MEMBERS];
	bool		absent[MEMBERS];
	int			n = 0;

	CrmEnsure(shape->natts == MEMBERS, "a question about lines has seventeen members");
	heap_deform_tuple(&tuple, shape, members, absent);
	if (absent[0])
		ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("a question about lines asks nothing")));
	*question = (CrmLineQuestion) {.after = CRM_LINES_NO_MOMENT, .currency_units = 1};
	question->asked = crm_purchase_questions(DatumGetArrayTypeP(members[0]), &n)[0];
	if (n != 1)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("a question about lines is one question, not %d", n)));
	question->field = read_field(members[1], absent[1]);
	question->same = read_field(members[2], absent[2]);
	question->products = read_set(members[3], absent[3]);
	question->stores = read_set(members[4], absent[4]);
	question->channels = read_set(members[5], absent[5]);
	if (!absent[6])
		question->amounts = crm_purchase_questions(DatumGetArrayTypeP(members[6]), &question->n_amounts);
	if (!absent[7])
		question->quantities = crm_purchase_questions(DatumGetArrayTypeP(members[7]), &question->n_quantities);
	if (!absent[8] && !absent[9] && !absent[10])
		question->clock = read_clock(members[8], members[9], members[10]);
	question->weekdays = absent[11] ? 0 : DatumGetInt32(members[11]);
	if (!absent[12])
		question->after = DatumGetTimestampTz(members[12]);
	question->recent_from = absent[13] ? 0 : DatumGetDateADT(members[13]);
	question->windows = absent[14] ? 0 : DatumGetInt32(members[14]);
	if (!absent[15] && !absent[16])
		read_categories(DatumGetArrayTypeP(members[15]), DatumGetArrayTypeP(members[16]), question);
	if (exponent < 0 || exponent > 9)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("a currency has 0 to 9 decimals, not %d", exponent)));
	for (int i = 0; i < exponent; i++)
		question->currency_units *= 10;
	question->is_narrow = !question->stores.is_every || !question->channels.is_every || question->n_amounts > 0 ||
		question->n_quantities > 0 || question->clock != NULL || question->weekdays != 0 || question->after != CRM_LINES_NO_MOMENT;
}

static int64
divide_down(int64 value, int64 by)
{
	return value / by - (value % by < 0);
}

/* The seconds that a zone is ahead of UTC at a moment, in Unix seconds. */
static int32
offset_at(CrmLineClock *clock, pg_time_t at)
{
	int64		day = divide_down(at, SECS_PER_DAY);
	DayOffset  *kept = &clock->offsets[(uint64) day % OFFSETS];
	pg_time_t	start = day * SECS_PER_DAY;
	pg_time_t	boundary = 0;
	long		offset = 0;
	long		next_offset;
	int			is_summer;
	int			is_summer_next;
	int			found;

	if (kept->is_known && kept->day == day)
		return kept->seconds;
	found = pg_next_dst_boundary(&start, &offset, &is_summer, &boundary, &next_offset, &is_summer_next, clock->zone);
	if (found == 0 || (found == 1 && boundary >= start + SECS_PER_DAY))
		*kept = (DayOffset) {.day = day, .seconds = offset, .is_known = true};
	else
		found = pg_next_dst_boundary(&at, &offset, &is_summer, &boundary, &next_offset, &is_summer_next, clock->zone);
	if (found < 0)
		ereport(ERROR, (errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE), errmsg("timestamp out of range")));
	return offset;
}

static bool
is_in_span(CrmLineClock *clock, TimestampTz moment)
{
	int64		seconds = divide_down(moment, USECS_PER_SEC);
	int64		local;

	if (TIMESTAMP_NOT_FINITE(moment))
		return false;
	if (moment == clock->last)
		return clock->is_in;
	local = seconds + offset_at(clock, seconds + UNIX_DAYS * SECS_PER_DAY);
	local = (local - divide_down(local, SECS_PER_DAY) * SECS_PER_DAY) * USECS_PER_SEC + (moment - seconds * USECS_PER_SEC);
	clock->last = moment;
	clock->is_in = clock->from < clock->to ? local >= clock->from && local < clock->to : local >= clock->from || local < clock->to;
	return clock->is_in;
}

static bool
meets_all(const CrmPurchaseQuestion *questions, int n, int64 number, int64 units)
{
	for (int i = 0; i < n; i++)
		if (!crm_purchase_meets(&questions[i], (CrmPurchaseNumber) {.num = number, .den = units}))
			return false;
	return true;
}

/* Whether a line of the days and products asked about is all else that is asked of one. */
bool
crm_purchase_line_passes(const CrmLineQuestion *question, const CrmLine *line)
{
	/* 2000-01-01, day 0, was a Saturday */
	if (question->weekdays != 0 && ((question->weekdays >> (((int64) line->day + 5 + INT64CONST(7) * CRM_HISTORY_DAY_LIMIT) % 7)) & 1) == 0)
		return false;
	if (!crm_purchase_line_has(&question->stores, line->store) || !crm_purchase_line_has(&question->channels, line->channel))
		return false;
	if (question->after != CRM_LINES_NO_MOMENT && line->moment <= question->after)
		return false;
	return meets_all(question->amounts, question->n_amounts, line->amount_minor, question->currency_units) &&
		meets_all(question->quantities, question->n_quantities, line->quantity, CRM_LINES_UNIT) &&
		(question->clock == NULL || is_in_span(question->clock, line->moment));
}
