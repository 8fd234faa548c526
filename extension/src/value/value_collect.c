/*
 * value_collect.c
 *		Purchases of everybody, collected by source record in one plain scan.
 *
 * GROUP BY copies a key and a state a group and calls a function a row and aggregate; here one
 * aggregate with one state takes all rows: a table record -> its last item, and items in
 * segments that never move, linked backwards.  Records become persons only at the end, by a
 * second such state over crm.membership, so no join is needed before.
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

static inline uint64
place_of(int64 record, uint64 room)
{
	uint64		hash = (uint64) record * UINT64CONST(0x9E3779B97F4A7C15);

	return (hash ^ (hash >> 32)) & (room - 1);
}

/* Records are positive (crm._new_id()); a place with record 0 is free. */
CrmCollectRecord *
crm_collect_find(CrmCollectRecord *records, uint64 room, int64 record)
{
	uint64		at = place_of(record, room);

	while (records[at].record != 0 && records[at].record != record)
		at = (at + 1) & (room - 1);
	return &records[at];
}

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
	uint32		address;

	if (collect->n_segments == 0 || collect->used + size > CRM_COLLECT_SEGMENT)
	{
		uint32		n = collect->n_segments;

		if (n >= PG_UINT32_MAX / CRM_COLLECT_UNITS - 1)
			ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED), errmsg("too many purchases to collect at once")));
		if (n % 64 == 0)
		{
			char	  **more = MemoryContextAlloc(collect->header.eoh_context, (n + 64) * sizeof(char *));

			if (n > 0)
			{
				memcpy(more, collect->segments, n * sizeof(char *));
				pfree(collect->segments);
			}
			collect->segments = more;
		}
		collect->segments[n] = MemoryContextAllocHuge(collect->header.eoh_context, CRM_COLLECT_SEGMENT);
		collect->n_segments++;
		collect->used = 0;
	}
	address = (uint32) ((collect->n_segments - 1) * CRM_COLLECT_UNITS + collect->used / 8 + 1);
	collect->used += size;
	collect->items++;
	return address;
}

static void
add_order(CrmCollect *collect, int64 record, int32 day, int64 minor)
{
	CrmCollectRecord *place = record_of(collect, record);
	CrmCollectOrder *order;
	uint32		address;
	int64		sum;

	if (place->what.first != CRM_COLLECT_NONE)
	{
		order = crm_collect_item(collect, place->what.first);
		if (order->day == day && !pg_add_s64_overflow(order->minor, minor, &sum))
		{
			order->minor = sum;
			return;
		}
	}
	address = make_item(collect, sizeof(CrmCollectOrder));
	order = crm_collect_item(collect, address);
	*order = (CrmCollectOrder) {place->what.first, day, minor};
	place->what.first = address;
	collect->item_bytes += sizeof(int32) + sizeof(int64);
}

static void
add_chunk(CrmCollect *collect, int64 record, const uint8_t *bytes, Size length)
{
	CrmCollectRecord *place = record_of(collect, record);
	uint32		address = make_item(collect, MAXALIGN(offsetof(CrmCollectChunk, bytes) + length));
	CrmCollectChunk *chunk = crm_collect_item(collect, address);

	chunk->next = place->what.first;
	chunk->length = length;
	memcpy(chunk->bytes, bytes, length);
	place->what.first = address;
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
	bool		is_owners = collect->kind == CRM_COLLECT_OWNERS;
	uint64		items = is_owners ? collect->count : collect->items;
	Size		bytes = is_owners ? collect->count * sizeof(int64) : collect->item_bytes;
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
put_record(char *at, const CrmCollect *collect, const CrmCollectRecord *place)
{
	uint32		length;

	if (collect->kind == CRM_COLLECT_OWNERS)
	{
		length = sizeof(int64);
		at = put(put(at, &place->record, sizeof(int64)), &length, sizeof(uint32));
		return put(at, &place->what.owner, sizeof(int64));
	}
	for (uint32 address = place->what.first; address != CRM_COLLECT_NONE;)
	{
		CrmCollectOrder *order = crm_collect_item(collect, address);
		CrmCollectChunk *chunk = (CrmCollectChunk *) order;
		bool		is_chunk = collect->kind == CRM_COLLECT_CHUNKS;

		length = is_chunk ? chunk->length : sizeof(int32) + sizeof(int64);
		at = put(put(at, &place->record, sizeof(int64)), &length, sizeof(uint32));
		at = is_chunk ? put(at, chunk->bytes, length) :
			put(put(at, &order->day, sizeof(int32)), &order->minor, sizeof(int64));
		address = order->next;	/* both kinds begin with it */
	}
	return at;
}

static void
flatten_into(ExpandedObjectHeader *header, void *result, Size size)
{
	CrmCollect *collect = (CrmCollect *) header;
	uint32		head[2] = {COLLECT_MAGIC, collect->kind};
	char	   *at = put((char *) result + VARHDRSZ, head, sizeof head);

	SET_VARSIZE(result, size);
	for (uint64 i = 0; i < collect->room; i++)
		if (collect->records[i].record != 0)
			at = put_record(at, collect, &collect->records[i]);
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
