/*
 * identity_golden.c
 *		The golden record: what is known about a person, field by field.
 *
 * Survivorship: by the priority of the source, then the newest record, or for a field with a rule of
 * its own in crm.golden_rule by that (identity_survive.c).  Empty values, masked names and
 * placeholder dates give way to anything better.  The first record says the channel
 * and the home store; custom fields lie over one another, the best record on top.  Provenance
 * names the record that each value came from.
 *
 * identity_held.c reads the records of all persons asked for, best first; a walk over them
 * fills one Golden a person; one statement writes them all, a column an array.  The caller holds
 * the persons' locks.  Of records that join persons the same reading says whether all of it still
 * is one (identity_plain.c); who is not is left as he was.
 * Values stay in the reading statements' tuple tables until all is written.
 */
#include "identity/identity.h"
#include "identity/identity_held.h"
#include "identity/identity_plain.h"
#include "identity/identity_survive.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "lib/stringinfo.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/jsonb.h"
#include "utils/timestamp.h"

/* Parameters of the writing statements. */
enum
{
	W_CUSTOMER, W_NAME, W_SHOWN_NAME, W_SEX, W_CITY, W_BIRTHDAY, W_IS_LUNAR, W_ADDRESS,
	W_PHONE_MASKED, W_PHONE, W_PHONE_HASH, W_EMAIL_MASKED, W_EMAIL, W_CHANNEL, W_STORE, W_STORES,
	W_REGISTERED_AT, W_REGISTERED_ON, W_RECORDS, W_CUSTOM, W_PROVENANCE, N_WRITTEN
};

/* What a column of the writing statements is made of, and the type of the array that carries it. */
static const struct
{
	Oid			type;
	int16		length;
	bool		by_value;
	char		alignment;
}			columns[N_WRITTEN] = {
	[W_CUSTOMER] = {INT8OID, 8, true, TYPALIGN_DOUBLE},
	[W_NAME] = {TEXTOID, -1, false, TYPALIGN_INT},
	[W_SHOWN_NAME] = {TEXTOID, -1, false, TYPALIGN_INT},
	[W_SEX] = {BPCHAROID, -1, false, TYPALIGN_INT},
	[W_CITY] = {TEXTOID, -1, false, TYPALIGN_INT},
	[W_BIRTHDAY] = {DATEOID, 4, true, TYPALIGN_INT},
	[W_IS_LUNAR] = {BOOLOID, 1, true, TYPALIGN_CHAR},
	[W_ADDRESS] = {BYTEAOID, -1, false, TYPALIGN_INT},
	[W_PHONE_MASKED] = {TEXTOID, -1, false, TYPALIGN_INT},
	[W_PHONE] = {BYTEAOID, -1, false, TYPALIGN_INT},
	[W_PHONE_HASH] = {BYTEAOID, -1, false, TYPALIGN_INT},
	[W_EMAIL_MASKED] = {TEXTOID, -1, false, TYPALIGN_INT},
	[W_EMAIL] = {BYTEAOID, -1, false, TYPALIGN_INT},
	[W_CHANNEL] = {TEXTOID, -1, false, TYPALIGN_INT},
	[W_STORE] = {INT4OID, 4, true, TYPALIGN_INT},
	[W_STORES] = {TEXTOID, -1, false, TYPALIGN_INT},	/* as text: arrays in an array are all of one length */
	[W_REGISTERED_AT] = {TIMESTAMPTZOID, 8, true, TYPALIGN_DOUBLE},
	[W_REGISTERED_ON] = {DATEOID, 4, true, TYPALIGN_INT},
	[W_RECORDS] = {INT4OID, 4, true, TYPALIGN_INT},
	[W_CUSTOM] = {JSONBOID, -1, false, TYPALIGN_INT},
	[W_PROVENANCE] = {JSONBOID, -1, false, TYPALIGN_INT},
};

static const Oid written_types[N_WRITTEN] = {
	INT8ARRAYOID, TEXTARRAYOID, TEXTARRAYOID, BPCHARARRAYOID, TEXTARRAYOID, DATEARRAYOID, BOOLARRAYOID, BYTEAARRAYOID,
	TEXTARRAYOID, BYTEAARRAYOID, BYTEAARRAYOID, TEXTARRAYOID, BYTEAARRAYOID, TEXTARRAYOID, INT4ARRAYOID, TEXTARRAYOID,
	TIMESTAMPTZARRAYOID, DATEARRAYOID, INT4ARRAYOID, JSONBARRAYOID, JSONBARRAYOID
};

static const Oid value_types[N_WRITTEN] = {
	INT8OID, TEXTOID, TEXTOID, BPCHAROID, TEXTOID, DATEOID, BOOLOID, BYTEAOID,
	TEXTOID, BYTEAOID, BYTEAOID, TEXTOID, BYTEAOID, TEXTOID, INT4OID, TEXTOID,
	TIMESTAMPTZOID, DATEOID, INT4OID, JSONBOID, JSONBOID
};

#define WRITTEN_ROW \
	"FROM (VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21)) " \
	WRITTEN_COLUMNS
#define WRITTEN_ROWS \
	"FROM unnest($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21) " \
	WRITTEN_COLUMNS
#define WRITTEN_COLUMNS \
	"    AS w(customer_id, name, shown_name, sex, city, birthday, is_lunar, address, phone_masked, phone, " \
	"         phone_hash, email_masked, email, channel, store_id, store_ids, registered_at, registered_on, " \
	"         record_count, custom, provenance) "

#define WRITE_CUSTOMER(rows) \
	"INSERT INTO crm.customer AS c (customer_id, status, name_masked, phone_masked, email_masked, sex, " \
	"    city, channel, home_store_id, scope_store_ids, registered_at, registered_on, record_count, " \
	"    custom, updated_at) " \
	"SELECT w.customer_id, 'active', crm._identity_mask_name(w.shown_name), coalesce(w.phone_masked, ''), " \
	"    coalesce(w.email_masked, ''), w.sex, coalesce(w.city, ''), coalesce(w.channel, ''), w.store_id, " \
	"    w.store_ids::int[], w.registered_at, w.registered_on, w.record_count, " \
	"    CASE WHEN w.custom IS NULL THEN '{}' ELSE crm._identity_custom(w.custom, false) END, crm.core_now() " \
	rows \
	"ON CONFLICT (customer_id) DO UPDATE " \
	"SET name_masked = excluded.name_masked, phone_masked = excluded.phone_masked, " \
	"    email_masked = excluded.email_masked, sex = excluded.sex, city = excluded.city, " \
	"    channel = excluded.channel, home_store_id = coalesce(c.home_store_id, excluded.home_store_id), " \
	"    scope_store_ids = CASE WHEN c.scope_store_ids @> excluded.scope_store_ids THEN c.scope_store_ids " \
	"        ELSE ARRAY(SELECT DISTINCT s.id FROM unnest(c.scope_store_ids || excluded.scope_store_ids) s(id) " \
	"                   ORDER BY 1) END, " \
	"    registered_at = excluded.registered_at, registered_on = excluded.registered_on, " \
	"    record_count = excluded.record_count, custom = excluded.custom, " \
	"    row_version = c.row_version + 1, updated_at = excluded.updated_at"

#define WRITE_PRIVATE(rows) \
	"INSERT INTO crm.customer_private (customer_id, name, name_search, phone_sealed, phone_hash, " \
	"    email_sealed, birthday, is_birthday_lunar, birthday_md, address_sealed, custom, provenance) " \
	"SELECT w.customer_id, w.name, crm._identity_name_search(w.name), w.phone, w.phone_hash, w.email, " \
	"    w.birthday, coalesce(w.is_lunar, false), " \
	"    CASE WHEN NOT w.is_lunar THEN extract(month FROM w.birthday) * 100 + extract(day FROM w.birthday) END, " \
	"    w.address, CASE WHEN w.custom IS NULL THEN '{}' ELSE crm._identity_custom(w.custom, true) END, w.provenance " \
	rows \
	"ON CONFLICT (customer_id) DO UPDATE " \
	"SET name = excluded.name, name_search = excluded.name_search, phone_sealed = excluded.phone_sealed, " \
	"    phone_hash = excluded.phone_hash, email_sealed = excluded.email_sealed, " \
	"    birthday = excluded.birthday, is_birthday_lunar = excluded.is_birthday_lunar, " \
	"    birthday_md = excluded.birthday_md, address_sealed = excluded.address_sealed, " \
	"    custom = excluded.custom, provenance = excluded.provenance"

/* Of many persons, and of one: a row of values starts in a fifth of the time of twenty-one arrays. */
static CrmStatement write_persons = {
	.name = "identity.write_persons",
	.n_args = N_WRITTEN,
	.arg_types = written_types,
	.sql = "WITH customer AS (" WRITE_CUSTOMER(WRITTEN_ROWS) ") " WRITE_PRIVATE(WRITTEN_ROWS),
};
static CrmStatement write_person = {
	.name = "identity.write_person",
	.n_args = N_WRITTEN,
	.arg_types = value_types,
	.sql = "WITH customer AS (" WRITE_CUSTOMER(WRITTEN_ROW) ") " WRITE_PRIVATE(WRITTEN_ROW),
};

/* Which value of a record fills which field; the first of a golden field tells its origin. */
static const struct
{
	int			held;
	int			written;
	int			decides;		/* taken only when this column is not null */
	CrmGoldenField golden;
	bool		tells_origin;
}			fields[] = {
	{H_FULL_NAME, W_NAME, H_FULL_NAME, CRM_GOLDEN_NAME, true},
	{H_SEX, W_SEX, H_SEX, CRM_GOLDEN_SEX, true},
	{H_CITY, W_CITY, H_CITY, CRM_GOLDEN_CITY, true},
	{H_BIRTHDAY, W_BIRTHDAY, H_BIRTHDAY, CRM_GOLDEN_BIRTHDAY, true},
	{H_IS_LUNAR, W_IS_LUNAR, H_BIRTHDAY, CRM_GOLDEN_BIRTHDAY, false},
	{H_ADDRESS, W_ADDRESS, H_ADDRESS, CRM_GOLDEN_ADDRESS, true},
	{H_PHONE, W_PHONE, H_PHONE_HASH, CRM_GOLDEN_PHONE, true},
	{H_PHONE_MASKED, W_PHONE_MASKED, H_PHONE_HASH, CRM_GOLDEN_PHONE, false},
	{H_PHONE_HASH, W_PHONE_HASH, H_PHONE_HASH, CRM_GOLDEN_PHONE, false},
	{H_EMAIL, W_EMAIL, H_EMAIL, CRM_GOLDEN_EMAIL, true},
	{H_EMAIL_MASKED, W_EMAIL_MASKED, H_EMAIL, CRM_GOLDEN_EMAIL, false},
};

/* The column by which values of a golden field are one and the same, and whether it is a varlena. */
static const struct
{
	int			held;
	bool		is_text;
}			compared[CRM_GOLDEN_FIELDS] = {
	[CRM_GOLDEN_NAME] = {H_FULL_NAME, true},
	[CRM_GOLDEN_SEX] = {H_SEX, true},
	[CRM_GOLDEN_CITY] = {H_CITY, true},
	[CRM_GOLDEN_BIRTHDAY] = {H_BIRTHDAY, false},
	[CRM_GOLDEN_ADDRESS] = {H_ADDRESS, true},
	[CRM_GOLDEN_PHONE] = {H_PHONE_HASH, true},
	[CRM_GOLDEN_EMAIL] = {H_EMAIL_HASH, true},
};

/* A golden record under construction. */
typedef struct Golden
{
	Datum		values[N_WRITTEN];
	bool		nulls[N_WRITTEN];
	int			n_records;
	TimestampTz first_at;		/* registration of the first record seen so far */
	int64		first_record;
	TimestampTz store_at;		/* the same for the first record with a store */
	int64		store_record;
	Datum	   *stores;
	int			n_stores;
	int			max_stores;
	Datum		weak_name;		/* of the best record with any name */
	int64		weak_name_record;
	Datum		nickname;
	StringInfoData provenance;
} Golden;

PG_FUNCTION_INFO_V1(crm_identity_refresh);
PG_FUNCTION_INFO_V1(crm_identity_refresh_plain);

static void
set_value(Golden *golden, int field, Datum value)
{
	golden->values[field] = value;
	golden->nulls[field] = false;
}

static void
tell_origin(Golden *golden, const char *field, int64 record)
{
	appendStringInfo(&golden->provenance, "%s\"%s\": " INT64_FORMAT,
					 golden->provenance.len > 1 ? ", " : "", field, record);
}

static void
start_golden(Golden *golden, Datum customer)
{
	memset(golden, 0, sizeof(*golden));
	memset(golden->nulls, true, N_WRITTEN);
	set_value(golden, W_CUSTOMER, customer);
	initStringInfo(&golden->provenance);
	appendStringInfoChar(&golden->provenance, '{');
}

static bool
is_earlier(TimestampTz at, int64 record, TimestampTz than_at, int64 than_record)
{
	return than_record == 0 || at < than_at || (at == than_at && record < than_record);
}

static void
add_store(Golden *golden, Datum store, TimestampTz at, int64 record)
{
	bool		is_known = false;

	for (int i = 0; i < golden->n_stores && !is_known; i++)
		is_known = DatumGetInt32(golden->stores[i]) == DatumGetInt32(store);
	if (!is_known)
	{
		if (golden->n_stores == golden->max_stores)
		{
			golden->max_stores = Max(4, golden->max_stores * 2);
			golden->stores = golden->stores == NULL ? palloc(golden->max_stores * sizeof(Datum)) :
				repalloc(golden->stores, golden->max_stores * sizeof(Datum));
		}
		golden->stores[golden->n_stores++] = store;
	}
	if (is_earlier(at, record, golden->store_at, golden->store_record))
	{
		golden->store_at = at;
		golden->store_record = record;
		set_value(golden, W_STORE, store);
	}
}

/* A record's values of one golden field, or of those (< 0) that have no rule of their own, where
 * nothing is known yet. */
static void
take_values(Golden *golden, const CrmGoldenRules *rules, int only, const Datum *held,
			const bool *nulls)
{
	for (int i = 0; i < (int) lengthof(fields); i++)
	{
		bool		is_meant = only < 0 ? rules->n_criteria[fields[i].golden] == 0 :
			fields[i].golden == only;

		if (!is_meant || !golden->nulls[fields[i].written] || nulls[fields[i].decides] ||
			nulls[fields[i].held])
			continue;
		set_value(golden, fields[i].written, held[fields[i].held]);
		if (fields[i].tells_origin)
			tell_origin(golden, crm_golden_field_names[fields[i].golden],
						DatumGetInt64(held[H_RECORD]));
	}
}

/* How many records of a person have the same value in a column. */
static int
count_equal(const CrmHeld *held, int first, int end, int column, Datum value, bool is_text)
{
	int			count = 0;

	for (int i = first; i < end; i++)
		count += !held->records[i].nulls[column] &&
			datumIsEqual(value, held->records[i].values[column], !is_text,
						 is_text ? -1 : sizeof(DateADT));
	return count;
}

/* The records of one person: the one whose value of the field survives under its rule is taken. */
static void
choose_value(Golden *golden, const CrmGoldenRules *rules, CrmGoldenField field, const CrmHeld *held,
			 int first, int end)
{
	bool		asks = crm_identity_asks_frequency(rules, field);
	CrmGoldenCandidate best = {0};
	int			chosen = end;

	for (int i = first; i < end; i++)
	{
		const CrmHeldRecord *record = &held->records[i];
		int			key = compared[field].held;
		CrmGoldenCandidate candidate = {0};

		if (record->nulls[key])
			continue;
		candidate.is_verified = !record->nulls[H_VERIFIED] &&
			strstr(TextDatumGetCString(record->values[H_VERIFIED]), crm_golden_field_names[field]) != NULL;
		candidate.priority = DatumGetInt32(record->values[H_PRIORITY]);
		candidate.received_at = DatumGetTimestampTz(record->values[H_RECEIVED_AT]);
		if (compared[field].is_text)
			candidate.length = VARSIZE_ANY_EXHDR(DatumGetPointer(record->values[key]));
		if (asks && field == CRM_GOLDEN_ADDRESS)	/* sealed ones differ, whatever they hold */
			key = H_ADDRESS_TEXT;
		if (asks)
			candidate.frequency = count_equal(held, first, end, key, record->values[key],
											  compared[field].is_text);
		if (chosen < end && !crm_identity_survives(rules, field, &candidate, &best))
			continue;
		chosen = i;
		best = candidate;
	}
	if (chosen < end)
		take_values(golden, rules, field, held->records[chosen].values, held->records[chosen].nulls);
}

static void
choose_values(Golden *golden, const CrmGoldenRules *rules, const CrmHeld *held, int first, int end)
{
	for (int field = 0; rules->has_any && field < CRM_GOLDEN_FIELDS; field++)
		if (rules->n_criteria[field] > 0)
			choose_value(golden, rules, field, held, first, end);
}

/* Takes from the next record, which is worse than those before, what is still missing. */
static void
add_record(Golden *golden, const CrmGoldenRules *rules, const Datum *held, const bool *nulls)
{
	int64		record = DatumGetInt64(held[H_RECORD]);
	TimestampTz at = DatumGetTimestampTz(held[H_REGISTERED_AT]);

	golden->n_records++;
	take_values(golden, rules, -1, held, nulls);
	if (golden->weak_name_record == 0 && !nulls[H_NAME])
	{
		golden->weak_name = held[H_NAME];
		golden->weak_name_record = record;
	}
	if (golden->nickname == 0 && !nulls[H_NICKNAME])
		golden->nickname = held[H_NICKNAME];
	if (!nulls[H_CUSTOM])
		set_value(golden, W_CUSTOM, golden->nulls[W_CUSTOM] ? held[H_CUSTOM] :
				  DirectFunctionCall2(jsonb_concat, held[H_CUSTOM], golden->values[W_CUSTOM]));
	if (!nulls[H_STORE])
		add_store(golden, held[H_STORE], at, record);
	if (is_earlier(at, record, golden->first_at, golden->first_record))
	{
		golden->first_at = at;
		golden->first_record = record;
		set_value(golden, W_CHANNEL, held[H_CHANNEL]);
	}
	if (golden->nulls[W_REGISTERED_ON] ||
		DatumGetDateADT(held[H_REGISTERED_ON]) < DatumGetDateADT(golden->values[W_REGISTERED_ON]))
		set_value(golden, W_REGISTERED_ON, held[H_REGISTERED_ON]);
}

static int
compare_ints(const void *left, const void *right)
{
	int32		a = DatumGetInt32(*(const Datum *) left);
	int32		b = DatumGetInt32(*(const Datum *) right);

	return a < b ? -1 : a > b;
}

/* The stores as the text of an int[], ascending. */
static Datum
stores_text(Golden *golden)
{
	StringInfoData text;

	qsort(golden->stores, golden->n_stores, sizeof(Datum), compare_ints);
	initStringInfo(&text);
	appendStringInfoChar(&text, '{');
	for (int i = 0; i < golden->n_stores; i++)
		appendStringInfo(&text, "%s%d", i > 0 ? "," : "", DatumGetInt32(golden->stores[i]));
	appendStringInfoChar(&text, '}');
	return CStringGetTextDatum(text.data);
}

/* What can be said once all records of the person were seen. */
static void
finish_golden(Golden *golden)
{
	if (golden->nulls[W_NAME] && golden->weak_name_record != 0)
	{
		set_value(golden, W_NAME, golden->weak_name);
		tell_origin(golden, "name", golden->weak_name_record);
	}
	if (!golden->nulls[W_NAME])
		set_value(golden, W_SHOWN_NAME, golden->values[W_NAME]);
	else if (golden->nickname != 0)
		set_value(golden, W_SHOWN_NAME, golden->nickname);
	set_value(golden, W_STORES, stores_text(golden));
	set_value(golden, W_REGISTERED_AT, TimestampTzGetDatum(golden->first_at));
	set_value(golden, W_RECORDS, Int32GetDatum(golden->n_records));
	appendStringInfoChar(&golden->provenance, '}');
	set_value(golden, W_PROVENANCE,
			  DirectFunctionCall1(jsonb_in, CStringGetDatum(golden->provenance.data)));
}

/* One column of all golden records as an array. */
static Datum
column_array(const Golden *goldens, int n_goldens, int column, Datum *values, bool *nulls)
{
	int			dims[1] = {n_goldens};
	int			bounds[1] = {1};

	for (int i = 0; i < n_goldens; i++)
	{
		values[i] = goldens[i].values[column];
		nulls[i] = goldens[i].nulls[column];
	}
	return PointerGetDatum(construct_md_array(values, nulls, 1, dims, bounds, columns[column].type,
											  columns[column].length, columns[column].by_value,
											  columns[column].alignment));
}

static void
write_golden(const Golden *golden)
{
	Datum		values[N_WRITTEN];
	char		nulls[N_WRITTEN];

	memcpy(values, golden->values, sizeof(values));
	for (int i = 0; i < N_WRITTEN; i++)
		nulls[i] = golden->nulls[i] ? 'n' : ' ';
	crm_core_spi_execute(&write_person, values, nulls, false, 0);
}

static void
write_goldens(const Golden *goldens, int n_goldens)
{
	Datum		arguments[N_WRITTEN];
	Datum	   *values = palloc(n_goldens * sizeof(Datum));
	bool	   *nulls = palloc(n_goldens * sizeof(bool));

	for (int column = 0; column < N_WRITTEN; column++)
		arguments[column] = column_array(goldens, n_goldens, column, values, nulls);
	crm_core_spi_execute(&write_persons, arguments, NULL, false, 0);
}

static void
make_golden(Golden *golden, const CrmGoldenRules *rules, const CrmHeld *held, int first, int end)
{
	start_golden(golden, held->records[first].values[H_CUSTOMER]);
	for (int i = first; i < end; i++)
		add_record(golden, rules, held->records[i].values, held->records[i].nulls);
	choose_values(golden, rules, held, first, end);
	finish_golden(golden);
}

/*
 * Writes the golden records of persons, with records that are about to join some of them.  With limits only of
 * those who are plain: the others go to left, in which there is room for all, and their number is returned.
 */
static int
refresh(Datum persons, Datum joining, Datum joined, const CrmIdentityLimits *limits, Datum *left)
{
	CrmGoldenRules rules;
	CrmHeld		held;
	Golden	   *goldens;
	int			n_goldens = 0;
	int			n_left = 0;

	crm_identity_read_golden_rules(&rules);
	held = crm_identity_read_held(persons, joining, joined,
								  crm_identity_asks_frequency(&rules, CRM_GOLDEN_ADDRESS),
								  limits != NULL);
	goldens = palloc(Max(held.n_records, 1) * sizeof(Golden));
	for (int first = 0, end; first < held.n_records; first = end)
	{
		end = crm_identity_person_end(&held, first);
		if (limits == NULL || crm_identity_is_plain(&held, first, end, limits))
			make_golden(&goldens[n_goldens++], &rules, &held, first, end);
		else
			left[n_left++] = held.records[first].values[H_CUSTOMER];
	}
	if (n_goldens == 1)
		write_golden(&goldens[0]);
	else if (n_goldens > 1)
		write_goldens(goldens, n_goldens);
	return n_left;
}

Datum
crm_identity_refresh(PG_FUNCTION_ARGS)
{
	Datum		none = PointerGetDatum(construct_empty_array(INT8OID));

	crm_core_spi_connect();
	refresh(PG_GETARG_DATUM(0), none, none, NULL, NULL);
	SPI_finish();
	PG_RETURN_VOID();
}

Datum
crm_identity_refresh_plain(PG_FUNCTION_ARGS)
{
	ArrayType  *persons = PG_GETARG_ARRAYTYPE_P(0);
	CrmIdentityLimits limits = {PG_GETARG_INT32(3), PG_GETARG_INT32(4), PG_GETARG_INT32(5)};
	Datum	   *left = palloc((ArrayGetNItems(ARR_NDIM(persons), ARR_DIMS(persons)) + 1) * sizeof(Datum));
	int			n_left;

	crm_core_spi_connect();
	n_left = refresh(PointerGetDatum(persons), PG_GETARG_DATUM(1), PG_GETARG_DATUM(2), &limits, left);
	SPI_finish();
	PG_RETURN_ARRAYTYPE_P(construct_array(left, n_left, INT8OID, 8, true, TYPALIGN_DOUBLE));
}
