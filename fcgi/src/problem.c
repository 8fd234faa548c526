/*
 * problem.c
 *		Turns what went wrong into a status and a problem document.
 *
 * Nothing of the database leaks: DETAIL is never read, the message of an error
 * is passed on for class RM only (and for 28, whose text access_authenticate
 * writes for callers), every other SQLSTATE gets the text of the table below.
 * The statuses of class RM come from doc/errors.md at build time.
 */
#include <string.h>

#include "problem.h"

typedef struct Mapping
{
	const char *prefix;			/* of a SQLSTATE; the first that fits decides */
	int			status;
	const char *text;
} Mapping;

static const Mapping rm_codes[] = {
#include "error_table.inc"
	{NULL, 0, NULL}
};

static const Mapping standard_codes[] = {
	{"08", 503, "The database cannot be reached."},
	{"21000", 409, "The request fits more than one row."},
	{"22P02", 400, "A value is malformed."},
	{"22P05", 400, "A text holds a character that cannot be stored."},
	{"22021", 400, "A text is not valid UTF-8."},
	{"22003", 400, "A number is out of range."},
	{"22023", 422, "A value is not acceptable here."},
	{"22", 422, "A value is not acceptable here."},
	{"23502", 422, "A required value is missing."},
	{"23514", 422, "A value breaks a rule of the data."},
	{"23503", 409, "The request names something that does not exist."},
	{"23505", 409, "Something with the same key exists."},
	{"23P01", 409, "The request collides with something that exists."},
	{"23", 409, "The request breaks a rule of the data."},
	{"25006", 405, "This method only reads."},
	{"28", 401, "The credential is not accepted."},
	{"3F000", 503, "The database has no extension crm; see the installation's page."},
	{"42883", 503, "The database's crm is older than this gateway; update the extension."},
	{"40001", 503, "The request collided with others; try again."},
	{"40P01", 503, "The request collided with others; try again."},
	{"42501", 403, "Your role may not do this."},
	{"53", 503, "The database has no resources left; try again."},
	{"54001", 400, "The body is nested too deeply."},
	{"54", 413, "The request is too large."},
	{"55P03", 409, "Someone else is working on this; try again."},
	{"57014", 504, "The request took too long."},
	{"57P0", 503, "The database is restarting."},
	{"P0001", 400, "The request was refused."},
	{"P0002", 404, "There is no such thing."},
	{"P0003", 409, "The request fits more than one row."},
	{NULL, 500, "An unexpected error; give the request id to your administrator."}
};

static const Mapping *
find_mapping(const Mapping *list, const char *sqlstate)
{
	while (list->prefix != NULL && strncmp(sqlstate, list->prefix, strlen(list->prefix)) != 0)
		list++;
	return list;
}

static void
member(CrmBuffer *out, const char *name, const char *value)
{
	if (value == NULL)
		return;
	crm_buffer_printf(out, ",\"%s\":", name);
	crm_buffer_json(out, value);
}

const char *
crm_problem_json(CrmRequest *request, const CrmProblem *problem)
{
	CrmBuffer	out;

	crm_buffer_init(&out, request->arena, 512);
	crm_buffer_put(&out, "{\"type\":");
	crm_buffer_json(&out, crm_arena_printf(request->arena, "urn:crm:error:%s", problem->code));
	member(&out, "title", crm_reply_reason(problem->status));
	crm_buffer_printf(&out, ",\"status\":%d", problem->status);
	member(&out, "detail", problem->detail);
	member(&out, "code", problem->code);
	member(&out, "hint", problem->hint);
	if (problem->pointer != NULL || problem->parameter != NULL)
	{
		crm_buffer_printf(&out, ",\"errors\":[{\"%s\":",
						  problem->pointer != NULL ? "pointer" : "parameter");
		crm_buffer_json(&out, problem->pointer != NULL ? problem->pointer : problem->parameter);
		member(&out, "detail", problem->hint != NULL ? problem->hint : problem->detail);
		crm_buffer_put(&out, "}]");
	}
	member(&out, "instance",
		   crm_arena_printf(request->arena, "urn:crm:request:%s", request->request_id));
	member(&out, "request_id", request->request_id);
	crm_buffer_put(&out, "}");
	return out.text;
}

static int
retry_after(const CrmProblem *problem)
{
	if (problem->status == 429)
		return 60;
	return problem->status == 503 || problem->status == 504 ? 1 : 0;
}

void
crm_problem_reply(CrmRequest *request, CrmReply *reply, const CrmProblem *problem)
{
	crm_reply_text(reply, problem->status, crm_problem_json(request, problem));
	reply->content_type = "application/problem+json";
	reply->code = problem->code;
	reply->etag = NULL;
	reply->retry_after_s = retry_after(problem);
	if (problem->status == 401)
		reply->authenticate = "Bearer realm=\"crm\", error=\"invalid_token\"";
}

void
crm_problem_simple(CrmRequest *request, CrmReply *reply, int status, const char *code,
				   const char *detail)
{
	CrmProblem	problem = {.status = status, .code = code, .detail = detail};

	crm_problem_reply(request, reply, &problem);
}

/*
 * The JSON Pointer (RFC 6901) of a field as the database names it:
 * "items[0].unit_price" is "/items/0/unit_price".
 */
const char *
crm_problem_pointer(CrmArena *arena, const char *field)
{
	char	   *pointer = crm_arena_alloc(arena, 2 * strlen(field) + 2);
	char	   *out = pointer;

	*out++ = '/';
	for (; *field != '\0'; field++)
	{
		switch (*field)
		{
			case '[':
			case '.':
				*out++ = '/';
				break;
			case ']':
				break;
			case '~':
			case '/':
				*out++ = '~';
				*out++ = *field == '~' ? '0' : '1';
				break;
			default:
				*out++ = *field;
		}
	}
	*out = '\0';
	return pointer;
}

/* The name the caller knows: a function's from_day and store_code are from and store of a query. */
static const char *
as_asked(const CrmRoute *route, const char *field)
{
	const char *told = field;

	for (int i = 0; route != NULL && i < CRM_ROUTE_PARAMS && route->params[i].name != NULL; i++)
	{
		const CrmParam *param = &route->params[i];
		size_t		length = strlen(param->name);

		if (param->place != CRM_IN_QUERY || strncmp(field, param->name, length) != 0)
			continue;
		if (field[length] == '\0')
			return field;
		if (strcmp(field + length, "_day") == 0 || strcmp(field + length, "_code") == 0)
			told = param->name;
	}
	return told;
}

/* What may write was refused: the server is a standby, or was told to take no writes. */
static void
standby(CrmProblem *problem)
{
	problem->status = 503;
	problem->detail = "This server only reads, as a standby does.";
	problem->hint = "Ask the server that takes writes.";
}

static void
from_sql(CrmRequest *request, const CrmCall *call, CrmProblem *problem)
{
	const CrmSqlError *error = &call->error;
	bool		is_own = strncmp(error->sqlstate, "RM", 2) == 0;
	const Mapping *mapping = find_mapping(is_own ? rm_codes : standard_codes, error->sqlstate);
	bool		may_quote = is_own || strncmp(error->sqlstate, "28", 2) == 0;

	/* the call ends before the log line is written */
	problem->code = crm_arena_copy(request->arena, error->sqlstate, strlen(error->sqlstate));
	problem->status = mapping->status != 0 ? mapping->status : 500;
	problem->detail = may_quote && error->message != NULL ? error->message : mapping->text;
	/* a hint says what to do and holds no row's values, but is not for faults of ours */
	problem->hint = may_quote || problem->status < 500 ? error->hint : NULL;
	if (problem->hint == NULL && error->message != NULL &&
		strstr(error->message, "for type json") != NULL)
		problem->hint = "Send JSON: a \\u escape of half a character is none.";
	if (problem->hint == NULL && strcmp(error->sqlstate, "22P05") == 0)
		problem->hint = "Take \\u0000 out of the text.";
	if (error->field != NULL && (may_quote || problem->status < 500))
		problem->pointer = crm_problem_pointer(request->arena, as_asked(request->match.route, error->field));
	/* an unknown or ungranted role: a credential that cannot be used here */
	if (error->in_authentication && problem->status < 500 && !is_own)
		problem->status = 401;
	if (strcmp(error->sqlstate, "25006") == 0 && !call->read_only)
		standby(problem);
	if (strcmp(error->sqlstate, "42501") == 0 && call->role != NULL &&
		strcmp(call->role, "crm_gateway") == 0)
		problem->status = 401;
}

/* For every outcome but CRM_CALL_OK. */
void
crm_problem_from_call(CrmRequest *request, const CrmCall *call, CrmCallResult outcome,
					  CrmProblem *problem)
{
	static const char repeat_hint[] =
		"Try again with the same Idempotency-Key: nothing is done twice.";

	memset(problem, 0, sizeof(*problem));
	switch (outcome)
	{
		case CRM_CALL_OK:
			break;
		case CRM_CALL_REFUSED:
			from_sql(request, call, problem);
			break;
		case CRM_CALL_BUSY:
			problem->status = 503;
			problem->code = "pool_busy";
			problem->detail = "All database connections are in use.";
			problem->hint = "Try again in a moment.";
			break;
		case CRM_CALL_DOWN:
			problem->status = 503;
			problem->code = "database_down";
			problem->detail = "The database cannot be reached.";
			problem->hint = repeat_hint;
			break;
		case CRM_CALL_OVERDUE:
			problem->status = 504;
			problem->code = "database_overdue";
			problem->detail = "The database did not answer in time.";
			problem->hint = repeat_hint;
			break;
		case CRM_CALL_CLIENT_GONE:
			problem->status = 499;
			problem->code = "client_gone";
			problem->detail = "The client closed the connection.";
			break;
	}
}
