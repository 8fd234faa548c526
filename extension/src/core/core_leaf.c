/*
 * core_leaf.c
 *		Entries of a B-tree by ascending bigint keys, read from its pages.
 *
 * An index scan passes every entry of a leaf, or descends from the root for each key.  Keys that are known and ascend need
 * neither: of each level the page that was read last is kept as a copy, a key is looked for in the copy of the leaf, and a
 * level higher only when it lies beyond the leaf's bound.  So a leaf is read once however many of its keys are wanted, and
 * once and nothing else for a key far from all others.
 *
 * A copy is of the past, and what it says of where to go may be, too.  That does no harm, by the rules of nbtree (its README)
 * and because a snapshot that was taken before the first page was read is held until the last (PostgreSQL 15 to 18):
 *
 * - Entries move to the right alone, when a page is split.  A page that no longer holds a key's place says so by its bound,
 *	 and its right link leads on; a split that is not finished yet has link and bound all the same.
 * - A page is deleted when it is empty, and its place goes to the page on its right, where its link leads for as long as it
 *	 can be seen.  It is used again only when the transaction counter as it was at the deletion lies before what every
 *	 transaction under way needs (BTPageIsRecyclable()).  Ours holds its snapshot's xmin, which was taken before and is not
 *	 greater: a page to which a copy of ours leads is not another page meanwhile.
 * - What our snapshot sees was committed before it was taken, and its entry was in the index by then.  It is taken out only
 *	 when nobody's snapshot sees the row, ours included.  What came later is not seen anyhow, be its entry copied or not.
 * - A row's place may be given to another row once nobody sees the first: that one is later than our snapshot, which does not
 *	 see it.  But where the row is not read, for its page is marked as seen by all, there would be nobody to notice it: whoever
 *	 wants to go by that wants leaves pinned while their copies are in use, and VACUUM, which locks every leaf against pins
 *	 before it gives places free, waits.  Others, who may wait for a row's lock meanwhile, do not hold VACUUM up.
 *
 * Nothing is locked for serializable transactions: core_table.c refuses them.
 */
#include "core/core_leaf.h"

#include "access/genam.h"
#include "access/nbtree.h"
#include "access/xact.h"
#include "catalog/pg_am.h"
#include "catalog/pg_opfamily.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "storage/bufmgr.h"

/* Since this version entries of one key lie in the order of their rows' places. */
#define PLACES_VERSION 4

/* Whether an index is a B-tree of ascending bigints, whatever comes after them. */
bool
crm_core_leaf_is_fit(Relation index)
{
	return index->rd_rel->relam == BTREE_AM_OID && index->rd_opfamily[0] == INTEGER_BTREE_FAM_OID &&
		index->rd_opcintype[0] == INT8OID && (index->rd_indoption[0] & INDOPTION_DESC) == 0 &&
		(index->rd_indoption[0] & INDOPTION_NULLS_FIRST) == 0;
}

static BTPageOpaque
opaque_of(const CrmLeafPage *page)
{
	return BTPageGetOpaque((Page) page->copy);
}

static IndexTuple
entry_of(const CrmLeafPage *page, OffsetNumber at)
{
	return (IndexTuple) PageGetItem((Page) page->copy, PageGetItemId((Page) page->copy, at));
}

/* The key of an entry; false: it is null, greater than all others. */
static inline bool
key_of(IndexTuple entry, int64 *key)
{
	*key = PG_INT64_MAX;
	if (unlikely(IndexTupleHasNulls(entry)) && att_isnull(0, (bits8 *) entry + sizeof(IndexTupleData)))
		return false;
	memcpy(key, (char *) entry + IndexInfoFindDataOffset(entry->t_info), sizeof(int64));
	return true;
}

/*
 * Whether a bound, or what parts two pages of a level below, lies before all entries of a key.  One of the same key does when
 * nothing of it but the key is left: what was cut off counts as less than anything.
 */
static bool
is_before(const CrmLeaf *leaf, IndexTuple bound, int64 key)
{
	int64		own;

	if (!key_of(bound, &own) || own > key)
		return false;
	return own < key ||
		(leaf->knows_places && BTreeTupleGetNAtts(bound, leaf->index) == 1 && BTreeTupleGetHeapTID(bound) == NULL);
}

static bool
is_beyond(const CrmLeaf *leaf, const CrmLeafPage *page, int64 key)
{
	return !P_RIGHTMOST(opaque_of(page)) && is_before(leaf, entry_of(page, P_HIKEY), key);
}

static void
copy_page(CrmLeafPage *page, Page from)
{
	PageHeader	header = (PageHeader) from;

	CrmEnsure(header->pd_lower <= header->pd_upper && header->pd_upper <= BLCKSZ, "a page of a B-tree has its parts in order");
	memcpy(page->copy, from, header->pd_lower);
	memcpy(page->copy + header->pd_upper, (char *) from + header->pd_upper, BLCKSZ - header->pd_upper);
	page->first = P_FIRSTDATAKEY(opaque_of(page));
	page->last = PageGetMaxOffsetNumber((Page) page->copy);
	page->at = page->first;
	page->is_read = true;
}

/* Marks the entries of the leaf that were found to lead to rows nobody sees; not if it was changed, for they may be others' then. */
static void
mark_dead(CrmLeaf *leaf)
{
	Buffer		buffer;

	if (leaf->n_dead == 0)
		return;
	buffer = ReadBuffer(leaf->index, leaf->block);
	LockBuffer(buffer, BUFFER_LOCK_SHARE);
	if (BufferGetLSNAtomic(buffer) == leaf->changed)
	{
		for (int i = 0; i < leaf->n_dead; i++)
			ItemIdMarkDead(PageGetItemId(BufferGetPage(buffer), leaf->dead[i]));
		BTPageGetOpaque(BufferGetPage(buffer))->btpo_flags |= BTP_HAS_GARBAGE;
		MarkBufferDirtyHint(buffer, true);
	}
	UnlockReleaseBuffer(buffer);
	leaf->n_dead = 0;
}

/* Reads a page of a level, which is locked, if it is one to stay on; otherwise the block on its right. */
static bool
take_page(CrmLeaf *leaf, int level, Buffer buffer, const int64 *key, BlockNumber *block)
{
	CrmLeafPage *page = &leaf->pages[level];
	BTPageOpaque opaque;

	_bt_checkpage(leaf->index, buffer);
	opaque = BTPageGetOpaque(BufferGetPage(buffer));
	*block = opaque->btpo_next;
	if (P_IGNORE(opaque))
		return false;
	CrmEnsure(opaque->btpo_level == level && P_ISLEAF(opaque) == (level == 0), "a page of a B-tree is of the level that led to it");
	copy_page(page, BufferGetPage(buffer));
	if (level == 0)
	{
		leaf->changed = BufferGetLSNAtomic(buffer);
		leaf->block = BufferGetBlockNumber(buffer);
	}
	return key == NULL || !is_beyond(leaf, page, *key);
}

/* Reads the page of a level that holds a key's place, or any that is not deleted, from a block to the right. */
static void
read_page(CrmLeaf *leaf, int level, BlockNumber block, const int64 *key)
{
	Buffer		buffer = InvalidBuffer;
	bool		is_taken = false;

	if (level == 0)
	{
		mark_dead(leaf);
		buffer = leaf->pin;
		leaf->pin = InvalidBuffer;
	}
	while (!is_taken)
	{
		CHECK_FOR_INTERRUPTS();
		CrmEnsure(block != P_NONE, "the last page of a level of a B-tree is neither deleted nor left behind");
		buffer = ReleaseAndReadBuffer(buffer, leaf->index, block);
		LockBuffer(buffer, BUFFER_LOCK_SHARE);
		is_taken = take_page(leaf, level, buffer, key, &block);
		LockBuffer(buffer, BUFFER_LOCK_UNLOCK);
	}
	if (level == 0 && leaf->wants_pin)
		leaf->pin = buffer;
	else
		ReleaseBuffer(buffer);
}

/* The page below that holds a key's place: of the last entry before the key; the first counts as less than any. */
static BlockNumber
child_of(const CrmLeaf *leaf, CrmLeafPage *page, int64 key)
{
	OffsetNumber low = page->at;
	OffsetNumber high = page->last + 1;

	CrmEnsure(low < high, "an inner page of a B-tree has pages below");
	while (low + 1 < high)
	{
		OffsetNumber middle = low + (high - low) / 2;

		if (is_before(leaf, entry_of(page, middle), key))
			low = middle;
		else
			high = middle;
	}
	page->at = low;
	return BTreeTupleGetDownLink(entry_of(page, low));
}

/* Reads the leaf that holds the place of a key, which is not less than all before. */
static void
go_to_leaf(CrmLeaf *leaf, int64 key)
{
	int			top = leaf->n_levels - 1;
	int			level = 0;

	while (level < top && (!leaf->pages[level].is_read || is_beyond(leaf, &leaf->pages[level], key)))
		level++;
	if (!leaf->pages[top].is_read)
		read_page(leaf, top, leaf->root, &key);
	else if (level == top && is_beyond(leaf, &leaf->pages[top], key))
		read_page(leaf, top, opaque_of(&leaf->pages[top])->btpo_next, &key);
	for (; level > 0; level--)
		read_page(leaf, level - 1, child_of(leaf, &leaf->pages[level], key), &key);
}

static bool
reaches(const CrmLeafPage *page, OffsetNumber at, int64 key)
{
	int64		own;

	return !key_of(entry_of(page, at), &own) || own >= key;
}

/* Goes to the leaf's first entry from here on that is not less than a key; keys that are looked for often lie close together. */
static void
go_to_entry(CrmLeafPage *page, int64 key)
{
	OffsetNumber low = page->at;
	int			high = low;

	for (int jump = 4; high <= page->last && !reaches(page, high, key); jump *= 4)
	{
		low = high + 1;
		high += jump;
	}
	high = Min(high, page->last + 1);
	while (low < high)
	{
		OffsetNumber middle = low + (high - low) / 2;

		if (reaches(page, middle, key))
			high = middle;
		else
			low = middle + 1;
	}
	page->at = low;
}

/* Stands on the entry where the leaf is, or the first that follows and is not dead. */
static void
settle(CrmLeaf *leaf)
{
	CrmLeafPage *page = &leaf->pages[0];

	for (;;)
	{
		if (page->at > page->last)
		{
			leaf->has_entry = false;
			if (P_RIGHTMOST(opaque_of(page)))
				return;
			read_page(leaf, 0, opaque_of(page)->btpo_next, NULL);
		}
		else if (leaf->heeds_dead && ItemIdIsDead(PageGetItemId((Page) page->copy, page->at)))
			page->at++;
		else
			break;
	}
	leaf->entry = entry_of(page, page->at);
	leaf->has_entry = key_of(leaf->entry, &leaf->key);
	leaf->n_places = BTreeTupleIsPosting(leaf->entry) ? BTreeTupleGetNPosting(leaf->entry) : 1;
	leaf->n_dead_places = 0;
	leaf->next_place = 1;
	leaf->place = BTreeTupleIsPosting(leaf->entry) ? *BTreeTupleGetPosting(leaf->entry) : leaf->entry->t_tid;
}

/* Begins before the first entry. */
void
crm_core_leaf_begin(CrmLeaf *leaf, Relation index)
{
	Buffer		buffer = ReadBuffer(index, BTREE_METAPAGE);
	BTMetaPageData *meta;

	LockBuffer(buffer, BUFFER_LOCK_SHARE);
	_bt_checkpage(index, buffer);
	meta = BTPageGetMeta(BufferGetPage(buffer));
	*leaf = (CrmLeaf) {.index = index, .root = meta->btm_fastroot, .pin = InvalidBuffer};
	leaf->n_levels = meta->btm_fastroot == P_NONE ? 0 : meta->btm_fastlevel + 1;
	leaf->knows_places = meta->btm_version >= PLACES_VERSION;
	UnlockReleaseBuffer(buffer);
	/* on a standby marks are the primary's, whose snapshots are others */
	leaf->heeds_dead = !TransactionStartedDuringRecovery();
	leaf->pages = palloc0(leaf->n_levels * sizeof(CrmLeafPage));
	for (int i = 0; i < leaf->n_levels; i++)
		leaf->pages[i].copy = palloc(BLCKSZ);
	leaf->dead = palloc(MaxIndexTuplesPerPage * sizeof(OffsetNumber));
	pgstat_count_index_scan(index);
}

/* Goes to the first entry that is not less than a key, which is greater than all before. */
void
crm_core_leaf_seek(CrmLeaf *leaf, int64 key)
{
	CrmLeafPage *page = leaf->pages;

	if (leaf->n_levels == 0)
		return;
	leaf->is_near = page->is_read && !is_beyond(leaf, page, key);
	if (leaf->has_entry && leaf->key >= key)
		return;
	if (!leaf->is_near)
		go_to_leaf(leaf, key);
	go_to_entry(page, key);
	settle(leaf);
}

/* Goes to the next entry, or the next row of the same. */
void
crm_core_leaf_step(CrmLeaf *leaf)
{
	if (!leaf->has_entry)
		return;
	pgstat_count_index_tuples(leaf->index, 1);
	if (leaf->next_place < leaf->n_places)
	{
		leaf->place = *BTreeTupleGetPostingN(leaf->entry, leaf->next_place);
		leaf->next_place++;
		return;
	}
	leaf->pages[0].at++;
	settle(leaf);
}

/* Nobody sees the row of the entry any more. */
void
crm_core_leaf_is_dead(CrmLeaf *leaf)
{
	OffsetNumber at = leaf->pages[0].at;

	leaf->n_dead_places++;
	if (leaf->n_dead_places < leaf->n_places || !leaf->heeds_dead || !RelationNeedsWAL(leaf->index))
		return;
	if (leaf->n_dead == 0 || leaf->dead[leaf->n_dead - 1] < at)
		leaf->dead[leaf->n_dead++] = at;
}

void
crm_core_leaf_end(CrmLeaf *leaf)
{
	mark_dead(leaf);
	if (BufferIsValid(leaf->pin))
		ReleaseBuffer(leaf->pin);
	for (int i = 0; i < leaf->n_levels; i++)
		pfree(leaf->pages[i].copy);
	pfree(leaf->pages);
	pfree(leaf->dead);
}
