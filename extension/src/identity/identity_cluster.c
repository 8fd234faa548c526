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
 * What keeps two clusters apart is in identity_guard.c.  A value that a record gave up
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

#include "identity/identity_guard.h"

#include "utils/timestamp.h"

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
	order = crm_identity_compare_bytes(a->hash, a->hash_length, b->hash, b->hash_length);
	if (order != 0)
		return order;
	order = how_telling(&nodes[b->node].traits) - how_telling(&nodes[a->node].traits);
	if (order != 0)
		return order;
	if (a->first_seen_at != b->first_seen_at)
		return a->first_seen_at > b->first_seen_at ? -1 : 1;
	return a->node - b->node;
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
	int			own = crm_identity_label(graph, holder->node);
	int			best = -1;
	bool		best_agrees = false;

	for (CrmIdentityGlue *other = first; other < holder; other++)
	{
		int			root = crm_identity_label(graph, other->node);
		bool		skip = root == own;
		bool		agrees;

		for (int i = 0; i < n_tried && !skip; i++)
			skip = tried[i] == root;
		if (skip || !crm_identity_ties(graph, holder, other))
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

/* Unites the holders of one identifier as far as guards allow. */
static void
join_holders(CrmIdentityGraph *graph, CrmIdentityGlue *first, CrmIdentityGlue *end, int *tried)
{
	CrmIdentityHolders value = {first, end, crm_identity_is_disputed(graph, first, end)};

	for (CrmIdentityGlue *holder = first; holder < end; holder++)
	{
		int			n_tried = 0;
		int			candidate;

		while ((candidate = next_candidate(graph, first, holder, tried, n_tried)) >= 0)
		{
			int			own = crm_identity_label(graph, holder->node);
			int			root = crm_identity_label(graph, candidate);
			const char *objection = crm_identity_objection(graph, own, root, &value);

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

		if (crm_identity_label(graph, refusal.a) != crm_identity_label(graph, refusal.b))
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
		unite(graph, crm_identity_label(graph, must.a), crm_identity_label(graph, must.b));
	}
	for (int start = 0, end; start < graph->n_glue; start = end)
	{
		for (end = start + 1; end < graph->n_glue && crm_identity_same_value(&glue[start], &glue[end]); end++)
			;
		if (!glue[start].is_glue)
			continue;
		for (int i = start; i < end; i++)
			graph->nodes[glue[i].node].has_glue = true;
		join_holders(graph, glue + start, glue + end, tried);
	}
	drop_void_refusals(graph);
}
