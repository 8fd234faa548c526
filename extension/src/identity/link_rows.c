/*
 * link_rows.c
 *		Rows of the matcher: values interned and prepared once, rows put in the order of their
 *		numbers, with a sketch of each value beside it.
 *
 * A value belongs to one field; two values of different fields are the same text where their
 * hashes are equal.
 */
#include "identity/link.h"

#include <stdlib.h>
#include <string.h>

#include "pure/distance.h"
#include "pure/hash.h"
#include "pure/units.h"

#define FIRST_ROOM 64			/* rows, values and words: a pair is scored in little memory */
#define MANY_ROWS 1024			/* from here on texts are looked for among those that came lately */
#define SEEN_TEXTS (1 << 14)	/* a field */
#define SEEN_TRIED 4096			/* after so many a field of texts that seldom come again goes without */

#define WORDS(bytes) (((bytes) + 7) / 8)
#define UNITS_ROOM_WORDS WORDS(CRM_UNITS_ROOM * sizeof(uint16_t))

typedef struct Order
{
	int64_t		id;
	uint32_t	row;
} Order;

void *
crm_link_grow(CrmLink *link, void *old, size_t used, size_t bytes)
{
	void	   *fresh = link->host.take(link->host.state, bytes);

	if (old != NULL)
	{
		memcpy(fresh, old, used);
		link->host.drop(link->host.state, old);
	}
	return fresh;
}

/* Given name and surname, the first of each; others say whose column they might stand in. */
static void
pair_names(CrmLink *link)
{
	int			given = -1;
	int			surname = -1;

	for (int f = link->n_fields - 1; f >= 0; f--)
	{
		given = link->fields[f].kind == CRM_LINK_GIVEN ? f : given;
		surname = link->fields[f].kind == CRM_LINK_SURNAME ? f : surname;
	}
	for (int f = 0; f < link->n_fields; f++)
		link->fields[f].partner = link->fields[f].kind == CRM_LINK_GIVEN ? surname :
			link->fields[f].kind == CRM_LINK_SURNAME ? given : -1;
	link->name_fields = given < 0 || surname < 0 ? 0 : 1u << given | 1u << surname;
}

/* Classes, digits and dates before names, names before long texts. */
static void
order_fields(CrmLink *link)
{
	static const CrmLinkKind kinds[CRM_LINK_KINDS] = {
		CRM_LINK_SEX, CRM_LINK_CLASS, CRM_LINK_ID, CRM_LINK_PHONE, CRM_LINK_DATE, CRM_LINK_NUMBER,
		CRM_LINK_POSTCODE, CRM_LINK_SURNAME, CRM_LINK_GIVEN, CRM_LINK_NAME, CRM_LINK_EMAIL, CRM_LINK_CODE,
		CRM_LINK_ADDRESS, CRM_LINK_TEXT
	};
	int			n = 0;

	for (int k = 0; k < CRM_LINK_KINDS; k++)
		for (int f = 0; f < link->n_fields; f++)
			if (link->fields[f].kind == kinds[k])
				link->cheapest[n++] = f;
}

void
crm_link_begin(CrmLink *link)
{
	for (int f = 0; f < link->n_fields; f++)
	{
		link->fields[f].n_levels = crm_link_levels_of(link->fields[f].kind);
		link->fields[f].holders = 0;
	}
	pair_names(link);
	order_fields(link);
	link->n_slots = 4 * FIRST_ROOM;
	link->slots = crm_link_grow(link, NULL, 0, link->n_slots * sizeof(uint64_t));
	memset(link->slots, 0, link->n_slots * sizeof(uint64_t));
	link->room_values = FIRST_ROOM;
	link->dictionary = crm_link_grow(link, NULL, 0, link->room_values * sizeof(CrmLinkValue));
	memset(link->dictionary, 0, sizeof(CrmLinkValue));
	link->n_values = 1;			/* number 0 is nothing */
}

/* What a slot holds of a value's hash; its field is mixed in, for one text may stand in two. */
static inline uint64_t
tag_of(uint64_t hash, int field)
{
	return (hash + (uint64_t) field * UINT64_C(0x9E3779B97F4A7C15)) & ~(uint64_t) UINT32_MAX;
}

static inline uint32_t
slot_of(const CrmLink *link, uint64_t hash, int field)
{
	return (uint32_t) ((hash + (uint64_t) field * UINT64_C(0x9E3779B97F4A7C15)) >> 7) & (link->n_slots - 1);
}

static void
widen_slots(CrmLink *link)
{
	link->host.drop(link->host.state, link->slots);
	link->n_slots *= 2;
	link->slots = crm_link_grow(link, NULL, 0, link->n_slots * sizeof(uint64_t));
	memset(link->slots, 0, link->n_slots * sizeof(uint64_t));
	for (uint32_t v = 1; v < link->n_values; v++)
	{
		const CrmLinkValue *value = &link->dictionary[v];
		uint32_t	slot = slot_of(link, value->hash, value->field);

		while (link->slots[slot] != 0)
			slot = (slot + 1) & (link->n_slots - 1);
		link->slots[slot] = tag_of(value->hash, value->field) | v;
	}
}

static void
make_room(CrmLink *link, size_t words)
{
	if (link->n_values >= link->room_values)
	{
		link->room_values += link->room_values / 2;
		link->dictionary = crm_link_grow(link, link->dictionary, link->n_values * sizeof(CrmLinkValue),
										 link->room_values * sizeof(CrmLinkValue));
	}
	if (link->arena_used + words + UNITS_ROOM_WORDS > link->arena_room)
	{
		link->arena_room = (link->arena_room ? link->arena_room : 16 * FIRST_ROOM) * 3 / 2 + words;
		link->arena = crm_link_grow(link, link->arena, link->arena_used * sizeof(uint64_t),
									link->arena_room * sizeof(uint64_t));
	}
}

static uint32_t
new_value(CrmLink *link, int field, uint64_t hash, const CrmLinkReading *reading)
{
	CrmLinkKind kind = link->fields[field].kind;
	size_t		prepared = reading->is_prepared ? crm_link_prepared_size(kind) : 0;
	size_t		n_prepared = WORDS(prepared);
	size_t		n_units = WORDS(reading->length * sizeof(uint16_t));
	CrmLinkValue *value;

	make_room(link, n_prepared + n_units);
	value = &link->dictionary[link->n_values];
	*value = (CrmLinkValue) {.hash = hash, .start = (uint32_t) link->arena_used,
		.length = (uint16_t) reading->length, .local = (uint16_t) reading->local,
		.n_prepared = (uint8_t) n_prepared, .field = (uint8_t) field,
		.rough = crm_link_rough(kind, reading),
	.signature = crm_units_signature(reading->units, kind == CRM_LINK_EMAIL ? reading->local : reading->length)};
	memset(link->arena + link->arena_used, 0, (n_prepared + n_units + UNITS_ROOM_WORDS) * sizeof(uint64_t));
	memcpy(link->arena + link->arena_used, &reading->prepared, prepared);
	memcpy(link->arena + link->arena_used + n_prepared, reading->units,
		   reading->length * sizeof(uint16_t));
	link->arena_used += n_prepared + n_units;
	value->self = (uint8_t) crm_link_value_level(kind, link->arena, value, value);
	return link->n_values++;
}

static bool
is_value(const CrmLink *link, uint64_t slot, uint64_t hash, int field)
{
	const CrmLinkValue *value = &link->dictionary[(uint32_t) slot];

	return (slot & ~(uint64_t) UINT32_MAX) == tag_of(hash, field) && value->hash == hash && value->field == field;
}

static uint32_t
intern(CrmLink *link, int field, uint64_t hash, const CrmLinkReading *reading)
{
	uint32_t	slot = slot_of(link, hash, field);
	uint32_t	value;

	while (link->slots[slot] != 0 && !is_value(link, link->slots[slot], hash, field))
		slot = (slot + 1) & (link->n_slots - 1);
	value = (uint32_t) link->slots[slot];
	if (value == 0)
	{
		value = new_value(link, field, hash, reading);
		link->slots[slot] = tag_of(hash, field) | value;
		if (link->n_values > link->n_slots / 4 * 3)
			widen_slots(link);
	}
	return value;
}

/* ---------------------------------------------------------------- texts that came lately */

/*
 * Names, towns and birthdays come again and again: then nothing is read or looked up.  NULL for
 * a field whose texts hardly do, and while there are few rows.
 */
static CrmLinkSeen *
seen_text(CrmLink *link, int field, uint64_t hash)
{
	if (link->n_rows < MANY_ROWS ||
		(link->asked[field] >= SEEN_TRIED && link->known[field] < link->asked[field] / 8))
		return NULL;
	if (link->seen == NULL)
	{
		link->seen = crm_link_grow(link, NULL, 0, (size_t) link->n_fields * SEEN_TEXTS * sizeof(CrmLinkSeen));
		memset(link->seen, 0, (size_t) link->n_fields * SEEN_TEXTS * sizeof(CrmLinkSeen));
	}
	link->asked[field]++;
	return &link->seen[(size_t) field * SEEN_TEXTS + (hash & (SEEN_TEXTS - 1))];
}

/* A field of a row between its two passes. */
typedef struct Pending
{
	CrmLinkReading reading;
	CrmLinkSeen *seen;
	uint64_t	text_hash;
	uint64_t	hash;
	uint32_t	value;			/* known at once; 0 nothing, or to be interned */
	bool		is_read;
} Pending;

/* Reads a text, and calls for the place in memory where its value will be looked up. */
static void
read_text(CrmLink *link, int field, const char *text, size_t length, Pending *pending)
{
	pending->is_read = false;
	pending->value = 0;
	if (text == NULL)
		return;
	pending->text_hash = crm_hash_bytes(text, length);
	pending->seen = seen_text(link, field, pending->text_hash);
	if (pending->seen != NULL && pending->seen->value != 0 && pending->seen->hash == pending->text_hash)
	{
		link->known[field]++;
		pending->value = pending->seen->value;
		return;
	}
	pending->is_read = crm_link_read(link->fields[field].kind, text, length, &pending->reading);
	if (!pending->is_read)
		return;
	pending->hash = crm_hash_bytes(pending->reading.units, pending->reading.length * sizeof(uint16_t));
	__builtin_prefetch(&link->slots[slot_of(link, pending->hash, field)]);
}

static uint32_t
take_text(CrmLink *link, int field, Pending *pending)
{
	if (pending->is_read)
	{
		pending->value = intern(link, field, pending->hash, &pending->reading);
		if (pending->seen != NULL)
			*pending->seen = (CrmLinkSeen) {pending->text_hash, pending->value};
	}
	if (pending->value != 0)
	{
		link->dictionary[pending->value].count++;
		link->fields[field].holders++;
	}
	return pending->value;
}

void
crm_link_row(CrmLink *link, int64_t id, const char *const *texts, const size_t *lengths)
{
	Pending		pending[CRM_LINK_MAX_FIELDS];

	if (link->n_rows >= link->room_rows)
	{
		link->room_rows = link->room_rows ? link->room_rows * 2 : FIRST_ROOM;
		link->ids = crm_link_grow(link, link->ids, link->n_rows * sizeof(int64_t),
								  link->room_rows * sizeof(int64_t));
		link->values = crm_link_grow(link, link->values,
									 (size_t) link->n_rows * link->n_fields * sizeof(uint32_t),
									 (size_t) link->room_rows * link->n_fields * sizeof(uint32_t));
	}
	link->ids[link->n_rows] = id;
	for (int f = 0; f < link->n_fields; f++)
		read_text(link, f, texts[f], lengths[f], &pending[f]);
	for (int f = 0; f < link->n_fields; f++)
		link->values[(size_t) link->n_rows * link->n_fields + f] = take_text(link, f, &pending[f]);
	link->n_rows++;
}

/* ---------------------------------------------------------------- all rows */

static int
compare_order(const void *left, const void *right)
{
	const Order *a = left;
	const Order *b = right;

	return a->id < b->id ? -1 : a->id > b->id;
}

/* Growing leaves room that nobody needs any more. */
static void
give_back(CrmLink *link)
{
	size_t		words = link->arena_used + UNITS_ROOM_WORDS;

	link->dictionary = crm_link_grow(link, link->dictionary, link->n_values * sizeof(CrmLinkValue),
									 link->n_values * sizeof(CrmLinkValue));
	link->room_values = link->n_values;
	if (link->n_rows < link->room_rows)
		link->values = crm_link_grow(link, link->values,
									 (size_t) link->n_rows * link->n_fields * sizeof(uint32_t),
									 (size_t) link->n_rows * link->n_fields * sizeof(uint32_t));
	link->room_rows = link->n_rows;
	if (link->arena == NULL)
		return;
	link->arena = crm_link_grow(link, link->arena, words * sizeof(uint64_t), words * sizeof(uint64_t));
	link->arena_room = words;
}

static bool
are_in_order(const CrmLink *link)
{
	for (uint32_t i = 1; i < link->n_rows; i++)
		if (link->ids[i - 1] > link->ids[i])
			return false;
	return true;
}

static void
put_in_order(CrmLink *link)
{
	size_t		width = link->n_fields * sizeof(uint32_t);
	Order	   *order = crm_link_grow(link, NULL, 0, link->n_rows * sizeof(Order));
	uint32_t   *values = crm_link_grow(link, NULL, 0, link->n_rows * width);

	for (uint32_t i = 0; i < link->n_rows; i++)
		order[i] = (Order) {link->ids[i], i};
	qsort(order, link->n_rows, sizeof(Order), compare_order);
	for (uint32_t i = 0; i < link->n_rows; i++)
	{
		link->ids[i] = order[i].id;
		memcpy((char *) values + i * width, (char *) link->values + order[i].row * width, width);
	}
	link->host.drop(link->host.state, order);
	link->host.drop(link->host.state, link->values);
	link->values = values;
}

typedef struct Sketching
{
	CrmLink    *link;
	CrmLinkSketch *of_values;
} Sketching;

static void
sketch_values(void *argument, int part)
{
	const Sketching *work = argument;
	const CrmLink *link = work->link;
	uint32_t	end = (uint32_t) ((uint64_t) link->n_values * (uint64_t) (part + 1) / CRM_LINK_PARTS);

	for (uint32_t v = (uint32_t) ((uint64_t) link->n_values * (uint64_t) part / CRM_LINK_PARTS); v < end; v++)
	{
		const CrmLinkValue *value = &link->dictionary[v];

		work->of_values[v] = v == 0 ? (CrmLinkSketch) {0} :
			crm_link_sketch(link->fields[value->field].kind, link->arena, value);
	}
}

static void
sketch_part(void *argument, int part)
{
	const Sketching *work = argument;
	const CrmLink *link = work->link;
	size_t		end = (size_t) crm_link_part_start(link, part + 1) * link->n_fields;

	for (size_t i = (size_t) crm_link_part_start(link, part) * link->n_fields; i < end; i++)
		link->sketches[i] = work->of_values[link->values[i]];
}

/* Value by value and then row by row: the first pass reads the values in their order. */
void
crm_link_sketch_rows(CrmLink *link)
{
	size_t		cells = (size_t) link->n_rows * link->n_fields;
	Sketching	work = {link, crm_link_grow(link, NULL, 0, link->n_values * sizeof(CrmLinkSketch))};

	crm_link_share(link, sketch_values, &work, CRM_LINK_PARTS);
	link->sketches = crm_link_grow(link, NULL, 0, cells * sizeof(CrmLinkSketch));
	crm_link_share(link, sketch_part, &work, CRM_LINK_PARTS);
	link->host.drop(link->host.state, work.of_values);
}

void
crm_link_rows_done(CrmLink *link)
{
	link->host.drop(link->host.state, link->slots);
	link->slots = NULL;
	if (link->seen != NULL)
		link->host.drop(link->host.state, link->seen);
	link->seen = NULL;
	give_back(link);
	if (link->n_rows == 0)
		return;
	if (!are_in_order(link))
		put_in_order(link);
}
