/*
 * vendor_sign.c
 *		Signatures of Aliyun (RPC, HMAC-SHA1), Tencent Cloud (TC3-HMAC-SHA256), DingTalk and Feishu robots.
 *
 * The formulas are the vendors' documented ones (design/campaign.md 3); the unit test holds each
 * against published vectors.  What Aliyun signs it calls percent encoding by RFC 3986: letters,
 * digits and "-_.~" stay, everything else becomes %XX in upper case.
 */
#include "vendor_sign.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/sha.h>

#define HEX_SIZE (2 * SHA256_DIGEST_LENGTH + 1)

void
vendor_text_begin(VendorText *text, char *bytes, size_t size)
{
	text->bytes = bytes;
	text->size = size;
	text->length = 0;
	text->is_full = size == 0;
	if (size > 0)
		bytes[0] = '\0';
}

static void
add_bytes(VendorText *text, const char *more, size_t length)
{
	if (text->is_full || length >= text->size - text->length)
	{
		text->is_full = true;
		return;
	}
	memcpy(text->bytes + text->length, more, length);
	text->length += length;
	text->bytes[text->length] = '\0';
}

void
vendor_text_add(VendorText *text, const char *more)
{
	add_bytes(text, more, strlen(more));
}

static bool
is_unreserved(unsigned char c)
{
	return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
		c == '-' || c == '_' || c == '.' || c == '~';
}

void
vendor_text_add_encoded(VendorText *text, const char *more)
{
	for (const unsigned char *c = (const unsigned char *) more; *c != '\0'; c++)
	{
		char		escaped[4];

		if (is_unreserved(*c))
			add_bytes(text, (const char *) c, 1);
		else
		{
			snprintf(escaped, sizeof(escaped), "%%%02X", *c);
			add_bytes(text, escaped, 3);
		}
	}
}

static bool
encode_base64(const unsigned char *digest, unsigned int length, char *out, size_t size)
{
	/* four characters for three bytes, and the zero that OpenSSL writes */
	if (size < 4 * ((size_t) length + 2) / 3 + 1 || size < 64)
		return false;
	EVP_EncodeBlock((unsigned char *) out, digest, (int) length);
	return true;
}

static int
compare_names(const void *a, const void *b)
{
	return strcmp(((const VendorField *) a)->name, ((const VendorField *) b)->name);
}

bool
vendor_sign_aliyun(const char *method, VendorField *fields, size_t n, const char *secret,
				   char *room, size_t room_size, char *signature, size_t signature_size)
{
	VendorText	query;
	VendorText	signed_text;
	VendorText	key;
	char		key_bytes[256];
	unsigned char digest[EVP_MAX_MD_SIZE];
	unsigned int digest_length = sizeof(digest);

	qsort(fields, n, sizeof(VendorField), compare_names);
	/* the query in the first quarter of the room, what is signed (encoded once more, up to thrice as long) behind it */
	vendor_text_begin(&query, room, room_size / 4);
	for (size_t i = 0; i < n; i++)
	{
		if (i > 0)
			vendor_text_add(&query, "&");
		vendor_text_add_encoded(&query, fields[i].name);
		vendor_text_add(&query, "=");
		vendor_text_add_encoded(&query, fields[i].value);
	}
	vendor_text_begin(&signed_text, room + room_size / 4, room_size - room_size / 4);
	vendor_text_add(&signed_text, method);
	vendor_text_add(&signed_text, "&%2F&");
	vendor_text_add_encoded(&signed_text, query.bytes);
	vendor_text_begin(&key, key_bytes, sizeof(key_bytes));
	vendor_text_add(&key, secret);
	vendor_text_add(&key, "&");
	if (query.is_full || signed_text.is_full || key.is_full ||
		HMAC(EVP_sha1(), key.bytes, (int) key.length, (unsigned char *) signed_text.bytes, signed_text.length,
			 digest, &digest_length) == NULL)
		return false;
	OPENSSL_cleanse(key_bytes, sizeof(key_bytes));
	return encode_base64(digest, digest_length, signature, signature_size);
}

static void
to_hex(const unsigned char *digest, char *out)
{
	for (int i = 0; i < SHA256_DIGEST_LENGTH; i++)
		snprintf(out + 2 * i, 3, "%02x", digest[i]);
}

static void
sha256_hex(const char *text, char *out)
{
	unsigned char digest[SHA256_DIGEST_LENGTH];

	SHA256((const unsigned char *) text, strlen(text), digest);
	to_hex(digest, out);
}

static bool
hmac_sha256(const void *key, size_t key_length, const char *text, unsigned char *digest)
{
	unsigned int length = SHA256_DIGEST_LENGTH;

	return HMAC(EVP_sha256(), key, (int) key_length, (const unsigned char *) text, strlen(text), digest, &length) != NULL;
}

/* The key of one day, service and kind, derived step by step from the secret. */
static bool
tencent_key(const char *secret_key, const char *day, const char *service, unsigned char *key)
{
	char		first[256];
	int			length = snprintf(first, sizeof(first), "TC3%s", secret_key);
	unsigned char by_day[SHA256_DIGEST_LENGTH];
	unsigned char by_service[SHA256_DIGEST_LENGTH];

	return length < (int) sizeof(first) &&
		hmac_sha256(first, (size_t) length, day, by_day) &&
		hmac_sha256(by_day, sizeof(by_day), service, by_service) &&
		hmac_sha256(by_service, sizeof(by_service), "tc3_request", key);
}

static void
add_header_names(VendorText *text, const VendorField *headers, size_t n)
{
	for (size_t i = 0; i < n; i++)
	{
		if (i > 0)
			vendor_text_add(text, ";");
		vendor_text_add(text, headers[i].name);
	}
}

/* The hash of the request as Tencent writes it down; headers' values in lower case. */
static bool
tencent_request_hash(const VendorField *headers, size_t n, const char *payload, char *hash)
{
	char		bytes[2048];
	char		payload_hash[HEX_SIZE];
	VendorText	request;

	vendor_text_begin(&request, bytes, sizeof(bytes));
	vendor_text_add(&request, "POST\n/\n\n");
	for (size_t i = 0; i < n; i++)
	{
		size_t		value;

		vendor_text_add(&request, headers[i].name);
		vendor_text_add(&request, ":");
		value = request.length;
		vendor_text_add(&request, headers[i].value);
		for (; value < request.length; value++)
			if (request.bytes[value] >= 'A' && request.bytes[value] <= 'Z')
				request.bytes[value] = (char) (request.bytes[value] - 'A' + 'a');
		vendor_text_add(&request, "\n");
	}
	vendor_text_add(&request, "\n");
	add_header_names(&request, headers, n);
	vendor_text_add(&request, "\n");
	sha256_hex(payload, payload_hash);
	vendor_text_add(&request, payload_hash);
	sha256_hex(request.bytes, hash);
	return !request.is_full;
}

bool
vendor_sign_tencent(const char *service, const char *secret_id, const char *secret_key, int64_t timestamp,
					const VendorField *headers, size_t n, const char *payload, char *authorization, size_t size)
{
	time_t		moment = (time_t) timestamp;
	struct tm	utc;
	char		day[16];
	char		request_hash[HEX_SIZE];
	char		signed_text[512];
	char		signature[HEX_SIZE];
	unsigned char key[SHA256_DIGEST_LENGTH];
	unsigned char digest[SHA256_DIGEST_LENGTH];
	VendorText	answer;
	int			length;

	if (gmtime_r(&moment, &utc) == NULL || strftime(day, sizeof(day), "%Y-%m-%d", &utc) == 0 ||
		!tencent_request_hash(headers, n, payload, request_hash))
		return false;
	length = snprintf(signed_text, sizeof(signed_text), "TC3-HMAC-SHA256\n%" PRId64 "\n%s/%s/tc3_request\n%s",
					  timestamp, day, service, request_hash);
	if (length >= (int) sizeof(signed_text) || !tencent_key(secret_key, day, service, key) ||
		!hmac_sha256(key, sizeof(key), signed_text, digest))
		return false;
	OPENSSL_cleanse(key, sizeof(key));
	to_hex(digest, signature);
	vendor_text_begin(&answer, authorization, size);
	vendor_text_add(&answer, "TC3-HMAC-SHA256 Credential=");
	vendor_text_add(&answer, secret_id);
	vendor_text_add(&answer, "/");
	vendor_text_add(&answer, day);
	vendor_text_add(&answer, "/");
	vendor_text_add(&answer, service);
	vendor_text_add(&answer, "/tc3_request, SignedHeaders=");
	add_header_names(&answer, headers, n);
	vendor_text_add(&answer, ", Signature=");
	vendor_text_add(&answer, signature);
	return !answer.is_full;
}

bool
vendor_sign_dingtalk(int64_t timestamp_ms, const char *secret, char *signature, size_t size)
{
	char		text[256];
	int			length = snprintf(text, sizeof(text), "%" PRId64 "\n%s", timestamp_ms, secret);
	unsigned char digest[SHA256_DIGEST_LENGTH];

	return length < (int) sizeof(text) && hmac_sha256(secret, strlen(secret), text, digest) &&
		encode_base64(digest, sizeof(digest), signature, size);
}

bool
vendor_sign_feishu(int64_t timestamp, const char *secret, char *signature, size_t size)
{
	char		key[256];
	int			length = snprintf(key, sizeof(key), "%" PRId64 "\n%s", timestamp, secret);
	unsigned char digest[SHA256_DIGEST_LENGTH];

	return length < (int) sizeof(key) && hmac_sha256(key, (size_t) length, "", digest) &&
		encode_base64(digest, sizeof(digest), signature, size);
}
