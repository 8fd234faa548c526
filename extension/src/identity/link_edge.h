/*
 * link_edge.h
 *		The matcher (link.h) inside the server: memory, kinds by their words, rows of a query.
 *
 *	in link_edge.c				what both of them begin and end with
 *	in link_share.c				work shared among processors
 *	in identity_link.c			clusters, edges and skipped keys of a query's rows
 *	in identity_link_model.c	models as values: trained, preset, read out, asked about pairs
 */
#ifndef CRM_IDENTITY_LINK_EDGE_H
#define CRM_IDENTITY_LINK_EDGE_H

#include "identity/identity.h"
#include "identity/link.h"

#include "utils/array.h"

/* A matcher that is empty; its memory is a context below the current one. */
extern CrmLink *crm_identity_link_new(void);
extern void crm_identity_link_free(CrmLink *link);

/*
 * Has as many helpers as max_parallel_maintenance_workers and the machine allow run work for each part; finish takes
 * part and waits for them.
 */
extern void *crm_identity_link_start(void *state, CrmLinkWork work, void *argument, int n_parts);
extern void crm_identity_link_finish(void *state, void *started);

/* Kinds by their words; "word/group" puts fields into a group, of which the heaviest counts. */
extern void crm_identity_link_kinds(CrmLink *link, ArrayType *kinds);

/* A stored model; reports bytes that are none. */
extern void crm_identity_link_model(CrmLink *link, bytea *model);
extern bytea *crm_identity_link_bytes(CrmLink *link);

/* Sets seed, cap and size, and refuses values out of range. */
extern void crm_identity_link_limits(CrmLink *link, int64 seed, int cap, int max_size);

/* All rows of a query, with the caller's rights and read only. */
extern void crm_identity_link_rows(CrmLink *link, text *query);

#endif
