/*
 * sender_sign.c
 *		Standard Webhooks 1.0.0: webhook-signature: v1,base64(HMAC-SHA256(secret, id.timestamp.body)).
 *
 * While a secret is being changed both sign, separated by a space: the receiver may know either.
 * The HMAC is libcrypto's: the server's own asks for a resource owner, and there is none between
 * transactions, where requests are made.
 */
#include "sender.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "common/base64.h"
#include "core/compat.h"

#define SECRET_PREFIX "whsec_"

/* The bytes of a whsec_ secret, decoded from base64; NULL if it is none. */
static uint8 *
secret_bytes(const char *secret, int *length)
{
	int			prefix = strlen(SECRET_PREFIX);
	int			text_length;
	uint8	   *bytes;

	if (strncmp(secret, SECRET_PREFIX, prefix) != 0)
		return NULL;
	text_length = strlen(secret) - prefix;
	*length = pg_b64_dec_len(text_length);
	bytes = palloc(*length + 1);
	*length = pg_b64_decode(secret + prefix, text_length, (crm_compat_byte *) bytes, *length);
	return *length > 0 ? bytes : NULL;
}

static bool
append_signature(StringInfo header, const char *secret, const char *signed_text, int signed_length)
{
	uint8		digest[EVP_MAX_MD_SIZE];
	unsigned int digest_length = sizeof(digest);
	char		encoded[2 * EVP_MAX_MD_SIZE];
	int			key_length;
	uint8	   *key = secret_bytes(secret, &key_length);
	int			encoded_length;

	if (key == NULL)
		return false;
	if (HMAC(EVP_sha256(), key, key_length, (const uint8 *) signed_text, signed_length, digest, &digest_length) == NULL)
		ereport(ERROR, (errcode(ERRCODE_INTERNAL_ERROR), errmsg("could not sign a message")));
	explicit_bzero(key, key_length);
	encoded_length = pg_b64_encode((const crm_compat_byte *) digest, digest_length, encoded, sizeof(encoded));
	appendStringInfo(header, "%sv1,%.*s", header->len > 0 ? " " : "", encoded_length, encoded);
	return true;
}

/* The value of webhook-signature for an attempt at a moment (Unix seconds); NULL: no secret to sign with. */
char *
sender_signature(const SenderMessage *message, const char *body, int64 timestamp)
{
	StringInfoData header;
	char	   *signed_text = psprintf("%s." INT64_FORMAT ".%s", message->message_id, timestamp, body);

	initStringInfo(&header);
	if (!append_signature(&header, message->secret, signed_text, strlen(signed_text)))
		return NULL;
	if (message->next_secret != NULL &&
		!append_signature(&header, message->next_secret, signed_text, strlen(signed_text)))
		return NULL;
	return header.data;
}
