/*
 * purchase_type.c
 *		The type crm.purchase_history: one chunk of packed purchases as a varlena value.
 *
 * Text form: '{2026-06-30 2026-06-30 12800; 2026-06-30 2026-07-02 -500}', an entry being the
 * day of purchase, the day from which the amount counts, and minor units of the currency.
 * What is read from text or arrays is put in order: sorted, equal days added up, zeros left
 * out.  Binary and bytea are taken only as this server would have written them; every byte
 * is checked, so the rest of the code may trust any value of the type.
 *
 * Called by SQL; takes no lock; results are in the caller's memory context.
 */
#include "purchase/purchase.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "common/int.h"
#include "funcapi.h"
#include "lib/stringinfo.h"
#include "libpq/pqformat.h"
#include "utils/builtins.h"
#include "utils/datetime.h"

PG_FUNCTION_INFO_V1(crm_purchase_history_in);
PG_FUNCTION_INFO_V1(crm_purchase_history_out);
PG_FUNCTION_INFO_V1(crm_purchase_history_recv);
PG_FUNCTION_INFO_V1(crm_purchase_history_send);
PG_FUNCTION_INFO_V1(crm_purchase_history_of_bytea);
PG_FUNCTION_INFO_V1(crm_purchase_history_to_bytea);
PG_FUNCTION_INFO_V1(crm_purchase_history_of_arrays);
PG_FUNCTION_INFO_V1(crm_purchase_entries);
PG_FUNCTION_INFO_V1(crm_purchase_entry_count);

/* Raises what the packing code found. */
void
crm_purchase_report(CrmHistoryCode code)
{
	switch (code)
	{
		case CRM_HISTORY_FULL:
			ereport(ERROR, (errcode(ERRCODE_CRM_HISTORY_FULL),
							errmsg("purchase history has no room for more entries"),
							errdetail("A value holds at most %d entries.",
									  CRM_HISTORY_MAX_ENTRIES),
							errhint("Pass the entries as several histories.")));
			break;
		case CRM_HISTORY_RANGE:
			ereport(ERROR, (errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE),
							errmsg("day is out of range for a purchase history"),
							crm_errfield("days"), errhint("Give days that a shop can have sold on.")));
			break;
		case CRM_HISTORY_OVERFLOW:
			ereport(ERROR, (errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
							errmsg("amounts of a purchase history are out of range"),
							crm_errfield("minor"), errhint("Give amounts in minor units that a till can have taken.")));
			break;
		case CRM_HISTORY_CORRUPT:
			ereport(ERROR, (errcode(ERRCODE_CRM_HISTORY_CORRUPT),
							errmsg("value is not a purchase history"),
							crm_errfield("bytes"), errdetail("Its version, order, or sums do not fit."),
							errhint("Give bytes as crm.purchase_history() made them.")));
			break;
		default:
			ereport(ERROR, (errcode(ERRCODE_INTERNAL_ERROR),
							errmsg("purchase history could not be changed: code %d", code)));
	}
	pg_unreachable();
}

/* The bytes of a value, in place. */
CrmPurchaseChunk
crm_purchase_chunk(Datum history)
{
	struct varlena *value = PG_DETOAST_DATUM_PACKED(history);

	return (CrmPurchaseChunk) {
		.bytes = (const uint8_t *) VARDATA_ANY(value),
		.length = VARSIZE_ANY_EXHDR(value),
	};
}

static Datum
make_value(const uint8_t *bytes, size_t length)
{
	struct varlena *value = palloc(VARHDRSZ + length);

	SET_VARSIZE(value, VARHDRSZ + length);
	memcpy(VARDATA(value), bytes, length);
	return PointerGetDatum(value);
}

static int
compare_entries(const void *left, const void *right)
{
	const CrmHistoryEntry *a = left;
	const CrmHistoryEntry *b = right;

	if (a->day != b->day)
		return a->day < b->day ? -1 : 1;
	return (a->known_day > b->known_day) - (a->known_day < b->known_day);
}

/*
 * Sorts entries, adds up those of one day and one known day, drops what adds up to nothing.
 * This loses no answer: every question sums the entries of a day, so taking an entry out is
 * adding its opposite.  Returns how many are left.
 */
int
crm_purchase_tidy(CrmHistoryEntry *entries, int count)
{
	int			kept = 0;

	for (int i = 1; i < count; i++)
		if (compare_entries(&entries[i - 1], &entries[i]) > 0)
		{
			qsort(entries, count, sizeof(CrmHistoryEntry), compare_entries);
			break;
		}
	for (int i = 0; i < count; i++)
	{
		if (kept > 0 && compare_entries(&entries[kept - 1], &entries[i]) == 0)
		{
			if (pg_add_s64_overflow(entries[kept - 1].amount_minor, entries[i].amount_minor,
									&entries[kept - 1].amount_minor))
				crm_purchase_report(CRM_HISTORY_OVERFLOW);
		}
		else
			entries[kept++] = entries[i];
		if (entries[kept - 1].amount_minor == 0)
			kept--;
	}
	return kept;
}

/* Packs sorted entries into one value. */
Datum
crm_purchase_pack(CrmHistoryEntry *entries, int count)
{
	uint8_t		bytes[CRM_HISTORY_MAX_BYTES];
	size_t		length;
	CrmHistoryCode code = crm_history_pack(bytes, &length, entries, count);

	if (code != CRM_HISTORY_OK)
		crm_purchase_report(code);
	return make_value(bytes, length);
}

/* Reads three arrays of one length into entries, leaving room for more behind them. */
CrmHistoryEntry *
crm_purchase_entries_of_arrays(ArrayType *days, ArrayType *known, ArrayType *minor, int room,
							   int *count)
{
	int			n = ArrayGetNItems(ARR_NDIM(days), ARR_DIMS(days));
	const DateADT *day = (const DateADT *) ARR_DATA_PTR(days);
	const DateADT *known_day = (const DateADT *) ARR_DATA_PTR(known);
	const char *amount = ARR_DATA_PTR(minor);
	CrmHistoryEntry *entries;

	if (ArrayGetNItems(ARR_NDIM(known), ARR_DIMS(known)) != n ||
		ArrayGetNItems(ARR_NDIM(minor), ARR_DIMS(minor)) != n)
		ereport(ERROR, (errcode(ERRCODE_ARRAY_SUBSCRIPT_ERROR),
						errmsg("days, known days and amounts differ in number"),
						crm_errfield("minor"), errhint("Give as many known days and amounts as days.")));
	if (array_contains_nulls(days) || array_contains_nulls(known) || array_contains_nulls(minor))
		ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
						errmsg("an entry of a purchase history cannot be null"),
						crm_errfield("days"), errhint("Give each entry its day, the day it was known, and its amount.")));
	entries = palloc(Max(n + room, 1) * sizeof(CrmHistoryEntry));
	for (int i = 0; i < n; i++)
	{
		entries[i].day = day[i];
		entries[i].known_day = known_day[i];
		memcpy(&entries[i].amount_minor, amount + i * sizeof(int64), sizeof(int64));
		if (llabs((int64) day[i]) > CRM_HISTORY_DAY_LIMIT ||
			llabs((int64) known_day[i]) > CRM_HISTORY_DAY_LIMIT)
			crm_purchase_report(CRM_HISTORY_RANGE);
	}
	*count = n;
	return entries;
}

static void
refuse_text(const char *text)
{
	ereport(ERROR, (errcode(ERRCODE_INVALID_TEXT_REPRESENTATION),
					errmsg("invalid input syntax for type %s: \"%s\"", "crm.purchase_history",
						   crm_core_clip(text, 64)),
					errhint("Write {day known_day minor_units; ...}, as in "
							"{2026-06-30 2026-06-30 12800}.")));
}

/* Reads one "day known_day amount". */
static CrmHistoryEntry
parse_entry(const char *whole, char *entry)
{
	char	   *rest;
	char	   *day = strtok_r(entry, " \t\n", &rest);
	char	   *known = strtok_r(NULL, " \t\n", &rest);
	char	   *amount = strtok_r(NULL, " \t\n", &rest);

	if (amount == NULL || strtok_r(NULL, " \t\n", &rest) != NULL)
		refuse_text(whole);
	return (CrmHistoryEntry) {
		.day = DatumGetDateADT(DirectFunctionCall1(date_in, CStringGetDatum(day))),
		.known_day = DatumGetDateADT(DirectFunctionCall1(date_in, CStringGetDatum(known))),
		.amount_minor = DatumGetInt64(DirectFunctionCall1(int8in, CStringGetDatum(amount))),
	};
}

Datum
crm_purchase_history_in(PG_FUNCTION_ARGS)
{
	char	   *whole = PG_GETARG_CSTRING(0);
	char	   *text = pstrdup(whole);
	int			length = strlen(text);
	int			count = 0;
	char	   *rest;
	CrmHistoryEntry *entries;

	while (length > 0 && strchr(" \t\n", text[length - 1]) != NULL)
		text[--length] = '\0';
	text += strspn(text, " \t\n");
	length = strlen(text);
	if (length < 2 || text[0] != '{' || text[length - 1] != '}')
		refuse_text(whole);
	text[length - 1] = '\0';
	text++;
	/* an entry takes more than 4 characters, so this is enough */
	entries = palloc((length / 4 + 1) * sizeof(CrmHistoryEntry));
	if (text[strspn(text, " \t\n")] != '\0')
		for (char *entry = strtok_r(text, ";", &rest); entry != NULL;
			 entry = strtok_r(NULL, ";", &rest))
			entries[count++] = parse_entry(whole, entry);
	PG_RETURN_DATUM(crm_purchase_pack(entries, crm_purchase_tidy(entries, count)));
}

static void
append_day(StringInfo text, DateADT day)
{
	struct pg_tm tm;
	char		buffer[MAXDATELEN + 1];

	j2date(day + POSTGRES_EPOCH_JDATE, &tm.tm_year, &tm.tm_mon, &tm.tm_mday);
	EncodeDateOnly(&tm, USE_ISO_DATES, buffer);
	appendStringInfoString(text, buffer);
}

Datum
crm_purchase_history_out(PG_FUNCTION_ARGS)
{
	CrmPurchaseChunk chunk = crm_purchase_chunk(PG_GETARG_DATUM(0));
	CrmHistoryCursor cursor;
	StringInfoData text;

	initStringInfo(&text);
	appendStringInfoChar(&text, '{');
	crm_history_begin(&cursor, chunk.bytes, chunk.length);
	while (crm_history_next(&cursor))
	{
		if (text.len > 1)
			appendStringInfoString(&text, "; ");
		append_day(&text, cursor.entry.day);
		appendStringInfoChar(&text, ' ');
		append_day(&text, cursor.entry.known_day);
		appendStringInfo(&text, " " INT64_FORMAT, cursor.entry.amount_minor);
	}
	appendStringInfoChar(&text, '}');
	PG_RETURN_CSTRING(text.data);
}

/* Takes bytes from outside when they are a chunk. */
static Datum
take_bytes(const char *bytes, size_t length)
{
	CrmHistoryCode code = crm_history_validate((const uint8_t *) bytes, length);

	if (code != CRM_HISTORY_OK)
		crm_purchase_report(CRM_HISTORY_CORRUPT);
	return make_value((const uint8_t *) bytes, length);
}

Datum
crm_purchase_history_recv(PG_FUNCTION_ARGS)
{
	StringInfo	message = (StringInfo) PG_GETARG_POINTER(0);
	int			length = message->len - message->cursor;

	PG_RETURN_DATUM(take_bytes(pq_getmsgbytes(message, length), length));
}

Datum
crm_purchase_history_send(PG_FUNCTION_ARGS)
{
	CrmPurchaseChunk chunk = crm_purchase_chunk(PG_GETARG_DATUM(0));

	PG_RETURN_DATUM(make_value(chunk.bytes, chunk.length));
}

Datum
crm_purchase_history_of_bytea(PG_FUNCTION_ARGS)
{
	bytea	   *bytes = PG_GETARG_BYTEA_PP(0);

	PG_RETURN_DATUM(take_bytes(VARDATA_ANY(bytes), VARSIZE_ANY_EXHDR(bytes)));
}

Datum
crm_purchase_history_to_bytea(PG_FUNCTION_ARGS)
{
	CrmPurchaseChunk chunk = crm_purchase_chunk(PG_GETARG_DATUM(0));

	PG_RETURN_DATUM(make_value(chunk.bytes, chunk.length));
}

Datum
crm_purchase_history_of_arrays(PG_FUNCTION_ARGS)
{
	int			count;
	CrmHistoryEntry *entries = crm_purchase_entries_of_arrays(PG_GETARG_ARRAYTYPE_P(0),
															  PG_GETARG_ARRAYTYPE_P(1),
															  PG_GETARG_ARRAYTYPE_P(2),
															  0, &count);

	PG_RETURN_DATUM(crm_purchase_pack(entries, crm_purchase_tidy(entries, count)));
}

/* The entries of one chunk as rows, in their order. */
Datum
crm_purchase_entries(PG_FUNCTION_ARGS)
{
	CrmPurchaseChunk chunk = crm_purchase_chunk(PG_GETARG_DATUM(0));
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	CrmHistoryCursor cursor;

	InitMaterializedSRF(fcinfo, 0);
	crm_history_begin(&cursor, chunk.bytes, chunk.length);
	while (crm_history_next(&cursor))
	{
		Datum		values[3] = {
			DateADTGetDatum(cursor.entry.day),
			DateADTGetDatum(cursor.entry.known_day),
			Int64GetDatum(cursor.entry.amount_minor),
		};
		bool		nulls[3] = {false};

		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	}
	return (Datum) 0;
}

Datum
crm_purchase_entry_count(PG_FUNCTION_ARGS)
{
	CrmPurchaseChunk chunk = crm_purchase_chunk(PG_GETARG_DATUM(0));

	PG_RETURN_INT32(crm_history_header(chunk.bytes).entry_count);
}
