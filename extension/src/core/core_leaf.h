/*
 * core_leaf.h
 *		Entries of a B-tree by ascending keys, read from its pages (core_leaf.c).
 */
#ifndef CRM_CORE_LEAF_H
#define CRM_CORE_LEAF_H

#include "core/core.h"

#include "access/itup.h"
#include "storage/buf.h"
#include "utils/rel.h"

/* A page as it was when it was read. */
typedef struct CrmLeafPage
{
	char	   *copy;
	OffsetNumber first;			/* of its entries, but for the bound */
	OffsetNumber last;
	OffsetNumber at;			/* keys before this one are less than what is looked for */
	bool		is_read;
} CrmLeafPage;

typedef struct CrmLeaf
{
	Relation	index;
	int			n_levels;		/* 0: the index is empty */
	CrmLeafPage *pages;			/* of each level, the leaf first */
	BlockNumber root;
	bool		knows_places;	/* entries of one key lie by their rows' places: all indexes made since PostgreSQL 12 */
	bool		heeds_dead;		/* entries that somebody marked as dead are passed, and others marked */
	BlockNumber block;			/* of the leaf */
	bool		wants_pin;		/* leaves stay pinned */
	Buffer		pin;			/* of the leaf, if it was pinned ever since it was copied */
	XLogRecPtr	changed;		/* when it was, as of the copy */
	bool		has_entry;
	int64		key;			/* of the entry */
	IndexTuple	entry;
	ItemPointerData place;		/* of its row */
	int			n_places;		/* rows that share the entry */
	int			next_place;
	int			n_dead_places;
	bool		is_near;		/* the last key lay on the same leaf as the one before */
	int			n_dead;
	OffsetNumber *dead;			/* entries to be marked */
} CrmLeaf;

extern bool crm_core_leaf_is_fit(Relation index);
extern void crm_core_leaf_begin(CrmLeaf *leaf, Relation index);
extern void crm_core_leaf_seek(CrmLeaf *leaf, int64 key);
extern void crm_core_leaf_step(CrmLeaf *leaf);
extern void crm_core_leaf_is_dead(CrmLeaf *leaf);
extern void crm_core_leaf_end(CrmLeaf *leaf);

#endif
