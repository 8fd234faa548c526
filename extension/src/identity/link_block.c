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

#define RADIX_BITS 11
#define RADIX (1 << RADIX_BITS)
#define FIRST_WIDTH 8			/* keys a row at first */
#define ROUGH_FIELDS 5			/* of so many fields three are taken roughly */
#define FIRST_OF_BLOCK (UINT32_C(1) << 31)

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
	if (link->n_rows <= CRM_LINK_FEW_ROWS && link->n_rules < CRM_LINK_MAX_RULES)
		add_rule(link, 0, NULL, NULL);
}

/* Tokens of all rows, a field's exact one and rough one side by side; 0 is none. */
typedef struct Plan
{
	const CrmLink *link;
	uint32_t   *tokens;
	uint32_t   *left_out;		/* a bit for each field whose own block was too large */
	/* bits of a rule's keys, by what they begin with: those that came, and those that came again */
	uint64_t   *came;
	uint64_t   *again;
	int			bits;
} Plan;

/* Not stored, so it needs no fixed hash. */
static inline uint64_t
mix(uint64_t mixed, uint64_t token)
{
	mixed = (mixed ^ token) * UINT64_C(0x9E3779B97F4A7C15);
	return mixed ^ mixed >> 29;
}

static void
read_tokens(void *argument, int part)
{
	Plan	   *plan = argument;
	const CrmLink *link = plan->link;
	uint32_t	first = crm_link_part_start(link, part);
	uint32_t   *token = plan->tokens + (size_t) first * link->n_fields * 2;

	for (size_t row = first; row < crm_link_part_start(link, part + 1); row++)
		for (int f = 0; f < link->n_fields; f++, token += 2)
		{
			uint32_t	number = link->values[row * link->n_fields + f];
			const CrmLinkValue *value = &link->dictionary[number];
			uint64_t	exact = number == 0 ? 0 : crm_link_token(link->fields[f].kind, link->arena, value);

			token[0] = exact == 0 ? 0 : (uint32_t) (mix(exact, (uint64_t) f) >> 32) | 1;
			token[1] = number == 0 ? 0 : value->rough;
		}
}

/*
 * A key with an exact part says nothing new where that part alone makes a block that is
 * compared.
 */
static uint32_t
key_of(const CrmLink *link, const CrmLinkRule *rule, uint32_t row, const Plan *plan)
{
	const uint32_t *tokens = plan->tokens + (size_t) row * link->n_fields * 2;
	uint64_t	mixed = 0;

	for (int i = 0; i < rule->n_parts; i++)
	{
		int			field = rule->field[i];
		uint32_t	token = tokens[field * 2 + rule->is_rough[i]];

		if (token == 0)
			return 0;
		if (!rule->is_rough[i] && rule->n_parts > 1 && (plan->left_out[row] >> field & 1) == 0)
			return 0;
		mixed = mix(mixed, token);
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

/* Makes the keys of a rule; those that more than one row may have are put into link->order. */
static uint32_t
make_keys(CrmLink *link, const CrmLinkRule *rule, Plan *plan)
{
	uint32_t   *keys = (uint32_t *) (link->order + link->n_rows);	/* not sorted into yet */
	size_t		bytes = ((size_t) 1 << plan->bits) / 8;
	uint32_t	count = 0;

	memset(plan->came, 0, bytes);
	memset(plan->again, 0, bytes);
	for (uint32_t row = 0; row < link->n_rows; row++)
	{
		uint32_t	key = key_of(link, rule, row, plan);
		uint32_t	at = key >> (32 - plan->bits);
		uint64_t	bit = UINT64_C(1) << (at & 63);

		keys[row] = key;
		if (key == 0)
			continue;
		plan->again[at >> 6] |= plan->came[at >> 6] & bit;
		plan->came[at >> 6] |= bit;
	}
	for (uint32_t row = 0; row < link->n_rows; row++)
	{
		uint32_t	at = keys[row] >> (32 - plan->bits);

		if (keys[row] != 0 && (plan->again[at >> 6] >> (at & 63) & 1) != 0)
			link->order[count++] = (uint64_t) keys[row] << 32 | row;
	}
	return count;
}

static void
skip_block(CrmLink *link, int rule, const uint64_t *sorted, uint32_t rows, Plan *plan)
{
	const CrmLinkRule *r = &link->rules[rule];

	note_skip(link, rule, rows, (uint32_t) sorted[0]);
	for (uint32_t i = 0; r->n_parts == 1 && i < rows; i++)
		plan->left_out[(uint32_t) sorted[i]] |= 1u << r->field[0];
}

/* Lists the rows of a rule's blocks, which alone keep their keys, in the order of these. */
static void
key_rule(CrmLink *link, int rule, Plan *plan)
{
	CrmLinkRule *r = &link->rules[rule];
	uint32_t	count = make_keys(link, r, plan);
	uint64_t   *sorted = crm_link_sort(link, count);
	uint32_t	listed = 0;

	for (uint32_t start = 0, end; start < count; start = end)
	{
		for (end = start + 1; end < count && sorted[end] >> 32 == sorted[start] >> 32;)
			end++;
		if (end - start > link->cap && r->n_parts > 0)
			skip_block(link, rule, sorted + start, end - start, plan);
		else if (end - start > 1)
		{
			r->pairs += (int64_t) (end - start) * (end - start - 1) / 2;
			memmove(sorted + listed, sorted + start, (end - start) * sizeof *sorted);
			listed += end - start;
		}
	}
	r->n_rows = listed;
	if (listed == 0)
		return;
	r->rows = crm_link_grow(link, NULL, 0, listed * sizeof(uint32_t));
	for (uint32_t i = 0; i < listed; i++)
	{
		uint32_t	row = (uint32_t) sorted[i];
		bool		is_first = i == 0 || sorted[i] >> 32 != sorted[i - 1] >> 32;

		link->keys[(size_t) row * link->key_width + rule] = (uint32_t) (sorted[i] >> 32);
		r->rows[i] = row | (is_first ? FIRST_OF_BLOCK : 0);
	}
}

/* Keys of a row lie side by side; most rules that are listed find nothing and need no place. */
static void
widen_keys(CrmLink *link, int used)
{
	int			width = link->key_width * 2;
	size_t		bytes = ((size_t) link->n_rows * width + 1) * sizeof(uint32_t);
	uint32_t   *keys = crm_link_grow(link, NULL, 0, bytes);

	memset(keys, 0, bytes);
	for (size_t row = 0; row < link->n_rows; row++)
		memcpy(keys + row * width, link->keys + row * link->key_width, used * sizeof(uint32_t));
	link->host.drop(link->host.state, link->keys);
	link->keys = keys;
	link->key_width = width;
}

void
crm_link_plan(CrmLink *link)
{
	Plan		plan;
	int			planned;
	int			used = 0;

	list_rules(link);
	planned = link->n_rules;
	link->key_width = FIRST_WIDTH;
	for (plan.bits = 6; plan.bits < 31 && UINT64_C(1) << plan.bits < (uint64_t) link->n_rows * 8;)
		plan.bits++;
	plan.came = crm_link_grow(link, NULL, 0, ((size_t) 1 << plan.bits) / 8);
	plan.again = crm_link_grow(link, NULL, 0, ((size_t) 1 << plan.bits) / 8);
	plan.left_out = crm_link_grow(link, NULL, 0, (link->n_rows + 1) * sizeof(uint32_t));
	plan.tokens = crm_link_grow(link, NULL, 0,
								((size_t) link->n_rows * link->n_fields + 1) * 2 * sizeof(uint32_t));
	memset(plan.left_out, 0, link->n_rows * sizeof(uint32_t));
	plan.link = link;
	crm_link_share(link, read_tokens, &plan, CRM_LINK_PARTS);
	link->keys = crm_link_grow(link, NULL, 0,
							   ((size_t) link->n_rows * link->key_width + 1) * sizeof(uint32_t));
	memset(link->keys, 0, (size_t) link->n_rows * link->key_width * sizeof(uint32_t));
	link->order = crm_link_grow(link, NULL, 0, ((size_t) link->n_rows * 2 + 1) * sizeof(uint64_t));
	for (int i = 0; i < planned; i++)
	{
		link->rules[used] = link->rules[i];
		if (used >= link->key_width)
			widen_keys(link, used);
		key_rule(link, used, &plan);
		link->host.breathe(link->host.state);
		if (link->rules[used].pairs > 0 || link->rules[used].skipped_blocks > 0)
			used++;
	}
	link->n_rules = used;
	link->host.drop(link->host.state, plan.left_out);
	link->host.drop(link->host.state, plan.tokens);
	link->host.drop(link->host.state, plan.came);
	link->host.drop(link->host.state, plan.again);
}

/* Visits the blocks of two rows and more in a part of a rule's list, in the order of their keys; of keys one in one_in. */
void
crm_link_blocks_between(const CrmLink *link, int rule, uint32_t start, uint32_t end, uint32_t one_in,
						CrmLinkVisit visit, void *state)
{
	const CrmLinkRule *r = &link->rules[rule];
	uint32_t	rows[1 << 12];

	for (uint32_t next; start < end; start = next)
	{
		uint32_t	first = r->rows[start] & ~FIRST_OF_BLOCK;
		uint32_t	key = link->keys[(size_t) first * link->key_width + rule];

		next = crm_link_blocks_end(link, rule, start, 1);
		if (one_in > 1 && (key >> 1) % one_in != 0)
			continue;
		for (uint32_t i = start; i < next; i++)
			rows[i - start] = r->rows[i] & ~FIRST_OF_BLOCK;
		visit(link, state, rule, rows, next - start);
	}
}

/* All of them. */
void
crm_link_blocks(const CrmLink *link, int rule, uint32_t one_in, CrmLinkVisit visit, void *state)
{
	crm_link_blocks_between(link, rule, 0, link->rules[rule].n_rows, one_in, visit, state);
}

/* Where a part of the list ends that begins at a block: after so many rows, with the block they are in. */
uint32_t
crm_link_blocks_end(const CrmLink *link, int rule, uint32_t start, uint32_t rows)
{
	const CrmLinkRule *r = &link->rules[rule];
	uint32_t	end = r->n_rows - start <= rows ? r->n_rows : start + rows;

	while (end < r->n_rows && (r->rows[end] & FIRST_OF_BLOCK) == 0)
		end++;
	return end;
}

/* Takes a rule's keys away, so that its pairs belong to others. */
void
crm_link_leave_out(CrmLink *link, int rule)
{
	CrmLinkRule *r = &link->rules[rule];

	r->is_left_out = true;
	for (uint32_t i = 0; i < r->n_rows; i++)
		link->keys[(size_t) (r->rows[i] & ~FIRST_OF_BLOCK) * link->key_width + rule] = 0;
	if (r->rows != NULL)
		link->host.drop(link->host.state, r->rows);
	r->rows = NULL;
	r->n_rows = 0;
}
