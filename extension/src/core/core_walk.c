/*
 * core_walk.c
 *		Rows of a table by ascending keys of one of its indexes.
 *
 * Entries are read from the pages of the index (core_leaf.c), rows from those of the table, each for as long as keys lie on
 * it.  Only entries whose rows the snapshot sees count, as in any index scan.
 *
 * A page that is read is not tidied up first, as index scans do it whenever a row of it has been updated: for a row or two
 * of each page that is dearer than all the rest.  A walk whose rows are going to be written over tidies where their new
 * versions would find no room.
 */
#include "core/core_table.h"

#include "access/heapam.h"
#include "access/visibilitymap.h"
#include "catalog/pg_type.h"
#include "pgstat.h"
#include "storage/bufmgr.h"

/* Free bytes on a page that the new versions of some of its rows find room in: of many rows, of one or two. */
#define ROOM_DENSE 1024
#define ROOM_SPARSE 256

/* The attribute of an index that holds a column of its table; 0: none. */
static AttrNumber
attribute_of(Relation relation, Relation index, const char *column)
{
	for (int i = 0; i < index->rd_index->indnatts; i++)
	{
		AttrNumber	number = index->rd_index->indkey.values[i];

		if (number > 0 && strcmp(NameStr(TupleDescAttr(RelationGetDescr(relation), number - 1)->attname), column) == 0)
			return i + 1;
	}
	return 0;
}

/* Whether an index has all rows that a transaction sees: one made while rows were changed may lack versions that older ones see. */
static bool
is_whole(Relation index)
{
	return index->rd_index->indisvalid && RelationGetIndexPredicate(index) == NIL &&
		(!index->rd_index->indcheckxmin || TransactionIdPrecedes(HeapTupleHeaderGetXmin(index->rd_indextuple->t_data), TransactionXmin));
}

static bool
holds_columns(Relation relation, Relation index, int n, const char *const *columns)
{
	if (!crm_core_leaf_is_fit(index) || !is_whole(index) || attribute_of(relation, index, columns[0]) != 1)
		return false;
	for (int i = 1; i < n; i++)
		if (attribute_of(relation, index, columns[i]) == 0)
			return false;
	return true;
}

/* A whole B-tree of ascending keys that begins with the first of these columns, a bigint, and holds the others; InvalidOid: there is none. */
Oid
crm_core_walk_index(Relation relation, int n, const char *const *columns)
{
	List	   *indexes = RelationGetIndexList(relation);
	Oid			found = InvalidOid;
	ListCell   *cell;

	foreach(cell, indexes)
	{
		Relation	index = index_open(lfirst_oid(cell), AccessShareLock);

		if (!OidIsValid(found) && holds_columns(relation, index, n, columns))
			found = RelationGetRelid(index);
		index_close(index, AccessShareLock);
	}
	list_free(indexes);
	return found;
}

AttrNumber
crm_core_walk_column(const CrmWalk *walk, const char *column)
{
	return attribute_of(walk->relation, walk->index, column);
}

/* Begins a walk over ascending keys of the first column, along an index that holds the others, too; whether its rows are going to be written over. */
void
crm_core_walk_begin_with(CrmWalk *walk, const CrmTable *table, int n, const char *const *columns, bool is_written)
{
	Oid			index = crm_core_walk_index(table->relation, n, columns);

	CrmEnsure(OidIsValid(index), "a table that is walked has an index by its key");
	*walk = (CrmWalk) {.relation = table->relation, .snapshot = table->snapshot, .page = InvalidBuffer, .visible_map = InvalidBuffer, .is_written = is_written};
	walk->index = index_open(index, AccessShareLock);
	walk->slot = table_slot_create(walk->relation, NULL);
	crm_core_leaf_begin(&walk->leaf, walk->index);
}

void
crm_core_walk_begin(CrmWalk *walk, const CrmTable *table, const char *column, bool is_written)
{
	crm_core_walk_begin_with(walk, table, 1, &column, is_written);
}

static int
compare_keys(const void *a, const void *b)
{
	int64		left = *(const int64 *) a;
	int64		right = *(const int64 *) b;

	return (left > right) - (left < right);
}

/* The keys of a bigint[] as a walk takes them: ascending, each once. */
int64 *
crm_core_walk_keys(ArrayType *array, int *n)
{
	Datum	   *values;
	bool	   *nulls;
	int			n_values;
	int64	   *keys;
	bool		is_ascending = true;

	deconstruct_array(array, INT8OID, sizeof(int64), FLOAT8PASSBYVAL, TYPALIGN_DOUBLE, &values, &nulls, &n_values);
	keys = palloc(Max(n_values, 1) * sizeof(int64));
	*n = 0;
	for (int i = 0; i < n_values; i++)
	{
		if (nulls[i])
			continue;
		keys[*n] = DatumGetInt64(values[i]);
		is_ascending &= *n == 0 || keys[*n - 1] < keys[*n];
		(*n)++;
	}
	if (!is_ascending)
	{
		int			n_all = *n;

		qsort(keys, n_all, sizeof(int64), compare_keys);
		*n = 0;
		for (int i = 0; i < n_all; i++)
			if (*n == 0 || keys[*n - 1] != keys[i])
				keys[(*n)++] = keys[i];
	}
	return keys;
}

static void
step(CrmWalk *walk)
{
	walk->is_taken = false;
	crm_core_leaf_step(&walk->leaf);
}

/* Goes to a key that is greater than all before; whether the index has an entry of it. */
bool
crm_core_walk_find(CrmWalk *walk, int64 key)
{
	walk->key = key;
	walk->is_taken = false;
	crm_core_leaf_seek(&walk->leaf, key);
	return walk->leaf.has_entry && walk->leaf.key == key;
}

/* Goes to the first key that is not less than this one, which walk->key then is; whether there is one. */
bool
crm_core_walk_from(CrmWalk *walk, int64 key)
{
	crm_core_walk_find(walk, key);
	if (walk->leaf.has_entry)
		walk->key = walk->leaf.key;
	return walk->leaf.has_entry;
}

/* Goes on to the next key that the index has. */
bool
crm_core_walk_onward(CrmWalk *walk)
{
	while (walk->leaf.has_entry && (walk->is_taken || walk->leaf.key == walk->key))
		step(walk);
	if (walk->leaf.has_entry)
		walk->key = walk->leaf.key;
	return walk->leaf.has_entry;
}

static void
turn_to_page(CrmWalk *walk, BlockNumber block)
{
	if (BufferIsValid(walk->page) && BufferGetBlockNumber(walk->page) == block)
		return;
	ExecClearTuple(walk->slot);
	walk->page = ReleaseAndReadBuffer(walk->page, walk->relation, block);
	/* a page's free bytes may be read without its lock: they are a hint here */
	if (walk->is_written && PageGetHeapFreeSpace(BufferGetPage(walk->page)) < (walk->leaf.is_near ? ROOM_DENSE : ROOM_SPARSE))
		heap_page_prune_opt(walk->relation, walk->page);
}

/* Reads the version of the entry's row that the snapshot sees. */
bool
crm_core_walk_fetch(CrmWalk *walk)
{
	ItemPointerData place = walk->leaf.place;
	bool		is_dead;
	bool		is_seen;

	turn_to_page(walk, ItemPointerGetBlockNumber(&place));
	LockBuffer(walk->page, BUFFER_LOCK_SHARE);
	is_seen = heap_hot_search_buffer(&place, walk->relation, walk->page, walk->snapshot, &walk->tuple, &is_dead, true);
	LockBuffer(walk->page, BUFFER_LOCK_UNLOCK);
	if (is_dead)
		crm_core_leaf_is_dead(&walk->leaf);
	if (!is_seen)
		return false;
	walk->tuple.t_self = place;
	walk->tuple.t_tableOid = RelationGetRelid(walk->relation);
	pgstat_count_heap_fetch(walk->index);
	ExecStoreBufferHeapTuple(&walk->tuple, walk->slot, walk->page);
	return true;
}

/* The next entry of the key, be its row seen or not. */
bool
crm_core_walk_next(CrmWalk *walk)
{
	if (walk->is_taken)
		step(walk);
	if (!walk->leaf.has_entry || walk->leaf.key != walk->key)
		return false;
	walk->is_taken = true;
	return true;
}

/* The next row of the key, in walk->slot. */
bool
crm_core_walk_row(CrmWalk *walk)
{
	while (crm_core_walk_next(walk))
		if (crm_core_walk_fetch(walk))
			return true;
	return false;
}

/* The next entry of the key whose row is seen; its columns are crm_core_walk_value()'s, the row itself is not read where its page says that all see it, from the second leaf on. */
bool
crm_core_walk_entry(CrmWalk *walk)
{
	walk->leaf.wants_pin = true;
	while (crm_core_walk_next(walk))
		if ((BufferIsValid(walk->leaf.pin) && VM_ALL_VISIBLE(walk->relation, ItemPointerGetBlockNumber(&walk->leaf.place), &walk->visible_map)) ||
			crm_core_walk_fetch(walk))
			return true;
	return false;
}

/* A column of the entry, which is not null. */
Datum
crm_core_walk_value(const CrmWalk *walk, AttrNumber column)
{
	bool		is_null;
	Datum		value = index_getattr(walk->leaf.entry, column, RelationGetDescr(walk->index), &is_null);

	CrmEnsure(!is_null, "a column of a walked index is not null");
	return value;
}

void
crm_core_walk_end(CrmWalk *walk)
{
	if (BufferIsValid(walk->visible_map))
		ReleaseBuffer(walk->visible_map);
	if (BufferIsValid(walk->page))
		ReleaseBuffer(walk->page);
	ExecDropSingleTupleTableSlot(walk->slot);
	crm_core_leaf_end(&walk->leaf);
	index_close(walk->index, AccessShareLock);
}
