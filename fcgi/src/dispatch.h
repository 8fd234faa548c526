/*
 * dispatch.h
 *		From a request to its answer.
 */
#ifndef CRM_DISPATCH_H
#define CRM_DISPATCH_H

#include <fcgiapp.h>

#include "arena.h"
#include "credential.h"
#include "dbcall.h"
#include "gateway_config.h"
#include "reply.h"

extern void crm_dispatch_init(const CrmConfig *config);
extern void crm_dispatch_request(FCGX_Request *fcgi, CrmArena *arena);

/* for handlers */
extern const CrmConfig *crm_dispatch_config(void);
extern void crm_dispatch_prepare_call(CrmRequest *request, const CrmCredential *credential,
									  CrmCall *call);

#endif							/* CRM_DISPATCH_H */
