/*
 * identity_home.c
 *		crm._identity_home(): what a record's name and address say as identifiers.
 *
 * A home is an address down to its room, told by road and number (or compound and building)
 * without the town, which writers leave out: the town is given beside it, to be compared where
 * both sides tell it.  Name and home together are a value that ties records as an identifier
 * does (kind home_name), so that a write finds them by a probe; the home alone ties nobody and
 * says who lives together (kind home).
 *
 * Called for each member fact that has an address; no lock; results in the caller's context.
 */
#include "identity/identity.h"

#include "pure/address.h"
#include "pure/normalize_name.h"

#include "lib/stringinfo.h"
#include "utils/builtins.h"

#define FIELD_SEPARATOR 0x1f
#define HOME_COLUMNS 4

/* Columns of the answer. */
enum
{
	OUT_AREA, OUT_HOME, OUT_HOME_NAME, OUT_MASKED
};

PG_FUNCTION_INFO_V1(crm_identity_home);

/* The town by its code: four digits, of a municipality two; empty when it is not told. */
static void
town_of(uint32 code, char *out, size_t room)
{
	uint32		province = code / 10000;
	bool		is_municipality = province == 11 || province == 12 || province == 31 || province == 50;

	out[0] = '\0';
	if (is_municipality)
		snprintf(out, room, "%u", province);
	else if (code / 100 % 100 != 0)
		snprintf(out, room, "%u", code / 100);
}

/* The key of a name that is told whole; false for a mask, a title, a stand-in, letters. */
static bool
whole_name(text *name, CrmName *out)
{
	return name != NULL &&
		crm_name_normalize(VARDATA_ANY(name), VARSIZE_ANY_EXHDR(name), out) &&
		out->is_han && !out->is_masked && !out->is_surname_only && !out->is_placeholder &&
		out->surname_length > 0 && out->surname_length < out->key_length;
}

/* Province, city and district in front of the address, each unless the address tells it. */
static void
join_address(FunctionCallInfo fcinfo, StringInfo out)
{
	char	   *address = text_to_cstring(PG_GETARG_TEXT_PP(4));

	initStringInfo(out);
	for (int level = 1; level <= 3; level++)
	{
		char	   *area;

		if (PG_ARGISNULL(level))
			continue;
		area = text_to_cstring(PG_GETARG_TEXT_PP(level));
		if (strstr(address, area) == NULL)
			appendStringInfoString(out, area);
	}
	appendStringInfoString(out, address);
}

/* _identity_home(name, province, city, district, address) */
Datum
crm_identity_home(PG_FUNCTION_ARGS)
{
	Datum		values[HOME_COLUMNS] = {0};
	bool		nulls[HOME_COLUMNS] = {true, true, true, true};
	StringInfoData joined;
	CrmAddress	address;
	CrmName		name;
	char		town[8];
	char		home[24];
	uint64		key = 0;

	if (!PG_ARGISNULL(4))
	{
		join_address(fcinfo, &joined);
		if (crm_prepare_address(joined.data, joined.len, &address))
		{
			town_of(address.code, town, sizeof(town));
			address.code = 0;
			key = crm_address_unit_key(&address);
		}
	}
	if (key != 0)
	{
		snprintf(home, sizeof(home), UINT64_FORMAT, key);
		values[OUT_AREA] = CStringGetTextDatum(town);
		values[OUT_HOME] = CStringGetTextDatum(home);
		nulls[OUT_AREA] = nulls[OUT_HOME] = false;
		if (whole_name(PG_ARGISNULL(0) ? NULL : PG_GETARG_TEXT_PP(0), &name))
		{
			values[OUT_HOME_NAME] = CStringGetTextDatum(psprintf("%s%c%s", name.key, FIELD_SEPARATOR, home));
			values[OUT_MASKED] = CStringGetTextDatum(name.masked);
			nulls[OUT_HOME_NAME] = nulls[OUT_MASKED] = false;
		}
	}
	PG_RETURN_DATUM(crm_core_row(fcinfo, values, nulls));
}
