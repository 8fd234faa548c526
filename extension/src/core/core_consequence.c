/*
 * core_consequence.c
 *		What a lower room causes in a higher one, without knowing it.
 *
 * At _PG_init each room enters the SQL functions that are to run when facts arrived, when
 * membership changed, when a person is erased or exported, when messages that waited are about
 * to leave, with a position that orders them.
 * ingest, identity, access and outbox then call crm._consequence_*(), inside their own transaction:
 * what must happen, happens in the commit that caused it.
 *
 * What facts bring about in a room can be put off (crm.put_off_rule): it is then written down
 * in the same commit and done soon after by a job.  What each room takes is counted (core_cost.c).
 *
 * The registry is filled before any backend forks or at library load, and only read after;
 * plans are kept per backend.
 */
#include "core/core.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "lib/stringinfo.h"
#include "portability/instr_time.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/memutils.h"

#define MAX_ENTRIES 16

typedef struct Entry
{
	int			position;
	const char *room;
	CrmStatement statement;
} Entry;

static Entry registry[CRM_N_CONSEQUENCES][MAX_ENTRIES];
static int	n_entries[CRM_N_CONSEQUENCES];

static const Oid facts_types[] = {INT8ARRAYOID, TEXTOID, BOOLOID};
static const Oid membership_types[] = {INT8OID, INT8OID, INT8ARRAYOID, TEXTOID};
static const Oid person_types[] = {INT8OID};
static const Oid leave_types[] = {INT8ARRAYOID, TEXTARRAYOID};

static const struct
{
	const char *parameters;
	int			n_args;
	const Oid  *types;
}			shapes[CRM_N_CONSEQUENCES] = {
	[CRM_ON_FACTS] = {"($1, $2, $3)", 3, facts_types},
	[CRM_ON_MEMBERSHIP] = {"($1, $2, $3, $4)", 4, membership_types},
	[CRM_ON_ERASE] = {"($1)", 1, person_types},
	[CRM_ON_EXPORT] = {"($1)", 1, person_types},
	[CRM_ON_LEAVE] = {"($1, $2)", 2, leave_types},
};

static CrmStatement put_off_statement = {
	.name = "core.put_off",
	.sql = "SELECT p.rule FROM crm.put_off_rule p",
};

static const Oid keep_types[] = {INT8ARRAYOID, TEXTOID, BOOLOID, TEXTOID};
static CrmStatement keep_statement = {
	.name = "core.keep_fact",
	.sql = "INSERT INTO crm.put_off_fact (fact_id, rule, kind, customer_ids, is_history, put_at)"
	" SELECT crm._new_id(), $4, $2, $1, $3, crm.core_now() WHERE pg_catalog.cardinality($1) > 0",
	.n_args = 4,
	.arg_types = keep_types,
};

PG_FUNCTION_INFO_V1(crm_consequence_facts);
PG_FUNCTION_INFO_V1(crm_consequence_late);
PG_FUNCTION_INFO_V1(crm_consequence_membership);
PG_FUNCTION_INFO_V1(crm_consequence_erase);
PG_FUNCTION_INFO_V1(crm_consequence_export);
PG_FUNCTION_INFO_V1(crm_consequence_leave);
PG_FUNCTION_INFO_V1(crm_consequence_registry);

/* Enters a SQL function, named with its schema; equal positions keep the order of entry. */
void
crm_core_consequence_register(CrmConsequence kind, int position, const char *room,
							  const char *function)
{
	Entry	   *entries = registry[kind];
	int			at = n_entries[kind];

	CrmEnsure(at < MAX_ENTRIES, "too many consequences registered");
	for (; at > 0 && entries[at - 1].position > position; at--)
		entries[at] = entries[at - 1];
	entries[at] = (Entry) {
		.position = position,
		.room = room,
		.statement = {
			.name = function,
			.sql = MemoryContextStrdup(TopMemoryContext,
									   psprintf("SELECT %s%s", function, shapes[kind].parameters)),
			.n_args = shapes[kind].n_args,
			.arg_types = shapes[kind].types,
		},
	};
	n_entries[kind]++;
}

/* Runs every entry of a kind in its order; an error in one undoes the causing transaction. */
static void
run_all(CrmConsequence kind, Datum *values)
{
	if (n_entries[kind] == 0)
		return;
	crm_core_spi_connect();
	for (int i = 0; i < n_entries[kind]; i++)
		crm_core_spi_execute(&registry[kind][i].statement, values, NULL, false, 0);
	SPI_finish();
}

/* The rooms that are put off, out of reach of the statements that follow. */
static List *
rooms_put_off(void)
{
	List	   *rooms = NIL;

	crm_core_spi_execute(&put_off_statement, NULL, NULL, true, 0);
	for (uint64 i = 0; i < SPI_processed; i++)
		rooms = lappend(rooms, crm_core_spi_text(i, 1));
	return rooms;
}

static bool
is_among(const List *rooms, const char *room)
{
	ListCell   *cell;

	foreach(cell, rooms)
		if (strcmp(lfirst(cell), room) == 0)
			return true;
	return false;
}

/* Runs what a room does about facts, and counts what that took. */
static void
run_counted(Entry *entry, Datum *values)
{
	ArrayType  *persons = DatumGetArrayTypeP(values[0]);
	instr_time	began,
				took;

	INSTR_TIME_SET_CURRENT(began);
	crm_core_spi_execute(&entry->statement, values, NULL, false, 0);
	INSTR_TIME_SET_CURRENT(took);
	INSTR_TIME_SUBTRACT(took, began);
	crm_core_cost_note(entry->room, text_to_cstring(DatumGetTextPP(values[1])),
					   ArrayGetNItems(ARR_NDIM(persons), ARR_DIMS(persons)), INSTR_TIME_GET_MICROSEC(took));
}

Datum
crm_consequence_facts(PG_FUNCTION_ARGS)
{
	Datum		values[4] = {PG_GETARG_DATUM(0), PG_GETARG_DATUM(1), PG_GETARG_DATUM(2), (Datum) 0};
	List	   *late;

	crm_core_spi_connect();
	late = rooms_put_off();
	for (int i = 0; i < n_entries[CRM_ON_FACTS]; i++)
	{
		Entry	   *entry = &registry[CRM_ON_FACTS][i];

		if (!is_among(late, entry->room))
		{
			run_counted(entry, values);
			continue;
		}
		values[3] = CStringGetTextDatum(entry->room);
		crm_core_spi_execute(&keep_statement, values, NULL, false, 0);
	}
	SPI_finish();
	PG_RETURN_VOID();
}

/* (room, customer_ids, kind, is_history): what one room does about facts, whether it is put off or not. */
Datum
crm_consequence_late(PG_FUNCTION_ARGS)
{
	char	   *room = text_to_cstring(PG_GETARG_TEXT_PP(0));
	Datum		values[3] = {PG_GETARG_DATUM(1), PG_GETARG_DATUM(2), PG_GETARG_DATUM(3)};

	crm_core_spi_connect();
	for (int i = 0; i < n_entries[CRM_ON_FACTS]; i++)
		if (strcmp(registry[CRM_ON_FACTS][i].room, room) == 0)
			run_counted(&registry[CRM_ON_FACTS][i], values);
	SPI_finish();
	PG_RETURN_VOID();
}

Datum
crm_consequence_membership(PG_FUNCTION_ARGS)
{
	Datum		values[4] = {PG_GETARG_DATUM(0), PG_GETARG_DATUM(1), PG_GETARG_DATUM(2),
	PG_GETARG_DATUM(3)};

	run_all(CRM_ON_MEMBERSHIP, values);
	PG_RETURN_VOID();
}

Datum
crm_consequence_erase(PG_FUNCTION_ARGS)
{
	Datum		values[1] = {PG_GETARG_DATUM(0)};

	run_all(CRM_ON_ERASE, values);
	PG_RETURN_VOID();
}

Datum
crm_consequence_leave(PG_FUNCTION_ARGS)
{
	Datum		values[2] = {PG_GETARG_DATUM(0), PG_GETARG_DATUM(1)};

	run_all(CRM_ON_LEAVE, values);
	PG_RETURN_VOID();
}

/* One object: a member a room, holding what that room keeps about the person. */
Datum
crm_consequence_export(PG_FUNCTION_ARGS)
{
	Datum		values[1] = {PG_GETARG_DATUM(0)};
	StringInfoData all;
	MemoryContext caller = CurrentMemoryContext;

	initStringInfo(&all);
	appendStringInfoChar(&all, '{');
	crm_core_spi_connect();
	for (int i = 0; i < n_entries[CRM_ON_EXPORT]; i++)
	{
		Entry	   *entry = &registry[CRM_ON_EXPORT][i];
		char	   *part;
		MemoryContext spi;

		crm_core_spi_execute(&entry->statement, values, NULL, true, 1);
		part = SPI_processed == 1 ? crm_core_spi_text(0, 1) : NULL;
		spi = MemoryContextSwitchTo(caller);
		appendStringInfo(&all, "%s\"%s\": %s", all.len > 1 ? ", " : "", entry->room,
						 part ? part : "null");
		MemoryContextSwitchTo(spi);
	}
	SPI_finish();
	appendStringInfoChar(&all, '}');
	PG_RETURN_DATUM(DirectFunctionCall1(jsonb_in, CStringGetDatum(all.data)));
}

/* What is registered, in the order it runs: "kind position room function" lines. */
Datum
crm_consequence_registry(PG_FUNCTION_ARGS)
{
	static const char *const kinds[CRM_N_CONSEQUENCES] = {"facts", "membership", "erase", "export",
	"leave"};
	StringInfoData text;

	initStringInfo(&text);
	for (int kind = 0; kind < CRM_N_CONSEQUENCES; kind++)
		for (int i = 0; i < n_entries[kind]; i++)
			appendStringInfo(&text, "%s %d %s %s\n", kinds[kind], registry[kind][i].position,
							 registry[kind][i].room, registry[kind][i].statement.name);
	PG_RETURN_TEXT_P(cstring_to_text_with_len(text.data, text.len));
}
