/*
 * reply.c
 *		Writes the head and the body of an answer.
 *
 * The head stays below 12 kB, for nginx answers 502 when it does not fit its
 * buffer; a value that comes from the database and holds a control character or
 * is too long is left out, so no header can be smuggled in.
 */
#include <stdio.h>
#include <string.h>

#include "reply.h"

#define HEADER_VALUE_MAX	2000

void
crm_reply_text(CrmReply *reply, int status, const char *body)
{
	reply->status = status;
	reply->body = body;
	reply->body_length = strlen(body);
}

static bool
is_safe(const char *value)
{
	size_t		length = 0;

	for (; value[length] != '\0'; length++)
	{
		if ((unsigned char) value[length] < 0x20 || value[length] == 0x7f)
			return false;
	}
	return length < HEADER_VALUE_MAX;
}

static void
header(CrmBuffer *head, const char *name, const char *value)
{
	if (value != NULL && is_safe(value))
		crm_buffer_printf(head, "%s: %s\r\n", name, value);
}

/*
 * If-None-Match compares weakly: nginx turns "x" into W/"x" when it compresses.
 */
bool
crm_reply_is_not_modified(const CrmRequest *request, const char *etag)
{
	const char *at = request->if_none_match;
	size_t		length = strlen(etag);

	if (strcmp(at, "*") == 0)
		return true;
	while ((at = strchr(at, '"')) != NULL)
	{
		size_t		candidate = strcspn(at + 1, "\"");

		if (candidate == length && memcmp(at + 1, etag, length) == 0)
			return true;
		at += 1 + candidate;
		if (*at == '"')
			at++;
	}
	return false;
}

/* What a status is called: in the status line, which without it lacks the space that HTTP wants, and as the title of problems. */
const char *
crm_reply_reason(int status)
{
	switch (status)
	{
		case 200:
			return "OK";
		case 201:
			return "Created";
		case 202:
			return "Accepted";
		case 204:
			return "No Content";
		case 304:
			return "Not Modified";
		case 400:
			return "Bad Request";
		case 401:
			return "Unauthorized";
		case 403:
			return "Forbidden";
		case 404:
			return "Not Found";
		case 405:
			return "Method Not Allowed";
		case 406:
			return "Not Acceptable";
		case 409:
			return "Conflict";
		case 412:
			return "Precondition Failed";
		case 413:
			return "Content Too Large";
		case 415:
			return "Unsupported Media Type";
		case 422:
			return "Unprocessable Content";
		case 428:
			return "Precondition Required";
		case 429:
			return "Too Many Requests";
		case 503:
			return "Service Unavailable";
		case 504:
			return "Gateway Timeout";
		default:
			return status < 400 ? "OK" : status < 500 ? "Request Refused" : "Internal Server Error";
	}
}

/* Writes the head.  A stream goes out as it is made, without nginx's buffer. */
void
crm_reply_begin(CrmRequest *request, CrmReply *reply, bool is_stream)
{
	CrmBuffer	head;
	bool		has_body = reply->status != 204 && reply->status != 304;

	crm_buffer_init(&head, request->arena, 1024);
	crm_buffer_printf(&head, "Status: %d %s\r\nX-Request-Id: %s\r\n",
					  reply->status, crm_reply_reason(reply->status), request->request_id);
	if (has_body)
		header(&head, "Content-Type",
			   reply->content_type != NULL ? reply->content_type : "application/json");
	if (has_body && !is_stream)
		crm_buffer_printf(&head, "Content-Length: %zu\r\n", reply->body_length);
	header(&head, "Cache-Control",
		   reply->cache_control != NULL ? reply->cache_control : "private, no-store");
	crm_buffer_put(&head, "Vary: Authorization, Accept, Cookie\r\n");
	if (reply->etag != NULL && is_safe(reply->etag) && strchr(reply->etag, '"') == NULL)
		crm_buffer_printf(&head, "ETag: \"%s\"\r\n", reply->etag);
	header(&head, "Location", reply->location);
	header(&head, "Link", reply->link);
	header(&head, "Allow", reply->allow);
	header(&head, "WWW-Authenticate", reply->authenticate);
	header(&head, "Accept-Post", reply->accept_post);
	header(&head, "Set-Cookie", reply->cookie);
	if (reply->retry_after_s > 0)
		crm_buffer_printf(&head, "Retry-After: %d\r\n", reply->retry_after_s);
	if (request->database_us > 0)
		crm_buffer_printf(&head, "Server-Timing: db;dur=%.3f\r\n",
						  (double) request->database_us / 1000);
	if (is_stream)
		crm_buffer_put(&head, "X-Accel-Buffering: no\r\n");
	crm_buffer_put(&head, "\r\n");
	FCGX_PutStr(head.text, (int) head.length, request->fcgi->out);
	reply->is_sent = true;
}

/* Answers the request, unless a stream did already. */
void
crm_reply_send(CrmRequest *request, CrmReply *reply)
{
	if (reply->is_sent)
		return;
	if (reply->status == 304 || reply->status == 204)
		reply->body_length = 0;
	crm_reply_begin(request, reply, false);
	if (request->method != CRM_HEAD && reply->body_length > 0)
	{
		FCGX_PutStr(reply->body, (int) reply->body_length, request->fcgi->out);
		reply->bytes_out = reply->body_length;
	}
}
