/*
 * identity_graph.c
 *		Union-find over records: whose cluster a record is in, and which values are one.
 *
 * Called by identity_guard.c and identity_cluster.c; no allocation, no lock.
 */
#include "identity/identity_graph.h"

int
crm_identity_label(CrmIdentityGraph *graph, int node)
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
crm_identity_compare_bytes(const void *a, int a_length, const void *b, int b_length)
{
	int			order = memcmp(a, b, Min(a_length, b_length));

	return order != 0 ? order : a_length - b_length;
}

bool
crm_identity_same_value(const CrmIdentityGlue *a, const CrmIdentityGlue *b)
{
	return a->kind == b->kind &&
		crm_identity_compare_bytes(a->hash, a->hash_length, b->hash, b->hash_length) == 0;
}
