/*
 * link_block.c
 *		Which rows are compared at all: a union of keys that no one has to choose.
 *
 * Every field alone; where a value is too common for that, together with a second field,
 * exact or rough; and three rough tokens, for rows where no field is free of errors.  A block
 * of more rows than the cap is left out and noted.  Nothing never makes a key.  A pair that
 * shares several keys belongs to the first of them.
 */
#include "identity/link.h"

#include <string.h>

#include "pure/hash.h"

#define RADIX_BITS 11
#define RADIX (1 << RADIX_BITS)
#define ROUGH_FIELDS 5			/* of so many fields three are taken roughly */

static void
add_rule(CrmLink *link, int n_parts, const int *fields, const bool *is_rough)
{
	CrmLinkRule *rule = &link->rules[link->n_rules];

	if (link->n_rules >= CRM_LINK_MAX_RULES)
		return;
	memset(rule, 0, sizeof *rule);
	rule->n_parts = n_parts;
	for (int i = 0; i < n_parts; i++)
	{
		rule->field[i] = fields[i];
		rule->is_rough[i] = is_rough[i];
	}
	link->n_rules++;
}

/* What two of any three rows have in common finds nobody. */
static bool
is_able(CrmLinkKind kind)
{
	return kind != CRM_LINK_CLASS && kind != CRM_LINK_SEX && kind != CRM_LINK_NUMBER;
}

static void
list_rules(CrmLink *link)
{
	int			able[CRM_LINK_MAX_FIELDS];
	int			n_able = 0;

	link->n_rules = 0;
	for (int f = 0; f < link->n_fields; f++)
		if (is_able(link->fields[f].kind))
			able[n_able++] = f;
	for (int i = 0; i < n_able; i++)
		add_rule(link, 1, (int[]) {able[i]}, (bool[]) {false});
	for (int i = 0; i < n_able; i++)
		for (int j = i + 1; j < n_able; j++)
			add_rule(link, 2, (int[]) {able[i], able[j]}, (bool[]) {false, false});
	for (int i = 0; i < n_able && i < ROUGH_FIELDS; i++)
		for (int j = i + 1; j < n_able && j < ROUGH_FIELDS; j++)
			for (int k = j + 1; k < n_able && k < ROUGH_FIELDS; k++)
				add_rule(link, 3, (int[]) {able[i], able[j], able[k]}, (bool[]) {true, true, true});
	for (int i = 0; i < n_able; i++)
		for (int j = 0; j < n_able; j++)
			if (i != j)
				add_rule(link, 2, (int[]) {able[i], able[j]}, (bool[]) {true, false});
}

/*
 * A key with an exact part says nothing new where that part alone makes a block that is
 * compared: left_out has a bit for each field whose own block was too large.
 */
static uint32_t
key_of(const CrmLink *link, const CrmLinkRule *rule, uint32_t row, uint32_t left_out)
{
	const uint32_t *values = link->values + (size_t) row * link->n_fields;
	uint64_t	mixed = 0;

	for (int i = 0; i < rule->n_parts; i++)
	{
		int			field = rule->field[i];
		uint64_t	token;

		if (values[field] == 0)
			return 0;
		if (!rule->is_rough[i] && rule->n_parts > 1 && (left_out >> field & 1) == 0)
			return 0;
		token = rule->is_rough[i] ? link->dictionary[values[field]].rough :
			crm_link_token(link->fields[field].kind, link->arena, &link->dictionary[values[field]]);
		if (token == 0)
			return 0;
		mixed = crm_hash_int64((int64_t) (mixed * 31 + token));
	}
	return (uint32_t) (mixed >> 32) | 1;
}

/* Sorts link->order by its upper half, rows staying in order; returns where the result is. */
uint64_t *
crm_link_sort(CrmLink *link, uint32_t count)
{
	uint64_t   *from = link->order;
	uint64_t   *to = link->order + link->n_rows;
	uint32_t	starts[RADIX];

	for (int shift = 32; shift < 64; shift += RADIX_BITS)
	{
		uint32_t	sum = 0;
		uint64_t   *swap = from;

		memset(starts, 0, sizeof starts);
		for (uint32_t i = 0; i < count; i++)
			starts[from[i] >> shift & (RADIX - 1)]++;
		for (int b = 0; b < RADIX; b++)
		{
			uint32_t	n = starts[b];

			starts[b] = sum;
			sum += n;
		}
		for (uint32_t i = 0; i < count; i++)
			to[starts[from[i] >> shift & (RADIX - 1)]++] = from[i];
		from = to;
		to = swap;
	}
	return from;
}

static void
note_skip(CrmLink *link, int rule, uint32_t rows, uint32_t example)
{
	if (link->n_skips >= link->room_skips)
	{
		link->room_skips = link->room_skips ? link->room_skips * 2 : 256;
		link->skips = crm_link_grow(link, link->skips, link->n_skips * sizeof(CrmLinkSkip),
									link->room_skips * sizeof(CrmLinkSkip));
	}
	link->skips[link->n_skips++] = (CrmLinkSkip) {rule, rows, example};
	link->rules[rule].skipped_blocks++;
}

/* Makes the keys of a rule and takes those of blocks that are too large away again. */
static void
key_rule(CrmLink *link, int rule, uint32_t *left_out)
{
	CrmLinkRule *r = &link->rules[rule];
	uint32_t	count = 0;
	uint64_t   *sorted;

	for (uint32_t row = 0; row < link->n_rows; row++)
	{
		uint32_t	key = key_of(link, r, row, left_out[row]);

		link->keys[(size_t) row * link->key_width + rule] = key;
		if (key != 0)
			link->order[count++] = (uint64_t) key << 32 | row;
	}
	sorted = crm_link_sort(link, count);
	for (uint32_t start = 0, end; start < count; start = end)
	{
		for (end = start + 1; end < count && sorted[end] >> 32 == sorted[start] >> 32;)
			end++;
		if (end - start <= link->cap)
		{
			r->pairs += (int64_t) (end - start) * (end - start - 1) / 2;
			continue;
		}
		note_skip(link, rule, end - start, (uint32_t) sorted[start]);
		for (uint32_t i = start; i < end; i++)
		{
			link->keys[(size_t) (uint32_t) sorted[i] * link->key_width + rule] = 0;
			if (r->n_parts == 1)
				left_out[(uint32_t) sorted[i]] |= 1u << r->field[0];
		}
	}
}

void
crm_link_plan(CrmLink *link)
{
	uint32_t   *left_out = crm_link_grow(link, NULL, 0, (link->n_rows + 1) * sizeof(uint32_t));
	int			planned;
	int			used = 0;

	list_rules(link);
	planned = link->key_width = link->n_rules;
	memset(left_out, 0, link->n_rows * sizeof(uint32_t));
	link->keys = crm_link_grow(link, NULL, 0,
							   ((size_t) link->n_rows * planned + 1) * sizeof(uint32_t));
	link->order = crm_link_grow(link, NULL, 0, ((size_t) link->n_rows * 2 + 1) * sizeof(uint64_t));
	for (int i = 0; i < planned; i++)
	{
		link->rules[used] = link->rules[i];
		key_rule(link, used, left_out);
		link->host.breathe(link->host.state);
		if (link->rules[used].pairs > 0 || link->rules[used].skipped_blocks > 0)
			used++;
	}
	link->n_rules = used;
	link->host.drop(link->host.state, left_out);
}

/* Visits the blocks of two rows and more, in the order of their keys; of keys one in one_in. */
void
crm_link_blocks(CrmLink *link, int rule, uint32_t one_in, CrmLinkVisit visit, void *state)
{
	uint32_t	count = 0;
	uint64_t   *sorted;
	uint32_t	rows[1 << 12];

	for (uint32_t row = 0; row < link->n_rows; row++)
	{
		uint32_t	key = link->keys[(size_t) row * link->key_width + rule];

		if (key != 0 && (one_in == 1 || (key >> 1) % one_in == 0))
			link->order[count++] = (uint64_t) key << 32 | row;
	}
	sorted = crm_link_sort(link, count);
	for (uint32_t start = 0, end; start < count; start = end)
	{
		for (end = start + 1; end < count && sorted[end] >> 32 == sorted[start] >> 32;)
			end++;
		if (end - start < 2)
			continue;
		for (uint32_t i = start; i < end; i++)
			rows[i - start] = (uint32_t) sorted[i];
		visit(link, state, rule, rows, end - start);
	}
}
