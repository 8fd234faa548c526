/*
 * identity_normalize.c
 *		crm.identity_phone() and its kin: the SQL-callable edge of the normalisers in pure/.
 *
 * Each takes a text as somebody typed it and returns a row: what to store, whether it may say
 * that two records are one person, and what may be shown.  Any input is answered, none raises.
 *
 * Called by ingest for every member and by look-ups; immutable, so the answer of one version
 * is for ever: values are stored normalised, and names are indexed by crm_identity_name_parts().
 */
#include "identity/identity.h"
#include "pure/name_parts.h"
#include "pure/normalize_date.h"
#include "pure/normalize_email.h"
#include "pure/normalize_name.h"
#include "pure/national_id.h"
#include "pure/normalize_phone.h"

#include "catalog/pg_type.h"
#include "common/unicode_norm.h"
#include "funcapi.h"
#include "mb/pg_wchar.h"
#include "utils/array.h"
#include "utils/builtins.h"

#define MAX_COLUMNS 8

/* A name longer than this (bytes) is cut before it is normalised: it is none. */
#define MAX_NAME_LENGTH 1000

/* The latest birthday that is believed, as a constant: what is today must not matter here. */
#define LATEST_BIRTHDAY_YEAR 2100

/* A row under construction; columns are added in the order of the SQL type. */
typedef struct RowBuilder
{
	TupleDesc	descriptor;
	int			n_columns;
	Datum		values[MAX_COLUMNS];
	bool		nulls[MAX_COLUMNS];
} RowBuilder;

PG_FUNCTION_INFO_V1(crm_identity_phone);
PG_FUNCTION_INFO_V1(crm_identity_email);
PG_FUNCTION_INFO_V1(crm_identity_birthday);
PG_FUNCTION_INFO_V1(crm_identity_name);
PG_FUNCTION_INFO_V1(crm_identity_mask_name);
PG_FUNCTION_INFO_V1(crm_identity_is_full_name);
PG_FUNCTION_INFO_V1(crm_identity_name_search);
PG_FUNCTION_INFO_V1(crm_identity_name_parts);
PG_FUNCTION_INFO_V1(crm_identity_national_id);

static RowBuilder
start_row(FunctionCallInfo fcinfo)
{
	RowBuilder	row = {.descriptor = crm_core_row_shape(fcinfo)};

	return row;
}

/* Empty texts become null: "there is none". */
static void
add_text(RowBuilder *row, const char *text)
{
	row->nulls[row->n_columns] = *text == '\0';
	row->values[row->n_columns++] = *text == '\0' ? (Datum) 0 : CStringGetTextDatum(text);
}

static void
add_bool(RowBuilder *row, bool value)
{
	row->values[row->n_columns++] = BoolGetDatum(value);
}

static void
add_date(RowBuilder *row, bool is_known, DateADT date)
{
	row->nulls[row->n_columns] = !is_known;
	row->values[row->n_columns++] = is_known ? DateADTGetDatum(date) : (Datum) 0;
}

static Datum
finish_row(RowBuilder *row)
{
	CrmEnsure(row->descriptor->natts == row->n_columns, "row type has other columns");
	return HeapTupleGetDatum(heap_form_tuple(row->descriptor, row->values, row->nulls));
}

Datum
crm_identity_phone(PG_FUNCTION_ARGS)
{
	text	   *input = PG_GETARG_TEXT_PP(0);
	RowBuilder	row = start_row(fcinfo);
	CrmPhone	phone;

	crm_phone_normalize(VARDATA_ANY(input), VARSIZE_ANY_EXHDR(input), CRM_PHONE_CHINA, &phone);
	add_text(&row, phone.e164);
	add_text(&row, phone.extension);
	add_text(&row, crm_phone_type_name(phone.type));
	/* a landline is a shop's or an office's as often as a family's: it never says who calls */
	add_bool(&row, phone.is_identity_key && phone.type != CRM_PHONE_LANDLINE);
	add_text(&row, phone.masked);
	add_text(&row, phone.last4);
	add_text(&row, phone.type == CRM_PHONE_INVALID ? crm_phone_reason_name(phone.reason) : "");
	return finish_row(&row);
}

Datum
crm_identity_email(PG_FUNCTION_ARGS)
{
	text	   *input = PG_GETARG_TEXT_PP(0);
	RowBuilder	row = start_row(fcinfo);
	CrmEmail	email;
	bool		is_valid;

	is_valid = crm_email_normalize(VARDATA_ANY(input), VARSIZE_ANY_EXHDR(input), &email);
	add_text(&row, email.address);
	add_text(&row, email.key);
	add_bool(&row, email.is_identity_key);
	add_text(&row, email.masked);
	add_text(&row, is_valid ? "" : crm_email_reason_name(email.reason));
	return finish_row(&row);
}

Datum
crm_identity_birthday(PG_FUNCTION_ARGS)
{
	text	   *input = PG_GETARG_TEXT_PP(0);
	RowBuilder	row = start_row(fcinfo);
	CrmBirthday birthday;
	CrmDateCode code;
	bool		has_day;
	char		month_day[8] = "";

	code = crm_date_parse_birthday(VARDATA_ANY(input), VARSIZE_ANY_EXHDR(input),
								   CRM_DATE_ORDER_UNKNOWN,
								   crm_localday_number(LATEST_BIRTHDAY_YEAR, 1, 1), &birthday);
	has_day = code == CRM_DATE_OK && !birthday.is_missing && birthday.year != 0;
	if (code == CRM_DATE_OK && !birthday.is_missing)
		snprintf(month_day, sizeof(month_day), "%02d-%02d", birthday.month, birthday.day);
	if (has_day && birthday.is_lunar)
		has_day = crm_localday_is_valid(birthday.year, birthday.month, birthday.day);
	add_date(&row, has_day, !has_day ? 0 : birthday.is_lunar ?
			 crm_localday_number(birthday.year, birthday.month, birthday.day) :
			 birthday.day_number);
	add_text(&row, month_day);
	add_bool(&row, birthday.is_lunar);
	add_bool(&row, birthday.is_missing);
	add_text(&row, code == CRM_DATE_OK ? "" : crm_date_code_name(code));
	return finish_row(&row);
}

/* Brings a text to Unicode NFKC (full width, compatibility characters); other encodings stay. */
static char *
compose(const char *bytes, int length)
{
	pg_wchar   *points;
	pg_wchar   *normal;
	char	   *out;
	int			count;

	if (GetDatabaseEncoding() != PG_UTF8)
		return pnstrdup(bytes, length);
	points = palloc((length + 1) * sizeof(pg_wchar));
	pg_mb2wchar_with_len(bytes, points, length);
	normal = unicode_normalize(UNICODE_NFKC, points);
	for (count = 0; normal[count] != 0; count++)
		;
	out = palloc(count * MAX_MULTIBYTE_CHAR_LEN + 1);
	pg_wchar2mb_with_len(normal, out, count);
	return out;
}

static void
read_name(text *input, CrmName *name)
{
	int			length = pg_mbcliplen(VARDATA_ANY(input), VARSIZE_ANY_EXHDR(input), MAX_NAME_LENGTH);
	char	   *composed = compose(VARDATA_ANY(input), length);

	crm_name_normalize(composed, strlen(composed), name);
}

static bool
is_full_name(const CrmName *name)
{
	return name->is_valid && !name->is_masked && !name->is_surname_only && !name->is_placeholder;
}

Datum
crm_identity_name(PG_FUNCTION_ARGS)
{
	RowBuilder	row = start_row(fcinfo);
	CrmName		name;

	read_name(PG_GETARG_TEXT_PP(0), &name);
	add_text(&row, name.key);
	add_text(&row, pnstrdup(name.key, name.surname_length));
	add_bool(&row, is_full_name(&name));
	add_bool(&row, name.is_masked);
	add_bool(&row, name.is_placeholder);
	add_text(&row, name.sex == 'M' ? "m" : name.sex == 'F' ? "f" : "");
	add_text(&row, name.masked);
	return finish_row(&row);
}

/* What most people may see of a name; empty for none. */
Datum
crm_identity_mask_name(PG_FUNCTION_ARGS)
{
	CrmName		name;

	if (PG_ARGISNULL(0))
		PG_RETURN_TEXT_P(cstring_to_text(""));
	read_name(PG_GETARG_TEXT_PP(0), &name);
	PG_RETURN_TEXT_P(cstring_to_text(name.masked));
}

Datum
crm_identity_is_full_name(PG_FUNCTION_ARGS)
{
	CrmName		name;

	read_name(PG_GETARG_TEXT_PP(0), &name);
	PG_RETURN_BOOL(is_full_name(&name));
}

/* The form that searches compare; empty when it is no name. */
Datum
crm_identity_name_search(PG_FUNCTION_ARGS)
{
	CrmName		name;

	read_name(PG_GETARG_TEXT_PP(0), &name);
	PG_RETURN_TEXT_P(cstring_to_text_with_len(name.key, name.key_length));
}

Datum
crm_identity_name_parts(PG_FUNCTION_ARGS)
{
	text	   *key = PG_GETARG_TEXT_PP(0);
	CrmNameParts *parts = palloc(sizeof *parts);
	Datum		values[CRM_NAME_PARTS];

	crm_name_parts(VARDATA_ANY(key), VARSIZE_ANY_EXHDR(key), parts);
	for (int i = 0; i < parts->count; i++)
		values[i] = PointerGetDatum(cstring_to_text_with_len(parts->texts[i], (int) parts->lengths[i]));
	PG_RETURN_ARRAYTYPE_P(construct_array(values, parts->count, TEXTOID, -1, false, TYPALIGN_INT));
}

Datum
crm_identity_national_id(PG_FUNCTION_ARGS)
{
	text	   *input = PG_GETARG_TEXT_PP(0);
	RowBuilder	row = start_row(fcinfo);
	CrmNationalId id;
	bool		is_valid;

	is_valid = crm_national_id_normalize(VARDATA_ANY(input), VARSIZE_ANY_EXHDR(input), &id);
	add_text(&row, id.number);
	add_bool(&row, is_valid);
	add_date(&row, is_valid, id.birthday);
	add_text(&row, id.sex == 'M' ? "m" : id.sex == 'F' ? "f" : "");
	add_text(&row, id.masked);
	return finish_row(&row);
}
