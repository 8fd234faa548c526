/*
 * core_table.h
 *		Rows of a set of keys, read and written past the planner.
 *
 *	in core_walk.c		rows found by ascending keys of an index (core_leaf.c)
 *	in core_table.c		rows locked, written and taken away
 *
 * Thousands of persons are brought up to date by the same five look-ups and three rows each.  Statements do it one
 * descent of a B-tree and one trip through the executor at a time; here an index is walked along from key to key.
 * That is allowed for a plain heap table alone, in a transaction that reads committed rows: crm_core_table_is_plain()
 * says so, and whoever calls has statements for every other table (one that is spread over machines, say).
 */
#ifndef CRM_CORE_TABLE_H
#define CRM_CORE_TABLE_H

#include "core/core.h"
#include "core/core_leaf.h"

#include "access/genam.h"
#include "access/table.h"
#include "access/tableam.h"
#include "executor/executor.h"
#include "utils/array.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

/* A table that is written.  Relation and snapshot are held until crm_core_table_close(). */
typedef struct CrmTable
{
	Relation	relation;
	Snapshot	snapshot;
	CommandId	command;
	EState	   *estate;
	ResultRelInfo *target;		/* with the indexes, opened when a row is first written */
	TupleTableSlot *next;		/* the row to be written over another */
	TupleTableSlot **rows;		/* new rows, put in together */
	int			n_rows;
	ExprState **defaults;		/* of each column of a new row; NULL: none */
} CrmTable;

/* Rows by ascending keys. */
typedef struct CrmWalk
{
	Relation	relation;
	Relation	index;
	Snapshot	snapshot;
	CrmLeaf		leaf;			/* the entry it stands on */
	TupleTableSlot *slot;		/* the row found */
	HeapTupleData tuple;		/* the same, on its page */
	Buffer		page;			/* read last */
	Buffer		visible_map;
	bool		is_written;		/* rows found are going to be written over */
	int64		key;			/* looked for */
	bool		is_taken;		/* the entry has been looked at: it is left first */
} CrmWalk;

/* A value that is not null. */
static inline void
crm_core_table_set(TupleTableSlot *row, AttrNumber column, Datum value)
{
	row->tts_values[column - 1] = value;
	row->tts_isnull[column - 1] = false;
}

/* core_walk.c */
extern Oid	crm_core_walk_index(Relation relation, int n, const char *const *columns);
extern AttrNumber crm_core_walk_column(const CrmWalk *walk, const char *column);
extern int64 *crm_core_walk_keys(ArrayType *array, int *n);
extern void crm_core_walk_begin(CrmWalk *walk, const CrmTable *table, const char *column, bool is_written);
extern void crm_core_walk_begin_with(CrmWalk *walk, const CrmTable *table, int n, const char *const *columns, bool is_written);
extern bool crm_core_walk_find(CrmWalk *walk, int64 key);
extern bool crm_core_walk_from(CrmWalk *walk, int64 key);
extern bool crm_core_walk_onward(CrmWalk *walk);
extern bool crm_core_walk_row(CrmWalk *walk);
extern bool crm_core_walk_entry(CrmWalk *walk);
extern bool crm_core_walk_next(CrmWalk *walk);
extern bool crm_core_walk_fetch(CrmWalk *walk);
extern Datum crm_core_walk_value(const CrmWalk *walk, AttrNumber column);
extern void crm_core_walk_end(CrmWalk *walk);

/* core_table.c */
extern bool crm_core_table_is_heap(Relation relation, AclMode wanted);
extern bool crm_core_table_is_plain(Relation relation, AclMode wanted);
extern Oid	crm_core_table_id(const char *name);
extern CrmTable crm_core_table_open(const char *name, LOCKMODE mode);
extern void crm_core_table_close(CrmTable *table);
extern AttrNumber crm_core_table_column(const CrmTable *table, const char *column);
extern TupleTableSlot *crm_core_table_next(CrmTable *table);
extern bool crm_core_table_lock(CrmTable *table, TupleTableSlot *slot, LockWaitPolicy policy);
extern void crm_core_table_update(CrmTable *table, ItemPointer place);
extern bool crm_core_table_try_update(CrmTable *table, ItemPointer place);
extern TupleTableSlot *crm_core_table_new(CrmTable *table);
extern void crm_core_table_put(CrmTable *table);
extern bool crm_core_table_try_delete(CrmTable *table, ItemPointer place);

#endif
