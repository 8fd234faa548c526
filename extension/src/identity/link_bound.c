/*
 * link_bound.c
 *		What a pair can come to at most: whoever cannot be kept is given up before values are compared.
 *
 * Worked example: of two namesakes' records with one birthday, telephone and e-mail address might bring 29 bits
 * more; the sketches of both say that they differ, which brings 5 less, and what the names could still
 * add is not enough, so that these are not looked at.
 */
#include "identity/link_sketch.h"

#include <math.h>

#define ROUNDED 1e-6			/* bits: sums in two orders differ by less */

/* Of a group only what is for it counts. */
static double
bound_of(const CrmLinkField *field, int level)
{
	double		weight = level > 0 && level < field->n_levels ? field->weight[level] : -INFINITY;

	return field->is_grouped || level == 0 ? fmax(weight, 0) : weight;
}

/* What is taken away where a sketch tells that two values are different, by what it costs to ask it. */
static double
telling_of(const CrmLinkField *field)
{
	double		taken = field->best - field->most[1][1];

	switch (field->kind)
	{
		case CRM_LINK_SEX:
		case CRM_LINK_CLASS:
			return taken * 4;
		case CRM_LINK_DATE:
		case CRM_LINK_PHONE:
		case CRM_LINK_ID:
		case CRM_LINK_ADDRESS:
			return taken * 2;
		case CRM_LINK_NAME:
		case CRM_LINK_POSTCODE:
		case CRM_LINK_NUMBER:
			return -1;			/* its sketches tell nothing */
		default:
			return taken;
	}
}

static void
order_telling(CrmLink *link)
{
	for (int f = 0; f < link->n_fields; f++)
	{
		int			i = f;

		for (; i > 0 && telling_of(&link->fields[link->telling[i - 1]]) < telling_of(&link->fields[f]); i--)
			link->telling[i] = link->telling[i - 1];
		link->telling[i] = f;
	}
}

/* The most that values which differ can bring when their level lies between two. */
void
crm_link_set_bounds(CrmLink *link)
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
		field->best = field->most[0][CRM_LINK_MAX_LEVELS - 1];
	}
	order_telling(link);
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

/* What the fields of a pair can bring at most, and which are still open. */
typedef struct Bound
{
	double		most[CRM_LINK_MAX_FIELDS];	/* of fields that both rows tell */
	double		sum;
	uint32_t	told;
	uint32_t	differ;
	uint32_t	wide;
	uint32_t	narrow;
	uint64_t	levels;
} Bound;

/* Equal values are known, of others the best is thought. */
static inline void
bound_by_values(const CrmLink *link, const uint32_t *x, const uint32_t *y, Bound *bound)
{
	bound->sum = 0;
	bound->told = bound->differ = bound->wide = bound->narrow = 0;
	bound->levels = 0;
	for (int f = 0; f < link->n_fields; f++)
	{
		const CrmLinkValue *value = &link->dictionary[x[f]];

		if (x[f] == 0 || y[f] == 0)
			continue;
		bound->told |= 1u << f;
		if (x[f] == y[f])
		{
			bound->levels |= (uint64_t) value->self << (CRM_LINK_LEVEL_BITS * f);
			bound->most[f] = equal_bound(link, f, value);
		}
		else
		{
			bound->differ |= 1u << f;
			bound->most[f] = link->fields[f].best;
		}
		bound->sum += bound->most[f];
	}
}

/* False as soon as it is certain that what is left is not enough. */
static inline bool
bound_by_sketches(const CrmLink *link, const CrmLinkSketch *x, const CrmLinkSketch *y, double least, Bound *bound)
{
	for (int i = 0; i < link->n_fields; i++)
	{
		int			f = link->telling[i];
		CrmLinkSpan span;
		double		most;

		if ((bound->differ >> f & 1) == 0)
			continue;
		if (bound->sum < least - ROUNDED)
			return false;
		span = crm_link_row_span(link, f, x, y);
		most = link->fields[f].most[span.least][span.most];
		bound->sum += most - bound->most[f];
		bound->most[f] = most;
		if (span.least == span.most)
			bound->levels |= (uint64_t) span.least << (CRM_LINK_LEVEL_BITS * f);
		else if (span.least == 0)
			bound->wide |= 1u << f;
		else
			bound->narrow |= 1u << f;
	}
	return bound->sum >= least - ROUNDED;
}

/*
 * The pattern of a pair, or false as soon as no level of what is left could lift its score to
 * least.  Equal values first, for they cost nothing; then what the sketches tell of all others,
 * those first that take most away; only then values are compared.
 */
bool
crm_link_pattern_worth(const CrmLink *link, uint32_t a, uint32_t b, double least, uint64_t *pattern)
{
	size_t		x = (size_t) a * link->n_fields;
	size_t		y = (size_t) b * link->n_fields;
	double		upper = 0;
	Bound		bound;

	bound_by_values(link, link->values + x, link->values + y, &bound);
	if (!bound_by_sketches(link, link->sketches + x, link->sketches + y, least, &bound))
		return false;
	/* once more in the order of fields, whatever the order in which they were asked */
	for (int f = 0; f < link->n_fields; f++)
		if ((bound.told >> f & 1) != 0)
			upper += bound.most[f];
	if (upper < least || !compare_open(link, a, b, least, upper, bound.wide, bound.narrow, bound.most, &bound.levels))
		return false;
	*pattern = bound.levels;
	return true;
}
