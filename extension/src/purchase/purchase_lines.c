/*
 * purchase_lines.c
 *		Keeps the packed lines of source records: crm.purchase_line_chunk.
 *
 * A record's chunks divide its (day, product) pairs in order: each holds those from its first
 * pair up to the next chunk's.  An entry goes into the chunk that covers it, found by key; a
 * chunk without room is cut into several of about CUT_ENTRIES.  So a line costs the same
 * whatever the record ever bought.  The first chunk's row is the lock of all of them; records are
 * locked ascending, after the histories.
 *
 * Called by the SQL that stores orders and refunds, in their transaction.
 */
#include "purchase/purchase_lines.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "funcapi.h"
#include "utils/date.h"

#define CUT_ENTRIES 64

PG_FUNCTION_INFO_V1(crm_purchase_lines_add);
PG_FUNCTION_INFO_V1(crm_purchase_line_entries);

/* One line of a record, as it is to be added. */
typedef struct Addition
{
	int64		record;
	CrmLine		line;
} Addition;

/* The chunk that covers a pair, and where the next one begins. */
typedef struct Cover
{
	DateADT		from_day;
	int32		from_product;
	bool		has_next;
	CrmLine		next;			/* day and product alone */
	int			n;
	CrmLine		lines[CRM_LINES_MAX_ENTRIES];
} Cover;

static const Oid record_types[] = {INT8OID};
static const Oid pair_types[] = {INT8OID, DATEOID, INT4OID};
static const Oid chunk_types[] = {INT8OID, DATEOID, INT4OID, BYTEAOID};

static CrmStatement lock_record = {
	.name = "purchase.lock_lines",
	.sql = "SELECT FROM crm.purchase_line_chunk c WHERE c.source_record_id = $1 AND c.from_day = '-infinity'"
	" AND c.from_product = 0 FOR UPDATE",
	.n_args = 1,
	.arg_types = record_types,
};
static CrmStatement make_record = {
	.name = "purchase.make_lines",
	.sql = "INSERT INTO crm.purchase_line_chunk (source_record_id, from_day, from_product, lines)"
	" VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING",
	.n_args = 4,
	.arg_types = chunk_types,
};
static CrmStatement find_cover = {
	.name = "purchase.find_lines",
	.sql = "SELECT c.from_day, c.from_product, c.lines FROM crm.purchase_line_chunk c"
	" WHERE c.source_record_id = $1 AND (c.from_day, c.from_product) <= ($2, $3)"
	" ORDER BY c.from_day DESC, c.from_product DESC LIMIT 1",
	.n_args = 3,
	.arg_types = pair_types,
};
static CrmStatement find_next = {
	.name = "purchase.find_next_lines",
	.sql = "SELECT c.from_day, c.from_product FROM crm.purchase_line_chunk c"
	" WHERE c.source_record_id = $1 AND (c.from_day, c.from_product) > ($2, $3)"
	" ORDER BY c.from_day, c.from_product LIMIT 1",
	.n_args = 3,
	.arg_types = pair_types,
};
static CrmStatement store_chunk = {
	.name = "purchase.store_lines",
	.sql = "UPDATE crm.purchase_line_chunk c SET lines = $4"
	" WHERE c.source_record_id = $1 AND c.from_day = $2 AND c.from_product = $3",
	.n_args = 4,
	.arg_types = chunk_types,
};

static void
report_damage(void)
{
	ereport(ERROR, (errcode(ERRCODE_CRM_HISTORY_CORRUPT), errmsg("value is no chunk of order lines"),
					errdetail("Its version, order, or length do not fit."),
					errhint("Rebuild it with crm._purchase_lines_rebuild().")));
}

void
crm_purchase_lines_begin(CrmLinesCursor *cursor, Datum chunk)
{
	bytea	   *value = DatumGetByteaPP(chunk);

	crm_lines_begin(cursor, (const uint8_t *) VARDATA_ANY(value), VARSIZE_ANY_EXHDR(value));
	if (cursor->is_damaged)
		report_damage();
}

bool
crm_purchase_lines_next(CrmLinesCursor *cursor)
{
	if (crm_lines_next(cursor))
		return true;
	if (cursor->is_damaged)
		report_damage();
	return false;
}

static Datum
pack(const CrmLine *lines, int n)
{
	uint8_t		bytes[CRM_LINES_MAX_BYTES];
	size_t		length = crm_lines_pack(lines, n, bytes);
	bytea	   *value = palloc(VARHDRSZ + length);

	SET_VARSIZE(value, VARHDRSZ + length);
	memcpy(VARDATA(value), bytes, length);
	return PointerGetDatum(value);
}

static void
run(CrmStatement *statement, int64 record, DateADT day, int32 product, Datum chunk)
{
	Datum		values[] = {Int64GetDatum(record), DateADTGetDatum(day), Int32GetDatum(product), chunk};

	crm_core_spi_execute(statement, values, NULL, false, 0);
}

/* Locks a record's lines, making the first chunk; true when it was made now. */
static bool
lock_lines(int64 record)
{
	run(&lock_record, record, 0, 0, (Datum) 0);
	if (SPI_processed > 0)
		return false;
	run(&make_record, record, DATEVAL_NOBEGIN, 0, pack(NULL, 0));
	if (SPI_processed > 0)
		return true;
	run(&lock_record, record, 0, 0, (Datum) 0);
	CrmEnsure(SPI_processed == 1, "a record's first chunk of lines stays");
	return false;
}

static Datum
column(int number)
{
	bool		is_null;

	return SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, number, &is_null);
}

static void
read_cover(int64 record, const CrmLine *line, Cover *cover)
{
	CrmLinesCursor cursor;

	run(&find_cover, record, line->day, line->product, (Datum) 0);
	CrmEnsure(SPI_processed == 1, "a record's first chunk covers every day");
	cover->from_day = DatumGetDateADT(column(1));
	cover->from_product = DatumGetInt32(column(2));
	cover->n = 0;
	crm_purchase_lines_begin(&cursor, column(3));
	while (crm_purchase_lines_next(&cursor))
		cover->lines[cover->n++] = cursor.line;
	SPI_freetuptable(SPI_tuptable);
	run(&find_next, record, cover->from_day, cover->from_product, (Datum) 0);
	cover->has_next = SPI_processed == 1;
	if (cover->has_next)
		cover->next = (CrmLine) {.day = DatumGetDateADT(column(1)), .product = DatumGetInt32(column(2))};
	SPI_freetuptable(SPI_tuptable);
}

/* Writes a chunk's entries, as several chunks when they are too many. */
static void
write_lines(int64 record, const Cover *cover, const CrmLine *lines, int n)
{
	int			first = n <= CRM_LINES_MAX_ENTRIES ? n : CUT_ENTRIES;

	run(&store_chunk, record, cover->from_day, cover->from_product, pack(lines, first));
	CrmEnsure(SPI_processed == 1, "a chunk of lines under its lock stays");
	for (int at = first; at < n; at += CUT_ENTRIES)
		run(&make_record, record, lines[at].day, lines[at].product, pack(lines + at, Min(CUT_ENTRIES, n - at)));
}

/* Adds the sorted lines of one record. */
static void
add_to_record(int64 record, const CrmLine *lines, int n)
{
	Cover		cover = {.from_day = DATEVAL_NOBEGIN};
	bool		is_new = lock_lines(record);

	for (int at = 0; at < n;)
	{
		int			count = n - at;
		CrmLine    *merged;
		int			n_merged;

		if (!is_new)
			read_cover(record, &lines[at], &cover);
		for (int i = 0; cover.has_next && i < count; i++)
			if (crm_lines_compare(&lines[at + i], &cover.next) >= 0)
				count = i;
		CrmEnsure(count > 0, "a covering chunk takes what it covers");
		merged = palloc((cover.n + count) * sizeof(CrmLine));
		n_merged = crm_lines_merge(cover.lines, cover.n, lines + at, count, merged);
		if (n_merged < 0)
			crm_purchase_report(CRM_HISTORY_OVERFLOW);
		write_lines(record, &cover, merged, n_merged);
		at += count;
	}
}

static int
compare_additions(const void *a, const void *b)
{
	const Addition *left = a;
	const Addition *right = b;

	if (left->record != right->record)
		return left->record < right->record ? -1 : 1;
	return crm_lines_compare(&left->line, &right->line);
}

static const char *
elements(FunctionCallInfo fcinfo, int argument, int n)
{
	ArrayType  *array = PG_GETARG_ARRAYTYPE_P(argument);

	if (ArrayGetNItems(ARR_NDIM(array), ARR_DIMS(array)) != n)
		ereport(ERROR, (errcode(ERRCODE_ARRAY_SUBSCRIPT_ERROR), errmsg("members of order lines differ in number")));
	if (array_contains_nulls(array))
		ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("a member of an order line cannot be null")));
	return ARR_DATA_PTR(array);
}

static Addition *
read_additions(FunctionCallInfo fcinfo, int n)
{
	Addition   *additions = palloc0(n * sizeof(Addition));
	const char *records = elements(fcinfo, 0, n);
	const char *days = elements(fcinfo, 1, n);
	const char *products = elements(fcinfo, 2, n);
	const char *counts = elements(fcinfo, 3, n);
	const char *quantities = elements(fcinfo, 4, n);
	const char *amounts = elements(fcinfo, 5, n);

	for (int i = 0; i < n; i++)
	{
		CrmLine    *line = &additions[i].line;
		int32		count;

		memcpy(&additions[i].record, records + i * sizeof(int64), sizeof(int64));
		memcpy(&line->day, days + i * sizeof(int32), sizeof(int32));
		memcpy(&line->product, products + i * sizeof(int32), sizeof(int32));
		memcpy(&count, counts + i * sizeof(int32), sizeof(int32));
		memcpy(&line->quantity, quantities + i * sizeof(int64), sizeof(int64));
		memcpy(&line->amount_minor, amounts + i * sizeof(int64), sizeof(int64));
		line->lines = count;
		if (line->product < 0 || llabs((int64) line->day) > CRM_HISTORY_DAY_LIMIT)
			crm_purchase_report(CRM_HISTORY_RANGE);
	}
	qsort(additions, n, sizeof(Addition), compare_additions);
	return additions;
}

/* crm._purchase_lines_add(records, days, products, lines, quantities, amounts) */
Datum
crm_purchase_lines_add(PG_FUNCTION_ARGS)
{
	ArrayType  *records = PG_GETARG_ARRAYTYPE_P(0);
	int			n = ArrayGetNItems(ARR_NDIM(records), ARR_DIMS(records));
	Addition   *additions;
	CrmLine    *lines;
	MemoryContext each;

	if (n == 0)
		PG_RETURN_VOID();
	additions = read_additions(fcinfo, n);
	lines = palloc(n * sizeof(CrmLine));
	if (SPI_connect() != SPI_OK_CONNECT)
		ereport(ERROR, (errcode(ERRCODE_INTERNAL_ERROR), errmsg("could not connect to SPI")));
	each = AllocSetContextCreate(CurrentMemoryContext, "crm lines of a record", ALLOCSET_DEFAULT_SIZES);
	for (int at = 0; at < n;)
	{
		MemoryContext before = MemoryContextSwitchTo(each);
		int64		record = additions[at].record;
		int			count = 0;

		for (; at < n && additions[at].record == record; at++)
			lines[count++] = additions[at].line;
		add_to_record(record, lines, count);
		MemoryContextSwitchTo(before);
		MemoryContextReset(each);
	}
	SPI_finish();
	PG_RETURN_VOID();
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
		Datum		values[5] = {
			DateADTGetDatum(cursor.line.day),
			Int32GetDatum(cursor.line.product),
			Int64GetDatum(cursor.line.lines),
			Int64GetDatum(cursor.line.quantity),
			Int64GetDatum(cursor.line.amount_minor),
		};
		bool		nulls[5] = {false};

		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	}
	return (Datum) 0;
}
