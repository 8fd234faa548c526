/*
 * fuzz_jwt.c - bearer tokens and key files: nothing but the key's own signature is believed,
 * and claims are read safely however they are written by whoever holds the key.
 */
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "fuzz.h"
#include "base64url.h"
#include "jwt.h"

#define NOW 1800000000
#define KEY_TEXT "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlBQkNERUY"
#define KEY "0123456789abcdef0123456789ABCDEF"

SEEDS(SEED("{\"iss\":\"i\",\"aud\":\"crm\",\"sub\":\"S1\",\"exp\":1800000100,\"nbf\":1799999900}"),
	  SEED("{\"aud\":[\"x\",\"crm\"],\"exp\":1.8e9,\"iss\":\"i\",\"role\":\"crm_clerk\",\"a\":[[[{}]]]}"),
	  SEED("eyJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJpIn0.AAAA"), SEED("{\"alg\":\"none\"}.e30."),
	  SEED("{\"keys\":[{\"kty\":\"oct\",\"kid\":\"h\",\"alg\":\"HS256\",\"k\":\"" KEY_TEXT "\"},{\"kty\":\"OKP\",\"kid\":\"d\",\"alg\":\"EdDSA\",\"crv\":\"Ed25519\",\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}]}"));

static CrmJwks *
keys(void)
{
	static CrmJwks *set;
	static const char text[] = "{\"keys\":[{\"kty\":\"oct\",\"kid\":\"h\",\"alg\":\"HS256\",\"k\":\"" KEY_TEXT "\"}]}";
	char		error[200];

	if (set == NULL)
		set = crm_jwks_parse(text, strlen(text), error, sizeof(error));
	HOLDS(set != NULL);
	return set;
}

/* The token's signature recomputed: true when it is the key's. */
static bool
is_signed(const char *token, size_t length)
{
	const char *dot = memrchr(token, '.', length);
	unsigned char want[EVP_MAX_MD_SIZE],
				got[CRM_BASE64URL_DECODED_MAX(CRM_JWT_MAX)];
	unsigned int want_length = 0;
	size_t		got_length = 0;

	HMAC(EVP_sha256(), KEY, 32, (const unsigned char *) token, (size_t) (dot - token), want, &want_length);
	return crm_base64url_decode(dot + 1, length - (size_t) (dot + 1 - token), got, &got_length) &&
		got_length == want_length && memcmp(got, want, want_length) == 0;
}

static CrmJwtResult
verify(const char *token, size_t length)
{
	CrmJwtRules rules = {.issuer = "i", .audience = "crm", .now = NOW};
	char	   *claims = malloc(CRM_BASE64URL_DECODED_MAX(CRM_JWT_MAX));
	size_t		claims_length = 0;
	CrmJwtResult result = crm_jwt_verify(keys(), &rules, token, length, claims, &claims_length);

	HOLDS(crm_jwt_result_text(result) != NULL);
	if (result == CRM_JWT_OK)
		HOLDS(claims_length <= CRM_BASE64URL_DECODED_MAX(CRM_JWT_MAX) && is_signed(token, length));
	free(claims);
	return result;
}

/* Signs the bytes as claims, so that reading them is reached. */
static void
sign_and_verify(const uint8_t *data, size_t size)
{
	static const char header[] = "eyJhbGciOiJIUzI1NiIsImtpZCI6ImgifQ.";
	char		token[sizeof(header) + CRM_BASE64URL_ENCODED_MAX(4096) + 80];
	unsigned char signature[EVP_MAX_MD_SIZE];
	unsigned int signature_length = 0;
	size_t		length = sizeof(header) - 1;
	CrmJwtResult result;

	memcpy(token, header, length);
	length += crm_base64url_encode(data, size, token + length);
	HMAC(EVP_sha256(), KEY, 32, (const unsigned char *) token, length, signature, &signature_length);
	token[length++] = '.';
	length += crm_base64url_encode(signature, signature_length, token + length);
	result = verify(token, length);
	HOLDS(result != CRM_JWT_UNKNOWN_KEY && result != CRM_JWT_BAD_SIGNATURE);
	token[length - 20] = token[length - 20] == 'A' ? 'B' : 'A';
	result = verify(token, length);
	HOLDS(result == CRM_JWT_BAD_SIGNATURE || result == CRM_JWT_MALFORMED);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char		error[200];

	crm_jwks_free(crm_jwks_parse((const char *) data, size, error, sizeof(error)));
	verify((const char *) data, size);
	if (size <= 4096)
		sign_and_verify(data, size);
	return 0;
}
