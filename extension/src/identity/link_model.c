/*
 * link_model.c
 *		Learns the model from the rows: chances among random pairs, then among matches.
 *
 * u comes from random pairs and from the counts of values; m from EM over the blocks of
 * several rules in turn, where a rule says nothing about the fields its blocks were made of.
 */
#include "identity/link_sketch.h"

#include <math.h>
#include <string.h>

#include "pure/hash.h"

#define RANDOM_PAIRS 300000
#define SAMPLE_PAIRS 60000		/* a rule */
#define LESSONS 8				/* rules that teach at a time */
#define PATTERN_SLOTS (1 << 16)
#define BLOCK_LEAN 0.2			/* of a block's pairs: what u of any two rows weighs there */
#define RAREST 1e-4				/* of all rows, so that a typing error is no proof */
#define LEAST 1e-7
#define FEWEST_HOLDERS 2.0		/* a value that tells something about a pair has so many */
#define PRESET_PAIRS 1.0		/* what the presets weigh beside the pairs seen */
#define USUAL_ROWS 100.0		/* rows that hold a value as often as most are held, beside those seen */
#define PRESET_SHARE 0.1			/* of the pairs that are there, and no more than */
#define PRESET_MOST 1000.0		/* so many: what the presets weigh once matches are taken out */
#define LEAST_MATCHES 0.05		/* of the rows: so many are looked for, whatever the lessons found */

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
count_block(const CrmLink *link, void *state, int rule, const uint32_t *rows, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++)
		for (uint32_t j = i + 1; j < count; j++)
			count_pattern(state, crm_link_pattern(link, rows[i], rows[j]));
}

/* That two rows hold one value, from how often each value is held. */
static void
count_exact(CrmLink *link)
{
	double		sums[CRM_LINK_MAX_FIELDS] = {0};

	for (uint32_t v = 1; v < link->n_values; v++)
		sums[link->dictionary[v].field] += link->dictionary[v].count * (link->dictionary[v].count - 1.0);
	for (int f = 0; f < link->n_fields; f++)
	{
		CrmLinkField *field = &link->fields[f];
		double		pairs = field->holders * (field->holders - 1.0);

		field->exact_chance = fmax(pairs > 0 ? sums[f] / pairs : 0, LEAST);
	}
}

/* Once u is known. */
static void
set_least_share(CrmLinkField *field)
{
	field->least_share = fmin(RAREST, field->exact_chance);
	/* of many rows the rarest pair is rarer than that: what it has need not be kept to be told */
	if (field->holders * RAREST > FEWEST_HOLDERS)
		field->least_share = fmax(field->least_share, FEWEST_HOLDERS / field->holders);
	field->least_share = fmax(field->least_share, crm_link_share_seen(field, 0));
}

/* How often random pairs stand at each level of each field. */
typedef struct Drawing
{
	const CrmLink *link;
	int64_t		seen[CRM_LINK_MAX_FIELDS][CRM_LINK_MAX_LEVELS];
} Drawing;

static void
draw_pairs(void *argument, int part)
{
	Drawing    *drawing = (Drawing *) argument + part;
	const CrmLink *link = drawing->link;
	int64_t		end = (int64_t) RANDOM_PAIRS * (part + 1) / CRM_LINK_PARTS;

	for (int64_t i = (int64_t) RANDOM_PAIRS * part / CRM_LINK_PARTS; link->n_rows > 1 && i < end; i++)
	{
		uint64_t	drawn = crm_hash_int64((int64_t) (link->seed * UINT64_C(0x9E3779B97F4A7C15) + i));
		uint32_t	a = (uint32_t) ((drawn >> 32) * link->n_rows >> 32);
		uint32_t	b = (uint32_t) ((drawn & 0xffffffff) * link->n_rows >> 32);

		uint64_t	pattern = a == b ? 0 : crm_link_pattern(link, a, b);

		for (int f = 0; a != b && f < link->n_fields; f++)
			drawing->seen[f][crm_link_pattern_level(pattern, f)]++;
	}
}

/*
 * Of few rows, rows of one person are most of those that share an address of mail or a number; how many hold a value of these
 * kinds that is everybody's is told by the value.
 */
static bool
is_own(CrmLinkKind kind)
{
	return kind == CRM_LINK_PHONE || kind == CRM_LINK_EMAIL || kind == CRM_LINK_ID;
}

/*
 * Chances among random pairs, seen by the seed; what few pairs have shown leans on the preset,
 * and that of equal values is known from their counts.
 */
static void
learn_random(CrmLink *link)
{
	int64_t		seen[CRM_LINK_MAX_FIELDS][CRM_LINK_MAX_LEVELS] = {0};
	Drawing		drawings[CRM_LINK_PARTS] = {0};

	for (int part = 0; part < CRM_LINK_PARTS; part++)
		drawings[part].link = link;
	crm_link_share(link, draw_pairs, drawings, CRM_LINK_PARTS);
	for (int part = 0; part < CRM_LINK_PARTS; part++)
		for (int f = 0; f < link->n_fields; f++)
			for (int level = 0; level < CRM_LINK_MAX_LEVELS; level++)
				seen[f][level] += drawings[part].seen[f][level];
	count_exact(link);
	for (int f = 0; f < link->n_fields; f++)
	{
		CrmLinkField *field = &link->fields[f];
		const double *preset = crm_link_preset_u(field->kind);
		int			exact = crm_link_exact_of(field->kind);
		int64_t		known = 0;

		for (int level = 1; level < field->n_levels; level++)
			known += seen[f][level];
		for (int level = 1; level < field->n_levels; level++)
		{
			field->u[level] = fmax((seen[f][level] + PRESET_PAIRS * preset[level]) / (known + PRESET_PAIRS), LEAST);
			field->m[level] = crm_link_preset_m(field->kind)[level];
		}
		if (is_own(field->kind))
			field->u[exact] = fmax(fmin(field->u[exact], preset[exact]), LEAST);
		set_least_share(field);
	}
}

/* What the blocks of one rule teach about the fields that they were not made of. */
typedef struct Lesson
{
	const CrmLink *link;
	int			rule;
	uint32_t	blocked;		/* a bit for each field of the rule */
	CrmLinkField fields[CRM_LINK_MAX_FIELDS];
	double		share;			/* of matches among its pairs */
	Counter		counter;
} Lesson;

static void
learn_rule(void *argument, int part)
{
	Lesson	   *lesson = (Lesson *) argument + part;
	const CrmLink *link = lesson->link;
	const CrmLinkRule *rule = &link->rules[lesson->rule];
	CrmLinkPattern *slots = lesson->counter.slots;
	uint32_t	one_in = (uint32_t) (rule->pairs / SAMPLE_PAIRS) + 1;
	int64_t		n = 0;

	lesson->blocked = 0;
	for (int p = 0; p < rule->n_parts; p++)
		lesson->blocked |= 1u << rule->field[p];
	memset(slots, 0, PATTERN_SLOTS * sizeof(CrmLinkPattern));
	lesson->counter.used = 0;
	crm_link_blocks(link, lesson->rule, one_in, count_block, &lesson->counter);
	for (int64_t i = 0; i < PATTERN_SLOTS; i++)
		if (slots[i].count != 0)
			slots[n++] = slots[i];
	memcpy(lesson->fields, link->fields, sizeof lesson->fields);
	lesson->share = crm_link_em(lesson->fields, link->n_fields, slots, n, lesson->blocked, 0.1, BLOCK_LEAN);
}

/* Chances of matches, added up over rules by how many matches each has. */
typedef struct Learned
{
	double		sum[CRM_LINK_MAX_FIELDS][CRM_LINK_MAX_LEVELS];
	double		weight[CRM_LINK_MAX_FIELDS];
} Learned;

static void
add_lesson(CrmLink *link, const Lesson *lesson, Learned *learned)
{
	double		matches = lesson->share * link->rules[lesson->rule].pairs;

	link->matches = fmax(link->matches, matches);
	for (int f = 0; f < link->n_fields; f++)
	{
		if ((lesson->blocked >> f & 1) != 0)
			continue;
		learned->weight[f] += matches;
		for (int level = 1; level < link->fields[f].n_levels; level++)
			learned->sum[f][level] += lesson->fields[f].m[level] * lesson->share * link->rules[lesson->rule].pairs;
	}
}

static void
learn_matches(CrmLink *link)
{
	Lesson	   *lessons = crm_link_grow(link, NULL, 0, LESSONS * sizeof(Lesson));
	Learned		learned = {0};
	int			rule = 0;
	int			n;

	for (int i = 0; i < LESSONS; i++)
		lessons[i].counter.slots = crm_link_grow(link, NULL, 0, PATTERN_SLOTS * sizeof(CrmLinkPattern));
	do
	{
		for (n = 0; n < LESSONS && rule < link->n_rules; rule++)
			if (link->rules[rule].pairs >= 50 && link->rules[rule].n_parts > 0)
			{
				lessons[n].link = link;
				lessons[n++].rule = rule;
			}
		crm_link_share(link, learn_rule, lessons, n);
		for (int i = 0; i < n; i++)
			add_lesson(link, &lessons[i], &learned);
	} while (n > 0);
	for (int i = 0; i < LESSONS; i++)
		link->host.drop(link->host.state, lessons[i].counter.slots);
	link->host.drop(link->host.state, lessons);
	for (int f = 0; f < link->n_fields; f++)
		for (int level = 1; learned.weight[f] > 0 && level < link->fields[f].n_levels; level++)
			link->fields[f].m[level] = learned.sum[f][level] / learned.weight[f];
}

void
crm_link_train(CrmLink *link)
{
	link->matches = fmax(1, LEAST_MATCHES * link->n_rows);
	link->trained_rows = link->n_rows;
	learn_random(link);
	learn_matches(link);
}

/* The two rows of a pair do not tell how many others hold their value. */
double
crm_link_share_seen(const CrmLinkField *field, uint32_t count)
{
	return (fmax(count - 2.0, 0) + USUAL_ROWS * field->u[crm_link_exact_of(field->kind)]) / (field->holders + USUAL_ROWS);
}

/*
 * u without the pairs that were found to be one: of few rows these are many of the pairs that agree anywhere, and what
 * matches have in common would pass for what everybody has.
 */
void
crm_link_correct(CrmLink *link)
{
	double		matched[CRM_LINK_MAX_FIELDS][CRM_LINK_MAX_LEVELS] = {0};

	for (int64_t i = 0; i < link->n_edges; i++)
		for (int f = 0; f < link->n_fields; f++)
			matched[f][crm_link_pattern_level(link->edges[i].pattern, f)] +=
				1 / (1 + exp2(-(link->edges[i].score + link->prior)));
	for (int f = 0; f < link->n_fields; f++)
	{
		CrmLinkField *field = &link->fields[f];
		const double *preset = crm_link_preset_u(field->kind);
		int			exact = crm_link_exact_of(field->kind);
		double		pairs = field->holders / 2.0 * (field->holders - 1.0);
		double		weight = fmin(pairs * PRESET_SHARE, PRESET_MOST);

		for (int level = 1; pairs > 0 && level < field->n_levels; level++)
		{
			double		all = pairs * (level == exact && !is_own(field->kind) ? field->exact_chance : field->u[level]);

			field->u[level] = fmax((fmax(all - matched[f][level], 0) + weight * preset[level]) / (pairs + weight), LEAST);
		}
		set_least_share(field);
	}
}

static double
share_of(const CrmLink *link, const CrmLinkValue *value)
{
	int64_t		low = 0;
	int64_t		high = link->n_terms;

	if (!link->has_model)
		return crm_link_share_seen(&link->fields[value->field], value->count);
	while (low < high)
	{
		int64_t		middle = (low + high) / 2;
		const CrmLinkTerm *term = &link->terms[middle];

		if (term->field < value->field || (term->field == value->field && term->hash < value->hash))
			low = middle + 1;
		else
			high = middle;
	}
	return low < link->n_terms && link->terms[low].field == value->field &&
		link->terms[low].hash == value->hash ? link->terms[low].share : 0;
}

/* Of a group only what is for it counts. */
static double
bound_of(const CrmLinkField *field, int level)
{
	double		weight = level > 0 && level < field->n_levels ? field->weight[level] : -INFINITY;

	return field->is_grouped || level == 0 ? fmax(weight, 0) : weight;
}

/* The most that values which differ can bring when their level lies between two. */
static void
set_most(CrmLink *link)
{
	for (int f = 0; f < link->n_fields; f++)
	{
		CrmLinkField *field = &link->fields[f];

		field->is_grouped = field->group != f;
		for (int g = 0; g < link->n_fields; g++)
			field->is_grouped |= g != f && link->fields[g].group == field->group;
		for (int least = 0; least < CRM_LINK_MAX_LEVELS; least++)
			for (int most = least; most < CRM_LINK_MAX_LEVELS; most++)
				field->most[least][most] = fmax(bound_of(field, most),
												most > least ? field->most[least][most - 1] : -INFINITY);
	}
}

/* Weights from chances; how much rarer or commoner than most each value is. */
void
crm_link_weigh(CrmLink *link)
{
	for (int f = 0; f < link->n_fields; f++)
		for (int level = 1; level < link->fields[f].n_levels; level++)
			link->fields[f].weight[level] = log2(link->fields[f].m[level] / link->fields[f].u[level]);
	set_most(link);
	for (uint32_t v = 1; v < link->n_values; v++)
	{
		CrmLinkValue *value = &link->dictionary[v];
		const CrmLinkField *field = &link->fields[value->field];
		int			exact = crm_link_exact_of(field->kind);

		value->rarity = value->self != exact ? 0 :
			(float) log2(field->u[exact] / fmax(share_of(link, value), field->least_share));
	}
	if (!link->has_model)
		link->prior = log2(link->matches) - log2(fmax(link->n_rows / 2.0 * (link->n_rows - 1.0), 1));
}

/* What fields that are equal leave of each other's weights. */
static void
take_losses(const CrmLink *link, const uint32_t *x, const uint32_t *y, uint64_t pattern,
			double *losses)
{
	uint32_t	equal = 0;
	bool		is_namesake;

	for (int f = 0; f < link->n_fields; f++)
	{
		losses[f] = 0;
		equal |= (uint32_t) (x[f] == y[f] && x[f] != 0) << f;
	}
	is_namesake = link->name_fields != 0 && (equal & link->name_fields) == link->name_fields;
	for (int f = 0; f < link->n_fields; f++)
	{
		/* of two equal fields the later one loses */
		uint32_t	others = link->depends_on[f] & equal & ((equal >> f & 1) ? (1u << f) - 1 : ~0u);
		int			level = crm_link_pattern_level(pattern, f);

		others |= is_namesake ? link->depends_on[f] & 1u << CRM_LINK_MAX_FIELDS : 0;
		for (; others != 0; others &= others - 1)
			losses[f] = fmin(losses[f], link->loss[__builtin_ctz(others)][f][level]);
	}
}

/* Each field's part; of a group the heaviest counts. */
static double
add_up(const CrmLink *link, uint32_t a, uint32_t b, uint64_t pattern, CrmLinkPart *parts)
{
	const uint32_t *x = link->values + (size_t) a * link->n_fields;
	const uint32_t *y = link->values + (size_t) b * link->n_fields;
	double		losses[CRM_LINK_MAX_FIELDS];
	double		best[CRM_LINK_MAX_FIELDS];
	int			heaviest[CRM_LINK_MAX_FIELDS];
	double		total = 0;

	take_losses(link, x, y, pattern, losses);
	for (int f = 0; f < link->n_fields; f++)
		heaviest[f] = -1;
	for (int f = 0; f < link->n_fields; f++)
	{
		const CrmLinkField *field = &link->fields[f];
		int			level = crm_link_pattern_level(pattern, f);
		double		rarity = x[f] == y[f] ? link->dictionary[x[f]].rarity : 0;
		double		weight = level > 0 ? field->weight[level] + losses[f] : 0;
		int			group = field->group;

		if (parts != NULL)
			parts[f] = (CrmLinkPart) {level, weight, level > 0 ? losses[f] : 0, level > 0 ? rarity : 0, false};
		if (level > 0 && (heaviest[group] < 0 || weight + rarity > best[group]))
		{
			best[group] = weight + rarity;
			heaviest[group] = f;
		}
	}
	for (int g = 0; g < link->n_fields; g++)
		if (heaviest[g] >= 0)
		{
			total += best[g];
			if (parts != NULL)
				parts[heaviest[g]].is_counted = true;
		}
	return total;
}

/* What two values bring that are the same. */
static inline double
equal_bound(const CrmLink *link, int f, const CrmLinkValue *value)
{
	const CrmLinkField *field = &link->fields[f];
	double		weight = value->self > 0 ? field->weight[value->self] + value->rarity : 0;

	return field->is_grouped && weight < 0 ? 0 : weight;
}

/* Fields of wide spans first: what they turn out to be decides most. */
static bool
compare_open(const CrmLink *link, uint32_t a, uint32_t b, double least, double upper, uint32_t wide,
			 uint32_t narrow, const double *open, uint64_t *levels)
{
	for (int round = 0; round < 2; round++)
		for (int i = 0; i < link->n_fields; i++)
		{
			int			f = link->cheapest[i];
			int			level;

			if (((round == 0 ? wide : narrow) >> f & 1) == 0)
				continue;
			if (upper < least)
				return false;
			level = crm_link_level(link, f, a, b);
			*levels |= (uint64_t) level << (CRM_LINK_LEVEL_BITS * f);
			upper += link->fields[f].most[level][level] - open[f];
		}
	return upper >= least;
}

/*
 * The pattern of a pair, or false as soon as no level of what is left could lift its score to
 * least.  Equal values first, for they cost nothing; then what the sketches tell of all others;
 * only then values are compared.
 */
bool
crm_link_pattern_worth(const CrmLink *link, uint32_t a, uint32_t b, double least, uint64_t *pattern)
{
	const uint32_t *x = link->values + (size_t) a * link->n_fields;
	const uint32_t *y = link->values + (size_t) b * link->n_fields;
	double		open[CRM_LINK_MAX_FIELDS];
	uint32_t	wide = 0;
	uint32_t	narrow = 0;
	double		upper = 0;
	uint64_t	levels = 0;

	for (int f = 0; f < link->n_fields; f++)
	{
		CrmLinkSpan span;

		if (x[f] == 0 || y[f] == 0)
			continue;
		if (x[f] == y[f])
		{
			const CrmLinkValue *value = &link->dictionary[x[f]];

			levels |= (uint64_t) value->self << (CRM_LINK_LEVEL_BITS * f);
			upper += equal_bound(link, f, value);
			continue;
		}
		span = crm_link_row_span(link, f, link->sketches + (size_t) a * link->n_fields,
								 link->sketches + (size_t) b * link->n_fields);
		open[f] = link->fields[f].most[span.least][span.most];
		upper += open[f];
		if (span.least == span.most)
			levels |= (uint64_t) span.least << (CRM_LINK_LEVEL_BITS * f);
		else if (span.least == 0)
			wide |= 1u << f;
		else
			narrow |= 1u << f;
	}
	if (upper < least || !compare_open(link, a, b, least, upper, wide, narrow, open, &levels))
		return false;
	*pattern = levels;
	return true;
}

double
crm_link_parts(const CrmLink *link, uint32_t a, uint32_t b, CrmLinkPart *parts)
{
	return add_up(link, a, b, crm_link_pattern(link, a, b), parts);
}

double
crm_link_score(const CrmLink *link, uint32_t a, uint32_t b, uint64_t pattern)
{
	return add_up(link, a, b, pattern, NULL);
}
