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
extern void crm_dispatch_request(CrmRequest *request, CrmReply *reply,
								 FCGX_Request *fcgi, CrmArena *arena);
extern void crm_dispatch_record(const CrmRequest *request, const CrmReply *reply);

/* for handlers */
extern const CrmConfig *crm_dispatch_config(void);
extern void crm_dispatch_prepare_call(CrmRequest *request, const CrmCredential *credential,
									  CrmCall *call);

#endif							/* CRM_DISPATCH_H */
