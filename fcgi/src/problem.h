/*
 * problem.h
 *		Answers that are errors: RFC 9457 problem details.
 */
#ifndef CRM_PROBLEM_H
#define CRM_PROBLEM_H

#include "dbcall.h"
#include "reply.h"

typedef struct CrmProblem
{
	int			status;
	const char *code;			/* SQLSTATE, or a word of the gateway's own */
	const char *detail;			/* may be NULL */
	const char *hint;			/* what to do; may be NULL */
	const char *pointer;		/* the field at fault, a JSON Pointer, "/phone"; may be NULL */
	const char *parameter;		/* or the query parameter; may be NULL */
} CrmProblem;

extern const char *crm_problem_pointer(CrmArena *arena, const char *field);
extern const char *crm_problem_json(CrmRequest *request, const CrmProblem *problem);
extern void crm_problem_reply(CrmRequest *request, CrmReply *reply, const CrmProblem *problem);
extern void crm_problem_simple(CrmRequest *request, CrmReply *reply, int status,
							   const char *code, const char *detail);
extern void crm_problem_from_call(CrmRequest *request, const CrmCall *call,
								  CrmCallResult outcome, CrmProblem *problem);

#endif							/* CRM_PROBLEM_H */
