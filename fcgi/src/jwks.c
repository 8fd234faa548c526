/*
 * jwks.c
 *		Reads a JWKS key file ({"keys":[...]}, RFC 7517) into keys that are ready
 *		to verify with.
 *
 * Each key must name its kid and its alg; kid is unique.  Accepted are exactly
 *		oct            HS256   secret of 32 bytes or more
 *		RSA            RS256   2048 bits or more
 *		EC  P-256      ES256
 *		OKP Ed25519    EdDSA
 * Anything else, an empty list and a file that others may write stop the start
 * (or keep the former keys, at a reload): a gateway with a guessable key is worse
 * than none.  The whole set is replaced at a reload, never edited.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <jansson.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/param_build.h>

#include "base64url.h"
#include "jwks.h"

#define KEY_FILE_MAX	(256 * 1024)
#define MEMBER_MAX		1024	/* bytes of one decoded member: an RSA modulus of 8192 bits */

typedef struct Member
{
	unsigned char bytes[CRM_BASE64URL_DECODED_MAX(MEMBER_MAX * 4 / 3)];
	size_t		length;
} Member;

const char *
crm_jwt_algorithm_name(CrmJwtAlgorithm algorithm)
{
	static const char *const names[] = {"HS256", "RS256", "ES256", "EdDSA"};

	return names[algorithm];
}

static bool
read_member(const json_t *object, const char *name, Member *member)
{
	const json_t *value = json_object_get(object, name);
	size_t		length = json_string_length(value);

	if (!json_is_string(value) || length == 0 || length > MEMBER_MAX * 4 / 3)
		return false;
	return crm_base64url_decode(json_string_value(value), length,
								member->bytes, &member->length);
}

/* Makes the key; `params` is consumed. */
static EVP_PKEY *
make_key(const char *type, OSSL_PARAM *params)
{
	EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);
	EVP_PKEY   *key = NULL;

	if (context == NULL || params == NULL || EVP_PKEY_fromdata_init(context) != 1 ||
		EVP_PKEY_fromdata(context, &key, EVP_PKEY_PUBLIC_KEY, params) != 1)
		key = NULL;
	EVP_PKEY_CTX_free(context);
	OSSL_PARAM_free(params);
	return key;
}

static EVP_PKEY *
rsa_key(const Member *modulus, const Member *exponent)
{
	BIGNUM	   *n = BN_bin2bn(modulus->bytes, (int) modulus->length, NULL);
	BIGNUM	   *e = BN_bin2bn(exponent->bytes, (int) exponent->length, NULL);
	OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
	EVP_PKEY   *key = NULL;

	if (n != NULL && e != NULL && build != NULL &&
		OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_N, n) == 1 &&
		OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_E, e) == 1)
		key = make_key("RSA", OSSL_PARAM_BLD_to_param(build));
	OSSL_PARAM_BLD_free(build);
	BN_free(n);
	BN_free(e);
	return key;
}

static EVP_PKEY *
ec_key(const Member *x, const Member *y)
{
	unsigned char point[65] = {4};	/* uncompressed */
	OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
	EVP_PKEY   *key = NULL;

	memcpy(point + 1, x->bytes, 32);
	memcpy(point + 33, y->bytes, 32);
	if (build != NULL &&
		OSSL_PARAM_BLD_push_utf8_string(build, OSSL_PKEY_PARAM_GROUP_NAME, "P-256", 0) == 1 &&
		OSSL_PARAM_BLD_push_octet_string(build, OSSL_PKEY_PARAM_PUB_KEY,
										 point, sizeof(point)) == 1)
		key = make_key("EC", OSSL_PARAM_BLD_to_param(build));
	OSSL_PARAM_BLD_free(build);
	return key;
}

static const char *
read_oct(const json_t *object, CrmJwk *jwk)
{
	Member		k;

	if (!read_member(object, "k", &k))
		return "\"k\" is missing, empty or not base64url";
	if (k.length < CRM_JWK_SECRET_MIN)
		return "the secret is shorter than 32 bytes";
	if (k.length > CRM_JWK_SECRET_MAX)
		return "the secret is longer than 512 bytes";
	for (size_t i = 1; i < k.length && k.bytes[i] == k.bytes[0]; i++)
	{
		if (i + 1 == k.length)
			return "the secret is one byte repeated";
	}
	memcpy(jwk->secret, k.bytes, k.length);
	jwk->secret_length = k.length;
	OPENSSL_cleanse(&k, sizeof(k));
	return NULL;
}

static const char *
read_rsa(const json_t *object, CrmJwk *jwk)
{
	Member		n;
	Member		e;

	if (!read_member(object, "n", &n) || !read_member(object, "e", &e))
		return "\"n\" or \"e\" is missing or not base64url";
	jwk->public_key = rsa_key(&n, &e);
	if (jwk->public_key == NULL)
		return "not a usable RSA key";
	if (EVP_PKEY_get_bits(jwk->public_key) < CRM_JWK_RSA_MIN)
		return "the RSA key is shorter than 2048 bits";
	return NULL;
}

static const char *
read_ec(const json_t *object, CrmJwk *jwk)
{
	Member		x;
	Member		y;

	if (!read_member(object, "x", &x) || !read_member(object, "y", &y) ||
		x.length != 32 || y.length != 32)
		return "\"x\" or \"y\" is missing or not 32 bytes of base64url";
	jwk->public_key = ec_key(&x, &y);
	return jwk->public_key != NULL ? NULL : "not a point of P-256";
}

static const char *
read_okp(const json_t *object, CrmJwk *jwk)
{
	Member		x;

	if (!read_member(object, "x", &x) || x.length != 32)
		return "\"x\" is missing or not 32 bytes of base64url";
	jwk->public_key = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, x.bytes, x.length);
	return jwk->public_key != NULL ? NULL : "not an Ed25519 key";
}

/* The accepted combinations; `crv` is NULL where the type has no curve. */
static const struct
{
	const char *kty;
	const char *crv;
	CrmJwtAlgorithm algorithm;
	const char *(*read) (const json_t *object, CrmJwk *jwk);
}			key_kinds[] =
{
	{"oct", NULL, CRM_JWT_HS256, read_oct},
	{"RSA", NULL, CRM_JWT_RS256, read_rsa},
	{"EC", "P-256", CRM_JWT_ES256, read_ec},
	{"OKP", "Ed25519", CRM_JWT_EDDSA, read_okp},
};

static bool
is_text(const json_t *object, const char *name, const char *wanted)
{
	const char *value = json_string_value(json_object_get(object, name));

	return value != NULL && strcmp(value, wanted) == 0;
}

/* Returns NULL, or why the key is refused. */
static const char *
read_key(const json_t *object, CrmJwk *jwk)
{
	const char *kid = json_string_value(json_object_get(object, "kid"));

	if (kid == NULL || kid[0] == '\0' || strlen(kid) >= sizeof(jwk->kid))
		return "\"kid\" is missing, empty or too long";
	strcpy(jwk->kid, kid);
	if (json_object_get(object, "use") != NULL && !is_text(object, "use", "sig"))
		return "\"use\" is not \"sig\"";
	for (size_t i = 0; i < sizeof(key_kinds) / sizeof(key_kinds[0]); i++)
	{
		if (!is_text(object, "kty", key_kinds[i].kty))
			continue;
		if (key_kinds[i].crv != NULL && !is_text(object, "crv", key_kinds[i].crv))
			return "unknown \"crv\"";
		if (!is_text(object, "alg", crm_jwt_algorithm_name(key_kinds[i].algorithm)))
			return "\"alg\" is missing or not the one for this key "
				"(oct HS256, RSA RS256, EC ES256, OKP EdDSA)";
		jwk->algorithm = key_kinds[i].algorithm;
		return key_kinds[i].read(object, jwk);
	}
	return "\"kty\" is not oct, RSA, EC or OKP";
}

void
crm_jwks_free(CrmJwks *jwks)
{
	if (jwks == NULL)
		return;
	for (size_t i = 0; i < jwks->count; i++)
	{
		OPENSSL_cleanse(jwks->keys[i].secret, sizeof(jwks->keys[i].secret));
		EVP_PKEY_free(jwks->keys[i].public_key);
	}
	free(jwks);
}

static bool
kid_is_taken(const CrmJwks *jwks, const char *kid)
{
	for (size_t i = 0; i < jwks->count; i++)
	{
		if (strcmp(jwks->keys[i].kid, kid) == 0)
			return true;
	}
	return false;
}

static CrmJwks *
read_keys(const json_t *list, char *error, size_t error_size)
{
	size_t		count = json_array_size(list);
	CrmJwks    *jwks;

	if (!json_is_array(list) || count == 0 || count > CRM_JWKS_MAX)
	{
		snprintf(error, error_size, "\"keys\" must be an array of 1 to %d keys", CRM_JWKS_MAX);
		return NULL;
	}
	jwks = calloc(1, sizeof(CrmJwks) + count * sizeof(CrmJwk));
	if (jwks == NULL)
	{
		snprintf(error, error_size, "out of memory");
		return NULL;
	}
	for (size_t i = 0; i < count; i++)
	{
		CrmJwk		candidate = {.kid = ""};
		const char *reason = read_key(json_array_get(list, i), &candidate);

		if (reason == NULL && kid_is_taken(jwks, candidate.kid))
			reason = "\"kid\" is used twice";
		jwks->keys[jwks->count++] = candidate;
		if (reason != NULL)
		{
			snprintf(error, error_size, "key %zu (kid \"%s\"): %s", i + 1, candidate.kid, reason);
			crm_jwks_free(jwks);
			return NULL;
		}
	}
	return jwks;
}

CrmJwks *
crm_jwks_parse(const char *text, size_t length, char *error, size_t error_size)
{
	json_error_t where;
	json_t	   *root = json_loadb(text, length, JSON_REJECT_DUPLICATES, &where);
	CrmJwks    *jwks;

	if (root == NULL)
	{
		snprintf(error, error_size, "line %d: not valid JSON", where.line);
		return NULL;
	}
	jwks = read_keys(json_object_get(root, "keys"), error, error_size);
	json_decref(root);
	return jwks;
}

CrmJwks *
crm_jwks_load(const char *path, char *error, size_t error_size)
{
	FILE	   *file = fopen(path, "r");
	struct stat status;
	char		reason[256] = "";
	char	   *text = NULL;
	CrmJwks    *jwks = NULL;

	if (file == NULL || fstat(fileno(file), &status) != 0)
		snprintf(reason, sizeof(reason), "%s", strerror(errno));
	else if (status.st_mode & (S_IWGRP | S_IWOTH | S_IROTH))
		snprintf(reason, sizeof(reason), "others may read or write it; chmod it to 0640 or 0600");
	else if (status.st_size == 0)
		snprintf(reason, sizeof(reason), "it is empty");
	else if (status.st_size > KEY_FILE_MAX || (text = malloc((size_t) status.st_size)) == NULL)
		snprintf(reason, sizeof(reason), "it is larger than %d bytes", KEY_FILE_MAX);
	else
		jwks = crm_jwks_parse(text, fread(text, 1, (size_t) status.st_size, file),
							  reason, sizeof(reason));
	if (jwks == NULL)
		snprintf(error, error_size, "could not use key file \"%s\": %s", path, reason);
	if (text != NULL)
		OPENSSL_cleanse(text, (size_t) status.st_size);
	free(text);
	if (file != NULL)
		fclose(file);
	return jwks;
}
