/*
 * history_query.h - what can be asked of several purchase-history chunks together, as of
 * any date.
 *
 * Promises: chunks may overlap in time and come in any order (they belong to one person but
 * to several source records); nothing is allocated, the caller brings one cursor a chunk.
 * Entries count when known_day <= as_of and day <= as_of.
 *
 * Cost: n entries in k chunks take n log k steps; chunks that lie behind one another, as
 * those of one record do, cost no more than one.
 */
#ifndef CRM_PURE_HISTORY_QUERY_H
#define CRM_PURE_HISTORY_QUERY_H

#include "pure/history.h"

/* One local day with all that is known about it. */
typedef struct CrmHistoryDay
{
	int32_t		day;
	int64_t		net_minor;
} CrmHistoryDay;

/* Walks days in order.  The cursors are kept as a heap, the earliest entry on top. */
typedef struct CrmHistoryMerge
{
	CrmHistoryCursor *cursors;
	size_t		count;			/* cursors with an entry waiting */
	int32_t		as_of;
	CrmHistoryCode code;		/* OVERFLOW when a day's net does not fit */
} CrmHistoryMerge;

/* Starts a walk; each cursor has been given its chunk by crm_history_begin(). */
extern void crm_history_merge_begin(CrmHistoryMerge *merge, CrmHistoryCursor *cursors,
									size_t count, int32_t as_of);

/* The next day that has a counting entry (its net may be zero or negative); false at the end. */
extern bool crm_history_merge_day(CrmHistoryMerge *merge, CrmHistoryDay *day);

/* What a span of days sums up to. */
typedef struct CrmHistorySummary
{
	int64_t		order_days;		/* days with net > 0 */
	int64_t		net_minor;		/* of all days, also those with net <= 0 */
	int64_t		order_net_minor;	/* of the days with net > 0 alone */
	int32_t		first_day;		/* first and last day with net > 0; only when order_days > 0 */
	int32_t		last_day;
} CrmHistorySummary;

/*
 * Sums up the days in [from, to] as of a date.  The cursors are used up.  Returns OVERFLOW
 * when a sum does not fit, else OK.
 */
extern CrmHistoryCode crm_history_summarize(CrmHistoryCursor *cursors, size_t count,
											int32_t from, int32_t to, int32_t as_of,
											CrmHistorySummary *summary);

/* The same over days already merged: rules that ask several windows merge once. */
extern CrmHistoryCode crm_history_summarize_days(const CrmHistoryDay *days, size_t count,
												 int32_t from, int32_t to,
												 CrmHistorySummary *summary);

#endif
