/*
 * jwks.h
 *		The key file: which keys may sign a bearer token, and how.
 */
#ifndef CRM_JWKS_H
#define CRM_JWKS_H

#include <stdbool.h>
#include <stddef.h>

#include <openssl/evp.h>

#define CRM_JWK_SECRET_MIN	32	/* bytes of an HS256 secret */
#define CRM_JWK_SECRET_MAX	512
#define CRM_JWK_RSA_MIN		2048	/* bits */
#define CRM_JWKS_MAX		64

typedef enum CrmJwtAlgorithm
{
	CRM_JWT_HS256,
	CRM_JWT_RS256,
	CRM_JWT_ES256,
	CRM_JWT_EDDSA
} CrmJwtAlgorithm;

typedef struct CrmJwk
{
	char		kid[128];
	CrmJwtAlgorithm algorithm;	/* the key decides it, never the token */
	unsigned char secret[CRM_JWK_SECRET_MAX];	/* HS256 only */
	size_t		secret_length;
	EVP_PKEY   *public_key;		/* the others */
} CrmJwk;

typedef struct CrmJwks
{
	size_t		count;
	CrmJwk		keys[];
} CrmJwks;

extern CrmJwks *crm_jwks_load(const char *path, char *error, size_t error_size);
extern CrmJwks *crm_jwks_parse(const char *text, size_t length, char *error, size_t error_size);
extern void crm_jwks_free(CrmJwks *jwks);
extern const char *crm_jwt_algorithm_name(CrmJwtAlgorithm algorithm);

#endif							/* CRM_JWKS_H */
