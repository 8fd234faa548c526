/*
 * link_rows.c
 *		Rows of the matcher: values interned and prepared once, rows put in the order of their
 *		numbers.
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

static uint32_t
name_fields(const CrmLink *link)
{
	int			given = -1;
	int			surname = -1;

	for (int f = 0; f < link->n_fields; f++)
	{
		given = link->fields[f].kind == CRM_LINK_GIVEN && given < 0 ? f : given;
		surname = link->fields[f].kind == CRM_LINK_SURNAME && surname < 0 ? f : surname;
	}
	return given < 0 || surname < 0 ? 0 : 1u << given | 1u << surname;
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
	link->name_fields = name_fields(link);
	order_fields(link);
	link->n_slots = 4 * FIRST_ROOM;
	link->slots = crm_link_grow(link, NULL, 0, link->n_slots * sizeof(uint32_t));
	memset(link->slots, 0, link->n_slots * sizeof(uint32_t));
	link->room_values = FIRST_ROOM;
	link->dictionary = crm_link_grow(link, NULL, 0, link->room_values * sizeof(CrmLinkValue));
	memset(link->dictionary, 0, sizeof(CrmLinkValue));
	link->n_values = 1;			/* number 0 is nothing */
}

static uint32_t
slot_of(const CrmLink *link, uint64_t hash, int field)
{
	return (uint32_t) ((hash + (uint64_t) field * UINT64_C(0x9E3779B97F4A7C15)) >> 7) & (link->n_slots - 1);
}

static void
widen_slots(CrmLink *link)
{
	link->host.drop(link->host.state, link->slots);
	link->n_slots *= 2;
	link->slots = crm_link_grow(link, NULL, 0, link->n_slots * sizeof(uint32_t));
	memset(link->slots, 0, link->n_slots * sizeof(uint32_t));
	for (uint32_t v = 1; v < link->n_values; v++)
	{
		uint32_t	slot = slot_of(link, link->dictionary[v].hash, link->dictionary[v].field);

		while (link->slots[slot] != 0)
			slot = (slot + 1) & (link->n_slots - 1);
		link->slots[slot] = v;
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

static uint32_t
intern(CrmLink *link, int field, const CrmLinkReading *reading)
{
	uint64_t	hash = crm_hash_bytes(reading->units, reading->length * sizeof(uint16_t));
	uint32_t	slot = slot_of(link, hash, field);
	uint32_t	value;

	while ((value = link->slots[slot]) != 0 &&
		   (link->dictionary[value].hash != hash || link->dictionary[value].field != field))
		slot = (slot + 1) & (link->n_slots - 1);
	if (value == 0)
	{
		value = link->slots[slot] = new_value(link, field, hash, reading);
		if (link->n_values * 2 > link->n_slots)
			widen_slots(link);
	}
	link->dictionary[value].count++;
	return value;
}

void
crm_link_row(CrmLink *link, int64_t id, const char *const *texts, const size_t *lengths)
{
	CrmLinkReading reading;

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
	{
		uint32_t	value = 0;

		if (texts[f] != NULL && crm_link_read(link->fields[f].kind, texts[f], lengths[f], &reading))
		{
			value = intern(link, f, &reading);
			link->fields[f].holders++;
		}
		link->values[(size_t) link->n_rows * link->n_fields + f] = value;
	}
	link->n_rows++;
}

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
	if (link->arena == NULL)
		return;
	link->arena = crm_link_grow(link, link->arena, words * sizeof(uint64_t), words * sizeof(uint64_t));
	link->arena_room = words;
}

void
crm_link_rows_done(CrmLink *link)
{
	size_t		width = link->n_fields * sizeof(uint32_t);
	Order	   *order;
	uint32_t   *values;

	link->host.drop(link->host.state, link->slots);
	link->slots = NULL;
	give_back(link);
	if (link->n_rows == 0)
		return;
	order = crm_link_grow(link, NULL, 0, link->n_rows * sizeof(Order));
	values = crm_link_grow(link, NULL, 0, link->n_rows * width);
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
