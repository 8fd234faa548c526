/*
 * sender_mail.c
 *		An e-mail as it is sent: RFC 5322 headers, the text in base64, plain and HTML side by side.
 *
 * Nothing a customer or a template says reaches a header but encoded (RFC 2047), and an address with
 * a control character, a space or an angle bracket makes no mail at all: nobody adds a header or a
 * receiver.  Message-ID is the message's id at every attempt.
 */
#include "sender.h"

#include <time.h>

#include "common/base64.h"
#include "core/compat.h"

static char *
base64(const char *text, int length)
{
	int			size = pg_b64_enc_len(length) + 1;
	char	   *out = palloc(size);

	out[pg_b64_encode((const crm_compat_byte *) text, length, out, size)] = '\0';
	return out;
}

/* An address that may stand between angle brackets. */
static bool
is_address(const char *address)
{
	const char *at = strchr(address, '@');

	if (at == NULL || at == address || at[1] == '\0' || strlen(address) > 254)
		return false;
	for (const unsigned char *c = (const unsigned char *) address; *c != '\0'; c++)
		if (*c <= ' ' || *c == 0x7f || strchr("<>()[]\\,;:\"", *c) != NULL)
			return false;
	return true;
}

/* The bytes of a text that fit into an encoded word, never half a character. */
static int
word_length(const char *text, int most)
{
	int			length = strlen(text);

	if (length <= most)
		return length;
	length = most;
	while (length > 0 && ((unsigned char) text[length] & 0xc0) == 0x80)
		length--;
	return length > 0 ? length : most;
}

static void
append_encoded_header(StringInfo mail, const char *name, const char *text)
{
	appendStringInfo(mail, "%s:", name);
	while (*text != '\0')
	{
		int			length = word_length(text, 45);

		appendStringInfo(mail, " =?UTF-8?B?%s?=\r\n", base64(text, length));
		text += length;
	}
	if (mail->data[mail->len - 1] != '\n')
		appendStringInfoString(mail, "\r\n");
}

static void
append_part(StringInfo mail, const char *type, const char *text)
{
	char	   *body = base64(text, strlen(text));

	appendStringInfo(mail, "Content-Type: %s; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\n", type);
	for (int at = 0, length = strlen(body); at < length; at += 76)
		appendStringInfo(mail, "%.76s\r\n", body + at);
}

static void
append_content(StringInfo mail, const char *message_id, const char *text, const char *html)
{
	if (html[0] == '\0')
	{
		append_part(mail, "text/plain", text);
		return;
	}
	/* a boundary with "_" cannot stand in base64 */
	appendStringInfo(mail, "Content-Type: multipart/alternative; boundary=\"_crm_%s\"\r\n\r\n", message_id);
	appendStringInfo(mail, "--_crm_%s\r\n", message_id);
	append_part(mail, "text/plain", text);
	appendStringInfo(mail, "--_crm_%s\r\n", message_id);
	append_part(mail, "text/html", html);
	appendStringInfo(mail, "--_crm_%s--\r\n", message_id);
}

const char *
sender_mail_request(const SenderMessage *message, int64 timestamp, SenderRequest *request)
{
	const SenderWire *wire = message->wire;
	const char *from = sender_field(wire, "from");
	const char *to = sender_field(wire, "to");
	time_t		moment = (time_t) timestamp;
	struct tm	utc;
	char		date[64];
	StringInfoData mail;

	if (!is_address(from) || !is_address(to))
		return "address cannot be written to";
	gmtime_r(&moment, &utc);
	/* names of days and months in English, whatever the locale: the server runs under C */
	strftime(date, sizeof(date), "%a, %d %b %Y %H:%M:%S +0000", &utc);
	initStringInfo(&mail);
	appendStringInfo(&mail, "Date: %s\r\nFrom: <%s>\r\nTo: <%s>\r\nMessage-ID: <%s%s>\r\nMIME-Version: 1.0\r\n",
					 date, from, to, message->message_id, strchr(from, '@'));
	append_encoded_header(&mail, "Subject", sender_field(wire, "subject"));
	append_content(&mail, message->message_id, sender_field(wire, "text"), sender_field(wire, "html"));
	request->is_mail = true;
	request->url = wire->url;
	request->body = mail.data;
	request->mail_from = psprintf("<%s>", from);
	request->mail_to = psprintf("<%s>", to);
	if (sender_field(wire, "user")[0] != '\0')
	{
		request->user = pstrdup(sender_field(wire, "user"));
		request->password = pstrdup(sender_field(wire, "password"));
	}
	return NULL;
}
