/*
 * value_collect.c
 *		Purchases of everybody, collected by source record in one plain scan.
 *
 * GROUP BY copies a key and a state a group and calls a function a row and aggregate; here one
 * aggregate with one state takes all rows into segments that
 * never move, as they come.  Of orders the record is looked up 64 at a time, so that the
 * misses of the table overlap, and only its number is kept.
 * Records become persons only at the end, by a second such state over crm.membership, so no
 * join is needed before.
 *
 * The state's type is bytea: an expanded object while it is collected, and flat (kind, then
 * what was added, in any order) between processes.  Flat bytes are checked as they are added.
 * The aggregate's result is a ticket: the executor would copy a large value once more, so the
 * final function hands out a number under which this backend finds the state for as long as
 * the aggregate's node lives.  A ticket that is forged, kept or carried elsewhere finds nothing.
 * At most 32 GB of items; takes no locks.
 */
#include "value/value_collect.h"

#include "common/int.h"
#include "utils/memutils.h"

#define COLLECT_MAGIC 0x434F4C31
#define TICKET_MAGIC 0x54494B31
#define FIRST_ROOM 1024
#define MOST_FLAT ((Size) 256 << 20)

/* ---- the table */

static void
grow(CrmCollect *collect)
{
	uint64		room = collect->room * 2;
	CrmCollectRecord *records = MemoryContextAllocExtended(collect->header.eoh_context, room * sizeof(CrmCollectRecord),
														   MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);

	for (uint64 i = 0; i < collect->room; i++)
		if (collect->records[i].record != 0)
			*crm_collect_find(records, room, collect->records[i].record) = collect->records[i];
	pfree(collect->records);
	collect->records = records;
	collect->room = room;
}

static CrmCollectRecord *
record_of(CrmCollect *collect, int64 record)
{
	CrmCollectRecord *place;

	if (record <= 0)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("record %lld is not positive", (long long) record)));
	place = crm_collect_find(collect->records, collect->room, record);
	if (place->record != 0)
		return place;
	if (collect->count * 3 >= collect->room * 2)
	{
		grow(collect);
		place = crm_collect_find(collect->records, collect->room, record);
	}
	collect->count++;
	place->record = record;
	return place;
}

/* Room for an item of a size that eight divides; its address is the result. */
static uint32
make_item(CrmCollect *collect, Size size)
{
	uint32		n = collect->n_segments;
	uint32		address;

	if (n == 0 || collect->segments[n - 1].used + size > CRM_COLLECT_SEGMENT)
	{
		if (n >= PG_UINT32_MAX / CRM_COLLECT_UNITS - 1)
			ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED), errmsg("too many purchases to collect at once")));
		if (n == 0)
			collect->segments = MemoryContextAlloc(collect->header.eoh_context, 64 * sizeof(*collect->segments));
		else if (n % 64 == 0)
			collect->segments = repalloc(collect->segments, (n + 64) * sizeof(*collect->segments));
		collect->segments[n].bytes = MemoryContextAllocHuge(collect->header.eoh_context, CRM_COLLECT_SEGMENT);
		collect->segments[n].used = 0;
		collect->n_segments = ++n;
	}
	address = (uint32) ((n - 1) * CRM_COLLECT_UNITS + collect->segments[n - 1].used / 8 + 1);
	collect->segments[n - 1].used += size;
	collect->items++;
	return address;
}

/* Finds the records of the orders that wait, and puts the orders at the end. */
static void
find_waiting(CrmCollect *collect)
{
	for (int i = 0; i < collect->n_waiting; i++)
		__builtin_prefetch(&collect->records[crm_collect_place(collect->waiting[i].record, collect->room)], 1);
	for (int i = 0; i < collect->n_waiting; i++)
	{
		uint64		known = collect->count;
		CrmCollectRecord *place = record_of(collect, collect->waiting[i].record);
		uint32		address;

		if (collect->count > known)
			place->what.index = (uint32) known;
		address = make_item(collect, sizeof(CrmCollectOrder));
		*(CrmCollectOrder *) crm_collect_item(collect, address) =
			(CrmCollectOrder) {place->what.index, collect->waiting[i].day, collect->waiting[i].minor};
	}
	collect->n_waiting = 0;
}

static inline void
add_order(CrmCollect *collect, int64 record, int32 day, int64 minor)
{
	int			n = collect->n_waiting;

	collect->waiting[n].record = record;
	collect->waiting[n].day = day;
	collect->waiting[n].minor = minor;
	if (++collect->n_waiting == CRM_COLLECT_BATCH)
		find_waiting(collect);
}

static void
add_chunk(CrmCollect *collect, int64 record, const uint8_t *bytes, Size length)
{
	uint32		address = make_item(collect, MAXALIGN(offsetof(CrmCollectChunk, bytes) + length));
	CrmCollectChunk *chunk = crm_collect_item(collect, address);

	chunk->record = record;
	chunk->next = CRM_COLLECT_NONE;
	chunk->length = length;
	memcpy(chunk->bytes, bytes, length);
	collect->item_bytes += length;
}

/* ---- flat: magic, kind, then (record, size, payload) an item */

typedef struct FlatItem
{
	int64		record;
	uint32		length;
} FlatItem;

#define FLAT_ITEM (sizeof(int64) + sizeof(uint32))

static Size
flat_size(ExpandedObjectHeader *header)
{
	CrmCollect *collect = (CrmCollect *) header;
	uint64		items = collect->kind == CRM_COLLECT_OWNERS ? collect->count : collect->items + collect->n_waiting;
	Size		bytes = collect->kind == CRM_COLLECT_OWNERS ? items * sizeof(int64) :
		collect->kind == CRM_COLLECT_ORDERS ? items * (sizeof(int32) + sizeof(int64)) : collect->item_bytes;
	Size		size = VARHDRSZ + 2 * sizeof(uint32) + items * FLAT_ITEM + bytes;

	if (size > MOST_FLAT)
		ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
						errmsg("too much was collected to be sent to another process"),
						errhint("Collect without parallel workers, or in ranges of records.")));
	return size;
}

static char *
put(char *at, const void *bytes, Size length)
{
	memcpy(at, bytes, length);
	return at + length;
}

static char *
put_owners(char *at, const CrmCollect *collect)
{
	uint32		length = sizeof(int64);

	for (uint64 i = 0; i < collect->room; i++)
		if (collect->records[i].record != 0)
		{
			at = put(put(at, &collect->records[i].record, sizeof(int64)), &length, sizeof(uint32));
			at = put(at, &collect->records[i].what.owner, sizeof(int64));
		}
	return at;
}

static char *
put_chunks(char *at, const CrmCollect *collect)
{
	for (uint32 n = 0; n < collect->n_segments; n++)
		for (Size used = 0; used < collect->segments[n].used;)
		{
			const CrmCollectChunk *chunk = (CrmCollectChunk *) (collect->segments[n].bytes + used);

			at = put(put(at, &chunk->record, sizeof(int64)), &chunk->length, sizeof(uint32));
			at = put(at, chunk->bytes, chunk->length);
			used += MAXALIGN(offsetof(CrmCollectChunk, bytes) + chunk->length);
		}
	return at;
}

static char *
put_orders(char *at, const CrmCollect *collect)
{
	int64	   *record_of_index = palloc_extended(Max(collect->count, 1) * sizeof(int64), MCXT_ALLOC_HUGE);
	uint32		length = sizeof(int32) + sizeof(int64);

	for (uint64 i = 0; i < collect->room; i++)
		if (collect->records[i].record != 0)
			record_of_index[collect->records[i].what.index] = collect->records[i].record;
	for (uint64 i = 0; i < collect->items; i++)
	{
		const CrmCollectOrder *order = crm_collect_order(collect, i);

		at = put(put(at, &record_of_index[order->index], sizeof(int64)), &length, sizeof(uint32));
		at = put(put(at, &order->day, sizeof(int32)), &order->minor, sizeof(int64));
	}
	pfree(record_of_index);
	return at;
}

static void
flatten_into(ExpandedObjectHeader *header, void *result, Size size)
{
	CrmCollect *collect = (CrmCollect *) header;
	uint32		head[2] = {COLLECT_MAGIC, collect->kind};
	char	   *at = put((char *) result + VARHDRSZ, head, sizeof head);

	SET_VARSIZE(result, size);
	find_waiting(collect);
	at = collect->kind == CRM_COLLECT_ORDERS ? put_orders(at, collect) :
		collect->kind == CRM_COLLECT_CHUNKS ? put_chunks(at, collect) : put_owners(at, collect);
	Assert(at == (char *) result + size);
}

static const ExpandedObjectMethods methods = {flat_size, flatten_into};

static CrmCollect *
make_collect(MemoryContext parent, CrmCollectKind kind)
{
	MemoryContext context = AllocSetContextCreate(parent, "crm value collect", ALLOCSET_DEFAULT_SIZES);
	CrmCollect *collect = MemoryContextAllocZero(context, sizeof(CrmCollect));

	EOH_init_header(&collect->header, &methods, context);
	collect->magic = COLLECT_MAGIC;
	collect->kind = kind;
	collect->room = FIRST_ROOM;
	collect->records = MemoryContextAllocZero(context, FIRST_ROOM * sizeof(CrmCollectRecord));
	return collect;
}

static void
refuse_bytes(void)
{
	ereport(ERROR, (errcode(ERRCODE_INVALID_BINARY_REPRESENTATION), errmsg("bytes are no collected purchases")));
}

static void
add_flat(CrmCollect *collect, const struct varlena *flat)
{
	const char *at = VARDATA_ANY(flat);
	const char *end = at + VARSIZE_ANY_EXHDR(flat);
	uint32		head[2] = {0, 0};

	if (end - at >= sizeof head)
		memcpy(head, at, sizeof head);
	if (head[0] != COLLECT_MAGIC || head[1] != collect->kind)
		refuse_bytes();
	for (at += sizeof head; at < end;)
	{
		FlatItem	item;
		int32		day;
		int64		number;

		if (end - at < FLAT_ITEM)
			refuse_bytes();
		memcpy(&item.record, at, sizeof(int64));
		memcpy(&item.length, at + sizeof(int64), sizeof(uint32));
		at += FLAT_ITEM;
		if (item.length > end - at || item.length < (collect->kind == CRM_COLLECT_ORDERS ? 12 : 8))
			refuse_bytes();
		if (collect->kind == CRM_COLLECT_CHUNKS)
		{
			if (crm_history_validate((const uint8_t *) at, item.length) != CRM_HISTORY_OK)
				refuse_bytes();
			add_chunk(collect, item.record, (const uint8_t *) at, item.length);
		}
		else if (collect->kind == CRM_COLLECT_ORDERS)
		{
			memcpy(&day, at, sizeof day);
			memcpy(&number, at + sizeof day, sizeof number);
			add_order(collect, item.record, day, number);
		}
		else
		{
			memcpy(&number, at, sizeof number);
			record_of(collect, item.record)->what.owner = number;
		}
		at += item.length;
	}
}

/* The collecting state of the first argument. */
static CrmCollect *
collect_of_argument(FunctionCallInfo fcinfo, CrmCollectKind kind)
{
	MemoryContext context;
	struct varlena *state;
	CrmCollect *collect;

	if (!AggCheckCallContext(fcinfo, &context))
		ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
						errmsg("the steps of a collecting aggregate cannot be called by themselves")));
	if (PG_ARGISNULL(0))
		return make_collect(context, kind);
	state = (struct varlena *) PG_GETARG_POINTER(0);
	if (VARATT_IS_EXTERNAL_EXPANDED_RW(state))
	{
		collect = (CrmCollect *) DatumGetEOHP(PointerGetDatum(state));
		if (collect->magic == COLLECT_MAGIC && collect->kind == kind)
			return collect;
		refuse_bytes();
	}
	collect = make_collect(context, kind);
	add_flat(collect, PG_DETOAST_DATUM_PACKED(PointerGetDatum(state)));
	return collect;
}

/* ---- tickets */

typedef struct Ticket
{
	uint32		magic;
	uint32		kind;
	uint64		serial;
} Ticket;

static CrmCollect *handed_out = NULL;
static uint64 last_serial = 0;

static void
forget(void *argument)
{
	for (CrmCollect **at = &handed_out; *at != NULL; at = &(*at)->next_out)
		if (*at == argument)
		{
			*at = (*at)->next_out;
			return;
		}
}

/* What was collected; kind 0 takes chunks and orders. */
CrmCollect *
crm_collect_of(Datum value, CrmCollectKind kind)
{
	struct varlena *bytes = PG_DETOAST_DATUM_PACKED(value);
	Ticket		ticket = {0};

	if (VARSIZE_ANY_EXHDR(bytes) == sizeof ticket)
		memcpy(&ticket, VARDATA_ANY(bytes), sizeof ticket);
	if (ticket.magic == TICKET_MAGIC)
		for (CrmCollect *collect = handed_out; collect != NULL; collect = collect->next_out)
			if (collect->serial == ticket.serial &&
				(kind == 0 ? collect->kind != CRM_COLLECT_OWNERS : collect->kind == kind))
				return collect;
	ereport(ERROR, (errcode(ERRCODE_INVALID_BINARY_REPRESENTATION),
					errmsg("there are no such collected purchases"),
					errhint("Use the result of crm.value_collect() in the statement that collects.")));
}

/* Orders are sorted where they lie: who asks a second time is told to collect again. */
void
crm_collect_use_up(CrmCollect *collect)
{
	forget(collect);
	pfree(collect->records);
	collect->records = NULL;
}

/* Gives back the memory of what was used up. */
void
crm_collect_free_items(CrmCollect *collect)
{
	for (uint32 i = 0; i < collect->n_segments; i++)
		pfree(collect->segments[i].bytes);
	collect->n_segments = 0;
}

PG_FUNCTION_INFO_V1(crm_value_collect_finish);

/* The final function: a ticket for the state. */
Datum
crm_value_collect_finish(PG_FUNCTION_ARGS)
{
	MemoryContext context;
	CrmCollect *collect;
	Ticket		ticket;
	bytea	   *result;

	if (!AggCheckCallContext(fcinfo, &context))
		ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
						errmsg("the steps of a collecting aggregate cannot be called by themselves")));
	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	if (VARATT_IS_EXTERNAL_EXPANDED(DatumGetPointer(PG_GETARG_DATUM(0))))
		collect = (CrmCollect *) DatumGetEOHP(PG_GETARG_DATUM(0));
	else
	{
		struct varlena *flat = PG_DETOAST_DATUM_PACKED(PG_GETARG_DATUM(0));
		uint32		head[2] = {0, 0};

		if (VARSIZE_ANY_EXHDR(flat) >= sizeof head)
			memcpy(head, VARDATA_ANY(flat), sizeof head);
		collect = make_collect(context, head[1]);
		add_flat(collect, flat);
	}
	if (collect->magic != COLLECT_MAGIC)
		refuse_bytes();
	find_waiting(collect);
	if (collect->serial == 0)
	{
		collect->serial = ++last_serial;
		collect->next_out = handed_out;
		handed_out = collect;
		collect->gone.func = forget;
		collect->gone.arg = collect;
		MemoryContextRegisterResetCallback(collect->header.eoh_context, &collect->gone);
	}
	ticket = (Ticket) {TICKET_MAGIC, collect->kind, collect->serial};
	result = palloc(VARHDRSZ + sizeof ticket);
	SET_VARSIZE(result, VARHDRSZ + sizeof ticket);
	memcpy(VARDATA(result), &ticket, sizeof ticket);
	PG_RETURN_BYTEA_P(result);
}

PG_FUNCTION_INFO_V1(crm_value_collect_chunk);
PG_FUNCTION_INFO_V1(crm_value_collect_order);
PG_FUNCTION_INFO_V1(crm_value_collect_owner);
PG_FUNCTION_INFO_V1(crm_value_collect_combine_chunks);
PG_FUNCTION_INFO_V1(crm_value_collect_combine_orders);
PG_FUNCTION_INFO_V1(crm_value_collect_combine_owners);

/* crm._value_collect_chunk(state, source_record_id, history) */
Datum
crm_value_collect_chunk(PG_FUNCTION_ARGS)
{
	CrmCollect *collect = collect_of_argument(fcinfo, CRM_COLLECT_CHUNKS);

	if (!PG_ARGISNULL(1) && !PG_ARGISNULL(2))
	{
		CrmPurchaseChunk chunk = crm_purchase_chunk(PG_GETARG_DATUM(2));

		add_chunk(collect, PG_GETARG_INT64(1), chunk.bytes, chunk.length);
	}
	return EOHPGetRWDatum(&collect->header);
}

/* crm._value_collect_order(state, source_record_id, day, minor) */
Datum
crm_value_collect_order(PG_FUNCTION_ARGS)
{
	CrmCollect *collect = collect_of_argument(fcinfo, CRM_COLLECT_ORDERS);

	if (!PG_ARGISNULL(1) && !PG_ARGISNULL(2) && !PG_ARGISNULL(3))
		add_order(collect, PG_GETARG_INT64(1), PG_GETARG_DATEADT(2), PG_GETARG_INT64(3));
	return EOHPGetRWDatum(&collect->header);
}

/* crm._value_collect_owner(state, source_record_id, customer_id) */
Datum
crm_value_collect_owner(PG_FUNCTION_ARGS)
{
	CrmCollect *collect = collect_of_argument(fcinfo, CRM_COLLECT_OWNERS);

	if (!PG_ARGISNULL(1) && !PG_ARGISNULL(2))
		record_of(collect, PG_GETARG_INT64(1))->what.owner = PG_GETARG_INT64(2);
	return EOHPGetRWDatum(&collect->header);
}

static Datum
combine(FunctionCallInfo fcinfo, CrmCollectKind kind)
{
	CrmCollect *collect;

	if (PG_ARGISNULL(0) && PG_ARGISNULL(1))
		PG_RETURN_NULL();
	collect = collect_of_argument(fcinfo, kind);
	if (!PG_ARGISNULL(1))
		add_flat(collect, PG_DETOAST_DATUM_PACKED(PG_GETARG_DATUM(1)));
	return EOHPGetRWDatum(&collect->header);
}

Datum
crm_value_collect_combine_chunks(PG_FUNCTION_ARGS)
{
	return combine(fcinfo, CRM_COLLECT_CHUNKS);
}

Datum
crm_value_collect_combine_orders(PG_FUNCTION_ARGS)
{
	return combine(fcinfo, CRM_COLLECT_ORDERS);
}

Datum
crm_value_collect_combine_owners(PG_FUNCTION_ARGS)
{
	return combine(fcinfo, CRM_COLLECT_OWNERS);
}
