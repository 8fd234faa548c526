/*
 * value_points.c
 *		Collected purchases as a point a person: last order day, order days, net.
 *
 * Records become persons first; then each person's purchases are brought together by day, for
 * "an order" is a distinct day with net > 0, whatever record it came by.  Chunks are walked
 * where they lie.  Orders are sorted by person without comparing any: counted, then copied to
 * their person's stretch, a million at a time, which keeps the copy in the cache and small.
 */
#include "value/value_collect.h"

#include "common/int.h"
#include "miscadmin.h"

#define DAYS_A_PASS ((uint64) 1 << 20)
#define AHEAD 16				/* how far table places are fetched before they are read */

static int
compare_days(const void *a, const void *b)
{
	const CrmHistoryDay *left = a;
	const CrmHistoryDay *right = b;

	return (left->day > right->day) - (left->day < right->day);
}

/* The purchases of one person, by day. */
static CrmHistorySummary
sum_days(CrmHistoryDay *days, uint64 n)
{
	CrmHistorySummary summary = {.last_day = PG_INT32_MIN};

	for (uint64 i = 1; i < n; i++)
		if (days[i].day < days[i - 1].day)
		{
			qsort(days, n, sizeof(CrmHistoryDay), compare_days);
			break;
		}
	for (uint64 i = 0; i < n;)
	{
		int64		net = 0;
		int32		day = days[i].day;

		for (; i < n && days[i].day == day; i++)
			if (pg_add_s64_overflow(net, days[i].net_minor, &net))
				crm_purchase_report(CRM_HISTORY_OVERFLOW);
		if (pg_add_s64_overflow(summary.net_minor, net, &summary.net_minor))
			crm_purchase_report(CRM_HISTORY_OVERFLOW);
		if (net > 0)
		{
			summary.order_days++;
			summary.last_day = day;
		}
	}
	return summary;
}

/* ---- persons, numbered in the order of the places of their records */

typedef struct Persons
{
	const CrmCollect *owners;
	int64	   *customers;		/* by number */
	uint64		count;
	uint32	   *of_place;		/* of owners: number + 1 of the person whose record lies there */
} Persons;

static Persons
number_persons(const CrmCollect *owners)
{
	uint64		room = owners->room;
	CrmCollectRecord *table = palloc_extended(room * sizeof(CrmCollectRecord), MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	Persons		persons = {owners};

	persons.customers = palloc_extended((owners->count + 1) * sizeof(int64), MCXT_ALLOC_HUGE);
	persons.of_place = palloc_extended(room * sizeof(uint32), MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	for (uint64 i = 0; i < room; i++)
	{
		const CrmCollectRecord *owner = &owners->records[i];
		CrmCollectRecord *person;

		if (i + AHEAD < room)
			__builtin_prefetch(&table[crm_collect_place(owners->records[i + AHEAD].what.owner, room)], 1);
		if (owner->record == 0 || owner->what.owner == 0)
			continue;
		person = crm_collect_find(table, room, owner->what.owner);
		if (person->record == 0)
		{
			person->record = owner->what.owner;
			person->what.index = (uint32) persons.count;
			persons.customers[persons.count++] = owner->what.owner;
		}
		persons.of_place[i] = person->what.index + 1;
	}
	pfree(table);
	return persons;
}

static void
fetch_person(const Persons *persons, int64 record)
{
	uint64		place = crm_collect_place(record, persons->owners->room);

	__builtin_prefetch(&persons->owners->records[place]);
	__builtin_prefetch(&persons->of_place[place]);
}

/* Number + 1 of the person whose record it is, 0 for nobody's. */
static uint32
person_of(const Persons *persons, int64 record)
{
	const CrmCollectRecord *place = crm_collect_find(persons->owners->records, persons->owners->room, record);

	return place->record == 0 ? 0 : persons->of_place[place - persons->owners->records];
}

/* ---- orders: sorted by person, a range of persons at a time */

/* Puts the person's number + 1 in place of the record's, and counts each person's orders in range. */
static uint32 *
count_orders(CrmCollect *purchases, const Persons *persons, int32 from, int32 as_of)
{
	uint32	   *person_by_index = palloc_extended((purchases->count + 1) * sizeof(uint32), MCXT_ALLOC_HUGE);
	uint32	   *counts = palloc_extended((persons->count + 1) * sizeof(uint32), MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);

	for (uint64 i = 0; i < purchases->room; i++)
	{
		if (i + AHEAD < purchases->room)
			fetch_person(persons, purchases->records[i + AHEAD].record);
		if (purchases->records[i].record != 0)
			person_by_index[purchases->records[i].what.index] = person_of(persons, purchases->records[i].record);
	}
	for (uint64 i = 0; i < purchases->items; i++)
	{
		CrmCollectOrder *order = crm_collect_order(purchases, i);
		uint32		person = order->day < from || order->day > as_of ? 0 : person_by_index[order->index];

		order->index = person;
		counts[person]++;
	}
	pfree(person_by_index);
	return counts;
}

static void
add_point(CrmValuePoint *points, uint64 *n, int64 customer, const CrmHistorySummary *summary)
{
	if (summary->order_days > 0)
		points[(*n)++] = (CrmValuePoint) {customer, summary->last_day, (int32) summary->order_days, summary->net_minor, {0}};
}

/*
 * The state is used up: a second question of the same orders collects again.  Orders are
 * copied to their person's stretch in as many passes as keep the copy small.
 */
static uint64
sum_orders(CrmCollect *purchases, const Persons *persons, int32 from, int32 as_of, CrmValuePoint *points)
{
	uint32	   *counts = count_orders(purchases, persons, from, as_of);
	CrmHistoryDay *days = NULL;
	uint64		room = 0;
	uint64	   *ends = palloc_extended((persons->count + 1) * sizeof(uint64), MCXT_ALLOC_HUGE);
	uint64		n = 0;

	crm_collect_use_up(purchases);
	for (uint64 low = 0, high; low < persons->count; low = high)
	{
		uint64		filled = 0;

		for (high = low; high < persons->count && (high == low || filled + counts[high + 1] <= DAYS_A_PASS); high++)
		{
			ends[high] = filled;
			filled += counts[high + 1];
		}
		if (filled > room)
		{
			room = Max(filled, DAYS_A_PASS);
			if (days)
				pfree(days);
			days = palloc_extended(room * sizeof(CrmHistoryDay), MCXT_ALLOC_HUGE);
		}
		CHECK_FOR_INTERRUPTS();
		for (uint64 i = 0; i < purchases->items; i++)
		{
			const CrmCollectOrder *order = crm_collect_order(purchases, i);

			if (order->index > low && order->index <= high)
				days[ends[order->index - 1]++] = (CrmHistoryDay) {order->day, order->minor};
		}
		for (uint64 person = low, start = 0; person < high; start = ends[person++])
		{
			CrmHistorySummary summary = sum_days(days + start, ends[person] - start);

			add_point(points, &n, persons->customers[person], &summary);
		}
	}
	crm_collect_free_items(purchases);
	pfree(counts);
	pfree(ends);
	if (days)
		pfree(days);
	return n;
}

/* ---- chunks: each is summed up where it lies; persons with several are gone over again */

typedef struct ChunkSum
{
	CrmHistorySummary summary;
	uint32		chunk;			/* address of the last one seen, which leads to the others */
	bool		has_several;
} ChunkSum;

static CrmHistorySummary
sum_several(const CrmCollect *purchases, uint32 address, CrmHistoryCursor **cursors, uint64 *room, int32 from, int32 as_of)
{
	uint64		used = 0;

	while (address != CRM_COLLECT_NONE)
	{
		const CrmCollectChunk *chunk = crm_collect_item(purchases, address);

		if (used == *room)
			*cursors = repalloc_huge(*cursors, (*room *= 2) * sizeof(CrmHistoryCursor));
		crm_history_begin(&(*cursors)[used++], chunk->bytes, chunk->length);
		address = chunk->next;
	}
	return crm_purchase_summarize(*cursors, used, from, as_of, as_of);
}

/* Sums up the chunks of one segment, a batch at a time, so that table misses overlap. */
static void
sum_segment(const CrmCollect *purchases, uint32 segment, const Persons *persons, int32 from, int32 as_of, ChunkSum *sums)
{
	char	   *bytes = purchases->segments[segment].bytes;
	Size		end = purchases->segments[segment].used;
	CrmCollectChunk *batch[AHEAD];
	uint32		numbers[AHEAD];

	for (Size used = 0; used < end;)
	{
		int			n = 0;

		for (; n < AHEAD && used < end; n++)
		{
			batch[n] = (CrmCollectChunk *) (bytes + used);
			fetch_person(persons, batch[n]->record);
			used += MAXALIGN(offsetof(CrmCollectChunk, bytes) + batch[n]->length);
		}
		for (int i = 0; i < n; i++)
		{
			numbers[i] = person_of(persons, batch[i]->record);
			if (numbers[i] != 0)
				__builtin_prefetch(&sums[numbers[i] - 1], 1);
		}
		for (int i = 0; i < n; i++)
		{
			ChunkSum   *sum = &sums[numbers[i] - 1];
			CrmHistoryCursor cursor;

			if (numbers[i] == 0)
				continue;
			batch[i]->next = sum->chunk;
			sum->has_several = sum->chunk != CRM_COLLECT_NONE;
			sum->chunk = (uint32) (segment * CRM_COLLECT_UNITS + ((char *) batch[i] - bytes) / 8 + 1);
			if (sum->has_several)
				continue;
			crm_history_begin(&cursor, batch[i]->bytes, batch[i]->length);
			sum->summary = crm_purchase_summarize(&cursor, 1, from, as_of, as_of);
		}
	}
}

static uint64
sum_chunks(const CrmCollect *purchases, const Persons *persons, int32 from, int32 as_of, CrmValuePoint *points)
{
	ChunkSum   *sums = palloc_extended((persons->count + 1) * sizeof(ChunkSum), MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	uint64		room = 64;
	CrmHistoryCursor *cursors = palloc(room * sizeof(CrmHistoryCursor));
	uint64		n = 0;

	for (uint32 segment = 0; segment < purchases->n_segments; segment++)
	{
		CHECK_FOR_INTERRUPTS();
		sum_segment(purchases, segment, persons, from, as_of, sums);
	}
	for (uint64 person = 0; person < persons->count; person++)
	{
		if (sums[person].has_several)
			sums[person].summary = sum_several(purchases, sums[person].chunk, &cursors, &room, from, as_of);
		add_point(points, &n, persons->customers[person], &sums[person].summary);
	}
	pfree(cursors);
	pfree(sums);
	return n;
}

/* The points of everybody with an order in [from, as_of], in no order. */
CrmValuePoint *
crm_value_points(CrmCollect *purchases, const CrmCollect *owners, int32 from, int32 as_of, uint64 *count)
{
	Persons		persons = number_persons(owners);
	CrmValuePoint *points = palloc_extended((persons.count + 1) * sizeof(CrmValuePoint), MCXT_ALLOC_HUGE);

	*count = purchases->kind == CRM_COLLECT_CHUNKS ? sum_chunks(purchases, &persons, from, as_of, points) :
		sum_orders(purchases, &persons, from, as_of, points);
	pfree(persons.customers);
	pfree(persons.of_place);
	return points;
}
