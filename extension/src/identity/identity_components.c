/*
 * identity_components.c
 *		crm.identity_components(a, b): how many connected parts the edges of a query make.
 *
 * An aggregate: union-find over the numbers that come, nothing is stored.  Numbers that are
 * close together are places of an array; as soon as they are not, they get places through a
 * hash table.  Edges are gathered, and their places are asked for ahead of their turn, since
 * nearly all of the time is waiting for memory.
 */
#include "identity/identity.h"

#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/memutils.h"

#define GATHERED 1024			/* at first; more until it is clear whether numbers lie close */
#define MOST_GATHERED (1 << 20)
#define AHEAD 16
#define NOWHERE UINT32_MAX
#define FIRST_PLACES (1 << 20)
#define PLACES_AN_EDGE 16		/* an array may have so many for each edge seen */
#define MOST_PLACES (UINT32_MAX - 2)

typedef struct Edge
{
	int64		a;
	int64		b;
} Edge;

typedef struct Components
{
	MemoryContext memory;
	uint32	   *parent;			/* by place; NOWHERE for numbers that never came */
	uint64		n_places;
	int64		n_edges;
	int64		n_nodes;
	int64		n_parts;
	/* numbers by hash, once they are not close together */
	bool		is_hashed;
	int64	   *numbers;		/* of a slot */
	uint32	   *slots;			/* its place plus one; 0 is free */
	uint64		n_slots;
	int			n_waiting;
	int			room_waiting;
	Edge	   *waiting;
} Components;

PG_FUNCTION_INFO_V1(crm_identity_components_add);
PG_FUNCTION_INFO_V1(crm_identity_components_end);

static void
widen_places(Components *all, uint64 wanted)
{
	uint64		room = Max(all->n_places, FIRST_PLACES);
	uint32	   *parent;

	while (room < wanted)
		room *= 2;
	parent = MemoryContextAllocHuge(all->memory, room * sizeof(uint32));
	memset(parent, 0xff, room * sizeof(uint32));
	if (all->parent != NULL)
	{
		memcpy(parent, all->parent, all->n_places * sizeof(uint32));
		pfree(all->parent);
	}
	all->parent = parent;
	all->n_places = room;
}

static uint64
slot_of(const Components *all, int64 number)
{
	uint64		slot = (uint64) number * UINT64CONST(0x9E3779B97F4A7C15) >> 20 & (all->n_slots - 1);

	while (all->slots[slot] != 0 && all->numbers[slot] != number)
		slot = (slot + 1) & (all->n_slots - 1);
	return slot;
}

static void
widen_slots(Components *all)
{
	uint64		n_old = all->n_slots;
	uint32	   *slots = all->slots;
	int64	   *numbers = all->numbers;

	all->n_slots = n_old * 2;
	all->slots = MemoryContextAllocExtended(all->memory, all->n_slots * sizeof(uint32), MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	all->numbers = MemoryContextAllocHuge(all->memory, all->n_slots * sizeof(int64));
	for (uint64 old = 0; slots != NULL && old < n_old; old++)
		if (slots[old] != 0)
		{
			uint64		slot = slot_of(all, numbers[old]);

			all->slots[slot] = slots[old];
			all->numbers[slot] = numbers[old];
		}
	if (slots != NULL)
	{
		pfree(slots);
		pfree(numbers);
	}
}

/* The place of a number by hash; a new one for a number that is new. */
static uint32
hashed_place(Components *all, int64 number)
{
	uint64		slot = slot_of(all, number);

	if (all->slots[slot] == 0)
	{
		if ((uint64) all->n_nodes >= MOST_PLACES)
			ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED), errmsg("too many nodes to be counted")));
		if ((uint64) all->n_nodes >= all->n_places)
			widen_places(all, (uint64) all->n_nodes + 1);
		all->parent[all->n_nodes] = (uint32) all->n_nodes;
		all->slots[slot] = (uint32) ++all->n_nodes;
		all->numbers[slot] = number;
		all->n_parts++;
		if ((uint64) all->n_nodes * 2 > all->n_slots)
		{
			widen_slots(all);
			slot = slot_of(all, number);
		}
	}
	return all->slots[slot] - 1;
}

static uint32
root_of(uint32 *parent, uint32 place)
{
	while (parent[place] != place)
	{
		parent[place] = parent[parent[place]];
		place = parent[place];
	}
	return place;
}

/* Places so far were the numbers themselves. */
static void
begin_hashing(Components *all)
{
	uint32	   *parent = all->parent;
	uint64		n_places = all->n_places;

	all->is_hashed = true;
	all->parent = NULL;
	all->n_places = 0;
	all->n_nodes = all->n_parts = 0;
	all->n_slots = FIRST_PLACES;
	widen_slots(all);
	for (uint64 place = 0; place < n_places; place++)
		if (parent[place] != NOWHERE)
		{
			uint32		x = hashed_place(all, (int64) place);
			uint32		y = hashed_place(all, root_of(parent, (uint32) place));

			x = root_of(all->parent, x);
			y = root_of(all->parent, y);
			all->n_parts -= x != y;
			all->parent[Max(x, y)] = Min(x, y);
		}
	if (parent != NULL)
		pfree(parent);
}

static inline void
join(Components *all, uint32 x, uint32 y)
{
	x = root_of(all->parent, x);
	y = root_of(all->parent, y);
	all->n_parts -= x != y;
	if (x < y)
		all->parent[y] = x;
	else
		all->parent[x] = y;
}

static inline uint32
plain_place(Components *all, int64 number)
{
	if (all->parent[number] == NOWHERE)
	{
		all->parent[number] = (uint32) number;
		all->n_nodes++;
		all->n_parts++;
	}
	return (uint32) number;
}

/* The largest of the waiting numbers; those below 0 are beyond all. */
static uint64
largest_waiting(const Components *all)
{
	uint64		largest = 0;

	for (int i = 0; i < all->n_waiting; i++)
	{
		largest = Max(largest, (uint64) all->waiting[i].a);
		largest = Max(largest, (uint64) all->waiting[i].b);
	}
	return largest;
}

static bool
is_close(const Components *all, uint64 largest)
{
	return largest < MOST_PLACES &&
		largest < Max((uint64) all->n_edges * PLACES_AN_EDGE, FIRST_PLACES);
}

/* Few edges of large numbers say nothing yet: more are gathered. */
static bool
gather_more(Components *all)
{
	Edge	   *waiting;
	uint64		largest;

	if (all->is_hashed || all->room_waiting >= MOST_GATHERED)
		return false;
	largest = largest_waiting(all);
	if (largest < all->n_places || is_close(all, largest) ||
		largest >= (uint64) MOST_GATHERED * PLACES_AN_EDGE)
		return false;
	waiting = MemoryContextAllocHuge(all->memory, 2 * all->room_waiting * sizeof(Edge));
	memcpy(waiting, all->waiting, all->n_waiting * sizeof(Edge));
	pfree(all->waiting);
	all->waiting = waiting;
	all->room_waiting *= 2;
	return true;
}

/* All waiting numbers fit into the array, or room is made for them, or hashing begins. */
static void
make_places(Components *all)
{
	uint64		largest = largest_waiting(all);

	if (largest < all->n_places)
		return;
	if (is_close(all, largest))
		widen_places(all, largest + 1);
	else
		begin_hashing(all);
}

static void
join_waiting(Components *all)
{
	if (!all->is_hashed && all->n_waiting > 0)
		make_places(all);
	for (int i = 0; i < all->n_waiting; i++)
	{
		const Edge *edge = &all->waiting[i];

		if (all->is_hashed)
		{
			uint32		x = hashed_place(all, edge->a);

			join(all, x, hashed_place(all, edge->b));
			continue;
		}
		if (i + AHEAD < all->n_waiting)
		{
			__builtin_prefetch(&all->parent[all->waiting[i + AHEAD].a]);
			__builtin_prefetch(&all->parent[all->waiting[i + AHEAD].b]);
		}
		join(all, plain_place(all, edge->a), plain_place(all, edge->b));
	}
	all->n_waiting = 0;
}

/* _identity_components_add(state internal, a bigint, b bigint) returns internal */
Datum
crm_identity_components_add(PG_FUNCTION_ARGS)
{
	Components *all;

	if (PG_ARGISNULL(0))
	{
		MemoryContext memory;

		if (!AggCheckCallContext(fcinfo, &memory))
			ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED), errmsg("this is a part of an aggregate")));
		all = MemoryContextAllocZero(memory, sizeof(Components));
		all->memory = memory;
		all->room_waiting = GATHERED;
		all->waiting = MemoryContextAlloc(memory, GATHERED * sizeof(Edge));
	}
	else
		all = (Components *) PG_GETARG_POINTER(0);
	if (!PG_ARGISNULL(1) && !PG_ARGISNULL(2))
	{
		all->n_edges++;
		all->waiting[all->n_waiting++] = (Edge) {PG_GETARG_INT64(1), PG_GETARG_INT64(2)};
		if (all->n_waiting == all->room_waiting && !gather_more(all))
			join_waiting(all);
	}
	PG_RETURN_POINTER(all);
}

/* _identity_components_end(state internal) returns jsonb */
Datum
crm_identity_components_end(PG_FUNCTION_ARGS)
{
	Components *all = PG_ARGISNULL(0) ? NULL : (Components *) PG_GETARG_POINTER(0);
	char	   *text;

	if (all != NULL)
		join_waiting(all);
	text = psprintf("{\"nodes\": " INT64_FORMAT ", \"edges\": " INT64_FORMAT ", \"components\": " INT64_FORMAT "}",
					all ? all->n_nodes : 0, all ? all->n_edges : 0, all ? all->n_parts : 0);
	PG_RETURN_DATUM(DirectFunctionCall1(jsonb_in, CStringGetDatum(text)));
}
