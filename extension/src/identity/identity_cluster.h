/*
 * identity_cluster.h
 *		Records to persons: union-find over shared identifiers, with guards.
 */
#ifndef CRM_IDENTITY_CLUSTER_H
#define CRM_IDENTITY_CLUSTER_H

#include "identity/identity_graph.h"

/* Sorts glue, fills parents and refusals. */
extern void crm_identity_cluster(CrmIdentityGraph *graph);

#endif
