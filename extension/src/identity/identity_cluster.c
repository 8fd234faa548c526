/*
 * identity_cluster.c
 *		Records to persons: union-find over shared identifiers, with guards.
 *
 * The answer is a function of what the records hold, never of the order in which they came:
 * nodes come ordered by source and external id; identifiers are taken from the strongest kind
 * to the weakest and by hash; the holders of one identifier, those that say most about
 * themselves first.  Each holder joins every cluster of that identifier that no guard keeps it
 * from, the best fitting first.  A write therefore only has to run this over the component that it
 * touches to get what a run over everything would give.
 *
 * Guards: cannot-link; two values of a single-valued kind (unless the two ever shared one);
 * two records of a source that has one a person; more records than a person has; for values that
 * a family may share, names and birthdays that contradict while none agrees, and one pair of records
 * as the only tie of two solid groups; for all but single-valued kinds, sex and birthday that both
 * differ while nothing agrees.  Where those who hold such a value contradict each other it is a
 * family's, a courier's, or changed hands (disputed): records that are more than the value join only
 * whom name or birthday agrees with.  Name and home tie while birthday, sex and town say nothing
 * against it.  A value that a record gave up
 * still ties it to those that held it at the same time, as long as nothing disagrees: a member
 * with a new phone stays who he was, and the number's next owner is somebody else.
 *
 * Worked example: phone P on 王伟 1980 (A), 李娜 1985 (B) and a nameless record (C): A and B
 * contradict and are refused; C, which holds nothing else, joins the one who took P last.  With 李娜's unionid on C, the
 * stronger kind has tied B and C before P is looked at.
 *
 * Cost: an identifier with h holders takes h times the clusters among them; memory is the
 * caller's graph and one scratch array in the current context.  No lock.
 */
#include "identity/identity_cluster.h"

#include "utils/timestamp.h"

static int
find_root(CrmIdentityGraph *graph, int node)
{
	CrmIdentityNode *nodes = graph->nodes;

	while (nodes[node].parent != node)
	{
		nodes[node].parent = nodes[nodes[node].parent].parent;
		node = nodes[node].parent;
	}
	return node;
}

int
crm_identity_label(CrmIdentityGraph *graph, int node)
{
	return find_root(graph, node);
}

/* The smaller root stays root; the rings of members become one. */
static void
unite(CrmIdentityGraph *graph, int a, int b)
{
	CrmIdentityNode *nodes = graph->nodes;
	int			root = Min(a, b);
	int			other = Max(a, b);
	int			next = nodes[root].next;

	if (root == other)
		return;
	nodes[other].parent = root;
	nodes[root].next = nodes[other].next;
	nodes[other].next = next;
}

static int
compare_bytes(const void *a, int a_length, const void *b, int b_length)
{
	int			order = memcmp(a, b, Min(a_length, b_length));

	return order != 0 ? order : a_length - b_length;
}

static bool
same_value(const CrmIdentityGlue *a, const CrmIdentityGlue *b)
{
	return a->kind == b->kind &&
		compare_bytes(a->hash, a->hash_length, b->hash, b->hash_length) == 0;
}

static int
how_telling(const CrmIdentityTraits *traits)
{
	return 2 * traits->has_name + traits->has_given + 2 * traits->has_birthday;
}

/* Strongest kind first, then by value, then the most telling, the latest, and the first node. */
static int
compare_glue(const void *left, const void *right, void *arg)
{
	const CrmIdentityGlue *a = left;
	const CrmIdentityGlue *b = right;
	const CrmIdentityNode *nodes = arg;
	int			order;

	if (a->rank != b->rank)
		return a->rank < b->rank ? -1 : 1;
	if (a->kind != b->kind)
		return a->kind < b->kind ? -1 : 1;
	order = compare_bytes(a->hash, a->hash_length, b->hash, b->hash_length);
	if (order != 0)
		return order;
	order = how_telling(&nodes[b->node].traits) - how_telling(&nodes[a->node].traits);
	if (order != 0)
		return order;
	if (a->first_seen_at != b->first_seen_at)
		return a->first_seen_at > b->first_seen_at ? -1 : 1;
	return a->node - b->node;
}

static bool
share_namespace(const CrmIdentityGlue *a, const CrmIdentityGlue *b)
{
	return a->kind == b->kind &&
		compare_bytes(a->namespace, a->namespace_length, b->namespace, b->namespace_length) == 0;
}

static bool
are_forbidden(CrmIdentityGraph *graph, int a, int b)
{
	for (int i = 0; i < graph->n_cannot; i++)
	{
		int			left = find_root(graph, graph->cannot[i].a);
		int			right = find_root(graph, graph->cannot[i].b);

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
			if (same_value(graph->singles[node->first_single + i], value))
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
				share_namespace(one, other) && !same_value(one, other) &&
				!share_single(graph, a, b, one))
				return true;
		}
	}
	return false;
}

/* Both hold the value, or held it at the same time and nothing disagrees. */
static bool
ties(const CrmIdentityGraph *graph, const CrmIdentityGlue *a, const CrmIdentityGlue *b)
{
	if (a->ended_at == DT_NOEND && b->ended_at == DT_NOEND)
		return true;
	return a->first_seen_at <= b->ended_at && b->first_seen_at <= a->ended_at &&
		!crm_identity_disagree(&graph->nodes[a->node].traits, &graph->nodes[b->node].traits);
}

/* The holders of one value, in their order. */
typedef struct CrmIdentityHolders
{
	CrmIdentityGlue *first;
	CrmIdentityGlue *end;
	bool		is_disputed;	/* a family's: some of those who hold it contradict each other */
} CrmIdentityHolders;

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

/* Receipts apart: whoever buys often is not many. */
static int
count_members(CrmIdentityGraph *graph, int root, bool *is_decided)
{
	int			count = 0;
	int			member = root;

	do
	{
		count += !graph->nodes[member].is_receipt;
		*is_decided |= graph->nodes[member].is_decided;
		member = graph->nodes[member].next;
	} while (member != root);
	return count;
}

/* Whether no more than one pair of records ties two clusters, over all values. */
static bool
is_single_tie(CrmIdentityGraph *graph, int a, int b)
{
	CrmIdentityGlue *glue = graph->glue;
	int			pairs = 0;

	for (int i = 0; i < graph->n_glue; i++)
	{
		if (!glue[i].is_glue || find_root(graph, glue[i].node) != a)
			continue;
		for (int step = -1; step <= 1; step += 2)
			for (int j = i + step; j >= 0 && j < graph->n_glue && same_value(&glue[i], &glue[j]);
				 j += step)
				if (find_root(graph, glue[j].node) == b && ties(graph, &glue[i], &glue[j]) &&
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
		if (one->namespace_length == 0 || find_root(graph, one->node) != a)
			continue;
		for (CrmIdentityGlue *other = value->first; other < value->end; other++)
			if (other->namespace_length > 0 && find_root(graph, other->node) == b &&
				!share_namespace(one, other))
				return true;
	}
	return false;
}

/* What speaks against a tie by this value, as the members compare. */
static const char *
weigh_tie(CrmIdentityGraph *graph, int a, int b, const CrmIdentityHolders *value,
		  const Comparison *result, bool is_bare)
{
	const CrmIdentityGlue *tie = value->first;

	if (tie->is_home)
		return result->is_doubtful || towns_differ(graph, a, b, value) ? "contradiction" : NULL;
	if (result->agrees || tie->is_single)
		return NULL;
	if ((tie->is_shared && result->contradicts) || result->is_another)
		return "contradiction";
	return value->is_disputed && !is_bare ? "disputed" : NULL;
}

/*
 * Why two clusters may not become one; null when nothing speaks against it.  A strong kind
 * is believed over names, and over sex and birthday too when a person has only one of it.
 */
static const char *
find_objection(CrmIdentityGraph *graph, int a, int b, const CrmIdentityHolders *value, bool is_bare)
{
	const CrmIdentityGlue *tie = value->first;
	const char *objection;
	Comparison	result = {0};
	bool		is_decided = false;
	int			size_a;
	int			size_b;

	if (are_forbidden(graph, a, b))
		return "cannot_link";
	compare_members(graph, a, b, &result);
	if (result.conflict)
		return result.conflict;
	objection = weigh_tie(graph, a, b, value, &result, is_bare);
	if (objection)
		return objection;
	size_a = count_members(graph, a, &is_decided);
	size_b = count_members(graph, b, &is_decided);
	if (size_a + size_b > graph->max_members && !is_decided)
		return "size";
	if (tie->is_shared && !result.agrees && Min(size_a, size_b) >= graph->solid_members &&
		is_single_tie(graph, a, b))
		return "weak_bridge";
	return NULL;
}

static void
refuse(CrmIdentityGraph *graph, int a, int b, int16 kind, const char *reason)
{
	if (graph->n_refusals == graph->max_refusals)
	{
		graph->max_refusals *= 2;
		graph->refusals = repalloc(graph->refusals,
								   graph->max_refusals * sizeof(CrmIdentityRefusal));
	}
	graph->refusals[graph->n_refusals++] = (CrmIdentityRefusal) {
		.a = a, .b = b, .kind = kind, .reason = reason
	};
}

/* Of the holders before this one, the best fitting whose cluster has not been tried. */
static int
next_candidate(CrmIdentityGraph *graph, CrmIdentityGlue *first, CrmIdentityGlue *holder,
			   const int *tried, int n_tried)
{
	int			own = find_root(graph, holder->node);
	int			best = -1;
	bool		best_agrees = false;

	for (CrmIdentityGlue *other = first; other < holder; other++)
	{
		int			root = find_root(graph, other->node);
		bool		skip = root == own;
		bool		agrees;

		for (int i = 0; i < n_tried && !skip; i++)
			skip = tried[i] == root;
		if (skip || !ties(graph, holder, other))
			continue;
		agrees = crm_identity_agree(&graph->nodes[holder->node].traits,
									&graph->nodes[other->node].traits);
		if (best < 0 || (agrees && !best_agrees))
		{
			best = other->node;
			best_agrees = agrees;
			if (agrees)
				break;
		}
	}
	return best;
}

static bool
is_disputed(const CrmIdentityGraph *graph, CrmIdentityGlue *first, CrmIdentityGlue *end)
{
	if (!first->is_shared)
		return false;
	for (CrmIdentityGlue *one = first; one < end; one++)
		for (CrmIdentityGlue *other = one + 1; other < end; other++)
			if (one->ended_at == DT_NOEND && other->ended_at == DT_NOEND &&
				crm_identity_contradict(&graph->nodes[one->node].traits,
										&graph->nodes[other->node].traits))
				return true;
	return false;
}

/* Unites the holders of one identifier as far as guards allow. */
static void
join_holders(CrmIdentityGraph *graph, CrmIdentityGlue *first, CrmIdentityGlue *end, int *tried)
{
	CrmIdentityHolders value = {first, end, is_disputed(graph, first, end)};

	for (CrmIdentityGlue *holder = first; holder < end; holder++)
	{
		int			n_tried = 0;
		int			candidate;

		while ((candidate = next_candidate(graph, first, holder, tried, n_tried)) >= 0)
		{
			int			own = find_root(graph, holder->node);
			int			root = find_root(graph, candidate);
			bool		is_bare = graph->nodes[holder->node].n_keys <= 1 ||
				graph->nodes[candidate].n_keys <= 1;
			const char *objection = find_objection(graph, own, root, &value, is_bare);

			if (objection == NULL)
				unite(graph, own, root);
			else
			{
				refuse(graph, holder->node, candidate, holder->kind, objection);
				tried[n_tried++] = root;
			}
		}
	}
}

static void
collect_singles(CrmIdentityGraph *graph)
{
	int			at = 0;

	graph->singles = palloc(Max(graph->n_glue, 1) * sizeof(CrmIdentityGlue *));
	for (int i = 0; i < graph->n_glue; i++)
		graph->nodes[graph->glue[i].node].n_singles += graph->glue[i].is_single;
	for (int i = 0; i < graph->n_nodes; i++)
	{
		graph->nodes[i].first_single = at;
		at += graph->nodes[i].n_singles;
		graph->nodes[i].n_singles = 0;
	}
	for (int i = 0; i < graph->n_glue; i++)
	{
		CrmIdentityNode *node = &graph->nodes[graph->glue[i].node];

		if (graph->glue[i].is_single)
			graph->singles[node->first_single + node->n_singles++] = &graph->glue[i];
	}
}

/* Guards may have refused what a later identifier united: such refusals are void. */
static void
drop_void_refusals(CrmIdentityGraph *graph)
{
	int			kept = 0;

	for (int i = 0; i < graph->n_refusals; i++)
	{
		CrmIdentityRefusal refusal = graph->refusals[i];

		if (find_root(graph, refusal.a) != find_root(graph, refusal.b))
			graph->refusals[kept++] = refusal;
	}
	graph->n_refusals = kept;
}

void
crm_identity_cluster(CrmIdentityGraph *graph)
{
	int		   *tried = palloc(Max(graph->n_nodes, 1) * sizeof(int));
	CrmIdentityGlue *glue = graph->glue;

	graph->n_refusals = 0;
	graph->max_refusals = 16;
	graph->refusals = palloc(graph->max_refusals * sizeof(CrmIdentityRefusal));
	for (int i = 0; i < graph->n_nodes; i++)
	{
		graph->nodes[i].parent = i;
		graph->nodes[i].next = i;
		graph->nodes[i].has_glue = false;
		graph->nodes[i].is_decided = false;
		graph->nodes[i].n_singles = 0;
		graph->nodes[i].n_keys = 0;
	}
	for (int i = 0; i < graph->n_glue; i++)
		graph->nodes[glue[i].node].n_keys += glue[i].is_glue && glue[i].ended_at == DT_NOEND;
	qsort_arg(glue, graph->n_glue, sizeof(CrmIdentityGlue), compare_glue, graph->nodes);
	collect_singles(graph);
	for (int i = 0; i < graph->n_must; i++)
	{
		CrmIdentityPair must = graph->must[i];
		bool		are_members = !graph->nodes[must.a].is_receipt && !graph->nodes[must.b].is_receipt;

		graph->nodes[must.a].is_decided |= are_members;
		graph->nodes[must.b].is_decided |= are_members;
		unite(graph, find_root(graph, must.a), find_root(graph, must.b));
	}
	for (int start = 0, end; start < graph->n_glue; start = end)
	{
		for (end = start + 1; end < graph->n_glue && same_value(&glue[start], &glue[end]); end++)
			;
		if (!glue[start].is_glue)
			continue;
		for (int i = start; i < end; i++)
			graph->nodes[glue[i].node].has_glue = true;
		join_holders(graph, glue + start, glue + end, tried);
	}
	drop_void_refusals(graph);
}
