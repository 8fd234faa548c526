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

/* What keys are made of. */
typedef struct Plan
{
	CrmLink    *link;
	uint32_t   *tokens;			/* a column for each field's exact ones and one for its rough ones; 0 is none */
	uint32_t   *left_out;		/* a bit for each field whose own block was too large */
	uint32_t	fields_left_out;	/* those of any row */
	int			bits;			/* how many begin a key that are looked at before it is sorted */
	uint32_t   *keys[CRM_LINK_MAX_RULES];	/* of a rule's rows, until all are known */
} Plan;

/* Where the keys of one rule are made, beside others. */
typedef struct Lane
{
	Plan	   *plan;
	int			rule;
	/* bits of keys, by what they begin with: those that came, and those that came again */
	uint64_t   *came;
	uint64_t   *again;
	uint64_t   *order;			/* key and row, for sorting, twice as many as rows */
	uint64_t   *listed;			/* in it, in the order of keys: the rows of blocks */
	uint32_t	n_listed;
	uint64_t   *skips;			/* in it: how many rows and which, of blocks that are too large */
	uint32_t	n_skips;
	int64_t		pairs;
} Lane;

/* Not stored, so it needs no fixed hash. */
static inline uint64_t
mix(uint64_t mixed, uint64_t token)
{
	mixed = (mixed ^ token) * UINT64_C(0x9E3779B97F4A7C15);
	return mixed ^ mixed >> 29;
}

static inline uint32_t *
column(const Plan *plan, int field, bool is_rough)
{
	return plan->tokens + (size_t) plan->link->n_rows * (field * 2 + is_rough);
}

static void
read_tokens(void *argument, int part)
{
	const Plan *plan = argument;
	const CrmLink *link = plan->link;
	uint32_t	end = crm_link_part_start(link, part + 1);

	for (uint32_t row = crm_link_part_start(link, part); row < end; row++)
		for (int f = 0; f < link->n_fields; f++)
		{
			uint32_t	number = link->values[(size_t) row * link->n_fields + f];
			const CrmLinkValue *value = &link->dictionary[number];
			uint64_t	exact = number == 0 ? 0 : crm_link_token(link->fields[f].kind, link->arena, value);

			column(plan, f, false)[row] = exact == 0 ? 0 : (uint32_t) (mix(exact, (uint64_t) f) >> 32) | 1;
			column(plan, f, true)[row] = number == 0 ? 0 : value->rough;
		}
}

/* Fields of which a key takes the exact token: it says nothing new where that alone makes a block that is compared. */
static uint32_t
exact_fields(const CrmLinkRule *rule)
{
	uint32_t	fields = 0;

	for (int i = 0; rule->n_parts > 1 && i < rule->n_parts; i++)
		fields |= rule->is_rough[i] ? 0 : 1u << rule->field[i];
	return fields;
}

static inline uint32_t
key_of(const CrmLinkRule *rule, uint32_t row, const uint32_t *const *tokens)
{
	uint64_t	mixed = 0;

	for (int i = 0; i < rule->n_parts; i++)
	{
		if (tokens[i][row] == 0)
			return 0;
		mixed = mix(mixed, tokens[i][row]);
	}
	return (uint32_t) (mixed >> 32) | 1;
}

/* Sorts by the upper half, rows staying in order, with as much room behind; returns where the result is. */
uint64_t *
crm_link_sort(uint64_t *order, uint32_t room, uint32_t count)
{
	uint64_t   *from = order;
	uint64_t   *to = order + room;
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

/* Makes the keys of a rule; those that more than one row may have are put into the lane's order. */
static uint32_t
make_keys(Lane *lane)
{
	const Plan *plan = lane->plan;
	const CrmLink *link = plan->link;
	const CrmLinkRule *rule = &link->rules[lane->rule];
	uint32_t   *keys = (uint32_t *) (lane->order + link->n_rows);	/* not sorted into yet */
	uint32_t	exact = exact_fields(rule);
	const uint32_t *tokens[3];
	uint32_t	count = 0;

	memset(lane->came, 0, ((size_t) 1 << plan->bits) / 8);
	memset(lane->again, 0, ((size_t) 1 << plan->bits) / 8);
	for (int i = 0; i < rule->n_parts; i++)
		tokens[i] = column(plan, rule->field[i], rule->is_rough[i]);
	for (uint32_t row = 0; row < link->n_rows; row++)
	{
		uint32_t	key = exact == 0 || (plan->left_out[row] & exact) == exact ? key_of(rule, row, tokens) : 0;
		uint32_t	at = key >> (32 - plan->bits);
		uint64_t	bit = UINT64_C(1) << (at & 63);

		keys[row] = key;
		if (key == 0)
			continue;
		lane->again[at >> 6] |= lane->came[at >> 6] & bit;
		lane->came[at >> 6] |= bit;
	}
	for (uint32_t row = 0; row < link->n_rows; row++)
	{
		uint32_t	at = keys[row] >> (32 - plan->bits);

		if (keys[row] != 0 && (lane->again[at >> 6] >> (at & 63) & 1) != 0)
			lane->order[count++] = (uint64_t) keys[row] << 32 | row;
	}
	return count;
}

/* Other lanes may do so for other fields. */
static void
skip_block(Lane *lane, const uint64_t *sorted, uint32_t rows)
{
	const CrmLinkRule *rule = &lane->plan->link->rules[lane->rule];

	lane->skips[lane->n_skips++] = (uint64_t) rows << 32 | (uint32_t) sorted[0];
	for (uint32_t i = 0; rule->n_parts == 1 && i < rows; i++)
		__atomic_fetch_or(&lane->plan->left_out[(uint32_t) sorted[i]], 1u << rule->field[0], __ATOMIC_RELAXED);
}

/* Lists the rows of a rule's blocks in the order of their keys. */
static void
key_rule(void *argument, int part)
{
	Lane	   *lane = (Lane *) argument + part;
	const CrmLink *link = lane->plan->link;
	uint32_t	exact = exact_fields(&link->rules[lane->rule]);
	uint32_t	count = (lane->plan->fields_left_out & exact) == exact ? make_keys(lane) : 0;
	uint64_t   *sorted = crm_link_sort(lane->order, link->n_rows, count);

	lane->listed = sorted;
	lane->skips = sorted == lane->order ? lane->order + link->n_rows : lane->order;
	lane->n_listed = lane->n_skips = 0;
	lane->pairs = 0;
	for (uint32_t start = 0, end; start < count; start = end)
	{
		for (end = start + 1; end < count && sorted[end] >> 32 == sorted[start] >> 32;)
			end++;
		if (end - start > link->cap && link->rules[lane->rule].n_parts > 0)
			skip_block(lane, sorted + start, end - start);
		else if (end - start > 1)
		{
			lane->pairs += (int64_t) (end - start) * (end - start - 1) / 2;
			memmove(sorted + lane->n_listed, sorted + start, (end - start) * sizeof *sorted);
			lane->n_listed += end - start;
		}
	}
}

static void
note_skips(CrmLink *link, int rule, const Lane *lane)
{
	if (link->n_skips + lane->n_skips > link->room_skips)
	{
		link->room_skips = (link->n_skips + lane->n_skips) * 2;
		link->skips = crm_link_grow(link, link->skips, link->n_skips * sizeof(CrmLinkSkip),
									link->room_skips * sizeof(CrmLinkSkip));
	}
	for (uint32_t i = 0; i < lane->n_skips; i++)
		link->skips[link->n_skips++] = (CrmLinkSkip) {rule, (uint32_t) (lane->skips[i] >> 32), (uint32_t) lane->skips[i]};
	link->rules[rule].skipped_blocks = lane->n_skips;
	for (int i = 0; lane->n_skips > 0 && i < link->rules[rule].n_parts; i++)
		lane->plan->fields_left_out |= link->rules[rule].n_parts == 1 ? 1u << link->rules[rule].field[i] : 0;
}

/* What a lane has made becomes the next rule that is used; most that are planned find nothing. */
static int
take_lane(CrmLink *link, int used, const Lane *lane)
{
	CrmLinkRule *rule = &link->rules[used];
	uint32_t   *keys;

	if (lane->n_listed == 0 && lane->n_skips == 0)
		return used;
	*rule = link->rules[lane->rule];
	note_skips(link, used, lane);
	rule->pairs = lane->pairs;
	rule->n_rows = lane->n_listed;
	rule->rows = crm_link_grow(link, NULL, 0, (lane->n_listed + 1) * sizeof(uint32_t));
	keys = lane->plan->keys[used] = crm_link_grow(link, NULL, 0, (lane->n_listed + 1) * sizeof(uint32_t));
	for (uint32_t i = 0; i < lane->n_listed; i++)
	{
		bool		is_first = i == 0 || lane->listed[i] >> 32 != lane->listed[i - 1] >> 32;

		keys[i] = (uint32_t) (lane->listed[i] >> 32);
		rule->rows[i] = (uint32_t) lane->listed[i] | (is_first ? FIRST_OF_BLOCK : 0);
	}
	return used + 1;
}

/*
 * Some rules at a time.  Those of one field come first: whose blocks are too large says which
 * others have any keys.
 */
static void
key_rules(CrmLink *link, Lane *lanes)
{
	int			planned = link->n_rules;
	int			used = 0;

	for (int rule = 0, n; rule < planned; rule += n)
	{
		for (n = 0; n < CRM_LINK_LANES && rule + n < planned; n++)
		{
			if (n > 0 && (link->rules[rule + n].n_parts == 1) != (link->rules[rule].n_parts == 1))
				break;
			lanes[n].rule = rule + n;
		}
		crm_link_share(link, key_rule, lanes, n);
		for (int i = 0; i < n; i++)
			used = take_lane(link, used, &lanes[i]);
	}
	link->n_rules = used;
}

static void
clear_keys(void *argument, int part)
{
	const CrmLink *link = ((const Plan *) argument)->link;
	size_t		first = (size_t) crm_link_part_start(link, part) * link->key_width;
	size_t		end = (size_t) crm_link_part_start(link, part + 1) * link->key_width;

	memset(link->keys + first, 0, (end - first) * sizeof(uint32_t));
}

static void
put_keys(void *argument, int part)
{
	const Plan *plan = argument;
	const CrmLink *link = plan->link;
	const CrmLinkRule *rule = &link->rules[part];

	for (uint32_t i = 0; i < rule->n_rows; i++)
		link->keys[(size_t) (rule->rows[i] & ~FIRST_OF_BLOCK) * link->key_width + part] = plan->keys[part][i];
}

/* Keys of a row lie side by side, those that its blocks have. */
static void
spread_keys(CrmLink *link, Plan *plan)
{
	link->key_width = link->n_rules;
	link->keys = crm_link_grow(link, NULL, 0, ((size_t) link->n_rows * link->key_width + 1) * sizeof(uint32_t));
	crm_link_share(link, clear_keys, plan, CRM_LINK_PARTS);
	crm_link_share(link, put_keys, plan, link->n_rules);
	for (int r = 0; r < link->n_rules; r++)
		link->host.drop(link->host.state, plan->keys[r]);
}

void
crm_link_plan(CrmLink *link)
{
	Plan		plan = {.link = link};
	Lane		lanes[CRM_LINK_LANES];
	size_t		order = (size_t) link->n_rows * 2 + 1;
	size_t		bytes;

	list_rules(link);
	for (plan.bits = 6; plan.bits < 31 && UINT64_C(1) << plan.bits < (uint64_t) link->n_rows * 8;)
		plan.bits++;
	bytes = ((size_t) 1 << plan.bits) / 8;
	plan.left_out = crm_link_grow(link, NULL, 0, (link->n_rows + 1) * sizeof(uint32_t));
	memset(plan.left_out, 0, link->n_rows * sizeof(uint32_t));
	plan.tokens = crm_link_grow(link, NULL, 0,
								((size_t) link->n_rows * link->n_fields + 1) * 2 * sizeof(uint32_t));
	crm_link_share(link, read_tokens, &plan, CRM_LINK_PARTS);
	for (int i = 0; i < CRM_LINK_LANES; i++)
		lanes[i] = (Lane) {.plan = &plan, .came = crm_link_grow(link, NULL, 0, bytes),
			.again = crm_link_grow(link, NULL, 0, bytes),
		.order = crm_link_grow(link, NULL, 0, order * sizeof(uint64_t))};
	key_rules(link, lanes);
	for (int i = 0; i < CRM_LINK_LANES; i++)
	{
		link->host.drop(link->host.state, lanes[i].came);
		link->host.drop(link->host.state, lanes[i].again);
		link->host.drop(link->host.state, lanes[i].order);
	}
	link->host.drop(link->host.state, plan.left_out);
	link->host.drop(link->host.state, plan.tokens);
	spread_keys(link, &plan);
}

/* Of keys one in so many, by the keys themselves. */
static bool
is_sampled(const CrmLink *link, int rule, uint32_t row, uint32_t one_in)
{
	return (link->keys[(size_t) row * link->key_width + rule] >> 1) % one_in == 0;
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
		next = crm_link_blocks_end(link, rule, start, 1);
		if (one_in > 1 && !is_sampled(link, rule, r->rows[start] & ~FIRST_OF_BLOCK, one_in))
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

/* Where one of equal parts of a rule's list begins. */
uint32_t
crm_link_blocks_part(const CrmLink *link, int rule, int part)
{
	return part == 0 ? 0 :
		crm_link_blocks_end(link, rule, 0, (uint32_t) ((uint64_t) link->rules[rule].n_rows * (uint64_t) part / CRM_LINK_PARTS));
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
