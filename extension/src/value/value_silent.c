/*
 * value_silent.c
 *		Who bought last on one day, and how many before it.
 *
 * An order writes no index of its person's value, so everybody's row is looked at: along the heap, and no more of a row
 * than its last day, which is half of what a statement takes.  Called by crm.campaign_preview(); takes no lock.
 */
#include "value/value.h"

#include "catalog/pg_type.h"
#include "core/core_table.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/date.h"

PG_FUNCTION_INFO_V1(crm_value_silent);

static const Oid silent_types[] = {DATEOID, INT4OID};
static CrmStatement find_silent = {
	.name = "value.find_silent",
	.sql = "SELECT (SELECT count(*) FROM crm.customer_value v WHERE v.last_day < $1),"
	" ARRAY(SELECT v.customer_id FROM crm.customer_value v WHERE v.last_day = $1 LIMIT $2)",
	.n_args = 2,
	.arg_types = silent_types,
};

typedef struct Silent
{
	int64		earlier;
	int			n;
	int			most;
	Datum	   *persons;
} Silent;

/* Every row's last day; who bought on the day is taken up to the most. */
static void
scan_values(const CrmTable *values, DateADT day, Silent *silent)
{
	AttrNumber	last_day = crm_core_table_column(values, "last_day");
	AttrNumber	person = crm_core_table_column(values, "customer_id");
	TupleTableSlot *slot = table_slot_create(values->relation, NULL);
	TableScanDesc scan = table_beginscan(values->relation, values->snapshot, 0, NULL);

	while (table_scan_getnextslot(scan, ForwardScanDirection, slot))
	{
		bool		is_null;
		DateADT		last = DatumGetDateADT(slot_getattr(slot, last_day, &is_null));

		CHECK_FOR_INTERRUPTS();
		if (is_null)
			continue;
		silent->earlier += last < day;
		if (last == day && silent->n < silent->most)
			silent->persons[silent->n++] = slot_getattr(slot, person, &is_null);
	}
	table_endscan(scan);
	ExecDropSingleTupleTableSlot(slot);
}

/* Another table's rows are read by a statement; the answer is left in the caller's memory. */
static void
ask_values(Datum *arguments, Datum *answer)
{
	bool		is_null;

	crm_core_spi_connect();
	crm_core_spi_execute(&find_silent, arguments, NULL, true, 1);
	answer[0] = crm_core_spi_value(0, 1, &is_null);
	answer[1] = SPI_datumTransfer(crm_core_spi_value(0, 2, &is_null), false, -1);
	SPI_finish();
}

/* crm._value_silent(day, most): how many bought last before the day, and so many of those who did on it. */
Datum
crm_value_silent(PG_FUNCTION_ARGS)
{
	Silent		silent = {.most = Max(PG_GETARG_INT32(1), 0)};
	CrmTable	values = crm_core_table_open("customer_value", AccessShareLock);
	Datum		arguments[2] = {PG_GETARG_DATUM(0), Int32GetDatum(silent.most)};
	Datum		answer[2];
	bool		nulls[2] = {false, false};

	if (crm_core_table_is_heap(values.relation, ACL_SELECT))
	{
		silent.persons = palloc(Max(silent.most, 1) * sizeof(Datum));
		scan_values(&values, PG_GETARG_DATEADT(0), &silent);
		answer[0] = Int64GetDatum(silent.earlier);
		answer[1] = PointerGetDatum(construct_array(silent.persons, silent.n, INT8OID, sizeof(int64), FLOAT8PASSBYVAL, TYPALIGN_DOUBLE));
	}
	else
		ask_values(arguments, answer);
	crm_core_table_close(&values);
	PG_RETURN_DATUM(crm_core_row(fcinfo, answer, nulls));
}
