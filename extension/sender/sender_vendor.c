/*
 * sender_vendor.c
 *		Requests as they leave: address, headers, body, signature; of vendors as their connectors shape them.
 *
 * What varies from vendor to vendor is data (crm.connector); here are the four ways to sign, for a
 * signature needs the moment of the attempt.  Answers NULL, or why the request cannot be made.
 */
#include "sender.h"
#include "vendor_sign.h"

#include <sys/time.h>
#include <time.h>

#define SIGNATURE_SIZE 128
#define ROOM_SIZE (64 * 1024)

static char *
encoded(const char *text)
{
	size_t		size = 3 * strlen(text) + 1;
	char	   *bytes = palloc(size);
	VendorText	answer;

	vendor_text_begin(&answer, bytes, size);
	vendor_text_add_encoded(&answer, text);
	return bytes;
}

/* The address with its access token. */
static char *
url_with_token(const SenderWire *wire)
{
	static const char place[] = "{{access_token}}";
	const char *at = strstr(wire->url, place);

	if (at == NULL)
		return pstrdup(wire->url);
	return psprintf("%.*s%s%s", (int) (at - wire->url), wire->url, encoded(wire->token ? wire->token : ""), at + strlen(place));
}

static const char *
make_aliyun(const SenderMessage *message, int64 timestamp, SenderRequest *request)
{
	const SenderWire *wire = message->wire;
	int			n = wire->n_fields;
	VendorField *fields = palloc((n + 8) * sizeof(VendorField));
	time_t		moment = (time_t) timestamp;
	struct tm	utc;
	struct timeval now;
	char		iso[32];
	char	   *room = palloc(ROOM_SIZE);
	char		signature[SIGNATURE_SIZE];
	VendorText	body;

	gmtime_r(&moment, &utc);
	strftime(iso, sizeof(iso), "%Y-%m-%dT%H:%M:%SZ", &utc);
	gettimeofday(&now, NULL);
	for (int i = 0; i < n; i++)
		fields[i] = (VendorField) {wire->names[i], wire->values[i]};
	fields[n++] = (VendorField) {"AccessKeyId", wire->key_id};
	fields[n++] = (VendorField) {"Format", "JSON"};
	fields[n++] = (VendorField) {"SignatureMethod", "HMAC-SHA1"};
	fields[n++] = (VendorField) {"SignatureVersion", "1.0"};
	/* no two requests alike: another attempt is another moment */
	fields[n++] = (VendorField) {"SignatureNonce", psprintf("%s-%d-" INT64_FORMAT, message->message_id, message->attempt,
															(int64) now.tv_sec * 1000000 + now.tv_usec)};
	fields[n++] = (VendorField) {"Timestamp", iso};
	if (!vendor_sign_aliyun("POST", fields, n, wire->key, room, ROOM_SIZE, signature, sizeof(signature)))
		return "request is too long to be signed";
	fields[n++] = (VendorField) {"Signature", signature};
	vendor_text_begin(&body, room, ROOM_SIZE);
	for (int i = 0; i < n; i++)
	{
		if (i > 0)
			vendor_text_add(&body, "&");
		vendor_text_add_encoded(&body, fields[i].name);
		vendor_text_add(&body, "=");
		vendor_text_add_encoded(&body, fields[i].value);
	}
	request->body = room;
	request->headers = lappend(request->headers, "Content-Type: application/x-www-form-urlencoded");
	return body.is_full ? "request is too long" : NULL;
}

/* Host and port of an address, as the header Host says them. */
static char *
host_of(const char *url)
{
	const char *start = strstr(url, "://");

	start = start ? start + 3 : url;
	return pnstrdup(start, strcspn(start, "/?"));
}

static const char *
make_tencent(const SenderMessage *message, int64 timestamp, SenderRequest *request)
{
	const SenderWire *wire = message->wire;
	char	   *host = host_of(request->url);
	char	   *answer = palloc(1024);
	const VendorField headers[] = {
		{"content-type", "application/json; charset=utf-8"}, {"host", host}, {"x-tc-action", sender_field(wire, "X-TC-Action")},
	};

	if (!vendor_sign_tencent("sms", wire->key_id, wire->key, timestamp, headers, 3, request->body, answer, 1024))
		return "request cannot be signed";
	request->headers = lappend(request->headers, psprintf("X-TC-Timestamp: " INT64_FORMAT, timestamp));
	request->headers = lappend(request->headers, psprintf("Authorization: %s", answer));
	return NULL;
}

static const char *
make_dingtalk(const SenderMessage *message, int64 timestamp, SenderRequest *request)
{
	char		signature[SIGNATURE_SIZE];
	int64		milliseconds = timestamp * 1000;

	/* a robot may be guarded by a word or by addresses instead of a secret */
	if (message->wire->key[0] == '\0')
		return NULL;
	if (!vendor_sign_dingtalk(milliseconds, message->wire->key, signature, sizeof(signature)))
		return "request cannot be signed";
	request->url = psprintf("%s&timestamp=" INT64_FORMAT "&sign=%s", request->url, milliseconds, encoded(signature));
	return NULL;
}

static const char *
make_feishu(const SenderMessage *message, int64 timestamp, SenderRequest *request)
{
	char		signature[SIGNATURE_SIZE];

	if (message->wire->key[0] == '\0')
		return NULL;
	if (!vendor_sign_feishu(timestamp, message->wire->key, signature, sizeof(signature)))
		return "request cannot be signed";
	/* the body is an object with at least one member */
	request->body = psprintf("{\"timestamp\": \"" INT64_FORMAT "\", \"sign\": \"%s\", %s", timestamp, signature, request->body + 1);
	return NULL;
}

static const char *
make_webhook(const SenderMessage *message, int64 timestamp, SenderRequest *request)
{
	char	   *signature = sender_signature(message, request->body, timestamp);

	if (signature == NULL)
		return "secret of the endpoint is no whsec_ secret";
	request->headers = lappend(request->headers, psprintf("webhook-id: %s", message->message_id));
	request->headers = lappend(request->headers, psprintf("webhook-timestamp: " INT64_FORMAT, timestamp));
	request->headers = lappend(request->headers, psprintf("webhook-signature: %s", signature));
	return NULL;
}

/* A request whose body is JSON, with the connector's headers. */
static void
begin_json(const SenderWire *wire, SenderRequest *request)
{
	request->body = wire->body;
	request->headers = lappend(request->headers, "Content-Type: application/json; charset=utf-8");
	for (int i = 0; i < wire->n_fields; i++)
		request->headers = lappend(request->headers, psprintf("%s: %s", wire->names[i], wire->values[i]));
}

/* Builds the request of an attempt at a moment (Unix seconds), in the current memory context. */
const char *
sender_build_request(const SenderMessage *message, int64 timestamp, SenderRequest *request)
{
	const SenderWire *wire = message->wire;

	if (wire == NULL)
	{
		request->url = message->url;
		request->body = message->body;
		request->headers = list_make1("Content-Type: application/json");
		return make_webhook(message, timestamp, request);
	}
	if (wire->is_token_request)
	{
		request->url = wire->token_url;
		return NULL;
	}
	if (strcmp(wire->format, "mail") == 0)
		return sender_mail_request(message, timestamp, request);
	request->url = url_with_token(wire);
	if (strcmp(wire->signer, "aliyun") == 0)
		return make_aliyun(message, timestamp, request);
	begin_json(wire, request);
	return strcmp(wire->signer, "tencent") == 0 ? make_tencent(message, timestamp, request) :
		strcmp(wire->signer, "dingtalk") == 0 ? make_dingtalk(message, timestamp, request) :
		strcmp(wire->signer, "feishu") == 0 ? make_feishu(message, timestamp, request) :
		strcmp(wire->signer, "webhook") == 0 ? make_webhook(message, timestamp, request) : NULL;
}
