/*
 * bulk_import.c
 *		POST /api/v1/imports: streams a body of any size into the raw inbox.
 *
 *		begin -> append, append, ... -> commit		(or abort)
 *
 * Each of these is a call of its own with the caller's credential, so a slow
 * upload holds a thread but no database connection and no open transaction.  The
 * gateway keeps one chunk (256 kB) whatever the size of the upload.  Nothing of a
 * batch counts before its commit, and the commit is only sent when the body has
 * arrived whole: a client that goes away half-way leaves an aborted batch.
 *
 * A caller who is not sure sends the file again under its Idempotency-Key: the commit
 * then finds the earlier import by key and SHA-256 of the body, and answers with it.
 *
 * Chunks are numbered, so one whose answer was lost in a restart of the database
 * is sent again; that it was there already (23505) is then good news.
 */
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

#include "bind.h"
#include "cutter.h"
#include "dispatch.h"
#include "handlers.h"
#include "metrics.h"

#define IMPORT_TIMEOUT_MS	30000

/* Numbers behind the route table's for the prepared names. */
typedef enum ImportStatement
{
	IMPORT_APPEND,
	IMPORT_COMMIT,
	IMPORT_ABORT
} ImportStatement;

static const char *const import_sql[] = {
	"SELECT crm.ingest_bulk_append($1, $2, $3)",
	"SELECT j::text, j->>'batch_id' FROM crm.ingest_bulk_commit($1, $2, $3, $4) j",
	"SELECT crm.ingest_bulk_abort($1)::text",
};

typedef struct Import
{
	CrmRequest *request;
	CrmReply   *reply;
	CrmCredential credential;
	CrmArena	call_arena;		/* emptied after each call: memory stays flat */
	CrmCutter	cutter;
	const char *batch_id;
	const char *key;			/* Idempotency-Key, or NULL */
	EVP_MD_CTX *digest;			/* of the body so far; NULL without a key */
	int			chunk_no;
} Import;

static void
reply_failure(Import *import, const CrmCall *call, CrmCallResult outcome)
{
	CrmProblem	problem;

	crm_problem_from_call(import->request, call, outcome, &problem);
	crm_problem_reply(import->request, import->reply, &problem);
}

/* Runs one of the import's own statements with its parameters set. */
static CrmCallResult
run(Import *import, ImportStatement which, CrmCall *call)
{
	CrmCallResult outcome;

	call->statement = (int) crm_route_count + which;
	call->sql = import_sql[which];
	call->timeout_ms = IMPORT_TIMEOUT_MS;
	call->may_retry = true;
	outcome = crm_dbcall_run(call);
	import->request->database_us += call->database_us;
	crm_metrics_retry(call->attempts);
	return outcome;
}

static void
set_text(CrmCall *call, CrmType type, const char *value)
{
	call->types[call->parameters] = type;
	call->values[call->parameters++] = value;
}

static void
abort_batch(Import *import)
{
	CrmCall		call;

	crm_dispatch_prepare_call(import->request, &import->credential, &call);
	call.client_fd = -1;		/* the client may be gone: this is why we abort */
	set_text(&call, CRM_BIGINT, import->batch_id);
	(void) run(import, IMPORT_ABORT, &call);	/* else the batch is aborted by its age */
	PQclear(call.result);
}

static bool
append_once(Import *import, CrmCall *call, CrmCallResult *outcome)
{
	crm_dispatch_prepare_call(import->request, &import->credential, call);
	call->arena = &import->call_arena;
	set_text(call, CRM_BIGINT, import->batch_id);
	set_text(call, CRM_INTEGER,
			 crm_arena_printf(&import->call_arena, "%d", import->chunk_no));
	call->lengths[call->parameters] = (int) import->cutter.cut;
	set_text(call, CRM_BYTEA, import->cutter.buffer);
	*outcome = run(import, IMPORT_APPEND, call);
	PQclear(call->result);
	return *outcome == CRM_CALL_OK;
}

/* Hands the cutter's chunk over; false after an error was put into the reply. */
static bool
append_chunk(Import *import)
{
	CrmCall		call;
	CrmCallResult outcome;
	bool		good = append_once(import, &call, &outcome);

	if (!good && outcome == CRM_CALL_DOWN)
	{
		good = append_once(import, &call, &outcome) ||
			(outcome == CRM_CALL_REFUSED && strcmp(call.error.sqlstate, "23505") == 0);
	}
	if (!good)
		reply_failure(import, &call, outcome);
	else
	{
		crm_metrics_import(import->cutter.cut, import->cutter.lines);
		import->chunk_no++;
	}
	crm_arena_reset(&import->call_arena);
	return good;
}

/* Takes the whole body; false after an error was put into the reply. */
static bool
stream_body(Import *import)
{
	CrmRequest *request = import->request;
	CrmCutterState state = CRM_CUTTER_MORE;

	while (!request->body_ended)
	{
		size_t		room;
		char	   *space = crm_cutter_space(&import->cutter, &room);
		int			got = crm_request_read(request, space, (int) room);

		if ((size_t) got < room && !request->body_ended)
			break;				/* an error of the stream: not whole, see below */
		if (import->digest != NULL)
			EVP_DigestUpdate(import->digest, space, (size_t) got);
		state = crm_cutter_added(&import->cutter, (size_t) got);
		while (state == CRM_CUTTER_READY)
		{
			if (!append_chunk(import))
				return false;
			state = crm_cutter_next(&import->cutter);
		}
		if (state == CRM_CUTTER_LINE_TOO_LONG)
		{
			crm_problem_simple(request, import->reply, 413, "line_too_long",
							   "A line of the body is longer than 1 MB; "
							   "a quote that is not closed may be the cause.");
			return false;
		}
	}
	if (!crm_request_is_whole(request))
	{
		crm_problem_simple(request, import->reply, 400, "body_truncated",
						   "The body did not arrive whole; nothing of it was taken.");
		return false;
	}
	if (crm_cutter_finish(&import->cutter) == CRM_CUTTER_READY && !append_chunk(import))
		return false;
	if (import->chunk_no == 0)
		crm_problem_simple(request, import->reply, 400, "body_empty", "The body is empty.");
	return import->chunk_no > 0;
}

static void
set_digest(Import *import, CrmCall *call)
{
	unsigned char *sum = NULL;
	unsigned int length = 0;

	if (import->digest != NULL)
	{
		sum = crm_arena_alloc(import->request->arena, EVP_MAX_MD_SIZE);
		EVP_DigestFinal_ex(import->digest, sum, &length);
	}
	call->lengths[call->parameters] = (int) length;
	set_text(call, CRM_BYTEA, (const char *) sum);
}

/* The import that counts: this one, or the one that the key had before. */
static void
reply_import(Import *import, const PGresult *result)
{
	CrmArena   *arena = import->request->arena;

	crm_reply_text(import->reply, 202, crm_arena_copy(arena, PQgetvalue(result, 0, 0), (size_t) PQgetlength(result, 0, 0)));
	if (!PQgetisnull(result, 0, 1))
		import->batch_id = crm_arena_copy(arena, PQgetvalue(result, 0, 1), (size_t) PQgetlength(result, 0, 1));
}

static void
commit_batch(Import *import)
{
	CrmRequest *request = import->request;
	CrmReply   *reply = import->reply;
	CrmCall		call;
	CrmCallResult outcome;

	crm_dispatch_prepare_call(request, &import->credential, &call);
	call.client_fd = -1;		/* all of it is here: it counts, whoever waits */
	set_text(&call, CRM_BIGINT, import->batch_id);
	set_text(&call, CRM_BIGINT,
			 crm_arena_printf(request->arena, "%llu", (unsigned long long) request->body_read));
	set_digest(import, &call);
	set_text(&call, CRM_TEXT, import->key);
	outcome = run(import, IMPORT_COMMIT, &call);
	if (outcome == CRM_CALL_REFUSED)
	{
		reply_failure(import, &call, outcome);
		PQclear(call.result);
		abort_batch(import);
		return;
	}
	if (outcome != CRM_CALL_OK)
		reply_failure(import, &call, outcome);
	else if (PQntuples(call.result) != 1 || PQgetisnull(call.result, 0, 0))
		crm_problem_simple(request, reply, 500, "import_lost", "The import has no state.");
	else
		reply_import(import, call.result);
	/* also when the outcome is unknown: the job tells */
	reply->location = crm_arena_printf(request->arena, "/api/v1/imports/%s", import->batch_id);
	PQclear(call.result);
}

static bool
is_lenient(const CrmRequest *request)
{
	const char *prefer = crm_request_header(request, "Prefer");
	const char *query = crm_request_query(request, "lenient");

	return (query != NULL && strcmp(query, "true") == 0) ||
		(prefer != NULL && strstr(prefer, "handling=lenient") != NULL);
}

/*
 * The fifth parameter: what the query says beyond source, entity, format and
 * encoding.  The values were checked by their types before.
 */
static const char *
options_json(CrmRequest *request)
{
	static const char *const names[] = {"history", "dry_run", "header", "mapping_version"};
	CrmBuffer	json;

	crm_buffer_init(&json, request->arena, 128);
	crm_buffer_printf(&json, "{\"lenient\":%s", is_lenient(request) ? "true" : "false");
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
	{
		const char *value = crm_request_query(request, names[i]);

		if (value != NULL)
			crm_buffer_printf(&json, ",\"%s\":%s", names[i], value);
	}
	crm_buffer_put(&json, "}");
	return json.text;
}

static const char *
format_of(const CrmRequest *request)
{
	const char *query = crm_request_query(request, "format");

	if (query != NULL)
		return query;
	if (crm_request_has_media_type(request->content_type, "text/csv"))
		return "csv";
	if (crm_request_has_media_type(request->content_type, "application/x-ndjson"))
		return "ndjson";
	return "";
}

/* Opens the batch; false after an error was put into the reply. */
static bool
begin_batch(Import *import, const char *format)
{
	CrmRequest *request = import->request;
	CrmProblem	problem;
	CrmCall		call;
	CrmCallResult outcome;

	crm_dispatch_prepare_call(request, &import->credential, &call);
	call.client_fd = -1;		/* a batch that is begun must be ended: we need its id */
	if (!crm_bind_parameters(request, &call, &problem))
	{
		crm_problem_reply(request, import->reply, &problem);
		return false;
	}
	/* the rest of the row's parameters are checked and go along as options */
	call.parameters = 5;
	call.types[4] = CRM_JSONB;
	call.values[2] = format;
	call.values[4] = options_json(request);
	call.statement = request->match.index;
	call.sql = request->match.route->sql;
	call.timeout_ms = request->match.route->timeout_ms;
	outcome = crm_dbcall_run(&call);
	request->database_us += call.database_us;
	if (call.role != NULL)
		request->role = call.role;
	if (outcome != CRM_CALL_OK)
		reply_failure(import, &call, outcome);
	else if (PQntuples(call.result) == 1 && !PQgetisnull(call.result, 0, 0))
		import->batch_id = crm_arena_copy(request->arena, PQgetvalue(call.result, 0, 0),
										  (size_t) PQgetlength(call.result, 0, 0));
	else
		crm_problem_simple(request, import->reply, 500, "import_lost", "The import has no id.");
	PQclear(call.result);
	return import->batch_id != NULL;
}

static bool
check_body_kind(CrmRequest *request, CrmReply *reply, const char *format)
{
	if (request->content_encoding[0] != '\0' && strcmp(request->content_encoding, "identity") != 0)
	{
		crm_problem_simple(request, reply, 415, "encoding_unknown",
						   "The body must not be compressed.");
		return false;
	}
	if (strcmp(format, "csv") != 0 && strcmp(format, "ndjson") != 0)
	{
		crm_problem_simple(request, reply, 415, "media_type_unknown",
						   "The body must be text/csv or application/x-ndjson, "
						   "or the query must say format=csv or format=ndjson.");
		reply->accept_post = "text/csv, application/x-ndjson";
		return false;
	}
	return true;
}

void
crm_bulk_import(CrmRequest *request, CrmReply *reply)
{
	Import		import = {.request = request, .reply = reply};
	const char *format = format_of(request);
	CrmProblem	problem;

	if (!check_body_kind(request, reply, format))
		return;
	if (!crm_credential_collect(request, false, &import.credential, &problem))
	{
		crm_problem_reply(request, reply, &problem);
		return;
	}
	if (!crm_bind_idempotency_key(request, &import.key, &problem))
	{
		crm_problem_reply(request, reply, &problem);
		return;
	}
	if (!begin_batch(&import, format))
		return;
	if (import.key != NULL && ((import.digest = EVP_MD_CTX_new()) == NULL || !EVP_DigestInit_ex(import.digest, EVP_sha256(), NULL)))
	{
		crm_problem_simple(request, reply, 503, "out_of_memory", "No memory; try again.");
		abort_batch(&import);
		EVP_MD_CTX_free(import.digest);
		return;
	}
	if (!crm_cutter_init(&import.cutter, strcmp(format, "csv") == 0, ','))
	{
		crm_problem_simple(request, reply, 503, "out_of_memory", "No memory; try again.");
		abort_batch(&import);
		return;
	}
	crm_arena_init(&import.call_arena);
	crm_request_allow_silence(request, crm_dispatch_config()->io_timeout_s);
	if (stream_body(&import))
		commit_batch(&import);
	else
		abort_batch(&import);
	crm_request_allow_silence(request, CRM_REQUEST_SILENCE_S);
	crm_arena_free(&import.call_arena);
	crm_cutter_free(&import.cutter);
	EVP_MD_CTX_free(import.digest);
}
