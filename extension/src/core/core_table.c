/*
 * core_table.c
 *		Rows of a plain table locked, written and taken away, with their indexes and constraints.
 *
 * The caller has locked what makes a row nobody else's; a row that somebody has changed all the same is a conflict, and
 * the transaction is to be run again.  Everything is done by one command: its own writes are not seen by its own walks.
 */
#include "core/core_table.h"

#include "access/heapam.h"
#include "access/xact.h"
#include "catalog/namespace.h"
#include "commands/trigger.h"
#include "optimizer/optimizer.h"
#include "rewrite/rewriteHandler.h"
#include "utils/acl.h"
#include "utils/lsyscache.h"
#include "utils/rls.h"

/* New rows put in together. */
#define ROWS_AT_ONCE 500

/* Whether the caller may read a table past the planner: a plain heap without tables that inherit from it, rows by nobody's policy, of committed rows. */
bool
crm_core_table_is_heap(Relation relation, AclMode wanted)
{
	return !IsolationUsesXactSnapshot() &&
		relation->rd_rel->relkind == RELKIND_RELATION && !relation->rd_rel->relhassubclass && relation->rd_tableam == GetHeapamTableAmRoutine() &&
		pg_class_aclcheck(RelationGetRelid(relation), GetUserId(), wanted) == ACLCHECK_OK &&
		check_enable_rls(RelationGetRelid(relation), InvalidOid, true) != RLS_ENABLED;
}

/*
 * Whether the caller may read and write it so: besides it is no part of another table, and has no triggers, no rules and no
 * column that is computed, in a transaction that writes.
 */
bool
crm_core_table_is_plain(Relation relation, AclMode wanted)
{
	return !XactReadOnly && crm_core_table_is_heap(relation, wanted) &&
		!relation->rd_rel->relispartition && relation->rd_rules == NULL && relation->trigdesc == NULL &&
		!crm_compat_has_generated(RelationGetDescr(relation));
}

/* A table of the schema crm; InvalidOid: there is none. */
Oid
crm_core_table_id(const char *name)
{
	return get_relname_relid(name, get_namespace_oid("crm", false));
}

/* A table of the schema crm by its name; 42P01: there is none. */
CrmTable
crm_core_table_open(const char *name, LOCKMODE mode)
{
	Oid			id = crm_core_table_id(name);
	CrmTable	table = {0};

	if (!OidIsValid(id))
		ereport(ERROR, (errcode(ERRCODE_UNDEFINED_TABLE), errmsg("there is no table \"%s\" in the schema crm", name)));
	table.relation = table_open(id, mode);
	table.snapshot = GetActiveSnapshot();
	table.command = GetCurrentCommandId(mode > AccessShareLock);
	return table;
}

void
crm_core_table_close(CrmTable *table)
{
	if (table->target != NULL)
	{
		crm_core_table_put(table);
		ExecCloseIndices(table->target);
		ExecDropSingleTupleTableSlot(table->next);
		for (int i = 0; table->rows != NULL && i < ROWS_AT_ONCE && table->rows[i] != NULL; i++)
			ExecDropSingleTupleTableSlot(table->rows[i]);
		FreeExecutorState(table->estate);
	}
	table_close(table->relation, NoLock);
}

AttrNumber
crm_core_table_column(const CrmTable *table, const char *column)
{
	AttrNumber	number = get_attnum(RelationGetRelid(table->relation), column);

	CrmEnsure(number > 0, "a table that is written has the columns it was made with");
	return number;
}

/* Locks the row in a slot, which then holds it as it is now; false when it is gone or, if nobody is waited for, held by somebody. */
bool
crm_core_table_lock(CrmTable *table, TupleTableSlot *slot, LockWaitPolicy policy)
{
	ItemPointerData place = slot->tts_tid;
	TM_FailureData failure;
	TM_Result	result = table_tuple_lock(table->relation, &place, table->snapshot, slot, table->command,
										  LockTupleNoKeyExclusive, policy, TUPLE_LOCK_FLAG_FIND_LAST_VERSION, &failure);

	return result == TM_Ok;
}

static void
need_target(CrmTable *table)
{
	if (table->target != NULL)
		return;
	table->estate = CreateExecutorState();
	table->target = makeNode(ResultRelInfo);
	InitResultRelInfo(table->target, table->relation, 0, NULL, 0);
	ExecOpenIndices(table->target, false);
	table->next = MakeSingleTupleTableSlot(RelationGetDescr(table->relation), &TTSOpsVirtual);
}

/* The empty row to be written next. */
TupleTableSlot *
crm_core_table_next(CrmTable *table)
{
	need_target(table);
	return ExecClearTuple(table->next);
}

static void
refuse_conflict(const CrmTable *table)
{
	ereport(ERROR, (errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
					errmsg("a row of \"%s\" was changed by somebody else at the same time", RelationGetRelationName(table->relation)),
					errhint("Run the transaction again.")));
}

static void
put_indexes(CrmTable *table, TupleTableSlot *row, bool is_update, bool only_summarizing)
{
	if (table->target->ri_NumIndices > 0)
		list_free(crm_compat_insert_index_tuples(table->target, row, table->estate, is_update, only_summarizing));
	ResetPerTupleExprContext(table->estate);
}

static bool
write_over(CrmTable *table, ItemPointer place, bool is_patient)
{
	TM_FailureData failure;
	LockTupleMode mode;
	bool		indexes;
	bool		only_summarizing;
	TupleTableSlot *row = table->next;

	if (RelationGetDescr(table->relation)->constr != NULL)
		ExecConstraints(table->target, row, table->estate);
	row->tts_tableOid = RelationGetRelid(table->relation);
	if (crm_compat_tuple_update(table->relation, place, row, table->command, table->snapshot, is_patient, &failure, &mode, &indexes, &only_summarizing) != TM_Ok)
		return false;
	if (indexes)
		put_indexes(table, row, true, only_summarizing);
	else
		ResetPerTupleExprContext(table->estate);
	return true;
}

/* Writes table->next over the row at a place. */
void
crm_core_table_update(CrmTable *table, ItemPointer place)
{
	if (!write_over(table, place, true))
		refuse_conflict(table);
}

/* The same, waiting for nobody; false when the row is no longer what the snapshot saw, or somebody is about to change it. */
bool
crm_core_table_try_update(CrmTable *table, ItemPointer place)
{
	return write_over(table, place, false);
}

/* What a new row has in columns that nobody names: columns of ours, and those that a house has added to our tables. */
static void
find_defaults(CrmTable *table)
{
	TupleDesc	description = RelationGetDescr(table->relation);

	table->defaults = palloc0(description->natts * sizeof(ExprState *));
	for (int i = 0; i < description->natts; i++)
	{
		Form_pg_attribute column = TupleDescAttr(description, i);
		Node	   *value = column->attisdropped ? NULL : build_column_default(table->relation, i + 1);

		if (value != NULL)
			table->defaults[i] = ExecInitExpr(expression_planner((Expr *) value), NULL);
	}
}

static void
set_defaults(CrmTable *table, TupleTableSlot *row)
{
	for (int i = 0; i < row->tts_tupleDescriptor->natts; i++)
	{
		row->tts_isnull[i] = true;
		if (table->defaults[i] != NULL)
			row->tts_values[i] = ExecEvalExpr(table->defaults[i], GetPerTupleExprContext(table->estate), &row->tts_isnull[i]);
	}
}

/* A row of nothing but defaults to be filled, which goes in with others; what it refers to stays until crm_core_table_put(). */
TupleTableSlot *
crm_core_table_new(CrmTable *table)
{
	TupleTableSlot *row;

	need_target(table);
	if (table->rows == NULL)
	{
		table->rows = palloc0(ROWS_AT_ONCE * sizeof(TupleTableSlot *));
		find_defaults(table);
	}
	if (table->n_rows == ROWS_AT_ONCE)
		crm_core_table_put(table);
	if (table->rows[table->n_rows] == NULL)
		table->rows[table->n_rows] = MakeSingleTupleTableSlot(RelationGetDescr(table->relation), &TTSOpsVirtual);
	row = ExecClearTuple(table->rows[table->n_rows++]);
	set_defaults(table, row);
	return row;
}

/* Puts the new rows in, one after the other on as few pages as they need. */
void
crm_core_table_put(CrmTable *table)
{
	MemoryContext before;

	if (table->n_rows == 0)
		return;
	before = MemoryContextSwitchTo(GetPerTupleMemoryContext(table->estate));
	for (int i = 0; i < table->n_rows; i++)
	{
		if (RelationGetDescr(table->relation)->constr != NULL)
			ExecConstraints(table->target, table->rows[i], table->estate);
		table->rows[i]->tts_tableOid = RelationGetRelid(table->relation);
	}
	table_multi_insert(table->relation, table->rows, table->n_rows, table->command, 0, NULL);
	MemoryContextSwitchTo(before);
	for (int i = 0; i < table->n_rows; i++)
		put_indexes(table, table->rows[i], false, false);
	table->n_rows = 0;
}

/* Takes a row away, waiting for nobody; false when somebody else has, or is about to. */
bool
crm_core_table_try_delete(CrmTable *table, ItemPointer place)
{
	TM_FailureData failure;

	return table_tuple_delete(table->relation, place, table->command, table->snapshot, InvalidSnapshot, false, &failure, false) == TM_Ok;
}
