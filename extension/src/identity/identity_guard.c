/*
 * identity_guard.c
 *		What speaks against two clusters becoming one person.
 *
 * Guards: cannot-link; two values of a single-valued kind (unless the two ever shared one);
 * two records of a source that has one a person; more records than a person has; for values that
 * a family may share, names and birthdays that contradict while none agrees, and one pair of records
 * as the only tie of two solid groups; for all but single-valued kinds, sex and birthday that both
 * differ while nothing agrees.  Name and home tie while birthday, sex and town say nothing against it.
 *
 * Values that a family may share have two guards more, for accounts that are more than the value
 * and yet say neither name nor birthday.  Disputed: where those who hold the value are two persons
 * (names contradict, two unionids), it is a family's, a courier's, or changed hands: only whom name
 * or birthday agrees with is joined.  Stale: what was told long before or after, by whom nobody
 * knows, is proposed and not decided; numbers change hands and families grow meanwhile.
 *
 * Worked example: phone P on 王伟 (A, with a card) and on two mini-program accounts without a name,
 * C and D, of two unionids.  A person has one unionid, so P is two persons' and neither joins A.
 * Without D, C joins A if the two told P within the days that the setting allows.
 *
 * All of it looks at what records hold, never at the order in which they came.  No allocation, no lock.
 */
#include "identity/identity_guard.h"

#include "utils/timestamp.h"

static bool
share_namespace(const CrmIdentityGlue *a, const CrmIdentityGlue *b)
{
	return a->kind == b->kind &&
		crm_identity_compare_bytes(a->namespace, a->namespace_length, b->namespace, b->namespace_length) == 0;
}

static bool
are_forbidden(CrmIdentityGraph *graph, int a, int b)
{
	for (int i = 0; i < graph->n_cannot; i++)
	{
		int			left = crm_identity_label(graph, graph->cannot[i].a);
		int			right = crm_identity_label(graph, graph->cannot[i].b);

		if ((left == a && right == b) || (left == b && right == a))
			return true;
	}
	return false;
}

/* Whether the cluster of a root ever held this value. */
static bool
ever_held(CrmIdentityGraph *graph, int root, const CrmIdentityGlue *value)
{
	int			member = root;

	do
	{
		CrmIdentityNode *node = &graph->nodes[member];

		for (int i = 0; i < node->n_singles; i++)
			if (crm_identity_same_value(graph->singles[node->first_single + i], value))
				return true;
		member = node->next;
	} while (member != root);
	return false;
}

/* Whether both clusters ever held one and the same value of this kind and namespace. */
static bool
share_single(CrmIdentityGraph *graph, int a, int b, const CrmIdentityGlue *kind)
{
	int			member = a;

	do
	{
		CrmIdentityNode *node = &graph->nodes[member];

		for (int i = 0; i < node->n_singles; i++)
		{
			CrmIdentityGlue *single = graph->singles[node->first_single + i];

			if (share_namespace(single, kind) && ever_held(graph, b, single))
				return true;
		}
		member = node->next;
	} while (member != a);
	return false;
}

static bool
singles_conflict(CrmIdentityGraph *graph, const CrmIdentityNode *left, const CrmIdentityNode *right,
				 int a, int b)
{
	for (int i = 0; i < left->n_singles; i++)
	{
		CrmIdentityGlue *one = graph->singles[left->first_single + i];

		for (int j = 0; j < right->n_singles; j++)
		{
			CrmIdentityGlue *other = graph->singles[right->first_single + j];

			if (one->ended_at == DT_NOEND && other->ended_at == DT_NOEND &&
				share_namespace(one, other) && !crm_identity_same_value(one, other) &&
				!share_single(graph, a, b, one))
				return true;
		}
	}
	return false;
}

/* Both hold the value, or held it at the same time and nothing disagrees. */
bool
crm_identity_ties(const CrmIdentityGraph *graph, const CrmIdentityGlue *a, const CrmIdentityGlue *b)
{
	if (a->ended_at == DT_NOEND && b->ended_at == DT_NOEND)
		return true;
	return a->first_seen_at <= b->ended_at && b->first_seen_at <= a->ended_at &&
		!crm_identity_disagree(&graph->nodes[a->node].traits, &graph->nodes[b->node].traits);
}

/* What the members of two clusters say of each other. */
typedef struct Comparison
{
	const char *conflict;		/* null, or the guard that settles it */
	bool		contradicts;
	bool		agrees;
	bool		is_another;		/* sex and birthday both differ */
	bool		is_doubtful;	/* one of them differs */
} Comparison;

static void
compare_members(CrmIdentityGraph *graph, int a, int b, Comparison *result)
{
	int			left = a;

	do
	{
		CrmIdentityNode *one = &graph->nodes[left];
		int			right = b;

		do
		{
			CrmIdentityNode *other = &graph->nodes[right];

			if (one->single_source != 0 && one->single_source == other->single_source)
				result->conflict = "one_per_source";
			else if (one->n_singles > 0 && other->n_singles > 0 &&
					 singles_conflict(graph, one, other, a, b))
				result->conflict = "single_value";
			if (result->conflict)
				return;
			result->contradicts |= crm_identity_contradict(&one->traits, &other->traits);
			result->agrees |= crm_identity_agree(&one->traits, &other->traits);
			result->is_another |= crm_identity_is_another(&one->traits, &other->traits);
			result->is_doubtful |= crm_identity_is_doubtful(&one->traits, &other->traits);
			right = other->next;
		} while (right != b);
		left = one->next;
	} while (left != a);
}

/* What a cluster is, receipts apart: whoever buys often is not many. */
typedef struct Side
{
	int			size;
	bool		is_decided;		/* somebody tied members by hand */
	bool		tells;			/* says a name or a birthday */
	bool		has_more;		/* holds more than the one value */
	bool		is_shadow;		/* some of it is tried out, and nobody has decided about it */
} Side;

static bool
tells(const CrmIdentityTraits *traits)
{
	return traits->has_name || traits->has_birthday;
}

static Side
describe(CrmIdentityGraph *graph, int root)
{
	Side		side = {0};
	int			member = root;

	do
	{
		CrmIdentityNode *node = &graph->nodes[member];

		side.size += !node->is_receipt;
		side.is_decided |= node->is_decided;
		side.tells |= tells(&node->traits);
		side.has_more |= node->n_keys > 1;
		side.is_shadow |= node->is_shadow && !node->is_reference && !node->is_decided;
		member = node->next;
	} while (member != root);
	return side;
}

/* Whether no more than one pair of records ties two clusters, over all values. */
static bool
is_single_tie(CrmIdentityGraph *graph, int a, int b)
{
	CrmIdentityGlue *glue = graph->glue;
	int			pairs = 0;

	for (int i = 0; i < graph->n_glue; i++)
	{
		if (!glue[i].is_glue || crm_identity_label(graph, glue[i].node) != a)
			continue;
		for (int step = -1; step <= 1; step += 2)
			for (int j = i + step; j >= 0 && j < graph->n_glue && crm_identity_same_value(&glue[i], &glue[j]);
				 j += step)
				if (crm_identity_label(graph, glue[j].node) == b && crm_identity_ties(graph, &glue[i], &glue[j]) &&
					++pairs > 1)
					return false;
	}
	return true;
}

/* Homes of one name are told without their town: two towns, in whatever is tied already, are two homes. */
static bool
towns_differ(CrmIdentityGraph *graph, int a, int b, const CrmIdentityHolders *value)
{
	for (CrmIdentityGlue *one = value->first; one < value->end; one++)
	{
		if (one->namespace_length == 0 || crm_identity_label(graph, one->node) != a)
			continue;
		for (CrmIdentityGlue *other = value->first; other < value->end; other++)
			if (other->namespace_length > 0 && crm_identity_label(graph, other->node) == b &&
				!share_namespace(one, other))
				return true;
	}
	return false;
}

/* Whether one who tells something about himself holds the value in this cluster. */
static bool
is_told_by_somebody(CrmIdentityGraph *graph, int root, const CrmIdentityHolders *value)
{
	for (CrmIdentityGlue *one = value->first; one < value->end; one++)
		if (crm_identity_label(graph, one->node) == root && tells(&graph->nodes[one->node].traits))
			return true;
	return false;
}

static int64
time_between(const CrmIdentityGlue *a, const CrmIdentityGlue *b)
{
	return Max(0, Max(a->first_seen_at - b->last_seen_at, b->first_seen_at - a->last_seen_at));
}

/* Whether the two clusters told the value too far apart; where somebody who tells a name did, he counts. */
static bool
is_stale(CrmIdentityGraph *graph, int a, int b, const CrmIdentityHolders *value)
{
	bool		a_tells = is_told_by_somebody(graph, a, value);
	bool		b_tells = is_told_by_somebody(graph, b, value);

	for (CrmIdentityGlue *one = value->first; one < value->end; one++)
	{
		if (crm_identity_label(graph, one->node) != a ||
			(a_tells && !tells(&graph->nodes[one->node].traits)))
			continue;
		for (CrmIdentityGlue *other = value->first; other < value->end; other++)
			if (crm_identity_label(graph, other->node) == b &&
				(!b_tells || tells(&graph->nodes[other->node].traits)) &&
				crm_identity_ties(graph, one, other) &&
				time_between(one, other) <= graph->max_silence)
				return false;
	}
	return true;
}

/* What speaks against a value that a family may share, nothing agreeing. */
static const char *
weigh_shared(CrmIdentityGraph *graph, int a, int b, const CrmIdentityHolders *value,
			 const Side *left, const Side *right)
{
	bool		is_silent = (!left->tells && left->has_more) || (!right->tells && right->has_more);

	/* what is nothing but the value follows it */
	if (left->tells == right->tells ? !left->has_more || !right->has_more
		: !(left->tells ? right : left)->has_more)
		return NULL;
	if (value->is_disputed)
		return "disputed";
	return is_silent && is_stale(graph, a, b, value) ? "stale" : NULL;
}

/* What speaks against a tie by this value, as the members compare. */
static const char *
weigh_tie(CrmIdentityGraph *graph, int a, int b, const CrmIdentityHolders *value,
		  const Comparison *result, const Side *left, const Side *right)
{
	const CrmIdentityGlue *tie = value->first;

	if (tie->is_home)
		return result->is_doubtful || towns_differ(graph, a, b, value) ? "contradiction" : NULL;
	if (result->agrees || tie->is_single)
		return NULL;
	if ((tie->is_shared && result->contradicts) || result->is_another)
		return "contradiction";
	return tie->is_shared ? weigh_shared(graph, a, b, value, left, right) : NULL;
}

/* An order's buyer is found in the shadow, too: a reference that is all there is on its side is no person who merges. */
static bool
is_reference_alone(CrmIdentityGraph *graph, int root)
{
	int			member = root;

	do
	{
		if (!graph->nodes[member].is_reference)
			return false;
		member = graph->nodes[member].next;
	} while (member != root);
	return true;
}

/* A strong kind is believed over names, and over sex and birthday too when a person has only one of it. */
const char *
crm_identity_objection(CrmIdentityGraph *graph, int a, int b, const CrmIdentityHolders *value)
{
	const CrmIdentityGlue *tie = value->first;
	const char *objection;
	Comparison	result = {0};
	Side		left;
	Side		right;

	if (are_forbidden(graph, a, b))
		return "cannot_link";
	compare_members(graph, a, b, &result);
	if (result.conflict)
		return result.conflict;
	left = describe(graph, a);
	right = describe(graph, b);
	objection = weigh_tie(graph, a, b, value, &result, &left, &right);
	if (objection)
		return objection;
	if (left.size + right.size > graph->max_members && !left.is_decided && !right.is_decided)
		return "size";
	if (tie->is_shared && !result.agrees && Min(left.size, right.size) >= graph->solid_members &&
		is_single_tie(graph, a, b))
		return "weak_bridge";
	/* last: what is left would be one person */
	return (left.is_shadow && !is_reference_alone(graph, b)) || (right.is_shadow && !is_reference_alone(graph, a)) ? "shadow" : NULL;
}

/* Two who hold a value now, by themselves or by what is known of their persons, are two. */
static bool
are_two(CrmIdentityGraph *graph, const CrmIdentityGlue *one, const CrmIdentityGlue *other)
{
	int			a = crm_identity_label(graph, one->node);
	int			b = crm_identity_label(graph, other->node);
	Comparison	result = {0};

	if (crm_identity_contradict(&graph->nodes[one->node].traits, &graph->nodes[other->node].traits))
		return true;
	if (a == b)
		return false;
	compare_members(graph, a, b, &result);
	return result.conflict != NULL || (!result.agrees && (result.contradicts || result.is_another));
}

bool
crm_identity_is_disputed(CrmIdentityGraph *graph, CrmIdentityGlue *first, CrmIdentityGlue *end)
{
	if (!first->is_shared)
		return false;
	for (CrmIdentityGlue *one = first; one < end; one++)
		for (CrmIdentityGlue *other = one + 1; other < end; other++)
			if (one->ended_at == DT_NOEND && other->ended_at == DT_NOEND &&
				are_two(graph, one, other))
				return true;
	return false;
}
