/*
 * sender_sign.c
 *		Standard Webhooks 1.0.0: webhook-signature: v1,base64(HMAC-SHA256(secret, id.timestamp.body)).
 *
 * While a secret is being changed both sign, separated by a space: the receiver may know either.
 * The primitives are the server's own.
 */
#include "sender.h"

#include "common/base64.h"
#include "common/hmac.h"
#include "common/sha2.h"

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
	*length = pg_b64_decode(secret + prefix, text_length, (char *) bytes, *length);
	return *length > 0 ? bytes : NULL;
}

static void
append_signature(StringInfo header, const char *secret, const char *signed_text, int signed_length)
{
	uint8		digest[PG_SHA256_DIGEST_LENGTH];
	char		encoded[64];
	int			key_length;
	uint8	   *key = secret_bytes(secret, &key_length);
	pg_hmac_ctx *hmac;
	int			encoded_length;

	if (key == NULL)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("secret of an endpoint is no whsec_ secret")));
	hmac = pg_hmac_create(PG_SHA256);
	if (hmac == NULL || pg_hmac_init(hmac, key, key_length) < 0 ||
		pg_hmac_update(hmac, (const uint8 *) signed_text, signed_length) < 0 ||
		pg_hmac_final(hmac, digest, sizeof(digest)) < 0)
		ereport(ERROR, (errcode(ERRCODE_INTERNAL_ERROR), errmsg("could not sign a message")));
	pg_hmac_free(hmac);
	explicit_bzero(key, key_length);
	encoded_length = pg_b64_encode((char *) digest, sizeof(digest), encoded, sizeof(encoded));
	appendStringInfo(header, "%sv1,%.*s", header->len > 0 ? " " : "", encoded_length, encoded);
}

/* The value of webhook-signature for an attempt at a moment (Unix seconds). */
char *
sender_signature(const SenderMessage *message, int64 timestamp)
{
	StringInfoData header;
	char	   *signed_text = psprintf("%s." INT64_FORMAT ".%s", message->message_id, timestamp, message->body);

	initStringInfo(&header);
	append_signature(&header, message->secret, signed_text, strlen(signed_text));
	if (message->next_secret != NULL)
		append_signature(&header, message->next_secret, signed_text, strlen(signed_text));
	return header.data;
}
