/*
 * link_cluster.c
 *		Edges to clusters, heaviest first, under guards.
 *
 * Two clusters of three rows and more meet only where enough of their pairs are edges: one
 * weak bridge does not make two persons one.  No cluster grows beyond the size asked.  What a
 * guard stopped is marked at the edge, for somebody to decide.
 */
#include "identity/link.h"

#include <stdlib.h>
#include <string.h>

#define SOLID 3					/* rows of a side from which a bridge is weighed */
#define BRIDGE_SHARE 0.2		/* of the pairs between two sides that must be edges */

typedef struct Work
{
	CrmLink    *link;
	uint32_t   *parent;
	uint32_t   *size;
	uint32_t   *next;			/* ring of a cluster's rows */
	uint32_t   *first;			/* of a row's neighbours */
	uint32_t   *neighbours;
} Work;

static int
compare_edges(const void *left, const void *right)
{
	const CrmLinkEdge *x = left;
	const CrmLinkEdge *y = right;

	if (x->score != y->score)
		return x->score > y->score ? -1 : 1;
	if (x->a != y->a)
		return x->a < y->a ? -1 : 1;
	return x->b < y->b ? -1 : x->b > y->b;
}

static uint32_t
find(uint32_t *parent, uint32_t row)
{
	while (parent[row] != row)
	{
		parent[row] = parent[parent[row]];
		row = parent[row];
	}
	return row;
}

static void
list_neighbours(Work *work, int64_t n_edges)
{
	CrmLink    *link = work->link;

	memset(work->first, 0, (link->n_rows + 2) * sizeof(uint32_t));
	for (int64_t i = 0; i < n_edges; i++)
	{
		work->first[link->edges[i].a + 2]++;
		work->first[link->edges[i].b + 2]++;
	}
	for (uint32_t row = 2; row < link->n_rows + 2; row++)
		work->first[row] += work->first[row - 1];
	for (int64_t i = 0; i < n_edges; i++)
	{
		CrmLinkEdge *edge = &link->edges[i];

		work->neighbours[work->first[edge->a + 1]++] = edge->b;
		work->neighbours[work->first[edge->b + 1]++] = edge->a;
	}
}

static bool
is_solid_bridge(Work *work, uint32_t a, uint32_t b)
{
	uint32_t	small = work->size[a] < work->size[b] ? a : b;
	uint32_t	large = small == a ? b : a;
	uint32_t	row = small;
	int64_t		joined = 0;

	do
	{
		for (uint32_t i = work->first[row]; i < work->first[row + 1]; i++)
			joined += find(work->parent, work->neighbours[i]) == large;
		row = work->next[row];
	} while (row != small);
	return joined >= BRIDGE_SHARE * work->size[a] * work->size[b];
}

static CrmLinkGuard
guard(Work *work, uint32_t a, uint32_t b)
{
	if (work->size[a] + work->size[b] > (uint32_t) work->link->max_size)
		return CRM_LINK_SIZE;
	if (work->size[a] >= SOLID && work->size[b] >= SOLID && !is_solid_bridge(work, a, b))
		return CRM_LINK_BRIDGE;
	return CRM_LINK_FREE;
}

/* Heaviest first. */
void
crm_link_sort_edges(CrmLink *link)
{
	if (link->n_edges > 0)
		qsort(link->edges, link->n_edges, sizeof(CrmLinkEdge), compare_edges);
}

/* Of edges that are sorted.  Automatically nobody is put together whom a field, or a third row, keeps apart. */
void
crm_link_cluster(CrmLink *link, double cut, bool is_automatic, uint32_t *label)
{
	Work		work = {.link = link, .parent = label};
	int64_t		n_edges = 0;

	while (n_edges < link->n_edges && link->edges[n_edges].score >= cut)
		n_edges++;
	work.size = crm_link_grow(link, NULL, 0, (link->n_rows + 1) * sizeof(uint32_t));
	work.next = crm_link_grow(link, NULL, 0, (link->n_rows + 1) * sizeof(uint32_t));
	work.first = crm_link_grow(link, NULL, 0, (link->n_rows + 2) * sizeof(uint32_t));
	work.neighbours = crm_link_grow(link, NULL, 0, (2 * n_edges + 1) * sizeof(uint32_t));
	list_neighbours(&work, n_edges);
	for (uint32_t row = 0; row < link->n_rows; row++)
	{
		label[row] = work.next[row] = row;
		work.size[row] = 1;
	}
	for (int64_t i = 0; i < n_edges; i++)
	{
		uint32_t	a = find(label, link->edges[i].a);
		uint32_t	b = find(label, link->edges[i].b);
		uint32_t	low = a < b ? a : b;
		uint32_t	high = a < b ? b : a;
		uint32_t	swap = work.next[a];

		if (is_automatic && link->edges[i].is_apart)
			continue;
		link->edges[i].refused = a == b ? CRM_LINK_FREE : guard(&work, a, b);
		if (a == b || link->edges[i].refused != CRM_LINK_FREE)
			continue;
		label[high] = low;
		work.size[low] += work.size[high];
		work.next[a] = work.next[b];
		work.next[b] = swap;
	}
	for (uint32_t row = 0; row < link->n_rows; row++)
		label[row] = find(label, row);
	link->host.drop(link->host.state, work.size);
	link->host.drop(link->host.state, work.next);
	link->host.drop(link->host.state, work.first);
	link->host.drop(link->host.state, work.neighbours);
}
