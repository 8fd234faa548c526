/*
 * credential.h
 *		Who says to be calling: bearer token, API key, session cookie or nobody.
 */
#ifndef CRM_CREDENTIAL_H
#define CRM_CREDENTIAL_H

#include <stdbool.h>

#include "problem.h"
#include "request.h"

#define CRM_SESSION_COOKIE	"crm_session"
#define CRM_SESSION_SECONDS	43200

typedef enum CrmCredentialKind
{
	CRM_CREDENTIAL_NONE,
	CRM_CREDENTIAL_KEY,
	CRM_CREDENTIAL_SESSION,
	CRM_CREDENTIAL_JWT
} CrmCredentialKind;

typedef struct CrmCredential
{
	CrmCredentialKind kind;
	const char *json;			/* for crm.access_authenticate */
	const char *secret;			/* as it came: equal between two calls of one caller */
} CrmCredential;

extern bool crm_credential_load_keys(const char *path, const char *issuer,
									 const char *audience, char *error, size_t error_size);
extern bool crm_credential_collect(CrmRequest *request, bool is_public,
								   CrmCredential *credential, CrmProblem *problem);

#endif							/* CRM_CREDENTIAL_H */
