/*
 * identity_compare.c
 *		crm.identity_compare() and its kin: the SQL-callable edge of the comparators in pure/.
 *
 * Each takes texts as somebody typed them.  The matching itself prepares a record's values once
 * and compares them in C; these are for queries, for tests and for people who ask why.
 */
#include "identity/identity.h"
#include "pure/address.h"
#include "pure/compare.h"
#include "pure/distance.h"

#include "mb/pg_wchar.h"
#include "utils/builtins.h"

#define ADDRESS_COLUMNS 10
#define NO_LIMIT (2 * CRM_DISTANCE_MAX)

typedef struct Units
{
	int			length;
	uint16		units[CRM_DISTANCE_MAX + CRM_UNITS_ROOM];
} Units;

typedef int (*Distance) (const uint16 *, int, const uint16 *, int, int);
typedef double (*Similarity) (const uint16 *, int, const uint16 *, int);

PG_FUNCTION_INFO_V1(crm_identity_compare);
PG_FUNCTION_INFO_V1(crm_identity_compare_text);
PG_FUNCTION_INFO_V1(crm_identity_compare_edits);
PG_FUNCTION_INFO_V1(crm_identity_similarity);
PG_FUNCTION_INFO_V1(crm_identity_address);

static CrmCompareField
field_of(text *word)
{
	int			field = crm_compare_field_of(text_to_cstring(word));

	if (field < 0)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("no such field: \"%s\"", text_to_cstring(word)),
						crm_errfield("field"),
						errhint("Fields are name, given, date, phone, email, national_id, address, "
								"postcode, text and number.")));
	return (CrmCompareField) field;
}

Datum
crm_identity_compare(PG_FUNCTION_ARGS)
{
	CrmCompareField field = field_of(PG_GETARG_TEXT_PP(0));
	text	   *a = PG_GETARG_TEXT_PP(1);
	text	   *b = PG_GETARG_TEXT_PP(2);
	CrmPrepared left;
	CrmPrepared right;
	int			level;

	crm_prepare(field, VARDATA_ANY(a), VARSIZE_ANY_EXHDR(a), &left);
	crm_prepare(field, VARDATA_ANY(b), VARSIZE_ANY_EXHDR(b), &right);
	level = crm_compare(field, &left, &right);
	if (level == CRM_LEVEL_NULL)
		PG_RETURN_NULL();
	PG_RETURN_INT32(level);
}

Datum
crm_identity_compare_text(PG_FUNCTION_ARGS)
{
	int			level = PG_ARGISNULL(1) ? CRM_LEVEL_NULL : PG_GETARG_INT32(1);
	bool		in_chinese = !PG_ARGISNULL(2) &&
		pg_strncasecmp(text_to_cstring(PG_GETARG_TEXT_PP(2)), "zh", 2) == 0;

	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	PG_RETURN_TEXT_P(cstring_to_text(crm_compare_level_text(field_of(PG_GETARG_TEXT_PP(0)), level,
															in_chinese)));
}

static void
read_units(text *input, const char *name, Units *out)
{
	const char *bytes = VARDATA_ANY(input);
	int			length = VARSIZE_ANY_EXHDR(input);

	if (pg_mbstrlen_with_len(bytes, length) > CRM_DISTANCE_MAX)
		ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
						errmsg("text is too long to be compared"), crm_errfield(name),
						errdetail("At most %d characters are compared.", CRM_DISTANCE_MAX), errhint("Give its beginning.")));
	out->length = crm_units_read(bytes, length, out->units, CRM_DISTANCE_MAX);
	if (out->length < 0)
		ereport(ERROR, (errcode(ERRCODE_CHARACTER_NOT_IN_REPERTOIRE),
						errmsg("text is not in UTF-8")));
}

static void
refuse_kind(const char *kind, const char *hint)
{
	ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					errmsg("no such kind of comparison: \"%s\"", kind),
					crm_errfield("kind"), errhint("Kinds are %s.", hint)));
}

static Distance
distance_of(const char *kind)
{
	if (strcmp(kind, "levenshtein") == 0)
		return crm_distance_levenshtein;
	if (strcmp(kind, "osa") == 0)
		return crm_distance_osa;
	if (strcmp(kind, "damerau") != 0)
		refuse_kind(kind, "levenshtein, osa and damerau");
	return crm_distance_damerau;
}

Datum
crm_identity_compare_edits(PG_FUNCTION_ARGS)
{
	int			most = PG_ARGISNULL(3) ? NO_LIMIT : PG_GETARG_INT32(3);
	Distance	distance;
	Units	   *a;
	Units	   *b;

	if (PG_ARGISNULL(0) || PG_ARGISNULL(1) || PG_ARGISNULL(2))
		PG_RETURN_NULL();
	distance = distance_of(text_to_cstring(PG_GETARG_TEXT_PP(2)));
	if (most < 0)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("the most edits must not be negative"),
						crm_errfield("most"), errhint("Give a number from 0.")));
	a = palloc(sizeof(Units));
	b = palloc(sizeof(Units));
	read_units(PG_GETARG_TEXT_PP(0), "a", a);
	read_units(PG_GETARG_TEXT_PP(1), "b", b);
	PG_RETURN_INT32(distance(a->units, a->length, b->units, b->length, Min(most, NO_LIMIT)));
}

static Similarity
similarity_of(const char *kind)
{
	if (strcmp(kind, "jaro_winkler") == 0)
		return crm_similarity_jaro_winkler;
	if (strcmp(kind, "jaro") == 0)
		return crm_similarity_jaro;
	if (strcmp(kind, "bigram") == 0)
		return crm_similarity_bigram;
	if (strcmp(kind, "containment") != 0)
		refuse_kind(kind, "jaro, jaro_winkler, bigram and containment");
	return crm_similarity_containment;
}

Datum
crm_identity_similarity(PG_FUNCTION_ARGS)
{
	Similarity	similarity = similarity_of(text_to_cstring(PG_GETARG_TEXT_PP(2)));
	Units	   *a = palloc(sizeof(Units));
	Units	   *b = palloc(sizeof(Units));

	read_units(PG_GETARG_TEXT_PP(0), "a", a);
	read_units(PG_GETARG_TEXT_PP(1), "b", b);
	PG_RETURN_FLOAT8(similarity(a->units, a->length, b->units, b->length));
}

/* ---------------------------------------------------------------- addresses */

static Datum
text_of_units(const CrmText *part, bool *is_null)
{
	char		bytes[CRM_TEXT_MAX * MAX_MULTIBYTE_CHAR_LEN];
	int			length = 0;

	for (int i = 0; i < part->length; i++)
		/* half of a pair stands for a rare character that cannot be shown */
		if (part->units[i] < 0xD800 || part->units[i] > 0xDFFF)
			length += pg_utf_mblen(unicode_to_utf8(part->units[i],
												   (unsigned char *) bytes + length));
	*is_null = length == 0;
	return *is_null ? (Datum) 0 : PointerGetDatum(cstring_to_text_with_len(bytes, length));
}

static Datum
text_of_number(CrmHouseNumber number, bool *is_null)
{
	char		signs[9];
	int			length = 0;

	for (int shift = 56; shift >= 0; shift -= 8)
		if ((number >> shift & 0xFF) != 0)
			signs[length++] = (char) (number >> shift & 0xFF);
	*is_null = length == 0;
	return *is_null ? (Datum) 0 : PointerGetDatum(cstring_to_text_with_len(signs, length));
}

Datum
crm_identity_address(PG_FUNCTION_ARGS)
{
	text	   *input = PG_GETARG_TEXT_PP(0);
	Datum		values[ADDRESS_COLUMNS] = {0};
	bool		nulls[ADDRESS_COLUMNS] = {0};
	CrmAddress	address;
	CrmHouseNumber numbers[6];

	crm_prepare_address(VARDATA_ANY(input), VARSIZE_ANY_EXHDR(input), &address);
	numbers[0] = address.lane;
	numbers[1] = address.number;
	numbers[2] = address.building;
	numbers[3] = address.unit;
	numbers[4] = address.floor;
	numbers[5] = address.room;
	nulls[0] = nulls[1] = address.code == 0;
	if (address.code != 0)
	{
		values[0] = CStringGetTextDatum(psprintf("%06u", address.code));
		values[1] = CStringGetTextDatum(crm_address_area_name(address.code));
	}
	values[2] = text_of_units(&address.road, &nulls[2]);
	for (int i = 0; i < lengthof(numbers); i++)
		values[3 + i] = text_of_number(numbers[i], &nulls[3 + i]);
	values[9] = text_of_units(&address.place, &nulls[9]);
	return crm_core_row(fcinfo, values, nulls);
}
