/*
 * link_model.c
 *		Learns the model from the rows: chances among random pairs, then among matches.
 *
 * u comes from random pairs and from the counts of values; m from EM over the blocks of
 * several rules in turn, where a rule says nothing about the fields its blocks were made of.
 */
#include "identity/link.h"

#include <math.h>
#include <string.h>

#include "pure/hash.h"

#define RANDOM_PAIRS 1000000
#define SAMPLE_PAIRS 400000		/* a rule */
#define PATTERN_SLOTS (1 << 16)
#define RAREST 1e-4				/* of all rows, so that a typing error is no proof */
#define LEAST 1e-7

/* Patterns counted in an open table; a table that is full counts no new ones. */
typedef struct Counter
{
	CrmLinkPattern *slots;
	int64_t		used;
} Counter;

static void
count_pattern(Counter *counter, uint64_t pattern)
{
	uint32_t	slot = (uint32_t) (crm_hash_int64((int64_t) pattern) & (PATTERN_SLOTS - 1));

	while (counter->slots[slot].count != 0 && counter->slots[slot].pattern != pattern)
		slot = (slot + 1) & (PATTERN_SLOTS - 1);
	if (counter->slots[slot].count == 0)
	{
		if (counter->used > PATTERN_SLOTS / 2)
			return;
		counter->slots[slot].pattern = pattern;
		counter->used++;
	}
	counter->slots[slot].count++;
}

static void
count_block(CrmLink *link, void *state, int rule, const uint32_t *rows, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++)
		for (uint32_t j = i + 1; j < count; j++)
			count_pattern(state, crm_link_pattern(link, rows[i], rows[j]));
	link->host.breathe(link->host.state);
}

/* Chances of equal values from their counts, and of the levels below from random pairs. */
static void
learn_random(CrmLink *link)
{
	int64_t		seen[CRM_LINK_MAX_FIELDS][CRM_LINK_MAX_LEVELS] = {0};

	for (int64_t i = 0; link->n_rows > 1 && i < RANDOM_PAIRS; i++)
	{
		uint64_t	drawn = crm_hash_int64((int64_t) (link->seed * UINT64_C(0x9E3779B97F4A7C15) + i));
		uint32_t	a = (uint32_t) ((drawn >> 32) * link->n_rows >> 32);
		uint32_t	b = (uint32_t) ((drawn & 0xffffffff) * link->n_rows >> 32);

		for (int f = 0; a != b && f < link->n_fields; f++)
			seen[f][crm_link_level(link, f, a, b)]++;
		if (i % 4096 == 0)
			link->host.breathe(link->host.state);
	}
	for (int f = 0; f < link->n_fields; f++)
	{
		CrmLinkField *field = &link->fields[f];
		double		known = 1;

		for (int level = 1; level < field->n_levels; level++)
			known += seen[f][level];
		for (int level = 1; level < field->n_levels; level++)
		{
			bool		is_exact = level == field->n_levels - 1;

			field->u[level] = fmax((seen[f][level] + 0.5) / known, LEAST);
			field->m[level] = is_exact ? 0.8 : level == 1 ? 0.08 : 0.12 / (field->n_levels - 3 + 1e-9);
			if (field->n_levels == 3 && level == 1)
				field->m[level] = 0.2;
		}
	}
}

static void
learn_matches(CrmLink *link)
{
	CrmLinkField start[CRM_LINK_MAX_FIELDS];
	double		sum[CRM_LINK_MAX_FIELDS][CRM_LINK_MAX_LEVELS] = {0};
	double		weight[CRM_LINK_MAX_FIELDS] = {0};
	Counter		counter;

	memcpy(start, link->fields, sizeof start);
	counter.slots = crm_link_grow(link, NULL, 0, PATTERN_SLOTS * sizeof(CrmLinkPattern));
	for (int r = 0; r < link->n_rules; r++)
	{
		CrmLinkRule *rule = &link->rules[r];
		uint32_t	blocked = 0;
		uint32_t	one_in = (uint32_t) (rule->pairs / SAMPLE_PAIRS) + 1;
		int64_t		n = 0;
		double		share;

		if (rule->pairs < 50)
			continue;
		for (int p = 0; p < rule->n_parts; p++)
			blocked |= 1u << rule->field[p];
		memset(counter.slots, 0, PATTERN_SLOTS * sizeof(CrmLinkPattern));
		counter.used = 0;
		crm_link_blocks(link, r, one_in, count_block, &counter);
		for (int64_t i = 0; i < PATTERN_SLOTS; i++)
			if (counter.slots[i].count != 0)
				counter.slots[n++] = counter.slots[i];
		memcpy(link->fields, start, sizeof start);
		share = crm_link_em(link->fields, link->n_fields, counter.slots, n, blocked, 0.1);
		link->matches = fmax(link->matches, share * rule->pairs);
		for (int f = 0; f < link->n_fields; f++)
			if ((blocked >> f & 1) == 0)
			{
				weight[f] += share * rule->pairs;
				for (int level = 1; level < start[f].n_levels; level++)
					sum[f][level] += link->fields[f].m[level] * share * rule->pairs;
			}
	}
	link->host.drop(link->host.state, counter.slots);
	memcpy(link->fields, start, sizeof start);
	for (int f = 0; f < link->n_fields; f++)
		for (int level = 1; weight[f] > 0 && level < start[f].n_levels; level++)
			link->fields[f].m[level] = sum[f][level] / weight[f];
}

void
crm_link_train(CrmLink *link)
{
	link->matches = 1;
	learn_random(link);
	learn_matches(link);
}

/* Weights from chances; how much rarer or commoner than most each value is. */
void
crm_link_weigh(CrmLink *link)
{
	for (int f = 0; f < link->n_fields; f++)
	{
		CrmLinkField *field = &link->fields[f];
		int			exact = field->n_levels - 1;

		for (int level = 1; level <= exact; level++)
			field->weight[level] = log2(field->m[level] / field->u[level]);
		for (uint32_t row = 0; row < link->n_rows; row++)
		{
			CrmLinkValue *value = &link->dictionary[link->values[(size_t) row * link->n_fields + f]];

			if (value != link->dictionary && field->holders > 0)
				value->rarity = (float) (log2(field->u[exact]) -
										 log2(fmax((double) value->count / field->holders, RAREST)));
		}
	}
	link->prior = log2(link->matches) - log2(fmax(link->n_rows / 2.0 * (link->n_rows - 1.0), 1));
}

double
crm_link_score(const CrmLink *link, uint32_t a, uint32_t b, uint64_t pattern)
{
	double		best[CRM_LINK_MAX_FIELDS];
	bool		has[CRM_LINK_MAX_FIELDS] = {false};
	double		total = 0;

	for (int f = 0; f < link->n_fields; f++)
	{
		const CrmLinkField *field = &link->fields[f];
		int			level = crm_link_pattern_level(pattern, f);
		double		weight;

		if (level == 0)
			continue;
		weight = field->weight[level];
		if (level == field->n_levels - 1)
			weight += link->dictionary[link->values[(size_t) a * link->n_fields + f]].rarity;
		if (!has[field->group] || weight > best[field->group])
			best[field->group] = weight;
		has[field->group] = true;
	}
	for (int g = 0; g < link->n_fields; g++)
		if (has[g])
			total += best[g];
	return total;
}
