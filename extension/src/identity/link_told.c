/*
 * link_told.c
 *		What is not told, judged by those who tell it: of pairs that agree in the same fields, how
 *		often another one says that they are two.
 *
 * Weights take fields for independent of each other, and a family's are not: who shares a telephone
 * and a home is a wife as often as himself, and a father's name is his son's.  Learning does not
 * show it, for such pairs agree in so much that they are learned as matches.  But where they are
 * many, some tell the field that parts them.  If of those with one name, telephone and home whose birthdays are
 * told a third have two, then of those who tell none a third are two as well, and none of
 * them is a merge for a machine.  Where next to nobody differs, silence is what it looks like.
 *
 * Worked example: of 60 pairs with one telephone and home whose names are whole, 20 have two names.  Errors
 * explain 3 of them, so 张** is somebody else on that telephone in a quarter of the cases: people
 * decide.  An equal name is ten bits against that quarter, and is merged.
 *
 * Memory: a table of fixed size, given back by the caller.
 */
#include "identity/link.h"

#include <math.h>
#include <string.h>

#include "pure/hash.h"

#define SLOTS (1 << 16)
#define MOST_WRONG 0.01			/* that an automatic merge is somebody else */
#define ENOUGH 30				/* pairs that answer a question by themselves */
#define STRONG 3.0				/* bits from which a level is agreement */
#define DOUBT 2.0				/* pairs with two who are two, beside those seen */
#define RARE 0.01				/* that two share a text: of more it is no name of a thing */

typedef enum Said
{
	SAID_NOTHING, SAID_SAME, SAID_TWO
} Said;

/* Of one question: pairs that agree in the same others and both tell this field. */
typedef struct Told
{
	uint64_t	question;
	uint32_t	same;
	uint32_t	two;
} Told;

/* What pairs of one pattern say: of millions of edges there are a few thousand patterns. */
typedef struct Seen
{
	uint64_t	pattern;
	uint32_t	count;			/* 0: the place is free */
	uint16_t	same;			/* a bit for each field asked about */
	uint16_t	two;
	bool		is_often_two;
} Seen;

struct CrmLinkTold
{
	bool		is_asked[CRM_LINK_MAX_FIELDS];	/* fields that part those who have the rest in common */
	double		real[CRM_LINK_MAX_FIELDS];	/* of pairs with two: who are two, and no mistake */
	double		errors[CRM_LINK_MAX_FIELDS];	/* of matches that tell it: have two by mistake */
	double		others[CRM_LINK_MAX_FIELDS];	/* of strangers that tell it: have two */
	int			used;
	int			seen_used;
	Told		slots[SLOTS];
	Seen		seen[SLOTS];
};

static Said
said_by(const CrmLinkField *field, int level)
{
	switch (field->kind)
	{
		case CRM_LINK_NAME:
			if (level > CRM_NAME_VARIANT)
				return SAID_SAME;
			return level == CRM_NAME_DIFFERENT + 1 || level == CRM_NAME_GIVEN_DIFFERS + 1 ||
				level == CRM_NAME_ONE_EDIT + 1 ? SAID_TWO : SAID_NOTHING;
		case CRM_LINK_DATE:
			if (level > CRM_BIRTHDAY_LUNAR)
				return SAID_SAME;
			return level == CRM_BIRTHDAY_DIFFERENT + 1 || level == CRM_BIRTHDAY_DECADE + 1 ? SAID_TWO : SAID_NOTHING;
		case CRM_LINK_ADDRESS:
			if (level > CRM_ADDRESS_BUILDING)
				return SAID_SAME;
			return level == CRM_ADDRESS_CONTRADICTION + 1 || level == CRM_ADDRESS_NONE + 1 ? SAID_TWO : SAID_NOTHING;
		default:
			return level >= crm_link_exact_of(field->kind) ? SAID_SAME : level == 1 ? SAID_TWO : SAID_NOTHING;
	}
}

static bool
is_asked(const CrmLink *link, const CrmLinkField *field)
{
	switch (field->kind)
	{
		case CRM_LINK_NAME:
		case CRM_LINK_ID:
		case CRM_LINK_DATE:
			return true;
		case CRM_LINK_SEX:
		case CRM_LINK_ADDRESS:
			return !crm_link_has_names(link);
		case CRM_LINK_TEXT:
			return !crm_link_has_names(link) && field->u[crm_link_exact_of(field->kind)] < RARE;
		default:
			return false;
	}
}

/* The share of those with two of all who have two or the same. */
static double
share_of_two(const CrmLinkField *field, const double *chances)
{
	double		two = 0;
	double		same = 0;

	for (int level = 1; level < field->n_levels; level++)
	{
		two += said_by(field, level) == SAID_TWO ? chances[level] : 0;
		same += said_by(field, level) == SAID_SAME ? chances[level] : 0;
	}
	return two / fmax(two + same, 1e-9);
}

/* What a pair agrees in beside a field, two bits each; nearly counts apart from wholly, or as much. */
static uint64_t
question_of(const CrmLink *link, int field, uint64_t pattern, bool is_rough)
{
	uint64_t	question = (uint64_t) field + 1 + (is_rough ? CRM_LINK_MAX_FIELDS : 0);

	for (int f = 0; f < link->n_fields; f++)
	{
		int			level = crm_link_pattern_level(pattern, f);
		int			agrees = f == field || level == 0 || link->fields[f].weight[level] < STRONG ? 0 :
			is_rough || said_by(&link->fields[f], level) == SAID_SAME ? 2 : 1;

		question = question << 2 | (uint64_t) agrees;
	}
	return question;
}

/* NULL where a table that is full has no room for it. */
static Told *
find_told(CrmLinkTold *told, uint64_t question, bool may_add)
{
	uint32_t	slot = (uint32_t) (crm_hash_int64((int64_t) question) & (SLOTS - 1));

	while (told->slots[slot].question != 0 && told->slots[slot].question != question)
		slot = (slot + 1) & (SLOTS - 1);
	if (told->slots[slot].question == question)
		return &told->slots[slot];
	if (!may_add || told->used > SLOTS / 2)
		return NULL;
	told->used++;
	told->slots[slot].question = question;
	return &told->slots[slot];
}

static void
count_seen(const CrmLink *link, CrmLinkTold *told, const Seen *seen)
{
	uint16_t	says = seen->same | seen->two;

	for (int f = 0; f < link->n_fields; f++)
		for (int rough = 0; rough < 2 && (says >> f & 1) != 0; rough++)
		{
			Told	   *slot = find_told(told, question_of(link, f, seen->pattern, rough != 0), true);

			if (slot == NULL)
				continue;
			slot->same += (seen->same >> f & 1) != 0 ? seen->count : 0;
			slot->two += (seen->two >> f & 1) != 0 ? seen->count : 0;
		}
}

/* The place of a pattern; a free one, or NULL, where it has none. */
static Seen *
find_seen(CrmLinkTold *told, uint64_t pattern)
{
	uint32_t	slot = (uint32_t) (crm_hash_int64((int64_t) pattern) & (SLOTS - 1));

	while (told->seen[slot].count != 0 && told->seen[slot].pattern != pattern)
		slot = (slot + 1) & (SLOTS - 1);
	if (told->seen[slot].count == 0 && told->seen_used > SLOTS / 2)
		return NULL;
	return &told->seen[slot];
}

/* Counts an edge; where patterns are too many, those without a place are not asked. */
static const Seen *
see(const CrmLink *link, CrmLinkTold *told, uint64_t pattern)
{
	Seen	   *seen = find_seen(told, pattern);

	if (seen == NULL || seen->count++ != 0)
		return seen;
	told->seen_used++;
	seen->pattern = pattern;
	for (int f = 0; f < link->n_fields; f++)
	{
		Said		said = told->is_asked[f] ? said_by(&link->fields[f], crm_link_pattern_level(pattern, f)) : SAID_NOTHING;

		seen->same |= (uint16_t) ((said == SAID_SAME) << f);
		seen->two |= (uint16_t) ((said == SAID_TWO) << f);
	}
	return seen;
}

/* Rows that tell a field, and those that another row bears out, a bit for each field. */
typedef struct Witness
{
	uint16_t	tells;
	uint16_t	is_borne_out;
} Witness;

static void
hear_witnesses(const CrmLink *link, CrmLinkTold *told, Witness *witnesses)
{
	memset(witnesses, 0, (link->n_rows + 1) * sizeof *witnesses);
	for (int64_t i = 0; i < link->n_edges; i++)
	{
		const CrmLinkEdge *edge = &link->edges[i];
		const Seen *seen = see(link, told, edge->pattern);
		uint16_t	tells = seen == NULL ? 0 : seen->same | seen->two;
		uint16_t	bears_out = seen == NULL || edge->score + link->prior <= 0 ? 0 : seen->same;

		if (tells == 0)
			continue;
		witnesses[edge->a].tells |= tells;
		witnesses[edge->b].tells |= tells;
		witnesses[edge->a].is_borne_out |= bears_out;
		witnesses[edge->b].is_borne_out |= bears_out;
	}
}

/*
 * A mistake is made once; of two persons each has records of its own.  So where both of two values are borne
 * out by other records, as often as values are anywhere, it is two persons, and where one of them mostly stands alone, mistakes.
 */
static double
real_share(const CrmLink *link, const Witness *witnesses, int field)
{
	int64_t		telling = 0;
	int64_t		borne_out = 0;
	int64_t		two = 0;
	int64_t		both = 0;
	double		usual;

	for (uint32_t row = 0; row < link->n_rows; row++)
	{
		telling += witnesses[row].tells >> field & 1;
		borne_out += witnesses[row].is_borne_out >> field & 1;
	}
	for (int64_t i = 0; i < link->n_edges; i++)
	{
		const CrmLinkEdge *edge = &link->edges[i];

		if (edge->score + link->prior < 0)
			break;				/* they are sorted */
		if (said_by(&link->fields[field], crm_link_pattern_level(edge->pattern, field)) != SAID_TWO)
			continue;
		two++;
		both += witnesses[edge->a].is_borne_out & witnesses[edge->b].is_borne_out & 1 << field ? 1 : 0;
	}
	usual = telling > 0 ? (double) borne_out / telling : 0;
	usual *= usual;
	return fmin((both + DOUBT) / (two * usual + DOUBT), 1);
}

static void
set_errors(CrmLink *link, CrmLinkTold *told)
{
	Witness    *witnesses = crm_link_grow(link, NULL, 0, (link->n_rows + 1) * sizeof *witnesses);

	hear_witnesses(link, told, witnesses);
	for (int f = 0; f < link->n_fields; f++)
	{
		const CrmLinkField *field = &link->fields[f];
		double		usual = share_of_two(field, crm_link_preset_m(field->kind));
		double		learned = share_of_two(field, field->m);
		/* a name is seldom mistyped for another one */
		double		real = !told->is_asked[f] ? 0 : field->kind == CRM_LINK_NAME ? 1 : real_share(link, witnesses, f);

		told->real[f] = real;
		told->errors[f] = learned < usual ? learned : real * usual + (1 - real) * learned;
		told->others[f] = share_of_two(field, crm_link_preset_u(field->kind));
	}
	link->host.drop(link->host.state, witnesses);
}

/*
 * How many of those who agree in the same are two, beyond errors and their usual variation: a few
 * pairs are believed as far as they go.
 */
static double
share_of_others(const CrmLinkTold *told, int field, const Told *slot)
{
	double		n = (double) slot->same + slot->two;
	double		mistaken = told->errors[field] * n;
	double		beyond = slot->two - mistaken - sqrt(mistaken);

	return fmin(told->real[field] * fmax(beyond, 0) / (n * (told->others[field] - told->errors[field])), 1);
}

/* Of those who agree as a pair does; of those who agree about as it does where the others are few. */
static double
share_beside(const CrmLink *link, CrmLinkTold *told, int field, uint64_t pattern)
{
	const Told *slot = find_told(told, question_of(link, field, pattern, false), false);

	if (slot == NULL || slot->same + slot->two < ENOUGH)
		slot = find_told(told, question_of(link, field, pattern, true), false);
	return slot == NULL ? 0 : share_of_others(told, field, slot);
}

/* Whether those who agree in the same are too often two for this pair to be put together by a machine. */
static bool
is_often_two(const CrmLink *link, CrmLinkTold *told, uint64_t pattern)
{
	for (int f = 0; f < link->n_fields; f++)
	{
		const CrmLinkField *field = &link->fields[f];
		int			level = crm_link_pattern_level(pattern, f);
		double		share = told->is_asked[f] ? share_beside(link, told, f, pattern) : 0;
		double		bits = level != 0 && said_by(field, level) == SAID_SAME ? field->weight[level] : 0;

		if (share * exp2(-bits) > MOST_WRONG * (1 - share))
			return true;
	}
	return false;
}

/* Of all edges. */
CrmLinkTold *
crm_link_told(CrmLink *link)
{
	CrmLinkTold *told = crm_link_grow(link, NULL, 0, sizeof *told);

	memset(told, 0, sizeof *told);
	for (int f = 0; f < link->n_fields; f++)
		told->is_asked[f] = is_asked(link, &link->fields[f]);
	set_errors(link, told);
	for (int i = 0; i < SLOTS; i++)
		if (told->seen[i].count != 0)
			count_seen(link, told, &told->seen[i]);
	for (int i = 0; i < SLOTS; i++)
		if (told->seen[i].count != 0)
			told->seen[i].is_often_two = is_often_two(link, told, told->seen[i].pattern);
	return told;
}

bool
crm_link_is_often_two(const CrmLink *link, CrmLinkTold *told, uint64_t pattern)
{
	const Seen *seen = find_seen(told, pattern);

	return seen == NULL ? is_often_two(link, told, pattern) : seen->is_often_two;
}
