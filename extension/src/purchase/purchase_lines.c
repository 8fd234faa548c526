/*
 * purchase_lines.c
 *		Keeps the packed lines of source records: crm.purchase_line_chunk.
 *
 * A record's chunks divide its entries in order: each holds those from its first entry up to the
 * next chunk's.  An entry goes into the chunk that covers it, found by key; a
 * chunk without room is cut into several of about CUT_ENTRIES.  So a line costs the same
 * whatever the record ever bought.  The first chunk's row is the lock of all of them; records are
 * locked ascending.
 *
 * One record, a till's order, goes without the lock while it has one chunk with room: the chunk is read, and written
 * when it is still what was read; whoever cuts a chunk in two writes the first as well.  Many records, a piece of an
 * import, are locked, read and written a statement for all; what reaches over several chunks goes one by one.
 *
 * Called by the SQL that stores orders and refunds, in their transaction.
 */
#include "purchase/purchase_lines.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/array.h"
#include "utils/date.h"
#include "utils/datum.h"
#include "utils/guc.h"

#define CUT_ENTRIES 64

PG_FUNCTION_INFO_V1(crm_purchase_lines_add);

/* One line of a record, as it is to be added. */
typedef struct Addition
{
	int64		record;
	CrmLine		line;
} Addition;

/* The lines of one record: a run of the sorted additions. */
typedef struct Run
{
	int64		record;
	CrmLine    *lines;
	int			n;
} Run;

/* Chunks to be written, as arrays of their columns. */
typedef struct Writing
{
	Datum	   *columns[4];		/* record, from_day, from_key, lines */
	int			n;
	int			room;
} Writing;

/* The chunk that covers an entry, and where the next one begins. */
typedef struct Cover
{
	DateADT		from_day;
	Datum		from_key;
	bool		has_next;
	CrmLine		next;			/* all but how many */
	int			n;
	CrmLine		lines[CRM_LINES_MAX_ENTRIES];
} Cover;

static const Oid record_types[] = {INT8OID};
static const Oid place_types[] = {INT8OID, DATEOID, BYTEAOID};
static const Oid chunk_types[] = {INT8OID, DATEOID, BYTEAOID, BYTEAOID};

static CrmStatement lock_record = {
	.name = "purchase.lock_lines",
	.sql = "SELECT FROM crm.purchase_line_chunk c WHERE c.source_record_id = $1 AND c.from_day = '-infinity'"
	" AND c.from_key = '' FOR UPDATE",
	.n_args = 1,
	.arg_types = record_types,
};
static CrmStatement make_record = {
	.name = "purchase.make_lines",
	.sql = "INSERT INTO crm.purchase_line_chunk (source_record_id, from_day, from_key, lines)"
	" VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING",
	.n_args = 4,
	.arg_types = chunk_types,
};
static CrmStatement find_cover = {
	.name = "purchase.find_lines",
	.sql = "SELECT c.from_day, c.from_key, c.lines FROM crm.purchase_line_chunk c"
	" WHERE c.source_record_id = $1 AND (c.from_day, c.from_key) <= ($2, $3)"
	" ORDER BY c.from_day DESC, c.from_key DESC LIMIT 1",
	.n_args = 3,
	.arg_types = place_types,
};
static CrmStatement find_next = {
	.name = "purchase.find_next_lines",
	.sql = "SELECT c.from_day, c.from_key FROM crm.purchase_line_chunk c"
	" WHERE c.source_record_id = $1 AND (c.from_day, c.from_key) > ($2, $3)"
	" ORDER BY c.from_day, c.from_key LIMIT 1",
	.n_args = 3,
	.arg_types = place_types,
};
static CrmStatement store_chunk = {
	.name = "purchase.store_lines",
	.sql = "UPDATE crm.purchase_line_chunk c SET lines = $4"
	" WHERE c.source_record_id = $1 AND c.from_day = $2 AND c.from_key = $3",
	.n_args = 4,
	.arg_types = chunk_types,
};

static CrmStatement find_only = {
	.name = "purchase.find_only_lines",
	.sql = "SELECT c.lines FROM crm.purchase_line_chunk c WHERE c.source_record_id = $1 LIMIT 2",
	.n_args = 1,
	.arg_types = record_types,
};
static const Oid replaced_types[] = {INT8OID, BYTEAOID, BYTEAOID};
static CrmStatement replace_only = {
	.name = "purchase.replace_lines",
	.sql = "UPDATE crm.purchase_line_chunk c SET lines = $3"
	" WHERE c.source_record_id = $1 AND c.from_day = '-infinity' AND c.from_key = '' AND c.lines = $2",
	.n_args = 3,
	.arg_types = replaced_types,
};

/* Of many records at once; their ids ascend. */
static const Oid many_types[] = {INT8ARRAYOID, DATEARRAYOID, BYTEAARRAYOID, BYTEAARRAYOID};
static CrmStatement lock_many = {
	.name = "purchase.lock_many_lines",
	.sql = "SELECT FROM (SELECT u.id FROM unnest($1) u (id) ORDER BY u.id OFFSET 0) r CROSS JOIN LATERAL ("
	" SELECT FROM crm.purchase_line_chunk c WHERE c.source_record_id = r.id AND c.from_day = '-infinity'"
	" AND c.from_key = '' FOR UPDATE) c",
	.n_args = 1,
	.arg_types = many_types,
};
static CrmStatement read_many = {
	.name = "purchase.read_many_lines",
	.sql = "SELECT r.n, c.from_day, c.from_key, c.lines, x.from_day, x.from_key"
	" FROM unnest($1, $2, $3) WITH ORDINALITY r (id, day, key, n) CROSS JOIN LATERAL ("
	" SELECT y.from_day, y.from_key, y.lines FROM crm.purchase_line_chunk y"
	" WHERE y.source_record_id = r.id AND (y.from_day, y.from_key) <= (r.day, r.key)"
	" ORDER BY y.from_day DESC, y.from_key DESC LIMIT 1) c LEFT JOIN LATERAL ("
	" SELECT y.from_day, y.from_key FROM crm.purchase_line_chunk y"
	" WHERE y.source_record_id = r.id AND (y.from_day, y.from_key) > (c.from_day, c.from_key)"
	" ORDER BY y.from_day, y.from_key LIMIT 1) x ON true",
	.n_args = 3,
	.arg_types = many_types,
};
static CrmStatement store_many = {
	.name = "purchase.store_many_lines",
	.sql = "UPDATE crm.purchase_line_chunk c SET lines = n.lines FROM unnest($1, $2, $3, $4) n (id, day, key, lines)"
	" WHERE c.source_record_id = n.id AND c.from_day = n.day AND c.from_key = n.key",
	.n_args = 4,
	.arg_types = many_types,
};
static CrmStatement make_many = {
	.name = "purchase.make_many_lines",
	.sql = "INSERT INTO crm.purchase_line_chunk (source_record_id, from_day, from_key, lines)"
	" SELECT n.id, n.day, n.key, n.lines FROM unnest($1, $2, $3, $4) n (id, day, key, lines) ON CONFLICT DO NOTHING",
	.n_args = 4,
	.arg_types = many_types,
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
bytea_of(const uint8_t *bytes, size_t length)
{
	bytea	   *value = palloc(VARHDRSZ + length);

	SET_VARSIZE(value, VARHDRSZ + length);
	memcpy(VARDATA(value), bytes, length);
	return PointerGetDatum(value);
}

static Datum
pack(const CrmLine *lines, int n)
{
	uint8_t		bytes[CRM_LINES_MAX_BYTES];

	return bytea_of(bytes, crm_lines_pack(lines, n, bytes));
}

/* Where a chunk begins that begins with an entry; of a record's first chunk: no bytes. */
static Datum
key_of(const CrmLine *line)
{
	uint8_t		key[CRM_LINES_KEY_BYTES] = {0};

	if (line == NULL)
		return bytea_of(key, 0);
	crm_lines_key(line, key);
	return bytea_of(key, sizeof(key));
}

/* The entry that a chunk after the first begins with. */
static CrmLine
entry_at(DateADT day, Datum key)
{
	bytea	   *value = DatumGetByteaPP(key);
	CrmLine		line = {.day = day};

	if (VARSIZE_ANY_EXHDR(value) != CRM_LINES_KEY_BYTES)
		report_damage();
	crm_lines_of_key((const uint8_t *) VARDATA_ANY(value), &line);
	return line;
}

static void
run(CrmStatement *statement, int64 record, DateADT day, Datum key, Datum chunk)
{
	Datum		values[] = {Int64GetDatum(record), DateADTGetDatum(day), key, chunk};

	crm_core_spi_execute(statement, values, NULL, false, 0);
}

/* Locks a record's lines, making the first chunk; true when it was made now. */
static bool
lock_lines(int64 record)
{
	run(&lock_record, record, 0, (Datum) 0, (Datum) 0);
	if (SPI_processed > 0)
		return false;
	run(&make_record, record, DATEVAL_NOBEGIN, key_of(NULL), pack(NULL, 0));
	if (SPI_processed > 0)
		return true;
	run(&lock_record, record, 0, (Datum) 0, (Datum) 0);
	CrmEnsure(SPI_processed == 1, "a record's first chunk of lines stays");
	return false;
}

static Datum
column(int number)
{
	bool		is_null;

	return crm_core_spi_value(0, number, &is_null);
}

/* Reads the entries of a chunk. */
static int
unpack(Datum chunk, CrmLine *lines)
{
	CrmLinesCursor cursor;
	int			n = 0;

	crm_purchase_lines_begin(&cursor, chunk);
	while (crm_purchase_lines_next(&cursor))
		lines[n++] = cursor.line;
	return n;
}

/* Two sorted runs as one; out has room for both. */
static int
merge(const CrmLine *a, int n_a, const CrmLine *b, int n_b, CrmLine *out)
{
	int			n = crm_lines_merge(a, n_a, b, n_b, out);

	if (n < 0)
		crm_purchase_report(CRM_HISTORY_OVERFLOW);
	return n;
}

static void
read_cover(int64 record, const CrmLine *line, Cover *cover)
{
	run(&find_cover, record, line->day, key_of(line), (Datum) 0);
	CrmEnsure(SPI_processed == 1, "a record's first chunk covers every day");
	cover->from_day = DatumGetDateADT(column(1));
	cover->from_key = datumCopy(column(2), false, -1);
	cover->n = unpack(column(3), cover->lines);
	SPI_freetuptable(SPI_tuptable);
	run(&find_next, record, cover->from_day, cover->from_key, (Datum) 0);
	cover->has_next = SPI_processed == 1;
	if (cover->has_next)
		cover->next = entry_at(DatumGetDateADT(column(1)), column(2));
	SPI_freetuptable(SPI_tuptable);
}

/* Writes a chunk's entries, as several chunks when they are too many. */
static void
write_lines(int64 record, const Cover *cover, const CrmLine *lines, int n)
{
	int			first = n <= CRM_LINES_MAX_ENTRIES ? n : CUT_ENTRIES;

	run(&store_chunk, record, cover->from_day, cover->from_key, pack(lines, first));
	CrmEnsure(SPI_processed == 1, "a chunk of lines under its lock stays");
	for (int at = first; at < n; at += CUT_ENTRIES)
		run(&make_record, record, lines[at].day, key_of(&lines[at]), pack(lines + at, Min(CUT_ENTRIES, n - at)));
}

/* Adds the sorted lines of one record. */
static void
add_to_record(int64 record, const CrmLine *lines, int n)
{
	Cover		cover = {.from_day = DATEVAL_NOBEGIN, .from_key = key_of(NULL)};
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
		n_merged = merge(cover.lines, cover.n, lines + at, count, merged);
		write_lines(record, &cover, merged, n_merged);
		at += count;
	}
}

/* Adds the lines of a record that has one chunk with room, or none yet; false when it is not so simple. */
static bool
add_to_only_chunk(int64 record, const CrmLine *lines, int n)
{
	CrmLine		kept[CRM_LINES_MAX_ENTRIES];
	CrmLine    *merged = palloc((CRM_LINES_MAX_ENTRIES + n) * sizeof(CrmLine));
	int			n_merged;
	bool		is_new;
	Datum		old = (Datum) 0;

	run(&find_only, record, 0, (Datum) 0, (Datum) 0);
	if (SPI_processed > 1)
		return false;
	is_new = SPI_processed == 0;
	if (!is_new)
		old = column(1);
	n_merged = merge(kept, is_new ? 0 : unpack(old, kept), lines, n, merged);
	if (n_merged > CRM_LINES_MAX_ENTRIES)
		return false;
	if (is_new)
	{
		run(&make_record, record, DATEVAL_NOBEGIN, key_of(NULL), pack(merged, n_merged));
		return SPI_processed == 1;
	}
	crm_core_spi_execute(&replace_only, (Datum[]) {Int64GetDatum(record), old, pack(merged, n_merged)}, NULL, false, 0);
	return SPI_processed == 1;
}

static void
put(Writing *writing, int64 record, DateADT day, Datum key, Datum chunk)
{
	Datum		values[] = {Int64GetDatum(record), DateADTGetDatum(day), key, chunk};

	if (writing->n == writing->room)
	{
		writing->room = Max(64, writing->room * 2);
		for (int i = 0; i < lengthof(values); i++)
			writing->columns[i] = writing->n == 0 ? palloc(writing->room * sizeof(Datum)) :
				repalloc(writing->columns[i], writing->room * sizeof(Datum));
	}
	for (int i = 0; i < lengthof(values); i++)
		writing->columns[i][writing->n] = values[i];
	writing->n++;
}

/* Runs a statement over all of a writing; how many rows it reached. */
static uint64
run_many(CrmStatement *statement, const Writing *writing)
{
	Datum		values[] = {
		PointerGetDatum(construct_array(writing->columns[0], writing->n, INT8OID, sizeof(int64), FLOAT8PASSBYVAL, TYPALIGN_DOUBLE)),
		PointerGetDatum(construct_array(writing->columns[1], writing->n, DATEOID, sizeof(int32), true, TYPALIGN_INT)),
		PointerGetDatum(construct_array(writing->columns[2], writing->n, BYTEAOID, -1, false, TYPALIGN_INT)),
		PointerGetDatum(construct_array(writing->columns[3], writing->n, BYTEAOID, -1, false, TYPALIGN_INT)),
	};

	crm_core_spi_execute(statement, values, NULL, false, 0);
	return SPI_processed;
}

/* Locks the lines of all records, making first chunks; runs ascend. */
static void
lock_many_lines(const Run *runs, int n)
{
	Writing		firsts = {.n = 0};
	Datum		empty = pack(NULL, 0);
	Datum		first = key_of(NULL);

	for (int i = 0; i < n; i++)
		put(&firsts, runs[i].record, DATEVAL_NOBEGIN, first, empty);
	for (int attempt = 0; run_many(&lock_many, &firsts) < n; attempt++)
	{
		CrmEnsure(attempt == 0, "a record's first chunk of lines stays");
		run_many(&make_many, &firsts);
	}
}

/* Puts the lines of a run into its chunk, as it was read, unless they reach into the next; more goes into new chunks. */
static bool
merge_run(const Run *of, HeapTuple row, TupleDesc shape, Writing *stored, Writing *made)
{
	CrmLine		kept[CRM_LINES_MAX_ENTRIES];
	CrmLine    *merged;
	int			n_merged;
	int			first;
	bool		is_last;
	bool		is_null;
	Datum		next_day = SPI_getbinval(row, shape, 5, &is_last);

	if (!is_last)
	{
		CrmLine		next = entry_at(DatumGetDateADT(next_day), SPI_getbinval(row, shape, 6, &is_null));

		if (crm_lines_compare(&of->lines[of->n - 1], &next) >= 0)
			return false;
	}
	merged = palloc((CRM_LINES_MAX_ENTRIES + of->n) * sizeof(CrmLine));
	n_merged = merge(kept, unpack(SPI_getbinval(row, shape, 4, &is_null), kept), of->lines, of->n, merged);
	first = n_merged <= CRM_LINES_MAX_ENTRIES ? n_merged : CUT_ENTRIES;
	put(stored, of->record, DatumGetDateADT(SPI_getbinval(row, shape, 2, &is_null)),
		datumCopy(SPI_getbinval(row, shape, 3, &is_null), false, -1), pack(merged, first));
	for (int at = first; at < n_merged; at += CUT_ENTRIES)
		put(made, of->record, merged[at].day, key_of(&merged[at]), pack(merged + at, Min(CUT_ENTRIES, n_merged - at)));
	pfree(merged);
	return true;
}

/* Adds the lines of many records, ascending. */
static void
add_to_many(const Run *runs, int n)
{
	Writing		asked = {.n = 0};
	Writing		stored = {.n = 0};
	Writing		made = {.n = 0};
	Datum		empty = pack(NULL, 0);
	SPITupleTable *found;
	uint64		n_found;

	lock_many_lines(runs, n);
	for (int i = 0; i < n; i++)
		put(&asked, runs[i].record, runs[i].lines[0].day, key_of(&runs[i].lines[0]), empty);
	n_found = run_many(&read_many, &asked);
	found = SPI_tuptable;
	CrmEnsure(n_found == n, "a record's first chunk covers every day");
	for (uint64 i = 0; i < n_found; i++)
	{
		bool		is_null;
		const Run  *of = &runs[DatumGetInt64(SPI_getbinval(found->vals[i], found->tupdesc, 1, &is_null)) - 1];

		if (!merge_run(of, found->vals[i], found->tupdesc, &stored, &made))
			add_to_record(of->record, of->lines, of->n);
	}
	SPI_freetuptable(found);
	if (stored.n > 0)
		CrmEnsure(run_many(&store_many, &stored) == stored.n, "a chunk of lines under its lock stays");
	if (made.n > 0)
		CrmEnsure(run_many(&make_many, &made) == made.n, "a new chunk of lines under its record's lock is new");
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

/* A member of each line out of an array, into its place; bytes wide. */
static void
read_member(FunctionCallInfo fcinfo, int argument, Addition *additions, int n, size_t place, size_t bytes)
{
	const char *values = elements(fcinfo, argument, n);

	for (int i = 0; i < n; i++)
		memcpy((char *) &additions[i] + place, values + i * bytes, bytes);
}

static Addition *
read_additions(FunctionCallInfo fcinfo, int n)
{
	Addition   *additions = palloc0(n * sizeof(Addition));
	const int32 *counts = (const int32 *) elements(fcinfo, 6, n);

	read_member(fcinfo, 0, additions, n, offsetof(Addition, record), sizeof(int64));
	read_member(fcinfo, 1, additions, n, offsetof(Addition, line.day), sizeof(int32));
	read_member(fcinfo, 2, additions, n, offsetof(Addition, line.moment), sizeof(int64));
	read_member(fcinfo, 3, additions, n, offsetof(Addition, line.store), sizeof(int32));
	read_member(fcinfo, 4, additions, n, offsetof(Addition, line.channel), sizeof(int32));
	read_member(fcinfo, 5, additions, n, offsetof(Addition, line.product), sizeof(int32));
	read_member(fcinfo, 7, additions, n, offsetof(Addition, line.quantity), sizeof(int64));
	read_member(fcinfo, 8, additions, n, offsetof(Addition, line.amount_minor), sizeof(int64));
	for (int i = 0; i < n; i++)
	{
		CrmLine    *line = &additions[i].line;

		line->lines = counts[i];
		if (Min(Min(line->product, line->store), line->channel) < 0 || llabs((int64) line->day) > CRM_HISTORY_DAY_LIMIT)
			crm_purchase_report(CRM_HISTORY_RANGE);
	}
	qsort(additions, n, sizeof(Addition), compare_additions);
	return additions;
}

/* The sorted additions as runs of one record each. */
static Run *
divide(const Addition *additions, int n, int *n_runs)
{
	Run		   *runs = palloc(n * sizeof(Run));
	CrmLine    *lines = palloc(n * sizeof(CrmLine));

	*n_runs = 0;
	for (int i = 0; i < n; i++)
	{
		lines[i] = additions[i].line;
		if (i == 0 || additions[i].record != additions[i - 1].record)
			runs[(*n_runs)++] = (Run) {.record = additions[i].record, .lines = &lines[i]};
		runs[*n_runs - 1].n++;
	}
	return runs;
}

/*
 * The statements go through the key whatever the table held when they were planned: settings for this
 * call alone; returns what AtEOXact_GUC() takes them back by.
 */
static int
fix_plans(void)
{
	static const char *const settings[][2] = {
		{"plan_cache_mode", "force_generic_plan"}, {"enable_seqscan", "off"}, {"enable_hashjoin", "off"}, {"enable_mergejoin", "off"},
	};
	int			level = NewGUCNestLevel();

	for (int i = 0; i < lengthof(settings); i++)
		(void) set_config_option(settings[i][0], settings[i][1], PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
	return level;
}

/* crm._purchase_lines_add(records, days, moments, stores, channels, products, lines, quantities, amounts) */
Datum
crm_purchase_lines_add(PG_FUNCTION_ARGS)
{
	ArrayType  *records = PG_GETARG_ARRAYTYPE_P(0);
	int			n = ArrayGetNItems(ARR_NDIM(records), ARR_DIMS(records));
	Run		   *runs;
	int			n_runs;
	int			level;

	if (n == 0)
		PG_RETURN_VOID();
	crm_core_spi_connect();
	runs = divide(read_additions(fcinfo, n), n, &n_runs);
	level = fix_plans();
	if (n_runs > 1)
		add_to_many(runs, n_runs);
	else if (!add_to_only_chunk(runs->record, runs->lines, runs->n))
		add_to_record(runs->record, runs->lines, runs->n);
	AtEOXact_GUC(true, level);
	SPI_finish();
	PG_RETURN_VOID();
}
