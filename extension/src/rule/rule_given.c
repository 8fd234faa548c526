/*
 * rule_given.c
 *		What statements about many given persons look up of each: whether they are active, and their records.
 *
 * Statements do it a descent of a B-tree a person; here indexes are walked along (core_table.h).  Where a table may not
 * be read so, a statement reads it.
 */
#include "rule/rule_bitmap.h"

#include "catalog/pg_type.h"
#include "core/core_table.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

PG_FUNCTION_INFO_V1(crm_rule_active);
PG_FUNCTION_INFO_V1(crm_rule_records);

static const Oid persons_types[] = {INT8ARRAYOID};
static CrmStatement find_active = {
	.name = "rule.find_active",
	.sql = "SELECT c.customer_id FROM crm.customer c WHERE c.status = 'active' AND c.customer_id = ANY ($1)",
	.n_args = 1,
	.arg_types = persons_types,
};
static CrmStatement find_records = {
	.name = "rule.find_records",
	.sql = "SELECT m.source_record_id, m.customer_id FROM crm.membership m WHERE m.valid_to = 'infinity' AND m.customer_id = ANY ($1)",
	.n_args = 1,
	.arg_types = persons_types,
};

/* What a look-up of a set finds, for each to be taken up; its rows are of one or two numbers. */
typedef void (*Taker) (void *into, int64 first, int64 second);

static void
ask_statement(CrmStatement *statement, Datum persons, Taker take, void *into)
{
	crm_core_spi_connect();
	crm_core_spi_execute(statement, &persons, NULL, true, 0);
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		bool		is_null;
		int64		first = DatumGetInt64(crm_core_spi_value(i, 1, &is_null));

		take(into, first, SPI_tuptable->tupdesc->natts < 2 ? 0 :
			 DatumGetInt64(crm_core_spi_value(i, 2, &is_null)));
	}
	SPI_finish();
}

static void
take_person(void *into, int64 person, int64 unused)
{
	crm_rule_bitmap_add(into, person);
}

static bool
is_active(TupleTableSlot *row, AttrNumber status)
{
	bool		is_null;
	text	   *word = DatumGetTextPP(slot_getattr(row, status, &is_null));

	return VARSIZE_ANY_EXHDR(word) == strlen("active") && memcmp(VARDATA_ANY(word), "active", strlen("active")) == 0;
}

static void
walk_active(CrmTable *customers, const int64 *persons, int n, CrmBitmap *active)
{
	AttrNumber	status = crm_core_table_column(customers, "status");
	CrmWalk		walk;

	crm_core_walk_begin(&walk, customers, "customer_id", false);
	for (int i = 0; i < n; i++)
	{
		CHECK_FOR_INTERRUPTS();
		if (crm_core_walk_find(&walk, persons[i]) && crm_core_walk_row(&walk) && is_active(walk.slot, status))
			crm_rule_bitmap_add(active, persons[i]);
	}
	crm_core_walk_end(&walk);
}

/* crm._rule_active(persons): those of them who are active. */
Datum
crm_rule_active(PG_FUNCTION_ARGS)
{
	CrmBitmap  *active = crm_rule_bitmap_make(CurrentMemoryContext);
	CrmTable	customers = crm_core_table_open("customer", AccessShareLock);

	if (crm_core_table_is_plain(customers.relation, ACL_SELECT) && OidIsValid(crm_core_walk_index(customers.relation, 1, (const char *const[]) {"customer_id"})))
	{
		int			n;
		int64	   *ids = crm_core_walk_keys(PG_GETARG_ARRAYTYPE_P(0), &n);

		walk_active(&customers, ids, n, active);
	}
	else
		ask_statement(&find_active, PG_GETARG_DATUM(0), take_person, active);
	crm_core_table_close(&customers);
	PG_RETURN_DATUM(EOHPGetRWDatum(&active->header));
}

/* ---- records */

typedef struct Records
{
	int64		n;
	int64		room;
	Datum	   *ids;
	CrmRuleMap *map;
} Records;

static void
take_record(void *into, int64 record, int64 person)
{
	Records    *records = into;

	if (records->n == records->room)
	{
		records->room = Max(records->room * 2, 64);
		records->ids = records->ids == NULL ? palloc(records->room * sizeof(Datum)) :
			repalloc_huge(records->ids, records->room * sizeof(Datum));
	}
	records->ids[records->n++] = Int64GetDatum(record);
	crm_rule_map_add(records->map, record, person);
}

/* The index of a person's records holds them and whether they are still theirs. */
static const char *const record_columns[] = {"customer_id", "valid_to", "source_record_id"};

static void
walk_records(CrmTable *membership, const int64 *persons, int n, Records *records)
{
	CrmWalk		walk;
	AttrNumber	record;
	AttrNumber	valid_to;

	crm_core_walk_begin_with(&walk, membership, lengthof(record_columns), record_columns, false);
	record = crm_core_walk_column(&walk, "source_record_id");
	valid_to = crm_core_walk_column(&walk, "valid_to");
	for (int i = 0; i < n; i++)
	{
		CHECK_FOR_INTERRUPTS();
		if (!crm_core_walk_find(&walk, persons[i]))
			continue;
		while (crm_core_walk_entry(&walk))
			if (TIMESTAMP_IS_NOEND(DatumGetTimestampTz(crm_core_walk_value(&walk, valid_to))))
				take_record(records, DatumGetInt64(crm_core_walk_value(&walk, record)), persons[i]);
	}
	crm_core_walk_end(&walk);
}

/* crm._rule_records(persons): their records of now, and whose each is; null where there are none. */
Datum
crm_rule_records(PG_FUNCTION_ARGS)
{
	Records		records = {.map = crm_rule_map_make(CurrentMemoryContext)};
	CrmTable	membership = crm_core_table_open("membership", AccessShareLock);
	Datum		values[2] = {0};
	bool		nulls[2] = {true, true};

	if (crm_core_table_is_plain(membership.relation, ACL_SELECT) && OidIsValid(crm_core_walk_index(membership.relation, lengthof(record_columns), record_columns)))
	{
		int			n;
		int64	   *ids = crm_core_walk_keys(PG_GETARG_ARRAYTYPE_P(0), &n);

		walk_records(&membership, ids, n, &records);
	}
	else
		ask_statement(&find_records, PG_GETARG_DATUM(0), take_record, &records);
	crm_core_table_close(&membership);
	if (records.n > 0)
	{
		values[0] = PointerGetDatum(construct_array(records.ids, records.n, INT8OID, sizeof(int64), FLOAT8PASSBYVAL, TYPALIGN_DOUBLE));
		values[1] = crm_rule_map_datum(records.map);
		nulls[0] = nulls[1] = false;
	}
	PG_RETURN_DATUM(crm_core_row(fcinfo, values, nulls));
}
