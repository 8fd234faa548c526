/*
 * link_rows.c
 *		Rows of the matcher: put in the order of their numbers, with a sketch of each value beside it.
 */
#include "identity/link_text.h"

#include <stdlib.h>
#include <string.h>

#define FIRST_ROOM 64			/* rows: a pair is scored in little memory */

typedef struct Order
{
	int64_t		id;
	uint32_t	row;
} Order;

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
	crm_link_intern_begin(link);
}

/* A place for one row more. */
static void
make_row(CrmLink *link)
{
	if (link->n_rows < link->room_rows)
		return;
	link->room_rows = link->room_rows ? (uint32_t) crm_link_roomier(link->room_rows, link->n_fields * sizeof(uint32_t)) : FIRST_ROOM;
	link->ids = crm_link_grow(link, link->ids, link->n_rows * sizeof(int64_t),
							  link->room_rows * sizeof(int64_t));
	link->values = crm_link_grow(link, link->values,
								 (size_t) link->n_rows * link->n_fields * sizeof(uint32_t),
								 (size_t) link->room_rows * link->n_fields * sizeof(uint32_t));
}

/* The row's place for its values, which the caller fills. */
uint32_t *
crm_link_add_row(CrmLink *link, int64_t id)
{
	make_row(link);
	link->ids[link->n_rows] = id;
	return link->values + (size_t) link->n_rows++ * link->n_fields;
}

void
crm_link_row(CrmLink *link, int64_t id, const char *const *texts, const size_t *lengths)
{
	uint32_t   *values = crm_link_add_row(link, id);
	uint64_t	words[CRM_LINK_TEXT_WORDS];

	for (int f = 0; f < link->n_fields; f++)
	{
		CrmLinkText text;

		values[f] = texts[f] != NULL && crm_link_read_text(link->fields[f].kind, texts[f], lengths[f], words, &text) ?
			crm_link_intern(link, f, &text) : 0;
		crm_link_hold(link, f, values[f]);
	}
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
	link->room_values = link->n_values;
	link->dictionary = link->host.trim(link->host.state, link->dictionary, link->n_values * sizeof(CrmLinkValue));
	link->room_rows = link->n_rows;
	if (link->n_rows > 0)
		link->values = link->host.trim(link->host.state, link->values,
									   (size_t) link->n_rows * link->n_fields * sizeof(uint32_t));
	if (link->arena == NULL)
		return;
	link->arena_room = link->arena_used + CRM_LINK_ROOM_WORDS;
	link->arena = link->host.trim(link->host.state, link->arena, link->arena_room * sizeof(uint64_t));
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
	give_back(link);
	if (link->n_rows == 0)
		return;
	if (!are_in_order(link))
		put_in_order(link);
}
