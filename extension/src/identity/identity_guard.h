/*
 * identity_guard.h
 *		What speaks against two clusters becoming one person.
 */
#ifndef CRM_IDENTITY_GUARD_H
#define CRM_IDENTITY_GUARD_H

#include "identity/identity_graph.h"

/* The holders of one value, in their order. */
typedef struct CrmIdentityHolders
{
	CrmIdentityGlue *first;
	CrmIdentityGlue *end;
	bool		is_disputed;	/* a family's: some of those who hold it are two persons */
} CrmIdentityHolders;

/* Both hold the value, or held it at the same time and nothing disagrees. */
extern bool crm_identity_ties(const CrmIdentityGraph *graph, const CrmIdentityGlue *a,
							  const CrmIdentityGlue *b);

/* Whether those who hold a value that a family may share are two persons or more. */
extern bool crm_identity_is_disputed(CrmIdentityGraph *graph, CrmIdentityGlue *first,
									 CrmIdentityGlue *end);

/* Why the clusters of two roots may not become one by this value; null: nothing speaks against it. */
extern const char *crm_identity_objection(CrmIdentityGraph *graph, int a, int b,
										  const CrmIdentityHolders *value);

#endif
