/*
 * ingest_lookup.c
 *		Codes to ids: the source, stores, staff, other sources, custom fields.
 *
 * Each code is asked of its table once a call and kept in a hash of the parser; a call is one
 * statement, so the answers are of one snapshot.  Reads through saved plans; takes no lock.
 */
#include "ingest/ingest.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

static const Oid int_types[] = {INT4OID};
static const Oid text_types[] = {TEXTOID};

static CrmStatement source_statement = {
	.name = "ingest.source",
	.sql =
		"SELECT s.code, s.time_zone, s.channel, s.currency::text,"
		" coalesce((SELECT r.value::int FROM crm.room_setting r WHERE r.name = 'purchase.currency_exponent'), 2),"
		" coalesce((SELECT r.value::int FROM crm.room_setting r WHERE r.name = 'ingest.future_hours'), 48)"
		" FROM crm.source s WHERE s.source_id = $1",
	.n_args = 1,
	.arg_types = int_types,
};
static CrmStatement store_statement = {
	.name = "ingest.store",
	.sql = "SELECT s.store_id, s.time_zone FROM crm.store s WHERE s.code = $1",
	.n_args = 1,
	.arg_types = text_types,
};

/* what spreadsheets write: the store's name, when no other store has it */
static CrmStatement store_name_statement = {
	.name = "ingest.store_name",
	.sql = "SELECT min(s.store_id), min(s.time_zone) FROM crm.store s WHERE s.name = $1 HAVING count(*) = 1",
	.n_args = 1,
	.arg_types = text_types,
};
static CrmStatement staff_statement = {
	.name = "ingest.staff",
	.sql = "SELECT s.staff_id FROM crm.staff s WHERE s.code = $1",
	.n_args = 1,
	.arg_types = text_types,
};
static CrmStatement other_source_statement = {
	.name = "ingest.other_source",
	.sql = "SELECT s.source_id FROM crm.source s WHERE s.code = $1",
	.n_args = 1,
	.arg_types = text_types,
};
static CrmStatement custom_statement = {
	.name = "ingest.custom_fields",
	.sql = "SELECT f.code, f.type, f.is_derived,"
	" ARRAY(SELECT o.value FROM jsonb_array_elements_text(coalesce(f.options, '[]')) o)"
	" FROM crm.custom_field f WHERE f.entity = $1",
	.n_args = 1,
	.arg_types = text_types,
};

static Datum
column(uint64 row, int number)
{
	bool		is_null;
	Datum		value = crm_core_spi_value(row, number, &is_null);

	CrmEnsure(!is_null, "a column of a lookup is null");
	return value;
}

/* Sets what the parser knows of its source; the caller has checked that there is one. */
void
crm_ingest_load_source(CrmIngestParser *p)
{
	Datum		values[1] = {Int32GetDatum(p->source_id)};
	MemoryContext spi;
	TimestampTz now = crm_core_clock_now();

	crm_core_spi_connect();
	crm_core_spi_execute(&source_statement, values, NULL, true, 1);
	if (SPI_processed != 1)
		ereport(ERROR, (errcode(ERRCODE_CRM_SOURCE_INVALID),
						errmsg("there is no source with number %d", p->source_id)));
	spi = MemoryContextSwitchTo(p->memory);
	p->source_code = TextDatumGetCString(column(0, 1));
	if (!crm_ingest_zone_exists(TextDatumGetCString(column(0, 2)), &p->source_zone))
		ereport(ERROR, (errcode(ERRCODE_CRM_SOURCE_INVALID),
						errmsg("source \"%s\" has an unknown time zone", p->source_code)));
	p->source_channel = TextDatumGetCString(column(0, 3));
	p->currency = TextDatumGetCString(column(0, 4));
	p->exponent = DatumGetInt32(column(0, 5));
	p->latest = TimestampTzPlusMilliseconds(now, DatumGetInt32(column(0, 6)) * INT64CONST(3600000));
	p->today = crm_ingest_local_day(now, p->source_zone);
	MemoryContextSwitchTo(spi);
	SPI_finish();
}

static HTAB *
make_hash(CrmIngestParser *p, const char *name, Size key_size, Size entry_size)
{
	HASHCTL		control = {.keysize = key_size, .entrysize = entry_size, .hcxt = p->memory};

	return hash_create(name, 64, &control, HASH_ELEM | HASH_STRINGS | HASH_CONTEXT);
}

/* The store of a code, else of a name that only one has; null when there is none. */
const CrmIngestStore *
crm_ingest_store(CrmIngestParser *p, const char *code, int length)
{
	char		key[64];
	bool		found;
	CrmIngestStore *store;
	Datum		values[1];

	if (length >= sizeof(key))
		return NULL;
	memcpy(key, code, length);
	key[length] = '\0';
	if (p->stores == NULL)
		p->stores = make_hash(p, "crm stores", sizeof(key), sizeof(CrmIngestStore));
	store = hash_search(p->stores, key, HASH_ENTER, &found);
	if (!found)
	{
		store->exists = false;
		values[0] = CStringGetTextDatum(key);
		crm_core_spi_connect();
		crm_core_spi_execute(&store_statement, values, NULL, true, 1);
		if (SPI_processed == 0)
			crm_core_spi_execute(&store_name_statement, values, NULL, true, 1);
		if (SPI_processed == 1)
		{
			store->store_id = DatumGetInt32(column(0, 1));
			store->exists = crm_ingest_zone_exists(TextDatumGetCString(column(0, 2)), &store->zone);
		}
		SPI_finish();
	}
	return store->exists ? store : NULL;
}

/* The id of a staff member ('p') or of another source ('s'). */
bool
crm_ingest_code(CrmIngestParser *p, char kind, const char *code, int length, int *id)
{
	char		key[66];
	bool		found;
	CrmIngestCode *entry;
	Datum		values[1];

	if (length >= sizeof(key) - 1)
		return false;
	key[0] = kind;
	memcpy(key + 1, code, length);
	key[length + 1] = '\0';
	if (p->codes == NULL)
		p->codes = make_hash(p, "crm codes", sizeof(key), sizeof(CrmIngestCode));
	entry = hash_search(p->codes, key, HASH_ENTER, &found);
	if (!found)
	{
		entry->exists = false;
		values[0] = CStringGetTextDatum(key + 1);
		crm_core_spi_connect();
		crm_core_spi_execute(kind == 'p' ? &staff_statement : &other_source_statement, values,
							 NULL, true, 1);
		if (SPI_processed == 1)
		{
			entry->exists = true;
			entry->id = DatumGetInt32(column(0, 1));
		}
		SPI_finish();
	}
	*id = entry->id;
	return entry->exists;
}

static CrmIngestCustomType
custom_type(const char *name)
{
	static const char *const names[] = {"text", "number", "date", "bool", "option", "multi_option"};

	for (int i = 0; i < lengthof(names); i++)
		if (strcmp(name, names[i]) == 0)
			return (CrmIngestCustomType) i;
	return CRM_CUSTOM_TEXT;
}

static void
load_customs(CrmIngestParser *p)
{
	Datum		values[1] = {CStringGetTextDatum(crm_ingest_entity_name(p->entity))};
	MemoryContext spi;

	crm_core_spi_connect();
	crm_core_spi_execute(&custom_statement, values, NULL, true, 0);
	spi = MemoryContextSwitchTo(p->memory);
	p->n_customs = (int) SPI_processed;
	p->customs = palloc0(sizeof(CrmIngestCustom) * Max(p->n_customs, 1));
	for (int i = 0; i < p->n_customs; i++)
	{
		CrmIngestCustom *custom = &p->customs[i];
		Datum	   *options;

		custom->code = TextDatumGetCString(column(i, 1));
		custom->type = custom_type(TextDatumGetCString(column(i, 2)));
		custom->is_derived = DatumGetBool(column(i, 3));
		deconstruct_array(DatumGetArrayTypeP(column(i, 4)), TEXTOID, -1, false, TYPALIGN_INT,
						  &options, NULL, &custom->n_options);
		custom->options = palloc0(sizeof(char *) * Max(custom->n_options, 1));
		for (int j = 0; j < custom->n_options; j++)
			custom->options[j] = TextDatumGetCString(options[j]);
	}
	MemoryContextSwitchTo(spi);
	SPI_finish();
	p->customs_loaded = true;
}

/* The custom field of a code in the parser's entity; null when there is none. */
const CrmIngestCustom *
crm_ingest_custom(CrmIngestParser *p, const char *code)
{
	if (!p->customs_loaded)
		load_customs(p);
	for (int i = 0; i < p->n_customs; i++)
		if (strcmp(p->customs[i].code, code) == 0)
			return &p->customs[i];
	return NULL;
}
