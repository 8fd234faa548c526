/*
 * dispatch.c
 *		The straight way from a request to its answer: read it, find its route,
 *		check what can be checked here, call the database, answer, log.
 *
 * A route's statement answers in one of two shapes.
 *
 * CRM_ANSWER_ONE: one row.  `status` and `body` (JSON text) are expected; when
 * they are there, `etag`, `location`, `session` (becomes the cookie) and, for a
 * status of 400 and above, `code`, `field`, `detail` and `remedy` are used.  No row or a
 * null body means 404.
 *
 * CRM_ANSWER_ROWS: rows whose first column is one JSON text, whose second, if
 * any, is the cursor behind it.  Asked for application/x-ndjson they are passed
 * on line by line with a trailer line; else they make {"items":[...]}.
 */
#include <stdlib.h>
#include <string.h>

#include "accesslog.h"
#include "base64url.h"
#include "bind.h"
#include "dispatch.h"
#include "metrics.h"
#include "usage.h"

static const CrmConfig *config;

void
crm_dispatch_init(const CrmConfig *settings)
{
	config = settings;
}

const CrmConfig *
crm_dispatch_config(void)
{
	return config;
}

/* A column's text by its name, or NULL. */
static const char *
column(const PGresult *result, const char *name)
{
	int			number = PQfnumber(result, name);

	if (number < 0 || PQntuples(result) == 0 || PQgetisnull(result, 0, number))
		return NULL;
	return PQgetvalue(result, 0, number);
}

static const char *
keep(CrmArena *arena, const char *text)
{
	return text == NULL ? NULL : crm_arena_copy(arena, text, strlen(text));
}

/* Everything of a call but its statement and parameters. */
void
crm_dispatch_prepare_call(CrmRequest *request, const CrmCredential *credential, CrmCall *call)
{
	memset(call, 0, sizeof(*call));
	call->arena = request->arena;
	call->credential = credential->json;
	call->credential_key = credential->secret;
	call->client_fd = request->fcgi->ipcFd;
	if (request->parent_id[0] != '\0')
		call->application_name = crm_arena_printf(request->arena, "crm:%s", request->trace_id);
}

static void
note_call(CrmRequest *request, const CrmCall *call)
{
	request->database_us += call->database_us;
	if (call->role != NULL)
		request->role = call->role;
	crm_metrics_retry(call->attempts);
}

static void
reply_from_failure(CrmRequest *request, const CrmCall *call, CrmCallResult outcome,
				   CrmReply *reply)
{
	CrmProblem	problem;

	crm_problem_from_call(request, call, outcome, &problem);
	crm_problem_reply(request, reply, &problem);
	if (problem.status == 405)
		reply->allow = crm_route_allow(request->match.allowed, request->arena);
}

/* The row of an intake function that did not take its record. */
static void
reply_from_refusal(CrmRequest *request, int status, const PGresult *result, CrmReply *reply)
{
	CrmProblem	problem = {.status = status};
	const char *field = keep(request->arena, column(result, "field"));

	problem.code = keep(request->arena, column(result, "code"));
	problem.hint = keep(request->arena, column(result, "remedy"));
	problem.detail = keep(request->arena, column(result, "detail"));
	if (problem.detail == NULL)
		problem.detail = field != NULL ?
			crm_arena_printf(request->arena, "The field \"%s\" was not accepted.", field) :
			"The request was not accepted.";
	if (problem.code == NULL)
		problem.code = "refused";
	if (field != NULL)
		problem.pointer = crm_problem_pointer(request->arena, field);
	crm_problem_reply(request, reply, &problem);
}

/*
 * 64 bits over the body, eight bytes at a time: strong enough to tell two
 * versions of one resource apart, cheap enough for every GET.
 */
static const char *
body_etag(CrmArena *arena, const char *body, size_t length)
{
	uint64_t	hash = 0x9e3779b97f4a7c15u ^ length;

	while (length > 0)
	{
		size_t		step = length < 8 ? length : 8;
		uint64_t	word = 0;

		memcpy(&word, body, step);
		hash = (hash ^ word) * 0xff51afd7ed558ccdu;
		hash ^= hash >> 32;
		body += step;
		length -= step;
	}
	return crm_arena_printf(arena, "%016llx", (unsigned long long) hash);
}

static const char *
session_cookie(const CrmRequest *request, const char *session)
{
	bool		secure = strcmp(config->secure_cookie, "on") == 0 ||
		(strcmp(config->secure_cookie, "auto") == 0 && strcmp(request->https, "on") == 0);

	return crm_arena_printf(request->arena,
							CRM_SESSION_COOKIE "=%s; Path=/; HttpOnly; SameSite=Strict%s; Max-Age=%d",
							session, secure ? "; Secure" : "",
							session[0] != '\0' ? CRM_SESSION_SECONDS : 0);
}

static void
reply_from_row(CrmRequest *request, const PGresult *result, CrmReply *reply)
{
	const char *status_text = column(result, "status");
	const char *body = column(result, "body");
	const char *session = column(result, "session");
	int			status = status_text != NULL ? atoi(status_text) : 0;

	if (status >= 400 && (body == NULL || PQfnumber(result, "code") >= 0))
	{
		reply_from_refusal(request, status, result, reply);
		return;
	}
	if (status < 200 || status > 599 || (body == NULL && status != 204))
	{
		crm_problem_simple(request, reply, 404, "not_found", "There is no such thing.");
		return;
	}
	reply->status = status;
	reply->body_length = body != NULL ? strlen(body) : 0;
	reply->body = crm_arena_copy(request->arena, body != NULL ? body : "", reply->body_length);
	reply->location = keep(request->arena, column(result, "location"));
	reply->etag = keep(request->arena, column(result, "etag"));
	if (reply->etag == NULL && status == 200 && request->match.route->method == CRM_GET)
		reply->etag = body_etag(request->arena, reply->body, reply->body_length);
	if (session != NULL)
		reply->cookie = session_cookie(request, session);
	if (reply->etag != NULL && request->match.route->method == CRM_GET &&
		crm_reply_is_not_modified(request, reply->etag))
		reply->status = 304;
}

static const char *
encode_cursor(CrmArena *arena, const char *key)
{
	size_t		length = strlen(key);
	char	   *text = crm_arena_alloc(arena, CRM_BASE64URL_ENCODED_MAX(length));

	crm_base64url_encode((const unsigned char *) key, length, text);
	return text;
}

/* <path?query with this cursor>; rel="next".  Base64url needs no escaping. */
static const char *
next_link(CrmRequest *request, const char *cursor)
{
	CrmBuffer	link;
	const char *at = strchr(request->uri, '?');

	crm_buffer_init(&link, request->arena, 256);
	crm_buffer_printf(&link, "<%s?cursor=%s", request->path, cursor);
	while (at != NULL && *++at != '\0')
	{
		size_t		length = strcspn(at, "&");

		if (strncmp(at, "cursor=", 7) != 0 && length > 0)
		{
			crm_buffer_put(&link, "&");
			crm_buffer_add(&link, at, length);
		}
		at = at[length] == '&' ? at + length : NULL;
	}
	crm_buffer_put(&link, ">; rel=\"next\"");
	return link.text;
}

static void
reply_from_rows(CrmRequest *request, const PGresult *result, CrmReply *reply)
{
	CrmBuffer	body;
	int			rows = PQntuples(result);
	const char *cursor = NULL;

	crm_buffer_init(&body, request->arena, 4096);
	crm_buffer_put(&body, "{\"items\":[");
	for (int i = 0; i < rows; i++)
	{
		if (i > 0)
			crm_buffer_put(&body, ",");
		crm_buffer_add(&body, PQgetvalue(result, i, 0), (size_t) PQgetlength(result, i, 0));
	}
	if (PQnfields(result) > 1 && rows > 0 && rows == crm_bind_limit(request) &&
		!PQgetisnull(result, rows - 1, 1))
	{
		cursor = encode_cursor(request->arena, PQgetvalue(result, rows - 1, 1));
		crm_buffer_printf(&body, "],\"next\":\"%s\"}", cursor);
		if (request->match.route->method == CRM_GET)
			reply->link = next_link(request, cursor);
	}
	else
		crm_buffer_put(&body, "],\"next\":null}");
	reply->status = 200;
	reply->body = body.text;
	reply->body_length = body.length;
	if (request->match.route->method == CRM_GET)
	{
		reply->etag = body_etag(request->arena, body.text, body.length);
		if (crm_reply_is_not_modified(request, reply->etag))
			reply->status = 304;
	}
}

/* What passes rows on to the client as they come. */
typedef struct RowStream
{
	CrmRequest *request;
	CrmReply   *reply;
	uint64_t	rows;
	char		cursor[256];	/* of the last row */
} RowStream;

static void
stream_text(RowStream *stream, const char *text, size_t length)
{
	FCGX_PutStr(text, (int) length, stream->request->fcgi->out);
	stream->reply->bytes_out += length;
}

static void
begin_stream(RowStream *stream)
{
	if (stream->reply->is_sent)
		return;
	stream->reply->status = 200;
	stream->reply->content_type = "application/x-ndjson";
	crm_reply_begin(stream->request, stream->reply, true);
}

static void
stream_row(PGresult *row, void *argument)
{
	RowStream  *stream = argument;

	begin_stream(stream);
	stream_text(stream, PQgetvalue(row, 0, 0), (size_t) PQgetlength(row, 0, 0));
	stream_text(stream, "\n", 1);
	stream->rows++;
	if (PQnfields(row) > 1 && PQgetlength(row, 0, 1) < (int) sizeof(stream->cursor))
		strcpy(stream->cursor, PQgetvalue(row, 0, 1));
}

/*
 * The status is long gone when a stream fails, and nginx would end it like a good
 * one: only the trailer line tells, so a client must look for it.
 */
static void
end_stream(RowStream *stream, const CrmCall *call, CrmCallResult outcome)
{
	CrmRequest *request = stream->request;
	CrmProblem	problem;
	CrmBuffer	trailer;

	crm_buffer_init(&trailer, request->arena, 512);
	if (outcome == CRM_CALL_OK)
	{
		begin_stream(stream);
		crm_buffer_printf(&trailer, "{\"_end\":true,\"rows\":%llu",
						  (unsigned long long) stream->rows);
		if (stream->cursor[0] != '\0' && stream->rows == (uint64_t) crm_bind_limit(request))
			crm_buffer_printf(&trailer, ",\"next\":\"%s\"",
							  encode_cursor(request->arena, stream->cursor));
		crm_buffer_put(&trailer, "}\n");
	}
	else
	{
		crm_problem_from_call(request, call, outcome, &problem);
		stream->reply->code = problem.code;
		crm_buffer_put(&trailer, "{\"_error\":");
		crm_buffer_put(&trailer, crm_problem_json(request, &problem));
		crm_buffer_put(&trailer, "}\n");
	}
	stream_text(stream, trailer.text, trailer.length);
}

static void
run_statement(CrmRequest *request, const CrmCredential *credential, CrmReply *reply)
{
	const CrmRoute *route = request->match.route;
	RowStream	stream = {.request = request, .reply = reply};
	CrmProblem	problem;
	CrmCall		call;
	CrmCallResult outcome;
	bool		as_stream = route->answer == CRM_ANSWER_ROWS && request->method != CRM_HEAD &&
		strstr(request->accept, "application/x-ndjson") != NULL;

	crm_dispatch_prepare_call(request, credential, &call);
	call.statement = request->match.index;
	call.sql = route->sql;
	call.read_only = route->read_only;
	call.may_retry = true;
	call.timeout_ms = route->timeout_ms;
	if (!crm_bind_parameters(request, &call, &problem))
	{
		crm_problem_reply(request, reply, &problem);
		return;
	}
	if (as_stream)
	{
		call.on_row = stream_row;
		call.on_row_argument = &stream;
	}
	outcome = crm_dbcall_run(&call);
	note_call(request, &call);
	if (as_stream && (outcome == CRM_CALL_OK || reply->is_sent))
		end_stream(&stream, &call, outcome);
	else if (outcome != CRM_CALL_OK)
		reply_from_failure(request, &call, outcome, reply);
	else if (route->answer == CRM_ANSWER_ROWS)
		reply_from_rows(request, call.result, reply);
	else
		reply_from_row(request, call.result, reply);
	PQclear(call.result);
}

/* What the client says it takes; no header means anything. */
static bool
is_acceptable(const CrmRequest *request)
{
	const char *accept = request->accept;

	return accept[0] == '\0' || strstr(accept, "*/*") != NULL ||
		strstr(accept, "application/json") != NULL || strstr(accept, "application/*") != NULL ||
		strstr(accept, "application/x-ndjson") != NULL ||
		strstr(accept, "application/problem+json") != NULL ||
		request->match.route->access == CRM_ACCESS_LOOPBACK;
}

static bool
takes_body(const CrmRoute *route)
{
	return route->request_schema != NULL;
}

static void
answer_route(CrmRequest *request, CrmReply *reply)
{
	const CrmRoute *route = request->match.route;
	CrmCredential credential;
	CrmProblem	problem;
	const char *fault = crm_request_parse_query(request);

	if (fault != NULL)
		crm_problem_simple(request, reply, 400, "query_malformed", fault);
	else if (route->access == CRM_ACCESS_LOOPBACK && !crm_request_is_loopback(request))
		crm_problem_simple(request, reply, 404, "route_unknown", "There is no such path.");
	else if (!is_acceptable(request))
		crm_problem_simple(request, reply, 406, "not_acceptable",
						   "Answers are application/json or, for lists, application/x-ndjson.");
	else if (!crm_bind_check_query(request, &problem))
		crm_problem_reply(request, reply, &problem);
	else if (route->handler != NULL)
		route->handler(request, reply);
	else if (!crm_credential_collect(request, route->access != CRM_ACCESS_CALLER,
									 &credential, &problem) ||
			 (takes_body(route) &&
			  !crm_bind_body(request, (size_t) config->body_max, reply, &problem)))
		crm_problem_reply(request, reply, &problem);
	else
		run_statement(request, &credential, reply);
}

static void
answer(CrmRequest *request, CrmReply *reply)
{
	if (!crm_route_match(request->method, request->path, request->arena, &request->match))
		crm_problem_simple(request, reply, 400, "path_malformed",
						   "The path has a broken percent-escape or a NUL.");
	else if (request->match.allowed == 0)
		crm_problem_simple(request, reply, 404, "route_unknown", "There is no such path.");
	else if (request->method == CRM_OPTIONS)
	{
		reply->status = 204;
		reply->allow = crm_route_allow(request->match.allowed, request->arena);
	}
	else if (request->match.route == NULL)
	{
		crm_problem_simple(request, reply, 405, "method_unknown",
						   "This path does not know the method.");
		reply->allow = crm_route_allow(request->match.allowed, request->arena);
	}
	else
		answer_route(request, reply);
}

/* Serves one request; the caller then finishes it, records it and resets the arena. */
void
crm_dispatch_request(CrmRequest *request, CrmReply *reply, FCGX_Request *fcgi, CrmArena *arena)
{
	const char *fault;

	crm_metrics_enter();
	memset(reply, 0, sizeof(*reply));
	reply->code = "";
	fault = crm_request_init(request, fcgi, arena);
	if (fault != NULL)
		crm_problem_simple(request, reply, 400, "request_malformed", fault);
	else
		answer(request, reply);
	crm_reply_send(request, reply);
	crm_request_drain(request);
}

/* The counters and the log line, when the answer is on its way already. */
void
crm_dispatch_record(const CrmRequest *request, const CrmReply *reply)
{
	crm_metrics_request(request->match.route != NULL ? request->match.index : -1, reply->status,
						crm_clock_us() - request->started_us, request->database_us);
	crm_usage_count(request->match.route != NULL ? request->match.index : -1, request->role, reply->status);
	crm_accesslog_request(request, reply->status, reply->bytes_out, reply->code);
	crm_metrics_leave();
}
