/*
 * value_profile.c
 *		A person's history as of a date, as running sums that any window is read from.
 *
 * Worked example: orders on days 100 and 130, the second refunded in part.
 *	days		100	130
 *	order_days	  1	  2		with net > 0, up to here
 *	net_minor	500 720		of all days, up to here
 * "orders in 30 days" at day 135 is what lies after the last day before 135 - 30 = 105:
 * 2 - 1 = 1.  A window of N days holds the days that are at most N days old.
 */
#include "value/value.h"

#include "common/int.h"

CrmValueHistory
crm_value_history(ArrayType *chunks)
{
	CrmValueHistory history;

	history.chunks = crm_purchase_cursors(chunks, &history.n_chunks);
	history.n_entries = 0;
	for (int i = 0; i < history.n_chunks; i++)
		history.n_entries += history.chunks[i].left;
	return history;
}

/* When the first entry that does not count yet will; INT32_MAX when all count. */
static int32
find_next_entry_day(const CrmValueHistory *history, int32 as_of)
{
	int32		next = PG_INT32_MAX;

	for (int i = 0; i < history->n_chunks; i++)
	{
		CrmHistoryCursor cursor = history->chunks[i];

		while (crm_history_next(&cursor))
		{
			int32		counts_from = Max(cursor.entry.day, cursor.entry.known_day);

			if (counts_from > as_of && counts_from < next)
				next = counts_from;
		}
	}
	return next;
}

/* Adds up the days that count as of a date, in the current memory context. */
CrmValueProfile
crm_value_profile(const CrmValueHistory *history, int32 as_of)
{
	CrmValueProfile profile = {0};
	CrmHistoryMerge merge;
	CrmHistoryDay day;
	CrmHistoryCursor *cursors = palloc(Max(history->n_chunks, 1) * sizeof(CrmHistoryCursor));
	int			room = Max(history->n_entries, 1);
	int32		orders = 0;
	int64		net = 0;

	profile.days = palloc(room * sizeof(int32));
	profile.order_days = palloc(room * sizeof(int32));
	profile.net_minor = palloc(room * sizeof(int64));
	if (history->n_chunks > 0)
		memcpy(cursors, history->chunks, history->n_chunks * sizeof(CrmHistoryCursor));
	crm_history_merge_begin(&merge, cursors, history->n_chunks, as_of);
	while (crm_history_merge_day(&merge, &day))
	{
		if (pg_add_s64_overflow(net, day.net_minor, &net))
			crm_purchase_report(CRM_HISTORY_OVERFLOW);
		if (day.net_minor > 0)
		{
			if (orders++ == 0)
				profile.first_day = day.day;
			profile.last_day = day.day;
		}
		profile.days[profile.n_days] = day.day;
		profile.order_days[profile.n_days] = orders;
		profile.net_minor[profile.n_days++] = net;
	}
	if (merge.code != CRM_HISTORY_OK)
		crm_purchase_report(merge.code);
	profile.next_entry_day = find_next_entry_day(history, as_of);
	return profile;
}

/* How many of the profile's days lie before a day. */
int
crm_value_days_before(const CrmValueProfile *profile, int64 day)
{
	int			low = 0;
	int			high = profile->n_days;

	while (low < high)
	{
		int			middle = (low + high) / 2;

		if (profile->days[middle] < day)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static CrmValueNumber
measure_slot(const CrmValueSlot *slot, const CrmValueProfile *profile, int32 at)
{
	CrmValueNumber number = {0};
	int			n_days = profile->n_days;
	bool		has_orders = n_days > 0 && profile->order_days[n_days - 1] > 0;
	int			skipped = 0;

	if (slot->metric == CRM_VALUE_LAST_DAYS || slot->metric == CRM_VALUE_FIRST_DAYS)
	{
		number.is_none = !has_orders;
		number.value = (int64) at - (slot->metric == CRM_VALUE_LAST_DAYS ?
									 profile->last_day : profile->first_day);
		return number;
	}
	if (n_days == 0)
		return number;
	if (slot->days != CRM_VALUE_EVER)
		skipped = crm_value_days_before(profile, (int64) at - slot->days);
	if (slot->metric == CRM_VALUE_ORDERS)
		number.value = profile->order_days[n_days - 1] -
			(skipped > 0 ? profile->order_days[skipped - 1] : 0);
	else
		number.value = profile->net_minor[n_days - 1] -
			(skipped > 0 ? profile->net_minor[skipped - 1] : 0);
	return number;
}

/* Measures every slot of the rules on a day that is not before the profile's own date. */
void
crm_value_measure(const CrmValueRules *rules, const CrmValueProfile *profile, int32 at,
				  CrmValueNumber *numbers)
{
	for (int i = 0; i < rules->n_slots; i++)
		numbers[i] = measure_slot(&rules->slots[i], profile, at);
}
