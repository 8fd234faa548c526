/*
 * purchase_whole.c
 *		All purchases of a person in order, a hundred entries a chunk: what crm.value_history keeps, so that rules
 *		find a person's purchases in one row instead of a row a record.
 *
 * Entries of one day and one known day are added up; nearly everybody fits one chunk.  Pure of tables
 * and locks; called by value.
 */
#include "purchase/purchase.h"

PG_FUNCTION_INFO_V1(crm_purchase_whole);
PG_FUNCTION_INFO_V1(crm_purchase_is_same);

/* So many entries always fit the bytes of a chunk, however long they are. */
#define PIECE_ENTRIES 100

static CrmHistoryEntry *
unpack_all(CrmHistoryCursor *cursors, int n_cursors, int *count)
{
	CrmHistoryEntry *entries;
	int			room = 0;

	for (int i = 0; i < n_cursors; i++)
		room += cursors[i].left;
	entries = MemoryContextAllocHuge(CurrentMemoryContext, Max(room, 1) * sizeof(CrmHistoryEntry));
	*count = 0;
	for (int i = 0; i < n_cursors; i++)
		while (crm_history_next(&cursors[i]))
			entries[(*count)++] = cursors[i].entry;
	return entries;
}

/* The entries of several chunks, in order, packed anew; the cursors are used up. */
Datum *
crm_purchase_whole_of(CrmHistoryCursor *cursors, int n_cursors, int *n_pieces)
{
	int			count;
	CrmHistoryEntry *entries = unpack_all(cursors, n_cursors, &count);
	Datum	   *pieces;

	count = crm_purchase_tidy(entries, count);
	pieces = palloc((count / PIECE_ENTRIES + 1) * sizeof(Datum));
	*n_pieces = 0;
	for (int i = 0; i < count; i += PIECE_ENTRIES)
		pieces[(*n_pieces)++] = crm_purchase_pack(entries + i, Min(PIECE_ENTRIES, count - i));
	return pieces;
}

/* crm._purchase_whole(chunks): the same purchases, in order, packed anew; null chunks are none. */
Datum
crm_purchase_whole(PG_FUNCTION_ARGS)
{
	ArrayType  *chunks;
	CrmHistoryCursor *cursors;
	Datum	   *pieces;
	int			n;

	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	chunks = PG_GETARG_ARRAYTYPE_P(0);
	if (ArrayGetNItems(ARR_NDIM(chunks), ARR_DIMS(chunks)) <= 1 && !array_contains_nulls(chunks))
		PG_RETURN_ARRAYTYPE_P(chunks);
	cursors = crm_purchase_cursors(chunks, &n);
	pieces = crm_purchase_whole_of(cursors, n, &n);
	PG_RETURN_ARRAYTYPE_P(construct_array(pieces, n, ARR_ELEMTYPE(chunks), -1, false, TYPALIGN_INT));
}

/* crm._purchase_is_same(a, b): byte by byte; no chunks and null are the same. */
Datum
crm_purchase_is_same(PG_FUNCTION_ARGS)
{
	ArrayType  *sides[2] = {NULL, NULL};

	for (int i = 0; i < 2; i++)
		if (!PG_ARGISNULL(i))
		{
			ArrayType  *chunks = PG_GETARG_ARRAYTYPE_P(i);

			sides[i] = ARR_NDIM(chunks) == 0 ? NULL : chunks;
		}
	if (sides[0] == NULL || sides[1] == NULL)
		PG_RETURN_BOOL(sides[0] == sides[1]);
	PG_RETURN_BOOL(VARSIZE(sides[0]) == VARSIZE(sides[1]) && memcmp(sides[0], sides[1], VARSIZE(sides[0])) == 0);
}
