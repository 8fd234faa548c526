/*
 * identity_normalize.c
 *		crm.identity_phone() and its kin: the SQL-callable edge of the normalisers in pure/.
 *
 * Each takes a text as somebody typed it and returns a row: what to store, whether it may say
 * that two records are one person, and what may be shown.  Any input is answered, none raises.
 *
 * Called by ingest for every member and by look-ups; immutable, so the answer of one version
 * is for ever (values are stored normalised and are not indexed by these functions).
 */
#include "identity/identity.h"
#include "pure/normalize_date.h"
#include "pure/normalize_email.h"
#include "pure/normalize_phone.h"

#include "catalog/pg_type.h"
#include "funcapi.h"
#include "utils/builtins.h"

#define MAX_COLUMNS 8

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

static RowBuilder
start_row(FunctionCallInfo fcinfo)
{
	RowBuilder	row = {0};

	if (get_call_result_type(fcinfo, NULL, &row.descriptor) != TYPEFUNC_COMPOSITE)
		ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
						errmsg("function returns a row and was called where none fits")));
	row.descriptor = BlessTupleDesc(row.descriptor);
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
