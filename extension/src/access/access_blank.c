/*
 * access_blank.c
 *		Erases one person's records from a raw payload without moving a byte of the others.
 *
 * crm.access_erase() calls it for each inbox row that may hold a record of the person.  A
 * payload of one record is blanked whole.  A chunk of a bulk is walked record by record: a line,
 * or in CSV what the reader of intake takes for one, which may have lines within its quotes.  A
 * record is blanked when it begins on a wanted line, which is how intake names it, or when it holds
 * one of the needles as a whole word: "12" does not hit "12.50" nor "4123".  Blanking writes spaces
 * over everything but line ends, so that lines and offsets of the other records stay what they were.
 *
 *		needles {M-7}:   "M-7,138...\nM-71,139...\n"  ->  "           \nM-71,139...\n"
 *
 * Reads nothing, locks nothing; the result is a new bytea of the caller.
 */
#include "access/access.h"

#include "catalog/pg_type.h"
#include "pure/csv.h"
#include "utils/builtins.h"

typedef struct Needle
{
	const char *bytes;
	int			length;
} Needle;

PG_FUNCTION_INFO_V1(crm_access_blank);

/* ASCII letters, digits, and what ids are written with; Chinese beside a number is apart. */
static bool
is_word_byte(unsigned char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
		c == '_' || c == '-' || c == '.';
}

static bool
holds_needle(const char *record, int length, const Needle *needle)
{
	const char *end = record + length;
	const char *from = record;
	const char *hit;

	if (needle->length == 0)
		return false;
	while ((hit = memmem(from, end - from, needle->bytes, needle->length)) != NULL)
	{
		if ((hit == record || !is_word_byte(hit[-1])) &&
			(hit + needle->length == end || !is_word_byte(hit[needle->length])))
			return true;
		from = hit + 1;
	}
	return false;
}

#define MAX_FIELDS 512

/* The records of a payload, one after the other. */
typedef struct Walk
{
	char	   *text;
	size_t		length;
	size_t		at;				/* where the next record begins; of CSV the reader knows */
	bool		is_single;
	bool		is_csv;
	CrmCsv		csv;
	CrmCsvField *fields;
	CrmCsvRecord record;		/* the record of now */
} Walk;

static void
begin_walk(Walk *walk, bytea *payload, const char *format, const char *header)
{
	memset(walk, 0, sizeof(Walk));
	walk->text = VARDATA(payload);
	walk->length = VARSIZE(payload) - VARHDRSZ;
	walk->is_single = strcmp(format, "single") == 0;
	walk->is_csv = strcmp(format, "csv") == 0;
	if (!walk->is_csv)
		return;
	walk->fields = palloc(sizeof(CrmCsvField) * MAX_FIELDS);
	crm_csv_begin(&walk->csv, walk->text, walk->length,
				  *header != '\0' ? crm_csv_sniff(header, strlen(header))
								  : crm_csv_sniff(walk->text, walk->length), 1, true);
}

static bool
next_record(Walk *walk)
{
	const char *line_end;

	if (walk->is_csv)
		return crm_csv_next(&walk->csv, walk->fields, MAX_FIELDS, &walk->record) != CRM_CSV_END;
	if (walk->at >= walk->length)
		return false;
	line_end = walk->is_single ? NULL : memchr(walk->text + walk->at, '\n', walk->length - walk->at);
	walk->record.offset = walk->at;
	walk->record.length = (line_end != NULL ? line_end - walk->text : walk->length) - walk->at;
	walk->record.line++;
	walk->at += walk->record.length + 1;
	return true;
}

static void
blank_record(const Walk *walk)
{
	char	   *at = walk->text + walk->record.offset;

	for (size_t i = 0; i < walk->record.length; i++)
		if (walk->is_single || (at[i] != '\n' && at[i] != '\r'))
			at[i] = ' ';
}

static Needle *
take_needles(ArrayType *array, int *n_needles)
{
	Datum	   *elements;
	bool	   *nulls;
	Needle	   *needles;

	deconstruct_array(array, BYTEAOID, -1, false, TYPALIGN_INT, &elements, &nulls, n_needles);
	needles = palloc0(sizeof(Needle) * Max(*n_needles, 1));
	for (int i = 0; i < *n_needles; i++)
		if (!nulls[i])
		{
			bytea	   *needle = DatumGetByteaPP(elements[i]);

			needles[i].bytes = VARDATA_ANY(needle);
			needles[i].length = VARSIZE_ANY_EXHDR(needle);
		}
	return needles;
}

/* Most payloads hold nothing of the person: one pass over the whole tells. */
static bool
holds_any(const char *text, int length, const Needle *needles, int n_needles)
{
	for (int i = 0; i < n_needles; i++)
		if (holds_needle(text, length, &needles[i]))
			return true;
	return false;
}

static bool
is_wanted(const Walk *walk, const int32 *lines, int n_lines)
{
	for (int i = 0; i < n_lines; i++)
		if (lines[i] > 0 && (uint64_t) lines[i] == walk->record.line)
			return true;
	return false;
}

/*
 * (payload bytea, format text, needles bytea[], line_nos int[], header text) returns bytea
 * format csv or ndjson: a chunk of records; single: one record.  line_nos count from 1, the chunk's
 * first line; header is the first record of a CSV file, which says how fields are parted, or empty.
 * Null when nothing was to blank.
 */
Datum
crm_access_blank(PG_FUNCTION_ARGS)
{
	bytea	   *payload = PG_GETARG_BYTEA_PP(0);
	int			n_needles;
	Needle	   *needles = take_needles(PG_GETARG_ARRAYTYPE_P(2), &n_needles);
	ArrayType  *line_nos = PG_GETARG_ARRAYTYPE_P(3);
	int			n_lines = ArrayGetNItems(ARR_NDIM(line_nos), ARR_DIMS(line_nos));
	bool		is_changed = false;
	Walk		walk;

	if (ARR_HASNULL(line_nos))
		ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
						errmsg("line numbers must not be null")));
	if (n_lines == 0 &&
		!holds_any(VARDATA_ANY(payload), VARSIZE_ANY_EXHDR(payload), needles, n_needles))
		PG_RETURN_NULL();
	payload = PG_GETARG_BYTEA_P_COPY(0);
	begin_walk(&walk, payload, text_to_cstring(PG_GETARG_TEXT_PP(1)),
			   text_to_cstring(PG_GETARG_TEXT_PP(4)));
	while (next_record(&walk))
	{
		if (is_wanted(&walk, (int32 *) ARR_DATA_PTR(line_nos), n_lines) ||
			holds_any(walk.text + walk.record.offset, walk.record.length, needles, n_needles))
		{
			blank_record(&walk);
			is_changed = true;
		}
	}
	if (!is_changed)
		PG_RETURN_NULL();
	PG_RETURN_BYTEA_P(payload);
}
