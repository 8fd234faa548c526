/*
 * bind.c
 *		Takes the values of a route's parameters out of the request and checks
 *		their form, so that an error names the parameter and not the statement.
 *
 * Only the form is judged here (a number, a date); whether the value makes sense
 * is the database's answer.  The body is bound whole: PostgreSQL is the only
 * parser of JSON bodies.
 */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base64url.h"
#include "bind.h"
#include "sfstring.h"

#define LIMIT_INITIAL		"100"
#define LIMIT_MAX			500
#define CURSOR_MAX			512
#define IDEMPOTENCY_MAX		256

static bool
refuse(CrmProblem *problem, int status, const char *code, const char *detail,
	   const char *hint, const char *parameter)
{
	memset(problem, 0, sizeof(*problem));
	problem->status = status;
	problem->code = code;
	problem->detail = detail;
	problem->hint = hint;
	problem->parameter = parameter;
	return false;
}

static bool
is_whole_number(const char *text, long long min, long long max)
{
	char	   *end;
	long long	value;
	size_t		digits = strlen(text);

	if (digits == 0 || digits > 19 || !(isdigit((unsigned char) *text) || *text == '-'))
		return false;
	value = strtoll(text, &end, 10);
	return *end == '\0' && value >= min && value <= max;
}

/* 2026-03-31: the shape only, PostgreSQL knows the calendar. */
static bool
is_date(const char *text)
{
	static const char shape[] = "dddd-dd-dd";

	for (int i = 0; shape[i] != '\0'; i++)
	{
		if (shape[i] == 'd' ? !isdigit((unsigned char) text[i]) : text[i] != shape[i])
			return false;
	}
	return true;
}

static bool
is_timestamp(const char *text)
{
	return is_date(text) && strlen(text) < 40 &&
		strspn(text + 10, "0123456789:.TZ+- ") == strlen(text + 10);
}

/* A decimal number without an exponent: what money looks like. */
static bool
is_decimal(const char *text)
{
	size_t		digits;

	if (*text == '-')
		text++;
	digits = strspn(text, "0123456789");
	if (digits == 0 || digits > 30)
		return false;
	text += digits;
	if (*text == '.')
		text += 1 + strspn(text + 1, "0123456789");
	return *text == '\0';
}

static bool
is_uuid(const char *text)
{
	return strlen(text) == 36 && strspn(text, "0123456789abcdefABCDEF-") == 36;
}

static const char *
form_fault(CrmType type, const char *text)
{
	switch (type)
	{
		case CRM_BIGINT:
			return is_whole_number(text, -9223372036854775807LL, 9223372036854775807LL) ?
				NULL : "it must be a whole number";
		case CRM_INTEGER:
			return is_whole_number(text, -2147483647, 2147483647) ?
				NULL : "it must be a whole number";
		case CRM_BOOLEAN:
			return strcmp(text, "true") == 0 || strcmp(text, "false") == 0 ?
				NULL : "it must be true or false";
		case CRM_DATE:
			return is_date(text) && text[10] == '\0' ? NULL : "it must be a date like 2026-03-31";
		case CRM_TIMESTAMP:
			return is_timestamp(text) ?
				NULL : "it must be a time like 2026-03-31T10:00:00+08:00";
		case CRM_NUMERIC:
			return is_decimal(text) ? NULL : "it must be a decimal number";
		case CRM_UUID:
			return is_uuid(text) ? NULL : "it must be a UUID";
		case CRM_TEXT:
		case CRM_JSONB:
		case CRM_BYTEA:
			break;
	}
	return NULL;
}

static const CrmParam *
find_query_parameter(const CrmRoute *route, const char *name)
{
	for (int i = 0; i < CRM_ROUTE_PARAMS && route->params[i].place != CRM_IN_NOWHERE; i++)
	{
		CrmPlace	place = route->params[i].place;

		if ((place == CRM_IN_QUERY || place == CRM_IN_CURSOR || place == CRM_IN_LIMIT) &&
			strcmp(route->params[i].name, name) == 0)
			return &route->params[i];
	}
	return NULL;
}

/* A misspelt filter that is ignored shows everything: refuse it. */
bool
crm_bind_check_query(CrmRequest *request, CrmProblem *problem)
{
	for (int i = 0; i < request->query_count; i++)
	{
		const char *name = request->query[i].name;

		if (find_query_parameter(request->match.route, name) == NULL)
			return refuse(problem, 400, "parameter_unknown",
						  crm_arena_printf(request->arena,
										   "There is no query parameter \"%.64s\" here.", name),
						  "See /api/v1/openapi.json for the parameters.",
						  crm_arena_printf(request->arena, "%.64s", name));
	}
	return true;
}

bool
crm_bind_idempotency_key(CrmRequest *request, const char **key, CrmProblem *problem)
{
	char	   *value;

	*key = NULL;
	if (request->idempotency_key[0] == '\0')
		return true;
	value = crm_arena_alloc(request->arena, IDEMPOTENCY_MAX + 1);
	if (!crm_sfstring_parse(request->idempotency_key, value, IDEMPOTENCY_MAX + 1) ||
		value[0] == '\0')
		return refuse(problem, 400, "idempotency_key_malformed",
					  "The header Idempotency-Key is not a quoted string of 1 to 256 characters.",
					  "Send it with its quotes: Idempotency-Key: \"8e03978e-40d5-43dd\".",
					  "Idempotency-Key");
	*key = value;
	return true;
}

/* Our cursors are base64url over the last row's key, so that nobody builds on it. */
static bool
bind_cursor(CrmRequest *request, const char *name, const char **value, CrmProblem *problem)
{
	const char *given = crm_request_query(request, name);
	unsigned char *text;
	size_t		length = 0;

	if (given == NULL)
		return true;
	text = crm_arena_alloc(request->arena, CRM_BASE64URL_DECODED_MAX(CURSOR_MAX) + 1);
	if (strlen(given) > CURSOR_MAX ||
		!crm_base64url_decode(given, strlen(given), text, &length) ||
		length == 0 || memchr(text, '\0', length) != NULL)
		return refuse(problem, 400, "cursor_malformed", "The cursor is not one of ours.",
					  "Follow the link of the page before (rel=\"next\").", name);
	text[length] = '\0';
	*value = (const char *) text;
	return true;
}

static bool
bind_limit(CrmRequest *request, const char *name, const char **value, CrmProblem *problem)
{
	const char *given = crm_request_query(request, name);

	*value = given != NULL ? given : LIMIT_INITIAL;
	if (is_whole_number(*value, 1, LIMIT_MAX))
		return true;
	return refuse(problem, 400, "limit_out_of_range", "The limit must be from 1 to 500.",
				  NULL, name);
}

int
crm_bind_limit(const CrmRequest *request)
{
	const char *given = crm_request_query(request, "limit");

	return atoi(given != NULL ? given : LIMIT_INITIAL);
}

/*
 * If-Match names a version that we gave as a strong ETag; nginx may have made
 * it weak when it compressed the answer, so W/ is taken off knowingly.
 */
static bool
bind_if_match(CrmRequest *request, const char **value, CrmProblem *problem)
{
	const char *at = request->if_match;
	size_t		length;

	if (at[0] == '\0')
		return true;
	if (strncmp(at, "W/", 2) == 0)
		at += 2;
	length = at[0] == '"' ? strcspn(at + 1, "\"") : 0;
	if (length == 0 || at[length + 1] != '"' || at[length + 2] != '\0')
		return refuse(problem, 400, "if_match_malformed",
					  "The header If-Match must be one ETag as it was sent.", NULL, "If-Match");
	*value = crm_arena_copy(request->arena, at + 1, length);
	return true;
}

static const char *
capture_of(const CrmRequest *request, const CrmParam *wanted)
{
	const CrmParam *params = request->match.route->params;
	int			number = 0;

	for (int i = 0; &params[i] != wanted; i++)
		number += params[i].place == CRM_IN_PATH;
	return request->match.captures[number];
}

static bool
bind_one(CrmRequest *request, const CrmParam *param, const char **value, int *length,
		 CrmProblem *problem)
{
	*value = param->initial;
	switch (param->place)
	{
		case CRM_IN_PATH:
			*value = capture_of(request, param);
			return true;
		case CRM_IN_QUERY:
			if (crm_request_query(request, param->name) != NULL)
				*value = crm_request_query(request, param->name);
			return true;
		case CRM_IN_BODY:
		case CRM_IN_BODY_BYTES:
			*value = request->body;
			*length = (int) request->body_length;
			return true;
		case CRM_IN_IDEMPOTENCY_KEY:
			return crm_bind_idempotency_key(request, value, problem);
		case CRM_IN_IF_MATCH:
			return bind_if_match(request, value, problem);
		case CRM_IN_CURSOR:
			return bind_cursor(request, param->name, value, problem);
		case CRM_IN_LIMIT:
			return bind_limit(request, param->name, value, problem);
		case CRM_IN_REQUEST_ID:
			*value = request->request_id;
			return true;
		case CRM_IN_CLIENT:
			*value = request->remote_addr;
			return true;
		case CRM_IN_HEADER:
			if (crm_request_header(request, param->name) != NULL)
				*value = crm_request_header(request, param->name);
			return true;
		case CRM_IN_CONST:
		case CRM_IN_NOWHERE:
			break;
	}
	return true;
}

static bool
check_value(const CrmRequest *request, const CrmParam *param, const char *value,
			CrmProblem *problem)
{
	const char *fault;

	if (value == NULL && param->required)
		return refuse(problem, 400, "parameter_missing",
					  crm_arena_printf(request->arena, "The parameter \"%s\" is required.",
									   param->name), NULL, param->name);
	fault = value != NULL ? form_fault(param->type, value) : NULL;
	if (fault == NULL)
		return true;
	return refuse(problem, param->place == CRM_IN_PATH ? 404 : 400, "parameter_malformed",
				  crm_arena_printf(request->arena, "The parameter \"%s\" is malformed: %s.",
								   param->name, fault), NULL, param->name);
}

bool
crm_bind_parameters(CrmRequest *request, CrmCall *call, CrmProblem *problem)
{
	const CrmRoute *route = request->match.route;

	for (int i = 0; i < CRM_ROUTE_PARAMS && route->params[i].place != CRM_IN_NOWHERE; i++)
	{
		const CrmParam *param = &route->params[i];

		if (!bind_one(request, param, &call->values[i], &call->lengths[i], problem) ||
			!check_value(request, param, call->values[i], problem))
			return false;
		call->types[i] = param->type;
		call->parameters = i + 1;
	}
	return true;
}

static bool
is_json(const char *content_type)
{
	return crm_request_has_media_type(content_type, "application/json");
}

static bool
takes_bytes(const CrmRoute *route)
{
	for (int i = 0; i < CRM_ROUTE_PARAMS && route->params[i].place != CRM_IN_NOWHERE; i++)
	{
		if (route->params[i].place == CRM_IN_BODY_BYTES)
			return true;
	}
	return false;
}

/* Reads the body of a route that takes one, and checks what can be without parsing. */
bool
crm_bind_body(CrmRequest *request, size_t body_max, CrmReply *reply, CrmProblem *problem)
{
	if (request->content_encoding[0] != '\0' &&
		strcmp(request->content_encoding, "identity") != 0)
		return refuse(problem, 415, "encoding_unknown", "The body must not be compressed.",
					  NULL, "Content-Encoding");
	if (!is_json(request->content_type))
	{
		reply->accept_post = "application/json";
		return refuse(problem, 415, "media_type_unknown", "The body must be application/json.",
					  NULL, "Content-Type");
	}
	switch (crm_request_read_body(request, body_max))
	{
		case CRM_BODY_OK:
			break;
		case CRM_BODY_TOO_LARGE:
			return refuse(problem, 413, "body_too_large",
						  crm_arena_printf(request->arena,
										   "The body is larger than %zu bytes.", body_max),
						  "Use POST /api/v1/imports for many records.", NULL);
		case CRM_BODY_TRUNCATED:
			return refuse(problem, 400, "body_truncated", "The body did not arrive whole.",
						  NULL, NULL);
	}
	/* a text parameter would end at the NUL; bytes pass, their reject is kept */
	if (!takes_bytes(request->match.route) &&
		memchr(request->body, '\0', request->body_length) != NULL)
		return refuse(problem, 400, "body_has_nul", "The body holds a NUL byte.", NULL, NULL);
	return true;
}
