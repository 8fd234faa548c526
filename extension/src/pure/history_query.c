/*
 * history_query.c - what can be asked of several purchase-history chunks together.
 *
 * Called by room purchase (aggregates over a person's chunks) and by value (tiers, RFM, as
 * of any date).  The merge keeps the caller's cursors as a binary heap by the day waiting in
 * each, so that days come out in order whatever the order of chunks.
 */
#include "pure/history_query.h"

static void
swap_cursors(CrmHistoryCursor *a, CrmHistoryCursor *b)
{
	CrmHistoryCursor kept = *a;

	*a = *b;
	*b = kept;
}

/* Moves the cursor at the place down until no cursor below waits at an earlier day. */
static void
sift_down(CrmHistoryMerge *merge, size_t place)
{
	CrmHistoryCursor *cursors = merge->cursors;

	for (;;)
	{
		size_t		child = 2 * place + 1;

		if (child >= merge->count)
			return;
		if (child + 1 < merge->count && cursors[child + 1].entry.day < cursors[child].entry.day)
			child++;
		if (cursors[place].entry.day <= cursors[child].entry.day)
			return;
		swap_cursors(&cursors[place], &cursors[child]);
		place = child;
	}
}

void
crm_history_merge_begin(CrmHistoryMerge *merge, CrmHistoryCursor *cursors, size_t count,
						int32_t as_of)
{
	size_t		i;

	merge->cursors = cursors;
	merge->count = 0;
	merge->as_of = as_of;
	merge->code = CRM_HISTORY_OK;
	for (i = 0; i < count; i++)
		if (crm_history_next(&cursors[i]))
			swap_cursors(&cursors[i], &cursors[merge->count++]);
	for (i = merge->count / 2; i > 0; i--)
		sift_down(merge, i - 1);
}

/* Steps the top cursor on; one at its end leaves the heap. */
static void
advance_top(CrmHistoryMerge *merge)
{
	if (!crm_history_next(&merge->cursors[0]))
		swap_cursors(&merge->cursors[0], &merge->cursors[--merge->count]);
	sift_down(merge, 0);
}

bool
crm_history_merge_day(CrmHistoryMerge *merge, CrmHistoryDay *day)
{
	while (merge->count > 0 && merge->cursors[0].entry.day <= merge->as_of)
	{
		bool		is_known = false;

		day->day = merge->cursors[0].entry.day;
		day->net_minor = 0;
		while (merge->count > 0 && merge->cursors[0].entry.day == day->day)
		{
			const CrmHistoryEntry *entry = &merge->cursors[0].entry;

			if (entry->known_day <= merge->as_of)
			{
				is_known = true;
				if (__builtin_add_overflow(day->net_minor, entry->amount_minor,
										   &day->net_minor))
				{
					merge->code = CRM_HISTORY_OVERFLOW;
					return false;
				}
			}
			advance_top(merge);
		}
		if (is_known)
			return true;
	}
	return false;
}

/* Adds one day to a summary; false on overflow. */
static bool
add_day(CrmHistorySummary *summary, const CrmHistoryDay *day)
{
	if (__builtin_add_overflow(summary->net_minor, day->net_minor, &summary->net_minor))
		return false;
	if (day->net_minor <= 0)
		return true;
	if (summary->order_days++ == 0)
		summary->first_day = day->day;
	summary->last_day = day->day;
	return !__builtin_add_overflow(summary->order_net_minor, day->net_minor,
								   &summary->order_net_minor);
}

/* One chunk needs no heap, and is what most persons have. */
static CrmHistoryCode
summarize_one(CrmHistoryCursor *cursor, int32_t from, int32_t to, int32_t as_of, CrmHistorySummary *summary)
{
	bool		more = crm_history_next(cursor);

	while (more && cursor->entry.day <= to && cursor->entry.day <= as_of)
	{
		CrmHistoryDay day = {cursor->entry.day, 0};
		bool		is_known = false;

		do
		{
			if (cursor->entry.known_day > as_of)
				continue;
			is_known = true;
			if (__builtin_add_overflow(day.net_minor, cursor->entry.amount_minor, &day.net_minor))
				return CRM_HISTORY_OVERFLOW;
		} while ((more = crm_history_next(cursor)) && cursor->entry.day == day.day);
		if (is_known && day.day >= from && !add_day(summary, &day))
			return CRM_HISTORY_OVERFLOW;
	}
	return CRM_HISTORY_OK;
}

CrmHistoryCode
crm_history_summarize(CrmHistoryCursor *cursors, size_t count, int32_t from, int32_t to,
					  int32_t as_of, CrmHistorySummary *summary)
{
	CrmHistoryMerge merge;
	CrmHistoryDay day;

	*summary = (CrmHistorySummary) {0};
	if (count == 1)
		return summarize_one(&cursors[0], from, to, as_of, summary);
	crm_history_merge_begin(&merge, cursors, count, as_of);
	while (crm_history_merge_day(&merge, &day) && day.day <= to)
		if (day.day >= from && !add_day(summary, &day))
			return CRM_HISTORY_OVERFLOW;
	return merge.code;
}

CrmHistoryCode
crm_history_summarize_days(const CrmHistoryDay *days, size_t count, int32_t from, int32_t to,
						   CrmHistorySummary *summary)
{
	size_t		i = count;

	*summary = (CrmHistorySummary) {0};
	/* windows end near the last day: look for their start from there */
	while (i > 0 && days[i - 1].day >= from)
		i--;
	for (; i < count && days[i].day <= to; i++)
		if (!add_day(summary, &days[i]))
			return CRM_HISTORY_OVERFLOW;
	return CRM_HISTORY_OK;
}
