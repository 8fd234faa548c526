/*
 * access_blank.c
 *		Erases one person's records from a raw payload without moving a byte of the others.
 *
 * crm.access_erase() calls it for each inbox row that may hold a record of the person.  A
 * payload of one record is blanked whole.  A chunk of a bulk is walked record by record: a line,
 * or in CSV whatever lies between line ends outside of quotes.  A record is blanked when it has
 * the wanted number, or when it holds one of the needles as a whole word: "12" does not hit
 * "12.50" nor "4123".  Blanking writes spaces over everything but the line end, so that line
 * numbers and offsets of the other records stay what they were.
 *
 *		needles {M-7}:   "M-7,138...\nM-71,139...\n"  ->  "           \nM-71,139...\n"
 *
 * Reads nothing, locks nothing; the result is a new bytea of the caller.
 */
#include "access/access.h"

#include "catalog/pg_type.h"
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

/* Length of the record that starts here, without its line end. */
static int
measure_record(const char *at, const char *end, bool is_csv)
{
	bool		in_quotes = false;
	const char *c;

	for (c = at; c < end; c++)
	{
		if (is_csv && *c == '"')
			in_quotes = !in_quotes;
		else if (*c == '\n' && !in_quotes)
			break;
	}
	return c - at;
}

static void
blank_record(char *at, int length)
{
	int			kept = length > 0 && at[length - 1] == '\r' ? 1 : 0;

	memset(at, ' ', length - kept);
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
is_numbered(int no, const int32 *numbers, int n_numbers)
{
	for (int i = 0; i < n_numbers; i++)
		if (numbers[i] == no)
			return true;
	return false;
}

/*
 * (payload bytea, format text, needles bytea[], record_nos int[]) returns bytea
 * format csv or ndjson: a chunk of records; single: one record.  record_nos count from 1.  Null
 * when nothing was to blank.
 */
Datum
crm_access_blank(PG_FUNCTION_ARGS)
{
	bytea	   *payload = PG_GETARG_BYTEA_PP(0);
	char	   *format = text_to_cstring(PG_GETARG_TEXT_PP(1));
	int			n_needles;
	Needle	   *needles = take_needles(PG_GETARG_ARRAYTYPE_P(2), &n_needles);
	ArrayType  *record_nos = PG_GETARG_ARRAYTYPE_P(3);
	int			n_numbers = ArrayGetNItems(ARR_NDIM(record_nos), ARR_DIMS(record_nos));
	bool		is_single = strcmp(format, "single") == 0;
	bool		is_csv = strcmp(format, "csv") == 0;
	bool		is_changed = false;
	char	   *at;
	char	   *end;

	if (ARR_HASNULL(record_nos))
		ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
						errmsg("record numbers must not be null")));
	if (n_numbers == 0 &&
		!holds_any(VARDATA_ANY(payload), VARSIZE_ANY_EXHDR(payload), needles, n_needles))
		PG_RETURN_NULL();
	payload = PG_GETARG_BYTEA_P_COPY(0);
	at = VARDATA(payload);
	end = at + VARSIZE(payload) - VARHDRSZ;
	for (int no = 1; at < end; no++)
	{
		int			length = is_single ? end - at : measure_record(at, end, is_csv);

		if (is_numbered(no, (int32 *) ARR_DATA_PTR(record_nos), n_numbers) ||
			holds_any(at, length, needles, n_needles))
		{
			blank_record(at, length);
			is_changed = true;
		}
		at += length + 1;
	}
	if (!is_changed)
		PG_RETURN_NULL();
	PG_RETURN_BYTEA_P(payload);
}
