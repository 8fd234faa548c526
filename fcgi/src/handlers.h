/*
 * handlers.h
 *		Endpoints that are more than one SQL statement.
 */
#ifndef CRM_HANDLERS_H
#define CRM_HANDLERS_H

#include "reply.h"
#include "request.h"

/* bulk_import.c */
extern void crm_bulk_import(CrmRequest *request, CrmReply *reply);

/* operate.c */
extern void crm_operate_live(CrmRequest *request, CrmReply *reply);
extern void crm_operate_metrics(CrmRequest *request, CrmReply *reply);
extern void crm_operate_openapi(CrmRequest *request, CrmReply *reply);

#endif							/* CRM_HANDLERS_H */
