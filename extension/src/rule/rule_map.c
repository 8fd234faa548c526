/*
 * rule_map.c
 *		Which person a source record belongs to, and the newest word of each record: what statements
 *		about everybody look up a million times.
 *
 * The map is one value: an open table of (record, person) pairs, a power of two in size, empty
 * places being -1.  A look-up is a hash and a probe, a tenth of what a join costs a row.  While
 * an aggregate gathers it, it is an expanded object behind the type bytea.
 *
 * Called by statements of rule_set.c; takes no lock.
 */
#include "rule/rule_bitmap.h"

#include "catalog/pg_type.h"
#include "datatype/timestamp.h"
#include "utils/array.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

#define TABLE_MAGIC 0x43524d54
#define EMPTY (-1)

PG_FUNCTION_INFO_V1(crm_rule_map_step);
PG_FUNCTION_INFO_V1(crm_rule_map_merge);
PG_FUNCTION_INFO_V1(crm_rule_person);
PG_FUNCTION_INFO_V1(crm_rule_shared);
PG_FUNCTION_INFO_V1(crm_rule_latest_step);
PG_FUNCTION_INFO_V1(crm_rule_latest_merge);
PG_FUNCTION_INFO_V1(crm_rule_latest_final);

/* One record: a map uses the first two. */
typedef struct Place
{
	int64		record;
	int64		person;
	TimestampTz at;
	int64		newest;
	int64		is_strict;
} Place;

#define PAIR_BYTES offsetof(Place, at)

typedef struct CrmRuleMap
{
	ExpandedObjectHeader header;
	int			magic;
	Size		width;			/* bytes of a place */
	uint32		n;
	uint32		mask;
	char	   *places;
} Table;

/* A table as a value; places follow on 8 bytes. */
typedef struct FlatTable
{
	int32		vl_len_;
	uint32		width;
	uint32		n;
	uint32		mask;
} FlatTable;

static Size flat_size(ExpandedObjectHeader *header);
static void flatten_into(ExpandedObjectHeader *header, void *result, Size allocated);

static const ExpandedObjectMethods methods = {flat_size, flatten_into};

static Size
flat_size(ExpandedObjectHeader *header)
{
	Table	   *table = (Table *) header;
	Size		size = sizeof(FlatTable) + ((Size) table->mask + 1) * table->width;

	if (size > MaxAllocSize)
		ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED), errmsg("records are too many for one value")));
	return size;
}

static void
flatten_into(ExpandedObjectHeader *header, void *result, Size allocated)
{
	Table	   *table = (Table *) header;
	FlatTable  *flat = result;

	SET_VARSIZE(flat, allocated);
	flat->width = table->width;
	flat->n = table->n;
	flat->mask = table->mask;
	memcpy(flat + 1, table->places, allocated - sizeof(FlatTable));
}

static inline uint32
hash_of(int64 record)
{
	return crm_rule_near_hash(record);
}

static void
clear(Table *table, uint32 n_places)
{
	table->mask = n_places - 1;
	table->places = MemoryContextAllocHuge(table->header.eoh_context, (Size) n_places * table->width);
	memset(table->places, 0xff, (Size) n_places * table->width);
}

static Table *
make_table(MemoryContext parent, Size width)
{
	MemoryContext own = AllocSetContextCreate(parent, "crm records", ALLOCSET_START_SMALL_SIZES);
	Table	   *table = MemoryContextAllocZero(own, sizeof(Table));

	EOH_init_header(&table->header, &methods, own);
	table->magic = TABLE_MAGIC;
	table->width = width;
	clear(table, 1024);
	return table;
}

static inline Place *
place_at(const Table *table, uint32 i)
{
	return (Place *) (table->places + (Size) i * table->width);
}

/* Where a record is, or the empty place for it. */
static Place *
find_place(const Table *table, int64 record)
{
	uint32		i = hash_of(record) & table->mask;

	while (place_at(table, i)->record != record && place_at(table, i)->record != EMPTY)
		i = (i + 1) & table->mask;
	return place_at(table, i);
}

static void
grow(Table *table)
{
	char	   *old = table->places;
	uint32		n_old = table->mask + 1;

	if (n_old >= UINT32_C(1) << 30)
		ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED), errmsg("records are too many for one value")));
	clear(table, n_old * 2);
	for (uint32 i = 0; i < n_old; i++)
	{
		Place	   *place = (Place *) (old + (Size) i * table->width);

		if (place->record != EMPTY)
			memcpy(find_place(table, place->record), place, table->width);
	}
	pfree(old);
}

/* The place of a record, made when there is none; its members are -1 then. */
static Place *
enter(Table *table, int64 record)
{
	Place	   *place = find_place(table, record);

	if (place->record == EMPTY)
	{
		if (table->n >= table->mask / 4 * 3)
		{
			grow(table);
			place = find_place(table, record);
		}
		place->record = record;
		table->n++;
	}
	return place;
}

/* The state of an aggregate: its own, or one made of bytes that came from another process. */
static Table *
state_of(FunctionCallInfo fcinfo, int argument, Size width)
{
	MemoryContext context;
	Table	   *table;
	FlatTable  *flat;

	if (!AggCheckCallContext(fcinfo, &context))
		ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED), errmsg("a step of an aggregate was called by itself")));
	if (PG_ARGISNULL(argument))
		return make_table(context, width);
	if (VARATT_IS_EXTERNAL_EXPANDED(DatumGetPointer(PG_GETARG_DATUM(argument))))
	{
		table = (Table *) DatumGetEOHP(PG_GETARG_DATUM(argument));
		CrmEnsure(table->magic == TABLE_MAGIC && table->width == width, "the state of a walk is one");
		return table;
	}
	flat = (FlatTable *) PG_DETOAST_DATUM(PG_GETARG_DATUM(argument));
	CrmEnsure(flat->width == width, "the state of a walk is one");
	table = make_table(context, width);
	pfree(table->places);
	clear(table, flat->mask + 1);
	table->n = flat->n;
	memcpy(table->places, flat + 1, ((Size) flat->mask + 1) * width);
	return table;
}

/* A map that is not an aggregate's. */
CrmRuleMap *
crm_rule_map_make(MemoryContext parent)
{
	return make_table(parent, PAIR_BYTES);
}

void
crm_rule_map_add(CrmRuleMap *map, int64 record, int64 person)
{
	enter(map, record)->person = person;
}

Datum
crm_rule_map_datum(CrmRuleMap *map)
{
	return EOHPGetRWDatum(&map->header);
}

Datum
crm_rule_map_step(PG_FUNCTION_ARGS)
{
	Table	   *table = state_of(fcinfo, 0, PAIR_BYTES);

	if (!PG_ARGISNULL(1) && !PG_ARGISNULL(2) && PG_GETARG_INT64(1) != EMPTY)
		enter(table, PG_GETARG_INT64(1))->person = PG_GETARG_INT64(2);
	PG_RETURN_DATUM(EOHPGetRWDatum(&table->header));
}

Datum
crm_rule_map_merge(PG_FUNCTION_ARGS)
{
	Table	   *table = state_of(fcinfo, 0, PAIR_BYTES);

	if (!PG_ARGISNULL(1))
	{
		Table	   *other = state_of(fcinfo, 1, PAIR_BYTES);

		for (uint32 i = 0; i <= other->mask; i++)
			if (place_at(other, i)->record != EMPTY)
				enter(table, place_at(other, i)->record)->person = place_at(other, i)->person;
	}
	PG_RETURN_DATUM(EOHPGetRWDatum(&table->header));
}

/* A map that came as bytes. */
static const FlatTable *
flat_of(Datum value)
{
	const FlatTable *flat = (const FlatTable *) PG_DETOAST_DATUM(value);

	if (VARSIZE(flat) < sizeof(FlatTable) || flat->width != PAIR_BYTES ||
		VARSIZE(flat) != sizeof(FlatTable) + ((Size) flat->mask + 1) * PAIR_BYTES)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("value is no map of records")));
	return flat;
}

/* crm._rule_person(map, record): its person; null when it belongs to none. */
Datum
crm_rule_person(PG_FUNCTION_ARGS)
{
	const FlatTable *flat = flat_of(PG_GETARG_DATUM(0));
	int64		record = PG_GETARG_INT64(1);
	const char *places = (const char *) (flat + 1);
	uint32		i;
	int64		pair[2];

	i = hash_of(record) & flat->mask;
	for (uint32 tried = 0; tried <= flat->mask; tried++, i = (i + 1) & flat->mask)
	{
		memcpy(pair, places + (Size) i * PAIR_BYTES, PAIR_BYTES);
		if (pair[0] == EMPTY)
			break;
		if (pair[0] == record)
			PG_RETURN_INT64(pair[1]);
	}
	PG_RETURN_NULL();
}

/* crm._rule_shared(map, records): persons who have several records, or one of these. */
Datum
crm_rule_shared(PG_FUNCTION_ARGS)
{
	const FlatTable *flat = flat_of(PG_GETARG_DATUM(0));
	CrmBitmapParts crowded = crm_rule_bitmap_read(PG_GETARG_DATUM(1));
	const char *places = (const char *) (flat + 1);
	CrmBitmap  *seen = crm_rule_bitmap_make(CurrentMemoryContext);
	CrmBitmap  *shared = crm_rule_bitmap_make(CurrentMemoryContext);
	int64		pair[2];

	for (Size i = 0; i <= flat->mask; i++)
	{
		memcpy(pair, places + i * PAIR_BYTES, PAIR_BYTES);
		if (pair[0] == EMPTY)
			continue;
		if (crm_rule_bitmap_has(&seen->parts, pair[1]) || crm_rule_bitmap_has(&crowded, pair[0]))
			crm_rule_bitmap_add(shared, pair[1]);
		crm_rule_bitmap_add(seen, pair[1]);
	}
	PG_RETURN_DATUM(crm_rule_bitmap_flatten(&shared->parts));
}

/* Keeps the newer of two rows of one record. */
static void
keep_newer(Table *table, const Place *row)
{
	Place	   *place = enter(table, row->record);

	if (place->person == EMPTY || row->at > place->at || (row->at == place->at && row->newest > place->newest))
		*place = *row;
}

/* crm._rule_latest(record, person, at, newest, is_strict) */
Datum
crm_rule_latest_step(PG_FUNCTION_ARGS)
{
	Table	   *table = state_of(fcinfo, 0, sizeof(Place));
	Place		row;

	for (int i = 1; i <= 5; i++)
		if (PG_ARGISNULL(i))
			PG_RETURN_DATUM(EOHPGetRWDatum(&table->header));
	row = (Place) {
		.record = PG_GETARG_INT64(1),
		.person = PG_GETARG_INT64(2),
		.at = PG_GETARG_TIMESTAMPTZ(3),
		.newest = PG_GETARG_INT64(4),
		.is_strict = PG_GETARG_BOOL(5),
	};
	if (row.record != EMPTY && row.person != EMPTY)
		keep_newer(table, &row);
	PG_RETURN_DATUM(EOHPGetRWDatum(&table->header));
}

Datum
crm_rule_latest_merge(PG_FUNCTION_ARGS)
{
	Table	   *table = state_of(fcinfo, 0, sizeof(Place));

	if (!PG_ARGISNULL(1))
	{
		Table	   *other = state_of(fcinfo, 1, sizeof(Place));

		for (uint32 i = 0; i <= other->mask; i++)
			if (place_at(other, i)->record != EMPTY)
				keep_newer(table, place_at(other, i));
	}
	PG_RETURN_DATUM(EOHPGetRWDatum(&table->header));
}

/* Persons of whom a record's newest word is strict, and those with words of whom none's is. */
Datum
crm_rule_latest_final(PG_FUNCTION_ARGS)
{
	CrmBitmap  *strict = crm_rule_bitmap_make(CurrentMemoryContext);
	CrmBitmap  *all = crm_rule_bitmap_make(CurrentMemoryContext);
	CrmBitmapParts loose;
	Datum		sets[2];
	Oid			type = get_element_type(get_func_rettype(fcinfo->flinfo->fn_oid));

	if (!PG_ARGISNULL(0))
	{
		Table	   *table = state_of(fcinfo, 0, sizeof(Place));

		for (uint32 i = 0; i <= table->mask; i++)
			if (place_at(table, i)->record != EMPTY)
			{
				crm_rule_bitmap_add(all, place_at(table, i)->person);
				if (place_at(table, i)->is_strict)
					crm_rule_bitmap_add(strict, place_at(table, i)->person);
			}
	}
	loose = crm_rule_bitmap_without(&all->parts, &strict->parts);
	sets[0] = crm_rule_bitmap_flatten(&strict->parts);
	sets[1] = crm_rule_bitmap_flatten(&loose);
	PG_RETURN_ARRAYTYPE_P(construct_array(sets, 2, type, -1, false, TYPALIGN_DOUBLE));
}
