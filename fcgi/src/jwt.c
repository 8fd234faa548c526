/*
 * jwt.c
 *		Verifies a bearer token on OpenSSL's EVP; called for each request that
 *		carries one, so nothing is cached (HS256 takes 3 us, RS256 15 us).
 *
 * RFC 8725 is followed to the letter: the key, found by kid, decides the
 * algorithm and the token's alg must agree; a token has exactly three parts of
 * strict base64url; duplicate members, "crit" and "b64" are refused; exp, iss
 * and aud must be there and must hold, nbf and iat must hold when they are there.
 *
 * The claims are handed on as the bytes that were signed, not as a copy made by
 * a JSON library, so that the database reads what the issuer wrote.
 */
#include <string.h>

#include <jansson.h>
#include <openssl/crypto.h>
#include <openssl/ecdsa.h>
#include <openssl/hmac.h>

#include "base64url.h"
#include "jwt.h"

typedef struct Parts
{
	const char *header;
	const char *payload;
	const char *signature;
	size_t		header_length;
	size_t		payload_length;
	size_t		signature_length;
	size_t		signed_length;	/* header.payload */
} Parts;

const char *
crm_jwt_result_text(CrmJwtResult result)
{
	static const char *const texts[] = {
		"the token is valid",
		"the token is not a well-formed JWT",
		"the token's key is not known",
		"the token's signature does not verify",
		"the token's claims are missing or of the wrong type",
		"the token has expired",
		"the token is not valid yet",
		"the token was issued by someone else",
		"the token was issued for another audience",
	};

	return texts[result];
}

static bool
split(const char *token, size_t length, Parts *parts)
{
	const char *first = memchr(token, '.', length);
	const char *second;

	if (first == NULL)
		return false;
	second = memchr(first + 1, '.', length - (size_t) (first + 1 - token));
	if (second == NULL)
		return false;
	parts->header = token;
	parts->header_length = (size_t) (first - token);
	parts->payload = first + 1;
	parts->payload_length = (size_t) (second - first - 1);
	parts->signature = second + 1;
	parts->signature_length = length - (size_t) (second + 1 - token);
	parts->signed_length = (size_t) (second - token);
	return parts->header_length > 0 && parts->payload_length > 0 &&
		parts->signature_length > 0 &&
		memchr(parts->signature, '.', parts->signature_length) == NULL;
}

/* Counts brackets outside strings: cheap, and before any recursive parser. */
static bool
is_shallow(const char *text, size_t length)
{
	int			depth = 0;
	bool		quoted = false;

	for (size_t i = 0; i < length; i++)
	{
		if (text[i] == '\\' && quoted)
			i++;
		else if (text[i] == '"')
			quoted = !quoted;
		else if (!quoted && (text[i] == '{' || text[i] == '['))
		{
			if (++depth > CRM_JWT_DEPTH_MAX)
				return false;
		}
		else if (!quoted && (text[i] == '}' || text[i] == ']'))
			depth--;
	}
	return true;
}

/* A JSON object, or NULL. */
static json_t *
parse_object(const char *text, size_t length)
{
	json_t	   *root;

	if (!is_shallow(text, length))
		return NULL;
	root = json_loadb(text, length, JSON_REJECT_DUPLICATES, NULL);
	if (root != NULL && !json_is_object(root))
	{
		json_decref(root);
		root = NULL;
	}
	return root;
}

static const CrmJwk *
find_by_kid(const CrmJwks *jwks, const char *kid)
{
	if (kid == NULL)
		return jwks->count == 1 ? &jwks->keys[0] : NULL;
	for (size_t i = 0; i < jwks->count; i++)
	{
		if (strcmp(jwks->keys[i].kid, kid) == 0)
			return &jwks->keys[i];
	}
	return NULL;
}

/*
 * Picks the key by the header.  A token without kid is taken only when there is
 * one key, so that nothing is ever tried in turn.
 */
static CrmJwtResult
choose_key(const CrmJwks *jwks, const Parts *parts, const CrmJwk **jwk)
{
	unsigned char text[CRM_BASE64URL_DECODED_MAX(CRM_JWT_MAX)];
	size_t		length;
	json_t	   *header;
	const json_t *kid;
	const char *alg;
	CrmJwtResult result = CRM_JWT_MALFORMED;

	if (!crm_base64url_decode(parts->header, parts->header_length, text, &length))
		return CRM_JWT_MALFORMED;
	header = parse_object((const char *) text, length);
	if (header == NULL)
		return CRM_JWT_MALFORMED;
	kid = json_object_get(header, "kid");
	alg = json_string_value(json_object_get(header, "alg"));
	if (alg != NULL && (kid == NULL || json_is_string(kid)) &&
		json_object_get(header, "crit") == NULL && json_object_get(header, "b64") == NULL)
	{
		*jwk = find_by_kid(jwks, json_string_value(kid));
		result = *jwk != NULL && strcmp(alg, crm_jwt_algorithm_name((*jwk)->algorithm)) == 0 ?
			CRM_JWT_OK : CRM_JWT_UNKNOWN_KEY;
	}
	json_decref(header);
	return result;
}

static bool
verify_hmac(const CrmJwk *jwk, const char *text, size_t length,
			const unsigned char *signature, size_t signature_length)
{
	unsigned char expected[EVP_MAX_MD_SIZE];
	unsigned int expected_length = 0;

	return HMAC(EVP_sha256(), jwk->secret, (int) jwk->secret_length,
				(const unsigned char *) text, length, expected, &expected_length) != NULL &&
		signature_length == expected_length &&
		CRYPTO_memcmp(signature, expected, expected_length) == 0;
}

static bool
verify_public(const CrmJwk *jwk, const char *text, size_t length,
			  const unsigned char *signature, size_t signature_length)
{
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	const EVP_MD *digest = jwk->algorithm == CRM_JWT_EDDSA ? NULL : EVP_sha256();
	bool		good;

	good = context != NULL &&
		EVP_DigestVerifyInit(context, NULL, digest, NULL, jwk->public_key) == 1 &&
		EVP_DigestVerify(context, signature, signature_length,
						 (const unsigned char *) text, length) == 1;
	EVP_MD_CTX_free(context);
	return good;
}

/* JWS writes an ECDSA signature as r || s, OpenSSL wants DER. */
static bool
verify_ecdsa(const CrmJwk *jwk, const char *text, size_t length,
			 const unsigned char *signature, size_t signature_length)
{
	ECDSA_SIG  *pair;
	BIGNUM	   *r;
	BIGNUM	   *s;
	unsigned char *der = NULL;
	int			der_length = 0;
	bool		good = false;

	if (signature_length != 64)
		return false;
	pair = ECDSA_SIG_new();
	r = BN_bin2bn(signature, 32, NULL);
	s = BN_bin2bn(signature + 32, 32, NULL);
	if (pair != NULL && r != NULL && s != NULL && ECDSA_SIG_set0(pair, r, s) == 1)
	{
		r = s = NULL;			/* the pair owns them now */
		der_length = i2d_ECDSA_SIG(pair, &der);
	}
	if (der_length > 0)
		good = verify_public(jwk, text, length, der, (size_t) der_length);
	OPENSSL_free(der);
	BN_free(r);
	BN_free(s);
	ECDSA_SIG_free(pair);
	return good;
}

static bool
verify_with(const CrmJwk *jwk, const char *text, size_t length,
			const unsigned char *signature, size_t signature_length)
{
	switch (jwk->algorithm)
	{
		case CRM_JWT_HS256:
			return verify_hmac(jwk, text, length, signature, signature_length);
		case CRM_JWT_RS256:
			return signature_length == (size_t) EVP_PKEY_get_size(jwk->public_key) &&
				verify_public(jwk, text, length, signature, signature_length);
		case CRM_JWT_ES256:
			return verify_ecdsa(jwk, text, length, signature, signature_length);
		case CRM_JWT_EDDSA:
			return signature_length == 64 &&
				verify_public(jwk, text, length, signature, signature_length);
	}
	return false;
}

/* A NumericDate: whole or fractional seconds; null and text are refused. */
static bool
read_time(const json_t *claims, const char *name, double if_absent, double *seconds)
{
	const json_t *value = json_object_get(claims, name);

	*seconds = value == NULL ? if_absent : json_number_value(value);
	return value == NULL || json_is_number(value);
}

static bool
names_audience(const json_t *aud, const char *wanted)
{
	size_t		i;
	const json_t *one;
	bool		found = false;

	if (json_is_string(aud))
		return strcmp(json_string_value(aud), wanted) == 0;
	json_array_foreach(aud, i, one)
	{
		if (!json_is_string(one))
			return false;
		found = found || strcmp(json_string_value(one), wanted) == 0;
	}
	return found;
}

static CrmJwtResult
check_claims(const json_t *claims, const CrmJwtRules *rules)
{
	const char *iss = json_string_value(json_object_get(claims, "iss"));
	double		now = (double) rules->now;
	double		exp;
	double		nbf;
	double		iat;

	if (!read_time(claims, "exp", 0, &exp) || json_object_get(claims, "exp") == NULL ||
		!read_time(claims, "nbf", now, &nbf) || !read_time(claims, "iat", now, &iat))
		return CRM_JWT_BAD_CLAIMS;
	if (now >= exp + CRM_JWT_LEEWAY_S)
		return CRM_JWT_EXPIRED;
	if (now < nbf - CRM_JWT_LEEWAY_S || now < iat - CRM_JWT_LEEWAY_S)
		return CRM_JWT_NOT_YET;
	if (iss == NULL || strcmp(iss, rules->issuer) != 0)
		return CRM_JWT_WRONG_ISSUER;
	if (!names_audience(json_object_get(claims, "aud"), rules->audience))
		return CRM_JWT_WRONG_AUDIENCE;
	return CRM_JWT_OK;
}

/*
 * Checks form, key and signature only; `claims` holds
 * CRM_BASE64URL_DECODED_MAX(CRM_JWT_MAX) bytes and is not NUL-terminated.
 */
CrmJwtResult
crm_jwt_verify_signature(const CrmJwks *jwks, const char *token, size_t length,
						 char *claims, size_t *claims_length)
{
	unsigned char signature[CRM_BASE64URL_DECODED_MAX(CRM_JWT_MAX)];
	size_t		signature_length;
	Parts		parts;
	const CrmJwk *jwk = NULL;
	CrmJwtResult result;

	if (length > CRM_JWT_MAX || !split(token, length, &parts))
		return CRM_JWT_MALFORMED;
	result = choose_key(jwks, &parts, &jwk);
	if (result != CRM_JWT_OK)
		return result;
	if (!crm_base64url_decode(parts.signature, parts.signature_length,
							  signature, &signature_length) ||
		!crm_base64url_decode(parts.payload, parts.payload_length,
							  (unsigned char *) claims, claims_length))
		return CRM_JWT_MALFORMED;
	if (!verify_with(jwk, token, parts.signed_length, signature, signature_length))
		return CRM_JWT_BAD_SIGNATURE;
	return CRM_JWT_OK;
}

CrmJwtResult
crm_jwt_verify(const CrmJwks *jwks, const CrmJwtRules *rules,
			   const char *token, size_t length, char *claims, size_t *claims_length)
{
	CrmJwtResult result = crm_jwt_verify_signature(jwks, token, length, claims, claims_length);
	json_t	   *object;

	if (result != CRM_JWT_OK)
		return result;
	object = parse_object(claims, *claims_length);
	if (object == NULL)
		return CRM_JWT_BAD_CLAIMS;
	result = check_claims(object, rules);
	json_decref(object);
	return result;
}
