/*
 * link_intern.c
 *		Values of the matcher: each is kept once, with what its kind prepares, and is a number.
 *
 * A value belongs to one field; two values of different fields are the same text where their
 * hashes are equal.  Numbers are given in the order in which values are interned.
 */
#include "identity/link_text.h"

#include <string.h>

#include "pure/distance.h"
#include "pure/hash.h"

#define FIRST_ROOM 64			/* values and words: a pair is scored in little memory */

void
crm_link_intern_begin(CrmLink *link)
{
	link->n_slots = 4 * FIRST_ROOM;
	link->slots = crm_link_grow(link, NULL, 0, link->n_slots * sizeof(uint64_t));
	memset(link->slots, 0, link->n_slots * sizeof(uint64_t));
	link->room_values = FIRST_ROOM;
	link->dictionary = crm_link_grow(link, NULL, 0, link->room_values * sizeof(CrmLinkValue));
	memset(link->dictionary, 0, sizeof(CrmLinkValue));
	link->n_values = 1;			/* number 0 is nothing */
}

/*
 * Reads a text into words: what compare.h prepares of it, and its units.  May be run by any
 * thread; false for nothing.
 */
bool
crm_link_read_text(CrmLinkKind kind, const char *bytes, size_t length, uint64_t *words, CrmLinkText *text)
{
	CrmLinkReading reading;
	size_t		prepared;
	size_t		units;

	if (!crm_link_read(kind, bytes, length, &reading))
		return false;
	prepared = reading.is_prepared ? crm_link_prepared_size(kind) : 0;
	units = (size_t) reading.length * sizeof(uint16_t);
	*text = (CrmLinkText) {.words = words, .hash = crm_hash_bytes(reading.units, units),
		.rough = crm_link_rough(kind, &reading), .length = (uint8_t) reading.length, .local = (uint8_t) reading.local,
		.n_prepared = (uint8_t) CRM_LINK_WORDS(prepared),
		.n_words = (uint16_t) (CRM_LINK_WORDS(prepared) + CRM_LINK_WORDS(units)),
	.signature = crm_units_signature(reading.units, kind == CRM_LINK_EMAIL ? reading.local : reading.length)};
	if (prepared > 0)
		words[text->n_prepared - 1] = 0;
	words[text->n_words - 1] = 0;
	memcpy(words, &reading.prepared, prepared);
	memcpy(words + text->n_prepared, reading.units, units);
	return true;
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
		link->room_values = (uint32_t) crm_link_roomier(link->room_values, sizeof(CrmLinkValue));
		link->dictionary = crm_link_grow(link, link->dictionary, link->n_values * sizeof(CrmLinkValue),
										 link->room_values * sizeof(CrmLinkValue));
	}
	if (link->arena_used + words + CRM_LINK_ROOM_WORDS > link->arena_room)
	{
		link->arena_room = crm_link_roomier(link->arena_room ? link->arena_room : 8 * FIRST_ROOM, sizeof(uint64_t)) + words;
		link->arena = crm_link_grow(link, link->arena, link->arena_used * sizeof(uint64_t),
									link->arena_room * sizeof(uint64_t));
	}
}

static uint32_t
new_value(CrmLink *link, int field, const CrmLinkText *text)
{
	CrmLinkKind kind = link->fields[field].kind;
	uint64_t   *words;
	CrmLinkValue *value;

	make_room(link, text->n_words);
	words = link->arena + link->arena_used;
	value = &link->dictionary[link->n_values];
	*value = (CrmLinkValue) {.hash = text->hash, .start = (uint32_t) link->arena_used,
		.length = text->length, .local = text->local, .n_prepared = text->n_prepared, .field = (uint8_t) (field & 15),
	.rough = text->rough, .signature = text->signature};
	memcpy(words, text->words, text->n_words * sizeof(uint64_t));
	memset(words + text->n_words, 0, CRM_LINK_ROOM_WORDS * sizeof(uint64_t));
	link->arena_used += text->n_words;
	value->self = (uint8_t) (crm_link_value_level(kind, link->arena, value, value) & 15);
	return link->n_values++;
}

static bool
is_value(const CrmLink *link, uint64_t slot, uint64_t hash, int field)
{
	const CrmLinkValue *value = &link->dictionary[(uint32_t) slot];

	return (slot & ~(uint64_t) UINT32_MAX) == tag_of(hash, field) && value->hash == hash && value->field == field;
}

/* The number of a text's value, new or known. */
uint32_t
crm_link_intern(CrmLink *link, int field, const CrmLinkText *text)
{
	uint32_t	slot = slot_of(link, text->hash, field);
	uint32_t	value;

	while (link->slots[slot] != 0 && !is_value(link, link->slots[slot], text->hash, field))
		slot = (slot + 1) & (link->n_slots - 1);
	value = (uint32_t) link->slots[slot];
	if (value == 0)
	{
		value = new_value(link, field, text);
		link->slots[slot] = tag_of(text->hash, field) | value;
		if (link->n_values > link->n_slots / 4 * 3)
			widen_slots(link);
	}
	return value;
}

/* Calls for the place in memory where a value will be looked up. */
void
crm_link_intern_soon(const CrmLink *link, int field, uint64_t hash)
{
	__builtin_prefetch(&link->slots[slot_of(link, hash, field)]);
}

/* And, once it is there, for the value that it leads to. */
void
crm_link_intern_next(const CrmLink *link, int field, uint64_t hash)
{
	__builtin_prefetch(&link->dictionary[(uint32_t) link->slots[slot_of(link, hash, field)]]);
}

/* One row more holds a value, or nothing. */
void
crm_link_hold(CrmLink *link, int field, uint32_t value)
{
	if (value == 0)
		return;
	link->dictionary[value].count++;
	link->fields[field].holders++;
}
