/*
 * identity_graph.h
 *		Records and what they hold, as the guards and the clustering see them.
 */
#ifndef CRM_IDENTITY_GRAPH_H
#define CRM_IDENTITY_GRAPH_H

#include "identity/identity_agree.h"

typedef struct CrmIdentityNode
{
	int64		record_id;
	bool		is_receipt;		/* counts for no member */
	bool		is_reference;	/* nobody, until an identifier says otherwise */
	bool		is_shadow;		/* what it would join is proposed; of references nothing is */
	int			single_source;	/* its source has one record a person; 0: no such promise */
	CrmIdentityTraits traits;
	TimestampTz seen_at;
	/* kept by the clustering */
	bool		has_glue;
	int			n_keys;			/* identifiers that glue, held now */
	bool		is_decided;		/* somebody tied it to another member by hand */
	int			parent;
	int			next;			/* ring of the cluster's members that guards look at */
	int			first_single;	/* its single-valued identifiers in singles[] */
	int			n_singles;
} CrmIdentityNode;

/* A record holds, or held, an identifier. */
typedef struct CrmIdentityGlue
{
	int			node;
	int16		kind;
	int			rank;			/* strength of the kind; lower is stronger */
	bool		is_glue;		/* neither blocked nor a mere attribute */
	bool		is_single;		/* a person has one of this kind and namespace */
	bool		is_shared;		/* a family may share it */
	bool		is_home;		/* name and home: nothing may speak against it, towns agree */
	const uint8 *hash;
	int			hash_length;
	const char *namespace;
	int			namespace_length;
	TimestampTz first_seen_at;
	TimestampTz last_seen_at;
	TimestampTz ended_at;		/* DT_NOEND while held */
} CrmIdentityGlue;

typedef struct CrmIdentityPair
{
	int			a;
	int			b;
} CrmIdentityPair;

/* A union that a guard refused. */
typedef struct CrmIdentityRefusal
{
	int			a;
	int			b;
	int16		kind;			/* of the identifier that asked for it */
	const char *reason;
} CrmIdentityRefusal;

typedef struct CrmIdentityGraph
{
	int			n_nodes;
	CrmIdentityNode *nodes;		/* in an order that depends on content alone */
	int			n_glue;
	CrmIdentityGlue *glue;
	int			n_must;
	CrmIdentityPair *must;
	int			n_cannot;
	CrmIdentityPair *cannot;
	int			max_members;	/* a person has no more records, receipts apart */
	int			solid_members;	/* two groups of so many are not joined by a single weak tie */
	int64		max_silence;	/* microseconds: a shared value told further apart ties no silent account */
	/* results */
	int			n_refusals;
	int			max_refusals;
	CrmIdentityRefusal *refusals;
	/* kept by the clustering */
	CrmIdentityGlue **singles;
} CrmIdentityGraph;

/* The cluster of a node: the smallest node in it. */
extern int	crm_identity_label(CrmIdentityGraph *graph, int node);

extern int	crm_identity_compare_bytes(const void *a, int a_length, const void *b, int b_length);

/* One and the same value of one kind. */
extern bool crm_identity_same_value(const CrmIdentityGlue *a, const CrmIdentityGlue *b);

#endif
