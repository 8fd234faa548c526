/*
 * purchase.h
 *		The packed purchase history as the server sees it: what value may ask of it.
 *
 *	in purchase_type.c		the type crm.purchase_history: text, binary, checks
 *	in purchase_extend.c	entries put into a chunk, many at once
 *	in purchase_whole.c		a person's chunks packed into as few as they need
 *	in purchase_query.c		order days, net amounts, first and last day as of a date
 *	in purchase_lines.c		lines of orders, packed by record (purchase_lines.h)
 *	in purchase_api.c		what the room registers
 *
 * The bytes of a chunk and the rules of counting are pure/history.h and
 * pure/history_query.h; here they are varlena values, and faults are errors.
 */
#ifndef CRM_PURCHASE_H
#define CRM_PURCHASE_H

#include "core/core.h"

#include "utils/array.h"

#include "pure/history.h"
#include "pure/history_query.h"

/* One value of the type crm.purchase_history, detoasted; bytes lie in it. */
typedef struct CrmPurchaseChunk
{
	const uint8_t *bytes;
	size_t		length;
} CrmPurchaseChunk;

/* purchase_api.c */
extern void crm_purchase_init(void);

/* purchase_type.c */
extern CrmPurchaseChunk crm_purchase_chunk(Datum history);
extern Datum crm_purchase_pack(CrmHistoryEntry *entries, int count);
extern int	crm_purchase_tidy(CrmHistoryEntry *entries, int count);
pg_noreturn extern void crm_purchase_report(CrmHistoryCode code);
extern CrmHistoryEntry *crm_purchase_entries_of_arrays(ArrayType *days, ArrayType *known,
													   ArrayType *minor, int room, int *count);

/* purchase_whole.c */
extern Datum *crm_purchase_whole_of(CrmHistoryCursor *cursors, int n_cursors, int *n_pieces);

/* purchase_query.c: one cursor a chunk, ready to be walked; the array may hold nulls */
extern CrmHistoryCursor *crm_purchase_cursors(ArrayType *chunks, int *count);
extern CrmHistorySummary crm_purchase_summarize(CrmHistoryCursor *cursors, size_t count, DateADT from, DateADT to, DateADT as_of);

#endif
