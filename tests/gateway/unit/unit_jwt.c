/*
 * Bearer tokens: the four algorithms, the claims, and the ways to cheat.  Keys are made here;
 * with a folder of RFC 7520's examples as argument those are checked too.
 */
#include "tap.h"

#include <dirent.h>
#include <jansson.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/hmac.h>
#include <openssl/rsa.h>

#include "base64url.h"
#include "jwt.h"

#define NOW 1800000000

static const unsigned char secret[33] = "0123456789abcdef0123456789ABCDEF";
static EVP_PKEY *rsa, *ec, *ed;
static CrmJwks *keys;
static char error[512];

static char *
encode(const void *bytes, size_t length)
{
	char	   *text = malloc(CRM_BASE64URL_ENCODED_MAX(length));

	crm_base64url_encode(bytes, length, text);
	return text;
}

static char *
number_of(EVP_PKEY *key, const char *name, int width)
{
	BIGNUM	   *number = NULL;
	unsigned char bytes[1024];
	int			length;

	EVP_PKEY_get_bn_param(key, name, &number);
	length = width > 0 ? BN_bn2binpad(number, bytes, width) : BN_bn2bin(number, bytes);
	BN_free(number);
	return encode(bytes, (size_t) length);
}

static void
make_keys(void)
{
	static char set[8192];
	unsigned char raw[32];
	size_t		raw_length = sizeof(raw);

	rsa = EVP_RSA_gen(2048);
	ec = EVP_EC_gen("P-256");
	ed = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	EVP_PKEY_get_raw_public_key(ed, raw, &raw_length);
	snprintf(set, sizeof(set),
			 "{\"keys\":[{\"kty\":\"oct\",\"kid\":\"h\",\"alg\":\"HS256\",\"k\":\"%s\"},"
			 "{\"kty\":\"RSA\",\"kid\":\"r\",\"alg\":\"RS256\",\"use\":\"sig\",\"n\":\"%s\",\"e\":\"%s\"},"
			 "{\"kty\":\"EC\",\"kid\":\"e\",\"alg\":\"ES256\",\"crv\":\"P-256\",\"x\":\"%s\",\"y\":\"%s\"},"
			 "{\"kty\":\"OKP\",\"kid\":\"d\",\"alg\":\"EdDSA\",\"crv\":\"Ed25519\",\"x\":\"%s\"}]}",
			 encode(secret, 32), number_of(rsa, OSSL_PKEY_PARAM_RSA_N, 0), number_of(rsa, OSSL_PKEY_PARAM_RSA_E, 0),
			 number_of(ec, OSSL_PKEY_PARAM_EC_PUB_X, 32), number_of(ec, OSSL_PKEY_PARAM_EC_PUB_Y, 32),
			 encode(raw, raw_length));
	keys = crm_jwks_parse(set, strlen(set), error, sizeof(error));
}

static size_t
sign_public(EVP_PKEY *key, const EVP_MD *digest, const char *text, unsigned char *out)
{
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	size_t		length = 1024;

	EVP_DigestSignInit(context, NULL, digest, NULL, key);
	EVP_DigestSign(context, out, &length, (const unsigned char *) text, strlen(text));
	EVP_MD_CTX_free(context);
	return length;
}

static size_t
sign_raw_ecdsa(const char *text, unsigned char *out)
{
	unsigned char der[256];
	const unsigned char *p = der;
	size_t		length = sign_public(ec, EVP_sha256(), text, der);
	ECDSA_SIG  *pair = d2i_ECDSA_SIG(NULL, &p, (long) length);

	BN_bn2binpad(ECDSA_SIG_get0_r(pair), out, 32);
	BN_bn2binpad(ECDSA_SIG_get0_s(pair), out + 32, 32);
	ECDSA_SIG_free(pair);
	return 64;
}

/* header and claims as JSON; `with` says which key signs: h, r, e, d, D (ECDSA as DER), n (nothing). */
static char *
token(const char *header, const char *claims, char with)
{
	static char text[20000];
	unsigned char signature[1024];
	unsigned int hmac_length = 0;
	size_t		length = 0;

	snprintf(text, sizeof(text), "%s.%s", encode(header, strlen(header)), encode(claims, strlen(claims)));
	if (with == 'h')
	{
		HMAC(EVP_sha256(), secret, 32, (unsigned char *) text, strlen(text), signature, &hmac_length);
		length = hmac_length;
	}
	else if (with == 'r')
		length = sign_public(rsa, EVP_sha256(), text, signature);
	else if (with == 'e')
		length = sign_raw_ecdsa(text, signature);
	else if (with == 'D')
		length = sign_public(ec, EVP_sha256(), text, signature);
	else if (with == 'd')
		length = sign_public(ed, NULL, text, signature);
	strcat(text, ".");
	strcat(text, encode(signature, length));
	return text;
}

static CrmJwtResult
verify(const char *text)
{
	CrmJwtRules rules = {.issuer = "https://issuer", .audience = "crm", .now = NOW};
	char		claims[CRM_BASE64URL_DECODED_MAX(CRM_JWT_MAX)];
	size_t		length;

	return crm_jwt_verify(keys, &rules, text, strlen(text), claims, &length);
}

#define GOOD "{\"iss\":\"https://issuer\",\"aud\":\"crm\",\"sub\":\"S1\",\"exp\":1800000100,\"nbf\":1799999900}"
#define H "{\"alg\":\"HS256\",\"kid\":\"h\"}"

static CrmJwtResult
claims_result(const char *claims)
{
	return verify(token(H, claims, 'h'));
}

static void
algorithms(void)
{
	is_int(verify(token(H, GOOD, 'h')), CRM_JWT_OK, "HS256");
	is_int(verify(token("{\"alg\":\"RS256\",\"kid\":\"r\"}", GOOD, 'r')), CRM_JWT_OK, "RS256");
	is_int(verify(token("{\"alg\":\"ES256\",\"kid\":\"e\"}", GOOD, 'e')), CRM_JWT_OK, "ES256");
	is_int(verify(token("{\"alg\":\"EdDSA\",\"kid\":\"d\"}", GOOD, 'd')), CRM_JWT_OK, "EdDSA");
	is_int(verify(token("{\"alg\":\"ES256\",\"kid\":\"e\"}", GOOD, 'D')), CRM_JWT_BAD_SIGNATURE, "ES256 written as DER");
	is_int(verify(token("{\"alg\":\"HS256\",\"kid\":\"r\"}", GOOD, 'h')), CRM_JWT_UNKNOWN_KEY, "alg is the key's, not the token's");
	is_int(verify(token("{\"alg\":\"none\",\"kid\":\"h\"}", GOOD, 'n')), CRM_JWT_MALFORMED, "none with an empty signature");
	is_int(verify(token("{\"alg\":\"none\",\"kid\":\"h\"}", GOOD, 'h')), CRM_JWT_UNKNOWN_KEY, "none with one");
	is_int(verify(token("{\"alg\":\"hs256\",\"kid\":\"h\"}", GOOD, 'h')), CRM_JWT_UNKNOWN_KEY, "hs256 in small letters");
	is_int(verify(token("{\"alg\":\"HS256\",\"kid\":\"x\"}", GOOD, 'h')), CRM_JWT_UNKNOWN_KEY, "an unknown kid");
	is_int(verify(token("{\"alg\":\"HS256\"}", GOOD, 'h')), CRM_JWT_UNKNOWN_KEY, "no kid among several keys");
	is_int(verify(token(H, GOOD, 'r')), CRM_JWT_BAD_SIGNATURE, "another key's signature");
}


static void
header_tricks(void)
{
	is_int(verify(token("{\"alg\":\"HS256\",\"kid\":\"h\",\"crit\":[\"x\"],\"x\":1}", GOOD, 'h')), CRM_JWT_MALFORMED, "crit");
	is_int(verify(token("{\"alg\":\"HS256\",\"kid\":\"h\",\"b64\":false}", GOOD, 'h')), CRM_JWT_MALFORMED, "b64");
	is_int(verify(token("{\"alg\":\"HS256\",\"alg\":\"HS256\",\"kid\":\"h\"}", GOOD, 'h')), CRM_JWT_MALFORMED, "alg twice");
	is_int(verify(token("{\"alg\":\"HS256\",\"kid\":7}", GOOD, 'h')), CRM_JWT_MALFORMED, "kid that is a number");
	is_int(verify(token("[]", GOOD, 'h')), CRM_JWT_MALFORMED, "a header that is an array");
	is_int(verify(token("{", GOOD, 'h')), CRM_JWT_MALFORMED, "a header that is no JSON");
	is_int(verify(token(H, "[1]", 'h')), CRM_JWT_BAD_CLAIMS, "claims that are an array");
	is_int(verify(token(H, "{\"sub\":\"\\u0000\"}", 'h')), CRM_JWT_BAD_CLAIMS, "claims with a NUL");
	is_int(claims_result("{\"a\":[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]}"), CRM_JWT_BAD_CLAIMS, "claims nested too deeply");
	is_int(claims_result("{\"iss\":\"https://issuer\",\"iss\":\"x\",\"aud\":\"crm\",\"exp\":1800000100}"),
		   CRM_JWT_BAD_CLAIMS, "a claim twice");
}

static void
form_tricks(void)
{
	char		text[4000];
	char		longer[20000];

	snprintf(text, sizeof(text), "%s", token(H, GOOD, 'h'));
	snprintf(longer, sizeof(longer), "%s.", text);
	is_int(verify(longer), CRM_JWT_MALFORMED, "four parts");
	snprintf(longer, sizeof(longer), "%s=", text);
	is_int(verify(longer), CRM_JWT_MALFORMED, "padding");
	snprintf(longer, sizeof(longer), "%s!!!!", text);
	is_int(verify(longer), CRM_JWT_MALFORMED, "junk behind");
	snprintf(longer, sizeof(longer), " %s", text);
	is_int(verify(longer), CRM_JWT_MALFORMED, "a space before");
	is_int(verify(""), CRM_JWT_MALFORMED, "nothing");
	is_int(verify(".."), CRM_JWT_MALFORMED, "three empty parts");
	is_int(verify("a.b"), CRM_JWT_MALFORMED, "two parts");
	memset(longer, 'A', 9000);
	longer[9000] = '\0';
	is_int(verify(longer), CRM_JWT_MALFORMED, "longer than 8 kB");
	for (size_t i = 0; i < strlen(text); i++)
	{
		char		kept = text[i];

		text[i] = kept == 'A' ? 'B' : 'A';
		CHECK(verify(text) != CRM_JWT_OK);
		text[i] = kept;
	}
	CHECKED("no letter can be changed");
}

static void
claims(void)
{
	is_int(claims_result("{\"iss\":\"https://issuer\",\"aud\":\"crm\"}"), CRM_JWT_BAD_CLAIMS, "exp is required");
	is_int(claims_result("{\"iss\":\"https://issuer\",\"aud\":\"crm\",\"exp\":\"1800000100\"}"), CRM_JWT_BAD_CLAIMS, "exp as a text");
	is_int(claims_result("{\"iss\":\"https://issuer\",\"aud\":\"crm\",\"exp\":1799999971}"), CRM_JWT_OK, "exp within 30 s");
	is_int(claims_result("{\"iss\":\"https://issuer\",\"aud\":\"crm\",\"exp\":1799999970}"), CRM_JWT_EXPIRED, "exp beyond");
	is_int(claims_result("{\"iss\":\"https://issuer\",\"aud\":\"crm\",\"exp\":1800000100,\"nbf\":1800000030}"), CRM_JWT_OK, "nbf within 30 s");
	is_int(claims_result("{\"iss\":\"https://issuer\",\"aud\":\"crm\",\"exp\":1800000100,\"nbf\":1800000031}"), CRM_JWT_NOT_YET, "nbf beyond");
	is_int(claims_result("{\"iss\":\"https://issuer\",\"aud\":\"crm\",\"exp\":1800000100,\"nbf\":null}"), CRM_JWT_BAD_CLAIMS, "nbf null");
	is_int(claims_result("{\"iss\":\"https://issuer\",\"aud\":\"crm\",\"exp\":1800000100,\"iat\":1800000031}"), CRM_JWT_NOT_YET, "iat in the future");
	is_int(claims_result("{\"iss\":\"https://other\",\"aud\":\"crm\",\"exp\":1800000100}"), CRM_JWT_WRONG_ISSUER, "another issuer");
	is_int(claims_result("{\"aud\":\"crm\",\"exp\":1800000100}"), CRM_JWT_WRONG_ISSUER, "no issuer");
	is_int(claims_result("{\"iss\":\"https://issuer\",\"aud\":[\"x\",\"crm\"],\"exp\":1800000100}"), CRM_JWT_OK, "aud in a list");
	is_int(claims_result("{\"iss\":\"https://issuer\",\"aud\":[],\"exp\":1800000100}"), CRM_JWT_WRONG_AUDIENCE, "aud an empty list");
	is_int(claims_result("{\"iss\":\"https://issuer\",\"aud\":null,\"exp\":1800000100}"), CRM_JWT_WRONG_AUDIENCE, "aud null");
	is_int(claims_result("{\"iss\":\"https://issuer\",\"exp\":1800000100}"), CRM_JWT_WRONG_AUDIENCE, "no aud");
	is_int(claims_result("{\"iss\":\"https://issuer\",\"aud\":[\"crm\",7],\"exp\":1800000100}"), CRM_JWT_WRONG_AUDIENCE, "aud with a number");
}

static bool
refused(const char *json, const char *why)
{
	CrmJwks    *set = crm_jwks_parse(json, strlen(json), error, sizeof(error));
	bool		good = set == NULL && strstr(error, why) != NULL;

	if (!good)
		printf("# %s\n", set == NULL ? error : "accepted");
	crm_jwks_free(set);
	return good;
}

static void
key_files(void)
{
	char		json[2048];
	EVP_PKEY   *weak = EVP_RSA_gen(1024);

	ok(refused("", "not valid JSON"), "an empty file");
	ok(refused("{\"keys\":[]}", "1 to"), "no key");
	ok(refused("{\"keys\":[{\"kty\":\"oct\",\"kid\":\"h\",\"alg\":\"HS256\",\"k\":\"\"}]}", "empty"), "an empty secret");
	ok(refused("{\"keys\":[{\"kty\":\"oct\",\"kid\":\"h\",\"alg\":\"HS256\",\"k\":\"MTIzNDU2Nzg5MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMQ\"}]}",
			   "shorter than 32"), "a secret of 31 bytes");
	ok(refused("{\"keys\":[{\"kty\":\"oct\",\"kid\":\"h\",\"alg\":\"HS256\",\"k\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"}]}",
			   "repeated"), "a secret of zeros");
	ok(refused("{\"keys\":[{\"kty\":\"oct\",\"kid\":\"h\",\"alg\":\"none\",\"k\":\"MTIzNDU2Nzg5MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTI\"}]}",
			   "alg"), "alg none");
	ok(refused("{\"keys\":[{\"kty\":\"oct\",\"alg\":\"HS256\",\"k\":\"MTIzNDU2Nzg5MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTI\"}]}", "kid"), "no kid");
	ok(refused("{\"keys\":[{\"kty\":\"oct\",\"kid\":\"h\",\"alg\":\"HS256\",\"k\":\"MTIzNDU2Nzg5MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTI\"},"
			   "{\"kty\":\"oct\",\"kid\":\"h\",\"alg\":\"HS256\",\"k\":\"MTIzNDU2Nzg5MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTI\"}]}",
			   "twice"), "a kid twice");
	snprintf(json, sizeof(json), "{\"keys\":[{\"kty\":\"RSA\",\"kid\":\"r\",\"alg\":\"RS256\",\"n\":\"%s\",\"e\":\"AQAB\"}]}",
			 number_of(weak, OSSL_PKEY_PARAM_RSA_N, 0));
	ok(refused(json, "2048"), "an RSA key of 1024 bits");
	ok(refused("{\"keys\":[{\"kty\":\"EC\",\"kid\":\"e\",\"alg\":\"ES256\",\"crv\":\"P-256\","
			   "\"x\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAE\",\"y\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAE\"}]}",
			   "P-256"), "a point that is not on the curve");
	EVP_PKEY_free(weak);
}

/* RFC 7520's examples of our algorithms must verify, and must not with a byte changed. */
static void
vectors(const char *folder)
{
	DIR		   *directory = folder != NULL ? opendir(folder) : NULL;
	struct dirent *entry;
	int			checked = 0;

	if (directory == NULL)
	{
		skip("RFC 7520's signatures", "the vectors are not here");
		return;
	}
	while ((entry = readdir(directory)) != NULL)
	{
		char		path[1024];
		json_t	   *root;
		json_t	   *input;
		json_t	   *key;
		const char *compact;
		const char *alg;

		snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name);
		root = entry->d_name[0] == '.' ? NULL : json_load_file(path, 0, NULL);
		input = json_object_get(root, "input");
		key = json_object_get(input, "key");
		alg = json_string_value(json_object_get(input, "alg"));
		compact = json_string_value(json_object_get(json_object_get(root, "output"), "compact"));
		if (json_is_object(key) && compact != NULL && alg != NULL && (strcmp(alg, "HS256") == 0 || strcmp(alg, "RS256") == 0))
		{
			json_t	   *set = json_pack("{s:[O]}", "keys", key);
			char	   *text;
			CrmJwks    *jwks;
			char		out[CRM_BASE64URL_DECODED_MAX(CRM_JWT_MAX)];
			char		changed[9000];
			size_t		length;

			json_object_set_new(key, "alg", json_string(alg));
			text = json_dumps(set, 0);
			jwks = crm_jwks_parse(text, strlen(text), error, sizeof(error));
			CHECK(jwks != NULL);
			/* detached content has an empty middle part, which is no JWT */
			if (jwks != NULL && strstr(compact, "..") == NULL)
			{
				CHECK(crm_jwt_verify_signature(jwks, compact, strlen(compact), out, &length) == CRM_JWT_OK);
				snprintf(changed, sizeof(changed), "%s", compact);
				changed[strlen(changed) / 2] ^= 1;
				CHECK(crm_jwt_verify_signature(jwks, changed, strlen(changed), out, &length) != CRM_JWT_OK);
				checked++;
			}
			crm_jwks_free(jwks);
			free(text);
			json_decref(set);
		}
		json_decref(root);
	}
	closedir(directory);
	CHECKED("RFC 7520's signatures");
	ok(checked >= 2, "there were some");
}

int
main(int argc, char **argv)
{
	make_keys();
	if (!ok(keys != NULL, "a key file of all four kinds"))
		printf("# %s\n", error);
	algorithms();
	header_tricks();
	form_tricks();
	claims();
	key_files();
	vectors(argc > 1 ? argv[1] : NULL);
	crm_jwks_free(keys);
	return done();
}
