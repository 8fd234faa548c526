/*
 * bind.h
 *		Fills a call's parameters from the request, as the route table says.
 */
#ifndef CRM_BIND_H
#define CRM_BIND_H

#include <stdbool.h>

#include "dbcall.h"
#include "problem.h"
#include "request.h"

extern bool crm_bind_parameters(CrmRequest *request, CrmCall *call, CrmProblem *problem);
extern bool crm_bind_check_query(CrmRequest *request, CrmProblem *problem);
extern bool crm_bind_body(CrmRequest *request, size_t body_max, CrmReply *reply,
						  CrmProblem *problem);
extern bool crm_bind_idempotency_key(CrmRequest *request, const char **key,
									 CrmProblem *problem);
extern int	crm_bind_limit(const CrmRequest *request);

#endif							/* CRM_BIND_H */
