/*
 * link_rows.c
 *		Rows of the matcher: values interned once, rows put in the order of their numbers.
 *
 * Fields of persons' names share one dictionary, so that names put into each other's column
 * are seen; every other field has its own.
 */
#include "identity/link.h"

#include <stdlib.h>
#include <string.h>

#include "pure/hash.h"
#include "pure/units.h"

#define LONGEST 120				/* units of a value that are looked at */

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

void
crm_link_begin(CrmLink *link)
{
	for (int f = 0; f < link->n_fields; f++)
	{
		link->fields[f].n_levels = crm_link_levels_of(link->fields[f].kind);
		link->fields[f].holders = 0;
	}
	link->n_slots = 1024;
	link->slots = crm_link_grow(link, NULL, 0, link->n_slots * sizeof(uint32_t));
	memset(link->slots, 0, link->n_slots * sizeof(uint32_t));
	link->n_values = 1;			/* number 0 is nothing */
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
		uint32_t	slot = (uint32_t) link->dictionary[v].hash & (link->n_slots - 1);

		while (link->slots[slot] != 0)
			slot = (slot + 1) & (link->n_slots - 1);
		link->slots[slot] = v;
	}
}

static uint32_t
new_value(CrmLink *link, CrmLinkKind kind, uint64_t hash, const uint16_t *units, int length)
{
	CrmLinkValue *value;

	if (link->n_values >= link->room_values)
	{
		link->room_values = link->room_values ? link->room_values + link->room_values / 2 : 4096;
		link->dictionary = crm_link_grow(link, link->dictionary, link->n_values * sizeof(CrmLinkValue),
										 link->room_values * sizeof(CrmLinkValue));
	}
	if (link->arena_used + length + CRM_UNITS_ROOM > link->arena_room)
	{
		link->arena_room = link->arena_room ? link->arena_room + link->arena_room / 2 : 65536;
		link->arena = crm_link_grow(link, link->arena, link->arena_used * sizeof(uint16_t),
									link->arena_room * sizeof(uint16_t));
	}
	value = &link->dictionary[link->n_values];
	*value = (CrmLinkValue) {.hash = hash, .start = link->arena_used, .length = length};
	if (kind == CRM_LINK_EMAIL)
		while (value->local < length && units[value->local] != '@')
			value->local++;
	memcpy(link->arena + link->arena_used, units, length * sizeof(uint16_t));
	memset(link->arena + link->arena_used + length, 0, CRM_UNITS_ROOM * sizeof(uint16_t));
	link->arena_used += length;
	return link->n_values++;
}

static uint32_t
intern(CrmLink *link, int field, const uint16_t *units, int length)
{
	CrmLinkKind kind = link->fields[field].kind;
	bool		is_name = kind == CRM_LINK_GIVEN || kind == CRM_LINK_SURNAME;
	uint64_t	hash = crm_hash_bytes(units, length * sizeof(uint16_t)) ^
		(is_name ? 0 : crm_hash_int64(field + 1));
	uint32_t	slot = (uint32_t) hash & (link->n_slots - 1);

	while (link->slots[slot] != 0 && link->dictionary[link->slots[slot]].hash != hash)
		slot = (slot + 1) & (link->n_slots - 1);
	if (link->slots[slot] == 0)
	{
		link->slots[slot] = new_value(link, kind, hash, units, length);
		if (link->n_values * 2 > link->n_slots)
		{
			uint32_t	value = link->slots[slot];

			widen_slots(link);
			link->dictionary[value].count++;
			return value;
		}
	}
	link->dictionary[link->slots[slot]].count++;
	return link->slots[slot];
}

/* Dates and codes: letters and digits alone.  Returns the units that are left. */
static int
squeeze(uint16_t *units, int length)
{
	int			kept = 0;

	for (int i = 0; i < length; i++)
		if (units[i] >= 128 || (units[i] >= '0' && units[i] <= '9') ||
			(units[i] >= 'a' && units[i] <= 'z'))
			units[kept++] = units[i];
	return kept;
}

void
crm_link_row(CrmLink *link, int64_t id, const char *const *texts, const size_t *lengths)
{
	uint16_t	units[LONGEST + CRM_UNITS_ROOM];

	if (link->n_rows >= link->room_rows)
	{
		link->room_rows = link->room_rows ? link->room_rows * 2 : 4096;
		link->ids = crm_link_grow(link, link->ids, link->n_rows * sizeof(int64_t),
								  link->room_rows * sizeof(int64_t));
		link->values = crm_link_grow(link, link->values,
									 (size_t) link->n_rows * link->n_fields * sizeof(uint32_t),
									 (size_t) link->room_rows * link->n_fields * sizeof(uint32_t));
	}
	link->ids[link->n_rows] = id;
	for (int f = 0; f < link->n_fields; f++)
	{
		CrmLinkKind kind = link->fields[f].kind;
		uint32_t	value = 0;
		int			length = 0;

		if (texts[f] != NULL)
			length = kind == CRM_LINK_EMAIL ?
				crm_units_read(texts[f], lengths[f], units, LONGEST) :
				crm_units_read_folded(texts[f], lengths[f], units, LONGEST);
		if (length > 0 && (kind == CRM_LINK_DATE || kind == CRM_LINK_CODE))
			length = squeeze(units, length);
		if (length > 0)
		{
			value = intern(link, f, units, length);
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

void
crm_link_rows_done(CrmLink *link)
{
	size_t		width = link->n_fields * sizeof(uint32_t);
	Order	   *order;
	uint32_t   *values;

	link->host.drop(link->host.state, link->slots);
	link->slots = NULL;
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
