/*
 * purchase_extend.c
 *		Puts entries into a chunk of purchase history, many at once, and cuts it when full.
 *
 * A record's chunks divide the calendar: each holds the days from its from_day up to the next
 * chunk's.  The SQL side finds the chunk that covers a day and locks the record; here the new
 * entries are added to it.  Taking out an entry is adding its opposite.  More entries than a
 * chunk holds become several chunks of about CUT_ENTRIES, cut between two days, so a history
 * that grows at its end leaves half-full chunks behind and costs the same for ever.
 *
 * A day never has more than FOLD_ENTRIES entries: the oldest of a day that was refunded on
 * more days than that are added up, and count from the last of their known days.
 *
 * Called by crm._purchase_apply(), which holds the record's lock.
 */
#include "purchase/purchase.h"

#include "common/int.h"
#include "funcapi.h"

#define CUT_ENTRIES		64
#define FOLD_ENTRIES	64

PG_FUNCTION_INFO_V1(crm_purchase_add);
PG_FUNCTION_INFO_V1(crm_purchase_cut);

/* Adds up the first entries of a day until FOLD_ENTRIES are left; returns how many are left. */
static int
fold_day(CrmHistoryEntry *entries, int count)
{
	int			surplus = count - FOLD_ENTRIES;

	if (surplus <= 0)
		return count;
	for (int i = 0; i < surplus; i++)
		if (pg_add_s64_overflow(entries[surplus].amount_minor, entries[i].amount_minor,
								&entries[surplus].amount_minor))
			crm_purchase_report(CRM_HISTORY_OVERFLOW);
	memmove(entries, entries + surplus, FOLD_ENTRIES * sizeof(CrmHistoryEntry));
	return FOLD_ENTRIES;
}

static int
count_day(const CrmHistoryEntry *entries, int count)
{
	int			length = 1;

	while (length < count && entries[length].day == entries[0].day)
		length++;
	return length;
}

static int
fold_fat_days(CrmHistoryEntry *entries, int count)
{
	int			kept = 0;

	for (int i = 0; i < count;)
	{
		int			length = count_day(entries + i, count - i);
		int			left = fold_day(entries + i, length);

		memmove(entries + kept, entries + i, left * sizeof(CrmHistoryEntry));
		kept += left;
		i += length;
	}
	return kept;
}

/* How many of the entries the next chunk takes: whole days, CUT_ENTRIES or a little more. */
static int
next_cut(const CrmHistoryEntry *entries, int count)
{
	int			taken = 0;

	while (taken < count && taken < CUT_ENTRIES)
		taken += count_day(entries + taken, count - taken);
	return taken;
}

static void
put_piece(ReturnSetInfo *result, int piece_no, CrmHistoryEntry *entries, int count)
{
	Datum		values[3] = {
		Int32GetDatum(piece_no),
		DateADTGetDatum(entries[0].day),
		crm_purchase_pack(entries, count),
	};
	bool		nulls[3] = {false};

	tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

/* The entries of the arguments (history, days, known, minor) together, in order. */
static CrmHistoryEntry *
read_arguments(FunctionCallInfo fcinfo, int *count)
{
	int			added;
	CrmHistoryEntry *entries;

	for (int i = 1; i < 4; i++)
		if (PG_ARGISNULL(i))
			ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
							errmsg("entries of a purchase history cannot be null")));
	entries = crm_purchase_entries_of_arrays(PG_GETARG_ARRAYTYPE_P(1), PG_GETARG_ARRAYTYPE_P(2),
											 PG_GETARG_ARRAYTYPE_P(3), CRM_HISTORY_MAX_ENTRIES,
											 &added);
	*count = added;
	if (!PG_ARGISNULL(0))
	{
		CrmPurchaseChunk chunk = crm_purchase_chunk(PG_GETARG_DATUM(0));

		*count += crm_history_unpack(chunk.bytes, chunk.length, entries + added);
	}
	*count = crm_purchase_tidy(entries, *count);
	return entries;
}

/* crm._purchase_add(history, days, known, minor): the chunk with the entries; null if too many. */
Datum
crm_purchase_add(PG_FUNCTION_ARGS)
{
	int			count;
	CrmHistoryEntry *entries = read_arguments(fcinfo, &count);

	if (count > CRM_HISTORY_MAX_ENTRIES)
		PG_RETURN_NULL();
	PG_RETURN_DATUM(crm_purchase_pack(entries, count));
}

/* crm._purchase_cut(history, days, known, minor): the same as several chunks. */
Datum
crm_purchase_cut(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	int			piece_no = 1;
	int			count;
	CrmHistoryEntry *entries;

	InitMaterializedSRF(fcinfo, 0);
	entries = read_arguments(fcinfo, &count);
	count = fold_fat_days(entries, count);
	for (int i = 0; i < count;)
	{
		int			taken = next_cut(entries + i, count - i);

		put_piece(result, piece_no++, entries + i, taken);
		i += taken;
	}
	return (Datum) 0;
}
