/*
 * value_points.c
 *		Collected purchases as a point a person: last order day, order days, net.
 *
 * Records that belong to one person are chained first; then each person's purchases are
 * brought together by day, for "an order" is a distinct day with net > 0, whatever record it
 * came by.  A person with one record of one chunk, as most are, is summed up where it lies.
 */
#include "value/value_collect.h"

#include "common/int.h"
#include "miscadmin.h"

/* Room that is used again for each person. */
typedef struct Scratch
{
	CrmHistoryCursor *cursors;
	CrmHistoryDay *days;
	uint64		room;
} Scratch;

static void
need(Scratch *scratch, uint64 count)
{
	if (count <= scratch->room)
		return;
	scratch->room = count * 2;
	if (scratch->cursors)
	{
		pfree(scratch->cursors);
		pfree(scratch->days);
	}
	scratch->cursors = palloc_extended(scratch->room * sizeof(CrmHistoryCursor), MCXT_ALLOC_HUGE);
	scratch->days = palloc_extended(scratch->room * sizeof(CrmHistoryDay), MCXT_ALLOC_HUGE);
}

/* The records of a person, chained by their places. */
typedef struct Chain
{
	const CrmCollect *purchases;
	const uint32 *next_place;	/* place + 1 of the person's next record, 0 at the end */
	uint32		first_place;
} Chain;

static int
compare_days(const void *a, const void *b)
{
	const CrmHistoryDay *left = a;
	const CrmHistoryDay *right = b;

	return (left->day > right->day) - (left->day < right->day);
}

static void
add_day(CrmHistorySummary *summary, int32 day, int64 net)
{
	if (pg_add_s64_overflow(summary->net_minor, net, &summary->net_minor))
		crm_purchase_report(CRM_HISTORY_OVERFLOW);
	if (net <= 0)
		return;
	summary->order_days++;
	summary->last_day = Max(summary->last_day, day);
}

/* Orders of all records of a person in [from, as_of], brought together by day. */
static CrmHistorySummary
sum_orders(const Chain *chain, Scratch *scratch, int32 from, int32 as_of)
{
	CrmHistorySummary summary = {.last_day = PG_INT32_MIN};
	uint64		n = 0;

	for (uint32 place = chain->first_place; place != 0; place = chain->next_place[place - 1])
		for (uint32 address = chain->purchases->records[place - 1].what.first; address != CRM_COLLECT_NONE;)
		{
			const CrmCollectOrder *order = crm_collect_item(chain->purchases, address);

			address = order->next;
			if (order->day < from || order->day > as_of)
				continue;
			if (n + 1 > scratch->room)
			{
				CrmHistoryDay *old = scratch->days;

				scratch->room = (n + 1) * 2;
				scratch->days = palloc_extended(scratch->room * sizeof(CrmHistoryDay), MCXT_ALLOC_HUGE);
				memcpy(scratch->days, old, n * sizeof(CrmHistoryDay));
				pfree(old);
			}
			/* items come latest first: the newest days stand at the front */
			scratch->days[n++] = (CrmHistoryDay) {order->day, order->minor};
		}
	for (uint64 i = 1; i < n; i++)
		if (scratch->days[i].day > scratch->days[i - 1].day)
		{
			qsort(scratch->days, n, sizeof(CrmHistoryDay), compare_days);
			break;
		}
	for (uint64 i = 0; i < n;)
	{
		int64		net = 0;
		int32		day = scratch->days[i].day;

		for (; i < n && scratch->days[i].day == day; i++)
			if (pg_add_s64_overflow(net, scratch->days[i].net_minor, &net))
				crm_purchase_report(CRM_HISTORY_OVERFLOW);
		add_day(&summary, day, net);
	}
	return summary;
}

static CrmHistorySummary
sum_chunks(const Chain *chain, Scratch *scratch, int32 from, int32 as_of)
{
	CrmHistorySummary summary;
	CrmHistoryCode code;
	uint64		n = 0;

	for (uint32 place = chain->first_place; place != 0; place = chain->next_place[place - 1])
		for (uint32 address = chain->purchases->records[place - 1].what.first; address != CRM_COLLECT_NONE;)
		{
			const CrmCollectChunk *chunk = crm_collect_item(chain->purchases, address);

			address = chunk->next;
			if (n + 1 > scratch->room)
			{
				CrmHistoryCursor *old = scratch->cursors;

				scratch->room = (n + 1) * 2;
				scratch->cursors = palloc_extended(scratch->room * sizeof(CrmHistoryCursor), MCXT_ALLOC_HUGE);
				memcpy(scratch->cursors, old, n * sizeof(CrmHistoryCursor));
				pfree(old);
			}
			crm_history_begin(&scratch->cursors[n++], chunk->bytes, chunk->length);
		}
	code = crm_history_summarize(scratch->cursors, n, from, as_of, as_of, &summary);
	if (code != CRM_HISTORY_OK)
		crm_purchase_report(code);
	return summary;
}

/* The points of everybody with an order in [from, as_of], in no order. */
CrmValuePoint *
crm_value_points(const CrmCollect *purchases, const CrmCollect *owners, int32 from, int32 as_of, uint64 *count)
{
	uint32	   *next_place = palloc_extended(purchases->room * sizeof(uint32), MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	uint64		room = owners->room;
	CrmCollectRecord *persons = palloc_extended(room * sizeof(CrmCollectRecord), MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	CrmValuePoint *points;
	Scratch		scratch = {0};
	uint64		n = 0;
	uint64		n_persons = 0;

	for (uint64 i = 0; i < purchases->room; i++)
	{
		int64		record = purchases->records[i].record;
		CrmCollectRecord *owner;
		CrmCollectRecord *person;

		if (record == 0)
			continue;
		owner = crm_collect_find(owners->records, owners->room, record);
		if (owner->record == 0 || owner->what.owner == 0)
			continue;
		person = crm_collect_find(persons, room, owner->what.owner);
		n_persons += person->record == 0;
		person->record = owner->what.owner;
		next_place[i] = person->what.first;
		person->what.first = (uint32) i + 1;
	}
	points = palloc_extended(Max(n_persons, 1) * sizeof(CrmValuePoint), MCXT_ALLOC_HUGE);
	need(&scratch, 64);
	for (uint64 i = 0; i < room; i++)
	{
		Chain		chain = {purchases, next_place, persons[i].what.first};
		CrmHistorySummary summary;

		if (persons[i].record == 0)
			continue;
		if (n % 65536 == 0)
			CHECK_FOR_INTERRUPTS();
		summary = purchases->kind == CRM_COLLECT_CHUNKS ? sum_chunks(&chain, &scratch, from, as_of) :
			sum_orders(&chain, &scratch, from, as_of);
		if (summary.order_days > 0)
			points[n++] = (CrmValuePoint) {persons[i].record, summary.last_day, (int32) summary.order_days, summary.net_minor, {0}};
	}
	pfree(persons);
	pfree(next_place);
	*count = n;
	return points;
}
