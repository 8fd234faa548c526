/*
 * jwt.h
 *		Verifies a bearer token (JWT, RFC 7519, signed as RFC 7515).
 */
#ifndef CRM_JWT_H
#define CRM_JWT_H

#include <stdbool.h>
#include <stddef.h>
#include <time.h>

#include "jwks.h"

#define CRM_JWT_MAX			8192	/* bytes of a token */
#define CRM_JWT_LEEWAY_S	30	/* what clocks may differ by */
#define CRM_JWT_DEPTH_MAX	16	/* nesting of the claims */

typedef struct CrmJwtRules
{
	const char *issuer;
	const char *audience;
	time_t		now;
} CrmJwtRules;

/* What a caller is told; the order is the order of the checks. */
typedef enum CrmJwtResult
{
	CRM_JWT_OK,
	CRM_JWT_MALFORMED,
	CRM_JWT_UNKNOWN_KEY,
	CRM_JWT_BAD_SIGNATURE,
	CRM_JWT_BAD_CLAIMS,
	CRM_JWT_EXPIRED,
	CRM_JWT_NOT_YET,
	CRM_JWT_WRONG_ISSUER,
	CRM_JWT_WRONG_AUDIENCE
} CrmJwtResult;

extern CrmJwtResult crm_jwt_verify_signature(const CrmJwks *jwks, const char *token,
											 size_t length, char *claims, size_t *claims_length);
extern CrmJwtResult crm_jwt_verify(const CrmJwks *jwks, const CrmJwtRules *rules,
								   const char *token, size_t length,
								   char *claims, size_t *claims_length);
extern const char *crm_jwt_result_text(CrmJwtResult result);

#endif							/* CRM_JWT_H */
