/*
 * receiver_sign.c
 *		Whether a request's signature is right, as a receiver of Standard Webhooks 1.0.0 has to ask:
 *		base64(HMAC-SHA256(secret, id.timestamp.body)) is one of the v1 signatures of the header, and
 *		the time is at most five minutes off.
 *
 * Written from the standard with OpenSSL, apart from the sender's own code, so that one proves the other.
 */
#include "receiver.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#define PREFIX "whsec_"

/* Decodes the secret's bytes; their number, -1 when it is none. */
static int
decode_secret(const char *secret, unsigned char *key, size_t size)
{
	const char *text = secret + strlen(PREFIX);
	size_t		length = strlen(secret);
	int			decoded;

	if (strncmp(secret, PREFIX, strlen(PREFIX)) != 0)
		return -1;
	length -= strlen(PREFIX);
	if (length < 4 || length % 4 != 0 || length / 4 * 3 > size)
		return -1;
	decoded = EVP_DecodeBlock(key, (const unsigned char *) text, (int) length);
	/* padding counts as zero bytes there */
	for (size_t i = length; decoded > 0 && i > length - 2 && text[i - 1] == '='; i--)
		decoded--;
	return decoded;
}

static bool
is_recent(const char *timestamp, time_t now)
{
	char	   *end;
	long long	at = strtoll(timestamp, &end, 10);

	return *timestamp != '\0' && *end == '\0' && llabs(at - (long long) now) <= RECEIVER_TOLERANCE_S;
}

/* Whether a "v1,..." of the list equals the signature expected. */
static bool
is_listed(const char *signatures, const char *expected)
{
	size_t		length = strlen(expected);

	while (*signatures != '\0')
	{
		size_t		n = strcspn(signatures, " ");

		if (n == length + 3 && strncmp(signatures, "v1,", 3) == 0 &&
			CRYPTO_memcmp(signatures + 3, expected, length) == 0)
			return true;
		signatures += n;
		signatures += strspn(signatures, " ");
	}
	return false;
}

bool
receiver_signature_is_valid(const char *secret, const char *id, const char *timestamp,
							const char *signatures, const char *body, size_t length, time_t now)
{
	unsigned char key[128];
	unsigned char digest[EVP_MAX_MD_SIZE];
	unsigned int digest_length = sizeof(digest);
	char		encoded[2 * EVP_MAX_MD_SIZE];
	int			key_length = decode_secret(secret, key, sizeof(key));
	size_t		head = strlen(id) + strlen(timestamp) + 2;
	unsigned char *signed_text;

	if (key_length <= 0 || !is_recent(timestamp, now))
		return false;
	signed_text = malloc(head + length + 1);
	if (signed_text == NULL)
		return false;
	sprintf((char *) signed_text, "%s.%s.", id, timestamp);
	memcpy(signed_text + head, body, length);
	HMAC(EVP_sha256(), key, key_length, signed_text, head + length, digest, &digest_length);
	free(signed_text);
	EVP_EncodeBlock((unsigned char *) encoded, digest, (int) digest_length);
	return is_listed(signatures, encoded);
}
